//! What can go wrong with the store, in words for the one who runs the daemon.

use std::path::PathBuf;

/// Why a call to the store failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process has the store open.
    #[error("the store {path:?} is in use by another process")]
    Locked { path: PathBuf },
    /// Something stands at the path that this program did not write; it is left as it is.
    #[error("{path:?} is {found}, not a store of this program; it was left as it is")]
    NotAStore { path: PathBuf, found: String },
    /// A store cannot be made where something is already.
    #[error("there is something at {path:?} already: stop the daemon that uses it and move it away first")]
    Occupied { path: PathBuf },
    /// The store's files can't be read as what they were.
    #[error("the store {path:?} is damaged: {why}")]
    Damaged { path: PathBuf, why: String },
    /// A newer version of this program wrote the store or a record of it.
    #[error("{what} has version {found}, this program knows versions up to {known}")]
    TooNew { what: String, found: u32, known: u32 },
    /// A record was found, but its contents can't be understood.
    #[error("the stored {kind} {id:?} is damaged: {why}")]
    DamagedRecord { kind: &'static str, id: String, why: String },
    /// The operating system refused.
    #[error("the store {path:?}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
    /// The disk took no more. The store refuses changes until it does.
    #[error("the store {path:?} takes no changes: its disk is full, or may not be written; make room and try again")]
    Full { path: PathBuf },
    /// An item of that id is there already.
    #[error("{kind} {id} already exists")]
    Exists { kind: &'static str, id: String },
    /// There is no item of that id.
    #[error("no {kind} exists")]
    Missing { kind: &'static str, id: String },
}

impl Error {
    /// Whether the item asked for does not exist.
    pub fn is_missing(&self) -> bool {
        matches!(self, Error::Missing { .. })
    }
}
