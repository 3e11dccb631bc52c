//! Bringing in the asset register: first what would change, then the change.

use std::collections::HashMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::error::{ApiError, ErrorCode};
use crate::api::extract::Asked;
use crate::api::guard::{Right, Viewer};
use crate::api::units::UnitRef;
use crate::api::word::said;
use crate::api::{Api, trail};
use crate::clock::now_ms;
use crate::fleet::register::{self, FILE_BYTES_MAX, FileFault, ImportError, Mapping, Options};
use crate::registry::unit;

/// Where a register is brought in.
pub(in crate::api) const IMPORT_PATH: &str = "/api/v1/assets/import";

/// The routes of this noun.
pub(super) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(routes!(import_register))
        .layer(DefaultBodyLimit::max(FILE_BYTES_MAX))
}

/// How a file is to be read, and what is to be done with it.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::api) struct ImportQuery {
    /// Only says what would change, and changes nothing; `true` when absent.
    dry_run: Option<bool>,
    /// One unit for all lines, whatever their column of units says.
    unit: Option<i64>,
    /// Takes lines out of the register that the file does not name: of the given unit and those below it, or of all
    /// units that the file names. Nothing is taken out while a line of the file is bad: it may be the missing one.
    /// `false` when absent.
    remove_missing: Option<bool>,
    /// Which column is what, where the headers do not say so: `field=header` pairs separated by `;`, such as
    /// `asset_number=Số thẻ;name=Tên`.
    map: Option<String>,
}

/// What a column of the register says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum AssetField {
    /// The office's own number for it.
    AssetNumber,
    /// The PC's name.
    Name,
    /// The office it belongs to.
    Unit,
    /// Where it stands.
    Place,
    /// Who uses it.
    Custodian,
    /// What it is.
    Kind,
    /// Its operating system.
    Os,
    /// Its hardware address.
    Mac,
    /// Its serial number.
    Serial,
    /// Anything else.
    Note,
}

/// A column of the file.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ImportColumn {
    /// Its header.
    header: String,
    /// What it says; `null` when it is not read.
    field: Option<AssetField>,
}

/// How a file's characters were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub(in crate::api) enum ImportEncoding {
    /// UTF-8, with or without its mark.
    #[serde(rename = "utf-8")]
    Utf8,
    /// UTF-16, the low byte first.
    #[serde(rename = "utf-16le")]
    Utf16Le,
    /// UTF-16, the high byte first.
    #[serde(rename = "utf-16be")]
    Utf16Be,
    /// Windows' code page for Vietnamese.
    #[serde(rename = "windows-1258")]
    Windows1258,
}

/// Why a line is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum LineFaultCode {
    /// It has neither an asset number nor a name.
    Unnamed,
    /// It has more fields than the header.
    TooManyFields,
    /// A field is longer than it may be.
    TooLong,
    /// A field holds a NUL or another character that no text has.
    Unprintable,
    /// It names no unit, and none was given for all lines.
    NoUnit,
    /// No unit has this name.
    UnknownUnit,
    /// Several units have this name.
    AmbiguousUnit,
    /// That is no hardware address.
    BadMac,
    /// An earlier line has this asset number.
    DuplicateAssetNumber,
    /// An earlier line has this hardware address.
    DuplicateMac,
    /// An earlier line is the same PC by serial number or by name within its unit.
    DuplicatePc,
}

/// A line that is not taken.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct LineFault {
    /// Its number in the file, from 1, header and titles counted.
    line: u64,
    /// The field.
    field: Option<AssetField>,
    /// Why.
    code: LineFaultCode,
    /// What stands there, at most 100 characters of it; of a duplicate, `first_line` says where it stood first.
    value: Option<String>,
    /// Of a duplicate: the line that was first.
    first_line: Option<u64>,
}

/// What happens to a line of the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum ImportAction {
    /// It comes in.
    Add,
    /// It changes.
    Change,
    /// It is taken out: the file does not name it.
    Remove,
}

/// One field that changes.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct FieldChange {
    /// The field.
    field: AssetField,
    /// What stood there.
    before: String,
    /// What will.
    after: String,
}

/// What happens to one line of the register.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ImportChange {
    /// The file's line; `null` of one that is taken out.
    line: Option<u64>,
    /// What happens.
    action: ImportAction,
    /// Its asset number.
    asset_number: Option<String>,
    /// Its name.
    name: Option<String>,
    /// Its unit.
    unit: UnitRef,
    /// What changes about it.
    fields: Vec<FieldChange>,
}

