//! `|swarmAutoscale()`: replicas of a service of Docker Swarm.

use declare::Declaration;

use super::{Scales, Scaling, declare_scaling};
use crate::{BuildError, Definition, EdgeKind, Node, Place, Plan};

#[derive(Debug, Clone, Default)]
pub(in crate::nodes) struct SwarmAutoscale {
    scaling: Scaling,
    name: String,
    name_tag: String,
    output_tag: String,
}

impl Scales for SwarmAutoscale {
    fn scaling(&mut self) -> &mut Scaling {
        &mut self.scaling
    }
}

impl Definition for SwarmAutoscale {
    const NAME: &'static str = "swarmAutoscale";
    const ID: &'static str = "swarm_autoscale";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it
            .about(
                "Scale a service of Docker Swarm, and give a point with the fields old and new for each change. \
                 Checked, but not started yet.",
            )
            .property("serviceName", "Its name.", |s| &mut s.name)
            .property("serviceNameTag", "A tag with its name.", |s| &mut s.name_tag)
            .property("outputServiceNameTag", "A tag for its name, on what is given.", |s| &mut s.output_tag);
        declare_scaling(it).example(
            "stream |from().measurement('requests').groupBy('app') |swarmAutoscale().serviceNameTag('app').replicas(lambda: int(\"rate\" / 100.0))",
        )
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        self.scaling.check([&self.name, &self.name_tag], ["ServiceName", "ServiceNameTag"])
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Err(self.scaling.refuse(Self::NAME, plan))
    }
}
