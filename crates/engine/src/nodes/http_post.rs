//! `|httpPost('url')`: every point and batch as JSON, or as a template says, to a URL.

mod held;
mod target;

use std::collections::VecDeque;

use declare::{Argument, Declaration, Nanos};
use model::{BatchHead, Damaged, GroupId, KeptRows, Name, Put, Row, Save, Slab, Tags, Time};

use held::Held;
use target::Target;

use crate::{
    Answer, BuildError, Cx, Definition, EdgeKind, HttpEndpoint, HttpRequest, Node, NodeSaved, NodeSaver, PerGroup,
    Place, Plan, Reach, Reply, boxed_per_group,
};

#[derive(Debug, Clone, Default)]
pub(super) struct HttpPost {
    urls: Vec<String>,
    endpoints: Vec<String>,
    headers: Vec<(String, String)>,
    code_field: String,
    capture_response: bool,
    timeout: Nanos,
    skip_tls_verification: bool,
}

impl Definition for HttpPost {
    const NAME: &'static str = "httpPost";
    const ID: &'static str = "http_post";

    fn declare(it: Declaration<Self>) -> Declaration<Self> {
        it.about("Post each point or batch to a URL and hand it on.")
            .variadic("url", "Where to post to; it may be a Go template of the data.", |p| &mut p.urls)
            .method_shown(
                "endpoint",
                "name string",
                "A named endpoint of the configuration, instead of a URL.",
                |p, args| {
                    p.endpoints.extend(args.iter().filter_map(text_of));
                    Ok(())
                },
                |p| p.endpoints.iter().map(|name| vec![name.clone().into()]).collect(),
            )
            .method_shown(
                "header",
                "key string, value string",
                "A header of the request.",
                |p, args| {
                    if let [Argument::String(key), Argument::String(value)] = args {
                        p.headers.retain(|(known, _)| known != key);
                        p.headers.push((key.clone(), value.clone()));
                    }
                    Ok(())
                },
                |p| p.headers.iter().map(|(key, value)| vec![key.clone().into(), value.clone().into()]).collect(),
            )
            .property(
                "codeField",
                "A field for the status of the answer, 0 if there was none. Data wait for their answer then.",
                |p| &mut p.code_field,
            )
            .flag("captureResponse", "Log the body of answers whose status is not 2xx.", |p| &mut p.capture_response)
            .property("timeout", "How long an answer may take; 0 leaves it to the daemon.", |p| &mut p.timeout)
            .flag("skipSSLVerification", "Do not check the certificate of the server.", |p| {
                &mut p.skip_tls_verification
            })
            .example("stream |from().measurement('cpu') |httpPost('http://example.com/points')")
    }

    fn check(&self, _place: &Place<'_>) -> Result<(), String> {
        let wrong = if self.urls.len() > 1 {
            format!("httpPost expects 0 or 1 arguments, got {}", self.urls.len())
        } else if self.endpoints.len() > 1 {
            format!("httpPost expects 0 or 1 endpoints, got {}", self.endpoints.len())
        } else if self.urls.is_empty() && self.endpoints.is_empty() {
            "must provide url or endpoint".to_string()
        } else if !self.urls.is_empty() && !self.endpoints.is_empty() {
            "only one endpoint and url may be specified".to_string()
        } else if self.headers.iter().any(|(key, _)| key.eq_ignore_ascii_case("authenticate")) {
            "cannot set 'authenticate' header".to_string()
        } else {
            return Ok(());
        };
        Err(wrong)
    }

    fn reach(&self, _input: EdgeKind) -> Reach {
        Reach::Group
    }

    fn build(self, plan: &Plan<'_>) -> Result<Box<dyn Node>, BuildError> {
        let name = self.endpoints.first().cloned();
        let endpoint = match &name {
            Some(name) => {
                plan.host.endpoint(name).ok_or_else(|| BuildError::new(format!("endpoint '{name}' does not exist")))?
            }
            None => HttpEndpoint { url: self.urls.first().cloned().unwrap_or_default(), ..HttpEndpoint::default() },
        };
        Ok(boxed_per_group(HttpPostNode {
            target: Target::new(endpoint, &self.headers).map_err(BuildError::new)?,
            name,
            headers: self.headers,
            timeout: self.timeout.0,
            skip_tls_verification: self.skip_tls_verification,
            capture_response: self.capture_response,
            code: (!self.code_field.is_empty()).then(|| Put::new(plan.schema.name(&self.code_field))),
            posted: 0,
            held: VecDeque::new(),
            rows: Vec::new(),
        }))
    }
}

fn text_of(arg: &Argument) -> Option<String> {
    match arg {
        Argument::String(text) => Some(text.clone()),
        _ => None,
    }
}

struct HttpPostNode {
    target: Target,
    /// The endpoint of the configuration, which may change at any time.
    name: Option<String>,
    /// The node's own headers.
    headers: Vec<(String, String)>,
    /// Nanoseconds.
    timeout: i64,
    skip_tls_verification: bool,
    capture_response: bool,
    /// With it, data wait for the answers to their posts.
    code: Option<Put>,
    /// How many posts were sent; the ticket of the last one.
    posted: u64,
    held: VecDeque<Held>,
    rows: Vec<Row>,
}

