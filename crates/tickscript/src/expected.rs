//! The words for a token that does not fit, and the hint that usually helps.

use crate::Span;
use crate::error::ParseError;

/// As it stands among what was expected.
pub(crate) const REFERENCE: &str = "a reference in double quotes";
pub(crate) const LINK: &str = "\"|\" or \".\"";

/// The error for what stands at byte `at`, where only `expected` could stand.
pub(crate) fn unexpected(text: &str, at: usize, expected: &[&str]) -> ParseError {
    // `!=` and `!~` are one token to the reader, also where only the first half could stand.
    let halved = text[..at].ends_with('!') && text[at..].starts_with(['=', '~']);
    let at = if halved { at - 1 } else { at };
    let rest = &text[at..];
    let (name, len) = describe(rest, at > 0 && ends_operand(&text[..at]));
    let span = Span::new(at, at + len);
    // A token that is broken in itself would fit nowhere.
    if name.starts_with("unterminated") {
        let hint =
            if text[..at].ends_with('*') { COMMENTS } else { "it ends with the quote or slash that it starts with" };
        return ParseError::new(text, span, name).hinting(hint);
    }
    if name.starts_with("multiple") {
        return ParseError::new(text, span, name);
    }
    let mut error = ParseError::new(text, span, format!("unexpected {name}"))
        .expecting(expected.iter().map(|word| word.to_string()));
    error.hint = hint(text, at, expected).map(str::to_string);
    error
}

/// Whether `/` would divide here.
fn ends_operand(before: &str) -> bool {
    before.trim_end().ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | ')' | '"' | '\''))
}

/// What the token at the start of `rest` is, and its length.
fn describe(rest: &str, after_operand: bool) -> (String, usize) {
    let Some(first) = rest.chars().next() else { return ("EOF".to_string(), 0) };
    if first.is_alphabetic() {
        let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let word = &rest[..len];
        return match word {
            _ if KEYWORDS.contains(&word) => (word.to_string(), len),
            "lambda" if rest[len..].starts_with(':') => ("lambda".to_string(), len + 1),
            _ => (format!("identifier \"{word}\""), len),
        };
    }
    if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
        return number(rest);
    }
    match first {
        '\'' | '"' => quoted(rest, first),
        '/' if !after_operand => match closing(&rest[1..], "/", true) {
            Some(len) => ("regex".to_string(), len + 1),
            None => ("unterminated regex".to_string(), first_line(rest)),
        },
        _ => {
            let symbol = ["==", "!=", "=~", "!~", "<=", ">=", "&&", "||"].into_iter().find(|s| rest.starts_with(s));
            match symbol {
                Some(symbol) => (format!("\"{symbol}\""), symbol.len()),
                None if first.is_ascii_graphic() => (format!("\"{first}\""), 1),
                None => (format!("character {first:?}"), first.len_utf8()),
            }
        }
    }
}

fn number(rest: &str) -> (String, usize) {
    let len = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
    let name = if rest[..len].matches('.').count() > 1 {
        "multiple decimals in number"
    } else if rest[len..].starts_with(['u', 'µ', 'm', 's', 'h', 'd', 'w']) {
        "duration"
    } else {
        "number"
    };
    (name.to_string(), len)
}

fn quoted(rest: &str, quote: char) -> (String, usize) {
    let name = if quote == '"' { "reference" } else { "string" };
    let length = match rest.strip_prefix("'''") {
        Some(inner) => closing(inner, "'''", false).map(|len| len + 3),
        None => closing(&rest[1..], if quote == '"' { "\"" } else { "'" }, true).map(|len| len + 1),
    };
    match length {
        Some(len) => (name.to_string(), len),
        None => (format!("unterminated {name}"), first_line(rest)),
    }
}

/// The length of `inner` up to and with its closing quote.
fn closing(inner: &str, quote: &str, escapes: bool) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = inner[from..].find(quote) {
        let end = from + found + quote.len();
        if !(escapes && inner[..from + found].ends_with('\\')) {
            return Some(end);
        }
        from = end;
    }
    None
}

fn first_line(rest: &str) -> usize {
    rest.find('\n').unwrap_or(rest.len())
}

/// The units of durations.
const UNITS: [&str; 8] = ["u", "µ", "ms", "s", "m", "h", "d", "w"];

const QUOTES: &str = "inside of a string write \\' for a quote, or use '''triple quotes'''";
const COMMENTS: &str = "comments start with //";

const KEYWORDS: [&str; 6] = ["AND", "OR", "TRUE", "FALSE", "var", "dbrp"];

