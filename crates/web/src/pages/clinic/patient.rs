//! `/patients/{id}`: who it is, whether infusions stand still, what the others know, the trend, and everything written
//! and shared.

use std::collections::HashMap;

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    response::Response,
    routing::get,
};
use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::{NoteStatus, NoteVersionId, PatientId, Role, ShareId, Urgency};
use liaison_service::{
    notes::{CourseRow, TimelineCursor, TimelineRow},
    patients::{CareTeamRow, Patient, PatientIdentity, Restriction},
    reading::{BoardEntry, BoardOnly, BoardQuery, MAX_PAGE},
};

use super::{
    board::{self, Beside, LoopLine, reads_patients},
    holds::{self, HoldView},
    known::{self, KnownLine},
    names::{Names, Wanted},
    query, words,
};
use crate::{
    Result, Web, WebError, format,
    plot::{self, TrendView},
    session::Signed,
    shell::{self, Shell},
};

/// How many versions and drafts one page of the timeline shows.
const PAGE: u32 = 30;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/patients/{id}", get(patient))
}

#[derive(Template)]
#[template(path = "clinic/patient.html")]
struct PatientPageView {
    shell: Shell,
    id: PatientId,
    who: Who,
    look_alikes: Vec<Alike>,
    holds: Vec<HoldView>,
    /// Since when a legal hold stands.
    held_since: Option<DateTime<Utc>>,
    lifts: bool,
    /// Whether the reader may change the record; who is here in an emergency may not.
    writes: bool,
    key: String,
    known: Vec<KnownLine>,
    trend: TrendView,
    items: Vec<Item>,
    older: Option<String>,
    care_team: Vec<Entry>,
    restrictions: Vec<Entry>,
    courses: Vec<Course>,
}

/// The identity at the head of the page.
pub(super) struct Who {
    pub(super) name: String,
    pub(super) birth_date: String,
    pub(super) age: String,
    pub(super) gender: &'static str,
    pub(super) mrn: String,
    pub(super) others: Vec<(String, String)>,
}

struct Alike {
    id: PatientId,
    name: String,
    birth_date: String,
    mrn: String,
}

/// A care team entry or a restriction, in two lines.
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) detail: String,
}

struct Course {
    title: String,
    detail: String,
}

/// A version or a draft with what became of it.
struct Item {
    at: DateTime<Utc>,
    kind: &'static str,
    draft: bool,
    href: String,
    note_href: String,
    /// `Version 2`; empty for a draft.
    version: String,
    by: String,
    urgency: Option<Urgency>,
    /// Withdrawn or replaced, in words; empty otherwise.
    standing: &'static str,
    newest: bool,
    shares: Vec<ShareItem>,
}

impl Item {
    fn urgency_class(&self) -> &'static str {
        self.urgency.map_or("", words::urgency_class)
    }

    fn urgency_word(&self) -> &'static str {
        self.urgency.map_or("", words::urgency)
    }
}

struct ShareItem {
    href: String,
    at: DateTime<Utc>,
    by: String,
    lines: Vec<LoopLine>,
}

/// Full years on a day.
fn age(born: NaiveDate, today: NaiveDate) -> String {
    today
        .years_since(born)
        .map_or_else(String::new, |years| format::count(i64::from(years), "year"))
}

pub(super) fn who(identity: &PatientIdentity, names: &Names, today: NaiveDate) -> Who {
    Who {
        name: identity.name.clone(),
        birth_date: format::date(identity.birth_date),
        age: age(identity.birth_date, today),
        gender: identity.administrative_gender.as_str(),
        mrn: identity.mrn.clone(),
        others: identity
            .other_mrns
            .iter()
            .map(|other| (names.organization(other.organization_id), other.mrn.clone()))
            .collect(),
    }
}

/// `?before=<moment>~<item>`: where the next page of the timeline begins.
fn cursor(here: &str) -> Result<Option<TimelineCursor>> {
    let Some(given) = query(here, "before") else {
        return Ok(None);
    };
    let (at, item) = given.split_once('~').ok_or(WebError::NoPage)?;
    let micros: i64 = at.parse().map_err(|_| WebError::NoPage)?;
    Ok(Some(TimelineCursor {
        occurred_at: DateTime::from_timestamp_micros(micros).ok_or(WebError::NoPage)?,
        item_id: item.parse().map_err(|_| WebError::NoPage)?,
    }))
}

