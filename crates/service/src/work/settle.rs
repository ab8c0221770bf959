//! Recording what came of attempts: the attempt, the delivery, evidence and ledger, in one transaction for all answers
//! that came together. A late answer is recorded as late and takes nothing back.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use liaison_domain::{
    Actor, AttemptId, AttemptOutcome, ChannelKind, DeadReason, DeliveryId, DeliveryPurpose, DeliveryState, EndpointId,
    EndpointStatus, EvidenceLevel, LoopEvent, PurposeOfUse, RecipientId, delivery::DISABLE_AFTER,
};
use liaison_store::{
    NewEntry, Tx,
    deliveries::{self, AttemptRow, DeliveryRow, Settlement},
    directory::endpoint::endpoints_by_ids,
    recipients::RecipientRow,
    schedule,
};
use uuid::Uuid;

use super::{at_work::Held, claim::Claimed, disable_endpoint::Disable};
use crate::{
    Result, Service, ServiceError,
    channel::{SendOutcome, SendReport},
    loops::change::{Fact, apply},
};

/// What came of one claimed delivery.
pub(crate) struct Answer {
    row: DeliveryRow,
    number: u32,
    attempt_id: Option<AttemptId>,
    came: Came,
    /// Until it is recorded.
    _held: Held,
}

enum Came {
    /// The channel's report.
    Report(SendReport),
    /// It was not sent, but given up.
    Verdict(DeadReason),
    /// It was being sent when this process was asked to stop.
    GivenBack,
}

impl Answer {
    /// A channel's report. The place in the lane is free from here on.
    pub(crate) fn of(claimed: Claimed, report: SendReport) -> Self {
        Self {
            row: claimed.row,
            number: claimed.number,
            attempt_id: claimed.attempt_id,
            came: Came::Report(report),
            _held: claimed.held,
        }
    }

    /// A delivery whose send was broken off, because this process stops. The place in the lane is free from here on.
    pub(crate) fn given_back(claimed: Claimed) -> Self {
        Self {
            row: claimed.row,
            number: claimed.number,
            attempt_id: claimed.attempt_id,
            came: Came::GivenBack,
            _held: claimed.held,
        }
    }

    /// Whether it waits for another process from here on.
    pub(crate) fn is_due_again(&self) -> bool {
        matches!(self.came, Came::GivenBack)
    }

    /// A delivery that was claimed to be given up.
    pub(crate) fn verdict(claimed: Claimed) -> Self {
        let reason = claimed.verdict.unwrap_or(DeadReason::Poison);
        Self {
            row: claimed.row,
            number: claimed.number,
            attempt_id: None,
            came: Came::Verdict(reason),
            _held: claimed.held,
        }
    }
}

/// How often recording is tried: an answer that is lost means a repeat for the receiver.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);
/// For how long it is tried while the database is away: with the claims and the sends before it, less than the workers
/// give a call.
const TRY_FOR: Duration = Duration::from_secs(8);

/// What one transaction works on, locked in the order loops, deliveries.
struct Books {
    loops: HashMap<RecipientId, RecipientRow>,
    changed: HashSet<RecipientId>,
    deliveries: HashMap<DeliveryId, DeliveryRow>,
    /// Loops of which a first notice was given up.
    notices_dead: BTreeSet<RecipientId>,
    /// By endpoint: whether the last answer of it was good.
    endpoints: BTreeMap<EndpointId, bool>,
    gone: BTreeSet<EndpointId>,
}

impl Service {
    /// Records answers. A database that is away for a moment is asked again.
    pub(crate) async fn settle(&self, answers: Vec<Answer>) -> Result<()> {
        let mut tries = 1;
        let began = Instant::now();
        let disable = loop {
            match self.settle_once(&answers).await {
                Ok(disable) => break disable,
                Err(error) if tries < TRIES || (is_away(&error) && began.elapsed() < TRY_FOR) => {
                    tracing::warn!(%error, tries, "answers of deliveries could not be recorded; trying again");
                    tokio::time::sleep(PAUSE * tries.min(5)).await;
                    tries += 1;
                }
                Err(error) => return Err(error),
            }
        };
        for endpoint in disable {
            self.disable_endpoint(endpoint).await?;
        }
        Ok(())
    }

