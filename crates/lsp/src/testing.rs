//! What tests of this crate may name: all nodes, and all kinds of handlers.

use engine::define::Surface;

pub(crate) fn surface() -> Surface {
    Surface::new(handlers::catalogue())
}
