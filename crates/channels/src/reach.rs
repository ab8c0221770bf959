//! Whether an address outside can be reached: what a check of a deployment asks. Sends no content and records nothing.

use std::{error::Error, io, net::SocketAddr, sync::Arc, time::Duration};

use reqwest::{Client, redirect::Policy};
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};
use tokio_rustls::TlsConnector;
use url::{Host, Url};

use crate::{Lookup, SystemLookup, WebhookConfig, artefact::causes, check_webhook_url, webhook};

/// Why something outside cannot be reached.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// The URL or every address that its name leads to is refused by our own rules.
    #[error("{0}")]
    Refused(String),
    /// The name has no address.
    #[error("{0} has no address")]
    Name(String),
    /// Nobody answers there.
    #[error("no connection: {0}")]
    Connection(String),
    /// Somebody answers whose certificate is not good for this name.
    #[error("the certificate is not good: {0}")]
    Certificate(String),
    /// No answer in time.
    #[error("no answer in time")]
    Silent,
}

/// What a site answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The header that was asked for.
    pub header: Option<String>,
}

/// Resolves a webhook's URL, connects by the same rules as a delivery and, for `https`, agrees on TLS. Not one byte of a
/// request is sent.
///
/// # Errors
/// [`Unreachable`].
pub async fn reach(url: &str, config: &WebhookConfig) -> Result<(), Unreachable> {
    let url = check_webhook_url(url, &config.addresses).map_err(|error| Unreachable::Refused(error.to_string()))?;
    let limit = Instant::now() + config.connect_timeout;
    match timeout_at(limit, connect(&url, config)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(Unreachable::Silent),
    }
}

async fn connect(url: &Url, config: &WebhookConfig) -> Result<(), Unreachable> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    let found = match url.host() {
        Some(Host::Ipv4(ip)) => vec![ip.into()],
        Some(Host::Ipv6(ip)) => vec![ip.into()],
        _ => SystemLookup
            .lookup(host)
            .await
            .map_err(|_| Unreachable::Name(host.to_owned()))?,
    };
    let mut allowed = Vec::new();
    let mut refused = None;
    for ip in found {
        match config.addresses.refusal(ip) {
            None => allowed.push(SocketAddr::new(ip, port)),
            Some(range) => refused = refused.or(Some((ip, range))),
        }
    }
    if let (true, Some((ip, range))) = (allowed.is_empty(), refused) {
        return Err(Unreachable::Refused(format!(
            "{host} resolves to {ip}, which may not be called: {range}"
        )));
    }
    if allowed.is_empty() {
        return Err(Unreachable::Name(host.to_owned()));
    }
    let stream = TcpStream::connect(allowed.as_slice())
        .await
        .map_err(|error| Unreachable::Connection(error.to_string()))?;
    if url.scheme() != "https" {
        return Ok(());
    }
    let tls =
        webhook::tls(config.extra_root_pem.as_deref()).map_err(|error| Unreachable::Refused(error.to_string()))?;
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())
        .map_err(|error| Unreachable::Certificate(error.to_string()))?;
    match TlsConnector::from(Arc::new(tls)).connect(name, stream).await {
        Ok(_) => Ok(()),
        Err(error) => Err(told(&error)),
    }
}

/// Asks a site of ours for a page, over verified TLS, and tells its status and one header. The address rules of webhooks do
/// not hold here: our own site may lie inside. A redirect is not followed.
///
/// # Errors
/// [`Unreachable`].
pub async fn ask(url: &Url, header: &str, config: &WebhookConfig, patience: Duration) -> Result<Answer, Unreachable> {
    let refused = |error: &dyn std::fmt::Display| Unreachable::Refused(error.to_string());
    let client = Client::builder()
        .tls_backend_preconfigured(webhook::tls(config.extra_root_pem.as_deref()).map_err(|error| refused(&error))?)
        .redirect(Policy::none())
        .no_proxy()
        .referer(false)
        .http1_only()
        .timeout(patience)
        .user_agent(concat!("Liaison/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| refused(&error))?;
    match client.get(url.clone()).send().await {
        Ok(response) => Ok(Answer {
            status: response.status().as_u16(),
            header: response
                .headers()
                .get(header)
                .and_then(|value| value.to_str().ok())
                .map(str::to_owned),
        }),
        Err(error) if error.is_timeout() => Err(Unreachable::Silent),
        Err(error) => Err(told(&error.without_url())),
    }
}

/// The cause that says most: a certificate's, or the whole chain.
fn told(error: &(dyn Error + 'static)) -> Unreachable {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error
            .downcast_ref::<rustls::Error>()
            .or_else(|| inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        if let Some(rustls::Error::InvalidCertificate(why)) = tls {
            return Unreachable::Certificate(why.to_string());
        }
        // An io error's source is its content's source; the content itself is looked at above or walked into here.
        cause = match inner {
            Some(inner) => Some(inner as &(dyn Error + 'static)),
            None => error.source(),
        };
    }
    Unreachable::Connection(causes(error))
}
