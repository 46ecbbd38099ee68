//! Paging, as a pure step: from a page that has been read to the request for the next one.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::PathBuf;

use bytes::Bytes;
use url::Url;

use crate::catalogue::{Endpoint, Paging, PagingEnd, PagingStyle};
use crate::cli::options::{CallOptions, PagingOptions};
use crate::error::{Failure, Result};
use crate::output::view::{Shape, View};
use crate::request::{Body, Header, Request};
use crate::text::lexical::scan::{elements, is_key, member, members, text};
use crate::text::path::{Path, Selected};

/// Refuses what cannot go together with pages.
///
/// # Errors
/// Fails (exit 2) naming the option.
pub(crate) fn without_effect(options: &CallOptions) -> Result<()> {
    let output = &options.output;
    let is_filtered = output.filter.is_some() && options.paging.limit.is_some();
    for (given, name, hint) in [
        (
            output.include || options.request.head,
            "-i and -I show one head",
            "-D FILE keeps the first page's",
        ),
        (
            is_filtered,
            "--limit cannot count the output of -q",
            "leave out one of them, or pipe --format ndjson --limit N into another filter",
        ),
    ] {
        if given {
            return Err(Failure::usage(format!("{name}; --paginate reads many pages")).hint(hint));
        }
    }
    Ok(())
}

/// Which pages of a call are read.
#[derive(Clone, Debug)]
pub(crate) struct PagePlan {
    /// How they follow each other.
    pub(crate) recipe: Recipe,
    /// After how many items reading stops.
    pub(crate) limit: Option<u64>,
    /// How many pages one run reads at most.
    pub(crate) max_pages: Option<u64>,
    /// What `--state` records, where it is given.
    pub(crate) state: Option<StatePlan>,
}

/// What `--state` records beside the progress.
#[derive(Clone, Debug)]
pub(crate) struct StatePlan {
    /// The file.
    pub(crate) file: PathBuf,
    /// `--items` and `--columns` as they were given.
    pub(crate) items_path: String,
    pub(crate) columns: String,
}

impl StatePlan {
    /// Decides; `None` without `--state`.
    ///
    /// # Errors
    /// Fails (exit 2) when the output cannot be resumed.
    pub(crate) fn decide(options: &CallOptions, view: &View) -> Result<Option<StatePlan>> {
        /// What the endpoint's own choice is called.
        const DEFAULT: &str = "(default)";
        let Some(file) = &options.paging.state else {
            return Ok(None);
        };
        refuse_what_cannot_be_resumed(options, view)?;
        let shown = |text: &OsString| text.to_string_lossy().into_owned();
        let output = &options.output;
        let columns: Vec<String> = output.columns.iter().map(shown).collect();
        Ok(Some(StatePlan {
            file: PathBuf::from(file),
            items_path: output.items_at.as_ref().map_or(DEFAULT.into(), shown),
            columns: match columns.is_empty() {
                true => DEFAULT.to_owned(),
                false => columns.join(","),
            },
        }))
    }
}

fn refuse_what_cannot_be_resumed(options: &CallOptions, view: &View) -> Result<()> {
    if options.paging.limit.is_some() {
        return Err(
            Failure::usage("--state and --limit cannot be combined").hint("use --max-pages")
        );
    }
    let is_resumable = matches!(view.shape, Shape::NdJson | Shape::Delimited(_))
        && view.filter.is_none()
        && view.sort.is_none();
    if !is_resumable {
        return Err(
            Failure::usage("--state needs an output that can be resumed")
                .hint("use --format ndjson, csv or tsv, without -q and --sort"),
        );
    }
    if matches!(view.shape, Shape::Delimited(_)) && view.columns.is_none() {
        return Err(
            Failure::usage("--state needs to know the columns before the first page")
                .hint("name them with --columns, or use --format ndjson"),
        );
    }
    Ok(())
}

/// How an endpoint's pages follow each other.
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    place: Place,
    /// The field or parameter that takes the cursor.
    field: String,
    cursor: Cursor,
    end: PagingEnd,
    /// Where the items are, where that matters for the end.
    items: Option<Path>,
    /// Parameters that only the first page has.
    first_page_only: &'static [&'static str],
}

