//! The checks before release: whom a note may go to, by which routes, and what an author must say to send it all the
//! same. They decide nothing by themselves; `share_note` and `redirect` ask them.

use std::collections::HashSet;

use liaison_domain::{CareRole, Duty, OrganizationId, TeamId, UserId, calendar::Calendar};
use liaison_store::{
    Conn,
    patients::{CareTeamRow, care_team_at, look_alikes_of, restrictions_of},
    shares::ShareableRow,
};

use super::{
    message::Route,
    share_note::{MAX_RECIPIENTS, NewRecipient, Override},
    who::Addressed,
};
use crate::{FieldProblem, Result, Service, ServiceError, patients::restriction_applies};

/// What a check before release found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseCheck {
    /// `NOT_ON_CARE_TEAM`, `RESTRICTED`, `NO_ENDPOINT`, `NOBODY_REACHABLE`, `LOOK_ALIKE`, `AWAY_COVERED`.
    pub code: &'static str,
    /// The recipient it is about, by its place in the input; none where it is about the patient.
    pub recipient: Option<usize>,
    /// What must happen before the share leaves.
    pub severity: CheckSeverity,
    /// What was found and what can be done.
    pub message: String,
    /// Teams of the same organization that could be reached instead.
    pub alternative_teams: Vec<TeamId>,
    /// People who could be addressed instead.
    pub alternative_people: Vec<UserId>,
}

/// How much a check weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckSeverity {
    /// The share cannot leave.
    Blocks,
    /// The share leaves only with a reason, which is kept.
    NeedsReason,
    /// To be known.
    Note,
}

/// A recipient as the directory knows it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) organization_id: OrganizationId,
    pub(crate) team_id: Option<TeamId>,
    pub(crate) user_id: Option<UserId>,
    pub(crate) care_role: CareRole,
    pub(crate) duty: Duty,
    pub(crate) name: String,
    pub(crate) calendar: Calendar,
    pub(crate) routes: Vec<Route>,
}

/// Whom a share is for, and who already takes care of the patient.
pub(crate) struct Circle {
    known: Addressed,
    care_team: Vec<CareTeamRow>,
}

impl Service {
    /// Looks recipients up; every problem at once.
    pub(crate) async fn resolve(
        &self,
        conn: &mut Conn,
        patient: liaison_domain::PatientId,
        recipients: &[NewRecipient],
    ) -> Result<(Vec<Target>, Circle)> {
        let mut problems = Vec::new();
        if recipients.is_empty() || recipients.len() > MAX_RECIPIENTS {
            problems.push(FieldProblem::new(
                "recipients",
                "OUT_OF_RANGE",
                format!("1 to {MAX_RECIPIENTS} recipients"),
            ));
            return Err(ServiceError::Invalid(problems));
        }
        let teams: Vec<TeamId> = recipients.iter().filter_map(|recipient| recipient.team_id).collect();
        let users: Vec<UserId> = recipients.iter().filter_map(|recipient| recipient.user_id).collect();
        let known = Addressed::load(conn, &teams, &users, self.now()).await?;
        let care_team = care_team_at(conn, &[patient], self.now()).await?;
        let mut seen = HashSet::new();
        let mut targets = Vec::with_capacity(recipients.len());
        for (index, recipient) in recipients.iter().enumerate() {
            let path = |field: &str| format!("recipients[{index}].{field}");
            if !seen.insert((recipient.team_id, recipient.user_id)) {
                problems.push(FieldProblem::new(
                    format!("recipients[{index}]"),
                    "TWICE",
                    "this recipient stands twice",
                ));
                continue;
            }
            let on_care_team = care_team.iter().find(|entry| {
                (entry.team_id.is_some() && entry.team_id == recipient.team_id)
                    || (entry.user_id.is_some() && entry.user_id == recipient.user_id)
            });
            match (recipient.team_id, recipient.user_id) {
                (Some(team_id), None) => {
                    let Some(team) = known.teams.get(&team_id).filter(|team| team.active) else {
                        problems.push(FieldProblem::unknown_id(path("teamId")));
                        continue;
                    };
                    targets.push(Target {
                        organization_id: team.organization_id,
                        team_id: Some(team_id),
                        user_id: None,
                        care_role: recipient
                            .care_role
                            .or(on_care_team.map(|entry| entry.care_role))
                            .unwrap_or(team.care_role),
                        duty: recipient.duty,
                        name: team.name.clone(),
                        calendar: team.calendar().clone(),
                        routes: known.routes_to_team(team_id),
                    });
                }
                (None, Some(user_id)) => {
                    let person = known.people.get(&user_id).filter(|person| person.disabled_at.is_none());
                    let Some(person) = person else {
                        problems.push(FieldProblem::unknown_id(path("userId")));
                        continue;
                    };
                    let places = known.organizations_of_user.get(&user_id).cloned().unwrap_or_default();
                    let place = match (recipient.organization_id, places.as_slice()) {
                        (Some(wanted), places) => places.iter().copied().find(|place| *place == wanted),
                        (None, [only]) => Some(*only),
                        (None, _) => None,
                    };
                    let Some(organization_id) = place else {
                        problems.push(FieldProblem::new(
                            path("organizationId"),
                            "REQUIRED",
                            "this person works in none or several organizations; name one of theirs",
                        ));
                        continue;
                    };
                    targets.push(Target {
                        organization_id,
                        team_id: None,
                        user_id: Some(user_id),
                        care_role: recipient
                            .care_role
                            .or(on_care_team.map(|entry| entry.care_role))
                            .unwrap_or(CareRole::Other),
                        duty: recipient.duty,
                        name: person.display_name.clone(),
                        calendar: known.calendar_of_user(user_id, organization_id),
                        routes: known.routes_to_user(user_id),
                    });
                }
                _ => problems.push(FieldProblem::new(
                    format!("recipients[{index}]"),
                    "ONE_OF",
                    "give exactly one of teamId and userId",
                )),
            }
        }
        if problems.is_empty() {
            Ok((targets, Circle { known, care_team }))
        } else {
            Err(ServiceError::Invalid(problems))
        }
    }

