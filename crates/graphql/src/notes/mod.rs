//! Notes in the schema: drafts, signed versions, what they say, and the acts on them. The content's own types come from
//! the `clinical` crate.

pub(crate) mod body;
pub(crate) mod course;
mod drafting;
mod signing;
pub(crate) mod timeline;

use async_graphql::{Context, ID, Object, Result};
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::{NoteId, NoteVersionId, PatientId};
use liaison_service::notes::{self as use_cases, ListNotes};

pub(crate) use drafting::DraftMutation;
pub(crate) use signing::SignMutation;

use crate::directory::person::Person;
use crate::enums::{NoteKind, NoteStatus};
use crate::fail::{OrRefuse as _, present};
use crate::ids::{parse, shown};
use crate::load::LatestOf;
use crate::page::{self, connection};
use crate::patients::Patient;
use crate::session::asking;
use body::{Draft, ReleasedNote};

pub(crate) struct Note(pub(crate) use_cases::NoteRow);

connection! {
    /// A page of notes.
    NoteConnection,
    /// A note in a page.
    NoteEdge of Note
}

/// A consultation note or an infusion summary over all its versions, for its clinic. What it says stands in `draft` and
/// in each version's `body`; reading those writes a ledger entry.
#[Object]
impl Note {
    /// Its id (`note_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The patient. Writes a ledger entry.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Patient> {
        let found = asking(ctx)?.load.load_one(self.0.patient_id).await.or_refuse(ctx)?;
        present(ctx, found, "patient").map(Patient)
    }

    /// Which of the two kinds.
    async fn kind(&self) -> NoteKind {
        self.0.kind.into()
    }

    /// Where it stands.
    async fn status(&self) -> NoteStatus {
        self.0.status.into()
    }

    /// Who began it.
    async fn author(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.author_id).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// Whether a draft is there: never signed, or an amendment under way.
    async fn has_draft(&self) -> bool {
        self.0.has_draft
    }

    /// The draft's revision, raised by every change: give it as `expectedRevision`.
    async fn draft_revision(&self) -> i64 {
        self.0.draft_revision
    }

    /// Who changed the draft last.
    async fn draft_updated_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.draft_updated_by else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// The draft with what it says; null when there is none. Writes a ledger entry.
    #[graphql(complexity = "20 + child_complexity")]
    async fn draft(&self, ctx: &Context<'_>) -> Result<Option<Draft>> {
        if !self.0.has_draft {
            return Ok(None);
        }
        let asking = asking(ctx)?;
        Ok(Some(Draft(
            asking.service.draft(&asking.actor, self.0.id).await.or_refuse(ctx)?,
        )))
    }

    /// The number of the newest signed version; 0 before the first signature.
    async fn version(&self) -> i64 {
        self.0.version
    }

    /// The newest signed version.
    async fn latest_version(&self, ctx: &Context<'_>) -> Result<Option<NoteVersion>> {
        Ok(asking(ctx)?
            .load
            .load_one(LatestOf(self.0.id))
            .await
            .or_refuse(ctx)?
            .map(NoteVersion))
    }

    /// Every signed version, newest first.
    #[graphql(complexity = "10 + 2 * child_complexity")]
    async fn versions(&self, ctx: &Context<'_>) -> Result<Vec<NoteVersion>> {
        let asking = asking(ctx)?;
        let found = asking
            .service
            .versions_of_note(&asking.actor, self.0.id)
            .await
            .or_refuse(ctx)?;
        Ok(found.into_iter().map(NoteVersion).collect())
    }

    /// When it was begun.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When anything last happened to it.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

pub(crate) struct NoteVersion(pub(crate) use_cases::VersionRow);

/// One signed, immutable version of a note, for its clinic.
#[Object]
impl NoteVersion {
    /// Its id (`notever_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The note.
    async fn note(&self, ctx: &Context<'_>) -> Result<Note> {
        let found = asking(ctx)?.load.load_one(self.0.note_id).await.or_refuse(ctx)?;
        present(ctx, found, "note").map(Note)
    }

    /// The patient. Writes a ledger entry.
    async fn patient(&self, ctx: &Context<'_>) -> Result<Patient> {
        let found = asking(ctx)?.load.load_one(self.0.patient_id).await.or_refuse(ctx)?;
        present(ctx, found, "patient").map(Patient)
    }

