//! What stands in the share dialog: as it opens, as it was typed, and as the use case takes it.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use liaison_clinical::{AddresseeRole, Urgency};
use liaison_domain::{CareRole, Duty, NoteVersionId, TeamId, UserId};
use liaison_service::{
    FieldProblem,
    loops::{NewQuestion, NewRecipient, ShareNote, VerbalCommunication, share_note::Override},
    notes::ReleasedNote,
};

use crate::{Result, Web, form::Fields, session::Signed};

/// One who may get the note.
#[derive(Clone)]
pub(super) struct Row {
    /// `team:<id>` or `user:<id>`.
    pub(super) key: String,
    pub(super) team: Option<TeamId>,
    pub(super) user: Option<UserId>,
    pub(super) on: bool,
    pub(super) duty: Duty,
    pub(super) name: String,
    pub(super) place: String,
    /// Why they are proposed, or that they were chosen from the directory.
    pub(super) why: String,
    pub(super) checks: Vec<CheckView>,
    pub(super) problem: String,
}

#[derive(Clone)]
pub(super) struct CheckView {
    pub(super) message: String,
    pub(super) blocks: bool,
    pub(super) alternatives: Vec<(String, String)>,
}

pub(super) struct Question {
    pub(super) role: String,
    pub(super) text: String,
    pub(super) by: String,
    pub(super) problem: String,
}

/// The call made before the share, as typed.
#[derive(Default)]
pub(super) struct Call {
    pub(super) made: bool,
    pub(super) at: String,
    pub(super) to: String,
    pub(super) read_back: bool,
    pub(super) note: String,
}

/// The form as typed.
pub(super) struct Typed {
    pub(super) rows: Vec<Row>,
    pub(super) questions: Vec<Question>,
    pub(super) urgency: String,
    pub(super) message: String,
    pub(super) reasons: BTreeMap<String, String>,
    pub(super) call: Call,
    pub(super) key: String,
}

pub(super) fn row(key: &str) -> Option<Row> {
    let (kind, id) = key.split_once(':')?;
    let (team, user) = match kind {
        "team" => (Some(id.parse().ok()?), None),
        "user" => (None, Some(id.parse().ok()?)),
        _ => return None,
    };
    Some(Row {
        key: key.to_owned(),
        team,
        user,
        on: true,
        duty: Duty::Required,
        name: String::new(),
        place: String::new(),
        why: String::new(),
        checks: Vec::new(),
        problem: String::new(),
    })
}

impl Typed {
    pub(super) fn read(fields: &Fields) -> Self {
        let mut rows: Vec<Row> = Vec::new();
        for key in fields.all("to") {
            if rows.iter().any(|known| known.key == key) {
                continue;
            }
            if let Some(mut row) = row(key) {
                row.on = fields.all("on").any(|on| on == key);
                row.duty = fields.parse(&format!("duty:{key}")).unwrap_or(Duty::Required);
                rows.push(row);
            }
        }
        let questions = (0..50)
            .map_while(|at| {
                fields.has(&format!("questions[{at}].text")).then(|| Question {
                    role: fields.text(&format!("questions[{at}].careRole")).to_owned(),
                    text: fields.text(&format!("questions[{at}].text")).to_owned(),
                    by: fields.text(&format!("questions[{at}].respondBy")).to_owned(),
                    problem: String::new(),
                })
            })
            .collect();
        Self {
            rows,
            questions,
            urgency: fields.text("urgency").to_owned(),
            message: fields.text("message").to_owned(),
            reasons: fields
                .iter()
                .filter_map(|(name, value)| Some((name.strip_prefix("reason:")?.to_owned(), value.trim().to_owned())))
                .collect(),
            call: Call {
                made: fields.has("verbal"),
                at: fields.text("verbal.at").to_owned(),
                to: fields.text("verbal.to").to_owned(),
                read_back: fields.has("verbal.readBack"),
                note: fields.text("verbal.note").to_owned(),
            },
            key: fields.text("key").to_owned(),
        }
    }

    /// The recipients that are ticked, in the order of the page.
    pub(super) fn recipients(&self) -> Vec<NewRecipient> {
        self.rows
            .iter()
            .filter(|row| row.on)
            .map(|row| NewRecipient {
                team_id: row.team,
                user_id: row.user,
                organization_id: None,
                care_role: None,
                duty: row.duty,
            })
            .collect()
    }
}

