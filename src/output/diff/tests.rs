use super::*;
use crate::compare::difference::Gathered;
use crate::compare::pattern::Pattern;
use crate::compare::{self, KeyRule, Rules};
use crate::text::terminal::Theme;
use proptest::prelude::*;

fn screen(width: Option<u16>) -> Screen {
    Screen {
        terminal: width.is_some(),
        width,
        theme: Theme::plain(),
    }
}

fn names() -> [String; 2] {
    ["dev", "prod"].map(str::to_owned)
}

fn rules(keys: &[&str], ignored: &[&str]) -> Rules {
    let keys = keys.iter().map(|key| KeyRule::parse(key).expect(key));
    let ignored = ignored
        .iter()
        .map(|path| Pattern::parse("--ignore", path).expect(path));
    Rules {
        keys: keys.collect(),
        ignored: ignored.collect(),
        ..Rules::default()
    }
}

fn gathered(left: &str, right: &str, rules: &Rules) -> Gathered {
    let mut gathered = Gathered::new(true);
    let compared = compare::compare(
        left.trim().as_bytes(),
        right.trim().as_bytes(),
        rules,
        &mut |found| gathered.take(found),
    );
    compared.expect("a comparison");
    gathered
}

fn as_shown(form: Shown, left: &str, right: &str, rules: &Rules, width: Option<u16>) -> String {
    let gathered = gathered(left, right, rules);
    let bytes = shown(
        form,
        gathered.kept(),
        &gathered.counts,
        &names(),
        &screen(width),
    );
    String::from_utf8(bytes.expect("a text")).expect("UTF-8")
}

const LEFT: &str = r#"{"status":"ok","datasets":[{"name":"orders","title":"Orders","limit":1.0,"old":true},{"name":"gone"}]}"#;
const RIGHT: &str = r#"{"status":"ok","datasets":[{"name":"new"},{"name":"orders","title":"Order \u001b[31mquestions","limit":1,"tags":["a","b"]}]}"#;

#[test]
fn the_page_is_grouped_by_object() {
    assert_eq!(
        as_shown(Shown::Page, LEFT, RIGHT, &rules(&["name"], &[]), None),
        r#"--- dev
+++ prod

datasets[name=orders]
  - title: "Orders"
  + title: "Order \u001b[31mquestions"
  - limit: 1.0
  + limit: 1
  - old: true
  + tags: ["a","b"]

datasets
  - [name=gone]: {"name":"gone"}
  + [name=new]: {"name":"new"}
"#
    );
    assert_eq!(
        as_shown(Shown::Page, LEFT, LEFT, &Rules::default(), None),
        ""
    );
    assert_eq!(
        as_shown(Shown::Page, "1", "2", &Rules::default(), None),
        "--- dev\n+++ prod\n\n.\n  - 1\n  + 2\n"
    );
}

