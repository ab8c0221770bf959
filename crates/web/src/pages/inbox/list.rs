//! The inbox: what waits for me, my teams and those I cover, the most urgent first.

use std::collections::HashMap;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use liaison_domain::{Duty, EvidenceLevel, OrganizationId, Outcome, RecipientId, TeamId, UserId};
use liaison_service::reading::{EvidenceRow, InboxEntry, InboxOnly, InboxPart, InboxQuery, RecipientRow};
use serde::Deserialize;

use super::words;
use crate::{
    Result, Web, format,
    session::Signed,
    shell::{self, Shell},
};

/// How many lines stand on a page.
const LINES: u32 = 30;

/// Which part, and from where on. No PHI: codes and a cursor of ids and times.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Wanted {
    #[serde(default)]
    show: String,
    after: Option<String>,
}

struct Tab {
    code: &'static str,
    label: &'static str,
    /// How many wait; none for what is done.
    count: Option<u64>,
    current: bool,
}

struct Line {
    id: String,
    /// The patient, or what it is where the patient is not named.
    who: String,
    born: String,
    clinic: String,
    to: String,
    kind: &'static str,
    asked: String,
    urgency: (&'static str, &'static str),
    due: String,
    overdue: bool,
    state: String,
    /// It can be opened, and the reader has not yet.
    closed: bool,
}

#[derive(Template)]
#[template(path = "inbox/list.html")]
struct ListPage {
    shell: Shell,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    /// Which part is shown, for the link to the next page.
    show: &'static str,
    next: String,
    empty: &'static str,
}

/// The parts by their codes in the address.
const PARTS: [(&str, &str, Option<InboxPart>, &str); 4] = [
    (
        "",
        "All that waits",
        None,
        "Nothing waits for you. New letters appear here by themselves.",
    ),
    (
        "mine",
        "To me",
        Some(InboxPart::Mine),
        "Nothing that was addressed to you in person waits.",
    ),
    (
        "team",
        "To my team",
        Some(InboxPart::Team),
        "Nothing waits for your team.",
    ),
    (
        "covered",
        "I cover",
        Some(InboxPart::Covered),
        "Nothing waits for anybody whom you cover now.",
    ),
];
const DONE: (&str, &str, &str) = (
    "done",
    "Done",
    "Nothing here yet. What you answered stays here to be read again.",
);

pub(super) async fn inbox(State(web): State<Web>, signed: Signed, Query(wanted): Query<Wanted>) -> Result<Response> {
    let service = web.service();
    let actor = &signed.actor;
    let done = wanted.show == DONE.0;
    let part = PARTS
        .iter()
        .find(|(code, ..)| *code == wanted.show)
        .unwrap_or(&PARTS[0]);
    let (show, empty) = if done { (DONE.0, DONE.2) } else { (part.0, part.3) };
    let query = InboxQuery {
        only: if done { InboxOnly::Closed } else { InboxOnly::Open },
        part: part.2.filter(|_| !done),
        first: Some(LINES),
        after: wanted.after,
        ..InboxQuery::default()
    };
    let inbox = service.inbox(actor, query).await?;
    let counts = service.inbox_counts(actor).await?;
    let all = counts.mine + counts.team + counts.covered;
    let mut tabs: Vec<Tab> = PARTS
        .iter()
        .zip([all, counts.mine, counts.team, counts.covered])
        .map(|((code, label, ..), count)| Tab {
            code,
            label,
            count: Some(count),
            current: *code == show,
        })
        .collect();
    tabs.push(Tab {
        code: DONE.0,
        label: DONE.1,
        count: None,
        current: done,
    });
    let next = inbox
        .entries
        .last()
        .filter(|_| inbox.has_more)
        .map(|entry| entry.cursor.clone())
        .unwrap_or_default();
    let shell = Shell::new(&web, &signed, "Inbox").live().wide();
    let known = Known::load(&web, &signed, &inbox.entries).await?;
    let lines = inbox.entries.iter().map(|entry| known.line(&shell, entry)).collect();
    shell::page(&ListPage {
        shell,
        tabs,
        lines,
        show,
        next,
        empty,
    })
}

/// The names behind the ids of a page, each kind by one use case.
struct Known {
    me: Option<UserId>,
    organizations: HashMap<OrganizationId, String>,
    teams: HashMap<TeamId, String>,
    people: HashMap<UserId, String>,
    evidence: HashMap<RecipientId, Vec<EvidenceRow>>,
}

fn unique<T: Ord>(ids: impl Iterator<Item = T>) -> Vec<T> {
    let mut ids: Vec<T> = ids.collect();
    ids.sort_unstable();
    ids.dedup();
    ids
}

