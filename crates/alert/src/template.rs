//! What templates of handlers see of an event.

use gotemplate::Value;
use serde_json::Value as Json;

use crate::{Event, EventData};

impl Event {
    /// For properties of handlers that are templates: `{{ .ID }}`, `{{ .Level }}`, `{{ index .Tags "host" }}` …
    pub fn template_data(&self) -> Value {
        let (state, data) = (&self.state, &self.data);
        let fields = vec![
            ("ID", state.id.clone().into()),
            ("Message", state.message.clone().into()),
            ("Level", state.level.name().into()),
            ("Time", Value::Time(state.time)),
            ("Duration", Value::Duration(state.duration)),
            ("Details", state.details.clone().into()),
            ("Name", data.name.clone().into()),
            ("TaskName", data.task_name.clone().into()),
            ("Group", data.group.clone().into()),
            ("Tags", self.data.template_tags()),
            ("Fields", self.data.template_fields()),
        ];
        Value::structure("alert.TemplateData", fields)
    }

    /// For URLs and bodies of HTTP endpoints: what the event's JSON holds.
    pub fn wire_template_data(&self) -> Value {
        let state = &self.state;
        let fields = vec![
            ("ID:id", state.id.clone().into()),
            ("Message:message", state.message.clone().into()),
            ("Details:details", state.details.clone().into()),
            ("Time:time", Value::Time(state.time)),
            ("Duration:duration", Value::Duration(state.duration)),
            ("Level:level", Value::Level(state.level as u8)),
            ("Data:data", Value::structure("models.Result", vec![("Series:series", self.data.template_series())])),
            ("PreviousLevel:previousLevel", Value::Level(self.previous as u8)),
            ("Recoverable:recoverable", self.data.recoverable.into()),
        ];
        Value::structure("alert.Data", fields)
    }
}

impl EventData {
    /// `.Tags`
    pub fn template_tags(&self) -> Value {
        Value::string_map(self.tags.iter().map(|(key, value)| (key.clone(), value.clone())))
    }

    /// `.Fields`
    pub fn template_fields(&self) -> Value {
        Value::map(self.fields.iter().map(|(name, value)| (name.clone(), template_value(value))))
    }

    fn template_series(&self) -> Value {
        if self.series.is_empty() {
            return Value::Nil;
        }
        let series: Json = serde_json::from_str(&format!("[{}]", self.series)).unwrap_or_default();
        Value::list(series.as_array().into_iter().flatten().map(template_row))
    }
}

fn template_value(value: &model::Value) -> Value {
    match value {
        model::Value::Float(value) => (*value).into(),
        model::Value::Int(value) => (*value).into(),
        model::Value::String(text) => text.clone().into(),
        model::Value::Bool(value) => (*value).into(),
        model::Value::Duration(nanos) => Value::Duration(*nanos),
        model::Value::Time(nanos) => Value::Time(*nanos),
        model::Value::Null => Value::Nil,
    }
}

/// One series of rows. Values of the column `time` are times again.
fn template_row(series: &Json) -> Value {
    let texts = |value: &Json| value.as_str().unwrap_or_default().to_string();
    let tags = series["tags"].as_object().into_iter().flatten();
    let columns: Vec<String> = series["columns"].as_array().into_iter().flatten().map(texts).collect();
    let row = |row: &Json| {
        let cells = row.as_array().into_iter().flatten().enumerate();
        Value::list(cells.map(|(column, cell)| match cell.as_str().and_then(model::parse_rfc3339) {
            Some(time) if columns.get(column).is_some_and(|name| name == "time") => Value::Time(time),
            _ => Value::from(cell.clone()),
        }))
    };
    let values = Value::list(series["values"].as_array().into_iter().flatten().map(row));
    let fields = vec![
        ("Name:name,omitempty", texts(&series["name"]).into()),
        ("Tags:tags,omitempty", Value::string_map(tags.map(|(key, value)| (key.as_str(), texts(value))))),
        ("Columns:columns,omitempty", Value::list(columns.iter().map(String::as_str))),
        ("Values:values,omitempty", values),
    ];
    Value::structure("models.Row", fields)
}

#[cfg(test)]
mod tests {
    use gotemplate::Template;

    use super::*;
    use crate::testing::event;
    use crate::{EventData, Level};

    fn example() -> Event {
        let mut event = event("t", "svc/web-1", Level::Critical);
        event.state.time = 1_609_502_440_000_000_000;
        event.state.duration = 30_000_000_000;
        event.previous = Level::Warning;
        event.data = EventData {
            name: "svc".into(),
            tags: vec![("dc".into(), "fra".into()), ("host".into(), "web-1".into())],
            fields: vec![("lat".into(), model::Value::Float(998.0))],
            recoverable: true,
            series: concat!(
                r#"{"name":"svc","tags":{"dc":"fra","host":"web-1"},"columns":["time","lat","route"],"#,
                r#""values":[["2021-01-01T12:00:40Z",998,"/api/v1"]]}"#
            )
            .into(),
            ..EventData::default()
        }
        .into();
        event
    }

    #[test]
    fn handlers_see_state_tags_and_fields() {
        let text =
            r#"{{ .ID }} {{ .Level }} {{ index .Tags "host" }} {{ index .Fields "lat" }} {{ .Time }} {{ .Duration }}"#;
        let template = Template::text("t", text).unwrap();
        let want = "svc/web-1 CRITICAL web-1 998 2021-01-01 12:00:40 +0000 UTC 30s";
        assert_eq!(template.execute(&example().template_data()).unwrap(), want);
    }

    #[test]
    fn endpoints_see_the_events_json() {
        let text = concat!(
            "{{.ID}}|{{.Level}}|{{.PreviousLevel}}|{{.Duration}}|{{.Recoverable}}|",
            "{{range .Data.Series}}{{.Name}} {{.Tags}} {{.Columns}} {{.Values}}{{end}}"
        );
        let template = Template::text_with_json("t", text).unwrap();
        let want = concat!(
            "svc/web-1|CRITICAL|WARNING|30s|true|",
            "svc map[dc:fra host:web-1] [time lat route] [[2021-01-01 12:00:40 +0000 UTC 998 /api/v1]]"
        );
        assert_eq!(template.execute(&example().wire_template_data()).unwrap(), want);
        let template = Template::text_with_json("t", "{{ jsonCompact . }}").unwrap();
        assert_eq!(template.execute(&example().wire_template_data()).unwrap(), example().json());
    }
}
