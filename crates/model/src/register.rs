//! A list of numbered entries, of which those that are gone can be left out: see [`crate::LiveSchema`].
//!
//! Entries are appended by anybody, never move, and are read without a lock. A version of the list is made of the
//! version before: what was kept of it lies close together, and new entries are in a tail that all versions share. So
//! numbers mean the same in every version, and the memory of what is gone is freed with the last who has the version
//! that still had it.

use std::sync::{
    Arc, Mutex, OnceLock, PoisonError,
    atomic::{AtomicU32, AtomicUsize, Ordering},
};

use crate::Pages;

/// Entries of a leaf, and leaves of a block.
const LEAF: u32 = 64;
const BLOCK: u32 = LEAF * 64;
/// Nobody may use the entry any more.
const GONE: u32 = u32::MAX;

/// An entry, and the last version whose users have met it.
pub(crate) struct Entry<T> {
    pub(crate) value: T,
    used: AtomicU32,
}

impl<T> Entry<T> {
    /// Users of this version use it from now on. False if it is gone: it must not be used.
    #[inline]
    pub(crate) fn meet(&self, version: u32) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        if used >= version { used != GONE } else { self.meet_first(version) }
    }

    #[cold]
    fn meet_first(&self, version: u32) -> bool {
        let newer = |used| (used < version).then_some(version);
        match self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, newer) {
            Ok(_) => true,
            Err(used) => used != GONE,
        }
    }

    /// Nobody may use it any more, unless users of this version have met it. Whether that is so.
    pub(crate) fn let_go(&self, version: u32) -> bool {
        let gone = |used| (used < version).then_some(GONE);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, gone).is_ok()
    }
}

impl<T: Clone> Clone for Entry<T> {
    fn clone(&self) -> Self {
        Entry { value: self.value.clone(), used: AtomicU32::new(self.used.load(Ordering::Relaxed)) }
    }
}

/// One version of the list.
pub(crate) struct Register<T> {
    /// What was kept, by number in blocks.
    kept: Vec<Option<Arc<Block<T>>>>,
    /// Entries after those, and a way to later ones.
    tail: Arc<Tail<T>>,
    common: Arc<Common<T>>,
}

struct Block<T> {
    leaves: Vec<Option<Arc<Leaf<T>>>>,
}

/// Those of 64 entries that are there.
struct Leaf<T> {
    /// Bit i: number i of the leaf is there.
    present: u64,
    entries: Box<[Entry<T>]>,
}

struct Tail<T> {
    /// The number of its first entry.
    begin: u32,
    entries: Pages<Entry<T>>,
    /// Entries are appended there once a version without the older ones was made.
    next: OnceLock<Arc<Tail<T>>>,
}

/// What all versions share.
struct Common<T> {
    /// Where entries are appended.
    open: Mutex<Arc<Tail<T>>>,
    /// How many numbers were given.
    numbers: AtomicU32,
    alive: AtomicUsize,
}

impl<T> Leaf<T> {
    #[inline]
    fn get(&self, index: u32) -> Option<&Entry<T>> {
        let bit = 1u64 << index;
        (self.present & bit != 0).then(|| &self.entries[(self.present & (bit - 1)).count_ones() as usize])
    }
}

impl<T> Tail<T> {
    fn new(begin: u32) -> Arc<Tail<T>> {
        Arc::new(Tail { begin, entries: Pages::default(), next: OnceLock::new() })
    }
}

impl<T> Default for Register<T> {
    fn default() -> Self {
        let tail = Tail::new(0);
        let open = Mutex::new(Arc::clone(&tail));
        let common = Common { open, numbers: AtomicU32::new(0), alive: AtomicUsize::new(0) };
        Register { kept: Vec::new(), tail, common: Arc::new(common) }
    }
}

impl<T> Register<T> {
    /// The entry of a number, unless it is gone.
    #[inline]
    pub(crate) fn get(&self, number: u32) -> Option<&Entry<T>> {
        if number >= self.tail.begin {
            return self.get_new(number);
        }
        let block = self.kept.get((number / BLOCK) as usize)?.as_ref()?;
        block.leaves[(number % BLOCK / LEAF) as usize].as_ref()?.get(number % LEAF)
    }

    #[inline]
    fn get_new(&self, number: u32) -> Option<&Entry<T>> {
        let mut tail = &*self.tail;
        while number >= tail.begin {
            if let Some(found) = tail.entries.get(number - tail.begin) {
                return Some(found);
            }
            tail = tail.next.get()?;
        }
        None
    }

    /// Append an entry that users of this version have met; its number.
    pub(crate) fn push(&self, value: T, version: u32) -> u32 {
        let open = self.common.open.lock().unwrap_or_else(PoisonError::into_inner);
        self.common.alive.fetch_add(1, Ordering::Relaxed);
        let number = open.begin + open.entries.push(Entry { value, used: AtomicU32::new(version) });
        self.common.numbers.store(number + 1, Ordering::Relaxed);
        number
    }

    /// How many entries are there.
    pub(crate) fn alive(&self) -> usize {
        self.common.alive.load(Ordering::Relaxed)
    }

    /// How many numbers were given.
    pub(crate) fn numbers(&self) -> u32 {
        self.common.numbers.load(Ordering::Relaxed)
    }

    /// From now on entries get numbers from this on.
    fn seal(&self) -> Arc<Tail<T>> {
        let mut open = self.common.open.lock().unwrap_or_else(PoisonError::into_inner);
        let next = Tail::new(open.begin + open.entries.len());
        // It was open, so it had none.
        let _ = open.next.set(Arc::clone(&next));
        *open = Arc::clone(&next);
        next
    }
}

