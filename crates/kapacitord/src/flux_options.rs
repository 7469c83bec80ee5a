//! The options that a script in Flux begins with: `option task = {name: "x", every: 1h}`.

/// When a task in Flux runs, and what it is called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FluxOptions {
    pub name: String,
    pub every: String,
    pub cron: String,
    pub offset: String,
}

/// Reads the options of a script.
///
/// # Errors
/// What is wrong with them, for the script's author.
pub fn flux_options(script: &str) -> Result<FluxOptions, String> {
    let record = record(script).ok_or("the script has no statement: option task = {name: \"...\", every: 1h}")?;
    let mut options = FluxOptions::default();
    for pair in pairs(record) {
        let (key, value) =
            pair.split_once(':').ok_or_else(|| format!("{:?} in task options is no key: value", pair.trim()))?;
        let value = value.trim();
        let text = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(value);
        match key.trim() {
            "name" => options.name = text.to_string(),
            "every" => options.every = text.to_string(),
            "cron" => options.cron = text.to_string(),
            "offset" => options.offset = text.to_string(),
            // How often and how many at once: for those who run tasks.
            "retry" | "concurrency" => {}
            other => return Err(format!("unknown task option {other:?}: name, every, cron, offset")),
        }
    }
    match (options.name.is_empty(), options.every.is_empty(), options.cron.is_empty()) {
        (true, ..) => Err("missing required option: name".to_string()),
        (_, false, false) => Err("cannot use both cron and every in task options".to_string()),
        (_, true, true) => Err("cron or every is required".to_string()),
        _ => Ok(options),
    }
}

/// What stands in the braces of the statement.
fn record(script: &str) -> Option<&str> {
    let mut rest = script;
    loop {
        rest = &rest[rest.find("option")? + "option".len()..];
        let Some(after) = rest.trim_start().strip_prefix("task") else { continue };
        let Some(after) = after.trim_start().strip_prefix('=') else { continue };
        let Some(after) = after.trim_start().strip_prefix('{') else { continue };
        let mut quoted = false;
        let end = after.char_indices().find(|&(_, c)| {
            quoted ^= c == '"';
            c == '}' && !quoted
        });
        return end.map(|(at, _)| &after[..at]);
    }
}

/// The parts between commas that stand in no text.
fn pairs(record: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    let parts = record.split(move |c| {
        quoted ^= c == '"';
        matches!(c, ',' | '\n') && !quoted
    });
    parts.filter(|part| !part.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let script =
            "// an option of mine\noption task = {\n  name: \"a, b\",\n  cron: \"0 3 * * *\", offset: 5m}\nx()";
        let options = flux_options(script).unwrap();
        assert_eq!((&*options.name, &*options.cron, &*options.offset), ("a, b", "0 3 * * *", "5m"));
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (script, why) in [
            ("no option", "the script has no statement"),
            ("option task = {every: 1h}", "missing required option: name"),
            ("option task = {name: \"a\", every: 1h, cron: \"* * * * *\"}", "cannot use both"),
            ("option task = {name: \"a\"}", "cron or every"),
            ("option task = {name: \"a\", evry: 1h}", "unknown task option \"evry\""),
            ("option task = {name", "the script has no statement"),
            ("option task = {name}", "no key: value"),
        ] {
            let error = flux_options(script).unwrap_err();
            assert!(error.contains(why), "{script}: {error}");
        }
    }
}
