//! What a raw call offers for its connection works in every combination.

use crate::support::http2::{Frame, Http2};
use crate::support::proxy::Proxy;
use crate::support::{Recorder, Reply, rein};

fn ok() -> Vec<Frame> {
    vec![
        Frame::Head(vec![("server-timing", "total;dur=1".to_owned())]),
        Frame::LastData(r#"{"status":"ok"}"#),
    ]
}

#[test]
fn every_combination_of_connection_options_works() {
    for asks_clients in [false, true] {
        let server = match asks_clients {
            true => Http2::start_for_clients(|_| ok()),
            false => Http2::start(|_| ok()),
        };
        let proxy = Proxy::to(server.port());
        let ca_file = server.identity.ca_file().display().to_string();
        let client = server.identity.client_file().display().to_string();
        let by_name = format!("tenant.test:{}", server.port());
        let by_address = format!("127.0.0.1:{}", server.port());
        let resolve = format!("{by_name}:127.0.0.1");
        let resolve_all = format!("*:{}:127.0.0.1", server.port());
        // The scheme of the proxy, and what it is asked for.
        let proxies = [
            (None, None),
            (Some("http"), Some(&by_name)),
            (Some("socks5"), Some(&by_address)),
            (Some("socks5h"), Some(&by_name)),
            (Some("socks4"), Some(&by_address)),
            (Some("socks4a"), Some(&by_name)),
        ];
        for (scheme, asked) in proxies {
            for (version, spoken) in [(None, "2"), (Some("--http1.1"), "1.1")] {
                for family in [None, Some("-4")] {
                    for resolve in [&resolve, &resolve_all] {
                        let mut args: Vec<String> =
                            ["v1/x", "--cacert", &ca_file, "--resolve", resolve]
                                .map(str::to_owned)
                                .to_vec();
                        if asks_clients {
                            args.extend(["--cert".to_owned(), client.clone()]);
                        }
                        if let Some(scheme) = scheme {
                            let address = format!("{scheme}://127.0.0.1:{}", proxy.port());
                            args.extend(["-x".to_owned(), address]);
                        }
                        args.extend(version.into_iter().chain(family).map(str::to_owned));
                        let before = server.requests().len();
                        let ended = rein(&args).at(&format!("https://{by_name}")).run();
                        assert_eq!(ended.exit, 0, "{ended}");
                        ended.stdout(r#"{"status":"ok"}"#).no_canary();
                        assert_eq!(server.requests()[before..], [spoken], "{args:?}");
                        let expected: Vec<String> = asked.into_iter().cloned().collect();
                        assert_eq!(proxy.take(), expected, "{args:?}");
                    }
                }
            }
        }
        // Without the certificate that is asked for there is no connection.
        if asks_clients {
            let args = ["v1/x", "--cacert", &ca_file, "--retry", "0"];
            let ended = rein(args).at(&format!("https://{by_address}")).run();
            assert!(matches!(ended.exit, 35 | 56), "{ended}");
        }
    }
}

#[test]
fn an_address_of_the_other_family_is_not_connected_to() {
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let proxy = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let ipv6 = "http://[::1]:9";
    for (args, url, says) in [
        (
            &["v1/x", "-6"][..],
            server.url(),
            "127.0.0.1 has no IPv6 address",
        ),
        (&["v1/x", "-4"], ipv6.to_owned(), "::1 has no IPv4 address"),
        (
            &["v1/x", "-6", "-x", &proxy.url()],
            server.url(),
            "127.0.0.1 has no IPv6 address",
        ),
        (
            &["v1/x", "-6", "--resolve", "localhost:9:127.0.0.1"],
            "http://localhost:9".to_owned(),
            "localhost has no IPv6 address",
        ),
    ] {
        rein(args).at(&url).run().exit(6).says(says);
    }
    server.saw_nothing();
    proxy.saw_nothing();
    rein(["v1/x", "-4"]).at(&server.url()).run().exit(0);
}

#[test]
fn the_name_of_a_proxy_is_resolved_as_given() {
    let proxy = Recorder::always(Reply::json(200, r#"{"status":"ok","by":"proxy"}"#));
    let port = proxy.url().rsplit(':').next().expect("a port").to_owned();
    rein([
        "v1/x",
        "-x",
        &format!("http://localhost:{port}"),
        "--resolve",
        &format!("localhost:{port}:127.0.0.1"),
        "-4",
    ])
    .at("http://127.0.0.1:9")
    .run()
    .exit(0)
    .stdout(r#"{"status":"ok","by":"proxy"}"#);
    let server = Http2::start(|_| ok());
    let proxy = Proxy::to(server.port());
    let place = format!("proxy.test:{}", proxy.port());
    rein([
        "v1/x",
        "--cacert",
        &server.identity.ca_file().display().to_string(),
        "-x",
        &format!("http://{place}"),
        "--resolve",
        &format!("{place}:127.0.0.1"),
    ])
    .at(&server.url())
    .run()
    .exit(0);
    assert_eq!(proxy.take(), [format!("127.0.0.1:{}", server.port())]);
}

/// Listens where no connection is ever made: the queue of those that wait is full.
#[cfg(target_os = "linux")]
fn dead(port: u16) -> Option<(std::net::TcpListener, Vec<std::net::TcpStream>)> {
    use std::net::{Ipv6Addr, TcpListener, TcpStream};
    let listener = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).ok()?;
    rustix::net::listen(&listener, 0).expect("a short queue");
    let address = listener.local_addr().expect("an address");
    let mut waiting = Vec::new();
    let patience = std::time::Duration::from_millis(300);
    while let Ok(stream) = TcpStream::connect_timeout(&address, patience) {
        waiting.push(stream);
        assert!(waiting.len() < 100, "the queue has no end");
    }
    Some((listener, waiting))
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_that_does_not_respond_costs_no_connect_time_out() {
    let server = Http2::start(|_| ok());
    // Without IPv6 on this machine there is no such address.
    let Some(_dead) = dead(server.port()) else {
        return;
    };
    let by_name = format!("tenant.test:{}", server.port());
    for addresses in ["[::1],127.0.0.1", "127.0.0.1,[::1]"] {
        let args = [
            "v1/x",
            "--cacert",
            &server.identity.ca_file().display().to_string(),
            "--resolve",
            &format!("{by_name}:{addresses}"),
            "--connect-timeout",
            "5",
            "--max-total-time",
            "4500ms",
            "--retry",
            "0",
        ];
        rein(args).at(&format!("https://{by_name}")).run().exit(0);
    }
    // The other address alone is dead.
    let args = [
        "v1/x",
        "--resolve",
        &format!("{by_name}:[::1]"),
        "--connect-timeout",
        "1",
        "--retry",
        "0",
    ];
    rein(args).at(&format!("https://{by_name}")).run().exit(28);
}
