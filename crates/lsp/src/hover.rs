//! What a word of a script means, and where a variable is declared.

use engine::define::Surface;
use lsp_types::{Hover, HoverContents, Location, MarkupContent, MarkupKind, Uri};
use tickscript::Span;

use crate::{
    Document, docs,
    place::{Place, Step, Words},
};

/// The documentation of the word at a byte.
pub(crate) fn hover(surface: &Surface, document: &Document, at: usize) -> Option<Hover> {
    let words = Words::of(document.text(), surface);
    let found = words.at(at);
    let word = &document.text()[found.start..found.end];
    let value = match found.place {
        Place::Node { .. } => docs::node(surface.node(word)?.1),
        Place::Property { of } => property(surface, of?, word)?,
        Place::Nothing => declared(&words, found.start)?,
        Place::UserFunction | Place::Reference => return None,
        Place::Lambda | Place::Value | Place::Statement => operand(surface, &words, word, found.end)?,
    };
    let contents = HoverContents::Markup(MarkupContent { kind: MarkupKind::Markdown, value });
    Some(Hover { contents, range: Some(document.range(Span::new(found.start, found.end))) })
}

fn property(surface: &Surface, step: Step<'_>, word: &str) -> Option<String> {
    for table in step.handler.map(|kind| &kind.options).into_iter().chain([&step.node.table]) {
        if let Some(item) = table.find(word) {
            return Some(docs::property(table, item));
        }
    }
    if step.node.opens_handlers
        && let Some(kind) = surface.handlers().by_method(word)
    {
        return Some(docs::handler(kind, word));
    }
    if word == "quiet" {
        return Some(format!("{}\n\n{}", docs::code(".quiet()"), docs::QUIET));
    }
    // The dialect of v0.2 chains nodes so, too.
    surface.node(word).map(|(_, spec)| docs::node(spec))
}

fn operand(surface: &Surface, words: &Words<'_>, word: &str, end: usize) -> Option<String> {
    if words.is_called(end) {
        return match word {
            "time" => Some(docs::TIME.to_string()),
            _ => lambda::function(word).map(docs::function),
        };
    }
    match (word, surface.node(word)) {
        ("stream" | "batch", Some((_, spec))) => Some(docs::node(spec)),
        _ => variable(words, word),
    }
}

/// The variable whose declaration has its name here.
fn declared(words: &Words<'_>, start: usize) -> Option<String> {
    let var = words.vars_before(start + 1).find(|var| var.start == start)?;
    variable(words, var.name)
}

fn variable(words: &Words<'_>, name: &str) -> Option<String> {
    let var = words.var(name)?;
    Some(format!("{}\n\n{}", docs::code(var.shown), var.about).trim_end().to_string())
}

/// Where the variable at a byte is declared.
pub(crate) fn definition(surface: &Surface, document: &Document, uri: &Uri, at: usize) -> Option<Location> {
    let words = Words::of(document.text(), surface);
    let found = words.at(at);
    let is_operand = matches!(found.place, Place::Lambda | Place::Value | Place::Statement | Place::Nothing);
    let var = words.var(&document.text()[found.start..found.end]).filter(|_| is_operand)?;
    let span = Span::new(var.start, var.start + var.name.len());
    Some(Location { uri: uri.clone(), range: document.range(span) })
}
