//! Variables: `var name = value`, `var name type`, and what a name stands for.

use declare::{Argument, nearest};
use tickscript::{
    Span,
    ast::{Expr, Ident, Statement},
};

use super::{
    Diagnostic, Var, VarType,
    error::near_hint,
    interpret::{Interpreter, Val},
};
use crate::EdgeKind;

/// What a name stands for.
pub(super) struct Binding {
    pub(super) value: Val,
    pub(super) span: Span,
    pub(super) used: bool,
}

impl Interpreter<'_> {
    pub(super) fn declare_type(&mut self, statement: &Statement, name: &Ident, type_name: &Ident) {
        let Some(var_type) = VarType::parse(&type_name.name) else {
            let mut diagnostic =
                Diagnostic::error(type_name.span, format!("there is no type {} for variables", type_name.name));
            diagnostic.hint = near_hint(&nearest(&type_name.name, VarType::names()))
                .or_else(|| Some(format!("types are {}", VarType::names().collect::<Vec<_>>().join(", "))));
            self.diagnostics.push(diagnostic);
            return self.bind(name, Val::Unknown);
        };
        let var = Var { var_type, value: None, description: description(statement) };
        self.declared.insert(name.name.clone(), var);
        let value = match self.given(name, var_type) {
            Some(value) => Val::Arg(value),
            None if self.request.template => Val::Arg(var_type.zero()),
            None => {
                if !self.request.vars.contains_key(&name.name) {
                    self.error(name.span, format!("missing value for var {:?}", name.name));
                }
                Val::Unknown
            }
        };
        self.bind(name, value);
    }

    /// `next` is where the next statement starts.
    pub(super) fn declare(&mut self, statement: &Statement, name: &Ident, value: &Expr, next: u32) {
        let end = value.span.end;
        let value = self.eval(value);
        let mut value = self.behind_damage(value, end, next);
        let var_type = match &value {
            Val::Arg(value) => VarType::of(value),
            _ => None,
        };
        if let (Some(var_type), Val::Arg(own)) = (var_type, &value) {
            let var = Var { var_type, value: Some(own.clone()), description: description(statement) };
            self.declared.insert(name.name.clone(), var);
            if let Some(given) = self.given(name, var_type) {
                value = Val::Arg(given);
            }
        } else if !matches!(value, Val::Unknown) && self.request.vars.contains_key(&name.name) {
            self.error(name.span, format!("invalid type supplied for {}: it stands for a node", name.name));
        }
        self.bind(name, value);
    }

    /// The value that the request has for a variable; a wrong type is reported.
    fn given(&mut self, name: &Ident, var_type: VarType) -> Option<Argument> {
        let given = self.request.vars.get(&name.name)?;
        if given.var_type != var_type {
            let message = format!(
                "invalid type supplied for {}, got {} expected {}",
                name.name,
                given.var_type.name(),
                var_type.name()
            );
            self.error(name.span, message);
            return None;
        }
        given.value.clone()
    }

    fn bind(&mut self, name: &Ident, value: Val) {
        let source = if self.kind == EdgeKind::Stream { "stream" } else { "batch" };
        // `time` is the function of groupBy.
        if name.name == source || name.name == "time" || self.bindings.contains_key(&name.name) {
            let message = format!("attempted to redefine {}, vars are immutable", name.name);
            let mut diagnostic = Diagnostic::error(name.span, message).hint("give it another name");
            if let Some(first) = self.bindings.get(&name.name) {
                diagnostic = diagnostic.related(first.span, "it is first declared here");
            }
            return self.diagnostics.push(diagnostic);
        }
        self.bindings.insert(name.name.clone(), Binding { value, span: name.span, used: false });
    }

    /// What a name stands for, in a lambda or outside of one.
    pub(super) fn look_up(&mut self, name: &str, span: Span, in_expression: bool) -> Val {
        if (name == "stream" && self.kind == EdgeKind::Stream) || (name == "batch" && self.kind == EdgeKind::Batch) {
            return Val::Node(0);
        }
        if let Some(binding) = self.bindings.get_mut(name) {
            binding.used = true;
            return binding.value.clone();
        }
        // That a script uses both `stream` and `batch` was said where it was read.
        if name == "stream" || name == "batch" || self.is_damaged(span) {
            return Val::Unknown;
        }
        if name == "influxql" && self.legacy {
            return Val::Influxql;
        }
        let known = self.bindings.keys().map(String::as_str).chain(["stream", "batch"]);
        let hint = near_hint(&nearest(name, known)).or_else(|| match name {
            "true" | "True" | "false" | "False" => Some("write TRUE and FALSE in capital letters".to_string()),
            _ if in_expression => Some(format!("a field or tag is written in double quotes: \"{name}\"")),
            _ => Some(format!(
                "a string is written in single quotes: '{name}'; a variable is declared before it is used"
            )),
        });
        self.diagnostics.push(Diagnostic::error(span, format!("name \"{name}\" is undefined")).hints(hint));
        Val::Unknown
    }

    /// A variable that is declared and never used is a mistake, or not needed.
    pub(super) fn warn_of_unused(&mut self) {
        if self.request.template {
            return;
        }
        let mut unused: Vec<_> = self.bindings.iter().filter(|(_, binding)| !binding.used).collect();
        unused.retain(|(_, binding)| matches!(binding.value, Val::Arg(_)));
        unused.sort_by_key(|(_, binding)| binding.span.start);
        let warnings = unused
            .into_iter()
            .map(|(name, binding)| Diagnostic::warning(binding.span, format!("variable {name} is never used")));
        self.diagnostics.extend(warnings);
    }
}

/// The comment as it is written, indents and all. Case: api/template_var_descriptions.
fn description(statement: &Statement) -> String {
    let lines: Vec<&str> = statement.comments.iter().map(|comment| comment.text.as_str()).collect();
    lines.join("\n")
}
