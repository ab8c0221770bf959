//! Single-use links: invitation, password reset, an operator's sign-in link.

use chrono::TimeDelta;
use liaison_domain::{AccountLinkPurpose, SignInMethod};
use liaison_service::sign_in::{BeginPasswordReset, LinkTaken, OPERATOR_LINK, RESET, WELCOME};
use liaison_testkit::{App, both_engines};

use super::*;

const NEW: &str = "another set of four words";

fn reset(email: &str) -> BeginPasswordReset {
    BeginPasswordReset {
        email: email.to_owned(),
        peer: Some(PEER.to_owned()),
        request_id: None,
    }
}

fn taken(token: &Secret) -> LinkTaken {
    LinkTaken {
        token: token.clone(),
        peer: Some(PEER.to_owned()),
        request_id: None,
        user_agent: None,
    }
}

async fn purpose(app: &App, token: &Secret) -> Option<AccountLinkPurpose> {
    match app.service.link_purpose(token.expose()).await {
        Ok(purpose) => Some(purpose),
        Err(ServiceError::NotFound("link")) => None,
        Err(other) => panic!("{other}"),
    }
}

both_engines! {
    async fn an_invitation_is_used_once_and_looking_at_it_changes_nothing(app: App) {
        let f = app.fixture().await;
        let invited = app.service.invite_person(&f.admin, user(&f.coordinator)).await.unwrap();
        assert_eq!(invited.expires_at, app.now() + WELCOME);
        let email = email_of(&app, &f.coordinator).await;
        let token = token(&mailed_link(&app, &email).await);
        for _ in 0..3 {
            assert_eq!(purpose(&app, &token).await, Some(AccountLinkPurpose::Welcome));
        }
        assert_eq!(problem(app.service.sign_in_by_link(taken(&token)).await), "NOT_FOUND", "it signs nobody in");
        assert_eq!(problem(app.service.set_password_by_link(by_link(&token, "short")).await), "TOO_SHORT");
        assert_eq!(problem(app.service.set_password_by_link(by_link(&token, "CoraOrdinata99")).await), "OWN_NAME");
        let both = futures::future::join_all([
            app.service.set_password_by_link(by_link(&token, PASSWORD)),
            app.service.set_password_by_link(by_link(&token, NEW)),
        ])
        .await;
        assert_eq!(both.iter().filter(|answer| answer.is_ok()).count(), 1, "{both:?}");
        assert_eq!(purpose(&app, &token).await, None);
        assert_eq!(problem(app.service.set_password_by_link(by_link(&token, NEW)).await), "NOT_FOUND");
        assert_eq!(problem(app.service.invite_person(&f.admin, user(&f.coordinator)).await), "HAS_PASSWORD");
        let told = entries(&app, "person.invited").await;
        assert_eq!(fact(&told[0], "link_id"), Some(invited.link_id.to_string()));
        let changed = entries(&app, "password.changed").await;
        assert_eq!(fact(&changed[0], "by").as_deref(), Some("WELCOME"));
    }

    async fn an_invitation_ends_and_a_newer_one_replaces_it(app: App) {
        let f = app.fixture().await;
        let email = email_of(&app, &f.auditor).await;
        app.service.invite_person(&f.admin, user(&f.auditor)).await.unwrap();
        let first = token(&mailed_link(&app, &email).await);
        app.service.invite_person(&f.admin, user(&f.auditor)).await.unwrap();
        let newer = token(&mailed_link(&app, &email).await);
        assert_eq!(purpose(&app, &first).await, None);
        app.advance(WELCOME - TimeDelta::seconds(1));
        assert_eq!(purpose(&app, &newer).await, Some(AccountLinkPurpose::Welcome));
        app.advance(TimeDelta::seconds(1));
        assert_eq!(purpose(&app, &newer).await, None);
        assert_eq!(problem(app.service.set_password_by_link(by_link(&newer, PASSWORD)).await), "NOT_FOUND");
    }

    async fn admins_invite_the_people_they_keep_and_nobody_else_does(app: App) {
        let f = app.fixture().await;
        app.service.invite_person(&f.admin, user(&f.oncologist)).await.unwrap();
        for other in [&f.outsider, &f.other_physician] {
            assert_eq!(problem(app.service.invite_person(&f.admin, user(other)).await), "NOT_FOUND");
        }
        let nobody = liaison_domain::UserId::from_uuid(uuid::Uuid::from_u128(7));
        assert_eq!(problem(app.service.invite_person(&f.admin, nobody).await), "NOT_FOUND");
        for other in [&f.physician, &f.coordinator, &f.auditor] {
            assert_eq!(problem(app.service.invite_person(other, user(&f.palliative)).await), "FORBIDDEN");
        }
        app.service.set_person_disabled(&f.admin, user(&f.oncologist), true).await.unwrap();
        assert_eq!(problem(app.service.invite_person(&f.admin, user(&f.oncologist)).await), "DISABLED");
    }

    async fn a_reset_ends_every_session_and_leaves_the_second_factor(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let asked = challenge(&app, &known).await;
        app.service.begin_password_reset(reset(&known.email.to_uppercase())).await.unwrap();
        let link = mailed_link(&app, &known.email).await;
        assert!(link.starts_with("https://liaison.example/reset/"), "{link}");
        let token = token(&link);
        assert_eq!(purpose(&app, &token).await, Some(AccountLinkPurpose::Reset));
        let step = app.service.set_password_by_link(by_link(&token, NEW)).await.unwrap();
        let SignInStep::SecondFactor { challenge, .. } = step else { panic!("{step:?}") };
        assert!(!is_good(&app, &known.session).await);
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &code(&app, &known.totp))).await), "UNAUTHENTICATED");
        assert_eq!(problem(app.service.sign_in(typed(&known.email, PASSWORD)).await), "UNAUTHENTICATED");
        let opened = app.service.sign_in_totp(second(&challenge, &code(&app, &known.totp))).await.unwrap();
        assert!(is_good(&app, &opened).await);
        let changed = entries(&app, "password.changed").await;
        assert_eq!(fact(&changed[0], "by").as_deref(), Some("RESET"));
        assert_eq!(fact(&changed[0], "sessions_ended").as_deref(), Some("1"));
    }

    async fn asking_for_a_reset_tells_nothing_and_mails_not_too_often(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let gone = email_of(&app, &f.auditor).await;
        app.service.set_person_disabled(&f.system, user(&f.auditor), true).await.unwrap();
        app.work().await;
        app.email.take();
        for email in ["nobody@clinic.example.test", gone.as_str(), "", "no address"] {
            let began = std::time::Instant::now();
            app.service.begin_password_reset(reset(email)).await.unwrap();
            assert!(began.elapsed() >= std::time::Duration::from_millis(300));
        }
        app.work().await;
        assert_eq!(app.email.take().len(), 0);
        for _ in 0..3 {
            app.service.begin_password_reset(reset(&known.email)).await.unwrap();
        }
        app.work().await;
        assert_eq!(app.email.sent().len(), 1);
        let first = token(&mailed_link(&app, &known.email).await);
        app.advance(TimeDelta::minutes(2));
        app.service.begin_password_reset(reset(&known.email)).await.unwrap();
        let newer = token(&mailed_link(&app, &known.email).await);
        assert_eq!(purpose(&app, &first).await, None);
        app.advance(RESET);
        assert_eq!(purpose(&app, &newer).await, None);
    }

    async fn a_link_to_an_address_that_was_corrected_opens_nothing(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        app.service.begin_password_reset(reset(&known.email)).await.unwrap();
        let token = token(&mailed_link(&app, &known.email).await);
        let update = liaison_service::directory::UpdatePerson {
            user_id: known.user_id,
            email: "imogen@clinic.example.test".to_owned(),
            display_name: "Dr. Imogen Sampleton".to_owned(),
            phone: None,
            time_zone: "America/Chicago".to_owned(),
            digest_hour: None,
            idempotency_key: None,
        };
        app.service.update_person(&f.admin, update).await.unwrap();
        assert_eq!(purpose(&app, &token).await, None);
        assert!(is_good(&app, &known.session).await);
    }

    async fn a_mail_that_could_not_leave_in_time_does_not_leave(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        told(&app, &known.email).await;
        app.service.begin_password_reset(reset(&known.email)).await.unwrap();
        app.advance(RESET);
        app.work().await;
        assert_eq!(app.email.take().len(), 0);
    }

    async fn an_operators_link_signs_in_fully_once_and_both_acts_are_in_the_ledger(app: App) {
        let f = app.fixture().await;
        let email = email_of(&app, &f.physician).await;
        let made = app.service.issue_sign_in_link(&email, OPERATOR_LINK).await.unwrap();
        assert!(made.url.expose().starts_with("https://liaison.example/sign-in/link/"));
        assert!(!format!("{made:?}").contains(made.url.expose()));
        let token = token(made.url.expose());
        assert_eq!(purpose(&app, &token).await, Some(AccountLinkPurpose::SignIn));
        assert_eq!(problem(app.service.set_password_by_link(by_link(&token, NEW)).await), "NOT_FOUND");
        let both = futures::future::join_all([
            app.service.sign_in_by_link(taken(&token)),
            app.service.sign_in_by_link(taken(&token)),
        ])
        .await;
        let opened: Vec<_> = both.iter().filter_map(|answer| answer.as_ref().ok()).collect();
        let [opened] = opened[..] else { panic!("{both:?}") };
        let here = session(&app, opened).await;
        assert!(here.has_second_factor && here.method == SignInMethod::OperatorLink);
        assert_eq!(here.actor.roles, f.physician.roles);
        let issued = entries(&app, "sign_in_link.issued").await;
        assert_eq!(fact(&issued[0], "user_id"), Some(user(&f.physician).to_string()));
        let came = entries(&app, "sign_in.succeeded").await;
        assert_eq!(fact(&came[0], "link_id"), Some(made.link_id.to_string()));
        // In such a session the person adds their factors.
        app.service.begin_totp(&here.actor).await.unwrap();

        let late = app.service.issue_sign_in_link(&email, OPERATOR_LINK).await.unwrap();
        app.advance(OPERATOR_LINK);
        let late = super::token(late.url.expose());
        assert_eq!(problem(app.service.sign_in_by_link(taken(&late)).await), "NOT_FOUND");
        let made = app.service.issue_sign_in_link(&email, OPERATOR_LINK).await.unwrap();
        app.service.set_person_disabled(&f.admin, user(&f.physician), true).await.unwrap();
        let token = super::token(made.url.expose());
        assert_eq!(problem(app.service.sign_in_by_link(taken(&token)).await), "NOT_FOUND");
        for nobody in [email.as_str(), "nobody@clinic.example.test", ""] {
            assert_eq!(problem(app.service.issue_sign_in_link(nobody, OPERATOR_LINK).await), "NOT_FOUND");
        }
        for bad in ["", "x", &"y".repeat(10_000)] {
            assert_eq!(purpose(&app, &Secret::new(bad)).await, None);
        }
    }
}
