//! One of several tasks of the same definition that share its groups among them.

use std::sync::{Arc, OnceLock};

use model::{GroupId, Numbered, Schema, SeriesId, Tags};

use super::{Task, Write};
use crate::{GroupTags, Selection, saving::fingerprint};

/// Which rows and groups are a shard's: those whose tags' values have a hash that belongs to it. The hash is of texts, so
/// it is the same in every process.
pub(crate) struct Shard {
    tags: GroupTags,
    number: u8,
    count: u8,
    /// By number of a series: 0 if it was not looked at yet, else 1 more than its shard.
    known: Numbered<u8>,
    /// Rows of the write at hand that are its own.
    rows: Vec<u32>,
    /// Why one of the shards failed: the others fail with it.
    failure: Arc<OnceLock<String>>,
}

impl Shard {
    pub(crate) fn new(tags: GroupTags, number: u8, count: u8, failure: Arc<OnceLock<String>>) -> Shard {
        Shard { tags, number, count, known: Numbered::default(), rows: Vec::new(), failure }
    }

    fn owner(&self, schema: &Schema, tags: &Tags) -> u8 {
        let value =
            |key: &String| tags.iter().find(|tag| schema.text(tag.0) == *key).map_or("", |tag| schema.text(tag.1));
        let hash = match &self.tags {
            GroupTags::Named(names) => fingerprint(&names.iter().map(value).collect::<Vec<_>>()),
            GroupTags::AllBut(but) => {
                // A tag without a value is none.
                let texts = tags.iter().map(|tag| (schema.text(tag.0), schema.text(tag.1)));
                let texts = texts.filter(|(key, value)| !value.is_empty() && !but.iter().any(|other| other == key));
                fingerprint(&texts.flat_map(|(key, value)| [key, value]).collect::<Vec<_>>())
            }
        };
        ((hash ^ (hash >> 32)) % u64::from(self.count)) as u8
    }

    #[inline]
    fn owns_series(&mut self, schema: &Schema, series: SeriesId) -> bool {
        match self.known.of(schema).get(series.0) {
            0 => {
                let owner = self.owner(schema, schema.series(series).tags());
                self.known.set(series.0, owner + 1);
                owner == self.number
            }
            owner => owner - 1 == self.number,
        }
    }

    /// Whether a group is its own.
    pub(crate) fn owns_group(&self, schema: &Schema, group: GroupId) -> bool {
        self.owner(schema, schema.group(group).tags()) == self.number
    }

    /// Whether what belongs to no group was written by a shard that it comes after, by that one's number: there may have
    /// been another count of them.
    pub(crate) fn inherits(&self, number: u8) -> bool {
        number % self.count == self.number
    }

    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Its part of a selection; to be given back.
    pub(super) fn take_own(&mut self, schema: &Schema, write: &Write, selection: &Selection) -> Vec<u32> {
        let mut own = std::mem::take(&mut self.rows);
        own.clear();
        match selection {
            Selection::All => {
                let rows = (0..).zip(&write.rows);
                own.extend(rows.filter(|(_, row)| self.owns_series(schema, row.series)).map(|(index, _)| index));
            }
            Selection::Some(indexes) => {
                let series = |index: &u32| write.rows[*index as usize].series;
                own.extend(indexes.iter().copied().filter(|index| self.owns_series(schema, series(index))));
            }
        }
        own
    }

    pub(super) fn give_back(&mut self, rows: Vec<u32>) {
        self.rows = rows;
    }
}

impl Task {
    /// What is one shard's failure is the others', too.
    pub(super) fn fail_with_others(&mut self) {
        let Some(shard) = &self.shard else { return };
        match (&self.failure, shard.failure.get()) {
            (None, Some(why)) => self.failure = Some(why.clone()),
            (Some(why), None) => drop(shard.failure.set(why.clone())),
            _ => {}
        }
    }

    /// It has failed by a fault of the program: the others are told.
    pub(crate) fn tell_others(&self, why: &str) {
        if let Some(shard) = &self.shard {
            drop(shard.failure.set(why.to_string()));
        }
    }
}
