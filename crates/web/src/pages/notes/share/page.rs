//! The share dialog's page: who gets it with what the checks found, what is asked, what they will read first.

use std::collections::HashMap;

use askama::Template;
use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::{CareRole, NoteId, NoteVersionId, OrganizationId, TeamId, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::FindAddressees,
    loops::{CheckSeverity, ReleaseCheck},
    notes::ReleasedNote,
};

use super::typed::{Call, CheckView, Question, Row, Typed};
use crate::{
    Result, Web,
    form::{Fields, Problems},
    format::words,
    pages::{
        finder::Finder,
        notes::head::{PatientHead, clinic, kind_words, look_alikes},
        shown::{FirstScreen, Phone},
    },
    session::Signed,
    shell::Shell,
};

/// A check that goes with a reason.
struct Reason {
    code: &'static str,
    label: &'static str,
    message: String,
    given: String,
}

#[derive(Template)]
#[template(path = "notes/share.html")]
pub(super) struct SharePage {
    shell: Shell,
    patient: PatientHead,
    note_id: NoteId,
    version_id: NoteVersionId,
    kind: &'static str,
    number: u32,
    urgency: &'static str,
    first: FirstScreen,
    rows: Vec<Row>,
    finder: Finder,
    reasons: Vec<Reason>,
    alikes: Vec<PatientHead>,
    levels: Vec<(&'static str, String, bool)>,
    tone: &'static str,
    questions: Vec<Question>,
    roles: Vec<(&'static str, String)>,
    message: String,
    call_first: bool,
    call: Call,
    key: String,
    problems: Problems,
}

/// Names of everybody a dialog shows.
struct Names {
    teams: HashMap<TeamId, (String, OrganizationId)>,
    people: HashMap<UserId, String>,
    organizations: HashMap<OrganizationId, String>,
}

async fn names(web: &Web, signed: &Signed, rows: &[Row], checks: &[ReleaseCheck]) -> Result<Names> {
    let (service, actor) = (web.service(), &signed.actor);
    let mut wanted: Vec<TeamId> = rows.iter().filter_map(|row| row.team).collect();
    wanted.extend(checks.iter().flat_map(|check| check.alternative_teams.iter().copied()));
    let mut people: Vec<UserId> = rows.iter().filter_map(|row| row.user).collect();
    people.extend(checks.iter().flat_map(|check| check.alternative_people.iter().copied()));
    let named = service.teams_by_ids(actor, &wanted).await?;
    let places: Vec<OrganizationId> = named.iter().map(|team| team.organization_id).collect();
    let organizations = service
        .organizations_by_ids(actor, &places)
        .await?
        .into_iter()
        .map(|organization| (organization.id, organization.name))
        .collect();
    let people = service
        .people_by_ids(actor, &people)
        .await?
        .into_iter()
        .map(|person| (person.id, person.display_name))
        .collect();
    let teams = named
        .into_iter()
        .map(|team| (team.id, (team.name, team.organization_id)))
        .collect();
    Ok(Names {
        teams,
        people,
        organizations,
    })
}

fn check_label(code: &str) -> &'static str {
    match code {
        "NOT_ON_CARE_TEAM" => "Why somebody outside the care team gets it",
        "RESTRICTED" => "The emergency that overrides the restriction",
        "NOBODY_REACHABLE" => "Why it goes although nobody there can sign in",
        "LOOK_ALIKE" => "How you made sure that this is the right patient",
        _ => "Why it goes all the same",
    }
}

/// Writes the page of what is typed.
pub(super) async fn page(
    web: &Web,
    signed: &Signed,
    note: &ReleasedNote,
    typed: Typed,
    fields: &Fields,
    problems: Vec<FieldProblem>,
) -> Result<SharePage> {
    let (service, actor) = (web.service(), &signed.actor);
    let (id, patient) = (note.version.id, note.version.patient_id);
    let recipients = typed.recipients();
    let checks = match recipients.is_empty() {
        true => Vec::new(),
        // What the input itself does not allow is among the problems.
        false => match service.release_checks(actor, id, &recipients).await {
            Err(ServiceError::Invalid(_)) => Vec::new(),
            other => other?,
        },
    };
    let mut rows = typed.rows;
    let names = names(web, signed, &rows, &checks).await?;
    let among = FindAddressees {
        teams: true,
        people: true,
        but: actor.organization_id,
        ..FindAddressees::default()
    };
    let mut finder = Finder::of_form(web, actor, fields, among).await?;
    finder.matches.retain(|one| !rows.iter().any(|row| row.key == one.key));
    let care: HashMap<String, (CareRole, DateTime<Utc>)> = service
        .care_team(actor, patient, service.now())
        .await?
        .into_iter()
        .filter_map(|entry| {
            let key = match (entry.team_id, entry.user_id) {
                (Some(team), _) => format!("team:{team}"),
                (None, user) => format!("user:{}", user?),
            };
            Some((key, (entry.care_role, entry.from_at)))
        })
        .collect();
    let mut place = 0;
    for row in &mut rows {
        if let Some((name, organization)) = row.team.and_then(|team| names.teams.get(&team)) {
            row.name.clone_from(name);
            row.place = names.organizations.get(organization).cloned().unwrap_or_default();
        }
        if let Some(name) = row.user.and_then(|user| names.people.get(&user)) {
            row.name.clone_from(name);
        }
        row.why = match care.get(&row.key) {
            Some((role, from)) => format!(
                "On the care team as {} since {}",
                words(role.as_str()).to_lowercase(),
                signed.zone.date(*from)
            ),
            None => "Chosen from the directory; not on the care team".to_owned(),
        };
        if row.on {
            row.checks = checks
                .iter()
                .filter(|check| check.recipient == Some(place))
                .map(|check| view(check, &names))
                .collect();
            row.problem = problems
                .iter()
                .filter(|problem| {
                    problem.path.starts_with(&format!("recipients[{place}]"))
                        && !checks
                            .iter()
                            .any(|check| check.code == problem.code && check.recipient == Some(place))
                })
                .map(|problem| problem.message.clone())
                .collect::<Vec<_>>()
                .join("; ");
            place += 1;
        }
    }
    let mut reasons: Vec<Reason> = Vec::new();
    for check in checks
        .iter()
        .filter(|check| check.severity == CheckSeverity::NeedsReason)
    {
        match reasons.iter_mut().find(|reason| reason.code == check.code) {
            Some(reason) => reason.message = format!("{}; {}", reason.message, check.message),
            None => reasons.push(Reason {
                code: check.code,
                label: check_label(check.code),
                message: check.message.clone(),
                given: typed.reasons.get(check.code).cloned().unwrap_or_default(),
            }),
        }
    }
    let level = note.version.urgency;
    let chosen = Urgency::ALL
        .iter()
        .copied()
        .find(|one| one.as_str() == typed.urgency)
        .unwrap_or(level);
    let mut questions = typed.questions;
    let mut asked = 0;
    for (at, question) in questions.iter_mut().enumerate() {
        let own = problems.iter().find(|problem| {
            problem.path.starts_with(&format!("questions[{at}]")) || problem.path == format!("questions[{asked}].text")
        });
        question.problem = own.map(|problem| problem.message.clone()).unwrap_or_default();
        asked += usize::from(!question.text.is_empty());
    }
    if questions.is_empty() {
        questions.push(Question {
            role: String::new(),
            text: String::new(),
            by: String::new(),
            problem: String::new(),
        });
    }
    Ok(SharePage {
        shell: Shell::new(web, signed, "Share"),
        patient: PatientHead::load(web, signed, patient).await?,
        note_id: note.version.note_id,
        version_id: id,
        kind: kind_words(note.version.kind),
        number: note.version.version,
        urgency: crate::words::urgency(level),
        first: FirstScreen::of_clinic(
            note.bottom_line.reveal(),
            note.version.kind,
            Phone::of(&clinic(web, signed).await?),
        ),
        alikes: look_alikes(web, signed, patient).await?,
        rows,
        finder,
        reasons,
        levels: Urgency::ALL
            .iter()
            .filter(|one| **one >= level)
            .map(|one| (one.as_str(), words(one.as_str()), *one == chosen))
            .collect(),
        tone: crate::words::urgency_class(level),
        questions,
        roles: CareRole::ALL
            .iter()
            .map(|role| (role.as_str(), words(role.as_str())))
            .collect(),
        message: typed.message,
        call_first: level != Urgency::Routine || chosen != Urgency::Routine,
        call: typed.call,
        key: typed.key,
        problems: Problems::new(problems),
    })
}

fn view(check: &ReleaseCheck, names: &Names) -> CheckView {
    let teams = check.alternative_teams.iter().filter_map(|team| {
        let (name, _) = names.teams.get(team)?;
        Some((format!("team:{team}"), name.clone()))
    });
    let people = check
        .alternative_people
        .iter()
        .filter_map(|user| Some((format!("user:{user}"), names.people.get(user)?.clone())));
    CheckView {
        message: crate::error::capital(&check.message),
        blocks: check.severity == CheckSeverity::Blocks,
        alternatives: teams.chain(people).collect(),
    }
}
