//! State per group, found by the group's number without hashing.

use crate::{GroupId, Save};

const PAGE: usize = 64;
/// Pages of a block.
const PAGES: usize = 64;
const BLOCK: usize = PAGE * PAGES;

/// The values of 64 groups that follow each other.
struct Page<T> {
    entries: Option<Box<[Option<T>; PAGE]>>,
    /// Bit i: entry i may have changed since [`Slab::take_changes`] was last called.
    changed: u64,
}

/// As many pages as are needed, [`PAGES`] at most.
type Block<T> = Vec<Page<T>>;

/// One value per group. Pages are made for the groups that have one: old groups that are gone cost next to nothing.
pub struct Slab<T> {
    blocks: Vec<Block<T>>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { blocks: Vec::new(), len: 0 }
    }
}

impl<T> Slab<T> {
    pub fn len(&self) -> usize {
        self.len
    }

    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[inline]
    fn page(&self, index: usize) -> Option<&Page<T>> {
        self.blocks.get(index / BLOCK)?.get(index % BLOCK / PAGE)
    }

    #[inline]
    fn page_mut(&mut self, index: usize) -> Option<&mut Page<T>> {
        self.blocks.get_mut(index / BLOCK)?.get_mut(index % BLOCK / PAGE)
    }

    /// Pages that there are, with the number of their first group.
    fn pages(&self) -> impl Iterator<Item = (usize, &Page<T>)> {
        self.blocks.iter().enumerate().flat_map(|(b, block)| {
            let pages = block.iter().enumerate();
            pages.map(move |(p, page)| (b * BLOCK + p * PAGE, page))
        })
    }

    fn pages_mut(&mut self) -> impl Iterator<Item = (usize, &mut Page<T>)> {
        self.blocks.iter_mut().enumerate().flat_map(|(b, block)| {
            let pages = block.iter_mut().enumerate();
            pages.map(move |(p, page)| (b * BLOCK + p * PAGE, page))
        })
    }

    #[inline]
    pub fn get_mut(&mut self, group: GroupId) -> Option<&mut T> {
        let index = group.0 as usize;
        let page = self.page_mut(index)?;
        let value = page.entries.as_mut()?[index % PAGE].as_mut();
        page.changed |= u64::from(value.is_some()) << (index % PAGE);
        value
    }

    #[inline]
    pub fn get(&self, group: GroupId) -> Option<&T> {
        let index = group.0 as usize;
        self.page(index)?.entries.as_ref()?[index % PAGE].as_ref()
    }

    /// The value of a group, made when the group is new.
    #[inline]
    pub fn get_or_insert_with(&mut self, group: GroupId, make: impl FnOnce() -> T) -> &mut T {
        self.meet(group, true, make)
    }

    /// As [`Slab::get_or_insert_with`]; the group counts as changed only if it is new or the caller `changes` it.
    #[inline]
    pub fn meet(&mut self, group: GroupId, changes: bool, make: impl FnOnce() -> T) -> &mut T {
        let index = group.0 as usize;
        if index / BLOCK >= self.blocks.len() {
            self.blocks.reserve_exact(index / BLOCK + 1 - self.blocks.len());
            self.blocks.resize_with(index / BLOCK + 1, Vec::new);
        }
        let block = &mut self.blocks[index / BLOCK];
        if index % BLOCK / PAGE >= block.len() {
            block.reserve_exact(index % BLOCK / PAGE + 1 - block.len());
            block.resize_with(index % BLOCK / PAGE + 1, || Page { entries: None, changed: 0 });
        }
        let page = &mut block[index % BLOCK / PAGE];
        let slot = &mut page.entries.get_or_insert_with(empty_page)[index % PAGE];
        page.changed |= u64::from(changes) << (index % PAGE);
        if slot.is_none() {
            self.len += 1;
            page.changed |= 1 << (index % PAGE);
        }
        slot.get_or_insert_with(make)
    }

    pub fn insert(&mut self, group: GroupId, value: T) -> Option<T> {
        let mut value = Some(value);
        let slot = self.get_or_insert_with(group, || value.take().expect("taken once"));
        value.map(|value| std::mem::replace(slot, value))
    }

    /// Take a group's value out; a page without values is freed.
    pub fn remove(&mut self, group: GroupId) -> Option<T> {
        let index = group.0 as usize;
        let page = self.page_mut(index)?;
        let entries = page.entries.as_mut()?;
        let old = entries[index % PAGE].take()?;
        page.changed |= 1 << (index % PAGE);
        if entries.iter().all(Option::is_none) {
            page.entries = None;
        }
        self.len -= 1;
        Some(old)
    }

