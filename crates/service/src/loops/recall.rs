//! Take a share back, replace it by a newer version, or withdraw it: unopened copies simply go; those who opened theirs
//! are told.

use std::collections::BTreeMap;

use liaison_domain::{
    Actor, DeliveryPurpose, Duty, EvidenceLevel, Illegal, LoopEvent, NoteId, NoteVersionId, NoticeKind, ShareId,
    Urgency, UserId,
    access::{Action, Relation},
};
use liaison_store::{
    Place, Tx, call_tasks, deliveries,
    directory::{people_by_ids, teams_by_ids},
    recipients::{self, RecipientRow},
    shares::{self, ShareRow},
    tasks::Queue,
};
use serde::{Deserialize, Serialize};

use super::{
    change::apply,
    message::{LoopMessage, Message, Tell},
    share_note::{NewRecipient, ShareDetail, detail_place},
    who::Addressed,
};
use crate::{Result, Service, ServiceError, idempotency};

/// Take a share back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RecallShare {
    /// The share.
    pub share_id: ShareId,
    /// Why: 1 to 4,000 characters. PHI.
    pub reason: String,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// What a recall did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recalled {
    /// The share.
    pub share_id: ShareId,
    /// How many copies nobody had opened.
    pub unopened: u32,
    /// How many recipients had opened theirs and are told.
    pub told: u32,
}

/// Where the sealed reason of a recall stands.
pub(crate) fn reason_place(share: ShareId) -> Place {
    Place::new("share", "recall_reason_sealed", share.uuid())
}

