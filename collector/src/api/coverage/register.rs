//! Bringing in the asset register: first what would change, then the change.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::api::Api;
use crate::api::error::ApiError;
use crate::api::extract::Asked;
use crate::api::guard::{Right, Viewer};
use crate::api::units::UnitRef;

/// The largest file that is read, with room for 100,000 lines of 300 bytes.
const FILE_BYTES_MAX: usize = 32 << 20;

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
    /// units that the file names. `false` when absent.
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
    /// Its number in the file, from 1; the header is line 1.
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
    /// The first 200 changes.
    changes: Vec<ImportChange>,
}

/// Brings in the asset register, as CSV with a header. Bad lines are named and not taken; the others are. Doing it
/// again changes nothing. Audited; for administrators.
#[utoipa::path(
    post, path = "/api/v1/assets/import", tag = "coverage", params(ImportQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = OK, body = ImportReport), (status = BAD_REQUEST, body = ApiError), (status = NOT_FOUND, body = ApiError), (status = PAYLOAD_TOO_LARGE, body = ApiError), (status = UNPROCESSABLE_ENTITY, body = ApiError), (status = FORBIDDEN, body = ApiError), (status = UNAUTHORIZED, body = ApiError))
)]
async fn import_register(
    State(_api): State<Api>,
    viewer: Viewer,
    Asked(_asked): Asked<ImportQuery>,
    _file: Bytes,
) -> Result<Json<ImportReport>, ApiError> {
    viewer.require(Right::KeepRegister)?;
    Err(ApiError::not_found())
}
