//! declare
#![forbid(unsafe_code)]
