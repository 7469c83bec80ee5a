//! influxql
#![forbid(unsafe_code)]
