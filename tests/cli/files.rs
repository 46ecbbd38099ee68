//! Files that a call writes: found to be unwritable before anything is sent, whole or not at all,
//! and never the end of a response.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;

use crate::support::command::{Rein, after, exit_code};
use crate::support::{CANARY, Recorder, Reply, rein};

const OK: &str = r#"{"status":"ok","list":[{"a":1},{"a":2}]}"#;

fn ok() -> Recorder {
    Recorder::always(Reply::json(200, OK))
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("listed");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// Every option that writes a file, as a function of the file's name.
const OUTPUTS: [fn(&str) -> Vec<String>; 6] = [
    |file| vec!["-o".into(), file.into()],
    |file| vec!["-D".into(), file.into()],
    |file| vec!["--meta".into(), file.into()],
    |file| vec!["-w".into(), format!("%output{{{file}}}x")],
    |file| vec!["-w".into(), format!("%{{onerror}}%output{{>>{file}}}x")],
    |file| vec!["--report".into(), format!("junit={file}")],
];

#[test]
fn a_relative_file_is_written_in_the_folder_of_the_call() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = ok();
    rein(["v1/x", "--meta", "m", "-o", "o", "-D", "d"])
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(0);
    assert_eq!(names(folder.path()), ["d", "m", "o"]);
    rein(["v1/x", "--meta", "files-test-m"])
        .at(&server.url())
        .run()
        .exit(0);
    assert!(!Path::new("files-test-m").exists());
}

#[test]
fn a_file_that_cannot_be_written_is_found_before_anything_is_sent() {
    let server = ok();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::write(at("file"), "old").expect("written");
    std::fs::create_dir(at("folder")).expect("a folder");
    let before = names(folder.path());
    let bad = [
        at("nodir/x"),
        format!("{}/", at("new")),
        at("folder"),
        at("file/x"),
        at(&"n".repeat(256)),
        "/proc/nope".to_owned(),
    ];
    for output in OUTPUTS {
        for file in &bad {
            for call in [
                &["v1/sources/p/s", "a=1"][..],
                &["call", "create-source", "source=s", "title=T"],
                &["v1/x", "--until", ".list"],
                &[
                    "v1/x",
                    "--paginate",
                    "--cursor-out",
                    "a",
                    "--cursor-in",
                    "b",
                ],
            ] {
                let words: Vec<String> = call.iter().map(|word| (*word).to_owned()).collect();
                rein([words, output(file)].concat())
                    .at(&server.url())
                    .var("REINFER_PROJECT", "p")
                    .run()
                    .exit(23)
                    .stdout("")
                    .says("error: cannot write ")
                    .says("\n  nothing was sent");
            }
        }
        rein([vec!["v1/x".to_owned()], output("")].concat())
            .at(&server.url())
            .run()
            .exit(2)
            .says(" file");
    }
    server.saw_nothing();
    assert_eq!(names(folder.path()), before);
    assert_eq!(std::fs::read_to_string(at("file")).expect("read"), "old");
}

