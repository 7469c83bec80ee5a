//! Rows and batches whose tags a node changes: the series and groups they get, found once per series.

use model::{BatchHead, GroupId, Name, Numbered, Row, Schema, SeriesId};

/// What a node does to tags. The answers are remembered, so it must give the same for the same.
pub(super) trait ChangeTags {
    /// Change tags that are sorted by their keys' texts; how many were changed.
    fn change(&self, schema: &Schema, tags: &mut Vec<(Name, Name)>) -> u32;
}

/// The tags of one series, changed.
#[derive(Clone, Copy)]
struct Known {
    series: SeriesId,
    changed: u32,
    /// The group of the last row of the series, and what it became.
    group: Option<(GroupId, GroupId)>,
}

/// What is known of each series met so far.
#[derive(Default)]
pub(super) struct Retag {
    known: Numbered<Option<Known>>,
}

impl Retag {
    /// The row with its changed series, and how many tags were changed. With `dimensions` its group loses or gains the
    /// tags as well, else it stays grouped by the same names.
    pub(super) fn row(
        &mut self,
        change: &impl ChangeTags,
        dimensions: bool,
        schema: &Schema,
        mut row: Row,
    ) -> (Row, u32) {
        let known = self.known.of(schema).get_mut(row.series.0).get_or_insert_with(|| {
            let series = schema.series(row.series);
            let mut tags = series.tags().to_vec();
            let changed = change.change(schema, &mut tags);
            let series = if changed == 0 { row.series } else { schema.series_of(series.name(), &tags) };
            Known { series, changed, group: None }
        });
        // A group has tags that its series lack: they are empty there.
        if known.changed == 0 && !dimensions {
            return (row, 0);
        }
        row.series = known.series;
        row.group = match known.group {
            Some((from, to)) if from == row.group => to,
            _ => {
                let to = if dimensions {
                    changed_group(change, schema, row.group, schema.series(row.series).name()).0
                } else {
                    schema.regroup(row.group, row.series)
                };
                known.group = Some((row.group, to));
                to
            }
        };
        (row, known.changed)
    }

    /// The head of a batch with its tags changed, by which it is grouped from then on; how many tags were changed.
    pub(super) fn head(change: &impl ChangeTags, schema: &Schema, head: &mut BatchHead) -> u32 {
        let changed;
        (head.group, changed) = changed_group(change, schema, head.group, head.name);
        changed
    }
}

fn changed_group(change: &impl ChangeTags, schema: &Schema, group: GroupId, name: Name) -> (GroupId, u32) {
    let mut tags = schema.group(group).tags().to_vec();
    match change.change(schema, &mut tags) {
        0 => (group, 0),
        changed => (schema.group_of_tags(schema.dimensions(group).by_name, name, &tags), changed),
    }
}

/// Set a tag among others sorted by their keys' texts; whether it was missing or empty.
pub(super) fn set_missing_tag(schema: &Schema, tags: &mut Vec<(Name, Name)>, key: Name, value: Name) -> bool {
    if let Some(tag) = tags.iter_mut().find(|tag| tag.0 == key) {
        let empty = tag.1.is_empty();
        if empty {
            tag.1 = value;
        }
        return empty;
    }
    let at = tags.partition_point(|tag| schema.text(tag.0) < schema.text(key));
    tags.insert(at, (key, value));
    true
}

/// Take a tag out; whether it was there.
pub(super) fn remove_tag(tags: &mut Vec<(Name, Name)>, key: Name) -> bool {
    let before = tags.len();
    tags.retain(|tag| tag.0 != key);
    tags.len() != before
}
