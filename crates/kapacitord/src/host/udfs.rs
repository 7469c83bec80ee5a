//! User-defined functions: those of the configuration, asked what they are, and started for the nodes that call them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use anyhow::anyhow;
use declare::{Argument, Kind};
use engine::{
    Answer, EdgeKind, LogLevel, LogRecord, Origin, UdfLink, UdfNews, UdfStart, nodes::UdfFunction as Described,
};
use futures_util::future::try_join_all;
use model::{BatchHead, Frame, LiveSchema, Row, Schema};
use store::snapshots::Snapshots;
use udf::{EdgeType, Function, InfoResponse, Level, Link, Listener, News, OptionCall, Target, Terms, Value, ValueType};

use super::{Mail, write_log};
use crate::config::{Config, UdfFunction};

/// The functions of the configuration.
pub struct Udfs {
    functions: HashMap<String, Arc<Function>>,
    snapshot_interval: Duration,
    kept: Arc<Kept>,
}

/// What functions remembered last, on disk, by the names of their tasks and nodes.
struct Kept {
    snapshots: Snapshots,
    /// Held by whoever changes the snapshot of one node among those of its task.
    changes: Mutex<()>,
}

impl Kept {
    fn load(&self, task: &str, node: &str) -> Option<Vec<u8>> {
        match self.snapshots.load(task) {
            Ok(mut nodes) => nodes.remove(node),
            Err(error) => {
                tracing::error!(task, node, "the snapshot of a function cannot be read: {error}");
                None
            }
        }
    }

    fn save(&self, task: &str, node: &str, snapshot: &[u8]) {
        let _change = self.changes.lock().unwrap_or_else(PoisonError::into_inner);
        let saved = self.snapshots.load(task).and_then(|mut nodes| {
            nodes.insert(node.to_string(), snapshot.to_vec());
            self.snapshots.save(task, &nodes)
        });
        if let Err(error) = saved {
            tracing::error!(task, node, "the snapshot of a function cannot be kept: {error}");
        }
    }
}

impl Udfs {
    /// Ask all functions of the configuration what they are.
    ///
    /// # Errors
    /// One of them does not say it.
    pub(crate) async fn load(config: &Config, snapshots: Snapshots) -> anyhow::Result<(Udfs, Vec<Described>)> {
        let functions = config.udf.functions.iter().flatten().map(|(name, section)| Arc::new(function(name, section)));
        let functions: Vec<Arc<Function>> = functions.collect();
        let described = try_join_all(functions.iter().map(|function| describe(function))).await?;
        let functions = functions.into_iter().map(|function| (function.name.clone(), function)).collect();
        let kept = Arc::new(Kept { snapshots, changes: Mutex::new(()) });
        Ok((Udfs { functions, snapshot_interval: config.task.snapshot_interval, kept }, described))
    }

    /// Start a function for a node, which gets its news by mail. What it remembers is kept on disk unless its task runs
    /// `apart`, as replays do.
    pub(super) fn start(
        &self,
        (start, apart): (UdfStart, bool),
        mail: Mail,
        schema: &LiveSchema,
        runtime: &tokio::runtime::Handle,
    ) -> Result<Box<dyn UdfLink>, String> {
        let function = self.functions.get(&start.function);
        let function = function.ok_or_else(|| format!("there is no user-defined function {:?}", start.function))?;
        let task = mail.node().0;
        let kept = (!apart).then(|| Arc::clone(&self.kept));
        let on_disk = || kept.as_ref().and_then(|kept| kept.load(&task, &start.node));
        let terms = Terms {
            task: task.to_string(),
            node: start.node.clone(),
            options: start.options.iter().map(option).collect(),
            batches: start.batches,
            snapshot: start.snapshot.clone().or_else(on_disk),
            snapshot_interval: self.snapshot_interval,
        };
        let listener = Arc::new(NodeListener { mail, node: start.node, kept });
        let link = udf::start(runtime, Arc::clone(function), terms, schema.clone(), listener);
        Ok(Box::new(NodeLink(link)))
    }
}

fn function(name: &str, section: &UdfFunction) -> Function {
    let target = if section.socket.is_empty() {
        Target::Process {
            program: section.prog.clone(),
            arguments: section.args.clone().unwrap_or_default(),
            environment: section.env.clone().unwrap_or_default().into_iter().collect(),
        }
    } else {
        Target::Socket(section.socket.clone().into())
    };
    Function {
        name: name.to_string(),
        target,
        timeout: section.timeout,
        restart_after_errors: section.restart_after_errors,
    }
}

async fn describe(function: &Function) -> anyhow::Result<Described> {
    let name = &function.name;
    let listener: Arc<dyn Listener> = Arc::new(LoadListener { name: name.clone() });
    let info = udf::ask(function, &listener).await;
    let info = info.and_then(|info| described(name, &info)).map_err(|why| {
        anyhow!("failed to load process info for {name:?}: {why}; see [udf.functions.{name}] of the configuration")
    })?;
    tracing::info!(udf = name, "loaded UDF info");
    Ok(info)
}

