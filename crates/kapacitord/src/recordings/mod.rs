//! Recordings of data, and their replays: made in threads of their own, kept in the store and the folder of `[replay]`.
//!
//! `record.rs` writes recordings, `replay.rs` plays them, `player.rs` is the task that is replayed and its world,
//! `under_way.rs` knows what runs now.

mod player;
mod record;
mod replay;
#[cfg(test)]
mod tests;
mod under_way;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::Arc,
};

use engine::{Host, Tasks};
use model::{BatchHead, LiveSchema, Row, Words};
use store::{
    Page,
    recordings::{Recording, State},
    tasks::{Task, TaskType},
};

use crate::{
    definitions::{Definitions, Refused, is_valid_id, new_id, now},
    host::DaemonHost,
};

pub(crate) use record::Wanted;
pub(crate) use replay::{Data, Options};
pub(crate) use under_way::Work;

use under_way::UnderWay;

/// What recordings that were cut off by the end of the daemon say.
const CUT_OFF: &str = "unexpected Kapacitor shutdown";

/// See the module. Every call may block on the disk.
pub(crate) struct Recordings {
    definitions: Arc<Definitions>,
    running: Arc<Tasks>,
    host: Arc<DaemonHost>,
    schema: LiveSchema,
    dir: PathBuf,
    recording: UnderWay,
    replaying: UnderWay,
}

/// A batch on its way to a file or a task.
struct Piece {
    head: BatchHead,
    rows: Vec<Row>,
    words: Arc<Words>,
}

impl Recordings {
    /// The folder is made if it is not there, and files in it that are not known yet become recordings.
    ///
    /// # Errors
    /// The folder or the store cannot be used.
    pub(crate) fn open(
        definitions: Arc<Definitions>,
        running: Arc<Tasks>,
        host: Arc<DaemonHost>,
        schema: LiveSchema,
        dir: &Path,
    ) -> Result<Recordings, Refused> {
        let failed =
            |error: std::io::Error| Refused::failed(format!("cannot use the folder {}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(failed)?;
        let dir_path = dir.to_path_buf();
        let (recording, replaying) = (UnderWay::default(), UnderWay::default());
        let recordings = Recordings { definitions, running, host, schema, dir: dir_path, recording, replaying };
        recordings.end_what_was_cut_off()?;
        for entry in std::fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if let Some(id) = path.file_stem().and_then(|stem| stem.to_str()).filter(|id| is_valid_id(id)) {
                recordings.find(id)?;
            }
        }
        Ok(recordings)
    }

    fn end_what_was_cut_off(&self) -> Result<(), Refused> {
        let store = self.store();
        let error = CUT_OFF.to_string();
        for recording in store.recordings().list(&Page::ALL)?.into_iter().filter(|one| one.state == State::Running) {
            store.recordings().update(&Recording { state: State::Failed, error: error.clone(), ..recording })?;
        }
        for mut replay in store.replays().list(&Page::ALL)?.into_iter().filter(|one| one.state == State::Running) {
            replay.state = State::Failed;
            replay.error.clone_from(&error);
            store.replays().update(&replay)?;
        }
        Ok(())
    }

    pub(crate) fn store(&self) -> &store::Store {
        self.definitions.store()
    }

    /// A recording, or a file of that name that somebody put into the folder.
    pub(crate) fn find(&self, id: &str) -> Result<Option<Recording>, Refused> {
        let known = self.store().recordings().get(id)?;
        if known.is_some() || !is_valid_id(id) {
            return Ok(known);
        }
        for task_type in [TaskType::Stream, TaskType::Batch] {
            let path = self.path(id, task_type);
            let Ok(file) = std::fs::metadata(&path) else { continue };
            let date = file.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
            let recording = Recording {
                id: id.to_string(),
                task_type,
                path: path.to_string_lossy().into_owned(),
                size: i64::try_from(file.len()).unwrap_or(i64::MAX),
                date: date.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or_else(now),
                error: String::new(),
                state: State::Finished,
            };
            self.store().recordings().create(&recording)?;
            return Ok(Some(recording));
        }
        Ok(None)
    }

    /// A recording that is being made.
    pub(crate) fn recording(&self, id: &str) -> Option<Arc<Work>> {
        self.recording.get(id)
    }

    /// A replay that runs.
    pub(crate) fn replaying(&self, id: &str) -> Option<Arc<Work>> {
        self.replaying.get(id)
    }

    /// Delete a recording and its file, and end it if it is being made; one that is not there is gone already.
    pub(crate) fn delete(&self, id: &str) -> Result<(), Refused> {
        let Some(recording) = self.store().recordings().get(id)? else { return Ok(()) };
        self.store().recordings().delete(id)?;
        self.recording.stop(id);
        match std::fs::remove_file(&recording.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(Refused::failed(format!("cannot remove {}: {error}", recording.path)))
            }
            _ => Ok(()),
        }
    }

    /// Delete a replay, and what its alerts remember; end it if it runs.
    pub(crate) fn delete_replay(&self, id: &str) -> Result<(), Refused> {
        if self.store().replays().delete(id)? {
            self.replaying.stop(id);
            self.host.topics().forget_all(&format!("{id}:"));
        }
        Ok(())
    }

    fn path(&self, id: &str, task_type: TaskType) -> PathBuf {
        let extension = match task_type {
            TaskType::Stream => "srpl",
            TaskType::Batch => "brpl",
        };
        self.dir.join(format!("{id}.{extension}"))
    }

    fn task(&self, id: &str) -> Result<Task, Refused> {
        self.store().tasks().get(id)?.ok_or_else(|| Refused::missing("no task exists"))
    }

    /// Do what takes long in a thread of its own, and tell `done` what came of it.
    fn spawn(
        self: &Arc<Self>,
        work: impl FnOnce(&Recordings) -> Result<(), String> + Send + 'static,
        done: impl FnOnce(&Recordings, Result<(), String>) + Send + 'static,
    ) -> Result<(), Refused> {
        let this = Arc::clone(self);
        let body = move || {
            let fault = |_| Err("it ended by a fault of the program".to_string());
            let outcome = catch_unwind(AssertUnwindSafe(|| work(&this))).unwrap_or_else(fault);
            done(&this, outcome);
        };
        let thread = std::thread::Builder::new().name("recordings".to_string()).spawn(body);
        thread.map(drop).map_err(|error| Refused::failed(format!("cannot start a thread: {error}")))
    }
}

/// An id for what has none, or the one given, if it can be one.
fn checked_id(id: &str, what: &str) -> Result<String, Refused> {
    match id {
        "" => Ok(new_id()),
        id if is_valid_id(id) => Ok(id.to_string()),
        id => Err(Refused::bad(format!("{what} ID must contain only letters, numbers, '-', '.' and '_'. \"{id}\""))),
    }
}
