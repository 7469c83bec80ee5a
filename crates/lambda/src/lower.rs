//! From a program and the types of a row's references to register code.

mod calls;

use model::{Name, Schema};
use tickscript::ast::BinaryOp;

use crate::{
    Program, Type,
    bind::Slot,
    fast::{Code, Load, Outcome, Pool, Text},
    instruction::{Instruction, Reg},
    operators::result_type,
    program::{Comparison, Kind, Node},
    value::Literal,
};

/// The code of a program for rows of one kind; nothing if some part of it has none, or if it could only be left.
pub(crate) fn lower(
    program: &Program,
    names: &[Name],
    schema: &Schema,
    slots: &[Slot],
    types: &[Option<Type>],
) -> Option<Code> {
    if program.stateful || types[program.root.id].is_none() {
        return None;
    }
    let mut lowering = Lowering::new(names, schema, slots, types);
    let operand = lowering.node(&program.root)?;
    if lowering.instructions.first() == Some(&Instruction::Leave) {
        return None;
    }
    let result = match operand {
        Operand::Word(reg) => Outcome::Word(reg, types[program.root.id]?.field_type()?),
        Operand::Text(text) => Outcome::Text(text),
    };
    Some(lowering.finish(result))
}

/// Where a part's value is.
#[derive(Debug, Clone, Copy)]
enum Operand {
    Word(Reg),
    Text(u16),
}

impl Operand {
    fn word(self) -> Option<Reg> {
        if let Operand::Word(reg) = self { Some(reg) } else { None }
    }

    fn text(self) -> Option<u16> {
        if let Operand::Text(text) = self { Some(text) } else { None }
    }
}

/// While registers are handed out, constants, loads and temporaries are numbered apart.
const LOADS: Reg = 1 << 14;
const TEMPORARIES: Reg = 2 << 14;
const LIMIT: usize = 1 << 13;

struct Lowering<'a> {
    names: &'a [Name],
    schema: &'a Schema,
    slots: &'a [Slot],
    types: &'a [Option<Type>],
    constants: Vec<u64>,
    loads: Vec<Load>,
    temporaries: usize,
    instructions: Vec<Instruction>,
    /// Where the last jumps lead to: what stands before is not the only way to get there.
    joined: usize,
    pool: Pool,
}

