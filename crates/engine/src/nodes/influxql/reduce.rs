//! The node of the functions that make one result of a batch, or of the points of a group that have the same time.

use model::{BatchHead, Field, FieldType, GroupId, KeptRows, Name, Row, SeriesId, ShapeId, Time, save_fields};

use super::{
    aggregate::{Aggregate, aggregate},
    function::{Function, Settled},
    select::{Sample, select_many, select_one},
};
use crate::{Cx, PerGroup};

/// How many points of one time a group of a stream may have: they are all held until another time comes.
const MOST_AT_ONCE: usize = 1 << 20;

pub(super) struct ReduceNode {
    function: Function,
    field: Field,
    rename: Name,
    /// Picked points keep their own time.
    point_times: bool,
    /// It gives batches.
    batches: bool,
    /// Shapes of results, by type of the only field.
    shapes: Vec<(FieldType, ShapeId)>,
    /// From the shape of picked rows to that with the field's new name.
    renamed: Option<(ShapeId, ShapeId, Vec<usize>)>,
    samples: Vec<Sample>,
    forecast: Vec<(Time, f64)>,
    rows: Vec<Row>,
    /// Rows of a stream's group, out of its keeping.
    loaded: Vec<Row>,
    faults: Vec<Fault>,
}

/// What a group of a stream holds, and who it is.
pub(super) struct Group {
    name: Name,
    /// The series of results: the group's tags under its name.
    series: SeriesId,
    started: bool,
    /// The time of the points held.
    time: Time,
    /// The type of the points held.
    field_type: Option<FieldType>,
    settled: Settled,
    held: KeptRows,
}

/// Why a row cannot take part.
#[derive(Clone, Copy)]
enum Fault {
    Missing,
    Unfit(FieldType),
    Changed(FieldType, FieldType),
    TooMany,
}

/// Whom a result is for.
struct Target {
    id: GroupId,
    name: Name,
    series: SeriesId,
    /// The end of the batch, or the time of the points.
    time: Time,
}

impl ReduceNode {
    pub(super) fn new(function: Function, field: Name, rename: Name, point_times: bool, batches: bool) -> ReduceNode {
        ReduceNode {
            function,
            field: Field::new(field),
            rename,
            point_times,
            batches,
            shapes: Vec::new(),
            renamed: None,
            samples: Vec::new(),
            forecast: Vec::new(),
            rows: Vec::new(),
            loaded: Vec::new(),
            faults: Vec::new(),
        }
    }

    /// The field's word in a row, if its type is that of the rows before.
    #[inline]
    fn look(
        &mut self,
        row: &Row,
        known: &mut Option<FieldType>,
        settled: &mut Settled,
        cx: &Cx<'_>,
    ) -> Result<u64, Fault> {
        let (index, field_type) = self.field.find(cx.schema, row.shape).ok_or(Fault::Missing)?;
        if known.is_none() {
            *known = settled.on(field_type, self.function.takes(field_type));
        }
        match *known {
            Some(known) if known == field_type => Ok(cx.frame.word(row, index)),
            Some(known) => Err(Fault::Changed(field_type, known)),
            None => Err(Fault::Unfit(field_type)),
        }
    }

    /// Take the field out of rows, which is of the type `known` if it is known already; its type, if any row has it.
    fn gather(
        &mut self,
        rows: &[Row],
        mut known: Option<FieldType>,
        settled: &mut Settled,
        cx: &mut Cx<'_>,
    ) -> Option<FieldType> {
        self.samples.clear();
        for (number, row) in rows.iter().enumerate() {
            match self.look(row, &mut known, settled, cx) {
                Ok(word) => self.samples.push(Sample { time: row.time, word, row: number as u32 }),
                Err(fault) => self.faults.push(fault),
            }
        }
        if !self.faults.is_empty() {
            self.report(cx);
        }
        known
    }

    #[cold]
    fn report(&mut self, cx: &mut Cx<'_>) {
        let field = cx.schema.text(self.field.name());
        for fault in std::mem::take(&mut self.faults) {
            match fault {
                Fault::Missing => cx.row_error(format_args!("failed to aggregate point: field {field} is missing")),
                Fault::Unfit(found) => {
                    cx.row_error(format_args!("failed to aggregate point: field {field} is a {}", found.name()));
                }
                Fault::Changed(found, known) => cx.row_error(format_args!(
                    "failed to aggregate point: field {field} has the wrong type: it is a {}, and was a {} before",
                    found.name(),
                    known.name()
                )),
                Fault::TooMany => cx.row_error(format_args!(
                    "failed to aggregate point: the group has more than {MOST_AT_ONCE} points of the same time"
                )),
            }
        }
    }

    /// The result of the gathered samples of these rows.
    fn give(&mut self, target: &Target, field_type: FieldType, rows: &[Row], cx: &mut Cx<'_>) {
        if self.batches {
            return self.give_batch(target, field_type, rows, cx);
        }
        if self.samples.is_empty() && !self.function.takes_nothing() {
            return;
        }
        if let Some(Aggregate { word, field_type, time }) = aggregate(self.function, &mut self.samples, field_type) {
            let time = time.filter(|_| self.point_times).unwrap_or(target.time);
            let row = self.result(target, target.series, time, field_type, word, cx);
            cx.emit(row);
        } else if let Some(sample) = select_one(self.function, &mut self.samples, field_type, cx.frame) {
            let mut row = self.with_new_name(rows[sample.row as usize], cx);
            row.series = cx.schema.series_renamed(row.series, target.name);
            row.group = target.id;
            if !self.point_times {
                row.time = target.time;
            }
            cx.emit(row);
        }
    }

