//! The daemon's services, started from top to bottom and stopped from bottom to top.

mod alerting;
mod going;
mod kept;
mod listening;
mod outside;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alert::Topics;
use anyhow::{Context, anyhow};
use handlers::Networks;
use lambda::Zone;
use model::{LiveSchema, Schema};
use store::Store;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    alert_topics::AlertTopics,
    budgets::{self, Budgets, Watch},
    clusters::Subscribers,
    config::Config,
    definitions::Definitions,
    host::{DaemonHost, Udfs},
    http::{self, Api},
    ingest::IngestLog,
    live_config::LiveConfig,
    load::Loader,
    log_streams::LogStreams,
    logging::LevelHandle,
    own_points,
    recordings::Recordings,
    silences::SilenceKeeper,
    topic_store::WriteBehind,
    udp_inputs::{BoundInputs, UdpInputs},
};
use alerting::Alerting;
use going::Going;
use kept::Kept;
use outside::{Known, Outside};

/// More than any system has room for.
const MOST_CONNECTIONS: u32 = 1 << 20;

/// What is said on the command line, and nowhere in the config.
#[derive(Debug, Default)]
pub struct Flags {
    /// Kinds of handlers that are refused.
    pub disabled: Vec<String>,
    /// Where alerts, `httpPost` and sideloads send no requests.
    pub networks: Networks,
}

/// A daemon that runs.
pub struct Server {
    address: SocketAddr,
    definitions: Arc<Definitions>,
    topics: Arc<Topics>,
    /// States of alerts on their way to the store.
    states: Option<Arc<WriteBehind>>,
    loader: Option<Arc<Loader>>,
    log: Option<Arc<IngestLog>>,
    certificates: Option<Arc<http::Certificates>>,
    store: Store,
    stop: watch::Sender<bool>,
    host: Arc<DaemonHost>,
    logs: LogStreams,
    subscribers: Arc<Subscribers>,
    udp: Arc<UdpInputs>,
    services: Vec<JoinHandle<()>>,
    budgets: Arc<Budgets>,
    /// Ends with the daemon.
    _watch: Watch,
}

impl Server {
    /// Open the store, start the tasks, answer HTTP. The listener is `kept`
    /// for the next start, so that clients wait meanwhile.
    ///
    /// # Errors
    /// What hinders it, in one line.
    pub async fn start(
        config: &Config,
        level: LevelHandle,
        flags: &Flags,
        kept: &mut Option<std::net::TcpListener>,
    ) -> anyhow::Result<Server> {
        let file = config.resolved()?;
        let listener = listening::listen(&file, kept).await?;
        let udp = BoundInputs::new(&file)?;
        let address = listener.local_addr()?;
        let store = kept::open_store(Path::new(&file.storage.boltdb), &file.top.data_dir).await?;
        let live = Arc::new(LiveConfig::open(config.clone(), &store)?);
        let shown = live.at_start();
        let config = &shown.resolved()?;
        let schema = LiveSchema::from(Schema::new());

        let kept = Kept::open(config, &store).await?;
        let states = kept.states.clone();
        let alerting = Alerting::new((config, &shown), &kept, address, flags);
        let topics = Arc::clone(&alerting.topics);
        let mut surface = going::surface(config, &alerting.kinds);
        let (udfs, functions) = Udfs::load(config, store.snapshots()).await?;
        functions.into_iter().for_each(|function| surface.add_function(function));

        let auth = http::Auth::of(config, &store).map_err(|error| anyhow!(error.text))?;
        let token = auth.subscription_token().map(str::to_string);
        let known = Known { identity: store.identity(), port: address.port(), token };
        let queue = budgets::queue(&config.memory);
        let outside = Outside::new(config, known, &topics, &schema, udfs, &queue, &flags.networks)?;
        outside.follow(&live, &alerting.host);
        let mut going = Going::new(config, &store, kept, surface, &outside, (&schema, &queue))?;
        let alert_topics =
            Arc::new(AlertTopics::new(store.clone(), Arc::clone(&topics), alerting.kinds.clone(), Zone::Local));
        let silences = open_silences(&topics, &store).await?;
        let loader = going.bring_back(config, &store, &topics, &alert_topics, &schema).await?;
        // Nobody has set it before.
        let _ = going.log.as_ref().map(|log| outside.inlet.log.set(Arc::clone(log)));

        let (stop, stopping) = watch::channel(false);
        // What was held back and is so no more is told once the handlers are there.
        let mut services = vec![tokio::spawn(Arc::clone(&silences).keep(stopping.clone()))];
        services.extend(follow_files(config, loader.as_ref(), &stopping));
        let udp = Arc::new(udp.start(&outside.inlet));
        let parts = Parts { auth, live, schema, level: level.clone(), store: store.clone(), udp: Arc::clone(&udp) };
        let around = (alert_topics, silences, loader.clone());
        let api = parts.api(config, &alerting, &outside, &going, around).await?;
        if config.stats.enabled {
            services.push(tokio::spawn(own_points::keep(Arc::clone(&api), config.stats.clone(), stopping.clone())));
        }
        let certificates = listening::answer(config, listener, api, stopping, &mut services).await?;
        let watch = going.budgets.watch().context("cannot start a thread")?;
        Ok(Server {
            budgets: going.budgets,
            _watch: watch,
            address,
            definitions: going.definitions,
            topics,
            states,
            loader,
            log: going.log,
            certificates,
            store,
            stop,
            host: outside.host,
            logs: level.streams().clone(),
            subscribers: outside.subscribers,
            udp,
            services,
        })
    }

