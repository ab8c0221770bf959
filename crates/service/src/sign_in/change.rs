//! The mail that tells a person what changed in how they sign in (OWASP ASVS 5.0, 6.3.7): what, when, from where, and
//! what to do if it was not them. No secret, no part of one, and no link that opens anything.
//!
//! It is planned in the transaction of the change: there is no change without it.

use std::collections::BTreeMap;

use liaison_domain::{Actor, DeliveryPurpose, OrganizationId, SignInChange, Urgency, UserId};
use liaison_store::{
    Tx,
    directory::{self, PersonRow, person},
    sign_in::session::SessionRow,
};

use super::mail::fact;
use crate::{
    Result, Service,
    channel::EmailBody,
    loops::message::Message,
    work::render::{Page, local_time},
};

const CHANGE_FACT: &str = "change";
const FROM_FACT: &str = "from";
const BY_FACT: &str = "by";

/// From where a change came.
pub(super) struct Whence<'a> {
    /// The network address of the request.
    pub(super) peer: Option<&'a str>,
    /// What the browser said it is.
    pub(super) user_agent: Option<&'a str>,
}

impl<'a> Whence<'a> {
    /// From where a person's own session acts.
    pub(super) fn of_session(actor: &'a Actor, own: &'a SessionRow) -> Self {
        Self {
            peer: actor.peer.as_deref().or(own.peer.as_deref()),
            user_agent: own.user_agent.as_deref(),
        }
    }
}

