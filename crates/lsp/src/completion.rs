//! What is offered while writing: nodes that fit, properties of the node at hand, functions, variables.

use alert::Kind as HandlerKind;
use declare::{Kind, Parameter, Table};
use engine::define::{NodeSpec, Surface, may_follow};
use lsp_types::{
    CompletionItem, CompletionItemKind, CompletionTextEdit, Documentation, InsertTextFormat, MarkupContent, MarkupKind,
    TextEdit,
};
use tickscript::Span;

use crate::{
    Document, docs,
    place::{Found, Place, Step, Words},
};

/// What may be written at a byte of a script, for an editor that knows snippets or does not.
pub(crate) fn completion(surface: &Surface, document: &Document, at: usize, snippets: bool) -> Vec<CompletionItem> {
    let words = Words::of(document.text(), surface);
    let found = words.at(at);
    let mut offers = Offers { words: &words, found, document, snippets, at, items: Vec::new() };
    match found.place {
        Place::Nothing | Place::UserFunction => {}
        Place::Node { after } => offers.nodes(surface, after),
        Place::Property { of: Some(step) } => offers.properties(surface, step),
        Place::Property { of: None } => {}
        Place::Reference => offers.references(),
        Place::Lambda => {
            offers.functions();
            offers.vars();
            offers.keywords(&["AND", "OR", "TRUE", "FALSE"]);
        }
        Place::Value => {
            offers.vars();
            offers.sources(surface);
            offers.call("time", "time(length duration, offset duration)", docs::TIME.to_string(), "time($0)");
            offers.functions();
            offers.keywords(&["lambda:", "TRUE", "FALSE"]);
        }
        Place::Statement => {
            offers.keywords(&["var", "dbrp"]);
            offers.sources(surface);
            offers.vars();
        }
    }
    offers.items
}

struct Offers<'a, 's> {
    words: &'a Words<'s>,
    found: Found<'s>,
    document: &'a Document,
    snippets: bool,
    at: usize,
    items: Vec<CompletionItem>,
}

impl Offers<'_, '_> {
    fn nodes(&mut self, surface: &Surface, after: Option<Step<'_>>) {
        let fits = |spec: &&NodeSpec| {
            !spec.internal && !spec.source && after.is_none_or(|step| may_follow(spec, step.node, step.edge))
        };
        for spec in surface.nodes().iter().filter(fits) {
            let signature = spec.table.signature(spec.name);
            let snippet = snippet(spec.name, spec.table.arguments().flat_map(|item| &item.parameters));
            self.call(spec.name, &signature, docs::node(spec), &snippet);
        }
    }

    /// The handler's own properties first, then the node's, then the handlers that it opens.
    fn properties(&mut self, surface: &Surface, step: Step<'_>) {
        if let Some(kind) = step.handler {
            self.table(&kind.options);
        }
        self.table(&step.node.table);
        if !self.items.iter().any(|item| item.label == "quiet") {
            self.call("quiet", "quiet()", docs::QUIET.to_string(), "quiet()");
        }
        if step.node.opens_handlers {
            for kind in surface.handlers().iter() {
                self.handler(kind);
            }
        }
    }

    fn table(&mut self, table: &Table) {
        for item in table.properties().filter(|item| !item.hidden) {
            if self.items.iter().any(|known| known.label == item.name) {
                continue;
            }
            let snippet = snippet(&item.name, item.parameters.iter());
            self.call(&item.name, &item.signature(), docs::property(table, item), &snippet);
            self.last_kind(CompletionItemKind::PROPERTY);
        }
    }

    fn handler(&mut self, kind: &HandlerKind) {
        let Some(method) = kind.method else { return };
        let snippet = snippet(method, kind.options.arguments().flat_map(|item| &item.parameters));
        self.call(method, &kind.options.signature(method), docs::handler(kind, method), &snippet);
        self.last_kind(CompletionItemKind::EVENT);
    }

