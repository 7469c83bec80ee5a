//! The HTTP API: `routes.rs` shows every path, one file per resource has what answers.

mod answer;
mod around;
mod auth;
mod bodies;
mod config;
mod connections;
mod debug;
mod deliveries;
mod description;
mod flux;
mod json_body;
mod json_patch;
mod legacy;
mod logs;
mod memory;
mod recordings;
mod routes;
mod service_tests;
mod silences;
mod storage;
mod subscriptions;
mod system;
mod tasks;
mod templates;
mod tls;
mod topics;
mod unix_socket;
mod users;
mod vars;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use engine::{Origin, Tasks};
use model::{FastMap, LiveSchema, Name, Row, Schema};

pub(crate) use answer::percent_decoded;
pub use auth::{Auth, SUBSCRIBER};
pub use bodies::BodyLimits;
pub use connections::{Connections, serve};
pub use routes::App;
pub use tls::{Certificates, Encrypted};
pub use unix_socket::listen as listen_on_socket;
pub(crate) use vars::own_stats;

use crate::definitions::Definitions;

/// What Kapacitor's version our answers claim, for clients that look at it.
pub const VERSION: &str = "1.8.3";

/// What all routes share.
pub struct Api {
    pub definitions: Arc<Definitions>,
    /// Topics of alerts and the handlers that users attached to them.
    pub topics: Arc<crate::alert_topics::AlertTopics>,
    pub silences: Arc<crate::silences::SilenceKeeper>,
    pub running: Arc<Tasks>,
    pub(crate) recordings: Arc<crate::recordings::Recordings>,
    pub host: Arc<crate::host::DaemonHost>,
    pub schema: LiveSchema,
    pub identity: store::meta::Identity,
    pub hostname: String,
    pub default_retention_policy: String,
    /// What tasks and waiting writes may hold.
    pub budgets: Arc<crate::budgets::Budgets>,
    pub body_limits: BodyLimits,
    pub connections: Arc<Connections>,
    pub ingress: Arc<Ingress>,
    /// Where writes go before they are acknowledged, if they are to outlive a kill.
    pub log: Option<Arc<crate::ingest::IngestLog>>,
    pub log_level: crate::logging::LevelHandle,
    pub config: Arc<crate::live_config::LiveConfig>,
    pub alert_host: Arc<handlers::AlertHost>,
    /// Whether each request is logged.
    pub log_requests: bool,
    pub auth: auth::Auth,
    /// Whether there are tasks in Flux.
    pub flux_tasks: bool,
    /// What the store's copy is called.
    pub store_name: String,
    /// What brings in the files of `[load]`, if that is on.
    pub loader: Option<Arc<crate::load::Loader>>,
    /// Who keeps the subscriptions at InfluxDB.
    pub subscribers: Arc<crate::clusters::Subscribers>,
    /// Ports for points by UDP.
    pub udp: Arc<crate::udp_inputs::UdpInputs>,
    /// Whether users may change the config.
    pub config_can_change: bool,
}

/// Points received by database, retention policy and measurement.
#[derive(Default)]
pub struct Ingress {
    origins: Mutex<FastMap<Arc<Origin>, Arc<Received>>>,
}

/// What one database and retention policy received; its names are shared by all its writes.
pub struct Received {
    pub origin: Arc<Origin>,
    points: Mutex<FastMap<Name, u64>>,
}

impl Ingress {
    /// What is known of a database and retention policy. Beyond a bound new ones are not remembered.
    pub fn of(&self, origin: Origin) -> Arc<Received> {
        const MOST: usize = 10_000;
        let mut origins = lock(&self.origins);
        if let Some(received) = origins.get(&origin) {
            return Arc::clone(received);
        }
        let origin = Arc::new(origin);
        let received = Arc::new(Received { origin: Arc::clone(&origin), points: Mutex::default() });
        if origins.len() < MOST {
            origins.insert(origin, Arc::clone(&received));
        }
        received
    }

    /// Origin, measurement and points of all that was received.
    pub fn all(&self) -> Vec<(Arc<Origin>, Name, u64)> {
        let origins: Vec<Arc<Received>> = lock(&self.origins).values().cloned().collect();
        let mut all = Vec::new();
        for received in origins {
            let points = lock(&received.points);
            all.extend(points.iter().map(|(name, count)| (Arc::clone(&received.origin), *name, *count)));
        }
        all
    }
}

impl Received {
    /// Count the rows of a write by their measurements.
    pub fn count(&self, schema: &Schema, rows: &[Row]) {
        const MOST: usize = 100_000;
        let mut points = lock(&self.points);
        let mut add = |name: Name, run: u64| {
            if run > 0 && (points.len() < MOST || points.contains_key(&name)) {
                *points.entry(name).or_default() += run;
            }
        };
        let (mut name, mut run) = (Name::EMPTY, 0);
        for row in rows {
            let next = schema.series(row.series).name();
            if next != name {
                add(name, run);
                (name, run) = (next, 0);
            }
            run += 1;
        }
        add(name, run);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
