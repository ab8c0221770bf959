//! The mails of sign-in that carry a link: an invitation, a password reset, setting up anew. Their link is made when the
//! mail leaves. The mail about a change stands in `change`.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    AccountLinkId, AccountLinkPurpose, ChannelKind, DeliveryId, DeliveryPurpose, DeliveryState, OrganizationId, Urgency,
};
use liaison_store::{
    Tx, deliveries,
    deliveries::DeliveryRow,
    directory::{OrganizationRow, PersonRow},
    sign_in::account_link::AccountLinkRow,
    tasks::Queue,
};

use crate::{
    Result, Service,
    channel::EmailBody,
    loops::message::Message,
    work::render::{Page, local_time},
};

const LINK_FACT: &str = "link_id";
const FOR_FACT: &str = "for";
const EXPIRES_FACT: &str = "expires_at";

pub(super) fn fact<T: std::str::FromStr>(message: &Message, name: &str) -> Option<T> {
    message.facts.get(name)?.parse().ok()
}

fn ends_at(message: &Message) -> Option<DateTime<Utc>> {
    fact(message, EXPIRES_FACT)
}

/// Whether the link of a planned mail has ended, so that the mail has no point any more.
pub(crate) fn mail_is_late(payload: &str, now: DateTime<Utc>) -> bool {
    let message: Option<Message> = serde_json::from_str(payload).ok();
    message.as_ref().and_then(ends_at).is_some_and(|at| at <= now)
}

/// The mail's words. The same message always gives the same bytes.
fn words(message: &Message, purpose: AccountLinkPurpose, url: &str) -> EmailBody {
    let mut page = Page::default();
    let (clinic, to) = (&message.clinic, &message.to);
    let until = ends_at(message).map_or_else(String::new, |at| local_time(at, &message.time_zone));
    let subject = match purpose {
        AccountLinkPurpose::Welcome => {
            page.line(&format!("{to}, {clinic} has made an account for you at Liaison."));
            page.line("Open this link, choose a password and add a second way to prove that it is you.");
            format!("Your account at Liaison, made by {clinic}")
        }
        AccountLinkPurpose::SetUp => {
            page.line(&format!(
                "{to}, an admin removed your lost second factor at Liaison, as you asked."
            ));
            page.line("Open this link, enter your password and add a new authenticator app or passkey.");
            page.line(&format!(
                "If you did not ask for it, do not open it, and telephone an admin of {clinic} at once."
            ));
            "Set up your second factor at Liaison anew".to_owned()
        }
        AccountLinkPurpose::Reset | AccountLinkPurpose::SignIn => {
            page.line(&format!(
                "{to}, somebody asked for a new password for your account at Liaison."
            ));
            page.line("If that was you, open this link. If not, leave it: nothing changes.");
            "A new password at Liaison".to_owned()
        }
    };
    let subject: String = subject.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    page.door(url);
    page.line(&format!(
        "The link works once, until {until}. It is for you: do not pass it on."
    ));
    page.line("This message holds no patient information. Do not answer to this address.");
    EmailBody {
        text: page.text(),
        html: page.html(&subject),
        subject,
        high_priority: false,
    }
}

impl Service {
    /// Plans the mail of a link in the caller's transaction.
    pub(super) async fn mail_link(
        &self,
        tx: &mut Tx,
        person: &PersonRow,
        link: &AccountLinkRow,
        from: &OrganizationRow,
    ) -> Result<()> {
        let now = self.now();
        let message = Message {
            purpose: DeliveryPurpose::AccountLink,
            clinic: from.name.clone(),
            to: person.display_name.clone(),
            urgency: Urgency::Routine,
            due_at: None,
            time_zone: person.time_zone.clone(),
            link: self.link("sign-in"),
            notice: None,
            facts: BTreeMap::from([
                (LINK_FACT.to_owned(), link.id.to_string()),
                (FOR_FACT.to_owned(), link.purpose.to_string()),
                (EXPIRES_FACT.to_owned(), link.expires_at.to_rfc3339()),
            ]),
            at: now,
        };
        self.plan_mail(tx, &person.email, from.id, &message).await
    }

    /// Plans a mail to an address of the directory in the caller's transaction.
    pub(super) async fn plan_mail(
        &self,
        tx: &mut Tx,
        address: &str,
        organization_id: OrganizationId,
        message: &Message,
    ) -> Result<()> {
        let (now, origin) = (self.now(), self.origin());
        let id: DeliveryId = self.id();
        let row = DeliveryRow {
            id,
            recipient_id: None,
            share_id: None,
            organization_id,
            notice_id: None,
            endpoint_id: None,
            channel: ChannelKind::Email,
            address: address.to_owned(),
            purpose: message.purpose,
            state: DeliveryState::Pending,
            attempts: 0,
            next_attempt_at: Some(now),
            lease_owner: None,
            lease_until: None,
            message_id: id.to_string(),
            // Our own types serialize without fail.
            payload: serde_json::to_string(message).unwrap_or_default(),
            urgency: message.urgency,
            dead_reason: None,
            delivered_at: None,
            created_at: now,
            updated_at: now,
            request_id: origin.request_id,
            trace: origin.trace,
        };
        deliveries::insert(tx, &[row]).await?;
        tx.nudge(Queue::Deliver, None);
        Ok(())
    }

    /// The mail of a planned link, with the link itself; `None` where the plan does not read.
    pub(crate) fn account_mail(&self, message: &Message) -> Option<EmailBody> {
        let id: AccountLinkId = fact(message, LINK_FACT)?;
        let purpose: AccountLinkPurpose = fact(message, FOR_FACT)?;
        let url = self.account_link_url(id, purpose).ok()?;
        Some(words(message, purpose, &url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(purpose: AccountLinkPurpose) -> Message {
        let at: DateTime<Utc> = "2026-05-14T22:00:00Z".parse().expect("a time");
        Message {
            purpose: DeliveryPurpose::AccountLink,
            clinic: "Harbor <Pain> Clinic".to_owned(),
            to: "Dr. Lee Wong".to_owned(),
            urgency: Urgency::Routine,
            due_at: None,
            time_zone: "America/Chicago".to_owned(),
            link: "https://liaison.example/sign-in".to_owned(),
            notice: None,
            facts: BTreeMap::from([
                (FOR_FACT.to_owned(), purpose.to_string()),
                (EXPIRES_FACT.to_owned(), at.to_rfc3339()),
            ]),
            at,
        }
    }

    #[test]
    fn the_mails_say_what_for_until_when_and_nothing_of_patients() {
        for purpose in [
            AccountLinkPurpose::Welcome,
            AccountLinkPurpose::Reset,
            AccountLinkPurpose::SetUp,
        ] {
            let mail = words(&message(purpose), purpose, "https://liaison.example/welcome/TOKEN");
            let name = purpose.as_str().to_lowercase();
            insta::assert_snapshot!(name, format!("{}\n\n{}\n{}", mail.subject, mail.text, mail.html));
        }
    }
}
