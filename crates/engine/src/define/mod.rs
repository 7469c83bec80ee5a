//! From a script to a checked pipeline, and from there to a task. Nothing here has an effect on the world.
//!
//! `surface.rs` is what a script may name, `read.rs` its tree, `interpret.rs` walks it with `chain.rs`, `make.rs` and `variables.rs`,
//! `legacy.rs` is what the dialect of v0.2 adds; `pipeline.rs` is the result, `build.rs` makes a task of it, `dot.rs`
//! draws it. `diagnose.rs` says all that is known of a script: `checks.rs` what does not fit, `trial.rs` what would keep
//! its task from being enabled, `lambdas.rs` which
//! expressions never work, `lint.rs` what is allowed but surely not meant; `error.rs` shows it. `upgrade.rs` rewrites a script of v0.2.

mod build;
mod chain;
mod checks;
mod constant;
mod deadman;
mod diagnose;
mod division;
mod dot;
mod error;
mod interpret;
mod lambdas;
mod legacy;
mod lint;
mod make;
mod pipeline;
mod read;
mod scope;
mod spec;
mod surface;
mod trial;
mod upgrade;
mod values;
mod variables;

pub use build::{Built, build, build_shards};
pub use deadman::DeadmanDefaults;
pub use diagnose::{Defined, Diagnosis, Request, define, diagnose};
pub use division::division;
pub use dot::{dot, dot_with_stats};
pub use error::{DefineError, Diagnostic, Place, Severity, Stage};
pub use make::may_follow;
pub use pipeline::{OpenedHandler, Pipeline, PipelineNode, PropertyCall};
pub use read::syntax_errors;
pub use scope::{Var, VarType, Vars};
pub use spec::{NodeSpec, spec};
pub use surface::Surface;
pub use upgrade::upgrade;
