//! The table of InfluxQL's functions: names, arguments, what they take and give.

use model::{FieldType, save_fields};

use super::holt_winters::Forecast;
use crate::EdgeKind;

/// A function with its parameters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Function {
    Count,
    Sum,
    Mean,
    Median,
    Mode,
    Spread,
    Stddev,
    Min,
    Max,
    First,
    Last,
    /// The percentage.
    Percentile(f64),
    Distinct,
    /// How many.
    Top(usize),
    Bottom(usize),
    HoltWinters(Forecast),
    /// The unit in nanoseconds.
    Elapsed(i64),
    Difference,
    /// Of how many rows.
    MovingAverage(usize),
    CumulativeSum,
}

impl Function {
    /// Whether it makes something of fields of this type.
    pub(super) fn takes(self, field_type: FieldType) -> bool {
        match field_type {
            FieldType::Float | FieldType::Int => true,
            FieldType::String | FieldType::Bool => matches!(
                self,
                Function::Count | Function::Distinct | Function::First | Function::Last | Function::Elapsed(_)
            ),
            FieldType::Duration | FieldType::Time | FieldType::Null => false,
        }
    }

    /// Whether it makes something of no rows at all.
    pub(super) fn takes_nothing(self) -> bool {
        matches!(self, Function::Count | Function::Sum)
    }
}

/// Which type of field a group is computed with. A type that the function cannot take is refused the first time, and
/// read as the type before it if it comes again at once. Case: influxql/type_change.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Settled {
    met: Option<FieldType>,
    computes: Option<FieldType>,
}

save_fields!(Settled { met, computes });

impl Settled {
    /// The type to compute with from a field of this type on; `None` if it is refused.
    pub(super) fn on(&mut self, found: FieldType, takes: bool) -> Option<FieldType> {
        let again = self.met == Some(found) && self.computes.is_some();
        if again {
            return self.computes;
        }
        self.met = Some(found);
        if takes {
            self.computes = Some(found);
        }
        takes.then_some(found)
    }
}

/// What stands between a function's parentheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arguments {
    /// `(field)`
    Field,
    /// `(field, percentile)`
    Percentile,
    /// `(num, field, more...)`
    Number,
    /// `(field, unit)`
    Unit,
    /// `(field, window)`
    Window,
    /// `(field, h, m, interval)`
    Forecast,
}

/// One function as scripts know it.
pub(super) struct Entry {
    pub name: &'static str,
    /// Its name in InfluxQL: that of its nodes and its result.
    pub method: &'static str,
    pub about: &'static str,
    pub arguments: Arguments,
    /// The edge it gives; that of its input if none.
    pub gives: Option<EdgeKind>,
    /// With parameters that the script fills in.
    pub function: Function,
    pub example: &'static str,
}

const STREAM: Option<EdgeKind> = Some(EdgeKind::Stream);
const BATCH: Option<EdgeKind> = Some(EdgeKind::Batch);
const FORECAST: Forecast = Forecast { ahead: 0, season: 0, interval: 0, with_fit: false };

macro_rules! entry {
    ($name:literal, $method:literal, $arguments:ident, $gives:expr, $function:expr, $about:literal, $call:literal) => {
        Entry {
            name: $name,
            method: $method,
            about: $about,
            arguments: Arguments::$arguments,
            gives: $gives,
            function: $function,
            example: concat!("stream |from().measurement('cpu') |window().period(1m).every(1m) |", $call),
        }
    };
    ($name:literal, $arguments:ident, $gives:expr, $function:expr, $about:literal, $call:literal) => {
        entry!($name, $name, $arguments, $gives, $function, $about, $call)
    };
}

/// THE LIST, in the order of the alphabet.
#[rustfmt::skip]
pub(super) const FUNCTIONS: [Entry; 21] = [
    entry!("bottom", Number, BATCH, Function::Bottom(0),
        "The points with the smallest values of a field.", "bottom(3, 'usage_idle')"),
    entry!("count", Field, STREAM, Function::Count,
        "How many rows have the field.", "count('usage_idle')"),
    entry!("cumulativeSum", Field, None, Function::CumulativeSum,
        "The sum of all values so far, row by row.", "cumulativeSum('usage_idle')"),
    entry!("difference", Field, None, Function::Difference,
        "How much a field changes from row to row, whatever the time between them.", "difference('usage_idle')"),
    entry!("distinct", Field, BATCH, Function::Distinct,
        "Each value of a field once.", "distinct('state')"),
    entry!("elapsed", Unit, None, Function::Elapsed(0),
        "The time from row to row, in whole units.", "elapsed('usage_idle', 1s)"),
    entry!("first", Field, STREAM, Function::First,
        "The earliest point.", "first('usage_idle')"),
    entry!("holtWinters", "holtWinters", Forecast, BATCH, Function::HoltWinters(FORECAST),
        "A forecast of a series by the method of Holt and Winters.", "holtWinters('usage_idle', 10, 6, 10s)"),
    entry!("holtWintersWithFit", "holtWinters", Forecast, BATCH, Function::HoltWinters(Forecast { with_fit: true, ..FORECAST }),
        "A forecast of a series by the method of Holt and Winters, with the points that were fitted to the data.",
        "holtWintersWithFit('usage_idle', 10, 6, 10s)"),
    entry!("last", Field, STREAM, Function::Last,
        "The latest point.", "last('usage_idle')"),
    entry!("max", Field, STREAM, Function::Max,
        "The point with the largest value.", "max('usage_idle')"),
    entry!("mean", Field, STREAM, Function::Mean,
        "The mean of all values.", "mean('usage_idle')"),
    entry!("median", Field, STREAM, Function::Median,
        "The value in the middle, or the mean of the two there; percentile(field, 50.0) picks a point instead.",
        "median('usage_idle')"),
    entry!("min", Field, STREAM, Function::Min,
        "The point with the smallest value.", "min('usage_idle')"),
    entry!("mode", Field, STREAM, Function::Mode,
        "The most frequent value.", "mode('usage_idle')"),
    entry!("movingAverage", Window, None, Function::MovingAverage(0),
        "The mean of the last rows, row by row, as soon as there are enough of them.", "movingAverage('usage_idle', 5)"),
    entry!("percentile", Percentile, STREAM, Function::Percentile(0.0),
        "The point that this percentage of all points does not exceed; nothing is interpolated.",
        "percentile('usage_idle', 95.0)"),
    entry!("spread", Field, STREAM, Function::Spread,
        "The difference between the largest and the smallest value.", "spread('usage_idle')"),
    entry!("stddev", Field, STREAM, Function::Stddev,
        "The standard deviation of a sample.", "stddev('usage_idle')"),
    entry!("sum", Field, STREAM, Function::Sum,
        "The sum of all values.", "sum('usage_idle')"),
    entry!("top", Number, BATCH, Function::Top(0),
        "The points with the largest values of a field.", "top(3, 'usage_idle')"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_that_cannot_be_taken_is_read_as_the_one_before_if_it_comes_again() {
        let mut settled = Settled::default();
        let mut on = |found| settled.on(found, found != FieldType::String);
        assert_eq!(on(FieldType::String), None);
        assert_eq!(on(FieldType::String), None);
        assert_eq!(on(FieldType::Int), Some(FieldType::Int));
        assert_eq!(on(FieldType::String), None);
        assert_eq!(on(FieldType::String), Some(FieldType::Int));
        assert_eq!(on(FieldType::Float), Some(FieldType::Float));
    }
}
