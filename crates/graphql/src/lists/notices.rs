//! A person's notices: that something happened, without clinical content.

use async_graphql::{Context, ID, InputObject, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::NoticeId;
use liaison_service::reading::NoticeRow;

use crate::enums::NoticeKind;
use crate::fail::{OrRefuse as _, payload, settle};
use crate::ids::{Ids, shown};
use crate::loops::recipient::Recipient;
use crate::page::{self, connection};
use crate::session::asking;

pub(crate) struct Notice(NoticeRow);

connection! {
    /// A page of notices.
    NoticeConnection,
    /// A notice in a page.
    NoticeEdge of Notice
}

/// A notice to a person.
#[Object]
impl Notice {
    /// Its id (`notice_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// About what.
    async fn kind(&self) -> NoticeKind {
        self.0.kind.into()
    }

    /// How urgent.
    async fn urgency(&self) -> Urgency {
        self.0.urgency
    }

    /// The share (`share_...`).
    async fn share_id(&self) -> Option<ID> {
        self.0.share_id.map(shown)
    }

    /// The loop.
    async fn recipient(&self, ctx: &Context<'_>) -> Result<Option<Recipient>> {
        let Some(id) = self.0.recipient_id else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Recipient::of))
    }

    /// When.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When the person saw it.
    async fn seen_at(&self) -> Option<DateTime<Utc>> {
        self.0.seen_at
    }
}

/// Notices that were seen.
#[derive(InputObject)]
pub(crate) struct SeeNoticesInput {
    /// Which of one's own (`notice_...`): 1 to 200.
    notice_ids: Vec<ID>,
}

payload! {
    /// What came of seeing notices.
    SeeNoticesPayload {
        /// How many were new.
        seen: u64,
    }
}

/// One's notices.
#[derive(Default)]
pub(crate) struct NoticeQuery;

#[Object]
impl NoticeQuery {
    /// One's own notices, newest first.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn notices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<NoticeConnection> {
        let asking = asking(ctx)?;
        let first = page::first(ctx, first)?;
        let found = asking
            .service
            .notices(&asking.actor, Some(first), after.as_deref())
            .await
            .or_refuse(ctx)?;
        let items = found.entries.into_iter().map(|(row, cursor)| (cursor, Notice(row)));
        Ok(NoticeConnection::of(items, found.has_more, after.is_some()))
    }
}

/// Seeing notices.
#[derive(Default)]
pub(crate) struct NoticeMutation;

#[Object]
impl NoticeMutation {
    /// Marks one's own notices as seen. A repeat changes nothing; others' are left alone.
    async fn see_notices(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which.")] input: SeeNoticesInput,
    ) -> Result<SeeNoticesPayload> {
        let asking = asking(ctx)?;
        let done = async {
            let mut ids = Ids::default();
            let notices: Vec<NoticeId> = ids.all("noticeIds", &input.notice_ids);
            ids.done()?;
            asking.service.see_notices(&asking.actor, &notices).await
        };
        Ok(match settle(ctx, done.await)? {
            Ok(seen) => SeeNoticesPayload {
                seen: Some(seen),
                ..Default::default()
            },
            Err(problems) => problems.into(),
        })
    }
}
