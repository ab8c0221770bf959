//! Which addresses an outbound call may reach: the guard against server-side request forgery (OWASP ASVS 5.0, 15.3.2).
//!
//! It judges addresses, never names: a name says nothing about where it leads.

use std::{fmt, net::IpAddr, str::FromStr};

/// What outbound calls may reach beyond public addresses over `https`. The default allows nothing more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AddressPolicy {
    /// Ranges that are allowed though they are not public, such as a partner's address behind a VPN.
    pub allow: Vec<AddressRange>,
    /// Whether `http` is allowed beside `https`: for the demo and tests only.
    pub allow_http: bool,
}

impl AddressPolicy {
    /// For the demo and tests: this machine's own loopback addresses, and plain `http`.
    pub fn loopback() -> Self {
        Self {
            allow: vec![
                AddressRange {
                    base: IpAddr::from([127, 0, 0, 0]),
                    prefix: 8,
                },
                AddressRange {
                    base: IpAddr::from([0u16, 0, 0, 0, 0, 0, 0, 1]),
                    prefix: 128,
                },
            ],
            allow_http: true,
        }
    }

    /// Why `ip` may not be called, as the name of the range it lies in; `None` when it may.
    pub fn refusal(&self, ip: IpAddr) -> Option<&'static str> {
        if self.allow.iter().any(|range| range.contains(ip)) {
            return None;
        }
        special_range(ip)
    }
}

/// A range of addresses in CIDR notation (RFC 4632, RFC 4291): `10.20.0.0/16`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Deserialize)]
#[serde(try_from = "String")]
pub struct AddressRange {
    base: IpAddr,
    prefix: u8,
}

/// Why a text is not a range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRange {
    /// It does not read as an address with a prefix length.
    #[error("\"{0}\" is not a range of addresses; write it like 10.20.0.0/16 or fd00:1::/32")]
    Unreadable(String),
    /// The prefix is longer than the address.
    #[error("\"{0}\": the prefix length is at most 32 for IPv4 and 128 for IPv6")]
    PrefixTooLong(String),
    /// Bits behind the prefix are set, so that it is unclear what is meant.
    #[error("\"{given}\" has bits set behind its prefix; did you mean {meant}?")]
    HostBitsSet {
        /// What was given.
        given: String,
        /// The range that its prefix describes.
        meant: AddressRange,
    },
}

impl AddressRange {
    /// Whether `ip` lies inside. An IPv4-mapped IPv6 address lies in no IPv4 range.
    pub fn contains(&self, ip: IpAddr) -> bool {
        match (self.base, ip) {
            (IpAddr::V4(base), IpAddr::V4(ip)) => {
                masked(base.to_bits().into(), self.prefix, 32) == masked(ip.to_bits().into(), self.prefix, 32)
            }
            (IpAddr::V6(base), IpAddr::V6(ip)) => {
                masked(base.to_bits(), self.prefix, 128) == masked(ip.to_bits(), self.prefix, 128)
            }
            _ => false,
        }
    }
}

/// The leading `prefix` of `width` bits.
fn masked(bits: u128, prefix: u8, width: u32) -> u128 {
    let behind = width - u32::from(prefix);
    bits.checked_shr(behind).unwrap_or(0)
}

impl FromStr for AddressRange {
    type Err = InvalidRange;

    fn from_str(text: &str) -> Result<Self, InvalidRange> {
        let given = || text.chars().take(80).collect::<String>();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| InvalidRange::Unreadable(given()))?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            None => width,
            Some(digits) if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) => {
                return Err(InvalidRange::Unreadable(given()));
            }
            Some(digits) => digits.parse().map_err(|_| InvalidRange::PrefixTooLong(given()))?,
        };
        if prefix > width {
            return Err(InvalidRange::PrefixTooLong(given()));
        }
        let behind = u32::from(width - prefix);
        let base = match address {
            IpAddr::V4(ip) => IpAddr::from(
                ip.to_bits()
                    .checked_shr(behind)
                    .and_then(|b| b.checked_shl(behind))
                    .unwrap_or(0)
                    .to_be_bytes(),
            ),
            IpAddr::V6(ip) => IpAddr::from(
                ip.to_bits()
                    .checked_shr(behind)
                    .and_then(|b| b.checked_shl(behind))
                    .unwrap_or(0)
                    .to_be_bytes(),
            ),
        };
        let range = Self { base, prefix };
        if base != address {
            return Err(InvalidRange::HostBitsSet {
                given: given(),
                meant: range,
            });
        }
        Ok(range)
    }
}

