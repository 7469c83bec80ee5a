//! `|k8sAutoscale()`: replicas of a resource of Kubernetes.

use declare::Declaration;

use super::{Scales, Scaling, declare_scaling};
use crate::{BuildError, Definition, EdgeKind, Node, Place, Plan};

const KINDS: [&str; 3] = ["deployments", "replicasets", "replicationcontrollers"];

#[derive(Debug, Clone)]
pub(in crate::nodes) struct K8sAutoscale {
    scaling: Scaling,
    namespace: String,
    kind: String,
    resource_name: String,
    resource_name_tag: String,
    namespace_tag: String,
    kind_tag: String,
    resource_tag: String,
}

impl Default for K8sAutoscale {
    fn default() -> Self {
        K8sAutoscale {
            scaling: Scaling::default(),
            namespace: String::new(),
            kind: "deployments".to_string(),
            resource_name: String::new(),
            resource_name_tag: String::new(),
            namespace_tag: "namespace".to_string(),
            kind_tag: "kind".to_string(),
            resource_tag: "resource".to_string(),
        }
    }
}

impl Scales for K8sAutoscale {
    fn scaling(&mut self) -> &mut Scaling {
        &mut self.scaling
    }
}

impl Definition for K8sAutoscale {
    const NAME: &'static str = "k8sAutoscale";
    const ID: &'static str = "k8s_autoscale";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it
            .about(
                "Scale a resource of Kubernetes, and give a point with the fields old and new for each change. \
                 Checked, but not started yet.",
            )
            .property("namespace", "The namespace of the resource.", |k| &mut k.namespace)
            .property("kind", "The kind of the resource.", |k| &mut k.kind)
            .choices(&KINDS)
            .property("resourceName", "The name of the resource.", |k| &mut k.resource_name)
            .property("resourceNameTag", "A tag with the name of the resource.", |k| &mut k.resource_name_tag)
            .property("namespaceTag", "A tag for the namespace, on what is given.", |k| &mut k.namespace_tag)
            .property("kindTag", "A tag for the kind, on what is given.", |k| &mut k.kind_tag)
            .property("resourceTag", "A tag for the resource, on what is given.", |k| &mut k.resource_tag);
        declare_scaling(it).example(
            "stream |from().measurement('requests').groupBy('app') \
             |k8sAutoscale().resourceNameTag('app').min(2).max(20).replicas(lambda: int(\"rate\" / 100.0))",
        )
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::Stream
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        if !KINDS.contains(&self.kind.as_str()) {
            return Err(format!(
                "invalid Kind, must be 'deployments', 'replicasets' or 'replicationcontrollers', got {}",
                self.kind
            ));
        }
        let names = [self.resource_name.as_str(), &self.resource_name_tag];
        self.scaling.check(names, ["ResourceName", "ResourceNameTag"])
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        Err(self.scaling.refuse(Self::NAME, plan))
    }
}
