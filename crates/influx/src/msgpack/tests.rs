//! Any bytes are an answer or an error, and answers that were recorded say what their JSON says.

use super::*;
use crate::rows::Collector;
use crate::{AnswerReader, Format, Series};

fn read(body: &[u8], size: usize) -> Result<Vec<Series>, Error> {
    let mut collector = Collector { series: Vec::new(), rows_left: 1000 };
    let mut reader = MessagePackReader::new(&mut collector);
    for part in body.chunks(size) {
        reader.push(part)?;
    }
    reader.finish()?;
    Ok(collector.series)
}

/// `{"results": [{"series": [{"name": "m", "columns": ["time", "v"], "values": [[...], ...]}]}]}`, with these bytes in
/// place of the rows.
fn series_of(rows: &[u8]) -> Vec<u8> {
    [b"\x81\xa7results\x91\x81\xa6series\x91\x83\xa4name\xa1m\xa7columns\x92\xa4time\xa1v\xa6values", rows].concat()
}

/// The second cell of the only row.
fn cell_of(bytes: &[u8]) -> Result<Cell<'static>, Error> {
    let series = read(&series_of(&[b"\x91\x92\xc0", bytes].concat()), 4096)?;
    Ok(series[0].rows[0][1].clone())
}

#[test]
fn cells_of_all_kinds() {
    let text = |text: &str| Cell::Text(text.to_owned().into());
    for (bytes, cell) in [
        (&b"\xc0"[..], Cell::Null),
        (b"\xc2", Cell::Bool(false)),
        (b"\xc3", Cell::Bool(true)),
        (b"\x7f", Cell::Number(127.0)),
        (b"\xe0", Cell::Number(-32.0)),
        (b"\xcc\xff", Cell::Number(255.0)),
        (b"\xcd\x01\x00", Cell::Number(256.0)),
        (b"\xce\xff\xff\xff\xff", Cell::Number(4_294_967_295.0)),
        (b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff", Cell::Number(18_446_744_073_709_551_615.0)),
        (b"\xd0\x80", Cell::Number(-128.0)),
        (b"\xd1\x80\x00", Cell::Number(-32_768.0)),
        (b"\xd2\x80\x00\x00\x00", Cell::Number(-2_147_483_648.0)),
        // As in JSON, the last digit is lost.
        (b"\xd3\x00\x20\x00\x00\x00\x00\x00\x01", Cell::Number(9_007_199_254_740_992.0)),
        (b"\xca\x3f\x00\x00\x00", Cell::Number(0.5)),
        (b"\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", Cell::Number(0.1)),
        (b"\xa0", text("")),
        (b"\xa2\xc3\xa4", text("ä")),
        (b"\xd9\x01x", text("x")),
        (b"\xda\x00\x01x", text("x")),
        (b"\xdb\x00\x00\x00\x01x", text("x")),
        (b"\xa4x\xff\xc3y", text("x\u{fffd}\u{fffd}y")),
        (b"\x92\xa1x\x91\x01", Cell::List(vec![text("x"), Cell::List(vec![Cell::Number(1.0)])])),
        (b"\xdc\x00\x01\xc0", Cell::List(vec![Cell::Null])),
        // A time that is no column's `time` is its text, as in JSON.
        (b"\xc7\x0c\x05\0\0\0\0\0\0\0\x01\x1d\xcd\x65\x00", text("1970-01-01T00:00:01.5Z")),
    ] {
        assert_eq!(cell_of(bytes), Ok(cell), "{bytes:x?}");
    }
}

#[test]
fn times_of_all_kinds() {
    for (bytes, time) in [
        (&b"\xc7\x0c\x05\0\0\0\0\0\0\0\x01\x1d\xcd\x65\x00"[..], Cell::Time(1_500_000_000)),
        (b"\xc7\x0c\x05\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x07", Cell::Time(-999_999_993)),
        (b"\xc7\x0c\xff\0\0\0\x07\xff\xff\xff\xff\xff\xff\xff\xff", Cell::Time(-999_999_993)),
        (b"\xd6\xff\0\0\0\x02", Cell::Time(2_000_000_000)),
        (b"\xd7\xff\0\0\0\x1c\0\0\0\x02", Cell::Time(2_000_000_007)),
        // Before what 64 bits hold: Go's zero time.
        (b"\xc7\x0c\x05\xff\xff\xff\xf1\x88\x6e\x09\x00\0\0\0\0", Cell::Text("0001-01-01T00:00:00Z".into())),
        (b"\xa20Z", Cell::Text("0Z".into())),
    ] {
        let series = read(&series_of(&[b"\x91\x92", bytes, b"\x01"].concat()), 3).unwrap();
        assert_eq!(series[0].rows, [[time, Cell::Number(1.0)]], "{bytes:x?}");
    }
}

#[test]
fn nothing_is_an_answer_too() {
    for body in [
        &b"\x80"[..],
        b"\x81\xa7results\xc0",
        b"\x81\xa7results\x90",
        b"\x81\xa7results\x91\x80",
        b"\x81\xa7results\x91\x83\xacstatement_id\0\xa8messages\x91\x82\xa5level\xa1w\xa4text\xd9\x01x\xa6series\xc0",
        b"\x81\xa5error\xc0",
    ] {
        for size in [1, 4096] {
            assert_eq!(read(body, size), Ok(vec![]), "{body:x?}");
        }
    }
    let heads = read(b"\x81\xa7results\x91\x81\xa6series\x92\x80\x81\xa4name\xa1m", 4096).unwrap();
    assert_eq!(heads.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["", "m"]);
}

#[test]
fn what_is_no_answer_is_refused() {
    let told = |body: &[u8]| read(body, 3).unwrap_err();
    assert_eq!(told(b"\x81\xa5error\xa3bad"), Error::Query("bad".to_owned()));
    assert_eq!(told(b"\x81\xa7results\x91\x81\xa5error\xa3bad"), Error::Query("bad".to_owned()));
    for (body, words) in [
        (b"".to_vec(), "the answer is empty"),
        (b"{\"results\":[]}".to_vec(), "there is a number where a map should be"),
        (b"\x81\xa7results\x07".to_vec(), "there is a number where a list should be"),
        (b"\x81\xa7results\x91".to_vec(), "breaks off"),
        (series_of(b"\x92\x92\xc0\x01"), "breaks off"),
        (series_of(b"\x91\x91\xc0"), "a row has 1 values for 2 columns"),
        (series_of(b"\x91\xdd\xff\xff\xff\xff"), "a row has 4294967295 values for 2 columns"),
        (series_of(b"\x91\x92\xc0\xc1"), "a byte that MessagePack does not use"),
        (series_of(b"\x91\x92\xc0\xc4\x01x"), "there is binary data"),
        (series_of(b"\x91\x92\xc0\x81\xc0\xc0"), "there is a map"),
        (series_of(b"\x91\x92\xc0\xd4\x07\x01"), "an extension of kind 7 in 1 bytes"),
        (series_of(b"\x91\x92\xc0\xdd\x7f\xff\xff\xff"), "more than 100000"),
        (series_of(&[b"\x91\x92\xc0", &[0x91; 50][..]].concat()), "nested more than 16 deep"),
        (b"\x81\xa7results\x91\x81\xa6series\x91\x82\xa6values\x90\xa4name\xa1m".to_vec(), "the name of a series"),
        (b"\x81\xa7results\x91\x81\xa6series\x91\x82\xa6values\x90\xa6values\x90".to_vec(), "has values twice"),
        (b"\x81\xa7results\x91\x81\xa6series\x91\x81\xa7columns\xdd\x7f\xff\xff\xff".to_vec(), "more than 100000"),
    ] {
        match told(&body) {
            Error::Decode(text) => assert!(text.contains(words), "{body:x?}: {text}"),
            other => panic!("{body:x?}: {other}"),
        }
    }
}

#[test]
fn no_answer_makes_it_panic() {
    let body = include_bytes!("../../tests/data/v1/groups.msgpack");
    for at in 0..body.len() {
        for byte in [0x00, 0x0f, 0x81, 0x91, 0xa1, 0xc0, 0xc1, 0xc7, 0xd9, 0xdd, 0xdf, 0xff] {
            let mut changed = body.to_vec();
            changed[at] = byte;
            // Whether it is still an answer does not matter here.
            read(&changed, 64).ok();
        }
        read(&body[..at], 64).ok();
    }
}

/// Every answer that was recorded of a server says the same in both formats, however it arrives.
#[test]
fn recorded_answers_say_what_their_json_says() {
    let mut same = 0;
    for (json, packed) in [
        (
            &include_bytes!("../../tests/data/v1/groups.json")[..],
            &include_bytes!("../../tests/data/v1/groups.msgpack")[..],
        ),
        (include_bytes!("../../tests/data/v1/star.json"), include_bytes!("../../tests/data/v1/star.msgpack")),
        (
            include_bytes!("../../tests/data/v1/aggregates.json"),
            include_bytes!("../../tests/data/v1/aggregates.msgpack"),
        ),
        (
            include_bytes!("../../tests/data/v1/statements.json"),
            include_bytes!("../../tests/data/v1/statements.msgpack"),
        ),
    ] {
        let mut expected = Collector { series: Vec::new(), rows_left: 1000 };
        let mut reader = AnswerReader::new(Format::Json, &mut expected);
        reader.push(json).unwrap();
        reader.finish().unwrap();
        for series in &mut expected.series {
            let time = series.columns.iter().position(|column| column == "time");
            for row in &mut series.rows {
                let Some(cell) = time.map(|at| &mut row[at]) else { continue };
                *cell = cell.text().and_then(crate::parse_time).map_or(cell.clone(), Cell::Time);
            }
        }
        for size in [1, 13, 4096] {
            assert_eq!(read(packed, size).unwrap(), expected.series);
            same += 1;
        }
    }
    assert_eq!(same, 12);
}
