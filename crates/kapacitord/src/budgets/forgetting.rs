//! Series that are gone are forgotten: once there are enough new ones for that to be worth it, all tasks are asked which
//! they use. Nobody waits meanwhile.

use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, TryRecvError};
use engine::Tasks;
use model::{Marks, Schema};

/// From one time to the next it takes at least so long, and less if there is little room left.
const PAUSE: Duration = Duration::from_secs(30);
const SHORT_PAUSE: Duration = Duration::from_secs(5);
/// So many new names, series and groups are worth it, and this part of those that there are.
const LEAST: u64 = 3000;
const PART: u64 = 4;

/// See the module. It is looked at every so often.
pub(super) struct Forgetting {
    /// When it was done last, and how many numbers had been given then.
    last: Instant,
    given: u64,
    asked: Option<Asked>,
}

/// What tasks have answered so far.
struct Asked {
    version: u32,
    answers: Receiver<Marks>,
    missing: usize,
    marks: Marks,
}

impl Forgetting {
    pub(super) fn new(now: Instant) -> Forgetting {
        Forgetting { last: now, given: 0, asked: None }
    }

    pub(super) fn look(&mut self, tasks: &Tasks, now: Instant) {
        match &mut self.asked {
            Some(asked) => {
                let answered = asked.take();
                if answered == Ok(false) {
                    return;
                }
                if let (Ok(_), Some(asked)) = (answered, self.asked.take()) {
                    tasks.forget(asked.version, &asked.marks);
                }
                (self.last, self.given) = (now, given(&tasks.schema().now()));
            }
            None => {
                let wanted = self.is_due(&tasks.schema().now(), now);
                if let Some(version) = tasks.schema().settled().filter(|_| wanted) {
                    let (answers, missing) = tasks.mark();
                    self.asked = Some(Asked { version, answers, missing, marks: Marks::default() });
                }
            }
        }
    }

    fn is_due(&self, schema: &Schema, now: Instant) -> bool {
        let [names, _, series, groups] = schema.sizes();
        let new = given(schema).saturating_sub(self.given);
        let since = now.saturating_duration_since(self.last);
        let is_tight = schema.limit() != 0 && schema.memory() > schema.limit() / 4 * 3;
        let is_worth_it = new >= LEAST.max((names + series + groups) as u64 / PART);
        (is_worth_it && since >= PAUSE) || (is_tight && new > 0 && since >= SHORT_PAUSE)
    }
}

impl Asked {
    /// Take the answers that are there: whether these are all of them. An error if one will never come.
    fn take(&mut self) -> Result<bool, ()> {
        while self.missing > 0 {
            match self.answers.try_recv() {
                Ok(marks) => {
                    self.marks.extend(marks);
                    self.missing -= 1;
                }
                Err(TryRecvError::Empty) => return Ok(false),
                Err(TryRecvError::Disconnected) => return Err(()),
            }
        }
        Ok(true)
    }
}

fn given(schema: &Schema) -> u64 {
    schema.numbers().iter().map(|given| u64::from(*given)).sum()
}
