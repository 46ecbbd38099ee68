//! Which response a request gets: authentication, permission, path, body, in that order.

mod comments;
mod listed;
mod models;
mod owned;
mod people;
mod streams;
mod tools;

use bytes::Bytes;
use http::request::Parts;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::reply::Reply;
use super::state::{Dataset, Object, Source, State};
use super::{READ_ONLY_TOKEN, TOKEN};

/// A request as the routes see it.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) method: String,
    /// The decoded segments of the path.
    pub(super) segments: Vec<String>,
    /// The decoded parameters of the query, in their order.
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: http::HeaderMap,
    pub(super) body: Bytes,
    /// Who is asking; `None` without a known token.
    pub(super) user: Option<User>,
}

/// The two users of the demo.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum User {
    Admin,
    ReadOnly,
}

/// What the read-only user may do, by the codes of `organisation_permissions`.
const READ_PERMISSIONS: [&str; 3] = ["sources-read", "streams-read", "voc-readonly"];

/// What the administrator may do as well.
const ADMIN_PERMISSIONS: [&str; 11] = [
    "sources-admin",
    "sources-add-comments",
    "sources-read-sensitive",
    "datasets-admin",
    "datasets-export",
    "datasets-model-admin",
    "datasets-review",
    "streams-admin",
    "streams-consume",
    "users-read",
    "voc",
];

impl User {
    pub(super) fn permissions(self) -> Vec<&'static str> {
        match self {
            User::Admin => READ_PERMISSIONS
                .into_iter()
                .chain(ADMIN_PERMISSIONS)
                .collect(),
            User::ReadOnly => READ_PERMISSIONS.to_vec(),
        }
    }
}

/// A response, or the error that takes its place.
pub(super) type RouteResult = Result<Reply, Reply>;

impl Call {
    pub(super) fn new(head: &Parts, body: Bytes) -> Self {
        let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        // The service takes `project%2Fname` as two segments.
        let path: Vec<String> = head.uri.path().split('/').map(decode).collect();
        let segments = path
            .join("/")
            .split('/')
            .filter(|segment| !segment.is_empty())
            .map(str::to_owned)
            .collect();
        let query = head
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(&value.replace('+', " "))))
            .collect();
        let user = head
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .and_then(|value| match value.strip_prefix("Bearer ") {
                Some(TOKEN) => Some(User::Admin),
                Some(READ_ONLY_TOKEN) => Some(User::ReadOnly),
                _ => None,
            });
        Call {
            method: head.method.to_string(),
            segments,
            query,
            headers: head.headers.clone(),
            body,
            user,
        }
    }

    /// Returns the first value of a query parameter.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// Returns a number in the query, or a default.
    pub(super) fn number(&self, name: &str, default: usize, most: usize) -> Result<usize, Reply> {
        let Some(text) = self.parameter(name) else {
            return Ok(default);
        };
        match text.parse() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            _ => Err(bad(&format!(
                "'{text}' is not a valid value for {name}: 1 to {most} are allowed"
            ))),
        }
    }

    /// Returns the body's object, which may hold these fields and no others.
    pub(super) fn fields(&self, allowed: &[&str]) -> Result<Object, Reply> {
        let value: Value = serde_json::from_slice(&self.body)
            .map_err(|_| bad("The request body is not valid JSON"))?;
        strict(value, allowed)
    }

    /// Fails with 403 unless the user has a permission.
    pub(super) fn needs(&self, permission: &str, project: &str) -> Result<(), Reply> {
        match self.user {
            Some(user) if user.permissions().contains(&permission) => Ok(()),
            _ => Err(Reply::error(
                403,
                &format!("no permission {permission} on project {project}"),
            )),
        }
    }
}

/// Returns an object's members if it holds only these.
pub(super) fn strict(value: Value, allowed: &[&str]) -> Result<Object, Reply> {
    let Value::Object(members) = value else {
        return Err(bad("The request body must be an object"));
    };
    match members.keys().find(|key| !allowed.contains(&key.as_str())) {
        Some(key) => Err(bad(&format!(
            "Additional properties are not allowed ('{key}' was unexpected)"
        ))),
        None => Ok(members),
    }
}

/// A 400.
pub(super) fn bad(message: &str) -> Reply {
    Reply::error(400, message)
}

/// A 404 for a path or thing that does not exist.
pub(super) fn not_found() -> Reply {
    Reply::error(404, "404 Not Found")
}

/// Makes an opaque cursor of a position.
pub(super) fn cursor(kind: &str, position: usize) -> String {
    format!("{kind}:{position}")
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Reads a cursor of the same kind.
pub(super) fn position(kind: &str, cursor: &str) -> Result<usize, Reply> {
    let wrong = || bad("The continuation token is not valid");
    let bytes: Option<Vec<u8>> = (0..cursor.len())
        .step_by(2)
        .map(|at| {
            cursor
                .get(at..at + 2)
                .and_then(|pair| u8::from_str_radix(pair, 16).ok())
        })
        .collect();
    let text = bytes
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(wrong)?;
    text.strip_prefix(kind)
        .and_then(|rest| rest.strip_prefix(':'))
        .and_then(|rest| rest.parse().ok())
        .ok_or_else(wrong)
}

/// Answers a request.
pub(super) fn route(call: &Call, state: &mut State) -> Reply {
    if call.user.is_none() {
        return Reply::error(401, "401 Unauthorized: the token is missing or not valid");
    }
    dispatch(call, state).unwrap_or_else(|error| error)
}

fn dispatch(call: &Call, state: &mut State) -> RouteResult {
    let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
    let rest = match segments.as_slice() {
        ["auth", rest @ ..] => return people::auth(call, state, rest),
        ["api", "_demo", rest @ ..] => return tools::route(call, rest),
        ["api", "v1" | "_private" | "preview", rest @ ..] => rest,
        _ => return Err(not_found()),
    };
    match rest {
        ["users", rest @ ..] => people::users(call, rest),
        ["projects", rest @ ..] => people::projects(call, state, rest),
        // No source is named by these.
        ["sources", "email-transform", _] => listed::route(call),
        ["sources", id, _, ..] if id.starts_with("id:") => listed::route(call),
        ["sources", project, source, rest @ ..] if !rest.is_empty() => {
            comments::route(call, state, project, source, rest)
        }
        ["sources", rest @ ..] => owned::route::<Source>(call, state, rest),
        [
            "datasets",
            project,
            dataset,
            "streams" | "triggers",
            rest @ ..,
        ] => streams::route(call, state, project, dataset, rest),
        ["datasets", project, dataset, rest @ ..] if !rest.is_empty() => {
            models::route(call, state, project, dataset, rest)
        }
        ["datasets", rest @ ..] => owned::route::<Dataset>(call, state, rest),
        ["audit_events", "query"] if call.method == "POST" => tools::audit_events(call, state),
        ["quotas"] if call.method == "GET" => Ok(tools::quotas()),
        ["attachments", reference] if call.method == "GET" => tools::attachment(reference),
        _ => listed::route(call),
    }
}
