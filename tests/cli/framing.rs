//! What came is what is shown: a body is whole when its framing says so, and what was not processed
//! is sent again.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::support::command::Finished;
use crate::support::http2::{
    CANCEL, Frame, HTTP_1_1_REQUIRED, Http2, INTERNAL_ERROR, NO_ERROR, REFUSED_STREAM,
};
use crate::support::{Recorder, Reply, rein};

const BEGINNING: &str = r#"{"status":"ok","comments":[{"id":"a"},{"id":"b"}"#;

/// The ways to show a response. Each ends with an option or nothing, so that more can follow.
const RENDERERS: [&[&str]; 9] = [
    &[],
    &["-i"],
    &["-q", "."],
    &["-t"],
    &["--format", "csv"],
    &["--format", "ndjson"],
    &["--format", "yaml"],
    &["--format", "pretty"],
    &["--paginate", "--format", "ndjson"],
];

const LIST: &str = "v1/datasets/p/d/export";

/// Reads a body that is never whole, in every way to show one.
fn is_cut(name: &str, url: &str, ca_file: Option<&std::path::Path>) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    let call = |args: &[&str]| -> Finished {
        let ca_file = ca_file.map(|path| path.display().to_string());
        let mut all = vec!["POST", LIST, "--retry", "0", "-s", "-d", "{}"];
        if let Some(ca_file) = &ca_file {
            all.extend(["--cacert", ca_file]);
        }
        all.extend(args);
        rein(all).at(url).run()
    };
    for renderer in RENDERERS {
        let ended = call(renderer);
        assert_eq!(ended.exit, 18, "{name} {renderer:?}\n{ended}");
    }
    let ended = call(&["-o", &file.display().to_string()]);
    assert_eq!(ended.exit, 18, "{name} -o\n{ended}");
    assert!(!file.exists(), "{name}: the file is there");
}

#[test]
fn an_http2_body_that_does_not_end_as_announced_is_18() {
    let head = |length: Option<usize>| {
        let mut headers = vec![
            ("content-type", "application/json".to_owned()),
            ("server-timing", "total;dur=1".to_owned()),
        ];
        headers.extend(length.map(|length| ("content-length", length.to_string())));
        Frame::Head(headers)
    };
    let longer = BEGINNING.len() + 9;
    let reset = |length, code| vec![head(length), Frame::Data(BEGINNING), Frame::Reset(code)];
    let cases: Vec<(&str, Vec<Frame>)> = vec![
        (
            "reset, no error, with a length",
            reset(Some(longer), NO_ERROR),
        ),
        ("reset, no error, without one", reset(None, NO_ERROR)),
        (
            "reset, no error, whole by length",
            reset(Some(BEGINNING.len()), NO_ERROR),
        ),
        ("reset, internal error", reset(Some(longer), INTERNAL_ERROR)),
        ("reset, cancelled", reset(None, CANCEL)),
        ("reset, refused", reset(None, REFUSED_STREAM)),
        ("reset, needs HTTP/1.1", reset(None, HTTP_1_1_REQUIRED)),
        (
            "too short",
            vec![head(Some(longer)), Frame::LastData(BEGINNING)],
        ),
        ("too long", vec![head(Some(5)), Frame::LastData(BEGINNING)]),
        (
            "no end",
            vec![head(None), Frame::Data(BEGINNING), Frame::Close],
        ),
        (
            "gone away",
            vec![
                head(None),
                Frame::Data(BEGINNING),
                Frame::GoAway(1, NO_ERROR),
                Frame::Close,
            ],
        ),
        (
            "gone away from the stream itself",
            vec![
                head(None),
                Frame::Data(BEGINNING),
                Frame::GoAway(0, NO_ERROR),
            ],
        ),
    ];
    for (name, frames) in cases {
        let server = Http2::start(move |_| frames.clone());
        is_cut(name, &server.url(), Some(&server.identity.ca_file()));
        assert!(server.requests().iter().all(|version| *version == "2"));
    }
}

