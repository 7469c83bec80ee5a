//! `kafka`: a record of a Kafka topic.

use std::sync::Arc;

use alert::{Kind, OpenError};
use declare::{Declaration, Declared};

use crate::AlertHost;

const NAME: &str = "kafka";

/// The kind `kafka`. Sending needs a client of Kafka, which is not here yet.
pub(crate) fn kind(host: &Arc<AlertHost>) -> Arc<Kind> {
    let host = host.clone();
    Kind::of(NAME, Options::declare, move |options: Options, _| {
        let wanted = if options.cluster.is_empty() { "default" } else { &options.cluster };
        let configs = host.configs();
        let known = configs.all(NAME).iter().any(|section| section.bool("enabled") && section.text("id") == wanted);
        if known {
            return Err(OpenError::CannotSend { kind: NAME });
        }
        let why = format!("unknown cluster \"{wanted}\": no [[kafka]] of the config has this id and enabled = true");
        Err(OpenError::Invalid { kind: NAME, why })
    })
    .method("kafka")
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
            .property("kafkaTopic", "The topic.", |d| &mut d.topic)
            .key("topic")
            .property("template", "The record, a template.", |d| &mut d.template)
            .default_text("the event's JSON")
            .flag("disablePartitionById", "Do not choose the partition by the event's id.", |d| {
                &mut d.disable_partition_by_id
            })
            .property("partitionHashAlgorithm", "How the id chooses the partition.", |d| &mut d.partition_algorithm)
            .key("partitionAlgorithm")
            .choices(&["crc32", "murmur2", "murmur3", "fnv-1a"])
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).kafka().kafkaTopic('alerts')")
    }
}
