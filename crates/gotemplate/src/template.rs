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
