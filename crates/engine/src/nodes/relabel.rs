//! Series under another name or with more tags, as nodes that write points elsewhere give them.

use model::{Name, Numbered, Schema, SeriesId, Tags};

/// Tags that every series gets, and what became of the series met so far.
#[derive(Default)]
pub(crate) struct Relabel {
    tags: Vec<(Name, Name)>,
    /// By number of a series: the name it was last given, and the series that it became then.
    known: Numbered<Option<(Name, SeriesId)>>,
}

/// The names of tags as a script gives them.
pub(crate) fn named(schema: &Schema, tags: &[(String, String)]) -> Vec<(Name, Name)> {
    tags.iter().map(|(key, value)| (schema.name(key), schema.name(value))).collect()
}

/// The tags of a series with more of them, which replace those of the same key.
pub(crate) fn tags_with(schema: &Schema, series: SeriesId, more: &Tags) -> Vec<(Name, Name)> {
    let mut tags = schema.series(series).tags().to_vec();
    for (key, value) in more {
        match tags.iter_mut().find(|tag| tag.0 == *key) {
            Some(tag) => tag.1 = *value,
            None => tags.push((*key, *value)),
        }
    }
    tags
}

impl Relabel {
    pub(crate) fn new(schema: &Schema, tags: &[(String, String)]) -> Relabel {
        Relabel { tags: named(schema, tags), known: Numbered::default() }
    }

    /// The series with this name and the tags.
    #[inline]
    pub(crate) fn series(&mut self, schema: &Schema, series: SeriesId, name: Name) -> SeriesId {
        match self.known.of(schema).get(series.0) {
            Some((known, to)) if known == name => to,
            _ => self.learn(schema, series, name),
        }
    }

    #[cold]
    fn learn(&mut self, schema: &Schema, series: SeriesId, name: Name) -> SeriesId {
        let old = schema.series(series);
        if self.tags.is_empty() && old.name() == name {
            // It leaves the task that has it in its state.
            schema.use_series(series);
            self.known.set(series.0, Some((name, series)));
            return series;
        }
        let to = schema.series_of(name, &tags_with(schema, series, &self.tags));
        self.known.set(series.0, Some((name, to)));
        to
    }
}

/// For `.tag('key', 'value')`: a later value of a key replaces the earlier one.
pub(crate) fn set_tag(tags: &mut Vec<(String, String)>, args: &[declare::Argument]) {
    if let [declare::Argument::String(key), declare::Argument::String(value)] = args {
        match tags.iter_mut().find(|tag| tag.0 == *key) {
            Some(tag) => tag.1.clone_from(value),
            None => tags.push((key.clone(), value.clone())),
        }
    }
}

/// The calls of `.tag` that make these tags.
pub(crate) fn tags_shown(tags: &[(String, String)]) -> Vec<Vec<declare::Argument>> {
    tags.iter().map(|(key, value)| vec![key.clone().into(), value.clone().into()]).collect()
}
