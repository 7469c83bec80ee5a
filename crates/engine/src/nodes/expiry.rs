//! `.expireGroups(1h)`: groups that nothing was seen of for so long end, and with them all that the nodes below remember of
//! them.

use declare::Nanos;
use model::{Damaged, GroupId, Slab, Time};

use crate::{Cx, Dropped, NodeSaved, NodeSaver, Plan, Shed};

/// What users read of the property.
pub(super) const ABOUT: &str = "Let groups end that nothing was seen of for so long, by the daemon's clock: the nodes below forget them. \
     0s for never, as if it is not given.";

/// Groups are looked at so often within the time after which they end.
const LOOKS: i64 = 8;

/// When each group was seen last.
pub(super) struct Expiry {
    /// Nanoseconds.
    after: i64,
    seen: Slab<Time>,
    /// When they are looked at next; not while there are none.
    wake: Option<Time>,
}

/// Whether the time makes sense.
pub(super) fn check(given: Option<Nanos>) -> Result<(), String> {
    match given {
        Some(after) if after.0 < 0 => Err("expireGroups must not be negative".to_string()),
        _ => Ok(()),
    }
}

impl Expiry {
    /// None if groups never end.
    pub(super) fn new(given: Option<Nanos>, plan: &Plan<'_>) -> Option<Expiry> {
        let after = match given.map_or(plan.group_expiry, |given| given.0) {
            // They end to make room alone.
            ..=0 if plan.tracks_groups => i64::MAX,
            after => after,
        };
        (after > 0).then(|| Expiry { after, seen: Slab::default(), wake: None })
    }

    /// End the groups that were seen longest ago until there are no more than so many.
    pub(super) fn shed(&mut self, how: Shed, cx: &mut Cx<'_>) -> Dropped {
        let Shed::Groups(most) = how else { return Dropped::default() };
        let too_many = self.seen.len().saturating_sub(most);
        if too_many == 0 {
            return Dropped::default();
        }
        let mut seen: Vec<(Time, GroupId)> = self.seen.iter().map(|(group, seen)| (*seen, group)).collect();
        seen.select_nth_unstable(too_many - 1);
        seen.truncate(too_many);
        for (_, group) in seen {
            self.seen.remove(group);
            cx.emit_delete_group(group);
        }
        Dropped { groups: too_many as u64, ..Dropped::default() }
    }

    /// Something of a group has come.
    #[inline]
    pub(super) fn see(&mut self, group: GroupId, cx: &mut Cx<'_>) {
        // That the group is there is saved, not when it was seen: the time that the daemon is down does not count.
        *self.seen.meet(group, false, || cx.now) = cx.now;
        if self.wake.is_none() {
            self.plan(cx);
        }
    }

    fn plan(&mut self, cx: &mut Cx<'_>) {
        let wake = cx.now.saturating_add((self.after / LOOKS).max(1));
        self.wake = Some(wake);
        cx.wake_at(wake);
    }

    /// End the groups that were not seen for too long.
    pub(super) fn wake(&mut self, cx: &mut Cx<'_>) {
        if self.wake.is_none_or(|wake| wake > cx.now) {
            return;
        }
        let oldest = cx.now.saturating_sub(self.after);
        let gone: Vec<GroupId> =
            self.seen.iter().filter(|(_, seen)| **seen <= oldest).map(|(group, _)| group).collect();
        for group in gone {
            self.seen.remove(group);
            cx.emit_delete_group(group);
        }
        self.wake = None;
        if !self.seen.is_empty() {
            self.plan(cx);
        }
    }

    /// The group has ended for another reason.
    pub(super) fn forget(&mut self, group: GroupId) {
        self.seen.remove(group);
    }

    pub(super) fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.groups(&mut self.seen, |_, _, _| {});
    }

    pub(super) fn restore(&mut self, saved: &NodeSaved<'_>, cx: &mut Cx<'_>) -> Result<(), Damaged> {
        self.seen = saved.groups(|_, _| Ok(cx.now))?;
        if !self.seen.is_empty() {
            self.plan(cx);
        }
        Ok(())
    }

    pub(super) fn memory(&self) -> usize {
        self.seen.memory()
    }
}

