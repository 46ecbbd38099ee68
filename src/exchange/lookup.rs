//! Name lookup: the system's, narrowed by `-4`, `-6` and `--resolve`, and marked in time.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use url::Url;

use super::timing::Marks;

/// Which addresses may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Family {
    /// Both.
    #[default]
    Any,
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

impl Family {
    /// Returns its name, when it is one and not both.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Family::Any => None,
            Family::V4 => Some("IPv4"),
            Family::V6 => Some("IPv6"),
        }
    }

    pub(super) fn allows(self, address: IpAddr) -> bool {
        match self {
            Family::Any => true,
            Family::V4 => address.is_ipv4(),
            Family::V6 => address.is_ipv6(),
        }
    }
}

/// An address that `--resolve` gives a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Override {
    /// The host, in lower case; `*` for every host.
    pub(crate) host: String,
    /// The port that it holds for.
    pub(crate) port: u16,
    /// The addresses to use.
    pub(crate) addresses: Vec<IpAddr>,
}

impl Override {
    /// Returns whether it gives the addresses of a URL's host.
    pub(super) fn is_for(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let is_host = self.host == "*" || self.host.eq_ignore_ascii_case(host);
        is_host && url.port_or_known_default() == Some(self.port)
    }
}

/// The resolver that the HTTP client is given.
#[derive(Clone, Debug)]
pub(crate) struct Resolver {
    pub(crate) family: Family,
    /// Only those of the target and of the proxy: the client asks by name only.
    pub(crate) overrides: Vec<Override>,
    pub(crate) marks: Marks,
}

/// A name lookup that gave no address.
#[derive(Debug)]
pub(crate) struct LookupFailed {
    /// The host that was looked up.
    pub(crate) host: String,
    /// The address family that was asked for, when that is why nothing was left.
    pub(crate) family: Option<Family>,
}

impl fmt::Display for LookupFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no address for {}", self.host)
    }
}

impl std::error::Error for LookupFailed {}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            resolver.marks.lookup_begins();
            let addresses = resolver.addresses(name.as_str()).await?;
            resolver.marks.lookup_ends();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl Resolver {
    pub(super) async fn addresses(&self, host: &str) -> Result<Vec<SocketAddr>, LookupFailed> {
        let given = self
            .overrides
            .iter()
            .find(|entry| entry.host == "*" || entry.host.eq_ignore_ascii_case(host));
        let found: Vec<IpAddr> = match given {
            Some(entry) => entry.addresses.clone(),
            None => {
                let found = tokio::net::lookup_host((host, 0))
                    .await
                    .map_err(|_| LookupFailed {
                        host: host.to_owned(),
                        family: None,
                    })?;
                found.map(|address| address.ip()).collect()
            }
        };
        let usable: Vec<SocketAddr> = found
            .into_iter()
            .filter(|address| self.family.allows(*address))
            // Plain http is allowed to this name, so it must mean this machine whatever a hosts
            // file says.
            .filter(|address| !host.eq_ignore_ascii_case("localhost") || address.is_loopback())
            .map(|address| SocketAddr::new(address, 0))
            .collect();
        if usable.is_empty() {
            let family = (self.family != Family::Any).then_some(self.family);
            return Err(LookupFailed {
                host: host.to_owned(),
                family,
            });
        }
        Ok(usable)
    }
}
