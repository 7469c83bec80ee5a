//! A query as text, in the form Kapacitor sends it.

use std::fmt::{self, Display, Formatter, Write};

use crate::{
    Cast, Expr, Field, Fill, From, Measurement, Operator, Select, Sort, Source, WildcardKind, format_duration,
    format_instant, quote_identifier, quote_string,
};

impl Display for Select {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str("SELECT ")?;
        list(out, &self.fields)?;
        if let Some(into) = &self.into {
            write!(out, " INTO {into}")?;
        }
        out.write_str(" FROM ")?;
        list(out, &self.from)?;
        self.write_condition(out)?;
        if !self.group_by.is_empty() {
            out.write_str(" GROUP BY ")?;
            list(out, &self.group_by)?;
        }
        self.write_fill(out)?;
        if let Some(order) = self.order {
            write!(out, " ORDER BY {order}")?;
        }
        let counts = [
            ("LIMIT", self.limit),
            ("OFFSET", self.offset),
            ("SLIMIT", self.series_limit),
            ("SOFFSET", self.series_offset),
        ];
        for (word, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            write!(out, " {word} {count}")?;
        }
        match &self.zone {
            Some(zone) => write!(out, " TZ({})", quote_string(zone)),
            None => Ok(()),
        }
    }
}

impl Select {
    fn write_condition(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match (&self.condition, self.times) {
            (None, None) => return Ok(()),
            (Some(own), None) => return write!(out, " WHERE {own}"),
            (None, Some(_)) => out.write_str(" WHERE ")?,
            // Without the parentheses the bounds would belong to the last alternative only. Kapacitor leaves them
            // out. Case: batch/query_text.
            (Some(own), Some(_)) if own.has_bare_or() => write!(out, " WHERE ({own}) AND ")?,
            (Some(own), Some(_)) => write!(out, " WHERE {own} AND ")?,
        }
        let Some((start, stop)) = self.times else { return Ok(()) };
        write!(out, "time >= '{}' AND time < '{}'", format_instant(start), format_instant(stop))
    }

    fn write_fill(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.fill {
            Fill::Null => Ok(()),
            Fill::None => out.write_str(" fill(none)"),
            Fill::Previous => out.write_str(" fill(previous)"),
            Fill::Linear => out.write_str(" fill(linear)"),
            Fill::Integer(value) => write!(out, " fill({value})"),
            Fill::Number(value) => write!(out, " fill({value})"),
        }
    }
}

fn list(out: &mut Formatter<'_>, items: &[impl Display]) -> fmt::Result {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.write_str(", ")?;
        }
        write!(out, "{item}")?;
    }
    Ok(())
}

impl Display for Field {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.expr)?;
        match &self.alias {
            Some(alias) => write!(out, " AS {}", quote_identifier(alias)),
            None => Ok(()),
        }
    }
}

impl Display for Source {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Source::Measurement(measurement) => measurement.fmt(out),
            Source::Subquery(inner) => write!(out, "({inner})"),
        }
    }
}

impl Display for Measurement {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        if !self.database.is_empty() {
            write!(out, "{}.", quote_identifier(&self.database))?;
        }
        if !self.policy.is_empty() {
            out.write_str(&quote_identifier(&self.policy))?;
        }
        if !self.database.is_empty() || !self.policy.is_empty() {
            out.write_char('.')?;
        }
        match &self.from {
            From::Name(name) if name.is_empty() => out.write_str(":MEASUREMENT"),
            From::Name(name) => out.write_str(&quote_identifier(name)),
            From::Regex(pattern) => write_regex(out, pattern),
        }
    }
}

impl Display for Sort {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        out.write_str(if self.named { "time " } else { "" })?;
        out.write_str(if self.ascending { "ASC" } else { "DESC" })
    }
}

impl Display for Expr {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Reference { name, cast } => {
                out.write_str(&quote_identifier(name))?;
                cast.map_or(Ok(()), |cast: Cast| write!(out, "::{}", cast.name()))
            }
            Expr::Wildcard(None) => out.write_char('*'),
            Expr::Wildcard(Some(WildcardKind::Field)) => out.write_str("*::field"),
            Expr::Wildcard(Some(WildcardKind::Tag)) => out.write_str("*::tag"),
            Expr::Call { name, arguments } => {
                write!(out, "{name}(")?;
                list(out, arguments)?;
                out.write_char(')')
            }
            Expr::Distinct(name) => write!(out, "DISTINCT {}", quote_identifier(name)),
            Expr::Regex(pattern) => write_regex(out, pattern),
            Expr::Text(text) => out.write_str(&quote_string(text)),
            Expr::Integer(value) => write!(out, "{value}"),
            Expr::Unsigned(value) => write!(out, "{value}"),
            Expr::Number(value) => write_number(out, *value),
            Expr::Bool(value) => write!(out, "{value}"),
            Expr::Duration(nanoseconds) => out.write_str(&format_duration(*nanoseconds)),
            Expr::Group(inner) => write!(out, "({inner})"),
            Expr::Negated(inner) => write!(out, "-1 * {inner}"),
            Expr::Chain { first, rest } => {
                write!(out, "{first}")?;
                rest.iter().try_for_each(|(operator, operand)| write_operand(out, *operator, operand))
            }
        }
    }
}

fn write_operand(out: &mut Formatter<'_>, operator: Operator, operand: &Expr) -> fmt::Result {
    let symbol = operator.symbol();
    match operand {
        // `a / -b` is not `a / -1 * b`.
        Expr::Negated(_) if operator.binds_like_product() => write!(out, " {symbol} ({operand})"),
        _ => write!(out, " {symbol} {operand}"),
    }
}

fn write_regex(out: &mut Formatter<'_>, pattern: &str) -> fmt::Result {
    write!(out, "/{}/", pattern.replace('/', "\\/"))
}

/// Three decimals, or more where the value needs them: Kapacitor rounds `0.0004` to `0.000`.
fn write_number(out: &mut Formatter<'_>, value: f64) -> fmt::Result {
    let short = format!("{value:.3}");
    if short.parse() == Ok(value) { out.write_str(&short) } else { write!(out, "{value}") }
}
