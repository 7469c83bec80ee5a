//! The words of a script, whether it parses or not: an editor asks while it is being written.

/// One word or mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Name,
    /// `"name"`
    Reference,
    /// `'text'`, `'''text'''`
    Text,
    Regex,
    /// Also a duration.
    Number,
    /// `lambda:`
    Lambda,
    /// Up to the end of its line.
    Comment,
    /// Any other character.
    Mark(char),
}

impl Token {
    pub(crate) fn text(self, script: &str) -> &str {
        &script[self.start..self.end]
    }

    pub(crate) fn is(self, mark: char) -> bool {
        self.kind == Kind::Mark(mark)
    }

    /// Whether it may be the last of an operand, so that an operator or another statement follows.
    pub(crate) fn ends_operand(self, script: &str) -> bool {
        match self.kind {
            Kind::Name => !matches!(self.text(script), "AND" | "OR" | "var" | "dbrp"),
            Kind::Reference | Kind::Text | Kind::Regex | Kind::Number => true,
            Kind::Mark(mark) => matches!(mark, ')' | ']'),
            Kind::Lambda | Kind::Comment => false,
        }
    }
}

/// All words of a script. What is not closed goes on to the end of the text.
pub(crate) fn tokens(script: &str) -> Vec<Token> {
    let mut tokens: Vec<Token> = Vec::new();
    let mut at = 0;
    let mut previous: Option<Token> = None;
    while let Some(first) = script[at..].chars().next() {
        if first.is_whitespace() {
            at += first.len_utf8();
            continue;
        }
        let rest = &script[at..];
        let (kind, length) = one(rest, first, previous.is_some_and(|token| token.ends_operand(script)));
        let token = Token { kind, start: at, end: at + length };
        tokens.push(token);
        if kind != Kind::Comment {
            previous = Some(token);
        }
        at = token.end;
    }
    tokens
}

fn one(rest: &str, first: char, after_operand: bool) -> (Kind, usize) {
    match first {
        '/' if rest.starts_with("//") => (Kind::Comment, rest.find('\n').unwrap_or(rest.len())),
        '/' if !after_operand => (Kind::Regex, closed(rest, "/").min(rest.find('\n').unwrap_or(rest.len()))),
        '\'' if rest.starts_with("'''") => (Kind::Text, rest[3..].find("'''").map_or(rest.len(), |end| end + 6)),
        '\'' => (Kind::Text, closed(rest, "'")),
        '"' => (Kind::Reference, closed(rest, "\"")),
        'l' if rest.starts_with("lambda:") => (Kind::Lambda, "lambda:".len()),
        '0'..='9' => (Kind::Number, end_of(rest, |c| c.is_alphanumeric() || c == '.')),
        _ if first.is_alphabetic() || first == '_' => (Kind::Name, end_of(rest, |c| c.is_alphanumeric() || c == '_')),
        _ => (Kind::Mark(first), first.len_utf8()),
    }
}

/// Where a quoted text ends, its quotes included; a backslash holds a quote.
fn closed(rest: &str, quote: &str) -> usize {
    let mut at = 1;
    while let Some(found) = rest[at..].find(quote) {
        at += found + 1;
        if !rest[..at - 1].ends_with('\\') {
            return at;
        }
    }
    rest.len()
}

fn end_of(rest: &str, is_part: impl Fn(char) -> bool) -> usize {
    rest.find(|c| !is_part(c)).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(script: &str) -> Vec<&str> {
        tokens(script).into_iter().map(|token| token.text(script)).collect()
    }

    #[test]
    fn a_script_falls_into_words() {
        let script = "var a = 10s // b\nstream|from().where(lambda: \"x\" =~ /a\\/ b/ AND 'it\\'s' != '''' '''/2)";
        let found = words(script);
        assert_eq!(found[..6], ["var", "a", "=", "10s", "// b", "stream"]);
        assert_eq!(
            found[9..],
            [
                ")", ".", "where", "(", "lambda:", "\"x\"", "=", "~", "/a\\/ b/", "AND", "'it\\'s'", "!", "=",
                "'''' '''", "/", "2", ")"
            ]
        );
    }

    #[test]
    fn what_is_not_closed_goes_on() {
        for script in ["'a\nb", "\"a\\\"", "'''a'", "// é", "/a"] {
            assert_eq!(words(script), [script]);
        }
        assert_eq!(words("/a\nb"), ["/a", "b"]);
        assert_eq!(words("é·#"), ["é", "·", "#"]);
    }
}
