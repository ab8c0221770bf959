//! The physician's board and the numbers of the story, as text for a terminal.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use chrono_tz::America::Chicago;
use liaison_domain::{Actor, CallTaskStatus, DeliveryPurpose, OrganizationId};
use liaison_service::{
    Service,
    reading::{BoardOnly, BoardQuery},
};
use liaison_store::{call_tasks, deliveries};

use super::{play::Loop, stage::Stage, world::World};

/// The most rows that are read at a time.
const PAGE: u32 = 500;

/// The board of everything that waits, most overdue first, as the physician sees it.
pub(crate) async fn table(
    service: &Service,
    world: &World,
    physician: &Actor,
    loops: &BTreeMap<String, Loop>,
) -> anyhow::Result<String> {
    let query = BoardQuery {
        only: BoardOnly::Open,
        first: Some(100),
        ..BoardQuery::default()
    };
    let board = service.board(physician, query).await?;
    let mut rows = vec![["loop", "patient", "urgency", "evidence", "due", "next"].map(str::to_owned)];
    for entry in board.entries {
        let row = &entry.recipient;
        let name = loops
            .iter()
            .find(|(_, one)| one.recipient_id == row.id)
            .map_or("-", |(name, _)| name.as_str());
        // The demonstration's patients are invented, so their names may stand on a terminal.
        let patient = entry
            .patient
            .as_ref()
            .map_or_else(|| "-".to_owned(), |patient| patient.reveal().name.clone());
        let mut due = row.due_at.map_or_else(|| "-".to_owned(), local);
        if entry.is_overdue() {
            due.push_str(" OVERDUE");
        }
        let next = match (entry.next_owner, entry.next_step) {
            (Some(owner), _) => format!("call by {}", world.name_of(Some(owner))),
            (None, Some(step)) => format!("{} {}", step.kind, local(step.due)),
            (None, None) => "-".to_owned(),
        };
        rows.push([
            name.to_owned(),
            patient,
            row.urgency.to_string(),
            row.level.to_string(),
            due,
            next,
        ]);
    }
    Ok(aligned(&rows))
}

/// How much was sent, repeated, reminded and called.
pub(crate) async fn numbers(stage: &Stage, clinic: OrganizationId) -> anyhow::Result<String> {
    let mut conn = stage.service.store().read().await?;
    let (mut tries_again, mut reminders, mut next_person, mut notices) = (0, 0, 0, 0);
    let mut after = None;
    loop {
        let page = deliveries::list(&mut conn, clinic, None, after, PAGE).await?;
        for row in &page {
            tries_again += row.attempts.saturating_sub(1);
            match row.purpose {
                DeliveryPurpose::Reminder => reminders += 1,
                DeliveryPurpose::NextPerson => next_person += 1,
                DeliveryPurpose::PersonNotice | DeliveryPurpose::Digest => notices += 1,
                _ => {}
            }
        }
        after = page.last().map(|row| (row.updated_at, row.id));
        if page.len() < PAGE as usize {
            break;
        }
    }
    let calls = call_tasks::list(&mut conn, clinic, None, None, None, PAGE).await?;
    let with = |status| calls.iter().filter(|call| call.status == status).count();
    let mut text = format!(
        "{} mails, {} webhook calls ({} events), {tries_again} tries again, {reminders} reminders, {next_person} to the \
         next person, {notices} to people of the clinic; ",
        stage.mailbox.mails().len(),
        stage.receiver.events().len(),
        stage.receiver.distinct(),
    );
    text.push_str(&format!(
        "call tasks: {} done, {} open, {} no longer needed",
        with(CallTaskStatus::Completed),
        with(CallTaskStatus::Open),
        with(CallTaskStatus::Cancelled),
    ));
    Ok(text)
}

/// A moment in the clinic's zone.
pub(crate) fn local(at: DateTime<Utc>) -> String {
    at.with_timezone(&Chicago).format("%a %d %b %H:%M").to_string()
}

/// Columns under each other, two blanks apart; the last one is not filled up.
fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            line.push_str(&format!("{cell:<width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_under_each_other() {
        let rows = [["loop", "next"], ["C3 palliative", "call"], ["", "ü"]].map(|row| row.map(str::to_owned));
        assert_eq!(
            aligned(&rows),
            "loop           next\nC3 palliative  call\n               ü\n"
        );
    }
}
