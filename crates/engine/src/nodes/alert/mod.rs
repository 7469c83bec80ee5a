//! `|alert()`: rows get a level, and changes of it become events that are told to handlers and topics.
//!
//! `levels.rs` finds the level, `history.rs` and `flapping.rs` decide whether it is told, `message.rs` writes the texts,
//! `augment.rs` puts them on rows that go on, `publish.rs` knows the topics and handlers, `watch.rs` runs it all.

mod augment;
mod flapping;
mod history;
mod levels;
mod message;
mod publish;
#[cfg(test)]
mod tests;
mod watch;

use alert::Level;
use declare::{Argument, Declaration, Lambda, Nanos, SetError};

use crate::{BuildError, Definition, EdgeKind, Flaw, Node, Plan, Reach, boxed_per_group, nodes::is_stateful};

use augment::{Augment, Wanted};
use flapping::Thresholds;
use history::Rules;
use levels::{Given, Levels};
use message::Messages;
use publish::{Opened, Publisher};
use watch::Watch;

/// The longest history of levels that a group may have.
const LONGEST_HISTORY: i64 = 100_000;

#[derive(Debug, Clone)]
pub(super) struct Alert {
    topic: String,
    category: String,
    id: String,
    message: String,
    details: String,
    info: Option<Lambda>,
    warn: Option<Lambda>,
    crit: Option<Lambda>,
    info_reset: Option<Lambda>,
    warn_reset: Option<Lambda>,
    crit_reset: Option<Lambda>,
    all: bool,
    no_recoveries: bool,
    state_changes_only: bool,
    state_changes_only_duration: Nanos,
    flapping: bool,
    flap_low: f64,
    flap_high: f64,
    history: i64,
    inhibitors: Vec<Inhibit>,
    level_tag: String,
    level_field: String,
    message_field: String,
    duration_field: String,
    id_tag: String,
    id_field: String,
}

/// `.inhibit('category', 'tag')`
#[derive(Debug, Clone, PartialEq, Eq)]
struct Inhibit {
    category: String,
    /// Tags that must be the same.
    tags: Vec<String>,
}

impl Default for Alert {
    fn default() -> Self {
        Alert {
            topic: String::new(),
            category: String::new(),
            id: "{{ .Name }}:{{ .Group }}".to_string(),
            message: "{{ .ID }} is {{ .Level }}".to_string(),
            details: "{{ json . }}".to_string(),
            info: None,
            warn: None,
            crit: None,
            info_reset: None,
            warn_reset: None,
            crit_reset: None,
            all: false,
            no_recoveries: false,
            state_changes_only: false,
            state_changes_only_duration: Nanos(0),
            flapping: false,
            flap_low: 0.0,
            flap_high: 0.0,
            history: 21,
            inhibitors: Vec::new(),
            level_tag: String::new(),
            level_field: String::new(),
            message_field: String::new(),
            duration_field: String::new(),
            id_tag: String::new(),
            id_field: String::new(),
        }
    }
}

