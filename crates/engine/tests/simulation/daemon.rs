//! One life of the daemon on a simulated disk: the log of writes, checkpoints, the outbox, topics with their handlers,
//! and a task, put together as `kapacitord` does it, but stepped.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use alert::{Clock, Delivery, Outbox, OutboxOptions, QueueOptions, RetryPolicy, Stepper, Topics};
use disk::testing::SimDisk;
use engine::define::Surface;
use engine::testing::{Bench, TestHost};
use engine::{Extent, LAST};
use handlers::{AlertHost, Configs};
use journal::Journal;
use model::Precision;
use store::checkpoints::Checkpoints;
use tokio::runtime::{Builder, Runtime};

use crate::network::Network;
use crate::states::{Stored, WriteBehind};

const LOG: &str = "/data/log";
const OUTBOX: &str = "/data/outbox";
const CHECKPOINTS: &str = "/data/checkpoints";
const TASK: &str = "test";
/// The key of the number of the last write that a checkpoint has.
const COVERED: &[u8] = &[1];
/// The key of the number of the last event that it has.
const EVENTS: &[u8] = &[2];
const SEGMENT: u64 = 4 << 10;

/// How a daemon is set up; the same in all its lives.
#[derive(Clone)]
pub struct Setup {
    pub script: &'static str,
    pub network: Network,
    pub clock: Clock,
    /// Nothing is acknowledged, and no event sent, before it is forced to the disk.
    pub forced: bool,
    /// How many events may wait for a handler.
    pub capacity: usize,
    /// Bytes of a checkpoint that are written at once.
    pub piece: usize,
}

/// See the module.
pub struct Daemon {
    setup: Setup,
    runtime: Runtime,
    pub topics: Arc<Topics>,
    pub outbox: Arc<Outbox>,
    stepper: Stepper,
    states: Arc<WriteBehind>,
    log: Journal,
    /// The number of the last write, whatever became of it.
    last: u64,
    /// The last write of each of the log's files.
    files: Vec<(u64, u64)>,
    checkpoints: Checkpoints,
    wants_whole: bool,
    /// What the last checkpoint has: writes up to this number, events up to that one.
    covered: (u64, u64),
    surface: Surface,
    bench: Option<Bench>,
}

/// What was found in the log: numbers and lines.
pub type Found = Vec<(u64, String)>;

fn record(number: u64, lines: &str) -> Vec<u8> {
    [&number.to_le_bytes(), lines.as_bytes()].concat()
}

impl Daemon {
    /// Begins a life with what the disk and the store have. With what was in the log; the writes that the checkpoint
    /// does not have are done again.
    ///
    /// # Errors
    /// The disk does not let it.
    pub fn start(setup: &Setup, disk: &SimDisk, stored: Stored) -> Result<(Daemon, Found), String> {
        let text = |error: journal::Error| error.to_string();
        let disk_of = || Arc::new(disk.clone());
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
        let (mut found, mut files) = (Found::new(), Vec::new());
        let (log, _) = Journal::open_on(disk_of(), LOG, SEGMENT, |place, bytes| {
            let (number, lines) = bytes.split_first_chunk().expect("a number");
            let number = u64::from_le_bytes(*number);
            found.push((number, String::from_utf8(lines.to_vec()).expect("what was written")));
            files.push((place.segment, number));
        })
        .map_err(text)?;
        let options = OutboxOptions {
            fsync_interval: if setup.forced { Duration::ZERO } else { Duration::from_millis(200) },
            segment_bytes: SEGMENT,
            remembers: true,
            ..OutboxOptions::new(OUTBOX)
        };
        let settled = Some(stored.last);
        let entered = runtime.enter();
        let (opened, stepper) = Outbox::open_stepped(disk_of(), options, settled).map_err(text)?;
        drop(entered);
        let mut stored = stored;
        stored.recover(&opened.outbox, opened.states);
        let states = Arc::new(WriteBehind::new(stored));
        let retry = RetryPolicy { limit: Duration::from_secs(1 << 30), ..RetryPolicy::default() };
        let queues = QueueOptions { capacity: setup.capacity, retry, ..QueueOptions::default() };
        let topics = Topics::new(Delivery::Workers(runtime.handle().clone(), queues), Arc::clone(&states) as _)
            .with_outbox(Arc::clone(&opened.outbox), Vec::new())
            .with_clock(Arc::clone(&setup.clock));
        let topics = Arc::new(topics);
        let checkpoints = Checkpoints::open_on(disk_of(), CHECKPOINTS).map_err(|error| error.to_string())?;
        let checkpoints = checkpoints.in_pieces_of(setup.piece);
        let network = setup.network.clone();
        let host =
            AlertHost::on_network(Configs::default(), &topics, "http://self", move |posted| network.answer(&posted));
        let mut daemon = Daemon {
            setup: setup.clone(),
            runtime,
            surface: Surface::new(handlers::kinds(&host)),
            topics,
            outbox: opened.outbox,
            stepper,
            states,
            log,
            last: found.last().map_or(0, |(number, _)| *number),
            files,
            checkpoints,
            wants_whole: true,
            covered: (0, 0),
            bench: None,
        };
        daemon.topics.open_stored();
        daemon.topics.begin_replay(opened.known);
        daemon.resume()?;
        let from = daemon.covered.0;
        for (number, lines) in found.iter().filter(|(number, _)| *number > from) {
            daemon.feed(*number, lines);
        }
        daemon.topics.end_replay();
        Ok((daemon, found))
    }

