//! The agent's key and certificate and the authorities it trusts, as files: made once, renewed at two thirds
//! of the certificate's life. The private key never leaves the PC; what travels is a signing request.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use vong_proto::{session, wire};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use crate::paths::{self, DataFolder, Readers};

/// What stands in the files.
#[derive(Debug)]
pub(super) struct Credentials {
    pub(super) key: PrivateKeyDer<'static>,
    pub(super) certificate: CertificateDer<'static>,
    pub(super) authorities: Vec<CertificateDer<'static>>,
}

/// What is wrong with the agent's credentials.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// A file cannot be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file holds something else than it should.
    #[error("{path} does not hold {expected}; enrol this PC again with --force")]
    Content {
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
    },
    /// The collector's answer does not fit the request.
    #[error("the collector's answer is unusable: {0}")]
    Answer(String),
    /// The signing request cannot be made.
    #[error("cannot make a certificate signing request")]
    Request(#[source] rcgen::Error),
}

impl Credentials {
    pub(super) fn load(data: &DataFolder) -> Result<Self, CredentialsError> {
        let key_file = data.key();
        let key = PrivateKeyDer::from_pem_slice(&read(&key_file)?)
            .map_err(|_| content(&key_file, "a private key"))?;
        let certificate = certificates(&data.certificate())?.swap_remove(0);
        let authorities = certificates(&data.authorities())?;
        Ok(Self {
            key,
            certificate,
            authorities,
        })
    }

    /// The name of what is trusted, as a hello says it.
    pub(super) fn authorities_hash(&self) -> Vec<u8> {
        wire::authorities_hash(self.authorities.iter().map(|authority| authority.as_ref())).to_vec()
    }

    /// From when until when the certificate is valid, milliseconds since 1970.
    pub(super) fn validity_ms(&self) -> Option<(i64, i64)> {
        let (_, parsed) = X509Certificate::from_der(&self.certificate).ok()?;
        let validity = parsed.validity();
        Some((
            validity.not_before.timestamp() * 1_000,
            validity.not_after.timestamp() * 1_000,
        ))
    }
}

/// Trusts these authorities from now on, and no others.
pub(super) fn trust(data: &DataFolder, authorities: &[Vec<u8>]) -> Result<(), CredentialsError> {
    let is_certificate = |der: &Vec<u8>| X509Certificate::from_der(der).is_ok();
    if authorities.is_empty() || !authorities.iter().all(is_certificate) {
        return Err(CredentialsError::Answer("it names no authority".to_owned()));
    }
    let bundle: String = authorities.iter().map(|der| pem("CERTIFICATE", der)).collect();
    write(&data.authorities(), &bundle, Readers::Everybody)
}

/// A signing request of the key in the data folder, which is made if there is none.
pub(super) fn signing_request(data: &DataFolder) -> Result<Vec<u8>, CredentialsError> {
    let key = key_pair(data)?;
    let request = CertificateParams::default()
        .serialize_request(&key)
        .map_err(CredentialsError::Request)?;
    Ok(request.der().to_vec())
}

/// Checks what the collector gave and puts it into the files; the authorities first, so that a certificate is
/// never there without them.
pub(super) fn install(data: &DataFolder, given: &session::Credentials) -> Result<(), CredentialsError> {
    let (_, certificate) = X509Certificate::from_der(&given.certificate_der)
        .map_err(|_| CredentialsError::Answer("it holds no certificate".to_owned()))?;
    if certificate.public_key().subject_public_key.data.as_ref() != key_pair(data)?.der_bytes() {
        return Err(CredentialsError::Answer(
            "the certificate is for another key".to_owned(),
        ));
    }
    trust(data, &given.ca_der)?;
    let certificate = pem("CERTIFICATE", &given.certificate_der);
    write(&data.certificate(), &certificate, Readers::Everybody)
}

fn key_pair(data: &DataFolder) -> Result<KeyPair, CredentialsError> {
    let path = data.key();
    match std::fs::read_to_string(&path) {
        Ok(text) => KeyPair::from_pem(&text).map_err(|_| content(&path, "a private key")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(CredentialsError::Request)?;
            write(&path, &key.serialize_pem(), Readers::Owner)?;
            Ok(key)
        }
        Err(source) => Err(CredentialsError::File { path, source }),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CredentialsError> {
    let bytes = read(path)?;
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|_| content(path, "certificates"))?;
    if certificates.is_empty() {
        return Err(content(path, "a certificate"));
    }
    Ok(certificates)
}

fn pem(label: &str, der: &[u8]) -> String {
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64).map(String::from_utf8_lossy);
    let body: Vec<_> = lines.collect();
    format!(
        "-----BEGIN {label}-----\n{}\n-----END {label}-----\n",
        body.join("\n")
    )
}

fn read(path: &Path) -> Result<Vec<u8>, CredentialsError> {
    std::fs::read(path).map_err(|source| CredentialsError::File {
        path: path.to_owned(),
        source,
    })
}

fn write(path: &Path, text: &str, readers: Readers) -> Result<(), CredentialsError> {
    paths::replace(path, text.as_bytes(), readers).map_err(|source| CredentialsError::File {
        path: path.to_owned(),
        source,
    })
}

fn content(path: &Path, expected: &'static str) -> CredentialsError {
    CredentialsError::Content {
        path: path.to_owned(),
        expected,
    }
}
