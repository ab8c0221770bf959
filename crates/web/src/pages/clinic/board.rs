//! `/board`: every loop that waits, the most overdue first: one line for each patient, then one for each recipient.

use std::collections::{HashMap, HashSet};

use askama::Template;
use axum::{Router, extract::State, response::Response, routing::get};
use chrono::{DateTime, Utc};
use liaison_domain::{EvidenceLevel, NoteVersionId, Outcome, PatientId, RecipientId, Role, Urgency, UserId};
use liaison_service::{
    notes::VersionRow,
    reading::{BoardEntry, BoardOnly, BoardQuery, EvidenceRow, RecipientRow},
};

use super::{
    names::{Names, Wanted},
    query, words,
};
use crate::{
    Result, Web, format,
    session::Signed,
    shell::{self, Shell},
};

/// How many loops one page shows.
const PAGE: u32 = 40;

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/board", get(board))
}

#[derive(Template)]
#[template(path = "clinic/board.html")]
struct BoardPage {
    shell: Shell,
    filters: Vec<Filter>,
    filtered: bool,
    open_only: bool,
    groups: Vec<Group>,
    next: Option<String>,
    later: bool,
}

/// A choice above the board.
struct Filter {
    name: &'static str,
    label: &'static str,
    options: Vec<Choice>,
}

struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// A patient with their loops.
struct Group {
    patient_id: PatientId,
    /// Name, birth date and number; absent for roles that do not read patients.
    patient: Option<(String, String, String)>,
    /// That infusions stand still, in words.
    hold: Option<&'static str>,
    overdue: bool,
    lines: Vec<LoopLine>,
}

/// One loop in one line, as the board and the patient's page show it.
pub(super) struct LoopLine {
    pub(super) href: String,
    pub(super) to: String,
    pub(super) role: &'static str,
    /// `Infusion summary, version 2`; empty where the reader may not know.
    pub(super) note: String,
    pub(super) urgency: Urgency,
    pub(super) state: String,
    pub(super) tone: &'static str,
    pub(super) ladder: [bool; 6],
    /// Whether the clinic owes an answer.
    pub(super) reply_due: bool,
    /// By when somebody must acknowledge, while it is open.
    pub(super) due: Option<DateTime<Utc>>,
    pub(super) overdue: bool,
    pub(super) next: String,
    pub(super) next_at: Option<DateTime<Utc>>,
    pub(super) who: String,
}

impl LoopLine {
    /// The class of the urgency's badge.
    pub(super) fn urgency_class(&self) -> &'static str {
        words::urgency_class(self.urgency)
    }

    /// The urgency in a word.
    pub(super) fn urgency_word(&self) -> &'static str {
        words::urgency(self.urgency)
    }
}

/// Which steps of the ladder are reached.
pub(super) fn ladder(level: EvidenceLevel) -> [bool; 6] {
    std::array::from_fn(|step| i16::try_from(step).is_ok_and(|step| step <= level.number()))
}

/// Who fetched or acknowledged, out of the loop's evidence.
pub(super) fn by(evidence: Option<&Vec<EvidenceRow>>, level: EvidenceLevel) -> Option<(Option<UserId>, DateTime<Utc>)> {
    evidence?
        .iter()
        .filter(|fact| fact.level == level)
        .map(|fact| (fact.user_id, fact.occurred_at))
        .next_back()
}

/// How far a copy came, with who and when where a person did it.
pub(super) fn state(row: &RecipientRow, evidence: Option<&Vec<EvidenceRow>>, names: &Names, shell: &Shell) -> String {
    let person = |found: Option<(Option<UserId>, DateTime<Utc>)>, else_at: Option<DateTime<Utc>>| {
        let at = found.map(|(_, at)| at).or(else_at).map(|at| shell.zone.time(at));
        let who = match found {
            Some((Some(user), _)) => format!(" by {}", names.person(user)),
            Some((None, _)) if row.level == EvidenceLevel::Opened => " by the secure link".to_owned(),
            _ => String::new(),
        };
        format!("{who}{}", at.map_or_else(String::new, |at| format!(", {at}")))
    };
    let reached = match row.level {
        EvidenceLevel::Opened => format!("Opened{}", person(by(evidence, EvidenceLevel::Opened), row.opened_at)),
        EvidenceLevel::Acknowledged => format!(
            "Acknowledged{}",
            person(by(evidence, EvidenceLevel::Acknowledged), row.acknowledged_at)
        ),
        other => words::level(other).to_owned(),
    };
    match row.outcome {
        Some(outcome @ (Outcome::Recalled | Outcome::Superseded | Outcome::Redirected))
            if row.level >= EvidenceLevel::Opened =>
        {
            format!("{}. Before: {reached}", words::outcome(outcome))
        }
        Some(outcome) => words::outcome(outcome).to_owned(),
        None => reached,
    }
}

