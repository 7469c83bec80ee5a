//! The client against a scripted server and against a real InfluxDB.

mod formats;
mod queries;
mod recorded;
mod scripted;
mod subscriptions;
mod writes;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use influx::{Cluster, ClusterConfig};

/// Runs a test that takes far less than a minute.
fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(60), test).await.expect("the test ends") })
}

fn cluster(url: String) -> Arc<Cluster> {
    Arc::new(Cluster::new(ClusterConfig::at(url)).expect("a good configuration"))
}
