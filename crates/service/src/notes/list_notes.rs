//! Lists notes and versions without what they say: no PHI, so no ledger entry.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, NoteId, NoteVersionId, PatientId,
    access::{Action, Relation},
};
use liaison_store::{
    notes::{self as rows, NoteRow, VersionRow},
    shares::{self, ShareRow},
};

use crate::{Result, Service, ServiceError};

/// The most notes on one page.
const MAX_PAGE: u32 = 100;
/// The most ids that one look-up may ask for.
const MAX_AT_ONCE: usize = 1_000;

/// Which notes to list.
#[derive(Debug, Clone, Copy)]
pub struct ListNotes {
    /// Of this patient alone.
    pub patient_id: Option<PatientId>,
    /// Only those with an open draft.
    pub drafts_only: bool,
    /// Go on after this note: its `created_at` and id.
    pub after: Option<(DateTime<Utc>, NoteId)>,
    /// 1 to 100.
    pub limit: u32,
}

/// A page of notes, the newest begun first.
#[derive(Debug, Clone)]
pub struct NotePage {
    /// The notes.
    pub notes: Vec<NoteRow>,
    /// Whether more follow the last one.
    pub has_more: bool,
}

impl Service {
    /// The clinic's notes.
    ///
    /// # Errors
    /// `NotFound` for the patient; `Invalid` for the limit.
    pub async fn list_notes(&self, actor: &Actor, list: ListNotes) -> Result<NotePage> {
        match list.patient_id {
            Some(patient) => drop(self.own_patient(actor, Action::ReadNote, patient).await?),
            None => self.authorize(actor, Action::ReadNote, Relation::Own).await?,
        }
        let organization = self.organization(actor)?;
        if !(1..=MAX_PAGE).contains(&list.limit) {
            return Err(ServiceError::invalid(
                "limit",
                "OUT_OF_RANGE",
                format!("1 to {MAX_PAGE}"),
            ));
        }
        let mut conn = self.read().await?;
        let (patient, limit) = (list.patient_id, list.limit + 1);
        let mut notes =
            rows::of_organization(&mut conn, organization, patient, list.drafts_only, list.after, limit).await?;
        let has_more = notes.len() > list.limit as usize;
        notes.truncate(list.limit as usize);
        Ok(NotePage { notes, has_more })
    }

    /// One note without what it says.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's.
    pub async fn note(&self, actor: &Actor, id: NoteId) -> Result<NoteRow> {
        self.recorded_note(actor, id).await
    }

    /// Every version of a note, newest first.
    ///
    /// # Errors
    /// `NotFound` when there is no such note, or it is another clinic's.
    pub async fn versions_of_note(&self, actor: &Actor, note: NoteId) -> Result<Vec<VersionRow>> {
        self.recorded_note(actor, note).await?;
        let mut conn = self.read().await?;
        Ok(rows::versions_of_note(&mut conn, note).await?)
    }

    /// Every share of any version of a note, oldest first, without what it says.
    ///
    /// # Errors
    /// `NotFound` when there is no such note, or it is another clinic's.
    pub async fn shares_of_note(&self, actor: &Actor, note: NoteId) -> Result<Vec<ShareRow>> {
        self.recorded_note(actor, note).await?;
        let mut conn = self.read().await?;
        let mut shares = shares::by_note(&mut conn, note).await?;
        shares.sort_by_key(|share| (share.shared_at, share.id));
        Ok(shares)
    }

    /// Those of the given notes (at most 1,000) that are the own clinic's, by a constant number of statements.
    pub async fn notes_by_ids(&self, actor: &Actor, ids: &[NoteId]) -> Result<HashMap<NoteId, NoteRow>> {
        self.authorize(actor, Action::ReadNote, Relation::Own).await?;
        let mut conn = self.read().await?;
        let found = rows::notes_by_ids(&mut conn, &ids[..ids.len().min(MAX_AT_ONCE)]).await?;
        Ok(found
            .into_iter()
            .filter(|row| actor.acts_for(row.organization_id))
            .map(|row| (row.id, row))
            .collect())
    }

    /// Those of the given versions (at most 1,000) that are the own clinic's, by a constant number of statements.
    pub async fn versions_by_ids(
        &self,
        actor: &Actor,
        ids: &[NoteVersionId],
    ) -> Result<HashMap<NoteVersionId, VersionRow>> {
        self.authorize(actor, Action::ReadNote, Relation::Own).await?;
        let mut conn = self.read().await?;
        let found = rows::versions_by_ids(&mut conn, &ids[..ids.len().min(MAX_AT_ONCE)]).await?;
        Ok(found
            .into_iter()
            .filter(|row| actor.acts_for(row.organization_id))
            .map(|row| (row.id, row))
            .collect())
    }

    /// The newest version of each of the given notes (at most 1,000) that are the own clinic's, by a constant number of
    /// statements; notes never signed are left out.
    pub async fn latest_versions_of_notes(&self, actor: &Actor, ids: &[NoteId]) -> Result<HashMap<NoteId, VersionRow>> {
        self.authorize(actor, Action::ReadNote, Relation::Own).await?;
        let mut conn = self.read().await?;
        let found = rows::latest_versions_of_notes(&mut conn, &ids[..ids.len().min(MAX_AT_ONCE)]).await?;
        Ok(found
            .into_iter()
            .filter(|row| actor.acts_for(row.organization_id))
            .map(|row| (row.note_id, row))
            .collect())
    }
}
