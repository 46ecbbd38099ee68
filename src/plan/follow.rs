//! Following a stream, as pure steps: the requests, what a batch holds, and what comes next.
//!
//! The service keeps one position for a stream. Reading does not move it; `advance` does. Nothing
//! is lost when a batch is safe before its token is sent.

use std::time::Duration;

use crate::catalogue::{self, Endpoint};
use crate::cli::items::{Item, Kind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result};
use crate::exit::Exit;
use crate::input::Input;
use crate::plan::template;
use crate::profile::Profile;
use crate::request::Request;
use crate::text::lexical::scan::{elements, member, text};
use crate::text::terminal::sanitise;

/// The stream that is followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    project: Option<String>,
    dataset: String,
    stream: String,
}

/// Which of the two routes reads a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `GET .../results`
    Results,
    /// `POST .../fetch`, the older one.
    Fetch,
}

/// What was read: raw JSON of one response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch<'a> {
    pub(crate) results: Vec<&'a [u8]>,
    /// What `advance` takes to move the position behind the whole batch.
    token: Option<&'a [u8]>,
    /// How many comments the stream's filter left out on the way.
    filtered: u64,
    /// The token of the first result: as long as the position has not moved, it stays the same.
    first: Option<&'a [u8]>,
}

/// What tells one position of a stream from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Position(Option<Vec<u8>>);

impl Stream {
    /// Reads `[PROJECT/]DATASET/STREAM`.
    ///
    /// # Errors
    /// Fails (exit 2) on anything else.
    pub(crate) fn parse(text: &str) -> Result<Stream> {
        let parts: Vec<&str> = text.split('/').collect();
        let (project, dataset, stream) = match parts.as_slice() {
            [dataset, stream] => (None, *dataset, *stream),
            [project, dataset, stream] => (Some((*project).to_owned()), *dataset, *stream),
            _ => (None, "", ""),
        };
        if dataset.is_empty() || stream.is_empty() || project.as_deref() == Some("") {
            return Err(
                Failure::usage(format!("'{}' does not name a stream", sanitise(text)))
                    .hint("write DATASET/STREAM or PROJECT/DATASET/STREAM"),
            );
        }
        Ok(Stream {
            project,
            dataset: dataset.to_owned(),
            stream: stream.to_owned(),
        })
    }

    /// Returns the request that reads a batch.
    ///
    /// # Errors
    /// Fails (exit 2) when a name cannot be in a path.
    pub(crate) fn read(
        &self,
        route: Route,
        most: u32,
        most_filtered: u32,
        profile: &Profile,
    ) -> Result<Request> {
        let size = match route {
            Route::Results => "max_results",
            Route::Fetch => "size",
        };
        self.request(
            route.endpoint()?,
            vec![
                item(size, &most.to_string(), Kind::Text),
                item("max_filtered", &most_filtered.to_string(), Kind::Text),
            ],
            profile,
        )
    }

    /// Returns the request that moves the position behind a token, which is raw JSON.
    ///
    /// # Errors
    /// Fails (exit 2) when a name cannot be in a path.
    pub(crate) fn advance(&self, token: &[u8], profile: &Profile) -> Result<Request> {
        let token = String::from_utf8_lossy(token);
        self.request(
            endpoint("advance-stream")?,
            vec![item("sequence_id", &token, Kind::Json)],
            profile,
        )
    }

    /// Returns the request that tags comments as exceptions of this type.
    ///
    /// # Errors
    /// Fails (exit 2) when a name cannot be in a path.
    pub(crate) fn tag(&self, uids: &[String], kind: &str, profile: &Profile) -> Result<Request> {
        let entries: Vec<serde_json::Value> = uids
            .iter()
            .map(|uid| serde_json::json!({"uid": uid, "metadata": {"type": kind}}))
            .collect();
        self.request(
            endpoint("tag-stream-exceptions")?,
            vec![item(
                "exceptions",
                &serde_json::Value::from(entries).to_string(),
                Kind::Json,
            )],
            profile,
        )
    }

    fn request(
        &self,
        endpoint: &'static Endpoint,
        mut items: Vec<Item>,
        profile: &Profile,
    ) -> Result<Request> {
        let names = [
            ("project", self.project.as_deref()),
            ("dataset", Some(self.dataset.as_str())),
            ("stream", Some(self.stream.as_str())),
        ];
        items.extend(
            names
                .into_iter()
                .filter_map(|(name, value)| Some(item(name, value?, Kind::Text))),
        );
        let input = Input {
            items,
            ..Input::default()
        };
        let plan = template::call(endpoint, &RequestOptions::default(), input, profile)?;
        Ok(plan.request)
    }
}

fn item(key: &str, value: &str, kind: Kind) -> Item {
    Item {
        key: key.to_owned(),
        value: value.to_owned(),
        kind,
    }
}

/// Returns an endpoint that following needs.
///
/// # Errors
/// Fails when the catalogue does not have it.
pub(crate) fn endpoint(name: &str) -> Result<&'static Endpoint> {
    catalogue::by_name(name)
        .ok_or_else(|| Failure::local(format!("the catalogue has no endpoint {name}")))
}

