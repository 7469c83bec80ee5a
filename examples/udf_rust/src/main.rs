//! `@quantiles()`: of each batch a point with quantiles of a field.
#![forbid(unsafe_code)]

use std::{collections::BTreeMap, io};

use udf::{
    BeginBatch, DoubleEntry, EdgeType, EndBatch, InfoResponse, InitRequest, OptionInfo, Point, Value, ValueType,
    agent::{Answers, Handler, run},
};

#[derive(Default)]
struct Quantiles {
    field: String,
    /// Between 0 and 1, in the order of the script.
    at: Vec<f64>,
    by_name: bool,
    values: Vec<f64>,
}

impl Handler for Quantiles {
    fn info(&self) -> InfoResponse {
        let option = |value: ValueType| OptionInfo { value_types: vec![value as i32] };
        let options = BTreeMap::from([
            ("field".to_string(), option(ValueType::String)),
            ("at".to_string(), option(ValueType::Double)),
        ]);
        InfoResponse { wants: EdgeType::Batch as i32, provides: EdgeType::Stream as i32, options }
    }

    fn init(&mut self, request: InitRequest) -> Result<(), String> {
        for option in request.options {
            match (option.name.as_str(), option.values.into_iter().next().and_then(|value| value.value)) {
                ("field", Some(Value::String(name))) => self.field = name,
                ("at", Some(Value::Double(at))) if (0.0..=1.0).contains(&at) => self.at.push(at),
                ("at", _) => return Err("at must be between 0 and 1".to_string()),
                (name, value) => return Err(format!("the option {name} cannot be {value:?}")),
            }
        }
        if self.field.is_empty() || self.at.is_empty() {
            return Err("say which field and where: .field('value').at(0.5).at(0.9)".to_string());
        }
        Ok(())
    }

    fn begin(&mut self, begin: BeginBatch, _out: &mut Answers<'_>) -> Result<(), String> {
        self.by_name = begin.by_name;
        self.values.clear();
        Ok(())
    }

    fn point(&mut self, point: Point, _out: &mut Answers<'_>) -> Result<(), String> {
        let floats = point.fields_double.iter().map(|field| (&field.key, field.value));
        let ints = point.fields_int.iter().map(|field| (&field.key, field.value as f64));
        self.values.extend(floats.chain(ints).find(|(key, _)| **key == self.field).map(|(_, value)| value));
        Ok(())
    }

    fn end(&mut self, end: EndBatch, out: &mut Answers<'_>) -> Result<(), String> {
        if self.values.is_empty() {
            return Ok(());
        }
        self.values.sort_by(f64::total_cmp);
        let last = self.values.len() - 1;
        let quantile = |at: &f64| DoubleEntry {
            key: format!("p{}", (at * 100.0).round()),
            value: self.values[(at * last as f64).round() as usize],
        };
        out.point(Point {
            time: end.tmax,
            name: end.name,
            by_name: self.by_name,
            dimensions: end.tags.iter().map(|tag| tag.key.clone()).collect(),
            tags: end.tags,
            fields_double: self.at.iter().map(quantile).collect(),
            ..Point::default()
        })
    }
}

fn main() -> io::Result<()> {
    run(&mut Quantiles::default(), io::stdin().lock(), io::stdout().lock())
}
