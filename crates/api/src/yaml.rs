//! Task and handler files in YAML, read as the JSON they stand for.
//!
//! Plain words mean what they mean in YAML 1.1, as for the files' other readers: `0600` is octal, `yes` is true.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span, Tag};
use serde_json::{Map, Number, Value};

/// The text is no YAML, or more of it than a file of settings can be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct BadYaml {
    /// From 1.
    pub line: usize,
    pub why: String,
}

/// Aliases may repeat parts; a small text must not become a large value.
const MOST_VALUES: usize = 100_000;
/// Deeper nesting could exhaust the stack of whoever walks the value.
const MOST_DEPTH: usize = 100;

/// The first document of the text; null if there is none.
pub fn parse(text: &str) -> Result<Value, BadYaml> {
    let read = Reader { parser: Parser::new_from_str(text), anchors: HashMap::new(), values: 0 }.document();
    // A text that ends too early ends where its last words are, not on the empty line after them.
    let last = text.trim_end().lines().count().max(1);
    read.map_err(|error| BadYaml { line: error.line.clamp(1, last), ..error })
}

struct Reader<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    anchors: HashMap<usize, (Value, usize)>,
    values: usize,
}

fn bad(span: Span, why: impl Into<String>) -> BadYaml {
    BadYaml { line: span.start.line(), why: why.into() }
}

