//! `cargo xtask soak`: a daemon under series that come and go, minute by minute; its memory has to stay level. It takes
//! half an hour, so no test runs it.

use std::{
    fmt::Write as _,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command},
    thread::sleep,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context, bail};
use serde_json::Value;

/// Memory is level if it grows by no more than this share after these minutes.
const GROWTH: f64 = 0.10;
const WARM_UP_MINUTES: u64 = 5;
/// How long a host lives.
const LIFE: Duration = Duration::from_secs(120);

const SCRIPT: &str = "var data = stream
    |from()
        .measurement('cpu')
        .groupBy('host')
data
    |window()
        .period(30s)
        .every(10s)
    |mean('used')
    |httpOut('mean')
data
    |stateDuration(lambda: \"used\" > 90.0)
        .unit(1s)
    |alert()
        .id('{{ index .Tags \"host\" }}')
        .crit(lambda: \"state_duration\" > 5)
        .stateChangesOnly()
        .log('ALERTS')
";

/// What was asked for.
struct Options {
    minutes: u64,
    hosts_per_minute: u64,
    release: bool,
    /// Instead of one that is built now.
    program: Option<PathBuf>,
}

fn options(args: &[String]) -> anyhow::Result<Options> {
    let mut options = Options { minutes: 30, hosts_per_minute: 1000, release: false, program: None };
    let mut args = args.iter();
    let number = |args: &mut std::slice::Iter<'_, String>, flag: &str| -> anyhow::Result<u64> {
        let given = args.next().with_context(|| format!("{flag} takes a number"))?;
        given.parse().ok().filter(|number| *number > 0).with_context(|| format!("{flag} takes a number, not {given:?}"))
    };
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "-minutes" => options.minutes = number(&mut args, arg)?,
            "-hosts" => options.hosts_per_minute = number(&mut args, arg)?,
            "-release" => options.release = true,
            "-program" => options.program = Some(args.next().context("-program takes a path")?.into()),
            other => bail!("soak knows -minutes N, -hosts N, -release and -program PATH, not {other:?}"),
        }
    }
    Ok(options)
}

pub(crate) fn run(root: &Path, args: &[String]) -> anyhow::Result<()> {
    let options = options(args)?;
    let program = program(root, &options)?;
    let folder = std::env::temp_dir().join(format!("kapacitor-soak-{}", std::process::id()));
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let outcome = Daemon::start(&program, &folder).and_then(|mut daemon| soak(&mut daemon, &options, &folder));
    let _ = fs::remove_dir_all(&folder);
    outcome
}

/// The daemon to run, built if none was named.
fn program(root: &Path, options: &Options) -> anyhow::Result<PathBuf> {
    if let Some(program) = &options.program {
        return fs::canonicalize(program).with_context(|| format!("cannot find {}", program.display()));
    }
    let mut build = crate::cargo();
    build.args(["build", "--package", "kapacitord"]);
    if options.release {
        build.arg("--release");
    }
    crate::run(&mut build)?;
    Ok(root.join("target").join(if options.release { "release" } else { "debug" }).join("kapacitord"))
}

struct Daemon {
    process: Child,
    address: String,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Daemon {
    fn start(program: &Path, folder: &Path) -> anyhow::Result<Daemon> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        let config = folder.join("kapacitor.conf");
        let path = |name: &str| PathBuf::from(folder).join(name).display().to_string();
        let text = format!(
            "data_dir = {:?}\n[http]\nbind-address = {address:?}\nlog-enabled = false\n[replay]\ndir = {:?}\n\
             [storage]\nboltdb = {:?}\n[task]\ngroup-expiry = \"1m\"\n\
             [checkpoint]\nenabled = true\n[logging]\nlevel = \"WARN\"\n\
             [[influxdb]]\nenabled = false\n",
            path("data"),
            path("replay"),
            path("store"),
        );
        fs::write(&config, text)?;
        let process = Command::new(program).arg("-config").arg(&config).spawn();
        let process = process.with_context(|| format!("cannot run {}", program.display()))?;
        let daemon = Daemon { process, address };
        for _ in 0..300 {
            if daemon.ask("GET", "/kapacitor/v1/ping", "").is_ok() {
                return Ok(daemon);
            }
            sleep(Duration::from_millis(100));
        }
        bail!("the daemon does not answer")
    }

