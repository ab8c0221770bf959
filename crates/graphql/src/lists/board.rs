//! The sender's board.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_service::reading as views;

use super::{PatientIdentity, minutes};
use crate::directory::person::Person;
use crate::enums::StepKind;
use crate::fail::OrRefuse as _;
use crate::ids::parse;
use crate::loops::parts::person;
use crate::loops::recipient::Recipient;
use crate::page::{self, connection};
use crate::session::asking;

/// Which loops of the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::reading::BoardOnly")]
pub(crate) enum BoardOnly {
    /// Those that wait: for an acknowledgment, or for the clinic's own reply.
    Open,
    /// Those whose acknowledgment was due before now.
    Overdue,
    /// All; those that wait come first, the others follow with the newest share first.
    All,
}

/// Which loops of the board to show.
#[derive(InputObject)]
pub(crate) struct BoardFilter {
    /// Which of them; the open ones when nothing is said.
    only: Option<BoardOnly>,
    /// At this urgency alone.
    urgency: Option<Urgency>,
    /// Only what one shared oneself.
    #[graphql(default)]
    mine: bool,
    /// Only what went to this organization (`org_...`).
    to_organization_id: Option<ID>,
    /// Only about this patient (`patient_...`).
    patient_id: Option<ID>,
}

pub(crate) struct BoardEntry(views::BoardEntry);

connection! {
    /// A page of the board.
    BoardConnection,
    /// A line of the board.
    BoardEdge of BoardEntry
}

/// One loop on the sender's board.
#[Object]
impl BoardEntry {
    /// The loop.
    async fn recipient(&self) -> Recipient {
        Recipient::of(self.0.recipient.clone())
    }

    /// Who the patient is; null for roles that follow loops without reading patients.
    async fn patient(&self) -> Option<PatientIdentity> {
        self.0.patient.clone().map(PatientIdentity)
    }

    /// What the timers do next, when nobody answers before.
    async fn next_step(&self) -> Option<StepKind> {
        self.0.next_step.as_ref().map(|step| step.kind.into())
    }

    /// When they do it.
    async fn next_step_at(&self) -> Option<DateTime<Utc>> {
        self.0.next_step.as_ref().map(|step| step.due)
    }

    /// Who owes a telephone call about this loop.
    async fn next_owner(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.next_owner).await
    }

    /// When that call is due.
    async fn call_due_at(&self) -> Option<DateTime<Utc>> {
        self.0.call_due_at
    }

    /// While an acknowledgment is owed: minutes until it is due; negative when it is overdue.
    async fn minutes_left(&self) -> Option<i64> {
        self.0.time_left.map(minutes)
    }

    /// Whether an acknowledgment was due before now.
    async fn is_overdue(&self) -> bool {
        self.0.is_overdue()
    }
}

/// The board.
#[derive(Default)]
pub(crate) struct BoardQuery;

#[Object]
impl BoardQuery {
    /// The clinic's loops, the most overdue first. Patients that are shown are in the ledger.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn board(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which loops; the open ones when nothing is said.")] filter: Option<BoardFilter>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<BoardConnection> {
        let asking = asking(ctx)?;
        let mut query = views::BoardQuery {
            first: Some(page::first(ctx, first)?),
            ..Default::default()
        };
        if let Some(filter) = filter {
            query.only = filter.only.map(Into::into).unwrap_or_default();
            query.urgency = filter.urgency;
            query.mine = filter.mine;
            let organization = filter.to_organization_id.as_ref();
            query.to_organization_id = organization
                .map(|id| parse("filter.toOrganizationId", id))
                .transpose()
                .or_refuse(ctx)?;
            let patient = filter.patient_id.as_ref();
            query.patient_id = patient
                .map(|id| parse("filter.patientId", id))
                .transpose()
                .or_refuse(ctx)?;
        }
        let further = after.is_some();
        query.after = after;
        let board = asking.service.board(&asking.actor, query).await.or_refuse(ctx)?;
        let items = board
            .entries
            .into_iter()
            .map(|entry| (entry.cursor.clone(), BoardEntry(entry)));
        Ok(BoardConnection::of(items, board.has_more, further))
    }
}
