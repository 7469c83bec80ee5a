//! Points through tasks in this process, for counting what one costs: `points WORKLOAD COUNT`, with the workloads
//! `threshold`, `window` and `fanout`. `cargo xtask instructions` runs it.
#![allow(clippy::unwrap_used)]

use std::{fmt::Write as _, sync::Arc};

use alert::Kinds;
use engine::{
    Host, Origin, TaskInfo, Tasks, Write,
    define::{Request, Surface, build, define},
    testing::TestHost,
};
use model::{Precision, Schema, Words, parse_lines};

/// Lines of a write, one for each of as many hosts.
const LINES: usize = 1_000;
/// Bodies that differ in their values; they come again with other times.
const BODIES: usize = 8;

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
    let mut bodies: Vec<Body> = (0..BODIES).map(Body::new).collect();
    for tick in 0..count.parse::<usize>().unwrap() / LINES {
        let body = bodies[tick % BODIES].at(1_700_000_000 + tick);
        let (mut rows, mut words) = (Vec::with_capacity(LINES), Words::default());
        parse_lines(&schema, body, Precision::Seconds, 0, &mut rows, &mut words).unwrap();
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
    tasks.start(build(&surface, &defined.pipeline, &info, schema, host).unwrap());
}

/// A line of each host at a second, made beforehand: what is counted is not the making.
struct Body {
    text: Vec<u8>,
    /// Where the times end.
    ends: Vec<usize>,
}

impl Body {
    fn new(number: usize) -> Body {
        let (mut text, mut ends) = (String::new(), Vec::new());
        for host in 0..LINES {
            let value = (host * 31 + number * 17) % 1000;
            let _ = write!(
                text,
                "cpu,cpu=cpu-total,dc=dc{},host=host{host:04} usage_idle={}.5,usage_system=1.5,usage_user={}.{} 0000000000",
                host % 5,
                30 + value % 60,
                value / 10,
                value % 10
            );
            ends.push(text.len());
            text.push('\n');
        }
        Body { text: text.into_bytes(), ends }
    }

    fn at(&mut self, second: usize) -> &[u8] {
        let time = format!("{second:010}");
        for end in &self.ends {
            self.text[end - time.len()..*end].copy_from_slice(time.as_bytes());
        }
        &self.text
    }
}
