//! Series: a measurement with its tags, known by one number.

use std::{
    hash::{BuildHasher, Hash, Hasher},
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::{FastSet, Name, Names, register::Register};

/// The number of a series; 0 has an empty name and no tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct SeriesId(pub u32);

/// Tag keys and values, sorted by the texts of the keys.
pub type Tags = [(Name, Name)];

#[derive(Debug, Default)]
pub struct Series {
    name: Name,
    tags: Box<Tags>,
    /// The key as it stands in line protocol; empty for series that nodes made.
    raw: Box<[u8]>,
    /// The series that followed this one in the last write, and the shape its last line had: guesses of the parser.
    next: AtomicU32,
    shape: AtomicU32,
}

impl Clone for Series {
    fn clone(&self) -> Series {
        let copy = |guess: &AtomicU32| AtomicU32::new(guess.load(Ordering::Relaxed));
        let Series { name, tags, raw, next, shape } = self;
        Series { name: *name, tags: tags.clone(), raw: raw.clone(), next: copy(next), shape: copy(shape) }
    }
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

    /// What it takes in the table and its index, more or less.
    fn bytes(&self) -> usize {
        size_of::<Series>() + size_of_val(&*self.tags) + self.raw.len() + 72
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

pub(crate) struct SeriesTable {
    series: Register<Series>,
    common: Arc<Common>,
    version: u32,
    /// What is shown of a series that is gone.
    nothing: Series,
}

/// What all versions of the table share.
#[derive(Default)]
struct Common {
    by_raw: Index,
    by_tags: Index,
    /// The keys of all tags that series ever had, and how many they are.
    keys: RwLock<FastSet<Name>>,
    key_count: AtomicU32,
    bytes: AtomicUsize,
    hasher: rapidhash::fast::RandomState,
}

impl SeriesTable {
    pub(crate) fn new() -> SeriesTable {
        let (series, common) = (Register::default(), Arc::default());
        let table = SeriesTable { series, common, version: 1, nothing: Series::default() };
        table.intern(Name::EMPTY, &[]);
        table
    }

    #[inline]
    pub(crate) fn get(&self, id: SeriesId) -> &Series {
        self.series.get(id.0).map_or(&self.nothing, |entry| &entry.value)
    }

    /// Use a series from now on. False if it is gone.
    #[inline]
    pub(crate) fn meet(&self, id: SeriesId) -> bool {
        self.series.get(id.0).is_some_and(|entry| entry.meet(self.version))
    }

    /// The series, used from now on, if this text begins with its key and a space.
    #[inline]
    pub(crate) fn meet_key(&self, id: SeriesId, text: &[u8]) -> Option<&Series> {
        let entry = self.series.get(id.0)?;
        let raw = &*entry.value.raw;
        let hit = text.get(raw.len()) == Some(&b' ') && !raw.is_empty() && text[..raw.len()] == *raw;
        (hit && entry.meet(self.version)).then_some(&entry.value)
    }

    pub(crate) fn len(&self) -> usize {
        self.series.alive()
    }

    pub(crate) fn numbers(&self) -> u32 {
        self.series.numbers()
    }

    pub(crate) fn memory(&self) -> usize {
        self.common.bytes.load(Ordering::Relaxed)
    }

    /// The hash of a key as it stands in line protocol, for the two functions below.
    #[inline]
    pub(crate) fn hash_raw(&self, key: &[u8]) -> u32 {
        self.common.hasher.hash_one(key) as u32
    }

    /// The series of a key.
    #[inline]
    pub(crate) fn find_raw(&self, hash: u32, key: &[u8]) -> Option<SeriesId> {
        let index = self.common.by_raw.read().unwrap_or_else(PoisonError::into_inner);
        let found = index
            .find(widen(hash), |slot| slot.hash == hash && self.get(SeriesId(slot.number)).raw() == key)
            .map(|slot| SeriesId(slot.number));
        found.filter(|series| self.meet(*series))
    }

    /// Add the series of a key that is not in the table yet.
    pub(crate) fn add_raw(&self, hash: u32, key: &[u8], name: Name, tags: Box<Tags>) -> SeriesId {
        let same = |slot: &Slot| slot.hash == hash && self.get(SeriesId(slot.number)).raw() == key;
        self.add(&self.common.by_raw, hash, same, || self.push(name, tags, key.into()))
    }

    /// The series of a name and tags that a node made.
    pub(crate) fn intern(&self, name: Name, tags: &Tags) -> SeriesId {
        let hash = self.hash_tags(name, tags);
        let same = |slot: &Slot| {
            let series = self.get(SeriesId(slot.number));
            slot.hash == hash && series.name == name && *series.tags == *tags
        };
        let index = self.common.by_tags.read().unwrap_or_else(PoisonError::into_inner);
        let found = index.find(widen(hash), same).map(|slot| SeriesId(slot.number));
        drop(index);
        if let Some(series) = found.filter(|series| self.meet(*series)) {
            return series;
        }
        self.add(&self.common.by_tags, hash, same, || self.push(name, tags.into(), Box::default()))
    }

    fn add(&self, index: &Index, hash: u32, same: impl Fn(&Slot) -> bool, push: impl FnOnce() -> u32) -> SeriesId {
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = index.find_mut(widen(hash), same) {
            if !self.meet(SeriesId(slot.number)) {
                // It is about to be taken out.
                slot.number = push();
            }
            return SeriesId(slot.number);
        }
        let number = push();
        index.insert_unique(widen(hash), Slot { hash, number }, |slot| widen(slot.hash));
        SeriesId(number)
    }

    fn push(&self, name: Name, tags: Box<Tags>, raw: Box<[u8]>) -> u32 {
        self.learn_keys(&tags);
        let series = Series { name, tags, raw, next: AtomicU32::new(0), shape: AtomicU32::new(0) };
        self.common.bytes.fetch_add(series.bytes(), Ordering::Relaxed);
        self.series.push(series, self.version)
    }

    /// To be told of tags before there is a series that has them.
    fn learn_keys(&self, tags: &Tags) {
        let Common { keys, key_count, .. } = &*self.common;
        let known = keys.read().unwrap_or_else(PoisonError::into_inner);
        if tags.iter().all(|(key, _)| known.contains(key)) {
            return;
        }
        drop(known);
        let mut known = keys.write().unwrap_or_else(PoisonError::into_inner);
        known.extend(tags.iter().map(|tag| tag.0));
        key_count.store(known.len() as u32, Ordering::Release);
    }

    /// How many keys of tags there are. It changes before there is a series with a key that no other had.
    #[inline]
    pub(crate) fn key_count(&self) -> u32 {
        self.common.key_count.load(Ordering::Acquire)
    }

    /// Whether some series had a tag with this key.
    pub(crate) fn has_key(&self, key: Name) -> bool {
        self.common.keys.read().unwrap_or_else(PoisonError::into_inner).contains(&key)
    }

    fn hash_tags(&self, name: Name, tags: &Tags) -> u32 {
        let mut hasher = self.common.hasher.build_hasher();
        name.hash(&mut hasher);
        tags.hash(&mut hasher);
        hasher.finish() as u32
    }

    /// The next version of the table, without series that users of this one have not met, but for those that are `kept`.
    /// Those that stay are shown.
    pub(crate) fn without(&self, kept: impl Fn(u32) -> bool, mut stays: impl FnMut(&Series)) -> SeriesTable {
        let series = self.series.without(|number, entry| {
            let goes = number != 0 && !kept(number) && entry.let_go(self.version);
            match goes {
                true => self.take_out(number, &entry.value),
                false => stays(&entry.value),
            }
            goes
        });
        for index in [&self.common.by_raw, &self.common.by_tags] {
            let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
            if index.len() < index.capacity() / 4 {
                let length = index.len() * 2;
                index.shrink_to(length, |slot| widen(slot.hash));
            }
        }
        let common = Arc::clone(&self.common);
        SeriesTable { series, common, version: self.version + 1, nothing: Series::default() }
    }

    fn take_out(&self, number: u32, series: &Series) {
        let (index, hash) = match series.raw.is_empty() {
            true => (&self.common.by_tags, self.hash_tags(series.name, &series.tags)),
            false => (&self.common.by_raw, self.common.hasher.hash_one(&*series.raw) as u32),
        };
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        // If its place was taken meanwhile, it is that of another.
        if let Ok(slot) = index.find_entry(widen(hash), |slot| slot.number == number) {
            slot.remove();
        }
        self.common.bytes.fetch_sub(series.bytes(), Ordering::Relaxed);
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
