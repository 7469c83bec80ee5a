//! What the daemon and each task may hold in memory: looked after twice a second, and what is done at a limit.
//!
//! Tasks measure themselves between two letters when they are asked to, so this costs their work little; between two looks
//! they may go beyond a limit by what they are sent meanwhile. `judge.rs` decides, this file asks and acts.

mod forgetting;
mod judge;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, Weak,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use api::memory as shown;
use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use engine::{Origin, Running, Shed, Tasks};
use model::LiveSchema;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::config::{Config, Memory, TaskLimit};
use forgetting::Forgetting;
use judge::{Act, Holding, Judge, Limit};

const INTERVAL: Duration = Duration::from_millis(500);
/// Measuring a task takes at most this part of its time.
const SHARE: u32 = 50;
/// After this time the tables hold the series that live.
const SETTLING: Duration = Duration::from_secs(60);
/// Numbers of series, groups or names after which the tables are begun anew: tables of what nodes know have 8 bytes for
/// each 4096 of them.
const MOST_NUMBERS: u32 = 1 << 28;
/// KiB for each permit of the queue of writes.
pub(crate) const PERMIT: usize = 1 << 10;
/// Bytes of bodies of requests other than writes, together; none of them is larger.
pub(crate) const REQUESTS: usize = 64 << 20;
/// What a client whose write is refused is told to wait.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;

/// See the module.
pub struct Budgets {
    judge: Judge,
    tasks: Weak<Tasks>,
    schema: LiveSchema,
    forgetting: Mutex<Forgetting>,
    /// Room for writes that wait for tasks, a permit for each KiB.
    queue: Arc<Semaphore>,
    queue_permits: usize,
    /// Room for the bodies of other requests.
    requests: Arc<Semaphore>,
    /// Why writes are refused now: those of an origin, or all.
    pressed: RwLock<Pressed>,
    /// Whether there is anything in it: writes look at nothing else.
    is_pressed: AtomicBool,
    refused: AtomicU64,
    loopback_dropped: AtomicU64,
    looks: Mutex<Looks>,
    renewal: Renewal,
}

/// When the tables of series are begun anew.
struct Renewal {
    /// Bytes; never if there are none.
    at: Option<usize>,
    /// Whether that may be done at all.
    allowed: bool,
    begun: Instant,
    /// What they took a while after the start: series that live.
    settled: OnceLock<usize>,
    due: Notify,
}

impl Renewal {
    /// Whether most of the tables is of no use any more, so far as that can be seen from their size alone.
    fn is_due(&self, bytes: usize, numbers: [u32; 3], now: Instant) -> bool {
        if self.allowed && numbers.iter().any(|given| *given > MOST_NUMBERS) {
            return true;
        }
        let Some(at) = self.at else { return false };
        if now.saturating_duration_since(self.begun) < SETTLING {
            return false;
        }
        let settled = *self.settled.get_or_init(|| bytes);
        bytes > at.max(settled.saturating_mul(4))
    }
}

#[derive(Default)]
struct Pressed {
    all: Option<String>,
    origins: HashMap<Origin, String>,
}

/// What is remembered from one look to the next.
#[derive(Default)]
struct Looks {
    /// When a task is measured next, by id.
    due: HashMap<String, Instant>,
    /// What is wrong now, so that it is told once.
    told: Vec<String>,
}