impl Definition for Alert {
    const NAME: &'static str = "alert";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let it = it.about(
            "Give each row a level, OK, INFO, WARNING or CRITICAL, and tell handlers and topics of levels other than OK \
             and of the way back. Only rows of which somebody is told go on.",
        );
        let it = where_to(it);
        let it = texts(it);
        let it = conditions(it);
        let it = holding_back(it);
        marks(it)
            .example("stream |from().measurement('cpu').groupBy('host') |alert().crit(lambda: \"usage_idle\" < 10.0)")
            .example("stream |from().measurement('cpu') |alert().id('cpu').warn(lambda: \"load\" > 4.0).topic('cpu')")
    }

    fn flaws(&self) -> Vec<Flaw> {
        message::flaws([self.id.as_str(), self.message.as_str(), self.details.as_str()])
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        // Who reads a topic wants the events of one id in order. What inhibits an event may be in another group, and what
        // stateful functions remember is of all groups.
        let apart = self.id.contains(".Group") && self.inhibitors.is_empty() && self.category.is_empty();
        let resets = [&self.info_reset, &self.warn_reset, &self.crit_reset];
        let mut conditions = [&self.info, &self.warn, &self.crit].into_iter().chain(resets).flatten();
        if !apart || conditions.any(is_stateful) {
            return Reach::All;
        }
        Reach::Changes(vec![self.id_tag.clone(), self.level_tag.clone()])
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let Opened { publisher, state_changes_only } = Publisher::open(plan, &self.topic)?;
        let texts = [self.id.as_str(), self.message.as_str(), self.details.as_str()];
        Ok(boxed_per_group(Watch {
            levels: self.levels(plan)?,
            rules: Rules {
                changes_only: self.state_changes_only || state_changes_only,
                interval: self.state_changes_only_duration.0,
                no_recoveries: self.no_recoveries,
            },
            flapping: self.thresholds()?,
            all: self.all,
            messages: Messages::new(texts, &plan.task.id, plan.host.server(), plan.nil_tags)?,
            augment: Augment::new(&self.wanted(), plan.schema),
            inhibits: self.inhibitors.iter().map(|inhibit| inhibit.named(plan.schema)).collect(),
            category: self.category.as_str().into(),
            task: plan.task.id.clone(),
            publisher,
            recovered: Default::default(),
            extras: Default::default(),
            resumed: Default::default(),
            asks_again: false,
            is_failing: false,
        }))
    }
}

impl Alert {
    fn levels(&self, plan: &Plan<'_>) -> Result<Levels, BuildError> {
        let given = |level, name, condition, reset| Given { level, name, condition, reset };
        let given = [
            given(Level::Info, "info", self.info.as_ref(), self.info_reset.as_ref()),
            given(Level::Warning, "warn", self.warn.as_ref(), self.warn_reset.as_ref()),
            given(Level::Critical, "crit", self.crit.as_ref(), self.crit_reset.as_ref()),
        ];
        Levels::new(given, plan.schema)
    }

    fn thresholds(&self) -> Result<Option<Thresholds>, BuildError> {
        if !self.flapping {
            return Ok(None);
        }
        if self.flap_low > 1.0 || self.flap_high > 1.0 {
            return Err(BuildError::new("alert flap thresholds are percentages and should be between 0 and 1"));
        }
        if self.history > LONGEST_HISTORY {
            return Err(BuildError::new(format!("the history of an alert may have {LONGEST_HISTORY} levels at most")));
        }
        let history = usize::try_from(self.history).unwrap_or(0).max(2);
        Ok(Some(Thresholds { low: self.flap_low, high: self.flap_high, history }))
    }

    fn wanted(&self) -> Wanted<'_> {
        Wanted {
            id_tag: &self.id_tag,
            level_tag: &self.level_tag,
            id_field: &self.id_field,
            level_field: &self.level_field,
            message_field: &self.message_field,
            duration_field: &self.duration_field,
        }
    }
}

impl Inhibit {
    fn named(&self, schema: &model::Schema) -> watch::Inhibits {
        let mut tags: Vec<_> = self.tags.iter().map(|tag| schema.name(tag)).collect();
        tags.sort_unstable();
        tags.dedup();
        watch::Inhibits { category: self.category.as_str().into(), tags }
    }
}

fn where_to(it: Declaration<Alert>) -> Declaration<Alert> {
    it.property("topic", "A topic that gets the events, besides the handlers opened here.", |a| &mut a.topic)
        .property("category", "What other alerts may inhibit it by.", |a| &mut a.category)
        .method_shown(
            "inhibit",
            "category string, equalTags ...string",
            "While this alert is not OK, hold back the events of all alerts of a category whose tags of these names \
             have the values that they have here.",
            inhibit,
            |a| {
                let calls = a.inhibitors.iter().map(|inhibit| {
                    let tags = inhibit.tags.iter().cloned().map(Argument::from);
                    std::iter::once(inhibit.category.clone().into()).chain(tags).collect()
                });
                calls.collect()
            },
        )
}

fn texts(it: Declaration<Alert>) -> Declaration<Alert> {
    it.property(
        "id",
        "What names the event, a Go template. It sees .Name (the measurement), .TaskName, .Group (`nil` without \
         grouping), .Tags and .ServerInfo (.Hostname, .ClusterID, .ServerID).",
        |a| &mut a.id,
    )
    .property(
        "message",
        "A line for people, a Go template. It sees what the id sees, and .ID, .Fields, .Level, .Time and .Duration.",
        |a| &mut a.message,
    )
    .property(
        "details",
        "More for people, a Go template of HTML. It sees what the message sees, and .Message; `json` and \
         `jsonCompact` write data as JSON.",
        |a| &mut a.details,
    )
}

