//! Groups: what `groupBy` divides points into, each known by one number.

use std::{
    hash::BuildHasher,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::{Name, Names, Numbered, Pages, Schema, Series, SeriesId, Tags, register::Register};

/// The number of a group; 0 is the group of points that are not grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
pub struct GroupId(pub u32);

impl GroupId {
    pub const NIL: GroupId = GroupId(0);
}

/// By what points are divided: tag names, sorted by text, and the measurement if so asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Dimensions {
    pub by_name: bool,
    pub names: Vec<Name>,
}

/// One group.
#[derive(Debug, Default, Clone)]
pub struct Group {
    dimensions: u32,
    /// The measurement if it divides, else empty.
    name: Name,
    tags: Box<Tags>,
}

impl Group {
    /// The values of the tags it is grouped by; a missing tag is empty.
    pub fn tags(&self) -> &Tags {
        &self.tags
    }

    /// The measurement, if it is part of what divides.
    pub fn name(&self) -> Name {
        self.name
    }

    /// What it takes in the table and its index, more or less.
    fn bytes(&self) -> usize {
        size_of::<Group>() + size_of_val(&*self.tags) + 56
    }
}

/// What a `groupBy` says.
#[derive(Debug)]
pub struct Grouping {
    pub(crate) spec: GroupingSpec,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct GroupingSpec {
    pub(crate) dimensions: Dimensions,
    /// All tags but these, instead of the names.
    pub(crate) all_but: Option<Vec<Name>>,
}

/// Finds the group of each series, and remembers it.
pub struct Divider {
    grouping: Arc<Grouping>,
    /// By number of a series, 1 more than that of its group.
    known: Numbered<u32>,
}

impl Divider {
    pub fn new(grouping: Arc<Grouping>) -> Divider {
        Divider { grouping, known: Numbered::default() }
    }

    #[inline]
    pub fn group_of(&mut self, schema: &Schema, series: SeriesId) -> GroupId {
        match self.known.of(schema).get(series.0) {
            0 => {
                let group = schema.group_of(&self.grouping, series);
                self.known.set(series.0, group.0 + 1);
                group
            }
            known => GroupId(known - 1),
        }
    }

    pub fn grouping(&self) -> &Arc<Grouping> {
        &self.grouping
    }

    /// Bytes held.
    pub fn memory(&self) -> usize {
        self.known.memory()
    }
}

pub(crate) struct GroupTable {
    groups: Register<Group>,
    common: Arc<Common>,
    version: u32,
    /// What is shown of a group that is gone.
    nothing: Group,
}

/// What all versions of the table share.
#[derive(Default)]
struct Common {
    dimensions: Pages<Dimensions>,
    /// A part of the hash, and the number.
    index: RwLock<HashTable<(u32, u32)>>,
    bytes: AtomicUsize,
    hasher: rapidhash::fast::RandomState,
}

impl GroupTable {
    pub(crate) fn new() -> GroupTable {
        let common: Arc<Common> = Arc::default();
        common.dimensions.push(Dimensions::default());
        let table = GroupTable { groups: Register::default(), common, version: 1, nothing: Group::default() };
        table.groups.push(Group::default(), 1);
        table
    }

    #[inline]
    pub(crate) fn get(&self, id: GroupId) -> &Group {
        self.groups.get(id.0).map_or(&self.nothing, |entry| &entry.value)
    }

    /// Whether a group is known and not gone.
    pub(crate) fn has(&self, id: GroupId) -> bool {
        self.groups.get(id.0).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.alive()
    }

    pub(crate) fn numbers(&self) -> u32 {
        self.groups.numbers()
    }

