//! The kinds of handlers that users may name, in a script or for a topic, and how one is made from what they wrote.

use std::any::Any;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use declare::{Argument, Declaration, SetError, Shown, Table};
use serde_json::{Map, Value as Json};

use crate::{Handler, Opener};

/// One kind of handler: `slack`, `log` …
pub struct Kind {
    /// In `kind:` of a topic's handler.
    pub name: &'static str,
    /// In a script: `alert().slack()`. `None` for those that topics alone have.
    pub method: Option<&'static str>,
    /// Its options: arguments and properties in a script, keys of `options:` of a topic's handler.
    pub options: Table,
    /// It reaches other programs, so events of replays are not for it.
    pub external: bool,
    /// Who runs the daemon does not want it to be used.
    off: AtomicBool,
    copy: fn(&dyn Any) -> Box<dyn Any + Send + Sync>,
    fresh: fn() -> Box<dyn Any + Send + Sync>,
    check: Box<Check>,
    ready: Box<Check>,
    open: Box<Open>,
    global: Option<Box<dyn Fn() -> Option<Global> + Send + Sync>>,
}

type Check = dyn Fn(&dyn Any) -> Result<(), String> + Send + Sync;
type Open = dyn Fn(&dyn Any, &Place) -> Result<Box<dyn Handler>, OpenError> + Send + Sync;

/// Where a handler stands, for its messages.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Place {
    pub topic: String,
    /// The task of an alert node, or the handler of a topic.
    pub owner: String,
}

/// The config gives this kind to all alert nodes that have none of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Global {
    /// All alert nodes tell changes of level only.
    pub state_changes_only: bool,
}

/// A handler cannot be made of what the user wrote.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    #[error("{kind}: {why}")]
    Invalid { kind: &'static str, why: String },
    #[error("{kind}: this handler is disabled on the daemon's command line")]
    Off { kind: &'static str },
    #[error("unsupported handler kind \"{kind}\"{}", declare::did_you_mean(.near))]
    Unknown { kind: String, near: Vec<String> },
    #[error("{kind}: {}", .errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Options { kind: &'static str, errors: Vec<SetError> },
}

/// Makes a [`Kind`] with options of type `D`.
pub struct KindBuilder<D> {
    kind: Kind,
    of: PhantomData<fn(D)>,
}

impl Kind {
    /// A kind whose options are of type `D`.
    pub fn of<D: Default + Clone + Send + Sync + 'static>(
        name: &'static str,
        declare: fn(Declaration<D>) -> Declaration<D>,
        open: impl Fn(D, &Place) -> Result<Box<dyn Handler>, OpenError> + Send + Sync + 'static,
    ) -> KindBuilder<D> {
        let open: Box<Open> = Box::new(move |options, place| {
            let options: &D = options.downcast_ref().expect("options are made by their own kind");
            open(options.clone(), place)
        });
        let kind = Kind {
            name,
            method: None,
            options: Table::of(declare),
            external: true,
            off: AtomicBool::new(false),
            copy: |options| {
                let options: &D = options.downcast_ref().expect("options are made by their own kind");
                Box::new(options.clone())
            },
            fresh: || Box::new(D::default()),
            check: Box::new(|_| Ok(())),
            ready: Box::new(|_| Ok(())),
            open,
            global: None,
        };
        KindBuilder { kind, of: PhantomData }
    }

    /// What the config says now about giving it to all alert nodes; `None` if it does not.
    pub fn global(&self) -> Option<Global> {
        self.global.as_ref().and_then(|global| global())
    }
}

