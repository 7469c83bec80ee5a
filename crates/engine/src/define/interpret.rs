//! A script becomes a pipeline: statements are walked in order, all that is wrong is collected.

use std::{collections::HashMap, sync::Arc};

use declare::{Argument, Lambda};
use tickscript::{
    Damage, DamageKind, Span,
    ast::{Expr, ExprKind, Script, Statement, StatementKind, UnaryOp},
    rewrite,
};

use super::{
    Diagnostic, Pipeline, PipelineNode, Request, Surface, Vars,
    constant::constant,
    lambdas::LambdaUse,
    legacy,
    read::Read,
    upgrade::Edit,
    values::{from_value, literal},
    variables::Binding,
};
use crate::EdgeKind;

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

pub(super) struct Interpreter<'a> {
    pub(super) surface: &'a Surface,
    pub(super) request: &'a Request,
    pub(super) text: &'a str,
    damages: &'a [Damage],
    pub(super) kind: EdgeKind,
    pub(super) legacy: bool,
    /// Where `.` was first used to chain.
    pub(super) legacy_seen: Option<Span>,
    /// Nodes from which functions read that are not known here.
    pub(super) read_by_others: Vec<usize>,
    /// All lambdas that were given to nodes.
    pub(super) lambdas: Vec<LambdaUse>,
    /// What today's dialect has in places of the old one.
    pub(super) edits: Vec<Edit>,
    pub(super) pipeline: Pipeline,
    pub(super) bindings: HashMap<String, Binding>,
    pub(super) declared: Vars,
    pub(super) dbrps: Vec<(String, String)>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

/// Walk a script. What is wrong is in the result's diagnostics, behind what was found when it was read.
pub(super) fn interpret<'a>(surface: &'a Surface, request: &'a Request, read: &'a Read<'a>) -> Interpreter<'a> {
    let mut interpreter = Interpreter {
        surface,
        request,
        text: read.text,
        damages: &read.damages,
        kind: read.kind,
        legacy: legacy::is_legacy(&read.script),
        legacy_seen: None,
        read_by_others: Vec::new(),
        lambdas: Vec::new(),
        edits: Vec::new(),
        pipeline: Pipeline::default(),
        bindings: HashMap::new(),
        declared: Vars::new(),
        dbrps: Vec::new(),
        diagnostics: read.diagnostics.clone(),
    };
    interpreter.source();
    interpreter.lost_variables();
    interpreter.statements(&read.script);
    interpreter.global_deadman();
    interpreter.check();
    interpreter.warn_of_dialect();
    interpreter.warn_of_unused();
    interpreter
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
            calls: Vec::new(),
            doubtful: false,
            gives: self.kind,
            gives_a_guess: false,
        });
    }

    fn warn_of_dialect(&mut self) {
        if let Some(span) = self.legacy_seen {
            let warning = Diagnostic::deprecated(span, "chaining nodes with '.' is deprecated")
                .hint("write '|' before a node's name; '.' is for properties");
            self.diagnostics.push(warning);
        }
    }

    pub(super) fn error(&mut self, span: Span, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic::error(span, message));
    }

    fn statements(&mut self, script: &Script) {
        for (index, statement) in script.statements.iter().enumerate() {
            let next = script.statements.get(index + 1).map_or(u32::MAX, |next| next.span.start);
            self.statement(statement, next);
        }
    }

    /// What stands for a value behind which a part of the script may have been lost.
    pub(super) fn behind_damage(&mut self, value: Val, from: u32, to: u32) -> Val {
        let mut value = value;
        for damage in self.damages.iter().filter(|damage| from <= damage.span.start && damage.span.start < to) {
            let (Val::Node(node) | Val::Handler { node, .. }) = value else { continue };
            match damage.kind {
                DamageKind::Property => {
                    self.pipeline.nodes[node].doubtful = true;
                    let name = damage.name.as_deref().unwrap_or_default();
                    if self.surface.handlers().by_method(name).is_some() || self.surface.node(name).is_some() {
                        value = Val::Unknown;
                    }
                }
                DamageKind::Node => value = Val::Unknown,
                DamageKind::Head | DamageKind::Statement => {}
            }
        }
        value
    }

    /// Whether a name only fills the place of something that could not be read.
    pub(super) fn is_damaged(&self, span: Span) -> bool {
        self.damages.iter().any(|damage| damage.span.start <= span.start && span.start < damage.span.end)
    }

    /// Variables whose declarations could not be read are known, but not what they are.
    fn lost_variables(&mut self) {
        for damage in self.damages.iter().filter(|damage| damage.kind == DamageKind::Statement) {
            let Some(name) = &damage.name else { continue };
            let binding = Binding { value: Val::Unknown, span: damage.span, used: true };
            self.bindings.insert(name.clone(), binding);
        }
    }

    fn statement(&mut self, statement: &Statement, next: u32) {
        match &statement.kind {
            StatementKind::Dbrp { database, retention_policy } => {
                self.dbrps.push((database.clone(), retention_policy.clone()));
            }
            StatementKind::VarType { name, type_name } => self.declare_type(statement, name, type_name),
            StatementKind::Var { name, value } => self.declare(statement, name, value, next),
            // A name on its own does nothing, so it need not be known: Kapacitor reads `1e3` as `1` and `e3`.
            StatementKind::Expr(Expr { kind: ExprKind::Ident(name), .. }) => {
                if let Some(binding) = self.bindings.get_mut(name) {
                    binding.used = true;
                }
            }
            StatementKind::Expr(expr) => {
                let value = self.eval(expr);
                self.behind_damage(value, expr.span.end, next);
            }
        }
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
            ExprKind::Ident(name) => return self.look_up(name, expr.span, false),
            ExprKind::Lambda(body) => return self.lambda(body),
            ExprKind::Unary { op, operand } => return self.unary(expr, *op, operand),
            ExprKind::Binary { .. } => return self.constant(expr),
            ExprKind::Call(call) => return self.global_call(expr, call),
            ExprKind::Chain { left, link, right } => return self.chain(left, *link, right, expr.at),
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
            Val::Arg(Argument::Reference(text)) if self.legacy => {
                if matches!(expr.kind, ExprKind::Reference(_)) {
                    self.edits.push(Edit::new(expr.span.start, expr.span.end, tickscript::quote_string(&text)));
                }
                Some(Argument::String(text))
            }
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
            let value = self.look_up(name, part.span, true);
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
            Err(error) => {
                self.diagnostics.push(error.diagnostic(expr.span));
                Val::Unknown
            }
        }
    }
}
