//! The HTTP client. It is built late and only with what a call needs, because building it takes time.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use tower_layer::Layer;
use tower_service::Service;
use url::{Host, Url};

use super::failure::TransportKind;
use super::lookup::{Family, Override, Resolver};
use super::proxy::Proxy;
use super::recording_verifier::CertificateLog;
use super::timing::Marks;
use super::tls::{self, TlsSettings};
use crate::error::{Failure, Result};
use crate::profile::known::KnownTokens;

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// The longest time until a connection is made, TLS included.
    pub(crate) connect_timeout: Duration,
    /// The proxy, if one is used.
    pub(crate) proxy: Option<Proxy>,
    /// Addresses given by `--resolve`.
    pub(crate) overrides: Vec<Override>,
    /// Which addresses may be used.
    pub(crate) family: Family,
    /// Which protocol is spoken.
    pub(crate) version: HttpVersion,
    /// TLS.
    pub(crate) tls: TlsSettings,
    /// Who keeps the server's certificates, where they are to be looked at.
    pub(crate) certificate_log: Option<CertificateLog>,
    /// Whether the time of connecting is measured. That costs every request some allocations, and
    /// the many of a batch share few connections.
    pub(crate) is_timed: bool,
}

/// Which HTTP version is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum HttpVersion {
    /// HTTP/2 over https when the server has it, else HTTP/1.1.
    #[default]
    Negotiated,
    /// HTTP/1.1.
    Http1,
}

/// A client for one endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(super) inner: reqwest::Client,
    pub(super) marks: Marks,
    pub(super) proxied: bool,
    /// Why nothing can be connected to: the host is an address of a family that is not allowed.
    pub(super) unreachable: Option<TransportKind>,
    /// What must not be in a body to a place that it is not for.
    pub(super) known: Arc<KnownTokens>,
}

/// Twice what servers usually allow; the client's own limit of a hundred is too low for some
/// gateways.
pub(super) const MAX_HEADERS: usize = 512;

/// Header blocks above this end the call, so that a server cannot fill the memory. Over HTTP/1 the
/// library reads up to about 400 KiB before it stops by itself.
pub(super) const MAX_HEADER_BLOCK: u32 = 256 * 1024;

impl Client {
    /// Returns what has been measured of the attempt that is under way.
    pub(crate) fn timings(&self) -> super::timing::Timings {
        self.marks.timings()
    }

    /// Returns a client with the same pool of connections whose requests are measured on their own.
    /// The time of name lookup, connecting and TLS goes to the client that was built.
    pub(crate) fn fork(&self) -> Client {
        Client {
            marks: Marks::default(),
            ..self.clone()
        }
    }

    /// Returns the phase that the attempt is in.
    pub(crate) fn phase(&self) -> super::timing::Phase {
        self.marks.phase()
    }

    /// Builds the client for calls to the host of `target`.
    ///
    /// # Errors
    /// Fails (exit 2) when certificates, keys or the proxy cannot be used.
    pub(crate) fn build(target: &Url, connection: &Connection) -> Result<Client> {
        let marks = Marks::default();
        let proxy = connection.proxy.as_ref().map(|proxy| &proxy.url);
        let resolver = resolver(target, proxy, connection, &marks);
        let http1_only = connection.version == HttpVersion::Http1;
        let tls_to_proxy = connection
            .proxy
            .as_ref()
            .is_some_and(|proxy| proxy.url.scheme() == "https");
        let tls = if target.scheme() == "https" || tls_to_proxy {
            tls::config(
                &connection.tls,
                connection.certificate_log.as_ref(),
                http1_only,
                &marks,
                target.host_str().unwrap_or_default(),
            )?
        } else {
            tls::unused()?
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .retry(reqwest::retry::never())
            .no_proxy()
            .connect_timeout(connection.connect_timeout)
            .dns_resolver(resolver)
            .http1_max_headers(MAX_HEADERS)
            .http2_max_header_list_size(MAX_HEADER_BLOCK)
            .http2_adaptive_window(true);
        if connection.is_timed {
            builder = builder.connector_layer(MarkLayer(marks.clone()));
        }
        if http1_only {
            builder = builder.http1_only();
        }
        if let Some(proxy) = &connection.proxy {
            builder = builder.proxy(reqwest::Proxy::all(proxy.url.clone()).map_err(|_| {
                Failure::usage(format!(
                    "the proxy that {} names cannot be used",
                    proxy.origin
                ))
            })?);
        }
        let inner = builder
            .build()
            .context("the HTTP client could not be set up")?;
        Ok(Client {
            inner,
            marks,
            proxied: connection.proxy.is_some(),
            unreachable: of_another_family(proxy.unwrap_or(target), connection.family),
            known: Arc::default(),
        })
    }

    /// Has bodies that are streamed looked at while they are sent.
    pub(crate) fn watch_for(&mut self, known: KnownTokens) {
        self.known = Arc::new(known);
    }
}

/// Returns the resolver for the names of the target and of the proxy.
fn resolver(target: &Url, proxy: Option<&Url>, connection: &Connection, marks: &Marks) -> Resolver {
    let is_asked =
        |entry: &&Override| entry.is_for(target) || proxy.is_some_and(|proxy| entry.is_for(proxy));
    Resolver {
        family: connection.family,
        overrides: connection
            .overrides
            .iter()
            .filter(is_asked)
            .cloned()
            .collect(),
        marks: marks.clone(),
    }
}

/// Returns why a host that is an address cannot be connected to: `-4` or `-6` excludes it. Names
/// are the resolver's, which addresses do not pass through.
fn of_another_family(url: &Url, family: Family) -> Option<TransportKind> {
    let address = match url.host()? {
        Host::Ipv4(address) => IpAddr::V4(address),
        Host::Ipv6(address) => IpAddr::V6(address),
        Host::Domain(_) => return None,
    };
    (!family.allows(address)).then(|| TransportKind::Lookup {
        host: address.to_string(),
        wanted: family.name(),
    })
}

/// Marks when a connection begins and when it is made.
#[derive(Clone, Debug)]
struct MarkLayer(Marks);

impl<S> Layer<S> for MarkLayer {
    type Service = MarkService<S>;

    fn layer(&self, inner: S) -> MarkService<S> {
        MarkService {
            inner,
            marks: self.0.clone(),
        }
    }
}

#[derive(Clone, Debug)]
struct MarkService<S> {
    inner: S,
    marks: Marks,
}

impl<S, R> Service<R> for MarkService<S>
where
    S: Service<R>,
    S::Future: Send + 'static,
    S::Response: 'static,
    S::Error: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<S::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: R) -> Self::Future {
        let marks = self.marks.clone();
        marks.connect_begins();
        let connecting = self.inner.call(request);
        Box::pin(async move {
            let connection = connecting.await?;
            marks.connect_ends();
            Ok(connection)
        })
    }
}
