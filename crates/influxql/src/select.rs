//! A SELECT statement as a value.

use crate::{Cast, Error, Expr};

/// A SELECT statement. `Display` writes it in InfluxQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    pub fields: Vec<Field>,
    /// The measurement after INTO. An empty name means `:MEASUREMENT`.
    pub into: Option<Measurement>,
    pub from: Vec<Source>,
    /// The user's own condition, without the bounds of [`Select::set_times`].
    pub condition: Option<Expr>,
    /// Start (included) and stop (excluded), nanoseconds since 1970.
    pub(crate) times: Option<(i64, i64)>,
    pub group_by: Vec<Expr>,
    pub fill: Fill,
    pub order: Option<Sort>,
    /// LIMIT, OFFSET, SLIMIT, SOFFSET; zero is none.
    pub limit: u64,
    pub offset: u64,
    pub series_limit: u64,
    pub series_offset: u64,
    /// The zone of `tz('...')`.
    pub zone: Option<String>,
}

/// A selected expression and its name, if it has one of its own.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    pub expr: Expr,
    pub alias: Option<String>,
}

/// What a query reads from.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    Measurement(Measurement),
    Subquery(Box<Select>),
}

/// A measurement, or all whose names match a pattern. Empty database or policy: not given.
#[derive(Debug, Clone, PartialEq)]
pub struct Measurement {
    pub database: String,
    pub policy: String,
    pub from: From,
}

/// Which measurements of a retention policy.
#[derive(Debug, Clone, PartialEq)]
pub enum From {
    Name(String),
    Regex(String),
}

/// What stands for an interval without points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fill {
    Null,
    None,
    Previous,
    Linear,
    Integer(i64),
    Number(f64),
}

impl Fill {
    /// The fill of a word: `null`, `none`, `previous` or `linear`.
    pub fn named(word: &str) -> Result<Fill, Error> {
        match word {
            "null" => Ok(Fill::Null),
            "none" => Ok(Fill::None),
            "previous" => Ok(Fill::Previous),
            "linear" => Ok(Fill::Linear),
            _ => Err(Error::UnknownFill(word.to_owned())),
        }
    }
}

/// ORDER BY time; the name may be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sort {
    pub named: bool,
    pub ascending: bool,
}

impl Select {
    /// All measurements the query reads, those of its subqueries too: what a task must be allowed to read.
    pub fn measurements(&self) -> Vec<&Measurement> {
        let mut found = Vec::new();
        self.collect_measurements(&mut found);
        found
    }

    fn collect_measurements<'s>(&'s self, found: &mut Vec<&'s Measurement>) {
        for source in &self.from {
            match source {
                Source::Measurement(measurement) => found.push(measurement),
                Source::Subquery(inner) => inner.collect_measurements(found),
            }
        }
    }

    /// Takes database and retention policy out of all measurements, for servers that want them beside the query.
    ///
    /// # Errors
    /// Two measurements that do not come from the same place, as text.
    pub fn take_place(&mut self) -> Result<Option<(String, String)>, (String, String)> {
        let place = {
            let mut all = self.measurements().into_iter();
            let Some(first) = all.next() else { return Ok(None) };
            let same = |other: &&Measurement| (&other.database, &other.policy) == (&first.database, &first.policy);
            if let Some(other) = all.find(|other| !same(other)) {
                return Err((first.to_string(), other.to_string()));
            }
            (first.database.clone(), first.policy.clone())
        };
        self.drop_places();
        Ok(Some(place))
    }

    fn drop_places(&mut self) {
        for source in &mut self.from {
            match source {
                Source::Measurement(measurement) => {
                    measurement.database.clear();
                    measurement.policy.clear();
                }
                Source::Subquery(inner) => inner.drop_places(),
            }
        }
    }

    /// Whether the query reads from another query.
    pub fn has_subquery(&self) -> bool {
        self.from.iter().any(|source| matches!(source, Source::Subquery(_)))
    }

    /// Whether the query returns points as they are stored: no function is called.
    pub fn is_raw(&self) -> bool {
        let mut raw = true;
        for field in &self.fields {
            field.expr.walk(&mut |expr| raw &= !matches!(expr, Expr::Call { .. } | Expr::Distinct(_)));
        }
        raw
    }

    /// The tags of GROUP BY in their order; none if it groups by `*` or by a pattern.
    pub fn group_tags(&self) -> Vec<&str> {
        let tag = |expr| match expr {
            &Expr::Reference { ref name, cast: None | Some(Cast::Tag) } => Some(name.as_str()),
            _ => None,
        };
        self.group_by.iter().filter_map(tag).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_taken_out() {
        let mut select =
            Select::parse("SELECT mean(v) FROM (SELECT v FROM d.r.m), \"d\".r.\"n o\" GROUP BY x").unwrap();
        assert_eq!(select.take_place(), Ok(Some(("d".to_owned(), "r".to_owned()))));
        assert_eq!(select.to_string(), "SELECT mean(v) FROM (SELECT v FROM m), \"n o\" GROUP BY x");
        let mut two = Select::parse("SELECT v FROM d.r.m, d.s.m").unwrap();
        assert_eq!(two.take_place(), Err(("d.r.m".to_owned(), "d.s.m".to_owned())));
    }
}
