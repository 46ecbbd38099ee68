//! Decides everything about a call before it is sent. Pure: no network, no file, no clock.

pub(crate) mod batch;
pub(crate) mod body;
pub(crate) mod call;
pub(crate) mod callee;
pub(crate) mod checks;
pub(crate) mod connection;
pub(crate) mod continuation;
pub(crate) mod curl;
pub(crate) mod delivery;
pub(crate) mod diff;
pub(crate) mod fields;
pub(crate) mod follow;
pub(crate) mod follow_preview;
pub(crate) mod guard;
pub(crate) mod headers;
pub(crate) mod ownership;
pub(crate) mod paging;
pub(crate) mod presentation;
pub(crate) mod preview;
pub(crate) mod reads;
pub(crate) mod redirect;
pub(crate) mod sending;
pub(crate) mod target;
pub(crate) mod template;
pub(crate) mod timing;
pub(crate) mod user_template;
pub(crate) mod words;

use std::ffi::{OsStr, OsString};

use http::Method;
use percent_encoding::{percent_decode_str, utf8_percent_encode};
use url::Url;

use crate::catalogue::{Class, Classified};
use crate::cli::items::{Item, Kind};
use crate::cli::options::RequestOptions;
use crate::error::{Failure, Result};
use crate::input::{Input, Upload};
use crate::profile::{Origin, Profile};
use crate::request::{Body, COMPONENT, Request, USER_AGENT};
use crate::text::terminal::sanitise;

use self::headers::Headers;
use self::target::{Filled, Var};
use self::words::Words;

/// The content codings that are undone here.
const ACCEPT_ENCODING: &str = "gzip, deflate, br, zstd";

/// A call that has been planned.
#[derive(Debug)]
pub(crate) struct Draft {
    /// What is to be sent.
    pub(crate) request: Request,
    /// The placeholders with the values that they were given.
    pub(crate) filled: Vec<Filled>,
    /// Warnings about what is sent as it is, and is perhaps not meant.
    pub(crate) doubts: Vec<String>,
}

/// Plans a raw call.
///
/// # Errors
/// Fails (exit 2) on everything that is wrong before sending.
pub(crate) fn raw(
    words: &Words<'_>,
    options: &RequestOptions,
    input: Input,
    profile: &Profile,
) -> Result<Draft> {
    let vars = vars(&options.var)?;
    let mut headers = typed_headers(&input, options)?;
    let mut url = target::resolve(words.target, profile, &vars)?;
    if let Some(Upload::File(file)) = &input.upload {
        append_file_name(&mut url, file.path.file_name());
    }
    let given = Given::of(&input, options)?;
    let mut query = body::query(&input.items, &input.url_query);
    if options.get && !input.data.is_empty() {
        query.push(String::from_utf8_lossy(&body::join(&input.data)).into_owned());
    }
    add_query(&mut url, &query, profile)?;
    let method = method(words, options, given)?;
    let body = make_body(given, input, &mut headers)?;
    Ok(Draft {
        request: finish(method, url, headers, body)?,
        filled: target::filled(words.target, profile, &vars),
        doubts: Vec::new(),
    })
}

/// Refuses a call that may change something when its path has an empty segment. That is mostly a
/// shell variable that is not set (`v1/datasets/{project}/$DATASET`), and the service drops the
/// segment: the call would be one of whatever is above.
///
/// # Errors
/// Fails (exit 2) unless the call only reads, or the catalogue's own path ends with a slash.
pub(crate) fn refuse_empty_segments(
    request: &Request,
    profile: &Profile,
    known: &Classified,
) -> Result<()> {
    let prefix = profile.base.value.path_prefix();
    let path = request.url.path();
    let below = path.strip_prefix(prefix).unwrap_or(path);
    let decoded = percent_decode_str(below).decode_utf8_lossy();
    let segments = decoded.strip_prefix('/').unwrap_or(&decoded);
    let Some(empty) = segments.split('/').position(str::is_empty) else {
        return Ok(());
    };
    let is_last = empty + 1 == segments.split('/').count();
    let ends_so = known
        .endpoint
        .is_some_and(|endpoint| endpoint.path.ends_with('/'));
    if known.class == Class::Read || (is_last && ends_so) {
        return Ok(());
    }
    let place = if is_last {
        "ends with an empty segment"
    } else {
        "has an empty segment"
    };
    Err(
        Failure::usage(format!("the path {place}: {}", sanitise(&decoded)))
            .fact(format!(
                "a {} is not sent to what is above it",
                request.method
            ))
            .fact("nothing was sent")
            .hint("check the variables in the path, or remove the slash"),
    )
}

