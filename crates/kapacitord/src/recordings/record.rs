//! Making recordings: of a stream as it comes, of the queries of a batch task, of a query.

use std::{
    fs::File,
    io::BufWriter,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use engine::{
    Host, InfluxQuery, QueryLanguage, Router, Selection, Tasks, Write,
    nodes::{Queries, Span, asks},
};
use influxql::Select;
use model::{Frame, GroupId, Row, Schema, Time};
use replay::{ArchiveWriter, StreamWriter, write_batch};
use store::{
    recordings::{Recording, State},
    tasks::{Task, TaskType},
};

use super::{Piece, Recordings, Work, checked_id};
use crate::definitions::{Refused, now};

/// Writes that may wait to be recorded.
const WAITING: usize = 10_000;

/// What is to be recorded.
pub(crate) enum Wanted {
    /// What a task reads, until a point later than `stop` comes.
    Stream { task: String, stop: Time },
    /// What the queries of a task give.
    Batch { task: String, start: Option<Time>, stop: Option<Time> },
    /// What a query gives.
    Query { query: String, task_type: TaskType, cluster: String },
}

type Job = Box<dyn FnOnce(&Recordings, &Path, &Work) -> Result<(), String> + Send>;

/// Writes as they come, until it is dropped.
struct Listening {
    router: Router<()>,
    /// Held, so that nothing is forgotten of what waits.
    schema: Arc<Schema>,
    writes: Receiver<Arc<Write>>,
    /// More came than may wait.
    overrun: Arc<AtomicBool>,
    running: Arc<Tasks>,
    number: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.running.untap(self.number);
    }
}

impl Recordings {
    /// Begin a recording.
    pub(crate) fn record(self: &Arc<Self>, id: &str, wanted: Wanted) -> Result<Recording, Refused> {
        let id = checked_id(id, "recording")?;
        let of_query = matches!(wanted, Wanted::Query { .. });
        let (task_type, job): (TaskType, Job) = match wanted {
            Wanted::Stream { task, stop } => {
                let task = self.task(&task)?;
                // Before the answer: what is written after it is recorded.
                let listening = self.listen(&task);
                (TaskType::Stream, Box::new(move |this, path, work| this.record_stream(listening?, stop, path, work)))
            }
            Wanted::Batch { task, start, stop } => {
                let start = start.ok_or_else(|| Refused::bad("must provide start time"))?;
                let task = self.task(&task)?;
                let stop = stop.unwrap_or_else(now);
                (TaskType::Batch, Box::new(move |this, path, work| this.record_batch(&task, (start, stop), path, work)))
            }
            Wanted::Query { query, task_type, cluster } => {
                if query.is_empty() {
                    return Err(Refused::bad("must provide query"));
                }
                (task_type, Box::new(move |this, path, _| this.record_query(&query, task_type, &cluster, path)))
            }
        };
        let path = self.path(&id, task_type);
        let recording = Recording {
            id,
            task_type,
            path: path.to_string_lossy().into_owned(),
            size: 0,
            date: now(),
            error: String::new(),
            state: State::Running,
        };
        self.store().recordings().create(&recording)?;
        let work = self.recording.begin(&recording.id);
        let (ended, done) = (recording.clone(), Arc::clone(&work));
        self.spawn(
            move |this| job(this, &path, &work),
            move |this, outcome| {
                this.recording.end(&ended.id, &done);
                this.recorded(ended, outcome, of_query);
            },
        )?;
        Ok(recording)
    }

    fn recorded(&self, mut recording: Recording, outcome: Result<(), String>, of_query: bool) {
        recording.state = if outcome.is_ok() { State::Finished } else { State::Failed };
        recording.error = outcome.err().unwrap_or_default();
        recording.date = now();
        // As Kapacitor tells it: nothing of a query that failed, and -1 if there was nothing to write.
        recording.size = match std::fs::metadata(&recording.path) {
            _ if of_query && recording.state == State::Failed => 0,
            Ok(file) => i64::try_from(file.len()).unwrap_or(i64::MAX),
            Err(_) => -1,
        };
        match self.store().recordings().update(&recording) {
            Ok(true) => {}
            // Deleted meanwhile.
            Ok(false) => drop(std::fs::remove_file(&recording.path)),
            Err(error) => tracing::error!(recording = recording.id, "cannot store the recording: {error}"),
        }
    }

