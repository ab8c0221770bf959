//! Where a request comes from when a reverse proxy stands before the server.
//!
//! Behind a proxy every connection is the proxy's: the ledger would name it for everybody, and the throttling of
//! sign-ins by network address would make one person's wrong passwords everybody's. So the address in
//! `X-Forwarded-For` takes the place of the connection's, where, and only where, the connection comes from a proxy that
//! the configuration names (`http.trusted_proxies`). `Forwarded` (RFC 7239) is not read: no proxy adds to it unasked.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::HeaderMap,
    middleware::Next,
    response::Response,
};
use liaison_channels::AddressRange;

/// The header that proxies add the address to which they answer to.
const HEADER: &str = "x-forwarded-for";

/// Puts the client's address in the place of a trusted proxy's. The port is 0 then: the header has none to believe.
pub(crate) async fn see_through(
    State(trusted): State<Arc<[AddressRange]>>,
    mut request: Request,
    next: Next,
) -> Response {
    let connected = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    if let Some(connected) = connected
        && let Some(client) = client(&trusted, connected.ip(), request.headers())
    {
        request.extensions_mut().insert(ConnectInfo(SocketAddr::new(client, 0)));
    }
    next.run(request).await
}

/// The address behind the proxies: read from the right, the first that no trusted proxy has. What stands left of it was
/// sent by the client and is not believed. `None` where the connection itself is the client's.
fn client(trusted: &[AddressRange], connected: IpAddr, headers: &HeaderMap) -> Option<IpAddr> {
    let is_trusted = |ip: IpAddr| trusted.iter().any(|range| range.contains(ip));
    if !is_trusted(connected.to_canonical()) {
        return None;
    }
    let mut found = None;
    let lines = headers.get_all(HEADER).into_iter().collect::<Vec<_>>();
    for line in lines.into_iter().rev() {
        // A part that does not read ends the search: nothing left of it can be known.
        for part in line.to_str().ok()?.rsplit(',') {
            let Ok(ip) = part.trim().parse::<IpAddr>() else {
                return found;
            };
            let ip = ip.to_canonical();
            found = Some(ip);
            if !is_trusted(ip) {
                return found;
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn seen(connected: &str, lines: &[&str]) -> String {
        let trusted: Vec<AddressRange> = ["127.0.0.1", "10.1.0.0/16", "fd00::/64"]
            .map(|range| range.parse().unwrap())
            .into();
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(HEADER, HeaderValue::from_str(line).unwrap());
        }
        let connected: IpAddr = connected.parse().unwrap();
        client(&trusted, connected, &headers).unwrap_or(connected).to_string()
    }

    #[test]
    fn a_trusted_proxy_is_seen_through_and_nobody_else() {
        assert_eq!(seen("127.0.0.1", &["203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["2001:db8::9"]), "2001:db8::9");
        assert_eq!(seen("::ffff:127.0.0.1", &["::ffff:203.0.113.9"]), "203.0.113.9");
        assert_eq!(
            seen("198.51.100.7", &["203.0.113.9"]),
            "198.51.100.7",
            "not a proxy of ours"
        );
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1", "a request of the proxy itself");
    }

    #[test]
    fn what_a_client_puts_before_its_own_address_is_not_believed() {
        assert_eq!(seen("127.0.0.1", &["192.0.2.1, 203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["192.0.2.1", "203.0.113.9"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["127.0.0.1, 203.0.113.9"]), "203.0.113.9");
    }

    #[test]
    fn a_chain_of_trusted_proxies_is_followed_to_its_end() {
        assert_eq!(seen("127.0.0.1", &["192.0.2.1, 203.0.113.9, 10.1.4.4"]), "203.0.113.9");
        assert_eq!(seen("fd00::7", &["203.0.113.9, 10.1.4.4", "127.0.0.1"]), "203.0.113.9");
        assert_eq!(seen("127.0.0.1", &["10.1.4.4"]), "10.1.4.4", "all of them are ours");
    }

    #[test]
    fn what_does_not_read_ends_the_search() {
        assert_eq!(seen("127.0.0.1", &["unknown"]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &["203.0.113.9, nobody, 10.1.4.4"]), "10.1.4.4");
        assert_eq!(seen("127.0.0.1", &["203.0.113.9:4711"]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &[""]), "127.0.0.1");
    }
}
