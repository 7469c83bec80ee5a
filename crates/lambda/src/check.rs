//! What can be told of an expression's types without any row: which it may have, and what will fail with each row.

use tickscript::{
    Span,
    ast::{BinaryOp, Call, Expr, ExprKind, UnaryOp},
};

use crate::{
    Type,
    functions::{function, nearest},
    operators::{gives_bool, result_type},
};

/// What will fail with each row, though Kapacitor accepts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    pub span: Span,
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
}

/// Some of the types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Types(u16);

impl Types {
    const ALL: Types = Types(0xff);
    /// What a field or tag may be.
    const OF_ROWS: [Type; 4] = [Type::Float, Type::Int, Type::String, Type::Bool];

    fn of(types: impl IntoIterator<Item = Type>) -> Types {
        Types(types.into_iter().fold(0, |set, of| set | 1 << of as u16))
    }

    pub fn contain(self, of: Type) -> bool {
        self.0 & (1 << of as u16) != 0
    }

    fn iter(self) -> impl Iterator<Item = Type> {
        use Type::*;
        [Float, Int, String, Bool, Duration, Time, Regex].into_iter().filter(move |&of| self.contain(of))
    }

    fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// In a user's words: `an integer or a float`.
    pub fn describe(self) -> String {
        if self == Types::of(Types::OF_ROWS) {
            return "a field or tag".to_string();
        }
        let names: Vec<&str> = self.iter().map(described).collect();
        match names.as_slice() {
            [] => "nothing".to_string(),
            [one] => (*one).to_string(),
            [first @ .., last] => format!("{} or {last}", first.join(", ")),
        }
    }
}

fn described(of: Type) -> &'static str {
    match of {
        Type::Float => "a float",
        Type::Int => "an integer",
        Type::String => "a string",
        Type::Bool => "a boolean",
        Type::Duration => "a duration",
        Type::Time => "a time",
        Type::Regex => "a regular expression",
        Type::Missing => "nothing",
    }
}

/// The types that an expression may have, and what is doubtful in it. Variables must have been replaced.
pub fn check(expr: &Expr) -> (Types, Vec<Doubt>) {
    let mut doubts = Vec::new();
    let types = types(expr, &mut doubts);
    (types, doubts)
}

fn types(expr: &Expr, doubts: &mut Vec<Doubt>) -> Types {
    match &expr.kind {
        ExprKind::Int { .. } => Types::of([Type::Int]),
        ExprKind::Float(_) => Types::of([Type::Float]),
        ExprKind::Duration { .. } => Types::of([Type::Duration]),
        ExprKind::Bool(_) => Types::of([Type::Bool]),
        ExprKind::String { .. } => Types::of([Type::String]),
        ExprKind::Regex(_) => Types::of([Type::Regex]),
        ExprKind::Reference(name) if name == "time" => Types::of([Type::Time]),
        ExprKind::Reference(_) => Types::of(Types::OF_ROWS),
        ExprKind::Lambda(body) => types(body, doubts),
        ExprKind::Unary { op, operand } => unary(*op, operand, doubts),
        ExprKind::Binary { op: op @ (BinaryOp::And | BinaryOp::Or), .. } => logic(expr, *op, doubts),
        ExprKind::Binary { op, left, right, .. } => {
            let (left_types, right_types) = (types(left, doubts), types(right, doubts));
            let results =
                left_types.iter().flat_map(|l| right_types.iter().filter_map(move |r| result_type(*op, l, r)));
            let results = Types::of(results);
            if results.is_empty() && !left_types.is_empty() && !right_types.is_empty() {
                doubts.push(no_result(expr, *op, (left, left_types), (right, right_types)));
            }
            match results.is_empty() {
                false => results,
                true if gives_bool(*op) => Types::of([Type::Bool]),
                true => Types::ALL,
            }
        }
        ExprKind::Call(call) => of_call(expr, call, doubts),
        ExprKind::Ident(_) | ExprKind::Star | ExprKind::List(_) | ExprKind::Chain { .. } => Types::ALL,
    }
}

fn unary(op: UnaryOp, operand: &Expr, doubts: &mut Vec<Doubt>) -> Types {
    let found = types(operand, doubts);
    let (taken, words) = match op {
        UnaryOp::Not => (Types::of([Type::Bool]), "a boolean"),
        // A minus before a boolean negates it, as in Kapacitor.
        UnaryOp::Minus => (Types::of([Type::Int, Type::Float, Type::Duration, Type::Bool]), "a number or a duration"),
    };
    let fits = Types(found.0 & taken.0);
    if fits.is_empty() {
        let message = format!("{} takes {words}, and this is {}", op.symbol(), found.describe());
        doubts.push(Doubt { span: operand.span, message, hint: None });
        return taken;
    }
    fits
}

/// `a AND b AND c`, which the tree nests to the left, without going as deep.
fn logic(expr: &Expr, op: BinaryOp, doubts: &mut Vec<Doubt>) -> Types {
    let mut terms = Vec::new();
    let mut first = expr;
    while let ExprKind::Binary { op: inner, left, right, .. } = &first.kind {
        if *inner != op {
            break;
        }
        terms.push(&**right);
        first = left;
    }
    terms.push(first);
    for term in terms.into_iter().rev() {
        let found = types(term, doubts);
        if !found.contain(Type::Bool) {
            let message = format!("{} takes booleans, and this is {}", op.symbol(), found.describe());
            let hint = Some("compare it with something, such as > 0 or == 'text'".to_string());
            doubts.push(Doubt { span: term.span, message, hint });
        }
    }
    Types::of([Type::Bool])
}

