//! Recordings and replays of a world of its own: a store in memory, no sockets.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use alert::{Delivery, Kinds, NoStore, Topics};
use engine::{Host, Origin, ServerInfo, Tasks, Write, define::Surface};
use model::{LiveSchema, Precision, Schema, Words, parse_lines};
use store::{
    Store,
    recordings::{Recording, Replay, State},
    tasks::TaskType,
};

use super::{Data, Options, Recordings, Wanted};
use crate::{
    config::Config,
    definitions::Definitions,
    host::{Clusters, DaemonHost, Udfs},
};

const SECOND: i64 = 1_000_000_000;

struct World {
    recordings: Arc<Recordings>,
    running: Arc<Tasks>,
    schema: LiveSchema,
    folder: tempfile::TempDir,
    _runtime: tokio::runtime::Runtime,
}

impl World {
    fn new() -> World {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (store, schema) = (Store::in_memory(), LiveSchema::from(Schema::new()));
        let topics = Arc::new(Topics::new(Delivery::Inline, Arc::new(NoStore)));
        let clusters = Clusters::new(Vec::new(), String::new(), runtime.handle());
        let (udfs, _) =
            runtime.block_on(Udfs::load(&Config::default(), store::Store::in_memory().snapshots())).unwrap();
        let host = Arc::new(DaemonHost::new(
            ServerInfo::default(),
            topics,
            schema.clone(),
            HashMap::new(),
            (clusters, udfs),
            &handlers::Networks::default(),
            runtime.handle().clone(),
        ));
        let world: Arc<dyn Host> = Arc::clone(&host) as _;
        let running = Arc::new(Tasks::new(schema.clone(), &world, 1).unwrap());
        host.attach(&running);
        let surface = Surface::new(Kinds::default());
        let definitions = Arc::new(Definitions::new(store, surface, schema.clone(), world, Arc::clone(&running), None));
        let folder = tempfile::tempdir().unwrap();
        let recordings = Recordings::open(definitions, Arc::clone(&running), host, schema.clone(), folder.path());
        World { recordings: Arc::new(recordings.unwrap()), running, schema, folder, _runtime: runtime }
    }

    fn define(&self, id: &str, script: &str) {
        let options: api::task::TaskOptions = serde_json::from_value(serde_json::json!({
            "id": id, "type": "stream", "dbrps": [{ "db": "d", "rp": "r" }], "script": script, "status": "disabled",
        }))
        .unwrap();
        self.recordings.definitions.create_task(&options).unwrap();
    }

    fn write(&self, lines: &str) {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        parse_lines(&self.schema.now(), lines.as_bytes(), Precision::Nanoseconds, 0, &mut rows, &mut words).unwrap();
        let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
        self.running.write(&Arc::new(Write { origin, rows, words: Arc::new(words), number: 0 }), None);
    }

    fn recording(&self, id: &str) -> Recording {
        testkit::wait::until("the end of a recording", || {
            let found = self.recordings.find(id).unwrap()?;
            (found.state != State::Running).then_some(found)
        })
    }

    /// Plays what was recorded, and waits for the end.
    fn replay(&self, task: &str, recording: &str, recording_time: bool) -> Replay {
        let options = Options { id: String::new(), task: task.to_string(), recording_time, real_clock: false };
        let replay = self.recordings.replay(options, Data::Recording(recording.to_string())).unwrap();
        testkit::wait::until("the end of a replay", || {
            let found = self.recordings.store().replays().get(&replay.id).unwrap()?;
            (found.state != State::Running).then_some(found)
        })
    }

    /// Records what is written until a point later than ten seconds comes.
    fn record(&self, id: &str, lines: &str) -> Recording {
        self.recordings.record(id, Wanted::Stream { task: "t".to_string(), stop: 10 * SECOND }).unwrap();
        // The recording begins in a thread of its own, so what is written may come before it.
        let told = OnceLock::new();
        testkit::wait::until("points that are recorded", || {
            if told.get().is_none() {
                self.write(lines);
            }
            let found = self.recordings.find(id).unwrap()?;
            if found.state != State::Running {
                let _ = told.set(());
            }
            told.get().copied()
        });
        self.recording(id)
    }
}

fn collected(replay: &Replay, node: &str) -> i64 {
    replay.stats["node-stats"][node]["collected"].as_i64().unwrap_or(-1)
}

#[test]
fn what_is_recorded_is_replayed_and_nothing_else() {
    let world = World::new();
    world.define("t", "stream|from().measurement('m')|window().period(5s).every(5s)|log()");
    world.define("all", "stream|from()|log()");
    // `o` is not what the task reads; the last point ends the recording.
    let lines = "m v=1 1000000000\no v=1 2000000000\nm v=2 7000000000\nm v=3 20000000000\n";
    let recording = world.record("one", lines);
    assert_eq!((recording.state, recording.error.as_str()), (State::Finished, ""));
    assert!(recording.size > 0 && recording.task_type == TaskType::Stream);
    let replay = world.replay("all", "one", true);
    assert_eq!((replay.state, replay.error.as_str()), (State::Finished, ""), "{replay:?}");
    assert_eq!(collected(&replay, "log2"), 2);
    // Nothing of the running daemon is touched, and nothing is left behind.
    assert!(world.running.get("all").is_none());
    assert!(world.recordings.replaying(&replay.id).is_none());
    let replay = world.replay("t", "one", false);
    assert_eq!((collected(&replay, "window2"), collected(&replay, "log3")), (2, 1), "{replay:?}");
}

#[test]
fn faults_end_a_replay_with_their_reason() {
    let world = World::new();
    world.define("t", "stream|from().measurement('m')|log()");
    std::fs::write(world.folder.path().join("foreign.srpl"), b"no gzip").unwrap();
    std::fs::write(world.folder.path().join("batches.brpl"), b"PK").unwrap();
    let replay = world.replay("t", "foreign", true);
    assert_eq!(replay.state, State::Failed);
    assert!(replay.error.starts_with("running replay: "), "{}", replay.error);
    let replay = world.replay("t", "batches", true);
    assert!(replay.error.contains("is of type batch, but the task is of type stream"), "{}", replay.error);
    let options =
        |task: &str| Options { id: "r".to_string(), task: task.to_string(), recording_time: true, real_clock: false };
    let missing = world.recordings.replay(options("t"), Data::Recording("none".to_string())).err().unwrap();
    assert_eq!((missing.status, missing.text.as_str()), (404, "recording not found: no recording exists"));
    assert!(world.recordings.replay(options("none"), Data::Recording("foreign".to_string())).is_err());
}

#[test]
fn a_recording_that_is_deleted_ends() {
    let world = World::new();
    world.define("t", "stream|from().measurement('m')|log()");
    let wanted = Wanted::Stream { task: "t".to_string(), stop: i64::MAX };
    world.recordings.record("long", wanted).unwrap();
    let work = world.recordings.recording("long").unwrap();
    world.recordings.delete("long").unwrap();
    assert_eq!(work.go_on().unwrap_err(), "it was deleted while it ran");
    testkit::wait::until("the file to be gone", || {
        std::fs::read_dir(world.folder.path()).unwrap().next().is_none().then_some(())
    });
    assert!(world.recordings.find("long").unwrap().is_none());
}
