//! With a real InfluxDB that is killed and comes back, that wants a password, or has subscriptions of a dead daemon.

use serde_json::{Value, json};
use testkit::{daemon::Daemon, influxd::Influxd, wait};

use super::{
    TASKS, definition,
    influx::{subscribed, with_influx, write_until},
    parsed, run_task, setup, sink, task,
};

const HEALTH: &str = "/kapacitor/v1/health";
const SUBSCRIPTIONS: &str = "/kapacitor/v1/subscriptions";

fn batch(id: &str, script: &str) -> String {
    definition(id, script, "enabled").replace("\"stream\"", "\"batch\"")
}

fn node_stat(daemon: &Daemon, id: &str, node: &str, stat: &str) -> i64 {
    task(daemon, id)["stats"]["node-stats"][node][stat].as_i64().unwrap_or(0)
}

fn count(influxd: &Influxd, database: &str, measurement: &str) -> i64 {
    let query = format!("SELECT count(v) FROM \"{measurement}\"");
    let answer: Value = serde_json::from_str(&influxd.query_in(database, &query)).unwrap();
    answer["results"][0]["series"][0]["values"][0][1].as_i64().unwrap_or(0)
}

#[test]
fn an_influxdb_that_is_killed_and_comes_back_is_used_again_and_nothing_written_is_lost() {
    let (mut influxd, sink) = (Influxd::start(), sink());
    influxd.query("CREATE DATABASE telegraf");
    let mut daemon = with_influx(&influxd.url()).start();
    subscribed(&influxd, "telegraf", &daemon);
    run_task(&daemon, "copy", "stream|from().measurement('m')|influxDBOut().database('out').create().buffer(1)");
    run_task(
        &daemon,
        "s",
        &format!("stream|from().measurement('live')|alert().crit(lambda: TRUE).post('{}/')", sink.url()),
    );
    let query = "batch|query('SELECT v FROM telegraf.autogen.m').period(1h).every(100ms)|httpOut('x')";
    assert_eq!(daemon.request("POST", TASKS, batch("b", query)).status, 200);
    daemon.write("m v=1 1\n");
    wait::until("a point written through", || (count(&influxd, "out", "m") == 1).then_some(()));
    // It can be read before it is answered, and what is not answered waits, too.
    wait::until("the answer", || (node_stat(&daemon, "copy", "influxdb_out2", "points_queued") == 0).then_some(()));
    wait::until("queries that succeed", || (node_stat(&daemon, "b", "query1", "errors") == 0).then_some(()));

    influxd.kill();
    daemon.write("m v=2 2\nm v=3 3\n");
    wait::until("points that wait", || {
        (node_stat(&daemon, "copy", "influxdb_out2", "points_queued") == 2).then_some(())
    });
    // The gap is visible, and the task goes on.
    wait::until("queries that fail", || (node_stat(&daemon, "b", "query1", "errors") > 0).then_some(()));
    assert_eq!(task(&daemon, "b")["executing"], true);
    let health = parsed(&daemon.get(HEALTH));
    wait::until("a warning", || (parsed(&daemon.get(HEALTH))["status"] == "warn").then_some(()));
    assert_eq!(health["name"], "kapacitor");

    influxd.start_again();
    wait::until("what waited to be written", || (count(&influxd, "out", "m") == 3).then_some(()));
    let errors = node_stat(&daemon, "b", "query1", "errors");
    influxd.write("telegraf", "m v=1\n");
    wait::until("an answer to a query", || {
        let shown: Value = serde_json::from_str(&daemon.get(&format!("{TASKS}/b/x")).body).ok()?;
        shown["series"][0]["values"].as_array().map(drop)
    });
    assert!(node_stat(&daemon, "b", "query1", "errors") >= errors);
    assert_eq!(node_stat(&daemon, "copy", "influxdb_out2", "points_dropped"), 0);
    // Its subscriptions are on its disk, and deliver again.
    write_until(&influxd, "telegraf", "live v=1", || !sink.take().is_empty());
    assert!(daemon.lives());
}

#[test]
fn users_and_passwords_are_shown_to_an_influxdb_that_wants_them() {
    let (mut influxd, sink) = (Influxd::start_with_auth(), sink());
    influxd.query("CREATE USER ann WITH PASSWORD 'secret' WITH ALL PRIVILEGES");
    influxd.sign_in("ann", "secret");
    influxd.query("CREATE DATABASE telegraf");
    let signed = |password: &str| {
        with_influx(&influxd.url()).config(&format!("username = \"ann\"\npassword = \"{password}\"\n"))
    };

    let daemon = signed("wrong").start();
    let line = daemon.logged("cannot be used");
    assert!(line.contains("InfluxDB refused the credentials: authorization failed"), "{line}");
    let reply = daemon.get(HEALTH);
    let health = parsed(&reply);
    assert_eq!((reply.status, &health["status"]), (503, &json!("fail")), "{health}");
    assert_eq!(health["checks"][0]["name"], "influxdb:main");
    assert!(health["checks"][0]["message"].as_str().unwrap().contains("authorization failed"), "{health}");
    drop(daemon);

    let daemon = signed("secret").start();
    wait::until("good health", || (parsed(&daemon.get(HEALTH))["status"] == "pass").then_some(()));
    subscribed(&influxd, "telegraf", &daemon);
    let script = format!(
        "var cpu = stream|from().measurement('cpu')\ncpu|alert().crit(lambda: TRUE).post('{}/')\n\
         cpu|influxDBOut().database('out').create().buffer(1).measurement('m')",
        sink.url()
    );
    run_task(&daemon, "t", &script);
    write_until(&influxd, "telegraf", "cpu v=1", || !sink.take().is_empty());
    wait::until("points written with the password", || (count(&influxd, "out", "m") > 0).then_some(()));
}

