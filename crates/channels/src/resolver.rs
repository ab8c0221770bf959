//! Name resolution for outbound calls: whatever a name resolves to, only allowed addresses are handed on.
//!
//! The check stands behind the resolution and before the connection, so a name cannot be pointed elsewhere between
//! the two.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::AddressPolicy;

/// Asks for a host's addresses.
#[async_trait::async_trait]
pub trait Lookup: Send + Sync {
    /// All addresses of `host`.
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

#[async_trait::async_trait]
impl Lookup for SystemLookup {
    async fn lookup(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        Ok(tokio::net::lookup_host((host, 0))
            .await?
            .map(|address| address.ip())
            .collect())
    }
}

/// A host all of whose addresses are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{host} resolves to {address}, which may not be called: {range}")]
pub struct AddressRefused {
    /// The host's name.
    pub host: String,
    /// The first refused address.
    pub address: IpAddr,
    /// The range it lies in.
    pub range: &'static str,
}

/// reqwest's resolver: looks up, then drops every address the policy refuses.
pub(crate) struct GuardedResolver {
    pub(crate) policy: AddressPolicy,
    pub(crate) lookup: Arc<dyn Lookup>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let lookup = Arc::clone(&self.lookup);
        let policy = self.policy.clone();
        Box::pin(async move {
            let host = name.as_str();
            let found = lookup.lookup(host).await?;
            let mut refused = None;
            let mut allowed = Vec::new();
            for address in found {
                match policy.refusal(address) {
                    None => allowed.push(SocketAddr::new(address, 0)),
                    Some(range) => refused = refused.or(Some((address, range))),
                }
            }
            if allowed.is_empty() {
                return Err(match refused {
                    Some((address, range)) => AddressRefused {
                        host: host.to_owned(),
                        address,
                        range,
                    }
                    .into(),
                    None => io::Error::new(io::ErrorKind::NotFound, "the host name has no address").into(),
                });
            }
            Ok(Box::new(allowed.into_iter()) as Addrs)
        })
    }
}
