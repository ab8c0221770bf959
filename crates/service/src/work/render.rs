//! The mails, as words: who, that something waits, how urgent, by when, and a link. Never a patient, never content. The
//! same message always gives the same bytes. Webhooks are sent as they were planned and need no words.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use liaison_domain::{DeliveryPurpose, NoticeKind, Urgency};
use zeroize::Zeroizing;

use super::digest::{DigestItem, DigestKind};
use crate::{channel::EmailBody, link::EXPIRES_FACT, loops::message::Message};

/// What a reader who knows nothing of the service must be told.
const FOOTER: &str = "This message holds no patient information. Sign in to read; do not answer to this address.";
/// The same for a reader who comes in by a secure link.
const LINK_FOOTER: &str = "This message holds no patient information. Sign in to read, or have a code sent to this address. The link is for you: do not pass it on, and do not answer to this address.";
const CODE_FOOTER: &str = "This message holds no patient information. Do not answer to this address.";

/// What a mail carries that stands nowhere at rest: made when the mail leaves.
#[derive(Default)]
pub struct MailSecrets {
    /// The recipient's secure link, in the place of the page that asks for a sign-in.
    pub link: Option<Zeroizing<String>>,
    /// The digits of a one-time code.
    pub code: Option<Zeroizing<String>>,
}

/// The e-mail of a message.
pub fn email(message: &Message, secrets: &MailSecrets) -> EmailBody {
    if message.purpose == DeliveryPurpose::LinkCode {
        return code(message, secrets);
    }
    let mut page = Page::default();
    let subject = match message.purpose {
        DeliveryPurpose::Digest => digest(message, &mut page),
        DeliveryPurpose::PersonNotice => person_notice(message, &mut page),
        DeliveryPurpose::EndpointTest => endpoint_test(message, &mut page),
        _ => about_loop(message, &mut page),
    };
    let mark = match message.urgency {
        Urgency::Routine => String::new(),
        Urgency::Urgent | Urgency::Emergent => format!("[{}] ", urgency_name(message.urgency)),
    };
    let subject: String = format!("{mark}{subject}")
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match &secrets.link {
        Some(link) => {
            page.parts.push(Part::Door(plain(link)));
            page.line(LINK_FOOTER);
        }
        None => {
            page.link(&message.link);
            page.line(FOOTER);
        }
    }
    EmailBody {
        text: page.text(),
        html: page.html(&subject),
        subject,
        // A digest is a list for the day, however urgent an item of it is.
        high_priority: message.urgency >= Urgency::Urgent && message.purpose != DeliveryPurpose::Digest,
    }
}

/// A one-time code for a secure link. Nobody learns from it about whom or what it is.
fn code(message: &Message, secrets: &MailSecrets) -> EmailBody {
    let mut page = Page::default();
    let subject = "Your code for Liaison".to_owned();
    let digits = secrets.code.as_ref().map(|code| code.as_str()).unwrap_or_default();
    page.line(&format!("Your code is {digits}."));
    if let Ok(until) = fact(message, EXPIRES_FACT).parse::<DateTime<Utc>>() {
        let until = local_time(until, &message.time_zone);
        page.line(&format!("It can be used once, until {until}."));
    }
    page.line(&format!(
        "Somebody asked for it to read what {} sent to {}. If that was not you, ignore this message and tell nobody the code.",
        message.clinic, message.to
    ));
    page.line(CODE_FOOTER);
    EmailBody {
        text: page.text(),
        html: page.html(&subject),
        subject,
        high_priority: false,
    }
}

fn endpoint_test(message: &Message, page: &mut Page) -> String {
    page.line(&format!(
        "This is a test from {}: messages for {} come to this address.",
        message.clinic, message.to
    ));
    page.line("Nothing is asked of you.");
    "A test from Liaison".to_owned()
}

/// A time in a zone, with the zone named: `Thu 14 May 2026, 17:00 CDT (America/Chicago)`.
pub fn local_time(at: DateTime<Utc>, zone: &str) -> String {
    let zone: Tz = zone.parse().unwrap_or(Tz::UTC);
    format!(
        "{} ({})",
        at.with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z"),
        zone.name()
    )
}

fn urgency_name(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Routine => "ROUTINE",
        Urgency::Urgent => "URGENT",
        Urgency::Emergent => "EMERGENT",
    }
}

fn fact<'a>(message: &'a Message, name: &str) -> &'a str {
    message.facts.get(name).map(String::as_str).unwrap_or_default()
}

