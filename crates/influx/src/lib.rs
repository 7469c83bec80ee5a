//! InfluxDB 1, 2 and 3 over HTTP: ask, write, and have its points delivered.
//!
//! | file | what it owns |
//! |---|---|
//! | `config.rs`, `tls.rs` | what a user says about a cluster · certificates |
//! | `cluster.rs`, `endpoints.rs` | requests to whichever server of a cluster answers · which one is asked next |
//! | `health.rs` | whether a cluster answers, is of the right generation, and takes the credentials |
//! | `query.rs` | a query in any language |
//! | `format.rs`, `answer.rs`, `teller.rs` | formats of answers to InfluxQL · any of them to series and rows · series that come in parts |
//! | `documents.rs`, `json.rs`, `cell.rs` | JSON: cut into documents · documents to series and rows |
//! | `msgpack/`, `csv.rs` | MessagePack, CSV |
//! | `records.rs`, `flux.rs` | an answer to Flux cut into records · tables to series and rows |
//! | `sql.rs` | an answer to SQL to series and rows |
//! | `rows.rs`, `time.rs` | who receives rows, and small answers as values · time texts to nanoseconds |
//! | `write.rs` | line protocol to a database, and the making of databases |
//! | `subscriptions/` | the subscriptions by which InfluxDB delivers what is written |
//!
//! Nothing here retries for ever: a request tries each server of the cluster once, then says why it failed.
#![forbid(unsafe_code)]

mod answer;
mod cell;
mod cluster;
mod config;
mod csv;
mod documents;
mod endpoints;
mod error;
mod flux;
mod format;
mod health;
mod json;
mod msgpack;
mod query;
mod records;
mod rows;
mod sql;
mod statement;
mod subscriptions;
mod teller;
mod time;
mod tls;
mod write;

pub use answer::AnswerReader;
pub use cluster::Cluster;
pub use config::{ClusterConfig, Compression, Credentials, Generation, Tls};
pub use error::Error;
pub use format::Format;
pub use health::Pong;
pub use query::{Language, Query};
pub use rows::{Cell, OwnedCell, Rows, Series};
pub use statement::{create_database, create_subscription, drop_subscription};
pub use subscriptions::{
    DatabasePolicy, Destinations, Here, HttpDestination, Report, Subscription, SubscriptionOptions, Subscriptions,
};
pub use time::parse_time;
pub use write::{Precision, Write};
