//! What the dialect of v0.2 adds: chaining with `.`, `mapReduce(influxql.f(..))`, `fork`, strings in double quotes.

use tickscript::{
    ast::{Call, Expr, ExprKind, Link, Script},
    walk_script,
};

use super::upgrade::Edit;

/// Whether a script is wholly of the old dialect: it chains, and never with `|`. Only then are double quotes strings.
pub(crate) fn is_legacy(script: &Script) -> bool {
    let (mut dots, mut others) = (false, false);
    walk_script(script, &mut |expr| match expr.kind {
        ExprKind::Chain { link: Link::Dot, .. } => dots = true,
        ExprKind::Chain { .. } => others = true,
        _ => {}
    });
    dots && !others
}

/// What today's dialect has in place of `left.call(..)` that makes a node; `at` is the dot, `whole` the call.
pub(super) fn modernised(left: &Expr, at: u32, whole: &Expr) -> Vec<Edit> {
    let ExprKind::Call(Call { name, args, .. }) = &whole.kind else { return Vec::new() };
    let mut edits = vec![Edit::new(at, at + 1, "|")];
    match (name.name.as_str(), args.as_slice()) {
        // Whatever it is called on, it reads from the stream.
        ("fork", _) => {
            edits.push(Edit::new(left.span.start, left.span.end, "stream"));
            edits.push(Edit::new(name.span.start, name.span.end, "from"));
        }
        ("from", [_]) => edits.push(Edit::new(name.span.end, name.span.end, "().measurement")),
        ("mapReduce", [Expr { kind: ExprKind::Chain { right, .. }, .. }]) => {
            edits.push(Edit::new(name.span.start, right.span.start, ""));
            edits.push(Edit::new(right.span.end, whole.span.end, ""));
        }
        _ => {}
    }
    edits
}

/// The aggregates and selectors that `influxql.` offered.
pub(crate) const INFLUXQL: [&str; 14] = [
    "sum",
    "count",
    "distinct",
    "mean",
    "median",
    "min",
    "max",
    "spread",
    "stddev",
    "first",
    "last",
    "percentile",
    "top",
    "bottom",
];
