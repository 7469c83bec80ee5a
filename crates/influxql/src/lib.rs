//! The `SELECT` of a batch query: read from a script, bounded in time, regrouped, and written again for InfluxDB.
//!
//! | file | what it owns |
//! |---|---|
//! | `select.rs`, `expr.rs` | the statement and its expressions as values |
//! | `scan.rs`, `keyword.rs` | text to words: identifiers, numbers, strings, regexes, comments |
//! | `parse/` | words to a statement; every refusal names line and char |
//! | `bounds.rs` | what a batch task changes: time bounds, GROUP BY, fill |
//! | `print.rs`, `quote.rs` | a statement to text |
//! | `duration.rs`, `instant.rs`, `pattern.rs` | durations and instants as text · which regexes cannot be right |
#![forbid(unsafe_code)]

mod bounds;
mod duration;
mod error;
mod expr;
mod instant;
mod keyword;
mod parse;
mod pattern;
mod print;
mod quote;
mod scan;
mod select;

pub use bounds::Dimension;
pub use duration::{format_duration, parse_duration};
pub use error::{Error, Position};
pub use expr::{Cast, Expr, Operator, WildcardKind};
pub use instant::format_instant;
pub use quote::{quote_identifier, quote_string};
pub use select::{Field, Fill, From, Measurement, Select, Sort, Source};
