//! Which read shows whether a write has been applied when its outcome is unknown.

use percent_encoding::{percent_decode_str, utf8_percent_encode};
use serde_json::Value;

use super::Class;
use super::matching::{Match, Path, best};
use crate::request::COMPONENT;

/// Writes that a GET of their own path shows: it returns the thing that they create, change or
/// delete, or the list that it is in.
const SAME_PATH: [&str; 39] = [
    "create-alert",
    "create-bucket",
    "create-dashboard",
    "create-dataset",
    "create-integration",
    "create-label-group",
    "create-project",
    "create-source",
    "create-stream",
    "create-trigger",
    "create-user",
    "delete-bucket",
    "delete-dashboard",
    "delete-dataset",
    "delete-dataset-by-id",
    "delete-integration",
    "delete-keyed-sync-state",
    "delete-label-group",
    "delete-project",
    "delete-source",
    "delete-stream",
    "delete-trigger",
    "delete-user",
    "set-bucket-sync-state",
    "set-comment-audio",
    "set-keyed-sync-state",
    "update-alert",
    "update-bucket",
    "update-dashboard",
    "update-dataset",
    "update-integration",
    "update-project",
    "update-source",
    "update-stream",
    "update-trigger",
    "update-user",
    // With their query, which names the label.
    "delete-label",
    "update-label",
    // With their query, which names the email.
    "delete-bucket-emails",
];

/// Writes that another read shows, as a raw call: `{name}` is the write's own placeholder,
/// `{?name}` the first value of its query parameter, `{list[].id}` the id of the last element of
/// that list in its body. Without one of these values there is no hint.
const ELSEWHERE: [(&str, &str); 22] = [
    (
        "sync-comments",
        "GET /api/v1/sources/{project}/{source}/comments/{comments[].id}",
    ),
    (
        "add-comments",
        "GET /api/v1/sources/{project}/{source}/comments/{comments[].id}",
    ),
    (
        "sync-raw-emails",
        "GET /api/v1/sources/{project}/{source}/comments/{documents[].comment_id}",
    ),
    (
        "delete-comments",
        "GET /api/v1/sources/{project}/{source}/comments/{?id}",
    ),
    (
        "update-annotations",
        "GET /api/_private/datasets/{project}/{dataset}/labellings?id={comment_uid}",
    ),
    (
        "set-labels",
        "GET /api/_private/datasets/{project}/{dataset}/label-groups/{label_group}",
    ),
    (
        "pin-model",
        "POST /api/_private/datasets/{project}/{dataset}/labellers limit:=100",
    ),
    (
        "unpin-model",
        "POST /api/_private/datasets/{project}/{dataset}/labellers limit:=100",
    ),
    (
        "set-model-tag",
        "GET /api/v1/datasets/{project}/{dataset}/model-tags",
    ),
    (
        "delete-model-tag",
        "GET /api/v1/datasets/{project}/{dataset}/model-tags",
    ),
    // The position is shown by what comes next.
    (
        "advance-stream",
        "GET /api/v1/datasets/{project}/{dataset}/streams/{stream}/results",
    ),
    (
        "reset-stream",
        "GET /api/v1/datasets/{project}/{dataset}/streams/{stream}/results",
    ),
    (
        "advance-trigger",
        "POST /api/v1/datasets/{project}/{dataset}/triggers/{trigger}/fetch size:=1",
    ),
    (
        "reset-trigger",
        "POST /api/v1/datasets/{project}/{dataset}/triggers/{trigger}/fetch size:=1",
    ),
    (
        "add-bucket-emails",
        "GET /api/_private/buckets/{project}/{bucket}/emails?id={emails[].id}",
    ),
    ("request-quota-increase", "GET /api/_private/quotas"),
    ("set-tenant-quota", "GET /api/_private/quotas/{tenant_id}"),
    ("reset-tenant-quota", "GET /api/_private/quotas/{tenant_id}"),
    ("delete-alert", "GET /api/_private/alerts"),
    (
        "delete-alert-subscription",
        "GET /api/_private/alerts/subscriptions",
    ),
    ("set-issue-status", "GET /api/_private/issues/{issue_id}"),
    ("delete-ixp-dataset", "GET /api/v1/datasets/id:{dataset_id}"),
];

