//! The share dialog: who gets a signed version, what is asked of them, what the checks before release find, and sending.

use std::collections::{BTreeMap, HashMap};

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::Response,
};
use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use liaison_clinical::{AddresseeRole, Urgency};
use liaison_domain::{CareRole, Duty, NoteId, NoteVersionId, OrganizationId, TeamId, UserId};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::ListOrganizations,
    loops::{
        CheckSeverity, NewQuestion, NewRecipient, ReleaseCheck, ShareNote, VerbalCommunication, share_note::Override,
    },
    notes::ReleasedNote,
};

use super::{
    head::{PatientHead, kind_words},
    version::Reading,
};
use crate::{
    Result, Web,
    form::{Fields, Post, Problems},
    format::words,
    session::Signed,
    shell::{self, Shell},
};

/// One who may get the note.
#[derive(Clone)]
struct Row {
    /// `team:<id>` or `user:<id>`.
    key: String,
    team: Option<TeamId>,
    user: Option<UserId>,
    on: bool,
    duty: Duty,
    name: String,
    place: String,
    /// Why they are proposed, or that they were chosen from the directory.
    why: String,
    checks: Vec<CheckView>,
    problem: String,
}

#[derive(Clone)]
struct CheckView {
    message: String,
    blocks: bool,
    alternatives: Vec<(String, String)>,
}

struct Question {
    role: String,
    text: String,
    by: String,
    problem: String,
}

/// A check that goes with a reason.
struct Reason {
    code: &'static str,
    label: &'static str,
    message: String,
    given: String,
}

struct Group {
    name: String,
    teams: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "notes/share.html")]
