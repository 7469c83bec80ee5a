//! Text in double quotes with Go's escapes, and which characters Go takes for printable.
use std::fmt::Write;

/// The text in double quotes, as `%q` prints it.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_quoted(text, false, &mut out);
    out
}

/// Whether Go prints this character as itself in quoted text: letters, marks, numbers, punctuation, symbols and the plain space.
pub fn is_printable(character: char) -> bool {
    if character.is_ascii() {
        return matches!(character, ' '..='~');
    }
    // The standard library knows printable characters only inside its debug escapes, and there escapes a combining
    // mark at the beginning of a text; so look at the second place.
    let mut buffer = [b'a'; 5];
    let end = 1 + character.encode_utf8(&mut buffer[1..]).len();
    let pair = std::str::from_utf8(&buffer[..end]).expect("an ASCII letter and one encoded character are UTF-8");
    pair.escape_debug().nth(1) == Some(character)
}

/// Appends the text in double quotes; with `ascii` everything beyond ASCII is escaped too.
pub(crate) fn write_quoted(text: &str, ascii: bool, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        write_escaped(character, '"', ascii, out);
    }
    out.push('"');
}

/// Appends the character in single quotes.
pub(crate) fn quote_char(character: char, ascii: bool, out: &mut String) {
    out.push('\'');
    write_escaped(character, '\'', ascii, out);
    out.push('\'');
}

fn write_escaped(character: char, mark: char, ascii: bool, out: &mut String) {
    match character {
        '\x07' => out.push_str("\\a"),
        '\x08' => out.push_str("\\b"),
        '\x0c' => out.push_str("\\f"),
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        '\x0b' => out.push_str("\\v"),
        _ if character == mark || character == '\\' => {
            out.push('\\');
            out.push(character);
        }
        _ if is_printable(character) && (!ascii || character.is_ascii()) => out.push(character),
        '\0'..='\x1f' | '\x7f' => {
            let _ = write!(out, "\\x{:02x}", u32::from(character));
        }
        '\u{80}'..='\u{ffff}' => {
            let _ = write!(out, "\\u{:04x}", u32::from(character));
        }
        _ => {
            let _ = write!(out, "\\U{:08x}", u32::from(character));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::quote;

    #[test]
    fn quoted_text_is_escaped_as_in_go() {
        for (text, quoted) in [
            ("a\"b\\", r#""a\"b\\""#),
            ("tab\tnl\n\x01\x7f", r#""tab\tnl\n\x01\x7f""#),
            ("käse ☃ 😀", "\"käse ☃ 😀\""),
            ("\u{a0}\u{200b}\u{200c}\u{ad}\u{feff}", r#""\u00a0\u200b\u200c\u00ad\ufeff""#),
            ("e\u{301}\u{301}", "\"e\u{301}\u{301}\""),
            ("\u{301}", "\"\u{301}\""),
            ("\u{e0001}", r#""\U000e0001""#),
        ] {
            assert_eq!(quote(text), quoted);
        }
    }
}
