//! `kafka`: a record of a Kafka topic.
//!
//! `kafka/cluster.rs` is the connection, `kafka/sasl.rs` how it signs in, `kafka/partition.rs` which partition an id
//! goes to.

mod cluster;
mod partition;
mod sasl;

use std::sync::Arc;
use std::time::Duration;

use alert::{BoxFuture, Event, Handler, Kind, OpenError, Outcome};
use declare::{Declaration, Declared};
use gotemplate::Template;

use crate::render::render;
use crate::shared::Shared;
use crate::{AlertHost, Configs, Section};
use cluster::{Cluster, Letter};
use partition::Algorithm;

const NAME: &str = "kafka";
/// How many events go out at once, unless the config says otherwise.
const BATCH: usize = 100;

/// The clusters of the config that handlers send to.
pub(crate) type Clusters = Shared<Cluster>;

/// The kind `kafka`.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| Ok(Box::new(Kafka::open(&host, &options)?)))
        .method("kafka")
        .ready(|options| options.templates().map(drop))
        .build()
}

#[derive(Clone, Default)]
struct Options {
    cluster: String,
    topic: String,
    template: String,
    disable_partition_by_id: bool,
    partition_algorithm: String,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Send each event to a topic of Kafka.")
            .property("cluster", "The [[kafka]] section of the config to use.", |d| &mut d.cluster)
            .default_text("default")
            .property("kafkaTopic", "The topic, a template.", |d| &mut d.topic)
            .key("topic")
            .property("template", "The record, a template.", |d| &mut d.template)
            .default_text("the event's JSON")
            .flag(
                "disablePartitionById",
                "The record gets no key, and any partition: by default the event's id is the key, and chooses the \
                 partition.",
                |d| &mut d.disable_partition_by_id,
            )
            .property("partitionHashAlgorithm", "How the id chooses the partition.", |d| &mut d.partition_algorithm)
            .key("partitionAlgorithm")
            .choices(&partition::NAMES)
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).kafka().kafkaTopic('alerts')")
    }
}

impl Options {
    /// Those of the topic and the record.
    fn templates(&self) -> Result<(Template, Option<Template>), String> {
        let topic = Template::text("topic", &self.topic).map_err(|why| format!("topic: {why}"))?;
        let record = match self.template.as_str() {
            "" => None,
            source => Some(Template::text_with_json("template", source).map_err(|why| format!("template: {why}"))?),
        };
        Ok((topic, record))
    }

    fn cluster(&self) -> &str {
        if self.cluster.is_empty() { "default" } else { &self.cluster }
    }
}

struct Kafka {
    host: Arc<AlertHost>,
    cluster: String,
    topic: Template,
    record: Option<Template>,
    /// `None` for any partition.
    algorithm: Option<Algorithm>,
}

impl Kafka {
    fn open(host: &Arc<AlertHost>, options: &Options) -> Result<Self, OpenError> {
        let invalid = |why| OpenError::Invalid { kind: NAME, why };
        let (topic, record) = options.templates().map_err(invalid)?;
        let algorithm = Algorithm::by_name(&options.partition_algorithm)
            .map_err(|why| invalid(format!("partitionAlgorithm: {why}")))?;
        section(&host.configs(), options.cluster()).map_err(invalid)?;
        Ok(Kafka {
            host: host.clone(),
            cluster: options.cluster().to_string(),
            topic,
            record,
            algorithm: (!options.disable_partition_by_id).then_some(algorithm),
        })
    }

    fn letter(&self, event: &Event) -> Result<Letter, String> {
        let topic = render(&self.topic, &event.template_data())?;
        if topic.is_empty() {
            return Err("topic must not be empty: say .kafkaTopic('NAME')".to_string());
        }
        let record = match &self.record {
            Some(template) => render(template, &event.wire_template_data())?,
            None => event.json() + "\n",
        };
        let key = self.algorithm.map(|algorithm| (event.state.id.to_string(), algorithm));
        Ok(Letter { topic, key, record, event: event.uid() })
    }

    async fn send(&self, events: impl Iterator<Item = &Event>) -> Outcome {
        let configs = self.host.configs();
        let cluster = section(&configs, &self.cluster)
            .and_then(|section| self.host.kafka.get(&self.cluster, section, Cluster::of));
        let letters = events.map(|event| self.letter(event)).collect::<Result<Vec<_>, _>>();
        let outcome = match (cluster, letters) {
            (Ok(cluster), Ok(letters)) => cluster.send(letters).await,
            (Err(why), _) | (_, Err(why)) => Outcome::GiveUp(why),
        };
        self.host.told(outcome)
    }
}

