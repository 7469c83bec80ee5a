//! `|name(..)`, `.name(..)` and `@name(..)`: nodes are made, properties set, handlers opened.

use std::{any::Any, sync::Arc};

use alert::{HandlerOptions, Kind};
use declare::{Argument, Item, SetError};
use tickscript::{
    Span,
    ast::{Call, Expr, ExprKind, Link},
};

use super::{
    Diagnostic, OpenedHandler, PipelineNode, PropertyCall,
    error::near_hint,
    interpret::{Interpreter, Val},
    lambdas::LambdaUse,
    legacy,
    surface::same_name,
};
use crate::{
    EdgeKind,
    nodes::{Deadman, Stats},
};

/// Where a call stands, for remarks on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Site {
    /// Of the name.
    pub(super) span: Span,
    /// Of the arguments as they are written; none for calls that no script wrote.
    pub(super) args: Vec<Span>,
}

impl Site {
    fn of(call: &Call) -> Site {
        Site { span: call.name.span, args: call.args.iter().map(|arg| arg.span).collect() }
    }

    /// The remark on a call that was refused, on the argument that it is about.
    fn refusal(&self, error: &SetError, text: &str) -> Diagnostic {
        let place = error.argument().and_then(|index| match self.args.as_slice() {
            [only] => Some(*only),
            args => args.get(index).copied(),
        });
        let diagnostic = Diagnostic::error(place.unwrap_or(self.span), error.statement()).hints(error.remedy());
        let is_apart = |place: Span| text[self.span.end as usize..place.start as usize].contains('\n');
        match place {
            Some(place) if is_apart(place) => diagnostic.related(self.span, "in this call"),
            _ => diagnostic,
        }
    }
}

