//! How records become keys and bytes, with a version and a path to upgrade old ones; alone knows their encoding.

use std::marker::PhantomData;
use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::db::{Batch, Db, Pair};
use crate::pattern::Pattern;
use crate::{Error, Page};

/// A kind of item that is stored as one value per key.
pub(crate) trait Record: Serialize + DeserializeOwned {
    /// What users call it; also the first part of its keys.
    const KIND: &'static str;
    /// The version that is written. Raise it with any change that old readers or old data would stumble over.
    const VERSION: u32 = 1;
    /// Brings the data of an older version to the present one.
    fn upgrade(version: u32, _data: Value) -> Result<Value, String> {
        Err(format!("version {version} is unknown"))
    }
}

#[derive(Serialize)]
struct Written<'a, T> {
    v: u32,
    d: &'a T,
}

#[derive(Deserialize)]
struct Present<T> {
    v: u32,
    d: T,
}

#[derive(Deserialize)]
struct Read {
    v: u32,
    d: Value,
}

/// The bytes of a record.
pub(crate) fn encode<T: Record>(record: &T) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(&Written { v: T::VERSION, d: record }).map_err(|error| damaged::<T>("", error))
}

/// The record in the bytes; `id` is for the error's text.
pub(crate) fn decode<T: Record>(id: &str, bytes: &[u8]) -> Result<T, Error> {
    // Nearly all are of the present version, and need no tree in between.
    if let Ok(Present { v, d }) = serde_json::from_slice(bytes)
        && v == T::VERSION
    {
        return Ok(d);
    }
    let read: Read = serde_json::from_slice(bytes).map_err(|error| damaged::<T>(id, error))?;
    if read.v > T::VERSION {
        return Err(Error::TooNew { what: format!("the stored {} {id:?}", T::KIND), found: read.v, known: T::VERSION });
    }
    let data = match read.v {
        present if present == T::VERSION => read.d,
        old => T::upgrade(old, read.d).map_err(|why| damaged::<T>(id, why))?,
    };
    serde_json::from_value(data).map_err(|error| damaged::<T>(id, error))
}

fn damaged<T: Record>(id: &str, why: impl ToString) -> Error {
    Error::DamagedRecord { kind: T::KIND, id: id.to_string(), why: why.to_string() }
}

/// Ends the name of an owner in a key.
pub(crate) const OWNER_END: [u8; 2] = [0, 1];

/// The start of all keys of a kind, below the given owners (a topic, for instance).
///
/// An owner ends with bytes that can't occur within it, so that one owner's name may begin with another's.
pub(crate) fn prefix(kind: &str, owners: &[&str]) -> Vec<u8> {
    let mut key = kind.as_bytes().to_vec();
    key.push(b'/');
    for owner in owners {
        for byte in owner.bytes() {
            key.push(byte);
            if byte == 0 {
                key.push(0xff);
            }
        }
        key.extend_from_slice(&OWNER_END);
    }
    key
}

/// The key of an item.
pub(crate) fn key(kind: &str, owners: &[&str], id: &str) -> Vec<u8> {
    let mut key = prefix(kind, owners);
    key.extend_from_slice(id.as_bytes());
    key
}

/// The owner that a key names first, and the rest of the key.
pub(crate) fn split_owner(rest: &[u8]) -> Option<(String, &[u8])> {
    let mut owner = Vec::new();
    let mut at = 0;
    loop {
        match (rest.get(at)?, rest.get(at + 1)) {
            (0, Some(1)) => return Some((String::from_utf8_lossy(&owner).into_owned(), &rest[at + 2..])),
            (0, Some(0xff)) => {
                owner.push(0);
                at += 2;
            }
            (byte, _) => {
                owner.push(*byte);
                at += 1;
            }
        }
    }
}

/// Pairs are read in portions, so that a list of a few among many does not hold all in memory.
const PORTION: usize = 256;

/// The pairs below a prefix, in the order of their keys' bytes.
struct Pairs {
    prefix: Vec<u8>,
    /// So much of a key comes before the id.
    owned: usize,
    /// Where the next portion begins.
    from: Vec<u8>,
    portion: std::vec::IntoIter<Pair>,
    is_last: bool,
}

impl Pairs {
    fn below(prefix: Vec<u8>) -> Pairs {
        Pairs { owned: prefix.len(), from: prefix.clone(), prefix, portion: Vec::new().into_iter(), is_last: false }
    }

    /// Only ids that begin so.
    fn begin_with(&mut self, stem: &str) {
        self.prefix.extend_from_slice(stem.as_bytes());
        self.from.clone_from(&self.prefix);
    }

    fn next(&mut self, db: &dyn Db) -> Result<Option<Pair>, Error> {
        if self.portion.as_slice().is_empty() && !self.is_last {
            let pairs = db.scan(&self.prefix, &self.from, PORTION)?;
            self.is_last = pairs.len() < PORTION;
            if let Some((last, _)) = pairs.last() {
                self.from.clone_from(last);
                self.from.push(0);
            }
            self.portion = pairs.into_iter();
        }
        Ok(self.portion.next())
    }
}

