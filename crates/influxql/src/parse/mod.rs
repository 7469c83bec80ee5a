//! A query's text to a statement: how many statements there are, and whether the one is a SELECT.

mod clauses;
mod expr;
mod sources;

use crate::scan::{Scanner, Word};
use crate::{Error, Position, Select, keyword};

/// How deep parentheses, functions and subqueries may stand in one another.
const DEEPEST: usize = 100;

impl Select {
    /// Reads the one SELECT statement that `text` has to be.
    pub fn parse(text: &str) -> Result<Select, Error> {
        let mut parser = Parser { scanner: Scanner::new(text), depth: 0 };
        let mut only = None;
        let mut count = 0;
        loop {
            match parser.peek()? {
                (Word::End, _) => break,
                (Word::Sign(';'), _) => {
                    parser.next()?;
                }
                _ => {
                    count += 1;
                    only = Some(parser.statement()?);
                }
            }
        }
        match (only, count) {
            (Some(Statement::Select(select)), 1) => Ok(*select),
            (Some(Statement::Other(text)), 1) => Err(Error::NotSelect(text)),
            _ => Err(Error::NotSingle(count)),
        }
    }

    /// Reads the SELECT statement that `text` has to begin with, and nothing of what stands behind it.
    pub fn parse_first(text: &str) -> Result<Select, Error> {
        let mut parser = Parser { scanner: Scanner::new(text), depth: 0 };
        match parser.next()? {
            (Word::Keyword("SELECT"), _) => parser.select(),
            (Word::Keyword(keyword), _) if keyword::STATEMENTS.contains(&keyword) => {
                Err(Error::NotSelect(text.trim().to_owned()))
            }
            found => Err(parser.unexpected(found, &keyword::STATEMENTS)),
        }
    }
}

enum Statement {
    Select(Box<Select>),
    /// Of another kind: its text.
    Other(String),
}

/// Reads words and knows how deep it is.
pub(crate) struct Parser<'t> {
    scanner: Scanner<'t>,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn next(&mut self) -> Result<(Word<'t>, usize), Error> {
        self.scanner.next()
    }

    fn peek(&self) -> Result<(Word<'t>, usize), Error> {
        let mut ahead = self.scanner;
        ahead.next()
    }

    /// The error that `found` stands where one of `expected` should.
    fn unexpected(&self, (found, at): (Word<'_>, usize), expected: &[&'static str]) -> Error {
        let mut at = Position::of(self.scanner.text, at);
        if found == Word::End {
            // InfluxDB's own parser looks past the end before it says so. Case: batch/define_errors.
            at.char += 1;
        }
        Error::Unexpected { found: found.shown(), expected: expected.to_vec(), at }
    }

    fn accept(&mut self, word: &Word<'_>) -> Result<bool, Error> {
        let mut ahead = self.scanner;
        let found = ahead.next()?.0 == *word;
        if found {
            self.scanner = ahead;
        }
        Ok(found)
    }

    fn accept_keyword(&mut self, keyword: &'static str) -> Result<bool, Error> {
        self.accept(&Word::Keyword(keyword))
    }

    fn expect(&mut self, word: &Word<'_>, name: &'static str) -> Result<(), Error> {
        let found = self.next()?;
        if found.0 == *word { Ok(()) } else { Err(self.unexpected(found, &[name])) }
    }

    fn identifier(&mut self) -> Result<String, Error> {
        match self.next()? {
            (Word::Identifier(name), _) => Ok(name),
            found => Err(self.unexpected(found, &["identifier"])),
        }
    }

    /// Runs `read` one level deeper, and refuses what is too deep.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Error>) -> Result<T, Error> {
        if self.depth == DEEPEST {
            let reason = format!("query is nested deeper than {DEEPEST} levels");
            return Err(self.scanner.invalid(reason, self.scanner.at));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn statement(&mut self) -> Result<Statement, Error> {
        let (word, start) = self.next()?;
        match word {
            Word::Keyword("SELECT") => {
                let select = self.select()?;
                match self.peek()? {
                    (Word::End | Word::Sign(';'), _) => Ok(Statement::Select(Box::new(select))),
                    found => Err(self.unexpected(found, &[";"])),
                }
            }
            Word::Keyword(keyword) if keyword::STATEMENTS.contains(&keyword) => {
                while !matches!(self.peek()?.0, Word::End | Word::Sign(';')) {
                    self.next()?;
                }
                let text = self.scanner.text[start..self.scanner.at].trim();
                Ok(Statement::Other(text.to_owned()))
            }
            _ => Err(self.unexpected((word, start), &keyword::STATEMENTS)),
        }
    }
}
