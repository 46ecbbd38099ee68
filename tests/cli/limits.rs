//! `-m` bounds the whole command, and `-y` and `-Y` bound how slow a transfer may be.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::Duration;

use crate::support::{Recorder, Reply, rein};

#[test]
fn the_time_limit_is_for_the_whole_command() {
    // Retries: the wait that does not fit is not begun, and the response is what counts.
    let busy = Reply::with(
        503,
        &["Server-Timing: total;dur=1", "Retry-After: 30"],
        br#"{"status":"error","message":"busy"}"#,
    );
    let server = Recorder::always(busy);
    rein(["v1/x", "-m", "5"])
        .at(&server.url())
        .run()
        .exit(5)
        .says("not retried: the wait of 30 s is longer than what -m leaves");
    server.only();
    // Retries that do fit end with the limit.
    let server = Recorder::by(|before, _| match before {
        0 => Reply::with(503, &["Retry-After: 0"], b""),
        _ => Reply::Hang(Vec::new()),
    });
    rein(["v1/x", "-m", "1"]).at(&server.url()).run().exit(28);
    assert_eq!(server.requests().len(), 2);
    // Pages: an endless list ends with the limit, and says where.
    let server = Recorder::by(|before, _| {
        std::thread::sleep(Duration::from_millis(100));
        let body =
            format!(r#"{{"status":"ok","comments":[{{"id":1}}],"continuation":"c{before}"}}"#);
        Reply::json(200, &body)
    });
    rein([
        "call",
        "export-dataset",
        "project=p",
        "dataset=d",
        "--paginate",
        "--format",
        "ndjson",
        "-m",
        "1",
    ])
    .at(&server.url())
    .run()
    .exit(18)
    .says("timed out after 1 s (--max-time)")
    .says("incomplete after");
    assert!(server.requests().len() > 1);
    // A read that is repeated until something holds.
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok","done":false}"#));
    rein(["v1/x", "--until", ".done", "--every", "300ms", "-m", "1"])
        .at(&server.url())
        .run()
        .exit(28)
        .says("--max-time");
    assert!(server.requests().len() > 1);
    // A stream that is followed.
    let server = Recorder::always(Reply::json(
        200,
        r#"{"status":"ok","results":[],"num_filtered":0,"more_results":false,"continuation":"c"}"#,
    ));
    rein(["follow", "p/orders/late", "-m", "1"])
        .at(&server.url())
        .run()
        .exit(28)
        .says("--max-time");
    // Redirects.
    let server = Recorder::by(|_, request| {
        std::thread::sleep(Duration::from_millis(100));
        let next = format!("Location: {}x", request.line().trim_start_matches("GET "));
        Reply::with(302, &[&next], b"")
    });
    rein(["v1/x", "-L", "-m", "1"])
        .at(&server.url())
        .run()
        .exit(28);
    assert!(server.requests().len() > 1);
}

/// A server that sends a byte of a long body every 50 ms.
fn dripping() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let head = "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 100000\r\n\r\n";
                let mut request = [0; 4096];
                let _read = stream.read(&mut request).expect("a request");
                let mut sent = stream.write_all(head.as_bytes());
                while sent.is_ok() {
                    std::thread::sleep(Duration::from_millis(50));
                    sent = stream.write_all(b"x");
                }
            });
        }
    });
    url
}

#[test]
fn a_transfer_that_stays_slow_ends() {
    let url = dripping();
    let call = |args: &[&str]| {
        let all = ["v1/x", "--retry", "0"];
        rein(all.iter().chain(args)).at(&url).run()
    };
    call(&["-Y", "1000", "-y", "1"])
        .exit(28)
        .says("slower than 1000 bytes/s (--speed-limit) for 1 s while receiving the body")
        .says("lower it with -Y");
    call(&["--speed-limit", "1000", "--speed-time", "1"]).exit(28);
    // Slow as it is, something moves; that is all that -y alone asks for, and -Y 0 is no limit.
    call(&["-y", "1", "-m", "2"]).exit(28).says("--max-time");
    call(&["-Y", "0", "-y", "1", "-m", "2"])
        .exit(28)
        .says("--max-time");
    call(&["-Y", "5", "-y", "1", "-m", "2"])
        .exit(28)
        .says("--max-time");
    // A response that does not begin is slow as well.
    let silent = Recorder::always(Reply::Hang(Vec::new()));
    rein(["v1/x", "--retry", "0", "-Y", "1", "-y", "1"])
        .at(&silent.url())
        .run()
        .exit(28);
    for value in ["", "x", "-1", "1.5"] {
        rein(["v1/x", "-Y", value]).at(&url).run().exit(2);
    }
}
