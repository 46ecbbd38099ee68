use super::*;
use proptest::prelude::*;

fn laid_out(layout: Layout, text: &[u8], chunk: usize, terminal: bool) -> Result<String, Syntax> {
    let mut formatter = Formatter::new(layout, &Theme::plain(), terminal);
    let mut out = Vec::new();
    for chunk in text.chunks(chunk.max(1)) {
        formatter.push(chunk, &mut out)?;
    }
    formatter.finish(&mut out)?;
    Ok(String::from_utf8(out).expect("UTF-8"))
}

fn pretty(text: &str) -> String {
    laid_out(Layout::Pretty, text.as_bytes(), 1 << 20, false).expect(text)
}

fn compact(text: &str) -> String {
    laid_out(Layout::Compact, text.as_bytes(), 1 << 20, false).expect(text)
}

#[test]
fn layout_keeps_every_token_as_it_is() {
    let text =
        r#" {"b":1.10,"a" : [18446744073709551616, 1E5,-0],"b":{},"c":[ ],"\u00e9\ud800":null} "#;
    assert_eq!(
        pretty(text),
        "{\n  \"b\": 1.10,\n  \"a\": [\n    18446744073709551616,\n    1E5,\n    -0\n  ],\n  \"b\": {},\n  \"c\": [],\n  \"\\u00e9\\ud800\": null\n}"
    );
    assert_eq!(
        compact(text),
        r#"{"b":1.10,"a":[18446744073709551616,1E5,-0],"b":{},"c":[],"\u00e9\ud800":null}"#
    );
}

#[test]
fn several_documents_are_each_laid_out() {
    assert_eq!(
        compact("{\"a\": 1}\n{\"a\": 2}\n3 4"),
        "{\"a\":1}\n{\"a\":2}\n3\n4"
    );
}

#[test]
fn depth_is_no_limit() {
    let depth = 200_000;
    let text = "[".repeat(depth) + &"]".repeat(depth);
    assert_eq!(compact(&text), text);
    assert!(pretty(&text).len() < 2 * depth * 132, "blanks are bounded");
}

