//! Sizes of files: past a limit there is a seam to be found, or a reason to be written down here.

use std::{fs, path::Path};

/// Lines of code in a file, its tests not counted.
const MOST: usize = 800;

/// Files that may be longer, with the reason.
const WAIVERS: [(&str, &str); 0] = [];

pub(crate) fn problems(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut problems = Vec::new();
    look(root, &root.join("crates"), &mut problems)?;
    look(root, &root.join("tests/src"), &mut problems)?;
    for folder in fs::read_dir(root.join("crates"))?.chain(fs::read_dir(root.join("examples"))?) {
        unsafe_code(root, &folder?.path(), &mut problems)?;
    }
    unsafe_code(root, &root.join("tests"), &mut problems)?;
    Ok(problems)
}

/// Crates whose code may be `unsafe`, with the reason.
const UNSAFE: [(&str, &str); 0] = [];

/// Whether the roots of the crate in a folder forbid what the compiler cannot check.
fn unsafe_code(root: &Path, folder: &Path, problems: &mut Vec<String>) -> anyhow::Result<()> {
    for name in ["src/lib.rs", "src/main.rs"] {
        let path = folder.join(name);
        if !path.exists() {
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let waived = UNSAFE.iter().any(|(file, _)| *file == name);
        if !waived && !fs::read_to_string(&path)?.contains("#![forbid(unsafe_code)]") {
            problems.push(format!("{name}: it does not say #![forbid(unsafe_code)]"));
        }
    }
    Ok(())
}

fn look(root: &Path, folder: &Path, problems: &mut Vec<String>) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            look(root, &path, problems)?;
            continue;
        }
        if path.extension().is_none_or(|ending| ending != "rs") {
            continue;
        }
        let text = fs::read_to_string(&path)?;
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]").count();
        let name = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        let waived = WAIVERS.iter().any(|(file, _)| *file == name);
        if lines > MOST && !waived && !name.contains("/tests/") {
            problems.push(format!("{name}: {lines} lines, at most {MOST} are wanted: where is the seam?"));
        }
        if !text.starts_with("//!") {
            problems.push(format!("{name}: the file does not open with a sentence on what it owns"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn files_are_tidy() {
        assert_eq!(super::problems(&crate::root()).unwrap(), Vec::<String>::new());
    }
}
