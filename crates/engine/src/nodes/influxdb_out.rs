//! `|influxDBOut()`: points written to an InfluxDB, many at a time.

use std::collections::{HashMap, hash_map::Entry};

use declare::{Declaration, Nanos};
use model::{
    Damaged, Edge, Frame, LineWriter, Name, Numbered, Precision, Row, Save, Schema, SeriesId, Time, Walk, save_fields,
    write_key,
};

use super::relabel::{named, set_tag, tags_shown, tags_with};
use crate::{
    Answer, BuildError, Cx, Definition, EdgeKind, InfluxWrite, Node, NodeSaved, NodeSaver, Place, Plan, Reach, Reply,
    StatName,
};

#[derive(Debug, Clone)]
pub(super) struct InfluxDbOut {
    cluster: String,
    database: String,
    retention_policy: String,
    measurement: String,
    write_consistency: String,
    precision: String,
    buffer: i64,
    flush_interval: Nanos,
    tags: Vec<(String, String)>,
    create: bool,
}

impl Default for InfluxDbOut {
    fn default() -> Self {
        InfluxDbOut {
            cluster: String::new(),
            database: String::new(),
            retention_policy: String::new(),
            measurement: String::new(),
            write_consistency: String::new(),
            precision: String::new(),
            buffer: 1000,
            flush_interval: Nanos(10_000_000_000),
            tags: Vec::new(),
            create: false,
        }
    }
}

impl Definition for InfluxDbOut {
    const NAME: &'static str = "influxDBOut";
    const ID: &'static str = "influxdb_out";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Write all points to an InfluxDB.")
            .property("cluster", "The name of a configured InfluxDB; the default one if not given.", |i| &mut i.cluster)
            .property("database", "The database; that of the point if not given.", |i| &mut i.database)
            .property("retentionPolicy", "The retention policy; that of the point if not given.", |i| {
                &mut i.retention_policy
            })
            .property("measurement", "The measurement; that of the point if not given.", |i| &mut i.measurement)
            .property("writeConsistency", "How many nodes of a cluster must have the points.", |i| {
                &mut i.write_consistency
            })
            .choices(&["any", "one", "quorum", "all"])
            .property("precision", "The unit of the times that are written.", |i| &mut i.precision)
            .choices(&["ns", "u", "ms", "s", "m", "h"])
            .property("buffer", "How many points are written at once.", |i| &mut i.buffer)
            .property("flushInterval", "How long a point waits at most until it is written.", |i| &mut i.flush_interval)
            .method_shown(
                "tag",
                "key string, value string",
                "A tag that each point gets.",
                |i, args| {
                    set_tag(&mut i.tags, args);
                    Ok(())
                },
                |i| tags_shown(&i.tags),
            )
            .flag("create", "Create the database, and the retention policy, when the task starts.", |i| &mut i.create)
            .example("stream |from().measurement('cpu') |influxDBOut().database('copy').tag('source', 'kapacitor')")
    }

    fn gives(&self, _input: EdgeKind) -> EdgeKind {
        EdgeKind::None
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        if self.flush_interval.0 <= 0 {
            return Err("flushInterval must be greater than zero".to_string());
        }
        Ok(())
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        plan.host
            .check_write(&self.cluster, &self.precision)
            .map_err(|why| BuildError::new(format!("failed to get InfluxDB client: {why}")))?;
        Ok(Box::new(InfluxDbOutNode {
            measurement: plan.schema.name(&self.measurement),
            keys: Keys::new(named(plan.schema, &self.tags)),
            precision: known_precision(&self.precision),
            buffer: u64::try_from(self.buffer).unwrap_or(0),
            targets: HashMap::new(),
            wake: None,
            definition: self,
        }))
    }
}

/// The unit of a script's word, if it is one.
fn known_precision(word: &str) -> Option<Precision> {
    matches!(word, "" | "n" | "ns" | "u" | "us" | "µ" | "µs" | "ms" | "s" | "m" | "h").then(|| match word {
        "us" | "µ" | "µs" => Precision::Microseconds,
        word => Precision::parse(word),
    })
}

/// Lines of this many bytes are written though fewer points than wanted have come.
const MOST_BYTES: usize = 8 << 20;

struct InfluxDbOutNode {
    definition: InfluxDbOut,
    /// Empty keeps it.
    measurement: Name,
    keys: Keys,
    /// `None`: the script's word is no unit, so nothing can be written.
    precision: Option<Precision>,
    buffer: u64,
    targets: HashMap<(String, String), Target>,
    /// When a flush is due; none while nothing is held.
    wake: Option<Time>,
}

