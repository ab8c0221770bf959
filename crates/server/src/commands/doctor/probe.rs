//! Whether a server of this configuration runs here and is ready.

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

pub(super) async fn server(config: &Config, found: &mut Findings) {
    let mut address = config.http.listen;
    if address.ip().is_unspecified() {
        address.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    match timeout(PATIENCE, ask(address)).await {
        Err(_) => found.fail(
            "server",
            format!("{address} takes the connection and does not answer; look at its log"),
        ),
        Ok(Err(_)) => found.warn(
            "server",
            format!("nothing answers on {address}; `liaison serve` starts it"),
        ),
        Ok(Ok(answer)) => {
            let body = answer
                .split_once("\r\n\r\n")
                .map(|(_, body)| body.trim())
                .unwrap_or_default();
            if answer.starts_with("HTTP/1.1 200") {
                found.ok("server", format!("ready on {address}: {body}"));
            } else if body.starts_with('{') {
                found.fail("server", format!("not ready on {address}: {body}"));
            } else {
                found.fail(
                    "server",
                    format!("something else answers on {address}; see http.listen"),
                );
            }
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