/// Adds what every request has.
fn finish(method: Method, url: Url, mut headers: Headers, body: Body) -> Result<Request> {
    if headers.is_removed("Accept") {
        return Err(Failure::usage("-H 'Accept:' is not supported")
            .fact("a raw call always sends an Accept header")
            .hint("give it a value, or pass the line to curl itself: rein curl -H 'Accept:' ..."));
    }
    headers.set_default("User-Agent", USER_AGENT);
    headers.set_default("Accept", "*/*");
    headers.set_default("Accept-Encoding", ACCEPT_ENCODING);
    Ok(Request {
        method,
        url,
        headers: headers.list,
        body,
        typed: headers.typed,
    })
}

/// What the body is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Given {
    Nothing,
    Data,
    Fields,
    Form,
    Upload,
}

impl Given {
    /// Finds the one source of a raw call's body.
    fn of(input: &Input, options: &RequestOptions) -> Result<Given> {
        let fields = input.items.iter().any(Item::is_field);
        let data = !options.get && !input.data.is_empty();
        let own = [(data, Given::Data), (fields, Given::Fields)];
        let given = Given::one(input, own).map_err(|failure| {
            failure.hint("query parameters are written name==value, headers Name:value")
        })?;
        if options.head && given != Given::Nothing {
            return Err(Failure::usage(format!(
                "-I asks for the headers alone, but a body is given by {}",
                given.name()
            ))
            .hint("leave one of them out"));
        }
        Ok(given)
    }

    /// Finds the one source; the caller knows whether data and items go into the body.
    fn one(input: &Input, own: [(bool, Given); 2]) -> Result<Given> {
        let always = [
            (!input.form.is_empty(), Given::Form),
            (input.upload.is_some(), Given::Upload),
        ];
        let given: Vec<Given> = own
            .into_iter()
            .chain(always)
            .filter_map(|(is_given, source)| is_given.then_some(source))
            .collect();
        match given.as_slice() {
            [] => Ok(Given::Nothing),
            [source] => Ok(*source),
            several => {
                let names: Vec<&str> = several.iter().map(|source| source.name()).collect();
                Err(Failure::usage(format!(
                    "{} cannot be combined: the request has one body",
                    names.join(" and ")
                )))
            }
        }
    }

    /// Finds the one source in a call by name.
    fn of_call(input: &Input, fields: bool) -> Result<Given> {
        let data = !input.data.is_empty();
        let own = [(data, Given::Data), (fields, Given::Fields)];
        Given::one(input, own).map_err(|failure| {
            failure.hint("leave out all but one; an item counts where it is a field of the body")
        })
    }

    /// Returns how it is given.
    fn name(self) -> &'static str {
        match self {
            Given::Nothing => "nothing",
            Given::Data => "-d",
            Given::Fields => "items",
            Given::Form => "-F",
            Given::Upload => "-T",
        }
    }

    /// Returns whether the body comes from somewhere else than the items.
    fn is_whole(self) -> bool {
        matches!(self, Given::Data | Given::Form | Given::Upload)
    }
}

/// Refuses to change the method of a call by name: its class belongs to it.
fn keep_method(options: &RequestOptions, name: &str, method: &str) -> Result<()> {
    if options.request.is_some() || options.get || options.head {
        return Err(
            Failure::usage(format!("{name} decides on the method itself: {method}"))
                .hint("for another method make a raw call: rein METHOD TARGET"),
        );
    }
    Ok(())
}

