//! What a batch task changes in a query: its time bounds, its groups, its fill.

use crate::{Error, Expr, Fill, Select, WildcardKind, format_duration};

/// One dimension of GROUP BY.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    Tag(String),
    /// All tags whose names match.
    Regex(String),
    /// All tags.
    Star,
    /// Intervals of a length, shifted by an offset; nanoseconds.
    Time {
        every: i64,
        offset: i64,
    },
}

impl Select {
    /// Bounds the query to `start <= time < stop` (nanoseconds since 1970), beside its own condition.
    pub fn set_times(&mut self, start: i64, stop: i64) {
        self.times = Some((start, stop));
    }

    /// Start and stop as set by [`Select::set_times`].
    pub fn times(&self) -> Option<(i64, i64)> {
        self.times
    }

    /// Replaces GROUP BY. An own GROUP BY of the text is dropped, also by an empty list.
    pub fn set_group_by(&mut self, dimensions: &[Dimension]) -> Result<(), Error> {
        let mut has_time = false;
        let mut group_by = Vec::with_capacity(dimensions.len());
        for dimension in dimensions {
            group_by.push(match dimension {
                Dimension::Tag(name) => Expr::Reference { name: name.clone(), cast: None },
                Dimension::Regex(pattern) => Expr::Regex(pattern.clone()),
                Dimension::Star => Expr::Wildcard(None::<WildcardKind>),
                Dimension::Time { .. } if has_time => return Err(Error::SecondTime),
                Dimension::Time { every, .. } if *every <= 0 => return Err(Error::EmptyTime(format_duration(*every))),
                Dimension::Time { every, offset } => {
                    has_time = true;
                    let arguments = vec![Expr::Duration(*every), Expr::Duration(*offset)];
                    Expr::Call { name: "time".to_owned(), arguments }
                }
            });
        }
        self.group_by = group_by;
        Ok(())
    }

    /// Length and offset of the intervals of GROUP BY time(...), in nanoseconds.
    pub fn group_time(&self) -> Option<(i64, i64)> {
        self.group_by.iter().find_map(|expr| match expr {
            Expr::Call { name, arguments } if name == "time" => match arguments.as_slice() {
                [Expr::Duration(every)] => Some((*every, 0)),
                [Expr::Duration(every), Expr::Duration(offset), ..] => Some((*every, *offset)),
                _ => None,
            },
            _ => None,
        })
    }

    /// Shifts the intervals of GROUP BY time(...) so that one of them begins at the start of the time bounds.
    /// Does nothing without intervals or bounds.
    pub fn align_group(&mut self) {
        let (Some((start, _)), Some((every, _))) = (self.times, self.group_time()) else { return };
        let Some(shift) = start.checked_rem(every) else { return };
        for expr in &mut self.group_by {
            if let Expr::Call { name, arguments } = expr
                && name == "time"
            {
                *arguments = vec![Expr::Duration(every), Expr::Duration(shift)];
            }
        }
    }

    /// Replaces what stands for an interval without points.
    pub fn set_fill(&mut self, fill: Fill) {
        self.fill = fill;
    }
}
