//! The connection to a Kafka cluster, and how records get there.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use alert::Outcome;
use rskafka::BackoffConfig;
use rskafka::chrono::Utc;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder};
use rskafka::record::Record;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::partition::Algorithm;
use super::sasl::{self, SignIn};
use crate::Section;
use crate::http::EVENT_ID;
use crate::tls::Tls;

/// How long a record may take, unless the config says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Partitions may be added to a topic: they are looked up anew after that.
const PARTITIONS_LAST: Duration = Duration::from_secs(300);
/// Brokers take no more than a megabyte at once, unless they are told to.
const MOST_BYTES: usize = 900_000;

/// One record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Letter {
    pub(super) topic: String,
    /// The event's id and how it chooses the partition; `None` for no key and any partition.
    pub(super) key: Option<(String, Algorithm)>,
    pub(super) record: String,
    /// Names the event for who reads it more than once; empty for no event.
    pub(super) event: String,
}

/// A `[[kafka]]` section, and the connections that are open.
pub(crate) struct Cluster {
    id: String,
    brokers: Vec<String>,
    timeout: Duration,
    tls: Option<Tls>,
    sign_in: Option<SignIn>,
    open: Mutex<Option<Open>>,
}

struct Open {
    client: Client,
    topics: HashMap<String, Topic>,
    /// Counts records without a key, so that they are spread.
    turn: usize,
}

struct Topic {
    partitions: Vec<i32>,
    looked_up: Instant,
    clients: HashMap<i32, Arc<PartitionClient>>,
}

/// Why records did not get there.
enum Failure {
    /// Away, or not ready.
    Later(String),
    /// The broker does not want them.
    Never(String),
}

impl Cluster {
    pub(super) fn of(section: &Section) -> Result<Self, String> {
        let brokers = section.texts("brokers");
        if brokers.is_empty() {
            return Err("no brokers: set brokers = [\"HOST:PORT\"] in [[kafka]] of the config".to_string());
        }
        let timeout = section.duration("timeout");
        Ok(Cluster {
            id: section.text("id").to_string(),
            brokers,
            timeout: if timeout.is_zero() { TIMEOUT } else { timeout },
            tls: section.bool("use-ssl").then(|| Tls::of(section)),
            sign_in: sasl::of(section)?,
            open: Mutex::default(),
        })
    }

    /// Sends records in their order. One that fails fails all after it.
    pub(super) async fn send(&self, letters: Vec<Letter>) -> Outcome {
        let place = self.brokers.join(", ");
        let mut open = self.open.lock().await;
        let sent = timeout(self.timeout, self.try_send(&mut open, letters)).await;
        let failure = match sent {
            Ok(Ok(())) => return Outcome::Done,
            Ok(Err(failure)) => failure,
            Err(_) => Failure::Later(format!("no answer within {:?}", self.timeout)),
        };
        // Whatever it was, the next one starts over.
        *open = None;
        match failure {
            Failure::Later(why) => Outcome::retry(format!("{place}: {why}")),
            Failure::Never(why) => Outcome::GiveUp(format!("{place}: {why}")),
        }
    }

    async fn try_send(&self, open: &mut Option<Open>, letters: Vec<Letter>) -> Result<(), Failure> {
        let open = match open {
            Some(open) => open,
            None => open.insert(self.connect().await?),
        };
        // By topic and partition: only the order within a partition is kept by Kafka anyway.
        let mut batches: BTreeMap<(String, i32), Vec<Record>> = BTreeMap::new();
        for letter in letters {
            let partition = open.partition(&letter).await?;
            let key = letter.key.map(|(id, _)| id.into_bytes());
            let value = Some(letter.record.into_bytes());
            let headers = match letter.event.as_str() {
                "" => BTreeMap::new(),
                event => BTreeMap::from([(EVENT_ID.to_string(), event.as_bytes().to_vec())]),
            };
            let record = Record { key, value, headers, timestamp: Utc::now() };
            batches.entry((letter.topic, partition)).or_default().push(record);
        }
        for ((topic, partition), records) in batches {
            let client = open.client(&topic, partition).await?;
            for records in portions(records) {
                client.produce(records, Compression::NoCompression).await.map_err(failure)?;
            }
        }
        Ok(())
    }

