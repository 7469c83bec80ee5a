//! One file of a journal: a header, then records, each with its length and a checksum.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::{Cut, Error, Place};

/// What each file begins with; the last byte is the version.
pub(crate) const HEADER: [u8; 8] = *b"kapjrnl\x01";
/// Length and checksum before each record.
pub(crate) const FRAME: usize = 8;
/// A length beyond it is damage.
const LONGEST: usize = 256 << 20;

/// The file that is written to.
#[derive(Debug)]
pub(crate) struct Segment {
    pub(crate) number: u64,
    path: PathBuf,
    file: File,
    /// How far it is whole.
    pub(crate) bytes: u64,
}

impl Segment {
    pub(crate) fn create(folder: &Path, number: u64) -> Result<Segment, Error> {
        let path = path_of(folder, number);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path).map_err(Error::io(&path))?;
        file.write_all_at(&HEADER, 0).and_then(|()| file.sync_all()).map_err(Error::io(&path))?;
        // The name of the file is on disk, too.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(Error::io(folder))?;
        Ok(Segment { number, path, file, bytes: HEADER.len() as u64 })
    }

    /// Goes on with a file that is whole up to here.
    pub(crate) fn reopen(folder: &Path, number: u64, bytes: u64) -> Result<Segment, Error> {
        if bytes < HEADER.len() as u64 {
            return Segment::create(folder, number);
        }
        let path = path_of(folder, number);
        let file = OpenOptions::new().write(true).open(&path).map_err(Error::io(&path))?;
        Ok(Segment { number, path, file, bytes })
    }

    /// Adds encoded records. After an error the next write takes their place.
    pub(crate) fn write(&mut self, records: &[u8]) -> Result<(), Error> {
        self.file.write_all_at(records, self.bytes).map_err(Error::io(&self.path))?;
        self.bytes += records.len() as u64;
        Ok(())
    }

    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io(&self.path))
    }

    pub(crate) fn unsynced(&self) -> Result<Unsynced, Error> {
        let file = self.file.try_clone().map_err(Error::io(&self.path))?;
        Ok(Unsynced { path: self.path.clone(), file })
    }
}

/// A file of which something is not on the disk yet; see [`crate::Journal::take_unsynced`].
#[derive(Debug)]
pub struct Unsynced {
    path: PathBuf,
    file: File,
}

impl Unsynced {
    /// Waits until all that is committed is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn sync(&self) -> Result<(), Error> {
        self.file.sync_data().map_err(Error::io(&self.path))
    }
}

pub(crate) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.log"))
}

/// The numbers of a folder's segments, oldest first.
pub(crate) fn numbers(folder: &Path) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(Error::io(folder))? {
        let name = entry.map_err(Error::io(folder))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).and_then(|stem| stem.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Appends a record, which comes in parts, with its length and checksum.
pub(crate) fn encode(parts: &[&[u8]], out: &mut Vec<u8>) {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let length = u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    out.extend_from_slice(&length);
    out.extend_from_slice(&checksum(length, parts).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

fn checksum(length: [u8; 4], parts: &[&[u8]]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&length);
    parts.iter().for_each(|part| hasher.update(part));
    hasher.finalize()
}

/// The record at the start of these bytes, and all bytes that it takes.
pub(crate) fn decode(bytes: &[u8]) -> Result<(&[u8], usize), &'static str> {
    let (Some(length), Some(sum)) = (four(bytes, 0), four(bytes, 4)) else { return Err("a record is not complete") };
    let wanted = u32::from_le_bytes(length) as usize;
    if wanted > LONGEST {
        return Err("a record has an impossible length");
    }
    let record = bytes.get(FRAME..FRAME + wanted).ok_or("a record is not complete")?;
    if checksum(length, &[record]) != u32::from_le_bytes(sum) {
        return Err("a record does not have its checksum");
    }
    Ok((record, FRAME + wanted))
}

pub(crate) fn four(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at + 4)?.try_into().ok()
}

/// Shows all whole records of a segment, and cuts off what comes after them: how long it is then, and what went.
pub(crate) fn scan(
    folder: &Path,
    number: u64,
    visit: &mut impl FnMut(Place, &[u8]),
) -> Result<(u64, Option<Cut>), Error> {
    let path = path_of(folder, number);
    let bytes = fs::read(&path).map_err(Error::io(&path))?;
    if !bytes.starts_with(&HEADER) {
        // A file that was being made when the power went has nothing, or zeros.
        return if bytes.iter().all(|byte| *byte == 0) || HEADER.starts_with(&bytes) {
            Ok((0, None))
        } else {
            Err(Error::Foreign { path })
        };
    }
    let mut at = HEADER.len();
    let why = loop {
        if at == bytes.len() {
            return Ok((at as u64, None));
        }
        match decode(&bytes[at..]) {
            Ok((record, taken)) => {
                visit(Place { segment: number, offset: at as u64 }, record);
                at += taken;
            }
            Err(why) => break why,
        }
    };
    cut(&path, at as u64).map_err(Error::io(&path))?;
    Ok((at as u64, Some(Cut { path, offset: at as u64, bytes: (bytes.len() - at) as u64, why })))
}

fn cut(path: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.sync_all()
}
