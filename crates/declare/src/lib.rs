//! One vocabulary for all that users write: node properties of a script, options of alert handlers, config sections.
//!
//! `argument.rs` is a value as a script gives it, `setting.rs` the types such a value may become, `declaration.rs` the
//! builder with which an item says what it takes, `table.rs` the finished table that everybody reads: it sets, shows
//! and documents. `section.rs` and `data.rs` are sections of the config; `toml.rs` and `env.rs` load them, `sample.rs`
//! writes them back. `suggest.rs` finds near names, `render.rs` makes documentation.
#![forbid(unsafe_code)]

mod access;
mod argument;
mod check;
mod data;
mod declaration;
mod env;
mod error;
mod go_duration;
mod item;
mod kind;
mod overrides;
mod redact;
mod render;
mod sample;
mod section;
mod setting;
mod suggest;
mod table;
mod toml;

pub use access::Access;
pub use argument::{Argument, Lambda, duration_literal, string_literal};
pub use check::{Problem, check_table};
pub use data::{DataDefault, DataKey, DataSection, Values};
pub use declaration::Declaration;
pub use env::apply_environment;
pub use error::{ArgumentsError, Mismatch, SetError, TextError};
pub use go_duration::{format_go_duration, parse_go_duration};
pub use item::{Item, Parameter, Role};
pub use kind::Kind;
pub use overrides::{Update, UpdateError, apply_created_defaults, apply_options};
pub use redact::{Redacted, redact};
pub use render::{completion, render_markdown, render_section};
pub use sample::write_sample;
pub use section::{Section, Shape, Slot};
pub use setting::{Nanos, Regex, Setting, Star};
pub use suggest::{did_you_mean, nearest};
pub use table::{Shown, Table};
pub use toml::{LoadError, Warning, load_toml};

/// What can declare itself, for lists of such things: options of handlers.
pub trait Declared: Default + Clone + Send + 'static {
    fn declare(it: Declaration<Self>) -> Declaration<Self>;

    fn table() -> Table {
        Table::of(Self::declare)
    }
}