/// What of a note's version a line says.
pub(super) fn note_words(versions: &HashMap<NoteVersionId, VersionRow>, id: NoteVersionId) -> String {
    versions.get(&id).map_or_else(String::new, |version| {
        if version.version > 1 {
            format!("{}, version {}", words::kind(version.kind), version.version)
        } else {
            words::kind(version.kind).to_owned()
        }
    })
}

/// One entry of the board as a line.
pub(super) fn line(
    entry: &BoardEntry,
    evidence: Option<&Vec<EvidenceRow>>,
    versions: &HashMap<NoteVersionId, VersionRow>,
    names: &Names,
    shell: &Shell,
) -> LoopLine {
    let row = &entry.recipient;
    let (next, next_at, who) = match (entry.next_owner, entry.next_step) {
        (owner, _) if row.reply_due => (
            "Answer them".to_owned(),
            entry.call_due_at,
            owner.map_or_else(|| names.person(row.shared_by), |owner| names.person(owner)),
        ),
        (Some(owner), _) => ("Call them".to_owned(), entry.call_due_at, names.person(owner)),
        (None, Some(step)) => (
            words::step(step.kind).to_owned(),
            Some(step.due),
            "automatic".to_owned(),
        ),
        (None, None) if row.is_open => ("Wait for them".to_owned(), None, names.recipient(row)),
        (None, None) => ("Nothing to do".to_owned(), None, String::new()),
    };
    LoopLine {
        href: format!("/shares/{}", row.share_id),
        to: names.recipient(row),
        role: words::care_role(row.care_role),
        note: note_words(versions, row.note_version_id),
        urgency: row.urgency,
        state: state(row, evidence, names, shell),
        tone: words::tone(row),
        ladder: ladder(row.level),
        reply_due: row.reply_due,
        due: row.due_at.filter(|_| row.is_open),
        overdue: entry.is_overdue(),
        next,
        next_at,
        who,
    }
}

/// What the lines of some loops need beside them: who opened, which versions, the names.
pub(super) struct Beside {
    pub(super) evidence: HashMap<RecipientId, Vec<EvidenceRow>>,
    pub(super) versions: HashMap<NoteVersionId, VersionRow>,
}

impl Beside {
    /// Loads it, and notes whose names are wanted.
    pub(super) async fn load(web: &Web, signed: &Signed, entries: &[BoardEntry], wanted: &mut Wanted) -> Result<Self> {
        let (service, actor) = (web.service(), &signed.actor);
        let seen: Vec<RecipientId> = entries
            .iter()
            .filter(|entry| entry.recipient.level >= EvidenceLevel::Opened)
            .map(|entry| entry.recipient.id)
            .collect();
        let evidence = if seen.is_empty() {
            HashMap::new()
        } else {
            service.evidence_of(actor, &seen).await?
        };
        let mut ids: Vec<NoteVersionId> = entries.iter().map(|entry| entry.recipient.note_version_id).collect();
        ids.sort_unstable();
        ids.dedup();
        let versions = if ids.is_empty() || !reads_patients(signed) {
            HashMap::new()
        } else {
            service.versions_by_ids(actor, &ids).await?
        };
        for entry in entries {
            wanted.recipient(&entry.recipient);
            wanted.person(entry.next_owner);
        }
        for fact in evidence.values().flatten() {
            wanted.person(fact.user_id);
        }
        Ok(Self { evidence, versions })
    }
}

/// Whether the person reads patients here, and not only how their loops stand.
pub(super) fn reads_patients(signed: &Signed) -> bool {
    signed.actor.is_clinic() && signed.has_any(&[Role::Physician, Role::Coordinator])
}

