//! `|changeDetect('field')`: only the rows in which a field is another than in the row handed on before.

use declare::Declaration;
use model::{BatchHead, Field, FieldType, Row, Value};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerRow, Plan, Reach, boxed_per_row};

#[derive(Debug, Clone, Default)]
pub(super) struct ChangeDetect {
    fields: Vec<String>,
}

impl Definition for ChangeDetect {
    const NAME: &'static str = "changeDetect";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Hand on only the rows in which at least one of the fields has changed since the last row handed on.")
            .variadic("fields", "The fields to watch.", |c| &mut c.fields)
            .example("stream |from().measurement('host') |changeDetect('state')")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let fields = self.fields.iter().map(|field| Field::new(plan.schema.name(field))).collect();
        Ok(boxed_per_row(ChangeDetectNode { fields }))
    }
}

struct ChangeDetectNode {
    fields: Vec<Field>,
}

impl PerRow for ChangeDetectNode {
    /// The watched fields of the last row handed on; null where it had none.
    type Group = Vec<Value>;

    fn begin_batch(&mut self, last: &mut Vec<Value>, _head: &mut BatchHead, _cx: &mut Cx<'_>) {
        last.clear();
    }

    fn row(&mut self, last: &mut Vec<Value>, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        let mut changed = false;
        for (index, field) in self.fields.iter_mut().enumerate() {
            let Some((word, field_type)) = field.read(cx.schema, cx.frame, &row) else {
                let name = cx.schema.text(field.name());
                cx.row_error(format_args!("invalid field in change detect: expected field {name} not found"));
                continue;
            };
            let before = last.get(index).unwrap_or(&Value::Null);
            if !is(before, field_type, word, cx) {
                changed = true;
                break;
            }
        }
        if !changed {
            return None;
        }
        last.clear();
        for field in &mut self.fields {
            last.push(field.value(cx.schema, cx.frame, &row).unwrap_or(Value::Null));
        }
        Some(row)
    }
}

/// Whether the value is this word of this type.
fn is(value: &Value, field_type: FieldType, word: u64, cx: &Cx<'_>) -> bool {
    match (value, field_type) {
        (Value::Float(value), FieldType::Float) => *value == f64::from_bits(word),
        (Value::Int(value), FieldType::Int)
        | (Value::Duration(value), FieldType::Duration)
        | (Value::Time(value), FieldType::Time) => *value == word as i64,
        (Value::Bool(value), FieldType::Bool) => *value == (word != 0),
        (Value::String(value), FieldType::String) => **value == *cx.frame.text(word),
        (Value::Null, FieldType::Null) => true,
        _ => false,
    }
}
