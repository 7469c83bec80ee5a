//! Text → tree: this file and its folder alone know pest. The grammar says what is accepted; here comments find their
//! places and literals their values.

mod comments;
mod expression;
mod failure;

use std::cell::RefCell;
use std::collections::HashMap;

use pest::Parser;
use pest::iterators::Pair;

use crate::ast::{Comment, Expr, ExprKind, Ident, Script, Statement, StatementKind};
use crate::error::ParseError;
use crate::{Span, literal, nesting};
pub use expression::MAX_DEPTH;

#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
struct Grammar;

/// Errors are boxed here, to keep deep recursion off the stack.
type Result<T> = std::result::Result<T, Box<ParseError>>;

/// The tree of a script in either dialect.
pub fn parse(text: &str) -> std::result::Result<Script, ParseError> {
    script(text).map_err(|error| *error)
}

/// The tree of a lambda's body, as it stands behind `lambda:`.
pub fn parse_lambda(text: &str) -> std::result::Result<Expr, ParseError> {
    lambda(text).map_err(|error| *error)
}

fn script(text: &str) -> Result<Script> {
    let (tree, root) = Tree::read(Rule::script, text)?;
    let mut script = Script::default();
    let mut last_token = 0;
    for pair in tokens(root).filter(|pair| pair.as_rule() == Rule::statement) {
        last_token = pair.as_span().end().saturating_sub(1);
        script.statements.push(tree.statement(pair)?);
    }
    script.trailing = tree.trailing(last_token);
    Ok(script)
}

fn lambda(text: &str) -> Result<Expr> {
    let (tree, root) = Tree::read(Rule::lambda_text, text)?;
    tree.operation(first(root), 0)
}

/// What the pairs of the grammar are read with.
struct Tree<'t> {
    text: &'t str,
    /// Comments by the start of the token behind them, until a part of the tree takes them.
    comments: RefCell<HashMap<usize, Vec<Comment>>>,
}

impl<'t> Tree<'t> {
    fn read(rule: Rule, text: &'t str) -> Result<(Self, Pair<'t, Rule>)> {
        if u32::try_from(text.len()).is_err() {
            return Err(Box::new(ParseError::new("", Span::default(), "a script of more than 4 GiB")));
        }
        nesting::check(text)?;
        let mut pairs = Grammar::parse(rule, text).map_err(|error| failure::explain(text, error))?;
        let root = pairs.next().expect("a parsed rule yields its pair");
        let comments = RefCell::new(comments::by_next_token(text, root.clone()));
        Ok((Tree { text, comments }, root))
    }

    /// The comments directly before the token at `at`; they are taken once.
    fn take_comments(&self, at: usize) -> Vec<Comment> {
        self.comments.borrow_mut().remove(&at).unwrap_or_default()
    }

    /// The comments behind the last statement, and before its last token if nothing took those.
    fn trailing(&self, last_token: usize) -> Vec<Comment> {
        let mut trailing = self.take_comments(last_token);
        let mut behind = self.take_comments(self.text.len());
        if !trailing.is_empty() && !behind.is_empty() {
            let at = behind[0].span.start;
            trailing.extend([Comment::blank_line(at), Comment::blank_line(at)]);
        }
        trailing.append(&mut behind);
        trailing
    }

    fn statement(&self, pair: Pair<'t, Rule>) -> Result<Statement> {
        let span = span(&pair);
        let inner = first(pair);
        let mut comments = self.take_comments_unless_expression(&inner);
        let kind = match inner.as_rule() {
            Rule::dbrp => {
                let mut names = tokens(inner).filter(|pair| pair.as_rule() == Rule::reference);
                let mut name = || {
                    let pair = names.next().expect("the grammar demands two references");
                    comments.extend(self.take_comments(pair.as_span().start()));
                    literal::unescape(pair.as_str(), '"')
                };
                StatementKind::Dbrp { database: name(), retention_policy: name() }
            }
            Rule::variable => {
                let mut parts = tokens(inner).filter(|pair| pair.as_rule() != Rule::assign);
                let name = self.ident(&parts.next().expect("a variable has a name"), &mut comments);
                let value = parts.next().expect("a variable has a value or a type");
                if value.as_rule() == Rule::expression {
                    StatementKind::Var { name, value: self.expression(value, 0)? }
                } else {
                    StatementKind::VarType { name, type_name: self.ident(&value, &mut comments) }
                }
            }
            _ => {
                let mut expr = self.expression(inner, 0)?;
                comments.append(&mut first_comments(&mut expr));
                StatementKind::Expr(expr)
            }
        };
        Ok(Statement { span, comments, kind })
    }

    fn take_comments_unless_expression(&self, statement: &Pair<'t, Rule>) -> Vec<Comment> {
        match statement.as_rule() {
            Rule::expression => Vec::new(),
            _ => self.take_comments(statement.as_span().start()),
        }
    }

    /// A name whose comments belong to its statement.
    fn ident(&self, pair: &Pair<'t, Rule>, comments: &mut Vec<Comment>) -> Ident {
        comments.extend(self.take_comments(pair.as_span().start()));
        Ident { span: span(pair), name: pair.as_str().to_string() }
    }
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    let span = pair.as_span();
    Span::new(span.start(), span.end())
}

fn first(pair: Pair<'_, Rule>) -> Pair<'_, Rule> {
    tokens(pair).next().expect("the grammar leaves no such rule empty")
}

/// The parts of a pair that are neither comments nor mere lookahead.
fn tokens(pair: Pair<'_, Rule>) -> impl Iterator<Item = Pair<'_, Rule>> {
    pair.into_inner().filter(|pair| !matches!(pair.as_rule(), Rule::comment | Rule::value_ahead | Rule::close))
}

/// Takes the comments before the first token of an expression, if that token opens the expression's text when written.
fn first_comments(expr: &mut Expr) -> Vec<Comment> {
    match &mut expr.kind {
        ExprKind::Chain { left, .. } => first_comments(left),
        ExprKind::Binary { .. } | ExprKind::Unary { .. } => Vec::new(),
        _ => std::mem::take(&mut expr.comments),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a level of nesting may cost, however deep it lies.
    const STEPS_PER_LEVEL: usize = 200;

    /// pest counts its steps only against a limit, which holds for all threads: the other tests
    /// beside it stay below the constant part.
    #[test]
    fn work_grows_with_the_depth_only() {
        for levels in [15, 150] {
            pest::set_call_limit(std::num::NonZero::new(5_000 + levels * STEPS_PER_LEVEL));
            for (open, inner, close, accepted) in [
                ("(", "1", ")", true),
                ("f(", "1", ")", true),
                ("-(", "1", ")", true),
                ("a|b(", "1", ")", true),
                ("(", "1", "", false),
                ("f(", "1 2", ")", false),
                ("a|b(", "", "]", false),
                ("!f(", "lambda: 1", ")", false),
            ] {
                let text = format!("var a = {}{inner}{}", open.repeat(levels), close.repeat(levels));
                let result = parse(&text);
                assert_eq!(result.is_ok(), accepted, "{open}");
                if let Err(error) = result {
                    assert!(error.message.starts_with("unexpected"), "{error}");
                }
            }
        }
        pest::set_call_limit(None);
    }
}
