//! The world around the tasks: InfluxDB with its subscriptions, user-defined functions, endpoints of `[[httppost]]`.

use std::{collections::HashMap, sync::Arc};

use alert::Topics;
use anyhow::Context;
use engine::{HttpEndpoint, ServerInfo};
use handlers::{AlertHost, Networks};
use model::LiveSchema;
use store::meta::Identity;
use tokio::sync::Semaphore;

use super::alerting::handler_configs;
use crate::{
    clusters::{self, Subscribers, Subscribing},
    config::Config,
    host::{Clusters, DaemonHost, Udfs},
    http::Ingress,
    live_config::LiveConfig,
    udp::Inlet,
};

/// See the module.
pub(super) struct Outside {
    pub(super) host: Arc<DaemonHost>,
    pub(super) subscribers: Arc<Subscribers>,
    pub(super) ingress: Arc<Ingress>,
    /// Where packets come in.
    pub(super) inlet: Arc<Inlet>,
}

/// Who this daemon is to others.
pub(super) struct Known<'a> {
    pub(super) identity: &'a Identity,
    pub(super) port: u16,
    /// What subscriptions come in with.
    pub(super) token: Option<String>,
}

impl Outside {
    pub(super) fn new(
        config: &Config,
        known: Known<'_>,
        topics: &Arc<Topics>,
        schema: &LiveSchema,
        udfs: Udfs,
        queue: &Arc<Semaphore>,
        networks: &Networks,
    ) -> anyhow::Result<Outside> {
        let runtime = tokio::runtime::Handle::current();
        let Known { identity, port, token } = known;
        let ingress = Arc::new(Ingress::default());
        let inlet = Arc::new(Inlet::new(schema.clone(), Arc::clone(&ingress), Arc::clone(queue)));
        let subscribers = Arc::new(Subscribers::new(Subscribing {
            identity: identity.clone(),
            host: config.top.hostname.clone(),
            port,
            token,
            inlet: Arc::clone(&inlet),
            runtime: runtime.clone(),
        }));
        let (members, default) = clusters::members(config)?;
        let clusters = Clusters::new(members, default, &runtime);
        subscribers.follow(config, &clusters);
        let info = ServerInfo {
            hostname: config.top.hostname.clone(),
            cluster_id: identity.cluster_id.to_string(),
            server_id: identity.server_id.to_string(),
        };
        let (topics, endpoints) = (Arc::clone(topics), endpoints(config)?);
        let host = DaemonHost::new(info, topics, schema.clone(), endpoints, (clusters, udfs), networks, runtime);
        Ok(Outside { host: Arc::new(host), subscribers, ingress, inlet })
    }

    /// Go by what the config says from now on.
    pub(super) fn follow(&self, live: &LiveConfig, alert_host: &Arc<AlertHost>) {
        let (host, subscribers) = (Arc::clone(&self.host), Arc::clone(&self.subscribers));
        let alert_host = Arc::clone(alert_host);
        live.on_change(move |shown| {
            let config = &shown.resolved().map_err(|error| error.to_string())?;
            let endpoints = endpoints(config).map_err(|error| format!("{error:#}"))?;
            let (members, default) = clusters::members(config).map_err(|error| format!("{error:#}"))?;
            host.set_endpoints(endpoints);
            host.clusters().set(members, default);
            subscribers.follow(config, host.clusters());
            alert_host.reconfigure(handler_configs(config, shown));
            Ok(())
        });
    }
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
