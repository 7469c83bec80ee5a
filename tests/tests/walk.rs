//! `cargo play` shows how each datum goes from node to node, and what is not as recorded.

use std::{
    fs,
    sync::{Arc, Mutex},
};

use conformance::{Case, play, roots};

#[test]
fn each_edge_is_shown() {
    let [cases, _] = roots();
    let all = cases.cases().unwrap();
    let case = all.iter().find(|case| case.name == "smoke/high_cpu").expect("it comes with the repository");
    let lines = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&lines);
    let played = play(case, Some(Arc::new(move |line: &str| told.lock().unwrap().push(line.to_string())))).unwrap();
    assert_eq!(played.differences, Vec::<String>::new());
    let lines = lines.lock().unwrap();
    for (parent, child) in [("stream0", "from1"), ("from1", "alert2")] {
        let start = format!("high_cpu: {parent} -> {child}: point cpu ");
        assert!(lines.iter().any(|line| line.starts_with(&start)), "{start} in {lines:#?}");
    }
}

#[test]
fn what_is_not_as_recorded_is_found() {
    let [cases, _] = roots();
    let from = cases.folder.join("smoke/high_cpu");
    let to = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, to.path().join(path.file_name().unwrap())).unwrap();
    }
    let expected = to.path().join("expected.json");
    let text = fs::read_to_string(&expected).unwrap();
    let changes = [("is INFO value: 53", "is INFO value: 54"), ("CRITICAL", "FATAL")];
    for (old, new) in changes {
        assert!(text.contains(old), "{old}");
        fs::write(&expected, text.replacen(old, new, 1)).unwrap();
        let case = Case::load(to.path(), to.path()).unwrap();
        let differences = play(&case, None).unwrap().differences;
        assert!(differences.iter().any(|line| line.starts_with(".files.alert.log[")), "{new}: {differences:?}");
    }
}
