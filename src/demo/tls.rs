//! A throw-away authority and a certificate for this machine.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::TlsAcceptor;

use crate::error::{Failure, Result};

/// An authority that lives as long as the tenant.
pub(super) struct Authority {
    /// Its certificate, PEM.
    pub(super) ca_pem: String,
    /// Takes TLS connections as `localhost`, 127.0.0.1 and ::1.
    pub(super) acceptor: TlsAcceptor,
}

impl Authority {
    /// Makes keys and certificates.
    ///
    /// # Errors
    /// Fails when the system gives no randomness.
    pub(super) fn make() -> Result<Authority> {
        Authority::generate()
            .map_err(|_| Failure::local("the demo tenant's certificates could not be made"))
    }

    fn generate() -> anyhow::Result<Authority> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params
            .distinguished_name
            .push(DnType::CommonName, "rein demo authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let names = ["localhost", "127.0.0.1", "::1"].map(str::to_owned);
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "rein demo tenant");
        let key = KeyPair::generate()?;
        let leaf = params.signed_by(&key, &issuer)?;

        let chain: Vec<CertificateDer<'static>> = vec![leaf.der().clone()];
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)?;
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Authority {
            ca_pem: issuer.pem(),
            acceptor: TlsAcceptor::from(Arc::new(config)),
        })
    }
}
