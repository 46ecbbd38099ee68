//! Which certificates `--cacert` and `ca_file` make trusted.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa};
use rustls::{ServerConnection, StreamOwned};

use crate::support::command::Finished;
use crate::support::tls::{Identity, for_this_machine, listen};
use crate::support::{CANARY, rein};

fn respond(mut stream: StreamOwned<ServerConnection, TcpStream>) {
    let mut request = [0; 4096];
    if stream.read(&mut request).is_ok_and(|count| count > 0) {
        let _gone = stream.write_all(
            b"HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}",
        );
        stream.conn.send_close_notify();
        let _gone = stream.flush();
    }
}

/// Calls a server that shows this certificate, with the text as the CA file.
fn call(identity: &Identity, host: &str, pem: &[u8]) -> Finished {
    let port = listen(identity.config(&[]), respond);
    let file = identity.folder().join("given.pem");
    std::fs::write(&file, pem).expect("written");
    rein(["v1/x", "--cacert", &file.display().to_string()])
        .at(&format!("https://{host}:{port}"))
        .run()
        .no_canary()
}

fn pem(der: &[u8], label: &str) -> String {
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<&str> = text
        .as_bytes()
        .chunks(64)
        .map(|line| std::str::from_utf8(line).expect("text"))
        .collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        lines.join("\n")
    )
}

fn at(days: i64) -> SystemTime {
    let distance = Duration::from_secs(days.unsigned_abs() * 24 * 3600);
    if days < 0 {
        SystemTime::now() - distance
    } else {
        SystemTime::now() + distance
    }
}

/// What `openssl req -x509` makes: a certificate that signs itself and calls itself an authority.
fn openssl() -> CertificateParams {
    let mut params = for_this_machine();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

#[test]
fn the_very_certificate_of_a_server_is_trusted() {
    let mut only_named = CertificateParams::new(Vec::new()).expect("no names");
    only_named
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    let other = Identity::by_itself(openssl());
    for (name, identity) in [
        ("openssl req -x509", Identity::by_itself(openssl())),
        ("signed by itself", Identity::by_itself(for_this_machine())),
        ("signed by an authority that is not given", Identity::new()),
        ("a common name alone", Identity::by_itself(only_named)),
    ] {
        let given = pem(identity.leaf(), "CERTIFICATE");
        let ended = call(&identity, "localhost", given.as_bytes());
        assert_eq!(ended.exit, 0, "{name}\n{ended}");
        let ended = call(
            &identity,
            "localhost",
            pem(other.leaf(), "CERTIFICATE").as_bytes(),
        );
        assert_eq!(ended.exit, 60, "{name}, another one given\n{ended}");
    }
    // The profile's file counts in the same way.
    let identity = Identity::by_itself(openssl());
    let port = listen(identity.config(&[]), respond);
    let file = identity.folder().join("given.pem");
    std::fs::write(&file, pem(identity.leaf(), "CERTIFICATE")).expect("written");
    let config = format!(
        "[profiles.p]\nendpoint = \"https://localhost:{port}\"\ntoken_env = \"T\"\nca_file = \"{}\"\n",
        file.display()
    );
    rein(["-p", "p", "v1/x"])
        .config(&config)
        .var("T", CANARY)
        .run()
        .exit(0);
}

#[test]
fn its_name_and_its_dates_are_checked_all_the_same() {
    let mut ended = openssl();
    ended.not_before = at(-9).into();
    ended.not_after = at(-2).into();
    let mut early = openssl();
    early.not_before = at(2).into();
    let mut elsewhere = openssl();
    elsewhere.subject_alt_names.clear();
    elsewhere
        .distinguished_name
        .push(DnType::CommonName, "elsewhere.test");
    let mut misled = CertificateParams::new(vec!["elsewhere.test".to_owned()]).expect("a name");
    misled
        .distinguished_name
        .push(DnType::CommonName, "localhost");
    for (params, says) in [
        (ended, "it has expired"),
        (early, "it is not valid yet"),
        (elsewhere, "it was issued for another name"),
        (misled, "it was issued for another name"),
    ] {
        let identity = Identity::by_itself(params);
        let given = pem(identity.leaf(), "CERTIFICATE");
        call(&identity, "localhost", given.as_bytes())
            .exit(60)
            .says(says);
    }
}

#[test]
fn every_spelling_of_pem_is_read() {
    let of_authority = |path: PathBuf| std::fs::read_to_string(path).expect("read");
    let identity = Identity::new();
    let authority = of_authority(identity.ca_file());
    // What OpenSSL puts behind a certificate: for what it is trusted, here for nothing special.
    let trusted = [identity.leaf(), &[0x30, 0x03, 0x0c, 0x01, b'x']].concat();
    for (name, text) in [
        ("a byte order mark", format!("\u{feff}{authority}")),
        ("line ends of Windows", authority.replace('\n', "\r\n")),
        ("text before it", format!("subject=x\n\n{authority}")),
        (
            "an old label",
            authority.replace("CERTIFICATE", "X509 CERTIFICATE"),
        ),
        (
            "TRUSTED",
            authority.replace("CERTIFICATE", "TRUSTED CERTIFICATE"),
        ),
        (
            "TRUSTED with settings",
            pem(&trusted, "TRUSTED CERTIFICATE"),
        ),
        (
            "a broken one before it",
            format!("{}{authority}", pem(b"junk", "CERTIFICATE")),
        ),
    ] {
        let ended = call(&identity, "localhost", text.as_bytes());
        assert_eq!(ended.exit, 0, "{name}\n{ended}");
    }
    for text in ["", "\u{feff}", "nothing", &pem(b"junk", "CERTIFICATE")] {
        call(&identity, "localhost", text.as_bytes())
            .exit(2)
            .says("no usable certificate");
    }
}
