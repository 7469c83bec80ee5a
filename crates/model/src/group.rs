//! Groups: what `groupBy` divides points into, each known by one number.

use std::{
    hash::BuildHasher,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicU32, AtomicUsize, Ordering},
    },
};

use hashbrown::HashTable;

use crate::{Name, Names, Pages, Series, SeriesId, Tags};

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
#[derive(Debug)]
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
}

/// What a `groupBy` says, with the group of each series it has met.
#[derive(Debug)]
pub struct Grouping {
    pub(crate) spec: GroupingSpec,
    known: Numbers,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct GroupingSpec {
    pub(crate) dimensions: Dimensions,
    /// All tags but these, instead of the names.
    pub(crate) all_but: Option<Vec<Name>>,
}

impl Grouping {
    pub(crate) fn new(spec: GroupingSpec) -> Grouping {
        Grouping { spec, known: Numbers::default() }
    }

    /// The group of a series if it was met before.
    #[inline]
    pub(crate) fn known(&self, series: SeriesId) -> Option<GroupId> {
        self.known.get(series.0).map(GroupId)
    }

    pub(crate) fn learn(&self, series: SeriesId, group: GroupId) {
        self.known.set(series.0, group.0);
    }
}

#[derive(Default)]
pub(crate) struct GroupTable {
    groups: Pages<Group>,
    dimensions: Pages<Dimensions>,
    index: RwLock<HashTable<(u32, u32)>>,
    bytes: AtomicUsize,
    hasher: rapidhash::fast::RandomState,
}

impl GroupTable {
    pub(crate) fn new() -> GroupTable {
        let table = GroupTable::default();
        table.dimensions.push(Dimensions::default());
        table.groups.push(Group { dimensions: 0, name: Name::EMPTY, tags: Box::default() });
        table
    }

    #[inline]
    pub(crate) fn get(&self, id: GroupId) -> &Group {
        self.groups.get(id.0).expect("a group's number comes from this table")
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len() as usize
    }

    pub(crate) fn memory(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn dimensions(&self, id: GroupId) -> &Dimensions {
        self.dimensions.get(self.get(id).dimensions).expect("a group's dimensions come from this table")
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
        let hash = self.hasher.hash_one((by_name, name, tags));
        let same = |entry: &(u32, u32)| {
            entry.0 == hash as u32 && {
                let group = self.get(GroupId(entry.1));
                group.name == name && *group.tags == *tags && self.dimensions(GroupId(entry.1)).by_name == by_name
            }
        };
        let wide = widen(hash as u32);
        if let Some(found) = self.index.read().unwrap_or_else(PoisonError::into_inner).find(wide, same) {
            return GroupId(found.1);
        }
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = index.find(wide, same) {
            return GroupId(found.1);
        }
        let dimensions = self.intern_dimensions(by_name, tags);
        self.bytes.fetch_add(size_of::<Group>() + size_of_val(tags) + 40, Ordering::Relaxed);
        let number = self.groups.push(Group { dimensions, name, tags: tags.into() });
        index.insert_unique(wide, (hash as u32, number), |entry| widen(entry.0));
        GroupId(number)
    }

    /// Few lists of dimensions exist; the caller holds the index's lock.
    fn intern_dimensions(&self, by_name: bool, tags: &Tags) -> u32 {
        let same = |d: &Dimensions| {
            d.by_name == by_name && d.names.len() == tags.len() && d.names.iter().zip(tags).all(|(n, t)| *n == t.0)
        };
        (0..self.dimensions.len())
            .rev()
            .find(|&i| self.dimensions.get(i).is_some_and(same))
            .unwrap_or_else(|| self.dimensions.push(Dimensions { by_name, names: tags.iter().map(|t| t.0).collect() }))
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

const PAGE: usize = 4096;

/// A number per series, grown by pages, read without a lock; 0 in a page means unknown.
#[derive(Default)]
struct Numbers {
    pages: Pages<Box<[AtomicU32]>>,
}

impl std::fmt::Debug for Numbers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Numbers")
    }
}

impl Numbers {
    #[inline]
    fn get(&self, index: u32) -> Option<u32> {
        let page = self.pages.get(index / PAGE as u32)?;
        match page[index as usize % PAGE].load(Ordering::Relaxed) {
            0 => None,
            n => Some(n - 1),
        }
    }

    fn set(&self, index: u32, value: u32) {
        let page = self.pages.get_or_insert(index / PAGE as u32, || (0..PAGE).map(|_| AtomicU32::new(0)).collect());
        page[index as usize % PAGE].store(value + 1, Ordering::Relaxed);
    }
}
