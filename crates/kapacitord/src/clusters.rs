//! From `[[influxdb]]` of the config to clusters, and the upkeep of the subscriptions in them, as the config is now.

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use anyhow::Context;
use influx::{
    Cluster, ClusterConfig, Compression, Credentials, Here, HttpDestination, SubscriptionOptions, Subscriptions, Tls,
};
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

use crate::{
    config::{Config, InfluxDb, QUERIES_AT_ONCE, WRITE_BUFFER},
    host::{Clusters, Manners, Member},
    subscription_list::{Watched, Watchlist},
    udp::Inlet,
    udp_subscriptions::UdpDestination,
};

/// The clusters of the sections that are enabled, and the name of the one that is meant where none is named.
///
/// # Errors
/// One cannot be as its section says; its files cannot be read, say.
pub fn members(config: &Config) -> anyhow::Result<(Vec<Member>, String)> {
    let enabled: Vec<_> = config.influxdb.iter().filter(|section| section.enabled).collect();
    let open = |section: &&InfluxDb| member(section).with_context(|| format!("[[influxdb]] {:?}", section.name));
    let default = enabled.iter().find(|section| section.default).or(enabled.first());
    let default = default.map_or_else(String::new, |section| section.name.clone());
    Ok((enabled.iter().map(open).collect::<anyhow::Result<_>>()?, default))
}

/// The cluster that a section describes, and how it is to be treated.
fn member(config: &InfluxDb) -> Result<Member, influx::Error> {
    Ok(Member {
        cluster: cluster(config)?,
        manners: Manners {
            at_once: usize::try_from(config.max_concurrent_queries.unwrap_or(QUERIES_AT_ONCE)).unwrap_or_default(),
            jitter: config.query_jitter.unwrap_or_default(),
        },
        write_buffer: usize::try_from(config.write_buffer.unwrap_or(WRITE_BUFFER)).unwrap_or_default(),
    })
}

fn cluster(config: &InfluxDb) -> Result<Arc<Cluster>, influx::Error> {
    let credentials = if !config.token.is_empty() {
        Credentials::Token(config.token.clone())
    } else if !config.username.is_empty() {
        Credentials::User { name: config.username.clone(), password: config.password.clone() }
    } else {
        Credentials::None
    };
    let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
    Cluster::new(ClusterConfig {
        name: config.name.clone(),
        urls: config.urls.clone(),
        credentials,
        generation: config.generation().map_err(influx::Error::Config)?,
        format: config.format().map_err(influx::Error::Config)?,
        organization: config.org.clone().unwrap_or_default(),
        organization_id: config.org_id.clone().unwrap_or_default(),
        buckets: config.buckets.clone().unwrap_or_default(),
        timeout: config.timeout,
        tls: Tls {
            ca: path(&config.ssl_ca),
            cert: path(&config.ssl_cert),
            key: path(&config.ssl_key),
            insecure_skip_verify: config.insecure_skip_verify,
        },
        compression: Compression::named(&config.compression)?,
        ..ClusterConfig::default()
    })
    .map(Arc::new)
}

/// What all clusters' subscriptions have in common.
pub struct Subscribing {
    pub identity: store::meta::Identity,
    /// This daemon's own address.
    pub host: String,
    pub port: u16,
    /// Lets InfluxDB write to us where users have rights.
    pub token: Option<String>,
    /// Where points that come by UDP go.
    pub inlet: Arc<Inlet>,
    pub runtime: Handle,
}

/// Who keeps the subscriptions in all clusters.
pub struct Subscribers {
    common: Subscribing,
    watchlist: Arc<Watchlist>,
    /// Tells them to look after their subscriptions now.
    relink: watch::Sender<u64>,
    /// How many subscriptions are in place.
    active: Arc<AtomicI64>,
    keepers: Mutex<Vec<Keeper>>,
}

/// Who keeps those in one cluster.
struct Keeper {
    section: InfluxDb,
    watched: Arc<Watched>,
    end: watch::Sender<Option<Ending>>,
    work: JoinHandle<()>,
}