/// Where a request holds the cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Query,
    Body,
}

/// Where a response holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Cursor {
    At(Path),
    /// The lowest version among the items.
    LowestVersion,
}

/// What follows a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: this was the last.
    End,
    /// The page at this cursor, raw JSON.
    Page(String),
    /// The same page again: the server's cursor does not move.
    Repeated(String),
}

impl Recipe {
    /// Finds how a call is paged; `None` when it is an endpoint that is not.
    ///
    /// # Errors
    /// Fails (exit 2) where paging would move a stream, or it is not known how it is paged.
    pub(crate) fn find(
        options: &PagingOptions,
        endpoint: Option<&'static Endpoint>,
        items: Option<&str>,
        method: &http::Method,
    ) -> Result<Option<Recipe>> {
        let items = items.map(Path::parse).transpose()?;
        if let (Some(out), Some(field)) = (&options.cursor_out, &options.cursor_in) {
            let place = if matches!(*method, http::Method::GET | http::Method::HEAD) {
                Place::Query
            } else {
                Place::Body
            };
            return Ok(Some(Recipe {
                place,
                field: field.clone(),
                cursor: Cursor::At(Path::parse(out)?),
                end: PagingEnd::NoCursor,
                items,
                first_page_only: &[],
            }));
        }
        let Some(endpoint) = endpoint else {
            return Err(Failure::usage("rein does not know how this path is paged")
                .fact("the catalogue has no endpoint of this method and path")
                .hint("name both fields: --cursor-out continuation --cursor-in after"));
        };
        match endpoint.paging {
            None => Ok(None),
            Some(Paging {
                style: PagingStyle::StreamSequence,
                ..
            }) => Err(Failure::usage(
                "a stream is not paged: reading on means moving its position",
            )
            .hint("consume it: rein follow PROJECT/DATASET/STREAM")),
            Some(paging) => Recipe::of(&paging, items).map(Some),
        }
    }

    /// Finds how a response of an endpoint tells that more pages follow it; `None` where only an
    /// empty page would, and for streams.
    ///
    /// # Errors
    /// Fails when a path in a template cannot be read.
    pub(crate) fn told_by_cursor(
        endpoint: &'static Endpoint,
        items: Option<&str>,
    ) -> Result<Option<Recipe>> {
        let is_told = |paging: &Paging| {
            paging.style != PagingStyle::StreamSequence && paging.end != PagingEnd::EmptyPage
        };
        let Some(paging) = endpoint.paging.filter(is_told) else {
            return Ok(None);
        };
        Recipe::of(&paging, items.map(Path::parse).transpose()?).map(Some)
    }

    /// Returns how many items a page has that says that more follow: one whole JSON text that has
    /// been checked.
    pub(crate) fn items_before_more(&self, page: &[u8]) -> Option<usize> {
        match Pager::new(self.clone(), None).next(page) {
            Next::Page(_) => Some(elements(self.items_of(page.trim_ascii())?).count()),
            Next::End | Next::Repeated(_) => None,
        }
    }

    fn of(paging: &Paging, items: Option<Path>) -> Result<Recipe> {
        let (place, cursor) = match paging.style {
            PagingStyle::BodyContinuation => {
                (Place::Body, Cursor::At(Path::parse(paging.response_field)?))
            }
            PagingStyle::BodyOlderThan => (Place::Body, Cursor::LowestVersion),
            PagingStyle::QueryOlderThan => (Place::Query, Cursor::LowestVersion),
            PagingStyle::QueryContinuation | PagingStyle::StreamSequence => (
                Place::Query,
                Cursor::At(Path::parse(paging.response_field)?),
            ),
        };
        Ok(Recipe {
            place,
            field: paging.request_field.to_owned(),
            cursor,
            end: paging.end,
            items,
            first_page_only: paging.first_page_only,
        })
    }

    /// Returns the members of an envelope that belong to one page.
    pub(crate) fn page_members(&self) -> Vec<String> {
        let mut names = Vec::new();
        if let Cursor::At(path) = &self.cursor {
            names.push(path.text().to_owned());
        }
        if let PagingEnd::False(name) = self.end {
            names.push(name.to_owned());
        }
        names
    }

