//! The files of the load directory: which there are, what stands in them, and where in them something is wrong.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

use alert::{OpenError, SpecError};
use api::{task::TaskFile, topic::HandlerOptions};
use serde::de::DeserializeOwned;
use store::{handlers::Handler, loaded::Kind};

use crate::{alert_topics::Rejected, definitions::Refused};

/// A file that may define something.
#[derive(Hash)]
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Its name within the folder of its kind.
    pub(super) name: String,
    /// Its name without the ending: the id of the task or template.
    pub(super) id: String,
    text: Result<String, String>,
}

/// What a file defines.
pub(super) enum Content {
    /// A task's own script.
    Script(String),
    /// A task of a template.
    Task(TaskFile),
    Template(String),
    Handler(Handler),
}

/// Why a file is not brought in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// Of the file, from 1, where it is known.
    pub(super) line: Option<usize>,
    pub(super) why: String,
}

impl Problem {
    fn new(why: impl Into<String>) -> Problem {
        Problem { line: None, why: why.into() }
    }

    fn on(line: Option<usize>, why: impl Into<String>) -> Problem {
        Problem { line, why: why.into() }
    }
}

/// Where a script is wrong stands in the text.
impl From<Refused> for Problem {
    fn from(refused: Refused) -> Problem {
        let place = refused.text.strip_prefix("invalid TICKscript: line ");
        let number = place.map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
        Problem { line: number.and_then(|number| number.parse().ok()), why: refused.text }
    }
}

/// The folder for a kind.
pub(super) fn folder(load: &Path, kind: Kind) -> PathBuf {
    load.join(match kind {
        Kind::Task => "tasks",
        Kind::Template => "templates",
        Kind::Handler => "handlers",
    })
}

/// The files of a kind, scripts first, by name; none if there is no folder for them.
///
/// # Errors
/// The folder cannot be read.
pub(super) fn read(load: &Path, kind: Kind) -> std::io::Result<Vec<File>> {
    let entries = match std::fs::read_dir(folder(load, kind)) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let (name, id) = (part(path.file_name()), part(path.file_stem()));
        let script = match part(path.extension()).as_str() {
            "tick" if kind != Kind::Handler => true,
            "json" | "yaml" | "yml" if kind != Kind::Template => false,
            _ => continue,
        };
        // Nothing else: a pipe would be read for ever.
        if path.is_file() {
            found.push((!script, name, id, path));
        }
    }
    found.sort();
    let files = found.into_iter().map(|(_, name, id, path)| {
        let text = std::fs::read_to_string(&path).map_err(|error| error.to_string());
        File { path, name, id, text }
    });
    Ok(files.collect())
}

