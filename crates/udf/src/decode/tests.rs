//! What is written of rows is read back as the same rows.

use model::{Frame, Precision, Walk, parse_lines, write_line};

use super::*;
use crate::{Ask, BoolEntry, DoubleEntry, Encoder, Frames, IntEntry, Request};

fn text(key: &str, value: &str) -> TextEntry {
    TextEntry { key: key.to_string(), value: value.to_string() }
}

/// The points of an output as line protocol, batches as `tmax group` and their points.
fn shown(schema: &Schema, outputs: Vec<Output>) -> Vec<String> {
    let mut shown = Vec::new();
    for Output { words, edge, .. } in outputs {
        let frame = Frame::new(Arc::new(words));
        let line = |row: &Row| {
            let (series, mut out) = (schema.series(row.series), String::new());
            write_line(schema, &frame, row, schema.text(series.name()), series.tags(), 1, &mut out);
            format!("{} [{}]", out.trim_end(), schema.group_text(row.group))
        };
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => shown.extend(rows.iter().map(line)),
                Walk::Batch(head, rows) => {
                    shown.push(format!("{} {}", schema.text(head.name), head.tmax));
                    shown.extend(rows.iter().map(line));
                }
                Walk::Barrier(..) | Walk::DeleteGroup(_) => shown.push("?".to_string()),
            }
        }
    }
    shown
}

/// What the daemon says of these lines, given straight back.
fn mirrored(lines: &str, batch: bool) -> (Arc<Schema>, Vec<String>) {
    let schema = Schema::new();
    let (mut rows, mut words) = (Vec::new(), Words::default());
    parse_lines(&schema, lines.as_bytes(), Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
    let by = schema.grouping(true, &["host"], None);
    for row in &mut rows {
        row.group = schema.group_of(&by, row.series);
    }
    let frame = Frame::new(Arc::new(words));
    let (mut encoder, mut bytes) = (Encoder::default(), Vec::new());
    if batch {
        let name = schema.series(rows[0].series).name();
        let head = BatchHead { name, group: rows[0].group, tmax: 99 };
        encoder.batch(&mut bytes, (&schema, &frame), &head, &rows);
    } else {
        for row in &rows {
            encoder.point(&mut bytes, (&schema, &frame), row, ("d", "r"));
        }
    }
    let mut frames = Frames::default();
    frames.feed(&bytes);
    let mut collector = Collector::new(Arc::clone(&schema), batch);
    while let Some(request) = frames.message::<Request>().unwrap() {
        match request.message.unwrap() {
            Ask::Point(point) => collector.point(point, 1).unwrap(),
            Ask::Begin(begin) => collector.begin(&begin).unwrap(),
            Ask::End(end) => collector.end(&end).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    let shown = shown(&schema, collector.take());
    (schema, shown)
}

#[test]
fn points_come_back_as_they_went() {
    let lines = "m,host=a,dc=x f=1.5,i=-7i,s=\"a \\\"b\\\"\",t=true 1\n\
                 m i=9007199254740993i,f=1e300 -5\n\
                 m,host=ü\\ 1 s=\"\",t=false,f=0,i=0i 0\n";
    let (_, shown) = mirrored(lines, false);
    assert_eq!(
        shown,
        [
            "m,dc=x,host=a f=1.5,i=-7i,s=\"a \\\"b\\\"\",t=true 1 [m\nhost=a]",
            "m f=1e+300,i=9007199254740993i -5 [m\nhost=]",
            "m,host=ü\\ 1 f=0,i=0i,s=\"\",t=false 0 [m\nhost=ü 1]",
        ]
    );
}

#[test]
fn batches_come_back_as_they_went() {
    let (_, shown) = mirrored("m,host=a,dc=x f=1 1\nm,host=a s=\"x\" 2\n", true);
    assert_eq!(shown, ["m 99", "m,dc=x,host=a f=1 1 [m\nhost=a]", "m,host=a s=\"x\" 2 [m\nhost=a]"]);
}

#[test]
fn groups_are_made_of_dimensions_and_tags() {
    let schema = Schema::new();
    let mut collector = Collector::new(Arc::clone(&schema), false);
    let point = Point {
        name: "m".to_string(),
        group: "nonsense".to_string(),
        dimensions: vec!["z".to_string(), "a".to_string(), "z".to_string()],
        tags: vec![text("z", "1"), text("k", "2"), text("z", "3")],
        fields_string: vec![text("v", "text")],
        fields_int: vec![IntEntry { key: "v".to_string(), value: 5 }],
        fields_double: vec![DoubleEntry { key: "v".to_string(), value: 2.5 }],
        ..Point::default()
    };
    collector.point(point.clone(), 1).unwrap();
    let both = Point { fields_bool: vec![BoolEntry { key: "v".to_string(), value: true }], ..point };
    collector.point(both, 1).unwrap();
    assert_eq!(shown(&schema, collector.take()), ["m,k=2,z=3 v=2.5 0 [a=,z=3]", "m,k=2,z=3 v=true 0 [a=,z=3]"]);
}

#[test]
fn points_of_other_databases_are_apart() {
    let schema = Schema::new();
    let mut collector = Collector::new(schema, false);
    for database in ["a", "a", "b"] {
        collector.point(Point { database: database.to_string(), ..Point::default() }, 1).unwrap();
    }
    let outputs = collector.take();
    let found: Vec<_> = outputs.iter().map(|output| (output.database.as_str(), output.edge.row_count())).collect();
    assert_eq!(found, [("a", 2), ("b", 1)]);
    assert!(collector.take().is_empty());
}

#[test]
fn what_comes_at_the_wrong_time_is_refused() {
    let batches = || Collector::new(Schema::new(), true);
    assert_eq!(batches().end(&EndBatch::default()), Err(OrderError::NotBegun));
    assert_eq!(batches().point(Point::default(), 1), Err(OrderError::NoStream));
    let mut twice = batches();
    twice.begin(&BeginBatch::default()).unwrap();
    assert_eq!(twice.begin(&BeginBatch::default()), Err(OrderError::NotEnded));
    assert_eq!(twice.point(Point::default(), MOST), Ok(()));
    assert_eq!(twice.point(Point::default(), 1), Err(OrderError::TooLong));
    let mut stream = Collector::new(Schema::new(), false);
    assert_eq!(stream.begin(&BeginBatch::default()), Err(OrderError::NoBatches));
}
