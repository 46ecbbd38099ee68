//! The same line given to curl and to `rein curl`, against the same server: what arrives, what is
//! written and how it ends must be equal, but for the differences that are documented.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::command::exit_code;
use crate::support::{Recorded, Recorder, Reply};

const README: &str = include_str!("../../README.md");

/// What a run leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Requests,
    Stdout,
    Exit,
    Error,
    Files,
}

/// A difference on purpose.
struct Difference {
    key: &'static str,
    /// The words of the README about it.
    documented: &'static str,
    /// What is different then; one part at least must be.
    parts: &'static [Part],
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        key: "one document",
        documented: "one document on standard output whatever is tried again",
        parts: &[Part::Stdout, Part::Error],
    },
    Difference {
        key: "one url",
        documented: "a second URL is an error",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "no globbing",
        documented: "`{}` and `[]` stand for themselves",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "https",
        documented: "a URL without a scheme means https",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "no curlrc",
        documented: "no `.curlrc` is read",
        parts: &[Part::Requests],
    },
    Difference {
        key: "missing file",
        documented: "a file that cannot be read sends nothing (26)",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "whole names",
        documented: "options are spelled whole, and `--name=value` works",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "smuggling",
        documented: "a control character in a header, a method or the URL is an error",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "nothing ignored",
        documented: "what curl would leave out with a warning is an error",
        parts: &[Part::Requests, Part::Stdout, Part::Exit, Part::Error],
    },
    Difference {
        key: "told",
        documented: "a refusal (9), a mistake in profile or line (2) or a file that cannot be read (26) is told even with `-s`",
        parts: &[Part::Error],
    },
    Difference {
        key: "cookie",
        documented: "a redirect to another host takes no cookie along",
        parts: &[Part::Requests],
    },
    Difference {
        key: "refused",
        documented: "An option that is not to be had is named",
        parts: &[
            Part::Requests,
            Part::Stdout,
            Part::Exit,
            Part::Error,
            Part::Files,
        ],
    },
    Difference {
        key: "newer curl",
        documented: "where curl's releases differ, the newer one counts",
        parts: &[
            Part::Requests,
            Part::Stdout,
            Part::Exit,
            Part::Error,
            Part::Files,
        ],
    },
];