#[test]
fn an_http1_body_that_does_not_end_as_announced_is_18() {
    let head =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer-Timing: total;dur=1\r\n";
    let length = BEGINNING.len();
    let chunk = format!("{head}Transfer-Encoding: chunked\r\n\r\n{length:x}\r\n{BEGINNING}\r\n");
    let sized = format!("{head}Content-Length: {}\r\n\r\n{BEGINNING}", length + 9);
    for (name, bytes) in [("length", &sized), ("chunks", &chunk)] {
        let server = Recorder::always(Reply::Close(bytes.clone().into_bytes()));
        is_cut(name, &server.url(), None);
        let server = Recorder::always(Reply::Reset(bytes.clone().into_bytes()));
        is_cut(&format!("{name}, reset"), &server.url(), None);
    }
    // Without a length the end of the connection is the end of the body, but not a reset.
    let open = format!("{head}\r\n{BEGINNING}]}}");
    let server = Recorder::always(Reply::Close(open.clone().into_bytes()));
    rein([LIST]).at(&server.url()).run().exit(0);
    let server = Recorder::always(Reply::Reset(format!("{head}\r\n{BEGINNING}").into_bytes()));
    is_cut("open, reset", &server.url(), None);
}

#[test]
fn what_was_not_processed_is_sent_again_whatever_its_class() {
    let ok = || {
        vec![
            Frame::Head(vec![("server-timing", "total;dur=1".to_owned())]),
            Frame::LastData(r#"{"status":"ok"}"#),
        ]
    };
    let calls: [&[&str]; 5] = [
        &["v1/datasets"],
        &["PUT", "v1/datasets/p/d", "a=1"],
        &["DELETE", "v1/datasets/p/d"],
        &["POST", "v1/datasets/p/d/streams/s/advance", "sequence_id=x"],
        &["POST", "v1/sources/p/s/sync", "comments:=[]"],
    ];
    type Case = (
        &'static str,
        Vec<Frame>,
        &'static [&'static str],
        &'static str,
    );
    let cases: [Case; 4] = [
        (
            "gone away",
            vec![Frame::GoAway(0, NO_ERROR), Frame::Close],
            &["2", "2"],
            "without processing the request; retrying",
        ),
        (
            "gone away in trouble",
            vec![Frame::GoAway(0, INTERNAL_ERROR), Frame::Close],
            &["2", "2"],
            "without processing the request; retrying",
        ),
        (
            "refused",
            vec![Frame::Reset(REFUSED_STREAM)],
            &["2", "2"],
            "without processing the request; retrying",
        ),
        (
            "HTTP/1.1 required",
            vec![Frame::Reset(HTTP_1_1_REQUIRED)],
            &["2", "1.1"],
            "requires HTTP/1.1; retrying over HTTP/1.1",
        ),
    ];
    for (name, frames, requests, note) in cases {
        for args in calls {
            let frames = frames.clone();
            let server = Http2::start(move |position| match position {
                0 => frames.clone(),
                _ => ok(),
            });
            let ca_file = server.identity.ca_file().display().to_string();
            let further = ["--cacert", &ca_file, "--retry-delay", "0"];
            let ended = rein(args.iter().chain(&further)).at(&server.url()).run();
            assert_eq!(ended.exit, 0, "{name}\n{ended}");
            ended.stdout(r#"{"status":"ok"}"#).says(note);
            assert_eq!(server.requests(), requests, "{name} {args:?}");
        }
    }
    // What may have been processed is not sent again by anything but a read.
    let lost = Http2::start(|_| vec![Frame::GoAway(1, NO_ERROR), Frame::Close]);
    let ca_file = lost.identity.ca_file().display().to_string();
    for args in &calls[1..] {
        let before = lost.requests().len();
        let further = ["--cacert", &ca_file, "--retry-delay", "0"];
        let ended = rein(args.iter().chain(&further)).at(&lost.url()).run();
        assert!(matches!(ended.exit, 52 | 56), "{ended}");
        ended.says("may have been applied");
        assert_eq!(lost.requests().len(), before + 1, "{args:?}");
    }
    // HTTP/1.1 is gone over to once, and a body from stdin is not repeated.
    let stubborn = Http2::start(|_| vec![Frame::GoAway(0, HTTP_1_1_REQUIRED), Frame::Close]);
    let ca_file = stubborn.identity.ca_file().display().to_string();
    rein(["POST", "v1/x", "-T", "-", "--cacert", &ca_file])
        .at(&stubborn.url())
        .stdin("{}")
        .run()
        .exit(56)
        .says("--http1.1");
    assert_eq!(stubborn.requests(), ["2"]);
}

#[test]
fn what_says_that_it_has_no_body_says_so_with_a_length() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty");
    std::fs::write(&empty, "").expect("written");
    let empty = empty.display().to_string();
    let (data, upload) = (format!("@{empty}"), empty.as_str());
    let text = ["-H", "Content-Type: text/plain"];
    let cases: [(&[&str], &[&str]); 10] = [
        (&["POST", "v1/x"], &["0"]),
        (&["PUT", "v1/x"], &["0"]),
        (&["PATCH", "v1/x"], &["0"]),
        (&["DELETE", "v1/x"], &[]),
        (&["GET", "v1/x"], &[]),
        (&["-I", "v1/x"], &[]),
        (&["POST", "v1/x", "-T", upload], &["0"]),
        (&["POST", "v1/x", "-d", ""], &["0"]),
        (&["POST", "v1/x", "-d", &data], &["0"]),
        (&["PUT", "v1/x", "-d", "a"], &["1"]),
    ];
    for (args, lengths) in cases {
        let ended = rein(args.iter().chain(&text)).at(&server.url()).run();
        assert_eq!(ended.exit, 0, "{ended}");
        let request = server.take().pop().expect("a request");
        assert_eq!(request.header("content-length"), lengths, "{args:?}");
        assert!(request.header("transfer-encoding").is_empty(), "{args:?}");
        let shown = rein(args.iter().chain(&text).chain(&["-v"]))
            .at(&server.url())
            .run();
        let is_shown = shown.stderr_text().contains("> Content-Length: 0");
        assert_eq!(is_shown, lengths == ["0"], "{shown}");
        server.take();
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text).expect("coded");
    encoder.finish().expect("ended")
}

