//! The recipient's inbox.

use async_graphql::{Context, Enum, InputObject, Object, Result};
use liaison_clinical::Urgency;
use liaison_service::reading as views;

use super::{PatientIdentity, minutes};
use crate::fail::OrRefuse as _;
use crate::loops::recipient::Recipient;
use crate::page::{self, connection};
use crate::session::asking;

/// Which loops of the inbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::reading::InboxOnly")]
pub(crate) enum InboxOnly {
    /// Those that wait: an acknowledgment is owed, or a copy was not looked at.
    Open,
    /// The others, the newest share first.
    Closed,
    /// All; those that wait come first.
    All,
}

/// Which loops of the inbox to show.
#[derive(InputObject)]
pub(crate) struct InboxFilter {
    /// Which of them; the open ones when nothing is said.
    only: Option<InboxOnly>,
    /// At this urgency alone.
    urgency: Option<Urgency>,
}

pub(crate) struct InboxEntry(views::InboxEntry);

connection! {
    /// A page of the inbox.
    InboxConnection,
    /// A line of the inbox.
    InboxEdge of InboxEntry
}

/// One loop in a recipient's inbox. What the note says comes by `openShare` alone.
#[Object]
impl InboxEntry {
    /// The loop.
    async fn recipient(&self) -> Recipient {
        Recipient::of(self.0.recipient.clone())
    }

    /// Who the patient is; null where the share was taken away before anybody opened it.
    async fn patient(&self) -> Option<PatientIdentity> {
        self.0.patient.clone().map(PatientIdentity)
    }

    /// While an acknowledgment is owed: minutes until it is due; negative when it is overdue.
    async fn minutes_left(&self) -> Option<i64> {
        self.0.time_left.map(minutes)
    }
}

/// The inbox.
#[derive(Default)]
pub(crate) struct InboxQuery;

#[Object]
impl InboxQuery {
    /// What was addressed to one, one's teams, or people one covers, the most urgent first. Patients that are shown are
    /// in the ledger.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn inbox(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which loops; the open ones when nothing is said.")] filter: Option<InboxFilter>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<InboxConnection> {
        let asking = asking(ctx)?;
        let further = after.is_some();
        let mut query = views::InboxQuery {
            first: Some(page::first(ctx, first)?),
            after,
            ..Default::default()
        };
        if let Some(filter) = filter {
            query.only = filter.only.map(Into::into).unwrap_or_default();
            query.urgency = filter.urgency;
        }
        let inbox = asking.service.inbox(&asking.actor, query).await.or_refuse(ctx)?;
        let items = inbox
            .entries
            .into_iter()
            .map(|entry| (entry.cursor.clone(), InboxEntry(entry)));
        Ok(InboxConnection::of(items, inbox.has_more, further))
    }
}
