//! A function that was started or dialled: where to write, where to read, and how it ends.

use std::{process::Stdio, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, BufReader},
    net::UnixStream,
    process::{Child, ChildStderr, Command},
    time::timeout,
};

use crate::{Function, Level, Listener, Target};

/// A line of a function's standard error stream is cut after so many bytes.
const LINE: u64 = 16 << 10;
/// How long a process may take to end once it has closed its output.
const FAREWELL: Duration = Duration::from_secs(1);

/// See the module. Dropped, it is killed or hung up.
pub(crate) struct Peer {
    /// Nothing once it was closed.
    pub(crate) input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    pub(crate) output: Box<dyn AsyncRead + Send + Unpin>,
    child: Option<Child>,
}

/// Start a function's process, or dial its socket. What it says on its standard error stream goes to the log.
pub(crate) async fn open(function: &Function, listener: &Arc<dyn Listener>) -> Result<Peer, String> {
    match &function.target {
        Target::Process { program, arguments, environment } => {
            let mut command = Command::new(program);
            command.args(arguments).envs(environment.iter().map(|(name, value)| (name, value)));
            // In a group of its own: what ends the daemon from a terminal must not end the function before its last word.
            command.process_group(0);
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
            let mut child = command.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
            let (Some(input), Some(output), Some(errors)) =
                (child.stdin.take(), child.stdout.take(), child.stderr.take())
            else {
                return Err(format!("cannot start {program}: it has no standard streams"));
            };
            tokio::spawn(log_lines(errors, Arc::clone(listener)));
            Ok(Peer { input: Some(Box::new(input)), output: Box::new(output), child: Some(child) })
        }
        Target::Socket(path) => {
            let stream = UnixStream::connect(path)
                .await
                .map_err(|error| format!("cannot connect to the socket {}: {error}", path.display()))?;
            // The half for writing says so to the other side when it is dropped.
            let (output, input) = stream.into_split();
            Ok(Peer { input: Some(Box::new(input)), output: Box::new(output), child: None })
        }
    }
}

impl Peer {
    /// How it ended, after it closed its output.
    pub(crate) async fn farewell(&mut self) -> String {
        let Some(child) = &mut self.child else { return "the connection was closed".to_string() };
        match timeout(FAREWELL, child.wait()).await {
            Ok(Ok(status)) => format!("the process ended ({status})"),
            Ok(Err(error)) => format!("the process ended ({error})"),
            Err(_) => "the process closed its standard output".to_string(),
        }
    }
}

async fn log_lines(errors: ChildStderr, listener: Arc<dyn Listener>) {
    let mut errors = BufReader::new(errors);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut errors).take(LINE).read_until(b'\n', &mut line).await {
            Ok(read) if read > 0 => listener.log(Level::Info, String::from_utf8_lossy(&line).trim_end()),
            _ => return,
        }
    }
}