impl Service {
    /// Takes a share back.
    pub async fn recall_share(&self, actor: &Actor, input: RecallShare) -> Result<Recalled> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let found = {
            let mut conn = self.read().await?;
            shares::find(&mut conn, input.share_id).await?
        };
        let share = found.ok_or(ServiceError::NotFound("this"))?;
        let relation = if actor.acts_for(share.organization_id) {
            Relation::Own
        } else {
            Relation::None
        };
        self.authorize(actor, Action::ShareNote, relation).await?;
        let length = input.reason.trim().chars().count();
        if length == 0 || length > 4_000 {
            return Err(ServiceError::invalid("reason", "OUT_OF_RANGE", "1 to 4000 characters"));
        }
        let key = input.idempotency_key.clone();
        let mut tx = self.begin().await?;
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "recallShare", &input).await? {
            return Ok(earlier);
        }
        let recalled = self
            .write_recall(&mut tx, actor, user, &share, input.reason.trim())
            .await?;
        idempotency::keep(self, &mut tx, actor, key.as_deref(), "recallShare", &input, &recalled).await?;
        tx.commit().await?;
        Ok(recalled)
    }

    async fn write_recall(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        user: UserId,
        share: &ShareRow,
        reason: &str,
    ) -> Result<Recalled> {
        if share.recalled_at.is_some() {
            return Err(Illegal::Recalled.into());
        }
        if share.superseded_at.is_some() {
            return Err(Illegal::Superseded.into());
        }
        let key = self.store().keyring()?.patient_key(tx, share.patient_id).await?;
        let sealed = key.seal_json(reason_place(share.id), &reason, &*self.store().random())?;
        shares::recall(tx, share.id, self.now(), user, sealed).await?;
        let (unopened, told) = self.end_loops(tx, actor, share, LoopEvent::Recall, "recalled").await?;
        let mut entry = self.entry(actor, "share.recall");
        entry.patient_id = Some(share.patient_id);
        entry.note_id = Some(share.note_id);
        entry.note_version_id = Some(share.note_version_id);
        entry.share_id = Some(share.id);
        entry.detail.insert("unopened", unopened.to_string());
        entry.detail.insert("told", told.to_string());
        tx.record(entry);
        Ok(Recalled {
            share_id: share.id,
            unopened,
            told,
        })
    }

    /// Ends every live loop of a share by an event, and tells those who had opened their copy.
    async fn end_loops(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        share: &ShareRow,
        event: LoopEvent,
        what: &str,
    ) -> Result<(u32, u32)> {
        let now = self.now();
        let (mut unopened, mut told) = (0, 0);
        shares::withdraw_questions(tx, share.id).await?;
        let rows = recipients::of_shares(tx, &[share.id.uuid()]).await?;
        let opened: Vec<RecipientRow> = rows
            .iter()
            .filter(|row| row.level >= EvidenceLevel::Opened && row.state().may_open().is_ok())
            .cloned()
            .collect();
        for row in rows {
            let Some(mut row) = recipients::lock(tx, row.id).await? else {
                continue;
            };
            // Declined and redirected copies are with nobody who could still read them.
            if apply(&mut row, event, now).is_err() {
                continue;
            }
            deliveries::cancel_of_recipient(tx, row.id, now).await?;
            call_tasks::cancel_all(tx, row.id, now).await?;
            if row.level >= EvidenceLevel::Opened {
                told += 1
            } else {
                unopened += 1
            }
            let action = if event == LoopEvent::Recall {
                "recipient.recall"
            } else {
                "recipient.supersede"
            };
            let mut entry = self.loop_entry(actor, action, &row);
            entry
                .detail
                .insert("was_opened", (row.level >= EvidenceLevel::Opened).to_string());
            tx.record(entry);
            self.save_loop(tx, &mut row).await?;
        }
        self.tell_of_correction(tx, share, &opened, what).await?;
        Ok((unopened, told))
    }

    async fn tell_of_correction(&self, tx: &mut Tx, share: &ShareRow, rows: &[RecipientRow], what: &str) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let teams: Vec<_> = rows.iter().filter_map(|row| row.to_team_id).collect();
        let users: Vec<_> = rows.iter().filter_map(|row| row.to_user_id).collect();
        let known = Addressed::load(tx, &teams, &users, self.now()).await?;
        let clinic = self.organization_name(tx, share.organization_id).await?;
        let mut sent = Vec::new();
        for row in rows {
            let (routes, to) = match (row.to_team_id, row.to_user_id) {
                (Some(team), _) => (
                    known.routes_to_team(team),
                    known.teams.get(&team).map(|team| team.name.clone()).unwrap_or_default(),
                ),
                (None, Some(user)) => (
                    known.routes_to_user(user),
                    known
                        .people
                        .get(&user)
                        .map(|person| person.display_name.clone())
                        .unwrap_or_default(),
                ),
                (None, None) => continue,
            };
            sent.extend(self.plan_deliveries(&LoopMessage {
                recipient_id: row.id,
                share_id: row.share_id,
                organization_id: row.organization_id,
                routes: &routes,
                message: Message {
                    purpose: DeliveryPurpose::Correction,
                    clinic: clinic.clone(),
                    to,
                    urgency: row.urgency.max(Urgency::Urgent),
                    due_at: None,
                    time_zone: row.calendar.0.time_zone.name().to_owned(),
                    link: self.loop_link(row.id),
                    notice: None,
                    facts: BTreeMap::from([("what".to_owned(), what.to_owned())]),
                    at: self.now(),
                },
            }));
        }
        deliveries::insert(tx, &sent).await?;
        if !sent.is_empty() {
            tx.nudge(Queue::Deliver, Some(share.id.uuid()));
        }
        Ok(())
    }

    /// After an amendment was signed, in its transaction: the old version's loops end, and everybody who had the old
    /// version gets the new one and is asked again. Returns the new share, where there was anybody to ask.
    pub(crate) async fn supersede_shares(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        note: NoteId,
        new_version: NoteVersionId,
    ) -> Result<Option<ShareId>> {
        let sender = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        let now = self.now();
        let version = shares::shareable(tx, new_version)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let mut again: Vec<NewRecipient> = Vec::new();
        let mut urgency = version.urgency;
        for share in shares::by_note(tx, note).await? {
            if !shares::supersede(tx, share.id, now).await? {
                continue;
            }
            urgency = urgency.max(share.urgency);
            for row in recipients::of_shares(tx, &[share.id.uuid()]).await? {
                if row.state().may_open().is_err() {
                    continue;
                }
                let known = again
                    .iter_mut()
                    .find(|known| (known.team_id, known.user_id) == (row.to_team_id, row.to_user_id));
                match known {
                    Some(known) if row.duty.is_required() => known.duty = Duty::Required,
                    Some(_) => {}
                    None => again.push(NewRecipient {
                        team_id: row.to_team_id,
                        user_id: row.to_user_id,
                        organization_id: Some(row.to_organization_id),
                        care_role: Some(row.care_role),
                        duty: row.duty,
                    }),
                }
            }
            self.end_loops(tx, actor, &share, LoopEvent::Supersede, "amended")
                .await?;
        }
        if again.is_empty() {
            return Ok(None);
        }
        self.share_again(tx, actor, sender, &version, again, urgency)
            .await
            .map(Some)
    }

    async fn share_again(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        sender: UserId,
        version: &shares::ShareableRow,
        again: Vec<NewRecipient>,
        urgency: Urgency,
    ) -> Result<ShareId> {
        let now = self.now();
        // Somebody who left the directory since is left out rather than stopping the correction for all; the clinic is
        // told, because that person may have read the earlier version.
        let mut targets = Vec::new();
        let mut lost = Vec::new();
        for wanted in again {
            match self
                .resolve(tx, version.patient_id, std::slice::from_ref(&wanted))
                .await
            {
                Ok((found, known)) => {
                    let checks = self.check_release(tx, version, &found, &known).await?;
                    // A restriction agreed since then holds for the correction too.
                    if checks.iter().all(|check| check.code != "RESTRICTED") {
                        targets.extend(found);
                    } else {
                        lost.push((wanted, "RESTRICTED"));
                    }
                }
                Err(ServiceError::Invalid(_)) => lost.push((wanted, "LEFT")),
                Err(other) => return Err(other),
            }
        }
        let id: ShareId = self.id();
        let key = self.store().keyring()?.patient_key(tx, version.patient_id).await?;
        let share = ShareRow {
            id,
            note_version_id: version.id,
            note_id: version.note_id,
            patient_id: version.patient_id,
            organization_id: version.organization_id,
            urgency,
            shared_by: sender,
            shared_at: now,
            detail_sealed: Some(key.seal_json(detail_place(id), &ShareDetail::default(), &*self.store().random())?),
            verbal_made: false,
            recalled_at: None,
            recalled_by: None,
            recall_reason_sealed: None,
            superseded_at: None,
        };
        shares::insert(tx, &share);
        let basis = self
            .loop_basis(tx, share.organization_id, share.urgency, &targets)
            .await?;
        let rows = self.write_loops(tx, actor, &share, (&targets, &basis), None).await?;
        let mut entry = self.entry(actor, "share.create");
        entry.patient_id = Some(version.patient_id);
        entry.note_id = Some(version.note_id);
        entry.note_version_id = Some(version.id);
        entry.share_id = Some(id);
        entry.detail.insert("because", "amendment".to_owned());
        entry.detail.insert("recipients", rows.len().to_string());
        entry.detail.insert("lost", lost.len().to_string());
        tx.record(entry);
        for (wanted, reason) in lost {
            self.tell_of_lost(tx, sender, &share, &wanted, reason).await?;
        }
        Ok(id)
    }

    /// Tells who amended that somebody who had the earlier version does not get the corrected one.
    async fn tell_of_lost(
        &self,
        tx: &mut Tx,
        sender: UserId,
        share: &ShareRow,
        wanted: &NewRecipient,
        reason: &'static str,
    ) -> Result<()> {
        let teams: Vec<_> = wanted.team_id.into_iter().collect();
        let users: Vec<_> = wanted.user_id.into_iter().collect();
        let team = teams_by_ids(tx, &teams).await?.pop().map(|team| team.name);
        let person = people_by_ids(tx, &users).await?.pop().map(|person| person.display_name);
        let facts = BTreeMap::from([
            ("recipient".to_owned(), team.or(person).unwrap_or_default()),
            ("reason".to_owned(), reason.to_owned()),
        ]);
        let clinic = self.organization_name(tx, share.organization_id).await?;
        self.tell(
            tx,
            Tell {
                users: vec![sender],
                organization_id: share.organization_id,
                clinic,
                kind: NoticeKind::AddresseeLost,
                urgency: share.urgency.max(Urgency::Urgent),
                recipient: None,
                object_id: Some(share.id.uuid()),
                link: self.link(&format!("shares/{}", share.id)),
                facts,
                by_mail: true,
            },
        )
        .await
    }

    /// After a note was withdrawn (entered in error), in its transaction: every live copy ends and those who opened
    /// theirs are told.
    pub(crate) async fn withdraw_shares(&self, tx: &mut Tx, actor: &Actor, note: NoteId) -> Result<()> {
        let user = actor.user_id.ok_or(ServiceError::Unauthenticated)?;
        for share in shares::by_note(tx, note).await? {
            if share.recalled_at.is_none() && share.superseded_at.is_none() {
                self.write_recall(tx, actor, user, &share, "the note was entered in error")
                    .await?;
            }
        }
        Ok(())
    }
}
