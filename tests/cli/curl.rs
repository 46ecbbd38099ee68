//! `rein curl`, as far as it decides anything itself, through a stand-in that records how curl is
//! run: what is filled in, what is refused, and where the token is.

use crate::support::command::{Finished, Rein};
use crate::support::stand_in::{Seen, StandIn};
use crate::support::{CANARY, rein};

/// Profiles without a guard, and the variables that hold their tokens.
const PROFILES: &str = r#"
default_profile = "dev"
[profiles.dev]
endpoint = "https://tenants.example/acme/dev/reinfer_"
project = "retail-dev"
token_env = "DEV"
[profiles.dev.vars]
dataset = "a b"
[profiles.other]
endpoint = "https://other.example"
project = "o"
token_env = "OTHER"
[profiles.onprem]
endpoint = "https://onprem.example/tenant"
project = "p"
ca_file = "/etc/onprem.pem"
proxy = "http://proxy.example:3128"
token_env = "ONPREM"
[profiles.local]
endpoint = "http://127.0.0.1:9101/acme/local/reinfer_"
project = "l"
token_env = "LOCAL"
"#;

/// Profiles with a guard, beside the ones without.
const GUARDED: &str = r#"
[profiles.prod]
endpoint = "https://tenants.example/acme/prod/reinfer_"
project = "retail"
token_env = "PROD"
guard = "confirm"
[profiles.ro]
endpoint = "https://readonly.example"
project = "ro"
token_env = "RO"
guard = "read-only"
[profiles.localro]
endpoint = "http://127.0.0.1:9102"
project = "lr"
token_env = "LOCALRO"
guard = "read-only"
"#;

/// The profiles' tokens.
const TOKENS: [(&str, &str); 7] = [
    ("DEV", CANARY),
    ("OTHER", "SEKRET-other-4567"),
    ("ONPREM", "SEKRET-onprem-4567"),
    ("LOCAL", "SEKRET-local-4567"),
    ("PROD", "SEKRET-prod-4567"),
    ("RO", "SEKRET-ro-4567"),
    ("LOCALRO", "SEKRET-localro-4567"),
];

/// What words of the tables stand for, beside tokens (`$DEV`).
const NAMES: [(&str, &str); 8] = [
    ("DEV/", "https://tenants.example/acme/dev/reinfer_/"),
    ("PROD/", "https://tenants.example/acme/prod/reinfer_/"),
    ("READONLY/", "https://readonly.example/"),
    ("OTHER/", "https://other.example/"),
    ("ONPREM/", "https://onprem.example/tenant/"),
    ("LOCAL/", "http://127.0.0.1:9101/acme/local/reinfer_/"),
    ("LOCALRO/", "http://127.0.0.1:9102/"),
    ("ELSEWHERE/", "https://elsewhere.example/"),
];

fn meant(text: &str) -> String {
    let mut text = text.to_owned();
    for (name, url) in NAMES {
        // A name is one where nothing but a quote or a blank is before it.
        for before in ["'", " ", "=", "\"", "@", "\u{201c}"] {
            text = text.replace(&format!("{before}{name}"), &format!("{before}{url}"));
        }
        if let Some(rest) = text.strip_prefix(name) {
            text = format!("{url}{rest}");
        }
    }
    for (name, token) in TOKENS {
        text = text.replace(&format!("${name}."), token);
    }
    text
}

fn call(config: &str, words: &[String]) -> Rein {
    let call = rein(words).config(config);
    let named = TOKENS
        .iter()
        .filter(|(name, _)| config.contains(&format!("\"{name}\"")));
    named.fold(call, |call, (name, token)| call.var(name, token))
}

/// A line of `rein`, run with the stand-in.
fn run(config: &str, line: &str) -> (Finished, Option<Seen>) {
    let words = shell_words::split(&meant(line)).expect("words");
    let stand_in = StandIn::new();
    let finished = stand_in.of(call(config, &words)).run();
    (finished, stand_in.seen())
}

/// Returns a recorded line with the owner of each token that was handed over in its file's place.
fn line_of(seen: &Seen) -> Vec<String> {
    let mut configs = seen.configs.iter();
    let mut words: Vec<String> = Vec::new();
    for word in &seen.arguments {
        if words.last().is_some_and(|last| last == "-K") {
            let config = configs.next().map_or("", String::as_str);
            let bearer = config
                .strip_prefix("header = \"Authorization: Bearer ")
                .and_then(|rest| rest.strip_suffix("\"\n"))
                .unwrap_or(config);
            let owner = TOKENS.iter().find(|(_, token)| *token == bearer);
            words.push(owner.map_or(bearer, |(name, _)| name).to_owned());
        } else {
            words.push(word.clone());
        }
    }
    words
}