async fn alikes(web: &Web, signed: &Signed, patient: PatientId) -> Result<Vec<Alike>> {
    // In an emergency one record is open and no other.
    if !reads_patients(signed) {
        return Ok(Vec::new());
    }
    let ids = web.service().look_alikes(&signed.actor, patient).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut found: Vec<Patient> = web
        .service()
        .patients(&signed.actor, &ids)
        .await?
        .into_values()
        .collect();
    found.sort_by_key(|patient| patient.id);
    Ok(found
        .iter()
        .map(|patient| {
            let identity = patient.identity.reveal();
            Alike {
                id: patient.id,
                name: identity.name.clone(),
                birth_date: format::date(identity.birth_date),
                mrn: identity.mrn.clone(),
            }
        })
        .collect())
}

async fn patient(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id: PatientId = id.parse()?;
    let (service, actor) = (web.service(), &signed.actor);
    let patient = service.patient(actor, id).await?;
    let look_alikes = alikes(&web, &signed, id).await?;
    let held = service.holds(actor, id).await?;
    let held_since = service.legal_hold_since(actor, id).await?;
    let timeline = service.patient_timeline(actor, id, cursor(&signed.here)?, PAGE).await?;
    let loops = service
        .board(
            actor,
            BoardQuery {
                only: BoardOnly::All,
                patient_id: Some(id),
                first: Some(MAX_PAGE),
                ..BoardQuery::default()
            },
        )
        .await?
        .entries;
    let trend = service.patient_trend(actor, id).await?;
    let team = service.care_team(actor, id, service.now()).await?;
    let mut restrictions = service.restrictions(actor, id).await?;
    restrictions.retain(|restriction| restriction.row.ended_at.is_none());
    let courses = service.courses(actor, id).await?;

    let mut wanted = Wanted::default();
    holds::wants(&held, &mut wanted);
    let beside = Beside::load(&web, &signed, &loops, &mut wanted).await?;
    for item in &timeline.items {
        wanted.person(item.by_user);
    }
    circle_names(&team, &restrictions, &mut wanted);
    for other in &patient.identity.reveal().other_mrns {
        wanted.organization(other.organization_id);
    }
    let names = wanted.load(&web, actor).await?;

    let shell = Shell::new(&web, &signed, "Patient").live().wide();
    let older = timeline.next.map(|next| {
        format!(
            "/patients/{id}?before={}~{}",
            next.occurred_at.timestamp_micros(),
            next.item_id
        )
    });
    shell::page(&PatientPageView {
        id,
        who: who(patient.identity.reveal(), &names, signed.zone.today(shell.now)),
        look_alikes,
        held_since,
        holds: holds::in_force(&held, &names, signed.zone),
        lifts: signed.has_any(&[Role::Physician]),
        writes: reads_patients(&signed),
        key: web.fresh_key(),
        known: known::lines(&loops, &beside.versions, &names, &shell),
        trend: plot::trend(&trend),
        items: items(&timeline.items, &loops, &beside, &names, &shell),
        older,
        care_team: team.iter().map(|row| care_team_entry(row, &names, &shell)).collect(),
        restrictions: restrictions
            .iter()
            .map(|restriction| restriction_entry(restriction, &names, &shell))
            .collect(),
        courses: courses.iter().map(|row| course(row, &shell)).collect(),
        shell,
    })
}

/// Notes whose names the care team and the restrictions need.
pub(super) fn circle_names(team: &[CareTeamRow], restrictions: &[Restriction], wanted: &mut Wanted) {
    for row in team {
        wanted.team(row.team_id);
        wanted.person(row.user_id);
    }
    for restriction in restrictions {
        wanted.organization(restriction.row.organization_id);
        wanted.team(restriction.row.team_id);
        wanted.person(restriction.row.user_id);
        wanted.person(restriction.row.agreed_by);
    }
}

/// A care team entry in words.
pub(super) fn care_team_entry(row: &CareTeamRow, names: &Names, shell: &Shell) -> Entry {
    let until = row
        .until_at
        .map_or_else(String::new, |at| format!(" until {}", shell.zone.date(at)));
    Entry {
        id: row.id.to_string(),
        title: names.addressee(row.team_id, row.user_id, None),
        detail: format!(
            "{}, since {}{until}",
            words::care_role(row.care_role),
            shell.zone.date(row.from_at)
        ),
    }
}

/// A restriction in words.
pub(super) fn restriction_entry(restriction: &Restriction, names: &Names, shell: &Shell) -> Entry {
    let row = &restriction.row;
    let whom = names.addressee(row.team_id, row.user_id, row.organization_id);
    let agreed = format!(
        "Agreed by {} on {}",
        names.person(row.agreed_by),
        shell.zone.date(row.agreed_at)
    );
    Entry {
        id: row.id.to_string(),
        title: if whom.is_empty() {
            "Share with nobody outside of this clinic".to_owned()
        } else {
            format!("Do not share with {whom}")
        },
        detail: restriction.detail.as_ref().map_or_else(
            || agreed.clone(),
            |detail| format!("{} {agreed}", crate::error::capital(detail.reveal())),
        ),
    }
}