fn about_loop(message: &Message, page: &mut Page) -> String {
    let Message { clinic, to, .. } = message;
    let asked = message.due_at.is_some();
    let subject = match message.purpose {
        DeliveryPurpose::Reminder => {
            page.line(&format!(
                "A document from {clinic} still waits for an acknowledgment by {to}."
            ));
            format!("Reminder: a document from {clinic} waits for {to}")
        }
        DeliveryPurpose::NextPerson => {
            let addressed = fact(message, "recipient");
            page.line(&format!(
                "A document from {clinic} waits for an acknowledgment by {addressed}."
            ));
            page.line(&format!(
                "Nobody has answered yet, and {to} is next in line. Please see that somebody answers."
            ));
            format!("Nobody has answered {clinic} for {addressed}")
        }
        DeliveryPurpose::Correction => {
            let amended = fact(message, "what") == "amended";
            page.line(&format!(
                "A document that {clinic} sent to {to}, and that was opened, was {}.",
                if amended {
                    "replaced by a newer version"
                } else {
                    "taken back"
                }
            ));
            page.line(match amended {
                true => "Do not rely on the earlier version. The page shows what changed.",
                false => "Do not rely on it. The page shows why.",
            });
            format!(
                "Correction: a document from {clinic} was {}",
                if amended { "replaced" } else { "taken back" }
            )
        }
        DeliveryPurpose::Reply => {
            page.line(&format!("{clinic} has replied to {to}."));
            format!("{clinic} has replied")
        }
        _ if asked => {
            page.line(&format!(
                "{clinic} has sent {to} a document and asks for an acknowledgment."
            ));
            format!("A document from {clinic} waits for {to}")
        }
        _ => {
            page.line(&format!(
                "{clinic} has sent {to} a copy of a document. Nothing is asked of you."
            ));
            format!("A copy of a document from {clinic} for {to}")
        }
    };
    page.line(&format!("Urgency: {}", urgency_name(message.urgency)));
    if let Some(due) = message.due_at {
        page.line(&format!(
            "Please acknowledge by: {}",
            local_time(due, &message.time_zone)
        ));
    }
    subject
}

fn person_notice(message: &Message, page: &mut Page) -> String {
    let who = match fact(message, "recipient") {
        "" => "a recipient",
        name => name,
    };
    let due = fact(message, "due_at").parse::<DateTime<Utc>>().ok();
    let overdue = fact(message, "overdue") == "true";
    let subject = match message.notice {
        Some(NoticeKind::Acknowledged) => format!("{who} acknowledged your document"),
        Some(NoticeKind::ReplyRequested) => format!("{who} acknowledged and asks for an answer"),
        Some(NoticeKind::Declined) => format!("{who} declined your document"),
        Some(NoticeKind::Redirected) => format!("{who} passed your document to a colleague"),
        Some(NoticeKind::Escalated) if overdue => format!("A call to {who} is overdue"),
        Some(NoticeKind::Escalated) => format!("No acknowledgment by {who} yet"),
        Some(NoticeKind::Undeliverable) => format!("No message reaches {who}"),
        Some(NoticeKind::CallTaskAssigned) if overdue => format!("Overdue: please call {who}"),
        Some(NoticeKind::CallTaskAssigned) => format!("Please call {who}"),
        Some(NoticeKind::MisSend) => "A document may have reached the wrong recipient".to_owned(),
        Some(NoticeKind::EndpointDisabled) => format!("A way to reach {who} was taken out of use"),
        Some(NoticeKind::ReplyReceived) => format!("{who} wrote to you"),
        Some(NoticeKind::HoldRequested) => format!("{who} asks to hold infusions"),
        Some(NoticeKind::BreakGlass) => "Somebody opened a record in an emergency".to_owned(),
        Some(NoticeKind::AccountRequested) => format!("Somebody of {who} asks for an account"),
        Some(NoticeKind::AddresseeLost) => format!("A corrected version was not sent to {who}"),
        Some(NoticeKind::Digest) | None => format!("News from {}", message.clinic),
    };
    page.line(&format!("{subject}."));
    if !fact(message, "by").is_empty() {
        page.line(&format!("By {}.", fact(message, "by")));
    }
    match message.notice {
        Some(NoticeKind::Escalated) if !overdue => {
            page.line(match (fact(message, "step"), fact(message, "call_task")) {
                ("REMINDER", _) => "A reminder is on its way to them.",
                (_, "OPEN") => "A call task was given to the clinic.",
                _ => "The next person in line is being told.",
            })
        }
        Some(NoticeKind::Undeliverable) => {
            page.line("Every way to reach them has failed. The next step of the escalation is taken now.");
        }
        Some(NoticeKind::CallTaskAssigned) => page.line(match fact(message, "reason") {
            "UNDELIVERABLE" => "No message reaches them, so somebody must telephone and record the read-back.",
            "UNACKNOWLEDGED" => "Nobody acknowledged, so somebody must telephone and record the read-back.",
            _ => "The task says what for; record the conversation in it.",
        }),
        Some(NoticeKind::EndpointDisabled) => {
            let channel = if fact(message, "channel") == "WEBHOOK" {
                "webhook"
            } else {
                "e-mail address"
            };
            page.line(&match fact(message, "reason") {
                "GONE" => format!("The {channel} answered that it is gone for good."),
                _ => format!("The {channel} has failed for five days."),
            });
            page.line("Correct it in the directory and enable it again; what waited for it was given up.");
        }
        Some(NoticeKind::BreakGlass) => {
            page.line("The record is open to them for an hour at most. Please look at the case and give a verdict.");
        }
        Some(NoticeKind::AccountRequested) => {
            let (email, phone) = (fact(message, "work_email"), fact(message, "phone"));
            page.line(&format!(
                "They gave as their e-mail address: {}; as their number: {}. Check who they are by a number that you \
                 know before you add them.",
                if email.is_empty() { "none" } else { email },
                if phone.is_empty() { "none" } else { phone },
            ));
        }
        Some(NoticeKind::AddresseeLost) => {
            page.line(match fact(message, "reason") {
                "RESTRICTED" => "A restriction agreed with the patient holds for them since.",
                _ => "The directory does not lead to them any more.",
            });
            page.line("They may have read the earlier version.");
            page.line("Decide whether somebody must telephone them.");
        }
        _ => {}
    }
    if let Some(due) = due {
        page.line(&format!("Due: {}", local_time(due, &message.time_zone)));
    }
    let of_directory = [NoticeKind::EndpointDisabled, NoticeKind::AccountRequested];
    if !message.notice.is_some_and(|kind| of_directory.contains(&kind)) {
        page.line(&format!("Urgency: {}", urgency_name(message.urgency)));
    }
    subject
}