    /// Hear all writes to what a task reads.
    fn listen(&self, task: &Task) -> Result<Listening, String> {
        let world: Arc<dyn Host> = Arc::clone(&self.host) as _;
        let (built, _) = self.definitions.build(task, &world).map_err(|refused| refused.text)?;
        let info = Arc::clone(built.task.info());
        let (mut router, schema) = (Router::default(), self.schema.now());
        router.add(&schema, (), &info.dbrps, &built.interest);
        let (send, writes) = crossbeam_channel::bounded::<Arc<Write>>(WAITING);
        let overrun = Arc::new(AtomicBool::new(false));
        let number = self.running.tap(Box::new({
            let overrun = Arc::clone(&overrun);
            move |write| {
                let origin = &write.origin;
                let wanted = info.dbrps.iter().any(|(db, rp)| *db == origin.database && *rp == origin.retention_policy);
                if wanted && send.try_send(Arc::clone(write)).is_err() {
                    overrun.store(true, Ordering::Relaxed);
                }
            }
        }));
        Ok(Listening { router, schema, writes, overrun, running: Arc::clone(&self.running), number })
    }

    fn record_stream(&self, heard: Listening, stop: Time, path: &Path, work: &Work) -> Result<(), String> {
        let mut writer = StreamWriter::new(create(path)?);
        let began = now();
        let outcome = loop {
            work.reached_between(began, stop, now());
            if let Err(why) = work.go_on() {
                break Err(why);
            }
            if heard.overrun.load(Ordering::Relaxed) {
                break Err("data came faster than it could be recorded".to_string());
            }
            match heard.writes.recv_timeout(Duration::from_secs(1)) {
                Ok(write) => match Self::take_write((&heard.router, &heard.schema), &write, stop, &mut writer) {
                    Ok(false) => {}
                    Ok(true) => break Ok(()),
                    Err(why) => break Err(why),
                },
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
            }
        };
        drop(heard);
        finish_stream(writer).and(outcome)
    }

    /// Record what a task wants of a write; true if a point is later than the stop.
    fn take_write(
        (router, schema): (&Router<()>, &Schema),
        write: &Write,
        stop: Time,
        writer: &mut StreamWriter<BufWriter<File>>,
    ) -> Result<bool, String> {
        let frame = Frame::new(Arc::clone(&write.words));
        let origin = (write.origin.database.as_str(), write.origin.retention_policy.as_str());
        for ((), selection) in router.select(schema, write) {
            let rows: Vec<&Row> = match &selection {
                Selection::All => write.rows.iter().collect(),
                Selection::Some(indexes) => indexes.iter().map(|&index| &write.rows[index as usize]).collect(),
            };
            for row in rows {
                if row.time > stop {
                    return Ok(true);
                }
                writer.point(schema, &frame, row, origin).map_err(|error| error.to_string())?;
            }
        }
        Ok(false)
    }

    fn record_batch(&self, task: &Task, (start, stop): (Time, Time), path: &Path, work: &Work) -> Result<(), String> {
        let sources = self.queries(task, start, stop)?;
        let count = sources.len() as f64;
        let mut archive = ArchiveWriter::new(create(path)?);
        let mut outcome = Ok(());
        for (index, source) in sources.into_iter().enumerate() {
            let written = archive.member(|out| {
                for query in source {
                    work.go_on()?;
                    let part = query.stop.saturating_sub(start) as f64 / stop.saturating_sub(start).max(1) as f64;
                    work.reached((index as f64 + part) / count);
                    self.write_answer(&query, out)?;
                }
                Ok(())
            });
            outcome = outcome.and(written.map_err(|error| error.to_string())?);
        }
        archive.finish().map_err(|error| error.to_string())?;
        outcome
    }

    fn record_query(&self, query: &str, task_type: TaskType, cluster: &str, path: &Path) -> Result<(), String> {
        let (query, origin) = asked(query, cluster)?;
        self.host.check_cluster(cluster).map_err(|why| format!("failed to get InfluxDB client: {why}"))?;
        match task_type {
            TaskType::Batch => {
                let mut archive = ArchiveWriter::new(create(path)?);
                let written = archive.member(|out| self.write_answer(&query, out).map_err(query_failed));
                let written = written.map_err(|error| error.to_string())?;
                archive.finish().map_err(|error| error.to_string())?;
                written
            }
            TaskType::Stream => {
                let mut writer = StreamWriter::new(create(path)?);
                let schema = self.schema.now();
                let outcome = self.host.ask(&query).map_err(query_failed).and_then(|(words, batches)| {
                    let frame = Frame::new(Arc::new(words));
                    for row in in_order(batches) {
                        let written = writer.point(&schema, &frame, &row, (&origin.0, &origin.1));
                        written.map_err(|error| error.to_string())?;
                    }
                    Ok(())
                });
                finish_stream(writer).and(outcome)
            }
        }
    }

