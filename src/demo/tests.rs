use super::state::{Object, object, text};
use super::*;
use bytes::Bytes;
use serde_json::{Value, json};

fn ask(
    state: &mut State,
    token: Option<&str>,
    method: &str,
    target: &str,
    body: &Value,
) -> (u16, Object) {
    let mut request = http::Request::builder().method(method).uri(target);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let (head, ()) = request.body(()).expect("a request").into_parts();
    let body = if body.is_null() {
        Bytes::new()
    } else {
        body.to_string().into()
    };
    let reply = routes::route(&Call::new(&head, body), state);
    let reply::Content::Bytes(bytes) = reply.content else {
        panic!("not bytes");
    };
    (
        reply.status,
        object(serde_json::from_slice(&bytes).expect("JSON")),
    )
}

fn admin(state: &mut State, method: &str, target: &str, body: &Value) -> (u16, Object) {
    ask(state, Some(TOKEN), method, target, body)
}

#[test]
fn errors_have_exactly_two_fields() {
    let state = &mut State::default();
    let null = Value::Null;
    for (token, method, target, body, status) in [
        (None, "GET", "/api/v1/datasets", &null, 401),
        (Some("wrong"), "GET", "/api/v1/datasets", &null, 401),
        (Some(TOKEN), "GET", "/api/v1/nonexistent_page", &null, 404),
        (Some(TOKEN), "GET", "/nonexistent", &null, 404),
        (
            Some(TOKEN),
            "GET",
            "/api/v1/sources/retail/none",
            &null,
            404,
        ),
        (
            Some(READ_ONLY_TOKEN),
            "DELETE",
            "/api/v1/datasets/retail/orders",
            &null,
            403,
        ),
        (
            Some(READ_ONLY_TOKEN),
            "PUT",
            "/api/v1/sources/retail/x",
            &json!({"source": {}}),
            403,
        ),
        (
            Some(TOKEN),
            "PUT",
            "/api/v1/sources/retail/x",
            &json!({"source": {"nope": 1}}),
            400,
        ),
        (
            Some(TOKEN),
            "PUT",
            "/api/v1/sources/retail/x",
            &json!({"source": {"email_transform_tag": "a"}}),
            422,
        ),
        (
            Some(TOKEN),
            "PUT",
            "/api/v1/sources/retail/support",
            &json!({"source": {}}),
            409,
        ),
        (
            Some(TOKEN),
            "PUT",
            "/api/v1/datasets/retail/x",
            &json!({"dataset": {"model_family": "x"}}),
            400,
        ),
        (
            Some(TOKEN),
            "DELETE",
            "/api/_private/projects/retail",
            &null,
            409,
        ),
        (
            Some(TOKEN),
            "POST",
            "/api/v1/datasets/retail/orders/streams/late-orders/advance",
            &json!({"sequence_id": "x"}),
            400,
        ),
    ] {
        let (found, envelope) = ask(state, token, method, target, body);
        assert_eq!(found, status, "{method} {target}: {envelope:?}");
        assert_eq!(
            (text(&envelope, "status"), envelope.len()),
            ("error", 2),
            "{method} {target}"
        );
    }
}

#[test]
fn lists_are_served_for_both_projects() {
    let state = &mut State::default();
    for (target, items, count) in [
        ("/api/v1/datasets", "datasets", 4),
        ("/api/v1/datasets/retail", "datasets", 2),
        ("/api/v1/sources/retail-dev", "sources", 3),
        ("/api/_private/projects", "projects", 3),
        ("/api/v1/users", "users", 2),
        ("/api/v1/datasets/retail%2Forders/streams", "streams", 1),
        ("/api/_private/buckets", "buckets", 0),
    ] {
        let (status, envelope) = admin(state, "GET", target, &Value::Null);
        assert_eq!(status, 200, "{target}");
        assert_eq!(
            envelope[items].as_array().map(Vec::len),
            Some(count),
            "{target}"
        );
    }
}

#[test]
fn comments_come_in_pages_and_none_is_lost() {
    let state = &mut State::default();
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let target = format!("/api/_private/sources/retail/support/comments?limit=60{after}");
        let (status, page) = admin(state, "GET", &target, &Value::Null);
        assert_eq!(status, 200);
        seen.extend(
            page["comments"]
                .as_array()
                .expect("a list")
                .iter()
                .map(|comment| comment["id"].to_string()),
        );
        match page.get("continuation").and_then(Value::as_str) {
            Some(continuation) => after = format!("&after={continuation}"),
            None => break,
        }
    }
    assert_eq!(seen.len(), 150);
    seen.dedup();
    assert_eq!(seen.len(), 150);
}