fn course(row: &CourseRow, shell: &Shell) -> Course {
    let planned = row.planned_infusions.map_or_else(
        || "number of infusions not planned".to_owned(),
        |count| format!("{} planned", format::count(count, "infusion")),
    );
    Course {
        title: format!("Since {}", shell.zone.date(row.started_at)),
        detail: match row.ended_at {
            Some(at) => format!("{planned}; ended {}", shell.zone.date(at)),
            None => planned,
        },
    }
}

fn items(rows: &[TimelineRow], loops: &[BoardEntry], beside: &Beside, names: &Names, shell: &Shell) -> Vec<Item> {
    let mut of_version: HashMap<NoteVersionId, Vec<&BoardEntry>> = HashMap::new();
    for entry in loops {
        of_version
            .entry(entry.recipient.note_version_id)
            .or_default()
            .push(entry);
    }
    let mut newest: HashMap<_, i64> = HashMap::new();
    for row in rows {
        let highest = newest.entry(row.note_id).or_default();
        *highest = (*highest).max(row.version.unwrap_or(0));
    }
    rows.iter()
        .map(|row| {
            let entries = row.note_version_id.and_then(|id| of_version.get(&id));
            let replaced = row
                .version
                .is_some_and(|version| newest.get(&row.note_id).is_some_and(|newest| *newest > version));
            Item {
                at: row.occurred_at,
                kind: words::kind(row.kind),
                draft: row.note_version_id.is_none(),
                href: match row.note_version_id {
                    Some(version) => format!("/versions/{version}"),
                    None => format!("/notes/{}/edit", row.note_id),
                },
                note_href: format!("/notes/{}", row.note_id),
                version: row
                    .version
                    .map_or_else(String::new, |version| format!("version {version}")),
                by: names.person(row.by_user),
                urgency: row.urgency.filter(|urgency| *urgency != Urgency::Routine),
                standing: if row.withdrawn_at.is_some() || row.status == NoteStatus::EnteredInError {
                    "Entered in error"
                } else if replaced {
                    "Replaced by a newer version"
                } else {
                    ""
                },
                newest: row.note_version_id.is_some() && !replaced && row.withdrawn_at.is_none(),
                shares: shares(entries.map_or(&[][..], Vec::as_slice), beside, names, shell),
            }
        })
        .collect()
}

fn shares(entries: &[&BoardEntry], beside: &Beside, names: &Names, shell: &Shell) -> Vec<ShareItem> {
    let mut order: Vec<ShareId> = Vec::new();
    let mut groups: HashMap<ShareId, Vec<&BoardEntry>> = HashMap::new();
    for entry in entries {
        let id = entry.recipient.share_id;
        if !order.contains(&id) {
            order.push(id);
        }
        groups.entry(id).or_default().push(entry);
    }
    order
        .iter()
        .filter_map(|id| groups.get(id))
        .filter_map(|group| {
            let first = &group.first()?.recipient;
            let mut sorted = group.clone();
            sorted.sort_by_key(|entry| entry.recipient.id);
            Some(ShareItem {
                href: format!("/shares/{}", first.share_id),
                at: first.shared_at,
                by: names.person(first.shared_by),
                lines: sorted
                    .iter()
                    .map(|entry| {
                        let evidence = beside.evidence.get(&entry.recipient.id);
                        board::line(entry, evidence, &beside.versions, names, shell)
                    })
                    .collect(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {

    use super::*;

    #[test]
    fn ages_are_full_years() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        assert_eq!(age(day("1961-04-09"), day("2026-04-08")), "64 years");
        assert_eq!(age(day("1961-04-09"), day("2026-04-09")), "65 years");
        assert_eq!(age(day("2025-04-09"), day("2026-04-09")), "1 year");
        assert_eq!(age(day("2027-01-01"), day("2026-04-09")), "");
    }

    #[test]
    fn a_cursor_that_is_none_is_no_page() {
        assert!(cursor("/patients/x").unwrap().is_none());
        assert!(
            cursor("/patients/x?before=12~01900000-0000-7000-8000-000000000000")
                .unwrap()
                .is_some()
        );
        for bad in [
            "12",
            "x~y",
            "12~y",
            "99999999999999999999~01900000-0000-7000-8000-000000000000",
        ] {
            assert!(cursor(&format!("/patients/x?before={bad}")).is_err(), "{bad}");
        }
    }
}
