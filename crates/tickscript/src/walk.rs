//! Visiting and rewriting every expression of a script.

use crate::ast::{Expr, ExprKind, Script, StatementKind};

/// Calls `visit` with every expression of the script, each before its parts, in the order of the text.
pub fn walk_script<'t>(script: &'t Script, visit: &mut impl FnMut(&'t Expr)) {
    for statement in &script.statements {
        match &statement.kind {
            StatementKind::Var { value: expr, .. } | StatementKind::Expr(expr) => walk(expr, visit),
            StatementKind::VarType { .. } | StatementKind::Dbrp { .. } => {}
        }
    }
}

/// Calls `visit` with `expr` and all its parts, each before its own parts, in the order of the text.
pub fn walk<'t>(expr: &'t Expr, visit: &mut impl FnMut(&'t Expr)) {
    visit(expr);
    match &expr.kind {
        ExprKind::List(parts) => parts.iter().for_each(|part| walk(part, visit)),
        ExprKind::Call(call) => call.args.iter().for_each(|part| walk(part, visit)),
        ExprKind::Lambda(part) | ExprKind::Unary { operand: part, .. } => walk(part, visit),
        ExprKind::Binary { left, right, .. } | ExprKind::Chain { left, right, .. } => {
            walk(left, visit);
            walk(right, visit);
        }
        ExprKind::Int { .. }
        | ExprKind::Float(_)
        | ExprKind::Duration { .. }
        | ExprKind::Bool(_)
        | ExprKind::String { .. }
        | ExprKind::Regex(_)
        | ExprKind::Star
        | ExprKind::Ident(_)
        | ExprKind::Reference(_) => {}
    }
}

/// Calls `change` with every expression of the script, each after its parts, so that a part that was put in is not
/// visited again.
pub fn rewrite_script(script: &mut Script, change: &mut impl FnMut(&mut Expr)) {
    for statement in &mut script.statements {
        match &mut statement.kind {
            StatementKind::Var { value: expr, .. } | StatementKind::Expr(expr) => rewrite(expr, change),
            StatementKind::VarType { .. } | StatementKind::Dbrp { .. } => {}
        }
    }
}

/// Calls `change` with all parts of `expr` and then with itself.
pub fn rewrite(expr: &mut Expr, change: &mut impl FnMut(&mut Expr)) {
    match &mut expr.kind {
        ExprKind::List(parts) => parts.iter_mut().for_each(|part| rewrite(part, change)),
        ExprKind::Call(call) => call.args.iter_mut().for_each(|part| rewrite(part, change)),
        ExprKind::Lambda(part) | ExprKind::Unary { operand: part, .. } => rewrite(part, change),
        ExprKind::Binary { left, right, .. } | ExprKind::Chain { left, right, .. } => {
            rewrite(left, change);
            rewrite(right, change);
        }
        ExprKind::Int { .. }
        | ExprKind::Float(_)
        | ExprKind::Duration { .. }
        | ExprKind::Bool(_)
        | ExprKind::String { .. }
        | ExprKind::Regex(_)
        | ExprKind::Star
        | ExprKind::Ident(_)
        | ExprKind::Reference(_) => {}
    }
    change(expr);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{format, parse};

    const SCRIPT: &str = "var a = [b, 'c']\nd|from().where(lambda: f(\"g\") > -1)\n";

    #[test]
    fn visits_in_the_order_of_the_text() {
        let script = parse(SCRIPT).unwrap();
        let mut names = Vec::new();
        walk_script(&script, &mut |expr| match &expr.kind {
            ExprKind::Ident(name) | ExprKind::Reference(name) => names.push(name.as_str()),
            ExprKind::Call(call) => names.push(&call.name.name),
            _ => {}
        });
        assert_eq!(names, ["b", "d", "from", "where", "f", "g"]);
    }

    #[test]
    fn rewrites_from_the_leaves_up() {
        let mut script = parse(SCRIPT).unwrap();
        rewrite_script(&mut script, &mut |expr| match &mut expr.kind {
            ExprKind::Int { value, .. } => *value += 1,
            ExprKind::Ident(name) if name == "b" => expr.kind = ExprKind::Star,
            _ => {}
        });
        assert!(format(&script).contains("[*, 'c']"));
        assert!(format(&script).contains("> -2"));
    }
}
