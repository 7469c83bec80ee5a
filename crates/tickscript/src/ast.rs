//! The tree of a script, as it was written: both dialects, comments kept.

use crate::Span;

/// A whole script.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    pub statements: Vec<Statement>,
    /// Comments after the last statement.
    pub trailing: Vec<Comment>,
}

/// One comment line, its text without the slashes and one space after them.
#[derive(Debug, Clone, PartialEq)]
pub struct Comment {
    pub span: Span,
    pub text: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Statement {
    pub span: Span,
    /// The comment lines before it.
    pub comments: Vec<Comment>,
    pub kind: StatementKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum StatementKind {
    /// `var name = value`
    Var { name: Ident, value: Expr },
    /// `var name type`: a variable that a template's user must give.
    VarType { name: Ident, type_name: Ident },
    /// `dbrp "database"."retention policy"`
    Dbrp { database: String, retention_policy: String },
    /// A pipeline, or any other expression that stands alone.
    Expr(Expr),
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ident {
    pub span: Span,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    /// From its first to its last byte, with the brackets around it.
    pub span: Span,
    /// The byte that Kapacitor's messages name for it: the operator of a binary or a chain, the name of a
    /// call, else the start.
    pub at: u32,
    /// The comment lines directly before its `at` token.
    pub comments: Vec<Comment>,
    pub kind: ExprKind,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ExprKind {
    /// `octal` if it was written with a leading zero.
    Int {
        value: i64,
        octal: bool,
    },
    Float(f64),
    /// Nanoseconds, and the literal as it was written (`10s`, `1w`).
    Duration {
        nanos: i64,
        literal: String,
    },
    Bool(bool),
    /// The value without quotes and escapes. `triple` if written in triple quotes.
    String {
        value: String,
        triple: bool,
    },
    /// The expression between the slashes, `\/` already turned into `/`.
    Regex(String),
    Star,
    List(Vec<Expr>),
    /// A variable, or a name of the global scope (`stream`, `batch`).
    Ident(String),
    /// `"name"`: a field or tag in a lambda, a variable-like reference elsewhere.
    Reference(String),
    /// `lambda: body`
    Lambda(Box<Expr>),
    Unary {
        op: UnaryOp,
        operand: Box<Expr>,
    },
    Binary {
        op: BinaryOp,
        left: Box<Expr>,
        right: Box<Expr>,
        parens: bool,
        multi_line: bool,
    },
    /// `name(arguments)` without a left side: a function.
    Call(Call),
    /// `left|name(arguments)`, `left.name(arguments)`, `left@name(arguments)`
    Chain {
        left: Box<Expr>,
        link: Link,
        right: Box<Expr>,
    },
}

/// A call of a function, chaining method or property.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub name: Ident,
    pub args: Vec<Expr>,
    /// The arguments stood on lines of their own.
    pub multi_line: bool,
}

/// The operator between the parts of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Link {
    /// `.`: a property (in the dialect of v0.2 also a chaining method).
    Dot,
    /// `|`: a chaining method.
    Pipe,
    /// `@`: a user-defined function.
    At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UnaryOp {
    Minus,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    RegexMatch,
    RegexNotMatch,
    And,
    Or,
}

impl BinaryOp {
    /// As it is written in a script.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::Mod => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterEqual => ">=",
            BinaryOp::RegexMatch => "=~",
            BinaryOp::RegexNotMatch => "!~",
            BinaryOp::And => "AND",
            BinaryOp::Or => "OR",
        }
    }
}

impl Link {
    /// As it is written in a script.
    pub fn symbol(self) -> &'static str {
        match self {
            Link::Dot => ".",
            Link::Pipe => "|",
            Link::At => "@",
        }
    }
}

impl UnaryOp {
    /// As it is written in a script.
    pub fn symbol(self) -> &'static str {
        match self {
            UnaryOp::Minus => "-",
            UnaryOp::Not => "!",
        }
    }
}

impl Comment {
    /// An empty line between two blocks of comments.
    pub fn blank_line(at: u32) -> Self {
        Comment { span: Span { start: at, end: at }, text: "\n".to_string() }
    }

    pub fn is_blank_line(&self) -> bool {
        self.text == "\n"
    }
}

impl Expr {
    pub fn new(span: Span, kind: ExprKind) -> Self {
        Expr { span, at: span.start, comments: Vec::new(), kind }
    }
}