/// Lines that wait, for one database and retention policy.
#[derive(Default)]
struct Target {
    lines: String,
    points: u64,
    /// The length of the lines written last: what the next ones will need.
    expected: usize,
}

save_fields!(Target { lines, points, expected });

/// The keys of lines, each written once.
struct Keys {
    /// What every series gets.
    tags: Vec<(Name, Name)>,
    /// By number of a series: 1 more than the index of its key.
    known: Numbered<u32>,
    keys: Vec<Key>,
    texts: String,
}

/// A key of a series that was given this name, and where it is.
struct Key {
    name: Name,
    begin: usize,
    end: usize,
}

/// Keys are forgotten once they take so many bytes.
const MOST_KEYS: usize = 4 << 20;

impl Keys {
    fn new(tags: Vec<(Name, Name)>) -> Keys {
        Keys { tags, known: Numbered::default(), keys: Vec::new(), texts: String::new() }
    }

    #[inline]
    fn of(&mut self, schema: &Schema, series: SeriesId, name: Name) -> &str {
        let known = (self.known.of(schema).get(series.0) as usize).checked_sub(1);
        let index = match known {
            Some(index) if self.keys[index].name == name => index,
            _ => self.learn(schema, series, name),
        };
        &self.texts[self.keys[index].begin..self.keys[index].end]
    }

    #[cold]
    fn learn(&mut self, schema: &Schema, series: SeriesId, name: Name) -> usize {
        if self.texts.len() > MOST_KEYS {
            (self.known, self.texts) = (Numbered::default(), String::new());
            self.keys.clear();
        }
        let mut tags = tags_with(schema, series, &self.tags);
        schema.sort_tags(&mut tags);
        let begin = self.texts.len();
        write_key(schema, schema.text(name), &tags, &mut self.texts);
        self.keys.push(Key { name, begin, end: self.texts.len() });
        self.known.of(schema).set(series.0, self.keys.len() as u32);
        self.keys.len() - 1
    }

    fn memory(&self) -> usize {
        self.known.memory() + self.keys.capacity() * size_of::<Key>() + self.texts.capacity()
    }
}

/// Adds a row as a line.
struct Writer<'a> {
    keys: &'a mut Keys,
    lines: LineWriter,
    schema: &'a Schema,
    frame: &'a Frame,
}

impl Writer<'_> {
    #[inline]
    fn add(&mut self, row: &Row, name: Name, target: &mut Target) {
        let key = self.keys.of(self.schema, row.series, name);
        if self.lines.write(self.schema, self.frame, row, key, &mut target.lines) {
            target.points += 1;
        }
    }
}

impl Target {
    fn is_full(&self, buffer: u64) -> bool {
        self.points > 0 && (self.points >= buffer || self.lines.len() >= MOST_BYTES)
    }

    /// Hand all lines over; gives the count of their points.
    fn flush(&mut self, place: &(String, String), definition: &InfluxDbOut, cx: &Cx<'_>) -> i64 {
        if self.points == 0 {
            return 0;
        }
        self.expected = self.lines.len();
        let write = InfluxWrite {
            cluster: definition.cluster.clone(),
            database: place.0.clone(),
            retention_policy: place.1.clone(),
            precision: definition.precision.clone(),
            consistency: definition.write_consistency.clone(),
            lines: std::mem::take(&mut self.lines),
            points: std::mem::take(&mut self.points),
        };
        let points = write.points;
        cx.host.write(write, cx.ticket(points));
        points as i64
    }

    /// With what waits elsewhere for the same place.
    fn take_in(&mut self, other: Target) {
        self.lines.push_str(&other.lines);
        self.points += other.points;
        self.expected = self.expected.max(other.expected);
    }

    fn make_room(&mut self) {
        if self.lines.capacity() == 0 {
            self.lines.reserve(self.expected + self.expected / 8);
        }
    }
}

impl InfluxDbOutNode {
    /// Where points are written to that came from this place.
    fn place(&self, database: &str, retention_policy: &str) -> (String, String) {
        let chosen = |own: &String, given: &str| if own.is_empty() { given.to_string() } else { own.clone() };
        (chosen(&self.definition.database, database), chosen(&self.definition.retention_policy, retention_policy))
    }

