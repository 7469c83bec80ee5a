//! Templates in options of handlers, and texts made to fit services.

use alert::{Event, OpenError};
use gotemplate::{Template, Value};
use model::write_json_float;
use serde_json::Value as Json;

/// The template of an option of a kind.
pub(crate) fn template(kind: &'static str, option: &str, source: &str) -> Result<Template, OpenError> {
    let why = |error| OpenError::Invalid { kind, why: format!("{option}: {error}") };
    Template::text(option, source).map_err(why)
}

/// What is wrong, without the name of the kind.
pub(crate) fn why(error: OpenError) -> String {
    match error {
        OpenError::Invalid { why, .. } => why,
        other => other.to_string(),
    }
}

/// Whether an option is a template, asked when a script is defined.
pub(crate) fn check_template(option: &str, source: &str) -> Result<(), String> {
    Template::text(option, source).map(drop).map_err(|why| format!("{option}: {why}"))
}

/// An option, or a key of the config, that may be a template: who is told may depend on the event.
pub(crate) fn filled_in(option: &str, source: &str, event: &Event) -> Result<String, String> {
    if !source.contains("{{") {
        return Ok(source.to_string());
    }
    let template = Template::text(option, source).map_err(|why| format!("{option}: {why}"))?;
    render(&template, &event.template_data())
}

/// As `filled_in`, for lists. What is empty then is left out.
pub(crate) fn all_filled_in(option: &str, sources: &[String], event: &Event) -> Result<Vec<String>, String> {
    let texts: Result<Vec<String>, String> = sources.iter().map(|source| filled_in(option, source, event)).collect();
    texts.map(|mut texts| {
        texts.retain(|text| !text.is_empty());
        texts
    })
}

/// Whether options that may be templates are good ones, asked when a script is defined.
pub(crate) fn check_templates<'a>(options: impl IntoIterator<Item = (&'a str, &'a String)>) -> Result<(), String> {
    options.into_iter().try_for_each(|(option, source)| check_template(option, source))
}

/// The templates of an option that is a list.
pub(crate) fn templates(kind: &'static str, option: &str, sources: &[String]) -> Result<Vec<Template>, OpenError> {
    sources.iter().map(|source| template(kind, option, source)).collect()
}

/// What a template says of an event.
pub(crate) fn render(template: &Template, data: &Value) -> Result<String, String> {
    template.execute(data).map_err(|why| format!("{}: {why}", template.name()))
}

/// What a template says of an event, up to where it fails: what it is for is worth less than that the event is told.
pub(crate) fn render_partly(template: &Template, data: &Value) -> String {
    let (text, failure) = template.execute_partly(data);
    if let Some(why) = failure {
        tracing::warn!("{}: {why}: the event is sent with what is before that", template.name());
    }
    text
}

/// What templates say of an event.
pub(crate) fn render_all(templates: &[Template], data: &Value) -> Result<Vec<String>, String> {
    templates.iter().map(|template| render(template, data)).collect()
}

/// The beginning of a text: at most so many bytes.
pub(crate) fn cut(text: &str, longest: usize) -> &str {
    let mut end = longest.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A value as a text: a text as it is, all else as JSON.
pub(crate) fn as_text(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Number(number) if number.is_f64() => {
            let mut out = String::new();
            write_json_float(number.as_f64().unwrap_or_default(), &mut out);
            out
        }
        other => other.to_string(),
    }
}

/// The value of a field as JSON.
pub(crate) fn field_json(value: &model::Value) -> Json {
    match value {
        model::Value::Float(value) => Json::from(*value),
        model::Value::Int(value) | model::Value::Duration(value) => Json::from(*value),
        model::Value::String(text) => Json::from(&**text),
        model::Value::Bool(value) => Json::from(*value),
        model::Value::Time(time) => {
            let mut out = String::new();
            model::write_rfc3339(*time, &mut out);
            Json::from(out)
        }
        model::Value::Null => Json::Null,
    }
}

/// A URL with more segments in its path; empty ones are left out.
pub(crate) fn with_path(url: &str, segments: &[&str]) -> Result<String, String> {
    let mut url = reqwest::Url::parse(url).map_err(|why| format!("the URL is not valid: {why}"))?;
    let segments = segments.iter().flat_map(|segment| segment.split('/')).filter(|segment| !segment.is_empty());
    let Ok(mut path) = url.path_segments_mut() else { return Err("the URL is not valid: it has no path".into()) };
    path.pop_if_empty().extend(segments);
    drop(path);
    Ok(url.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn texts_are_cut_between_characters() {
        assert_eq!(cut("aüb", 2), "a");
        assert_eq!(cut("aüb", 3), "aü");
        assert_eq!(cut("aüb", 300), "aüb");
    }

    #[test]
    fn values_become_texts() {
        for (value, text) in [(json!("a b"), "a b"), (json!(5), "5"), (json!(1.0), "1"), (json!(false), "false")] {
            assert_eq!(as_text(&value), text);
        }
    }

    #[test]
    fn paths_are_joined_and_escaped() {
        assert_eq!(with_path("http://h/v2/room/", &["a b", "n"]).unwrap(), "http://h/v2/room/a%20b/n");
        assert_eq!(with_path("http://h", &["k", "", "x/y"]).unwrap(), "http://h/k/x/y");
        assert_eq!(with_path("http://h/bot12:AB?x=1", &["send"]).unwrap(), "http://h/bot12:AB/send?x=1");
        assert!(with_path("nope", &["a"]).is_err());
    }
}
