//! The tasks of a case, and the clock they go by: everything happens in the order of the letters, on one thread.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use engine::{
    EdgeKind, Host, Letter, Router, SavedTask, Task, TaskInfo, Tracer, Write,
    define::{Built, Defined, Request, Surface, Vars, build, define, dot},
};
use model::{LineError, Precision, Schema, Time, Words, parse_lines};

use crate::{
    cut::{Cuts, Cutter},
    walk,
    world::World,
};

/// So many wakes and answers may follow from one step; more of them never come to an end.
const MOST: usize = 200_000;

/// What is done with each line that tells how a datum went.
pub type Watcher = Arc<dyn Fn(&str) + Send + Sync>;

/// A task that was defined.
pub(crate) struct Stored {
    pub(crate) script: String,
    pub(crate) vars: Vars,
    pub(crate) formatted: String,
    pub(crate) stream: bool,
    pub(crate) dbrps: Vec<(String, String)>,
    pub(crate) enabled: bool,
    /// Why it does not run.
    pub(crate) error: String,
    /// The drawing of its pipeline.
    pub(crate) dot: String,
    pub(crate) running: Option<Running>,
}

/// A task that runs.
pub(crate) struct Running {
    number: u64,
    pub(crate) task: Task,
    pub(crate) edges: Vec<(usize, usize)>,
    /// Names of nodes by the endpoint that they show.
    endpoints: BTreeMap<String, String>,
}

/// See the module.
pub(crate) struct Tasks {
    pub(crate) schema: Arc<Schema>,
    pub(crate) world: Arc<World>,
    surface: Surface,
    pub(crate) stored: BTreeMap<String, Stored>,
    router: Router<u64>,
    /// How many were started.
    started: u64,
    watcher: Option<Watcher>,
    cutter: Cutter,
}

/// What refuses a definition, with the status that the API answers.
pub(crate) type Refused = (u16, String);

impl Tasks {
    pub(crate) fn new(schema: Arc<Schema>, world: Arc<World>, watcher: Option<Watcher>, cuts: Cuts) -> Tasks {
        let surface = Surface::new(world.kinds());
        let (stored, router, cutter) = (BTreeMap::new(), Router::default(), Cutter::new(cuts));
        Tasks { schema, world, surface, stored, router, started: 0, watcher, cutter }
    }

    /// Define a task, and start it if it is `enabled`.
    pub(crate) fn define(
        &mut self,
        id: &str,
        script: &str,
        vars: Vars,
        dbrps: &[(String, String)],
        enabled: bool,
    ) -> Result<(), Refused> {
        let bad = |text: String| (400, text);
        if id.is_empty() || !id.chars().all(|c| c.is_alphanumeric() || "-._".contains(c)) {
            return Err(bad(format!("task ID must contain only letters, numbers, '-', '.' and '_'. {id:?}")));
        }
        if self.stored.contains_key(id) {
            return Err(bad(format!("task {id} already exists")));
        }
        if script.is_empty() {
            return Err(bad("must provide TICKscript".to_string()));
        }
        let request = Request { vars: vars.clone(), template: false };
        let defined = define(&self.surface, script, &request).map_err(|error| bad(error.to_string()))?;
        let dbrps = match (dbrps.is_empty(), defined.dbrps.is_empty()) {
            (false, false) => return Err(bad("cannot specify dbrp both implicitly and explicitly".to_string())),
            (true, true) => return Err(bad("must specify dbrp".to_string())),
            (true, false) => defined.dbrps.clone(),
            (false, true) => dbrps.to_vec(),
        };
        let stored = Stored {
            script: script.to_string(),
            vars,
            formatted: defined.formatted.clone(),
            stream: defined.kind == EdgeKind::Stream,
            dbrps,
            enabled: false,
            error: String::new(),
            dot: dot(id, &defined.pipeline),
            running: None,
        };
        self.stored.insert(id.to_string(), stored);
        if enabled { self.start(id, &defined, &SavedTask::default()) } else { Ok(()) }
    }

