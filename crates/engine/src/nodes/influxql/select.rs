//! Functions that pick rows: min, max, first, last, percentile, top, bottom, distinct.

use std::cmp::{Ordering, Reverse};

use model::{FieldType, Frame, Time};

use super::function::Function;

/// The field of one row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Sample {
    pub time: Time,
    pub word: u64,
    /// Which row it is of.
    pub row: u32,
}

impl Sample {
    #[inline]
    pub(super) fn float(&self) -> f64 {
        f64::from_bits(self.word)
    }

    #[inline]
    pub(super) fn int(&self) -> i64 {
        self.word as i64
    }

    #[inline]
    pub(super) fn number(&self, field_type: FieldType) -> f64 {
        if field_type == FieldType::Int { self.int() as f64 } else { self.float() }
    }
}

const SIGN: u64 = 1 << 63;

/// A number that is in the order of the values; both zeros have the same.
#[inline]
pub(super) fn key(word: u64, field_type: FieldType) -> u64 {
    match field_type {
        FieldType::Float if word == SIGN => SIGN,
        FieldType::Float if word & SIGN != 0 => !word,
        FieldType::Float => word | SIGN,
        FieldType::Int => word ^ SIGN,
        _ => word,
    }
}

fn compare(a: &Sample, b: &Sample, field_type: FieldType, frame: &Frame) -> Ordering {
    if field_type == FieldType::String {
        frame.text(a.word).cmp(frame.text(b.word))
    } else {
        key(a.word, field_type).cmp(&key(b.word, field_type))
    }
}

/// The one row that a selector picks; `None` if the function is none, or nothing is picked. The samples' order may
/// change.
pub(super) fn select_one(
    function: Function,
    samples: &mut [Sample],
    field_type: FieldType,
    frame: &Frame,
) -> Option<Sample> {
    let better = |wins: &dyn Fn(&Sample, &Sample) -> bool| {
        samples.iter().copied().reduce(|best, sample| if wins(&sample, &best) { sample } else { best })
    };
    let value = |sample: &Sample| key(sample.word, field_type);
    match function {
        Function::Min => samples.iter().copied().min_by_key(|sample| (value(sample), sample.time)),
        // Of equal ones the first, where max_by_key would take the last.
        Function::Max => samples.iter().copied().min_by_key(|sample| (Reverse(value(sample)), sample.time)),
        Function::First => better(&|new, best| match new.time.cmp(&best.time) {
            Ordering::Equal if field_type == FieldType::Bool => new.word < best.word,
            Ordering::Equal => compare(new, best, field_type, frame).is_gt(),
            order => order.is_lt(),
        }),
        Function::Last => better(&|new, best| match new.time.cmp(&best.time) {
            Ordering::Equal => compare(new, best, field_type, frame).is_gt(),
            order => order.is_gt(),
        }),
        Function::Percentile(percent) => {
            let place = (samples.len() as f64 * percent / 100.0 + 0.5).floor() - 1.0;
            if !(0.0..samples.len() as f64).contains(&place) {
                return None;
            }
            let by_value = |sample: &Sample| (key(sample.word, field_type), sample.row);
            Some(*samples.select_nth_unstable_by_key(place as usize, by_value).1)
        }
        _ => None,
    }
}

/// Cut the samples down to those that top, bottom or distinct pick, in the order of the result.
pub(super) fn select_many(function: Function, samples: &mut Vec<Sample>, field_type: FieldType, frame: &Frame) {
    let value = |sample: &Sample| key(sample.word, field_type);
    match function {
        Function::Top(count) => keep_first(samples, count, |sample| (!value(sample), sample.time, sample.row)),
        Function::Bottom(count) => keep_first(samples, count, |sample| (value(sample), sample.time, sample.row)),
        Function::Distinct => {
            samples.sort_unstable_by(|a, b| compare(a, b, field_type, frame).then(a.row.cmp(&b.row)));
            samples.dedup_by(|b, a| compare(a, b, field_type, frame).is_eq());
            samples.sort_by(|a, b| a.time.cmp(&b.time).then_with(|| compare(a, b, field_type, frame)));
        }
        _ => samples.clear(),
    }
}

fn keep_first<K: Ord>(samples: &mut Vec<Sample>, count: usize, order: impl Fn(&Sample) -> K) {
    if count < samples.len() {
        samples.select_nth_unstable_by_key(count, &order);
        samples.truncate(count);
    }
    samples.sort_unstable_by_key(order);
}