    /// Which of the two kinds.
    async fn kind(&self) -> NoteKind {
        self.0.kind.into()
    }

    /// Its number, from 1.
    async fn version(&self) -> u32 {
        self.0.version
    }

    /// SHA-256 over the canonical bytes of the content, as hexadecimal text.
    async fn sha256(&self) -> String {
        self.0.content_sha256.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The urgency at signature.
    async fn urgency(&self) -> Urgency {
        self.0.urgency
    }

    /// `urn:uuid:...`, the same for every version of a note.
    async fn document_id(&self) -> &str {
        &self.0.document_id
    }

    /// Who signed.
    async fn signed_by(&self, ctx: &Context<'_>) -> Result<Person> {
        let found = asking(ctx)?.load.load_one(self.0.signed_by).await.or_refuse(ctx)?;
        present(ctx, found, "person").map(Person)
    }

    /// When it was signed.
    async fn signed_at(&self) -> DateTime<Utc> {
        self.0.signed_at
    }

    /// When it was withdrawn as entered in error.
    async fn withdrawn_at(&self) -> Option<DateTime<Utc>> {
        self.0.withdrawn_at
    }

    /// Who withdrew it.
    async fn withdrawn_by(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        let Some(id) = self.0.withdrawn_by else { return Ok(None) };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Person))
    }

    /// What it says. Checks the hash and writes a ledger entry.
    #[graphql(complexity = "20 + child_complexity")]
    async fn body(&self, ctx: &Context<'_>) -> Result<ReleasedNote> {
        let asking = asking(ctx)?;
        Ok(ReleasedNote(
            asking
                .service
                .note_version(&asking.actor, self.0.id)
                .await
                .or_refuse(ctx)?,
        ))
    }
}

/// The note of an id, for its clinic.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Note> {
    let asking = asking(ctx)?;
    let id: NoteId = parse("id", id).or_refuse(ctx)?;
    Ok(Note(asking.service.note(&asking.actor, id).await.or_refuse(ctx)?))
}

/// The version of an id, for its clinic.
pub(crate) async fn version_by_id(ctx: &Context<'_>, id: &ID) -> Result<Option<NoteVersion>> {
    let id: NoteVersionId = parse("id", id).or_refuse(ctx)?;
    Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(NoteVersion))
}

/// A page of notes, the newest begun first.
pub(crate) async fn list_notes(
    ctx: &Context<'_>,
    patient: Option<PatientId>,
    drafts_only: bool,
    first: Option<i32>,
    after: Option<String>,
) -> Result<NoteConnection> {
    const LIST: &str = "notes";
    let asking = asking(ctx)?;
    let input = ListNotes {
        patient_id: patient,
        drafts_only,
        after: page::after(ctx, LIST, after.as_deref())?,
        limit: page::first(ctx, first)?,
    };
    let found = asking.service.list_notes(&asking.actor, input).await.or_refuse(ctx)?;
    let items = found
        .notes
        .into_iter()
        .map(|row| (page::cursor(LIST, &(row.created_at, row.id)), Note(row)));
    Ok(NoteConnection::of(items, found.has_more, after.is_some()))
}

/// Looking notes up.
#[derive(Default)]
pub(crate) struct NoteQuery;

#[Object]
impl NoteQuery {
    /// One note of the own clinic.
    async fn note(&self, ctx: &Context<'_>, #[graphql(desc = "Its id (`note_...`).")] id: ID) -> Result<Note> {
        by_id(ctx, &id).await
    }

    /// One signed version of the own clinic.
    async fn note_version(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Its id (`notever_...`).")] id: ID,
    ) -> Result<Option<NoteVersion>> {
        version_by_id(ctx, &id).await
    }

    /// The clinic's notes, the newest begun first.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this patient (`patient_...`).")] patient_id: Option<ID>,
        #[graphql(desc = "Only those with an open draft.", default)] drafts_only: bool,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<NoteConnection> {
        let patient = patient_id
            .as_ref()
            .map(|id| parse("patientId", id))
            .transpose()
            .or_refuse(ctx)?;
        list_notes(ctx, patient, drafts_only, first, after).await
    }
}
