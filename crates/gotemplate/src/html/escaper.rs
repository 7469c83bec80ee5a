//! The functions that HTML templates append to actions, one for each kind of place.
use std::borrow::Cow;
use std::fmt::Write;

use super::attribute::{self, Content};
use super::{css, script, url};
use crate::formatter::method_text;
use crate::json;
use crate::printf;
use crate::val::Val;
use crate::value::Value;

/// Stands where data was too dangerous.
const REFUSED: &str = "ZgotmplZ";

/// A way to make text safe for one kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Escaper {
    Attribute,
    Comment,
    Css,
    CssValue,
    Html,
    HtmlName,
    JsRegexp,
    JsString,
    JsTemplate,
    JsValue,
    NoSpace,
    RcData,
    Srcset,
    Url,
    UrlFilter,
    UrlNormalizer,
}

impl Escaper {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Attribute => "_html_template_attrescaper",
            Self::Comment => "_html_template_commentescaper",
            Self::Css => "_html_template_cssescaper",
            Self::CssValue => "_html_template_cssvaluefilter",
            Self::Html => "_html_template_htmlescaper",
            Self::HtmlName => "_html_template_htmlnamefilter",
            Self::JsRegexp => "_html_template_jsregexpescaper",
            Self::JsString => "_html_template_jsstrescaper",
            Self::JsTemplate => "_html_template_jstmpllitescaper",
            Self::JsValue => "_html_template_jsvalescaper",
            Self::NoSpace => "_html_template_nospaceescaper",
            Self::RcData => "_html_template_rcdataescaper",
            Self::Srcset => "_html_template_srcsetescaper",
            Self::Url => "_html_template_urlescaper",
            Self::UrlFilter => "_html_template_urlfilter",
            Self::UrlNormalizer => "_html_template_urlnormalizer",
        }
    }

    /// Appends the arguments, made safe.
    pub(crate) fn write(self, arguments: &[Val<'_>], out: &mut String) -> Result<(), String> {
        if self == Self::JsValue {
            return write_js_value(arguments, out);
        }
        let text = text_of(arguments)?;
        match self {
            Self::Comment | Self::JsValue => {}
            Self::Attribute | Self::Html | Self::RcData => write_html(&text, out),
            Self::NoSpace if text.is_empty() => out.push_str(REFUSED),
            Self::NoSpace => write_html_without_spaces(&text, out),
            Self::HtmlName => write_name(&text, out),
            Self::Css => css::escape(&text, out),
            Self::CssValue => match css::filtered_value(&text) {
                Some(value) => out.push_str(&value),
                None => out.push_str(REFUSED),
            },
            Self::JsRegexp if text.is_empty() => out.push_str("(?:)"),
            Self::JsRegexp => write_js(&text, "$()*-.?[]^{|}", "\\", out),
            Self::JsString => write_js(&text, "", "", out),
            Self::JsTemplate => write_js(&text, "${}", "", out),
            Self::Srcset => url::escape_srcset(&text, REFUSED, out),
            Self::Url => url::escape(&text, false, out),
            Self::UrlNormalizer => url::escape(&text, true, out),
            Self::UrlFilter if url::is_safe(&text) => out.push_str(&text),
            Self::UrlFilter => {
                out.push('#');
                out.push_str(REFUSED);
            }
        }
        Ok(())
    }
}

/// The arguments as text; nothing for those that are nil.
fn text_of<'v>(arguments: &'v [Val<'_>]) -> Result<Cow<'v, str>, String> {
    if let [one] = arguments
        && let Some(text) = one.value().as_str()
    {
        return Ok(Cow::Borrowed(text));
    }
    let some: Vec<Val<'_>> =
        arguments.iter().filter(|argument| !matches!(argument.value(), Value::Nil)).cloned().collect();
    let mut out = String::new();
    printf::print(&some, &mut out)?;
    Ok(Cow::Owned(out))
}

/// Appends the pieces of the text between the characters for which there is a replacement.
fn replace<'r>(text: &str, out: &mut String, replacement: impl Fn(char) -> Option<Cow<'r, str>>) {
    let mut written = 0;
    for (at, next) in text.char_indices() {
        if let Some(replacement) = replacement(next) {
            out.push_str(&text[written..at]);
            out.push_str(&replacement);
            written = at + next.len_utf8();
        }
    }
    out.push_str(&text[written..]);
}

