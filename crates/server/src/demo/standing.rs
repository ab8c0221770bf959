//! Where the loops of the story stand, in words, and where each must stand in the end.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use liaison_domain::{CallTaskStatus, EvidenceLevel, Outcome, RecipientId};
use liaison_service::Service;
use liaison_store::{
    acknowledgments::{self, AcknowledgmentRow},
    call_tasks::{self, CallTaskRow},
    mis_sends,
    recipients::{self, RecipientRow},
};

use super::{play::Loop, world::World};

/// How the story ends: every loop by its name.
pub(crate) const ENDING: &[(&str, &str)] = &[
    ("A1 oncology", "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE"),
    (
        "A1 palliative",
        "acknowledged by Dr. Palla Confortini: PLAN_ADJUSTED, WILL_CONTACT_PATIENT",
    ),
    ("A2 oncology", "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE"),
    (
        "A2 palliative",
        "acknowledged by Dr. Palla Confortini: REVIEWED_NO_CHANGE",
    ),
    (
        "A2 surgery",
        "declined: WRONG_RECIPIENT, copy sealed, mis-send case open",
    ),
    (
        "A3 oncology",
        "acknowledged by telephone by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE, after 3 steps",
    ),
    (
        "A3 palliative",
        "acknowledged by Dr. Palla Confortini: REVIEWED_NO_CHANGE",
    ),
    ("A4 oncology", "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE"),
    (
        "A4 palliative",
        "acknowledged by Dr. Palla Confortini: WILL_CONTACT_PATIENT, PLAN_ADJUSTED",
    ),
    ("A5 oncology", "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE"),
    (
        "A5 palliative",
        "acknowledged by Lenia Mockman: REVIEWED_NO_CHANGE, after 2 steps",
    ),
    ("A6 again palliative", "open"),
    ("A6 oncology", "redirected to Dr. Secunda Fictiva, accepted"),
    (
        "A6 oncology, redirected",
        "acknowledged by Dr. Secunda Fictiva: PLAN_ADJUSTED",
    ),
    (
        "A6 palliative",
        "acknowledged by Dr. Palla Confortini: REQUEST_CALL, clinic replied",
    ),
    ("C1 oncology", "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE"),
    (
        "C1 palliative",
        "acknowledged by Dr. Palla Confortini: REVIEWED_NO_CHANGE",
    ),
    ("C2 oncology", "replaced by a newer version, never opened"),
    ("C2 palliative", "replaced by a newer version, acknowledged before"),
    (
        "C2 v2 oncology",
        "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE",
    ),
    (
        "C2 v2 palliative",
        "acknowledged by Dr. Palla Confortini: REVIEWED_NO_CHANGE",
    ),
    ("C3 oncology", "acknowledged by Dr. Oncor Fabricato: REVIEWED_NO_CHANGE"),
    (
        "C3 palliative",
        "open, overdue, after 3 steps, call task UNACKNOWLEDGED with Dr. Imogen Sampleton",
    ),
    ("C4 again oncology", "open"),
    (
        "C4 oncology",
        "acknowledged by Dr. Oncor Fabricato: HOLD_INFUSIONS, PLAN_ADJUSTED, clinic replied",
    ),
    (
        "C4 palliative",
        "acknowledged by Dr. Palla Confortini: PLAN_ADJUSTED, WILL_CONTACT_PATIENT, after 2 steps",
    ),
    (
        "D1 on call",
        "EMERGENT, acknowledged by telephone by Dr. Secunda Fictiva: PLAN_ADJUSTED, after 1 step",
    ),
    (
        "D1 oncology",
        "acknowledged by Dr. Oncor Fabricato: PLAN_ADJUSTED, after 2 steps",
    ),
    (
        "D1 palliative",
        "acknowledged by Dr. Palla Confortini: CONCERN_IDENTIFIED, WILL_CONTACT_PATIENT, PLAN_ADJUSTED, clinic replied",
    ),
];

