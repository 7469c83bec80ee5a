//! `.brpl`: a zip archive with a member for each query of a task, named 0, 1, 2 and so on.

use std::{
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom, Write},
    path::{Path, PathBuf},
};

use flate2::{Compression, Crc, read::DeflateDecoder, write::DeflateEncoder};

use crate::Error;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const DESCRIPTOR: u32 = 0x0807_4b50;
/// Sizes follow the data; packed by deflate; 1980-01-01.
const FLAGS: u16 = 8;
const DEFLATED: u16 = 8;
const DATE: u16 = 0x21;

/// Counts what goes through.
struct Counted<W> {
    out: W,
    count: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.count += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Entry {
    name: String,
    crc: u32,
    packed: u32,
    size: u32,
    at: u32,
}

/// Writes members one after the other.
pub struct ArchiveWriter<W: Write> {
    out: Counted<W>,
    entries: Vec<Entry>,
}

impl<W: Write> ArchiveWriter<W> {
    pub fn new(out: W) -> ArchiveWriter<W> {
        ArchiveWriter { out: Counted { out, count: 0 }, entries: Vec::new() }
    }

    /// Add a member with what `write` writes, even if it fails in between; its outcome is given back.
    pub fn member<T>(&mut self, write: impl FnOnce(&mut dyn Write) -> T) -> Result<T, Error> {
        let name = self.entries.len().to_string();
        let at = narrow(self.out.count)?;
        let mut head = Vec::new();
        put32(&mut head, LOCAL);
        for value in [20, FLAGS, DEFLATED, 0, DATE] {
            put16(&mut head, value);
        }
        for _ in 0..3 {
            put32(&mut head, 0);
        }
        put16(&mut head, name.len() as u16);
        put16(&mut head, 0);
        head.extend_from_slice(name.as_bytes());
        self.out.write_all(&head)?;
        let before = self.out.count;
        let (outcome, crc, size) = {
            let out = DeflateEncoder::new(&mut self.out, Compression::default());
            let mut packing = Summed { out, crc: Crc::new(), size: 0 };
            let outcome = write(&mut packing);
            packing.out.finish()?;
            (outcome, packing.crc.sum(), packing.size)
        };
        let entry = Entry { name, crc, packed: narrow(self.out.count - before)?, size: narrow(size)?, at };
        let mut tail = Vec::new();
        for value in [DESCRIPTOR, entry.crc, entry.packed, entry.size] {
            put32(&mut tail, value);
        }
        self.out.write_all(&tail)?;
        self.entries.push(entry);
        Ok(outcome)
    }

