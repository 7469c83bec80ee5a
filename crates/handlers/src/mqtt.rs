//! `mqtt`: a message to an MQTT broker.

use std::sync::Arc;

use alert::{Kind, OpenError};
use declare::{Declaration, Declared, Mismatch, Setting};
use serde_json::Value as Json;

use crate::AlertHost;
use crate::disabled::Disabled;

const NAME: &str = "mqtt";
const QUALITIES: [&str; 3] = ["at-most-once", "at-least-once", "exactly-once"];

/// The kind `mqtt`. Sending needs a client of MQTT, which is not here yet.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |_: Options, _| {
        if host.configs().all(NAME).iter().any(|section| section.bool("enabled")) {
            return Err(OpenError::CannotSend { kind: NAME });
        }
        Ok(Box::new(Disabled { host: host.clone(), section: NAME }))
    })
    .method("mqtt")
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

/// The older spelling of the last one is taken, too.
fn quality(name: &str) -> Result<i64, Mismatch> {
    match name {
        "" | "at-most-once" => Ok(0),
        "at-least-once" => Ok(1),
        "exactly-once" | "exactly-one" => Ok(2),
        _ => Err(Mismatch::new("at-most-once, at-least-once or exactly-once", format!("\"{name}\""))),
    }
}

#[cfg(test)]
mod tests {
    use alert::{Level, Outcome};
    use serde_json::json;

    use crate::testing::{host, open, send};

    #[test]
    fn an_enabled_broker_is_refused_until_it_can_be_used() {
        let options = json!({"topic": "x", "qos": "exactly-one"});
        assert!(matches!(send(&host(&[]), "mqtt", options.clone(), Level::Info), Outcome::GiveUp(_)));
        let enabled = host(&[("mqtt", json!({"enabled": true, "name": "a"}))]);
        let error = open(&crate::kinds(&enabled), "mqtt", options).err().unwrap();
        assert_eq!(error.to_string(), "mqtt: this handler cannot send yet");
        assert!(open(&crate::kinds(&enabled), "mqtt", json!({"qos": "sometimes"})).is_err());
    }
}
