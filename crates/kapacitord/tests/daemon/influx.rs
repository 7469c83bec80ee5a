//! With a real InfluxDB: subscriptions, streams from it, queries of it, writes into it.

use std::{
    net::TcpListener,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};
use testkit::{
    daemon::{Daemon, Setup},
    influxd::Influxd,
    wait,
};

use super::{TASKS, run_task, setup, sink};

/// A daemon that knows the InfluxDB at this URL and looks for new databases every second.
pub(super) fn with_influx(url: &str) -> Setup {
    setup().config(&format!(
        "[[influxdb]]\nenabled = true\ndefault = true\nname = \"main\"\nurls = [\"{url}\"]\n\
         subscriptions-sync-interval = \"1s\"\nstartup-timeout = \"1s\"\n"
    ))
}

/// Waits until InfluxDB sends what is written into `database` to this daemon.
pub(super) fn subscribed(influxd: &Influxd, database: &str, daemon: &Daemon) {
    let port = daemon.address().rsplit(':').next().unwrap();
    let url = format!("\"http://localhost:{port}\"");
    wait::until(&format!("a subscription of {database} for {url}"), || {
        let answer: Value = serde_json::from_str(&influxd.query("SHOW SUBSCRIPTIONS")).unwrap();
        let series = answer["results"][0]["series"].as_array()?;
        let series = series.iter().find(|series| series["name"] == database)?;
        series.to_string().contains(&url).then_some(())
    });
}

/// Writes until something of it comes out: InfluxDB takes a moment to know its own subscriptions.
pub(super) fn write_until(influxd: &Influxd, database: &str, line: &str, mut out: impl FnMut() -> bool) {
    let mut second = 0;
    wait::until("what was written into InfluxDB to come out", || {
        second += 1;
        influxd.write(database, &format!("{line} {}\n", second * 1_000_000_000_i64));
        out().then_some(())
    });
}

#[test]
fn what_is_written_into_influxdb_alerts_and_subscriptions_go_at_the_end() {
    let (influxd, sink) = (Influxd::start(), sink());
    influxd.query("CREATE DATABASE telegraf");
    let mut daemon = with_influx(&influxd.url()).start();
    subscribed(&influxd, "telegraf", &daemon);
    let log = daemon.folder().join("alerts.log");
    let script = format!(
        "stream|from().database('telegraf').measurement('cpu')|alert().id('cpu').crit(lambda: \"idle\" < 10)\
         .post('{}/').log('{}')",
        sink.url(),
        log.display()
    );
    run_task(&daemon, "t", &script);
    let mut posts = Vec::new();
    write_until(&influxd, "telegraf", "cpu,host=a idle=5i", || {
        posts.extend(sink.take());
        !posts.is_empty()
    });
    let event: Value = serde_json::from_slice(&posts[0].body).unwrap();
    assert_eq!((&event["id"], &event["level"]), (&json!("cpu"), &json!("CRITICAL")), "{event}");
    assert_eq!(event["data"]["series"][0]["tags"], json!({ "host": "a" }));
    wait::until("a line of the alerts' log", || {
        std::fs::read_to_string(&log).ok().filter(|text| text.contains("CRITICAL"))
    });

    // A database of later is found.
    influxd.query("CREATE DATABASE later");
    subscribed(&influxd, "later", &daemon);
    let task = json!({
        "id": "later", "dbrps": [{ "db": "later", "rp": "autogen" }], "status": "enabled",
        "script": format!("stream|from().measurement('m')|alert().id('later').crit(lambda: TRUE).post('{}/')", sink.url()),
    });
    assert_eq!(daemon.request("POST", TASKS, task.to_string()).status, 200);
    write_until(&influxd, "later", "m v=1", || {
        sink.take().iter().any(|post| String::from_utf8_lossy(&post.body).contains("\"id\":\"later\""))
    });

    assert_eq!(daemon.stop().code(), Some(0));
    let left = influxd.query("SHOW SUBSCRIPTIONS");
    assert!(!left.contains("kapacitor-"), "{left}");
}

#[test]
fn subscriptions_follow_a_daemon_that_was_killed() {
    let influxd = Influxd::start();
    influxd.query("CREATE DATABASE telegraf");
    let mut daemon = with_influx(&influxd.url()).start();
    subscribed(&influxd, "telegraf", &daemon);
    daemon.kill();
    daemon.start();
    subscribed(&influxd, "telegraf", &daemon);
    let answer: Value = serde_json::from_str(&influxd.query("SHOW SUBSCRIPTIONS")).unwrap();
    let of_telegraf = answer["results"][0]["series"].as_array().unwrap().iter().find(|it| it["name"] == "telegraf");
    assert_eq!(of_telegraf.unwrap()["values"].as_array().unwrap().len(), 1, "{answer}");
}