impl HttpPostNode {
    /// Send one point or batch. Its ticket, or nothing if there is nothing to send.
    fn post(&mut self, name: Name, tags: &Tags, rows: &[Row], cx: &mut Cx<'_>) -> Option<u64> {
        match self.follow(cx).and_then(|()| self.target.texts(name, tags, rows, cx)) {
            Ok((url, body)) => {
                let request = HttpRequest {
                    url,
                    headers: self.target.headers.clone(),
                    basic_auth: self.target.endpoint.basic_auth.clone(),
                    body,
                    timeout: self.timeout,
                    skip_tls_verification: self.skip_tls_verification,
                    wants_body: self.capture_response,
                };
                self.posted += 1;
                cx.host.post(request, cx.ticket(self.posted));
                Some(self.posted)
            }
            Err(why) => {
                cx.row_error(format_args!("failed to POST data: {why}"));
                None
            }
        }
    }

    /// Take up a change of the endpoint.
    fn follow(&mut self, cx: &Cx<'_>) -> Result<(), String> {
        let Some(name) = &self.name else { return Ok(()) };
        let endpoint = cx.host.endpoint(name).ok_or_else(|| format!("endpoint '{name}' does not exist any more"))?;
        if endpoint != self.target.endpoint {
            self.target = Target::new(endpoint, &self.headers)?;
        }
        Ok(())
    }

    fn hold(&mut self, ticket: Option<u64>, head: Option<BatchHead>, rows: &[Row], cx: &mut Cx<'_>) {
        let mut kept = KeptRows::default();
        for row in rows {
            kept.push(cx.schema, cx.frame, row);
        }
        let code = if ticket.is_some() { None } else { Some(0) };
        self.held.push_back(Held::Data { ticket: ticket.unwrap_or(0), code, head, rows: kept });
        self.release(cx);
    }

    /// Hand on all that waits for nothing any more, in order.
    fn release(&mut self, cx: &mut Cx<'_>) {
        let Some(put) = &mut self.code else { return };
        while !matches!(self.held.front(), None | Some(Held::Data { code: None, .. })) {
            match self.held.pop_front() {
                Some(Held::Data { code, head, rows, .. }) => {
                    self.rows.clear();
                    rows.load(cx.schema, cx.frame, 0..rows.len(), &mut self.rows);
                    for row in &mut self.rows {
                        *row = put.int(cx.schema, cx.frame, row, code.unwrap_or(0));
                    }
                    match head {
                        Some(head) => cx.emit_batch(head, &self.rows),
                        None => cx.out.points(&self.rows),
                    }
                }
                Some(Held::Barrier(group, time)) => cx.emit_barrier(group, time),
                Some(Held::DeleteGroup(group)) => cx.emit_delete_group(group),
                None => return,
            }
        }
    }

    /// The status that an answer had; what went wrong is counted and logged.
    fn status(&self, answer: &Answer, cx: &mut Cx<'_>) -> i64 {
        match answer {
            Answer::Http { status, .. } if status / 100 == 2 => i64::from(*status),
            Answer::Http { status, body } => {
                let why = if self.capture_response {
                    body.trim_end()
                } else {
                    "unknown error, use .captureResponse() to capture the HTTP response"
                };
                cx.row_error(format_args!("POST returned non 2xx status code {status}: {why}"));
                i64::from(*status)
            }
            Answer::Failed(why) => {
                cx.row_error(format_args!("failed to POST data: {why}"));
                0
            }
            _ => 0,
        }
    }
}

impl PerGroup for HttpPostNode {
    type Group = ();

