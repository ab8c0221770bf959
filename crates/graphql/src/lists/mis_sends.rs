//! Wrong-recipient cases.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_service::loops::mis_send as use_cases;

use crate::directory::person::Person;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::loops::parts::person;
use crate::loops::recipient::Recipient;
use crate::page::{self, connection};
use crate::session::asking;

pub(crate) struct MisSend(use_cases::MisSendCase);

connection! {
    /// A page of wrong-recipient cases.
    MisSendConnection,
    /// A case in a page.
    MisSendEdge of MisSend
}

/// A wrong-recipient case: the copy is sealed from the recipient, and an admin must review and close it.
#[Object]
impl MisSend {
    /// Its id (`missend_...`).
    async fn id(&self) -> ID {
        shown(self.0.row.id)
    }

    /// The loop that went wrong.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        Ok(asking(ctx)?
            .load
            .load_one(self.0.row.recipient_id)
            .await
            .or_refuse(ctx)?
            .map(Recipient::of))
    }

    /// Who reported it.
    async fn reported_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.reported_by).await
    }

    /// When.
    async fn reported_at(&self) -> DateTime<Utc> {
        self.0.row.reported_at
    }

    /// Whether the content had been opened before: a disclosure that the accounting lists.
    async fn content_was_opened(&self) -> bool {
        self.0.row.content_was_opened
    }

    /// When an admin closed it.
    async fn closed_at(&self) -> Option<DateTime<Utc>> {
        self.0.row.closed_at
    }

    /// Who closed it.
    async fn closed_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.row.closed_by).await
    }

    /// What was found and done, once it is closed.
    async fn finding(&self) -> Option<&str> {
        self.0.finding.as_ref().map(|finding| finding.reveal().as_str())
    }
}

/// A case to be closed.
#[derive(InputObject)]
pub(crate) struct CloseMisSendInput {
    /// Which (`missend_...`).
    mis_send_id: ID,
    /// What was found and done: 1 to 20,000 characters.
    finding: String,
    /// Makes a repeat harmless: 1 to 200 characters.
    idempotency_key: Option<String>,
}

payload! {
    /// What came of closing a case.
    CloseMisSendPayload {
        /// Its id.
        mis_send_id: ID,
    }
}

/// Cases.
#[derive(Default)]
pub(crate) struct MisSendQuery;

#[Object]
impl MisSendQuery {
    /// The clinic's wrong-recipient cases, for admins.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn mis_sends(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only the open ones, or only the closed ones; all when nothing is said.")] open: Option<bool>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<MisSendConnection> {
        let asking = asking(ctx)?;
        let further = after.is_some();
        let query = use_cases::MisSendQuery {
            open,
            first: Some(page::first(ctx, first)?),
            after,
        };
        let found = asking.service.mis_sends(&asking.actor, query).await.or_refuse(ctx)?;
        let items = found
            .entries
            .into_iter()
            .map(|case| (case.cursor.clone(), MisSend(case)));
        Ok(MisSendConnection::of(items, found.has_more, further))
    }
}

/// Closing cases.
#[derive(Default)]
pub(crate) struct MisSendMutation;

#[Object]
impl MisSendMutation {
    /// Closes a wrong-recipient case. For admins.
    async fn close_mis_send(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The case and what was found.")] input: CloseMisSendInput,
    ) -> Result<CloseMisSendPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let mis_send_id = ids.one("misSendId", &input.mis_send_id);
            ids.done()?;
            let (finding, idempotency_key) = (input.finding, input.idempotency_key);
            let input = use_cases::CloseMisSend {
                mis_send_id,
                finding,
                idempotency_key,
            };
            asking.service.close_mis_send(&asking.actor, input).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(closed) => CloseMisSendPayload {
                mis_send_id: Some(shown(closed.mis_send_id)),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
