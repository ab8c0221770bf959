//! `/directory/teams/{id}`: a team's settings and working time, its members and leads, and the ways to reach it.

use askama::Template;
use axum::{
    Router,
    extract::{Path, State},
    http::StatusCode,
    response::Response,
    routing::{get, post},
};
use chrono::{NaiveDate, NaiveTime, Weekday};
use liaison_domain::{CareRole, ChannelKind, TeamId, UserId, calendar::Calendar};
use liaison_service::{
    FieldProblem, ServiceError,
    directory::{
        CreateEndpoint, Endpoint, EndpointOwner, Organization, Person, PutTeamMember, Team, TeamSettings, UpdateTeam,
    },
};

use super::{endpoints, given_key, organization::manages, problems, words};
use crate::{
    Result, Web, WebError,
    form::{Fields, Post, Problems},
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new()
        .route("/directory/teams/{id}", get(show).post(update))
        .route("/directory/teams/{id}/members", post(members))
        .route("/directory/teams/{id}/endpoints", post(add_endpoint))
}

const DAYS: [(Weekday, &str, &str); 7] = [
    (Weekday::Mon, "Mon", "Monday"),
    (Weekday::Tue, "Tue", "Tuesday"),
    (Weekday::Wed, "Wed", "Wednesday"),
    (Weekday::Thu, "Thu", "Thursday"),
    (Weekday::Fri, "Fri", "Friday"),
    (Weekday::Sat, "Sat", "Saturday"),
    (Weekday::Sun, "Sun", "Sunday"),
];

struct Member {
    person: Person,
    is_lead: bool,
}

#[derive(Template)]
#[template(path = "admin/team.html")]
struct TeamTemplate {
    shell: Shell,
    problems: Problems,
    /// Whose problems: `team`, `member` or `endpoint`.
    form: &'static str,
    /// The settings as they stand, or as they were typed.
    settings: Fields,
    typed: Fields,
    team: Team,
    organization: Organization,
    part: &'static str,
    manages: bool,
    members: Vec<Member>,
    others: Vec<Person>,
    endpoints: Vec<(Endpoint, &'static str)>,
    key: String,
}

impl TeamTemplate {
    fn care_roles(&self) -> Vec<(&'static str, &'static str)> {
        CareRole::ALL
            .iter()
            .map(|role| (role.as_str(), words::care_role(*role)))
            .collect()
    }

    fn days(&self) -> Vec<(&'static str, &'static str, bool)> {
        let on = |code: &str| self.settings.all("days").any(|day| day == code);
        DAYS.iter().map(|(_, code, words)| (*code, *words, on(code))).collect()
    }

    fn wrong(&self, form: &str, path: &str) -> &str {
        if self.form == form { self.problems.of(path) } else { "" }
    }

    fn leads(&self) -> usize {
        self.members.iter().filter(|member| member.is_lead).count()
    }

