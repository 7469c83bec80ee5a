//! What the nodes of running tasks remember: a file for each task, beside the store, since it changes all the time.
//!
//! A file begins with all that there was at a moment and goes on with what has changed since, frame after frame, each
//! with its length and a checksum. It is written anew, under another name first, when changes outweigh the rest. Of a
//! frame that a crash left half written nothing is used, so what is read is what there was at one moment.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use crate::Error;

/// How every file begins; the last digit is the version of the format.
const MAGIC: &[u8; 8] = b"kapchk-1";
/// Length and checksum of a frame.
const HEAD: usize = 16;
/// Changes may always grow to this size before the file is written anew.
const SMALL: u64 = 1 << 20;

/// Keys and their values.
pub type Pairs = BTreeMap<Vec<u8>, Vec<u8>>;

/// A change: the key, and its value unless it is gone.
pub type Change = (Vec<u8>, Option<Vec<u8>>);

/// What was written for a task.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    pub pairs: Pairs,
    /// The file is damaged: `pairs` are what there was at an earlier moment, nothing if no part of it is whole. It is put
    /// aside under another name, and is not in the way any more.
    pub damage: Option<Damage>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {why}", .path.display())]
pub struct Damage {
    /// Where it is now.
    pub path: PathBuf,
    pub why: &'static str,
}

/// The folder of all tasks' files. Calls block; those for one task must not overlap.
#[derive(Debug)]
pub struct Checkpoints {
    folder: PathBuf,
    /// Sizes of files written by this process: of the first frame, and of all.
    sizes: Mutex<HashMap<String, (u64, u64)>>,
}

impl Checkpoints {
    /// # Errors
    /// The folder cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Checkpoints, Error> {
        let folder = folder.into();
        fs::create_dir_all(&folder).map_err(|error| io(&folder, error))?;
        Ok(Checkpoints { folder, sizes: Mutex::default() })
    }

    fn path(&self, task: &str) -> PathBuf {
        self.folder.join(format!("{task}.state"))
    }

    /// Whether there is anything of a task.
    pub fn has(&self, task: &str) -> bool {
        self.path(task).exists()
    }

    /// What was written last for a task; nothing if nothing was.
    ///
    /// # Errors
    /// What the system refused.
    pub fn load(&self, task: &str) -> Result<Loaded, Error> {
        let path = self.path(task);
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Loaded::default()),
            read => read.map_err(|error| io(&path, error))?,
        };
        let mut pairs = Pairs::new();
        let damage = read(&bytes, &mut pairs).err().map(|why| {
            let aside = self.folder.join(format!("{task}.damaged"));
            let path = if fs::rename(&path, &aside).is_ok() { aside } else { path };
            Damage { path, why }
        });
        Ok(Loaded { pairs, damage })
    }

    /// Write all that there is now, in place of what was there.
    ///
    /// # Errors
    /// What the system refused. What was there before is still there.
    pub fn replace(&self, task: &str, all: &[Change]) -> Result<(), Error> {
        let (path, new) = (self.path(task), self.folder.join(format!("{task}.state.new")));
        let mut bytes = MAGIC.to_vec();
        write_frame(all, &mut bytes);
        let written = File::create(&new).and_then(|mut file| {
            file.write_all(&bytes)?;
            file.sync_data()
        });
        written.and_then(|()| fs::rename(&new, &path)).map_err(|error| io(&path, error))?;
        // A rename is on disk when its folder is; where folders cannot be synced, it is when the system thinks fit.
        let _ = File::open(&self.folder).and_then(|folder| folder.sync_all());
        let size = bytes.len() as u64;
        self.sizes().insert(task.to_string(), (size, size));
        Ok(())
    }

    /// Write what has changed since the last call. Whether the file should be written anew next time.
    ///
    /// # Errors
    /// What the system refused. The file must be written anew then.
    pub fn append(&self, task: &str, changes: &[Change]) -> Result<bool, Error> {
        let path = self.path(task);
        let mut bytes = Vec::new();
        write_frame(changes, &mut bytes);
        let opened = OpenOptions::new().append(true).open(&path);
        opened.and_then(|mut file| file.write_all(&bytes)).map_err(|error| io(&path, error))?;
        let mut sizes = self.sizes();
        let (first, all) = sizes.entry(task.to_string()).or_default();
        *all += bytes.len() as u64;
        Ok(*all > (*first * 2).max(*first + SMALL))
    }

    /// Forget a task.
    ///
    /// # Errors
    /// What the system refused.
    pub fn delete(&self, task: &str) -> Result<(), Error> {
        self.sizes().remove(task);
        let path = self.path(task);
        match fs::remove_file(&path) {
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
        match fs::rename(&from, &to) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            renamed => renamed.map_err(|error| io(&from, error))?,
        }
        self.sizes().extend(sizes.map(|sizes| (new.to_string(), sizes)));
        Ok(())
    }

    fn sizes(&self) -> std::sync::MutexGuard<'_, HashMap<String, (u64, u64)>> {
        self.sizes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn io(path: &Path, source: std::io::Error) -> Error {
    Error::Io { path: path.to_path_buf(), source }
}

