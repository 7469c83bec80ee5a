//! Evaluation for many rows: what a program means for each kind of row is found once and kept.

use std::{
    hash::{BuildHasher, RandomState},
    sync::Arc,
};

use model::{FieldType, Frame, Name, Row, Schema, SeriesId, ShapeId, Time, Value};

use crate::{
    EvalError, Program, State, Type, Zone,
    bind::{Blame, Slot, extra_slot, find_slots, find_types},
    eval::Eval,
    fast::{Code, Found, Outcome, text, value_of},
    lower::lower,
    operators::result_type,
    program::{Comparison, Constant, Kind, Node},
    series::{MASKED, SeriesTags},
};

/// The row that an expression is evaluated for, and what surrounds it.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub schema: &'a Schema,
    pub frame: &'a Frame,
    pub row: &'a Row,
    /// Results of earlier expressions of the same `eval`. A field or tag of the same name hides them.
    pub extra: &'a [(Name, Value)],
    /// The daemon's time zone.
    pub zone: &'a Zone,
    /// What `now()` gives.
    pub now: Time,
}

/// A program bound to a schema, for one node: not shared between threads, so that it may keep what it has found.
pub struct Evaluator {
    program: Arc<Program>,
    /// The numbers of the references.
    names: Box<[Name]>,
    bindings: Vec<Binding>,
    current: usize,
    series: SeriesTags,
    random: u64,
    text: String,
}

/// How many kinds of rows are kept.
const BINDINGS: usize = 32;

/// What the program is for rows of one shape whose series have the same of its references as tags.
struct Binding {
    shape: ShapeId,
    /// Bit i: reference i is a tag.
    tags: u64,
    /// No earlier results take part.
    plain: bool,
    slots: Box<[Slot]>,
    types: Box<[Option<Type>]>,
    way: Way,
    /// The result depends on the series alone, and may be kept for it.
    keeps: bool,
}

/// How rows of one kind are evaluated.
enum Way {
    /// Each row fails alike.
    Fails(EvalError),
    Float {
        index: usize,
        comparison: Comparison,
        constant: f64,
    },
    Int {
        index: usize,
        comparison: Comparison,
        constant: i64,
    },
    Code(Box<Code>),
    Parts,
}

impl Evaluator {
    /// An evaluator for rows of this schema.
    pub fn new(program: Arc<Program>, schema: &Schema) -> Evaluator {
        let names = program.references.iter().map(|name| schema.name(name)).collect();
        let random = RandomState::new().hash_one(0);
        let (bindings, series) = (Vec::new(), SeriesTags::default());
        Evaluator { program, names, bindings, current: 0, series, random, text: String::new() }
    }

    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// The result as a value. A time or a regex is none.
    pub fn eval(&mut self, cx: &Context<'_>, state: &mut State) -> Result<Value, EvalError> {
        self.find(cx, state, |found| match found {
            Found::Word(word, field_type) => value_of(word, field_type),
            Found::Text(text) => Value::String(text.into()),
        })
    }

    /// The result as a word, allocation-free but for texts: those stand in [`Evaluator::text`], and the word is 0.
    #[inline]
    pub fn eval_word(&mut self, cx: &Context<'_>, state: &mut State) -> Result<(FieldType, u64), EvalError> {
        let tags = self.tags(cx);
        let index = self.binding(cx, tags);
        if let Way::Code(code) = &mut self.bindings[index].way
            && let Outcome::Word(at, field_type) = code.result
            && code.run(cx).is_ok()
        {
            return Ok((field_type, code.registers[at as usize]));
        }
        self.eval_any(index, cx, state)
    }

    /// As [`Evaluator::eval_word`] where it is not known what comes.
    fn eval_any(&mut self, index: usize, cx: &Context<'_>, state: &mut State) -> Result<(FieldType, u64), EvalError> {
        let mut out = std::mem::take(&mut self.text);
        let result = self.found(index, cx, state, |found| match found {
            Found::Word(word, field_type) => (field_type, word),
            Found::Text(text) => {
                out.clear();
                out.push_str(&text);
                (FieldType::String, 0)
            }
        });
        self.text = out;
        result
    }

    /// The last result of [`Evaluator::eval_word`] that was a text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The result as a condition; one of another type is an error.
    #[inline]
    pub fn eval_bool(&mut self, cx: &Context<'_>, state: &mut State) -> Result<bool, EvalError> {
        let tags = self.tags(cx);
        let index = self.binding(cx, tags);
        let binding = &mut self.bindings[index];
        match &mut binding.way {
            Way::Float { index, comparison, constant } => {
                return Ok(comparison.holds(f64::from_bits(cx.frame.word(cx.row, *index)), *constant));
            }
            Way::Int { index, comparison, constant } => {
                return Ok(comparison.holds(cx.frame.word(cx.row, *index) as i64, *constant));
            }
            _ => {}
        }
        if binding.keeps
            && let Some(kept) = self.series.kept()
        {
            return Ok(kept);
        }
        let answer = self.condition(index, cx, state)?;
        if self.bindings[index].keeps {
            self.series.keep(answer);
        }
        Ok(answer)
    }

