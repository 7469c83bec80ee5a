//! The load directory.

use std::{fs, path::Path};

use serde_json::json;
use testkit::{daemon::Daemon, wait};

use super::{TASKS, parsed, setup, shows, task};

const HANDLERS: &str = "/kapacitor/v1/alerts/topics/t/handlers";

/// A daemon with these files in its load directory.
fn start(files: &[(&str, &str)]) -> Daemon {
    let setup = setup();
    let folder = setup.folder().join("load");
    fs::create_dir_all(&folder).unwrap();
    write(&folder, files);
    setup.replace("[load]\n", "[load]\nenabled = true\n").start()
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// Load again, and wait until the log tells the end of it so.
fn reload(daemon: &Daemon, end: &str) {
    let told = || daemon.log().lines().filter(|line| line.contains(end)).count();
    let before = told();
    daemon.hang_up();
    wait::until(end, || (told() > before).then_some(()));
}

#[test]
fn a_broken_file_is_told_and_hinders_no_other() {
    let good = "dbrp \"telegraf\".\"autogen\"\nstream|from().measurement('m')|httpOut('last')";
    let daemon = start(&[
        ("tasks/a_broken.tick", "dbrp \"a\".\"b\"\nstream|from(|httpOut('x')"),
        ("tasks/good.tick", good),
        ("tasks/vars.yaml", "# of a template\ntemplate-id: absent\n"),
        ("tasks/cut.json", "{\"template-id\": \"a\",\n"),
        ("templates/t.tick", "var x = \n"),
        ("handlers/a.yaml", "topic: t\nid: h\nkind: pigeon\n"),
        (
            "handlers/b.json",
            "{\"topic\": \"t\", \"id\": \"ok\", \"kind\": \"publish\", \"options\": {\"topics\": [\"u\"]}}",
        ),
    ]);
    for (place, why) in [
        ("tasks/a_broken.tick:2", "invalid TICKscript"),
        ("tasks/vars.yaml:2", "absent"),
        ("tasks/cut.json:2", "EOF"),
        ("templates/t.tick:", "invalid TICKscript"),
        ("handlers/a.yaml:3", "pigeon"),
    ] {
        let line = daemon.logged(place);
        assert!(line.contains(why), "{line}");
    }
    assert_eq!(task(&daemon, "good")["executing"], true);
    assert_eq!(parsed(&daemon.get(HANDLERS))["handlers"][0]["id"], "ok");
    assert_eq!(daemon.get(&format!("{TASKS}/a_broken")).status, 404);
}

#[test]
fn changes_are_noticed_if_so_wished() {
    let setup = setup();
    let folder = setup.folder().join("load");
    let script = |out: &str| format!("dbrp \"telegraf\".\"autogen\"\nstream|from().measurement('m')|httpOut('{out}')");
    write(&folder, &[("tasks/first.tick", &script("first"))]);
    let daemon = setup.replace("[load]\n", "[load]\nenabled = true\ncheck-interval = \"100ms\"\n").start();
    assert_eq!(task(&daemon, "first")["executing"], true);
    write(&folder, &[("tasks/later.tick", &script("later"))]);
    wait::until("the new file", || (daemon.get(&format!("{TASKS}/later")).status == 200).then_some(()));
    fs::remove_file(folder.join("tasks/first.tick")).unwrap();
    wait::until("the end of a task", || (daemon.get(&format!("{TASKS}/first")).status == 404).then_some(()));
}

#[test]
fn files_are_followed() {
    let script = |out: &str| format!("dbrp \"telegraf\".\"autogen\"\nstream|from().measurement('m')|httpOut('{out}')");
    let handler = "topic: t\nid: h\nkind: publish\noptions: { topics: [u] }\n";
    let template = "var m string\nstream|from().measurement(m)|httpOut('last')";
    let vars = r#"{"template-id": "tpl", "dbrps": [{"db": "telegraf", "rp": "autogen"}],
        "vars": {"m": {"type": "string", "value": "m"}}}"#;
    let mut daemon = start(&[
        ("tasks/same.tick", &script("last")),
        ("tasks/changed.tick", &script("before")),
        ("tasks/gone.tick", &script("x")),
        ("tasks/of_template.json", vars),
        ("templates/tpl.tick", template),
        ("handlers/h.yaml", handler),
    ]);
    daemon.write("m v=1 1000000000\n");
    let first =
        json!({ "series": [{ "name": "m", "columns": ["time", "v"], "values": [["1970-01-01T00:00:01Z", 1]] }] });
    for endpoint in ["same/last", "changed/before", "of_template/last"] {
        shows(&daemon, endpoint, &first);
    }
    let folder = daemon.folder().join("load");
    write(&folder, &[("tasks/changed.tick", &script("after")), ("tasks/of_template.json", "{")]);
    fs::remove_file(folder.join("tasks/gone.tick")).unwrap();
    fs::remove_file(folder.join("handlers/h.yaml")).unwrap();
    reload(&daemon, "removed=2");
    // What did not change runs on, and what is broken now stays as it was.
    shows(&daemon, "same/last", &first);
    shows(&daemon, "of_template/last", &first);
    assert_eq!(daemon.get(&format!("{TASKS}/changed/before")).status, 404);
    daemon.write("m v=1 1000000000\n");
    shows(&daemon, "changed/after", &first);
    assert_eq!(daemon.get(&format!("{TASKS}/gone")).status, 404);
    assert_eq!(parsed(&daemon.get(HANDLERS))["handlers"], json!([]));

    // Files that went while the daemon was away.
    fs::remove_file(folder.join("tasks/of_template.json")).unwrap();
    fs::remove_file(folder.join("templates/tpl.tick")).unwrap();
    daemon.stop();
    daemon.start();
    assert_eq!(daemon.get(&format!("{TASKS}/of_template")).status, 404);
    assert_eq!(daemon.get("/kapacitor/v1/templates/tpl").status, 404);
    assert_eq!(task(&daemon, "same")["executing"], true);

    // A directory that is not there removes nothing.
    fs::rename(&folder, daemon.folder().join("away")).unwrap();
    reload(&daemon, "nothing is loaded");
    assert_eq!(task(&daemon, "same")["executing"], true);
}

