//! What can go wrong on the way, told apart by type and never by text.

use std::error::Error;
use std::io;
use std::time::Duration;

use super::lookup::LookupFailed;
use super::timing::Phase;

/// A call that got no whole answer.
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
    /// The connection ended before a single byte of an answer.
    EmptyReply,
    /// The connection broke.
    Receive { reason: String },
    /// What came is not HTTP.
    NotHttp { reason: String },
    /// The head of the answer is larger than anything that is a head.
    HeadTooLarge,
    /// The body ended before its announced length.
    Incomplete,
    /// The body of the request could not be read on.
    Upload { reason: String },
    /// The server refused the HTTP/2 stream, so that nothing was processed (RFC 9113, 8.7).
    RefusedStream,
}

const NOT_HTTP: &str = "what came back is not HTTP";

impl TransportKind {
    /// Adds what it mostly means that plain http is not answered with HTTP: a port for https
    /// answers with an alert of TLS.
    pub(super) fn over_plain_http(self) -> Self {
        match self {
            TransportKind::NotHttp { reason } if reason == NOT_HTTP => TransportKind::NotHttp {
                reason: format!(
                    "{NOT_HTTP}; if the port is one for https, the endpoint begins with https://"
                ),
            },
            kind => kind,
        }
    }
}

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
}

/// Finds out what an error of the HTTP client means; `connecting` tells that no connection stood
/// when it came.
pub(crate) fn classify(
    error: &(dyn Error + 'static),
    connecting: bool,
    phase: Phase,
    proxied: bool,
) -> TransportKind {
    if let Some(failed) = find::<LookupFailed>(error) {
        let wanted = failed.family.map(|family| match family {
            super::lookup::Family::V6 => "IPv6",
            _ => "IPv4",
        });
        return TransportKind::Lookup {
            host: failed.host.clone(),
            wanted,
        };
    }
    if let Some(error) = find::<rustls::Error>(error) {
        return tls(error);
    }
    if let Some(error) = find::<h2::Error>(error)
        && error.reason() == Some(h2::Reason::REFUSED_STREAM)
    {
        return TransportKind::RefusedStream;
    }
    if let Some(error) = find::<hyper::Error>(error)
        && let Some(kind) = protocol(error, phase)
    {
        return kind;
    }
    let io = find::<io::Error>(error);
    if connecting {
        return connect(error, io, phase, proxied);
    }
    match io {
        Some(io) => transfer(io, phase),
        None => TransportKind::Receive {
            reason: "the connection broke".to_owned(),
        },
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
            reason: "what answers does not speak TLS".to_owned(),
        },
        _ => TransportKind::Tls {
            reason: "the handshake broke off".to_owned(),
        },
    }
}

fn protocol(error: &hyper::Error, phase: Phase) -> Option<TransportKind> {
    if error.is_incomplete_message() {
        return Some(match phase {
            Phase::Transfer => TransportKind::Incomplete,
            _ => TransportKind::EmptyReply,
        });
    }
    if error.is_parse_too_large() {
        return Some(TransportKind::HeadTooLarge);
    }
    if error.is_parse() {
        return Some(TransportKind::NotHttp {
            reason: NOT_HTTP.to_owned(),
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

fn transfer(io: &io::Error, phase: Phase) -> TransportKind {
    match (io.kind(), phase) {
        (io::ErrorKind::UnexpectedEof, Phase::Transfer) => TransportKind::Incomplete,
        (io::ErrorKind::UnexpectedEof, _) => TransportKind::EmptyReply,
        _ => TransportKind::Receive { reason: reason(io) },
    }
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
