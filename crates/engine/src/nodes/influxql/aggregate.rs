//! Functions that make one value of many: count, sum, mean, median, mode, spread, stddev.

use model::{FieldType, Time};

use super::{
    function::Function,
    select::{Sample, key},
};

/// What a function made: a word, its type, and the time it belongs to, if to one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Aggregate {
    pub word: u64,
    pub field_type: FieldType,
    pub time: Option<Time>,
}

impl Aggregate {
    fn float(value: f64) -> Aggregate {
        Aggregate { word: value.to_bits(), field_type: FieldType::Float, time: None }
    }

    fn int(value: i64) -> Aggregate {
        Aggregate { word: value as u64, field_type: FieldType::Int, time: None }
    }
}

/// The value of an aggregate; `None` if the function is not one, or has nothing to work on. The samples' order may
/// change.
pub(super) fn aggregate(function: Function, samples: &mut [Sample], field_type: FieldType) -> Option<Aggregate> {
    let floats = field_type != FieldType::Int;
    if samples.is_empty() && !function.takes_nothing() {
        return None;
    }
    Some(match function {
        Function::Count => Aggregate::int(samples.len() as i64),
        Function::Sum if floats => Aggregate::float(samples.iter().fold(0.0, |sum, sample| sum + sample.float())),
        Function::Sum => Aggregate::int(int_sum(samples)),
        Function::Mean if floats => {
            Aggregate::float(samples.iter().fold(0.0, |sum, sample| sum + sample.float()) / samples.len() as f64)
        }
        Function::Mean => {
            // In 128 bits no sum of integers overflows.
            let sum = samples.iter().fold(0i128, |sum, sample| sum + i128::from(sample.int()));
            Aggregate::float(sum as f64 / samples.len() as f64)
        }
        Function::Spread if floats => {
            let (min, max) = samples.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(min, max), sample| {
                (min.min(sample.float()), max.max(sample.float()))
            });
            Aggregate::float(max - min)
        }
        Function::Spread => {
            let ints = || samples.iter().map(|sample| sample.int());
            Aggregate::int(ints().max().unwrap_or(0).saturating_sub(ints().min().unwrap_or(0)))
        }
        Function::Stddev => Aggregate::float(stddev(samples, field_type)),
        Function::Median => median(samples, field_type),
        Function::Mode => mode(samples, field_type),
        _ => return None,
    })
}

/// What does not fit stays at the largest or smallest integer, rather than to change its sign.
fn int_sum(samples: &[Sample]) -> i64 {
    let sum = samples.iter().fold(0i128, |sum, sample| sum + i128::from(sample.int()));
    sum.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
}

/// Of a sample, so divided by one less than there are; not a number if there is but one.
fn stddev(samples: &[Sample], field_type: FieldType) -> f64 {
    let values = || samples.iter().map(|sample| sample.number(field_type)).filter(|value| !value.is_nan());
    let (mut mean, mut count) = (0.0, 0.0);
    for value in values() {
        count += 1.0;
        mean += (value - mean) / count;
    }
    let variance: f64 = values().map(|value| (value - mean) * (value - mean)).sum();
    if samples.len() < 2 { f64::NAN } else { (variance / (count - 1.0)).sqrt() }
}

fn median(samples: &mut [Sample], field_type: FieldType) -> Aggregate {
    let middle = samples.len() / 2;
    if let [one] = samples {
        let time = (field_type == FieldType::Float).then_some(one.time);
        return Aggregate { time, ..Aggregate::float(one.number(field_type)) };
    }
    let odd = samples.len() % 2 == 1;
    let (below, high, _) = samples.select_nth_unstable_by_key(middle, |sample| key(sample.word, field_type));
    let high = *high;
    if odd {
        return Aggregate::float(high.number(field_type));
    }
    let low = below.iter().copied().max_by_key(|sample| key(sample.word, field_type)).unwrap_or(high);
    Aggregate::float(if field_type == FieldType::Int {
        low.int() as f64 + (i128::from(high.int()) - i128::from(low.int())) as f64 / 2.0
    } else {
        low.float() + (high.float() - low.float()) / 2.0
    })
}

/// The most frequent value; of several the one whose first row is not later than the last row of the best before.
fn mode(samples: &mut [Sample], field_type: FieldType) -> Aggregate {
    if let [one] = samples {
        return Aggregate { word: one.word, field_type, time: Some(one.time) };
    }
    samples.sort_unstable_by_key(|sample| (key(sample.word, field_type), sample.row));
    let mut best = (0, samples[0]);
    let mut run = (0, samples[0]);
    for sample in samples.iter() {
        if key(sample.word, field_type) != key(run.1.word, field_type) {
            run = (1, *sample);
            continue;
        }
        run.0 += 1;
        if best.0 > run.0 || (best.0 == run.0 && run.1.time > best.1.time) {
            continue;
        }
        best = (run.0, *sample);
    }
    Aggregate { word: best.1.word, field_type, time: None }
}
