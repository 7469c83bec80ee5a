//! What the nodes of running tasks remember: a file for each task, beside the store, since it changes all the time.
//!
//! A file begins with all that there was at a moment and goes on with what has changed since, frame after frame, each
//! with its length and a checksum. It is written anew, under another name first, when changes outweigh the rest. Of a
//! frame that a crash left half written nothing is used, so what is read is what there was at one moment.

mod frame;

use std::{
    borrow::Borrow,
    collections::{BTreeMap, BTreeSet, HashMap},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use disk::{Disk, System};

use crate::Error;

/// How every file begins; the last digit is the version of the format.
const MAGIC: &[u8; 8] = b"kapchk-1";
/// Changes may always grow to this size before the file is written anew.
const SMALL: u64 = 1 << 20;
/// So much is gathered before it is written.
const PIECE: usize = 64 << 10;

/// Keys and their values.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// A change: the key, and its value unless it is gone.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// What was written for a task.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Loaded {
    pub pairs: Pairs,
    /// Its last changes are not whole, as after a power cut: what is there is what there was before them.
    pub damage: Option<String>,
}

/// The folder of all tasks' files. Calls block; those for one task must not overlap.
#[derive(Debug)]
pub struct Checkpoints {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    /// Bytes that are written at once.
    piece: usize,
    /// Sizes of files written by this process: of the first frame, and of all.
    sizes: Mutex<HashMap<String, (u64, u64)>>,
    /// Tasks whose last changes may be lost in a power cut.
    unsynced: Mutex<BTreeSet<String>>,
}

impl Checkpoints {
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Checkpoints, Error> {
        Checkpoints::open_on(Arc::new(System), folder)
    }

    /// As [`Checkpoints::open`], on a disk of one's own.
    ///
    /// # Errors
    /// The folder cannot be made.
    pub fn open_on(disk: Arc<dyn Disk>, folder: impl Into<PathBuf>) -> Result<Checkpoints, Error> {
        let folder = folder.into();
        disk.make_folder(&folder).map_err(|error| io(&folder, error))?;
        Ok(Checkpoints { disk, folder, piece: PIECE, sizes: Mutex::default(), unsynced: Mutex::default() })
    }

    /// Writes pieces of another size: small ones show what becomes of a frame that is interrupted.
    #[must_use]
    pub fn in_pieces_of(self, bytes: usize) -> Checkpoints {
        Checkpoints { piece: bytes, ..self }
    }

    /// The file of a task.
    pub fn path(&self, task: &str) -> PathBuf {
        self.folder.join(format!("{task}.state"))
    }

    /// Whether there is anything of a task.
    pub fn has(&self, task: &str) -> bool {
        self.disk.exists(&self.path(task))
    }

