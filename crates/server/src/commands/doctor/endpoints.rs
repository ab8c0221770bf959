//! Whether the webhooks of the directory can be reached: name, address rules, connection, certificate. Nothing is sent.
//!
//! E-mail endpoints are reached through the relay, which is checked by itself. An endpoint is told by its id and host:
//! the rest of its URL may be a secret.

use futures::{StreamExt, stream};
use liaison_channels::Unreachable;
use liaison_domain::ChannelKind;
use liaison_store::{Store, diagnose::UsedEndpoint};

use super::Findings;
use crate::config::Config;

/// Endpoints that are looked at; the rest is counted.
const MOST: u32 = 500;
/// Connections at once.
const AT_ONCE: usize = 8;

pub(super) async fn reach(config: &Config, store: &Store, found: &mut Findings) {
    let (used, disabled) = match store.used_endpoints(MOST).await {
        Ok(used) => used,
        Err(error) => return found.fail("endpoints", error.to_string(), "see the database above"),
    };
    if disabled > 0 {
        found.warn(
            "endpoints",
            format!("{disabled} were disabled because they failed"),
            "their practices are reached by other ways or by telephone: correct them in the directory",
        );
    }
    let failing = used.iter().filter(|endpoint| endpoint.failing_since.is_some()).count();
    if failing > 0 {
        found.warn(
            "endpoints",
            format!("{failing} fail at present"),
            "the deliveries page shows each try and the receiver's words",
        );
    }
    let hooks: Vec<&UsedEndpoint> = used
        .iter()
        .filter(|endpoint| endpoint.channel == ChannelKind::Webhook)
        .collect();
    let settings = match config.webhooks.channel() {
        Ok(settings) => settings,
        Err(why) => return found.fail("endpoints", why, "correct [webhooks]"),
    };
    let looks = stream::iter(hooks.iter().map(|endpoint| {
        let settings = &settings;
        async move { (*endpoint, liaison_channels::reach(&endpoint.address, settings).await) }
    }));
    let looked: Vec<_> = looks.buffered(AT_ONCE).collect().await;
    let mut reached = 0;
    for (endpoint, outcome) in looked {
        let Err(why) = outcome else {
            reached += 1;
            continue;
        };
        let host = url::Url::parse(&endpoint.address)
            .ok()
            .and_then(|url| url.host_str().map(str::to_owned))
            .unwrap_or_default();
        let advice = match why {
            Unreachable::Refused(_) => "correct its URL in the directory, or allow its range (webhooks.allow)",
            Unreachable::Name(_) => "correct its host in the directory, or ask the practice",
            Unreachable::Certificate(_) => {
                "ask the practice to renew its certificate, or trust its root (webhooks.extra_root_file)"
            }
            Unreachable::Connection(_) | Unreachable::Silent => "ask the practice; check this machine's firewall",
        };
        found.fail("endpoints", format!("{} at {host}: {why}", endpoint.id), advice);
    }
    found.ok(
        "endpoints",
        format!(
            "{reached} of {} webhooks can be reached, {} more go by mail",
            hooks.len(),
            used.len() - hooks.len()
        ),
    );
}
