//! `kapacitord`: the daemon. `run` serves, `config` prints a sample configuration, `restore` makes a store of a backup,
//! `demo` shows it at work.
#![forbid(unsafe_code)]

mod alert_topics;
mod arguments;
mod budgets;
mod checkpoints;
mod clusters;
mod config;
mod definitions;
mod demo;
mod flux_options;
mod host;
mod http;
mod ingest;
mod live_config;
mod load;
mod log_streams;
mod logging;
mod own_points;
mod recordings;
mod server;
mod silences;
mod subscription_list;
mod topic_store;
mod udp;
mod udp_inputs;
mod udp_subscriptions;
mod users;

use std::{path::Path, process::ExitCode, time::Duration};

use anyhow::Context;
use arguments::Arguments;
use config::Config;
use handlers::Networks;
use server::Flags;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "\
Configure and start a Kapacitor server.

Usage: kapacitord [command] [flags]

The commands are:

    run      run the server; this is what happens without a command
    config   print a complete configuration with comments
    restore  make a store of a backup
    demo     run on this machine's own CPU, memory and disk, with two example tasks
    version  print the version
    help     print this, or with a command its flags

Use \"kapacitord help [command]\" for the flags of a command.";

const RUN_USAGE: &str = "\
usage: run [flags]

    -config <path>      the configuration file; else KAPACITOR_CONFIG_PATH,
                        ~/.kapacitor/kapacitor.conf, /etc/kapacitor/kapacitor.conf
    -hostname <name>    instead of hostname in the configuration
    -pidfile <path>     write the process id to a file
    -log-file <path>    instead of file in [logging]
    -log-level <level>  instead of level in [logging]: DEBUG, INFO, WARN, ERROR, OFF
    -disable-handlers <kinds>
                        refuse handlers of these kinds, separated by commas: exec,log
    -blacklist-cidrs <networks>
                        post nothing to these networks, separated by commas: 10.0.0.0/8;
                        private for all that are nobody's own";

const CONFIG_USAGE: &str = "\
usage: config [flags]

    -config <path>   show this file's values instead of the defaults
    -hostname <name> instead of hostname in the configuration";

const RESTORE_USAGE: &str = "\
usage: restore [flags] <backup file>

    Make a store of a file that `kapacitor backup` wrote, where the configuration has it (boltdb in [storage]). The
    daemon must not run, and no store may be there: move an old one away first.

    -config <path>   the configuration file, found as with run
    -store <path>    where to make it, instead of boltdb in [storage]";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match args.first().map(String::as_str) {
        None => ("run", &args[..]),
        Some("-h" | "-help" | "--help" | "--h") => ("help", &args[1..]),
        Some(flag) if flag.starts_with('-') => ("run", &args[..]),
        Some(command) => (command, &args[1..]),
    };
    let outcome = match command {
        "run" => run(rest),
        "config" => print_config(rest),
        "restore" => restore(rest),
        "version" => {
            println!("Kapacitor OSS version {} (git: rust unknown)", http::VERSION);
            Ok(())
        }
        "demo" => demo::run(rest),
        "help" => {
            help(rest.first().map(String::as_str));
            Ok(())
        }
        other => {
            eprintln!("unknown command \"{other}\"\nRun 'kapacitord help' for usage\n");
            return ExitCode::FAILURE;
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{command}: {}", one_line(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, none of them said twice.
fn one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if !text.contains(&cause) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&cause);
        }
    }
    text
}

fn help(command: Option<&str>) {
    println!(
        "{}",
        match command {
            Some("run") => RUN_USAGE,
            Some("config") => CONFIG_USAGE,
            Some("restore") => RESTORE_USAGE,
            Some("version") => "usage: version\n\n    prints the version",
            Some("demo") => demo::USAGE,
            _ => USAGE,
        }
    );
}

/// A line for those who start the daemon, before there is a log.
fn announce(text: &str) {
    eprintln!("{} {text}", chrono::Local::now().format("%Y/%m/%d %H:%M:%S"));
}

fn print_config(args: &[String]) -> anyhow::Result<()> {
    let args = Arguments::parse(args, &["config", "hostname"]).map_err(anyhow::Error::msg)?;
    if args.help {
        help(Some("config"));
        return Ok(());
    }
    let file = Config::find(args.get("config").map(Path::new), |name| std::env::var(name).ok());
    if let Some(path) = &file {
        announce(&format!("Merging with configuration at: {}", path.display()));
    }
    let (mut config, warnings) = Config::load_over_home(file.as_deref(), std::env::vars())?;
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    if let Some(hostname) = args.get("hostname") {
        config.top.hostname = hostname.to_string();
    }
    print!("{}", config.to_toml());
    Ok(())
}

