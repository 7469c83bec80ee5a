//! Flags as Go reads them: one dash or two, `-name value` or `-name=value`, up to the first argument that is none.
//!
//! The arguments are brought to clap's form by the same declaration that clap then parses them with.

use std::error::Error;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, ArgMatches, Command};

use crate::cli::{Stop, flag, value};
use crate::help;

/// What comes after the flags.
const REST: &str = "rest";
/// How the answer is printed.
const FORMAT: &str = "o";
const FORMATS: [&str; 2] = ["text", "json"];

/// The flag of verbs whose answer can be printed as JSON. It may stand anywhere among the arguments.
pub(crate) fn output() -> Arg {
    flag(FORMAT, "FORMAT", "How to print it: text, or json as the API has it.").value_parser(FORMATS)
}

/// Whether JSON is wanted.
pub(crate) fn wants_json(matches: &ArgMatches) -> bool {
    value(matches, FORMAT) == "json"
}

/// Parses arguments of a command.
///
/// # Errors
/// [`Stop::Help`] for `-h`, [`Stop::Usage`] for flags that can't be used.
pub(crate) fn parse(command: &Command, args: &[String]) -> anyhow::Result<ArgMatches> {
    let (format, args) = format(command, args)?;
    let (mut flags, rest) = normalise(command, &args)?;
    flags.extend(format);
    matches(command, flags, rest)
}

/// Takes all arguments as they are, except for a help flag that comes first.
pub(crate) fn raw(command: &Command, args: &[String]) -> anyhow::Result<ArgMatches> {
    if args.first().is_some_and(|first| is_help(first)) {
        return Err(Stop::Help { usage: help::usage(command) }.into());
    }
    let (format, args) = format(command, args)?;
    matches(command, format, &args)
}

/// The flag `-o`, wherever it stands, in clap's form, and the arguments without it.
fn format(command: &Command, args: &[String]) -> anyhow::Result<(Vec<String>, Vec<String>)> {
    let (mut flags, mut rest) = (Vec::new(), Vec::new());
    let is_declared = find(command, FORMAT).is_some();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        let text = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|_| is_declared);
        let value = match text.and_then(|text| text.strip_prefix(FORMAT)) {
            Some("") => match args.next() {
                Some(value) => value,
                None => return Err(Stop::usage(command, format!("flag needs an argument: -{FORMAT}"))),
            },
            Some(value) if value.starts_with('=') => &value[1..],
            _ => {
                rest.push(arg.clone());
                continue;
            }
        };
        if !FORMATS.contains(&value) {
            let message = format!("invalid value {value:?} for flag -{FORMAT}: {}", FORMATS.join(" or "));
            return Err(Stop::usage(command, message));
        }
        flags.push(format!("--{FORMAT}={value}"));
    }
    Ok((flags, rest))
}

/// The arguments that are no flags.
pub(crate) fn rest(matches: &ArgMatches) -> Vec<String> {
    matches.get_many::<String>(REST).unwrap_or_default().cloned().collect()
}

/// A boolean as Go reads it.
pub(crate) fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

fn is_help(arg: &str) -> bool {
    matches!(arg, "-h" | "--h" | "-help" | "--help")
}

/// The flags in clap's form, and the arguments after them.
fn normalise<'a>(command: &Command, args: &'a [String]) -> anyhow::Result<(Vec<String>, &'a [String])> {
    let mut flags = Vec::new();
    let mut rest = args;
    while let Some((arg, after)) = rest.split_first() {
        if arg == "--" {
            return Ok((flags, after));
        }
        let Some(text) = arg.strip_prefix("--").or_else(|| arg.strip_prefix('-')).filter(|text| !text.is_empty())
        else {
            break;
        };
        if text.starts_with(['-', '=']) {
            return Err(Stop::usage(command, format!("bad flag syntax: {arg}")));
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (text, None),
        };
        rest = after;
        let Some(declared) = find(command, name) else {
            if is_help(&format!("-{name}")) {
                return Err(Stop::Help { usage: help::usage(command) }.into());
            }
            return Err(Stop::usage(command, format!("flag provided but not defined: -{name}")));
        };
        let long = declared.get_long().unwrap_or(name);
        if matches!(declared.get_action(), ArgAction::SetTrue) {
            let given = value.unwrap_or("true");
            match parse_bool(given) {
                Some(true) => flags.push(format!("--{long}")),
                Some(false) => {}
                None => {
                    let message = format!("invalid boolean value {given:?} for -{name}: parse error");
                    return Err(Stop::usage(command, message));
                }
            }
            continue;
        }
        let value = match (value, rest.split_first()) {
            (Some(value), _) => value,
            (None, Some((next, after))) => {
                rest = after;
                next
            }
            (None, None) => return Err(Stop::usage(command, format!("flag needs an argument: -{name}"))),
        };
        flags.push(format!("--{long}={value}"));
    }
    Ok((flags, rest))
}

fn find<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    command.get_opts().find(|arg| {
        arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|aliases| aliases.contains(&name))
    })
}

