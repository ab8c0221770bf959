//! What notes say, as a use case released it: its ledger entry is written already.

use async_graphql::{Context, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use liaison_clinical::{BottomLine, NoteContent, Section, SoftConfirmation, problem::SoftWarning};
use liaison_service::notes as use_cases;

use super::NoteVersion;
use crate::directory::person::Person;
use crate::enums::NoteKind;
use crate::fail::{OrRefuse as _, Problem, present};
use crate::session::asking;

/// One field that an amendment changed.
#[derive(SimpleObject)]
pub(crate) struct FieldChange {
    /// Where, such as `monitoring[3].sbp`.
    path: String,
    /// The value in the version before, as JSON text without quotes; null if the field is new.
    before: Option<String>,
    /// The value in this version, as JSON text without quotes; null if the field was removed.
    after: Option<String>,
}

/// What an amendment changed, and why.
#[derive(SimpleObject)]
pub(crate) struct Change {
    /// The physician's reason.
    reason: String,
    /// Every field that changed.
    fields: Vec<FieldChange>,
}

impl From<&use_cases::Change> for Change {
    fn from(change: &use_cases::Change) -> Self {
        let field = |field: &use_cases::FieldChange| FieldChange {
            path: field.path.clone(),
            before: field.before.clone(),
            after: field.after.clone(),
        };
        Self {
            reason: change.reason.clone(),
            fields: change.fields.iter().map(field).collect(),
        }
    }
}

pub(crate) struct ReleasedNote(pub(crate) use_cases::ReleasedNote);

/// A signed version, opened for its reader: everything it says. That it was read stands in the ledger.
#[Object]
impl ReleasedNote {
    /// The version's id (`notever_...`): an acknowledgment names it.
    async fn note_version_id(&self) -> async_graphql::ID {
        crate::ids::shown(self.0.version.id)
    }

    /// Which of the two kinds.
    async fn kind(&self) -> NoteKind {
        self.0.version.kind.into()
    }

    /// The version's number, from 1.
    async fn version(&self) -> u32 {
        self.0.version.version
    }

    /// `urn:uuid:...`, the same for every version of a note.
    async fn document_id(&self) -> &str {
        &self.0.version.document_id
    }

    /// The version's metadata, for its clinic; null for others.
    async fn metadata(&self, ctx: &Context<'_>) -> Result<Option<NoteVersion>> {
        let own = asking(ctx)?.actor.acts_for(self.0.version.organization_id);
        Ok(own.then(|| NoteVersion(self.0.version.clone())))
    }

    /// The first screen: urgency, what is asked of whom, outcome, opioids, next date, whom to phone, and all of it in at
    /// most three sentences.
    async fn bottom_line(&self) -> BottomLine {
        self.0.bottom_line.reveal().clone()
    }

    /// What it says, field by field.
    async fn content(&self) -> NoteContent {
        self.0.content.reveal().clone()
    }

    /// The same in words, section by section.
    async fn sections(&self) -> Vec<Section> {
        self.0.sections.reveal().clone()
    }

    /// For an amendment: why, and what changed against the version before.
    async fn change(&self) -> Option<Change> {
        self.0.change.as_ref().map(|change| change.reveal().into())
    }

    /// Who confirmed which unusual value.
    async fn confirmations(&self) -> Vec<SoftConfirmation> {
        self.0.confirmations.reveal().clone()
    }

    /// Why it was withdrawn, where it was.
    async fn withdrawn_reason(&self) -> Option<&str> {
        self.0.withdrawn_reason.as_ref().map(|reason| reason.reveal().as_str())
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

    /// SHA-256 over the canonical bytes of the content, as hexadecimal text; checked before it was released.
    async fn sha256(&self) -> &str {
        &self.0.sha256
    }
}

/// What was typed into a draft and is no possible value of its field: kept beside the content, never signed.
#[derive(SimpleObject)]
pub(crate) struct SetAside {
    /// The field, such as `monitoring[3].sbp`.
    path: String,
    /// What was typed.
    text: String,
    /// What is wrong with it, for people.
    problem: String,
}

pub(crate) struct Draft(pub(crate) use_cases::Draft);

/// A draft with what it says. That it was read stands in the ledger.
#[Object]
impl Draft {
    /// Its revision, raised by every change: give it as `expectedRevision`.
    async fn revision(&self) -> i64 {
        self.0.note.draft_revision
    }

    /// What it says so far.
    async fn content(&self) -> NoteContent {
        self.0.content.reveal().clone()
    }

    /// Who confirmed which unusual value.
    async fn confirmations(&self) -> Vec<SoftConfirmation> {
        self.0.confirmations.reveal().clone()
    }

    /// Unusual values that nobody confirmed yet.
    async fn unconfirmed(&self) -> Vec<SoftWarning> {
        self.0.unconfirmed.reveal().clone()
    }

    /// What was typed and is no possible value of its field: not in the content; a signature waits until it is mended.
    async fn set_aside(&self) -> Vec<SetAside> {
        let aside = self.0.set_aside.reveal().iter().cloned();
        aside
            .map(|use_cases::SetAside { path, text, problem }| SetAside { path, text, problem })
            .collect()
    }

    /// What a signature would refuse now.
    async fn before_signing(&self) -> Vec<Problem> {
        self.0.before_signing.iter().cloned().map(Problem::from).collect()
    }
}
