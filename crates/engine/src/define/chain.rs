//! `|name(..)`, `.name(..)` and `@name(..)`: what a name means behind another, properties set, handlers opened.

use std::sync::Arc;

use alert::{HandlerOptions, Kind};
use declare::{Argument, SetError};
use tickscript::{
    Span,
    ast::{Call, Expr, ExprKind, Link},
};

use super::{
    Diagnostic, OpenedHandler, PropertyCall,
    error::near_hint,
    interpret::{Interpreter, Val},
    legacy,
    surface::same_name,
};
use crate::EdgeKind;

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
    pub(super) fn refusal(&self, error: &SetError, text: &str) -> Diagnostic {
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
        let known = self.diagnostics.len();
        let target = self.eval(left);
        // A node or property whose | or . was forgotten looks like a function: Kapacitor names what is chained behind it.
        if let (ExprKind::Call(_), Some(problem)) = (&left.kind, self.diagnostics.get_mut(known)) {
            problem.related.get_or_insert_with(|| (right.span, "this is chained to it".to_string()));
        }
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
                self.read_by_others.push(node);
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
}
