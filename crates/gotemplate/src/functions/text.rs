//! `html`, `js` and `urlquery`: text made safe for its surroundings.
use std::borrow::Cow;
use std::fmt::Write;

use crate::formatter::write_plain;
use crate::gofmt;
use crate::limits;
use crate::printf;
use crate::val::Val;
use crate::value::{Kind, Value};

/// The text of arguments as `print` gives it, except that nothing reads `<no value>`.
pub(super) fn eval<'v>(arguments: &'v [Val<'_>]) -> Result<Cow<'v, str>, String> {
    if let [Val::Ref(Value::String(text)) | Val::Boxed(Value::String(text))] = arguments {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::new();
    if arguments.iter().all(|argument| !matches!(argument.value(), Value::Nil)) {
        printf::print(arguments, &mut out)?;
        return Ok(Cow::Owned(out));
    }
    let mut after_string = true;
    for (index, argument) in arguments.iter().enumerate() {
        let is_nil = matches!(argument.value(), Value::Nil);
        let is_string = is_nil || argument.value().kind() == Kind::String;
        if index > 0 && !is_string && !after_string {
            out.push(' ');
        }
        if is_nil {
            out.push_str("<no value>")
        } else {
            write_plain(argument.value(), &mut out)
        }
        limits::check_output(out.len())?;
        after_string = is_string;
    }
    Ok(Cow::Owned(out))
}

/// Appends the text with the characters that mean something in HTML escaped.
pub(super) fn html(text: &str, out: &mut String) {
    for next in text.chars() {
        match next {
            '\0' => out.push('\u{fffd}'),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            _ => out.push(next),
        }
    }
}

/// Appends the text as the inside of a JavaScript string.
pub(super) fn js(text: &str, out: &mut String) {
    for next in text.chars() {
        match next {
            '\\' => out.push_str("\\\\"),
            '\'' => out.push_str("\\'"),
            '"' => out.push_str("\\\""),
            '<' | '>' | '&' | '=' | '\0'..='\x1f' => write_code(next, out),
            _ if next.is_ascii() || gofmt::is_printable(next) => out.push(next),
            _ => write_code(next, out),
        }
    }
}

fn write_code(character: char, out: &mut String) {
    let _ = write!(out, "\\u{:04X}", u32::from(character));
}

/// Appends the text as part of the query of a URL.
pub(super) fn url_query(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}
