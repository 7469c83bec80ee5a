//! The outside world of a test: a real InfluxDB, and a scripted HTTP server that remembers what it was asked.
//!
//! Everything here runs on free loopback ports and ends when it is dropped. What fails, fails the test: nothing here
//! returns an error.
#![forbid(unsafe_code)]

pub mod http;
pub mod influxd;
