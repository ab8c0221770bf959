//! `[monitor]`: where metrics and health are asked for, apart from the people's address.

use std::net::SocketAddr;

use serde::Deserialize;

/// The listener for metrics and health checks. Off unless an address is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Monitor {
    /// Address and port for `/metrics`, `/healthz` and `/readyz`.
    pub(crate) listen: Option<SocketAddr>,
}
