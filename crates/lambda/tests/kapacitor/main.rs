//! Lambda expressions on rows, held against what Kapacitor gave for them.
#![allow(clippy::unwrap_used)]

mod recorded;
mod rows;
mod surface;
mod vectors;
