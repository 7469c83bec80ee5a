//! `cargo play CASE`: plays one conformance case in this process, and shows how each datum went.
#![forbid(unsafe_code)]

use std::{io::Write, process::ExitCode, sync::Arc};

use conformance::{Case, CaseError, play, roots};

const USAGE: &str = "\
usage: cargo play CASE     play it: a folder below tests/cases, or a part of its name
       cargo play --why    name the cases that only the daemon can play, and why";

fn main() -> ExitCode {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if wanted.is_empty() || wanted.starts_with('-') && wanted != "--why" {
        println!("{USAGE}");
        return ExitCode::from(2);
    }
    let cases = match find(if wanted == "--why" { "" } else { &wanted }) {
        Ok(cases) => cases,
        Err(error) => {
            eprintln!("play: {error}");
            return ExitCode::FAILURE;
        }
    };
    match cases.as_slice() {
        cases if wanted == "--why" => {
            cases.iter().filter_map(|case| Some((case, case.why_not()?))).for_each(|(case, why)| {
                say(&format!("{}: {why}", case.name));
            });
            ExitCode::SUCCESS
        }
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
