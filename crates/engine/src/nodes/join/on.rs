//! `.on('tag')`: groups with more tags (specific ones) find their partners in groups that have the joined tags alone.

use std::collections::{HashMap, VecDeque};

use model::{Damaged, GroupId, Name, Save, Saved, Saver, Schema, Time, save_fields};

use super::{Waiting, patience::Census};

/// How much may wait for partners of one group; then the oldest goes.
const MOST_WAITING: usize = 1 << 18;

/// Something for a group, with the parent it is of.
type Sent = (GroupId, usize, Waiting);

pub(super) struct Matcher {
    on: Vec<Name>,
    /// Which parents have given anything.
    reported: Vec<bool>,
    places: HashMap<GroupId, Place>,
}

/// What waits for one combination of values of the joined tags.
pub(super) struct Place {
    /// The last time of each parent.
    marks: Vec<Option<Time>>,
    /// From groups that have the joined tags alone.
    general: VecDeque<General>,
    specific: VecDeque<Specific>,
}

/// What waits, by the group of the joined tags.
pub(super) type Places = Vec<(GroupId, Place)>;

struct General {
    input: usize,
    waiting: Waiting,
    /// The specific groups it was sent to.
    sent_to: Vec<GroupId>,
}

struct Specific {
    input: usize,
    waiting: Waiting,
    /// It was sent to its group already, and waits for partners of other parents.
    sent: bool,
}

save_fields!(Place { marks, general, specific });
save_fields!(General { input, waiting, sent_to });
save_fields!(Specific { input, waiting, sent });

impl Place {
    fn is_of(&self, parents: usize) -> bool {
        self.marks.len() == parents
            && self.general.iter().all(|general| general.input < parents)
            && self.specific.iter().all(|specific| specific.input < parents)
    }

    /// The time that all parents have come to. A parent that gave nothing here counts only if it comes after others:
    /// then nothing is certain.
    fn low_mark(&self) -> Option<Time> {
        self.marks.iter().fold(None, |low, &mark| match (low, mark) {
            (None, mark) => mark,
            (Some(_), None) => None,
            (Some(low), Some(mark)) => Some(mark.min(low)),
        })
    }
}

fn is_before(time: Time, low: Option<Time>) -> bool {
    low.is_some_and(|low| time < low)
}

impl Matcher {
    pub(super) fn new(on: Vec<Name>, parents: usize) -> Matcher {
        Matcher { on, reported: vec![false; parents], places: HashMap::new() }
    }

    pub(super) fn save(&self, out: &mut Saver<'_>) {
        self.reported.save(out);
        out.number(self.places.len() as u64);
        for (group, place) in &self.places {
            group.save(out);
            place.save(out);
        }
    }

    /// What a matcher of so many parents remembered.
    pub(super) fn restore(from: &mut Saved<'_>, parents: usize) -> Result<(Vec<bool>, Places), Damaged> {
        let (reported, places): (Vec<bool>, Places) = Save::restore(from)?;
        let sound = reported.len() == parents && places.iter().all(|(_, place)| place.is_of(parents));
        if sound { Ok((reported, places)) } else { Err(Damaged("what waits does not fit together")) }
    }

    pub(super) fn take_up(&mut self, reported: Vec<bool>, places: Places) {
        self.reported = reported;
        self.places = places.into_iter().collect();
    }

    pub(super) fn memory(&self) -> usize {
        self.places.values().map(|place| size_of::<Place>() + place.owned()).sum()
    }

    /// What can be sent to the groups now that this has come.
    pub(super) fn take(&mut self, input: usize, waiting: Waiting, schema: &Schema) -> Vec<Sent> {
        self.reported[input] = true;
        let all_reported = self.reported.iter().all(|&reported| reported);
        let parents = self.reported.len();
        let place = self.places.entry(self.place_of(waiting.group, waiting.name, schema)).or_insert_with(|| Place {
            marks: vec![None; parents],
            general: VecDeque::new(),
            specific: VecDeque::new(),
        });
        place.marks[input] = Some(waiting.time);
        let low = if all_reported { place.low_mark() } else { None };
        let mut out = Vec::new();
        place.release_specific(low, &mut out);
        if schema.group(waiting.group).tags().len() > self.on.len() {
            place.take_specific(input, waiting, low, all_reported, &mut out);
        } else {
            place.take_general(input, waiting, &mut out);
        }
        out
    }

    /// What waits of a specific group goes; with the last of it, the place where it waited.
    fn delete_specific(&mut self, group: GroupId, schema: &Schema) {
        let at = self.place_of(group, schema.group(group).name(), schema);
        let Some(place) = self.places.get_mut(&at) else { return };
        place.specific.retain(|specific| specific.waiting.group != group);
        place.general.iter_mut().for_each(|general| general.sent_to.retain(|to| *to != group));
        if place.specific.is_empty() && place.general.is_empty() {
            self.places.remove(&at);
        }
    }

