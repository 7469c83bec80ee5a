//! From the tree of a script to a program: names numbered, constant parts worked out, wrong types refused.

use std::sync::Arc;

use tickscript::ast::{BinaryOp, Call as CallExpr, Expr, ExprKind, UnaryOp};

use crate::{
    CompileError, CompileErrorKind, Program, State, Type, Zone,
    functions::{Env, function, nearest},
    operators::{apply, gives_bool, result_type, takes},
    program::{Kind, Node},
    value::{Literal, Val},
};

/// The deepest nesting of operators and calls; a row of equal `AND` or `OR` counts once.
const MAX_DEPTH: usize = 400;
/// The most parts of one expression.
const MAX_PARTS: usize = 50_000;

impl Program {
    /// Compile an expression, or the `lambda:` around it. All variables must have been replaced by their values.
    pub fn compile(expr: &Expr) -> Result<Program, CompileError> {
        let expr = match &expr.kind {
            ExprKind::Lambda(body) => body,
            _ => expr,
        };
        let mut compiler = Compiler::default();
        let root = compiler.node(expr, 0, 0)?;
        let Compiler { references, nodes, lambdas, stateful, random, reads_time } = compiler;
        let names = references.iter().map(|name| Arc::from(name.as_str())).collect();
        Ok(Program {
            root,
            references,
            names,
            nodes,
            scopes: lambdas + 1,
            stateful,
            deterministic: !random,
            reads_time,
        })
    }
}

#[derive(Default)]
struct Compiler {
    references: Vec<String>,
    nodes: usize,
    lambdas: usize,
    stateful: bool,
    random: bool,
    reads_time: bool,
}

fn refuse(expr: &Expr, kind: CompileErrorKind) -> CompileError {
    CompileError { kind, span: expr.span, at: expr.at }
}

impl Compiler {
    fn node(&mut self, expr: &Expr, depth: usize, scope: usize) -> Result<Node, CompileError> {
        if depth > MAX_DEPTH {
            return Err(refuse(expr, CompileErrorKind::TooDeep(MAX_DEPTH)));
        }
        if self.nodes > MAX_PARTS {
            return Err(refuse(expr, CompileErrorKind::TooLong(MAX_PARTS)));
        }
        let literal = |literal| Ok(Kind::Literal(literal));
        let kind = match &expr.kind {
            ExprKind::Int { value, .. } => literal(Literal::Int(*value)),
            ExprKind::Float(value) => literal(Literal::Float(*value)),
            ExprKind::Duration { nanos, .. } => literal(Literal::Duration(*nanos)),
            ExprKind::Bool(value) => literal(Literal::Bool(*value)),
            ExprKind::String { value, .. } => literal(Literal::Str(value.as_str().into())),
            ExprKind::Regex(pattern) => match tickscript::compile_regex(pattern) {
                Ok(regex) => literal(Literal::Regex(Arc::new(regex))),
                Err(error) => {
                    let text = error.to_string();
                    let text = text.strip_prefix("error parsing regexp: ").unwrap_or(&text);
                    Err(refuse(expr, CompileErrorKind::Regex(text.into())))
                }
            },
            ExprKind::Reference(name) => Ok(self.reference(name)),
            ExprKind::Unary { op, operand } => {
                let operand = Box::new(self.node(operand, depth + 1, scope)?);
                Ok(match op {
                    UnaryOp::Not => Kind::Not(operand),
                    UnaryOp::Minus => Kind::Minus(operand),
                })
            }
            ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), .. } => self.logic(expr, *op, depth, scope),
            ExprKind::Binary { op, left, right, .. } => {
                let left = Box::new(self.node(left, depth + 1, scope)?);
                let right = Box::new(self.node(right, depth + 1, scope)?);
                check(expr, *op, &left, &right)?;
                Ok(Kind::Binary { op: *op, left, right })
            }
            ExprKind::Call(call) => self.call(call, depth, scope),
            ExprKind::Lambda(body) => {
                self.lambdas += 1;
                let scope = self.lambdas;
                Ok(Kind::Lambda { scope, body: Box::new(self.node(body, depth + 1, scope)?) })
            }
            ExprKind::Ident(name) => Err(refuse(expr, CompileErrorKind::Variable(name.as_str().into()))),
            ExprKind::Star => Err(refuse(expr, CompileErrorKind::NotAnExpression("a star"))),
            ExprKind::List(_) => Err(refuse(expr, CompileErrorKind::NotAnExpression("a list"))),
            ExprKind::Chain { .. } => Err(refuse(expr, CompileErrorKind::NotAnExpression("a pipeline"))),
        }?;
        Ok(self.finish(kind))
    }

    fn reference(&mut self, name: &str) -> Kind {
        if name == "time" {
            self.reads_time = true;
            return Kind::Time;
        }
        let index = self.references.iter().position(|known| known == name).unwrap_or_else(|| {
            self.references.push(name.to_owned());
            self.references.len() - 1
        });
        Kind::Reference(index)
    }

    /// `a AND b AND c`, which the tree nests to the left, as one list of terms.
    fn logic(&mut self, expr: &Expr, op: BinaryOp, depth: usize, scope: usize) -> Result<Kind, CompileError> {
        let mut rights = Vec::new();
        let mut first = expr;
        while let ExprKind::Binary { op: inner, left, right, .. } = &first.kind {
            if *inner != op {
                break;
            }
            rights.push((first, &**right));
            first = left;
        }
        let mut terms = vec![self.node(first, depth + 1, scope)?];
        for (i, (at, right)) in rights.into_iter().rev().enumerate() {
            let term = self.node(right, depth + 1, scope)?;
            if i == 0 {
                check(at, op, &terms[0], &term)?;
            } else {
                check_types(at, op, Some(Type::Bool), if term.dynamic { None } else { term.constant })?;
            }
            terms.push(term);
        }
        Ok(Kind::Logic { op, terms })
    }

    fn call(&mut self, call: &CallExpr, depth: usize, scope: usize) -> Result<Kind, CompileError> {
        let mut args = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            args.push(self.node(arg, depth + 1, scope)?);
        }
        let name = call.name.name.as_str();
        let function = function(name);
        if let Some(f) = function {
            self.stateful |= f.stateful;
            self.random |= !f.deterministic;
        }
        let nearest = if function.is_none() { nearest(name) } else { None };
        Ok(Kind::Call { name: name.into(), function, nearest, args })
    }

    fn finish(&mut self, kind: Kind) -> Node {
        let id = self.nodes;
        self.nodes += 1;
        let (dynamic, constant) = match &kind {
            Kind::Literal(literal) => (false, Some(literal.type_of())),
            Kind::Reference(_) | Kind::Time | Kind::Call { .. } => (true, None),
            Kind::Not(_) | Kind::Logic { .. } => (false, Some(Type::Bool)),
            Kind::Minus(inner) => (inner.constant.is_none() && inner.dynamic, inner.constant),
            Kind::Lambda { body, .. } => (body.dynamic, body.constant),
            Kind::Binary { op, left, right } => {
                let constant = match (left.constant, right.constant) {
                    _ if gives_bool(*op) => Some(Type::Bool),
                    (Some(left), Some(right)) => result_type(*op, left, right),
                    _ => None,
                };
                (constant.is_none() && (left.dynamic || right.dynamic), constant)
            }
        };
        let kind = match fold(&kind) {
            Some(literal) => Kind::Literal(literal),
            None => kind,
        };
        Node { id, kind, dynamic, constant }
    }
}

