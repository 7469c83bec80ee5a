//! How long things wait in a join: which parent keeps the others waiting, and when they go on without it.

use model::Time;

use crate::{Cx, LogLevel};

/// A parent that something has waited for that long is silent.
const SILENT: i64 = 10_000_000_000;
const SECOND: i64 = 1_000_000_000;

/// What waits for each parent.
pub(super) struct Census(Vec<Missed>);

#[derive(Clone, Copy)]
struct Missed {
    count: i64,
    /// When the first of them came, by the task's clock.
    since: Time,
}

impl Census {
    pub(super) fn new(parents: usize) -> Census {
        Census(vec![Missed { count: 0, since: Time::MAX }; parents])
    }

    /// Something that came at `since` waits for this parent.
    pub(super) fn count(&mut self, parent: usize, since: Time) {
        if let Some(missed) = self.0.get_mut(parent) {
            missed.count += 1;
            missed.since = missed.since.min(since);
        }
    }
}

/// What is known of the parents, brought up to date now and then while anything waits.
pub(super) struct Patience {
    /// The parents' prefixes.
    names: Vec<String>,
    /// How long a thing may wait; 0 for as long as it takes.
    most: i64,
    /// When to look next.
    next: Option<Time>,
    /// Which parents are silent.
    silent: Vec<bool>,
    stats: Vec<(String, i64)>,
}

impl Patience {
    pub(super) fn new(names: Vec<String>, most: i64) -> Patience {
        Patience { silent: vec![false; names.len()], names, most, next: None, stats: Vec::new() }
    }

    /// Things may wait from now on.
    pub(super) fn watch(&mut self, cx: &mut Cx<'_>) {
        const SHORTEST: i64 = SECOND / 100;
        if self.next.is_none() {
            let step = if self.most > 0 { (self.most / 4).clamp(SHORTEST, SILENT) } else { SILENT };
            let next = cx.now.saturating_add(step);
            self.next = Some(next);
            cx.wake_at(next);
        }
    }

    /// Whether it is time to look; what came before the time in the answer has waited long enough.
    pub(super) fn look(&mut self, now: Time) -> Option<Time> {
        if self.next.is_some_and(|next| now < next) {
            return None;
        }
        self.next = None;
        Some(if self.most > 0 { now.saturating_sub(self.most) } else { Time::MIN })
    }

    /// Say which parents are silent, and look again later if anything waits.
    pub(super) fn judge(&mut self, census: &Census, now: Time, cx: &mut Cx<'_>) {
        self.stats.clear();
        for ((name, silent), missed) in self.names.iter().zip(&mut self.silent).zip(&census.0) {
            let age = if missed.count > 0 { now.saturating_sub(missed.since) } else { 0 };
            let was = std::mem::replace(silent, age >= SILENT);
            if *silent {
                self.stats.push((format!("waiting_for_{name}"), missed.count));
                self.stats.push((format!("oldest_waiting_for_{name}_ns"), age));
            }
            match (was, *silent) {
                (false, true) => {
                    let (count, age) = (missed.count, age / SECOND);
                    let text = format!(
                        "{name} is silent: {count} of the other inputs wait for it, the first for {age}s; maxWait bounds that"
                    );
                    cx.log(LogLevel::Warn, &text);
                }
                (true, false) => cx.log(LogLevel::Info, &format!("{name} is no longer silent")),
                _ => {}
            }
        }
        if census.0.iter().any(|missed| missed.count > 0) {
            self.watch(cx);
        }
    }

    /// How much waits for each silent parent, and for how many nanoseconds.
    pub(super) fn stats(&self) -> &[(String, i64)] {
        &self.stats
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use super::{SECOND, SILENT};
    use crate::testing::Bench;

    fn bench(rest: &str) -> Bench {
        // With `on` the rows of `a` are of groups with more tags.
        let more = if rest.contains("on(") { ", 'k'" } else { "" };
        let sides = format!(
            "var a = stream |from().measurement('a').groupBy('h'{more}) var b = stream |from().measurement('b').groupBy('h')"
        );
        Bench::new(&format!("{sides} a|join(b).as('l', 'r'){rest} |httpPost('http://out')")).expect("a valid script")
    }

    fn posts(bench: &Bench) -> Vec<String> {
        bench.host.seen().posts.iter().map(|post| post.body.clone()).collect()
    }

    #[test]
    fn a_silent_parent_is_told_and_forgotten_when_it_speaks() {
        let mut bench = bench("");
        bench.write("a,h=x v=1 1\na,h=y v=1 1\na,h=x v=1 2", Precision::Seconds);
        assert_eq!(bench.stat("join4", "waiting_for_r"), -1);
        bench.advance_to(SILENT + SECOND);
        assert_eq!(bench.stat("join4", "waiting_for_r"), 3);
        assert_eq!(bench.stat("join4", "oldest_waiting_for_r_ns"), SILENT);
        assert_eq!(bench.stat("join4", "waiting_for_l"), -1);
        let told = |bench: &Bench| bench.host.seen().logs.iter().filter(|line| line.contains("silent")).count();
        assert_eq!(told(&bench), 1);
        bench.advance_to(3 * SILENT);
        assert_eq!((told(&bench), posts(&bench).len()), (1, 0));
        bench.write("b,h=x v=1 1\nb,h=y v=1 1\nb,h=x v=1 2", Precision::Seconds);
        assert_eq!(posts(&bench).len(), 3);
        bench.advance_to(5 * SILENT);
        assert_eq!(bench.stat("join4", "waiting_for_r"), -1);
        assert_eq!(told(&bench), 2);
    }

    #[test]
    fn max_wait_lets_things_go_without_their_partners() {
        for (rest, count) in [(".fill(0.0).maxWait(4s)", 2), (".fill(0.0).on('h').maxWait(4s)", 2), (".maxWait(4s)", 0)]
        {
            let mut bench = bench(rest);
            bench.write("a,h=x v=1 1\na,h=x v=2 2", Precision::Seconds);
            bench.advance_to(3 * SECOND);
            assert_eq!(posts(&bench).len(), 0, "{rest}");
            bench.advance_to(6 * SECOND);
            assert_eq!(posts(&bench).len(), count, "{rest}");
            // Partners that come too late find nobody, and wait in their turn.
            bench.write("b,h=x v=1 1", Precision::Seconds);
            assert_eq!(posts(&bench).len(), count, "{rest}");
        }
    }
}
