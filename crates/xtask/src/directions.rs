//! Which of our crates may use which: the table of docs/ARCHITECTURE.md, held against every `Cargo.toml`.

use std::{fs, path::Path};

use anyhow::Context;

/// A crate and what it may use of ours. Dev-dependencies are free to use `testkit`, too.
const TABLE: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("tickscript", &[]),
    ("gotemplate", &[]),
    ("influxql", &[]),
    ("api", &[]),
    ("disk", &[]),
    ("journal", &["disk"]),
    ("store", &["disk"]),
    ("testkit", &[]),
    ("xtask", &[]),
    ("lambda", &["model", "tickscript"]),
    ("declare", &["tickscript"]),
    ("alert", &["model", "declare", "disk", "journal", "lambda", "gotemplate", "tickscript"]),
    ("engine", &["model", "tickscript", "lambda", "declare", "gotemplate", "influxql", "alert"]),
    ("influx", &["model", "declare", "influxql"]),
    ("handlers", &["alert", "declare", "model", "gotemplate"]),
    ("lsp", &["alert", "declare", "engine", "lambda", "tickscript"]),
    ("replay", &["model"]),
    ("udf", &["model"]),
    ("kapacitor", &["api", "engine", "handlers", "lsp", "tickscript"]),
    (
        "kapacitord",
        &[
            "alert",
            "api",
            "declare",
            "engine",
            "gotemplate",
            "handlers",
            "influx",
            "influxql",
            "journal",
            "lambda",
            "model",
            "replay",
            "store",
            "tickscript",
            "udf",
        ],
    ),
    ("conformance", &["alert", "declare", "engine", "handlers", "lambda", "model", "tickscript"]),
];

/// What does not keep to the table.
pub(crate) fn problems(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    let mut folders = vec![root.join("tests")];
    for entry in fs::read_dir(root.join("crates"))? {
        folders.push(entry?.path());
    }
    for folder in folders {
        let path = folder.join("Cargo.toml");
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: toml::Table = text.parse().with_context(|| format!("{}", path.display()))?;
        let name = manifest.get("package").and_then(|package| package.get("name")).and_then(toml::Value::as_str);
        let name = name.unwrap_or_default();
        let Some((_, allowed)) = TABLE.iter().find(|(known, _)| *known == name) else {
            problems.push(format!("{}: {name:?} is not in the table of directions", path.display()));
            continue;
        };
        let used = manifest.get("dependencies").and_then(toml::Value::as_table);
        for dependency in used.into_iter().flat_map(toml::Table::keys) {
            let ours = TABLE.iter().any(|(known, _)| known == dependency);
            if ours && !allowed.contains(&dependency.as_str()) {
                problems.push(format!("{}: {name} must not use {dependency}", path.display()));
            }
        }
    }
    Ok(problems)
}

#[cfg(test)]
mod tests {
    #[test]
    fn crates_keep_to_the_table() {
        assert_eq!(super::problems(&crate::root()).unwrap(), Vec::<String>::new());
    }
}
