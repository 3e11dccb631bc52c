//! Recognising a PC that comes back under another name or after a re-installation.
//!
//! Each part of a fingerprint weighs as much as it is hard to change or to share: the firmware's UUID
//! alone is enough, an installation's id alone only when nothing speaks against it. Values that
//! manufacturers leave as they were ("To be filled by O.E.M.") say nothing.

use vong_proto::session::Fingerprint;

const SMBIOS: u32 = 5;
const DISK: u32 = 4;
const MAC: u32 = 3;
const MACHINE: u32 = 2;
/// Agreement of this weight is recognition.
const ENOUGH: u32 = 5;

/// The parts of a fingerprint that say something, as (kind, value).
pub(super) fn marks(fingerprint: &Fingerprint) -> Vec<(&'static str, String)> {
    let single = [
        ("smbios", &fingerprint.smbios_uuid),
        ("disk", &fingerprint.disk_serial),
        ("machine", &fingerprint.machine_id),
    ];
    let macs = fingerprint.macs.iter().map(|mac| ("mac", mac));
    let mut marks: Vec<_> = single
        .into_iter()
        .chain(macs)
        .filter_map(|(kind, value)| telling(value).map(|value| (kind, value)))
        .collect();
    marks.sort_unstable();
    marks.dedup();
    marks
}

/// The value in one spelling, or `None` when it is one that many PCs share.
fn telling(value: &str) -> Option<String> {
    let value = value.trim().replace('\0', "").to_ascii_lowercase();
    let digits: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let uniform = digits.chars().all(|c| digits.starts_with(c));
    let template = [
        "filled",
        "default",
        "system",
        "none",
        "unknown",
        "0123456789",
        "03000200",
    ];
    let said_nothing = template.iter().any(|word| value.contains(word));
    (!uniform && !said_nothing && digits.len() >= 4).then_some(value)
}

/// Whether a fingerprint could be anybody's.
pub fn says_nothing(fingerprint: &Fingerprint) -> bool {
    marks(fingerprint).is_empty()
}

/// Whether two fingerprints are of two PCs; those that say nothing are of anybody.
pub fn are_different(one: &Fingerprint, other: &Fingerprint) -> bool {
    !says_nothing(one) && !says_nothing(other) && likeness(one, other).is_none()
}

/// How sure it is that two fingerprints are of one PC; `None` when they are not.
pub fn likeness(known: &Fingerprint, asking: &Fingerprint) -> Option<u32> {
    let (known, asking) = (marks(known), marks(asking));
    let of = |marks: &[(&'static str, String)], kind| -> Vec<String> {
        marks
            .iter()
            .filter(|(k, _)| *k == kind)
            .map(|(_, v)| v.clone())
            .collect()
    };
    let (mut agreed, mut differed) = (0, 0);
    for (kind, weight) in [
        ("smbios", SMBIOS),
        ("disk", DISK),
        ("mac", MAC),
        ("machine", MACHINE),
    ] {
        let (ours, theirs) = (of(&known, kind), of(&asking, kind));
        if ours.is_empty() || theirs.is_empty() {
            continue;
        }
        if ours.iter().any(|value| theirs.contains(value)) {
            agreed += weight;
        } else if kind == "smbios" {
            return None;
        } else {
            differed += weight;
        }
    }
    (agreed >= ENOUGH || (agreed >= MACHINE && differed == 0)).then_some(agreed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pc(smbios: &str, disk: &str, machine: &str, macs: &[&str]) -> Fingerprint {
        Fingerprint {
            smbios_uuid: smbios.to_owned(),
            disk_serial: disk.to_owned(),
            machine_id: machine.to_owned(),
            macs: macs.iter().map(|mac| (*mac).to_owned()).collect(),
        }
    }

    #[test]
    fn a_reinstalled_pc_is_recognised() {
        let before = pc("4c4c4544-0051", "WD-WX11", "a1b2c3", &["aa:bb:cc:00:11:22"]);
        let after = pc("4C4C4544-0051", "WD-WX11", "ffee99", &["aa:bb:cc:00:11:22"]);
        assert_eq!(likeness(&before, &after), Some(SMBIOS + DISK + MAC));
    }

    #[test]
    fn one_image_on_two_boards_is_two_pcs() {
        let first = pc("4c4c4544-0051", "", "a1b2c3", &["aa:bb:cc:00:11:22"]);
        let second = pc("4c4c4544-0052", "", "a1b2c3", &["aa:bb:cc:00:11:33"]);
        assert_eq!(likeness(&first, &second), None);
    }

    #[test]
    fn one_image_without_firmware_ids_is_two_pcs() {
        let first = pc("", "", "a1b2c3", &["aa:bb:cc:00:11:22"]);
        let second = pc("", "", "a1b2c3", &["aa:bb:cc:00:11:33"]);
        assert_eq!(likeness(&first, &second), None);
        assert_eq!(likeness(&first, &first), Some(MAC + MACHINE));
        assert_eq!(likeness(&pc("", "", "a1b2c3", &[]), &first), Some(MACHINE));
    }

    #[test]
    fn what_manufacturers_left_blank_says_nothing() {
        let blank = pc(
            "00000000-0000",
            "To be filled by O.E.M.",
            "",
            &["00:00:00:00:00:00"],
        );
        assert_eq!(marks(&blank), []);
        assert_eq!(likeness(&blank, &blank), None);
    }
}
