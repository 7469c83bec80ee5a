//! From `[[influxdb]]` of the config to clusters, and the upkeep of the subscriptions in them.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use influx::{
    Cluster, ClusterConfig, Compression, Credentials, Here, HttpDestination, SubscriptionOptions, Subscriptions, Tls,
};
use tokio::{runtime::Handle, sync::watch};

use crate::{
    config::{InfluxDb, QUERIES_AT_ONCE, WRITE_BUFFER},
    host::{Manners, Member},
    subscription_list::Watched,
    udp_subscriptions::{Inlet, UdpDestination},
};

/// The cluster that a section describes, and how it is to be treated.
pub fn member(config: &InfluxDb) -> Result<Member, influx::Error> {
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
pub struct Subscribing<'a> {
    pub identity: &'a store::meta::Identity,
    /// This daemon's own address.
    pub host: &'a str,
    pub port: u16,
    /// Lets InfluxDB write to us where users have rights.
    pub token: Option<&'a str>,
    /// Where points that come by UDP go.
    pub inlet: &'a Arc<Inlet>,
    pub runtime: &'a Handle,
}

/// The subscriptions of a cluster, if its section wants any, and how they are told from others.
pub fn subscriptions(
    config: &InfluxDb,
    cluster: &Arc<Cluster>,
    common: &Subscribing<'_>,
) -> Option<(Subscriptions, Arc<Watched>)> {
    if config.disable_subscriptions || !cluster.config().generation.subscribes() {
        return None;
    }
    let Subscribing { identity, host, port, token, inlet, runtime } = common;
    let id = if config.subscription_mode == "server" { identity.server_id } else { identity.cluster_id };
    let host = if config.kapacitor_hostname.is_empty() { host } else { config.kapacitor_hostname.as_str() };
    let port = u16::try_from(config.http_port).ok().filter(|&port| port != 0).unwrap_or(*port);
    let options = SubscriptionOptions {
        include: config.subscriptions.clone().unwrap_or_default(),
        exclude: config.excluded_subscriptions.clone().unwrap_or_default(),
    };
    let (cluster, id) = (Arc::clone(cluster), id.to_string());
    let subscriptions = if config.subscription_protocol == "udp" {
        let destination = UdpDestination::new(config, host, Arc::clone(inlet), (*runtime).clone());
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
    Some((subscriptions, Arc::new(watched)))
}

/// Keep subscriptions as they should be until the daemon stops; a server that is away is tried again and again.
pub async fn keep(
    mut subscriptions: Subscriptions,
    watched: Arc<Watched>,
    interval: Duration,
    mut relink: watch::Receiver<u64>,
    all: Arc<AtomicI64>,
    mut stop: watch::Receiver<bool>,
) {
    const AGAIN: Duration = Duration::from_secs(2);
    const AT_MOST: Duration = Duration::from_secs(60);
    let mut active = 0;
    // A server that stays away is asked less and less often, and told of once.
    let (mut again, mut told) = (AGAIN, String::new());
    let mut looked = false;
    loop {
        let pause = match subscriptions.sync().await {
            Ok(report) => {
                (again, told) = (AGAIN, String::new());
                if !std::mem::replace(&mut looked, true) {
                    watched.warn().await;
                }
                let now = i64::try_from(report.active()).unwrap_or(i64::MAX);
                all.fetch_add(now - active, Ordering::Relaxed);
                active = now;
                if !report.is_quiet() {
                    tracing::info!(active = report.active(), "subscriptions are in place");
                }
                for (place, error) in &report.failed {
                    tracing::error!("subscription {place:?}: {error}");
                }
                if report.failed.is_empty() { interval.max(Duration::from_secs(1)) } else { AGAIN }
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
            Ok(()) = relink.changed() => {}
            _ = stop.changed() => break,
        }
    }
    // Without subscriptions InfluxDB need not try to deliver to nobody.
    let dropping = tokio::time::timeout(Duration::from_secs(5), subscriptions.drop_all()).await;
    if let Ok(Err(error)) = dropping {
        tracing::warn!("cannot drop the subscriptions: {error}");
    }
}
