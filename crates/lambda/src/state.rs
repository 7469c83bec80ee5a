//! What `count`, `sigma` and `spread` remember between the rows of a group.

use model::{Damaged, Save, Saved, Saver, save_fields};

/// The memory of one lambda expression in one group. Empty, and without any allocation, until something is remembered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {
    /// One for the expression itself, then one for each lambda inside it.
    scopes: Option<Box<[Memory]>>,
}

/// All `count()` of an expression count together, and so on.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Memory {
    count: i64,
    /// Running mean, sum of squared distances and number of values of `sigma` (Welford).
    mean: f64,
    squares: f64,
    values: f64,
    min: f64,
    max: f64,
}

impl Default for Memory {
    fn default() -> Self {
        Memory { count: 0, mean: 0.0, squares: 0.0, values: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Memory {
    pub(crate) fn count(&mut self) -> i64 {
        self.count = self.count.wrapping_add(1);
        self.count
    }

    /// How many standard deviations `x` is away from the mean, `x` included in both.
    pub(crate) fn sigma(&mut self, x: f64) -> f64 {
        self.values += 1.0;
        let delta = x - self.mean;
        self.mean += delta / self.values;
        self.squares += delta * (x - self.mean);
        let variance = self.squares / (self.values - 1.0);
        if self.values < 2.0 || variance == 0.0 { 0.0 } else { (x - self.mean).abs() / variance.sqrt() }
    }

    pub(crate) fn spread(&mut self, x: f64) -> f64 {
        if x < self.min {
            self.min = x;
        }
        if x > self.max {
            self.max = x;
        }
        self.max - self.min
    }
}

save_fields!(Memory { count, mean, squares, values, min, max });

impl State {
    /// Whether nothing is remembered yet.
    pub fn is_empty(&self) -> bool {
        self.scopes.is_none()
    }

    /// Forget everything, as a new group.
    pub fn clear(&mut self) {
        self.scopes = None;
    }

    pub(crate) fn scope(&mut self, index: usize, scopes: usize) -> &mut Memory {
        let all = self.scopes.get_or_insert_with(|| vec![Memory::default(); scopes].into());
        if all.len() <= index {
            // Saved by another expression: what it remembered of its own first lambdas still counts.
            let mut grown = std::mem::take(all).into_vec();
            grown.resize(index + 1, Memory::default());
            *all = grown.into();
        }
        &mut all[index]
    }
}

impl Save for State {
    fn save(&self, out: &mut Saver<'_>) {
        let scopes = self.scopes.as_deref().unwrap_or_default();
        out.number(scopes.len() as u64);
        scopes.iter().for_each(|scope| scope.save(out));
    }

    fn restore(from: &mut Saved<'_>) -> Result<State, Damaged> {
        let scopes: Vec<Memory> = Save::restore(from)?;
        Ok(State { scopes: (!scopes.is_empty()).then(|| scopes.into()) })
    }

    fn owned(&self) -> usize {
        self.scopes.as_ref().map_or(0, |scopes| scopes.len() * size_of::<Memory>())
    }
}

#[cfg(test)]
mod tests {
    use model::{Schema, seal};

    use super::*;

    #[test]
    fn a_saved_state_goes_on_where_it_was() {
        let mut state = State::default();
        assert!(state.is_empty());
        for x in [10.0, 12.0, 11.0] {
            let m = state.scope(0, 2);
            m.count();
            m.sigma(x);
            m.spread(x);
        }
        let schema = Schema::default();
        let mut out = Saver::new(&schema);
        state.save(&mut out);
        let (bytes, refs) = out.finish();
        let sealed = seal(&schema, &refs, &bytes);
        let mut back = Saved::open(&schema, &sealed).unwrap().whole(State::restore).unwrap();
        assert_eq!(back, state);
        assert_eq!(back.scope(0, 2).count(), 4);
        assert_eq!(back.scope(0, 2).sigma(80.0), state.scope(0, 2).sigma(80.0));
        assert_eq!(back.scope(0, 2).spread(80.0), 70.0);
        assert_eq!(back.scope(5, 2).count(), 1);
    }
}
