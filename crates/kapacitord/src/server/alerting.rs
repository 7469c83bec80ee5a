//! Topics of alerts and the handlers that send their events, as the config has them.

use std::{net::SocketAddr, sync::Arc};

use alert::{Delivery, Kinds, QueueOptions, Topics};
use handlers::{AlertHost, Configs, Section};
use tokio::runtime::Handle;

use super::{Flags, kept::Kept};
use crate::{
    config::{Config, references},
    live_config::more_secrets,
};

/// See the module.
pub(super) struct Alerting {
    pub(super) topics: Arc<Topics>,
    pub(super) host: Arc<AlertHost>,
    /// Those that are not switched off.
    pub(super) kinds: Kinds,
}

impl Alerting {
    /// `shown` is the same config with its references; kinds that flags disable are refused, the others
    /// send on the runtime that this is called on.
    pub(super) fn new(
        (config, shown): (&Config, &Config),
        kept: &Kept,
        address: SocketAddr,
        flags: &Flags,
    ) -> Alerting {
        let waiting = usize::try_from(config.alert.topic_buffer_length).unwrap_or_default();
        let queues = QueueOptions { retry: config.alert.retry(), ..QueueOptions::default() };
        let delivery = Delivery::Workers(Handle::current(), queues.with_topic_buffer_length(waiting));
        let mut topics = Topics::new(delivery, kept.topic_store());
        if let Some(outbox) = kept.outbox.clone() {
            topics = topics.with_outbox(outbox, config.alert.outbox_except.clone());
        }
        let topics = Arc::new(topics);
        let networks = flags.networks.clone();
        let host = AlertHost::away_from(networks, handler_configs(config, shown), &topics, url(config, address));
        let kinds = handlers::kinds(&host);
        if let Err(error) = kinds.switch_off(flags.disabled.iter().map(String::as_str)) {
            tracing::warn!("-disable-handlers: {error}");
        }
        Alerting { topics, host, kinds }
    }
}

/// Where others reach this daemon.
fn url(config: &Config, address: SocketAddr) -> String {
    let place = match address.ip() {
        all if all.is_unspecified() => format!("{}:{}", config.top.hostname, address.port()),
        _ => address.to_string(),
    };
    let protocol = if config.http.https_enabled { "https" } else { "http" };
    format!("{protocol}://{place}/kapacitor/v1")
}

/// All sections as alert handlers read them: their values by key, and which of these nobody may be shown. `shown` is the
/// same config with its references.
pub(super) fn handler_configs(config: &Config, shown: &Config) -> Configs {
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
