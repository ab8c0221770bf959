//! A lost second factor: an admin takes it away, the person sets up anew.

use liaison_service::sign_in::{
    BeginPasswordReset, FactorResetReason, Recognized, ResetFactors, STEP_UP, SetUpByLink, SignInMethod,
};
use liaison_testkit::both_engines;

use super::*;

const NEW: &str = "another set of four words";

fn lost(user_id: UserId) -> ResetFactors {
    ResetFactors {
        user_id,
        reason: FactorResetReason::DeviceLost,
        recognized: Recognized::InPerson,
    }
}

fn set_up(token: &Secret, password: &str) -> SetUpByLink {
    SetUpByLink {
        token: token.clone(),
        password: Secret::new(password),
        peer: Some(PEER.to_owned()),
        request_id: None,
        user_agent: None,
    }
}

both_engines! {
    async fn an_admin_takes_a_lost_factor_away_and_the_person_sets_up_anew(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let admin = enrolled(&app, &f.admin).await;
        let other = signed_in(&app, &known).await;
        told(&app, &known.email).await;
        let actor = session(&app, &admin.session).await.actor;
        let reset = app.service.reset_factors(&actor, lost(known.user_id)).await.unwrap();
        assert_eq!(reset.sessions_ended, 2);
        assert!(!is_good(&app, &known.session).await && !is_good(&app, &other).await);
        assert!(is_good(&app, &admin.session).await);

        // The password alone opens nothing now, and the old codes are gone.
        let step = app.service.sign_in(typed(&known.email, PASSWORD)).await.unwrap();
        assert!(matches!(step, SignInStep::SetUpByLink), "{step:?}");

        app.work().await;
        let mails = app.email.take();
        let mine: Vec<_> = mails.iter().filter(|mail| mail.address == known.email).collect();
        assert_eq!((mails.len(), mine.len()), (2, 2), "to the directory's own address alone");
        let texts: Vec<String> = mine
            .iter()
            .map(|mail| match &mail.body {
                OutboundBody::Email(body) => body.text.clone(),
                OutboundBody::Webhook(_) => panic!("a mail"),
            })
            .collect();
        let link = texts.iter().find_map(|text| text.lines().find(|line| line.contains("/set-up/"))).unwrap();
        let token = token(link);
        assert!(texts.iter().any(|text| text.contains("an admin removed your authenticator app")), "{texts:?}");

        let entry = &entries(&app, "second_factor.reset").await[0];
        for (name, value) in [("reason", "DEVICE_LOST"), ("recognized", "IN_PERSON"), ("sessions_ended", "2")] {
            assert_eq!(fact(entry, name).as_deref(), Some(value));
        }
        assert_eq!(entry.organization_id, f.admin.organization_id);

        assert_eq!(problem(app.service.set_up_by_link(set_up(&token, NEW)).await), "WRONG_PASSWORD");
        let opened = app.service.set_up_by_link(set_up(&token, PASSWORD)).await.unwrap();
        assert_eq!(problem(app.service.set_up_by_link(set_up(&token, PASSWORD)).await), "NOT_FOUND", "once");
        let here = session(&app, &opened).await;
        assert_eq!((here.method, here.has_second_factor), (SignInMethod::Password, false));
        assert!(here.actor.roles.is_empty(), "nothing is open yet");
        let (_, newer) = begin_totp(&app, &opened).await;
        app.service.confirm_totp(&here.actor, &Secret::new(code(&app, &newer))).await.unwrap();
        app.advance(TimeDelta::seconds(30));
        assert!(session(&app, &opened).await.has_second_factor);

        let asked = challenge(&app, &known).await;
        for old in [code(&app, &known.totp), known.codes[0].clone()] {
            assert_eq!(problem(app.service.sign_in_totp(second(&asked, &old)).await), "WRONG_CODE");
        }
        app.service.sign_in_totp(second(&asked, &code(&app, &newer))).await.unwrap();
    }

    async fn nobody_else_does_it_and_not_without_a_proof(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let admin = enrolled(&app, &f.admin).await;
        let physician = session(&app, &known.session).await.actor;
        let actor = session(&app, &admin.session).await.actor;
        assert_eq!(problem(app.service.reset_factors(&actor, lost(admin.user_id)).await), "OWN_FACTORS");
        assert_eq!(problem(app.service.reset_factors(&physician, lost(admin.user_id)).await), "FORBIDDEN");
        for other in [&f.outsider, &f.other_physician] {
            assert_eq!(problem(app.service.reset_factors(&actor, lost(user(other))).await), "NOT_FOUND");
        }
        assert_eq!(problem(app.service.reset_factors(&actor, lost(user(&f.auditor))).await), "NOT_INVITED");
        let mut by_token = f.admin.clone();
        by_token.session_id = None;
        assert_eq!(problem(app.service.reset_factors(&by_token, lost(known.user_id)).await), "FORBIDDEN");
        app.advance(STEP_UP);
        let stale = app.service.reset_factors(&actor, lost(known.user_id)).await;
        assert_eq!(problem(stale), "STEP_UP_NEEDED");
        assert!(is_good(&app, &known.session).await);
        assert_eq!(entries(&app, "second_factor.reset").await.len(), 0);
    }

    async fn neither_the_password_nor_the_mailbox_alone_opens_the_account(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let admin = enrolled(&app, &f.admin).await;
        let actor = session(&app, &admin.session).await.actor;
        app.service.reset_factors(&actor, lost(known.user_id)).await.unwrap();
        let first = token(&mailed_link(&app, &known.email).await);
        // Who reads the mailbox sets a password of their own: the link to set up anew ends with it.
        let ask = BeginPasswordReset { email: known.email.clone(), peer: None, request_id: None };
        app.service.begin_password_reset(ask).await.unwrap();
        let reset = token(&mailed_link(&app, &known.email).await);
        let step = app.service.set_password_by_link(by_link(&reset, NEW)).await.unwrap();
        assert!(matches!(step, SignInStep::SetUpByLink), "{step:?}");
        assert_eq!(problem(app.service.set_up_by_link(set_up(&first, NEW)).await), "NOT_FOUND");
        // Another admin's act gives a further link.
        app.service.reset_factors(&actor, lost(known.user_id)).await.unwrap();
        let second = token(&mailed_link(&app, &known.email).await);
        assert_eq!(problem(app.service.set_up_by_link(set_up(&second, PASSWORD)).await), "WRONG_PASSWORD");
        assert!(app.service.set_up_by_link(set_up(&second, NEW)).await.is_ok());
    }
}
