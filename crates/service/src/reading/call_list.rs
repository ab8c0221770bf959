//! The work list of telephone calls that the clinic owes, the earliest due first.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_clinical::BottomLine;
use liaison_domain::{
    Actor, CallTaskId, CallTaskStatus, PatientId, Phi, PurposeOfUse,
    access::{Action, Relation},
};
use liaison_store::{
    call_tasks::{self, CallTaskRow},
    recipients::{self, RecipientRow},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::page::{cut, decode, encode, size};
use crate::{
    Result, Service, ServiceError,
    loops::call_task::{CallDetail, detail_place},
    patients::PatientIdentity,
};

/// Which calls are wanted.
#[derive(Debug, Clone, Default)]
pub struct CallListQuery {
    /// Only those that the reader owes.
    pub mine: bool,
    /// Only those that stand so; every one where it is not given.
    pub status: Option<CallTaskStatus>,
    /// 1 to 100; 50 when not given.
    pub first: Option<u32>,
    /// Go on after the entry of this cursor.
    pub after: Option<String>,
}

/// One call of the list.
#[derive(Debug, Clone)]
pub struct CallListEntry {
    /// The task.
    pub task: CallTaskRow,
    /// The loop it is about.
    pub recipient: Option<RecipientRow>,
    /// About whom: the caller must name the patient.
    pub patient: Option<Phi<PatientIdentity>>,
    /// Whether it is open and was due before.
    pub overdue: bool,
    /// Its place in this list.
    pub cursor: String,
}

/// One call, opened for the person who makes it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The task.
    pub task: CallTaskRow,
    /// The loop it is about.
    pub recipient: RecipientRow,
    /// About whom.
    pub patient: Option<Phi<PatientIdentity>>,
    /// What to say: the first screen of the version that was sent.
    pub bottom_line: Phi<BottomLine>,
    /// Who was spoken to and what was said, where the call was made.
    pub detail: Option<Phi<CallDetail>>,
}

/// A page of the list.
#[derive(Debug, Clone)]
pub struct CallList {
    /// Its calls.
    pub entries: Vec<CallListEntry>,
    /// Whether more follow.
    pub has_more: bool,
}

#[derive(Serialize, Deserialize)]
struct Position {
    at: DateTime<Utc>,
    id: CallTaskId,
}

impl Service {
    /// The calls that the reader's clinic owes or made. One ledger entry for the page that is shown.
    ///
    /// # Errors
    /// `Invalid` for a page size out of range or another list's cursor.
    pub async fn call_list(&self, actor: &Actor, query: CallListQuery) -> Result<CallList> {
        self.authorize_list(actor).await?;
        let organization = self.organization(actor)?;
        let mut problems = Vec::new();
        let first = size(query.first, &mut problems);
        let after: Option<Position> = decode(query.after.as_deref(), &mut problems);
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let now = self.now();
        let owner = actor.user_id.filter(|_| query.mine);
        let after = after.map(|position| (position.at, position.id));
        let mut conn = self.read().await?;
        let mut rows = call_tasks::list(&mut conn, organization, query.status, owner, after, first + 1).await?;
        let has_more = cut(&mut rows, first);
        let ids: Vec<Uuid> = rows.iter().map(|task| task.recipient_id.uuid()).collect();
        let loops: HashMap<_, _> = recipients::by_ids(&mut conn, &ids)
            .await?
            .into_iter()
            .map(|row| (row.id, row))
            .collect();
        let mut patients: Vec<PatientId> = rows.iter().map(|task| task.patient_id).collect();
        patients.sort_unstable();
        patients.dedup();
        let identities = self.identities(&mut conn, &patients).await?;
        drop(conn);
        let mut entry = self.entry(actor, "call_list.read");
        entry.purpose = PurposeOfUse::CoordinationOfCare;
        entry.detail.insert("count", rows.len().to_string());
        self.record_readings(vec![entry]).await?;
        let entries = rows
            .into_iter()
            .map(|task| CallListEntry {
                recipient: loops.get(&task.recipient_id).cloned(),
                patient: identities.get(&task.patient_id).cloned(),
                overdue: task.status == CallTaskStatus::Open && task.due_at < now,
                cursor: encode(&Position {
                    at: task.due_at,
                    id: task.id,
                }),
                task,
            })
            .collect();
        Ok(CallList { entries, has_more })
    }

    /// One call with what the caller says and writes down, and a ledger entry.
    ///
    /// # Errors
    /// `NotFound` when there is none, or it is another clinic's.
    pub async fn call(&self, actor: &Actor, id: CallTaskId) -> Result<Call> {
        let mut conn = self.read().await?;
        let task = call_tasks::by_ids(&mut conn, &[id.uuid()]).await?.into_iter().next();
        drop(conn);
        let relation = match &task {
            Some(task) if actor.acts_for(task.organization_id) => Relation::Own,
            _ => Relation::None,
        };
        let reader = Actor {
            read_only: false,
            ..actor.clone()
        };
        self.authorize_own(&reader, Action::WorkCallTasks, relation, "call")
            .await?;
        let task = task.ok_or(ServiceError::NotFound("call"))?;
        let mut conn = self.read().await?;
        let recipient = recipients::by_ids(&mut conn, &[task.recipient_id.uuid()])
            .await?
            .pop()
            .ok_or(ServiceError::NotFound("call"))?;
        let patient = self
            .identities(&mut conn, &[task.patient_id])
            .await?
            .remove(&task.patient_id);
        let note = self.released_content(&mut conn, recipient.note_version_id).await?;
        let detail = match &task.detail_sealed {
            Some(sealed) => {
                let key = self.store().keyring()?.patient_key(&mut conn, task.patient_id).await?;
                Some(Phi::new(key.open_json(detail_place(task.id), sealed)?))
            }
            None => None,
        };
        drop(conn);
        let mut entry = self.entry(actor, "call.read");
        entry.purpose = PurposeOfUse::CoordinationOfCare;
        entry.patient_id = Some(task.patient_id);
        entry.share_id = Some(task.share_id);
        entry.recipient_id = Some(task.recipient_id);
        entry.note_version_id = Some(recipient.note_version_id);
        entry.object_id = Some(task.id.to_string());
        self.record_readings(vec![entry]).await?;
        Ok(Call {
            task,
            recipient,
            patient,
            bottom_line: note.bottom_line,
            detail,
        })
    }

    /// Reading the list is part of working on it; a read-only token may read it too.
    async fn authorize_list(&self, actor: &Actor) -> Result<()> {
        let reader = Actor {
            read_only: false,
            ..actor.clone()
        };
        self.authorize(&reader, Action::WorkCallTasks, Relation::Own).await
    }
}