fn no_result(expr: &Expr, op: BinaryOp, left: (&Expr, Types), right: (&Expr, Types)) -> Doubt {
    let message = format!("{} cannot stand between {} and {}", op.symbol(), left.1.describe(), right.1.describe());
    let is_text = |types: Types| types == Types::of([Type::String]);
    let is_regex = |types: Types| types == Types::of([Type::Regex]);
    let hint = match op {
        BinaryOp::Equal if is_regex(right.1) => Some("write =~ to match a regular expression".to_string()),
        BinaryOp::NotEqual if is_regex(right.1) => Some("write !~ to match a regular expression".to_string()),
        BinaryOp::RegexMatch | BinaryOp::RegexNotMatch if is_text(right.1) => {
            Some("write the regular expression between slashes: /^a/".to_string())
        }
        _ if left.1.contain(Type::Time) || right.1.contain(Type::Time) => {
            Some("functions such as hour(), day() and unixNano() read a time".to_string())
        }
        BinaryOp::Equal | BinaryOp::NotEqual if is_regex(left.1) || is_regex(right.1) => None,
        _ if text_of(left.0).or(text_of(right.0)).is_some() => {
            let name = text_of(left.0).or(text_of(right.0)).unwrap_or_default();
            Some(format!("a field or tag is written in double quotes: \"{name}\""))
        }
        _ => Some("convert one side: see string(), float(), int(), bool(), duration()".to_string()),
    };
    Doubt { span: Span { start: left.0.span.start.min(expr.span.start), end: right.0.span.end }, message, hint }
}

/// A literal that may be meant as a name.
fn text_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        ExprKind::String { value, .. } => Some(value),
        _ => None,
    }
}

fn of_call(expr: &Expr, call: &Call, doubts: &mut Vec<Doubt>) -> Types {
    let args: Vec<Types> = call.args.iter().map(|arg| types(arg, doubts)).collect();
    let name = call.name.name.as_str();
    let Some(function) = function(name) else {
        let hint = nearest(name).map(|near| format!("did you mean {near}?"));
        doubts.push(Doubt { span: call.name.span, message: format!("there is no function \"{name}\""), hint });
        return Types::ALL;
    };
    let fits = |signature: &&crate::Signature| {
        signature.args.len() == args.len()
            // A name that the row does not have is an argument, too.
            && args.iter().zip(signature.args).all(|(found, &wanted)| found.contain(wanted) || wanted == Type::Missing)
    };
    let results = Types::of(function.signatures.iter().filter(fits).map(|signature| signature.returns));
    if results.is_empty() && args.iter().all(|types| !types.is_empty()) {
        let given: Vec<String> = args.iter().map(|types| types.describe()).collect();
        let given = if given.is_empty() { "nothing".to_string() } else { given.join(", ") };
        let message = format!("{name} takes {}, and gets {given}", function.signatures_text());
        doubts.push(Doubt { span: expr.span, message, hint: None });
        return Types::of(function.signatures.iter().map(|signature| signature.returns));
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn doubts(text: &str) -> Vec<String> {
        let expr = tickscript::parse_lambda(text).unwrap();
        let shown = |doubt: Doubt| {
            let place = &text[doubt.span.start as usize..doubt.span.end as usize];
            format!("{place} | {}", doubt.message)
        };
        check(&expr).1.into_iter().map(shown).collect()
    }

    #[test]
    fn what_fits_is_not_doubted() {
        for text in [
            "\"a\" > 5 AND \"b\" == 'x' OR !\"c\"",
            "isPresent(\"a\") AND \"host\" =~ /^a/",
            "sigma(\"a\") > 3.0 AND hour(\"time\") > 8",
            "if(\"a\" > 1, 'x', 'y') == \"z\"",
            "float(\"a\") / 2.0 > 1 AND -\"a\" < 5 AND duration(\"a\", 1s) > 1m",
            "strLength(string(\"a\")) % 2 == 0",
            "rand(5) + count() > 3",
        ] {
            assert_eq!(doubts(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_will_fail_is_told_with_its_place() {
        for (text, doubt) in [
            ("\"a\" AND 5", "5 | AND takes booleans, and this is an integer"),
            ("\"time\" > 5", "\"time\" > 5 | > cannot stand between a time and an integer"),
            ("strLength(\"a\") == 'x'", "strLength(\"a\") == 'x' | == cannot stand between an integer and a string"),
            ("\"a\" == /x/", "\"a\" == /x/ | == cannot stand between a field or tag and a regular expression"),
            ("!strLength(\"a\")", "strLength(\"a\") | ! takes a boolean, and this is an integer"),
            ("flor(\"a\") > 1", "flor | there is no function \"flor\""),
            ("sqrt(4)", "sqrt(4) | sqrt takes (float), and gets an integer"),
            ("sqrt()", "sqrt() | sqrt takes (float), and gets nothing"),
        ] {
            assert_eq!(doubts(text), [doubt], "{text}");
        }
    }

    #[test]
    fn types_that_an_expression_may_have() {
        let of = |text: &str| check(&tickscript::parse_lambda(text).unwrap()).0.describe();
        assert_eq!(of("\"a\" + 1"), "an integer");
        assert_eq!(of("\"a\" * 1.0"), "a float");
        assert_eq!(of("\"a\" + \"b\""), "a float, an integer or a string");
        assert_eq!(of("\"a\" > 1"), "a boolean");
        assert_eq!(
            of("nofunc(1)"),
            "a float, an integer, a string, a boolean, a duration, a time or a regular expression"
        );
    }
}
