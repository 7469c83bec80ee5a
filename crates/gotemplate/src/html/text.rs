//! The plain text of an HTML template as it is put out: comments dropped, stray `<` and end tags in scripts escaped.
use super::context::{Context, Delimiter, State};
use super::tags::find_any;
use super::transition::after_text;

/// The context after the text, and what the text becomes where it does not stay as it is.
pub(super) fn escape(context: &Context, text: &str) -> Result<(Context, Option<String>), String> {
    let mut context = context.clone();
    let mut writer = Writer { text, written: 0, out: String::new(), changed: false };
    let mut at = 0;
    while at < text.len() {
        let (next, length) = after_text(&context, &text[at..])?;
        let end = at + length;
        writer.piece(&context, &next, at, end);
        if length == 0 && next.state == context.state {
            return Err("the text cannot be told apart from its tags".to_owned());
        }
        (context, at) = (next, end);
    }
    if !writer.changed {
        return Ok((context, None));
    }
    if !context.state.is_comment() || context.delimiter != Delimiter::None {
        writer.copy_to(text.len());
    }
    Ok((context, Some(writer.out)))
}

struct Writer<'t> {
    text: &'t str,
    /// Up to here the text is in `out`, or dropped.
    written: usize,
    out: String,
    changed: bool,
}

impl Writer<'_> {
    fn copy_to(&mut self, end: usize) {
        if end > self.written {
            self.out.push_str(&self.text[self.written..end]);
        }
        self.skip_to(end);
    }

    fn skip_to(&mut self, end: usize) {
        self.written = end;
        self.changed = true;
    }

    /// A piece of the text that leads from one context to the next.
    fn piece(&mut self, context: &Context, next: &Context, start: usize, end: usize) {
        let free = |context: &Context| context.state.is_comment() && context.delimiter == Delimiter::None;
        if matches!(context.state, State::Text | State::RcData) {
            self.escape_stray_tags(context, next, start, end);
        } else if free(context) {
            self.end_comment(context.state, end);
        }
        if context.state != next.state && free(next) {
            let mark = match next.state {
                State::HtmlComment | State::JsHtmlOpenComment => 4,
                State::JsHtmlCloseComment => 3,
                _ => 2,
            };
            self.copy_to((end - mark).max(self.written));
            self.skip_to(end);
        }
        if context.state.is_script_literal() {
            self.escape_script_tags(start, end);
        }
    }

    /// A `<` that begins no tag is text.
    fn escape_stray_tags(&mut self, context: &Context, next: &Context, start: usize, end: usize) {
        let bytes = self.text.as_bytes();
        let mut end = end;
        if next.state != context.state {
            // The tag that ends the piece stays.
            end = bytes[start..end].iter().rposition(|byte| *byte == b'<').map_or(end, |tag| start + tag);
        }
        let mut from = start;
        while let Some(offset) = find_any(&bytes[from..end], b"<") {
            let at = from + offset;
            from = at + 1;
            let doctype = bytes[at..].get(..9).is_some_and(|tag| tag.eq_ignore_ascii_case(b"<!DOCTYPE"));
            if !doctype {
                self.copy_to(at);
                self.out.push_str("&lt;");
                self.skip_to(at + 1);
            }
        }
    }

    /// A comment becomes a space, in scripts the end of a line where it held one.
    fn end_comment(&mut self, state: State, end: usize) {
        match state {
            State::JsBlockComment => {
                let has_line_end = self.text[self.written.min(end)..end].contains(['\n', '\r', '\u{2028}', '\u{2029}']);
                self.out.push(if has_line_end { '\n' } else { ' ' });
            }
            State::CssBlockComment => self.out.push(' '),
            _ => {}
        }
        self.skip_to(end);
    }

    /// `<script`, `</script` and `<!--` in a literal would be seen by the reader of the page, not of the script.
    fn escape_script_tags(&mut self, start: usize, end: usize) {
        let bytes = self.text.as_bytes();
        let mut from = start;
        while let Some(offset) = find_any(&bytes[from..end], b"<") {
            let at = from + offset;
            from = at + 1;
            let after = &bytes[from..end];
            let special = [b"script".as_slice(), b"/script", b"!--"]
                .iter()
                .any(|word| after.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)));
            if special {
                self.copy_to(at);
                self.out.push_str("\\x3C");
                self.skip_to(from);
            }
        }
    }
}
