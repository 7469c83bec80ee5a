//! How bad a row is: `.info`, `.warn`, `.crit`, and the resets that let an alert fall back.

use std::sync::Arc;

use alert::Level;
use declare::Lambda;
use lambda::{EvalError, Evaluator, State, Threshold};
use model::{Damaged, Row, Save, Saved, Saver, Schema};

use crate::{BuildError, Cx, nodes::compiled};

/// The conditions of one alert node. What stateful functions remember is the node's, shared by all of its groups.
pub(super) struct Levels {
    /// By level; OK has none.
    conditions: [Option<Condition>; 4],
    /// Must be true before that level is left for a lower one.
    resets: [Option<Condition>; 4],
}

struct Condition {
    evaluator: Evaluator,
    memory: State,
}

impl Condition {
    #[inline]
    fn holds(&mut self, row: &Row, cx: &Cx<'_>) -> Result<bool, EvalError> {
        self.evaluator.eval_bool(&cx.lambda(row), &mut self.memory)
    }
}

/// What a script gives for one level.
pub(super) struct Given<'a> {
    pub(super) level: Level,
    pub(super) name: &'static str,
    pub(super) condition: Option<&'a Lambda>,
    pub(super) reset: Option<&'a Lambda>,
}

impl Levels {
    /// A reset counts only beside a condition of the same level.
    pub(super) fn new(given: [Given<'_>; 3], schema: &Schema) -> Result<Levels, BuildError> {
        let mut levels = Levels { conditions: [const { None }; 4], resets: [const { None }; 4] };
        let condition = |name: &str, lambda| -> Result<Condition, BuildError> {
            let program = Arc::new(compiled(name, Some(lambda))?);
            Ok(Condition { evaluator: Evaluator::new(program, schema), memory: State::default() })
        };
        for Given { level, name, condition: lambda, reset } in given {
            let Some(lambda) = lambda else { continue };
            levels.conditions[level as usize] = Some(condition(name, lambda)?);
            if let Some(reset) = reset {
                levels.resets[level as usize] = Some(condition(&format!("{name}Reset"), reset)?);
            }
        }
        Ok(levels)
    }

    /// The conditions of the levels, if all of them compare a field with a number.
    pub(super) fn thresholds(&self) -> Option<Vec<Threshold>> {
        self.conditions.iter().flatten().map(|condition| condition.evaluator.program().threshold()).collect()
    }

    fn all(&mut self) -> impl Iterator<Item = &mut Condition> {
        self.conditions.iter_mut().chain(&mut self.resets).flatten()
    }

    /// What stateful functions remember.
    pub(super) fn save(&mut self, out: &mut Saver<'_>) {
        self.all().for_each(|condition| condition.memory.save(out));
    }

    pub(super) fn restore(&mut self, from: &mut Saved<'_>) -> Result<(), Damaged> {
        let memories: Vec<State> = self.all().map(|_| State::restore(from)).collect::<Result<_, _>>()?;
        self.all().zip(memories).for_each(|(condition, memory)| condition.memory = memory);
        Ok(())
    }

    /// The level of a row of a group that is at `current`. A condition without a result counts as not met.
    #[inline]
    pub(super) fn of(&mut self, row: &Row, current: Level, cx: &mut Cx<'_>) -> Level {
        if let Some(level) = self.first(Level::Critical, (current as usize).saturating_sub(1), row, cx) {
            return level;
        }
        if current == Level::Ok || self.stays(current, row, cx) {
            return current;
        }
        self.first(current, 0, row, cx).unwrap_or(Level::Ok)
    }

    /// The worst level from `worst` down, but above `floor`, whose condition is met.
    #[inline]
    fn first(&mut self, worst: Level, floor: usize, row: &Row, cx: &mut Cx<'_>) -> Option<Level> {
        for level in Level::ALL[floor + 1..=worst as usize].iter().rev() {
            let Some(condition) = &mut self.conditions[*level as usize] else { continue };
            match condition.holds(row, cx) {
                Ok(true) => return Some(*level),
                Ok(false) => {}
                Err(error) => cx.row_error(format_args!("failed to evaluate the expression of level {level}: {error}")),
            }
        }
        None
    }

    /// Whether the reset of this level says that it is not over. One without a result does not hold it.
    fn stays(&mut self, level: Level, row: &Row, cx: &mut Cx<'_>) -> bool {
        let Some(reset) = &mut self.resets[level as usize] else { return false };
        match reset.holds(row, cx) {
            Ok(over) => !over,
            Err(error) => {
                cx.row_error(format_args!("failed to evaluate the reset expression of level {level}: {error}"));
                false
            }
        }
    }
}
