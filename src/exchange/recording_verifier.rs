//! Keeps the certificates that a server shows, so that they can be looked at: `profile check`
//! shows each of them, whether the handshake succeeds or not.

use std::sync::{Arc, Mutex, PoisonError};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, SignatureScheme};

use super::failure::CertificateFault;

/// What was shown in a handshake with the target.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// The certificates (DER) in the order in which they came, the server's own first.
    pub(crate) certificates: Vec<Vec<u8>>,
    /// Why they were not accepted, when they were not.
    pub(crate) fault: Option<CertificateFault>,
}

/// Remembers the certificates of the last handshake with the target.
#[derive(Clone, Debug, Default)]
pub(crate) struct CertificateLog(Arc<Mutex<Shown>>);

impl CertificateLog {
    /// Returns what has been seen.
    pub(crate) fn shown(&self) -> Shown {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn record(&self, shown: Shown) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }
}

/// Leaves every decision to the usual verifier, and notes what it was asked.
#[derive(Debug)]
pub(super) struct RecordingVerifier {
    pub(super) verifier: Arc<dyn ServerCertVerifier>,
    pub(super) certificate_log: CertificateLog,
    /// The target's host: a proxy that speaks TLS itself is not looked at.
    pub(super) host: String,
}

/// Hands the checks of signatures on to the verifier in this field.
macro_rules! signatures_by {
    ($field:ident) => {
        fn verify_tls12_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.$field.verify_tls12_signature(message, cert, signature)
        }

        fn verify_tls13_signature(
            &self,
            message: &[u8],
            cert: &CertificateDer<'_>,
            signature: &DigitallySignedStruct,
        ) -> Result<HandshakeSignatureValid, rustls::Error> {
            self.$field.verify_tls13_signature(message, cert, signature)
        }

        fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
            self.$field.supported_verify_schemes()
        }
    };
}
pub(super) use signatures_by;

impl ServerCertVerifier for RecordingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        );
        // A literal IPv6 address is in brackets in a URL.
        let host = self.host.trim_matches(['[', ']']);
        if server_name.to_str().eq_ignore_ascii_case(host) {
            self.certificate_log.record(Shown {
                certificates: std::iter::once(end_entity)
                    .chain(intermediates)
                    .map(|certificate| certificate.to_vec())
                    .collect(),
                fault: verified.as_ref().err().and_then(CertificateFault::of),
            });
        }
        verified
    }

    signatures_by!(verifier);
}