/// Where every loop stands, by name.
pub(crate) async fn read(
    service: &Service,
    world: &World,
    loops: &BTreeMap<String, Loop>,
) -> anyhow::Result<BTreeMap<String, String>> {
    let ids: Vec<_> = loops.values().map(|one| one.recipient_id.uuid()).collect();
    let mut conn = service.store().read().await?;
    let rows: HashMap<_, _> = recipients::by_ids(&mut conn, &ids)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let acknowledged = acknowledgments::of_recipients(&mut conn, &ids).await?;
    let declines = acknowledgments::declines_of(&mut conn, &ids).await?;
    let cases = mis_sends::of_recipients(&mut conn, &ids).await?;
    let calls = call_tasks::of_recipients(&mut conn, &ids).await?;
    let mut all = BTreeMap::new();
    for (name, one) in loops {
        let row = rows
            .get(&one.recipient_id)
            .with_context(|| format!("the loop {name} is gone"))?;
        let given = acknowledged.iter().find(|given| given.recipient_id == row.id);
        let declined = declines.iter().find(|declined| declined.recipient_id == row.id);
        let mut words = Words(Vec::new());
        match row.outcome {
            Some(Outcome::Declined) => {
                let reason = declined.map_or("without a reason", |declined| declined.reason.as_str());
                words.say(format!("declined: {reason}"));
                words.say_if(row.sealed_from_recipient, "copy sealed");
                let case = cases
                    .iter()
                    .any(|case| case.recipient_id == row.id && case.closed_at.is_none());
                words.say_if(case, "mis-send case open");
            }
            Some(Outcome::Redirected) => {
                let to = row
                    .redirected_to
                    .and_then(|id| rows.get(&id))
                    .and_then(|colleague| colleague.to_user_id);
                words.say(format!("redirected to {}", world.name_of(to)));
                words.say_if(row.redirect_accepted_at.is_some(), "accepted");
            }
            Some(Outcome::Recalled) => words.say("recalled"),
            Some(Outcome::Superseded) => {
                words.say("replaced by a newer version");
                words.say_if(row.level < EvidenceLevel::Opened, "never opened");
                words.say_if(given.is_some(), "acknowledged before");
            }
            Some(Outcome::Failed) | None => {
                words.living(row, given, row.due_at.is_some_and(|due| due < service.now()), world);
            }
        }
        if row.outcome.is_none() {
            words.calls(row.id, &calls, world);
        }
        all.insert(name.clone(), words.0.join(", "));
    }
    Ok(all)
}

struct Words(Vec<String>);

impl Words {
    fn say(&mut self, words: impl Into<String>) {
        self.0.push(words.into());
    }

    fn say_if(&mut self, so: bool, words: &str) {
        if so {
            self.say(words);
        }
    }

    /// A loop that is open or was acknowledged.
    fn living(&mut self, row: &RecipientRow, given: Option<&AcknowledgmentRow>, overdue: bool, world: &World) {
        self.say_if(row.urgency == liaison_clinical::Urgency::Emergent, "EMERGENT");
        match given {
            Some(given) => {
                let how = if given.by_telephone {
                    "acknowledged by telephone by"
                } else {
                    "acknowledged by"
                };
                let codes: Vec<_> = given
                    .dispositions
                    .0
                    .iter()
                    .map(|disposition| disposition.as_str())
                    .collect();
                self.say(format!("{how} {}: {}", world.name_of(given.user_id), codes.join(", ")));
                if codes
                    .iter()
                    .any(|code| ["REQUEST_CALL", "HOLD_INFUSIONS", "CONCERN_IDENTIFIED"].contains(code))
                {
                    self.say(if row.reply_due {
                        "clinic owes a reply"
                    } else {
                        "clinic replied"
                    });
                }
            }
            None if row.outcome == Some(Outcome::Failed) => self.say("open, no channel reaches the recipient"),
            None => self.say("open"),
        }
        self.say_if(given.is_none() && overdue, "overdue");
        match row.step_number {
            0 => {}
            1 => self.say("after 1 step"),
            steps => self.say(format!("after {steps} steps")),
        }
    }

    fn calls(&mut self, id: RecipientId, calls: &[CallTaskRow], world: &World) {
        for call in calls
            .iter()
            .filter(|call| call.recipient_id == id && call.status == CallTaskStatus::Open)
        {
            self.say(format!(
                "call task {} with {}",
                call.reason,
                world.name_of(Some(call.owner_id))
            ));
        }
    }
}
