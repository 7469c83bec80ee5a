//! What the numbers of a schema mean, written beside a value that has them.

use super::{CUT, Damaged, Ref, Save, Saved, Saver};
use crate::{FieldType, GroupId, Name, Schema, SeriesId, ShapeId, key::series_of_key};

/// A value with the meaning of its numbers. `refs` are the notes taken while it was written.
pub fn seal(schema: &Schema, refs: &[Ref], value: &[u8]) -> Vec<u8> {
    let mut refs = refs.to_vec();
    refs.sort_unstable();
    refs.dedup();
    let mut out = Saver::new(schema);
    out.number(refs.len() as u64);
    for note in refs {
        explain(note, &mut out);
    }
    let mut bytes = out.finish().0;
    bytes.extend_from_slice(value);
    bytes
}

fn explain(note: Ref, out: &mut Saver<'_>) {
    let schema = out.schema;
    match note {
        Ref::Name(number) => {
            out.byte(0);
            out.number(u64::from(number));
            out.text(schema.text(Name(number)));
        }
        Ref::Shape(number) => {
            out.byte(1);
            out.number(u64::from(number));
            let fields = schema.shape(ShapeId(number)).fields();
            out.number(fields.len() as u64);
            for (name, field_type) in fields {
                out.text(schema.text(*name));
                out.byte(*field_type as u8);
            }
        }
        Ref::Series(number) => {
            let series = schema.series(SeriesId(number));
            if series.raw().is_empty() {
                out.byte(2);
                out.number(u64::from(number));
                out.text(schema.text(series.name()));
                tags(series.tags(), out);
            } else {
                out.byte(3);
                out.number(u64::from(number));
                out.bytes(series.raw());
            }
        }
        Ref::Group(number) => {
            out.byte(4);
            out.number(u64::from(number));
            group(GroupId(number), out);
        }
    }
}

fn tags(tags: &[(Name, Name)], out: &mut Saver<'_>) {
    out.number(tags.len() as u64);
    for (key, value) in tags {
        out.text(out.schema.text(*key));
        out.text(out.schema.text(*value));
    }
}

fn group(id: GroupId, out: &mut Saver<'_>) {
    let group = out.schema.group(id);
    out.byte(u8::from(out.schema.dimensions(id).by_name));
    out.text(out.schema.text(group.name()));
    tags(group.tags(), out);
}

/// What a group is, as bytes: the same in every process.
pub fn group_key(schema: &Schema, id: GroupId) -> Vec<u8> {
    let mut out = Saver::new(schema);
    group(id, &mut out);
    out.finish().0
}

/// The group of a key.
///
/// # Errors
/// The key is damaged.
pub fn group_of_key(schema: &Schema, key: &[u8]) -> Result<GroupId, Damaged> {
    Saved::plain(schema, key).whole(read_group)
}

pub(super) fn read(from: &mut Saved<'_>) -> Result<Vec<(Ref, u32)>, Damaged> {
    let count = from.count()?;
    let mut known = Vec::with_capacity(count);
    for _ in 0..count {
        let kind = from.byte()?;
        let number = u32::try_from(from.number()?).map_err(|_| CUT)?;
        let schema = from.schema;
        known.push(match kind {
            0 => (Ref::Name(number), schema.name(from.text()?).0),
            1 => (Ref::Shape(number), read_shape(from)?.0),
            2 => {
                let name = schema.name(from.text()?);
                let tags = read_tags(from)?;
                (Ref::Series(number), schema.series_of(name, &tags).0)
            }
            3 => {
                let series = series_of_key(schema, from.bytes()?, SeriesId::default())
                    .map_err(|_| Damaged("a series is none"))?;
                (Ref::Series(number), series.0)
            }
            4 => (Ref::Group(number), read_group(from)?.0),
            _ => return Err(Damaged("an explanation is of no known kind")),
        });
    }
    if known.is_sorted_by(|a, b| a.0 < b.0) { Ok(known) } else { Err(Damaged("explanations are out of order")) }
}

fn read_shape(from: &mut Saved<'_>) -> Result<ShapeId, Damaged> {
    let count = from.count()?;
    let mut fields: Vec<(Name, FieldType)> = Vec::with_capacity(count);
    for _ in 0..count {
        fields.push((from.schema.name(from.text()?), from.field_type()?));
    }
    Ok(from.schema.shape_of(&fields))
}

fn read_tags(from: &mut Saved<'_>) -> Result<Vec<(Name, Name)>, Damaged> {
    let count = from.count()?;
    let mut tags = Vec::with_capacity(count);
    for _ in 0..count {
        tags.push((from.schema.name(from.text()?), from.schema.tag_value(from.text()?)));
    }
    Ok(tags)
}

fn read_group(from: &mut Saved<'_>) -> Result<GroupId, Damaged> {
    let by_name = bool::restore(from)?;
    let name = from.schema.name(from.text()?);
    let tags = read_tags(from)?;
    Ok(from.schema.group_of_tags(by_name, name, &tags))
}
