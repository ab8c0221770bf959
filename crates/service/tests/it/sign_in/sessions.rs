//! Sessions: their ends, and whom they act for.

use chrono::TimeDelta;
use liaison_domain::{Actor, Role, SessionEnd, TokenId};
use liaison_service::{
    directory::{AddPerson, OrganizationChoice, SetRoles},
    sign_in::{ABSOLUTE, IDLE, MAX_SESSIONS, OpenSession, SignInMethod},
};
use liaison_store::sign_in::session as rows;
use liaison_testkit::{App, both_engines};

use super::*;

async fn open(app: &App, who: &Actor) -> SessionOpened {
    let input = OpenSession {
        user_id: user(who),
        organization_id: None,
        method: SignInMethod::PasswordTotp,
        peer: Some(PEER.to_owned()),
        request_id: None,
        user_agent: Some("Browser\n2".to_owned()),
    };
    app.service.open_session(input).await.unwrap()
}

async fn row(app: &App, opened: &SessionOpened) -> rows::SessionRow {
    let mut tx = app.service.store().begin().await.unwrap();
    rows::lock(&mut tx, opened.session_id).await.unwrap().unwrap()
}

both_engines! {
    async fn a_session_ends_idle_and_by_age(app: App) {
        let f = app.fixture().await;
        let idle = open(&app, &f.physician).await;
        assert_eq!(idle.secret.len(), 43, "256 bits in base64url");
        let here = session(&app, &idle).await;
        assert_eq!((here.idle_until, here.absolute_until), (app.now() + IDLE, app.now() + ABSOLUTE));
        app.advance(IDLE - TimeDelta::seconds(1));
        assert!(is_good(&app, &idle).await, "looking alone does not keep it alive");
        app.advance(TimeDelta::seconds(1));
        assert!(!is_good(&app, &idle).await);

        let aged = open(&app, &f.physician).await;
        let began = app.now();
        while app.now() + TimeDelta::minutes(14) < began + ABSOLUTE {
            app.advance(TimeDelta::minutes(14));
            let here = session(&app, &aged).await;
            assert!(here.idle_until <= began + ABSOLUTE);
        }
        app.clock.set(began + ABSOLUTE - TimeDelta::seconds(1));
        assert!(is_good(&app, &aged).await);
        app.clock.set(began + ABSOLUTE);
        assert!(!is_good(&app, &aged).await);
    }

    async fn use_is_written_down_at_most_every_half_minute(app: App) {
        let f = app.fixture().await;
        let opened = open(&app, &f.physician).await;
        let first = row(&app, &opened).await.last_seen_at;
        for _ in 0..29 {
            app.advance(TimeDelta::seconds(1));
            session(&app, &opened).await;
        }
        assert_eq!(row(&app, &opened).await.last_seen_at, first);
        app.advance(TimeDelta::seconds(1));
        app.service.session(&opened.secret, None, None, Touch::Nothing).await.unwrap();
        assert_eq!(row(&app, &opened).await.last_seen_at, first, "a live stream is no activity");
        let before = app.service.store().statements();
        session(&app, &opened).await;
        assert!(app.service.store().statements() - before <= 5);
        assert_eq!(row(&app, &opened).await.last_seen_at, app.now());
        assert_eq!(row(&app, &opened).await.user_agent.as_deref(), Some("Browser2"));
    }

    async fn whatever_is_no_session_answers_alike(app: App) {
        let f = app.fixture().await;
        let opened = open(&app, &f.physician).await;
        let flipped = format!("{}A", &opened.secret[..42]);
        let ended = open(&app, &f.physician).await;
        app.service.sign_out(&session(&app, &ended).await.actor).await.unwrap();
        for bad in ["", "x", &flipped, &opened.session_id.to_string(), &ended.secret, &"z".repeat(100_000)] {
            if bad != opened.secret {
                let answer = app.service.session(bad, None, None, Touch::Activity).await;
                assert!(matches!(answer, Err(ServiceError::Unauthenticated)), "{bad}");
            }
        }
        assert!(is_good(&app, &opened).await);
        let signed_out = entries(&app, "session.signed_out").await;
        assert_eq!(signed_out.len(), 1);
        assert_eq!(row(&app, &ended).await.end_reason, Some(SessionEnd::SignedOut));
    }

    async fn a_person_sees_and_ends_their_own_sessions_alone(app: App) {
        let f = app.fixture().await;
        let (one, two) = (open(&app, &f.physician).await, open(&app, &f.physician).await);
        let other = open(&app, &f.coordinator).await;
        let actor = session(&app, &one).await.actor;
        let own = app.service.own_sessions(&actor).await.unwrap();
        assert_eq!(own.len(), 2);
        assert_eq!(own.iter().filter(|session| session.is_this).count(), 1);
        assert_eq!(problem(app.service.revoke_session(&actor, other.session_id).await), "NOT_FOUND");
        assert!(is_good(&app, &other).await);
        app.service.revoke_session(&actor, two.session_id).await.unwrap();
        app.service.revoke_session(&actor, two.session_id).await.unwrap();
        assert!(!is_good(&app, &two).await && is_good(&app, &one).await);
        assert_eq!(entries(&app, "session.revoked").await.len(), 1);
        assert_eq!(app.service.own_sessions(&actor).await.unwrap().len(), 1);
        let token = Actor { session_id: None, token_id: Some(TokenId::from_uuid(uuid_of(1))), ..actor };
        assert_eq!(problem(app.service.sign_out(&token).await), "FORBIDDEN");
        assert_eq!(problem(app.service.begin_totp(&token).await), "FORBIDDEN");
    }

    async fn the_session_unused_for_longest_makes_room(app: App) {
        let f = app.fixture().await;
        let oldest = open(&app, &f.physician).await;
        let mut last = Vec::new();
        for _ in 0..MAX_SESSIONS {
            app.advance(TimeDelta::seconds(1));
            last.push(open(&app, &f.physician).await);
        }
        assert!(!is_good(&app, &oldest).await);
        assert_eq!(row(&app, &oldest).await.end_reason, Some(SessionEnd::TooMany));
        assert!(is_good(&app, &last[0]).await && is_good(&app, &last[MAX_SESSIONS - 1]).await);
    }

    async fn one_session_goes_from_place_to_place_and_nowhere_else(app: App) {
        let f = app.fixture().await;
        app.advance(TimeDelta::seconds(1));
        let add = AddPerson {
            organization: OrganizationChoice::Existing(f.other_clinic),
            email: email_of(&app, &f.physician).await,
            display_name: "ignored".to_owned(),
            phone: None,
            time_zone: None,
            digest_hour: None,
            roles: vec![Role::Auditor],
            teams: vec![],
            idempotency_key: None,
        };
        let added = app.service.add_person(&f.system, add).await.unwrap();
        assert!(added.was_known);
        let opened = open(&app, &f.physician).await;
        let here = session(&app, &opened).await;
        assert_eq!(here.places.iter().map(|place| place.organization_id).collect::<Vec<_>>(), [f.clinic, f.other_clinic]);
        assert_eq!(problem(app.service.switch_organization(&here.actor, f.oncology).await), "NOT_FOUND");
        assert_eq!(session(&app, &opened).await.actor.organization_id, Some(f.clinic));
        app.service.switch_organization(&here.actor, f.other_clinic).await.unwrap();
        let there = session(&app, &opened).await;
        assert_eq!((there.actor.organization_id, &there.actor.roles), (Some(f.other_clinic), &vec![Role::Auditor]));
        let switched = entries(&app, "session.switch").await;
        assert_eq!(switched.len(), 2, "the refused one too");
        // The place that the session acts for ends: so does the session, and one for another place goes on.
        let stays = open(&app, &f.physician).await;
        app.service.end_membership(&f.system, added.membership_id).await.unwrap();
        assert!(!is_good(&app, &opened).await && is_good(&app, &stays).await);
        assert_eq!(row(&app, &opened).await.end_reason, Some(SessionEnd::MembershipEnded));
    }

    async fn changed_roles_act_at_once_and_a_disabled_person_is_out(app: App) {
        let f = app.fixture().await;
        let opened = open(&app, &f.coordinator).await;
        let mut conn = app.service.store().read().await.unwrap();
        let places = liaison_store::directory::memberships_of(&mut conn, &[user(&f.coordinator)]).await.unwrap();
        drop(conn);
        let roles = SetRoles { membership_id: places[0].id, roles: vec![Role::Auditor], idempotency_key: None };
        app.service.set_roles(&f.admin, roles).await.unwrap();
        assert_eq!(session(&app, &opened).await.actor.roles, [Role::Auditor]);
        app.service.set_person_disabled(&f.admin, user(&f.coordinator), true).await.unwrap();
        assert!(!is_good(&app, &opened).await);
        app.service.set_person_disabled(&f.admin, user(&f.coordinator), false).await.unwrap();
        assert!(!is_good(&app, &opened).await, "what ended stays ended");
        assert!(is_good(&app, &open(&app, &f.coordinator).await).await);
    }

    async fn what_is_over_is_removed(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        challenge(&app, &known).await;
        app.service.issue_sign_in_link(&known.email, liaison_service::sign_in::OPERATOR_LINK).await.unwrap();
        app.service.sign_in(typed("nobody@example.test", "five little boats adrift")).await.expect_err("refused");
        app.service.sign_in(typed(&known.email, "five little boats adrift")).await.expect_err("refused");
        app.advance(TimeDelta::days(4));
        app.service.retain().await.unwrap();
        for (table, left) in [("session", 0), ("sign_in_ceremony", 0), ("account_link", 0), ("sign_in_throttle", 1)] {
            assert_eq!(count(&app, table).await, left, "{table}: a person's own count stays until they sign in");
        }
        assert!(is_good(&app, &signed_in(&app, &known).await).await, "passwords and factors stay");
    }
}

fn uuid_of(number: u128) -> uuid::Uuid {
    uuid::Uuid::from_u128(number)
}

async fn count(app: &App, table: &'static str) -> i64 {
    let text: &'static str = match table {
        "session" => "select count(*) as a from session",
        "sign_in_ceremony" => "select count(*) as a from sign_in_ceremony",
        "account_link" => "select count(*) as a from account_link",
        _ => "select count(*) as a from sign_in_throttle",
    };
    let sql = liaison_store::Sql {
        name: "count",
        sqlite: text,
        postgres: text,
    };
    let mut conn = app.service.store().read().await.unwrap();
    let row: Option<(i64,)> = conn.one(sql, vec![]).await.unwrap();
    row.unwrap().0
}