impl Interpreter<'_> {
    /// A function without a left side: `time` for a query's groupBy, or one of the lambdas' on values known now.
    pub(super) fn global_call(&mut self, expr: &Expr, call: &Call) -> Val {
        let known = lambda::function(&call.name.name).is_some();
        if call.name.name != "time" {
            if known {
                return self.constant(expr);
            }
            // Its arguments may hold errors of their own.
            for arg in &call.args {
                self.eval(arg);
            }
            return self.no_function(call);
        }
        let args = self.arguments(call);
        match args.as_deref() {
            None => Val::Unknown,
            Some([Argument::Duration(length)]) => Val::Arg(Argument::Time { length: *length, offset: 0 }),
            Some([Argument::Duration(length), Argument::Duration(offset)]) => {
                Val::Arg(Argument::Time { length: *length, offset: *offset })
            }
            Some(_) => {
                self.error(
                    call.name.span,
                    "time takes a duration, and an offset as a second duration if one is wanted",
                );
                Val::Unknown
            }
        }
    }

    fn no_function(&mut self, call: &Call) -> Val {
        let name = call.name.name.as_str();
        let mut diagnostic = Diagnostic::error(call.name.span, format!("there is no function \"{name}\""));
        diagnostic.hint = if self.surface.node(name).is_some() {
            Some(format!("{name} is a node: write |{name}(..) behind what it reads from"))
        } else if self.surface.nodes().iter().any(|spec| spec.table.find(name).is_some()) {
            Some(format!("{name} is a property: write .{name}(..) behind its node"))
        } else {
            near_hint(&declare::nearest(name, lambda::functions().map(|function| function.name).chain(["time"])))
        };
        self.diagnostics.push(diagnostic);
        Val::Unknown
    }

    /// `at` is where the link stands.
    pub(super) fn chain(&mut self, left: &Expr, link: Link, right: &Expr, at: u32) -> Val {
        let target = self.eval(left);
        let target = self.behind_damage(target, left.span.end, at);
        let ExprKind::Call(call) = &right.kind else {
            let name = if let ExprKind::Ident(name) = &right.kind { name.as_str() } else { "it" };
            self.diagnostics.push(
                Diagnostic::error(right.span, format!("{name} is not called"))
                    .hint(format!("write {name}() with its arguments, or none, in parentheses")),
            );
            return match target {
                Val::Node(node) | Val::Handler { node, .. } if link == Link::Dot => {
                    self.pipeline.nodes[node].doubtful = true;
                    if self.surface.node(name).is_some() { Val::Unknown } else { target }
                }
                _ => Val::Unknown,
            };
        };
        // The arguments are looked at even if the target is unknown: they may hold errors of their own.
        let map_reduce = self.map_reduce_argument(call);
        let args = match &map_reduce {
            Some(_) => Some(Vec::new()),
            None => self.arguments(call),
        };
        let nodes = self.pipeline.nodes.len();
        let value = match (target, args) {
            (Val::Node(node), args) => self.on_node(node, None, link, call, args, map_reduce),
            (Val::Handler { node, handler }, args) => self.on_node(node, Some(handler), link, call, args, map_reduce),
            (Val::Influxql, Some(args)) if link == Link::Dot => self.influxql(call, args),
            (Val::Arg(value), _) => {
                let message = format!("{} has no property or method \"{}\"", value.describe(), call.name.name);
                self.error(call.name.span, message);
                Val::Unknown
            }
            _ => Val::Unknown,
        };
        if link == Link::Dot && self.pipeline.nodes.len() > nodes {
            self.edits.extend(legacy::modernised(left, at, right));
        }
        value
    }

    /// All are looked at, so that what is wrong with each is said.
    fn arguments(&mut self, call: &Call) -> Option<Vec<Argument>> {
        let args: Vec<Option<Argument>> = call.args.iter().map(|arg| self.argument(arg)).collect();
        args.into_iter().collect()
    }

    fn influxql(&mut self, call: &Call, args: Vec<Argument>) -> Val {
        let name = call.name.name.as_str();
        if !legacy::INFLUXQL.contains(&name) {
            let mut diagnostic = Diagnostic::error(call.name.span, format!("influxql has no function {name}"));
            diagnostic.hint = near_hint(&declare::nearest(name, legacy::INFLUXQL));
            self.diagnostics.push(diagnostic);
            return Val::Unknown;
        }
        Val::MapReduce { name: name.to_string(), args }
    }

    /// The function of `mapReduce(influxql.f(..))`.
    fn map_reduce_argument(&mut self, call: &Call) -> Option<(String, Vec<Argument>)> {
        let [arg] = call.args.as_slice() else { return None };
        if !self.legacy || call.name.name != "mapReduce" {
            return None;
        }
        match self.eval(arg) {
            Val::MapReduce { name, args } => Some((name, args)),
            _ => None,
        }
    }

    fn on_node(
        &mut self,
        node: usize,
        handler: Option<usize>,
        link: Link,
        call: &Call,
        args: Option<Vec<Argument>>,
        map_reduce: Option<(String, Vec<Argument>)>,
    ) -> Val {
        if let Some((name, args)) = map_reduce {
            self.legacy_seen.get_or_insert(call.name.span);
            return self.make(node, &name, &Site::of(call), args);
        }
        // Arguments that could not be read: the name is still looked up, so that both are reported.
        let known = args.is_some();
        let args = args.unwrap_or_default();
        let name = call.name.name.as_str();
        match link {
            Link::Pipe if self.surface.node(name).is_some_and(|(_, spec)| !spec.source) => {
                if known {
                    self.make(node, name, &Site::of(call), args)
                } else {
                    self.make_doubtful(node, name, call.name.span)
                }
            }
            Link::Pipe => self.not_chainable(node, call),
            Link::Dot => self.property(node, handler, call, known, args),
            Link::At => self.function(node, call, known, &args),
        }
    }

    fn function(&mut self, node: usize, call: &Call, known: bool, args: &[Argument]) -> Val {
        let name = call.name.name.as_str();
        if self.surface.function(name).is_none() {
            if self.surface.functions_elsewhere() {
                return Val::Unknown;
            }
            let message = format!("no user-defined function \"{name}\" is configured");
            let mut diagnostic = Diagnostic::error(call.name.span, message);
            diagnostic.hint = near_hint(&self.surface.near_functions(name))
                .or_else(|| Some(format!("functions stand in the configuration: [udf.functions.{name}]")));
            self.diagnostics.push(diagnostic);
            return Val::Unknown;
        }
        if !args.is_empty() {
            let message = format!("@{name} takes no arguments: they are ignored");
            self.diagnostics.push(
                Diagnostic::warning(call.name.span, message)
                    .hint("what a function takes are its options: .name(value)"),
            );
        }
        if known { self.make_function(node, name, call.name.span) } else { Val::Unknown }
    }

    fn not_chainable(&mut self, node: usize, call: &Call) -> Val {
        let name = call.name.name.as_str();
        let spec = &self.surface.nodes()[self.pipeline.nodes[node].spec];
        let is_property = spec.table.find(name).is_some()
            || (spec.opens_handlers && self.surface.handlers().by_method(name).is_some());
        let mut diagnostic =
            Diagnostic::error(call.name.span, format!("there is no node \"{name}\" that could follow {}", spec.name));
        diagnostic.hint = if is_property {
            Some(format!("{name} is a property of {}: write .{name}(..)", spec.name))
        } else if self.surface.function(name).is_some() {
            Some(format!("{name} is a user-defined function: write @{name}()"))
        } else {
            near_hint(&self.surface.near_nodes(name))
        };
        self.diagnostics.push(diagnostic);
        if is_property {
            self.pipeline.nodes[node].doubtful = true;
            return Val::Node(node);
        }
        Val::Unknown
    }

    fn property(&mut self, node: usize, handler: Option<usize>, call: &Call, known: bool, args: Vec<Argument>) -> Val {
        let name = call.name.name.as_str();
        let target = handler.map_or(Val::Node(node), |handler| Val::Handler { node, handler });
        if !known {
            self.pipeline.nodes[node].doubtful = true;
        }
        if let Some(handler) = handler {
            let options = &mut self.pipeline.nodes[node].handlers[handler].options;
            if options.kind().options.find(name).is_some() {
                let outcome = if known { options.set(name, &args) } else { Ok(()) };
                self.called(node, Some(handler), call, outcome);
                return target;
            }
        }
        let place = &mut self.pipeline.nodes[node];
        let spec = &self.surface.nodes()[place.spec];
        if let Some(item) = spec.table.find(name) {
            let outcome = if known { spec.table.set(place.object.as_mut(), name, &args) } else { Ok(()) };
            self.give_lambdas(node, &[item], &Site::of(call), &args);
            self.called(node, None, call, outcome);
            return Val::Node(node);
        }
        if same_name("quiet", name) {
            place.quiet = true;
            if known && !args.is_empty() {
                self.error(call.name.span, "quiet takes no arguments: write .quiet()");
            }
            return target;
        }
        if spec.opens_handlers
            && let Some(kind) = self.surface.handlers().by_method(name)
        {
            return self.open_handler(node, kind, call, known.then_some(args.as_slice()));
        }
        let chains = !spec.modern && self.surface.node(name).is_some_and(|(_, spec)| !spec.source);
        if chains || self.is_legacy_call(node, name) {
            self.legacy_seen.get_or_insert(call.name.span);
            return match known {
                true => self.make(node, name, &Site::of(call), args),
                false => self.make_doubtful(node, name, call.name.span),
            };
        }
        self.pipeline.nodes[node].doubtful = true;
        self.no_property(node, handler, call)
    }

    /// Note the lambdas among the arguments of a call; the last of the items takes all that follow.
    fn give_lambdas(&mut self, node: usize, items: &[&Item], site: &Site, args: &[Argument]) {
        let spec = self.surface.nodes()[self.pipeline.nodes[node].spec].name;
        for (index, arg) in args.iter().enumerate() {
            let (Argument::Lambda(lambda), Some(item)) = (arg, items.get(index).or(items.last())) else { continue };
            self.lambdas.push(LambdaUse {
                node,
                // An argument is what the node itself is about.
                name: if item.is_argument() { spec.to_string() } else { item.name.to_string() },
                is_condition: item.condition,
                span: site.args.get(index).copied().unwrap_or(site.span),
                lambda: lambda.clone(),
            });
        }
    }

    /// Note the call of a property, and what is wrong with it.
    fn called(&mut self, node: usize, handler: Option<usize>, call: &Call, outcome: Result<(), SetError>) {
        let site = Site::of(call);
        let refusal = outcome.err().map(|error| site.refusal(&error, self.text));
        let place = &mut self.pipeline.nodes[node];
        place.doubtful |= refusal.is_some();
        place.calls.push(PropertyCall { name: call.name.name.clone(), handler, span: site.span, args: site.args });
        self.diagnostics.extend(refusal);
    }

    /// `.fork()` of the old dialect: another `from` on the same stream.
    fn is_legacy_call(&self, node: usize, name: &str) -> bool {
        self.legacy && name == "fork" && self.kind == EdgeKind::Stream && node < self.pipeline.nodes.len()
    }

    fn no_property(&mut self, node: usize, handler: Option<usize>, call: &Call) -> Val {
        let name = call.name.name.as_str();
        let place = &self.pipeline.nodes[node];
        let spec = &self.surface.nodes()[place.spec];
        let mut near = spec.table.near(name);
        let mut whose = spec.name;
        if let Some(handler) = handler {
            let kind = place.handlers[handler].options.kind();
            near.splice(0..0, kind.options.near(name));
            whose = kind.name;
        }
        if spec.opens_handlers {
            near.extend(declare::nearest(name, self.surface.handler_methods()));
        }
        near.extend(self.surface.near_nodes(name).into_iter().map(|node| format!("|{node}")));
        near.extend(self.surface.function(name).map(|(_, function)| format!("@{}", function.name)));
        let mut diagnostic = Diagnostic::error(call.name.span, format!("{whose} has no property \"{name}\""));
        diagnostic.hint = near_hint(&near);
        self.diagnostics.push(diagnostic);
        Val::Node(node)
    }

    /// Without arguments if something wrong was said of them.
    fn open_handler(&mut self, node: usize, kind: &Arc<Kind>, call: &Call, args: Option<&[Argument]>) -> Val {
        let mut options = HandlerOptions::new(Arc::clone(kind));
        let outcome = args.map_or(Ok(()), |args| options.construct(&call.name.name, args));
        let doubtful = args.is_none() || outcome.is_err();
        self.diagnostics.extend(outcome.err().map(|error| Site::of(call).refusal(&error, self.text)));
        let place = &mut self.pipeline.nodes[node];
        place.doubtful |= doubtful;
        place.handlers.push(OpenedHandler { options, span: call.name.span });
        Val::Handler { node, handler: place.handlers.len() - 1 }
    }

    /// A node whose arguments cannot be used: its properties and what follows it are still looked at.
    fn make_doubtful(&mut self, parent: usize, name: &str, span: Span) -> Val {
        if self.legacy {
            return Val::Unknown;
        }
        let Some((index, spec)) = self.surface.node(name) else { return Val::Unknown };
        if spec.after_any {
            return Val::Unknown;
        }
        let made = self.push(index, spec.table.fresh(), vec![parent], span);
        self.pipeline.nodes[made].doubtful = true;
        Val::Node(made)
    }

    /// A new node below `parent`.
    pub(super) fn make(&mut self, parent: usize, name: &str, site: &Site, mut args: Vec<Argument>) -> Val {
        let span = site.span;
        let mut parent = parent;
        let mut name = name;
        let mut measurement = None;
        if self.legacy && name == "fork" {
            (name, parent) = ("from", 0);
        }
        if self.legacy && name == "from" && matches!(args.as_slice(), [Argument::String(_)]) {
            measurement = args.pop();
        }
        let Some((index, spec)) = self.surface.node(name) else {
            self.error(span, format!("there is no node \"{name}\""));
            return Val::Unknown;
        };
        let parent_node = &self.pipeline.nodes[parent];
        let parent_spec = &self.surface.nodes()[parent_node.spec];
        let input = parent_node.gives;
        let (mut doubtful, mut is_misplaced) = (false, false);
        if let Some(diagnostic) = misplaced(spec, parent_spec, input, span) {
            // Else it may be in place once that node is.
            if !parent_node.gives_a_guess {
                self.diagnostics.push(diagnostic);
            }
            is_misplaced = true;
        }
        let mut parents = vec![parent];
        if spec.takes_nodes {
            if let [Argument::List(items)] = args.as_slice() {
                args = items.clone();
            }
            args.retain(|arg| match arg {
                Argument::Node(node) => {
                    parents.push(*node);
                    false
                }
                _ => true,
            });
        }
        let mut object = spec.table.fresh();
        let mut outcome = spec.table.construct(object.as_mut(), spec.name, &args);
        if let (Ok(()), Some(measurement)) = (&outcome, measurement) {
            outcome = spec.table.set(object.as_mut(), "measurement", &[measurement]);
        }
        if let Err(error) = outcome {
            self.diagnostics.push(site.refusal(&error, self.text));
            doubtful = true;
        }
        if let Some(deadman) = object.downcast_ref::<Deadman>() {
            return if doubtful || is_misplaced { Val::Unknown } else { self.deadman(parent, &deadman.clone(), span) };
        }
        let is_childless = self.pipeline.children(parent).is_empty();
        let watches = object.is::<Stats>();
        let made = self.push(index, object, parents, span);
        self.give_lambdas(made, &spec.table.arguments().collect::<Vec<_>>(), site, &args);
        let node = &mut self.pipeline.nodes[made];
        node.doubtful = doubtful || is_misplaced;
        node.gives_a_guess |= is_misplaced;
        if watches && is_childless {
            let (index, spec) = self.surface.no_op();
            self.push(index, spec.table.fresh(), vec![parent], span);
        }
        Val::Node(made)
    }

    /// A function of users' own below `parent`.
    fn make_function(&mut self, parent: usize, name: &str, span: Span) -> Val {
        let Some((index, spec)) = self.surface.function(name) else { return Val::Unknown };
        let parent_node = &self.pipeline.nodes[parent];
        let (input, parent_name) = (parent_node.gives, self.surface.nodes()[parent_node.spec].name);
        if parent == 0 && input == EdgeKind::Batch || input == EdgeKind::None {
            self.error(span, format!("{parent_name} gives nothing on that @{name} could read"));
            return Val::Unknown;
        }
        let object = spec.table.fresh();
        // Kapacitor tells of it when the task starts; so do we, but the place is known only here.
        if let Some(wanted) = spec.wants.filter(|wanted| *wanted != input) {
            let message = format!(
                "@{name} reads a {} and {parent_name} gives a {}: the task will not start",
                wanted.name(),
                input.name()
            );
            self.diagnostics.push(Diagnostic::warning(span, message).hint(edge_hint(wanted)));
        }
        Val::Node(self.push(index, object, vec![parent], span))
    }

    /// Put a node into the pipeline; its number.
    fn push(&mut self, index: usize, object: Box<dyn Any + Send>, parents: Vec<usize>, span: Span) -> usize {
        let spec = &self.surface.nodes()[index];
        let input = parents.first().map_or(EdgeKind::None, |&parent| self.pipeline.nodes[parent].gives);
        let number = self.pipeline.nodes.len();
        // Kapacitor numbers a node anew with each of its parents, so one with several leaves a gap.
        let named: usize = self.pipeline.nodes.iter().map(|node| node.parents.len().max(1)).sum();
        let named = named + parents.len().saturating_sub(1);
        let gives = spec.gives(object.as_ref(), input);
        let gives_a_guess = parents.iter().any(|&parent| self.pipeline.nodes[parent].gives_a_guess);
        self.pipeline.nodes.push(PipelineNode {
            spec: index,
            name: format!("{}{named}", spec.id),
            object,
            parents,
            handlers: Vec::new(),
            quiet: false,
            span,
            calls: Vec::new(),
            doubtful: false,
            gives,
            gives_a_guess,
        });
        number
    }
}

