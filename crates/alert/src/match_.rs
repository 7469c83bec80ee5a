//! `match:` of a topic's handler: which events it gets.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use lambda::{Context, EvalError, Evaluator, Program, State, Type, Zone};
use model::{FieldType, Frame, GroupId, Row, Schema, SeriesId, ShapeId, Words};
use tickscript::ast::{Call, Expr, ExprKind};
use tickscript::{ParseError, parse_lambda, rewrite};

use crate::{Event, EventData, EventState, Level};

/// An expression over the level, change, measurement, task, duration and tags of an event.
pub struct Matcher {
    /// As it was written.
    text: Arc<str>,
    evaluator: Evaluator,
    state: State,
    schema: Arc<Schema>,
    frame: Frame,
    base: Arc<Words>,
    shape: ShapeId,
    series: SeriesId,
    group: GroupId,
    zone: Zone,
    /// Tags that it reads, in the order of the shape's fields after [`FUNCTIONS`].
    tags: Vec<String>,
}

/// What a match expression may ask of an event; each becomes a field of the row that is evaluated.
const FUNCTIONS: [(&str, FieldType); 5] = [
    ("level()", FieldType::Int),
    ("changed()", FieldType::Bool),
    ("name()", FieldType::String),
    ("taskName()", FieldType::String),
    ("alertDuration()", FieldType::Duration),
];

/// What is wrong with a match expression.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MatchError {
    #[error("invalid match expression: {0}")]
    Parse(Box<ParseError>),
    #[error("invalid match expression: unknown identifier \"{name}\", levels are OK, INFO, WARNING and CRITICAL")]
    Identifier { name: String },
    #[error("invalid match expression: {0}")]
    Compile(Box<lambda::CompileError>),
    #[error("invalid match expression: {0}")]
    NeverMatches(String),
    #[error("match expression: no tag exists for \"{0}\"")]
    NoTag(String),
    #[error("match expression: {0}")]
    Eval(EvalError),
}

impl Matcher {
    /// The matcher of an expression. What can be known to fail for each event is refused.
    pub fn new(text: &str, zone: Zone) -> Result<Self, MatchError> {
        let mut expr = parse_lambda(text).map_err(|error| MatchError::Parse(Box::new(error)))?;
        let mut unknown = None;
        rewrite(&mut expr, &mut |expr| {
            if let Err(name) = replace(expr) {
                unknown.get_or_insert(name);
            }
        });
        if let Some(name) = unknown {
            return Err(MatchError::Identifier { name });
        }
        let program = Program::compile(&expr).map_err(|error| MatchError::Compile(Box::new(error)))?;
        if let Some(found) = program.result_type_known().filter(|&found| found != Type::Bool) {
            return Err(MatchError::NeverMatches(EvalError::Type { found, expected: Type::Bool }.to_string()));
        }
        let mut matcher = Matcher::of(text, program, zone);
        matcher.try_out()?;
        Ok(matcher)
    }

    fn of(text: &str, program: Program, zone: Zone) -> Self {
        let schema = Schema::new();
        let is_function = |name: &&String| FUNCTIONS.iter().any(|(function, _)| name == function);
        let tags: Vec<String> = program.references().iter().filter(|name| !is_function(name)).cloned().collect();
        let functions = FUNCTIONS.iter().map(|(name, field_type)| (schema.name(name), *field_type));
        let fields: Vec<_> = functions.chain(tags.iter().map(|name| (schema.name(name), FieldType::String))).collect();
        let series = schema.series_of_texts("", []);
        let group = schema.group_of(&schema.grouping(false, &[], None), series);
        Matcher {
            text: text.into(),
            evaluator: Evaluator::new(Arc::new(program), &schema),
            state: State::default(),
            frame: Frame::default(),
            base: Arc::default(),
            shape: schema.shape_of(&fields),
            series,
            group,
            zone,
            tags,
            schema,
        }
    }

    /// As the user wrote it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the handler gets the event.
    pub fn matches(&mut self, event: &Event) -> Result<bool, MatchError> {
        if let Some(missing) = self.tags.iter().find(|tag| event.data.tag(tag).is_none()) {
            return Err(MatchError::NoTag(missing.clone()));
        }
        self.eval(event).map_err(MatchError::Eval)
    }

