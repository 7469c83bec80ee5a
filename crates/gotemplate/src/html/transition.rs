//! How plain text of a template moves the place in the page: tags, attributes, comments, URLs.
use super::attribute::{self, Content};
use super::context::{Attribute, Context, Delimiter, Element, State, UrlPart};
use super::tags::{attribute_name_end, end_tag, find, find_any, shown, skip_space, tag_name};
use super::{css, entity, script};

/// A context and how much of the text led to it, or what is wrong with the text.
pub(super) type Step = Result<(Context, usize), String>;

/// The context after the beginning of the text, up to where it changes.
pub(super) fn after_text(context: &Context, text: &str) -> Step {
    let bytes = text.as_bytes();
    if context.delimiter == Delimiter::None {
        let end = special_end(context, bytes);
        if end == Some(0) {
            return Ok((Context::TEXT, 0));
        }
        return transition(context, &bytes[..end.unwrap_or(bytes.len())]);
    }
    let end = find_any(bytes, delimiter_ends(context.delimiter)).unwrap_or(bytes.len());
    if context.delimiter == Delimiter::SpaceOrTagEnd
        && let Some(at) = find_any(&bytes[..end], b"\"'<=`")
    {
        let found = char::from(bytes[at]).to_string();
        return Err(format!("{} in unquoted attr: {}", crate::gofmt::quote(&found), shown(&bytes[..end])));
    }
    if end == bytes.len() {
        // The value goes on: what is in it counts as the browser will read it.
        return inside_value(context, text);
    }
    let mut element = context.element;
    if context.state == State::Attribute
        && element == Element::Script
        && context.attribute == Attribute::ScriptType
        && !script::is_script_type(&text[..end])
    {
        element = Element::None;
    }
    let quote = usize::from(context.delimiter != Delimiter::SpaceOrTagEnd);
    Ok((Context::in_element(State::Tag, element), end + quote))
}

fn inside_value(context: &Context, text: &str) -> Step {
    let value = entity::unescape(text);
    let mut rest = value.as_bytes();
    let mut context = context.clone();
    while !rest.is_empty() {
        let (next, length) = transition(&context, rest)?;
        context = next;
        rest = &rest[length..];
    }
    Ok((context, text.len()))
}

/// What ends an attribute's value.
pub(super) fn delimiter_ends(delimiter: Delimiter) -> &'static [u8] {
    match delimiter {
        Delimiter::None => b"",
        Delimiter::DoubleQuote => b"\"",
        Delimiter::SingleQuote => b"'",
        Delimiter::SpaceOrTagEnd => b" \t\n\x0c\r>",
    }
}

/// One change of state by the text, which belongs to the context from its first byte on.
pub(super) fn transition(context: &Context, text: &[u8]) -> Step {
    match context.state {
        State::Text => Ok(text_step(context, text)),
        State::Tag => tag_step(context, text),
        State::AttributeName => attribute_name_step(context, text),
        State::AfterName => Ok(after_name_step(context, text)),
        State::BeforeValue => Ok(before_value_step(context, text)),
        State::HtmlComment => Ok(match find(text, b"-->") {
            Some(end) => (Context::TEXT, end + 3),
            None => (context.clone(), text.len()),
        }),
        State::RcData => Ok(rcdata_step(context, text)),
        State::Attribute | State::Dead => Ok((context.clone(), text.len())),
        State::Url | State::Srcset => Ok((url_step(context, text), text.len())),
        State::MetaContent => Ok(meta_step(context, text)),
        State::MetaContentUrl => Ok(match find(text, b";") {
            Some(end) => (with_state(context, State::MetaContent), end + 1),
            None => (context.clone(), text.len()),
        }),
        State::Js => script::step(context, text),
        State::JsDoubleQuoted | State::JsSingleQuoted | State::JsRegexp => script::literal_step(context, text),
        State::JsTemplate => script::template_step(context, text),
        State::JsBlockComment | State::CssBlockComment => Ok(block_comment_step(context, text)),
        State::JsLineComment | State::JsHtmlOpenComment | State::JsHtmlCloseComment | State::CssLineComment => {
            Ok(line_comment_step(context, text))
        }
        State::Css => Ok(css::step(context, text)),
        State::CssDoubleQuoted
        | State::CssSingleQuoted
        | State::CssDoubleQuotedUrl
        | State::CssSingleQuotedUrl
        | State::CssUrl => css::literal_step(context, text),
    }
}

pub(super) fn with_state(context: &Context, state: State) -> Context {
    Context { state, ..context.clone() }
}

/// Up to where the text belongs to a script, style, title or text area that ends in it.
fn special_end(context: &Context, text: &[u8]) -> Option<usize> {
    if context.element == Element::None {
        return None;
    }
    let in_script = context.element == Element::Script;
    if in_script && (context.state.is_script_literal() || context.state.is_comment()) {
        return None;
    }
    end_tag(text, context.element)
}

