//! Parsed templates and running them.
use crate::ast::Node;
use crate::error::Error;
use crate::exec::{self, Program};
use crate::functions::FunctionSet;
use crate::html;
use crate::parse::{self, Trees};
use crate::usage::{self, FieldsUsed};
use crate::value::Value;

/// A template, parsed once and run as often as needed, from any thread.
#[derive(Clone, Debug)]
pub struct Template {
    name: String,
    source: String,
    trees: Trees,
    used: FieldsUsed,
    /// An HTML template that cannot be escaped is accepted and fails when it runs.
    escape_error: Option<Error>,
}

impl Template {
    /// A text template with Go's own functions, as alert ids and messages are.
    ///
    /// # Errors
    /// If the source is no template.
    pub fn text(name: &str, source: &str) -> Result<Self, Error> {
        Self::new(name, source, FunctionSet::Plain)
    }

    /// A text template that also has `json` and `jsonCompact`, as the templates of HTTP endpoints in the configuration.
    ///
    /// # Errors
    /// If the source is no template.
    pub fn text_with_json(name: &str, source: &str) -> Result<Self, Error> {
        Self::new(name, source, FunctionSet::Json)
    }

    /// An HTML template with `json` and `jsonCompact`, as alert details are: what actions put out is escaped for the place
    /// in the page where it lands.
    ///
    /// # Errors
    /// If the source is no template. That its parts do not fit together as HTML shows only when it runs, as with Go; see
    /// [`Template::escape_error`].
    pub fn html(name: &str, source: &str) -> Result<Self, Error> {
        let mut template = Self::new(name, source, FunctionSet::Html)?;
        match html::escape(name, source, &template.trees) {
            Ok(trees) => template.trees = trees,
            Err(error) => template.escape_error = Some(error),
        }
        Ok(template)
    }

    fn new(name: &str, source: &str, functions: FunctionSet) -> Result<Self, Error> {
        let trees = parse::parse(name, source, functions)?;
        let used = usage::find(name, &trees);
        Ok(Self { name: name.to_owned(), source: source.to_owned(), trees, used, escape_error: None })
    }

    /// Runs the template and gives its output.
    ///
    /// # Errors
    /// If the template meets data that it cannot work with, or does more than the limits allow.
    pub fn execute(&self, data: &Value) -> Result<String, Error> {
        let mut out = String::with_capacity(self.source.len().min(4096) + 32);
        self.execute_into(data, &mut out)?;
        Ok(out)
    }

    /// Runs the template and appends its output; after an error `out` is as before.
    ///
    /// # Errors
    /// As [`Template::execute`].
    pub fn execute_into(&self, data: &Value, out: &mut String) -> Result<(), Error> {
        if let Some(error) = &self.escape_error {
            return Err(error.clone());
        }
        let start = out.len();
        let program = Program { name: &self.name, source: &self.source, trees: &self.trees };
        exec::run(&program, data, out).inspect_err(|_| out.truncate(start))
    }

    /// Runs the template and gives its output up to where it failed, as Go's writers have it then, and why it did.
    pub fn execute_partly(&self, data: &Value) -> (String, Option<Error>) {
        if let Some(error) = &self.escape_error {
            return (String::new(), Some(error.clone()));
        }
        let mut out = String::new();
        let program = Program { name: &self.name, source: &self.source, trees: &self.trees };
        let failure = exec::run(&program, data, &mut out).err();
        (out, failure)
    }

    /// Which fields of its data the template reads.
    pub fn fields_used(&self) -> &FieldsUsed {
        &self.used
    }

    /// The output of a template without any action.
    pub fn constant(&self) -> Option<String> {
        if !self.used.constant || self.escape_error.is_some() {
            return None;
        }
        let nodes = &self.trees.get(self.name.as_str())?.nodes;
        Some(nodes.iter().map(|node| if let Node::Text { text, .. } = node { text.as_str() } else { "" }).collect())
    }

    /// Why each run of the HTML template will fail, if it will.
    pub fn escape_error(&self) -> Option<&Error> {
        self.escape_error.as_ref()
    }

    /// The name given to the template.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text of the template.
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[cfg(test)]
mod tests {
    use super::{Error, Template, Value};

    fn data() -> Value {
        let tags = Value::string_map([("host", "a<b>")]);
        Value::structure("data", vec![("TaskName", "cpu".into()), ("Tags", tags), ("Level", "OK".into())])
    }

    #[test]
    fn templates_and_values_go_between_threads() {
        fn check<T: Send + Sync>() {}
        check::<Template>();
        check::<Value>();
        check::<Error>();
    }

