//! Lambda expressions of TICKscript: compiled once, evaluated for each row.
//!
//! - `compile.rs`: tree of the script → `program.rs`; constants are worked out, wrong types refused (`error.rs`).
//! - `check.rs`: which types an expression may have, and what in it will fail with every row.
//! - `evaluator.rs`: what a node holds. `bind.rs` finds what the names are in rows of one shape, `lower.rs` makes
//!   register code of that, `fast.rs` runs it; `eval.rs` evaluates everything else, and finds the errors.
//! - `functions/`: one table line per function; `operators.rs`: which types an operator takes.
//! - `state.rs`: what `count`, `sigma` and `spread` remember in a group.
#![forbid(unsafe_code)]

mod bind;
mod check;
mod compile;
mod error;
mod eval;
mod evaluator;
mod fast;
mod functions;
mod guard;
mod instruction;
mod lower;
mod operators;
mod program;
mod series;
mod state;
mod value;
mod zone;

pub use check::{Doubt, Types, check};
pub use error::{CompileError, CompileErrorKind, EvalError, Phase, Side};
pub use evaluator::{Context, Evaluator};
pub use functions::{Function, Group, Signature, function, functions};
pub use guard::{Guard, Guarded};
pub use program::{Comparison, Constant, Program, Threshold};
pub use state::State;
pub use value::Type;
pub use zone::Zone;
