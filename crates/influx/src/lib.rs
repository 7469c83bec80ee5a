//! influx
#![forbid(unsafe_code)]
