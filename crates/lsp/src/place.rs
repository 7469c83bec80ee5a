//! What stands at a place of a script, or may be written there: found in its words, so that it need not parse.

use std::{collections::HashMap, sync::Arc};

use alert::Kind as HandlerKind;
use engine::{
    EdgeKind,
    define::{NodeSpec, Surface},
};

use crate::tokens::{Kind, Token, tokens};

/// A script in words, with what its variables stand for.
pub(crate) struct Words<'s> {
    pub(crate) script: &'s str,
    /// Comments are left out.
    tokens: Vec<Token>,
    comments: Vec<Token>,
    surface: &'s Surface,
    vars: Vec<Var<'s>>,
    by_name: HashMap<&'s str, usize>,
}

/// A variable that a script declares.
#[derive(Debug, Clone)]
pub(crate) struct Var<'s> {
    pub(crate) name: &'s str,
    /// The name in its declaration.
    pub(crate) start: usize,
    /// The declaration, from `var` to the end of its first line.
    pub(crate) shown: &'s str,
    /// The comment before it.
    pub(crate) about: String,
    step: Option<Step<'s>>,
}

/// Where a pipeline has come to.
#[derive(Clone, Copy)]
pub(crate) struct Step<'s> {
    pub(crate) node: &'s NodeSpec,
    /// What it gives.
    pub(crate) edge: EdgeKind,
    /// The alert handler that was opened last, if the next property may be its.
    pub(crate) handler: Option<&'s Arc<HandlerKind>>,
}

impl std::fmt::Debug for Step<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {:?}", self.node.name, self.edge.name(), self.handler.map(|kind| kind.name))
    }
}

