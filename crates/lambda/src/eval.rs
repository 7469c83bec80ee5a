//! The evaluation of all expressions, part by part: the reference for the fast code, and the source of all errors.

use std::{borrow::Cow, sync::Arc};

use tickscript::ast::BinaryOp;

use crate::{
    Context, EvalError, Program, State, Type,
    bind::{Blame, MAX_ARGS, Slot},
    functions::Env,
    operators::{apply, result_type},
    program::{Kind, Node},
    value::Val,
};

/// One evaluation of a program for one row.
pub(crate) struct Eval<'a, 'e> {
    pub(crate) program: &'a Program,
    pub(crate) names: &'a [model::Name],
    pub(crate) slots: &'a [Slot],
    pub(crate) types: &'a [Option<Type>],
    pub(crate) cx: &'a Context<'a>,
    pub(crate) state: &'e mut State,
    pub(crate) random: &'e mut u64,
    /// The memory that functions use at the moment.
    pub(crate) scope: usize,
}

impl<'a> Eval<'a, '_> {
    pub(crate) fn run(&mut self) -> Result<Val<'a>, EvalError> {
        let program = self.program;
        match self.blame().type_of(&program.root)? {
            found @ (Type::Time | Type::Regex) => Err(EvalError::Result(found)),
            _ => self.eval(&program.root),
        }
    }

    fn blame(&self) -> Blame<'a> {
        Blame { program: self.program, slots: self.slots, types: self.types }
    }

    /// The value of a part. Except below `!`, its type was asked before, so a call here has arguments that fit.
    fn eval(&mut self, node: &'a Node) -> Result<Val<'a>, EvalError> {
        match &node.kind {
            Kind::Literal(literal) => Ok(literal.val()),
            Kind::Reference(index) => self.reference(*index),
            Kind::Time => Ok(Val::Time(self.cx.row.time)),
            Kind::Not(inner) => match self.eval(inner)? {
                Val::Bool(v) => Ok(Val::Bool(!v)),
                other => Err(EvalError::Type { found: other.type_of(), expected: Type::Bool }),
            },
            Kind::Minus(inner) => self.minus(inner),
            Kind::Binary { op, left, right } => {
                self.check(*op, left, right)?;
                let left = self.eval(left)?;
                let right = self.eval(right)?;
                apply(*op, left, right)
            }
            Kind::Logic { op, terms } => self.logic(*op, terms),
            Kind::Call { .. } => self.call(node),
            Kind::Lambda { scope, body } => {
                let outer = std::mem::replace(&mut self.scope, *scope);
                let result = self.eval(body);
                self.scope = outer;
                result
            }
        }
    }

    fn reference(&self, index: usize) -> Result<Val<'a>, EvalError> {
        let (cx, name) = (self.cx, || self.program.names[index].clone());
        Ok(match self.slots[index] {
            Slot::Missing => return Err(EvalError::Missing(name())),
            Slot::Nil => return Err(EvalError::Nil(name())),
            Slot::Tag => {
                let tag = cx.schema.series(cx.row.series).tag(self.names[index]);
                Val::Str(Cow::Borrowed(tag.map_or("", |value| cx.schema.text(value))))
            }
            Slot::Extra(i, _) => match cx.extra.get(i).and_then(|(_, value)| Val::of_value(value)) {
                Some(value) => value,
                None => return Err(EvalError::Nil(name())),
            },
            Slot::Field(i, field_type) => {
                let word = cx.frame.word(cx.row, i);
                match field_type {
                    Type::Float => Val::Float(f64::from_bits(word)),
                    Type::Int => Val::Int(word as i64),
                    Type::Bool => Val::Bool(word != 0),
                    Type::Duration => Val::Duration(word as i64),
                    Type::Time => Val::Time(word as i64),
                    Type::String | Type::Regex | Type::Missing => Val::Str(Cow::Borrowed(cx.frame.text(word))),
                }
            }
        })
    }

    fn minus(&mut self, inner: &'a Node) -> Result<Val<'a>, EvalError> {
        if self.blame().type_of(inner)? == Type::Missing {
            return Err(EvalError::Missing(self.blame().missing_name(inner)));
        }
        Ok(match self.eval(inner)? {
            Val::Float(v) => Val::Float(-v),
            Val::Int(v) => Val::Int(v.wrapping_neg()),
            Val::Duration(v) => Val::Duration(v.wrapping_neg()),
            Val::Bool(v) => Val::Bool(!v),
            other => return Err(EvalError::Unary { op: '-', found: other.type_of() }),
        })
    }

    fn check(&self, op: BinaryOp, left: &Node, right: &Node) -> Result<(), EvalError> {
        match (self.types[left.id], self.types[right.id]) {
            (Some(l), Some(r)) if result_type(op, l, r).is_some() => Ok(()),
            _ => Err(self.blame().operands(op, left, right)),
        }
    }

    /// Types are asked from the last pair of terms to the first, as nested operators would; values until one decides.
    fn logic(&mut self, op: BinaryOp, terms: &'a [Node]) -> Result<Val<'a>, EvalError> {
        for (i, term) in terms.iter().enumerate().skip(2).rev() {
            if self.types[term.id] != Some(Type::Bool) {
                // What stands before is a boolean, whatever it is made of; any earlier term of that type stands for it.
                return Err(self.term_error(op, &terms[i]));
            }
        }
        if let [first, second, ..] = terms {
            self.check(op, first, second)?;
        }
        let decides = op == BinaryOp::Or;
        for term in terms {
            match self.eval(term)? {
                Val::Bool(v) if v == decides => return Ok(Val::Bool(decides)),
                Val::Bool(_) => {}
                other => return Err(EvalError::Type { found: other.type_of(), expected: Type::Bool }),
            }
        }
        Ok(Val::Bool(!decides))
    }

    fn term_error(&self, op: BinaryOp, right: &Node) -> EvalError {
        match self.blame().type_of(right) {
            Err(error) => error,
            Ok(Type::Missing) => {
                EvalError::MissingOperand { side: crate::Side::Right, name: self.blame().missing_name(right) }
            }
            Ok(found) => EvalError::Mismatch { op, left: Type::Bool, right: found },
        }
    }

    fn call(&mut self, node: &'a Node) -> Result<Val<'a>, EvalError> {
        let Kind::Call { name, function, nearest, args } = &node.kind else {
            return Err(EvalError::Result(Type::Missing));
        };
        if args.len() > MAX_ARGS {
            return Err(match self.blame().type_of(node) {
                Err(error) => error,
                Ok(found) => EvalError::Result(found),
            });
        }
        let mut values = [const { Val::Missing }; MAX_ARGS];
        for (i, arg) in args.iter().enumerate() {
            let wrap = |error| EvalError::Argument { number: i + 1, source: Arc::new(error) };
            if self.blame().type_of(arg).map_err(wrap)? != Type::Missing {
                values[i] = self.eval(arg).map_err(wrap)?;
            }
        }
        let Some(function) = function else {
            return Err(EvalError::Function { name: name.clone(), nearest: *nearest });
        };
        let mut env = Env {
            now: self.cx.now,
            zone: self.cx.zone,
            state: self.state,
            scope: self.scope,
            scopes: self.program.scopes,
            random: self.random,
        };
        function.call(&mut values[..args.len()], &mut env)
    }
}
