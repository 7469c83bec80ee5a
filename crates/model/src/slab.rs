//! State per group, found by the group's number without hashing.

use crate::{GroupId, Save};

const PAGE: usize = 64;

/// The values of 64 groups that follow each other.
struct Page<T> {
    entries: Option<Box<[Option<T>; PAGE]>>,
    /// Bit i: entry i may have changed since [`Slab::take_changes`] was last called.
    changed: u64,
}

/// One value per group. Pages are made for the groups that have one.
pub struct Slab<T> {
    pages: Vec<Page<T>>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Slab { pages: Vec::new(), len: 0 }
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
    pub fn get_mut(&mut self, group: GroupId) -> Option<&mut T> {
        let index = group.0 as usize;
        let page = self.pages.get_mut(index / PAGE)?;
        let value = page.entries.as_mut()?[index % PAGE].as_mut();
        page.changed |= u64::from(value.is_some()) << (index % PAGE);
        value
    }

    #[inline]
    pub fn get(&self, group: GroupId) -> Option<&T> {
        let index = group.0 as usize;
        self.pages.get(index / PAGE)?.entries.as_ref()?[index % PAGE].as_ref()
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
        if index / PAGE >= self.pages.len() {
            self.pages.resize_with(index / PAGE + 1, || Page { entries: None, changed: 0 });
        }
        let page = &mut self.pages[index / PAGE];
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
        let page = self.pages.get_mut(index / PAGE)?;
        let entries = page.entries.as_mut()?;
        let old = entries[index % PAGE].take()?;
        page.changed |= 1 << (index % PAGE);
        self.len -= 1;
        if entries.iter().all(Option::is_none) {
            page.entries = None;
        }
        Some(old)
    }

    /// Groups and their values, by number.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &T)> {
        self.pages.iter().enumerate().flat_map(|(p, page)| {
            let entries = page.entries.as_ref().map(|entries| entries.iter()).into_iter().flatten();
            entries
                .enumerate()
                .filter_map(move |(i, value)| value.as_ref().map(|value| (GroupId((p * PAGE + i) as u32), value)))
        })
    }

    /// Groups and their values, by number; all count as changed.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (GroupId, &mut T)> {
        self.pages.iter_mut().enumerate().flat_map(|(p, page)| {
            let present = page.entries.iter().flat_map(|entries| entries.iter().enumerate());
            page.changed |= present.filter(|(_, value)| value.is_some()).fold(0, |mask, (i, _)| mask | 1 << i);
            let entries = page.entries.as_mut().map(|entries| entries.iter_mut()).into_iter().flatten();
            entries
                .enumerate()
                .filter_map(move |(i, value)| value.as_mut().map(|value| (GroupId((p * PAGE + i) as u32), value)))
        })
    }

    /// Look at all groups that may have changed since the last call, or at `all` there are. One that is gone has no
    /// value; it is shown only among changes, and may never have had one.
    pub fn take_changes(&mut self, all: bool, mut look: impl FnMut(GroupId, Option<&T>)) {
        for (p, page) in self.pages.iter_mut().enumerate() {
            let mut left = if all { u64::MAX } else { page.changed };
            page.changed = 0;
            if page.entries.is_none() && all {
                continue;
            }
            while left != 0 {
                let i = left.trailing_zeros() as usize;
                left &= left - 1;
                let value = page.entries.as_ref().and_then(|entries| entries[i].as_ref());
                if value.is_some() || !all {
                    look(GroupId((p * PAGE + i) as u32), value);
                }
            }
        }
    }
}

impl<T: Save> Slab<T> {
    /// Bytes held, with what the values own.
    pub fn memory(&self) -> usize {
        let pages = self.pages.iter().filter(|page| page.entries.is_some()).count();
        let own = self.pages.capacity() * size_of::<Page<T>>() + pages * size_of::<[Option<T>; PAGE]>();
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
    }
}