/// Calls `visit` with the id (what follows the prefix) and value of each pair until it answers false.
pub(crate) fn each(
    db: &dyn Db,
    prefix: &[u8],
    mut visit: impl FnMut(&[u8], Vec<u8>) -> Result<bool, Error>,
) -> Result<(), Error> {
    let mut pairs = Pairs::below(prefix.to_vec());
    while let Some((key, value)) = pairs.next(db)? {
        if !visit(&key[prefix.len()..], value)? {
            break;
        }
    }
    Ok(())
}

/// A page of a kind's items, ordered by the bytes of their ids; they are read and understood as they are asked for.
pub(crate) struct Items<T> {
    db: Arc<dyn Db>,
    pairs: Pairs,
    /// None if it can't be read, and matches nothing.
    pattern: Option<Pattern>,
    /// Matches to pass over.
    skip: usize,
    /// Matches to hand out.
    left: usize,
    kind: PhantomData<fn() -> T>,
}

impl<T: Record> Items<T> {
    /// Those below the owners (a topic, for instance).
    pub(crate) fn new(db: &Arc<dyn Db>, owners: &[&str], page: &Page<'_>) -> Items<T> {
        let pattern = Pattern::new(page.pattern).ok();
        let mut pairs = Pairs::below(prefix(T::KIND, owners));
        let mut left = page.limit;
        if let Some(pattern) = &pattern {
            pairs.begin_with(&pattern.stem());
            if pattern.is_plain() {
                left = left.min(1);
            }
        }
        Items { db: Arc::clone(db), pairs, pattern, skip: page.offset, left, kind: PhantomData }
    }

    fn find(&mut self) -> Result<Option<T>, Error> {
        let Some(pattern) = self.pattern.as_ref().filter(|_| self.left > 0) else { return Ok(None) };
        while let Some((key, value)) = self.pairs.next(&*self.db)? {
            let id = String::from_utf8_lossy(&key[self.pairs.owned..]);
            if !pattern.matches(&id) {
                continue;
            }
            if self.skip > 0 {
                self.skip -= 1;
                continue;
            }
            self.left -= 1;
            return decode(&id, &value).map(Some);
        }
        Ok(None)
    }
}

impl<T: Record> Iterator for Items<T> {
    type Item = Result<T, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let found = self.find();
        if found.is_err() {
            self.left = 0;
        }
        found.transpose()
    }
}

/// Removes everything below the prefix, as part of the batch.
pub(crate) fn delete_below(db: &dyn Db, prefix: &[u8], batch: &mut Batch) -> Result<(), Error> {
    each(db, prefix, |rest, _| {
        batch.delete([prefix, rest].concat());
        Ok(true)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Sample {
        name: String,
    }

    impl Record for Sample {
        const KIND: &'static str = "sample";
        const VERSION: u32 = 3;

        fn upgrade(version: u32, mut data: Value) -> Result<Value, String> {
            if version != 2 {
                return Err(format!("version {version} is unknown"));
            }
            let old = data["title"].take();
            Ok(serde_json::json!({ "name": old }))
        }
    }

    #[test]
    fn old_records_are_upgraded_and_newer_ones_refused() {
        let now = encode(&Sample { name: "a".into() }).unwrap();
        assert_eq!(decode::<Sample>("x", &now).unwrap().name, "a");
        assert_eq!(decode::<Sample>("x", br#"{"v":2,"d":{"title":"b"}}"#).unwrap().name, "b");
        let newer = decode::<Sample>("x", br#"{"v":4,"d":{}}"#).unwrap_err();
        assert_eq!(newer.to_string(), r#"the stored sample "x" has version 4, this program knows versions up to 3"#);
        for bad in [&br#"{"v":1,"d":{}}"#[..], b"", b"junk", br#"{"v":3,"d":{}}"#, br#"{"v":3}"#] {
            let error = decode::<Sample>("x", bad).unwrap_err();
            assert!(matches!(error, Error::DamagedRecord { kind: "sample", .. }), "{error}");
        }
    }

    #[test]
    fn owners_do_not_run_into_each_other() {
        let keys = [key("k", &["a"], "z"), key("k", &["a\0"], "b"), key("k", &["ab"], "c")];
        for (owner, expected) in [("a", "z"), ("a\0", "b"), ("ab", "c")] {
            let start = prefix("k", &[owner]);
            let hits: Vec<_> = keys.iter().filter(|key| key.starts_with(&start)).collect();
            assert_eq!(hits.len(), 1, "{owner:?}");
            let (found, id) = split_owner(&hits[0][2..]).unwrap();
            assert_eq!((found.as_str(), id), (owner, expected.as_bytes()));
        }
        assert_eq!(split_owner(b"no end"), None);
    }
}
