//! `rein curl` with the installed curl against real servers: the request, standard output, files
//! and exit code are those of curl called with the filled line.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::command::{Rein, after, exit_code};
use crate::support::{CANARY, Recorded, Recorder, Reply, rein};

const PATH: &str = "/usr/bin:/bin:/usr/local/bin:/opt/homebrew/bin";

/// Returns whether a curl is installed; says so where none is.
#[expect(clippy::print_stderr, reason = "a test that is skipped must be seen")]
fn has_curl() -> bool {
    let version = Command::new("curl")
        .arg("--version")
        .env("PATH", PATH)
        .output();
    let is_there = version.is_ok_and(|output| output.status.success());
    if !is_there {
        eprintln!("skipped: no curl is installed");
    }
    is_there
}

fn curl(words: &[&str]) -> Rein {
    rein([&["curl"], words].concat()).var("PATH", PATH)
}

/// Answers by path.
fn answer(position: usize, request: &Recorded) -> Reply {
    let path = request
        .line()
        .split(' ')
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let path = path.split('?').next().unwrap_or_default();
    let json = r#"{"status":"ok","n":1.10}"#;
    match path.rsplit('/').next().unwrap_or_default() {
        "404" => Reply::json(404, r#"{"status":"error","message":"no"}"#),
        "503" => Reply::json(503, "not now"),
        "204" => Reply::with(204, &[], b""),
        "redirect" => Reply::with(302, &["Location: /elsewhere"], b"moved"),
        "flaky" if position == 0 => Reply::with(503, &["Retry-After: 0"], b"not yet"),
        "cut" => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart".to_vec()),
        "empty" => Reply::Close(Vec::new()),
        "garbage" => Reply::Close(b"not HTTP at all\r\n\r\n".to_vec()),
        "hang" => Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart".to_vec()),
        "chunked" => Reply::Bytes(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec(),
        ),
        "headers" => Reply::with(200, &["x-lower: a", "X-MiXed: b", "x-lower: c", "Set-Cookie: a=b; Path=/"], b"{}"),
        "binary" => Reply::with(200, &[], b"a\0b\x1b[2J\xff\r\n"),
        "named" => Reply::with(200, &["Content-Disposition: attachment; filename=report.csv"], b"a,b\n"),
        "echo" => Reply::with(200, &["Content-Type: text/plain"], &request.body),
        _ => Reply::json(200, json),
    }
}

/// What a run leaves behind.
#[derive(Debug, PartialEq, Eq)]
struct Left {
    requests: Vec<(String, Vec<String>, String)>,
    stdout: String,
    stderr: String,
    exit: i32,
    files: BTreeMap<String, String>,
}

/// Returns the text with a form's random boundary replaced.
fn without_boundary(text: &str, head: &str) -> String {
    match head.split_once("boundary=") {
        Some((_, rest)) => {
            let boundary = rest.split(['\r', '\n', ';']).next().unwrap_or_default();
            text.replace(boundary, "BOUNDARY")
        }
        None => text.to_owned(),
    }
}

/// Runs a command in a folder with files to send.
fn left_by(command: &mut Command, server: &Recorder, input: &[u8]) -> Left {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("body.json", "{\"a\": 1}\n"),
        ("form.txt", "a=1\r\nb=2\n"),
        ("empty", ""),
    ] {
        std::fs::write(folder.path().join(name), text).expect("written");
    }
    server.take();
    let mut child = command
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a start");
    let mut stdin = child.stdin.take().expect("a pipe");
    // Who does not read it ends all the same.
    let _closed = std::io::Write::write_all(&mut stdin, input);
    drop(stdin);
    let output = child.wait_with_output().expect("an end");
    let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
    let requests = server.take().into_iter().map(|request| {
        let mut headers: Vec<String> = request
            .head
            .lines()
            .skip(1)
            .map(|line| without_boundary(line, &request.head))
            .collect();
        headers.sort();
        let line = request.head.lines().next().unwrap_or_default().to_owned();
        (
            line,
            headers,
            without_boundary(&request.text(), &request.head),
        )
    });
    Left {
        requests: requests.collect(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
        exit: exit_code(output.status),
        files: files_in(folder.path()),
    }
}

fn files_in(folder: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("read").flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            let inner = files_in(&entry.path());
            files.extend(
                inner
                    .into_iter()
                    .map(|(inner, text)| (format!("{name}/{inner}"), text)),
            );
        } else {
            let bytes = std::fs::read(entry.path()).expect("read");
            files.insert(name, bytes.escape_ascii().to_string());
        }
    }
    files
}

