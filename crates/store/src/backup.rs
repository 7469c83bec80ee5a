//! A copy of a store as one file, and a store made of such a file.

use std::path::{Path, PathBuf};

use crate::Error;
use crate::db::{Batch, Db, Pair, SledDb};

/// What such a file begins with.
const MAGIC: &[u8] = b"kapacitor-store-backup 1\n";

/// The file's bytes: the pairs, each with its lengths, and a checksum of all.
pub(crate) fn write(pairs: &[Pair]) -> Result<Vec<u8>, Error> {
    let mut out = MAGIC.to_vec();
    for (key, value) in pairs {
        for part in [key, value] {
            // No record comes near to it; a longer one would not be read back.
            let length = u32::try_from(part.len()).unwrap_or(u32::MAX);
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(part);
        }
    }
    let sum = checksum(&out);
    out.extend_from_slice(&u32::MAX.to_be_bytes());
    out.extend_from_slice(&sum.to_be_bytes());
    Ok(out)
}

/// If a file of [`write()`] lies where a store should be, makes a store of it; the file stays beside it.
///
/// # Errors
/// [`Error::Damaged`] if the file is not whole: it is left as it is.
pub(crate) fn take_in(path: &Path) -> Result<(), Error> {
    let io = |source| Error::Io { path: path.to_path_buf(), source };
    let (new, old) = (beside(path, "new"), beside(path, "backup"));
    if !path.exists() && new.is_dir() && old.is_file() {
        // Stopped between the two steps below.
        return std::fs::rename(&new, path).map_err(io);
    }
    if !path.is_file() || !begins_with_magic(path) {
        return Ok(());
    }
    let bytes = std::fs::read(path).map_err(io)?;
    let Some(pairs) = read(&bytes) else {
        let why = "this copy of a store is not whole".to_string();
        return Err(Error::Damaged { path: path.to_path_buf(), why });
    };
    fill(&new, pairs)?;
    std::fs::rename(path, &old).map_err(io)?;
    std::fs::rename(&new, path).map_err(io)
}

/// Makes a store of a file of [`write()`], which stays as it is.
///
/// # Errors
/// [`Error::Damaged`] if the file is not whole or no such file, [`Error::Occupied`] if something is at `path` already.
pub(crate) fn restore(backup: &Path, path: &Path) -> Result<usize, Error> {
    let io = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Io { path, source }
    };
    let bytes = std::fs::read(backup).map_err(io(backup))?;
    let Some(pairs) = read(&bytes) else {
        let why = "it is no whole copy of a store".to_string();
        return Err(Error::Damaged { path: backup.to_path_buf(), why });
    };
    if path.exists() {
        return Err(Error::Occupied { path: path.to_path_buf() });
    }
    let (new, records) = (beside(path, "new"), pairs.len());
    fill(&new, pairs)?;
    std::fs::rename(&new, path).map_err(io(path))?;
    Ok(records)
}

/// Makes a store of pairs; what an earlier try left there goes.
fn fill(path: &Path, pairs: Vec<Pair>) -> Result<(), Error> {
    if path.exists() {
        std::fs::remove_dir_all(path).map_err(|source| Error::Io { path: path.to_path_buf(), source })?;
    }
    let db = SledDb::open(path)?;
    let mut batch = Batch::default();
    for (key, value) in pairs {
        batch.put(key, value);
    }
    db.apply(batch)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(".");
    name.push(ending);
    name.into()
}

fn begins_with_magic(path: &Path) -> bool {
    use std::io::Read;
    let mut start = [0; MAGIC.len()];
    std::fs::File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *MAGIC
}

/// The pairs of a file; `None` if it is not whole.
fn read(bytes: &[u8]) -> Option<Vec<Pair>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut pairs = Vec::new();
    loop {
        let before = bytes.len() - rest.len();
        let Some(key) = part(&mut rest) else {
            let (end, sum) = rest.split_at_checked(4)?;
            let whole = end == u32::MAX.to_be_bytes() && sum == checksum(&bytes[..before]).to_be_bytes();
            return whole.then_some(pairs);
        };
        pairs.push((key, part(&mut rest)?));
    }
}

/// The next part, taken off; `None` at the end.
fn part(rest: &mut &[u8]) -> Option<Vec<u8>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part.to_vec())
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, &byte| (sum ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Store, overrides::Override};

    #[test]
    fn a_backup_at_the_path_of_a_store_becomes_the_store() {
        let folder = tempfile::tempdir().unwrap();
        let change = Override { section: "smtp".into(), ..Override::default() };
        let (backup, identity) = {
            let store = Store::open(folder.path().join("first")).unwrap();
            store.overrides().put(&change).unwrap();
            (store.backup().unwrap(), store.identity().clone())
        };
        let path = folder.path().join("second");
        std::fs::write(&path, &backup).unwrap();
        let store = Store::open(&path).unwrap();
        assert_eq!((store.overrides().list().unwrap(), store.identity()), (vec![change], &identity));
        assert!(folder.path().join("second.backup").is_file());

        let other = folder.path().join("other");
        let file = folder.path().join("second.backup");
        let damaged = folder.path().join("damaged");
        std::fs::write(&damaged, &backup[1..]).unwrap();
        assert!(matches!(restore(&damaged, &other), Err(Error::Damaged { .. })) && !other.exists());
        assert!(restore(&file, &other).unwrap() > 0 && file.is_file());
        assert_eq!(*Store::open(&other).unwrap().identity(), identity);
        assert!(matches!(restore(&file, &other), Err(Error::Occupied { .. })));

        for length in [backup.len() - 1, MAGIC.len(), MAGIC.len() + 3] {
            let broken = folder.path().join(format!("broken{length}"));
            std::fs::write(&broken, &backup[..length]).unwrap();
            assert!(matches!(Store::open(&broken), Err(Error::Damaged { .. })), "{length}");
            assert_eq!(std::fs::read(&broken).unwrap(), &backup[..length]);
        }
    }
}
