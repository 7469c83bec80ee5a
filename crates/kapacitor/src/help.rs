//! Usage texts, made of the declarations of verbs.

use std::fmt::Write;

use clap::{Arg, ArgAction, Command};

/// The usage of a command: how it is called, what it does, its flags.
pub(crate) fn usage(command: &Command) -> String {
    let mut text = command.clone().render_usage().to_string();
    text.push_str("\n\n");
    let about = command.get_long_about().or_else(|| command.get_about());
    if let Some(about) = about {
        for line in about.to_string().lines() {
            let indent = if line.is_empty() { "" } else { "\t" };
            let _ = writeln!(text, "{indent}{line}");
        }
    }
    let flags = flags(command);
    if !flags.is_empty() {
        text.push_str(if about.is_some() { "\nOptions:\n\n" } else { "Options:\n\n" });
        text.push_str(&flags);
    }
    text
}

/// The flags of a command, by name.
pub(crate) fn flags(command: &Command) -> String {
    let mut declared: Vec<&Arg> = command.get_opts().collect();
    declared.sort_by_key(|arg| arg.get_long().unwrap_or_default());
    let mut text = String::new();
    for arg in declared {
        let name = arg.get_long().unwrap_or_default();
        let _ = write!(text, "  -{name}");
        if !matches!(arg.get_action(), ArgAction::SetTrue) {
            let value = arg.get_value_names().and_then(|names| names.first()).map_or("string", |name| name.as_str());
            let _ = write!(text, " {value}");
        }
        let _ = writeln!(text, "\n    \t{}", arg.get_help().map(ToString::to_string).unwrap_or_default());
        for alias in arg.get_all_aliases().unwrap_or_default() {
            let kind = if alias.len() == 1 { "Short" } else { "Older name" };
            let _ = writeln!(text, "    \t{kind}: -{alias}");
        }
    }
    text
}

/// The usage of the whole program, with the list of its verbs.
pub(crate) fn program(program: &Command, verbs: &[Command]) -> String {
    let mut text = program.clone().render_usage().to_string();
    text.push_str("\n\nCommands:\n\n");
    for verb in verbs {
        let about = verb.get_about().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "\t{:<22}{about}", verb.get_name());
    }
    let _ = write!(text, "\nOptions:\n\n{}", flags(program));
    text
}