impl TryFrom<String> for AddressRange {
    type Error = InvalidRange;

    fn try_from(text: String) -> Result<Self, InvalidRange> {
        text.parse()
    }
}

impl fmt::Display for AddressRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.base, self.prefix)
    }
}

const fn v4(a: u8, b: u8, c: u8, prefix: u8) -> AddressRange {
    AddressRange {
        base: IpAddr::V4(std::net::Ipv4Addr::new(a, b, c, 0)),
        prefix,
    }
}

const fn v6(a: u16, b: u16, c: u16, prefix: u8) -> AddressRange {
    AddressRange {
        base: IpAddr::V6(std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0)),
        prefix,
    }
}

/// IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), with multicast and the reserved class E.
const SPECIAL_V4: &[(AddressRange, &str)] = &[
    (v4(0, 0, 0, 8), "unspecified (0.0.0.0/8)"),
    (v4(10, 0, 0, 8), "private (10.0.0.0/8)"),
    (v4(100, 64, 0, 10), "carrier-grade NAT (100.64.0.0/10)"),
    (v4(127, 0, 0, 8), "loopback (127.0.0.0/8)"),
    (v4(169, 254, 0, 16), "link-local (169.254.0.0/16)"),
    (v4(172, 16, 0, 12), "private (172.16.0.0/12)"),
    (v4(192, 0, 0, 24), "protocol assignments (192.0.0.0/24)"),
    (v4(192, 0, 2, 24), "documentation (192.0.2.0/24)"),
    (v4(192, 88, 99, 24), "6to4 relay (192.88.99.0/24)"),
    (v4(192, 168, 0, 16), "private (192.168.0.0/16)"),
    (v4(198, 18, 0, 15), "benchmarking (198.18.0.0/15)"),
    (v4(198, 51, 100, 24), "documentation (198.51.100.0/24)"),
    (v4(203, 0, 113, 24), "documentation (203.0.113.0/24)"),
    (v4(224, 0, 0, 4), "multicast (224.0.0.0/4)"),
    (v4(240, 0, 0, 4), "reserved (240.0.0.0/4)"),
];

/// Named ranges of IPv6 that are refused. Whatever lies outside global unicast (2000::/3) is refused beside them.
const SPECIAL_V6: &[(AddressRange, &str)] = &[
    (v6(0, 0, 0, 128), "unspecified (::)"),
    (
        AddressRange {
            base: IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
            prefix: 128,
        },
        "loopback (::1)",
    ),
    (
        AddressRange {
            base: IpAddr::V6(std::net::Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0, 0)),
            prefix: 96,
        },
        "IPv4-mapped (::ffff:0:0/96)",
    ),
    (v6(0, 0, 0, 96), "IPv4-compatible (::/96)"),
    (v6(0x64, 0xff9b, 0, 32), "NAT64 (64:ff9b::/32)"),
    (v6(0x100, 0, 0, 64), "discard (100::/64)"),
    (v6(0x2001, 0, 0, 32), "Teredo (2001::/32)"),
    (v6(0x2001, 0, 0, 23), "protocol assignments (2001::/23)"),
    (v6(0x2001, 0xdb8, 0, 32), "documentation (2001:db8::/32)"),
    (v6(0x2002, 0, 0, 16), "6to4 (2002::/16)"),
    (v6(0x3fff, 0, 0, 20), "documentation (3fff::/20)"),
    (v6(0xfc00, 0, 0, 7), "unique local (fc00::/7)"),
    (v6(0xfe80, 0, 0, 10), "link-local (fe80::/10)"),
    (v6(0xff00, 0, 0, 8), "multicast (ff00::/8)"),
];

/// The special range `ip` lies in, or `None` for a public unicast address.
fn special_range(ip: IpAddr) -> Option<&'static str> {
    let table = if ip.is_ipv4() { SPECIAL_V4 } else { SPECIAL_V6 };
    let named = table
        .iter()
        .find(|(range, _)| range.contains(ip))
        .map(|(_, name)| *name);
    // Only 2000::/3 is global unicast so far; the rest is not to be trusted until it is assigned.
    named.or_else(|| {
        (ip.is_ipv6() && !v6(0x2000, 0, 0, 3).contains(ip)).then_some("not global unicast (outside 2000::/3)")
    })
}
