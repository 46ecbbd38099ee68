//! `rein timing`: reads alone, every one of them counted, and what they come to.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{CANARY, Demo, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok","datasets":[]}"#;
const PATH: &str = "/api/v1/datasets";

fn healthy() -> Recorder {
    Recorder::always(Reply::json(200, OK))
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// A server that takes this long for the head of a response, says so, sends it after a delay of the
/// network, and its body after a delay of the transfer. Returns its address and how many
/// connections there have been.
fn slow(server: u64, network: u64, transfer: u64) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            counted.fetch_add(1, Ordering::SeqCst);
            std::thread::spawn(move || {
                let mut writer = stream.try_clone().expect("a copy");
                let lines = BufReader::new(stream).lines();
                for line in lines.map_while(Result::ok) {
                    if !line.is_empty() {
                        continue;
                    }
                    std::thread::sleep(Duration::from_millis(server + network));
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\
                         Server-Timing: total;dur={server}\r\nContent-Length: {}\r\n\r\n{{",
                        OK.len()
                    );
                    let sent = writer.write_all(head.as_bytes());
                    std::thread::sleep(Duration::from_millis(transfer));
                    if sent.and(writer.write_all(&OK.as_bytes()[1..])).is_err() {
                        return;
                    }
                }
            });
        }
    });
    (url, connections)
}

#[test]
fn reads_are_made_over_one_connection_and_a_warm_up_is_not_counted() {
    let server = healthy();
    let run = rein(["timing", "-n", "5", PATH, "--format", "json"])
        .at(&server.url())
        .run()
        .exit(0)
        .no_canary();
    assert_eq!(server.requests().len(), 6);
    let object = json(&run.stdout_text());
    assert_eq!(
        (&object["made"], &object["failed"]),
        (&Value::from(5), &Value::from(0))
    );
    let reads = object["reads"].as_array().expect("reads");
    assert_eq!(reads.len(), 5);
    for read in reads {
        assert_eq!(read["server_ms"], 1.5);
        // The connection was open by then.
        assert_eq!(read["connect_ms"], Value::Null);
    }
    let (url, connections) = slow(0, 0, 0);
    rein(["timing", "-n", "10", PATH]).at(&url).run().exit(0);
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[test]
fn a_fresh_read_opens_a_connection_and_measures_it() {
    let tenant = Demo::tls();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, tenant.ca_pem.as_deref().expect("an authority")).expect("written");
    let run = rein([
        "timing", "-n", "3", "--fresh", PATH, "--format", "json", "--cacert",
    ])
    .also(ca.as_os_str())
    .var("REINFER_ENDPOINT", &tenant.url)
    .var("REINFER_TOKEN", &tenant.token)
    .run()
    .exit(0);
    let object = json(&run.stdout_text());
    assert_eq!(object["connections"], "fresh");
    assert_eq!(object["profiles"][0]["times_ms"]["tls"]["count"], 3);
    for read in object["reads"].as_array().expect("reads") {
        let time = |name: &str| read[name].as_f64().unwrap_or(0.0);
        assert!(time("connect_ms") > 0.0 && time("tls_ms") > 0.0, "{read}");
        let sum = [
            "lookup_ms",
            "connect_ms",
            "tls_ms",
            "first_byte_ms",
            "transfer_ms",
        ]
        .map(time)
        .iter()
        .sum::<f64>();
        assert!((sum - time("total_ms")).abs() < 0.001, "{read}");
    }
    let (url, connections) = slow(0, 0, 0);
    rein(["timing", "-n", "4", "--fresh", PATH])
        .at(&url)
        .run()
        .exit(0);
    assert_eq!(connections.load(Ordering::SeqCst), 4);
}