/// Lines that must be equal. `U` is the server, `HOST` its host and port.
const EQUAL: &[&str] = &[
    // Methods and targets.
    "-s U",
    "-s U/",
    "-s U/x",
    "-s U/x/",
    "-s U/x//y/",
    "-s U?x=1",
    "-s 'U/x?y=1#fragment'",
    "-s 'U/x?'",
    "-s U/a/../b",
    "-s U/a/./b/..",
    "-s U/../../b",
    "-s U/a/..",
    "-s --path-as-is U/a/../b/./c",
    "-s U/%2e%2e/x/..%2fy/%2E./z",
    "-s U/%41%62/%C3%A9",
    "-s U/é/ü",
    "-s 'U/x?q=é'",
    "-s \"U/x?a='b'\"",
    "-s \"U/it's\"",
    "-sg 'U/{a}/[1-3]?x={y}&z=[w]'",
    "-sg 'U/x?q=\"<z>`{}[]|\\^~!*()'",
    "-sg 'U/<a>/\"b\"/c|d/e^f/`g`'",
    "-s U/x;y=1,2:3@4$5+6",
    "-s -X GET U/x",
    "-s -X DELETE U/x",
    "-s -X PATCH U/x -d a",
    "-s -X OPTIONS U/x",
    "-s -X pOsT U/x",
    "-s -X POST U/x",
    "-s -X PUT U/x",
    "-s -XPUT U/x",
    "-sXDELETE U/x",
    "-s --request DELETE U/x",
    "-s -X WEIRD-METHOD U/x",
    "-s --url U/x",
    "-s -- U/x",
    "-s U/x -X GET -X PUT",
    // Bodies.
    "-s U/x -d a=1",
    "-s U/x -d a=1 -d b=2",
    "-s U/x -d a=1 --data-raw b=2 -d c=3",
    "-s U/x --data a --data-ascii b --data-binary c --data-raw d --data-urlencode e",
    "-s U/x -d ''",
    "-s U/x -d '' -d ''",
    "-s U/x -X GET -d '{}'",
    "-s U/x -X PUT -d '{\"a\": \"b\"}'",
    "-s U/x -d '{\"a\":\n \"b\"}'",
    "-s U/x -d @f.txt",
    "-s U/x -d @f.txt -d @f.txt",
    "-s U/x --data-binary @f.txt",
    "-s U/x --data-binary @bin",
    "-s U/x --data-raw @f.txt",
    "-s U/x -d @empty",
    "-s U/x -d @-",
    "-s U/x --data-binary @-",
    "-s U/x -d=a",
    "-s U/x -d -5",
    "-s U/x -d-5",
    "-sSXPUT -d'{}' U/x",
    "-s U/x -d 'é ü'",
    "-s U/x --data-urlencode 'x=a b&c/é~-_.'",
    "-s U/x --data-urlencode '=a=b'",
    "-s U/x --data-urlencode 'plain text'",
    "-s U/x --data-urlencode @f.txt",
    "-s U/x --data-urlencode n@f.txt",
    "-s U/x --data-urlencode 'a=1' --data-urlencode 'b=2' -d c=3",
    "-s U/x --json '{}'",
    "-s U/x --json '{\"a\":' --json '1}'",
    "-s U/x --json @f.json",
    "-s U/x --json '{}' -H 'X: y'",
    "-s U/x --json '{}' -H 'Content-Type: text/x'",
    "-s U/x --json '{}' -H 'accept: text/x'",
    "-s U/x --json '{}' -X PUT",
    "-s U/x --json 'no json'",
    "-s U/x -d a --json b",
    "-s -G U/x -d q=1",
    "-s -G U/x?z=9 -d q=1 -d r=2",
    "-s -G U/x --data-urlencode 'q=a b'",
    "-s --get U/x",
    "-s -G U/x",
    "-s -G -I U/x -d q=1",
    "-s -G -X POST U/x -d q=1",
    "-s -G 'U/x?' -d q",
    "-s U/x --url-query a=1",
    "-s U/x?z=9 --url-query 'x=a b' --url-query +raw --url-query solo",
    "-s U/x --url-query '=a b='",
    "-s U/x --url-query 'n@f.txt'",
    "-s U/x --url-query 'x=é/&'",
    "-s U/x --url-query a=1 -d b=2",
    "-s U/x -F a=1",
    "-s U/x -F a=1 -F b=2 --form-string 'c=@f.txt;type=x'",
    "-s U/x -F f=@f.txt",
    "-s U/x -F f=@f.json",
    "-s U/x -F 'f=@f.json;type=application/json'",
    "-s U/x -F 'f=@f.json;type=application/json;filename=other.json'",
    "-s U/x -F 'f=@f.json;filename=x\"y'",
    "-s U/x -F 'f=@bin'",
    "-s U/x -F 'i=<f.txt'",
    "-s U/x -F 'i=<f.txt;type=text/x'",
    "-s U/x -F 'n\"é=1'",
    "-s U/x -F 'h=\"q;r\";type=text/x'",
    "-s U/x -F 'k=v;filename=z'",
    "-s U/x -F 'l=;type=text/html'",
    "-s U/x -F 't=v;type=text/plain;charset=utf-8'",
    "-s U/x -F 'f=@page.html' -F 'g=@pic.png' -F 'h=@doc.pdf'",
    "-s U/x -X PUT -F a=1",
    "-s U/x -F a=1 -H 'X: y'",
    "-s U/x -T f.txt",
    "-s U/d/ -T f.txt",
    "-s U -T f.txt",
    "-s 'U/d/?q=1' -T f.txt",
    "-s U/x -T -",
    "-s U/d/ -T -",
    "-s U/x -X POST -T f.txt",
    "-s U/x -T empty",
    "-s U/x -T f.txt -H 'Content-Type: text/csv'",
    // Conflicts and mistakes.
    "U/x -d a -F b=c",
    "U/x -d a -T f.txt",
    "U/x -d a -I",
    "U/x -F a=b -T f.txt",
    "U/x -I -T f.txt",
    "-s U/x -F a",
    "-sS U/x -F a=@missing",
    "-s U/x -T missing",
    "-s U/x -d",
    "-s U/x --data",
    "-s U/x -o",
    "-s U/x --frob",
    "-s U/x -]",
    "-s -",
    "-s",
    "-s -X GET",
    "-s ''",
    "-s http://",
    "-s http://127.0.0.1:99999/",
    "-s http://127.0.0.1:port/",
    "-sS foo://127.0.0.1/",
    "-s 'U/a b'",
    // Headers.
    "-s U/x -H 'X-b: 1' -H 'x-A: 2' -H 'X-b: 3'",
    "-s U/x -H 'X-b:1'",
    "-s U/x -H 'X:  padded  '",
    "-s U/x -H 'Accept:'",
    "-s U/x -H 'Accept: text/csv'",
    "-s U/x -H 'accept: a' -H 'ACCEPT: b'",
    "-s U/x -H 'X;'",
    "-s U/x -H 'X;  '",
    "-s U/x -H 'E:   '",
    "-s U/x -H @headers.txt",
    "-s U/x -H 'Host: other.example'",
    "-s U/x -H 'Host:'",
    "-s U/x -H 'User-Agent:'",
    "-s U/x -H 'User-Agent: mine'",
    "-s U/x -A mine",
    "-s U/x -A ''",
    "-s U/x -A a -H 'User-Agent: b'",
    "-s U/x -e http://from/",
    "-s U/x -e ''",
    "-s U/x -b 'a=b'",
    "-s U/x -b 'a=b; c=d'",
    "-s U/x -b 'a=b' -H 'Cookie: c=d'",
    "-s U/x -u a:b",
    "-s U/x -u a:b:c",
    "-s U/x -u 'é:ü'",
    "-s U/x -u a:",
    "-s http://u%40x:p%3A@HOST/x",
    "-s http://u:p@HOST/x -u a:b",
    "-s U/x -u a:b -H 'Authorization: Foo'",
    "-s U/x --oauth2-bearer TOK",
    "-s U/x -H 'Authorization: Bearer abc'",
    "-s U/x -H 'Authorization: Bearer '",
    "-s U/x -H 'Authorization: Bearer $REINFER_TOKEN'",
    "-s U/x -H 'Authorization:'",
    "-s U/x -r 0-5",
    "-s U/x -r 5-",
    "-s U/x -r -5",
    "-s U/x -z 'Tue, 15 Nov 1994 12:45:26 GMT'",
    "-s U/x -z '-20200102'",
    "-s U/x -z '12 Nov 2020 10:20'",
    "-s U/x -z f.txt",
    "-s U/x -d a -H 'Content-Type:'",
    "-s U/x -d a -H 'Content-Type: application/json'",
    "-s U/x -d a -H 'content-type;'",
    "-s U/x -d abc -H 'Content-Length: 3'",
    "-s U/x -d abc -H 'Transfer-Encoding: chunked'",
    "-s U/x -H 'X: é'",
    "-s U/x -H 'X: a:b;c'",
    "-s U/x -H 'Connection: close'",
    // Output.
    "-s -i U/x",
    "-s -i U/mixed",
    "-s -I U/x",
    "-s -I -X POST U/x",
    "-s -I U/s404",
    "-s --head U/x",
    "-s U/bin",
    "-s U/big",
    "-s U/chunked",
    "-s U/until-close",
    "-s U/empty",
    "-s U/s204",
    "-s -o out U/x",
    "-s -oout U/x",
    "-s -o=f U/x",
    "-s -o out U/empty",
    "-s -o out -i U/x",
    "-s -o out -I U/x",
    "-s -o - U/x",
    "-s -o a -o b U/x",
    "-s -o no/folder/out U/x",
    "-s -o new/folder/out --create-dirs U/x",
    "-s -O U/d/name.json",
    "-s -O 'U/d/name.json?q=1'",
    "-s -O U/d/na%20me",
    "-s -O --output-dir sub --create-dirs U/d/name.json",
    "-s -O --output-dir sub U/d/name.json",
    "-s -o f.txt --no-clobber U/x",
    "-s -o f.txt U/x",
    "-s -D - U/x",
    "-s -D - -o out U/x",
    "-s -D head U/x",
    "-s -D head -i U/x",
    "-s -D head U/s404",
    "-s U/s404",
    "-s U/s503",
    "-s -f U/x",
    "-s -f U/s302",
    "-s -f U/s404",
    "-s -f U/s503",
    "-sS -f U/s404",
    "-s -f -o out U/s404",
    "-s -f -i U/s404",
    "-s -f -I U/s404",
    "-s --fail U/s400",
    "-s --fail-with-body U/s404",
    "-s --fail-with-body U/x",
    "-s --fail-with-body -o out U/s404",
    "-s --fail-with-body --remove-on-error -o out U/s404",
    "-sS --fail-with-body U/s503",
    "-s --no-fail -f --no-fail U/s404",
    "-s -N U/x",
    "-s --no-buffer U/x",
    "-s -# U/x",
    "-s -q U/x",
    "-q -s U/x",
    "-s --no-progress-meter U/x",
    "-s -v U/x",
    "-s --http1.1 U/x",
    "-s -4 U/x",
    "-s --tlsv1.2 U/x",
    "-s --proto =http,https U/x",
    "-sS --proto =https U/x",
    "-s --max-filesize 2 U/x",
    "-s --max-filesize 200000 U/x",
    "-s --cacert missing U/x",
    // Codings.
    "-s --compressed U/x",
    "-s --compressed U/gzip",
    "-s U/gzip",
    "-s --compressed -i U/gzip",
    "-s --compressed U/broken-gzip",
    "-s --compressed U/coding-foo",
    "-s U/coding-foo",
    "-s --compressed -H 'Accept-Encoding: gzip' U/gzip",
    // Write-out.
    "-s U/x -w '%{http_code}\\n'",
    "-s U/x -w '%{response_code} %{content_type} %{size_download} %{size_upload}'",
    "-s U/x -w '%{url_effective} %{num_redirects} %{redirect_url}|'",
    "-s U/a/../b?c#d -w '%{method} %{http_version} %{num_headers} %{size_header}'",
    "-s U/x -w '100%% \\t\\r\\n%{remote_ip}'",
    "-s U/x -d abc -w '%{size_upload} %{num_connects} %{exitcode}[%{errormsg}]'",
    "-s U/mixed -w '%header{etag}|%header{nope}|%header{X-TWO}'",
    "-s U/x -o out -w '%{filename_effective}'",
    "-s U/s302 -w '%{redirect_url} %{http_code}'",
    "-s U/s404 -f -w '%{http_code} %{exitcode}'",
    "-s U/x -w '%{stderr}e%{stdout}o%{onerror}never'",
    "-s U/x -w @format.txt",
    "-s U/x -w 'a%{nope}b'",
    "-s http://127.0.0.1:1/ -w '%{http_code} %{exitcode} %{size_download}%{onerror}!'",
    "-s U/close -w '%{http_code} %{exitcode}'",
    // Redirects.
    "-s U/r302/x",
    "-s -L U/x",
    "-s -L U/r301/x",
    "-s -L U/r302/r303/x",
    "-s -L U/r302/x -d a=b",
    "-s -L U/r301/x -d a=b",
    "-s -L U/r303/x -d a=b",
    "-s -L U/r307/x -d a=b",
    "-s -L U/r308/x -d a=b",
    "-s -L U/r307/x --json '{}'",
    "-s -L U/r302/x --json '{}'",
    "-s -L U/r302/x -X POST -d a=b",
    "-s -L U/r303/x -X PUT -d a=b",
    "-s -L U/r302/x -T f.txt",
    "-s -L U/r303/x -T f.txt",
    "-s -L --post301 U/r301/x -d a=b",
    "-s -L --post302 U/r302/x -d a=b",
    "-s -L --post303 U/r303/x -d a=b",
    "-s -L -i U/r302/x",
    "-s -L -I U/r302/x",
    "-s -L -D head U/r302/x",
    "-s -L U/r302/x -H 'Authorization: Bearer x' -b a=b -u c:d",
    "-s -L U/to-localhost -H 'Authorization: Bearer x' -H 'Cookie: a=b' -H 'X: y'",
    "-s -L U/to-localhost -u a:b",
    "-s -L U/relative",
    "-s -L U/relative-query?a=b",
    "-s -L U/blank-location",
    "-s -L U/s302",
    "-s -L U/no-location",
    "-s -L --max-redirs 2 U/loop",
    "-sS -L --max-redirs 0 U/r302/x",
    "-s -L --max-redirs -1 U/r302/r302/x",
    "-s -L U/r302/x -w '%{num_redirects} %{url_effective} %{redirect_url}|'",
    "-s -L U/r302/s404 -f",
    "-s -L U/r302/x -o out",
    "-s --location --no-location U/r302/x",
    "-s -L --proto-redir =https U/r302/x",
    "-s -L U/to-foo",
    // Failures on the way.
    "-s http://127.0.0.1:1/",
    "-sS http://127.0.0.1:1/",
    "-s http://127.0.0.1:1/ -o out",
    "-s http://nowhere.invalid/",
    "-sS U/close",
    "-sS U/cut",
    "-s U/cut -o out",
    "-s U/cut -o out --remove-on-error",
    "-sS U/cut-chunk",
    "-sS U/garbage",
    "-sS U/hang -m 0.2",
    "-sS U/stall -m 0.2",
    "-s U/x -m 5 --connect-timeout 1.5",
    "-sS https://HOST/x",
    "-sS https://HOST/x --cacert missing",
    "-sS U/x -x 'not a proxy'",
    "-s http://far.example/x?y -x U",
    "-s http://far.example/x -d a -x http://u:p@HOST",
    "-s http://far.example/x -x U --noproxy far.example --connect-to ::HOST",
    "-s U/x -x http://127.0.0.1:1",
    "-s U/x -x http://127.0.0.1:1 --noproxy '*'",
    "-sS -x U https://far.example/x",
    "-s -p -x U http://far.example/x",
    "-s http://name.example:81/x --connect-to name.example:81:HOST",
    "-s http://name.example:PORT/x --resolve name.example:PORT:127.0.0.1",
    // Retries.
    "-s --retry 2 --retry-delay 1 U/x",
    "-s --retry 3 U/s404",
    "-s --retry 1 --retry-max-time 2 U/after-60",
    "-s --retry 2 http://127.0.0.1:1/",
    "-s --retry 1 --retry-delay 1 --retry-connrefused http://127.0.0.1:1/",
    "-s --retry 1 --retry-delay 1 -f U/flaky/a",
    "-s --retry 1 --retry-delay 1 -o out U/flaky/b",
    "-s --retry 1 --retry-delay 1 --retry-all-errors -o out U/flaky-close/c",
];

