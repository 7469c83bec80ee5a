//! One file of a journal: a header, then records, each with its length and a checksum.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use disk::{Disk, DiskFile};

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
    file: Arc<dyn DiskFile>,
    disk: Arc<dyn Disk>,
    /// How far it is whole.
    pub(crate) bytes: u64,
    /// The folder in which its name is not on disk yet.
    unnamed_in: Option<PathBuf>,
    /// The disk has failed to take a part of it: there may be a gap, behind which nothing is found.
    suspect: Arc<AtomicBool>,
    /// There may be something behind its end that is not to be found.
    owes_cut: bool,
    /// Another process has written it, and nobody knows whether the disk has failed it.
    is_old: bool,
}

impl Segment {
    /// Nothing of it is on disk before the first sync.
    pub(crate) fn create(disk: &Arc<dyn Disk>, folder: &Path, number: u64) -> Result<Segment, Error> {
        let path = path_of(folder, number);
        let file = disk.create(&path).map_err(Error::io(&path))?;
        file.write_all_at(&HEADER, 0).map_err(Error::io(&path))?;
        let unnamed_in = Some(folder.to_path_buf());
        Ok(Segment { bytes: HEADER.len() as u64, unnamed_in, ..Segment::of(disk, number, path, file) })
    }

    fn of(disk: &Arc<dyn Disk>, number: u64, path: PathBuf, file: Arc<dyn DiskFile>) -> Segment {
        let (disk, suspect) = (Arc::clone(disk), Arc::default());
        Segment { number, path, file, disk, bytes: 0, unnamed_in: None, suspect, owes_cut: false, is_old: false }
    }

    /// Goes on after a file that is whole up to here.
    pub(crate) fn reopen(disk: &Arc<dyn Disk>, folder: &Path, number: u64, bytes: u64) -> Result<Segment, Error> {
        if bytes <= HEADER.len() as u64 {
            return Segment::create(disk, folder, number);
        }
        let path = path_of(folder, number);
        let file = disk.open_to_write(&path).map_err(Error::io(&path))?;
        let unnamed_in = Some(folder.to_path_buf());
        let mut segment = Segment { bytes, unnamed_in, is_old: true, ..Segment::of(disk, number, path, file) };
        // Who goes by what is here now must find it after a power cut, too.
        segment.unsynced().sync()?;
        Ok(segment)
    }

    /// Adds encoded records. After an error the next write takes their place.
    pub(crate) fn write(&mut self, records: &[u8]) -> Result<(), Error> {
        self.settle()?;
        match self.file.write_all_at(records, self.bytes).map_err(Error::io(&self.path)) {
            Ok(()) => {
                self.bytes += records.len() as u64;
                Ok(())
            }
            Err(why) => {
                // A part may be there. Whole records of it would be found behind a shorter one that takes their place.
                let _ = self.cut(self.bytes);
                Err(why)
            }
        }
    }

    /// Cuts off what is beyond. After an error it is tried again before anything else is written.
    pub(crate) fn cut(&mut self, bytes: u64) -> Result<(), Error> {
        self.bytes = bytes;
        self.owes_cut = true;
        self.settle()
    }

    /// Brings it to its length on the disk, if it may be longer.
    pub(crate) fn settle(&mut self) -> Result<(), Error> {
        if self.owes_cut {
            self.file.set_len(self.bytes).map_err(Error::io(&self.path))?;
            self.unsynced().sync()?;
            self.owes_cut = false;
        }
        Ok(())
    }

    /// Whether there may be a gap in it after a power cut.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect.load(Ordering::Acquire)
    }

    /// Whether no more should be written to it, since it might lie behind a gap.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_old || self.is_suspect()
    }

    /// What of it is not on disk; from now on it counts as synced.
    pub(crate) fn unsynced(&mut self) -> Unsynced {
        let (path, file, suspect) = (self.path.clone(), Arc::clone(&self.file), Arc::clone(&self.suspect));
        Unsynced { path, file, disk: Arc::clone(&self.disk), unnamed_in: self.unnamed_in.take(), suspect }
    }
}

/// A file of which something is not on the disk yet; see [`crate::Journal::take_unsynced`].
#[derive(Debug)]
pub struct Unsynced {
    path: PathBuf,
    file: Arc<dyn DiskFile>,
    disk: Arc<dyn Disk>,
    unnamed_in: Option<PathBuf>,
    suspect: Arc<AtomicBool>,
}

impl Unsynced {
    /// Waits until all that is committed is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`]; what comes next goes to another segment.
    pub fn sync(&self) -> Result<(), Error> {
        let synced = self.file.sync().map_err(Error::io(&self.path)).and_then(|()| match &self.unnamed_in {
            Some(folder) => self.disk.sync_folder(folder).map_err(Error::io(folder)),
            None => Ok(()),
        });
        if synced.is_err() {
            self.suspect.store(true, Ordering::Release);
        }
        synced
    }
}

pub(crate) fn path_of(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:012}.log"))
}

/// The numbers of a folder's segments, oldest first.
pub(crate) fn numbers(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>, Error> {
    let mut numbers = Vec::new();
    for name in disk.names(folder).map_err(Error::io(folder))? {
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
    disk: &dyn Disk,
    folder: &Path,
    number: u64,
    visit: &mut impl FnMut(Place, &[u8]),
) -> Result<(u64, Option<Cut>), Error> {
    let path = path_of(folder, number);
    let bytes = disk.read(&path).map_err(Error::io(&path))?;
    if !bytes.starts_with(&HEADER) {
        // A file that was being made when the power went has nothing, or zeros, and perhaps something behind them.
        let is_torn = bytes.iter().zip(&HEADER).all(|(byte, header)| [0, *header].contains(byte));
        return if is_torn { Ok((0, None)) } else { Err(Error::Foreign { path }) };
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
    let file = disk.open_to_write(&path).map_err(Error::io(&path))?;
    file.set_len(at as u64).and_then(|()| file.sync()).map_err(Error::io(&path))?;
    Ok((at as u64, Some(Cut { path, offset: at as u64, bytes: (bytes.len() - at) as u64, why })))
}
