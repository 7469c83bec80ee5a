//! How deep the brackets of a script are nested, found before it is parsed, so that no script exhausts the stack.

use crate::Span;
use crate::error::ParseError;

/// The deepest nesting of brackets that is accepted.
pub const MAX_NESTING: usize = 200;

/// What the last token was: it decides whether `/` divides or opens a regex.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum After {
    /// A name, a literal or `)`.
    Operand,
    /// `=`, `=~` or `!~`: even `//` is a regex.
    Assignment,
    Other,
}

/// Refuses a script whose brackets are nested too deeply.
pub(crate) fn check(text: &str) -> Result<(), Box<ParseError>> {
    let mut scan = Scan::new(text);
    let mut depth = 0usize;
    while let Some(byte) = scan.token() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_NESTING {
            let span = Span::new(scan.at - 1, scan.at);
            let error = ParseError::new(text, span, "brackets nested too deeply")
                .expecting([format!("at most {MAX_NESTING} open brackets")])
                .hinting("give parts of the expression names with var");
            return Err(Box::new(error));
        }
    }
    Ok(())
}

/// Token by token through a script that may be broken.
pub(crate) struct Scan<'t> {
    source: &'t str,
    text: &'t [u8],
    pub(crate) at: usize,
    pub(crate) after: After,
}

impl<'t> Scan<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Scan { source: text, text: text.as_bytes(), at: 0, after: After::Other }
    }

    /// Moves behind the next token and returns its first byte.
    pub(crate) fn token(&mut self) -> Option<u8> {
        self.skip_spaces(char::is_whitespace);
        let first = *self.text.get(self.at)?;
        let second = self.text.get(self.at + 1).copied().unwrap_or(0);
        let before = self.after;
        self.at += 1;
        self.after = After::Other;
        match first {
            b'/' if before != After::Assignment && second == b'/' => self.comment(),
            b'/' if before != After::Operand => self.until(b'/'),
            b'\'' | b'"' => {
                self.quoted(first);
                self.after = After::Operand;
            }
            b'=' | b'!' if second == b'~' => {
                self.at += 1;
                self.after = After::Assignment;
            }
            b'=' if second == b'=' => self.at += 1,
            b'=' => self.after = After::Assignment,
            b')' => self.after = After::Operand,
            b'.' if second.is_ascii_digit() => self.after = After::Operand,
            byte if is_word(byte) => {
                // A point is part of a number, never of a name.
                self.skip_while(if byte.is_ascii_digit() { is_number } else { is_word });
                self.after = After::Operand;
            }
            // Of `lambda:`.
            b':' => self.after = After::Operand,
            _ => {}
        }
        Some(first)
    }

    fn skip_while(&mut self, wanted: impl Fn(u8) -> bool) {
        while self.text.get(self.at).is_some_and(|&byte| wanted(byte)) {
            self.at += 1;
        }
    }

    pub(crate) fn skip_spaces(&mut self, space: impl Fn(char) -> bool) {
        let rest = self.source.get(self.at..).unwrap_or("");
        self.at += rest.len() - rest.trim_start_matches(space).len();
    }

    /// To the end of the last line of a block of comments.
    fn comment(&mut self) {
        loop {
            self.skip_while(|byte| byte != b'\n');
            let line_end = self.at;
            self.at += 1;
            self.skip_spaces(|c| c != '\n' && c.is_whitespace());
            if self.text.get(self.at) != Some(&b'/') {
                self.at = line_end;
                return;
            }
        }
    }

    fn quoted(&mut self, quote: u8) {
        let rest = &self.text[self.at..];
        if quote == b'\'' && rest.starts_with(b"''") {
            self.at += 2;
            let end = self.text[self.at..].windows(3).position(|window| window == b"'''");
            self.at = end.map_or(self.text.len(), |end| self.at + end + 3);
        } else {
            self.until(quote);
        }
    }

    /// Behind the next `quote` that has no backslash before it.
    fn until(&mut self, quote: u8) {
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' if self.text.get(self.at) == Some(&quote) => self.at += 1,
                byte if byte == quote => return,
                _ => {}
            }
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

fn is_number(byte: u8) -> bool {
    byte.is_ascii_digit() || byte == b'.'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deep(open: &str, close: &str, levels: usize) -> String {
        format!("var a = {}1{}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn counts_brackets() {
        assert!(check(&deep("(", ")", MAX_NESTING)).is_ok());
        let error = check(&deep("(", ")", MAX_NESTING + 1)).unwrap_err();
        assert_eq!(error.position.char, 9 + MAX_NESTING);
        assert!(check(&deep("f(-", ")", MAX_NESTING + 1)).is_err());
    }

    #[test]
    fn brackets_in_texts_and_comments_do_not_count() {
        let many = "(".repeat(MAX_NESTING + 1);
        for (open, close) in [("'", "'"), ("'''", "'''"), ("\"", "\""), ("/", "/"), ("// ", "\n"), ("a // \n /", "\n")]
        {
            assert!(check(&format!("var a = f(\n{open}{many}{close})")).is_ok(), "{open}");
        }
        assert!(check(&format!("var a = //\n{many}")).is_err(), "an empty regex");
        assert!(check(&format!("1 / {many} /")).is_err(), "a division");
    }
}