    /// Has the task go on where its checkpoint is.
    fn resume(&mut self) -> Result<(), String> {
        let text = |error: store::Error| error.to_string();
        let mut pairs = self.checkpoints.load(TASK).map_err(text)?.pairs;
        let is_known = !pairs.is_empty();
        let number = |key: &[u8]| {
            pairs.get(key).map(|number| u64::from_le_bytes(number.as_slice().try_into().expect("a number")))
        };
        let covered = number(COVERED).unwrap_or(self.last);
        let events = number(EVENTS).unwrap_or_else(|| self.outbox.last());
        self.last = self.last.max(covered);
        self.covered = (covered, events);
        self.topics.replay_after(events);
        if is_known {
            // All that came later comes again.
            pairs.insert(LAST.to_vec(), vec![1]);
        }
        self.build(pairs)?;
        match is_known {
            true => self.checkpoints.append(TASK, &[(LAST.to_vec(), None)]).map(drop).map_err(text),
            false => self.checkpoints.replace(TASK, self.places()).map_err(text),
        }
    }

    /// What a checkpoint says of what it has.
    fn places(&self) -> [store::checkpoints::Change; 2] {
        let number = |key: &[u8], number: u64| (key.to_vec(), Some(number.to_le_bytes().to_vec()));
        [number(COVERED, self.covered.0), number(EVENTS, self.covered.1)]
    }

    fn build(&mut self, pairs: store::checkpoints::Pairs) -> Result<(), String> {
        let host = TestHost::with_topics(Arc::clone(&self.topics));
        let saved = pairs.into_iter().filter(|(key, _)| key != COVERED && key != EVENTS).collect();
        let _entered = self.runtime.enter();
        let (bench, anew) = Bench::in_world(host, &self.surface, self.setup.script, &saved)?;
        assert!(anew.is_empty(), "a node begins anew: {anew:?}");
        self.bench = Some(bench);
        Ok(())
    }

    fn feed(&mut self, number: u64, lines: &str) {
        let _entered = self.runtime.enter();
        let bench = self.bench.as_mut().expect("the task runs");
        bench.write_numbered(lines, Precision::Seconds, number);
    }

    /// A write of a client: its number once it is in the log, and done.
    ///
    /// # Errors
    /// Its number: it is refused, and not done.
    pub fn write(&mut self, lines: &str) -> Result<u64, u64> {
        self.last += 1;
        let number = self.last;
        let logged = self.log.append(&record(number, lines)).and_then(|place| {
            self.log.commit()?;
            if self.setup.forced
                && let Err(why) = self.log.sync()
            {
                // It may come again if that fails, too, but nothing comes behind it before that.
                let _ = self.log.retract(place);
                return Err(why);
            }
            Ok(place)
        });
        let Ok(place) = logged else { return Err(number) };
        self.files.push((place.segment, number));
        self.feed(number, lines);
        Ok(number)
    }

