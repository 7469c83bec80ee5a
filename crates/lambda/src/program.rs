//! A compiled lambda expression: its parts, and what can be told about it without any row.

use std::{fmt, sync::Arc};

use tickscript::ast::BinaryOp;

use crate::{
    Type,
    functions::Function,
    operators::{gives_bool, result_type},
    value::Literal,
};

/// A compiled lambda expression, shared by all who evaluate it.
#[derive(Debug)]
pub struct Program {
    pub(crate) root: Node,
    /// Fields and tags read, in the order of their first mention.
    pub(crate) references: Vec<String>,
    /// The same, as errors hold them.
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) nodes: usize,
    /// Memories needed: the expression's own and one for each lambda inside.
    pub(crate) scopes: usize,
    pub(crate) stateful: bool,
    pub(crate) deterministic: bool,
    pub(crate) reads_time: bool,
}

/// One part of an expression.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Its place in the list of types that a shape gives to the parts.
    pub(crate) id: usize,
    pub(crate) kind: Kind,
    /// Whether its type depends on the row. Kapacitor refuses wrong types of other parts before the task starts.
    pub(crate) dynamic: bool,
    /// The type it has for all rows, as far as it can be told from operators and literals.
    pub(crate) constant: Option<Type>,
}

#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Literal(Literal),
    /// A field or tag, by its place in the references.
    Reference(usize),
    /// `"time"`
    Time,
    Not(Box<Node>),
    Minus(Box<Node>),
    Binary {
        op: BinaryOp,
        left: Box<Node>,
        right: Box<Node>,
    },
    /// Two or more terms with the same `AND` or `OR` between them.
    Logic {
        op: BinaryOp,
        terms: Vec<Node>,
    },
    Call {
        name: Arc<str>,
        function: Option<&'static Function>,
        nearest: Option<&'static str>,
        args: Vec<Node>,
    },
    /// A lambda inside of the expression: what it remembers is its own.
    Lambda {
        scope: usize,
        body: Box<Node>,
    },
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// How a threshold compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Comparison {
    pub(crate) fn of(op: BinaryOp) -> Option<Comparison> {
        Some(match op {
            BinaryOp::Equal => Comparison::Equal,
            BinaryOp::NotEqual => Comparison::NotEqual,
            BinaryOp::Less => Comparison::Less,
            BinaryOp::LessEqual => Comparison::LessEqual,
            BinaryOp::Greater => Comparison::Greater,
            BinaryOp::GreaterEqual => Comparison::GreaterEqual,
            _ => return None,
        })
    }

    /// The one that says the same with its sides swapped.
    pub(crate) fn swapped(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessEqual => Comparison::GreaterEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterEqual => Comparison::LessEqual,
            same => same,
        }
    }

    #[inline]
    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        match self {
            Comparison::Equal => left == right,
            Comparison::NotEqual => left != right,
            Comparison::Less => left < right,
            Comparison::LessEqual => left <= right,
            Comparison::Greater => left > right,
            Comparison::GreaterEqual => left >= right,
        }
    }
}

/// The number that a threshold compares with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Constant {
    Float(f64),
    Int(i64),
}

/// An expression that is nothing but `"name" comparison number`.
#[derive(Debug, Clone, PartialEq)]
pub struct Threshold {
    pub name: String,
    pub comparison: Comparison,
    pub constant: Constant,
}

impl Program {
    /// The names of fields and tags that are read, in the order of their first mention; `"time"` is none.
    pub fn references(&self) -> &[String] {
        &self.references
    }

    /// Whether the result is the same for all rows.
    pub fn is_constant(&self) -> bool {
        matches!(self.root.kind, Kind::Literal(_))
    }

    /// The type of the result, if it is the same for all rows that have one.
    pub fn result_type_known(&self) -> Option<Type> {
        known_type(&self.root)
    }

    /// Whether it remembers something from row to row: without a [`crate::State`] per group it is wrong.
    pub fn stateful(&self) -> bool {
        self.stateful
    }