fn digest(message: &Message, page: &mut Page) -> String {
    let (open, overdue) = (fact(message, "open"), fact(message, "overdue"));
    let items: Vec<DigestItem> = serde_json::from_str(fact(message, "items")).unwrap_or_default();
    page.line(&format!("Open: {open}. Overdue: {overdue}."));
    for item in &items {
        let what = match item.kind {
            DigestKind::Call => format!("Please call {}", item.name),
            DigestKind::Answer => format!("{} is asked for an acknowledgment", item.name),
            DigestKind::Sent => format!("{} has not acknowledged what you sent", item.name),
        };
        let when = match item.due_at {
            Some(due) if item.overdue => format!(", OVERDUE since {}", local_time(due, &message.time_zone)),
            Some(due) => format!(", due {}", local_time(due, &message.time_zone)),
            None => String::new(),
        };
        page.item(&format!("{}: {what}{when}", urgency_name(item.urgency)), &item.link);
    }
    let left = open.parse::<usize>().unwrap_or(0).saturating_sub(items.len());
    if left > 0 {
        page.line(&format!("And {left} more."));
    }
    match overdue {
        "0" => format!("Your open items: {open}"),
        _ => format!("Your open items: {open}, of which {overdue} overdue"),
    }
}

/// A mail's parts, written twice: as text and as HTML with every value escaped.
#[derive(Default)]
pub(crate) struct Page {
    parts: Vec<Part>,
}

enum Part {
    Line(String),
    Item(String, String),
    Link(String),
    /// A secure link, which asks for a code and not for a sign-in.
    Door(String),
}

impl Page {
    pub(crate) fn line(&mut self, text: &str) {
        self.parts.push(Part::Line(plain(text)));
    }

    fn item(&mut self, text: &str, link: &str) {
        self.parts.push(Part::Item(plain(text), plain(link)));
    }

    fn link(&mut self, link: &str) {
        self.parts.push(Part::Link(plain(link)));
    }

    /// A link that opens without a sign-in.
    pub(crate) fn door(&mut self, link: &str) {
        self.parts.push(Part::Door(plain(link)));
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            text.push_str(&match part {
                Part::Line(line) => format!("{line}\n\n"),
                Part::Item(line, link) => format!("- {line}\n  {link}\n\n"),
                Part::Link(link) => format!("Open (after signing in):\n{link}\n\n"),
                Part::Door(link) => format!("Open:\n{link}\n\n"),
            });
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    pub(crate) fn html(&self, title: &str) -> String {
        let mut html = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{}</title></head>\n<body>\n",
            escape(title)
        );
        for part in &self.parts {
            html.push_str(&match part {
                Part::Line(line) => format!("<p>{}</p>\n", escape(line)),
                Part::Item(line, link) => format!("<p>&#8226; <a href=\"{}\">{}</a></p>\n", escape(link), escape(line)),
                Part::Door(link) => format!("<p>Open: <a href=\"{0}\">{0}</a></p>\n", escape(link)),
                Part::Link(link) => {
                    format!(
                        "<p>Open (after signing in): <a href=\"{0}\">{0}</a></p>\n",
                        escape(link)
                    )
                }
            });
        }
        html.push_str("</body>\n</html>\n");
        html
    }
}

/// Without control characters, which no name or link needs.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
