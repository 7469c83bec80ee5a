//! Expressions of a query: fields, functions, literals and what joins them.

/// An expression. Operators stand in the order of the text: nothing here depends on which binds tighter, and a long
/// chain of them is no deep tree.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A field or tag by name, perhaps with the type it is read as.
    Reference {
        name: String,
        cast: Option<Cast>,
    },
    /// `*`, `*::field`, `*::tag`.
    Wildcard(Option<WildcardKind>),
    /// A function; its name is in lower case.
    Call {
        name: String,
        arguments: Vec<Expr>,
    },
    /// `DISTINCT name` without parentheses.
    Distinct(String),
    /// The pattern between the slashes, with `\/` read as `/`.
    Regex(String),
    Text(String),
    Integer(i64),
    /// An integer above the range of signed ones.
    Unsigned(u64),
    Number(f64),
    Bool(bool),
    /// Nanoseconds.
    Duration(i64),
    /// In parentheses.
    Group(Box<Expr>),
    /// A minus before what is no literal.
    Negated(Box<Expr>),
    /// `first op next op next ...`
    Chain {
        first: Box<Expr>,
        rest: Vec<(Operator, Expr)>,
    },
}

/// The type after `::` of a reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    Float,
    Integer,
    Unsigned,
    Text,
    Boolean,
    Field,
    Tag,
}

impl Cast {
    /// The cast's name in a query.
    pub fn name(self) -> &'static str {
        match self {
            Cast::Float => "float",
            Cast::Integer => "integer",
            Cast::Unsigned => "unsigned",
            Cast::Text => "string",
            Cast::Boolean => "boolean",
            Cast::Field => "field",
            Cast::Tag => "tag",
        }
    }

    pub(crate) const NAMES: [&'static str; 7] = ["float", "integer", "unsigned", "string", "boolean", "field", "tag"];

    pub(crate) fn named(name: &str) -> Option<Cast> {
        [Cast::Float, Cast::Integer, Cast::Unsigned, Cast::Text, Cast::Boolean, Cast::Field, Cast::Tag]
            .into_iter()
            .find(|cast| cast.name().eq_ignore_ascii_case(name))
    }
}

/// What a `*` stands for, if not for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WildcardKind {
    Field,
    Tag,
}

/// What joins two expressions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    BitAnd,
    BitOr,
    BitXor,
    And,
    Or,
    Equal,
    NotEqual,
    Matches,
    MatchesNot,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Operator {
    /// The operator as it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Modulo => "%",
            Operator::BitAnd => "&",
            Operator::BitOr => "|",
            Operator::BitXor => "^",
            Operator::And => "AND",
            Operator::Or => "OR",
            Operator::Equal => "=",
            Operator::NotEqual => "!=",
            Operator::Matches => "=~",
            Operator::MatchesNot => "!~",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
        }
    }

    /// Whether the operator yields a number, so that it may stand among the selected fields.
    pub fn is_arithmetic(self) -> bool {
        self.binds_like_product()
            || matches!(self, Operator::Add | Operator::Subtract | Operator::BitOr | Operator::BitXor)
    }

    pub(crate) fn binds_like_product(self) -> bool {
        matches!(self, Operator::Multiply | Operator::Divide | Operator::Modulo | Operator::BitAnd)
    }

    pub(crate) fn takes_regex(self) -> bool {
        matches!(self, Operator::Matches | Operator::MatchesNot)
    }
}

impl Expr {
    /// Calls `visit` for this expression and all within.
    pub(crate) fn walk<'e>(&'e self, visit: &mut dyn FnMut(&'e Expr)) {
        visit(self);
        match self {
            Expr::Call { arguments, .. } => arguments.iter().for_each(|argument| argument.walk(visit)),
            Expr::Group(inner) | Expr::Negated(inner) => inner.walk(visit),
            Expr::Chain { first, rest } => {
                first.walk(visit);
                rest.iter().for_each(|(_, operand)| operand.walk(visit));
            }
            _ => {}
        }
    }

    /// Whether an `OR` stands here outside of any parentheses.
    pub(crate) fn has_bare_or(&self) -> bool {
        matches!(self, Expr::Chain { rest, .. } if rest.iter().any(|(operator, _)| *operator == Operator::Or))
    }
}