/// Lines that are different, each for a documented reason.
const DIFFERENT: &[(&str, &str)] = &[
    ("one document", "-s --retry 1 --retry-delay 1 U/flaky/d"),
    (
        "one document",
        "-sS -f -i --retry 1 --retry-delay 1 U/flaky/e",
    ),
    ("one url", "-s U/x U/y"),
    ("one url", "-s U/x --url U/y"),
    ("no globbing", "-s 'U/{a,b}'"),
    ("no globbing", "-s 'U/[1-2]'"),
    ("https", "-s HOST/x"),
    ("no curlrc", "U/curlrc -s"),
    ("missing file", "-s U/x -d @missing"),
    ("missing file", "-s U/x --json @missing"),
    ("missing file", "-s U/x --data-binary @missing"),
    ("missing file", "-s U/x --data-urlencode @missing"),
    ("missing file", "-s U/x -H @missing"),
    ("whole names", "-s U/x --data=x"),
    ("whole names", "--sile U/x"),
    ("smuggling", "-s U/x -H 'X: 1\r\nY: 2'"),
    ("smuggling", "-s U/x -H 'A B: 1'"),
    ("smuggling", "-s U/x -X 'GET /evil'"),
    ("nothing ignored", "-s U/x -F 'g=b;c'"),
    ("nothing ignored", "-s U/x -z garbage"),
    ("told", "-s U/x -d a -F b=c"),
    ("told", "-s U/x -d a -I"),
    ("told", "-s U/x -F a=@missing"),
    ("cookie", "-s -L U/to-localhost -b a=b"),
    ("refused", "-s U/x -b missing-jar"),
    ("refused", "-s U/x -c jar"),
    ("refused", "-s U/x -n"),
    ("refused", "-s U/x --next U/y"),
    ("refused", "-s U/x -R -o out"),
    ("refused", "-s U/x --trace out"),
    ("refused", "-s U/x --request-target /y"),
    ("refused", "-s U/x --limit-rate 1M"),
    ("newer curl", "-s U/s404 -f --fail-with-body"),
    ("newer curl", "-s -O U/"),
    ("newer curl", "-s -G U/x --url-query a=b -d c=d"),
];

