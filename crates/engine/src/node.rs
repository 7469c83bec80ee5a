//! What a node is: a definition that a script fills in, and the thing that runs.

use std::{any::Any, sync::Arc};

use declare::Declaration;
use model::{BatchHead, Damaged, Edge, GroupId, Marks, Name, Row, Schema, Time, Walk, Words};

use crate::{Cx, Host, NodeSaved, NodeSaver, Origin, Shares, Sieve, StatName};

/// What travels along an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum EdgeKind {
    Stream,
    Batch,
    /// Nothing: the node is an end.
    #[default]
    None,
}

impl EdgeKind {
    pub fn name(self) -> &'static str {
        match self {
            EdgeKind::Stream => "stream",
            EdgeKind::Batch => "batch",
            EdgeKind::None => "noedge",
        }
    }
}

/// Where in a pipeline a node stands, for its check.
pub struct Place<'a> {
    /// The kind of edge that its first parent gives.
    pub input: EdgeKind,
    pub parents: usize,
    /// What the names of the first parent's definition are, for messages: `from`, `window`.
    pub parent: &'a str,
}

/// What keeps a definition from working, found before its task is enabled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flaw {
    /// The property that it is about.
    pub property: &'static str,
    pub message: String,
    /// Its task cannot be enabled; else it runs, and each row fails.
    pub refuses: bool,
}

/// Why a pipeline cannot be built or started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BuildError(pub String);

impl BuildError {
    pub fn new(text: impl Into<String>) -> BuildError {
        BuildError(text.into())
    }
}

/// Who a task is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskInfo {
    pub id: Arc<str>,
    /// Whether it reads a stream (else it queries).
    pub stream: bool,
    /// The databases and retention policies it may read.
    pub dbrps: Vec<(String, String)>,
}

/// How far a node looks beyond the group of a row: that decides whether its task can be divided into shards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reach {
    /// What it does with a group depends on others, or it shows several together.
    All,
    /// Each group is by itself.
    Group,
    /// Each group is by itself, but its rows get other values of these tags.
    Changes(Vec<String>),
    /// It groups rows anew.
    Groups(GroupTags),
}

/// Tags that rows are grouped by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GroupTags {
    /// In the order of the alphabet.
    Named(Vec<String>),
    AllBut(Vec<String>),
}

impl std::fmt::Display for GroupTags {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            GroupTags::Named(names) => f.write_str(&names.join(", ")),
            GroupTags::AllBut(but) if but.is_empty() => f.write_str("all tags"),
            GroupTags::AllBut(but) => write!(f, "all tags but {}", but.join(", ")),
        }
    }
}

/// What a definition has at hand when it becomes a node.
pub struct Plan<'a> {
    pub schema: &'a Arc<Schema>,
    pub host: &'a Arc<dyn Host>,
    pub task: &'a Arc<TaskInfo>,
    /// The node's name in the task: `alert4`.
    pub name: &'a str,
    /// The edge its first parent gives, and how many parents there are.
    pub input: EdgeKind,
    pub parents: usize,
    /// The handlers opened on it (alert only), with their options filled in.
    pub handlers: &'a [crate::define::OpenedHandler],
    /// All kinds of handlers: the config may give some to every alert.
    pub kinds: &'a alert::Kinds,
    /// After how many nanoseconds groups that are not seen end, where a script says nothing; 0 for never.
    pub group_expiry: i64,
    /// Whether groups that were seen longest ago may have to make room: see [`Node::shed`].
    pub tracks_groups: bool,
    /// Whether what comes without tags has no map of tags at all: JSON in templates shows that as `null`, not `{}`. So it is
    /// with batches of a query, as InfluxDB says nothing of tags then, and with what users' functions give, until a node
    /// makes tags anew.
    pub nil_tags: bool,
    /// Names of the parents, in order.
    pub parent_names: &'a [String],
    /// What its node shares with those of other shards.
    pub shares: &'a Shares,
}

