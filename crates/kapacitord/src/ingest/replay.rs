//! What the checkpoints of tasks do not have of the log comes again at the start, before anything new.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use engine::{Tasks, Write};
use model::{Schema, Words, parse_lines};

use super::{
    IngestLog, Tail,
    record::{self, Item},
};

/// How long the tasks may take for the writes of one record before more are handed to them all the same.
const PATIENCE: Duration = Duration::from_secs(30);

impl Tail {
    /// Hand all writes after this number to the tasks, each of which passes over what it has, and wait until they are
    /// through with them. How many there were. Blocks.
    pub fn replay(mut self, from: u64, log: &IngestLog, schema: &Schema, tasks: &Tasks) -> u64 {
        let mut count = 0;
        let wanted = self.records.iter().filter(|(_, head)| head.last() > from);
        for (place, _) in wanted {
            let (done, wait) = bounded(0);
            let again = self.reader.read(*place).map_err(|error| error.to_string()).and_then(|bytes| {
                let mut bad = 0;
                let read = record::each(&bytes, |number, item| match again(number, &item, schema) {
                    Some(write) if number > from => {
                        count += 1;
                        tasks.write(&Arc::new(write), Some(Arc::new(Done(done.clone()))));
                    }
                    Some(_) => {}
                    None => bad += 1,
                });
                match read {
                    Ok(()) if bad > 0 => Err(format!("{bad} of its writes cannot be read")),
                    read => read.map_err(|error| error.to_string()),
                }
            });
            drop(done);
            if let Err(why) = again {
                tracing::error!(file = place.segment, byte = place.offset, "a record of the log of writes: {why}");
            }
            // Nothing is ever sent: it is over when the last write has been dropped.
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                tracing::warn!("a task is slow to take the writes of before the end of the daemon");
            }
        }
        tasks.set_delivered(log.last());
        log.shared.counters.replayed.store(count, Ordering::Relaxed);
        count
    }
}

/// Held by a write until all tasks are done with it.
struct Done(#[expect(dead_code, reason = "it tells by being dropped")] Sender<()>);

fn again(number: u64, item: &Item<'_>, schema: &Schema) -> Option<Write> {
    let (mut rows, mut words) = (Vec::new(), Words::default());
    parse_lines(schema, item.lines, item.precision, item.now, &mut rows, &mut words).ok()?;
    Some(Write { origin: Arc::new(item.origin.clone()), rows, words: Arc::new(words), number })
}
