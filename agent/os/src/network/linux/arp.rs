//! The kernel's table of neighbours with addresses of IPv4, `/proc/net/arp`:
//!
//! ```text
//! IP address       HW type     Flags       HW address            Mask     Device
//! 192.168.1.1      0x1         0x2         02:fc:00:00:00:05     *        eth0
//! ```

use std::net::{IpAddr, Ipv4Addr};

use super::super::Neighbour;

/// A line is 78 bytes, and the kernel keeps about a thousand neighbours; more are told in part.
pub(super) const TABLE_BYTES_MAX: u64 = 1024 * 1024;
/// Ethernet, which is also what wireless networks look like.
const ETHERNET: u32 = 0x1;
/// The hardware address is known.
const COMPLETE: u32 = 0x2;
/// Bytes of a hardware address.
const MAC_BYTES: usize = 6;

/// The neighbours whose hardware address is known.
pub(super) fn parse(table: &str) -> Vec<Neighbour> {
    table.lines().skip(1).filter_map(neighbour).collect()
}

fn neighbour(line: &str) -> Option<Neighbour> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [address, kind, flags, mac, _, adapter] = fields[..] else {
        return None;
    };
    let (kind, flags) = (hexadecimal(kind)?, hexadecimal(flags)?);
    let address: Ipv4Addr = address.parse().ok()?;
    (kind == ETHERNET && flags & COMPLETE != 0).then_some(())?;
    Some(Neighbour {
        mac: canonical(mac)?,
        address: IpAddr::from(address),
        adapter: adapter.to_owned(),
    })
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Six pairs of digits in small letters.
fn canonical(mac: &str) -> Option<String> {
    let is_pair = |part: &&str| part.len() == 2 && part.bytes().all(|digit| digit.is_ascii_hexdigit());
    let pairs = mac.split(':').filter(is_pair).count();
    let is_mac = pairs == MAC_BYTES && mac.len() == 3 * MAC_BYTES - 1;
    is_mac.then(|| mac.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD: &str = "IP address       HW type     Flags       HW address            Mask     Device\n";

    fn parsed(lines: &str) -> Vec<(String, String, String)> {
        parse(&format!("{HEAD}{lines}"))
            .into_iter()
            .map(|found| (found.address.to_string(), found.mac, found.adapter))
            .collect()
    }

    #[test]
    fn complete_entries_are_neighbours() {
        let lines = "192.168.1.1      0x1         0x2         02:FC:00:00:00:05     *        eth0\n\
             192.168.1.7      0x1         0x6         4c:cc:6a:00:00:07     *        wlp2s0\n";
        let expected = [
            ("192.168.1.1", "02:fc:00:00:00:05", "eth0"),
            ("192.168.1.7", "4c:cc:6a:00:00:07", "wlp2s0"),
        ];
        let expected = expected.map(|(address, mac, adapter)| (address.into(), mac.into(), adapter.into()));
        assert_eq!(parsed(lines), expected);
    }

    #[test]
    fn others_are_not() {
        let check = |line: &str| assert_eq!(parsed(line), [], "{line}");
        check("192.168.1.9      0x1         0x0         00:00:00:00:00:00     *        eth0");
        check("10.8.0.1         0x200       0x2         02:fc:00:00:00:05     *        tun0");
        check("192.168.1        0x1         0x2         02:fc:00:00:00:05     *        eth0");
        check("192.168.1.1      0x1         0x2         02:fc:00:00:05        *        eth0");
        check("192.168.1.1      0x1         0x2         02:fc:00:00:00:0g     *        eth0");
        check("192.168.1.1      1           2           02:fc:00:00:00:05     *        eth0");
        check("192.168.1.1      0x1         0x2         02:fc:00:00:00:05");
        check("");
    }

    proptest! {
        #[test]
        fn whatever_stands_in_the_table_nothing_panics(lines in ".*", mac in "[0-9a-fA-F:]{0,20}") {
            parsed(&lines);
            let line = format!("10.0.0.1 0x1 0x2 {mac} * eth0");
            for (_, mac, _) in parsed(&line) {
                prop_assert_eq!(mac.len(), 17);
            }
        }

        #[test]
        fn what_is_written_is_read(address in any::<[u8; 4]>(), mac in any::<[u8; 6]>(), adapter in "[a-z0-9]{1,15}") {
            let text = mac.map(|byte| format!("{byte:02x}")).join(":");
            let address = Ipv4Addr::from(address).to_string();
            let line = format!("{address:<17}0x1         0x2         {text}     *        {adapter}");
            prop_assert_eq!(parsed(&line), [(address, text, adapter)]);
        }
    }
}
