//! Plays the scripts in `tests/data` and generated ones. `UPDATE=1` rewrites what our own words are expected in
//! (`error`, `legacy`); `format` holds what the original daemon answered and is never rewritten.

#![allow(clippy::unwrap_used)]

mod bounds;
mod generated;

use std::fs;
use std::path::{Path, PathBuf};

use tickscript::ast::{ExprKind, Script};
use tickscript::{ParseError, format, parse, walk_script};

/// The scripts in a folder of `tests/data`, with their paths.
fn scripts(folder: &str) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(folder);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "tick"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "{} holds no scripts", folder.display());
    paths.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

/// Compares with the file of that extension beside the script, or writes it if told so.
fn compare(script: &Path, extension: &str, got: &str) -> Result<(), String> {
    let path = script.with_extension(extension);
    if std::env::var_os("UPDATE").is_some() && extension != "formatted" {
        fs::write(&path, got).unwrap();
        return Ok(());
    }
    let want = fs::read_to_string(&path).unwrap_or_default();
    if want == got { Ok(()) } else { Err(format!("{}\n--- want\n{want}\n--- got\n{got}", path.display())) }
}

fn assert_none(failures: Vec<String>) {
    assert!(failures.is_empty(), "{} failed\n{}", failures.len(), failures.join("\n"));
}

/// The text after formatting until it no longer changes. An argument that is a pipeline is put on lines of its own the
/// first time, and its call then counts as written on several lines, so the first round may not be the last.
fn settled(text: &str) -> Result<String, ParseError> {
    let mut text = text.to_string();
    for _ in 0..10 {
        let formatted = format(&parse(&text)?);
        if formatted == text {
            return Ok(text);
        }
        text = formatted;
    }
    panic!("formatting never settles:\n{text}");
}

fn has_pipeline_argument(script: &Script) -> bool {
    let mut found = false;
    walk_script(script, &mut |expr| {
        if let ExprKind::Call(call) = &expr.kind {
            found |= call.args.iter().any(|arg| matches!(arg.kind, ExprKind::Chain { .. }));
        }
    });
    found
}

#[test]
fn accepted_scripts_are_formatted_once_for_all() {
    let mut failures = Vec::new();
    for (path, text) in scripts("ok") {
        match parse(&text) {
            Err(error) => failures.push(format!("{}\n{}", path.display(), error.render(&text))),
            Ok(script) => {
                let once = format(&script);
                match settled(&once) {
                    Ok(end) if end == once || has_pipeline_argument(&script) => {}
                    Ok(end) => failures.push(format!("{}\n--- once\n{once}\n--- again\n{end}", path.display())),
                    Err(error) => failures.push(format!("{} formatted\n{}", path.display(), error.render(&once))),
                }
            }
        }
    }
    assert_none(failures);
}

#[test]
fn a_regex_below_a_comment_is_no_part_of_it() {
    let text = "a\n\n// one\n\n/\n/\n\nf(\n// two\n\n/re/)\n";
    let formatted = format(&parse(text).unwrap());
    assert_eq!(parse(&formatted).unwrap().statements.len(), 3, "{formatted}");
    assert!(formatted.contains("// two\n\n    /re/"), "{formatted}");
    assert_eq!(format(&parse(&formatted).unwrap()), formatted);
}

#[test]
fn formats_as_the_original_does() {
    let check = |(path, text): (PathBuf, String)| {
        let script = parse(&text).map_err(|error| format!("{}\n{}", path.display(), error.render(&text)));
        script.and_then(|script| compare(&path, "formatted", &format(&script)))
    };
    assert_none(scripts("format").into_iter().filter_map(|script| check(script).err()).collect());
}

#[test]
fn old_scripts_are_accepted() {
    let check = |(path, text): (PathBuf, String)| {
        let script = parse(&text).map_err(|error| format!("{}\n{}", path.display(), error.render(&text)));
        script.and_then(|script| compare(&path, "txt", &format(&script)))
    };
    assert_none(scripts("legacy").into_iter().filter_map(|script| check(script).err()).collect());
}

#[test]
fn errors_show_the_place() {
    let check = |(path, text): (PathBuf, String)| match parse(&text) {
        Ok(script) => Err(format!("{} is accepted:\n{}", path.display(), format(&script))),
        Err(error) => compare(&path, "txt", &format!("{error}\n\n{}", error.render(&text))),
    };
    assert_none(scripts("error").into_iter().filter_map(|script| check(script).err()).collect());
}

/// Behind `=` two slashes are a regex.
#[test]
fn comments_stay_comments() {
    let formatted = |text: &str| format(&parse(text).unwrap());
    assert_eq!(formatted("var a = 5 // c\n- 2\n"), "// c\nvar a = 5 -\n2\n");
    assert_eq!(formatted("// b\nvar a = 1 // c\n// d\n- 2\n"), "// b\n// c\n// d\nvar a = 1 -\n2\n");
}

/// What ends with a semicolon may be followed by what would go on with it.
#[test]
fn statements_stay_apart() {
    let formatted = |text: &str| format(&parse(text).unwrap());
    assert_eq!(formatted("var a = stream.from();/x/"), "var a = stream\n        .from();\n\n/x/\n");
    assert_eq!(formatted("var a = 5;-3; (a + b)"), "var a = 5;\n\n-3\n\n(a + b)\n");
    assert_eq!(formatted("var a = /b/\n/x/"), "var a = /b/\n\n/x/\n");
}
