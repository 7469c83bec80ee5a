//! Expressions taken apart into what the series of a row decides, mostly, and one number that the row decides by.

use std::sync::Arc;

use tickscript::ast::BinaryOp;

use crate::program::{Kind, Node, Program, Threshold};

/// An expression as two that have to be true one after the other; at least one of them is there.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// It comes first, and depends on nothing but what it reads of the row.
    pub guard: Option<Guard>,
    pub threshold: Option<Threshold>,
}

/// A part of an expression.
#[derive(Debug, Clone)]
pub struct Guard {
    pub program: Arc<Program>,
    /// The same for guards that mean the same.
    pub text: Arc<str>,
}

impl Program {
    /// The expression as a threshold behind a guard: `"host" == 'a' AND "usage" > 5.0`. Without a threshold at its end,
    /// all of it is the guard. None if it remembers something, or reads a clock.
    pub fn guarded(&self) -> Option<Guarded> {
        let threshold = self.threshold();
        if threshold.is_some() {
            return Some(Guarded { guard: None, threshold });
        }
        if !self.tags_only(|_| true) || self.is_constant() {
            return None;
        }
        let terms = match &self.root.kind {
            Kind::Logic { op: BinaryOp::And, terms } => terms.as_slice(),
            _ => std::slice::from_ref(&self.root),
        };
        // Terms before it that are false keep it from being looked at, and so from being an error.
        let threshold = match terms {
            [_, .., last] => self.threshold_of(last),
            _ => None,
        };
        let guard = if threshold.is_some() { &terms[..terms.len() - 1] } else { terms };
        Some(Guarded { guard: Some(self.guard(guard)), threshold })
    }

    fn guard(&self, terms: &[Node]) -> Guard {
        let mut root = match terms {
            [term] => term.clone(),
            terms => {
                let kind = Kind::Logic { op: BinaryOp::And, terms: terms.to_vec() };
                Node { kind, ..self.root.clone() }
            }
        };
        let mut references: Vec<String> = Vec::new();
        root.each_reference(&mut |index| {
            let name = &self.references[*index];
            *index = references.iter().position(|known| known == name).unwrap_or_else(|| {
                references.push(name.clone());
                references.len() - 1
            });
        });
        let text = format!("{references:?} {root:?}").into();
        let names = references.iter().map(|name| Arc::from(name.as_str())).collect();
        let Program { nodes, scopes, stateful, deterministic, reads_time, .. } = *self;
        let program = Program { root, references, names, nodes, scopes, stateful, deterministic, reads_time };
        Guard { program: Arc::new(program), text }
    }
}

impl Node {
    fn each_reference(&mut self, act: &mut impl FnMut(&mut usize)) {
        match &mut self.kind {
            Kind::Literal(_) | Kind::Time => {}
            Kind::Reference(index) => act(index),
            Kind::Not(inner) | Kind::Minus(inner) => inner.each_reference(act),
            Kind::Binary { left, right, .. } => {
                left.each_reference(act);
                right.each_reference(act);
            }
            Kind::Logic { terms, .. } => terms.iter_mut().for_each(|term| term.each_reference(act)),
            Kind::Call { args, .. } => args.iter_mut().for_each(|arg| arg.each_reference(act)),
            Kind::Lambda { body, .. } => body.each_reference(act),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<(Option<Vec<String>>, Option<String>)> {
        let expression = tickscript::parse_lambda(text).expect("the expression is right");
        let program = Program::compile(&expression).expect("the expression is right");
        let Guarded { guard, threshold } = program.guarded()?;
        Some((guard.map(|guard| guard.program.references().to_vec()), threshold.map(|threshold| threshold.name)))
    }

    #[test]
    fn a_threshold_at_the_end_is_taken_off() {
        let names = |names: &[&str]| Some(names.iter().map(ToString::to_string).collect::<Vec<_>>());
        for (text, guard, threshold) in [
            ("\"v\" > 5.0", None, Some("v")),
            ("\"h\" == 'a' AND \"v\" > 5.0", names(&["h"]), Some("v")),
            ("\"v\" == 'a' AND \"h\" =~ /x/ AND 5 < \"v\"", names(&["v", "h"]), Some("v")),
            ("\"v\" > 5.0 AND \"h\" == 'a'", names(&["v", "h"]), None),
            ("\"h\" == 'a' OR \"v\" > 5.0", names(&["h", "v"]), None),
            ("strLength(\"h\") == 1", names(&["h"]), None),
        ] {
            assert_eq!(parts(text), Some((guard, threshold.map(str::to_string))), "{text}");
        }
        for text in ["count() > 5", "\"h\" == 'a' AND sigma(\"v\") > 3.0", "hour(\"time\") == 5", "1 == 1"] {
            assert_eq!(parts(text), None, "{text}");
        }
    }
}
