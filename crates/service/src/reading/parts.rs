//! Everything that hangs on a set of loops, read by a constant number of statements, and what of it a reader may see.

use std::collections::{HashMap, HashSet};

use liaison_domain::{
    Actor, Author, DeliveryId, EvidenceLevel, PatientId, RecipientId, ShareId,
    access::{Action, Relation, decide},
};
use liaison_store::{
    Conn, NewEntry, PatientKey, Place, StoreError,
    acknowledgments::{self, AcknowledgmentRow, DeclineRow},
    call_tasks::{self, CallTaskRow},
    deliveries::{self, AttemptRow, DeliveryRow},
    mis_sends::{self, MisSendRow},
    recipients::{self, EvidenceRow, RecipientRow},
    replies::{self, ReplyRow},
    schedule::{self, EscalationStepRow},
};
use uuid::Uuid;

use super::reach::Reach;
use crate::{Result, Service, link::GuestNames};

/// Rows by the loop they hang on.
pub(super) fn by_key<K: std::hash::Hash + Eq, V>(rows: Vec<V>, key: impl Fn(&V) -> Option<K>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(&row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

/// The loops that a reader may see, each with the reader's relation to it.
pub(super) struct Visible {
    pub(super) rows: HashMap<RecipientId, (RecipientRow, Relation)>,
    /// Those whose sealed texts the reader may read too.
    pub(super) readable: HashSet<RecipientId>,
}

impl Visible {
    /// The ids as the database keeps them.
    pub(super) fn uuids(&self) -> Vec<Uuid> {
        self.rows.keys().map(|id| id.uuid()).collect()
    }

    /// Those that the reader follows as the clinic that sent them.
    pub(super) fn own(&self) -> Vec<Uuid> {
        let own = self.rows.values().filter(|(_, relation)| *relation == Relation::Own);
        own.map(|(row, _)| row.id.uuid()).collect()
    }
}

impl Service {
    /// Sorts loops by what the reader may see. A clinic's people see all of their clinic's loops, and the texts where
    /// their role reads notes; a recipient's people see theirs, and the texts of those that they opened themself and
    /// that were not taken away.
    pub(super) async fn visible(&self, conn: &mut Conn, actor: &Actor, rows: Vec<RecipientRow>) -> Result<Visible> {
        let follows = decide(actor, Action::FollowLoops, Relation::Own).is_ok();
        let opens = decide(actor, Action::OpenShare, Relation::Recipient).is_ok();
        let mut found = HashMap::new();
        let mut reach: Option<Reach> = None;
        for row in rows {
            let relation = if actor.guest.is_some() {
                self.recipient_relation(conn, actor, &row).await?
            } else if actor.acts_for(row.organization_id) && actor.is_clinic() {
                if follows { Relation::Own } else { Relation::None }
            } else if opens && actor.acts_for(row.to_organization_id) {
                if reach.is_none() {
                    reach = Some(self.reach(conn, actor).await?);
                }
                reach.as_ref().map_or(Relation::None, |reach| reach.relation(&row))
            } else {
                Relation::None
            };
            if relation != Relation::None {
                found.insert(row.id, (row, relation));
            }
        }
        let readable = readable(conn, actor, &found).await?;
        Ok(Visible { rows: found, readable })
    }

    /// The keys of the patients whose texts are read.
    pub(super) async fn keys_of(
        &self,
        conn: &mut Conn,
        patients: impl IntoIterator<Item = PatientId>,
    ) -> Result<HashMap<PatientId, PatientKey>> {
        let mut patients: Vec<PatientId> = patients.into_iter().collect();
        patients.sort_unstable();
        patients.dedup();
        Ok(self.store().keyring()?.patient_keys(conn, &patients).await?)
    }

    /// A ledger entry for each share of which texts are read.
    pub(super) fn texts_read(&self, actor: &Actor, rows: &[&RecipientRow], what: &'static str) -> Vec<NewEntry> {
        let mut entries = Vec::new();
        let mut seen: HashSet<ShareId> = HashSet::new();
        for row in rows {
            if seen.insert(row.share_id) {
                let mut entry = self.loop_entry(actor, "share.read", row);
                entry.recipient_id = None;
                entry.detail.insert("what", what.to_owned());
                entries.push(entry);
            }
        }
        entries
    }
}

async fn readable(
    conn: &mut Conn,
    actor: &Actor,
    found: &HashMap<RecipientId, (RecipientRow, Relation)>,
) -> Result<HashSet<RecipientId>> {
    let reads_notes = decide(actor, Action::ReadNote, Relation::Own).is_ok();
    let mut readable = HashSet::new();
    let mut as_recipient = Vec::new();
    for (id, (row, relation)) in found {
        match relation {
            Relation::Own if reads_notes => drop(readable.insert(*id)),
            Relation::Recipient if row.opened_at.is_some() && row.state().may_open().is_ok() => {
                as_recipient.push(id.uuid());
            }
            _ => {}
        }
    }
    if let (false, Some(reader)) = (as_recipient.is_empty(), actor.author()) {
        for evidence in recipients::evidence_of(conn, &as_recipient).await? {
            let opener = match reader {
                Author::User(user) => evidence.user_id == Some(user),
                Author::Guest(guest) => evidence.guest_id == Some(guest),
            };
            if evidence.level >= EvidenceLevel::Opened && opener {
                readable.insert(evidence.recipient_id);
            }
        }
    }
    Ok(readable)
}

/// A patient's key among those that were loaded.
pub(super) fn key_of(keys: &HashMap<PatientId, PatientKey>, patient: PatientId) -> Result<&PatientKey> {
    Ok(keys
        .get(&patient)
        .ok_or_else(|| StoreError::Keys(format!("{patient} has no key")))?)
}

/// Opens a sealed text that is kept as it is, not as JSON.
pub(super) fn open_text(key: &PatientKey, place: Place, sealed: &[u8]) -> Result<String> {
    Ok(String::from_utf8_lossy(&key.open(place, sealed)?).into_owned())
}

/// What hangs on a set of loops.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) evidence: HashMap<RecipientId, Vec<EvidenceRow>>,
    pub(super) deliveries: HashMap<RecipientId, Vec<DeliveryRow>>,
    pub(super) attempts: HashMap<DeliveryId, Vec<AttemptRow>>,
    pub(super) steps: HashMap<RecipientId, Vec<EscalationStepRow>>,
    pub(super) calls: HashMap<RecipientId, Vec<CallTaskRow>>,
    pub(super) acknowledgments: HashMap<RecipientId, Vec<AcknowledgmentRow>>,
    pub(super) declines: HashMap<RecipientId, Vec<DeclineRow>>,
    pub(super) mis_sends: HashMap<RecipientId, Vec<MisSendRow>>,
    pub(super) replies: HashMap<RecipientId, Vec<ReplyRow>>,
    /// The guests of secure links among those who acted.
    pub(super) guests: GuestNames,
}

impl Parts {
    /// Reads what the reader may see: the clinic's own work (routes, steps, calls, cases) is for the clinic alone.
    pub(super) async fn load(service: &Service, conn: &mut Conn, visible: &Visible) -> Result<Self> {
        let (all, own) = (visible.uuids(), visible.own());
        let mut evidence = recipients::evidence_of(conn, &all).await?;
        for fact in &mut evidence {
            if !own.contains(&fact.recipient_id.uuid()) {
                fact.artefact.clear();
                fact.delivery_id = None;
                fact.attempt_id = None;
            }
        }
        let acknowledgments = acknowledgments::of_recipients(conn, &all).await?;
        let declines = acknowledgments::declines_of(conn, &all).await?;
        let mis_sends = mis_sends::of_recipients(conn, &own).await?;
        let replies = replies::of_recipients(conn, &all).await?;
        let acted = evidence.iter().map(|row| row.guest_id);
        let acted = acted.chain(acknowledgments.iter().map(|row| row.guest_id));
        let acted = acted.chain(declines.iter().map(|row| row.guest_id));
        let acted = acted.chain(mis_sends.iter().map(|row| row.guest_id));
        let acted = acted.chain(replies.iter().map(|row| row.guest_id));
        let guests = service.guests_named(conn, acted).await?;
        let deliveries = deliveries::of_recipients(conn, &own).await?;
        let delivery_ids: Vec<Uuid> = deliveries.iter().map(|delivery| delivery.id.uuid()).collect();
        Ok(Self {
            evidence: by_key(evidence, |row| Some(row.recipient_id)),
            attempts: by_key(deliveries::attempts_of(conn, &delivery_ids).await?, |row| {
                Some(row.delivery_id)
            }),
            deliveries: by_key(deliveries, |row| row.recipient_id),
            steps: by_key(schedule::steps_of(conn, &own).await?, |row| Some(row.recipient_id)),
            calls: by_key(call_tasks::of_recipients(conn, &own).await?, |row| {
                Some(row.recipient_id)
            }),
            acknowledgments: by_key(acknowledgments, |row| Some(row.recipient_id)),
            declines: by_key(declines, |row| Some(row.recipient_id)),
            mis_sends: by_key(mis_sends, |row| Some(row.recipient_id)),
            replies: by_key(replies, |row| Some(row.recipient_id)),
            guests,
        })
    }
}
