//! What editors know by heart is what the tables say: `UPDATE=1` writes the lists of names anew.
#![allow(clippy::unwrap_used)]

use std::{
    fs,
    path::{Path, PathBuf},
};

use engine::define::{Surface, VarType};
use regex::Regex;
use serde_json::Value;

/// A list of names that the grammars hold.
struct List {
    names: Vec<String>,
    /// Where it stands in the TextMate grammar.
    pointer: &'static str,
    /// What stands before and after it there.
    around: (&'static str, &'static str),
    /// The beginning of its line in Vim's; empty if it is not told apart there.
    vim: &'static str,
}

fn lists() -> Vec<List> {
    let surface = Surface::new(handlers::catalogue());
    let specs = |source| surface.nodes().iter().filter(move |spec| !spec.internal && spec.source == source);
    let nodes: Vec<String> = specs(false).map(|spec| spec.name.to_string()).collect();
    let sources: Vec<String> = specs(true).map(|spec| spec.name.to_string()).collect();
    let methods = surface.handlers().iter().filter_map(|kind| kind.method);
    let functions = lambda::functions().map(|function| function.name).chain(["time"]);
    let list = |names: Vec<String>, pointer, around, vim| {
        let mut names = names;
        names.sort();
        names.dedup();
        List { names, pointer, around, vim }
    };
    let names = |names: &mut dyn Iterator<Item = &'static str>| names.map(str::to_string).collect();
    vec![
        list(
            nodes,
            "/repository/node/patterns/0/match",
            ("(\\|)\\s*(", ")\\b"),
            "syntax keyword tickscriptNode contained ",
        ),
        list(sources, "/repository/keyword/patterns/3/match", ("\\b(?:", ")\\b"), "syntax keyword tickscriptSource "),
        list(names(&mut { methods }), "/repository/property/patterns/0/match", ("(\\.)\\s*(", ")\\b"), ""),
        list(
            names(&mut { functions }),
            "/repository/function/match",
            ("\\b(", ")\\s*(\\()"),
            "syntax keyword tickscriptFunction ",
        ),
        list(
            names(&mut VarType::names()),
            "/repository/declaration/patterns/0/match",
            ("\\b(var)\\s+([A-Za-z][A-Za-z0-9_]*)(?:\\s+(", ")\\b)?"),
            "syntax keyword tickscriptType ",
        ),
    ]
}

fn editors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../editors")
}

fn compare(path: &str, wanted: &str) {
    let path = editors().join(path);
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, wanted).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap();
    assert!(found == wanted, "{} is not what the tables say; UPDATE=1 writes it anew", path.display());
}

fn json(path: &str) -> Value {
    let text = fs::read_to_string(editors().join(path)).unwrap();
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_textmate_grammar_knows_the_names_of_the_tables() {
    const PATH: &str = "vscode/syntaxes/tickscript.tmLanguage.json";
    let mut grammar = json(PATH);
    for List { names, pointer, around: (before, after), .. } in lists() {
        let place = grammar.pointer_mut(pointer).unwrap_or_else(|| panic!("there is no {pointer}"));
        *place = Value::from(format!("{before}{}{after}", names.join("|")));
    }
    compare(PATH, &format!("{}\n", serde_json::to_string_pretty(&grammar).unwrap()));
}

#[test]
fn the_vim_syntax_knows_the_names_of_the_tables() {
    const PATH: &str = "vim/syntax/tickscript.vim";
    let mut text = fs::read_to_string(editors().join(PATH)).unwrap();
    for List { names, vim, .. } in lists().into_iter().filter(|list| !list.vim.is_empty()) {
        let start = text.find(vim).unwrap_or_else(|| panic!("there is no line {vim:?}")) + vim.len();
        let end = start + text[start..].find('\n').unwrap();
        text.replace_range(start..end, &names.join(" "));
    }
    compare(PATH, &text);
}

/// All values of these keys, however deep.
fn values<'v>(value: &'v Value, keys: &[&str], found: &mut Vec<&'v str>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value.as_str() {
                    Some(text) if keys.contains(&key.as_str()) => found.push(text),
                    _ => values(value, keys, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, keys, found)),
        _ => {}
    }
}

