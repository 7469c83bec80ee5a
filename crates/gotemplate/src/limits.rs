//! How much a template may do, so that none hangs or fills the memory.

/// Bytes of output, and of any text on the way to it.
pub(crate) const MAX_OUTPUT: usize = 10 << 20;
/// Nodes and rounds of loops in one execution.
pub(crate) const MAX_STEPS: u64 = 10_000_000;
/// Blocks, parentheses and templates inside one another.
pub(crate) const MAX_DEPTH: usize = 400;
/// Width and precision of a verb.
pub(crate) const MAX_WIDTH: usize = 1_000_000;

/// Fails when a text has grown beyond the limit.
pub(crate) fn check_output(length: usize) -> Result<(), String> {
    if length <= MAX_OUTPUT { Ok(()) } else { Err(format!("more than {MAX_OUTPUT} bytes of output")) }
}
