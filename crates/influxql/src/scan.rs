//! A query's text, cut into words.

use crate::{Error, Operator, Position, keyword};

/// A word of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Word<'t> {
    End,
    Identifier(String),
    Keyword(&'static str),
    /// Digits with a point.
    Number(&'t str),
    Integer(&'t str),
    /// Digits with letters.
    Duration(&'t str),
    Text(String),
    /// `$name`
    Parameter(&'t str),
    Operator(Operator),
    /// Punctuation, or a character that belongs to no word.
    Sign(char),
    DoubleColon,
}

impl Word<'_> {
    /// The word as an error names it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Word::End => "EOF".to_owned(),
            Word::Identifier(name) => name.clone(),
            Word::Keyword(word) => (*word).to_owned(),
            Word::Number(text) | Word::Integer(text) | Word::Duration(text) | Word::Parameter(text) => {
                (*text).to_owned()
            }
            Word::Text(text) => text.clone(),
            Word::Operator(operator) => operator.symbol().to_owned(),
            Word::Sign(sign) => sign.to_string(),
            Word::DoubleColon => "::".to_owned(),
        }
    }
}

/// A place in a text from which words are read. Copying it is looking ahead.
#[derive(Clone, Copy)]
pub(crate) struct Scanner<'t> {
    pub(crate) text: &'t str,
    /// Byte offset of what is read next.
    pub(crate) at: usize,
}

