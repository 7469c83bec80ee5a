//! A test for each conformance case that can be played in this process: `cargo test -p conformance window`.
//!
//! `-- --list` names them; `cargo play --why` tells of the others why they are left to the daemon.
#![forbid(unsafe_code)]

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    process::ExitCode,
    time::Instant,
};

use conformance::{Case, names, play, roots};

/// So many cases, and examples, can be played here; a change that makes it fewer takes them away unseen.
const LEAST: [usize; 2] = [204, 5];

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let has = |flag: &str| args.iter().any(|arg| arg == flag);
    let filters: Vec<&String> = args.iter().filter(|arg| !arg.starts_with('-')).collect();
    let exact = has("--exact");
    let mut problems = Vec::new();
    let mut chosen = Vec::new();
    for (root, least) in roots().iter().zip(LEAST) {
        let cases = match root.cases() {
            Ok(cases) => cases,
            Err(error) => {
                eprintln!("{error}");
                return ExitCode::FAILURE;
            }
        };
        let count = cases.iter().filter(|case| case.why_not().is_none()).count();
        if count < least {
            problems.push(format!("{count} cases of {} can be played here, there were {least}", root.folder.display()));
        }
        chosen.extend(cases.into_iter().filter(|case| {
            let fits =
                |filter: &&String| if exact { case.name == **filter } else { case.name.contains(filter.as_str()) };
            filters.is_empty() || filters.iter().any(fits)
        }));
    }
    chosen.retain(|case| case.why_not().is_none());
    if has("--list") {
        chosen.iter().for_each(|case| println!("{}: test", case.name));
        return ExitCode::SUCCESS;
    }
    run(&chosen, problems)
}

/// Play them all; those that a list names may fail.
fn run(cases: &[Case], mut problems: Vec<String>) -> ExitCode {
    let (known, unreached) = (names("known.txt"), names("unreached.txt"));
    let begun = Instant::now();
    println!("\nplaying {} cases", cases.len());
    let mut passed = 0;
    for case in cases {
        let listed = match case.name.as_str() {
            name if known.contains(name) => Some("known.txt"),
            name if unreached.contains(name) => Some("unreached.txt"),
            _ => None,
        };
        match (outcome(case), listed) {
            (Ok(()), None) => passed += 1,
            // What a known case gives instead is part of what is expected of it.
            (Ok(()), Some(list)) if case.is_part() || list == "known.txt" => passed += 1,
            (Ok(()), Some(list)) => {
                passed += 1;
                println!("case {} ... ok, though {list} has it", case.name);
            }
            (Err(_), Some(list)) => println!("case {} ... differs, as {list} says", case.name),
            (Err(why), None) => {
                println!("case {} ... FAILED\n{why}", case.name);
                problems.push(format!("{} failed", case.name));
            }
        }
    }
    println!("\n{passed} of {} passed in {:.2} s", cases.len(), begun.elapsed().as_secs_f64());
    problems.iter().for_each(|problem| println!("{problem}"));
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn outcome(case: &Case) -> Result<(), String> {
    let played = catch_unwind(AssertUnwindSafe(|| play(case, None)));
    let played = played.map_err(|_| "    it panicked".to_string())?;
    let played = played.map_err(|why| format!("    {why}"))?;
    if played.differences.is_empty() {
        return Ok(());
    }
    let shown = played.differences.iter().take(8).map(|line| format!("    {line}"));
    let errors = played.errors.iter().take(4).map(|line| format!("    error: {line}"));
    Err(shown.chain(errors).collect::<Vec<_>>().join("\n"))
}
