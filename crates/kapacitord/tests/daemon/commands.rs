//! The program's own commands, its environment, and its demo.

use std::fs;

use super::{TASKS, setup};

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn the_sample_config_is_accepted() {
    let setup = setup();
    let output = setup.run(&["config"]);
    assert_eq!((output.status.code(), text(&output.stderr).as_str()), (Some(0), ""));
    let sample = text(&output.stdout);
    assert!(sample.contains("[http]") && sample.contains("# "), "{sample}");
    let path = setup.folder().join("sample.conf");
    fs::write(&path, &sample).unwrap();
    // Only where it writes and listens is changed, by the environment.
    let folder = setup.folder().display().to_string();
    let own = format!("{folder}/own.conf");
    let daemon = setup
        .environment("KAPACITOR_DATA_DIR", &folder)
        .environment("KAPACITOR_HTTP_BIND_ADDRESS", "127.0.0.1:0")
        .environment("KAPACITOR_STORAGE_BOLTDB", &format!("{folder}/own-store"))
        .environment("KAPACITOR_REPLAY_DIR", &format!("{folder}/replay"))
        .environment("KAPACITOR_LOAD_DIR", &format!("{folder}/load"))
        .environment("KAPACITOR_LOGGING_FILE", "STDERR")
        .start_with(&sample);
    assert!(!daemon.log().contains("lvl=warn msg=\"config:"), "{}", daemon.log());
    assert_eq!(daemon.get(TASKS).status, 200);
    assert!(daemon.folder().join("own-store").is_dir());
    assert!(!std::path::Path::new(&own).exists());
}

#[test]
fn the_environment_overrides_the_config() {
    let setup = setup();
    let store = setup.folder().join("elsewhere");
    let daemon = setup.environment("KAPACITOR_STORAGE_BOLTDB", &store.display().to_string()).start();
    assert!(store.is_dir() && !daemon.folder().join("store").exists());
    assert_eq!(daemon.get(TASKS).status, 200);

    let output = super::setup().environment("KAPACITOR_SLACK_0_CHANNEL", "#ops").run(&["config"]);
    assert!(text(&output.stdout).contains("channel = \"#ops\""), "{}", text(&output.stdout));
    let output = super::setup().environment("KAPACITOR_SMTP_ENABLED", "perhaps").fail();
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(error.contains("KAPACITOR_SMTP_ENABLED"), "{error}");
}

#[test]
fn the_version_is_printed() {
    let output = setup().run(&["version"]);
    assert_eq!(output.status.code(), Some(0));
    let version = text(&output.stdout);
    assert!(version.starts_with("Kapacitor OSS version 1.8") && version.lines().count() == 1, "{version}");
}

#[test]
fn unknown_commands_and_flags_are_errors() {
    let setup = setup();
    for arguments in [&["frobnicate"][..], &["run", "-nonsense"], &["-config"], &["demo", "-seconds", "soon"]] {
        let output = setup.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty(), "{arguments:?}");
    }
    let output = setup.run(&["help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("demo"));
}

#[test]
fn the_demo_alerts_and_ends() {
    let output = setup().run(&["demo", "-seconds", "8"]);
    let out = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{out}\n{}", text(&output.stderr));
    let levels = ["INFO", "WARNING", "CRITICAL"];
    let alerts = out.lines().filter(|line| levels.iter().any(|level| line.starts_with(level)));
    assert!(alerts.count() >= 1, "{out}");
    assert!(out.contains("list tasks"), "{out}");
}
