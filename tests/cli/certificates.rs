//! `profile check` against servers whose certificates are good, about to end, or bad.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::support::{CANARY, rein};

const DAY: u64 = 24 * 3600;

const USER: &str = r#"{"status":"ok","user":{"username":"kim","organisation_permissions":{}}}"#;

/// A certificate's name and the days from now that it begins and ends.
fn params(name: &str, begins: i64, ends: i64) -> CertificateParams {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let mut params = CertificateParams::new(names).expect("names");
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let at = |days: i64| {
        let distance = Duration::from_secs(days.unsigned_abs() * DAY + DAY / 2);
        if days < 0 {
            SystemTime::now() - distance
        } else {
            SystemTime::now() + distance
        }
    };
    params.not_before = at(begins).into();
    params.not_after = at(ends).into();
    params
}

fn authority(name: &str, begins: i64, ends: i64) -> CertificateParams {
    let mut params = params(name, begins, ends);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// A server that shows a leaf and the authority in the middle, and answers who the user is.
struct Server {
    port: u16,
    ca_file: PathBuf,
    _folder: tempfile::TempDir,
}

fn serve(leaf: CertificateParams, middle: CertificateParams) -> Server {
    let root = CertifiedIssuer::self_signed(authority("the root", -1, 4000), key()).expect("root");
    let middle = CertifiedIssuer::signed_by(middle, key(), &root).expect("middle");
    let leaf_key = key();
    let leaf = leaf.signed_by(&leaf_key, &middle).expect("leaf");
    let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone(), middle.der().clone()];
    let leaf_key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(leaf_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(chain, leaf_key)
        .expect("a chain");
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let connection = ServerConnection::new(Arc::clone(&config)).expect("a connection");
            let mut stream = StreamOwned::new(connection, stream);
            let mut request = [0; 4096];
            // A client that does not trust the certificates sends nothing.
            if stream.read(&mut request).is_ok_and(|length| length > 0) {
                let reply = format!(
                    "HTTP/1.1 200 OK\r\nServer-Timing: total;dur=1\r\nContent-Length: {}\r\n\r\n{USER}",
                    USER.len()
                );
                let _gone = stream.write_all(reply.as_bytes());
            }
        }
    });
    let folder = tempfile::tempdir().expect("a folder");
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, root.pem()).expect("written");
    Server {
        port,
        ca_file,
        _folder: folder,
    }
}

/// Checks a profile for the server, with the root as its authority or without.
fn check(server: &Server, trusts: bool, exit: i32) -> String {
    let ca_file = match trusts {
        true => format!("ca_file = \"{}\"\n", server.ca_file.display()),
        false => String::new(),
    };
    let config = format!(
        "[profiles.p]\nendpoint = \"https://127.0.0.1:{}\"\ntoken_env = \"T\"\n{ca_file}",
        server.port
    );
    rein(["profile", "check", "p"])
        .config(&config)
        .var("T", CANARY)
        .run()
        .exit(exit)
        .no_canary()
        .stdout_text()
}

#[track_caller]
fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "{part}:\n{text}");
    }
}

#[test]
fn every_certificate_is_shown_with_the_days_that_are_left() {
    let server = serve(params("the leaf", -1, 90), authority("the middle", -1, 20));
    let text = check(&server, true, 0);
    holds(
        &text,
        &[
            "ok    certificate  the leaf, issued by the middle, 90 days left",
            "warn  certificate  the middle, issued by the root, only 20 days left",
            "→ report it to whoever runs the endpoint",
            "ok    response",
        ],
    );
}

#[test]
fn the_bad_certificate_is_named() {
    let good = || authority("the middle", -1, 400);
    let leaf = || params("the leaf", -1, 90);
    let ended = serve(leaf(), authority("the middle", -9, -3));
    let text = check(&ended, true, 60);
    holds(
        &text,
        &[
            "fail  tls          the certificate of 127.0.0.1:",
            "it has expired",
            "ok    certificate  the leaf, issued by the middle, 90 days left",
            "fail  certificate  the middle, issued by the root, ended 3 days ago",
        ],
    );
    let early = serve(params("the leaf", 5, 90), good());
    let text = check(&early, true, 60);
    holds(
        &text,
        &["fail  certificate  the leaf, issued by the middle, begins in 5 days"],
    );
    let unknown = serve(leaf(), good());
    let text = check(&unknown, false, 60);
    holds(
        &text,
        &[
            "ok    connect",
            "its issuer is not trusted here",
            "fail  certificate  the middle, issued by the root, whose issuer was not sent and is not trusted here",
        ],
    );
    let mut other = leaf();
    other.subject_alt_names.pop();
    let text = check(&serve(other, good()), true, 60);
    holds(
        &text,
        &[
            "it was issued for another name",
            "fail  certificate  the leaf, issued by the middle, only for localhost\n",
        ],
    );
}

#[test]
fn a_certificates_name_cannot_drive_the_terminal() {
    let server = serve(
        params("x\u{1b}[2J\u{202e}", -1, 90),
        authority("m", -1, 400),
    );
    let text = check(&server, true, 0);
    assert!(
        !text.contains('\u{1b}') && !text.contains('\u{202e}'),
        "{text:?}"
    );
}
