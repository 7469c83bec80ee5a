//! What the value of an attribute is: text, a URL, a script, a style.

/// The kind of text that an attribute holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Plain,
    Css,
    Html,
    Js,
    Srcset,
    /// Changes how other text is read, so no data may name it.
    Unsafe,
    Url,
}

const URLS: [&str; 17] = [
    "action",
    "archive",
    "background",
    "cite",
    "classid",
    "codebase",
    "data",
    "formaction",
    "href",
    "icon",
    "longdesc",
    "manifest",
    "poster",
    "profile",
    "src",
    "usemap",
    "xmlns",
];
const UNSAFE: [&str; 22] = [
    "accept-charset",
    "async",
    "challenge",
    "charset",
    "content",
    "crossorigin",
    "defer",
    "enctype",
    "form",
    "formenctype",
    "formmethod",
    "formnovalidate",
    "http-equiv",
    "keytype",
    "language",
    "method",
    "novalidate",
    "pattern",
    "rel",
    "sandbox",
    "type",
    "value",
];

/// The content of the attribute of that name in lower case.
pub(super) fn content(name: &str) -> Content {
    let name = match (name.strip_prefix("data-"), name.split_once(':')) {
        (Some(rest), _) => rest,
        (None, Some(("xmlns", _))) => return Content::Url,
        (None, Some((_, local))) => local,
        (None, None) => name,
    };
    match name {
        "style" => Content::Css,
        "srcdoc" => Content::Html,
        "srcset" => Content::Srcset,
        "srclang" => Content::Plain,
        _ if URLS.contains(&name) => Content::Url,
        _ if UNSAFE.contains(&name) => Content::Unsafe,
        _ if name.starts_with("on") => Content::Js,
        // Names that are nobody's are taken for what they sound like.
        _ if ["src", "uri", "url"].iter().any(|word| name.contains(word)) => Content::Url,
        _ => Content::Plain,
    }
}
