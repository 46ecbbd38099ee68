//! The demo tenant as a user meets it: `-p demo`, `rein demo`, and its faults.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::support::{Demo, rein};

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
fn each_fault_ends_with_its_own_code() {
    for (fault, exit, says) in [
        ("503", 5, "503 Service Unavailable from Re:infer"),
        ("429=7", 4, "try again in 7 s"),
        ("slow=50", 0, "200 OK"),
        ("stalled", 28, "nothing moved"),
        ("cut", 18, "cut short"),
        ("reset", 56, "reset"),
        ("garbage", 56, "not HTTP"),
        ("html", 8, "Sign in to your account"),
        ("redirect", 3, "login.example.invalid"),
        ("empty", 52, "without an answer"),
        ("503:0", 0, "200 OK"),
        ("503:100%", 5, "503 Service Unavailable from Re:infer"),
        ("503@/elsewhere", 0, "200 OK"),
        (
            "empti",
            4,
            "X-Demo-Fault: the fault is not a known one; kinds: ",
        ),
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
    let mut child = call
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a start");
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
