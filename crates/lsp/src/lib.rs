//! The language server: what an editor shows of a TICKscript while it is written, over the Language Server Protocol.
//!
//! | file | owns |
//! |---|---|
//! | `server.rs`, `frames.rs` | requests and their answers · messages on the wire, whole or broken |
//! | `document.rs` | an open script, its edits, and an editor's positions in it |
//! | `tokens.rs`, `place.rs` | the script's words, even if it does not parse · what stands or may stand at a place |
//! | `completion.rs`, `hover.rs`, `diagnostics.rs` | what is offered · explained · wrong |
//! | `docs.rs` | nodes, properties, handlers and functions in Markdown, from their declarations |
#![forbid(unsafe_code)]

mod completion;
mod diagnostics;
mod docs;
mod document;
mod frames;
mod hover;
mod place;
mod server;
#[cfg(test)]
mod testing;
mod tokens;

pub use document::{Document, Encoding};
pub use server::{Ended, Server, serve};
