//! Bringing a file into the registry, and joining its lines to hosts.
//!
//! Everything is decided first. Writing goes in transactions of some hundred lines, so that nobody else waits for
//! seconds; whatever ends it in between leaves a part that the next run finds and completes. The audit trail says who
//! began to bring what in before anything is written, and that it was done after everything is.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::line::{self, LineFault, Units, number_key};
use super::{
    AssetKeys, Change, Column, Encoding, FAULTS_SHOWN_MAX, Field, FileFault, HostKeys, Joining, Known,
    Mapping, Plan, Sheet, join, plan, read,
};
use crate::entry::HostId;
use crate::registry::asset::{self, Asset, Unclaimed};
use crate::registry::unit::{self, Unit};
use crate::registry::{self, Registry, audit};

/// Lines written by one transaction: a few ten milliseconds.
const WRITES_AT_ONCE: usize = 500;

/// How a file is to be read, and what is to be done with it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Only says what would change.
    pub dry_run: bool,
    /// One unit for all lines.
    pub unit: Option<i64>,
    /// Takes out what the file does not name: of the given unit and those below it, or of the units that it names.
    /// With a bad line among them nothing is taken out, because that line may be what is missing.
    pub remove_missing: bool,
    /// Which column is what.
    pub mapping: Mapping,
}