#[test]
fn long_values_are_wrapped_and_shortened_on_a_terminal() {
    let same = "x".repeat(2000);
    let left = format!(r#"{{"text":"{same}LEFT"}}"#);
    let right = format!(r#"{{"text":"{same}RIGHT{same}"}}"#);
    for width in [60, 80, 200] {
        let page = as_shown(Shown::Page, &left, &right, &Rules::default(), Some(width));
        assert!(
            page.lines()
                .all(|line| line.chars().count() <= usize::from(width)),
            "{page}"
        );
        assert!(page.contains("LEFT\"\n"), "{page}");
        assert!(page.contains("RIGHT"), "{page}");
        assert!(page.lines().count() < 20, "{page}");
        assert!(page.contains("(4007 characters)"), "{page}");
    }
    let piped = as_shown(Shown::Page, &left, &right, &Rules::default(), None);
    assert_eq!(piped.lines().count(), 6);
}

#[test]
fn a_name_that_is_wider_than_the_terminal_is_shown_whole() {
    let name = "n".repeat(80);
    let left = format!(r#"{{"{name}":1}}"#);
    let page = as_shown(Shown::Page, &left, "{}", &Rules::default(), Some(60));
    assert!(page.contains(&format!("  - {name}:\n      1\n")), "{page}");
}

#[test]
fn nothing_of_a_value_or_a_name_drives_a_terminal() {
    let left = "{\"a\u{202e}\":\"\u{9b}31m\",\"b\":[{\"k\":\"\u{7f}\"}]}";
    for form in [Shown::Page, Shown::Patch, Shown::Table, Shown::Counts] {
        let text = as_shown(form, left, r#"{"b":[]}"#, &rules(&["k"], &[]), Some(80));
        let is_unsafe = |c: char| c != '\n' && crate::text::terminal::is_unsafe(c);
        assert!(!text.contains(is_unsafe), "{text:?}");
    }
}

#[test]
fn the_patch_and_the_counts() {
    assert_eq!(
        as_shown(Shown::Patch, LEFT, RIGHT, &rules(&["name"], &[]), None),
        r#"[
{"op":"replace","path":"/datasets/0/title","value":"Order \u001b[31mquestions"},
{"op":"replace","path":"/datasets/0/limit","value":1},
{"op":"remove","path":"/datasets/0/old"},
{"op":"add","path":"/datasets/0/tags","value":["a","b"]},
{"op":"remove","path":"/datasets/1"},
{"op":"add","path":"/datasets/-","value":{"name":"new"}}
]
"#
    );
    assert_eq!(
        as_shown(Shown::Patch, LEFT, LEFT, &Rules::default(), None),
        "[]\n"
    );
    let key = rules(&["name"], &[]);
    assert_eq!(
        as_shown(Shown::Counts, LEFT, RIGHT, &key, None),
        "2 changed\n2 only in dev\n2 only in prod\n"
    );
    assert_eq!(
        as_shown(Shown::CountsAsJson, LEFT, RIGHT, &key, None),
        "{\"changed\":2,\"removed\":2,\"added\":2}\n"
    );
}

#[test]
fn the_table_has_a_row_for_each_difference() {
    let table = as_shown(Shown::Table, LEFT, RIGHT, &rules(&["name"], &[]), None);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 7, "{table}");
    assert!(lines[0].starts_with("path") && lines[0].contains("dev") && lines[0].ends_with("prod"));
    assert!(lines[1].contains("datasets[name=orders].title"), "{table}");
    assert!(lines[1].contains("\"Orders\""), "{table}");
    assert_eq!(
        as_shown(Shown::Table, LEFT, LEFT, &Rules::default(), None),
        ""
    );
}

/// Members and elements whose names and keys repeat and are odd.
fn document() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        "[ab/~é\"]{0,3}".prop_map(Value::from),
    ];
    scalar.prop_recursive(4, 48, 6, |inner| {
        let name = "(id|a|b|/|~|~1|a/b|\"|é|)";
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::vec((name, inner), 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn a_patch_makes_the_left_document_the_right_one(left in document(), right in document()) {
        let text = as_shown(Shown::Patch, &left.to_string(), &right.to_string(), &Rules::default(), None);
        let patch: json_patch::Patch = serde_json::from_str(&text).expect("a patch");
        let mut patched = left;
        json_patch::patch(&mut patched, &patch).expect("it applies");
        prop_assert_eq!(patched, right);
    }

    /// With keys and ignored places what is left differs in nothing that is compared.
    #[test]
    fn a_patch_leaves_no_difference_that_is_compared(left in document(), right in document()) {
        let rules = rules(&["id", "a=b"], &["**.b.a", "é[*]"]);
        let text = as_shown(Shown::Patch, &left.to_string(), &right.to_string(), &rules, None);
        let patch: json_patch::Patch = serde_json::from_str(&text).expect("a patch");
        let mut patched = left;
        json_patch::patch(&mut patched, &patch).expect("it applies");
        let rest = gathered(&patched.to_string(), &right.to_string(), &rules);
        prop_assert!(rest.counts.is_same(), "{:?}", rest.kept());
    }

    #[test]
    fn what_is_the_same_is_found_to_be(left in document()) {
        let text = left.to_string();
        prop_assert!(gathered(&text, &text, &rules(&["id", "a=b"], &[])).counts.is_same());
    }
}
