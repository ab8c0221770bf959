//! The accounting of disclosures (45 CFR 164.528).

use async_graphql::{Context, Enum, ID, Object, Result};
use chrono::{DateTime, Utc};
use liaison_service::audit as use_cases;

use crate::directory::person::Person;
use crate::enums::{NoteKind, PurposeOfUse};
use crate::fail::OrRefuse as _;
use crate::ids::{parse, shown};
use crate::loops::parts::person;
use crate::page::{self, connection};
use crate::session::asking;

/// On what ground content was disclosed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::audit::DisclosureBasis")]
pub(crate) enum DisclosureBasis {
    /// For treatment: exempt from the accounting (164.528(a)(1)(i)), shown for completeness.
    Treatment,
    /// To a wrong recipient: must be accounted for.
    MisSend,
}

pub(crate) struct Disclosure(use_cases::Disclosure);

connection! {
    /// A page of disclosures.
    DisclosureConnection,
    /// A disclosure in a page.
    DisclosureEdge of Disclosure
}

/// A version of a note that a person outside the clinic received. Repeated openings by one person in one loop are one
/// disclosure with the first, the last and their number (164.528(b)(3)).
#[Object]
impl Disclosure {
    /// The ledger entry of the first opening (`entry_...`): its receipt proves the disclosure.
    async fn entry_id(&self) -> ID {
        shown(self.0.entry_id)
    }

    /// When it was first made.
    async fn at(&self) -> DateTime<Utc> {
        self.0.at
    }

    /// When it was last made.
    async fn last_at(&self) -> DateTime<Utc> {
        self.0.last_at
    }

    /// How often.
    async fn times(&self) -> u64 {
        self.0.times
    }

    /// The loop (`recipient_...`).
    async fn recipient_id(&self) -> ID {
        shown(self.0.recipient_id)
    }

    /// Who received it; null for a person without an account.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.user_id).await
    }

    /// That person's name.
    async fn person_name(&self) -> Option<&str> {
        self.0.user_name.as_deref()
    }

    /// The organization that received it (`org_...`).
    async fn organization_id(&self) -> ID {
        shown(self.0.organization_id)
    }

    /// Its name.
    async fn organization_name(&self) -> &str {
        &self.0.organization_name
    }

    /// The version (`notever_...`).
    async fn note_version_id(&self) -> ID {
        shown(self.0.note_version_id)
    }

    /// What kind of note.
    async fn note_kind(&self) -> NoteKind {
        self.0.note_kind.into()
    }

    /// Which version of it, from 1.
    async fn version(&self) -> u32 {
        self.0.version
    }

    /// For which purpose of use.
    async fn purpose(&self) -> PurposeOfUse {
        self.0.purpose.into()
    }

    /// On what ground.
    async fn basis(&self) -> DisclosureBasis {
        self.0.basis.into()
    }

    /// Whether an accounting must list it.
    async fn reportable(&self) -> bool {
        self.0.reportable
    }

    /// The wrong-recipient case (`missend_...`).
    async fn mis_send_id(&self) -> Option<ID> {
        self.0.mis_send_id.map(shown)
    }
}

/// Disclosures.
#[derive(Default)]
pub(crate) struct DisclosureQuery;

#[Object]
impl DisclosureQuery {
    /// The accounting of a patient's disclosures, newest first. For admins and auditors of the patient's clinic. The
    /// look is recorded.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    #[expect(clippy::too_many_arguments, reason = "each is an argument of the field")]
    async fn disclosures(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The patient (`patient_...`).")] patient_id: ID,
        #[graphql(desc = "From; six years before `until` when nothing is said.")] from: Option<DateTime<Utc>>,
        #[graphql(desc = "Until; now when nothing is said.")] until: Option<DateTime<Utc>>,
        #[graphql(desc = "Only those that an accounting must list.", default)] reportable_only: bool,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<DisclosureConnection> {
        let asking = asking(ctx)?;
        let further = after.is_some();
        let input = use_cases::ReadDisclosures {
            patient_id: parse("patientId", &patient_id).or_refuse(ctx)?,
            from,
            until,
            reportable_only,
            first: Some(page::first(ctx, first)?),
            after,
        };
        let found = asking
            .service
            .read_disclosures(&asking.actor, input)
            .await
            .or_refuse(ctx)?;
        let items = found
            .disclosures
            .into_iter()
            .map(|row| (row.cursor.clone(), Disclosure(row)));
        Ok(DisclosureConnection::of(items, found.has_next, further))
    }
}