/// Whether this node may follow one that gives such an edge.
pub fn may_follow(spec: &super::NodeSpec, parent: &super::NodeSpec, input: EdgeKind) -> bool {
    misplaced(spec, parent, input, Span::default()).is_none()
}

/// What is wrong with this node in this place, if anything.
fn misplaced(spec: &super::NodeSpec, parent: &super::NodeSpec, input: EdgeKind, span: Span) -> Option<Diagnostic> {
    if spec.after_any {
        return None;
    }
    if !spec.after.is_empty() {
        if spec.after.contains(&parent.name) {
            return None;
        }
        let places = spec.after.iter().map(|name| format!("|{name}()")).collect::<Vec<_>>().join(" or ");
        let message = format!("{} cannot follow {}", spec.name, parent.name);
        return Some(
            Diagnostic::error(span, message)
                .hint(format!("it goes after {}", places.replace("|stream()", "stream").replace("|batch()", "batch"))),
        );
    }
    if parent.source {
        let source = if parent.name == "stream" { "from()" } else { "query('SELECT ...')" };
        return Some(
            Diagnostic::error(span, format!("{} cannot follow {} directly", spec.name, parent.name))
                .hint(format!("write {}|{source} first", parent.name)),
        );
    }
    if input == EdgeKind::None {
        return Some(Diagnostic::error(
            span,
            format!("{} gives nothing on that {} could read", parent.name, spec.name),
        ));
    }
    match spec.wants {
        Some(wanted) if wanted != input => {
            let message =
                format!("{} reads a {} and {} gives a {}", spec.name, wanted.name(), parent.name, input.name());
            Some(Diagnostic::error(span, message).hint(edge_hint(wanted)))
        }
        _ => None,
    }
}

/// What to do about a node that reads this and gets the other.
fn edge_hint(wanted: EdgeKind) -> &'static str {
    if wanted == EdgeKind::Stream {
        "it reads points one by one; a window, a query or a selector of several points gives batches"
    } else {
        "it reads batches; put |window() before it"
    }
}