    fn functions(&mut self) {
        for function in lambda::functions() {
            let signatures = docs::signatures(function);
            let takes_any = function.signatures.iter().any(|signature| !signature.args.is_empty());
            let snippet = format!("{}({})", function.name, if takes_any { "$0" } else { "" });
            let first = signatures.lines().next().unwrap_or_default();
            self.call(function.name, first, docs::function(function), &snippet);
        }
    }

    fn vars(&mut self) {
        let words = self.words;
        for var in words.vars_before(self.found.start) {
            let about = format!("{}\n\n{}", docs::code(var.shown), var.about);
            self.item(var.name, var.shown, about, var.name, CompletionItemKind::VARIABLE);
        }
    }

    fn sources(&mut self, surface: &Surface) {
        for spec in surface.nodes().iter().filter(|spec| spec.source) {
            self.item(spec.name, spec.name, docs::node(spec), spec.name, CompletionItemKind::CLASS);
        }
    }

    /// Fields and tags that the script names elsewhere.
    fn references(&mut self) {
        let words = self.words;
        let mut names: Vec<&str> =
            words.references().filter(|(start, _)| *start != self.found.start).map(|(_, name)| name).collect();
        names.extend(["time"]);
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().filter(|name| !name.is_empty()) {
            let quoted = format!("\"{name}\"");
            self.item(name, "field or tag", String::new(), &quoted, CompletionItemKind::FIELD);
            if let Some(item) = self.items.last_mut() {
                // Editors compare it with what stands there, and that begins with the quote.
                item.filter_text = Some(quoted);
            }
        }
    }

    fn keywords(&mut self, keywords: &[&str]) {
        for keyword in keywords {
            self.item(keyword, "", String::new(), keyword, CompletionItemKind::KEYWORD);
        }
    }

    /// Something that is called. Where brackets stand already, its name is enough.
    fn call(&mut self, name: &str, detail: &str, about: String, snippet: &str) {
        if self.words.is_called(self.found.end) {
            return self.item(name, detail, about, name, CompletionItemKind::FUNCTION);
        }
        if !self.snippets {
            let plain = if snippet.ends_with("()") { snippet } else { name };
            return self.item(name, detail, about, plain, CompletionItemKind::FUNCTION);
        }
        self.item(name, detail, about, snippet, CompletionItemKind::FUNCTION);
        if let Some(item) = self.items.last_mut() {
            item.insert_text_format = Some(InsertTextFormat::SNIPPET);
        }
    }

    fn item(&mut self, label: &str, detail: &str, about: String, new_text: &str, kind: CompletionItemKind) {
        // What stands behind the cursor is replaced only where it is closed off by quotes.
        let end = if matches!(self.found.place, Place::Reference) { self.found.end } else { self.at };
        let range = self.document.range(Span::new(self.found.start, end));
        self.items.push(CompletionItem {
            label: label.to_string(),
            kind: Some(kind),
            detail: (!detail.is_empty()).then(|| detail.to_string()),
            documentation: (!about.is_empty())
                .then_some(Documentation::MarkupContent(MarkupContent { kind: MarkupKind::Markdown, value: about })),
            // As they are declared; the order of the alphabet would tear related ones apart.
            sort_text: Some(format!("{:04}", self.items.len())),
            text_edit: Some(CompletionTextEdit::Edit(TextEdit { range, new_text: new_text.to_string() })),
            ..CompletionItem::default()
        });
    }

    fn last_kind(&mut self, kind: CompletionItemKind) {
        if let Some(item) = self.items.last_mut() {
            item.kind = Some(kind);
        }
    }
}

/// A call with the cursor where its first argument goes.
fn snippet<'p>(name: &str, parameters: impl Iterator<Item = &'p Parameter>) -> String {
    let first: Option<&Kind> = parameters.map(|parameter| &parameter.kind).next();
    format!("{name}({})", first.map_or("", docs::placeholder))
}
