//! The daemon's services, started from top to bottom and stopped from bottom to top.

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use alert::{Delivery, Known, NoStore, Outbox, OutboxOptions, QueueOptions, TopicStore, Topics};
use anyhow::{Context, anyhow};
use engine::{
    Host, HttpEndpoint, ServerInfo, Tasks,
    define::{DeadmanDefaults, Surface},
};
use handlers::{AlertHost, Configs, Section};
use lambda::Zone;
use model::Schema;
use store::Store;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

use crate::{
    alert_topics::AlertTopics,
    budgets::{self, Budgets, Watch},
    checkpoints::{Checkpoints, Durable},
    clusters::{self, Subscribers, Subscribing},
    config::{Config, references},
    definitions::Definitions,
    host::{Clusters, DaemonHost, Udfs},
    http::{self, Api, Ingress},
    ingest::{Found, IngestLog, LogOptions},
    live_config::{LiveConfig, more_secrets},
    load::Loader,
    log_streams::LogStreams,
    logging::LevelHandle,
    recordings::Recordings,
    silences::SilenceKeeper,
    topic_store::{WriteBehind, recover},
    udp_subscriptions::Inlet,
};

/// More than any system has room for.
const MOST_CONNECTIONS: u32 = 1 << 20;

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
    services: Vec<JoinHandle<()>>,
    budgets: Arc<Budgets>,
    /// Ends with the daemon.
    _watch: Watch,
}

