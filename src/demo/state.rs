//! What the tenant holds: two projects, their sources, datasets and streams. Comments are made
//! when they are first asked for, so that a single call does not pay for them.

use serde_json::{Map, Value, json};

/// A JSON object.
pub(super) type Object = Map<String, Value>;

/// How many comments the busiest source has.
const MAX_COMMENTS: usize = 150;

/// Everything that can change.
#[derive(Debug)]
pub(super) struct State {
    pub(super) projects: Vec<Object>,
    pub(super) sources: Vec<Source>,
    pub(super) datasets: Vec<Dataset>,
    /// For ids of what is created.
    created: u64,
}

/// A source with its comments.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) facts: Object,
    /// How many comments are made at the first look.
    seeded: usize,
    comments: Option<Vec<Object>>,
}

/// A dataset with its streams.
#[derive(Debug)]
pub(super) struct Dataset {
    pub(super) facts: Object,
    pub(super) streams: Vec<Stream>,
}

/// A stream with its position.
#[derive(Debug)]
pub(super) struct Stream {
    pub(super) facts: Object,
    /// How many comments are behind it.
    pub(super) position: usize,
    pub(super) exceptions: Vec<String>,
}

impl Default for State {
    fn default() -> Self {
        let mut state = State {
            projects: Vec::new(),
            sources: Vec::new(),
            datasets: Vec::new(),
            created: 0,
        };
        for (project, title) in [("retail-dev", "Retail (development)"), ("retail", "Retail")] {
            state.projects.push(object(json!({
                "id": id_of(&["project", project]), "name": project, "title": title,
                "description": "", "created_at": DAY_ONE, "updated_at": DAY_ONE, "user_auto_join": false,
            })));
            for (name, title, comments) in [
                ("support", "Support inbox", MAX_COMMENTS),
                ("reviews", "Shop reviews", 40),
                ("archive", "Archive", 0),
            ] {
                state.sources.push(Source::new(
                    project,
                    name,
                    object(json!({"title": title})),
                    comments,
                ));
            }
            for (name, title) in [("orders", "Order questions"), ("returns", "Returns")] {
                let source = id_of(&["source", project, "support"]);
                let facts = object(json!({"title": title, "source_ids": [source]}));
                state.datasets.push(Dataset::new(project, name, facts));
            }
        }
        // A project that can be deleted, because there is nothing in it.
        state.projects.push(object(json!({
            "id": id_of(&["project", "sandbox"]), "name": "sandbox", "title": "Sandbox",
            "description": "", "created_at": DAY_ONE, "updated_at": DAY_ONE, "user_auto_join": false,
        })));
        for dataset in &mut state.datasets {
            if text(&dataset.facts, "name") == "orders" {
                let facts = json!({"title": "Late orders", "model": {"version": 12, "label_thresholds": []}});
                dataset
                    .streams
                    .push(Stream::new(&dataset.facts, "late-orders", object(facts)));
            }
        }
        state
    }
}

/// When the seeded things were made.
pub(super) const DAY_ONE: &str = "2024-01-02T08:00:00Z";

/// When something that a call makes is made: fixed, so that responses can be compared.
pub(super) const NOW: &str = "2024-06-01T12:00:00Z";

impl State {
    /// Returns an id that nothing has yet.
    pub(super) fn new_id(&mut self) -> String {
        self.created += 1;
        id_of(&["created", &self.created.to_string()])
    }

    pub(super) fn has_project(&self, name: &str) -> bool {
        self.projects
            .iter()
            .any(|project| text(project, "name") == name)
    }

    pub(super) fn source(&mut self, project: &str, name: &str) -> Option<&mut Source> {
        self.sources
            .iter_mut()
            .find(|source| is_named(&source.facts, project, name))
    }

    pub(super) fn source_by_id(&mut self, id: &str) -> Option<&mut Source> {
        self.sources
            .iter_mut()
            .find(|source| text(&source.facts, "id") == id)
    }

    pub(super) fn dataset(&mut self, project: &str, name: &str) -> Option<&mut Dataset> {
        self.datasets
            .iter_mut()
            .find(|dataset| is_named(&dataset.facts, project, name))
    }

    /// Returns the comments of a dataset's sources, oldest first.
    pub(super) fn comments_of_dataset(&mut self, project: &str, name: &str) -> Option<Vec<Object>> {
        let ids: Vec<String> = self.dataset(project, name)?.facts["source_ids"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect();
        let mut comments: Vec<Object> = ids
            .iter()
            .filter_map(|id| {
                self.source_by_id(id)
                    .map(|source| source.comments().clone())
            })
            .flatten()
            .collect();
        comments.sort_by(|a, b| text(a, "timestamp").cmp(text(b, "timestamp")));
        Some(comments)
    }
}

impl Source {
    pub(super) fn new(project: &str, name: &str, given: Object, seeded: usize) -> Self {
        let mut facts = object(json!({
            "id": id_of(&["source", project, name]), "owner": project, "name": name, "title": name,
            "description": "", "language": "en", "should_translate": false, "sensitive_properties": [],
            "created_at": DAY_ONE, "updated_at": DAY_ONE, "last_modified": DAY_ONE, "_kind": "unknown",
        }));
        facts.extend(given);
        Source {
            facts,
            seeded,
            comments: None,
        }
    }

