//! How long to wait before an event is sent once more.

use std::time::Duration;

/// Exponential back-off with jitter and an end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryPolicy {
    /// The pause after the first failure; each further one doubles it.
    pub first: Duration,
    /// No pause is longer.
    pub longest: Duration,
    /// An event is not tried again later than this after its first attempt.
    pub limit: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        let (first, longest) = (Duration::from_secs(1), Duration::from_secs(60));
        RetryPolicy { first, longest, limit: Duration::from_secs(3600) }
    }
}

/// Nobody is asked more often, whatever the config says.
const SHORTEST: Duration = Duration::from_millis(1);

impl RetryPolicy {
    /// Every event is sent once.
    pub const NEVER: RetryPolicy =
        RetryPolicy { first: Duration::ZERO, longest: Duration::ZERO, limit: Duration::ZERO };

    /// The pause after `failures` failures, at `random` from 0 to 1 of its spread; `None` if that was the last attempt.
    /// `asked` is what the other side wants, which counts if it is more, within the longest pause; `since` is how long
    /// ago the first attempt was.
    pub(crate) fn pause(
        &self,
        failures: u32,
        asked: Option<Duration>,
        since: Duration,
        random: f64,
    ) -> Option<Duration> {
        let doubled = self.first.saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)));
        // Half of it is fixed, half is spread, so that many handlers do not come back at once.
        let spread = doubled.min(self.longest).mul_f64(0.5 + 0.5 * random.clamp(0.0, 1.0));
        let pause = asked.map_or(spread, |asked| asked.max(spread)).min(self.longest).max(SHORTEST);
        (since.saturating_add(pause) <= self.limit).then_some(pause)
    }
}

/// A number from 0 to 1 that is another one for each handler, event and attempt: nobody has to guess it, and what is
/// played once more is the same once more.
pub(crate) fn chance(handler: &str, raised: i64, failures: u32) -> f64 {
    let seed = (raised as u64).wrapping_add(u64::from(failures));
    rapidhash::v3::rapidhash_v3_seeded(handler.as_bytes(), &rapidhash::v3::RapidSecrets::seed(seed)) as f64
        / u64::MAX as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn pauses_double_up_to_the_longest_and_end() {
        let seconds = Duration::from_secs;
        let policy = RetryPolicy { first: seconds(1), longest: seconds(3), limit: seconds(10) };
        let pause =
            |failures, since, random| policy.pause(failures, None, since, random).map(|pause| pause.as_secs_f64());
        assert_eq!(pause(1, NOW, 1.0), Some(1.0));
        assert_eq!(pause(1, NOW, 0.0), Some(0.5));
        assert_eq!(pause(2, NOW, 1.0), Some(2.0));
        assert_eq!(pause(3, NOW, 1.0), Some(3.0));
        assert_eq!(pause(40, seconds(7), 1.0), Some(3.0));
        assert_eq!(pause(40, seconds(8), 1.0), None);
        assert_eq!(RetryPolicy::NEVER.pause(1, None, NOW, 0.5), None);
    }

    #[test]
    fn the_other_side_may_ask_for_more() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.pause(1, Some(Duration::from_secs(7)), NOW, 1.0), Some(Duration::from_secs(7)));
        assert_eq!(policy.pause(1, Some(Duration::ZERO), NOW, 1.0), Some(Duration::from_secs(1)));
        assert_eq!(policy.pause(1, Some(Duration::from_secs(7000)), NOW, 1.0), Some(policy.longest));
    }

    #[test]
    fn chances_are_spread() {
        let chances: Vec<f64> = (0..100).map(|raised| chance("slack", raised * 1000, 1)).collect();
        assert!(chances.iter().all(|chance| (0.0..=1.0).contains(chance)));
        let mean = chances.iter().sum::<f64>() / 100.0;
        assert!((0.3..0.7).contains(&mean), "{mean}");
        assert_eq!(chance("slack", 7, 1), chance("slack", 7, 1));
        assert_ne!(chance("slack", 7, 1), chance("slack", 7, 2));
        assert_ne!(chance("slack", 7, 1), chance("post", 7, 1));
    }
}