    /// What was written last for a task; nothing if nothing was. What is behind damage is cut off.
    ///
    /// # Errors
    /// [`Error::Damaged`]: the file is put aside under another name, and is not in the way any more.
    pub fn load(&self, task: &str) -> Result<Loaded, Error> {
        let path = self.path(task);
        let bytes = match self.disk.read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Loaded::default()),
            read => read.map_err(|error| io(&path, error))?,
        };
        let found = read(&bytes).map(|(pairs, whole)| {
            let damage = (whole < bytes.len()).then(|| {
                let cut = self.disk.open_to_write(&path).and_then(|file| file.set_len(whole as u64));
                let failed = cut.err().map_or_else(String::new, |error| format!(", which fails: {error}"));
                let (bytes, path) = (bytes.len() - whole, path.display());
                format!("{path}: {bytes} bytes from byte {whole} on are cut off, since they are not whole{failed}")
            });
            Loaded { pairs, damage }
        });
        found.map_err(|why| {
            let aside = self.folder.join(format!("{task}.damaged"));
            let kept = self.disk.rename(&path, &aside).map_err(|error| io(&path, error));
            let path = if kept.is_ok() { aside } else { path.clone() };
            Error::Damaged { path, why: why.to_string() }
        })
    }

    /// Write all that there is now, in place of what was there. Whatever it is, no more than a piece of it is in memory.
    ///
    /// # Errors
    /// What the system refused. What was there before is still there.
    pub fn replace(&self, task: &str, all: impl IntoIterator<Item = impl Borrow<Change>>) -> Result<(), Error> {
        let (path, new) = (self.path(task), self.folder.join(format!("{task}.state.new")));
        let written = self.disk.create(&new).and_then(|file| {
            file.write_all_at(MAGIC, 0)?;
            let size = frame::write(&*file, MAGIC.len() as u64, self.piece, all)?;
            file.sync()?;
            self.disk.rename(&new, &path)?;
            Ok(size)
        });
        let size = written.map_err(|error| io(&path, error))?;
        // A rename is on disk when its folder is; `sync` says if that fails.
        let _ = self.disk.sync_folder(&self.folder);
        self.sizes().insert(task.to_string(), (size, size));
        self.unsynced().insert(task.to_string());
        Ok(())
    }

    /// Write what has changed since the last call. Whether the file should be written anew next time.
    ///
    /// # Errors
    /// What the system refused. The file must be written anew then.
    pub fn append(&self, task: &str, changes: impl IntoIterator<Item = impl Borrow<Change>>) -> Result<bool, Error> {
        let path = self.path(task);
        let written = self.disk.open_to_write(&path).and_then(|file| {
            let begin = file.len()?;
            Ok(frame::write(&*file, begin, self.piece, changes)? - begin)
        });
        let size = written.map_err(|error| io(&path, error))?;
        self.unsynced().insert(task.to_string());
        let mut sizes = self.sizes();
        let (first, all) = sizes.entry(task.to_string()).or_default();
        *all += size;
        Ok(*all > (*first * 2).max(*first + SMALL))
    }

    /// Wait until all that was written is there after a power cut, too: before what it makes superfluous goes.
    ///
    /// # Errors
    /// What the system refused, with the task: its file must be written anew then.
    pub fn sync(&self) -> Result<(), (String, Error)> {
        let mut unsynced = self.unsynced();
        if unsynced.is_empty() {
            return Ok(());
        }
        while let Some(task) = unsynced.pop_first() {
            let path = self.path(&task);
            let synced = self.disk.open(&path).and_then(|file| {
                file.sync()?;
                // Files that were written anew have got their names by that.
                if unsynced.is_empty() { self.sync_folder() } else { Ok(()) }
            });
            match synced {
                // It was forgotten, or has another name.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                synced => synced.map_err(|error| (task, io(&path, error)))?,
            }
        }
        Ok(())
    }

    /// Where folders cannot be synced, their files have their names when the system thinks fit.
    fn sync_folder(&self) -> std::io::Result<()> {
        match self.disk.sync_folder(&self.folder) {
            Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
            synced => synced,
        }
    }

    /// Forget a task.
    ///
    /// # Errors
    /// What the system refused.
    pub fn delete(&self, task: &str) -> Result<(), Error> {
        self.sizes().remove(task);
        let path = self.path(task);
        match self.disk.remove(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io(&path, error)),
            _ => Ok(()),
        }
    }

    /// A task has another id now.
    ///
    /// # Errors
    /// What the system refused.
    pub fn rename(&self, old: &str, new: &str) -> Result<(), Error> {
        let sizes = self.sizes().remove(old);
        let (from, to) = (self.path(old), self.path(new));
        match self.disk.rename(&from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(|error| io(&from, error))?,
        }
        self.sizes().extend(sizes.map(|sizes| (new.to_string(), sizes)));
        self.unsynced().insert(new.to_string());
        Ok(())
    }

    fn sizes(&self) -> MutexGuard<'_, HashMap<String, (u64, u64)>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unsynced(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unsynced.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_path_buf(), source }
}

