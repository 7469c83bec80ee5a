//! Scripts: strings, regular expressions, template literals and comments, and what a slash means.
use super::context::{Context, Slash, State};
use super::tags::{find_any, shown};
use super::transition::{Step, with_state};

/// Plain script text up to the next literal or comment.
pub(super) fn step(context: &Context, text: &[u8]) -> Step {
    let Some(at) = find_any(text, b"\"`'/{}<-#") else {
        let slash = slash_after(text, context.slash);
        return Ok((Context { slash, ..context.clone() }, text.len()));
    };
    let mut next = context.clone();
    next.slash = slash_after(&text[..at], context.slash);
    let rest = &text[at..];
    let mut length = 1;
    match rest[0] {
        b'"' => (next.state, next.slash) = (State::JsDoubleQuoted, Slash::Regexp),
        b'\'' => (next.state, next.slash) = (State::JsSingleQuoted, Slash::Regexp),
        b'`' => (next.state, next.slash) = (State::JsTemplate, Slash::Regexp),
        b'/' if rest.starts_with(b"//") => (next.state, length) = (State::JsLineComment, 2),
        b'/' if rest.starts_with(b"/*") => (next.state, length) = (State::JsBlockComment, 2),
        b'/' => match next.slash {
            Slash::Regexp => next.state = State::JsRegexp,
            Slash::Division => next.slash = Slash::Regexp,
            Slash::Unknown => return Err(format!("'/' could start a division or regexp: {}", shown(rest))),
        },
        b'<' if rest.starts_with(b"<!--") => (next.state, length) = (State::JsHtmlOpenComment, 4),
        b'-' if rest.starts_with(b"-->") => (next.state, length) = (State::JsHtmlCloseComment, 3),
        b'#' if rest.starts_with(b"#!") => (next.state, length) = (State::JsLineComment, 2),
        b'{' => {
            next.slash = slash_after(b"{", next.slash);
            if let Some(open) = next.braces.last_mut() {
                *open = open.saturating_add(1);
            }
        }
        b'}' => close_brace(&mut next),
        _ => {}
    }
    Ok((next, at + length))
}

/// A closing brace may end the `${` of a template literal.
fn close_brace(context: &mut Context) {
    match context.braces.last_mut() {
        Some(open) if *open == 0 => {
            context.braces.pop();
            context.state = State::JsTemplate;
        }
        Some(open) => {
            *open -= 1;
            context.slash = slash_after(b"}", context.slash);
        }
        None => context.slash = slash_after(b"}", context.slash),
    }
}

/// A template literal up to its end or a `${`.
pub(super) fn template_step(context: &Context, text: &[u8]) -> Step {
    let mut from = 0;
    while let Some(offset) = find_any(&text[from..], b"`\\$") {
        let at = from + offset;
        from = at + 1;
        match text[at] {
            b'\\' if from == text.len() => return Err(unfinished_escape(text)),
            b'\\' => from += 1,
            b'$' if text.get(from) == Some(&b'{') => {
                let mut next = with_state(context, State::Js);
                next.braces.push(0);
                return Ok((next, at + 2));
            }
            b'`' => return Ok((with_state(context, State::Js), at + 1)),
            _ => {}
        }
    }
    Ok((context.clone(), text.len()))
}

fn unfinished_escape(text: &[u8]) -> String {
    format!("unfinished escape sequence in JS string: {}", shown(text))
}

/// A string or regular expression up to its end.
pub(super) fn literal_step(context: &Context, text: &[u8]) -> Step {
    let specials: &[u8] = match context.state {
        State::JsSingleQuoted => b"\\'",
        State::JsRegexp => b"\\/[]",
        _ => b"\\\"",
    };
    let (mut from, mut in_set) = (0, false);
    while let Some(offset) = find_any(&text[from..], specials) {
        let at = from + offset;
        from = at + 1;
        match text[at] {
            b'\\' if from == text.len() => return Err(unfinished_escape(text)),
            b'\\' => from += 1,
            b'[' => in_set = true,
            b']' => in_set = false,
            // An end tag in a regular expression gets escaped, and so ends nothing.
            b'/' if at > 0 && text[at - 1..].get(..8).is_some_and(|end| end.eq_ignore_ascii_case(b"</script")) => {
                from += 1;
            }
            _ if !in_set => {
                let ended = Context { slash: Slash::Division, ..with_state(context, State::Js) };
                return Ok((ended, at + 1));
            }
            _ => {}
        }
    }
    if in_set {
        return Err(format!("unfinished JS regexp charset: {}", shown(text)));
    }
    Ok((context.clone(), text.len()))
}