/// What a script says of a node. Its fields are filled in by the script through the table of `declare`.
pub trait Definition: Default + Clone + Send + Sync + 'static {
    /// As a script calls it.
    const NAME: &'static str;
    /// How its instances are named: this and a number.
    const ID: &'static str = Self::NAME;
    /// The edge it needs; `None` takes both kinds.
    const WANTS: Option<EdgeKind> = None;

    /// The version of what its node saves. Raise it with any change to that.
    const STATE: u8 = 1;

    /// Its face to users.
    fn declare(it: Declaration<Self>) -> Declaration<Self>;

    /// What it gives on an input of this kind.
    fn gives(&self, input: EdgeKind) -> EdgeKind {
        input
    }

    /// What it says of how points are grouped, if it says anything: what nodes below it remember is of use only while
    /// that stays the same.
    fn grouping(&self) -> Option<String> {
        None
    }

    /// How far its node looks beyond the group of a row. What does not say so is not divided.
    fn reach(&self, input: EdgeKind) -> Reach {
        let _ = input;
        Reach::All
    }

    /// Whether it makes sense as it was written. The message is for the script's author.
    fn check(&self, place: &Place<'_>) -> Result<(), String> {
        let _ = place;
        Ok(())
    }

    /// All that `build` would refuse, or that fails with each row, where one error is not all there may be.
    fn flaws(&self) -> Vec<Flaw> {
        Vec::new()
    }

    /// The node that runs.
    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError>;
}

/// What runs. Every method is called by the task's one loop.
pub trait Node: Send {
    /// All that a parent gave in this sweep. `input` counts the parents from 0.
    fn receive(&mut self, input: usize, edge: &Edge, cx: &mut Cx<'_>);

    /// The time asked for with `cx.wake_at` has come.
    fn wake(&mut self, now: Time, cx: &mut Cx<'_>) {
        let _ = (now, cx);
    }

    /// The task starts.
    fn start(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// Outside work that was asked for with this node's ticket is done.
    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        let _ = (reply, cx);
    }

    /// No more input will come; hand on what is still held.
    fn finish(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// The task stops for a while: what it holds is saved, and it will go on. What need not wait is handed out.
    fn suspend(&mut self, cx: &mut Cx<'_>) {
        let _ = cx;
    }

    /// How many rows it wants to get at once at most: few, if it gives much for each.
    fn longest_chunk(&self) -> usize {
        usize::MAX
    }

    /// Statistics it keeps besides those of every node.
    fn stats(&self) -> &'static [StatName] {
        &[]
    }

    /// Statistics that are shown once they are not zero, since Kapacitor has not got them.
    fn rare_stats(&self) -> &'static [StatName] {
        &[]
    }

    /// Statistics that are shown only while there is something to say.
    fn passing_stats(&self) -> &[(String, i64)] {
        &[]
    }

    /// What it does with a row is felt by other nodes of its task at once, so rows go through one at a time.
    fn one_by_one(&self) -> bool {
        false
    }

    /// The points it gives are its own, not those of a write: they have no database and retention policy.
    fn makes_points(&self) -> bool {
        false
    }

    /// The one measurement of which it takes points.
    fn measurement(&self) -> Option<Name> {
        None
    }

    /// What it does with a point, if little of the point decides that; see [`Sieve`].
    fn sieve(&self) -> Option<Sieve> {
        None
    }

    /// Whether a point that none of its [sieve's](Node::sieve) conditions is true of would change nothing in a group;
    /// `None` if it does not know the group.
    fn is_quiet(&self, group: GroupId) -> Option<bool> {
        let _ = group;
        None
    }

    /// Whether such a point of a group that it does not know would do nothing but what [`Node::meet`] does.
    fn begins_quiet(&self) -> bool {
        false
    }

    /// Come to know a group without a point of it. Whether it is new.
    fn meet(&mut self, group: GroupId) -> bool {
        let _ = group;
        false
    }

    /// It watches what its parent gives from the side: it is not among those whom the statistics tell to have got it.
    fn watches(&self) -> bool {
        false
    }

