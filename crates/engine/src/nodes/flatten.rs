//! `|flatten().on('tag')`: the points of one time as one point, whose fields are named by tags.

use std::collections::HashMap;

use declare::Declaration;
use model::{BatchHead, FieldType, GroupId, KeptRows, Name, Row, Schema, SeriesId, Time, round, save_fields};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerGroup, Plan, Reach, boxed_per_group};

#[derive(Debug, Clone)]
pub(super) struct Flatten {
    on: Vec<String>,
    delimiter: String,
    tolerance: std::time::Duration,
    drop_field_name: bool,
}

impl Default for Flatten {
    fn default() -> Self {
        Flatten {
            on: Vec::new(),
            delimiter: ".".to_string(),
            tolerance: std::time::Duration::ZERO,
            drop_field_name: false,
        }
    }
}

impl Definition for Flatten {
    const NAME: &'static str = "flatten";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Make one point of all points of a group that have the same time: its fields are named by the values of tags and the field, as in 443.in.bytes. It is handed on when a point of another time comes.")
            .property("on", "The tags that go into the names.", |f| &mut f.on)
            .property("delimiter", "What stands between the parts of a name.", |f| &mut f.delimiter)
            .property("tolerance", "Times are rounded to a multiple of this first.", |f| &mut f.tolerance)
            .switch("dropOriginalFieldName", "Leave the field's name out.", |f| &mut f.drop_field_name)
            .example("stream |from().measurement('ports').groupBy('host') |flatten().on('port')")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Ok(boxed_per_group(FlattenNode {
            on: self.on.iter().map(|tag| plan.schema.name(tag)).collect(),
            delimiter: self.delimiter,
            tolerance: i64::try_from(self.tolerance.as_nanos()).unwrap_or(i64::MAX),
            drop_field_name: self.drop_field_name,
            version: 0,
            prefixes: HashMap::new(),
            names: HashMap::new(),
            rows: Vec::new(),
            words: Vec::new(),
            places: HashMap::new(),
        }))
    }
}

struct FlattenNode {
    on: Vec<Name>,
    delimiter: String,
    tolerance: i64,
    drop_field_name: bool,
    /// The version of the schema that what is known is of.
    version: u32,
    /// What the tags of a series make of a field's name; the missing tag if there is one.
    prefixes: HashMap<SeriesId, Result<Name, Name>>,
    /// Names of fields by prefix and original name.
    names: HashMap<(Name, Name), Name>,
    rows: Vec<Row>,
    /// The fields of the point being made, and where each name is among them.
    words: Vec<(Name, FieldType, u64)>,
    places: HashMap<Name, usize>,
}

/// The points of the last time.
struct Group {
    name: Name,
    time: Time,
    held: KeptRows,
}

save_fields!(Group { name, time, held });

impl FlattenNode {
    fn prefix(&mut self, schema: &Schema, series: SeriesId) -> Result<Name, Name> {
        if self.version != schema.version() {
            self.version = schema.version();
            self.prefixes = HashMap::new();
            self.names = HashMap::new();
        }
        let FlattenNode { on, delimiter, prefixes, .. } = self;
        *prefixes.entry(series).or_insert_with(|| {
            let values: Result<Vec<&str>, Name> = on
                .iter()
                .map(|&tag| schema.series(series).tag(tag).map(|value| schema.text(value)).ok_or(tag))
                .collect();
            values.map(|values| schema.name(&values.join(delimiter)))
        })
    }

    fn field_name(&mut self, schema: &Schema, prefix: Name, field: Name) -> Name {
        if self.drop_field_name {
            return prefix;
        }
        if prefix.is_empty() {
            return field;
        }
        let delimiter = &self.delimiter;
        *self
            .names
            .entry((prefix, field))
            .or_insert_with(|| schema.name(&format!("{}{delimiter}{}", schema.text(prefix), schema.text(field))))
    }

    /// The one point of the points held, which are let go. It has no fields if all of them lack a tag.
    fn flat(&mut self, group: &mut Group, id: GroupId, cx: &mut Cx<'_>) -> Row {
        self.rows.clear();
        self.words.clear();
        self.places.clear();
        group.held.load(cx.schema, cx.frame, 0..group.held.len(), &mut self.rows);
        group.held.drop_front(cx.schema, group.held.len());
        for row in std::mem::take(&mut self.rows) {
            let prefix = match self.prefix(cx.schema, row.series) {
                Ok(prefix) => prefix,
                Err(tag) => {
                    let tag = cx.schema.text(tag);
                    cx.row_error(format_args!(
                        "point missing tag for flatten operation: tag {tag} is missing from point"
                    ));
                    continue;
                }
            };
            for (index, field, field_type) in cx.schema.shape(row.shape).sorted() {
                let name = self.field_name(cx.schema, prefix, field);
                let word = cx.frame.word(&row, index);
                let place = *self.places.entry(name).or_insert(self.words.len());
                if place == self.words.len() {
                    self.words.push((name, field_type, word));
                } else {
                    self.words[place] = (name, field_type, word);
                }
            }
        }
        // In one order, whatever the order of the points: else there would be a shape for each.
        self.words.sort_unstable_by_key(|field| field.0);
        let fields: Vec<(Name, FieldType)> = self.words.iter().map(|field| (field.0, field.1)).collect();
        let at = cx.frame.next_at();
        for field in &self.words {
            cx.frame.push_word(field.2);
        }
        Row {
            time: group.time,
            series: cx.schema.series_of_group(group.name, id),
            shape: cx.schema.shape_of(&fields),
            at,
            group: id,
        }
    }

    /// Add a point; the one of the time before if this one is of another, unless it has no fields.
    fn add(&mut self, group: &mut Group, id: GroupId, row: &Row, cx: &mut Cx<'_>) -> Option<Row> {
        let time = round(row.time, self.tolerance);
        let ends = time != group.time && !group.held.is_empty();
        let flat = ends.then(|| self.flat(group, id, cx)).filter(|flat| !cx.schema.shape(flat.shape).is_empty());
        group.time = time;
        group.held.push(cx.schema, cx.frame, row);
        flat
    }
}

impl PerGroup for FlattenNode {
    type Group = Group;

    fn makes_points(&self) -> bool {
        true
    }

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> Group {
        Group { name: Name::EMPTY, time: 0, held: KeptRows::default() }
    }

    fn point(&mut self, group: &mut Group, row: Row, cx: &mut Cx<'_>) {
        if group.name.is_empty() {
            group.name = cx.schema.series(row.series).name();
        }
        if let Some(flat) = self.add(group, row.group, &row, cx) {
            // A late point is held under the time that was reached, as in Kapacitor. Case: flatten/late_points.
            group.time = group.time.max(flat.time);
            cx.emit(flat);
        }
    }

    fn batch(&mut self, group: &mut Group, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        group.name = head.name;
        cx.out.begin_batch(head);
        for row in rows {
            if let Some(flat) = self.add(group, head.group, row, cx) {
                cx.out.batch_row(flat);
            }
        }
        // The last point of a batch comes even without fields, as in Kapacitor. Case: flatten/batch_points_without_tags.
        if !group.held.is_empty() {
            let flat = self.flat(group, head.group, cx);
            cx.out.batch_row(flat);
        }
    }

    fn barrier(&mut self, group: &mut Group, id: GroupId, time: Time, cx: &mut Cx<'_>) {
        if time > group.time && !group.held.is_empty() {
            let flat = self.flat(group, id, cx);
            cx.emit(flat);
        }
        cx.emit_barrier(id, time);
    }
}