/// What a keeper leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Subscriptions, for who comes next.
    Leave,
    /// Nothing: without them InfluxDB need not try to deliver to nobody.
    Drop,
}

impl Subscribers {
    pub fn new(common: Subscribing) -> Subscribers {
        Subscribers {
            common,
            watchlist: Arc::default(),
            relink: watch::Sender::new(0),
            active: Arc::default(),
            keepers: Mutex::default(),
        }
    }

    /// The clusters that are subscribed to.
    pub fn watchlist(&self) -> &Arc<Watchlist> {
        &self.watchlist
    }

    /// How many subscriptions are in place.
    pub fn active(&self) -> i64 {
        self.active.load(Ordering::Relaxed)
    }

    /// Look after all subscriptions now.
    pub fn relink(&self) {
        self.relink.send_modify(|asked| *asked += 1);
    }

    /// Subscribe as the config says now. What is still to be as it was goes on undisturbed.
    pub fn follow(&self, config: &Config, clusters: &Clusters) {
        let mut keepers = self.keepers.lock().unwrap_or_else(PoisonError::into_inner);
        let mut old = std::mem::take(&mut *keepers);
        for section in config.influxdb.iter().filter(|section| section.enabled) {
            let Ok(cluster) = clusters.get(&section.name) else { continue };
            let before = old.iter().position(|keeper| keeper.section.name == section.name);
            let before = before.map(|at| old.swap_remove(at));
            let wants = !section.disable_subscriptions && cluster.config().generation.subscribes();
            keepers.extend(match before {
                Some(keeper) if keeper.section == *section => Some(keeper),
                before if wants => {
                    let last = before.map(|keeper| {
                        let ending = if keeper.fits(section) { Ending::Leave } else { Ending::Drop };
                        keeper.finish(ending)
                    });
                    Some(self.keeper(section, cluster, last))
                }
                before => {
                    drop(before.map(|keeper| keeper.finish(Ending::Drop)));
                    None
                }
            });
        }
        for keeper in old {
            drop(keeper.finish(Ending::Drop));
        }
        self.watchlist.set(keepers.iter().map(|keeper| Arc::clone(&keeper.watched)).collect());
    }

    /// Drop all subscriptions, as far as that is done in time.
    pub async fn end(&self, longest: Duration) {
        let keepers = std::mem::take(&mut *self.keepers.lock().unwrap_or_else(PoisonError::into_inner));
        let work: Vec<_> = keepers.into_iter().map(|keeper| keeper.finish(Ending::Drop)).collect();
        let all = async {
            for work in work {
                let _ = work.await;
            }
        };
        let _ = tokio::time::timeout(longest, all).await;
    }

    /// One that begins when the `last` one has ended.
    fn keeper(&self, section: &InfluxDb, cluster: Arc<Cluster>, last: Option<JoinHandle<()>>) -> Keeper {
        let (subscriptions, watched) = subscriptions(section, cluster, &self.common);
        let end = watch::Sender::new(None);
        let keeping = Keeping {
            subscriptions,
            watched: Arc::clone(&watched),
            interval: section.subscriptions_sync_interval,
            relink: self.relink.subscribe(),
            all: Arc::clone(&self.active),
            end: end.subscribe(),
        };
        let work = self.common.runtime.spawn(async move {
            if let Some(last) = last {
                let _ = last.await;
            }
            keeping.run().await;
        });
        Keeper { section: section.clone(), watched, end, work }
    }
}

impl Keeper {
    /// Whether what it keeps is found again by who keeps the subscriptions of `section`.
    fn fits(&self, section: &InfluxDb) -> bool {
        self.section.urls == section.urls && self.section.subscription_mode == section.subscription_mode
    }

    fn finish(self, ending: Ending) -> JoinHandle<()> {
        self.end.send_replace(Some(ending));
        self.work
    }
}

