//! A parsed template, and how its parts are quoted in messages.
use std::fmt;
use std::sync::Arc;

use crate::functions::Function;
use crate::gofmt;
use crate::value::Value;

/// Nodes in a row.
#[derive(Clone, Debug, Default)]
pub(crate) struct List {
    pub(crate) nodes: Vec<Node>,
}

/// Text, an action or a control structure.
#[derive(Clone, Debug)]
pub(crate) enum Node {
    Text { id: u32, text: String },
    Action { id: u32, position: u32, pipe: Pipe },
    If(Box<Branch>),
    Range(Box<Branch>),
    With(Box<Branch>),
    Template { id: u32, call: TemplateCall },
    Break { position: u32 },
    Continue { position: u32 },
}

/// The parts of `if`, `range` and `with`.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub(crate) position: u32,
    pub(crate) pipe: Pipe,
    pub(crate) list: List,
    pub(crate) else_list: Option<List>,
}

/// `{{template "name" pipeline}}`
#[derive(Clone, Debug)]
pub(crate) struct TemplateCall {
    pub(crate) position: u32,
    pub(crate) name: Arc<str>,
    pub(crate) pipe: Option<Pipe>,
}

/// Commands whose results are handed on, and the variables that take the last one.
#[derive(Clone, Debug)]
pub(crate) struct Pipe {
    pub(crate) position: u32,
    /// `=` instead of `:=`.
    pub(crate) assigns: bool,
    pub(crate) variables: Vec<Arc<str>>,
    pub(crate) commands: Vec<Command>,
}

/// A function, method or value with arguments.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) position: u32,
    pub(crate) words: Vec<Expr>,
}

/// One word of a command.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(crate) position: u32,
    pub(crate) kind: ExprKind,
}

#[derive(Clone, Debug)]
pub(crate) enum ExprKind {
    Dot,
    Nil,
    Bool(Value),
    Number(Number),
    /// The text, and how it was written.
    String(Value, String),
    /// `.A.B`
    Field(Vec<Box<str>>),
    /// `$x.A.B`
    Variable(Arc<str>, Vec<Box<str>>),
    Function(Function),
    /// `(pipeline).A.B`
    Chain(Box<Expr>, Vec<Box<str>>),
    Pipe(Box<Pipe>),
}

/// A number as written, and what it can stand for.
#[derive(Clone, Debug)]
pub(crate) struct Number {
    pub(crate) text: String,
    /// The value where no type is asked for; none for integers beyond `int`.
    pub(crate) ideal: Option<Value>,
    /// The value as an integer, where it is one.
    pub(crate) int: Option<i64>,
}

impl fmt::Display for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.variables.is_empty() {
            f.write_str(&self.variables.join(", "))?;
            f.write_str(if self.assigns { " = " } else { " := " })?;
        }
        for (index, command) in self.commands.iter().enumerate() {
            if index > 0 {
                f.write_str(" | ")?;
            }
            command.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.words.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            word.fmt(f)?;
        }
        Ok(())
    }
}

impl Expr {
    /// The expression on its own: without the parentheses that it has among others.
    pub(crate) fn shown(&self) -> String {
        match &self.kind {
            ExprKind::Pipe(pipe) => pipe.to_string(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            ExprKind::Dot => f.write_str("."),
            ExprKind::Nil => f.write_str("nil"),
            ExprKind::Bool(value) => write!(f, "{}", value.truth()),
            ExprKind::Number(number) => f.write_str(&number.text),
            ExprKind::String(_, quoted) => f.write_str(quoted),
            ExprKind::Field(names) => write_names(names, f),
            ExprKind::Variable(name, names) => {
                f.write_str(name)?;
                write_names(names, f)
            }
            ExprKind::Function(function) => f.write_str(function.name()),
            ExprKind::Chain(inner, names) => {
                inner.fmt(f)?;
                write_names(names, f)
            }
            ExprKind::Pipe(pipe) => write!(f, "({pipe})"),
        }
    }
}

fn write_names(names: &[Box<str>], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    names.iter().try_for_each(|name| write!(f, ".{name}"))
}

impl fmt::Display for TemplateCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{{template {}", gofmt::quote(&self.name))?;
        if let Some(pipe) = &self.pipe {
            write!(f, " {pipe}")?;
        }
        f.write_str("}}")
    }
}

impl List {
    /// Whether nothing but space would come out.
    pub(crate) fn is_blank(&self) -> bool {
        self.nodes.iter().all(|node| matches!(node, Node::Text { text, .. } if text.trim().is_empty()))
    }

    /// Calls `visit` for every node, outer ones first.
    pub(crate) fn visit_mut(&mut self, visit: &mut dyn FnMut(&mut Node)) {
        for node in &mut self.nodes {
            visit(node);
            if let Node::If(branch) | Node::Range(branch) | Node::With(branch) = node {
                branch.list.visit_mut(visit);
                if let Some(list) = &mut branch.else_list {
                    list.visit_mut(visit);
                }
            }
        }
    }
}
