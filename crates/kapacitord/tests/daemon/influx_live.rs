//! Clusters that change over HTTP while the daemon runs: subscriptions, queries and writes follow at once. Also from a
//! certificate that is not trusted to one that is.

use serde_json::{Value, json};
use testkit::{certificates::Certificates, daemon::Daemon, influxd::Influxd, wait};

use super::{
    TASKS, definition,
    influx::{subscribed, with_influx},
};

const CONFIG: &str = "/kapacitor/v1/config/influxdb";

fn change(daemon: &Daemon, element: &str, update: Value) -> (u16, String) {
    let reply = daemon.request("POST", &format!("{CONFIG}/{element}"), update.to_string());
    (reply.status, reply.body)
}

fn define_batch(daemon: &Daemon) {
    let script =
        "batch|query('SELECT last(v) AS v FROM \"plant\".\"autogen\".\"m\"').period(1h).every(100ms)|httpOut('v')";
    let task = definition("b", script, "enabled").replace("stream\"", "batch\"").replace("\"telegraf\"", "\"plant\"");
    let reply = daemon.request("POST", TASKS, task);
    assert_eq!(reply.status, 200, "{}", reply.body);
}

/// Waits until the batch task shows this value.
fn shows(daemon: &Daemon, value: i64) {
    wait::until(&format!("the value {value} of the batch task"), || {
        let shown: Value = serde_json::from_str(&daemon.get(&format!("{TASKS}/b/v")).body).ok()?;
        (shown["series"][0]["values"][0][1] == json!(value)).then_some(())
    });
}

fn has_subscriptions(influxd: &Influxd) -> bool {
    influxd.query("SHOW SUBSCRIPTIONS").contains("kapacitor-")
}

#[test]
fn another_address_counts_at_once_for_queries_and_subscriptions() {
    let (first, second) = (Influxd::start(), Influxd::start());
    for (influxd, value) in [(&first, 1), (&second, 2)] {
        influxd.query("CREATE DATABASE plant");
        influxd.write("plant", &format!("m v={value}i\n"));
    }
    let daemon = with_influx(&first.url()).start();
    subscribed(&first, "plant", &daemon);
    define_batch(&daemon);
    shows(&daemon, 1);

    assert_eq!(change(&daemon, "main", json!({"set": {"urls": [second.url()]}})), (204, String::new()));
    subscribed(&second, "plant", &daemon);
    shows(&daemon, 2);
    wait::until("no subscriptions at the old address", || (!has_subscriptions(&first)).then_some(()));

    assert_eq!(change(&daemon, "main", json!({"set": {"disable-subscriptions": true}})).0, 204);
    wait::until("no subscriptions", || (!has_subscriptions(&second)).then_some(()));
    assert_eq!(change(&daemon, "main", json!({"delete": ["disable-subscriptions", "urls"]})).0, 204);
    subscribed(&first, "plant", &daemon);
    shows(&daemon, 1);
}

#[test]
fn clusters_come_and_go() {
    let (first, other) = (Influxd::start(), Influxd::start());
    other.query("CREATE DATABASE plant");
    let daemon = with_influx(&first.url()).start();
    let missing = format!("{CONFIG}/other");
    assert_eq!(daemon.get(&missing).status, 404);
    let new = json!({"add": {"name": "other", "urls": [other.url()], "enabled": true,
                             "subscriptions-sync-interval": "1s"}});
    let (status, body) = change(&daemon, "", new);
    assert_eq!((status, body.as_str()), (204, ""));
    subscribed(&other, "plant", &daemon);
    let script = "stream|from().measurement('m')|influxDBOut().cluster('other').database('plant')\
                  .retentionPolicy('autogen').measurement('out').flushInterval(50ms)";
    let reply = daemon.request("POST", TASKS, definition("out", script, "enabled"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    daemon.write("m v=7i 1000000000\n");
    wait::until("a point in the new cluster", || {
        other.query_in("plant", "SELECT v FROM out").contains(",7]").then_some(())
    });

    assert_eq!(change(&daemon, "", json!({"remove": ["other"]})).0, 204);
    wait::until("no subscriptions", || (!has_subscriptions(&other)).then_some(()));
    let health: Value = serde_json::from_str(&daemon.get("/kapacitor/v1/health").body).unwrap_or_default();
    assert!(!health.to_string().contains("influxdb:other"), "{health}");
    // What cannot be is refused, and nothing is changed.
    let (status, why) = change(&daemon, "main", json!({"set": {"ssl-ca": "/not/there.pem"}}));
    assert!(status >= 400 && why.contains("/not/there.pem"), "{status} {why}");
    subscribed_to_nothing_else(&daemon);
}

fn subscribed_to_nothing_else(daemon: &Daemon) {
    let shown = daemon.get("/kapacitor/v1/config/influxdb/main").body;
    assert!(!shown.contains("/not/there.pem"), "{shown}");
}

#[test]
fn an_encrypted_influxdb_is_trusted_by_its_authority_or_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let certificates = Certificates::make(folder.path());
    let influxd = Influxd::start_encrypted(&certificates);
    let daemon = with_influx(&influxd.url()).start();
    let health = || daemon.get("/kapacitor/v1/health").body;
    assert!(health().contains("certificate"), "{}", health());
    for trust in [json!({"insecure-skip-verify": true}), json!({"ssl-ca": certificates.certificate("ca")})] {
        let all = ["insecure-skip-verify", "ssl-ca"];
        let others: Vec<&str> = all.into_iter().filter(|key| trust.get(key).is_none()).collect();
        assert_eq!(change(&daemon, "main", json!({"set": trust, "delete": others})).0, 204);
        wait::until("a good health", || health().contains("it answers").then_some(()));
    }
    // Written there, and asked back.
    let out = "stream|from().measurement('m')|influxDBOut().database('plant').retentionPolicy('autogen')\
               .measurement('m').create().flushInterval(50ms)";
    let reply = daemon.request("POST", TASKS, definition("out", out, "enabled"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    define_batch(&daemon);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_nanos();
    daemon.write(&format!("m v=42i {now}\n"));
    shows(&daemon, 42);
}