/// The place of the first end of a line in a script.
pub(super) fn line_end(text: &[u8]) -> Option<usize> {
    let is_end = |at: usize| {
        matches!(text[at], b'\n' | b'\r')
            || text[at..].starts_with("\u{2028}".as_bytes())
            || text[at..].starts_with("\u{2029}".as_bytes())
    };
    (0..text.len()).find(|&at| is_end(at))
}

const SPACES: [char; 25] = [
    '\x0c', '\n', '\r', '\t', '\x0b', ' ', '\u{a0}', '\u{1680}', '\u{2000}', '\u{2001}', '\u{2002}', '\u{2003}',
    '\u{2004}', '\u{2005}', '\u{2006}', '\u{2007}', '\u{2008}', '\u{2009}', '\u{200a}', '\u{2028}', '\u{2029}',
    '\u{202f}', '\u{205f}', '\u{3000}', '\u{feff}',
];
const BEFORE_REGEXP: [&[u8]; 14] = [
    b"break",
    b"case",
    b"continue",
    b"delete",
    b"do",
    b"else",
    b"finally",
    b"in",
    b"instanceof",
    b"return",
    b"throw",
    b"try",
    b"typeof",
    b"void",
];

/// What a slash would mean after the text: a division after a value, else a regular expression.
pub(super) fn slash_after(text: &[u8], before: Slash) -> Slash {
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end_matches(SPACES).as_bytes();
    let Some(&last) = text.last() else { return before };
    match last {
        b'+' | b'-' => {
            // `x++ /` divides, `x + /` does not.
            let run = text.iter().rev().take_while(|byte| **byte == last).count();
            if run % 2 == 1 { Slash::Regexp } else { Slash::Division }
        }
        b'.' => {
            let after_digit = text.len() > 1 && text[text.len() - 2].is_ascii_digit();
            if after_digit { Slash::Division } else { Slash::Regexp }
        }
        b',' | b'<' | b'>' | b'=' | b'*' | b'%' | b'&' | b'|' | b'^' | b'?' | b'!' | b'~' | b'(' | b'[' | b':'
        | b';' | b'{' | b'}' => Slash::Regexp,
        _ => {
            let word = text.iter().rev().take_while(|byte| is_identifier(**byte)).count();
            let word = &text[text.len() - word..];
            if BEFORE_REGEXP.contains(&word) { Slash::Regexp } else { Slash::Division }
        }
    }
}

pub(super) fn is_identifier(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'$' | b'_')
}

const TYPES: [&str; 19] = [
    "application/ecmascript",
    "application/javascript",
    "application/json",
    "application/ld+json",
    "application/x-ecmascript",
    "application/x-javascript",
    "module",
    "text/ecmascript",
    "text/javascript",
    "text/javascript1.0",
    "text/javascript1.1",
    "text/javascript1.2",
    "text/javascript1.3",
    "text/javascript1.4",
    "text/javascript1.5",
    "text/jscript",
    "text/livescript",
    "text/x-ecmascript",
    "text/x-javascript",
];

/// Whether a `<script>` of that type holds a script.
pub(super) fn is_script_type(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default().to_lowercase();
    let kind = kind.trim();
    kind.is_empty() || TYPES.contains(&kind)
}

#[cfg(test)]
mod tests {
    use super::{Slash, slash_after};

    #[test]
    fn slashes_divide_after_values_only() {
        for (text, slash) in [
            ("x", Slash::Division),
            ("x++", Slash::Division),
            ("x +", Slash::Regexp),
            ("return ", Slash::Regexp),
            ("1.", Slash::Division),
            ("a = ", Slash::Regexp),
            (")", Slash::Division),
            ("  ", Slash::Unknown),
        ] {
            assert_eq!(slash_after(text.as_bytes(), Slash::Unknown), slash, "{text}");
        }
    }
}
