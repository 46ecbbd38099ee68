//! Items shown as tables, csv, tsv, ndjson and yaml, and filtered with jq.

use crate::support::command::Finished;
use crate::support::{CANARY, Demo, Recorder, Reply, rein};

use crate::output::on_a_terminal;

const LIST: &str = r#"{"status":"ok","rows":[{"id":"a1","n":10,"at":"2024-05-06T09:30:00.000Z","labels":[{"name":["Delivery","Late"]},{"name":["Refund"]}],"text":"two, \"lines\"\nhere"},{"id":"b2", "n":9.50,"labels":[],"text":"漢字","m":{"x":null}}],"next":"c"}"#;

fn shown(body: &str, args: &[&str]) -> Finished {
    let server = Recorder::always(Reply::json(200, body));
    rein(["-s", "/api/v1/x"].iter().chain(args))
        .at(&server.url())
        .run()
}

#[test]
fn every_format_has_its_shape() {
    let columns = "id,n,at,labels[*].name,text";
    insta::assert_snapshot!(shown(LIST, &["-t", "--columns", columns]).exit(0).stdout_text(), @r#"
    id     n  at                    labels[*].name           text
    a1    10  2024-05-06 09:30:00Z  Delivery > Late, Refund  two, "lines"↵here
    b2  9.50                                                 漢字
    "#);
    insta::assert_snapshot!(shown(LIST, &["--format", "csv", "--columns", columns]).exit(0).stdout_text(), @r#"
    id,n,at,labels[*].name,text
    a1,10,2024-05-06T09:30:00.000Z,"[[""Delivery"",""Late""],[""Refund""]]","two, ""lines""
    here"
    b2,9.50,,[],漢字
    "#);
    shown(
        LIST,
        &["--format", "tsv", "--columns", "id,text", "--no-header"],
    )
    .exit(0)
    .stdout("a1\ttwo, \"lines\"\\nhere\nb2\t漢字\n");
    shown(LIST, &["--format", "ndjson"]).exit(0).stdout(
        LIST.split_once("[{")
            .and_then(|(_, rest)| rest.rsplit_once("],\"next"))
            .map(|(rows, _)| {
                format!(
                    "{{{}\n",
                    rows.replace("},{\"id\":\"b2\"", "}\n{\"id\":\"b2\"")
                )
            })
            .expect("rows"),
    );
    insta::assert_snapshot!(shown(LIST, &["--format", "yaml", "--sort", "n"]).exit(0).stdout_text(), @r#"
    - id: b2
      "n": 9.50
      labels: []
      text: 漢字
      m:
        x: null
    - id: a1
      "n": 10
      at: "2024-05-06T09:30:00.000Z"
      labels:
        - name:
            - Delivery
            - Late
        - name:
            - Refund
      text: "two, \"lines\"\nhere"
    "#);
}

#[test]
fn layouts_of_json_keep_every_token() {
    let body = r#"{"status":"ok","n":1.10,"n":18446744073709551616,"e":1E5,"t":"\u00e9\/","o":{},"l":[1,[]]}"#;
    insta::assert_snapshot!(shown(body, &["--format", "pretty"]).exit(0).stdout_text(), @r#"
    {
      "status": "ok",
      "n": 1.10,
      "n": 18446744073709551616,
      "e": 1E5,
      "t": "\u00e9\/",
      "o": {},
      "l": [
        1,
        []
      ]
    }
    "#);
    shown(body, &["--format", "compact"])
        .exit(0)
        .stdout_starts(body);
    shown(body, &["--format", "raw"]).exit(0).stdout(body);
}

#[test]
fn any_values_can_be_sorted() {
    let values = ["10", "\"1a\"", "2", "null", "\"b\"", "\"3\"", "\"nan\""];
    let rows: Vec<String> = values
        .iter()
        .cycle()
        .take(70)
        .map(|value| format!("{{\"v\":{value}}}"))
        .collect();
    let body = format!(r#"{{"status":"ok","rows":[{}]}}"#, rows.join(","));
    for (column, order) in [
        ("v", ["2", "3", "10", "1a", "b", "nan", ""]),
        ("-v", ["nan", "b", "1a", "10", "3", "2", ""]),
    ] {
        let run = shown(&body, &["--format", "tsv", "--no-header", "--sort", column]).exit(0);
        let text = run.stdout_text();
        let mut lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 70);
        lines.dedup();
        assert_eq!(lines, order, "{column}");
    }
}

#[test]
fn nothing_is_shown_as_what_it_is() {
    let server = |body: &'static [u8]| {
        Recorder::always(Reply::with(200, &["Server-Timing: total;dur=1"], body))
    };
    for (body, format, expected) in [
        (&b"null"[..], "table", "null\n"),
        (b"[null]", "table", "value\nnull\n"),
        (b"{}", "table", ""),
        (b"{}", "csv", ""),
        (b"{}", "ndjson", "{}\n"),
        (b"[{}]", "tsv", ""),
        (b"[]", "yaml", "[]\n"),
        (
            br#"[{"a":""},{"a":null},{"a":0}]"#,
            "csv",
            "a\n\"\"\n\"\"\n0\n",
        ),
        (br#"[{"a":""},{"a":null},{"a":0}]"#, "tsv", "a\n\n\n0\n"),
    ] {
        let server = server(body);
        rein(["-s", "/api/v1/x", "--format", format])
            .at(&server.url())
            .run()
            .exit(0)
            .stdout(expected);
    }
}

#[test]
fn numbers_stand_to_the_right_and_texts_that_look_like_them_do_not() {
    let body = r#"{"status":"ok","rows":[{"id":"1","n":-10.5,"x":"漢字"},{"id":"333","n":null,"x":"x"},{"id":"22","n":7,"x":"שלום"}]}"#;
    insta::assert_snapshot!(shown(body, &["-t", "--no-header"]).exit(0).stdout_text(), @r"
    1    -10.5  漢字
    333   null  x
    22       7  שלום
    ");
}

#[test]
fn columns_that_nobody_named_are_the_union() {
    shown(LIST, &["--format", "csv"])
        .exit(0)
        .stdout_starts("id,n,at,text,labels,m.x\n");
}

#[test]
fn what_is_no_list_is_shown_too() {
    insta::assert_snapshot!(shown(r#"{"status":"ok","source":{"id":"a","tags":[1,2]}}"#, &["-t"]).exit(0).stdout_text(), @"
    status       ok
    source.id    a
    source.tags  [1,2]
    ");
    let empty = r#"{"status":"ok","sources":[]}"#;
    shown(empty, &["-t", "--columns", "id,name"])
        .exit(0)
        .stdout("id  name\n");
    shown(empty, &["--format", "csv", "--columns", "id,name"])
        .exit(0)
        .stdout("id,name\n");
    shown(empty, &["--format", "ndjson"]).exit(0).stdout("");
    let scalars = Recorder::always(Reply::with(
        200,
        &["Server-Timing: total;dur=1"],
        b"[1.10,\"x\"]",
    ));
    rein(["-s", "/api/v1/x", "--format", "csv"])
        .at(&scalars.url())
        .run()
        .exit(0)
        .stdout("value\n1.10\nx\n");
    let one = Recorder::always(Reply::with(200, &["Server-Timing: total;dur=1"], b"1.10"));
    rein(["-s", "/api/v1/x", "-t"])
        .at(&one.url())
        .run()
        .exit(0)
        .stdout("1.10\n");
}

#[test]
fn two_lists_are_an_error_that_names_both() {
    let body = r#"{"status":"ok","comments":[{"a":1}],"users":[{"b":2}]}"#;
    for format in [
        &["-t"][..],
        &["--format", "csv"],
        &["--format", "ndjson"],
        &["--format", "yaml"],
    ] {
        shown(body, format)
            .exit(1)
            .stdout("")
            .says("comments and users")
            .says("--items comments");
    }
    shown(body, &["--format", "csv", "--items", "users"])
        .exit(0)
        .stdout("b\n2\n");
    shown(body, &["--format", "csv", "--items", "x.y"])
        .exit(1)
        .stdout("")
        .says("it has: comments, users, status");
    shown(
        r#"{"status":"ok","a":{"b":[{"c":1}]}}"#,
        &["--format", "csv", "--items", "a.b"],
    )
    .exit(0)
    .stdout("c\n1\n");
}

#[test]
fn an_empty_answer_has_no_items_and_is_fine() {
    for reply in [Reply::with(204, &[], b""), Reply::with(200, &[], b"")] {
        let server = Recorder::always(reply);
        for words in [
            &["-t"][..],
            &["--format", "csv"],
            &["--format", "yaml"],
            &["--format", "pretty"],
            &["-q", ".x"],
        ] {
            rein([&["v1/x"][..], words].concat())
                .at(&server.url())
                .run()
                .exit(0)
                .stdout("")
                .never_says("error");
        }
    }
}

#[test]
fn filters_make_rows_of_csv_and_tsv() {
    let body = r#"{"status":"ok","r":[[1.10,"a\"b",null],[true,"c\td"]]}"#;
    let server = Recorder::always(Reply::json(200, body));
    for (filter, expected) in [
        (".r[] | @csv", "1.10,\"a\"\"b\",\ntrue,\"c\td\"\n"),
        (".r[] | @tsv", "1.10\ta\"b\t\ntrue\tc\\td\n"),
        ("nan, [infinite]", "null\n[\n  1.7976931348623157e+308\n]\n"),
    ] {
        rein(["v1/x", "-q", filter])
            .at(&server.url())
            .run()
            .exit(0)
            .stdout(expected);
    }
}

#[test]
fn a_failure_under_200_is_not_laid_out_and_a_long_answer_streams() {
    let timed: &[&str] = &["Server-Timing: total;dur=1"];
    let page = format!("<html><title>Sign in</title>{}", "x".repeat(300_000));
    let error = format!(
        r#"{{"status":"error","message":"{}"}}"#,
        "x".repeat(300_000)
    );
    for (headers, body, exit) in [
        (timed, r#"{"status":"error","message":"no"}"#, 5),
        (timed, &error, 5),
        (&[], "<html><title>Sign in</title>", 8),
        (&[], &page, 8),
        (&[], r#"{"x":1}"#, 8),
    ] {
        let server = Recorder::always(Reply::with(200, headers, body.as_bytes()));
        for format in ["pretty", "compact"] {
            rein(["v1/x", "--format", format])
                .at(&server.url())
                .run()
                .exit(exit)
                .stdout("");
        }
    }
    // Half of a long response is there before the rest has come, and memory holds the beginning alone.
    let half = format!(r#"{{"list":[{}"#, "1, ".repeat(100_000));
    let whole = format!(r#"{half}1],"status":"ok"}}"#);
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: {}\r\n\r\n",
        whole.len()
    );
    for (format, first) in [
        ("compact", r#"{"list":[1,1,1"#),
        ("pretty", "{\n  \"list\": [\n    1,"),
    ] {
        let server = Recorder::always(Reply::Hang(format!("{head}{half}").into_bytes()));
        let call = rein(["v1/x", "--format", format]).at(&server.url());
        let mut child = call
            .command()
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("a start");
        let mut start = vec![0; first.len()];
        let mut stdout = child.stdout.take().expect("a pipe");
        std::io::Read::read_exact(&mut stdout, &mut start).expect("the first bytes");
        assert_eq!(String::from_utf8_lossy(&start), first);
        child.kill().expect("ended");
        child.wait().expect("an end");
    }
}

#[test]
fn a_failed_call_prints_nothing_through_a_renderer() {
    let body = r#"{"status":"error","message":"gone"}"#;
    for args in [
        &["-t"][..],
        &["-q", ".x"],
        &["--format", "csv"],
        &["--format", "yaml"],
    ] {
        let server = Recorder::always(Reply::json(404, body));
        rein(["/api/v1/x"].iter().chain(args))
            .at(&server.url())
            .run()
            .exit(4)
            .stdout("")
            .says("gone")
            .says("404");
        let kept = Recorder::always(Reply::json(404, body));
        rein(["/api/v1/x", "--keep-error-body"].iter().chain(args))
            .at(&kept.url())
            .run()
            .exit(4)
            .stdout(body);
        let error_under_200 = Recorder::always(Reply::json(200, body));
        rein(["/api/v1/x"].iter().chain(args))
            .at(&error_under_200.url())
            .run()
            .exit(5)
            .stdout("");
        let page = Recorder::always(Reply::with(
            503,
            &["Content-Type: text/html"],
            b"<html><title>Proxy",
        ));
        rein(["/api/v1/x", "--retry", "0"].iter().chain(args))
            .at(&page.url())
            .run()
            .exit(5)
            .stdout("")
            .says("503");
        let sign_in = Recorder::always(Reply::with(
            200,
            &["Content-Type: text/html"],
            b"<html><title>Sign in",
        ));
        rein(["/api/v1/x"].iter().chain(args))
            .at(&sign_in.url())
            .run()
            .exit(8)
            .stdout("")
            .says("sign-in page");
    }
}

#[test]
fn filters_give_what_jq_gives_and_point_to_mistakes() {
    shown(LIST, &["-q", ".rows[].id"])
        .exit(0)
        .stdout("a1\nb2\n");
    shown(LIST, &["-q", ".rows[1].n, .next, (.rows|length)"])
        .exit(0)
        .stdout("9.50\nc\n2\n");
    shown(LIST, &["--jq", ".rows[1] | {id, m}"])
        .exit(0)
        .stdout("{\n  \"id\": \"b2\",\n  \"m\": {\n    \"x\": null\n  }\n}\n");
    shown(LIST, &["-q", ".rows[1] | {id, m}", "--format", "compact"])
        .exit(0)
        .stdout("{\"id\":\"b2\",\"m\":{\"x\":null}}\n");
    shown(
        LIST,
        &["-q", ".rows[] | {id, first: .labels[0].name}", "-t"],
    )
    .exit(0)
    .stdout_starts("id  first\na1  ");
    shown(
        LIST,
        &[
            "-q",
            ".rows[] | select(.id == $id) | .n",
            "--arg",
            "id",
            "a1",
        ],
    )
    .exit(0)
    .stdout("10\n");
    shown(LIST, &["-q", "$n[1]", "--argjson", "n", "[1,2.50]"])
        .exit(0)
        .stdout("2.50\n");
    shown(LIST, &["-q", "env, $ENV"])
        .exit(0)
        .stdout("{}\n{}\n")
        .no_canary();
    shown(LIST, &["-q", ".next.x"])
        .exit(1)
        .stdout("")
        .says("the filter failed on the response");
    let server = Recorder::always(Reply::json(200, LIST));
    for (filter, marked) in [
        (".rows | map(", "\n              ^"),
        ("nope", "\n  ^"),
        ("import \"a\" as a; .", "reads no file"),
        ("import \"a\" as $a; $a", "reads no file"),
        ("include \"a\"; .", "reads no file"),
    ] {
        rein(["/api/v1/x", "-q", filter])
            .at(&server.url())
            .run()
            .exit(2)
            .says(marked);
    }
    server.saw_nothing();
}

#[test]
fn options_without_effect_and_bad_paths_are_refused_before_sending() {
    let server = Recorder::always(Reply::json(200, LIST));
    for args in [
        &["--columns", "a"][..],
        &["--sort", "a"],
        &["--items", "a"],
        &["--csv-safe", "-t"],
        &["--arg", "a", "b"],
        &["-t", "--columns", "a..b"],
        &["-t", "--items", "[x]"],
    ] {
        rein(["/api/v1/x"].iter().chain(args))
            .at(&server.url())
            .run()
            .exit(2);
    }
    server.saw_nothing();
}

#[test]
fn spreadsheet_formulas_are_disarmed_when_asked() {
    let body = r#"{"status":"ok","r":[{"a":"=cmd()","b":-5},{"a":"+x","b":"@y"}]}"#;
    shown(body, &["--format", "csv", "--csv-safe"])
        .exit(0)
        .stdout("a,b\n'=cmd(),-5\n'+x,'@y\n");
    shown(body, &["--format", "csv"])
        .exit(0)
        .stdout("a,b\n=cmd(),-5\n+x,@y\n");
}

#[test]
fn every_list_of_the_demo_is_a_table() {
    let demo = Demo::start();
    for (name, items, header) in [
        ("list-sources", &[][..], "id "),
        ("list-datasets", &[], "id "),
        (
            "export-dataset",
            &["dataset=orders", "limit=2"],
            "comment.uid",
        ),
        ("list-comments", &["source=support", "limit=2"], "id "),
        ("list-streams", &["dataset=orders"], "id "),
        ("list-projects", &[], "name "),
    ] {
        rein(
            ["-s", "call", name, "-t", "--endpoint", &demo.url]
                .iter()
                .chain(items),
        )
        .var("REINFER_TOKEN", &demo.token)
        .var("REINFER_PROJECT", "retail-dev")
        .run()
        .exit(0)
        .stdout_starts(header);
    }
}

#[test]
fn a_user_template_names_its_items_and_columns() {
    let server = Recorder::always(Reply::json(
        200,
        r#"{"status":"ok","x":[1],"rows":[{"a":{"b":1},"c":2}]}"#,
    ));
    let config = format!(
        "[profiles.dev]\nendpoint = \"{}\"\ntoken_env = \"T\"\n[templates.mine]\nmethod = \"GET\"\npath = \"/api/v1/mine\"\nitems = \"rows\"\ncolumns = [\"a.b\", \"c\"]\n",
        server.url()
    );
    rein(["-p", "dev", "-s", "call", "mine", "--format", "csv"])
        .config(&config)
        .var("T", CANARY)
        .run()
        .exit(0)
        .stdout("a.b,c\n1,2\n");
}

#[test]
fn a_terminal_gets_a_table_that_fits_and_cannot_be_driven() {
    let body = r#"{"status":"ok","rows":[{"id":"a\u001b[2J","text":"long long long long long long long long long long long long long long long long long long long long","evil":"\u202eabc\u009b2J"}]}"#;
    for (columns, formats) in [("40", ["table", "csv"]), ("80", ["yaml", "ndjson"])] {
        for format in formats {
            let server = Recorder::always(Reply::json(200, body));
            let call = rein(["-s", "/api/v1/x", "--format", format, "--color", "never"])
                .at(&server.url())
                .var("COLUMNS", columns);
            let screen = on_a_terminal(&call.command());
            assert!(
                !screen.contains(['\u{1b}', '\u{202e}', '\u{9b}']),
                "{format}: {screen:?}"
            );
            if format == "table" {
                assert!(
                    screen.lines().all(|line| line.chars().count() <= 40),
                    "{screen}"
                );
                assert!(screen.contains('─') && screen.contains("long"), "{screen}");
            }
        }
    }
}

#[test]
fn items_stream_in_constant_memory() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().expect("a folder");
    let target = "/api/_demo/big?bytes=60000000";
    for format in ["ndjson", "csv", "compact"] {
        let run = std::process::Command::new("sh")
            .args([
                "-c",
                "ulimit -v 150000; exec \"$0\" -s --format \"$1\" \"$2\" | tail -c 1",
                env!("CARGO_BIN_EXE_rein"),
                format,
                target,
            ])
            .env_clear()
            .current_dir(folder.path())
            .env("PATH", "/usr/bin:/bin")
            .env("REINFER_ENDPOINT", &demo.url)
            .env("REINFER_TOKEN", &demo.token)
            .output()
            .expect("it runs");
        assert!(
            run.stderr.is_empty(),
            "{format}: {}",
            String::from_utf8_lossy(&run.stderr)
        );
    }
}

#[test]
fn a_filter_cannot_choose_the_exit_code_or_see_a_file() {
    let server = Recorder::always(Reply::json(404, r#"{"status":"error","message":"m"}"#));
    rein(["/api/v1/x", "-q", "halt(0)"])
        .at(&server.url())
        .run()
        .exit(4)
        .stdout("");
    shown(LIST, &["-q", "1, halt(0), 2"]).exit(0).stdout("1\n");
    shown(LIST, &["-q", "halt(3)"]).exit(1).stdout("");
    shown(LIST, &["-q", "halt_error(3)"]).exit(1).stdout("");
    for filter in ["input_filename", "input", "[inputs]"] {
        let run = shown(LIST, &["-q", filter]);
        assert!(matches!(run.exit, 1 | 2) && run.stdout.is_empty(), "{run}");
    }
}

/// What a filter can do to a process: run for ever, take all memory, overflow the stack.
#[test]
fn a_filter_that_exceeds_a_limit_is_an_error_and_leaves_no_file() {
    let nested = format!("{{\"status\":\"ok\",\"x\":\"{}\"}}", "[".repeat(40_000));
    let comment = format!("#\"\n{}{}", "[".repeat(100_000), "]".repeat(100_000));
    for (body, filter, exit, says) in [
        (nested.as_str(), ".x|fromjson", 1, "depth limit"),
        (comment.as_str(), ".", 1, "not JSON"),
        (LIST, "def f: 1+f; f", 1, "too deeply"),
        (LIST, "def f: [f]; f", 1, "too deeply"),
        (
            LIST,
            "reduce range(20000) as $i (.;[.])|tojson",
            1,
            "nests deeper",
        ),
        (LIST, "[range(0;infinite)]", 1, "1024 MiB of memory"),
        (LIST, "\"abc\" * 1000000000", 1, "too long"),
        (LIST, "def f: f; f", 28, "the time of -m is up"),
        (LIST, "[limit(1;repeat(empty))]", 28, "the time of -m is up"),
    ] {
        let server = Recorder::always(Reply::with(
            200,
            &[
                "Server-Timing: total;dur=1",
                "Content-Type: application/json",
            ],
            body.as_bytes(),
        ));
        let folder = tempfile::tempdir().expect("a folder");
        let (out, meta) = (folder.path().join("out"), folder.path().join("meta"));
        let mut args: Vec<std::ffi::OsString> = ["/api/v1/x", "-q", filter].map(Into::into).into();
        if exit == 28 {
            args.extend(["-m", "1"].map(Into::into));
        }
        args.extend([
            "-o".into(),
            out.into(),
            "--meta".into(),
            meta.clone().into(),
        ]);
        let run = rein(args).at(&server.url()).run().exit(exit).says(says);
        let text = String::from_utf8_lossy(&run.stderr).into_owned();
        assert!(
            !text.contains("overflow") && !text.contains("panicked"),
            "{filter}: {text}"
        );
        let left: Vec<_> = std::fs::read_dir(folder.path())
            .expect("a folder")
            .map(|entry| entry.expect("an entry").path())
            .collect();
        assert_eq!(left, [meta], "{filter}");
    }
}

/// Results are shown while the filter still runs.
#[test]
fn results_before_an_endless_loop_are_shown() {
    let run = shown(LIST, &["-q", "1, 2, (def f: f; f)", "-m", "1"]);
    run.exit(28).stdout("1\n2\n");
}

/// A sample of the table of cases, through the whole program.
#[test]
fn filters_give_what_jq_gives() {
    for (input, filter, expected) in [
        ("[1,2,3]", "del(.[0,1])", "[3]"),
        ("null", ".a.b=1", "{\"a\":{\"b\":1}}"),
        ("[4]", ".[2][3]=1", "[4,null,[null,null,null,1]]"),
        ("[1,null]", "join(\",\")", "1,"),
        ("10", "./2", "5"),
        ("5", "\"\\(10/.)\"", "2"),
        ("\"Zoë\"", "scan(\"\\\\w+\")", "Zoë"),
        (
            "null",
            "(.a,.b)=range(2)",
            "{\"a\":0,\"b\":0}\n{\"a\":1,\"b\":1}",
        ),
        ("[1]", ". as {a:$x} ?// [$x] | $x", "1"),
        ("[1,2]", "reduce .[] / .[] as $x (0; . + $x)", "4.5"),
        ("\"YWI\"", "@base64d", "ab"),
        ("[1,5,3]", "(.[]|select(. >= 3)) |= empty", "[1]"),
        ("\u{feff}{\"a\":1}", ".a", "1"),
    ] {
        let args = ["-q", filter, "--format", "compact"];
        shown(input, &args).exit(0).stdout(format!("{expected}\n"));
    }
    for filter in ["{(0):1}", "1/0", "{(.id):1}", "\"1-2\"|tonumber"] {
        shown("{\"id\":1}", &["-q", filter]).exit(1).stdout("");
    }
}

#[test]
fn any_depth_is_shown_or_refused_in_words() {
    const DEPTH: usize = 100_000;
    let array = [vec!["["; DEPTH].concat(), vec!["]"; DEPTH].concat()].concat();
    let object = [
        vec!["{\"a\":"; DEPTH].concat(),
        "1".to_owned(),
        vec!["}"; DEPTH].concat(),
    ]
    .concat();
    for deep in [array, object] {
        let body = format!("{{\"status\":\"ok\",\"rows\":[{{\"id\":1,\"deep\":{deep}}}]}}");
        for args in [&[][..], &["--format", "compact"]] {
            shown(&body, args).exit(0).stdout(&body);
        }
        for (args, exit) in [
            (&["--format", "pretty"][..], 0),
            (&["--format", "ndjson"], 0),
            (&["--format", "csv"], 0),
            (&["--format", "tsv"], 0),
            (&["-t"], 0),
            (&["-t", "--columns", "id"], 0),
            (&["--sort", "id", "-t"], 0),
            (&["--format", "yaml"], 1),
            (&["-q", "."], 1),
            (&["--expect", ".status"], 11),
        ] {
            let run = shown(&body, args).exit(exit);
            if exit > 0 {
                run.says("nests deeper than");
            }
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_that_does_not_know_its_width_gets_a_table_all_the_same() {
    let server = Recorder::always(Reply::json(200, LIST));
    let call = rein([
        "-s",
        "/api/v1/x",
        "-t",
        "--columns",
        "id,n",
        "--color",
        "never",
    ])
    .at(&server.url());
    let command = crate::support::command::after("stty cols 0 rows 0; stty size", &call);
    let seen = crate::output::on_a_terminal(&command);
    assert_eq!(
        seen,
        "0 0\r\nid     n\r\n────────\r\na1    10\r\nb2  9.50\r\n"
    );
}
