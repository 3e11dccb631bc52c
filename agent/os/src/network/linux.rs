//! Adapters by `getifaddrs` and /sys, gateways from /proc/net, neighbours from there and by netlink, name servers
//! from /etc/resolv.conf.

use std::collections::BTreeMap;
use std::ffi::CStr;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;

use super::{Adapter, Neighbour};
use crate::file;

#[path = "linux/arp.rs"]
mod arp;
#[path = "linux/netlink.rs"]
mod netlink;

/// Flag of a route that is up and goes through a gateway.
const ROUTE_UP_GATEWAY: u32 = 0x3;

pub(super) fn adapters() -> Vec<Adapter> {
    let mut adapters: BTreeMap<String, Adapter> = fs::read_dir("/sys/class/net")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name != "lo")
        .map(|name| (name.clone(), adapter(name)))
        .collect();
    for (name, address) in addresses().unwrap_or_default() {
        if let Some(adapter) = adapters.get_mut(&name) {
            adapter.addresses.push(address);
        }
    }
    for adapter in adapters.values_mut() {
        adapter.addresses.sort();
    }
    adapters.into_values().collect()
}

fn adapter(name: String) -> Adapter {
    let folder = Path::new("/sys/class/net").join(&name);
    let value = |file| {
        fs::read_to_string(folder.join(file))
            .map(|text| text.trim().to_owned())
            .unwrap_or_default()
    };
    // Reading the carrier of an adapter that is down fails; tunnels have one but say "unknown" of their state.
    let up = value("carrier") == "1" && value("operstate") != "down";
    Adapter {
        name,
        mac: value("address"),
        addresses: Vec::new(),
        up,
    }
}

/// Every address of the PC with its adapter's name.
fn addresses() -> io::Result<Vec<(String, String)>> {
    let mut head: *mut libc::ifaddrs = std::ptr::null_mut();
    // SAFETY: `head` is a valid place for the list's head, which is freed below.
    if unsafe { libc::getifaddrs(&raw mut head) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = Vec::new();
    let mut next = head;
    // SAFETY: the list ends in null, and its nodes and what they point to live until `freeifaddrs`.
    while let Some(entry) = unsafe { next.as_ref() } {
        // SAFETY: the node's name ends in NUL, and its addresses are null or as long as their family says.
        let (name, address, mask) = unsafe {
            (
                CStr::from_ptr(entry.ifa_name),
                address_at(entry.ifa_addr),
                address_at(entry.ifa_netmask),
            )
        };
        if let (Some(address), Some(mask)) = (address, mask) {
            let text = format!("{address}/{}", prefix_length(mask));
            found.push((name.to_string_lossy().into_owned(), text));
        }
        next = entry.ifa_next;
    }
    // SAFETY: `head` came from `getifaddrs` and is freed once.
    unsafe { libc::freeifaddrs(head) };
    Ok(found)
}

/// # Safety
/// `address` is null or points to a socket address as long as its family says.
unsafe fn address_at(address: *const libc::sockaddr) -> Option<IpAddr> {
    if address.is_null() {
        return None;
    }
    // SAFETY: by the caller's promise; each arm reads the type of its family, wherever it is aligned.
    unsafe {
        match i32::from((*address).sa_family) {
            libc::AF_INET => {
                let v4 = address.cast::<libc::sockaddr_in>().read_unaligned();
                Some(Ipv4Addr::from(u32::from_be(v4.sin_addr.s_addr)).into())
            }
            libc::AF_INET6 => {
                let v6 = address.cast::<libc::sockaddr_in6>().read_unaligned();
                Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

fn prefix_length(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => u32::from(mask).leading_ones(),
        IpAddr::V6(mask) => u128::from(mask).leading_ones(),
    }
}

pub(super) fn gateways() -> Vec<IpAddr> {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let mut gateways = parse_routes(&read("/proc/net/route"));
    gateways.extend(parse_routes_v6(&read("/proc/net/ipv6_route")));
    gateways.sort();
    let mut addresses: Vec<IpAddr> = gateways.into_iter().map(|(_, address)| address).collect();
    addresses.dedup();
    addresses
}

/// Default routes of `/proc/net/route` as (metric, gateway): numbers there are in the machine's byte order.
fn parse_routes(table: &str) -> Vec<(u32, IpAddr)> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, destination, gateway, flags, _, _, metric, mask, ..] = fields[..] else {
            return None;
        };
        let flags = u32::from_str_radix(flags, 16).ok()?;
        if destination != "00000000" || mask != "00000000" || flags & ROUTE_UP_GATEWAY != ROUTE_UP_GATEWAY {
            return None;
        }
        let gateway = u32::from_str_radix(gateway, 16).ok()?.to_ne_bytes();
        Some((metric.parse().ok()?, Ipv4Addr::from(gateway).into()))
    };
    table.lines().skip(1).filter_map(parse).collect()
}

/// Default routes of `/proc/net/ipv6_route` as (metric, gateway).
fn parse_routes_v6(table: &str) -> Vec<(u32, IpAddr)> {
    let parse = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [destination, length, _, _, gateway, metric, _, _, flags, _] = fields[..] else {
            return None;
        };
        let is_default = length == "00" && destination.bytes().all(|digit| digit == b'0');
        let flags = u32::from_str_radix(flags, 16).ok()?;
        if !is_default || flags & ROUTE_UP_GATEWAY != ROUTE_UP_GATEWAY {
            return None;
        }
        let gateway = u128::from_str_radix(gateway, 16).ok()?;
        let metric = u32::from_str_radix(metric, 16).ok()?;
        Some((metric, Ipv6Addr::from(gateway).into()))
    };
    table.lines().filter_map(parse).collect()
}

