//! A command line for every endpoint, with values that the demo tenant accepts.

use super::{Endpoint, Field, Kind};

/// Returns a command that calls the endpoint on a profile; on the demo it works as printed, beside
/// the files that it names.
pub(crate) fn example(endpoint: &Endpoint, profile: &str) -> String {
    let mut words = vec![
        format!("rein -p {} call", shell_words::quote(profile)),
        endpoint.name.to_string(),
    ];
    let is_made = ["create-project", "delete-project"].contains(&endpoint.name);
    let in_path = endpoint
        .path_params
        .iter()
        .filter(|field| field.name != "project" || is_made);
    let is_selection = |field: &Field| endpoint.name == "delete-comments" && field.name == "id";
    let in_query = endpoint
        .query_params
        .iter()
        .filter(|field| field.required || is_selection(field));
    for field in in_path.chain(in_query) {
        let value = sample(endpoint, field);
        words.push(format!("{}={}", field.name, shell_words::quote(value)));
    }
    for field in endpoint.body_fields {
        match field.kind {
            Kind::File if endpoint.name.contains("audio") => {
                words.push("file=@call.mp3".to_owned());
            }
            Kind::File => words.push("file=@invoice.pdf".to_owned()),
            Kind::Binary => words.push("-T comments.csv".to_owned()),
            _ => {}
        }
    }
    if let Some(body) = endpoint.example_body {
        words.push(format!("-d {}", shell_words::quote(body)));
    }
    words.join(" ")
}

/// Returns a value that the demo tenant accepts. What is created must not exist there yet.
fn sample(endpoint: &Endpoint, field: &Field) -> &'static str {
    match (endpoint.name, field.name) {
        ("create-source", "source") => "new-source",
        ("create-dataset", "dataset") => "new-dataset",
        ("create-project", _) => "new-project",
        ("delete-project", _) => "sandbox",
        (_, "source") => "support",
        (_, "dataset") => "orders",
        (_, "stream" | "trigger") => "late-orders",
        (_, "comment_id") => "ticket-1001",
        (_, "model_version") if field.description.contains("'live'") => "live",
        (_, "model_version") => "12",
        (_, "tag") => "live",
        (_, "attachment_reference") => "AbCdEf123",
        (_, "attachment_index" | "page_index") => "0",
        (_, "source_id") => "4d47ed1475bca5d4",
        (_, "dataset_id") => "2751773e109199b3",
        (_, "user_id") => "cb1556ae1f927ea9",
        (_, "tenant_id") => "a1fa9c9a5a7b2f10",
        (_, "comment_uid" | "uid") => "4d47ed1475bca5d4.ticket-1001",
        (_, "project_uuid") => "0190a5c2-7d3e-7c4b-9a51-2f6d8e1b3c70",
        (_, "label_group") => "default",
        (_, "label" | "label_name") => "Delivery > Late",
        (_, "model_family") => "english",
        (_, "transform_tag") => "name.0.ABCDEFGH",
        (_, "quota_kind") => "sources",
        (_, "bucket") => "support-mail",
        (_, "integration") => "mailboxes",
        (_, "alert") => "complaints",
        (_, "dashboard") => "weekly",
        (_, "query") => "order",
        ("delete-comments", "id") => "ticket-1001",
        (_, "id" | "email_id") => "mail-1",
        // Ids of things that the demo tenant has none of.
        _ => "18ba5ce699f8da1f",
    }
}