impl<D: 'static> KindBuilder<D> {
    /// What is wrong with options as they are together; asked when a script is defined.
    #[must_use]
    pub fn check(mut self, check: fn(&D) -> Result<(), String>) -> Self {
        self.kind.check =
            Box::new(move |options| check(options.downcast_ref().expect("options are made by their own kind")));
        self
    }

    /// What would keep a handler from being opened whatever the config says: templates that do not parse. It is told
    /// when a script is checked, and refused when its task is enabled.
    #[must_use]
    pub fn ready(mut self, ready: fn(&D) -> Result<(), String>) -> Self {
        self.kind.ready =
            Box::new(move |options| ready(options.downcast_ref().expect("options are made by their own kind")));
        self
    }

    /// Scripts may use it as a method of an alert.
    #[must_use]
    pub fn method(mut self, name: &'static str) -> Self {
        self.kind.method = Some(name);
        self
    }

    /// It reaches no other programs.
    #[must_use]
    pub fn internal(mut self) -> Self {
        self.kind.external = false;
        self
    }

    /// Asked for each alert node whether the config gives it this kind.
    #[must_use]
    pub fn global(mut self, global: impl Fn() -> Option<Global> + Send + Sync + 'static) -> Self {
        self.kind.global = Some(Box::new(global));
        self
    }

    pub fn build(self) -> Arc<Kind> {
        Arc::new(self.kind)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kind").field("name", &self.name).field("method", &self.method).finish_non_exhaustive()
    }
}

/// What a user wrote for one handler.
pub struct HandlerOptions {
    kind: Arc<Kind>,
    values: Box<dyn Any + Send + Sync>,
}

impl HandlerOptions {
    /// All defaults.
    pub fn new(kind: Arc<Kind>) -> Self {
        let values = (kind.fresh)();
        HandlerOptions { kind, values }
    }

    /// From `options:` of a topic's handler.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn from_json(kind: Arc<Kind>, options: &Map<String, Json>) -> Result<Self, OpenError> {
        let mut made = HandlerOptions::new(kind);
        let errors = made.kind.options.load_json(&mut *made.values, options);
        if errors.is_empty() { Ok(made) } else { Err(OpenError::Options { kind: made.kind.name, errors }) }
    }

    pub fn kind(&self) -> &Arc<Kind> {
        &self.kind
    }

    /// The arguments of the call in a script that opens it; `name` is the method as it was written.
    pub fn construct(&mut self, name: &str, arguments: &[Argument]) -> Result<(), SetError> {
        self.kind.options.construct(&mut *self.values, name, arguments)
    }

    /// A property in a script.
    pub fn set(&mut self, name: &str, arguments: &[Argument]) -> Result<(), SetError> {
        self.kind.options.set(&mut *self.values, name, arguments)
    }

    /// The values, for writing the script back.
    pub fn values(&self) -> Vec<Shown> {
        self.kind.options.values(&*self.values)
    }

    /// Whether the options fit together, as far as they tell it themselves.
    ///
    /// # Errors
    /// [`OpenError::Invalid`]
    pub fn check(&self) -> Result<(), OpenError> {
        if self.kind.off.load(Ordering::Relaxed) {
            return Err(OpenError::Off { kind: self.kind.name });
        }
        (self.kind.check)(&*self.values).map_err(|why| OpenError::Invalid { kind: self.kind.name, why })
    }

    /// Whether a handler could be opened, as far as the options tell it themselves.
    ///
    /// # Errors
    /// [`OpenError::Invalid`]
    pub fn ready(&self) -> Result<(), OpenError> {
        (self.kind.ready)(&*self.values).map_err(|why| OpenError::Invalid { kind: self.kind.name, why })
    }

    /// Makes the handler.
    ///
    /// # Errors
    /// If the options do not fit together, or the kind cannot send.
    pub fn open(&self, place: &Place) -> Result<Box<dyn Handler>, OpenError> {
        self.check()?;
        self.ready()?;
        (self.kind.open)(&*self.values, place)
    }

    /// Makes more handlers of the same options.
    pub fn opener(&self, place: Place) -> Opener {
        let options = self.clone();
        Arc::new(move || options.open(&place))
    }
}