/// Returns the read that shows whether a call has been applied, as the words of a raw call, where
/// the catalogue has one. `path` may have a query; `body` is what was sent, where it is known.
pub(crate) fn read_that_tells(method: &str, path: &str, body: Option<&[u8]>) -> Option<String> {
    let whole = path.split('#').next()?;
    let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
    let method = method.to_ascii_uppercase();
    let Some(called) = best(&method, &Path::of(path).split) else {
        // Nothing is known of the call, but the thing at its own path can be read.
        let read = best("GET", &Path::of(path).split)?.endpoint;
        let is_complete = read.query_params.iter().all(|field| !field.required);
        return is_complete.then(|| format!("GET {path}"));
    };
    let name = called.endpoint.name;
    if called.endpoint.class > Class::Read && SAME_PATH.contains(&name) {
        let is_named_by_query = called
            .endpoint
            .query_params
            .iter()
            .any(|field| field.required);
        return Some(if is_named_by_query {
            format!("GET {path}?{query}")
        } else {
            format!("GET {path}")
        });
    }
    let (_, read) = ELSEWHERE.iter().find(|(write, _)| *write == name)?;
    filled(read, &called, query, body)
}

/// Fills the placeholders of a read; `None` where one of them has no value.
fn filled(read: &str, called: &Match, query: &str, body: Option<&[u8]>) -> Option<String> {
    let mut text = String::new();
    let mut rest = read;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}')?;
        let value = if let Some(parameter) = name.strip_prefix('?') {
            parameter_value(query, parameter)?
        } else if let Some((list, field)) = name.split_once("[].") {
            last_id(body?, list, field)?
        } else {
            let mut params = called.params.iter();
            params.find(|(param, _)| *param == name)?.1.clone()
        };
        text.push_str(before);
        text.extend(utf8_percent_encode(&value, COMPONENT));
        rest = after;
    }
    text.push_str(rest);
    Some(text)
}

fn parameter_value(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, value)| *found == name && !value.is_empty())?;
    let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
    Some(value)
}

