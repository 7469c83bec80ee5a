//! Answers in each format: the same rows in JSON and MessagePack, by a real server and of any answer.

use influx::{
    AnswerReader, Cell, Cluster, ClusterConfig, Error, Format, Generation, OwnedCell, Query, Rows, parse_time,
};
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use testkit::http::{Answer, Server};
use testkit::influxd::Influxd;

use crate::run;

/// Name, tags and columns.
type Head = (String, Vec<(String, String)>, Vec<String>);

/// What an answer told: heads of series, rows, ends. Times are nanoseconds, however they came.
#[derive(Debug, Default, PartialEq)]
struct Told {
    series: Vec<Head>,
    rows: Vec<Vec<OwnedCell>>,
    ends: Vec<usize>,
}

impl Rows for Told {
    fn series(
        &mut self,
        name: &str,
        tags: &mut dyn Iterator<Item = (&str, &str)>,
        columns: &[&str],
    ) -> Result<(), String> {
        let tags = tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        self.series.push((name.to_owned(), tags, columns.iter().map(|&column| column.to_owned()).collect()));
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        let (_, _, columns) = self.series.last().expect("rows come after their series");
        let in_time = |cell: &Cell<'_>| cell.text().and_then(parse_time).map(Cell::Time);
        let cells = cells.iter().zip(columns).map(|(cell, column)| match in_time(cell) {
            Some(time) if column == "time" => time,
            _ => cell.clone().into_owned(),
        });
        self.rows.push(cells.collect());
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        self.ends.push(self.rows.len());
        Ok(())
    }
}

fn read(format: Format, body: &[u8], size: usize) -> Result<Told, Error> {
    let mut told = Told::default();
    let mut reader = AnswerReader::new(format, &mut told);
    body.chunks(size).try_for_each(|part| reader.push(part))?;
    reader.finish()?;
    Ok(told)
}

fn in_format(url: &str, format: Option<Format>) -> Cluster {
    Cluster::new(ClusterConfig { format, ..ClusterConfig::at(url) }).expect("a good configuration")
}

#[test]
fn a_real_server_says_the_same_in_each_format() {
    let server = Influxd::start();
    server.query("CREATE DATABASE plant");
    let mut lines = String::from("n,t=s\\ d i=-3i,f=0.1,s=\"a\\\"b\\\\ ä, <x>\",b=true 1\n");
    for index in 0..25_000i64 {
        let (host, part) = (index % 3, index as f64 / 7.0);
        lines.push_str(&format!("m,host=h{host} f={part},i={}i,b={} {}\n", index * index, index % 2 == 0, 7 + index));
    }
    server.write("plant", &lines);
    for text in [
        "SELECT f, i, b FROM plant.autogen.m GROUP BY host",
        "SELECT f, i FROM plant.autogen.m",
        "SELECT mean(f), max(i) FROM plant.autogen.m WHERE time < 30000 GROUP BY time(1000ns), * fill(null)",
        "SELECT * FROM plant.autogen.n",
        "SELECT f FROM plant.autogen.nothing",
    ] {
        let ask = |format| {
            let mut told = Told::default();
            run(async { in_format(&server.url(), Some(format)).query(&Query::new(text), &mut told).await })
                .expect(text);
            told
        };
        let expected = ask(Format::Json);
        assert_eq!(expected.rows.is_empty(), text.ends_with("nothing"), "{text}");
        assert!(ask(Format::MessagePack) == expected, "{text}");
        assert!(ask(Format::Csv) == expected, "{text}");
    }
    for format in [Format::Json, Format::MessagePack, Format::Csv] {
        let ask = |text| {
            let mut told = Told::default();
            run(async { in_format(&server.url(), Some(format)).query(&Query::new(text), &mut told).await })
        };
        let wrong = ask("SELECT").expect_err("no query");
        assert!(
            matches!(&wrong, Error::Refused { status: 400, text } if text.starts_with("error parsing query: found EOF")),
            "{wrong}"
        );
        let missing = ask("SELECT v FROM nowhere.autogen.m");
        match format {
            // The server leaves it out.
            Format::Csv => assert_eq!(missing, Ok(())),
            _ => assert_eq!(missing, Err(Error::Query("database not found: nowhere".to_owned()))),
        }
    }
}