    fn give_batch(&mut self, target: &Target, field_type: FieldType, rows: &[Row], cx: &mut Cx<'_>) {
        let mut out = std::mem::take(&mut self.rows);
        out.clear();
        if let Function::HoltWinters(forecast) = self.function {
            self.forecast.clear();
            self.forecast.extend(self.samples.iter().map(|sample| (sample.time, sample.number(field_type))));
            for (time, value) in forecast.of(&self.forecast) {
                let time = if self.point_times { time } else { target.time };
                out.push(self.result(target, target.series, time, FieldType::Float, value.to_bits(), cx));
            }
        } else {
            let mut samples = std::mem::take(&mut self.samples);
            select_many(self.function, &mut samples, field_type, cx.frame);
            for sample in &samples {
                let time = if self.point_times { sample.time } else { target.time };
                let series = match self.function {
                    Function::Distinct => target.series,
                    _ => cx.schema.series_renamed(rows[sample.row as usize].series, target.name),
                };
                out.push(self.result(target, series, time, field_type, sample.word, cx));
            }
            self.samples = samples;
        }
        let tmax = out.iter().map(|row| row.time).fold(target.time, Time::max);
        cx.emit_batch(BatchHead { name: target.name, group: target.id, tmax }, &out);
        self.rows = out;
    }

    /// A row with the result as its only field.
    fn result(
        &mut self,
        target: &Target,
        series: SeriesId,
        time: Time,
        field_type: FieldType,
        word: u64,
        cx: &mut Cx<'_>,
    ) -> Row {
        let shape = match self.shapes.iter().find(|known| known.0 == field_type) {
            Some(known) => known.1,
            None => {
                let shape = cx.schema.shape_of(&[(self.rename, field_type)]);
                self.shapes.push((field_type, shape));
                shape
            }
        };
        let at = cx.frame.next_at();
        cx.frame.push_word(word);
        Row { time, series, shape, at, group: target.id }
    }

    /// The row with the field under its new name, instead of another field that had that name.
    fn with_new_name(&mut self, row: Row, cx: &mut Cx<'_>) -> Row {
        let name = self.field.name();
        if name == self.rename {
            return row;
        }
        if self.renamed.as_ref().is_none_or(|known| known.0 != row.shape) {
            let fields = cx.schema.shape(row.shape).fields();
            let kept: Vec<usize> = (0..fields.len()).filter(|&i| fields[i].0 != self.rename).collect();
            let new: Vec<(Name, FieldType)> = kept
                .iter()
                .map(|&i| if fields[i].0 == name { (self.rename, fields[i].1) } else { fields[i] })
                .collect();
            self.renamed = Some((row.shape, cx.schema.shape_of(&new), kept));
        }
        let (_, shape, kept) = self.renamed.as_ref().expect("it was just filled in");
        if kept.len() == cx.schema.shape(row.shape).len() {
            return Row { shape: *shape, ..row };
        }
        let at = cx.frame.next_at();
        for &index in kept {
            let word = cx.frame.word(&row, index);
            cx.frame.push_word(word);
        }
        Row { shape: *shape, at, ..row }
    }

    /// Hand on the result of the points that a group of a stream holds.
    fn close(&mut self, group: &mut Group, id: GroupId, cx: &mut Cx<'_>) {
        let Some(field_type) = group.field_type.take() else { return };
        let mut rows = std::mem::take(&mut self.loaded);
        rows.clear();
        group.held.load(cx.schema, cx.frame, 0..group.held.len(), &mut rows);
        group.held.drop_front(cx.schema, group.held.len());
        self.gather(&rows, Some(field_type), &mut group.settled, cx);
        let target = Target { id, name: group.name, series: group.series, time: group.time };
        self.give(&target, field_type, &rows, cx);
        self.loaded = rows;
    }
}

save_fields!(Group { name, series, started, time, field_type, settled, held });

impl Group {
    fn call(&mut self, name: Name, id: GroupId, cx: &Cx<'_>) {
        if self.name != name || !self.started {
            self.name = name;
            self.series = cx.schema.series_of_group(name, id);
        }
    }
}

impl PerGroup for ReduceNode {
    type Group = Group;

    fn makes_points(&self) -> bool {
        true
    }

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) -> Group {
        Group {
            name: Name::EMPTY,
            series: SeriesId(0),
            started: false,
            time: 0,
            field_type: None,
            settled: Settled::default(),
            held: KeptRows::default(),
        }
    }

    fn point(&mut self, group: &mut Group, row: Row, cx: &mut Cx<'_>) {
        if !group.started || row.time != group.time {
            self.close(group, row.group, cx);
            group.call(cx.schema.series(row.series).name(), row.group, cx);
            group.time = row.time;
            group.started = true;
        }
        let looked = self.look(&row, &mut group.field_type, &mut group.settled, cx);
        match looked {
            Ok(_) if group.held.len() < MOST_AT_ONCE => return group.held.push(cx.schema, cx.frame, &row),
            Ok(_) => self.faults.push(Fault::TooMany),
            Err(fault) => self.faults.push(fault),
        }
        self.report(cx);
    }

    fn batch(&mut self, group: &mut Group, head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        if !group.started {
            group.call(head.name, head.group, cx);
            group.started = true;
        }
        let field_type = match self.gather(rows, None, &mut group.settled, cx) {
            Some(field_type) => field_type,
            None if self.function.takes_nothing() => FieldType::Float,
            None => return,
        };
        let target = Target { id: head.group, name: group.name, series: group.series, time: head.tmax };
        self.give(&target, field_type, rows, cx);
    }
}
