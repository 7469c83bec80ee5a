//! Tree → text in the one canonical layout, comments kept: what the stored script of a task looks like.

use crate::ast::{Call, Comment, Expr, ExprKind, Link, Script, Statement, StatementKind};
use crate::literal::{quote_reference, quote_regex, write_duration, write_float, write_int, write_string};

const STEP: usize = 4;

/// The canonical text of a script.
pub fn format(script: &Script) -> String {
    let mut writer = Writer::default();
    let mut last = 0..0;
    for (i, statement) in script.statements.iter().enumerate() {
        if i > 0 {
            writer.line_end();
        }
        let begin = writer.out.len();
        writer.statement(statement);
        let needs_end = i > 0 && goes_on(&writer.out[last.clone()], &writer.out[begin..]);
        if needs_end {
            writer.out.insert(last.end, ';');
        }
        last = begin + usize::from(needs_end)..writer.out.len();
        writer.line_end();
    }
    if !script.trailing.is_empty() {
        if !script.statements.is_empty() {
            writer.line_end();
        }
        writer.comments(&script.trailing, 0, true);
        writer.line_end();
    }
    writer.out
}

/// Whether a statement would be read as the rest of the one before it: then a semicolon has to stand between them.
fn goes_on(before: &str, statement: &str) -> bool {
    let mut lines = statement.lines().map(str::trim_start);
    let first = lines.find(|line| !line.is_empty() && !line.starts_with("//")).unwrap_or(statement);
    // Others begin with a name or a literal, which goes on with nothing.
    first.starts_with(['/', '*', '-', '(', '['])
        && crate::parse(&format!("{before}\n\n{statement}")).map_or(true, |both| both.statements.len() != 2)
}

/// The canonical text of one expression.
pub fn format_expr(expr: &Expr) -> String {
    let mut writer = Writer::default();
    writer.expr(expr, 0, true);
    writer.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Where the last comment ended, with its line.
    commented: usize,
}

impl Writer {
    fn line_end(&mut self) {
        self.out.push('\n');
    }

    fn indent(&mut self, indent: usize) {
        self.out.extend(std::iter::repeat_n(' ', indent));
    }

    fn statement(&mut self, statement: &Statement) {
        self.comments(&statement.comments, 0, true);
        match &statement.kind {
            StatementKind::Var { name, value } => {
                let begin = self.out.len();
                self.out.push_str("var ");
                self.out.push_str(&name.name);
                self.out.push_str(" = ");
                let said = self.out.len();
                self.expr(value, 0, false);
                self.move_comments(said, begin);
            }
            StatementKind::VarType { name, type_name } => {
                self.out.push_str("var ");
                self.out.push_str(&name.name);
                self.out.push(' ');
                self.out.push_str(&type_name.name);
            }
            StatementKind::Dbrp { database, retention_policy } => {
                self.out.push_str("dbrp ");
                self.out.push_str(&quote_reference(database));
                self.out.push('.');
                self.out.push_str(&quote_reference(retention_policy));
            }
            StatementKind::Expr(expr) => self.expr(expr, 0, true),
        }
    }

    /// Move comments that begin at `from` to a line's beginning before it: behind `=` they would be read as a regex.
    fn move_comments(&mut self, from: usize, to: usize) {
        let Some(lines) = self.out[from..].strip_prefix('\n') else { return };
        let is_comment = |line: &&str| line.trim().is_empty() || line.trim_start().starts_with("//");
        let length = lines.split_inclusive('\n').take_while(is_comment).map(str::len).sum::<usize>();
        let comments = self.out[from + 1..from + 1 + length].to_owned();
        if comments.contains("//") {
            self.out.replace_range(from..from + 1 + length, "");
            self.out.insert_str(to, &comments);
            self.commented = 0;
        }
    }

    /// Comment lines always stand on lines of their own.
    fn comments(&mut self, comments: &[Comment], indent: usize, on_new_line: bool) {
        if comments.is_empty() {
            return;
        }
        if !on_new_line {
            self.line_end();
        }
        for comment in comments {
            if !comment.is_blank_line() {
                self.indent(indent);
                self.out.push_str("//");
                if !comment.text.is_empty() {
                    self.out.push(' ');
                    self.out.push_str(&comment.text);
                }
            }
            self.line_end();
        }
        self.commented = self.out.len();
    }