impl<'t> Scanner<'t> {
    pub(crate) fn new(text: &'t str) -> Scanner<'t> {
        Scanner { text, at: 0 }
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    /// The next byte, without skipping anything; zero at the end.
    pub(crate) fn byte(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn byte_after(&self) -> u8 {
        self.text.as_bytes().get(self.at + 1).copied().unwrap_or(0)
    }

    pub(crate) fn invalid(&self, reason: impl Into<String>, at: usize) -> Error {
        Error::Invalid { reason: reason.into(), at: Position::of(self.text, at) }
    }

    /// Skips white space and comments.
    pub(crate) fn skip_space(&mut self) -> Result<(), Error> {
        loop {
            match (self.byte(), self.byte_after()) {
                (b' ' | b'\t' | b'\n' | b'\r', _) => self.at += 1,
                (b'-', b'-') => {
                    let rest = self.rest();
                    self.at += rest.find(['\n', '\r']).unwrap_or(rest.len());
                }
                (b'/', b'*') => match self.rest()[2..].find("*/") {
                    Some(end) => self.at += end + 4,
                    None => return Err(self.invalid("comment without an end", self.at)),
                },
                _ => return Ok(()),
            }
        }
    }

    /// The next word and the offset where it begins.
    pub(crate) fn next(&mut self) -> Result<(Word<'t>, usize), Error> {
        self.skip_space()?;
        let start = self.at;
        let Some(char) = self.rest().chars().next() else { return Ok((Word::End, start)) };
        let word = match char {
            'a'..='z' | 'A'..='Z' | '_' => self.bare_word(),
            '0'..='9' => self.number(),
            '.' if self.byte_after().is_ascii_digit() => self.number(),
            '"' => Word::Identifier(self.quoted('"')?),
            '\'' => Word::Text(self.quoted('\'')?),
            '$' => {
                self.at += 1;
                self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
                Word::Parameter(&self.text[start..self.at])
            }
            _ => self.sign(char),
        };
        Ok((word, start))
    }

    fn take_while(&mut self, belongs: impl Fn(u8) -> bool) -> &'t str {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| !belongs(byte)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn bare_word(&mut self) -> Word<'t> {
        let word = self.take_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        match keyword::lookup(word) {
            Some("AND") => Word::Operator(Operator::And),
            Some("OR") => Word::Operator(Operator::Or),
            Some(keyword) => Word::Keyword(keyword),
            None => Word::Identifier(word.to_owned()),
        }
    }

    fn number(&mut self) -> Word<'t> {
        let start = self.at;
        self.take_while(|byte| byte.is_ascii_digit());
        if self.byte() == b'.' {
            self.at += 1;
            self.take_while(|byte| byte.is_ascii_digit());
            return Word::Number(&self.text[start..self.at]);
        }
        // Bytes of `µ` are not ASCII.
        let unit = self.take_while(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii());
        let whole = &self.text[start..self.at];
        if unit.is_empty() { Word::Integer(whole) } else { Word::Duration(whole) }
    }

    /// A text between `quote`s, its escapes resolved.
    fn quoted(&mut self, quote: char) -> Result<String, Error> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((offset, char)) = chars.next() {
            match char {
                _ if char == quote => {
                    self.at = start + offset + 1;
                    return Ok(text);
                }
                '\n' | '\r' => break,
                '\\' => match chars.next() {
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, escaped @ ('\\' | '"' | '\''))) => text.push(escaped),
                    Some((_, other)) => return Err(self.invalid(format!("bad escape \\{other}"), start + offset)),
                    None => break,
                },
                _ => text.push(char),
            }
        }
        let kind = if quote == '"' { "identifier" } else { "string" };
        Err(self.invalid(format!("{kind} without its closing {quote}"), start))
    }

    fn sign(&mut self, first: char) -> Word<'t> {
        use Operator::*;
        let two = |operator| (Word::Operator(operator), 2);
        let one = |operator| (Word::Operator(operator), 1);
        let (word, length) = match (first, self.byte_after()) {
            ('=', b'~') => two(Matches),
            ('!', b'=') | ('<', b'>') => two(NotEqual),
            ('!', b'~') => two(MatchesNot),
            ('>', b'=') => two(GreaterEqual),
            ('<', b'=') => two(LessEqual),
            (':', b':') => (Word::DoubleColon, 2),
            ('=', _) => one(Equal),
            ('>', _) => one(Greater),
            ('<', _) => one(Less),
            ('+', _) => one(Add),
            ('-', _) => one(Subtract),
            ('*', _) => one(Multiply),
            ('/', _) => one(Divide),
            ('%', _) => one(Modulo),
            ('&', _) => one(BitAnd),
            ('|', _) => one(BitOr),
            ('^', _) => one(BitXor),
            _ => (Word::Sign(first), first.len_utf8()),
        };
        self.at += length;
        word
    }

    /// The pattern of the regex that begins here with its slash.
    pub(crate) fn regex(&mut self) -> Result<String, Error> {
        let start = self.at;
        let mut pattern = String::new();
        let mut chars = self.rest().char_indices().skip(1).peekable();
        while let Some((offset, char)) = chars.next() {
            match char {
                '/' => {
                    self.at = start + offset + 1;
                    return match crate::pattern::fault(&pattern) {
                        Some(fault) => Err(self.invalid(format!("error parsing regexp: {fault}"), start)),
                        None => Ok(pattern),
                    };
                }
                '\n' | '\r' => break,
                '\\' if chars.peek().is_some_and(|(_, next)| *next == '/') => {
                    chars.next();
                    pattern.push('/');
                }
                _ => pattern.push(char),
            }
        }
        Err(self.invalid("regex without its closing /", start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Result<Vec<String>, Error> {
        let mut scanner = Scanner::new(text);
        let mut found = Vec::new();
        loop {
            let (word, _) = scanner.next()?;
            if word == Word::End {
                return Ok(found);
            }
            found.push(word.shown());
        }
    }

    #[test]
    fn cuts_words() {
        let found = words("a-- c\nb /* x */ \"q u\"::tag .5 1.25 10 1h30m 5µ '\\'' $x <> <= !~ ;€").expect("words");
        let expected =
            ["a", "b", "q u", "::", "TAG", ".5", "1.25", "10", "1h30m", "5µ", "'", "$x", "!=", "<=", "!~", ";", "€"];
        assert_eq!(found, expected);
    }

    #[test]
    fn names_the_place_of_a_fault() {
        for (text, expected) in [
            ("a 'b", "string without its closing ' at line 1, char 3"),
            ("a\n \"b\nc\"", "identifier without its closing \" at line 2, char 2"),
            ("'ä\\d'", "bad escape \\d at line 1, char 3"),
            ("x /* y", "comment without an end at line 1, char 3"),
        ] {
            assert_eq!(words(text).expect_err(text).to_string(), expected);
        }
    }
}
