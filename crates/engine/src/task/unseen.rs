//! Rows that a task need not be shown: how that is known, and what is counted of them all the same.

use model::GroupId;

use super::{Place, Task};
use crate::{
    Sieve,
    index::{Gate, PassedOver, Stage},
};

impl Task {
    /// How the task begins, if most rows leave nothing behind in it but counts: see [`crate::index`].
    pub(crate) fn gate(&self) -> Option<Gate> {
        let alert = self.gate?;
        let Some(Sieve::From(from)) = self.places[1].node.sieve() else { return None };
        let passes = match self.places[2].node.sieve()? {
            Sieve::Where(passes) => Some(passes),
            _ => None,
        };
        let Sieve::Alert(conditions) = self.places[alert].node.sieve()? else { return None };
        Gate::new(from, passes, conditions, &self.schema)
    }

    /// The alert behind `from` and perhaps `where`, if that is how the task begins.
    pub(super) fn find_gate(&self) -> Option<usize> {
        let Some(Sieve::From(_)) = self.places[self.only_child(0)?].node.sieve() else { return None };
        let second = self.only_child(1)?;
        match self.places[second].node.sieve()? {
            Sieve::Alert(_) => Some(second),
            Sieve::Where(_) => {
                let third = self.only_child(second)?;
                matches!(self.places[third].node.sieve()?, Sieve::Alert(_)).then_some(third)
            }
            Sieve::From(_) => None,
        }
    }

    /// The one node that reads a node, if that is the one behind it.
    fn only_child(&self, parent: usize) -> Option<usize> {
        let mut children = self.places.iter().enumerate().filter(|(_, place)| place.parents.contains(&parent));
        let (child, _) = children.next()?;
        (child == parent + 1 && children.next().is_none()).then_some(child)
    }

    /// Whether rows of a group of which the conditions of the alert behind the gate are not true would change nothing in
    /// it; `None` if the alert does not know the group.
    pub(crate) fn is_quiet(&self, group: GroupId) -> Option<bool> {
        let quiet = self.places[self.gate?].node.is_quiet(group)?;
        Some(quiet && self.waiting.is_empty())
    }

    /// Whether such a row of a group that the alert does not know would only have it know the group.
    pub(crate) fn begins_quiet(&self) -> bool {
        self.waiting.is_empty() && self.gate.is_some_and(|alert| self.places[alert].node.begins_quiet())
    }

    /// The nodes between `from` and the end of the gate, or only those before the alert.
    fn gated(&mut self, stage: Stage) -> &mut [Place] {
        match (self.gate, stage) {
            (None, _) => &mut [],
            (Some(alert), Stage::Where) => &mut self.places[2..alert],
            (Some(alert), Stage::Alert) => &mut self.places[2..=alert],
        }
    }

    /// A row of a group came to this node for the first time, and was not shown since it does nothing there: the group is
    /// counted among those that it knows.
    pub(crate) fn pass_group(&mut self, group: GroupId, stage: Stage) {
        if let Some(place) = self.gated(stage).last_mut()
            && place.node.is_quiet(group).is_none()
        {
            place.unmet += 1;
            self.footprint.touch(true);
        }
    }

    /// Have the nodes up to this one know a group of which rows passed them by.
    pub(crate) fn meet(&mut self, group: GroupId, stage: Stage) {
        let mut is_new = false;
        for place in self.gated(stage) {
            if place.node.meet(group) {
                place.unmet = place.unmet.saturating_sub(1);
                (place.touched, is_new) = (true, true);
            }
        }
        if is_new {
            self.footprint.touch(true);
        }
    }

    /// Count rows that it was not shown, as if it had been. That changes nothing of what it remembers: it takes no more
    /// memory than before, and counters begin anew when it does, so no snapshot has to be taken of them.
    pub(crate) fn pass_over(&mut self, over: PassedOver) {
        let Some(alert) = self.gate else { return };
        for (index, place) in self.places.iter_mut().enumerate().take(alert + 1) {
            let (collected, emitted) = match index {
                0 => (over.rows, over.rows),
                1 => (over.rows, over.from),
                _ if index == alert => (over.alert, 0),
                _ => (over.from, over.alert),
            };
            place.counters.collected += collected;
            place.counters.emitted += emitted;
            place.publish();
        }
    }
}
