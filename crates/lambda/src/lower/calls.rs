//! Code for calls of functions.

use tickscript::ast::BinaryOp;

use crate::{
    Type,
    bind::Slot,
    fast::{Function, Load},
    functions::Call,
    instruction::Instruction,
    program::{Kind, Node},
};

use super::{Lowering, Operand};

impl Lowering<'_> {
    pub(super) fn call(&mut self, node: &Node) -> Option<Operand> {
        let Kind::Call { function: Some(function), args, .. } = &node.kind else { return self.leave() };
        if self.type_of(node).is_none() {
            return self.leave();
        }
        if let ("isPresent", [Node { kind: Kind::Reference(index), .. }]) = (function.name, &**args) {
            return self.constant(u64::from(self.slots[*index] != Slot::Missing));
        }
        match function.call {
            Call::Float(f) => self.call_float(Function::Float(f), args),
            Call::Floats(f) => self.call_float(Function::Floats(f), args),
            Call::TextsToBool(f) => self.call_text(Function::TextsToBool(f), args),
            Call::TextsToInt(f) => self.call_text(Function::TextsToInt(f), args),
            Call::TimePart(part) => {
                let a = self.node(args.first()?)?.word()?;
                self.step(|to| Instruction::TimePart { to, a, part })
            }
            Call::TextsToPart(_) | Call::TextToText(_) => None,
            Call::Other(_) => self.call_other(function.name, args),
        }
    }

    fn call_float(&mut self, function: Function, args: &[Node]) -> Option<Operand> {
        let a = self.node(args.first()?)?.word()?;
        let b = match args.get(1) {
            Some(arg) => self.node(arg)?.word()?,
            None => a,
        };
        let call = self.push_call(function)?;
        self.step(|to| Instruction::CallFloat { to, call, a, b })
    }

    fn call_text(&mut self, function: Function, args: &[Node]) -> Option<Operand> {
        let a = self.node(args.first()?)?.text()?;
        let b = self.node(args.get(1)?)?.text()?;
        let call = self.push_call(function)?;
        self.step(|to| Instruction::CallText { to, call, a, b })
    }

    fn push_call(&mut self, function: Function) -> Option<u16> {
        self.pool.calls.push(function);
        u16::try_from(self.pool.calls.len() - 1).ok()
    }

    /// Those of the other functions that words are enough for.
    fn call_other(&mut self, name: &str, args: &[Node]) -> Option<Operand> {
        let types: Vec<Type> = args.iter().map(|arg| self.type_of(arg)).collect::<Option<_>>()?;
        match (name, &*types) {
            ("now", []) => self.load(Load::Now),
            ("unixNano", [Type::Time])
            | ("int", [Type::Int | Type::Bool])
            | ("float", [Type::Float])
            | ("duration", [Type::Duration])
            | ("bool", [Type::Bool]) => self.node(&args[0]),
            ("float", [Type::Int | Type::Bool]) => {
                let a = self.node(&args[0])?.word()?;
                Some(Operand::Word(self.as_float(a)?))
            }
            ("int", [Type::Float]) => {
                let a = self.node(&args[0])?.word()?;
                self.step(|to| Instruction::FloatToInt { to, a })
            }
            ("duration", [Type::Int, Type::Duration]) => {
                let (a, b) = (self.node(&args[0])?.word()?, self.node(&args[1])?.word()?);
                self.ints(BinaryOp::Mul, a, b)
            }
            ("duration", [Type::Float, Type::Duration]) => {
                let (a, b) = (self.node(&args[0])?.word()?, self.node(&args[1])?.word()?);
                let b = self.as_float(b)?;
                self.scale(BinaryOp::Mul, a, b)
            }
            ("if", _) => {
                let condition = self.node(&args[0])?.word()?;
                let (a, b) = (self.node(&args[1])?.word()?, self.node(&args[2])?.word()?);
                self.step(|to| Instruction::Select { to, condition, a, b })
            }
            _ => None,
        }
    }
}
