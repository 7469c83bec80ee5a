//! `|default()`: fields and tags for rows that lack them.

use declare::{Argument, Declaration, SetError};
use model::{BatchHead, Field, FieldType, Name, Put, Row, Schema, Value};

use crate::{
    BuildError, Cx, Definition, EdgeKind, Node, PerRow, Plan, Reach, StatName, boxed_per_row,
    nodes::retag::{ChangeTags, Retag, set_missing_tag},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Default_ {
    fields: Vec<(String, Argument)>,
    tags: Vec<(String, String)>,
}

impl Definition for Default_ {
    const NAME: &'static str = "default";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Set fields and tags of rows that lack them; an empty tag counts as lacking.")
            .method_shown("field", "name string, value any", "A field and its value.", set_field, |d| {
                d.fields.iter().map(|(name, value)| vec![name.as_str().into(), value.clone()]).collect()
            })
            .method_shown("tag", "name string, value string", "A tag and its value.", set_tag, |d| {
                d.tags.iter().map(|(name, value)| vec![name.as_str().into(), value.as_str().into()]).collect()
            })
            .example("stream |from().measurement('cpu') |default().field('usage', 0.0).tag('host', 'unknown')")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Changes(self.tags.iter().map(|tag| tag.0.clone()).collect())
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let fields = self.fields.iter().filter_map(|(name, value)| {
            let name = plan.schema.name(name);
            Some((Field::new(name), Put::new(name), value_of(value)?))
        });
        let tags = self.tags.iter().map(|(key, value)| (plan.schema.name(key), plan.schema.name(value)));
        Ok(boxed_per_row(DefaultNode {
            fields: fields.collect(),
            tags: MissingTags(tags.collect()),
            retag: Retag::default(),
            batches: plan.input == EdgeKind::Batch,
        }))
    }
}

fn set_field(node: &mut Default_, args: &[Argument]) -> Result<(), SetError> {
    let [Argument::String(name), value] = args else { return Ok(()) };
    if value_of(value).is_none() {
        let why = format!(
            "the value of {name:?} must be a float, an integer, a string or a boolean, not {}",
            value.describe()
        );
        return Err(SetError::refused("field", why));
    }
    node.fields.retain(|known| known.0 != *name);
    node.fields.push((name.clone(), value.clone()));
    Ok(())
}

fn set_tag(node: &mut Default_, args: &[Argument]) -> Result<(), SetError> {
    let [Argument::String(name), Argument::String(value)] = args else { return Ok(()) };
    node.tags.retain(|known| known.0 != *name);
    node.tags.push((name.clone(), value.clone()));
    Ok(())
}

fn value_of(argument: &Argument) -> Option<Value> {
    Some(match argument {
        Argument::Float(value) => Value::Float(*value),
        Argument::Int(value) => Value::Int(*value),
        Argument::String(value) => Value::String(value.as_str().into()),
        Argument::Bool(value) => Value::Bool(*value),
        _ => return None,
    })
}

struct MissingTags(Vec<(Name, Name)>);

impl ChangeTags for MissingTags {
    fn change(&self, schema: &Schema, tags: &mut Vec<(Name, Name)>) -> u32 {
        self.0.iter().filter(|tag| set_missing_tag(schema, tags, tag.0, tag.1)).count() as u32
    }
}

struct DefaultNode {
    fields: Vec<(Field, Put, Value)>,
    tags: MissingTags,
    retag: Retag,
    batches: bool,
}

const FIELDS: StatName = "fields_defaulted";
const TAGS: StatName = "tags_defaulted";

impl PerRow for DefaultNode {
    type Group = ();

    // Kapacitor keeps nothing per group here, and shows 0.
    fn counts_groups(&self) -> bool {
        false
    }

    fn remembers(&self) -> bool {
        false
    }

    fn begin_batch(&mut self, _group: &mut (), head: &mut BatchHead, cx: &mut Cx<'_>) {
        // The head's tags count like those of a row.
        let tags = Retag::head(&self.tags, cx.schema, head);
        if tags > 0 {
            cx.stat(TAGS, i64::from(tags));
        }
        // The head of a batch has no fields, so Kapacitor counts all of them once. Case: influxql/after_other_nodes.
        if !self.fields.is_empty() {
            cx.stat(FIELDS, self.fields.len() as i64);
        }
    }

    fn row(&mut self, _group: &mut (), mut row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        let mut set = 0;
        for (field, put, value) in &mut self.fields {
            if field.find(cx.schema, row.shape).is_none_or(|(_, field_type)| field_type == FieldType::Null) {
                row = put.value(cx.schema, cx.frame, &row, value);
                set += 1;
            }
        }
        if set > 0 {
            cx.stat(FIELDS, set);
        }
        if !self.tags.0.is_empty() {
            let (changed, tags) = self.retag.row(&self.tags, self.batches, cx.schema, row);
            row = changed;
            if tags > 0 {
                cx.stat(TAGS, i64::from(tags));
            }
        }
        Some(row)
    }

    fn stats(&self) -> &'static [StatName] {
        &[FIELDS, TAGS]
    }
}
