//! Keys and values on disk or in memory; alone knows sled.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::Error;
use crate::folder::{self, Counter};

/// A key and its value.
pub type Pair = (Vec<u8>, Vec<u8>);

/// Changes that take effect together or not at all, in the given order.
#[derive(Debug, Default, Clone)]
pub struct Batch {
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// Sets the key to the value.
    pub fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.push((key, Some(value)));
    }

    /// Removes the key; no error if there is none.
    pub fn delete(&mut self, key: Vec<u8>) {
        self.changes.push((key, None));
    }
}

/// An ordered map of bytes that outlives the process. All calls block; a change is on disk when its call returns.
pub trait Db: Send + Sync {
    /// The key's value.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error>;
    /// Sets the key to the value.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Error>;
    /// Removes the key; no error if there is none.
    fn delete(&self, key: &[u8]) -> Result<(), Error>;
    /// Up to `limit` pairs in the order of their keys' bytes: those with the prefix, at `from` (a whole key) or after.
    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error>;
    /// All pairs, as they are at one moment.
    fn all(&self) -> Result<Vec<Pair>, Error>;
    /// Makes all changes of the batch, or none.
    fn apply(&self, batch: Batch) -> Result<(), Error>;
    /// Waits until all is on disk.
    fn flush(&self) -> Result<(), Error>;
}

/// Keeps all in memory: for tests and for a daemon that shall leave nothing behind.
#[derive(Debug, Default)]
pub struct MemoryDb {
    map: Mutex<BTreeMap<Vec<u8>, Vec<u8>>>,
}

impl MemoryDb {
    fn map(&self) -> std::sync::MutexGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        // No call panics halfway through a change, so a poisoned map is whole.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Db for MemoryDb {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.map().get(key).cloned())
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        self.map().insert(key.to_vec(), value.to_vec());
        Ok(())
    }

    fn delete(&self, key: &[u8]) -> Result<(), Error> {
        self.map().remove(key);
        Ok(())
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        let start = prefix.max(from).to_vec();
        let map = self.map();
        let hits = map.range(start..).take_while(|(key, _)| key.starts_with(prefix)).take(limit);
        Ok(hits.map(|(key, value)| (key.clone(), value.clone())).collect())
    }

    fn all(&self) -> Result<Vec<Pair>, Error> {
        self.scan(&[], &[], usize::MAX)
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        let mut map = self.map();
        for (key, value) in batch.changes {
            match value {
                Some(value) => map.insert(key, value),
                None => map.remove(&key),
            };
        }
        Ok(())
    }

    fn flush(&self) -> Result<(), Error> {
        Ok(())
    }
}

/// Keeps all in a folder, by sled.
///
/// After one write that failed sled takes no further one. So it is opened again once the disk takes more, as of the last
/// change that is on disk.
pub(crate) struct SledDb {
    /// None while it is opened again.
    sled: RwLock<Option<sled::Db>>,
    path: PathBuf,
    /// The number of the last change; held while a change is made, so that changes are numbered as they are made.
    last: Mutex<u64>,
    /// How many changes are known to be on disk.
    counter: Counter,
    /// Since the disk took no more: when it was last tried whether it does.
    stuck: Mutex<Option<Instant>>,
}

/// So long after the disk took no more it is tried again.
const PAUSE: Duration = Duration::from_secs(1);

/// The key of the last change's number; no other key starts with a zero.
const LAST: &[u8] = b"\0last";

/// What users define is small; sled's own default would be a gigabyte.
const CACHE_BYTES: u64 = 16 << 20;

impl SledDb {
    /// Opens the folder, or makes it. What is foreign or damaged stays as it is.
    pub(crate) fn open(path: &Path) -> Result<SledDb, Error> {
        folder::refuse_foreign(path)?;
        if let Some(copy) = folder::copy(path)? {
            check_copy(path, &copy)?;
        }
        let db = open(path, path)?;
        let last = last_change(&db).map_err(|error| translate(path, error))?;
        let counter = Counter::open(path, last)?;
        let (sled, last) = (RwLock::new(Some(db)), Mutex::new(last));
        Ok(SledDb { sled, path: path.to_path_buf(), last, counter, stuck: Mutex::default() })
    }

    /// Does something with sled's database, once it is as it should be.
    fn with<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Error> {
        self.recover()?;
        self.as_it_is(work)
    }