#[test]
fn only_reads_are_timed() {
    let server = healthy();
    for words in [
        &["POST", "/api/v1/x", "a=1"][..],
        &["DELETE", PATH],
        &[
            "call",
            "advance-stream",
            "dataset=d",
            "stream=s",
            "sequence_id=a",
            "project=p",
        ],
        &[
            "call",
            "create-source",
            "source=new",
            "project=p",
            "title=A",
        ],
        &[
            "call",
            "predict-raw-emails",
            "project=p",
            "dataset=d",
            "version=1",
            "documents:=[]",
        ],
    ] {
        let line = [&["timing", "-n", "2"], words].concat();
        let run = rein(line).at(&server.url()).run().exit(2);
        assert!(run.stdout.is_empty(), "{run}");
    }
    rein(["timing", "PUT", "/api/v1/x", "a=1"])
        .at(&server.url())
        .run()
        .exit(2)
        .says("only reads are repeated, but PUT /api/v1/x is a write")
        .says("nothing was sent");
    server.saw_nothing();
    // A POST that only reads is one.
    rein([
        "timing",
        "-n",
        "2",
        "call",
        "export-dataset",
        "project=p",
        "dataset=d",
    ])
    .at(&server.url())
    .run()
    .exit(0);
    assert_eq!(server.requests().len(), 3);
    assert!(server.requests()[0].line().starts_with("POST "));
}

#[test]
fn options_without_an_effect_are_refused_by_name() {
    let server = healthy();
    for (words, says) in [
        (&["--retry", "3"][..], "--retry is not supported"),
        (&["-L"], "-L is not supported"),
        (&["--meta", "-"], "--meta"),
        (&["-q", ".x"], "-q"),
        (&["--paginate"], "--paginate"),
        (&["-o", "file"], "-o"),
        (&["--jobs", "17"], "17"),
        (&["--jobs", "2", "--fresh"], "--fresh"),
        (&["-n", "0"], "0"),
        (&["--rate", "0"], "is not a rate"),
        (&["--rate", "1/s", "--every", "1s"], "--every"),
        (
            &["--max-server-time", "250ms"],
            "--max-server-time p95=250ms",
        ),
        (
            &["--max-total-time", "p101=1s"],
            "--max-total-time p95=250ms",
        ),
        (&["--max-total-time", "p50=soon"], "not a duration"),
        (&["--profiles", "a,b", "-p", "a"], "--profile"),
        (&["--html", "/"], "nothing was sent"),
        (&["--report", "x.xml"], "--report junit=FILE"),
    ] {
        let line = [&["timing", PATH], words].concat();
        let run = rein(line).at(&server.url()).run().says(says);
        assert!(matches!(run.exit, 2 | 23), "{run}");
    }
    server.saw_nothing();
}

