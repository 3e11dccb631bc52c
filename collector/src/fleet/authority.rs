//! The collector's own certificate authority, and the one that takes its place in time.
//!
//! It is made on the first start and lives in `ca/` below the data folder; its key never leaves the server. Agents
//! trust it and nothing else. To replace it, a next one is added: from then on it signs agents' certificates, and
//! agents are told to trust it too, while the old one still vouches for the collector. Once every agent has come
//! over, the old one is retired.

use std::path::{Path, PathBuf};

use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, KeyUsagePurpose, PublicKeyData,
    SerialNumber, SubjectPublicKeyInfo,
};
use rustls::pki_types::{CertificateDer, CertificateSigningRequestDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};
use vong_proto::event::AgentId;
use vong_proto::session::COLLECTOR_NAME;
use vong_proto::wire;

use super::certificate_fingerprint;

mod files;

/// An agent's certificate is good for this long; agents renew at two thirds.
pub const AGENT_VALIDITY: Duration = Duration::days(90);

/// The collector's own certificate is made anew at each start and is good for this long.
const COLLECTOR_VALIDITY: Duration = Duration::days(398);

/// Certificates begin in the past by this much: PCs' clocks are seldom right.
pub(super) const BACKDATED: Duration = Duration::days(1);

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
    /// There is a next authority already.
    #[error("the authority is being replaced already; retire the old one first: vong-collector ca retire")]
    Rotating,
    /// There is no next authority.
    #[error("there is no next authority; make one first: vong-collector ca rotate")]
    NotRotating,
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
    /// SHA-256 of the authority that signed it, hexadecimal.
    pub authority: String,
}

/// A certificate and the key that signs for it.
struct Signer {
    certificate: CertificateDer<'static>,
    issuer: Issuer<'static, KeyPair>,
}

impl Signer {
    fn new(certificate: CertificateDer<'static>, key: KeyPair) -> Result<Self, rcgen::Error> {
        let issuer = Issuer::from_ca_cert_der(&certificate, key)?;
        Ok(Self { certificate, issuer })
    }

    fn fingerprint(&self) -> String {
        certificate_fingerprint(&self.certificate)
    }
}

/// The authorities: the one that vouches for the collector, and perhaps the one that will.
pub struct Authority {
    serving: Signer,
    next: Option<Signer>,
    renew_within_s: u32,
    retired: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// Loads the authority from `folder`, or makes it there.
    ///
    /// # Errors
    /// When its files cannot be used, or only one of the two is there.
    pub fn open(folder: &Path) -> Result<Authority, AuthorityError> {
        let found = files::open(folder)?;
        let renew_within_s = found
            .next
            .as_ref()
            .map_or(0, |(_, rotation)| rotation.renew_within_s);
        let mut authority = Authority {
            serving: found.serving,
            next: found.next.map(|(signer, _)| signer),
            renew_within_s,
            retired: Vec::new(),
        };
        // A retirement that was cut off at its beginning has kept one that is trusted still.
        let is_retired = |one: &CertificateDer<'_>| !authority.trusted().any(|trusted| trusted == one);
        let retired = found.retired.into_iter().filter(is_retired).collect();
        authority.retired = retired;
        Ok(authority)
    }

    /// Adds the next authority; a collector takes it up when it starts. Agents are to have it sign their
    /// certificates within this time.
    ///
    /// # Errors
    /// [`AuthorityError::Rotating`] when there is one, and when files cannot be used.
    pub fn rotate(folder: &Path, renew_within_s: u32) -> Result<Authority, AuthorityError> {
        if Self::open(folder)?.next.is_some() {
            return Err(AuthorityError::Rotating);
        }
        files::add_next(folder, files::Rotation { renew_within_s })?;
        Self::open(folder)
    }

    /// Lets the next authority take the place of the old one, which is trusted no more; a collector does so when
    /// it starts.
    ///
    /// # Errors
    /// [`AuthorityError::NotRotating`] when there is no next one, and when files cannot be used.
    pub fn retire(folder: &Path) -> Result<Authority, AuthorityError> {
        if Self::open(folder)?.next.is_none() {
            return Err(AuthorityError::NotRotating);
        }
        files::retire_serving(folder)?;
        Self::open(folder)
    }

    /// SHA-256 of the certificate that vouches for the collector, hexadecimal: what tokens carry.
    pub fn fingerprint(&self) -> String {
        self.serving.fingerprint()
    }

