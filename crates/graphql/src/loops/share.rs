//! Shares: one act of sending a signed version, with its questions and loops.

use std::sync::Arc;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::{Phi, ShareId};
use liaison_service::loops::share_note::ShareDetail;
use liaison_service::reading::{ShareRow, ShareView};

use super::parts::{CheckOverride, Question, VerbalCommunication, person};
use super::recipient::{self, Recipient};
use crate::directory::{organization::Organization, person::Person};
use crate::fail::{OrRefuse as _, present};
use crate::ids::{parse, shown};
use crate::load::{DetailOf, QuestionsOf, RecipientsOf};
use crate::session::asking;

/// A share; with what a reading of all of it brought already.
pub(crate) struct Share {
    row: ShareRow,
    view: Option<Arc<ShareView>>,
}

impl Share {
    /// A share alone.
    pub(crate) fn of(row: ShareRow) -> Self {
        Self { row, view: None }
    }

    async fn detail(&self, ctx: &Context<'_>) -> Result<Option<Phi<ShareDetail>>> {
        match &self.view {
            Some(view) => Ok(view.detail.clone()),
            None => asking(ctx)?.load.load_one(DetailOf(self.row.id)).await.or_refuse(ctx),
        }
    }
}

/// The share of an id, with all that happened.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Share> {
    let asking = asking(ctx)?;
    let id: ShareId = parse("id", id).or_refuse(ctx)?;
    let view = asking.service.share(&asking.actor, id).await.or_refuse(ctx)?;
    Ok(Share {
        row: view.share.clone(),
        view: Some(Arc::new(view)),
    })
}

/// One act of sending a signed note version, with urgency and questions, to recipients.
#[Object]
impl Share {
    /// Its id (`share_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.row.id)
    }

    /// What was sent (`notever_...`). The clinic reads it through `noteVersion`, a recipient through `openShare`.
    async fn note_version_id(&self) -> ID {
        shown(self.row.note_version_id)
    }

    /// The note (`note_...`).
    async fn note_id(&self) -> ID {
        shown(self.row.note_id)
    }

    /// The patient (`patient_...`).
    async fn patient_id(&self) -> ID {
        shown(self.row.patient_id)
    }

    /// The clinic that sent it.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.row.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// How urgent.
    async fn urgency(&self) -> Urgency {
        self.row.urgency
    }

    /// By whom.
    async fn shared_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, Some(self.row.shared_by)).await
    }

    /// When.
    async fn shared_at(&self) -> DateTime<Utc> {
        self.row.shared_at
    }

    /// Whether a telephone call was made before.
    async fn verbal_made(&self) -> bool {
        self.row.verbal_made
    }

    /// The words that went with it: for the clinic, and for a recipient who opened it. Writes a ledger entry.
    async fn message(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        Ok(self
            .detail(ctx)
            .await?
            .and_then(|detail| detail.into_revealed().message))
    }

    /// The telephone call that was made before. For the clinic. Writes a ledger entry.
    async fn verbal(&self, ctx: &Context<'_>) -> Result<Option<VerbalCommunication>> {
        let detail = self.detail(ctx).await?;
        Ok(detail.and_then(|detail| detail.reveal().verbal.as_ref().map(Into::into)))
    }

    /// The checks that were overridden, with reasons. For the clinic. Writes a ledger entry.
    async fn overrides(&self, ctx: &Context<'_>) -> Result<Vec<CheckOverride>> {
        let overrides = self.detail(ctx).await?.map(|detail| detail.into_revealed().overrides);
        let overrides = overrides.unwrap_or_default().into_iter();
        Ok(overrides.map(|(code, reason)| CheckOverride { code, reason }).collect())
    }

    /// What it asks: for the clinic all, for a recipient what is for them. Its texts write a ledger entry.
    #[graphql(complexity = "2 + 2 * child_complexity")]
    async fn questions(&self, ctx: &Context<'_>) -> Result<Vec<Question>> {
        let rows = match &self.view {
            Some(view) => view.questions.clone(),
            None => asking(ctx)?
                .load
                .load_one(QuestionsOf(self.row.id))
                .await
                .or_refuse(ctx)?
                .unwrap_or_default(),
        };
        Ok(rows.into_iter().map(Question).collect())
    }

    /// Its loops: for the clinic all, for a recipient theirs.
    #[graphql(complexity = "2 + 3 * child_complexity")]
    async fn recipients(&self, ctx: &Context<'_>) -> Result<Vec<Recipient>> {
        if let Some(view) = &self.view {
            return Ok(view.recipients.iter().cloned().map(Recipient::with).collect());
        }
        let rows = asking(ctx)?
            .load
            .load_one(RecipientsOf(self.row.id))
            .await
            .or_refuse(ctx)?;
        Ok(rows.unwrap_or_default().into_iter().map(Recipient::of).collect())
    }

    /// When the sender took it back.
    async fn recalled_at(&self) -> Option<DateTime<Utc>> {
        self.row.recalled_at
    }

    /// Who took it back.
    async fn recalled_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.row.recalled_by).await
    }

    /// Why it was taken back. For the clinic, through `share`; null elsewhere.
    async fn recall_reason(&self) -> Option<&str> {
        self.view
            .as_ref()?
            .recall_reason
            .as_ref()
            .map(|reason| reason.reveal().as_str())
    }

    /// When a newer version took its place.
    async fn superseded_at(&self) -> Option<DateTime<Utc>> {
        self.row.superseded_at
    }
}

/// Looking shares and loops up.
#[derive(Default)]
pub(crate) struct ShareQuery;

#[Object]
impl ShareQuery {
    /// One share with everything that happened in its loops: for the clinic that sent it, and for each recipient their
    /// own part. Texts write a ledger entry.
    #[graphql(complexity = "20 + child_complexity")]
    async fn share(&self, ctx: &Context<'_>, #[graphql(desc = "Its id (`share_...`).")] id: ID) -> Result<Share> {
        by_id(ctx, &id).await
    }

    /// One loop: for the clinic that sent it and for its recipient. Null when there is none, or it is not for you.
    async fn recipient(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id (`recipient_...`).")] id: ID,
    ) -> Result<Option<Recipient>> {
        recipient::by_id(ctx, &id).await
    }
}
