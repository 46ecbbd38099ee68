//! What is sent: request line, headers and body, byte for byte.

use crate::support::{CANARY, Recorded, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn sent<S: AsRef<std::ffi::OsStr>>(args: &[S]) -> Recorded {
    let server = Recorder::always(Reply::json(200, OK));
    rein(args).at(&server.url()).run().exit(0);
    server.only()
}

fn refused<S: AsRef<std::ffi::OsStr>>(args: &[S], says: &str) {
    let server = Recorder::always(Reply::json(200, OK));
    rein(args)
        .at(&server.url())
        .run()
        .exit(2)
        .stdout("")
        .says(says)
        .no_canary();
    server.saw_nothing();
}

#[test]
fn a_plain_call_is_a_get_with_the_token_and_our_name() {
    let request = sent(&["/api/v1/datasets"]);
    assert_eq!(request.line(), "GET /api/v1/datasets");
    assert_eq!(
        request.header("authorization"),
        [format!("Bearer {CANARY}")]
    );
    assert_eq!(
        request.header("user-agent"),
        [concat!("rein/", env!("CARGO_PKG_VERSION"))]
    );
    assert_eq!(request.header("accept"), ["*/*"]);
    assert_eq!(
        request.header("accept-encoding"),
        ["gzip, deflate, br, zstd"]
    );
    assert!(request.header("content-type").is_empty() && request.body.is_empty());
}

#[test]
fn every_spelling_of_a_target_is_the_same_request() {
    let server = Recorder::always(Reply::json(200, OK));
    let url = format!("{}/api/v1/datasets", server.url());
    let capitals = url.replace("http://", "HTTP://");
    let targets = [
        "/api/v1/datasets",
        "v1/datasets",
        "https://<my_api_endpoint>/api/v1/datasets",
        "<my_api_endpoint>/api/v1/datasets",
        &url,
        &capitals,
    ];
    for target in targets {
        rein([target]).at(&server.url()).run().exit(0);
    }
    assert!(
        server
            .requests()
            .iter()
            .all(|request| request.line() == "GET /api/v1/datasets"),
        "{:?}",
        server.requests()
    );
    assert_eq!(server.requests().len(), targets.len());
}

#[test]
fn a_base_with_a_path_keeps_it_and_a_final_slash_is_nothing() {
    for slash in ["", "/"] {
        let server = Recorder::always(Reply::json(200, OK));
        rein(["v1/datasets"])
            .at(&format!("{}/acme/dev/reinfer_{slash}", server.url()))
            .run()
            .exit(0);
        assert_eq!(
            server.only().line(),
            "GET /acme/dev/reinfer_/api/v1/datasets"
        );
    }
}

#[test]
fn methods_follow_the_body_and_are_sent_in_capitals() {
    let cases: [(&[&str], &str); 9] = [
        (&["delete", "v1/x"], "DELETE /api/v1/x"),
        (&["-X", "dElEtE", "v1/x"], "DELETE /api/v1/x"),
        (&["v1/x", "a=1"], "POST /api/v1/x"),
        (&["v1/x", "-d", "{}"], "POST /api/v1/x"),
        (&["PUT", "v1/x", "-d", "{}"], "PUT /api/v1/x"),
        (&["-X", "GET", "-d", "{}", "v1/x"], "GET /api/v1/x"),
        (&["-I", "v1/x"], "HEAD /api/v1/x"),
        (&["-G", "-d", "a=1", "v1/x"], "GET /api/v1/x?a=1"),
        (&["v1/x", "-F", "a=1"], "POST /api/v1/x"),
    ];
    for (args, line) in cases {
        assert_eq!(sent(args).line(), line, "{args:?}");
    }
}

#[test]
fn items_become_body_query_and_headers() {
    let request = sent(&[
        "v1/x",
        "a=1",
        "n:=1.10",
        "o[p][q]=x",
        "l[]:=true",
        "q==a b",
        "q==c&d",
        "X-Note:hi there",
    ]);
    assert_eq!(
        request.text(),
        r#"{"a":"1","n":1.10,"o":{"p":{"q":"x"}},"l":[true]}"#
    );
    assert_eq!(request.line(), "POST /api/v1/x?q=a%20b&q=c%26d");
    assert_eq!(request.header("x-note"), ["hi there"]);
    assert_eq!(request.header("content-type"), ["application/json"]);
}

#[test]
fn files_stand_in_items() {
    let folder = tempfile::tempdir().expect("a folder");
    let (text, json) = (folder.path().join("t"), folder.path().join("j"));
    std::fs::write(&text, "say \"hi\"\n").expect("written");
    std::fs::write(&json, "{\"k\": 1E5}").expect("written");
    let request = sent(&[
        "v1/x",
        &format!("t=@{}", text.display()),
        &format!("j:=@{}", json.display()),
    ]);
    assert_eq!(request.text(), r#"{"t":"say \"hi\"\n","j":{"k": 1E5}}"#);
}

#[test]
fn a_typed_body_is_sent_byte_for_byte() {
    let body = "{\"a\": 1E5,\r\n \"a\":18446744073709551615, \"n\":\"{project}\"}\n";
    assert_eq!(sent(&["v1/x", "-d", body]).body, body.as_bytes());
    let server = Recorder::always(Reply::json(200, OK));
    rein(["v1/x", "-d", "@-"])
        .at(&server.url())
        .stdin(body)
        .run()
        .exit(0);
    assert_eq!(server.only().body, body.as_bytes());
    assert_eq!(
        server.only().header("content-length"),
        [body.len().to_string()]
    );
}

#[test]
fn json_pieces_are_joined_with_nothing() {
    let request = sent(&["v1/x", "--json", "{\"a\":", "--json", "1}"]);
    assert_eq!(
        (request.text().as_str(), request.header("accept")),
        ("{\"a\":1}", vec!["application/json"])
    );
}

#[test]
fn queries_and_placeholders_are_encoded() {
    let request = sent(&[
        "v1/x/{d}/<e>?p={d}",
        "-V",
        "d=a b/ü",
        "-V",
        "e=id:1",
        "--url-query",
        "k=x&y",
    ]);
    assert_eq!(
        request.line(),
        "GET /api/v1/x/a%20b%2F%C3%BC/id%3A1?p=a%20b%2F%C3%BC&k=x%26y"
    );
}

#[test]
fn headers_are_added_removed_and_read_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("h");
    std::fs::write(&file, "X-One: 1\nX-Two: 2\n").expect("written");
    let request = sent(&[
        "-H",
        "X-A: b",
        "v1/x",
        "-H",
        "X-A: c",
        "-H",
        "Accept-Encoding:",
        "-H",
        "X-Empty;",
        "-H",
        &format!("@{}", file.display()),
    ]);
    assert_eq!(request.header("x-a"), ["b", "c"]);
    assert!(request.header("accept-encoding").is_empty());
    assert_eq!(request.header("x-empty"), [""]);
    assert_eq!(
        (request.header("x-one"), request.header("x-two")),
        (vec!["1"], vec!["2"])
    );
}

#[test]
fn uploads_are_streamed_with_their_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data.csv");
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    std::fs::write(&file, &content).expect("written");
    let request = sent(&["-T", &file.display().to_string(), "v1/x/"]);
    assert_eq!(request.line(), "PUT /api/v1/x/data.csv");
    assert_eq!(
        request.header("content-length"),
        [content.len().to_string()]
    );
    assert!(request.body == content);
    let server = Recorder::always(Reply::json(200, OK));
    rein(["-T", "-", "v1/x"])
        .at(&server.url())
        .stdin(content.clone())
        .run()
        .exit(0);
    assert!(server.only().body == content);
    assert_eq!(server.only().header("transfer-encoding"), ["chunked"]);
}