impl<'a> Lowering<'a> {
    fn new(names: &'a [Name], schema: &'a Schema, slots: &'a [Slot], types: &'a [Option<Type>]) -> Lowering<'a> {
        Lowering {
            names,
            schema,
            slots,
            types,
            constants: Vec::new(),
            loads: Vec::new(),
            temporaries: 0,
            instructions: Vec::new(),
            joined: 0,
            pool: Pool::default(),
        }
    }

    fn node(&mut self, node: &Node) -> Option<Operand> {
        match &node.kind {
            Kind::Literal(literal) => self.literal(literal),
            Kind::Reference(index) => self.reference(*index),
            Kind::Time => self.load(Load::Time),
            Kind::Lambda { body, .. } => self.node(body),
            Kind::Not(inner) => self.not(inner),
            Kind::Minus(inner) => self.minus(inner),
            Kind::Logic { op, terms } => self.logic(*op, terms),
            Kind::Binary { op, left, right } => self.binary(*op, left, right),
            Kind::Call { .. } => self.call(node),
        }
    }

    // Registers.

    fn constant(&mut self, word: u64) -> Option<Operand> {
        let index = self.constants.iter().position(|known| *known == word).unwrap_or_else(|| {
            self.constants.push(word);
            self.constants.len() - 1
        });
        (index < LIMIT).then_some(Operand::Word(index as Reg))
    }

    fn load(&mut self, load: Load) -> Option<Operand> {
        let index = self.loads.iter().position(|known| *known == load).unwrap_or_else(|| {
            self.loads.push(load);
            self.loads.len() - 1
        });
        (index < LIMIT).then_some(Operand::Word(index as Reg | LOADS))
    }

    fn temporary(&mut self) -> Option<Reg> {
        let index = self.temporaries;
        self.temporaries += 1;
        (index < LIMIT).then_some(index as Reg | TEMPORARIES)
    }

    /// Add an instruction that writes to a new register.
    fn step(&mut self, instruction: impl FnOnce(Reg) -> Instruction) -> Option<Operand> {
        let to = self.temporary()?;
        self.instructions.push(instruction(to));
        (self.instructions.len() < LIMIT).then_some(Operand::Word(to))
    }

    /// A part that fails if it is reached.
    fn leave(&mut self) -> Option<Operand> {
        self.instructions.push(Instruction::Leave);
        self.constant(0)
    }

    fn push_text(&mut self, text: Text) -> Option<Operand> {
        self.pool.texts.push(text);
        (self.pool.texts.len() < LIMIT).then(|| Operand::Text(self.pool.texts.len() as u16 - 1))
    }

    // Operands.

    fn literal(&mut self, literal: &Literal) -> Option<Operand> {
        match literal {
            Literal::Float(v) => self.constant(v.to_bits()),
            Literal::Int(v) | Literal::Duration(v) => self.constant(*v as u64),
            Literal::Bool(v) => self.constant(u64::from(*v)),
            Literal::Str(v) => self.push_text(Text::Constant(v.clone())),
            Literal::Regex(_) => None,
        }
    }

    fn reference(&mut self, index: usize) -> Option<Operand> {
        match self.slots[index] {
            Slot::Field(i, Type::String) => self.push_text(Text::Field(u32::try_from(i).ok()?)),
            Slot::Field(i, _) => self.load(Load::Field(u32::try_from(i).ok()?)),
            Slot::Tag => self.push_text(Text::Tag(self.names[index])),
            Slot::Extra(i, Type::String) => self.push_text(Text::Extra(u32::try_from(i).ok()?)),
            Slot::Extra(i, _) => self.load(Load::Extra(u32::try_from(i).ok()?)),
            Slot::Missing | Slot::Nil => self.leave(),
        }
    }

    fn type_of(&self, node: &Node) -> Option<Type> {
        self.types[node.id]
    }

    fn not(&mut self, inner: &Node) -> Option<Operand> {
        if self.type_of(inner) != Some(Type::Bool) {
            return self.leave();
        }
        let a = self.node(inner)?.word()?;
        self.step(|to| Instruction::Not { to, a })
    }

    fn minus(&mut self, inner: &Node) -> Option<Operand> {
        let Some(found @ (Type::Bool | Type::Int | Type::Duration | Type::Float)) = self.type_of(inner) else {
            return self.leave();
        };
        let a = self.node(inner)?.word()?;
        self.step(|to| match found {
            Type::Bool => Instruction::Not { to, a },
            Type::Float => Instruction::NegFloat { to, a },
            _ => Instruction::NegInt { to, a },
        })
    }

    fn logic(&mut self, op: BinaryOp, terms: &[Node]) -> Option<Operand> {
        if terms.iter().any(|term| self.type_of(term) != Some(Type::Bool)) {
            return self.leave();
        }
        let to = self.temporary()?;
        let mut jumps = Vec::new();
        for (i, term) in terms.iter().enumerate() {
            let a = self.node(term)?.word()?;
            self.move_to(to, a);
            if i + 1 < terms.len() {
                jumps.push(self.instructions.len());
                self.instructions.push(match op {
                    BinaryOp::And => Instruction::JumpIfNot { a: to, to: 0 },
                    _ => Instruction::JumpIf { a: to, to: 0 },
                });
            }
        }
        let end = self.instructions.len();
        for jump in jumps {
            match &mut self.instructions[jump] {
                Instruction::JumpIf { to, .. } | Instruction::JumpIfNot { to, .. } => *to = end as u16,
                _ => return None,
            }
        }
        self.joined = end;
        (end < LIMIT).then_some(Operand::Word(to))
    }

    /// Have the value that was just computed in `to`: by the last instruction itself, if it was that.
    fn move_to(&mut self, to: Reg, a: Reg) {
        let sole = self.joined < self.instructions.len() && a & TEMPORARIES != 0;
        match self.instructions.last_mut().and_then(Instruction::target) {
            Some(last) if *last == a && sole => *last = to,
            _ => self.instructions.push(Instruction::Move { to, a }),
        }
    }

    fn binary(&mut self, op: BinaryOp, left: &Node, right: &Node) -> Option<Operand> {
        let (Some(l), Some(r)) = (self.type_of(left), self.type_of(right)) else { return self.leave() };
        if result_type(op, l, r).is_none() {
            return self.leave();
        }
        match (l, r) {
            (Type::String, Type::Regex) => self.matches(op, left, right),
            (Type::String, _) => self.compare_texts(op, left, right),
            _ => {
                let a = self.node(left)?.word()?;
                let b = self.node(right)?.word()?;
                match (l, r) {
                    (Type::Float, Type::Float) => self.floats(op, a, b),
                    (Type::Float, Type::Int) => {
                        let b = self.as_float(b)?;
                        self.floats(op, a, b)
                    }
                    (Type::Int, Type::Float) => {
                        let a = self.as_float(a)?;
                        self.floats(op, a, b)
                    }
                    (Type::Duration, Type::Float) => {
                        let a = self.as_float(a)?;
                        self.scale(op, a, b)
                    }
                    (Type::Float, Type::Duration) => {
                        let b = self.as_float(b)?;
                        self.scale(op, a, b)
                    }
                    // Booleans are only ever compared.
                    (Type::Int | Type::Duration | Type::Bool, _) => self.ints(op, a, b),
                    _ => None,
                }
            }
        }
    }

    fn as_float(&mut self, a: Reg) -> Option<Reg> {
        self.step(|to| Instruction::IntToFloat { to, a })?.word()
    }

    fn scale(&mut self, op: BinaryOp, a: Reg, b: Reg) -> Option<Operand> {
        let a = self.floats(op, a, b)?.word()?;
        self.step(|to| Instruction::FloatToInt { to, a })
    }

    fn floats(&mut self, op: BinaryOp, a: Reg, b: Reg) -> Option<Operand> {
        use Instruction::*;
        let instruction = |to| {
            Some(match op {
                BinaryOp::Add => AddFloat { to, a, b },
                BinaryOp::Sub => SubFloat { to, a, b },
                BinaryOp::Mul => MulFloat { to, a, b },
                BinaryOp::Div => DivFloat { to, a, b },
                BinaryOp::Equal => EqualFloat { to, a, b },
                BinaryOp::NotEqual => NotEqualFloat { to, a, b },
                BinaryOp::Less => LessFloat { to, a, b },
                BinaryOp::LessEqual => LessEqualFloat { to, a, b },
                BinaryOp::Greater => LessFloat { to, a: b, b: a },
                BinaryOp::GreaterEqual => LessEqualFloat { to, a: b, b: a },
                _ => return None,
            })
        };
        let to = self.temporary()?;
        self.instructions.push(instruction(to)?);
        Some(Operand::Word(to))
    }

    fn ints(&mut self, op: BinaryOp, a: Reg, b: Reg) -> Option<Operand> {
        use Instruction::*;
        let instruction = |to| {
            Some(match op {
                BinaryOp::Add => AddInt { to, a, b },
                BinaryOp::Sub => SubInt { to, a, b },
                BinaryOp::Mul => MulInt { to, a, b },
                BinaryOp::Div => DivInt { to, a, b },
                BinaryOp::Mod => RemInt { to, a, b },
                BinaryOp::Equal => EqualInt { to, a, b },
                BinaryOp::NotEqual => NotEqualInt { to, a, b },
                BinaryOp::Less => LessInt { to, a, b },
                BinaryOp::LessEqual => LessEqualInt { to, a, b },
                BinaryOp::Greater => LessInt { to, a: b, b: a },
                BinaryOp::GreaterEqual => LessEqualInt { to, a: b, b: a },
                _ => return None,
            })
        };
        let to = self.temporary()?;
        self.instructions.push(instruction(to)?);
        Some(Operand::Word(to))
    }

    // Texts.

    fn matches(&mut self, op: BinaryOp, left: &Node, right: &Node) -> Option<Operand> {
        let Kind::Literal(Literal::Regex(regex)) = &right.kind else { return None };
        let text = self.node(left)?.text()?;
        self.pool.regexes.push(regex.clone());
        let regex = u16::try_from(self.pool.regexes.len() - 1).ok()?;
        let a = self.step(|to| Instruction::Match { to, text, regex })?.word()?;
        if op == BinaryOp::RegexMatch { Some(Operand::Word(a)) } else { self.step(|to| Instruction::Not { to, a }) }
    }

    fn compare_texts(&mut self, op: BinaryOp, left: &Node, right: &Node) -> Option<Operand> {
        let comparison = Comparison::of(op)?;
        if let Some((key, value)) = self.tag_and_text(left, right).or_else(|| self.tag_and_text(right, left)) {
            let value = self.schema.name(&value);
            self.pool.tags.push((key, value));
            let tag = u16::try_from(self.pool.tags.len() - 1).ok()?;
            match comparison {
                Comparison::Equal => return self.step(|to| Instruction::TagIs { to, tag }),
                Comparison::NotEqual => return self.step(|to| Instruction::TagIsNot { to, tag }),
                _ => {}
            }
        }
        let a = self.node(left)?.text()?;
        let b = self.node(right)?.text()?;
        self.step(|to| Instruction::CompareText { to, comparison, a, b })
    }

    fn tag_and_text(&self, tag: &Node, text: &Node) -> Option<(Name, std::sync::Arc<str>)> {
        match (&tag.kind, &text.kind) {
            (Kind::Reference(index), Kind::Literal(Literal::Str(text))) if self.slots[*index] == Slot::Tag => {
                Some((self.names[*index], text.clone()))
            }
            _ => None,
        }
    }

    /// Give all registers their final places: constants, then loads, then temporaries.
    fn finish(self, result: Outcome) -> Code {
        let (constants, loads) = (self.constants.len() as Reg, self.loads.len() as Reg);
        let place = |reg: Reg| match reg {
            reg if reg & TEMPORARIES != 0 => constants + loads + (reg & !TEMPORARIES),
            reg if reg & LOADS != 0 => constants + (reg & !LOADS),
            reg => reg,
        };
        let mut registers = self.constants;
        registers.resize(registers.len() + self.loads.len() + self.temporaries, 0);
        let mut instructions = self.instructions;
        instructions.iter_mut().for_each(|instruction| instruction.renumber(place));
        let numbered = self.loads.into_iter().enumerate().map(|(i, load)| (constants + i as Reg, load));
        Code {
            loads: numbered.collect(),
            instructions: instructions.into(),
            registers: registers.into(),
            pool: self.pool,
            result: match result {
                Outcome::Word(reg, found) => Outcome::Word(place(reg), found),
                text => text,
            },
        }
    }
}
