//! Working out the context of every action of a template, through branches, loops and nested templates.
use std::collections::{HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use super::context::{Context, Delimiter, Slash, State, UrlPart};
use super::edits::{Edits, called};
use super::escaper::Escaper;
use super::text;
use crate::ast::{Branch, List, Node, Pipe};
use crate::error::{Error, EscapeError};
use crate::exec::line_and_column;
use crate::functions::Function;
use crate::parse::Trees;

/// Templates within templates, and nodes looked at, before it is given up.
const MAX_DEPTH: usize = 50;
const MAX_STEPS: usize = 200_000;

/// Escapes the template of that name and all it calls.
pub(crate) fn escape(name: &str, source: &str, trees: &Trees) -> Result<Trees, Error> {
    let bodies = trees.iter().map(|(name, list)| (Arc::clone(name), Rc::new(list.clone()))).collect();
    let shared = Shared { bodies, next_id: highest_id(trees) };
    let mut pass = Pass { shared, ..Pass::default() };
    let problem = match pass.template(&Context::TEXT, 0, name) {
        Ok((end, _)) if end.state == State::Text => None,
        Ok((end, _)) => Some(Problem { position: 0, message: format!("ends in a non-text context: {end}") }),
        Err(problem) => Some(problem),
    };
    if let Some(Problem { position, message }) = problem {
        let (line, column) = line_and_column(source, position);
        return Err(Box::new(EscapeError { name: name.to_owned(), line, column, message }).into());
    }
    let Pass { shared, edits, .. } = pass;
    let bodies = shared.bodies.into_iter();
    Ok(bodies
        .map(|(name, body)| {
            let mut list = Rc::unwrap_or_clone(body);
            edits.apply(&mut list);
            (name, list)
        })
        .collect())
}

fn highest_id(trees: &Trees) -> u32 {
    let mut highest = 0;
    for list in trees.values() {
        list.clone().visit_mut(&mut |node| {
            if let Node::Text { id, .. } | Node::Action { id, .. } | Node::Template { id, .. } = node {
                highest = highest.max(*id);
            }
        });
    }
    highest
}

/// Why a template cannot be escaped, and where.
#[derive(Debug)]
struct Problem {
    position: u32,
    message: String,
}

type Found = Result<Context, Problem>;

fn problem<T>(position: u32, message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { position, message: message.into() })
}

/// The bodies of templates; those called in a context other than text get a copy per context.
#[derive(Default)]
struct Shared {
    bodies: HashMap<Arc<str>, Rc<List>>,
    next_id: u32,
}

/// What `break` and `continue` of a loop leave behind.
#[derive(Default)]
struct Loop {
    exits: Vec<(Context, u32)>,
}

/// One walk through the tree.
#[derive(Default)]
struct Pass {
    shared: Shared,
    /// The context at the end of a template, by its name (which tells the context it begins in).
    outputs: HashMap<Arc<str>, Context>,
    called: HashSet<Arc<str>>,
    edits: Edits,
    loops: Vec<Loop>,
    depth: usize,
    steps: usize,
}

impl Pass {
    fn list(&mut self, mut context: Context, list: &List) -> Found {
        for node in &list.nodes {
            self.steps += 1;
            if self.steps > MAX_STEPS {
                return problem(0, "too many nested loops to work out their contexts");
            }
            context = self.node(context, node)?;
            if context.state == State::Dead {
                break;
            }
        }
        Ok(context)
    }

    fn node(&mut self, context: Context, node: &Node) -> Found {
        match node {
            Node::Text { id, text } => self.text(&context, *id, text),
            Node::Action { id, position, pipe } => self.action(context, *id, *position, pipe),
            Node::If(branch) => self.branch(context, branch, "if"),
            Node::With(branch) => self.branch(context, branch, "with"),
            Node::Range(branch) => self.range(context, branch),
            Node::Template { id, call } => {
                let (after, name) = self.template(&context, call.position, &call.name)?;
                if name != call.name {
                    self.edits.calls.insert(*id, name);
                }
                Ok(after)
            }
            Node::Break { position } | Node::Continue { position } => {
                if let Some(innermost) = self.loops.last_mut() {
                    innermost.exits.push((context, *position));
                }
                Ok(Context::new(State::Dead))
            }
        }
    }

    fn text(&mut self, context: &Context, id: u32, text: &str) -> Found {
        match text::escape(context, text) {
            Ok((after, changed)) => {
                if let Some(changed) = changed {
                    self.edits.texts.insert(id, changed);
                }
                Ok(after)
            }
            Err(message) => problem(0, message),
        }
    }