#[test]
fn a_form_carries_files_with_name_and_type() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("f.json");
    std::fs::write(&file, "{}").expect("written");
    let request = sent(&[
        "v1/x",
        "-F",
        "a=1",
        "-F",
        &format!("f=@{};type=application/json", file.display()),
    ]);
    let content_type = request.header("content-type")[0].to_owned();
    let boundary = content_type.split_once("boundary=").expect("a boundary").1;
    assert_eq!(
        request.text(),
        format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--{boundary}\r\n\
             Content-Disposition: form-data; name=\"f\"; filename=\"f.json\"\r\nContent-Type: application/json\r\n\r\n\
             {{}}\r\n--{boundary}--\r\n"
        )
    );
    assert_eq!(
        request.header("content-length"),
        [request.body.len().to_string()]
    );
}

#[test]
fn the_documented_line_works_with_the_header_given_empty_or_literal() {
    for bearer in [
        format!("Bearer {CANARY}"),
        "Bearer ".to_owned(),
        "Bearer $REINFER_TOKEN".to_owned(),
    ] {
        let header = format!("Authorization: {bearer}");
        let request = sent(&[
            "-X",
            "GET",
            "https://<my_api_endpoint>/api/v1/datasets",
            "-H",
            &header,
        ]);
        assert_eq!(
            request.header("authorization"),
            [format!("Bearer {CANARY}")],
            "{header}"
        );
    }
}

