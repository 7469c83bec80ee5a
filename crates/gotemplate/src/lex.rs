//! The text of a template cut into tokens: plain text, delimiters with their trim markers, and the words of actions.
use std::borrow::Cow;
use std::fmt;

use crate::gofmt;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// The text cannot be cut; the token's text is the message.
    Error,
    Bool,
    /// A character without a meaning of its own, such as a comma.
    Char,
    CharConstant,
    Complex,
    Assign,
    Declare,
    Eof,
    Field,
    Identifier,
    LeftDelim,
    LeftParen,
    Number,
    Pipe,
    RawString,
    RightDelim,
    RightParen,
    Space,
    String,
    Text,
    Variable,
    Block,
    Break,
    Continue,
    Dot,
    Define,
    Else,
    End,
    If,
    Nil,
    Range,
    Template,
    With,
}

impl TokenKind {
    fn is_keyword(self) -> bool {
        use TokenKind::*;
        matches!(self, Block | Break | Continue | Dot | Define | Else | End | If | Nil | Range | Template | With)
    }
}

/// A piece of the template with its place.
#[derive(Clone, Debug)]
pub(crate) struct Token<'s> {
    pub(crate) kind: TokenKind,
    pub(crate) text: Cow<'s, str>,
    pub(crate) position: usize,
    pub(crate) line: usize,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TokenKind::Eof => f.write_str("EOF"),
            TokenKind::Error => f.write_str(&self.text),
            kind if kind.is_keyword() => write!(f, "<{}>", self.text),
            _ if self.text.len() > 10 => {
                let start: String = self.text.chars().take(10).collect();
                write!(f, "{}...", gofmt::quote(&start))
            }
            _ => f.write_str(&gofmt::quote(&self.text)),
        }
    }
}

/// Cuts a template into tokens, one at a time.
pub(crate) struct Lexer<'s> {
    input: &'s str,
    /// Where the next token is looked for.
    at: usize,
    /// Where the token being cut begins.
    start: usize,
    start_line: usize,
    inside_action: bool,
    open_parens: usize,
}

const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

impl<'s> Lexer<'s> {
    pub(crate) fn new(input: &'s str) -> Self {
        Self { input, at: 0, start: 0, start_line: 1, inside_action: false, open_parens: 0 }
    }