#[test]
fn a_look_at_a_file_changes_nothing_when_the_call_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    for (new, text) in [(true, ""), (false, "old")] {
        for output in OUTPUTS {
            let file = at("f");
            if !new {
                std::fs::write(&file, text).expect("written");
            }
            // The call is refused by its guard; the object of --meta and the report tell of that.
            let words = output(&file);
            let tells =
                ["--meta", "--report"].contains(&&*words[0]) || words[1].contains("onerror");
            let config = "[profiles.ro]\nendpoint = \"http://127.0.0.1:1\"\nguard = \"read-only\"\ntoken_env = \"T\"\n";
            let line = ["-p", "ro", "-X", "DELETE", "v1/x"]
                .map(str::to_owned)
                .to_vec();
            rein([line, words].concat())
                .config(config)
                .var("T", CANARY)
                .run()
                .exit(9);
            if !tells && !output(&file)[0].starts_with("-w") {
                let found = std::fs::read_to_string(&file).ok();
                assert_eq!(
                    found,
                    (!new).then(|| text.to_owned()),
                    "{:?}",
                    output(&file)
                );
            }
            let _gone = std::fs::remove_file(&file);
        }
    }
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_state_that_cannot_be_kept_is_found_before_anything_is_sent() {
    let server = ok();
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name).display().to_string();
    std::fs::create_dir(at("folder")).expect("a folder");
    for state in [at("nodir/st"), at("folder"), at(&"n".repeat(256))] {
        rein([
            "v1/x",
            "--paginate",
            "--cursor-out",
            "a",
            "--cursor-in",
            "b",
        ])
        .at(&server.url())
        .run()
        .exit(0);
        server.take();
        rein([
            "v1/x",
            "--paginate",
            "--cursor-out",
            "a",
            "--cursor-in",
            "b",
            "--format",
            "ndjson",
            "--state",
            &state,
        ])
        .at(&server.url())
        .run()
        .exit(2)
        .stdout("")
        .says("the state ");
        assert!(server.requests().is_empty(), "{state}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_fails_after_the_response_came_still_shows_it() {
    for (reply, body) in [
        (Reply::json(200, OK), OK),
        (
            Reply::json(404, r#"{"status":"error","message":"m"}"#),
            r#"{"status":"error","message":"m"}"#,
        ),
    ] {
        let server = Recorder::always(reply);
        for call in [
            &["v1/sources/p/s", "a=1"][..],
            &["call", "create-source", "source=s", "title=T"],
            &[
                "v1/x", "--until", ".list", "--within", "1ms", "--every", "1s",
            ],
            &[
                "v1/x",
                "--paginate",
                "--cursor-out",
                "a",
                "--cursor-in",
                "b",
            ],
        ] {
            for output in &OUTPUTS[1..] {
                let words: Vec<String> = call.iter().map(|word| (*word).to_owned()).collect();
                let run = rein([words, output("/dev/full")].concat())
                    .at(&server.url())
                    .var("REINFER_PROJECT", "p")
                    .run();
                let text = output("/dev/full")[1].clone();
                // Nothing is written on an error that did not happen.
                if text.contains("onerror") && body == OK {
                    continue;
                }
                run.exit(23).stdout(body).says("cannot write /dev/full");
            }
        }
        // A body that was meant for a file is shown beside what is said of it.
        rein(["v1/x", "a=1", "-o", "/dev/full"])
            .at(&server.url())
            .run()
            .exit(if body == OK { 23 } else { 4 })
            .stdout("")
            .says(body);
    }
}

#[cfg(unix)]
#[test]
fn a_response_whose_file_cannot_be_finished_is_not_lost() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    let path = file.display().to_string();
    // No byte can be written, as on a full disk.
    let server = ok();
    std::fs::write(&file, "old").expect("written");
    let call = rein(["v1/x", "a=1", "-o", &path]).at(&server.url());
    let ended = after("trap '' XFSZ; ulimit -f 0", &call)
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert_eq!(exit_code(ended.status), 23, "{said}");
    assert!(said.contains(OK), "{said}");
    assert!(said.contains(&format!("cannot write {path}: ")), "{said}");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "old");
    assert_eq!(names(folder.path()), ["out"]);
    // A folder has come in the file's place since.
    std::fs::remove_file(&file).expect("removed");
    let place = file.clone();
    let server = Recorder::by(move |_, _| {
        std::fs::create_dir(&place).expect("a folder");
        Reply::json(200, OK)
    });
    let run = rein(["v1/x", "a=1", "-o", &path])
        .at(&server.url())
        .run()
        .exit(23)
        .stdout("")
        .says("the response is in ");
    let left = names(folder.path());
    assert_eq!(left.len(), 2, "{left:?}");
    let part = folder.path().join(&left[0]);
    assert_eq!(std::fs::read_to_string(&part).expect("read"), OK);
    assert!(run.stderr_text().contains(&left[0]), "{run}");
    // The file's folder has gone since, for whatever is shown of the response.
    for (status, body) in [(200, OK), (200, r#"{"status":"error","message":"m"}"#)] {
        for shown in [&["-i"][..], &["--format", "csv"], &["--format", "pretty"]] {
            let gone = folder.path().join("gone");
            std::fs::create_dir(&gone).expect("a folder");
            let path = gone.join("out").display().to_string();
            let server = Recorder::by(move |_, _| {
                std::fs::remove_dir(&gone).expect("removed");
                Reply::json(status, body)
            });
            rein([&["v1/x", "a=1", "-o", &path], shown].concat())
                .at(&server.url())
                .run()
                .exit(23)
                .stdout("")
                .says(body)
                .says(&format!("cannot write {path}: "));
        }
    }
}

#[test]
fn a_files_name_may_be_as_long_as_the_system_allows() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok","comments":[{"id":1}]}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let long = (128..=132)
        .chain(240..=255)
        .map(|length| "n".repeat(length));
    for name in long.chain(["é".repeat(127)]) {
        let (out, state) = (name.clone(), format!("s{}", &"s".repeat(name.len() - 1)));
        let pages = "/api/_private/sources/p/s/comments --paginate --format ndjson";
        for words in [
            &["v1/x"][..],
            &pages.split(' ').collect::<Vec<_>>(),
            &[
                &pages.split(' ').collect::<Vec<_>>()[..],
                &["--state", &state],
            ]
            .concat(),
        ] {
            rein([words, &["-o", &out]].concat())
                .at(&server.url())
                .folder(folder.path())
                .run()
                .exit(0);
            let left = names(folder.path());
            assert!(
                left.iter().all(|left| *left == out || *left == state),
                "{left:?}"
            );
            std::fs::remove_file(folder.path().join(&out)).expect("written");
        }
        std::fs::remove_file(folder.path().join(&state)).expect("kept");
    }
}