/// Lines of curl; `U` is the endpoint. Where rein fills something in or leaves something out, the
/// line that curl would be called with follows.
const LINES: &[&str] = &[
    "-s U/x",
    "-s U",
    "-s U/x/",
    "-s 'U/x?a=b&c=%20d'",
    "-s 'U/x?a={b,c}&d=[1-3]' => -g -s 'U/x?a={b,c}&d=[1-3]'",
    "-s 'U/x#fragment'",
    "-s --path-as-is U/a.b/..c/d",
    "-s -X GET U/x",
    "-s -X DELETE U/x",
    "-sXPATCH -d a=1 U/x",
    "-s -X OPTIONS U/x",
    "-s -I U/x",
    "-s -i U/x",
    "-s -i U/headers",
    "-s -D head U/headers",
    "-s -D - -o body U/headers",
    "-s -d a=1 U/echo",
    "-s -d a=1 -d b=2 U/echo",
    "-s -d @form.txt U/echo",
    "-s --data-binary @form.txt U/echo",
    "-s --data-raw @form.txt U/echo",
    "-s --data-urlencode 'a=b c' U/echo",
    "-s --data-urlencode a@form.txt U/echo",
    "-s -G -d a=1 --data-urlencode 'b= c' U/x",
    "-s --json '{\"a\":1}' U/echo",
    "-s --json @body.json U/echo",
    "-s -d '' U/x",
    "-s -d @empty U/x",
    "-s -d @- U/echo",
    "-s -T body.json U/x",
    "-s -T body.json U/x/",
    "-s -T - U/x",
    "-s -T - -X POST U/x",
    "-s -F a=1 -F b=@body.json U/x",
    "-s -F 'b=@body.json;type=text/x;filename=n' U/x",
    "-s -F 'b=<form.txt' U/x",
    "-s -F a=@- U/x",
    "-s --form-string a=@b U/x",
    "-s -H 'X-One: 1' -H 'x-two:2' U/x",
    "-s -H Accept: U/x",
    "-s -H 'X-Empty;' U/x",
    "-s -A mine -e http://referer.example/ -b a=b U/x",
    "-s -r 1-2 U/x",
    "-s --compressed U/x",
    "-s -0 U/x",
    "-s -o out U/x",
    "-s -O U/x",
    "-s -OJ U/named",
    "-s --create-dirs -o d/e/out U/x",
    "-s --output-dir d -o out --create-dirs U/x",
    "-s -w '%{http_code} %{size_download} %{content_type}\\n' U/x",
    "-s -w '%{exitcode} %{method} %header{x-mixed}' -o out U/headers",
    "-s -f U/404",
    "-sS -f U/404",
    "-s --fail-with-body U/404",
    "-s U/404",
    "-s U/503",
    "-s U/204",
    "-sS U/cut",
    "-sS U/empty",
    "-sS U/garbage",
    "-s -m 0.3 U/hang",
    "-s U/chunked",
    "-s --raw U/chunked",
    "-s U/binary",
    "-s U/redirect",
    "-s -i U/redirect",
    "-s -L U/redirect => -s U/redirect",
    "-s -L --max-redirs 3 -w '%{redirect_url}' U/redirect => -s --max-redirs 3 -w '%{redirect_url}' U/redirect",
    "-s --retry 1 U/flaky",
    "-s --retry 1 -o out U/flaky",
    "-sS --max-filesize 3 U/x",
    "-sS -o nodir/out U/x",
    "-sS -T missing U/x",
    "-sS -d @missing U/x",
    "-sS -F a=@missing U/x",
    "-s -u a:b U/x",
    "-s --oauth2-bearer mine U/x",
    "-s -H 'Authorization: Bearer mine' U/x",
    "-s -H 'Authorization: Bearer ' U/x => -s U/x",
    "-s -H 'Authorization: Bearer $REINFER_TOKEN' U/x => -s U/x",
    "-s --url U/x --next -s -d a=1 U/echo --next -s -I U/x",
    "-s U/x U/y",
    "-s -o one U/x -o two U/y",
    "-s 'https://<my_api_endpoint>/api/v1/x/<project>' => -s U/api/v1/x/retail",
    "-s -X POST \u{201c}U/x\u{201d} => -s -X POST U/x",
    "-s -4 --no-keepalive --tcp-nodelay U/x",
    "-s --connect-timeout 3 --max-time 5 U/x",
    "-s -C 1 -o form.txt U/x",
    "-s -R -o out U/x",
    "-s --styled-output -i U/x",
    "-s -z '2020-01-01' U/x",
    "-s -N U/chunked",
    "-s -c jar U/headers",
    "-s -b 'a=b' -c - U/x",
    "-s --etag-save tag U/headers",
    "-s --url-query a=b U/x",
];