    /// The body of an answer that tells of success.
    fn ask(&self, method: &str, path: &str, body: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        let (head, body) = answer.split_once("\r\n\r\n").context("an answer without an end of its head")?;
        if !head.starts_with("HTTP/1.1 2") {
            bail!("{method} {path}: {} {body}", head.lines().next().unwrap_or_default());
        }
        Ok(body.to_string())
    }

    /// Bytes of memory that the system has given it.
    fn resident(&self) -> anyhow::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
        let kib: u64 = line.trim().trim_end_matches(" kB").trim().parse()?;
        Ok(kib << 10)
    }
}

fn soak(daemon: &mut Daemon, options: &Options, folder: &Path) -> anyhow::Result<()> {
    let script = SCRIPT.replace("ALERTS", &folder.join("alerts.log").display().to_string());
    let task = serde_json::json!({
        "id": "churn", "type": "stream", "status": "enabled", "script": script,
        "dbrps": [{ "db": "d", "rp": "r" }],
    });
    daemon.ask("POST", "/kapacitor/v1/tasks", &task.to_string())?;
    println!("minute  resident  tables   tasks  series  groups   written");
    let begun = Instant::now();
    let (mut written, mut samples) = (0u64, Vec::new());
    for second in 0..options.minutes * 60 {
        let lines = lines(second, options.hosts_per_minute);
        written += lines.lines().count() as u64;
        daemon.ask("POST", "/write?db=d&rp=r", &lines)?;
        if (second + 1) % 60 == 0 {
            samples.push(sample(daemon, (second + 1) / 60, written)?);
        }
        let next = begun + Duration::from_secs(second + 1);
        sleep(next.saturating_duration_since(Instant::now()));
    }
    verdict(&samples)
}

/// A point of each host that lives in this second.
fn lines(second: u64, hosts_per_minute: u64) -> String {
    let born = |second: u64| second * hosts_per_minute / 60;
    let oldest = born(second.saturating_sub(LIFE.as_secs()));
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut lines = String::new();
    for host in oldest..born(second + 1) {
        // One in ten is busy for half a minute, and raises an alert.
        let busy = host % 10 == 0 && (second + host) % 60 < 30;
        let _ = writeln!(lines, "cpu,host=server{host} used={}.5 {now}", if busy { 95 } else { 40 });
    }
    lines
}

/// One line of the report; the bytes that are resident.
fn sample(daemon: &Daemon, minute: u64, written: u64) -> anyhow::Result<u64> {
    let resident = daemon.resident()?;
    let memory: Value = serde_json::from_str(&daemon.ask("GET", "/kapacitor/v1/memory", "")?)?;
    let mib = |bytes: u64| format!("{:.1}M", bytes as f64 / f64::from(1 << 20));
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let tasks: u64 = memory["tasks"].as_array().into_iter().flatten().map(|task| number(&task["bytes"])).sum();
    println!(
        "{minute:>6}  {:>8}  {:>6}  {:>6}  {:>6}  {:>6}  {written:>8}",
        mib(resident),
        mib(number(&memory["tables"]["bytes"])),
        mib(tasks),
        number(&memory["tables"]["series"]),
        memory["tasks"][0]["groups"],
    );
    Ok(resident)
}

fn verdict(samples: &[u64]) -> anyhow::Result<()> {
    let warm = usize::try_from(WARM_UP_MINUTES).unwrap_or(usize::MAX);
    let (Some(&settled), Some(&last)) = (samples.get(warm - 1), samples.last()) else {
        bail!("{} minutes are too few: memory has to settle for {WARM_UP_MINUTES}", samples.len());
    };
    let growth = last as f64 / settled as f64 - 1.0;
    println!("from minute {WARM_UP_MINUTES} to minute {}: {:+.1} %", samples.len(), growth * 100.0);
    if growth > GROWTH { bail!("memory is not level: it may grow by {:.0} %", GROWTH * 100.0) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_come_and_go() {
        let hosts =
            |second| lines(second, 60).lines().map(|line| line.split(' ').next().unwrap().to_string()).collect();
        let (first, later): (Vec<String>, Vec<String>) = (hosts(0), hosts(1000));
        assert_eq!(first, ["cpu,host=server0"]);
        assert_eq!(later.len(), 121);
        assert_eq!((later[0].as_str(), later[120].as_str()), ("cpu,host=server880", "cpu,host=server1000"));
    }

    #[test]
    fn level_is_within_a_tenth() {
        assert!(verdict(&[50, 60, 70, 90, 100, 105, 109]).is_ok());
        assert!(verdict(&[50, 60, 70, 90, 100, 111]).is_err());
        assert!(verdict(&[1, 2]).is_err());
    }
}