#[test]
fn stdin_is_read_only_when_it_is_asked_for() {
    let server = Recorder::always(Reply::json(200, OK));
    rein(["v1/x"])
        .at(&server.url())
        .stdin("{\"a\":1}")
        .run()
        .exit(0);
    assert_eq!(
        (server.only().line(), server.only().body.len()),
        ("GET /api/v1/x", 0)
    );
}

#[test]
fn standard_input_is_read_for_one_option_alone() {
    let server = Recorder::always(Reply::json(200, OK));
    let url = format!("{}/api/v1/x", server.url());
    let others: [&[&str]; 7] = [
        &["-d", "@-"],
        &["--data-urlencode", "a@-"],
        &["-H", "@-"],
        &["-T", "-"],
        &["-F", "a=@-"],
        &["-F", "a=<-"],
        &["--token-file", "-"],
    ];
    for other in others {
        let line = [&[&url, "-w", "@-"], other].concat();
        rein(line)
            .at(&server.url())
            .stdin(CANARY)
            .run()
            .exit(2)
            .stdout("")
            .says("names standard input, which is already used")
            .no_canary();
    }
    let item = ["v1/x", "a=@-", "-w", "@-"];
    rein(item).at(&server.url()).stdin("x").run().exit(2);
    server.saw_nothing();
    rein(["v1/x", "-w", "@-"])
        .at(&server.url())
        .stdin("-%{http_code}")
        .run()
        .exit(0)
        .stdout(format!("{OK}-200"));
}

