//! `|combine(lambda: .., lambda: ..)`: the points of one time paired with each other.

use std::{collections::HashMap, sync::Arc};

use declare::{Declaration, Lambda};
use lambda::{Evaluator, State};
use model::{BatchHead, Damaged, FieldType, GroupId, KeptRows, Name, Row, Save, Saved, Time, round, save_fields};

use crate::{
    BuildError, Cx, Definition, EdgeKind, Node, PerGroup, Place, Plan, Reach, boxed_per_group,
    nodes::{compiled, prefix::check_prefixes},
};

#[derive(Debug, Clone)]
pub(super) struct Combine {
    expressions: Vec<Lambda>,
    names: Vec<String>,
    delimiter: String,
    tolerance: std::time::Duration,
    max: i64,
}

impl Default for Combine {
    fn default() -> Self {
        Combine {
            expressions: Vec::new(),
            names: Vec::new(),
            delimiter: ".".to_string(),
            tolerance: std::time::Duration::ZERO,
            max: 1_000_000,
        }
    }
}

impl Definition for Combine {
    const NAME: &'static str = "combine";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Combine the points of a group that have the same time with each other: each expression picks one of them.",
        )
        .variadic("expressions", "One for each point of a combination.", |c| &mut c.expressions)
        .condition()
        .property("as", "The prefixes of fields and tags, one for each expression.", |c| &mut c.names)
        .property("delimiter", "What stands between a prefix and a name.", |c| &mut c.delimiter)
        .property("tolerance", "Times are rounded to a multiple of this first.", |c| &mut c.tolerance)
        .property("max", "The task stops if there are more combinations of one time.", |c| &mut c.max)
        .example("stream |from().measurement('cpu') |combine(lambda: \"host\" == 'a', lambda: TRUE).as('a', 'other')")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        if self.delimiter.is_empty() {
            return Err("combine: the delimiter is empty".to_string());
        }
        check_prefixes("combine", &self.names, self.expressions.len(), "expressions", &self.delimiter)
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let mut expressions = Vec::new();
        for (index, lambda) in self.expressions.iter().enumerate() {
            let program = compiled(&format!("combine {index}"), Some(lambda))?;
            expressions.push(Evaluator::new(Arc::new(program), plan.schema));
        }
        Ok(boxed_per_group(CombineNode {
            expressions,
            prefixes: self.names.iter().map(|name| format!("{name}{}", self.delimiter)).collect(),
            tolerance: i64::try_from(self.tolerance.as_nanos()).unwrap_or(i64::MAX),
            max: u64::try_from(self.max).unwrap_or(0),
            failed: false,
            names: HashMap::new(),
            rows: Vec::new(),
            matches: Vec::new(),
            fields: Vec::new(),
            tags: Vec::new(),
        }))
    }
}

/// So many names with prefix are remembered: writers may make up as many as they like.
const MOST_NAMES: usize = 10_000;

struct CombineNode {
    expressions: Vec<Evaluator>,
    /// With their delimiter.
    prefixes: Vec<String>,
    tolerance: i64,
    max: u64,
    /// It gives nothing more.
    failed: bool,
    /// Names with prefix, by its number and the name without.
    names: HashMap<(usize, Name), Name>,
    rows: Vec<Row>,
    /// Whether an expression is true of a row, row by row.
    matches: Vec<bool>,
    fields: Vec<(Name, FieldType)>,
    tags: Vec<(Name, Name)>,
}

/// The points of the last time, and what lambdas remember.
struct Group {
    name: Name,
    time: Time,
    held: KeptRows,
    states: Vec<State>,
}

save_fields!(Group { name, time, held, states });

impl CombineNode {
    fn prefixed(&mut self, prefix: usize, name: Name, cx: &Cx<'_>) -> Name {
        if self.names.len() >= MOST_NAMES {
            self.names.clear();
        }
        let text = &self.prefixes[prefix];
        *self.names.entry((prefix, name)).or_insert_with(|| cx.schema.name(&format!("{text}{}", cx.schema.text(name))))
    }

    fn add(&mut self, group: &mut Group, id: GroupId, row: &Row, cx: &mut Cx<'_>) {
        let time = round(row.time, self.tolerance);
        if time != group.time {
            self.release(group, id, cx);
            group.time = time;
        }
        group.held.push(cx.schema, cx.frame, &Row { time, ..*row });
    }

