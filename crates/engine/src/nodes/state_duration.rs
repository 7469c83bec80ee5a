//! `|stateDuration(lambda: ..)`: for how long an expression has been true without a break.

use declare::{Declaration, Lambda, Nanos};
use model::{FieldType, Time, save_fields};

use super::state_tracking::{Tracker, tracking};
use crate::{BuildError, Definition, EdgeKind, Node, Plan, Reach};

#[derive(Debug, Clone)]
pub(super) struct StateDuration {
    expression: Option<Lambda>,
    name: String,
    unit: Nanos,
}

impl Default for StateDuration {
    fn default() -> Self {
        StateDuration { expression: None, name: "state_duration".to_string(), unit: Nanos(1_000_000_000) }
    }
}

impl Definition for StateDuration {
    const NAME: &'static str = "stateDuration";
    const ID: &'static str = "state_duration";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Add for how long an expression has been true: 0 for the first row, -1 for rows of which it is false.")
            .argument("expression", "What must be true of a row.", |s| &mut s.expression)
            .condition()
            .property("as", "The name of the new field.", |s| &mut s.name)
            .property("unit", "The time that one unit of the result stands for.", |s| &mut s.unit)
            .property("lambda", "The expression, in another place.", |s| &mut s.expression)
            .hidden()
            .example("stream |from().measurement('cpu') |stateDuration(lambda: \"usage_idle\" < 10.0).unit(1m)")
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let tracker = Duration { unit: self.unit.0 as f64 };
        tracking("stateDuration", tracker, self.expression.as_ref(), &self.name, plan)
    }
}

struct Duration {
    /// Nanoseconds.
    unit: f64,
}

/// Since when the condition is true.
struct Since {
    time: Time,
}

save_fields!(Since { time });

/// Not at all.
const NOT: Time = Time::MIN;

impl Default for Since {
    fn default() -> Self {
        Since { time: NOT }
    }
}

impl Tracker for Duration {
    type Mark = Since;

    #[inline]
    fn track(&self, since: &mut Since, time: Time, holds: bool) -> (FieldType, u64) {
        let value = if !holds {
            since.time = NOT;
            -1.0
        } else {
            if since.time == NOT {
                since.time = time;
            }
            time.saturating_sub(since.time) as f64 / self.unit
        };
        (FieldType::Float, value.to_bits())
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use crate::testing::Bench;

    fn values(script: &str, lines: &str) -> Vec<String> {
        let mut bench = Bench::new(&format!("{script} |eval(lambda: \"s\").as('s') |httpPost('http://x')")).unwrap();
        bench.write(lines, Precision::Seconds);
        let seen = bench.host.seen();
        let cut = |body: &str| -> Vec<String> {
            let values = body.split("\"values\":").nth(1).unwrap();
            values.split("Z\",").skip(1).map(|rest| rest.split(']').next().unwrap().to_string()).collect()
        };
        seen.posts.iter().flat_map(|post| cut(&post.body)).collect()
    }

    const LINES: &str =
        "m,h=a x=1 10\nm,h=a x=9 20\nm,h=b x=9 25\nm,h=a x=9 35\nm,h=a s=1 36\nm,h=a x=1 40\nm,h=a x=9 50";

    #[test]
    fn durations_are_kept_by_group() {
        let got = values("stream |from().groupBy('h') |stateDuration(lambda: \"x\" > 5).as('s').unit(10s)", LINES);
        assert_eq!(got, ["-1", "0", "0", "1.5", "-1", "0"]);
    }

    #[test]
    fn counts_are_kept_by_group() {
        let got = values("stream |from().groupBy('h') |stateCount(lambda: \"x\" > 5).as('s')", LINES);
        assert_eq!(got, ["-1", "1", "1", "2", "-1", "1"]);
        let got = values("stream |from() |stateCount(lambda: count() > 2).as('s')", LINES);
        assert_eq!(got, ["-1", "-1", "1", "2", "3", "4", "5"]);
    }

    #[test]
    fn batches_start_over() {
        let window = "stream |from() |window().periodCount(2).everyCount(2) |stateCount(lambda: \"x\" > 0).as('s')";
        assert_eq!(values(window, "m x=1 1\nm x=1 2\nm x=1 3\nm x=1 4"), ["1", "2", "1", "2"]);
    }
}
