//! A process that is killed. In a program of its own: what is forked off holds the locks of other tests' stores until it
//! has become another program.
#![allow(clippy::unwrap_used)]

mod filled;

use std::path::Path;
use std::process::Command;

use filled::{check_filled, fill};
use store::Store;

#[test]
fn a_killed_process_loses_nothing() {
    // The process that is killed: this test once more, started below. It ends without any cleaning up.
    if let Some(path) = std::env::var_os("STORE_TO_ABORT") {
        let store = Store::open(Path::new(&path)).unwrap();
        fill(&store);
        std::process::abort();
    }
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    let ended = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_process_loses_nothing"])
        .env("STORE_TO_ABORT", &path)
        .output()
        .unwrap();
    assert!(!ended.status.success());
    check_filled(&Store::open(&path).unwrap());
}
