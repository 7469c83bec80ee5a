//! What a request says of a task, checked and brought to what is stored.

use engine::{EdgeKind, define::Defined};
use store::tasks::{Dbrp, Status, Task, TaskType};

use super::Refused;

/// Letters, digits, `-`, `.` and `_`, at least one.
pub fn is_valid_id(id: &str) -> bool {
    !id.is_empty() && id.chars().all(|c| c.is_alphabetic() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_'))
}

/// An id for what its maker gave none. It begins with the time (UUID version 7, RFC 9562), so lists, which are sorted by
/// id, show such things in the order in which they were made.
pub fn new_id() -> String {
    uuid::Uuid::now_v7().to_string()
}

pub(super) fn bad_task_id(id: &str) -> String {
    format!("task ID must contain only letters, numbers, '-', '.' and '_'. {id:?}")
}

pub(super) fn dbrps(dbrps: &[api::task::Dbrp]) -> Vec<Dbrp> {
    dbrps.iter().map(|dbrp| Dbrp { db: dbrp.db.clone(), rp: dbrp.rp.clone() }).collect()
}

pub(super) fn status(status: api::task::Status) -> Status {
    match status {
        api::task::Status::Enabled => Status::Enabled,
        api::task::Status::Disabled => Status::Disabled,
    }
}

/// Whether a task's script names its databases itself.
pub(super) fn has_dbrps(task: &Task) -> bool {
    tickscript::parse(&task.raw_script).is_ok_and(|script| {
        script.statements.iter().any(|s| matches!(s.kind, tickscript::ast::StatementKind::Dbrp { .. }))
    })
}

/// Type, canonical script and `dbrp` statements of a script go into its task. `given`: the request names databases.
pub(super) fn take_dbrps(task: &mut Task, defined: &Defined, given: bool, how: &str) -> Result<(), Refused> {
    task.script.clone_from(&defined.formatted);
    task.task_type = if defined.kind == EdgeKind::Stream { TaskType::Stream } else { TaskType::Batch };
    if defined.dbrps.is_empty() {
        return Ok(());
    }
    if given {
        return Err(Refused::bad(format!("cannot specify dbrp in {how} and explicitly")));
    }
    task.dbrps = defined.dbrps.iter().map(|(db, rp)| Dbrp { db: db.clone(), rp: rp.clone() }).collect();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_ids_sort_as_they_were_made() {
        let ids: Vec<String> = (0..1000).map(|_| new_id()).collect();
        assert!(ids.is_sorted() && ids.iter().all(|id| is_valid_id(id)), "{:?}", &ids[..3]);
    }
}
