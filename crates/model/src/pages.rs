//! An append-only table that grows by pages and is read without a lock.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

const FIRST_BITS: u32 = 6;
const PAGES: usize = (32 - FIRST_BITS) as usize;

/// Entries are written once and never move; page `k` holds `64 << k` of them.
pub struct Pages<T> {
    pages: [OnceLock<Box<[OnceLock<T>]>>; PAGES],
    len: AtomicU32,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Pages { pages: [const { OnceLock::new() }; PAGES], len: AtomicU32::new(0) }
    }
}

#[inline]
fn place(index: u32) -> (usize, usize) {
    let shifted = index as u64 + (1 << FIRST_BITS);
    let page = 63 - shifted.leading_zeros() - FIRST_BITS;
    (page as usize, (shifted - (1u64 << (page + FIRST_BITS))) as usize)
}

impl<T> Pages<T> {
    /// The entry, if it was written.
    #[inline]
    pub fn get(&self, index: u32) -> Option<&T> {
        let (page, slot) = place(index);
        self.pages.get(page)?.get()?[slot].get()
    }

    /// Append an entry; its number. Callers that append from several threads each get a number of their own.
    pub fn push(&self, value: T) -> u32 {
        let index = self.len.fetch_add(1, Ordering::AcqRel);
        self.fill(index, value);
        index
    }

    /// The entry with this number, made if it is not there yet.
    pub fn get_or_insert(&self, index: u32, make: impl FnOnce() -> T) -> &T {
        self.cell(index).get_or_init(make)
    }

    /// How many entries were appended.
    pub fn len(&self) -> u32 {
        self.len.load(Ordering::Acquire)
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn fill(&self, index: u32, value: T) {
        self.cell(index).get_or_init(|| value);
    }

    fn cell(&self, index: u32) -> &OnceLock<T> {
        let (page, slot) = place(index);
        let page = self.pages[page].get_or_init(|| {
            let size = 1usize << (page as u32 + FIRST_BITS);
            (0..size).map(|_| OnceLock::new()).collect()
        });
        &page[slot]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_stay() {
        let pages = Pages::default();
        for i in 0..1000u32 {
            assert_eq!(pages.push(i * 3), i);
        }
        assert!((0..1000).all(|i| pages.get(i) == Some(&(i * 3))));
        assert_eq!(pages.get(1000), None);
        assert_eq!(pages.get(u32::MAX - 64), None);
    }
}
