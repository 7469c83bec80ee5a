//! A script becomes a pipeline: statements are walked in order, all that is wrong is collected.

use std::{collections::HashMap, sync::Arc};

use declare::{Argument, Lambda, nearest};
use tickscript::{
    Span,
    ast::{Expr, ExprKind, Ident, Script, Statement, StatementKind, UnaryOp},
    rewrite, walk, walk_script,
};

use super::{
    DefineError, Diagnostic, Pipeline, PipelineNode, Severity, Surface, Var, VarType, Vars,
    constant::constant,
    error::near_hint,
    legacy,
    values::{from_value, literal},
};
use crate::{EdgeKind, Place};

/// What is asked for besides the script.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Values for the script's variables.
    pub vars: Vars,
    /// A template: variables without a value are let be.
    pub template: bool,
}

/// A script that was understood.
pub struct Defined {
    pub pipeline: Pipeline,
    /// `EdgeKind::Stream` or `EdgeKind::Batch`, by what the script reads.
    pub kind: EdgeKind,
    /// From its `dbrp` statements.
    pub dbrps: Vec<(String, String)>,
    /// The variables it declares, with their own values.
    pub vars: Vars,
    /// The script in its canonical form.
    pub formatted: String,
    pub warnings: Vec<Diagnostic>,
}

/// The most nodes and properties of one script: what is made of it is checked and drawn as a whole.
const MOST_LINKS: usize = 20_000;

/// Interpret and check a script.
///
/// # Errors
/// All that is wrong with it at once.
pub fn define(surface: &Surface, text: &str, request: &Request) -> Result<Defined, DefineError> {
    let script = tickscript::parse(text).map_err(|error| {
        let mut message = error.message.clone();
        if !error.expected.is_empty() {
            message.push_str(&format!(", expected {}", error.expected.join(", ")));
        }
        let mut diagnostic = Diagnostic::error(error.span, message);
        diagnostic.hint = error.hint.clone();
        DefineError::script(text, vec![diagnostic])
    })?;
    let mut links = 0;
    walk_script(&script, &mut |expr| links += usize::from(matches!(expr.kind, ExprKind::Chain { .. })));
    if links > MOST_LINKS {
        let message = format!("the script has {links} nodes and properties, at most {MOST_LINKS} are possible");
        let error = Diagnostic::error(Span::default(), message).hint("make several tasks of it");
        return Err(DefineError::script(text, vec![error]));
    }
    let kind = kind_of(&script)?;
    let mut interpreter = Interpreter {
        surface,
        request,
        kind,
        legacy: legacy::is_legacy(&script),
        legacy_seen: None,
        pipeline: Pipeline::default(),
        bindings: HashMap::new(),
        declared: Vars::new(),
        dbrps: Vec::new(),
        diagnostics: Vec::new(),
    };
    interpreter.source();
    for statement in &script.statements {
        interpreter.statement(statement);
    }
    interpreter.global_deadman();
    interpreter.finish(text, &script)
}

/// Which of `stream` and `batch` a script reads.
fn kind_of(script: &Script) -> Result<EdgeKind, DefineError> {
    let (mut stream, mut batch) = (false, false);
    let mut look = |expr: &Expr| match &expr.kind {
        ExprKind::Ident(name) if name == "stream" => stream = true,
        ExprKind::Ident(name) if name == "batch" => batch = true,
        _ => {}
    };
    for statement in &script.statements {
        match &statement.kind {
            // A name alone reads nothing.
            StatementKind::Expr(Expr { kind: ExprKind::Ident(_), .. }) => {}
            StatementKind::Expr(expr) | StatementKind::Var { value: expr, .. } => walk(expr, &mut look),
            StatementKind::VarType { .. } | StatementKind::Dbrp { .. } => {}
        }
    }
    match (stream, batch) {
        (true, false) => Ok(EdgeKind::Stream),
        (false, true) => Ok(EdgeKind::Batch),
        (true, true) => Err(DefineError::Kind(
            "invalid task type: the script uses both stream and batch; make two tasks of it".to_string(),
        )),
        (false, false) => Err(DefineError::Kind(
            "invalid task type: the script reads neither from stream nor from batch; begin a pipeline with one of them"
                .to_string(),
        )),
    }
}

