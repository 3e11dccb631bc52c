//! Who made a network adapter, by the first three bytes of its hardware address.
//!
//! A short table of what stands in offices, written by hand from what is certain; an unknown vendor is no vendor, never
//! a guess. Addresses that somebody made up (telephones do, and virtual machines) name nobody.

/// First three bytes and vendor.
const VENDORS: &[(&str, &str)] = &[
    ("00:00:0c", "Cisco"),
    ("00:00:48", "Epson"),
    ("00:00:74", "Ricoh"),
    ("00:00:85", "Canon"),
    ("00:00:aa", "Xerox"),
    ("00:00:f0", "Samsung"),
    ("00:01:6c", "Foxconn"),
    ("00:03:93", "Apple"),
    ("00:04:00", "Lexmark"),
    ("00:04:f2", "Polycom"),
    ("00:05:5d", "D-Link"),
    ("00:05:69", "VMware"),
    ("00:05:85", "Juniper"),
    ("00:08:9b", "QNAP"),
    ("00:09:0f", "Fortinet"),
    ("00:09:5b", "Netgear"),
    ("00:0a:95", "Apple"),
    ("00:0b:82", "Grandstream"),
    ("00:0b:86", "Aruba"),
    ("00:0c:29", "VMware"),
    ("00:0c:42", "MikroTik"),
    ("00:0c:6e", "ASUS"),
    ("00:0d:88", "D-Link"),
    ("00:11:32", "Synology"),
    ("00:14:22", "Dell"),
    ("00:14:6c", "Netgear"),
    ("00:15:5d", "Microsoft"),
    ("00:15:65", "Yealink"),
    ("00:16:17", "MSI"),
    ("00:16:3e", "Xen"),
    ("00:17:a4", "HP"),
    ("00:18:82", "Huawei"),
    ("00:19:db", "MSI"),
    ("00:1a:a0", "Dell"),
    ("00:1b:21", "Intel"),
    ("00:1b:63", "Apple"),
    ("00:1b:78", "HP"),
    ("00:1b:a9", "Brother"),
    ("00:1b:fc", "ASUS"),
    ("00:1d:7d", "Gigabyte"),
    ("00:1d:aa", "DrayTek"),
    ("00:1e:8f", "Canon"),
    ("00:20:6b", "Konica Minolta"),
    ("00:25:90", "Supermicro"),
    ("00:26:73", "Ricoh"),
    ("00:26:ab", "Epson"),
    ("00:30:48", "Supermicro"),
    ("00:50:56", "VMware"),
    ("00:50:7f", "DrayTek"),
    ("00:80:77", "Brother"),
    ("00:c0:ee", "Kyocera"),
    ("00:e0:4c", "Realtek"),
    ("00:e0:fc", "Huawei"),
    ("04:18:d6", "Ubiquiti"),
    ("08:00:27", "VirtualBox"),
    ("08:60:6e", "ASUS"),
    ("14:cc:20", "TP-Link"),
    ("18:03:73", "Dell"),
    ("1c:6f:65", "Gigabyte"),
    ("24:5e:be", "QNAP"),
    ("24:a4:3c", "Ubiquiti"),
    ("28:57:be", "Hikvision"),
    ("3c:d9:2b", "HP"),
    ("3c:ef:8c", "Dahua"),
    ("44:19:b6", "Hikvision"),
    ("44:d9:e7", "Ubiquiti"),
    ("4c:11:bf", "Dahua"),
    ("4c:5e:0c", "MikroTik"),
    ("50:c7:bf", "TP-Link"),
    ("50:e5:49", "Gigabyte"),
    ("6c:3b:6b", "MikroTik"),
    ("80:2a:a8", "Ubiquiti"),
    ("80:5e:c0", "Yealink"),
    ("8c:89:a5", "MSI"),
    ("90:02:a9", "Dahua"),
    ("90:2b:34", "Gigabyte"),
    ("b8:27:eb", "Raspberry Pi"),
    ("b8:ac:6f", "Dell"),
    ("bc:ad:28", "Hikvision"),
    ("c0:56:e3", "Hikvision"),
    ("d4:3d:7e", "MSI"),
    ("d4:be:d9", "Dell"),
    ("d4:ca:6d", "MikroTik"),
    ("dc:a6:32", "Raspberry Pi"),
    ("e4:5f:01", "Raspberry Pi"),
    ("f4:f2:6d", "TP-Link"),
    ("f8:bc:12", "Dell"),
    ("fc:ec:da", "Ubiquiti"),
];

/// The vendor of a hardware address, where it is certain.
pub(super) fn vendor(mac: &str) -> Option<&'static str> {
    let prefix = mac.get(..8)?;
    let found = VENDORS.binary_search_by(|(known, _)| (*known).cmp(prefix)).ok()?;
    Some(VENDORS[found].1)
}

/// Whether a hardware address was made up by who uses it: the second lowest bit of its first byte says so.
pub(super) fn is_made_up(mac: &str) -> bool {
    let first = mac.get(..2).and_then(|byte| u8::from_str_radix(byte, 16).ok());
    first.is_some_and(|byte| byte & 0x02 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_stand_in_order_and_once() {
        assert!(VENDORS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(
            VENDORS
                .iter()
                .all(|(prefix, _)| prefix.len() == 8 && !is_made_up(prefix))
        );
    }

    #[test]
    fn what_is_not_known_has_no_vendor() {
        for (mac, expected, made_up) in [
            ("00:1b:a9:01:02:03", Some("Brother"), false),
            ("00:1b:aa:01:02:03", None, false),
            ("52:54:00:01:02:03", None, true),
            ("", None, false),
            ("ạạ", None, false),
        ] {
            assert_eq!((vendor(mac), is_made_up(mac)), (expected, made_up), "{mac}");
        }
    }
}
