//! `kapacitor completion`: what a shell needs to complete the names of commands and flags.

use clap::{Arg, ArgMatches, Command};
use clap_complete::{Shell, generate};

use super::{Verb, whole_program};
use crate::cli::{Context, Stop};
use crate::flags;

pub(super) const VERB: Verb = Verb { command, takes_raw_arguments: true, run };

fn command() -> Command {
    Command::new("completion")
        .override_usage("kapacitor completion (bash|zsh|fish)")
        .about("Print what a shell needs to complete commands and flags.")
        .long_about(
            "Print what a shell needs to complete commands and flags.\n\
             \n\
             \t$ kapacitor completion bash > /etc/bash_completion.d/kapacitor\n\
             \t$ kapacitor completion zsh > ~/.zfunc/_kapacitor\n\
             \t$ kapacitor completion fish > ~/.config/fish/completions/kapacitor.fish",
        )
}

fn run(cx: &Context, matches: &ArgMatches) -> anyhow::Result<()> {
    let args = flags::rest(matches);
    let shell = match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["bash"] => Shell::Bash,
        ["zsh"] => Shell::Zsh,
        ["fish"] => Shell::Fish,
        _ => return Err(Stop::usage(&command(), "Must specify 'bash', 'zsh' or 'fish'")),
    };
    cx.print_bytes(&script(shell))
}

fn script(shell: Shell) -> Vec<u8> {
    let mut program = whole_program().mut_subcommands(|verb| match kinds(&verb) {
        Some(kinds) => verb.arg(Arg::new("kind").value_parser(kinds)),
        None => verb,
    });
    let mut out = Vec::new();
    generate(shell, &mut program, "kapacitor", &mut out);
    out
}

/// The words that may come first, if the usage names them: `(tasks|templates)`.
fn kinds(verb: &Command) -> Option<Vec<String>> {
    let usage = verb.clone().render_usage().to_string();
    let (_, behind) = usage.split_once(['(', '<'])?;
    let (inner, _) = behind.split_once([')', '>'])?;
    inner.contains('|').then(|| inner.split('|').map(|word| word.trim().to_string()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_stand_in_the_usage() {
        let of = |usage: &'static str| kinds(&Command::new("x").override_usage(usage));
        assert_eq!(of("kapacitor x (a|b) [c]"), Some(vec!["a".to_string(), "b".to_string()]));
        assert_eq!(of("kapacitor x <a|b>"), Some(vec!["a".to_string(), "b".to_string()]));
        assert_eq!(of("kapacitor x [options] <task ID>"), None);
    }

    #[test]
    fn shells_learn_verbs_flags_and_kinds() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let text = String::from_utf8(script(shell)).unwrap();
            for word in ["define-topic-handler", "tick", "recordings", "skipVerify"] {
                assert!(text.contains(word), "{shell}: {word}");
            }
        }
    }
}