/// Refuse operands of wrong types, if both types are the same for all rows.
fn check(expr: &Expr, op: BinaryOp, left: &Node, right: &Node) -> Result<(), CompileError> {
    if left.dynamic || right.dynamic {
        return Ok(());
    }
    check_types(expr, op, left.constant, right.constant)
}

fn check_types(expr: &Expr, op: BinaryOp, left: Option<Type>, right: Option<Type>) -> Result<(), CompileError> {
    let (Some(left), Some(right)) = (left, right) else { return Ok(()) };
    if result_type(op, left, right).is_some() {
        Ok(())
    } else if !takes(op, left) {
        Err(refuse(expr, CompileErrorKind::Operator { op, found: left }))
    } else {
        Err(refuse(expr, CompileErrorKind::Mismatch { op, left, right }))
    }
}

/// The value of a part that has only constants in it; nothing if it can't be worked out, or not once for all.
fn fold(kind: &Kind) -> Option<Literal> {
    let literal = |node: &Node| match &node.kind {
        Kind::Literal(literal) => Some(literal.clone()),
        _ => None,
    };
    match kind {
        Kind::Literal(_) | Kind::Reference(_) | Kind::Time => None,
        Kind::Not(inner) => match literal(inner)? {
            Literal::Bool(v) => Some(Literal::Bool(!v)),
            _ => None,
        },
        Kind::Minus(inner) => Some(match literal(inner)? {
            Literal::Bool(v) => Literal::Bool(!v),
            Literal::Int(v) => Literal::Int(v.wrapping_neg()),
            Literal::Duration(v) => Literal::Duration(v.wrapping_neg()),
            Literal::Float(v) => Literal::Float(-v),
            _ => return None,
        }),
        Kind::Binary { op, left, right } => {
            let (left, right) = (literal(left)?, literal(right)?);
            result_type(*op, left.type_of(), right.type_of())?;
            Literal::of_val(apply(*op, left.val(), right.val()).ok()?)
        }
        Kind::Logic { op, terms } => {
            let values: Option<Vec<_>> = terms.iter().map(literal).collect();
            let bools = values?.into_iter().map(|v| if let Literal::Bool(v) = v { Some(v) } else { None });
            let bools: Vec<bool> = bools.collect::<Option<_>>()?;
            Some(Literal::Bool(match op {
                BinaryOp::And => bools.iter().all(|v| *v),
                _ => bools.iter().any(|v| *v),
            }))
        }
        Kind::Lambda { body, .. } => literal(body),
        Kind::Call { function, args, .. } => fold_call((*function)?, args),
    }
}