/// What a place is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'s> {
    /// A text, a comment, a number: nothing that we know of.
    Nothing,
    /// Behind `|`.
    Node { after: Option<Step<'s>> },
    /// Behind `.`.
    Property { of: Option<Step<'s>> },
    /// Behind `@`.
    UserFunction,
    /// In double quotes.
    Reference,
    /// An operand of a lambda expression.
    Lambda,
    /// An argument or the value of a variable.
    Value,
    /// The beginning of a statement.
    Statement,
}

/// A place, and the word that stands there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Found<'s> {
    pub(crate) place: Place<'s>,
    /// Where the word begins and ends; both the place itself if there is none.
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl<'s> Words<'s> {
    pub(crate) fn of(script: &'s str, surface: &'s Surface) -> Words<'s> {
        let (comments, tokens) = tokens(script).into_iter().partition(|token| token.kind == Kind::Comment);
        let mut words = Words { script, tokens, comments, surface, vars: Vec::new(), by_name: HashMap::new() };
        words.find_vars();
        words
    }

    /// The variables that are declared before a byte.
    pub(crate) fn vars_before(&self, at: usize) -> impl Iterator<Item = &Var<'s>> {
        self.vars.iter().filter(move |var| var.start < at)
    }

    pub(crate) fn var(&self, name: &str) -> Option<&Var<'s>> {
        self.by_name.get(name).map(|&index| &self.vars[index])
    }

    /// Fields and tags that are named anywhere in the script.
    pub(crate) fn references(&self) -> impl Iterator<Item = (usize, &'s str)> {
        let references = self.tokens.iter().filter(|token| token.kind == Kind::Reference);
        references
            .filter_map(|token| Some((token.start, token.text(self.script).strip_prefix('"')?.strip_suffix('"')?)))
    }

    fn find_vars(&mut self) {
        for at in 0..self.tokens.len() {
            if !self.is_word(at, "var") || !self.tokens.get(at + 1).is_some_and(|token| token.kind == Kind::Name) {
                continue;
            }
            let name = self.tokens[at + 1];
            let step = match self.tokens.get(at + 2) {
                Some(token) if token.is('=') => self.walk(at + 3, self.tokens.len()),
                _ => None,
            };
            let declaration = &self.script[self.tokens[at].start..];
            let shown = declaration.lines().next().unwrap_or_default();
            let about = self.comment_before(self.tokens[at].start);
            let text = name.text(self.script);
            // The first declaration counts; a second is an error anyway.
            self.by_name.entry(text).or_insert(self.vars.len());
            self.vars.push(Var { name: text, start: name.start, shown, about, step });
        }
    }

    /// The lines of comments directly above a place.
    fn comment_before(&self, at: usize) -> String {
        let mut lines = Vec::new();
        let mut below = at;
        let before = self.comments.partition_point(|comment| comment.start < at);
        for comment in self.comments[..before].iter().rev() {
            let gap = &self.script[comment.end..below];
            if !gap.trim().is_empty() || gap.matches('\n').count() > 1 {
                break;
            }
            lines.push(comment.text(self.script).trim_start_matches('/').trim());
            below = comment.start;
        }
        lines.reverse();
        lines.join("\n")
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == Kind::Name && token.text(self.script) == word)
    }

    fn is_link(&self, at: usize) -> bool {
        self.tokens.get(at).is_some_and(|token| token.is('|') || token.is('.') || token.is('@'))
    }

    /// Follow a pipeline from its first word, up to a word that is not to be passed.
    fn walk(&self, first: usize, end: usize) -> Option<Step<'s>> {
        let start = self.tokens.get(first).filter(|token| token.kind == Kind::Name)?;
        let mut step = match start.text(self.script) {
            name @ ("stream" | "batch") => {
                let (_, node) = self.surface.node(name)?;
                Step { node, edge: node.gives(node.table.fresh().as_ref(), EdgeKind::None), handler: None }
            }
            name => self.vars[*self.by_name.get(name)?].step?,
        };
        let mut at = first + 1;
        while at < end && self.is_link(at) {
            let name = self.tokens.get(at + 1).filter(|token| token.kind == Kind::Name && at + 1 < end)?;
            step = step.then(self.surface, self.tokens[at].kind, name.text(self.script))?;
            at += 2;
            if self.tokens.get(at).is_some_and(|token| token.is('(')) {
                at = self.behind_brackets(at, end)?;
            }
        }
        Some(step)
    }

    /// The word behind the bracket that closes the one at `open`.
    fn behind_brackets(&self, open: usize, end: usize) -> Option<usize> {
        let mut depth = 0usize;
        for at in open..end.min(self.tokens.len()) {
            match self.tokens[at].kind {
                Kind::Mark('(' | '[') => depth += 1,
                Kind::Mark(')' | ']') => depth = depth.checked_sub(1)?,
                _ => {}
            }
            if depth == 0 {
                return Some(at + 1);
            }
        }
        None
    }

    /// The first word of the pipeline that ends before a link.
    fn chain_start(&self, link: usize) -> Option<usize> {
        let mut at = link.checked_sub(1)?;
        loop {
            if self.tokens[at].is(')') {
                let mut depth = 0usize;
                loop {
                    match self.tokens[at].kind {
                        Kind::Mark(')' | ']') => depth += 1,
                        Kind::Mark('(' | '[') => depth -= 1,
                        _ => {}
                    }
                    at = at.checked_sub(1)?;
                    if depth == 0 {
                        break;
                    }
                }
            }
            if self.tokens[at].kind != Kind::Name {
                return None;
            }
            // What stands before a source is a line that is not written to its end.
            let is_source = self.is_word(at, "stream") || self.is_word(at, "batch");
            match at.checked_sub(1) {
                Some(before) if !is_source && self.is_link(before) => at = before.checked_sub(1)?,
                _ => return Some(at),
            }
        }
    }

    /// Where a pipeline has come to before its link.
    fn step_before(&self, link: usize) -> Option<Step<'s>> {
        self.walk(self.chain_start(link)?, link)
    }

    /// What stands at a byte, or could.
    pub(crate) fn at(&self, at: usize) -> Found<'s> {
        let nothing = Found { place: Place::Nothing, start: at, end: at };
        let comment = self.comments.partition_point(|comment| comment.start < at).checked_sub(1);
        if comment.is_some_and(|index| at <= self.comments[index].end) {
            return nothing;
        }
        // A word also is at its end: there it goes on being written.
        let next = self.tokens.partition_point(|token| token.start < at);
        let touching = next.checked_sub(1).filter(|&index| {
            let token = self.tokens[index];
            at < token.end || (at == token.end && (token.kind == Kind::Name || self.is_open(token)))
        });
        let here = touching.or_else(|| {
            (next < self.tokens.len() && self.tokens[next].start == at && self.tokens[next].kind == Kind::Name)
                .then_some(next)
        });
        let Some(index) = here else { return Found { place: self.place(next), ..nothing } };
        let token = self.tokens[index];
        let place = match token.kind {
            Kind::Name => self.place(index),
            Kind::Reference => Place::Reference,
            _ => Place::Nothing,
        };
        Found { place, start: token.start, end: token.end }
    }

    /// Whether a text, regex or reference lacks its closing quote.
    fn is_open(&self, token: Token) -> bool {
        let text = token.text(self.script);
        let quote = match token.kind {
            Kind::Text if text.starts_with("'''") => "'''",
            Kind::Text => "'",
            Kind::Reference => "\"",
            Kind::Regex => "/",
            _ => return false,
        };
        text.len() < 2 * quote.len() || !text.ends_with(quote) || text[..text.len() - 1].ends_with('\\')
    }

    /// What a word at this index is for.
    fn place(&self, index: usize) -> Place<'s> {
        let Some(before) = index.checked_sub(1) else { return Place::Statement };
        match self.tokens[before].kind {
            Kind::Mark('|') => Place::Node { after: self.step_before(before) },
            Kind::Mark('@') => Place::UserFunction,
            Kind::Mark('.') => Place::Property { of: self.step_before(before) },
            Kind::Mark(';') => Place::Statement,
            // The name and the type of a variable are free.
            Kind::Name if self.is_word(before, "var") || self.is_word(before, "dbrp") => Place::Nothing,
            _ if self.tokens[before].ends_operand(self.script) => match before.checked_sub(1) {
                Some(var) if self.is_word(var, "var") => Place::Nothing,
                _ => Place::Statement,
            },
            _ if self.is_in_lambda(index) => Place::Lambda,
            _ => Place::Value,
        }
    }

    /// Whether the word at this index belongs to a lambda expression: going back, `lambda:` comes before the comma,
    /// bracket or statement that would have ended it.
    fn is_in_lambda(&self, index: usize) -> bool {
        let mut depth = 0usize;
        let mut is_other_argument = false;
        for at in (0..index).rev() {
            let token = self.tokens[at];
            match token.kind {
                Kind::Mark(')' | ']') => depth += 1,
                Kind::Mark('(' | '[') if depth > 0 => depth -= 1,
                Kind::Mark('(' | '[') => is_other_argument = false,
                _ if depth > 0 => {}
                Kind::Lambda => return !is_other_argument,
                Kind::Mark(',') => is_other_argument = true,
                Kind::Mark('|' | '@' | ';') => return false,
                Kind::Name if matches!(token.text(self.script), "var" | "dbrp") => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether the word that ends here is called.
    pub(crate) fn is_called(&self, end: usize) -> bool {
        self.script[end..].trim_start().starts_with('(')
    }
}

impl<'s> Step<'s> {
    /// With one more node or property.
    fn then(self, surface: &'s Surface, link: Kind, name: &str) -> Option<Step<'s>> {
        let next = |name| {
            let (_, node) = surface.node(name)?;
            let edge = node.gives(node.table.fresh().as_ref(), self.edge);
            Some(Step { node, edge, handler: None })
        };
        match link {
            Kind::Mark('|') => next(name),
            Kind::Mark('.') => {
                if self.handler.is_some_and(|kind| kind.options.find(name).is_some()) {
                    return Some(self);
                }
                if self.node.table.find(name).is_some() {
                    return Some(Step { handler: None, ..self });
                }
                if let Some(kind) = surface.handlers().by_method(name).filter(|_| self.node.opens_handlers) {
                    return Some(Step { handler: Some(kind), ..self });
                }
                // The dialect of v0.2 chains nodes so, too.
                next(name).or(Some(self))
            }
            // What a user's function gives is known to itself alone.
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::surface;

    /// What the place is that `^` marks.
    fn place(marked: &str) -> String {
        let surface = surface();
        let at = marked.find('^').unwrap();
        let script = marked.replace('^', "");
        let found = Words::of(&script, &surface).at(at);
        format!("{:?} {:?}", found.place, &script[found.start..found.end])
    }

    #[test]
    fn places_are_known_while_writing() {
        for (script, want) in [
            ("^", "Statement \"\""),
            ("st^", "Statement \"st\""),
            ("stream|^", "Node { after: Some(stream stream None) } \"\""),
            ("stream\n  |from()\n  // |x\n  |wi^", "Node { after: Some(from stream None) } \"wi\""),
            ("stream|from()|window()|m^ean('x')", "Node { after: Some(window batch None) } \"mean\""),
            ("stream|from().^", "Property { of: Some(from stream None) } \"\""),
            ("stream|from()|alert().slack().ch^", "Property { of: Some(alert stream Some(\"slack\")) } \"ch\""),
            ("stream|from()|alert().slack().id('').^", "Property { of: Some(alert stream None) } \"\""),
            (
                "var a = batch|query('x')\nvar b = a|where(lambda: 1)\nb|^",
                "Node { after: Some(where batch None) } \"\"",
            ),
            ("stream|from()|where(lambda: ^", "Lambda \"\""),
            ("stream|from()|where(lambda: if(\"a\" > 1, fl^", "Lambda \"fl\""),
            ("stream|from()|eval(lambda: \"a\", ^)", "Value \"\""),
            ("stream|from()|eval(lambda: f(\"a\", ^))", "Lambda \"\""),
            ("stream|from().where(lambda: \"a^\" > 1)", "Reference \"\\\"a\\\"\""),
            ("var f = lambda: \"a\" > 1\nst^", "Statement \"st\""),
            ("var a^", "Nothing \"a\""),
            ("var a str^", "Nothing \"str\""),
            ("var a = ^", "Value \"\""),
            ("// stream|^", "Nothing \"\""),
            ("stream|from().measurement('c^", "Nothing \"'c\""),
            ("stream@^", "UserFunction \"\""),
            ("data|\nstream|from()|^", "Node { after: Some(from stream None) } \"\""),
            ("unknown|^", "Node { after: None } \"\""),
            (")|^", "Node { after: None } \"\""),
            ("].^", "Property { of: None } \"\""),
        ] {
            assert_eq!(place(script), want, "{script}");
        }
    }

    #[test]
    fn vars_have_their_comments() {
        let surface = surface();
        let script = "// far\n\n// When it is\n// bad.\nvar crit = 10\nvar name string\n";
        let words = Words::of(script, &surface);
        let crit = words.var("crit").unwrap();
        assert_eq!((crit.about.as_str(), crit.shown, crit.start), ("When it is\nbad.", "var crit = 10", 34));
        assert_eq!(words.var("name").unwrap().shown, "var name string");
        assert_eq!(words.vars_before(40).count(), 1);
    }
}