    fn works(&self) -> String {
        let calendar = self.team.calendar();
        let days = DAYS.iter().filter(|(day, _, _)| calendar.working_days.contains(day));
        let days: Vec<&str> = days.map(|(_, code, _)| *code).collect();
        let mut text = format!(
            "{}, {} to {}, {}",
            days.join(" "),
            calendar.opens.format("%H:%M"),
            calendar.closes.format("%H:%M"),
            calendar.time_zone.name()
        );
        if let (Some(from), Some(until)) = (calendar.quiet_from, calendar.quiet_until) {
            text.push_str(&format!(
                "; quiet from {} to {}",
                from.format("%H:%M"),
                until.format("%H:%M")
            ));
        }
        text
    }
}

/// The form's fields for a team as it stands.
fn stands(team: &Team) -> Fields {
    let calendar = team.calendar();
    let hour = |time: Option<NaiveTime>| time.map(|time| time.format("%H:%M").to_string()).unwrap_or_default();
    let holidays: Vec<String> = calendar.holidays.iter().map(NaiveDate::to_string).collect();
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("name", &team.name)
        .append_pair("careRole", team.care_role.as_str())
        .append_pair("phone", team.phone.as_deref().unwrap_or_default())
        .append_pair("timeZone", calendar.time_zone.name())
        .append_pair("opens", &hour(Some(calendar.opens)))
        .append_pair("closes", &hour(Some(calendar.closes)))
        .append_pair("quietFrom", &hour(calendar.quiet_from))
        .append_pair("quietUntil", &hour(calendar.quiet_until))
        .append_pair("holidays", &holidays.join("\n"));
    for (day, code, _) in DAYS {
        if calendar.working_days.contains(&day) {
            query.append_pair("days", code);
        }
    }
    if team.active {
        query.append_pair("active", "1");
    }
    Fields::read(query.finish().as_bytes())
}

async fn show(State(web): State<Web>, signed: Signed, Path(id): Path<String>) -> Result<Response> {
    page(&web, &signed, id.parse()?, "", Fields::default(), Vec::new()).await
}

async fn page(
    web: &Web,
    signed: &Signed,
    id: TeamId,
    form: &'static str,
    typed: Fields,
    wrong: Vec<FieldProblem>,
) -> Result<Response> {
    let (service, actor) = (web.service(), &signed.actor);
    let team = service.team_by_id(actor, id).await?.ok_or(WebError::NoPage)?;
    let organization = service
        .organization_by_id(actor, team.organization_id)
        .await?
        .ok_or(WebError::NoPage)?;
    let places = service.members_of_teams(actor, &[id]).await?;
    let manages = manages(signed, &organization);
    let mut people: Vec<UserId> = places.iter().map(|place| place.user_id).collect();
    if manages {
        let here = service.memberships_in(actor, &[organization.id]).await?;
        people.extend(here.iter().map(|place| place.user_id));
    }
    let mut people = service.people_by_ids(actor, &super::each(people)).await?;
    people.sort_by(|a, b| a.display_name.cmp(&b.display_name));
    let (inside, others): (Vec<Person>, Vec<Person>) = people
        .into_iter()
        .partition(|person| places.iter().any(|place| place.user_id == person.id));
    let members = inside.into_iter().map(|person| Member {
        is_lead: places.iter().any(|place| place.user_id == person.id && place.is_lead),
        person,
    });
    let endpoints = service.endpoints_of_teams(actor, &[id]).await?;
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let template = TeamTemplate {
        shell: Shell::new(web, signed, "Team"),
        problems: Problems::new(wrong),
        form,
        settings: if form == "team" { typed.clone() } else { stands(&team) },
        key: typed.some("key").unwrap_or_else(|| web.fresh_key()),
        typed,
        part: words::care_role(team.care_role),
        manages,
        members: members.collect(),
        others: others.into_iter().filter(|person| !person.disabled).collect(),
        endpoints: endpoints
            .into_iter()
            .map(|endpoint| {
                let channel = words::channel(endpoint.channel);
                (endpoint, channel)
            })
            .collect(),
        team,
        organization,
    };
    shell::page_with(status, &template)
}

/// A team's settings as a form brings them.
fn settings(fields: &Fields) -> Result<TeamSettings, Vec<FieldProblem>> {
    let mut wrong = Vec::new();
    let hour = |name: &str| {
        let path = format!("calendar.{name}");
        let text = fields.text(name);
        NaiveTime::parse_from_str(text, "%H:%M")
            .or_else(|_| NaiveTime::parse_from_str(text, "%H:%M:%S"))
            .map_err(|_| FieldProblem::new(path, "UNKNOWN_VALUE", "a time of day, such as 08:00"))
    };
    let some_hour = |name: &str| match fields.text(name) {
        "" => Ok(None),
        _ => hour(name).map(Some),
    };
    let opens = crate::form::note(&mut wrong, hour("opens"));
    let closes = crate::form::note(&mut wrong, hour("closes"));
    let quiet_from = crate::form::note(&mut wrong, some_hour("quietFrom"));
    let quiet_until = crate::form::note(&mut wrong, some_hour("quietUntil"));
    let care_role = crate::form::note(&mut wrong, fields.parse::<CareRole>("careRole"));
    let zone = fields.text("timeZone").parse().ok();
    if zone.is_none() {
        let message = "an IANA time zone, such as America/Chicago";
        wrong.push(FieldProblem::new("calendar.timeZone", "UNKNOWN_TIME_ZONE", message));
    }
    let mut holidays = Vec::new();
    for day in fields
        .text("holidays")
        .split([',', ' ', '\n', '\r'])
        .filter(|day| !day.is_empty())
    {
        match day.parse::<NaiveDate>() {
            Ok(day) => holidays.push(day),
            Err(_) => {
                let message = format!("{day} is no day; write them as 2026-12-25, one a line");
                wrong.push(FieldProblem::new("calendar.holidays", "UNKNOWN_VALUE", message));
                break;
            }
        }
    }
    match (opens, closes, quiet_from, quiet_until, care_role, zone) {
        (Some(opens), Some(closes), Some(quiet_from), Some(quiet_until), Some(care_role), Some(time_zone))
            if wrong.is_empty() =>
        {
            let on = |code: &str| fields.all("days").any(|day| day == code);
            Ok(TeamSettings {
                name: fields.text("name").to_owned(),
                care_role,
                calendar: Calendar {
                    time_zone,
                    working_days: DAYS
                        .iter()
                        .filter(|(_, code, _)| on(code))
                        .map(|(day, _, _)| *day)
                        .collect(),
                    opens,
                    closes,
                    quiet_from,
                    quiet_until,
                    holidays,
                },
                phone: fields.some("phone"),
            })
        }
        _ => Err(wrong),
    }
}

async fn update(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: TeamId = id.parse()?;
    let done = match settings(&post.fields) {
        Ok(settings) => {
            let input = UpdateTeam {
                team_id: id,
                settings,
                active: post.fields.has("active"),
                idempotency_key: given_key(&post.fields),
            };
            web.service().update_team(&post.signed.actor, input).await.map(|_| ())
        }
        Err(wrong) => Err(ServiceError::Invalid(wrong)),
    };
    settle(&web, post, id, "team", done).await
}

async fn settle(
    web: &Web,
    post: Post,
    id: TeamId,
    form: &'static str,
    done: Result<(), ServiceError>,
) -> Result<Response> {
    match done {
        Ok(()) => shell::go(&format!("/directory/teams/{id}?done=saved")),
        Err(refused @ (ServiceError::Invalid(_) | ServiceError::Conflict { .. })) => {
            let wrong = problems(refused)?;
            page(web, &post.signed, id, form, post.fields, wrong).await
        }
        Err(other) => Err(other.into()),
    }
}

/// Puts a person into the team, changes whether they lead it, or takes them out: what the pressed button says.
async fn members(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: TeamId = id.parse()?;
    let fields = &post.fields;
    let done = match fields.parse::<UserId>("userId") {
        Err(problem) => Err(ServiceError::Invalid(vec![problem])),
        Ok(user_id) if fields.text("act") == "remove" => {
            web.service().remove_team_member(&post.signed.actor, id, user_id).await
        }
        Ok(user_id) => {
            let input = PutTeamMember {
                team_id: id,
                user_id,
                is_lead: fields.text("act") == "lead" || fields.has("lead"),
                idempotency_key: given_key(fields),
            };
            web.service().put_team_member(&post.signed.actor, input).await
        }
    };
    settle(&web, post, id, "member", done).await
}

async fn add_endpoint(State(web): State<Web>, Path(id): Path<String>, post: Post) -> Result<Response> {
    let id: TeamId = id.parse()?;
    let done = match post.fields.parse::<ChannelKind>("channel") {
        Ok(channel) => {
            let input = CreateEndpoint {
                owner: EndpointOwner::Team(id),
                channel,
                address: post.fields.text("address").to_owned(),
                idempotency_key: given_key(&post.fields),
            };
            web.service().create_endpoint(&post.signed.actor, input).await
        }
        Err(problem) => Err(ServiceError::Invalid(vec![problem])),
    };
    match done {
        // The secret is shown in the answer to the form, this one time.
        Ok(created) => match created.secret {
            Some(secret) => {
                let secret = Some(secret.expose().to_owned());
                endpoints::page(&web, &post.signed, created.endpoint_id, secret, None).await
            }
            None => shell::go(&format!("/directory/endpoints/{}?done=added", created.endpoint_id)),
        },
        Err(refused) => settle(&web, post, id, "endpoint", Err(refused)).await,
    }
}
