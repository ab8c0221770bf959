//! The address that people use: TLS, a good certificate, and this installation behind it.

use std::time::Duration;

use liaison_channels::{Unreachable, ask};

use super::Findings;
use crate::{config::Config, http::LEDGER_HEADER, key_files};

/// The longest wait for an answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks `http.base_url`. `runs` says whether a server of this configuration answers on this machine.
pub(super) async fn base_url(config: &Config, runs: bool, found: &mut Findings) {
    if !config.http.listen.ip().is_loopback() {
        found.warn(
            "listen",
            format!("{} listens beyond this machine without TLS", config.http.listen),
            "let a reverse proxy with TLS stand in front, and nobody else reach this port",
        );
    }
    let Some(url) = config.http.base_url() else { return };
    let host = url.host_str().unwrap_or_default();
    let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if url.scheme() != "https" {
        return match local {
            true => found.warn(
                "base URL",
                format!("{url} is reached from this machine alone"),
                "set http.base_url to what people use",
            ),
            false => found.fail(
                "base URL",
                format!("{url} is not https: links, sessions and notes would cross the network in the clear"),
                "set http.base_url to an https address whose proxy passes to http.listen",
            ),
        };
    }
    let settings = match config.webhooks.channel() {
        Ok(settings) => settings,
        Err(why) => return found.fail("base URL", why, "correct webhooks.extra_root_file"),
    };
    let mut asked = Ok(None);
    // A proxy may keep /healthz to itself; every answer of ours names our ledger.
    for path in ["healthz", ""] {
        let Ok(page) = url.join(path) else { continue };
        match ask(&page, LEDGER_HEADER, &settings, PATIENCE).await {
            Ok(answer) if answer.header.is_some() => {
                asked = Ok(answer.header);
                break;
            }
            Ok(_) => asked = Ok(None),
            Err(why) => {
                asked = Err(why);
                break;
            }
        }
    }
    let ours = key_files::signer(config)
        .map(|signer| signer.verifier().to_string())
        .ok();
    match asked {
        Ok(Some(ledger)) if Some(&ledger) == ours.as_ref() => {
            found.ok("base URL", format!("{url} leads here; its certificate is good"));
        }
        Ok(Some(ledger)) => found.fail(
            "base URL",
            format!("{url} leads to another installation, whose ledger is {ledger}"),
            "links in messages would open there: correct http.base_url, or the name's address",
        ),
        Ok(None) => {
            let text = format!("{url} answers with a good certificate, and not from this installation");
            let advice = "let the proxy pass to http.listen, or correct http.base_url";
            match runs {
                true => found.fail("base URL", text, advice),
                false => found.warn("base URL", text, "start the server, then ask again"),
            }
        }
        Err(why @ Unreachable::Certificate(_)) => found.fail(
            "base URL",
            format!("{url}: {why}"),
            "people are turned away by their browsers: renew the certificate, with its whole chain",
        ),
        Err(why) => {
            let text = format!("{url}: {why}");
            match runs {
                true => found.fail(
                    "base URL",
                    text,
                    "the server runs and its public address does not answer: look at the proxy, the name and the firewall",
                ),
                false => found.warn("base URL", text, "start the server and its proxy, then ask again"),
            }
        }
    }
}
