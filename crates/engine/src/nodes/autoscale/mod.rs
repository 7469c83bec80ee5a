//! `|k8sAutoscale()`, `|swarmAutoscale()`, `|ec2Autoscale()`: how many replicas there should be, by an expression.
//!
//! Scripts with them are read and checked; a task with one does not start, since this program does not scale yet.

mod ec2;
mod k8s;
mod swarm;

use declare::{Declaration, Lambda, Nanos};

pub(super) use ec2::Ec2Autoscale;
pub(super) use k8s::K8sAutoscale;
pub(super) use swarm::SwarmAutoscale;

use super::compiled;
use crate::{BuildError, Plan};

/// What all of them are told.
#[derive(Debug, Clone)]
struct Scaling {
    cluster: String,
    current_field: String,
    replicas: Option<Lambda>,
    min: i64,
    max: i64,
    increase_cooldown: Nanos,
    decrease_cooldown: Nanos,
}

impl Default for Scaling {
    fn default() -> Self {
        Scaling {
            cluster: String::new(),
            current_field: String::new(),
            replicas: None,
            min: 1,
            max: 0,
            increase_cooldown: Nanos::default(),
            decrease_cooldown: Nanos::default(),
        }
    }
}

/// A definition of a node that scales.
trait Scales: Default + Clone + Send + 'static {
    fn scaling(&mut self) -> &mut Scaling;
}

/// The properties that all of them have.
fn declare_scaling<D: Scales>(it: Declaration<D>) -> Declaration<D> {
    it.property("cluster", "The name of the cluster in the configuration.", |d| &mut d.scaling().cluster)
        .property("replicas", "How many replicas there should be: an integer.", |d| &mut d.scaling().replicas)
        .property("currentField", "A field with how many there are now.", |d| &mut d.scaling().current_field)
        .property("min", "There are never fewer.", |d| &mut d.scaling().min)
        .property("max", "There are never more; 0 for no limit.", |d| &mut d.scaling().max)
        .property("increaseCooldown", "How long there is no further increase after one.", |d| {
            &mut d.scaling().increase_cooldown
        })
        .property("decreaseCooldown", "How long there is no further decrease after one.", |d| {
            &mut d.scaling().decrease_cooldown
        })
}

impl Scaling {
    /// `names`: what is scaled by name and by tag, one of which must be said, and how the script calls the two.
    fn check(&self, names: [&str; 2], called: [&str; 2]) -> Result<(), String> {
        if names[0].is_empty() == names[1].is_empty() {
            let [name, tag] = called;
            return Err(format!("must specify exactly one of {name} or {tag}"));
        }
        if self.min < 1 {
            return Err(format!("min must be >= 1, got {}", self.min));
        }
        if self.replicas.is_none() {
            return Err("must provide a replicas lambda expression".to_string());
        }
        Ok(())
    }

    /// Why a task with this node does not start; what is wrong with its expression goes before.
    fn refuse(&self, node: &str, plan: &Plan<'_>) -> BuildError {
        if let Err(error) = compiled(node, self.replicas.as_ref()) {
            return error;
        }
        BuildError::new(format!(
            "cannot use the {node} node: {} can be checked, but this build of kapacitord does not scale anything",
            plan.name
        ))
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Bench;

    #[test]
    fn what_is_wrong_is_told_and_what_is_right_does_not_scale() {
        for (node, why) in [
            ("k8sAutoscale().replicas(lambda: 1)", "must specify exactly one of ResourceName or ResourceNameTag"),
            ("k8sAutoscale().resourceName('a').kind('pods').replicas(lambda: 1)", "got pods"),
            ("k8sAutoscale().resourceName('a').min(0).replicas(lambda: 1)", "min must be >= 1, got 0"),
            ("k8sAutoscale().resourceName('a')", "must provide a replicas lambda expression"),
            ("k8sAutoscale().resourceName('a').replicas(1)", "expected a lambda expression"),
            ("k8sAutoscale().resourceName('a').max(3).min(5).replicas(lambda: 1)", "does not scale anything"),
            ("swarmAutoscale().serviceName('a').serviceNameTag('b').replicas(lambda: 1)", "exactly one of ServiceName"),
            ("swarmAutoscale().serviceName('a').increaseCooldown(5).replicas(lambda: 1)", "expected a duration"),
            ("swarmAutoscale().serviceName('a').replicas(lambda: 1)", "swarm_autoscale2 can be checked"),
            ("ec2Autoscale().groupName('a').min(-1).replicas(lambda: 1)", "min must be >= 1, got -1"),
            ("ec2Autoscale().groupName('a').cluster('x').replicas(lambda: \"n\" / 2)", "does not scale anything"),
        ] {
            let error = Bench::new(&format!("stream|from()|{node}")).err().expect("an error");
            assert!(error.contains(why), "{node}: {error}");
        }
    }
}