#[test]
fn what_is_asked_for_is_set_or_goes_by_the_server() {
    let accepted = |config: ClusterConfig, version: &'static str| {
        let server = Server::start(move |_| {
            let answer = Answer::new(200, "{\"results\":[{}]}");
            Answer { headers: vec![("X-Influxdb-Version".to_owned(), version.to_owned())], ..answer }
        });
        let cluster = Cluster::new(ClusterConfig { urls: vec![server.url()], ..config }).expect("a good configuration");
        for _ in 0..2 {
            // JSON comes back whatever is asked for, and is read.
            let asked = run(async { cluster.query(&Query::new("SELECT"), &mut Told::default()).await });
            assert_eq!(asked, Ok(()));
        }
        run(async { cluster.collect(&Query::new("SHOW DATABASES")).await }).expect("an answer");
        let sent = server.take();
        sent.iter().map(|request| request.header("accept").unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let of = |generation, format| ClusterConfig { generation, format, ..ClusterConfig::default() };
    let (json, packed, csv) = ("*/*", "application/x-msgpack", "application/csv");
    for (config, version, expected) in [
        (of(Generation::Unsaid, None), "1.8.10", [json, packed, json]),
        (of(Generation::Unsaid, None), "v2.7.1", [json, json, json]),
        (of(Generation::Unsaid, None), "relay", [json, json, json]),
        (of(Generation::One, None), "1.6.7", [packed, packed, json]),
        (of(Generation::Two, None), "v2.7.1", [json, json, json]),
        (of(Generation::Two, Some(Format::MessagePack)), "v2.7.1", [packed, packed, json]),
        (of(Generation::Unsaid, Some(Format::Csv)), "1.8.10", [csv, csv, json]),
        (of(Generation::Unsaid, Some(Format::Json)), "1.8.10", [json, json, json]),
    ] {
        assert_eq!(accepted(config.clone(), version), expected, "{config:?} {version}");
    }
}

/// An answer, in documents as they are sent in chunks.
type Documents = Vec<Vec<Series>>;

#[derive(Debug, Clone)]
struct Series {
    name: String,
    tags: Vec<(String, String)>,
    columns: Vec<String>,
    /// The first column's times, and the other cells.
    rows: Vec<(i64, Vec<Value>)>,
    partial: bool,
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i8>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
        vec("[a-z]{0,3}", 0..4).prop_map(Value::from),
    ]
}

fn series() -> impl Strategy<Value = Series> {
    let tags = proptest::collection::btree_map(".{0,3}", ".{0,9}", 0..4);
    (".{0,9}", tags, 0..4usize, any::<bool>()).prop_flat_map(|(name, tags, width, partial)| {
        let columns = (0..width).map(|at| format!("v{at}"));
        let columns = std::iter::once("time".to_owned()).chain(columns).collect::<Vec<_>>();
        let tags: Vec<_> = tags.into_iter().collect();
        vec((any::<i64>(), vec(value(), width)), 0..20).prop_map(move |rows| Series {
            name: name.clone(),
            tags: tags.clone(),
            columns: columns.clone(),
            rows,
            partial,
        })
    })
}

fn as_json(documents: &Documents) -> Vec<u8> {
    let mut body = Vec::new();
    for document in documents {
        let series = document.iter().map(|one| {
            let rows = one.rows.iter().map(|(time, cells)| {
                std::iter::once(json!(rfc3339(*time))).chain(cells.iter().cloned()).collect::<Vec<_>>()
            });
            let rows: Vec<_> = rows.collect();
            let tags: serde_json::Map<String, Value> =
                one.tags.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
            json!({"name": one.name, "tags": tags, "columns": one.columns, "values": rows, "partial": one.partial})
        });
        let result = json!({"statement_id": 0, "series": series.collect::<Vec<_>>(), "partial": true});
        serde_json::to_writer(&mut body, &json!({"results": [result]})).expect("JSON");
        body.push(b'\n');
    }
    body
}

/// A time as JSON has it.
fn rfc3339(time: i64) -> String {
    let mut text = String::new();
    // The smallest of all times stands for none there.
    model::write_rfc3339(time.max(i64::MIN + 1), &mut text);
    text
}

/// Bytes of MessagePack as `tinylib/msgp` writes them.
#[derive(Default)]
struct Packed(Vec<u8>);

