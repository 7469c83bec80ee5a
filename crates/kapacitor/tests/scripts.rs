//! The built command line on scripts, with no daemon anywhere: `check`, `fmt` and `upgrade`.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

const RIGHT: &str = "stream\n    |from()\n        .measurement('cpu')\n    |httpOut('last')\n";
const WRONG: &str = "stream\n    |from()\n        .measurment('cpu')\n    |alert()\n        .crit(lambda: \"v\" > )\n        .log('/tmp/x')\n        .id('{{ .Nam')\n";
const OLD: &str = "// Counts.\nstream.from('cpu')\n    .window().period(10s).every(10s)\n    .mapReduce(influxql.count(\"v\"))\n    .httpOut(\"n\");\n";

/// A folder with files.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::create_dir_all(folder.path().join(name).parent().unwrap()).unwrap();
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

/// The exit code, stdout and stderr.
fn run(folder: &TempDir, args: &[&str], input: &str) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kapacitor"));
    command.args(args).current_dir(folder.path()).env("KAPACITOR_URL", "http://localhost:1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn check_says_all_that_is_wrong_with_its_place() {
    let folder = folder(&[("ok.tick", RIGHT), ("deep/er/wrong.tick", WRONG), ("deep/not.txt", "(")]);
    assert_eq!(run(&folder, &["check", "ok.tick"], ""), (0, String::new(), String::new()));
    let (code, stdout, stderr) = run(&folder, &["check", "ok.tick", "deep"], "");
    let heads: Vec<&str> = stdout.lines().filter(|line| line.starts_with("deep/")).collect();
    assert_eq!(
        heads,
        [
            "deep/er/wrong.tick:3:10: error: from has no property \"measurment\"",
            "deep/er/wrong.tick:5:29: error: unexpected \")\", expected a value",
        ]
    );
    assert!(
        stdout.contains(
            "\n3 |         .measurment('cpu')\n  |          ^^^^^^^^^^\n  = hint: did you mean measurement?\n"
        ),
        "{stdout}"
    );
    assert_eq!((code, stderr.as_str()), (3, "Error: 2 errors and 0 warnings in 2 scripts\n"));
}

#[test]
fn check_speaks_json_and_knows_what_was_given() {
    let folder = folder(&[
        ("t.tick", "var m string\nvar unused = 5\nstream|from().measurement(m)|log()\n"),
        ("vars.json", r#"{"m": {"type": "int", "value": 5}}"#),
    ]);
    assert_eq!(run(&folder, &["check", "t.tick"], "").0, 0, "it is a template");
    let (code, stdout, _) = run(&folder, &["check", "-o", "json", "-vars", "vars.json", "t.tick"], "");
    let shown: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &shown["errors"], &shown["warnings"]), (3, &Value::from(1), &Value::from(1)));
    let first = &shown["files"][0]["diagnostics"][0];
    assert_eq!(first["message"], "invalid type supplied for m, got int expected string");
    assert_eq!(first["found"], "define");
    assert_eq!(first["place"], serde_json::json!({ "line": 1, "column": 5, "end_line": 1, "end_column": 6 }));
    let (code, stdout, _) = run(&folder, &["check", "-type", "batch", "-"], RIGHT);
    assert!(code == 3 && stdout.starts_with("-:1:1: error: the script reads a stream, not a batch"), "{stdout}");
    let unused = "var x = 1\nstream|from()|log()";
    assert_eq!((run(&folder, &["check", "-"], unused).0, run(&folder, &["check", "-strict", "-"], unused).0), (0, 3));
    assert_eq!(run(&folder, &["check"], "").0, 2);
    assert_eq!(run(&folder, &["check", "nothing.tick"], "").0, 3);
}

#[test]
fn fmt_prints_checks_and_writes() {
    let folder =
        folder(&[("a.tick", "stream |from()\n// all\n|log()"), ("b.tick", RIGHT), ("broken.tick", "stream|from(")]);
    let formatted = "stream\n    |from()\n    // all\n    |log()\n";
    assert_eq!(run(&folder, &["fmt", "a.tick"], ""), (0, formatted.to_string(), String::new()));
    let (code, stdout, _) = run(&folder, &["fmt", "-check", "a.tick", "b.tick"], "");
    assert!(code == 3 && stdout.starts_with("--- a.tick\n+++ a.tick\n@@") && !stdout.contains("b.tick"), "{stdout}");
    let (code, stdout, stderr) = run(&folder, &["fmt", "-w", "."], "");
    assert_eq!((code, stdout.as_str()), (3, ""));
    assert!(
        stderr.contains("broken.tick:1:12: error: this bracket is never closed")
            && stderr.ends_with("Error: 1 scripts cannot be parsed\n"),
        "{stderr}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("a.tick")).unwrap(), formatted);
    assert_eq!(fs::read_to_string(folder.path().join("broken.tick")).unwrap(), "stream|from(");
    assert_eq!(run(&folder, &["fmt", "-check", "a.tick", "b.tick"], ""), (0, String::new(), String::new()));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left behind");
}

#[test]
fn upgrade_shows_a_diff_and_writes_if_asked() {
    let folder = folder(&[("old.tick", OLD), ("new.tick", RIGHT)]);
    let (code, stdout, _) = run(&folder, &["upgrade", "old.tick", "new.tick"], "");
    assert_eq!(code, 0);
    assert!(
        stdout.contains("-    .mapReduce(influxql.count(\"v\"))\n") && stdout.contains("+    |count('v')\n"),
        "{stdout}"
    );
    assert_eq!(fs::read_to_string(folder.path().join("old.tick")).unwrap(), OLD);
    assert_eq!(run(&folder, &["upgrade", "-w", "."], "").0, 0);
    let upgraded = fs::read_to_string(folder.path().join("old.tick")).unwrap();
    assert_eq!(
        upgraded,
        "// Counts.\nstream|from().measurement('cpu')\n    |window().period(10s).every(10s)\n    |count('v')\n    |httpOut('n')\n"
    );
    assert_eq!(run(&folder, &["check", "-strict", "old.tick"], "").0, 0);
    assert_eq!(run(&folder, &["upgrade", "-"], OLD).1, upgraded);
    let (code, _, stderr) = run(&folder, &["upgrade", "-"], "stream.from().alrt()");
    assert!(code == 3 && stderr.contains("hint: did you mean"), "{stderr}");
}
