//! From the journal to the mail: rules, alerts and deliveries, each woken by the one before it.
//!
//! What they hand on lies in the registry; a wake-up only says that there is something. One that is lost
//! costs seconds, because each stage also looks by itself, and never a mail.

use std::sync::Arc;

use tokio::sync::Notify;
use tracing::warn;

use super::judge::Judge;
use super::{Homes, Joints, PipelineError, secret_from};
use crate::alert::{Alerts, Letters};
use crate::config::{Config, Language, MailConfig};
use crate::delivery::{Deliveries, Relay, Sender};
use crate::health::Stage;

impl Joints {
    /// Starts deliveries, alerts and rules.
    pub(super) fn start_telling(&mut self, config: &Config, homes: &Homes) -> Result<(), PipelineError> {
        let findings_changed = Arc::new(Notify::new());
        let letters_written = Arc::new(Notify::new());
        let mut letters = None;
        if config.mail.host.is_empty() {
            warn!("mail.host is empty: alerts are shown, but nobody is written to");
        } else {
            if config.mail.duty_phone.is_empty() {
                warn!("mail.duty_phone is empty: mails can name no number to call");
            }
            let sender = Sender::new(&config.mail.from, &config.mail.sender_name, &config.web_url())?;
            letters = Some(letters_of(&config.mail, &sender));
            let deliveries = Deliveries {
                registry: homes.registry.clone(),
                relay: Relay::open(&config.mail, mail_password(&config.mail)?)?,
                sender,
                live: self.live.clone(),
                metrics: Arc::clone(&self.metrics),
                letters_written: Arc::clone(&letters_written),
                stop: self.stop.clone(),
            };
            self.spawn(Stage::Deliveries, deliveries.run());
        }
        let alerts = Alerts {
            registry: homes.registry.clone(),
            letters,
            live: self.live.clone(),
            metrics: Arc::clone(&self.metrics),
            findings_changed: Arc::clone(&findings_changed),
            letters_written,
            stop: self.stop.clone(),
        };
        self.spawn(Stage::Alerts, alerts.run());
        let judge = Judge {
            journal: homes.journal.clone(),
            registry: homes.registry.clone(),
            live: self.live.clone(),
            metrics: Arc::clone(&self.metrics),
            findings_changed,
            stop: self.stop.clone(),
        };
        self.spawn(Stage::Rules, judge.run());
        Ok(())
    }
}

fn letters_of(mail: &MailConfig, sender: &Sender) -> Letters {
    Letters {
        language: match mail.language {
            Language::Vi => "vi".to_owned(),
            Language::En => "en".to_owned(),
        },
        duty: mail.duty.clone(),
        duty_phone: mail.duty_phone.clone(),
        domain: sender.domain().to_owned(),
    }
}

/// The environment wins over the file, as for every other setting.
fn mail_password(mail: &MailConfig) -> Result<Option<String>, PipelineError> {
    match std::env::var("VONG_MAIL_PASSWORD") {
        Ok(password) => Ok(Some(password)),
        Err(_) => secret_from(mail.password_file.as_deref(), "mail.password_file"),
    }
}

#[cfg(test)]
mod tests;
