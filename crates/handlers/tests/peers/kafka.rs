//! `kafka` and a Kafka broker.

use std::collections::BTreeMap;
use std::sync::Arc;

use alert::{Event, Level, Outcome};
use rskafka::client::ClientBuilder;
use rskafka::client::partition::UnknownTopicHandling;
use serde_json::{Value as Json, json};
use testkit::certificates::Certificates;
use testkit::kafka::Kafka;

use crate::{World, event, must_give_up, must_retry};

/// Of each topic of the broker.
const PARTITIONS: i32 = 3;

#[test]
fn records_get_to_their_partition() {
    let folder = tempfile::tempdir().expect("a folder");
    let certificates = Certificates::make(folder.path());
    let broker = Kafka::start(&certificates, 3);
    let world = world(&broker, &certificates);

    // One by one, then many at once; the topic is made by the first.
    let mut handler = world.open("kafka", json!({"topic": "alerts-{{ index .Tags \"host\" }}"}));
    for level in [Level::Critical, Level::Ok] {
        assert_eq!(world.send(&mut handler, &event("cpu", level)), Outcome::Done);
    }
    let many: Vec<Arc<Event>> = (0..250).map(|n| Arc::new(event(&format!("id{}", n % 7), Level::Warning))).collect();
    assert_eq!(world.runtime.block_on(handler.handle_all(&many)), Outcome::Done);
    let got = world.runtime.block_on(records(&broker, "alerts-web-1"));
    assert_eq!(got.iter().map(|record| &record.key).filter(|key| *key == "cpu").count(), 2);
    assert_eq!(got.len(), 252);
    let mut places: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for record in &got {
        places.entry(&record.key).or_default().push(record.partition);
    }
    for (id, partitions) in &places {
        let crc32 = i32::try_from(crc32(id.as_bytes()) % 3).expect("a small number");
        assert!(partitions.iter().all(|&partition| partition == crc32), "{id} is in {partitions:?}, not in {crc32}");
    }
    let first = got.iter().find(|record| record.key == "cpu").expect("the first one");
    assert_eq!(first.value, event("cpu", Level::Critical).json() + "\n");

    // Without a key, with a template; and the service's test.
    let plain = json!({"topic": "plain", "disablePartitionById": true, "template": "{{ .ID }}: {{ .Level }}"});
    let mut handler = world.open("kafka", plain);
    for _ in 0..3 {
        assert_eq!(world.send(&mut handler, &event("cpu", Level::Info)), Outcome::Done);
    }
    let options = json!({"cluster": "default", "topic": "tested", "key": "k", "message": "hello"});
    assert_eq!(world.test("kafka", &options), Ok(()));
    let got = world.runtime.block_on(records(&broker, "plain"));
    assert_eq!(got.iter().map(|record| record.partition).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(got.iter().all(|record| record.key.is_empty() && record.value == "cpu: INFO"), "{got:?}");
    let got = world.runtime.block_on(records(&broker, "tested"));
    assert_eq!(got.iter().map(|record| (&*record.key, &*record.value)).collect::<Vec<_>>(), [("k", "hello")]);

    signing_in(&world);
    refusals(&world);
}

fn signing_in(world: &World) {
    let send =
        |cluster: &str| world.send_one("kafka", json!({"cluster": cluster, "topic": "t"}), &event("a", Level::Ok));
    for cluster in ["plain-password", "scram", "token", "shown"] {
        assert_eq!(send(cluster), Outcome::Done, "{cluster}");
    }
    for cluster in ["wrong-password", "wrong-scram", "not-shown", "stranger"] {
        let why = must_retry(send(cluster));
        assert!(!why.contains("wrong one"), "{why}");
    }
}

fn refusals(world: &World) {
    let mut large = event("large", Level::Critical);
    large.state.message = "x".repeat(2_000_000).into();
    must_give_up(world.send_one("kafka", json!({"topic": "t"}), &large));
    // What is too much at once goes in portions.
    let mut half = event("half", Level::Critical);
    half.state.message = "x".repeat(400_000).into();
    let halves: Vec<_> = std::iter::repeat_n(Arc::new(half), 4).collect();
    let outcome = world.runtime.block_on(world.open("kafka", json!({"topic": "t"})).handle_all(&halves));
    assert_eq!(outcome, Outcome::Done);
    must_retry(world.send_one("kafka", json!({"cluster": "away", "topic": "t"}), &event("a", Level::Ok)));
}

fn world(broker: &Kafka, certificates: &Certificates) -> World {
    let ca = certificates.certificate("ca");
    let cluster = |id: &str, place: String, more: Json| {
        let mut section = json!({"enabled": true, "id": id, "brokers": [place], "timeout": "30s"});
        section.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        section
    };
    let sign_in = |id: &str, mechanism: &str, password: &str| {
        let more = json!({"use-ssl": true, "ssl-ca": ca, "sasl-username": Kafka::USER, "sasl-password": password,
            "sasl-mechanism": mechanism, "timeout": if password == Kafka::PASSWORD { "30s" } else { "1s" }});
        cluster(id, broker.sasl(), more)
    };
    let token = json!({"use-ssl": true, "ssl-ca": ca, "sasl-mechanism": "OAUTHBEARER", "sasl-access-token": token()});
    let shown = json!({"use-ssl": true, "ssl-ca": ca, "ssl-cert": certificates.certificate("client"),
        "ssl-key": certificates.key("client")});
    World::new(&[(
        "kafka",
        json!([
            cluster("default", broker.plain(), json!({})),
            sign_in("plain-password", "", Kafka::PASSWORD),
            sign_in("scram", "SCRAM-SHA-512", Kafka::PASSWORD),
            sign_in("wrong-password", "PLAIN", "wrong one"),
            sign_in("wrong-scram", "SCRAM-SHA-512", "wrong one"),
            cluster("token", broker.sasl(), token),
            cluster("shown", broker.tls(), shown),
            cluster("not-shown", broker.tls(), json!({"use-ssl": true, "ssl-ca": ca, "timeout": "1s"})),
            cluster("stranger", broker.sasl(), json!({"use-ssl": true, "sasl-username": "u", "timeout": "1s"})),
            cluster("away", "127.0.0.1:1".to_string(), json!({"timeout": "1s"})),
        ]),
    )])
}

/// A token without a signature, as brokers take it that are set up for a test.
fn token() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970").as_secs();
    let claims = json!({"sub": Kafka::USER, "iat": now - 10, "exp": now + 3600});
    format!("{}.{}.", base64(r#"{"alg":"none"}"#), base64(&claims.to_string()))
}

/// For URLs, without padding.
fn base64(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = text.as_bytes().chunks(3).flat_map(|chunk| {
        let word = chunk.iter().fold(0u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        (0..=chunk.len()).map(move |n| char::from(DIGITS[(word >> (18 - 6 * n) & 63) as usize]))
    });
    digits.collect()
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

#[derive(Debug)]
struct Got {
    partition: i32,
    /// Empty for none.
    key: String,
    value: String,
}

/// All records of a topic, by partition.
async fn records(broker: &Kafka, topic: &str) -> Vec<Got> {
    let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap_or_default()).expect("text");
    let client = ClientBuilder::new(vec![broker.plain()]).build().await.expect("a client");
    let mut got = Vec::new();
    for partition in 0..PARTITIONS {
        let reader = client.partition_client(topic, partition, UnknownTopicHandling::Error).await.expect("a partition");
        let mut offset = 0;
        loop {
            let (records, end) = reader.fetch_records(offset, 1..10_000_000, 100).await.expect("records");
            for record in records {
                offset = record.offset + 1;
                got.push(Got { partition, key: text(record.record.key), value: text(record.record.value) });
            }
            if offset >= end {
                break;
            }
        }
    }
    got
}
