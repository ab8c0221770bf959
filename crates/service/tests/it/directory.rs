//! The directory through its use cases: who may change what, bad input, repeats, conflicts, and what the ledger says.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{
    Actor, CareRole, ChannelKind, EndpointStatus, OrganizationId, OrganizationKind, Role, TeamId, Urgency, UserId,
    calendar::Calendar,
    escalation::{Delay, DelayUnit, Policy, Step, StepKind},
};
use liaison_service::{Result, ServiceError, directory::*};
use liaison_store::{directory as rows, ledger};
use liaison_testkit::{App, both_engines, fixture::user};
use uuid::Uuid;

/// How often an act is in the ledger with an outcome.
async fn entries(app: &App, action: &str, outcome: &str) -> usize {
    let filter = ledger::EntryFilter {
        actions: vec![action.to_owned()],
        outcome: Some(outcome.to_owned()),
        ..ledger::EntryFilter::default()
    };
    let mut conn = app.service.store().read().await.expect("a connection");
    ledger::search(&mut conn, &filter, 100).await.expect("the ledger").len()
}

fn code<T: std::fmt::Debug>(result: Result<T>) -> &'static str {
    result.expect_err("a refusal").code()
}

/// The paths of what is wrong with an input.
fn paths<T: std::fmt::Debug>(result: Result<T>) -> Vec<String> {
    match result.expect_err("a refusal") {
        ServiceError::Invalid(problems) => problems.into_iter().map(|problem| problem.path).collect(),
        other => panic!("not about the input: {other}"),
    }
}