    /// SHA-256 of the authority that signs agents' certificates, hexadecimal.
    pub fn signing_fingerprint(&self) -> String {
        self.signer().fingerprint()
    }

    /// Whether there is a next authority.
    pub fn is_rotating(&self) -> bool {
        self.next.is_some()
    }

    /// The certificate that vouches for the collector.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.serving.certificate
    }

    /// Every authority that ever signed an agent's certificate: retired ones too, so that their agents can be
    /// told why they are refused.
    pub fn known(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        self.trusted().chain(&self.retired)
    }

    /// Whether certificates of this authority, named by its SHA-256, have lost their worth. Before there were
    /// several, nobody wrote down which it was: that was the first one.
    pub fn has_retired(&self, authority: &str) -> bool {
        match authority.is_empty() {
            true => !self.retired.is_empty(),
            false => !self
                .trusted()
                .any(|one| certificate_fingerprint(one) == authority),
        }
    }

    /// Within which time an agent that shows a certificate of this authority is to renew it; `None` when it need
    /// not.
    pub fn renew_within_s(&self, authority: &str) -> Option<u32> {
        let next = self.next.as_ref()?;
        (next.fingerprint() != authority).then_some(self.renew_within_s)
    }

    /// The authorities that agents shall trust, DER, the one that signs first.
    pub fn bundle(&self) -> Vec<Vec<u8>> {
        self.trusted().map(|one| one.to_vec()).collect()
    }

    /// The name of the bundle, as agents say it.
    pub fn bundle_hash(&self) -> Vec<u8> {
        wire::authorities_hash(self.trusted().map(|one| one.as_ref())).to_vec()
    }

    /// The authorities that are not retired, the one that signs first.
    pub(super) fn trusted(&self) -> impl Iterator<Item = &CertificateDer<'static>> {
        let signers = self.next.iter().chain(std::iter::once(&self.serving));
        signers.map(|signer| &signer.certificate)
    }

    fn signer(&self) -> &Signer {
        self.next.as_ref().unwrap_or(&self.serving)
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
        let certificate = params.signed_by(public_key, &self.signer().issuer)?;
        Ok(Signed {
            der: certificate.der().to_vec(),
            serial: hex::encode(serial),
            not_before_ms: milliseconds(params.not_before),
            not_after_ms: milliseconds(params.not_after),
            authority: self.signing_fingerprint(),
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
        let certificate = params.signed_by(&key, &self.serving.issuer)?;
        let chain = vec![certificate.der().clone(), self.serving.certificate.clone()];
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

    #[test]
    fn an_authority_is_replaced_in_two_steps_and_the_old_key_is_gone() {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca");
        let old = Authority::open(&ca).expect("made").fingerprint();
        assert!(matches!(Authority::retire(&ca), Err(AuthorityError::NotRotating)));

        let rotating = Authority::rotate(&ca, 60).expect("rotated");
        let new = rotating.signing_fingerprint();
        assert_eq!(
            rotating.fingerprint(),
            old,
            "the collector is still vouched for by the old one"
        );
        assert_ne!(new, old);
        assert_eq!(rotating.bundle().len(), 2);
        assert_eq!(
            (rotating.renew_within_s(&old), rotating.renew_within_s(&new)),
            (Some(60), None)
        );
        assert!(!rotating.has_retired(&old) && !rotating.has_retired(""));
        assert!(matches!(
            Authority::rotate(&ca, 60),
            Err(AuthorityError::Rotating)
        ));

        let after = Authority::retire(&ca).expect("retired");
        assert_eq!(
            (after.fingerprint(), after.signing_fingerprint()),
            (new.clone(), new.clone())
        );
        assert!(after.has_retired(&old) && after.has_retired("") && !after.has_retired(&new));
        assert_eq!((after.bundle().len(), after.known().count()), (1, 2));
        let keys = std::fs::read_dir(&ca).expect("a folder").filter(|entry| {
            let name = entry.as_ref().expect("an entry").file_name();
            name.to_string_lossy().ends_with(".key")
        });
        assert_eq!(keys.count(), 1);
    }

    #[test]
    fn a_retirement_that_was_cut_off_is_completed() {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca");
        Authority::open(&ca).expect("made");
        let new = Authority::rotate(&ca, 60).expect("rotated").signing_fingerprint();
        std::fs::rename(ca.join("next.key"), ca.join("ca.key")).expect("moved");
        let after = Authority::open(&ca).expect("completed");
        assert_eq!((after.fingerprint(), after.is_rotating()), (new, false));
    }
}
