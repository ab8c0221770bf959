//! Whether a server of this configuration runs here and is ready, and whether it is watched.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::Findings;
use crate::config::Config;

/// The longest wait for the server's answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer of `/readyz` is far shorter.
const MAX_ANSWER: u64 = 16 * 1024;

/// Asks the server whether it is ready; whether one answered at all.
pub(super) async fn server(config: &Config, found: &mut Findings) -> bool {
    ready("server", "http.listen", config.http.listen, found).await
}

/// Asks the monitor, where there is one.
pub(super) async fn monitor(config: &Config, found: &mut Findings) {
    let Some(address) = config.monitor.listen else {
        return found.warn(
            "monitor",
            "nobody can watch this process: there are no metrics",
            "set monitor.listen to an address inside your network, and let Prometheus ask it",
        );
    };
    let inside = match address.ip() {
        std::net::IpAddr::V4(ip) => ip.is_loopback() || ip.is_private(),
        std::net::IpAddr::V6(ip) => ip.is_loopback() || ip.is_unique_local(),
    };
    if !inside {
        found.warn(
            "monitor",
            format!("{address} may be reached from outside"),
            "keep monitor.listen on a loopback or private address, or behind a firewall",
        );
    }
    ready("monitor", "monitor.listen", address, found).await;
}

async fn ready(check: &'static str, key: &str, mut address: SocketAddr, found: &mut Findings) -> bool {
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    match timeout(PATIENCE, ask(address)).await {
        Err(_) => {
            found.fail(
                check,
                format!("{address} takes the connection and does not answer"),
                "look at its log",
            );
            true
        }
        Ok(Err(_)) => {
            found.warn(
                check,
                format!("nothing answers on {address}"),
                "`liaison serve` starts the server",
            );
            false
        }
        Ok(Ok(answer)) => {
            let body = answer
                .split_once("\r\n\r\n")
                .map(|(_, body)| body.trim())
                .unwrap_or_default();
            if answer.starts_with("HTTP/1.1 200") {
                found.ok(check, format!("ready on {address}: {body}"));
            } else if body.starts_with('{') {
                found.fail(
                    check,
                    format!("not ready on {address}: {body}"),
                    "docs/operations.md, \"Nothing is sent\", says what each part needs",
                );
            } else {
                found.fail(
                    check,
                    format!("something else answers on {address}"),
                    format!("see {key}"),
                );
            }
            true
        }
    }
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