/// The failure for a name that is given two values where it can hold one.
fn given_twice(name: &str) -> Failure {
    Failure::usage(format!("{name} is given twice")).hint("leave one of them out")
}

fn method(words: &Words<'_>, options: &RequestOptions, given: Given) -> Result<Method> {
    let typed = options
        .request
        .as_deref()
        .map(words::parse_method)
        .transpose()?;
    match (&words.method, typed) {
        (Some(word), Some(option)) if *word != option => Err(Failure::usage(format!(
            "two methods were given: {word} and -X {option}"
        ))),
        (Some(method), _) => Ok(method.clone()),
        (None, Some(method)) => Ok(method),
        (None, None) if options.head => Ok(Method::HEAD),
        (None, None) => Ok(match given {
            Given::Nothing => Method::GET,
            Given::Upload => Method::PUT,
            Given::Data | Given::Fields | Given::Form => Method::POST,
        }),
    }
}

fn make_body(given: Given, input: Input, headers: &mut Headers) -> Result<Body> {
    match given {
        Given::Nothing => Ok(Body::Empty),
        Given::Data => body::from_data(&input.data, headers),
        Given::Fields => {
            body::from_items(input.items.iter().filter(|item| item.is_field()), headers)
        }
        Given::Form => Ok(body::from_form(input.form, headers)),
        Given::Upload => Ok(input.upload.map(body::from_upload).unwrap_or(Body::Empty)),
    }
}

fn typed_headers(input: &Input, options: &RequestOptions) -> Result<Headers> {
    let mut headers = Headers::default();
    if let Some(agent) = &options.user_agent {
        headers.add("User-Agent", Some(text(agent, "-A")?))?;
    }
    for line in &input.header_lines {
        headers.add_line(line)?;
    }
    for item in &input.items {
        match item.kind {
            Kind::Header => headers.add(&item.key, Some(item.value.trim()))?,
            Kind::EmptyHeader => headers.add(&item.key, None)?,
            _ => {}
        }
    }
    Ok(headers)
}

/// Adds the name of an uploaded file to a target that ends in a slash, as curl does.
fn append_file_name(url: &mut Url, name: Option<&OsStr>) {
    if let Some(name) = name.filter(|_| url.path().ends_with('/')) {
        let name = name.to_string_lossy();
        let path = format!("{}{}", url.path(), utf8_percent_encode(&name, COMPONENT));
        url.set_path(&path);
    }
}

fn add_query(url: &mut Url, parameters: &[String], profile: &Profile) -> Result<()> {
    if parameters.is_empty() {
        return Ok(());
    }
    if parameters
        .iter()
        .any(|parameter| parameter.chars().any(char::is_control))
    {
        return Err(Failure::usage(
            "a query parameter contains a control character",
        ));
    }
    let added = parameters.join("&");
    let query = match url.query() {
        Some(query) if !query.is_empty() => format!("{query}&{added}"),
        _ => added,
    };
    url.set_query(Some(&query));
    if profile.base.value.owns(url) {
        Ok(())
    } else {
        Err(Failure::usage("the query would lead out of the endpoint"))
    }
}

pub(crate) fn vars(words: &[OsString]) -> Result<Vec<Var>> {
    words
        .iter()
        .map(|word| {
            let (name, value) = text(word, "-V")?
                .split_once('=')
                .filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| Failure::usage("-V needs NAME=VALUE").hint("-V dataset=orders"))?;
            Ok(Var {
                name: name.to_owned(),
                value: value.to_owned(),
                origin: Origin::Option("-V"),
            })
        })
        .collect()
}

/// Returns the value of an option as text.
fn text<'a>(word: &'a OsStr, option: &str) -> Result<&'a str> {
    word.to_str()
        .ok_or_else(|| Failure::usage(format!("the value of {option} is not valid UTF-8")))
}
