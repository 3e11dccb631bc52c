//! How the PC is connected: adapters, gateways, name servers.

use std::net::IpAddr;

#[cfg(target_os = "linux")]
#[path = "network/linux.rs"]
mod imp;

/// One network adapter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Adapter {
    /// The system's name for it.
    pub name: String,
    /// Hardware address as `aa:bb:cc:dd:ee:ff`, empty when it has none.
    pub mac: String,
    /// Addresses with prefix length, sorted.
    pub addresses: Vec<String>,
    /// Whether it is up and has a carrier.
    pub up: bool,
}

/// A machine on the same network, as the system remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// Hardware address as `aa:bb:cc:dd:ee:ff`.
    pub mac: String,
    /// Its address.
    pub address: IpAddr,
    /// The adapter behind which it is.
    pub adapter: String,
}

/// Every adapter but loopback, by name.
pub fn adapters() -> Vec<Adapter> {
    imp::adapters()
}

/// The default gateways, the preferred one first.
pub fn gateways() -> Vec<IpAddr> {
    imp::gateways()
}

/// The machines that the system has lately spoken with on its own network, as its tables have them; none of them is
/// asked.
pub fn neighbours() -> Vec<Neighbour> {
    imp::neighbours()
}

/// The name servers in use, in the order in which they are asked.
pub fn resolvers() -> Vec<IpAddr> {
    imp::resolvers()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_no_connection() {
        for adapter in adapters() {
            assert_ne!(adapter.name, "lo");
            assert!(!adapter.addresses.iter().any(|a| a.starts_with("127.")));
        }
    }
}
