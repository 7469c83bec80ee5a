//! Measurements, tag keys, tag values and field names, each text known by one number.

use std::{
    hash::BuildHasher,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::Pages;

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
    texts: Pages<Box<str>>,
    index: RwLock<HashTable<u32>>,
    bytes: AtomicUsize,
    hasher: rapidhash::fast::RandomState,
}

impl Default for Names {
    fn default() -> Self {
        let names = Names {
            texts: Pages::default(),
            index: RwLock::default(),
            bytes: AtomicUsize::new(0),
            hasher: Default::default(),
        };
        names.intern("");
        names
    }
}

impl Names {
    /// The text's number, given now if it is new.
    pub fn intern(&self, text: &str) -> Name {
        if let Some(name) = self.find(text) {
            return name;
        }
        let hash = self.hasher.hash_one(text);
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(&found) = index.find(hash, |&i| self.text_of(i) == text) {
            return Name(found);
        }
        let number = self.texts.push(text.into());
        // The text, its place in the table with the allocator's share, and in the index.
        self.bytes.fetch_add(text.len() + 48, Ordering::Relaxed);
        index.insert_unique(hash, number, |&i| self.hasher.hash_one(self.text_of(i)));
        Name(number)
    }

    /// The text's number, if it has one.
    pub fn find(&self, text: &str) -> Option<Name> {
        let hash = self.hasher.hash_one(text);
        let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
        index.find(hash, |&i| self.text_of(i) == text).map(|&i| Name(i))
    }

    #[inline]
    pub fn text(&self, name: Name) -> &str {
        self.text_of(name.0)
    }

    #[inline]
    fn text_of(&self, number: u32) -> &str {
        self.texts.get(number).map_or("", |text| text)
    }

    /// How many texts are known.
    pub fn len(&self) -> usize {
        self.texts.len() as usize
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes held, more or less.
    pub fn memory(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}
