//! All that is wrong with a script's text, not only the first: what does not parse is passed over, and the rest is read.
//!
//! A script falls into pieces: what a statement starts with, and each link of its chain. The piece that an error is about
//! is replaced by spaces, so that all other places stay what they are, and the script is parsed again.

use crate::ast::Script;
use crate::error::ParseError;
use crate::nesting::{After, Scan};
use crate::{Span, parse};

/// A script as far as it could be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Recovered {
    /// Its places are those of the text.
    pub script: Script,
    /// In the order of the text.
    pub errors: Vec<ParseError>,
    /// What the tree does not have, in the order of the text.
    pub damages: Vec<Damage>,
}

/// A part of the text that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    pub span: Span,
    pub kind: DamageKind,
    /// The node, property or variable that it would have been, if that could be told.
    pub name: Option<String>,
}

/// What a damaged part would have been.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// `.name(..)`
    Property,
    /// `|name(..)` or `@name(..)`
    Node,
    /// What a statement starts with. The tree has a name in its place.
    Head,
    /// A whole statement.
    Statement,
}

/// The most errors that are looked for in one script.
const MOST: usize = 20;
/// Above this many bytes only the first error is looked for: each further one parses the script once more.
const LONGEST: usize = 1 << 20;

/// The tree of a script in either dialect, and all errors. Without errors it is what [`parse`](crate::parse) gives.
pub fn parse_recovering(text: &str) -> Recovered {
    let mut found = Recovered { script: Script::default(), errors: Vec::new(), damages: Vec::new() };
    let mut work = text.to_string();
    while found.errors.len() < MOST {
        let error = match parse(&work) {
            Ok(script) => {
                found.script = script;
                found.errors.sort_by_key(|error| error.span.start);
                found.damages.sort_by_key(|damage| damage.span.start);
                return found;
            }
            Err(error) => error,
        };
        let error = error.at_its_cause(&work);
        let Some((damage, mended)) = mend(&work, &error) else {
            found.errors.push(error);
            break;
        };
        let error = of_open_bracket(&work, error, damage.span);
        work = mended;
        // What lies inside of what was passed over before is no news.
        let is_news = !found
            .damages
            .iter()
            .any(|known| known.span.start <= damage.span.start && damage.span.end <= known.span.end);
        if is_news || found.errors.is_empty() {
            found.errors.push(error);
        }
        found.damages.push(damage);
        if text.len() > LONGEST {
            break;
        }
    }
    found.errors.sort_by_key(|error| error.span.start);
    found.damages = vec![Damage { span: Span::new(0, text.len()), kind: DamageKind::Statement, name: None }];
    found
}

/// A piece of a script, from its first byte to the start of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    start: usize,
    end: usize,
    /// Else it is a link of a chain.
    is_head: bool,
}

/// Replaces the piece that an error is about; nothing if that would change nothing.
fn mend(text: &str, error: &ParseError) -> Option<(Damage, String)> {
    let pieces = pieces(text);
    let at = error.span.start as usize;
    let mut index = pieces.iter().rposition(|piece| piece.start <= at)?;
    // What cannot stand at the start of a piece tells that the piece before it has no end.
    let is_start = text[pieces[index].start..at].trim().is_empty()
        && !(pieces[index].is_head && text[at..].starts_with(['|', '@']));
    if is_start && index > 0 && error.message.starts_with("unexpected") {
        index -= 1;
    }
    let piece = pieces[index];
    let damaged = damage(text, piece);
    let mended = match piece.is_head {
        true => head_replaced(text, piece),
        false if index > 0 => Some(blanked(text, piece.start, piece.end)),
        false => None,
    };
    match mended.filter(|mended| mended != text) {
        Some(mended) => Some((damaged, mended)),
        None => {
            let start = pieces[..=index].iter().rev().find(|piece| piece.is_head).map_or(0, |head| head.start);
            let end = pieces[index + 1..].iter().find(|piece| piece.is_head).map_or(text.len(), |next| next.start);
            let mended = blanked(text, start, end);
            let span = Span::new(start, end);
            (mended != text).then_some((Damage { span, kind: DamageKind::Statement, name: damaged.name }, mended))
        }
    }
}

