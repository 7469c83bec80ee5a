//! The built command line against the built daemon, as in a shell: define, enable, feed, watch, delete.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::OnceLock,
};

use serde_json::Value;
use testkit::{
    daemon::{Daemon, Setup},
    wait,
};

const SCRIPT: &str = "stream\n    |from()\n        .measurement('cpu')\n    |httpOut('last')\n";

/// The daemon in the folder of the command line. A run of this package's tests alone does not build it, so it is built
/// here if it is not there.
fn kapacitord() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_kapacitor")).parent().unwrap();
        let daemon = folder.join("kapacitord");
        if !daemon.exists() {
            let mut cargo = Command::new(option_env!("CARGO").unwrap_or("cargo"));
            cargo.args(["build", "--quiet", "--package", "kapacitord", "--target-dir"]).arg(folder.parent().unwrap());
            if folder.ends_with("release") {
                cargo.arg("--release");
            }
            assert!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().unwrap().success());
        }
        daemon
    })
}

/// A daemon, and shells in its folder that know it.
struct World {
    daemon: Daemon,
}

impl World {
    fn start() -> World {
        let daemon = Setup::new(kapacitord()).start();
        fs::write(daemon.folder().join("cpu.tick"), SCRIPT).unwrap();
        World { daemon }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let folder = Path::new(env!("CARGO_BIN_EXE_kapacitor")).parent().unwrap();
        command.env_clear().env("TZ", "UTC").env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        command.env("KAPACITOR_URL", self.daemon.url()).current_dir(self.daemon.folder());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(env!("CARGO_BIN_EXE_kapacitor")).args(args).output().unwrap()
    }

    /// Runs what must succeed and gives its lines, without the blanks at their ends.
    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        let error = String::from_utf8_lossy(&output.stderr);
        assert_eq!((output.status.code(), &*error), (Some(0), ""), "{args:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(|line| line.trim_end().to_string()).collect()
    }

    /// Runs what must fail with this code and gives its words.
    fn fails(&self, code: i32, args: &[&str]) -> String {
        let output = self.run(args);
        let words = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
        assert_eq!(output.status.code(), Some(code), "{args:?}: {words}");
        assert!(!words.is_empty(), "{args:?}");
        words
    }

    /// Names of the tasks with their columns, one blank between.
    fn tasks(&self, patterns: &[&str]) -> Vec<String> {
        let lines = self.lines(&[&["list", "tasks"], patterns].concat());
        assert!(lines[0].starts_with("ID "), "{lines:?}");
        lines[1..].iter().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
    }
}

#[test]
fn tasks_are_defined_in_both_spellings_and_switched_by_pattern() {
    let world = World::start();
    let own = ["-type", "stream", "-tick", "cpu.tick", "-dbrp", "telegraf.autogen"];
    assert!(world.lines(&[&["define", "cpu_a"][..], &own].concat()).is_empty());
    assert!(world.lines(&[&["define", "-name", "cpu_b"][..], &own].concat()).is_empty());
    assert!(world.lines(&[&["define", "--name", "mem"][..], &own, &["-dbrp", "\"other\".\"rp\""]].concat()).is_empty());
    let dbrps = r#"["telegraf"."autogen"]"#;
    let row = |name: &str, state: &str| format!("{name} stream {state} {dbrps}");
    assert_eq!(
        world.tasks(&[]),
        [
            row("cpu_a", "disabled false"),
            row("cpu_b", "disabled false"),
            r#"mem stream disabled false ["telegraf"."autogen" "other"."rp"]"#.to_string(),
        ]
    );

    assert!(world.lines(&["enable", "cpu_*"]).is_empty());
    assert_eq!(world.tasks(&["cpu_*"]), [row("cpu_a", "enabled true"), row("cpu_b", "enabled true")]);
    assert!(world.lines(&["disable", "cpu_b"]).is_empty());
    assert_eq!(world.tasks(&["cpu_*"]), [row("cpu_a", "enabled true"), row("cpu_b", "disabled false")]);

    world.daemon.write("cpu v=1 1000000000\n");
    wait::until("the point in what is shown", || {
        let shown = world.lines(&["show", "cpu_a"]).join("\n");
        shown.contains("processed=\"1\"").then_some(())
    });
    let shown = world.lines(&["show", "cpu_a"]);
    for line in ["ID: cpu_a", "Type: stream", "Status: enabled", "Executing: true", "TICKscript:", "DOT:"] {
        assert!(shown.iter().any(|shown| shown == line), "no {line:?} in {shown:#?}");
    }
    assert!(shown.join("\n").contains(SCRIPT.trim_end()), "{shown:#?}");

    assert!(world.lines(&["delete", "tasks", "cpu_*"]).is_empty());
    assert_eq!(world.tasks(&[]).len(), 1);
}

