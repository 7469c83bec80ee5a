//! Whatever is written, the points are those of the plain reading, or the error names the line.

#![allow(clippy::unwrap_used)]

mod reference;

use model::{Frame, Precision, Schema, Value, Words, parse_lines, write_line};
use proptest::{collection::vec, prelude::*, sample::select};

const NOW: i64 = 1_234_567_890_123_456_789;

/// Read twice with one schema: what it remembers of the first time must change nothing.
fn compare(body: &[u8], precision: Precision) -> Result<(), TestCaseError> {
    let wanted = reference::read(body, precision.nanos(), NOW);
    let schema = Schema::new();
    for round in 0..2 {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        let text = String::from_utf8_lossy(body);
        match (parse_lines(&schema, body, precision, NOW, &mut rows, &mut words), &wanted) {
            (Ok(()), Ok(wanted)) => {
                prop_assert_eq!(&reference::points(&schema, &rows, words), wanted, "round {} of {:?}", round, text);
            }
            (Err(error), Err(line)) => prop_assert_eq!(error.line, *line, "round {} of {:?}", round, text),
            (found, wanted) => prop_assert!(false, "round {round} of {text:?}: {found:?}, not {wanted:?}"),
        }
    }
    Ok(())
}

fn precision() -> impl Strategy<Value = Precision> {
    select(["n", "u", "ms", "s", "m", "h"].map(Precision::parse).to_vec())
}

/// A name as it is written.
fn name() -> impl Strategy<Value = String> {
    let part = select(vec!["a", "b", "é", "\\ ", "\\,", "\\=", "\\", "\\\\", "cpu", "\t", "\"", "#", "-", "1"]);
    vec(part, 1..4).prop_map(|parts| parts.concat())
}

/// Numbers about the ends of what fits, and odd ways to write some.
const EDGES: [&str; 20] = [
    "9223372036854775807i",
    "9223372036854775808i",
    "-9223372036854775808i",
    "-9223372036854775809i",
    "18446744073709551616i",
    "00000000000000000000000001i",
    "-0i",
    "+1i",
    "-0",
    "+1",
    "1e308",
    "-1e309",
    "1e-400",
    "4.9e-324",
    "179769313486231570000000000000000000000e270",
    "0.1e1",
    "1E5",
    "1e+5",
    "inf",
    "0x10",
];

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<f64>().prop_map(|value| format!("{value}")),
        any::<f64>().prop_map(|value| format!("{value:e}")),
        any::<i64>().prop_map(|value| format!("{value}i")),
        "[0-9]{1,25}(\\.[0-9]{0,20})?",
        "\"([ -~\n]|\\\\\"|\\\\\\\\|é){0,6}\"",
        select(vec!["t", "T", "true", "TRUE", "tRue", "f", "False", "NaN", "-", "1e", ".5", "", "-i", "1.", "1u"])
            .prop_map(str::to_string),
        select(EDGES.to_vec()).prop_map(str::to_string),
    ]
}

/// Lines that mostly hold, of few names, so that one line is like another.
fn line() -> impl Strategy<Value = String> {
    let short = || prop_oneof![3 => select(vec!["a", "b", "c"]).prop_map(str::to_string), 1 => name()];
    let tags = vec((short(), short()), 0..3);
    let fields = vec((short(), value()), 1..4);
    let blank = select(vec![" ", "  ", "\t", " \t", " \0"]);
    let time = prop_oneof![
        2 => Just(String::new()),
        4 => (-5i64..2_000_000_000).prop_map(|time| time.to_string()),
        1 => select(vec!["x", "1 2", "-", "9223372036854775807", "-9223372036854775807", "1\r"]).prop_map(str::to_string),
        // What fits in one precision does not in another.
        1 => select(vec![
            "9223372036854775808", "-9223372036854775808", "9223372036854775", "9223372036854776", "9223372036854",
            "9223372036855", "9223372036", "9223372037", "153722867", "153722868", "2562047", "2562048", "-2562048",
            "+1", "01", "1.5", "1e3", "1i",
        ])
        .prop_map(str::to_string),
    ];
    (short(), tags, blank.clone(), fields, blank, time).prop_map(|(name, tags, gap, fields, blank, time)| {
        let tags: String = tags.iter().map(|(key, value)| format!(",{key}={value}")).collect();
        let fields: Vec<String> = fields.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{name}{tags}{gap}{}{blank}{time}", fields.join(","))
    })
}