/// What a file would change, or has changed.
#[derive(Serialize, ToSchema)]
pub(in crate::api) struct ImportReport {
    /// Whether nothing was changed.
    dry_run: bool,
    /// How its characters are written.
    encoding: ImportEncoding,
    /// What separates its fields: `,`, `;` or a tab.
    separator: String,
    /// Its columns.
    columns: Vec<ImportColumn>,
    /// Its lines with content, the header not counted.
    lines: u64,
    /// Lines that come in.
    added: u64,
    /// Lines that change something.
    changed: u64,
    /// Lines that change nothing.
    unchanged: u64,
    /// Lines of the register that are taken out.
    removed: u64,
    /// Lines of the register that are joined to a host by this.
    joined: u64,
    /// Lines that are not taken.
    bad_lines: u64,
    /// All faults of these.
    faults_count: u64,
    /// The first 200 of them.
    faults: Vec<LineFault>,
    /// The first 200 changes: what is taken out, then what changes, then what comes in.
    changes: Vec<ImportChange>,
}

/// Brings in the asset register, as CSV with a header. Bad lines are named and not taken; the others are. Doing it
/// again changes nothing. Audited, a dry run as a view: it says what stood there; for administrators who see all units.
#[utoipa::path(
    post, path = "/api/v1/assets/import", tag = "coverage", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = OK, body = ImportReport), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = PAYLOAD_TOO_LARGE, body = ApiError), (status = UNPROCESSABLE_ENTITY, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn import_register(
    State(api): State<Api>,
    viewer: Viewer,
    Asked(asked): Asked<ImportQuery>,
    Upload(file): Upload,
) -> Result<Json<ImportReport>, ApiError> {
    viewer.require(Right::KeepRegister)?;
    // A register is one for all offices: part of it would come to part of the hosts.
    if viewer.scope.units.is_some() {
        return Err(ApiError::new(ErrorCode::Forbidden));
    }
    let options = Options {
        dry_run: asked.dry_run.unwrap_or(true),
        unit: asked.unit,
        remove_missing: asked.remove_missing.unwrap_or(false),
        mapping: Mapping::parse(asked.map.as_deref().unwrap_or_default())?,
    };
    let by = viewer.user.name.clone();
    let registry = api.registry.clone();
    // It goes on when the browser no longer waits for the answer: half a register would surprise more.
    let work = tokio::spawn(async move {
        let report = register::import(&registry, file.into(), options, &by, now_ms()).await?;
        Ok::<_, ImportError>((report, unit::all(&registry).await?))
    });
    match work.await {
        Ok(done) => {
            let (report, units) = done?;
            if report.dry_run {
                let detail = json!({ "sha256": report.file_sha256, "lines": report.lines });
                trail::seen(&api, &viewer, "register.viewed", "register", detail).await?;
            }
            Ok(Json(ImportReport::of(report, &units)))
        }
        Err(error) => Err(ApiError::internal("an import has ended by itself", &error)),
    }
}

/// A file as the body.
struct Upload(Bytes);

impl<S: Send + Sync> FromRequest<S> for Upload {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(ApiError::new(ErrorCode::BodyTooLarge).with("max_bytes", FILE_BYTES_MAX))
            }
            Err(rejection) => Err(ApiError::bad_request("body", rejection.body_text())),
        }
    }
}

impl From<FileFault> for ApiError {
    fn from(fault: FileFault) -> Self {
        let refused = |problem: &str| Self::new(ErrorCode::RegisterFault).with("problem", problem);
        match fault {
            FileFault::Empty => refused("empty"),
            FileFault::TooLarge => Self::new(ErrorCode::BodyTooLarge).with("max_bytes", FILE_BYTES_MAX),
            FileFault::Undecodable { line } => refused("undecodable").with("line", line),
            FileFault::OpenQuote { line } => refused("open_quote").with("line", line),
            FileFault::TooManyLines => refused("too_many_lines").with("max", register::LINES_MAX),
            FileFault::NoHeader => refused("no_header"),
            FileFault::UnknownField(field) => refused("unknown_field").with("place", field),
            FileFault::UnknownColumn(column) => refused("unknown_column").with("place", column),
            FileFault::FieldTwice(field) => refused("field_twice").with("place", field),
        }
    }
}

impl From<ImportError> for ApiError {
    fn from(error: ImportError) -> Self {
        match error {
            ImportError::File(fault) => fault.into(),
            ImportError::NoUnit => Self::not_found(),
            ImportError::Overtaken => Self::new(ErrorCode::Conflict),
            ImportError::Registry(error) => error.into(),
        }
    }
}

/// Changes that are shown; all of them are counted.
const CHANGES_SHOWN_MAX: usize = 200;