impl Clone for HandlerOptions {
    fn clone(&self) -> Self {
        HandlerOptions { kind: self.kind.clone(), values: (self.kind.copy)(&*self.values) }
    }
}

impl fmt::Debug for HandlerOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values may be secret.
        f.debug_struct("HandlerOptions").field("kind", &self.kind.name).finish_non_exhaustive()
    }
}

/// All kinds. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Kinds(Arc<[Arc<Kind>]>);

impl Kinds {
    pub fn new(kinds: Vec<Arc<Kind>>) -> Self {
        Kinds(kinds.into())
    }

    /// In their listed order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.0.iter()
    }

    /// The kind that a script's method names; the case of the first letter does not matter.
    pub fn by_method(&self, method: &str) -> Option<&Arc<Kind>> {
        let same = |name: &str| {
            name == method
                || (name.get(..1).zip(method.get(..1)).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
                    && name.get(1..) == method.get(1..))
        };
        self.0.iter().find(|kind| kind.method.is_some_and(same))
    }

    /// Nobody may open handlers of these kinds from now on.
    ///
    /// # Errors
    /// [`OpenError::Unknown`] for the first name that is none; the others are switched off all the same.
    pub fn switch_off<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), OpenError> {
        let mut outcome = Ok(());
        for name in names {
            match self.by_name(name) {
                Ok(kind) => kind.off.store(true, Ordering::Relaxed),
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    /// The kind of a topic's handler.
    ///
    /// # Errors
    /// [`OpenError::Unknown`] with near names.
    pub fn by_name(&self, name: &str) -> Result<&Arc<Kind>, OpenError> {
        self.0.iter().find(|kind| kind.name == name).ok_or_else(|| OpenError::Unknown {
            kind: name.to_string(),
            near: declare::nearest(name, self.0.iter().map(|kind| kind.name)),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::Collector;

    #[derive(Clone, Default)]
    struct Options {
        path: String,
        mode: i64,
    }

    fn kinds() -> Kinds {
        let log = Kind::of(
            "log",
            |it: Declaration<Options>| {
                it.argument("path", "Where to.", |d| &mut d.path).property("mode", "Of the file.", |d| &mut d.mode)
            },
            |options, _place| match options.path.as_str() {
                "" => Err(OpenError::Invalid { kind: "log", why: "no path".into() }),
                _ => Ok(Box::new(Collector::default()) as Box<dyn Handler>),
            },
        );
        Kinds::new(vec![log.method("log").global(|| Some(Global { state_changes_only: true })).build()])
    }

    #[test]
    fn options_come_from_scripts_and_from_json() {
        let kinds = kinds();
        let mut options = HandlerOptions::new(kinds.by_method("Log").unwrap().clone());
        assert_eq!(options.open(&Place::default()).err().unwrap().to_string(), "log: no path");
        options.construct("log", &["/tmp/x".into()]).unwrap();
        options.set("mode", &[Argument::Int(420)]).unwrap();
        let copy = options.clone();
        assert_eq!(copy.values()[1].json, json!(420));
        assert!(copy.open(&Place::default()).is_ok());
        let kind = kinds.by_name("log").unwrap().clone();
        assert_eq!(kind.global(), Some(Global { state_changes_only: true }));
        let wrong = json!({"path": 1, "zzzzzz": 2});
        let error = HandlerOptions::from_json(kind, wrong.as_object().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "log: path: expected a string, got the integer 1; no property \"zzzzzz\"");
        let error = kinds.by_name("logg").unwrap_err();
        assert_eq!(error.to_string(), "unsupported handler kind \"logg\", did you mean \"log\"?");
        assert!(kinds.switch_off(["log", "pigeon"]).is_err());
        let error = copy.open(&Place::default()).err().unwrap();
        assert_eq!(error.to_string(), "log: this handler is disabled on the daemon's command line");
        assert!(kinds.by_method("slack").is_none());
        assert!(kinds.by_method("").is_none());
    }
}