#[test]
fn an_influxdb_of_another_version_is_told() {
    let influxd = Influxd::start();
    let daemon = with_influx(&influxd.url()).config("version = \"2\"\norg = \"acme\"\n").start();
    let line = daemon.logged("cannot be used");
    assert!(line.contains("set version =") && line.contains("1.6"), "{line}");
    let reply = daemon.get(HEALTH);
    assert_eq!((reply.status, parsed(&reply)["status"].clone()), (503, json!("fail")));
    let wrong = setup().config("[[influxdb]]\nname = \"main\"\nversion = \"1\"\norg = \"acme\"\n").fail();
    let said = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(said.contains("org is of InfluxDB 2 alone"), "{said}");
}

#[test]
fn subscriptions_that_are_left_over_are_listed_and_pruned() {
    let influxd = Influxd::start();
    influxd.query("CREATE DATABASE telegraf");
    let daemon = with_influx(&influxd.url()).start();
    subscribed(&influxd, "telegraf", &daemon);
    let port = daemon.address().rsplit(':').next().unwrap();
    for (name, destination) in [
        ("kapacitor-dead", format!("http://~subscriber:secret@localhost:{port}")),
        ("kapacitor-elsewhere", "http://localhost:1".to_string()),
        ("telegraf", format!("http://localhost:{port}")),
    ] {
        influxd.query(&format!("CREATE SUBSCRIPTION \"{name}\" ON telegraf.autogen DESTINATIONS ANY '{destination}'"));
    }
    let reply = daemon.get(SUBSCRIPTIONS);
    assert!(!reply.body.contains("secret"), "{}", reply.body);
    let listed = parsed(&reply);
    let owners = |list: &Value| {
        let all = list["subscriptions"].as_array().unwrap().iter().filter(|one| one["database"] == "telegraf");
        let mut all: Vec<(String, String)> = all
            .map(|one| {
                let name = one["name"].as_str().unwrap();
                let own = name.len() > 30;
                (if own { "own" } else { name }.to_string(), one["owner"].as_str().unwrap().to_string())
            })
            .collect();
        all.sort();
        all
    };
    let pair = |name: &str, owner: &str| (name.to_string(), owner.to_string());
    let others = [pair("kapacitor-elsewhere", "other"), pair("own", "own"), pair("telegraf", "other")];
    let mut all = vec![pair("kapacitor-dead", "left-over")];
    all.extend(others.clone());
    assert_eq!(owners(&listed), all);

    // What is not left over is not dropped, whoever asks for it.
    let kept = json!({ "subscriptions": listed["subscriptions"].as_array().unwrap().iter()
        .filter(|one| one["owner"] != "left-over").collect::<Vec<_>>() });
    let reply = daemon.request("POST", &format!("{SUBSCRIPTIONS}/prune"), kept.to_string());
    assert_eq!((reply.status, parsed(&reply)["subscriptions"].clone()), (200, json!([])));
    let reply = daemon.request("POST", &format!("{SUBSCRIPTIONS}/prune"), "");
    assert_eq!(owners(&parsed(&reply)), [pair("kapacitor-dead", "left-over")]);
    assert_eq!(owners(&parsed(&daemon.get(SUBSCRIPTIONS))), others);
    assert_eq!(daemon.request("POST", &format!("{SUBSCRIPTIONS}/prune"), "{").status, 400);
}

#[test]
fn points_come_by_udp() {
    let (influxd, sink) = (Influxd::start(), sink());
    influxd.query("CREATE DATABASE telegraf");
    let mut daemon = with_influx(&influxd.url())
        .config("subscription-protocol = \"udp\"\nudp-bind = \"127.0.0.1\"\nkapacitor-hostname = \"127.0.0.1\"\n")
        .start();
    wait::until("a subscription", || influxd.query("SHOW SUBSCRIPTIONS").contains("udp://127.0.0.1:").then_some(()));
    let script = format!("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).post('{}/')", sink.url());
    run_task(&daemon, "t", &script);
    write_until(&influxd, "telegraf", "cpu v=1", || !sink.take().is_empty());
    // One whose port nobody listens at any more was left by a daemon that is gone.
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    influxd.query(&format!("CREATE SUBSCRIPTION \"kapacitor-x\" ON telegraf.autogen DESTINATIONS ANY 'udp://{free}'"));
    let listed = daemon.get(SUBSCRIPTIONS).body;
    assert!(listed.contains("left-over"), "{listed}");
    assert_eq!(daemon.stop().code(), Some(0));
    let left = influxd.query("SHOW SUBSCRIPTIONS");
    assert!(left.matches("kapacitor-").count() == 1, "{left}");
}
