//! One loop for its recipient: the envelope before it is opened, and with it everything that hangs on the loop after.
//! What the note says comes by [`Service::open_share`] alone.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, Author, EvidenceLevel, Illegal, NoteId, NoteKind, Outcome, Phi, RecipientId, UserId, access::Action,
};
use liaison_store::{
    Conn,
    directory::{organizations_by_ids, people_by_ids},
    notes::versions_by_ids,
    recipients::{self, EvidenceRow, RecipientRow},
};

use super::{
    inbox::{is_put_to, names_patient},
    loaders::QuestionView,
    share::RecipientView,
};
use crate::{
    Result, Service, ServiceError, directory::Organization, loops::share_note::ShareDetail, notes::PatientTrend,
    patients::PatientIdentity,
};

/// One loop as its recipient may see it. The texts in it are there only where the reader opened it before.
#[derive(Debug, Clone)]
pub struct Letter {
    /// The loop with its evidence, answer and thread.
    pub of: RecipientView,
    /// Which kind of note was sent.
    pub kind: NoteKind,
    /// Which version of it.
    pub version: u32,
    /// When the note was withdrawn as entered in error.
    pub withdrawn_at: Option<DateTime<Utc>>,
    /// Who the patient is; absent where the share was taken away before anybody opened it.
    pub patient: Option<Phi<PatientIdentity>>,
    /// The clinic that sent it.
    pub clinic: Organization,
    /// To whom it was addressed.
    pub to: String,
    /// The names of those who acted in it.
    pub names: HashMap<UserId, String>,
    /// Whether the reader opened it themself.
    pub opened_by_reader: bool,
    /// Whether the reader had opened an earlier version of the same note.
    pub opened_earlier: bool,
    /// The loop of a newer version that took this one's place.
    pub newer: Option<RecipientId>,
    /// To whom it was passed on.
    pub passed_to: Option<String>,
    /// From whom it was passed on to this recipient.
    pub passed_from: Option<String>,
    /// When the duty passed on: this recipient took it, or the one it was passed to did.
    pub taken_on_at: Option<DateTime<Utc>>,
    /// The questions put to this recipient.
    pub questions: Vec<QuestionView>,
    /// The sender's message.
    pub message: Option<Phi<ShareDetail>>,
}

/// Whether a fact is that this person opened the content.
fn opened_by(fact: &EvidenceRow, author: Author) -> bool {
    let same = match author {
        Author::User(user) => fact.user_id == Some(user),
        Author::Guest(guest) => fact.guest_id == Some(guest),
    };
    fact.level >= EvidenceLevel::Opened && same
}

impl Service {
    /// One loop for one of its recipient's people. That they were shown it is in the ledger before it leaves.
    ///
    /// # Errors
    /// `NotFound` when there is none, or the reader is not one of its recipient's people.
    pub async fn letter(&self, actor: &Actor, id: RecipientId) -> Result<Letter> {
        let author = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let row = self.loop_as_recipient(actor, id, Action::OpenShare).await?;
        let share = self.share(actor, row.share_id).await?;
        let of = share
            .recipients
            .into_iter()
            .find(|part| part.recipient.id == id)
            .ok_or(ServiceError::NotFound("this"))?;
        let row = of.recipient.clone();
        let mut questions = share.questions;
        questions.retain(|question| is_put_to(&question.row, &row));
        let opened_by_reader = of.evidence.iter().any(|fact| opened_by(fact, author));

        let mut conn = self.read().await?;
        let version = versions_by_ids(&mut conn, &[row.note_version_id])
            .await?
            .pop()
            .ok_or(ServiceError::NotFound("this"))?;
        let clinic = organizations_by_ids(&mut conn, &[row.organization_id])
            .await?
            .pop()
            .ok_or(ServiceError::NotFound("this"))?;
        let patient = if names_patient(&row) {
            self.identities(&mut conn, &[row.patient_id])
                .await?
                .remove(&row.patient_id)
        } else {
            None
        };
        let others = recipients::of_patient(&mut conn, row.patient_id).await?;
        let opened_earlier = self.opened_earlier(&mut conn, &row, &others, author).await?;
        let find = |id: Option<RecipientId>| others.iter().find(|other| Some(other.id) == id);
        let (target, origin) = (find(row.redirected_to), find(row.redirected_from));
        let (mut passed_to, mut passed_from) = (None, None);
        if let Some(target) = target {
            passed_to = Some(self.recipient_name(&mut conn, target).await?);
        }
        if let Some(origin) = origin {
            passed_from = Some(self.recipient_name(&mut conn, origin).await?);
        }
        let letter = Letter {
            kind: version.kind,
            version: version.version,
            withdrawn_at: version.withdrawn_at,
            patient,
            clinic,
            to: self.recipient_name(&mut conn, &row).await?,
            names: names(&mut conn, &of, &questions).await?,
            opened_by_reader,
            opened_earlier,
            newer: newer(&row, &others),
            passed_to,
            passed_from,
            taken_on_at: origin.filter(|_| target.is_none()).unwrap_or(&row).redirect_accepted_at,
            questions,
            message: share.detail,
            of,
        };
        drop(conn);
        // Where texts are read, the share's reading is in the ledger already.
        if letter.patient.is_some() && !(opened_by_reader && row.state().may_open().is_ok()) {
            let mut entry = self.loop_entry(actor, "patient.read", &row);
            entry.detail.insert("via", "letter".to_owned());
            self.record_readings(vec![entry]).await?;
        }
        Ok(letter)
    }

