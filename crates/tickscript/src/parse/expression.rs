//! Expressions: chains, operators by precedence, calls, literals.

use std::sync::LazyLock;

use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use super::{Result, Rule, Tree, first, span, tokens};
use crate::ast::{BinaryOp, Call, Expr, ExprKind, Ident, Link, UnaryOp};
use crate::error::ParseError;
use crate::{Span, literal, pattern};

/// The deepest tree that is accepted: brackets, operators in a row and links of a chain each add a level.
pub const MAX_DEPTH: usize = 1000;

static OPERATORS: LazyLock<PrattParser<Rule>> = LazyLock::new(|| {
    let left = |rule| Op::infix(rule, Assoc::Left);
    PrattParser::new()
        .op(left(Rule::or))
        .op(left(Rule::and))
        .op(left(Rule::equality) | left(Rule::matching))
        .op(left(Rule::relation))
        .op(left(Rule::sum) | left(Rule::dash))
        .op(left(Rule::product))
});

impl<'t> Tree<'t> {
    pub(super) fn expression(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let whole = span(&pair);
        let mut parts: Vec<_> = tokens(pair).collect();
        match parts[0].as_rule() {
            Rule::lambda => self.lambda(parts.remove(0), depth),
            Rule::list => self.list(parts.remove(0), depth),
            Rule::operation => self.operation(parts.remove(0), depth),
            _ if parts.get(1).is_some_and(|pair| pair.as_rule() == Rule::link) => self.chain(whole, parts, depth),
            _ => self.operators(whole, parts, depth),
        }
    }

    fn lambda(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let whole = span(&pair);
        let comments = self.take_comments(whole.start as usize);
        let body = self.operation(first(pair), self.deeper(whole, depth, 1)?)?;
        Ok(Expr { comments, ..Expr::new(whole, ExprKind::Lambda(Box::new(body))) })
    }

    /// A head and its links.
    fn chain(&self, whole: Span, parts: Vec<Pair<'t, Rule>>, depth: usize) -> Result<Expr> {
        let depth = self.deeper(whole, depth, parts.len() - 1)?;
        let mut parts = parts.into_iter();
        let mut left = self.operand(parts.next().expect("a chain has a head"), depth)?;
        for link in parts {
            left = self.link(left, link, depth)?;
        }
        Ok(left)
    }

    fn link(&self, left: Expr, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let mut parts = tokens(pair);
        let operator = parts.next().expect("a link opens with its operator");
        let right = self.operand(parts.next().expect("a link leads to a name"), depth)?;
        let link = match operator.as_rule() {
            Rule::pipe => Link::Pipe,
            Rule::at => Link::At,
            _ => Link::Dot,
        };
        let at = operator.as_span().start();
        Ok(Expr {
            span: left.span.to(right.span),
            at: at as u32,
            comments: self.take_comments(at),
            kind: ExprKind::Chain { left: Box::new(left), link, right: Box::new(right) },
        })
    }

    fn list(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let span = span(&pair);
        let depth = self.deeper(span, depth, 1)?;
        let items = tokens(pair)
            .filter(|pair| !matches!(pair.as_rule(), Rule::comma | Rule::list_end))
            .map(|item| self.operand(item, depth))
            .collect::<Result<_>>()?;
        let comments = self.take_comments(span.start as usize);
        Ok(Expr { comments, ..Expr::new(span, ExprKind::List(items)) })
    }

    pub(super) fn operation(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        self.operators(span(&pair), tokens(pair).collect(), depth)
    }

    /// Operands with operators between them.
    fn operators(&self, whole: Span, mut parts: Vec<Pair<'t, Rule>>, depth: usize) -> Result<Expr> {
        // The common case, also kept off the stack of deeply nested brackets.
        if parts.len() == 1 {
            return self.operand(parts.remove(0), depth);
        }
        let depth = self.deeper(whole, depth, parts.len() / 2)?;
        OPERATORS
            .map_primary(|pair| self.operand(pair, depth))
            .map_infix(|left, operator, right| Ok(self.binary(left?, operator, right?)))
            .parse(parts.into_iter())
    }

    fn binary(&self, left: Expr, operator: Pair<'t, Rule>, right: Expr) -> Expr {
        let at = operator.as_span().start();
        let multi_line = self.has_line_end(left.at, right.at);
        Expr {
            span: left.span.to(right.span),
            at: at as u32,
            comments: self.take_comments(at),
            kind: ExprKind::Binary {
                op: binary_op(operator.as_str()),
                left: Box::new(left),
                right: Box::new(right),
                parens: false,
                multi_line,
            },
        }
    }

    fn operand(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        match pair.as_rule() {
            Rule::paren => self.paren(pair, depth),
            Rule::signed | Rule::signed_pattern => self.signed(pair, depth),
            Rule::call | Rule::function => self.call(pair, depth),
            _ => self.leaf(pair),
        }
    }