fn conditions(it: Declaration<Alert>) -> Declaration<Alert> {
    it.property("info", "When the level is INFO.", |a| &mut a.info)
        .condition()
        .property("warn", "When the level is WARNING.", |a| &mut a.warn)
        .condition()
        .property("crit", "When the level is CRITICAL.", |a| &mut a.crit)
        .condition()
        .property("infoReset", "What must be true before INFO is left for OK.", |a| &mut a.info_reset)
        .condition()
        .property("warnReset", "What must be true before WARNING is left for a lower level.", |a| &mut a.warn_reset)
        .condition()
        .property("critReset", "What must be true before CRITICAL is left for a lower level.", |a| &mut a.crit_reset)
        .condition()
        .flag("all", "The lowest level of a batch counts, not the highest: all rows must match.", |a| &mut a.all)
}

fn holding_back(it: Declaration<Alert>) -> Declaration<Alert> {
    it.flag("noRecoveries", "Do not tell when all is well again.", |a| &mut a.no_recoveries)
        .method_shown(
            "stateChangesOnly",
            "maxInterval ...duration",
            "Tell changes of level only, and with an interval also a level that has not been told for so long.",
            // Kapacitor takes several intervals, and then none of them. Case: alert/define_errors.
            |a, args| {
                a.state_changes_only = true;
                a.state_changes_only_duration = match args {
                    [Argument::Duration(nanos)] => Nanos(*nanos),
                    _ => a.state_changes_only_duration,
                };
                Ok(())
            },
            |a| match (a.state_changes_only, a.state_changes_only_duration.0) {
                (false, _) => Vec::new(),
                (true, 0) => vec![Vec::new()],
                (true, nanos) => vec![vec![Argument::Duration(nanos)]],
            },
        )
        .property("stateChangesOnlyDuration", "The interval of stateChangesOnly.", |a| {
            &mut a.state_changes_only_duration
        })
        .hidden()
        .method_shown(
            "flapping",
            "low float, high float",
            "Hold back all events from when the share of changes among the last levels is above `high` until it is \
             below `low`; both from 0 to 1.",
            |a, args| {
                if let [Argument::Float(low), Argument::Float(high)] = args {
                    (a.flapping, a.flap_low, a.flap_high) = (true, *low, *high);
                }
                Ok(())
            },
            |a| match a.flapping {
                true => vec![vec![Argument::Float(a.flap_low), Argument::Float(a.flap_high)]],
                false => Vec::new(),
            },
        )
        .property("flapLow", "The low threshold of flapping.", |a| &mut a.flap_low)
        .hidden()
        .property("flapHigh", "The high threshold of flapping.", |a| &mut a.flap_high)
        .hidden()
        .property("history", "How many levels flapping looks at, at least 2.", |a| &mut a.history)
}

fn marks(it: Declaration<Alert>) -> Declaration<Alert> {
    it.property("levelTag", "A tag of the rows that go on, for the level.", |a| &mut a.level_tag)
        .property("levelField", "A field of the rows that go on, for the level.", |a| &mut a.level_field)
        .property("messageField", "A field of the rows that go on, for the message.", |a| &mut a.message_field)
        .property("durationField", "A field of the rows that go on, for the time since the level left OK.", |a| {
            &mut a.duration_field
        })
        .property("idTag", "A tag of the rows that go on, for the id.", |a| &mut a.id_tag)
        .property("idField", "A field of the rows that go on, for the id.", |a| &mut a.id_field)
}

fn inhibit(alert: &mut Alert, args: &[Argument]) -> Result<(), SetError> {
    let mut texts = args.iter().filter_map(|arg| match arg {
        Argument::String(text) => Some(text.clone()),
        _ => None,
    });
    if let Some(category) = texts.next() {
        alert.inhibitors.push(Inhibit { category, tags: texts.collect() });
    }
    Ok(())
}
