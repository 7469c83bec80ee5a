//! Handlers of alert events: THE LIST of kinds, and a file for each.
//!
//! A kind's file holds what a user may write for it, what it sends, and tests against a local sink. `http.rs` is
//! shared by those that post, `config.rs` is what they read of the config, `host.rs` what they are given.
#![forbid(unsafe_code)]

mod config;
mod exec;
mod host;
mod http;
mod log;
mod tcp;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use alert::Kinds;

pub use config::{Configs, Section};
pub use host::AlertHost;

/// THE LIST: all kinds of handlers.
pub fn kinds(host: &Arc<AlertHost>) -> Kinds {
    let _ = host;
    Kinds::new(vec![exec::kind(), log::kind(), tcp::kind()])
}