    fn leaf(&self, pair: Pair<'t, Rule>) -> Result<Expr> {
        let whole = span(&pair);
        let text = pair.as_str();
        let kind = match pair.as_rule() {
            Rule::number => literal::number(text).map_err(|error| self.bad_literal(whole, error))?,
            Rule::duration => {
                let nanos = literal::parse_duration(text).map_err(|error| self.bad_literal(whole, error))?;
                ExprKind::Duration { nanos, literal: text.to_string() }
            }
            Rule::string => {
                let (value, triple) = literal::string(text);
                ExprKind::String { value, triple }
            }
            Rule::reference => ExprKind::Reference(literal::unescape(text, '"')),
            Rule::regex => {
                let regex = literal::unescape(text, '/');
                pattern::compile_regex(&regex).map_err(|error| self.bad_regex(whole, error))?;
                ExprKind::Regex(regex)
            }
            Rule::boolean => ExprKind::Bool(text == "TRUE"),
            Rule::star => ExprKind::Star,
            _ => ExprKind::Ident(text.to_string()),
        };
        Ok(Expr { comments: self.take_comments(whole.start as usize), ..Expr::new(whole, kind) })
    }

    /// Brackets stay known for operators only; the comments before them are kept, those directly inside are not.
    fn paren(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let whole = span(&pair);
        let mut inner = self.operation(first(pair), self.deeper(whole, depth, 1)?)?;
        if let ExprKind::Binary { parens, .. } = &mut inner.kind {
            *parens = true;
        }
        inner.span = whole;
        inner.comments = self.take_comments(whole.start as usize);
        Ok(inner)
    }

    /// Signs before an operand. A comment before the bracket that closes the operand goes to the last sign.
    fn signed(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let whole = span(&pair);
        let mut parts: Vec<_> = tokens(pair).collect();
        let operand = parts.pop().expect("signs stand before an operand");
        let depth = self.deeper(whole, depth, parts.len())?;
        let closed = matches!(operand.as_rule(), Rule::paren | Rule::function);
        let mut expr = self.operand(operand, depth)?;
        let mut comments = if closed { self.take_comments(whole.end as usize - 1) } else { Vec::new() };
        for sign in parts.into_iter().rev() {
            let op = if sign.as_str() == "!" { UnaryOp::Not } else { UnaryOp::Minus };
            let kind = ExprKind::Unary { op, operand: Box::new(expr) };
            expr = Expr::new(span(&sign).to(whole), kind);
            expr.comments = std::mem::take(&mut comments);
        }
        Ok(expr)
    }

    fn call(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let whole = span(&pair);
        let depth = self.deeper(whole, depth, 1)?;
        // Kapacitor keeps no comment before the name of a function inside an operation.
        let comments = match pair.as_rule() {
            Rule::call => self.take_comments(whole.start as usize),
            _ => Vec::new(),
        };
        let mut parts = tokens(pair);
        let name = parts.next().expect("a call has a name");
        let name = Ident { span: span(&name), name: name.as_str().to_string() };
        let args = self.arguments(parts.next().expect("a call has arguments"), depth)?;
        let multi_line = args.last().is_some_and(|last| self.has_line_end(whole.start, last.at));
        Ok(Expr { comments, ..Expr::new(whole, ExprKind::Call(Call { name, args, multi_line })) })
    }

    fn arguments(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Vec<Expr>> {
        let mut args = Vec::new();
        for pair in tokens(pair).filter(|pair| pair.as_rule() != Rule::comma) {
            args.push(match pair.as_rule() {
                Rule::expression => self.expression(pair, depth)?,
                _ => self.operation(pair, depth)?,
            });
        }
        Ok(args)
    }

    fn has_line_end(&self, from: u32, to: u32) -> bool {
        self.text.as_bytes().get(from as usize..to as usize).is_some_and(|between| between.contains(&b'\n'))
    }

    fn bad_literal(&self, span: Span, error: impl ToString) -> Box<ParseError> {
        Box::new(ParseError::new(self.text, span, error.to_string()))
    }

    fn bad_regex(&self, span: Span, error: pattern::RegexError) -> Box<ParseError> {
        let error = ParseError::new(self.text, span, error.to_string());
        let comment = self.text[span.start as usize..].starts_with("/*");
        Box::new(if comment { error.hinting("comments start with //") } else { error })
    }

    /// The depth below `levels` more levels of the tree.
    fn deeper(&self, span: Span, depth: usize, levels: usize) -> Result<usize> {
        let depth = depth + levels;
        if depth <= MAX_DEPTH {
            return Ok(depth);
        }
        let error = ParseError::new(self.text, span, "expression too long")
            .expecting([format!("at most {MAX_DEPTH} operators and links in one expression")])
            .hinting("give parts of the expression names with var, or use a regex instead of many comparisons");
        Err(Box::new(error))
    }
}

fn binary_op(symbol: &str) -> BinaryOp {
    use BinaryOp::*;
    const ALL: [BinaryOp; 15] = [
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
    ];
    ALL.into_iter().find(|op| op.symbol() == symbol).expect("the grammar knows only these operators")
}