#[test]
fn a_new_script_runs_at_once_unless_told_otherwise() {
    let world = World::start();
    let own = ["-type", "stream", "-tick", "cpu.tick", "-dbrp", "telegraf.autogen"];
    world.lines(&[&["define", "t"][..], &own].concat());
    world.lines(&["enable", "t"]);
    let endpoint = |name: &str| world.daemon.get(&format!("/kapacitor/v1/tasks/t/{name}")).status;
    assert_eq!(endpoint("last"), 200);

    fs::write(world.daemon.folder().join("cpu.tick"), SCRIPT.replace("last", "other")).unwrap();
    world.lines(&["define", "t", "-no-reload", "-tick", "cpu.tick"]);
    assert_eq!((endpoint("last"), endpoint("other")), (200, 404));
    world.lines(&["reload", "t"]);
    assert_eq!((endpoint("last"), endpoint("other")), (404, 200));
    fs::write(world.daemon.folder().join("cpu.tick"), SCRIPT).unwrap();
    world.lines(&["define", "t", "-tick", "cpu.tick"]);
    assert_eq!((endpoint("last"), endpoint("other")), (200, 404));
}

#[test]
fn failures_end_with_their_codes() {
    let world = World::start();
    fs::write(world.daemon.folder().join("bad.tick"), "stream\n    |from()\n        .mesurement('cpu')\n").unwrap();
    let words = world.fails(3, &["define", "bad", "-type", "stream", "-tick", "bad.tick", "-dbrp", "telegraf.autogen"]);
    assert!(words.contains("line 3 char 10") && words.contains("measurement"), "{words}");
    assert!(world.tasks(&[]).is_empty());
    world.fails(3, &["define", "t", "-type", "stream", "-tick", "missing.tick", "-dbrp", "telegraf.autogen"]);
    world.fails(3, &["show", "nothing"]);
    world.fails(1, &["frobnicate"]);
    world.fails(2, &["define"]);
    world.fails(2, &["list"]);
    world.fails(2, &["define", "t", "-nonsense"]);
    world.fails(3, &["-url", "http://127.0.0.1:1", "list", "tasks"]);
}

