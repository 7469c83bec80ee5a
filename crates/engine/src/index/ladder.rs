//! Limits on one field, sorted so that those which hold for a value are the first ones.

use lambda::{Comparison, Constant};
use model::{Field, FieldType, Row, Schema, Words};

use super::gate::{Face, Limit};

/// See the module. Which limits hold is one search, however many there are.
pub(super) struct Ladder {
    field: Field,
    up: bool,
    /// What a float must reach, in order; negative where small numbers are wanted.
    floats: Vec<f64>,
    /// The same for integers, if the limits are integers.
    ints: Option<Vec<i64>>,
}

impl Ladder {
    /// The ladder of limits that share a face, and their places in its order.
    pub(super) fn new(face: Face, limits: &[Limit]) -> (Ladder, Vec<usize>) {
        let mut order: Vec<usize> = (0..limits.len()).collect();
        order.sort_by(|&a, &b| float_step(&limits[a]).total_cmp(&float_step(&limits[b])));
        let floats = order.iter().map(|&i| float_step(&limits[i])).collect();
        let ints = face.int.then(|| order.iter().map(|&i| int_step(&limits[i])).collect());
        (Ladder { field: Field::new(face.field), up: face.up, floats, ints }, order)
    }

    /// How many limits hold for a row, the first ones; none if its field is missing or no number, which is an error of
    /// the row.
    #[inline]
    pub(super) fn rank(&mut self, schema: &Schema, words: &Words, row: &Row) -> Option<usize> {
        let (index, field_type) = self.field.find(schema, row.shape)?;
        let word = words.words[row.at as usize + index];
        Some(match (field_type, &self.ints) {
            (FieldType::Float, _) => self.rank_of(f64::from_bits(word)),
            (FieldType::Int, None) => self.rank_of(word as i64 as f64),
            (FieldType::Int, Some(ints)) => {
                let number = word as i64;
                // Limits are far from the least integer, which alone has no negative.
                let number = if self.up { number } else { number.saturating_neg() };
                ints.partition_point(|step| number >= *step)
            }
            _ => return None,
        })
    }

    fn rank_of(&self, number: f64) -> usize {
        let number = if self.up { number } else { -number };
        self.floats.partition_point(|step| number >= *step)
    }
}

/// The limit holds for floats, made negative if small ones are wanted, that are at least this.
fn float_step(limit: &Limit) -> f64 {
    let constant = match limit.constant {
        Constant::Float(constant) => constant,
        Constant::Int(constant) => constant as f64,
    };
    // Both zeros are the same number, and sorted as one.
    let constant = constant + 0.0;
    match limit.comparison {
        Comparison::Greater => constant.next_up(),
        Comparison::Less => -constant.next_down(),
        _ if limit.face.up => constant,
        _ => 0.0 - constant,
    }
}

/// The same for integers.
fn int_step(limit: &Limit) -> i64 {
    let constant = match limit.constant {
        Constant::Float(_) => 0,
        Constant::Int(constant) => constant,
    };
    match limit.comparison {
        Comparison::Greater => constant + 1,
        Comparison::Less => 1 - constant,
        _ if limit.face.up => constant,
        _ => -constant,
    }
}