#[cfg(unix)]
#[test]
fn what_a_link_leads_to_is_written_and_the_link_stays() {
    use std::os::unix::fs::symlink;
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok","comments":[{"id":1}]}"#));
    let pages = "/api/_private/sources/p/s/comments --paginate --format ndjson --state st";
    for words in ["v1/x", pages] {
        for target_is_there in [true, false] {
            let folder = tempfile::tempdir().expect("a folder");
            let at = |name: &str| folder.path().join(name);
            std::fs::create_dir(at("other")).expect("a folder");
            symlink("other/second", at("first")).expect("a link");
            symlink("target", at("other/second")).expect("a link");
            if target_is_there {
                std::fs::write(at("other/target"), "old").expect("written");
            }
            let words: Vec<&str> = words.split(' ').chain(["-o", "first"]).collect();
            rein(words)
                .at(&server.url())
                .folder(folder.path())
                .run()
                .exit(0);
            assert!(at("first").is_symlink() && at("other/second").is_symlink());
            let written = std::fs::read_to_string(at("other/target")).expect("written");
            assert!(written.contains(r#"{"id":1}"#), "{written}");
            assert_eq!(names(&at("other")), ["second", "target"]);
        }
    }
    // The same holds for a state and for the config file.
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    for link in ["st", "c.toml"] {
        symlink(format!("real-{link}"), at(link)).expect("a link");
    }
    rein(pages.split(' ').chain(["-o", "out"]))
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(0);
    rein(["profile", "add", "a", "--domain", "x"])
        .var("REINFER_CONFIG", at("c.toml"))
        .run()
        .exit(0);
    for link in ["st", "c.toml"] {
        assert!(at(link).is_symlink(), "{link}");
        assert!(at(&format!("real-{link}")).is_file(), "{link}");
    }
    // A link that leads in a circle leads nowhere.
    symlink("loop", at("loop")).expect("a link");
    let server = ok();
    rein(["v1/x", "-o", "loop"])
        .at(&server.url())
        .folder(folder.path())
        .run()
        .exit(23)
        .says("nothing was sent");
    server.saw_nothing();
}

fn comments(ids: &[u32], cursor: Option<&str>) -> Reply {
    let list: Vec<String> = ids.iter().map(|id| format!("{{\"id\":{id}}}")).collect();
    let end = cursor.map_or(String::new(), |cursor| {
        format!(",\"continuation\":\"{cursor}\"")
    });
    Reply::json(
        200,
        &format!(
            "{{\"status\":\"ok\",\"comments\":[{}]{end}}}",
            list.join(",")
        ),
    )
}

const PAGES: &str = "/api/_private/sources/p/s/comments --paginate";

#[test]
fn pages_that_are_not_as_expected_are_printed_all_the_same() {
    let replies = || {
        vec![
            comments(&[1], Some("a")),
            comments(&[], Some("b")),
            comments(&[3], None),
        ]
    };
    let expect = ["--expect", ".comments|length>0"];
    for (format, printed) in [
        ("raw", r#"{"status":"ok","comments":[{"id":1},{"id":3}]}"#),
        ("ndjson", "{\"id\":1}\n{\"id\":3}\n"),
        ("compact", ""),
    ] {
        let server = Recorder::start(replies());
        let words = PAGES.split(' ').chain(["--format", format]).chain(expect);
        let run = rein(words).at(&server.url()).run().exit(11);
        let run = run.says("page 2").says("--expect");
        assert_eq!(server.requests().len(), 3);
        if !printed.is_empty() {
            run.stdout(printed);
        }
    }
    for check in [
        &["--expect-status", "201"][..],
        &["--max-server-time", "1ms"],
        &["--expect", ".nope"],
    ] {
        let server = Recorder::start(replies());
        rein(
            PAGES
                .split(' ')
                .chain(["--format", "ndjson"])
                .chain(check.iter().copied()),
        )
        .at(&server.url())
        .run()
        .exit(11)
        .stdout("{\"id\":1}\n{\"id\":3}\n")
        .says("page 1");
    }
    // A file stays as it was, as in a call of one page.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    std::fs::write(&file, "old").expect("written");
    let path = file.display().to_string();
    let server = Recorder::start(replies());
    let words = PAGES.split(' ').chain(["--format", "ndjson", "-o", &path]);
    rein(words.chain(expect))
        .at(&server.url())
        .run()
        .exit(11)
        .says("the file stays as it was");
    assert_eq!(std::fs::read_to_string(&file).expect("read"), "old");
    assert_eq!(names(folder.path()), ["out"]);
    // The report of a check tells of the page that did not meet it.
    let report = folder.path().join("r.xml").display().to_string();
    let junit = format!("junit={report}");
    let server = Recorder::start(replies());
    rein(PAGES.split(' ').chain(["--report", &junit]).chain(expect))
        .at(&server.url())
        .run()
        .exit(11);
    let report = std::fs::read_to_string(report).expect("written");
    assert!(
        report.contains("failures=\"1\"") && report.contains("page 2"),
        "{report}"
    );
}

#[test]
fn a_page_that_is_not_as_expected_is_not_recorded_in_a_state() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Recorder::start(vec![
        comments(&[1], Some("a")),
        comments(&[], Some("b")),
        comments(&[2], Some("b")),
        comments(&[3], None),
    ]);
    let words = PAGES
        .split(' ')
        .chain(["--format", "ndjson", "-o", "out", "--state", "st"])
        .chain(["--expect", ".comments|length>0"]);
    let words: Vec<&str> = words.collect();
    let run = || rein(&words).at(&server.url()).folder(folder.path()).run();
    run().exit(11).says("the same command");
    run().exit(0);
    let out = std::fs::read_to_string(folder.path().join("out")).expect("written");
    assert_eq!(out, "{\"id\":1}\n{\"id\":2}\n{\"id\":3}\n");
}

#[test]
fn an_error_in_a_first_page_is_printed_as_in_one_response() {
    let body = r#"{"status":"error","message":"m"}"#;
    let server = Recorder::always(Reply::json(200, body));
    rein(PAGES.split(' '))
        .at(&server.url())
        .run()
        .exit(5)
        .stdout(body);
    rein(PAGES.split(' ').chain(["-t"]))
        .at(&server.url())
        .run()
        .exit(5)
        .stdout("");
}

#[test]
fn a_finished_state_knows_the_size_of_its_file() {
    for format in ["ndjson", "csv"] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Recorder::start(vec![comments(&[1], Some("a")), comments(&[2], None)]);
        let words = PAGES
            .split(' ')
            .chain(["--format", format, "-o", "st.o", "--state", "st"]);
        let words: Vec<&str> = words.collect();
        let run = || rein(&words).at(&server.url()).folder(folder.path()).run();
        // What mktemp has made is no state of another command.
        std::fs::write(folder.path().join("st"), "").expect("written");
        run().exit(0);
        run().exit(0).says("nothing left to do");
        let out = folder.path().join("st.o");
        let whole = std::fs::read(&out).expect("written");
        for changed in [
            &whole[..whole.len() - 1],
            b"",
            &[&whole[..], b"junk"].concat(),
        ] {
            std::fs::write(&out, changed).expect("written");
            run()
                .exit(1)
                .says("st.o")
                .says(&format!("{} bytes", whole.len()))
                .says(&format!("{} bytes", changed.len()))
                .says("nothing was sent")
                .never_says("nothing left to do");
        }
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn all_pages_read_but_not_yet_in_their_place_are_put_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Recorder::start(vec![comments(&[1], Some("a")), comments(&[2], None)]);
    let words = PAGES
        .split(' ')
        .chain(["--format", "ndjson", "-o", "out", "--state", "st"]);
    let words: Vec<&str> = words.collect();
    let run = || rein(&words).at(&server.url()).folder(folder.path()).run();
    run().exit(0);
    // As a kill between the last page and the rename leaves it.
    let at = |name: &str| folder.path().join(name);
    std::fs::rename(at("out"), at(".out.part")).expect("renamed");
    let state = std::fs::read_to_string(at("st")).expect("kept");
    assert!(state.contains("\"finished\": true"), "{state}");
    std::fs::write(
        at("st"),
        state.replace("\"finished\": true", "\"finished\": false"),
    )
    .expect("written");
    run().exit(0);
    let out = std::fs::read_to_string(at("out")).expect("written");
    assert_eq!(out, "{\"id\":1}\n{\"id\":2}\n");
    assert_eq!(server.requests().len(), 2, "nothing is read again");
    run().exit(0).says("nothing left to do");
}

/// A state goes on by whatever path it and its output are named, and with the columns that it
/// began with.
#[test]
fn a_state_is_bound_to_what_decides_the_result() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("a/sub")).expect("folders");
    let failed = || Reply::json(404, r#"{"status":"error"}"#);
    let server = Recorder::by(move |position, request| match position {
        0 => comments(&[1], Some("c0")),
        _ if request.line().contains("limit=5") => failed(),
        _ => failed(),
    });
    let run = |folder: &Path, words: &str| {
        let words: Vec<&str> = PAGES.split(' ').chain(words.split(' ')).collect();
        rein(words).at(&server.url()).folder(folder).run()
    };
    run(&at("a"), "--format csv -o sub/st.o --state sub/st").exit(18);
    let state = at("a/sub/st");
    let kept = std::fs::read_to_string(&state).expect("a state");
    let kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert_eq!(kept["output"], "st.o", "{kept}");
    // Other spellings, other folders, and the whole folder in another place.
    run(&at("a/sub"), "--format csv -o st.o --state st").exit(18);
    run(&at("a/sub"), "--format csv -o ./st.o --state ./st").exit(18);
    run(&at("a"), "--format csv -o ./sub/../sub/st.o --state sub/st").exit(18);
    let whole = at("a/sub/st.o").display().to_string();
    run(
        &at("."),
        &format!("--format csv -o {whole} --state a/sub/st"),
    )
    .exit(18);
    std::fs::rename(at("a"), at("b")).expect("renamed");
    run(&at("b/sub"), "--format csv -o st.o --state st").exit(18);
    // What decides the result.
    for (words, says) in [
        ("--format tsv -o st.o --state st", "format is csv"),
        ("--format csv -o other --state st", "output is st.o"),
        ("--format csv -o ../st.o --state st", "output is st.o"),
        ("--format csv --state st", "output is st.o"),
        (
            "--format csv --csv-safe -o st.o --state st",
            "format is csv",
        ),
        ("--format csv --columns id -o st.o --state st", "columns"),
        (
            "--format csv --items comments --columns id -o st.o --state st",
            "items path",
        ),
        ("--format csv limit==7 -o st.o --state st", "query or body"),
    ] {
        run(&at("b/sub"), words)
            .exit(2)
            .says("belongs to another command")
            .says(says)
            .says("nothing was sent");
    }
    // A release whose endpoint has other columns goes on with those that stand in the file.
    let state = at("b/sub/st");
    let kept = std::fs::read_to_string(&state).expect("a state");
    let mut kept: Value = serde_json::from_str(&kept).expect("JSON");
    assert!(
        kept["columns"]
            .as_array()
            .is_some_and(|list| list.len() > 1),
        "{kept}"
    );
    kept["columns"] = serde_json::json!(["id"]);
    kept["bytes"] = 5.into();
    std::fs::write(&state, kept.to_string()).expect("written");
    std::fs::write(at("b/sub/.st.o.part"), "id\n1\n").expect("written");
    let last = Recorder::always(comments(&[2], None));
    let old = server.url();
    kept["endpoint"] = last.url().into();
    kept["profile"] = kept["profile"]
        .as_str()
        .expect("a name")
        .replace(
            old.rsplit(':').next().expect("a port"),
            last.url().rsplit(':').next().expect("a port"),
        )
        .into();
    std::fs::write(&state, kept.to_string()).expect("written");
    rein(
        PAGES
            .split(' ')
            .chain("--format csv -o st.o --state st".split(' ')),
    )
    .at(&last.url())
    .folder(&at("b/sub"))
    .run()
    .exit(0);
    let out = std::fs::read_to_string(at("b/sub/st.o")).expect("written");
    assert_eq!(out, "id\n1\n2\n");
}

#[test]
fn a_relative_home_is_no_home() {
    let folder = tempfile::tempdir().expect("a folder");
    let planted = folder.path().join(".config/rein");
    std::fs::create_dir_all(&planted).expect("folders");
    std::fs::write(
        planted.join("config.toml"),
        "default_profile = \"x\"\n[profiles.x]\nendpoint = \"http://127.0.0.1:1\"\n",
    )
    .expect("written");
    for home in [".", "..", "sub", "./"] {
        for words in [
            &["config", "path"][..],
            &["profile", "add", "a", "--domain", "x"],
            &["profile", "list"],
            &["v1/x"],
        ] {
            let run = rein(words).var("HOME", home).folder(folder.path()).run();
            assert!(!run.stdout_text().contains("config.toml"), "{run}");
            assert!(!run.stderr_text().contains("127.0.0.1:1"), "{run}");
            assert!(!run.stdout_text().contains("127.0.0.1:1"), "{run}");
        }
        assert_eq!(names(folder.path()), [".config"]);
        assert_eq!(names(&planted), ["config.toml"]);
    }
    // The environment alone needs no home, and what is absolute counts all the same.
    let server = ok();
    rein(["v1/x"])
        .at(&server.url())
        .var("HOME", ".")
        .run()
        .exit(0);
    rein(["config", "path"])
        .var("HOME", ".")
        .var("XDG_CONFIG_HOME", folder.path().join(".config"))
        .run()
        .exit(0)
        .stdout_starts(&planted.join("config.toml").display().to_string());
}

fn oauth(api: &Recorder, login: &Recorder) -> String {
    format!(
        "[profiles.ci]\nendpoint = \"{}\"\n[profiles.ci.oauth]\ntoken_url = \"{}/connect/token\"\nclient_id = \"one\"\nclient_secret_env = \"CLIENT\"\n",
        api.url(),
        login.url()
    )
}

#[test]
fn parallel_calls_ask_for_one_token() {
    // With an empty cache, and with one whose token has been refused.
    for refused in [false, true] {
        let api = Recorder::by(move |_, request| {
            if refused && request.header("authorization") == ["Bearer old"] {
                Reply::json(401, r#"{"status":"error","message":"expired"}"#)
            } else {
                Reply::json(200, OK)
            }
        });
        let login = Recorder::by(|_, _| {
            // Long enough for the other calls to come to where they would ask as well.
            std::thread::sleep(std::time::Duration::from_millis(700));
            let body = format!(r#"{{"access_token":"{CANARY}","expires_in":3600}}"#);
            Reply::with(200, &["Content-Type: application/json"], body.as_bytes())
        });
        let config = oauth(&api, &login);
        let state = tempfile::tempdir().expect("a folder");
        let call = || {
            rein(["-p", "ci", "v1/x"])
                .config(&config)
                .var("CLIENT", "s")
                .var("XDG_STATE_HOME", state.path())
        };
        if refused {
            // Leaves the token that is refused from now on in the cache.
            let file = state.path().join("rein/oauth/ci.json");
            call().run().exit(0);
            let kept = std::fs::read_to_string(&file).expect("kept");
            std::fs::write(&file, kept.replace(CANARY, "old")).expect("written");
            login.take();
        }
        let calls: Vec<_> = (0..10).map(|_| call()).collect();
        let mut running: Vec<_> = calls
            .iter()
            .map(|call| {
                let mut command = call.command();
                command.stdout(Stdio::null()).stderr(Stdio::null());
                command.spawn().expect("it starts")
            })
            .collect();
        for child in &mut running {
            assert_eq!(exit_code(child.wait().expect("an end")), 0);
        }
        assert_eq!(login.requests().len(), 1, "refused: {refused}");
    }
}

#[test]
fn a_token_service_that_fails_holds_up_nobody_for_ever() {
    let api = ok();
    let login = Recorder::always(Reply::with(400, &[], b"{}"));
    let config = oauth(&api, &login);
    let state = tempfile::tempdir().expect("a folder");
    let calls: Vec<_> = (0..4)
        .map(|_| {
            rein(["-p", "ci", "v1/x"])
                .config(&config)
                .var("CLIENT", "s")
                .var("XDG_STATE_HOME", state.path())
        })
        .collect();
    let mut running: Vec<_> = calls.iter().map(Rein::start).collect();
    for child in &mut running {
        assert_eq!(exit_code(child.wait().expect("an end")), 4);
    }
    // Each is told why by the service itself.
    assert_eq!(login.requests().len(), 4);
    api.saw_nothing();
}

#[test]
fn no_text_of_a_server_is_a_command_of_a_pipeline() {
    let evil = "a\\n##vso[task.setvariable variable=x]y\\n ##[error]z ##VSO[build.addbuildtag]t\\n::error::e\\n##\\u0023[group]";
    let body = format!(r#"{{"status":"error","message":"{evil}"}}"#);
    let raw = body.replace("\\n", "\n").replace("\\u0023", "#");
    let headers = [
        "Content-Type: application/json",
        "X-Evil: ##vso[task.complete]done ##[error]x",
        "Server-Timing: total;dur=1;desc=\"##vso[task.complete]d ##[x]\"",
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for body in [body, raw] {
        for status in [200, 404, 503] {
            let server = Recorder::always(Reply::with(status, &headers, body.as_bytes()));
            for (variable, value) in [
                ("TF_BUILD", "True"),
                ("TF_BUILD", "true"),
                ("GITHUB_ACTIONS", "true"),
            ] {
                for words in [
                    &["v1/x", "--retry", "0"][..],
                    &["v1/x", "--retry", "0", "-v"],
                    &["v1/x", "--retry", "0", "--meta", "-"],
                    &["v1/x", "--retry", "0", "-o", "out", "-v"],
                    &[
                        "v1/x",
                        "--retry",
                        "0",
                        "-w",
                        "%{stderr}%{json}%{header_json}%header{x-evil}\n",
                    ],
                    &["v1/x", "--retry", "0", "-q", ".message|error"],
                ] {
                    let run = rein(words)
                        .at(&server.url())
                        .var(variable, value)
                        .folder(folder.path())
                        .run();
                    let said = run.stderr_text();
                    let lower = said.to_lowercase();
                    let is_command = |line: &str| {
                        let line = line.trim_start();
                        line.starts_with("::") && !line.starts_with("::error title=rein (exit ")
                    };
                    assert!(
                        !lower.contains("##vso[")
                            && !lower.contains("##[")
                            && !said.split(['\n', '\r']).any(is_command),
                        "{variable} {status} {words:?}\n{run}"
                    );
                    // Annotations are GitHub's.
                    let annotated = said.contains("::error title=rein");
                    assert!(!annotated || variable == "GITHUB_ACTIONS", "{run}");
                }
            }
        }
    }
    // JSON stays JSON, with the same texts.
    let server = Recorder::always(Reply::with(200, &headers, br#"{"status":"ok"}"#));
    let run = rein(["v1/x", "--meta", "-"])
        .at(&server.url())
        .var("TF_BUILD", "True")
        .run()
        .exit(0);
    let meta: Value = serde_json::from_str(&run.stderr_text()).expect("JSON");
    let text = meta["server_timing"]["metrics"][0]["desc"].clone();
    assert_eq!(text, "##vso[task.complete]d ##[x]");
}
