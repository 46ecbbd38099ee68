//! Failures on the way, each with its code, its phase and its words; TLS, proxies, interrupts.

use std::net::TcpListener;
use std::process::Stdio;
use std::time::Duration;

use crate::support::command::{exit_code, interrupted};
use crate::support::{CANARY, Demo, Recorder, Reply, rein};

#[test]
fn every_failure_on_the_way_has_its_code() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    rein(["/api/v1/x"])
        .at(&format!("http://{closed}"))
        .run()
        .exit(7)
        .says("connection refused")
        .no_canary();
    rein(["/api/v1/x"])
        .at("https://nonexistent.invalid")
        .run()
        .exit(6)
        .says("nonexistent.invalid could not be looked up");
    let head = "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 100\r\n\r\n";
    for (reply, exit, says) in [
        (Reply::Close(Vec::new()), 52, "without an answer"),
        (Reply::Close(b"HTTP/1.1 200 O".to_vec()), 52, "without an answer"),
        (Reply::Close(b"garbage\r\n\r\n".to_vec()), 56, "not HTTP"),
        (Reply::Close(format!("{head}{{}}").into_bytes()), 18, "cut short"),
        (Reply::Close(b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\"".to_vec()), 18, "cut short"),
    ] {
        let server = Recorder::always(reply);
        rein(["/api/v1/x"]).at(&server.url()).run().exit(exit).says(says).no_canary();
    }
}

#[test]
fn time_outs_are_28_and_name_phase_and_seconds() {
    let silent = Recorder::always(Reply::Hang(Vec::new()));
    rein(["-m", "0.2", "/api/v1/x"])
        .at(&silent.url())
        .run()
        .exit(28)
        .says("timed out after 200 ms (--max-time) while waiting for the answer");
    rein(["--speed-time", "0.2", "/api/v1/x"])
        .at(&silent.url())
        .run()
        .exit(28)
        .says("nothing moved for 200 ms");
    let half = Recorder::always(Reply::Hang(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec(),
    ));
    rein(["-m", "200ms", "/api/v1/x"])
        .at(&half.url())
        .run()
        .exit(28)
        .says("while receiving the body");
    // A port that takes connections and never begins a handshake.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", mute.local_addr().expect("an address"));
    rein(["--connect-timeout", "0.3", "/api/v1/x"])
        .at(&url)
        .run()
        .exit(28)
        .says("in the TLS handshake");
}

#[test]
fn tls_is_checked_and_its_failures_are_told_apart() {
    let demo = Demo::tls();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, demo.ca_pem.as_deref().expect("a certificate")).expect("written");
    let call = |args: &[&str]| {
        rein(args)
            .var("REINFER_ENDPOINT", &demo.url)
            .var("REINFER_TOKEN", &demo.token)
    };
    let path = ca.display().to_string();
    call(&["/api/v1/projects"])
        .run()
        .exit(60)
        .says("issuer is not trusted");
    for (version, args) in [
        ("HTTP/2 200", &["--http2"][..]),
        ("HTTP/1.1 200", &["--http1.1"]),
    ] {
        let args = [&["-i", "/api/v1/projects", "--cacert", path.as_str()], args].concat();
        let run = call(&args).run().exit(0);
        assert!(run.stdout_text().starts_with(version), "{run}");
        assert!(run.stderr_text().contains("200 OK"), "{run}");
    }
    call(&["/api/v1/projects"])
        .var("SSL_CERT_FILE", &path)
        .run()
        .exit(0);
    call(&["-k", "/api/v1/projects"])
        .run()
        .exit(0)
        .says("warning: -k");
    call(&["/api/v1/projects", "--cacert", "/nonexistent"])
        .run()
        .exit(2)
        .says("CA file");
    let phases = call(&["-v", "/api/v1/projects", "--cacert", &path])
        .run()
        .exit(0);
    assert!(phases.stderr_text().contains("* TLS"), "{phases}");
    // Another name than the certificate's: the address changes, the check does not.
    let port = demo.url.rsplit(':').next().expect("a port");
    let other = format!("https://other.example:{port}");
    let resolve = format!("other.example:{port}:127.0.0.1");
    rein(["/api/v1/x", "--cacert", &path, "--resolve", &resolve])
        .at(&other)
        .run()
        .exit(60)
        .says("another name");
    let localhost = format!("https://localhost:{port}");
    rein(["/api/v1/projects", "--cacert", &path, "-4"])
        .var("REINFER_ENDPOINT", &localhost)
        .var("REINFER_TOKEN", &demo.token)
        .run()
        .exit(0);
}

