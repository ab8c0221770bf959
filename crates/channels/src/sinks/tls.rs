//! TLS in front of a plain receiver, with a good certificate or one of the bad ones. The certificates and their key are
//! for tests alone and stand in `tls/`.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

const KEY: &str = include_str!("tls/server.key");

/// The root that vouches for all certificates but [`Certificate::Stranger`], as PEM.
pub const TEST_ROOT: &str = include_str!("tls/root.pem");

/// What a receiver shows of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Good for `localhost`, `127.0.0.1` and `receiver.example.test`.
    Good,
    /// The same, but it ended years ago.
    Expired,
    /// Good for `elsewhere.example.test` alone.
    Elsewhere,
    /// The good names, vouched for by a root that nobody knows.
    Stranger,
}

impl Certificate {
    fn pem(self) -> &'static str {
        match self {
            Self::Good => include_str!("tls/good.pem"),
            Self::Expired => include_str!("tls/expired.pem"),
            Self::Elsewhere => include_str!("tls/elsewhere.pem"),
            Self::Stranger => include_str!("tls/stranger.pem"),
        }
    }

    /// Answers calls with this certificate.
    ///
    /// # Errors
    /// When the certificate or its key cannot be used.
    pub fn acceptor(self) -> io::Result<TlsAcceptor> {
        let chain = vec![CertificateDer::from_pem_slice(self.pem().as_bytes()).map_err(io::Error::other)?];
        let key = PrivateKeyDer::from_pem_slice(KEY.as_bytes()).map_err(io::Error::other)?;
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(io::Error::other)?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// Takes calls over TLS and hands what they say on to a plain receiver. It stops when it is dropped.
#[derive(Debug)]
pub struct TlsFront {
    address: SocketAddr,
    shown: Arc<Mutex<Certificate>>,
    stop: CancellationToken,
}

impl TlsFront {
    /// Listens on `address` in front of `behind`, with the good certificate.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn start_on(address: SocketAddr, behind: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let front = Self {
            address: listener.local_addr()?,
            shown: Arc::new(Mutex::new(Certificate::Good)),
            stop: CancellationToken::new(),
        };
        let (shown, stop) = (Arc::clone(&front.shown), front.stop.clone());
        tokio::spawn(async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                let Ok((client, _)) = accepted else { continue };
                let (certificate, stop) = (*shown.lock().unwrap_or_else(PoisonError::into_inner), stop.clone());
                tokio::spawn(async move {
                    // A client that breaks off, or a receiver that is away, ends this one call.
                    let _ = stop.run_until_cancelled(relay(client, certificate, behind)).await;
                });
            }
        });
        Ok(front)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Shows another certificate to calls from now on.
    pub fn show(&self, certificate: Certificate) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = certificate;
    }
}

impl Drop for TlsFront {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn relay(client: TcpStream, certificate: Certificate, behind: SocketAddr) -> io::Result<()> {
    let mut client = certificate.acceptor()?.accept(client).await?;
    let mut server = TcpStream::connect(behind).await?;
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}
