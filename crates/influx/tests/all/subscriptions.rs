//! Subscriptions in a real InfluxDB: made, mended, dropped, and what is written arrives.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use influx::{Cluster, DatabasePolicy, HttpDestination, Query, Report, SubscriptionOptions, Subscriptions};
use testkit::http::{Answer, Server};
use testkit::influxd::Influxd;

use crate::{cluster, run};

fn subscriptions(cluster: &Arc<Cluster>, port: u16, options: SubscriptionOptions) -> Subscriptions {
    let destination = HttpDestination::new("http", "127.0.0.1", port, "");
    Subscriptions::new(Arc::clone(cluster), "an-id", options, destination)
}

fn map(entries: &[(&str, &[&str])]) -> BTreeMap<String, Vec<String>> {
    let owned = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
    entries.iter().map(|(database, policies)| ((*database).to_owned(), owned(policies))).collect()
}

fn shown(places: &[DatabasePolicy]) -> Vec<String> {
    places.iter().map(ToString::to_string).collect()
}

async fn existing(cluster: &Cluster) -> Vec<String> {
    let series = cluster.collect(&Query::new("SHOW SUBSCRIPTIONS")).await.expect("subscriptions");
    let names = |series: &influx::Series| {
        let pairs = series.column("retention_policy").zip(series.column("name"));
        let texts = pairs.map(|(policy, name)| (policy.text().map(str::to_owned), name.text().map(str::to_owned)));
        let line = |(policy, name): (Option<String>, Option<String>)| {
            format!("{}.{} {}", series.name, policy.unwrap_or_default(), name.unwrap_or_default())
        };
        texts.map(line).collect::<Vec<_>>()
    };
    series.iter().flat_map(names).collect()
}

#[test]
fn written_points_are_delivered() {
    let server = Influxd::start();
    let sink = Server::start(|_| Answer::new(204, ""));
    server.query("CREATE DATABASE plant");
    run(async {
        let cluster = cluster(server.url());
        let exclude = map(&[("_internal", &["monitor"])]);
        let options = SubscriptionOptions { exclude, ..SubscriptionOptions::default() };
        let report = subscriptions(&cluster, sink.address().port(), options).sync().await.expect("a report");
        assert_eq!(shown(&report.created), ["plant.autogen"]);
    });
    server.write("plant", "m v=1 1\n");
    let requests = sink.wait_for(1);
    assert_eq!(requests[0].path, "/write");
    assert_eq!((requests[0].parameter("db"), requests[0].parameter("rp")), (Some("plant"), Some("autogen")));
    assert_eq!(requests[0].body, b"m v=1 1\n");
}

#[test]
fn a_sync_makes_them_as_they_should_be() {
    let server = Influxd::start();
    run(async {
        let cluster = cluster(server.url());
        for database in ["a", "b \"x\"", "c"] {
            cluster.create_database(database, "").await.expect("created");
        }
        cluster.execute("CREATE RETENTION POLICY short ON a DURATION 2h REPLICATION 1").await.expect("created");
        cluster.execute("CREATE SUBSCRIPTION other ON a.autogen DESTINATIONS ALL 'http://h:1'").await.expect("created");
        let exclude = map(&[("_internal", &["monitor"]), ("c", &["autogen"])]);
        let options = SubscriptionOptions { exclude, ..SubscriptionOptions::default() };

        let mut ours = subscriptions(&cluster, 9092, options.clone());
        let all = ["a.autogen", "a.short", "b \"x\".autogen"];
        assert_eq!(shown(&ours.sync().await.expect("a report").created), all);
        let again = ours.sync().await.expect("a report");
        assert!(again.is_quiet());
        assert_eq!((shown(&again.kept), again.active()), (all.map(str::to_owned).to_vec(), 3));

        // Another port: all are dropped and made anew.
        let mut moved = subscriptions(&cluster, 9093, options.clone());
        let report = moved.sync().await.expect("a report");
        assert_eq!((shown(&report.dropped), shown(&report.created)), (shown(&again.kept), shown(&again.kept)));

        // Only what is listed.
        let options = SubscriptionOptions { include: map(&[("a", &["short"]), ("gone", &["x"])]), ..options };
        let report = subscriptions(&cluster, 9093, options).sync().await.expect("a report");
        assert_eq!(shown(&report.kept), ["a.short"]);
        assert_eq!(shown(&report.dropped), ["a.autogen", "b \"x\".autogen"]);

        assert_eq!(existing(&cluster).await, ["a.autogen other", "a.short kapacitor-an-id"]);
        assert_eq!(shown(&moved.drop_all().await.expect("a report").dropped), ["a.short"]);
        assert_eq!(moved.drop_all().await, Ok(Report::default()));
        assert_eq!(existing(&cluster).await, ["a.autogen other"]);
    });
}

#[test]
fn a_sync_that_failed_is_tried_again() {
    let calls = AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let status = if calls.fetch_add(1, Ordering::SeqCst) < 2 { 503 } else { 200 };
        Answer::new(status, r#"{"results":[{}]}"#)
    });
    for interval in [Duration::from_millis(5), Duration::ZERO] {
        let (told, mut heard) = tokio::sync::mpsc::unbounded_channel();
        let mut ours = subscriptions(&cluster(server.url()), 9092, SubscriptionOptions::default());
        run(async {
            let keep = ours.keep(interval, |result| told.send(result.is_ok()).expect("the test listens"));
            tokio::select! {
                never = keep => match never {},
                () = async { while heard.recv().await != Some(true) {} } => {}
            }
        });
    }
}

#[test]
fn a_cluster_that_is_away_is_an_error() {
    let gone = Server::start(|_| Answer::new(204, "")).url();
    run(async {
        let cluster = cluster(gone);
        let error = subscriptions(&cluster, 9092, SubscriptionOptions::default()).sync().await.expect_err("nobody");
        assert!(error.is_temporary(), "{error}");
    });
}