#[test]
fn what_does_not_speak_tls_is_35() {
    let server = Recorder::always(Reply::json(200, "{}"));
    let url = server.url().replace("http://", "https://");
    let plain = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = plain.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = plain.accept().expect("a connection");
        let _gone = std::io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n");
        std::thread::sleep(Duration::from_millis(100));
    });
    rein(["/api/v1/x"])
        .at(&format!("https://{address}"))
        .run()
        .exit(35);
    answering.join().expect("an end");
    drop((server, url));
}

#[test]
fn redirects_are_reported_and_nothing_goes_there() {
    let other = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("Location: {}/api/v1/x", other.url());
        let server = Recorder::always(Reply::with(status, &[&location], b""));
        rein(["/api/v1/x"])
            .at(&server.url())
            .run()
            .exit(3)
            .says("it points to")
            .no_canary();
        assert_eq!(server.requests().len(), 1);
    }
    other.saw_nothing();
}

#[test]
fn redirects_are_followed_on_request_inside_the_endpoint_and_for_reads() {
    let ok = Reply::json(200, r#"{"status":"ok"}"#);
    let inside = Reply::with(302, &["Location: /base/api/v1/y"], b"");
    let server = Recorder::start(vec![inside.clone(), ok.clone()]);
    rein(["-L", "v1/x"])
        .at(&format!("{}/base", server.url()))
        .run()
        .exit(0)
        .says("redirected to");
    let requests = server.requests();
    assert_eq!(requests[1].line(), "GET /base/api/v1/y");
    assert_eq!(
        requests[1].header("authorization"),
        [format!("Bearer {CANARY}")]
    );
    assert!(requests[1].header("referer").is_empty());
    let write = Recorder::always(inside.clone());
    rein(["-L", "POST", "v1/x", "a=1"])
        .at(&format!("{}/base", write.url()))
        .run()
        .exit(3);
    assert_eq!(write.requests().len(), 1);
    let outside = Recorder::always(Reply::with(302, &["Location: /elsewhere"], b""));
    rein(["-L", "v1/x"])
        .at(&format!("{}/base", outside.url()))
        .run()
        .exit(3);
    assert_eq!(outside.requests().len(), 1);
    let circle = Recorder::always(inside);
    rein(["-L", "--max-redirs", "3", "v1/x"])
        .at(&format!("{}/base", circle.url()))
        .run()
        .exit(47);
    assert_eq!(circle.requests().len(), 4);
}

#[test]
fn proxies_are_used_as_set_and_never_by_accident_not() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let proxy = Recorder::always(Reply::json(200, r#"{"status":"ok","by":"proxy"}"#));
    let through = |run: crate::support::command::Finished| run.stdout_text().contains("proxy");
    assert!(through(
        rein(["/api/v1/x", "-x", &proxy.url()])
            .at(&server.url())
            .run()
            .exit(0)
    ));
    assert_eq!(
        proxy.only().line(),
        format!("GET {}/api/v1/x", server.url())
    );
    server.saw_nothing();
    assert!(through(
        rein(["/api/v1/x"])
            .at(&server.url())
            .var("http_proxy", proxy.url())
            .run()
            .exit(0)
    ));
    // Capitals are ignored for http, and exceptions hold for -x too.
    assert!(!through(
        rein(["/api/v1/x"])
            .at(&server.url())
            .var("HTTP_PROXY", proxy.url())
            .run()
            .exit(0)
    ));
    assert!(!through(
        rein(["/api/v1/x", "-x", &proxy.url(), "--noproxy", "127.0.0.1"])
            .at(&server.url())
            .run()
            .exit(0)
    ));
    let before = server.requests().len();
    rein(["/api/v1/x"])
        .at(&server.url())
        .var("http_proxy", "not a proxy")
        .run()
        .exit(2)
        .says("$http_proxy");
    assert_eq!(server.requests().len(), before);
    let refusing = Recorder::always(Reply::with(407, &["Proxy-Authenticate: Basic"], b""));
    rein(["/api/v1/x", "-x", &refusing.url()])
        .at("https://127.0.0.1:1")
        .run()
        .exit(56)
        .says("proxy");
    let closed = TcpListener::bind("127.0.0.1:0")
        .expect("a port")
        .local_addr()
        .expect("an address");
    rein(["/api/v1/x", "-x", &format!("http://u:{CANARY}@{closed}")])
        .at(&server.url())
        .run()
        .exit(7)
        .says("the proxy")
        .no_canary();
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_call_in_every_phase_and_leaves_no_litter() {
    let silent = Recorder::always(Reply::Hang(Vec::new()));
    let half = Recorder::always(Reply::Hang(
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{".to_vec(),
    ));
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let handshake = format!("https://{}", mute.local_addr().expect("an address"));
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("out");
    for (url, busy) in [(silent.url(), 1), (half.url(), 1), (handshake, 0)] {
        for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
            let call = rein(["/api/v1/x", "-o", &file.display().to_string()]).at(&url);
            let mut child = call
                .command()
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("a start");
            // Busy means that its request has arrived, or that it has had time to connect.
            wait_until(|| {
                busy == 0 || !silent.requests().is_empty() || !half.requests().is_empty()
            });
            std::thread::sleep(Duration::from_millis(150));
            kill(signal, child.id());
            assert_eq!(
                exit_code(child.wait().expect("an end")),
                code,
                "{url} {signal}"
            );
            assert_eq!(
                std::fs::read_dir(folder.path()).expect("listed").count(),
                0,
                "{url} {signal}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_write_may_have_been_applied() {
    let silent = Recorder::always(Reply::Hang(Vec::new()));
    for (method, doubt) in [
        (
            "POST",
            "error: interrupted\n  POST /api/v1/x\n  the outcome is unknown: it may have been applied\n  \
             read the object before sending this again\n",
        ),
        ("GET", ""),
    ] {
        silent.take();
        let call = rein(["-X", method, "/api/v1/x"]).at(&silent.url());
        let (exit, stdout, stderr) = interrupted(&call, || !silent.requests().is_empty());
        assert_eq!((exit, stdout.as_str(), stderr.as_str()), (130, "", doubt));
    }
    // What has not been sent has not been applied.
    let mute = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("https://{}", mute.local_addr().expect("an address"));
    let begun = std::time::Instant::now();
    let is_time = || begun.elapsed() > Duration::from_millis(300);
    let call = rein(["POST", "/api/v1/x"]).at(&url);
    assert_eq!(interrupted(&call, is_time).2, "");
}

#[cfg(unix)]
fn kill(signal: &str, process: u32) {
    let status = std::process::Command::new("kill")
        .args(["-s", signal, &process.to_string()])
        .status();
    assert!(status.expect("kill runs").success());
}

#[cfg(unix)]
fn wait_until(is_so: impl Fn() -> bool) {
    for _ in 0..500 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to that");
}

#[test]
fn localhost_means_this_machine_whatever_it_resolves_to() {
    // A documentation address (RFC 5737): nothing is there, and nothing is asked there.
    let resolve = ["v1/x", "--resolve", "localhost:9:192.0.2.1"];
    rein(resolve)
        .at("http://localhost:9")
        .run()
        .exit(6)
        .says("localhost")
        .no_canary();
}
