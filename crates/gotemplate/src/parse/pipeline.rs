//! Pipelines: declarations, commands, and the words of commands.
use std::sync::Arc;

use super::{Parsed, Parser};
use crate::ast::{Command, Expr, ExprKind, Pipe};
use crate::functions::Function;
use crate::lex::{Token, TokenKind};
use crate::literal;
use crate::value::Value;

impl<'s> Parser<'s> {
    pub(super) fn pipeline(&mut self, context: &str, end: TokenKind) -> Parsed<Pipe> {
        let first = self.next_non_space();
        let position = first.position as u32;
        self.put_back(first);
        let mut pipe = Pipe { position, assigns: false, variables: Vec::new(), commands: Vec::new() };
        self.declarations(context, &mut pipe)?;
        loop {
            let token = self.next_non_space();
            if token.kind == end {
                break;
            }
            if !starts_operand(token.kind) {
                return self.unexpected(&token, context);
            }
            self.put_back(token);
            let command = self.command()?;
            pipe.commands.push(command);
        }
        self.check_pipeline(&pipe, context)?;
        Ok(pipe)
    }

    /// `$x :=`, `$x =` and, for `range`, `$i, $x :=`.
    fn declarations(&mut self, context: &str, pipe: &mut Pipe) -> Parsed<()> {
        while self.peek_non_space() == TokenKind::Variable {
            let variable = self.next_non_space();
            let after = self.next();
            let next = if after.kind == TokenKind::Space { self.next_non_space() } else { after.clone() };
            match next.kind {
                TokenKind::Assign | TokenKind::Declare => {
                    pipe.assigns = next.kind == TokenKind::Assign;
                    self.declare(&variable, pipe);
                    return Ok(());
                }
                TokenKind::Char if next.text == "," => {
                    self.declare(&variable, pipe);
                    if context != "range" || pipe.variables.len() >= 2 {
                        return self.fail(format!("too many declarations in {context}"));
                    }
                    use TokenKind::{RightDelim, RightParen, Variable};
                    if !matches!(self.peek_non_space(), Variable | RightDelim | RightParen) {
                        return self.fail("range can only initialize variables");
                    }
                }
                _ => {
                    let spaced = after.kind == TokenKind::Space;
                    self.put_back(next);
                    if spaced {
                        self.put_back(after);
                    }
                    self.put_back(variable);
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn declare(&mut self, variable: &Token<'s>, pipe: &mut Pipe) {
        let name: Arc<str> = variable.text.as_ref().into();
        self.variables.push(name.clone());
        pipe.variables.push(name);
    }

    fn check_pipeline(&self, pipe: &Pipe, context: &str) -> Parsed<()> {
        if pipe.commands.is_empty() {
            return self.fail(format!("missing value for {context}"));
        }
        for (index, command) in pipe.commands.iter().enumerate().skip(1) {
            use ExprKind::{Bool, Dot, Nil, Number, String};
            if matches!(command.words[0].kind, Bool(_) | Dot | Nil | Number(_) | String(..)) {
                return self.fail(format!("non executable command in pipeline stage {}", index + 1));
            }
        }
        Ok(())
    }

    fn command(&mut self) -> Parsed<Command> {
        let first = self.next_non_space();
        let position = first.position as u32;
        self.put_back(first);
        let mut words = Vec::new();
        loop {
            self.peek_non_space();
            words.extend(self.operand()?);
            let token = self.next();
            match token.kind {
                TokenKind::Space => continue,
                TokenKind::RightDelim | TokenKind::RightParen => self.put_back(token),
                TokenKind::Pipe => {}
                _ => return self.unexpected(&token, "operand"),
            }
            break;
        }
        if words.is_empty() {
            return self.fail("empty command");
        }
        Ok(Command { position, words })
    }

    /// A term and the fields that follow it without a space.
    fn operand(&mut self) -> Parsed<Option<Expr>> {
        let Some(mut term) = self.term()? else { return Ok(None) };
        let mut names: Vec<Box<str>> = Vec::new();
        let mut position = term.position;
        while self.peek() == TokenKind::Field {
            let field = self.next();
            if names.is_empty() {
                position = field.position as u32;
            }
            names.push(field.text[1..].into());
        }
        if names.is_empty() {
            return Ok(Some(term));
        }
        match &mut term.kind {
            ExprKind::Field(known) | ExprKind::Variable(_, known) => {
                known.append(&mut names);
                term.position = position;
                Ok(Some(term))
            }
            ExprKind::Function(_) | ExprKind::Pipe(_) | ExprKind::Chain(..) => {
                Ok(Some(Expr { position, kind: ExprKind::Chain(Box::new(term), names) }))
            }
            _ => self.fail(format!("unexpected . after term {}", crate::gofmt::quote(&term.to_string()))),
        }
    }

    fn term(&mut self) -> Parsed<Option<Expr>> {
        let token = self.next_non_space();
        let kind = match token.kind {
            TokenKind::Identifier => match Function::find(&token.text, self.functions) {
                Some(function) => ExprKind::Function(function),
                None => return self.fail(format!("function {} not defined", crate::gofmt::quote(&token.text))),
            },
            TokenKind::Dot => ExprKind::Dot,
            TokenKind::Nil => ExprKind::Nil,
            TokenKind::Variable => self.variable(&token)?,
            TokenKind::Field => ExprKind::Field(vec![token.text[1..].into()]),
            TokenKind::Bool => ExprKind::Bool(Value::Bool(token.text == "true")),
            TokenKind::CharConstant | TokenKind::Complex | TokenKind::Number => {
                let number = match token.kind {
                    TokenKind::CharConstant => literal::character(&token.text),
                    _ => literal::number(&token.text),
                };
                match number {
                    Ok(number) => ExprKind::Number(number),
                    Err(message) => return self.fail(message),
                }
            }
            TokenKind::LeftParen => {
                let inner = self.deeper(|parser| parser.pipeline("parenthesized pipeline", TokenKind::RightParen))?;
                let position = inner.position;
                return Ok(Some(Expr { position, kind: ExprKind::Pipe(Box::new(inner)) }));
            }
            TokenKind::String | TokenKind::RawString => {
                ExprKind::String(self.unquoted(&token)?.into(), token.text.clone().into_owned())
            }
            _ => {
                self.put_back(token);
                return Ok(None);
            }
        };
        Ok(Some(Expr { position: token.position as u32, kind }))
    }

    fn variable(&self, token: &Token<'s>) -> Parsed<ExprKind> {
        match self.variables.iter().find(|name| ***name == *token.text) {
            Some(name) => Ok(ExprKind::Variable(name.clone(), Vec::new())),
            None => self.fail(format!("undefined variable {}", crate::gofmt::quote(&token.text))),
        }
    }
}

fn starts_operand(kind: TokenKind) -> bool {
    use TokenKind::*;
    matches!(
        kind,
        Bool | CharConstant
            | Complex
            | Dot
            | Field
            | Identifier
            | Number
            | Nil
            | RawString
            | String
            | Variable
            | LeftParen
    )
}
