//! How Go writes numbers, durations and quoted text, for every part of the system whose output users compare with Go's.
mod duration;
mod float;
mod quote;

pub use duration::{duration, write_duration};
pub use float::{float_g, json_float, write_float_g};
pub use quote::{is_printable, quote};

pub(crate) use float::{FloatForm, write_float};
pub(crate) use quote::{quote_char, write_quoted};