    async fn settle_once(&self, answers: &[Answer]) -> Result<Vec<Disable>> {
        let mut tx = self.begin().await?;
        let mut books = open_books(&mut tx, answers).await?;
        for answer in answers {
            match &answer.came {
                Came::Report(report) => self.settle_report(&mut tx, &mut books, answer, report).await?,
                Came::GivenBack => self.settle_given_back(&mut tx, &mut books, answer).await?,
                Came::Verdict(reason) => {
                    let settled = self.close(&mut tx, &mut books, answer, dead(*reason)).await?;
                    if settled {
                        self.note_dead(&mut tx, &mut books, answer, *reason, false);
                    }
                }
            }
        }
        let dead: Vec<RecipientId> = books.notices_dead.iter().copied().collect();
        let changed = self.check_reachable(&mut tx, &mut books.loops, &dead).await?;
        books.changed.extend(changed);
        let mut changed: Vec<RecipientId> = books.changed.iter().copied().collect();
        changed.sort_unstable();
        for id in changed {
            if let Some(row) = books.loops.get_mut(&id) {
                self.save_loop(&mut tx, row).await?;
            }
        }
        let disable = self.settle_endpoints(&mut tx, &books, answers).await?;
        tx.commit().await?;
        Ok(disable)
    }

    async fn settle_report(&self, tx: &mut Tx, books: &mut Books, answer: &Answer, report: &SendReport) -> Result<()> {
        let now = self.now();
        let attempt = AttemptRow {
            id: answer.attempt_id.unwrap_or_else(|| self.id()),
            delivery_id: answer.row.id,
            number: answer.number,
            started_at: now,
            ended_at: Some(now),
            outcome: attempt_outcome(&report.outcome),
            status_code: report.status.map(u32::from),
            artefact: Some(report.artefact.chars().take(1_000).collect()),
        };
        deliveries::end_attempt(tx, &attempt).await?;
        if let Some(endpoint) = answer.row.endpoint_id {
            books
                .endpoints
                .insert(endpoint, matches!(report.outcome, SendOutcome::Delivered(_)));
        }
        if let SendOutcome::Delivered(level) = report.outcome {
            return self.settle_success(tx, books, answer, report, level).await;
        }
        if report.outcome == (SendOutcome::Permanent { endpoint_gone: true }) {
            books.gone.extend(answer.row.endpoint_id);
        }
        // A late answer of an earlier attempt has said that it arrived: this one's failure starts no further try.
        let arrived = books.deliveries.get(&answer.row.id).and_then(|row| row.delivered_at);
        let settlement = match (arrived, &report.outcome) {
            (Some(at), _) => delivered(at),
            (None, SendOutcome::Permanent { .. }) => dead(DeadReason::Refused),
            (None, outcome) => self.again(answer, outcome),
        };
        let settled = self.close(tx, books, answer, settlement).await?;
        let mut entry = self.delivery_entry("delivery.failed", &answer.row, books);
        entry.outcome = "failure";
        entry.detail.insert("attempt", answer.number.to_string());
        entry.detail.insert("class", attempt.outcome.as_str().to_owned());
        entry.detail.insert("late", (!settled).to_string());
        if let Some(status) = report.status {
            entry.detail.insert("status", status.to_string());
        }
        tx.record(entry);
        if let (true, Some(reason)) = (settled, settlement.dead_reason) {
            let gone = matches!(report.outcome, SendOutcome::Permanent { endpoint_gone: true });
            self.note_dead(tx, books, answer, reason, gone);
        }
        Ok(())
    }

    /// A try whose result nobody will know, by no fault of its endpoint: it is due again at once, for whoever is there.
    async fn settle_given_back(&self, tx: &mut Tx, books: &mut Books, answer: &Answer) -> Result<()> {
        let now = self.now();
        let attempt = AttemptRow {
            id: answer.attempt_id.unwrap_or_else(|| self.id()),
            delivery_id: answer.row.id,
            number: answer.number,
            started_at: now,
            ended_at: Some(now),
            outcome: AttemptOutcome::Unknown,
            status_code: None,
            // Not one of those that count against a message which ends its process each time.
            artefact: Some("no answer yet when the process was asked to stop".to_owned()),
        };
        deliveries::end_attempt(tx, &attempt).await?;
        // A late answer of an earlier attempt may have said that it arrived.
        let arrived = books.deliveries.get(&answer.row.id).and_then(|row| row.delivered_at);
        let settlement = arrived.map_or_else(|| pending(now), delivered);
        let settled = self.close(tx, books, answer, settlement).await?;
        let mut entry = self.delivery_entry("delivery.failed", &answer.row, books);
        entry.outcome = "failure";
        entry.detail.insert("attempt", answer.number.to_string());
        entry.detail.insert("class", attempt.outcome.as_str().to_owned());
        entry.detail.insert("late", (!settled).to_string());
        tx.record(entry);
        Ok(())
    }

