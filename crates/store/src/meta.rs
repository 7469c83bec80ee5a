//! Who this server is, and which format the store has.

use std::path::Path;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::Error;
use crate::db::Db;
use crate::record::{Record, decode, encode, key};

/// The layout of keys. Raise it when keys move, and upgrade in [`check_format`].
const FORMAT: u32 = 1;

/// The ids of a server, made once with its store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Names the cluster; a server alone is a cluster of its own.
    pub cluster_id: Uuid,
    /// Names the server.
    pub server_id: Uuid,
}

impl Identity {
    /// New ids.
    pub fn random() -> Identity {
        Identity { cluster_id: Uuid::new_v4(), server_id: Uuid::new_v4() }
    }
}

impl Record for Identity {
    const KIND: &'static str = "identity";
}

/// The mark of a store of this program.
#[derive(Serialize, Deserialize)]
struct Format {
    format: u32,
}

impl Record for Format {
    const KIND: &'static str = "format";
}

/// Checks the mark of a store that was opened, or sets it in a new one.
pub(crate) fn check_format(db: &dyn Db, path: &Path) -> Result<(), Error> {
    let mark = key(Format::KIND, &[], "");
    let Some(bytes) = db.get(&mark)? else {
        if !db.scan(&[], &[], 1)?.is_empty() {
            let found = "a database of another program".to_string();
            return Err(Error::NotAStore { path: path.to_path_buf(), found });
        }
        return db.put(&mark, &encode(&Format { format: FORMAT })?);
    };
    let found = decode::<Format>("", &bytes)?.format;
    if found > FORMAT {
        return Err(Error::TooNew { what: format!("the store {path:?}"), found, known: FORMAT });
    }
    Ok(())
}

/// The server's ids; if there are none, they are those of `new`.
pub(crate) fn identity(db: &dyn Db, new: impl FnOnce() -> Identity) -> Result<Identity, Error> {
    let key = key(Identity::KIND, &[], "");
    if let Some(bytes) = db.get(&key)? {
        return decode("", &bytes);
    }
    let identity = new();
    db.put(&key, &encode(&identity)?)?;
    Ok(identity)
}
