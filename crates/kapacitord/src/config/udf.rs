//! Functions of users' own: the processes and sockets behind `@name`.

use std::collections::BTreeMap;
use std::time::Duration;

use declare::{Argument, Declaration, Kind, Mismatch, Section, Setting, Table};
use serde_json::Value as Json;

#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Udf {
    pub(crate) functions: Option<BTreeMap<String, UdfFunction>>,
}

/// A function's process or socket.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct UdfFunction {
    pub(crate) socket: String,
    pub(crate) prog: String,
    pub(crate) args: Option<Vec<String>>,
    pub(crate) env: Option<BTreeMap<String, String>>,
    pub(crate) timeout: Duration,
    pub(crate) restart_after_errors: bool,
}

impl Section for Udf {
    const NAME: &'static str = "udf";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about(
            "Functions of your own, which scripts call as @name(). Each has a table [udf.functions.name] with either \
             prog, args and env, or socket.",
        )
        .property("functions", "The functions by name.", |d| &mut d.functions)
        .nested(Table::of(UdfFunction::declare))
    }

    fn check(&self) -> Result<(), String> {
        for (name, function) in self.functions.iter().flatten() {
            function.check().map_err(|why| format!("UDF {name}: {why}"))?;
        }
        Ok(())
    }
}

impl UdfFunction {
    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("A function of your own.")
            .property("socket", "The path of the socket that its process listens on.", |d| &mut d.socket)
            .property("prog", "The program to start.", |d| &mut d.prog)
            .property("args", "Its arguments.", |d| &mut d.args)
            .property("env", "What to add to its environment.", |d| &mut d.env)
            .property("timeout", "How long it may be silent before it counts as dead.", |d| &mut d.timeout)
            .property(
                "restart-after-errors",
                "Start it again also after an error that it tells of itself, which otherwise ends its task.",
                |d| &mut d.restart_after_errors,
            )
    }

    fn check(&self) -> Result<(), String> {
        if self.timeout <= Duration::from_millis(1) {
            return Err(format!(
                "timeout is too small: {:?}; say how long the function may be silent, such as 10s",
                self.timeout
            ));
        }
        let has_process =
            !self.prog.is_empty() || self.args.iter().flatten().count() > 0 || self.env.iter().flatten().count() > 0;
        match (self.socket.is_empty(), has_process) {
            (false, true) => Err("has both socket and prog, args or env: must be one of them".to_string()),
            (true, _) if self.prog.is_empty() => Err("must set either prog or socket".to_string()),
            _ => Ok(()),
        }
    }
}

/// A table of its keys. Those that it does not know are told by the loader.
impl Setting for UdfFunction {
    fn kind() -> Kind {
        Kind::Other("a table with prog or socket")
    }

    fn zero() -> Self {
        UdfFunction::default()
    }

    fn from_argument(argument: &Argument) -> Result<Self, Mismatch> {
        Err(Mismatch::new(Self::kind().expected(), argument.describe()))
    }

    fn from_json(json: &Json) -> Result<Self, Mismatch> {
        let Json::Object(entries) = json else {
            return Err(Mismatch::new(Self::kind().expected(), "a single value"));
        };
        let table = Table::of(UdfFunction::declare);
        let mut function = UdfFunction::default();
        for (key, value) in entries {
            if let Some(item) = table.find_name(key) {
                item.set_json(&mut function, value)?;
            }
        }
        Ok(function)
    }

    fn from_text(text: &str) -> Result<Self, Mismatch> {
        Err(Mismatch::new(Self::kind().expected(), format!("{text:?}"))
            .hint("functions can be set in the config file only"))
    }

    fn to_json(&self) -> Json {
        Json::Object(Table::of(UdfFunction::declare).json(self))
    }

    fn to_argument(&self) -> Option<Argument> {
        None
    }
}
