//! A query to a cluster, its answer handed on row by row while it arrives.

use std::borrow::Cow;

use bytes::Bytes;
use influxql::Select;
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder};

use crate::answer::AnswerReader;
use crate::cluster::{Answer, Cluster, Request, format_of};
use crate::flux::{self, FluxReader};
use crate::rows::{Collector, Rows, Series};
use crate::sql::{self, SqlReader};
use crate::{Error, Format, Generation};

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
    pub language: Language<'q>,
}

/// What a query is written in, with what belongs to it.
#[derive(Debug, Clone, Copy, Default)]
pub enum Language<'q> {
    #[default]
    InfluxQl,
    /// Of InfluxDB 2, and of 1 where it is switched on. Empty: the organisation of the configuration. `now` is what the
    /// text's `now()` gives, as RFC 3339.
    Flux { organization: &'q str, organization_id: &'q str, now: Option<&'q str> },
    /// Of InfluxDB 3. Rows bear the name `measurement`, and are series by the columns `tags`, where `*` stands for all
    /// texts.
    Sql { measurement: &'q str, tags: &'q [String] },
}

impl<'q> Query<'q> {
    /// A query in InfluxQL whose text names all it needs.
    pub fn new(text: &'q str) -> Query<'q> {
        Query { text, ..Query::default() }
    }
}

impl Cluster {
    /// Asks, and hands each row to `rows` as it arrives. Times of InfluxQL come as [`crate::Cell::Time`] or
    /// as text, see [`crate::parse_time`].
    ///
    /// If InfluxDB reports an error for any part of the answer, or the connection breaks, the query fails; what `rows`
    /// received by then is not the whole answer.
    pub async fn query(&self, query: &Query<'_>, rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        self.query_in(self.format(), query, rows).await
    }

    /// As [`Cluster::query`]; answers to InfluxQL in a format.
    async fn query_in(&self, format: Format, query: &Query<'_>, rows: &mut (dyn Rows + Send)) -> Result<(), Error> {
        match query.language {
            Language::InfluxQl => self.query_influxql(format, query, rows).await,
            Language::Flux { organization, organization_id, now } => {
                let mut answer = self.ask_flux(query.text, organization, organization_id, now).await?;
                let mut reader = FluxReader::default();
                while let Some(part) = self.next_part(&mut answer).await? {
                    reader.push(&part, rows)?;
                }
                reader.finish(rows)
            }
            Language::Sql { measurement, tags } => {
                let mut answer = self.ask_sql(query).await?;
                let mut reader = SqlReader::new(measurement, tags);
                while let Some(part) = self.next_part(&mut answer).await? {
                    reader.push(&part, rows)?;
                }
                reader.finish(rows)
            }
        }
    }

    /// Asks, and returns the whole of a small answer; to statements about the database that is JSON, whatever is set.
    pub async fn collect(&self, query: &Query<'_>) -> Result<Vec<Series>, Error> {
        let mut collector = Collector { series: Vec::new(), rows_left: MOST_COLLECTED };
        self.query_in(Format::Json, query, &mut collector).await?;
        Ok(collector.series)
    }

    /// Runs a statement whose answer says nothing but whether it worked.
    pub async fn execute(&self, statement: &str) -> Result<(), Error> {
        self.collect(&Query::new(statement)).await.map(drop)
    }

    async fn query_influxql(
        &self,
        format: Format,
        query: &Query<'_>,
        rows: &mut (dyn Rows + Send),
    ) -> Result<(), Error> {
        let mut answer = if self.config().generation == Generation::Three {
            let (text, database) = self.unqualified(query)?;
            self.ask_influxql(format, &Query { text: &text, database: &database, policy: "", ..*query }).await?
        } else {
            self.ask_influxql(format, query).await?
        };
        let mut reader = AnswerReader::new(format_of(&answer.response), rows);
        while let Some(part) = self.next_part(&mut answer).await? {
            reader.push(&part)?;
        }
        reader.finish()
    }

