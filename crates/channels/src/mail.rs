//! Composes the mail itself: the same bytes on every try but for the date. No network.

use chrono::{DateTime, Utc};
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart, SinglePart,
        header::{ContentTransferEncoding, ContentType, HeaderName, HeaderValue},
    },
};
use liaison_service::channel::{EmailBody, Outbound};

/// Why a mail cannot be composed. Trying again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum MailProblem {
    #[error("the recipient's address holds line ends, spaces or control characters; correct it in the directory")]
    AddressControls,
    #[error("the recipient's address is not an e-mail address (RFC 5321 addr-spec); correct it in the directory")]
    Address,
    #[error("the recipient's address is not in ASCII, which this relay path does not carry; enter an ASCII address")]
    AddressNotAscii,
    #[error("the subject holds line ends or control characters")]
    Subject,
    #[error("the message id is not a dot-atom of 1 to 200 characters (RFC 5322 section 3.2.3)")]
    MessageId,
    #[error("the mail cannot be composed: {0}")]
    Compose(String),
}

/// Who sends.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    pub(crate) from: Mailbox,
    pub(crate) message_id_domain: String,
}

/// A mail that is ready to leave.
#[derive(Debug)]
pub(crate) struct Mail {
    pub(crate) to: Address,
    pub(crate) bytes: Vec<u8>,
}

/// Composes a multipart/alternative mail (RFC 2046 section 5.1.4) of a text and an HTML part.
pub(crate) fn compose(
    sender: &Sender,
    message: &Outbound,
    body: &EmailBody,
    date: DateTime<Utc>,
) -> Result<Mail, MailProblem> {
    let to = recipient(&message.address)?;
    if body.subject.chars().any(char::is_control) {
        return Err(MailProblem::Subject);
    }
    if !is_dot_atom(&message.message_id) {
        return Err(MailProblem::MessageId);
    }
    let mut builder = Message::builder()
        .from(sender.from.clone())
        .to(Mailbox::new(None, to.clone()))
        .subject(body.subject.clone())
        .message_id(Some(format!("<{}@{}>", message.message_id, sender.message_id_domain)))
        .date(date.into())
        // RFC 3834: out-of-office robots stay silent; Exchange listens to the second.
        .raw_header(raw("Auto-Submitted", "auto-generated"))
        .raw_header(raw("X-Auto-Response-Suppress", "All"));
    if body.high_priority {
        // The first for most clients, the second for Outlook, the third by RFC 2156.
        builder = builder
            .raw_header(raw("X-Priority", "1 (Highest)"))
            .raw_header(raw("Importance", "high"))
            .raw_header(raw("Priority", "urgent"));
    }
    let parts = MultiPart::alternative()
        // "=_" cannot occur in quoted-printable text (RFC 2045 section 6.7), so the boundary cannot occur in a part,
        // and it is the same on every try.
        .boundary(format!("=_{}", boundary_tail(&message.message_id)))
        .singlepart(part(ContentType::TEXT_PLAIN, &body.text))
        .singlepart(part(ContentType::TEXT_HTML, &body.html));
    let mail = builder
        .multipart(parts)
        .map_err(|error| MailProblem::Compose(error.to_string()))?;
    Ok(Mail {
        to,
        bytes: mail.formatted(),
    })
}

fn recipient(address: &str) -> Result<Address, MailProblem> {
    if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(MailProblem::AddressControls);
    }
    if !address.is_ascii() {
        return Err(MailProblem::AddressNotAscii);
    }
    address.parse().map_err(|_| MailProblem::Address)
}

fn part(kind: ContentType, text: &str) -> SinglePart {
    SinglePart::builder()
        .content_type(kind)
        .header(ContentTransferEncoding::QuotedPrintable)
        .body(text.to_owned())
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn is_dot_atom(text: &str) -> bool {
    text.len() <= 200
        && text.split('.').all(|atom| {
            !atom.is_empty()
                && atom
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&b))
        })
}

/// At most 60 characters that a boundary may hold, taken from the id's end, which is its random part.
fn boundary_tail(message_id: &str) -> String {
    let safe: Vec<char> = message_id.chars().filter(char::is_ascii_alphanumeric).collect();
    safe[safe.len().saturating_sub(60)..].iter().collect()
}