    fn write_answer(&self, query: &InfluxQuery, out: &mut dyn std::io::Write) -> Result<(), String> {
        let (mut text, schema) = (String::new(), self.schema.now());
        for piece in self.pieces(query)? {
            text.clear();
            let frame = Frame::new(piece.words);
            write_batch(&schema, &frame, &piece.head, &piece.rows, &mut text);
            out.write_all(text.as_bytes()).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// What a query gives.
    pub(super) fn pieces(&self, query: &InfluxQuery) -> Result<Vec<Piece>, String> {
        let (words, batches) = self.host.ask(query)?;
        let words = Arc::new(words);
        Ok(batches.into_iter().map(|(head, rows)| Piece { head, rows, words: Arc::clone(&words) }).collect())
    }

    /// The queries that a task would ask between two times, for each of its query nodes.
    pub(super) fn queries(&self, task: &Task, start: Time, stop: Time) -> Result<Vec<Queries>, String> {
        if task.task_type != TaskType::Batch {
            return Err("wrong task type".to_string());
        }
        let world: Arc<dyn Host> = Arc::clone(&self.host) as _;
        let (built, pipeline) = self.definitions.build(task, &world).map_err(|refused| refused.text)?;
        let dbrps = &built.task.info().dbrps;
        let span = Span { start, stop, now: now(), zone: *self.host.zone(), dbrps };
        let asking = pipeline.nodes.iter().filter_map(|node| asks(&*node.object));
        asking.map(|node| node.queries(&span).map_err(|error| error.to_string())).collect()
    }
}

/// A query of a user, and the database and retention policy that it reads. There may be several statements: the first tells
/// what is read, InfluxDB is asked all of them.
pub(super) fn asked(query: &str, cluster: &str) -> Result<(InfluxQuery, (String, String)), String> {
    let select = match Select::parse_first(query) {
        Err(error) if error.position().is_some() => return Err(error.to_string()),
        select => select.ok(),
    };
    let origin = match select.as_ref().map(Select::measurements).unwrap_or_default()[..] {
        [measurement] => (measurement.database.clone(), measurement.policy.clone()),
        _ => Default::default(),
    };
    if origin.0.is_empty() || origin.1.is_empty() {
        let why = "could not determine database and retention policy. Is the query fully qualified?";
        return Err(why.to_string());
    }
    // The time of a batch is that of its last row.
    let query = InfluxQuery {
        cluster: cluster.to_string(),
        text: query.to_string(),
        by_name: false,
        stop: Time::MIN,
        grouped_by_time: true,
        language: QueryLanguage::InfluxQl,
    };
    Ok((query, origin))
}

pub(super) fn query_failed(why: String) -> String {
    format!("InfluxDB query failed: {why}")
}

/// All rows as points of a stream: the series by time, but each in the order of the answer, which may be newest first.
pub(super) fn in_order(batches: Vec<(model::BatchHead, Vec<Row>)>) -> Vec<Row> {
    let mut rows: Vec<(Time, Row)> = Vec::new();
    for (_, series) in batches {
        let mut latest = Time::MIN;
        for mut row in series {
            row.group = GroupId::NIL;
            latest = latest.max(row.time);
            rows.push((latest, row));
        }
    }
    rows.sort_by_key(|(latest, _)| *latest);
    rows.into_iter().map(|(_, row)| row).collect()
}

fn create(path: &Path) -> Result<BufWriter<File>, String> {
    let file = File::create(path).map_err(|error| format!("failed to create recording file: {error}"))?;
    Ok(BufWriter::new(file))
}

fn finish_stream(writer: StreamWriter<BufWriter<File>>) -> Result<(), String> {
    let file = writer.finish().map_err(|error| error.to_string())?;
    file.into_inner().map(drop).map_err(|error| error.to_string())
}