/// The subscriptions of a cluster, and how they are told from others.
fn subscriptions(config: &InfluxDb, cluster: Arc<Cluster>, common: &Subscribing) -> (Subscriptions, Arc<Watched>) {
    let Subscribing { identity, host, port, token, inlet, runtime } = common;
    let id = if config.subscription_mode == "server" { identity.server_id } else { identity.cluster_id };
    let host = if config.kapacitor_hostname.is_empty() { host } else { config.kapacitor_hostname.as_str() };
    let port = u16::try_from(config.http_port).ok().filter(|&port| port != 0).unwrap_or(*port);
    let options = SubscriptionOptions {
        include: config.subscriptions.clone().unwrap_or_default(),
        exclude: config.excluded_subscriptions.clone().unwrap_or_default(),
    };
    let id = id.to_string();
    let subscriptions = if config.subscription_protocol == "udp" {
        let destination = UdpDestination::new(config, host, Arc::clone(inlet), runtime.clone());
        Subscriptions::new(Arc::clone(&cluster), &id, options, destination)
    } else {
        let (protocol, path) = (&config.subscription_protocol, &config.subscription_path);
        let mut destination = HttpDestination::new(protocol, host, port, path);
        if let Some(token) = token {
            destination = destination.with_user(crate::http::SUBSCRIBER, token);
        }
        Subscriptions::new(Arc::clone(&cluster), &id, options, destination)
    };
    let here = Here { host: host.to_string(), port };
    let watched = Watched { cluster, own_name: subscriptions.name().to_string(), here };
    (subscriptions, Arc::new(watched))
}

/// The work of a keeper.
struct Keeping {
    subscriptions: Subscriptions,
    watched: Arc<Watched>,
    interval: Duration,
    relink: watch::Receiver<u64>,
    all: Arc<AtomicI64>,
    end: watch::Receiver<Option<Ending>>,
}

impl Keeping {
    /// Keep subscriptions as they should be until the end; a server that is away is tried again and again.
    async fn run(mut self) {
        const AGAIN: Duration = Duration::from_secs(2);
        const AT_MOST: Duration = Duration::from_secs(60);
        let mut active = 0;
        // A server that stays away is asked less and less often, and told of once.
        let (mut again, mut told) = (AGAIN, String::new());
        let mut looked = false;
        let mut end = self.end.clone();
        let ending = loop {
            let synced = tokio::select! {
                synced = self.subscriptions.sync() => synced,
                ending = ended(&mut end) => break ending,
            };
            let pause = match synced {
                Ok(report) => {
                    (again, told) = (AGAIN, String::new());
                    if !std::mem::replace(&mut looked, true) {
                        self.watched.warn().await;
                    }
                    let now = i64::try_from(report.active()).unwrap_or(i64::MAX);
                    self.all.fetch_add(now - active, Ordering::Relaxed);
                    active = now;
                    tell(&report);
                    if report.failed.is_empty() { self.interval.max(Duration::from_secs(1)) } else { AGAIN }
                }
                Err(error) => {
                    let text = error.to_string();
                    if text != told {
                        tracing::error!("cannot subscribe, will try again: {text}");
                        told = text;
                    }
                    let pause = again;
                    again = (again * 2).min(AT_MOST);
                    pause
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                Ok(()) = self.relink.changed() => {}
                ending = ended(&mut end) => break ending,
            }
        };
        self.all.fetch_sub(active, Ordering::Relaxed);
        if ending == Ending::Drop {
            let dropping = tokio::time::timeout(Duration::from_secs(5), self.subscriptions.drop_all()).await;
            if let Ok(Err(error)) = dropping {
                tracing::warn!("cannot drop the subscriptions: {error}");
            }
        }
    }
}

/// What is to be left behind, once it is known.
async fn ended(end: &mut watch::Receiver<Option<Ending>>) -> Ending {
    match end.wait_for(Option::is_some).await {
        Ok(ending) => ending.unwrap_or(Ending::Drop),
        Err(_) => Ending::Drop,
    }
}

fn tell(report: &influx::Report) {
    if !report.is_quiet() {
        tracing::info!(active = report.active(), "subscriptions are in place");
    }
    for (place, error) in &report.failed {
        tracing::error!("subscription {place:?}: {error}");
    }
}
