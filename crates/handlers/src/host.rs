//! What handlers are given: the config as it is now, topics to publish to, connections.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use alert::{BoxFuture, Outcome, Topics};

use crate::Configs;
use crate::http::{Answered, Http, Network, Posted};
use crate::kafka::Clusters;
use crate::mqtt::Brokers;
use crate::networks::Networks;

/// What all handlers share.
pub struct AlertHost {
    configs: RwLock<Arc<Configs>>,
    topics: Weak<Topics>,
    pub(crate) http: Http,
    pub(crate) kafka: Clusters,
    pub(crate) mqtt: Brokers,
    /// Where this daemon can be reached, for links in messages: `http://host:9092/kapacitor/v1`.
    pub(crate) url: String,
}

impl AlertHost {
    pub fn new(configs: Configs, topics: &Arc<Topics>, url: impl Into<String>) -> Arc<Self> {
        AlertHost::with(configs, topics, url.into(), Http::default())
    }

    /// As `new`, but requests over HTTP keep away from these networks.
    pub fn away_from(networks: Networks, configs: Configs, topics: &Arc<Topics>, url: impl Into<String>) -> Arc<Self> {
        AlertHost::with(configs, topics, url.into(), Http { networks, ..Http::default() })
    }

    /// As `new`, but no request over HTTP is sent: the function gets it, and says which status it is answered with.
    pub fn recording(
        configs: Configs,
        topics: &Arc<Topics>,
        url: impl Into<String>,
        recorder: impl Fn(&Posted) -> u16 + Send + Sync + 'static,
    ) -> Arc<Self> {
        let answers = move |posted: Posted| -> BoxFuture<'static, Answered> {
            let status = recorder(&posted);
            Box::pin(std::future::ready(Ok(status)))
        };
        AlertHost::on_network(configs, topics, url, answers)
    }

    /// As `new`, but requests over HTTP go there in place of the network. It answers with a status, or says why there is
    /// no answer, and may take its time.
    pub fn on_network(
        configs: Configs,
        topics: &Arc<Topics>,
        url: impl Into<String>,
        network: impl Fn(Posted) -> BoxFuture<'static, Answered> + Send + Sync + 'static,
    ) -> Arc<Self> {
        let network: Option<Network> = Some(Box::new(network));
        AlertHost::with(configs, topics, url.into(), Http { network, ..Http::default() })
    }

    fn with(configs: Configs, topics: &Arc<Topics>, url: String, http: Http) -> Arc<Self> {
        let (configs, topics) = (RwLock::new(Arc::new(configs)), Arc::downgrade(topics));
        let (kafka, mqtt) = (Clusters::default(), Brokers::default());
        Arc::new(AlertHost { configs, topics, http, kafka, mqtt, url })
    }

    /// The config changed: handlers that are open go by the new one from their next event on.
    pub fn reconfigure(&self, configs: Configs) {
        *self.configs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(configs);
    }

    pub(crate) fn configs(&self) -> Arc<Configs> {
        self.configs.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How an attempt went, in words that everybody may read.
    pub(crate) fn told(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Outcome::Done => Outcome::Done,
            Outcome::Retry { why, after } => Outcome::Retry { why: self.configs().without_secrets(why), after },
            Outcome::GiveUp(why) => Outcome::GiveUp(self.configs().without_secrets(why)),
        }
    }

    /// The topics, unless the daemon ends.
    pub(crate) fn topics(&self) -> Option<Arc<Topics>> {
        self.topics.upgrade()
    }
}
