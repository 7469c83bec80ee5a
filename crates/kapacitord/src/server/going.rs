//! Tasks and topics, brought to where they were when the daemon ended: what is stored, what stands in files, and what the
//! log of writes has since.

use std::{path::PathBuf, sync::Arc};

use alert::{Known, Topics};
use anyhow::Context;
use engine::{
    Host, Tasks,
    define::{DeadmanDefaults, Surface},
};
use model::LiveSchema;
use store::Store;
use tokio::sync::Semaphore;

use super::{
    kept::{self, Kept},
    outside::Outside,
};
use crate::{
    alert_topics::AlertTopics,
    budgets::Budgets,
    checkpoints::{Checkpoints, Durable},
    config::Config,
    definitions::{Definitions, Shards},
    ingest::{IngestLog, Tail},
    load::Loader,
};

/// Tasks and what they are made of; none runs yet.
pub(super) struct Going {
    pub(super) tasks: Arc<Tasks>,
    pub(super) budgets: Arc<Budgets>,
    pub(super) definitions: Arc<Definitions>,
    pub(super) log: Option<Arc<IngestLog>>,
    /// What the log had when it was opened.
    tail: Option<Tail>,
    /// Events that data may raise again.
    known: Known,
}

impl Going {
    pub(super) fn new(
        config: &Config,
        store: &Store,
        kept: Kept,
        surface: Surface,
        outside: &Outside,
        (schema, queue): (&LiveSchema, &Arc<Semaphore>),
    ) -> anyhow::Result<Going> {
        let world: Arc<dyn Host> = Arc::clone(&outside.host) as Arc<dyn Host>;
        let workers = std::thread::available_parallelism().map_or(2, usize::from);
        let tasks = Arc::new(Tasks::new(schema.clone(), &world, workers).context("cannot start a thread")?);
        let budgets = Arc::new(Budgets::new(config, queue, &tasks));
        outside.host.attach(&tasks);
        outside.host.attach_budgets(&budgets);
        // Nobody has set it before.
        let _ = outside.inlet.tasks.set(Arc::downgrade(&tasks));
        let Kept { log, outbox, known, states } = kept;
        let log = log.map(|found| found.start(Arc::clone(&tasks))).transpose().context("cannot start a thread")?;
        let (log, tail) = log.map(|(log, tail)| (Arc::new(log), tail)).unzip();
        let durable = log.clone().map(|log| Durable { log, outbox, states });
        let checkpoints = kept::checkpoints(config, &tasks, durable)?;
        let running = Arc::clone(&tasks);
        let definitions = Definitions::new(store.clone(), surface, schema.clone(), world, running, checkpoints)
            .divided(Shards::new(&config.task_shards, workers));
        Ok(Going { tasks, budgets, definitions: Arc::new(definitions), log, tail, known })
    }

    /// Start what is to run, and bring it where it was. What brings in files, if there are to be any.
    pub(super) async fn bring_back(
        &mut self,
        config: &Config,
        store: &Store,
        topics: &Arc<Topics>,
        alert_topics: &Arc<AlertTopics>,
        schema: &LiveSchema,
    ) -> anyhow::Result<Option<Arc<Loader>>> {
        if self.log.is_some() {
            topics.begin_replay(std::mem::take(&mut self.known));
        }
        let opening = Arc::clone(alert_topics);
        tokio::task::spawn_blocking(move || opening.start_all()).await??;
        let starting = Arc::clone(&self.definitions);
        let (all, started) = tokio::task::spawn_blocking(move || starting.start_all()).await??;
        tracing::info!(tasks = all, started, "tasks are started");
        let loader = config.load.enabled.then(|| {
            let (definitions, topics) = (Arc::clone(&self.definitions), Arc::clone(alert_topics));
            Arc::new(Loader::new(PathBuf::from(&config.load.dir), store.clone(), definitions, topics))
        });
        if let Some(loader) = loader.clone() {
            tokio::task::spawn_blocking(move || loader.load()).await?;
        }
        self.replay(topics, schema).await?;
        if let Some(checkpoints) = self.definitions.checkpoints() {
            checkpoints.begin().context("cannot start a thread")?;
        }
        self.log = kept::settle_log(config, self.log.take())?;
        Ok(loader)
    }

    /// Writes that no checkpoint has come once more.
    async fn replay(&mut self, topics: &Arc<Topics>, schema: &LiveSchema) -> anyhow::Result<()> {
        let (Some(log), Some(tail)) = (self.log.clone(), self.tail.take()) else { return Ok(()) };
        let (definitions, tasks, schema) = (Arc::clone(&self.definitions), Arc::clone(&self.tasks), schema.now());
        let replaying = Arc::clone(topics);
        tokio::task::spawn_blocking(move || {
            let from = definitions.checkpoints().map_or(u64::MAX, Checkpoints::covered);
            replaying.replay_after(definitions.checkpoints().map_or(u64::MAX, Checkpoints::events));
            let count = tail.replay(from, &log, &schema, &tasks);
            tracing::info!(writes = count, "the log of writes is at its end");
        })
        .await?;
        topics.end_replay();
        Ok(())
    }
}

/// What scripts may use, as the config has it.
pub(super) fn surface(config: &Config, kinds: &alert::Kinds) -> Surface {
    let mut surface = Surface::new(kinds.clone());
    surface.set_deadman(deadman(config));
    surface.set_group_expiry(i64::try_from(config.task.group_expiry.as_nanos()).unwrap_or(i64::MAX));
    if Budgets::drop_oldest(&config.memory, &config.task_limits) {
        surface.track_groups();
    }
    surface
}

/// What `|deadman` takes where a script says nothing.
fn deadman(config: &Config) -> DeadmanDefaults {
    let deadman = &config.deadman;
    DeadmanDefaults {
        id: deadman.id.clone(),
        message: deadman.message.clone(),
        global: deadman.global,
        threshold: deadman.threshold,
        interval: i64::try_from(deadman.interval.as_nanos()).unwrap_or(i64::MAX),
    }
}