    /// How many groups it holds state for; `None` if that is not a question for it.
    fn cardinality(&self) -> Option<usize> {
        None
    }

    /// The name under which HTTP clients see it (httpOut).
    fn endpoint(&self) -> Option<&str> {
        None
    }

    /// What HTTP clients see of it is forgotten: the task was restored in another process, where that begins anew.
    fn show_anew(&mut self) {}

    /// What an HTTP client sees of it now (httpOut), as JSON.
    fn show(&mut self, schema: &Schema) -> Option<String> {
        let _ = schema;
        None
    }

    /// It can take no more for now. Its task's data wait until a letter for it has changed that.
    fn is_full(&self) -> bool {
        false
    }

    /// It was told that no more input will come, and has still something to hand on that comes with a letter.
    fn is_ending(&self) -> bool {
        false
    }

    /// Write down what it remembers: see [`NodeSaver`]. Called between two letters, so nothing is half done.
    fn save(&mut self, out: &mut NodeSaver<'_>) {
        let _ = out;
    }

    /// Take up what [`Node::save`] wrote, before the task starts. If it is damaged, the node stays as it was.
    ///
    /// # Errors
    /// What was saved is damaged.
    fn restore(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let _ = (saved, cx);
        Ok(())
    }

    /// Bytes that its state takes.
    fn memory(&self) -> usize {
        0
    }

    /// Make room: the task holds more than it may.
    fn shed(&mut self, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        let _ = (how, cx);
        Dropped::default()
    }
}

/// How a task that holds too much is to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shed {
    /// Each node that makes groups keeps so many at most: those that were seen longest ago end.
    Groups(usize),
    /// Each window lets go of so many hundredths of its points, the oldest first.
    Points(u8),
}

/// What was let go of to make room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    pub groups: u64,
    pub points: u64,
}

/// An answer to outside work.
pub struct Reply {
    /// The number that the node gave its request.
    pub ticket: u64,
    pub answer: Answer,
}

/// What came of it.
pub enum Answer {
    /// Done, with a count where one makes sense (points written).
    Done(u64),
    /// It failed for good.
    Failed(String),
    /// An HTTP answer: status and body.
    Http { status: u16, body: String },
    /// The batches of a query, and the words their rows point into.
    Batches { words: Arc<Words>, batches: Vec<(BatchHead, Vec<Row>)> },
    /// News of a user-defined function.
    Udf(UdfNews),
    /// Anything that only the node and its host know.
    Other(Box<dyn Any + Send>),
}

impl Answer {
    /// Mark the series and groups of rows.
    pub(crate) fn mark(&self, marks: &mut Marks) {
        let mut mark = |head: Option<&BatchHead>, rows: &[Row]| {
            head.into_iter().for_each(|head| marks.group(head.group));
            for row in rows {
                marks.series(row.series);
                marks.group(row.group);
            }
        };
        match self {
            Answer::Batches { batches, .. } => batches.iter().for_each(|(head, rows)| mark(Some(head), rows)),
            Answer::Udf(UdfNews::Data { edge, .. }) => {
                for item in edge.walk() {
                    match item {
                        Walk::Points(rows) => mark(None, rows),
                        Walk::Batch(head, rows) => mark(Some(&head), rows),
                        Walk::Barrier(..) | Walk::DeleteGroup(_) => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// What there is to know of a user-defined function that was started.
pub enum UdfNews {
    /// What it gave: an edge's rows with their words, and where they say they come from. As long as `held` is not
    /// dropped, little more is read from the function.
    Data { origin: Arc<Origin>, words: Arc<Words>, edge: Edge, held: Box<dyn Any + Send> },
    /// It was full and can take data again.
    Room,
    /// It works.
    Up,
    /// It died, and will be started again.
    Down(String),
    /// What it remembers.
    Snapshot(Vec<u8>),
    /// It will not be started again. Nothing follows.
    Failed(String),
    /// It has ended, as it was asked to. Nothing follows.
    Closed,
}
