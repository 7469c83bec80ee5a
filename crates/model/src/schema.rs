//! The tables that give numbers to names, shapes, series and groups, shared by all tasks of a daemon. A schema is one
//! version of them: see [`crate::LiveSchema`].

use std::{
    collections::HashMap,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::{
    Dimensions, FastSet, FieldType, Group, GroupId, Grouping, Marks, Name, Names, Series, SeriesId, Shape, ShapeId,
    Tags,
    group::{GroupTable, GroupingSpec, write_group_id},
    series::{SeriesTable, sort_tags},
    shape::Shapes,
};

/// Numbers are never used again. Beyond this nothing new is taken; there is a bit to spare for who packs them.
const MOST_NUMBERS: u32 = u32::MAX / 4 * 3;

/// See the module. All reading is free of locks; new entries take one.
pub struct Schema {
    /// Counted from 1.
    version: u32,
    names: Names,
    series: SeriesTable,
    groups: GroupTable,
    common: Arc<Common>,
}

/// What all versions share.
struct Common {
    shapes: Shapes,
    groupings: RwLock<HashMap<GroupingSpec, Arc<Grouping>>>,
    /// Bytes that all of it may take; 0 for no limit.
    limit: AtomicUsize,
}

impl Default for Schema {
    fn default() -> Self {
        let names = Names::default();
        let common = Common { shapes: Shapes::new(&names), groupings: RwLock::default(), limit: AtomicUsize::new(0) };
        Schema { version: 1, names, series: SeriesTable::new(), groups: GroupTable::new(), common: Arc::new(common) }
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").field("version", &self.version).field("sizes", &self.sizes()).finish_non_exhaustive()
    }
}

impl Schema {
    pub fn new() -> Arc<Schema> {
        Arc::new(Schema::default())
    }

    /// Which version of the tables it is. What is remembered of numbers outside of a task's state is of one version.
    #[inline]
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The next version, without what is not marked and was not met by users of this one.
    pub(crate) fn without(&self, marks: &Marks) -> Schema {
        let mut names: FastSet<u32> = marks.names.clone();
        let note = |names: &mut FastSet<u32>, name: Name, tags: &Tags| {
            names.insert(name.0);
            names.extend(tags.iter().flat_map(|(key, value)| [key.0, value.0]));
        };
        let series = self
            .series
            .without(|number| marks.series.contains(&number), |series| note(&mut names, series.name(), series.tags()));
        let groups = self
            .groups
            .without(|number| marks.groups.contains(&number), |group| note(&mut names, group.name(), group.tags()));
        let names = self.names.without(|number| names.contains(&number));
        Schema { version: self.version + 1, names, series, groups, common: Arc::clone(&self.common) }
    }

    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The number of a text, which is never forgotten.
    pub fn name(&self, text: &str) -> Name {
        self.names.intern(text)
    }

    /// The number of a text that is the value of a tag: forgotten with the last series and group that has it.
    pub fn tag_value(&self, text: &str) -> Name {
        self.names.intern_value(text)
    }

    #[inline]
    pub fn text(&self, name: Name) -> &str {
        self.names.text(name)
    }

    // Shapes.

    #[inline]
    pub fn shape(&self, id: ShapeId) -> &Shape {
        self.common.shapes.get(id)
    }

    /// The shape with these fields in this order.
    pub fn shape_of(&self, fields: &[(Name, FieldType)]) -> ShapeId {
        self.common.shapes.intern(fields, &self.names)
    }

    /// The shape that a row gets when a field is set, and the index of the field in it.
    pub fn shape_with(&self, shape: ShapeId, name: Name, field_type: FieldType) -> (ShapeId, usize) {
        let mut fields = self.shape(shape).fields().to_vec();
        let index = match self.shape(shape).find(name) {
            Some((index, _)) => {
                fields[index].1 = field_type;
                index
            }
            None => {
                fields.push((name, field_type));
                fields.len() - 1
            }
        };
        (self.shape_of(&fields), index)
    }

    // Series.

    #[inline]
    pub fn series(&self, id: SeriesId) -> &Series {
        self.series.get(id)
    }

    /// The series of a measurement and tags in any order; tags of one key twice keep the last.
    pub fn series_of(&self, name: Name, tags: &Tags) -> SeriesId {
        let mut sorted = tags.to_vec();
        self.sort_tags(&mut sorted);
        if sorted.windows(2).any(|pair| pair[0].0 == pair[1].0) {
            sorted.reverse();
            sorted.dedup_by_key(|tag| tag.0);
            sorted.reverse();
        }
        self.series.intern(name, &sorted)
    }

    /// Into the order of series: by the texts of the keys.
    pub fn sort_tags(&self, tags: &mut [(Name, Name)]) {
        sort_tags(&self.names, tags);
    }

    /// As [`Schema::series_of`], from texts.
    pub fn series_of_texts<'a>(&self, name: &str, tags: impl IntoIterator<Item = (&'a str, &'a str)>) -> SeriesId {
        let tags: Vec<_> = tags.into_iter().map(|(k, v)| (self.name(k), self.tag_value(v))).collect();
        self.series_of(self.name(name), &tags)
    }

    /// The same tags under another measurement.
    pub fn series_renamed(&self, id: SeriesId, name: Name) -> SeriesId {
        let series = self.series(id);
        if series.name() == name { id } else { self.series.intern(name, series.tags()) }
    }

    /// Use a series for what is not part of a task's state, such as a write on its way.
    pub fn use_series(&self, id: SeriesId) {
        self.series.meet(id);
    }

    pub(crate) fn series_table(&self) -> &SeriesTable {
        &self.series
    }

    /// How many keys of tags there are. Before some series has a tag with a key that none had, it changes.
    #[inline]
    pub fn tag_key_count(&self) -> u32 {
        self.series.key_count()
    }

    /// Whether some series has or had a tag with this key.
    pub fn is_tag_key(&self, key: Name) -> bool {
        self.series.has_key(key)
    }

    // Groups.

    #[inline]
    pub fn group(&self, id: GroupId) -> &Group {
        self.groups.get(id)
    }

    /// By what the points of a group were divided.
    pub fn dimensions(&self, id: GroupId) -> &Dimensions {
        self.groups.dimensions(id)
    }

    /// What a `groupBy` says: tag names, or all tags but some; the same for every task that says the same.
    pub fn grouping(&self, by_name: bool, tags: &[&str], all_but: Option<&[&str]>) -> Arc<Grouping> {
        let sorted = |texts: &[&str]| -> Vec<Name> {
            let mut texts = texts.to_vec();
            texts.sort_unstable();
            texts.dedup();
            texts.into_iter().map(|t| self.name(t)).collect()
        };
        let names = if all_but.is_some() { Vec::new() } else { sorted(tags) };
        self.grouping_of(GroupingSpec { dimensions: Dimensions { by_name, names }, all_but: all_but.map(sorted) })
    }

    fn grouping_of(&self, spec: GroupingSpec) -> Arc<Grouping> {
        if let Some(found) = self.common.groupings.read().unwrap_or_else(PoisonError::into_inner).get(&spec) {
            return Arc::clone(found);
        }
        let mut groupings = self.common.groupings.write().unwrap_or_else(PoisonError::into_inner);
        groupings.retain(|_, grouping| Arc::strong_count(grouping) > 1);
        Arc::clone(groupings.entry(spec.clone()).or_insert_with(|| Arc::new(Grouping { spec })))
    }

    /// The group of a series. Who asks often remembers the answer: see [`crate::Divider`].
    pub fn group_of(&self, grouping: &Grouping, id: SeriesId) -> GroupId {
        let series = self.series(id);
        match &grouping.spec.all_but {
            None => self.groups.of_series(&grouping.spec.dimensions, series),
            Some(but) => {
                let tags: Vec<_> = series.tags().iter().copied().filter(|tag| !but.contains(&tag.0)).collect();
                let by_name = grouping.spec.dimensions.by_name;
                self.groups.intern(by_name, if by_name { series.name() } else { Name::EMPTY }, &tags)
            }
        }
    }

    /// Whether a group is known, and not forgotten.
    pub fn has_group(&self, id: GroupId) -> bool {
        self.groups.has(id)
    }

    /// The group, by the dimensions of `group`, of a row whose series has changed.
    pub fn regroup(&self, group: GroupId, series: SeriesId) -> GroupId {
        if group == GroupId::NIL { group } else { self.groups.of_series(self.dimensions(group), self.series(series)) }
    }

    /// The group of these tags, sorted by name.
    pub fn group_of_tags(&self, by_name: bool, name: Name, tags: &Tags) -> GroupId {
        self.groups.intern(by_name, if by_name { name } else { Name::EMPTY }, tags)
    }

    /// The series of a point that stands for a whole group: its tags are the group's.
    pub fn series_of_group(&self, name: Name, group: GroupId) -> SeriesId {
        self.series.intern(name, self.group(group).tags())
    }

    /// The group's id as users see it; the group of ungrouped points is empty (templates show `nil`).
    pub fn group_text(&self, id: GroupId) -> String {
        let mut out = String::with_capacity(64);
        write_group_id(&self.names, self.group(id), self.dimensions(id).by_name, &mut out);
        out
    }

    /// How many names, shapes, series and groups are known.
    pub fn sizes(&self) -> [usize; 4] {
        [self.names.len(), self.common.shapes.len(), self.series.len(), self.groups.len()]
    }

    /// How many numbers were given to names, series and groups.
    pub fn numbers(&self) -> [u32; 3] {
        [self.names.numbers(), self.series.numbers(), self.groups.numbers()]
    }

    /// Bytes that the tables take, more or less.
    pub fn memory(&self) -> usize {
        self.names.memory() + self.common.shapes.memory() + self.series.memory() + self.groups.memory()
    }

    /// Let writes add nothing new once the tables take so many bytes; 0 for no limit.
    pub fn set_limit(&self, bytes: usize) {
        self.common.limit.store(bytes, Ordering::Relaxed);
    }

    /// Bytes that the tables may take; 0 for no limit.
    pub fn limit(&self) -> usize {
        self.common.limit.load(Ordering::Relaxed)
    }

    /// Writes may add nothing new.
    pub fn is_full(&self) -> bool {
        let limit = self.limit();
        (limit != 0 && self.memory() >= limit) || self.numbers().iter().any(|given| *given > MOST_NUMBERS)
    }

    pub(crate) fn known_shape(&self, fields: &[(Name, FieldType)]) -> Option<ShapeId> {
        self.common.shapes.find(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_are_the_same_for_equal_tags() {
        let schema = Schema::default();
        let a = schema.series_of_texts("cpu", [("host", "a"), ("dc", "x")]);
        let b = schema.series_of_texts("mem", [("dc", "x"), ("host", "a")]);
        let by = schema.grouping(false, &["host", "dc"], None);
        assert_eq!(schema.group_of(&by, a), schema.group_of(&by, b));
        assert_eq!(schema.group_text(schema.group_of(&by, a)), "dc=x,host=a");
        let named = schema.grouping(true, &["host"], None);
        assert_eq!(schema.group_text(schema.group_of(&named, b)), "mem\nhost=a");
        let missing = schema.grouping(false, &["rack"], None);
        assert_eq!(schema.group_text(schema.group_of(&missing, a)), "rack=");
        let all = schema.grouping(false, &[], Some(&["dc"]));
        assert_eq!(schema.group_text(schema.group_of(&all, a)), "host=a");
    }

    #[test]
    fn setting_a_field_finds_its_shape() {
        let schema = Schema::default();
        let (x, y) = (schema.name("x"), schema.name("y"));
        let one = schema.shape_of(&[(x, FieldType::Float)]);
        let (two, at) = schema.shape_with(one, y, FieldType::Int);
        assert_eq!((schema.shape(two).len(), at), (2, 1));
        let (other, at) = schema.shape_with(two, x, FieldType::String);
        assert_eq!((schema.shape(other).find(x), at), (Some((0, FieldType::String)), 0));
    }
}
