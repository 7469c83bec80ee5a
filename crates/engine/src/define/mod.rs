//! From a script to a checked pipeline, and from there to a task. Nothing here has an effect on the world.
//!
//! `surface.rs` is what a script may name, `interpret.rs` walks the script, `scope.rs` knows its variables, `legacy.rs`
//! what the dialect of v0.2 adds; `pipeline.rs` is the result, `build.rs` makes a task of it, `dot.rs` draws it.

mod build;
mod chain;
mod constant;
mod deadman;
mod dot;
mod error;
mod interpret;
mod legacy;
mod pipeline;
mod scope;
mod spec;
mod surface;
mod values;

pub use build::{Built, build};
pub use deadman::DeadmanDefaults;
pub use dot::{dot, dot_with_stats};
pub use error::{DefineError, Diagnostic, Severity};
pub use interpret::{Defined, Request, define};
pub use pipeline::{OpenedHandler, Pipeline, PipelineNode};
pub use scope::{Var, VarType, Vars};
pub use spec::{NodeSpec, spec};
pub use surface::Surface;
