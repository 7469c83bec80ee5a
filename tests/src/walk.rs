//! How each datum goes through a task, edge by edge, in words.

use std::fmt::Write;

use engine::Taken;
use model::{Row, Tags, Walk, write_rfc3339};

/// Rows of a batch that are shown.
const ROWS: usize = 20;

/// A line for each point, batch, row of a batch, barrier and end of a group that a node takes.
pub(crate) fn lines(task: &str, taken: &Taken<'_>, mut tell: impl FnMut(&str)) {
    let edge = format!("{task}: {} -> {}:", taken.parent, taken.child);
    let group = |id| taken.schema.group_text(id);
    for entry in taken.edge.walk() {
        match entry {
            Walk::Points(rows) => {
                for row in rows {
                    tell(&format!("{edge} point {}", point(taken, row)));
                }
            }
            Walk::Batch(head, rows) => {
                let name = taken.schema.text(head.name);
                let tags = tags(taken, taken.schema.group(head.group).tags());
                let end = time(head.tmax);
                tell(&format!("{edge} batch {name}{tags} to {end}, {} rows", rows.len()));
                for row in rows.iter().take(ROWS) {
                    tell(&format!("    {}{}", time(row.time), fields(taken, row)));
                }
                if rows.len() > ROWS {
                    tell(&format!("    and {} more", rows.len() - ROWS));
                }
            }
            Walk::Barrier(id, at) => tell(&format!("{edge} barrier at {} of the group {}", time(at), group(id))),
            Walk::DeleteGroup(id) => tell(&format!("{edge} the group {} ends", group(id))),
        }
    }
}

fn point(taken: &Taken<'_>, row: &Row) -> String {
    let series = taken.schema.series(row.series);
    let (name, tags) = (taken.schema.text(series.name()), tags(taken, series.tags()));
    format!("{name}{tags} {}{}", time(row.time), fields(taken, row))
}

fn tags(taken: &Taken<'_>, tags: &Tags) -> String {
    let text = |name| taken.schema.text(name);
    tags.iter().map(|&(key, value)| format!(" {}={}", text(key), text(value))).collect()
}

fn fields(taken: &Taken<'_>, row: &Row) -> String {
    let mut out = String::new();
    for (index, name, field_type) in taken.schema.shape(row.shape).sorted() {
        let value = taken.frame.value(taken.frame.word(row, index), field_type);
        let _ = write!(out, " {}=", taken.schema.text(name));
        let _ = match value {
            model::Value::Float(value) => write!(out, "{value}"),
            model::Value::Int(value) => write!(out, "{value}i"),
            model::Value::Duration(value) => write!(out, "{value}ns"),
            model::Value::Bool(value) => write!(out, "{value}"),
            model::Value::String(value) => write!(out, "{value:?}"),
            model::Value::Time(value) => write!(out, "{}", time(value)),
            model::Value::Null => write!(out, "null"),
        };
    }
    out
}

fn time(nanos: i64) -> String {
    let mut out = String::new();
    write_rfc3339(nanos, &mut out);
    out
}