    /// The next token; after the end or an error always the end.
    pub(crate) fn next_token(&mut self) -> Token<'s> {
        if self.inside_action { self.action_token() } else { self.text_token() }
    }

    fn rest(&self) -> &'s str {
        &self.input[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let next = self.peek();
        self.at += next.map_or(0, char::len_utf8);
        next
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|next| valid.contains(next));
        if found {
            self.bump();
        }
        found
    }

    fn accept_run(&mut self, valid: &str) {
        while self.accept(valid) {}
    }

    /// Drops what was read since the last token.
    fn ignore(&mut self) {
        self.start_line += newlines(&self.input[self.start..self.at]);
        self.start = self.at;
    }

    fn emit(&mut self, kind: TokenKind) -> Token<'s> {
        let text = Cow::Borrowed(&self.input[self.start..self.at]);
        let token = Token { kind, text, position: self.start, line: self.start_line };
        self.ignore();
        token
    }

    fn error(&mut self, message: impl Into<Cow<'s, str>>) -> Token<'s> {
        let token = Token { kind: TokenKind::Error, text: message.into(), position: self.start, line: self.start_line };
        (self.input, self.at, self.start, self.inside_action) = ("", 0, 0, false);
        token
    }

    fn text_token(&mut self) -> Token<'s> {
        loop {
            let Some(offset) = self.rest().find("{{") else {
                self.at = self.input.len();
                let kind = if self.at > self.start { TokenKind::Text } else { TokenKind::Eof };
                return self.emit(kind);
            };
            let delimiter = self.at + offset;
            let text = &self.input[self.at..delimiter];
            let trims = has_left_trim(&self.input[delimiter + 2..]);
            let kept = if trims { text.trim_end_matches(SPACES) } else { text };
            if !kept.is_empty() {
                self.at += kept.len();
                let token = self.emit(TokenKind::Text);
                self.at = delimiter;
                self.ignore();
                return token;
            }
            self.at = delimiter;
            self.ignore();
            let marker = if trims { 2 } else { 0 };
            if self.input[delimiter + 2 + marker..].starts_with("/*") {
                self.at += 2 + marker;
                self.ignore();
                if let Some(error) = self.skip_comment() {
                    return error;
                }
                continue;
            }
            self.at += 2;
            let token = self.emit(TokenKind::LeftDelim);
            self.at += marker;
            self.ignore();
            self.inside_action = true;
            self.open_parens = 0;
            return token;
        }
    }

    fn skip_comment(&mut self) -> Option<Token<'s>> {
        let Some(end) = self.rest()[2..].find("*/") else {
            return Some(self.error("unclosed comment"));
        };
        self.at += 2 + end + 2;
        match right_delim(self.rest()) {
            None => Some(self.error("comment ends before closing delimiter")),
            Some(trims) => {
                self.skip_right_delim(trims);
                None
            }
        }
    }

    fn skip_right_delim(&mut self, trims: bool) {
        self.at += if trims { 4 } else { 2 };
        if trims {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(SPACES).len();
        }
        self.ignore();
    }

    fn right_delim_token(&mut self, trims: bool) -> Token<'s> {
        if trims {
            self.at += 2;
            self.ignore();
        }
        self.at += 2;
        let token = self.emit(TokenKind::RightDelim);
        if trims {
            let rest = self.rest();
            self.at += rest.len() - rest.trim_start_matches(SPACES).len();
            self.ignore();
        }
        self.inside_action = false;
        token
    }

    fn action_token(&mut self) -> Token<'s> {
        if let Some(trims) = right_delim(self.rest()) {
            if self.open_parens > 0 {
                return self.error("unclosed left paren");
            }
            return self.right_delim_token(trims);
        }
        let Some(next) = self.bump() else {
            return self.error("unclosed action");
        };
        match next {
            _ if SPACES.contains(&next) => self.space_token(),
            '=' => self.emit(TokenKind::Assign),
            ':' if self.bump() == Some('=') => self.emit(TokenKind::Declare),
            ':' => self.error("expected :="),
            '|' => self.emit(TokenKind::Pipe),
            '"' => self.quoted_token('"', TokenKind::String, "unterminated quoted string"),
            '`' => self.raw_string_token(),
            '$' => self.name_token(TokenKind::Variable),
            '\'' => self.quoted_token('\'', TokenKind::CharConstant, "unterminated character constant"),
            '.' if !self.peek().is_some_and(|next| next.is_ascii_digit()) && !self.rest().is_empty() => {
                self.name_token(TokenKind::Field)
            }
            '.' | '+' | '-' | '0'..='9' => {
                self.at -= 1;
                self.number_token()
            }
            _ if is_word(next) => self.word_token(),
            '(' => {
                self.open_parens += 1;
                self.emit(TokenKind::LeftParen)
            }
            ')' if self.open_parens == 0 => self.error("unexpected right paren"),
            ')' => {
                self.open_parens -= 1;
                self.emit(TokenKind::RightParen)
            }
            '!'..='~' => self.emit(TokenKind::Char),
            _ => self.error(format!("unrecognized character in action: {}", code_point(next))),
        }
    }

    /// A run of spaces; the one before a trimming `-}}` belongs to the delimiter.
    fn space_token(&mut self) -> Token<'s> {
        while self.peek().is_some_and(|next| SPACES.contains(&next)) {
            self.bump();
        }
        if right_delim(&self.input[self.at - 1..]) == Some(true) {
            self.at -= 1;
            if self.at == self.start {
                return self.right_delim_token(true);
            }
        }
        self.emit(TokenKind::Space)
    }

    fn word_token(&mut self) -> Token<'s> {
        while self.peek().is_some_and(is_word) {
            self.bump();
        }
        if let Some(error) = self.bad_character() {
            return error;
        }
        let kind = match &self.input[self.start..self.at] {
            "block" => TokenKind::Block,
            "break" => TokenKind::Break,
            "continue" => TokenKind::Continue,
            "define" => TokenKind::Define,
            "else" => TokenKind::Else,
            "end" => TokenKind::End,
            "if" => TokenKind::If,
            "nil" => TokenKind::Nil,
            "range" => TokenKind::Range,
            "template" => TokenKind::Template,
            "with" => TokenKind::With,
            "true" | "false" => TokenKind::Bool,
            _ => TokenKind::Identifier,
        };
        self.emit(kind)
    }

    /// The rest of `.name` or `$name`; a lone `.` is the cursor.
    fn name_token(&mut self, kind: TokenKind) -> Token<'s> {
        if self.at_terminator() {
            return self.emit(if kind == TokenKind::Field { TokenKind::Dot } else { kind });
        }
        while self.peek().is_some_and(is_word) {
            self.bump();
        }
        match self.bad_character() {
            Some(error) => error,
            None => self.emit(kind),
        }
    }

    fn bad_character(&mut self) -> Option<Token<'s>> {
        if self.at_terminator() {
            return None;
        }
        let bad = self.peek().map(code_point).unwrap_or_default();
        Some(self.error(format!("bad character {bad}")))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with("}}"),
        }
    }

    fn quoted_token(&mut self, mark: char, kind: TokenKind, unterminated: &'static str) -> Token<'s> {
        loop {
            match self.bump() {
                Some('\\') if !matches!(self.bump(), None | Some('\n')) => {}
                None | Some('\n' | '\\') => return self.error(unterminated),
                Some(next) if next == mark => return self.emit(kind),
                Some(_) => {}
            }
        }
    }

    fn raw_string_token(&mut self) -> Token<'s> {
        match self.rest().find('`') {
            None => self.error("unterminated raw quoted string"),
            Some(end) => {
                self.at += end + 1;
                self.emit(TokenKind::RawString)
            }
        }
    }

    fn number_token(&mut self) -> Token<'s> {
        if !self.scan_number() {
            return self.bad_number();
        }
        if matches!(self.peek(), Some('+' | '-')) {
            if !self.scan_number() || !self.input[..self.at].ends_with('i') {
                return self.bad_number();
            }
            return self.emit(TokenKind::Complex);
        }
        self.emit(TokenKind::Number)
    }

    fn bad_number(&mut self) -> Token<'s> {
        self.error(format!("bad number syntax: {}", gofmt::quote(&self.input[self.start..self.at])))
    }

    /// Scans what may be a number; whether it is one, the parser finds out.
    fn scan_number(&mut self) -> bool {
        self.accept("+-");
        let mut digits = "0123456789_";
        let (mut hex, mut decimal) = (false, true);
        if self.accept("0") {
            if self.accept("xX") {
                (digits, hex, decimal) = ("0123456789abcdefABCDEF_", true, false);
            } else if self.accept("oO") {
                (digits, decimal) = ("01234567_", false);
            } else if self.accept("bB") {
                (digits, decimal) = ("01_", false);
            }
        }
        self.accept_run(digits);
        if self.accept(".") {
            self.accept_run(digits);
        }
        if decimal && self.accept("eE") || hex && self.accept("pP") {
            self.accept("+-");
            self.accept_run("0123456789_");
        }
        self.accept("i");
        if self.peek().is_some_and(is_word) {
            self.bump();
            return false;
        }
        true
    }
}

fn newlines(text: &str) -> usize {
    text.bytes().filter(|&byte| byte == b'\n').count()
}

fn is_word(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// `{{- ` trims the text before it.
fn has_left_trim(after_delimiter: &str) -> bool {
    let mut characters = after_delimiter.chars();
    characters.next() == Some('-') && characters.next().is_some_and(|next| SPACES.contains(&next))
}

/// Whether the text begins with `}}` (false) or a trimming ` -}}` (true).
fn right_delim(text: &str) -> Option<bool> {
    if text.starts_with("}}") {
        return Some(false);
    }
    text.strip_prefix(SPACES)?.starts_with("-}}").then_some(true)
}

fn code_point(character: char) -> String {
    let code = u32::from(character);
    if gofmt::is_printable(character) { format!("U+{code:04X} '{character}'") } else { format!("U+{code:04X}") }
}