    /// The checks of design section 2 for targets of a patient's note.
    pub(crate) async fn check_release(
        &self,
        conn: &mut Conn,
        version: &ShareableRow,
        targets: &[Target],
        Circle { known, care_team }: &Circle,
    ) -> Result<Vec<ReleaseCheck>> {
        let now = self.now();
        let patient = version.patient_id;
        let restrictions = restrictions_of(conn, &[patient]).await?;
        let mut checks = Vec::new();
        for (index, target) in targets.iter().enumerate() {
            let user_teams = target
                .user_id
                .and_then(|user| known.teams_of_user.get(&user))
                .cloned()
                .unwrap_or_default();
            let cares = care_team.iter().any(|entry| {
                (entry.user_id.is_some() && entry.user_id == target.user_id)
                    || entry
                        .team_id
                        .is_some_and(|team| target.team_id == Some(team) || user_teams.contains(&team))
            });
            let mut check = |code, severity, message: String| {
                checks.push(ReleaseCheck {
                    code,
                    recipient: Some(index),
                    severity,
                    message,
                    alternative_teams: Vec::new(),
                    alternative_people: Vec::new(),
                });
            };
            if !cares {
                check(
                    "NOT_ON_CARE_TEAM",
                    CheckSeverity::NeedsReason,
                    format!(
                        "{} is not on this patient's care team; give the reason, or add them first",
                        target.name
                    ),
                );
            }
            // A person is excluded with the team they are addressed by, and with every team they work in.
            let restricted = restriction_applies(
                &restrictions,
                target.organization_id,
                target.team_id,
                target.user_id,
                now,
            ) || user_teams
                .iter()
                .any(|team| restriction_applies(&restrictions, target.organization_id, Some(*team), None, now));
            if restricted {
                check(
                    "RESTRICTED",
                    CheckSeverity::NeedsReason,
                    format!(
                        "a restriction agreed with the patient (45 CFR 164.522(a)) excludes {}; only emergency treatment \
                         overrides it, with the reason",
                        target.name
                    ),
                );
            }
            if target.routes.is_empty() {
                let mut alternatives: Vec<TeamId> = known
                    .teams
                    .values()
                    .filter(|team| team.organization_id == target.organization_id && team.active)
                    .map(|team| team.id)
                    .filter(|team| target.team_id != Some(*team) && !known.routes_to_team(*team).is_empty())
                    .collect();
                alternatives.sort_unstable();
                let people = target.team_id.map(|team| known.present(team)).unwrap_or_default();
                checks.push(ReleaseCheck {
                    code: "NO_ENDPOINT",
                    recipient: Some(index),
                    severity: CheckSeverity::Blocks,
                    message: format!(
                        "{} has no endpoint in use; have an admin add one, or address one of the people named",
                        target.name
                    ),
                    alternative_teams: alternatives,
                    alternative_people: people,
                });
                continue;
            }
            match (target.team_id, target.user_id) {
                (Some(team), _) if known.present(team).is_empty() => check(
                    "NOBODY_REACHABLE",
                    CheckSeverity::NeedsReason,
                    format!(
                        "nobody of {} can sign in now; it can be reached by its endpoints alone",
                        target.name
                    ),
                ),
                (_, Some(user)) => {
                    if let Some(covering) = known.covering(user) {
                        checks.push(ReleaseCheck {
                            code: "AWAY_COVERED",
                            recipient: Some(index),
                            severity: CheckSeverity::Note,
                            message: format!("{} is away; the person named covers and sees it too", target.name),
                            alternative_teams: Vec::new(),
                            alternative_people: vec![covering],
                        });
                    }
                }
                _ => {}
            }
        }
        if !look_alikes_of(conn, patient).await?.is_empty() {
            checks.push(ReleaseCheck {
                code: "LOOK_ALIKE",
                recipient: None,
                severity: CheckSeverity::NeedsReason,
                message:
                    "another patient of this clinic has the same birth date and initials; confirm that this is the \
                          right one"
                        .to_owned(),
                alternative_teams: Vec::new(),
                alternative_people: Vec::new(),
            });
        }
        Ok(checks)
    }
}

/// The checks that block, and those whose reason is missing.
pub(crate) fn unmet(checks: &[ReleaseCheck], overrides: &[Override]) -> Vec<FieldProblem> {
    checks
        .iter()
        .filter(|check| match check.severity {
            CheckSeverity::Blocks => true,
            CheckSeverity::NeedsReason => !overrides.iter().any(|given| given.code == check.code),
            CheckSeverity::Note => false,
        })
        .map(|check| {
            let path = check
                .recipient
                .map_or_else(|| "overrides".to_owned(), |index| format!("recipients[{index}]"));
            FieldProblem::new(path, check.code, check.message.clone())
        })
        .collect()
}
