//! The functions that lambda expressions call: one table line each, from which checking, completion and docs come.

mod conditional;
mod convert;
mod math;
mod stateful;
mod string;
mod text;
mod time;

use std::borrow::Cow;

use model::Time;

use crate::{EvalError, State, Type, Zone, value::Val, zone::Part};

pub(crate) use text::{duration_text, float_text};

/// What a function is about; the headings of its documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Group {
    Conversion,
    Math,
    String,
    Time,
    Conditional,
    Stateful,
    Misc,
}

/// One way to call a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signature {
    pub args: &'static [Type],
    pub returns: Type,
}

/// One function, as users see it.
pub struct Function {
    pub name: &'static str,
    pub group: Group,
    pub signatures: &'static [Signature],
    pub doc: &'static str,
    /// It remembers something from row to row.
    pub stateful: bool,
    /// The same arguments, and the same memory, give the same result.
    pub deterministic: bool,
    pub(crate) call: Call,
}

/// How a function is worked out.
#[derive(Clone, Copy)]
pub(crate) enum Call {
    Float(fn(f64) -> f64),
    Floats(fn(f64, f64) -> f64),
    TextsToBool(fn(&str, &str) -> bool),
    TextsToInt(fn(&str, &str) -> i64),
    /// A part of the first text.
    TextsToPart(for<'t> fn(&'t str, &str) -> &'t str),
    TextToText(fn(&str) -> String),
    TimePart(Part),
    Other(for<'a> fn(&mut [Val<'a>], &mut Env<'_>) -> Result<Val<'a>, String>),
}

/// What a function may use beside its arguments.
pub(crate) struct Env<'e> {
    pub(crate) now: Time,
    pub(crate) zone: &'e Zone,
    pub(crate) state: &'e mut State,
    /// Which memory of the state, of how many.
    pub(crate) scope: usize,
    pub(crate) scopes: usize,
    pub(crate) random: &'e mut u64,
}

const fn signature(args: &'static [Type], returns: Type) -> Signature {
    Signature { args, returns }
}

impl Function {
    const fn new(
        group: Group,
        name: &'static str,
        signatures: &'static [Signature],
        doc: &'static str,
        call: Call,
    ) -> Function {
        Function { name, group, signatures, doc, stateful: false, deterministic: true, call }
    }

    const fn stateful(mut self) -> Function {
        self.stateful = true;
        self
    }

    const fn random(mut self) -> Function {
        self.deterministic = false;
        self
    }

    /// What it gives for arguments of these types.
    pub fn returns(&self, args: &[Type]) -> Option<Type> {
        self.signatures.iter().find(|s| s.args == args).map(|s| s.returns)
    }

    /// All signatures as messages show them: `(float,float), (int)`.
    pub fn signatures_text(&self) -> String {
        let one = |s: &Signature| {
            let args: Vec<_> = s.args.iter().map(|t| t.name()).collect();
            format!("({})", args.join(","))
        };
        self.signatures.iter().map(one).collect::<Vec<_>>().join(", ")
    }

    /// Call it; wrong types are told, not trusted.
    pub(crate) fn call<'a>(&'static self, args: &mut [Val<'a>], env: &mut Env<'_>) -> Result<Val<'a>, EvalError> {
        let result = match (self.call, &mut *args) {
            (Call::Float(f), [Val::Float(a)]) => Ok(Val::Float(f(*a))),
            (Call::Floats(f), [Val::Float(a), Val::Float(b)]) => Ok(Val::Float(f(*a, *b))),
            (Call::TextsToBool(f), [Val::Str(a), Val::Str(b)]) => Ok(Val::Bool(f(a, b))),
            (Call::TextsToInt(f), [Val::Str(a), Val::Str(b)]) => Ok(Val::Int(f(a, b))),
            (Call::TextsToPart(f), [Val::Str(a), Val::Str(b)]) => Ok(Val::Str(match std::mem::take(a) {
                Cow::Borrowed(a) => Cow::Borrowed(f(a, b)),
                Cow::Owned(a) => Cow::Owned(f(&a, b).to_owned()),
            })),
            (Call::TextToText(f), [Val::Str(a)]) => Ok(Val::Str(Cow::Owned(f(a)))),
            (Call::TimePart(part), [Val::Time(t)]) => Ok(Val::Int(env.zone.part(*t, part))),
            (Call::Other(f), args) => f(args, env),
            _ => Err(unexpected(args)),
        };
        result.map_err(|why| EvalError::Call { function: self.name, why: why.into() })
    }
}

/// The message for arguments that no signature has.
fn unexpected(args: &[Val<'_>]) -> String {
    let types: Vec<_> = args.iter().map(|a| a.type_of().name()).collect();
    format!("unexpected arguments ({})", types.join(","))
}

/// All functions, by group, in the order of their names.
pub fn functions() -> impl Iterator<Item = &'static Function> {
    [
        convert::FUNCTIONS,
        math::FUNCTIONS,
        string::FUNCTIONS,
        time::FUNCTIONS,
        conditional::FUNCTIONS,
        stateful::FUNCTIONS,
    ]
    .into_iter()
    .flatten()
}

/// The function of this name.
pub fn function(name: &str) -> Option<&'static Function> {
    functions().find(|f| f.name == name)
}

/// The function whose name is most like one that does not exist.
pub(crate) fn nearest(name: &str) -> Option<&'static str> {
    let wanted = name.to_lowercase();
    let limit = (wanted.chars().count() / 3).max(1);
    functions()
        .map(|f| (distance(&wanted, &f.name.to_lowercase()), f.name))
        .filter(|(d, _)| *d <= limit)
        .min_by_key(|(d, _)| *d)
        .map(|(_, name)| name)
}

/// How many letters must be put in, left out or changed (Levenshtein); long words are as far as can be.
fn distance(a: &str, b: &str) -> usize {
    const LONGEST: usize = 64;
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    if a.len() > LONGEST || b.len() > LONGEST {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut corner = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let change = corner + usize::from(x != y);
            corner = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(corner + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_found() {
        assert_eq!(nearest("flor"), Some("floor"));
        assert_eq!(nearest("strLenght"), Some("strLength"));
        assert_eq!(nearest("ispresent"), Some("isPresent"));
        assert_eq!(nearest("completelyelse"), None);
        assert_eq!(nearest(&"x".repeat(100_000)), None);
    }

    #[test]
    fn each_function_is_documented_and_named_once() {
        let mut names: Vec<_> = functions().map(|f| f.name).collect();
        assert_eq!(names.len(), 83);
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), 83);
        for f in functions() {
            assert!(f.doc.ends_with('.') && f.doc.len() > 10, "{}", f.name);
            assert!(!f.signatures.is_empty() && f.signatures.iter().all(|s| s.args.len() <= 4), "{}", f.name);
        }
    }
}
