//! The conformance cases and the runners that play them.
#![forbid(unsafe_code)]