#[test]
fn a_sync_counts_what_it_did() {
    let state = &mut State::default();
    let comment = |id: &str, words: &str| json!({"id": id, "timestamp": "2024-06-01T00:00:00Z", "messages": [{"body": {"text": words}}]});
    let target = "/api/v1/sources/retail/reviews/sync";
    let counts = |envelope: &Object| {
        ["new", "updated", "unchanged"].map(|key| envelope[key].as_u64().expect("a count"))
    };
    let (_, first) = admin(
        state,
        "POST",
        target,
        &json!({"comments": [comment("a", "x"), comment("b", "x")]}),
    );
    assert_eq!(counts(&first), [2, 0, 0]);
    let (_, second) = admin(
        state,
        "POST",
        target,
        &json!({"comments": [comment("a", "x"), comment("b", "y")]}),
    );
    assert_eq!(counts(&second), [0, 1, 1]);
    let (status, _) = admin(state, "POST", target, &json!({"comments": [{"id": "a/b"}]}));
    assert_eq!(status, 400);
    let (_, got) = admin(
        state,
        "GET",
        "/api/v1/sources/retail/reviews/comments/b",
        &Value::Null,
    );
    assert_eq!(got["comment"]["messages"][0]["body"]["text"], "y");
    admin(
        state,
        "DELETE",
        "/api/v1/sources/retail/reviews/comments?id=a&id=b",
        &Value::Null,
    );
    assert_eq!(
        admin(
            state,
            "GET",
            "/api/v1/sources/retail/reviews/comments/b",
            &Value::Null
        )
        .0,
        404
    );
}

#[test]
fn a_stream_moves_only_when_it_is_advanced() {
    let state = &mut State::default();
    let base = "/api/v1/datasets/retail/orders/streams/late-orders";
    let read = |state: &mut State| {
        admin(
            state,
            "GET",
            &format!("{base}/results?max_results=16"),
            &Value::Null,
        )
        .1
    };
    let first = read(state);
    assert_eq!(first, read(state));
    assert_eq!(first["results"].as_array().map(Vec::len), Some(16));
    let (mut count, mut batch) = (0, first);
    loop {
        count += batch["results"].as_array().map_or(0, Vec::len);
        let token = batch["continuation"].clone();
        assert_eq!(
            admin(
                state,
                "POST",
                &format!("{base}/advance"),
                &json!({"sequence_id": token})
            )
            .0,
            200
        );
        if batch["more_results"] == false {
            break;
        }
        batch = read(state);
    }
    assert_eq!(count, 120, "every fifth is filtered out");
    let (_, reset) = admin(
        state,
        "POST",
        &format!("{base}/reset"),
        &json!({"to_comment_created_at": "2024-01-01T00:00:00Z"}),
    );
    assert!(reset.contains_key("stream"));
    for (time, status) in [
        ("x", 400),
        ("2024-13-01T00:00:00Z", 400),
        ("2024-01-01T25:00:00Z", 400),
        ("2024-01-01T00:00Z", 400),
        ("2024-01-01T00:00:00Zulu", 400),
        ("2024-01-01T00:00:00.5+01:00", 200),
        ("2024-01-01", 200),
        ("2024-01-01T00:00:00Z", 200),
    ] {
        let body = json!({"to_comment_created_at": time});
        let path = format!("{base}/reset");
        assert_eq!(admin(state, "POST", &path, &body).0, status, "{time}");
    }
    let (_, legacy) = admin(
        state,
        "POST",
        &format!("{base}/fetch"),
        &json!({"size": 4, "max_filtered": 10}),
    );
    assert_eq!(legacy["results"].as_array().map(Vec::len), Some(4));
}

#[test]
fn exports_audit_events_and_annotations_have_their_own_ends() {
    let state = &mut State::default();
    let mut pages = 0;
    let mut body = json!({"limit": 50});
    loop {
        let (_, page) = admin(
            state,
            "POST",
            "/api/v1/datasets/retail/orders/export",
            &body,
        );
        pages += 1;
        match page.get("continuation") {
            Some(continuation) => body["continuation"] = continuation.clone(),
            None => break,
        }
    }
    assert_eq!(pages, 3);
    let (_, events) = admin(
        state,
        "POST",
        "/api/v1/audit_events/query",
        &json!({"limit": 128}),
    );
    assert!(events.contains_key("continuation") && events.contains_key("users"));
    let after = "/api/_private/datasets/retail/orders/labellings?limit=150";
    let (_, page) = admin(state, "GET", after, &Value::Null);
    let next = format!("{after}&after={}", text(&page, "after"));
    assert_eq!(
        admin(state, "GET", &next, &Value::Null).1["results"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
}

#[test]
fn predictions_answer_each_document() {
    let state = &mut State::default();
    let target = "/api/v1/datasets/retail/orders/labellers/live/predict";
    let (status, response) = admin(state, "POST", target, &json!({"documents": [{}, {}, {}]}));
    assert_eq!(
        (status, response["predictions"].as_array().map(Vec::len)),
        (200, Some(3))
    );
    assert_eq!(
        admin(
            state,
            "POST",
            &target.replace("live", "3"),
            &json!({"documents": []})
        )
        .0,
        404
    );
}