fn fold_call(function: &'static crate::functions::Function, args: &[Node]) -> Option<Literal> {
    if function.stateful || !function.deterministic {
        return None;
    }
    let mut vals: Vec<Val<'_>> = Vec::new();
    for arg in args {
        let Kind::Literal(literal) = &arg.kind else { return None };
        vals.push(literal.val());
    }
    let types: Vec<Type> = vals.iter().map(Val::type_of).collect();
    function.returns(&types)?;
    // No function without references reads the zone or the time.
    let mut env = Env { now: 0, zone: &Zone::Utc, state: &mut State::default(), scope: 0, scopes: 1, random: &mut 0 };
    Literal::of_val(function.call(&mut vals, &mut env).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Comparison, Constant, Phase};

    fn compile(text: &str) -> Result<Program, CompileError> {
        Program::compile(&tickscript::parse_lambda(text).unwrap())
    }

    #[test]
    fn constants_are_worked_out() {
        for (text, want) in [
            ("1 + 2 * 3", "7"),
            ("-7 / 2", "-3"),
            ("'a' + 'b' == 'ab'", "true"),
            ("TRUE AND FALSE OR TRUE", "true"),
            ("string(1h / 2)", "30m"),
            ("if(1 < 2, sqrt(4.0), 0.0)", "2"),
            ("!TRUE", "false"),
        ] {
            let program = compile(text).unwrap();
            assert!(program.is_constant(), "{text}");
            assert_eq!(program.to_string(), want);
        }
        for text in ["1 / 0", "count()", "now()", "rand(3)", "\"a\" + 1", "int('x')", "!1", "strLength(5)"] {
            assert!(!compile(text).unwrap().is_constant(), "{text}");
        }
    }

    #[test]
    fn wrong_types_are_refused_with_their_place() {
        let error = compile("\"a\" > 1 AND 1 + 1.0 > 2.0").unwrap_err();
        assert_eq!(error.at, 14);
        assert_eq!(error.phase(), Phase::Enable);
        assert!(error.to_string().starts_with("mismatched type to binary operator. got int + float."));
        assert_eq!(compile("1.0 % 2.0").unwrap_err().to_string(), "invalid math operator % for type float");
        assert_eq!(compile("\"a\" > 1 AND 5").unwrap_err().at, 8);
        assert!(compile("sqrt(4.0) + 'x' == \"a\" AND !1").is_ok(), "Kapacitor finds these row by row");
        let error = compile("x > 1").unwrap_err();
        assert_eq!((error.phase(), error.at), (Phase::Define, 0));
    }

    #[test]
    fn thresholds_are_seen() {
        let threshold = compile("80 <= \"usage\"").unwrap().threshold().unwrap();
        assert_eq!(threshold.name, "usage");
        assert_eq!((threshold.comparison, threshold.constant), (Comparison::GreaterEqual, Constant::Int(80)));
        assert_eq!(compile("\"a\" < -(1.0 + 2.0)").unwrap().threshold().unwrap().constant, Constant::Float(-3.0));
        for text in ["\"a\" > \"b\"", "\"time\" > 1", "\"a\" == 'x'", "\"a\" + 1 > 2", "!(\"a\" > 1)"] {
            assert_eq!(compile(text).unwrap().threshold(), None, "{text}");
        }
    }

    #[test]
    fn what_is_read_and_what_it_gives() {
        let program = compile("\"b\" > 1 AND \"a\" < \"b\" AND hour(\"time\") > 3").unwrap();
        assert_eq!(program.references(), ["b", "a"]);
        assert!(program.reads_time() && !program.tags_only(|_| true));
        assert_eq!(program.result_type_known(), Some(Type::Bool));
        let program = compile("\"host\" == 'a'").unwrap();
        assert!(program.tags_only(|name| name == "host") && !program.tags_only(|_| false));
        assert_eq!(compile("\"a\" + 1").unwrap().result_type_known(), None);
        assert_eq!(compile("strLength(\"a\") + 1").unwrap().result_type_known(), Some(Type::Int));
        let program = compile("sigma(\"a\") > 3.0").unwrap();
        assert!(program.stateful() && !program.is_pure());
    }

    #[test]
    fn depth_is_bounded_but_not_for_rows_of_or() {
        let many = vec!["\"host\" == 'a'"; 480].join(" OR ");
        assert!(compile(&many).is_ok());
        let deep = vec!["\"a\""; 900].join(" + ");
        assert!(matches!(compile(&deep).unwrap_err().kind, CompileErrorKind::TooDeep(_)));
    }
}
