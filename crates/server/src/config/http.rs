//! `[http]`: where the server listens and how people reach it.

use std::{net::SocketAddr, time::Duration};

use liaison_channels::AddressRange;
use liaison_service::seats::StreamLimits;
use serde::Deserialize;
use url::Url;

use super::Problems;

/// The HTTP server. TLS is the reverse proxy's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Http {
    /// Address and port to listen on.
    pub(crate) listen: SocketAddr,
    base_url: Option<String>,
    /// The reverse proxies whose `X-Forwarded-For` is believed.
    pub(crate) trusted_proxies: Vec<AddressRange>,
    drain_seconds: u64,
    max_streams: u64,
    max_streams_per_person: u64,
    #[serde(skip)]
    checked: Option<Url>,
}

impl Default for Http {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            base_url: None,
            trusted_proxies: Vec::new(),
            drain_seconds: 0,
            max_streams: 2_000,
            max_streams_per_person: 20,
            checked: None,
        }
    }
}

impl Http {
    pub(super) fn check(&mut self, problems: &mut Problems) {
        problems.within("http.drain_seconds", self.drain_seconds, 0..=10);
        problems.within("http.max_streams", self.max_streams, 1..=1_000_000);
        problems.within("http.max_streams_per_person", self.max_streams_per_person, 1..=1_000);
        let text = self
            .base_url
            .take()
            .unwrap_or_else(|| format!("http://{}", self.listen));
        match read(&text) {
            Ok(url) => self.checked = Some(url),
            Err(why) => problems.add("http.base_url", why),
        }
    }

    /// How long the process serves on, unready, after SIGTERM.
    pub(crate) fn drain(&self) -> Duration {
        Duration::from_secs(self.drain_seconds)
    }

    /// How many streams may be open at once.
    pub(crate) fn streams(&self) -> StreamLimits {
        StreamLimits {
            each: usize::try_from(self.max_streams_per_person).unwrap_or(usize::MAX),
            all: usize::try_from(self.max_streams).unwrap_or(usize::MAX),
        }
    }

    /// Where people reach this service: links in messages begin with it.
    pub(crate) fn base_url(&self) -> Option<&Url> {
        self.checked.as_ref()
    }
}

fn read(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|error| format!("not a URL ({error}); expected https://HOST"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err("expected https://HOST (or http:// on this machine)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("carries a user name or password, which would stand in every link; take it out".to_owned());
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("ends with a query or a fragment; take it out".to_owned());
    }
    Ok(url)
}
