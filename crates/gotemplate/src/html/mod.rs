//! HTML templates: every action is escaped for the place in the page where its output lands.
mod attribute;
mod context;
mod css;
mod edits;
mod entity;
mod escaper;
mod script;
mod tags;
mod text;
mod transition;
mod tree;
mod url;

pub(crate) use escaper::Escaper;
pub(crate) use tree::escape;
