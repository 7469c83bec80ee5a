//! Which parts of its data a template reads, so that callers need not build the others.
use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use crate::ast::{Branch, Expr, ExprKind, List, Node, Pipe};
use crate::parse::Trees;

/// What a template reads of its data.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldsUsed {
    /// The template uses its data as a whole, as `{{ json . }}` does, so it reads every field.
    pub whole: bool,
    /// The fields of the data that the template names.
    pub names: BTreeSet<Arc<str>>,
    /// The template is nothing but text: it needs no data at all.
    pub constant: bool,
}

impl FieldsUsed {
    /// Whether the template may read the field.
    pub fn reads(&self, field: &str) -> bool {
        self.whole || self.names.contains(field)
    }
}

/// Finds out what the template of that name reads.
pub(crate) fn find(name: &str, trees: &Trees) -> FieldsUsed {
    let Some(list) = trees.get(name) else { return FieldsUsed::default() };
    let mut finder = Finder { trees, used: FieldsUsed::default(), seen: HashSet::new() };
    finder.list(list, true);
    finder.used.constant = list.nodes.iter().all(|node| matches!(node, Node::Text { .. }));
    finder.used
}

struct Finder<'t> {
    trees: &'t Trees,
    used: FieldsUsed,
    /// Templates already looked at that are called with all of the data.
    seen: HashSet<&'t str>,
}

impl<'t> Finder<'t> {
    /// Nodes in which `$` is the data, and the dot too if `at_root`.
    fn list(&mut self, list: &'t List, at_root: bool) {
        for node in &list.nodes {
            match node {
                Node::Text { .. } | Node::Break { .. } | Node::Continue { .. } => {}
                Node::Action { pipe, .. } => self.pipe(pipe, at_root),
                Node::If(branch) => self.branch(branch, at_root, at_root),
                Node::With(branch) | Node::Range(branch) => self.branch(branch, at_root, false),
                Node::Template { call, .. } => match &call.pipe {
                    Some(pipe) if is_all(pipe, at_root) => self.template(&call.name),
                    Some(pipe) => self.pipe(pipe, at_root),
                    None => {}
                },
            }
        }
    }

    fn branch(&mut self, branch: &'t Branch, at_root: bool, inside_at_root: bool) {
        self.pipe(&branch.pipe, at_root);
        self.list(&branch.list, inside_at_root);
        if let Some(list) = &branch.else_list {
            self.list(list, at_root);
        }
    }

    fn template(&mut self, name: &str) {
        if let Some((name, list)) = self.trees.get_key_value(name)
            && self.seen.insert(name)
        {
            self.list(list, true);
        }
    }

    fn pipe(&mut self, pipe: &Pipe, at_root: bool) {
        for expr in pipe.commands.iter().flat_map(|command| &command.words) {
            self.expr(expr, at_root);
        }
    }

    fn expr(&mut self, expr: &Expr, at_root: bool) {
        match &expr.kind {
            ExprKind::Dot => self.used.whole |= at_root,
            ExprKind::Variable(name, names) if **name == *"$" => match names.first() {
                Some(field) => self.field(field),
                None => self.used.whole = true,
            },
            ExprKind::Field(names) if at_root => names.iter().take(1).for_each(|field| self.field(field)),
            ExprKind::Chain(inner, names) => match (&inner.kind, names.first()) {
                (ExprKind::Pipe(pipe), Some(field)) if is_all(pipe, at_root) => self.field(field),
                _ => self.expr(inner, at_root),
            },
            ExprKind::Pipe(pipe) => self.pipe(pipe, at_root),
            _ => {}
        }
    }

    fn field(&mut self, name: &str) {
        if !self.used.names.contains(name) {
            self.used.names.insert(name.into());
        }
    }
}

/// Whether the pipeline is just the data.
fn is_all(pipe: &Pipe, at_root: bool) -> bool {
    let [command] = pipe.commands.as_slice() else { return false };
    let [word] = command.words.as_slice() else { return false };
    match &word.kind {
        ExprKind::Dot => at_root,
        ExprKind::Variable(name, names) => **name == *"$" && names.is_empty(),
        _ => false,
    }
}