async fn board(State(web): State<Web>, signed: Signed) -> Result<Response> {
    let (service, actor) = (web.service(), &signed.actor);
    let here = &signed.here;
    let only = match query(here, "only").as_deref() {
        Some("overdue") => BoardOnly::Overdue,
        Some("all") => BoardOnly::All,
        _ => BoardOnly::Open,
    };
    let urgency = query(here, "urgency").and_then(|given| URGENCIES.iter().find(|(code, _)| *code == given));
    let by = query(here, "by");
    let author: Option<UserId> = by.as_deref().and_then(|id| id.parse().ok());
    let after = query(here, "after");
    let later = after.is_some();
    let found = service
        .board(
            actor,
            BoardQuery {
                only,
                urgency: urgency.map(|(_, urgency)| *urgency),
                mine: by.as_deref() == Some("me"),
                shared_by: author,
                first: Some(PAGE),
                after,
                ..BoardQuery::default()
            },
        )
        .await?;
    let shell = Shell::new(&web, &signed, "Board").live().wide();

    let mut wanted = Wanted::default();
    let beside = Beside::load(&web, &signed, &found.entries, &mut wanted).await?;
    let authors = authors(&web, &signed).await?;
    for author in &authors {
        wanted.person(*author);
    }
    let names = wanted.load(&web, actor).await?;
    let held = holds(&web, &signed, &found.entries).await?;

    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<PatientId, usize> = HashMap::new();
    for entry in &found.entries {
        let patient_id = entry.recipient.patient_id;
        let place = *places.entry(patient_id).or_insert_with(|| {
            groups.push(Group {
                patient_id,
                patient: entry.patient.as_ref().map(|identity| {
                    let identity = identity.reveal();
                    (
                        identity.name.clone(),
                        format::date(identity.birth_date),
                        identity.mrn.clone(),
                    )
                }),
                hold: held.get(&patient_id).copied(),
                overdue: false,
                lines: Vec::new(),
            });
            groups.len() - 1
        });
        let evidence = beside.evidence.get(&entry.recipient.id);
        let line = line(entry, evidence, &beside.versions, &names, &shell);
        if let Some(group) = groups.get_mut(place) {
            group.overdue |= line.overdue;
            group.lines.push(line);
        }
    }
    let next = found
        .entries
        .last()
        .filter(|_| found.has_more)
        .map(|entry| link(only, urgency.map(|(code, _)| *code), by.as_deref(), &entry.cursor));
    shell::page(&BoardPage {
        filters: filters(only, urgency.map(|(code, _)| *code), by.as_deref(), &authors, &names),
        filtered: only != BoardOnly::Open || urgency.is_some() || by.is_some(),
        open_only: only != BoardOnly::All,
        groups,
        next,
        later,
        shell,
    })
}

const URGENCIES: [(&str, Urgency); 3] = [
    ("emergent", Urgency::Emergent),
    ("urgent", Urgency::Urgent),
    ("routine", Urgency::Routine),
];

fn link(only: BoardOnly, urgency: Option<&str>, by: Option<&str>, after: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    match only {
        BoardOnly::Open => {}
        BoardOnly::Overdue => drop(query.append_pair("only", "overdue")),
        BoardOnly::All => drop(query.append_pair("only", "all")),
    }
    for (name, value) in [("urgency", urgency), ("by", by)] {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    query.append_pair("after", after);
    format!("/board?{}", query.finish())
}

/// The clinic's physicians: those who share.
async fn authors(web: &Web, signed: &Signed) -> Result<Vec<UserId>> {
    let Some(organization) = signed.actor.organization_id else {
        return Ok(Vec::new());
    };
    let places = web.service().memberships_in(&signed.actor, &[organization]).await?;
    let mut seen = HashSet::new();
    Ok(places
        .iter()
        .filter(|place| place.roles().contains(&Role::Physician) && seen.insert(place.user_id))
        .map(|place| place.user_id)
        .collect())
}

/// Which of the patients' series stand still.
async fn holds(web: &Web, signed: &Signed, entries: &[BoardEntry]) -> Result<HashMap<PatientId, &'static str>> {
    if !reads_patients(signed) || entries.is_empty() {
        return Ok(HashMap::new());
    }
    let mut patients: Vec<PatientId> = entries.iter().map(|entry| entry.recipient.patient_id).collect();
    patients.sort_unstable();
    patients.dedup();
    let found = web.service().holds_of_patients(&signed.actor, &patients).await?;
    Ok(found
        .into_iter()
        .filter_map(|(patient, holds)| {
            let mut running = holds.iter().filter(|hold| hold.in_force).peekable();
            running.peek()?;
            let waiting = running.any(|hold| hold.row.accepted_at.is_none());
            Some((
                patient,
                if waiting {
                    "Hold asked for, not accepted"
                } else {
                    "Infusions on hold"
                },
            ))
        })
        .collect())
}

fn filters(only: BoardOnly, urgency: Option<&str>, by: Option<&str>, authors: &[UserId], names: &Names) -> Vec<Filter> {
    let choice = |value: &str, label: &str, chosen: bool| Choice {
        value: value.to_owned(),
        label: label.to_owned(),
        chosen,
    };
    let mut people = vec![
        choice("", "Anybody", by.is_none()),
        choice("me", "Me", by == Some("me")),
    ];
    people.extend(authors.iter().map(|author| {
        let id = author.to_string();
        choice(&id, &names.person(*author), by == Some(id.as_str()))
    }));
    let mut urgencies = vec![choice("", "Any", urgency.is_none())];
    urgencies.extend(
        URGENCIES
            .iter()
            .map(|(code, level)| choice(code, words::urgency(*level), urgency == Some(*code))),
    );
    vec![
        Filter {
            name: "only",
            label: "Show",
            options: vec![
                choice("", "Waiting", only == BoardOnly::Open),
                choice("overdue", "Overdue", only == BoardOnly::Overdue),
                choice("all", "All, closed ones too", only == BoardOnly::All),
            ],
        },
        Filter {
            name: "urgency",
            label: "Urgency",
            options: urgencies,
        },
        Filter {
            name: "by",
            label: "Shared by",
            options: people,
        },
    ]
}
