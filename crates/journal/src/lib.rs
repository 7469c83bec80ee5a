//! An append-only log of records in a folder: what was committed is there after a kill, what was synced after a power cut.
//!
//! - `lib.rs`: [`Journal`] appends, commits, syncs and drops whole segments from the front.
//! - `segment.rs`: one file: how records lie in it, and where it is whole up to.
//! - `reader.rs`: [`Reader`] fetches single records again by their [`Place`].
//!
//! The journal knows nothing of what its records say. One thread appends; readers may be anywhere.
#![forbid(unsafe_code)]

mod reader;
mod segment;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use disk::{Disk, Lock, System};

pub use reader::Reader;
pub use segment::Unsynced;
use segment::{HEADER, Segment, path_of};

/// Where a record begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The number of the segment; later ones have greater numbers.
    pub segment: u64,
    /// Bytes from the start of the segment's file.
    pub offset: u64,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{}: {source}", .path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("{} is in use by another process", .path.display())]
    Locked { path: PathBuf },
    #[error("{} is not a segment of a journal, or of another version: move it away", .path.display())]
    Foreign { path: PathBuf },
    #[error("{}: the record at byte {offset} cannot be read: {why}", .path.display())]
    Damaged { path: PathBuf, offset: u64, why: &'static str },
}

impl Error {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Error + '_ {
        move |source| Error::Io { path: path.to_path_buf(), source }
    }
}

/// A piece of a segment that was cut off, since its records are not whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    pub path: PathBuf,
    /// Where the damage begins.
    pub offset: u64,
    /// How much went.
    pub bytes: u64,
    pub why: &'static str,
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Cut { path, offset, bytes, why } = self;
        write!(f, "{}: {bytes} bytes from byte {offset} on are cut off: {why}", path.display())
    }
}

/// The log; see the crate. Dropping it commits nothing.
pub struct Journal {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Held as long as the journal is open.
    _lock: Lock,
    /// A segment that is larger gets no more records.
    segment_bytes: u64,
    /// The bytes of the segments before the head, by number.
    sealed: BTreeMap<u64, u64>,
    head: Segment,
    /// Records that are appended and not yet committed.
    waiting: Vec<u8>,
    /// Something was committed since the last sync.
    unsynced: bool,
}

