//! How things are printed: tables, times, sizes, values of variables.

use std::fmt::Write;

use anyhow::{Context as _, bail};
use api::task::Dbrp;
use api::time::Time;
use api::vars::{Var, VarType, Vars};
use api::{duration, number};
use chrono::{DateTime, Local, Offset, Utc};
use serde_json::Value;

use crate::zone;

/// A row: each text is padded to its width; the last has none.
pub(crate) fn row(out: &mut String, columns: &[(&str, usize)], last: &str) {
    for (text, width) in columns {
        let _ = write!(out, "{text:<width$}");
    }
    out.push_str(last);
    out.push('\n');
}

/// The width of a column that fits its longest text, which is at least as long as the given one.
pub(crate) fn width<'a>(least: usize, texts: impl IntoIterator<Item = &'a str>) -> usize {
    texts.into_iter().map(str::len).max().unwrap_or(0).max(least) + 1
}

const DAY_AND_MINUTE: &str = "%d %b %y %H:%M";

/// A time in UTC.
pub(crate) fn utc(time: Time) -> String {
    match time {
        Time::Never => "01 Jan 01 00:00 UTC".to_string(),
        Time::At(nanos) => format!("{} UTC", DateTime::<Utc>::from_timestamp_nanos(nanos).format(DAY_AND_MINUTE)),
    }
}

/// A time in this machine's zone.
pub(crate) fn local(time: Time) -> String {
    let Time::At(nanos) = time else { return utc(time) };
    let moment = DateTime::<Utc>::from_timestamp_nanos(nanos).with_timezone(&Local);
    let offset = moment.offset().fix().local_minus_utc();
    format!("{} {}", moment.format(DAY_AND_MINUTE), zone::abbreviation(offset))
}

/// A size in units of thousands.
pub(crate) fn size(bytes: i64) -> String {
    let bytes = bytes.max(0);
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let (mut value, mut unit) = (bytes as f64, 0);
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    while value >= 1000.0 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    let rounded = (value * 10.0 + 0.5).floor() / 10.0;
    let digits = usize::from(rounded < 10.0);
    format!("{rounded:.digits$} {}", UNITS[unit])
}

/// `["db"."rp" "db"."rp"]`
pub(crate) fn dbrps(dbrps: &[Dbrp]) -> String {
    let all: Vec<String> = dbrps.iter().map(ToString::to_string).collect();
    format!("[{}]", all.join(" "))
}

/// The variables of a task, or of a template with `absent` in place of missing values and with descriptions.
pub(crate) fn vars(out: &mut String, vars: &Vars, absent: &str, with_descriptions: bool) -> anyhow::Result<()> {
    for (name, var) in vars {
        let value = value(var, absent).with_context(|| format!("invalid var {name}"))?;
        let last = if with_descriptions { format!("{:<40}", var.description) } else { String::new() };
        row(out, &[(name, 30), (var.var_type.name(), 10), (&value, 40)], &last);
    }
    Ok(())
}

fn value(var: &Var, absent: &str) -> anyhow::Result<String> {
    Ok(match (&var.value, var.var_type) {
        (Value::Null, _) => absent.to_string(),
        (Value::String(text), _) => text.clone(),
        (Value::Array(elements), VarType::List) => {
            let elements: Vec<String> = elements.iter().map(element).collect::<anyhow::Result<_>>()?;
            format!("[{}]", elements.join(", "))
        }
        (Value::Number(nanos), VarType::Duration) => match nanos.as_i64() {
            Some(nanos) => duration::to_go(nanos),
            None => nanos.to_string(),
        },
        (Value::Number(float), VarType::Float) => number::text(float.as_f64().unwrap_or(f64::NAN)),
        (other, _) => other.to_string(),
    })
}

fn element(element: &Value) -> anyhow::Result<String> {
    match (element["type"].as_str(), &element["value"]) {
        (Some("star"), _) => Ok("*".to_string()),
        (Some("string"), Value::String(text)) => Ok(text.clone()),
        (Some("string"), _) => bail!("non string value in string var"),
        (kind, _) => bail!("lists can only contain strings or a star, got {}", kind.unwrap_or("nothing")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_si_units() {
        for (bytes, text) in [
            (0, "0 B"),
            (9, "9 B"),
            (109, "109 B"),
            (1000, "1.0 kB"),
            (1234, "1.2 kB"),
            (12_345, "12 kB"),
            (999_999, "1000 kB"),
            (82_854_982, "83 MB"),
            (-1, "0 B"),
        ] {
            assert_eq!(size(bytes), text);
        }
    }

    #[test]
    fn times_are_short() {
        assert_eq!(utc(Time::At(1_609_502_400_000_000_000)), "01 Jan 21 12:00 UTC");
        assert_eq!(utc(Time::Never), "01 Jan 01 00:00 UTC");
    }
}
