//! Every node, one file each.

mod derivative;
mod dimension;
mod eval;
mod expression;
mod from;
mod http_out;
mod http_post;
mod influxql;
mod source;
mod where_;
mod window;

pub(crate) use dimension::{Dimension, dimensions, grouping_of};
pub(crate) use expression::{both, compiled};
pub use from::From;
pub use source::{Batch, Stream};

use crate::define::{NodeSpec, spec};

/// THE LIST, in the order of the alphabet.
pub fn list() -> Vec<NodeSpec> {
    let mut specs = vec![
        spec::<Batch>().source(),
        spec::<derivative::Derivative>(),
        spec::<eval::Eval>(),
        spec::<From>().after(&["stream", "from"]),
        spec::<http_out::HttpOut>(),
        spec::<http_post::HttpPost>(),
        spec::<Stream>().source(),
        spec::<where_::Where>(),
        spec::<window::Window>(),
    ];
    specs.extend(influxql::list());
    specs
}