#[test]
fn a_transfer_coding_is_undone_or_refused() {
    let body = br#"{"status":"ok"}"#;
    let coded = gzip(body);
    let chunked = |headers: &str, coded: &[u8]| {
        let mut bytes =
            format!("HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\n{headers}\r\n\r\n");
        bytes.push_str(&format!("{:x}\r\n", coded.len()));
        [bytes.as_bytes(), coded, b"\r\n0\r\n\r\n"].concat()
    };
    for (headers, exit) in [
        ("Transfer-Encoding: gzip, chunked", 0),
        ("Transfer-Encoding: x-gzip,chunked", 0),
        ("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked", 0),
        ("Content-Encoding: gzip\r\nTransfer-Encoding: chunked", 0),
        ("Transfer-Encoding: identity, gzip, chunked", 0),
        ("Transfer-Encoding: nonsense, chunked", 61),
        (
            "Content-Encoding: gzip\r\nTransfer-Encoding: gzip, chunked",
            61,
        ),
    ] {
        let server = Recorder::always(Reply::Close(chunked(headers, &coded)));
        let ended = rein(["v1/x"]).at(&server.url()).run();
        assert_eq!(ended.exit, exit, "{headers}\n{ended}");
        ended.stdout(if exit == 0 { &body[..] } else { b"" });
    }
}

#[test]
fn the_end_of_a_gzip_body_is_checked() {
    let body = br#"{"status":"ok"}"#;
    let coded = gzip(body);
    let mut wrong = coded.clone();
    let checksum = wrong.len() - 8;
    wrong[checksum] ^= 1;
    for (name, bytes, exit) in [
        ("whole", coded.clone(), 0),
        ("zeros behind it", [coded.as_slice(), &[0; 512]].concat(), 0),
        (
            "a line end behind it",
            [coded.as_slice(), b"\r\n"].concat(),
            0,
        ),
        (
            "something else behind it",
            [coded.as_slice(), b"junk"].concat(),
            61,
        ),
        ("a wrong checksum", wrong, 61),
        ("no end", coded[..coded.len() - 4].to_vec(), 18),
    ] {
        let headers = ["Content-Encoding: gzip", "Server-Timing: total;dur=1"];
        let server = Recorder::always(Reply::with(200, &headers, &bytes));
        let ended = rein(["v1/x", "--retry", "0"]).at(&server.url()).run();
        assert_eq!(ended.exit, exit, "{name}\n{ended}");
        ended.stdout(body);
    }
}