impl Server {
    /// Open the store, start the tasks, answer HTTP. Handlers of the `disabled` kinds are refused, the others send on the
    /// runtime `alerts`. The listener is `kept` for the next start, so that clients wait meanwhile.
    ///
    /// # Errors
    /// What hinders it, in one line.
    pub async fn start(
        config: &Config,
        level: LevelHandle,
        disabled: &[String],
        kept: &mut Option<std::net::TcpListener>,
        alerts: &tokio::runtime::Handle,
    ) -> anyhow::Result<Server> {
        let runtime = tokio::runtime::Handle::current();
        let file = config.resolved()?;
        let listener = listen(&file, kept).await?;
        let address = listener.local_addr()?;
        let store = open_store(Path::new(&file.storage.boltdb)).await?;
        let live = Arc::new(LiveConfig::open(config.clone(), &store)?);
        let shown = live.at_start();
        let config = &shown.resolved()?;
        let identity = store.identity().clone();
        let hostname = config.top.hostname.clone();
        let schema = Schema::new();

        let log = open_log(config).await?;
        let (outbox, known) = open_outbox(config, &store, log.is_some()).await?;
        let start_writing = || WriteBehind::start(store.topics(), outbox.clone()).context("cannot start a thread");
        let states = config.alert.persist_topics.then(start_writing).transpose()?.map(Arc::new);
        let kept: Arc<dyn TopicStore> = states.clone().map_or_else(|| Arc::new(NoStore) as _, |states| states as _);
        let waiting = usize::try_from(config.alert.topic_buffer_length).unwrap_or_default();
        let queues = QueueOptions { retry: config.alert.retry(), ..QueueOptions::default() };
        let delivery = Delivery::Workers(alerts.clone(), queues.with_topic_buffer_length(waiting));
        let mut topics = Topics::new(delivery, kept);
        if let Some(outbox) = outbox.clone() {
            topics = topics.with_outbox(outbox, config.alert.outbox_except.clone());
        }
        let topics = Arc::new(topics);
        let place = match address.ip() {
            all if all.is_unspecified() => format!("{hostname}:{}", address.port()),
            _ => address.to_string(),
        };
        let protocol = if config.http.https_enabled { "https" } else { "http" };
        let url = format!("{protocol}://{place}/kapacitor/v1");
        let alert_host = AlertHost::new(handler_configs(config, &shown), &topics, url);
        let kinds = handlers::kinds(&alert_host);
        if let Err(error) = kinds.switch_off(disabled.iter().map(String::as_str)) {
            tracing::warn!("-disable-handlers: {error}");
        }
        let mut surface = Surface::new(kinds.clone());
        let (udfs, functions) = Udfs::load(config, store.snapshots()).await?;
        functions.into_iter().for_each(|function| surface.add_function(function));
        surface.set_deadman(deadman(config));
        surface.set_group_expiry(i64::try_from(config.task.group_expiry.as_nanos()).unwrap_or(i64::MAX));
        if Budgets::drop_oldest(&config.memory, &config.task_limits) {
            surface.track_groups();
        }

        let (stop, stopping) = watch::channel(false);
        let auth = http::Auth::of(config, &store).map_err(|error| anyhow!(error.text))?;
        let mut services = Vec::new();
        let ingress = Arc::new(Ingress::default());
        let queue = budgets::queue(&config.memory);
        let inlet = Arc::new(Inlet::new(Arc::clone(&schema), Arc::clone(&ingress), Arc::clone(&queue)));
        let subscribers = Arc::new(Subscribers::new(Subscribing {
            identity: identity.clone(),
            host: hostname.clone(),
            port: address.port(),
            token: auth.subscription_token().map(str::to_string),
            inlet: Arc::clone(&inlet),
            runtime: runtime.clone(),
        }));
        let (members, default) = clusters::members(config)?;
        let clusters = Clusters::new(members, default, &runtime);
        subscribers.follow(config, &clusters);
        let info = ServerInfo {
            hostname: hostname.clone(),
            cluster_id: identity.cluster_id.to_string(),
            server_id: identity.server_id.to_string(),
        };
        let host = Arc::new(DaemonHost::new(
            info,
            Arc::clone(&topics),
            Arc::clone(&schema),
            endpoints(config)?,
            (clusters, udfs),
            runtime.clone(),
        ));
        live.on_change({
            let (host, alert_host, subscribers) =
                (Arc::clone(&host), Arc::clone(&alert_host), Arc::clone(&subscribers));
            move |shown| {
                let config = &shown.resolved().map_err(|error| error.to_string())?;
                let endpoints = endpoints(config).map_err(|error| format!("{error:#}"))?;
                let (members, default) = clusters::members(config).map_err(|error| format!("{error:#}"))?;
                host.set_endpoints(endpoints);
                host.clusters().set(members, default);
                subscribers.follow(config, host.clusters());
                alert_host.reconfigure(handler_configs(config, shown));
                Ok(())
            }
        });
        let kept_host = Arc::clone(&host);
        let world: Arc<dyn Host> = Arc::clone(&host) as Arc<dyn Host>;
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let running = Arc::new(Tasks::new(Arc::clone(&schema), &world, workers).context("cannot start a thread")?);
        let budgets = Arc::new(Budgets::new((&config.memory, &config.task_limits), &queue, &running, &schema));
        host.attach(&running);
        host.attach_budgets(&budgets);
        // Nobody has set it before.
        let _ = inlet.tasks.set(Arc::downgrade(&running));
        let log = log.map(|found| found.start(Arc::clone(&running))).transpose().context("cannot start a thread")?;
        let (log, tail) = log.map(|(log, tail)| (Arc::new(log), tail)).unzip();
        let durable = log.clone().map(|log| Durable { log, outbox, states: states.clone() });
        let checkpoints = checkpoints(config, &running, &schema, durable)?;
        let definitions = Arc::new(Definitions::new(
            store.clone(),
            surface,
            Arc::clone(&schema),
            world,
            Arc::clone(&running),
            checkpoints,
        ));
        let alert_topics = Arc::new(AlertTopics::new(store.clone(), Arc::clone(&topics), kinds, Zone::Local));
        let silences = {
            let (topics, store) = (Arc::clone(&topics), store.clone());
            // Before the first event comes.
            Arc::new(tokio::task::spawn_blocking(move || SilenceKeeper::open(topics, store)).await??)
        };
        if log.is_some() {
            topics.begin_replay(known);
        }
        let opening = Arc::clone(&alert_topics);
        tokio::task::spawn_blocking(move || opening.start_all()).await??;
        let starting = Arc::clone(&definitions);
        let (all, started) = tokio::task::spawn_blocking(move || starting.start_all()).await??;
        tracing::info!(tasks = all, started, "tasks are started");
        let loader = config.load.enabled.then(|| {
            let (definitions, topics) = (Arc::clone(&definitions), Arc::clone(&alert_topics));
            Arc::new(Loader::new(PathBuf::from(&config.load.dir), store.clone(), definitions, topics))
        });
        if let Some(loader) = loader.clone() {
            tokio::task::spawn_blocking(move || loader.load()).await?;
        }

        if let (Some(log), Some(tail)) = (log.clone(), tail) {
            let (definitions, running, schema) = (Arc::clone(&definitions), Arc::clone(&running), Arc::clone(&schema));
            let replaying = Arc::clone(&topics);
            tokio::task::spawn_blocking(move || {
                let from = definitions.checkpoints().map_or(u64::MAX, Checkpoints::covered);
                replaying.replay_after(definitions.checkpoints().map_or(u64::MAX, Checkpoints::events));
                let count = tail.replay(from, &log, &schema, &running);
                tracing::info!(writes = count, "the log of writes is at its end");
            })
            .await?;
            topics.end_replay();
        }
        if let Some(checkpoints) = definitions.checkpoints() {
            checkpoints.begin().context("cannot start a thread")?;
        }
        let log = settle_log(config, log)?;
        // Nobody has set it before.
        let _ = log.as_ref().map(|log| inlet.log.set(Arc::clone(log)));
        // What was held back and is so no more is told once the handlers are there.
        services.push(runtime.spawn(Arc::clone(&silences).keep(stopping.clone())));
        let recordings = {
            let (definitions, running) = (Arc::clone(&definitions), Arc::clone(&running));
            let (host, schema, dir) = (Arc::clone(&host), Arc::clone(&schema), PathBuf::from(&config.replay.dir));
            let open = move || Recordings::open(definitions, running, host, schema, &dir);
            Arc::new(tokio::task::spawn_blocking(open).await??)
        };
        let api = Arc::new(Api {
            definitions: Arc::clone(&definitions),
            recordings,
            topics: alert_topics,
            silences,
            running,
            host,
            schema,
            identity,
            hostname,
            default_retention_policy: config.top.default_retention_policy.clone(),
            budgets: Arc::clone(&budgets),
            body_limits: body_limits(config),
            connections: Arc::new(http::Connections::new(
                u32::try_from(config.http.max_connections).unwrap_or(u32::MAX).min(MOST_CONNECTIONS),
                config.http.header_timeout,
            )),
            ingress,
            log: log.clone(),
            log_level: level.clone(),
            log_requests: config.http.log_enabled,
            flux_tasks: config.data("fluxtask").iter().any(|values| values.bool("enabled")),
            auth,
            store_name: Path::new(&config.storage.boltdb)
                .file_name()
                .map_or_else(|| "kapacitor.db".to_string(), |name| name.to_string_lossy().into_owned()),
            subscribers: Arc::clone(&subscribers),
            loader: loader.clone(),
            config_can_change: config.data("config-override").iter().all(|values| values.bool("enabled")),
            config: live,
            alert_host,
        });
        if let Some(path) = config.http.unix_socket() {
            let (listener, file) = http::listen_on_socket(Path::new(path)).await?;
            let serving = serve(listener, Arc::clone(&api), stopping.clone());
            services.push(runtime.spawn(async move {
                let _file = file;
                serving.await;
            }));
            tracing::info!(socket = path, "listening on a Unix socket");
        }
        if let (Some(loader), Some(interval)) = (loader.clone(), config.load.check_interval.filter(|it| !it.is_zero()))
        {
            services.push(runtime.spawn(load_changes(loader, interval, stopping.clone())));
        }
        let certificates = config.http.https_enabled.then(|| http::Certificates::read(config)).transpose()?;
        services.push(match &certificates {
            Some(certificates) => {
                let encrypted = http::Encrypted::over(listener, Arc::clone(certificates))?;
                runtime.spawn(serve(encrypted, api, stopping))
            }
            None => runtime.spawn(serve(listener, api, stopping)),
        });
        tracing::info!(address = %address, "listening on HTTP");
        let watch = budgets.watch().context("cannot start a thread")?;
        Ok(Server {
            budgets,
            _watch: watch,
            address,
            definitions,
            topics,
            states,
            loader,
            log,
            certificates,
            store,
            stop,
            host: kept_host,
            logs: level.streams().clone(),
            subscribers,
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

async fn listen(config: &Config, kept: &mut Option<std::net::TcpListener>) -> anyhow::Result<TcpListener> {
    if kept.is_none() {
        *kept = Some(bind(config).await?.into_std()?);
    }
    let listener = kept.as_ref().context("a listener was made")?.try_clone()?;
    Ok(TcpListener::from_std(listener)?)
}

async fn bind(config: &Config) -> anyhow::Result<TcpListener> {
    let address = &config.http.bind_address;
    let bind = if address.starts_with(':') { format!("0.0.0.0{address}") } else { address.clone() };
    TcpListener::bind(&bind).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => anyhow!(
            "cannot listen on {address}: the address is in use; stop what uses it or set bind-address in [http]"
        ),
        _ => anyhow!("cannot listen on {address} (bind-address in [http]): {error}"),
    })
}

/// What `|deadman` takes where a script says nothing.
fn deadman(config: &Config) -> DeadmanDefaults {
    let deadman = &config.deadman;
    DeadmanDefaults {
        id: deadman.id.clone(),
        message: deadman.message.clone(),
        global: deadman.global,
        threshold: deadman.threshold,
        interval: i64::try_from(deadman.interval.as_nanos()).unwrap_or(i64::MAX),
    }
}

/// Where what running tasks remember is kept, if it is to be.
fn checkpoints(
    config: &Config,
    running: &Arc<Tasks>,
    schema: &Arc<Schema>,
    durable: Option<Durable>,
) -> anyhow::Result<Option<Checkpoints>> {
    let section = &config.checkpoint;
    if !section.enabled {
        return Ok(None);
    }
    let folder = match section.dir.as_str() {
        "" => format!("{}.checkpoints", config.storage.boltdb.trim_end_matches('/')),
        dir => dir.to_string(),
    };
    let (running, schema) = (Arc::clone(running), Arc::clone(schema));
    let opened = Checkpoints::open(Path::new(&folder), section.interval, running, schema, durable);
    opened.map(Some).with_context(|| format!("cannot keep checkpoints in {folder} (dir in [checkpoint])"))
}

async fn open_store(path: &Path) -> anyhow::Result<Store> {
    let folder = path.to_path_buf();
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    Ok(tokio::task::spawn_blocking(move || Store::open(folder)).await??)
}

/// The log of writes, if there is to be one, or if one was left that may have writes which no task has.
async fn open_log(config: &Config) -> anyhow::Result<Option<Found>> {
    let section = &config.ingest;
    let folder = section.folder(&config.storage.boltdb);
    if !(section.durable || config.checkpoint.enabled && folder.is_dir()) {
        return Ok(None);
    }
    let options = LogOptions {
        folder: folder.clone(),
        fsync_interval: section.fsync_interval,
        limit: u64::try_from(section.limit).unwrap_or_default(),
        longest_age: section.longest_age,
    };
    let opened = tokio::task::spawn_blocking(move || Found::open(options)).await?;
    opened.map(Some).with_context(|| format!("cannot open the log of writes {} (dir in [ingest])", folder.display()))
}

/// The log that new writes go to. One that was left, and is not to be written any more, goes.
fn settle_log(config: &Config, log: Option<Arc<IngestLog>>) -> anyhow::Result<Option<Arc<IngestLog>>> {
    let Some(left) = log.as_ref().filter(|_| !config.ingest.durable) else { return Ok(log) };
    left.close();
    let folder = config.ingest.folder(&config.storage.boltdb);
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove the log of writes {}, which is off now", folder.display()))?;
    Ok(None)
}

/// The outbox of the config, with the states brought into the store that only the outbox has. It `remembers` events,
/// whose names come with it, if data may come again.
async fn open_outbox(config: &Config, store: &Store, remembers: bool) -> anyhow::Result<(Option<Arc<Outbox>>, Known)> {
    let Some(options) = config.alert.outbox_options(&config.storage.boltdb) else { return Ok(Default::default()) };
    let options = OutboxOptions { remembers, ..options };
    let (topics, keeps_states) = (store.topics(), config.alert.persist_topics);
    let opening = move || -> anyhow::Result<(Arc<Outbox>, Known)> {
        let settled = keeps_states.then(|| topics.last()).transpose()?;
        let folder = options.folder.display().to_string();
        let opened = Outbox::open(options, settled)
            .with_context(|| format!("cannot open the outbox {folder} (outbox-dir in [alert])"))?;
        opened.damage.iter().for_each(|damage| tracing::error!("{damage}"));
        if keeps_states {
            recover(&topics, &opened.outbox, opened.states)?;
        }
        Ok((opened.outbox, opened.known))
    };
    let (outbox, known) = tokio::task::spawn_blocking(opening).await??;
    Ok((Some(outbox), known))
}

/// All sections as alert handlers read them: their values by key, and which of these nobody may be shown. `shown` is the
/// same config with its references.
fn handler_configs(config: &Config, shown: &Config) -> Configs {
    let (mut config, mut shown) = (config.clone(), shown.clone());
    let mut configs = Configs::default();
    for (mut slot, mut shown) in config.slots().into_iter().zip(shown.slots()) {
        let (name, table) = (slot.name, slot.table.clone());
        let secrets = table.items().iter().filter(|item| item.secret);
        let secrets: Vec<String> = secrets.map(|item| item.key.to_string()).chain(more_secrets(name)).collect();
        let elements = (0..slot.len()).filter_map(|index| {
            let referring = references(&table.json(shown.element(index)?));
            let section = Section::new(table.json(slot.element(index)?), secrets.iter().cloned());
            Some(section.referring(referring.into_iter().map(|(key, _)| key)))
        });
        configs = configs.with_sections(name, elements.collect());
    }
    configs
}

/// The endpoints of `[[httppost]]` by name, for httpPost nodes.
fn endpoints(config: &Config) -> anyhow::Result<HashMap<String, HttpEndpoint>> {
    let template = |text: &str, file: &str| -> anyhow::Result<Option<String>> {
        match (text, file) {
            ("", "") => Ok(None),
            ("", file) => {
                Ok(Some(std::fs::read_to_string(file).with_context(|| format!("cannot read the template {file}"))?))
            }
            (text, _) => Ok(Some(text.to_string())),
        }
    };
    let mut endpoints = HashMap::new();
    for section in config.httppost.iter().filter(|section| !section.endpoint.is_empty()) {
        let user = &section.basic_auth_username;
        let endpoint = HttpEndpoint {
            url: section.url.clone(),
            headers: section.headers.clone().unwrap_or_default().into_iter().collect(),
            basic_auth: (!user.is_empty()).then(|| (user.clone(), section.basic_auth_password.clone())),
            row_template: template(&section.row_template, &section.row_template_file)?,
            alert_template: template(&section.alert_template, &section.alert_template_file)?,
        };
        endpoints.insert(section.endpoint.clone(), endpoint);
    }
    Ok(endpoints)
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

async fn serve<L: axum::serve::Listener>(listener: L, api: Arc<Api>, stopping: watch::Receiver<bool>) {
    let connections = Arc::clone(&api.connections);
    http::serve(listener, http::router(api), connections, stopping).await;
}

/// What `[http]` says of bodies.
fn body_limits(config: &Config) -> http::BodyLimits {
    http::BodyLimits {
        size: usize::try_from(config.http.max_body_size).unwrap_or(usize::MAX),
        time: config.http.body_timeout,
        patience: config.http.write_timeout,
    }
}
