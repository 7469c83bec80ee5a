//! Replays: recorded or queried data go through a task of their own, as fast as they can or as slowly as they came.

use std::{fs::File, path::Path, sync::Arc};

use engine::{Host, InfluxQuery, Origin, Write, nodes::asks};
use model::{GroupId, Row, Time};
use replay::{BatchReader, StreamReader, members};
use serde_json::Value as Json;
use store::{
    recordings::{Recording, Replay, State},
    tasks::{Task, TaskType},
};

use super::{
    Piece, Recordings, Work, checked_id,
    player::{Player, ReplayHost},
    record::{asked, in_order, query_failed},
    under_way::{Counted, ReplayedTask},
};
use crate::definitions::{Refused, now};

/// Points of a fast replay that the task gets at once.
const AT_ONCE: usize = 256;

/// What is replayed.
pub(crate) enum Data {
    Recording(String),
    /// What the task's queries give between two times.
    Batch {
        start: Time,
        stop: Time,
    },
    Query {
        query: String,
        cluster: String,
    },
}

/// How, and to which task.
pub(crate) struct Options {
    pub(crate) id: String,
    pub(crate) task: String,
    pub(crate) recording_time: bool,
    pub(crate) real_clock: bool,
}

/// The pieces for one query node, in order.
type Pieces<'a> = Box<dyn FnMut() -> Result<Option<Piece>, String> + 'a>;

/// How times of the data become times of the replay.
#[derive(Clone, Copy)]
struct Clock {
    zero: Time,
    real: bool,
    recording_time: bool,
}

enum Opened {
    Recording(Recording),
    Batch { start: Time, stop: Time },
    Query { query: String, cluster: String },
}

impl Recordings {
    /// Begin a replay.
    pub(crate) fn replay(self: &Arc<Self>, options: Options, data: Data) -> Result<Replay, Refused> {
        let id = checked_id(&options.id, "replay")?;
        let load = |refused: Refused| Refused::new(refused.status, format!("task load: {}", refused.text));
        let task = self.task(&options.task).map_err(load)?;
        let mut recording = String::new();
        let data = match data {
            Data::Recording(id) => {
                let missing = || Refused::missing("recording not found: no recording exists");
                let found = self.find(&id)?.ok_or_else(missing)?;
                recording = id;
                Opened::Recording(found)
            }
            Data::Batch { start, stop } if task.task_type == TaskType::Batch => Opened::Batch { start, stop },
            Data::Batch { .. } => {
                return Err(Refused::bad(format!("cannot replay batch against stream task: {}", options.task)));
            }
            Data::Query { query, .. } if query.is_empty() => return Err(Refused::bad("must provide query")),
            Data::Query { query, cluster } => Opened::Query { query, cluster },
        };
        let replay = Replay {
            id,
            task: options.task,
            recording,
            recording_time: options.recording_time,
            real_clock: options.real_clock,
            date: now(),
            error: String::new(),
            state: State::Running,
            stats: Json::Null,
        };
        self.store().replays().put(&replay)?;
        let clock = Clock { zero: now(), real: replay.real_clock, recording_time: replay.recording_time };
        let work = self.replaying.begin(&replay.id);
        let (name, ended, done) = (replay.id.clone(), replay.clone(), Arc::clone(&work));
        self.spawn(
            move |this| this.play(&name, &task, &data, clock, &work),
            move |this, outcome| {
                this.replaying.end(&ended.id, &done);
                let stats = done.task().map(|task| crate::definitions::stats(&task.stats));
                this.replayed(ended, outcome, serde_json::to_value(stats).unwrap_or_default());
            },
        )?;
        Ok(replay)
    }

    fn replayed(&self, mut replay: Replay, outcome: Result<(), String>, stats: Json) {
        replay.state = if outcome.is_ok() { State::Finished } else { State::Failed };
        replay.error = outcome.err().unwrap_or_default();
        replay.date = now();
        replay.stats = stats;
        if let Err(error) = self.store().replays().update(&replay) {
            tracing::error!(replay = replay.id, "cannot store the replay: {error}");
        }
    }