impl<T: Clone> Register<T> {
    /// The version without what `goes`, which is asked once for each entry but the newest; to be called by one at a time,
    /// for the newest version.
    pub(crate) fn without(&self, mut goes: impl FnMut(u32, &Entry<T>) -> bool) -> Register<T> {
        let tail = self.seal();
        let mut next = Builder { kept: Vec::new(), leaf: 0, present: 0, entries: Vec::new() };
        let mut gone = 0;
        for (block, leaves) in self.kept.iter().enumerate().filter_map(|(i, block)| Some((i, block.as_ref()?))) {
            for (index, leaf) in leaves.leaves.iter().enumerate().filter_map(|(i, leaf)| Some((i, leaf.as_ref()?))) {
                let first = block as u32 * BLOCK + index as u32 * LEAF;
                let left = leaf.numbers().filter(|(index, entry)| !goes(first + index, entry));
                let left = left.fold(0u64, |left, (index, _)| left | 1 << index);
                gone += (leaf.present.count_ones() - left.count_ones()) as usize;
                next.leaf(first, leaf, left, self.tail.begin);
            }
        }
        let mut old = &*self.tail;
        while old.begin < tail.begin {
            let Some(after) = old.next.get() else { break };
            for number in old.begin..after.begin {
                let Some(entry) = old.entries.get(number - old.begin) else { continue };
                match goes(number, entry) {
                    true => gone += 1,
                    false => next.push(number, entry.clone()),
                }
            }
            old = after;
        }
        self.common.alive.fetch_sub(gone, Ordering::Relaxed);
        Register { kept: next.finish(), tail, common: Arc::clone(&self.common) }
    }
}

impl<T> Leaf<T> {
    fn numbers(&self) -> impl Iterator<Item = (u32, &Entry<T>)> {
        let mut left = self.present;
        self.entries.iter().map(move |entry| {
            let index = left.trailing_zeros();
            left &= left - 1;
            (index, entry)
        })
    }
}

/// Puts together what is kept, by rising numbers.
struct Builder<T> {
    kept: Vec<Option<Arc<Block<T>>>>,
    /// The first number of the leaf at hand, and what is in it.
    leaf: u32,
    present: u64,
    entries: Vec<Entry<T>>,
}

impl<T: Clone> Builder<T> {
    /// What is left of a leaf. It is shared if nothing has gone, unless entries from `end` on may be of the same leaf.
    fn leaf(&mut self, first: u32, leaf: &Arc<Leaf<T>>, left: u64, end: u32) {
        if left == leaf.present && first + LEAF <= end {
            self.close();
            return self.put(first, Arc::clone(leaf));
        }
        for (index, entry) in leaf.numbers().filter(|(index, _)| left & 1 << index != 0) {
            self.push(first + index, entry.clone());
        }
    }

    fn push(&mut self, number: u32, entry: Entry<T>) {
        let first = number - number % LEAF;
        if first != self.leaf {
            self.close();
            self.leaf = first;
        }
        self.present |= 1 << (number % LEAF);
        self.entries.push(entry);
    }

    fn close(&mut self) {
        if self.present != 0 {
            let (present, entries) = (std::mem::take(&mut self.present), std::mem::take(&mut self.entries).into());
            self.put(self.leaf, Arc::new(Leaf { present, entries }));
        }
    }

    fn put(&mut self, first: u32, leaf: Arc<Leaf<T>>) {
        let block = (first / BLOCK) as usize;
        if block >= self.kept.len() {
            self.kept.resize_with(block + 1, || None);
        }
        let empty = || Arc::new(Block { leaves: (0..BLOCK / LEAF).map(|_| None).collect() });
        let block =
            Arc::get_mut(self.kept[block].get_or_insert_with(empty)).expect("a block is shared once it is built");
        block.leaves[(first % BLOCK / LEAF) as usize] = Some(leaf);
    }

    fn finish(mut self) -> Vec<Option<Arc<Block<T>>>> {
        self.close();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever comes and goes, each version has what was kept and all that came later.
        #[test]
        fn versions_agree_with_a_model(rounds in prop::collection::vec((0u32..300, any::<u64>()), 1..8)) {
            let mut versions = vec![Register::default()];
            let mut models: Vec<Vec<Option<u32>>> = vec![Vec::new()];
            for (version, (count, seed)) in (1u32..).zip(&rounds) {
                for _ in 0..*count {
                    let next = models[0].len() as u32;
                    prop_assert_eq!(versions[0].push(next * 3, version), next);
                    models.iter_mut().for_each(|model| model.push(Some(next * 3)));
                }
                for (register, model) in versions.iter().zip(&models) {
                    for (number, wanted) in model.iter().enumerate() {
                        prop_assert_eq!(register.get(number as u32).map(|entry| entry.value), *wanted);
                    }
                    prop_assert!(register.get(model.len() as u32).is_none());
                }
                let goes = |number: u32| (seed >> (number.wrapping_mul(0x9E37_79B9) >> 26)) & 1 == 1;
                let newest = versions.last().unwrap();
                let next = newest.without(|number, _| goes(number));
                let mut model = models.last().unwrap().clone();
                model.iter_mut().enumerate().filter(|(number, _)| goes(*number as u32)).for_each(|(_, it)| *it = None);
                prop_assert_eq!(next.alive(), model.iter().flatten().count());
                versions.push(next);
                models.push(model);
            }
        }
    }

    #[test]
    fn who_has_met_an_entry_keeps_it() {
        let register = Register::default();
        register.push('a', 1);
        let entry = register.get(0).unwrap();
        assert!(!entry.let_go(1) && entry.meet(1) && entry.meet(2));
        assert!(!entry.let_go(2) && entry.let_go(3));
        assert!(!entry.meet(3) && !entry.meet(1));
    }
}