/// The thread that looks after the budgets; it ends when this is dropped.
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Budgets {
    /// Budgets of this config. The tables of series know their limit from now on.
    pub(crate) fn new(config: &Config, queue: &Arc<Semaphore>, tasks: &Arc<Tasks>) -> Budgets {
        let (memory, limits) = (&config.memory, &config.task_limits);
        let schema = tasks.schema().clone();
        let limit = match memory.limit {
            0 => machine() / 4 * 3,
            limit => u64::try_from(limit).unwrap_or(u64::MAX),
        };
        let tables = match memory.series_limit {
            0 => limit / 2,
            limit => u64::try_from(limit).unwrap_or(u64::MAX),
        };
        // A limit that is never reached needs no figure.
        schema.now().set_limit(if tables >= u64::MAX / 2 { 0 } else { usize::try_from(tables).unwrap_or(0) });
        Budgets {
            judge: Judge::new(Limit { memory: limit, groups: u64::MAX, at_limit: memory.at_limit() }, limits),
            tasks: Arc::downgrade(tasks),
            forgetting: Mutex::new(Forgetting::new(Instant::now())),
            schema,
            queue: Arc::clone(queue),
            queue_permits: queue_permits(memory),
            requests: Arc::new(Semaphore::new(REQUESTS / PERMIT + 1)),
            pressed: RwLock::default(),
            is_pressed: AtomicBool::new(false),
            refused: AtomicU64::new(0),
            loopback_dropped: AtomicU64::new(0),
            looks: Mutex::default(),
            renewal: Renewal {
                allowed: config.checkpoint.enabled,
                at: usize::try_from(memory.renew_at).ok().filter(|at| *at > 0),
                begun: Instant::now(),
                settled: OnceLock::new(),
                due: Notify::new(),
            },
        }
    }

    /// Comes back when the tables of series are to be begun anew.
    pub(crate) async fn renewal(&self) {
        self.renewal.due.notified().await;
    }

    /// Whether some limit is kept by letting go of groups: tasks must know then which were seen longest ago.
    pub(crate) fn drop_oldest(memory: &Memory, limits: &[TaskLimit]) -> bool {
        let mut policies = limits.iter().map(TaskLimit::at_limit).chain([memory.at_limit()]);
        policies.any(|policy| policy == crate::config::AtLimit::DropOldest)
    }

    /// Look after the budgets from now on.
    ///
    /// # Errors
    /// The system has no thread left.
    pub(crate) fn watch(self: &Arc<Budgets>) -> std::io::Result<Watch> {
        let (stop, stopping) = bounded(0);
        let budgets = Arc::clone(self);
        let thread = std::thread::Builder::new().name("budgets".to_string()).spawn(move || {
            while stopping.recv_timeout(INTERVAL) == Err(RecvTimeoutError::Timeout) {
                budgets.look();
            }
        })?;
        Ok(Watch { stop: Some(stop), thread: Some(thread) })
    }

    /// Room for writes that wait for tasks, a permit for each KiB.
    pub(crate) fn queue(&self) -> &Arc<Semaphore> {
        &self.queue
    }

    /// Room for the bodies of other requests, a permit for each KiB.
    pub(crate) fn requests(&self) -> &Arc<Semaphore> {
        &self.requests
    }

    /// Permits for a write of so many bytes; never more than there are, so that each has its turn some time.
    pub(crate) fn permits(&self, bytes: usize) -> u32 {
        u32::try_from((bytes / PERMIT + 1).min(self.queue_permits)).unwrap_or(u32::MAX)
    }

    /// Room for points that a task writes back. Nobody can wait there: the task holds up what would make room.
    pub(crate) fn loopback(&self, points: usize, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.queue).try_acquire_many_owned(self.permits(bytes)).ok();
        if room.is_none() && self.loopback_dropped.fetch_add(points as u64, Ordering::Relaxed) == 0 {
            tracing::error!(
                "points of kapacitorLoopback are dropped: there is no room for them (write-queue in [memory])"
            );
        }
        room
    }

    /// Why a write is not taken now, if it is not.
    pub(crate) fn refusal(&self, database: &str, retention_policy: &str) -> Option<String> {
        if !self.is_pressed.load(Ordering::Relaxed) {
            return None;
        }
        let pressed = self.pressed.read().unwrap_or_else(PoisonError::into_inner);
        if pressed.all.is_some() {
            return pressed.all.clone();
        }
        let origin = Origin { database: database.to_string(), retention_policy: retention_policy.to_string() };
        pressed.origins.get(&origin).cloned()
    }

    /// A write was refused for want of room.
    pub(crate) fn count_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Measure what has changed, and act on what was measured before.
    pub(crate) fn look(&self) {
        let Some(tasks) = self.tasks.upgrade() else { return };
        let mut looks = self.lock();
        let now = Instant::now();
        self.measure(&tasks, &mut looks, now);
        let schema = self.schema.now();
        if self.renewal.is_due(schema.memory(), schema.numbers(), now) {
            self.renewal.due.notify_one();
        }
        drop(schema);
        self.forgetting.lock().unwrap_or_else(PoisonError::into_inner).look(&tasks, now);
        let mut holdings = Vec::new();
        each(&tasks, |_, task| holdings.push(Holding::of(task)));
        let acts = self.judge.judge(&holdings, self.common());
        self.act(&tasks, acts, &mut looks);
    }

    /// Have tasks measured that did something since they were.
    fn measure(&self, tasks: &Tasks, looks: &mut Looks, now: Instant) {
        let mut stale = Vec::new();
        each(tasks, |id, task| {
            if task.footprint.is_stale() && looks.due.get(id).is_none_or(|due| *due <= now) {
                stale.push((id.to_string(), now + Duration::from_nanos(task.footprint.cost()) * SHARE));
            }
        });
        stale.iter().for_each(|(id, _)| tasks.measure(id));
        // What may be measured by now needs no remark.
        looks.due.retain(|_, due| *due > now);
        looks.due.extend(stale);
    }

    /// Bytes of what belongs to no task.
    fn common(&self) -> u64 {
        (self.schema.now().memory() + self.waiting()) as u64
    }

    /// Bytes of writes that wait for tasks.
    fn waiting(&self) -> usize {
        self.queue_permits.saturating_sub(self.queue.available_permits()) * PERMIT
    }

    /// That the tables are full, if they are.
    fn full_tables(&self) -> Option<String> {
        let schema = self.schema.now();
        schema.is_full().then(|| {
            let limit = judge::mib(schema.limit() as u64);
            format!(
                "the tables of series, tags and fields have reached their limit of {limit}: what they do not know is \
                 refused (series-limit in [memory])"
            )
        })
    }

    fn act(&self, tasks: &Tasks, acts: Vec<Act>, looks: &mut Looks) {
        let (mut pressed, mut wrong) = (Pressed::default(), Vec::from_iter(self.full_tables()));
        for act in acts {
            wrong.push(act.why.clone());
            let task = act.task.and_then(|id| Some((tasks.get(&id)?, id)));
            match (act.what, task) {
                (judge::What::PushBack, None) => pressed.all = Some(act.why),
                (judge::What::PushBack, Some((task, _))) => {
                    for (database, retention_policy) in &task.info().dbrps {
                        let (database, retention_policy) = (database.clone(), retention_policy.clone());
                        pressed.origins.insert(Origin { database, retention_policy }, act.why.clone());
                    }
                }
                (judge::What::Groups(most), Some((_, id))) => tasks.shed(&id, Shed::Groups(most)),
                (judge::What::Points(share), Some((_, id))) => tasks.shed(&id, Shed::Points(share)),
                (judge::What::Stop, Some((_, id))) => tasks.fail(&id, act.why),
                (_, None) => {}
            }
        }
        self.is_pressed.store(pressed.all.is_some() || !pressed.origins.is_empty(), Ordering::Relaxed);
        *self.pressed.write().unwrap_or_else(PoisonError::into_inner) = pressed;
        wrong.iter().filter(|why| !looks.told.contains(why)).for_each(|why| tracing::warn!("{why}"));
        if wrong.is_empty() && !looks.told.is_empty() {
            tracing::info!("memory is within its limits again");
        }
        looks.told = wrong;
    }

    fn lock(&self) -> MutexGuard<'_, Looks> {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What holds how much, for users.
    pub(crate) fn shown(&self) -> shown::Memory {
        let Some(tasks) = self.tasks.upgrade() else { return shown::Memory::default() };
        let mut all: Vec<shown::TaskMemory> = Vec::new();
        each(&tasks, |id, task| all.push(self.task(id, task)));
        let limit = |limit: u64| if limit >= u64::MAX / 2 { 0 } else { limit };
        let schema = self.schema.now();
        let [names, shapes, series, groups] = schema.sizes().map(|count| count as u64);
        let own = self.judge.own();
        shown::Memory {
            bytes: all.iter().map(|task| task.bytes).sum::<u64>() + self.common(),
            limit: limit(own.memory),
            at_limit: own.at_limit.name().to_string(),
            tables: shown::Tables {
                bytes: schema.memory() as u64,
                limit: schema.limit() as u64,
                names,
                shapes,
                series,
                groups,
            },
            writes: shown::Writes {
                bytes: self.waiting() as u64,
                limit: (self.queue_permits * PERMIT) as u64,
                refused: self.refused.load(Ordering::Relaxed),
                loopback_dropped: self.loopback_dropped.load(Ordering::Relaxed),
            },
            connections: shown::Connections::default(),
            problems: self.lock().told.clone(),
            tasks: all,
        }
    }

    fn task(&self, id: &str, task: &Running) -> shown::TaskMemory {
        let limit = self.judge.of(id);
        let finite = |limit: u64| if limit == u64::MAX { 0 } else { limit };
        let dropped = task.footprint.dropped();
        let nodes = task.stats.iter().map(|node| shown::NodeMemory {
            name: node.name.clone(),
            bytes: node.memory.load(Ordering::Relaxed),
            groups: node.cardinality.load(Ordering::Relaxed).max(0).unsigned_abs(),
        });
        shown::TaskMemory {
            id: id.to_string(),
            bytes: task.memory(),
            groups: task.groups(),
            limit: limit.map_or(0, |limit| finite(limit.memory)),
            group_limit: limit.map_or(0, |limit| finite(limit.groups)),
            at_limit: limit.map(|limit| limit.at_limit.name().to_string()).unwrap_or_default(),
            groups_dropped: dropped.groups,
            points_dropped: dropped.points,
            nodes: nodes.collect(),
        }
    }
}

/// Room for the writes that may wait for tasks, a permit for each KiB.
pub(crate) fn queue(memory: &Memory) -> Arc<Semaphore> {
    Arc::new(Semaphore::new(queue_permits(memory)))
}

fn queue_permits(memory: &Memory) -> usize {
    let permits = usize::try_from(memory.write_queue).unwrap_or_default().div_ceil(PERMIT);
    permits.clamp(1, Semaphore::MAX_PERMITS)
}

/// Look at the tasks that run, without those that have failed.
fn each(tasks: &Tasks, mut look: impl FnMut(&str, &Running)) {
    tasks.for_each(|id, task| {
        if tasks.failure(task).is_none() {
            look(id, task);
        }
    });
}

/// Bytes of memory that this machine has, or that the daemon's control group may take.
fn machine() -> u64 {
    let group = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let group = group.iter().filter_map(|path| std::fs::read_to_string(path).ok()?.trim().parse::<u64>().ok()).min();
    let mut system = sysinfo::System::new();
    system.refresh_memory();
    let all = system.total_memory();
    let found = group.map_or(all, |group| group.min(all));
    // A machine that tells nothing has no limit.
    if found == 0 { u64::MAX } else { found }
}

#[cfg(test)]
mod tests;