/// Returns the lines of the documentation for every documented endpoint.
fn documented() -> Vec<String> {
    let catalogue = include_str!("../../catalogue/endpoints.json");
    let endpoints: Vec<serde_json::Value> = serde_json::from_str(catalogue).expect("JSON");
    let mut lines = Vec::new();
    for endpoint in endpoints
        .iter()
        .filter(|endpoint| endpoint["documented"] == true)
    {
        let path = endpoint["path"].as_str().expect("a path");
        let path = path.replace('{', "my_").replace('}', "");
        let method = endpoint["method"].as_str().expect("a method");
        let start = format!("-s -X {method} 'U{path}'");
        let bearer = "-H 'Authorization: Bearer abcdef'";
        match &endpoint["example_body"] {
            serde_json::Value::Null => lines.push(format!("{start} \\\n  {bearer}")),
            body => {
                let pretty = serde_json::to_string_pretty(body).expect("JSON");
                let quoted = pretty.replace('\'', "'\\''");
                let json = "-H 'Content-Type: application/json'";
                lines.push(format!(
                    "{start} \\\n  {bearer} \\\n  {json} \\\n  -d '{quoted}'"
                ));
                lines.push(format!("{start} {bearer} --json '{quoted}' -i"));
            }
        }
    }
    lines
}