    /// Hand on all combinations of the points held, which are let go.
    fn release(&mut self, group: &mut Group, id: GroupId, cx: &mut Cx<'_>) {
        let (n, k) = (group.held.len(), self.expressions.len());
        if n == 0 || self.failed {
            return;
        }
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        group.held.load(cx.schema, cx.frame, 0..n, &mut rows);
        group.held.drop_front(cx.schema, n);
        self.find_matches(group, &rows, cx);
        if k > 0 && n >= k {
            let count = count_combinations(n as u64, k as u64);
            if count > self.max {
                self.failed = true;
                cx.fail(format_args!(
                    "refusing to perform combination as total combinations {count} exceeds max combinations {}",
                    self.max
                ));
            } else {
                self.combine_all(group, id, &rows, cx);
            }
        }
        self.rows = rows;
    }

    fn find_matches(&mut self, group: &mut Group, rows: &[Row], cx: &mut Cx<'_>) {
        self.matches.clear();
        for row in rows {
            for (expression, state) in self.expressions.iter_mut().zip(&mut group.states) {
                let matched = expression.eval_bool(&cx.lambda(row), state).unwrap_or_else(|error| {
                    cx.row_error(format_args!("error evaluating lambda expression: {error}"));
                    false
                });
                self.matches.push(matched);
            }
        }
    }

    /// All ways to choose as many rows as there are expressions, in the order of their numbers.
    fn combine_all(&mut self, group: &Group, id: GroupId, rows: &[Row], cx: &mut Cx<'_>) {
        let (n, k) = (rows.len(), self.expressions.len());
        let mut chosen: Vec<usize> = (0..k).collect();
        let mut picked = Vec::with_capacity(k);
        loop {
            if self.assign(&chosen, &mut picked) {
                let row = self.merge(group, id, rows, &picked, cx);
                cx.emit(row);
            }
            let Some(last) = (0..k).rev().find(|&i| chosen[i] != i + n - k) else { return };
            chosen[last] += 1;
            for i in last + 1..k {
                chosen[i] = chosen[i - 1] + 1;
            }
        }
    }

    /// Give each expression the first of the chosen rows that fits and is left; whether each gets one.
    fn assign(&self, chosen: &[usize], picked: &mut Vec<usize>) -> bool {
        let k = self.expressions.len();
        picked.clear();
        for expression in 0..k {
            let fits = |row: &&usize| !picked.contains(row) && self.matches[**row * k + expression];
            match chosen.iter().find(fits) {
                Some(&row) => picked.push(row),
                None => return false,
            }
        }
        true
    }

    fn merge(&mut self, group: &Group, id: GroupId, rows: &[Row], picked: &[usize], cx: &mut Cx<'_>) -> Row {
        self.fields.clear();
        self.tags.clear();
        let at = cx.frame.next_at();
        for (prefix, &index) in picked.iter().enumerate() {
            let row = rows[index];
            let fields = cx.schema.shape(row.shape).fields();
            for &(name, field_type) in fields {
                let name = self.prefixed(prefix, name, cx);
                self.fields.push((name, field_type));
            }
            cx.frame.copy_run(&row, fields.len());
            for &(key, value) in cx.schema.series(row.series).tags() {
                let grouped = cx.schema.group(id).tags().iter().any(|tag| tag.0 == key);
                let key = if grouped { key } else { self.prefixed(prefix, key, cx) };
                self.tags.push((key, value));
            }
        }
        Row {
            time: group.time,
            series: cx.schema.series_of(group.name, &self.tags),
            shape: cx.schema.shape_of(&self.fields),
            at,
            group: id,
        }
    }
}

/// `n` over `k`; the largest number if it is larger still.
fn count_combinations(n: u64, k: u64) -> u64 {
    let mut count = 1u128;
    for i in 0..k.min(n - k) {
        count = count * u128::from(n - i) / u128::from(i + 1);
        if count > u128::from(u64::MAX) {
            return u64::MAX;
        }
    }
    count as u64
}

impl PerGroup for CombineNode {
    type Group = Group;

    fn makes_points(&self) -> bool {
        true
    }

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> Group {
        let states = self.expressions.iter().map(|_| State::default()).collect();
        Group { name: Name::EMPTY, time: 0, held: KeptRows::default(), states }
    }

    fn restore_group(&mut self, _id: GroupId, from: &mut Saved<'_>, _cx: &mut Cx<'_>) -> Result<Group, Damaged> {
        let group = Group::restore(from)?;
        let fits = group.states.len() == self.expressions.len();
        if fits { Ok(group) } else { Err(Damaged("it is of another number of expressions")) }
    }

    fn point(&mut self, group: &mut Group, row: Row, cx: &mut Cx<'_>) {
        if group.name.is_empty() {
            group.name = cx.schema.series(row.series).name();
        }
        self.add(group, row.group, &row, cx);
    }

    fn batch(&mut self, group: &mut Group, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        group.name = head.name;
        for row in rows {
            self.add(group, head.group, row, cx);
        }
        self.release(group, head.group, cx);
    }
}
