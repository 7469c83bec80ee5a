//! What is known of each series: which references are its tags, and results that depend on nothing else.

use model::{Name, Schema, SeriesId};

/// Which references are tags of which series, and results that depend on the series alone.
#[derive(Default)]
pub(crate) struct SeriesTags {
    last: Option<(SeriesId, u64)>,
    /// A byte a series: what is kept of its result in the upper two bits, the place of its mask plus 1 in the others.
    by_series: Vec<u8>,
    masks: Vec<u64>,
}

/// How many references have a bit of their own.
pub(crate) const MASKED: usize = 64;
/// Series with greater numbers are looked at each time.
const MOST_SERIES: usize = 1 << 22;
const MOST_MASKS: usize = 62;

impl SeriesTags {
    #[inline]
    pub(crate) fn find(&mut self, schema: &Schema, names: &[Name], series: SeriesId) -> u64 {
        if let Some((last, mask)) = self.last
            && last == series
        {
            return mask;
        }
        let mask = match self.by_series.get(series.0 as usize) {
            Some(byte) if byte & 63 != 0 => self.masks[usize::from(byte & 63) - 1],
            _ => self.learn(schema, names, series),
        };
        self.last = Some((series, mask));
        mask
    }

    #[cold]
    fn learn(&mut self, schema: &Schema, names: &[Name], series: SeriesId) -> u64 {
        let tags = schema.series(series);
        let bits = names.iter().take(MASKED).enumerate();
        let mask = bits.fold(0, |mask, (i, name)| mask | u64::from(tags.tag(*name).is_some()) << i);
        let at = series.0 as usize;
        let place = match self.masks.iter().position(|known| *known == mask) {
            Some(place) => place,
            None if self.masks.len() < MOST_MASKS => {
                self.masks.push(mask);
                self.masks.len() - 1
            }
            None => return mask,
        };
        if at < MOST_SERIES {
            if at >= self.by_series.len() {
                self.by_series.resize(at + 1, 0);
            }
            self.by_series[at] = place as u8 + 1;
        }
        mask
    }

    #[inline]
    pub(crate) fn kept(&self, series: SeriesId) -> Option<bool> {
        match self.by_series.get(series.0 as usize)? >> 6 {
            0 => None,
            bits => Some(bits == 2),
        }
    }

    pub(crate) fn keep(&mut self, series: SeriesId, answer: bool) {
        if let Some(byte) = self.by_series.get_mut(series.0 as usize)
            && *byte & 63 != 0
        {
            *byte = *byte & 63 | if answer { 2 } else { 1 } << 6;
        }
    }
}
