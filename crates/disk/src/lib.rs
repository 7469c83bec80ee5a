//! The disk as what is kept over a kill or a power cut sees it: files that are written and forced down, folders.
//!
//! - [`Disk`] and [`DiskFile`] are all that the log of writes, the outbox and checkpoints ask of it; [`System`] is the
//!   real one.
//! - `testing.rs` has one in memory, which fails, tears and forgets as real ones do, from a seed.
#![forbid(unsafe_code)]

pub mod testing;

use std::any::Any;
use std::ffi::OsString;
use std::fmt::Debug;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Held as long as nobody else may have what is locked.
pub type Lock = Box<dyn Any + Send + Sync>;

/// Files and folders. All calls block, and all errors are those of the system.
pub trait Disk: Debug + Send + Sync {
    /// Makes a folder, and those above it, unless it is there.
    fn make_folder(&self, path: &Path) -> io::Result<()>;
    /// The names of files that were made, renamed or removed here are on the disk after that.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// The names of what is in a folder, in no order.
    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>>;
    fn exists(&self, path: &Path) -> bool;
    /// All of a file.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// An empty file, in place of what was there.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// A file that is there, to be read.
    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// A file that is there, to be read and written.
    fn open_to_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// In place of what has that name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes a file that one process has at a time. `None` if another has it.
    fn lock(&self, path: &Path) -> io::Result<Option<Lock>>;
}

/// An open file.
#[expect(clippy::len_without_is_empty, reason = "asking the system may fail, and nobody asks whether it is empty")]
pub trait DiskFile: Debug + Send + Sync {
    fn len(&self) -> io::Result<u64>;
    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()>;
    /// After an error a part of it may be there.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Cuts off what is beyond.
    fn set_len(&self, length: u64) -> io::Result<()>;
    /// What was written is on the disk after that. After an error nobody knows what of it is, and asking again does not
    /// help: the system may have given it up.
    fn sync(&self) -> io::Result<()>;
}

/// That of the system.
#[derive(Debug, Clone, Copy, Default)]
pub struct System;

impl Disk for System {
    fn make_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
        Ok(Arc::new(file))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(File::open(path)?))
    }

    fn open_to_write(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        Ok(Arc::new(OpenOptions::new().read(true).write(true).open(path)?))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn lock(&self, path: &Path) -> io::Result<Option<Lock>> {
        let file = File::create(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Box::new(file))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}

impl DiskFile for File {
    fn len(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, bytes, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        File::set_len(self, length)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
