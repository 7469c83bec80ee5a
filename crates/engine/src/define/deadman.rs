//! `|deadman(..)` in a pipeline: the nodes that it stands for, and those that every task gets if so configured.

use std::sync::Arc;

use declare::{Argument, Lambda, Nanos, format_go_duration};
use tickscript::{
    Span,
    ast::{BinaryOp, Expr, ExprKind},
};

use super::{
    chain::Site,
    interpret::{Interpreter, Val},
};
use crate::nodes::{Deadman, both};

/// What a deadman does if its script does not say otherwise, from the configuration.
#[derive(Debug, Clone, PartialEq)]
pub struct DeadmanDefaults {
    /// Template of the alert's id; `NODE_NAME` is the node that is watched.
    pub id: String,
    /// Template of its message; `INTERVAL` is the interval.
    pub message: String,
    /// Whether every task gets one, for all that it reads.
    pub global: bool,
    /// For that one: how many points are too few, and in how many nanoseconds.
    pub threshold: f64,
    pub interval: i64,
}

impl Default for DeadmanDefaults {
    fn default() -> Self {
        DeadmanDefaults {
            id: "{{ .Group }}:NODE_NAME for task '{{ .TaskName }}'".to_string(),
            message: "{{ .ID }} is {{ if eq .Level \"OK\" }}alive{{ else }}dead{{ end }}: {{ index .Fields \"emitted\" | printf \"%0.3f\" }} points/INTERVAL.".to_string(),
            global: false,
            threshold: 0.0,
            interval: 10_000_000_000,
        }
    }
}

impl Interpreter<'_> {
    /// The alert of a deadman of node `of`.
    pub(super) fn deadman(&mut self, of: usize, deadman: &Deadman, span: Span) -> Val {
        let interval = Argument::Duration(deadman.interval.0);
        let site = Site { span, args: Vec::new() };
        let Val::Node(stats) = self.make(of, "stats", &site, vec![interval.clone()]) else { return Val::Unknown };
        self.preset(stats, "align", &[]);
        let Val::Node(rate) = self.make(stats, "derivative", &site, vec!["emitted".into()]) else {
            return Val::Unknown;
        };
        self.preset(rate, "unit", &[interval]);
        self.preset(rate, "nonNegative", &[]);
        let Val::Node(alert) = self.make(rate, "alert", &site, Vec::new()) else { return Val::Unknown };
        let critical = deadman.expressions.iter().fold(too_few(deadman.threshold), |left, right| both(&left, right));
        let watched = &self.pipeline.nodes[of].name;
        let id = self.surface.deadman().id.replacen("NODE_NAME", watched, 1);
        let message = self.surface.deadman().message.replacen("INTERVAL", &format_go_duration(deadman.interval.0), 1);
        self.preset(alert, "crit", &[Argument::Lambda(critical)]);
        self.preset(alert, "id", &[id.into()]);
        self.preset(alert, "message", &[message.into()]);
        Val::Node(alert)
    }

    /// The one that every task gets.
    pub(super) fn global_deadman(&mut self) {
        let defaults = self.surface.deadman();
        if defaults.global {
            let deadman =
                Deadman { threshold: defaults.threshold, interval: Nanos(defaults.interval), expressions: Vec::new() };
            self.deadman(0, &deadman, Span::default());
        }
    }

    fn preset(&mut self, node: usize, name: &str, args: &[Argument]) {
        let place = &mut self.pipeline.nodes[node];
        let table = &self.surface.nodes()[place.spec].table;
        if let Err(error) = table.set(place.object.as_mut(), name, args) {
            let span = place.span;
            self.error(span, error.to_string());
        }
    }
}

/// `"emitted" <= threshold`
fn too_few(threshold: f64) -> Lambda {
    let side = |kind| Box::new(Expr::new(Span::default(), kind));
    let expr = Expr::new(
        Span::default(),
        ExprKind::Binary {
            op: BinaryOp::LessEqual,
            left: side(ExprKind::Reference("emitted".to_string())),
            right: side(ExprKind::Float(threshold)),
            parens: false,
            multi_line: false,
        },
    );
    Lambda { text: tickscript::format_expr(&expr), expr: Arc::new(expr) }
}

#[cfg(test)]
mod tests {
    use alert::Kinds;

    use super::*;
    use crate::define::{Request, Surface, define, dot};

    fn drawn(surface: &Surface, script: &str) -> String {
        let defined = define(surface, script, &Request::default()).expect("the script is right");
        dot("d", &defined.pipeline)
    }

    #[test]
    fn stands_for_three_nodes_beside_the_pipeline() {
        let surface = Surface::new(Kinds::default());
        assert_eq!(
            drawn(&surface, "stream|from()|deadman(1.0, 1h)|httpOut('x')"),
            "digraph d {\nstream0 -> from1;\nfrom1 -> noop3;\nstats2 -> derivative4;\nderivative4 -> alert5;\nalert5 -> http_out6;\n}"
        );
    }

    #[test]
    fn every_task_gets_one_if_configured() {
        let mut surface = Surface::new(Kinds::default());
        surface.set_deadman(DeadmanDefaults { global: true, ..DeadmanDefaults::default() });
        assert_eq!(
            drawn(&surface, "stream|from()|httpOut('x')"),
            "digraph d {\nstream0 -> from1;\nfrom1 -> http_out2;\nstats3 -> derivative4;\nderivative4 -> alert5;\n}"
        );
    }
}
