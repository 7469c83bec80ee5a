//! User-defined functions: processes that work, die, hang, and give their last word at the end of their task.

use std::{fs, path::Path};

use serde_json::{Value, json};
use testkit::{
    daemon::{Daemon, Setup},
    wait,
};

use super::{TASKS, run_task, setup, shows, sink, task};

/// Counts its points. At 13 it dies, at 14 it hangs; at its end it gives how many there were.
const COUNT: &str = r#"
import os, sys, time
from kapacitor_udf import INT, Function, Point, serve

class Count(Function):
    options = {"from": [INT]}

    def init(self):
        self.count = self.option("from", 0)

    def point(self, point):
        if point.fields["v"] == 13:
            os._exit(3)
        if point.fields["v"] == 14:
            time.sleep(1000)
        self.count += 1
        point.fields = {"count": self.count}
        self.give(point)

    def snapshot(self):
        print("remembers", self.count, file=sys.stderr, flush=True)
        return b"%d" % self.count

    def restore(self, snapshot):
        self.count = int(snapshot)

    def end(self):
        self.give(Point(name="end", fields={"count": self.count}))

serve(Count)
"#;

/// A daemon with the function `count`, which may be silent for so long.
fn with_count(timeout: &str) -> Setup {
    let setup = setup();
    let library = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/udf_python");
    let program = setup.folder().join("count.py");
    fs::write(&program, COUNT).unwrap();
    let config = format!(
        "[task]\nsnapshot-interval = \"50ms\"\n[udf]\n[udf.functions]\n[udf.functions.count]\nprog = \"python3\"\n\
         args = [\"{}\"]\ntimeout = \"{timeout}\"\n[udf.functions.count.env]\nPYTHONPATH = \"{}\"\n",
        program.display(),
        library.display()
    );
    setup.config(&config).environment("PATH", &std::env::var("PATH").unwrap_or_default())
}

fn count_is(daemon: &Daemon, second: i64, count: i64) {
    let values = json!([[format!("1970-01-01T00:00:0{second}Z"), count]]);
    shows(daemon, "t/x", &json!({ "series": [{ "name": "m", "columns": ["time", "count"], "values": values }] }));
}

/// Waits until the function was started again, and gives what is shown of its node.
fn started_again(daemon: &Daemon) -> Value {
    wait::until("the function to be started again", || {
        let shown = task(daemon, "t");
        assert_eq!(shown["executing"], true, "{shown}");
        let node = shown["stats"]["node-stats"]["count2"].clone();
        (node["restarts"] == 1 && shown["error"] == "").then_some(node)
    })
}

const SCRIPT: &str = "stream|from().measurement('m')@count()|httpOut('x')";

#[test]
fn one_that_dies_goes_on_with_what_it_remembered() {
    let daemon = with_count("20s").start();
    run_task(&daemon, "t", SCRIPT);
    daemon.write("m v=1 1000000000\nm v=1 2000000000\n");
    count_is(&daemon, 2, 2);
    wait::until("a snapshot", || daemon.log().contains("remembers 2").then_some(()));
    daemon.write("m v=13 3000000000\n");
    let node = started_again(&daemon);
    assert!(node["last_error"].as_str().is_some_and(|error| error.contains("exit status: 3")), "{node}");
    daemon.write("m v=1 4000000000\n");
    count_is(&daemon, 4, 3);
}

#[test]
fn one_that_hangs_is_killed_and_started_again() {
    let daemon = with_count("500ms").start();
    run_task(&daemon, "t", SCRIPT);
    daemon.write("m v=1 1000000000\n");
    count_is(&daemon, 1, 1);
    daemon.write("m v=14 2000000000\n");
    let node = started_again(&daemon);
    assert!(node["last_error"].as_str().is_some_and(|error| error.starts_with("keepalive timedout")), "{node}");
}

#[test]
fn its_last_word_at_the_end_of_a_task_is_handed_on() {
    let (daemon, sink) = (with_count("20s").start(), sink());
    let script = format!("stream|from().measurement('m')@count().from(5)|httpPost('{}/')", sink.url());
    run_task(&daemon, "t", &script);
    daemon.write("m v=1 1000000000\n");
    let first = sink.wait_for(1);
    assert!(String::from_utf8_lossy(&first[0].body).contains("[[\"1970-01-01T00:00:01Z\",6]]"), "{first:?}");
    assert_eq!(daemon.request("PATCH", &format!("{TASKS}/t"), r#"{"status":"disabled"}"#).status, 200);
    let last = sink.wait_for(1);
    assert!(String::from_utf8_lossy(&last[0].body).contains("\"name\":\"end\""), "{last:?}");
}

#[test]
fn one_that_cannot_be_asked_keeps_the_daemon_from_starting() {
    for (target, why) in [
        ("prog = \"/no/such/program\"", "failed to load process info for \\\"f\\\": cannot start /no/such/program"),
        ("prog = \"/bin/sh\"\nargs = [\"-c\", \"exit 4\"]", "exit status: 4"),
        ("socket = \"/a\"\nprog = \"b\"", "UDF f: "),
    ] {
        let output = setup().config(&format!("[udf.functions.f]\n{target}\ntimeout = \"1s\"\n")).fail();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{text}");
        assert!(text.contains(why) || text.contains(&why.replace('\\', "")), "{text}");
    }
}
