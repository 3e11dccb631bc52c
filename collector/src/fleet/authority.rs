//! The collector's own certificate authority.
//!
//! It is made on the first start and lives in `ca/` below the data folder: `ca.key` (mode 0600, never leaves
//! the server) and `ca.crt`. Agents trust this authority and nothing else.

use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PublicKeyData, SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use vong_proto::event::AgentId;
use vong_proto::session::COLLECTOR_NAME;

/// An agent's certificate is good for this long; agents renew at two thirds.
pub const AGENT_VALIDITY: Duration = Duration::days(90);

/// The collector's own certificate is made anew at each start and is good for this long.
const COLLECTOR_VALIDITY: Duration = Duration::days(398);

/// The authority itself.
const AUTHORITY_VALIDITY: Duration = Duration::days(3_650);

/// Certificates begin in the past by this much: PCs' clocks are seldom right.
const BACKDATED: Duration = Duration::days(1);

const KEY: &str = "ca.key";
const CERTIFICATE: &str = "ca.crt";

/// Why the authority cannot work.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// A file of the authority cannot be read or written.
    #[error("cannot use the authority's file {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// A file of the authority is there, but is not what it should be.
    #[error("the authority's file {path} is damaged ({problem}); restore it from a backup")]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// Signing failed.
    #[error("cannot sign a certificate")]
    Sign(#[from] rcgen::Error),
}

/// A certificate that was just signed.
#[derive(Debug)]
pub struct Signed {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its serial number, hexadecimal.
    pub serial: String,
    /// Valid from, milliseconds since 1970.
    pub not_before_ms: i64,
    /// Valid until, milliseconds since 1970.
    pub not_after_ms: i64,
}

/// The authority: its certificate, and the key that signs.
pub struct Authority {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Loads the authority from `folder`, or makes it there.
    ///
    /// # Errors
    /// When its files cannot be used, or only one of the two is there.
    pub fn open(folder: &Path) -> Result<Authority, AuthorityError> {
        let (key_path, certificate_path) = (folder.join(KEY), folder.join(CERTIFICATE));
        if !key_path.exists() && !certificate_path.exists() {
            make(folder)?;
        }
        let damaged = |path: &Path, problem: String| AuthorityError::Damaged {
            path: path.to_owned(),
            problem,
        };
        let key = KeyPair::from_pem(&read(&key_path)?).map_err(|e| damaged(&key_path, e.to_string()))?;
        let certificate = CertificateDer::from_pem_slice(read(&certificate_path)?.as_bytes())
            .map_err(|e| damaged(&certificate_path, e.to_string()))?;
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|e| damaged(&certificate_path, e.to_string()))?;
        Ok(Authority { certificate, issuer })
    }

    /// SHA-256 of the authority's certificate, hexadecimal: what tokens carry.
    pub fn fingerprint(&self) -> String {
        super::certificate_fingerprint(&self.certificate)
    }

    /// The authority's certificate.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// The authorities that agents shall trust, DER.
    pub fn bundle(&self) -> Vec<Vec<u8>> {
        vec![self.certificate.to_vec()]
    }

    /// Signs the certificate of an agent.
    ///
    /// # Errors
    /// [`AuthorityError::Sign`].
    pub fn sign_agent(
        &self,
        agent: AgentId,
        public_key: &impl PublicKeyData,
        now_ms: i64,
    ) -> Result<Signed, AuthorityError> {
        let now = moment(now_ms);
        let mut params = end_entity(&agent.to_string(), ExtendedKeyUsagePurpose::ClientAuth);
        params.not_before = now - BACKDATED;
        params.not_after = now + AGENT_VALIDITY;
        let serial = random_serial();
        params.serial_number = Some(SerialNumber::from_slice(&serial));
        let certificate = params.signed_by(public_key, &self.issuer)?;
        Ok(Signed {
            der: certificate.der().to_vec(),
            serial: hex::encode(serial),
            not_before_ms: milliseconds(params.not_before),
            not_after_ms: milliseconds(params.not_after),
        })
    }

    /// Makes the collector's own key and the chain that it shows.
    ///
    /// # Errors
    /// [`AuthorityError::Sign`].
    pub fn collector_chain(
        &self,
        now_ms: i64,
    ) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), AuthorityError> {
        let key = KeyPair::generate()?;
        let now = moment(now_ms);
        let mut params = end_entity("Vong collector", ExtendedKeyUsagePurpose::ServerAuth);
        params.subject_alt_names = CertificateParams::new(vec![COLLECTOR_NAME.to_owned()])?.subject_alt_names;
        params.not_before = now - BACKDATED;
        params.not_after = now + COLLECTOR_VALIDITY;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let chain = vec![certificate.der().clone(), self.certificate.clone()];
        Ok((chain, PrivatePkcs8KeyDer::from(key.serialize_der()).into()))
    }
}

