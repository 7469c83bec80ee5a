//! Running a template: text, control structures and nested templates.
use std::sync::Arc;

use crate::ast::{Branch, Command, Expr, List, Node, Pipe, TemplateCall};
use crate::error::{Error, ExecuteError};
use crate::formatter::write_plain;
use crate::limits;
use crate::parse::Trees;
use crate::val::Val;
use crate::value::Value;

/// What a running template belongs to.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    pub(crate) source: &'a str,
    pub(crate) trees: &'a Trees,
}

/// Runs the template of that name with the data; appends to `out`.
pub(crate) fn run<'a>(program: &Program<'a>, data: &'a Value, out: &mut String) -> Result<(), Error> {
    let dot = Val::Ref(data).unboxed();
    let mut state = State {
        source: program.source,
        name: program.name,
        trees: program.trees,
        template: program.name,
        limit: out.len().saturating_add(limits::MAX_OUTPUT),
        out,
        root: dot.clone(),
        variables: Vec::new(),
        place: Place::None,
        depth: 0,
        steps: 0,
    };
    match program.trees.get(program.name) {
        Some(list) => state.list(&dot, list).map(|_| ()),
        None => Err(state.error("it is an incomplete or empty template")),
    }
}

/// The part of the template being worked on, for messages.
#[derive(Clone, Copy)]
pub(crate) enum Place<'a> {
    None,
    Pipe(&'a Pipe),
    Command(&'a Command),
    Expr(&'a Expr),
    Call(&'a TemplateCall),
}

/// What follows a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    Next,
    Break,
    Continue,
}

/// A template in execution.
pub(crate) struct State<'a, 'o> {
    source: &'a str,
    name: &'a str,
    trees: &'a Trees,
    /// The template that is running now.
    template: &'a str,
    pub(crate) out: &'o mut String,
    limit: usize,
    /// The value of `$`.
    root: Val<'a>,
    variables: Vec<(&'a str, Val<'a>)>,
    pub(crate) place: Place<'a>,
    depth: usize,
    steps: u64,
}

pub(crate) type Done<T> = Result<T, Error>;

impl<'a> State<'a, '_> {
    #[cold]
    pub(crate) fn error(&self, message: impl Into<String>) -> Error {
        let (position, action) = match self.place {
            Place::None => (0, String::new()),
            Place::Pipe(pipe) => (pipe.position, pipe.to_string()),
            Place::Command(command) => (command.position, command.to_string()),
            Place::Expr(expr) => (expr.position, expr.shown()),
            Place::Call(call) => (call.position, call.to_string()),
        };
        let (line, column) = line_and_column(self.source, position);
        let (name, template) = (self.name.to_owned(), self.template.to_owned());
        Box::new(ExecuteError { name, line, column, template, action, message: message.into() }).into()
    }

    /// Counts work, so that no loop runs for ever.
    pub(crate) fn step(&mut self) -> Done<()> {
        self.steps += 1;
        if self.steps > limits::MAX_STEPS {
            return Err(self.error(format!("more than {} steps", limits::MAX_STEPS)));
        }
        Ok(())
    }

    /// Counts the text that a function is given, which it will have to read.
    pub(crate) fn charge(&mut self, values: &[Val<'a>]) -> Done<()> {
        let bytes: usize = values.iter().map(|value| value.value().as_str().map_or(0, str::len)).sum();
        self.steps += (bytes / 256) as u64;
        self.step()
    }

    pub(crate) fn enter(&mut self) -> Done<()> {
        self.depth += 1;
        if self.depth > limits::MAX_DEPTH {
            return Err(self.error(format!("nested more than {} deep", limits::MAX_DEPTH)));
        }
        Ok(())
    }

    pub(crate) fn leave(&mut self) {
        self.depth -= 1;
    }

    fn list(&mut self, dot: &Val<'a>, list: &'a List) -> Done<Flow> {
        self.enter()?;
        for node in &list.nodes {
            let flow = self.node(dot, node)?;
            if flow != Flow::Next {
                self.leave();
                return Ok(flow);
            }
        }
        self.leave();
        Ok(Flow::Next)
    }

    fn node(&mut self, dot: &Val<'a>, node: &'a Node) -> Done<Flow> {
        self.step()?;
        match node {
            Node::Text { text, .. } => {
                self.out.push_str(text);
                self.check_output()?;
            }
            Node::Action { pipe, .. } => self.action(dot, pipe)?,
            Node::If(branch) => return self.branch(dot, branch, false),
            Node::With(branch) => return self.branch(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template { call, .. } => self.call(dot, call)?,
            Node::Break { .. } => return Ok(Flow::Break),
            Node::Continue { .. } => return Ok(Flow::Continue),
        }
        Ok(Flow::Next)
    }

    pub(crate) fn check_output(&self) -> Done<()> {
        if self.out.len() > self.limit {
            return Err(self.error(format!("more than {} bytes of output", limits::MAX_OUTPUT)));
        }
        Ok(())
    }

    fn action(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Done<()> {
        if pipe.variables.is_empty() && (self.write_field(dot, pipe) || self.write_pipeline(dot, pipe)?) {
            return self.check_output();
        }
        let value = self.pipeline(dot, pipe)?;
        if pipe.variables.is_empty() {
            self.print(&value);
            self.check_output()?;
        }
        Ok(())
    }

    pub(crate) fn print(&mut self, value: &Val<'a>) {
        match value.value() {
            Value::Nil => self.out.push_str("<no value>"),
            value => write_plain(value, self.out),
        }
    }

    /// `if` and `with`, which differ in what the dot becomes.
    fn branch(&mut self, dot: &Val<'a>, branch: &'a Branch, moves_dot: bool) -> Done<Flow> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = if value.value().truth() {
            self.list(if moves_dot { &value } else { dot }, &branch.list)
        } else {
            self.else_list(dot, branch)
        };
        self.variables.truncate(mark);
        flow
    }

    fn else_list(&mut self, dot: &Val<'a>, branch: &'a Branch) -> Done<Flow> {
        match &branch.else_list {
            Some(list) => self.list(dot, list),
            None => Ok(Flow::Next),
        }
    }

    fn range(&mut self, dot: &Val<'a>, branch: &'a Branch) -> Done<Flow> {
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = match self.rounds(&value, branch)? {
            // `break` and `continue` end here; what follows the loop goes on.
            true => Ok(Flow::Next),
            false => self.else_list(dot, branch),
        };
        self.variables.truncate(mark);
        flow
    }

    /// Runs the body for each element; false if there is none.
    fn rounds(&mut self, value: &Val<'a>, branch: &'a Branch) -> Done<bool> {
        match value.value() {
            Value::Nil => Ok(false),
            Value::List(items) => {
                for index in 0..items.len() {
                    let item = value.part(|value| match value {
                        Value::List(items) => items.get(index),
                        _ => None,
                    });
                    let key = Val::Own(Value::Number(index as i64));
                    if !self.round(branch, key, item.unwrap_or_default().boxed())? {
                        break;
                    }
                }
                Ok(!items.is_empty())
            }
            Value::Map(map) | Value::StringMap(map) => {
                let of_any = matches!(value.value(), Value::Map(_));
                // The map is held, as the body may assign the variable that it came from.
                let map = Arc::clone(map);
                for (key, item) in map.iter() {
                    let item = match value {
                        Val::Own(_) => Val::Own(item.clone()),
                        _ => value.part(|value| map_item(value, key)).unwrap_or_default(),
                    };
                    let item = if of_any { item.boxed() } else { item };
                    if !self.round(branch, Val::Own(Value::String(key.clone())), item)? {
                        break;
                    }
                }
                Ok(!map.is_empty())
            }
            number => match number.as_int() {
                Some(end) => self.count(number, end, branch),
                None => Err(self.error(format!("range can't iterate over {}", shown(number)))),
            },
        }
    }

    fn count(&mut self, number: &Value, end: i64, branch: &'a Branch) -> Done<bool> {
        if branch.pipe.variables.len() > 1 {
            let shown = shown(number);
            return Err(self.error(format!("can't use {shown} to iterate over more than one variable")));
        }
        for index in 0..end {
            let item = match number {
                Value::Int(_) => Value::Int(index),
                Value::Duration(_) => Value::Duration(index),
                Value::Byte(_) => Value::Byte(index as u8),
                Value::Month(_) => Value::Month(index as u8),
                Value::Weekday(_) => Value::Weekday(index as u8),
                Value::Level(_) => Value::Level(index as u8),
                _ => Value::Number(index),
            };
            if !self.round(branch, Val::Missing, Val::Own(item))? {
                break;
            }
        }
        Ok(end > 0)
    }

    /// One round of a loop; false after `break`.
    fn round(&mut self, branch: &'a Branch, key: Val<'a>, item: Val<'a>) -> Done<bool> {
        self.step()?;
        let mark = self.variables.len();
        match (branch.pipe.variables.as_slice(), branch.pipe.assigns) {
            ([], _) => {}
            ([name], true) => self.assign(name, item.clone())?,
            ([key_name, name, ..], true) => {
                self.assign(key_name, key)?;
                self.assign(name, item.clone())?;
            }
            ([_], false) => self.variables[mark - 1].1 = item.clone(),
            ([_, _, ..], false) => {
                self.variables[mark - 2].1 = key;
                self.variables[mark - 1].1 = item.clone();
            }
        }
        let flow = self.list(&item, &branch.list)?;
        self.variables.truncate(mark);
        Ok(flow != Flow::Break)
    }

    fn call(&mut self, dot: &Val<'a>, call: &'a TemplateCall) -> Done<()> {
        self.place = Place::Call(call);
        let Some((name, list)) = self.trees.get_key_value(&call.name) else {
            let name = crate::gofmt::quote(&call.name);
            return Err(self.error(format!("template {name} not defined")));
        };
        let dot = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Val::Missing,
        };
        self.enter()?;
        let template = std::mem::replace(&mut self.template, name);
        let root = std::mem::replace(&mut self.root, dot.clone());
        let variables = std::mem::take(&mut self.variables);
        self.list(&dot, list)?;
        (self.template, self.root, self.variables) = (template, root, variables);
        self.leave();
        Ok(())
    }

    // Variables.

    pub(crate) fn declare(&mut self, name: &'a str, value: Val<'a>) {
        self.variables.push((name, value));
    }

    pub(crate) fn assign(&mut self, name: &str, value: Val<'a>) -> Done<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None if name == "$" => self.root = value,
            None => return Err(self.error(format!("undefined variable: {name}"))),
        }
        Ok(())
    }

    pub(crate) fn variable(&self, name: &str) -> Done<Val<'a>> {
        match self.variables.iter().rev().find(|(known, _)| *known == name) {
            Some((_, value)) => Ok(value.clone()),
            None if name == "$" => Ok(self.root.clone()),
            None => Err(self.error(format!("undefined variable: {name}"))),
        }
    }
}

fn map_item<'v>(value: &'v Value, key: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) | Value::StringMap(map) => map.get(key),
        _ => None,
    }
}

fn shown(value: &Value) -> String {
    let mut text = String::new();
    write_plain(value, &mut text);
    text
}

/// Line from 1 and bytes before the place on it.
pub(crate) fn line_and_column(source: &str, position: u32) -> (usize, usize) {
    let before = &source.as_bytes()[..(position as usize).min(source.len())];
    let line = 1 + before.iter().filter(|&&byte| byte == b'\n').count();
    let column = before.len() - before.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
    (line, column)
}
