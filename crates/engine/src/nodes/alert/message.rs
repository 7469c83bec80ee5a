//! `.id`, `.message`, `.details`: the texts of an event, written by Go templates of what is known of it.

use std::sync::Arc;

use alert::Level;
use gotemplate::{Error, FieldsUsed, Template, Value};
use model::{GroupId, Name, Row, Schema, Tags, Time};

use crate::{BuildError, Cx, Flaw, ServerInfo};

/// What is wrong with the texts of an alert: templates that do not parse, and names that no event has.
pub(super) fn flaws([id, message, details]: [&str; 3]) -> Vec<Flaw> {
    let none = || Value::string_map::<&str, &str>([]);
    let server = ["Hostname", "ClusterID", "ServerID"].map(|name| (name, "".into()));
    let base = Value::structure(
        "kapacitor.idInfo",
        vec![
            ("Name", "".into()),
            ("TaskName", "".into()),
            ("Group", "".into()),
            ("Tags", none()),
            ("ServerInfo", Value::structure("kapacitor.serverInfo", server.to_vec())),
        ],
    );
    let about = Value::structure(
        "kapacitor.messageInfo",
        vec![
            ("idInfo", base.clone()),
            ("ID", "".into()),
            ("Fields", none()),
            ("Level", "OK".into()),
            ("Time", Value::Time(0)),
            ("Duration", Value::Duration(0)),
        ],
    );
    let all = Value::structure("kapacitor.detailsInfo", vec![("messageInfo", about.clone()), ("Message", "".into())]);
    let texts = [
        ("id", Template::text("id", id), base),
        ("message", Template::text("message", message), about),
        ("details", Template::html("details", details), all),
    ];
    let flaw = |property, message: String, refuses| Flaw { property, message, refuses };
    let mut found = Vec::new();
    for (property, template, data) in texts {
        match template {
            Err(error) => {
                let why = format!("{property}: line {} of the template: {}", error.line(), error.message());
                found.push(flaw(property, why, true));
            }
            // Values are another thing: those of a real event may fit.
            Ok(template) => {
                let Some(name) = template.execute(&data).err().and_then(|error| unknown_name(&error)) else { continue };
                let near = declare::did_you_mean(&declare::nearest(&name, NAMES));
                found.push(flaw(
                    property,
                    format!("{property}: the template reads .{name}, which is not there{near}"),
                    false,
                ));
            }
        }
    }
    found
}

/// What templates of an alert may read.
const NAMES: [&str; 11] =
    ["Name", "TaskName", "Group", "Tags", "ServerInfo", "ID", "Fields", "Level", "Time", "Duration", "Message"];

/// The name that a template reads and no event has.
fn unknown_name(error: &Error) -> Option<String> {
    let (_, rest) = error.message().split_once("can't evaluate field ")?;
    rest.split(' ').next().map(str::to_string)
}

/// Texts by name, as events and templates share them.
pub(super) type Texts = Vec<(Arc<str>, Arc<str>)>;

/// What an event is about: a point, or a batch as a whole.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) name: Name,
    pub(super) group: GroupId,
    pub(super) tags: &'a Tags,
}

impl Subject<'_> {
    /// Its tags as texts, sorted by key.
    pub(super) fn texts(&self, schema: &Schema) -> Texts {
        self.tags.iter().map(|(key, value)| (schema.text(*key).into(), schema.text(*value).into())).collect()
    }
}

/// What is known of an event besides its subject.
pub(super) struct Happening<'a> {
    pub(super) level: Level,
    pub(super) time: Time,
    pub(super) duration: i64,
    /// The row that decided on the level.
    pub(super) row: &'a Row,
}

/// The templates of one alert node.
pub(super) struct Messages {
    id: Text,
    message: Text,
    details: Text,
    task: Arc<str>,
    server: Value,
    /// Whether any template may read the tags, or the fields.
    reads_tags: bool,
    reads_fields: bool,
    /// See [`crate::Plan::nil_tags`].
    nil_tags: bool,
}

/// A template, or the text that it always gives.
enum Text {
    Fixed(Arc<str>),
    Template(Template),
}

impl Text {
    fn new(template: Template) -> Text {
        match template.constant() {
            Some(text) => Text::Fixed(text.into()),
            None => Text::Template(template),
        }
    }

    fn reads(&self, field: &str) -> bool {
        match self {
            Text::Fixed(_) => false,
            Text::Template(template) => {
                let used: &FieldsUsed = template.fields_used();
                used.reads(field)
            }
        }
    }

    fn render(&self, data: impl FnOnce() -> Value) -> Result<Arc<str>, Error> {
        match self {
            Text::Fixed(text) => Ok(Arc::clone(text)),
            Text::Template(template) => Ok(template.execute(&data())?.into()),
        }
    }
}

