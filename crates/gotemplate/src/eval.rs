//! The values of pipelines: fields, methods, variables and function calls.
use crate::ast::{Command, Expr, ExprKind, Number, Pipe};
use crate::exec::{Done, Place, State};
use crate::functions::{Function, Param, Signature};
use crate::methods;
use crate::val::Val;
use crate::value::Value;

/// Calls with up to so many arguments need no allocation for them.
const FEW: usize = 4;

/// What is called: a function, or a method of a value.
enum Callee<'a> {
    Function(Function),
    Method(Val<'a>, &'static methods::Method, &'a str),
}

impl<'a> State<'a, '_> {
    /// The value of a pipeline; also gives it to the variables that the pipeline declares.
    pub(crate) fn pipeline(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Done<Val<'a>> {
        self.place = Place::Pipe(pipe);
        let value = self.commands(dot, &pipe.commands)?.unwrap_or_default();
        for name in &pipe.variables {
            if pipe.assigns {
                self.assign(name, value.clone())?;
            } else {
                self.declare(name, value.clone());
            }
        }
        Ok(value)
    }

    /// Appends the value of a pipeline that is just a field that needs no call; false if it is more, and nothing was done.
    pub(crate) fn write_field(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> bool {
        let [Command { words, .. }] = pipe.commands.as_slice() else { return false };
        let [Expr { kind: ExprKind::Field(names), .. }] = words.as_slice() else { return false };
        match borrowed_field(dot, names) {
            Some(value) => {
                self.place = Place::Pipe(pipe);
                self.print(&Val::Ref(value));
                true
            }
            None => false,
        }
    }

    fn commands(&mut self, dot: &Val<'a>, commands: &'a [Command]) -> Done<Option<Val<'a>>> {
        let mut value = None;
        for command in commands {
            value = Some(self.command(dot, command, value)?.unboxed());
        }
        Ok(value)
    }

    /// Appends the result of a pipeline that ends in a function for text, without making a value of it; false if it
    /// ends in something else, and nothing was done.
    pub(crate) fn write_pipeline(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Done<bool> {
        let Some((last, before)) = pipe.commands.split_last() else { return Ok(false) };
        let ExprKind::Function(function) = last.words[0].kind else { return Ok(false) };
        if !function.writes_text() {
            return Ok(false);
        }
        self.place = Place::Pipe(pipe);
        let value = self.commands(dot, before)?;
        self.place = Place::Expr(&last.words[0]);
        let write = |state: &mut Self, arguments: &[Val<'a>]| match function.write(arguments, state.out) {
            Ok(()) => Ok(Val::Missing),
            Err(message) => Err(state.call_error(Place::Command(last), function.name(), &message)),
        };
        self.with_arguments(dot, function.name(), &function.signature(), &last.words[1..], value, write)?;
        Ok(true)
    }

    fn command(&mut self, dot: &Val<'a>, command: &'a Command, piped: Option<Val<'a>>) -> Done<Val<'a>> {
        let (first, arguments) = (&command.words[0], &command.words[1..]);
        if !matches!(first.kind, ExprKind::Pipe(_)) {
            self.place = Place::Expr(first);
        }
        match &first.kind {
            ExprKind::Field(names) => match borrowed_field(dot, names) {
                Some(value) if arguments.is_empty() && piped.is_none() => Ok(Val::Ref(value)),
                _ => self.chain(dot, dot.clone(), first, names, arguments, piped),
            },
            ExprKind::Chain(inner, names) => {
                let receiver = self.chain_base(dot, first, inner)?;
                self.chain(dot, receiver, first, names, arguments, piped)
            }
            ExprKind::Variable(name, names) => {
                let value = self.variable(name)?;
                if names.is_empty() {
                    self.check_no_arguments(first, arguments, &piped)?;
                    return Ok(value);
                }
                self.chain(dot, value, first, names, arguments, piped)
            }
            ExprKind::Function(function) => {
                self.call_callee(dot, Callee::Function(*function), Place::Command(command), arguments, piped)
            }
            _ => {
                self.check_no_arguments(first, arguments, &piped)?;
                match &first.kind {
                    ExprKind::Pipe(pipe) => self.nested(dot, pipe),
                    ExprKind::Nil => Err(self.error("nil is not a command")),
                    _ => self.constant(dot, first),
                }
            }
        }
    }

    fn nested(&mut self, dot: &Val<'a>, pipe: &'a Pipe) -> Done<Val<'a>> {
        self.enter()?;
        let value = self.pipeline(dot, pipe)?;
        self.leave();
        Ok(value)
    }

    fn check_no_arguments(&self, first: &Expr, arguments: &[Expr], piped: &Option<Val<'a>>) -> Done<()> {
        if arguments.is_empty() && piped.is_none() {
            return Ok(());
        }
        Err(self.error(format!("can't give argument to non-function {}", first.shown())))
    }

    /// Dot and constants as they are without a wish for a type.
    fn constant(&mut self, dot: &Val<'a>, expr: &'a Expr) -> Done<Val<'a>> {
        match &expr.kind {
            ExprKind::Dot => Ok(dot.clone()),
            ExprKind::Bool(value) | ExprKind::String(value, _) => Ok(Val::Ref(value)),
            ExprKind::Number(Number { ideal: Some(value), .. }) => Ok(Val::Ref(value)),
            ExprKind::Number(number) => Err(self.error(format!("{} overflows int", number.text))),
            _ => Err(self.error(format!("can't evaluate command {}", crate::gofmt::quote(&expr.to_string())))),
        }
    }

    // Fields and methods.

    fn chain_base(&mut self, dot: &Val<'a>, chain: &'a Expr, inner: &'a Expr) -> Done<Val<'a>> {
        if matches!(inner.kind, ExprKind::Nil) {
            return Err(self.error(format!("indirection through explicit nil in {chain}")));
        }
        self.argument(dot, Param::Any, inner)
    }

    /// `.A.B.C` from a receiver on; arguments go to the last.
    fn chain(
        &mut self,
        dot: &Val<'a>,
        receiver: Val<'a>,
        node: &'a Expr,
        names: &'a [Box<str>],
        arguments: &'a [Expr],
        piped: Option<Val<'a>>,
    ) -> Done<Val<'a>> {
        let mut value = receiver;
        let Some((last, before)) = names.split_last() else { return Ok(value) };
        for name in before {
            value = self.field(dot, value, node, name, &[], None)?;
        }
        self.field(dot, value, node, last, arguments, piped)
    }

    fn field(
        &mut self,
        dot: &Val<'a>,
        receiver: Val<'a>,
        node: &'a Expr,
        name: &'a str,
        arguments: &'a [Expr],
        piped: Option<Val<'a>>,
    ) -> Done<Val<'a>> {
        if receiver.is_missing() {
            return Ok(Val::Missing);
        }
        let has_arguments = !arguments.is_empty() || piped.is_some();
        match receiver.value() {
            Value::Nil => return Err(self.error(format!("nil pointer evaluating interface {{}}.{name}"))),
            Value::Struct(fields) => {
                if let Some(found) = receiver.part(|value| struct_field(value, name)) {
                    if crate::value::is_embedded(name) {
                        let message = format!("{name} is an unexported field of struct type {}", fields.name);
                        return Err(self.error(message));
                    }
                    if has_arguments {
                        return Err(self.error(format!("{name} has arguments but cannot be invoked as function")));
                    }
                    return Ok(found);
                }
            }
            Value::Map(map) | Value::StringMap(map) => {
                if has_arguments {
                    return Err(self.error(format!("{name} is not a method but has arguments")));
                }
                let of_any = matches!(receiver.value(), Value::Map(_));
                if !map.contains_key(name) {
                    return Ok(Val::Missing);
                }
                let found = receiver.part(|value| map_item(value, name)).unwrap_or_default();
                return Ok(if of_any { found.boxed() } else { found });
            }
            value => {
                if let Some(method) = methods::find(value, name) {
                    let callee = Callee::Method(receiver, method, name);
                    return self.call_callee(dot, callee, Place::Expr(node), arguments, piped);
                }
            }
        }
        Err(self.error(format!("can't evaluate field {name} in type {}", receiver.type_name())))
    }

    // Calls.

    fn call_callee(
        &mut self,
        dot: &Val<'a>,
        callee: Callee<'a>,
        place: Place<'a>,
        arguments: &'a [Expr],
        piped: Option<Val<'a>>,
    ) -> Done<Val<'a>> {
        match callee {
            Callee::Function(function @ (Function::And | Function::Or)) => self.logic(dot, function, arguments, piped),
            Callee::Function(function) => {
                let shown = || arguments.first().map(Expr::shown);
                let call = |state: &mut Self, values: &[Val<'a>]| {
                    function.call(values, &shown).map_err(|message| state.call_error(place, function.name(), &message))
                };
                self.with_arguments(dot, function.name(), &function.signature(), arguments, piped, call)
            }
            Callee::Method(receiver, method, name) => {
                let signature = Signature { fixed: method.params, rest: None };
                let call = |_: &mut Self, values: &[Val<'a>]| Ok(Val::Own((method.run)(receiver.value(), values)));
                self.with_arguments(dot, name, &signature, arguments, piped, call)
            }
        }
    }

    fn call_error(&mut self, place: Place<'a>, name: &str, message: &str) -> crate::Error {
        self.place = place;
        self.error(format!("error calling {name}: {message}"))
    }

    /// `and` and `or` look at no more arguments than they need.
    fn logic(
        &mut self,
        dot: &Val<'a>,
        function: Function,
        arguments: &'a [Expr],
        piped: Option<Val<'a>>,
    ) -> Done<Val<'a>> {
        self.check_count(function.name(), &function.signature(), arguments.len(), piped.is_some())?;
        let mut value = Val::Missing;
        for argument in arguments {
            value = self.argument(dot, Param::Any, argument)?;
            if value.value().truth() == (function == Function::Or) {
                return Ok(value);
            }
        }
        Ok(piped.unwrap_or(value))
    }

    fn check_count(&self, name: &str, signature: &Signature, written: usize, piped: bool) -> Done<()> {
        let (given, wanted) = (written + usize::from(piped), signature.fixed.len());
        match signature.rest {
            Some(_) if given < wanted => {
                Err(self.error(format!("wrong number of args for {name}: want at least {wanted} got {written}")))
            }
            None if given != wanted => {
                Err(self.error(format!("wrong number of args for {name}: want {wanted} got {given}")))
            }
            _ => Ok(()),
        }
    }

    /// Evaluates and checks the arguments, and hands them to `call`.
    fn with_arguments(
        &mut self,
        dot: &Val<'a>,
        name: &str,
        signature: &Signature,
        arguments: &'a [Expr],
        piped: Option<Val<'a>>,
        call: impl FnOnce(&mut Self, &[Val<'a>]) -> Done<Val<'a>>,
    ) -> Done<Val<'a>> {
        self.check_count(name, signature, arguments.len(), piped.is_some())?;
        let count = arguments.len() + usize::from(piped.is_some());
        let mut few: [Val<'a>; FEW] = Default::default();
        let mut many = Vec::new();
        let values = if count <= FEW {
            &mut few[..count]
        } else {
            many.resize(count, Val::Missing);
            &mut many[..]
        };
        for (index, argument) in arguments.iter().enumerate() {
            values[index] = self.argument(dot, signature.param(index), argument)?;
        }
        if let Some(piped) = piped {
            values[count - 1] = self.checked(piped, signature.param(count - 1))?;
        }
        self.charge(values)?;
        call(self, values)
    }

    /// The value of an argument for a parameter.
    fn argument(&mut self, dot: &Val<'a>, param: Param, expr: &'a Expr) -> Done<Val<'a>> {
        self.step()?;
        self.place = Place::Expr(expr);
        let value = match &expr.kind {
            ExprKind::Dot => dot.clone(),
            ExprKind::Nil if matches!(param, Param::Any | Param::Zone) => return Ok(Val::Missing),
            ExprKind::Nil => return Err(self.error(format!("cannot assign nil to {}", param.type_name()))),
            ExprKind::Field(names) => match borrowed_field(dot, names) {
                Some(value) => Val::Ref(value),
                None => self.chain(dot, dot.clone(), expr, names, &[], None)?,
            },
            ExprKind::Variable(name, names) => {
                let value = self.variable(name)?;
                self.chain(dot, value, expr, names, &[], None)?
            }
            ExprKind::Pipe(pipe) => self.nested(dot, pipe)?,
            ExprKind::Function(function) => {
                self.call_callee(dot, Callee::Function(*function), Place::Expr(expr), &[], None)?
            }
            ExprKind::Chain(inner, names) => {
                let receiver = self.chain_base(dot, expr, inner)?;
                self.chain(dot, receiver, expr, names, &[], None)?
            }
            _ => return self.literal(dot, param, expr),
        };
        self.checked(value, param)
    }

    /// A constant as the parameter wants it.
    fn literal(&mut self, dot: &Val<'a>, param: Param, expr: &'a Expr) -> Done<Val<'a>> {
        match (param, &expr.kind) {
            (Param::Any, _) => self.constant(dot, expr),
            (Param::Str, ExprKind::String(value, _)) => Ok(Val::Ref(value)),
            (Param::Str, _) => Err(self.error(format!("expected string; found {expr}"))),
            (Param::Int, ExprKind::Number(Number { int: Some(int), .. })) => Ok(Val::Own(Value::Number(*int))),
            (Param::Duration, ExprKind::Number(Number { int: Some(int), .. })) => Ok(Val::Own(Value::Duration(*int))),
            (Param::Int | Param::Duration, _) => Err(self.error(format!("expected integer; found {expr}"))),
            _ => Err(self.error(format!("can't handle {expr} for arg of type {}", param.type_name()))),
        }
    }

    /// The value if the parameter takes it.
    fn checked(&self, value: Val<'a>, param: Param) -> Done<Val<'a>> {
        if param == Param::Any {
            return Ok(value);
        }
        let name = param.type_name();
        if value.is_missing() {
            return Err(self.error(format!("invalid value; expected {name}")));
        }
        if param.accepts(value.value()) {
            return Ok(value.unboxed());
        }
        let got = value.unboxed();
        Err(self.error(format!("wrong type for value; expected {name}; got {}", got.type_name())))
    }
}

/// The value at the end of fields of structs and string maps, all borrowed; none where there is more to it, such as a
/// method, an interface or an error.
fn borrowed_field<'a>(dot: &Val<'a>, names: &[Box<str>]) -> Option<&'a Value> {
    let Val::Ref(mut value) = *dot else { return None };
    for name in names {
        value = match value {
            Value::Struct(fields) if !crate::value::is_embedded(name) => fields.field(name)?,
            Value::StringMap(map) => map.get(&**name)?,
            _ => return None,
        };
    }
    Some(value)
}

fn struct_field<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Struct(value) => value.field(name),
        _ => None,
    }
}

fn map_item<'v>(value: &'v Value, name: &str) -> Option<&'v Value> {
    match value {
        Value::Map(map) | Value::StringMap(map) => map.get(name),
        _ => None,
    }
}
