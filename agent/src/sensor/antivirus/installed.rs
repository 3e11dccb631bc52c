//! Products of which only the traces of their installation can be seen: services, programs, keys.
//!
//! That a program lies there says nothing about whether it protects. Such a product is told as installed with
//! its health unknown, and as nothing at all when another source tells its state.

use serde::{Deserialize, Serialize};
use vong_proto::event::{AntivirusProduct, Health};

use super::cell;
use super::vendor::{VENDORS, Vendor};

/// How the values are named as raw ones.
const SOURCE: &str = "installed";
/// So many signs of one product are shown; a product has a handful.
const SIGNS_MAX: usize = 16;

/// Something on the PC by which a product can be recognised.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sign {
    /// What it is.
    pub kind: Kind,
    /// Its name: a program's, a path, a service's, a key's.
    pub name: String,
    /// The version that stands beside it, where one does.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub version: String,
}

/// What a sign is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A program that runs, from a file that only the administrator can write to.
    Process,
    /// A file or folder.
    Path,
    /// A service of Windows.
    Service,
    /// A name in Windows' list of installed programs.
    Uninstall,
    /// A key of Windows' registry below `HKLM`.
    Key,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Process => "process",
            Self::Path => "path",
            Self::Service => "service",
            Self::Uninstall => "uninstall",
            Self::Key => "key",
        }
    }
}

/// One product for each vendor that left a sign.
pub(super) fn decode(signs: &[Sign]) -> Vec<AntivirusProduct> {
    let product = |vendor: &Vendor| {
        let own: Vec<&Sign> = signs.iter().filter(|sign| is_of(sign, vendor)).collect();
        (!own.is_empty()).then(|| installed(vendor, &own))
    };
    VENDORS.iter().filter_map(product).collect()
}

/// Names of services, programs and keys are the same in capitals on Windows; paths of Linux are not.
fn is_of(sign: &Sign, vendor: &Vendor) -> bool {
    let name = sign.name.to_lowercase();
    match sign.kind {
        Kind::Process => vendor.processes.contains(&sign.name.as_str()),
        Kind::Path => vendor.paths.contains(&sign.name.as_str()),
        Kind::Service => {
            let mut patterns = vendor.services.iter().map(|pattern| pattern.to_lowercase());
            patterns.any(|pattern| match pattern.strip_suffix('*') {
                Some(beginning) => name.starts_with(beginning),
                None => name == pattern,
            })
        }
        Kind::Uninstall => {
            let mut beginnings = vendor.uninstall.iter();
            beginnings.any(|beginning| name.starts_with(&beginning.to_lowercase()))
        }
        Kind::Key => {
            let mut keys = vendor.keys.iter();
            keys.any(|key| name == key.to_lowercase())
        }
    }
}

/// The list of installed programs knows best how the product is called, and which version it is.
fn installed(vendor: &Vendor, signs: &[&Sign]) -> AntivirusProduct {
    let listed = signs.iter().find(|sign| sign.kind == Kind::Uninstall);
    AntivirusProduct {
        product: listed.map_or(vendor.product.to_owned(), |sign| cell::cut(&sign.name)),
        vendor: vendor.name.to_owned(),
        version: listed.map(|sign| cell::cut(&sign.version)).unwrap_or_default(),
        health: Health::InstalledOnly,
        raw: signs
            .iter()
            .take(SIGNS_MAX)
            .map(|sign| format!("{SOURCE}.{}={}", sign.kind.name(), cell::cut(&sign.name)))
            .collect(),
        ..AntivirusProduct::default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vong_proto::event::Switch;

    use super::*;

    fn sign(kind: Kind, name: &str) -> Sign {
        Sign {
            kind,
            name: name.to_owned(),
            version: String::new(),
        }
    }

    #[test]
    fn each_kind_of_sign_leads_to_its_vendor() {
        let check = |kind: Kind, name: &str, expected: Option<(&str, &str)>| {
            let found = decode(&[sign(kind, name)]);
            let told = found
                .first()
                .map(|product| (product.vendor.as_str(), product.product.as_str()));
            assert_eq!(told, expected, "{kind:?} {name}");
            for product in found {
                assert_eq!(product.health, Health::InstalledOnly);
                assert_eq!(
                    (product.engine, product.real_time),
                    (Switch::Unknown, Switch::Unknown)
                );
            }
        };
        use Kind::{Key, Path, Process, Service, Uninstall};
        check(Service, "bkavservice", Some(("Bkav", "Bkav Antivirus")));
        check(Service, "BkavSystemService", Some(("Bkav", "Bkav Antivirus")));
        check(
            Service,
            "AVP21.9",
            Some(("Kaspersky", "Kaspersky Endpoint Security")),
        );
        check(Service, "ekrn", Some(("ESET", "ESET Endpoint Security")));
        check(Service, "ekrnEpfw", None);
        check(
            Uninstall,
            "CMC Antivirus 2024",
            Some(("CMC", "CMC Antivirus 2024")),
        );
        check(Uninstall, "Kaspersky Password Manager", None);
        check(Uninstall, "Kaspersky Security Center Network Agent", None);
        check(Uninstall, "ESET Management Agent", None);
        check(
            Process,
            "falcon-sensor",
            Some(("CrowdStrike", "CrowdStrike Falcon")),
        );
        check(Process, "KESL", None);
        check(
            Path,
            "/opt/kaspersky/kesl",
            Some(("Kaspersky", "Kaspersky Endpoint Security")),
        );
        check(
            Key,
            "software\\eset\\eset security\\currentversion\\info",
            Some(("ESET", "ESET Endpoint Security")),
        );
    }

    #[test]
    fn several_signs_of_one_vendor_are_one_product() {
        let mut listed = sign(Kind::Uninstall, "Bkav Pro 2024");
        listed.version = "8.6.2".to_owned();
        let signs = [sign(Kind::Service, "BkavService"), listed];
        let found = decode(&signs);
        assert_eq!(found.len(), 1);
        assert_eq!(
            (found[0].product.as_str(), found[0].version.as_str()),
            ("Bkav Pro 2024", "8.6.2")
        );
        assert_eq!(
            found[0].raw,
            [
                "installed.service=BkavService",
                "installed.uninstall=Bkav Pro 2024"
            ]
        );
    }

    proptest! {
        #[test]
        fn whatever_a_sign_is_called_nothing_of_it_is_on(name in ".*", version in ".*") {
            for kind in [Kind::Process, Kind::Path, Kind::Service, Kind::Uninstall, Kind::Key] {
                let sign = Sign { kind, name: name.clone(), version: version.clone() };
                for product in decode(&[sign]) {
                    prop_assert_eq!(product.engine, Switch::Unknown);
                    prop_assert_eq!(product.health, Health::InstalledOnly);
                }
            }
        }
    }
}
