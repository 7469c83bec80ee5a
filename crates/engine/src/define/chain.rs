//! `|name(..)`, `.name(..)` and `@name(..)`: nodes are made, properties set, handlers opened.

use std::{any::Any, sync::Arc};

use alert::{HandlerOptions, Kind};
use declare::{Argument, SetError};
use tickscript::{
    Span,
    ast::{Call, Expr, ExprKind, Link},
};

use super::{
    Diagnostic, OpenedHandler, PipelineNode,
    error::near_hint,
    interpret::{Interpreter, Val},
    legacy,
    surface::same_name,
};
use crate::{
    EdgeKind,
    nodes::{Deadman, Stats},
};

impl Interpreter<'_> {
    /// A function without a left side: `time` for a query's groupBy, or one of the lambdas' on values known now.
    pub(super) fn global_call(&mut self, expr: &Expr, call: &Call) -> Val {
        let known = lambda::function(&call.name.name).is_some();
        if call.name.name != "time" {
            if known {
                return self.constant(expr);
            }
            let mut near = declare::nearest(&call.name.name, lambda::functions().map(|function| function.name));
            near.extend(declare::nearest(&call.name.name, ["time"]));
            let mut diagnostic =
                Diagnostic::error(call.name.span, format!("no global function \"{}\" defined", call.name.name));
            diagnostic.hint = near_hint(&near);
            self.diagnostics.push(diagnostic);
            return Val::Unknown;
        }
        let args: Option<Vec<Argument>> = call.args.iter().map(|arg| self.argument(arg)).collect();
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

    pub(super) fn chain(&mut self, left: &Expr, link: Link, right: &Expr) -> Val {
        let target = self.eval(left);
        let ExprKind::Call(call) = &right.kind else {
            if !matches!(target, Val::Unknown) {
                let name = if let ExprKind::Ident(name) = &right.kind { name.as_str() } else { "it" };
                self.diagnostics.push(
                    Diagnostic::error(right.span, format!("{name} is not called"))
                        .hint(format!("write {name}() with its arguments, or none, in parentheses")),
                );
            }
            return Val::Unknown;
        };
        // The arguments are looked at even if the target is unknown: they may hold errors of their own.
        let map_reduce = self.map_reduce_argument(call);
        let args = match &map_reduce {
            Some(_) => Some(Vec::new()),
            None => call.args.iter().map(|arg| self.argument(arg)).collect::<Option<Vec<Argument>>>(),
        };
        match (target, args) {
            (Val::Node(node), args) => self.on_node(node, None, link, call, args, map_reduce),
            (Val::Handler { node, handler }, args) => self.on_node(node, Some(handler), link, call, args, map_reduce),
            (Val::Influxql, Some(args)) if link == Link::Dot => self.influxql(call, args),
            (Val::Arg(value), _) => {
                let message = format!("{} has no property or method \"{}\"", value.describe(), call.name.name);
                self.error(call.name.span, message);
                Val::Unknown
            }
            _ => Val::Unknown,
        }
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
            return self.make(node, &name, call.name.span, args);
        }
        // Arguments that could not be read: the name is still looked up, so that both are reported.
        let known = args.is_some();
        let args = args.unwrap_or_default();
        let name = call.name.name.as_str();
        match link {
            Link::Pipe if self.surface.node(name).is_some_and(|(_, spec)| !spec.source) => {
                if known {
                    self.make(node, name, call.name.span, args)
                } else {
                    Val::Unknown
                }
            }
            Link::Pipe => self.not_chainable(node, call),
            Link::Dot => self.property(node, handler, call, known, args),
            Link::At => {
                self.error(call.name.span, format!("no user-defined function \"{name}\" is configured"));
                Val::Unknown
            }
        }
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
        } else {
            near_hint(&self.surface.near_nodes(name))
        };
        self.diagnostics.push(diagnostic);
        Val::Unknown
    }

    fn property(&mut self, node: usize, handler: Option<usize>, call: &Call, known: bool, args: Vec<Argument>) -> Val {
        let name = call.name.name.as_str();
        let target = handler.map_or(Val::Node(node), |handler| Val::Handler { node, handler });
        if let Some(handler) = handler {
            let options = &mut self.pipeline.nodes[node].handlers[handler].options;
            if options.kind().options.find(name).is_some() {
                if known && let Err(error) = options.set(name, &args) {
                    self.set_error(call, &error);
                }
                return target;
            }
        }
        let place = &mut self.pipeline.nodes[node];
        let spec = &self.surface.nodes()[place.spec];
        if spec.table.find(name).is_some() {
            if known && let Err(error) = spec.table.set(place.object.as_mut(), name, &args) {
                self.set_error(call, &error);
            }
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
            return if known { self.open_handler(node, kind, call, &args) } else { Val::Unknown };
        }
        if self.surface.node(name).is_some_and(|(_, spec)| !spec.source) || self.is_legacy_call(node, name) {
            self.legacy_seen.get_or_insert(call.name.span);
            return if known { self.make(node, name, call.name.span, args) } else { Val::Unknown };
        }
        self.no_property(node, handler, call)
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
        let mut diagnostic = Diagnostic::error(call.name.span, format!("{whose} has no property \"{name}\""));
        diagnostic.hint = near_hint(&near);
        self.diagnostics.push(diagnostic);
        Val::Node(node)
    }

    fn open_handler(&mut self, node: usize, kind: &Arc<Kind>, call: &Call, args: &[Argument]) -> Val {
        let mut options = HandlerOptions::new(Arc::clone(kind));
        if let Err(error) = options.construct(&call.name.name, args) {
            self.set_error(call, &error);
        }
        let handlers = &mut self.pipeline.nodes[node].handlers;
        handlers.push(OpenedHandler { options, span: call.name.span });
        Val::Handler { node, handler: handlers.len() - 1 }
    }

    fn set_error(&mut self, call: &Call, error: &SetError) {
        self.error(call.name.span, error.to_string());
    }

    /// A new node below `parent`.
    pub(super) fn make(&mut self, parent: usize, name: &str, span: Span, mut args: Vec<Argument>) -> Val {
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
        if let Some(diagnostic) = misplaced(spec, parent_spec, input, span) {
            self.diagnostics.push(diagnostic);
            return Val::Unknown;
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
        if let Err(error) = spec.table.construct(object.as_mut(), spec.name, &args) {
            self.error(span, error.to_string());
        }
        if let Some(measurement) = measurement
            && let Err(error) = spec.table.set(object.as_mut(), "measurement", &[measurement])
        {
            self.error(span, error.to_string());
        }
        if let Some(deadman) = object.downcast_ref::<Deadman>() {
            return self.deadman(parent, &deadman.clone(), span);
        }
        let is_childless = self.pipeline.children(parent).is_empty();
        let watches = object.is::<Stats>();
        let made = self.push(index, object, parents, span);
        if watches && is_childless {
            let (index, spec) = self.surface.no_op();
            self.push(index, spec.table.fresh(), vec![parent], span);
        }
        Val::Node(made)
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
        self.pipeline.nodes.push(PipelineNode {
            spec: index,
            name: format!("{}{named}", spec.id),
            object,
            parents,
            handlers: Vec::new(),
            quiet: false,
            span,
            gives,
        });
        number
    }
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
            let hint = if wanted == EdgeKind::Stream {
                "it reads points one by one; a window, a query or a selector of several points gives batches"
            } else {
                "it reads batches; put |window() before it"
            };
            let message =
                format!("{} reads a {} and {} gives a {}", spec.name, wanted.name(), parent.name, input.name());
            Some(Diagnostic::error(span, message).hint(hint))
        }
        _ => None,
    }
}