    // Actions.

    fn action(&mut self, context: Context, id: u32, position: u32, pipe: &Pipe) -> Found {
        if !pipe.variables.is_empty() {
            return Ok(context);
        }
        let mut context = context.nudged();
        check_own_escapers(&context, position, pipe)?;
        let mut escapers = match escapers_for(&context) {
            Some(escapers) => escapers,
            None => return problem(position, format!("{{{{{pipe}}}}} appears in an ambiguous context within a URL")),
        };
        match context.state {
            State::Js => context.slash = Slash::Division,
            State::Tag => context.state = State::AttributeName,
            _ => {}
        }
        match context.delimiter {
            Delimiter::None => {}
            Delimiter::SpaceOrTagEnd => escapers.push(Escaper::NoSpace),
            Delimiter::DoubleQuote | Delimiter::SingleQuote => escapers.push(Escaper::Attribute),
        }
        self.edits.actions.insert(id, escapers);
        Ok(context)
    }

    // Branches.

    fn branch(&mut self, context: Context, branch: &Branch, keyword: &str) -> Found {
        let taken = self.list(context.clone(), &branch.list)?;
        self.join_else(taken, context, branch, keyword)
    }

    fn join_else(&mut self, taken: Context, before: Context, branch: &Branch, keyword: &str) -> Found {
        let other = match &branch.else_list {
            Some(list) => self.list(before, list)?,
            None => before,
        };
        join(taken, other, branch.position, keyword)
    }

    /// A loop's body must also fit where it ends, as it may run again from there.
    fn range(&mut self, context: Context, branch: &Branch) -> Found {
        self.loops.push(Loop::default());
        let first = self.list(context.clone(), &branch.list);
        let exits = self.loops.pop().unwrap_or_default();
        let mut after = join_exits(first?, exits)?;

        self.loops.push(Loop::default());
        let again = self.trial(after.clone(), &branch.list);
        let exits = self.loops.pop().unwrap_or_default();
        after = join(after, again?.0, branch.position, "range").map_err(|problem| Problem {
            message: format!("on range loop re-entry: {}", problem.message),
            ..problem
        })?;
        after = join_exits(after, exits)?;
        self.join_else(after, context, branch, "range")
    }

    /// Walks a list without keeping what it changes; gives that back.
    fn trial(&mut self, context: Context, list: &List) -> Result<(Context, Trial), Problem> {
        let kept = (self.outputs.clone(), std::mem::take(&mut self.called), std::mem::take(&mut self.edits));
        let result = self.list(context, list);
        let trial = Trial {
            outputs: std::mem::replace(&mut self.outputs, kept.0),
            called: std::mem::replace(&mut self.called, kept.1),
            edits: std::mem::replace(&mut self.edits, kept.2),
        };
        result.map(|context| (context, trial))
    }

    fn keep(&mut self, trial: Trial) {
        self.outputs.extend(trial.outputs);
        self.called.extend(trial.called);
        self.edits.absorb(trial.edits);
    }

    // Templates.

    /// The context after a template that begins in `context`, and the name of its copy for that context.
    fn template(&mut self, context: &Context, position: u32, name: &str) -> Result<(Context, Arc<str>), Problem> {
        let Some((known, original)) = self.shared.bodies.get_key_value(name) else {
            return problem(position, format!("no such template {}", crate::gofmt::quote(name)));
        };
        let (known, original) = (Arc::clone(known), Rc::clone(original));
        let copy: Arc<str> =
            if context.state == State::Text { known } else { format!("{name}$htmltemplate_{context:?}").into() };
        self.called.insert(Arc::clone(&copy));
        if let Some(after) = self.outputs.get(&copy) {
            return Ok((after.clone(), copy));
        }
        let body = match self.shared.bodies.get(&copy) {
            Some(body) => Rc::clone(body),
            None => self.derive(&copy, &original),
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return problem(position, format!("templates nested more than {MAX_DEPTH} deep"));
        }
        let after = self.end_of_template(context, position, &copy, &body)?;
        self.depth -= 1;
        Ok((after, copy))
    }

    fn derive(&mut self, name: &Arc<str>, original: &List) -> Rc<List> {
        let mut list = original.clone();
        let next_id = &mut self.shared.next_id;
        list.visit_mut(&mut |node| {
            if let Node::Text { id, .. } | Node::Action { id, .. } | Node::Template { id, .. } = node {
                *next_id += 1;
                *id = *next_id;
            }
        });
        let body = Rc::new(list);
        self.shared.bodies.insert(Arc::clone(name), Rc::clone(&body));
        body
    }