/// Runs a table: a line of `rein`, and what curl is run with or `exit CODE: MESSAGE`.
///
/// Whatever the line, no profile's token is in arguments, in the environment or in the output.
#[track_caller]
fn check(config: &str, table: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (line, expected) in table {
        let (finished, seen) = run(config, line);
        let got = match &seen {
            Some(seen) => shell_words::join(line_of(seen)),
            None => format!("exit {}: {}", finished.exit, finished.stderr_text().trim()),
        };
        let is_right = match expected.strip_prefix("exit ") {
            Some(refusal) => {
                let (code, message) = refusal.split_once(": ").expect("a code and a message");
                seen.is_none()
                    && code == finished.exit.to_string()
                    && finished.stderr_text().contains(message)
                    && finished.stdout.is_empty()
            }
            None => {
                let expected = shell_words::split(&meant(expected)).expect("words");
                finished.exit == 0 && seen.as_ref().map(line_of) == Some(expected)
            }
        };
        if !is_right {
            wrong.push(format!("{line}\n  expected  {expected}\n  got       {got}"));
        }
        let shown = seen.map(|seen| seen.arguments.join(" ") + &seen.environment);
        let shown = shown.unwrap_or_default() + &finished.stdout_text() + &finished.stderr_text();
        for (name, token) in TOKENS {
            if shown.contains(token) {
                wrong.push(format!("{line}\n  shows the token of {name}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        table.len(),
        wrong.join("\n")
    );
}

fn all() -> String {
    format!("{PROFILES}{GUARDED}")
}

#[test]
fn lines_are_filled_in_and_get_the_token() {
    let table = [
        // The documented hosts.
        (
            "curl -s 'https://<my_api_endpoint>/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s '<my_api_endpoint>/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s 'http://<my_api_endpoint>/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s 'HTTPS://<my_api_endpoint>/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s 'https://<mydomain>.reinfer.io/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s '<mydomain>.reinfer.io/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s 'https://cloud.uipath.com/<my_uipath_organisation>/<my_uipath_tenant>/reinfer_/api/v1/datasets'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets",
        ),
        (
            "curl -s --url 'https://<my_api_endpoint>/auth/user'",
            "-q -K DEV --globoff -s --url DEV/auth/user",
        ),
        (
            "curl -s --url='https://<my_api_endpoint>/auth/user'",
            "-q -K DEV --globoff -s --url DEV/auth/user",
        ),
        (
            "-p other curl -s 'https://<my_api_endpoint>/auth/user'",
            "-q -K OTHER --globoff -s OTHER/auth/user",
        ),
        (
            "curl --profile other -s 'https://<my_api_endpoint>/auth/user'",
            "-q -K OTHER --globoff -s OTHER/auth/user",
        ),
        (
            "curl -s 'https://<my_api_endpoint>/auth/user' --profile=other",
            "-q -K OTHER --globoff -s OTHER/auth/user",
        ),
        // Placeholders.
        (
            "curl -s 'https://<my_api_endpoint>/api/v1/datasets/<project>/x'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets/retail-dev/x",
        ),
        (
            "curl -s 'DEV/api/v1/datasets/<project>/<dataset>'",
            "-q -K DEV --globoff -s DEV/api/v1/datasets/retail-dev/a%20b",
        ),
        (
            "curl -s 'DEV/api/v1/datasets/<project>/x?a=<b>' --var b=c",
            "-q -K DEV --globoff -s 'DEV/api/v1/datasets/retail-dev/x?a=c'",
        ),
        ("curl -V", "-V"),
        (
            "-V n=1/2 curl -s 'DEV/api/v1/x/<n>'",
            "-q -K DEV --globoff -s DEV/api/v1/x/1%2F2",
        ),
        (
            "curl -s --project mine 'DEV/api/v1/x/<project>'",
            "-q -K DEV --globoff -s DEV/api/v1/x/mine",
        ),
        (
            "curl -s 'DEV/api/v1/x/<nothing>/<more>'",
            "exit 2: {nothing}, {more}",
        ),
        (
            "curl -s 'DEV/api/v1/x/<n>' --var n=..",
            "exit 2: would change the path",
        ),
        // A URL without a scheme.
        (
            "curl -s tenants.example/acme/dev/reinfer_/api/v1/x",
            "-q -K DEV --globoff -s DEV/api/v1/x",
        ),
        (
            "curl -s --url tenants.example/acme/dev/reinfer_/api/v1/x",
            "-q -K DEV --globoff -s --url DEV/api/v1/x",
        ),
        ("curl -s elsewhere.example/x", "-s elsewhere.example/x"),
        (
            "-p local curl -s 127.0.0.1:9101/acme/local/reinfer_/api/v1/x",
            "-q -K LOCAL --globoff --noproxy '*' -s LOCAL/api/v1/x",
        ),
        // A bearer that is missing, empty or literal.
        ("curl -s DEV/x", "-q -K DEV --globoff -s DEV/x"),
        (
            "curl -s DEV/x -H 'Authorization: Bearer '",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization: Bearer'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization: Bearer $REINFER_TOKEN'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'authorization: bearer ${REINFER_TOKEN}'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization:Bearer $REINFER_TOKEN'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H Authorization:",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization;'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x --header 'Authorization: Bearer '",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x --oauth2-bearer ''",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x --oauth2-bearer '$REINFER_TOKEN'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        // Another credential.
        (
            "curl -s DEV/x -H 'Authorization: Bearer mine'",
            "-q -K mine --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization: Bearer mi\"n\\e'",
            "-q -K 'mi\\\"n\\\\e' --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x --oauth2-bearer mine",
            "-q -K mine --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization: Bearer $DEV.'",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x -HAuthorization:\\ Bearer\\ $DEV.",
            "-q -K DEV --globoff -s DEV/x",
        ),
        (
            "curl -s DEV/x --oauth2-bearer $DEV.",
            "-q -K DEV --globoff -s DEV/x",
        ),
        ("curl -s DEV/x -u a:b", "-q --globoff -s DEV/x -u a:b"),
        (
            "curl -s DEV/x --user a:b",
            "-q --globoff -s DEV/x --user a:b",
        ),
        (
            "curl -s https://a:b@tenants.example/acme/dev/reinfer_/x",
            "-q --globoff -s https://a:b@tenants.example/acme/dev/reinfer_/x",
        ),
        (
            "curl -s DEV/x -H 'Authorization: Basic YTpi'",
            "-q --globoff -s DEV/x -H 'Authorization: Basic YTpi'",
        ),
        (
            "curl -s DEV/x --digest -u a:b",
            "-q --globoff -s DEV/x --digest -u a:b",
        ),
        (
            "curl -s DEV/x --negotiate -u :",
            "-q --globoff -s DEV/x --negotiate -u :",
        ),
        (
            "curl -s DEV/x -u a:b -H 'Authorization: Bearer mine'",
            "exit 2: several credentials",
        ),
        (
            "curl -s DEV/x --oauth2-bearer $DEV. -H 'Authorization: Basic YTpi'",
            "exit 2: several credentials",
        ),
        (
            "curl -s https://a:b@tenants.example/acme/dev/reinfer_/x --oauth2-bearer $DEV.",
            "exit 2: several credentials",
        ),
        // What the profile says about the connection.
        (
            "-p onprem curl -s ONPREM/x",
            "-q -K ONPREM --globoff --cacert /etc/onprem.pem --proxy http://proxy.example:3128 -s ONPREM/x",
        ),
        (
            "-p onprem curl -s ONPREM/x --cacert own.pem",
            "-q -K ONPREM --globoff --proxy http://proxy.example:3128 -s ONPREM/x --cacert own.pem",
        ),
        (
            "-p onprem curl -s ONPREM/x --capath own",
            "-q -K ONPREM --globoff --proxy http://proxy.example:3128 -s ONPREM/x --capath own",
        ),
        (
            "-p onprem curl -s ONPREM/x -x http://mine.example:1",
            "-q -K ONPREM --globoff --cacert /etc/onprem.pem -s ONPREM/x -x http://mine.example:1",
        ),
        (
            "-p onprem curl -s ONPREM/x --socks5-hostname mine.example",
            "-q -K ONPREM --globoff --cacert /etc/onprem.pem -s ONPREM/x --socks5-hostname mine.example",
        ),
        ("-p onprem curl -s ELSEWHERE/x", "-s ELSEWHERE/x"),
        (
            "-p local curl -s LOCAL/x",
            "-q -K LOCAL --globoff --noproxy '*' -s LOCAL/x",
        ),
        (
            "-p local curl -s LOCAL/x --noproxy ''",
            "-q -K LOCAL --globoff --noproxy '*' -s LOCAL/x",
        ),
        (
            "-p local curl -s LOCAL/x --preproxy socks4://127.0.0.1:1",
            "exit 2: over plain http",
        ),
        (
            "-p local curl -s LOCAL/x --noproxy x -x http://127.0.0.1:1",
            "exit 2: over plain http",
        ),
        // Redirects are left out, and everything else is passed on in its order.
        ("curl -sL DEV/x", "-q -K DEV --globoff -s DEV/x"),
        ("curl -s --location DEV/x", "-q -K DEV --globoff -s DEV/x"),
        ("curl -s --follow DEV/x", "-q -K DEV --globoff -s DEV/x"),
        ("curl -s --loc DEV/x", "exit 2: --loc is ambiguous"),
        ("curl -sL ELSEWHERE/x", "-s -L ELSEWHERE/x"),
        (
            "curl -sSf -o out -w '%{http_code}' DEV/x",
            "-q -K DEV --globoff -s -S -f -o out -w '%{http_code}' DEV/x",
        ),
        (
            "curl -sXPUT -d=a DEV/x",
            "-q -K DEV --globoff -s -X PUT -d =a DEV/x",
        ),
        ("curl -s -d -5 DEV/x", "-q -K DEV --globoff -s -d -5 DEV/x"),
        (
            "curl -s --data-urlencode 'a= b' -G DEV/x",
            "-q -K DEV --globoff -s --data-urlencode 'a= b' -G DEV/x",
        ),
        (
            "curl -s --json '{\"a\":\"<project>\"}' DEV/x",
            "-q -K DEV --globoff -s --json '{\"a\":\"<project>\"}' DEV/x",
        ),
        (
            "curl -s -F 'a=@b;type=c' DEV/x",
            "-q -K DEV --globoff -s -F 'a=@b;type=c' DEV/x",
        ),
        (
            "curl -s -T file DEV/x/",
            "-q -K DEV --globoff -s -T file DEV/x/",
        ),
        (
            "curl -s --retry 2 -m 5 --compressed -I DEV/x",
            "-q -K DEV --globoff -s --retry 2 -m 5 --compressed -I DEV/x",
        ),
        (
            "curl -s --no-keepalive --no-buffer DEV/x",
            "-q -K DEV --globoff -s --no-keepalive --no-buffer DEV/x",
        ),
        (
            "curl -s --max-ti 5 DEV/x",
            "-q -K DEV --globoff -s --max-time 5 DEV/x",
        ),
        (
            "curl -s --max-time=5 DEV/x",
            "-q -K DEV --globoff -s --max-time 5 DEV/x",
        ),
        ("curl -s -- DEV/x", "-q -K DEV --globoff -s DEV/x"),
        ("curl -s -k DEV/x", "-q -K DEV --globoff -s -k DEV/x"),
        ("curl -s -v DEV/x", "-q -K DEV --globoff -s -v DEV/x"),
        ("curl -q -s DEV/x", "-q -K DEV --globoff -q -s DEV/x"),
        ("-s curl DEV/x", "-q -K DEV --globoff -s DEV/x"),
        (
            "-s -p other curl -f OTHER/x",
            "-q -K OTHER --globoff -s -f OTHER/x",
        ),
        // Braces and brackets of a profile's URL are literal.
        (
            "curl -s 'DEV/x?a={b,c}[1-3]'",
            "-q -K DEV --globoff -s 'DEV/x?a={b,c}[1-3]'",
        ),
        (
            "curl -s 'ELSEWHERE/{a,b}[1-3]'",
            "-s 'ELSEWHERE/{a,b}[1-3]'",
        ),
        // Several URLs and several transfers.
        ("curl -s DEV/x DEV/y", "-q -K DEV --globoff -s DEV/x DEV/y"),
        (
            "curl -s DEV/x --next -s DEV/y",
            "-q -K DEV --globoff -s DEV/x --next -K DEV --globoff -s DEV/y",
        ),
        (
            "curl -s DEV/x -: -s DEV/y -H 'Authorization: Bearer mine'",
            "-q -K DEV --globoff -s DEV/x --next -K mine --globoff -s DEV/y",
        ),
        (
            "curl -s DEV/x --next -s ELSEWHERE/y",
            "-q -K DEV --globoff -s DEV/x --next -s ELSEWHERE/y",
        ),
        (
            "curl -s ELSEWHERE/y --next -s DEV/x",
            "-q -s ELSEWHERE/y --next -K DEV --globoff -s DEV/x",
        ),
        ("curl -s DEV/x ELSEWHERE/y", "exit 2: are in one transfer"),
        (
            "curl -s DEV/x file:///etc/hostname",
            "exit 2: are in one transfer",
        ),
        (
            "curl -s DEV/x --next -s OTHER/x",
            "exit 2: belongs to profile other",
        ),
        // Lines as they are pasted.
        ("curl curl -s DEV/x", "-q -K DEV --globoff -s DEV/x"),
        ("curl $ curl -s DEV/x", "-q -K DEV --globoff -s DEV/x"),
        (
            "curl -s \u{201c}DEV/x\u{201d}",
            "-q -K DEV --globoff -s DEV/x",
        ),
        ("curl -s DEV/x ' -X' PUT", "exit 2: are in one transfer"),
        (
            "curl -s DEV/x -H \u{2018}X-A: b\u{2019}",
            "-q -K DEV --globoff -s DEV/x -H 'X-A: b'",
        ),
        ("curl -s ' DEV/x'", "-q -K DEV --globoff -s DEV/x"),
    ];
    check(PROFILES, &table);
}

#[test]
fn other_urls_get_nothing_of_reins() {
    let table = [
        ("curl ELSEWHERE/x", "ELSEWHERE/x"),
        ("curl -sSL -k ELSEWHERE/x", "-s -S -L -k ELSEWHERE/x"),
        ("curl -K file ELSEWHERE/x", "-K '' ELSEWHERE/x"),
        (
            "curl --trace - --libcurl c --netrc ELSEWHERE/x",
            "--trace - --libcurl c --netrc ELSEWHERE/x",
        ),
        (
            "curl --location-trusted -u a:b ELSEWHERE/x",
            "--location-trusted -u a:b ELSEWHERE/x",
        ),
        (
            "curl -H 'Authorization: Bearer mine' ELSEWHERE/x",
            "-H 'Authorization: Bearer mine' ELSEWHERE/x",
        ),
        (
            "curl -H 'Authorization: Bearer $REINFER_TOKEN' ELSEWHERE/x",
            "-H 'Authorization: Bearer $REINFER_TOKEN' ELSEWHERE/x",
        ),
        (
            "curl -H 'Authorization: Bearer ' ELSEWHERE/x",
            "-H 'Authorization: Bearer ' ELSEWHERE/x",
        ),
        ("curl 'ELSEWHERE/<project>'", "'ELSEWHERE/<project>'"),
        (
            "curl --unix-socket /s ELSEWHERE/x",
            "--unix-socket /s ELSEWHERE/x",
        ),
        (
            "curl --brand-new a ELSEWHERE/x",
            "--brand-new a ELSEWHERE/x",
        ),
        (
            "curl --variable a=b --expand-url 'ELSEWHERE/{{a}}'",
            "--variable a=b --expand-url 'ELSEWHERE/{{a}}'",
        ),
        ("curl --url @list", "--url @list"),
        ("curl -H @list ELSEWHERE/x", "-H @list ELSEWHERE/x"),
        (
            "curl ftp://elsewhere.example/x",
            "ftp://elsewhere.example/x",
        ),
        ("curl file:///etc/hostname", "file:///etc/hostname"),
        (
            "curl -x http://proxy.example:1 ELSEWHERE/x",
            "-x http://proxy.example:1 ELSEWHERE/x",
        ),
        (
            "curl -T file -X PUT ELSEWHERE/",
            "-T file -X PUT ELSEWHERE/",
        ),
        (
            "curl --resolve elsewhere.example:443:10.0.0.1 ELSEWHERE/x",
            "--resolve elsewhere.example:443:10.0.0.1 ELSEWHERE/x",
        ),
        ("curl 'ELSEWHERE/a b'", "'ELSEWHERE/a b'"),
        ("curl -- -x", "--url -x"),
        // Blanks before a sign make no option that nobody has judged.
        ("curl ' -Kfile' ELSEWHERE/x", "--url -Kfile ELSEWHERE/x"),
        ("curl '\u{a0}-x' ELSEWHERE/x", "--url -x ELSEWHERE/x"),
        ("curl --version", "--version"),
        ("curl -h all", "-h all"),
        ("curl", ""),
        // Beside the endpoint is not below it.
        ("curl https://tenants.example/", "https://tenants.example/"),
        (
            "curl https://tenants.example/acme/dev/reinfer_evil/x",
            "https://tenants.example/acme/dev/reinfer_evil/x",
        ),
        (
            "curl https://tenants.example/acme/dev/",
            "https://tenants.example/acme/dev/",
        ),
        (
            "curl https://tenants.example:8443/acme/dev/reinfer_/x",
            "https://tenants.example:8443/acme/dev/reinfer_/x",
        ),
        (
            "curl https://tenants.example.evil/acme/dev/reinfer_/x",
            "https://tenants.example.evil/acme/dev/reinfer_/x",
        ),
        (
            "curl https://tenants.example@evil.example/acme/dev/reinfer_/x",
            "https://tenants.example@evil.example/acme/dev/reinfer_/x",
        ),
        // What looks like a token and is none.
        (
            "curl -H 'X: SEKRET' ELSEWHERE/x",
            "-H 'X: SEKRET' ELSEWHERE/x",
        ),
    ];
    check(PROFILES, &table);
}

#[test]
fn what_could_lead_the_token_away_is_refused() {
    let table = [
        (
            "curl -s OTHER/x",
            "exit 2: the URL belongs to profile other",
        ),
        (
            "curl -s other.example/x",
            "exit 2: the URL belongs to profile other",
        ),
        (
            "curl -s http://other.example/x",
            "exit 2: the URL belongs to profile other",
        ),
        (
            "curl -s https://OTHER.example.:443/x",
            "exit 2: the URL belongs to profile other",
        ),
        (
            "curl -s http://localhost:9101/acme/local/reinfer_/x",
            "exit 2: the URL belongs to profile local",
        ),
        (
            "curl -s 'http://[::1]:9101/acme/local/reinfer_/x'",
            "exit 2: the URL belongs to profile local",
        ),
        (
            "curl -s http://2130706433:9101/acme/local/reinfer_/x",
            "exit 2: the URL belongs to profile local",
        ),
        (
            "-p demo curl -s OTHER/x",
            "exit 2: the URL belongs to profile other",
        ),
        // The own endpoint, so that the path could leave it.
        ("curl -s DEV/../x", "exit 2: "),
        ("curl -s --path-as-is DEV/../x", "exit 2: "),
        ("curl -s DEV/%2e%2e/x", "exit 2: "),
        ("curl -s 'DEV/..;/x'", "exit 2: "),
        ("curl -s DEV/%2e%2e%3b/x", "exit 2: "),
        ("curl -s DEV/..%00/x", "exit 2: "),
        ("curl -s DEV/..%20/x", "exit 2: "),
        ("curl -s DEV/%252e%252e/x", "exit 2: "),
        ("curl -s DEV/%c0%ae%c0%ae/x", "exit 2: "),
        ("curl -s DEV/a%2f..%2f..%2fx", "exit 2: "),
        ("curl -s 'DEV/..\\x'", "exit 2: "),
        (
            "curl -s http://tenants.example/acme/dev/reinfer_/x",
            "exit 2: so its token is not sent",
        ),
        // What is not on the line.
        ("curl -s -K file DEV/x", "exit 2: -K can hold a URL"),
        (
            "curl -s --config=file DEV/x",
            "exit 2: --config can hold a URL",
        ),
        (
            "curl -s --variable a=b DEV/x",
            "exit 2: --variable can hold a URL",
        ),
        (
            "curl -s --expand-url 'DEV/{{a}}'",
            "exit 2: --expand-url is not an option",
        ),
        ("curl -s --expand-data={{a}} DEV/x", "exit 2: --expand-data"),
        ("curl -s --url @list DEV/x", "exit 2: are in one transfer"),
        ("curl -s -H @list DEV/x", "exit 2: -H can hold a URL"),
        (
            "curl -s --brand-new DEV/x",
            "exit 2: --brand-new is not an option that rein knows",
        ),
        (
            "curl -s --brand-new=1 DEV/x",
            "exit 2: --brand-new=1 is not an option that rein knows",
        ),
        (
            "curl -s%x DEV/x",
            "exit 2: -%x is not an option that rein knows",
        ),
        (
            "curl -s --ipfs-gateway http://g.example DEV/x",
            "exit 2: --ipfs-gateway",
        ),
        (
            "curl -s --request-target /acme/prod DEV/x",
            "exit 2: --request-target replaces the path",
        ),
        (
            "curl -s --unix-socket /s DEV/x",
            "exit 2: --unix-socket leads the connection",
        ),
        (
            "curl -s --abstract-unix-socket s DEV/x",
            "exit 2: --abstract-unix-socket leads",
        ),
        // What shows the token or sends it elsewhere.
        (
            "curl -s --trace t DEV/x",
            "exit 2: --trace would write the token",
        ),
        (
            "curl -s --trace-ascii - DEV/x",
            "exit 2: --trace-ascii would write the token",
        ),
        (
            "curl -s --trace-config all DEV/x",
            "exit 2: --trace-config would write the token",
        ),
        (
            "curl -s --libcurl c DEV/x",
            "exit 2: --libcurl would write the token",
        ),
        (
            "curl -s --stderr e DEV/x",
            "exit 2: --stderr would write the token",
        ),
        (
            "curl -s -n DEV/x",
            "exit 2: -n would send another credential",
        ),
        (
            "curl -s --netrc-file f DEV/x",
            "exit 2: --netrc-file would send another credential",
        ),
        (
            "curl -s --netrc-optional DEV/x",
            "exit 2: --netrc-optional would send another credential",
        ),
        (
            "curl -s --no-netrc DEV/x",
            "-q -K DEV --globoff -s --no-netrc DEV/x",
        ),
        (
            "curl -s --location-trusted DEV/x",
            "exit 2: --location-trusted would send the token",
        ),
        (
            "curl -s -H 'Host: evil.example' DEV/x",
            "exit 2: names another host than the URL",
        ),
        (
            "curl -s -H 'host:evil.example' DEV/x",
            "exit 2: names another host than the URL",
        ),
        (
            "curl -s -H 'Host: tenants.example' DEV/x",
            "-q -K DEV --globoff -s -H 'Host: tenants.example' DEV/x",
        ),
        (
            "curl -s -H 'X: $DEV.' --proxy-header 'X: $DEV.' DEV/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -U u:$DEV. -x http://proxy.example:1 DEV/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -x http://u:$DEV.@proxy.example:1 DEV/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --preproxy socks5://u:$DEV.@proxy.example:1 DEV/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --trace t ELSEWHERE/x --next -s DEV/x",
            "exit 2: --trace would write the token",
        ),
        (
            "curl -s DEV/x --next -s --libcurl c ELSEWHERE/x",
            "exit 2: --libcurl would write the token",
        ),
        (
            "curl -s -K file ELSEWHERE/x --next -s DEV/x",
            "exit 2: -K can hold a URL",
        ),
        (
            "curl -s -G -d @file DEV/x",
            "exit 2: -d can hold a URL, a method",
        ),
        (
            "curl -s --url-query @file DEV/x",
            "exit 2: --url-query can hold a URL, a method",
        ),
        (
            "curl -s --url-query a@file DEV/x",
            "exit 2: --url-query can hold a URL, a method",
        ),
        (
            "curl -s --url-query a=b@c DEV/x",
            "-q -K DEV --globoff -s --url-query a=b@c DEV/x",
        ),
        (
            "curl -s -X GET -d @file DEV/x",
            "exit 2: -d can hold a URL, a method",
        ),
        (
            "curl -s -X GET -T file DEV/x",
            "exit 2: -T can hold a URL, a method",
        ),
        (
            "curl -s -X GET --json @file DEV/x",
            "-q -K DEV --globoff -s -X GET --json @file DEV/x",
        ),
        (
            "curl -s -d @file DEV/x",
            "-q -K DEV --globoff -s -d @file DEV/x",
        ),
        // The token's descriptor has a name that a transfer before it could read.
        (
            "curl -s -d @/dev/fd/5 ELSEWHERE/x --next -s DEV/x",
            "exit 2: -d reads a file before the token",
        ),
        (
            "curl -s -F a=@f ELSEWHERE/x --next -s DEV/x",
            "exit 2: -F reads a file before the token",
        ),
        (
            "curl -s -w @f DEV/x --next -s DEV/y",
            "exit 2: -w reads a file before the token",
        ),
        (
            "curl -s -d @f DEV/x --next -s -w @g DEV/y",
            "-q -K DEV --globoff -s -d @f DEV/x --next -K DEV --globoff -s -w @g DEV/y",
        ),
        (
            "curl -s DEV/x --next -s -d @f ELSEWHERE/x",
            "-q -K DEV --globoff -s DEV/x --next -s -d @f ELSEWHERE/x",
        ),
        (
            "curl -s --alt-svc f DEV/x",
            "exit 2: --alt-svc leads the connection",
        ),
        (
            "curl -s --doh-url https://doh.example/x DEV/x",
            "exit 2: --doh-url leads the connection",
        ),
        (
            "curl -s --haproxy-clientip 'a\r\nDELETE /x' DEV/x",
            "exit 2: CR or LF",
        ),
        // Another protocol on the host and port of an endpoint.
        (
            "curl -s wss://tenants.example/acme/dev/reinfer_/x",
            "exit 2: so its token is not sent",
        ),
        (
            "curl -s gophers://other.example/_DELETE%20/x",
            "exit 2: belongs to profile other",
        ),
        (
            "curl -s gopher://127.0.0.1:9101/_DELETE%20/acme/local/reinfer_/x",
            "exit 2: belongs to profile local",
        ),
        (
            "curl -s telnet://localhost:9101",
            "exit 2: belongs to profile local",
        ),
        // Plain http stays on this machine.
        (
            "-p local curl -s -x http://proxy.example:1 LOCAL/x",
            "exit 2: over plain http",
        ),
        (
            "-p local curl -s --socks5 192.0.2.1 LOCAL/x",
            "exit 2: over plain http",
        ),
        (
            "-p local curl -s --preproxy socks4://192.0.2.1 LOCAL/x",
            "exit 2: over plain http",
        ),
        (
            "-p local curl -s --proxy1.0 192.0.2.1 LOCAL/x",
            "exit 2: over plain http",
        ),
        (
            "-p local curl -s --connect-to ::elsewhere.example:80 LOCAL/x",
            "exit 2: --connect-to leads the connection",
        ),
        (
            "-p local curl -s --connect-to 127.0.0.1:9101:192.0.2.1:9101 LOCAL/x",
            "exit 2: --connect-to leads the connection",
        ),
        (
            "-p local curl -s --resolve 127.0.0.1:9101:192.0.2.1 LOCAL/x",
            "exit 2: --resolve leads the connection",
        ),
        (
            "-p local curl -s --connect-to ::127.0.0.1:9109 LOCAL/x",
            "exit 2: --connect-to leads the connection",
        ),
        // Control characters.
        ("curl -s 'DEV/x\ny'", "exit 2: cannot judge the URL"),
        ("curl -s 'DEV/x\ry'", "exit 2: cannot judge the URL"),
        (
            "curl -s -H 'X: a\r\nY: b' DEV/x",
            "exit 2: -H: header values must not contain CR or LF",
        ),
        (
            "curl -s -H 'X: a\nY: b' DEV/x",
            "exit 2: -H: header values must not contain CR or LF",
        ),
        ("curl -s -A 'a\r\nY: b' DEV/x", "exit 2: CR or LF"),
        ("curl -s -e 'a\r\nY: b' DEV/x", "exit 2: CR or LF"),
        ("curl -s -b 'a=b\r\nY: b' DEV/x", "exit 2: CR or LF"),
        ("curl -s -r '1-2\r\nY: b' DEV/x", "exit 2: CR or LF"),
        (
            "curl -s --oauth2-bearer 'a\"\nurl = \"https://elsewhere.example' DEV/x",
            "exit 2: CR or LF",
        ),
        (
            "curl -s -X 'GET /x HTTP/1.1\r\nY: b' DEV/x",
            "exit 2: is not a method",
        ),
        ("curl -s -X 'GET /evil' DEV/x", "exit 2: is not a method"),
        ("curl -s -X '' DEV/x", "-q -K DEV --globoff -s -X '' DEV/x"),
        // A known token in a request to another place, in any argument.
        (
            "curl -s -H 'Authorization: Bearer $OTHER.' DEV/x",
            "exit 2: the token of profile other",
        ),
        (
            "curl -s -H 'Authorization: Bearer $DEV.' ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --oauth2-bearer $DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -d token=$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --json '{\"a\":\"$DEV.\"}' ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --data-urlencode a=$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -F a=$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -b t=$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -u u:$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -e $DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -A $DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -U u:$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -x http://u:$DEV.@p.example ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --proxy-header 'X: $DEV.' ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s ELSEWHERE/x?key=$DEV.",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s ELSEWHERE/x?key=%53EKRET-0123",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s ELSEWHERE/x?key=%2553EKRET-0123",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s https://u:$DEV.@elsewhere.example/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --url-query k=$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -H 'Authorization: Basic dTpTRUtSRVQtMDEyMw==' ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -H 'authorization: bAsIc dTpTRUtSRVQtMDEyMw==' ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s -H 'Proxy-Authorization: Basic dTpTRUtSRVQtMDEyMw==' ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --variable a=$DEV. --expand-url 'ELSEWHERE/{{a}}'",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s --brand-new=$DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        (
            "curl -s DEV/x --next -s -d $DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
        // What curl cannot read is not run.
        ("curl -s DEV/x -d", "exit 2: -d needs a value"),
        ("curl -s DEV/x -", "exit 2: '-' is not an option"),
        ("-p nosuch curl DEV/x", "exit 2: nosuch"),
    ];
    check(PROFILES, &table);
}

/// Lines that are more than a read, with the path where the URL belongs.
const WRITES: [&str; 62] = [
    "-X DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-XDELETE 'BASE/api/v1/datasets/retail/orders'",
    "-sXdElEtE 'BASE/api/v1/datasets/retail/orders'",
    "--request DELETE 'BASE/api/v1/datasets/retail/orders'",
    "--request=DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-X GET -X DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-X NEWVERB 'BASE/api/v1/datasets/retail/orders'",
    "-I -X DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-X PUT --json {} 'BASE/api/v1/sources/retail/support'",
    "-T file 'BASE/api/v1/sources/retail/support'",
    "-T file 'BASE/api/v1/sources/retail/'",
    "-T - 'BASE/api/v1/sources/retail/support'",
    "-d '' 'BASE/api/v1/sources/retail/support/sync'",
    "--json '{\"comments\":[]}' 'BASE/api/v1/sources/retail/support/sync'",
    "--json @file 'BASE/api/v1/sources/retail/support/sync'",
    "-F a=b 'BASE/api/v1/unlisted/retail'",
    "--form-string a=b 'BASE/api/v1/unlisted/retail'",
    "-d a=b 'BASE/api/v1/datasets/retail/orders/streams/s/advance'",
    "-d a=b 'BASE/api/v1/unlisted/retail'",
    "-X POST 'BASE/api/v1/unlisted/retail'",
    // An override of the method.
    "-H 'X-HTTP-Method-Override: DELETE' 'BASE/api/v1/datasets/retail/orders'",
    "-H 'x-http-method-override:delete' 'BASE/api/v1/datasets/retail/orders'",
    "-H 'X_HTTP_Method_Override: DELETE' 'BASE/api/v1/datasets/retail/orders'",
    "-H 'X-Method-Override: PUT' 'BASE/api/v1/datasets/retail/orders'",
    "-H 'X-HTTP-Method: PATCH' 'BASE/api/v1/datasets/retail/orders'",
    "-H 'X-METHOD: DELETE' 'BASE/api/v1/datasets/retail/orders'",
    "'BASE/api/v1/datasets/retail/orders?_method=DELETE'",
    "'BASE/api/v1/datasets/retail/orders?a=1;_method=DELETE'",
    "'BASE/api/v1/datasets/retail/orders?_method[]=DELETE'",
    "'BASE/api/v1/datasets/retail/orders?%5fmethod=DELETE'",
    "--url-query _method=DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-G -d _method=DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-G --data-urlencode _method=DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-d _method=DELETE 'BASE/api/v1/datasets/retail/orders/export'",
    "-d a=1 -d _method=DELETE 'BASE/api/v1/datasets/retail/orders/export'",
    "-d 'a=1;_method=DELETE' 'BASE/api/v1/datasets/retail/orders/export'",
    "--data-raw _method=DELETE 'BASE/api/v1/datasets/retail/orders/export'",
    "--data-binary _method=DELETE 'BASE/api/v1/datasets/retail/orders/export'",
    "--data-urlencode _method=DELETE 'BASE/api/v1/datasets/retail/orders/export'",
    "-F _method=DELETE 'BASE/api/v1/datasets/retail/orders/export'",
    "-F '_method[]=DELETE' 'BASE/api/v1/datasets/retail/orders/export'",
    "--json '{\"_method\":\"DELETE\"}' 'BASE/api/v1/datasets/retail/orders/export'",
    "--json '{\"_met' --json 'hod\":\"DELETE\"}' 'BASE/api/v1/datasets/retail/orders/export'",
    "--url-query +_method=DELETE 'BASE/api/v1/datasets/retail/orders'",
    // A form that is not on the line.
    "-d @form 'BASE/api/v1/datasets/retail/orders/export'",
    "-d @- 'BASE/api/v1/datasets/retail/orders/export'",
    "--data-urlencode x@form 'BASE/api/v1/datasets/retail/orders/export'",
    "-F x=@form 'BASE/api/v1/datasets/retail/orders/export'",
    "-F 'x=<form' 'BASE/api/v1/datasets/retail/orders/export'",
    "-X POST -T form 'BASE/api/v1/datasets/retail/orders/export'",
    "--json @form -H 'Content-Type: application/x-www-form-urlencoded' 'BASE/api/v1/datasets/retail/orders/export'",
    // A header that names another path.
    "-H 'X-Original-URL: /acme/prod/reinfer_/api/v1/datasets/retail/orders' 'BASE/api/v1/projects'",
    "-H 'X-Rewrite-URL: /acme/prod/reinfer_/other' 'BASE/api/v1/projects'",
    // A path that servers read in two ways is never a read.
    "--json {} 'BASE/api/v1/datasets/retail/orders%3F/export'",
    "--json {} 'BASE/api/v1/datasets/retail/orders%23/export'",
    "--json {} 'BASE/api/v1/datasets/retail/orders;/export'",
    "--json {} 'BASE/api/v1/datasets/retail/streams/s/advance%253F/export'",
    "--json {} 'BASE/api/v1/datasets/retail//orders/export'",
    // Among several URLs.
    "-X DELETE 'BASE/api/v1/projects' 'BASE/api/v1/datasets/retail/orders'",
    "'BASE/api/v1/projects' --next -X DELETE 'BASE/api/v1/datasets/retail/orders'",
    "-X DELETE 'BASE/api/v1/projects' --next 'BASE/api/v1/projects'",
    "-X DELETE 'BASE/api/v1/datasets/retail/{a,b}'",
];

#[test]
fn guards_hold_however_the_write_is_asked_for() {
    let mut table = Vec::new();
    for write in WRITES {
        for (profile, host) in [("prod", "PROD"), ("ro", "READONLY")] {
            let line = format!("-p {profile} curl -s {}", write.replace("BASE", host));
            let says = format!("exit 9: refused by the guard of profile {profile} ");
            table.push((line, says));
        }
    }
    let table: Vec<(&str, &str)> = table
        .iter()
        .map(|(line, says)| (&**line, &**says))
        .collect();
    check(&all(), &table);
}

#[test]
fn what_a_guard_allows_is_run() {
    let table = [
        (
            "-p prod curl -s PROD/api/v1/datasets/retail/orders",
            "-q -K PROD --globoff -s PROD/api/v1/datasets/retail/orders",
        ),
        (
            "-p prod curl -sI PROD/api/v1/datasets",
            "-q -K PROD --globoff -s -I PROD/api/v1/datasets",
        ),
        (
            "-p prod curl -s --json {} PROD/api/v1/datasets/retail/orders/export",
            "-q -K PROD --globoff -s --json {} PROD/api/v1/datasets/retail/orders/export",
        ),
        (
            "-p prod curl -s --json @file PROD/api/v1/datasets/retail/orders/export",
            "-q -K PROD --globoff -s --json @file PROD/api/v1/datasets/retail/orders/export",
        ),
        (
            "-p prod curl -s -H 'Content-Type: application/json' -d @file PROD/api/v1/datasets/retail/orders/export",
            "-q -K PROD --globoff -s -H 'Content-Type: application/json' -d @file PROD/api/v1/datasets/retail/orders/export",
        ),
        (
            "-p prod curl -sL --json {} PROD/api/v1/datasets/retail/orders/export",
            "-q -K PROD --globoff -s --json {} PROD/api/v1/datasets/retail/orders/export",
        ),
        (
            "-p prod curl -s -d a=b@c PROD/api/v1/datasets/retail/orders/export",
            "-q -K PROD --globoff -s -d a=b@c PROD/api/v1/datasets/retail/orders/export",
        ),
        (
            "-p prod curl -s --data-raw @c PROD/api/v1/datasets/retail/orders/export",
            "-q -K PROD --globoff -s --data-raw @c PROD/api/v1/datasets/retail/orders/export",
        ),
        (
            "-p prod curl -s -G -d a=b PROD/api/v1/datasets",
            "-q -K PROD --globoff -s -G -d a=b PROD/api/v1/datasets",
        ),
        (
            "-p ro curl -s READONLY/api/v1/datasets",
            "-q -K RO --globoff -s READONLY/api/v1/datasets",
        ),
        (
            "-p localro curl -s LOCALRO/api/v1/datasets",
            "-q -K LOCALRO --globoff --noproxy '*' -s LOCALRO/api/v1/datasets",
        ),
        (
            "-p prod --confirm prod curl -s -X DELETE PROD/api/v1/datasets/retail/orders",
            "-q -K PROD --globoff -s -X DELETE PROD/api/v1/datasets/retail/orders",
        ),
        (
            "-p prod curl -s -X DELETE PROD/api/v1/datasets/retail/orders --confirm prod",
            "-q -K PROD --globoff -s -X DELETE PROD/api/v1/datasets/retail/orders",
        ),
        (
            "-p prod curl -s -X DELETE PROD/api/v1/datasets/retail/orders --confirm=dev",
            "exit 9: prod",
        ),
        (
            "-p prod curl -s -X DELETE PROD/api/v1/datasets/retail/orders --confirm ''",
            "exit 9: prod",
        ),
        (
            "-p ro curl -s -X DELETE READONLY/api/v1/datasets/ro/orders --confirm ro",
            "exit 9: is read-only",
        ),
        // A profile without a guard, beside guarded ones.
        (
            "curl -s -X DELETE DEV/api/v1/datasets/retail-dev/orders",
            "-q -K DEV --globoff -s -X DELETE DEV/api/v1/datasets/retail-dev/orders",
        ),
        ("curl -s -X DELETE ELSEWHERE/x", "-s -X DELETE ELSEWHERE/x"),
        (
            "curl -s -k -X DELETE ELSEWHERE/x",
            "-s -k -X DELETE ELSEWHERE/x",
        ),
        ("curl -s -k DEV/x", "-q -K DEV --globoff -s -k DEV/x"),
        ("curl -s 'ELSEWHERE/{a,b}'", "-s 'ELSEWHERE/{a,b}'"),
        (
            "curl -sg 'https://tenants.example/acme/{a,b}'",
            "-s -g 'https://tenants.example/acme/{a,b}'",
        ),
        (
            "curl -s ftp://elsewhere.example/x",
            "-s ftp://elsewhere.example/x",
        ),
    ];
    check(&all(), &table);
}

#[test]
fn what_cannot_be_judged_is_refused_where_a_guard_could_be_concerned() {
    let table = [
        ("curl -s -K file ELSEWHERE/x", "exit 2: -K can hold a URL"),
        ("curl -s -Kfile", "exit 2: -K can hold a URL"),
        (
            "curl -s --variable a=b --expand-url 'ELSEWHERE/{{a}}'",
            "exit 2: --variable can hold a URL",
        ),
        (
            "curl -s --expand-url 'ELSEWHERE/x'",
            "exit 2: --expand-url is not an option",
        ),
        ("curl -s --url @list", "exit 2: --url can hold a URL"),
        ("curl -s -H @list ELSEWHERE/x", "exit 2: -H can hold a URL"),
        (
            "curl -s --brand-new ELSEWHERE/x",
            "exit 2: --brand-new is not an option that rein knows",
        ),
        (
            "curl -s --unix-socket /s ELSEWHERE/x",
            "exit 2: --unix-socket",
        ),
        (
            "curl -s --request-target /x ELSEWHERE/x",
            "exit 2: --request-target",
        ),
        (
            "curl -s -X DELETE 'https://{readonly,x}.example/x'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https://x[1-2].example/x'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https://tenants.example/acme/{prod,x}/reinfer_/api'",
            "exit 2: braces or brackets",
        ),
        (
            "curl -s -X DELETE 'https://readonly.example\\@elsewhere.example/x'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https://a@b@readonly.example/x'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https://elsewhere.example\tx'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https:/readonly.example/x'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https:readonly.example/x'",
            "exit 2: cannot judge the URL",
        ),
        (
            "curl -s -X DELETE 'https:///readonly.example/x'",
            "exit 2: cannot judge the URL",
        ),
        // The guard's place is reached under another name.
        (
            "curl -s -X DELETE --connect-to ::readonly.example:443 ELSEWHERE/x",
            "exit 2: --connect-to leads the connection",
        ),
        (
            "curl -s -X DELETE --connect-to elsewhere.example:443:readonly.example: ELSEWHERE/x",
            "exit 2: --connect-to leads the connection",
        ),
        (
            "curl -s -X DELETE --connect-to 'elsewhere.example:443:[::1]:9102' ELSEWHERE/x",
            "exit 2: --connect-to leads the connection",
        ),
        (
            "curl -s -X DELETE --resolve x.example:9102:127.0.0.1 http://x.example:9102/x",
            "exit 2: --resolve leads the connection",
        ),
        (
            "curl -s -X DELETE --resolve +x.example:9102:127.0.0.1 http://x.example:9102/x",
            "exit 2: --resolve leads the connection",
        ),
        (
            "curl -s -X DELETE --resolve 'x.example:9102:10.0.0.1,[::1]' http://x.example:9102/x",
            "exit 2: --resolve leads the connection",
        ),
        (
            "curl -s -X DELETE -x http://127.0.0.1:9102 http://elsewhere.example/x",
            "exit 2: localro",
        ),
        (
            "curl -s -X DELETE --socks5 127.0.0.1:9102 http://elsewhere.example/x",
            "exit 2: localro",
        ),
        (
            "curl -s -X DELETE --preproxy socks4://127.0.0.1:9102 http://elsewhere.example/x",
            "exit 2: localro",
        ),
        (
            "curl -s -X DELETE -H 'Host: readonly.example' http://elsewhere.example/x",
            "exit 2: ro",
        ),
        // -k under a guard.
        (
            "-p prod curl -s -k PROD/api/v1/datasets",
            "exit 2: -k is refused for the guarded profile prod",
        ),
        (
            "-p ro curl -s --insecure READONLY/x",
            "exit 2: -k is refused for the guarded profile ro",
        ),
        (
            "-p ro curl -s --insec READONLY/x",
            "exit 2: -k is refused for the guarded profile ro",
        ),
    ];
    check(&all(), &table);
    // A config file that cannot be read could hold a guard.
    for (line, at, exit) in [
        ("curl -s ELSEWHERE/x", "", 2),
        ("curl -s -X DELETE ELSEWHERE/x", "", 2),
        (
            "curl -s -X DELETE https://own.example/x",
            "https://own.example",
            9,
        ),
        ("curl -s -X DELETE ELSEWHERE/x", "https://own.example", 9),
        ("curl -s -K f ELSEWHERE/x", "https://own.example", 2),
        ("curl -s https://own.example/x", "https://own.example", 0),
        ("curl -s ELSEWHERE/x", "https://own.example", 0),
    ] {
        let words = shell_words::split(&meant(line)).expect("words");
        let call = call("this is no toml", &words);
        let call = if at.is_empty() { call } else { call.at(at) };
        let stand_in = StandIn::new();
        let finished = stand_in.of(call).run().exit(exit);
        assert_eq!(stand_in.has_run(), exit == 0, "{finished}");
    }
}

/// A proxy that only the environment names is a place that the connection reaches, as one that an
/// option names is.
#[test]
fn a_proxy_of_the_environment_is_judged_like_one_of_an_option() {
    let guarded = "http://127.0.0.1:9102";
    let line = "curl -s -X DELETE DEV/api/v1/datasets/lr/orders";
    let (by_option, seen) = run(&all(), &format!("{line} -x {guarded}"));
    assert!(seen.is_none() && by_option.exit == 9, "{by_option}");
    let words = shell_words::split(&meant(line)).expect("words");
    for (name, value, exit) in [
        ("https_proxy", guarded, 9),
        ("HTTPS_PROXY", guarded, 9),
        ("all_proxy", guarded, 9),
        ("ALL_PROXY", "127.0.0.1:9102", 9),
        // Not for https.
        ("http_proxy", guarded, 0),
        ("https_proxy", "http://proxy.example:3128", 0),
    ] {
        let stand_in = StandIn::new();
        let finished = stand_in.of(call(&all(), &words).var(name, value)).run();
        assert_eq!(finished.exit, exit, "{name} {finished}");
        assert_eq!(stand_in.has_run(), exit == 0, "{name} {finished}");
    }
}

#[test]
fn no_spelling_of_a_url_leads_past_its_owner() {
    let hosts = [
        "http://127.0.0.1:9102",
        "http://localhost:9102",
        "http://LOCALHOST:9102",
        "http://localhost.:9102",
        "http://a.localhost:9102",
        "http://127.1:9102",
        "http://127.9.9.9:9102",
        "http://2130706433:9102",
        "http://0x7f000001:9102",
        "http://0177.0.0.1:9102",
        "http://0.0.0.0:9102",
        "http://0:9102",
        "http://[::1]:9102",
        "http://[::]:9102",
        "http://[::ffff:127.0.0.1]:9102",
        "http://[::ffff:7f00:1]:9102",
        "http://[0:0:0:0:0:0:0:1]:9102",
        "https://127.0.0.1:9102",
        "HTTP://127.0.0.1:9102",
        "127.0.0.1:9102",
        "http://u:p@127.0.0.1:9102",
        "http://127.0.0.1:09102",
        "https://readonly.example",
        "https://READONLY.example",
        "https://readonly.example.",
        "https://readonly.example:443",
        "http://readonly.example",
        "http://readonly.example:80",
        "http://readonly.example:443",
        "https://readonly.ex%61mple",
        "https://readonly\u{3002}example",
        "https://\u{ff52}eadonly.example",
    ];
    let paths = [
        "/acme/prod/reinfer_",
        "/ACME/Prod/Reinfer_",
        "/%61cme/prod/reinfer_",
        "/%2561cme/prod/reinfer_",
        "/%252561cme/prod/reinfer_",
        "/acme//prod/reinfer_",
        "//acme/prod/reinfer_",
        "/acme/prod;x/reinfer_",
        "/acme/prod;x=1/reinfer_/",
        "/acme/prod/reinfer_;v=1",
        "/acme/prod/reinfer_%20",
        "/acme/prod./reinfer_",
        "/acme%2Fprod/reinfer_",
        "/acme%5Cprod/reinfer_",
        "/acme\\prod/reinfer_",
        "/acme/./prod/reinfer_",
        "/acme/x/../prod/reinfer_",
        "/acme/x/..;/prod/reinfer_",
        "/acme/x/%2e%2e/prod/reinfer_",
        "/acme/x/.%2E/prod/reinfer_",
        "/acme/x/%252e%252e/prod/reinfer_",
        "/acme/x/%c0%ae%c0%ae/prod/reinfer_",
        "/acme/dev/reinfer_/../../prod/reinfer_",
        "/acme/prod/reinfer_%00",
    ];
    let spelled = paths.map(|path| format!("https://tenants.example{path}"));
    let mut wrong = Vec::new();
    for base in hosts.iter().map(|&host| host.to_owned()).chain(spelled) {
        let url = format!("{base}/api/v1/datasets/retail/orders");
        for profile in ["dev", "demo", "prod", "ro", "localro"] {
            let words = [
                "-p",
                profile,
                "curl",
                "-s",
                "--path-as-is",
                "-X",
                "DELETE",
                &url,
            ];
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            let stand_in = StandIn::new();
            let finished = stand_in.of(call(&all(), &words)).run();
            if stand_in.has_run() || !matches!(finished.exit, 2 | 9) {
                wrong.push(finished.to_string());
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_guard_follows_the_data() {
    let twins = format!(
        "{}\n[profiles.sandbox]\nendpoint = \"https://tenants.example/acme/prod/reinfer_\"\nproject = \"sandbox\"\n\
         token_env = \"DEV\"\n[profiles.outer]\nendpoint = \"https://tenants.example/acme\"\ntoken_env = \"OTHER\"\n",
        all()
    );
    let table = [
        (
            "-p sandbox curl -s -X DELETE PROD/api/v1/datasets/sandbox/x",
            "-q -K DEV --globoff -s -X DELETE PROD/api/v1/datasets/sandbox/x",
        ),
        (
            "-p sandbox curl -s -X DELETE PROD/api/v1/datasets/retail/x",
            "exit 9: --confirm prod",
        ),
        (
            "-p sandbox curl -s -X DELETE PROD/api/v1/datasets/RETAIL/x",
            "exit 9: --confirm prod",
        ),
        (
            "-p sandbox curl -s -X DELETE PROD/api/v1/datasets/id:123",
            "exit 9: --confirm prod",
        ),
        (
            "-p sandbox curl -s -X DELETE PROD/api/v1/datasets/retail/x --confirm prod",
            "-q -K DEV --globoff -s -X DELETE PROD/api/v1/datasets/retail/x",
        ),
        (
            "-p sandbox curl -s PROD/api/v1/datasets/retail/x",
            "-q -K DEV --globoff -s PROD/api/v1/datasets/retail/x",
        ),
        // An endpoint above another profile's.
        (
            "-p outer curl -s https://tenants.example/acme/x",
            "-q -K OTHER --globoff -s https://tenants.example/acme/x",
        ),
        ("-p outer curl -s PROD/api/v1/x", "exit 2: prod"),
        (
            "-p outer curl -s -X DELETE PROD/api/v1/datasets/retail/orders",
            "exit 2: prod",
        ),
        (
            "-p outer curl -s https://tenants.example/acme//prod/reinfer_/api/v1/x",
            "exit 2: ",
        ),
        (
            "-p outer curl -s https://tenants.example/acme/x/../prod/reinfer_/api/v1/x",
            "exit 2: ",
        ),
    ];
    check(&twins, &table);
    // By an endpoint alone, and by the environment.
    let folder = tempfile::tempdir().expect("a folder");
    let token = folder.path().join("token");
    std::fs::write(&token, CANARY).expect("written");
    crate::support::command::set_mode(&token, 0o600);
    let token = token.display().to_string();
    for endpoint in [
        "https://tenants.example",
        "https://tenants.example/acme",
        "https://tenants.example/acme/prod",
        "https://tenants.example/acme/prod/reinfer_",
    ] {
        let url = meant("PROD/api/v1/datasets/retail/orders");
        let words = ["curl", "-s", "-X", "DELETE", &url];
        let own = ["--endpoint", endpoint, "--token-file", &token];
        let behind = [&words[..], &own[..]].concat();
        for call in [
            rein([&own[..], &words[..]].concat()),
            rein(behind),
            rein(words).at(endpoint),
        ] {
            let stand_in = StandIn::new();
            let finished = stand_in.of(call.config(&all())).run();
            assert!(!stand_in.has_run(), "{finished}");
            assert!(matches!(finished.exit, 2 | 9), "{finished}");
        }
    }
}

#[test]
fn a_line_without_a_profile_needs_none() {
    let none = PROFILES.replace("default_profile = \"dev\"", "");
    let table = [
        ("curl -s ELSEWHERE/x", "-s ELSEWHERE/x"),
        (
            "curl -s OTHER/x",
            "exit 2: the URL belongs to profile other",
        ),
        (
            "-p other curl -s OTHER/x",
            "-q -K OTHER --globoff -s OTHER/x",
        ),
        (
            "curl -s 'https://<my_api_endpoint>/api/v1/x'",
            "exit 2: no profile says what the documented host is",
        ),
        (
            "curl -s -d $DEV. ELSEWHERE/x",
            "exit 2: the token of profile dev",
        ),
    ];
    check(&none, &table);
    let table = [
        ("curl -s ELSEWHERE/x", "-s ELSEWHERE/x"),
        (
            "curl -s 'https://<my_api_endpoint>/api/v1/x'",
            "exit 2: REINFER_ENDPOINT",
        ),
        ("-p nosuch curl -s ELSEWHERE/x", "exit 2: nosuch"),
    ];
    check("", &table);
}

/// A token is in a descriptor of its own, and nowhere else; without one, curl has the descriptors
/// that it would have without rein.
#[test]
fn the_token_is_in_a_descriptor_alone() {
    let (_, bare) = run(PROFILES, "curl -s ELSEWHERE/x");
    let (_, one) = run(PROFILES, "curl -s DEV/x");
    let (_, two) = run(PROFILES, "curl -s DEV/x --next -s DEV/y");
    let [bare, one, two] = [bare, one, two].map(|seen| seen.expect("a run"));
    assert_eq!(one.descriptors.len(), bare.descriptors.len() + 1, "{one:?}");
    assert_eq!(two.descriptors.len(), bare.descriptors.len() + 2, "{two:?}");
    // A bearer that was given is not left in a variable either.
    let given =
        shell_words::split(&meant("curl -s DEV/x --oauth2-bearer GIVEN-0123")).expect("words");
    let stand_in = StandIn::new();
    let call = stand_in
        .of(call(PROFILES, &given))
        .var("MINE", "a GIVEN-0123");
    call.run().exit(0);
    let seen = stand_in.seen().expect("a run");
    assert!(
        !(seen.arguments.join(" ") + &seen.environment).contains("GIVEN"),
        "{seen:?}"
    );
    for seen in [&one, &two] {
        for words in seen.arguments.windows(2).filter(|words| words[0] == "-K") {
            let number = words[1].strip_prefix("/dev/fd/").expect("a descriptor");
            assert!(
                seen.descriptors.iter().any(|open| open == number),
                "{seen:?}"
            );
        }
        let token = format!("header = \"Authorization: Bearer {CANARY}\"\n");
        assert!(
            seen.configs.iter().all(|config| *config == token),
            "{seen:?}"
        );
        assert!(!seen.environment.contains("SEKRET"), "{seen:?}");
    }
}

#[test]
fn a_token_of_any_length_and_source_is_handed_over() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("token");
    // What a pipe holds, and more than that.
    for token in ["short-token-1", &"t".repeat(65_000), &"\"\\".repeat(30_000)] {
        std::fs::write(&path, format!("{token}\n")).expect("written");
        crate::support::command::set_mode(&path, 0o600);
        let file = path.display().to_string();
        let words = [
            "curl",
            "-s",
            "https://own.example/x",
            "--endpoint",
            "https://own.example",
        ];
        let stand_in = StandIn::new();
        let words = [&words[..], &["--token-file", &file]].concat();
        stand_in.of(rein(&words)).run().exit(0);
        let seen = stand_in.seen().expect("a run");
        let escaped = token.replace('\\', "\\\\").replace('"', "\\\"");
        let expected = format!("header = \"Authorization: Bearer {escaped}\"\n");
        assert!(seen.configs == [expected], "{} bytes", token.len());
        // A curl that does not read it is not waited for longer than it runs.
        let stand_in = StandIn::new();
        let call = stand_in.of(rein(&words)).var("IGNORES_CONFIGS", "1");
        call.var("ENDS", "7").run().exit(7);
        assert_eq!(stand_in.seen().expect("a run").configs, [""; 0]);
    }
    // Without a token nothing is run.
    let stand_in = StandIn::new();
    let words = ["-p", "a", "curl", "-s", "https://own.example/x"];
    let call = rein(words).config("[profiles.a]\nendpoint = \"https://own.example\"\n");
    let finished = stand_in.of(call).run().exit(2);
    assert!(!stand_in.has_run(), "{finished}");
}

#[test]
fn notes_say_what_was_changed_and_s_silences_them_but_no_refusal() {
    for (line, says) in [
        (
            "curl -L DEV/x",
            "note: -L is left out: redirects of a profile's URL are shown, not followed",
        ),
        ("curl --location DEV/x", "note: --location is left out"),
        (
            "curl 'https://<my_api_endpoint>/x'",
            "note: the documented host is https://tenants.example/acme/dev/reinfer_ (profile dev)",
        ),
        (
            "curl 'DEV/<project>'",
            "note: filled in: https://tenants.example/acme/dev/reinfer_/retail-dev",
        ),
        ("curl curl DEV/x", "note: a leading curl was left out"),
        (
            "curl \u{201c}DEV/x\u{201d}",
            "note: typographic quotes were taken for plain ones",
        ),
    ] {
        let (finished, _) = run(PROFILES, line);
        finished.exit(0).says(says);
        let (finished, _) = run(PROFILES, &format!("{line} -s"));
        assert!(finished.exit(0).stderr.is_empty(), "{line}");
        let (finished, _) = run(PROFILES, &format!("-s {line}"));
        assert!(finished.exit(0).stderr.is_empty(), "{line}");
    }
    let (finished, _) = run(PROFILES, "curl DEV/x");
    assert!(finished.exit(0).stderr.is_empty(), "nothing was changed");
    for line in [
        "curl -s OTHER/x",
        "-s -p ro curl -X DELETE READONLY/x",
        "curl -s -K f DEV/x",
    ] {
        let (finished, seen) = run(&all(), line);
        assert!(seen.is_none() && !finished.stderr.is_empty(), "{finished}");
    }
}

#[test]
fn streams_and_exit_codes_are_curls() {
    let codes = [0, 1, 2, 3, 6, 7, 9, 18, 22, 23, 28, 35, 56, 60, 77, 97, 255];
    for code in codes {
        for url in ["DEV/x", "ELSEWHERE/x"] {
            let words = shell_words::split(&meant(&format!("curl -s {url}"))).expect("words");
            let stand_in = StandIn::new();
            let call = stand_in
                .of(call(PROFILES, &words))
                .var("ENDS", code.to_string());
            let finished = call.run().exit(code);
            assert!(
                finished.stdout.is_empty() && finished.stderr.is_empty(),
                "{finished}"
            );
        }
    }
    let words = shell_words::split(&meant("curl -s -d @- DEV/x")).expect("words");
    let stand_in = StandIn::new();
    let input: Vec<u8> = (0..=255_u8).cycle().take(100_000).collect();
    stand_in
        .of(call(PROFILES, &words))
        .var("TAKES_INPUT", "1")
        .var("PRINTS", "a\\0000b\\0033[2J\\n")
        // The variable does not hold the token as it is, or curl would not get it.
        .var("COMPLAINS", "said SEKRET\\00550123 and SEKRET\\n")
        .stdin(input.clone())
        .run()
        .exit(0)
        .stdout(b"a\0b\x1b[2J\n")
        .says("said (redacted) and SEKRET\n")
        .no_canary();
    let got = std::fs::read(stand_in.path("input")).expect("read");
    assert!(got == input);
}

#[test]
fn a_signal_reaches_curl_and_ends_rein_too() {
    use std::os::unix::process::ExitStatusExt;
    for url in ["DEV/x", "ELSEWHERE/x"] {
        for (name, number) in [("INT", 2), ("TERM", 15), ("HUP", 1)] {
            let words = shell_words::split(&meant(&format!("curl -s {url}"))).expect("words");
            let stand_in = StandIn::new();
            let call = stand_in.of(call(PROFILES, &words)).var("WAITS", "1");
            let mut child = call.start();
            while !stand_in.has_run() {
                if child.try_wait().expect("a state").is_some() {
                    let output = child.wait_with_output().expect("an end");
                    panic!("ended before it ran curl: {output:?}");
                }
                std::thread::yield_now();
            }
            let kill = std::process::Command::new("kill")
                .args([format!("-{name}"), child.id().to_string()])
                .status();
            assert!(kill.expect("kill").success());
            // The outputs end only when curl has ended as well.
            let output = child.wait_with_output().expect("an end");
            assert_eq!(output.status.signal(), Some(number), "{name} {output:?}");
        }
    }
}

/// Ctrl-C in a terminal is a signal for both.
#[cfg(target_os = "linux")]
#[test]
fn ctrl_c_ends_both() {
    use crate::output::{in_a_shell, typing_on_a_terminal_when_asked};
    for url in ["DEV/x", "ELSEWHERE/x"] {
        let words = shell_words::split(&meant(&format!("curl -s {url}"))).expect("words");
        let stand_in = StandIn::new();
        let call = stand_in.of(call(PROFILES, &words));
        let call = call.var("PRINTS", "running: ").var("WAITS", "1");
        let script = "trap : INT; \"$0\" \"$@\"; echo \"ended with $?\"";
        let shell = in_a_shell(&call.command(), script);
        let seen = typing_on_a_terminal_when_asked(&shell, "\u{3}");
        assert!(seen.contains("ended with 130"), "{seen:?}");
    }
}

/// More than a pipe holds in both, in whatever order it is written.
#[cfg(target_os = "linux")]
#[test]
fn both_outputs_of_curl_are_passed_on_to_a_terminal() {
    let words = shell_words::split(&meant("curl -s DEV/x")).expect("words");
    let stand_in = StandIn::new();
    let call = stand_in.of(call(PROFILES, &words)).var("FILLS", "200000");
    let seen = crate::output::on_a_terminal(&call.command());
    for letter in ["o", "e", "O"] {
        assert_eq!(seen.matches(letter).count(), 200_000, "{letter}");
    }
}

#[test]
fn a_curl_that_is_rein_is_noticed() {
    let own = env!("CARGO_BIN_EXE_rein");
    let folder = tempfile::tempdir().expect("a folder");
    let [linked, real, wrapped] = ["linked", "real", "wrapped"].map(|name| {
        let place = folder.path().join(name);
        std::fs::create_dir(&place).expect("a folder");
        place
    });
    std::os::unix::fs::symlink(own, linked.join("curl")).expect("a link");
    std::os::unix::fs::symlink(StandIn::program(), real.join("curl")).expect("a link");
    let wrapper = wrapped.join("curl");
    std::fs::write(&wrapper, format!("#!/bin/sh\nexec {own} curl \"$@\"\n")).expect("written");
    crate::support::command::set_mode(&wrapper, 0o755);
    let path = |folders: &[&std::path::Path]| std::env::join_paths(folders).expect("a PATH");
    let line = || rein(["curl", "-s", "https://own.example/x"]).at("https://own.example");
    // A link to rein is skipped, and so is a folder.
    let stand_in = StandIn::new();
    std::fs::create_dir(folder.path().join("curl")).expect("a folder");
    let call = stand_in.recording(line());
    let system = std::path::Path::new("/usr/bin:/bin");
    let folders = [&*linked, folder.path(), &*real, system].map(|one| one.display().to_string());
    call.var("PATH", folders.join(":")).run().exit(0);
    assert!(stand_in.has_run());
    // A wrapper runs rein once more.
    for (name, value) in [
        ("PATH", path(&[&*wrapped, &*real])),
        ("REIN_CURL", wrapper.clone().into_os_string()),
    ] {
        let stand_in = StandIn::new();
        stand_in
            .recording(line())
            .var(name, value)
            .run()
            .exit(2)
            .says("leads back to rein")
            .says("REIN_CURL=")
            .no_canary();
        assert!(!stand_in.has_run());
    }
    // The name of a program that is not one.
    for value in [
        linked.join("curl"),
        folder.path().join("nothing"),
        real.clone(),
    ] {
        let call = line().var("REIN_CURL", value);
        call.run().exit(2).says("REIN_CURL does not name a curl");
    }
    // A folder in the current directory is not looked in.
    let relative = line().folder(folder.path()).var("PATH", "real");
    relative.run().exit(2).says("no curl is installed");
}

#[test]
fn without_a_curl_the_raw_call_is_named() {
    let url = "https://own.example/api/v1/users";
    let run = rein(["curl", "-sS", "-X", "PUT", "--json", "{}", url])
        .at("https://own.example")
        .var("PATH", "/nonexistent")
        .run()
        .exit(2)
        .stdout("")
        .no_canary();
    run.says("error: no curl is installed")
        .says("nothing was sent")
        .says("rein -s -S -X PUT --json");
    rein(["curl", "https://elsewhere.example/x"])
        .var("PATH", "")
        .run()
        .exit(2)
        .says("no curl is installed");
}

#[test]
fn dry_run_and_explain_run_nothing() {
    let line = "-p prod curl --dry-run -X DELETE 'https://<my_api_endpoint>/api/v1/datasets/<project>/orders'";
    let (finished, seen) = run(&all(), line);
    assert!(seen.is_none());
    let expected = [
        "DELETE https://tenants.example/acme/prod/reinfer_/api/v1/datasets/retail/orders",
        "  owner  prod",
        "  class  destructive (delete-dataset)",
        "  guard  confirm: would be refused without --confirm prod",
        "  token  $PROD",
        "",
        "curl -q -H \"Authorization: Bearer $REINFER_TOKEN\" --globoff -X DELETE \
         https://tenants.example/acme/prod/reinfer_/api/v1/datasets/retail/orders",
        "nothing was sent\n",
    ];
    finished.exit(0).no_canary().stdout(expected.join("\n"));
    let line = "-p prod curl --explain -sSf -X PUT --json '{\"a\":1}' PROD/api/v1/users --http1.0";
    let (finished, seen) = run(&all(), line);
    assert!(seen.is_none());
    finished
        .exit(0)
        .no_canary()
        .stdout("rein -p prod -s -S -f -X PUT --json '{\"a\":1}' /api/v1/users\n");
}