    /// Switch a task on or off.
    pub(crate) fn switch(&mut self, id: &str, enable: bool) -> Result<(), Refused> {
        let stored = self.stored.get_mut(id).ok_or((404, "task does not exist, cannot update".to_string()))?;
        if stored.enabled == enable {
            return Ok(());
        }
        stored.enabled = enable;
        if enable {
            let request = Request { vars: stored.vars.clone(), template: false };
            let defined = define(&self.surface, &stored.script, &request).map_err(|error| (400, error.to_string()))?;
            return self.start(id, &defined, &SavedTask::default());
        }
        if let Some(running) = &mut stored.running {
            running.task.step(Letter::Finish);
            self.router.remove(running.number);
        }
        // What it asked for as it ended finds it no more.
        stored.running = None;
        self.settle();
        Ok(())
    }

    fn start(&mut self, id: &str, defined: &Defined, saved: &SavedTask) -> Result<(), Refused> {
        let Some(stored) = self.stored.get_mut(id) else { return Ok(()) };
        stored.enabled = true;
        let info = Arc::new(TaskInfo { id: id.into(), stream: stored.stream, dbrps: stored.dbrps.clone() });
        let host: Arc<dyn Host> = Arc::clone(&self.world) as Arc<dyn Host>;
        let built = build(&self.surface, &defined.pipeline, &info, &self.schema, &host);
        let Built { mut task, interest, edges, endpoints, .. } = match built {
            Ok(built) => built,
            Err(why) => {
                stored.error = why.message;
                return Err((500, stored.error.clone()));
            }
        };
        if let Some(watcher) = &self.watcher {
            task.trace(tracer(id, Arc::clone(watcher)));
        }
        let anew = task.restore(saved);
        assert!(anew.is_empty(), "what was saved of {id} cannot be taken up: {anew:?}");
        // What was saved of an earlier run is of no use for this one.
        self.cutter.saved(id);
        self.started += 1;
        task.step(Letter::Start);
        if stored.stream {
            self.router.add(&self.schema, self.started, &stored.dbrps, &interest);
        }
        stored.error.clear();
        stored.running = Some(Running { number: self.started, task, edges, endpoints });
        self.settle();
        Ok(())
    }

    /// Write line protocol.
    pub(crate) fn write(&mut self, origin: engine::Origin, lines: &str, precision: &str) -> Result<(), LineError> {
        let (mut rows, mut words) = (Vec::new(), Words::default());
        let (now, precision) = (self.world.now(), Precision::parse(precision));
        parse_lines(&self.schema, lines.as_bytes(), precision, now, &mut rows, &mut words)?;
        let (origin, mut done) = (Arc::new(origin), 0);
        while rows.len() - done > self.cutter.left() {
            let until = done + self.cutter.left();
            let write = Write {
                origin: Arc::clone(&origin),
                rows: rows[done..until].to_vec(),
                words: Arc::new(words.clone()),
                number: 0,
            };
            self.deliver(write);
            self.settle();
            if self.count(until - done) {
                rows.clear();
                words.clear();
                parse_lines(&self.schema, lines.as_bytes(), precision, now, &mut rows, &mut words)?;
            }
            done = until;
        }
        let left = rows.split_off(done);
        let count = left.len();
        self.deliver(Write { origin, rows: left, words: Arc::new(words), number: 0 });
        self.settle();
        self.count(count);
        Ok(())
    }

    /// How many points and times to wake there have been.
    pub(crate) fn seen(&self) -> usize {
        self.cutter.seen
    }

    /// So many more data have come; whether all tasks go on in a new engine now.
    fn count(&mut self, data: usize) -> bool {
        let tasks =
            self.stored.iter_mut().filter_map(|(id, stored)| Some((id.as_str(), &mut stored.running.as_mut()?.task)));
        let cut = self.cutter.count(data, tasks);
        if cut {
            self.go_on_elsewhere();
        }
        cut
    }