fn key(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn partner(name: &str) -> CreateOrganization {
    CreateOrganization {
        name: name.to_owned(),
        kind: OrganizationKind::Palliative,
        time_zone: "America/New_York".to_owned(),
        phone: None,
        managed_by: None,
        idempotency_key: None,
    }
}

fn settings(name: &str) -> TeamSettings {
    TeamSettings {
        name: name.to_owned(),
        care_role: CareRole::Oncologist,
        calendar: Calendar::office_hours(chrono_tz::America::Chicago),
        phone: None,
    }
}

fn person(organization: OrganizationId, email: &str, roles: &[Role]) -> AddPerson {
    AddPerson {
        organization: OrganizationChoice::Existing(organization),
        email: email.to_owned(),
        display_name: "Nova Person".to_owned(),
        phone: None,
        time_zone: None,
        digest_hour: None,
        roles: roles.to_vec(),
        teams: Vec::new(),
        idempotency_key: None,
    }
}

fn endpoint(team: TeamId, channel: ChannelKind, address: &str) -> CreateEndpoint {
    CreateEndpoint {
        owner: EndpointOwner::Team(team),
        channel,
        address: address.to_owned(),
        idempotency_key: None,
    }
}

fn absence(absent: &Actor, covering: &Actor, from: DateTime<Utc>, days: i64) -> CreateCoverage {
    CreateCoverage {
        absent_user_id: user(absent),
        covering_user_id: user(covering),
        from,
        until: from + TimeDelta::days(days),
        idempotency_key: None,
    }
}

async fn membership(app: &App, of: &Actor) -> Membership {
    let mut conn = app.service.store().read().await.expect("a connection");
    let organization = of.organization_id.expect("an organization");
    rows::membership::current(&mut conn, user(of), organization)
        .await
        .expect("the store")
        .expect("a place")
}

both_engines! {
    async fn anybody_of_a_long_directory_is_found_by_words_and_page_by_page(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let teams = app.practices(&world, 250).await;
        let teams_of = |wanted: &str, first: u32| FindAddressees {
            wanted: wanted.to_owned(),
            teams: true,
            first,
            ..FindAddressees::default()
        };
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let input = FindAddressees { after: after.take(), ..teams_of("PRACTICE desk", 40) };
            let page = service.find_addressees(&world.physician, input).await.expect("a page");
            assert!(page.items.len() == 40 || !page.has_next);
            after = page.items.last().map(Addressee::cursor).filter(|_| page.has_next);
            found.extend(page.items.into_iter().map(|one| one.id));
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, teams.iter().map(|team| AddresseeId::Team(*team)).collect::<Vec<_>>());
        let one = service.find_addressees(&world.physician, teams_of("ce 24 7", 10)).await.expect("one");
        let names: Vec<_> = one.items.iter().map(|one| (one.organization.as_str(), one.name.as_str())).collect();
        assert_eq!(names, [("Practice 247", "Desk")]);
        // Signs of a pattern stand for themselves.
        for wanted in ["%", "_", "~", "'", "Practice%24"] {
            let none = service.find_addressees(&world.physician, teams_of(wanted, 10)).await.expect("a page");
            assert!(none.items.is_empty(), "{wanted}");
        }
        // Kinds, and within or but an organization.
        let everyone = FindAddressees { organizations: true, people: true, ..teams_of("", 100) };
        let within = FindAddressees { within: Some(world.oncology), ..everyone.clone() };
        let within = service.find_addressees(&world.physician, within).await.expect("a page").items;
        assert!(within.iter().all(|one| one.organization_id == world.oncology));
        assert!(within.iter().any(|one| one.id == AddresseeId::User(user(&world.oncologist))));
        assert!(within.iter().any(|one| one.id == AddresseeId::Team(world.oncology_team)));
        assert!(within.iter().any(|one| one.id == AddresseeId::Organization(world.oncology)));
        let but = FindAddressees { but: Some(world.oncology), ..everyone.clone() };
        let but = service.find_addressees(&world.physician, but).await.expect("a page").items;
        assert!(!but.is_empty() && but.iter().all(|one| one.organization_id != world.oncology));
        // Who is no clinic finds people among colleagues alone.
        let people = FindAddressees { people: true, first: 100, ..FindAddressees::default() };
        let seen = service.find_addressees(&world.oncologist, people).await.expect("a page").items;
        assert!(!seen.is_empty() && seen.iter().all(|one| one.organization_id == world.oncology));
        // Bad input is named.
        assert_eq!(paths(service.find_addressees(&world.physician, teams_of("", 0)).await), ["first"]);
        assert_eq!(paths(service.find_addressees(&world.physician, teams_of("a b c d e", 10)).await), ["wanted"]);
    }

    async fn a_clinic_admin_adds_a_partner_and_keeps_its_directory(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let input = CreateOrganization { idempotency_key: key("k1"), ..partner("  New Partner  ") };
        let id = service.create_organization(&world.admin, input.clone()).await.expect("a partner");
        assert_eq!(service.create_organization(&world.admin, input.clone()).await.expect("the same"), id);
        let other = CreateOrganization { name: "Another".to_owned(), ..input };
        assert_eq!(code(service.create_organization(&world.admin, other).await), "IDEMPOTENCY_KEY_REUSED");
        let found = service.organization_by_id(&world.auditor, id).await.expect("read").expect("there");
        assert_eq!((found.name.as_str(), found.managed_by), ("New Partner", Some(world.clinic)));

        let create = CreateTeam { organization_id: id, settings: settings("Team"), idempotency_key: None };
        let team = service.create_team(&world.admin, create.clone()).await.expect("a team");
        // Neither another clinic's admin nor the partner's colleagues elsewhere: not theirs looks like not found.
        for stranger in [&world.other_admin, &world.outside_admin] {
            assert_eq!(code(service.create_team(stranger, create.clone()).await), "NOT_FOUND");
            let update = UpdateTeam { team_id: team, settings: settings("x"), active: false, idempotency_key: None };
            let refused = service.update_team(stranger, update).await.expect_err("refused").to_string();
            let unknown = UpdateTeam {
                team_id: TeamId::from_uuid(user(stranger).uuid()),
                settings: settings("x"),
                active: false,
                idempotency_key: None,
            };
            assert_eq!(refused, service.update_team(stranger, unknown).await.expect_err("refused").to_string());
        }
        assert_eq!(code(service.create_team(&world.physician, create).await), "FORBIDDEN");
        assert!(entries(&app, "access.denied", "denied").await >= 5);
        let update = UpdateTeam { team_id: team, settings: settings("Renamed"), active: false, idempotency_key: None };
        let changed = service.update_team(&world.admin, update).await.expect("changed");
        assert!(changed.name == "Renamed" && !changed.active);
        assert_eq!(entries(&app, "team.update", "success").await, 1);
    }

    async fn organizations_have_their_rules(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let bad = CreateOrganization {
            name: " ".to_owned(),
            kind: OrganizationKind::Clinic,
            time_zone: "Mars/Olympus".to_owned(),
            phone: Some("call me".to_owned()),
            managed_by: Some(world.other_clinic),
            idempotency_key: None,
        };
        let before = entries(&app, "organization.create", "success").await;
        assert_eq!(
            paths(service.create_organization(&world.admin, bad).await),
            ["name", "timeZone", "phone", "kind", "managedBy"]
        );
        assert_eq!(code(service.create_organization(&world.outside_admin, partner("x")).await), "FORBIDDEN");
        assert_eq!(code(service.create_organization(&world.physician, partner("x")).await), "FORBIDDEN");
        let reader = Actor { read_only: true, ..world.admin.clone() };
        assert_eq!(code(service.create_organization(&reader, partner("x")).await), "FORBIDDEN");
        assert_eq!(entries(&app, "organization.create", "success").await, before);

        let update = |id| UpdateOrganization {
            organization_id: id,
            name: "Renamed".to_owned(),
            time_zone: "America/Denver".to_owned(),
            phone: None,
            idempotency_key: key("u1"),
        };
        for _ in 0..2 {
            let row = service.update_organization(&world.admin, update(world.oncology)).await.expect("changed");
            assert_eq!(row.time_zone, "America/Denver");
        }
        assert_eq!(entries(&app, "organization.update", "success").await, 1);
        let foreign = service.update_organization(&world.other_admin, update(world.oncology)).await;
        assert_eq!(code(foreign), "NOT_FOUND");

        let mut names = Vec::new();
        let mut after = None;
        loop {
            let list = ListOrganizations { kind: None, after: after.take(), first: 2 };
            let page = service.organizations(&world.outsider, list).await.expect("a page");
            names.extend(page.items.iter().map(|row| row.name.clone()));
            after = page.items.last().map(|row| (row.name.clone(), row.id));
            if !page.has_next {
                break;
            }
        }
        assert_eq!(names.len(), 5);
        assert!(names.is_sorted());
        let none = ListOrganizations::default();
        assert_eq!(paths(service.organizations(&world.outsider, none).await), ["first"]);
        let clinics = ListOrganizations { kind: Some(OrganizationKind::Clinic), after: None, first: 100 };
        assert_eq!(service.organizations(&world.outsider, clinics).await.expect("a page").items.len(), 2);
    }

    async fn a_person_is_added_with_their_organization_at_once_or_not_at_all(app: App) {
        let (service, system) = (&app.service, Actor::system());
        let clinic = CreateOrganization { kind: OrganizationKind::Clinic, ..partner("First Clinic") };
        let first = AddPerson {
            organization: OrganizationChoice::New(clinic.clone()),
            digest_hour: Some(7),
            ..person(OrganizationId::from_uuid(Uuid::nil()), "First.Admin@Clinic.Example.TEST", &[Role::Admin])
        };
        let bad = AddPerson {
            email: "nobody".to_owned(),
            display_name: "a\u{0}b".to_owned(),
            digest_hour: Some(24),
            roles: vec![],
            ..first.clone()
        };
        assert_eq!(paths(service.add_person(&system, bad).await), ["email", "displayName", "digestHour", "roles"]);
        // The organization goes when the person does not come.
        let unknown_team = AddPerson { teams: vec![TeamId::from_uuid(Uuid::nil())], ..first.clone() };
        assert_eq!(paths(service.add_person(&system, unknown_team).await), ["teams[0]"]);
        assert_eq!(entries(&app, "organization.create", "success").await, 0);

        let added = service.add_person(&system, first.clone()).await.expect("added");
        assert!(!added.was_known);
        let mut conn = service.store().read().await.expect("a connection");
        let row = rows::person::find(&mut conn, added.user_id).await.expect("the store").expect("there");
        assert_eq!((row.email.as_str(), row.time_zone.as_str()), ("first.admin@clinic.example.test", "America/New_York"));
        // It is 10:00 in New York: the next 7 o'clock is tomorrow's.
        assert_eq!(row.digest_next_at, "2026-01-06T12:00:00Z".parse().ok());
        drop(conn);
        let actor = service.acting_person(added.user_id, added.organization_id).await.expect("read").expect("an actor");
        assert_eq!(actor.roles, [Role::Admin]);
        for action in ["organization.create", "person.add", "membership.create"] {
            assert_eq!(entries(&app, action, "success").await, 1, "{action}");
        }
        let again = AddPerson { organization: OrganizationChoice::New(clinic), ..first };
        assert_eq!(code(service.add_person(&actor, again).await), "FORBIDDEN");
    }

    async fn a_known_address_gets_a_further_place_only_from_who_keeps_it(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let email = "ONCOR.fabricato@cancer.example.test";
        let here = person(world.oncology, email, &[Role::Clinician]);
        assert_eq!(paths(service.add_person(&world.admin, here).await), ["email"]);
        let elsewhere = person(world.outside, email, &[Role::Clinician]);
        assert_eq!(paths(service.add_person(&world.outside_admin, elsewhere.clone()).await), ["email"]);
        let added = service.add_person(&world.system, elsewhere).await.expect("by the operator");
        assert!(added.was_known && added.user_id == user(&world.oncologist));

        // Now in two organizations: neither admin may change the address they sign in with.
        let update = UpdatePerson {
            user_id: added.user_id,
            email: "taken.over@outside.example.test".to_owned(),
            display_name: "Dr. Oncor Fabricato".to_owned(),
            phone: None,
            time_zone: "America/Chicago".to_owned(),
            digest_hour: None,
            idempotency_key: None,
        };
        for admin in [&world.admin, &world.outside_admin] {
            assert_eq!(code(service.update_person(admin, update.clone()).await), "ELSEWHERE_TOO");
            assert_eq!(code(service.set_person_disabled(admin, added.user_id, true).await), "ELSEWHERE_TOO");
        }
        assert_eq!(code(service.update_person(&world.other_admin, update.clone()).await), "NOT_FOUND");
        assert_eq!(code(service.update_person(&world.palliative, update.clone()).await), "NOT_FOUND");
        assert_eq!(code(service.update_person(&world.second_oncologist, update.clone()).await), "FORBIDDEN");
        assert_eq!(paths(service.update_person(&world.oncologist, update.clone()).await), ["email"]);
        let own = UpdatePerson { email: email.to_owned(), digest_hour: Some(6), ..update };
        service.update_person(&world.oncologist, own).await.expect("their own settings");
        assert_eq!(entries(&app, "person.update", "success").await, 1);
        let themself = service.person_by_id(&world.oncologist, added.user_id).await.expect("read").expect("there");
        assert_eq!(themself.digest_hour, Some(6));
    }

    async fn who_leaves_or_is_disabled_is_told_nothing_more(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let team = world.oncology_team;
        let told = |people: Vec<rows::TeamPersonRow>| people.iter().map(|row| row.user_id).collect::<HashSet<_>>();
        let mut conn = service.store().read().await.expect("a connection");
        assert_eq!(told(rows::team_people(&mut conn, &[team]).await.expect("read")).len(), 3);
        assert_eq!(told(rows::leads(&mut conn, team).await.expect("read")), HashSet::from([user(&world.oncology_lead)]));
        drop(conn);

        let place = membership(&app, &world.oncologist).await;
        assert_eq!(code(service.end_membership(&world.other_admin, place.id).await), "NOT_FOUND");
        for _ in 0..2 {
            service.end_membership(&world.admin, place.id).await.expect("ended");
        }
        assert_eq!(entries(&app, "membership.end", "success").await, 1);
        service.set_person_disabled(&world.admin, user(&world.second_oncologist), true).await.expect("disabled");
        let mut conn = service.store().read().await.expect("a connection");
        let left = told(rows::team_people(&mut conn, &[team]).await.expect("read"));
        assert_eq!(left, HashSet::from([user(&world.oncology_lead)]));
        drop(conn);
        for gone in [&world.oncologist, &world.second_oncologist] {
            assert_eq!(service.acting_person(user(gone), world.oncology).await.expect("read"), None);
        }
        let back = PutTeamMember { team_id: team, user_id: user(&world.oncologist), is_lead: false, idempotency_key: None };
        assert_eq!(paths(service.put_team_member(&world.admin, back).await), ["userId"]);
        service.remove_team_member(&world.admin, team, user(&world.oncology_lead)).await.expect("removed");
        service.remove_team_member(&world.admin, team, user(&world.oncology_lead)).await.expect("a repeat");
        assert_eq!(entries(&app, "team.member.remove", "success").await, 1);
    }

    async fn the_last_admin_stays(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let place = membership(&app, &world.admin).await;
        let step_down = SetRoles { membership_id: place.id, roles: vec![Role::Coordinator], idempotency_key: None };
        assert_eq!(code(service.set_roles(&world.admin, step_down.clone()).await), "LAST_ADMIN");
        assert_eq!(code(service.end_membership(&world.admin, place.id).await), "LAST_ADMIN");
        assert_eq!(code(service.set_person_disabled(&world.admin, user(&world.admin), true).await), "LAST_ADMIN");
        let other = membership(&app, &world.coordinator).await;
        let none = SetRoles { membership_id: other.id, roles: vec![], idempotency_key: None };
        assert_eq!(paths(service.set_roles(&world.admin, none).await), ["roles"]);
        let twice = SetRoles { membership_id: other.id, roles: vec![Role::Admin, Role::Admin], idempotency_key: None };
        assert_eq!(paths(service.set_roles(&world.admin, twice).await), ["roles"]);
        let second = SetRoles { membership_id: other.id, roles: vec![Role::Admin, Role::Coordinator], idempotency_key: None };
        assert_eq!(code(service.set_roles(&world.coordinator, second.clone()).await), "FORBIDDEN");
        service.set_roles(&world.admin, second).await.expect("a second admin");
        service.set_roles(&world.admin, step_down).await.expect("stepped down");
        assert_eq!(entries(&app, "membership.roles", "success").await, 2);
    }

    async fn two_admins_cannot_remove_each_other_at_the_same_moment(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let add = person(world.clinic, "second.admin@clinic.example.test", &[Role::Admin]);
        let added = service.add_person(&world.admin, add).await.expect("a second admin");
        let first = membership(&app, &world.admin).await;
        let second = service.acting_person(added.user_id, world.clinic).await.expect("read").expect("an actor");
        let (one, other) = tokio::join!(
            service.end_membership(&world.admin, added.membership_id),
            service.end_membership(&second, first.id),
        );
        assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
        assert_eq!(code(one.and(other)), "LAST_ADMIN");
    }

    async fn an_endpoints_secret_is_shown_once_and_sealed(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let url = "https://hooks.example.test/two";
        let input = CreateEndpoint { idempotency_key: key("e1"), ..endpoint(world.oncology_team, ChannelKind::Webhook, url) };
        let created = service.create_endpoint(&world.admin, input.clone()).await.expect("an endpoint");
        let secret = created.secret.as_ref().expect("a secret").expose().to_owned();
        assert_eq!((&secret[..6], secret.len()), ("whsec_", 6 + 44));
        let repeat = service.create_endpoint(&world.admin, input).await.expect("a repeat");
        assert!(repeat.endpoint_id == created.endpoint_id && repeat.secret.is_none());

        let open = async || {
            let mut conn = service.store().read().await.expect("a connection");
            rows::endpoint::secret(&mut conn, created.endpoint_id).await.expect("opens").expect("a secret")
        };
        assert_eq!(open().await, secret);
        let rotated = service.rotate_endpoint_secret(&world.admin, created.endpoint_id).await.expect("rotated");
        assert_ne!(rotated.expose(), secret);
        assert_eq!(open().await, rotated.expose());
        assert_eq!(code(service.rotate_endpoint_secret(&world.admin, world.oncology_email).await), "NO_SECRET");

        for _ in 0..2 {
            service.set_endpoint_disabled(&world.admin, created.endpoint_id, true).await.expect("disabled");
        }
        let seen = service.endpoint_by_id(&world.oncologist, created.endpoint_id).await.expect("read").expect("own");
        assert_eq!((seen.status, seen.disabled_reason.as_deref()), (EndpointStatus::Disabled, Some("ADMIN")));
        service.set_endpoint_disabled(&world.admin, created.endpoint_id, false).await.expect("enabled");
        for (action, count) in [("endpoint.secret.rotate", 1), ("endpoint.disable", 1), ("endpoint.enable", 1)] {
            assert_eq!(entries(&app, action, "success").await, count, "{action}");
        }
        for stranger in [&world.other_admin, &world.outside_admin] {
            assert_eq!(code(service.rotate_endpoint_secret(stranger, created.endpoint_id).await), "NOT_FOUND");
            assert_eq!(code(service.set_endpoint_disabled(stranger, created.endpoint_id, true).await), "NOT_FOUND");
        }
        assert_eq!(code(service.set_endpoint_disabled(&world.oncology_lead, created.endpoint_id, true).await), "FORBIDDEN");
    }

    async fn bad_endpoints_are_refused(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let team = world.oncology_team;
        let before = entries(&app, "endpoint.create", "success").await;
        let bad = [
            (ChannelKind::Email, "not an address"),
            (ChannelKind::Email, "a@b.example\r\nBcc: c@d.example"),
            (ChannelKind::Email, "Oncology-Team@CANCER.example.test"),
            (ChannelKind::Webhook, "ftp://hooks.example.test/"),
            (ChannelKind::Webhook, "https://user:pass@hooks.example.test/"),
            (ChannelKind::Webhook, "https://hooks.example.test/#part"),
            (ChannelKind::Webhook, liaison_testkit::fixture::WEBHOOK_URL),
        ];
        for (channel, address) in bad {
            let refused = service.create_endpoint(&world.admin, endpoint(team, channel, address)).await;
            assert_eq!(paths(refused), ["address"], "{address}");
        }
        let owner = EndpointOwner::Person { user_id: user(&world.outsider), organization_id: world.oncology };
        let elsewhere = CreateEndpoint { owner, ..endpoint(team, ChannelKind::Email, "x@cancer.example.test") };
        assert_eq!(paths(service.create_endpoint(&world.admin, elsewhere).await), ["userId"]);
        let foreign = endpoint(world.outside_team, ChannelKind::Email, "x@cancer.example.test");
        assert_eq!(code(service.create_endpoint(&world.admin, foreign).await), "NOT_FOUND");
        assert_eq!(entries(&app, "endpoint.create", "success").await, before);
        let owner = EndpointOwner::Person { user_id: user(&world.oncologist), organization_id: world.oncology };
        let own = CreateEndpoint { owner, ..endpoint(team, ChannelKind::Email, "x@cancer.example.test") };
        service.create_endpoint(&world.admin, own).await.expect("a person's endpoint");
        for number in 0..(MAX_ENDPOINTS - 2) {
            let next = endpoint(team, ChannelKind::Email, &format!("team{number}@cancer.example.test"));
            service.create_endpoint(&world.admin, next).await.expect("an endpoint");
        }
        let one_more = endpoint(team, ChannelKind::Email, "one.more@cancer.example.test");
        assert_eq!(paths(service.create_endpoint(&world.admin, one_more).await), ["owner"]);
    }

    async fn somebody_covers_for_who_is_away(app: App) {
        let (world, service, now) = (app.fixture().await, &app.service, app.now());
        let (one, two, lead) = (&world.oncologist, &world.second_oncologist, &world.oncology_lead);
        let input = CreateCoverage { idempotency_key: key("c1"), ..absence(one, two, now, 7) };
        let id = service.create_coverage(one, input.clone()).await.expect("for oneself");
        assert_eq!(service.create_coverage(one, input).await.expect("a repeat"), id);
        assert_eq!(code(service.create_coverage(one, absence(two, one, now, 1)).await), "FORBIDDEN");
        assert_eq!(entries(&app, "access.denied", "denied").await, 1);
        let overlap = absence(one, lead, now + TimeDelta::days(6), 7);
        assert_eq!(code(service.create_coverage(lead, overlap).await), "COVERAGE_OVERLAPS");
        let next = absence(one, lead, now + TimeDelta::days(7), 7);
        service.create_coverage(lead, next).await.expect("right after, by the lead");

        // Who covers is away too, and is covered by the lead: the lead is asked.
        let second = service.create_coverage(two, absence(two, lead, now, 2)).await.expect("for oneself");
        let who = async |at| {
            let mut conn = service.store().read().await.expect("a connection");
            rows::covering(&mut conn, &[user(one), user(lead)], at).await.expect("read").into_iter().collect::<Vec<_>>()
        };
        assert_eq!(who(now).await, [(user(one), user(lead))]);
        assert_eq!(who(now + TimeDelta::days(2)).await, [(user(one), user(two))]);
        assert_eq!(who(now + TimeDelta::days(7)).await, [(user(one), user(lead))]);
        assert_eq!(who(now + TimeDelta::days(14)).await, []);
        for _ in 0..2 {
            service.cancel_coverage(two, second).await.expect("cancelled");
        }
        assert_eq!(who(now).await, [(user(one), user(two))]);
        service.set_person_disabled(&world.admin, user(two), true).await.expect("disabled");
        assert_eq!(who(now).await, [], "who may not sign in covers nobody");

        assert_eq!(code(service.cancel_coverage(two, id).await), "FORBIDDEN");
        assert_eq!(code(service.cancel_coverage(&world.outside_admin, id).await), "NOT_FOUND");
        service.cancel_coverage(lead, id).await.expect("by the lead");
        for (action, count) in [("coverage.create", 3), ("coverage.cancel", 2)] {
            assert_eq!(entries(&app, action, "success").await, count, "{action}");
        }
        assert_eq!(service.coverages(one, world.oncology).await.expect("read").len(), 1);
        assert_eq!(service.coverages(&world.coordinator, world.oncology).await.expect("read").len(), 1);
        assert_eq!(service.coverages(&world.outsider, world.oncology).await.expect("read").len(), 0);
    }

    async fn impossible_absences_are_refused(app: App) {
        let (world, service, now) = (app.fixture().await, &app.service, app.now());
        let (one, lead) = (&world.oncologist, &world.oncology_lead);
        let cases = [
            (absence(one, one, now, 1), "coveringUserId"),
            (absence(one, lead, now, 0), "until"),
            (absence(one, lead, now, -1), "until"),
            (absence(one, lead, now - TimeDelta::days(3), 2), "until"),
            (absence(one, lead, now, MAX_ABSENCE_DAYS + 1), "until"),
            (absence(one, &world.palliative, now, 1), "coveringUserId"),
            (absence(&world.palliative, one, now, 1), "absentUserId"),
        ];
        for (input, path) in cases {
            let text = format!("{input:?}");
            assert_eq!(paths(service.create_coverage(lead, input).await), [path], "{text}");
        }
        assert_eq!(code(service.create_coverage(&world.auditor, absence(&world.auditor, &world.admin, now, 1)).await), "FORBIDDEN");
        assert_eq!(entries(&app, "coverage.create", "success").await, 0);
    }

    async fn a_policy_is_set_previewed_and_taken_back(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let delay = |amount| Delay { amount, unit: DelayUnit::Minutes };
        let step = |amount, kind| Step { after: delay(amount), kind, same_day: false };
        let policy = Policy {
            acknowledge_within: delay(20),
            acknowledge_same_day: false,
            steps: vec![step(5, StepKind::Reminder), step(20, StepKind::CallTask)],
        };
        let set = |policy: Option<Policy>| SetPolicy {
            organization_id: world.oncology,
            urgency: Urgency::Emergent,
            policy,
            idempotency_key: None,
        };
        let preview = || PreviewEscalation { team_id: world.oncology_team, urgency: Urgency::Emergent, shared_at: None };
        let before = service.preview_escalation(&world.physician, preview()).await.expect("a preview");
        assert!(before.policy.is_default);
        assert_eq!((before.people, before.leads.clone()), (3, vec![user(&world.oncology_lead)]));

        assert!(!service.set_policy(&world.admin, set(Some(policy.clone()))).await.expect("set").is_default);
        let after = service.preview_escalation(&world.physician, preview()).await.expect("a preview");
        let minutes = |at: DateTime<Utc>| (at - app.now()).num_minutes();
        let steps: Vec<_> = after.steps.iter().map(|(kind, at)| (*kind, minutes(*at))).collect();
        assert_eq!(steps, [(StepKind::Reminder, 5), (StepKind::CallTask, 20)]);
        assert_eq!((minutes(after.due_at), after.policy.updated_by), (20, world.admin.user_id));
        let mut conn = service.store().read().await.expect("a connection");
        let in_force = rows::effective_policy(&mut conn, world.oncology, Urgency::Emergent).await.expect("read");
        let default = rows::effective_policy(&mut conn, world.oncology, Urgency::Urgent).await.expect("read");
        drop(conn);
        assert_eq!((in_force, default), (policy.clone(), Policy::default_for(Urgency::Urgent)));

        let endless = Policy { steps: vec![step(5, StepKind::Reminder)], acknowledge_within: delay(0), ..policy.clone() };
        assert_eq!(
            paths(service.set_policy(&world.admin, set(Some(endless))).await),
            ["policy.acknowledgeWithin.amount", "policy.steps"]
        );
        for stranger in [&world.other_admin, &world.outside_admin] {
            assert_eq!(code(service.set_policy(stranger, set(Some(policy.clone()))).await), "NOT_FOUND");
        }
        assert_eq!(code(service.set_policy(&world.physician, set(None)).await), "FORBIDDEN");
        assert!(service.set_policy(&world.admin, set(None)).await.expect("reset").is_default);
        let all = service.policies_of(&world.outsider, &[world.oncology, world.outside]).await.expect("read");
        assert!(all.len() == 6 && all.iter().all(|policy| policy.is_default));
        for action in ["policy.set", "policy.reset"] {
            assert_eq!(entries(&app, action, "success").await, 1, "{action}");
        }
    }

    async fn a_token_acts_for_its_person_until_it_ends(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let create = |scopes: &[&str], days| CreateToken {
            name: "script".to_owned(),
            scopes: scopes.iter().map(|&scope| scope.to_owned()).collect(),
            days,
            idempotency_key: None,
        };
        let bad = CreateToken { name: String::new(), ..create(&["write", "all"], 366) };
        assert_eq!(paths(service.create_token(&world.oncologist, bad).await), ["name", "scopes[1]", "scopes", "days"]);
        assert_eq!(code(service.create_token(&Actor::system(), create(&["read"], 1)).await), "FORBIDDEN");

        let input = CreateToken { idempotency_key: key("t1"), ..create(&["read"], 30) };
        let created = service.create_token(&world.oncologist, input.clone()).await.expect("a token");
        let secret = created.secret.as_ref().expect("a secret").expose().to_owned();
        assert_eq!((&secret[..4], secret.len()), ("lia_", 4 + 43));
        let repeat = service.create_token(&world.oncologist, input).await.expect("a repeat");
        assert!(repeat.token_id == created.token_id && repeat.secret.is_none());
        assert!(!format!("{created:?}").contains(&secret));

        let actor = service.authenticate_token(&secret, Some("192.0.2.1"), Some("req 1\n")).await.expect("good");
        assert_eq!((actor.user_id, actor.organization_id), (world.oncologist.user_id, world.oncologist.organization_id));
        assert_eq!((&actor.roles, &actor.teams), (&world.oncologist.roles, &world.oncologist.teams));
        assert!(actor.read_only && actor.token_id == Some(created.token_id));
        assert_eq!((actor.peer.as_deref(), actor.request_id.as_deref()), (Some("192.0.2.1"), Some("req1")));
        assert_eq!(code(service.create_token(&actor, create(&["read"], 1)).await), "FORBIDDEN");
        let writer = service.create_token(&world.oncologist, create(&["write", "read"], 1)).await.expect("a token");
        let writer_secret = writer.secret.expect("a secret").expose().to_owned();
        let writer_actor = service.authenticate_token(&writer_secret, None, None).await.expect("good");
        assert!(!writer_actor.read_only);
        assert_eq!(code(service.create_token(&writer_actor, create(&["read"], 1)).await), "FORBIDDEN");

        for stranger in [&world.second_oncologist, &world.outside_admin, &world.other_admin] {
            assert_eq!(code(service.revoke_token(stranger, created.token_id).await), "NOT_FOUND");
        }
        let again = async || code(service.authenticate_token(&secret, None, None).await);
        for _ in 0..2 {
            service.revoke_token(&world.oncologist, created.token_id).await.expect("revoked");
        }
        assert_eq!(again().await, "UNAUTHENTICATED");
        app.advance(TimeDelta::days(1));
        assert_eq!(code(service.authenticate_token(&writer_secret, None, None).await), "UNAUTHENTICATED");
        let listed = service.own_tokens(&world.oncologist).await.expect("a list");
        assert_eq!(listed.len(), 2);
        assert_eq!(service.own_tokens(&world.second_oncologist).await.expect("a list").len(), 0);
        for (action, count) in [("token.create", 2), ("token.revoke", 1)] {
            assert_eq!(entries(&app, action, "success").await, count, "{action}");
        }
    }

    async fn a_token_ends_with_its_persons_place(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let create = || CreateToken { name: "t".to_owned(), scopes: vec!["read".to_owned()], days: 9, idempotency_key: None };
        let token = async |actor: &Actor| {
            let created = service.create_token(actor, create()).await.expect("a token");
            created.secret.expect("a secret").expose().to_owned()
        };
        let (left, disabled) = (token(&world.oncologist).await, token(&world.second_oncologist).await);
        let place = membership(&app, &world.oncologist).await;
        service.end_membership(&world.admin, place.id).await.expect("ended");
        let second = user(&world.second_oncologist);
        service.set_person_disabled(&world.admin, second, true).await.expect("disabled");
        let mut answers = Vec::new();
        for secret in [&left, &disabled, &"lia_unknown".to_owned(), &String::new()] {
            answers.push(service.authenticate_token(secret, None, None).await.expect_err("refused").to_string());
        }
        answers.dedup();
        assert_eq!(answers, ["sign in first"], "every failure answers the same");
        service.set_person_disabled(&world.admin, second, false).await.expect("enabled");
        service.authenticate_token(&disabled, None, None).await.expect("good again");
    }

    async fn failed_tokens_cannot_flood_the_ledger(app: App) {
        let service = &app.service;
        for number in 0..20 {
            let guess = format!("lia_{number}");
            let refused = service.authenticate_token(&guess, Some("192.0.2.7"), None).await;
            assert_eq!(code(refused), "UNAUTHENTICATED");
        }
        assert_eq!(entries(&app, "sign_in.failed", "failure").await, 1);
        app.advance(TimeDelta::seconds(10));
        service.authenticate_token("anything", None, None).await.expect_err("refused");
        assert_eq!(entries(&app, "sign_in.failed", "failure").await, 2);
        let mut conn = service.store().read().await.expect("a connection");
        let filter = ledger::EntryFilter { peer: key("192.0.2.7"), ..ledger::EntryFilter::default() };
        let found = ledger::search(&mut conn, &filter, 10).await.expect("the ledger");
        assert_eq!(found.len(), 1);
        assert!(!format!("{found:?}").contains("lia_"), "the guess is not kept");
    }

    async fn a_person_has_a_bounded_number_of_good_tokens(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let create = || CreateToken { name: "t".to_owned(), scopes: vec!["read".to_owned()], days: 9, idempotency_key: None };
        let mut last = None;
        for _ in 0..MAX_TOKENS {
            last = service.create_token(&world.auditor, create()).await.expect("a token").into();
        }
        assert_eq!(code(service.create_token(&world.auditor, create()).await), "TOO_MANY_TOKENS");
        let last = last.expect("a token").token_id;
        service.revoke_token(&world.admin, last).await.expect("by an admin of the organization");
        service.create_token(&world.auditor, create()).await.expect("room again");
    }

    async fn names_are_for_all_and_addresses_for_colleagues_and_clinics(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        let ids: Vec<UserId> = [&world.oncologist, &world.oncology_lead, &world.outsider].map(user).to_vec();
        let contacts = async |actor: &Actor| {
            let people = service.people_by_ids(actor, &ids).await.expect("people");
            assert!(people.iter().all(|person| !person.display_name.is_empty()) && people.len() == 3);
            let seen = people.iter().filter(|person| person.contact.is_some());
            seen.map(|person| person.id).collect::<HashSet<_>>()
        };
        assert_eq!(contacts(&world.coordinator).await.len(), 3);
        assert_eq!(contacts(&world.second_oncologist).await, HashSet::from([ids[0], ids[1]]));
        assert_eq!(contacts(&world.outsider).await, HashSet::from([ids[2]]));
        assert_eq!(contacts(&world.palliative).await, HashSet::new());
        let teams = [world.oncology_team, world.palliative_team];
        for (actor, seen) in [(&world.physician, 3), (&world.oncologist, 2), (&world.palliative, 1), (&world.outsider, 0)] {
            assert_eq!(service.endpoints_of_teams(actor, &teams).await.expect("endpoints").len(), seen);
        }
        let hidden = service.endpoint_by_id(&world.palliative, world.oncology_webhook).await.expect("read");
        assert!(hidden.is_none());
        let nobody = Actor { roles: vec![], ..world.outsider.clone() };
        assert_eq!(code(service.teams_by_ids(&nobody, &teams).await), "FORBIDDEN");
    }

    async fn many_are_loaded_by_as_many_statements_as_one(app: App) {
        let (world, service) = (app.fixture().await, &app.service);
        for number in 0..30 {
            let add = person(world.oncology, &format!("p{number}@cancer.example.test"), &[Role::Clinician]);
            let add = AddPerson { teams: vec![world.oncology_team], ..add };
            service.add_person(&world.admin, add).await.expect("a person");
        }
        let members = service.members_of_teams(&world.physician, &[world.oncology_team]).await.expect("members");
        assert_eq!(members.len(), 33);
        let ids: Vec<UserId> = members.iter().map(|member| member.user_id).collect();
        let count = async |ids: &[UserId]| {
            let before = service.store().statements();
            let people = service.people_by_ids(&world.oncologist, ids).await.expect("people");
            assert_eq!(people.len(), ids.len());
            assert_eq!(service.memberships_of(&world.oncologist, ids).await.expect("places").len(), ids.len());
            assert_eq!(service.teams_of_people(&world.oncologist, ids).await.expect("places").len(), ids.len());
            service.store().statements() - before
        };
        assert_eq!(count(&ids).await, count(&ids[..1]).await);
        assert_eq!(service.memberships_in(&world.oncologist, &[world.oncology]).await.expect("places").len(), 33);
        assert_eq!(service.teams_of_organizations(&world.oncologist, &[world.oncology]).await.expect("teams").len(), 1);
        assert!(service.people_by_ids(&world.oncologist, &[]).await.expect("nobody").is_empty());
    }
}