/// Answers by the path.
fn answer(position: usize, request: &Recorded) -> Reply {
    let line = request.line();
    let target = line.split(' ').nth(1).unwrap_or_default();
    let path = target.split('?').next().unwrap_or_default();
    let text = |status, headers: &[&str], body: &str| Reply::with(status, headers, body.as_bytes());
    if let Some(rest) = path.strip_prefix("/r").filter(|rest| rest.len() > 3) {
        let (status, to) = rest.split_at(3);
        if let Ok(status) = status.parse() {
            return without_body_for_head(
                line,
                text(status, &[&format!("Location: {to}")], "moved\n"),
            );
        }
    }
    let status = path.strip_prefix("/s").and_then(|rest| rest.parse().ok());
    let port = request
        .header("host")
        .first()
        .and_then(|host| host.rsplit(':').next())
        .unwrap_or_default()
        .to_owned();
    let reply = match path {
        "/s204" => Reply::Bytes(b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        "/s302" => text(302, &["Location: /elsewhere?x"], "moved\n"),
        _ if status.is_some() => text(
            status.unwrap_or_default(),
            &[],
            &format!("body of {path}\n"),
        ),
        "/mixed" => text(
            200,
            &["ETag: \"x\"", "x-Two: 1", "X-two: 2", "Server-Timing: total;dur=1"],
            "mixed\n",
        ),
        "/bin" => Reply::with(200, &["Content-Type: image/png"], b"\x89PNG\0\r\n\xff\x1b[2J"),
        "/big" => Reply::with(200, &[], &vec![b'x'; 100_000]),
        "/chunked" => Reply::Bytes(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n".to_vec(),
        ),
        "/cut-chunk" => Reply::Close(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".to_vec(),
        ),
        "/until-close" => Reply::Close(b"HTTP/1.1 200 OK\r\n\r\nto the end".to_vec()),
        "/empty" => text(200, &[], ""),
        "/gzip" => Reply::with(200, &["Content-Encoding: gzip"], GZIP),
        "/broken-gzip" => text(200, &["Content-Encoding: gzip"], "no gzip"),
        "/coding-foo" => text(200, &["Content-Encoding: foo"], "foo"),
        "/relative" => text(302, &["Location: d/../x?y"], "moved\n"),
        "/relative-query" => text(302, &["Location: /x?c='d'"], "moved\n"),
        "/blank-location" => text(302, &["Location: /a b"], "moved\n"),
        "/no-location" => text(302, &[], "moved\n"),
        "/to-localhost" => text(
            302,
            &[&format!("Location: http://localhost:{port}/x")],
            "moved\n",
        ),
        "/to-foo" => text(302, &["Location: foo://h/x"], "moved\n"),
        "/loop" => text(302, &["Location: /loop"], "again\n"),
        "/close" => Reply::Close(Vec::new()),
        "/cut" => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc".to_vec()),
        "/garbage" => Reply::Close(b"garbage\r\n\r\n".to_vec()),
        "/hang" => Reply::Hang(Vec::new()),
        "/stall" => Reply::Hang(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nabc".to_vec()),
        "/after-60" => text(503, &["Retry-After: 60"], "later\n"),
        _ if path.starts_with("/flaky/") && position == 0 => text(503, &[], "not yet\n"),
        _ if path.starts_with("/flaky-close/") && position == 0 => Reply::Close(Vec::new()),
        _ if line.starts_with("CONNECT") => text(403, &[], "no tunnel\n"),
        _ => text(200, &["Content-Type: text/plain"], "fine\n"),
    };
    without_body_for_head(line, reply)
}

/// `gzip -9n` of "unzipped\n".
const GZIP: &[u8] = &[
    0x1f, 0x8b, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0x2b, 0xcd, 0xab, 0xca, 0x2c, 0x28,
    0x48, 0x4d, 0xe1, 0x02, 0x00, 0x6f, 0xff, 0x0a, 0xc3, 0x09, 0x00, 0x00, 0x00,
];

fn without_body_for_head(line: &str, reply: Reply) -> Reply {
    match reply {
        Reply::Bytes(mut bytes) if line.starts_with("HEAD ") => {
            if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                bytes.truncate(end + 4);
            }
            Reply::Bytes(bytes)
        }
        reply => reply,
    }
}

/// Everything that is compared of a run.
#[derive(Debug, PartialEq, Eq)]
struct Run {
    requests: Vec<String>,
    stdout: String,
    exit: i32,
    has_error: bool,
    /// What is not as it was before.
    files: BTreeMap<String, String>,
    stderr: String,
}

impl Run {
    fn differs(&self, other: &Run, part: Part) -> bool {
        match part {
            Part::Requests => self.requests != other.requests,
            Part::Stdout => self.stdout != other.stdout,
            Part::Exit => self.exit != other.exit,
            Part::Error => self.has_error != other.has_error,
            Part::Files => self.files != other.files,
        }
    }
}

const PARTS: [Part; 5] = [
    Part::Requests,
    Part::Stdout,
    Part::Exit,
    Part::Error,
    Part::Files,
];

/// Writes the files that lines name.
fn prepare(folder: &Path) {
    let files: [(&str, &[u8]); 9] = [
        ("f.txt", b"a b\r\nc\n"),
        ("f.json", b"{\"a\":\r\n 1}\n"),
        ("bin", b"\0\x01\xff\r\n\0"),
        ("empty", b""),
        ("headers.txt", b"X-one: 1\nX-two: 2\n"),
        ("format.txt", b"%{http_code} from a file\\n"),
        ("page.html", b"<p>"),
        ("pic.png", b"\x89PNG"),
        ("doc.pdf", b"%PDF"),
    ];
    for (name, content) in files {
        let path = folder.join(name);
        std::fs::write(&path, content).expect("written");
        let file = std::fs::File::options()
            .write(true)
            .open(&path)
            .expect("a file");
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000))
            .expect("a time");
    }
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("inside");
                found.insert(
                    name.to_string_lossy().into_owned(),
                    std::fs::read(&path).expect("read"),
                );
            }
        }
    }
    found
}

