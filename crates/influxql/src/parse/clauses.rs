//! The clauses of a SELECT statement, in their fixed order.

use super::Parser;
use crate::scan::Word;
use crate::{Error, Expr, Field, Fill, Select, Sort};

impl Parser<'_> {
    /// The statement after its SELECT.
    pub(super) fn select(&mut self) -> Result<Select, Error> {
        let fields = self.fields()?;
        let into = self.target()?;
        self.expect(&Word::Keyword("FROM"), "FROM")?;
        Ok(Select {
            fields,
            into,
            from: self.sources()?,
            condition: if self.accept_keyword("WHERE")? { Some(self.expr()?) } else { None },
            times: None,
            group_by: self.group_by()?,
            fill: self.fill()?,
            order: self.order_by()?,
            limit: self.count_after("LIMIT")?,
            offset: self.count_after("OFFSET")?,
            series_limit: self.count_after("SLIMIT")?,
            series_offset: self.count_after("SOFFSET")?,
            zone: self.zone()?,
        })
    }

    fn fields(&mut self) -> Result<Vec<Field>, Error> {
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            if !self.accept(&Word::Sign(','))? {
                return Ok(fields);
            }
        }
    }

    fn field(&mut self) -> Result<Field, Error> {
        self.scanner.skip_space()?;
        let start = self.scanner.at;
        let expr = self.expr_or_regex()?;
        let mut misplaced = None;
        expr.walk(&mut |inner| {
            if let Expr::Chain { rest, .. } = inner {
                misplaced = misplaced.or(rest.iter().map(|(operator, _)| *operator).find(|it| !it.is_arithmetic()));
            }
        });
        if let Some(operator) = misplaced {
            let symbol = operator.symbol();
            let reason =
                format!("invalid operator {symbol} in SELECT clause, the operator is intended for the WHERE clause,");
            return Err(self.scanner.invalid(reason, start));
        }
        let alias = if self.accept_keyword("AS")? { Some(self.identifier()?) } else { None };
        Ok(Field { expr, alias })
    }

    fn group_by(&mut self) -> Result<Vec<Expr>, Error> {
        let mut dimensions = Vec::new();
        if !self.accept_keyword("GROUP")? {
            return Ok(dimensions);
        }
        self.expect(&Word::Keyword("BY"), "BY")?;
        loop {
            dimensions.push(self.expr_or_regex()?);
            if !self.accept(&Word::Sign(','))? {
                return Ok(dimensions);
            }
        }
    }

    /// The sole argument of the function `name`, if that function stands here, and its offset.
    fn sole_argument(&mut self, name: &str, hint: &str) -> Result<Option<(Expr, usize)>, Error> {
        let (word, start) = self.peek()?;
        if !matches!(word, Word::Identifier(found) if found.eq_ignore_ascii_case(name)) {
            return Ok(None);
        }
        let reason = match self.expr()? {
            Expr::Call { mut arguments, .. } => match (arguments.pop(), arguments.len()) {
                (Some(argument), 0) => return Ok(Some((argument, start))),
                _ => format!("{name} requires one argument, {hint}"),
            },
            _ => format!("{name} must be a function call, {hint}"),
        };
        Err(self.scanner.invalid(reason, start))
    }

    fn fill(&mut self) -> Result<Fill, Error> {
        let hint = "e.g.: 0, null, none, previous, linear";
        match self.sole_argument("fill", hint)? {
            None => Ok(Fill::Null),
            Some((Expr::Integer(value), _)) => Ok(Fill::Integer(value)),
            Some((Expr::Number(value), _)) => Ok(Fill::Number(value)),
            Some((Expr::Reference { name, .. }, start)) => Fill::named(&name).map_err(|_| self.not_a_fill(start)),
            Some((_, start)) => Err(self.not_a_fill(start)),
        }
    }

    fn not_a_fill(&self, start: usize) -> Error {
        self.scanner.invalid("expected a number, null, none, previous or linear in fill()", start)
    }

    fn zone(&mut self) -> Result<Option<String>, Error> {
        match self.sole_argument("tz", "e.g.: tz('Europe/Paris')")? {
            None => Ok(None),
            Some((Expr::Text(name), _)) if name.is_empty() => Ok(Some("UTC".to_owned())),
            Some((Expr::Text(name), start)) => {
                let belongs = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-/".contains(&byte);
                if name.bytes().all(belongs) {
                    return Ok(Some(name));
                }
                Err(self.scanner.invalid(format!("unable to find time zone {name}"), start))
            }
            Some((_, start)) => Err(self.scanner.invalid("expected string argument in tz()", start)),
        }
    }

    fn order_by(&mut self) -> Result<Option<Sort>, Error> {
        if !self.accept_keyword("ORDER")? {
            return Ok(None);
        }
        self.expect(&Word::Keyword("BY"), "BY")?;
        let (word, start) = self.next()?;
        let sort = match word {
            Word::Keyword("ASC") => Sort { named: false, ascending: true },
            Word::Keyword("DESC") => Sort { named: false, ascending: false },
            Word::Identifier(name) if name == "time" => {
                let descending = self.accept_keyword("DESC")?;
                if !descending {
                    self.accept_keyword("ASC")?;
                }
                Sort { named: true, ascending: !descending }
            }
            Word::Identifier(_) => {
                return Err(self.scanner.invalid("only ORDER BY time supported at this time", start));
            }
            word => return Err(self.unexpected((word, start), &["identifier", "ASC", "DESC"])),
        };
        match self.peek()? {
            (Word::Sign(','), at) => Err(self.scanner.invalid("only ORDER BY time supported at this time", at)),
            _ => Ok(Some(sort)),
        }
    }

    fn count_after(&mut self, keyword: &'static str) -> Result<u64, Error> {
        if !self.accept_keyword(keyword)? {
            return Ok(0);
        }
        match self.next()? {
            (Word::Integer(digits), at) => match digits.parse() {
                Ok(count) if count <= i64::MAX as u64 => Ok(count),
                _ => Err(self.scanner.invalid(format!("{keyword} is too large"), at)),
            },
            found => Err(self.unexpected(found, &["integer"])),
        }
    }
}