#[test]
fn batch_tasks_query_on_a_schedule_and_results_are_written_back() {
    let (influxd, sink) = (Influxd::start(), sink());
    influxd.query("CREATE DATABASE telegraf");
    let daemon = with_influx(&influxd.url()).start();
    let script = format!(
        "var low = batch|query('SELECT min(idle) AS idle FROM \"telegraf\".\"autogen\".\"cpu\"').period(1h).every(200ms)\
         .groupBy('host')\nlow|httpOut('low')\nlow|alert().id('{{{{ index .Tags \"host\" }}}}').crit(lambda: \"idle\" < 10)\
         .stateChangesOnly().post('{}/')\nlow|influxDBOut().database('results').retentionPolicy('autogen')\
         .measurement('low').create().tag('from', 'kapacitor').flushInterval(100ms)",
        sink.url()
    );
    let reply =
        daemon.request("POST", TASKS, super::definition("b", &script, "enabled").replace("stream\"", "batch\""));
    assert_eq!(reply.status, 200, "{}", reply.body);
    // Times are those of InfluxDB's clock: the query looks back from now.
    let write = |line: &str| influxd.write("telegraf", &format!("{line}\n"));
    write("cpu,host=a idle=5i");
    write("cpu,host=b idle=50i");
    let event: Value = serde_json::from_slice(&sink.wait_for(1)[0].body).unwrap();
    assert_eq!((&event["id"], &event["level"]), (&json!("a"), &json!("CRITICAL")), "{event}");
    let shown = wait::until("both hosts at the endpoint", || {
        let shown: Value = serde_json::from_str(&daemon.get(&format!("{TASKS}/b/low")).body).ok()?;
        (shown["series"].as_array()?.len() == 2).then_some(shown)
    });
    assert_eq!(shown["series"][1]["tags"], json!({ "host": "b" }));
    wait::until("rows written back", || {
        let query = "SELECT last(idle) FROM results.autogen.low GROUP BY host, \"from\"";
        let answer: Value = serde_json::from_str(&influxd.query_in("results", query)).unwrap();
        let series = answer["results"][0]["series"].as_array()?;
        let tags: Vec<&Value> = series.iter().map(|series| &series["tags"]).collect();
        (json!(tags) == json!([{ "from": "kapacitor", "host": "a" }, { "from": "kapacitor", "host": "b" }]))
            .then_some(())
    });
}

/// What a batch task shows of the same data does not depend on the format of the answers.
#[test]
fn a_batch_is_the_same_in_each_format_of_answers() {
    let influxd = Influxd::start();
    influxd.query("CREATE DATABASE telegraf");
    let hour_ago = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() - 3_600_000_000_000;
    let line = |index: u32| {
        let (host, at) = (index % 3, hour_ago + u128::from(index));
        format!("m,host=h{host} i={index}i,f={}.25,s=\"s {index}\",b={} {at}\n", index * 7, index.is_multiple_of(2))
    };
    influxd.write("telegraf", &(0..100).map(line).collect::<String>());
    let shown_in = |format: &str| {
        let format = if format.is_empty() { String::new() } else { format!("response-format = \"{format}\"\n") };
        let daemon = with_influx(&influxd.url()).config(&format).start();
        let script = "batch|query('SELECT i, f, s, b FROM \"telegraf\".\"autogen\".\"m\"').period(3h).every(100ms).groupBy('host')\
                      |httpOut('all')";
        let task = super::definition("b", script, "enabled").replace("stream\"", "batch\"");
        let reply = daemon.request("POST", TASKS, task);
        assert_eq!(reply.status, 200, "{}", reply.body);
        // Two answers of three hosts: the first says which server it is.
        wait::until("answers", || {
            let stats: Value = serde_json::from_str(&daemon.get(&format!("{TASKS}/b")).body).ok()?;
            (stats["stats"]["node-stats"]["query1"]["batches_queried"].as_i64()? >= 6).then_some(())
        });
        let shown: Value = serde_json::from_str(&daemon.get(&format!("{TASKS}/b/all")).body).unwrap();
        assert_eq!(shown["series"].as_array().map(Vec::len), Some(3), "{shown}");
        shown
    };
    let expected = shown_in("json");
    assert_eq!(expected["series"][1]["values"][0][4], json!("s 1"), "{expected}");
    for format in ["msgpack", "csv", ""] {
        assert_eq!(shown_in(format), expected, "{format}");
    }
}

#[test]
fn an_influxdb_that_is_away_does_not_hinder_the_start() {
    let away = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (mut daemon, sink) = (with_influx(&format!("http://{away}")).start(), sink());
    let script = format!("stream|from().measurement('m')|alert().crit(lambda: TRUE).post('{}/')", sink.url());
    run_task(&daemon, "t", &script);
    daemon.write("m v=1\n");
    assert_eq!(sink.wait_for(1).len(), 1);
    daemon.logged("cannot subscribe, will try again");

    // Once it is there, it is subscribed to without a restart.
    let influxd = Influxd::start_at(away.port());
    influxd.query("CREATE DATABASE telegraf");
    subscribed(&influxd, "telegraf", &daemon);
    assert_eq!(daemon.stop().code(), Some(0));
    assert!(!influxd.query("SHOW SUBSCRIPTIONS").contains("kapacitor-"));
}

#[test]
fn a_query_that_influxdb_refuses_is_told_and_the_task_goes_on() {
    let influxd = Influxd::start();
    let daemon = with_influx(&influxd.url()).start();
    let script = "batch|query('SELECT mean(v) FROM telegraf.autogen.m').period(1m).every(100ms)|httpOut('x')";
    let reply = daemon.request("POST", TASKS, super::definition("b", script, "enabled").replace("stream\"", "batch\""));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let line = daemon.logged("database not found");
    assert!(line.contains("task=b") && line.contains("node=query1"), "{line}");
    assert_eq!(super::task(&daemon, "b")["executing"], true);
}
