//! `cargo play` shows how each datum goes from node to node.

use std::sync::{Arc, Mutex};

use conformance::{play, roots};

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