impl Handler for Kafka {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(self.send(std::iter::once(event)))
    }

    fn most_at_once(&self) -> usize {
        let configs = self.host.configs();
        let wanted = section(&configs, &self.cluster).map_or(0, |section| section.int("batch-size"));
        usize::try_from(wanted).ok().filter(|&wanted| wanted > 0).unwrap_or(BATCH)
    }

    fn gathers(&self) -> Duration {
        section(&self.host.configs(), &self.cluster).map_or(Duration::ZERO, |section| section.duration("batch-timeout"))
    }

    fn handle_all<'a>(&'a mut self, events: &'a [Arc<Event>]) -> BoxFuture<'a, Outcome> {
        Box::pin(self.send(events.iter().map(Arc::as_ref)))
    }
}

fn section<'a>(configs: &'a Configs, cluster: &str) -> Result<&'a Section, String> {
    let mut all = configs.all(NAME).iter();
    all.find(|section| section.bool("enabled") && section.text("id") == cluster).ok_or_else(|| {
        format!("unknown cluster \"{cluster}\": no [[kafka]] of the config has this id and enabled = true")
    })
}

#[cfg(test)]
mod tests {
    use alert::Level;
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{event, host, open, send};

    #[test]
    fn what_is_wrong_is_told_when_it_is_opened() {
        let kafka = host(&[("kafka", json!({"enabled": true, "id": "c", "brokers": ["127.0.0.1:1"]}))]);
        for (options, want) in [
            (json!({"cluster": "d", "topic": "t"}), "kafka: unknown cluster \"d\""),
            (json!({"topic": "t"}), "kafka: unknown cluster \"default\""),
            (json!({"cluster": "c", "topic": "{{ .ID"}), "kafka: topic: template: topic:1: unclosed action"),
            (json!({"cluster": "c", "topic": "t", "template": "{{ nope }}"}), "function \"nope\" not defined"),
            (json!({"cluster": "c", "topic": "t", "partitionAlgorithm": "md5"}), "partitionAlgorithm"),
        ] {
            let error = open(&crate::kinds(&kafka), "kafka", options).err().unwrap().to_string();
            assert!(error.contains(want), "{error}");
        }
        let outcome = send(&kafka, "kafka", json!({"cluster": "c"}), Level::Info);
        assert!(matches!(&outcome, Outcome::GiveUp(why) if why.contains("topic must not be empty")), "{outcome:?}");
    }

    #[test]
    fn the_config_says_how_events_are_gathered() {
        let gathered = |more: Value| {
            let mut section = json!({"enabled": true, "id": "default", "brokers": ["127.0.0.1:1"]});
            section.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let handler = open(&crate::kinds(&host(&[("kafka", section)])), "kafka", json!({"topic": "t"})).unwrap();
            (handler.most_at_once(), handler.gathers())
        };
        assert_eq!(gathered(json!({})), (BATCH, Duration::ZERO));
        let ten = json!({"batch-size": 10, "batch-timeout": "1m"});
        assert_eq!(gathered(ten), (10, Duration::from_secs(60)));
    }

    #[test]
    fn a_broker_that_is_away_is_tried_again() {
        let section = json!({"enabled": true, "id": "default", "brokers": ["127.0.0.1:1"], "timeout": "100ms"});
        let outcome = send(&host(&[("kafka", section)]), "kafka", json!({"topic": "t"}), Level::Info);
        assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    }

    #[test]
    fn records_are_json_or_what_a_template_says() {
        let host = host(&[("kafka", json!({"enabled": true, "id": "default"}))]);
        let letter = |options: Options| Kafka::open(&host, &options).unwrap().letter(&event(Level::Warning)).unwrap();
        let plain = letter(Options { topic: "{{ index .Tags \"dc\" }}-alerts".into(), ..Options::default() });
        assert_eq!(plain.record, event(Level::Warning).json() + "\n");
        assert_eq!((plain.topic.as_str(), plain.key), ("fra-alerts", Some(("svc/web-1".into(), Algorithm::Crc32))));
        let own = letter(Options {
            topic: "t".into(),
            template: "{{ .Level }} {{ .PreviousLevel }}".into(),
            disable_partition_by_id: true,
            ..Options::default()
        });
        assert_eq!((own.record.as_str(), own.key), ("WARNING INFO", None));
    }
}