    /// A query for InfluxDB 3, which takes the database beside the text and never within it.
    fn unqualified<'q>(&self, query: &Query<'q>) -> Result<(Cow<'q, str>, String), Error> {
        let given = |database: &str, policy: &str| self.config().bucket(database, policy);
        // What is no SELECT names no database.
        let Ok(mut select) = Select::parse(query.text) else {
            return Ok((Cow::Borrowed(query.text), given(query.database, query.policy)));
        };
        match select.take_place() {
            Ok(None) => Ok((Cow::Borrowed(query.text), given(query.database, query.policy))),
            Ok(Some((database, policy))) => {
                let database = if database.is_empty() { query.database } else { &database };
                Ok((Cow::Owned(select.to_string()), given(database, &policy)))
            }
            Err((one, other)) => Err(Error::Config(format!(
                "InfluxDB 3 answers a query from one database at a time, but this one reads from {one} and from {other}: \
                 ask them in two queries and join them"
            ))),
        }
    }

    async fn ask_influxql(&self, format: Format, query: &Query<'_>) -> Result<Answer, Error> {
        let mut parameters = vec![("chunked", "true"), ("db", query.database)];
        if !query.policy.is_empty() {
            parameters.push(("rp", query.policy));
        }
        let mut form = Bytes::new();
        if query.text.len() <= LONGEST_IN_URL {
            parameters.push(("q", query.text));
        } else {
            let mut url = reqwest::Url::parse("http://form/").expect("a constant URL");
            url.query_pairs_mut().append_pair("q", query.text);
            form = Bytes::from(url.query().unwrap_or_default().to_owned());
        }
        let prepare = |request: RequestBuilder| {
            // JSON is what comes unasked.
            let request = if format == Format::Json { request } else { request.header(ACCEPT, format.accept()) };
            if form.is_empty() {
                return request;
            }
            request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form.clone())
        };
        self.send(&Request { method: Method::POST, path: "query", parameters: &parameters, prepare: &prepare }).await
    }

    async fn ask_flux(&self, text: &str, name: &str, id: &str, now: Option<&str>) -> Result<Answer, Error> {
        let config = self.config();
        if config.generation == Generation::Three {
            let why = "InfluxDB 3 does not answer Flux: ask in SQL by |querySQL, or in InfluxQL by |query";
            return Err(Error::Config(why.to_owned()));
        }
        let (name, id) = if name.is_empty() && id.is_empty() {
            (&*config.organization, &*config.organization_id)
        } else {
            (name, id)
        };
        let parameters: Vec<_> =
            [("org", name), ("orgID", id)].into_iter().filter(|(_, value)| !value.is_empty()).collect();
        let body = flux::request(text, now);
        let prepare = |request: RequestBuilder| {
            request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/csv").body(body.clone())
        };
        let path = "api/v2/query";
        self.send(&Request { method: Method::POST, path, parameters: &parameters, prepare: &prepare }).await
    }

    async fn ask_sql(&self, query: &Query<'_>) -> Result<Answer, Error> {
        if !matches!(self.config().generation, Generation::Three | Generation::Unsaid) {
            let why = "only InfluxDB 3 answers SQL: set version = \"3\" in the cluster's [[influxdb]] if it is one, or ask \
                       in InfluxQL by |query";
            return Err(Error::Config(why.to_owned()));
        }
        let body = sql::request(&self.config().bucket(query.database, query.policy), query.text);
        let prepare = |request: RequestBuilder| {
            request.header(CONTENT_TYPE, "application/json").header(ACCEPT, "application/jsonl").body(body.clone())
        };
        let path = "api/v3/query_sql";
        self.send(&Request { method: Method::POST, path, parameters: &[], prepare: &prepare }).await
    }

    async fn next_part(&self, answer: &mut Answer) -> Result<Option<Bytes>, Error> {
        let server = answer.server;
        answer.response.chunk().await.map_err(|error| self.connection_error(server, &error))
    }
}
