//! Enrolment: a token becomes a certificate.
//!
//! ```text
//! vong1.<base64url of {"a": "host:port", "f": "<SHA-256 of the authority's certificate>", "s": "<secret>"}>
//! ```
//! The token says where the collector is and by whom it must be certified, so that the secret is told to
//! nobody else. The key is made here and stays here.
//!
//! ```text
//! enrolling/ ── complete ──▶ enrolled/ ── file by file ──▶ in place of the former identity
//! ```
//! A new identity is gathered in a folder of its own. Renaming that folder is the moment from which it counts:
//! what fails before leaves a former identity as it was, what fails after is made up for at the next start.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;
use vong_proto::frame::{self, FrameError};
use vong_proto::session::{
    AgentFrame, CollectorFrame, Credentials, EnrolAnswer, EnrolRequest, Refusal, VERSION_MAX, VERSION_MIN,
};

use super::credentials::{self, CredentialsError};
use super::tls::{self, ConnectError};
use super::{ANSWER_LIMIT, Pc};
use crate::clock;
use crate::paths::{self, DataFolder, Readers};

/// How a token begins.
const PREFIX: &str = "vong1.";

/// What a token says.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The collector's address, `host:port`.
    pub address: String,
    /// The SHA-256 of the authority's certificate.
    pub fingerprint: [u8; 32],
    secret: String,
}

impl std::fmt::Debug for Token {
    /// Without the secret.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Token")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What enrolment leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Version of this file.
    pub version: u32,
    /// The collector's address, `host:port`.
    pub collector: String,
    /// When this PC was enrolled, milliseconds since 1970.
    pub enrolled_ms: i64,
}

/// How an enrolment went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enrolment {
    /// The agent has its certificate.
    Done,
    /// It has, but somebody has to approve this PC before it may speak.
    Pending,
}

/// Why this PC could not be enrolled.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The token is no token.
    #[error(
        "the token cannot be read ({0}); copy all of it, or ask the administrator of the collector for a new one"
    )]
    Token(&'static str),
    /// There is an identity already.
    #[error("this PC is enrolled already, at {collector}; use --force to enrol it anew")]
    Already {
        /// Where.
        collector: String,
    },
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The collector said no.
    #[error("the collector at {address} refuses this PC: {}", refusal.message)]
    Refused {
        /// Where.
        address: String,
        /// Its words.
        refusal: Refusal,
    },
    /// The conversation broke off.
    #[error("the conversation with the collector at {address} broke off")]
    Frame {
        /// Where.
        address: String,
        /// Why.
        #[source]
        source: FrameError,
    },
    /// It answered something else.
    #[error("the collector at {address} gave an answer that does not belong here")]
    Unexpected {
        /// Where.
        address: String,
    },
    /// Files.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// The identity file.
    #[error("cannot use {path}")]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

impl Token {
    /// Reads a token's text.
    ///
    /// # Errors
    /// [`EnrolError::Token`]; the text itself is never repeated.
    pub fn parse(text: &str) -> Result<Self, EnrolError> {
        #[derive(Deserialize)]
        struct Content {
            a: String,
            f: String,
            s: String,
        }
        let text = text.trim();
        let encoded = text
            .strip_prefix(PREFIX)
            .ok_or(EnrolError::Token("it must begin with vong1."))?;
        let json = URL_SAFE_NO_PAD
            .decode(encoded)
            .map_err(|_| EnrolError::Token("it is cut off or mistyped"))?;
        let content: Content =
            serde_json::from_slice(&json).map_err(|_| EnrolError::Token("it is cut off or mistyped"))?;
        let mut fingerprint = [0; 32];
        hex::decode_to_slice(&content.f, &mut fingerprint)
            .map_err(|_| EnrolError::Token("its fingerprint is not one"))?;
        Ok(Self {
            address: content.a,
            fingerprint,
            secret: content.s,
        })
    }
}

impl Identity {
    /// The identity in a data folder; `None` before enrolment.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(data: &DataFolder) -> Result<Option<Self>, EnrolError> {
        let path = data.identity();
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(EnrolError::Identity { path, source }),
            Ok(bytes) => bytes,
        };
        match serde_json::from_slice(&bytes) {
            Ok(identity) => Ok(Some(identity)),
            Err(error) => Err(EnrolError::Identity {
                path,
                source: error.into(),
            }),
        }
    }

    fn save(&self, data: &DataFolder) -> Result<(), EnrolError> {
        let json = serde_json::to_vec(self).expect("numbers and text can be written as JSON");
        paths::replace(&data.identity(), &json, Readers::Everybody).map_err(|source| EnrolError::Identity {
            path: data.identity(),
            source,
        })
    }
}

