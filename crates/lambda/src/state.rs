//! What `count`, `sigma` and `spread` remember between the rows of a group.

use crate::RestoreError;

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

const VERSION: u8 = 1;
const WORDS: usize = 6;

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

    /// As bytes that [`State::restore`] reads; none if nothing is remembered.
    pub fn save(&self) -> Vec<u8> {
        let Some(scopes) = &self.scopes else { return Vec::new() };
        let mut out = Vec::with_capacity(1 + scopes.len() * WORDS * 8);
        out.push(VERSION);
        for m in scopes {
            out.extend_from_slice(&m.count.to_le_bytes());
            for v in [m.mean, m.squares, m.values, m.min, m.max] {
                out.extend_from_slice(&v.to_le_bytes());
            }
        }
        out
    }

    /// Read what [`State::save`] wrote.
    pub fn restore(saved: &[u8]) -> Result<State, RestoreError> {
        let Some((&version, rest)) = saved.split_first() else { return Ok(State::default()) };
        if version != VERSION {
            return Err(RestoreError::Version(version));
        }
        if rest.len() % (WORDS * 8) != 0 {
            return Err(RestoreError::Truncated);
        }
        let word = |bytes: &[u8], i: usize| -> [u8; 8] {
            bytes[i * 8..i * 8 + 8].try_into().expect("the slice is eight bytes long")
        };
        let scopes: Vec<Memory> = rest
            .chunks_exact(WORDS * 8)
            .map(|m| Memory {
                count: i64::from_le_bytes(word(m, 0)),
                mean: f64::from_le_bytes(word(m, 1)),
                squares: f64::from_le_bytes(word(m, 2)),
                values: f64::from_le_bytes(word(m, 3)),
                min: f64::from_le_bytes(word(m, 4)),
                max: f64::from_le_bytes(word(m, 5)),
            })
            .collect();
        Ok(State { scopes: if scopes.is_empty() { None } else { Some(scopes.into()) } })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_saved_state_goes_on_where_it_was() {
        let mut state = State::default();
        assert!(state.is_empty() && state.save().is_empty());
        for x in [10.0, 12.0, 11.0] {
            let m = state.scope(0, 2);
            m.count();
            m.sigma(x);
            m.spread(x);
        }
        let mut back = State::restore(&state.save()).unwrap();
        assert_eq!(back, state);
        assert_eq!(back.scope(0, 2).count(), 4);
        assert_eq!(back.scope(0, 2).sigma(80.0), state.scope(0, 2).sigma(80.0));
        assert_eq!(back.scope(0, 2).spread(80.0), 70.0);
        assert_eq!(back.scope(5, 2).count(), 1);
    }

    #[test]
    fn a_damaged_state_is_told() {
        let mut saved = { State::default().scope(0, 1).clone() };
        saved.count();
        let state = State { scopes: Some(vec![saved].into()) };
        let bytes = state.save();
        assert_eq!(State::restore(&bytes[..bytes.len() - 1]), Err(RestoreError::Truncated));
        assert_eq!(State::restore(&[9]), Err(RestoreError::Version(9)));
    }
}
