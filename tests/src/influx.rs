//! An InfluxDB that answers queries by a script (`influx.json`) and takes writes apart.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
};

use engine::{Answer, InfluxQuery, InfluxWrite};
use model::{BatchHead, FieldType, Name, Row, Schema, Words, parse_rfc3339};
use regex::Regex;
use serde_json::{Map, Value as Json, json};

/// The answers of a case.
#[derive(Debug, Default)]
pub(crate) struct Influx {
    answers: Vec<Scripted>,
}

/// One answer, given to queries that match.
#[derive(Debug)]
struct Scripted {
    pattern: Regex,
    /// It is given but once.
    once: bool,
    used: AtomicBool,
    /// A refusal.
    status: Option<u64>,
    results: Json,
}

impl Influx {
    /// The answers of the case in this folder; none if it has none.
    pub(crate) fn load(folder: &Path) -> Result<Influx, String> {
        let Ok(text) = fs::read_to_string(folder.join("influx.json")) else { return Ok(Influx::default()) };
        let wrong = |why: String| format!("influx.json: {why}");
        let items: Vec<Json> = serde_json::from_str(&text).map_err(|why| wrong(why.to_string()))?;
        let answers = items.iter().map(|item| {
            let pattern = item["match"].as_str().unwrap_or_default();
            Ok(Scripted {
                pattern: Regex::new(pattern).map_err(|why| wrong(why.to_string()))?,
                once: item.get("once").is_some(),
                used: AtomicBool::new(false),
                status: item["status"].as_u64(),
                results: item["results"].clone(),
            })
        });
        Ok(Influx { answers: answers.collect::<Result<_, String>>()? })
    }

    /// What comes back for a query; nothing for one that no answer is for.
    pub(crate) fn ask(&self, query: &InfluxQuery, schema: &Schema) -> Answer {
        let found = self.answers.iter().find(|answer| {
            answer.pattern.is_match(&query.text) && !(answer.once && answer.used.swap(true, Ordering::Relaxed))
        });
        let empty = Json::Null;
        let results = match found {
            Some(Scripted { status: Some(status), .. }) => return Answer::Failed(format!("HTTP status {status}")),
            Some(answer) => &answer.results,
            None => &empty,
        };
        let mut batches = Batches { schema, query, words: Words::default(), done: Vec::new() };
        for result in items(results) {
            if let Some(why) = result["error"].as_str() {
                return Answer::Failed(why.to_string());
            }
            for series in items(&result["series"]) {
                batches.series(series);
            }
        }
        Answer::Batches { words: batches.words.into(), batches: batches.done }
    }
}

fn items(list: &Json) -> &[Json] {
    list.as_array().map_or(&[], Vec::as_slice)
}

/// Series of an answer on their way to batches.
struct Batches<'a> {
    schema: &'a Schema,
    query: &'a InfluxQuery,
    words: Words,
    done: Vec<(BatchHead, Vec<Row>)>,
}

impl Batches<'_> {
    fn series(&mut self, series: &Json) {
        let schema = self.schema;
        let tags = series["tags"].as_object().into_iter().flatten();
        let mut tags: Vec<(Name, Name)> =
            tags.map(|(key, value)| (schema.name(key), schema.name(value.as_str().unwrap_or_default()))).collect();
        tags.sort_by(|a, b| schema.text(a.0).cmp(schema.text(b.0)));
        let name = schema.name(series["name"].as_str().unwrap_or_default());
        let group = schema.group_of_tags(self.query.by_name, name, &tags);
        let id = schema.series_of(name, &tags);
        let columns: Vec<&str> = items(&series["columns"]).iter().filter_map(Json::as_str).collect();
        let mut rows = Vec::new();
        for values in items(&series["values"]) {
            let at = self.words.words.len() as u32;
            let (time, fields) = self.row(&columns, items(values));
            if !fields.is_empty() {
                rows.push(Row { time, series: id, shape: schema.shape_of(&fields), at, group });
            }
        }
        let last = rows.iter().map(|row| row.time).max().filter(|_| self.query.grouped_by_time);
        self.done.push((BatchHead { name, group, tmax: last.unwrap_or(self.query.stop) }, rows));
    }

    /// A row's time and fields; its words are pushed.
    fn row(&mut self, columns: &[&str], values: &[Json]) -> (i64, Vec<(Name, FieldType)>) {
        let (mut time, mut fields) = (0, Vec::new());
        for (&column, value) in columns.iter().zip(values) {
            if column == "time" {
                time = value.as_str().and_then(parse_rfc3339).or(value.as_i64()).unwrap_or(0);
                continue;
            }
            let (field_type, word) = match value {
                Json::Number(number) => (FieldType::Float, number.as_f64().unwrap_or_default().to_bits()),
                Json::Bool(value) => (FieldType::Bool, u64::from(*value)),
                Json::String(text) => (FieldType::String, self.words.push_text(text)),
                _ => continue,
            };
            fields.push((self.schema.name(column), field_type));
            self.words.words.push(word);
        }
        (time, fields)
    }
}

/// The points of a write as they are recorded.
pub(crate) fn recorded(write: &InfluxWrite) -> Vec<Json> {
    let precision = match write.precision.as_str() {
        "" | "n" | "ns" => "ns",
        "u" | "us" | "µ" | "µs" => "u",
        other => other,
    };
    let points = write.lines.lines().filter(|line| !line.trim().is_empty()).map(|line| {
        let mut point = canonical(line);
        point["db"] = json!(write.database);
        point["rp"] = json!(write.retention_policy);
        point["precision"] = json!(precision);
        point
    });
    points.collect()
}

/// A line of line protocol with its tags in a map, and the fields as far as they are plain numbers as such.
fn canonical(line: &str) -> Json {
    let parts = split(line, ' ');
    let key = split(parts[0], ',');
    let tags = key[1..].iter().filter_map(|tag| tag.split_once('='));
    let tags: Map<String, Json> = tags.map(|(key, value)| (key.to_string(), json!(value))).collect();
    let mut fields = Map::new();
    for field in split(parts.get(1).copied().unwrap_or_default(), ',') {
        let key = split(field, '=')[0];
        let text = field.get(key.len() + 1..).unwrap_or_default();
        let is_plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c));
        let value =
            if is_plain { text.parse::<f64>().map_or(json!(text), |number| json!(number)) } else { json!(text) };
        fields.insert(key.to_string(), value);
    }
    json!({"name": key[0], "tags": tags, "fields": fields, "time": parts.get(2)})
}

/// The parts between separators that are neither escaped nor quoted.
fn split(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut from, mut escaped, mut quoted) = (Vec::new(), 0, false, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == '"' {
            quoted = !quoted;
        } else if c == separator && !quoted {
            parts.push(&text[from..at]);
            from = at + c.len_utf8();
        }
    }
    parts.push(&text[from..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_taken_apart() {
        let got = canonical("a\\ b,h=x\\,y i=2i,s=\"a, b=c\",x=1.5 7");
        let fields = json!({"i": "2i", "s": "\"a, b=c\"", "x": 1.5});
        assert_eq!(got, json!({"name": "a\\ b", "tags": {"h": "x\\,y"}, "fields": fields, "time": "7"}));
    }
}