    /// Where it answers HTTP.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    /// Read again what stands in files: certificates, and in the background those of the load directory.
    pub fn read_again(&self) {
        match self.certificates.as_ref().map(|certificates| certificates.read_again()) {
            Some(Ok(())) => tracing::info!("certificates are read again"),
            Some(Err(error)) => tracing::error!("the certificates stay as they were: {error:#}"),
            None => {}
        }
        match self.loader.clone() {
            Some(loader) => drop(tokio::task::spawn_blocking(move || loader.load())),
            None => tracing::info!("nothing to load again: [load] is not enabled"),
        }
    }

    /// Comes back when the daemon should begin anew within its process: see `renew-at` in `[memory]`.
    pub async fn renewal(&self) {
        self.budgets.renewal().await;
    }

    /// Answer no more, let the tasks hand on what they hold, and put everything on disk.
    pub async fn stop(self) {
        self.logs.close();
        let _ = self.stop.send(true);
        self.udp.close();
        self.subscribers.end(Duration::from_secs(6)).await;
        for service in self.services {
            let _ = tokio::time::timeout(Duration::from_secs(10), service).await;
        }
        let (definitions, log) = (self.definitions, self.log);
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(log) = log {
                log.close();
            }
            definitions.stop_all();
        })
        .await;
        self.host.clusters().drain(Duration::from_secs(5)).await;
        self.topics.shutdown(Duration::from_secs(10)).await;
        let (states, store, topics) = (self.states, self.store, self.topics);
        let _ = tokio::task::spawn_blocking(move || {
            if let Some(states) = states {
                states.flush(Duration::from_secs(5));
            }
            if let Some(outbox) = topics.outbox() {
                outbox.close();
            }
            store.flush()
        })
        .await;
        tracing::info!("stopped");
    }
}

/// Silences that are known, before the first event comes.
async fn open_silences(topics: &Arc<Topics>, store: &Store) -> anyhow::Result<Arc<SilenceKeeper>> {
    let (topics, store) = (Arc::clone(topics), store.clone());
    Ok(Arc::new(tokio::task::spawn_blocking(move || SilenceKeeper::open(topics, store)).await??))
}

/// What only the API needs, or what is shared by all.
struct Parts {
    auth: http::Auth,
    live: Arc<LiveConfig>,
    schema: LiveSchema,
    level: LevelHandle,
    store: Store,
    udp: Arc<UdpInputs>,
}

