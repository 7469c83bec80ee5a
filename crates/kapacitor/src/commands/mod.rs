//! The verbs: one file each, listed here in the order of the help.

mod ack;
mod backup;
mod check;
mod completion;
mod dead_letters;
mod define;
mod define_template;
mod define_topic_handler;
mod delete;
mod disable;
mod enable;
mod flux;
mod fmt;
mod help;
mod import;
mod level;
mod list;
mod logs;
mod lsp;
mod man;
mod migrate;
mod record;
mod reload;
mod replay;
mod replay_live;
mod service_tests;
mod show;
mod show_template;
mod show_topic;
mod show_topic_handler;
mod silence;
mod stats;
mod subscriptions;
mod upgrade;
mod vars;
mod version;
mod watch;

use clap::{ArgMatches, Command};

use crate::cli::{Context, Stop, program};

/// A verb, or a kind of one such as `record stream`.
pub(crate) struct Verb {
    /// Name, usage, what it does, flags: all that parsing and help know.
    pub(crate) command: fn() -> Command,
    /// Whether arguments with a dash are no flags to it.
    pub(crate) takes_raw_arguments: bool,
    /// Does it.
    pub(crate) run: fn(&Context, &ArgMatches) -> anyhow::Result<()>,
}

/// All verbs.
pub(crate) const ALL: &[Verb] = &[
    record::VERB,
    define::VERB,
    define_template::VERB,
    define_topic_handler::VERB,
    check::VERB,
    fmt::VERB,
    upgrade::VERB,
    replay::VERB,
    replay_live::VERB,
    watch::VERB,
    logs::VERB,
    enable::VERB,
    disable::VERB,
    reload::VERB,
    delete::VERB,
    list::VERB,
    show::VERB,
    show_template::VERB,
    show_topic_handler::VERB,
    show_topic::VERB,
    dead_letters::VERB,
    silence::VERB,
    ack::VERB,
    backup::VERB,
    level::VERB,
    stats::VERB,
    subscriptions::VERB,
    flux::VERB,
    version::VERB,
    vars::VERB,
    service_tests::VERB,
    import::VERB,
    migrate::VERB,
    completion::VERB,
    man::VERB,
    lsp::VERB,
    help::VERB,
];

/// The verb of that name.
///
/// # Errors
/// [`Stop::Unknown`] with the usage of the program.
pub(crate) fn find(name: &str) -> anyhow::Result<&'static Verb> {
    ALL.iter().find(|verb| (verb.command)().get_name() == name).ok_or_else(|| {
        let message = match nearest(name) {
            Some(nearest) => format!("Unknown command {name}, did you mean {nearest}?"),
            None => format!("Unknown command {name}"),
        };
        Stop::Unknown { message, usage: usage() }.into()
    })
}

/// The program with all its verbs, as shells and manual pages know it.
fn whole_program() -> Command {
    program()
        .about("Defines, lists and switches what a Kapacitor daemon runs.")
        .disable_help_subcommand(true)
        .subcommands(ALL.iter().map(|verb| (verb.command)()))
}

/// The usage of the program.
pub(crate) fn usage() -> String {
    let verbs: Vec<Command> = ALL.iter().map(|verb| (verb.command)()).collect();
    crate::help::program(&program(), &verbs)
}

/// The verb whose name is spelled most alike, if one is.
fn nearest(name: &str) -> Option<String> {
    let names = ALL.iter().map(|verb| (verb.command)().get_name().to_string());
    let near = names.map(|verb| (distance(name, &verb), verb)).min_by_key(|(distance, _)| *distance)?;
    (near.0 <= 1 + near.1.len() / 6).then_some(near.1)
}

/// How many characters must be put in, left out or changed to make one word of the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut costs: Vec<usize> = (0..=right.len()).collect();
    for (row, l) in left.chars().enumerate() {
        let mut diagonal = row;
        costs[0] = row + 1;
        for (column, r) in right.iter().enumerate() {
            let changed = diagonal + usize::from(l != *r);
            diagonal = costs[column + 1];
            costs[column + 1] = changed.min(costs[column] + 1).min(diagonal + 1);
        }
    }
    costs[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_declared_whole() {
        let mut names = Vec::new();
        for verb in ALL {
            let command = (verb.command)();
            let name = command.get_name().to_string();
            assert!(command.get_about().is_some(), "{name} says nothing of itself");
            assert!(command.clone().render_usage().to_string().contains(&format!("kapacitor {name}")), "{name}");
            for arg in command.get_opts() {
                assert!(arg.get_help().is_some(), "{name} {}", arg.get_id());
            }
            assert!(!names.contains(&name), "{name} is there twice");
            names.push(name);
        }
    }

    #[test]
    fn misspelled_verbs_are_guessed() {
        assert_eq!(nearest("lst").as_deref(), Some("list"));
        assert_eq!(nearest("define-templates").as_deref(), Some("define-template"));
        assert_eq!(nearest("bogus"), None);
        assert_eq!(nearest("push"), None);
    }
}
