//! Series: a measurement with its tags, known by one number.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::{Name, Names, Pages};

/// The number of a series; 0 has an empty name and no tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct SeriesId(pub u32);

/// Tag keys and values, sorted by the texts of the keys.
pub type Tags = [(Name, Name)];

#[derive(Debug)]
pub struct Series {
    name: Name,
    tags: Box<Tags>,
    /// The key as it stands in line protocol; empty for series that nodes made.
    raw: Box<[u8]>,
    /// The series that followed this one in the last write, and the shape its last line had: guesses of the parser.
    next: AtomicU32,
    shape: AtomicU32,
}

impl Series {
    /// The measurement.
    #[inline]
    pub fn name(&self) -> Name {
        self.name
    }

    #[inline]
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The value of a tag.
    pub fn tag(&self, key: Name) -> Option<Name> {
        self.tags.iter().find(|tag| tag.0 == key).map(|tag| tag.1)
    }

    #[inline]
    pub(crate) fn raw(&self) -> &[u8] {
        &self.raw
    }

    #[inline]
    pub(crate) fn guess_next(&self) -> u32 {
        self.next.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn remember_next(&self, next: u32) {
        self.next.store(next, Ordering::Relaxed);
    }

    #[inline]
    pub(crate) fn guess_shape(&self) -> u32 {
        self.shape.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn remember_shape(&self, shape: u32) {
        self.shape.store(shape, Ordering::Relaxed);
    }
}

/// An entry of an index: a part of the hash beside the number, so that a refused neighbour costs no cache miss.
#[derive(Clone, Copy)]
struct Slot {
    hash: u32,
    number: u32,
}

type Index = RwLock<HashTable<Slot>>;

#[derive(Default)]
pub(crate) struct SeriesTable {
    series: Pages<Series>,
    by_raw: Index,
    by_tags: Index,
    bytes: AtomicUsize,
    hasher: rapidhash::fast::RandomState,
}

impl SeriesTable {
    pub(crate) fn new() -> SeriesTable {
        let table = SeriesTable::default();
        table.intern(Name::EMPTY, &[]);
        table
    }

    #[inline]
    pub(crate) fn get(&self, id: SeriesId) -> &Series {
        self.series.get(id.0).expect("a series' number comes from this table")
    }

    pub(crate) fn len(&self) -> usize {
        self.series.len() as usize
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The hash of a key as it stands in line protocol, for the two functions below.
    #[inline]
    pub(crate) fn hash_raw(&self, key: &[u8]) -> u32 {
        self.hasher.hash_one(key) as u32
    }

    /// The series of a key.
    #[inline]
    pub(crate) fn find_raw(&self, hash: u32, key: &[u8]) -> Option<SeriesId> {
        let index = self.by_raw.read().unwrap_or_else(PoisonError::into_inner);
        index
            .find(widen(hash), |slot| slot.hash == hash && self.get(SeriesId(slot.number)).raw() == key)
            .map(|slot| SeriesId(slot.number))
    }

    /// Add the series of a key that is not in the table yet.
    pub(crate) fn add_raw(&self, hash: u32, key: &[u8], name: Name, tags: Box<Tags>) -> SeriesId {
        let mut index = self.by_raw.write().unwrap_or_else(PoisonError::into_inner);
        let same = |slot: &Slot| slot.hash == hash && self.get(SeriesId(slot.number)).raw() == key;
        if let Some(slot) = index.find(widen(hash), same) {
            return SeriesId(slot.number);
        }
        let number = self.push(name, tags, key.into());
        index.insert_unique(widen(hash), Slot { hash, number }, |slot| widen(slot.hash));
        SeriesId(number)
    }

    /// The series of a name and tags that a node made.
    pub(crate) fn intern(&self, name: Name, tags: &Tags) -> SeriesId {
        let hash = self.hash_tags(name, tags);
        let same = |slot: &Slot| {
            let series = self.get(SeriesId(slot.number));
            slot.hash == hash && series.name == name && *series.tags == *tags
        };
        if let Some(slot) = self.by_tags.read().unwrap_or_else(PoisonError::into_inner).find(widen(hash), same) {
            return SeriesId(slot.number);
        }
        let mut index = self.by_tags.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = index.find(widen(hash), same) {
            return SeriesId(slot.number);
        }
        let number = self.push(name, tags.into(), Box::default());
        index.insert_unique(widen(hash), Slot { hash, number }, |slot| widen(slot.hash));
        SeriesId(number)
    }

    fn push(&self, name: Name, tags: Box<Tags>, raw: Box<[u8]>) -> u32 {
        let owned = size_of_val(&*tags) + raw.len();
        self.bytes.fetch_add(size_of::<Series>() + owned + 64, Ordering::Relaxed);
        self.series.push(Series { name, tags, raw, next: AtomicU32::new(0), shape: AtomicU32::new(0) })
    }

    fn hash_tags(&self, name: Name, tags: &Tags) -> u32 {
        let mut hasher = self.hasher.build_hasher();
        name.hash(&mut hasher);
        tags.hash(&mut hasher);
        hasher.finish() as u32
    }
}

/// The table's own hash from the 32 bits kept: its top bits choose the control byte.
#[inline]
fn widen(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// Sort tags by the texts of their keys.
pub(crate) fn sort_tags(names: &Names, tags: &mut [(Name, Name)]) {
    tags.sort_by(|a, b| names.text(a.0).cmp(names.text(b.0)));
}