fn restore(args: &[String]) -> anyhow::Result<()> {
    let args = Arguments::parse(args, &["config", "store"]).map_err(anyhow::Error::msg)?;
    if args.help {
        help(Some("restore"));
        return Ok(());
    }
    let [backup] = &args.rest[..] else { anyhow::bail!("name one backup file; see `kapacitord help restore`") };
    let path = match args.get("store") {
        Some(path) => path.to_string(),
        None => {
            let file = Config::find(args.get("config").map(Path::new), |name| std::env::var(name).ok());
            Config::load(file.as_deref(), std::env::vars())?.0.resolved()?.storage.boltdb
        }
    };
    if let Some(folder) = Path::new(&path).parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let records = store::restore(backup, &path)?;
    println!("{records} records of {backup} are in the store {path}");
    Ok(())
}

fn run(args: &[String]) -> anyhow::Result<()> {
    let known = [
        "config",
        "hostname",
        "pidfile",
        "log-file",
        "log-level",
        "disable-alert-handlers",
        "disable-handlers",
        "blacklist-cidrs",
        // Profiles of Go, which there are none of here: taken so that start scripts that name them go on to work.
        "cpuprofile",
        "memprofile",
    ];
    let args = Arguments::parse(args, &known).map_err(anyhow::Error::msg)?;
    if args.help {
        help(Some("run"));
        return Ok(());
    }
    let file = Config::find(args.get("config").map(Path::new), |name| std::env::var(name).ok());
    match &file {
        Some(path) => announce(&format!("Using configuration at: {}", path.display())),
        None => announce("No configuration provided, using default settings"),
    }
    let (mut config, warnings) = Config::load(file.as_deref(), std::env::vars())?;
    for (flag, target) in [
        ("hostname", &mut config.top.hostname),
        ("log-file", &mut config.logging.file),
        ("log-level", &mut config.logging.level),
    ] {
        if let Some(value) = args.get(flag) {
            *target = value.to_string();
        }
    }
    let networks = match args.get("blacklist-cidrs").unwrap_or_default() {
        "" => Networks::default(),
        networks => Networks::parse(networks).map_err(|why| anyhow::anyhow!("-blacklist-cidrs: {why}"))?,
    };
    let resolved = config.resolved()?;
    resolved.check()?;
    config.logging = resolved.logging;
    if args.get("log-level").is_none() && !logging::is_level(&config.logging.level) {
        // The warning for it is among the others.
        config.logging.level = "INFO".to_string();
    }
    let level = logging::start(&config.logging.file, &config.logging.level).map_err(anyhow::Error::msg)?;
    for warning in &warnings {
        tracing::warn!("config: {warning}");
    }
    if let Some(path) = args.get("pidfile") {
        write_pid(Path::new(path)).with_context(|| format!("write pid file: {path}"))?;
    }
    let disabled: Vec<String> = ["disable-handlers", "disable-alert-handlers"]
        .iter()
        .filter_map(|flag| args.get(flag))
        .flat_map(|names| names.split(','))
        .map(|name| name.trim().to_string())
        .filter(|name| !name.is_empty())
        .collect();
    let flags = Flags { disabled, networks };
    let mut listener = None;
    let outcome = loop {
        let runtime = runtime()?;
        let outcome = runtime.block_on(serve(&config, level.clone(), &flags, &mut listener));
        // With them all ends that still holds something of this life.
        runtime.shutdown_timeout(Duration::from_secs(2));
        match outcome {
            Ok(End::Renewed) => tracing::info!("beginning anew with empty tables of series"),
            Ok(End::Stopped) => break Ok(()),
            Err(error) => break Err(error),
        }
    };
    // On the standard error stream it is told anyway.
    if let Err(error) = &outcome
        && !matches!(config.logging.file.as_str(), "STDERR" | "")
    {
        tracing::error!("{}", one_line(error));
    }
    outcome
}

/// Threads for HTTP, handlers of alerts and other waiting; tasks have threads of their own. Who works off a write for them
/// goes on with the alerts that it raised: what is woken by a thread runs next on it, and no other must wake up for that.
pub(crate) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

fn write_pid(path: &Path) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, std::process::id().to_string())
}

/// Why a life of the daemon has ended.
enum End {
    Stopped,
    /// Another follows in this process.
    Renewed,
}

async fn serve(
    config: &Config,
    level: logging::LevelHandle,
    flags: &Flags,
    listener: &mut Option<std::net::TcpListener>,
) -> anyhow::Result<End> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    let server = server::Server::start(config, level, flags, listener).await?;
    let end = loop {
        tokio::select! {
            _ = terminate.recv() => break End::Stopped,
            _ = interrupt.recv() => break End::Stopped,
            _ = hang_up.recv() => server.read_again(),
            () = server.renewal() => break End::Renewed,
        }
    };
    tracing::info!("stopping");
    tokio::select! {
        () = server.stop() => {}
        _ = terminate.recv() => tracing::warn!("second signal: stopping at once"),
        _ = interrupt.recv() => tracing::warn!("second signal: stopping at once"),
        () = tokio::time::sleep(Duration::from_secs(30)) => tracing::warn!("not stopped within 30 s: stopping at once"),
    }
    Ok(end)
}
