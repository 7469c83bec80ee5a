//! What is known of each series: which references are its tags, and results that depend on nothing else.

use model::{Name, Numbered, Schema, SeriesId};

/// Which references are tags of which series, and results that depend on the series alone.
#[derive(Default)]
pub(crate) struct SeriesTags {
    last: Option<(SeriesId, u64)>,
    /// A byte a series: what is kept of its result in the upper two bits, the place of its mask plus 1 in the others.
    by_series: Numbered<u8>,
    masks: Vec<u64>,
}

/// How many references have a bit of their own.
pub(crate) const MASKED: usize = 64;
const MOST_MASKS: usize = 62;

impl SeriesTags {
    #[inline]
    pub(crate) fn find(&mut self, schema: &Schema, names: &[Name], series: SeriesId) -> u64 {
        if let Some((last, mask)) = self.last
            && last == series
        {
            return mask;
        }
        let mask = match self.by_series.of(schema).get(series.0) & 63 {
            0 => self.learn(schema, names, series),
            place => self.masks[usize::from(place) - 1],
        };
        self.last = Some((series, mask));
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
            None => return mask,
        };
        self.by_series.set(series.0, place as u8 + 1);
        mask
    }

    #[inline]
    pub(crate) fn kept(&self, series: SeriesId) -> Option<bool> {
        match self.by_series.get(series.0) >> 6 {
            0 => None,
            bits => Some(bits == 2),
        }
    }

    pub(crate) fn keep(&mut self, series: SeriesId, answer: bool) {
        let byte = self.by_series.get(series.0) & 63;
        if byte != 0 {
            self.by_series.set(series.0, byte | if answer { 2 } else { 1 } << 6);
        }
    }
}
