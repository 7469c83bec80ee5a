//! Handlers of alert events: THE LIST of kinds, and a file for each.
//!
//! A kind's file holds what a user may write for it, what it sends, and tests against a local sink. `http.rs` is shared
//! by those that post, `networks.rs` says where nothing is posted to, `tls.rs` whom connections trust, `shared.rs` keeps
//! those that several handlers have, `config.rs` is what they read of the config, `host.rs` what they are given,
//! `render.rs` and `pairs.rs` are for options that are templates or pairs.
#![forbid(unsafe_code)]

mod aggregate;
mod alerta;
mod alertmanager;
mod bigpanda;
mod config;
mod discord;
mod exec;
mod hipchat;
mod host;
mod http;
mod kafka;
mod log;
mod mqtt;
mod networks;
mod ntfy;
mod opsgenie;
mod opsgenie2;
mod pagerduty;
mod pagerduty2;
mod pairs;
mod post;
mod publish;
mod pushover;
mod render;
mod sensu;
mod service_test;
mod servicenow;
mod shared;
mod slack;
mod smtp;
mod snmptrap;
mod talk;
mod tcp;
mod teams;
mod telegram;
#[cfg(test)]
mod testing;
mod tls;
mod victorops;
mod webhook;
mod zenoss;

use std::sync::Arc;

use alert::Kinds;

pub use config::{Configs, Section};
pub use host::AlertHost;
pub use http::{Answered, Posted, connections};
pub use networks::Networks;
pub use service_test::{TestError, service_names, service_options, test_service};

/// All kinds for programs that check scripts and open no handler: nothing is configured, nothing is ever sent.
pub fn catalogue() -> Kinds {
    let topics = Arc::new(alert::Topics::new(alert::Delivery::Inline, Arc::new(alert::NoStore)));
    kinds(&AlertHost::new(Configs::default(), &topics, ""))
}

/// THE LIST: all kinds of handlers.
pub fn kinds(host: &Arc<AlertHost>) -> Kinds {
    Kinds::new(vec![
        aggregate::kind(host),
        alerta::kind(host),
        alertmanager::kind(host),
        bigpanda::kind(host),
        discord::kind(host),
        exec::kind(),
        hipchat::kind(host),
        kafka::kind(host),
        log::kind(),
        mqtt::kind(host),
        ntfy::kind(host),
        opsgenie::kind(host),
        opsgenie2::kind(host),
        pagerduty::kind(host),
        pagerduty2::kind(host),
        post::kind(host),
        publish::kind(host),
        pushover::kind(host),
        sensu::kind(host),
        servicenow::kind(host),
        slack::kind(host),
        smtp::kind(host),
        snmptrap::kind(host),
        talk::kind(host),
        tcp::kind(),
        teams::kind(host),
        telegram::kind(host),
        victorops::kind(host),
        webhook::kind(host),
        zenoss::kind(host),
    ])
}
