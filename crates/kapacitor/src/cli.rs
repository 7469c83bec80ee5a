//! From the arguments to the exit code: the global flags, which verb is meant, how failures are told.
//!
//! Exit codes: 0 all well; 1 no or an unknown command, a bad environment; 2 arguments that can't be used; 3 the command
//! failed; 4 the daemon's address can't be used.

use std::fmt;
use std::future::Future;
use std::io::Write;
use std::process::ExitCode;

use anyhow::Context as _;
use api::client::{Client, Config};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::commands::{self, Verb};
use crate::{flags, help};

const DEFAULT_URL: &str = "http://localhost:9092";

/// What a verb works with.
pub(crate) struct Context {
    pub(crate) client: Client,
    runtime: tokio::runtime::Runtime,
}

impl Context {
    /// Does something with the daemon to its end.
    pub(crate) fn wait<F: Future>(&self, work: F) -> F::Output {
        self.runtime.block_on(work)
    }

    /// Writes to stdout.
    pub(crate) fn print(&self, text: &str) -> anyhow::Result<()> {
        self.print_bytes(text.as_bytes())
    }

    /// Writes a value as indented JSON to stdout.
    pub(crate) fn print_json(&self, value: &impl serde::Serialize) -> anyhow::Result<()> {
        self.print(&format!("{}\n", api::json::pretty(value)?.trim_end()))
    }

    /// Writes bytes that came from the daemon to stdout.
    pub(crate) fn print_bytes(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut out = std::io::stdout().lock();
        out.write_all(bytes).and_then(|()| out.flush()).context(WRITING)
    }

    /// Tells of things that still work, but should be changed.
    pub(crate) fn warn(&self, warnings: &[String]) {
        for warning in warnings {
            eprintln!("Warning: {}", warning.trim_end());
        }
    }
}

const WRITING: &str = "failed to write to stdout";

/// Why a verb does not go on, where that is not an error of its work.
#[derive(Debug)]
pub(crate) enum Stop {
    /// `-h`: the usage, exit code 0.
    Help { usage: String },
    /// What is wrong with the arguments and the usage, exit code 2.
    Usage { message: String, usage: String },
    /// The usage and what is missing, exit code 3.
    Incomplete { message: String, usage: String },
    /// What is wrong and the usage, exit code 1.
    Unknown { message: String, usage: String },
}

impl Stop {
    /// The arguments of this command can't be used.
    pub(crate) fn usage(command: &Command, message: impl Into<String>) -> anyhow::Error {
        Stop::Usage { message: message.into(), usage: help::usage(command) }.into()
    }

    /// Something that this command needs was not given.
    pub(crate) fn incomplete(command: &Command, message: impl Into<String>) -> anyhow::Error {
        Stop::Incomplete { message: message.into(), usage: help::usage(command) }.into()
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Help { usage } => f.write_str(usage),
            Stop::Usage { message, usage } | Stop::Unknown { message, usage } => {
                let newline = if message.is_empty() { "" } else { "\n" };
                write!(f, "{message}{newline}{usage}")
            }
            Stop::Incomplete { message, usage } => write!(f, "{usage}\nError: {message}"),
        }
    }
}

impl std::error::Error for Stop {}

/// The program without a verb: its global flags.
pub(crate) fn program() -> Command {
    Command::new("kapacitor")
        .override_usage("kapacitor [options] [command] [args]")
        .arg(flag("url", "URL", "Where the daemon is; else the variable KAPACITOR_URL, else http://localhost:9092."))
        .arg(switch("skipVerify", "Take any certificate of the daemon; else the variable KAPACITOR_UNSAFE_SSL."))
}

/// A flag with a value.
pub(crate) fn flag(name: &'static str, value: &'static str, about: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value).help(about).action(ArgAction::Set)
}

/// A flag that is there or not.
pub(crate) fn switch(name: &'static str, about: &'static str) -> Arg {
    Arg::new(name).long(name).help(about).action(ArgAction::SetTrue)
}

/// The value of a flag; empty if it was not given.
pub(crate) fn value<'a>(matches: &'a ArgMatches, name: &str) -> &'a str {
    matches.get_one::<String>(name).map_or("", String::as_str)
}

/// Runs the program.
pub(crate) fn run(args: &[String]) -> ExitCode {
    let (command, rest) = match global(args) {
        Ok(parsed) => parsed,
        Err(stop) => return tell(&stop),
    };
    let config = match config(&command) {
        Ok(config) => config,
        Err(message) => {
            eprintln!("{message}");
            return ExitCode::from(1);
        }
    };
    let client = match Client::new(&config) {
        Ok(client) => client,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(4);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("Error: {error}");
            return ExitCode::from(3);
        }
    };
    match dispatch(&Context { client, runtime }, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => tell(&error),
    }
}

/// The global flags, and the verb with its arguments.
fn global(args: &[String]) -> anyhow::Result<(ArgMatches, Vec<String>)> {
    let matches = flags::parse(&program(), args).map_err(|error| match error.downcast::<Stop>() {
        // The usage of the whole program lists the verbs, too.
        Ok(Stop::Help { .. }) => Stop::Help { usage: commands::usage() }.into(),
        Ok(Stop::Usage { message, .. }) => Stop::Usage { message, usage: commands::usage() }.into(),
        Ok(stop) => stop.into(),
        Err(error) => error,
    })?;
    let rest = flags::rest(&matches);
    Ok((matches, rest))
}

fn config(matches: &ArgMatches) -> Result<Config, String> {
    let environment = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let unsafe_ssl = environment("KAPACITOR_UNSAFE_SSL").unwrap_or_else(|| "false".to_string());
    let unsafe_ssl = flags::parse_bool(&unsafe_ssl)
        .ok_or_else(|| format!("KAPACITOR_UNSAFE_SSL must be true or false, got {unsafe_ssl:?}"))?;
    let url = match value(matches, "url") {
        "" => environment("KAPACITOR_URL").unwrap_or_else(|| DEFAULT_URL.to_string()),
        given => given.to_string(),
    };
    Ok(Config { url, skip_verify: unsafe_ssl || matches.get_flag("skipVerify") })
}

fn dispatch(cx: &Context, args: &[String]) -> anyhow::Result<()> {
    let Some((name, args)) = args.split_first() else {
        let message = "Error: Must pass a command.".to_string();
        return Err(Stop::Unknown { message, usage: commands::usage() }.into());
    };
    let verb = commands::find(name)?;
    run_verb(cx, verb, args)
}

/// Runs a verb, or a kind of one, with its arguments.
pub(crate) fn run_verb(cx: &Context, verb: &Verb, args: &[String]) -> anyhow::Result<()> {
    let command = (verb.command)();
    let matches = if verb.takes_raw_arguments { flags::raw(&command, args) } else { flags::parse(&command, args) }?;
    (verb.run)(cx, &matches)
}

/// Tells of a failure on stderr; the exit code.
fn tell(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_closed_pipe) {
        // Who reads the output has seen enough.
        return ExitCode::SUCCESS;
    }
    match error.downcast_ref::<Stop>() {
        Some(stop) => {
            eprintln!("{stop}");
            ExitCode::from(match stop {
                Stop::Help { .. } => 0,
                Stop::Unknown { .. } => 1,
                Stop::Usage { .. } => 2,
                Stop::Incomplete { .. } => 3,
            })
        }
        None => {
            eprintln!("Error: {error:#}");
            ExitCode::from(3)
        }
    }
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