    /// Groups and their values, by number.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &T)> {
        self.pages().flat_map(|(first, page)| {
            let entries = page.entries.as_ref().map(|entries| entries.iter()).into_iter().flatten();
            entries
                .enumerate()
                .filter_map(move |(i, value)| value.as_ref().map(|value| (GroupId((first + i) as u32), value)))
        })
    }

    /// Groups and their values, by number; all count as changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (GroupId, &mut T)> {
        self.pages_mut().flat_map(|(first, page)| {
            page.changed |= page.present();
            let entries = page.entries.as_mut().map(|entries| entries.iter_mut()).into_iter().flatten();
            entries
                .enumerate()
                .filter_map(move |(i, value)| value.as_mut().map(|value| (GroupId((first + i) as u32), value)))
        })
    }

    /// Look at all groups that may have changed since the last call, or at `all` there are. One that is gone has no
    /// value; it is shown only among changes, and may never have had one.
    pub fn take_changes(&mut self, all: bool, mut look: impl FnMut(GroupId, Option<&T>)) {
        for (first, page) in self.pages_mut() {
            let left = if all { page.present() } else { page.changed };
            page.changed = 0;
            page.look(first, left, &mut look);
        }
        self.drop_empty_blocks();
    }

    /// Look at all groups that there are. With `gone` also at those that are gone of which [`Slab::take_changes`] has
    /// still to tell; without, nobody will be told of them.
    pub fn look(&mut self, gone: bool, mut look: impl FnMut(GroupId, Option<&T>)) {
        for (first, page) in self.pages_mut() {
            if !gone {
                page.changed &= page.present();
            }
            let left = page.present() | page.changed;
            page.look(first, left, &mut look);
        }
        self.drop_empty_blocks();
    }

    fn drop_empty_blocks(&mut self) {
        for block in &mut self.blocks {
            if block.iter().all(|page| page.entries.is_none() && page.changed == 0) {
                *block = Vec::new();
            }
        }
    }
}

impl<T> Page<T> {
    /// Bit i: entry i has a value.
    fn present(&self) -> u64 {
        let entries = self.entries.iter().flat_map(|entries| entries.iter().enumerate());
        entries.fold(0, |mask, (i, value)| mask | u64::from(value.is_some()) << i)
    }

    /// Those of its entries whose bit is set.
    fn look(&self, first: usize, mut left: u64, mut look: impl FnMut(GroupId, Option<&T>)) {
        while left != 0 {
            let i = left.trailing_zeros() as usize;
            left &= left - 1;
            look(GroupId((first + i) as u32), self.entries.as_ref().and_then(|entries| entries[i].as_ref()));
        }
    }
}

impl<T: Save> Slab<T> {
    /// Bytes held, with what the values own.
    pub fn memory(&self) -> usize {
        let room = self.blocks.iter().map(Vec::capacity).sum::<usize>();
        let pages = self.pages().filter(|(_, page)| page.entries.is_some()).count();
        let own = self.blocks.capacity() * size_of::<Block<T>>()
            + room * size_of::<Page<T>>()
            + pages * size_of::<[Option<T>; PAGE]>();
        let owned = if std::mem::needs_drop::<T>() { self.iter().map(|(_, value)| value.owned()).sum() } else { 0 };
        own + owned
    }
}

#[cold]
fn empty_page<T>() -> Box<[Option<T>; PAGE]> {
    let entries: Box<[Option<T>]> = (0..PAGE).map(|_| None).collect();
    match entries.try_into() {
        Ok(entries) => entries,
        Err(_) => unreachable!("a page has as many entries as were made"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(slab: &mut Slab<u64>, all: bool) -> Vec<(u32, Option<u64>)> {
        let mut seen = Vec::new();
        slab.take_changes(all, |group, value| seen.push((group.0, value.copied())));
        seen
    }

    #[test]
    fn changes_are_told_once() {
        let mut slab = Slab::default();
        slab.insert(GroupId(3), 30);
        slab.insert(GroupId(100), 1000);
        assert_eq!(changes(&mut slab, false), [(3, Some(30)), (100, Some(1000))]);
        assert!(changes(&mut slab, false).is_empty());
        *slab.get_mut(GroupId(100)).unwrap() = 1001;
        slab.remove(GroupId(3));
        assert_eq!(changes(&mut slab, false), [(3, None), (100, Some(1001))]);
        assert_eq!(changes(&mut slab, true), [(100, Some(1001))]);
        // Groups that are not there are no changes: there may be none of such a number.
        assert!(slab.get_mut(GroupId(101)).is_none());
        slab.iter_mut().for_each(|(_, value)| *value += 1);
        assert_eq!(changes(&mut slab, false), [(100, Some(1002))]);
        assert_eq!(slab.iter().map(|(group, value)| (group.0, *value)).collect::<Vec<_>>(), [(100, 1002)]);
    }

    #[test]
    fn memory_counts_pages() {
        let mut slab: Slab<u64> = Slab::default();
        assert_eq!(slab.memory(), 0);
        slab.insert(GroupId(0), 1);
        assert!(slab.memory() >= 64 * 16);
        slab.remove(GroupId(0));
        assert!(slab.memory() < 64 * 16, "a page without values is freed");
        slab.take_changes(false, |_, _| {});
        assert!(slab.memory() < 128, "a block without values is freed once that is told: {}", slab.memory());
    }

    #[test]
    fn what_is_gone_is_shown_until_it_is_told() {
        let mut slab = Slab::default();
        slab.insert(GroupId(3), 30);
        slab.insert(GroupId(5000), 50);
        changes(&mut slab, false);
        slab.remove(GroupId(3));
        let look = |slab: &mut Slab<u64>, gone: bool| {
            let mut seen = Vec::new();
            slab.look(gone, |group, value| seen.push((group.0, value.copied())));
            seen
        };
        assert_eq!(look(&mut slab, true), [(3, None), (5000, Some(50))]);
        assert_eq!(changes(&mut slab, false), [(3, None)]);
        assert_eq!(look(&mut slab, true), [(5000, Some(50))]);
        slab.remove(GroupId(5000));
        assert!(look(&mut slab, false).is_empty() && changes(&mut slab, false).is_empty());
    }
}