fn matches(command: &Command, mut flags: Vec<String>, rest: &[String]) -> anyhow::Result<ArgMatches> {
    let rest_arg = Arg::new(REST).num_args(0..).last(true);
    let parser = command
        .clone()
        .no_binary_name(true)
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args_override_self(true)
        .arg(rest_arg);
    flags.push("--".to_string());
    flags.extend_from_slice(rest);
    parser.try_get_matches_from(flags).map_err(|error| Stop::usage(command, words(&error)))
}

/// What is wrong with a value, in the words of Go's flags.
fn words(error: &clap::Error) -> String {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (Some(flag), Some(value)) = (text(ContextKind::InvalidArg), text(ContextKind::InvalidValue)) else {
        return error.to_string();
    };
    let name = flag.trim_start_matches('-').split([' ', '=']).next().unwrap_or(flag);
    let why = error.source().map(ToString::to_string).unwrap_or_default();
    format!("invalid value {value:?} for flag -{name}: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{flag, switch};

    fn command() -> Command {
        let number = |text: &str| text.parse::<u8>().map_err(|_| "no number".to_string());
        Command::new("x")
            .override_usage("kapacitor x [options]")
            .arg(flag("tick", "PATH", "A script.").alias("script"))
            .arg(flag("many", "N", "Numbers.").action(ArgAction::Append).value_parser(number))
            .arg(switch("no-reload", "A switch."))
    }

    fn parsed(args: &[&str]) -> Result<(String, Vec<u8>, bool, Vec<String>), String> {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let matches = parse(&command(), &args).map_err(|error| error.to_string())?;
        let many = matches.get_many::<u8>("many").unwrap_or_default().copied().collect();
        Ok((crate::cli::value(&matches, "tick").to_string(), many, matches.get_flag("no-reload"), rest(&matches)))
    }

    #[test]
    fn all_spellings_of_go_are_read() {
        let rest = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (args, expected) in [
            (&["-tick", "a", "b", "-no-reload"][..], ("a", vec![], false, rest(&["b", "-no-reload"]))),
            (&["--tick=a", "-no-reload"], ("a", vec![], true, vec![])),
            (&["-tick", "a", "-tick=b"], ("b", vec![], false, vec![])),
            (&["-script", "-x", "-many", "1", "-many=2"], ("-x", vec![1, 2], false, vec![])),
            (&["-no-reload=false", "--", "-tick"], ("", vec![], false, rest(&["-tick"]))),
            (&["-no-reload=T", "-", "x"], ("", vec![], true, rest(&["-", "x"]))),
            (&["-tick=a=b", ""], ("a=b", vec![], false, rest(&[""]))),
            (&["-tick="], ("", vec![], false, vec![])),
        ] {
            let (tick, many, no_reload, rest) = parsed(args).unwrap();
            assert_eq!((tick.as_str(), many, no_reload, rest), expected, "{args:?}");
        }
    }

    #[test]
    fn the_format_may_stand_anywhere() {
        let command = Command::new("x").override_usage("kapacitor x").arg(output());
        let read = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(ToString::to_string).collect();
            let matches = raw(&command, &args).map_err(|error| error.to_string())?;
            Ok::<_, String>((wants_json(&matches), rest(&matches)))
        };
        assert_eq!(read(&["tasks", "-o", "json", "-x"]), Ok((true, vec!["tasks".to_string(), "-x".to_string()])));
        assert_eq!(read(&["-o=text", "tasks"]), Ok((false, vec!["tasks".to_string()])));
        assert_eq!(read(&["tasks", "-on"]), Ok((false, vec!["tasks".to_string(), "-on".to_string()])));
        assert!(read(&["tasks", "-o"]).unwrap_err().starts_with("flag needs an argument: -o"));
        assert!(read(&["-o", "yaml"]).unwrap_err().starts_with("invalid value \"yaml\" for flag -o: text or json"));
    }

    #[test]
    fn what_can_not_be_used_is_told_as_go_does() {
        for (args, message) in [
            (&["-bogus"][..], "flag provided but not defined: -bogus"),
            (&["---tick"], "bad flag syntax: ---tick"),
            (&["-=x"], "bad flag syntax: -=x"),
            (&["-tick"], "flag needs an argument: -tick"),
            (&["-no-reload=maybe"], "invalid boolean value \"maybe\" for -no-reload: parse error"),
            (&["-many", "x"], "invalid value \"x\" for flag -many: no number"),
            (&["-many="], "invalid value \"\" for flag -many: no number"),
        ] {
            let error = parsed(args).unwrap_err();
            assert_eq!(error.lines().next(), Some(message), "{args:?}");
            assert!(error.contains("\nUsage: kapacitor x [options]\n"), "{error}");
        }
        assert!(parsed(&["-h"]).unwrap_err().starts_with("Usage: kapacitor x"));
        assert!(parsed(&["--help"]).unwrap_err().starts_with("Usage: kapacitor x"));
    }
}
