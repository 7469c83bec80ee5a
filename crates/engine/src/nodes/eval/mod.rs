//! `|eval(lambda: ..)`: fields, and tags, worked out from each row.

mod layout;

use std::sync::Arc;

use declare::{Declaration, Lambda};
use lambda::{Evaluator, State};
use layout::{Layout, Out, Outcome, Source};
use model::{FieldType, GroupId, Name, Row, SeriesId, Value};

use crate::{BuildError, Cx, Definition, EdgeKind, Node, PerRow, Place, Plan, Reach, boxed_per_row, nodes::compiled};

#[derive(Debug, Clone, Default)]
pub(super) struct Eval {
    expressions: Vec<Lambda>,
    names: Vec<String>,
    tags: Vec<String>,
    /// An empty list keeps all.
    keep: Option<Vec<String>>,
    quiet: bool,
}

impl Definition for Eval {
    const NAME: &'static str = "eval";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Work out new fields from each row. Other fields are dropped, if they are not kept.")
            .variadic("expressions", "What to work out, in this order; later ones see earlier results.", |e| {
                &mut e.expressions
            })
            .property("as", "A name for each result.", |e| &mut e.names)
            .property("tags", "Which of the results become tags; they must be strings.", |e| &mut e.tags)
            .method_shown(
                "keep",
                "fields ...string",
                "Keep the other fields, too; or of fields and results only those named here.",
                |e, args| {
                    let text = |arg: &declare::Argument| match arg {
                        declare::Argument::String(text) => Some(text.clone()),
                        _ => None,
                    };
                    e.keep = Some(args.iter().filter_map(text).collect());
                    Ok(())
                },
                |e| e.keep.iter().map(|fields| fields.iter().map(|field| field.clone().into()).collect()).collect(),
            )
            .flag("quiet", "Neither log nor count rows that cannot be worked out.", |e| &mut e.quiet)
            .example("stream |from().measurement('cpu') |eval(lambda: 100.0 - \"usage_idle\").as('used')")
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        if self.names.len() != self.expressions.len() {
            return Err(format!(
                "eval: .as(..) has {} names for {} expressions",
                self.names.len(),
                self.expressions.len()
            ));
        }
        match self.tags.iter().find(|tag| !self.names.contains(tag)) {
            Some(tag) => Err(format!("invalid tag name \"{tag}\", name is not present in .as() names")),
            None => Ok(()),
        }
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Changes(self.tags.clone())
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let mut expressions = Vec::with_capacity(self.expressions.len());
        for (index, lambda) in self.expressions.iter().enumerate() {
            let program = compiled(&format!("eval number {index}"), Some(lambda))?;
            expressions.push(Evaluator::new(Arc::new(program), plan.schema));
        }
        let outcome = Outcome::new(&self, &expressions, plan.schema);
        Ok(boxed_per_row(EvalNode {
            stateful: expressions.iter().any(|expression| expression.program().stateful()),
            chained: outcome.chained(&expressions),
            results: Vec::with_capacity(expressions.len()),
            extra: Vec::new(),
            scratch: State::default(),
            expressions,
            outcome,
            layouts: Vec::new(),
            current: 0,
            quiet: self.quiet,
            regroups: plan.input == EdgeKind::Stream,
            tagged: None,
        }))
    }
}

struct EvalNode {
    expressions: Vec<Evaluator>,
    stateful: bool,
    /// Whether some expression reads the result of an earlier one.
    chained: bool,
    outcome: Outcome,
    /// Types and words of the results for the row at hand.
    results: Vec<(FieldType, u64)>,
    extra: Vec<(Name, Value)>,
    scratch: State,
    /// How rows of the kinds met are put together.
    layouts: Vec<Layout>,
    current: usize,
    /// Points with other tags may be of another group; rows of batches stay in theirs.
    regroups: bool,
    tagged: Option<Tagged>,
    // Kapacitor does not even count the errors of a quiet eval. Case: stream/eval_quiet_errors.
    quiet: bool,
}

/// What became of the last row that was given tags: the next one is often like it.
struct Tagged {
    /// With the version of the schema.
    from: (u32, SeriesId, GroupId),
    values: Vec<Name>,
    to: (SeriesId, GroupId),
}

/// How many kinds of rows are remembered.
const LAYOUTS: usize = 64;

