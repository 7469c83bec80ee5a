//! By what the rows of a task can be divided, so that several workers share it: each shard has a part of the groups.

use super::{Pipeline, Surface, build::input_of};
use crate::{GroupTags, Reach};

/// The tags that all groupings of a pipeline have, and that no node changes: rows that differ in them never meet.
///
/// # Errors
/// Why its rows cannot be divided, for the log.
pub fn division(surface: &Surface, pipeline: &Pipeline) -> Result<GroupTags, String> {
    let mut tags = GroupTags::AllBut(Vec::new());
    for node in &pipeline.nodes {
        tags = match surface.nodes()[node.spec].reach(node.object.as_ref(), input_of(pipeline, node)) {
            Reach::All => return Err(format!("{} looks beyond the groups of rows", node.name)),
            Reach::Group => tags,
            Reach::Changes(changed) => without(tags, changed),
            Reach::Groups(by) => meet(tags, by),
        };
        if matches!(&tags, GroupTags::Named(names) if names.is_empty()) {
            return Err(format!("no tag that rows are grouped by is left at {}", node.name));
        }
    }
    Ok(tags)
}

fn without(tags: GroupTags, mut changed: Vec<String>) -> GroupTags {
    changed.retain(|name| !name.is_empty());
    meet(tags, GroupTags::AllBut(changed))
}

/// The tags that are among both.
fn meet(one: GroupTags, other: GroupTags) -> GroupTags {
    use GroupTags::{AllBut, Named};
    match (one, other) {
        (Named(names), Named(others)) => Named(names.into_iter().filter(|name| others.contains(name)).collect()),
        (Named(names), AllBut(but)) | (AllBut(but), Named(names)) => {
            Named(names.into_iter().filter(|name| !but.contains(name)).collect())
        }
        (AllBut(but), AllBut(more)) => AllBut(but.into_iter().chain(more).collect()),
    }
}

#[cfg(test)]
mod tests {
    use alert::Kinds;

    use super::*;
    use crate::define::{Request, define};

    fn of(script: &str) -> Result<GroupTags, String> {
        let surface = Surface::new(Kinds::default());
        let defined = define(&surface, script, &Request::default()).unwrap();
        division(&surface, &defined.pipeline)
    }

    fn named(names: &[&str]) -> Result<GroupTags, String> {
        Ok(GroupTags::Named(names.iter().map(|name| (*name).to_string()).collect()))
    }

    #[test]
    fn rows_are_divided_by_what_all_groupings_share() {
        let from = "stream |from().measurement('m')";
        assert_eq!(of(&format!("{from}.groupBy('host') |alert().crit(lambda: \"v\" > 1)")), named(&["host"]));
        assert_eq!(of(&format!("{from}.groupBy('b', 'a') |groupBy('a', 'c') |sum('v')")), named(&["a"]));
        assert_eq!(of(&format!("{from}.groupBy(*) |groupBy('c')")), named(&["c"]));
        assert_eq!(of(&format!("{from}.groupBy('a', 'b') |default().tag('a', 'x')")), named(&["b"]));
        assert_eq!(of(&format!("{from}.groupBy('a', 'b') |eval(lambda: \"s\").as('b').tags('b')")), named(&["a"]));
        assert!(matches!(of(&format!("{from}.groupBy(*)")), Ok(GroupTags::AllBut(_))));
    }

    #[test]
    fn what_looks_at_groups_together_is_not_divided() {
        let from = "stream |from().measurement('m')";
        let why = |script: &str| of(&format!("{from}{script}")).unwrap_err();
        assert_eq!(why(" |sum('v')"), "no tag that rows are grouped by is left at from1");
        assert_eq!(why(".groupBy('a') |delete().tag('a')"), "no tag that rows are grouped by is left at delete2");
        for beyond in [
            "|httpOut('x')",
            "|deadman(1.0, 1m)",
            "|alert().id('all').crit(lambda: \"v\" > 1)",
            "|alert().category('c').crit(lambda: \"v\" > 1)",
            "|alert().crit(lambda: count() > 1)",
        ] {
            assert!(why(&format!(".groupBy('a') {beyond}")).ends_with("looks beyond the groups of rows"), "{beyond}");
        }
    }
}
