//! handlers
#![forbid(unsafe_code)]
