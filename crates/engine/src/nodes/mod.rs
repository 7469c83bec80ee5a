//! Every node, one file each.

mod alert;
mod autoscale;
mod barrier;
mod change_detect;
mod combine;
mod deadman;
mod default;
mod delete;
mod derivative;
mod dimension;
mod eval;
mod expiry;
mod expression;
mod flatten;
mod from;
mod group_by;
mod http_out;
mod http_post;
mod influxdb_out;
mod influxql;
mod join;
mod kapacitor_loopback;
mod log;
mod noop;
mod prefix;
mod query;
mod relabel;
mod retag;
mod sample;
mod shift;
mod sideload;
mod source;
mod state_count;
mod state_duration;
mod state_tracking;
mod stats;
mod trickle;
mod udf;
mod union;
mod where_;
mod window;

pub(crate) use deadman::Deadman;
pub(crate) use dimension::{Dimension, dimensions, group_tags, grouping_of};
pub(crate) use expression::{both, compiled, is_stateful};
pub use from::From;
pub use query::{Asks, Queries, Span, asks};
pub use source::{Batch, Stream};
pub use stats::Stats;
pub use udf::UdfFunction;
pub(crate) use udf::spec as udf;

use crate::{
    EdgeKind,
    define::{NodeSpec, spec},
};

/// THE LIST, in the order of the alphabet.
pub fn list() -> Vec<NodeSpec> {
    let mut specs = vec![
        spec::<alert::Alert>().opens_handlers().acts(),
        spec::<barrier::Barrier>(),
        spec::<Batch>().source(),
        spec::<change_detect::ChangeDetect>(),
        spec::<combine::Combine>(),
        spec::<Deadman>().after_any(),
        spec::<default::Default_>(),
        spec::<delete::Delete>(),
        spec::<derivative::Derivative>(),
        spec::<autoscale::Ec2Autoscale>().acts(),
        spec::<eval::Eval>(),
        spec::<flatten::Flatten>(),
        spec::<From>().after(&["stream", "from"]),
        spec::<group_by::GroupBy>().makes_tags(&[EdgeKind::Batch]),
        spec::<http_out::HttpOut>().acts(),
        spec::<http_post::HttpPost>().acts(),
        spec::<influxdb_out::InfluxDbOut>().acts(),
        spec::<join::Join>().takes_nodes().makes_tags(&[EdgeKind::Stream]),
        spec::<autoscale::K8sAutoscale>().acts(),
        spec::<kapacitor_loopback::KapacitorLoopback>().acts(),
        spec::<log::Log>().acts(),
        spec::<noop::NoOp>().internal().acts(),
        spec::<query::Query>().after(&["batch"]).nil_tags(),
        spec::<query::QueryFlux>().after(&["batch"]).modern(),
        spec::<query::QuerySql>().after(&["batch"]).modern(),
        spec::<sample::Sample>(),
        spec::<shift::Shift>(),
        spec::<sideload::Sideload>(),
        spec::<state_count::StateCount>(),
        spec::<state_duration::StateDuration>(),
        spec::<Stats>().after_any().makes_tags(&[EdgeKind::Stream]),
        spec::<Stream>().source(),
        spec::<autoscale::SwarmAutoscale>().acts(),
        spec::<trickle::Trickle>(),
        spec::<union::Union>().takes_nodes(),
        spec::<where_::Where>(),
        spec::<window::Window>().makes_tags(&[EdgeKind::Batch]),
    ];
    specs.extend(influxql::list());
    specs
}