    fn go_on_elsewhere(&mut self) {
        self.schema = Schema::new();
        self.world.set_schema(&self.schema);
        self.router = Router::default();
        self.world.set_resuming(true);
        let running = self.stored.iter().filter(|(_, stored)| stored.running.is_some());
        let ids: Vec<String> = running.map(|(id, _)| id.clone()).collect();
        for id in ids {
            let Some(stored) = self.stored.get_mut(&id) else { continue };
            stored.running = None;
            let request = Request { vars: stored.vars.clone(), template: false };
            let defined = define(&self.surface, &stored.script, &request);
            let saved = self.cutter.saved(&id);
            let outcome =
                defined.map_err(|error| (400, error.to_string())).and_then(|defined| self.start(&id, &defined, &saved));
            assert!(outcome.is_ok(), "{id} ran, and must run again: {outcome:?}");
        }
        self.world.set_resuming(false);
    }

    fn deliver(&mut self, write: Write) {
        let write = Arc::new(write);
        for (number, selection) in self.router.select(&self.schema, &write) {
            let running = self.stored.values_mut().filter_map(|stored| stored.running.as_mut());
            if let Some(running) = running.into_iter().find(|running| running.number == number) {
                running.task.step(Letter::Write(Arc::clone(&write), selection));
            }
        }
    }

    /// Bring all answers to the nodes that wait for them, and points that come back to those who want them.
    pub(crate) fn settle(&mut self) {
        for _ in 0..MOST {
            let next = self.world.seen().replies.pop_front();
            if let Some((ticket, reply)) = next {
                let stored = self.stored.get_mut(&*ticket.task.id);
                if let Some(running) = stored.and_then(|stored| stored.running.as_mut()) {
                    running.task.step(Letter::Reply { node: ticket.node, reply });
                }
                continue;
            }
            let next = self.world.seen().loopbacks.pop_front();
            let Some((origin, rows, words)) = next else { break };
            self.deliver(Write { origin: Arc::new(origin), rows, words: Arc::new(words), number: 0 });
        }
        self.end_failed();
    }

    /// Tasks that failed run no more.
    fn end_failed(&mut self) {
        for stored in self.stored.values_mut() {
            let failure = stored.running.as_ref().and_then(|running| running.task.failure().map(str::to_string));
            if let (Some(why), Some(running)) = (failure, &stored.running) {
                self.router.remove(running.number);
                stored.error = why;
                stored.running = None;
            }
        }
    }

    /// When the first task wants to be woken.
    pub(crate) fn next_wake(&self) -> Option<Time> {
        let running = self.stored.values().filter_map(|stored| stored.running.as_ref());
        running.filter_map(|running| running.task.next_wake()).min()
    }

    /// Move the clock, waking whoever waits on the way.
    pub(crate) fn advance_to(&mut self, time: Time) {
        for _ in 0..MOST {
            let Some(wake) = self.next_wake().filter(|&wake| wake <= time) else { break };
            self.count(1);
            self.world.set_now(wake);
            let now = self.world.now();
            for stored in self.stored.values_mut() {
                if let Some(running) = stored.running.as_mut().filter(|running| running.task.is_due(now)) {
                    running.task.step(Letter::Wake(now));
                }
            }
            self.settle();
        }
        self.world.set_now(time);
    }

    /// What a node shows to HTTP clients; `None` if there is no such endpoint.
    pub(crate) fn shown(&mut self, id: &str, endpoint: &str) -> Option<String> {
        let running = self.stored.get_mut(id)?.running.as_mut()?;
        let node = running.endpoints.get(endpoint)?.clone();
        let cell = Arc::new(Mutex::new(None));
        let answer = Arc::clone(&cell);
        let take = move |text| *answer.lock().unwrap_or_else(PoisonError::into_inner) = text;
        running.task.step(Letter::Show { node, answer: Box::new(take) });
        cell.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

fn tracer(id: &str, watcher: Watcher) -> Tracer {
    let id = id.to_string();
    Box::new(move |taken| walk::lines(&id, taken, |line| watcher(line)))
}