/// Why a file was not brought in.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is no register.
    #[error(transparent)]
    File(#[from] FileFault),
    /// The unit for all lines does not exist.
    #[error("there is no such unit")]
    NoUnit,
    /// Another import came in between: what was planned may not fit any more.
    #[error("another import changed the register meanwhile; look again at what this one would change")]
    Overtaken,
    /// The registry failed.
    #[error("the registry failed")]
    Registry(#[from] registry::Error),
}

impl From<sqlx::Error> for ImportError {
    fn from(error: sqlx::Error) -> Self {
        Self::Registry(error.into())
    }
}

/// What a file would change, or has changed.
#[derive(Clone, Debug)]
pub struct Report {
    /// Whether nothing was changed.
    pub dry_run: bool,
    /// SHA-256 of the file, in hexadecimal digits.
    pub file_sha256: String,
    /// How its characters are written.
    pub encoding: Encoding,
    /// What separates its fields.
    pub separator: char,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its lines with content, the header not counted.
    pub lines: u64,
    /// What changes.
    pub plan: Plan,
    /// Lines of the register that are joined to a host.
    pub joined: u64,
    /// Lines that are not taken.
    pub bad_lines: u64,
    /// All faults of these.
    pub faults_count: u64,
    /// The first [`FAULTS_SHOWN_MAX`] of them.
    pub faults: Vec<LineFault>,
}

/// Brings a file in, or says what that would change.
///
/// # Errors
/// When the file is no register, the unit does not exist, or the registry fails; what was written until then stays.
pub async fn import(
    registry: &Registry,
    bytes: Vec<u8>,
    options: Options,
    by: &str,
    now_ms: i64,
) -> Result<Report, ImportError> {
    let mapping = options.mapping.clone();
    let (sheet, file_sha256) = off_the_loop(move || {
        let sheet = read(&bytes, &mapping)?;
        Ok::<_, FileFault>((sheet, hex::encode(Sha256::digest(&bytes))))
    })
    .await?;
    let units = unit::all(registry).await?;
    if let Some(only) = options.unit
        && !units.iter().any(|unit| unit.id == only)
    {
        return Err(ImportError::NoUnit);
    }
    let mut turn = Turn::of(registry).await?;
    let known = asset::all(registry).await?;
    let hosts = Unjoined::read(registry).await?;
    let of_options = options.clone();
    let (report, joinings) = off_the_loop(move || decide(sheet, &units, &known, &hosts, &of_options)).await;
    let mut report = report;
    report.file_sha256 = file_sha256;
    report.joined = joinings.len() as u64;
    if !options.dry_run {
        write(registry, &mut turn, &report, by, now_ms).await?;
        report.joined = join_all(registry, now_ms).await?;
    }
    Ok(report)
}

/// Reading and comparing a hundred thousand lines takes seconds; others are served meanwhile.
async fn off_the_loop<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn decide(
    sheet: Sheet,
    units: &[Unit],
    known: &[Asset],
    hosts: &Unjoined,
    options: &Options,
) -> (Report, Vec<Joining>) {
    let names = Units::new(
        units.iter().map(|unit| (unit.id, unit.name.as_str())),
        options.unit,
    );
    let (encoding, separator, columns) = (sheet.encoding, sheet.separator, sheet.columns.clone());
    let lines_count = sheet.lines.len() as u64;
    let (lines, mut faults, bad_lines) = line::checked(sheet, &names);
    let removing: HashSet<i64> = match options.unit {
        _ if !options.remove_missing || bad_lines > 0 => HashSet::new(),
        Some(unit) => unit::subtree_of(units, unit).into_iter().collect(),
        None => lines.iter().map(|line| line.unit).collect(),
    };
    let plan = plan(lines, known.iter().map(known_of).collect(), &removing);
    let joinings = joinings_after(&plan, known, hosts, units);
    let faults_count = faults.len() as u64;
    faults.truncate(FAULTS_SHOWN_MAX);
    let report = Report {
        dry_run: options.dry_run,
        file_sha256: String::new(),
        encoding,
        separator,
        columns,
        lines: lines_count,
        plan,
        joined: 0,
        bad_lines,
        faults_count,
        faults,
    };
    (report, joinings)
}

/// The state of the register that a plan was made for. Each transaction of an import passes it on; another import
/// that comes in between is noticed by the one that it overtook.
struct Turn(i64);

impl Turn {
    async fn of(registry: &Registry) -> Result<Self, registry::Error> {
        Ok(Self(asset::revision(registry).await?))
    }

    async fn begin(&mut self, registry: &Registry) -> Result<registry::Transaction, ImportError> {
        let mut tx = registry.begin().await?;
        if !asset::advance(&mut tx, self.0).await? {
            return Err(ImportError::Overtaken);
        }
        self.0 += 1;
        Ok(tx)
    }
}

async fn write(
    registry: &Registry,
    turn: &mut Turn,
    report: &Report,
    by: &str,
    now_ms: i64,
) -> Result<(), ImportError> {
    record(registry, turn, report, "register.import_begun", by, now_ms).await?;
    let plan = &report.plan;
    let removed: Vec<i64> = plan
        .removed
        .iter()
        .filter_map(|change| Some(change.before.as_ref()?.id))
        .collect();
    for some in removed.chunks(WRITES_AT_ONCE) {
        let mut tx = turn.begin(registry).await?;
        asset::remove(&mut tx, some, now_ms).await?;
        tx.commit().await?;
    }
    for some in plan.changed.chunks(WRITES_AT_ONCE) {
        let after: Vec<Asset> = some.iter().map(asset_of).collect();
        let before = some.iter().map(|change| change.before.as_ref().map(known_asset));
        let changes: Vec<(Asset, Asset)> = before
            .zip(&after)
            .filter_map(|(before, after)| Some((before?, after.clone())))
            .collect();
        let mut tx = turn.begin(registry).await?;
        asset::follow(&mut tx, &changes).await?;
        asset::write(&mut tx, &after, now_ms).await?;
        tx.commit().await?;
    }
    let mut added: Vec<Asset> = plan.added.iter().map(asset_of).collect();
    let revived = revive(registry, &mut added).await?;
    for some in added.chunks(WRITES_AT_ONCE) {
        let ids: Vec<i64> = some.iter().map(|asset| asset.id).filter(|id| *id != 0).collect();
        let changes = some
            .iter()
            .filter_map(|asset| Some((revived.get(&asset.id)?.clone(), asset.clone())));
        let changes: Vec<(Asset, Asset)> = changes.collect();
        let mut tx = turn.begin(registry).await?;
        asset::follow(&mut tx, &changes).await?;
        asset::revive(&mut tx, &ids).await?;
        asset::write(&mut tx, some, now_ms).await?;
        tx.commit().await?;
    }
    record(registry, turn, report, "register.imported", by, now_ms).await
}

/// Lines that come in and once stood in the same unit under the same number are those lines again, so that what hangs
/// on them, such as exceptions, comes back with them; says how these were.
async fn revive(registry: &Registry, added: &mut [Asset]) -> Result<HashMap<i64, Asset>, ImportError> {
    if added.is_empty() {
        return Ok(HashMap::new());
    }
    let removed = asset::removed(registry).await?.into_iter();
    // Of several the last stays.
    let mut removed: HashMap<(i64, String), Asset> = removed
        .map(|asset| ((asset.unit_id, asset.number_key.clone()), asset))
        .collect();
    let mut revived = HashMap::new();
    for asset in added {
        if let Some(was) = removed.remove(&(asset.unit_id, asset.number_key.clone())) {
            asset.id = was.id;
            revived.insert(was.id, was);
        }
    }
    Ok(revived)
}

async fn record(
    registry: &Registry,
    turn: &mut Turn,
    report: &Report,
    action: &'static str,
    by: &str,
    now_ms: i64,
) -> Result<(), ImportError> {
    let plan = &report.plan;
    let detail = json!({
        "sha256": report.file_sha256, "added": plan.added.len(), "changed": plan.changed.len(),
        "removed": plan.removed.len(), "unchanged": plan.unchanged, "bad_lines": report.bad_lines,
        "lines": report.lines,
    });
    let mut tx = turn.begin(registry).await?;
    audit::record(&mut tx, now_ms, by, action, "register", &detail).await?;
    Ok(tx.commit().await?)
}

/// Lines without a host and hosts without a line are joined where something tells that they are the same PC; how many
/// were. Lines let go of hosts that are no more.
///
/// # Errors
/// When the registry fails.
pub async fn join_all(registry: &Registry, now_ms: i64) -> Result<u64, registry::Error> {
    let mut tx = registry.begin().await?;
    asset::let_go(&mut tx).await?;
    tx.commit().await?;
    if !asset::may_join(registry).await? {
        return Ok(0);
    }
    let known = asset::all(registry).await?;
    let hosts = Unjoined::read(registry).await?;
    let units = unit::all(registry).await?;
    let (joinings, known, hosts) = off_the_loop(move || {
        let joinings = joinings_after(&Plan::default(), &known, &hosts, &units);
        (joinings, known, hosts)
    })
    .await;
    let assets: HashMap<i64, &Asset> = known.iter().map(|asset| (asset.id, asset)).collect();
    let hosts: HashMap<HostId, &Unclaimed> = hosts.hosts.iter().map(|host| (host.id, host)).collect();
    let mut joined = 0;
    for some in joinings.chunks(WRITES_AT_ONCE) {
        let mut tx = registry.begin().await?;
        for Joining { asset, host, by } in some {
            if let (Some(asset), Some(host)) = (assets.get(asset), hosts.get(host)) {
                joined += u64::from(asset::set_host(&mut tx, asset, host, *by, now_ms).await?);
            }
        }
        tx.commit().await?;
    }
    Ok(joined)
}

/// The hosts that no line is joined to, and what they can be known by.
struct Unjoined {
    hosts: Vec<Unclaimed>,
    marks: HashMap<HostId, Vec<(String, String)>>,
}

impl Unjoined {
    async fn read(registry: &Registry) -> Result<Self, registry::Error> {
        let hosts = asset::unclaimed(registry).await?;
        let mut marks: HashMap<HostId, Vec<(String, String)>> = HashMap::new();
        for (host, kind, value) in asset::marks(registry).await? {
            marks.entry(host).or_default().push((kind, value));
        }
        Ok(Self { hosts, marks })
    }

    fn keys(&self) -> Vec<HostKeys> {
        self.hosts.iter().map(|host| self.keys_of(host)).collect()
    }

    fn keys_of(&self, host: &Unclaimed) -> HostKeys {
        let marks = self.marks.get(&host.id).map_or(&[][..], Vec::as_slice);
        let (macs, others): (Vec<_>, Vec<_>) = marks.iter().partition(|(kind, _)| kind == "mac");
        let serials = others
            .iter()
            .filter(|(kind, _)| kind == "disk" || kind == "smbios");
        HostKeys {
            id: host.id,
            unit: host.unit_id,
            asset_number: host.asset_number.clone(),
            name: host.name.clone(),
            macs: macs.iter().filter_map(|(_, value)| line::mac(value)).collect(),
            serials: serials.map(|(_, value)| value.clone()).collect(),
        }
    }
}

/// What is joined once a plan is carried out.
fn joinings_after(plan: &Plan, known: &[Asset], hosts: &Unjoined, units: &[Unit]) -> Vec<Joining> {
    let before = |change: &Change| change.before.as_ref().map(|entry| entry.id);
    let gone: HashSet<i64> = plan
        .removed
        .iter()
        .chain(&plan.changed)
        .filter_map(before)
        .collect();
    let joined: HashSet<i64> = known
        .iter()
        .filter(|it| it.host_id.is_some())
        .map(|it| it.id)
        .collect();
    let stay = known
        .iter()
        .filter(|it| it.host_id.is_none() && !gone.contains(&it.id));
    let mut assets: Vec<AssetKeys> = stay.map(asset_keys).collect();
    let come = plan.changed.iter().chain(&plan.added).zip(1_i64..);
    assets.extend(come.filter_map(|(change, at)| {
        let id = before(change).unwrap_or(-at);
        let keys = asset_keys(&asset_of(change));
        (!joined.contains(&id)).then_some(AssetKeys { id, ..keys })
    }));
    let units: HashMap<i64, Unit> = units.iter().map(|unit| (unit.id, unit.clone())).collect();
    join(&assets, &hosts.keys(), &units)
}

fn asset_keys(asset: &Asset) -> AssetKeys {
    AssetKeys {
        id: asset.id,
        unit: asset.unit_id,
        asset_number: asset.asset_number.clone(),
        mac: asset.mac.clone(),
        serial: asset.serial.clone(),
        name: asset.name.clone(),
    }
}

fn known_of(asset: &Asset) -> Known {
    let cells = [
        (Field::AssetNumber, &asset.asset_number),
        (Field::Name, &asset.name),
        (Field::Place, &asset.place),
        (Field::Custodian, &asset.custodian),
        (Field::Kind, &asset.kind),
        (Field::Os, &asset.os),
        (Field::Mac, &asset.mac),
        (Field::Serial, &asset.serial),
        (Field::Note, &asset.note),
    ];
    let said = cells.into_iter().filter(|(_, cell)| !cell.is_empty());
    Known {
        id: asset.id,
        unit: asset.unit_id,
        cells: said.map(|(field, cell)| (field, cell.clone())).collect(),
    }
}

/// The line as it will stand in the register; number 0 is a new one.
fn asset_of(change: &Change) -> Asset {
    let id = change.before.as_ref().map_or(0, |entry| entry.id);
    asset_from(id, change.unit, &change.cells)
}

/// The line as it stands in the register.
fn known_asset(entry: &Known) -> Asset {
    asset_from(entry.id, entry.unit, &entry.cells)
}

fn asset_from(id: i64, unit_id: i64, cells: &BTreeMap<Field, String>) -> Asset {
    let cell = |field| cells.get(&field).cloned().unwrap_or_default();
    Asset {
        id,
        unit_id,
        number_key: number_key(&cell(Field::AssetNumber)),
        asset_number: cell(Field::AssetNumber),
        name: cell(Field::Name),
        place: cell(Field::Place),
        custodian: cell(Field::Custodian),
        kind: cell(Field::Kind),
        os: cell(Field::Os),
        mac: cell(Field::Mac),
        serial: cell(Field::Serial),
        note: cell(Field::Note),
        host_id: None,
    }
}
