//! Styles: strings, URLs and comments in them, escapes, and which values are harmless.
use super::context::{Context, State};
use super::tags::{find_any, shown};
use super::transition::{Step, url_step, with_state};

/// Plain style text up to the next string, URL or comment.
pub(super) fn step(context: &Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(offset) = find_any(&text[from..], b"(\"'/") {
        let at = from + offset;
        from = at + 1;
        match (text[at], text.get(from)) {
            (b'(', _) if ends_with_url(&text[..at]) => {
                let start = from + text[from..].iter().take_while(|byte| is_space(**byte)).count();
                return match text.get(start) {
                    Some(b'"') => (with_state(context, State::CssDoubleQuotedUrl), start + 1),
                    Some(b'\'') => (with_state(context, State::CssSingleQuotedUrl), start + 1),
                    _ => (with_state(context, State::CssUrl), start),
                };
            }
            (b'/', Some(b'/')) => return (with_state(context, State::CssLineComment), at + 2),
            (b'/', Some(b'*')) => return (with_state(context, State::CssBlockComment), at + 2),
            (b'"', _) => return (with_state(context, State::CssDoubleQuoted), from),
            (b'\'', _) => return (with_state(context, State::CssSingleQuoted), from),
            _ => {}
        }
    }
    (context.clone(), text.len())
}

/// A string or URL up to its end.
pub(super) fn literal_step(context: &Context, text: &[u8]) -> Step {
    let ends: &[u8] = match context.state {
        State::CssDoubleQuoted | State::CssDoubleQuotedUrl => b"\\\"",
        State::CssSingleQuoted | State::CssSingleQuotedUrl => b"\\'",
        _ => b"\\\t\n\x0c\r )",
    };
    let (mut from, mut context) = (0, context.clone());
    while let Some(offset) = find_any(&text[from..], ends) {
        let mut at = from + offset;
        if text[at] != b'\\' {
            return Ok((with_state(&context, State::Css), at + 1));
        }
        at += 1;
        if at == text.len() {
            return Err(format!("unfinished escape sequence in CSS string: {}", shown(text)));
        }
        context = url_step(&context, &decode(&text[..=at]));
        from = at + 1;
    }
    Ok((url_step(&context, &decode(&text[from..])), text.len()))
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b'\t' | b'\n' | b'\x0c' | b'\r' | b' ')
}

fn ends_with_url(text: &[u8]) -> bool {
    let trimmed = text.len() - text.iter().rev().take_while(|byte| is_space(**byte)).count();
    let Some(start) = trimmed.checked_sub(3) else { return false };
    let part_of_word = start > 0 && (is_name(text[start - 1]) || !text[start - 1].is_ascii());
    text[start..trimmed].eq_ignore_ascii_case(b"url") && !part_of_word
}

fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// The text with its escapes (`\26`, `\"`) replaced.
pub(super) fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        let digits = rest.iter().take(6).take_while(|byte| byte.is_ascii_hexdigit()).count();
        if digits > 0 {
            rest = decode_code(rest, digits, &mut out);
        } else if let Some(next) = rest.first() {
            out.push(*next);
            rest = &rest[1..];
        }
    }
    out.extend_from_slice(rest);
    out
}

/// Appends the character with that code, and gives what follows it and the space that may end it.
fn decode_code<'t>(text: &'t [u8], mut digits: usize, out: &mut Vec<u8>) -> &'t [u8] {
    let value = |digits: usize| {
        text[..digits].iter().fold(0, |code, byte| code << 4 | char::from(*byte).to_digit(16).unwrap_or(0))
    };
    if value(digits) > u32::from(char::MAX) {
        digits -= 1;
    }
    let character = char::from_u32(value(digits)).unwrap_or(char::REPLACEMENT_CHARACTER);
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
    match &text[digits..] {
        [b'\r', b'\n', rest @ ..] => rest,
        [space, rest @ ..] if is_space(*space) => rest,
        rest => rest,
    }
}

/// Appends the text as the inside of a string of a style.
pub(super) fn escape(text: &str, out: &mut String) {
    for (at, next) in text.char_indices() {
        let escape = match next {
            '\0' => "\\0",
            '\t' => "\\9",
            '\n' => "\\a",
            '\x0c' => "\\c",
            '\r' => "\\d",
            '"' => "\\22",
            '&' => "\\26",
            '\'' => "\\27",
            '(' => "\\28",
            ')' => "\\29",
            '+' => "\\2b",
            '/' => "\\2f",
            ':' => "\\3a",
            ';' => "\\3b",
            '<' => "\\3c",
            '>' => "\\3e",
            '\\' => "\\\\",
            '{' => "\\7b",
            '}' => "\\7d",
            _ => {
                out.push(next);
                continue;
            }
        };
        out.push_str(escape);
        // A code must not run into what follows.
        let following = text.as_bytes().get(at + 1);
        if escape != "\\\\" && following.is_none_or(|byte| byte.is_ascii_hexdigit() || is_space(*byte)) {
            out.push(' ');
        }
    }
}

/// The text if it is harmless as a value: numbers, colours, words, but nothing that could run or close anything.
pub(super) fn filtered_value(text: &str) -> Option<String> {
    let decoded = decode(text.as_bytes());
    let mut word = Vec::with_capacity(decoded.len());
    for (at, byte) in decoded.iter().enumerate() {
        match byte {
            b'\0' | b'"' | b'\'' | b'(' | b')' | b'/' | b';' | b'@' | b'[' | b'\\' | b']' | b'`' | b'{' | b'}'
            | b'<' | b'>' => return None,
            b'-' if at > 0 && decoded[at - 1] == b'-' => return None,
            b'-' => {}
            _ if is_name(*byte) => word.push(byte.to_ascii_lowercase()),
            _ => {}
        }
    }
    let word = String::from_utf8_lossy(&word);
    let runs = word.contains("expression") || word.contains("mozbinding");
    (!runs).then(|| String::from_utf8_lossy(&decoded).into_owned())
}