#[test]
fn an_event_in_a_flushed_gzip_stream_shows_at_once() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(b"data: 1\n")
        .and_then(|()| encoder.flush())
        .expect("flushed");
    let event = encoder.get_ref().clone();
    let head = b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n\r\n";
    let server = Recorder::always(Reply::Hang([&head[..], &event].concat()));
    let call = rein(["v1/x"]).at(&server.url());
    let child = call
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("a start");
    let (mut output, child) = {
        let mut child = child;
        let output = child.stdout.take().expect("a pipe");
        (BufReader::new(output), Arc::new(Mutex::new(child)))
    };
    // The end of the output fails the test where no event comes.
    let later = Arc::clone(&child);
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(20));
        let _ended = later.lock().expect("a lock").kill();
    });
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    let mut child = child.lock().expect("a lock");
    child.kill().expect("ended");
    child.wait().expect("an end");
    drop(child);
    assert_eq!(line, "data: 1\n");
}

#[test]
fn a_location_in_bytes_that_are_not_ascii_is_followed() {
    for (target, asked) in [
        (
            &b"/api/v1/caf\xc3\xa9?q=\xc3\xa9"[..],
            "/api/v1/caf%C3%A9?q=%C3%A9",
        ),
        (b"/api/v1/caf\xe9", "/api/v1/caf%E9"),
        (b"caf%C3%A9\xe2\x82\xac", "/api/v1/caf%C3%A9%E2%82%AC"),
    ] {
        let redirect = [
            &b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: "[..],
            target,
            b"\r\n\r\n",
        ];
        let server = Recorder::start(vec![
            Reply::Bytes(redirect.concat()),
            Reply::json(200, r#"{"status":"ok"}"#),
        ]);
        rein(["-L", "v1/x"]).at(&server.url()).run().exit(0);
        assert_eq!(server.requests()[1].line(), format!("GET {asked}"));
        let server = Recorder::always(Reply::Bytes(redirect.concat()));
        rein(["v1/x"])
            .at(&server.url())
            .run()
            .exit(3)
            .says("it points to")
            .says(asked.rsplit('/').next().expect("a name"));
    }
}

/// A server that reads a request's headers, responds at once and closes with the body unread.
fn refusing(status: &'static str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            refuse(stream, status);
        }
    });
    url
}

fn refuse(mut stream: TcpStream, status: &str) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read_exact(&mut byte).is_err() {
            return;
        }
        head.push(byte[0]);
    }
    let body = r#"{"status":"error","message":"no"}"#;
    let response = format!(
        "HTTP/1.1 {status}\r\nServer-Timing: total;dur=1\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let _gone = stream.write_all(response.as_bytes());
}

#[test]
fn a_response_in_the_middle_of_an_upload_is_seen() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("large");
    std::fs::write(&file, vec![b'x'; 8 << 20]).expect("written");
    let path = file.display().to_string();
    let uploads: [(&str, String); 3] = [
        ("-T", path.clone()),
        ("-d", format!("@{path}")),
        ("-F", format!("file=@{path}")),
    ];
    let body = r#"{"status":"error","message":"no"}"#;
    for last in [
        Frame::Reset(NO_ERROR),
        Frame::Reset(CANCEL),
        Frame::GoAway(1, NO_ERROR),
    ] {
        let server =
            Http2::start_early(move |_| vec![Frame::TooLarge, Frame::LastData(body), last.clone()]);
        let ca_file = server.identity.ca_file().display().to_string();
        let octets = "Content-Type: application/octet-stream";
        let all = [
            "POST", "v1/x", "-T", &path, "-H", octets, "--cacert", &ca_file,
        ];
        rein(all).at(&server.url()).run().exit(4).stdout(body);
    }
    // Over HTTP/1 a reset can overtake the response on its way, which no client can undo: most
    // tries must see it, where almost none would without waiting for it.
    let (mut seen, mut tries) = (0, 0);
    for status in ["413 Payload Too Large", "401 Unauthorized", "403 Forbidden"] {
        let url = refusing(status);
        for (option, value) in &uploads {
            let mut all = vec!["POST", "v1/x", *option, value.as_str()];
            if *option != "-F" {
                all.extend(["-H", "Content-Type: application/octet-stream"]);
            }
            for _ in 0..4 {
                let ended = rein(&all).at(&url).run();
                tries += 1;
                seen += i32::from(ended.exit == 4 && ended.stdout_text().contains("\"no\""));
            }
        }
    }
    assert!(seen * 2 > tries, "{seen} of {tries}");
}