    fn eval(&mut self, event: &Event) -> Result<bool, EvalError> {
        self.frame.reset(self.base.clone());
        let (name, task) = (self.frame.push_text(&event.data.name), self.frame.push_text(&event.data.task_name));
        let mut words =
            vec![event.state.level as u64, u64::from(event.changed()), name, task, event.state.duration as u64];
        for tag in &self.tags {
            words.push(self.frame.push_text(event.data.tag(tag).map_or("", |value| value)));
        }
        let at = self.frame.next_at();
        self.frame.push_words(&words);
        let row = Row { time: event.state.time, series: self.series, shape: self.shape, at, group: self.group };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        let cx = Context {
            schema: &self.schema,
            frame: &self.frame,
            row: &row,
            extra: &[],
            zone: &self.zone,
            now: i64::try_from(now).unwrap_or(i64::MAX),
        };
        self.evaluator.eval_bool(&cx, &mut self.state)
    }

    /// Evaluates it once with an empty event: wrong types and unknown functions are the same for all events.
    fn try_out(&mut self) -> Result<(), MatchError> {
        use EvalError::{Function, Mismatch, Operator, Result as Unexpected, Signature, Type as WrongType, Unary};
        let outcome = self.eval(&blank());
        self.state = State::default();
        match outcome {
            Err(
                why @ (Operator { .. }
                | Mismatch { .. }
                | Unary { .. }
                | WrongType { .. }
                | Unexpected(_)
                | Function { .. }
                | Signature { .. }),
            ) => Err(MatchError::NeverMatches(why.to_string())),
            _ => Ok(()),
        }
    }
}

impl std::fmt::Debug for Matcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Matcher").field(&self.text).finish()
    }
}

/// An event with nothing in it.
fn blank() -> Event {
    let empty: Arc<str> = Arc::from("");
    let (message, details) = (empty.clone(), empty.clone());
    let state = EventState { id: empty.clone(), message, details, time: 0, duration: 0, level: Level::Ok };
    Event::new(empty, state, EventData::default())
}

/// Puts fields in the place of functions and numbers in that of levels; the name of what is neither.
fn replace(expr: &mut Expr) -> Result<(), String> {
    match &expr.kind {
        ExprKind::Call(Call { name, args, .. }) if args.is_empty() => {
            let called = format!("{}()", name.name);
            if FUNCTIONS.iter().any(|(function, _)| *function == called) {
                expr.kind = ExprKind::Reference(called);
            }
        }
        ExprKind::Ident(name) => {
            let Some(level) = Level::ALL.into_iter().find(|level| level.name() == name) else {
                return Err(name.clone());
            };
            expr.kind = ExprKind::Int { value: level as i64, octal: false };
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::event;

    fn example() -> Event {
        let mut event = event("t", "id", Level::Warning);
        event.previous = Level::Info;
        event.state.duration = 10_000_000_000;
        event.data = EventData {
            name: "door".into(),
            task_name: "doors".into(),
            tags: vec![("gate".into(), "b".into()), ("site".into(), "muc".into())],
            ..EventData::default()
        }
        .into();
        event
    }

    #[test]
    fn events_are_matched() {
        for (text, want) in [
            ("level() >= WARNING", true),
            ("level() == CRITICAL", false),
            ("changed() AND level() != OK", true),
            ("name() == 'door' AND taskName() =~ /^do/", true),
            ("alertDuration() >= 10s", true),
            ("alertDuration() > 10s", false),
            ("\"site\" == 'muc' AND \"gate\" != 'b'", false),
            ("\"gate\" =~ /^[b-z]/", true),
            ("isPresent(\"gate\")", true),
            ("TRUE", true),
            ("if(level() == INFO, \"gate\" == 'a', FALSE)", false),
        ] {
            let mut matcher = Matcher::new(text, Zone::Utc).unwrap_or_else(|error| panic!("{text}: {error}"));
            // The second time nothing of the first is left.
            assert_eq!(matcher.matches(&example()), Ok(want), "{text}");
            assert_eq!(matcher.matches(&example()), Ok(want), "{text}");
        }
        let mut missing = Matcher::new("\"nope\" == 'x'", Zone::Utc).unwrap();
        assert_eq!(missing.matches(&example()), Err(MatchError::NoTag("nope".into())));
    }

    #[test]
    fn what_never_matches_is_refused() {
        for text in
            ["level() >", "level() > HIGH", "nofunc()", "\"host\"", "'str'", "changed() AND level()", "level() == 'x'"]
        {
            let error = Matcher::new(text, Zone::Utc).err().unwrap_or_else(|| panic!("{text} is taken"));
            assert!(error.to_string().starts_with("invalid match expression: "), "{error}");
        }
    }
}
