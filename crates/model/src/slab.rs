//! State per group, found by the group's number without hashing.

use crate::GroupId;

const PAGE: usize = 64;

/// One value per group. Pages are made for the groups that have one.
pub struct Slab<T> {
    pages: Vec<Option<Box<[Option<T>]>>>,
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
        self.pages.get_mut(index / PAGE)?.as_mut()?[index % PAGE].as_mut()
    }

    #[inline]
    pub fn get(&self, group: GroupId) -> Option<&T> {
        let index = group.0 as usize;
        self.pages.get(index / PAGE)?.as_ref()?[index % PAGE].as_ref()
    }

    /// The value of a group, made when the group is new.
    #[inline]
    pub fn get_or_insert_with(&mut self, group: GroupId, make: impl FnOnce() -> T) -> &mut T {
        let index = group.0 as usize;
        if index / PAGE >= self.pages.len() {
            self.pages.resize_with(index / PAGE + 1, || None);
        }
        let page = self.pages[index / PAGE].get_or_insert_with(|| (0..PAGE).map(|_| None).collect());
        let slot = &mut page[index % PAGE];
        if slot.is_none() {
            self.len += 1;
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
        let entries = page.as_mut()?;
        let old = entries[index % PAGE].take()?;
        self.len -= 1;
        if entries.iter().all(Option::is_none) {
            *page = None;
        }
        Some(old)
    }

    /// Groups and their values, by number.
    pub fn iter(&self) -> impl Iterator<Item = (GroupId, &T)> {
        self.pages.iter().enumerate().flat_map(|(p, page)| {
            page.iter().flat_map(move |entries| {
                entries
                    .iter()
                    .enumerate()
                    .filter_map(move |(i, value)| value.as_ref().map(|value| (GroupId((p * PAGE + i) as u32), value)))
            })
        })
    }

    /// Groups and their values, by number.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (GroupId, &mut T)> {
        self.pages.iter_mut().enumerate().flat_map(|(p, page)| {
            page.iter_mut().flat_map(move |entries| {
                entries
                    .iter_mut()
                    .enumerate()
                    .filter_map(move |(i, value)| value.as_mut().map(|value| (GroupId((p * PAGE + i) as u32), value)))
            })
        })
    }
}
