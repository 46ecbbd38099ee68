//! The demo tenant as a user meets it: `-p demo`, `rein demo`, and its faults.

use std::io::{BufRead, BufReader};

use crate::support::{Demo, Recorder, Reply, rein};

#[test]
fn the_demo_needs_no_file_no_token_and_no_network() {
    let run = rein(["-p", "demo", "/api/v1/datasets"])
        .var("http_proxy", "http://127.0.0.1:1")
        .run()
        .exit(0);
    assert!(
        run.stdout_text()
            .starts_with(r#"{"status":"ok","datasets":[{"id":"#),
        "{run}"
    );
    assert!(
        run.stderr_text()
            .starts_with("demo  GET /api/v1/datasets  200 OK  server "),
        "{run}"
    );
    for (args, exit, says) in [
        (&["-p", "demo", "/auth/user"][..], 0, "200 OK"),
        (
            &["-p", "demo", "v1/datasets/{project}/orders"],
            0,
            "retail-dev/orders",
        ),
        (
            &["-p", "demo", "--project", "retail", "v1/sources/{project}"],
            0,
            "sources/retail  200",
        ),
        (
            &[
                "-p",
                "demo",
                "v1/datasets/{project}/orders/export",
                "limit:=2",
            ],
            0,
            "POST",
        ),
        (&["-p", "demo", "v1/nonexistent_page"], 4, "404 Not Found"),
        (
            &["-p", "demo", "PUT", "v1/sources/retail/x", "source[nope]=1"],
            4,
            "Additional properties",
        ),
    ] {
        rein(args).run().exit(exit).says(says);
    }
}

#[test]
fn demo_is_a_profile_however_it_is_chosen() {
    let default = "default_profile = \"demo\"\n[profiles.a]\ndomain = \"acme\"\n";
    for (args, config, variable) in [
        (&["v1/projects"][..], "", "demo"),
        (&["v1/projects"], "[broken", "demo"),
        (&["v1/projects"], default, ""),
        (&["call", "list-datasets"], default, ""),
        (
            &[
                "curl",
                "--dry-run",
                "https://<my_api_endpoint>/api/v1/datasets",
            ],
            default,
            "",
        ),
        (&["follow", "orders/late-orders", "--once"], default, ""),
        (&["profile", "check"], default, ""),
        (&["profile", "show", "demo"], "", ""),
        (&["-p", "demo", "profile", "show"], "[broken", ""),
        (&["profile", "show"], default, ""),
        (&["v1/projects", "--dry-run"], default, ""),
    ] {
        rein(args)
            .config(config)
            .var("REINFER_PROFILE", variable)
            .run()
            .exit(0);
    }
    let server = Recorder::always(Reply::json(200, r#"{"status":"ok"}"#));
    let url = server.url();
    for (args, says) in [
        (
            &["-p", "demo", "--endpoint", &url, "v1/x"][..],
            "--endpoint cannot be combined with the profile demo",
        ),
        (
            &["-p", "demo", "--token-file", "/nonexistent", "v1/x"],
            "--token-file cannot be combined",
        ),
        (
            &["-p", "demo", "--endpoint", &url, "profile", "check"],
            "--endpoint cannot be combined",
        ),
    ] {
        let run = rein(args).run().exit(2);
        let said = run.stderr_text() + &run.stdout_text();
        assert!(said.contains(says), "{run}");
    }
    // --endpoint counts before the variable, and takes no token of the demo's along.
    rein(["--endpoint", &url, "v1/x"])
        .var("REINFER_PROFILE", "demo")
        .run()
        .exit(2)
        .says("is not that of profile demo");
    rein(["v1/x"])
        .at(&url)
        .var("REINFER_PROFILE", "demo")
        .run()
        .exit(2)
        .says("two different tenants");
    server.saw_nothing();
}

#[test]
fn the_demo_prints_no_line_for_curl_that_could_send_a_token_elsewhere() {
    let run = rein(["-p", "demo", "-X", "DELETE", "v1/x", "--curl"])
        .run()
        .exit(2)
        .stdout("")
        .says("rein demo");
    assert!(!run.stderr_text().contains("REINFER_TOKEN"), "{run}");
}

#[test]
fn a_fault_that_is_none_is_said_and_its_rate_counts() {
    let call = |fault: &str| {
        let header = format!("X-Demo-Fault: {fault}");
        rein(["-p", "demo", "v1/projects", "-H", &header]).run()
    };
    call("no-such").exit(4).says("kinds: 503, slow");
    call("503:2").exit(4).says("X-Demo-Fault");
    call("500:0%").exit(0);
    call("500:100%").exit(5);
    call("500@/datasets").exit(0);
}

#[test]
fn plain_http_at_a_port_for_https_is_told_what_to_write() {
    let demo = Demo::tls();
    let endpoint = demo.url.replace("https://", "http://");
    rein(["v1/projects"])
        .var("REINFER_ENDPOINT", &endpoint)
        .var("REINFER_TOKEN", &demo.token)
        .run()
        .exit(56)
        .says("begins with https://");
}

/// Nothing but the loopback is listened on, and nothing once the call has ended.
#[cfg(target_os = "linux")]
#[test]
fn the_demo_listens_on_the_loopback_alone_and_only_during_the_call() {
    let listening = || {
        let table = |name: &str| std::fs::read_to_string(name).unwrap_or_default();
        let both = table("/proc/net/tcp") + &table("/proc/net/tcp6");
        let rows = both.lines().map(|line| line.split_whitespace());
        let mut places: Vec<(String, String)> = Vec::new();
        for row in rows {
            let cells: Vec<&str> = row.collect();
            if let [_, local, _, "0A", ..] = cells.as_slice() {
                places.push(((*local).to_owned(), cells[9].to_owned()));
            }
        }
        places
    };
    let call = rein(["-p", "demo", "v1/projects", "-H", "X-Demo-Fault: slow=700"]);
    let mut child = call.start();
    let sockets = || {
        let folder = format!("/proc/{}/fd", child.id());
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let links = entries.filter_map(|entry| std::fs::read_link(entry.path()).ok());
        links
            .map(|link| link.display().to_string())
            .collect::<Vec<String>>()
    };
    let own = loop {
        let sockets = sockets();
        let mut own = listening();
        own.retain(|(_, inode)| sockets.contains(&format!("socket:[{inode}]")));
        if !own.is_empty() {
            break own;
        }
        std::thread::yield_now();
    };
    let loopback = |place: &str| place.starts_with("0100007F:");
    assert!(own.iter().all(|(place, _)| loopback(place)), "{own:?}");
    assert!(child.wait().expect("an end").success());
    let after = listening();
    for (place, inode) in own {
        assert!(!after.contains(&(place, inode)), "{after:?}");
    }
}

#[test]
fn each_fault_ends_with_its_own_code() {
    for (fault, exit, says) in [
        ("503", 5, "503 Service Unavailable from Re:infer"),
        ("429=7", 4, "retry in 7 s"),
        ("slow=50", 0, "200 OK"),
        ("stalled", 28, "no data moved"),
        ("cut", 18, "cut short"),
        ("reset", 56, "reset"),
        ("garbage", 56, "not HTTP"),
        ("html", 8, "Sign in to your account"),
        ("redirect", 3, "login.example.invalid"),
        ("empty", 52, "without a response"),
        ("503:0", 0, "200 OK"),
        ("503:100%", 5, "503 Service Unavailable from Re:infer"),
        ("503@/elsewhere", 0, "200 OK"),
        ("empti", 4, "X-Demo-Fault: unknown fault"),
    ] {
        let header = format!("X-Demo-Fault: {fault}");
        rein([
            "-p",
            "demo",
            "v1/projects",
            "-H",
            &header,
            "--speed-time",
            "0.2",
        ])
        .run()
        .exit(exit)
        .says(says);
    }
}

#[test]
fn faults_also_come_over_http2_and_tls() {
    let demo = Demo::tls();
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, demo.ca_pem.as_deref().expect("a certificate")).expect("written");
    for (fault, exit) in [("503", 5), ("cut", 56), ("reset", 56), ("html", 8)] {
        let run = rein([
            "v1/projects",
            "-H",
            &format!("X-Demo-Fault: {fault}"),
            "--cacert",
            &ca.display().to_string(),
        ])
        .var("REINFER_ENDPOINT", &demo.url)
        .var("REINFER_TOKEN", &demo.token)
        .run();
        assert!(
            run.exit == exit || (fault == "cut" && run.exit == 18),
            "{fault}: {run}"
        );
    }
}

#[test]
fn a_kept_tenant_prints_the_lines_that_lead_to_it_and_logs_requests() {
    let call = rein(["demo", "--fault", "503@/quotas"]);
    let mut child = call.start();
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let mut exports = Vec::new();
    while exports.len() < 5 {
        exports.push(lines.next().expect("a line").expect("text"));
    }
    // A default profile must not lead the lesson elsewhere.
    let mut next = rein(["v1/projects"])
        .config("default_profile = \"prod\"\n[profiles.prod]\ndomain = \"acme\"\n")
        .var("REINFER_PROFILE", "");
    for line in &exports {
        if let Some((name, value)) = line
            .strip_prefix("export ")
            .and_then(|line| line.split_once('='))
        {
            next = next.var(name, value);
        }
    }
    next.run().exit(0).says("200 OK");
    child.kill().expect("killed");
    let output = child.wait_with_output().expect("an end");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(log.contains("GET /api/v1/projects  200"), "{log}");
}

#[test]
fn a_taken_port_and_an_unknown_fault_are_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    rein(["demo", "--port", &port]).run().exit(1).says("--port");
    rein(["demo", "--fault", "nonsense"])
        .run()
        .exit(2)
        .says("kinds: 503, slow");
}

#[test]
fn the_read_only_user_is_refused_with_403() {
    let demo = Demo::start();
    let run = rein(["DELETE", "v1/datasets/retail/orders"])
        .var("REINFER_ENDPOINT", &demo.url)
        .var("REINFER_TOKEN", rein::demo::READ_ONLY_TOKEN)
        .run()
        .exit(4);
    assert!(
        run.stderr_text()
            .contains("403 Forbidden from Re:infer: no permission datasets-admin"),
        "{run}"
    );
}
