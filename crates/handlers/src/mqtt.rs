//! `mqtt`: a message to an MQTT broker. `mqtt/broker.rs` is the connection.

mod broker;

use std::sync::Arc;

use alert::{BoxFuture, Event, Handler, Kind, Outcome};
use declare::{Declaration, Declared, Mismatch, Setting};
use gotemplate::Template;
use rumqttc::mqttbytes::QoS;
use serde_json::Value as Json;

use crate::AlertHost;
use crate::render::{check_template, render, template};
use crate::shared::Shared;
use broker::{Broker, Letter};

const NAME: &str = "mqtt";
const QUALITIES: [&str; 3] = ["at-most-once", "at-least-once", "exactly-once"];

/// The brokers of the config that handlers send to: one connection each, since a broker knows a client by its name and
/// closes the connection of a second one with the same.
pub(crate) type Brokers = Shared<Broker>;

/// The kind `mqtt`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let topic = template(NAME, "topic", &options.topic)?;
        Ok(Box::new(Mqtt { host: host.clone(), topic, options }))
    })
    .method("mqtt")
    .ready(Options::ready)
    .build()
}

#[derive(Clone, Default)]
struct Options {
    topic: String,
    broker_name: String,
    qos: i64,
    retained: bool,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send the message of each event to an MQTT broker.")
            .argument("topic", "The topic of the broker, a template.", |d| &mut d.topic)
            .method("topic", "value string", "The topic of the broker, a template.", |d, arguments| {
                d.topic = Setting::from_argument(&arguments[0])?;
                Ok(())
            })
            .hidden()
            .property("brokerName", "The [[mqtt]] section of the config to use.", |d| &mut d.broker_name)
            .key("broker-name")
            .default_text("the default section")
            .method_json(
                "qos",
                "value integer",
                "How sure the delivery is: 0 at most once, 1 at least once, 2 exactly once.",
                |d, arguments| {
                    d.qos = Setting::from_argument(&arguments[0])?;
                    Ok(())
                },
                |d| if d.qos == 0 { Vec::new() } else { vec![vec![declare::Argument::Int(d.qos)]] },
                |d| {
                    usize::try_from(d.qos).ok().and_then(|qos| QUALITIES.get(qos)).map_or(Json::Null, |&qos| qos.into())
                },
                |d, json| {
                    d.qos = quality(&String::from_json(json)?)?;
                    Ok(())
                },
            )
            .property("retained", "Whether the broker keeps the message for later subscribers.", |d| &mut d.retained)
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).mqtt('alerts/cpu').qos(1)")
    }
}

impl Options {
    fn ready(&self) -> Result<(), String> {
        if !(0..=2).contains(&self.qos) {
            return Err(format!("qos must be 0, 1 or 2, got {}", self.qos));
        }
        check_template("topic", &self.topic)
    }

    fn qos(&self) -> QoS {
        match self.qos {
            2 => QoS::ExactlyOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::AtMostOnce,
        }
    }
}

/// The older spelling of the last one is taken, too.
fn quality(name: &str) -> Result<i64, Mismatch> {
    match name {
        "" | "at-most-once" => Ok(0),
        "at-least-once" => Ok(1),
        "exactly-once" | "exactly-one" => Ok(2),
        _ => Err(Mismatch::new("at-most-once, at-least-once or exactly-once", format!("\"{name}\""))),
    }
}

struct Mqtt {
    host: Arc<AlertHost>,
    topic: Template,
    options: Options,
}

impl Mqtt {
    fn prepared(&self, event: &Event) -> Result<(Arc<Broker>, Letter), String> {
        let configs = self.host.configs();
        let section = configs.chosen(NAME, "name", &self.options.broker_name)?;
        let broker = self.host.mqtt.get(section.text("name"), section, Broker::of)?;
        let topic = render(&self.topic, &event.template_data())?;
        if topic.is_empty() {
            return Err("missing MQTT topic: say .mqtt('TOPIC')".to_string());
        }
        let (qos, retained) = (self.options.qos(), self.options.retained);
        Ok((broker, Letter { topic, qos, retained, message: event.state.message.clone() }))
    }
}

impl Handler for Mqtt {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let outcome = match self.prepared(event) {
                Ok((broker, letter)) => broker.send(letter).await,
                Err(why) => Outcome::GiveUp(why),
            };
            self.host.told(outcome)
        })
    }
}

#[cfg(test)]
mod tests {
    use alert::Level;
    use serde_json::json;

    use super::*;
    use crate::testing::{host, open, send};

    #[test]
    fn what_is_wrong_is_told() {
        let none = send(&host(&[]), "mqtt", json!({"topic": "x"}), Level::Info);
        assert!(matches!(&none, Outcome::GiveUp(why) if why.contains("not enabled")), "{none:?}");
        let mqtt = host(&[("mqtt", json!({"enabled": true, "name": "a", "url": "tcp://127.0.0.1:1"}))]);
        for options in [json!({"qos": "sometimes"}), json!({"topic": "{{ .ID"})] {
            assert!(open(&crate::kinds(&mqtt), "mqtt", options.clone()).is_err(), "{options}");
        }
        for (options, want) in [
            (json!({"topic": "x", "broker-name": "b"}), "no [[mqtt]] of the config has name = \"b\""),
            (json!({"topic": "{{ index .Tags \"none\" }}"}), "missing MQTT topic"),
            (json!({"topic": "a/#"}), "not a topic"),
        ] {
            let outcome = send(&mqtt, "mqtt", options, Level::Info);
            assert!(matches!(&outcome, Outcome::GiveUp(why) if why.contains(want)), "{outcome:?}");
        }
    }

    #[test]
    fn a_broker_that_is_away_is_tried_again() {
        let section = json!({"enabled": true, "name": "a", "url": "tcp://127.0.0.1:1", "password": "hidden"});
        let outcome = send(&host(&[("mqtt", section)]), "mqtt", json!({"topic": "x"}), Level::Info);
        let Outcome::Retry { why, .. } = outcome else { panic!("{outcome:?}") };
        assert!(why.starts_with("tcp://127.0.0.1:1: ") && !why.contains("hidden"), "{why}");
    }
}
