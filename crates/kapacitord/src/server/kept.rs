//! What a daemon has on disk, opened when it starts: the store, the log of writes, the outbox, checkpoints.

use std::{path::Path, sync::Arc};

use alert::{Known, NoStore, Outbox, OutboxOptions, TopicStore};
use anyhow::Context;
use engine::Tasks;
use store::{Store, meta::Identity};

use crate::{
    checkpoints::{Checkpoints, Durable},
    config::Config,
    ingest::{Found, IngestLog, LogOptions},
    topic_store::{WriteBehind, recover},
};

/// What is there of writes and events.
pub(super) struct Kept {
    pub(super) log: Option<Found>,
    pub(super) outbox: Option<Arc<Outbox>>,
    /// Events that data may raise again.
    pub(super) known: Known,
    /// States of alerts on their way to the store.
    pub(super) states: Option<Arc<WriteBehind>>,
}

impl Kept {
    pub(super) async fn open(config: &Config, store: &Store) -> anyhow::Result<Kept> {
        let log = open_log(config).await?;
        let (outbox, known) = open_outbox(config, store, log.is_some()).await?;
        let start = || WriteBehind::start(store.topics(), outbox.clone()).context("cannot start a thread");
        let states = config.alert.persist_topics.then(start).transpose()?.map(Arc::new);
        Ok(Kept { log, outbox, known, states })
    }

    /// Where topics keep the states of their events.
    pub(super) fn topic_store(&self) -> Arc<dyn TopicStore> {
        self.states.clone().map_or_else(|| Arc::new(NoStore) as _, |states| states as _)
    }
}

/// Where what running tasks remember is kept, if it is to be.
pub(super) fn checkpoints(
    config: &Config,
    running: &Arc<Tasks>,
    durable: Option<Durable>,
) -> anyhow::Result<Option<Checkpoints>> {
    let section = &config.checkpoint;
    if !section.enabled {
        return Ok(None);
    }
    let folder = match section.dir.as_str() {
        "" => format!("{}.checkpoints", config.storage.boltdb.trim_end_matches('/')),
        dir => dir.to_string(),
    };
    let running = Arc::clone(running);
    let opened = Checkpoints::open(Path::new(&folder), section.interval, running, durable);
    opened.map(Some).with_context(|| format!("cannot keep checkpoints in {folder} (dir in [checkpoint])"))
}

/// The ids that a Kapacitor has left in its folder: its subscriptions are then ours, and do not bring each point twice.
fn ids(data_dir: &str) -> Identity {
    let mut ids = Identity::random();
    for (name, id) in [("cluster.id", &mut ids.cluster_id), ("server.id", &mut ids.server_id)] {
        let text = std::fs::read_to_string(Path::new(data_dir).join(name)).unwrap_or_default();
        if let Ok(found) = text.trim().parse() {
            *id = found;
        }
    }
    ids
}

pub(super) async fn open_store(path: &Path, data_dir: &str) -> anyhow::Result<Store> {
    let data_dir = data_dir.to_string();
    let folder = path.to_path_buf();
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        std::fs::create_dir_all(parent).with_context(|| format!("cannot make the folder {}", parent.display()))?;
    }
    Ok(tokio::task::spawn_blocking(move || Store::open_as(folder, || ids(&data_dir))).await??)
}

/// The log of writes, if there is to be one, or if one was left that may have writes which no task has.
async fn open_log(config: &Config) -> anyhow::Result<Option<Found>> {
    let section = &config.ingest;
    let folder = section.folder(&config.storage.boltdb);
    if !(section.durable || config.checkpoint.enabled && folder.is_dir()) {
        return Ok(None);
    }
    let options = LogOptions {
        folder: folder.clone(),
        fsync_interval: section.fsync_interval,
        limit: u64::try_from(section.limit).unwrap_or_default(),
        longest_age: section.longest_age,
    };
    let opened = tokio::task::spawn_blocking(move || Found::open(options)).await?;
    opened.map(Some).with_context(|| format!("cannot open the log of writes {} (dir in [ingest])", folder.display()))
}

/// The log that new writes go to. One that was left, and is not to be written any more, goes.
pub(super) fn settle_log(config: &Config, log: Option<Arc<IngestLog>>) -> anyhow::Result<Option<Arc<IngestLog>>> {
    let Some(left) = log.as_ref().filter(|_| !config.ingest.durable) else { return Ok(log) };
    left.close();
    let folder = config.ingest.folder(&config.storage.boltdb);
    std::fs::remove_dir_all(&folder)
        .with_context(|| format!("cannot remove the log of writes {}, which is off now", folder.display()))?;
    Ok(None)
}

/// The outbox of the config, with the states brought into the store that only the outbox has. It `remembers` events,
/// whose names come with it, if data may come again.
async fn open_outbox(config: &Config, store: &Store, remembers: bool) -> anyhow::Result<(Option<Arc<Outbox>>, Known)> {
    let Some(options) = config.alert.outbox_options(&config.storage.boltdb) else { return Ok(Default::default()) };
    let options = OutboxOptions { remembers, ..options };
    let (topics, keeps_states) = (store.topics(), config.alert.persist_topics);
    let opening = move || -> anyhow::Result<(Arc<Outbox>, Known)> {
        let settled = keeps_states.then(|| topics.last()).transpose()?;
        let folder = options.folder.display().to_string();
        let opened = Outbox::open(options, settled)
            .with_context(|| format!("cannot open the outbox {folder} (outbox-dir in [alert])"))?;
        opened.damage.iter().for_each(|damage| tracing::error!("{damage}"));
        if keeps_states {
            recover(&topics, &opened.outbox, opened.states)?;
        }
        Ok((opened.outbox, opened.known))
    };
    let (outbox, known) = tokio::task::spawn_blocking(opening).await??;
    Ok((Some(outbox), known))
}
