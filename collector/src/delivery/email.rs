//! From a delivery's row to a MIME message: text and HTML, headers that thread, file and silence robots.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use askama::Template;
use lettre::Message;
use lettre::message::header::{HeaderName, HeaderValue};
use lettre::message::{Mailbox, MessageBuilder, MultiPart};
use lettre::{Address, address::AddressError};
use mrml::prelude::render::RenderOptions;
use vong_proto::event::Severity;

use super::letter::{self, Letter};
use crate::registry::alert::MailKind;
use crate::registry::delivery::Delivery;

/// Who mails come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    mailbox: Mailbox,
    web_url: String,
}

/// The sender's address is none.
#[derive(Debug, thiserror::Error)]
#[error("mail.from is not a mail address")]
pub struct SenderError(#[from] AddressError);

impl Sender {
    /// A sender with an address, a name and the dashboard's address that links begin with.
    ///
    /// # Errors
    /// When `from` is not a mail address.
    pub fn new(from: &str, name: &str, web_url: &str) -> Result<Sender, SenderError> {
        let address: Address = from.parse()?;
        Ok(Sender {
            mailbox: Mailbox::new(Some(name.to_owned()).filter(|name| !name.is_empty()), address),
            web_url: web_url.to_owned(),
        })
    }

    /// What stands behind the address's @.
    pub fn domain(&self) -> &str {
        self.mailbox.email.domain()
    }

    fn name(&self) -> &str {
        self.mailbox.name.as_deref().unwrap_or_default()
    }
}

/// Why a mail cannot be made.
#[derive(Debug, thiserror::Error)]
pub(super) enum EmailError {
    #[error("the recipient is not a mail address: {0}")]
    Recipient(AddressError),
    #[error("the mail cannot be put together: {0}")]
    Message(#[from] lettre::error::Error),
    #[error("the mail's text cannot be made: {0}")]
    Template(#[from] askama::Error),
    #[error("the mail's layout cannot be read: {0}")]
    Layout(String),
}

#[derive(Template)]
#[template(path = "mail.txt", escape = "none")]
struct Text<'a> {
    letter: &'a Letter,
}

#[derive(Template)]
#[template(path = "mail.mjml", escape = "html")]
struct Layout<'a> {
    letter: &'a Letter,
}

/// Makes the mail of a row: always the same one.
pub(super) fn compose(row: &Delivery, sender: &Sender) -> Result<Message, EmailError> {
    let letter = letter::write(row, sender.name(), &sender.web_url);
    let recipient: Address = row.recipient.parse().map_err(EmailError::Recipient)?;
    let builder = Message::builder()
        .from(sender.mailbox.clone())
        .to(Mailbox::new(None, recipient))
        .subject(letter.subject.clone())
        .date(date(row))
        .message_id(Some(row.message_id.clone()));
    let builder = with_headers(builder, row, sender);
    Ok(builder.multipart(MultiPart::alternative_plain_html(text(&letter)?, html(&letter)?))?)
}

/// The plain text.
pub(super) fn text(letter: &Letter) -> Result<String, EmailError> {
    Ok(Text { letter }.render()?)
}

/// The HTML, laid out by MJML so that old mail programs show it too.
pub(super) fn html(letter: &Letter) -> Result<String, EmailError> {
    let mjml = Layout { letter }.render()?;
    let layout = mrml::parse(&mjml).map_err(|error| EmailError::Layout(error.to_string()))?;
    // MJML's own default fetches fonts from the Internet: whoever opens a mail would tell a stranger so.
    let options = RenderOptions {
        fonts: HashMap::new(),
        ..RenderOptions::default()
    };
    layout
        .element
        .render(&options)
        .map_err(|error| EmailError::Layout(error.to_string()))
}

fn date(row: &Delivery) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(row.created_ms).unwrap_or(0))
}

/// Threads the mails about one alert, lets programs file them, and keeps absence notes from answering;
/// what is critical stands out in an inbox.
fn with_headers(builder: MessageBuilder, row: &Delivery, sender: &Sender) -> MessageBuilder {
    let raw =
        |name: &'static str, value: String| HeaderValue::new(HeaderName::new_from_ascii_str(name), value);
    let builder = builder
        .raw_header(raw("List-Id", format!("<alerts.{}>", sender.domain())))
        .raw_header(raw("Auto-Submitted", "auto-generated".to_owned()))
        .raw_header(raw("X-Auto-Response-Suppress", "All".to_owned()));
    let urgent = row.content.severity == Severity::Critical && row.kind != MailKind::Resolved;
    let builder = if urgent {
        builder.raw_header(raw("Importance", "high".to_owned()))
    } else {
        builder
    };
    if row.thread == row.message_id {
        return builder;
    }
    builder
        .in_reply_to(row.thread.clone())
        .references(row.thread.clone())
}
