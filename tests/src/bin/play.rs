//! `cargo play CASE`: plays one conformance case in this process, and shows how each datum went.
#![forbid(unsafe_code)]

use std::{io::Write, process::ExitCode, sync::Arc};

use conformance::{Case, CaseError, play, roots};

fn main() -> ExitCode {
    let Some(wanted) = std::env::args().nth(1).filter(|name| !name.starts_with('-')) else {
        println!(
            "usage: cargo play CASE\n\nCASE is a folder below tests/cases, or the end of its name: window/count_every_2, examples/high_cpu"
        );
        return ExitCode::from(2);
    };
    let cases = match find(&wanted) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("play: {error}");
            return ExitCode::FAILURE;
        }
    };
    match cases.as_slice() {
        [] => {
            eprintln!("play: no case is called {wanted:?}");
            ExitCode::FAILURE
        }
        [case] => show(case),
        several => {
            eprintln!("play: several cases are called so:");
            several.iter().for_each(|case| eprintln!("    {}", case.name));
            ExitCode::FAILURE
        }
    }
}

/// The case of this name; else all whose names contain it.
fn find(wanted: &str) -> Result<Vec<Case>, CaseError> {
    let mut found = Vec::new();
    for root in roots() {
        for case in root.cases()? {
            if case.name == wanted {
                return Ok(vec![case]);
            }
            if case.name.contains(wanted) {
                found.push(case);
            }
        }
    }
    Ok(found)
}

fn show(case: &Case) -> ExitCode {
    say(&format!("{}: {}", case.name, case.about()));
    let played = match play(case, Some(Arc::new(say))) {
        Ok(played) => played,
        Err(why) => {
            eprintln!("play: it cannot be played here: {why}");
            return ExitCode::FAILURE;
        }
    };
    played.errors.iter().for_each(|error| say(&format!("error: {error}")));
    if played.differences.is_empty() {
        say("as recorded");
        return ExitCode::SUCCESS;
    }
    say("not as recorded:");
    played.differences.iter().for_each(|difference| say(&format!("    {difference}")));
    ExitCode::FAILURE
}

/// A line for who looks on; there is nothing left to do if nobody does any more.
fn say(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}
