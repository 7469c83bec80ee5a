//! alert
#![forbid(unsafe_code)]
