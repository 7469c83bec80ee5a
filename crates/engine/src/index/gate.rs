//! How a task begins, if it begins so that most points leave no trace in it but counts.

use std::sync::Arc;

use lambda::{Comparison, Constant, Guarded, Program, Threshold};
use model::{Grouping, Name, Schema};

/// What a node does with a point, if the point's series and single numbers of it decide that.
pub enum Sieve {
    /// It lets points of some series through.
    From(FromSieve),
    /// It lets points through of which this is true.
    Where(Guarded),
    /// A point of which none of these is true does nothing to a group that it [knows and that is
    /// OK](crate::Node::is_quiet).
    Alert(Vec<Threshold>),
}

/// What a `from` lets through.
pub struct FromSieve {
    pub measurement: Name,
    /// Empty for any.
    pub database: String,
    /// Empty for any.
    pub retention_policy: String,
    /// What must be true of the tags, and its text.
    pub predicate: Option<(Arc<Program>, Arc<str>)>,
    /// None for one group of all.
    pub grouping: Option<Arc<Grouping>>,
}

/// The first nodes of a task: `from`, perhaps a `where`, and an `alert`.
pub(crate) struct Gate {
    pub(super) from: FromSieve,
    /// What `where` says of the tags, and its text.
    pub(super) guard: Option<(Arc<Program>, Arc<str>)>,
    /// What it says of a field, after that.
    pub(super) limit: Option<Limit>,
    pub(super) alert: Vec<Limit>,
}

/// A node of a gate that knows groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Perhaps there is none.
    Where,
    Alert,
}

/// A comparison with a number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limit {
    pub(super) face: Face,
    pub(super) comparison: Comparison,
    pub(super) constant: Constant,
}

/// What limits have in common that one sorted list can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Face {
    pub(super) field: Name,
    /// True of great numbers, not of small ones.
    pub(super) up: bool,
    /// The number is written as an integer.
    pub(super) int: bool,
}

/// The integers up to here are floats, too.
const EXACT: i64 = 1 << 53;

impl Gate {
    pub(crate) fn new(
        from: FromSieve,
        passes: Option<Guarded>,
        alert: Vec<Threshold>,
        schema: &Schema,
    ) -> Option<Gate> {
        let (guard, limit) = passes.map_or((None, None), |passes| (passes.guard, passes.threshold));
        let guard = guard.map(|guard| (guard.program, guard.text));
        let limit = match limit {
            Some(limit) => Some(Limit::of(&limit, schema)?),
            None => None,
        };
        let alert = alert.iter().map(|limit| Limit::of(limit, schema)).collect::<Option<Vec<_>>>()?;
        (!from.measurement.is_empty()).then_some(Gate { from, guard, limit, alert })
    }

    pub(crate) fn measurement(&self) -> Name {
        self.from.measurement
    }
}

impl Limit {
    fn of(threshold: &Threshold, schema: &Schema) -> Option<Limit> {
        let up = match threshold.comparison {
            Comparison::Greater | Comparison::GreaterEqual => true,
            Comparison::Less | Comparison::LessEqual => false,
            Comparison::Equal | Comparison::NotEqual => return None,
        };
        let int = match threshold.constant {
            Constant::Float(constant) if constant.is_finite() => false,
            Constant::Int(constant) if (-EXACT..=EXACT).contains(&constant) => true,
            _ => return None,
        };
        let face = Face { field: schema.name(&threshold.name), up, int };
        Some(Limit { face, comparison: threshold.comparison, constant: threshold.constant })
    }
}
