//! Lambda expressions on rows, held against what Kapacitor gave for them.

mod recorded;
mod rows;
mod vectors;
