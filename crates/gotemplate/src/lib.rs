//! gotemplate
#![forbid(unsafe_code)]
