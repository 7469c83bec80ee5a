//! `@name()`: functions of users' own, which run outside of the daemon.

use std::{any::Any, sync::Arc};

use declare::{Access, Argument, ArgumentsError, Declaration, Kind, Mismatch, Parameter, Role, Table, TextError};
use model::{Damaged, Edge, Walk};
use serde_json::Value as Json;

use crate::{
    Answer, BuildError, Cx, Definition, EdgeKind, LogLevel, Node, NodeSaved, NodeSaver, Plan, Reply, StatName, UdfLink,
    UdfNews, UdfStart, define::NodeSpec,
};

/// What a function says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UdfFunction {
    pub name: String,
    pub wants: EdgeKind,
    pub gives: EdgeKind,
    /// Its options, with the kinds of their values.
    pub options: Vec<(String, Vec<Kind>)>,
}

/// A function in a script.
#[derive(Debug, Clone, Default)]
pub(crate) struct Udf {
    function: Arc<UdfFunction>,
    calls: Vec<(String, Vec<Argument>)>,
}

/// The node that scripts call as `@name()`.
pub(crate) fn spec(function: UdfFunction) -> NodeSpec {
    let mut it = crate::define::spec::<Udf>();
    // Functions come from the configuration, once, when the daemon starts: their names stay for as long as it runs.
    let name: &'static str = function.name.clone().leak();
    it.name = name;
    it.id = name;
    it.function = true;
    it.nil_tags = true;
    it.wants = Some(function.wants);
    let function = Arc::new(function);
    let options = function.options.clone();
    let about = format!(
        "A user-defined function that reads a {} and gives a {}.",
        function.wants.name(),
        function.gives.name()
    );
    let table = Table::of_run_time::<Udf>(|mut it| {
        it = it.about(about);
        for (name, kinds) in options {
            let parameters = parameters(&kinds);
            let option = OptionCall { name: name.clone() };
            it = it.item(Role::Method, name, "An option of the function.", Kind::Any, parameters, Arc::new(option));
        }
        it
    });
    it.table = table.starting_from(Udf { function, calls: Vec::new() });
    it
}

fn parameters(kinds: &[Kind]) -> Vec<Parameter> {
    let name = |index: usize| if kinds.len() == 1 { "value".to_string() } else { format!("value{}", index + 1) };
    kinds.iter().enumerate().map(|(index, kind)| Parameter::required(name(index), kind.clone())).collect()
}

/// An option that each call adds once more.
struct OptionCall {
    name: String,
}

impl OptionCall {
    fn calls_of(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        let udf: &mut Udf = object.downcast_mut().expect("the table of a function is used on its definition");
        udf.calls.iter().filter(|call| call.0 == self.name).map(|call| call.1.clone()).collect()
    }

    fn only_in_scripts(&self) -> Mismatch {
        Mismatch::new("a call in a script", "a value")
    }
}

impl Access for OptionCall {
    fn set(&self, object: &mut dyn Any, arguments: &[Argument]) -> Result<(), ArgumentsError> {
        let udf: &mut Udf = object.downcast_mut().expect("the table of a function is used on its definition");
        udf.calls.push((self.name.clone(), arguments.to_vec()));
        Ok(())
    }

    fn set_json(&self, _object: &mut dyn Any, _json: &Json) -> Result<(), Mismatch> {
        Err(self.only_in_scripts())
    }

    fn set_text(&self, _object: &mut dyn Any, _path: &str, _text: &str) -> Result<(), TextError> {
        Err(self.only_in_scripts().into())
    }

    fn zero(&self, object: &mut dyn Any) {
        let udf: &mut Udf = object.downcast_mut().expect("the table of a function is used on its definition");
        udf.calls.retain(|call| call.0 != self.name);
    }

    fn json(&self, object: &mut dyn Any) -> Json {
        Json::Array(self.calls_of(object).into_iter().map(|call| Argument::List(call).json()).collect())
    }

    fn calls(&self, object: &mut dyn Any) -> Vec<Vec<Argument>> {
        self.calls_of(object)
    }
}

