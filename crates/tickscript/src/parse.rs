//! Text → tree: the only file that knows pest. The grammar says what is accepted; here comments find their places and
//! literals their values.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::LazyLock;

use pest::Parser;
use pest::iterators::Pair;
use pest::pratt_parser::{Assoc, Op, PrattParser};

use crate::ast::{BinaryOp, Call, Comment, Expr, ExprKind, Ident, Link, Script, Statement, StatementKind, UnaryOp};
use crate::error::ParseError;
use crate::{Span, expected, literal, nesting, pattern};

/// The deepest tree that is accepted: brackets, operators in a row and links of a chain each add a level.
pub const MAX_DEPTH: usize = 1000;

#[derive(pest_derive::Parser)]
#[grammar = "grammar.pest"]
struct Grammar;

type Result<T> = std::result::Result<T, ParseError>;

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

/// The tree of a script in either dialect.
pub fn parse(text: &str) -> Result<Script> {
    let (tree, root) = Tree::read(Rule::script, text)?;
    let mut script = Script::default();
    let mut last_token = 0;
    for pair in tokens(root) {
        if pair.as_rule() == Rule::statement {
            last_token = pair.as_span().end().saturating_sub(1);
            script.statements.push(tree.statement(pair)?);
        }
    }
    script.trailing = tree.trailing(last_token);
    Ok(script)
}

