//! Whether a webhook's URL may be stored and called. What a host name leads to is judged later, after resolution.

use std::net::IpAddr;

use url::{Host, Url};

use crate::AddressPolicy;

/// Longest URL, in bytes.
pub const MAX_WEBHOOK_URL_LENGTH: usize = 2_048;

/// Why a URL is not fit for a webhook, said to the person who enters it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlProblem {
    /// Longer than [`MAX_WEBHOOK_URL_LENGTH`].
    #[error("the URL has {0} bytes; shorten it to {MAX_WEBHOOK_URL_LENGTH}")]
    TooLong(usize),
    /// Not a URL.
    #[error("this is not a URL ({0}); enter it in full, like https://example.org/liaison")]
    Unreadable(String),
    /// Neither `https` nor, where allowed, `http`.
    #[error("the URL begins with \"{0}:\"; use https:")]
    Scheme(String),
    /// A user name or password in the URL: it would be stored and logged.
    #[error("the URL carries a user name or password; take it out, the calls are signed")]
    UserInfo,
    /// A fragment never reaches the server.
    #[error("the URL ends with a #fragment, which never reaches the server; take it out")]
    Fragment,
    /// Spaces, line ends or other controls inside.
    #[error("the URL holds spaces or control characters; take them out")]
    Controls,
    /// No usable port.
    #[error("port 0 cannot be called; enter another port or none")]
    Port,
    /// The host is an address that may not be called.
    #[error(
        "the address {address} may not be called: {range}; use a public host name or ask for the range to be allowed"
    )]
    Address {
        /// The address, as the URL standard reads it.
        address: IpAddr,
        /// The range it lies in.
        range: &'static str,
    },
}

/// Reads and checks a webhook's URL: `https` (or `http` where the policy allows it), no user info, no fragment, at
/// most [`MAX_WEBHOOK_URL_LENGTH`] bytes, and no literal address outside the policy.
///
/// Hosts are read as the WHATWG URL standard reads them, so that `http://2130706433/` or `http://0x7f.1/` is seen as
/// the loopback address it is.
pub fn check_webhook_url(text: &str, policy: &AddressPolicy) -> Result<Url, UrlProblem> {
    if text.len() > MAX_WEBHOOK_URL_LENGTH {
        return Err(UrlProblem::TooLong(text.len()));
    }
    // The standard drops these silently; what is stored would not be what is called.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(UrlProblem::Controls);
    }
    // "https:///a" and "https:\\a" are mended by the standard into something else than what stands there.
    let mended = text.contains('\\') || text.split_once("://").is_some_and(|(_, rest)| rest.starts_with('/'));
    if mended {
        return Err(UrlProblem::Unreadable("no host".to_owned()));
    }
    let url = Url::parse(text).map_err(|error| UrlProblem::Unreadable(error.to_string()))?;
    match url.scheme() {
        "https" => {}
        "http" if policy.allow_http => {}
        other => return Err(UrlProblem::Scheme(other.chars().take(20).collect())),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(UrlProblem::UserInfo);
    }
    if url.fragment().is_some() {
        return Err(UrlProblem::Fragment);
    }
    if url.port() == Some(0) {
        return Err(UrlProblem::Port);
    }
    let literal = match url.host() {
        Some(Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(Host::Domain(_)) => None,
        None => return Err(UrlProblem::Unreadable("no host".to_owned())),
    };
    if let Some(address) = literal
        && let Some(range) = policy.refusal(address)
    {
        return Err(UrlProblem::Address { address, range });
    }
    Ok(url)
}