fn body() -> impl Strategy<Value = String> {
    let other =
        select(vec!["", "# a comment, \"with\" quotes", "  ", "\t", "a", "a b", ",b c=1"]).prop_map(str::to_string);
    let ends = vec(select(vec!["\n", "\n", "\r\n", "\n\n", "\r\n\r\n", "\n\r\n"]), 6);
    let lines = vec(prop_oneof![8 => line(), 1 => other], 1..6);
    (lines, ends, any::<bool>()).prop_map(|(lines, ends, is_ended)| {
        let last = lines.len() - 1;
        let lines = lines.iter().zip(ends).enumerate();
        lines
            .map(|(at, (line, end))| if at < last || is_ended { format!("{line}{end}") } else { line.clone() })
            .collect()
    })
}

fn soup() -> impl Strategy<Value = Vec<u8>> {
    let token: Vec<&[u8]> = vec![
        b"a",
        b"b",
        b"cpu",
        b",",
        b"=",
        b" ",
        b"\n",
        b"\\",
        b"\"",
        b"1",
        b"-",
        b".",
        b"e",
        b"i",
        b"t",
        b"#",
        b"\t",
        b"\0",
        b"\r",
        "é".as_bytes(),
        b"\xff",
        b"a=1",
        b"a,b=c d=1 1\n",
    ];
    vec(select(token), 0..30).prop_map(|tokens| tokens.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn lines_mean_what_they_say(body in body(), precision in precision()) {
        compare(body.as_bytes(), precision)?;
    }

    #[test]
    fn what_is_no_utf_8_does_no_harm(
        body in body(), precision in precision(), at in any::<prop::sample::Index>(), byte in 0x80u8..=0xff
    ) {
        let mut bytes = body.into_bytes();
        if !bytes.is_empty() {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        compare(&bytes, precision)?;
    }

    #[test]
    fn no_bytes_do_harm(body in soup(), precision in precision()) {
        compare(&body, precision)?;
    }
}

/// The plain reading itself, on what was recorded of Kapacitor.
#[test]
fn the_reference_accepts_what_kapacitor_does() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("../data/line_protocol.json")).unwrap();
    for vector in vectors.as_array().unwrap() {
        let body = vector["body"].as_str().unwrap();
        assert_eq!(reference::read(body.as_bytes(), 1, NOW).is_ok(), vector["status"] == 204, "{vector}");
    }
    let points = reference::read(b"c\\ pu,t=\\, v=\"a\\\"\",w=1i -5\n", 1_000, NOW).unwrap();
    assert_eq!((points[0].name.as_str(), points[0].time), ("c pu", -5_000));
    assert_eq!(points[0].tags["t"], ",");
    assert_eq!(points[0].fields["v"], Value::String("a\"".into()));
}

#[test]
fn what_follows_a_timestamp_at_once_is_part_of_it() {
    for (body, is_fine) in [("m v=1 5\0", false), ("m v=1 5 \0", true), ("m v=1 \0", true), ("m v=1 5\t\n", true)] {
        assert_eq!(reference::read(body.as_bytes(), 1, NOW).is_ok(), is_fine, "{body:?}");
        compare(body.as_bytes(), Precision::Nanoseconds).unwrap();
    }
}

#[test]
fn names_with_backslashes_are_read_as_they_were_written() {
    for body in ["a\\\\=b v=1 5\n", "a\\b=\\=,t=x v=1 5\n", "a\\\\,b v=1 5\n", "a\\\\\\ =\\\\\\=b v=1 5\n"] {
        let (schema, mut rows, mut words) = (Schema::new(), Vec::new(), Words::default());
        parse_lines(&schema, body.as_bytes(), Precision::Nanoseconds, NOW, &mut rows, &mut words).unwrap();
        let (frame, series) = (Frame::new(words.into()), schema.series(rows[0].series));
        let mut text = String::new();
        write_line(&schema, &frame, &rows[0], schema.text(series.name()), series.tags(), 1, &mut text);
        assert_eq!(reference::read(text.as_bytes(), 1, NOW), reference::read(body.as_bytes(), 1, NOW), "{text:?}");
    }
}
