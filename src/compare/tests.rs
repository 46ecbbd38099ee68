use super::difference::Difference;
use super::*;
use proptest::prelude::*;

fn rules(keys: &[&str], ignored: &[&str]) -> Rules {
    Rules {
        keys: keys
            .iter()
            .map(|key| KeyRule::parse(key).expect(key))
            .collect(),
        ignored: ignored
            .iter()
            .map(|path| Pattern::parse("--ignore", path).expect(path))
            .collect(),
        ..Rules::default()
    }
}

fn found(left: &str, right: &str, rules: &Rules) -> (Vec<Difference>, Noted) {
    let mut differences = Vec::new();
    for text in [left, right] {
        checked("it", text.as_bytes()).expect(text);
    }
    let [left, right] = [left, right].map(|text| trimmed(text.as_bytes()));
    let noted = compare(left, right, rules, &mut |found| {
        differences.push(found.kept());
        Ok(())
    });
    (differences, noted.expect("a comparison"))
}

/// Returns differences as `path: left -> right`.
fn lines(left: &str, right: &str, rules: &Rules) -> Vec<String> {
    let text = |value: &Option<Vec<u8>>| match value {
        Some(value) => String::from_utf8_lossy(value).into_owned(),
        None => "nothing".to_owned(),
    };
    let (differences, _) = found(left, right, rules);
    let line = |difference: &Difference| {
        let (left, right) = (text(&difference.left), text(&difference.right));
        format!("{}: {left} -> {right}", difference.path())
    };
    differences.iter().map(line).collect()
}

#[test]
fn order_of_keys_white_space_and_escapes_never_differ() {
    let left = r#"{"a":1,"b":["x",{"c":"\u00e9","d":null}]}"#;
    let right = "\u{feff} { \"b\" : [ \"\\u0078\" , {\"d\":null,\"c\":\"é\"} ] ,\n\t\"a\":1 } ";
    assert_eq!(lines(left, right, &Rules::default()), [""; 0]);
}

#[test]
fn each_kind_of_difference_is_found_at_its_path() {
    let left =
        r#"{"same":[],"a":1,"gone":[1, 2],"list":[1,2,3],"o":{"x":"1"},"odd.name":true,"kind":[]}"#;
    let right = r#"{"a":2,"list":[1,5],"o":{"x":1,"y":null},"odd.name":false,"same":[],"kind":{}}"#;
    assert_eq!(
        lines(left, right, &Rules::default()),
        [
            "a: 1 -> 2",
            "gone: [1,2] -> nothing",
            "[\"odd.name\"]: true -> false",
            "list[1]: 2 -> 5",
            "list[2]: 3 -> nothing",
            "o.x: \"1\" -> 1",
            "o.y: nothing -> null",
            "kind: [] -> {}",
        ]
    );
    assert_eq!(lines("1", "[]", &Rules::default()), [".: 1 -> []"]);
}

#[test]
fn numbers_are_compared_by_their_text_or_by_their_value() {
    let (left, right) = ("[1.0,1e2,0.1]", "[1,100,0.10000000000000001]");
    assert_eq!(lines(left, right, &Rules::default()).len(), 3);
    let by_value = Rules {
        numbers: Numbers::Value,
        ..Rules::default()
    };
    assert_eq!(
        lines(left, right, &by_value),
        ["[2]: 0.1 -> 0.10000000000000001"]
    );
}

#[test]
fn the_last_member_of_a_name_counts_and_more_than_one_are_counted() {
    let (differences, noted) = found(
        r#"{"a":1,"a":2}"#,
        r#"{"a":2,"a":2,"a":2}"#,
        &Rules::default(),
    );
    assert_eq!(differences, []);
    assert_eq!(noted.repeated_names, [1, 2]);
}

#[test]
fn elements_are_compared_by_their_key() {
    let left = r#"{"items":[{"id":1,"n":"a"},{"id":2,"n":"b"},{"id":3,"n":"c"}]}"#;
    let right = r#"{"items":[{"id":4,"n":"d"},{"id":3,"n":"C"},{"id":1,"n":"a"}]}"#;
    assert_eq!(
        lines(left, right, &rules(&["id"], &[])),
        [
            "items[id=3].n: \"c\" -> \"C\"",
            "items[id=2]: {\"id\":2,\"n\":\"b\"} -> nothing",
            "items[id=4]: nothing -> {\"id\":4,\"n\":\"d\"}",
        ]
    );
}

