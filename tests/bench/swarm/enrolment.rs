//! Who the PCs are, and how each comes by its identity: as every PC does, with a token.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Context as _;
use tokio::task::JoinSet;
use vong_agent::paths::DataFolder;
use vong_agent::spool::{LIMIT_BYTES_MIN, Spool};
use vong_agent::uplink::Pc;
use vong_agent::uplink::enrol::{self, Identity, Token};
use vong_proto::session::Fingerprint;

use crate::Plan;
use crate::spool::Counts;

/// So many share one address, as the PCs of an office behind its line do.
pub(crate) const PCS_OF_AN_OFFICE: usize = 100;

/// So many enrol at a time: enough to keep the collector busy.
const ENROLLING_MAX: usize = 16;

/// A PC with its identity.
pub(crate) struct Enrolled {
    pub(crate) number: usize,
    pub(crate) data: DataFolder,
    pub(crate) collector: String,
}

impl Enrolled {
    /// What this PC says of itself.
    pub(crate) fn pc(number: usize) -> Pc {
        Pc {
            fingerprint: Fingerprint {
                smbios_uuid: format!("5e0a2f00-0000-4000-8000-{number:012x}"),
                machine_id: format!("{:032x}", 0x0dd5_u128 << 64 | number as u128),
                disk_serial: format!("BENCH{number:08}"),
                macs: vec![mac(number)],
            },
            hostname: format!(
                "XA{:03}-PC{:02}",
                number / PCS_OF_AN_OFFICE,
                number % PCS_OF_AN_OFFICE
            ),
            os: "Debian GNU/Linux 12 (bookworm)".to_owned(),
            privileged: true,
            from: Some(Self::address(number)),
        }
    }
}

fn mac(number: usize) -> String {
    let bytes = (0x5254_0000_0000_u64 + number as u64).to_be_bytes();
    let parts: Vec<String> = bytes[2..].iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

/// Enrols all that are not.
pub(crate) async fn enrol(plan: &Plan, counts: &Arc<Counts>) -> anyhow::Result<Vec<Enrolled>> {
    std::fs::create_dir_all(&plan.folder)?;
    let memory = plan.folder.join(format!("empty-{}.db", plan.first));
    // What commands were answered is read from a spool's file; all share an empty one.
    drop(Spool::open(&memory, LIMIT_BYTES_MIN)?);
    let token = Token::parse(&plan.token)?;
    let (mut enrolling, mut enrolled) = (JoinSet::new(), Vec::new());
    for number in plan.first..plan.first + plan.agents {
        if enrolling.len() == ENROLLING_MAX {
            enrolled.extend(next(&mut enrolling, counts).await?);
        }
        let data = DataFolder::new(plan.folder.join(number.to_string()));
        enrolling.spawn(one(number, data, token.clone(), memory.clone()));
    }
    while let Some(one) = next(&mut enrolling, counts).await? {
        enrolled.push(one);
    }
    enrolled.sort_by_key(|one| one.number);
    Ok(enrolled)
}

async fn next(
    enrolling: &mut JoinSet<anyhow::Result<Enrolled>>,
    counts: &Counts,
) -> anyhow::Result<Option<Enrolled>> {
    let one = enrolling.join_next().await.transpose()?.transpose()?;
    counts.enrolled.fetch_add(usize::from(one.is_some()), Relaxed);
    Ok(one)
}

async fn one(
    number: usize,
    data: DataFolder,
    token: Token,
    memory: impl AsRef<Path>,
) -> anyhow::Result<Enrolled> {
    let collector = token.address.clone();
    if Identity::load(&data)?.is_none() {
        data.make()?;
        let enrolled = enrol::enrol(&data, &token, false, Enrolled::pc(number)).await;
        enrolled.with_context(|| format!("PC {number} cannot be enrolled"))?;
        std::os::unix::fs::symlink(memory, data.spool())?;
    }
    Ok(Enrolled {
        number,
        data,
        collector,
    })
}
