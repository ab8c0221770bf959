//! What oncology and palliative care know of a patient, and in which version: for each addressee the newest version that
//! was sent, opened and acknowledged, and what they are behind with.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use liaison_domain::{EvidenceLevel, NoteId, NoteVersionId, OrganizationId, Outcome, TeamId, UserId};
use liaison_service::{
    notes::VersionRow,
    reading::{BoardEntry, RecipientRow},
};

use super::{board::note_words, names::Names, words};
use crate::shell::Shell;

/// One addressee.
pub(super) struct KnownLine {
    pub(super) to: String,
    pub(super) role: &'static str,
    pub(super) sent: String,
    pub(super) opened: String,
    pub(super) acknowledged: String,
    /// What they have not seen yet; empty where they are up to date.
    pub(super) behind: Vec<String>,
}

type Addressee = (OrganizationId, Option<TeamId>, Option<UserId>);

fn addressee(row: &RecipientRow) -> Addressee {
    (row.to_organization_id, row.to_team_id, row.to_user_id)
}

/// One line for each addressee, the first addressed first.
pub(super) fn lines(
    entries: &[BoardEntry],
    versions: &HashMap<NoteVersionId, VersionRow>,
    names: &Names,
    shell: &Shell,
) -> Vec<KnownLine> {
    let mut rows: Vec<&RecipientRow> = entries.iter().map(|entry| &entry.recipient).collect();
    rows.sort_by_key(|row| (row.shared_at, row.id));
    let mut order: Vec<Addressee> = Vec::new();
    let mut groups: HashMap<Addressee, Vec<&RecipientRow>> = HashMap::new();
    for row in rows {
        let group = groups.entry(addressee(row)).or_insert_with(|| {
            order.push(addressee(row));
            Vec::new()
        });
        group.push(row);
    }
    order
        .iter()
        .filter_map(|addressee| groups.get(addressee))
        .filter_map(|rows| line(rows, versions, names, shell))
        .collect()
}

fn line(
    rows: &[&RecipientRow],
    versions: &HashMap<NoteVersionId, VersionRow>,
    names: &Names,
    shell: &Shell,
) -> Option<KnownLine> {
    let first = rows.first()?;
    let say = |row: Option<&&RecipientRow>, at: fn(&RecipientRow) -> Option<DateTime<Utc>>| {
        row.map_or_else(
            || "nothing".to_owned(),
            |row| {
                let when = at(row).map_or_else(String::new, |at| format!(", {}", shell.zone.short(at, shell.now)));
                format!("{}{when}", with_version(versions, row.note_version_id))
            },
        )
    };
    // What was recalled before they saw it was not sent to them after all.
    let sent = rows.iter().rev().find(|row| {
        row.outcome
            .is_none_or(|outcome| !matches!(outcome, Outcome::Recalled | Outcome::Failed))
            || row.level >= EvidenceLevel::Opened
    });
    let newest = |level: EvidenceLevel, at: fn(&RecipientRow) -> Option<DateTime<Utc>>| {
        rows.iter()
            .filter(|row| row.level >= level)
            .max_by_key(|row| (at(row), row.shared_at))
    };
    Some(KnownLine {
        to: names.recipient(first),
        role: words::care_role(first.care_role),
        sent: say(sent, |row| Some(row.shared_at)),
        opened: say(newest(EvidenceLevel::Opened, |row| row.opened_at), |row| row.opened_at),
        acknowledged: say(newest(EvidenceLevel::Acknowledged, |row| row.acknowledged_at), |row| {
            row.acknowledged_at
        }),
        behind: behind(rows, versions),
    })
}

fn with_version(versions: &HashMap<NoteVersionId, VersionRow>, id: NoteVersionId) -> String {
    versions.get(&id).map_or_else(
        || "a note".to_owned(),
        |version| format!("{} v{}", words::kind(version.kind), version.version),
    )
}

/// Of each note the newest live copy, where they have not opened it; with the older version they know.
fn behind(rows: &[&RecipientRow], versions: &HashMap<NoteVersionId, VersionRow>) -> Vec<String> {
    let mut newest: HashMap<NoteId, &RecipientRow> = HashMap::new();
    for row in rows.iter().filter(|row| row.outcome.is_none()) {
        newest.insert(row.note_id, row);
    }
    let number = |row: &RecipientRow| versions.get(&row.note_version_id).map_or(0, |version| version.version);
    let mut unseen: Vec<&RecipientRow> = newest
        .into_values()
        .filter(|row| row.level < EvidenceLevel::Opened)
        .collect();
    unseen.sort_by_key(|row| (row.shared_at, row.id));
    unseen
        .into_iter()
        .map(|row| {
            let older = rows
                .iter()
                .filter(|other| other.note_id == row.note_id && other.level >= EvidenceLevel::Opened)
                .map(|other| number(other))
                .filter(|older| *older < number(row))
                .max();
            let note = note_words(versions, row.note_version_id);
            match older {
                Some(older) => format!("{note}: not opened; they know version {older}"),
                None => format!("{note}: not opened"),
            }
        })
        .collect()
}