impl EvalNode {
    /// Work out all results for a row.
    #[inline]
    fn work_out(&mut self, states: &mut Vec<State>, row: &Row, cx: &mut Cx<'_>) -> Result<(), lambda::EvalError> {
        if self.stateful && states.is_empty() {
            states.resize_with(self.expressions.len(), State::default);
        }
        self.results.clear();
        self.extra.clear();
        for (index, expression) in self.expressions.iter_mut().enumerate() {
            let context = lambda::Context { extra: &self.extra, ..cx.lambda(row) };
            let state = if self.stateful { &mut states[index] } else { &mut self.scratch };
            let (field_type, mut word) = expression.eval_word(&context, state)?;
            if field_type == FieldType::String {
                word = cx.frame.push_text(expression.text());
            }
            self.results.push((field_type, word));
            if self.chained {
                let (name, value) = (self.outcome.names[index], cx.frame.value(word, field_type));
                match self.extra.iter_mut().find(|known| known.0 == name) {
                    Some(known) => known.1 = value,
                    None => self.extra.push((name, value)),
                }
            }
        }
        Ok(())
    }

    #[inline]
    fn find_layout(&mut self, row: &Row, cx: &Cx<'_>) {
        let fits = |layout: &Layout| layout.is_for(cx.schema, row, &self.results);
        if self.layouts.get(self.current).is_some_and(fits) {
            return;
        }
        self.current = match self.layouts.iter().position(fits) {
            Some(known) => known,
            None => {
                let layout = self.outcome.layout(cx.schema, row, &self.results);
                if self.layouts.len() < LAYOUTS {
                    self.layouts.push(layout);
                    self.layouts.len() - 1
                } else {
                    let place = (self.current + 1) % LAYOUTS;
                    self.layouts[place] = layout;
                    place
                }
            }
        };
    }

    #[inline]
    fn put_together(&self, out: &Out, row: &Row, cx: &mut Cx<'_>) -> Row {
        let at = if out.copied > 0 { cx.frame.copy_run(row, out.copied) } else { cx.frame.next_at() };
        for source in &out.sources {
            let word = self.word(*source, row, cx);
            cx.frame.push_word(word);
        }
        Row { shape: out.shape, at, ..*row }
    }

    #[inline]
    fn word(&self, source: Source, row: &Row, cx: &mut Cx<'_>) -> u64 {
        match source {
            Source::Result(index) => self.results[index].1,
            Source::Field(index, _) => cx.frame.word(row, index),
            Source::Tag(name) => {
                let value = cx.schema.series(row.series).tag(name).unwrap_or(Name::EMPTY);
                cx.frame.push_text(cx.schema.text(value))
            }
        }
    }

    #[cold]
    fn refuse(&self, why: &dyn std::fmt::Display, cx: &mut Cx<'_>) {
        if !self.quiet {
            cx.row_error(format_args!("error evaluating expression: {why}"));
        }
    }

    /// Series and group of a row with the tags it is given.
    fn tag(&self, out: &Out, row: &Row, cx: &mut Cx<'_>) -> Tagged {
        let value = |(_, source): &(Name, Source)| {
            let word = self.word(*source, row, cx);
            cx.schema.tag_value(cx.frame.text(word))
        };
        let values: Vec<Name> = out.tags.iter().map(value).collect();
        let from = (cx.schema.version(), row.series, row.group);
        if let Some(last) = &self.tagged
            && last.from == from
            && last.values == values
        {
            return Tagged { from, values, to: last.to };
        }
        let old = cx.schema.series(row.series);
        let mut tags = old.tags().to_vec();
        for ((name, _), value) in out.tags.iter().zip(&values) {
            match tags.iter_mut().find(|tag| tag.0 == *name) {
                Some(tag) => tag.1 = *value,
                None => tags.push((*name, *value)),
            }
        }
        let series = cx.schema.series_of(old.name(), &tags);
        let group = if self.regroups { cx.schema.regroup(row.group, series) } else { row.group };
        Tagged { from, values, to: (series, group) }
    }
}

impl PerRow for EvalNode {
    /// What stateful functions remember, for each expression; empty if there are none.
    type Group = Vec<State>;

    fn remembers(&self) -> bool {
        self.stateful
    }

