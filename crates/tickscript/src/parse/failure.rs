//! What the grammar found wrong, in the words of a script's author.

use pest::error::{ErrorVariant, InputLocation};

use super::Rule;
use crate::error::ParseError;
use crate::{Span, expected};

/// pest's error in the words of a script's author.
pub(super) fn explain(text: &str, error: pest::error::Error<Rule>) -> Box<ParseError> {
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    Box::new(match error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            let mut words: Vec<&str> = Vec::new();
            for word in positives.into_iter().filter_map(in_words) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            if words.contains(&"a value") {
                let kinds = ["a string", expected::REFERENCE, "a name", "\"*\""];
                words.retain(|word| !kinds.contains(word));
            }
            expected::unexpected(text, at, &words)
        }
        ErrorVariant::CustomError { message } => ParseError::new(text, Span::new(at, at), message),
    })
}

/// What a rule stands for in a message.
fn in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::script | Rule::statement | Rule::statement_ahead | Rule::variable => "a statement",
        Rule::lambda_text | Rule::expression | Rule::operation | Rule::lambda | Rule::value_ahead => "a value",
        Rule::signed | Rule::signed_pattern | Rule::call | Rule::function | Rule::paren | Rule::sign => "a value",
        Rule::number | Rule::duration | Rule::boolean | Rule::regex => "a value",
        Rule::dbrp => "a statement",
        Rule::list | Rule::string => "a string",
        Rule::reference => expected::REFERENCE,
        Rule::star => "\"*\"",
        Rule::name => "a name",
        Rule::arguments | Rule::operands => "\"(\"",
        Rule::link | Rule::pipe | Rule::at => expected::LINK,
        Rule::dot => "\".\"",
        Rule::equality | Rule::relation | Rule::sum | Rule::product | Rule::dash => "an operator",
        Rule::matching | Rule::and | Rule::or => "an operator",
        Rule::assign => "\"=\"",
        Rule::comma => "\",\"",
        Rule::close => "\")\"",
        Rule::list_end => "\"]\"",
        Rule::EOI => "the end of the script",
        _ => return None,
    })
}