    /// Moves the task's clock.
    pub fn set_time(&mut self, time: i64) {
        let _entered = self.runtime.enter();
        self.bench.as_mut().expect("the task runs").advance_to(time);
    }

    /// Has the outbox write what waits.
    pub fn write_outbox(&mut self) -> bool {
        // Its clock is that of the runtime.
        let _entered = self.runtime.enter();
        self.stepper.step()
    }

    /// Has the states of alerts written.
    pub fn write_states(&mut self) -> bool {
        self.write_outbox();
        self.states.write(&self.outbox)
    }

    /// Handlers run for so long.
    pub fn run(&mut self, time: Duration) {
        self.runtime.block_on(async { tokio::time::sleep(time).await });
    }

    /// A checkpoint, and then the release of what it has.
    pub fn checkpoint(&mut self) {
        let before = std::mem::replace(&mut self.covered, (self.last, self.outbox.last()));
        if !self.write_checkpoint() {
            self.covered = before;
            self.wants_whole = true;
            return;
        }
        self.release();
    }

    fn write_checkpoint(&mut self) -> bool {
        let extent = if self.wants_whole { Extent::Whole } else { Extent::Changes };
        let bench = self.bench.as_mut().expect("the task runs");
        let Some(snapshot) = bench.task.snapshot(extent) else { return true };
        let changes = snapshot.changes().chain(self.places());
        // What followed from writes that will not come again must be on disk.
        if !self.write_states() {
            return false;
        }
        let written = match snapshot.is_whole() {
            true => self.checkpoints.replace(TASK, changes).map(|()| false),
            false => self.checkpoints.append(TASK, changes),
        };
        self.wants_whole = *written.as_ref().unwrap_or(&true);
        written.is_ok()
    }

    /// What the checkpoint has goes.
    fn release(&mut self) {
        if self.checkpoints.sync().is_err() {
            self.wants_whole = true;
            return;
        }
        self.outbox.covered(self.covered.1);
        while let Some(oldest) = self.log.oldest() {
            let needed = self.files.iter().any(|(file, number)| *file == oldest && *number > self.covered.0);
            if needed || self.log.drop_oldest().is_err() {
                return;
            }
            self.files.retain(|(file, _)| *file != oldest);
        }
    }

    /// The task is built anew and goes on, as after a change of something else in its script.
    pub fn reload(&mut self) {
        let mut bench = self.bench.take().expect("the task runs");
        {
            let _entered = self.runtime.enter();
            bench.task.step(engine::Letter::Suspend);
        }
        let mut saved = store::checkpoints::Pairs::new();
        if let Some(snapshot) = bench.task.snapshot(Extent::LastWhole) {
            saved.extend(snapshot.changes().filter_map(|(key, value)| Some((key, value?))));
        }
        drop(bench);
        self.build(saved).expect("the script is right");
        self.wants_whole = true;
    }

    /// SIGTERM: handlers get a while for what waits, the rest is for the next life.
    pub fn stop(mut self) -> Stored {
        self.reload();
        let limit = Duration::from_secs(10);
        self.runtime.block_on(async { self.topics.shutdown(limit).await });
        self.write_states();
        self.write_outbox();
        self.states.stored()
    }

    /// SIGKILL or a power cut: what the store has.
    pub fn die(self) -> Stored {
        self.states.stored()
    }

    /// What the last checkpoint has: writes up to this number, events up to that one.
    pub fn covered(&self) -> (u64, u64) {
        self.covered
    }

    /// No queue holds more than it may.
    pub fn check_bounds(&self) {
        for delivery in self.topics.deliveries() {
            let waiting = delivery.handler.counts.queued;
            // Those that were there at the start were taken then.
            assert!(waiting <= self.setup.capacity as u64 + self.outbox.counts().events, "{waiting} events wait");
        }
        let options = OutboxOptions::new(Path::new(OUTBOX));
        assert!(self.outbox.counts().bytes <= options.most_bytes);
    }
}