    fn expr(&mut self, expr: &Expr, indent: usize, on_new_line: bool) {
        if let ExprKind::Chain { left, link, right } = &expr.kind {
            return self.chain(expr, left, *link, right, indent, on_new_line);
        }
        self.comments(&expr.comments, indent, on_new_line);
        let on_new_line = on_new_line || !expr.comments.is_empty();
        if on_new_line {
            self.indent(indent);
        }
        match &expr.kind {
            ExprKind::Lambda(body) => {
                self.out.push_str("lambda: ");
                self.expr(body, indent, false);
            }
            ExprKind::Unary { op, operand } => {
                self.out.push_str(op.symbol());
                self.expr(operand, indent, false);
            }
            ExprKind::Binary { .. } => self.binary(&expr.kind, indent),
            ExprKind::List(items) => {
                self.out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        self.out.push_str(", ");
                    }
                    self.expr(item, indent, on_new_line);
                }
                self.out.push(']');
            }
            ExprKind::Call(call) => self.call(call, indent),
            _ => self.literal(&expr.kind),
        }
    }

    fn chain(&mut self, chain: &Expr, left: &Expr, link: Link, right: &Expr, indent: usize, on_new_line: bool) {
        self.expr(left, indent, on_new_line);
        self.line_end();
        let indent = indent + if link == Link::Dot { 2 * STEP } else { STEP };
        self.comments(&chain.comments, indent, true);
        self.indent(indent);
        self.out.push_str(link.symbol());
        self.expr(right, indent, false);
    }

    fn binary(&mut self, kind: &ExprKind, indent: usize) {
        let ExprKind::Binary { op, left, right, parens, multi_line } = kind else { return };
        let indent = if *parens { indent + STEP } else { indent };
        if *parens {
            self.out.push('(');
        }
        self.expr(left, indent, false);
        self.out.push(' ');
        self.out.push_str(op.symbol());
        self.out.push(if *multi_line { '\n' } else { ' ' });
        self.expr(right, indent, *multi_line);
        if *parens {
            self.out.push(')');
        }
    }

    fn call(&mut self, call: &Call, indent: usize) {
        self.out.push_str(&call.name.name);
        self.out.push('(');
        for (i, arg) in call.args.iter().enumerate() {
            if i > 0 {
                self.out.push_str(if call.multi_line { "," } else { ", " });
            }
            if call.multi_line {
                self.line_end();
            }
            self.expr(arg, indent + STEP, call.multi_line);
        }
        if call.multi_line && !call.args.is_empty() {
            self.line_end();
            self.indent(indent);
        }
        self.out.push(')');
    }

    fn literal(&mut self, kind: &ExprKind) {
        match kind {
            ExprKind::Int { value, octal } => self.out.push_str(&write_int(*value, *octal)),
            ExprKind::Float(value) => self.out.push_str(&write_float(*value)),
            ExprKind::Duration { nanos, literal } if literal.is_empty() => self.out.push_str(&write_duration(*nanos)),
            ExprKind::Duration { literal, .. } => self.out.push_str(literal),
            ExprKind::Bool(value) => self.out.push_str(if *value { "TRUE" } else { "FALSE" }),
            ExprKind::String { value, triple } => self.out.push_str(&write_string(value, *triple)),
            ExprKind::Regex(regex) => {
                // A slash at the beginning of the next line would go on with the comment.
                if self.commented > 0 && self.out[self.commented..].bytes().all(|byte| byte == b' ') {
                    self.out.insert(self.commented, '\n');
                }
                self.out.push_str(&quote_regex(regex));
            }
            ExprKind::Star => self.out.push('*'),
            ExprKind::Ident(name) => self.out.push_str(name),
            ExprKind::Reference(name) => self.out.push_str(&quote_reference(name)),
            _ => {}
        }
    }
}
