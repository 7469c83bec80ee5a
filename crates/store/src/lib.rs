//! What users defined and must survive a restart: tasks, templates, handlers, states of topics, snapshots.
//!
//! - [`Store`]: opens the folder and hands out one view per kind of record: [`tasks`], [`templates`], [`handlers`],
//!   [`loaded`], [`topics`], [`snapshots`], [`recordings`], [`overrides`], [`users`], [`meta`].
//! - [`db`]: keys and values on disk (sled) or in memory. `folder`: the files, and how damage is found out.
//! - [`checkpoints`]: what the nodes of running tasks remember, in files of their own.
//! - `record`: versions and encoding. [`pattern`]: globs of lists.
//!
//! All calls block, and a change is on disk when its call returns. [`Store`] is cheap to clone and `Send`: from async
//! code, move a clone into `spawn_blocking`.
#![forbid(unsafe_code)]

mod backup;
pub mod checkpoints;
pub mod db;
mod error;
pub mod flux_tasks;
mod folder;
pub mod handlers;
pub mod loaded;
pub mod meta;
pub mod overrides;
pub mod pattern;
mod record;
pub mod recordings;
pub mod silences;
pub mod snapshots;
pub mod tasks;
pub mod templates;
pub mod topics;
pub mod users;

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use db::{Db, MemoryDb, SledDb};
pub use error::Error;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page<'a> {
    /// A glob on ids; the empty one matches all, one that can't be read matches nothing.
    pub pattern: &'a str,
    /// How many matches to pass over.
    pub offset: usize,
    /// How many matches to return at most.
    pub limit: usize,
}

impl Page<'_> {
    /// The whole list.
    pub const ALL: Page<'static> = Page { pattern: "", offset: 0, limit: usize::MAX };
}

/// All that is stored; clones share it.
#[derive(Clone)]
pub struct Store {
    db: Arc<dyn Db>,
    /// Held by changes that depend on what is there; single puts and reads don't need it.
    changes: Arc<Mutex<()>>,
    identity: meta::Identity,
}

/// Makes a store at `path` of a file that [`Store::backup`] gave; how many records it has.
///
/// # Errors
/// [`Error::Damaged`] if the file is not whole or no such file, [`Error::Occupied`] if something is at `path` already,
/// [`Error::Io`].
pub fn restore(backup: impl AsRef<Path>, path: impl AsRef<Path>) -> Result<usize, Error> {
    backup::restore(backup.as_ref(), path.as_ref())
}

impl Store {
    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it open, [`Error::NotAStore`] if the path holds something else (it is
    /// left as it is), [`Error::Damaged`], [`Error::TooNew`], [`Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Store, Error> {
        Store::open_as(path, meta::Identity::random)
    }

    /// As [`open`](Store::open); a store that is made has the ids of `new`.
    ///
    /// # Errors
    /// As [`open`](Store::open).
    pub fn open_as(path: impl AsRef<Path>, new: impl FnOnce() -> meta::Identity) -> Result<Store, Error> {
        let path = path.as_ref();
        backup::take_in(path)?;
        let db = SledDb::open(path)?;
        meta::check_format(&db, path)?;
        Store::with_db(Arc::new(db), new)
    }

    /// A store that ends with the process.
    pub fn in_memory() -> Store {
        let opened = Store::with_db(Arc::new(MemoryDb::default()), meta::Identity::random);
        opened.expect("an empty memory holds nothing that can't be read")
    }

    fn with_db(db: Arc<dyn Db>, new: impl FnOnce() -> meta::Identity) -> Result<Store, Error> {
        let identity = meta::identity(&*db, new)?;
        Ok(Store { db, changes: Arc::default(), identity })
    }

    /// The tasks.
    pub fn tasks(&self) -> tasks::Tasks {
        tasks::Tasks(self.clone())
    }

    /// The templates.
    pub fn templates(&self) -> templates::Templates {
        templates::Templates(self.clone())
    }

    /// The handlers of topics.
    pub fn handlers(&self) -> handlers::Handlers {
        handlers::Handlers(self.clone())
    }

    /// The states of topics' events.
    pub fn topics(&self) -> topics::Topics {
        topics::Topics(self.clone())
    }

    /// What users changed in the config over HTTP.
    pub fn overrides(&self) -> overrides::Overrides {
        overrides::Overrides(self.clone())
    }

    /// What came from files of the load directory.
    pub fn loaded(&self) -> loaded::LoadedItems {
        loaded::LoadedItems(self.clone())
    }

    /// The tasks in Flux.
    pub fn flux_tasks(&self) -> flux_tasks::FluxTasks {
        flux_tasks::FluxTasks(self.clone())
    }

    /// Who may use the daemon.
    pub fn users(&self) -> users::Users {
        users::Users(self.clone())
    }

    /// What users hold back.
    pub fn silences(&self) -> silences::Silences {
        silences::Silences(self.clone())
    }

    /// Recorded data.
    pub fn recordings(&self) -> recordings::Recordings {
        recordings::Recordings(self.clone())
    }

    /// Replays of recorded data.
    pub fn replays(&self) -> recordings::Replays {
        recordings::Replays(self.clone())
    }

    /// What tasks' nodes remember.
    pub fn snapshots(&self) -> snapshots::Snapshots {
        snapshots::Snapshots(self.clone())
    }

    /// Who this server is.
    pub fn identity(&self) -> &meta::Identity {
        &self.identity
    }

    /// All that is stored, as it is at one moment, as the bytes of one file. A store that is opened at the path of such
    /// a file becomes what the file holds.
    pub fn backup(&self) -> Result<Vec<u8>, Error> {
        backup::write(&self.db.all()?)
    }

    /// Waits until all is on disk; each change does so by itself.
    pub fn flush(&self) -> Result<(), Error> {
        self.db.flush()
    }

    fn change(&self) -> MutexGuard<'_, ()> {
        // The lock guards no data of its own, so a panic of another holder leaves nothing half done.
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("identity", &self.identity).finish_non_exhaustive()
    }
}