impl Packed {
    /// A marker and a length: up to `short` in the marker `fix`, else behind `long` in 4 bytes.
    fn length(&mut self, length: usize, fix: u8, short: usize, long: u8) {
        if length <= short {
            self.0.push(fix | length as u8);
        } else {
            self.0.push(long);
            self.0.extend((length as u32).to_be_bytes());
        }
    }

    fn map(&mut self, length: usize) {
        self.length(length, 0x80, 15, 0xdf);
    }

    fn list(&mut self, length: usize) {
        self.length(length, 0x90, 15, 0xdd);
    }

    fn text(&mut self, text: &str) {
        self.length(text.len(), 0xa0, 31, 0xdb);
        self.0.extend(text.as_bytes());
    }

    fn time(&mut self, time: i64) {
        let time = time.max(i64::MIN + 1);
        self.0.extend([0xc7, 12, 5]);
        self.0.extend(time.div_euclid(1_000_000_000).to_be_bytes());
        self.0.extend((time.rem_euclid(1_000_000_000) as u32).to_be_bytes());
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.push(0xc0),
            Value::Bool(value) => self.0.push(if *value { 0xc3 } else { 0xc2 }),
            Value::String(text) => self.text(text),
            Value::Array(values) => {
                self.list(values.len());
                values.iter().for_each(|value| self.value(value));
            }
            Value::Number(number) => match (number.as_i64(), number.as_u64()) {
                (Some(small @ -32..=127), _) => self.0.push(small as u8),
                (Some(value), _) => {
                    self.0.push(0xd3);
                    self.0.extend(value.to_be_bytes());
                }
                (None, Some(value)) => {
                    self.0.push(0xcf);
                    self.0.extend(value.to_be_bytes());
                }
                (None, None) => {
                    self.0.push(0xcb);
                    self.0.extend(number.as_f64().expect("a float").to_be_bytes());
                }
            },
            Value::Object(_) => unreachable!("no cell is an object"),
        }
    }

    fn series(&mut self, one: &Series) {
        self.map(2 + usize::from(!one.name.is_empty()) + usize::from(!one.tags.is_empty()) + usize::from(one.partial));
        if !one.name.is_empty() {
            self.text("name");
            self.text(&one.name);
        }
        if !one.tags.is_empty() {
            self.text("tags");
            self.map(one.tags.len());
            // In any order.
            for (key, value) in one.tags.iter().rev() {
                self.text(key);
                self.text(value);
            }
        }
        self.text("columns");
        self.list(one.columns.len());
        one.columns.iter().for_each(|column| self.text(column));
        self.text("values");
        self.list(one.rows.len());
        for (time, cells) in &one.rows {
            self.list(1 + cells.len());
            self.time(*time);
            cells.iter().for_each(|cell| self.value(cell));
        }
        if one.partial {
            self.text("partial");
            self.value(&json!(true));
        }
    }
}

fn as_packed(documents: &Documents) -> Vec<u8> {
    let mut packed = Packed::default();
    for document in documents {
        packed.map(1);
        packed.text("results");
        packed.list(1);
        packed.map(2);
        packed.text("statement_id");
        packed.value(&json!(0));
        packed.text("series");
        packed.list(document.len());
        document.iter().for_each(|one| packed.series(one));
    }
    packed.0
}

proptest! {
    #[test]
    fn any_answer_says_the_same_in_both_formats(
        documents in vec(vec(series(), 0..4), 1..5),
        size in 1usize..200,
    ) {
        let json = read(Format::Json, &as_json(&documents), 4096);
        let packed = as_packed(&documents);
        prop_assert_eq!(&read(Format::MessagePack, &packed, size), &json);
        prop_assert!(json.is_ok());
        // What breaks off is told, wherever.
        let cut = read(Format::MessagePack, &packed[..packed.len() - 1], size);
        prop_assert!(matches!(cut, Err(Error::Decode(_))), "{:?}", cut);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in vec(any::<u8>(), 0..300), text in "[a-z,=\"\\\\\n0-9.]{0,200}", size in 1usize..50) {
        for format in [Format::Json, Format::MessagePack, Format::Csv] {
            let whole = read(format, &bytes, bytes.len().max(1));
            prop_assert_eq!(&read(format, &bytes, size), &whole);
        }
        let body = format!("name,tags,time,v\n{text}");
        prop_assert_eq!(&read(Format::Csv, body.as_bytes(), size), &read(Format::Csv, body.as_bytes(), body.len()));
    }
}