    #[inline]
    fn row(&mut self, states: &mut Vec<State>, row: Row, cx: &mut Cx<'_>) -> Option<Row> {
        if let Err(error) = self.work_out(states, &row, cx) {
            self.refuse(&error, cx);
            return None;
        }
        self.find_layout(&row, cx);
        let out = match &self.layouts[self.current].out {
            Ok(out) => out,
            Err(why) => {
                self.refuse(why, cx);
                return None;
            }
        };
        let mut new = self.put_together(out, &row, cx);
        if !out.tags.is_empty() {
            let tagged = self.tag(out, &row, cx);
            (new.series, new.group) = tagged.to;
            self.tagged = Some(tagged);
        }
        Some(new)
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use crate::testing::Bench;

    /// The rows that come out, as posted: tags, columns and values.
    fn out(eval: &str, lines: &str) -> Vec<String> {
        let mut bench = Bench::new(&format!("stream |from() {eval} |httpPost('http://x')")).unwrap();
        bench.write(lines, Precision::Nanoseconds);
        let seen = bench.host.seen();
        let rest = |body: &str| {
            body.split_once("\"name\":\"m\",").unwrap().1.trim_end().strip_suffix("]}").unwrap().to_string()
        };
        seen.posts.iter().map(|post| rest(&post.body)).collect()
    }

    const TIME: &str = "\"1970-01-01T00:00:00Z\"";

    #[test]
    fn results_replace_fields_or_stand_beside_them() {
        for (eval, columns, values) in [
            ("|eval(lambda: 100.0 - \"x\").as('u')", "\"u\"", "98.5"),
            ("|eval(lambda: 100.0 - \"x\").as('u').keep()", "\"s\",\"u\",\"x\"", "\"t\",98.5,1.5"),
            ("|eval(lambda: \"x\" + 1.0).as('x').keep()", "\"s\",\"x\"", "\"t\",2.5"),
            ("|eval(lambda: \"x\" * 2.0, lambda: \"y\" + 1.0).as('y', 'z').keep('z', 'x')", "\"x\",\"z\"", "1.5,4"),
            (
                "|eval(lambda: \"s\" + 'u', lambda: \"h\").as('a', 'b').keep('b', 'a', 'h')",
                "\"a\",\"b\",\"h\"",
                "\"tu\",\"H\",\"H\"",
            ),
            // An expression that reads a name again fills it in from the row.
            ("|eval(lambda: \"x\" + 1.0, lambda: \"x\").as('x', 'y')", "\"x\",\"y\"", "1.5,1.5"),
        ] {
            let rows = out(eval, "m,h=H x=1.5,s=\"t\" 0");
            let want =
                format!("\"tags\":{{\"h\":\"H\"}},\"columns\":[\"time\",{columns}],\"values\":[[{TIME},{values}]]}}");
            assert_eq!(rows, [want], "{eval}");
        }
    }

    #[test]
    fn results_become_tags() {
        let rows = out("|eval(lambda: string(\"x\"), lambda: 1).as('h', 'n').tags('h')", "m,h=H x=1.5 0\nm x=2 0");
        let want =
            |h: &str| format!("\"tags\":{{\"h\":\"{h}\"}},\"columns\":[\"time\",\"n\"],\"values\":[[{TIME},1]]}}");
        assert_eq!(rows, [want("1.5"), want("2")]);
    }

    #[test]
    fn rows_that_cannot_be_worked_out_are_dropped() {
        for eval in [
            "|eval(lambda: \"nope\").as('y')",
            "|eval(lambda: \"x\" + 1).as('y')",
            "|eval(lambda: \"x\").as('y').tags('y')",
            "|eval(lambda: \"x\").as('y').keep('z')",
        ] {
            let mut bench = Bench::new(&format!("stream |from() {eval}.quiet() |log()")).unwrap();
            bench.write("m x=1.5 0", Precision::Nanoseconds);
            assert_eq!((bench.stat("eval2", "errors"), bench.stat("log3", "collected")), (0, 0), "{eval}");
            assert!(bench.host.seen().logs.is_empty());
        }
    }

    #[test]
    fn groups_follow_tags() {
        let script =
            "stream |from().groupBy('h') |eval(lambda: string(\"x\"), lambda: 1).as('h', 'n').tags('h') |httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=H x=1 0\nm,h=H x=2 0\nm,h=J x=1 0", Precision::Nanoseconds);
        assert_eq!(bench.stat("http_out3", "working_cardinality"), 2);
    }

    #[test]
    fn names_and_expressions_go_together() {
        for (call, why) in [
            ("eval(lambda: \"a\")", "has 0 names for 1 expressions"),
            ("eval(lambda: \"a\").as('b').tags('c')", "invalid tag name \"c\""),
        ] {
            let error = Bench::new(&format!("stream|from()|{call}")).err().expect("an error");
            assert!(error.contains(why), "{error}");
        }
    }
}