#[test]
fn failed_reads_are_counted_apart_and_decide_the_code() {
    let server = Recorder::by(|position, _| match position {
        2 => Reply::json(502, r#"{"status":"error"}"#),
        4 => Reply::Reset(Vec::new()),
        _ => Reply::json(200, OK),
    });
    let run = rein(["timing", "-n", "6", PATH])
        .at(&server.url())
        .run()
        .exit(5)
        .says("error: 2 of 6 reads failed\n  1 × 502");
    // No read was retried.
    assert_eq!(server.requests().len(), 7);
    let table = run.stdout_text();
    assert!(table.contains("2 of 6 reads failed"), "{table}");
    let total = table
        .lines()
        .find(|line| line.starts_with("total "))
        .expect("a row");
    assert_eq!(total.split_whitespace().nth(1), Some("4"), "{table}");
}

#[test]
fn what_does_not_pass_by_itself_ends_the_measurement() {
    for (reply, exit) in [
        (Reply::json(403, r#"{"status":"error","message":"no"}"#), 4),
        (Reply::with(200, &[], b"<html><title>Sign in</title>"), 8),
        (Reply::with(302, &["Location: /x"], b""), 3),
    ] {
        let server = Recorder::always(reply);
        rein(["timing", "-n", "50", PATH])
            .at(&server.url())
            .run()
            .exit(exit)
            .stdout("");
        assert_eq!(server.requests().len(), 1);
    }
    // A rate limit does pass.
    let server = Recorder::start(vec![
        Reply::with(
            429,
            &["Content-Type: application/json", "Retry-After: 0"],
            b"{}",
        ),
        Reply::json(200, OK),
    ]);
    rein(["timing", "-n", "3", PATH])
        .at(&server.url())
        .run()
        .exit(0);
}

#[test]
fn limits_fail_with_11_in_the_report_and_as_an_annotation() {
    let server = healthy();
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("junit.xml");
    let call = |limit: &str| {
        rein([
            "timing",
            "-n",
            "20",
            PATH,
            "--max-server-time",
            limit,
            "--max-total-time",
            "p99=1m",
        ])
        .also("--report")
        .also(format!("junit={}", file.display()))
        .var("GITHUB_ACTIONS", "true")
        .at(&server.url())
        .run()
    };
    let xml = || std::fs::read_to_string(&file).expect("a report");
    call("p95=1s").exit(0).never_says("::error");
    assert!(
        xml().contains("tests=\"3\" failures=\"0\" errors=\"0\""),
        "{}",
        xml()
    );
    call("p95=1ms")
        .exit(11)
        .says("--max-server-time p95=1ms: it was 1.5 ms")
        .says("::error title=rein (exit 11)::");
    assert!(
        xml().contains("tests=\"3\" failures=\"1\" errors=\"0\""),
        "{}",
        xml()
    );
    assert!(xml().contains("--max-server-time p95=1ms"), "{}", xml());
    // What is not known does not hold.
    let silent = Recorder::always(Reply::with(
        200,
        &["Content-Type: application/json"],
        OK.as_bytes(),
    ));
    rein(["timing", "-n", "3", PATH, "--max-server-time", "p50=1h"])
        .at(&silent.url())
        .run()
        .exit(11)
        .says("Server-Timing is absent in 3 of 3 responses");
}

/// Two profiles at two servers.
fn two_profiles(dev: &str, prod: &str) -> String {
    format!(
        "[profiles.dev]\nendpoint = \"{dev}\"\nproject = \"d\"\ntoken_env = \"TOKEN_DEV\"\n\
         [profiles.prod]\nendpoint = \"{prod}\"\nproject = \"p\"\ntoken_env = \"TOKEN_PROD\"\n"
    )
}

#[test]
fn profiles_are_interleaved_and_compared() {
    let (dev, _) = slow(1, 0, 0);
    let (prod, _) = slow(12, 0, 0);
    let config = two_profiles(&dev, &prod);
    let call = |format: &str| {
        rein([
            "timing",
            "--profiles",
            "dev,prod",
            "-n",
            "10",
            "/api/v1/datasets/{project}/orders",
        ])
        .also("--format")
        .also(format)
        .config(&config)
        .var("TOKEN_DEV", CANARY)
        .var("TOKEN_PROD", CANARY)
        .run()
        .exit(0)
        .no_canary()
    };
    let object = json(&call("json").stdout_text());
    let order: Vec<&str> = object["reads"]
        .as_array()
        .expect("reads")
        .iter()
        .map(|read| read["profile"].as_str().expect("a name"))
        .collect();
    assert_eq!(order[..6], ["dev", "prod", "prod", "dev", "dev", "prod"]);
    assert_eq!(order.len(), 20);
    let server = &object["comparisons"][0]["medians_ms"]["server"];
    assert_eq!(
        (&server["difference"], &server["low"]),
        (&Value::from(11.0), &Value::from(11.0))
    );
    assert_eq!(server["larger_than_spread"], true);
    let table = call("table").stdout_text();
    assert!(table.contains("prod less dev"), "{table}");
    assert!(
        table.contains("95 % bootstrap interval of the difference of medians"),
        "{table}"
    );
}

#[test]
fn each_profile_gets_its_own_project_and_token() {
    let (dev, prod) = (healthy(), healthy());
    rein([
        "timing",
        "--profiles",
        "dev,prod",
        "-n",
        "2",
        "/api/v1/datasets/{project}/orders",
    ])
    .config(&two_profiles(&dev.url(), &prod.url()))
    .var("TOKEN_DEV", "token-of-dev")
    .var("TOKEN_PROD", "token-of-prod")
    .run()
    .exit(0);
    for (server, line, token) in [
        (&dev, "GET /api/v1/datasets/d/orders", "Bearer token-of-dev"),
        (
            &prod,
            "GET /api/v1/datasets/p/orders",
            "Bearer token-of-prod",
        ),
    ] {
        assert_eq!(server.requests().len(), 3);
        for request in server.requests() {
            assert_eq!(
                (request.line(), request.header("authorization")),
                (line, vec![token])
            );
        }
    }
    // One body on standard input is not there twice, and one token is not for two tenants.
    let (dev, prod) = (healthy(), healthy());
    let call = |words: &[&str]| {
        rein([&["timing", "--profiles", "dev,prod", "/api/v1/x"], words].concat())
            .config(&two_profiles(&dev.url(), &prod.url()).replace("token_env", "#"))
            .var("REINFER_TOKEN", CANARY)
            .run()
            .exit(2)
    };
    call(&[]).says("REINFER_TOKEN is one tenant's token");
    rein(["timing", "--profiles", "dev,dev", PATH])
        .config(&two_profiles(&dev.url(), &prod.url()))
        .run()
        .exit(2)
        .says("twice");
    dev.saw_nothing();
    prod.saw_nothing();
}

#[test]
fn tasks_share_the_reads() {
    let (url, connections) = slow(200, 0, 0);
    let run = rein([
        "timing", "--jobs", "4", "-n", "12", PATH, "--format", "json",
    ])
    .at(&url)
    .run()
    .exit(0);
    let object = json(&run.stdout_text());
    assert_eq!(connections.load(Ordering::SeqCst), 4);
    assert_eq!(object["reads"].as_array().map(Vec::len), Some(12));
    let begun = object["reads"].as_array().expect("reads").iter();
    let at_once = begun
        .filter(|read| read["at_ms"].as_f64() < Some(200.0))
        .count();
    assert!(at_once >= 2, "{object}");
}

#[test]
fn a_rate_and_a_pause_space_the_reads() {
    for option in [["--rate", "20/s"], ["--every", "50ms"]] {
        let server = healthy();
        let begun = std::time::Instant::now();
        rein(["timing", "-n", "4", PATH])
            .also(option[0])
            .also(option[1])
            .at(&server.url())
            .run()
            .exit(0);
        assert!(begun.elapsed() >= Duration::from_millis(150), "{option:?}");
    }
}

#[test]
fn a_rate_holds_for_the_warm_up_and_no_task_warms_up_for_nothing() {
    let server = healthy();
    let begun = std::time::Instant::now();
    rein([
        "timing", "-n", "2", "--jobs", "16", "--warmup", "4", "--rate", "50/s", PATH,
    ])
    .at(&server.url())
    .run()
    .exit(0);
    assert_eq!(server.requests().len(), 2 + 2 * 4);
    assert!(begun.elapsed() >= Duration::from_millis(9 * 20));
}

#[cfg(unix)]
#[test]
fn an_interrupt_prints_what_was_measured() {
    let server = healthy();
    let call = rein(["timing", "-n", "1000", "--every", "20ms", PATH]).at(&server.url());
    let is_time = || server.requests().len() > 5;
    let (exit, stdout, stderr) = crate::support::command::interrupted(&call, is_time);
    assert_eq!(exit, 130, "{stderr}");
    assert!(stdout.contains("\ntotal "), "{stdout}");
    assert!(stderr.contains("of 1000 were made"), "{stderr}");
}

#[test]
fn the_time_of_the_whole_command_ends_it_with_what_was_measured() {
    let server = healthy();
    let run = rein([
        "timing", "-n", "1000", "--every", "20ms", "-m", "300ms", PATH,
    ])
    .at(&server.url())
    .run()
    .exit(28)
    .says("--max-time ended the measurement");
    assert!(run.stdout_text().contains("\ntotal "), "{run}");
    assert!(!run.stdout_text().contains("failed"), "{run}");
}

#[test]
fn the_time_of_the_whole_command_ends_a_pause() {
    let server = healthy();
    let call =
        || rein(["timing", "-n", "3", "--warmup", "0", "-m", "300ms", PATH]).at(&server.url());
    let begun = std::time::Instant::now();
    for option in [["--every", "20s"], ["--rate", "3/m"]] {
        call()
            .also(option[0])
            .also(option[1])
            .run()
            .exit(28)
            .says("1 read of 3 was made");
    }
    assert!(begun.elapsed() < Duration::from_secs(15));
}

#[test]
fn a_profile_that_always_fails_ends_the_measurement_and_is_named() {
    let (dev, prod) = (
        healthy(),
        Recorder::always(Reply::json(403, r#"{"status":"error","message":"no"}"#)),
    );
    for more in [&["--warmup", "0"][..], &["--fresh"], &[]] {
        rein(
            [
                &["timing", "--profiles", "dev,prod", "-n", "50", PATH],
                more,
            ]
            .concat(),
        )
        .config(&two_profiles(&dev.url(), &prod.url()))
        .var("TOKEN_DEV", CANARY)
        .var("TOKEN_PROD", CANARY)
        .run()
        .exit(4)
        .says("profile: prod");
    }
    assert_eq!(prod.requests().len(), 3);
}

#[test]
fn every_read_is_in_csv_and_ndjson() {
    let server = healthy();
    let call = |format: &str| {
        rein(["timing", "-n", "4", PATH, "--format", format])
            .at(&server.url())
            .run()
            .exit(0)
            .stdout_text()
    };
    let csv = call("csv");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let rows: Vec<BTreeMap<String, String>> = {
        let headers = reader.headers().expect("a header").clone();
        let row = |row: csv::StringRecord| -> BTreeMap<String, String> {
            let cells = headers.iter().zip(&row);
            cells
                .map(|(name, cell)| (name.to_owned(), cell.to_owned()))
                .collect()
        };
        reader
            .records()
            .map(|record| row(record.expect("a row")))
            .collect()
    };
    assert_eq!(rows.len(), 4);
    assert!(rows.iter().all(|row| row["server_ms"] == "1.5"
        && row["status"] == "200"
        && row["percentile_method"] == "nearest rank"));
    let lines: Vec<Value> = call("ndjson").lines().map(json).collect();
    assert_eq!(lines.len(), 5);
    assert_eq!(lines[4]["statistics"]["percentile"], "nearest rank");
}

#[test]
fn a_dry_run_shows_the_request_and_sends_nothing() {
    let server = healthy();
    let run = rein(["timing", "--dry-run", "call", "list-datasets"])
        .at(&server.url())
        .run()
        .exit(0)
        .no_canary();
    assert!(run.stdout_text().starts_with("GET "), "{run}");
    server.saw_nothing();
}

/// Server 200 ms, network 100 ms, transfer 300 ms: what is measured agrees within 5 %. The timers of
/// the test's server are late by up to a millisecond, so shorter delays would check the timers. On a
/// busy machine they are later still, so it is run by hand: `cargo test --test cli -- --ignored
/// phases_agree`.
#[test]
#[ignore = "measures times, which takes a quiet machine"]
fn phases_agree_with_a_server_of_known_delays() {
    let (url, _) = slow(200, 100, 300);
    let run = rein(["timing", "-n", "20", PATH, "--format", "json"])
        .at(&url)
        .run()
        .exit(0);
    let object = json(&run.stdout_text());
    let times = &object["profiles"][0]["times_ms"];
    for (phase, expected) in [
        ("server", 200.0),
        ("network", 100.0),
        ("transfer", 300.0),
        ("total", 600.0),
    ] {
        let found = times[phase]["p50"].as_f64().expect("a time");
        assert!(
            (found - expected).abs() <= 0.05 * expected,
            "{phase}: {found} ms, not {expected} ms"
        );
    }
}

/// Returns a browser to look at the page with.
fn browser() -> Option<&'static str> {
    ["chromium", "chromium-browser", "google-chrome"]
        .into_iter()
        .find(|name| {
            let run = std::process::Command::new(name).arg("--version").output();
            run.is_ok_and(|run| run.status.success())
        })
}

#[cfg(unix)]
#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = browser() else {
        // Written past the test's own capture, so that it is seen.
        let text = b"SKIPPED: no Chromium to look at the page with\n";
        std::io::stderr().write_all(text).expect("written");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("timing.html");
    let (dev, _) = slow(1, 0, 0);
    let evil = Recorder::by(|position, _| match position {
        4 => Reply::json(
            500,
            r#"{"status":"error","message":"<script>document.title='owned'</script>"}"#,
        ),
        _ => Reply::json(200, OK),
    });
    rein([
        "timing",
        "--profiles",
        "dev,prod",
        "-n",
        "30",
        "/api/v1/x?a=%3Cb%3E&c='d'",
        "--html",
    ])
    .also(file.as_os_str())
    .config(&two_profiles(&dev, &evil.url()))
    .var("TOKEN_DEV", CANARY)
    .var("TOKEN_PROD", CANARY)
    .run()
    .exit(5)
    .no_canary();
    let look = |scheme: &str, width: u32| {
        // The page is loaded in a frame of the width of a phone or of a desktop.
        let probe = folder.path().join(format!("probe-{scheme}-{width}.html"));
        let script = "const d=frame.contentDocument,v=frame.contentWindow,e=d.documentElement;\
            const colour=v.getComputedStyle(d.body).backgroundColor;\
            const small=[...d.querySelectorAll('svg text')].filter(t=>t.getBoundingClientRect().height<8).length;\
            document.body.textContent=JSON.stringify({title:d.title,wide:e.scrollWidth>e.clientWidth,\
            figures:d.querySelectorAll('svg').length,rows:d.querySelectorAll('tbody tr').length,\
            bars:[...d.querySelectorAll('rect')].every(r=>r.getBoundingClientRect().height>0),\
            outside:v.performance.getEntriesByType('resource').length,small,colour})";
        let page = format!(
            "<body><iframe id=frame src=timing.html style='width:{width}px;height:800px;border:0' \
             onload=\"{script}\"></iframe>"
        );
        std::fs::write(&probe, page).expect("written");
        let dark = match scheme {
            "dark" => "--blink-settings=preferredColorScheme=0",
            _ => "--blink-settings=preferredColorScheme=1",
        };
        let shown = std::process::Command::new(browser)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--allow-file-access-from-files",
            ])
            .args([dark, "--virtual-time-budget=5000", "--dump-dom"])
            .arg(format!(
                "--user-data-dir={}",
                folder.path().join("browser").display()
            ))
            .arg(format!("file://{}", probe.display()))
            .output()
            .expect("a browser");
        let text = String::from_utf8_lossy(&shown.stdout).into_owned();
        let found = text
            .split_once('{')
            .and_then(|(_, rest)| rest.rsplit_once('}'));
        let (found, _) = found.unwrap_or_else(|| panic!("{text}"));
        json(&format!(
            "{{{}}}",
            found
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&")
        ))
    };
    let (light, dark, phone) = (look("light", 1200), look("dark", 1200), look("light", 360));
    for seen in [&light, &dark, &phone] {
        assert_eq!(seen["title"], "GET /api/v1/x?a=%3Cb%3E&c=%27d%27", "{seen}");
        assert_eq!(seen["figures"], 6, "{seen}");
        assert_eq!(seen["rows"], 12, "{seen}");
        assert_eq!(
            (&seen["bars"], &seen["outside"]),
            (&Value::from(true), &Value::from(0)),
            "{seen}"
        );
        // Nothing is wider than the screen, and labels can be read.
        assert_eq!(
            (&seen["wide"], &seen["small"]),
            (&Value::from(false), &Value::from(0)),
            "{seen}"
        );
    }
    assert_ne!(light["colour"], dark["colour"]);
}
