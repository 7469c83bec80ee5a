//! `kapacitor check`: says all that is wrong with scripts, without a daemon.

use clap::{ArgMatches, Command};
use engine::EdgeKind;
use engine::define::{Diagnosis, Diagnostic, Place, Request, Severity, diagnose};
use serde_json::{Value as Json, json};

use super::Verb;
use crate::cli::{Context, Stop, flag, switch, value};
use crate::{
    flags,
    scripts::{self, Script},
};

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: false, run };

fn command() -> Command {
    Command::new("check")
        .override_usage("kapacitor check [options] FILE...")
        .about("Say all that is wrong with scripts; no daemon is needed.")
        .long_about(
            "Say all that is wrong with scripts; no daemon is needed.\n\
             \n\
             A folder stands for all files *.tick below it, and - for standard input. Found are errors for which a\n\
             script cannot be defined, those for which its task could not be enabled, and those for which each row\n\
             would fail; besides them warnings of what does nothing or is of the dialect of v0.2.\n\
             \n\
             \t$ kapacitor check alerts/\n\
             \n\
             What only the daemon's configuration knows is taken as given: InfluxDB clusters, services of handlers,\n\
             user-defined functions. A script with variables that have no value is checked as a template, unless -vars\n\
             gives the values.\n\
             \n\
             The exit code is 0 if there are no errors, else 3; with -strict warnings count as errors.",
        )
        .arg(flag("type", "TYPE", "stream or batch: what the scripts must read."))
        .arg(flag("vars", "FILE", "JSON with the values of the scripts' variables."))
        .arg(flags::output())
        .arg(switch("strict", "Warnings are errors."))
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let wanted = match value(matches, "type") {
        "" => None,
        "stream" => Some(EdgeKind::Stream),
        "batch" => Some(EdgeKind::Batch),
        other => return Err(Stop::usage(&command(), format!("-type is stream or batch, got {other:?}"))),
    };
    let as_json = flags::wants_json(matches);
    let vars = match value(matches, "vars") {
        "" => None,
        path => Some(scripts::vars(path)?),
    };
    let surface = scripts::surface();
    let mut checked = Vec::new();
    for script in scripts::read(&command(), matches)? {
        let request = match &vars {
            Some(vars) => Request { vars: vars.clone(), template: false },
            None => Request::inferred(&script.text),
        };
        let mut diagnosis = diagnose(&surface, &script.text, &request);
        if let Some(wanted) = wanted.filter(|&wanted| wanted != diagnosis.kind && diagnosis.formatted.is_some()) {
            let message = format!("the script reads a {}, not a {}", diagnosis.kind.name(), wanted.name());
            diagnosis.diagnostics.insert(0, Diagnostic::error(tickscript::Span::default(), message));
        }
        checked.push((script, diagnosis));
    }
    let count = |severity| {
        let all = checked.iter().flat_map(|(_, diagnosis)| &diagnosis.diagnostics);
        all.filter(|diagnostic| diagnostic.severity == severity).count()
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    match as_json {
        true => cx.print(&format!("{:#}\n", shown(&checked, errors, warnings)))?,
        false => cx.print(&text(&checked))?,
    }
    if errors > 0 || (warnings > 0 && matches.get_flag("strict")) {
        anyhow::bail!(
            "{} and {} in {}",
            counted(errors, "error"),
            counted(warnings, "warning"),
            counted(checked.len(), "script")
        );
    }
    Ok(())
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn text(checked: &[(Script, Diagnosis)]) -> String {
    let blocks: Vec<String> = checked
        .iter()
        .flat_map(|(script, diagnosis)| {
            diagnosis.diagnostics.iter().map(|diagnostic| diagnostic.render_in(&script.name, &script.text) + "\n")
        })
        .collect();
    blocks.join("\n")
}

fn shown(checked: &[(Script, Diagnosis)], errors: usize, warnings: usize) -> Json {
    let files = checked.iter().map(|(script, diagnosis)| {
        let remarks = diagnosis.diagnostics.iter().map(|diagnostic| remark(script, diagnostic));
        json!({ "file": script.name, "type": diagnosis.kind.name(), "diagnostics": remarks.collect::<Vec<_>>() })
    });
    json!({ "files": files.collect::<Vec<_>>(), "errors": errors, "warnings": warnings })
}

/// `found` says when a daemon would find it: at `define`, `enable` or `run`.
fn remark(script: &Script, diagnostic: &Diagnostic) -> Json {
    let place = |span: tickscript::Span| {
        let (start, end) = (Place::of(&script.text, span.start), Place::of(&script.text, span.end));
        json!({ "line": start.line, "column": start.column, "end_line": end.line, "end_column": end.column })
    };
    let mut shown = json!({
        "severity": diagnostic.severity.name(),
        "found": diagnostic.stage.name(),
        "place": place(diagnostic.span),
        "message": diagnostic.message,
    });
    if let Some(hint) = &diagnostic.hint {
        shown["hint"] = Json::from(hint.as_str());
    }
    if let Some((span, what)) = &diagnostic.related {
        shown["related"] = json!({ "place": place(*span), "message": what });
    }
    if diagnostic.deprecation {
        shown["deprecation"] = Json::from(true);
    }
    shown
}
