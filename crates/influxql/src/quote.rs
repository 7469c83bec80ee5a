//! Names and strings as InfluxQL writes them, with no more quotes than needed.

use crate::keyword;

/// `name` as an identifier: bare where that reads back as the same name, else in double quotes.
pub fn quote_identifier(name: &str) -> String {
    if !needs_quotes(name) {
        return name.to_owned();
    }
    quoted(name, '"')
}

/// `text` as a string literal in single quotes.
pub fn quote_string(text: &str) -> String {
    quoted(text, '\'')
}

fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\\' => out.push_str("\\\\"),
            _ if char == quote => out.extend(['\\', quote]),
            _ => out.push(char),
        }
    }
    out.push(quote);
    out
}

fn needs_quotes(name: &str) -> bool {
    let bytes = name.as_bytes();
    let Some(first) = bytes.first() else { return true };
    let plain = (first.is_ascii_alphabetic() || *first == b'_')
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    !plain || keyword::lookup(name).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_needed() {
        let pairs = [
            ("cpu_1", "cpu_1"),
            ("_internal", "_internal"),
            ("1st", "\"1st\""),
            ("the cpu", "\"the cpu\""),
            ("default", "\"default\""),
            ("Duration", "\"Duration\""),
            ("", "\"\""),
            ("a\"b\\c\nd", "\"a\\\"b\\\\c\\nd\""),
            ("größe", "\"größe\""),
        ];
        for (name, expected) in pairs {
            assert_eq!(quote_identifier(name), expected);
        }
        assert_eq!(quote_string("o'reilly \"x\" \\"), "'o\\'reilly \"x\" \\\\'");
    }
}
