//! InfluxDB 1.x over HTTP: ask, write, and have its points delivered.
//!
//! | file | what it owns |
//! |---|---|
//! | `config.rs`, `tls.rs` | what a user says about a cluster · certificates |
//! | `cluster.rs`, `endpoints.rs` | requests to whichever server of a cluster answers · which one is asked next |
//! | `query.rs`, `documents.rs`, `decode.rs`, `cell.rs` | a query · its body cut into documents · documents to series and rows |
//! | `rows.rs`, `time.rs` | who receives rows, and small answers as values · time texts to nanoseconds |
//! | `write.rs` | line protocol to a database |
//! | `subscriptions/` | the subscriptions by which InfluxDB delivers what is written |
//!
//! Nothing here retries for ever: a request tries each server of the cluster once, then says why it failed.
#![forbid(unsafe_code)]

mod cell;
mod cluster;
mod config;
mod decode;
mod documents;
mod endpoints;
mod error;
mod query;
mod rows;
mod statement;
mod subscriptions;
mod time;
mod tls;
mod write;

pub use cluster::{Cluster, Pong};
pub use config::{ClusterConfig, Compression, Credentials, Tls};
pub use error::Error;
pub use query::Query;
pub use rows::{Cell, OwnedCell, Rows, Series};
pub use statement::{create_database, create_subscription, drop_subscription};
pub use subscriptions::{DatabasePolicy, Destinations, HttpDestination, Report, SubscriptionOptions, Subscriptions};
pub use time::parse_time;
pub use write::{Precision, Write};
