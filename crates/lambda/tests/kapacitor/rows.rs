//! One expression on the rows of some lines, and how results compare with recorded ones.

use std::sync::Arc;

use lambda::{CompileError, Context, EvalError, Evaluator, Program, State, Zone};
use model::{Frame, Precision, Schema, Value, Words, parse_lines};
use serde_json::Value as Json;

/// The result for each line, in one group.
pub(crate) fn evaluate(expr: &str, lines: &[&str]) -> Result<Vec<Result<Value, EvalError>>, CompileError> {
    let tree = tickscript::parse_lambda(expr).unwrap_or_else(|error| panic!("{expr}: {error}"));
    let program = Arc::new(Program::compile(&tree)?);
    let schema = Schema::new();
    let (mut rows, mut words) = (Vec::new(), Words::default());
    parse_lines(&schema, lines.join("\n").as_bytes(), Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
    let frame = Frame::new(Arc::new(words));
    let mut evaluator = Evaluator::new(program, &schema);
    let mut state = State::default();
    let context = |row| Context { schema: &schema, frame: &frame, row, extra: &[], zone: &Zone::Utc, now: 0 };
    Ok(rows.iter().map(|row| evaluator.eval(&context(row), &mut state)).collect())
}

/// Whether a result is what was recorded as JSON, or as a field of line protocol.
pub(crate) fn same(found: &Value, wanted: &Json) -> bool {
    match (found, wanted) {
        (Value::Float(found), Json::Number(wanted)) => close(*found, wanted.as_f64().unwrap()),
        (Value::Int(found) | Value::Duration(found), Json::Number(wanted)) => wanted.as_i64() == Some(*found),
        (Value::Int(found), Json::String(wanted)) => *wanted == format!("{found}i"),
        (Value::Bool(found), Json::String(wanted)) => *wanted == found.to_string(),
        (Value::Bool(found), Json::Bool(wanted)) => found == wanted,
        (Value::String(found), Json::String(wanted)) => **found == *wanted || quoted(found) == *wanted,
        (Value::Duration(found), Json::String(wanted)) => quoted(&clock(*found)) == *wanted,
        _ => false,
    }
}

fn close(found: f64, wanted: f64) -> bool {
    found == wanted || (found - wanted).abs() <= 1e-9 * wanted.abs().max(1e-300)
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A duration as influxDBOut writes it: `1h0m0s`, `8.5s`, `500ms`.
fn clock(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let n = nanos.unsigned_abs();
    let decimals = |value: u64, unit: u64| {
        let digits = unit.ilog10() as usize;
        let text = format!("{}.{:0digits$}", value / unit, value % unit);
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    let text = match n {
        0 => "0s".to_owned(),
        1..1_000 => format!("{n}ns"),
        1_000..1_000_000 => format!("{}µs", decimals(n, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", decimals(n, 1_000_000)),
        _ => {
            let (minutes, rest) = (n / 60_000_000_000, n % 60_000_000_000);
            let seconds = decimals(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}
