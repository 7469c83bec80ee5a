//! Any body yields the points of the plain reading, or an error with the line's number; what is written reads back.
#![no_main]

#[path = "../../crates/model/tests/line_protocol/reference.rs"]
mod reference;

use libfuzzer_sys::fuzz_target;
use model::{Frame, Precision, Schema, Words, parse_lines, write_line};

const NOW: i64 = 1_234_567_890_123_456_789;

fuzz_target!(|input: (u8, &[u8])| {
    let (choice, body) = input;
    let precision = Precision::parse(["n", "u", "ms", "s", "m", "h"][usize::from(choice) % 6]);
    let wanted = reference::read(body, precision.nanos(), NOW);
    let schema = Schema::new();
    for round in 0..2 {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        match (parse_lines(&schema, body, precision, NOW, &mut rows, &mut words), &wanted) {
            (Ok(()), Ok(wanted)) => {
                let frame = Frame::new(words.clone().into());
                assert_eq!(&reference::points(&schema, &rows, words), wanted, "round {round}");
                // A name that begins with a blank is read only where no gap is before it.
                if wanted.iter().flat_map(|point| point.fields.keys()).any(|name| name.starts_with(['\t', '\0'])) {
                    continue;
                }
                let mut text = String::new();
                for row in &rows {
                    let series = schema.series(row.series);
                    write_line(&schema, &frame, row, schema.text(series.name()), series.tags(), 1, &mut text);
                }
                let again = reference::read(text.as_bytes(), 1, NOW);
                assert_eq!(again.as_ref(), Ok(wanted), "written as {text:?}");
            }
            (Err(error), Err(line)) => assert_eq!(error.line, *line, "round {round}"),
            (found, wanted) => panic!("round {round}: {found:?}, not {wanted:?}"),
        }
    }
});
