//! `|sideload()`: fields and tags from files or a URL, found by names made of a row's tags.

use std::{collections::HashMap, sync::Arc};

use declare::{Argument, Declaration, SetError};
use gotemplate::Template;
use model::{Damaged, FieldType, GroupId, Name, Row, Save, Saved, Saver, Schema, SeriesId, ShapeId, Value};
use serde_json::Value as Json;

use super::relabel::{set_tag, tags_shown};
use crate::{
    BuildError, Cx, Definition, EdgeKind, Node, PerRow, Place, Plan, Reach, SideSource, SideTables, boxed_per_row,
};

#[derive(Debug, Clone, Default)]
pub(super) struct Sideload {
    source: String,
    order: Vec<String>,
    fields: Vec<(String, Argument)>,
    tags: Vec<(String, String)>,
}

impl Definition for Sideload {
    const NAME: &'static str = "sideload";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Add fields and tags from files or a URL, read when the task starts and on POST /sideload/reload.")
            .property(
                "source",
                "A folder as file:///path, a URL of JSON, or the name of an endpoint of the configuration.",
                |s| &mut s.source,
            )
            .property(
                "order",
                "Names of files, as Go templates of a row's tags; the first that has a key counts.",
                |s| &mut s.order,
            )
            .method_shown(
                "field",
                "name string, default any",
                "A field to add, and its value where the source has none of this name.",
                set_field,
                |s| s.fields.iter().map(|(name, default)| vec![name.clone().into(), default.clone()]).collect(),
            )
            .method_shown(
                "tag",
                "name string, default string",
                "A tag to add, and its value where the source has none of this name.",
                |s, args| {
                    set_tag(&mut s.tags, args);
                    Ok(())
                },
                |s| tags_shown(&s.tags),
            )
            .example(
                "stream |from().measurement('cpu') |sideload().source('file:///etc/limits').order('{{ .host }}.yml', \
                 'default.yml').field('limit', 90.0)",
            )
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        if self.source.is_empty() {
            return Err("sideload needs a source, such as .source('file:///etc/kapacitor/side')".to_string());
        }
        Ok(())
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let order = self.order.iter().map(|source| Template::text("order", source)).collect::<Result<_, _>>();
        let source = plan.host.sideload(&self.source).map_err(BuildError::new)?;
        Ok(boxed_per_row(SideloadNode {
            order: order.map_err(|error| BuildError::new(error.to_string()))?,
            fields: self
                .fields
                .iter()
                .filter_map(|(name, default)| Some((plan.schema.name(name), name.clone(), default_value(default)?)))
                .collect(),
            tags: self
                .tags
                .into_iter()
                .map(|(name, default)| (plan.schema.name(&name), name, Value::String(default.into())))
                .collect(),
            regroups: plan.input == EdgeKind::Stream,
            version: (source.version(), 0),
            source,
            found: HashMap::new(),
            shape: None,
        }))
    }
}

fn set_field(sideload: &mut Sideload, args: &[Argument]) -> Result<(), SetError> {
    let [Argument::String(name), default] = args else { return Ok(()) };
    if default_value(default).is_none() {
        let why = format!("the default must be a number, a string, TRUE or FALSE, not {}", default.describe());
        return Err(SetError::refused("field", why));
    }
    sideload.fields.retain(|known| known.0 != *name);
    sideload.fields.push((name.clone(), default.clone()));
    Ok(())
}

fn default_value(default: &Argument) -> Option<Value> {
    Some(match default {
        Argument::Int(value) => Value::Int(*value),
        Argument::Float(value) => Value::Float(*value),
        Argument::String(value) => Value::String(value.as_str().into()),
        Argument::Bool(value) => Value::Bool(*value),
        Argument::Duration(value) => Value::Duration(*value),
        _ => return None,
    })
}

/// Name, text of the name, and default of what is looked for; a value has the type of its default.
type Wanted = Vec<(Name, String, Value)>;

struct SideloadNode {
    source: Arc<SideSource>,
    order: Vec<Template>,
    fields: Wanted,
    tags: Wanted,
    /// Points with other tags may be of another group; rows of batches stay in theirs.
    regroups: bool,
    /// The versions of the source that `found` comes from, and of the schema.
    version: (u64, u32),
    /// What each series gets: its tags alone decide.
    found: HashMap<SeriesId, Arc<Found>>,
    /// The last shape of a row, that with all fields, and where in it they are.
    shape: Option<(ShapeId, ShapeId, Vec<usize>)>,
}

