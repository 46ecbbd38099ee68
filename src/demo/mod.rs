//! A small tenant on a loopback port: to learn on, to test scripts against, and the peer of this
//! project's own tests. It answers as Re:infer's documentation says.

mod fault;
mod reply;
mod routes;
mod state;
mod tls;
mod wire;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

pub use self::fault::{FAULTS, Fault, FaultKind};
use self::reply::{Body, Reply};
use self::routes::Call;
use self::state::State;
use self::wire::{Sabotage, Switch};
use crate::error::{Failure, Result, io_reason};

/// The token of the demo's administrator.
pub const TOKEN: &str = "demo-token-full-access";

/// The token of the demo's read-only user.
pub const READ_ONLY_TOKEN: &str = "demo-token-read-only";

/// Larger request bodies are answered with 413.
const MAX_BODY: usize = 256 * 1024 * 1024;

/// Receives a line about every request after its response.
pub type Log = Box<dyn Fn(&LogLine) + Send + Sync>;

/// How the tenant runs.
#[derive(Default)]
pub struct Options {
    /// The port; 0 for a free one.
    pub port: u16,
    /// Whether it speaks https, with an authority of its own.
    pub tls: bool,
    /// How it misbehaves.
    pub faults: Vec<Fault>,
    /// Called after each request.
    pub log: Option<Log>,
}

/// What is known of a request that has been answered.
#[derive(Clone, Debug)]
pub struct LogLine {
    /// The method.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// The status; 0 when there was no response.
    pub status: u16,
    /// How long the response took, in milliseconds.
    pub millis: f64,
    /// The fault that was played, if one was.
    pub fault: Option<String>,
}

/// A running tenant. It stops when it is dropped.
#[derive(Debug)]
pub struct Tenant {
    address: SocketAddr,
    ca_pem: Option<String>,
    accepting: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    faults: Vec<Fault>,
    log: Option<Log>,
}

impl Tenant {
    /// Starts the tenant on 127.0.0.1, on the runtime that this is called in.
    ///
    /// # Errors
    /// Fails (exit 1) when the port is taken or the certificates cannot be made.
    pub async fn start(options: Options) -> Result<Tenant> {
        let authority = if options.tls {
            Some(tls::Authority::make()?)
        } else {
            None
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port))
            .await
            .map_err(|error| {
                Failure::local(format!(
                    "the demo tenant cannot listen on port {}: {}",
                    options.port,
                    io_reason(&error)
                ))
                .hint("choose another port with --port, or leave it out for a free one")
            })?;
        let address = listener
            .local_addr()
            .context("the demo tenant has no address")?;
        let (acceptor, ca_pem) = match authority {
            Some(authority) => (Some(authority.acceptor), Some(authority.ca_pem)),
            None => (None, None),
        };
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            faults: options.faults,
            log: options.log,
        });
        let accepting = tokio::spawn(accept(listener, acceptor, shared));
        Ok(Tenant {
            address,
            ca_pem,
            accepting,
        })
    }

    /// Returns the endpoint.
    pub fn base_url(&self) -> String {
        let scheme = if self.ca_pem.is_some() {
            "https"
        } else {
            "http"
        };
        format!("{scheme}://{}", self.address)
    }

    /// Returns the port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Returns the token that may do everything.
    pub fn token(&self) -> &'static str {
        TOKEN
    }

    /// Returns the certificate of the tenant's own authority, when it speaks https.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }
}

impl Drop for Tenant {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        // Out of descriptors, most likely: a moment later there are some again.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _best_effort = stream.set_nodelay(true);
        connections.spawn(serve(stream, acceptor.clone(), Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(
    stream: TcpStream,
    acceptor: Option<tokio_rustls::TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let switch = Switch::default();
    let stream = Sabotage::new(stream, switch.clone());
    let service = service_fn(move |request| {
        let (shared, switch) = (Arc::clone(&shared), switch.clone());
        async move { Ok::<_, std::convert::Infallible>(response(request, &shared, &switch).await) }
    });
    let builder = Builder::new(TokioExecutor::new());
    // A connection that breaks is the client's affair, or a fault that was asked for.
    match acceptor {
        None => {
            let _broken = builder
                .serve_connection(TokioIo::new(stream), service)
                .await;
        }
        Some(acceptor) => {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _broken = builder
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            }
        }
    }
}

async fn response(
    request: hyper::Request<Incoming>,
    shared: &Shared,
    switch: &Switch,
) -> hyper::Response<Body> {
    let begun = Instant::now();
    let (head, body) = request.into_parts();
    let (fault, mistake) = match fault::choose(&shared.faults, &head) {
        Ok(fault) => (fault, None),
        Err(mistake) => (None, Some(mistake)),
    };
    let reply = match Limited::new(body, MAX_BODY).collect().await {
        Ok(body) => {
            let call = Call::new(&head, body.to_bytes());
            let mut state = shared.state.lock().unwrap_or_else(PoisonError::into_inner);
            routes::route(&call, &mut state)
        }
        Err(_) => Reply::error(413, "413 Request Entity Too Large"),
    };
    let reply = match (&fault, mistake) {
        (Some(fault), _) => fault::play(fault, reply, switch).await,
        (None, Some(mistake)) => {
            let kinds = mistake.facts.join("; ");
            Reply::error(400, &format!("X-Demo-Fault: {}; {kinds}", mistake.headline))
        }
        (None, None) => reply,
    };
    if let Some(log) = &shared.log {
        log(&LogLine {
            method: head.method.to_string(),
            path: head
                .uri
                .path_and_query()
                .map(ToString::to_string)
                .unwrap_or_default(),
            status: if switch.is_set() { 0 } else { reply.status },
            millis: begun.elapsed().as_secs_f64() * 1000.0,
            fault: fault.as_ref().map(ToString::to_string),
        });
    }
    reply.into_response(begun.elapsed(), head.method == hyper::Method::HEAD)
}

#[cfg(test)]
mod tests;