/// An error at or behind the end of a piece whose bracket was never closed is about that bracket.
fn of_open_bracket(text: &str, error: ParseError, piece: Span) -> ParseError {
    let wants_close = error.expected.iter().any(|word| word == "\")\"" || word == "\"]\"");
    if error.span.start < piece.end || !wants_close {
        return error;
    }
    let Some(open) = last_open(&text[piece.start as usize..piece.end as usize]) else { return error };
    let at = piece.start as usize + open;
    let found = match error.span.start as usize {
        end if end >= text.trim_end().len() => "the script ends here".to_string(),
        _ => "here something else starts".to_string(),
    };
    ParseError::new(text, Span::new(at, at + 1), "this bracket is never closed").related_to(error.span, found)
}

/// The innermost bracket that is open at the end of a text.
fn last_open(text: &str) -> Option<usize> {
    let mut open = Vec::new();
    let mut scan = Scan::new(text);
    loop {
        scan.skip_spaces(char::is_whitespace);
        let at = scan.at;
        match scan.token()? {
            b'(' | b'[' => open.push(at),
            b')' | b']' => drop(open.pop()),
            _ => {}
        }
        if text[scan.at.min(text.len())..].trim().is_empty() {
            return open.pop();
        }
    }
}

fn damage(text: &str, piece: Piece) -> Damage {
    let shown = &text[piece.start..piece.end];
    let span = Span::new(piece.start, piece.start + shown.trim_end().len());
    let (kind, name) = match shown.chars().next() {
        _ if piece.is_head => (DamageKind::Head, shown.strip_prefix("var ").map(word)),
        Some('.') => (DamageKind::Property, Some(word(&shown[1..]))),
        _ => (DamageKind::Node, Some(word(shown.trim_start_matches(['|', '@'])))),
    };
    Damage { span, kind, name: name.filter(|name| !name.is_empty()).map(str::to_string) }
}

/// The word that a text starts with.
fn word(text: &str) -> &str {
    let text = text.trim_start();
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    &text[..end]
}

/// With spaces in place of everything but line ends.
fn blanked(text: &str, start: usize, end: usize) -> String {
    let blank = text[start..end].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' });
    text[..start].chars().chain(blank).chain(text[end..].chars()).collect()
}

/// With a name in place of what a statement starts with; nothing if there is no room for one.
fn head_replaced(text: &str, piece: Piece) -> Option<String> {
    let head = &text[piece.start..piece.end];
    let value = match word(head) {
        "dbrp" => return None,
        "var" => head.find('=').map(|equals| equals + 1)?,
        _ => 0,
    };
    let value = piece.start + value + (head[value..].len() - head[value..].trim_start().len());
    let first = text[value..piece.end].chars().next()?;
    let mut mended = blanked(text, value, piece.end);
    mended.replace_range(value..value + 1, "v");
    (!first.is_whitespace()).then_some(mended)
}

/// The pieces of a script that may be broken: brackets and quotes that are not closed end with their piece.
fn pieces(text: &str) -> Vec<Piece> {
    let mut starts: Vec<(usize, bool)> = Vec::new();
    let mut scan = Scan::new(text);
    let mut depth = 0usize;
    let mut line_end_before = true;
    loop {
        let before = scan.at;
        scan.skip_spaces(char::is_whitespace);
        let opens_line = line_end_before || text[before.min(scan.at)..scan.at].contains('\n');
        let start = scan.at;
        let Some(first) = scan.token() else { break };
        line_end_before = false;
        let is_link = match first {
            b'|' | b'@' => true,
            b'.' => text[start + 1..].starts_with(|c: char| c.is_alphabetic()),
            _ => false,
        };
        let is_comment = text[start..].starts_with("//");
        let opens_statement = !is_comment && (starts.is_empty() || (opens_line && opens_statement(text, start)));
        if opens_statement && !is_link || (is_link && (depth == 0 || opens_line)) {
            // `||` is one link that is wrong.
            if !(is_link && starts.last().is_some_and(|last| last.0 + 1 == start && !last.1)) {
                starts.push((start, !is_link));
            }
            depth = 0;
        }
        match first {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b'\'' | b'"' | b'/' if !is_comment && !is_whole(text, start, scan.at) => {
                scan.at = text[start..].find('\n').map_or(text.len(), |end| start + end);
                scan.after = After::Other;
            }
            _ => {}
        }
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|start| start.0).chain([text.len()]).collect();
    starts.into_iter().zip(ends).map(|((start, is_head), end)| Piece { start, end, is_head }).collect()
}

