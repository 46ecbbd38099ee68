//! The engine against a scripted peer: plans made by hand, no process, no command line.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use http::Method;
use tempfile::TempDir;

use crate::catalogue::{self, Class, Classified};
use crate::engine::fetch::fetch;
use crate::engine::session::Session;
use crate::engine::{CallEnd, Context, run};
use crate::env::Env;
use crate::error::{Failure, Result};
use crate::exchange::TimeLimits;
use crate::exchange::client::{Connection, HttpVersion};
use crate::exchange::lookup::Family;
use crate::exchange::retry::Policy;
use crate::exchange::tls::TlsSettings;
use crate::exit::Exit;
use crate::output::record::Record;
use crate::plan::call::{Plan, Reading};
use crate::plan::checks::Until;
use crate::plan::continuation::Continuation;
use crate::plan::delivery::Delivery;
use crate::plan::ownership::{self, Profiles, Sent};
use crate::plan::paging::{PagePlan, Recipe};
use crate::plan::redirect::RedirectPolicy;
use crate::plan::sending::Sending;
use crate::profile::known::KnownTokens;
use crate::profile::resolve::{Choice, resolve};
use crate::profile::{Guard, Profile};
use crate::request::{Body, Request, TypedCredential};
use crate::text::jq::Filter;
use crate::text::terminal::ColourChoice;
use crate::verdict::checks::Expect;

const DATASETS: &str = "/api/v1/datasets";

/// A server that gives each request the next reply of its script, and tells what it was sent.
struct Peer {
    address: String,
    requests: Receiver<String>,
}

impl Peer {
    /// Starts a peer with these replies: a status line's end and a body each. `{}` in a reply is
    /// the peer's address.
    fn start(script: &[&str]) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let replies: Vec<String> = script
            .iter()
            .map(|reply| reply.replace("{}", &address))
            .collect();
        let (sender, requests) = mpsc::channel();
        std::thread::spawn(move || {
            for reply in replies {
                let (mut stream, _) = listener.accept().expect("a connection");
                let request = read_request(&stream);
                let _gone = sender.send(request);
                let _gone = stream.write_all(reply.as_bytes());
            }
        });
        Peer { address, requests }
    }

    /// Returns the requests until now: the first line and the body of each.
    fn seen(&self) -> Vec<String> {
        self.requests.try_iter().collect()
    }

    fn profile(&self) -> Profile {
        let vars = [
            ("REINFER_ENDPOINT", &*self.address),
            ("REINFER_TOKEN", "a-token-of-the-test"),
        ];
        resolve(&Choice::default(), &Env::with_vars(vars)).expect("a profile")
    }
}

fn read_request(stream: &TcpStream) -> String {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).expect("a request line");
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let line = first.trim_end().trim_end_matches(" HTTP/1.1");
    format!("{line} {}", String::from_utf8_lossy(&body))
        .trim_end()
        .to_owned()
}

/// Returns a response of the platform: one request a connection, so that the script decides.
fn response(status: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\nServer-Timing: total;dur=7\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}

fn request(profile: &Profile, method: Method, path: &str, body: &str) -> Request {
    Request {
        method,
        url: profile.base.value.join(path).expect("a URL"),
        headers: Vec::new(),
        body: match body {
            "" => Body::Empty,
            _ => Body::Bytes(body.to_owned().into()),
        },
        typed: TypedCredential::Profile,
    }
}

fn sending<'a>(profile: &'a Profile, classified: &Classified) -> Sending<'a> {
    let mut sending = Sending {
        profile,
        connection: Connection {
            connect_timeout: Duration::from_secs(5),
            proxy: None,
            overrides: Vec::new(),
            family: Family::default(),
            version: HttpVersion::Http1,
            tls: TlsSettings::default(),
            certificate_log: None,
            is_timed: true,
        },
        token_service: None,
        limits: TimeLimits {
            stall: Duration::from_secs(10),
            connect: Duration::from_secs(5),
            ..TimeLimits::default()
        },
        retries: Policy {
            delay: Some(Duration::from_millis(1)),
            ..Policy::default()
        },
        redirects: RedirectPolicy::Report,
        class: Class::Read,
        endpoint: None,
        known: KnownTokens::gather(&profile.holders, &Env::default()),
    };
    sending.take_up(classified);
    sending
}

/// A call, and the folder that its body is written into.
struct Call<'a> {
    plan: Plan<'a>,
    folder: TempDir,
}

