//! The methods that values offer to templates: those of times, durations, months, weekdays, zones and levels.
use std::sync::Arc;

use crate::clock::{Moment, Zone};
use crate::formatter::method_text;
use crate::functions::Param;
use crate::gofmt;
use crate::val::Val;
use crate::value::Value;

/// A method: its name, its parameters and what it does with them.
pub(crate) struct Method {
    name: &'static str,
    pub(crate) params: &'static [Param],
    pub(crate) run: fn(&Value, &[Val<'_>]) -> Value,
}

/// The method of that name, if values of this type have it.
pub(crate) fn find(value: &Value, name: &str) -> Option<&'static Method> {
    let methods: &[Method] = match value {
        Value::Time(_) | Value::Moment(_) => TIME,
        Value::Duration(_) => DURATION,
        Value::Month(_) | Value::Weekday(_) | Value::Zone(_) | Value::Level(_) => NAMED,
        _ => return None,
    };
    methods.iter().find(|method| method.name == name)
}

const fn method(name: &'static str, params: &'static [Param], run: fn(&Value, &[Val<'_>]) -> Value) -> Method {
    Method { name, params, run }
}

static NAMED: &[Method] = &[method("String", &[], |value, _| text(method_text(value)))];

static TIME: &[Method] = &[
    method("Add", &[Param::Duration], |value, to| moment(value).plus(int(to, 0)).into_value()),
    method("AddDate", &[Param::Int, Param::Int, Param::Int], |value, to| {
        moment(value).plus_date(int(to, 0), int(to, 1), int(to, 2)).into_value()
    }),
    method("After", &[Param::Time], |value, to| Value::Bool(moment(value).total() > argument(to).total())),
    method("Before", &[Param::Time], |value, to| Value::Bool(moment(value).total() < argument(to).total())),
    method("Compare", &[Param::Time], |value, to| {
        Value::Number(moment(value).total().cmp(&argument(to).total()) as i64)
    }),
    method("Day", &[], |value, _| number(moment(value).civil().day)),
    method("Equal", &[Param::Time], |value, to| Value::Bool(moment(value).total() == argument(to).total())),
    method("Format", &[Param::Str], |value, layout| {
        let mut out = String::with_capacity(32);
        moment(value).format(layout[0].value().as_str().unwrap_or_default(), &mut out);
        text(Some(out))
    }),
    method("GoString", &[], |value, _| {
        let mut out = String::new();
        let flags = crate::formatter::Flags { as_source: true, ..Default::default() };
        crate::formatter::Formatter { out: &mut out, flags }.write(value, 'v');
        text(Some(out))
    }),
    method("Hour", &[], |value, _| number(moment(value).civil().hour)),
    method("In", &[Param::Zone], |value, zone| match zone[0].value() {
        Value::Zone(zone) => moment(value).in_zone(*zone).into_value(),
        _ => value.clone(),
    }),
    method("IsDST", &[], |value, _| Value::Bool(moment(value).is_summer())),
    method("IsZero", &[], |value, _| Value::Bool(moment(value).total() == Moment::ZERO.total())),
    method("Local", &[], |value, _| moment(value).in_zone(Zone::Local).into_value()),
    method("Location", &[], |value, _| Value::Zone(moment(value).zone)),
    method("Minute", &[], |value, _| number(moment(value).civil().minute)),
    method("Month", &[], |value, _| Value::Month(moment(value).civil().month)),
    method("Nanosecond", &[], |value, _| number(moment(value).nanos)),
    method("Round", &[Param::Duration], |value, to| moment(value).rounded(int(to, 0)).into_value()),
    method("Second", &[], |value, _| number(moment(value).civil().second)),
    method("String", &[], |value, _| text(method_text(value))),
    method("Sub", &[Param::Time], |value, to| Value::Duration(moment(value).since(argument(to)))),
    method("Truncate", &[Param::Duration], |value, to| moment(value).truncated(int(to, 0)).into_value()),
    method("UTC", &[], |value, _| moment(value).in_zone(Zone::Utc).into_value()),
    method("Unix", &[], |value, _| Value::Int(moment(value).seconds)),
    method("UnixMicro", &[], |value, _| Value::Int(moment(value).total().div_euclid(1_000) as i64)),
    method("UnixMilli", &[], |value, _| Value::Int(moment(value).total().div_euclid(1_000_000) as i64)),
    method("UnixNano", &[], |value, _| Value::Int(moment(value).total() as i64)),
    method("Weekday", &[], |value, _| Value::Weekday(moment(value).civil().weekday)),
    method("Year", &[], |value, _| Value::Number(moment(value).civil().year)),
    method("YearDay", &[], |value, _| number(moment(value).civil().year_day)),
];

static DURATION: &[Method] = &[
    method("Abs", &[], |value, _| Value::Duration(nanos(value).checked_abs().unwrap_or(i64::MAX))),
    method("Hours", &[], |value, _| Value::Float(in_units(value, 3_600_000_000_000))),
    method("Microseconds", &[], |value, _| Value::Int(nanos(value) / 1_000)),
    method("Milliseconds", &[], |value, _| Value::Int(nanos(value) / 1_000_000)),
    method("Minutes", &[], |value, _| Value::Float(in_units(value, 60_000_000_000))),
    method("Nanoseconds", &[], |value, _| Value::Int(nanos(value))),
    method("Round", &[Param::Duration], |value, to| Value::Duration(rounded(nanos(value), int(to, 0)))),
    method("Seconds", &[], |value, _| Value::Float(in_units(value, 1_000_000_000))),
    method("String", &[], |value, _| text(Some(gofmt::duration(nanos(value))))),
    method("Truncate", &[Param::Duration], |value, to| match int(to, 0) {
        unit if unit <= 0 => value.clone(),
        unit => Value::Duration(nanos(value) - nanos(value) % unit),
    }),
];

fn moment(value: &Value) -> Moment {
    match value {
        Value::Moment(time) => *time,
        Value::Time(nanoseconds) => Moment::utc(*nanoseconds),
        _ => Moment::ZERO,
    }
}

fn argument(arguments: &[Val<'_>]) -> Moment {
    arguments.first().map_or(Moment::ZERO, |value| moment(value.value()))
}

fn int(arguments: &[Val<'_>], index: usize) -> i64 {
    arguments.get(index).and_then(|value| value.value().as_int()).unwrap_or(0)
}

fn nanos(value: &Value) -> i64 {
    value.as_int().unwrap_or(0)
}

fn number(number: impl Into<i64>) -> Value {
    Value::Number(number.into())
}

fn text(text: Option<String>) -> Value {
    Value::String(text.map_or_else(Arc::default, Into::into))
}

/// Whole units and the rest apart, so that large durations keep their digits.
fn in_units(value: &Value, unit: i64) -> f64 {
    let nanoseconds = nanos(value);
    (nanoseconds / unit) as f64 + (nanoseconds % unit) as f64 / unit as f64
}

/// To the nearest multiple, away from zero in the middle.
fn rounded(nanoseconds: i64, unit: i64) -> i64 {
    if unit <= 0 {
        return nanoseconds;
    }
    let (wide, unit) = (i128::from(nanoseconds), i128::from(unit));
    let rest = wide.abs() % unit;
    let size = if rest + rest < unit { wide.abs() - rest } else { wide.abs() + unit - rest };
    (size * wide.signum()).clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

impl Moment {
    /// Go's zero time, the first instant of the year 1.
    pub(crate) const ZERO: Self = Self { seconds: crate::clock::YEAR_ONE, nanos: 0, zone: Zone::Utc };
}
