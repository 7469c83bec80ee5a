//! Every case is cut in two, again and again: what its tasks remember is saved, and they go on in a new engine with a new
//! schema. What comes out must be the same.
#![forbid(unsafe_code)]

use std::panic::{AssertUnwindSafe, catch_unwind};

use conformance::{Case, Cuts, play, play_cut, roots};

/// How often a case is cut while it is played, about.
const CUTS: usize = 3;
/// How often it is played, with cuts in other places each time.
const ROUNDS: usize = 2;

/// The same for a case each time, and another for each.
fn seed(name: &str) -> usize {
    name.bytes().fold(7, |hash: usize, byte| hash.wrapping_mul(31).wrapping_add(usize::from(byte)))
}

fn played(play: impl FnOnce() -> Result<conformance::Played, String>) -> Result<conformance::Played, String> {
    catch_unwind(AssertUnwindSafe(play)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        Err(format!("it panicked: {}", text.unwrap_or_default()))
    })
}

/// Where a case differs if it is cut, and how often it was.
fn cut(case: &Case) -> (usize, Vec<String>) {
    // One that differs or cannot be played is no measure.
    let Ok(whole) = played(|| play(case, None)) else { return (0, Vec::new()) };
    let (mut cuts, mut wrong) = (0, Vec::new());
    for round in 0..ROUNDS {
        let every = (whole.data / CUTS + 1 + round).max(1);
        let first = 1 + (seed(&case.name) / (round + 1)) % every;
        if first > whole.data {
            continue;
        }
        cuts += 1 + (whole.data - first) / every;
        let outcome = played(|| play_cut(case, None, Cuts { first, every }));
        let differences = match outcome {
            Ok(played) => played.differences,
            Err(why) => vec![why],
        };
        if differences != whole.differences {
            let new = differences.iter().filter(|line| !whole.differences.contains(line)).take(4);
            let new: Vec<String> = new.map(|line| format!("\n    {line}")).collect();
            let name = &case.name;
            wrong.push(format!("{name}, cut after {first} of {} and every {every} then: {}", whole.data, new.concat()));
        }
    }
    (cuts, wrong)
}

#[test]
fn tasks_go_on_where_they_were() {
    let only = std::env::var("CASE").unwrap_or_default();
    let (mut cuts, mut wrong) = (0, Vec::new());
    for root in roots() {
        for case in root.cases().expect("the cases can be read") {
            if case.why_not().is_some() || !case.name.contains(&only) {
                continue;
            }
            let (made, differing) = cut(&case);
            cuts += made;
            wrong.extend(differing);
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert!(!only.is_empty() || cuts > 700, "only {cuts} cuts were made");
}