impl<'a> Call<'a> {
    fn new(profile: &'a Profile, request: Request) -> Call<'a> {
        let folder = tempfile::tempdir().expect("a folder");
        let judgement = ownership::judge(&Sent::of(&request, Vec::new()), Profiles::with(profile));
        let classified = judgement.classified.clone();
        let plan = Plan {
            sending: sending(profile, &classified),
            reading: Reading::plain(),
            delivery: Delivery {
                file: Some(folder.path().join("body")),
                ..Delivery::default()
            },
            request,
            classified,
            judgement,
            path: Ok(()),
            continuation: Continuation::No,
        };
        Call { plan, folder }
    }

    /// Runs it; returns how it ended, what is known about it, and what was written.
    fn run(self) -> (Result<Exit>, Record, String) {
        let cx = context();
        let runtime = cx.runtime().expect("a runtime");
        let CallEnd { record, outcome } = runtime.block_on(run(self.plan, &cx));
        let written = std::fs::read_to_string(self.folder.path().join("body"));
        (outcome, record, written.unwrap_or_default())
    }
}

fn context() -> Context {
    let env = Env::with_vars([("REINFER_TOKEN", "a-token-of-the-test")]);
    Context::new(env, ColourChoice::Never)
}

fn exit(ended: Result<Exit>) -> Exit {
    ended.unwrap_or_else(|failure| failure.exit)
}

#[test]
fn a_read_is_sent_again_after_a_503() {
    let peer = Peer::start(&[
        &response("503 Service Unavailable", "{}"),
        &response("200 OK", r#"{"status":"ok"}"#),
    ]);
    let profile = peer.profile();
    let call = Call::new(&profile, request(&profile, Method::GET, DATASETS, ""));
    let (ended, record, written) = call.run();
    assert_eq!(exit(ended), Exit::Ok);
    assert_eq!(written, r#"{"status":"ok"}"#);
    assert_eq!((record.attempts.requests, record.attempts.retries), (2, 1));
    assert_eq!(record.attempts.server(), Some(7.0));
    assert_eq!(peer.seen().len(), 2);
}

#[test]
fn a_read_is_given_up_after_the_last_retry() {
    let unavailable = response("503 Service Unavailable", r#"{"status":"error"}"#);
    let peer = Peer::start(&[&unavailable, &unavailable, &unavailable]);
    let profile = peer.profile();
    let call = Call::new(&profile, request(&profile, Method::GET, DATASETS, ""));
    let (ended, record, written) = call.run();
    assert_eq!(exit(ended), Exit::Platform);
    assert_eq!(written, "");
    assert_eq!((record.attempts.requests, record.attempts.retries), (3, 2));
}

#[test]
fn a_write_is_not_sent_again_after_a_503() {
    let peer = Peer::start(&[
        &response("503 Service Unavailable", r#"{"status":"error"}"#),
        &response("200 OK", r#"{"status":"ok"}"#),
    ]);
    let profile = peer.profile();
    let put = request(&profile, Method::PUT, "/api/v1/datasets/p/d", "{}");
    let (ended, record, _) = Call::new(&profile, put).run();
    assert_eq!(exit(ended), Exit::Platform);
    assert_eq!((record.attempts.requests, record.attempts.retries), (1, 0));
    assert_eq!(peer.seen(), ["PUT /api/v1/datasets/p/d {}"]);
}

#[test]
fn a_redirect_is_followed_only_where_the_policy_says_so() {
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: {}/api/v1/sources\r\nContent-Length: 0\r\n\
                     Connection: close\r\n\r\n";
    let sources = response("200 OK", r#"{"status":"ok","sources":[]}"#);
    for (policy, expected, requests) in [
        (RedirectPolicy::Report, Exit::Redirect, 1),
        (RedirectPolicy::Follow(0), Exit::TooManyRedirects, 1),
        (RedirectPolicy::Follow(1), Exit::Ok, 2),
    ] {
        let peer = Peer::start(&[elsewhere, &sources]);
        let profile = peer.profile();
        let mut call = Call::new(&profile, request(&profile, Method::GET, DATASETS, ""));
        call.plan.sending.redirects = policy;
        let (ended, record, _) = call.run();
        assert_eq!(exit(ended), expected, "{policy:?}");
        assert_eq!(record.attempts.requests, requests, "{policy:?}");
    }
}

#[test]
fn a_redirect_out_of_the_endpoint_is_reported() {
    let elsewhere = "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2:1/api/v1/datasets\r\n\
                     Content-Length: 0\r\nConnection: close\r\n\r\n";
    let peer = Peer::start(&[elsewhere]);
    let profile = peer.profile();
    let mut call = Call::new(&profile, request(&profile, Method::GET, DATASETS, ""));
    call.plan.sending.redirects = RedirectPolicy::Follow(5);
    let (ended, record, _) = call.run();
    assert_eq!(exit(ended), Exit::Redirect);
    assert_eq!(record.attempts.requests, 1);
}

/// Returns a paged read of the comments of a source.
fn paged(profile: &Profile) -> Call<'_> {
    let endpoint = catalogue::by_name("export-dataset").expect("a paged endpoint");
    let body = r#"{"limit":2}"#;
    let export = request(profile, Method::POST, "/api/v1/datasets/p/d/export", body);
    let mut call = Call::new(profile, export);
    let options = crate::cli::options::PagingOptions::default();
    let recipe = Recipe::find(&options, Some(endpoint), endpoint.items, &Method::POST)
        .expect("a recipe")
        .expect("pages");
    call.plan.continuation = Continuation::Pages(PagePlan {
        recipe,
        limit: None,
        max_pages: None,
        state: None,
    });
    call
}

#[test]
fn pages_are_joined_into_one_document() {
    let peer = Peer::start(&[
        &response(
            "200 OK",
            r#"{"status":"ok","comments":[1,2],"continuation":"c1"}"#,
        ),
        &response("200 OK", r#"{"status":"ok","comments":[3]}"#),
    ]);
    let profile = peer.profile();
    let (ended, record, written) = paged(&profile).run();
    assert_eq!(exit(ended), Exit::Ok);
    assert_eq!(record.received.pages, Some(2));
    let joined: String = written.split_whitespace().collect();
    assert!(joined.contains("[1,2,3]"), "{written}");
    let seen = peer.seen();
    assert!(seen[1].contains(r#""c1""#), "{seen:?}");
}

#[test]
fn a_later_page_that_fails_is_incomplete() {
    let peer = Peer::start(&[
        &response(
            "200 OK",
            r#"{"status":"ok","comments":[1,2],"continuation":"c1"}"#,
        ),
        &response("400 Bad Request", r#"{"status":"error","message":"no"}"#),
    ]);
    let profile = peer.profile();
    let (ended, record, _) = paged(&profile).run();
    assert_eq!(exit(ended), Exit::Incomplete);
    assert_eq!(record.received.pages, Some(1));
}

#[test]
fn a_first_page_that_fails_has_its_own_code() {
    let peer = Peer::start(&[&response("403 Forbidden", r#"{"status":"error"}"#)]);
    let profile = peer.profile();
    let (ended, _, _) = paged(&profile).run();
    assert_eq!(exit(ended), Exit::Caller);
}

#[test]
fn the_same_cursor_twice_ends_the_pages() {
    let page = response(
        "200 OK",
        r#"{"status":"ok","comments":[1],"continuation":"c1"}"#,
    );
    let peer = Peer::start(&[&page, &page, &page]);
    let profile = peer.profile();
    let (ended, record, _) = paged(&profile).run();
    assert_eq!(exit(ended), Exit::Incomplete);
    assert_eq!(record.received.pages, Some(2));
}

#[test]
fn a_read_is_repeated_until_it_holds() {
    let peer = Peer::start(&[
        &response("200 OK", r#"{"status":"ok","state":"training"}"#),
        &response("404 Not Found", r#"{"status":"error"}"#),
        &response("200 OK", r#"{"status":"ok","state":"ready"}"#),
    ]);
    let profile = peer.profile();
    let mut call = Call::new(&profile, request(&profile, Method::GET, DATASETS, ""));
    let text = r#".state == "ready""#;
    call.plan.continuation = Continuation::Until(Until {
        expect: Expect {
            text: text.to_owned(),
            filter: Filter::compile("--until", text, &[]).expect("a filter"),
        },
        every: Duration::from_millis(1),
        within: Duration::from_secs(20),
    });
    let (ended, record, written) = call.run();
    assert_eq!(exit(ended), Exit::Ok);
    assert_eq!(written, r#"{"status":"ok","state":"ready"}"#);
    assert_eq!((record.attempts.requests, peer.seen().len()), (3, 3));
}

#[test]
fn forks_of_a_session_send_at_the_same_time() {
    let peer = Peer::start(&[
        &response("200 OK", r#"{"status":"ok","at":1}"#),
        &response("200 OK", r#"{"status":"ok","at":2}"#),
        &response("400 Bad Request", r#"{"status":"error","message":"no"}"#),
    ]);
    let profile = peer.profile();
    assert_eq!(profile.guard.value, Guard::None);
    let first = request(&profile, Method::GET, DATASETS, "");
    let call = Call::new(
        &profile,
        first.try_clone().expect("a request without a body"),
    );
    let cx = context();
    let runtime = cx.runtime().expect("a runtime");
    runtime.block_on(async {
        let Plan {
            sending,
            delivery,
            reading,
            ..
        } = call.plan;
        let session = Session::start(sending, delivery, &first, &cx)
            .await
            .map_err(Failure::from)
            .expect("a session");
        let (mut one, mut other) = (session.fork(), session.fork());
        let again = || first.try_clone().expect("a request without a body");
        let (left, right) = tokio::join!(
            fetch(&mut one, again(), &reading, 1 << 20),
            fetch(&mut other, again(), &reading, 1 << 20)
        );
        let mut bodies = [left.body, right.body];
        bodies.sort();
        assert_eq!(
            bodies,
            [br#"{"status":"ok","at":1}"#, br#"{"status":"ok","at":2}"#]
        );
        assert!(left.outcome.is_ok() && right.outcome.is_ok());
        assert!(
            left.record
                .attempts
                .timings
                .is_some_and(|timings| timings.first_byte.is_some())
        );
        let failed = fetch(&mut one, again(), &reading, 1 << 20).await;
        assert_eq!(
            failed.outcome.err().map(|failure| failure.exit),
            Some(Exit::Caller)
        );
        assert_eq!(
            failed
                .record
                .attempts
                .response
                .map(|response| response.status),
            Some(400)
        );
    });
}