/// Returns the id of a list's last element: what was sent in order has been applied up to there.
fn last_id(body: &[u8], list: &str, field: &str) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let id = body.get(list)?.as_array()?.last()?.get(field)?.as_str()?;
    (!id.is_empty()).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{all, by_name, classify_as};

    /// Writes that no read shows, and why.
    const NOTHING: [&str; 17] = [
        // The name of what they make is only known from the response.
        "create-ixp-dataset",
        "sync-comments-csv",
        "upload-document",
        "upload-file",
        "upload-ixp-runtime-document",
        // Reading attachments takes a reference or a project that the path does not name.
        "upload-comment-attachment",
        "upload-email-attachment",
        // The state that they leave behind is not returned by a read in a form known to show it.
        "import-ixp-taxonomy",
        "reset-annotations",
        "sync-annotations",
        "tag-stream-exceptions",
        "tag-trigger-exceptions",
        "untag-stream-exceptions",
        "untag-trigger-exceptions",
        "update-model",
        // They leave nothing behind.
        "refresh-permissions",
        "send-welcome-email",
    ];
    const PREDICTIONS: [&str; 4] = [
        "predict",
        "predict-extractions",
        "predict-latest",
        "predict-raw-emails",
    ];

    #[test]
    fn every_write_has_a_read_or_is_known_to_have_none() {
        for endpoint in all() {
            let name = endpoint.name;
            let times = SAME_PATH
                .iter()
                .chain(ELSEWHERE.iter().map(|(write, _)| write))
                .chain(&NOTHING)
                .chain(&PREDICTIONS)
                .filter(|write| **write == name)
                .count();
            assert_eq!(times, usize::from(endpoint.class > Class::Read), "{name}");
        }
        let known = SAME_PATH.len() + ELSEWHERE.len() + NOTHING.len() + PREDICTIONS.len();
        let writes = all().iter().filter(|endpoint| endpoint.class > Class::Read);
        assert_eq!(known, writes.count());
    }

    #[test]
    fn what_is_named_is_a_read_of_the_catalogue_with_all_that_it_needs() {
        let body = br#"{"comments":[{"id":"a"},{"id":"b/c"}],"documents":[{"comment_id":"d"}],"emails":[{"id":"e"}]}"#;
        for name in SAME_PATH
            .iter()
            .chain(ELSEWHERE.iter().map(|(write, _)| write))
        {
            let endpoint = by_name(name).expect(name);
            let mut call = endpoint.path.replace('{', "v-").replace('}', "");
            for (position, field) in endpoint.query_params.iter().enumerate() {
                let mark = if position == 0 { '?' } else { '&' };
                call.push_str(&format!("{mark}{}=q-{}", field.name, field.name));
            }
            let read = read_that_tells(endpoint.method, &call, Some(body)).expect(name);
            assert!(!read.contains(['{', '}']), "{name}: {read}");
            let words: Vec<&str> = read.split(' ').collect();
            let (path, query) = words[1].split_once('?').unwrap_or((words[1], ""));
            let classified = classify_as(&[words[0].to_owned()], path);
            let found = classified.endpoint.expect(name);
            assert_eq!(classified.class, Class::Read, "{name}: {read}");
            for field in found.query_params.iter().filter(|field| field.required) {
                assert!(
                    query.contains(&format!("{}=", field.name)),
                    "{name}: {read}"
                );
            }
            for field in found.body_fields.iter().filter(|field| field.required) {
                assert!(words[2..].join(" ").contains(field.name), "{name}: {read}");
            }
            // A literal word of one path must not be taken for another's value.
            for (part, text) in found.path.split('/').zip(path.split('/')) {
                assert!(
                    !part.contains('{')
                        || text.contains("v-")
                        || text.contains("q-")
                        || text.len() < 6,
                    "{name}: {read}"
                );
            }
        }
    }

    #[test]
    fn the_read_is_of_the_same_thing() {
        for (call, body, read) in [
            (
                "PUT /api/v1/sources/p/s",
                "",
                Some("GET /api/v1/sources/p/s"),
            ),
            (
                "DELETE /api/v1/datasets/p%2Fd?x=1",
                "",
                Some("GET /api/v1/datasets/p%2Fd"),
            ),
            ("POST /api/v1/sources/p/s/sync", "", None),
            ("POST /api/v1/sources/p/s/sync", r#"{"comments":[]}"#, None),
            (
                "POST /api/v1/sources/p/s/sync",
                r#"{"comments":[{"id":"a"},{"id":"b c"}]}"#,
                Some("GET /api/v1/sources/p/s/comments/b%20c"),
            ),
            (
                "post /api/v1/datasets/p/d/streams/s/advance",
                "",
                Some("GET /api/v1/datasets/p/d/streams/s/results"),
            ),
            ("PUT /api/v1/datasets/p/d/streams/s/exceptions", "", None),
            (
                "DELETE /api/_private/alerts/id:1",
                "",
                Some("GET /api/_private/alerts"),
            ),
            (
                "DELETE /api/_private/alerts/subscriptions/1",
                "",
                Some("GET /api/_private/alerts/subscriptions"),
            ),
            (
                "DELETE /api/_private/quotas/t/k",
                "",
                Some("GET /api/_private/quotas/t"),
            ),
            (
                "POST /api/_private/quotas/sources",
                "",
                Some("GET /api/_private/quotas"),
            ),
            (
                "DELETE /api/v1/sources/p/s/comments?id=a&id=b",
                "",
                Some("GET /api/v1/sources/p/s/comments/a"),
            ),
            ("DELETE /api/v1/sources/p/s/comments", "", None),
            (
                "POST /api/_private/datasets/p/d/labels/g?label_name=x",
                "",
                Some("GET /api/_private/datasets/p/d/labels/g?label_name=x"),
            ),
            ("POST /api/v1/datasets/p/d/labellers/3/predict", "", None),
            ("POST /api/v1/unlisted", "", None),
            (
                "PATCH /api/v1/sources/p/s",
                "",
                Some("GET /api/v1/sources/p/s"),
            ),
        ] {
            let (method, path) = call.split_once(' ').expect("a call");
            let found = read_that_tells(method, path, Some(body.as_bytes()));
            assert_eq!(found.as_deref(), read, "{call}");
        }
    }
}