    /// Returns the request for the first page.
    ///
    /// # Errors
    /// Fails (exit 2) when its body could not be sent again for the pages that follow.
    pub(crate) fn first(&self, first: &Request) -> Result<Request> {
        match &first.body {
            Body::Empty | Body::Bytes(_) => first.try_clone().ok_or_else(streamed),
            Body::File { .. } | Body::Stdin | Body::Form(_) => Err(streamed()),
        }
    }

    /// Returns the request for the page at a cursor, made from the first page's.
    ///
    /// # Errors
    /// Fails (exit 2) when its body is not an object that a cursor could be added to.
    pub(crate) fn request(&self, first: &Request, cursor: &str) -> Result<Request> {
        let mut request = self.first(first)?;
        match self.place {
            Place::Query => {
                self.set_query(&mut request.url, &text(cursor.as_bytes()));
            }
            Place::Body => {
                let body = match &request.body {
                    Body::Empty => Bytes::from_static(b"{}"),
                    Body::Bytes(bytes) => bytes.clone(),
                    Body::File { .. } | Body::Stdin | Body::Form(_) => return Err(streamed()),
                };
                if request.header("content-type").is_none() {
                    request
                        .headers
                        .push(Header::new("Content-Type", "application/json"));
                }
                let body = set_member(&body, &self.field, cursor).ok_or_else(|| {
                    Failure::usage("the body is not a JSON object, so the cursor cannot be added")
                })?;
                request.body = Body::Bytes(Bytes::from(body));
            }
        }
        Ok(request)
    }

    /// Puts the cursor into the query as one encoded value: it is data, whatever it looks like.
    fn set_query(&self, url: &mut Url, cursor: &str) {
        let is_dropped = |part: &str| {
            let name = part.split('=').next().unwrap_or_default();
            name == self.field || self.first_page_only.contains(&name)
        };
        let mut parts: Vec<String> = url
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|part| !part.is_empty() && !is_dropped(part))
            .map(str::to_owned)
            .collect();
        let encode = |text: &str| {
            percent_encoding::utf8_percent_encode(text, crate::request::COMPONENT).to_string()
        };
        parts.push(format!("{}={}", encode(&self.field), encode(cursor)));
        url.set_query(Some(&parts.join("&")));
    }

    fn items_of<'a>(&self, page: &'a [u8]) -> Option<&'a [u8]> {
        let found = match &self.items {
            Some(path) => path.select(page),
            None => members(page)
                .find(|(_, value)| value.first() == Some(&b'['))
                .map_or(Selected::Missing, |(_, value)| Selected::One(value)),
        };
        match found {
            Selected::One(list) if list.first() == Some(&b'[') => Some(list),
            _ => None,
        }
    }

    fn cursor_of(&self, page: &[u8]) -> Option<String> {
        match &self.cursor {
            Cursor::At(path) => match path.select(page) {
                Selected::One(value) if !matches!(value, b"null" | b"\"\"") => {
                    Some(String::from_utf8_lossy(value).into_owned())
                }
                _ => None,
            },
            Cursor::LowestVersion => {
                let version = |item| {
                    let found =
                        member(item, "version").or_else(|| member(item, "model_version"))?;
                    std::str::from_utf8(found).ok()?.parse::<i64>().ok()
                };
                let lowest = elements(self.items_of(page)?).filter_map(version).min()?;
                Some(lowest.to_string())
            }
        }
    }
}

fn streamed() -> Failure {
    Failure::usage("cannot page: the request body is streamed").hint("give it with -d @FILE")
}

/// Follows the cursors of one call.
#[derive(Debug)]
pub(crate) struct Pager {
    recipe: Recipe,
    seen: HashSet<String>,
}

impl Pager {
    /// Begins, behind the page at `cursor` when there has been one.
    pub(crate) fn new(recipe: Recipe, cursor: Option<&str>) -> Self {
        Pager {
            recipe,
            seen: cursor.map(str::to_owned).into_iter().collect(),
        }
    }