/// What the rows of a series get.
struct Found {
    /// In the order of the fields that are wanted.
    fields: Vec<Value>,
    series: SeriesId,
    /// What could not be used; it is reported with each row.
    errors: Vec<String>,
    /// The names to look for could not be made: rows stay as they are.
    failed: bool,
}

impl SideloadNode {
    fn find(&mut self, row: &Row, cx: &Cx<'_>) -> Arc<Found> {
        let version = (self.source.version(), cx.schema.version());
        if version != self.version {
            self.version = version;
            self.found = HashMap::new();
        }
        if let Some(found) = self.found.get(&row.series) {
            return Arc::clone(found);
        }
        let found = Arc::new(self.look_up(row.series, cx.schema));
        self.found.insert(row.series, Arc::clone(&found));
        found
    }

    fn look_up(&self, series: SeriesId, schema: &Schema) -> Found {
        let nothing = |errors| Found { fields: Vec::new(), series, errors, failed: true };
        let tags = schema.series(series).tags();
        let data =
            gotemplate::Value::string_map(tags.iter().map(|(key, value)| (schema.text(*key), schema.text(*value))));
        let mut order = Vec::with_capacity(self.order.len());
        for template in &self.order {
            match template.execute(&data) {
                Ok(name) => order.push(name),
                Err(error) => {
                    let order = template.source();
                    return nothing(vec![format!("failed to evaluate order template {order:?}: {error}")]);
                }
            }
        }
        let tables = self.source.tables();
        let mut errors = Vec::new();
        let mut values = |wanted: &Wanted| -> Vec<Value> {
            let mut value = |(_, key, default): &(Name, String, Value)| match first(&tables, &order, key) {
                None | Some(Json::Null) => default.clone(),
                Some(found) => converted(found, default).unwrap_or_else(|why| {
                    errors.push(format!("failed to load key {key:?}: {why}"));
                    default.clone()
                }),
            };
            wanted.iter().map(&mut value).collect()
        };
        let fields = values(&self.fields);
        let added = values(&self.tags);
        let mut tags = tags.to_vec();
        for ((name, ..), value) in self.tags.iter().zip(added) {
            let Value::String(text) = value else { continue };
            let value = schema.tag_value(&text);
            match tags.iter_mut().find(|tag| tag.0 == *name) {
                Some(tag) => tag.1 = value,
                None => tags.push((*name, value)),
            }
        }
        let to = if self.tags.is_empty() { series } else { schema.series_of(schema.series(series).name(), &tags) };
        Found { fields, series: to, errors, failed: false }
    }

    /// The row with all fields set.
    fn set_fields(&mut self, row: &Row, values: &[Value], cx: &mut Cx<'_>) -> Row {
        if self.fields.is_empty() {
            return *row;
        }
        if self.shape.as_ref().is_none_or(|known| known.0 != row.shape) {
            let mut shape = row.shape;
            let mut places = Vec::with_capacity(self.fields.len());
            for (name, _, default) in &self.fields {
                let (with, place) = cx.schema.shape_with(shape, *name, default.field_type());
                shape = with;
                places.push(place);
            }
            self.shape = Some((row.shape, shape, places));
        }
        let Some((from, to, places)) = &self.shape else { return *row };
        let len = cx.schema.shape(*from).len();
        let at = cx.frame.copy_run(row, len);
        for _ in len..cx.schema.shape(*to).len() {
            cx.frame.push_word(0);
        }
        for (place, value) in places.iter().zip(values) {
            let word = cx.frame.word_of(value);
            cx.frame.set_word(at, *place, word);
        }
        Row { shape: *to, at, ..*row }
    }
}

/// The value of a key in the first table that has it.
fn first<'a>(tables: &'a SideTables, order: &[String], key: &str) -> Option<&'a Json> {
    order.iter().find_map(|name| tables.get(name)?.get(key))
}

/// A value as one of the default's type.
fn converted(found: &Json, default: &Value) -> Result<Value, String> {
    let number = found.as_f64();
    let text = found.as_str();
    let value = match default.field_type() {
        FieldType::Int => match (number, text) {
            (Some(number), _) if number as i64 as f64 == number => Some(Value::Int(number as i64)),
            (_, Some(text)) => text.parse().ok().map(Value::Int),
            _ => None,
        },
        FieldType::Float => number.or_else(|| text.and_then(|text| text.parse().ok())).map(Value::Float),
        FieldType::Bool => found.as_bool().or_else(|| text.and_then(go_bool)).map(Value::Bool),
        FieldType::String => match found {
            Json::String(text) => Some(Value::String(text.as_str().into())),
            Json::Bool(value) => Some(Value::String(value.to_string().into())),
            Json::Number(_) => number.map(|number| Value::String(number.to_string().into())),
            _ => None,
        },
        _ => None,
    };
    value.ok_or_else(|| format!("cannot convert {found} to a value of type {}", default.field_type().name()))
}

