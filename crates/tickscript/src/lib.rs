//! The TICKscript language as text: `parse.rs` makes the tree of `ast.rs`, `format.rs` writes it back.
//! Nothing here knows a node's name.
#![forbid(unsafe_code)]

pub mod ast;
mod span;

pub use span::{Position, Span, position};