    fn condition(&mut self, index: usize, cx: &Context<'_>, state: &mut State) -> Result<bool, EvalError> {
        let wrong = |found| Err(EvalError::Type { found, expected: Type::Bool });
        self.found(index, cx, state, |found| match found {
            Found::Word(word, FieldType::Bool) => Ok(word != 0),
            Found::Word(_, field_type) => wrong(Type::of_field(field_type).unwrap_or(Type::Missing)),
            Found::Text(_) => wrong(Type::String),
        })?
    }

    fn find<T>(
        &mut self,
        cx: &Context<'_>,
        state: &mut State,
        then: impl FnOnce(Found<'_>) -> T,
    ) -> Result<T, EvalError> {
        let tags = self.tags(cx);
        let index = self.binding(cx, tags);
        self.found(index, cx, state, then)
    }

    fn found<T>(
        &mut self,
        index: usize,
        cx: &Context<'_>,
        state: &mut State,
        then: impl FnOnce(Found<'_>) -> T,
    ) -> Result<T, EvalError> {
        let Evaluator { program, names, bindings, random, .. } = self;
        let Binding { way, slots, types, .. } = &mut bindings[index];
        match way {
            Way::Fails(error) => return Err(error.clone()),
            Way::Float { index, comparison, constant } => {
                let holds = comparison.holds(f64::from_bits(cx.frame.word(cx.row, *index)), *constant);
                return Ok(then(Found::Word(u64::from(holds), FieldType::Bool)));
            }
            Way::Int { index, comparison, constant } => {
                let holds = comparison.holds(cx.frame.word(cx.row, *index) as i64, *constant);
                return Ok(then(Found::Word(u64::from(holds), FieldType::Bool)));
            }
            Way::Code(code) => {
                if code.run(cx).is_ok() {
                    return Ok(then(match code.result {
                        Outcome::Word(reg, field_type) => Found::Word(code.registers[reg as usize], field_type),
                        Outcome::Text(index) => Found::Text(text(&code.pool.texts[index as usize], cx).into()),
                    }));
                }
            }
            Way::Parts => {}
        }
        by_parts(program, names, slots, types, cx, state, random).map(then)
    }

    /// Evaluate part by part, whatever way there is: what all other ways are compared with.
    #[doc(hidden)]
    pub fn eval_by_parts(&mut self, cx: &Context<'_>, state: &mut State) -> Result<Value, EvalError> {
        let tags = self.tags(cx);
        let index = self.binding(cx, tags);
        let Evaluator { program, names, bindings, random, .. } = self;
        let Binding { slots, types, .. } = &bindings[index];
        if let Way::Fails(error @ EvalError::FieldAndTag(_)) = &bindings[index].way {
            return Err(error.clone());
        }
        by_parts(program, names, slots, types, cx, state, random).map(|found| match found {
            Found::Word(word, field_type) => value_of(word, field_type),
            Found::Text(text) => Value::String(text.into()),
        })
    }

    /// Which references are tags of the row's series.
    #[inline]
    fn tags(&mut self, cx: &Context<'_>) -> u64 {
        self.series.find(cx.schema, &self.names, cx.row.series)
    }

    /// The place of what the program is for rows like this one.
    #[inline]
    fn binding(&mut self, cx: &Context<'_>, tags: u64) -> usize {
        match self.bindings.get(self.current) {
            Some(binding) if binding.is_for(cx, &self.names, tags) => self.current,
            _ => self.other_binding(cx, tags),
        }
    }

    #[cold]
    fn other_binding(&mut self, cx: &Context<'_>, tags: u64) -> usize {
        let names = &self.names;
        self.current = match self.bindings.iter().position(|binding| binding.is_for(cx, names, tags)) {
            Some(known) => known,
            None => {
                let binding = Binding::new(&self.program, names, cx, tags);
                if self.bindings.len() < BINDINGS {
                    self.bindings.push(binding);
                    self.bindings.len() - 1
                } else {
                    let place = (self.current + 1) % BINDINGS;
                    self.bindings[place] = binding;
                    place
                }
            }
        };
        self.current
    }
}

fn by_parts<'a>(
    program: &'a Program,
    names: &'a [Name],
    slots: &'a [Slot],
    types: &'a [Option<Type>],
    cx: &'a Context<'a>,
    state: &mut State,
    random: &mut u64,
) -> Result<Found<'a>, EvalError> {
    use crate::value::Val::*;
    let mut eval = Eval { program, names, slots, types, cx, state, random, scope: 0 };
    Ok(match eval.run()? {
        Float(v) => Found::Word(v.to_bits(), FieldType::Float),
        Int(v) => Found::Word(v as u64, FieldType::Int),
        Bool(v) => Found::Word(u64::from(v), FieldType::Bool),
        Duration(v) => Found::Word(v as u64, FieldType::Duration),
        Str(v) => Found::Text(v),
        other => return Err(EvalError::Result(other.type_of())),
    })
}