/// The tree of a lambda's body, as it stands behind `lambda:`.
pub fn parse_lambda(text: &str) -> Result<Expr> {
    let (tree, root) = Tree::read(Rule::lambda_text, text)?;
    let body = tokens(root).next().expect("the grammar puts an operation first");
    tree.operation(body, 0)
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
            return Err(ParseError::new("", Span::default(), "a script of more than 4 GiB"));
        }
        nesting::check(text)?;
        let mut pairs = Grammar::parse(rule, text).map_err(|error| failure(text, error))?;
        let root = pairs.next().expect("a parsed rule yields its pair");
        let comments = RefCell::new(comments(text, root.clone()));
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

    fn expression(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        let whole = span(&pair);
        let mut parts = tokens(pair).peekable();
        let head = parts.next().expect("an expression is not empty");
        match head.as_rule() {
            Rule::lambda => {
                let comments = self.take_comments(whole.start as usize);
                let body = self.operation(first(head), self.deeper(whole, depth, 1)?)?;
                Ok(Expr { comments, ..Expr::new(whole, ExprKind::Lambda(Box::new(body))) })
            }
            Rule::list => self.list(head, depth),
            Rule::operation => self.operation(head, depth),
            _ if parts.peek().is_some_and(|pair| pair.as_rule() == Rule::link) => {
                let links: Vec<_> = parts.collect();
                let depth = self.deeper(whole, depth, links.len())?;
                let mut left = self.operand(head, depth)?;
                for link in links {
                    left = self.link(left, link, depth)?;
                }
                Ok(left)
            }
            _ => self.operators(whole, std::iter::once(head).chain(parts).collect(), depth),
        }
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

    fn operation(&self, pair: Pair<'t, Rule>, depth: usize) -> Result<Expr> {
        self.operators(span(&pair), tokens(pair).collect(), depth)
    }

    /// Operands with operators between them.
    fn operators(&self, whole: Span, parts: Vec<Pair<'t, Rule>>, depth: usize) -> Result<Expr> {
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
        let whole = span(&pair);
        let rule = pair.as_rule();
        let text = pair.as_str();
        let kind = match rule {
            Rule::paren => return self.paren(pair, depth),
            Rule::signed | Rule::signed_pattern => return self.signed(pair, depth),
            Rule::call | Rule::function => return self.call(pair, depth),
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
                pattern::compile_regex(&regex).map_err(|error| self.bad_literal(whole, error))?;
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
        let mut args = Vec::new();
        for pair in parts.flat_map(tokens) {
            match pair.as_rule() {
                Rule::expression => args.push(self.expression(pair, depth)?),
                Rule::operation => args.push(self.operation(pair, depth)?),
                _ => {}
            }
        }
        let multi_line = args.last().is_some_and(|last| self.has_line_end(whole.start, last.at));
        Ok(Expr { comments, ..Expr::new(whole, ExprKind::Call(Call { name, args, multi_line })) })
    }

    fn has_line_end(&self, from: u32, to: u32) -> bool {
        self.text.as_bytes().get(from as usize..to as usize).is_some_and(|between| between.contains(&b'\n'))
    }

    fn bad_literal(&self, span: Span, error: impl ToString) -> ParseError {
        ParseError::new(self.text, span, error.to_string())
    }

    /// The depth below `levels` more levels of the tree.
    fn deeper(&self, span: Span, depth: usize, levels: usize) -> Result<usize> {
        let depth = depth + levels;
        if depth <= MAX_DEPTH {
            return Ok(depth);
        }
        Err(ParseError::new(self.text, span, "expression too long")
            .expecting([format!("at most {MAX_DEPTH} operators and links in one expression")])
            .hinting("give parts of the expression names with var, or use a regex instead of many comparisons"))
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

/// Takes the comments before the first token of an expression, if that token opens the expression's text when written.
fn first_comments(expr: &mut Expr) -> Vec<Comment> {
    match &mut expr.kind {
        ExprKind::Chain { left, .. } => first_comments(left),
        ExprKind::Binary { .. } | ExprKind::Unary { .. } => Vec::new(),
        _ => std::mem::take(&mut expr.comments),
    }
}

/// All comments, each block under the start of the token that follows it.
fn comments(text: &str, root: Pair<'_, Rule>) -> HashMap<usize, Vec<Comment>> {
    let mut found: HashMap<usize, Vec<Comment>> = HashMap::new();
    let mut block: Vec<Comment> = Vec::new();
    for pair in root.into_inner().flatten().filter(|pair| pair.as_rule() == Rule::comment) {
        let at = pair.as_span();
        if !block.is_empty() {
            block.push(Comment::blank_line(at.start() as u32));
        }
        block.extend(comment_lines(at.start(), at.as_str()));
        let rest = text[at.end()..].trim_start();
        // A block that another block follows waits for that block's token.
        if !rest.starts_with("//") {
            found.insert(text.len() - rest.len(), std::mem::take(&mut block));
        }
    }
    found
}

/// The lines of one block of comments that starts at byte `start`.
fn comment_lines(start: usize, block: &str) -> impl Iterator<Item = Comment> {
    let mut at = start;
    block.split('\n').filter_map(move |line| {
        let begin = at + (line.len() - line.trim_start().len());
        at += line.len() + 1;
        let line = line.trim();
        let text = line.strip_prefix("//").unwrap_or(line);
        let comment = Comment {
            span: Span::new(begin, begin + line.len()),
            text: text.strip_prefix(' ').unwrap_or(text).to_string(),
        };
        (!line.is_empty()).then_some(comment)
    })
}

/// pest's error in the words of a script's author.
fn failure(text: &str, error: pest::error::Error<Rule>) -> ParseError {
    use pest::error::{ErrorVariant, InputLocation};
    let at = match error.location {
        InputLocation::Pos(at) | InputLocation::Span((at, _)) => at,
    };
    match error.variant {
        ErrorVariant::ParsingError { positives, .. } => {
            let mut words: Vec<&str> = Vec::new();
            for word in positives.into_iter().filter_map(in_words) {
                if !words.contains(&word) {
                    words.push(word);
                }
            }
            expected::unexpected(text, at, &words)
        }
        ErrorVariant::CustomError { message } => ParseError::new(text, Span::new(at, at), message),
    }
}

/// What a rule stands for in a message.
fn in_words(rule: Rule) -> Option<&'static str> {
    Some(match rule {
        Rule::script | Rule::statement | Rule::statement_ahead | Rule::variable => "a statement",
        Rule::lambda_text | Rule::expression | Rule::operation | Rule::lambda | Rule::value_ahead => "a value",
        Rule::signed | Rule::signed_pattern | Rule::call | Rule::function | Rule::paren | Rule::sign => "a value",
        Rule::number | Rule::duration | Rule::boolean | Rule::regex | Rule::star => "a value",
        Rule::dbrp => "a statement",
        Rule::list | Rule::string => "a string",
        Rule::reference => "a reference in double quotes",
        Rule::name => "a name",
        Rule::arguments | Rule::operands => "\"(\"",
        Rule::link | Rule::pipe | Rule::at => "\"|\" or \".\"",
        Rule::dot => "\".\"",
        Rule::equality | Rule::relation | Rule::sum | Rule::product | Rule::dash => "an operator",
        Rule::matching | Rule::and | Rule::or => "an operator",
        Rule::assign => "\"=\"",
        Rule::comma => "\",\"",
        Rule::close => "\")\"",
        Rule::list_end => "\"]\"",
        Rule::EOI => "the end of the script",
        _ => return None,
    })
}
