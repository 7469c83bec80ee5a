//! Which cases there are, and the lists of those that may fail.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use crate::{Case, CaseError};

/// A folder with cases somewhere below it.
#[derive(Debug, Clone)]
pub struct Root {
    /// Names of cases begin below this.
    pub base: PathBuf,
    pub folder: PathBuf,
}

/// The conformance cases, and the examples.
pub fn roots() -> [Root; 2] {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let top = tests.parent().unwrap_or(tests);
    let cases = tests.join("cases");
    [Root { base: cases.clone(), folder: cases }, Root { base: top.to_path_buf(), folder: top.join("examples") }]
}

impl Root {
    /// All cases below it, by name.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn cases(&self) -> Result<Vec<Case>, CaseError> {
        let mut folders = Vec::new();
        find(&self.folder, &mut folders)
            .map_err(|why| CaseError { path: self.folder.clone(), why: why.to_string() })?;
        folders.sort();
        folders.iter().map(|folder| Case::load(&self.base, folder)).collect()
    }
}

fn find(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            find(&path, found)?;
        } else if path.file_name().is_some_and(|name| name == "case.toml") {
            found.push(folder.to_path_buf());
        }
    }
    Ok(())
}

/// The cases that a list names (`known.txt`, `unreached.txt`): the first word of each line that is no comment. A list
/// that is not there is empty.
pub fn names(list: &str) -> BTreeSet<String> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(list)).unwrap_or_default();
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let first = lines.filter_map(|line| line.split([' ', ':']).next());
    first.map(str::to_string).collect()
}