#[test]
fn requests_output_and_exit_codes_are_curls() {
    if !has_curl() {
        return;
    }
    let server = Recorder::by(answer);
    let endpoint = format!("{}/acme/dev/reinfer_", server.url());
    let mut wrong = Vec::new();
    for line in LINES {
        let (typed, called) = line.split_once(" => ").unwrap_or((line, line));
        let words = |line: &str| {
            let words = shell_words::split(line).expect("words");
            let fill = |word: String| match word.trim_start_matches('\u{201c}').strip_prefix('U') {
                Some(rest) if !word.starts_with('\u{201c}') => format!("{endpoint}{rest}"),
                Some(rest) => format!("\u{201c}{endpoint}{rest}"),
                None => word,
            };
            words.into_iter().map(fill).collect::<Vec<String>>()
        };
        let typed: Vec<String> = words(typed);
        let typed: Vec<&str> = typed.iter().map(String::as_str).collect();
        let ours = curl(&typed).at(&endpoint).var("REINFER_PROJECT", "retail");
        let ours = left_by(&mut ours.command(), &server, b"{\"from\":\"stdin\"}");
        // Each transfer gets the token, unless a credential was given.
        let bearer = format!("Authorization: Bearer {CANARY}");
        let has_own = words(called).iter().any(|word| {
            word == "-u" || word == "--oauth2-bearer" || word.starts_with("Authorization")
        });
        let token: &[&str] = if has_own { &[] } else { &["-H", &bearer] };
        let mut direct = Command::new("curl");
        direct.arg("-q").args(token);
        for word in words(called) {
            direct.arg(&word);
            if word == "--next" {
                direct.args(token);
            }
        }
        direct.env_clear().env("PATH", PATH);
        let curls = left_by(&mut direct, &server, b"{\"from\":\"stdin\"}");
        let ours = Left {
            // Notes come before what curl says.
            stderr: ours
                .stderr
                .rsplit("note: ")
                .next()
                .unwrap_or_default()
                .to_owned(),
            ..ours
        };
        if ours != curls {
            wrong.push(format!(
                "{line}\n  rein curl  {ours:?}\n  curl       {curls:?}"
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        LINES.len(),
        wrong.join("\n")
    );
}

/// The catalogue's endpoints: each documented line, `curl` replaced by `rein curl`.
#[test]
fn the_documented_line_of_every_endpoint_works() {
    if !has_curl() {
        return;
    }
    let catalogue: serde_json::Value =
        serde_json::from_str(include_str!("../../catalogue/endpoints.json")).expect("JSON");
    let endpoints = catalogue.as_array().expect("a list");
    assert!(endpoints.len() >= 182);
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let base = format!("{}/acme/dev/reinfer_", server.url());
    for endpoint in endpoints {
        let text = |name: &str| endpoint[name].as_str().expect("a text");
        let (method, path) = (text("method"), text("path"));
        let mut expected = path.replace("{project}", "retail");
        let url = format!(
            "https://<my_api_endpoint>{}",
            path.replace('{', "<").replace('}', ">")
        );
        let mut words = vec!["-sf", "-X", method, &url];
        words.extend(["-H", "Authorization: Bearer $REINFER_TOKEN"]);
        let names = endpoint["path_params"].as_array().expect("a list");
        let names: Vec<&str> = names
            .iter()
            .filter_map(|param| param["name"].as_str())
            .collect();
        let vars: Vec<String> = names
            .iter()
            .filter(|name| **name != "project")
            .map(|name| {
                expected = expected.replace(&format!("{{{name}}}"), &format!("a-{name}"));
                format!("--var={name}=a-{name}")
            })
            .collect();
        words.extend(vars.iter().map(String::as_str));
        let body = endpoint["example_body"].to_string();
        if !endpoint["example_body"].is_null() {
            words.extend(["-H", "Content-Type: application/json", "-d", &body]);
        }
        curl(&words)
            .at(&base)
            .var("REINFER_PROJECT", "retail")
            .run()
            .exit(0)
            .stdout(r#"{"status":"ok"}"#)
            .no_canary();
        let request = server.take().remove(0);
        assert_eq!(
            request.line(),
            format!("{method} /acme/dev/reinfer_{expected}")
        );
        assert_eq!(
            request.header("authorization"),
            [format!("Bearer {CANARY}")]
        );
        if !endpoint["example_body"].is_null() {
            assert_eq!(request.text(), body, "{url}");
        }
    }
}

#[test]
fn the_demo_tenant_is_called_by_curls_lines() {
    if !has_curl() {
        return;
    }
    for (words, exit, begins) in [
        (
            &[
                "-sS",
                "-f",
                "https://<my_api_endpoint>/api/v1/datasets/<project>/orders",
            ][..],
            0,
            r#"{"status":"ok""#,
        ),
        (
            &[
                "-sf",
                "https://<my_api_endpoint>/api/v1/datasets/<project>/nothing",
            ],
            22,
            "",
        ),
        (
            &[
                "-s",
                "-w",
                "%{http_code}",
                "-o",
                "/dev/null",
                "https://<my_api_endpoint>/auth/user",
            ],
            0,
            "200",
        ),
        (
            &[
                "-s",
                "--json",
                "{\"limit\":1}",
                "https://<my_api_endpoint>/api/v1/datasets/<project>/orders/export",
            ],
            0,
            r#"{"status":"ok""#,
        ),
        (
            &[
                "-s",
                "-X",
                "DELETE",
                "https://<my_api_endpoint>/api/v1/datasets/<project>/orders",
            ],
            0,
            r#"{"status":"ok""#,
        ),
    ] {
        rein([&["-p", "demo", "curl"], words].concat())
            .var("PATH", PATH)
            .run()
            .exit(exit)
            .stdout_starts(begins);
    }
}

#[test]
fn a_token_file_is_read_and_shown_nowhere() {
    if !has_curl() {
        return;
    }
    let server = Recorder::by(answer);
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, format!("{CANARY}\n")).expect("written");
    crate::support::command::set_mode(&token, 0o600);
    let token = token.display().to_string();
    let url = format!("{}/x", server.url());
    let own = ["--endpoint", &server.url(), "--token-file", &token];
    for words in [
        [&own[..], &["curl", "-sv", &url]].concat(),
        [&["curl", "-sv", &url], &own[..]].concat(),
    ] {
        let run = rein(words).var("PATH", PATH).run().exit(0).no_canary();
        run.says("> Authorization: Bearer (redacted)")
            .says("< HTTP/1.1 200 OK");
        let sent = server.take().remove(0);
        assert_eq!(sent.header("authorization"), [format!("Bearer {CANARY}")]);
    }
    // A bearer that was given is as secret.
    let given = "GIVEN-SEKRET-9876";
    let run = curl(&["-sv", &url, "-H", &format!("Authorization: Bearer {given}")])
        .at(&server.url())
        .run()
        .exit(0);
    assert!(!run.stderr_text().contains(given), "{run}");
}

#[test]
fn a_config_file_of_curls_is_for_other_urls_alone() {
    if !has_curl() {
        return;
    }
    let (own, other) = (Recorder::by(answer), Recorder::by(answer));
    let home = tempfile::tempdir().expect("a home");
    std::fs::write(home.path().join(".curlrc"), "header = \"X-Rc: 1\"\n").expect("written");
    for (server, times) in [(&own, 0), (&other, 1)] {
        let url = format!("{}/x", server.url());
        curl(&["-s", &url])
            .at(&own.url())
            .var("HOME", home.path())
            .run()
            .exit(0);
        assert_eq!(server.only().header("x-rc").len(), times);
    }
}

#[test]
fn a_proxy_of_the_environment_does_not_get_the_token_in_clear() {
    if !has_curl() {
        return;
    }
    let (server, proxy) = (Recorder::by(answer), Recorder::by(answer));
    let url = format!("{}/x", server.url());
    curl(&["-s", &url])
        .at(&server.url())
        .var("http_proxy", proxy.url())
        .var("ALL_PROXY", proxy.url())
        .run()
        .exit(0);
    proxy.saw_nothing();
    assert_eq!(server.only().header("authorization").len(), 1);
}

#[test]
fn no_redirect_is_followed_with_the_token() {
    if !has_curl() {
        return;
    }
    let other = Recorder::by(answer);
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/there", other.url());
        let server = Recorder::always(Reply::with(status, &[&location], b"moved"));
        let url = format!("{}/api/v1/x", server.url());
        for option in ["-L", "--location", "--follow"] {
            curl(&["-sS", option, "-d", "a=b", &url])
                .at(&server.url())
                .run()
                .exit(0)
                .stdout("moved");
        }
        assert_eq!(server.requests().len(), 3);
    }
    other.saw_nothing();
    // Other URLs are curl's.
    let server = Recorder::start(vec![
        Reply::with(302, &["Location: /x"], b""),
        Reply::json(200, "{}"),
    ]);
    let url = format!("{}/x", server.url());
    curl(&["-sSL", &url]).run().exit(0).stdout("{}");
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_guarded_write_never_leaves() {
    if !has_curl() {
        return;
    }
    let server = Recorder::by(answer);
    let config = format!(
        "[profiles.ro]\nendpoint = \"{}/acme\"\ntoken_env = \"T\"\nguard = \"read-only\"\n",
        server.url()
    );
    let url = format!("{}/acme/api/v1/datasets/r/o", server.url());
    for words in [
        &["-p", "ro", "curl", "-s", "-X", "DELETE", &*url][..],
        &["-s", "-p", "ro", "curl", "-f", "-X", "DELETE", &url],
        &["curl", "-s", "-X", "DELETE", &url],
    ] {
        let run = rein(words)
            .config(&config)
            .var("T", CANARY)
            .var("PATH", PATH)
            .run();
        assert!(matches!(run.exit, 2 | 9) && !run.stderr.is_empty(), "{run}");
    }
    server.saw_nothing();
    rein(["-s", "-p", "ro", "curl", "-f", &url])
        .config(&config)
        .var("T", CANARY)
        .var("PATH", PATH)
        .run()
        .exit(0);
    assert_eq!(server.requests().len(), 1);
}

#[cfg(target_os = "linux")]
#[test]
fn an_output_that_cannot_be_written_is_23() {
    if !has_curl() {
        return;
    }
    let server = Recorder::by(answer);
    let url = format!("{}/x", server.url());
    for line in [&["-s", &*url][..], &["-sS", "-i", &url]] {
        for words in ["exec >/dev/full", "exec >&-"] {
            let call = curl(line).at(&server.url());
            let output = after(words, &call)
                .stdin(Stdio::null())
                .output()
                .expect("an end");
            assert_eq!(exit_code(output.status), 23, "{words} {output:?}");
        }
    }
}

#[test]
fn a_signal_ends_a_transfer() {
    if !has_curl() {
        return;
    }
    use std::os::unix::process::ExitStatusExt;
    let server = Recorder::by(answer);
    let url = format!("{}/hang", server.url());
    let call = curl(&["-sN", &url]).at(&server.url());
    let child = call.start();
    while server.requests().is_empty() {
        std::thread::yield_now();
    }
    let kill = Command::new("kill")
        .args(["-TERM", &child.id().to_string()])
        .status();
    assert!(kill.expect("kill").success());
    // The output ends only when curl has ended as well.
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.signal(), Some(15));
}

#[cfg(target_os = "linux")]
#[test]
fn a_terminal_is_not_driven_and_shows_no_token() {
    use crate::output::{drives_a_terminal, on_a_terminal};
    if !has_curl() {
        return;
    }
    let evil = "\u{9b}2J\u{202e}\u{1b}[31m";
    let header = format!("X-Evil: {CANARY} a{evil}");
    let body = format!("{{\"a\":\"{evil} {CANARY}\"}}");
    let server = Recorder::always(Reply::with(200, &[&header], body.as_bytes()));
    let url = format!("{}/x", server.url());
    for words in [
        &[][..],
        &["-i"],
        &["-v"],
        &["-D", "-"],
        &["-w", "%header{x-evil}"],
        &["-o", "-"],
        &["-o", "/dev/stdout"],
        &["-o", "/dev/null", "-D", "/dev/stderr"],
    ] {
        let call = curl(&[&["-s", &url], words].concat()).at(&server.url());
        let seen = on_a_terminal(&call.command());
        let found = seen.chars().find(|&character| drives_a_terminal(character));
        assert_eq!(found, None, "{words:?}: {seen:?}");
        assert!(!seen.contains(CANARY), "{words:?}: {seen:?}");
        assert!(
            seen.contains("(redacted)") && seen.contains("2J"),
            "{words:?}: {seen:?}"
        );
    }
    // Other URLs are curl's.
    let call = curl(&["-s", &url]);
    assert!(on_a_terminal(&call.command()).contains(evil));
}