impl ImportReport {
    fn of(report: register::Report, units: &[unit::Unit]) -> Self {
        let names: HashMap<i64, &str> = units.iter().map(|unit| (unit.id, unit.name.as_str())).collect();
        let plan = report.plan;
        let actions = [
            (ImportAction::Remove, &plan.removed),
            (ImportAction::Change, &plan.changed),
            (ImportAction::Add, &plan.added),
        ];
        let changes = actions
            .into_iter()
            .flat_map(|(action, changes)| changes.iter().map(move |change| (action, change)))
            .take(CHANGES_SHOWN_MAX)
            .map(|(action, change)| ImportChange::of(action, change, &names));
        Self {
            dry_run: report.dry_run,
            encoding: report.encoding.into(),
            separator: report.separator.to_string(),
            columns: report.columns.into_iter().map(ImportColumn::of).collect(),
            lines: report.lines,
            added: plan.added.len() as u64,
            changed: plan.changed.len() as u64,
            unchanged: plan.unchanged,
            removed: plan.removed.len() as u64,
            joined: report.joined,
            bad_lines: report.bad_lines,
            faults_count: report.faults_count,
            faults: report.faults.into_iter().map(LineFault::of).collect(),
            changes: changes.collect(),
        }
    }
}

impl ImportColumn {
    fn of(column: register::Column) -> Self {
        Self {
            header: column.header,
            field: column.field.map(Into::into),
        }
    }
}

impl LineFault {
    fn of(fault: register::LineFault) -> Self {
        Self {
            line: fault.line,
            field: fault.field.map(Into::into),
            code: fault.code.into(),
            value: said(fault.value),
            first_line: fault.first_line,
        }
    }
}

impl ImportChange {
    fn of(action: ImportAction, change: &register::Change, names: &HashMap<i64, &str>) -> Self {
        let name = |unit: i64| names.get(&unit).copied().unwrap_or_default().to_owned();
        let cell = |field| change.cells.get(&field).cloned();
        let mut fields = Vec::new();
        if let (ImportAction::Change, Some(before)) = (action, &change.before) {
            if before.unit != change.unit {
                fields.push(FieldChange {
                    field: AssetField::Unit,
                    before: name(before.unit),
                    after: name(change.unit),
                });
            }
            for field in register::Field::ALL {
                let (was, is) = (before.cells.get(&field), change.cells.get(&field));
                if was != is {
                    fields.push(FieldChange {
                        field: field.into(),
                        before: was.cloned().unwrap_or_default(),
                        after: is.cloned().unwrap_or_default(),
                    });
                }
            }
        }
        Self {
            line: change.line,
            action,
            asset_number: cell(register::Field::AssetNumber),
            name: cell(register::Field::Name),
            unit: UnitRef {
                id: change.unit,
                name: name(change.unit),
            },
            fields,
        }
    }
}

impl From<register::Encoding> for ImportEncoding {
    fn from(encoding: register::Encoding) -> Self {
        match encoding {
            register::Encoding::Utf8 => Self::Utf8,
            register::Encoding::Utf16Le => Self::Utf16Le,
            register::Encoding::Utf16Be => Self::Utf16Be,
            register::Encoding::Windows1258 => Self::Windows1258,
        }
    }
}

impl From<register::Field> for AssetField {
    fn from(field: register::Field) -> Self {
        match field {
            register::Field::AssetNumber => Self::AssetNumber,
            register::Field::Name => Self::Name,
            register::Field::Unit => Self::Unit,
            register::Field::Place => Self::Place,
            register::Field::Custodian => Self::Custodian,
            register::Field::Kind => Self::Kind,
            register::Field::Os => Self::Os,
            register::Field::Mac => Self::Mac,
            register::Field::Serial => Self::Serial,
            register::Field::Note => Self::Note,
        }
    }
}

impl From<register::LineFaultCode> for LineFaultCode {
    fn from(code: register::LineFaultCode) -> Self {
        match code {
            register::LineFaultCode::Unnamed => Self::Unnamed,
            register::LineFaultCode::TooManyFields => Self::TooManyFields,
            register::LineFaultCode::TooLong => Self::TooLong,
            register::LineFaultCode::Unprintable => Self::Unprintable,
            register::LineFaultCode::NoUnit => Self::NoUnit,
            register::LineFaultCode::UnknownUnit => Self::UnknownUnit,
            register::LineFaultCode::AmbiguousUnit => Self::AmbiguousUnit,
            register::LineFaultCode::BadMac => Self::BadMac,
            register::LineFaultCode::DuplicateAssetNumber => Self::DuplicateAssetNumber,
            register::LineFaultCode::DuplicateMac => Self::DuplicateMac,
            register::LineFaultCode::DuplicatePc => Self::DuplicatePc,
        }
    }
}