impl Binding {
    fn new(program: &Program, names: &[Name], cx: &Context<'_>, tags: u64) -> Binding {
        let is_tag = |i| has_tag(cx.schema, names, cx.row.series, tags, i);
        let slots = find_slots(program, names, cx.schema, cx.row.shape, cx.extra, is_tag);
        let (slots, clash) = match slots {
            Ok(slots) => (slots, None),
            Err(error) => (vec![Slot::Nil; names.len()].into(), Some(error)),
        };
        let types = find_types(program, &slots);
        let blame = Blame { program, slots: &slots, types: &types };
        let way = match clash.or_else(|| certain_error(&blame, &program.root, true)) {
            Some(error) => Way::Fails(error),
            None => way(program, names, cx.schema, &slots, &types),
        };
        let extra = |slot: &Slot| matches!(slot, Slot::Extra(..)) || (*slot == Slot::Missing && !cx.extra.is_empty());
        let plain = names.len() <= MASKED
            && !slots.iter().any(|slot| extra(slot) || (*slot == Slot::Nil && !cx.extra.is_empty()));
        let keeps = program.tags_only(|_| true)
            && !names.is_empty()
            && names.len() <= MASKED
            && slots.iter().all(|slot| *slot == Slot::Tag);
        Binding { shape: cx.row.shape, tags, plain, slots, types, way, keeps }
    }

    #[inline]
    fn is_for(&self, cx: &Context<'_>, names: &[Name], tags: u64) -> bool {
        self.shape == cx.row.shape && self.tags == tags && ((self.plain && cx.extra.is_empty()) || self.fits(cx, names))
    }

    /// Whether names that are neither field nor tag are the same among the earlier results.
    fn fits(&self, cx: &Context<'_>, names: &[Name]) -> bool {
        if names.len() > MASKED {
            // Which of them are tags is not all in the mask.
            let found = |i| has_tag(cx.schema, names, cx.row.series, self.tags, i);
            if !(MASKED..names.len()).all(|i| found(i) == (self.slots[i] == Slot::Tag)) {
                return false;
            }
        }
        names.iter().zip(&self.slots).all(|(name, slot)| match slot {
            Slot::Field(..) | Slot::Tag => true,
            Slot::Extra(..) | Slot::Missing => extra_slot(cx.extra, *name) == *slot,
            // Either a field without a value, or an earlier result without one.
            Slot::Nil => cx.extra.iter().all(|(known, _)| known != name) || extra_slot(cx.extra, *name) == Slot::Nil,
        })
    }
}

fn has_tag(schema: &Schema, names: &[Name], series: SeriesId, tags: u64, index: usize) -> bool {
    if index < MASKED { tags >> index & 1 == 1 } else { schema.series(series).tag(names[index]).is_some() }
}

fn way(program: &Program, names: &[Name], schema: &Schema, slots: &[Slot], types: &[Option<Type>]) -> Way {
    if let Some(threshold) = program.threshold()
        && let [Slot::Field(index, found)] = *slots
    {
        let (comparison, index) = (threshold.comparison, index);
        match (found, threshold.constant) {
            (Type::Float, Constant::Float(constant)) => return Way::Float { index, comparison, constant },
            (Type::Float, Constant::Int(constant)) => {
                return Way::Float { index, comparison, constant: constant as f64 };
            }
            (Type::Int, Constant::Int(constant)) => return Way::Int { index, comparison, constant },
            _ => {}
        }
    }
    match lower(program, names, schema, slots, types) {
        Some(code) => Way::Code(Box::new(code)),
        None => Way::Parts,
    }
}

/// The error of the part that is evaluated first, if no value of a row can help it.
fn certain_error(blame: &Blame<'_>, node: &Node, root: bool) -> Option<EvalError> {
    if root {
        match blame.type_of(node) {
            Err(error) => return Some(error),
            Ok(found @ (Type::Time | Type::Regex)) => return Some(EvalError::Result(found)),
            Ok(_) => {}
        }
    }
    match &node.kind {
        Kind::Reference(index) => {
            (blame.slots[*index] == Slot::Missing).then(|| EvalError::Missing(blame.program.names[*index].clone()))
        }
        Kind::Binary { op, left, right } => match (blame.types[left.id], blame.types[right.id]) {
            (Some(l), Some(r)) if result_type(*op, l, r).is_some() => certain_error(blame, left, false),
            _ => Some(blame.operands(*op, left, right)),
        },
        Kind::Logic { terms, .. } if terms.iter().all(|term| blame.types[term.id] == Some(Type::Bool)) => {
            certain_error(blame, &terms[0], false)
        }
        _ => None,
    }
}

#[cfg(test)]
mod agreement;
#[cfg(test)]
mod tests;
