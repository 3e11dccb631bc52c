//! The authorities' files, and how one takes the place of another.
//!
//! ```text
//! ca.key  ca.crt          vouches for the collector; tokens name it
//! next.key  next.crt      during a rotation: signs agents' certificates, and vouches for nothing else yet
//! rotation.json           how fast agents are to come over
//! retired-….crt           no longer trusted; kept so that who still uses it can be told so
//! ```
//! Each step leaves a state that the next start understands: a next certificate without its key is a retirement
//! that was cut off after the key had been moved, and is completed; a next key without a certificate is nothing.

use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, KeyUsagePurpose};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::{AuthorityError, BACKDATED, Signer};
use crate::fleet::certificate_fingerprint;

/// The authority itself.
const AUTHORITY_VALIDITY: Duration = Duration::days(3_650);

const KEY: &str = "ca.key";
const CERTIFICATE: &str = "ca.crt";
const NEXT_KEY: &str = "next.key";
const NEXT_CERTIFICATE: &str = "next.crt";
const ROTATION: &str = "rotation.json";
const RETIRED: &str = "retired-";

/// How an authority is being replaced.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Rotation {
    /// Agents are to renew within this time, at random moments.
    pub(super) renew_within_s: u32,
}

/// What lies in the folder.
pub(super) struct Found {
    pub(super) serving: Signer,
    pub(super) next: Option<(Signer, Rotation)>,
    pub(super) retired: Vec<CertificateDer<'static>>,
}

/// Reads the folder; makes the first authority in one that has none.
pub(super) fn open(folder: &Path) -> Result<Found, AuthorityError> {
    if !folder.join(KEY).exists() && !folder.join(CERTIFICATE).exists() {
        make_first(folder)?;
    }
    if folder.join(NEXT_CERTIFICATE).exists() && !folder.join(NEXT_KEY).exists() {
        rename(&folder.join(NEXT_CERTIFICATE), &folder.join(CERTIFICATE))?;
    }
    Ok(Found {
        serving: load(&folder.join(KEY), &folder.join(CERTIFICATE))?,
        next: next(folder)?,
        retired: retired(folder)?,
    })
}

fn next(folder: &Path) -> Result<Option<(Signer, Rotation)>, AuthorityError> {
    let certificate = folder.join(NEXT_CERTIFICATE);
    if !certificate.exists() {
        return Ok(None);
    }
    let path = folder.join(ROTATION);
    let rotation = serde_json::from_str(&read(&path)?).map_err(|error| damaged(&path, error.to_string()))?;
    Ok(Some((load(&folder.join(NEXT_KEY), &certificate)?, rotation)))
}

fn retired(folder: &Path) -> Result<Vec<CertificateDer<'static>>, AuthorityError> {
    let listed = std::fs::read_dir(folder).map_err(|source| file(folder, source))?;
    let mut retired = Vec::new();
    for entry in listed {
        let path = entry.map_err(|source| file(folder, source))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(RETIRED) && name.ends_with(".crt") {
            retired.push(certificate(&path)?);
        }
    }
    Ok(retired)
}

/// Makes the next authority.
pub(super) fn add_next(folder: &Path, rotation: Rotation) -> Result<(), AuthorityError> {
    let (key, certificate) = generate()?;
    // Left by a rotation that was cut off before its certificate was there.
    let _ = std::fs::remove_file(folder.join(NEXT_KEY));
    let _ = std::fs::remove_file(folder.join(ROTATION));
    let described = serde_json::to_string(&rotation).expect("a number can be written as JSON");
    write(&folder.join(ROTATION), described.as_bytes(), 0o644)?;
    write(&folder.join(NEXT_KEY), key.as_bytes(), 0o600)?;
    let made = folder.join("next.crt.new");
    let _ = std::fs::remove_file(&made);
    write(&made, certificate.as_bytes(), 0o644)?;
    rename(&made, &folder.join(NEXT_CERTIFICATE))
}

/// Lets the next authority take the place of the serving one, whose key is gone afterwards.
pub(super) fn retire_serving(folder: &Path) -> Result<(), AuthorityError> {
    let serving = certificate(&folder.join(CERTIFICATE))?;
    let name = &certificate_fingerprint(&serving)[..16];
    let kept = folder.join(format!("{RETIRED}{name}.crt"));
    let _ = std::fs::remove_file(&kept);
    write(&kept, read(&folder.join(CERTIFICATE))?.as_bytes(), 0o644)?;
    rename(&folder.join(NEXT_KEY), &folder.join(KEY))?;
    rename(&folder.join(NEXT_CERTIFICATE), &folder.join(CERTIFICATE))
}

fn load(key_path: &Path, certificate_path: &Path) -> Result<Signer, AuthorityError> {
    let key = KeyPair::from_pem(&read(key_path)?).map_err(|e| damaged(key_path, e.to_string()))?;
    Signer::new(certificate(certificate_path)?, key).map_err(|e| damaged(certificate_path, e.to_string()))
}

fn certificate(path: &Path) -> Result<CertificateDer<'static>, AuthorityError> {
    CertificateDer::from_pem_slice(read(path)?.as_bytes()).map_err(|e| damaged(path, e.to_string()))
}

fn make_first(folder: &Path) -> Result<(), AuthorityError> {
    let (key, certificate) = generate()?;
    // Made aside and renamed as a whole: a crash in between leaves no key without its certificate.
    let new = folder.with_extension("new");
    let _ = std::fs::remove_dir_all(&new);
    std::fs::create_dir_all(&new).map_err(|source| file(&new, source))?;
    write(&new.join(CERTIFICATE), certificate.as_bytes(), 0o644)?;
    write(&new.join(KEY), key.as_bytes(), 0o600)?;
    sync_folder(&new)?;
    let _ = std::fs::remove_dir(folder);
    rename(&new, folder)
}

/// Key and certificate of a new authority, PEM. Its name tells it from others made on other days.
fn generate() -> Result<(String, String), AuthorityError> {
    let now = OffsetDateTime::now_utc();
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    let name = format!("Vong collector authority {}", now.date());
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = now - BACKDATED;
    params.not_after = now + AUTHORITY_VALIDITY;
    let certificate = params.self_signed(&key)?;
    Ok((key.serialize_pem(), certificate.pem()))
}

fn write(path: &Path, bytes: &[u8], mode: u32) -> Result<(), AuthorityError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;

    let mut open = std::fs::OpenOptions::new();
    open.write(true).create_new(true).mode(mode);
    let written = open.open(path).and_then(|mut new| {
        new.write_all(bytes)?;
        new.sync_all()
    });
    written.map_err(|source| file(path, source))
}

/// Renames durably.
fn rename(from: &Path, to: &Path) -> Result<(), AuthorityError> {
    std::fs::rename(from, to).map_err(|source| file(to, source))?;
    to.parent().map_or(Ok(()), sync_folder)
}

/// Makes durable which names a folder holds: an authority that a power cut took would strand every PC.
fn sync_folder(folder: &Path) -> Result<(), AuthorityError> {
    let synced = std::fs::File::open(folder).and_then(|open| open.sync_all());
    synced.map_err(|source| file(folder, source))
}

fn read(path: &Path) -> Result<String, AuthorityError> {
    std::fs::read_to_string(path).map_err(|source| file(path, source))
}

fn file(path: &Path, source: std::io::Error) -> AuthorityError {
    AuthorityError::File {
        path: path.to_owned(),
        source,
    }
}

fn damaged(path: &Path, problem: String) -> AuthorityError {
    AuthorityError::Damaged {
        path: path.to_owned(),
        problem,
    }
}
