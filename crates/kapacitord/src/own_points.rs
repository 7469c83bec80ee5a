//! `[stats]`: what `/debug/vars` shows, as points that tasks can read like any others.

use std::{sync::Arc, time::Duration};

use api::system::Stat;
use engine::{Origin, Write};
use model::{FieldType, GroupId, Row, Schema, Value, Words};
use serde_json::Value as Json;
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

use crate::{config::Stats, http::Api};

/// More often helps nobody.
const SHORTEST: Duration = Duration::from_millis(100);
/// What a point takes while it waits for tasks, roughly.
const POINT_BYTES: usize = 256;

/// Make points until the daemon stops.
pub(crate) async fn keep(api: Arc<Api>, options: Stats, mut stopping: watch::Receiver<bool>) {
    let origin = Origin { database: options.database, retention_policy: options.retention_policy };
    let interval = options.stats_interval.max(SHORTEST);
    let begun = Instant::now();
    let mut ticks = interval_at(begun + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stopping.changed() => return,
        }
        // What nobody reads is not counted together.
        if api.running.is_read(&origin) {
            let (api, origin) = (Arc::clone(&api), origin.clone());
            let written = tokio::task::spawn_blocking(move || write(&api, origin, begun.elapsed())).await;
            if let Ok(Err(why)) | Err(why) = written.map_err(|error| error.to_string()) {
                tracing::error!(why, "there are no points about the daemon itself for now");
            }
        }
    }
}

/// Hand the points of now to all tasks that want some of them.
fn write(api: &Api, origin: Origin, uptime: Duration) -> Result<(), String> {
    let stats = crate::http::own_stats(api, uptime).map_err(|refused| refused.text)?;
    let permits = api.budgets.permits(stats.len() * POINT_BYTES);
    let Ok(room) = Arc::clone(api.budgets.queue()).try_acquire_many_owned(permits) else {
        return Err("tasks cannot follow the writes (write-queue in [memory])".to_string());
    };
    let (schema, now) = (api.schema.now(), crate::definitions::now());
    let mut words = Words::default();
    let rows: Vec<Row> = stats.iter().filter_map(|stat| row(stat, now, &schema, &mut words)).collect();
    let received = api.ingress.of(origin);
    received.count(&schema, &rows);
    let write = Write { origin: Arc::clone(&received.origin), rows, words: Arc::new(words), number: 0 };
    api.running.write(&Arc::new(write), Some(Arc::new((room, schema))));
    Ok(())
}

/// The point of one thing; none if nothing of it is counted.
fn row(stat: &Stat, time: model::Time, schema: &Schema, words: &mut Words) -> Option<Row> {
    let at = u32::try_from(words.words.len()).ok()?;
    let mut fields: Vec<(model::Name, FieldType)> = Vec::with_capacity(stat.values.len());
    for (name, value) in &stat.values {
        let value = match value {
            Json::Number(number) => match number.as_i64() {
                Some(whole) => Value::Int(whole),
                None => Value::Float(number.as_f64()?),
            },
            // A time, which is a number of nanoseconds in a point.
            Json::String(text) => Value::Int(api::duration::parse(text).unwrap_or_default()),
            _ => continue,
        };
        fields.push((schema.name(name), words.push(&value)));
    }
    if fields.is_empty() {
        return None;
    }
    let tags = stat.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    let series = schema.series_of_texts(&stat.name, tags);
    Some(Row { time, series, shape: schema.shape_of(&fields), at, group: GroupId::NIL })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_point_has_the_numbers_of_its_thing() {
        let (schema, mut words) = (Schema::default(), Words::default());
        let values = json!({ "count": 2, "uptime": 1.5, "avg_exec_time_ns": "3ms", "names": [] });
        let tags = [("task".to_string(), "t".to_string())].into();
        let stat = Stat { name: "nodes".to_string(), tags, values: values.as_object().unwrap().clone() };
        let row = row(&stat, 7, &schema, &mut words).unwrap();
        let frame = model::Frame::new(words.into());
        let mut line = String::new();
        let series = schema.series(row.series);
        model::write_line(&schema, &frame, &row, schema.text(series.name()), series.tags(), 1, &mut line);
        assert_eq!(line.trim_end(), "nodes,task=t avg_exec_time_ns=3000000i,count=2i,uptime=1.5 7");
    }

    #[test]
    fn what_has_no_numbers_is_no_point() {
        let (schema, mut words) = (Schema::default(), Words::default());
        assert_eq!(row(&Stat::default(), 7, &schema, &mut words), None);
    }
}
