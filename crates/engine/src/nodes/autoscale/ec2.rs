//! `|ec2Autoscale()`: instances of an autoscaling group of EC2.

use declare::Declaration;

use super::{Scales, Scaling, declare_scaling};
use crate::{BuildError, Definition, EdgeKind, Node, Place, Plan};

#[derive(Debug, Clone, Default)]
pub(in crate::nodes) struct Ec2Autoscale {
    scaling: Scaling,
    name: String,
    name_tag: String,
    output_tag: String,
}

impl Scales for Ec2Autoscale {
    fn scaling(&mut self) -> &mut Scaling {
        &mut self.scaling
    }
}

impl Definition for Ec2Autoscale {
    const NAME: &'static str = "ec2Autoscale";
    const ID: &'static str = "ec2_autoscale";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it
            .about(
                "Scale an autoscaling group of EC2, and give a point with the fields old and new for each change. \
                 Checked, but not started yet.",
            )
            .property("groupName", "Its name.", |s| &mut s.name)
            .property("groupNameTag", "A tag with its name.", |s| &mut s.name_tag)
            .property("outputGroupNameTag", "A tag for its name, on what is given.", |s| &mut s.output_tag);
        declare_scaling(it).example(
            "stream |from().measurement('requests').groupBy('app') |ec2Autoscale().groupName('web').replicas(lambda: int(\"rate\" / 100.0))",
        )
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        self.scaling.check([&self.name, &self.name_tag], ["GroupName", "GroupNameTag"])
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Err(self.scaling.refuse(Self::NAME, plan))
    }
}
