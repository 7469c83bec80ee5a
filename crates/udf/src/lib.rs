//! User-defined functions: the protocol they speak, and the processes and sockets they live behind.
//!
//! - `message.rs`: every message of the protocol. `frames.rs`: where one ends and the next begins.
//! - `encode.rs`, `decode.rs`: rows and batches to messages, and back.
//! - `function.rs`: what a function is; `peer.rs`: a process that was started, a socket that was dialled.
//! - `info.rs`: asking a function what it takes. `life.rs`: one life of a function, from its start to its end;
//!   `lives.rs`: one life after the other. `link.rs`: the way to it, for those who have data for it.
//! - `agent.rs`: the other side, for functions written in Rust.
//!
//! It knows no task and no script: news go to a [`Listener`].
#![forbid(unsafe_code)]

pub mod agent;
mod decode;
mod encode;
mod frames;
mod function;
mod info;
mod life;
mod link;
mod lives;
mod message;
mod peer;

pub use decode::{Collector, Output};
pub use encode::Encoder;
pub use frames::{FrameError, Frames, MOST, write_frame};
pub use function::{Function, Target, Terms};
pub use info::ask;
pub use link::Link;
pub use lives::{Level, Listener, News, start};
pub use message::*;
