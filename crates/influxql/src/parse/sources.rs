//! What a query reads from and writes into: measurements, patterns, subqueries.

use super::Parser;
use crate::scan::Word;
use crate::{Error, From, Measurement, Source};

/// Names joined by points, and whether a point without a name follows.
pub(super) struct Path {
    pub(super) names: Vec<String>,
    pub(super) open: bool,
}

impl Parser<'_> {
    pub(super) fn sources(&mut self) -> Result<Vec<Source>, Error> {
        let mut sources = Vec::new();
        loop {
            sources.push(self.source()?);
            if !self.accept(&Word::Sign(','))? {
                return Ok(sources);
            }
        }
    }

    fn source(&mut self) -> Result<Source, Error> {
        self.scanner.skip_space()?;
        if self.scanner.byte() == b'/' {
            let from = From::Regex(self.scanner.regex()?);
            return Ok(Source::Measurement(Measurement { database: String::new(), policy: String::new(), from }));
        }
        if self.accept(&Word::Sign('('))? {
            self.expect(&Word::Keyword("SELECT"), "SELECT")?;
            let inner = self.deeper(Self::select)?;
            self.expect(&Word::Sign(')'), ")")?;
            return Ok(Source::Subquery(Box::new(inner)));
        }
        let start = self.scanner.at;
        let path = self.path()?;
        let mut names = path.names;
        let from = match (path.open, self.scanner.byte()) {
            (true, b'/') if names.len() < 3 => From::Regex(self.scanner.regex()?),
            (false, _) => From::Name(names.pop().unwrap_or_default()),
            _ => {
                let found = self.next()?;
                return Err(self.unexpected(found, &["identifier", "regex"]));
            }
        };
        self.measurement(names, from, start).map(Source::Measurement)
    }

    /// `names` are those before the measurement.
    fn measurement(&self, mut names: Vec<String>, from: From, start: usize) -> Result<Measurement, Error> {
        if names.len() > 2 {
            return Err(self
                .scanner
                .invalid("too many segments in a name, at most database.policy.measurement,", start));
        }
        let policy = names.pop().unwrap_or_default();
        let database = names.pop().unwrap_or_default();
        Ok(Measurement { database, policy, from })
    }

    pub(super) fn target(&mut self) -> Result<Option<Measurement>, Error> {
        if !self.accept_keyword("INTO")? {
            return Ok(None);
        }
        self.scanner.skip_space()?;
        let start = self.scanner.at;
        let mut path = self.path()?;
        let name = if path.open {
            self.expect(&Word::Sign(':'), ":")?;
            self.expect(&Word::Keyword("MEASUREMENT"), "MEASUREMENT")?;
            String::new()
        } else {
            path.names.pop().unwrap_or_default()
        };
        self.measurement(path.names, From::Name(name), start).map(Some)
    }

    /// Names joined by points; an empty one may stand between two points.
    pub(super) fn path(&mut self) -> Result<Path, Error> {
        let mut names = vec![self.identifier()?];
        while self.scanner.byte() == b'.' {
            self.scanner.at += 1;
            match self.scanner.byte() {
                b'/' | b':' => return Ok(Path { names, open: true }),
                b'.' => names.push(String::new()),
                _ => names.push(self.identifier()?),
            }
        }
        Ok(Path { names, open: false })
    }
}
