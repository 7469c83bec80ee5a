//! `kapacitord demo`: an embedded run on this machine's own CPU, memory and disk; needs nothing else.

use std::{fmt::Write, path::PathBuf, time::Duration};

use alert::{BoxFuture, Event, Handler, Outcome, Subscription};
use anyhow::Context;
use api::task::{Dbrp, Status, TaskOptions};
use sysinfo::{Disks, System};

use crate::{
    config::Config,
    logging,
    server::{Flags, Server},
};

pub const USAGE: &str = "\
usage: demo [flags]

    Starts on a free port with a temporary store, reads this machine's CPU, memory
    and disk use once a second into telegraf.autogen, and prints each alert.

    -seconds <n>  stop after so many seconds instead of running until Ctrl-C";

/// The scripts it runs; they are examples that anybody may run.
const TASKS: [(&str, &str); 2] = [
    ("cpu_mean", include_str!("../../../examples/demo/cpu_mean.tick")),
    ("disk_and_memory", include_str!("../../../examples/demo/disk_and_memory.tick")),
];

pub fn run(args: &[String]) -> anyhow::Result<()> {
    let args = crate::arguments::Arguments::parse(args, &["seconds"]).map_err(anyhow::Error::msg)?;
    if args.help {
        println!("{USAGE}");
        return Ok(());
    }
    let seconds = args.get("seconds").map(str::parse::<u64>).transpose().context("-seconds takes a whole number")?;
    crate::runtime()?.block_on(demo(seconds))
}

async fn demo(seconds: Option<u64>) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().context("cannot make a temporary folder")?;
    let mut config = Config::default();
    config.top.hostname = "localhost".to_string();
    config.top.data_dir = folder.path().display().to_string();
    config.storage.boltdb = folder.path().join("store").display().to_string();
    config.http.bind_address = "127.0.0.1:0".to_string();
    config.influxdb.clear();
    let level = logging::start("STDERR", "ERROR").map_err(anyhow::Error::msg)?;
    let server = Server::start(&config, level, &Flags::default(), &mut None).await?;
    let url = format!("http://{}", server.address());
    let client = reqwest::Client::new();
    for (id, script) in TASKS {
        let answer = client.post(format!("{url}{}", api::task::PATH)).json(&task(id, script)).send().await?;
        if !answer.status().is_success() {
            let error: api::error::ErrorBody = answer.json().await?;
            anyhow::bail!("task {id}: {}", error.error);
        }
        println!("task {id} runs");
    }
    let printer =
        Subscription { name: "demo".into(), kind: "print".into(), handler: Box::new(Printer), external: false };
    server.topics().register("demo", printer);
    println!("\nListening on {url}. Try in another terminal:\n");
    let kapacitor = beside("kapacitor");
    for command in ["list tasks", "show cpu_mean", "disable disk_and_memory"] {
        println!("    {kapacitor} -url {url} {command}");
    }
    println!("    curl {url}/kapacitor/v1/tasks/cpu_mean/cpu\n\nAlerts, as they fire (Ctrl-C ends it):");
    let feeding = feed(&url);
    let limit = async {
        match seconds {
            Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            None => std::future::pending().await,
        }
    };
    let outcome = tokio::select! {
        outcome = feeding => outcome,
        () = limit => Ok(()),
        _ = tokio::signal::ctrl_c() => Ok(()),
    };
    server.stop().await;
    outcome
}

fn task(id: &str, script: &str) -> TaskOptions {
    TaskOptions {
        id: id.to_string(),
        script: script.to_string(),
        dbrps: vec![Dbrp { db: "telegraf".to_string(), rp: "autogen".to_string() }],
        status: Some(Status::Enabled),
        ..TaskOptions::default()
    }
}

/// A program in this one's folder, if it is there.
fn beside(name: &str) -> String {
    let path = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join(name))).filter(|p| p.exists());
    path.unwrap_or_else(|| PathBuf::from(name)).display().to_string()
}

/// Measure once a second, and write like any client.
async fn feed(url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::new();
    let url = format!("{url}/write?db=telegraf&rp=autogen");
    let mut system = System::new();
    system.refresh_cpu_usage();
    let mut ticks = tokio::time::interval(Duration::from_secs(1));
    loop {
        ticks.tick().await;
        let lines = measure(&mut system);
        client.post(&url).body(lines).send().await?.error_for_status()?;
    }
}

fn measure(system: &mut System) -> String {
    system.refresh_cpu_usage();
    system.refresh_memory();
    let mut lines = String::new();
    let used = f64::from(system.global_cpu_usage());
    let _ = writeln!(lines, "cpu,cpu=cpu-total,host=localhost usage_idle={},usage_used={used}", 100.0 - used);
    let (total, free) = (system.total_memory(), system.available_memory());
    if total > 0 {
        let percent = (total - free.min(total)) as f64 / total as f64 * 100.0;
        let _ = writeln!(lines, "mem,host=localhost total={total}i,available={free}i,used_percent={percent}");
    }
    for disk in Disks::new_with_refreshed_list().list().iter().filter(|disk| disk.total_space() > 0) {
        let path = disk.mount_point().display().to_string().replace(' ', "\\ ").replace(',', "\\,").replace('=', "\\=");
        let used = disk.total_space() - disk.available_space().min(disk.total_space());
        let percent = used as f64 / disk.total_space() as f64 * 100.0;
        let _ = writeln!(lines, "disk,host=localhost,path={path} used_percent={percent}");
    }
    lines
}

struct Printer;

impl Handler for Printer {
    fn handle<'a>(&'a mut self, event: &'a Event) -> BoxFuture<'a, Outcome> {
        println!("{:8} {}", event.state.level.name(), event.state.message);
        Box::pin(async { Outcome::Done })
    }
}
