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
        .says("could not resolve nonexistent.invalid");
    let head = "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 100\r\n\r\n";
    for (reply, exit, says) in [
        (Reply::Close(Vec::new()), 52, "without a response"),
        (Reply::Close(b"HTTP/1.1 200 O".to_vec()), 52, "without a response"),
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
        .says("timed out after 200 ms (--max-time) while waiting for the response");
    rein(["--speed-time", "0.2", "/api/v1/x"])
        .at(&silent.url())
        .run()
        .exit(28)
        .says("no data moved for 200 ms");
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
fn a_server_that_speaks_old_tls_alone_is_told_as_such() {
    let old = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = old.local_addr().expect("an address");
    let answering = std::thread::spawn(move || {
        let (mut stream, _) = old.accept().expect("a connection");
        let mut hello = [0; 16 * 1024];
        let _read = std::io::Read::read(&mut stream, &mut hello).expect("a hello");
        // A fatal alert, protocol_version, as a server of TLS 1.1 gives it (RFC 5246, 7.2).
        let _gone = std::io::Write::write_all(&mut stream, &[21, 3, 2, 0, 2, 2, 70]);
    });
    rein(["/api/v1/x"])
        .at(&format!("https://{address}"))
        .run()
        .exit(35)
        .says("1.2 or newer is needed");
    answering.join().expect("an end");
}

#[test]
fn what_has_not_changed_is_no_redirect_to_somewhere() {
    let server = Recorder::always(Reply::Close(b"HTTP/1.1 304 Not Modified\r\n\r\n".to_vec()));
    let call = |args: &[&str]| {
        let typed = ["/api/v1/x", "-H", "If-None-Match: \"x\""];
        rein(typed.iter().chain(args)).at(&server.url()).run()
    };
    call(&[])
        .exit(3)
        .says("304 Not Modified: there is no body, because nothing has changed")
        .never_says("redirect");
    call(&["--expect-status", "304"]).exit(0);
}

#[test]
fn no_cookie_is_kept_and_no_referer_sent() {
    let cookie = "Set-Cookie: session=1; Path=/";
    let server = Recorder::by(move |before, request| {
        let timing = "Server-Timing: total;dur=1";
        if request.line() == "GET /api/v1/from?q=1" {
            return Reply::with(302, &[cookie, timing, "Location: /api/v1/to"], b"");
        }
        let body = match before {
            2 => r#"{"status":"ok","comments":[],"continuation":"c"}"#,
            _ => r#"{"status":"ok","comments":[]}"#,
        };
        Reply::with(200, &[cookie, timing], body.as_bytes())
    });
    for args in [
        &["-L", "v1/from?q=1"][..],
        &[
            "call",
            "export-dataset",
            "project=p",
            "dataset=d",
            "--paginate",
        ],
    ] {
        rein(args).at(&server.url()).run().exit(0);
    }
    let requests = server.requests();
    assert_eq!(requests.len(), 4, "{requests:?}");
    for request in requests {
        assert!(request.header("cookie").is_empty(), "{request:?}");
        assert!(request.header("referer").is_empty(), "{request:?}");
    }
}

#[test]
fn plain_http_needs_no_certificates() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let folder = tempfile::tempdir().expect("a folder");
    let none = folder.path().join("none.pem");
    std::fs::write(&none, "").expect("written");
    let call = |url: &str| {
        rein(["v1/x"])
            .at(url)
            .var("SSL_CERT_FILE", &none)
            .var("SSL_CERT_DIR", folder.path())
            .run()
    };
    call(&server.url()).exit(0);
    call("https://127.0.0.1:1").exit(2).says("certificate");
}

#[cfg(target_os = "linux")]
#[test]
fn one_call_needs_one_thread_beside_the_one_for_signals() {
    let server = Recorder::always(Reply::Hang(Vec::new()));
    let call = rein(["v1/x"]).at(&server.url());
    let mut child = call
        .command()
        .stderr(Stdio::null())
        .spawn()
        .expect("a start");
    wait_until(|| !server.requests().is_empty());
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id()));
    let threads = tasks.expect("listed").count();
    kill("TERM", child.id());
    child.wait().expect("an end");
    assert!(threads <= 2, "{threads} threads");
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
    // For https the environment counts; that its proxy is asked for a tunnel is enough here.
    rein(["/api/v1/x", "--retry", "0"])
        .at("https://tenant.invalid")
        .var("https_proxy", proxy.url())
        .run();
    assert_eq!(
        proxy
            .requests()
            .last()
            .map(|request| request.line().to_owned()),
        Some("CONNECT tenant.invalid:443".to_owned())
    );
    // Exceptions hold for -x too, whoever names them.
    for (option, variable) in [("127.0.0.1", ""), ("", "127.0.0.1")] {
        let mut args = vec!["/api/v1/x".to_owned(), "-x".to_owned(), proxy.url()];
        if !option.is_empty() {
            args.extend(["--noproxy".to_owned(), option.to_owned()]);
        }
        let call = rein(args).at(&server.url()).var("NO_PROXY", variable);
        assert!(!through(call.run().exit(0)));
    }
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
        .var("REINFER_TOKEN", "TOKEN-OF-CALL-1")
        .run()
        .exit(7)
        .says("the proxy")
        .no_canary();
}

#[test]
fn plain_http_takes_the_token_through_no_proxy_elsewhere() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let here = Recorder::always(Reply::json(200, r#"{"status":"ok","by":"proxy"}"#));
    // What the environment says is for every program, and is left out.
    for name in ["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"] {
        for proxy in [here.url(), "http://192.0.2.1:9".to_owned()] {
            rein(["v1/x"])
                .at(&server.url())
                .var(name, proxy)
                .run()
                .exit(0)
                .stdout(r#"{"status":"ok"}"#);
        }
    }
    here.saw_nothing();
}

#[test]
fn a_proxy_elsewhere_that_is_named_for_plain_http_is_refused() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let far = "socks5h://u:SEKRET-0123@192.0.2.1:9";
    let profile = format!(
        "[profiles.p]\nendpoint = \"{}\"\ntoken_env = \"T\"\nproxy = \"{far}\"\n",
        server.url()
    );
    for args in [&["v1/x", "-x", "192.0.2.1:9"][..], &["v1/x", "-x", far]] {
        rein(args)
            .at(&server.url())
            .var("REINFER_TOKEN", "TOKEN-OF-CALL-1")
            .run()
            .exit(2)
            .stdout("")
            .says("off this machine over plain http")
            .says("192.0.2.1:9")
            .no_canary();
    }
    let call = rein(["-p", "p", "v1/x"]).config(&profile);
    let run = call.var("T", "TOKEN-OF-CALL-1").run().exit(2);
    run.says("off this machine").no_canary();
    // A token service on this machine is asked through no other either.
    let oauth = format!(
        "[profiles.p]\nendpoint = \"https://tenant.invalid\"\n[profiles.p.oauth]\n\
         token_url = \"{}\"\nclient_id = \"one\"\nclient_secret_env = \"T\"\n",
        server.url()
    );
    rein(["-p", "p", "v1/x", "-x", far])
        .config(&oauth)
        .var("T", "TOKEN-OF-CALL-1")
        .run()
        .exit(2)
        .says("off this machine")
        .no_canary();
    server.saw_nothing();
    rein(["-p", "p", "v1/x", "-x", ""])
        .config(&profile)
        .var("T", "TOKEN-OF-CALL-1")
        .run()
        .exit(0);
    server.only();
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
            "error: interrupted\n  POST /api/v1/x\n  the outcome is unknown: the request may have been applied\n  \
             check what it changes before sending it again\n",
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
