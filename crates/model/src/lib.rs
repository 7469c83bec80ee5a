//! What flows: points, batches, groups and the numbers that stand for their names. No I/O, no scripts.
//!
//! - `schema.rs` owns the tables that number names, shapes, series and groups (`name.rs`, `shape.rs`, `series.rs`, `group.rs`).
//! - `live.rs` forgets what nobody uses any more; `register.rs` is how the tables lie in memory.
//! - `row.rs`, `frame.rs`, `edge.rs`: a point as 24 bytes, the words behind it, and what an edge carries.
//! - `save.rs`: values written down for a later process, which numbers everything anew.
//! - `line.rs` turns line protocol into rows; `line_out.rs` and `json.rs` write rows for the world outside.
#![forbid(unsafe_code)]

mod edge;
mod field;
mod frame;
mod group;
mod json;
mod kept;
mod key;
mod line;
mod line_out;
mod live;
mod map;
mod name;
mod numbered;
mod pages;
mod register;
mod row;
mod save;
mod schema;
mod series;
mod shape;
mod slab;
mod time;
mod value;

pub use edge::{BatchHead, Edge, Item, Walk};
pub use field::{Field, Put};
pub use frame::{Frame, Words};
pub use group::{Dimensions, Divider, Group, GroupId, Grouping};
pub use json::{JsonError, write_integer, write_json_float, write_json_string, write_series, write_series_lossy};
pub use kept::{Kept, KeptRows};
pub use line::{LineError, Precision, parse_lines};
pub use line_out::{LineWriter, write_key, write_line};
pub use live::{LiveSchema, Marks};
pub use map::{FastMap, FastSet};
pub use name::{Name, Names};
pub use numbered::Numbered;
pub use pages::Pages;
pub use row::Row;
pub use save::{Damaged, Ref, Save, Saved, Saver, group_key, group_of_key, seal};
pub use schema::Schema;
pub use series::{Series, SeriesId, Tags};
pub use shape::{Shape, ShapeId};
pub use slab::Slab;
pub use time::{Time, parse_rfc3339, round, truncate, write_go_duration, write_rfc3339};
pub use value::{FieldType, Value};
