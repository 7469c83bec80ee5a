//! What the dialect of v0.2 adds: chaining with `.`, `mapReduce(influxql.f(..))`, `fork`, strings in double quotes.

use tickscript::{
    ast::{ExprKind, Link, Script},
    walk_script,
};

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
