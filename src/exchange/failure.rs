//! What can go wrong on the way, distinguished by type and never by text.

use std::error::Error;
use std::fmt;
use std::io;
use std::time::Duration;

use super::lookup::{Family, LookupFailed};
use super::timing::Phase;
use super::upload::TokenInBody;

/// A call that got no whole response.
#[derive(Debug)]
pub(crate) struct TransportFailure {
    /// What happened.
    pub(crate) kind: TransportKind,
    /// Where the call stood.
    pub(crate) phase: Phase,
}

/// The kinds of transport failure, each with an exit code of its own or curl's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TransportKind {
    /// No address for the host.
    Lookup {
        host: String,
        wanted: Option<&'static str>,
    },
    /// No connection: refused, unreachable, or the reason in words.
    Connect { reason: String },
    /// The proxy answered CONNECT with a refusal.
    ProxyRefused { needs_password: bool },
    /// The TLS handshake failed.
    Tls { reason: String },
    /// The certificate was not accepted.
    Certificate { fault: CertificateFault },
    /// A time limit was reached.
    TimeOut { limit: Duration, what: Limit },
    /// The connection ended before a single byte of a response.
    EmptyReply,
    /// The connection broke.
    Receive { reason: String },
    /// What came is not HTTP.
    NotHttp {
        /// Whether the request went over plain http: a port for https responds to it with an alert
        /// of TLS.
        over_plain_http: bool,
    },
    /// The header block of the response is larger than anything that is a header block.
    HeadTooLarge,
    /// The body ended before its announced length.
    Incomplete,
    /// The body of the request could not be read on.
    Upload { reason: String },
    /// The request provably was not processed: the server refused its stream or closed the
    /// connection before it (RFC 9113, 8.7), or nothing was written.
    NotProcessed,
    /// The server takes this request over HTTP/1.1 only (RFC 9113, 7).
    NeedsHttp11,
    /// A token of another place is in the body, which was cut before it.
    TokenInBody { source: String },
}

/// A body whose end was not marked as the protocol does.
#[derive(Debug)]
pub(super) struct CutShort;

impl fmt::Display for CutShort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream has no end mark")
    }
}

impl Error for CutShort {}

/// Why a server's certificates were not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateFault {
    /// One has ended.
    Expired,
    /// One has not begun.
    NotValidYet,
    /// Nobody who is trusted here vouches for them.
    UnknownIssuer,
    /// The server's own is for other names.
    WrongName,
    /// One has been called back.
    Revoked,
    /// One was not signed by whom it says.
    BadSignature,
    /// There were none.
    NoneShown,
    /// Anything else.
    Invalid,
}

impl CertificateFault {
    /// Returns what an error of a handshake says about certificates, if it does.
    pub(super) fn of(error: &rustls::Error) -> Option<Self> {
        use rustls::{CertificateError, Error};
        match error {
            Error::InvalidCertificate(problem) => Some(match problem {
                CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                    CertificateFault::Expired
                }
                CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                    CertificateFault::NotValidYet
                }
                CertificateError::UnknownIssuer => CertificateFault::UnknownIssuer,
                CertificateError::NotValidForName
                | CertificateError::NotValidForNameContext { .. } => CertificateFault::WrongName,
                CertificateError::Revoked => CertificateFault::Revoked,
                CertificateError::BadSignature => CertificateFault::BadSignature,
                _ => CertificateFault::Invalid,
            }),
            Error::NoCertificatesPresented => Some(CertificateFault::NoneShown),
            _ => None,
        }
    }

    /// Returns it as words behind "was not accepted:".
    pub(crate) fn words(self) -> &'static str {
        match self {
            CertificateFault::Expired => "it has expired",
            CertificateFault::NotValidYet => "it is not valid yet (is this machine's clock right?)",
            CertificateFault::UnknownIssuer => "its issuer is not trusted here",
            CertificateFault::WrongName => "it was issued for another name",
            CertificateFault::Revoked => "it has been revoked",
            CertificateFault::BadSignature => "its signature is wrong",
            CertificateFault::NoneShown => "the server showed none",
            CertificateFault::Invalid => "it is not valid",
        }
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    /// `--connect-timeout`.
    Connect,
    /// `--max-time`.
    Total,
    /// `--speed-time`: nothing moved.
    Stall,
    /// `--speed-limit`: for the speed time less moved than so many bytes per second.
    Speed(u64),
}

