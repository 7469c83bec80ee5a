//! `exec`: a program per event, which reads the event's JSON.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use alert::{BoxFuture, Event, Handler, Kind, OpenError, Outcome};
use declare::{Declaration, Declared};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

const NAME: &str = "exec";
/// A program that runs longer is killed.
const LIMIT: Duration = Duration::from_secs(600);
/// Of what a program prints, no more is kept.
const LONGEST_OUTPUT: usize = 2000;

/// The kind `exec`.
pub(crate) fn kind() -> Arc<Kind> {
    Kind::of(NAME, Options::declare, |options: Options, _| {
        if options.program.is_empty() {
            return Err(OpenError::Invalid { kind: NAME, why: "must specify a program".into() });
        }
        Ok(Box::new(Exec { options, limit: LIMIT }))
    })
    .method("exec")
    .build()
}

#[derive(Clone, Default)]
struct Options {
    program: String,
    arguments: Vec<String>,
}

impl Declared for Options {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Run a program for each event. It reads the event's JSON from its standard input.")
            .argument("executable", "The program.", |d| &mut d.program)
            .key("prog")
            .variadic("args", "Its arguments, which no shell looks at.", |d| &mut d.arguments)
            .example("stream|from().measurement('cpu')|alert().crit(lambda: TRUE).exec('/bin/restart', '-f')")
    }
}

struct Exec {
    options: Options,
    limit: Duration,
}

impl Handler for Exec {
    /// A program that failed is not run again: it may have done half of its work.
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let program = &self.options.program;
            match timeout(self.limit, run(&self.options, event)).await {
                Ok(Ok(())) => Outcome::Done,
                Ok(Err(why)) => Outcome::GiveUp(format!("{program}: {why}")),
                Err(_) => Outcome::GiveUp(format!("{program}: killed after {}s", self.limit.as_secs())),
            }
        })
    }
}

async fn run(options: &Options, event: &Event) -> Result<(), String> {
    let input = event.json() + "\n";
    let mut command = Command::new(&options.program);
    command.args(&options.arguments).env("KAPACITOR_EVENT_ID", event.uid()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|why| format!("cannot be run: {why}"))?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A program need not read all of it, or any.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
    };
    let ((), out, err, status) = tokio::join!(write, beginning(stdout), beginning(stderr), child.wait());
    let status = status.map_err(|why| format!("its end is not known: {why}"))?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{status}, it printed: {}{}", out.trim(), err.trim()))
}

/// Reads all, keeps the beginning.
async fn beginning(from: Option<impl AsyncRead + Unpin>) -> String {
    let Some(mut from) = from else { return String::new() };
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        kept.extend_from_slice(&buffer[..length.min(LONGEST_OUTPUT.saturating_sub(kept.len()))]);
    }
    String::from_utf8_lossy(&kept).into_owned()
}

#[cfg(test)]
mod tests {
    use alert::Level;
    use serde_json::json;

    use super::*;
    use crate::testing::{event, host, run, send};

    fn shell(script: &str, rest: &[&str]) -> Outcome {
        let arguments: Vec<&str> = ["-c", script].iter().chain(rest).copied().collect();
        send(&host(&[]), "exec", json!({"prog": "/bin/sh", "args": arguments}), Level::Warning)
    }

    #[test]
    fn the_program_reads_the_event() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let path = path.to_str().unwrap();
        assert_eq!(shell("cat > $0; echo \"$1\" >> $0", &[path, "two  words {{ .ID }}"]), Outcome::Done);
        let want = event(Level::Warning).json() + "\ntwo  words {{ .ID }}\n";
        assert_eq!(std::fs::read_to_string(path).unwrap(), want);
        assert_eq!(shell("true", &[]), Outcome::Done);
    }

    #[test]
    fn failures_are_told_with_what_was_printed() {
        let why = "/bin/sh: exit status: 3, it printed: ab";
        assert_eq!(shell("echo a; echo b >&2; exit 3", &[]), Outcome::GiveUp(why.into()));
        let missing = send(&host(&[]), "exec", json!({"prog": "/no/such/program"}), Level::Info);
        assert!(matches!(&missing, Outcome::GiveUp(why) if why.contains("cannot be run")), "{missing:?}");
        let endless = shell("head -c 10000000 /dev/zero | tr '\\0' x; exit 1", &[]);
        assert!(matches!(&endless, Outcome::GiveUp(why) if why.len() < 2100), "{endless:?}");
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let options =
            Options { program: "/bin/sh".into(), arguments: vec!["-c".into(), "read x; exec sleep 1000".into()] };
        let mut exec = Exec { options, limit: Duration::from_millis(50) };
        let outcome = run(exec.handle(&event(Level::Info)));
        assert!(matches!(&outcome, Outcome::GiveUp(why) if why.contains("killed")), "{outcome:?}");
    }
}