/// The texts of one event while they are being written; each sees those before it.
pub(super) struct Draft<'a> {
    messages: &'a Messages,
    /// Name, task, group, tags, server: what the id may read.
    base: Value,
    about: Option<Value>,
}

impl Messages {
    pub(super) fn new(
        [id, message, details]: [&str; 3],
        task: &Arc<str>,
        server: &ServerInfo,
        nil_tags: bool,
    ) -> Result<Messages, BuildError> {
        let wrong = |error: Error| BuildError::new(error.to_string());
        let id = Text::new(Template::text("id", id).map_err(wrong)?);
        let message = Text::new(Template::text("message", message).map_err(wrong)?);
        let details = Text::new(Template::html("details", details).map_err(wrong)?);
        let texts = [&id, &message, &details];
        let server = Value::structure(
            "kapacitor.serverInfo",
            vec![
                ("Hostname", server.hostname.as_str().into()),
                ("ClusterID", server.cluster_id.as_str().into()),
                ("ServerID", server.server_id.as_str().into()),
            ],
        );
        Ok(Messages {
            reads_tags: texts.iter().any(|text| text.reads("Tags")),
            reads_fields: texts.iter().any(|text| text.reads("Fields")),
            id,
            message,
            details,
            task: Arc::clone(task),
            server,
            nil_tags,
        })
    }

    /// Why details can never be written, if that is so: Go finds it only with the first event.
    pub(super) fn hopeless(&self) -> Option<&Error> {
        match &self.details {
            Text::Fixed(_) => None,
            Text::Template(template) => template.escape_error(),
        }
    }

    /// Begin to write of a subject. `tags` are its own, if somebody has them as texts already.
    pub(super) fn draft(&self, subject: &Subject<'_>, tags: Option<&Texts>, schema: &Schema) -> Draft<'_> {
        let mut fields = Vec::with_capacity(5);
        fields.push(("Name", schema.text(subject.name).into()));
        fields.push(("TaskName", Arc::clone(&self.task).into()));
        let group = if subject.group == GroupId::NIL { "nil".into() } else { schema.group_text(subject.group).into() };
        fields.push(("Group", group));
        if self.reads_tags {
            let tags = match tags {
                _ if self.nil_tags && subject.tags.is_empty() => Value::nil_string_map(),
                Some(texts) => Value::string_map(texts.iter().cloned()),
                None => Value::string_map(subject.texts(schema)),
            };
            fields.push(("Tags", tags));
        }
        fields.push(("ServerInfo", self.server.clone()));
        Draft { messages: self, base: Value::structure("kapacitor.idInfo", fields), about: None }
    }
}

impl Draft<'_> {
    pub(super) fn id(&self) -> Result<Arc<str>, Error> {
        self.messages.id.render(|| self.base.clone())
    }

    pub(super) fn message(&mut self, id: &Arc<str>, what: &Happening<'_>, cx: &Cx<'_>) -> Result<Arc<str>, Error> {
        let messages = self.messages;
        messages.message.render(|| self.about(id, what, cx))
    }

    pub(super) fn details(
        &mut self,
        id: &Arc<str>,
        message: &Arc<str>,
        what: &Happening<'_>,
        cx: &Cx<'_>,
    ) -> Result<Arc<str>, Error> {
        let messages = self.messages;
        messages.details.render(|| {
            let about = self.about(id, what, cx);
            Value::structure(
                "kapacitor.detailsInfo",
                vec![("messageInfo", about), ("Message", Arc::clone(message).into())],
            )
        })
    }

    fn about(&mut self, id: &Arc<str>, what: &Happening<'_>, cx: &Cx<'_>) -> Value {
        if let Some(about) = &self.about {
            return about.clone();
        }
        let mut fields = Vec::with_capacity(6);
        fields.push(("idInfo", self.base.clone()));
        fields.push(("ID", Arc::clone(id).into()));
        if self.messages.reads_fields {
            fields.push(("Fields", fields_of(what.row, cx)));
        }
        fields.push(("Level", what.level.name().into()));
        fields.push(("Time", Value::Time(what.time)));
        fields.push(("Duration", Value::Duration(what.duration)));
        self.about.insert(Value::structure("kapacitor.messageInfo", fields)).clone()
    }
}

/// The fields of a row, as `.Fields` shows them.
fn fields_of(row: &Row, cx: &Cx<'_>) -> Value {
    Value::map(cx.schema.shape(row.shape).sorted().map(|(index, name, field_type)| {
        let value = match cx.frame.value(cx.frame.word(row, index), field_type) {
            model::Value::Float(value) => value.into(),
            model::Value::Int(value) => value.into(),
            model::Value::String(text) => text.into(),
            model::Value::Bool(value) => value.into(),
            model::Value::Duration(nanos) => Value::Duration(nanos),
            model::Value::Time(nanos) => Value::Time(nanos),
            model::Value::Null => Value::Nil,
        };
        (cx.schema.text(name), value)
    }))
}