pub(super) fn rcdata_step(context: &Context, text: &[u8]) -> (Context, usize) {
    match special_end(context, text) {
        Some(end) => (Context::TEXT, end),
        None => (context.clone(), text.len()),
    }
}

fn text_step(context: &Context, text: &[u8]) -> (Context, usize) {
    let mut from = 0;
    while let Some(offset) = find(&text[from..], b"<") {
        let at = from + offset;
        if text[at..].starts_with(b"<!--") {
            return (Context::new(State::HtmlComment), at + 4);
        }
        let closes = text.get(at + 1) == Some(&b'/');
        let start = at + 1 + usize::from(closes);
        if start >= text.len() {
            break;
        }
        let (end, element) = tag_name(text, start);
        if end > start {
            let element = if closes { Element::None } else { element };
            return (Context::in_element(State::Tag, element), end);
        }
        from = start;
    }
    (context.clone(), text.len())
}

fn tag_step(context: &Context, text: &[u8]) -> Step {
    let start = skip_space(text, 0);
    if start == text.len() {
        return Ok((context.clone(), text.len()));
    }
    if text[start] == b'>' {
        let (state, element) = match context.element {
            Element::Script => (State::Js, Element::Script),
            Element::Style => (State::Css, Element::Style),
            element @ (Element::TextArea | Element::Title) => (State::RcData, element),
            Element::Meta | Element::None => (State::Text, Element::None),
        };
        return Ok((Context::in_element(state, element), start + 1));
    }
    let length = attribute_name_end(&text[start..])?;
    if length == 0 {
        return Err(format!("expected space, attr name, or end of tag, but got {}", shown(&text[start..])));
    }
    let end = start + length;
    let name = String::from_utf8_lossy(&text[start..end]).to_lowercase();
    let attribute = match (context.element, name.as_str()) {
        (Element::Script, "type") => Attribute::ScriptType,
        (Element::Meta, "content") => Attribute::MetaContent,
        _ => match attribute::content(&name) {
            Content::Url => Attribute::Url,
            Content::Css => Attribute::Style,
            Content::Js => Attribute::Script,
            Content::Srcset => Attribute::Srcset,
            Content::Plain | Content::Html | Content::Unsafe => Attribute::None,
        },
    };
    let state = if end == text.len() { State::AttributeName } else { State::AfterName };
    Ok((Context { attribute, ..Context::in_element(state, context.element) }, end))
}

fn attribute_name_step(context: &Context, text: &[u8]) -> Step {
    let end = attribute_name_end(text)?;
    let state = if end == text.len() { context.state } else { State::AfterName };
    Ok((with_state(context, state), end))
}

fn after_name_step(context: &Context, text: &[u8]) -> (Context, usize) {
    let start = skip_space(text, 0);
    match text.get(start) {
        None => (context.clone(), text.len()),
        Some(b'=') => (with_state(context, State::BeforeValue), start + 1),
        Some(_) => (with_state(context, State::Tag), start),
    }
}

fn before_value_step(context: &Context, text: &[u8]) -> (Context, usize) {
    let start = skip_space(text, 0);
    let (delimiter, start) = match text.get(start) {
        None => return (context.clone(), text.len()),
        Some(b'\'') => (Delimiter::SingleQuote, start + 1),
        Some(b'"') => (Delimiter::DoubleQuote, start + 1),
        Some(_) => (Delimiter::SpaceOrTagEnd, start),
    };
    let state = context.attribute.value_state();
    (Context { state, delimiter, ..context.clone() }, start)
}

/// A URL gets on by the text.
pub(super) fn url_step(context: &Context, text: &[u8]) -> Context {
    let url_part = if find_any(text, b"#?").is_some() {
        UrlPart::QueryOrFragment
    } else if skip_space(text, 0) != text.len() && context.url_part == UrlPart::Start {
        UrlPart::BeforeQuery
    } else {
        context.url_part
    };
    Context { url_part, ..context.clone() }
}

fn meta_step(context: &Context, text: &[u8]) -> (Context, usize) {
    for at in 0..text.len().saturating_sub(3) {
        if text[at..at + 3].eq_ignore_ascii_case(b"url") {
            let equals = skip_space(text, at + 3);
            if text.get(equals) == Some(&b'=') {
                return (with_state(context, State::MetaContentUrl), equals + 1);
            }
        }
    }
    (context.clone(), text.len())
}

fn block_comment_step(context: &Context, text: &[u8]) -> (Context, usize) {
    let state = if context.state == State::CssBlockComment { State::Css } else { State::Js };
    match find(text, b"*/") {
        Some(end) => (with_state(context, state), end + 2),
        None => (context.clone(), text.len()),
    }
}

fn line_comment_step(context: &Context, text: &[u8]) -> (Context, usize) {
    let (end, state) = if context.state == State::CssLineComment {
        (find_any(text, b"\n\x0c\r"), State::Css)
    } else {
        (script::line_end(text), State::Js)
    };
    match end {
        Some(end) => (with_state(context, state), end),
        None => (context.clone(), text.len()),
    }
}
