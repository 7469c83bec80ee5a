//! The parser's view of the tokens: looking ahead, putting back, and complaining about the unexpected.
use super::{Parsed, Parser};
use crate::error::ParseError;
use crate::lex::{Token, TokenKind};

impl<'s> Parser<'s> {
    pub(super) fn next(&mut self) -> Token<'s> {
        if let Some(token) = self.ahead.pop() {
            return token;
        }
        let token = self.lexer.next_token();
        (self.last_line, self.last_position) = (token.line, token.position);
        token
    }

    pub(super) fn put_back(&mut self, token: Token<'s>) {
        self.ahead.push(token);
    }

    pub(super) fn peek(&mut self) -> TokenKind {
        let token = self.next();
        let kind = token.kind;
        self.put_back(token);
        kind
    }

    pub(super) fn next_non_space(&mut self) -> Token<'s> {
        loop {
            let token = self.next();
            if token.kind != TokenKind::Space {
                return token;
            }
        }
    }

    pub(super) fn peek_non_space(&mut self) -> TokenKind {
        let token = self.next_non_space();
        let kind = token.kind;
        self.put_back(token);
        kind
    }

    pub(super) fn expect(&mut self, kind: TokenKind, context: &str) -> Parsed<Token<'s>> {
        let token = self.next_non_space();
        if token.kind == kind { Ok(token) } else { self.unexpected(&token, context) }
    }

    pub(super) fn fail<T>(&self, message: impl Into<String>) -> Parsed<T> {
        let position = self.last_position.min(self.source.len());
        let before = self.source.get(..position).unwrap_or("");
        let column = before.len() - before.rfind('\n').map_or(0, |newline| newline + 1);
        let (name, line) = (self.name.to_owned(), self.last_line);
        Err(Box::new(ParseError { name, line, column, message: message.into() }).into())
    }

    pub(super) fn unexpected<T>(&self, token: &Token<'s>, context: &str) -> Parsed<T> {
        if token.kind != TokenKind::Error {
            return self.fail(format!("unexpected {token} in {context}"));
        }
        let started = match self.action_line {
            Some(line) if line != token.line => {
                let joint = if token.text.ends_with(" action") { "" } else { " in action" };
                format!("{joint} started at {}:{line}", self.name)
            }
            _ => String::new(),
        };
        self.fail(format!("{token}{started}"))
    }
}