fn scan_error(error: &ScanError) -> BadYaml {
    BadYaml { line: error.marker().line(), why: error.info().to_string() }
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), BadYaml> {
        match self.parser.next_event() {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => Err(scan_error(&error)),
            None => Err(BadYaml { line: 0, why: "the text ends too early".to_string() }),
        }
    }

    fn document(&mut self) -> Result<Value, BadYaml> {
        loop {
            match self.next()? {
                (Event::Nothing | Event::StreamStart | Event::DocumentStart(_), _) => {}
                (Event::StreamEnd | Event::DocumentEnd, _) => return Ok(Value::Null),
                (event, span) => return self.value(event, span, 0),
            }
        }
    }

    fn value(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Value, BadYaml> {
        self.values += 1;
        if depth > MOST_DEPTH || self.values > MOST_VALUES {
            return Err(bad(span, "too much or too deeply nested"));
        }
        let before = self.values;
        let (anchor, value) = match event {
            Event::Scalar(text, style, anchor, tag) => (anchor, scalar(&text, style, tag.as_deref())),
            Event::SequenceStart(anchor, _) => (anchor, self.sequence(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping(depth)?),
            Event::Alias(anchor) => {
                let found = self.anchors.get(&anchor).cloned();
                let (value, size) = found.ok_or_else(|| bad(span, "an alias within what it names"))?;
                self.values += size;
                return Ok(value);
            }
            _ => return Err(bad(span, "expected a value")),
        };
        if anchor != 0 {
            self.anchors.insert(anchor, (value.clone(), self.values - before + 1));
        }
        Ok(value)
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, BadYaml> {
        let mut elements = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(Value::Array(elements)),
                (event, span) => elements.push(self.value(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, BadYaml> {
        let mut map = Map::new();
        let mut merged = Map::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::MappingEnd) {
                // What stands in the mapping itself wins over what it merges.
                merged.extend(map);
                return Ok(Value::Object(merged));
            }
            let merges = matches!(&event, Event::Scalar(text, ScalarStyle::Plain, _, _) if text == "<<");
            let key = match self.value(event, span, depth + 1)? {
                Value::String(text) => text,
                key @ (Value::Number(_) | Value::Bool(_) | Value::Null) => key.to_string(),
                _ => return Err(bad(span, "a key must be text")),
            };
            let (event, span) = self.next()?;
            let value = self.value(event, span, depth + 1)?;
            if merges {
                merge(&mut merged, value).map_err(|why| bad(span, why))?;
            } else if map.insert(key.clone(), value).is_some() {
                return Err(bad(span, format!("key {key:?} stands there twice")));
            }
        }
    }
}

/// Adds a merged mapping, or several of which the first wins.
fn merge(merged: &mut Map<String, Value>, value: Value) -> Result<(), &'static str> {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                merged.entry(key).or_insert(value);
            }
            Ok(())
        }
        Value::Array(maps) => maps.into_iter().try_for_each(|map| merge(merged, map)),
        _ => Err("only mappings can be merged"),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Value {
    let is_text = tag.is_some_and(|tag| tag.suffix == "str" || tag.handle == "!");
    if style != ScalarStyle::Plain || is_text {
        return text.into();
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return true.into(),
        "false" | "False" | "FALSE" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return false.into(),
        _ => {}
    }
    integer(text).or_else(|| float(text)).map_or_else(|| text.into(), Value::Number)
}

fn integer(text: &str) -> Option<Number> {
    let plain = text.replace('_', "");
    let (negative, digits) = match plain.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, plain.strip_prefix('+').unwrap_or(&plain)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (radix, digits) = match digits.get(..2) {
        Some("0x") => (16, &digits[2..]),
        Some("0b") => (2, &digits[2..]),
        Some("0o") => (8, &digits[2..]),
        Some(start) if start.starts_with('0') => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.starts_with(['+', '-']) {
        return None;
    }
    let value = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -value } else { value };
    i64::try_from(value).map(Number::from).or_else(|_| u64::try_from(value).map(Number::from)).ok()
}

fn float(text: &str) -> Option<Number> {
    let numeric = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E' | '_');
    if !text.chars().all(numeric) || !text.contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    text.replace('_', "").parse().ok().and_then(Number::from_f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn reads_files_of_settings() {
        let text = "# a comment\ntopic: gates\nmode: 0600\nlist: [ a, 'b c', \"d\\n\" ]\nnested:\n  - db: x\n    rp: ''\n  - { db: y, rp: z }\nfilter: '\"v\" > 1'\n";
        let expected = json!({
            "topic": "gates",
            "mode": 384,
            "list": ["a", "b c", "d\n"],
            "nested": [{ "db": "x", "rp": "" }, { "db": "y", "rp": "z" }],
            "filter": "\"v\" > 1",
        });
        assert_eq!(parse(text).unwrap(), expected);
        assert_eq!(parse("").unwrap(), Value::Null);
        assert_eq!(parse("{\"a\": [1, 2.5, null]}").unwrap(), json!({ "a": [1, 2.5, null] }));
    }

    #[test]
    fn plain_words_have_types() {
        for (text, value) in [
            ("42", json!(42)),
            ("-0x1f", json!(-31)),
            ("1_000", json!(1000)),
            ("0o17", json!(15)),
            ("089", json!(89.0)),
            ("18446744073709551615", json!(u64::MAX)),
            ("1.5", json!(1.5)),
            ("1e3", json!(1000.0)),
            ("1.2.3", json!("1.2.3")),
            ("5m", json!("5m")),
            ("-", json!([null])),
            ("yes", json!(true)),
            ("off", json!(false)),
            ("~", json!(null)),
            ("'42'", json!("42")),
            ("!!str 42", json!("42")),
            ("2021-01-01", json!("2021-01-01")),
            ("'*'", json!("*")),
        ] {
            assert_eq!(parse(text).unwrap(), value, "{text}");
        }
    }

    #[test]
    fn anchors_and_merges() {
        let text = "base: &b { a: 1, b: 2 }\nuse:\n  <<: *b\n  b: 3\n";
        assert_eq!(parse(text).unwrap()["use"], json!({ "a": 1, "b": 3 }));
    }

    #[test]
    fn refuses_what_is_broken_or_too_much() {
        for text in ["topic: [\n", "a: b: c\n", "a: 1\na: 2\n", "a: *none\n", "{", "? [1]\n: 2\n", "&a [*a]"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        let mut bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n".to_string();
        for n in 1..9 {
            let uses = vec![format!("*a{}", n - 1); 10].join(",");
            bomb.push_str(&format!("a{n}: &a{n} [{uses}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().why.contains("too much"));
        assert!(parse(&"[".repeat(5000)).is_err());
        assert_eq!(parse("a: 1\nb: [\n").unwrap_err().line, 2);
    }
}