/// What people who write this usually mean.
fn hint(text: &str, at: usize, expected: &[&str]) -> Option<&'static str> {
    let (before, rest) = text.split_at(at);
    let word = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or("");
    let wants = |word: &str| expected.contains(&word);
    Some(match rest.chars().next() {
        Some(_) if follows_long_string(before) => "the string before it spans lines: is its quote in the right place?",
        Some('/') if rest.starts_with("/*") => COMMENTS,
        Some(_) if ends_with_word(before, "not") || ends_with_word(before, "NOT") => "write ! for \"not\"",
        Some(c) if c.is_alphabetic() && before.ends_with('\'') => QUOTES,
        None if wants("\")\"") => "a bracket is still open",
        None if wants("\"]\"") => "a list is still open",
        None => "the script ends in the middle of a statement",
        Some('\'') if before.ends_with('\'') => QUOTES,
        Some(_) if expected == [REFERENCE] => "a database and its retention policy stand in double quotes",
        Some('/') if before.trim_end().ends_with("lambda:") => "a regex stands on the right of =~ or !~",
        Some(':') if rest.starts_with(":=") => "write var name = value",
        Some('"' | '\'') if before.trim_end().ends_with("lambda") => "write lambda: with a colon",
        Some('=') if rest.starts_with("==") && wants("\"=\"") => "write = to declare a variable, == to compare",
        Some('|') if before.ends_with('|') && expected == ["a name"] => "one | chains a node",
        Some('|' | '@') if wants("a statement") && before.trim().is_empty() => {
            "a pipeline starts with stream, batch or a variable"
        }
        Some('&') => "write AND for \"and\"",
        Some('|') if rest.starts_with("||") => "write OR for \"or\"",
        Some('|' | '@') if wants("a value") => "name what is chained on: stream, batch or a variable",
        Some('=') if wants("a statement") => "write var name = value to declare, == to compare",
        Some('=') if wants("an operator") => "write == to compare, var name = value to declare",
        Some('!') if wants("an operator") => "the operators are != and !~, without a space inside",
        Some('#') => COMMENTS,
        Some('+' | '*' | '/' | '%' | '<' | '>' | '=') if follows_comment(before) => {
            "an operator stands before the comment, at the end of the line above"
        }
        Some('+' | '*' | '/' | '%' | '<' | '>') if wants(LINK) && !wants("an operator") => {
            "a pipeline takes no operators"
        }
        Some('+') if wants("a value") => "a number has no plus sign",
        Some('“' | '”' | '„' | '‘' | '’' | '`') => "quotes are ' for strings and \" for fields and tags",
        Some('\u{feff}') => "the file starts with a byte order mark: save it without",
        Some('{' | '}') => "there are no blocks in TICKscript",
        _ if wants("\",\"")
            && before.ends_with(char::is_whitespace)
            && ends_number(before)
            && UNITS.contains(&word) =>
        {
            "write the unit without a space before it: 10s"
        }
        _ if wants("\",\"")
            && !word.is_empty()
            && (before.ends_with(|c: char| c.is_ascii_digit())
                || UNITS.iter().any(|unit| ends_duration(before, unit))) =>
        {
            "units of durations are u, ms, s, m, h, d and w"
        }
        Some('"' | '\'' | '[') if wants("\",\"") => "a comma stands between arguments",
        Some(c) if c.is_ascii_digit() && wants("\",\"") => "a comma stands between arguments",
        _ if expected == ["\"(\""] => {
            "what is chained is called: write brackets behind the name, with the arguments or none"
        }
        Some(')') if wants("a statement") => "this bracket was never opened",
        Some('_') => "a name starts with a letter",
        _ if expected == ["a name"] && KEYWORDS.contains(&word) => "this is a keyword: choose another name",
        _ if word == "lambda" && wants("a value") => "a lambda stands as an argument or a variable's value, alone",
        _ => match word {
            "and" | "And" => "write AND in capital letters",
            "or" | "Or" => "write OR in capital letters",
            "not" | "NOT" => "write ! for \"not\"",
            _ => return None,
        },
    })
}

/// Whether the line before, or this one up to here, ends with a comment.
fn follows_comment(before: &str) -> bool {
    before.trim_end().lines().next_back().is_some_and(|line| line.contains("//"))
}

/// Whether a string or reference of several lines has just ended.
fn follows_long_string(before: &str) -> bool {
    long_string_before(before).is_some()
}

/// Where the string or reference of several lines starts that has just ended.
pub(crate) fn long_string_before(before: &str) -> Option<usize> {
    let quote = before.chars().next_back().filter(|quote| matches!(quote, '\'' | '"'))?;
    let inner = &before[..before.len() - 1];
    inner.rfind(quote).filter(|&start| inner[start..].contains('\n') && !inner[..start].ends_with("''"))
}

/// Whether a word has just ended, perhaps with spaces behind it.
fn ends_with_word(before: &str, word: &str) -> bool {
    let Some(rest) = before.trim_end().strip_suffix(word) else { return false };
    !rest.ends_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '"' | '\''))
}

/// Whether a number has just ended, perhaps with spaces behind it.
fn ends_number(before: &str) -> bool {
    before.trim_end().ends_with(|c: char| c.is_ascii_digit())
}

/// Whether a duration of this unit has just ended.
fn ends_duration(before: &str, unit: &str) -> bool {
    before.strip_suffix(unit).is_some_and(|number| number.ends_with(|c: char| c.is_ascii_digit()))
}