    fn play(&self, name: &str, task: &Task, data: &Opened, clock: Clock, work: &Arc<Work>) -> Result<(), String> {
        let (host, letters) = ReplayHost::new(&self.host, name);
        let world: Arc<dyn Host> = Arc::clone(&host) as _;
        let (built, pipeline) =
            self.definitions.build(task, &world).map_err(|refused| format!("task start: {}", refused.kept()))?;
        let nodes = pipeline.nodes.iter().enumerate().filter(|(_, node)| asks(&*node.object).is_some());
        let nodes: Vec<usize> = nodes.map(|(index, _)| index).collect();
        let (stats, edges) = (built.task.stats().to_vec(), built.edges.clone());
        work.plays(ReplayedTask { id: task.id.clone(), stats, edges });
        let mut player = Player::start(built, &self.schema, host, letters, Arc::clone(work));
        let played = match task.task_type {
            TaskType::Stream => self.play_stream(&mut player, data, clock, work),
            TaskType::Batch => self.play_batches(&mut player, &nodes, task, (data, clock), work),
        };
        let finished = player.finish();
        played.map_err(|why| format!("running replay: {why}")).and(finished)
    }

    fn play_stream(&self, player: &mut Player, data: &Opened, clock: Clock, work: &Work) -> Result<(), String> {
        let mut first = None;
        match data {
            Opened::Recording(recording) => {
                fits(recording, TaskType::Stream)?;
                let file = File::open(&recording.path).map_err(|error| unopened(recording, &error))?;
                let size = file.metadata().map_or(0, |file| file.len());
                let mut reader = StreamReader::new(Counted::new(file, size, work));
                while let Some(points) = reader.read(&self.schema).map_err(|error| error.to_string())? {
                    work.go_on()?;
                    let origin = Origin { database: points.database, retention_policy: points.retention_policy };
                    let write =
                        Write { origin: Arc::new(origin), rows: points.rows, words: Arc::new(points.words), number: 0 };
                    clock.write(player, write, &mut first)?;
                }
                Ok(())
            }
            Opened::Query { query, cluster } => {
                let (query, (database, retention_policy)) = asked(query, cluster)?;
                let (words, batches) = self.host.ask(&query).map_err(query_failed)?;
                let origin = Arc::new(Origin { database, retention_policy });
                clock.write(
                    player,
                    Write { origin, rows: in_order(batches), words: Arc::new(words), number: 0 },
                    &mut first,
                )
            }
            Opened::Batch { .. } => Err("wrong task type".to_string()),
        }
    }

    fn play_batches(
        &self,
        player: &mut Player,
        nodes: &[usize],
        task: &Task,
        (data, clock): (&Opened, Clock),
        work: &Work,
    ) -> Result<(), String> {
        let sources: Vec<Pieces<'_>> = match data {
            Opened::Recording(recording) => {
                fits(recording, TaskType::Batch)?;
                self.recorded_pieces(recording, work)?
            }
            Opened::Batch { start, stop } => {
                let sources = self.queries(task, *start, *stop)?;
                sources.into_iter().map(|queries| self.asked_pieces(queries)).collect()
            }
            Opened::Query { query, cluster } => {
                let pieces = self.pieces(&asked(query, cluster)?.0).map_err(query_failed)?;
                let mut pieces = pieces.into_iter();
                vec![Box::new(move || Ok(pieces.next()))]
            }
        };
        if sources.len() != nodes.len() {
            return Err(format!("unexpected number of batch collectors. exp {} got {}", sources.len(), nodes.len()));
        }
        let mut tracks = Vec::new();
        for (source, &node) in sources.into_iter().zip(nodes) {
            let mut track = Track { source, node, next: None, first: None, last: Time::MIN };
            track.advance(clock)?;
            tracks.push(track);
        }
        // Batches of several queries in the order in which they would have come.
        while let Some(track) =
            tracks.iter_mut().filter(|track| track.next.is_some()).min_by_key(|track| track.next_time())
        {
            work.go_on()?;
            if let Some(piece) = track.next.take() {
                if clock.real
                    && let (Some(first), Some(row)) = (track.first, piece.rows.last())
                {
                    let moved = if clock.recording_time { clock.zero.saturating_sub(first) } else { 0 };
                    player.wait_until(row.time.saturating_add(moved));
                }
                player.batch(track.node, piece);
                player.failure()?;
            }
            track.advance(clock)?;
        }
        Ok(())
    }

    fn recorded_pieces<'a>(&'a self, recording: &Recording, work: &'a Work) -> Result<Vec<Pieces<'a>>, String> {
        let members = members(Path::new(&recording.path)).map_err(|error| unopened(recording, &error))?;
        let pieces = members.into_iter().map(|member| -> Pieces<'a> {
            let size = member.size;
            let mut reader = BatchReader::new(Counted::new(Box::new(member), size, work));
            Box::new(move || {
                let batch = reader.read(&self.schema).map_err(|error| error.to_string())?;
                Ok(batch.map(|batch| Piece { head: batch.head, rows: batch.rows, words: Arc::new(batch.words) }))
            })
        });
        Ok(pieces.collect())
    }

    fn asked_pieces<'a>(&'a self, mut queries: impl Iterator<Item = InfluxQuery> + 'a) -> Pieces<'a> {
        let mut found = Vec::new().into_iter();
        Box::new(move || {
            loop {
                if let Some(piece) = found.next() {
                    return Ok(Some(piece));
                }
                match queries.next() {
                    Some(query) => found = self.pieces(&query)?.into_iter(),
                    None => return Ok(None),
                }
            }
        })
    }
}

