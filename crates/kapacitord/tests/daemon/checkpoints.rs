//! What running tasks remember, over restarts, kills and reloads.

use std::fs;

use serde_json::{Value, json};
use testkit::{daemon::Daemon, wait};

use super::{TASKS, run_task, setup, shows, task, wait_quietly};

const SCRIPT: &str = "
var m = stream|from().measurement('m').groupBy('h')
m|window().periodCount(3).everyCount(3)|sum('v')|httpOut('sum')
m|stateDuration(lambda: \"v\" > 1)|httpOut('held')
m|stats(20ms)|httpOut('counted')
var other = stream|from().measurement('o').groupBy('h')
m|join(other).as('m', 'o').streamName('both')|httpOut('joined')
";

/// A daemon that takes checkpoints all the time.
fn daemon() -> Daemon {
    setup().config("[checkpoint]\ninterval = \"100ms\"\n").start()
}

fn row(name: &str, columns: &[&str], values: &Value) -> Value {
    let columns: Vec<&str> = std::iter::once("time").chain(columns.iter().copied()).collect();
    json!({ "series": [{ "name": name, "tags": {"h": "a"}, "columns": columns, "values": [values] }] })
}

/// What statistics say of group a. There is a series without tags beside it if they were asked for before its first point.
fn count_of_a(shown: &str) -> Option<i64> {
    let shown: Value = serde_json::from_str(shown).ok()?;
    let of_a = shown["series"].as_array()?.iter().find(|series| series["tags"]["h"] == "a")?;
    of_a["values"][0][1].as_i64()
}

/// What the statistics say was given in all of group a.
fn counted(daemon: &Daemon, count: i64) {
    let mut last = String::new();
    let found = wait_quietly(|| {
        last = daemon.get(&format!("{TASKS}/t/counted")).body;
        count_of_a(&last) == Some(count)
    });
    assert!(found, "not {count}: {last}");
}

/// Half of what windows and joins wait for comes before the end of the daemon, the rest after it.
fn goes_on_after(end: fn(&mut Daemon)) {
    let mut daemon = daemon();
    run_task(&daemon, "t", SCRIPT);
    daemon.write("m,h=a v=2 1000000000\nm,h=a v=3 2000000000\n");
    shows(&daemon, "t/held", &row("m", &["state_duration", "v"], &json!(["1970-01-01T00:00:02Z", 1, 3])));
    counted(&daemon, 2);
    end(&mut daemon);
    daemon.start();
    counted(&daemon, 2);
    daemon.write("o,h=a v=7 2000000000\nm,h=a v=4 61000000000\n");
    shows(&daemon, "t/sum", &row("m", &["sum"], &json!(["1970-01-01T00:01:01Z", 9])));
    shows(&daemon, "t/held", &row("m", &["state_duration", "v"], &json!(["1970-01-01T00:01:01Z", 60, 4])));
    shows(&daemon, "t/joined", &row("both", &["m.v", "o.v"], &json!(["1970-01-01T00:00:02Z", 3, 7])));
    counted(&daemon, 3);
}

#[test]
fn tasks_go_on_after_an_orderly_end() {
    goes_on_after(|daemon| assert_eq!(daemon.stop().code(), Some(0)));
}

#[test]
fn tasks_go_on_after_a_kill() {
    goes_on_after(|daemon| {
        let path = daemon.folder().join("store.checkpoints/t.state");
        // Statistics are counted all the time, so a checkpoint that is later than now comes soon.
        let size = || fs::metadata(&path).ok().map(|file| file.len());
        for _ in 0..2 {
            let before = wait::until("a checkpoint", size);
            wait::until("the next checkpoint", || size().filter(|now| *now != before));
        }
        daemon.kill();
    });
}

#[test]
fn a_reload_and_a_new_script_keep_the_nodes_that_stay() {
    let daemon = daemon();
    run_task(&daemon, "t", SCRIPT);
    daemon.write("m,h=a v=2 1000000000\nm,h=a v=3 2000000000\n");
    counted(&daemon, 2);
    let path = format!("{TASKS}/t");
    let script = SCRIPT.replace("\"v\" > 1", "\"v\" > 0");
    let off = json!({"status": "disabled", "keep-state": true});
    for change in [json!({"script": script}), off, json!({"status": "enabled"})] {
        let reply = daemon.request("PATCH", &path, change.to_string());
        assert_eq!(reply.status, 200, "{change}: {}", reply.body);
    }
    daemon.write("m,h=a v=4 61000000000\n");
    shows(&daemon, "t/sum", &row("m", &["sum"], &json!(["1970-01-01T00:01:01Z", 9])));
    shows(&daemon, "t/held", &row("m", &["state_duration", "v"], &json!(["1970-01-01T00:01:01Z", 0, 4])));
    // A task that is disabled otherwise begins anew.
    for change in [json!({"status": "disabled"}), json!({"status": "enabled"})] {
        assert_eq!(daemon.request("PATCH", &path, change.to_string()).status, 200);
    }
    daemon.write("m,h=a v=4 62000000000\n");
    shows(&daemon, "t/held", &row("m", &["state_duration", "v"], &json!(["1970-01-01T00:01:02Z", 0, 4])));
    daemon.write("m,h=a v=4 63000000000\nm,h=a v=4 64000000000\n");
    counted(&daemon, 3);
    // Another id takes all along if it is to, and a task that is deleted leaves nothing.
    assert_eq!(daemon.request("PATCH", &path, json!({"id": "u", "keep-state": true}).to_string()).status, 200);
    counted_as(&daemon, "u");
    assert_eq!(daemon.request("DELETE", &format!("{TASKS}/u"), "").status, 204);
    let left = fs::read_dir(daemon.folder().join("store.checkpoints")).unwrap().count();
    assert_eq!(left, 0);
}

fn counted_as(daemon: &Daemon, id: &str) {
    assert!(
        wait_quietly(|| { count_of_a(&daemon.get(&format!("{TASKS}/{id}/counted")).body) == Some(3) }),
        "the task of another id counts anew"
    );
}

#[test]
fn a_damaged_checkpoint_is_told_and_the_task_runs() {
    let mut daemon = daemon();
    // Statistics would have the task do something all the time.
    run_task(&daemon, "t", &SCRIPT.replace("m|stats(20ms)|httpOut('counted')\n", ""));
    let folder = daemon.folder().join("store.checkpoints");
    let path = folder.join("t.state");
    // One that has done nothing leaves nothing.
    daemon.stop();
    assert!(!path.exists());
    daemon.start();
    daemon.write("m,h=a v=4 60000000000\n");
    daemon.stop();
    let mut bytes = fs::read(&path).unwrap();
    bytes[30] ^= 1;
    fs::write(&path, bytes).unwrap();
    daemon.start();
    assert_eq!(task(&daemon, "t")["executing"], true);
    let log = daemon.log();
    assert!(log.contains("the task begins anew") && log.contains("t.damaged"), "{log}");
    assert!(folder.join("t.damaged").exists());
}

/// With a log of writes: a daemon is killed after four of five points of a window, with a checkpoint after each of them,
/// and its file is damaged. The fifth point must find the others.
fn comes_again_from_the_log(damage: fn(&mut [u8]), told: &str) {
    let config = "[checkpoint]\ninterval = \"100ms\"\n[ingest]\ndurable = true\n";
    let mut daemon = setup().config(config).start();
    run_task(
        &daemon,
        "t",
        "stream|from().measurement('m')|window().periodCount(5).everyCount(5)|sum('v')|httpOut('sum')",
    );
    let path = daemon.folder().join("store.checkpoints/t.state");
    let size = || fs::metadata(&path).map_or(0, |file| file.len());
    for value in 1..5 {
        let before = size();
        daemon.write(&format!("m v={value} {value}000000000\n"));
        wait::until("a checkpoint", || (size() != before).then_some(()));
    }
    daemon.kill();
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    daemon.start();
    let log = daemon.log();
    assert!(log.contains(told), "{log}");
    daemon.write("m v=5 5000000000\n");
    let sum =
        json!({ "series": [{ "name": "m", "columns": ["time", "sum"], "values": [["1970-01-01T00:00:05Z", 15]] }] });
    shows(&daemon, "t/sum", &sum);
}

/// Where the second part of a checkpoint's file begins.
fn second_part(bytes: &[u8]) -> usize {
    8 + 16 + u64::from_le_bytes(bytes[8..16].try_into().unwrap()) as usize
}

#[test]
fn a_damaged_checkpoint_loses_nothing_that_the_log_has() {
    comes_again_from_the_log(|bytes| bytes[second_part(bytes) + 20] ^= 1, "nothing is lost");
    comes_again_from_the_log(|bytes| bytes[30] ^= 1, "with the writes that the log still has");
}

#[test]
fn a_disk_that_takes_no_checkpoints_is_told_and_all_goes_on() {
    let config = "[checkpoint]\ninterval = \"100ms\"\n[ingest]\ndurable = true\nlimit = 4194304\n";
    let daemon = setup().config(config).start();
    run_task(&daemon, "t", "stream|from().measurement('m')|httpOut('last')");
    let folder = daemon.folder().join("store.checkpoints");
    let aside = daemon.folder().join("aside");
    fs::rename(&folder, &aside).unwrap();
    fs::write(&folder, "").unwrap();
    let mut chance = 7_u64;
    let mut body = || -> String {
        let mut line = |_| {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("m v={chance} {}\n", chance >> 1)
        };
        (0..4000).map(&mut line).collect()
    };
    let target = "/kapacitor/v1/write?db=telegraf&rp=autogen";
    let refused = wait::until("a full log", || {
        let reply = daemon.request("POST", target, body());
        (reply.status != 204).then_some(reply)
    });
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("5")), "{refused:?}");
    assert!(refused.body.contains("the log of writes is full"), "{refused:?}");
    daemon.logged("its checkpoint cannot be written, and is tried again");
    daemon.logged("writes are refused");
    let vars = daemon.get("/kapacitor/v1/debug/vars").body;
    assert!(vars.contains("refused_full"), "{vars}");
    assert_eq!(task(&daemon, "t")["executing"], true);
    fs::remove_file(&folder).unwrap();
    fs::rename(&aside, &folder).unwrap();
    wait::until("room in the log", || (daemon.request("POST", target, "m v=1 1\n").status == 204).then_some(()));
    daemon.logged("writes are taken again");
}

