//! Who the PCs are, and how each comes by its identity: as every PC does, with a token.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use anyhow::Context as _;
use tokio::task::JoinSet;
use vong_agent::paths::DataFolder;
use vong_agent::spool::{LIMIT_BYTES_MIN, Spool};
use vong_agent::uplink::Pc;
use vong_agent::uplink::enrol::{self, Identity, Token};
use vong_proto::session::Fingerprint;

use crate::spool::Counts;

/// So many share one address, as the PCs of an office behind its line do.
pub(crate) const PCS_OF_AN_OFFICE: usize = 100;

/// So many enrol at a time: enough to keep the collector busy.
const ENROLLING_MAX: usize = 16;

/// A PC that has a token.
pub(crate) struct Member {
    pub(crate) number: usize,
    pub(crate) pc: Pc,
    pub(crate) token: Token,
}

/// A PC with its identity.
pub(crate) struct Enrolled {
    pub(crate) number: usize,
    pub(crate) pc: Pc,
    pub(crate) data: DataFolder,
    pub(crate) collector: String,
}

/// What a PC says of itself; all follows from its number.
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
        from: Some(address(number)),
    }
}

/// The address a PC speaks from: a loopback network holds many, and each office stands behind one.
fn address(number: usize) -> std::net::IpAddr {
    let office = number / PCS_OF_AN_OFFICE;
    let [_, _, high, low] = u32::try_from(office + 2).unwrap_or(u32::MAX).to_be_bytes();
    std::net::Ipv4Addr::new(127, 1, high, low).into()
}

/// The hardware address of a PC's adapter.
pub(crate) fn mac(number: usize) -> String {
    let bytes = (0x5254_0000_0000_u64 + number as u64).to_be_bytes();
    let parts: Vec<String> = bytes[2..].iter().map(|byte| format!("{byte:02x}")).collect();
    parts.join(":")
}

/// Enrols all that are not; their identities are kept in the folder.
pub(crate) async fn enrol(
    folder: &Path,
    members: Vec<Member>,
    counts: &Arc<Counts>,
) -> anyhow::Result<Vec<Enrolled>> {
    std::fs::create_dir_all(folder)?;
    let first = members.first().map_or(0, |first| first.number);
    let memory = folder.join(format!("empty-{first}.db"));
    // What commands were answered is read from a spool's file; all share an empty one.
    drop(Spool::open(&memory, LIMIT_BYTES_MIN)?);
    let (mut enrolling, mut enrolled) = (JoinSet::new(), Vec::new());
    for member in members {
        if enrolling.len() == ENROLLING_MAX {
            enrolled.extend(next(&mut enrolling, counts).await?);
        }
        let data = DataFolder::new(folder.join(member.number.to_string()));
        enrolling.spawn(one(member, data, memory.clone()));
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

async fn one(member: Member, data: DataFolder, memory: PathBuf) -> anyhow::Result<Enrolled> {
    let Member { number, pc, token } = member;
    if Identity::load(&data)?.is_none() {
        data.make()?;
        let enrolled = enrol::enrol(&data, &token, false, pc.clone()).await;
        enrolled.with_context(|| format!("PC {number} cannot be enrolled"))?;
        std::os::unix::fs::symlink(memory, data.spool())?;
    }
    Ok(Enrolled {
        number,
        pc,
        data,
        collector: token.address,
    })
}