/// The batches for one query node.
struct Track<'a> {
    source: Pieces<'a>,
    node: usize,
    next: Option<Piece>,
    /// The time of its first row in the data.
    first: Option<Time>,
    /// The time of its last batch.
    last: Time,
}

impl Track<'_> {
    /// Take up the next batch, with the times that it has in the replay.
    fn advance(&mut self, clock: Clock) -> Result<(), String> {
        self.next = (self.source)()?;
        let Some(piece) = &mut self.next else { return Ok(()) };
        if let Some(row) = piece.rows.first() {
            let first = *self.first.get_or_insert(row.time);
            if !clock.recording_time {
                clock.shift(&mut piece.rows, first);
            }
        }
        if let Some(row) = piece.rows.last() {
            piece.head.tmax = piece.head.tmax.max(row.time);
        } else if piece.head.tmax == Time::MIN {
            piece.head.tmax = self.last;
        }
        self.last = piece.head.tmax;
        Ok(())
    }

    fn next_time(&self) -> Time {
        self.next.as_ref().map_or(Time::MAX, |piece| piece.head.tmax)
    }
}

impl Clock {
    fn shift(self, rows: &mut [Row], first: Time) {
        let by = self.zero.saturating_sub(first);
        for row in rows {
            row.time = row.time.saturating_add(by);
        }
    }

    /// Hand points to the task when their time has come.
    fn write(self, player: &mut Player, mut write: Write, first: &mut Option<Time>) -> Result<(), String> {
        let Some(row) = write.rows.first() else { return Ok(()) };
        let first = *first.get_or_insert(row.time);
        if !self.recording_time {
            self.shift(&mut write.rows, first);
        }
        if !self.real {
            for rows in write.rows.chunks(AT_ONCE) {
                let (origin, words) = (Arc::clone(&write.origin), Arc::clone(&write.words));
                player.write(&Arc::new(Write { origin, rows: rows.to_vec(), words, number: 0 }));
                player.failure()?;
            }
            return Ok(());
        }
        let moved = if self.recording_time { self.zero.saturating_sub(first) } else { 0 };
        for row in &write.rows {
            player.wait_until(row.time.saturating_add(moved));
            let rows = vec![Row { group: GroupId::NIL, ..*row }];
            player.write(&Arc::new(Write {
                origin: Arc::clone(&write.origin),
                rows,
                words: Arc::clone(&write.words),
                number: 0,
            }));
            player.failure()?;
        }
        Ok(())
    }
}

fn fits(recording: &Recording, wanted: TaskType) -> Result<(), String> {
    if recording.task_type == wanted {
        return Ok(());
    }
    let name = |task_type| if task_type == TaskType::Stream { "stream" } else { "batch" };
    let (got, task) = (name(recording.task_type), name(wanted));
    Err(format!("the recording {:?} is of type {got}, but the task is of type {task}", recording.id))
}

/// Why the data of a recording cannot be read. One that failed may have left none.
fn unopened(recording: &Recording, why: &dyn std::fmt::Display) -> String {
    if recording.error.is_empty() {
        return format!("data source open: {why}");
    }
    format!("there is nothing to replay: the recording {:?} failed: {}", recording.id, recording.error)
}
