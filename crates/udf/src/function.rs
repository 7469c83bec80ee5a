//! What a function is, and on which terms it works for one node of one task.

use std::{path::PathBuf, time::Duration};

use crate::OptionCall;

/// A function of the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Function {
    pub name: String,
    pub target: Target,
    /// How long it may be silent before it counts as dead. It is asked for a sign of life twice in that time.
    pub timeout: Duration,
    /// It is also started again after an error that it told of itself, or after breaking the protocol.
    pub restart_after_errors: bool,
}

/// An interpreter that starts on a busy machine takes longer than its function may be silent later.
const START: Duration = Duration::from_secs(5);

impl Function {
    /// How long it may take from its start to its first word.
    pub(crate) fn first_word(&self) -> Duration {
        self.timeout.max(START)
    }
}

/// Where a function lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A program is started for each node, and spoken to over its standard input and output.
    Process {
        program: String,
        arguments: Vec<String>,
        /// Added to the environment of this process.
        environment: Vec<(String, String)>,
    },
    /// It listens on a Unix socket; each node has a connection of its own.
    Socket(PathBuf),
}

/// What a node asks of its function.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Terms {
    pub task: String,
    pub node: String,
    /// In the order of the script.
    pub options: Vec<OptionCall>,
    /// It says that it gives batches.
    pub batches: bool,
    /// What it once remembered.
    pub snapshot: Option<Vec<u8>>,
    /// How often it is asked what it remembers; zero for never.
    pub snapshot_interval: Duration,
}
