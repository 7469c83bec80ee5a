//! Expressions: operands, what joins them, functions and literals.

use super::Parser;
use crate::scan::Word;
use crate::{Cast, Error, Expr, WildcardKind, parse_duration};

impl<'t> Parser<'t> {
    /// A regex, where one may stand, or an expression.
    pub(super) fn expr_or_regex(&mut self) -> Result<Expr, Error> {
        self.scanner.skip_space()?;
        if self.scanner.byte() == b'/' { Ok(Expr::Regex(self.scanner.regex()?)) } else { self.expr() }
    }

    pub(super) fn expr(&mut self) -> Result<Expr, Error> {
        self.deeper(Self::chain)
    }

    fn chain(&mut self) -> Result<Expr, Error> {
        let first = self.operand()?;
        let mut rest = Vec::new();
        while let (Word::Operator(operator), _) = self.peek()? {
            self.next()?;
            let operand = if operator.takes_regex() { self.regex()? } else { self.operand()? };
            rest.push((operator, operand));
        }
        if rest.is_empty() { Ok(first) } else { Ok(Expr::Chain { first: Box::new(first), rest }) }
    }

    fn regex(&mut self) -> Result<Expr, Error> {
        self.scanner.skip_space()?;
        if self.scanner.byte() == b'/' {
            return Ok(Expr::Regex(self.scanner.regex()?));
        }
        let found = self.next()?;
        Err(self.unexpected(found, &["regex"]))
    }

    fn operand(&mut self) -> Result<Expr, Error> {
        let before = self.scanner;
        let (word, start) = self.next()?;
        match word {
            Word::Sign('(') => {
                let inner = self.expr()?;
                self.expect(&Word::Sign(')'), ")")?;
                Ok(Expr::Group(Box::new(inner)))
            }
            Word::Identifier(name) if self.scanner.byte() == b'(' => self.call(&name),
            Word::Identifier(_) => {
                self.scanner = before;
                self.reference()
            }
            Word::Keyword("DISTINCT") if self.scanner.byte() == b'(' => self.call("distinct"),
            Word::Keyword("DISTINCT") => Ok(Expr::Distinct(self.identifier()?)),
            Word::Operator(crate::Operator::Multiply) => self.wildcard(),
            Word::Operator(sign @ (crate::Operator::Add | crate::Operator::Subtract)) => {
                self.signed(sign == crate::Operator::Subtract)
            }
            Word::Parameter(name) => {
                let reason = format!("missing parameter: {}", name.trim_start_matches('$'));
                Err(self.scanner.invalid(reason, start))
            }
            word => self.literal(word, start),
        }
    }

    fn literal(&mut self, word: Word<'t>, start: usize) -> Result<Expr, Error> {
        match word {
            Word::Text(text) => Ok(Expr::Text(text)),
            Word::Keyword("TRUE") => Ok(Expr::Bool(true)),
            Word::Keyword("FALSE") => Ok(Expr::Bool(false)),
            Word::Number(text) => match text.parse::<f64>() {
                Ok(value) if value.is_finite() => Ok(Expr::Number(value)),
                _ => Err(self.scanner.invalid("unable to parse number", start)),
            },
            Word::Integer(text) => match (text.parse(), text.parse()) {
                (Ok(value), _) => Ok(Expr::Integer(value)),
                (_, Ok(value)) => Ok(Expr::Unsigned(value)),
                _ => Err(self.scanner.invalid("unable to parse integer", start)),
            },
            Word::Duration(text) => {
                parse_duration(text).map(Expr::Duration).map_err(|reason| self.scanner.invalid(reason, start))
            }
            word => Err(self.unexpected((word, start), &["identifier", "string", "number", "bool"])),
        }
    }

    /// What follows a sign: a literal takes it, anything else is negated.
    fn signed(&mut self, negative: bool) -> Result<Expr, Error> {
        let (word, at) = self.peek()?;
        let may_follow = matches!(
            word,
            Word::Number(_) | Word::Integer(_) | Word::Duration(_) | Word::Sign('(') | Word::Identifier(_)
        );
        if !may_follow {
            return Err(self.unexpected((word, at), &["identifier", "number", "duration", "("]));
        }
        let operand = self.operand()?;
        if !negative {
            return Ok(operand);
        }
        Ok(match operand {
            Expr::Number(value) => Expr::Number(-value),
            Expr::Integer(value) => Expr::Integer(-value),
            Expr::Duration(value) => Expr::Duration(-value),
            Expr::Unsigned(value) if value == i64::MIN.unsigned_abs() => Expr::Integer(i64::MIN),
            Expr::Unsigned(value) => {
                return Err(self.scanner.invalid(format!("constant -{value} underflows int64"), at));
            }
            operand => Expr::Negated(Box::new(operand)),
        })
    }

    fn wildcard(&mut self) -> Result<Expr, Error> {
        if !self.accept(&Word::DoubleColon)? {
            return Ok(Expr::Wildcard(None));
        }
        match self.next()? {
            (Word::Keyword("FIELD"), _) => Ok(Expr::Wildcard(Some(WildcardKind::Field))),
            (Word::Keyword("TAG"), _) => Ok(Expr::Wildcard(Some(WildcardKind::Tag))),
            found => Err(self.unexpected(found, &["field", "tag"])),
        }
    }

    fn reference(&mut self) -> Result<Expr, Error> {
        let path = self.path()?;
        if path.open {
            let found = self.next()?;
            return Err(self.unexpected(found, &["identifier"]));
        }
        let name = path.names.join(".");
        if !self.accept(&Word::DoubleColon)? {
            return Ok(Expr::Reference { name, cast: None });
        }
        let (word, at) = self.next()?;
        let cast = match &word {
            Word::Identifier(text) => Cast::named(text),
            Word::Keyword(text) => Cast::named(text),
            _ => None,
        };
        match cast {
            Some(cast) => Ok(Expr::Reference { name, cast: Some(cast) }),
            None => Err(self.unexpected((word, at), &Cast::NAMES)),
        }
    }

    /// The function `name` from its opening parenthesis on.
    fn call(&mut self, name: &str) -> Result<Expr, Error> {
        self.next()?;
        let mut arguments = Vec::new();
        if self.accept(&Word::Sign(')'))? {
            return Ok(Expr::Call { name: name.to_lowercase(), arguments });
        }
        loop {
            arguments.push(self.expr_or_regex()?);
            if !self.accept(&Word::Sign(','))? {
                break;
            }
        }
        match self.next()? {
            (Word::Sign(')'), _) => Ok(Expr::Call { name: name.to_lowercase(), arguments }),
            found => Err(self.unexpected(found, &[")"])),
        }
    }
}
