//! The telephone calls that the clinic owes.

use async_graphql::{Context, InputObject, Object, Result};
use liaison_service::reading as views;

use super::PatientIdentity;
use crate::enums::CallTaskStatus;
use crate::fail::OrRefuse as _;
use crate::loops::call_task::CallTask;
use crate::loops::recipient::Recipient;
use crate::page::{self, connection};
use crate::session::asking;

/// Which calls to show.
#[derive(InputObject)]
pub(crate) struct CallTaskFilter {
    /// Only those that one owes oneself.
    #[graphql(default)]
    mine: bool,
    /// Only those that stand so; every one when nothing is said.
    status: Option<CallTaskStatus>,
}

pub(crate) struct CallListEntry(views::CallListEntry);

connection! {
    /// A page of calls.
    CallTaskConnection,
    /// A call in a page.
    CallTaskEdge of CallListEntry
}

/// One telephone call on the clinic's list.
#[Object]
impl CallListEntry {
    /// The task.
    async fn task(&self) -> CallTask {
        CallTask::of(self.0.task.clone())
    }

    /// The loop it is about.
    async fn recipient(&self) -> Option<Recipient> {
        self.0.recipient.clone().map(Recipient::of)
    }

    /// About whom: the caller must name the patient.
    async fn patient(&self) -> Option<PatientIdentity> {
        self.0.patient.clone().map(PatientIdentity)
    }

    /// Whether it is open and was due before now.
    async fn is_overdue(&self) -> bool {
        self.0.overdue
    }
}

/// The calls.
#[derive(Default)]
pub(crate) struct CallTaskQuery;

#[Object]
impl CallTaskQuery {
    /// The telephone calls that the clinic owes, the first due first. Patients that are shown are in the ledger.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn call_tasks(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which calls; every one when nothing is said.")] filter: Option<CallTaskFilter>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<CallTaskConnection> {
        let asking = asking(ctx)?;
        let further = after.is_some();
        let query = views::CallListQuery {
            mine: filter.as_ref().is_some_and(|filter| filter.mine),
            status: filter.and_then(|filter| filter.status).map(Into::into),
            first: Some(page::first(ctx, first)?),
            after,
        };
        let list = asking.service.call_list(&asking.actor, query).await.or_refuse(ctx)?;
        let items = list
            .entries
            .into_iter()
            .map(|entry| (entry.cursor.clone(), CallListEntry(entry)));
        Ok(CallTaskConnection::of(items, list.has_more, further))
    }
}
