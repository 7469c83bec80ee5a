//! `.idTag`, `.levelField` and their like: what an event says, put on the rows that go on.

use std::sync::Arc;

use alert::Level;
use model::{BatchHead, FieldType, GroupId, Name, Put, Row, Schema};

use crate::Cx;

/// Where to put what; none of it by default.
#[derive(Default)]
pub(super) struct Augment {
    pub(super) id_tag: Option<Name>,
    pub(super) level_tag: Option<Name>,
    pub(super) id_field: Option<Put>,
    pub(super) level_field: Option<Put>,
    pub(super) message_field: Option<Put>,
    pub(super) duration_field: Option<Put>,
}

/// What is put there.
pub(super) struct Said {
    pub(super) id: Arc<str>,
    pub(super) message: Arc<str>,
    pub(super) level: Level,
    pub(super) duration: i64,
    /// The topics were told.
    pub(super) told: bool,
}

/// The names of the properties, empty for none.
pub(super) struct Wanted<'a> {
    pub(super) id_tag: &'a str,
    pub(super) level_tag: &'a str,
    pub(super) id_field: &'a str,
    pub(super) level_field: &'a str,
    pub(super) message_field: &'a str,
    pub(super) duration_field: &'a str,
}

impl Augment {
    pub(super) fn new(wanted: &Wanted<'_>, schema: &Schema) -> Augment {
        let name = |text: &str| (!text.is_empty()).then(|| schema.name(text));
        let put = |text: &str| name(text).map(Put::new);
        Augment {
            id_tag: name(wanted.id_tag),
            level_tag: name(wanted.level_tag),
            id_field: put(wanted.id_field),
            level_field: put(wanted.level_field),
            message_field: put(wanted.message_field),
            duration_field: put(wanted.duration_field),
        }
    }

    pub(super) fn wants_id(&self) -> bool {
        self.id_tag.is_some() || self.id_field.is_some()
    }

    pub(super) fn wants_message(&self) -> bool {
        self.message_field.is_some()
    }

    /// Rows go on as they came.
    pub(super) fn is_nothing(&self) -> bool {
        let fields = [&self.id_field, &self.level_field, &self.message_field, &self.duration_field];
        !self.changes_tags() && fields.iter().all(|field| field.is_none())
    }

    fn changes_tags(&self) -> bool {
        self.id_tag.is_some() || self.level_tag.is_some()
    }

    /// The point with its event put on it.
    pub(super) fn point(&mut self, row: Row, said: &Said, cx: &mut Cx<'_>) -> Row {
        if self.is_nothing() {
            return row;
        }
        let mut row = self.fields(row, said, cx);
        if self.changes_tags() {
            row = self.tags(row, said, cx.schema);
            row.group = cx.schema.regroup(row.group, row.series);
        }
        row
    }

    /// The batch with its event put on each of its rows, and on itself: new tags are part of its group then.
    pub(super) fn batch(
        &mut self,
        mut head: BatchHead,
        rows: &[Row],
        said: &Said,
        cx: &mut Cx<'_>,
    ) -> (BatchHead, Vec<Row>) {
        if self.changes_tags() {
            head.group = self.group(head, said, cx.schema);
        }
        let rows = rows.iter().map(|row| {
            let mut row = self.fields(*row, said, cx);
            if self.changes_tags() {
                row = self.tags(row, said, cx.schema);
            }
            Row { group: head.group, ..row }
        });
        let rows = rows.collect();
        (head, rows)
    }

    fn tags(&self, row: Row, said: &Said, schema: &Schema) -> Row {
        let series = schema.series(row.series);
        let mut tags = series.tags().to_vec();
        self.put_tags(said, schema, |key, value| tags.push((key, value)));
        Row { series: schema.series_of(series.name(), &tags), ..row }
    }

    fn group(&self, head: BatchHead, said: &Said, schema: &Schema) -> GroupId {
        let mut tags = schema.group(head.group).tags().to_vec();
        self.put_tags(said, schema, |key, value| match tags.iter_mut().find(|tag| tag.0 == key) {
            Some(tag) => tag.1 = value,
            None => {
                let at = tags.partition_point(|tag| schema.text(tag.0) < schema.text(key));
                tags.insert(at, (key, value));
            }
        });
        schema.group_of_tags(schema.dimensions(head.group).by_name, head.name, &tags)
    }

    fn put_tags(&self, said: &Said, schema: &Schema, mut put: impl FnMut(Name, Name)) {
        if let Some(key) = self.level_tag {
            put(key, schema.name(said.level.name()));
        }
        if let Some(key) = self.id_tag {
            put(key, schema.tag_value(&said.id));
        }
    }

    fn fields(&mut self, mut row: Row, said: &Said, cx: &mut Cx<'_>) -> Row {
        let texts = [
            (&mut self.level_field, said.level.name()),
            (&mut self.message_field, &*said.message),
            (&mut self.id_field, &*said.id),
        ];
        for (put, text) in texts {
            if let Some(put) = put {
                let word = cx.frame.push_text(text);
                row = put.set(cx.schema, cx.frame, &row, FieldType::String, word);
            }
        }
        if let Some(put) = &mut self.duration_field {
            row = put.int(cx.schema, cx.frame, &row, said.duration);
        }
        row
    }
}
