//! Tests of the outbox.

use std::fs;
use std::path::Path;

use disk::testing::{SimDisk, Weather};

use super::*;
use crate::Level;
use crate::testing::event;

fn options(folder: &Path) -> OutboxOptions {
    OutboxOptions { segment_bytes: 2000, fsync_interval: Duration::ZERO, ..OutboxOptions::new(folder) }
}

fn open(folder: &Path) -> Arc<Outbox> {
    let opened = Outbox::open(options(folder), None).unwrap();
    assert!(opened.damage.is_empty(), "{:?}", opened.damage);
    opened.outbox
}

fn append(outbox: &Outbox, id: &str, to: &[&str]) -> u64 {
    let event = Arc::new(event("t", id, Level::Critical));
    outbox.append(&event, 5, to.iter().map(|name| Arc::from(*name)).collect())
}

fn ids(outbox: &Outbox, to: &str) -> Vec<String> {
    outbox.waiting("t", to, u64::MAX).iter().map(|waiting| waiting.event.state.id.to_string()).collect()
}

fn files(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    names.filter(|name| name.to_string_lossy().ends_with(".log")).count()
}

#[test]
fn what_is_not_done_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let first = append(&outbox, "a", &["x", "y"]);
    let second = append(&outbox, "b", &["x"]);
    append(&outbox, "c", &["x"]);
    outbox.done(first, &"x".into());
    outbox.bury(second, &"x".into(), "no such page", 3);
    assert_eq!((ids(&outbox, "x"), ids(&outbox, "y")), (vec!["c".to_string()], vec!["a".to_string()]));
    drop(outbox);
    let outbox = open(folder.path());
    assert_eq!((ids(&outbox, "x"), ids(&outbox, "y")), (vec!["c".to_string()], vec!["a".to_string()]));
    let which = Letters { handler: "x".into(), numbers: vec![second], ..Letters::default() };
    let (letters, count) = outbox.dead_letters(&which, 0, 10);
    assert_eq!((count, &*letters[0].event.state.id, letters[0].raised), (1, "b", 5));
    let death = letters[0].death.clone().unwrap();
    assert_eq!((&*death.why, death.attempts), ("no such page", 3));
    assert!(outbox.revive(second, &"x".into()));
    assert_eq!(ids(&outbox, "x"), ["b", "c"]);
    assert_eq!(append(&outbox, "d", &["x"]), 4);
    assert!(outbox.lock_free_of("t", "x"));
    drop(outbox);
    assert_eq!(ids(&open(folder.path()), "x"), ["b", "c", "d"]);
}

impl Outbox {
    fn lock_free_of(&self, topic: &str, to: &str) -> bool {
        !self.shared.lock().leases.contains_key(&(topic.into(), to.into()))
    }
}

#[test]
fn who_sends_an_event_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Outbox::open(OutboxOptions::new(folder.path()), None).unwrap().outbox;
    let outbox = open();
    let to = ["x"].map(Arc::from);
    let mut at_once = 0;
    for id in 0..200 {
        let number = append(&outbox, &id.to_string(), &["x"]);
        outbox.hasten(number);
        // The thread may be at it.
        at_once += usize::from(outbox.counts().written >= number);
        assert!(outbox.wait_until_written(number));
        if id % 2 == 0 {
            outbox.done(number, &to[0]);
        }
    }
    assert!(at_once > 0);
    // The thread syncs what others have written, also if nothing else comes.
    let writer = outbox.writer.get().unwrap();
    let until = std::time::Instant::now() + Duration::from_secs(60);
    while !writer.lock().unwrap().is_synced() {
        assert!(std::time::Instant::now() < until, "it is not synced");
        std::thread::yield_now();
    }
    // Without a word from anybody the thread does it.
    let last = append(&outbox, "last", &["x"]);
    let mut committed = outbox.committed();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(committed.wait_for(|written| *written >= last)).unwrap();
    drop(outbox);
    let left = ids(&open(), "x");
    assert_eq!((left.len(), &*left[0], &*left[100]), (101, "1", "last"));
}

#[test]
fn states_of_events_that_nobody_waits_for_are_kept_until_they_are_stored() {
    let folder = tempfile::tempdir().unwrap();
    let reopen = |settled| Outbox::open(options(folder.path()), Some(settled)).unwrap();
    let opened = reopen(0);
    for id in ["a", "b"] {
        assert!(opened.outbox.append_state(&event("t", id, Level::Warning)));
    }
    assert!(opened.outbox.wait_until_written(2));
    drop(opened);
    let opened = reopen(1);
    let states: Vec<_> = opened.states.iter().map(|(topic, state)| (&**topic, &*state.id, state.level)).collect();
    assert_eq!(states, [("t", "b", Level::Warning)]);
    assert_eq!((opened.outbox.counts().events, opened.outbox.last()), (0, 2));
    // A file goes once its states are stored.
    for _ in 0..200 {
        opened.outbox.append_state(&event("t", "c", Level::Info));
        assert!(opened.outbox.wait_until_written(opened.outbox.last()));
    }
    assert!(files(folder.path()) > 2);
    let last = opened.outbox.last();
    opened.outbox.settled(last);
    append(&opened.outbox, "d", &["x"]);
    drop(opened);
    assert!(files(folder.path()) <= 2);
    // Without a store of states nothing has to be kept.
    assert!(!open(folder.path()).append_state(&event("t", "e", Level::Info)));
}