impl Known {
    async fn load(web: &Web, signed: &Signed, entries: &[InboxEntry]) -> Result<Self> {
        let (service, actor) = (web.service(), &signed.actor);
        let rows = || entries.iter().map(|entry| &entry.recipient);
        let evidence = service.evidence_of(actor, &unique(rows().map(|row| row.id))).await?;
        let acted = evidence.values().flatten().filter_map(|fact| fact.user_id);
        let people = unique(acted.chain(rows().filter_map(|row| row.to_user_id)));
        let organizations = unique(rows().map(|row| row.organization_id));
        let teams = unique(rows().filter_map(|row| row.to_team_id));
        let organizations = service.organizations_by_ids(actor, &organizations).await?;
        let teams = service.teams_by_ids(actor, &teams).await?;
        let people = service.people_by_ids(actor, &people).await?;
        Ok(Self {
            me: actor.user_id,
            organizations: organizations.into_iter().map(|row| (row.id, row.name)).collect(),
            teams: teams.into_iter().map(|row| (row.id, row.name)).collect(),
            people: people.into_iter().map(|row| (row.id, row.display_name)).collect(),
            evidence,
        })
    }

    fn line(&self, shell: &Shell, entry: &InboxEntry) -> Line {
        let row = &entry.recipient;
        let kind = entry.kind.map_or("Note", words::kind);
        let (who, born) = match &entry.patient {
            Some(patient) => {
                let patient = patient.reveal();
                (
                    patient.name.clone(),
                    format!("born {}", format::date(patient.birth_date)),
                )
            }
            None => (format!("{kind} that was taken back"), String::new()),
        };
        let mine = self.evidence.get(&row.id).into_iter().flatten();
        let opened = mine
            .clone()
            .any(|fact| fact.level >= EvidenceLevel::Opened && self.me.is_some() && fact.user_id == self.me);
        Line {
            id: row.id.to_string(),
            who,
            born,
            clinic: self
                .organizations
                .get(&row.organization_id)
                .cloned()
                .unwrap_or_default(),
            to: self.to(row),
            kind,
            asked: asked(row, entry.questions),
            urgency: words::urgency(row.urgency),
            due: row
                .due_at
                .filter(|_| row.is_open)
                .map(|due| shell.due(&due))
                .unwrap_or_default(),
            overdue: row.is_open && row.due_at.is_some_and(|due| shell.past(&due)),
            state: self.state(shell, row),
            closed: row.state().may_open().is_ok() && !opened,
        }
    }

    fn to(&self, row: &RecipientRow) -> String {
        match (row.to_user_id, row.to_team_id) {
            (Some(user), _) if Some(user) == self.me => "you".to_owned(),
            (Some(user), _) => self.people.get(&user).cloned().unwrap_or_default(),
            (None, Some(team)) => self.teams.get(&team).cloned().unwrap_or_default(),
            (None, None) => String::new(),
        }
    }

    /// How far it came, in words.
    fn state(&self, shell: &Shell, row: &RecipientRow) -> String {
        let by = |level: EvidenceLevel| {
            let mut facts = self.evidence.get(&row.id).into_iter().flatten();
            facts.find(|fact| fact.level == level).map(|fact| {
                let who = match fact.user_id {
                    Some(user) if Some(user) == self.me => "you".to_owned(),
                    Some(user) => self
                        .people
                        .get(&user)
                        .cloned()
                        .unwrap_or_else(|| "a colleague".to_owned()),
                    None if fact.guest_id.is_some() => "somebody by secure link".to_owned(),
                    None => "telephone".to_owned(),
                };
                format!("by {who}, {}", shell.short(&fact.occurred_at))
            })
        };
        let ended = row
            .ended_at
            .map(|at| format!(", {}", shell.short(&at)))
            .unwrap_or_default();
        match row.outcome {
            Some(Outcome::Recalled) => return format!("Taken back by the clinic{ended}"),
            Some(Outcome::Superseded) => return format!("Replaced by a newer version{ended}"),
            Some(Outcome::Declined) => return format!("Declined{ended}"),
            Some(Outcome::Redirected) if row.redirect_accepted_at.is_some() => {
                return format!("Passed on and taken on{ended}");
            }
            Some(Outcome::Redirected) => return format!("Passed on, not taken on yet{ended}"),
            None | Some(Outcome::Failed) => {}
        }
        match row.level {
            EvidenceLevel::Acknowledged if row.reply_due => {
                let by = by(EvidenceLevel::Acknowledged).unwrap_or_default();
                format!("Acknowledged {by}; the clinic owes an answer")
            }
            EvidenceLevel::Acknowledged => {
                format!("Acknowledged {}", by(EvidenceLevel::Acknowledged).unwrap_or_default())
            }
            EvidenceLevel::Opened => {
                let not = if row.is_open { "; not acknowledged yet" } else { "" };
                format!("Opened {}{not}", by(EvidenceLevel::Opened).unwrap_or_default())
            }
            _ => "Not opened yet".to_owned(),
        }
    }
}

fn asked(row: &RecipientRow, questions: usize) -> String {
    let questions = match (row.is_open, questions) {
        (true, 1) => " and answer 1 question".to_owned(),
        (true, many) if many > 1 => format!(" and answer {many} questions"),
        _ => String::new(),
    };
    match row.duty {
        Duty::Required if row.is_open => format!("Acknowledge{questions}"),
        Duty::Required => "Nothing more".to_owned(),
        Duty::Copy => "For your information".to_owned(),
    }
}
