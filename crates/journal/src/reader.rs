//! Fetches single records of a journal again.

use std::path::PathBuf;
use std::sync::Arc;

use disk::{Disk, DiskFile};

use crate::segment::{FRAME, decode, four, path_of};
use crate::{Error, Place};

/// Reads committed records. It keeps the last file open, so reading in order is quick.
#[derive(Debug)]
pub struct Reader {
    disk: Arc<dyn Disk>,
    folder: PathBuf,
    open: Option<(u64, Arc<dyn DiskFile>)>,
}

impl Reader {
    pub(crate) fn new(disk: Arc<dyn Disk>, folder: PathBuf) -> Reader {
        Reader { disk, folder, open: None }
    }

    /// The record at a place that [`crate::Journal::append`] told, once it is committed.
    ///
    /// # Errors
    /// [`Error::Io`] if its segment is gone, [`Error::Damaged`].
    pub fn read(&mut self, place: Place) -> Result<Vec<u8>, Error> {
        let path = path_of(&self.folder, place.segment);
        let damaged = |why| Error::Damaged { path: path.clone(), offset: place.offset, why };
        let file = match self.open.take() {
            Some((number, file)) if number == place.segment => file,
            _ => self.disk.open(&path).map_err(Error::io(&path))?,
        };
        let mut frame = [0; FRAME];
        file.read_exact_at(&mut frame, place.offset).map_err(Error::io(&path))?;
        let length = four(&frame, 0).map_or(0, u32::from_le_bytes) as usize;
        let left = file.len().map_err(Error::io(&path))?.saturating_sub(place.offset);
        if (FRAME + length) as u64 > left {
            return Err(damaged("the record is not complete"));
        }
        let mut bytes = vec![0; FRAME + length];
        file.read_exact_at(&mut bytes, place.offset).map_err(Error::io(&path))?;
        self.open = Some((place.segment, file));
        let (record, _) = decode(&bytes).map_err(damaged)?;
        Ok(record.to_vec())
    }
}