    async fn settle_success(
        &self,
        tx: &mut Tx,
        books: &mut Books,
        answer: &Answer,
        report: &SendReport,
        level: EvidenceLevel,
    ) -> Result<()> {
        let now = self.now();
        let held = self.close(tx, books, answer, delivered(now)).await?;
        if !held && !deliveries::settle_late(tx, answer.row.id, now).await? {
            deliveries::note_late(tx, answer.row.id, now).await?;
        }
        let mut entry = self.delivery_entry("delivery.delivered", &answer.row, books);
        entry.detail.insert("attempt", answer.number.to_string());
        entry.detail.insert("level", level.as_str().to_owned());
        entry.detail.insert("late", (!held).to_string());
        tx.record(entry);
        // What reached the next person proves nothing about the addressed one.
        if !matches!(answer.row.purpose, DeliveryPurpose::Notice | DeliveryPurpose::Reminder) {
            return Ok(());
        }
        let Some(row) = answer.row.recipient_id.and_then(|id| books.loops.get_mut(&id)) else {
            return Ok(());
        };
        let before = row.state();
        let late = !held || row.level > level || row.state().may_open().is_err();
        let fact = Fact {
            level,
            occurred_at: now,
            author: None,
            delivery: Some((answer.row.id, answer.attempt_id)),
            source: source(answer.row.channel),
            artefact: report.artefact.clone(),
        };
        self.record_evidence(tx, &Actor::system(), row, fact, late).await?;
        apply(row, LoopEvent::Evidence(level), now)?;
        if row.state() != before {
            books.changed.insert(row.id);
        }
        Ok(())
    }

    /// Settles the delivery, if the claim still holds: its row is locked, so that what was read of it is so.
    async fn close(&self, tx: &mut Tx, books: &mut Books, answer: &Answer, settlement: Settlement) -> Result<bool> {
        let process = &self.settings().process;
        let held = books.deliveries.get_mut(&answer.row.id).filter(|row| {
            row.state == DeliveryState::Sending
                && row.lease_owner.as_ref() == Some(process)
                && row.attempts == answer.number
        });
        let Some(row) = held else { return Ok(false) };
        deliveries::settle(tx, row.id, settlement, process, answer.number, self.now()).await?;
        // Another answer about it in the same transaction comes late.
        row.state = settlement.state;
        row.lease_owner = None;
        row.delivered_at = settlement.delivered_at;
        Ok(true)
    }

    /// After a failure that may pass: when to try again, or that every try is used up.
    fn again(&self, answer: &Answer, outcome: &SendOutcome) -> Settlement {
        let asked = match outcome {
            SendOutcome::Transient { retry_after } => *retry_after,
            _ => None,
        };
        let store_random = self.store().random();
        let random: &dyn liaison_domain::Random = &*store_random;
        let next = match self.settings().retry.get(&answer.row.channel) {
            // A test is tried once: its answer is what was asked for.
            Some(_) if answer.row.purpose == DeliveryPurpose::EndpointTest => None,
            Some(schedule) => schedule.next(answer.number, self.now(), asked, random.unit()),
            None => None,
        };
        match next {
            Some(at) => pending(at),
            None => dead(DeadReason::Exhausted),
        }
    }

    fn note_dead(&self, tx: &mut Tx, books: &mut Books, answer: &Answer, reason: DeadReason, gone: bool) {
        let mut entry = self.delivery_entry("delivery.dead", &answer.row, books);
        entry.outcome = "failure";
        entry.detail.insert("reason", reason.as_str().to_owned());
        entry.detail.insert("endpoint_gone", gone.to_string());
        tx.record(entry);
        if answer.row.purpose == DeliveryPurpose::Notice {
            books.notices_dead.extend(answer.row.recipient_id);
        }
    }

    fn delivery_entry(&self, action: &'static str, row: &DeliveryRow, books: &Books) -> NewEntry {
        self.entry_of_delivery(action, row, row.recipient_id.and_then(|id| books.loops.get(&id)))
    }

    /// A ledger entry about a delivery.
    pub(crate) fn entry_of_delivery(
        &self,
        action: &'static str,
        row: &DeliveryRow,
        of: Option<&RecipientRow>,
    ) -> NewEntry {
        let actor = Actor::system();
        let mut entry = match of {
            Some(of) => self.loop_entry(&actor, action, of),
            None => self.entry(&actor, action),
        };
        entry.organization_id = Some(row.organization_id);
        entry.share_id = row.share_id;
        if of.is_none() {
            entry.purpose = PurposeOfUse::Operations;
        }
        entry.object_id = Some(row.id.to_string());
        entry.detail.insert("channel", row.channel.as_str().to_owned());
        entry.detail.insert("purpose", row.purpose.as_str().to_owned());
        if let Some(endpoint) = row.endpoint_id {
            entry.detail.insert("endpoint_id", endpoint.to_string());
        }
        entry
    }