#[test]
fn what_is_wrong_before_sending_sends_nothing() {
    let cases: [(&[&str], &str); 55] = [
        (&["v1/x", "https://other/x"], "is a URL, not an item"),
        (&["datasets"], "did you mean v1/datasets?"),
        (
            &["export-dataset"],
            "did you mean rein call export-dataset?",
        ),
        (&["TRACE", "v1/x"], "another method: rein -X TRACE v1/x"),
        (&["v1/x", "-f", "--keep-error-body"], "-f drops"),
        (&[], "no target"),
        (&["foo"], "neither a target nor a subcommand"),
        (&["prof", "list"], "did you mean profile"),
        (&["datasets"], "neither a target nor a subcommand"),
        (&["GET"], "no target"),
        (&["datasets/x"], "not a target"),
        (&["https://evil.example/api/v1/x"], "not under the endpoint"),
        (&["//evil.example/api"], "another host"),
        (&["/api/../x"], "error:"),
        (&["/api/%2e%2e/x"], "error:"),
        (&["/api/%252e%252e/x"], "error:"),
        (&["/api\\x"], "error:"),
        (&["/api/\nx"], "control character"),
        (&["v1/{nope}/x"], "{nope}"),
        (&["v1/{a}", "-V", "a=.."], "would change the path"),
        (&["v1/{a}", "-V", "a="], "would change the path"),
        (&["v1/x", "-V", "a"], "NAME=VALUE"),
        (&["v1/x", "-H", "X: 1\r\nY: 2"], "control character"),
        (&["v1/x", "-H", "no colon"], "no colon"),
        (&["v1/x", "-H", "Host: evil.example"], "set by rein"),
        (&["v1/x", "-H", "Host:"], "set by rein"),
        (&["v1/x", "Content-Length:"], "set by rein"),
        (&["v1/x", "-H", "Content-Length: 1"], "set by rein"),
        (&["v1/x", "-H", "Transfer-Encoding: chunked"], "set by rein"),
        (
            &["v1/x", "-H", "Authorization: Bearer other"],
            "two different tokens",
        ),
        (
            &["v1/x", "-H", "Authorization: Basic eA=="],
            "two different tokens",
        ),
        (&["v1/x", "-d", "{\"size\":8,}"], "line 1, column 11"),
        (&["v1/x", "-d", "a=1"], "not JSON"),
        (&["v1/x", "-d", "@/nonexistent"], "cannot read"),
        (&["v1/x", "a=@/nonexistent"], "cannot read"),
        (&["v1/x", "-T", "/nonexistent"], "cannot read"),
        (&["v1/x", "-F", "a=@/nonexistent"], "cannot read"),
        (&["v1/x", "-F", "a"], "NAME=CONTENT"),
        (&["v1/x", "a:={"], "not JSON"),
        (&["v1/x", "-d", "{}", "a=1"], "cannot be combined"),
        (&["v1/x", "a=1", "a[b]=2"], "clashes"),
        (&["v1/x", "word"], "not an item"),
        (&["v1/x", "-d", "@-", "-T", "-"], "standard input"),
        (&["-X", "GET /evil", "v1/x"], "method"),
        (&["-X", "CONNECT", "v1/x"], "method"),
        (&["-X", "connect", "v1/x", "--dry-run"], "method"),
        (&["GET", "v1/x", "-X", "PUT"], "two methods"),
        (&["-I", "v1/x", "-d", "{}"], "-I"),
        (&["v1/x", "-m", "-1"], "duration"),
        (&["v1/x", "-m", "nan"], "duration"),
        (&["v1/x", "-m", "1e99"], "duration"),
        (&["v1/x", "--max-size", "big"], "size"),
        (&["v1/x", "-x", "not a proxy"], "proxy"),
        (&["v1/x", "--resolve", "h"], "HOST:PORT:ADDRESS"),
        (&["v1/x", "--nonsense"], "--nonsense"),
    ];
    for (args, says) in cases {
        refused(args, says);
    }
}

