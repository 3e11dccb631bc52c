//! Who makes antivirus products, and by what they show on a PC: one table, so that a vendor is a line of data.
//!
//! A sign must belong to the antivirus product itself. Vendors have password keepers, management agents and
//! network clients too; whoever has only those is not protected. Names for Bkav, CMC and Viettel come from their
//! programs' names and have not been seen on a PC of an office: what matches is called installed, never healthy.

/// A vendor with the signs of its products.
#[derive(Debug)]
pub(super) struct Vendor {
    /// Its name.
    pub(super) name: &'static str,
    /// Its product, when nothing on the PC says more exactly which.
    pub(super) product: &'static str,
    /// Words, or several in a row, of which one stands in the names of its products.
    called: &'static [&'static str],
    /// Linux: programs that run.
    pub(super) processes: &'static [&'static str],
    /// Linux: folders, programs, units and package lists, of which one is enough.
    pub(super) paths: &'static [&'static str],
    /// Windows: services; a star at the end stands for any ending.
    pub(super) services: &'static [&'static str],
    /// Windows: beginnings of names in the list of installed programs.
    pub(super) uninstall: &'static [&'static str],
    /// Windows: keys of the registry below `HKLM`.
    pub(super) keys: &'static [&'static str],
}

impl Vendor {
    /// The vendor of a product with this name.
    pub(super) fn of(product: &str) -> Option<&'static Vendor> {
        let words = words(product);
        VENDORS.iter().find(|vendor| {
            let mut called = vendor.called.iter();
            called.any(|phrase| words.contains(&format!(" {phrase} ")))
        })
    }
}

/// The words of a name in small letters, each with a space on both sides.
fn words(name: &str) -> String {
    let name = name.to_lowercase();
    let words = name.split(|letter: char| !letter.is_alphanumeric());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    format!(" {} ", words.join(" "))
}

/// Microsoft, whose Defender comes with the system.
pub(super) const MICROSOFT: Vendor = Vendor {
    name: "Microsoft",
    product: "Microsoft Defender",
    called: &[
        "windows defender",
        "microsoft defender",
        "security essentials",
        "system center endpoint protection",
    ],
    processes: &["wdavdaemon"],
    paths: &["/opt/microsoft/mdatp/sbin/wdavdaemon"],
    services: &["WinDefend"],
    uninstall: &[],
    keys: &[],
};

/// Kaspersky.
pub(super) const KASPERSKY: Vendor = Vendor {
    name: "Kaspersky",
    product: "Kaspersky Endpoint Security",
    called: &["kaspersky"],
    processes: &["kesl"],
    paths: &["/opt/kaspersky/kesl", "/var/lib/dpkg/info/kesl.list"],
    services: &["AVP*", "kavfsscs", "KAVFS"],
    uninstall: &[
        "Kaspersky Anti-Virus",
        "Kaspersky Endpoint Security",
        "Kaspersky Free",
        "Kaspersky Internet Security",
        "Kaspersky Plus",
        "Kaspersky Premium",
        "Kaspersky Security for Windows Server",
        "Kaspersky Small Office Security",
        "Kaspersky Standard",
        "Kaspersky Total Security",
    ],
    keys: &["SOFTWARE\\KasperskyLab\\protected"],
};

/// ESET.
pub(super) const ESET: Vendor = Vendor {
    name: "ESET",
    product: "ESET Endpoint Security",
    called: &["eset"],
    processes: &["oaeventd", "odfeeder"],
    paths: &["/opt/eset/eea", "/opt/eset/efs"],
    services: &["ekrn"],
    uninstall: &[
        "ESET Endpoint Antivirus",
        "ESET Endpoint Security",
        "ESET File Security",
        "ESET Internet Security",
        "ESET NOD32 Antivirus",
        "ESET Security",
        "ESET Server Security",
        "ESET Smart Security",
    ],
    keys: &["SOFTWARE\\ESET\\ESET Security\\CurrentVersion\\Info"],
};