    async fn connect(&self) -> Result<Open, Failure> {
        let pauses = BackoffConfig {
            init_backoff: Duration::from_millis(50),
            max_backoff: Duration::from_secs(1),
            base: 2.0,
            deadline: Some(self.timeout),
        };
        let mut builder = ClientBuilder::new(self.brokers.clone()).client_id(self.id.as_str()).backoff_config(pauses);
        if let Some(tls) = &self.tls {
            builder = builder.tls_config(Arc::new(tls.client().map_err(Failure::Never)?));
        }
        if let Some(sign_in) = &self.sign_in {
            builder = builder.sasl_config(sign_in.config().await.map_err(Failure::Later)?);
        }
        let client = builder.build().await.map_err(failure)?;
        Ok(Open { client, topics: HashMap::new(), turn: 0 })
    }
}

impl Open {
    async fn partition(&mut self, letter: &Letter) -> Result<i32, Failure> {
        let known = self.topics.get(&letter.topic).is_some_and(|topic| topic.looked_up.elapsed() < PARTITIONS_LAST);
        if !known {
            let topic = self.look_up(&letter.topic).await?;
            self.topics.insert(letter.topic.clone(), topic);
        }
        let partitions = self.topics.get(&letter.topic).map_or(&[][..], |topic| &topic.partitions);
        let count = partitions.len().max(1);
        let place = match &letter.key {
            Some((id, algorithm)) if !id.is_empty() => algorithm.place(id, count),
            _ => {
                self.turn = self.turn.wrapping_add(1);
                self.turn % count
            }
        };
        Ok(partitions.get(place).copied().unwrap_or_default())
    }

    /// The partitions of a topic. One that is not there is made by asking for it, if the broker does that at all.
    async fn look_up(&self, name: &str) -> Result<Topic, Failure> {
        let mut partitions = self.partitions(name).await?;
        if partitions.is_empty() {
            self.connect(name, 0).await?;
            partitions = self.partitions(name).await?;
        }
        if partitions.is_empty() {
            return Err(Failure::Later(format!("there is no topic \"{name}\"")));
        }
        Ok(Topic { partitions, looked_up: Instant::now(), clients: HashMap::new() })
    }

    async fn partitions(&self, name: &str) -> Result<Vec<i32>, Failure> {
        let topics = self.client.list_topics().await.map_err(failure)?;
        let topic = topics.into_iter().find(|topic| topic.name == name);
        Ok(topic.map(|topic| topic.partitions.into_iter().collect()).unwrap_or_default())
    }

    async fn connect(&self, topic: &str, partition: i32) -> Result<PartitionClient, Failure> {
        self.client.partition_client(topic, partition, UnknownTopicHandling::Retry).await.map_err(failure)
    }

    async fn client(&mut self, topic: &str, partition: i32) -> Result<Arc<PartitionClient>, Failure> {
        let known = self.topics.get(topic).and_then(|topic| topic.clients.get(&partition));
        if let Some(client) = known {
            return Ok(client.clone());
        }
        let client = Arc::new(self.connect(topic, partition).await?);
        if let Some(topic) = self.topics.get_mut(topic) {
            topic.clients.insert(partition, client.clone());
        }
        Ok(client)
    }
}

/// Records in portions that a broker takes at once.
fn portions(records: Vec<Record>) -> Vec<Vec<Record>> {
    let mut portions: Vec<Vec<Record>> = Vec::new();
    let mut room = 0;
    for record in records {
        let size = record.approximate_size();
        match portions.last_mut().filter(|_| size <= room) {
            Some(portion) => {
                room -= size;
                portion.push(record);
            }
            None => {
                room = MOST_BYTES.saturating_sub(size);
                portions.push(vec![record]);
            }
        }
    }
    portions
}

fn failure(error: Error) -> Failure {
    let Error::ServerError { protocol_error, error_message, .. } = &error else {
        return Failure::Later(error.to_string());
    };
    let why = match error_message {
        Some(message) => format!("{protocol_error}: {message}"),
        None => protocol_error.to_string(),
    };
    match protocol_error {
        ProtocolError::MessageTooLarge
        | ProtocolError::RecordListTooLarge
        | ProtocolError::InvalidTopicException
        | ProtocolError::InvalidRecord
        | ProtocolError::TopicAuthorizationFailed
        | ProtocolError::ClusterAuthorizationFailed
        | ProtocolError::PolicyViolation => Failure::Never(why),
        _ => Failure::Later(why),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_sent_in_portions() {
        let record = |size: usize| Record {
            key: None,
            value: Some(vec![0; size]),
            headers: BTreeMap::new(),
            timestamp: Utc::now(),
        };
        let sizes = |sizes: &[usize]| -> Vec<usize> {
            portions(sizes.iter().map(|&size| record(size)).collect()).iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(&[]), [0usize; 0]);
        assert_eq!(sizes(&[10, 10]), [2]);
        assert_eq!(sizes(&[500_000, 300_000, 200_000, 2_000_000, 1, 899_999]), [2, 1, 1, 2]);
    }
}