/// What an expression of a script stands for.
#[derive(Debug, Clone)]
pub(super) enum Val {
    Arg(Argument),
    Node(usize),
    /// A handler opened on an alert node: what follows is looked up there first.
    Handler {
        node: usize,
        handler: usize,
    },
    /// The name `influxql` of the old dialect.
    Influxql,
    /// `influxql.count('value')`
    MapReduce {
        name: String,
        args: Vec<Argument>,
    },
    /// Something wrong was already reported of it.
    Unknown,
}

struct Binding {
    value: Val,
    span: Span,
    used: bool,
}

pub(super) struct Interpreter<'a> {
    pub(super) surface: &'a Surface,
    request: &'a Request,
    pub(super) kind: EdgeKind,
    pub(super) legacy: bool,
    /// Where `.` was first used to chain.
    pub(super) legacy_seen: Option<Span>,
    pub(super) pipeline: Pipeline,
    bindings: HashMap<String, Binding>,
    declared: Vars,
    dbrps: Vec<(String, String)>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Interpreter<'_> {
    fn source(&mut self) {
        let name = if self.kind == EdgeKind::Stream { "stream" } else { "batch" };
        let (spec, node) = self.surface.node(name).expect("the sources are in the list of nodes");
        self.pipeline.nodes.push(PipelineNode {
            spec,
            name: format!("{name}0"),
            object: node.table.fresh(),
            parents: Vec::new(),
            handlers: Vec::new(),
            quiet: false,
            span: Span::default(),
            gives: self.kind,
        });
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(span, message));
    }

    fn statement(&mut self, statement: &Statement) {
        match &statement.kind {
            StatementKind::Dbrp { database, retention_policy } => {
                self.dbrps.push((database.clone(), retention_policy.clone()));
            }
            StatementKind::VarType { name, type_name } => self.declare_type(statement, name, type_name),
            StatementKind::Var { name, value } => self.declare(statement, name, value),
            // A name on its own does nothing, so it need not be known: Kapacitor reads `1e3` as `1` and `e3`.
            StatementKind::Expr(Expr { kind: ExprKind::Ident(name), .. }) => {
                if let Some(binding) = self.bindings.get_mut(name) {
                    binding.used = true;
                }
            }
            StatementKind::Expr(expr) => {
                self.eval(expr);
            }
        }
    }

    fn declare_type(&mut self, statement: &Statement, name: &Ident, type_name: &Ident) {
        let Some(var_type) = VarType::parse(&type_name.name) else {
            let mut diagnostic =
                Diagnostic::error(type_name.span, format!("there is no type {} for variables", type_name.name));
            diagnostic.hint = near_hint(&nearest(&type_name.name, VarType::names()))
                .or_else(|| Some(format!("types are {}", VarType::names().collect::<Vec<_>>().join(", "))));
            return self.diagnostics.push(diagnostic);
        };
        let var = Var { var_type, value: None, description: description(statement) };
        self.declared.insert(name.name.clone(), var);
        let value = match self.given(name, var_type) {
            Some(value) => Val::Arg(value),
            None if self.request.template => Val::Arg(var_type.zero()),
            None => {
                if !self.request.vars.contains_key(&name.name) {
                    self.error(name.span, format!("missing value for var {:?}", name.name));
                }
                Val::Unknown
            }
        };
        self.bind(name, value);
    }

    fn declare(&mut self, statement: &Statement, name: &Ident, value: &Expr) {
        let mut value = self.eval(value);
        let var_type = match &value {
            Val::Arg(value) => VarType::of(value),
            _ => None,
        };
        if let (Some(var_type), Val::Arg(own)) = (var_type, &value) {
            let var = Var { var_type, value: Some(own.clone()), description: description(statement) };
            self.declared.insert(name.name.clone(), var);
            if let Some(given) = self.given(name, var_type) {
                value = Val::Arg(given);
            }
        }
        self.bind(name, value);
    }

    /// The value that the request has for a variable; a wrong type is reported.
    fn given(&mut self, name: &Ident, var_type: VarType) -> Option<Argument> {
        let given = self.request.vars.get(&name.name)?;
        if given.var_type != var_type {
            let message = format!(
                "invalid type supplied for {}, got {} expected {}",
                name.name,
                given.var_type.name(),
                var_type.name()
            );
            self.error(name.span, message);
            return None;
        }
        given.value.clone()
    }

    fn bind(&mut self, name: &Ident, value: Val) {
        let source = if self.kind == EdgeKind::Stream { "stream" } else { "batch" };
        if name.name == source || self.bindings.contains_key(&name.name) {
            return self.diagnostics.push(
                Diagnostic::error(name.span, format!("attempted to redefine {}, vars are immutable", name.name))
                    .hint("give it another name"),
            );
        }
        self.bindings.insert(name.name.clone(), Binding { value, span: name.span, used: false });
    }

    fn look_up(&mut self, name: &str, span: Span) -> Val {
        if (name == "stream" && self.kind == EdgeKind::Stream) || (name == "batch" && self.kind == EdgeKind::Batch) {
            return Val::Node(0);
        }
        if let Some(binding) = self.bindings.get_mut(name) {
            binding.used = true;
            return binding.value.clone();
        }
        if name == "influxql" && self.legacy {
            return Val::Influxql;
        }
        let known = self.bindings.keys().map(String::as_str).chain(["stream", "batch"]);
        let mut diagnostic = Diagnostic::error(span, format!("name \"{name}\" is undefined"));
        diagnostic.hint = near_hint(&nearest(name, known));
        self.diagnostics.push(diagnostic);
        Val::Unknown
    }

    pub(super) fn eval(&mut self, expr: &Expr) -> Val {
        Val::Arg(match &expr.kind {
            ExprKind::Int { value, .. } => Argument::Int(*value),
            ExprKind::Float(value) => Argument::Float(*value),
            ExprKind::Duration { nanos, .. } => Argument::Duration(*nanos),
            ExprKind::Bool(value) => Argument::Bool(*value),
            ExprKind::String { value, .. } => Argument::String(value.clone()),
            ExprKind::Regex(text) => Argument::Regex(text.clone()),
            ExprKind::Star => Argument::Star,
            ExprKind::Reference(name) => Argument::Reference(name.clone()),
            ExprKind::List(items) => return self.list(items),
            ExprKind::Ident(name) => return self.look_up(name, expr.span),
            ExprKind::Lambda(body) => return self.lambda(body),
            ExprKind::Unary { op, operand } => return self.unary(expr, *op, operand),
            ExprKind::Binary { .. } => return self.constant(expr),
            ExprKind::Call(call) => return self.global_call(expr, call),
            ExprKind::Chain { left, link, right } => return self.chain(left, *link, right),
        })
    }

    fn list(&mut self, items: &[Expr]) -> Val {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            match self.argument(item) {
                Some(value) => values.push(value),
                None => return Val::Unknown,
            }
        }
        Val::Arg(Argument::List(values))
    }

    /// An expression as an argument; `None` if something wrong was reported.
    pub(super) fn argument(&mut self, expr: &Expr) -> Option<Argument> {
        match self.eval(expr) {
            Val::Arg(Argument::Reference(text)) if self.legacy => Some(Argument::String(text)),
            Val::Arg(value) => Some(value),
            Val::Node(node) | Val::Handler { node, .. } => Some(Argument::Node(node)),
            Val::Influxql | Val::MapReduce { .. } => {
                self.error(expr.span, "influxql functions can only be an argument of mapReduce");
                None
            }
            Val::Unknown => None,
        }
    }

    fn lambda(&mut self, body: &Expr) -> Val {
        match self.resolved(body) {
            Some(expr) => {
                let text = tickscript::format_expr(&expr);
                Val::Arg(Argument::Lambda(Lambda { expr: Arc::new(expr), text }))
            }
            None => Val::Unknown,
        }
    }

    /// The expression with all variables replaced by their values.
    fn resolved(&mut self, body: &Expr) -> Option<Expr> {
        let mut expr = body.clone();
        let mut fine = true;
        rewrite(&mut expr, &mut |part| {
            let ExprKind::Ident(name) = &part.kind else { return };
            let value = self.look_up(name, part.span);
            match literal(value) {
                Ok(kind) => part.kind = kind,
                Err(None) => fine = false,
                Err(Some(what)) => {
                    self.error(part.span, format!("variable {name} is {what}, which cannot be used in an expression"));
                    fine = false;
                }
            }
        });
        fine.then_some(expr)
    }

    fn unary(&mut self, expr: &Expr, op: UnaryOp, operand: &Expr) -> Val {
        let value = match self.eval(operand) {
            Val::Arg(value) => value,
            Val::Unknown => return Val::Unknown,
            _ => {
                self.error(expr.span, format!("{} needs a value", op.symbol()));
                return Val::Unknown;
            }
        };
        Val::Arg(match (op, value) {
            (UnaryOp::Minus, Argument::Int(v)) => Argument::Int(v.wrapping_neg()),
            (UnaryOp::Minus, Argument::Float(v)) => Argument::Float(-v),
            (UnaryOp::Minus, Argument::Duration(v)) => Argument::Duration(v.wrapping_neg()),
            (UnaryOp::Not, Argument::Bool(v)) => Argument::Bool(!v),
            (op, value) => {
                self.error(expr.span, format!("invalid argument to '{}': {}", op.symbol(), value.describe()));
                return Val::Unknown;
            }
        })
    }

    /// Arithmetic on values that are known now.
    pub(super) fn constant(&mut self, expr: &Expr) -> Val {
        let Some(resolved) = self.resolved(expr) else { return Val::Unknown };
        match constant(&resolved) {
            Ok(value) => match from_value(value) {
                Some(value) => Val::Arg(value),
                None => {
                    self.error(expr.span, "the expression has no value that a script could use");
                    Val::Unknown
                }
            },
            Err(why) => {
                self.error(expr.span, why);
                Val::Unknown
            }
        }
    }

    fn finish(mut self, text: &str, script: &Script) -> Result<Defined, DefineError> {
        self.check();
        let mut errors: Vec<Diagnostic> = std::mem::take(&mut self.diagnostics);
        if errors.iter().any(|diagnostic| diagnostic.severity == Severity::Error) {
            errors.sort_by_key(|diagnostic| diagnostic.span.start);
            errors.dedup();
            return Err(DefineError::script(text, errors));
        }
        let mut warnings = errors;
        if let Some(span) = self.legacy_seen {
            warnings.push(
                Diagnostic::deprecated(span, "chaining nodes with '.' is deprecated")
                    .hint("write '|' before a node's name; '.' is for properties"),
            );
        }
        if !self.request.template {
            let mut unused: Vec<_> = self.bindings.iter().filter(|(_, binding)| !binding.used).collect();
            unused.retain(|(_, binding)| matches!(binding.value, Val::Arg(_)));
            unused.sort_by_key(|(_, binding)| binding.span.start);
            warnings.extend(
                unused
                    .into_iter()
                    .map(|(name, binding)| Diagnostic::warning(binding.span, format!("variable {name} is never used"))),
            );
        }
        Ok(Defined {
            pipeline: self.pipeline,
            kind: self.kind,
            dbrps: self.dbrps,
            vars: self.declared,
            formatted: tickscript::format(script),
            warnings,
        })
    }

    /// Every node on its own, with its parents known.
    fn check(&mut self) {
        for index in 1..self.pipeline.nodes.len() {
            let node = &self.pipeline.nodes[index];
            let parent = node.parents.first().map(|&parent| &self.pipeline.nodes[parent]);
            let place = Place {
                input: parent.map_or(EdgeKind::None, |parent| parent.gives),
                parents: node.parents.len(),
                parent: parent.map_or("", |parent| self.surface.nodes()[parent.spec].name),
            };
            let spec = &self.surface.nodes()[node.spec];
            if let Err(why) = spec.check(node.object.as_ref(), &place) {
                self.diagnostics.push(Diagnostic::error(node.span, why));
            }
            for handler in &node.handlers {
                if let Err(why) = handler.options.check() {
                    self.diagnostics.push(Diagnostic::error(handler.span, why.to_string()));
                }
            }
        }
    }
}

fn description(statement: &Statement) -> String {
    let text = |comment: &'_ tickscript::ast::Comment| -> String {
        if comment.is_blank_line() { comment.text.clone() } else { comment.text.trim().to_string() }
    };
    let lines: Vec<String> = statement.comments.iter().map(text).collect();
    lines.join("\n")
}
