//! A daemon with 5,000 tasks, of which 500 run: how long its start, lists and switches take, and its memory at rest.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};

use crate::{
    cargo,
    daemon::{Daemon, Link, Setup},
    run,
};

const TASKS: usize = 5_000;
/// Of so many one runs.
const ONE_RUNS_OF: usize = 10;
/// Each request is made so often; the best time counts, since a busy machine only ever makes it longer.
const TIMES: usize = 20;

/// What it must be done in.
const START: Duration = Duration::from_secs(1);
const READ: Duration = Duration::from_millis(50);
const SWITCH: Duration = Duration::from_millis(10);
/// MiB.
const MEMORY: u64 = 60;

/// Measure a program, or the release build.
pub(crate) fn measure(root: &Path, program: Option<&str>) -> anyhow::Result<()> {
    let program = match program {
        Some(program) => std::fs::canonicalize(program).with_context(|| format!("cannot find {program}"))?,
        None => {
            run(cargo().args(["build", "--release", "--package", "kapacitord"]))?;
            root.join("target/release/kapacitord")
        }
    };
    let setup = Setup::new(&program, &root.join("target/many-tasks"))?;
    let daemon = setup.start()?;
    define(&mut daemon.connect()?)?;
    let mut slow = requests(&daemon)?;
    daemon.stop()?;

    let mut starts = Vec::new();
    let mut memory = None;
    for _ in 0..3 {
        let daemon = setup.start()?;
        starts.push(daemon.start);
        // At rest: what the start needed for a while is given back.
        std::thread::sleep(Duration::from_secs(2));
        memory = daemon.memory();
        daemon.stop()?;
    }
    let best = starts.into_iter().min().unwrap_or_default();
    slow |= told("start to the first answer", best, START);
    if let Some(memory) = memory {
        println!("{:32} {memory:>8} MiB, at most {MEMORY}", "memory at rest");
        slow |= memory > MEMORY;
    }
    if slow { bail!("that is not as it should be") } else { Ok(()) }
}

fn define(link: &mut Link) -> anyhow::Result<()> {
    let began = Instant::now();
    for number in 0..TASKS {
        let status = if number % ONE_RUNS_OF == 0 { "enabled" } else { "disabled" };
        let script = format!(
            "stream|from().measurement('m{number}').groupBy('host').where(lambda: \\\"x\\\" > 0)\
             |window().period(1m).every(10s)|mean('used').as('used')\
             |alert().id('{{{{ index .Tags \\\"host\\\" }}}}').crit(lambda: \\\"used\\\" > 90.0).stateChangesOnly().log('/dev/null')"
        );
        let task = format!(
            r#"{{"id": "t{number:04}", "type": "stream", "dbrps": [{{"db": "telegraf", "rp": "autogen"}}],
                "script": "{script}", "status": "{status}"}}"#
        );
        link.ask("POST", "/kapacitor/v1/tasks", &task)?;
    }
    println!("{TASKS} tasks are defined, {:.1?}", began.elapsed());
    Ok(())
}

/// Whether any is slower than it should be.
fn requests(daemon: &Daemon) -> anyhow::Result<bool> {
    let mut link = daemon.connect()?;
    let mut slow = false;
    for (name, target) in [
        ("list as the command line does", "/kapacitor/v1/tasks?limit=100&fields=status&fields=type&fields=dbrps"),
        ("list of 100 with all fields", "/kapacitor/v1/tasks"),
        ("list of all 5,000, all fields", "/kapacitor/v1/tasks?limit=-1"),
        ("list of all 5,000, short", "/kapacitor/v1/tasks?limit=-1&fields=status&fields=type"),
        ("show", "/kapacitor/v1/tasks/t2500"),
    ] {
        let before = daemon.processor();
        let best = best(|_| link.ask("GET", target, ""))?;
        slow |= told(name, best, READ);
        if let Some((before, after)) = before.zip(daemon.processor()) {
            println!("{:32} {:>8.1?} of processor time each", "", (after - before) / TIMES as u32);
        }
    }
    for (name, status) in [("enable", "enabled"), ("disable", "disabled")] {
        let body = format!(r#"{{"status": "{status}"}}"#);
        let best = best(|number| {
            let target = format!("/kapacitor/v1/tasks/t{:04}", number * ONE_RUNS_OF + 1);
            link.ask("PATCH", &target, &body)
        })?;
        slow |= told(name, best, SWITCH);
    }
    Ok(slow)
}

fn best(mut work: impl FnMut(usize) -> anyhow::Result<String>) -> anyhow::Result<Duration> {
    let mut times = Vec::new();
    for number in 0..TIMES {
        let began = Instant::now();
        work(number)?;
        times.push(began.elapsed());
    }
    times.into_iter().min().context("nothing was measured")
}

fn told(name: &str, best: Duration, limit: Duration) -> bool {
    println!("{name:32} {best:>8.1?}, at most {limit:?}");
    best > limit
}