    /// Notes on endpoints what their answers say; which of them are to be disabled.
    async fn settle_endpoints(&self, tx: &mut Tx, books: &Books, answers: &[Answer]) -> Result<Vec<Disable>> {
        let now = self.now();
        let ids: Vec<EndpointId> = books.endpoints.keys().copied().collect();
        let mut rows = endpoints_by_ids(tx, &ids).await?;
        // Always in the same order, so that two processes never wait for each other in a circle.
        rows.sort_unstable_by_key(|row| row.id);
        let mut disable = Vec::new();
        for row in rows {
            match books.endpoints.get(&row.id) {
                Some(true) => {
                    // Once a minute is enough to know, and spares a busy endpoint's row.
                    let stale = row
                        .last_proven_at
                        .is_none_or(|at| at + chrono::TimeDelta::minutes(1) <= now);
                    if row.failing_since.is_some() || stale {
                        deliveries::endpoint_proven(tx, row.id, now).await?;
                    }
                }
                _ if row.failing_since.is_none() => {
                    deliveries::endpoint_failing(tx, row.id, now).await?;
                }
                _ => {}
            }
            let gone = books.gone.contains(&row.id);
            let failing = books.endpoints.get(&row.id) == Some(&false)
                && row.failing_since.is_some_and(|since| since + DISABLE_AFTER <= now);
            if row.status == EndpointStatus::Active && (gone || failing) {
                disable.push(Disable {
                    endpoint_id: row.id,
                    reason: if gone { "GONE" } else { "FAILING" },
                    owners: answers
                        .iter()
                        .filter(|answer| answer.row.endpoint_id == Some(row.id))
                        .map(|answer| answer.row.organization_id)
                        .collect(),
                });
            }
        }
        Ok(disable)
    }
}

fn is_away(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Unavailable)
}

async fn open_books(tx: &mut Tx, answers: &[Answer]) -> Result<Books> {
    let sorted = |ids: BTreeSet<Uuid>| ids.into_iter().collect::<Vec<_>>();
    let loop_ids = sorted(
        answers
            .iter()
            .filter_map(|answer| answer.row.recipient_id)
            .map(|id| id.uuid())
            .collect(),
    );
    let delivery_ids = sorted(answers.iter().map(|answer| answer.row.id.uuid()).collect());
    let loops = schedule::lock_loops(tx, &loop_ids).await?;
    let rows = deliveries::lock_all(tx, &delivery_ids).await?;
    Ok(Books {
        loops: loops.into_iter().map(|row| (row.id, row)).collect(),
        changed: HashSet::new(),
        deliveries: rows.into_iter().map(|row| (row.id, row)).collect(),
        notices_dead: BTreeSet::new(),
        endpoints: BTreeMap::new(),
        gone: BTreeSet::new(),
    })
}

fn delivered(at: chrono::DateTime<chrono::Utc>) -> Settlement {
    Settlement {
        state: DeliveryState::Delivered,
        next_attempt_at: None,
        dead_reason: None,
        delivered_at: Some(at),
    }
}

fn pending(at: chrono::DateTime<chrono::Utc>) -> Settlement {
    Settlement {
        state: DeliveryState::Pending,
        next_attempt_at: Some(at),
        dead_reason: None,
        delivered_at: None,
    }
}

fn dead(reason: DeadReason) -> Settlement {
    Settlement {
        state: DeliveryState::Dead,
        next_attempt_at: None,
        dead_reason: Some(reason),
        delivered_at: None,
    }
}

fn attempt_outcome(outcome: &SendOutcome) -> AttemptOutcome {
    match outcome {
        SendOutcome::Delivered(_) => AttemptOutcome::Delivered,
        SendOutcome::Permanent { .. } => AttemptOutcome::Permanent,
        SendOutcome::Transient { .. } => AttemptOutcome::Transient,
        SendOutcome::Unknown => AttemptOutcome::Unknown,
    }
}

fn source(channel: ChannelKind) -> &'static str {
    match channel {
        ChannelKind::Email => "smtp",
        ChannelKind::Webhook => "webhook",
    }
}