/// Whether a quoted text stays on its line, or is in triple quotes that are closed.
fn is_whole(text: &str, start: usize, end: usize) -> bool {
    let quoted = &text[start..end];
    match quoted.strip_prefix("'''") {
        Some(inner) => inner.ends_with("'''"),
        None => !quoted.contains('\n'),
    }
}

/// Whether the first word of a line starts a statement, as far as that can be told.
fn opens_statement(text: &str, start: usize) -> bool {
    let at_margin = start == 0 || text[..start].ends_with('\n');
    match word(&text[start..]) {
        "var" | "dbrp" | "stream" | "batch" => true,
        "" | "AND" | "OR" | "TRUE" | "FALSE" | "lambda" => false,
        word => at_margin && word.starts_with(char::is_alphabetic),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format;

    /// The messages, and what is left of the script.
    fn read(text: &str) -> (Vec<String>, String) {
        let found = parse_recovering(text);
        let errors = found.errors.iter().map(|e| format!("{}:{} {}", e.position.line, e.position.char, e.message));
        (errors.collect(), format(&found.script).split_whitespace().collect::<Vec<_>>().join(" "))
    }

    #[test]
    fn links_are_passed_over_one_by_one() {
        let (errors, rest) = read(
            "stream\n    |from()\n        .measurement('cpu'\n        .groupBy('host')\n    |eval(lambda: \"a\" and 1)\n        .as('x')\n    |alert()",
        );
        assert_eq!(errors, ["3:21 this bracket is never closed", "5:23 unexpected identifier \"and\""]);
        assert_eq!(rest, "stream |from() .groupBy('host') .as('x') |alert()");
    }

    #[test]
    fn statements_keep_their_links() {
        let (errors, rest) = read("var a = 1 +\nvar b = 'x\nvar c = (2\nvar d = 3\nstream|from()");
        assert_eq!(errors.len(), 3, "{errors:?}");
        assert_eq!(rest, "var a = v var b = v var c = v var d = 3 stream |from()");
    }

    #[test]
    fn a_quote_that_is_missing_is_found_where_it_opens() {
        let (errors, rest) =
            read("stream\n    |from()\n        .measurement('cpu)\n        .groupBy('host')\n    |log()");
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert!(errors[0].starts_with("3:22 "), "{errors:?}");
        assert_eq!(rest, "stream |from() .groupBy('host') |log()");
    }

    #[test]
    fn what_has_no_head_is_one_error() {
        let (errors, rest) = read("|from()|window()\nvar x = 1");
        assert_eq!((errors.len(), rest.as_str()), (1, "var x = 1"), "{errors:?}");
        assert_eq!(read("stream||from()\n|log()").0.len(), 1);
    }

    #[test]
    fn a_right_script_is_the_same_tree() {
        let text = "// c\nvar a = '''\n|not() 'a link\n'''\nstream|from().measurement(a)\n";
        let found = parse_recovering(text);
        assert_eq!((found.script, found.errors.len()), (parse(text).unwrap(), 0));
    }

    #[test]
    fn whatever_is_wrong_it_ends() {
        for text in [
            "",
            "'",
            "\"",
            "/",
            "var",
            "var a",
            "(((",
            ")))",
            "|",
            "a|",
            "é|ü('",
            "dbrp \"a\"",
            "\u{feff}stream",
            "'''",
            "{}",
        ] {
            let found = parse_recovering(text);
            assert_eq!(found.errors.is_empty(), parse(text).is_ok(), "{text}");
        }
        assert!(parse_recovering(&"stream|from(\n".repeat(500)).errors.len() <= MOST);
    }
}
