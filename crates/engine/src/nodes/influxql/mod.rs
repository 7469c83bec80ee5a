//! `|mean('field')` and its family: the functions of InfluxQL on batches, and on points of equal time.
//!
//! `function.rs` is the table of functions; `reduce.rs` runs those that make one result of many rows (`aggregate.rs`
//! computes, `select.rs` picks rows, `holt_winters.rs` forecasts), `transform.rs` those that go from row to row.

mod aggregate;
mod function;
mod holt_winters;
mod nelder_mead;
mod reduce;
mod select;
mod transform;

use declare::{Declaration, Nanos};

use self::function::{Arguments, FUNCTIONS, Function};
use crate::{
    BuildError, Definition, EdgeKind, LogLevel, LogRecord, Node, Place, Plan, Reach, boxed_per_group, boxed_per_row,
    define::{NodeSpec, spec},
};

/// The longest forecast, the widest average and the largest season: what a script says is held in memory.
const LARGEST: i64 = 1_000_000;
/// The longest season: a fit holds the square of it in memory.
const LONGEST_SEASON: i64 = 5_000;

/// What a script says of one function; `F` is its place in the table.
#[derive(Debug, Clone)]
struct InfluxQl<const F: usize> {
    field: String,
    rename: String,
    point_times: bool,
    /// How many: of top, bottom and movingAverage, and the points that holtWinters forecasts.
    count: i64,
    percentile: f64,
    /// The length of a season.
    season: i64,
    /// The unit of elapsed, the interval of holtWinters.
    unit: Nanos,
    others: Vec<String>,
}

impl<const F: usize> Default for InfluxQl<F> {
    fn default() -> Self {
        InfluxQl {
            field: String::new(),
            rename: FUNCTIONS[F].method.to_string(),
            point_times: FUNCTIONS[F].arguments == Arguments::Forecast,
            count: 0,
            percentile: 0.0,
            season: 0,
            unit: Nanos(0),
            others: Vec::new(),
        }
    }
}

impl<const F: usize> Definition for InfluxQl<F> {
    const NAME: &'static str = FUNCTIONS[F].name;
    const ID: &'static str = FUNCTIONS[F].method;

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        let row = &FUNCTIONS[F];
        let it = it.about(row.about);
        let field = |it: Declaration<Self>| it.argument("field", "The field to compute it of.", |d| &mut d.field);
        let count = |it: Declaration<Self>, name, about| it.argument(name, about, |d| &mut d.count);
        let it = match row.arguments {
            Arguments::Field => field(it),
            Arguments::Percentile => field(it).argument("percentile", "Between 0.0 and 100.0.", |d| &mut d.percentile),
            Arguments::Number => field(count(it, "num", "How many points to pick.")).variadic(
                "fieldsAndTags",
                "Accepted for what InfluxQL takes here: all tags of a point are kept anyway.",
                |d| &mut d.others,
            ),
            Arguments::Unit => field(it).argument("unit", "The time that counts as one.", |d| &mut d.unit),
            Arguments::Window => count(field(it), "window", "How many points an average is of."),
            Arguments::Forecast => count(field(it), "h", "How many points to forecast.")
                .argument("m", "How many points a season has; 0 or 1 for no seasons.", |d| &mut d.season)
                .argument("interval", "The time from one point to the next.", |d| &mut d.unit),
        };
        it.property("as", "The name of the result.", |d| &mut d.rename)
            .flag("usePointTimes", "Give a picked point its own time instead of the batch's.", |d| &mut d.point_times)
            .method("field", "value string", "", |d, args| {
                d.field = declare::Setting::from_argument(&args[0])?;
                Ok(())
            })
            .hidden()
            // Kapacitor takes it, and calls the function so where nobody reads it.
            .method("method", "value string", "", |_, _| Ok(()))
            .hidden()
            .example(row.example)
    }

    fn gives(&self, input: EdgeKind) -> EdgeKind {
        FUNCTIONS[F].gives.unwrap_or(input)
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        let name = FUNCTIONS[F].name;
        let wrong = match FUNCTIONS[F].arguments {
            Arguments::Number if self.count <= 0 => format!("{name}: num must be greater than zero"),
            Arguments::Forecast if self.unit.0 <= 0 => format!("{name}: interval must be greater than zero"),
            Arguments::Forecast if self.season > LONGEST_SEASON => {
                format!("{name}: a season of more than {LONGEST_SEASON} points")
            }
            Arguments::Forecast | Arguments::Window | Arguments::Number if self.count > LARGEST => {
                format!("{name}: more than {LARGEST} points")
            }
            _ => return Ok(()),
        };
        Err(wrong)
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        // Kapacitor takes these at define time, so stored scripts may have them. Case: influxql/definition_errors.
        let idle = match FUNCTIONS[F].arguments {
            Arguments::Window => self.count <= 0,
            Arguments::Unit => self.unit.0 <= 0,
            _ => false,
        };
        if idle {
            plan.host.log(&LogRecord {
                level: LogLevel::Warn,
                task: &plan.task.id,
                node: plan.name,
                message: "gives nothing, because its second argument is not greater than zero",
                fields: &[],
            });
        }
        let function = match FUNCTIONS[F].function {
            Function::Percentile(_) => Function::Percentile(self.percentile),
            Function::Top(_) => Function::Top(count(self.count)),
            Function::Bottom(_) => Function::Bottom(count(self.count)),
            Function::Elapsed(_) => Function::Elapsed(self.unit.0),
            Function::MovingAverage(_) => Function::MovingAverage(count(self.count)),
            Function::HoltWinters(forecast) => Function::HoltWinters(holt_winters::Forecast {
                ahead: count(self.count),
                season: count(self.season),
                interval: self.unit.0,
                ..forecast
            }),
            other => other,
        };
        let field = plan.schema.name(&self.field);
        let rename = plan.schema.name(&self.rename);
        Ok(match transform::Transform::of(function) {
            Some(transform) => boxed_per_row(transform::TransformNode::new(transform, field, rename)),
            None => {
                let batches = FUNCTIONS[F].gives == Some(EdgeKind::Batch);
                boxed_per_group(reduce::ReduceNode::new(function, field, rename, self.point_times, batches))
            }
        })
    }
}

fn count(number: i64) -> usize {
    usize::try_from(number).unwrap_or(0)
}

macro_rules! specs {
    ($($index:literal)*) => { vec![$(spec::<InfluxQl<$index>>()),*] };
}

/// All functions, in the order of the table.
pub(super) fn list() -> Vec<NodeSpec> {
    specs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)
}
