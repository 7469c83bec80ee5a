//! What every table must hold: documentation, names that are not taken twice, arguments in a possible order.

use std::fmt;

use crate::item::{Item, Role};
use crate::kind::Kind;
use crate::table::Table;

/// What is wrong with a table: a mistake of this program's authors, found by a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The item it is in; empty for the whole table.
    pub item: String,
    pub what: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.item.is_empty() { f.write_str(self.what) } else { write!(f, "{}: {}", self.item, self.what) }
    }
}

/// All problems of a table; none if it is good.
pub fn check_table(table: &Table) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut tell = |item: &str, what: &'static str| problems.push(Problem { item: item.to_string(), what });
    if table.about().is_empty() {
        tell("", "has no documentation");
    }
    let mut seen: Vec<&Item> = Vec::new();
    let mut last = Role::Argument;
    for item in table.items() {
        check_item(item, &mut tell);
        for earlier in &seen {
            if earlier.name == item.name && earlier.is_argument() == item.is_argument() {
                tell(&item.name, "is declared twice");
            }
        }
        if item.is_argument() {
            if rank(item.role) < rank(last) || last == Role::VariadicArgument {
                tell(&item.name, "stands after an argument that must be the last");
            }
            last = item.role;
        }
        seen.push(item);
    }
    problems
}

fn check_item(item: &Item, tell: &mut impl FnMut(&str, &'static str)) {
    if item.name.is_empty() || item.name.contains(char::is_whitespace) {
        tell(&item.name, "has no proper name");
    }
    if item.about.is_empty() && !item.hidden {
        tell(&item.name, "has no documentation");
    } else if !item.about.is_empty() && !item.about.ends_with(['.', '?', ')']) {
        tell(&item.name, "has documentation that is not a sentence");
    }
    if item.parameters.iter().any(|parameter| parameter.kind == Kind::Other("a value of an unknown type")) {
        tell(&item.name, "has a signature with an unknown type");
    }
    let variadic_early = item.parameters.iter().rev().skip(1).any(|parameter| parameter.variadic);
    if variadic_early {
        tell(&item.name, "has a parameter after one that takes all");
    }
}

fn rank(role: Role) -> u8 {
    match role {
        Role::Argument => 0,
        Role::OptionalArgument => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Declaration;

    #[derive(Default, Clone)]
    struct Thing {
        a: String,
    }

    fn bad(it: Declaration<Thing>) -> Declaration<Thing> {
        it.property("a", "", |d| &mut d.a)
            .property("a", "Twice.", |d| &mut d.a)
            .optional("b", "May be left out.", |d| &mut d.a)
            .argument("c", "Must be given.", |d| &mut d.a)
            .method("d", "x blob", "Unknown.", |_, _| Ok(()))
    }

    #[test]
    fn tells_what_is_wrong() {
        let problems: Vec<String> = check_table(&Table::of(bad)).iter().map(ToString::to_string).collect();
        assert_eq!(
            problems,
            [
                "has no documentation",
                "a: has no documentation",
                "a: is declared twice",
                "c: stands after an argument that must be the last",
                "d: has a signature with an unknown type",
            ]
        );
    }
}
