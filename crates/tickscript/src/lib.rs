//! The TICKscript language as text. Nothing here knows a node's name.
//!
//! | file | owns |
//! |---|---|
//! | `grammar.pest`, `parse.rs` | what is accepted, in both dialects · text to tree |
//! | `ast.rs`, `span.rs` | the tree, as it was written · places in the text |
//! | `literal.rs`, `pattern.rs` | numbers, durations, strings and back · regexes in RE2's syntax |
//! | `format.rs`, `walk.rs` | tree to canonical text · visit and rewrite |
//! | `recover.rs` | all that is wrong with a script, not only the first |
//! | `error.rs`, `expected.rs`, `nesting.rs` | what is wrong and where · its words and hints · how deep brackets may nest |
#![forbid(unsafe_code)]

pub mod ast;
mod error;
mod expected;
mod format;
mod literal;
mod nesting;
mod parse;
mod pattern;
mod recover;
mod span;
mod walk;

pub use error::ParseError;
pub use format::{format, format_expr};
pub use literal::{LiteralError, parse_duration, quote_reference, quote_regex, quote_string, write_duration};
pub use nesting::MAX_NESTING;
pub use parse::{MAX_DEPTH, parse, parse_lambda};
pub use pattern::{RegexError, compile_regex};
pub use recover::{Damage, DamageKind, Recovered, parse_recovering};
pub use span::{Position, Span, position};
pub use walk::{rewrite, rewrite_script, walk, walk_script};