fn html_escape(byte: u8) -> Option<&'static str> {
    Some(match byte {
        0 => "\u{fffd}",
        b'"' => "&#34;",
        b'&' => "&amp;",
        b'\'' => "&#39;",
        b'+' => "&#43;",
        b'<' => "&lt;",
        b'>' => "&gt;",
        _ => return None,
    })
}

fn write_html(text: &str, out: &mut String) {
    out.reserve(text.len());
    let mut written = 0;
    for (at, byte) in text.bytes().enumerate() {
        if let Some(escape) = html_escape(byte) {
            out.push_str(&text[written..at]);
            out.push_str(escape);
            written = at + 1;
        }
    }
    out.push_str(&text[written..]);
}

/// For values without quotes, where a space would end the value.
fn write_html_without_spaces(text: &str, out: &mut String) {
    replace(text, out, |next| match next {
        '\0' => Some(Cow::Borrowed("&#xfffd;")),
        '\t' | '\n' | '\x0b' | '\x0c' | '\r' | ' ' | '=' | '`' => Some(format!("&#{};", u32::from(next)).into()),
        '\u{fdd0}'..='\u{fdef}' | '\u{fff0}'..='\u{ffff}' => Some(format!("&#x{:x};", u32::from(next)).into()),
        _ => u8::try_from(next).ok().filter(u8::is_ascii).and_then(html_escape).map(Cow::Borrowed),
    });
}

/// A name of a tag or attribute can only be a harmless one.
fn write_name(text: &str, out: &mut String) {
    let name = text.to_lowercase();
    let harmless = !name.is_empty()
        && attribute::content(&name) == Content::Plain
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    out.push_str(if harmless { &name } else { REFUSED });
}

/// The inside of a string, regular expression or template literal of a script. `specials` mean something there: they get
/// `mark` before them, or their code where there is none.
fn write_js(text: &str, specials: &str, mark: &str, out: &mut String) {
    let code = |next: char| Some(Cow::Owned(format!("\\u{:04x}", u32::from(next))));
    replace(text, out, |next| match next {
        '\t' => Some("\\t".into()),
        '\n' => Some("\\n".into()),
        '\x0c' => Some("\\f".into()),
        '\r' => Some("\\r".into()),
        '/' => Some("\\/".into()),
        '\\' => Some("\\\\".into()),
        '\0'..='\x1f' | '"' | '&' | '\'' | '+' | '<' | '>' | '\u{2028}' | '\u{2029}' => code(next),
        '`' if mark.is_empty() => code(next),
        _ if !specials.contains(next) => None,
        _ if mark.is_empty() => code(next),
        _ => Some(format!("{mark}{next}").into()),
    });
}

/// A value of a script: JSON, with spaces around it where it could run into a word.
fn write_js_value(arguments: &[Val<'_>], out: &mut String) -> Result<(), String> {
    let mut text = String::new();
    let written = match arguments {
        [one] => match one.value() {
            Value::Js(source) => {
                out.push_str(source);
                return Ok(());
            }
            value @ (Value::Time(_) | Value::Moment(_)) => json::write(value, &mut text),
            value => match method_text(value) {
                Some(shown) => {
                    json::write_string(&shown, &mut text);
                    Ok(())
                }
                None => json::write(value, &mut text),
            },
        },
        _ => {
            let mut shown = String::new();
            printf::print(arguments, &mut shown)?;
            json::write_string(&shown, &mut text);
            Ok(())
        }
    };
    if let Err(message) = written {
        let _ = write!(out, " /* {} */null ", message.replace("*/", "* /").replace('<', "\\x3C"));
        return Ok(());
    }
    let pads = |byte: Option<&u8>| byte.is_some_and(|byte| script::is_identifier(*byte));
    let padding = if pads(text.as_bytes().first()) || pads(text.as_bytes().last()) { " " } else { "" };
    out.push_str(padding);
    out.push_str(&text);
    out.push_str(padding);
    Ok(())
}