    /// Does something with sled's database.
    fn as_it_is<T>(&self, work: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, Error> {
        let sled = self.sled.read().unwrap_or_else(PoisonError::into_inner);
        let result = match &*sled {
            Some(db) => work(db).map_err(|error| translate(&self.path, error)),
            None => Err(Error::Full { path: self.path.clone() }),
        };
        if let Err(Error::Full { .. } | Error::Io { .. }) = result {
            lock(&self.stuck).get_or_insert_with(Instant::now);
        }
        result
    }

    /// Opens the database again if the disk took no more, and may take more by now.
    fn recover(&self) -> Result<(), Error> {
        {
            let mut stuck = lock(&self.stuck);
            match *stuck {
                Some(tried) if tried.elapsed() >= PAUSE => *stuck = Some(Instant::now()),
                _ => return Ok(()),
            }
        }
        // The copy takes as much room as there must be; until it is whole and sound, the database stays as it is.
        match folder::copy_of_own(&self.path).and_then(|copy| check_copy(&self.path, &copy)) {
            Err(Error::Io { .. } | Error::Full { .. }) => return Ok(()),
            checked => checked?,
        }
        let mut last = lock(&self.last);
        let mut sled = self.sled.write().unwrap_or_else(PoisonError::into_inner);
        *sled = None;
        folder::wait_for_lock(&self.path)?;
        let db = open(&self.path, &self.path)?;
        *last = last_change(&db).map_err(|error| translate(&self.path, error))?;
        *sled = Some(db);
        *lock(&self.stuck) = None;
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Db for SledDb {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
        self.with(|db| Ok(db.get(key)?.map(|value| value.to_vec())))
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let mut batch = Batch::default();
        batch.put(key.to_vec(), value.to_vec());
        self.apply(batch)
    }

    fn delete(&self, key: &[u8]) -> Result<(), Error> {
        let mut batch = Batch::default();
        batch.delete(key.to_vec());
        self.apply(batch)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], limit: usize) -> Result<Vec<Pair>, Error> {
        self.with(|db| below(db, prefix, from, limit))
    }

    fn all(&self) -> Result<Vec<Pair>, Error> {
        self.recover()?;
        // No change is made while this is held.
        let _last = lock(&self.last);
        self.as_it_is(|db| below(db, &[], &[], usize::MAX))
    }

    fn apply(&self, batch: Batch) -> Result<(), Error> {
        if batch.changes.is_empty() {
            return Ok(());
        }
        // sled keeps one change per key of a batch: the last one, which is what doing them in order comes to.
        let mut sled_batch = sled::Batch::default();
        for (key, value) in batch.changes {
            match value {
                Some(value) => sled_batch.insert(key, value),
                None => sled_batch.remove(key),
            }
        }
        self.recover()?;
        let number = {
            let mut last = lock(&self.last);
            let number = *last + 1;
            sled_batch.insert(LAST, &number.to_be_bytes());
            self.as_it_is(|db| db.apply_batch(sled_batch))?;
            *last = number;
            number
        };
        self.flush()?;
        self.counter.reached(number)
    }

    fn flush(&self) -> Result<(), Error> {
        self.with(|db| db.flush().map(drop))
    }
}

/// See [`Db::scan`].
fn below(db: &sled::Db, prefix: &[u8], from: &[u8], limit: usize) -> sled::Result<Vec<Pair>> {
    let mut pairs = Vec::new();
    // The number of the last change comes before all other keys.
    let start = prefix.max(from).max(&[1]);
    for pair in db.range(start..).take(limit) {
        let (key, value) = pair?;
        if !key.starts_with(prefix) {
            break;
        }
        pairs.push((key.to_vec(), value.to_vec()));
    }
    Ok(pairs)
}

/// Opens sled's files at `at`; errors name the store's own path.
fn open(path: &Path, at: &Path) -> Result<sled::Db, Error> {
    let config = sled::Config::new().path(at).cache_capacity(CACHE_BYTES).flush_every_ms(None);
    unharmed(path, || config.open())
}

/// Opens a copy of the store and reads all of it: it must be sound, and have all changes that are known to be on disk.
fn check_copy(path: &Path, copy: &folder::Copy) -> Result<(), Error> {
    let db = open(path, &copy.0)?;
    let last = unharmed(path, || {
        for pair in db.iter() {
            pair?;
        }
        last_change(&db)
    })?;
    let known = Counter::read(path).unwrap_or(0);
    if last < known {
        let why = format!("{} of {known} changes are lost", known - last);
        return Err(Error::Damaged { path: path.to_path_buf(), why });
    }
    Ok(())
}

/// Some damage makes sled panic instead of answering.
fn unharmed<T>(path: &Path, read: impl FnOnce() -> sled::Result<T>) -> Result<T, Error> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| translate(path, error)),
        Err(_) => Err(Error::Damaged { path: path.to_path_buf(), why: "its files can't be read".to_string() }),
    }
}

fn last_change(db: &sled::Db) -> sled::Result<u64> {
    let bytes = db.get(LAST)?;
    Ok(bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes.as_ref()).ok()).map_or(0, u64::from_be_bytes))
}

fn translate(path: &Path, error: sled::Error) -> Error {
    let path = path.to_path_buf();
    match error {
        sled::Error::Io(source) if is_lock(&source) => Error::Locked { path },
        sled::Error::Io(source) if source.kind() == std::io::ErrorKind::InvalidData => {
            Error::Damaged { path, why: source.to_string() }
        }
        sled::Error::Io(source) if is_full(&source) => Error::Full { path },
        sled::Error::Io(source) => Error::Io { path, source },
        sled::Error::Unsupported(why) => Error::Damaged { path, why },
        sled::Error::Corruption { .. } => Error::Damaged { path, why: "a part of it can't be read".to_string() },
        other => Error::Damaged { path, why: other.to_string() },
    }
}

/// sled repeats the first such error for ever, as text.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let text = error.to_string();
    [FileTooLarge, QuotaExceeded, ReadOnlyFilesystem, StorageFull]
        .iter()
        .any(|kind| error.kind() == *kind || text.contains(&format!("kind: {kind:?}")))
}

/// sled tells a lock held elsewhere only by the text of its error.
fn is_lock(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::WouldBlock || error.to_string().contains("acquire lock")
}