    /// Returns what follows a page: one whole JSON text that has been checked.
    pub(crate) fn next(&mut self, page: &[u8]) -> Next {
        let page = page.trim_ascii();
        let is_empty = self
            .recipe
            .items_of(page)
            .is_none_or(|items| elements(items).next().is_none());
        let is_last = match self.recipe.end {
            PagingEnd::NoCursor => false,
            PagingEnd::EmptyPage => is_empty,
            PagingEnd::False(name) => member(page, name) == Some(b"false"),
        };
        if is_last {
            return Next::End;
        }
        match self.recipe.cursor_of(page) {
            None => Next::End,
            Some(cursor) if self.seen.insert(cursor.clone()) => Next::Page(cursor),
            Some(cursor) => Next::Repeated(cursor),
        }
    }
}

/// Sets a member of an object to a raw value; everything else stays as it is written.
fn set_member(object: &[u8], name: &str, value: &str) -> Option<Vec<u8>> {
    let object = object.trim_ascii();
    let start = object.as_ptr() as usize;
    if object.first() != Some(&b'{') || object.last() != Some(&b'}') {
        return None;
    }
    if let Some((_, old)) = members(object).find(|(key, _)| is_key(key, name)) {
        let at = old.as_ptr() as usize - start;
        return Some([&object[..at], value.as_bytes(), &object[at + old.len()..]].concat());
    }
    let inner = object[..object.len() - 1].trim_ascii_end();
    let joint = if inner.len() > 1 { "," } else { "" };
    let key = serde_json::Value::from(name);
    Some([inner, format!("{joint}{key}:{value}}}").as_bytes()].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue;
    use crate::request::TypedCredential;
    use proptest::prelude::*;

    fn recipe(name: &str) -> Recipe {
        let endpoint = catalogue::by_name(name).expect(name);
        let method = endpoint.method.parse().expect("a method");
        Recipe::find(
            &PagingOptions::default(),
            Some(endpoint),
            endpoint.items,
            &method,
        )
        .expect(name)
        .expect(name)
    }

    fn request(query: &str, body: &str) -> Request {
        Request {
            method: http::Method::POST,
            url: Url::parse(&format!("https://h/api/v1/x{query}")).expect("a URL"),
            headers: Vec::new(),
            body: if body.is_empty() {
                Body::Empty
            } else {
                Body::Bytes(Bytes::copy_from_slice(body.as_bytes()))
            },
            typed: TypedCredential::Profile,
        }
    }

    fn sent(request: &Request) -> String {
        let body = match &request.body {
            Body::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            _ => String::new(),
        };
        format!("{} {body}", request.url.query().unwrap_or_default())
    }

    #[test]
    fn every_recipe_goes_from_page_to_page() {
        let end = Next::End;
        let page = |cursor: &str| Next::Page(cursor.to_owned());
        for (name, first, next, request_for_it) in [
            (
                "list-comments",
                r#"{"comments":[],"continuation":"a&b"}"#,
                page("\"a&b\""),
                "limit=5&after=a%26b {\"x\":1}",
            ),
            ("list-comments", r#"{"comments":[1]}"#, end.clone(), ""),
            (
                "export-dataset",
                r#"{"comments":[],"continuation":"c"}"#,
                page("\"c\""),
                "from_timestamp=t&limit=5 {\"x\":1,\"continuation\":\"c\"}",
            ),
            (
                "export-dataset",
                r#"{"comments":[1],"continuation":null}"#,
                end.clone(),
                "",
            ),
            (
                "query-bucket-emails",
                r#"{"emails":[1],"more_results":false,"continuation":"z"}"#,
                end.clone(),
                "",
            ),
            (
                "query-bucket-emails",
                r#"{"emails":[],"more_results":true,"continuation":"z"}"#,
                page("\"z\""),
                "from_timestamp=t&limit=5 {\"x\":1,\"continuation\":\"z\"}",
            ),
            (
                "get-annotations",
                r#"{"results":[1],"after":"d"}"#,
                page("\"d\""),
                "from_timestamp=t&limit=5&after=d {\"x\":1}",
            ),
            (
                "get-annotations",
                r#"{"results":[],"after":"d"}"#,
                end.clone(),
                "",
            ),
            (
                "get-label-history",
                r#"{"versions":[{"model_version":7},{"model_version":5}]}"#,
                page("5"),
                "from_timestamp=t&limit=5&older_than_version=5 {\"x\":1}",
            ),
            (
                "list-models",
                r#"{"labellers":[{"version":4},{"version":3}]}"#,
                page("3"),
                "from_timestamp=t&limit=5 {\"x\":1,\"older_than_version\":3}",
            ),
            ("list-models", r#"{"labellers":[]}"#, end.clone(), ""),
        ] {
            let recipe = recipe(name);
            let found = Pager::new(recipe.clone(), None).next(first.as_bytes());
            assert_eq!(found, next, "{name} {first}");
            if let Next::Page(cursor) = found {
                let next = recipe
                    .request(&request("?from_timestamp=t&limit=5", "{\"x\":1}"), &cursor)
                    .expect(name);
                assert_eq!(sent(&next), request_for_it, "{name}");
            }
        }
    }

    #[test]
    fn a_cursor_is_data_and_never_an_address() {
        let next = recipe("list-comments")
            .request(&request("", ""), "\"https://evil/?x=1&y\"")
            .expect("a request");
        assert_eq!(next.url.host_str(), Some("h"));
        assert_eq!(
            next.url.query(),
            Some("after=https%3A%2F%2Fevil%2F%3Fx%3D1%26y")
        );
    }

    #[test]
    fn a_cursor_that_does_not_move_is_told() {
        let mut pager = Pager::new(recipe("export-dataset"), Some("\"a\""));
        let next = |pager: &mut Pager, cursor: &str| {
            pager.next(format!(r#"{{"comments":[],"continuation":"{cursor}"}}"#).as_bytes())
        };
        assert_eq!(next(&mut pager, "b"), Next::Page("\"b\"".to_owned()));
        assert_eq!(next(&mut pager, "a"), Next::Repeated("\"a\"".to_owned()));
    }

    #[test]
    fn streams_and_the_unknown_are_refused() {
        let find = |name: Option<&str>| {
            let endpoint = name.and_then(catalogue::by_name);
            Recipe::find(
                &PagingOptions::default(),
                endpoint,
                None,
                &http::Method::GET,
            )
        };
        assert!(find(Some("get-stream-results")).expect_err("refused").hints[0].contains("follow"));
        assert!(find(None).is_err());
        assert!(find(Some("list-sources")).expect("known").is_none());
    }

    proptest! {
        #[test]
        fn a_cursor_in_a_body_is_one_member_and_changes_nothing_else(
            names in proptest::collection::btree_set("[a-d\"\\\\]{1,3}", 0..5),
            cursor in ".{0,12}",
        ) {
            let body: serde_json::Value = names
                .iter()
                .map(|name| (name.clone(), serde_json::json!([name, {"c": 1}])))
                .collect::<serde_json::Map<_, _>>()
                .into();
            let cursor = serde_json::Value::from(cursor);
            let set = set_member(body.to_string().as_bytes(), "c", &cursor.to_string());
            let mut expected = body;
            expected["c"] = cursor;
            let set: serde_json::Value =
                serde_json::from_slice(&set.expect("an object")).expect("JSON");
            prop_assert_eq!(set, expected);
        }

        #[test]
        fn a_cursor_in_a_query_is_one_parameter(cursor in ".{0,24}") {
            let text = serde_json::Value::from(cursor.clone()).to_string();
            let next = recipe("list-comments")
                .request(&request("?limit=5", ""), &text)
                .expect("a request");
            let pairs: Vec<(String, String)> = next.url.query_pairs().into_owned().collect();
            prop_assert_eq!(
                pairs,
                [("limit".to_owned(), "5".to_owned()), ("after".to_owned(), cursor)]
            );
            prop_assert_eq!(next.url.host_str(), Some("h"));
        }
    }

    #[test]
    fn members_are_set_and_all_else_stays() {
        for (object, expected) in [
            ("{}", "{\"c\":9}"),
            ("{ \"a\" : 1.10 }", "{ \"a\" : 1.10,\"c\":9}"),
            ("{\"c\": \"old\", \"a\":[1]}", "{\"c\": 9, \"a\":[1]}"),
        ] {
            let set = set_member(object.as_bytes(), "c", "9").expect(object);
            assert_eq!(String::from_utf8_lossy(&set), expected);
        }
        assert!(set_member(b"[1]", "c", "9").is_none());
    }
}
