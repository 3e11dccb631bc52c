//! The mail relay: SMTP with the protection that was configured, or no mail at all.
//!
//! It fails closed: a relay that does not offer TLS, shows a certificate nobody vouches for, or refuses the
//! password gets no mail. Such faults are the configuration's, not the mail's, so they are tried again.
//! lettre's timeout covers only the connecting, so each send as a whole has one of its own.

use std::path::PathBuf;
use std::time::Duration;

use lettre::transport::smtp::PoolConfig;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::response::Code;
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};

use crate::config::{MailConfig, MailTls};
use crate::registry::delivery::Outcome;

/// Connections kept to the relay: each takes 45 ms per mail, and relays dislike many.
pub(super) const CONNECTIONS_MAX: u32 = 4;
/// A connection that nobody uses is closed before the relay gets impatient.
const IDLE_MAX: Duration = Duration::from_secs(50);
/// From the connection to the relay's last word.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// A configured mail relay; clones share its connections.
#[derive(Clone, Debug)]
pub struct Relay {
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

/// Why the relay cannot be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum RelayError {
    /// A file that the configuration names cannot be read.
    #[error("cannot read {}, named by {key}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The configuration's key.
        key: &'static str,
        /// The system's words.
        #[source]
        source: std::io::Error,
    },
    /// TLS cannot be set up.
    #[error("TLS to the mail relay cannot be set up; check mail.host and mail.ca_file")]
    Tls(#[source] lettre::transport::smtp::Error),
}

impl Relay {
    /// Prepares the relay; it is not contacted yet.
    ///
    /// # Errors
    /// When a file cannot be read or the authority in it is none.
    pub fn open(config: &MailConfig, password: Option<String>) -> Result<Relay, RelayError> {
        let pool = PoolConfig::new().max_size(CONNECTIONS_MAX).idle_timeout(IDLE_MAX);
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&config.host)
            .port(config.port)
            .tls(tls(config)?)
            .timeout(Some(SEND_TIMEOUT))
            .pool_config(pool);
        if !config.user.is_empty() {
            builder = builder
                .credentials(Credentials::new(
                    config.user.clone(),
                    password.unwrap_or_default(),
                ))
                .authentication(vec![Mechanism::Plain, Mechanism::Login]);
        }
        Ok(Relay {
            transport: builder.build(),
        })
    }

    /// Hands a mail over; how that ended, and what was said.
    pub(super) async fn send(&self, message: Message) -> (Outcome, String) {
        match tokio::time::timeout(SEND_TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(response)) => {
                let said: Vec<&str> = response.message().collect();
                (
                    Outcome::Accepted,
                    format!("{} {}", response.code(), said.join(" ")),
                )
            }
            Ok(Err(error)) => (outcome(&error), told(&error)),
            Err(_) => (
                Outcome::Error,
                format!("no answer within {} s", SEND_TIMEOUT.as_secs()),
            ),
        }
    }
}

fn tls(config: &MailConfig) -> Result<Tls, RelayError> {
    if config.tls == MailTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let pem = std::fs::read(path).map_err(|source| RelayError::File {
            path: path.clone(),
            key: "mail.ca_file",
            source,
        })?;
        let authority = Certificate::from_pem(&pem).map_err(RelayError::Tls)?;
        // A private authority is the only one to vouch for a private relay.
        parameters = parameters
            .certificate_store(CertificateStore::None)
            .add_root_certificate(authority);
    }
    let parameters = parameters.build_rustls().map_err(RelayError::Tls)?;
    Ok(match config.tls {
        MailTls::Implicit => Tls::Wrapper(parameters),
        MailTls::Starttls | MailTls::None => Tls::Required(parameters),
    })
}

/// Replies about the sender's rights: the administrator mends those, and then the same mail goes out.
const RIGHTS: [&str; 4] = ["530", "534", "535", "538"];

fn outcome(error: &lettre::transport::smtp::Error) -> Outcome {
    let about_rights = error
        .status()
        .is_some_and(|code: Code| RIGHTS.contains(&code.to_string().as_str()));
    if error.is_permanent() && !about_rights {
        Outcome::Bounced
    } else if error.is_transient() {
        Outcome::Deferred
    } else {
        Outcome::Error
    }
}

/// The error with its causes, in one line.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let mut told = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        let text = source.to_string();
        if !told.contains(&text) {
            told.push_str(": ");
            told.push_str(&text);
        }
        cause = source.source();
    }
    told
}
