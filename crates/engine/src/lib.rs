//! The engine: scripts become pipelines (`define/`), pipelines become tasks (`task/`), tasks are run by workers.
//!
//! - `node.rs`, `per_row.rs`, `per_group.rs`, `cx.rs`: what a node is, in its three shapes, and what it may do.
//! - `nodes/`: every node, one file each; `nodes/mod.rs` is the list.
//! - `define/`: script to checked pipeline, and pipeline back to text.
//! - `task/`: the loop that takes letters and sweeps the nodes.
//! - `router.rs`, `workers.rs`, `tasks.rs`, `running.rs`: which task gets which rows, and the threads they run on.
//! - `shares.rs`: what the shards of one task share.
//! - `index/`: which of many tasks that begin alike a row concerns at all.
//! - `saving.rs`: what nodes remember, written down so that a later process goes on with it.
//! - `host.rs`: all that a task may ask of the world; `side_source.rs`: what sideload looks into.
//!
//! Nothing here reads a clock, opens a socket or a file: see `host.rs`.
#![forbid(unsafe_code)]

mod cx;
pub mod define;
mod host;
mod index;
mod node;
pub mod nodes;
mod per_group;
mod per_row;
mod router;
mod running;
mod saving;
mod shares;
mod side_source;
mod task;
mod tasks;
pub mod testing;
mod workers;

pub use cx::{Counters, Cx, NodeStats, StatName, Trouble};
pub use host::*;
pub use index::{FromSieve, Sieve};
pub use node::{
    Answer, BuildError, Definition, Dropped, EdgeKind, Flaw, GroupTags, Node, Place, Plan, Reach, Reply, Shed,
    TaskInfo, UdfNews,
};
pub use per_group::{PerGroup, boxed_per_group};
pub use per_row::{PerRow, boxed_per_row};
pub use router::{Interest, Router, Selection};
pub use running::Running;
pub use saving::{Change, Extent, LAST, NodeSaved, NodeSaver, SavedTask, Snapshot};
pub use shares::Shares;
pub use side_source::{SideSource, SideTables};
pub use task::{BeginsAnew, Footprint, Letter, Origin, SnapshotAnswer, Taken, Task, Tracer, Write};
pub use tasks::{Tap, Tasks};
pub use workers::{Ending, Workers};
