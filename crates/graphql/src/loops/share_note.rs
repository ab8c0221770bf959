//! Sharing a signed version, looking at the checks before, and taking a share back.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_service::{
    ServiceError,
    loops::{self as use_cases, recall, share_note},
};

use super::share::Share;
use crate::directory::{person::Person, team::Team};
use crate::enums::{CareRole, Duty};
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, parse};
use crate::session::asking;

/// One addressed team or person: exactly one of the two.
#[derive(InputObject)]
pub(crate) struct NewRecipientInput {
    /// The team (`team_...`), or ...
    team_id: Option<ID>,
    /// ... the person (`user_...`).
    user_id: Option<ID>,
    /// For a person in several organizations: which one (`org_...`).
    organization_id: Option<ID>,
    /// The part they play; the care team's or the team's own when nothing is said.
    care_role: Option<CareRole>,
    /// Must they acknowledge, or do they get a copy?
    duty: Duty,
}

/// A question to the recipients.
#[derive(InputObject)]
pub(crate) struct NewQuestionInput {
    /// For whom; everyone when nothing is said.
    care_role: Option<CareRole>,
    /// The question: 1 to 4,000 characters.
    text: String,
    /// By when an answer is wished for.
    respond_by: Option<DateTime<Utc>>,
}

/// A telephone call made before the share.
#[derive(InputObject)]
pub(crate) struct VerbalCommunicationInput {
    /// When; not in the future.
    at: DateTime<Utc>,
    /// With whom: a name.
    to: String,
    /// Did they read back what was told?
    read_back: bool,
    /// Notes: at most 4,000 characters.
    note: Option<String>,
}

/// A check that the author saw and overrides.
#[derive(InputObject)]
pub(crate) struct OverrideInput {
    /// Which check: its code, such as `NOT_ON_CARE_TEAM`.
    code: String,
    /// Why: 1 to 4,000 characters. It is kept, and that there was one stands in the ledger.
    reason: String,
}

/// A signed version to be sent to recipients.
#[derive(InputObject)]
pub(crate) struct ShareNoteInput {
    /// The version (`notever_...`): the newest of its note, not withdrawn.
    note_version_id: ID,
    /// To whom: 1 to 50.
    recipients: Vec<NewRecipientInput>,
    /// Raises the urgency above the version's flags; never lowers it.
    urgency: Option<Urgency>,
    /// Questions: at most 20.
    #[graphql(default)]
    questions: Vec<NewQuestionInput>,
    /// A few words to go with it: at most 4,000 characters.
    message: Option<String>,
    /// The telephone call that was made before.
    verbal: Option<VerbalCommunicationInput>,
    /// The checks that the author saw and overrides, each with its reason: at most 10.
    #[graphql(default)]
    overrides: Vec<OverrideInput>,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

/// A share to be taken back.
#[derive(InputObject)]
pub(crate) struct RecallShareInput {
    /// The share (`share_...`).
    share_id: ID,
    /// Why: 1 to 4,000 characters.
    reason: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of sharing.
    ShareNotePayload {
        /// The share, with one loop for each recipient in the order of the input.
        share: Share,
    }
}

payload! {
    /// What came of a recall.
    RecallSharePayload {
        /// The share as it is now.
        share: Share,
        /// How many copies nobody had opened.
        unopened: u32,
        /// How many recipients had opened theirs and are told.
        told: u32,
    }
}

/// How much a check before release weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::loops::CheckSeverity")]
pub(crate) enum CheckSeverity {
    /// The share cannot leave.
    Blocks,
    /// The share leaves only with a reason, which is kept.
    NeedsReason,
    /// To be known.
    Note,
}

pub(crate) struct ReleaseCheck(use_cases::ReleaseCheck);

/// What a check before release found.
#[Object]
impl ReleaseCheck {
    /// `NOT_ON_CARE_TEAM`, `RESTRICTED`, `NO_ENDPOINT`, `NOBODY_REACHABLE`, `LOOK_ALIKE` or `AWAY_COVERED`.
    async fn code(&self) -> &str {
        self.0.code
    }

    /// The recipient it is about, by its place in the input, from 0; null where it is about the patient.
    async fn recipient(&self) -> Option<usize> {
        self.0.recipient
    }

    /// What must happen before the share leaves.
    async fn severity(&self) -> CheckSeverity {
        self.0.severity.into()
    }

    /// What was found and what can be done.
    async fn message(&self) -> &str {
        &self.0.message
    }

    /// Teams of the same organization that could be reached instead.
    async fn alternative_teams(&self, ctx: &Context<'_>) -> Result<Vec<Team>> {
        let ids = &self.0.alternative_teams;
        let mut found = asking(ctx)?.load.load_many(ids.iter().copied()).await.or_refuse(ctx)?;
        Ok(ids.iter().filter_map(|id| found.remove(id)).map(Team).collect())
    }

