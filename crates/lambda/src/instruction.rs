//! The steps of register code.

use crate::{program::Comparison, zone::Part};

/// A register, by its index.
pub(crate) type Reg = u16;

/// One step. `to` is written, `a` and `b` are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Instruction {
    AddFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    SubFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    MulFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    DivFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    NegFloat {
        to: Reg,
        a: Reg,
    },
    EqualFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    NotEqualFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    LessFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    LessEqualFloat {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    AddInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    SubInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    MulInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    DivInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    RemInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    NegInt {
        to: Reg,
        a: Reg,
    },
    EqualInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    NotEqualInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    LessInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    LessEqualInt {
        to: Reg,
        a: Reg,
        b: Reg,
    },
    Not {
        to: Reg,
        a: Reg,
    },
    IntToFloat {
        to: Reg,
        a: Reg,
    },
    FloatToInt {
        to: Reg,
        a: Reg,
    },
    Move {
        to: Reg,
        a: Reg,
    },
    /// `a` if the condition holds, else `b`.
    Select {
        to: Reg,
        condition: Reg,
        a: Reg,
        b: Reg,
    },
    CompareText {
        to: Reg,
        comparison: Comparison,
        a: u16,
        b: u16,
    },
    /// Whether a tag, by its place in the list, has a value.
    TagIs {
        to: Reg,
        tag: u16,
    },
    TagIsNot {
        to: Reg,
        tag: u16,
    },
    Match {
        to: Reg,
        text: u16,
        regex: u16,
    },
    CallFloat {
        to: Reg,
        call: u16,
        a: Reg,
        b: Reg,
    },
    CallText {
        to: Reg,
        call: u16,
        a: u16,
        b: u16,
    },
    TimePart {
        to: Reg,
        a: Reg,
        part: Part,
    },
    JumpIf {
        a: Reg,
        to: u16,
    },
    JumpIfNot {
        a: Reg,
        to: u16,
    },
    /// What comes here is an error, or too rare to have code.
    Leave,
}

impl Instruction {
    /// The register that an instruction writes.
    pub(crate) fn target(&mut self) -> Option<&mut Reg> {
        use Instruction::*;
        match self {
            AddFloat { to, .. } | SubFloat { to, .. } | MulFloat { to, .. } | DivFloat { to, .. } => Some(to),
            NegFloat { to, .. } | EqualFloat { to, .. } | NotEqualFloat { to, .. } => Some(to),
            LessFloat { to, .. } | LessEqualFloat { to, .. } => Some(to),
            AddInt { to, .. } | SubInt { to, .. } | MulInt { to, .. } | DivInt { to, .. } | RemInt { to, .. } => {
                Some(to)
            }
            NegInt { to, .. } | EqualInt { to, .. } | NotEqualInt { to, .. } => Some(to),
            LessInt { to, .. } | LessEqualInt { to, .. } | Not { to, .. } => Some(to),
            IntToFloat { to, .. } | FloatToInt { to, .. } | Move { to, .. } | Select { to, .. } => Some(to),
            CompareText { to, .. } | TagIs { to, .. } | TagIsNot { to, .. } | Match { to, .. } => Some(to),
            CallFloat { to, .. } | CallText { to, .. } | TimePart { to, .. } => Some(to),
            JumpIf { .. } | JumpIfNot { .. } | Leave => None,
        }
    }

    /// Give all its registers other places.
    pub(crate) fn renumber(&mut self, place: impl Fn(Reg) -> Reg) {
        use Instruction::*;
        match self {
            AddFloat { a, b, .. } | SubFloat { a, b, .. } | MulFloat { a, b, .. } | DivFloat { a, b, .. } => {
                (*a, *b) = (place(*a), place(*b));
            }
            EqualFloat { a, b, .. }
            | NotEqualFloat { a, b, .. }
            | LessFloat { a, b, .. }
            | LessEqualFloat { a, b, .. } => {
                (*a, *b) = (place(*a), place(*b));
            }
            AddInt { a, b, .. }
            | SubInt { a, b, .. }
            | MulInt { a, b, .. }
            | DivInt { a, b, .. }
            | RemInt { a, b, .. } => {
                (*a, *b) = (place(*a), place(*b));
            }
            EqualInt { a, b, .. } | NotEqualInt { a, b, .. } | LessInt { a, b, .. } | LessEqualInt { a, b, .. } => {
                (*a, *b) = (place(*a), place(*b));
            }
            CallFloat { a, b, .. } => (*a, *b) = (place(*a), place(*b)),
            Select { condition, a, b, .. } => (*condition, *a, *b) = (place(*condition), place(*a), place(*b)),
            NegFloat { a, .. } | NegInt { a, .. } | Not { a, .. } | IntToFloat { a, .. } | FloatToInt { a, .. } => {
                *a = place(*a);
            }
            Move { a, .. } | TimePart { a, .. } | JumpIf { a, .. } | JumpIfNot { a, .. } => *a = place(*a),
            CompareText { .. } | TagIs { .. } | TagIsNot { .. } | Match { .. } | CallText { .. } | Leave => {}
        }
        if let Some(to) = self.target() {
            *to = place(*to);
        }
    }
}