fn part(name: Option<&std::ffi::OsStr>) -> String {
    name.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

impl File {
    /// What stands in it.
    pub(super) fn content(&self, kind: Kind) -> Result<Content, Problem> {
        let text = self.text.as_ref().map_err(|why| Problem::new(format!("cannot read it: {why}")))?;
        match kind {
            Kind::Template => Ok(Content::Template(text.clone())),
            Kind::Task if self.name.ends_with(".tick") => Ok(Content::Script(text.clone())),
            Kind::Task => {
                let mut task: TaskFile = self.decode(text)?;
                task.vars = api::vars::check(task.vars)
                    .map_err(|error| Problem::on(self.line_of(&["vars", &error.name]), error.to_string()))?;
                Ok(Content::Task(task))
            }
            Kind::Handler => {
                let HandlerOptions { topic, id, kind, options, matches } = self.decode(text)?;
                if topic.is_empty() {
                    return Err(Problem::new("it must name the topic of the handler, \"topic\""));
                }
                let options = options.map_or(serde_json::Value::Null, serde_json::Value::Object);
                Ok(Content::Handler(Handler { topic, id, kind, options, matches }))
            }
        }
    }

    /// The file as JSON or YAML, by its ending. An empty YAML file is all defaults.
    fn decode<T: DeserializeOwned + Default>(&self, text: &str) -> Result<T, Problem> {
        if self.name.ends_with(".json") {
            return serde_json::from_str(text)
                .map_err(|error| Problem::on(Some(error.line()).filter(|&line| line > 0), error.to_string()));
        }
        match api::yaml::parse(text).map_err(|error| Problem::on(Some(error.line), error.why))? {
            serde_json::Value::Null => Ok(T::default()),
            value => serde_json::from_value(value).map_err(|error| Problem::new(error.to_string())),
        }
    }

    /// Where a handler is wrong.
    pub(super) fn blame(&self, why: &Rejected) -> Problem {
        let key = match why {
            Rejected::Topic(_) | Rejected::OtherTopic => "topic",
            Rejected::Exists(_) | Rejected::Missing(_) | Rejected::Spec(SpecError::Id(_)) => "id",
            Rejected::Spec(SpecError::NoKind | SpecError::Open(OpenError::Unknown { .. })) => "kind",
            Rejected::Spec(SpecError::Options | SpecError::Open(_)) => "options",
            Rejected::Spec(SpecError::Match(_)) => "match",
            Rejected::Store(_) => return Problem::new(why.to_string()),
        };
        Problem::on(self.line_of(&[key]), why.to_string())
    }

    /// The line on which the last of the keys stands as a key, after the others.
    pub(super) fn line_of(&self, keys: &[&str]) -> Option<usize> {
        let mut lines = self.text.as_ref().ok()?.lines().enumerate().peekable();
        let mut found = None;
        for key in keys {
            while let Some(&(index, line)) = lines.peek() {
                if has_key(line, key) {
                    found = Some(index + 1);
                    break;
                }
                found = None;
                lines.next();
            }
        }
        found
    }
}

/// Whether a line of JSON or YAML has the key, which may be quoted.
fn has_key(line: &str, key: &str) -> bool {
    let mut from = 0;
    while let Some(at) = line[from..].find(key) {
        let (start, end) = (from + at, from + at + key.len());
        let before = line[..start].trim_end_matches(['"', '\'']);
        let after = line[end..].trim_start_matches(['"', '\'']).trim_start();
        if after.starts_with(':') && (before.trim().is_empty() || before.ends_with(['{', ',', ' ', '\t'])) {
            return true;
        }
        from = end;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, text: &str) -> File {
        let id = name.split('.').next().unwrap_or_default().to_string();
        File { path: name.into(), name: name.into(), id, text: Ok(text.into()) }
    }

    #[test]
    fn keys_are_found_on_their_lines() {
        let yaml = file("h.yaml", "# topic of kind: x\ntopic: t\nid: kind\nkind: pigeon\noptions:\n  kind: y\n");
        assert_eq!(yaml.line_of(&["topic"]), Some(2));
        assert_eq!(yaml.line_of(&["id"]), Some(3));
        assert_eq!(yaml.line_of(&["options", "kind"]), Some(6));
        assert_eq!(yaml.line_of(&["match"]), None);
        let json = file("h.json", "{\"topic\": \"t\",\n \"kind\" : \"k\"}");
        assert_eq!((json.line_of(&["topic"]), json.line_of(&["kind"])), (Some(1), Some(2)));
    }

    #[test]
    fn what_is_wrong_has_its_line() {
        let line = |name, text: &str, kind| file(name, text).content(kind).err().map(|problem| problem.line);
        assert_eq!(line("t.json", "{\"template-id\": \"a\",\n \"vars\": [", Kind::Task), Some(Some(2)));
        assert_eq!(line("t.yaml", "template-id: a\nvars: b: c\n", Kind::Task), Some(Some(2)));
        assert_eq!(line("t.yaml", "template-id: a\nvars:\n  x: {type: int, value: no}\n", Kind::Task), Some(Some(3)));
        assert_eq!(line("h.yaml", "id: a\nkind: log\n", Kind::Handler), Some(None));
        assert_eq!(line("h.yaml", "topic: t\nid: a\nkind: log\n", Kind::Handler), None);
        let refused = Refused::bad("invalid TICKscript: line 12 char 3: unexpected |");
        assert_eq!(Problem::from(refused).line, Some(12));
    }

    #[test]
    fn scripts_come_before_tasks_of_templates() {
        let folder = tempfile::tempdir().unwrap();
        let tasks = folder.path().join("tasks");
        std::fs::create_dir_all(tasks.join("sub.tick")).unwrap();
        for name in ["b.tick", "a.yml", "c.json", "README.txt", "a.tick"] {
            std::fs::write(tasks.join(name), "").unwrap();
        }
        let names: Vec<String> = read(folder.path(), Kind::Task).unwrap().into_iter().map(|file| file.name).collect();
        assert_eq!(names, ["a.tick", "b.tick", "a.yml", "c.json"]);
        assert!(read(folder.path(), Kind::Handler).unwrap().is_empty());
    }
}