/// Returns a request as it is compared: without what names the program, what differs from call to
/// call, and what curl's releases spell differently.
fn normalised(request: &Recorded) -> String {
    let boundary = request.header("content-type").first().and_then(|value| {
        value
            .split_once("boundary=")
            .map(|(_, boundary)| boundary.to_owned())
    });
    let mut lines = request.head.lines();
    let line = lines.next().unwrap_or_default();
    // Hex digits of what was encoded: small before curl 8.15.
    let mut text = format!("{}\n", small_hex(line));
    for header in lines {
        let (name, value) = header.split_once(':').unwrap_or((header, ""));
        let is_programs = ["user-agent", "expect", "proxy-connection"]
            .iter()
            .any(|other| name.eq_ignore_ascii_case(other));
        // Which user agent the program has is its own affair, that one was typed is not.
        if is_programs && !matches!(value.trim(), "mine" | "b") {
            continue;
        }
        if name.eq_ignore_ascii_case("accept-encoding") && value.contains("br") {
            text.push_str("Accept-Encoding: what can be undone\n");
            continue;
        }
        text.push_str(&format!("{name}: {}\n", value.trim()));
    }
    text.push_str(&format!("\n{}", request.text()));
    match boundary {
        Some(boundary) => text.replace(&boundary, "BOUNDARY"),
        None => text,
    }
}