    /// A template that calls itself is tried as if it ended where it begins, then where the first try ended.
    fn end_of_template(&mut self, context: &Context, position: u32, name: &Arc<str>, body: &List) -> Found {
        let mut assumed = context.clone();
        for _ in 0..2 {
            self.outputs.insert(Arc::clone(name), assumed.clone());
            let (after, trial) = self.trial(assumed.clone(), body)?;
            if !trial.called.contains(name) || after == assumed {
                self.keep(trial);
                self.outputs.insert(Arc::clone(name), after.clone());
                return Ok(after);
            }
            assumed = after;
        }
        problem(position, format!("cannot compute output context for template {name}"))
    }
}

/// What a trial would change.
struct Trial {
    outputs: HashMap<Arc<str>, Context>,
    called: HashSet<Arc<str>>,
    edits: Edits,
}

/// `html` and `urlquery` may only come last, and `html` not where a space would end the value.
fn check_own_escapers(context: &Context, position: u32, pipe: &Pipe) -> Result<(), Problem> {
    for (index, command) in pipe.commands.iter().enumerate() {
        let Some(function @ (Function::Html | Function::UrlQuery)) = called(command) else { continue };
        let unquoted = context.state == State::Attribute && context.delimiter == Delimiter::SpaceOrTagEnd;
        if index + 1 < pipe.commands.len() || (unquoted && function == Function::Html) {
            let name = crate::gofmt::quote(function.name());
            return problem(position, format!("predefined escaper {name} disallowed in template"));
        }
    }
    Ok(())
}

/// What makes data safe in the context; none where that is not known.
fn escapers_for(context: &Context) -> Option<Vec<Escaper>> {
    use Escaper::{Css, CssValue, UrlFilter, UrlNormalizer};
    Some(match context.state {
        State::Url
        | State::CssDoubleQuoted
        | State::CssSingleQuoted
        | State::CssDoubleQuotedUrl
        | State::CssSingleQuotedUrl
        | State::CssUrl => {
            let in_string = matches!(context.state, State::CssDoubleQuoted | State::CssSingleQuoted);
            let encode = if in_string { Css } else { UrlNormalizer };
            match context.url_part {
                UrlPart::Start => vec![UrlFilter, encode],
                UrlPart::BeforeQuery => vec![encode],
                UrlPart::QueryOrFragment => vec![Escaper::Url],
                UrlPart::Unknown => return None,
            }
        }
        State::MetaContentUrl => vec![UrlFilter],
        State::Js => vec![Escaper::JsValue],
        State::JsDoubleQuoted | State::JsSingleQuoted => vec![Escaper::JsString],
        State::JsTemplate => vec![Escaper::JsTemplate],
        State::JsRegexp => vec![Escaper::JsRegexp],
        State::Css => vec![CssValue],
        State::Text => vec![Escaper::Html],
        State::RcData => vec![Escaper::RcData],
        State::AttributeName | State::Tag => vec![Escaper::HtmlName],
        State::Srcset => vec![Escaper::Srcset],
        state if state.is_comment() => vec![Escaper::Comment],
        _ => Vec::new(),
    })
}

fn join_exits(mut context: Context, exits: Loop) -> Found {
    for (exit, position) in exits.exits {
        context = join(context, exit, position, "range")
            .map_err(|problem| Problem { message: format!("at range loop exit: {}", problem.message), ..problem })?;
    }
    Ok(context)
}

/// The context after two branches, which must be alike but for what can be left open.
fn join(left: Context, right: Context, position: u32, keyword: &str) -> Found {
    if left.state == State::Dead || left == right {
        return Ok(right);
    }
    if right.state == State::Dead {
        return Ok(left);
    }
    let open_url = Context { url_part: right.url_part, ..left.clone() };
    if open_url == right {
        return Ok(Context { url_part: UrlPart::Unknown, ..open_url });
    }
    let open_slash = Context { slash: right.slash, ..left.clone() };
    if open_slash == right {
        return Ok(Context { slash: Slash::Unknown, ..open_slash });
    }
    let (nudged_left, nudged_right) = (left.nudged(), right.nudged());
    if (nudged_left != left || nudged_right != right)
        && let Ok(joined) = join(nudged_left, nudged_right, position, keyword)
    {
        return Ok(joined);
    }
    problem(position, format!("{{{{{keyword}}}}} branches end in different contexts: {left}, {right}"))
}
