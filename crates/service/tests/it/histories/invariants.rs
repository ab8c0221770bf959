//! What must hold after every act, and at the end of every history.

use std::collections::{BTreeMap, HashMap, HashSet};

use liaison_domain::{
    AttemptId, CallReason, CallTaskStatus, DeliveryPurpose, DeliveryState, EvidenceId, EvidenceLevel, OrganizationId,
    Outcome, RecipientId, TeamId, UserId,
};
use liaison_service::channel::Outbound;
use liaison_store::{
    ledger,
    patients::RestrictionRow,
    recipients::{EvidenceRow, RecipientRow},
};
use liaison_testkit::fixture::user;

use super::{
    snapshot::{Snapshot, everybody},
    world::World,
};
use crate::link_support::token_in;

/// An invariant that does not hold: its name, and what was found.
pub(super) type Broken = (&'static str, String);

macro_rules! must {
    ($holds:expr, $name:literal, $($what:tt)*) => {
        if !$holds {
            return Err(($name, format!($($what)*)));
        }
    };
}

/// What a history must remember from earlier.
#[derive(Default)]
pub(super) struct Memory {
    levels: HashMap<RecipientId, EvidenceLevel>,
    ended: HashSet<RecipientId>,
    attempts: HashSet<AttemptId>,
    /// Loops that nobody may open any more.
    shut: HashSet<RecipientId>,
    /// The restrictions that were in force when a loop's share was made.
    excluded: HashMap<RecipientId, Vec<RestrictionRow>>,
    restrictions: Vec<RestrictionRow>,
    evidence: HashSet<EvidenceId>,
    messages: HashMap<String, (String, String, Option<String>)>,
    read: [usize; 2],
}

impl Memory {
    /// Checks everything that is cheap, and remembers.
    pub(super) fn check(&mut self, world: &World, seen: &Snapshot) -> Result<(), Broken> {
        for row in seen.loops.iter().filter(|row| row.duty.is_required()) {
            somebody_answers_for(world, seen, row)?;
        }
        self.evidence_only_rises(world, seen)?;
        acknowledgments_are_of_what_was_opened(world, seen)?;
        self.nothing_leaves_after_the_end(world, seen)?;
        self.what_is_shut_stays_shut(world, seen)?;
        once_each(world, seen)?;
        self.the_excluded_get_nothing(world, seen)?;
        self.repeats_are_alike(world, seen)?;
        self.remember(seen);
        Ok(())
    }

    fn remember(&mut self, seen: &Snapshot) {
        self.levels = seen.loops.iter().map(|row| (row.id, row.level)).collect();
        self.ended = seen
            .loops
            .iter()
            .filter(|row| has_ended(row))
            .map(|row| row.id)
            .collect();
        let shut = |row: &&RecipientRow| row.state().may_open().is_err() || row.sealed_from_recipient;
        self.shut = seen.loops.iter().filter(shut).map(|row| row.id).collect();
        self.attempts = seen.attempts.iter().map(|row| row.id).collect();
        self.restrictions = seen.restrictions.clone();
        self.evidence = seen.evidence.iter().map(|row| row.id).collect();
    }

    fn evidence_only_rises(&self, world: &World, seen: &Snapshot) -> Result<(), Broken> {
        for row in &seen.loops {
            let name = || world.name(row.id, seen);
            let before = self.levels.get(&row.id).copied().unwrap_or(EvidenceLevel::Queued);
            must!(row.level >= before, "I2", "{} fell from {before:?}", name());
            let evidence = seen.evidence.iter().filter(|fact| fact.recipient_id == row.id);
            let proven = evidence.map(|fact| fact.level).max().unwrap_or(EvidenceLevel::Queued);
            must!(row.level == proven, "I2", "{} has evidence of {proven:?}", name());
        }
        for id in self.levels.keys() {
            must!(seen.find(*id).is_some(), "I2", "{id} is gone");
        }
        Ok(())
    }

    fn nothing_leaves_after_the_end(&self, world: &World, seen: &Snapshot) -> Result<(), Broken> {
        for attempt in seen
            .attempts
            .iter()
            .filter(|attempt| !self.attempts.contains(&attempt.id))
        {
            let Some(delivery) = seen.deliveries.iter().find(|row| row.id == attempt.delivery_id) else {
                continue;
            };
            let Some(id) = delivery.recipient_id.filter(|id| self.ended.contains(id)) else {
                continue;
            };
            // Whoever has acknowledged may come back to read it again. What could be read when the act began may have been
            // amended in the same moment: such a code opens nothing.
            let reads_again = !self.shut.contains(&id);
            let tells_of_it = match delivery.purpose {
                DeliveryPurpose::Correction | DeliveryPurpose::Reply => true,
                DeliveryPurpose::LinkCode => reads_again,
                _ => false,
            };
            must!(
                tells_of_it,
                "I4",
                "a {} was tried for {}",
                delivery.purpose,
                world.name(id, seen)
            );
        }
        Ok(())
    }

    /// I4: what was recalled or taken away is opened by nobody, guests included.
    fn what_is_shut_stays_shut(&self, world: &World, seen: &Snapshot) -> Result<(), Broken> {
        let opened = seen
            .evidence
            .iter()
            .filter(|fact| fact.level == EvidenceLevel::Opened && !self.evidence.contains(&fact.id))
            .find(|fact| self.shut.contains(&fact.recipient_id));
        match opened {
            Some(fact) => Err(("I4", format!("{} was opened", world.name(fact.recipient_id, seen)))),
            None => Ok(()),
        }
    }

    fn the_excluded_get_nothing(&mut self, world: &World, seen: &Snapshot) -> Result<(), Broken> {
        let overridden = world.overridden.lock().unwrap().clone();
        for row in &seen.loops {
            let excluded = self.excluded.entry(row.id).or_insert_with(|| {
                // In force before the share and after it, whatever the clock said in between.
                let still = |old: &&RestrictionRow| {
                    old.ended_at.is_none()
                        && seen
                            .restrictions
                            .iter()
                            .any(|new| new.id == old.id && new.ended_at.is_none())
                };
                self.restrictions.iter().filter(still).cloned().collect()
            });
            if excluded.is_empty() || row.redirected_from.is_none() && overridden.contains(&row.share_id) {
                continue;
            }
            let name = || world.name(row.id, seen);
            let addressed = match (row.to_team_id, row.to_user_id) {
                (_, Some(person)) => person_is_out(world, excluded, person),
                (Some(team), None) => is_out(excluded, row.to_organization_id, &[team], None),
                (None, None) => false,
            };
            must!(
                !addressed,
                "I6",
                "{} is for somebody whom a restriction excludes",
                name()
            );
            // Whoever was excluded may read once the restriction has ended.
            let lasts = |old: &&RestrictionRow| {
                seen.restrictions
                    .iter()
                    .any(|new| new.id == old.id && new.ended_at.is_none())
            };
            let excluded: Vec<_> = excluded.iter().filter(lasts).cloned().collect();
            let excluded = excluded.as_slice();
            let new = |fact: &&EvidenceRow| fact.source == "open" && !self.evidence.contains(&fact.id);
            for fact in seen
                .evidence
                .iter()
                .filter(|fact| fact.recipient_id == row.id)
                .filter(new)
            {
                let person = fact.user_id.filter(|person| person_is_out(world, excluded, *person));
                must!(
                    person.is_none(),
                    "I6",
                    "{} was opened by {person:?}, whom a restriction excludes",
                    name()
                );
            }
            let tried = |id| {
                seen.attempts
                    .iter()
                    .any(|one| one.delivery_id == id && !self.attempts.contains(&one.id))
            };
            for delivery in seen
                .deliveries
                .iter()
                .filter(|to| to.recipient_id == Some(row.id) && tried(to.id))
            {
                let endpoint = seen
                    .endpoints
                    .iter()
                    .find(|endpoint| Some(endpoint.id) == delivery.endpoint_id);
                let person = seen.people.iter().find(|person| person.email == delivery.address);
                let out = match (endpoint, person) {
                    (Some(endpoint), _) => {
                        let teams: Vec<TeamId> = endpoint.team_id.into_iter().collect();
                        is_out(excluded, endpoint.organization_id, &teams, endpoint.user_id)
                    }
                    (None, Some(person)) => person_is_out(world, excluded, person.id),
                    (None, None) => false,
                };
                must!(
                    !out,
                    "I6",
                    "a {} about {} went to {}",
                    delivery.purpose,
                    name(),
                    delivery.address
                );
            }
        }
        Ok(())
    }

    fn repeats_are_alike(&mut self, world: &World, seen: &Snapshot) -> Result<(), Broken> {
        let revoked = seen.loops.iter().any(|row| row.link_version > 1);
        let channels = [world.fleet.app.email.sent(), world.fleet.app.webhook.sent()];
        for (channel, sent) in channels.iter().enumerate() {
            for message in &sent[self.read[channel]..] {
                let content = content_of(message);
                let first = self
                    .messages
                    .entry(message.message_id.clone())
                    .or_insert_with(|| content.clone());
                // A link that has ended meanwhile is left out of a later try: it would open nothing.
                let ended = first.2.is_some() && content.2.is_none();
                let alike = ended || first.1 == content.1 && (revoked || first.2 == content.2);
                must!(
                    first.0 == content.0 && alike,
                    "I9",
                    "{} was {first:?} and is {content:?}",
                    message.message_id
                );
            }
            self.read[channel] = sent.len();
        }
        let ids: HashSet<&str> = seen.deliveries.iter().map(|row| row.message_id.as_str()).collect();
        must!(
            ids.len() == seen.deliveries.len(),
            "I9",
            "two deliveries have one message id"
        );
        let stranger = self.messages.keys().find(|id| !ids.contains(id.as_str()));
        must!(stranger.is_none(), "I9", "{stranger:?} was sent and is no delivery's");
        for row in seen
            .deliveries
            .iter()
            .filter(|row| row.state == DeliveryState::Delivered)
        {
            must!(
                self.messages.contains_key(&row.message_id),
                "I9",
                "{} was never sent",
                row.id
            );
        }
        Ok(())
    }
}

/// The address, the text without its secure link, and that link: where it was revoked, a repeat carries the new one.
fn content_of(message: &Outbound) -> (String, String, Option<String>) {
    let body = format!("{:?}", message.body);
    let token = token_in(message);
    let text = token
        .as_ref()
        .map_or_else(|| body.clone(), |token| body.replace(token, ""));
    (message.address.clone(), text, token)
}

fn has_ended(row: &RecipientRow) -> bool {
    row.acknowledged_at.is_some() || row.outcome.is_some_and(|outcome| outcome != Outcome::Failed)
}

fn is_out(restrictions: &[RestrictionRow], at: OrganizationId, teams: &[TeamId], person: Option<UserId>) -> bool {
    restrictions
        .iter()
        .any(|row| match (row.organization_id, row.team_id, row.user_id) {
            (None, None, None) => at != row.clinic_id,
            (organization, team, user) => {
                organization == Some(at)
                    || team.is_some_and(|team| teams.contains(&team))
                    || user.is_some() && user == person
            }
        })
}

fn person_is_out(world: &World, restrictions: &[RestrictionRow], person: UserId) -> bool {
    everybody(&world.fixture)
        .into_iter()
        .filter(|actor| user(actor) == person)
        .any(|actor| {
            actor
                .organization_id
                .is_some_and(|at| is_out(restrictions, at, &actor.teams, Some(person)))
        })
}

/// I1: the promise.
fn somebody_answers_for(world: &World, seen: &Snapshot, row: &RecipientRow) -> Result<(), Broken> {
    let tasks = || seen.tasks.iter().filter(|task| task.recipient_id == row.id);
    let name = || world.name(row.id, seen);
    let open = tasks()
        .filter(|task| task.status == CallTaskStatus::Open)
        .collect::<Vec<_>>();
    let named = open.iter().any(|task| {
        task.organization_id == row.organization_id && seen.clinic.iter().any(|one| one.user_id == task.owner_id)
    });
    match row.outcome {
        Some(Outcome::Recalled | Outcome::Superseded) => {}
        Some(Outcome::Declined) => {
            let told = tasks().any(|task| task.reason == CallReason::Declined);
            must!(told, "I1", "{} was declined and nobody has to call", name());
        }
        Some(Outcome::Redirected) => {
            let target = row.redirected_to.and_then(|id| seen.find(id));
            must!(
                target.is_some_and(|to| to.duty.is_required()),
                "I1",
                "{} went nowhere",
                name()
            );
        }
        None | Some(Outcome::Failed) if row.level == EvidenceLevel::Acknowledged => {
            must!(
                !row.reply_due || named,
                "I1",
                "{} waits for a reply that nobody owes: {open:?}",
                name()
            );
        }
        None | Some(Outcome::Failed) => {
            must!(row.is_open, "I1", "{} is closed without an answer", name());
            must!(
                row.next_step_at.is_some() || named,
                "I1",
                "{} is forgotten: {:?}",
                name(),
                tasks().collect::<Vec<_>>()
            );
        }
    }
    Ok(())
}

/// I3.
fn acknowledgments_are_of_what_was_opened(world: &World, seen: &Snapshot) -> Result<(), Broken> {
    for given in &seen.acknowledgments {
        let Some(row) = seen.find(given.recipient_id) else {
            return Err(("I3", "of no loop".to_owned()));
        };
        let name = || world.name(row.id, seen);
        must!(
            given.note_version_id == row.note_version_id,
            "I3",
            "{} was acknowledged for another version",
            name()
        );
        must!(
            row.level == EvidenceLevel::Acknowledged,
            "I3",
            "{} has an acknowledgment",
            name()
        );
        if given.by_telephone {
            let call = seen.tasks.iter().find(|task| Some(task.id) == given.call_task_id);
            let read_back = call.is_some_and(|task| {
                task.recipient_id == row.id && task.status == CallTaskStatus::Completed && task.read_back == Some(true)
            });
            must!(read_back, "I3", "{} was acknowledged by {call:?}", name());
        } else {
            let opened = seen.evidence.iter().any(|fact| {
                fact.recipient_id == row.id
                    && fact.level == EvidenceLevel::Opened
                    && (fact.user_id, fact.guest_id) == (given.user_id, given.guest_id)
            });
            must!(
                opened && (given.user_id.is_some() || given.guest_id.is_some()),
                "I3",
                "{} was acknowledged by who had not opened it",
                name()
            );
        }
    }
    for row in seen.loops.iter().filter(|row| row.level == EvidenceLevel::Acknowledged) {
        let given = seen.acknowledgments.iter().any(|given| given.recipient_id == row.id);
        must!(given, "I3", "{} has no acknowledgment", world.name(row.id, seen));
    }
    Ok(())
}

/// I7.
fn once_each(world: &World, seen: &Snapshot) -> Result<(), Broken> {
    for row in &seen.loops {
        let name = || world.name(row.id, seen);
        let given = seen
            .acknowledgments
            .iter()
            .filter(|given| given.recipient_id == row.id)
            .count();
        must!(given <= 1, "I7", "{} has {given} acknowledgments", name());
        let waiting = seen.tasks.iter().filter(|task| {
            task.recipient_id == row.id
                && task.status == CallTaskStatus::Open
                && task.reason == CallReason::Unacknowledged
        });
        let waiting = waiting.count();
        must!(
            waiting <= 1,
            "I7",
            "{} has {waiting} open calls for one silence",
            name()
        );
        let steps = seen
            .steps
            .iter()
            .filter(|step| step.recipient_id == row.id)
            .map(|step| step.number);
        must!(
            steps.eq(1..=row.step_number),
            "I7",
            "{} has other steps: {:?}",
            name(),
            seen.steps
        );
    }
    Ok(())
}

/// I5: each change of state has its entry, and the ledger holds together. At the end of a history.
pub(super) async fn check_ledger(world: &World, seen: &Snapshot) -> Result<(), Broken> {
    let service = &world.fleet.processes[1];
    let sequenced = service.sequence().await;
    must!(sequenced.is_ok(), "I5", "{sequenced:?}");
    let report = service
        .verify_ledger()
        .await
        .map_err(|error| ("I5", error.to_string()))?;
    must!(report.is_sound() && report.pending == 0, "I5", "{report:?}");
    let filter = ledger::EntryFilter {
        patient_id: Some(world.patient),
        ..ledger::EntryFilter::default()
    };
    let mut conn = service
        .store()
        .read()
        .await
        .map_err(|error| ("I8", error.to_string()))?;
    let entries = ledger::search(&mut conn, &filter, 100_000)
        .await
        .map_err(|error| ("I8", error.to_string()))?;
    let mut counted: BTreeMap<String, usize> = BTreeMap::new();
    for entry in entries.into_iter().filter(|entry| entry.outcome == "success") {
        *counted.entry(entry.action).or_default() += 1;
    }
    let ended = |outcome| seen.loops.iter().filter(|row| row.outcome == Some(outcome)).count();
    let expected = [
        ("share.create", seen.shares.len()),
        ("recipient.create", seen.loops.len()),
        (
            "share.recall",
            seen.shares.iter().filter(|share| share.recalled_at.is_some()).count(),
        ),
        ("recipient.recall", ended(Outcome::Recalled)),
        ("recipient.supersede", ended(Outcome::Superseded)),
        ("recipient.decline", seen.declines.len()),
        ("recipient.decline", ended(Outcome::Declined)),
        ("recipient.redirect", ended(Outcome::Redirected)),
        (
            "redirect.accept",
            seen.loops
                .iter()
                .filter(|row| row.redirect_accepted_at.is_some())
                .count(),
        ),
        ("acknowledgment.create", seen.acknowledgments.len()),
        ("evidence.recorded", seen.evidence.len()),
        ("call_task.create", seen.tasks.len()),
        (
            "call_task.complete",
            seen.tasks
                .iter()
                .filter(|task| task.status == CallTaskStatus::Completed)
                .count(),
        ),
        ("reply.create", seen.replies.len()),
        ("hold.request", seen.holds.len()),
        ("mis_send.open", seen.mis_sends.len()),
        ("escalation.step", seen.steps.len()),
        ("break_glass.started", seen.cases.len()),
    ];
    for (action, rows) in expected {
        let found = counted.get(action).copied().unwrap_or_default();
        must!(found == rows, "I5", "{found} entries {action} for {rows} rows");
    }
    Ok(())
}
