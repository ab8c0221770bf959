//! `[webhooks]`: where outbound calls may be aimed.

use std::{path::PathBuf, time::Duration};

use liaison_channels::{AddressPolicy, AddressRange, WebhookConfig};
use serde::Deserialize;

use super::Problems;

/// Outbound webhooks. By default they reach public addresses over `https` alone.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Webhooks {
    allow: Vec<AddressRange>,
    /// Plain `http` is allowed: only for tests.
    pub(crate) allow_http: bool,
    connect_timeout_seconds: u64,
    extra_root_file: Option<PathBuf>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self {
            allow: Vec::new(),
            allow_http: false,
            connect_timeout_seconds: 5,
            extra_root_file: None,
        }
    }
}

impl Webhooks {
    pub(super) fn check(&self, problems: &mut Problems) {
        problems.within("webhooks.connect_timeout_seconds", self.connect_timeout_seconds, 1..=60);
        if let Err(why) = self.channel() {
            problems.add("webhooks.extra_root_file", why);
        }
    }

    /// The channel's settings.
    pub(crate) fn channel(&self) -> Result<WebhookConfig, String> {
        let extra_root_pem = match &self.extra_root_file {
            Some(path) => Some(std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?),
            None => None,
        };
        Ok(WebhookConfig {
            addresses: AddressPolicy {
                allow: self.allow.clone(),
                allow_http: self.allow_http,
            },
            connect_timeout: Duration::from_secs(self.connect_timeout_seconds),
            extra_root_pem,
        })
    }
}