/// Enrols a PC; `force` lets the new identity take the place of a former one. The caller holds the data
/// folder's lock.
///
/// # Errors
/// See [`EnrolError`]; a former identity is then still in force.
pub async fn enrol(data: &DataFolder, token: &Token, force: bool, pc: Pc) -> Result<Enrolment, EnrolError> {
    complete(data)?;
    match Identity::load(data) {
        Ok(Some(identity)) if !force => {
            return Err(EnrolError::Already {
                collector: identity.collector,
            });
        }
        Err(error) if !force => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let address = token.address.clone();
    let draft = data.draft();
    let unusable = |source| EnrolError::Identity {
        path: draft.path().to_owned(),
        source,
    };
    draft.make().map_err(unusable)?;
    let csr_der = credentials::signing_request(&draft)?;
    let mut connection = tls::connect(&address, pc.from, tls::for_enrolment(token.fingerprint)?).await?;
    let answer = ask(&mut connection, token, csr_der, pc).await?;
    check_authority(&answer.credentials, token)?;
    credentials::install(&draft, &answer.credentials)?;
    let identity = Identity {
        version: 1,
        collector: address,
        enrolled_ms: clock::wall_ms(),
    };
    identity.save(&draft)?;
    rename(draft.path(), data.successor().path())?;
    complete(data)?;
    Ok(if answer.pending {
        Enrolment::Pending
    } else {
        Enrolment::Done
    })
}

/// Completes an enrolment that was cut off after it had begun to count; to be called, with the data folder's lock
/// held, before an identity is used.
///
/// # Errors
/// When a file cannot be moved.
pub fn complete(data: &DataFolder) -> Result<(), EnrolError> {
    let successor = data.successor();
    if !successor.path().exists() {
        return Ok(());
    }
    for (new, old) in identity_files(&successor).into_iter().zip(identity_files(data)) {
        if new.exists() {
            rename(&new, &old)?;
        }
    }
    std::fs::remove_dir(successor.path())
        .and_then(|()| paths::sync_folder(successor.path()))
        .map_err(|source| EnrolError::Identity {
            path: successor.path().to_owned(),
            source,
        })
}

/// What makes an identity.
fn identity_files(data: &DataFolder) -> [PathBuf; 4] {
    [
        data.key(),
        data.authorities(),
        data.certificate(),
        data.identity(),
    ]
}

/// Renames durably.
fn rename(from: &Path, to: &Path) -> Result<(), EnrolError> {
    std::fs::rename(from, to)
        .and_then(|()| paths::sync_folder(to))
        .map_err(|source| EnrolError::Identity {
            path: to.to_owned(),
            source,
        })
}

async fn ask<S>(
    connection: &mut TlsStream<S>,
    token: &Token,
    csr_der: Vec<u8>,
    pc: Pc,
) -> Result<EnrolAnswer, EnrolError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let address = || token.address.clone();
    let request = EnrolRequest {
        version_min: VERSION_MIN,
        version_max: VERSION_MAX,
        token: token.secret.clone(),
        csr_der,
        fingerprint: pc.fingerprint,
        hostname: pc.hostname,
        os: pc.os,
    };
    let exchange = async {
        frame::write_agent_frame(connection, AgentFrame::Enrol(request)).await?;
        frame::read_collector_frame(connection).await
    };
    let answer = timeout(ANSWER_LIMIT, exchange)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
        .map_err(|source| EnrolError::Frame {
            address: address(),
            source,
        })?;
    match answer {
        CollectorFrame::Enrolled(answer) => Ok(answer),
        CollectorFrame::Refusal(refusal) => Err(EnrolError::Refused {
            address: address(),
            refusal,
        }),
        _ => Err(EnrolError::Unexpected { address: address() }),
    }
}

/// The authority that the token names must be among those that the agent will trust.
fn check_authority(given: &Credentials, token: &Token) -> Result<(), EnrolError> {
    let is_named = |der: &Vec<u8>| Sha256::digest(der).as_slice() == token.fingerprint;
    if given.ca_der.iter().any(is_named) {
        return Ok(());
    }
    let problem = "the authority named by the token is not among those to trust".to_owned();
    Err(CredentialsError::Answer(problem).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(json: &str) -> String {
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(json))
    }

    #[test]
    fn a_token_says_where_whom_to_trust_and_the_secret() {
        let fingerprint = "ab".repeat(32);
        let text = text_of(&format!(
            r#"{{"a": "soc.example:7443", "f": "{fingerprint}", "s": "x"}}"#
        ));
        let token = Token::parse(&format!(" {text}\n")).unwrap();
        assert_eq!(
            (token.address.as_str(), token.fingerprint),
            ("soc.example:7443", [0xab; 32])
        );
        assert!(!format!("{token:?}").contains("\"x\""));
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        let secret = "SeCrEt";
        for text in [
            secret.to_owned(),
            format!("{PREFIX}{secret}"),
            format!("{PREFIX}%%{secret}"),
            text_of(&format!(r#"{{"a": "x:1", "f": "short", "s": "{secret}"}}"#)),
        ] {
            let error = Token::parse(&text).expect_err("refused");
            assert!(!error.to_string().contains(secret), "{error}");
        }
    }
}
