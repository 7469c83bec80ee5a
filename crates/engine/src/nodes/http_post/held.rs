//! What waits for the answers to POSTs, in the order in which it came.

use model::{BatchHead, Damaged, GroupId, KeptRows, Save, Saved, Saver, Time};

/// What waits for the answer to a post, its own or one before it.
pub(super) enum Held {
    Data { ticket: u64, code: Option<i64>, head: Option<BatchHead>, rows: KeptRows },
    Barrier(GroupId, Time),
    DeleteGroup(GroupId),
}

impl Save for Held {
    fn save(&self, out: &mut Saver<'_>) {
        match self {
            Held::Data { ticket, code, head, rows } => {
                out.byte(0);
                (*ticket, *code, *head).save(out);
                rows.save(out);
            }
            Held::Barrier(group, time) => {
                out.byte(1);
                (*group, *time).save(out);
            }
            Held::DeleteGroup(group) => {
                out.byte(2);
                group.save(out);
            }
        }
    }

    fn restore(from: &mut Saved<'_>) -> Result<Held, Damaged> {
        Ok(match from.byte()? {
            0 => {
                let (ticket, code, head) = Save::restore(from)?;
                Held::Data { ticket, code, head, rows: Save::restore(from)? }
            }
            1 => Held::Barrier(Save::restore(from)?, Save::restore(from)?),
            2 => Held::DeleteGroup(Save::restore(from)?),
            _ => return Err(Damaged("what waits is of no known kind")),
        })
    }

    fn owned(&self) -> usize {
        match self {
            Held::Data { rows, .. } => rows.owned(),
            Held::Barrier(..) | Held::DeleteGroup(_) => 0,
        }
    }
}