    /// People who could be addressed instead.
    async fn alternative_people(&self, ctx: &Context<'_>) -> Result<Vec<Person>> {
        let ids = &self.0.alternative_people;
        let mut found = asking(ctx)?.load.load_many(ids.iter().copied()).await.or_refuse(ctx)?;
        Ok(ids.iter().filter_map(|id| found.remove(id)).map(Person).collect())
    }
}

fn recipients(given: &[NewRecipientInput], ids: &mut Ids) -> Vec<use_cases::NewRecipient> {
    let mut read = Vec::with_capacity(given.len());
    for (index, recipient) in given.iter().enumerate() {
        let path = |field: &str| format!("recipients[{index}].{field}");
        read.push(use_cases::NewRecipient {
            team_id: ids.maybe(path("teamId"), recipient.team_id.as_ref()),
            user_id: ids.maybe(path("userId"), recipient.user_id.as_ref()),
            organization_id: ids.maybe(path("organizationId"), recipient.organization_id.as_ref()),
            care_role: recipient.care_role.map(Into::into),
            duty: recipient.duty.into(),
        });
    }
    read
}

impl ShareNoteInput {
    fn read(self) -> Result<use_cases::ShareNote, ServiceError> {
        let mut ids = Ids::default();
        let question = |question: NewQuestionInput| use_cases::NewQuestion {
            care_role: question.care_role.map(Into::into),
            text: question.text,
            respond_by: question.respond_by,
        };
        let verbal = |verbal: VerbalCommunicationInput| use_cases::VerbalCommunication {
            at: verbal.at,
            to: verbal.to,
            read_back: verbal.read_back,
            note: verbal.note,
        };
        let overridden = |given: OverrideInput| share_note::Override {
            code: given.code,
            reason: given.reason,
        };
        let input = use_cases::ShareNote {
            note_version_id: ids.one("noteVersionId", &self.note_version_id),
            recipients: recipients(&self.recipients, &mut ids),
            urgency: self.urgency,
            questions: self.questions.into_iter().map(question).collect(),
            message: self.message,
            verbal: self.verbal.map(verbal),
            overrides: self.overrides.into_iter().map(overridden).collect(),
            idempotency_key: self.idempotency_key,
        };
        ids.done().map(|()| input)
    }
}

/// The checks before release.
#[derive(Default)]
pub(crate) struct ReleaseQuery;

#[Object]
impl ReleaseQuery {
    /// What the checks before release find for a version and its recipients, for the author to see before sharing.
    #[graphql(complexity = "20 + 3 * child_complexity")]
    async fn release_checks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The version (`notever_...`).")] note_version_id: ID,
        #[graphql(desc = "To whom: 1 to 50.", name = "recipients")] given: Vec<NewRecipientInput>,
    ) -> Result<Vec<ReleaseCheck>> {
        let asking = asking(ctx)?;
        let version = parse("noteVersionId", &note_version_id).or_refuse(ctx)?;
        let mut ids = Ids::default();
        let to = recipients(&given, &mut ids);
        ids.done().or_refuse(ctx)?;
        let checks = asking
            .service
            .release_checks(&asking.actor, version, &to)
            .await
            .or_refuse(ctx)?;
        Ok(checks.into_iter().map(ReleaseCheck).collect())
    }
}

/// Sharing and recalling.
#[derive(Default)]
pub(crate) struct ShareMutation;

#[Object]
impl ShareMutation {
    /// Sends a signed version to recipients. For physicians. Each recipient is a loop of its own that stays open until
    /// a named person has acknowledged.
    async fn share_note(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What, to whom, what is asked.")] input: ShareNoteInput,
    ) -> Result<ShareNotePayload> {
        let asking = asking(ctx)?;
        let done = async { asking.service.share_note(&asking.actor, input.read()?).await };
        Ok(match settle(ctx, done.await)? {
            Ok(shared) => {
                let share = asking
                    .load
                    .load_one(shared.share_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Share::of);
                ShareNotePayload {
                    share,
                    ..Default::default()
                }
            }
            Err(problems) => problems.into(),
        })
    }

    /// Takes a share back. Copies that nobody had opened end; those who had opened theirs are told.
    async fn recall_share(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The share and why.")] input: RecallShareInput,
    ) -> Result<RecallSharePayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let share_id = ids.one("shareId", &input.share_id);
            ids.done()?;
            let input = recall::RecallShare {
                share_id,
                reason: input.reason,
                idempotency_key: input.idempotency_key,
            };
            asking.service.recall_share(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(recalled) => RecallSharePayload {
                share: asking
                    .load
                    .load_one(recalled.share_id)
                    .await
                    .or_refuse(ctx)?
                    .map(Share::of),
                unopened: Some(recalled.unopened),
                told: Some(recalled.told),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
