//! A query to a cluster, its answer handed on row by row while it arrives.

use reqwest::Method;
use reqwest::header::CONTENT_TYPE;

use crate::Error;
use crate::cluster::{Answer, Cluster, Request};
use crate::decode::Decoder;
use crate::documents::Documents;
use crate::rows::{Collector, Rows, Series};

/// A longer text goes into the body of the request: not every server takes longer URLs.
const LONGEST_IN_URL: usize = 4 * 1024;
/// [`Cluster::collect`] takes no more rows than these.
const MOST_COLLECTED: usize = 1_000_000;

/// A question to InfluxDB. Empty `database` or `policy`: those that the text names.
#[derive(Debug, Clone, Copy, Default)]
pub struct Query<'q> {
    pub text: &'q str,
    pub database: &'q str,
    pub policy: &'q str,
}

impl<'q> Query<'q> {
    /// A query whose text names all it needs.
    pub fn new(text: &'q str) -> Query<'q> {
        Query { text, ..Query::default() }
    }
}

impl Cluster {
    /// Asks, and hands each row to `rows` as it arrives. Times come as text, see [`crate::parse_time`].
    ///
    /// If InfluxDB reports an error for any part of the answer, or the connection breaks, the query fails; what `rows`
    /// received by then is not the whole answer.
    pub async fn query(&self, query: &Query<'_>, rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        let mut answer = self.ask(query).await?;
        let mut decoder = Decoder::new(rows);
        let mut documents = Documents::default();
        while let Some(part) = self.next_part(&mut answer).await? {
            documents.push(&part)?;
            while let Some(document) = documents.next() {
                decoder.document(document)?;
            }
        }
        match documents.rest() {
            Some(rest) => decoder.document(rest)?,
            None if !decoder.has_answer() => return Err(Error::Decode("the answer is empty".to_owned())),
            None => {}
        }
        decoder.finish()
    }

    /// Asks, and returns the whole of a small answer.
    pub async fn collect(&self, query: &Query<'_>) -> Result<Vec<Series>, Error> {
        let mut collector = Collector { series: Vec::new(), rows_left: MOST_COLLECTED };
        self.query(query, &mut collector).await?;
        Ok(collector.series)
    }

    /// Runs a statement whose answer says nothing but whether it worked.
    pub async fn execute(&self, statement: &str) -> Result<(), Error> {
        self.collect(&Query::new(statement)).await.map(drop)
    }

    async fn ask(&self, query: &Query<'_>) -> Result<Answer, Error> {
        let mut parameters = vec![("chunked", "true"), ("db", query.database)];
        if !query.policy.is_empty() {
            parameters.push(("rp", query.policy));
        }
        if query.text.len() <= LONGEST_IN_URL {
            parameters.push(("q", query.text));
            let request = Request { method: Method::POST, path: "query", parameters: &parameters, prepare: &|it| it };
            return self.send(&request).await;
        }
        let form = || {
            let mut url = reqwest::Url::parse("http://form/").expect("a constant URL");
            url.query_pairs_mut().append_pair("q", query.text);
            url.query().unwrap_or_default().to_owned()
        };
        let body = bytes::Bytes::from(form());
        let prepare = |request: reqwest::RequestBuilder| {
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body.clone())
        };
        self.send(&Request { method: Method::POST, path: "query", parameters: &parameters, prepare: &prepare }).await
    }

    async fn next_part(&self, answer: &mut Answer) -> Result<Option<bytes::Bytes>, Error> {
        let server = answer.server;
        answer.response.chunk().await.map_err(|error| self.connection_error(server, &error))
    }
}
