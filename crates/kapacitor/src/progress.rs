//! How far something long is, on one line of the terminal that is written again and again.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// What is done sooner needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
const CELLS: usize = 30;

/// A bar on stderr; nothing at all where that is no terminal.
pub(crate) struct Progress {
    what: &'static str,
    since: Instant,
    on_terminal: bool,
    shown: bool,
}

impl Progress {
    pub(crate) fn new(what: &'static str) -> Progress {
        Progress { what, since: Instant::now(), on_terminal: std::io::stderr().is_terminal(), shown: false }
    }

    /// `part` is from 0 to 1; 0 if nobody knows.
    pub(crate) fn show(&mut self, part: f64) {
        let elapsed = self.since.elapsed();
        if self.on_terminal && elapsed > PATIENCE {
            self.shown = true;
            // Who cannot see it misses nothing.
            let _ = write!(std::io::stderr(), "\r\x1b[K{}", line(self.what, part, elapsed));
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, part: f64, elapsed: Duration) -> String {
    let seconds = elapsed.as_secs();
    if part <= 0.0 {
        return format!("{what}: {seconds} s");
    }
    let part = part.min(1.0);
    let done = (part * CELLS as f64) as usize;
    let left = elapsed.as_secs_f64() / part * (1.0 - part);
    format!("{what} [{}{}] {:.0} %, {left:.0} s left", "#".repeat(done), ".".repeat(CELLS - done), part * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_grows() {
        let ten = Duration::from_secs(10);
        assert_eq!(line("replay", 0.0, ten), "replay: 10 s");
        assert_eq!(
            line("replay", 0.5, ten),
            format!("replay [{0}{1}] 50 %, 10 s left", "#".repeat(15), ".".repeat(15))
        );
        assert_eq!(line("replay", 7.0, ten), format!("replay [{}] 100 %, 0 s left", "#".repeat(30)));
        assert!(line("replay", f64::NAN, ten).starts_with("replay ["));
    }
}