#[test]
fn a_script_takes_the_place_of_a_template() {
    let template = "var m string\nstream|from().measurement(m)";
    let vars = r#"{"template-id": "tpl", "dbrps": [{"db": "telegraf", "rp": "autogen"}],
        "vars": {"m": {"type": "string", "value": "m"}}}"#;
    let daemon = start(&[("templates/tpl.tick", template), ("tasks/t.json", vars)]);
    assert_eq!(task(&daemon, "t")["template-id"], "tpl");
    let folder = daemon.folder().join("load");
    fs::remove_file(folder.join("tasks/t.json")).unwrap();
    write(&folder, &[("tasks/t.tick", "dbrp \"telegraf\".\"autogen\"\nstream|from().measurement('n')")]);
    reload(&daemon, "removed=0");
    let task = task(&daemon, "t");
    assert_eq!((&task["template-id"], &task["vars"], &task["executing"]), (&json!(""), &json!({}), &json!(true)));
    assert!(task["script"].as_str().unwrap().contains("'n'"), "{task}");
}

#[test]
fn a_template_and_its_tasks_change_together() {
    let vars = |more: &str| {
        let dbrps = r#"[{"db": "telegraf", "rp": "autogen"}]"#;
        let vars = format!(r#"{{"m": {{"type": "string", "value": "m"}}{more}}}"#);
        format!(r#"{{"template-id": "tpl", "dbrps": {dbrps}, "vars": {vars}}}"#)
    };
    let daemon = start(&[
        ("templates/tpl.tick", "var m string\nstream|from().measurement(m)"),
        ("tasks/t.json", &vars("")),
        // It is stored, but it does not start.
        ("tasks/no_start.tick", "dbrp \"a\".\"b\"\nstream|from()|httpPost().endpoint('none')"),
    ]);
    assert_eq!(task(&daemon, "no_start")["executing"], false);
    let folder = daemon.folder().join("load");
    write(
        &folder,
        &[
            ("templates/tpl.tick", "var m string\nvar n int\nstream|from().measurement(m)|sample(n)"),
            ("tasks/t.json", &vars(r#", "n": {"type": "int", "value": 2}"#)),
        ],
    );
    fs::remove_file(folder.join("tasks/no_start.tick")).unwrap();
    reload(&daemon, "failed=0 removed=1");
    let changed = task(&daemon, "t");
    assert!(changed["script"].as_str().unwrap().contains("sample"), "{changed}");
    assert_eq!(changed["executing"], true);
    assert_eq!(daemon.get(&format!("{TASKS}/no_start")).status, 404);
}