    /// Whether the row alone decides: nothing is remembered, and neither chance nor the clock takes part.
    pub fn is_pure(&self) -> bool {
        !self.stateful && self.deterministic
    }

    /// Whether the row's time is read.
    pub fn reads_time(&self) -> bool {
        self.reads_time
    }

    /// Whether the tags of a row alone decide, so that its result can be kept per series. `is_tag` says whether a name
    /// is a tag of the series and not a field of the shape.
    pub fn tags_only(&self, is_tag: impl FnMut(&str) -> bool) -> bool {
        self.is_pure() && !self.reads_time && self.references.iter().map(String::as_str).all(is_tag)
    }

    /// The field, comparison and number, if the expression is nothing but that.
    pub fn threshold(&self) -> Option<Threshold> {
        self.threshold_of(&self.root)
    }

    pub(crate) fn threshold_of(&self, node: &Node) -> Option<Threshold> {
        let Kind::Binary { op, left, right } = &node.kind else { return None };
        let comparison = Comparison::of(*op)?;
        let (reference, literal, comparison) = match (&left.kind, &right.kind) {
            (Kind::Reference(r), Kind::Literal(l)) => (r, l, comparison),
            (Kind::Literal(l), Kind::Reference(r)) => (r, l, comparison.swapped()),
            _ => return None,
        };
        let constant = match literal {
            Literal::Float(v) => Constant::Float(*v),
            Literal::Int(v) => Constant::Int(*v),
            _ => return None,
        };
        Some(Threshold { name: self.references[*reference].clone(), comparison, constant })
    }
}

fn known_type(node: &Node) -> Option<Type> {
    if node.constant.is_some() {
        return node.constant;
    }
    match &node.kind {
        Kind::Literal(literal) => Some(literal.type_of()),
        Kind::Reference(_) => None,
        Kind::Time => Some(Type::Time),
        Kind::Not(_) | Kind::Logic { .. } => Some(Type::Bool),
        Kind::Minus(inner) => known_type(inner),
        Kind::Lambda { body, .. } => known_type(body),
        Kind::Binary { op, left, right } => match (known_type(left), known_type(right)) {
            _ if gives_bool(*op) => Some(Type::Bool),
            (Some(left), Some(right)) => result_type(*op, left, right),
            _ => None,
        },
        Kind::Call { function, .. } => {
            let mut types = function.as_ref()?.signatures.iter().map(|s| s.returns);
            let first = types.next()?;
            types.all(|t| t == first).then_some(first)
        }
    }
}

/// An expression as messages show it.
pub(crate) struct Shown<'a>(pub(crate) &'a Program, pub(crate) &'a Node);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Shown(program, node) = *self;
        let show = |node| Shown(program, node);
        match &node.kind {
            Kind::Literal(literal) => literal.fmt(f),
            Kind::Reference(index) => write!(f, "\"{}\"", program.names[*index]),
            Kind::Time => f.write_str("\"time\""),
            Kind::Not(inner) => write!(f, "!{}", show(inner)),
            Kind::Minus(inner) => write!(f, "-{}", show(inner)),
            Kind::Binary { op, left, right } => write!(f, "{} {} {}", show(left), op.symbol(), show(right)),
            Kind::Logic { op, terms } => {
                for (i, term) in terms.iter().enumerate() {
                    if i > 0 {
                        write!(f, " {} ", op.symbol())?;
                    }
                    show(term).fmt(f)?;
                }
                Ok(())
            }
            Kind::Call { name, args, .. } => {
                write!(f, "{name}(")?;
                for (i, arg) in args.iter().enumerate() {
                    f.write_str(if i > 0 { ", " } else { "" })?;
                    show(arg).fmt(f)?;
                }
                f.write_str(")")
            }
            Kind::Lambda { body, .. } => show(body).fmt(f),
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Shown(self, &self.root).fmt(f)
    }
}