/// What the whole frames from the first one on say, and where they end.
fn read(bytes: &[u8]) -> Result<(Pairs, usize), &'static str> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a checkpoint of this version does")?;
    // The first frame was on disk before the file had its name.
    let first =
        frame::next(&mut rest).ok_or(if rest.is_empty() { "it is empty" } else { "its first part is not whole" })?;
    let mut pairs = Pairs::new();
    frame::apply(first, &mut pairs)?;
    loop {
        let whole = bytes.len() - rest.len();
        match frame::next(&mut rest) {
            Some(frame) => frame::apply(frame, &mut pairs)?,
            None => return Ok((pairs, whole)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn change(key: &str, value: Option<&str>) -> Change {
        (key.as_bytes().to_vec(), value.map(|value| value.as_bytes().to_vec()))
    }

    fn shown(checkpoints: &Checkpoints, task: &str) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let pairs = checkpoints.load(task).unwrap().pairs;
        pairs.iter().map(|(key, value)| format!("{}={} ", text(key), text(value))).collect()
    }

    fn written() -> (tempfile::TempDir, Checkpoints) {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(folder.path().join("c")).unwrap();
        checkpoints.replace("t", &[change("a", Some("1")), change("b", Some("2")), change("z", None)]).unwrap();
        checkpoints.append("t", &[change("b", None), change("c", Some(""))]).unwrap();
        checkpoints.append("t", &[change("a", Some("3"))]).unwrap();
        (folder, checkpoints)
    }

    #[test]
    fn changes_follow_what_was_there() {
        let (_folder, checkpoints) = written();
        assert_eq!(shown(&checkpoints, "t"), "a=3 c= ");
        assert_eq!(shown(&checkpoints, "other"), "");
        checkpoints.rename("t", "u").unwrap();
        assert_eq!((shown(&checkpoints, "t"), shown(&checkpoints, "u")), (String::new(), "a=3 c= ".to_string()));
        checkpoints.replace("u", &[change("n", Some("1"))]).unwrap();
        assert_eq!(shown(&checkpoints, "u"), "n=1 ");
        checkpoints.delete("u").unwrap();
        checkpoints.delete("u").unwrap();
        assert_eq!(shown(&checkpoints, "u"), "");
        assert!(checkpoints.append("u", &[]).is_err(), "there is nothing to add to");
    }

    #[test]
    fn much_change_asks_for_a_new_file() {
        let (_folder, checkpoints) = written();
        let value = "x".repeat(600 << 10);
        assert!(!checkpoints.append("t", &[change("v", Some(&value))]).unwrap());
        assert!(checkpoints.append("t", &[change("v", Some(&value))]).unwrap());
    }

    #[test]
    fn a_crash_while_writing_loses_the_last_change_alone() {
        let (_folder, checkpoints) = written();
        let path = checkpoints.path("t");
        let whole = fs::read(&path).unwrap();
        for cut in whole.len() - (frame::HEAD + 4 + 1 + 4 + 1) + 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(shown(&checkpoints, "t"), "a=1 c= ", "cut at {cut}");
        }
    }

    #[test]
    fn a_frame_of_many_pieces_counts_when_it_is_whole() {
        let (_folder, checkpoints) = written();
        let path = checkpoints.path("t");
        let before = fs::read(&path).unwrap();
        let value = "x".repeat(1000);
        let many = || (0..500).map(|number| change(&format!("k{number:03}"), Some(&value)));
        checkpoints.append("t", many()).unwrap();
        checkpoints.append("t", [change("last", Some("1"))]).unwrap();
        let whole = fs::read(&path).unwrap();
        let pairs = checkpoints.load("t").unwrap().pairs;
        assert_eq!((pairs.len(), pairs[b"k499".as_slice()].len()), (503, 1000));
        // The head comes last.
        let mut headless = whole.clone();
        headless[before.len()..before.len() + frame::HEAD].fill(0);
        for (damaged, what) in [(&headless, "no head"), (&whole[..whole.len() / 2].to_vec(), "half of it")] {
            fs::write(&path, damaged).unwrap();
            let loaded = checkpoints.load("t").unwrap();
            assert_eq!((loaded.pairs.len(), loaded.damage.is_some()), (2, true), "{what}");
            assert_eq!(fs::read(&path).unwrap(), before, "{what}");
        }
        checkpoints.replace("t", many()).unwrap();
        assert_eq!(checkpoints.load("t").unwrap().pairs.len(), 500);
    }

    #[test]
    fn damage_is_told_and_put_aside() {
        let (folder, checkpoints) = written();
        let path = checkpoints.path("t");
        let whole = fs::read(&path).unwrap();
        for at in [0, 7, 8, 9, 14, 20, 25, 60] {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            fs::write(&path, &bytes).unwrap();
            match checkpoints.load("t") {
                Err(Error::Damaged { path, .. }) => assert_eq!(path, folder.path().join("c/t.damaged")),
                // What is before the damage is there, and the rest is not in the way any more.
                Ok(Loaded { pairs, damage }) => {
                    assert_eq!((at, pairs.len(), damage.is_some()), (60, 2, true));
                    assert_eq!(checkpoints.load("t").unwrap(), Loaded { pairs, damage: None });
                }
                Err(other) => panic!("{other}"),
            }
        }
        for text in [&b""[..], b"kapchk-1", b"something else altogether"] {
            fs::write(&path, text).unwrap();
            assert!(checkpoints.load("t").is_err());
            assert!(checkpoints.load("t").unwrap().pairs.is_empty(), "it is not in the way any more");
        }
    }
}