/// Every vendor that can be recognised. ClamAV is asked itself and has no line here.
pub(super) const VENDORS: &[Vendor] = &[
    MICROSOFT,
    KASPERSKY,
    ESET,
    Vendor {
        name: "Bkav",
        product: "Bkav Antivirus",
        called: &["bkav", "bkavpro", "bkavhome"],
        processes: &[],
        paths: &["/opt/bkav"],
        services: &["BkavService", "BkavSystemService"],
        uninstall: &["Bkav"],
        keys: &["SOFTWARE\\Bkav"],
    },
    Vendor {
        name: "CMC",
        product: "CMC Antivirus",
        called: &["cmc antivirus", "cmc internet security", "cmc endpoint", "cmcav"],
        processes: &[],
        paths: &[],
        services: &[],
        uninstall: &["CMC Antivirus", "CMC Endpoint", "CMC Internet Security"],
        keys: &[],
    },
    Vendor {
        name: "Viettel",
        product: "Viettel Endpoint",
        called: &["viettel endpoint", "vcs ajiant", "ajiant"],
        processes: &[],
        paths: &[],
        services: &[],
        uninstall: &["Viettel Endpoint", "VCS-aJiant", "VCS aJiant"],
        keys: &[],
    },
    Vendor {
        name: "Bitdefender",
        product: "Bitdefender Endpoint Security Tools",
        called: &["bitdefender"],
        processes: &["bdsecd"],
        paths: &["/opt/bitdefender-security-tools", "/opt/BitDefender/bin/bdsecd"],
        services: &["EPProtectedService", "EPSecurityService", "VSSERV"],
        uninstall: &[
            "Bitdefender Antivirus",
            "Bitdefender Endpoint Security",
            "Bitdefender Internet Security",
            "Bitdefender Total Security",
        ],
        keys: &[],
    },
    Vendor {
        name: "Broadcom",
        product: "Symantec Endpoint Protection",
        called: &["symantec", "norton"],
        processes: &["rtvscand", "sisamddaemon"],
        paths: &["/opt/Symantec/symantec_antivirus", "/usr/lib/symantec"],
        services: &["SepMasterService"],
        uninstall: &["Norton 360", "Norton Security", "Symantec Endpoint Protection"],
        keys: &["SOFTWARE\\Symantec\\Symantec Endpoint Protection\\CurrentVersion"],
    },
    Vendor {
        name: "Trend Micro",
        product: "Trend Micro Apex One",
        called: &["trend micro", "officescan"],
        processes: &["ds_am"],
        paths: &["/opt/ds_agent/ds_am", "/opt/TrendMicro/SProtectLinux"],
        services: &["ntrtscan", "ds_agent", "Amsp"],
        uninstall: &[
            "Trend Micro Apex One",
            "Trend Micro Deep Security Agent",
            "Trend Micro OfficeScan",
            "Trend Micro Worry-Free",
        ],
        keys: &["SOFTWARE\\TrendMicro\\PC-cillinNTCorp\\CurrentVersion"],
    },
    Vendor {
        name: "Sophos",
        product: "Sophos Endpoint",
        called: &["sophos"],
        processes: &["sophos_threat_detector", "savd"],
        paths: &["/opt/sophos-spl/plugins/av", "/opt/sophos-av"],
        services: &["SAVService", "SntpService", "Sophos Endpoint Defense Service"],
        uninstall: &["Sophos Anti-Virus", "Sophos Endpoint"],
        keys: &[],
    },
    Vendor {
        name: "Trellix",
        product: "Trellix Endpoint Security",
        called: &["mcafee", "trellix"],
        processes: &["mfetpd"],
        paths: &["/opt/McAfee/ens/tp", "/opt/isec/ens/threatprevention"],
        services: &["McShield", "mfetp"],
        uninstall: &[
            "McAfee Endpoint Security Threat Prevention",
            "McAfee VirusScan",
            "Trellix Endpoint Security Threat Prevention",
        ],
        keys: &["SOFTWARE\\McAfee\\AVEngine"],
    },
    Vendor {
        name: "Avast",
        product: "Avast Antivirus",
        called: &["avast"],
        processes: &["avast"],
        paths: &["/usr/bin/avast", "/opt/avast"],
        services: &["avast! Antivirus"],
        uninstall: &["Avast Business", "Avast Free", "Avast Premium"],
        keys: &[],
    },
    Vendor {
        name: "AVG",
        product: "AVG AntiVirus",
        called: &["avg"],
        processes: &["avgd"],
        paths: &["/opt/avg"],
        services: &["AVG Antivirus"],
        uninstall: &["AVG AntiVirus", "AVG Business", "AVG Internet Security"],
        keys: &[],
    },
    Vendor {
        name: "CrowdStrike",
        product: "CrowdStrike Falcon",
        called: &["crowdstrike"],
        processes: &["falcon-sensor"],
        paths: &["/opt/CrowdStrike/falcon-sensor"],
        services: &["CSFalconService"],
        uninstall: &["CrowdStrike Windows Sensor"],
        keys: &[],
    },
    Vendor {
        name: "SentinelOne",
        product: "SentinelOne Agent",
        called: &["sentinelone", "sentinel agent"],
        processes: &["s1-agent"],
        paths: &["/opt/sentinelone"],
        services: &["SentinelAgent"],
        uninstall: &["Sentinel Agent"],
        keys: &[],
    },
    Vendor {
        name: "Doctor Web",
        product: "Dr.Web",
        called: &["dr web", "drweb"],
        processes: &["drweb-configd"],
        paths: &["/opt/drweb.com"],
        services: &["DrWebAVService"],
        uninstall: &["Dr.Web"],
        keys: &[],
    },
];

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_product_is_known_by_words_of_its_name() {
        let check = |product: &str, vendor: Option<&str>| {
            assert_eq!(Vendor::of(product).map(|found| found.name), vendor, "{product}");
        };
        check("Windows Defender", Some("Microsoft"));
        check("Microsoft Defender Antivirus", Some("Microsoft"));
        check("Kaspersky Endpoint Security for Windows", Some("Kaspersky"));
        check("ESET Security", Some("ESET"));
        check("Bkav Pro Internet Security", Some("Bkav"));
        check("CMC Internet Security", Some("CMC"));
        check("avast! Antivirus", Some("Avast"));
        check("Dr.Web Anti-virus", Some("Doctor Web"));
        check("Trend Micro Apex One Antivirus", Some("Trend Micro"));
        check("Reset Tool", None);
        check("Công cụ diệt virus", None);
        check("", None);
    }

    #[test]
    fn no_sign_belongs_to_two_vendors_and_no_name_is_double() {
        let mut signs = HashSet::new();
        for vendor in VENDORS {
            let lists = [
                vendor.processes,
                vendor.paths,
                vendor.services,
                vendor.uninstall,
                vendor.keys,
            ];
            for (kind, signs_of_kind) in lists.into_iter().enumerate() {
                for sign in signs_of_kind {
                    assert!(
                        signs.insert(format!("{kind} {}", sign.to_lowercase())),
                        "{sign} stands twice"
                    );
                }
            }
            assert!(signs.insert(format!("vendor {}", vendor.name)));
            assert_eq!(
                Vendor::of(vendor.product).map(|found| found.name),
                Some(vendor.name)
            );
            assert!(vendor.called.iter().all(|phrase| words(phrase).trim() == *phrase));
        }
    }
}
