//! Who is told to do what, at which limit.

use std::{
    sync::OnceLock,
    time::{Duration, Instant},
};

use tokio::sync::Notify;

use super::Renewal;
use super::judge::{Act, Holding, Judge, Limit, What};
use crate::config::{AtLimit, TaskLimit};

fn judge(own: u64, at_limit: AtLimit, tasks: &[TaskLimit]) -> Judge {
    Judge::new(Limit { memory: own, groups: u64::MAX, at_limit }, tasks)
}

fn held(id: &str, memory: u64, groups: u64) -> Holding {
    Holding { id: id.into(), memory, groups, dropped: 0 }
}

fn what(acts: &[Act]) -> Vec<(Option<&str>, What)> {
    acts.iter().map(|act| (act.task.as_deref(), act.what)).collect()
}

#[test]
fn the_first_section_that_fits_is_a_tasks_limit() {
    let limits = [TaskLimit::of("cpu_*", 100, 0, "stop"), TaskLimit::of("*", 0, 10, "drop-oldest")];
    let judge = judge(u64::MAX, AtLimit::PushBack, &limits);
    let acts = judge.judge(&[held("cpu_a", 101, 50), held("mem", 101, 11), held("disk", 5, 10)], 0);
    assert_eq!(what(&acts), [(Some("cpu_a"), What::Stop), (Some("mem"), What::Groups(10))]);
    assert_eq!(acts[0].why, "task cpu_a holds 101 bytes, more than its limit of 100 bytes (memory in [[task-limit]])");
}

#[test]
fn the_daemons_limit_counts_all_and_is_kept_by_the_largest() {
    let tasks = [held("a", 400, 40), held("b", 500, 50)];
    let pushes = judge(1000, AtLimit::PushBack, &[]);
    assert!(pushes.judge(&tasks, 100).is_empty());
    assert_eq!(what(&pushes.judge(&tasks, 101)), [(None, What::PushBack)]);
    let stops = judge(1000, AtLimit::Stop, &[]);
    assert_eq!(what(&stops.judge(&tasks, 101)), [(Some("b"), What::Stop)]);
    // 300 are left to b, and nine tenths of that are kept.
    let drops = judge(1000, AtLimit::DropOldest, &[]);
    assert_eq!(what(&drops.judge(&tasks, 300)), [(Some("b"), What::Groups(27))]);
}

#[test]
fn a_single_group_lets_go_of_points_and_the_end_is_a_stop() {
    let limits = [TaskLimit::of("*", 100, 0, "drop-oldest")];
    let judge = judge(u64::MAX, AtLimit::PushBack, &limits);
    for _ in 0..10 {
        assert_eq!(what(&judge.judge(&[held("a", 200, 1)], 0)), [(Some("a"), What::Points(20))]);
    }
    // It helps, though slowly.
    let helps = Holding { dropped: 7, ..held("a", 150, 1) };
    assert_eq!(what(&judge.judge(std::slice::from_ref(&helps), 0)), [(Some("a"), What::Points(20))]);
    for _ in 0..10 {
        assert_eq!(what(&judge.judge(std::slice::from_ref(&helps), 0)), [(Some("a"), What::Points(20))]);
    }
    let acts = judge.judge(std::slice::from_ref(&helps), 0);
    assert_eq!(what(&acts), [(Some("a"), What::Stop)]);
    assert!(acts[0].why.ends_with("nothing was left that could be let go"), "{}", acts[0].why);
    // Once it is well again it has all its tries.
    assert!(judge.judge(&[held("a", 99, 1)], 0).is_empty());
    assert_eq!(what(&judge.judge(&[held("a", 200, 1)], 0)), [(Some("a"), What::Points(20))]);
}

#[test]
fn tables_are_begun_anew_when_most_of_them_is_of_no_use() {
    let begun = Instant::now();
    let renewal = |at| Renewal { at, allowed: true, begun, settled: OnceLock::new(), due: Notify::new() };
    let after = |seconds| begun + Duration::from_secs(seconds);
    assert!(!renewal(None).is_due(usize::MAX, [0; 3], after(1000)));
    let small = renewal(Some(1000));
    assert!(!small.is_due(5000, [0; 3], after(59)), "series that live are still coming in");
    assert!(
        !small.is_due(100, [0; 3], after(60))
            && !small.is_due(1000, [0; 3], after(70))
            && small.is_due(1001, [0; 3], after(80))
    );
    assert!(renewal(None).is_due(0, [0, 1 << 29, 0], after(1)), "numbers come to their end");
    // Where so many live, as much again may be forgotten three times.
    let large = renewal(Some(1000));
    assert!(
        !large.is_due(900, [0; 3], after(61))
            && !large.is_due(3600, [0; 3], after(70))
            && large.is_due(3601, [0; 3], after(80))
    );
}
