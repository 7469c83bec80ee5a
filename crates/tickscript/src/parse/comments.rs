//! Comments: blocks of lines, found by the token that follows them.

use std::collections::HashMap;

use pest::iterators::Pair;

use super::Rule;
use crate::Span;
use crate::ast::Comment;

/// All comments, each block under the start of the token that follows it.
pub(super) fn by_next_token(text: &str, root: Pair<'_, Rule>) -> HashMap<usize, Vec<Comment>> {
    let mut found: HashMap<usize, Vec<Comment>> = HashMap::new();
    let mut block: Vec<Comment> = Vec::new();
    for pair in root.into_inner().flatten().filter(|pair| pair.as_rule() == Rule::comment) {
        let at = pair.as_span();
        if !block.is_empty() {
            block.push(Comment::blank_line(at.start() as u32));
        }
        block.extend(comment_lines(at.start(), at.as_str()));
        let rest = text[at.end()..].trim_start();
        // A block that another block follows waits for that block's token.
        if !rest.starts_with("//") {
            found.insert(text.len() - rest.len(), std::mem::take(&mut block));
        }
    }
    found
}

/// The lines of one block of comments that starts at byte `start`.
fn comment_lines(start: usize, block: &str) -> impl Iterator<Item = Comment> {
    let mut at = start;
    block.split('\n').filter_map(move |line| {
        let begin = at + (line.len() - line.trim_start().len());
        at += line.len() + 1;
        let line = line.trim();
        let text = line.strip_prefix("//").unwrap_or(line);
        let comment = Comment {
            span: Span::new(begin, begin + line.len()),
            text: text.strip_prefix(' ').unwrap_or(text).to_string(),
        };
        (!line.is_empty()).then_some(comment)
    })
}
