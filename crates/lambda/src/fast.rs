//! Expressions as register code for rows of one kind: types are certain, so words are computed with as they are.

use std::{borrow::Cow, sync::Arc};

use model::{FieldType, Name, Value};
use regex::Regex;

use crate::{
    Context,
    instruction::{Instruction, Reg},
};

/// Code for rows of one kind.
#[derive(Debug)]
pub(crate) struct Code {
    /// What is read from the row before the first instruction.
    pub(crate) loads: Box<[(Reg, Load)]>,
    pub(crate) instructions: Box<[Instruction]>,
    /// Constants first, which stay, then what is read and computed.
    pub(crate) registers: Box<[u64]>,
    pub(crate) pool: Pool,
    pub(crate) result: Outcome,
}

/// What instructions refer to by number, beside registers.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    pub(crate) texts: Vec<Text>,
    /// Tags and the values they are compared with.
    pub(crate) tags: Vec<(Name, Name)>,
    pub(crate) calls: Vec<Function>,
    pub(crate) regexes: Vec<Arc<Regex>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Load {
    Field(u32),
    Extra(u32),
    Time,
    Now,
}

/// Where a text comes from.
#[derive(Debug, Clone)]
pub(crate) enum Text {
    Constant(Arc<str>),
    Field(u32),
    Tag(Name),
    Extra(u32),
}

/// A function on words or texts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Function {
    Float(fn(f64) -> f64),
    Floats(fn(f64, f64) -> f64),
    TextsToBool(fn(&str, &str) -> bool),
    TextsToInt(fn(&str, &str) -> i64),
}

/// What the code comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Word(Reg, FieldType),
    Text(u16),
}

/// The code has no answer for this row: the evaluator of parts has it, or the error.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left;

impl Code {
    /// Work out the result for a row; it is in the registers, or is a text.
    #[inline]
    pub(crate) fn run(&mut self, cx: &Context<'_>) -> Result<(), Left> {
        for &(to, load) in &self.loads {
            self.registers[to as usize] = match load {
                Load::Field(index) => cx.frame.word(cx.row, index as usize),
                Load::Extra(index) => cx.extra.get(index as usize).map_or(0, |(_, value)| word_of(value)),
                Load::Time => cx.row.time as u64,
                Load::Now => cx.now as u64,
            };
        }
        self.steps(cx)
    }

    #[inline]
    fn steps(&mut self, cx: &Context<'_>) -> Result<(), Left> {
        use Instruction::*;
        let Code { instructions, registers: r, pool, .. } = self;
        let mut at = 0;
        while let Some(&instruction) = instructions.get(at) {
            at += 1;
            match instruction {
                AddFloat { to, a, b } => put(r, to, float(r, a) + float(r, b)),
                SubFloat { to, a, b } => put(r, to, float(r, a) - float(r, b)),
                MulFloat { to, a, b } => put(r, to, float(r, a) * float(r, b)),
                DivFloat { to, a, b } => put(r, to, float(r, a) / float(r, b)),
                NegFloat { to, a } => put(r, to, -float(r, a)),
                EqualFloat { to, a, b } => r[to as usize] = u64::from(float(r, a) == float(r, b)),
                NotEqualFloat { to, a, b } => r[to as usize] = u64::from(float(r, a) != float(r, b)),
                LessFloat { to, a, b } => r[to as usize] = u64::from(float(r, a) < float(r, b)),
                LessEqualFloat { to, a, b } => r[to as usize] = u64::from(float(r, a) <= float(r, b)),
                AddInt { to, a, b } => r[to as usize] = int(r, a).wrapping_add(int(r, b)) as u64,
                SubInt { to, a, b } => r[to as usize] = int(r, a).wrapping_sub(int(r, b)) as u64,
                MulInt { to, a, b } => r[to as usize] = int(r, a).wrapping_mul(int(r, b)) as u64,
                DivInt { to, a, b } => match int(r, b) {
                    0 => return Err(Left),
                    b => r[to as usize] = int(r, a).wrapping_div(b) as u64,
                },
                RemInt { to, a, b } => match int(r, b) {
                    0 => return Err(Left),
                    b => r[to as usize] = int(r, a).wrapping_rem(b) as u64,
                },
                NegInt { to, a } => r[to as usize] = int(r, a).wrapping_neg() as u64,
                EqualInt { to, a, b } => r[to as usize] = u64::from(int(r, a) == int(r, b)),
                NotEqualInt { to, a, b } => r[to as usize] = u64::from(int(r, a) != int(r, b)),
                LessInt { to, a, b } => r[to as usize] = u64::from(int(r, a) < int(r, b)),
                LessEqualInt { to, a, b } => r[to as usize] = u64::from(int(r, a) <= int(r, b)),
                Not { to, a } => r[to as usize] = u64::from(r[a as usize] == 0),
                IntToFloat { to, a } => put(r, to, int(r, a) as f64),
                FloatToInt { to, a } => r[to as usize] = crate::operators::truncate(float(r, a)) as u64,
                Move { to, a } => r[to as usize] = r[a as usize],
                Select { to, condition, a, b } => {
                    r[to as usize] = if r[condition as usize] != 0 { r[a as usize] } else { r[b as usize] }
                }
                JumpIf { a, to } => {
                    if r[a as usize] != 0 {
                        at = to as usize;
                    }
                }
                JumpIfNot { a, to } => {
                    if r[a as usize] == 0 {
                        at = to as usize;
                    }
                }
                rare => pool.run(rare, r, cx)?,
            }
        }
        Ok(())
    }
}