/// A browser in words, such as `Firefox on Windows`: what people know it by, not its version.
fn browser(agent: &str) -> Option<String> {
    let known = |names: &[(&str, &'static str)]| -> Option<&'static str> {
        let (_, name) = names.iter().find(|(mark, _)| agent.contains(mark))?;
        Some(name)
    };
    // In this order: each of them names those after it too.
    let what = known(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("FxiOS/", "Firefox"),
        ("CriOS/", "Chrome"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
    ])?;
    let on = known(&[
        ("iPhone", "an iPhone"),
        ("iPad", "an iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Macintosh", "a Mac"),
        ("CrOS", "a Chromebook"),
        ("Linux", "Linux"),
    ]);
    Some(on.map_or_else(|| what.to_owned(), |on| format!("{what} on {on}")))
}

/// `Firefox on Windows, network address 192.0.2.17`.
fn whence(from: &Whence<'_>) -> String {
    let browser = from
        .user_agent
        .and_then(browser)
        .unwrap_or_else(|| "a browser that did not say what it is".to_owned());
    match from.peer {
        Some(peer) => format!("{browser}, network address {peer}"),
        None => browser,
    }
}

/// What happened: for the subject, and as the mail's first sentence goes on.
fn what(change: SignInChange) -> (&'static str, &'static str) {
    match change {
        SignInChange::PasswordSet => (
            "Your password was set",
            "a password was set for your account at Liaison.",
        ),
        SignInChange::PasswordChanged => (
            "Your password was changed",
            "your password at Liaison was changed. Your other sessions were ended.",
        ),
        SignInChange::PasswordReset => (
            "Your password was changed",
            "a new password was set at Liaison by the link in a message to this address. Every session was ended.",
        ),
        SignInChange::CodesAdded => (
            "One-time codes were added",
            "an authenticator app was added to your account at Liaison, and ten new recovery codes were made. Older ones work no more.",
        ),
        SignInChange::CodesRemoved => (
            "One-time codes were removed",
            "the authenticator app was removed from your account at Liaison.",
        ),
        SignInChange::PasskeyAdded => ("A passkey was added", "a passkey was added to your account at Liaison."),
        SignInChange::PasskeyRemoved => (
            "A passkey was removed",
            "a passkey was removed from your account at Liaison.",
        ),
        SignInChange::RecoveryCodesReplaced => (
            "Your recovery codes were replaced",
            "ten new recovery codes were made for your account at Liaison. The older ones work no more.",
        ),
        SignInChange::RecoveryCodeUsed => (
            "A recovery code was used",
            "somebody signed in to your account at Liaison with your password and a recovery code. That code works no more.",
        ),
        SignInChange::FactorsReset => (
            "Your second factor was reset",
            "an admin removed your authenticator app, passkeys and recovery codes, because you asked for it. Every session was ended. The link to set up anew comes in a message of its own.",
        ),
        SignInChange::AddressChanged => (
            "Your address for signing in was changed",
            "an admin changed the address with which you sign in to Liaison.",
        ),
    }
}

/// The mail of a planned message; `None` where the plan does not read. The same message always gives the same bytes.
pub(crate) fn change_mail(message: &Message) -> Option<EmailBody> {
    let change: SignInChange = fact(message, CHANGE_FACT)?;
    let (subject, sentence) = what(change);
    let subject = format!("Liaison: {}", subject.to_lowercase());
    let mut page = Page::default();
    page.line(&format!("{}, {sentence}", message.to));
    page.line(&format!("When: {}.", local_time(message.at, &message.time_zone)));
    if let Some(from) = message.facts.get(FROM_FACT) {
        page.line(&format!("From: {from}."));
    }
    if let Some(by) = message.facts.get(BY_FACT) {
        page.line(&format!("By: {by}."));
    }
    page.line("If this was you, or done for you as you asked, there is nothing to do.");
    let clinic = &message.clinic;
    match change {
        SignInChange::FactorsReset | SignInChange::AddressChanged => page.line(&format!(
            "If not, telephone an admin of {clinic} at once; they can lock the account. Open no link that you did not ask for."
        )),
        _ => {
            page.line(&format!(
                "If not, set a new password at once by the page below: it ends every session. Then look on your account page at what you do not know, and telephone an admin of {clinic}, who can lock the account."
            ));
            page.door(&message.link);
        }
    }
    page.line("This message holds no patient information. Do not answer to this address.");
    Some(EmailBody {
        text: page.text(),
        html: page.html(&subject),
        subject,
        high_priority: false,
    })
}

impl Service {
    /// Plans the mail about a change that the person made, in the caller's transaction.
    pub(super) async fn tell_change(
        &self,
        tx: &mut Tx,
        user_id: UserId,
        here: Option<OrganizationId>,
        change: SignInChange,
        from: &Whence<'_>,
    ) -> Result<()> {
        let Some(person) = person::find(tx, user_id).await? else {
            return Ok(());
        };
        let how = (FROM_FACT.to_owned(), whence(from));
        let to = person.email.clone();
        self.plan_change(tx, &person, &to, here, change, how).await
    }

    /// The same about a change that an admin made; to which address.
    pub(crate) async fn tell_change_by(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        person: &PersonRow,
        to: &str,
        change: SignInChange,
    ) -> Result<()> {
        let by = match actor.user_id {
            Some(id) => person::find(tx, id).await?.map(|admin| admin.display_name),
            None => None,
        };
        let how = (
            BY_FACT.to_owned(),
            by.unwrap_or_else(|| "the operator of this service".to_owned()),
        );
        let places = directory::memberships_of(tx, &[person.id]).await?;
        let here = places
            .iter()
            .find(|place| actor.acts_for(place.organization_id))
            .or(places.first())
            .map(|place| place.organization_id);
        self.plan_change(tx, person, to, here, change, how).await
    }

    async fn plan_change(
        &self,
        tx: &mut Tx,
        person: &PersonRow,
        to: &str,
        here: Option<OrganizationId>,
        change: SignInChange,
        how: (String, String),
    ) -> Result<()> {
        let ids: Vec<OrganizationId> = here.into_iter().collect();
        let organizations = directory::organizations_by_ids(tx, &ids).await?;
        // Whoever has no place anywhere cannot sign in, and there is nobody to turn to.
        let Some(organization) = organizations.first() else {
            return Ok(());
        };
        let message = Message {
            purpose: DeliveryPurpose::AccountChange,
            clinic: organization.name.clone(),
            to: person.display_name.clone(),
            urgency: Urgency::Routine,
            due_at: None,
            time_zone: person.time_zone.clone(),
            link: self.link("reset"),
            notice: None,
            facts: BTreeMap::from([(CHANGE_FACT.to_owned(), change.to_string()), how]),
            at: self.now(),
        };
        self.plan_mail(tx, to, organization.id, &message).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

    fn message(change: SignInChange) -> Message {
        let from = Whence {
            peer: Some("192.0.2.17"),
            user_agent: Some(FIREFOX),
        };
        let by_admin = matches!(change, SignInChange::FactorsReset | SignInChange::AddressChanged);
        let how = match by_admin {
            true => (BY_FACT.to_owned(), "Ada Ministra".to_owned()),
            false => (FROM_FACT.to_owned(), whence(&from)),
        };
        Message {
            purpose: DeliveryPurpose::AccountChange,
            clinic: "Harbor <Pain> Clinic".to_owned(),
            to: "Dr. Lee Wong".to_owned(),
            urgency: Urgency::Routine,
            due_at: None,
            time_zone: "America/Chicago".to_owned(),
            link: "https://liaison.example/reset".to_owned(),
            notice: None,
            facts: BTreeMap::from([(CHANGE_FACT.to_owned(), change.to_string()), how]),
            at: "2026-05-14T22:00:00Z".parse().expect("a time"),
        }
    }

    #[test]
    fn the_mails_say_what_when_from_where_and_what_to_do() {
        let mut all = String::new();
        for change in SignInChange::ALL {
            let mail = change_mail(&message(*change)).expect("a mail");
            all.push_str(&format!("== {change}\n{}\n\n{}\n", mail.subject, mail.text));
            assert!(mail.text.contains("17:00 CDT (America/Chicago)") && mail.text.contains("Harbor <Pain> Clinic"));
            assert!(mail.html.contains("Harbor &lt;Pain&gt; Clinic") && !mail.subject.contains("Harbor"));
        }
        insta::assert_snapshot!(all);
    }

    #[test]
    fn browsers_are_named_as_people_know_them() {
        for (agent, name) in [
            (FIREFOX, Some("Firefox on Windows")),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0",
                Some("Edge on Windows"),
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1",
                Some("Safari on an iPhone"),
            ),
            (
                "Mozilla/5.0 (Linux; Android 15; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Mobile Safari/537.36",
                Some("Chrome on Android"),
            ),
            ("curl/8.14.1", None),
        ] {
            assert_eq!(browser(agent).as_deref(), name, "{agent}");
        }
        let nothing = Whence {
            peer: None,
            user_agent: None,
        };
        assert_eq!(whence(&nothing), "a browser that did not say what it is");
    }
}
