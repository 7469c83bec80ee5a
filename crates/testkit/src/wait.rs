//! Waiting for what happens elsewhere: asked again and again, with a limit.

use std::time::{Duration, Instant};

/// Longer than anything takes that a test waits for, even on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is something, and gives that.
///
/// # Panics
/// After [`PATIENCE`], naming `what` was waited for.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {PATIENCE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
