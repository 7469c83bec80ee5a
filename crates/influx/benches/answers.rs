//! A million rows of an answer to InfluxQL in each format: `cargo bench -p influx --bench answers`.
#![allow(clippy::unwrap_used)]

use std::fmt::Write as _;

use divan::Bencher;
use influx::{AnswerReader, Cell, Format, Rows};

const ROWS: i64 = 1_000_000;
/// As InfluxDB sends them.
const CHUNK: i64 = 10_000;
/// As they arrive.
const PART: usize = 32 * 1024;
const SECOND: i64 = 1_700_000_000;

fn main() {
    divan::main();
}

/// Adds up what it receives.
#[derive(Default)]
struct Sum(f64);

impl Rows for Sum {
    fn series(&mut self, _: &str, _: &mut dyn Iterator<Item = (&str, &str)>, _: &[&str]) -> Result<(), String> {
        Ok(())
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> Result<(), String> {
        for cell in cells {
            match cell {
                Cell::Number(number) => self.0 += number,
                // As a batch does.
                Cell::Text(text) => self.0 += influx::parse_time(text).unwrap() as f64,
                Cell::Time(time) => self.0 += *time as f64,
                _ => {}
            }
        }
        Ok(())
    }

    fn end_series(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// `SELECT usage_idle, usage_user, count FROM cpu GROUP BY host`, a host a chunk.
fn rows() -> impl Iterator<Item = (i64, [f64; 2], i64)> {
    (0..ROWS).map(|row| (row, [(row * 7919 % 100_000) as f64 / 1000.0, (row % 977) as f64 / 7.0], row))
}

fn json() -> Vec<u8> {
    let mut body = String::new();
    for (row, [idle, user], count) in rows() {
        if row % CHUNK == 0 {
            let host = row / CHUNK;
            write!(
                body,
                "{{\"results\":[{{\"statement_id\":0,\"series\":[{{\"name\":\"cpu\",\"tags\":{{\"host\":\"h{host}\"}},\
                 \"columns\":[\"time\",\"usage_idle\",\"usage_user\",\"count\"],\"values\":["
            )
            .unwrap();
        } else {
            body.push(',');
        }
        let (minute, second) = (row / 60 % 60, row % 60);
        write!(body, "[\"2023-11-14T22:{minute:02}:{second:02}Z\",{idle},{user},{count}]").unwrap();
        if row % CHUNK == CHUNK - 1 {
            body.push_str("]}],\"partial\":true}]}\n");
        }
    }
    body.into_bytes()
}

fn message_pack() -> Vec<u8> {
    let mut body = Vec::new();
    for (row, numbers, count) in rows() {
        if row % CHUNK == 0 {
            let host = format!("h{:04}", row / CHUNK);
            body.extend(
                b"\x81\xa7results\x91\x83\xacstatement_id\0\xa6series\x91\x84\xa4name\xa3cpu\xa4tags\x81\xa4host\xa5",
            );
            body.extend(host.as_bytes());
            body.extend(b"\xa7columns\x94\xa4time\xaausage_idle\xaausage_user\xa5count\xa6values\xdc");
            body.extend((CHUNK as u16).to_be_bytes());
        }
        body.extend([0x94, 0xc7, 12, 5]);
        body.extend((SECOND + row).to_be_bytes());
        body.extend(0u32.to_be_bytes());
        for number in numbers {
            body.push(0xcb);
            body.extend(number.to_be_bytes());
        }
        body.push(0xd2);
        body.extend((count as i32).to_be_bytes());
        if row % CHUNK == CHUNK - 1 {
            body.extend(b"\xa7partial\xc3");
        }
    }
    body
}

fn csv() -> Vec<u8> {
    let mut body = String::from("name,tags,time,usage_idle,usage_user,count\n");
    for (row, [idle, user], count) in rows() {
        writeln!(body, "cpu,host=h{},{},{idle},{user},{count}", row / CHUNK, (SECOND + row) * 1_000_000_000).unwrap();
    }
    body.into_bytes()
}

#[divan::bench(args = [Format::Json, Format::MessagePack, Format::Csv], sample_count = 5)]
fn a_million_rows(bencher: Bencher, format: Format) {
    let body = match format {
        Format::Json => json(),
        Format::MessagePack => message_pack(),
        Format::Csv => csv(),
    };
    bencher.bench(|| {
        let mut sum = Sum::default();
        let mut reader = AnswerReader::new(format, &mut sum);
        for part in body.chunks(PART) {
            reader.push(part).unwrap();
        }
        reader.finish().unwrap();
        sum.0
    });
}