fn small_hex(text: &str) -> String {
    let mut small = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('%') {
        let end = (start + 3).min(rest.len());
        small.push_str(&rest[..start]);
        match rest.get(start..end) {
            Some(escape) => small.push_str(&escape.to_ascii_lowercase()),
            None => return text.to_owned(),
        }
        rest = &rest[end..];
    }
    small + rest
}

fn run(program: &OsStr, first: &[&str], line: &str, server: &Recorder) -> Run {
    let folder = tempfile::tempdir().expect("a folder");
    prepare(folder.path());
    if line.contains("curlrc") {
        let content = "header = \"X-From: curlrc\"\n";
        std::fs::write(folder.path().join(".curlrc"), content).expect("written");
    }
    let url = server.url();
    let host = url.trim_start_matches("http://").to_owned();
    let port = host.rsplit(':').next().unwrap_or_default().to_owned();
    let words: Vec<String> = shell_words::split(line)
        .expect(line)
        .into_iter()
        .map(|word| match word.strip_prefix('U') {
            Some(rest) if rest.is_empty() || rest.starts_with(['/', '?']) => format!("{url}{rest}"),
            _ => word.replace("HOST", &host).replace("PORT", &port),
        })
        .collect();
    let before = files(folder.path());
    let _others = server.take();
    let mut command = Command::new(program);
    command
        .args(first)
        // A line that hangs ends, in both, and says so; one that names its own time keeps that.
        .args(["-m", "20"])
        .args(&words)
        .env_clear()
        .env("HOME", folder.path())
        .env("LANG", "C.UTF-8")
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    {
        use std::io::Write;
        let mut stdin = child.stdin.take().expect("a pipe");
        // Most lines do not read it.
        let _unread = stdin.write_all(b"from\r\nstdin\n");
    }
    let output = child.wait_with_output().expect("the command ends");
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    let has_error = stderr.lines().any(|line| {
        let line = line.rsplit('\r').next().unwrap_or_default();
        let warns_of_the_end = !output.status.success() && line.starts_with("Warning:");
        line.starts_with("curl: ") || line.starts_with("error:") || warns_of_the_end
    }) && !stderr.starts_with("curl: unknown --write-out");
    Run {
        requests: server.take().iter().map(normalised).collect(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        exit: exit_code(output.status),
        has_error,
        files: files(folder.path())
            .into_iter()
            .filter(|(name, content)| before.get(name) != Some(content))
            .map(|(name, content)| (name, String::from_utf8_lossy(&content).into_owned()))
            .collect(),
        stderr,
    }
}

/// Runs every line by both programs and returns what was not as expected.
fn compare(lines: &[(Option<&Difference>, String)]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let wrong = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let server = Recorder::by(answer);
                while let Some((difference, line)) = lines.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let theirs = run(OsStr::new("curl"), &[], line, &server);
                    let ours = run(
                        OsStr::new(env!("CARGO_BIN_EXE_rein")),
                        &["curl"],
                        line,
                        &server,
                    );
                    let differing: Vec<Part> = PARTS
                        .into_iter()
                        .filter(|part| theirs.differs(&ours, *part))
                        .collect();
                    let as_expected = match difference {
                        None => differing.is_empty(),
                        Some(difference) => {
                            !differing.is_empty()
                                && differing.iter().all(|part| difference.parts.contains(part))
                        }
                    };
                    if !as_expected {
                        wrong.lock().expect("a lock").push(format!(
                            "$ curl {line}\ndifferent: {differing:?}\ncurl: {theirs:#?}\nrein: {ours:#?}"
                        ));
                    }
                }
            });
        }
    });
    wrong.into_inner().expect("a lock")
}