fn care_role(role: AddresseeRole) -> &'static str {
    match role {
        AddresseeRole::Oncologist => CareRole::Oncologist.as_str(),
        AddresseeRole::PalliativeClinician => CareRole::PalliativeClinician.as_str(),
        AddresseeRole::PrimaryCare => CareRole::PrimaryCare.as_str(),
        AddresseeRole::Other => CareRole::Other.as_str(),
        AddresseeRole::All => "",
    }
}

/// The dialog as it opens: the care team, and what the note itself asks.
pub(super) async fn proposed(web: &Web, signed: &Signed, note: &ReleasedNote) -> Result<Typed> {
    let now = web.service().now();
    let entries = web
        .service()
        .care_team(&signed.actor, note.version.patient_id, now)
        .await?;
    let mut rows: Vec<Row> = Vec::new();
    for entry in entries {
        let key = match (entry.team_id, entry.user_id) {
            (Some(team), _) => format!("team:{team}"),
            (None, Some(user)) => format!("user:{user}"),
            _ => continue,
        };
        if rows.iter().any(|known| known.key == key) {
            continue;
        }
        if let Some(mut row) = row(&key) {
            // Those who treat the cancer and the pain answer; the others are told.
            let answers = matches!(entry.care_role, CareRole::Oncologist | CareRole::PalliativeClinician);
            row.duty = if answers { Duty::Required } else { Duty::Copy };
            rows.push(row);
        }
    }
    let questions = note
        .bottom_line
        .reveal()
        .asked
        .iter()
        .map(|asked| Question {
            role: care_role(asked.to_role).to_owned(),
            text: asked.text.clone(),
            by: asked.respond_by.map(|day| day.to_string()).unwrap_or_default(),
            problem: String::new(),
        })
        .collect();
    Ok(Typed {
        rows,
        questions,
        urgency: note.version.urgency.as_str().to_owned(),
        message: String::new(),
        reasons: BTreeMap::new(),
        call: Call::default(),
        key: web.fresh_key(),
    })
}

pub(super) fn input(id: NoteVersionId, typed: &Typed, signed: &Signed) -> (ShareNote, Vec<FieldProblem>) {
    let mut problems = Vec::new();
    let mut questions = Vec::new();
    for (at, question) in typed
        .questions
        .iter()
        .enumerate()
        .filter(|(_, question)| !question.text.is_empty())
    {
        let respond_by = match question.by.as_str() {
            "" => None,
            day => {
                let end = NaiveDate::parse_from_str(day, "%Y-%m-%d")
                    .ok()
                    .and_then(|day| signed.zone.end_of(day));
                if end.is_none() {
                    problems.push(FieldProblem::new(
                        format!("questions[{at}].respondBy"),
                        "UNREADABLE",
                        "write a date, such as 2026-01-31",
                    ));
                }
                end
            }
        };
        questions.push(NewQuestion {
            care_role: question.role.parse().ok(),
            text: question.text.clone(),
            respond_by,
        });
    }
    let verbal = typed.call.made.then(|| {
        let at = signed.zone.read(&typed.call.at);
        if at.is_none() {
            problems.push(FieldProblem::new(
                "verbal.at",
                "UNREADABLE",
                "when was the call? Write a day and time",
            ));
        }
        VerbalCommunication {
            at: at.unwrap_or(DateTime::<Utc>::UNIX_EPOCH),
            to: typed.call.to.clone(),
            read_back: typed.call.read_back,
            note: (!typed.call.note.is_empty()).then(|| typed.call.note.clone()),
        }
    });
    let share = ShareNote {
        note_version_id: id,
        recipients: typed.recipients(),
        urgency: Urgency::ALL
            .iter()
            .copied()
            .find(|level| level.as_str() == typed.urgency),
        questions,
        message: (!typed.message.is_empty()).then(|| typed.message.clone()),
        verbal,
        overrides: typed
            .reasons
            .iter()
            .filter(|(_, reason)| !reason.is_empty())
            .map(|(code, reason)| Override {
                code: code.clone(),
                reason: reason.clone(),
            })
            .collect(),
        idempotency_key: (!typed.key.is_empty()).then(|| typed.key.clone()),
    };
    (share, problems)
}
