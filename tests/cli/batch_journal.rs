//! `rein batch --journal`: killed at any moment, every line is done once or named as unknown.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::support::command::{Finished, Rein};
use crate::support::{Recorded, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok"}"#;

fn rows(count: usize) -> String {
    (1..=count).map(|n| format!("{{\"n\":{n}}}\n")).collect()
}

fn write_rows(folder: &Path, count: usize) {
    std::fs::write(folder.join("in"), rows(count)).expect("written");
}

/// Begins a batch over the rows in a folder, with a journal there.
fn journaled(server: &Recorder, folder: &Path, words: &[&str]) -> Rein {
    let all = [&["batch"], words, &["--from", "in", "--journal", "journal"]].concat();
    rein(all).at(&server.url()).folder(folder)
}

/// Counts how many times a server has been asked for each line.
fn counts(requests: &[Recorded]) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    for request in requests {
        for line in lines_of(request) {
            *counts.entry(line).or_default() += 1;
        }
    }
    counts
}

/// Returns the lines that a request is of: those of its list, or the end of its path.
fn lines_of(request: &Recorded) -> Vec<u64> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    match body["rows"].as_array() {
        Some(rows) => rows.iter().filter_map(|row| row["n"].as_u64()).collect(),
        None => {
            let path = request.line().rsplit('/').next().unwrap_or_default();
            path.parse().into_iter().collect()
        }
    }
}

fn unknown_in(stdout: &str) -> Vec<u64> {
    let results = stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    results
        .filter(|result| result["error"]["outcome"] == "unknown")
        .flat_map(|result| {
            let ranges = result["lines"].as_array().cloned().unwrap_or_default();
            let ranges: Vec<(u64, u64)> = ranges
                .iter()
                .filter_map(|range| Some((range[0].as_u64()?, range[1].as_u64()?)))
                .collect();
            match ranges.is_empty() {
                true => result["line"].as_u64().into_iter().collect::<Vec<_>>(),
                false => ranges
                    .into_iter()
                    .flat_map(|(first, last)| first..=last)
                    .collect(),
            }
        })
        .collect()
}

