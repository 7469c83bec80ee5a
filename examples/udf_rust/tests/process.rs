//! The function as the daemon meets it: a process that is spoken to over its standard streams.
#![allow(clippy::unwrap_used)]

use std::{
    io::{Read, Write},
    process::{Command, Stdio},
};

use udf::{
    Ask, BeginBatch, DoubleEntry, EndBatch, Frames, InitRequest, OptionCall, Point, Request, Response, Tell, TextEntry,
    Value, write_frame,
};

/// What it answers to these requests, to its end.
fn talk(requests: Vec<Ask>) -> Vec<Tell> {
    let program = env!("CARGO_BIN_EXE_quantiles");
    let mut process = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut bytes = Vec::new();
    for request in requests {
        write_frame(&Request::from(request), &mut bytes);
    }
    process.stdin.take().unwrap().write_all(&bytes).unwrap();
    let mut answers = Vec::new();
    process.stdout.take().unwrap().read_to_end(&mut answers).unwrap();
    process.wait().unwrap();
    let mut frames = Frames::default();
    frames.feed(&answers);
    std::iter::from_fn(|| frames.message::<Response>().unwrap()).map(|response| response.message.unwrap()).collect()
}

fn init(options: &[(&str, Value)]) -> Ask {
    let options =
        options.iter().map(|(name, value)| OptionCall { name: name.to_string(), values: vec![value.clone().into()] });
    Ask::Init(InitRequest { options: options.collect(), ..InitRequest::default() })
}

#[test]
fn a_batch_becomes_its_quantiles() {
    let field = ("field", Value::String("v".to_string()));
    let tags = vec![TextEntry { key: "host".to_string(), value: "a".to_string() }];
    let mut requests = vec![init(&[field, ("at", Value::Double(0.5)), ("at", Value::Double(1.0))])];
    requests.push(Ask::Begin(BeginBatch { name: "m".to_string(), tags: tags.clone(), ..BeginBatch::default() }));
    for value in [3.0, 1.0, 2.0] {
        let fields_double = vec![DoubleEntry { key: "v".to_string(), value }];
        requests.push(Ask::Point(Point { fields_double, ..Point::default() }));
    }
    requests.push(Ask::End(EndBatch { name: "m".to_string(), tmax: 9, tags, ..EndBatch::default() }));
    let answers = talk(requests);
    let [Tell::Init(init), Tell::Point(point)] = answers.as_slice() else { panic!("{answers:?}") };
    assert!(init.success, "{}", init.error);
    let fields: Vec<(&str, f64)> = point.fields_double.iter().map(|field| (field.key.as_str(), field.value)).collect();
    assert_eq!((point.time, fields), (9, vec![("p50", 2.0), ("p100", 3.0)]));
    assert_eq!((point.dimensions.as_slice(), point.tags.len()), (["host".to_string()].as_slice(), 1));
}

#[test]
fn wrong_options_are_refused() {
    for options in [vec![], vec![("at", Value::Double(2.0))]] {
        let answers = talk(vec![init(&options)]);
        let [Tell::Init(init)] = answers.as_slice() else { panic!("{answers:?}") };
        assert!(!init.success && init.error.contains("at"), "{}", init.error);
    }
}