    #[test]
    fn output_is_appended_and_taken_back_after_an_error() {
        let mut out = "before ".to_owned();
        let template = Template::text("id", r#"{{ .TaskName }}/{{ index .Tags "host" }}"#).unwrap();
        template.execute_into(&data(), &mut out).unwrap();
        assert_eq!(out, "before cpu/a<b>");
        let template = Template::text("id", "\n{{ .TaskName }}{{ .Nope }}").unwrap();
        let error = template.execute_into(&data(), &mut out).unwrap_err();
        assert_eq!(out, "before cpu/a<b>");
        assert_eq!((error.line(), error.column()), (2, 18));
        assert_eq!(error.message(), "can't evaluate field Nope in type data");
    }

    #[test]
    fn fields_that_are_read_are_known() {
        for (source, whole, names) in [
            ("text", false, &[][..]),
            ("{{ .TaskName }}{{ $.Level }}", false, &["Level", "TaskName"][..]),
            (r#"{{ with .Tags }}{{ .TaskName }}{{ else }}{{ .Level }}{{ end }}"#, false, &["Level", "Tags"]),
            ("{{ range .Tags }}{{ . }}{{ end }}", false, &["Tags"]),
            ("{{ if eq .Level (print .TaskName) }}{{ .Tags.host }}{{ end }}", false, &["Level", "Tags", "TaskName"]),
            (r#"{{ define "t" }}{{ .Level }}{{ end }}{{ template "t" . }}"#, false, &["Level"]),
            (r#"{{ define "t" }}{{ .Level }}{{ end }}{{ template "t" .Tags }}"#, false, &["Tags"]),
            ("{{ (.).Level }}{{ ($).Tags }}", false, &["Level", "Tags"]),
            ("{{ json . }}", true, &[]),
            ("{{ $x := . }}{{ $x.Level }}", true, &[]),
            ("{{ with .Tags }}{{ json $ }}{{ end }}", true, &["Tags"]),
        ] {
            let template = Template::html("details", source).unwrap();
            let used = template.fields_used();
            assert_eq!(used.whole, whole, "{source}");
            assert!(used.names.iter().map(AsRef::as_ref).eq(names.iter().copied()), "{source}: {used:?}");
            assert_eq!(used.constant, source == "text");
        }
        assert_eq!(Template::text("id", "a {{/* note */ -}} b").unwrap().constant().as_deref(), Some("a b"));
        assert_eq!(Template::html("details", "a < b").unwrap().constant().as_deref(), Some("a &lt; b"));
    }

    #[test]
    fn limits_end_what_would_not_end() {
        for (source, message) in [
            ("{{ range 1000000000 }}{{ end }}", "more than 10000000 steps"),
            ("{{ range 1000000000 }}0123456789{{ end }}", "more than 10485760 bytes of output"),
            (r#"{{ range 100 }}{{ printf "%1000000d" 1 }}{{ end }}"#, "more than 10485760 bytes of output"),
            (r#"{{ $x := "xx" }}{{ range 64 }}{{ $x = print $x $x }}{{ end }}"#, "more than 10485760 bytes of output"),
            (
                r#"{{ $x := printf "%1000000d" 1 }}{{ range 1000000000 }}{{ if eq $x "" }}{{ end }}{{ end }}"#,
                "more than 10000000 steps",
            ),
            (r#"{{ define "t" }}{{ template "t" }}{{ end }}{{ template "t" }}"#, "nested more than 400 deep"),
            (
                r#"{{ define "t" }}{{ if true }}{{ with 1 }}{{ range 1 }}{{ template "t" }}{{ end }}{{ end }}{{ end }}{{ end }}{{ template "t" }}"#,
                "nested more than 400 deep",
            ),
        ] {
            let error = Template::text("message", source).unwrap().execute(&data()).unwrap_err();
            assert!(error.to_string().contains(message), "{source}: {error}");
        }
    }

    #[test]
    fn deep_sources_are_refused() {
        for (open, close) in [("(", ")"), ("{{ if 1 }}", "{{ end }}")] {
            let middle = if open == "(" { "1" } else { "x" };
            let nested = |depth: usize| {
                let inner = format!("{}{middle}{}", open.repeat(depth), close.repeat(depth));
                if open == "(" { format!("{{{{ {inner} }}}}") } else { inner }
            };
            assert!(Template::html("details", &nested(90)).unwrap().execute(&data()).is_ok());
            assert!(matches!(Template::html("details", &nested(100_000)), Err(Error::Parse(_))));
        }
        let chain = "{{ else if 1 }}".repeat(100_000);
        assert!(Template::text("id", &format!("{{{{ if 1 }}}}{chain}{{{{ end }}}}")).is_err());
    }

    #[test]
    fn pages_that_cannot_be_worked_out_fail_and_do_not_hang() {
        let loops = format!("{}x{}", "{{ range .Tags }}".repeat(60), "{{ end }}".repeat(60));
        let growing = r#"{{ define "t" }}`${ {{ template "t" }}{{ end }}<script>{{ template "t" }}"#;
        for source in [loops.as_str(), growing, "<a href='", "{{ if 1 }}<b{{ end }}"] {
            let template = Template::html("details", source).unwrap();
            assert!(matches!(template.execute(&data()), Err(Error::Escape(_))), "{source}");
        }
    }
}
