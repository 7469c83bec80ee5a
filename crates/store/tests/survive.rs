//! What the store keeps and refuses: restarts, damaged and foreign files, random operations.
#![allow(clippy::unwrap_used)]

mod filled;

use std::collections::BTreeMap;
use std::path::Path;

use filled::{check_filled, fill, task};
use proptest::prelude::*;
use store::tasks::{Status, Task};
use store::{Error, Page, Store};

#[test]
fn a_restart_keeps_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("deep/er");
    let store = Store::open(&path).unwrap();
    let identity = store.identity().clone();
    assert_ne!(identity.cluster_id, identity.server_id);
    fill(&store);
    drop(store);
    let store = Store::open(&path).unwrap();
    check_filled(&store);
    assert_eq!(*store.identity(), identity);
}

#[test]
fn only_one_process_may_have_it_open() {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::Locked { .. }), "{error}");
    drop(store);
    Store::open(dir.path()).unwrap();
}

#[test]
fn foreign_files_are_left_as_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let mut bolt = vec![0; 4096];
    bolt[16..20].copy_from_slice(&[0xed, 0xda, 0x0c, 0xed]);
    for (name, contents, found) in
        [("plain", b"hello".to_vec(), "a plain file"), ("kapacitor.db", bolt, "a BoltDB file as Kapacitor writes them")]
    {
        let path = dir.path().join(name);
        std::fs::write(&path, &contents).unwrap();
        let error = Store::open(&path).unwrap_err();
        assert!(error.to_string().contains(&format!("is {found}, not a store")), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), contents);
    }
    let below = Store::open(dir.path().join("plain/store")).unwrap_err();
    assert!(matches!(below, Error::Io { .. }), "{below}");
    let folder = Store::open(dir.path()).unwrap_err();
    assert!(folder.to_string().contains("a folder with other files"), "{folder}");
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 2);
}

#[test]
fn newer_and_foreign_databases_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    drop(Store::open(dir.path()).unwrap());
    let db = sled::open(dir.path()).unwrap();
    db.insert("format/", br#"{"v":1,"d":{"format":99}}"#).unwrap();
    drop(db);
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, Error::TooNew { found: 99, .. }), "{error}");
    let other = tempfile::tempdir().unwrap();
    sled::open(other.path()).unwrap().insert("x", "y").unwrap();
    let error = Store::open(other.path()).unwrap_err();
    assert!(matches!(error, Error::NotAStore { .. }), "{error}");
}

/// All files below a folder with their contents.
fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = std::fs::read_dir(path).unwrap().map(Result::unwrap);
    let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
    files
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), std::fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn damage_is_told_and_nothing_is_overwritten() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store");
    fill(&Store::open(&path).unwrap());
    let whole = files(&path);
    let mut told = 0;
    for name in whole.keys().filter(|name| *name != "written") {
        let contents = &whole[name];
        let end = contents.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        for place in (0..end).step_by(end / 40 + 1) {
            let mut damaged = contents.clone();
            for byte in &mut damaged[place..(place + 40).min(end)] {
                *byte ^= 0x5a;
            }
            std::fs::write(path.join(name), &damaged).unwrap();
            match Store::open(&path) {
                Ok(store) => check_filled(&store),
                Err(error) => {
                    assert!(matches!(error, Error::Damaged { .. } | Error::DamagedRecord { .. }), "{error}");
                    assert_eq!(files(&path)[name], damaged);
                    told += 1;
                }
            }
            std::fs::remove_dir_all(&path).unwrap();
            std::fs::create_dir(&path).unwrap();
            for (name, contents) in &whole {
                std::fs::write(path.join(name), contents).unwrap();
            }
        }
    }
    assert!(told > 40, "{told}");
    check_filled(&Store::open(&path).unwrap());
}

#[test]
fn a_lost_or_empty_counter_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    fill(&Store::open(dir.path()).unwrap());
    std::fs::write(dir.path().join("written"), "").unwrap();
    check_filled(&Store::open(dir.path()).unwrap());
    std::fs::remove_file(dir.path().join("written")).unwrap();
    check_filled(&Store::open(dir.path()).unwrap());
}

#[test]
fn a_half_made_store_is_finished() {
    for name in ["db", "conf", "written"] {
        let dir = tempfile::tempdir().unwrap();
        if name != "conf" {
            std::fs::write(dir.path().join(name), "").unwrap();
        }
        std::fs::create_dir_all(dir.path().join("blobs")).unwrap();
        fill(&Store::open(dir.path()).unwrap());
        check_filled(&Store::open(dir.path()).unwrap());
    }
}

#[derive(Debug, Clone)]
enum Operation {
    Create(String, bool),
    Replace(String, String),
    Delete(String),
    List(String, usize, usize),
    Reopen,
}

fn operation() -> impl Strategy<Value = Operation> {
    let id = "[ab.]{1,2}";
    prop_oneof![
        4 => (id, any::<bool>()).prop_map(|(id, of_template)| Operation::Create(id, of_template)),
        2 => (id, id).prop_map(|(old, new)| Operation::Replace(old, new)),
        2 => id.prop_map(Operation::Delete),
        2 => ("[ab.*?]{0,3}", 0usize..3, 0usize..5).prop_map(|(glob, o, l)| Operation::List(glob, o, l)),
        1 => Just(Operation::Reopen),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn behaves_as_a_sorted_map(operations in prop::collection::vec(operation(), 1..40)) {
        let dir = tempfile::tempdir().unwrap();
        let mut stores = [Store::open(dir.path()).unwrap(), Store::in_memory()];
        let mut model: BTreeMap<String, Task> = BTreeMap::new();
        for operation in operations {
            match operation {
                Operation::Create(id, of_template) => {
                    let task = Task { template_id: of_template.then(|| "tpl".to_string()), ..task(&id) };
                    for store in &stores {
                        prop_assert_eq!(store.tasks().create(&task).is_ok(), !model.contains_key(&id));
                    }
                    model.entry(id).or_insert(task);
                }
                Operation::Replace(old, new) => {
                    let fits = model.contains_key(&old) && (old == new || !model.contains_key(&new));
                    let task = Task { status: Status::Disabled, ..task(&new) };
                    for store in &stores {
                        prop_assert_eq!(store.tasks().replace(&old, &task).is_ok(), fits);
                    }
                    if fits {
                        model.remove(&old);
                        model.insert(new, task);
                    }
                }
                Operation::Delete(id) => {
                    let there = model.remove(&id).is_some();
                    for store in &stores {
                        prop_assert_eq!(store.tasks().delete(&id).unwrap(), there);
                    }
                }
                Operation::List(glob, offset, limit) => {
                    let pattern = store::pattern::Pattern::new(&glob).unwrap();
                    let hits = model.values().filter(|task| pattern.matches(&task.id));
                    let expected: Vec<Task> = hits.skip(offset).take(limit).cloned().collect();
                    for store in &stores {
                        prop_assert_eq!(&store.tasks().list(&Page { pattern: &glob, offset, limit }).unwrap(), &expected);
                    }
                }
                Operation::Reopen => {
                    stores[0] = Store::in_memory();
                    stores[0] = Store::open(dir.path()).unwrap();
                }
            }
            let linked: Vec<String> = model.values().filter(|t| t.template_id.is_some()).map(|t| t.id.clone()).collect();
            for store in &stores {
                prop_assert_eq!(&store.templates().tasks_of("tpl").unwrap(), &linked);
            }
        }
    }
}
