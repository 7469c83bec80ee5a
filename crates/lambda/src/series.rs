//! What is known of each series: which references are its tags, and results that depend on nothing else.

use model::{Name, Numbered, Schema, SeriesId};

/// Which references are tags of which series, and results that depend on the series alone.
#[derive(Default)]
pub(crate) struct SeriesTags {
    /// The series that was asked for last, its mask and its byte.
    last: Option<(SeriesId, u64, u8)>,
    /// A byte a series: what is kept of its result in the upper two bits, the place of its mask plus 1 in the others.
    by_series: Numbered<u8>,
    masks: Vec<u64>,
    /// How many keys of tags there were when it was last looked whether references are among them, and what was found.
    keys: u32,
    are_keys: bool,
}

/// How many references have a bit of their own.
pub(crate) const MASKED: usize = 64;
const MOST_MASKS: usize = 62;

impl SeriesTags {
    /// Which of the references are tags of the series. Most expressions are of fields alone, and no series has a tag of
    /// that name.
    #[inline]
    pub(crate) fn find(&mut self, schema: &Schema, names: &[Name], series: SeriesId) -> u64 {
        if self.keys != schema.tag_key_count() {
            self.look_for_keys(schema, names);
        }
        if self.are_keys { self.find_mask(schema, names, series) } else { 0 }
    }

    #[cold]
    fn look_for_keys(&mut self, schema: &Schema, names: &[Name]) {
        self.keys = schema.tag_key_count();
        self.are_keys = names.iter().any(|name| schema.is_tag_key(*name));
    }

    #[inline]
    fn find_mask(&mut self, schema: &Schema, names: &[Name], series: SeriesId) -> u64 {
        if let Some((last, mask, _)) = self.last
            && last == series
        {
            return mask;
        }
        let byte = self.by_series.of(schema).get(series.0);
        let mask = match byte & 63 {
            0 => return self.learn(schema, names, series),
            place => self.masks[usize::from(place) - 1],
        };
        self.last = Some((series, mask, byte));
        mask
    }

    #[cold]
    fn learn(&mut self, schema: &Schema, names: &[Name], series: SeriesId) -> u64 {
        let tags = schema.series(series);
        let bits = names.iter().take(MASKED).enumerate();
        let mask = bits.fold(0, |mask, (i, name)| mask | u64::from(tags.tag(*name).is_some()) << i);
        let place = match self.masks.iter().position(|known| *known == mask) {
            Some(place) => place,
            None if self.masks.len() < MOST_MASKS => {
                self.masks.push(mask);
                self.masks.len() - 1
            }
            None => {
                self.last = Some((series, mask, 0));
                return mask;
            }
        };
        let byte = place as u8 + 1;
        self.by_series.set(series.0, byte);
        self.last = Some((series, mask, byte));
        mask
    }

    /// What is kept for the series that was found last.
    #[inline]
    pub(crate) fn kept(&self) -> Option<bool> {
        match self.last?.2 >> 6 {
            0 => None,
            bits => Some(bits == 2),
        }
    }

    /// Keep a result for the series that was found last.
    pub(crate) fn keep(&mut self, answer: bool) {
        if let Some((series, _, byte)) = &mut self.last
            && *byte != 0
        {
            *byte = *byte & 63 | if answer { 2 } else { 1 } << 6;
            self.by_series.set(series.0, *byte);
        }
    }
}