    fn points(&mut self, rows: &[Row], cx: &mut Cx<'_>) {
        let place = self.place(&cx.origin.database, &cx.origin.retention_policy);
        let Some(unit) = self.unit(cx) else { return };
        let mut target = self.targets.remove(&place).unwrap_or_default();
        let mut writer =
            Writer { keys: &mut self.keys, lines: LineWriter::new(unit), schema: cx.schema, frame: cx.frame };
        let mut queued = 0;
        for row in rows {
            target.make_room();
            let name = if self.measurement.is_empty() { cx.schema.series(row.series).name() } else { self.measurement };
            writer.add(row, name, &mut target);
            if target.is_full(self.buffer) {
                queued += target.flush(&place, &self.definition, cx);
            }
        }
        cx.stat("points_queued", queued);
        self.put_back(place, target, cx);
    }

    fn batch(&mut self, name: Name, rows: &[Row], cx: &mut Cx<'_>) {
        let place = self.place("", "");
        let Some(unit) = self.unit(cx) else { return };
        let mut target = self.targets.remove(&place).unwrap_or_default();
        target.make_room();
        let name = if self.measurement.is_empty() { name } else { self.measurement };
        let mut writer =
            Writer { keys: &mut self.keys, lines: LineWriter::new(unit), schema: cx.schema, frame: cx.frame };
        for row in rows {
            writer.add(row, name, &mut target);
        }
        if target.is_full(self.buffer) {
            let queued = target.flush(&place, &self.definition, cx);
            cx.stat("points_queued", queued);
        }
        self.put_back(place, target, cx);
    }

    fn unit(&self, cx: &mut Cx<'_>) -> Option<i64> {
        if self.precision.is_none() {
            let word = &self.definition.precision;
            cx.row_error(format_args!(
                "failed to write points to InfluxDB: {word:?} is no precision, write one of ns, u, ms, s, m, h"
            ));
        }
        self.precision.map(Precision::nanos)
    }

    fn put_back(&mut self, place: (String, String), target: Target, cx: &mut Cx<'_>) {
        if target.points > 0 && self.wake.is_none() {
            let due = cx.now.saturating_add(self.definition.flush_interval.0);
            self.wake = Some(due);
            cx.wake_at(due);
        }
        self.targets.insert(place, target);
    }

    fn flush(&mut self, cx: &mut Cx<'_>) {
        // Places that nothing came for since the last flush are forgotten.
        self.targets.retain(|_, target| target.points > 0);
        let queued: i64 =
            self.targets.iter_mut().map(|(place, target)| target.flush(place, &self.definition, cx)).sum();
        cx.stat("points_queued", queued);
    }
}

impl Node for InfluxDbOutNode {
    fn start(&mut self, cx: &mut Cx<'_>) {
        if self.definition.create {
            let InfluxDbOut { cluster, database, retention_policy, .. } = &self.definition;
            cx.host.create_database(cluster, database, retention_policy);
        }
    }

    fn receive(&mut self, _input: usize, edge: &Edge, cx: &mut Cx<'_>) {
        for item in edge.walk() {
            match item {
                Walk::Points(rows) => self.points(rows, cx),
                Walk::Batch(head, rows) => self.batch(head.name, rows, cx),
                Walk::Barrier(..) | Walk::DeleteGroup(_) => {}
            }
        }
    }

    fn wake(&mut self, now: Time, cx: &mut Cx<'_>) {
        if self.wake.is_some_and(|due| due <= now) {
            self.wake = None;
            self.flush(cx);
        }
    }

    fn reply(&mut self, reply: Reply, cx: &mut Cx<'_>) {
        match reply.answer {
            Answer::Done(points) => {
                cx.stat("points_queued", -(reply.ticket as i64));
                cx.stat("points_written", points as i64);
            }
            Answer::Failed(why) => {
                cx.stat("points_queued", -(reply.ticket as i64));
                cx.stat("write_errors", 1);
                cx.stat("points_dropped", reply.ticket as i64);
                cx.row_error(format_args!("failed to write points to InfluxDB: {why}"));
            }
            _ => {}
        }
    }

    fn finish(&mut self, cx: &mut Cx<'_>) {
        self.flush(cx);
    }

    fn suspend(&mut self, cx: &mut Cx<'_>) {
        self.wake = None;
        self.flush(cx);
    }

