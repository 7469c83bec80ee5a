//! Where an `httpPost` node posts to, and what its requests say.

use gotemplate::{Template, Value};
use model::{FieldType, Name, Row, Tags, write_series};

use crate::{Cx, HttpEndpoint};

/// Put a header in the place of all of its name.
fn set_header(headers: &mut Vec<(String, String)>, key: &str, value: &str) {
    headers.retain(|(known, _)| !known.eq_ignore_ascii_case(key));
    headers.push((key.to_string(), value.to_string()));
}

/// Where posts go to, and what they look like.
pub(super) struct Target {
    pub(super) endpoint: HttpEndpoint,
    url: Template,
    /// The URL, if it is the same for all data.
    fixed_url: Option<String>,
    body: Option<Template>,
    /// The endpoint's headers and the node's.
    pub(super) headers: Vec<(String, String)>,
}

impl Target {
    /// `own` headers go before those of the endpoint.
    pub(super) fn new(endpoint: HttpEndpoint, own: &[(String, String)]) -> Result<Target, String> {
        let template = |what: &str, source: &str| {
            Template::text_with_json("body", source)
                .map_err(|error| format!("error in {what} templating: failed to parse template: {error}"))
        };
        let url = template("url", &endpoint.url)?;
        let body = endpoint.row_template.as_deref().map(|source| template("row", source)).transpose()?;
        let mut headers = endpoint.headers.clone();
        if body.is_none() {
            set_header(&mut headers, "Content-Type", "application/json");
        }
        for (key, value) in own {
            set_header(&mut headers, key, value);
        }
        Ok(Target { fixed_url: url.constant(), url, body, headers, endpoint })
    }

    /// The URL and the body of a request with these rows.
    pub(super) fn texts(&self, name: Name, tags: &Tags, rows: &[Row], cx: &Cx<'_>) -> Result<(String, String), String> {
        let Target { url, fixed_url, body, .. } = self;
        let data = (body.is_some() || fixed_url.is_none()).then(|| template_data(name, tags, rows, cx));
        let run = |template: &Template, what: &str| {
            template
                .execute(data.as_ref().unwrap_or(&Value::Nil))
                .map_err(|error| format!("failed to execute {what}template: {error}"))
        };
        let body = match body {
            Some(template) => run(template, "")?,
            None => {
                let mut body = String::with_capacity(256);
                body.push_str("{\"series\":[");
                write_series(cx.schema, cx.frame, name, tags, rows, &mut body)
                    .map_err(|error| format!("failed to marshal row data {error}"))?;
                body.push_str("]}\n");
                body
            }
        };
        let url = match fixed_url {
            Some(url) => url.clone(),
            None => run(url, "url ")?,
        };
        Ok((url, body))
    }
}

/// What templates of URLs and bodies see: `.Name`, `.Tags` and `.Values`, a map for each row.
fn template_data(name: Name, tags: &Tags, rows: &[Row], cx: &Cx<'_>) -> Value {
    let schema = cx.schema;
    let columns: Vec<Name> =
        rows.first().map_or_else(Vec::new, |row| schema.shape(row.shape).sorted().map(|(_, name, _)| name).collect());
    let values = rows.iter().map(|row| {
        let shape = schema.shape(row.shape);
        let cells = columns.iter().map(|&column| {
            let value = shape
                .find(column)
                .map_or(Value::Nil, |(index, field_type)| template_value(cx.frame.word(row, index), field_type, cx));
            (schema.text(column), value)
        });
        Value::map(std::iter::once(("time", Value::Time(row.time))).chain(cells))
    });
    let fields = vec![
        ("Name", Value::from(schema.text(name))),
        ("Tags", Value::string_map(tags.iter().map(|(key, value)| (schema.text(*key), schema.text(*value))))),
        ("Values", Value::list(values)),
    ];
    Value::structure("kapacitor.mappedRow", fields)
}

fn template_value(word: u64, field_type: FieldType, cx: &Cx<'_>) -> Value {
    match field_type {
        FieldType::Float => Value::Float(f64::from_bits(word)),
        FieldType::Int => Value::Int(word as i64),
        FieldType::String => Value::from(cx.frame.text(word)),
        FieldType::Bool => Value::Bool(word != 0),
        FieldType::Duration => Value::Duration(word as i64),
        FieldType::Time => Value::Time(word as i64),
        FieldType::Null => Value::Nil,
    }
}