/// What a function says, in the engine's words.
fn described(name: &str, info: &InfoResponse) -> Result<Described, String> {
    let edge = |edge: i32| match EdgeType::try_from(edge) {
        Ok(EdgeType::Stream) => Ok(EdgeKind::Stream),
        Ok(EdgeType::Batch) => Ok(EdgeKind::Batch),
        Err(_) => Err(format!("it speaks of an edge of type {edge}, which the protocol does not have")),
    };
    let kind = |option: &str, kind: &i32| match ValueType::try_from(*kind) {
        Ok(ValueType::Bool) => Ok(Kind::Bool),
        Ok(ValueType::Int) => Ok(Kind::Int),
        Ok(ValueType::Double) => Ok(Kind::Float),
        Ok(ValueType::String) => Ok(Kind::String),
        Ok(ValueType::Duration) => Ok(Kind::Duration),
        Err(_) => Err(format!("its option {option} has a value of type {kind}, which the protocol does not have")),
    };
    let options = info.options.iter().map(|(option, info)| {
        let kinds: Result<Vec<Kind>, String> = info.value_types.iter().map(|value| kind(option, value)).collect();
        Ok((option.clone(), kinds?))
    });
    Ok(Described {
        name: name.to_string(),
        wants: edge(info.wants)?,
        gives: edge(info.provides)?,
        options: options.collect::<Result<_, String>>()?,
    })
}

fn option((name, arguments): &(String, Vec<Argument>)) -> OptionCall {
    let value = |argument: &Argument| match argument {
        Argument::Bool(value) => Some(Value::Bool(*value)),
        Argument::Int(value) => Some(Value::Int(*value)),
        Argument::Float(value) => Some(Value::Double(*value)),
        Argument::String(value) => Some(Value::String(value.clone())),
        Argument::Duration(nanos) => Some(Value::Duration(*nanos)),
        // No option takes one, so a script that has it is refused.
        _ => None,
    };
    OptionCall { name: name.clone(), values: arguments.iter().filter_map(value).map(Into::into).collect() }
}

/// A function that is asked what it is.
struct LoadListener {
    name: String,
}

impl Listener for LoadListener {
    fn news(&self, _news: News) {}

    fn log(&self, level: Level, line: &str) {
        let udf = &self.name;
        match level {
            Level::Info => tracing::info!(udf, "{line}"),
            Level::Warn => tracing::warn!(udf, "{line}"),
            Level::Error => tracing::error!(udf, "{line}"),
        }
    }
}

/// A function that works for a node.
struct NodeListener {
    mail: Mail,
    node: String,
    kept: Option<Arc<Kept>>,
}

impl Listener for NodeListener {
    fn news(&self, news: News) {
        let news = match news {
            News::Data(output, held) => {
                let origin = Origin { database: output.database, retention_policy: output.retention_policy };
                UdfNews::Data { origin: Arc::new(origin), words: Arc::new(output.words), edge: output.edge, held }
            }
            News::Room => UdfNews::Room,
            News::Up => UdfNews::Up,
            News::Down { why, .. } => UdfNews::Down(why),
            News::Snapshot(snapshot) => {
                if let Some(kept) = &self.kept {
                    // In the order in which they come, and before the task is told that its function has ended.
                    tokio::task::block_in_place(|| kept.save(&self.mail.node().0, &self.node, &snapshot));
                }
                UdfNews::Snapshot(snapshot)
            }
            News::Failed(why) => UdfNews::Failed(why),
            News::Closed => UdfNews::Closed,
        };
        self.mail.clone().send(Answer::Udf(news));
    }

    fn log(&self, level: Level, line: &str) {
        let level = match level {
            // What a function prints to its standard error stream.
            Level::Info => {
                let (task, _) = self.mail.node();
                let fields = [("text", line.into())];
                let record = LogRecord {
                    level: LogLevel::Info,
                    task: &task,
                    node: &self.node,
                    message: "UDF log",
                    fields: &fields,
                };
                return write_log(&record);
            }
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        write_log(&LogRecord { level, task: &self.mail.node().0, node: &self.node, message: line, fields: &[] });
    }
}

/// The way to a function, for its node.
struct NodeLink(Link);

impl UdfLink for NodeLink {
    fn point(&mut self, rows: (&Schema, &Frame), row: &Row, origin: &Origin) -> u64 {
        self.0.point(rows, row, (&origin.database, &origin.retention_policy))
    }

    fn batch(&mut self, rows: (&Schema, &Frame), head: &BatchHead, points: &[Row]) -> u64 {
        self.0.batch(rows, head, points)
    }

    fn flush(&mut self) -> u64 {
        self.0.flush()
    }

    fn is_full(&self) -> bool {
        self.0.is_full()
    }

    fn close(&mut self) {
        self.0.close();
    }
}