    fn stats(&self) -> &'static [StatName] {
        &["points_written", "write_errors"]
    }

    fn rare_stats(&self) -> &'static [StatName] {
        &["points_queued", "points_dropped"]
    }

    fn save(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| {
            self.wake.save(out);
            out.number(self.targets.len() as u64);
            for ((database, policy), target) in &self.targets {
                out.text(database);
                out.text(policy);
                target.save(out);
            }
        });
    }

    fn restore(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let read = <(Option<Time>, Vec<((String, String), Target)>)>::restore;
        let all = saved.each_own(read)?;
        self.wake = all.iter().filter_map(|(wake, _)| *wake).min();
        self.targets.clear();
        for (place, target) in all.into_iter().flat_map(|(_, targets)| targets) {
            match self.targets.entry(place) {
                Entry::Vacant(new) => drop(new.insert(target)),
                Entry::Occupied(known) => known.into_mut().take_in(target),
            }
        }
        Ok(())
    }

    fn memory(&self) -> usize {
        let targets = self.targets.iter().map(|(place, target)| place.owned() + target.owned());
        targets.sum::<usize>() + self.keys.memory()
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use crate::{InfluxWrite, testing::Bench};

    fn lines(writes: &[InfluxWrite]) -> Vec<(String, String)> {
        let place = |write: &InfluxWrite| format!("{}.{} {}", write.database, write.retention_policy, write.points);
        writes.iter().map(|write| (place(write), write.lines.clone())).collect()
    }

    #[test]
    fn points_are_written_when_there_are_enough() {
        let script = "stream |from() |influxDBOut().buffer(2).precision('s').measurement('n').tag('k', 'v w')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=a x=1,i=2i 1\nm,h=a s=\"t\" 2\nm,h=b b=true 3", Precision::Seconds);
        assert_eq!(
            lines(&bench.host.seen().writes),
            [("d.r 2".to_string(), "n,h=a,k=v\\ w i=2i,x=1 1\nn,h=a,k=v\\ w s=\"t\" 2\n".to_string())]
        );
        bench.advance_to(9_999_999_999);
        assert_eq!(bench.host.seen().writes.len(), 1);
        bench.advance_to(10_000_000_000);
        assert_eq!(lines(&bench.host.seen().writes)[1].1, "n,h=b,k=v\\ w b=true 3\n");
        assert_eq!(bench.stat("influxdb_out2", "points_written"), 3);
    }

    #[test]
    fn keys_are_written_anew_for_another_name_and_once_they_take_too_much() {
        let script = "stream |from() |influxDBOut().buffer(1000000).tag('h', 'x').tag('a', 'b')";
        let mut bench = Bench::new(script).unwrap();
        let text = "z".repeat(600);
        let body = |host: usize| format!("m,h=old,t={text}{host} x=1 1\n");
        let all: String = (0..9000).map(body).collect();
        bench.write(&(all.clone() + &all), Precision::Nanoseconds);
        bench.finish();
        let lines: String = bench.host.seen().writes.iter().map(|write| write.lines.as_str()).collect();
        let want: String = (0..9000).map(|host| format!("m,a=b,h=x,t={text}{host} x=1 1\n")).collect();
        assert!(lines == want.clone() + &want);
    }

    #[test]
    fn what_is_held_is_written_at_the_end() {
        let script = "stream |from() |window().periodCount(2).everyCount(2) |influxDBOut().database('o').buffer(9)";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m,h=a x=1 1\nm,h=a x=2 2", Precision::Nanoseconds);
        assert!(bench.host.seen().writes.is_empty());
        bench.finish();
        assert_eq!(lines(&bench.host.seen().writes), [("o. 2".to_string(), "m,h=a x=1 1\nm,h=a x=2 2\n".to_string())]);
    }

    #[test]
    fn what_cannot_work_is_refused() {
        for (call, why) in [
            ("influxDBOut().cluster('nowhere')", "failed to get InfluxDB client"),
            ("influxDBOut().flushInterval(0s)", "greater than zero"),
            ("influxDBOut()|httpOut('x')", "nothing"),
        ] {
            let error = Bench::new(&format!("stream|from()|{call}")).err().expect("an error");
            assert!(error.contains(why), "{error}");
        }
        let mut bench = Bench::new("stream|from()|influxDBOut().precision('fortnight')").unwrap();
        bench.write("m x=1 1", Precision::Nanoseconds);
        bench.finish();
        assert!(bench.host.seen().writes.is_empty());
        assert_eq!(bench.stat("influxdb_out2", "errors"), 1);
    }
}
