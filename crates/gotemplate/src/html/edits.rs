//! What escaping changes in a template: functions appended to actions, text rewritten, templates called by context.
use std::collections::HashMap;
use std::sync::Arc;

use super::escaper::Escaper;
use crate::ast::{Command, Expr, ExprKind, List, Node, Pipe};
use crate::functions::Function;

/// Changes by the number of the node.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits {
    pub(super) actions: HashMap<u32, Vec<Escaper>>,
    pub(super) texts: HashMap<u32, String>,
    pub(super) calls: HashMap<u32, Arc<str>>,
}

impl Edits {
    pub(super) fn absorb(&mut self, other: Self) {
        self.actions.extend(other.actions);
        self.texts.extend(other.texts);
        self.calls.extend(other.calls);
    }

    /// Makes the changes.
    pub(super) fn apply(&self, list: &mut List) {
        list.visit_mut(&mut |node| match node {
            Node::Action { id, pipe, .. } => {
                if let Some(escapers) = self.actions.get(id) {
                    append(pipe, escapers);
                }
            }
            Node::Text { id, text } => {
                if let Some(changed) = self.texts.get(id) {
                    text.clone_from(changed);
                }
            }
            Node::Template { id, call } => {
                if let Some(name) = self.calls.get(id) {
                    call.name = Arc::clone(name);
                }
            }
            _ => {}
        });
    }
}

/// The function that a command calls.
pub(super) fn called(command: &Command) -> Option<Function> {
    match command.words[0].kind {
        ExprKind::Function(function) => Some(function),
        _ => None,
    }
}

/// `html` and `urlquery` do the work of some of the escapers already.
fn does_work_of(function: Function, escaper: Escaper) -> bool {
    match function {
        Function::Html => matches!(escaper, Escaper::Attribute | Escaper::Html | Escaper::RcData),
        Function::UrlQuery => matches!(escaper, Escaper::Url | Escaper::UrlNormalizer),
        _ => false,
    }
}

/// After the first, the second would change nothing.
fn is_redundant(first: Function, second: Escaper) -> bool {
    use Escaper::{Attribute, Comment, Css, Html, JsRegexp, JsString, JsTemplate, Url, UrlNormalizer};
    let Function::Escape(first) = first else { return false };
    matches!(
        (first, second),
        (Comment, Attribute | Html) | (Css | JsRegexp | JsString | JsTemplate, Attribute) | (Url, UrlNormalizer)
    )
}

/// Appends the escapers to the pipeline, unless it does their work already.
fn append(pipe: &mut Pipe, escapers: &[Escaper]) {
    let mut escapers: Vec<Function> = escapers.iter().copied().map(Function::Escape).collect();
    if escapers.is_empty() {
        return;
    }
    if let Some(own @ (Function::Html | Function::UrlQuery)) = pipe.commands.last().and_then(called) {
        replace_own(pipe, own, &mut escapers);
    }
    let known: Vec<Function> = pipe.commands.iter().filter_map(called).collect();
    for function in escapers {
        let present = known.iter().any(|known| match (known, function) {
            (known, Function::Escape(escaper)) => *known == function || does_work_of(*known, escaper),
            (known, function) => *known == function,
        });
        let last = pipe.commands.last().and_then(called);
        let redundant = match (last, function) {
            (Some(last), Function::Escape(escaper)) => is_redundant(last, escaper),
            _ => false,
        };
        if !present && !redundant {
            pipe.commands.push(command(function, pipe.position));
        }
    }
}

/// The template's own `html` or `urlquery` at the end stands where the first escaper of its kind would.
fn replace_own(pipe: &mut Pipe, own: Function, escapers: &mut [Function]) {
    let position = pipe.position;
    if let [only] = pipe.commands.as_mut_slice()
        && only.words.len() > 1
    {
        // `html .x .y` becomes `_eval_args_ .x .y | html`.
        only.words[0].kind = ExprKind::Function(Function::EvalArgs);
        pipe.commands.push(command(own, position));
    }
    let mut stands_in = false;
    for escaper in escapers.iter_mut() {
        if let Function::Escape(kind) = *escaper
            && does_work_of(own, kind)
        {
            *escaper = own;
            stands_in = true;
        }
    }
    if stands_in {
        pipe.commands.pop();
    }
}

fn command(function: Function, position: u32) -> Command {
    Command { position, words: vec![Expr { position, kind: ExprKind::Function(function) }] }
}
