//! Files of recorded data, as Kapacitor writes and reads them: `.srpl` for streams, `.brpl` for batches.
//!
//! - `stream.rs`: points with their database and retention policy, packed with gzip.
//! - `batch.rs`: batches as lines of JSON; `archive.rs`: one list of them for each query, in a zip archive.
//!
//! All is read and written bit by bit: a recording may be larger than the memory.
#![forbid(unsafe_code)]

mod archive;
mod batch;
mod stream;

pub use archive::{ArchiveWriter, Member, members};
pub use batch::{Batch, BatchReader, write_batch};
pub use stream::{Points, StreamReader, StreamWriter};

/// Why a recording cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Io(#[from] std::io::Error),
    #[error("invalid replay file format, expected another line")]
    Cut,
    #[error("read replay file failed: a line is longer than {0} bytes")]
    LongLine(usize),
    #[error("{0}")]
    Line(#[from] model::LineError),
    #[error("invalid batch in the recording: {0}")]
    Batch(#[from] serde_json::Error),
    #[error("invalid time in the recording: {0:?}")]
    Time(String),
    #[error("not a valid archive of batches: {0}")]
    Archive(&'static str),
}