impl Route {
    /// Returns the endpoint that reads.
    ///
    /// # Errors
    /// Fails when the catalogue does not have it.
    pub(crate) fn endpoint(self) -> Result<&'static Endpoint> {
        endpoint(match self {
            Route::Results => "get-stream-results",
            Route::Fetch => "fetch-stream",
        })
    }

    /// Takes a response apart: one JSON text that has been checked.
    ///
    /// # Errors
    /// Fails (exit 5) when it is not a batch.
    pub(crate) fn batch(self, response: &[u8]) -> Result<Batch<'_>> {
        let (token, filtered) = match self {
            Route::Results => ("continuation", "num_filtered"),
            Route::Fetch => ("sequence_id", "filtered"),
        };
        let response = response.trim_ascii();
        let list = member(response, "results").filter(|list| list.first() == Some(&b'['));
        let Some(list) = list else {
            return Err(Failure::new(
                Exit::Platform,
                "the response contains no results: it is not what a stream returns",
            ));
        };
        let results: Vec<&[u8]> = elements(list).collect();
        let is_text = |value: &&[u8]| value.first() == Some(&b'"');
        Ok(Batch {
            first: results
                .first()
                .and_then(|result| member(result, token))
                .filter(is_text),
            token: member(response, token).filter(is_text),
            filtered: member(response, filtered)
                .and_then(|count| std::str::from_utf8(count).ok()?.parse().ok())
                .unwrap_or(0),
            results,
        })
    }
}

impl<'a> Batch<'a> {
    /// Returns whether there is nothing to do but to wait.
    pub(crate) fn is_end(&self) -> bool {
        self.results.is_empty() && self.filtered == 0
    }

    /// Returns the token to advance to, as raw JSON.
    ///
    /// # Errors
    /// Fails (exit 5) when the response has none: the position could not be moved.
    pub(crate) fn token(&self) -> Result<&'a [u8]> {
        self.token.ok_or_else(|| {
            Failure::new(
                Exit::Platform,
                "the batch holds no token, so the stream cannot be advanced behind it",
            )
        })
    }

    /// Returns where the stream stood when this was read.
    pub(crate) fn position(&self) -> Position {
        Position(self.first.or(self.token).map(<[u8]>::to_vec))
    }
}

/// Returns a comment's uid.
pub(crate) fn uid(result: &[u8]) -> Option<String> {
    let uid = member(member(result, "comment")?, "uid")?;
    Some(text(uid).into_owned())
}

/// Returns whether it is not known what became of an advance that failed like this.
pub(crate) fn is_unknown(exit: Exit) -> bool {
    matches!(
        exit,
        Exit::TimeOut | Exit::EmptyReply | Exit::Receive | Exit::Incomplete | Exit::Platform
    )
}

/// Returns how long to wait after so many looks that found nothing, at most `most`.
pub(crate) fn pause(looks: u32, most: Duration) -> Duration {
    const FIRST: Duration = Duration::from_secs(1);
    FIRST
        .saturating_mul(1 << looks.saturating_sub(1).min(16))
        .min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_named_with_and_without_a_project() {
        let stream = Stream::parse("orders/late").expect("a stream");
        assert_eq!(
            (
                stream.project,
                stream.dataset.as_str(),
                stream.stream.as_str()
            ),
            (None, "orders", "late")
        );
        let stream = Stream::parse("retail/orders/late").expect("a stream");
        assert_eq!(stream.project.as_deref(), Some("retail"));
        for text in ["", "late", "a/", "/b", "/a/b", "a//b", "a/b/c/d"] {
            assert!(Stream::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_routes_give_the_same_batch() {
        let results = Route::Results
            .batch(br#"{"results":[{"comment":{"uid":"s.1"},"continuation":"a"}],"num_filtered":3,"more_results":true,"continuation":"b"}"#)
            .expect("a batch");
        let fetched = Route::Fetch
            .batch(br#"{"results":[{"comment":{"uid":"s.1"},"sequence_id":"a"}],"filtered":3,"is_end_sequence":false,"sequence_id":"b"}"#)
            .expect("a batch");
        for batch in [&results, &fetched] {
            assert_eq!(batch.token().expect("a token"), b"\"b\"");
            assert!(!batch.is_end());
            assert_eq!(uid(batch.results[0]).as_deref(), Some("s.1"));
        }
        assert_eq!(results.position(), fetched.position());
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        assert!(Route::Results.batch(br#"{"status":"ok"}"#).is_err());
        let without_token = Route::Results
            .batch(br#"{"results":[1],"continuation":null}"#)
            .expect("a batch");
        assert!(without_token.token().is_err());
    }

    #[test]
    fn only_nothing_at_all_is_the_end() {
        let is_end = |response: &str| {
            Route::Results
                .batch(response.as_bytes())
                .expect("a batch")
                .is_end()
        };
        assert!(is_end(r#"{"results":[],"num_filtered":0}"#));
        assert!(!is_end(r#"{"results":[],"num_filtered":7}"#));
        assert!(!is_end(r#"{"results":[1],"num_filtered":0}"#));
    }

    #[test]
    fn pauses_grow_to_their_limit() {
        let most = Duration::from_secs(30);
        let pauses: Vec<u64> = (1..8).map(|looks| pause(looks, most).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(pause(40, most), most);
        assert_eq!(
            pause(1, Duration::from_millis(20)),
            Duration::from_millis(20)
        );
    }
}
