//! Conformance cases, what Kapacitor was seen to do, and the player that repeats them inside this process.
//!
//! - `case.rs`: a case's folder, `case.toml` and `expected.json`; `step.rs`: its steps, and why one cannot be played here,
//!   `request.rs` those over HTTP.
//! - `in_process.rs` plays the steps; `tasks.rs` holds the tasks and the clock, `world.rs` what they ask of the world,
//!   `influx.rs` the scripted InfluxDB, `answer.rs` the answers of the API as far as the engine makes them, `vars.rs`
//!   the variables of a definition, `config.rs` what handlers read of a config.
//! - `cut.rs` lets the tasks of a case go on in a new engine, with what they saved.
//! - `blank.rs` takes out what differs from run to run, `compare.rs` finds what differs beyond that.
//! - `lists.rs`: which cases there are, and which may fail; `known.rs`: what ours give instead; `walk.rs`: how each datum went, for `cargo play`.
//!
//! `golden.py` plays the same cases against the programs.
#![forbid(unsafe_code)]

mod answer;
mod blank;
mod case;
mod compare;
mod config;
mod cut;
mod in_process;
mod influx;
mod known;
mod lists;
mod request;
mod step;
mod tasks;
mod vars;
mod walk;
mod world;

pub use case::{Case, CaseError};
pub use cut::Cuts;
pub use in_process::{Played, play, play_cut};
pub use lists::{Root, names, roots};
pub use tasks::Watcher;
