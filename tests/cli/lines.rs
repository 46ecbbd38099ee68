//! The lines beside the answer on a terminal: status and progress.

use std::io::Write;
use std::net::TcpListener;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

use crate::output::{in_a_shell, on_a_terminal};
use crate::support::{Recorder, Reply, rein};

#[test]
fn the_status_line_fits_the_terminal() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let config = format!(
        "[profiles.p]\nendpoint = \"{}\"\n[profiles.a-long-name]\nextends = \"p\"\n",
        server.url()
    );
    for (columns, profile, lines) in [
        (120_usize, "p", 1),
        (80, "p", 1),
        (60, "p", 2),
        (60, "a-long-name", 2),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out").display().to_string();
        let call = rein(["-p", profile, "v1/x", "-o", &out, "--color", "never"])
            .config(&config)
            .var("REINFER_TOKEN", "t");
        let script = format!("stty rows 24 cols {columns}; exec \"$0\" \"$@\"");
        let seen = on_a_terminal(&in_a_shell(&call.command(), &script));
        let shown: Vec<&str> = seen.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(shown.len(), lines, "{columns}: {seen}");
        assert!(shown.iter().all(|line| line.width() <= columns), "{seen}");
    }
}

/// Serves a body that takes so long.
fn slow_server(pieces: u32, pause: Duration) -> String {
    const PIECE: usize = 100_000;
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut head = [0; 4096];
            let _read = std::io::Read::read(&mut stream, &mut head);
            let length = PIECE * pieces as usize;
            let head = format!(
                "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
            );
            let mut body = b"{\"status\":\"ok\",\"text\":\"".to_vec();
            body.resize(length - 2, b'x');
            body.extend_from_slice(b"\"}");
            let _gone = stream.write_all(head.as_bytes());
            for piece in body.chunks(PIECE) {
                let _gone = stream.write_all(piece);
                std::thread::sleep(pause);
            }
        }
    });
    url
}

#[test]
fn a_long_download_shows_how_far_it_is_and_a_short_one_does_not() {
    let slow = slow_server(20, Duration::from_millis(80));
    let quick = slow_server(20, Duration::ZERO);
    let folder = tempfile::tempdir().expect("a folder");
    let out = folder.path().join("out").display().to_string();
    let download = |url: &str, args: &[&str]| {
        let words = [&["v1/x", "-o", &out, "--color", "never"], args].concat();
        rein(words).at(url)
    };
    let seen = on_a_terminal(&download(&slow, &[]).command());
    assert!(seen.contains(" of 2.0 MB · "), "{seen:?}");
    for (url, args) in [(&slow, &["-s"][..]), (&quick, &[])] {
        let seen = on_a_terminal(&download(url, args).command());
        assert!(!seen.contains(" of 2.0 MB"), "{seen:?}");
    }
    let run = download(&slow, &[]).run().exit(0).never_says(" of 2.0 MB");
    assert!(!run.stderr.contains(&b'\r'), "{run}");
    let length = std::fs::metadata(&out).expect("there").len();
    assert_eq!(length, 2_000_000);
}