#[test]
fn shell_scripts_can_rely_on_it() {
    let world = World::start();
    let script = "set -e\n\
        for name in cpu_a cpu_b; do\n  kapacitor define $name -type stream -tick cpu.tick -dbrp telegraf.autogen\ndone\n\
        kapacitor enable 'cpu_*'\nkapacitor list tasks | grep -c enabled\n\
        kapacitor show nothing 2>/dev/null || echo refused\n\
        kapacitor delete tasks 'cpu_*'\nkapacitor show cpu_a\necho not reached\n";
    let output = world.command("sh").args(["-c", script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "2\nrefused\n", "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn scripts_of_the_old_dialect_warn_and_run() {
    let world = World::start();
    fs::write(
        world.daemon.folder().join("old.tick"),
        "stream.from().measurement('cpu').mapReduce(influxql.count('v')).httpOut('n')\n",
    )
    .unwrap();
    let output =
        world.run(&["define", "-name", "old", "-type", "stream", "-tick", "old.tick", "-dbrp", "telegraf.autogen"]);
    assert_eq!(output.status.code(), Some(0));
    let words = format!("{}{}", String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    assert!(words.contains("line 1") && words.contains("influxql"), "{words}");
    assert!(world.lines(&["enable", "old"]).is_empty());
    assert_eq!(world.tasks(&["old"]), [r#"old stream enabled true ["telegraf"."autogen"]"#]);
}

#[test]
fn lists_and_shows_are_json_on_request() {
    let world = World::start();
    world.run(&["define", "cpu", "-tick", "cpu.tick", "-dbrp", "telegraf.autogen"]);
    let json = |args: &[&str]| -> Value {
        let output = world.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let tasks = json(&["list", "tasks", "-o", "json"]);
    assert_eq!((&tasks[0]["id"], &tasks[0]["status"]), (&Value::from("cpu"), &Value::from("disabled")));
    assert_eq!(json(&["show", "-o", "json", "cpu"])["script"], SCRIPT);
    assert_eq!(json(&["show", "cpu", "-o=json"])["dbrps"][0]["db"], "telegraf");
    for kind in ["templates", "recordings", "replays", "topics", "topic-handlers"] {
        assert_eq!(json(&["list", kind, "-o", "json"]), serde_json::json!([]), "{kind}");
    }
    assert!(json(&["list", "service-tests", "-o", "json"]).as_array().unwrap().len() > 20);
    assert_eq!(json(&["stats", "general", "-o", "json"])["num_tasks"], 1);
    assert_eq!(world.run(&["list", "tasks", "-o", "yaml"]).status.code(), Some(2));
}

#[test]
fn a_folder_is_imported_and_another_daemon_takes_it_over() {
    let old = World::start();
    let folder = old.daemon.folder().join("set");
    for (name, text) in [
        ("tasks/cpu.tick", SCRIPT),
        ("tasks/made.yaml", "template-id: t\nvars:\n  m: {type: string, value: mem}\n"),
        ("tasks/broken.tick", "stream|from().wher(lambda: TRUE)"),
        ("templates/t.tick", "var m string\nstream|from().measurement(m)|httpOut('x')"),
        ("handlers/h.yaml", "topic: cpu\nkind: log\noptions: {path: /dev/null}\n"),
    ] {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let text = |output: &Output| String::from_utf8_lossy(&output.stdout).into_owned();
    let imported = old.run(&["import", "-dbrp", "telegraf.autogen", "-enable", "set"]);
    let told = text(&imported);
    assert_eq!(imported.status.code(), Some(3), "{told}");
    for line in
        ["template t: new\n", "task cpu: new\n", "task made: new\n", "task broken: FAILED\n", "did you mean where"]
    {
        assert!(told.contains(line), "{line} in {told}");
    }
    assert!(told.contains("handler h of topic cpu: new\n"), "{told}");

    let new = World::start();
    let url = old.daemon.url();
    let from = ["migrate", "-from", url.as_str(), "-no-config"];
    let rehearsed = text(&new.run(&from));
    assert!(rehearsed.contains("task made: new\n") && rehearsed.ends_with("-apply does it.\n"), "{rehearsed}");
    assert!(!text(&new.run(&["list", "tasks"])).contains("cpu"));
    let brought = new.run(&[&from[..], &["-apply"]].concat());
    assert!(brought.status.success(), "{}", String::from_utf8_lossy(&brought.stderr));
    for list in [&["list", "tasks"][..], &["list", "templates"], &["list", "topic-handlers"], &["show", "made"]] {
        let without_times = |world: &World| {
            let lines = text(&world.run(list));
            lines
                .lines()
                .filter(|line| !line.contains("Created") && !line.contains("Modified") && !line.contains("LastEnabled"))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(without_times(&old), without_times(&new), "{list:?}");
    }
    assert!(text(&new.run(&from)).contains("task cpu: kept as it is here\n"));
}

#[test]
fn settings_are_brought_before_what_needs_them() {
    let (old, new) = (World::start(), World::start());
    let set = |path: &str, change: serde_json::Value| {
        let reply = old.daemon.request("POST", &format!("/kapacitor/v1/config/{path}"), change.to_string());
        assert_eq!(reply.status, 204, "{path}: {}", reply.body);
    };
    set("smtp/", serde_json::json!({"set": {"host": "mail.example", "password": "p"}}));
    set("slack", serde_json::json!({"add": {"workspace": "w2", "url": "http://localhost:1/x", "enabled": true}}));
    set("kubernetes", serde_json::json!({"add": {"id": "k", "api-servers": ["http://localhost:1"]}}));
    let url = old.daemon.url();
    let brought = new.run(&["migrate", "-from", url.as_str(), "-apply"]);
    let told = String::from_utf8_lossy(&brought.stdout);
    assert!(brought.status.success(), "{told}");
    for line in ["config smtp/: host\n", "config smtp/: password is a secret", "switched off, since it is not valid"] {
        assert!(told.contains(line), "{line} in {told}");
    }
    let shown = |path: &str| new.daemon.get(&format!("/kapacitor/v1/config/{path}")).body;
    assert!(shown("smtp/").contains("mail.example"));
    assert!(shown("slack/w2").contains("\"enabled\":false"));
    assert!(shown("kubernetes/k").contains("http://localhost:1"));
}

#[test]
fn tasks_in_flux_are_kept() {
    let daemon = Setup::new(kapacitord()).config("[fluxtask]\nenabled = true\ntask-run-influxdb = \"none\"\n").start();
    let world = World { daemon };
    let script = "option task = {name: \"mine\", every: 1m}\nfrom(bucket: \"a\") |> range(start: -1m)\n";
    fs::write(world.daemon.folder().join("t.flux"), script).unwrap();
    let text = |args: &[&str]| {
        let output = world.run(&[&["flux", "task"], args].concat());
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {told}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let made = text(&["create", "-f", "t.flux"]);
    let id = made.lines().nth(1).unwrap().split('\t').next().unwrap();
    assert!(made.starts_with("ID\t\t\tName\t") && made.contains("\tmine\t") && made.contains("\tactive\t"), "{made}");
    assert!(text(&["update", "-id", id, "-status", "inactive"]).contains("\tinactive\t1m\t\n"));
    let json: Value = serde_json::from_str(&text(&["ls", "-json"])).unwrap();
    assert_eq!((&json[0]["flux"], &json[0]["status"]), (&script.into(), &"inactive".into()));
    assert_eq!(text(&["log", "list", "-task-id", id]), "RunID\tTime\tMessage\n");
    assert!(text(&["run", "list", "-task-id", id]).starts_with("ID\tTaskID\t"));
    assert!(text(&["delete", "-i", id]).contains("\tmine\t"));
    assert_eq!(text(&["list"]).lines().count(), 1);
    for (args, told) in [
        (&["delete", "-id", id][..], "Error: while finding task: failed to find task: task not found"),
        (&["update"], "Error: Required flag \"id\" not set"),
    ] {
        let output = world.run(&[&["flux", "task"], args].concat());
        assert_eq!(output.status.code(), Some(3));
        assert!(String::from_utf8_lossy(&output.stderr).contains(told), "{output:?}");
    }
    // Without a word it is help that is asked for.
    assert_eq!(world.run(&["flux"]).status.code(), Some(0));
    assert_eq!(world.run(&["flux", "bogus"]).status.code(), Some(3));
}