#[test]
fn what_is_json_and_what_is_not() {
    let good = [
        "0",
        "-0",
        "1",
        "10",
        "1.5",
        "1e5",
        "1E+5",
        "1e-5",
        "-1.0e0",
        "\"\"",
        "\"a\"",
        r#""\"\\\/\b\f\n\r\t\u12aF""#,
        "true",
        "false",
        "null",
        "[]",
        "{}",
        "[1,2]",
        "{\"a\":1}",
        " [ ] ",
        "\t{\r\n}",
        "[[[]]]",
        "{\"a\":{\"b\":[]}}",
        "\"é漢😀\"",
        "\"\u{7f}\"",
        "[1,\"a\",null,true,{}]",
        "1e400",
        "123456789012345678901234567890",
        "{\"a\":1,\"a\":2}",
    ];
    for text in good {
        assert_eq!(check(text.as_bytes()), Ok(()), "{text}");
    }
    let bad = [
        "",
        " ",
        "[",
        "{",
        "]",
        "}",
        "[1,]",
        "[,1]",
        "{,}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "[1 2]",
        "01",
        "-",
        "-a",
        "1.",
        ".5",
        "1e",
        "1e+",
        "+1",
        "0x1",
        "1.e5",
        "NaN",
        "Infinity",
        "tru",
        "trux",
        "True",
        "nul",
        "\"",
        "\"a",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\u123\"",
        "\"\n\"",
        "\"\t\"",
        "\"\u{0}\"",
        "1 2",
        "{} []",
        "[1}",
        "{\"a\":1]",
        "\u{feff}{}",
        "// a\n1",
        "[1]x",
        "\"a\"\"b\"",
        "{\"a\":1 \"b\":2}",
        "[\"a\":1]",
        "{1:2}",
        "{\"a\" 1}",
    ];
    for text in bad {
        assert!(check(text.as_bytes()).is_err(), "{text}");
    }
    for bytes in [
        &b"\"\xff\""[..],
        b"\"\xc3\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xc0\x80\"",
        b"\xff",
        b"\"\xf4\x90\x80\x80\"",
    ] {
        assert!(check(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn a_mistake_is_named_by_line_and_character() {
    for (text, line, column) in [
        ("{\"size\":8,}", 1, 11),
        ("{\"é\":x}", 1, 6),
        ("{\n \"a\": 1\n \"b\": 2}", 3, 2),
        ("[1,\n2,\n", 3, 1),
        ("{\"漢字\"\n:tru }", 2, 5),
        ("[\"é漢\u{1f600}\", \"\u{1f600}é\\x", 1, 13),
    ] {
        for chunk in 1..=text.len() {
            let error = laid_out(Layout::Compact, text.as_bytes(), chunk, false).expect_err(text);
            assert_eq!(
                (error.line, error.column),
                (line, column),
                "{text} in chunks of {chunk}: {}",
                error.what
            );
        }
    }
    let error = check("\"漢\u{1}".as_bytes()).expect_err("a control character");
    assert_eq!((error.line, error.column), (1, 3));
    assert!(
        check("\u{feff}{}".as_bytes())
            .expect_err("a mark")
            .what
            .contains("byte order mark")
    );
}

#[test]
fn no_byte_is_lost_at_a_mistake() {
    let text = "{\"a\":\"é\",\"b\":\u{1}rest é";
    for chunk in 1..text.len() {
        let mut formatter = Formatter::new(Layout::Compact, &Theme::plain(), false);
        let mut out = Vec::new();
        let mut chunks = text.as_bytes().chunks(chunk);
        for chunk in chunks.by_ref() {
            if let Err(error) = formatter.push(chunk, &mut out) {
                out.extend_from_slice(&chunk[error.consumed..]);
                break;
            }
        }
        chunks.for_each(|chunk| out.extend_from_slice(chunk));
        assert_eq!(String::from_utf8_lossy(&out), text, "{chunk}");
    }
}

#[test]
fn a_terminal_sees_escapes_that_mean_the_same() {
    let text = "{\"a\":\"\u{7f}\u{9b}31m\u{202e}é\u{200b}\"}";
    let shown = laid_out(Layout::Compact, text.as_bytes(), 1 << 20, true).expect("laid out");
    assert_eq!(shown, "{\"a\":\"\\u007f\\u009b31m\\u202eé\\u200b\"}");
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON");
    assert_eq!(value(&shown), value(text));
}

#[test]
fn colour_surrounds_tokens_and_ends() {
    let mut formatter = Formatter::new(Layout::Compact, &Theme::coloured(), true);
    let mut out = Vec::new();
    formatter
        .push(b"{\"a\":[1,\"b\",null]}", &mut out)
        .expect("JSON");
    formatter.finish(&mut out).expect("whole");
    let text = String::from_utf8(out).expect("UTF-8");
    assert_eq!(text.matches("\u{1b}[0m").count(), 4, "{text:?}");
    assert_eq!(anstream_strip(&text), "{\"a\":[1,\"b\",null]}");
}

/// Takes colour out again.
fn anstream_strip(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('\u{1b}') {
        plain.push_str(&rest[..start]);
        let end = rest[start..].find('m').expect("an end") + start;
        rest = &rest[end + 1..];
    }
    plain + rest
}

/// Any JSON text, as text: numbers and escapes in all their spellings.
pub(crate) fn json() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?",
        "\"([a-zé漢😀 /\u{7f}]|\\\\[\"\\\\/bfnrt]|\\\\u[0-9a-fA-F]{4}){0,8}\"",
    ];
    let blank = || "[ \n\r\t]{0,2}";
    scalar.prop_recursive(4, 40, 5, move |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..5), blank()).prop_map(
                |(items, blank)| format!(
                    "[{blank}{}{blank}]",
                    items.join(&format!("{blank},{blank}"))
                )
            ),
            (prop::collection::vec(inner, 0..5), blank()).prop_map(|(items, blank)| {
                let members: Vec<String> = items
                    .iter()
                    .map(|item| format!("\"k\"{blank}:{blank}{item}"))
                    .collect();
                format!("{{{blank}{}{blank}}}", members.join(","))
            }),
        ]
    })
}

/// The tokens of a JSON text: everything but whitespace outside strings.
fn tokens(text: &str) -> String {
    let (mut kept, mut in_string, mut escaped) = (String::new(), false, false);
    for character in text.chars() {
        if in_string || !character.is_ascii_whitespace() {
            kept.push(character);
        }
        match character {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && character == '\\' && !escaped;
    }
    kept
}

proptest! {
    #[test]
    fn layout_changes_no_token(text in json()) {
        prop_assert_eq!(tokens(&pretty(&text)), tokens(&text));
        prop_assert_eq!(compact(&text), tokens(&text));
        prop_assert_eq!(pretty(&compact(&pretty(&text))), pretty(&text));
    }

    #[test]
    fn pieces_of_any_size_give_the_same(text in json(), chunk in 1_usize..9) {
        for terminal in [false, true] {
            let whole = laid_out(Layout::Pretty, text.as_bytes(), text.len(), terminal);
            prop_assert_eq!(laid_out(Layout::Pretty, text.as_bytes(), chunk, terminal), whole);
        }
    }

    #[test]
    fn validity_is_what_serde_says(text in json(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = text.into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let serde = std::str::from_utf8(&bytes).is_ok() && serde_json::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok();
        prop_assert_eq!(check(&bytes).is_ok(), serde, "{:?}", String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_bytes_are_laid_out_or_refused(bytes in any::<Vec<u8>>()) {
        let mut out = Vec::new();
        let _unused = Formatter::new(Layout::Pretty, &Theme::coloured(), true).push(&bytes, &mut out);
    }
}