/// Returns whether curl is there; a machine without it is told so.
#[expect(clippy::print_stderr, reason = "a test that is not run says so")]
fn has_curl() -> bool {
    let found = Command::new("curl")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if found.is_ok() {
        return true;
    }
    eprintln!("SKIPPED: curl is not installed, so nothing is compared with it");
    false
}

#[test]
fn the_same_line_does_the_same_as_curl() {
    if !has_curl() {
        return;
    }
    let mut lines: Vec<(Option<&Difference>, String)> = Vec::new();
    lines.extend(EQUAL.iter().map(|line| (None, (*line).to_owned())));
    lines.extend(documented().into_iter().map(|line| (None, line)));
    assert!(lines.len() > 250, "{}", lines.len());
    for (key, line) in DIFFERENT {
        let difference = DIFFERENCES.iter().find(|other| other.key == *key);
        lines.push((Some(difference.expect(key)), (*line).to_owned()));
    }
    let wrong = compare(&lines);
    assert!(
        wrong.is_empty(),
        "{} of {} lines:\n{}",
        wrong.len(),
        lines.len(),
        wrong.join("\n\n")
    );
}

#[test]
fn every_difference_is_documented_and_shown() {
    let readme = README.split_whitespace().collect::<Vec<_>>().join(" ");
    for difference in DIFFERENCES {
        assert!(
            readme.contains(difference.documented),
            "{}",
            difference.documented
        );
        assert!(
            DIFFERENT.iter().any(|(key, _)| *key == difference.key),
            "{}",
            difference.key
        );
    }
}

/// Every option that this machine's curl lists is known by name.
#[test]
fn every_option_of_curls_list_is_in_the_table() {
    if !has_curl() {
        return;
    }
    let listed = Command::new("curl")
        .args(["--help", "all"])
        .output()
        .expect("curl runs");
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut count = 0;
    for line in listed.lines() {
        let Some(name) = line
            .split_whitespace()
            .find_map(|word| word.strip_prefix("--"))
        else {
            continue;
        };
        count += 1;
        let takes = line.contains(&format!("--{name} <")) || line.contains(&format!("--{name} ["));
        let mut command = Command::new(env!("CARGO_BIN_EXE_rein"));
        command.args(["curl", &format!("--{name}")]).env_clear();
        if takes {
            command.arg("PEM");
        }
        let output = command.output().expect("rein runs");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !stderr.contains("curl has no such option"),
            "{name}: {stderr}"
        );
        // Whether a value follows is the same: else PEM would be a URL, or a value be missing.
        assert!(!stderr.contains("needs a value"), "{name}: {stderr}");
    }
    assert!(count > 200, "{count}");
}