#[test]
fn a_second_run_sends_what_is_not_done_and_nothing_that_is() {
    let folder = tempfile::tempdir().expect("a folder");
    write_rows(folder.path(), 20);
    let server = Recorder::by(|position, _| match position {
        10..20 => Reply::json(400, r#"{"status":"error"}"#),
        _ => Reply::json(200, OK),
    });
    let words = ["POST", "v1/x/{n}", "--jobs", "1"];
    journaled(&server, folder.path(), &words).run().exit(10);
    let finished = journaled(&server, folder.path(), &words).run().exit(0);
    finished.says("20 lines: 10 done, 10 done earlier");
    let again: Vec<u64> = server.requests()[20..].iter().flat_map(lines_of).collect();
    assert_eq!(again, (11..=20).collect::<Vec<u64>>());
    let server = Recorder::always(Reply::json(200, OK));
    // The address is part of the command.
    let refused = journaled(&server, folder.path(), &words).run().exit(2);
    refused.says("belongs to another command or input");
    server.saw_nothing();
}

#[test]
fn a_journal_belongs_to_one_command_and_one_input() {
    let folder = tempfile::tempdir().expect("a folder");
    write_rows(folder.path(), 3);
    let server = Recorder::always(Reply::json(200, OK));
    let words = ["POST", "v1/x/{n}", "a=1"];
    journaled(&server, folder.path(), &words).run().exit(0);
    let again = journaled(&server, folder.path(), &words).run().exit(0);
    again.stdout("").says("3 done earlier");
    assert_eq!(server.requests().len(), 3);
    for (words, what) in [
        (
            &["POST", "v1/y/{n}", "a=1"][..],
            "its call is POST v1/x/{n}",
        ),
        (&["POST", "v1/x/{n}", "a=2"], "its hash of the words is"),
        (
            &["POST", "v1/x/{n}", "a=1", "--project", "p"],
            "its project is (none)",
        ),
        (
            &["POST", "v1/x/{n}", "a=1", "--group", "2", "rows"],
            "its group is",
        ),
    ] {
        journaled(&server, folder.path(), words)
            .run()
            .exit(2)
            .says(what);
    }
    write_rows(folder.path(), 4);
    let other = journaled(&server, folder.path(), &words).run().exit(2);
    other.says("its input is 24 bytes");
    std::fs::write(folder.path().join("journal"), "something else\n").expect("written");
    journaled(&server, folder.path(), &words)
        .run()
        .exit(2)
        .says("is not a journal");
    let device = [
        "batch",
        "POST",
        "v1/x/{n}",
        "--from",
        "in",
        "--journal",
        "/dev/null",
    ];
    rein(device)
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(2)
        .says("not a regular file");
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_journal_that_another_run_is_using_is_14() {
    let folder = tempfile::tempdir().expect("a folder");
    write_rows(folder.path(), 3);
    let server = Recorder::always(Reply::Hang(Vec::new()));
    let mut first = journaled(&server, folder.path(), &["POST", "v1/x/{n}"]).start();
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    journaled(&server, folder.path(), &["POST", "v1/x/{n}"])
        .run()
        .exit(14)
        .says("in use by another run");
    first.kill().expect("ended");
    let _status = first.wait().expect("an end");
}

#[test]
fn what_is_not_known_is_told_and_sent_again_only_when_that_is_harmless_or_wanted() {
    let lost = |server: &Recorder, folder: &Path, words: &[&str]| {
        let mut run = journaled(server, folder, words).start();
        while server.requests().len() < 2 {
            std::thread::sleep(Duration::from_millis(5));
        }
        run.kill().expect("ended");
        let _status = run.wait().expect("an end");
        server.take();
    };
    let hang_twice = || {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        Recorder::by(
            move |_, _| match asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) {
                0 | 1 => Reply::Hang(Vec::new()),
                _ => Reply::json(200, OK),
            },
        )
    };
    for (method, more, sent, exit) in [
        ("POST", &[][..], 2, 10),
        ("POST", &["--resend-unknown"], 4, 0),
        ("PUT", &[], 4, 0),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_rows(folder.path(), 4);
        let server = hang_twice();
        let words = [method, "v1/x/{n}", "--jobs", "2"];
        lost(&server, folder.path(), &words);
        let words = [&words[..], more].concat();
        let finished = journaled(&server, folder.path(), &words).run().exit(exit);
        assert_eq!(
            server.requests().len(),
            sent,
            "{method} {more:?}: {finished}"
        );
        let unknown = unknown_in(&finished.stdout_text());
        let expected: &[u64] = if sent == 4 { &[] } else { &[1, 2] };
        assert_eq!(unknown, expected, "{finished}");
    }
}

#[test]
fn what_a_killed_delete_has_deleted_counts_as_done() {
    let folder = tempfile::tempdir().expect("a folder");
    write_rows(folder.path(), 1);
    let server = Recorder::start(vec![
        Reply::Hang(Vec::new()),
        Reply::json(404, r#"{"status":"error"}"#),
    ]);
    let words = ["DELETE", "v1/x/{n}"];
    let mut run = journaled(&server, folder.path(), &words).start();
    while server.requests().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    run.kill().expect("ended");
    let _status = run.wait().expect("an end");
    journaled(&server, folder.path(), &words).run().exit(0);
}

/// Runs a batch again and again, each time killed at a random moment, until a run ends by itself.
/// Returns what the last run said, and how often it was killed.
fn killed(call: impl Fn() -> Rein, kills: usize, longest: u64) -> (Finished, usize) {
    let mut killed = 0;
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    loop {
        let call = call();
        let mut child = call
            .command()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        if killed >= kills {
            let _status = child.wait().expect("an end");
            break;
        }
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        std::thread::sleep(Duration::from_micros(2_000 + random % (longest * 1000)));
        let is_over = child.try_wait().expect("a status").is_some();
        let _already_ended = child.kill();
        let _status = child.wait().expect("an end");
        if is_over {
            break;
        }
        killed += 1;
    }
    (call().run(), killed)
}

/// Checks that every line is done once, or named as unknown and sent at most once.
#[track_caller]
fn check_once(counts: &BTreeMap<u64, usize>, unknown: &[u64], count: u64) {
    for line in 1..=count {
        let sent = counts.get(&line).copied().unwrap_or(0);
        let is_unknown = unknown.contains(&line);
        assert!(
            sent == 1 || (sent == 0 && is_unknown),
            "line {line} was applied {sent} times, unknown: {is_unknown}"
        );
    }
}

#[test]
fn killed_at_random_two_hundred_times_every_line_is_done_once_or_named() {
    let commands = [
        &["POST", "v1/x/{n}", "--jobs", "4"][..],
        &["POST", "v1/x/y", "--jobs", "2", "--group", "3", "rows"],
    ];
    for words in commands {
        let mut killed_in_all = 0;
        while killed_in_all < 100 {
            let folder = tempfile::tempdir().expect("a folder");
            write_rows(folder.path(), 200);
            let server = Recorder::by(|_, _| {
                std::thread::sleep(Duration::from_micros(300));
                Reply::json(200, OK)
            });
            let (last, killed) = killed(|| journaled(&server, folder.path(), words), 5, 60);
            killed_in_all += killed;
            let unknown = unknown_in(&last.stdout_text());
            check_once(&counts(&server.requests()), &unknown, 200);
        }
    }
}

#[test]
fn killed_among_faults_no_line_is_applied_twice_or_forgotten() {
    for words in [
        &["POST", "v1/x/{n}", "--jobs", "4", "--retry-delay", "1ms"][..],
        &[
            "POST",
            "v1/x/y",
            "--jobs",
            "2",
            "--group",
            "4",
            "rows",
            "--retry-delay",
            "1ms",
        ],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_rows(folder.path(), 300);
        let server = Recorder::by(|position, _| match position % 17 {
            3 => Reply::with(429, &["Retry-After: 0"], b""),
            5 => Reply::json(413, r#"{"status":"error"}"#),
            7 => Reply::Reset(Vec::new()),
            11 => Reply::Close(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{\"st".to_vec()),
            13 => Reply::json(503, r#"{"status":"error"}"#),
            _ => Reply::json(200, OK),
        });
        let (last, killed) = killed(|| journaled(&server, folder.path(), words), 30, 120);
        assert!(killed > 0);
        let mut unknown = unknown_in(&last.stdout_text());
        // What was refused is sent again by the next run, until nothing is.
        for _ in 0..20 {
            let finished = journaled(&server, folder.path(), words).run();
            unknown.extend(unknown_in(&finished.stdout_text()));
            if finished.exit == 0 || finished.stdout_text().lines().all(is_unknown) {
                break;
            }
        }
        // What is refused has not been applied; what is cut or reset has, and nobody knows.
        let requests = server.requests();
        let applied: Vec<Recorded> = requests
            .into_iter()
            .enumerate()
            .filter(|(position, _)| ![3, 5].contains(&(position % 17)))
            .map(|(_, request)| request)
            .collect();
        check_once(&counts(&applied), &unknown, 300);
    }
}

fn is_unknown(line: &str) -> bool {
    line.contains(r#""outcome":"unknown""#)
}

#[test]
#[cfg(unix)]
fn a_full_disk_under_the_journal_stops_before_anything_unrecorded_is_sent() {
    for (words, most) in [
        (&["POST", "v1/x/{n}", "--jobs", "4"][..], 4),
        (
            &["POST", "v1/x/y", "--jobs", "4", "--group", "2", "rows"],
            8,
        ),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        write_rows(folder.path(), 400);
        let server = Recorder::always(Reply::json(200, OK));
        let call = journaled(&server, folder.path(), words);
        // Files end at 1 KiB (2 blocks of 512 bytes): the header fits, and some records.
        let mut limited = crate::support::command::after("trap '' XFSZ; ulimit -f 2", &call);
        let output = limited.output().expect("an end");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(23), "{stderr}");
        assert!(stderr.contains("cannot write the journal"), "{stderr}");
        let sent: usize = counts(&server.requests()).values().sum();
        assert!(sent > 0 && sent < 400, "{sent}");
        // The next run, with room on the disk, sends the rest; what was sent is done or named.
        let finished = journaled(&server, folder.path(), words).run();
        let unknown = unknown_in(&finished.stdout_text());
        assert!(unknown.len() <= most, "{unknown:?}");
        check_once(&counts(&server.requests()), &unknown, 400);
    }
}

/// `rein demo`, a process of its own, with its log of requests in a file.
struct DemoProcess {
    child: Child,
    url: String,
    token: String,
    log: PathBuf,
    folder: tempfile::TempDir,
}

impl DemoProcess {
    fn start(faults: &[&str]) -> DemoProcess {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join("log");
        let faults = faults.iter().flat_map(|fault| ["--fault", fault]);
        let call = rein(["demo"].into_iter().chain(faults)).folder(folder.path());
        let mut child = call
            .command()
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("a start");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut value = |name: &str| {
            let start = format!("export {name}=");
            let found = lines.by_ref().map(|line| line.expect("a line"));
            let found = found.filter_map(|line| line.strip_prefix(&start).map(str::to_owned));
            found.into_iter().next().expect("an export")
        };
        DemoProcess {
            url: value("REINFER_ENDPOINT"),
            token: value("REINFER_TOKEN"),
            child,
            log,
            folder,
        }
    }

    fn call(&self, words: &[&str]) -> Rein {
        rein(words)
            .var("REINFER_ENDPOINT", &self.url)
            .var("REINFER_TOKEN", &self.token)
            .folder(self.folder.path())
    }

    /// Returns path and status of each request in the log; 0 is a connection that was cut.
    fn requests(&self) -> Vec<(String, u16)> {
        let log = std::fs::read_to_string(&self.log).expect("a log");
        let words = log
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        words
            .filter_map(|words| match words.as_slice() {
                ["POST", path, status, ..] => Some(((*path).to_owned(), status.parse().ok()?)),
                _ => None,
            })
            .collect()
    }
}

impl Drop for DemoProcess {
    fn drop(&mut self) {
        let _already_ended = self.child.kill();
        let _status = self.child.wait();
    }
}

#[test]
fn killed_at_random_on_the_demo_tenant_its_log_has_every_line_once() {
    let target = "v1/datasets/retail-dev/orders/streams/late-orders/reset?n={n}";
    let words = [
        "batch",
        "POST",
        target,
        "to_comment_created_at=2024-01-01T00:00:00Z",
        "--jobs",
        "4",
        "--retry-delay",
        "1ms",
        "--from",
        "in",
        "--journal",
        "journal",
    ];
    for (faults, kills) in [
        (&[][..], 100),
        (&["429=0:4%", "503:4%", "reset:4%", "cut:4%"], 30),
    ] {
        let mut killed_in_all = 0;
        while killed_in_all < kills {
            let demo = DemoProcess::start(faults);
            write_rows(demo.folder.path(), 200);
            let (last, killed) = killed(|| demo.call(&words), 10, 60);
            killed_in_all += killed;
            let mut unknown = unknown_in(&last.stdout_text());
            // What was refused is sent again by the next run.
            for _ in 0..20 {
                let finished = demo.call(&words).run();
                unknown.extend(unknown_in(&finished.stdout_text()));
                if finished.stdout_text().lines().all(is_unknown) {
                    break;
                }
            }
            // A 429 has not been applied; of a 503, and of what was cut or reset, nobody knows.
            let requests = demo.requests().into_iter();
            let applied = requests.filter(|(_, status)| *status != 429);
            let mut counts = BTreeMap::new();
            for (path, _) in applied {
                let line = path.rsplit_once("?n=").and_then(|(_, n)| n.parse().ok());
                *counts.entry(line.expect("a line")).or_default() += 1;
            }
            check_once(&counts, &unknown, 200);
        }
    }
}

#[test]
fn killed_at_random_on_the_demo_tenant_groups_are_stored_once() {
    const COUNT: usize = 200;
    let words = [
        "batch",
        "call",
        "sync-comments",
        "project=retail-dev",
        "source=killed",
        "--group",
        "4",
        "comments",
        "--jobs",
        "2",
        "--retry-delay",
        "1ms",
        "--from",
        "in",
        "--journal",
        "journal",
    ];
    let rows: String = (1..=COUNT)
        .map(|n| {
            format!("{{\"id\":\"k{n}\",\"timestamp\":\"2024-01-01T00:00:00Z\",\"messages\":[{{\"body\":{{\"text\":\"t\"}}}}]}}\n")
        })
        .collect();
    for (faults, kills) in [
        (&[][..], 100),
        (
            &[
                "429=0:4%@/sync",
                "503:4%@/sync",
                "reset:4%@/sync",
                "cut:4%@/sync",
            ],
            30,
        ),
    ] {
        let mut killed_in_all = 0;
        while killed_in_all < kills {
            let demo = DemoProcess::start(faults);
            std::fs::write(demo.folder.path().join("in"), &rows).expect("written");
            let source = [
                "call",
                "create-source",
                "project=retail-dev",
                "source=killed",
                "title=Killed",
                "language=en",
            ];
            demo.call(&source).run().exit(0);
            let (mut last, killed) = killed(|| demo.call(&words), 10, 60);
            killed_in_all += killed;
            for _ in 0..20 {
                if last.exit == 0 {
                    break;
                }
                last = demo.call(&words).run();
            }
            let last = last.exit(0);
            assert_eq!(unknown_in(&last.stdout_text()), [0; 0], "{last}");
            let list = [
                "call",
                "list-comments",
                "project=retail-dev",
                "source=killed",
                "--paginate",
                "-q",
                ".comments[].id",
                "-s",
            ];
            let stored = demo.call(&list).run().exit(0).stdout_text();
            let mut stored: Vec<&str> = stored.lines().collect();
            stored.sort_unstable();
            let mut expected: Vec<String> = (1..=COUNT).map(|n| format!("k{n}")).collect();
            expected.sort_unstable();
            assert_eq!(stored, expected);
            // Only the groups that were under way are sent again, one a worker and kill.
            let requests = demo.requests().into_iter();
            let done = requests.filter(|(path, status)| path.ends_with("/sync") && *status == 200);
            if faults.is_empty() {
                let done = done.count();
                assert!(
                    done <= COUNT / 4 + 2 * killed,
                    "{done} after {killed} kills"
                );
            }
        }
    }
}

#[test]
fn a_stream_is_resumed_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Recorder::always(Reply::json(200, OK));
    let words = [
        "batch",
        "POST",
        "v1/x/{n}",
        "--from",
        "-",
        "--journal",
        "journal",
    ];
    let run = |text: &str| {
        rein(words)
            .at(&server.url())
            .folder(folder.path())
            .stdin(text)
            .run()
    };
    run(&rows(3)).exit(0);
    run(&rows(5)).exit(0);
    assert_eq!(server.requests().len(), 5);
    run("{\"n\":9}\n").exit(2).says("a stream whose first row");
}

#[test]
fn a_file_that_is_not_a_journal_stays_as_it_is() {
    let server = Recorder::always(Reply::json(200, OK));
    let folder = tempfile::tempdir().expect("a folder");
    write_rows(folder.path(), 2);
    for other in [&b"no line end"[..], b"\0\0\0 ftypmp42\nmore\n", b"text\n"] {
        std::fs::write(folder.path().join("journal"), other).expect("written");
        journaled(&server, folder.path(), &["GET", "v1/x/{n}"])
            .run()
            .exit(2)
            .says("journal is not a journal of this version");
        let found = std::fs::read(folder.path().join("journal")).expect("read");
        assert_eq!(found, other);
    }
    server.saw_nothing();
}