    /// Returns the comments, oldest first.
    pub(super) fn comments(&mut self) -> &mut Vec<Object> {
        let (id, seeded) = (text(&self.facts, "id").to_owned(), self.seeded);
        self.comments
            .get_or_insert_with(|| (0..seeded).map(|number| comment(&id, number)).collect())
    }
}

impl Dataset {
    pub(super) fn new(project: &str, name: &str, given: Object) -> Self {
        let mut facts = object(json!({
            "id": id_of(&["dataset", project, name]), "owner": project, "name": name, "title": name,
            "description": "", "created": DAY_ONE, "last_modified": DAY_ONE, "model_family": "english",
            "source_ids": [], "has_sentiment": false, "limited_access": false, "entity_defs": [],
            "general_fields": [], "label_groups": [], "label_defs": [], "_label_properties": [],
            "_timezone": "UTC", "_preferred_locales": [], "_dataset_flags": [],
        }));
        facts.extend(given);
        Dataset {
            facts,
            streams: Vec::new(),
        }
    }
}

impl Stream {
    pub(super) fn new(dataset: &Object, name: &str, given: Object) -> Self {
        let dataset_id = text(dataset, "id");
        let mut facts = object(json!({
            "id": id_of(&["stream", dataset_id, name]), "dataset_id": dataset_id, "name": name, "title": name,
            "description": "", "created_at": DAY_ONE, "updated_at": DAY_ONE,
        }));
        facts.extend(given);
        Stream {
            facts,
            position: 0,
            exceptions: Vec::new(),
        }
    }
}

/// Returns the members of an object.
pub(super) fn object(value: Value) -> Object {
    match value {
        Value::Object(members) => members,
        _ => Object::new(),
    }
}

/// Returns a text member, empty when there is none.
pub(super) fn text<'a>(facts: &'a Object, key: &str) -> &'a str {
    facts.get(key).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn is_named(facts: &Object, project: &str, name: &str) -> bool {
    text(facts, "owner") == project && text(facts, "name") == name
}

/// Returns 16 hexadecimal digits that depend on the words alone (FNV-1a).
pub(super) fn id_of(words: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in words.join("/").bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

/// The labels that the canned model knows, chosen by the comment's number.
pub(super) const LABELS: [&[&str]; 4] = [
    &["Delivery", "Late"],
    &["Delivery"],
    &["Refund"],
    &["Praise"],
];

const TEXTS: [(&str, &str, &str); 8] = [
    (
        "Where is my order?",
        "Hello, my order A-1001 has not arrived yet. It should have come on 6 May.",
        "en",
    ),
    (
        "Falsche Größe",
        "Guten Tag, das Hemd ist zu groß. Wie kann ich es zurückgeben?",
        "de",
    ),
    (
        "注文について",
        "こんにちは。注文した商品がまだ届きません。確認をお願いします。",
        "ja",
    ),
    ("מתי תגיע ההזמנה?", "שלום, ההזמנה שלי עוד לא הגיעה.", "he"),
    (
        "Thank you! 🎉",
        "Great service 👍 — the parcel came a day early.",
        "en",
    ),
    (
        "Re: invoice",
        "Please see the \"attached\" invoice.\nTotal: 1.10 EUR\tVAT: 0.19",
        "en",
    ),
    // A customer's e-mail must not be able to drive an operator's terminal.
    (
        "Strange \u{1b}[31mcolours\u{1b}[0m",
        "This e-mail holds an escape \u{1b}[2J and a \u{202e}direction mark.",
        "en",
    ),
    (
        "Remboursement",
        "Bonjour, où en est mon remboursement ? Numéro de commande 4711.",
        "fr",
    ),
];

const SENDERS: [&str; 5] = [
    "dana@customer.example",
    "kim@customer.example",
    "noa@mail.example",
    "jürgen@kunde.example",
    "sam@customer.example",
];

fn comment(source_id: &str, number: usize) -> Object {
    let (subject, body, language) = TEXTS[number % TEXTS.len()];
    let id = format!("ticket-{}", 1001 + number);
    let (day, hour) = (number / 10 + 1, number % 10 + 8);
    let timestamp = format!("2024-05-{:02}T{hour:02}:30:00Z", day.min(31));
    let sender = SENDERS[number % SENDERS.len()];
    object(json!({
        "uid": format!("{source_id}.{id}"), "id": id, "source_id": source_id, "timestamp": timestamp,
        "thread_id": format!("thread-{}", number / 3), "created_at": timestamp, "last_modified": timestamp,
        "user_properties": {"string:Channel": if number.is_multiple_of(2) { "email" } else { "chat" }, "number:Priority": number % 3 + 1},
        "messages": [{
            "from": sender, "to": ["help@shop.example"], "sent_at": timestamp, "language": language,
            "subject": {"text": subject}, "body": {"text": body},
        }],
        "text_format": "plain", "attachments": [],
    }))
}
