//! The TICKscript language as text: `parse.rs` makes the tree of `ast.rs`, `format.rs` writes it back.
//! Nothing here knows a node's name.
#![forbid(unsafe_code)]

pub mod ast;
mod error;
mod expected;
mod format;
mod literal;
mod nesting;
mod parse;
mod pattern;
mod span;
mod walk;

pub use error::ParseError;
pub use format::{format, format_expr};
pub use literal::{LiteralError, parse_duration, quote_reference, quote_regex, quote_string, write_duration};
pub use nesting::MAX_NESTING;
pub use parse::{MAX_DEPTH, parse, parse_lambda};
pub use pattern::{RegexError, compile_regex};
pub use span::{Position, Span, position};
pub use walk::{rewrite, rewrite_script, walk, walk_script};