#[test]
fn the_textmate_grammar_is_whole() {
    for path in ["vscode/syntaxes/tickscript.tmLanguage.json", "vscode/syntaxes/markdown.tmLanguage.json"] {
        let grammar = json(path);
        let (mut patterns, mut includes) = (Vec::new(), Vec::new());
        values(&grammar, &["match", "begin", "end"], &mut patterns);
        assert!(!patterns.is_empty());
        for pattern in patterns {
            Regex::new(pattern).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
        values(&grammar, &["include"], &mut includes);
        for include in includes.iter().filter_map(|include| include.strip_prefix('#')) {
            assert!(grammar["repository"].get(include).is_some(), "{path} includes #{include}");
        }
    }
}

/// The scope that the grammar gives to the first match of a line, by its patterns' order.
fn first_scope(line: &str) -> String {
    let grammar = json("vscode/syntaxes/tickscript.tmLanguage.json");
    let mut best: Option<(usize, String)> = None;
    for include in grammar["patterns"].as_array().unwrap() {
        let rule = &grammar["repository"][include["include"].as_str().unwrap().trim_start_matches('#')];
        let rules = rule["patterns"].as_array().cloned().unwrap_or_else(|| vec![rule.clone()]);
        for rule in rules {
            let pattern = rule["match"].as_str().or(rule["begin"].as_str()).unwrap();
            let Some(found) = Regex::new(pattern).unwrap().find(line) else { continue };
            let scope = rule["name"].as_str().or(rule["captures"]["2"]["name"].as_str()).unwrap_or_default();
            let scope = rule["captures"]["1"]["name"]
                .as_str()
                .filter(|_| rule["name"].is_null() && pattern.starts_with("\\b("))
                .unwrap_or(scope);
            if best.as_ref().is_none_or(|(start, _)| found.start() < *start) {
                best = Some((found.start(), scope.to_string()));
            }
        }
    }
    best.map_or_else(String::new, |(_, scope)| scope)
}

#[test]
fn words_have_their_colours() {
    for (line, scope) in [
        ("    |window()", "entity.name.function.node.tickscript"),
        ("    |widnow()", "keyword.operator.tickscript"),
        ("    .slack()", "support.function.handler.tickscript"),
        ("    .period(10s)", "support.function.property.tickscript"),
        ("@mine()", "entity.name.function.udf.tickscript"),
        ("var a = 5", "storage.type.var.tickscript"),
        ("stream", "support.class.source.tickscript"),
        ("lambda: \"a\"", "storage.type.function.lambda.tickscript"),
        ("sigma(\"a\")", "support.function.builtin.tickscript"),
        ("10s", "constant.numeric.duration.tickscript"),
        ("1.5", "constant.numeric.float.tickscript"),
        ("42", "constant.numeric.integer.tickscript"),
        ("'''a'''", "string.quoted.triple.tickscript"),
        ("'a'", "string.quoted.single.tickscript"),
        ("// 'a'", "comment.line.double-slash.tickscript"),
        ("TRUE", "constant.language.boolean.tickscript"),
    ] {
        assert_eq!(first_scope(line), scope, "{line}");
    }
}

#[test]
fn the_extension_names_files_that_are_there() {
    let package = json("vscode/package.json");
    let mut paths = Vec::new();
    values(&package, &["path", "configuration", "main"], &mut paths);
    assert!(paths.len() >= 4, "{paths:?}");
    for path in paths {
        assert!(editors().join("vscode").join(path).exists(), "{path}");
    }
    json("vscode/language-configuration.json");
    let extension = fs::read_to_string(editors().join("vscode/extension.js")).unwrap();
    assert!(extension.contains("\"lsp\"") && extension.contains("kapacitor.path"));
}