    pub(crate) fn memory(&self) -> usize {
        self.common.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn dimensions(&self, id: GroupId) -> &Dimensions {
        self.common.dimensions.get(self.get(id).dimensions).expect("a group's dimensions come from this table")
    }

    /// The group of a series by these dimensions.
    pub(crate) fn of_series(&self, dimensions: &Dimensions, series: &Series) -> GroupId {
        let tags: Vec<(Name, Name)> =
            dimensions.names.iter().map(|&key| (key, series.tag(key).unwrap_or(Name::EMPTY))).collect();
        let name = if dimensions.by_name { series.name() } else { Name::EMPTY };
        self.intern(dimensions.by_name, name, &tags)
    }

    /// The group of these tags, in the order of their names.
    pub(crate) fn intern(&self, by_name: bool, name: Name, tags: &Tags) -> GroupId {
        if tags.is_empty() && !by_name {
            return GroupId::NIL;
        }
        let hash = self.hash(by_name, name, tags);
        let same = |entry: &(u32, u32)| {
            entry.0 == hash && {
                let group = self.get(GroupId(entry.1));
                group.name == name && *group.tags == *tags && self.dimensions(GroupId(entry.1)).by_name == by_name
            }
        };
        let meet = |number: u32| self.groups.get(number).is_some_and(|entry| entry.meet(self.version));
        let index = self.common.index.read().unwrap_or_else(PoisonError::into_inner);
        let found = index.find(widen(hash), same).map(|found| found.1);
        drop(index);
        if let Some(number) = found.filter(|number| meet(*number)) {
            return GroupId(number);
        }
        let mut index = self.common.index.write().unwrap_or_else(PoisonError::into_inner);
        let push = || {
            let group = Group { dimensions: self.intern_dimensions(by_name, tags), name, tags: tags.into() };
            self.common.bytes.fetch_add(group.bytes(), Ordering::Relaxed);
            self.groups.push(group, self.version)
        };
        if let Some(found) = index.find_mut(widen(hash), same) {
            if !meet(found.1) {
                // It is about to be taken out.
                found.1 = push();
            }
            return GroupId(found.1);
        }
        let number = push();
        index.insert_unique(widen(hash), (hash, number), |entry| widen(entry.0));
        GroupId(number)
    }

    fn hash(&self, by_name: bool, name: Name, tags: &Tags) -> u32 {
        self.common.hasher.hash_one((by_name, name, tags)) as u32
    }

    /// Few lists of dimensions exist; the caller holds the index's lock.
    fn intern_dimensions(&self, by_name: bool, tags: &Tags) -> u32 {
        let all = &self.common.dimensions;
        let same = |d: &Dimensions| {
            d.by_name == by_name && d.names.len() == tags.len() && d.names.iter().zip(tags).all(|(n, t)| *n == t.0)
        };
        (0..all.len())
            .rev()
            .find(|&i| all.get(i).is_some_and(same))
            .unwrap_or_else(|| all.push(Dimensions { by_name, names: tags.iter().map(|t| t.0).collect() }))
    }

    /// The next version of the table, without groups that users of this one have not met, but for those that are `kept`.
    /// Those that stay are shown.
    pub(crate) fn without(&self, kept: impl Fn(u32) -> bool, mut stays: impl FnMut(&Group)) -> GroupTable {
        let groups = self.groups.without(|number, entry| {
            let goes = number != 0 && !kept(number) && entry.let_go(self.version);
            match goes {
                true => self.take_out(number, &entry.value),
                false => stays(&entry.value),
            }
            goes
        });
        let mut index = self.common.index.write().unwrap_or_else(PoisonError::into_inner);
        if index.len() < index.capacity() / 4 {
            let length = index.len() * 2;
            index.shrink_to(length, |entry| widen(entry.0));
        }
        drop(index);
        let common = Arc::clone(&self.common);
        GroupTable { groups, common, version: self.version + 1, nothing: Group::default() }
    }

    fn take_out(&self, number: u32, group: &Group) {
        let by_name = self.common.dimensions.get(group.dimensions).is_some_and(|dimensions| dimensions.by_name);
        let hash = self.hash(by_name, group.name, &group.tags);
        let mut index = self.common.index.write().unwrap_or_else(PoisonError::into_inner);
        // If its place was taken meanwhile, it is that of another.
        if let Ok(entry) = index.find_entry(widen(hash), |entry| entry.1 == number) {
            entry.remove();
        }
        self.common.bytes.fetch_sub(group.bytes(), Ordering::Relaxed);
    }
}

#[inline]
fn widen(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

/// The id of a group as users see it: `nil`, `host=a,dc=b`, or the measurement, a newline and the tags.
pub(crate) fn write_group_id(names: &Names, group: &Group, by_name: bool, out: &mut String) {
    if by_name {
        out.push_str(names.text(group.name));
        if !group.tags.is_empty() {
            out.push('\n');
        }
    }
    for (i, (key, value)) in group.tags.iter().enumerate() {
        if i > 0 {
            out.push(',');
        }
        out.push_str(names.text(*key));
        out.push('=');
        out.push_str(names.text(*value));
    }
}
