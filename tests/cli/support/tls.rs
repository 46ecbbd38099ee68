//! Servers that speak TLS, with certificates made for the test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A server's certificate for this machine, and the authority that signed it in a file.
pub(crate) struct Identity {
    root: CertifiedIssuer<'static, KeyPair>,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    folder: tempfile::TempDir,
}

/// Returns the parameters of a certificate for this machine.
pub(crate) fn for_this_machine() -> CertificateParams {
    let names = ["localhost", "tenant.test", "127.0.0.1", "::1"].map(str::to_owned);
    CertificateParams::new(names).expect("names")
}

impl Identity {
    /// Makes an authority and a certificate signed by it.
    pub(crate) fn new() -> Identity {
        Identity::of(for_this_machine())
    }

    /// Makes an authority, and this certificate signed by it.
    pub(crate) fn of(params: CertificateParams) -> Identity {
        let mut authority = CertificateParams::new(Vec::new()).expect("no names");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = CertifiedIssuer::self_signed(authority, key()).expect("a root");
        let leaf_key = key();
        let leaf = params.signed_by(&leaf_key, &root).expect("a leaf");
        Identity::with(root, leaf.der().clone(), leaf_key)
    }

    /// Makes a certificate that signs itself.
    pub(crate) fn by_itself(params: CertificateParams) -> Identity {
        let own = key();
        let certificate = params.self_signed(&own).expect("a certificate");
        let authority = CertificateParams::new(Vec::new()).expect("no names");
        let root = CertifiedIssuer::self_signed(authority, key()).expect("a root");
        Identity::with(root, certificate.der().clone(), own)
    }

    fn with(
        root: CertifiedIssuer<'static, KeyPair>,
        leaf: CertificateDer<'static>,
        key: KeyPair,
    ) -> Identity {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), root.pem()).expect("written");
        Identity {
            root,
            chain: vec![leaf],
            key,
            folder,
        }
    }

    /// Returns the file of the authority.
    pub(crate) fn ca_file(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// Returns the server's own certificate (DER).
    pub(crate) fn leaf(&self) -> &[u8] {
        &self.chain[0]
    }

    /// Returns the folder for further files.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a client's certificate, signed by the same authority, and its key into one file.
    pub(crate) fn client_file(&self) -> PathBuf {
        let own = key();
        let params = CertificateParams::new(vec!["client".to_owned()]).expect("a name");
        let certificate = params.signed_by(&own, &self.root).expect("a certificate");
        let path = self.folder.path().join("client.pem");
        let text = format!("{}{}", certificate.pem(), own.serialize_pem());
        std::fs::write(&path, text).expect("written");
        path
    }

    /// Returns what a server needs to speak these protocols.
    pub(crate) fn config(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        self.build(protocols, false)
    }

    /// Returns what a server needs that asks its clients for a certificate.
    pub(crate) fn config_for_clients(&self, protocols: &[&[u8]]) -> Arc<ServerConfig> {
        self.build(protocols, true)
    }

    fn build(&self, protocols: &[&[u8]], asks_clients: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = if asks_clients {
            let mut roots = RootCertStore::empty();
            roots.add(self.root.der().clone()).expect("a root");
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                .build()
                .expect("a verifier");
            builder.with_client_cert_verifier(verifier)
        } else {
            builder.with_no_client_auth()
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(self.key.serialize_der()));
        let mut config = builder
            .with_single_cert(self.chain.clone(), key)
            .expect("a chain");
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Arc::new(config)
    }
}

fn key() -> KeyPair {
    KeyPair::generate().expect("a key")
}

/// Starts a server that hands every connection to `serve` once its handshake is done, and returns
/// its port. It ends with the test.
pub(crate) fn listen(
    config: Arc<ServerConfig>,
    serve: impl Fn(StreamOwned<ServerConnection, TcpStream>) + Send + Sync + 'static,
) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let serve = Arc::new(serve);
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (config, serve) = (Arc::clone(&config), Arc::clone(&serve));
            std::thread::spawn(move || {
                let mut connection = ServerConnection::new(config).expect("a connection");
                while connection.is_handshaking() {
                    if connection.complete_io(&mut stream).is_err() {
                        return;
                    }
                }
                serve(StreamOwned::new(connection, stream));
            });
        }
    });
    port
}
