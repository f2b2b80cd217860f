//! A certificate that only the demo's clients trust.

use std::sync::Arc;

use anyhow::{Context, Result};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// The names that TLS clients ask for.
pub(super) const NAMES: [&str; 3] = ["www.example.org", "mail.example.net", "cdn.example.com"];

/// Both sides' configuration.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) server: Arc<ServerConfig>,
    pub(super) client: Arc<ClientConfig>,
}

impl Tls {
    pub(super) fn new() -> Result<Self> {
        let made = rcgen::generate_simple_self_signed(NAMES.map(str::to_owned))
            .context("making a certificate")?;
        let certificate = made.cert.der().clone();
        let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
        let mut server = ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], PrivateKeyDer::from(key))?;
        server.alpn_protocols = vec![b"http/1.1".to_vec()];
        let mut trusted = RootCertStore::empty();
        trusted.add(certificate)?;
        let mut client = ClientConfig::builder()
            .with_root_certificates(trusted)
            .with_no_client_auth();
        client.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self {
            server: Arc::new(server),
            client: Arc::new(client),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_trust_the_certificate() {
        use rustls::{ClientConnection, ServerConnection, pki_types::ServerName};
        let tls = Tls::new().unwrap();
        let name = ServerName::try_from(NAMES[1]).unwrap();
        let mut client = ClientConnection::new(tls.client, name).unwrap();
        let mut server = ServerConnection::new(tls.server).unwrap();
        for _ in 0..4 {
            let mut bytes = Vec::new();
            client.write_tls(&mut bytes).unwrap();
            server.read_tls(&mut bytes.as_slice()).unwrap();
            server.process_new_packets().unwrap();
            let mut bytes = Vec::new();
            server.write_tls(&mut bytes).unwrap();
            client.read_tls(&mut bytes.as_slice()).unwrap();
            client.process_new_packets().unwrap();
        }
        assert!(!client.is_handshaking());
        assert_eq!(client.alpn_protocol(), Some(b"http/1.1".as_slice()));
    }
}