#[cfg(test)]
mod tests {
    use alert::Kinds;
    use model::Precision;

    use crate::testing::Bench;

    const SECOND: i64 = 1_000_000_000;

    /// How many groups the first node of each of these kinds holds.
    fn groups(bench: &Bench, kinds: &[&str]) -> Vec<i64> {
        let names: Vec<String> = bench.task.stats().iter().map(|stats| stats.name.clone()).collect();
        let named = |kind: &str| names.iter().find(|name| name.starts_with(kind)).expect("a node of this kind").clone();
        kinds.iter().map(|kind| bench.stat(&named(kind), "working_cardinality")).collect()
    }

    fn after_a_minute(script: &str, nodes: &[&str]) -> (Vec<i64>, Vec<i64>) {
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=a v=1 1\nn,h=a v=1 1\nm,h=b v=1 1\nn,h=b v=1 1\nm,h=b v=1 2\nn,h=b v=1 2", Precision::Seconds);
        let before = groups(&bench, nodes);
        // Only b is seen again.
        for second in [20, 40, 60, 75] {
            bench.advance_to(second * SECOND);
            bench.write(&format!("m,h=b v=1 {second}\nn,h=b v=1 {second}"), Precision::Seconds);
        }
        (before, groups(&bench, nodes))
    }

    #[test]
    fn groups_end_below_the_node_that_makes_them() {
        let script = "stream |from().measurement('m').groupBy('h').expireGroups(1m) |window().period(1h).every(1h) \
                      |sum('v') |stateCount(lambda: \"sum\" > 0) |httpOut('x')";
        let (before, after) = after_a_minute(script, &["window"]);
        assert_eq!((before, after), (vec![2], vec![1]));
        let script = "stream |from().measurement('m') |groupBy('h').expireGroups(1m) |derivative('v') |httpOut('x')";
        assert_eq!(after_a_minute(script, &["derivative", "http_out"]), (vec![2, 1], vec![1, 1]));
        let never = script.replace("1m", "0s");
        assert_eq!(after_a_minute(&never, &["derivative"]).1, [2]);
    }

    #[test]
    fn groups_end_below_joins_and_unions() {
        let both = "var m = stream |from().measurement('m').groupBy('h').groupByMeasurement().expireGroups(1m)
                    var n = stream |from().measurement('n').groupBy('h').groupByMeasurement().expireGroups(1m)";
        let joined = format!("{both} m |union(n).rename('u') |stateCount(lambda: TRUE) |httpOut('x')");
        assert_eq!(after_a_minute(&joined, &["state_count", "http_out"]), (vec![2, 2], vec![1, 1]));
        let plain = both.replace(".groupByMeasurement()", "");
        let joined = format!("{plain} m |join(n).as('m', 'n') |stateCount(lambda: TRUE) |httpOut('x')");
        assert_eq!(after_a_minute(&joined, &["join", "state_count", "http_out"]), (vec![2, 2, 2], vec![1, 1, 1]));
    }

    #[test]
    fn time_that_the_daemon_is_down_does_not_count() {
        let script = "stream |from().measurement('m').groupBy('h').expireGroups(1m) |derivative('v') |httpOut('x')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=a v=1 1", Precision::Seconds);
        let saved = bench.saved();
        let (mut bench, anew) = Bench::resumed(script, Kinds::default(), &saved).unwrap();
        assert!(anew.is_empty(), "{anew:?}");
        bench.advance_to(50 * SECOND);
        assert_eq!(groups(&bench, &["derivative"]), [1]);
        bench.advance_to(80 * SECOND);
        assert_eq!(groups(&bench, &["derivative"]), [0]);
    }

    #[test]
    fn a_negative_time_is_refused() {
        let error = Bench::new("stream |from().expireGroups(-1m) |httpOut('x')").err().expect("an error");
        assert!(error.contains("must not be negative"), "{error}");
    }
}