impl Definition for Udf {
    const NAME: &'static str = "udf";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("A user-defined function.")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        self.function.gives
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let Udf { function, calls } = self;
        if function.wants != plan.input {
            return Err(BuildError::new(format!(
                "cannot add child mismatched edges: {}:{} -> {}:{}",
                plan.parent_names.first().map_or("", String::as_str),
                plan.input.name(),
                plan.name,
                function.wants.name()
            )));
        }
        let start = UdfStart {
            function: function.name.clone(),
            node: plan.name.to_string(),
            options: calls,
            batches: function.gives == EdgeKind::Batch,
            snapshot: None,
        };
        Ok(Box::new(UdfNode { start, link: None, ending: false }))
    }
}

const RESTARTS: StatName = "restarts";
const DROPPED: StatName = "dropped";

struct UdfNode {
    /// How it is started; it holds the last snapshot.
    start: UdfStart,
    /// Nothing before the start, and after the function has ended.
    link: Option<Box<dyn UdfLink>>,
    /// No more input will come.
    ending: bool,
}

impl UdfNode {
    fn heed(&mut self, news: UdfNews, cx: &mut Cx<'_>) {
        match news {
            UdfNews::Data { edge, .. } => hand_on(&edge, cx),
            UdfNews::Room => {}
            UdfNews::Up => cx.trouble(None),
            UdfNews::Down(why) => {
                cx.stat(RESTARTS, 1);
                cx.trouble(Some(why));
            }
            UdfNews::Snapshot(snapshot) => self.start.snapshot = Some(snapshot),
            UdfNews::Failed(why) => {
                self.link = None;
                cx.trouble(Some(why.clone()));
                cx.fail(why);
            }
            UdfNews::Closed => self.link = None,
        }
    }
}

fn hand_on(edge: &Edge, cx: &mut Cx<'_>) {
    for item in edge.walk() {
        match item {
            Walk::Points(rows) => cx.out.points(rows),
            Walk::Batch(head, rows) => cx.emit_batch(head, rows),
            Walk::Barrier(group, time) => cx.emit_barrier(group, time),
            Walk::DeleteGroup(group) => cx.emit_delete_group(group),
        }
    }
}

impl Node for UdfNode {
    fn start(&mut self, cx: &mut Cx<'_>) {
        match cx.host.start_udf(self.start.clone(), cx.ticket(0)) {
            Ok(link) => self.link = Some(link),
            Err(why) => cx.fail(why),
        }
    }

    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        let Some(link) = &mut self.link else { return };
        let (rows, mut dropped) = ((cx.schema, &*cx.frame), 0);
        for item in edge.walk() {
            match item {
                Walk::Points(points) => {
                    dropped += points.iter().map(|row| link.point(rows, row, cx.origin)).sum::<u64>();
                }
                Walk::Batch(head, points) => dropped += link.batch(rows, &head, points),
                // The protocol has no word for them, and what the function gives is of groups of its own.
                Walk::Barrier(..) | Walk::DeleteGroup(_) => {}
            }
        }
        dropped += link.flush();
        if dropped > 0 {
            cx.stat(DROPPED, i64::try_from(dropped).unwrap_or(i64::MAX));
        }
    }

    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        if let Answer::Udf(news) = reply.answer {
            self.heed(news, cx);
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_>) {
        self.ending = true;
        match &mut self.link {
            Some(link) => link.close(),
            None => cx.log(LogLevel::Debug, "the function has ended before its task"),
        }
    }

    fn rare_stats(&self) -> &'static [StatName] {
        &[DROPPED, RESTARTS]
    }

    // The function ends with its task, so it says what it still has to say.
    fn suspend(&mut self, cx: &mut Cx<'_>) {
        self.finish(cx);
    }

    fn is_full(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_full())
    }

    fn is_ending(&self) -> bool {
        self.ending && self.link.is_some()
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        if let Some(snapshot) = &self.start.snapshot {
            out.own(|out| out.bytes(snapshot));
        }
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        self.start.snapshot = saved.own(|from| from.bytes().map(<[u8]>::to_vec))?;
        Ok(())
    }

    fn memory(&self) -> usize {
        self.start.snapshot.as_ref().map_or(0, Vec::capacity)
    }
}

#[cfg(test)]
mod tests;