    fn place_of(&self, group: GroupId, name: Name, schema: &Schema) -> GroupId {
        let tags = schema.group(group).tags();
        let value = |key| tags.iter().find(|tag| tag.0 == key).map_or(Name::EMPTY, |tag| tag.1);
        let joined: Vec<(Name, Name)> = self.on.iter().map(|&key| (key, value(key))).collect();
        schema.group_of_tags(schema.dimensions(group).by_name, name, &joined)
    }

    /// What came before this and waits for partners no longer, each for its group.
    pub(super) fn take_since_before(&mut self, limit: Time) -> Vec<Sent> {
        let mut out = Vec::new();
        for place in self.places.values_mut() {
            let overdue = place.specific.partition_point(|specific| specific.waiting.since <= limit);
            place.specific.drain(..overdue).for_each(|specific| send_alone(specific, &mut out));
        }
        out
    }

    /// Count what waits for each parent.
    pub(super) fn count(&self, census: &mut Census) {
        for specific in self.places.values().flat_map(|place| &place.specific).filter(|specific| !specific.sent) {
            for parent in (0..self.reported.len()).filter(|&parent| parent != specific.input) {
                census.count(parent, specific.waiting.since);
            }
        }
    }

    /// A group of a parent has ended.
    pub(super) fn delete(&mut self, input: usize, group: GroupId, all: bool, schema: &Schema) {
        if schema.group(group).tags().len() > self.on.len() {
            self.delete_specific(group, schema);
        }
        if let Some(place) = self.places.get_mut(&group) {
            place.general.clear();
            place.specific.clear();
            place.marks[input] = None;
        }
        if all {
            for place in self.places.values_mut() {
                place.marks.fill(None);
            }
        }
        self.places.retain(|_, place| {
            !place.general.is_empty() || !place.specific.is_empty() || place.marks.iter().any(Option::is_some)
        });
    }
}

impl Place {
    /// Send specific ones alone that all parents have passed.
    fn release_specific(&mut self, low: Option<Time>, out: &mut Vec<Sent>) {
        while self.specific.front().is_some_and(|first| is_before(first.waiting.time, low))
            || self.specific.len() > MOST_WAITING
        {
            let Some(first) = self.specific.pop_front() else { return };
            send_alone(first, out);
        }
    }

    fn take_specific(
        &mut self,
        input: usize,
        waiting: Waiting,
        low: Option<Time>,
        all_reported: bool,
        out: &mut Vec<Sent>,
    ) {
        let mut specific = Specific { input, waiting, sent: false };
        let several = self.marks.len() > 2;
        let mut passed = 0;
        for general in &mut self.general {
            if general.waiting.time == specific.waiting.time {
                pair(&mut specific, general, several, out);
            }
            if !is_before(general.waiting.time, low) && !several {
                break;
            }
            passed += usize::from(is_before(general.waiting.time, low));
        }
        if several {
            self.general.retain(|general| !is_before(general.waiting.time, low));
        } else if all_reported {
            self.general.drain(..passed);
        }
        if specific.sent && !several {
            return;
        }
        if all_reported && is_before(specific.waiting.time, low) {
            if !specific.sent {
                out.push((specific.waiting.group, input, specific.waiting));
            }
        } else {
            self.specific.push_back(specific);
        }
    }

    fn take_general(&mut self, input: usize, waiting: Waiting, out: &mut Vec<Sent>) {
        let several = self.marks.len() > 2;
        let mut general = General { input, waiting, sent_to: Vec::new() };
        let mut sent = 0;
        for specific in &mut self.specific {
            if specific.waiting.time == general.waiting.time {
                pair(specific, &mut general, several, out);
                sent += 1;
            } else if !several {
                break;
            }
        }
        if !several {
            self.specific.drain(..sent);
        }
        self.general.push_back(general);
        if self.general.len() > MOST_WAITING {
            self.general.pop_front();
        }
    }
}

/// Send a specific one to its group, unless it is there.
fn send_alone(specific: Specific, out: &mut Vec<Sent>) {
    if !specific.sent {
        out.push((specific.waiting.group, specific.input, specific.waiting));
    }
}

/// Send both to the specific one's group. With more than two parents each of them is sent there but once.
fn pair(specific: &mut Specific, general: &mut General, several: bool, out: &mut Vec<Sent>) {
    let group = specific.waiting.group;
    if several && (general.input == specific.input || general.sent_to.contains(&group)) {
        if !specific.sent && general.input != specific.input {
            out.push((group, specific.input, specific.waiting.clone()));
            specific.sent = true;
        }
        return;
    }
    if !several || !specific.sent {
        out.push((group, specific.input, specific.waiting.clone()));
    }
    out.push((group, general.input, general.waiting.clone()));
    specific.sent = true;
    if several {
        general.sent_to.push(group);
    }
}
