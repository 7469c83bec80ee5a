//! Points through tasks in this process, for counting what one costs: `points WORKLOAD COUNT`, with the workloads
//! `threshold`, `window` and `fanout`. `cargo xtask instructions` runs it.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, sync::Arc};

use alert::Kinds;
use engine::{
    Host, Origin, TaskInfo, Tasks, Write,
    define::{Built, Request, Surface, build, define},
    testing::TestHost,
};
use model::{Precision, Schema, Words, parse_lines};

/// Lines of a write, one for each of as many hosts.
const LINES: usize = 1_000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [workload, count] = args.as_slice() else { panic!("usage: points WORKLOAD COUNT") };
    let scripts = scripts(workload);
    let schema = Schema::new();
    let host: Arc<dyn Host> = Arc::new(TestHost::default());
    let tasks = Tasks::new(Arc::clone(&schema), &host, 1).unwrap();
    for (number, script) in scripts.iter().enumerate() {
        start(&tasks, &schema, &host, number, script);
    }
    let origin = Arc::new(Origin { database: "d".to_string(), retention_policy: "r".to_string() });
    for tick in 0..count.parse::<usize>().unwrap() / LINES {
        let (mut rows, mut words) = (Vec::with_capacity(LINES), Words::default());
        parse_lines(&schema, lines(tick).as_bytes(), Precision::Seconds, 0, &mut rows, &mut words).unwrap();
        tasks.write(&Arc::new(Write { origin: Arc::clone(&origin), rows, words: Arc::new(words), number: 0 }), None);
    }
    // Waits until all is done.
    tasks.stop_all();
}

fn scripts(workload: &str) -> Vec<String> {
    let from = "stream |from().measurement('cpu').groupBy('host')";
    match workload {
        "threshold" => vec![format!(
            "{from} |where(lambda: \"cpu\" == 'cpu-total') |eval(lambda: 100.0 - \"usage_idle\").as('used')
             |alert().warn(lambda: \"used\" > 80.0).crit(lambda: \"used\" > 99.0).stateChangesOnly()"
        )],
        "window" => vec![format!(
            "{from} |window().period(10s).every(10s) |mean('usage_idle') |alert().crit(lambda: \"mean\" < 1.0)"
        )],
        "fanout" => (0..100)
            .map(|k| format!("{from} |where(lambda: \"usage_user\" > {k}) |alert().crit(lambda: \"usage_user\" > 110)"))
            .collect(),
        other => panic!("there is no workload {other}"),
    }
}

fn start(tasks: &Tasks, schema: &Arc<Schema>, host: &Arc<dyn Host>, number: usize, script: &str) {
    let surface = Surface::new(Kinds::default());
    let defined = define(&surface, script, &Request::default()).unwrap();
    let dbrps = vec![("d".to_string(), "r".to_string())];
    let info = Arc::new(TaskInfo { id: format!("task{number}").into(), stream: true, dbrps });
    let Built { task, interest, edges, endpoints } = build(&surface, &defined.pipeline, &info, schema, host).unwrap();
    tasks.start(task, &interest, edges, endpoints);
}

/// A line of each host at a second.
fn lines(tick: usize) -> String {
    let mut lines = String::new();
    for host in 0..LINES {
        let value = (host * 31 + tick * 17) % 1000;
        let _ = writeln!(
            lines,
            "cpu,cpu=cpu-total,dc=dc{},host=host{host:04} usage_idle={}.5,usage_system=1.5,usage_user={}.{} {tick}",
            host % 5,
            30 + value % 60,
            value / 10,
            value % 10
        );
    }
    lines
}