impl Pool {
    /// The instructions on texts and calls of functions.
    fn run(&self, instruction: Instruction, r: &mut [u64], cx: &Context<'_>) -> Result<(), Left> {
        use Instruction::*;
        match instruction {
            CompareText { to, comparison, a, b } => {
                let (a, b) = (text(&self.texts[a as usize], cx), text(&self.texts[b as usize], cx));
                r[to as usize] = u64::from(comparison.holds(a, b));
            }
            TagIs { to, tag } => r[to as usize] = u64::from(tag_is(self.tags[tag as usize], cx)),
            TagIsNot { to, tag } => r[to as usize] = u64::from(!tag_is(self.tags[tag as usize], cx)),
            Match { to, text: t, regex } => {
                r[to as usize] = u64::from(self.regexes[regex as usize].is_match(text(&self.texts[t as usize], cx)));
            }
            CallFloat { to, call, a, b } => match self.calls[call as usize] {
                Function::Float(f) => put(r, to, f(float(r, a))),
                Function::Floats(f) => put(r, to, f(float(r, a), float(r, b))),
                _ => return Err(Left),
            },
            CallText { to, call, a, b } => {
                let (a, b) = (text(&self.texts[a as usize], cx), text(&self.texts[b as usize], cx));
                r[to as usize] = match self.calls[call as usize] {
                    Function::TextsToBool(f) => u64::from(f(a, b)),
                    Function::TextsToInt(f) => f(a, b) as u64,
                    _ => return Err(Left),
                };
            }
            TimePart { to, a, part } => r[to as usize] = cx.zone.part(int(r, a), part) as u64,
            // All others are run where they stand.
            _ => return Err(Left),
        }
        Ok(())
    }
}

#[inline]
fn float(registers: &[u64], at: Reg) -> f64 {
    f64::from_bits(registers[at as usize])
}

#[inline]
fn int(registers: &[u64], at: Reg) -> i64 {
    registers[at as usize] as i64
}

#[inline]
fn put(registers: &mut [u64], at: Reg, value: f64) {
    registers[at as usize] = value.to_bits();
}

#[inline]
fn tag_is((key, value): (Name, Name), cx: &Context<'_>) -> bool {
    cx.schema.series(cx.row.series).tag(key) == Some(value)
}

/// The text of an operand.
#[inline]
pub(crate) fn text<'a>(text: &'a Text, cx: &Context<'a>) -> &'a str {
    match text {
        Text::Constant(text) => text,
        Text::Field(index) => cx.frame.text(cx.frame.word(cx.row, *index as usize)),
        Text::Tag(key) => cx.schema.series(cx.row.series).tag(*key).map_or("", |value| cx.schema.text(value)),
        Text::Extra(index) => match cx.extra.get(*index as usize) {
            Some((_, Value::String(text))) => text,
            _ => "",
        },
    }
}

/// The bits of a value that is no text.
pub(crate) fn word_of(value: &Value) -> u64 {
    match value {
        Value::Float(v) => v.to_bits(),
        Value::Int(v) | Value::Duration(v) | Value::Time(v) => *v as u64,
        Value::Bool(v) => u64::from(*v),
        Value::String(_) | Value::Null => 0,
    }
}

/// The value of a word that is no text.
pub(crate) fn value_of(word: u64, field_type: FieldType) -> Value {
    match field_type {
        FieldType::Float => Value::Float(f64::from_bits(word)),
        FieldType::Int => Value::Int(word as i64),
        FieldType::Bool => Value::Bool(word != 0),
        FieldType::Duration => Value::Duration(word as i64),
        FieldType::Time => Value::Time(word as i64),
        FieldType::String | FieldType::Null => Value::Null,
    }
}

/// What an evaluation came to, before anything is allocated for it.
#[derive(Debug)]
pub(crate) enum Found<'a> {
    Word(u64, FieldType),
    Text(Cow<'a, str>),
}