#[test]
fn a_url_that_a_parser_would_repair_is_refused() {
    let server = Recorder::always(Reply::json(200, OK));
    for (before, after) in [
        ("http://", r"\evil/api/v1/x"),
        ("http://", r"\/api/v1/x"),
        (r"http:/\", "/api/v1/x"),
        (r"http:\\", "/api/v1/x"),
        (r"http://\", "/api/v1/x"),
        ("http:///", "/api/v1/x"),
        ("http://@", "/api/v1/x"),
        ("http://u:p@", "/api/v1/x"),
        ("http://", r"/api\v1/x"),
    ] {
        let place = server.url().replace("http://", "");
        let target = format!("{before}{place}{after}");
        rein([&target])
            .at(&server.url())
            .run()
            .exit(2)
            .stdout("")
            .no_canary();
    }
    server.saw_nothing();
}

#[test]
fn a_single_option_given_twice_counts_last_and_options_stand_anywhere() {
    assert_eq!(
        sent(&["-X", "PUT", "v1/x", "-X", "PATCH"]).line(),
        "PATCH /api/v1/x"
    );
    assert_eq!(sent(&["v1/x", "-X", "PUT"]).line(), "PUT /api/v1/x");
}

#[test]
fn every_option_of_a_call_stands_before_and_behind_what_is_called() {
    let command = ::rein::command();
    let endpoint = "http://127.0.0.1:9";
    for option in command.get_arguments() {
        let Some(long) = option
            .get_long()
            .filter(|long| !["version", "help"].contains(long))
        else {
            continue;
        };
        let mut words = vec![format!("--{long}")];
        if option.get_action().takes_values() {
            let values = option.get_num_args().map_or(1, |range| range.min_values());
            words.extend(std::iter::repeat_n("1".to_owned(), values));
        }
        for called in [&["v1/x"][..], &["call", "list-sources"]] {
            let called: Vec<String> = called.iter().map(|word| (*word).to_owned()).collect();
            let last = ["--dry-run".to_owned()];
            let ends = [
                [&words[..], &called, &last].concat(),
                [&called[..], &words, &last].concat(),
                [&called[..1], &words, &called[1..], &last].concat(),
            ]
            .map(|line| {
                let run = rein(line).at(endpoint).run();
                (run.exit, run.stdout_text(), run.stderr_text())
            });
            assert_eq!(ends[0], ends[1], "{words:?} {called:?}");
            assert_eq!(ends[0], ends[2], "{words:?} {called:?}");
        }
    }
}

#[test]
fn a_backslash_in_an_items_name_escapes_as_in_httpie() {
    for (item, body) in [
        (r"a\[b\]=1", r#"{"a[b]":"1"}"#),
        (r"a[\[b\]]=1", r#"{"a":{"[b]":"1"}}"#),
        (r"a[b\]c]:=1", r#"{"a":{"b]c":1}}"#),
        (r"a\=b=1", r#"{"a=b":"1"}"#),
        (r"a\:b=1", r#"{"a:b":"1"}"#),
        (r"a\;=1", r#"{"a;":"1"}"#),
        (r"a\@b:=1", r#"{"a@b":1}"#),
        (r"a\\=1", r#"{"a\\":"1"}"#),
        (r"a\\\=b=1", r#"{"a\\=b":"1"}"#),
        (r"a\\[b]=1", r#"{"a\\":{"b":"1"}}"#),
        (r"a\b=1", r#"{"a\\b":"1"}"#),
        (r"a[\1]=1", r#"{"a":{"1":"1"}}"#),
        // What follows the separator has no escapes.
        (r"a=\[b\]\=\\", r#"{"a":"\\[b\\]\\=\\\\"}"#),
    ] {
        assert_eq!(sent(&["v1/x", item]).text(), body, "{item}");
    }
    assert_eq!(sent(&["v1/x", r"a\=b==1"]).line(), "GET /api/v1/x?a%3Db=1");
    for item in [r"a[b\]=1", r"a]=1", r"a[b]c=1"] {
        refused(&["v1/x", item], "is not well formed");
    }
}

#[test]
fn an_empty_input_is_no_body() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    for words in [
        &["-d", "@-"][..],
        &["--data-binary", "@-"],
        &["--json", "@-"],
        &["-X", "PUT", "-d", "@-"],
        &[
            "-d",
            "@-",
            "-H",
            "Content-Type: application/merge-patch+json",
        ],
    ] {
        rein([&["v1/x"], words].concat())
            .at(&server.url())
            .stdin("")
            .run()
            .exit(2)
            .stdout("")
            .says("error: the body is empty: standard input gave nothing\n  nothing was sent\n");
    }
    server.saw_nothing();
    // What is empty on purpose, or is no JSON, is sent.
    for words in [
        &["-d", ""][..],
        &["-d", "@-", "-H", "Content-Type: text/plain"],
        &["--data-urlencode", "@-"],
        &["-T", "-"],
    ] {
        rein([&["v1/x"], words].concat())
            .at(&server.url())
            .stdin("")
            .run()
            .exit(0);
        assert_eq!(server.take()[0].text(), "", "{words:?}");
    }
}

#[test]
fn curls_options_that_change_nothing_are_accepted() {
    for words in [
        &["v1/x", "-N"][..],
        &["-sNg", "v1/x", "-#"],
        &["v1/x", "--globoff", "--no-buffer", "--no-progress-meter"],
        &["v1/x", "--tlsv1.2", "--keepalive-time", "5", "--no-netrc"],
        &["-N", "call", "list-sources", "-g"],
    ] {
        let request = sent(words);
        assert!(request.line().starts_with("GET /api/v1/"), "{words:?}");
    }
    assert_eq!(
        sent(&["v1/x", "-NH", "X-A: -g", "-N"]).header("x-a"),
        ["-g"]
    );
}

#[test]
fn curls_other_options_are_refused_by_name() {
    for (words, says) in [
        (
            &["v1/x", "-u", "a:b"][..],
            "error: -u is not supported\n  nothing was sent\n  the profile's token is sent",
        ),
        (&["-b", "c=d", "v1/x"], "use -H 'Cookie: name=value'"),
        (&["v1/x", "-sO"], "use -o FILE"),
        (&["--url", "v1/x"], "pass the URL as an argument"),
        (&["v1/x", "--trace", "f"], "use -v or --meta FILE"),
        (
            &["v1/x", "--path-as-is"],
            "error: --path-as-is is not supported\n  nothing was sent\n",
        ),
        (
            &["call", "list-sources", "--netrc"],
            "a profile names where its token is",
        ),
    ] {
        refused(words, says);
    }
}

#[test]
fn no_tip_says_to_write_an_option_as_a_value() {
    for words in [
        &["v1/x", "--nonsense"][..],
        &["profile", "list", "-p", "x"],
        &["v1/x", "--retry", "-1"],
        &["v1/x", "--max-redirs", "-1"],
        &["v1/x", "--max-size", "-1"],
        &["v1/x", "--paginate", "--limit", "-1"],
    ] {
        rein(words).run().exit(2).stdout("").never_says("-- -");
    }
    refused(
        &["v1/x", "--retry", "-1"],
        "invalid value '-1' for '--retry",
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_files_name_may_be_any_bytes() {
    use std::ffi::{OsStr, OsString};
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join(OsStr::from_bytes(b"\xff"));
    std::fs::write(&file, "{\"k\":1}").expect("written");
    let word = |start: &str, end: &str| {
        let mut word = OsString::from(start);
        word.push(&file);
        word.push(end);
        word
    };
    let one = |option: &str, start: &str, end: &str| {
        let words = [option.into(), word(start, end)];
        let words: Vec<OsString> = words
            .into_iter()
            .filter(|word| !word.is_empty())
            .chain(["v1/x".into()])
            .collect();
        // A target stands before its items.
        let is_item = option.is_empty();
        let words: Vec<_> = if is_item {
            words.into_iter().rev().collect()
        } else {
            words
        };
        sent(&words)
    };
    let text = |start: &str| one("", start, "").text();
    assert_eq!(text("a=@"), r#"{"a":"{\"k\":1}"}"#);
    assert_eq!(text("a:=@"), r#"{"a":{"k":1}}"#);
    assert_eq!(one("-d", "@", "").text(), r#"{"k":1}"#);
    assert_eq!(one("-T", "", "").text(), r#"{"k":1}"#);
    let encoded = "a=%7B%22k%22%3A1%7D";
    assert_eq!(one("--data-urlencode", "a@", "").text(), encoded);
    let line = one("--url-query", "a@", "").line().to_owned();
    assert_eq!(line, format!("GET /api/v1/x?{encoded}"));
    for (start, end) in [("a=@", ";type=x/y"), ("a=<", ";type=x/y"), ("a=@", "")] {
        let form = one("-F", start, end).text();
        assert!(form.contains("{\"k\":1}"), "{form}");
        assert_eq!(form.contains("Content-Type: x/y"), !end.is_empty());
    }
    sent(&["v1/x".into(), "--report".into(), word("junit=", ".xml")]);
    sent(&["v1/x".into(), "-o".into(), word("", ".o")]);
    sent(&["v1/x".into(), "-D".into(), word("", ".d")]);
    sent(&["v1/x".into(), "--meta".into(), word("", ".m")]);
    assert_eq!(std::fs::read_dir(folder.path()).expect("read").count(), 5);
    let bad = OsStr::from_bytes(b"a=\xff");
    refused(&[OsStr::new("v1/x"), bad], "an item is not valid UTF-8");
}

#[test]
fn a_path_rewritten_by_a_windows_shell_is_recognised() {
    refused(&["C:/Program Files/Git/api/v1/datasets"], "api/v1/datasets");
}
