//! The TLS set-up: which certificates are trusted, who we are, and when a handshake began.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue, WebPkiServerVerifier,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, NamedGroup, RootCertStore, SignatureScheme};

use super::timing::Marks;
use super::witness::{Watched, Witness};
use crate::error::{Failure, Result, io_reason};

/// What a call says about TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    /// PEM files trusted beside the system's certificates.
    pub(crate) extra_roots: Vec<PathBuf>,
    /// The client certificate and key files.
    pub(crate) identity: Option<Identity>,
    /// Whether any certificate is accepted.
    pub(crate) insecure: bool,
    /// Where the system's certificates are, when the environment says so.
    pub(crate) system: SystemRoots,
}

/// A client certificate (PEM) and its key, which may stand in the same file.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    /// The certificate chain.
    pub(crate) certificate: PathBuf,
    /// The private key, when it has a file of its own.
    pub(crate) key: Option<PathBuf>,
}

/// The places of the system's certificates that `SSL_CERT_FILE` and `SSL_CERT_DIR` name.
#[derive(Clone, Debug, Default)]
pub(crate) struct SystemRoots {
    pub(crate) file: Option<PathBuf>,
    pub(crate) directory: Option<PathBuf>,
}

/// Where distributions keep all certificates in one file. One file is read six times faster
/// than the folder with a file each that the usual loader reads as well.
const BUNDLES: [&str; 6] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
];

/// Builds the configuration for https.
///
/// # Errors
/// Fails (exit 2) when a certificate or key file cannot be used.
pub(crate) fn config(
    settings: &TlsSettings,
    witness: Option<&Witness>,
    http1_only: bool,
    marks: &Marks,
    host: &str,
) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::local("TLS could not be set up"))?;
    let builder = if settings.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
    } else if let Some(witness) = witness {
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots(settings)?), provider)
                .build()
                .map_err(|_| Failure::local("TLS could not be set up"))?;
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Watched {
                verifier,
                witness: witness.clone(),
                host: host.to_owned(),
            }))
    } else {
        builder.with_root_certificates(roots(settings)?)
    };
    let mut config = match &settings.identity {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            let (chain, key) = read_identity(identity)?;
            builder.with_client_auth_cert(chain, key).map_err(|_| {
                Failure::usage("the client certificate and its key do not fit together")
                    .hint("--cert FILE --key FILE, both PEM")
            })?
        }
    };
    config.alpn_protocols = if http1_only {
        vec![b"http/1.1".to_vec()]
    } else {
        vec![b"h2".to_vec(), b"http/1.1".to_vec()]
    };
    config.resumption = Resumption::store(Arc::new(MarkingStore {
        marks: marks.clone(),
        host: host.to_owned(),
        sessions: ClientSessionMemoryCache::new(8),
    }));
    Ok(config)
}

/// Returns a configuration that trusts nobody: for plain http, where none will be used.
pub(crate) fn unused() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| Failure::local("TLS could not be set up"))?;
    Ok(builder
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

fn roots(settings: &TlsSettings) -> Result<RootCertStore> {
    let mut store = RootCertStore::empty();
    add_system_certificates(&mut store, &settings.system);
    for path in &settings.extra_roots {
        let pem = std::fs::read(path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the CA file {}: {}",
                path.display(),
                io_reason(&error)
            ))
        })?;
        add_pem(&mut store, &pem).ok_or_else(|| {
            Failure::usage(format!(
                "no usable certificate in the CA file {}",
                path.display()
            ))
            .hint("it must hold PEM: -----BEGIN CERTIFICATE-----")
        })?;
    }
    if store.is_empty() {
        return Err(
            Failure::usage("no trusted certificates were found on this system")
                .hint("install the ca-certificates package, or give --cacert FILE"),
        );
    }
    Ok(store)
}

fn add_pem(store: &mut RootCertStore, pem: &[u8]) -> Option<usize> {
    let before = store.len();
    for certificate in CertificateDer::pem_slice_iter(pem).filter_map(Result::ok) {
        // One that cannot be used is passed over, as everywhere.
        let _ignored = store.add(certificate);
    }
    let added = store.len() - before;
    (added > 0).then_some(added)
}

fn add_system_certificates(store: &mut RootCertStore, system: &SystemRoots) {
    let bundle = system.file.as_deref().or_else(|| {
        // Naming a folder alone means that the usual file is not wanted.
        let usual = || {
            BUNDLES
                .iter()
                .map(Path::new)
                .find(|path| cfg!(target_os = "linux") && path.exists())
        };
        system.directory.is_none().then(usual).flatten()
    });
    match (bundle, &system.directory) {
        (Some(file), _) => add_bundle(store, file),
        (None, directory) => {
            let found = match directory {
                Some(folder) => rustls_native_certs::load_certs_from_paths(None, Some(folder)),
                None => rustls_native_certs::load_native_certs(),
            };
            store.add_parsable_certificates(found.certs);
        }
    }
}

/// Adds a file's certificates one by one: what is kept of each is a part of it, and a file of
/// all authorities together is large beside a small call.
fn add_bundle(store: &mut RootCertStore, file: &Path) {
    let Ok(certificates) = CertificateDer::pem_file_iter(file) else {
        return;
    };
    for certificate in certificates {
        match certificate {
            Ok(certificate) => {
                let _ignored = store.add(certificate);
            }
            // The rest of a file that cannot be read any further.
            Err(rustls::pki_types::pem::Error::Io(_)) => return,
            Err(_) => {}
        }
    }
}

fn read_identity(
    identity: &Identity,
) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)> {
    let unreadable = |what: &str, path: &Path| {
        Failure::usage(format!("no usable {what} in {}", path.display()))
            .hint("it must be a readable PEM file; an encrypted key has to be decrypted first")
    };
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(&identity.certificate)
        .and_then(Iterator::collect)
        .map_err(|_| unreadable("client certificate", &identity.certificate))?;
    if chain.is_empty() {
        return Err(unreadable("client certificate", &identity.certificate));
    }
    let key_file = identity.key.as_ref().unwrap_or(&identity.certificate);
    let key =
        PrivateKeyDer::from_pem_file(key_file).map_err(|_| unreadable("private key", key_file))?;
    Ok((chain, key))
}

/// A session store that notes when a handshake with the target asks it for a session: the only
/// moment of a handshake's beginning that can be seen from outside.
#[derive(Debug)]
struct MarkingStore {
    marks: Marks,
    host: String,
    sessions: ClientSessionMemoryCache,
}

impl MarkingStore {
    fn mark(&self, server: &ServerName<'_>) {
        if server.to_str().eq_ignore_ascii_case(&self.host) {
            self.marks.tls_begins();
        }
    }
}

impl ClientSessionStore for MarkingStore {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.sessions.set_kx_hint(server, group);
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.mark(server);
        self.sessions.kx_hint(server)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.sessions.set_tls12_session(server, value);
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.mark(server);
        self.sessions.tls12_session(server)
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.sessions.remove_tls12_session(server);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.sessions.insert_tls13_ticket(server, value);
    }

    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.mark(server);
        self.sessions.take_tls13_ticket(server)
    }
}

/// `-k`: every certificate is accepted, for one call, after a warning.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            cert,
            signature,
            &self.0.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
