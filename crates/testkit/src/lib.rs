//! The outside world of a test: real servers (InfluxDB, an MQTT broker, a Kafka broker, a mail server, a receiver of SNMP
//! traps), a scripted HTTP server that remembers what it was asked, and our own daemon as users run it.
//!
//! Everything here runs on free loopback ports and ends when it is dropped. What fails, fails the test: nothing here
//! returns an error.
#![forbid(unsafe_code)]

pub mod certificates;
pub mod daemon;
pub mod http;
pub mod influxd;
pub mod kafka;
pub mod mail;
pub mod mosquitto;
mod process;
pub mod snmptrapd;
pub mod wait;