    fn open(&mut self, _group: GroupId, _cx: &mut Cx<'_>) {}

    fn point(&mut self, _group: &mut (), row: Row, cx: &mut Cx<'_>) {
        let series = cx.schema.series(row.series);
        let ticket = self.post(series.name(), series.tags(), &[row], cx);
        if self.code.is_some() {
            self.hold(ticket, None, &[row], cx);
        } else {
            cx.emit(row);
        }
    }

    fn batch(&mut self, _group: &mut (), head: BatchHead, rows: &[Row], cx: &mut Cx<'_>) {
        let tags = cx.schema.group(head.group).tags();
        let ticket = self.post(head.name, tags, rows, cx);
        if self.code.is_some() {
            self.hold(ticket, Some(head), rows, cx);
        } else {
            cx.emit_batch(head, rows);
        }
    }

    fn barrier(&mut self, _group: &mut (), id: GroupId, time: Time, cx: &mut Cx<'_>) {
        if self.held.is_empty() {
            cx.emit_barrier(id, time);
        } else {
            self.held.push_back(Held::Barrier(id, time));
        }
    }

    fn delete(&mut self, _group: Option<()>, id: GroupId, cx: &mut Cx<'_>) {
        if self.held.is_empty() {
            cx.emit_delete_group(id);
        } else {
            self.held.push_back(Held::DeleteGroup(id));
        }
    }

    // Answers to what was posted before the task stopped come no more.
    fn start(&mut self, _groups: &mut Slab<()>, cx: &mut Cx<'_>) {
        let mut lost = 0;
        for held in &mut self.held {
            if let Held::Data { code: code @ None, .. } = held {
                *code = Some(0);
                lost += 1;
            }
        }
        if lost > 0 {
            cx.row_error(format_args!("the answers to {lost} POSTs were lost as the task was stopped"));
        }
        self.release(cx);
    }

    fn save_own(&mut self, out: &mut NodeSaver<'_>) {
        out.own(|out| {
            self.posted.save(out);
            self.held.save(out);
        });
    }

    fn restore_own(&mut self, saved: &NodeSaved<'_>, _cx: &mut Cx<'_>) -> Result<(), Damaged> {
        let all = saved.each_own(<(u64, VecDeque<Held>)>::restore)?;
        self.posted = all.iter().map(|(posted, _)| *posted).max().unwrap_or_default();
        self.held = all.into_iter().flat_map(|(_, held)| held).collect();
        Ok(())
    }

    fn memory(&self) -> usize {
        self.held.owned()
    }

    fn reply(&mut self, _groups: &mut Slab<()>, reply: Reply, cx: &mut Cx<'_>) {
        let status = self.status(&reply.answer, cx);
        for held in &mut self.held {
            if let Held::Data { ticket, code, .. } = held
                && *ticket == reply.ticket
            {
                *code = Some(status);
                break;
            }
        }
        self.release(cx);
    }

    fn finish(&mut self, _groups: &mut Slab<()>, cx: &mut Cx<'_>) {
        let lost = self.held.iter().filter(|held| matches!(held, Held::Data { .. })).count();
        if lost > 0 {
            cx.row_error(format_args!(
                "the task ended while {lost} points or batches waited for the status of their POST"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use model::Precision;

    use crate::testing::Bench;

    #[test]
    fn points_are_posted_as_json() {
        let mut bench =
            Bench::new("stream |from().groupBy('b') |httpPost('http://x').header('k', 'v').timeout(3s)").unwrap();
        bench.write("m,a=1,b=2 x=1.5,s=\"t\" 1\nm,b=3 y=2i 2", Precision::Seconds);
        let seen = bench.host.seen();
        let bodies: Vec<&str> = seen.posts.iter().map(|post| post.body.as_str()).collect();
        assert_eq!(
            bodies,
            [
                "{\"series\":[{\"name\":\"m\",\"tags\":{\"a\":\"1\",\"b\":\"2\"},\"columns\":[\"time\",\"s\",\"x\"],\"values\":[[\"1970-01-01T00:00:01Z\",\"t\",1.5]]}]}\n",
                "{\"series\":[{\"name\":\"m\",\"tags\":{\"b\":\"3\"},\"columns\":[\"time\",\"y\"],\"values\":[[\"1970-01-01T00:00:02Z\",2]]}]}\n",
            ]
        );
        let post = &seen.posts[0];
        assert_eq!((post.url.as_str(), post.timeout), ("http://x", 3_000_000_000));
        assert!(post.headers.contains(&("k".to_string(), "v".to_string())));
        drop(seen);
        assert_eq!(bench.stat("http_post2", "working_cardinality"), 2);
    }

    #[test]
    fn data_wait_for_the_status() {
        let script = "stream |from() |httpPost('http://x/{{ .Name }}').codeField('code') |httpPost('http://y')";
        let mut bench = Bench::new(script).unwrap();
        bench.write("m x=1 1\nn x=2 2", Precision::Seconds);
        let seen = bench.host.seen();
        let urls: Vec<&str> = seen.posts.iter().map(|post| post.url.as_str()).collect();
        assert_eq!(urls, ["http://x/m", "http://x/n", "http://y", "http://y"]);
        assert!(seen.posts[2].body.contains("[\"1970-01-01T00:00:01Z\",200,1]"), "{}", seen.posts[2].body);
    }

    #[test]
    fn what_json_cannot_hold_is_not_posted() {
        let mut bench =
            Bench::new("stream |from() |eval(lambda: sqrt(\"x\")).as('x') |httpPost('http://x') |log()").unwrap();
        bench.write("m x=-1 1\nm x=4 2", Precision::Seconds);
        assert_eq!(bench.host.seen().posts.len(), 1);
        assert_eq!(bench.stat("http_post3", "errors"), 1);
        assert_eq!(bench.stat("http_post3", "emitted"), 2);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (call, why) in [
            ("httpPost('http://a', 'http://b')", "0 or 1 arguments, got 2"),
            ("httpPost()", "must provide url or endpoint"),
            ("httpPost('http://a').endpoint('e')", "only one endpoint and url"),
            ("httpPost().endpoint('e').endpoint('f')", "0 or 1 endpoints, got 2"),
            ("httpPost('http://a').header('Authenticate', 'x')", "cannot set 'authenticate' header"),
            ("httpPost().endpoint('e')", "endpoint 'e' does not exist"),
        ] {
            let error = Bench::new(&format!("stream|from()|{call}")).err().expect("an error");
            assert!(error.contains(why), "{error}");
        }
    }
}
