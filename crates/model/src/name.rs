//! Measurements, tag keys, tag values and field names, each text known by one number.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::register::Register;

/// The number of an interned text; `Name::EMPTY` is the empty text in every table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Name(pub u32);

impl Name {
    pub const EMPTY: Name = Name(0);

    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// The table of texts. Reading a text takes no lock.
pub struct Names {
    texts: Register<Box<str>>,
    common: Arc<Common>,
    version: u32,
}

/// What all versions of the table share.
#[derive(Default)]
struct Common {
    index: RwLock<HashTable<Slot>>,
    bytes: AtomicUsize,
    hasher: rapidhash::fast::RandomState,
}

/// An entry of the index.
#[derive(Clone, Copy)]
struct Slot {
    number: u32,
    /// It is never forgotten: scripts, fields and the like have its number.
    stays: bool,
}

/// Bytes of a text besides its letters: its place in the table with the allocator's share, and in the index.
const OVERHEAD: usize = 56;

impl Default for Names {
    fn default() -> Self {
        let names = Names { texts: Register::default(), common: Arc::default(), version: 1 };
        names.intern("");
        names
    }
}

impl Names {
    /// The text's number, given now if it is new. It is never forgotten.
    pub fn intern(&self, text: &str) -> Name {
        self.find(text).unwrap_or_else(|| self.learn(text, true))
    }

    /// The number of a text that is the value of a tag, given now if it is new. It is forgotten with the last series
    /// and group that has it.
    pub(crate) fn intern_value(&self, text: &str) -> Name {
        let hash = self.common.hasher.hash_one(text);
        let index = self.common.index.read().unwrap_or_else(PoisonError::into_inner);
        let known = index.find(hash, |slot| self.text_of(slot.number) == text).map(|slot| slot.number);
        // Nothing is forgotten while the lock is held.
        if let Some(number) = known
            && self.texts.get(number).is_some_and(|entry| entry.meet(self.version))
        {
            return Name(number);
        }
        drop(index);
        self.learn(text, false)
    }

    /// Use a text; false if it is forgotten.
    pub(crate) fn meet(&self, name: Name) -> bool {
        self.texts.get(name.0).is_some_and(|entry| entry.meet(self.version))
    }

    /// The text's number, if it has one. It is never forgotten then.
    pub fn find(&self, text: &str) -> Option<Name> {
        let hash = self.common.hasher.hash_one(text);
        let index = self.common.index.read().unwrap_or_else(PoisonError::into_inner);
        let slot = *index.find(hash, |slot| self.text_of(slot.number) == text)?;
        drop(index);
        Some(if slot.stays { Name(slot.number) } else { self.learn(text, true) })
    }

    #[cold]
    fn learn(&self, text: &str, stays: bool) -> Name {
        let hash = self.common.hasher.hash_one(text);
        let mut index = self.common.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = index.find_mut(hash, |slot| self.text_of(slot.number) == text) {
            slot.stays |= stays;
            let number = slot.number;
            if let Some(entry) = self.texts.get(number) {
                entry.meet(self.version);
            }
            return Name(number);
        }
        let number = self.texts.push(text.into(), self.version);
        self.common.bytes.fetch_add(text.len() + OVERHEAD, Ordering::Relaxed);
        let hash_of = |slot: &Slot| self.common.hasher.hash_one(self.text_of(slot.number));
        index.insert_unique(hash, Slot { number, stays }, hash_of);
        Name(number)
    }

    #[inline]
    pub fn text(&self, name: Name) -> &str {
        self.text_of(name.0)
    }

    #[inline]
    fn text_of(&self, number: u32) -> &str {
        self.texts.get(number).map_or("", |text| &text.value)
    }

    /// How many texts are known.
    pub fn len(&self) -> usize {
        self.texts.alive()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many numbers were given.
    pub(crate) fn numbers(&self) -> u32 {
        self.texts.numbers()
    }

    /// Bytes held, more or less.
    pub fn memory(&self) -> usize {
        self.common.bytes.load(Ordering::Relaxed)
    }

    /// The next version of the table, without values that users of this one have not met, but for those that are `kept`.
    pub(crate) fn without(&self, kept: impl Fn(u32) -> bool) -> Names {
        let Common { index, bytes, hasher } = &*self.common;
        let texts = self.texts.without(|number, entry| {
            if kept(number) {
                return false;
            }
            let text: &str = &entry.value;
            let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
            let Ok(slot) = index.find_entry(hasher.hash_one(text), |slot| slot.number == number) else { return true };
            let goes = !slot.get().stays && entry.let_go(self.version);
            if goes {
                slot.remove();
                bytes.fetch_sub(text.len() + OVERHEAD, Ordering::Relaxed);
            }
            goes
        });
        let next = Names { texts, common: Arc::clone(&self.common), version: self.version + 1 };
        let mut index = index.write().unwrap_or_else(PoisonError::into_inner);
        if index.len() < index.capacity() / 4 {
            let length = index.len() * 2;
            index.shrink_to(length, |slot| hasher.hash_one(next.text_of(slot.number)));
        }
        drop(index);
        next
    }
}