    /// Write the list of members.
    pub fn finish(mut self) -> Result<W, Error> {
        let at = narrow(self.out.count)?;
        let mut list = Vec::new();
        for entry in &self.entries {
            put32(&mut list, CENTRAL);
            for value in [20, 20, FLAGS, DEFLATED, 0, DATE] {
                put16(&mut list, value);
            }
            for value in [entry.crc, entry.packed, entry.size] {
                put32(&mut list, value);
            }
            for value in [entry.name.len() as u16, 0, 0, 0, 0] {
                put16(&mut list, value);
            }
            put32(&mut list, 0);
            put32(&mut list, entry.at);
            list.extend_from_slice(entry.name.as_bytes());
        }
        let size = narrow(list.len() as u64)?;
        put32(&mut list, END);
        for value in [0, 0, self.entries.len() as u16, self.entries.len() as u16] {
            put16(&mut list, value);
        }
        put32(&mut list, size);
        put32(&mut list, at);
        put16(&mut list, 0);
        self.out.write_all(&list)?;
        self.out.flush()?;
        Ok(self.out.out)
    }
}

/// Sums up what is packed.
struct Summed<W> {
    out: W,
    crc: Crc,
    size: u64,
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.crc.update(&bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn narrow(size: u64) -> Result<u32, Error> {
    u32::try_from(size).map_err(|_| Error::Archive("it would be larger than 4 GiB"))
}

fn put16(out: &mut Vec<u8>, value: u16) {
    out.extend_from_slice(&value.to_le_bytes());
}

fn put32(out: &mut Vec<u8>, value: u32) {
    out.extend_from_slice(&value.to_le_bytes());
}

/// What is unpacked of a member, as it is read. The file is opened for it when it is first read: an archive may list
/// more members than files may be open.
pub struct Member {
    /// Bytes when it is unpacked.
    pub size: u64,
    path: PathBuf,
    method: u16,
    packed: u64,
    start: u64,
    data: Option<Box<dyn Read + Send>>,
}

impl Read for Member {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let data = match &mut self.data {
            Some(data) => data,
            None => self.data.insert(open(&self.path, self.method, self.packed, self.start).map_err(
                |error| match error {
                    Error::Io(error) => error,
                    other => io::Error::new(io::ErrorKind::InvalidData, other),
                },
            )?),
        };
        data.read(out)
    }
}

/// All members of an archive in their order, each readable by itself.
///
/// # Errors
/// The file cannot be read or is no archive. A member that is not where the list says is told when it is read.
pub fn members(path: &Path) -> Result<Vec<Member>, Error> {
    let mut file = File::open(path)?;
    let list = central_list(&mut file)?;
    let mut members = Vec::new();
    let mut at = 0;
    while u32_at(&list, at) == Some(CENTRAL) {
        const BROKEN: Error = Error::Archive("its list of members is cut");
        let method = u16_at(&list, at + 10).ok_or(BROKEN)?;
        let packed = u32_at(&list, at + 20).ok_or(BROKEN)?;
        let size = u32_at(&list, at + 24).ok_or(BROKEN)?;
        let start = u32_at(&list, at + 42).ok_or(BROKEN)?;
        let mut rest = 46;
        for part in [28, 30, 32] {
            rest += usize::from(u16_at(&list, at + part).ok_or(BROKEN)?);
        }
        at += rest;
        let (packed, start) = (u64::from(packed), u64::from(start));
        members.push(Member { size: u64::from(size), path: path.to_path_buf(), method, packed, start, data: None });
    }
    Ok(members)
}

fn open(path: &Path, method: u16, packed: u64, start: u64) -> Result<Box<dyn Read + Send>, Error> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut head = [0; 30];
    file.read_exact(&mut head)?;
    if u32_at(&head, 0) != Some(LOCAL) {
        return Err(Error::Archive("a member is not where the list says"));
    }
    let skipped = [26, 28].iter().filter_map(|&part| u16_at(&head, part)).map(i64::from).sum();
    file.seek(SeekFrom::Current(skipped))?;
    let data = BufReader::new(file.take(packed));
    match method {
        0 => Ok(Box::new(data)),
        DEFLATED => Ok(Box::new(DeflateDecoder::new(data))),
        _ => Err(Error::Archive("a member is packed in an unknown way")),
    }
}

/// The list of members, found by what ends the file.
fn central_list(file: &mut File) -> Result<Vec<u8>, Error> {
    const MOST: u64 = 64 << 20;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(22 + 0xffff);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(22 + 0xffff).read_to_end(&mut tail)?;
    let none = Error::Archive("it has no list of members");
    let Some(end) = (0..tail.len()).rev().find(|&at| u32_at(&tail, at) == Some(END)) else { return Err(none) };
    let (Some(size), Some(start)) = (u32_at(&tail, end + 12), u32_at(&tail, end + 16)) else { return Err(none) };
    if u64::from(size) > MOST {
        return Err(Error::Archive("its list of members is too long"));
    }
    file.seek(SeekFrom::Start(u64::from(start)))?;
    let mut list = Vec::new();
    file.take(u64::from(size)).read_to_end(&mut list)?;
    Ok(list)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_back_in_their_order() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.brpl");
        let mut writer = ArchiveWriter::new(File::create(&path).unwrap());
        for text in ["one ".repeat(10_000), String::new(), "three".to_string()] {
            writer.member(|out| out.write_all(text.as_bytes())).unwrap().unwrap();
        }
        writer.finish().unwrap();
        let mut texts = Vec::new();
        for mut member in members(&path).unwrap() {
            let mut text = String::new();
            member.read_to_string(&mut text).unwrap();
            texts.push(text.len());
        }
        assert_eq!(texts, [40_000, 0, 5]);
        std::fs::write(&path, b"\x1f\x8b no archive").unwrap();
        assert!(members(&path).is_err());
    }
}