#[test]
fn a_divided_task_goes_on_in_another_count_of_shards() {
    let shards = "[checkpoint]\ninterval = \"100ms\"\n[[task-shards]]\ntask = \"t\"\nshards = 3\n";
    let mut daemon = setup().config(shards).start();
    let log = daemon.folder().join("alerts.log");
    let script = format!(
        "stream|from().measurement('m').groupBy('host')|stateCount(lambda: TRUE)\
         |alert().crit(lambda: \"state_count\" == 2).topic('x').log('{}')",
        log.display()
    );
    run_task(&daemon, "t", &script);
    daemon.logged("the task is divided by host");
    let hosts = |second: u32| (0..40).map(|host| format!("m,host=h{host} v=1 {second}000000000\n")).collect::<String>();
    daemon.write(&hosts(1));
    let counted = |daemon: &Daemon| {
        wait_quietly(|| task(daemon, "t")["stats"]["node-stats"]["alert3"]["working_cardinality"] == 40)
    };
    assert!(counted(&daemon), "{}", task(&daemon, "t"));
    daemon.stop();
    daemon.reconfigure("shards = 3", "shards = 2");
    daemon.start();
    daemon.write(&hosts(2));
    let events = |daemon: &Daemon| {
        let all = daemon.get("/kapacitor/v1/alerts/topics/x/events?min-level=CRITICAL").body;
        let all: Value = serde_json::from_str(&all).unwrap_or_default();
        all["events"].as_array().map_or(0, Vec::len)
    };
    assert!(wait_quietly(|| events(&daemon) == 40), "{} events", events(&daemon));
    assert!(counted(&daemon), "{}", task(&daemon, "t"));
    // The handler of all shards is one, which gets each event once.
    daemon.stop();
    assert_eq!(fs::read_to_string(log).unwrap().lines().count(), 40);
    daemon.start();
    // What looks at several groups together stays whole.
    run_task(&daemon, "whole", "stream|from().measurement('m').groupBy('host')|httpOut('x')");
    assert!(!daemon.log().contains("task=whole"), "the pattern is of another task");
}
