//! `[telemetry]`: spans for a collector of OpenTelemetry.

use std::path::PathBuf;

use axum::http::{HeaderName, HeaderValue};
use serde::Deserialize;
use url::Url;

use super::{Problems, Secret, secret::resolve};

/// The export of traces. Off unless a collector is named.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Telemetry {
    otlp_endpoint: Option<String>,
    otlp_headers: Option<Secret>,
    otlp_headers_file: Option<PathBuf>,
    /// The name under which the collector shows this process.
    pub(crate) service_name: String,
    /// Which share of the traces is exported, 0 to 1.
    pub(crate) sampling: f64,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_headers: None,
            otlp_headers_file: None,
            service_name: "liaison".to_owned(),
            sampling: 1.0,
        }
    }
}

impl Telemetry {
    pub(super) fn check(&mut self, problems: &mut Problems) {
        self.otlp_headers = resolve(
            "telemetry.otlp_headers",
            self.otlp_headers.as_ref(),
            self.otlp_headers_file.as_deref(),
            problems,
        );
        self.otlp_headers_file = None;
        if self.otlp_endpoint.is_some() && self.traces_url().is_none() {
            problems.add(
                "telemetry.otlp_endpoint",
                "is no http or https URL without a name, password, query and fragment; write it like \
                 http://127.0.0.1:4318, and what proves who we are into telemetry.otlp_headers",
            );
        }
        if let Some(headers) = &self.otlp_headers
            && pairs(headers.expose()).is_none()
        {
            problems.add(
                "telemetry.otlp_headers",
                "is no list of headers; write it like name=value, several parted by commas",
            );
        }
        if self.service_name.trim().is_empty() || self.service_name.len() > 100 {
            problems.add("telemetry.service_name", "is a name of 1 to 100 characters");
        }
        if !(0.0..=1.0).contains(&self.sampling) {
            problems.add("telemetry.sampling", "is a share; choose a value from 0 to 1");
        }
    }

    /// Where traces are posted: `/v1/traces` below the endpoint, as OTLP over HTTP has it. `None` where export is off.
    pub(crate) fn traces_url(&self) -> Option<Url> {
        let base = Url::parse(self.otlp_endpoint.as_deref()?).ok()?;
        let plain = base.username().is_empty()
            && base.password().is_none()
            && base.query().is_none()
            && base.fragment().is_none();
        if !plain || !matches!(base.scheme(), "http" | "https") {
            return None;
        }
        let path = format!("{}/v1/traces", base.path().trim_end_matches('/'));
        let mut url = base;
        url.set_path(&path);
        Some(url)
    }

    /// What each post carries beside our own headers.
    pub(crate) fn headers(&self) -> Vec<(String, String)> {
        self.otlp_headers
            .as_ref()
            .and_then(|headers| pairs(headers.expose()))
            .unwrap_or_default()
    }
}

/// `name=value` parted by commas, as in `OTEL_EXPORTER_OTLP_HEADERS`.
fn pairs(text: &str) -> Option<Vec<(String, String)>> {
    text.split(',')
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let (name, value) = (name.trim(), value.trim());
            HeaderName::from_bytes(name.as_bytes()).ok()?;
            HeaderValue::from_str(value).ok()?;
            Some((name.to_owned(), value.to_owned()))
        })
        .collect()
}
