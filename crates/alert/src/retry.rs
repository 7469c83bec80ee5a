//! How long to wait before an event is sent once more.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Exponential back-off with jitter and an end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// How often an event is sent at most, the first time included.
    pub attempts: u32,
    /// The pause after the first failure; each further one doubles it.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        RetryPolicy { attempts: 6, first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

impl RetryPolicy {
    /// Every event is sent once.
    pub const NEVER: RetryPolicy = RetryPolicy { attempts: 1, first: Duration::ZERO, longest: Duration::ZERO };

    /// The pause after `failures` failures, at `random` from 0 to 1 of its spread; `None` if that was the last attempt.
    /// `asked` is what the other side wants, which counts if it is more, within the longest pause.
    pub(crate) fn pause(&self, failures: u32, asked: Option<Duration>, random: f64) -> Option<Duration> {
        if failures >= self.attempts {
            return None;
        }
        let doubled = self.first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
        // Half of it is fixed, half is spread, so that many handlers do not come back at once.
        let spread = doubled.min(self.longest).mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0));
        Some(asked.map_or(spread, |asked| asked.max(spread)).min(self.longest))
    }
}

/// A number from 0 to 1 that nobody has to guess.
pub(crate) fn random() -> f64 {
    RandomState::new().hash_one(0u8) as f64 / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let policy = RetryPolicy { attempts: 5, first: Duration::from_secs(1), longest: Duration::from_secs(3) };
        let seconds = |failures, random| policy.pause(failures, None, random).map(|pause| pause.as_secs_f64());
        assert_eq!(seconds(1, 1.0), Some(1.0));
        assert_eq!(seconds(1, 0.0), Some(0.5));
        assert_eq!(seconds(2, 1.0), Some(2.0));
        assert_eq!(seconds(3, 1.0), Some(3.0));
        assert_eq!(seconds(4, 1.0), Some(3.0));
        assert_eq!(seconds(5, 1.0), None);
        assert_eq!(RetryPolicy::NEVER.pause(1, None, 0.5), None);
    }

    #[test]
    fn the_other_side_may_ask_for_more() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, Some(Duration::from_secs(7)), 1.0), Some(Duration::from_secs(7)));
        assert_eq!(policy.pause(1, Some(Duration::ZERO), 1.0), Some(Duration::from_secs(1)));
        assert_eq!(policy.pause(1, Some(Duration::from_secs(7000)), 1.0), Some(policy.longest));
    }

    #[test]
    fn random_numbers_are_within_their_bounds() {
        for _ in 0..100 {
            assert!((0.0..=1.0).contains(&random()));
        }
    }
}