#[test]
fn nested_lists_have_keys_of_their_own() {
    let left = r#"[{"id":1,"labels":[{"name":"x","v":1},{"name":"y","v":2}]}]"#;
    let right = r#"[{"id":1,"labels":[{"name":"y","v":2},{"name":"x","v":3}]}]"#;
    // A plain key is for the outermost lists alone.
    assert_eq!(lines(left, right, &rules(&["id"], &[])).len(), 4);
    for keys in [
        ["id", "labels=name"],
        ["labels=name", "id"],
        ["id", "[*].labels=name"],
        ["id", "[id=1].labels=name"],
    ] {
        assert_eq!(
            lines(left, right, &rules(&keys, &[])),
            ["[id=1].labels[name=x].v: 1 -> 3"],
            "{keys:?}"
        );
    }
    let deep = |value: u8| format!(r#"[{{"comment":{{"id":"a b"}},"v":{value}}}]"#);
    assert_eq!(
        lines(&deep(1), &deep(2), &rules(&["comment.id"], &[])),
        ["[comment.id=\"a b\"].v: 1 -> 2"]
    );
}

#[test]
fn missing_and_repeated_keys_are_compared_in_their_order_and_noted() {
    let left = r#"[{"id":1,"n":1},{"id":1,"n":2},{"n":3},5,{"id":null}]"#;
    let right = r#"[{"n":3},{"id":1,"n":1},6,{"id":1,"n":9},{"id":null}]"#;
    let (differences, noted) = found(left, right, &rules(&["id"], &[]));
    let paths: Vec<String> = differences.iter().map(Difference::path).collect();
    assert_eq!(paths, ["[id=1].n", "[3]"]);
    let problems: Vec<_> = noted.problems.into_iter().collect();
    for side in [Side::Left, Side::Right] {
        let problem = |problem| (side, ".".to_owned(), problem);
        assert!(problems.contains(&(problem(Problem::Missing), (3, "id".to_owned()))));
        assert!(problems.contains(&(problem(Problem::Repeated), (1, "id=1".to_owned()))));
    }
}

#[test]
fn keys_are_noted_where_both_sides_are_alike() {
    let list = r#"{"l":[{"id":1},{"id":1}]}"#;
    let (_, noted) = found(list, list, &rules(&["id"], &[]));
    assert_eq!(noted.problems.len(), 2);
}

#[test]
fn ignored_places_are_counted() {
    let left = r#"{"id":1,"a":[{"id":5,"created_at":"x"}],"only":{"id":1}}"#;
    let right = r#"{"id":2,"a":[{"id":5,"created_at":"y","id2":1}]}"#;
    let (differences, noted) = found(
        left,
        right,
        &rules(&[], &["**.id", "**.*_at", "a[0].id2", "only"]),
    );
    assert_eq!(differences, []);
    assert_eq!(noted.ignored, [1, 1, 1, 1]);
}

#[test]
fn each_sides_own_project_is_the_same() {
    let own = Rules {
        projects: Some(["retail-dev".to_owned(), "retail".to_owned()]),
        ..Rules::default()
    };
    let left = r#"["retail-dev","retail-dev/orders","retail-dev-2","retail"]"#;
    let right = r#"["retail","retail/orders","retail-2","retail-dev"]"#;
    let (differences, noted) = found(left, right, &own);
    let paths: Vec<String> = differences.iter().map(Difference::path).collect();
    assert_eq!(paths, ["[2]", "[3]"]);
    assert_eq!(noted.own_projects, 2);
}

#[test]
fn what_is_nested_too_deep_is_refused() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    let deepest = nested(MAX_DEPTH);
    assert_eq!(lines(&deepest, "[]", &Rules::default()).len(), 1);
    let changed = deepest.replace("[]", "[1]");
    assert_eq!(lines(&deepest, &changed, &Rules::default()).len(), 1);
    let failure = checked("dev", nested(MAX_DEPTH + 1).as_bytes()).expect_err("too deep");
    assert!(failure.headline.contains("dev"), "{failure}");
}

#[test]
fn what_is_not_json_is_named_with_its_place() {
    let failure = checked("orders.json", b"{\"a\":\n1,}").expect_err("no JSON");
    assert!(
        failure
            .headline
            .starts_with("orders.json is not JSON: line 2, column 3"),
        "{failure}"
    );
}

proptest! {
    /// The words of both documents shuffled are the same document.
    #[test]
    fn a_document_is_the_same_as_itself_however_it_is_laid_out(
        json in crate::text::lexical::tests::json(),
    ) {
        let mut pretty = lexical::Formatter::new(
            lexical::Layout::Pretty,
            &crate::text::terminal::Theme::plain(),
            true,
        );
        let mut out = Vec::new();
        prop_assert!(pretty.push(json.as_bytes(), &mut out).is_ok());
        prop_assert!(pretty.finish(&mut out).is_ok());
        let other = String::from_utf8(out).expect("UTF-8");
        prop_assert_eq!(lines(&json, &other, &Rules::default()), [""; 0]);
        prop_assert_eq!(lines(&json, &other, &rules(&["a", "b=c"], &[])), [""; 0]);
    }
}