    /// Whether the reader opened an earlier version of the same note.
    async fn opened_earlier(
        &self,
        conn: &mut Conn,
        row: &RecipientRow,
        others: &[RecipientRow],
        author: Author,
    ) -> Result<bool> {
        let earlier: Vec<_> = others
            .iter()
            .filter(|other| other.note_id == row.note_id && other.note_version_id != row.note_version_id)
            .filter(|other| other.opened_at.is_some() && other.shared_at < row.shared_at)
            .map(|other| other.id.uuid())
            .collect();
        let facts = recipients::evidence_of(conn, &earlier).await?;
        Ok(facts.iter().any(|fact| opened_by(fact, author)))
    }

    /// The trend over the infusions whose summaries were shared with the recipient's organization, for one who opened
    /// the loop. With a ledger entry.
    ///
    /// # Errors
    /// `NotFound`; `Illegal` while the reader has not opened it, and when it was taken back or replaced.
    pub async fn loop_trend(&self, actor: &Actor, id: RecipientId) -> Result<PatientTrend> {
        let author = actor.author().ok_or(ServiceError::Unauthenticated)?;
        let row = self.loop_as_recipient(actor, id, Action::OpenShare).await?;
        row.state().may_open()?;
        let mut conn = self.read().await?;
        if !recipients::was_opened_by(&mut conn, id, author).await? {
            return Err(Illegal::NotOpened.into());
        }
        let shared: Vec<NoteId> = recipients::of_patient(&mut conn, row.patient_id)
            .await?
            .into_iter()
            .filter(|other| other.to_organization_id == row.to_organization_id && !other.sealed_from_recipient)
            .filter(|other| other.outcome != Some(Outcome::Recalled))
            .map(|other| other.note_id)
            .collect();
        let trend = self.trend_of(&mut conn, row.patient_id, Some(&shared)).await?;
        drop(conn);
        self.record_readings(vec![self.loop_entry(actor, "patient.trend", &row)])
            .await?;
        Ok(trend)
    }
}

/// The loop of a later version of the same note to the same addressee.
fn newer(row: &RecipientRow, others: &[RecipientRow]) -> Option<RecipientId> {
    others
        .iter()
        .filter(|other| other.note_id == row.note_id && other.note_version_id != row.note_version_id)
        .filter(|other| (other.to_team_id, other.to_user_id) == (row.to_team_id, row.to_user_id))
        .filter(|other| other.shared_at > row.shared_at && !other.sealed_from_recipient)
        .max_by_key(|other| (other.shared_at, other.id))
        .map(|other| other.id)
}

/// The names of everybody who acted.
async fn names(conn: &mut Conn, of: &RecipientView, questions: &[QuestionView]) -> Result<HashMap<UserId, String>> {
    let mut ids: Vec<UserId> = vec![of.recipient.shared_by];
    ids.extend(of.evidence.iter().filter_map(|fact| fact.user_id));
    ids.extend(of.acknowledgment.iter().filter_map(|view| view.row.user_id));
    ids.extend(of.acknowledgment.iter().filter_map(|view| view.row.recorded_by));
    ids.extend(of.decline.iter().filter_map(|view| view.row.user_id));
    ids.extend(of.replies.iter().filter_map(|view| view.row.author_id));
    ids.extend(questions.iter().filter_map(|view| view.row.answered_by));
    ids.sort_unstable();
    ids.dedup();
    let found = people_by_ids(conn, &ids).await?;
    Ok(found
        .into_iter()
        .map(|person| (person.id, person.display_name))
        .collect())
}