/// Go's `strconv.ParseBool`.
fn go_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// What the group of the last row has become, and the version of the schema: found again if it is not known.
#[derive(Default)]
struct Known(Option<(u32, SeriesId, GroupId)>);

impl Save for Known {
    fn save(&self, _out: &mut Saver<'_>) {}

    fn restore(_from: &mut Saved<'_>) -> Result<Known, Damaged> {
        Ok(Known::default())
    }
}

impl PerRow for SideloadNode {
    type Group = Known;

    // Kapacitor keeps nothing per group here, and shows 0.
    fn counts_groups(&self) -> bool {
        false
    }

    fn remembers(&self) -> bool {
        false
    }

    fn row(&mut self, known: &mut Known, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        let found = self.find(&row, cx);
        for error in &found.errors {
            cx.row_error(error);
        }
        if found.failed {
            return Some(row);
        }
        let mut new = self.set_fields(&row, &found.fields, cx);
        if found.series != row.series {
            new.series = found.series;
            if self.regroups {
                new.group = match &known.0 {
                    Some((version, series, group)) if (*version, *series) == (self.version.1, found.series) => *group,
                    _ => cx.schema.regroup(row.group, found.series),
                };
                known.0 = Some((self.version.1, found.series, new.group));
            }
        }
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;
    use serde_json::json;

    use crate::{SideTables, testing::Bench};

    fn tables(json: Json) -> SideTables {
        serde_json::from_value(json).expect("tables of a test")
    }

    use super::*;

    const SCRIPT: &str =
        "stream |from().groupBy('host') |sideload().source('test').order('{{ .host }}.json', 'all.json')
        .field('limit', 0).field('ratio', 0.5).field('on', TRUE).field('name', 'none').tag('zone', 'z')
        |httpPost('http://x')";

    fn last(bench: &mut Bench, line: &str) -> String {
        bench.write(line, Precision::Seconds);
        let body = bench.host.seen().posts.last().expect("a post").body.clone();
        let tags = body.split("\"tags\":").nth(1).unwrap().split('}').next().unwrap().to_string();
        let values = body.split("Z\",").nth(1).unwrap().split(']').next().unwrap().to_string();
        format!("{tags} {values}")
    }

    #[test]
    fn values_are_found_in_order_and_converted() {
        let mut bench = Bench::new(SCRIPT).unwrap();
        bench.host.side.replace(tables(json!({
            "a.json": {"limit": 90, "name": 12, "on": "false", "ratio": null},
            "all.json": {"limit": "80", "ratio": "1.5", "zone": 7, "on": "maybe"},
        })));
        // Columns: limit, name, on, ratio, v.
        assert_eq!(last(&mut bench, "m,host=a v=1 1"), "{\"host\":\"a\",\"zone\":\"7\" 90,\"12\",false,0.5,1");
        assert_eq!(bench.stat("sideload2", "errors"), 0);
        assert_eq!(last(&mut bench, "m,host=b v=1 1"), "{\"host\":\"b\",\"zone\":\"7\" 80,\"none\",true,1.5,1");
        assert_eq!(bench.stat("sideload2", "errors"), 1);
        bench.host.side.replace(tables(json!({"all.json": {"limit": 70.5, "zone": "n"}})));
        assert_eq!(last(&mut bench, "m,host=b v=1 1"), "{\"host\":\"b\",\"zone\":\"n\" 0,\"none\",true,0.5,1");
        assert_eq!(bench.stat("sideload2", "errors"), 2);
    }

    #[test]
    fn what_cannot_be_used_is_refused() {
        for (call, why) in [
            ("sideload().field('a', 1)", "needs a source"),
            ("sideload().source('nowhere').field('a', 1)", "nowhere"),
            ("sideload().source('test').order('{{ .host').field('a', 1)", "unclosed action"),
            ("sideload().source('test').field('a', lambda: 1)", "must be a number"),
            ("sideload().source('test').tag('a', 1)", "tag"),
        ] {
            let error = Bench::new(&format!("stream|from()|{call}|httpOut('x')")).err().expect("an error");
            assert!(error.contains(why), "{call}: {error}");
        }
    }
}
