//! Posts to a collector of telemetry, by our one HTTP client. What is posted is the caller's; a collector is named by the
//! operator and may lie inside, so that the address rules of webhooks do not hold here. No redirect, no proxy.

use std::time::Duration;

use reqwest::{Client, header::HeaderMap, redirect::Policy};
use url::Url;

use crate::{WebhookConfigError, artefact::causes, webhook};

/// A line to a collector.
#[derive(Debug, Clone)]
pub struct Collector {
    client: Client,
}

impl Collector {
    /// `patience` is the longest time for one post, with its connection.
    ///
    /// # Errors
    /// Where TLS or the client cannot be set up.
    pub fn new(patience: Duration) -> Result<Self, WebhookConfigError> {
        let client = Client::builder()
            .tls_backend_preconfigured(webhook::tls(None)?)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .timeout(patience)
            .user_agent(concat!("Liaison/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    /// Posts once; the HTTP status of the answer, whose body is not read.
    ///
    /// # Errors
    /// Why there was no answer, without the URL.
    pub async fn post(&self, url: Url, headers: HeaderMap, body: Vec<u8>) -> Result<u16, String> {
        let sent = self.client.post(url).headers(headers).body(body).send().await;
        sent.map(|response| response.status().as_u16())
            .map_err(|error| causes(&error.without_url()))
    }
}
