//! What the references of a program are in rows of one kind, and the types that its parts have there.

use std::sync::Arc;

use model::{Name, Schema, ShapeId, Value};
use tickscript::ast::BinaryOp;

use crate::{
    EvalError, Program, Type,
    error::Side,
    operators::{result_type, takes},
    program::{Kind, Node, Shown},
};

/// The most arguments that any function takes.
pub(crate) const MAX_ARGS: usize = 4;

/// What a reference is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// The field with this index.
    Field(usize, Type),
    Tag,
    /// The earlier result with this index.
    Extra(usize, Type),
    Missing,
    /// Present, but without a value.
    Nil,
}

impl Slot {
    pub(crate) fn type_of(self) -> Option<Type> {
        match self {
            Slot::Field(_, found) | Slot::Extra(_, found) => Some(found),
            Slot::Tag => Some(Type::String),
            Slot::Missing => Some(Type::Missing),
            Slot::Nil => None,
        }
    }
}

/// Find what the references are; an error if one is both field and tag. `is_tag` is asked by a reference's index.
pub(crate) fn find_slots(
    program: &Program,
    names: &[Name],
    schema: &Schema,
    shape: ShapeId,
    extra: &[(Name, Value)],
    is_tag: impl Fn(usize) -> bool,
) -> Result<Box<[Slot]>, EvalError> {
    let shape = schema.shape(shape);
    let slot = |(i, name): (usize, &Name)| {
        let field = shape.find(*name);
        Ok(match field {
            Some(_) if is_tag(i) => return Err(EvalError::FieldAndTag(program.names[i].clone())),
            Some((index, field_type)) => Type::of_field(field_type).map_or(Slot::Nil, |t| Slot::Field(index, t)),
            None if is_tag(i) => Slot::Tag,
            None => extra_slot(extra, *name),
        })
    };
    names.iter().enumerate().map(slot).collect()
}

/// What a name is among earlier results; the last of a name counts.
pub(crate) fn extra_slot(extra: &[(Name, Value)], name: Name) -> Slot {
    match extra.iter().rposition(|(known, _)| *known == name) {
        Some(index) => match Type::of_field(extra[index].1.field_type()) {
            Some(found) => Slot::Extra(index, found),
            None => Slot::Nil,
        },
        None => Slot::Missing,
    }
}

/// The types of all parts, by their ids; nothing where there is no type but an error.
pub(crate) fn find_types(program: &Program, slots: &[Slot]) -> Box<[Option<Type>]> {
    let mut types = vec![None; program.nodes].into_boxed_slice();
    find_type(&program.root, slots, &mut types);
    types
}

fn find_type(node: &Node, slots: &[Slot], types: &mut [Option<Type>]) -> Option<Type> {
    let found = match &node.kind {
        Kind::Literal(literal) => Some(literal.type_of()),
        Kind::Reference(index) => slots[*index].type_of(),
        Kind::Time => Some(Type::Time),
        Kind::Not(inner) => {
            find_type(inner, slots, types);
            Some(Type::Bool)
        }
        Kind::Minus(inner) => find_type(inner, slots, types),
        Kind::Lambda { body, .. } => find_type(body, slots, types),
        Kind::Logic { terms, .. } => {
            for term in terms {
                find_type(term, slots, types);
            }
            Some(Type::Bool)
        }
        Kind::Binary { op, left, right } => {
            let (left, right) = (find_type(left, slots, types), find_type(right, slots, types));
            node.constant.or_else(|| result_type(*op, left?, right?))
        }
        Kind::Call { function, args, .. } => {
            let mut found = [Type::Missing; MAX_ARGS];
            let mut all = args.len() <= MAX_ARGS;
            for (i, arg) in args.iter().enumerate() {
                match find_type(arg, slots, types) {
                    Some(t) if all => found[i] = t,
                    _ => all = false,
                }
            }
            function.filter(|_| all).and_then(|f| f.returns(&found[..args.len()]))
        }
    };
    types[node.id] = found;
    found
}

/// The errors of parts that have no type, or whose operands have wrong ones.
#[derive(Clone, Copy)]
pub(crate) struct Blame<'a> {
    pub(crate) program: &'a Program,
    pub(crate) slots: &'a [Slot],
    pub(crate) types: &'a [Option<Type>],
}

impl Blame<'_> {
    /// The type of a part, or why it has none.
    pub(crate) fn type_of(&self, node: &Node) -> Result<Type, EvalError> {
        self.types[node.id].ok_or_else(|| self.of(node))
    }

    fn of(&self, node: &Node) -> EvalError {
        match &node.kind {
            Kind::Reference(index) => EvalError::Nil(self.program.names[*index].clone()),
            Kind::Minus(inner) => self.of(inner),
            Kind::Lambda { body, .. } => self.of(body),
            Kind::Binary { op, left, right } => self.operands(*op, left, right),
            Kind::Call { name, function: None, nearest, .. } => {
                EvalError::Function { name: name.clone(), nearest: *nearest }
            }
            Kind::Call { name, function: Some(function), args, .. } => {
                self.arguments(name, &function.signatures_text(), args)
            }
            // The others always have a type.
            Kind::Literal(_) | Kind::Time | Kind::Not(_) | Kind::Logic { .. } => EvalError::Result(Type::Missing),
        }
    }

    /// Why an operator does not take its operands.
    pub(crate) fn operands(&self, op: BinaryOp, left: &Node, right: &Node) -> EvalError {
        let found = match (self.type_of(left), self.type_of(right)) {
            (Err(error), _) | (_, Err(error)) => return error,
            (Ok(left), Ok(right)) => (left, right),
        };
        for (side, node, found) in [(Side::Left, left, found.0), (Side::Right, right, found.1)] {
            if found == Type::Missing {
                return EvalError::MissingOperand { side, name: self.missing_name(node) };
            }
        }
        if takes(op, found.0) {
            EvalError::Mismatch { op, left: found.0, right: found.1 }
        } else {
            EvalError::Operator { op, found: found.0 }
        }
    }

    /// The name of the reference in a part whose type is missing.
    pub(crate) fn missing_name(&self, node: &Node) -> Arc<str> {
        match &node.kind {
            Kind::Reference(index) => self.program.names[*index].clone(),
            Kind::Minus(inner) => self.missing_name(inner),
            Kind::Lambda { body, .. } => self.missing_name(body),
            _ => Shown(self.program, node).to_string().into(),
        }
    }

    fn arguments(&self, name: &Arc<str>, signatures: &str, args: &[Node]) -> EvalError {
        let mut shown = Vec::new();
        let mut missing = Vec::new();
        for (i, arg) in args.iter().enumerate() {
            match self.type_of(arg) {
                Err(error) => return EvalError::Argument { number: i + 1, source: Arc::new(error) },
                Ok(Type::Missing) => missing.push(Shown(self.program, arg).to_string()),
                Ok(found) => shown.push(format!("{}: {found}", Shown(self.program, arg))),
            }
        }
        if missing.is_empty() {
            let (args, signatures) = (shown.join(",").into(), signatures.into());
            return EvalError::Signature { name: name.clone(), args, signatures };
        }
        let present = self.program.names.iter().zip(self.slots).filter(|(_, slot)| **slot != Slot::Missing);
        let scope: Vec<_> = present.map(|(name, _)| format!("\"{name}\"")).collect();
        EvalError::MissingArgument {
            name: name.clone(),
            args: missing.join(", ").into(),
            scope: scope.join(", ").into(),
        }
    }
}