#[test]
fn files_go_when_their_events_are_done() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    let stuck = append(&outbox, "stuck", &["x"]);
    outbox.bury(stuck, &"x".into(), "no", 1);
    for round in 0..200 {
        let number = append(&outbox, &format!("event {round}"), &["x"]);
        outbox.wait_until_written(number);
        outbox.done(number, &"x".into());
    }
    // The one that stays has been written anew.
    assert!(files(folder.path()) < 10, "{}", files(folder.path()));
    drop(outbox);
    let outbox = open(folder.path());
    assert_eq!(outbox.counts().events, 1);
    let (letters, _) = outbox.dead_letters(&Letters::default(), 0, 1);
    assert_eq!((letters[0].number, &*letters[0].event.state.id), (stuck, "stuck"));
    assert_eq!(outbox.drop_dead_letters(&Letters::default()), 1);
    assert_eq!(outbox.counts().events, 0);
}

#[test]
fn states_that_the_store_may_lack_are_told_and_keep_their_files() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(options(folder.path()), Some(0)).unwrap().outbox;
    for round in 0..100 {
        let number = append(&outbox, &format!("event {round}"), &["x"]);
        outbox.wait_until_written(number);
        outbox.done(number, &"x".into());
    }
    assert!(files(folder.path()) > 3);
    drop(outbox);
    let opened = Outbox::open(options(folder.path()), Some(97)).unwrap();
    let found: Vec<&str> = opened.states.iter().map(|(_, state)| &*state.id).collect();
    assert_eq!(found, ["event 97", "event 98", "event 99"]);
    opened.outbox.settled(100);
    for _ in 0..2 {
        let number = append(&opened.outbox, "one more", &["x"]);
        opened.outbox.wait_until_written(number);
    }
    drop(opened);
    assert!(files(folder.path()) < 3, "{}", files(folder.path()));
    // Numbers go on where the store of states has been, even if the folder was lost.
    let fresh = tempfile::tempdir().unwrap();
    let outbox = Outbox::open(options(fresh.path()), Some(500)).unwrap().outbox;
    assert_eq!(append(&outbox, "a", &["x"]), 501);
}

#[test]
fn a_full_outbox_drops_dead_letters_first() {
    let folder = tempfile::tempdir().unwrap();
    let options = OutboxOptions { most_bytes: 1000, ..options(folder.path()) };
    let outbox = Outbox::open(options, None).unwrap().outbox;
    let dead = append(&outbox, "dead", &["x"]);
    outbox.bury(dead, &"x".into(), "no", 1);
    let mut kept = 0;
    while append(&outbox, "event", &["x"]) > 0 {
        kept += 1;
    }
    let counts = outbox.counts();
    assert_eq!((counts.events, counts.discarded, counts.not_kept), (kept, 1, 1));
    assert!(counts.bytes <= 1000);
}

#[test]
fn damage_is_told_and_what_was_before_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    for id in ["a", "b"] {
        append(&outbox, id, &["x"]);
    }
    drop(outbox);
    let path = folder.path().join("000000000001.log");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
    let opened = Outbox::open(options(folder.path()), None).unwrap();
    assert_eq!(opened.damage.len(), 1, "{:?}", opened.damage);
    assert_eq!(ids(&opened.outbox, "x"), ["a"]);
}

#[test]
fn handlers_that_are_gone_leave_dead_letters() {
    let folder = tempfile::tempdir().unwrap();
    let outbox = open(folder.path());
    append(&outbox, "a", &["x", "y", crate::HELD]);
    assert_eq!(outbox.bury_all(|topic, name| topic == "t" && name != "y", "gone"), 2);
    assert_eq!((ids(&outbox, "x").len(), ids(&outbox, "y").len(), ids(&outbox, crate::HELD).len()), (0, 1, 0));
    // The one whose handler is not there is told, too.
    let (letters, _) = outbox.dead_letters(&Letters::default(), 0, 10);
    let told: Vec<_> = letters.iter().map(|letter| (&*letter.handler, letter.death.is_some())).collect();
    assert_eq!(told, [("x", true), ("y", false)]);
}

#[test]
fn what_the_disk_does_not_take_is_written_once_it_does() {
    let disk = SimDisk::new(1);
    let open = |disk: &SimDisk| Outbox::open_stepped(Arc::new(disk.clone()), options(Path::new("/o")), None).unwrap();
    let (opened, mut stepper) = open(&disk);
    let outbox = opened.outbox;
    let first = append(&outbox, "a", &["x", "y"]);
    stepper.step();
    disk.set_weather(Weather::ReadOnly);
    outbox.done(first, &"x".into());
    let gone = append(&outbox, "gone", &["x"]);
    outbox.done(gone, &"x".into());
    let last = append(&outbox, "b", &["x"]);
    stepper.step();
    // It may be sent, but who goes by what is kept is told that it is not.
    assert_eq!(*outbox.committed().borrow(), last);
    assert!(!outbox.wait_until_written(last) && outbox.wait_until_written(first - 1));
    disk.set_weather(Weather::Fine);
    stepper.step();
    assert!(outbox.wait_until_written(last));
    let (opened, _stepper) = open(&disk.power_cut());
    assert_eq!((ids(&opened.outbox, "x"), ids(&opened.outbox, "y")), (vec!["b".to_string()], vec!["a".to_string()]));
}
