//! Define, enable, write, be alerted: with no InfluxDB anywhere.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use testkit::wait;

use super::{TASKS, daemon, definition, parsed, run_task, shows, sink, task};

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn a_task_is_defined_enabled_fed_and_alerts() {
    let (daemon, sink) = (daemon(), sink());
    let log = daemon.folder().join("alerts.log");
    let script = format!(
        "stream\n    |from()\n        .measurement('cpu')\n        .groupBy('host')\n    |alert()\n        \
         .id('{{{{ index .Tags \"host\" }}}}/cpu')\n        .message('{{{{ .ID }}}} is {{{{ .Level }}}}')\n        \
         .crit(lambda: \"usage_idle\" < 10.0)\n        .stateChangesOnly()\n        .post('{}/alert')\n        .log('{}')\n",
        sink.url(),
        log.display()
    );
    let reply = daemon.request("POST", TASKS, definition("high_cpu", &script, "disabled"));
    assert_eq!(reply.status, 200, "{}", reply.body);
    let created = parsed(&reply);
    assert_eq!(created["link"], json!({ "rel": "self", "href": "/kapacitor/v1/tasks/high_cpu" }));
    assert_eq!((&created["status"], &created["executing"]), (&json!("disabled"), &json!(false)));

    // What is written to a disabled task is not seen by it.
    daemon.write("cpu,host=a usage_idle=1 1000000000\n");
    let reply = daemon.request("PATCH", &format!("{TASKS}/high_cpu"), r#"{"status":"enabled"}"#);
    assert_eq!(reply.status, 200, "{}", reply.body);
    daemon.write("cpu,host=a usage_idle=5 2000000000\ncpu,host=b usage_idle=50 2000000000\n");
    daemon.write("cpu,host=a usage_idle=4 3000000000\ncpu,host=a usage_idle=70 4000000000\n");

    let posts = sink.wait_for(2);
    let events: Vec<Value> = posts.iter().map(|post| serde_json::from_slice(&post.body).unwrap()).collect();
    let brief: Vec<_> = events.iter().map(|event| [&event["id"], &event["level"], &event["previousLevel"]]).collect();
    assert_eq!(json!(brief), json!([["a/cpu", "CRITICAL", "OK"], ["a/cpu", "OK", "CRITICAL"]]));
    let series = json!([{
        "name": "cpu", "tags": { "host": "a" }, "columns": ["time", "usage_idle"],
        "values": [["1970-01-01T00:00:02Z", 5]],
    }]);
    assert_eq!(events[0]["data"]["series"], series);
    assert_eq!(events[1]["message"], "a/cpu is OK");
    assert_eq!(posts[0].header("content-type"), Some("application/json"));

    let lines = wait::until("two lines of the alerts' log", || {
        let text = std::fs::read_to_string(&log).ok()?;
        (text.lines().count() == 2).then_some(text)
    });
    assert_eq!(serde_json::from_str::<Value>(lines.lines().next().unwrap()).unwrap(), events[0]);

    let shown = task(&daemon, "high_cpu");
    assert_eq!(shown["stats"]["node-stats"]["alert2"]["crits_triggered"], 1, "{shown}");
    assert!(shown["dot"].as_str().unwrap().contains("processed=\"4\""), "{}", shown["dot"]);
    let reply = daemon.request("PATCH", &format!("{TASKS}/high_cpu"), r#"{"status":"disabled"}"#);
    assert_eq!(parsed(&reply)["executing"], false);
    assert_eq!(daemon.request("DELETE", &format!("{TASKS}/high_cpu"), "").status, 204);
    assert_eq!(daemon.get(&format!("{TASKS}/high_cpu")).status, 404);
}

#[test]
fn bodies_may_be_packed() {
    let daemon = daemon();
    run_task(&daemon, "t", "stream|from().measurement('m')|httpOut('last')");
    let target = "/kapacitor/v1/write?db=telegraf&rp=autogen&precision=s";
    let reply = daemon.request_with("POST", target, &[("Content-Encoding", "gzip")], packed("m v=7 3600\n"));
    assert_eq!(reply.status, 204, "{}", reply.body);
    let values = json!([["1970-01-01T01:00:00Z", 7]]);
    shows(&daemon, "t/last", &json!({ "series": [{ "name": "m", "columns": ["time", "v"], "values": values }] }));

    let reply = daemon.request_with("POST", target, &[("Content-Encoding", "gzip")], "m v=7 3600\n");
    assert_eq!(reply.status, 400, "{}", reply.body);
    assert!(reply.body.contains("gzip"), "{}", reply.body);
}

#[test]
fn times_may_be_of_any_precision() {
    let daemon = daemon();
    run_task(&daemon, "t", "stream|from().measurement('m')|groupBy('p')|httpOut('last')");
    let precisions =
        [("n", 3_600_000_000_000_i64), ("u", 3_600_000_000), ("ms", 3_600_000), ("s", 3600), ("m", 60), ("h", 1)];
    for (precision, hour) in precisions {
        let target = format!("/kapacitor/v1/write?db=telegraf&rp=autogen&precision={precision}");
        let reply = daemon.request("POST", &target, format!("m,p={precision} v=1i {hour}\n"));
        assert_eq!(reply.status, 204, "{}", reply.body);
    }
    let values = json!([["1970-01-01T01:00:00Z", 1]]);
    let series: Vec<Value> = precisions
        .iter()
        .map(|(name, _)| json!({ "name": "m", "tags": { "p": name }, "columns": ["time", "v"], "values": values }))
        .collect();
    shows(&daemon, "t/last", &json!({ "series": series }));
}

#[test]
fn a_large_write_is_taken_whole() {
    let daemon = daemon();
    run_task(
        &daemon,
        "t",
        "stream|from().measurement('m')|window().periodCount(150000).everyCount(150000)|count('v')|httpOut('n')",
    );
    let mut lines = String::new();
    for second in 1..=150_000_i64 {
        lines.push_str(&format!("m,host=server-with-a-long-name v=1.5 {}\n", second * 1_000_000_000));
    }
    assert!(lines.len() > 6 << 20);
    daemon.write(&lines);
    let values = json!([["1970-01-02T17:40:00Z", 150_000]]);
    shows(&daemon, "t/n", &json!({ "series": [{ "name": "m", "columns": ["time", "count"], "values": values }] }));
}

#[test]
fn answers_to_a_stopped_run_do_not_reach_the_next() {
    // The first post is answered only when the task runs again.
    let gate = std::sync::Arc::new((std::sync::Mutex::new(false), std::sync::Condvar::new()));
    let opened = std::sync::Arc::clone(&gate);
    let server = testkit::http::Server::start(move |request| {
        if String::from_utf8_lossy(&request.body).contains("1970-01-01T00:00:01Z") {
            let guard = opened.0.lock().unwrap();
            drop(opened.1.wait_timeout_while(guard, wait::PATIENCE / 4, |open| !*open).unwrap());
            return testkit::http::Answer::new(500, "late");
        }
        testkit::http::Answer::new(200, "")
    });
    let daemon = daemon();
    let script = format!("stream|from().measurement('m')|httpPost('{}/x')|httpOut('last')", server.url());
    run_task(&daemon, "t", &script);
    daemon.write("m v=1 1000000000\n");
    let path = format!("{TASKS}/t");
    assert_eq!(daemon.request("PATCH", &path, r#"{"status":"disabled"}"#).status, 200);
    assert_eq!(daemon.request("PATCH", &path, r#"{"status":"enabled"}"#).status, 200);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    server.wait_for(1);
    daemon.write("m v=2 2000000000\n");
    server.wait_for(1);
    let values = json!([["1970-01-01T00:00:02Z", 2]]);
    shows(&daemon, "t/last", &json!({ "series": [{ "name": "m", "columns": ["time", "v"], "values": values }] }));
    let errors = &task(&daemon, "t")["stats"]["node-stats"]["http_post2"]["errors"];
    assert_eq!(errors, 0, "the answer to the first run came to the second");
}

#[test]
fn writers_beside_each_other_lose_nothing() {
    let daemon = daemon();
    run_task(
        &daemon,
        "t",
        "stream|from().measurement('m')|groupBy('w')|window().periodCount(5000).everyCount(5000)|count('v')|httpOut('n')",
    );
    std::thread::scope(|scope| {
        for writer in 0..4 {
            let daemon = &daemon;
            scope.spawn(move || {
                for write in 0..50 {
                    let line =
                        |point: i64| format!("m,w=w{writer} v=1i {}\n", (write * 100 + point + 1) * 1_000_000_000);
                    daemon.write(&(0..100).map(line).collect::<String>());
                }
            });
        }
    });
    let values = json!([["1970-01-01T01:23:20Z", 5000]]);
    wait::until("the counts of all writers", || {
        let shown: Value = serde_json::from_str(&daemon.get(&format!("{TASKS}/t/n")).body).ok()?;
        let series = shown["series"].as_array()?;
        (series.len() == 4 && series.iter().all(|series| series["values"] == values)).then_some(())
    });
}
