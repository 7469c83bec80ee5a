//! Files that users hand in: scripts, values of variables, tasks and handlers in JSON or YAML.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use api::task::TaskFile;
use api::topic::HandlerOptions;
use api::vars::{self, Vars};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The text of a file.
pub(crate) fn read(path: &str) -> anyhow::Result<String> {
    let bytes = std::fs::read(path).map_err(|error| open_error(path, &error))?;
    String::from_utf8(bytes).map_err(|_| anyhow!("read {path}: the file is not UTF-8 text"))
}

/// Gives a file another text, by way of a file beside it, so that it is never there by half. Its rights stay.
pub(crate) fn replace(path: &str, text: &str) -> anyhow::Result<()> {
    let failed = || format!("cannot write {path}");
    // A link stays one: what it leads to gets the text.
    let target = std::fs::canonicalize(path).with_context(failed)?;
    let beside = target.with_extension(format!("tick.{}.tmp", std::process::id()));
    let written = std::fs::write(&beside, text)
        .and_then(|()| std::fs::set_permissions(&beside, std::fs::metadata(&target)?.permissions()))
        .and_then(|()| std::fs::rename(&beside, &target));
    if written.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    written.with_context(failed)
}

/// Why a file could not be opened, in the words that users of Kapacitor know.
pub(crate) fn open_error(path: &str, error: &std::io::Error) -> anyhow::Error {
    let why = match error.kind() {
        ErrorKind::NotFound => "no such file or directory".to_string(),
        ErrorKind::PermissionDenied => "permission denied".to_string(),
        ErrorKind::IsADirectory => "is a directory".to_string(),
        _ => error.to_string(),
    };
    anyhow!("open {path}: {why}")
}

/// Folders in folders, at most so deep.
const DEEPEST: usize = 32;

/// All files in a folder and below it, by path.
pub(crate) fn below(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let (mut files, mut folders) = (Vec::new(), vec![(folder.to_path_buf(), 0)]);
    while let Some((folder, depth)) = folders.pop() {
        let name = folder.to_string_lossy().into_owned();
        for entry in std::fs::read_dir(&folder).map_err(|error| open_error(&name, &error))? {
            let path = entry.map_err(|error| open_error(&name, &error))?.path();
            // A link may lead in a circle.
            if path.is_dir() && !path.is_symlink() {
                if depth < DEEPEST {
                    folders.push((path, depth + 1));
                }
            } else {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The values in a JSON file of variables; a task file serves, too.
pub(crate) fn vars(path: &str) -> anyhow::Result<Vars> {
    let text = read(path).with_context(|| format!("failed to open file {path}"))?;
    let value: Value = serde_json::from_str(&text).with_context(|| format!("invalid JSON in file {path}"))?;
    let is_task_file = value.get("vars").is_some_and(|vars| vars.is_object() && vars.get("type").is_none());
    let read = if is_task_file { decode::<TaskFile>(value).map(|file| file.vars) } else { decode::<Vars>(value) };
    read.and_then(|read| Ok(vars::check(read)?)).with_context(|| format!("invalid vars in file {path}"))
}

/// A task file in YAML or JSON.
pub(crate) fn task(path: &str) -> anyhow::Result<TaskFile> {
    let text = read(path).with_context(|| format!("failed to open file {path}"))?;
    let Some((kind, value)) = structured(path, &text) else { bail!("bad file extension. Must be YAML or JSON") };
    let file = value.and_then(decode::<TaskFile>).and_then(|mut file| {
        file.vars = vars::check(file.vars)?;
        Ok(file)
    });
    file.with_context(|| format!("failed to unmarshal {kind} task vars file {path:?}"))
}

/// A handler file in YAML or JSON.
pub(crate) fn handler(path: &str) -> anyhow::Result<HandlerOptions> {
    let text = read(path).with_context(|| format!("failed to open handler spec file {path:?}"))?;
    let Some((kind, value)) = structured(path, &text) else { bail!("bad file extension. Must be YAML or JSON") };
    value.and_then(decode).with_context(|| format!("failed to unmarshal {kind} handler file {path:?}"))
}

/// The kind of file and its value, or none if the name tells no kind.
fn structured(path: &str, text: &str) -> Option<(&'static str, anyhow::Result<Value>)> {
    match Path::new(path).extension()?.to_str()? {
        "yaml" | "yml" => Some(("yaml", api::yaml::parse(text).map_err(Into::into))),
        "json" => Some(("json", serde_json::from_str(text).map_err(Into::into))),
        _ => None,
    }
}

fn decode<T: DeserializeOwned + Default>(value: Value) -> anyhow::Result<T> {
    // An empty YAML file is null.
    if value.is_null() { Ok(T::default()) } else { Ok(serde_json::from_value(value)?) }
}