/// Those with addresses of IPv4 stand in a file; for those of IPv6 the kernel must be asked.
pub(super) fn neighbours() -> Vec<Neighbour> {
    let table = file::read_plain(Path::new("/proc/net/arp"), arp::TABLE_BYTES_MAX).unwrap_or_default();
    let mut neighbours = arp::parse(&String::from_utf8_lossy(&table));
    neighbours.extend(netlink::neighbours().unwrap_or_default());
    neighbours
}

pub(super) fn resolvers() -> Vec<IpAddr> {
    let read = |path| parse_resolvers(&fs::read_to_string(path).unwrap_or_default());
    let resolvers = read("/etc/resolv.conf");
    // The stub of systemd-resolved says nothing about whom it asks; its other file does.
    if resolvers == [IpAddr::from([127, 0, 0, 53])] {
        let behind = read("/run/systemd/resolve/resolv.conf");
        if !behind.is_empty() {
            return behind;
        }
    }
    resolvers
}

fn parse_resolvers(resolv_conf: &str) -> Vec<IpAddr> {
    let parse = |line: &str| {
        let mut words = line.split_whitespace();
        let server = (words.next()? == "nameserver").then(|| words.next())??;
        // A link-local server carries its adapter behind a percent sign.
        server.split('%').next()?.parse().ok()
    };
    resolv_conf.lines().filter_map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gateway_with_the_smallest_metric_comes_first() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            wlan0\t00000000\t0101A8C0\t0003\t0\t0\t600\t00000000\t0\t0\t0\n\
            eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
            eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";
        let mut routes = parse_routes(table);
        routes.sort();
        assert_eq!(
            routes,
            [
                (100, IpAddr::from([10, 0, 0, 1])),
                (600, IpAddr::from([192, 168, 1, 1]))
            ]
        );
    }

    #[test]
    fn a_gateway_of_ipv6_is_found() {
        let table = "00000000000000000000000000000000 00 00000000000000000000000000000000 00 \
            fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n\
            fe800000000000000000000000000000 40 00000000000000000000000000000000 00 \
            00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n";
        let gateway: IpAddr = "fe80::1".parse().expect("an address");
        assert_eq!(parse_routes_v6(table), [(0x400, gateway)]);
    }

    #[test]
    fn name_servers_are_read_in_order() {
        let text = "# nameserver 9.9.9.9\nsearch tinh.vn\nnameserver 10.0.0.53\nnameserver fe80::1%eth0\nnameserver x\n";
        let expected: [IpAddr; 2] = [
            IpAddr::from([10, 0, 0, 53]),
            "fe80::1".parse().expect("an address"),
        ];
        assert_eq!(parse_resolvers(text), expected);
    }

    #[test]
    fn a_mask_is_told_by_its_length() {
        assert_eq!(prefix_length(IpAddr::from([255, 255, 252, 0])), 22);
        assert_eq!(prefix_length("ffff:ffff::".parse().expect("an address")), 32);
    }
}
