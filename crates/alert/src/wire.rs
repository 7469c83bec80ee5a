//! The JSON of an event, as files, posts, programs and sockets get it.

use model::{write_integer, write_json_string, write_rfc3339};

use crate::{Event, EventData};

impl Event {
    /// The event as one line of JSON, without a newline.
    pub fn json(&self) -> String {
        let mut out = String::with_capacity(256 + self.state.details.len() + self.data.series.len());
        self.write_json(&mut out);
        out
    }

    /// Appends the event's JSON.
    pub fn write_json(&self, out: &mut String) {
        let state = &self.state;
        out.push_str("{\"id\":");
        write_json_string(&state.id, out);
        out.push_str(",\"message\":");
        write_json_string(&state.message, out);
        out.push_str(",\"details\":");
        write_json_string(&state.details, out);
        out.push_str(",\"time\":\"");
        write_rfc3339(state.time, out);
        out.push_str("\",\"duration\":");
        write_integer(state.duration, out);
        out.push_str(",\"level\":\"");
        out.push_str(state.level.name());
        out.push_str("\",\"data\":");
        self.data.write_result(out);
        out.push_str(",\"previousLevel\":\"");
        out.push_str(self.previous.name());
        out.push_str(if self.data.recoverable { "\",\"recoverable\":true}" } else { "\",\"recoverable\":false}" });
    }
}

impl EventData {
    /// The rows as the JSON of a query's result: `{"series":[...]}`.
    pub fn result_json(&self) -> String {
        let mut out = String::with_capacity(self.series.len() + 16);
        self.write_result(&mut out);
        out
    }

    /// Appends the rows as the JSON of a query's result.
    pub fn write_result(&self, out: &mut String) {
        if self.series.is_empty() {
            out.push_str("{\"series\":null}");
            return;
        }
        out.push_str("{\"series\":[");
        out.push_str(&self.series);
        out.push_str("]}");
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::event;
    use crate::{EventData, Level};

    #[test]
    fn an_event_is_one_line_with_all_keys() {
        let mut event = event("t", "a/cpu", Level::Warning);
        event.state.message = "a/cpu is WARNING <53>".into();
        event.state.details = "two\nlines".into();
        event.state.time = 1_450_338_560_000_000_000;
        event.state.duration = 20_000_000_000;
        event.previous = Level::Info;
        event.data = EventData {
            recoverable: true,
            series: r#"{"name":"cpu","columns":["time","usage"],"values":[["2015-12-17T07:49:20Z",53]]}"#.into(),
            ..EventData::default()
        }
        .into();
        assert_eq!(
            event.json(),
            concat!(
                r#"{"id":"a/cpu","message":"a/cpu is WARNING \u003c53\u003e","details":"two\nlines","#,
                r#""time":"2015-12-17T07:49:20Z","duration":20000000000,"level":"WARNING","data":{"series":["#,
                r#"{"name":"cpu","columns":["time","usage"],"values":[["2015-12-17T07:49:20Z",53]]}"#,
                r#"]},"previousLevel":"INFO","recoverable":true}"#
            )
        );
    }

    #[test]
    fn no_rows_are_null() {
        assert_eq!(EventData::default().result_json(), r#"{"series":null}"#);
    }
}