impl Parts {
    async fn api(
        self,
        config: &Config,
        alerting: &Alerting,
        outside: &Outside,
        going: &Going,
        (topics, silences, loader): (Arc<AlertTopics>, Arc<SilenceKeeper>, Option<Arc<Loader>>),
    ) -> anyhow::Result<Arc<Api>> {
        let recordings = open_recordings(config, going, outside, &self.schema).await?;
        Ok(Arc::new(Api {
            definitions: Arc::clone(&going.definitions),
            recordings,
            topics,
            silences,
            running: Arc::clone(&going.tasks),
            host: Arc::clone(&outside.host),
            schema: self.schema,
            identity: self.store.identity().clone(),
            hostname: config.top.hostname.clone(),
            default_retention_policy: config.top.default_retention_policy.clone(),
            budgets: Arc::clone(&going.budgets),
            body_limits: body_limits(config),
            connections: connections(config),
            ingress: Arc::clone(&outside.ingress),
            log: going.log.clone(),
            log_level: self.level,
            log_requests: config.http.log_enabled,
            flux_tasks: config.data("fluxtask").iter().any(|values| values.bool("enabled")),
            auth: self.auth,
            store_name: store_name(config),
            subscribers: Arc::clone(&outside.subscribers),
            udp: self.udp,
            loader,
            config_can_change: config.data("config-override").iter().all(|values| values.bool("enabled")),
            config: self.live,
            alert_host: Arc::clone(&alerting.host),
        }))
    }
}

async fn open_recordings(
    config: &Config,
    going: &Going,
    outside: &Outside,
    schema: &LiveSchema,
) -> anyhow::Result<Arc<Recordings>> {
    let (definitions, tasks) = (Arc::clone(&going.definitions), Arc::clone(&going.tasks));
    let (host, schema, dir) = (Arc::clone(&outside.host), schema.clone(), PathBuf::from(&config.replay.dir));
    let open = move || Recordings::open(definitions, tasks, host, schema, &dir);
    Ok(Arc::new(tokio::task::spawn_blocking(open).await??))
}

/// What `[http]` says of connections.
fn connections(config: &Config) -> Arc<http::Connections> {
    let most = u32::try_from(config.http.max_connections).unwrap_or(u32::MAX).min(MOST_CONNECTIONS);
    Arc::new(http::Connections::new(most, config.http.header_timeout))
}

/// What a copy of the store is called.
fn store_name(config: &Config) -> String {
    let name = Path::new(&config.storage.boltdb).file_name();
    name.map_or_else(|| "kapacitor.db".to_string(), |name| name.to_string_lossy().into_owned())
}

/// Look after files of the load directory, if they are to be looked after.
fn follow_files(
    config: &Config,
    loader: Option<&Arc<Loader>>,
    stopping: &watch::Receiver<bool>,
) -> Option<JoinHandle<()>> {
    let interval = config.load.check_interval.filter(|interval| !interval.is_zero())?;
    Some(tokio::spawn(load_changes(Arc::clone(loader?), interval, stopping.clone())))
}

/// Bring in files of the load directory when they change.
async fn load_changes(loader: Arc<Loader>, interval: Duration, mut stopping: watch::Receiver<bool>) {
    // More often helps nobody.
    let interval = interval.max(Duration::from_millis(100));
    loop {
        tokio::select! {
            () = tokio::time::sleep(interval) => {}
            _ = stopping.changed() => return,
        }
        let loader = Arc::clone(&loader);
        let _ = tokio::task::spawn_blocking(move || loader.load_if_changed()).await;
    }
}

/// What `[http]` says of bodies.
fn body_limits(config: &Config) -> http::BodyLimits {
    http::BodyLimits {
        size: usize::try_from(config.http.max_body_size).unwrap_or(usize::MAX),
        time: config.http.body_timeout,
        patience: config.http.write_timeout,
    }
}