impl Journal {
    /// Opens the journal of a folder, which is made if it is not there, and shows all its records in the order in which
    /// they were appended. A damaged end is cut off and told.
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::Foreign`], [`Error::Io`].
    pub fn open(
        folder: impl Into<PathBuf>,
        segment_bytes: u64,
        visit: impl FnMut(Place, &[u8]),
    ) -> Result<(Journal, Vec<Cut>), Error> {
        Journal::open_on(Arc::new(System), folder, segment_bytes, visit)
    }

    /// As [`Journal::open`], on a disk of one's own.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(
        disk: Arc<dyn Disk>,
        folder: impl Into<PathBuf>,
        segment_bytes: u64,
        mut visit: impl FnMut(Place, &[u8]),
    ) -> Result<(Journal, Vec<Cut>), Error> {
        let folder = folder.into();
        disk.make_folder(&folder).map_err(Error::io(&folder))?;
        let lock = lock(&*disk, &folder)?;
        let mut cuts = Vec::new();
        let mut sealed = BTreeMap::new();
        for number in segment::numbers(&*disk, &folder)? {
            let (bytes, cut) = segment::scan(&*disk, &folder, number, &mut visit)?;
            cuts.extend(cut);
            sealed.insert(number, bytes);
        }
        let head = match sealed.pop_last() {
            Some((number, bytes)) => Segment::reopen(&disk, &folder, number, bytes)?,
            None => Segment::create(&disk, &folder, 1)?,
        };
        let (waiting, unsynced) = (Vec::new(), false);
        Ok((Journal { disk, folder, _lock: lock, segment_bytes, sealed, head, waiting, unsynced }, cuts))
    }

    /// Adds a record, which is there after the next [`Journal::commit`].
    ///
    /// # Errors
    /// [`Error::Io`] if a new segment was needed and could not be made.
    pub fn append(&mut self, record: &[u8]) -> Result<Place, Error> {
        self.append_parts(&[record])
    }

    /// The same for a record that lies in several places.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_parts(&mut self, parts: &[&[u8]]) -> Result<Place, Error> {
        // What is committed together stays together, so that it can be taken back.
        if self.waiting.is_empty() {
            self.head.settle()?;
            if self.is_at_end_of_segment() {
                self.rotate()?;
            }
        }
        let place = Place { segment: self.head.number, offset: self.head.bytes + self.waiting.len() as u64 };
        segment::encode(parts, &mut self.waiting);
        Ok(place)
    }

    /// Hands what was appended to the system: it survives the end of this process.
    ///
    /// # Errors
    /// [`Error::Io`]; then what was appended since the last commit is forgotten, and its places mean nothing.
    pub fn commit(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let written = self.head.write(&self.waiting);
        self.waiting.clear();
        written?;
        self.unsynced = true;
        Ok(())
    }

    /// Waits until all that is committed is on the disk.
    ///
    /// # Errors
    /// [`Error::Io`]; then what was committed since the last sync may be missing after a power cut. What comes next goes
    /// to another segment, so that it does not lie behind a gap.
    pub fn sync(&mut self) -> Result<(), Error> {
        self.commit()?;
        if std::mem::take(&mut self.unsynced) {
            self.head.unsynced().sync()?;
        }
        Ok(())
    }

    /// Takes back all records from this place on, if it is in the segment that is written to: for who has told nobody
    /// that they are there.
    ///
    /// # Errors
    /// [`Error::Io`]: they may come again, but nothing behind them. It is tried again before anything else is written.
    pub fn retract(&mut self, place: Place) -> Result<(), Error> {
        self.waiting.clear();
        if place.segment == self.head.number { self.head.cut(place.offset) } else { Ok(()) }
    }

    /// What is committed and not on the disk, for another thread to sync while writing goes on. From now on it counts
    /// as synced.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn take_unsynced(&mut self) -> Result<Option<Unsynced>, Error> {
        self.commit()?;
        if !self.unsynced {
            return Ok(None);
        }
        self.unsynced = false;
        Ok(Some(self.head.unsynced()))
    }

    /// Whether the next record begins a segment, for which the full one is synced.
    pub fn is_at_end_of_segment(&self) -> bool {
        self.head.bytes >= self.segment_bytes.max(HEADER.len() as u64 + 1) || self.head.is_closed()
    }

    /// Whether something was committed since the last sync.
    pub fn is_unsynced(&self) -> bool {
        self.unsynced
    }

    /// The number of the oldest segment, unless it is the one that is written to.
    pub fn oldest(&self) -> Option<u64> {
        self.sealed.keys().next().copied()
    }

    /// Removes the oldest segment, unless it is the one that is written to.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn drop_oldest(&mut self) -> Result<(), Error> {
        if let Some((number, _)) = self.sealed.pop_first() {
            let path = path_of(&self.folder, number);
            self.disk.remove(&path).map_err(Error::io(&path))?;
        }
        Ok(())
    }

    /// Goes on in a new segment, so that this one can be dropped, too; does nothing if it holds no record.
    ///
    /// # Errors
    /// [`Error::Io`]
    pub fn seal(&mut self) -> Result<(), Error> {
        self.commit()?;
        if self.head.bytes > HEADER.len() as u64 { self.rotate() } else { Ok(()) }
    }

    /// How much the segments take on the disk.
    pub fn bytes(&self) -> u64 {
        self.sealed.values().sum::<u64>() + self.head.bytes
    }

    /// Who fetches single records again.
    pub fn reader(&self) -> Reader {
        Reader::new(Arc::clone(&self.disk), self.folder.clone())
    }

    /// Goes on in a new segment. The old one is on disk before, so that damage by a power cut is in the last one only.
    fn rotate(&mut self) -> Result<(), Error> {
        self.commit()?;
        // Another thread may be about to sync it, and is not waited for.
        if !self.head.is_suspect() {
            self.head.unsynced().sync()?;
        }
        self.unsynced = false;
        let next = Segment::create(&self.disk, &self.folder, self.head.number + 1)?;
        let full = std::mem::replace(&mut self.head, next);
        self.sealed.insert(full.number, full.bytes);
        Ok(())
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("folder", &self.folder).field("head", &self.head).finish_non_exhaustive()
    }
}

/// No second process may append here.
fn lock(disk: &dyn Disk, folder: &Path) -> Result<Lock, Error> {
    let path = folder.join("lock");
    let lock = disk.lock(&path).map_err(Error::io(&path))?;
    lock.ok_or_else(|| Error::Locked { path: folder.to_path_buf() })
}

#[cfg(test)]
mod tests;
