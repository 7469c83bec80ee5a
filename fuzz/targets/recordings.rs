//! Any file is a recording of points or batches, or an error; what was read and is written again reads the same.
#![no_main]

use std::{
    fs::File,
    io::{Cursor, Read, Write},
};

use flate2::{Compression, write::GzEncoder};
use libfuzzer_sys::fuzz_target;
use model::{Frame, Schema};
use replay::{BatchReader, StreamReader, StreamWriter, members, write_batch};

/// Batches of a damaged archive are not read for ever.
const MOST: u64 = 8 << 20;

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 4 {
        0 => stream(bytes),
        1 => {
            let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
            packed.write_all(bytes).unwrap();
            stream(&packed.finish().unwrap());
        }
        2 => batches(Box::new(Cursor::new(bytes.to_vec()))),
        _ => {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("x.brpl");
            File::create(&path).unwrap().write_all(bytes).unwrap();
            for member in members(&path).into_iter().flatten() {
                batches(Box::new(member.take(MOST)));
            }
        }
    }
});

fn stream(packed: &[u8]) {
    let schema = Schema::new();
    let mut reader = StreamReader::new(packed);
    let mut writer = StreamWriter::new(Vec::new());
    let mut count = 0;
    while let Ok(Some(points)) = reader.read(&schema) {
        let frame = Frame::new(points.words.into());
        for row in &points.rows {
            writer.point(&schema, &frame, row, (&points.database, &points.retention_policy)).unwrap();
            count += 1;
        }
    }
    let file = writer.finish().unwrap();
    let mut reader = StreamReader::new(&file[..]);
    let mut again = 0;
    while let Some(points) = reader.read(&schema).expect("what we wrote can be read") {
        again += points.rows.len();
    }
    assert_eq!(again, count);
}

fn batches(input: Box<dyn Read + Send>) {
    let schema = Schema::new();
    let mut reader = BatchReader::new(input);
    while let Ok(Some(batch)) = reader.read(&schema) {
        let mut text = String::new();
        let frame = Frame::new(batch.words.into());
        write_batch(&schema, &frame, &batch.head, &batch.rows, &mut text);
        let again = BatchReader::new(Box::new(Cursor::new(text.clone()))).read(&schema);
        let again = again.unwrap_or_else(|error| panic!("{text}: {error}")).expect("a batch with points");
        assert_eq!(again.rows.len(), batch.rows.len(), "{text}");
        assert_eq!(again.head.tmax, batch.head.tmax, "{text}");
    }
}