/// FNV-1a over words of eight bytes: quick, and enough to tell damage.
fn checksum(bytes: &[u8]) -> u64 {
    let step = |hash: u64, word: u64| (hash ^ word).wrapping_mul(0x0100_0000_01b3).rotate_left(29);
    let chunks = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    });
    chunks.fold(0xcbf2_9ce4_8422_2325 ^ bytes.len() as u64, step)
}

fn write_frame(changes: &[Change], out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(&[0; HEAD]);
    for (key, value) in changes {
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(key);
        // A value that is gone has the longest length.
        let length = value.as_ref().map_or(u32::MAX, |value| value.len() as u32);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(value.as_deref().unwrap_or_default());
    }
    let (length, sum) = ((out.len() - begin - HEAD) as u64, checksum(&out[begin + HEAD..]));
    out[begin..begin + 8].copy_from_slice(&length.to_le_bytes());
    out[begin + 8..begin + HEAD].copy_from_slice(&sum.to_le_bytes());
}

/// Read what there was last, or up to where it is wrong.
fn read(bytes: &[u8], pairs: &mut Pairs) -> Result<(), &'static str> {
    let mut rest = bytes.strip_prefix(MAGIC).ok_or("it does not begin as a checkpoint of this version does")?;
    let mut first = true;
    while !rest.is_empty() {
        match next_frame(&mut rest) {
            // Its checksum is right, so it can be wrong as a whole only.
            Some(frame) => apply(frame, pairs)?,
            // The first frame was on disk before the file had its name.
            None if first => return Err("its first part is cut short or changed"),
            None if rest.is_empty() => break,
            None => return Err("a part in its middle was changed"),
        }
        first = false;
    }
    if first { Err("it is empty") } else { Ok(()) }
}

/// The next frame, taken off. `None` with nothing left: the last one is cut short; with something: this one is wrong.
fn next_frame<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let bytes = *rest;
    let cut = bytes.split_first_chunk::<8>().and_then(|(length, after)| {
        let (sum, body) = after.split_first_chunk::<8>()?;
        let frame = body.get(..usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        Some((frame, u64::from_le_bytes(*sum), &body[frame.len()..]))
    });
    let (frame, sum, after) = cut.unwrap_or((&[], !checksum(&[]), &[]));
    *rest = after;
    (checksum(frame) == sum).then_some(frame)
}

fn apply(mut frame: &[u8], pairs: &mut Pairs) -> Result<(), &'static str> {
    const WRONG: &str = "a part of it makes no sense";
    let mut take = |length: usize| {
        let (taken, rest) = frame.split_at_checked(length).ok_or(WRONG)?;
        frame = rest;
        Ok::<_, &'static str>((taken, rest.is_empty()))
    };
    let number = |bytes: &[u8]| bytes.try_into().map(u32::from_le_bytes).map_err(|_| WRONG);
    loop {
        let length = match take(4) {
            Ok((length, _)) => number(length)?,
            Err(why) => return if frame.is_empty() { Ok(()) } else { Err(why) },
        };
        let key = take(length as usize)?.0.to_vec();
        match number(take(4)?.0)? {
            u32::MAX => {
                pairs.remove(&key);
            }
            length => {
                pairs.insert(key, take(length as usize)?.0.to_vec());
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        for cut in whole.len() - (HEAD + 4 + 1 + 4 + 1) + 1..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            assert_eq!(shown(&checkpoints, "t"), "a=1 c= ", "cut at {cut}");
        }
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
            let Loaded { pairs, damage } = checkpoints.load("t").unwrap();
            // The length of a frame in the middle may make it reach beyond the end: it counts as cut short.
            let aside = damage.map_or_else(|| folder.path().join("c/t.damaged"), |damage| damage.path);
            assert_eq!(aside, folder.path().join("c/t.damaged"));
            // What came before the damage is there.
            assert_eq!(pairs.len(), if at < 60 { 0 } else { 2 }, "changed at {at}");
        }
        for text in [&b""[..], b"kapchk-1", b"something else altogether"] {
            fs::write(&path, text).unwrap();
            assert!(checkpoints.load("t").unwrap().damage.is_some());
            assert_eq!(checkpoints.load("t").unwrap(), Loaded::default(), "it is not in the way any more");
        }
    }
}
