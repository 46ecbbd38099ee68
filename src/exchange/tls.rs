//! The TLS set-up: which certificates are trusted, who we are, and when a handshake began.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue, WebPkiServerVerifier,
};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, NamedGroup, RootCertStore,
    SignatureScheme,
};
use x509_cert::der::asn1::ObjectIdentifier;
use x509_cert::der::oid::AssociatedOid;
use x509_cert::der::{Decode, Reader, SliceReader};

use super::recording_verifier::{CertificateLog, RecordingVerifier, signatures_by};
use super::timing::Marks;
use crate::error::{Failure, Result, io_reason};

/// What a call says about TLS.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsSettings {
    /// PEM files trusted in addition to the system's certificates.
    pub(crate) extra_roots: Vec<PathBuf>,
    /// The client certificate and key files.
    pub(crate) identity: Option<Identity>,
    /// Whether any certificate is accepted.
    pub(crate) insecure: bool,
    /// Where the environment says that the system's certificates are.
    pub(crate) system: SystemRoots,
}

/// A client certificate (PEM) and its key, which may be in the same file.
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
    certificate_log: Option<&CertificateLog>,
    http1_only: bool,
    marks: &Marks,
    host: &str,
) -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .context("TLS could not be set up")?;
    let verifier: Arc<dyn ServerCertVerifier> = if settings.insecure {
        Arc::new(AnyCertificate(provider))
    } else {
        verifier(settings, provider, certificate_log, host)?
    };
    let builder = builder
        .dangerous()
        .with_custom_certificate_verifier(verifier);
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

/// Returns who decides on a server's certificates.
fn verifier(
    settings: &TlsSettings,
    provider: Arc<CryptoProvider>,
    certificate_log: Option<&CertificateLog>,
    host: &str,
) -> Result<Arc<dyn ServerCertVerifier>> {
    let (roots, given) = roots(settings)?;
    let usual = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .context("TLS could not be set up")?;
    let verifier: Arc<dyn ServerCertVerifier> = if given.is_empty() {
        usual
    } else {
        Arc::new(Given {
            certificates: given,
            usual,
        })
    };
    Ok(match certificate_log {
        None => verifier,
        Some(certificate_log) => Arc::new(RecordingVerifier {
            verifier,
            certificate_log: certificate_log.clone(),
            host: host.to_owned(),
        }),
    })
}

/// Returns a configuration that trusts no certificate: for plain http, where none will be used.
pub(crate) fn unused() -> Result<ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("TLS could not be set up")?;
    Ok(builder
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth())
}

/// Returns the trusted authorities, and the certificates that `--cacert` and `ca_file` give: each
/// of these is trusted as a server's own as well.
fn roots(settings: &TlsSettings) -> Result<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let mut store = RootCertStore::empty();
    add_system_certificates(&mut store, &settings.system);
    let mut given = Vec::new();
    for path in &settings.extra_roots {
        let pem = std::fs::read(path).map_err(|error| {
            Failure::usage(format!(
                "cannot read the CA file {}: {}",
                path.display(),
                io_reason(&error)
            ))
        })?;
        let of_file = certificates(&pem);
        if of_file.is_empty() {
            return Err(Failure::usage(format!(
                "no usable certificate in the CA file {}",
                path.display()
            ))
            .hint("it must hold PEM: -----BEGIN CERTIFICATE-----"));
        }
        store.add_parsable_certificates(of_file.iter().cloned());
        given.extend(of_file);
    }
    if store.is_empty() && given.is_empty() {
        return Err(
            Failure::usage("no trusted certificates were found on this system")
                .hint("install the ca-certificates package, or give --cacert FILE"),
        );
    }
    Ok((store, given))
}

/// Reads the certificates of a PEM file, those that cannot be parsed left out.
///
/// OpenSSL's other labels are taken for what they are. Its `TRUSTED CERTIFICATE` has settings of
/// its own behind the certificate, which curl does not use either.
fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    let mut text = String::from_utf8_lossy(without_mark(pem)).into_owned();
    for label in ["TRUSTED CERTIFICATE", "X509 CERTIFICATE"] {
        text = text.replace(
            &format!("-----BEGIN {label}-----"),
            "-----BEGIN CERTIFICATE-----",
        );
        text = text.replace(
            &format!("-----END {label}-----"),
            "-----END CERTIFICATE-----",
        );
    }
    CertificateDer::pem_slice_iter(text.as_bytes())
        .filter_map(Result::ok)
        .filter_map(|found| {
            let mut reader = SliceReader::new(&found).ok()?;
            let certificate = reader.tlv_bytes().ok()?.to_vec();
            x509_cert::Certificate::from_der(&certificate).ok()?;
            Some(CertificateDer::from(certificate))
        })
        .collect()
}

/// Leaves out the byte order mark that editors on Windows put before a text.
fn without_mark(pem: &[u8]) -> &[u8] {
    pem.strip_prefix(b"\xef\xbb\xbf").unwrap_or(pem)
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
    let read = |what: &str, path: &Path| std::fs::read(path).map_err(|_| unreadable(what, path));
    let pem = read("client certificate", &identity.certificate)?;
    let chain = certificates(&pem);
    if chain.is_empty() {
        return Err(unreadable("client certificate", &identity.certificate));
    }
    let key_file = identity.key.as_ref().unwrap_or(&identity.certificate);
    let pem = read("private key", key_file)?;
    let key = PrivateKeyDer::from_pem_slice(without_mark(&pem))
        .map_err(|_| unreadable("private key", key_file))?;
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

/// Trusts, beside what the usual verifier does, the very certificates that were given: a server that
/// signed its own, or whose authority is not at hand. Name and dates are checked anyway.
#[derive(Debug)]
struct Given {
    certificates: Vec<CertificateDer<'static>>,
    usual: Arc<WebPkiServerVerifier>,
}

impl Given {
    fn check(
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> Result<(), rustls::Error> {
        let bad = || rustls::Error::from(CertificateError::BadEncoding);
        let certificate = x509_cert::Certificate::from_der(end_entity).map_err(|_| bad())?;
        let body = &certificate.tbs_certificate;
        if now.as_secs() < body.validity.not_before.to_unix_duration().as_secs() {
            return Err(CertificateError::NotValidYet.into());
        }
        if now.as_secs() > body.validity.not_after.to_unix_duration().as_secs() {
            return Err(CertificateError::Expired.into());
        }
        let has_names = body
            .extensions
            .iter()
            .flatten()
            .any(|extension| extension.extn_id == x509_cert::ext::pkix::SubjectAltName::OID);
        if !has_names && is_common_name(&body.subject, &server_name.to_str()) {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        rustls::client::verify_server_name(&parsed, server_name)
    }
}

/// Returns whether a subject's common name is this host: what counts in old certificates, which list
/// no names.
fn is_common_name(subject: &x509_cert::name::Name, host: &str) -> bool {
    const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
    let attributes = subject.0.iter().flat_map(|names| names.0.iter());
    attributes
        .filter(|attribute| attribute.oid == COMMON_NAME)
        .any(|attribute| {
            attribute
                .value
                .value()
                .eq_ignore_ascii_case(host.as_bytes())
        })
}

impl ServerCertVerifier for Given {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if self.certificates.iter().any(|given| given == end_entity) {
            Given::check(end_entity, server_name, now)?;
            return Ok(ServerCertVerified::assertion());
        }
        self.usual
            .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    signatures_by!(usual);
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
