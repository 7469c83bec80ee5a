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
    Cluster, ClusterConfig, Compression, Credentials, HttpDestination, SubscriptionOptions, Subscriptions, Tls,
};
use tokio::sync::watch;

use crate::config::InfluxDb;

/// The cluster that a section describes.
pub fn cluster(config: &InfluxDb) -> Result<Arc<Cluster>, influx::Error> {
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

/// The subscriptions of a cluster, if its section wants any. `host` and `port` are this daemon's own.
pub fn subscriptions(
    config: &InfluxDb,
    cluster: &Arc<Cluster>,
    identity: &store::meta::Identity,
    host: &str,
    port: u16,
    token: Option<&str>,
) -> Option<Subscriptions> {
    if config.disable_subscriptions {
        return None;
    }
    let id = if config.subscription_mode == "server" { identity.server_id } else { identity.cluster_id };
    let host = if config.kapacitor_hostname.is_empty() { host } else { &config.kapacitor_hostname };
    let port = u16::try_from(config.http_port).ok().filter(|&port| port != 0).unwrap_or(port);
    let mut destination = HttpDestination::new(&config.subscription_protocol, host, port, &config.subscription_path);
    if let Some(token) = token {
        destination = destination.with_user(crate::http::SUBSCRIBER, token);
    }
    let options = SubscriptionOptions {
        include: config.subscriptions.clone().unwrap_or_default(),
        exclude: config.excluded_subscriptions.clone().unwrap_or_default(),
    };
    Some(Subscriptions::new(Arc::clone(cluster), &id.to_string(), options, destination))
}

/// Keep subscriptions as they should be until the daemon stops; a server that is away is tried again and again.
pub async fn keep(
    mut subscriptions: Subscriptions,
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
    loop {
        let pause = match subscriptions.sync().await {
            Ok(report) => {
                (again, told) = (AGAIN, String::new());
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
