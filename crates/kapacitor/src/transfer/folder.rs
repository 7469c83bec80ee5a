//! Definitions in files: a folder of scripts, or one that is laid out as the load directory is.

use std::path::Path;

use anyhow::bail;
use api::{
    task::{Dbrp, Status, TaskOptions},
    template::TemplateOptions,
};

use super::Definitions;
use crate::files;

/// What is in the folder. With `tasks`, `templates` or `handlers` in it, it is laid out as the load directory is; else
/// each `.tick` file in it and in folders below it is a task of the file's name. A `.json` or `.yaml` file of the same
/// name tells the task's variables, template, databases and retention policies.
///
/// # Errors
/// A file that cannot be read, two of one name, or nothing to bring.
pub(crate) fn folder(path: &Path, dbrps: &[Dbrp], status: Status) -> anyhow::Result<Definitions> {
    let is_laid_out = ["tasks", "templates", "handlers"].iter().any(|name| path.join(name).is_dir());
    // A part that is not there has no files.
    let part = |name: &str| {
        let folder = path.join(name);
        if folder.is_dir() { files::below(&folder) } else { Ok(Vec::new()) }
    };
    let mut found = Definitions::default();
    for file in if is_laid_out { part("tasks") } else { files::below(path) }? {
        task(&file, dbrps, status, &mut found)?;
    }
    for file in part("templates")? {
        if extension(&file) == "tick" {
            let script = files::read(&file.to_string_lossy())?;
            found.templates.push(TemplateOptions { id: stem(&file), script, ..TemplateOptions::default() });
        }
    }
    for file in part("handlers")? {
        if matches!(extension(&file), "json" | "yaml" | "yml") {
            let mut handler = files::handler(&file.to_string_lossy())?;
            if handler.id.is_empty() {
                handler.id = stem(&file);
            }
            found.handlers.push(handler);
        }
    }
    unique("task", found.tasks.iter().map(|task| task.id.as_str()))?;
    unique("template", found.templates.iter().map(|template| template.id.as_str()))?;
    if found.tasks.is_empty() && found.templates.is_empty() && found.handlers.is_empty() {
        bail!("no .tick file in {}", path.display());
    }
    Ok(found)
}

/// A script with the task file beside it, or a task file that names a template.
fn task(file: &Path, dbrps: &[Dbrp], status: Status, found: &mut Definitions) -> anyhow::Result<()> {
    let mut task = TaskOptions { id: stem(file), status: Some(status), ..TaskOptions::default() };
    let beside = ["json", "yaml", "yml"].map(|kind| file.with_extension(kind)).into_iter().find(|path| path.is_file());
    match extension(file) {
        "tick" => task.script = files::read(&file.to_string_lossy())?,
        "json" | "yaml" | "yml" if !file.with_extension("tick").is_file() => {}
        _ => return Ok(()),
    }
    if let Some(beside) = beside {
        let told = files::task(&beside.to_string_lossy())?;
        if !told.id.is_empty() {
            task.id = told.id;
        }
        (task.template_id, task.dbrps, task.vars) = (told.template_id, told.dbrps, told.vars);
        if task.script.is_empty() && task.template_id.is_empty() {
            bail!("{}: there is neither a template-id nor a script of the same name", beside.display());
        }
    }
    // A script may say itself what it reads; both together are refused.
    if task.dbrps.is_empty() && !says_dbrp(&task.script) {
        task.dbrps = dbrps.to_vec();
    }
    found.tasks.push(task);
    Ok(())
}

pub(super) fn says_dbrp(script: &str) -> bool {
    use tickscript::ast::StatementKind;
    let statements = tickscript::parse_recovering(script).script.statements;
    statements.iter().any(|statement| matches!(statement.kind, StatementKind::Dbrp { .. }))
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|kind| kind.to_str()).unwrap_or_default()
}

fn stem(path: &Path) -> String {
    path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
}

fn unique<'a>(kind: &str, ids: impl Iterator<Item = &'a str>) -> anyhow::Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for id in ids {
        if !seen.insert(id) {
            bail!("two files define the {kind} {id}");
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn written(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    fn read(files: &[(&str, &str)]) -> Result<Definitions, String> {
        let dbrps = [Dbrp { db: "telegraf".to_string(), rp: "autogen".to_string() }];
        folder(written(files).path(), &dbrps, Status::Disabled).map_err(|error| error.to_string())
    }

    #[test]
    fn a_folder_of_scripts_is_a_set_of_tasks() {
        let found = read(&[
            ("cpu.tick", "stream|from()"),
            ("deep/own.tick", "dbrp \"a\".\"b\"\nstream|from()"),
            ("told.tick", "stream|from()"),
            ("told.yaml", "dbrps:\n  - {db: x, rp: y}\n"),
            ("made.json", "{\"template-id\": \"t\"}"),
            ("README.md", "no script"),
        ])
        .unwrap();
        let shown: Vec<(&str, usize, &str)> =
            found.tasks.iter().map(|task| (task.id.as_str(), task.dbrps.len(), task.template_id.as_str())).collect();
        assert_eq!(shown, [("cpu", 1, ""), ("own", 0, ""), ("made", 1, "t"), ("told", 1, "")]);
        assert_eq!(found.tasks[3].dbrps[0].db, "x");
    }

    #[test]
    fn a_load_directory_has_templates_and_handlers_too() {
        let found = read(&[
            ("tasks/cpu.tick", "stream|from()"),
            ("templates/t.tick", "var x = 1\nstream|from()"),
            ("handlers/h.yaml", "topic: cpu\nkind: log\noptions: {path: /tmp/x}\n"),
        ])
        .unwrap();
        assert_eq!((found.tasks.len(), found.templates.len(), found.handlers.len()), (1, 1, 1));
        assert_eq!((found.handlers[0].id.as_str(), found.handlers[0].topic.as_str()), ("h", "cpu"));
    }

    #[test]
    fn what_cannot_be_meant_is_told() {
        assert!(read(&[("a.txt", "")]).unwrap_err().starts_with("no .tick file in "));
        assert!(read(&[("a.tick", ""), ("b/a.tick", "")]).unwrap_err().contains("two files define the task a"));
        assert!(read(&[("a.json", "{}")]).unwrap_err().contains("neither a template-id nor a script"));
        assert!(folder(Path::new("/nowhere/at/all"), &[], Status::Disabled).is_err());
    }
}
