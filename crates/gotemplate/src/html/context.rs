//! Where in a page a piece of a template stands.
use std::fmt;

/// What kind of text surrounds the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum State {
    Text,
    Tag,
    AttributeName,
    AfterName,
    BeforeValue,
    HtmlComment,
    /// Inside `<title>` or `<textarea>`, where there are no tags.
    RcData,
    Attribute,
    Url,
    Srcset,
    Js,
    JsDoubleQuoted,
    JsSingleQuoted,
    JsTemplate,
    JsRegexp,
    JsBlockComment,
    JsLineComment,
    /// `<!--` in a script, a comment up to the end of the line.
    JsHtmlOpenComment,
    /// `-->` in a script.
    JsHtmlCloseComment,
    Css,
    CssDoubleQuoted,
    CssSingleQuoted,
    CssDoubleQuotedUrl,
    CssSingleQuotedUrl,
    CssUrl,
    CssBlockComment,
    CssLineComment,
    MetaContent,
    MetaContentUrl,
    /// After `break` or `continue`.
    Dead,
}

impl State {
    pub(super) fn is_comment(self) -> bool {
        use State::*;
        matches!(
            self,
            HtmlComment
                | JsBlockComment
                | JsLineComment
                | JsHtmlOpenComment
                | JsHtmlCloseComment
                | CssBlockComment
                | CssLineComment
        )
    }

    pub(super) fn is_script_literal(self) -> bool {
        use State::*;
        matches!(self, JsDoubleQuoted | JsSingleQuoted | JsTemplate | JsRegexp)
    }

    fn shown(self) -> &'static str {
        use State::*;
        match self {
            Text => "text",
            Tag => "a tag",
            AttributeName => "the name of an attribute",
            AfterName => "a tag after the name of an attribute",
            BeforeValue => "a tag before the value of an attribute",
            HtmlComment => "a comment",
            RcData => "a title or text area",
            Attribute => "the value of an attribute",
            Url => "a URL",
            Srcset => "a set of sources",
            Js => "a script",
            JsDoubleQuoted | JsSingleQuoted => "a string in a script",
            JsTemplate => "a template literal in a script",
            JsRegexp => "a regular expression in a script",
            JsBlockComment | JsLineComment | JsHtmlOpenComment | JsHtmlCloseComment => "a comment in a script",
            Css => "a style",
            CssDoubleQuoted | CssSingleQuoted => "a string in a style",
            CssDoubleQuotedUrl | CssSingleQuotedUrl | CssUrl => "a URL in a style",
            CssBlockComment | CssLineComment => "a comment in a style",
            MetaContent | MetaContentUrl => "the content of a meta element",
            Dead => "nothing",
        }
    }
}

/// What ends the value of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Delimiter {
    /// Not in a value.
    None,
    DoubleQuote,
    SingleQuote,
    SpaceOrTagEnd,
}

/// How far a URL has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum UrlPart {
    Start,
    BeforeQuery,
    QueryOrFragment,
    /// Different after two branches.
    Unknown,
}

/// What a slash in a script would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Slash {
    Regexp,
    Division,
    Unknown,
}

/// The elements whose insides are no plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Element {
    None,
    Script,
    Style,
    TextArea,
    Title,
    Meta,
}

/// The attributes whose values are no plain text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Attribute {
    None,
    Script,
    ScriptType,
    Style,
    Url,
    Srcset,
    MetaContent,
}

/// A place in a page.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) state: State,
    pub(super) delimiter: Delimiter,
    pub(super) url_part: UrlPart,
    pub(super) slash: Slash,
    /// Open braces in each `${` that a template literal of a script has around the place.
    pub(super) braces: Vec<i32>,
    pub(super) attribute: Attribute,
    pub(super) element: Element,
}

impl Context {
    pub(super) const TEXT: Self = Self::new(State::Text);

    pub(super) const fn new(state: State) -> Self {
        Self {
            state,
            delimiter: Delimiter::None,
            url_part: UrlPart::Start,
            slash: Slash::Regexp,
            braces: Vec::new(),
            attribute: Attribute::None,
            element: Element::None,
        }
    }

    pub(super) fn in_element(state: State, element: Element) -> Self {
        Self { element, ..Self::new(state) }
    }

    /// Where an action would stand here: what may follow without one, such as a space before a value, is over.
    pub(super) fn nudged(&self) -> Self {
        let mut context = self.clone();
        match self.state {
            State::Tag => context.state = State::AttributeName,
            State::BeforeValue => {
                context.state = self.attribute.value_state();
                context.delimiter = Delimiter::SpaceOrTagEnd;
                context.attribute = Attribute::None;
            }
            State::AfterName => {
                context.state = State::AttributeName;
                context.attribute = Attribute::None;
            }
            _ => {}
        }
        context
    }
}

impl Attribute {
    /// The state in which the attribute's value begins.
    pub(super) fn value_state(self) -> State {
        match self {
            Self::None | Self::ScriptType => State::Attribute,
            Self::Script => State::Js,
            Self::Style => State::Css,
            Self::Url => State::Url,
            Self::Srcset => State::Srcset,
            Self::MetaContent => State::MetaContent,
        }
    }
}

impl fmt::Display for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.state.shown())?;
        f.write_str(match self.delimiter {
            Delimiter::None => "",
            Delimiter::DoubleQuote => " in double quotes",
            Delimiter::SingleQuote => " in single quotes",
            Delimiter::SpaceOrTagEnd => " without quotes",
        })?;
        match self.element {
            Element::None => Ok(()),
            element => write!(f, " of a {} element", format!("{element:?}").to_lowercase()),
        }
    }
}
