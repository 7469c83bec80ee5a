//! Nodes, properties, handlers and functions in Markdown, as they are declared.

use alert::Kind as HandlerKind;
use declare::{Item, Kind, Table};
use engine::{EdgeKind, define::NodeSpec};
use lambda::Function;

/// A node: how it is called, what it is for, its properties, an example.
pub(crate) fn node(spec: &NodeSpec) -> String {
    let link = if spec.source { "" } else { "|" };
    let reads = match spec.wants {
        _ if spec.source => "",
        Some(EdgeKind::Stream) => "\n\nReads a stream.",
        Some(EdgeKind::Batch) => "\n\nReads batches.",
        _ => "",
    };
    let call = if spec.source { spec.name.to_string() } else { spec.table.signature(spec.name) };
    format!("{}\n\n{}{reads}{}", code(&format!("{link}{call}")), spec.table.about(), rest(&spec.table))
}

/// A kind of alert handler, as a property of `|alert`.
pub(crate) fn handler(kind: &HandlerKind, method: &str) -> String {
    let call = code(&format!(".{}", kind.options.signature(method)));
    format!("{call}\n\n{}{}", kind.options.about(), rest(&kind.options))
}

/// Arguments, properties and examples.
fn rest(table: &Table) -> String {
    let mut text = String::new();
    let list = |text: &mut String, heading: &str, lines: Vec<String>| {
        if !lines.is_empty() {
            text.push_str(&format!("\n\n{heading}:\n{}", lines.join("\n")));
        }
    };
    let shown = |item: &&Item| !item.hidden;
    let argument = |item: &Item| format!("- `{}` {}: {}", item.name, item.kind, item.about);
    list(&mut text, "Arguments", table.arguments().filter(shown).map(argument).collect());
    let property = |item: &Item| format!("- `.{}` {}", item.signature(), item.about);
    list(&mut text, "Properties", table.properties().filter(shown).map(property).collect());
    for example in table.examples() {
        text.push_str(&format!("\n\n{}", code(example)));
    }
    text
}

/// A property of a node or a handler.
pub(crate) fn property(table: &Table, item: &Item) -> String {
    let mut text = format!("{}\n\n{}", code(&format!(".{}", item.signature())), item.about);
    if !item.choices.is_empty() {
        let choices: Vec<String> = item.choices.iter().map(|choice| format!("`{choice}`")).collect();
        text.push_str(&format!("\n\nOne of {}.", choices.join(", ")));
    }
    let fresh = table.fresh();
    let default = table.values(&*fresh).into_iter().find(|shown| shown.name == item.name);
    if let Some(text_of_default) = &item.default_text {
        text.push_str(&format!("\n\nDefault: {text_of_default}"));
    } else if let Some([arguments]) = default.as_ref().map(|shown| &shown.calls[..])
        && !arguments.is_empty()
        && arguments.iter().any(|argument| argument.literal() != "''")
    {
        let arguments: Vec<String> = arguments.iter().map(declare::Argument::literal).collect();
        text.push_str(&format!("\n\nDefault: `{}`", arguments.join(", ")));
    }
    text
}

/// A function of lambda expressions, in all its forms.
pub(crate) fn function(function: &Function) -> String {
    format!("{}\n\n{}", code(&signatures(function)), function.doc)
}

/// `abs(float) float`, a line for each form.
pub(crate) fn signatures(function: &Function) -> String {
    let one = |signature: &lambda::Signature| {
        let arguments: Vec<&str> = signature.args.iter().map(|of| of.name()).collect();
        format!("{}({}) {}", function.name, arguments.join(", "), signature.returns.name())
    };
    function.signatures.iter().map(one).collect::<Vec<_>>().join("\n")
}

pub(crate) const QUIET: &str = "Errors of this node are counted, but not logged.";
pub(crate) const TIME: &str = "```tick\ntime(length duration, offset duration)\n```\n\nIn a query's `groupBy`: rows of this \
                               length of time are aggregated together.";

/// What is written where a value of this kind goes; `$0` is where the cursor is put.
pub(crate) fn placeholder(kind: &Kind) -> &'static str {
    match kind {
        Kind::String => "'$0'",
        Kind::Lambda => "lambda: $0",
        Kind::Regex => "/$0/",
        Kind::List(of) if **of == Kind::String => "'$0'",
        Kind::List(of) if **of == Kind::Lambda => "lambda: $0",
        _ => "$0",
    }
}

pub(crate) fn code(text: &str) -> String {
    format!("```tick\n{text}\n```")
}
