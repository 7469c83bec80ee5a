//! The folder of a store: what may stand in it, how many changes it must hold, and a copy of it to try first.
//!
//! The database mends a damaged log by cutting it off, so damage would pass as an older state. Therefore a counter
//! beside it says how many changes were on disk, and a store is opened as a copy first: damage is told, and the
//! files stay as they are for someone to rescue.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::Error;

/// The counter's file.
const COUNTER: &str = "written";
/// The copy's folder.
const COPY: &str = "check.tmp";
/// The database's main file, which its lock is on.
const DATA: &str = "db";

/// An error if something stands at the path that is not a store.
pub(crate) fn refuse_foreign(path: &Path) -> Result<(), Error> {
    let found = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io(path, error)),
        Ok(metadata) if metadata.is_dir() => {
            for entry in std::fs::read_dir(path).map_err(|error| io(path, error))? {
                let name = entry.map_err(|error| io(path, error))?.file_name();
                let name = name.to_string_lossy();
                if !is_own(&name) {
                    let found = format!("a folder with other files ({name:?})");
                    return Err(Error::NotAStore { path: path.to_path_buf(), found });
                }
            }
            return Ok(());
        }
        Ok(_) if is_bolt(path) => "a BoltDB file as Kapacitor writes them".to_string(),
        Ok(_) => "a plain file".to_string(),
    };
    Err(Error::NotAStore { path: path.to_path_buf(), found })
}

fn is_own(name: &str) -> bool {
    matches!(name, DATA | "conf" | "blobs" | COUNTER | COPY) || name.starts_with("snap.")
}

/// Whether the file starts as a BoltDB does: its magic number follows the first page's header of 16 bytes.
fn is_bolt(path: &Path) -> bool {
    let mut head = [0u8; 20];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut head));
    read.is_ok() && head[16..] == [0xed, 0xda, 0x0c, 0xed]
}

/// Copies the store's files; none if there is no database yet. The copy is removed when dropped.
pub(crate) fn copy(path: &Path) -> Result<Option<Copy>, Error> {
    // The lock is held while copying, and given back for the database to take.
    match locked(path)? {
        Some(_lock) => copy_of_own(path).map(Some),
        None => Ok(None),
    }
}

/// Copies the store's files while nobody changes them.
pub(crate) fn copy_of_own(path: &Path) -> Result<Copy, Error> {
    let copy = Copy(path.join(COPY));
    remove(&copy.0).and_then(|()| copy_files(path, &copy.0)).map_err(|error| io(path, error))?;
    Ok(copy)
}

/// Waits until the database that was just closed has given its lock back.
pub(crate) fn wait_for_lock(path: &Path) -> Result<(), Error> {
    locked(path).map(drop)
}

/// The locked file of the database, if there is one.
fn locked(path: &Path) -> Result<Option<File>, Error> {
    let file = match File::open(path.join(DATA)) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|error| io(path, error))?,
    };
    match lock_soon(&file) {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path: path.to_path_buf() }),
        Err(TryLockError::Error(error)) => Err(io(path, error)),
    }
}

/// A store that was just closed gives its lock back a moment later, so it is tried for a second.
fn lock_soon(file: &File) -> Result<(), TryLockError> {
    const TIMES: u32 = 20;
    for _ in 1..TIMES {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(std::time::Duration::from_millis(50)),
            other => return other,
        }
    }
    file.try_lock()
}

/// A copy of a store's files.
pub(crate) struct Copy(pub(crate) PathBuf);

impl Drop for Copy {
    fn drop(&mut self) {
        // What can't be removed now is removed before the next copy is made.
        let _ = remove(&self.0);
    }
}

fn remove(folder: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == COPY {
            continue;
        }
        if entry.file_type()?.is_dir() {
            copy_files(&entry.path(), &to.join(name))?;
        } else {
            std::fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// How many changes are on disk, kept outside the database.
pub(crate) struct Counter {
    path: PathBuf,
    state: Mutex<(File, u64)>,
}

impl Counter {
    /// The count in the folder, if there is one; a file that can't be read as a number (a crash of the machine may
    /// leave it empty) says nothing.
    pub(crate) fn read(path: &Path) -> Option<u64> {
        std::fs::read_to_string(path.join(COUNTER)).ok()?.trim().parse().ok()
    }

    /// Opens or makes the counter's file.
    pub(crate) fn open(path: &Path, count: u64) -> Result<Counter, Error> {
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(path.join(COUNTER));
        let file = opened.map_err(|error| io(path, error))?;
        Ok(Counter { path: path.to_path_buf(), state: Mutex::new((file, count)) })
    }

    /// Notes that so many changes are on disk.
    ///
    /// It is not synced: the kernel keeps it when this process is killed, and when the machine crashes an old count
    /// does no harm.
    pub(crate) fn reached(&self, count: u64) -> Result<(), Error> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if count <= state.1 {
            return Ok(());
        }
        let text = format!("{count:020}\n");
        let written = state.0.seek(SeekFrom::Start(0)).and_then(|_| state.0.write_all(text.as_bytes()));
        written.map_err(|error| io(&self.path, error))?;
        state.1 = count;
        Ok(())
    }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_path_buf(), source }
}