struct SharePage {
    shell: Shell,
    patient: PatientHead,
    note_id: NoteId,
    version_id: NoteVersionId,
    kind: &'static str,
    number: u32,
    reading: Reading,
    rows: Vec<Row>,
    groups: Vec<Group>,
    reasons: Vec<Reason>,
    look_alike: bool,
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

/// The call made before the share, as typed.
#[derive(Default)]
struct Call {
    made: bool,
    at: String,
    to: String,
    read_back: bool,
    note: String,
}

/// The form as typed.
struct Typed {
    rows: Vec<Row>,
    questions: Vec<Question>,
    urgency: String,
    message: String,
    reasons: BTreeMap<String, String>,
    call: Call,
    key: String,
}

fn row(key: &str) -> Option<Row> {
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
    fn read(fields: &Fields) -> Self {
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
    fn recipients(&self) -> Vec<NewRecipient> {
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
async fn proposed(web: &Web, signed: &Signed, note: &ReleasedNote) -> Result<Typed> {
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

/// `GET /versions/{id}/share`.
pub(super) async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    let id = id.parse::<NoteVersionId>()?;
    // Asked first: who may not share sees no note here either.
    let note = may_share(&web, &signed, id).await?;
    let typed = proposed(&web, &signed, &note).await?;
    shell::page(&page(&web, &signed, &note, typed, Vec::new()).await?)
}

async fn may_share(web: &Web, signed: &Signed, id: NoteVersionId) -> Result<ReleasedNote> {
    match web.service().release_checks(&signed.actor, id, &[]).await {
        // No recipient was named: the version itself can be shared.
        Ok(_) | Err(ServiceError::Invalid(_)) => Ok(web.service().note_version(&signed.actor, id).await?),
        Err(other) => Err(other.into()),
    }
}

/// `POST /versions/{id}/share`: sends, or adds a recipient or a question to the dialog.
pub(super) async fn share(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id = id.parse::<NoteVersionId>()?;
    let signed = &post.signed;
    let mut typed = Typed::read(&post.fields);
    let act = post.fields.text("act");
    let added = act
        .strip_prefix("add:")
        .or_else(|| (act == "add").then(|| post.fields.text("add")));
    if act != "send" {
        let note = may_share(&web, signed, id).await?;
        if act == "question" {
            typed.questions.push(Question {
                role: String::new(),
                text: String::new(),
                by: String::new(),
                problem: String::new(),
            });
        } else if let Some(key) = added
            && let Some(new) = row(key)
        {
            match typed.rows.iter_mut().find(|known| known.key == key) {
                Some(known) => known.on = true,
                None => typed.rows.push(new),
            }
        }
        return shell::page(&page(&web, signed, &note, typed, Vec::new()).await?);
    }
    let (input, problems) = input(id, &typed, signed);
    let refused = if problems.is_empty() {
        match web.service().share_note(&signed.actor, input).await {
            Ok(shared) => return shell::go(&format!("/shares/{}?done=shared", shared.share_id)),
            Err(ServiceError::Invalid(problems)) => problems,
            Err(other) => return Err(other.into()),
        }
    } else {
        problems
    };
    let note = may_share(&web, signed, id).await?;
    let page = page(&web, signed, &note, typed, refused).await?;
    shell::page_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

fn input(id: NoteVersionId, typed: &Typed, signed: &Signed) -> (ShareNote, Vec<FieldProblem>) {
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
                    .and_then(|day| signed.zone.start_of(day.succ_opt()?))
                    .map(|next| next - TimeDelta::minutes(1));
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

/// Names of everybody a dialog shows.
struct Names {
    teams: HashMap<TeamId, (String, OrganizationId)>,
    people: HashMap<UserId, String>,
    organizations: HashMap<OrganizationId, String>,
}

async fn names(web: &Web, signed: &Signed, rows: &[Row], checks: &[ReleaseCheck]) -> Result<(Names, Vec<Group>)> {
    let (service, actor) = (web.service(), &signed.actor);
    let list = ListOrganizations {
        kind: None,
        after: None,
        first: 100,
    };
    let listed = service.organizations(actor, list).await?.items;
    let ids: Vec<OrganizationId> = listed.iter().map(|organization| organization.id).collect();
    let directory = service.teams_of_organizations(actor, &ids).await?;
    let mut wanted: Vec<TeamId> = rows.iter().filter_map(|row| row.team).collect();
    wanted.extend(checks.iter().flat_map(|check| check.alternative_teams.iter().copied()));
    let mut people: Vec<UserId> = rows.iter().filter_map(|row| row.user).collect();
    people.extend(checks.iter().flat_map(|check| check.alternative_people.iter().copied()));
    let named = service.teams_by_ids(actor, &wanted).await?;
    let places: Vec<OrganizationId> = named.iter().map(|team| team.organization_id).collect();
    let mut organizations: HashMap<OrganizationId, String> = listed
        .into_iter()
        .map(|organization| (organization.id, organization.name))
        .collect();
    for organization in service.organizations_by_ids(actor, &places).await? {
        organizations.insert(organization.id, organization.name);
    }
    let people = service
        .people_by_ids(actor, &people)
        .await?
        .into_iter()
        .map(|person| (person.id, person.display_name))
        .collect();
    let mut groups: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    for team in directory
        .iter()
        .filter(|team| team.active && !actor.acts_for(team.organization_id))
    {
        let key = format!("team:{}", team.id);
        if !rows.iter().any(|row| row.key == key) {
            let place = organizations.get(&team.organization_id).cloned().unwrap_or_default();
            groups.entry(place).or_default().push((key, team.name.clone()));
        }
    }
    let groups = groups.into_iter().map(|(name, teams)| Group { name, teams }).collect();
    let teams = named
        .into_iter()
        .map(|team| (team.id, (team.name, team.organization_id)))
        .collect();
    let names = Names {
        teams,
        people,
        organizations,
    };
    Ok((names, groups))
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

async fn page(
    web: &Web,
    signed: &Signed,
    note: &ReleasedNote,
    typed: Typed,
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
    let (names, groups) = names(web, signed, &rows, &checks).await?;
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
        reading: Reading::new(note.bottom_line.reveal(), note.sections.reveal()),
        look_alike: checks.iter().any(|check| check.code == "LOOK_ALIKE"),
        rows,
        groups,
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
