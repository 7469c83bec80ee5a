//! Go's `text/template` and `html/template`: the language of alert ids, messages, details and HTTP endpoints.
//!
//! [`Template`] is parsed once and run with a [`Value`]: `lex` and `parse` make a tree (`ast`), `html` rewrites the tree of
//! HTML templates, `exec` and `eval` run it. `functions` and `methods` are what templates can call, `printf` and
//! `formatter` how values are printed; [`gofmt`] holds the formats that others need too.
#![forbid(unsafe_code)]

mod ast;
mod clock;
mod error;
mod eval;
mod exec;
mod formatter;
mod functions;
pub mod gofmt;
mod html;
mod json;
mod lex;
mod limits;
mod literal;
mod methods;
mod parse;
mod printf;
mod template;
mod usage;
mod val;
mod value;

pub use clock::{Moment, Zone};
pub use error::{Error, EscapeError, ExecuteError, ParseError};
pub use template::Template;
pub use usage::FieldsUsed;
pub use value::{Struct, Value};