/// Finds out what an error of the HTTP client means; `connecting` tells that no connection stood
/// when it came.
pub(crate) fn classify(
    error: &(dyn Error + 'static),
    connecting: bool,
    phase: Phase,
    proxied: bool,
) -> TransportKind {
    if let Some(found) = find::<TokenInBody>(error) {
        return TransportKind::TokenInBody {
            source: found.source.clone(),
        };
    }
    if phase == Phase::Transfer {
        return transfer(error);
    }
    if let Some(failed) = find::<LookupFailed>(error) {
        return TransportKind::Lookup {
            host: failed.host.clone(),
            wanted: failed.family.and_then(Family::name),
        };
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return tls(error);
    }
    if let Some(kind) = find::<h2::Error>(error).and_then(unprocessed) {
        return kind;
    }
    if let Some(error) = find::<hyper::Error>(error)
        && let Some(kind) = protocol(error)
    {
        return kind;
    }
    let io = find::<io::Error>(error);
    if connecting {
        return connect(error, io, phase, proxied);
    }
    match io {
        Some(io) if io.kind() == io::ErrorKind::UnexpectedEof => TransportKind::EmptyReply,
        Some(io) => TransportKind::Receive { reason: reason(io) },
        None => TransportKind::Receive {
            reason: "the connection broke".to_owned(),
        },
    }
}

/// Finds out why a body broke off. Whatever ended it, it is not whole; what is not HTTP framing at all is
/// a kind of its own.
fn transfer(error: &(dyn Error + 'static)) -> TransportKind {
    match find::<io::Error>(error) {
        Some(io)
            if matches!(
                io.kind(),
                io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
            ) && find::<rustls::Error>(error).is_none() =>
        {
            TransportKind::Receive {
                reason: "its chunks are not framed as HTTP says".to_owned(),
            }
        }
        _ => TransportKind::Incomplete,
    }
}

/// Returns what an HTTP/2 error says about a request that the server has not processed.
fn unprocessed(error: &h2::Error) -> Option<TransportKind> {
    if !error.is_remote() {
        return None;
    }
    match error.reason() {
        Some(h2::Reason::HTTP_1_1_REQUIRED) => Some(TransportKind::NeedsHttp11),
        Some(h2::Reason::REFUSED_STREAM) => Some(TransportKind::NotProcessed),
        // A GOAWAY is an error of the streams above its last one only (RFC 9113, 6.8).
        _ => error.is_go_away().then_some(TransportKind::NotProcessed),
    }
}

/// Walks the sources, looking also inside I/O errors, which hide theirs from `source`.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        next = match error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    None
}

fn tls(error: &rustls::Error) -> TransportKind {
    use rustls::{AlertDescription, Error};
    if let Some(fault) = CertificateFault::of(error) {
        return TransportKind::Certificate { fault };
    }
    match error {
        Error::AlertReceived(AlertDescription::ProtocolVersion) | Error::PeerIncompatible(_) => {
            TransportKind::Tls {
                reason: "no TLS version or cipher in common (1.2 or newer is needed)".to_owned(),
            }
        }
        Error::AlertReceived(_) => TransportKind::Tls {
            reason: "the server ended it with an alert (it may want a client certificate)"
                .to_owned(),
        },
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => TransportKind::Tls {
            reason: "the server responded, but not in TLS; is it plain http?".to_owned(),
        },
        _ => TransportKind::Tls {
            reason: "the handshake broke off".to_owned(),
        },
    }
}

fn protocol(error: &hyper::Error) -> Option<TransportKind> {
    if error.is_canceled() {
        return Some(TransportKind::NotProcessed);
    }
    if error.is_incomplete_message() {
        return Some(TransportKind::EmptyReply);
    }
    if error.is_parse_too_large() {
        return Some(TransportKind::HeadTooLarge);
    }
    if error.is_parse() {
        return Some(TransportKind::NotHttp {
            over_plain_http: false,
        });
    }
    if error.is_user() {
        return Some(TransportKind::Upload {
            reason: "the body to send could not be read on".to_owned(),
        });
    }
    None
}

fn connect(
    error: &(dyn Error + 'static),
    io: Option<&io::Error>,
    phase: Phase,
    proxied: bool,
) -> TransportKind {
    let Some(io) = io else {
        if proxied {
            // The tunnel's error type is private; its two words are all there is to see.
            let needs_password = sources(error).any(|text| text.contains("authorization required"));
            return TransportKind::ProxyRefused { needs_password };
        }
        return TransportKind::Connect {
            reason: "no connection could be made".to_owned(),
        };
    };
    if phase == Phase::Tls {
        return TransportKind::Tls {
            reason: "the connection was closed during the handshake".to_owned(),
        };
    }
    TransportKind::Connect { reason: reason(io) }
}

fn sources(error: &(dyn Error + 'static)) -> impl Iterator<Item = String> {
    let mut next: Option<&(dyn Error + 'static)> = error.source();
    std::iter::from_fn(move || {
        let error = next?;
        next = error.source();
        Some(error.to_string())
    })
}

fn reason(io: &io::Error) -> String {
    match io.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "the connection was reset".to_owned(),
        io::ErrorKind::ConnectionAborted => "the connection was aborted".to_owned(),
        io::ErrorKind::BrokenPipe => "the server closed the connection".to_owned(),
        io::ErrorKind::HostUnreachable => "no route to the host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "the network is unreachable".to_owned(),
        io::ErrorKind::TimedOut => "the system's own time limit was reached".to_owned(),
        _ => crate::error::io_reason(io),
    }
}
