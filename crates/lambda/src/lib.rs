//! lambda
#![forbid(unsafe_code)]
