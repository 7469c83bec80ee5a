//! Functions that go from row to row: elapsed, difference, movingAverage, cumulativeSum.

use std::collections::VecDeque;

use model::{BatchHead, Field, FieldType, Name, Row, SeriesId, ShapeId, Time, save_fields};

use super::function::{Function, Settled};
use crate::{Cx, PerRow};

#[derive(Debug, Clone, Copy)]
pub(super) enum Transform {
    /// The unit in nanoseconds.
    Elapsed(i64),
    Difference,
    /// Of how many rows.
    MovingAverage(usize),
    CumulativeSum,
}

impl Transform {
    pub(super) fn of(function: Function) -> Option<Transform> {
        Some(match function {
            Function::Elapsed(unit) => Transform::Elapsed(unit),
            Function::Difference => Transform::Difference,
            Function::MovingAverage(count) => Transform::MovingAverage(count),
            Function::CumulativeSum => Transform::CumulativeSum,
            _ => return None,
        })
    }

    fn takes(self, field_type: FieldType) -> bool {
        match field_type {
            FieldType::Float | FieldType::Int => true,
            FieldType::String | FieldType::Bool => matches!(self, Transform::Elapsed(_)),
            _ => false,
        }
    }
}

pub(super) struct TransformNode {
    transform: Transform,
    field: Field,
    rename: Name,
    /// Shapes of results: a float, an integer.
    shapes: Option<[ShapeId; 2]>,
}

/// What is remembered of a group.
#[derive(Default)]
pub(super) struct Group {
    /// Name and series of its rows, from the first one on.
    series: Option<(Name, SeriesId)>,
    /// The type of the field; another one is refused.
    field_type: Option<FieldType>,
    settled: Settled,
    previous: Option<(Time, u64)>,
    sum: Sum,
    last: VecDeque<u64>,
    /// What was given last: its time, its word and whether that is an integer.
    given: Option<(Time, u64, bool)>,
}

/// A sum in the type of what is added.
#[derive(Default, Clone, Copy)]
struct Sum {
    float: f64,
    int: i64,
}

save_fields!(Group { series, field_type, settled, previous, sum, last, given });
save_fields!(Sum { float, int });

impl Sum {
    fn add(&mut self, word: u64, field_type: FieldType) {
        match field_type {
            FieldType::Int => self.int = self.int.wrapping_add(word as i64),
            _ => self.float += f64::from_bits(word),
        }
    }

    fn subtract(&mut self, word: u64, field_type: FieldType) {
        match field_type {
            FieldType::Int => self.int = self.int.wrapping_sub(word as i64),
            _ => self.float -= f64::from_bits(word),
        }
    }

    fn word(self, field_type: FieldType) -> u64 {
        match field_type {
            FieldType::Int => self.int as u64,
            _ => self.float.to_bits(),
        }
    }

    fn number(self, field_type: FieldType) -> f64 {
        match field_type {
            FieldType::Int => self.int as f64,
            _ => self.float,
        }
    }
}

impl TransformNode {
    pub(super) fn new(transform: Transform, field: Name, rename: Name) -> TransformNode {
        TransformNode { transform, field: Field::new(field), rename, shapes: None }
    }

    /// The word of the result and whether it is an integer.
    fn step(&self, group: &mut Group, time: Time, word: u64, field_type: FieldType) -> Option<(u64, bool)> {
        match self.transform {
            Transform::Elapsed(unit) => {
                let (before, _) = group.previous.replace((time, word))?;
                (unit > 0).then(|| (time.wrapping_sub(before).wrapping_div(unit) as u64, true))
            }
            Transform::Difference => {
                // Of several rows of one time the first counts.
                if group.previous.is_some_and(|previous| previous.0 == time) {
                    return None;
                }
                let (_, before) = group.previous.replace((time, word))?;
                Some(if field_type == FieldType::Int {
                    ((word as i64).wrapping_sub(before as i64) as u64, true)
                } else {
                    ((f64::from_bits(word) - f64::from_bits(before)).to_bits(), false)
                })
            }
            Transform::MovingAverage(count) => {
                if group.last.len() == count
                    && let Some(oldest) = group.last.pop_front()
                {
                    group.sum.subtract(oldest, field_type);
                }
                group.last.push_back(word);
                group.sum.add(word, field_type);
                let full = group.last.len() == count;
                full.then(|| ((group.sum.number(field_type) / count as f64).to_bits(), false))
            }
            Transform::CumulativeSum => {
                group.sum.add(word, field_type);
                Some((group.sum.word(field_type), field_type == FieldType::Int))
            }
        }
    }

    /// What a row gives that cannot be taken. All but difference give their last result once more, as Kapacitor does.
    fn again(&self, group: &Group) -> Option<(Time, u64, bool)> {
        if matches!(self.transform, Transform::Difference) { None } else { group.given }
    }

    #[cold]
    fn refuse(&self, found: Option<FieldType>, known: Option<FieldType>, cx: &mut Cx<'_>) {
        let field = cx.schema.text(self.field.name());
        match (found, known) {
            (None, _) => cx.row_error(format_args!("failed to aggregate point: field {field} is missing")),
            (Some(found), None) => {
                cx.row_error(format_args!("failed to aggregate point: field {field} is a {}", found.name()));
            }
            (Some(found), Some(known)) => cx.row_error(format_args!(
                "failed to aggregate point: field {field} has the wrong type: it is a {}, and was a {} before",
                found.name(),
                known.name()
            )),
        }
    }
}

impl PerRow for TransformNode {
    type Group = Group;

    fn makes_points(&self) -> bool {
        true
    }

    fn begin_batch(&mut self, group: &mut Group, head: &mut BatchHead, cx: &mut Cx<'_>) {
        let series = group.series.unwrap_or_else(|| (head.name, cx.schema.series_of_group(head.name, head.group)));
        *group = Group { series: Some(series), settled: group.settled, ..Group::default() };
    }

    fn row(&mut self, group: &mut Group, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        let found = self.field.read(cx.schema, cx.frame, &row);
        if let Some((_, found)) = found
            && group.field_type.is_none()
        {
            group.field_type = group.settled.on(found, self.transform.takes(found));
        }
        let value = found.filter(|&(_, found)| group.field_type == Some(found));
        if value.is_none() {
            self.refuse(found.map(|(_, found)| found), group.field_type, cx);
        }
        let (_, series) = *group.series.get_or_insert_with(|| {
            let name = cx.schema.series(row.series).name();
            (name, cx.schema.series_of_group(name, row.group))
        });
        let (time, word, is_int) = match value {
            Some((word, field_type)) => {
                let result = self.step(group, row.time, word, field_type);
                group.given = result.map(|(word, is_int)| (row.time, word, is_int));
                group.given
            }
            None => self.again(group),
        }?;
        let shapes = self.shapes.get_or_insert_with(|| {
            [FieldType::Float, FieldType::Int].map(|field_type| cx.schema.shape_of(&[(self.rename, field_type)]))
        });
        let at = cx.frame.next_at();
        cx.frame.push_word(word);
        Some(Row { series, shape: shapes[usize::from(is_int)], at, time, ..row })
    }
}
