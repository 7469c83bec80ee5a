//! Whatever a function writes: it becomes rows or an error, and nothing else happens.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use model::{Frame, Schema, Walk};
use proptest::prelude::*;
use udf::{
    BeginBatch, BoolEntry, Collector, DoubleEntry, EndBatch, Frames, IntEntry, Point, Response, Tell, TextEntry,
    write_frame,
};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-c]", "\\PC{0,6}"]
}

fn tags() -> impl Strategy<Value = Vec<TextEntry>> {
    proptest::collection::vec((text(), text()).prop_map(|(key, value)| TextEntry { key, value }), 0..4)
}

prop_compose! {
    fn point()(
        time: i64, name in text(), database in text(), dimensions in proptest::collection::vec(text(), 0..4),
        tags in tags(), strings in tags(), key in text(), float: f64, int: i64, flag: bool, by_name: bool,
    ) -> Tell {
        Tell::Point(Point {
            time, name, database, dimensions, tags, by_name,
            fields_string: strings,
            fields_double: vec![DoubleEntry { key: key.clone(), value: float }],
            fields_int: vec![IntEntry { key: key.clone(), value: int }, IntEntry { key: "b".to_string(), value: 1 }],
            fields_bool: vec![BoolEntry { key: "b".to_string(), value: flag }],
            ..Point::default()
        })
    }
}

fn message() -> impl Strategy<Value = Tell> {
    let begin = (text(), any::<i64>(), any::<bool>())
        .prop_map(|(name, size, by_name)| Tell::Begin(BeginBatch { name, size, by_name, ..BeginBatch::default() }));
    let end = (text(), any::<i64>(), tags())
        .prop_map(|(name, tmax, tags)| Tell::End(EndBatch { name, tmax, tags, ..EndBatch::default() }));
    prop_oneof![4 => point(), 1 => begin, 1 => end]
}

/// How many rows come of these bytes; every value of them is looked at.
fn rows(bytes: &[u8], batches: bool, step: usize) -> usize {
    let schema = Schema::new();
    let (mut frames, mut collector, mut rows) = (Frames::default(), Collector::new(Arc::clone(&schema), batches), 0);
    for piece in bytes.chunks(step) {
        frames.feed(piece);
        while let Ok(Some(response)) = frames.message::<Response>() {
            let _ = match response.message {
                Some(Tell::Point(point)) => collector.point(point, 1),
                Some(Tell::Begin(begin)) => collector.begin(&begin),
                Some(Tell::End(end)) => collector.end(&end),
                _ => Ok(()),
            };
        }
        for output in collector.take() {
            let frame = Frame::new(Arc::new(output.words));
            for item in output.edge.walk() {
                let (Walk::Points(found) | Walk::Batch(_, found)) = item else { continue };
                for row in found {
                    for (index, (_, field_type)) in schema.shape(row.shape).fields().iter().enumerate() {
                        let _ = frame.value(frame.word(row, index), *field_type);
                    }
                    let _ = schema.group_text(row.group);
                }
                rows += found.len();
            }
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn points_become_rows(messages in proptest::collection::vec(point(), 0..20), step in 1usize..300) {
        let mut bytes = Vec::new();
        for message in &messages {
            write_frame(&Response::from(message.clone()), &mut bytes);
        }
        prop_assert_eq!(rows(&bytes, false, step), messages.len());
    }

    #[test]
    fn nothing_else_happens(
        messages in proptest::collection::vec(message(), 0..20),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        batches: bool,
        step in 1usize..300,
    ) {
        let mut bytes = Vec::new();
        for message in messages {
            write_frame(&Response::from(message), &mut bytes);
        }
        for (at, byte) in changes {
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        rows(&bytes, batches, step);
    }
}