/// The public key of a signing request whose signature proves that the sender has the private key. Whatever
/// else the request asks for is not granted.
///
/// # Errors
/// When it is no signing request, or its signature or key type is wrong.
pub fn csr_public_key(csr_der: &[u8]) -> Result<SubjectPublicKeyInfo, String> {
    use x509_parser::prelude::{FromDer, X509CertificationRequest};

    let (_, request) = X509CertificationRequest::from_der(csr_der).map_err(|error| error.to_string())?;
    request.verify_signature().map_err(|error| error.to_string())?;
    rcgen::CertificateSigningRequestParams::from_der(&CertificateSigningRequestDer::from(csr_der))
        .map_err(|error| error.to_string())?;
    SubjectPublicKeyInfo::from_der(request.certification_request_info.subject_pki.raw)
        .map_err(|error| error.to_string())
}

fn end_entity(name: &str, purpose: ExtendedKeyUsagePurpose) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![purpose];
    params.use_authority_key_identifier_extension = true;
    params
}

/// 127 random bits: positive and never the same twice (RFC 5280, 4.1.2.2).
fn random_serial() -> [u8; 16] {
    let mut serial = [0; 16];
    getrandom::fill(&mut serial).expect("the operating system's random source works");
    serial[0] = serial[0] & 0x7f | 0x40;
    serial
}

fn make(folder: &Path) -> Result<(), AuthorityError> {
    let key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::CommonName, "Vong collector authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = OffsetDateTime::now_utc() - BACKDATED;
    params.not_after = OffsetDateTime::now_utc() + AUTHORITY_VALIDITY;
    let certificate = params.self_signed(&key)?;
    // Made aside and renamed as a whole: a crash in between leaves no key without its certificate.
    let new = folder.with_extension("new");
    let _ = std::fs::remove_dir_all(&new);
    std::fs::create_dir_all(&new).map_err(|source| file(&new, source))?;
    write(&new.join(CERTIFICATE), certificate.pem().as_bytes(), 0o644)?;
    write(&new.join(KEY), key.serialize_pem().as_bytes(), 0o600)?;
    sync_folder(&new)?;
    let _ = std::fs::remove_dir(folder);
    std::fs::rename(&new, folder).map_err(|source| file(folder, source))?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Makes durable which names a folder holds: an authority that a power cut took would strand every PC.
fn sync_folder(folder: &Path) -> Result<(), AuthorityError> {
    let synced = std::fs::File::open(folder).and_then(|open| open.sync_all());
    synced.map_err(|source| file(folder, source))
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

fn read(path: &Path) -> Result<String, AuthorityError> {
    std::fs::read_to_string(path).map_err(|source| file(path, source))
}

fn file(path: &Path, source: std::io::Error) -> AuthorityError {
    AuthorityError::File {
        path: path.to_owned(),
        source,
    }
}

/// Certificates know whole seconds.
fn moment(now_ms: i64) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(now_ms / 1_000).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn milliseconds(moment: OffsetDateTime) -> i64 {
    moment.unix_timestamp() * 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_authority_stays_the_same_over_restarts_and_its_key_is_private() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().expect("a folder");
        let first = Authority::open(folder.path()).expect("made").fingerprint();
        assert_eq!(
            Authority::open(folder.path()).expect("loaded").fingerprint(),
            first
        );
        let mode = folder
            .path()
            .join("ca.key")
            .metadata()
            .expect("a key")
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_lost_key_is_named_and_never_replaced_silently() {
        let folder = tempfile::tempdir().expect("a folder");
        Authority::open(folder.path()).expect("made");
        std::fs::remove_file(folder.path().join("ca.key")).expect("removed");
        let error = Authority::open(folder.path()).err().expect("refused");
        assert!(error.to_string().ends_with("ca.key"), "{error}");
    }

    #[test]
    fn a_request_whose_sender_lacks_the_key_is_refused() {
        let key = KeyPair::generate().expect("a key");
        let request = CertificateParams::default()
            .serialize_request(&key)
            .expect("a request");
        let mut bytes = request.der().to_vec();
        assert!(csr_public_key(&bytes).is_ok());
        *bytes.last_mut().expect("not empty") ^= 1;
        assert!(csr_public_key(&bytes).is_err());
    }

    #[test]
    fn an_agents_certificate_names_it_and_ends_after_90_days() {
        use x509_parser::prelude::{FromDer, X509Certificate};

        let folder = tempfile::tempdir().expect("a folder");
        let authority = Authority::open(folder.path()).expect("made");
        let key = KeyPair::generate().expect("a key");
        let now_ms = 1_795_000_000_000;
        let signed = authority
            .sign_agent(AgentId([5; 16]), &key, now_ms)
            .expect("signed");
        let (_, certificate) = X509Certificate::from_der(&signed.der).expect("a certificate");
        assert_eq!(
            certificate.subject().to_string(),
            format!("CN={}", AgentId([5; 16]))
        );
        assert_eq!(
            certificate.validity().not_after.timestamp() * 1_000,
            signed.not_after_ms
        );
        assert_eq!(signed.not_after_ms - now_ms, 90 * 24 * 3_600_000);
    }
}
