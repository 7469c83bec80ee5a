//! `cargo xtask deny`: licences, sources and doubles of all crates that we link, against `deny.toml`. It knows no
//! advisories: those take `cargo deny`, which reads the same file.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    process::Command,
};

use anyhow::{Context, bail};
use serde_json::Value;

/// What `deny.toml` allows.
struct Rules {
    licences: BTreeSet<String>,
    /// `name@version` that may be there beside another version.
    doubles: BTreeSet<String>,
    /// Parts of the names of registries.
    registries: Vec<String>,
}

/// A crate of the lock file.
struct Package {
    name: String,
    version: String,
    licence: String,
    source: Option<String>,
}

pub(crate) fn run(root: &Path) -> anyhow::Result<()> {
    let problems = problems(&rules(root)?, &packages(root)?);
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { Ok(()) } else { bail!("{} problems; deny.toml says what is allowed", problems.len()) }
}

fn rules(root: &Path) -> anyhow::Result<Rules> {
    let text = fs::read_to_string(root.join("deny.toml")).context("cannot read deny.toml")?;
    let table: toml::Table = text.parse().context("deny.toml")?;
    let list = |section: &str, key: &str| -> Vec<toml::Value> {
        let found = table.get(section).and_then(|section| section.get(key)).and_then(toml::Value::as_array);
        found.cloned().unwrap_or_default()
    };
    let text = |value: &toml::Value| value.as_str().map(str::to_string);
    Ok(Rules {
        licences: list("licenses", "allow").iter().filter_map(text).collect(),
        doubles: list("bans", "skip").iter().filter_map(|skip| text(skip.get("crate")?)).collect(),
        registries: list("sources", "allow-registry").iter().filter_map(text).collect(),
    })
}

/// All crates that are linked on this platform.
fn packages(root: &Path) -> anyhow::Result<Vec<Package>> {
    let host = output(Command::new("rustc").arg("-vV"))?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc -vV names no host")?;
    let arguments = ["metadata", "--format-version", "1", "--locked", "--filter-platform", host];
    let text = output(Command::new("cargo").current_dir(root).args(arguments))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata")?;
    let text = |package: &Value, key: &str| package[key].as_str().unwrap_or_default().to_string();
    let packages = metadata["packages"].as_array().context("cargo metadata names no packages")?;
    Ok(packages
        .iter()
        .map(|package| Package {
            name: text(package, "name"),
            version: text(package, "version"),
            licence: text(package, "license"),
            source: package["source"].as_str().map(str::to_string),
        })
        .collect())
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("cannot run {name}"))?;
    if !output.status.success() {
        bail!("{name} ended with {}: {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{name} wrote no UTF-8"))
}

fn problems(rules: &Rules, packages: &[Package]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Package { name, version, licence, source } in packages {
        if !allowed(licence, &rules.licences) {
            problems.push(format!("{name} {version}: the licence {licence:?} is not among those of deny.toml"));
        }
        if let Some(source) =
            source.as_deref().filter(|source| !rules.registries.iter().any(|one| source.contains(one)))
        {
            problems.push(format!("{name} {version}: comes from {source}"));
        }
        versions.entry(name).or_default().insert(version);
    }
    for (name, versions) in versions {
        let listed = |version: &&&str| rules.doubles.contains(&format!("{name}@{version}"));
        let left: Vec<&&str> = versions.iter().filter(|version| !listed(version)).collect();
        if left.len() > 1 {
            problems.push(format!("{name} is there in several versions: {left:?}"));
        }
    }
    problems
}

/// Whether an SPDX expression can be met with these licences. `/` is what `OR` was once written as.
fn allowed(expression: &str, licences: &BTreeSet<String>) -> bool {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = any(&words, &mut at, licences);
    met && at == words.len()
}

fn any(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut met = all(words, at, licences);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= all(words, at, licences);
    }
    met
}

fn all(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, licences);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, licences);
    }
    met
}

fn one(words: &[&str], at: &mut usize, licences: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let met = any(words, at, licences);
        let closes = words.get(*at) == Some(&")");
        *at += 1;
        return met && closes;
    }
    if words.get(*at) == Some(&"WITH") {
        let with = words.get(*at + 1).unwrap_or(&"");
        *at += 2;
        return licences.contains(&format!("{word} WITH {with}"));
    }
    licences.contains(*word)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, licence: &str, source: &str) -> Package {
        let source = (!source.is_empty()).then(|| source.to_string());
        Package { name: name.into(), version: version.into(), licence: licence.into(), source }
    }

    #[test]
    fn expressions_are_met_or_not() {
        let licences: BTreeSet<String> = ["MIT", "Zlib"].map(str::to_string).into();
        for met in ["MIT", "GPL-3.0 OR MIT", "Apache-2.0/MIT", "(MIT OR X) AND Zlib", "X WITH Y OR Zlib"] {
            assert!(allowed(met, &licences), "{met}");
        }
        for unmet in ["", "GPL-3.0", "MIT AND GPL-3.0", "MIT WITH Y", "(MIT", "MIT Zlib", "(MIT OR Zlib) AND X"] {
            assert!(!allowed(unmet, &licences), "{unmet}");
        }
    }

    #[test]
    fn doubles_and_strange_sources_are_told() {
        let rules = Rules {
            licences: ["MIT".to_string()].into(),
            doubles: ["a@1".to_string()].into(),
            registries: vec!["crates.io".to_string()],
        };
        let from = "registry+https://crates.io-index";
        let well = [package("a", "1", "MIT", from), package("a", "2", "MIT", from), package("ours", "0", "MIT", "")];
        assert_eq!(problems(&rules, &well), Vec::<String>::new());
        let ill = [
            package("b", "1", "MIT", from),
            package("b", "2", "X", from),
            package("c", "1", "MIT", "git+https://example.com"),
        ];
        assert_eq!(
            problems(&rules, &ill),
            [
                "b 2: the licence \"X\" is not among those of deny.toml",
                "c 1: comes from git+https://example.com",
                "b is there in several versions: [\"1\", \"2\"]"
            ]
        );
    }

    #[test]
    fn what_we_link_is_allowed() {
        let root = crate::root();
        assert_eq!(problems(&rules(&root).unwrap(), &packages(&root).unwrap()), Vec::<String>::new());
    }
}
