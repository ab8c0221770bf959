//! At the door: password, then one-time code or recovery code.

use std::time::Instant;

use chrono::TimeDelta;
use liaison_domain::SignInMethod;
use liaison_service::sign_in::{Secret, SignInStep};
use liaison_testkit::both_engines;

use super::*;

both_engines! {
    async fn password_and_code_open_a_session_and_a_used_code_does_not(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let step = app.service.sign_in(typed(&format!("  {} ", known.email.to_uppercase()), PASSWORD)).await.unwrap();
        let SignInStep::SecondFactor { challenge: first, passkey, totp } = step else { panic!("{step:?}") };
        assert!(totp && !passkey);
        let now = code(&app, &known.totp);
        let opened = app.service.sign_in_totp(second(&first, &format!("{} {}", &now[..3], &now[3..]))).await.unwrap();
        let here = session(&app, &opened).await;
        assert!(here.has_second_factor && here.is_fresh(app.now()));
        assert_eq!(here.method, SignInMethod::PasswordTotp);
        assert_eq!(here.actor.user_id, f.physician.user_id);
        assert_eq!((&here.actor.roles, here.actor.organization_id), (&f.physician.roles, Some(f.clinic)));
        assert_eq!(here.actor.session_id, Some(opened.session_id));
        assert_eq!(here.organization_name, "Example Ketamine Infusion Clinic (SYNTHETIC)");

        // RFC 6238 section 5.2: once, with another challenge too; and the challenge is used up.
        let again = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&again, &now)).await), "WRONG_CODE");
        app.advance(TimeDelta::seconds(30));
        let next = code(&app, &known.totp);
        assert_eq!(problem(app.service.sign_in_totp(second(&first, &next)).await), "UNAUTHENTICATED");
        let opened = app.service.sign_in_totp(second(&again, &next)).await.unwrap();
        assert!(is_good(&app, &opened).await);
        // One step early is within the tolerance, two late are not.
        app.advance(TimeDelta::seconds(-60));
        let old = code(&app, &known.totp);
        app.advance(TimeDelta::seconds(120));
        let third = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&third, &old)).await), "WRONG_CODE");

        let opened = entries(&app, "sign_in.succeeded").await;
        assert_eq!(opened.len(), 3, "the first was the invitation's");
        assert_eq!(fact(&opened[0], "method").as_deref(), Some("PASSWORD_TOTP"));
        assert!(fact(&opened[0], "session_id").is_some());
        let failed = entries(&app, "sign_in.failed").await;
        assert_eq!(failed.len(), 2);
        assert!(failed.iter().all(|entry| fact(entry, "reason").as_deref() == Some("CODE")));
    }

    async fn a_challenge_ends_after_five_minutes_and_belongs_to_one_person(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let other = enrolled(&app, &f.coordinator).await;
        let asked = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &code(&app, &other.totp))).await), "WRONG_CODE");
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &other.codes[0])).await), "WRONG_CODE");
        app.advance(TimeDelta::minutes(5));
        for bad in [asked.as_str(), "", "x", &"y".repeat(5_000)] {
            assert_eq!(problem(app.service.sign_in_totp(second(bad, &code(&app, &known.totp))).await), "UNAUTHENTICATED");
        }
    }

    async fn every_refusal_is_the_same(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.coordinator).await;
        let gone = enrolled(&app, &f.auditor).await;
        app.service.set_person_disabled(&f.system, gone.user_id, true).await.unwrap();
        let placeless = enrolled(&app, &f.other_physician).await;
        let mut conn = app.service.store().read().await.unwrap();
        let places = liaison_store::directory::memberships_of(&mut conn, &[placeless.user_id]).await.unwrap();
        drop(conn);
        app.service.end_membership(&f.system, places[0].id).await.unwrap();
        let long = "x".repeat(100_000);
        let mut texts = std::collections::BTreeSet::new();
        for (email, password) in [
            (known.email.as_str(), "five little boats adrift"),
            (known.email.as_str(), ""),
            (known.email.as_str(), long.as_str()),
            (gone.email.as_str(), PASSWORD),
            (placeless.email.as_str(), PASSWORD),
            ("imogen.sampleton@clinic.example.test", PASSWORD),
            ("nobody@clinic.example.test", PASSWORD),
            ("", ""),
            (long.as_str(), PASSWORD),
        ] {
            let error = app.service.sign_in(typed(email, password)).await.expect_err("refused");
            texts.insert(format!("{error:?} {error}"));
        }
        assert_eq!(texts.len(), 1, "{texts:?}");
        let reasons: std::collections::BTreeSet<_> =
            entries(&app, "sign_in.failed").await.iter().filter_map(|entry| fact(entry, "reason")).collect();
        assert_eq!(reasons.into_iter().collect::<Vec<_>>(), ["DISABLED", "NO_PLACE", "PASSWORD", "UNKNOWN"]);
        let unknown = entries(&app, "sign_in.failed").await;
        let unknown = unknown.iter().filter(|entry| fact(entry, "reason").as_deref() == Some("UNKNOWN")).count();
        assert_eq!(unknown, 1, "strangers' failures are thinned out");
    }

    async fn an_unknown_address_takes_as_long(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.coordinator).await;
        let mut times = [Vec::new(), Vec::new()];
        for round in 0..6 {
            app.advance(TimeDelta::minutes(15));
            for (at, email) in [known.email.clone(), format!("nobody{round}@clinic.example.test")].iter().enumerate() {
                let began = Instant::now();
                app.service.sign_in(typed(email, "five little boats adrift")).await.expect_err("refused");
                times[at].push(began.elapsed());
            }
        }
        let least = |times: &[std::time::Duration]| times.iter().min().unwrap().as_secs_f64();
        let (known, unknown) = (least(&times[0]), least(&times[1]));
        // Both hash once, which is nearly all of the time: an answer without would come in a twentieth.
        assert!(unknown > known * 0.3 && unknown < known * 3.0, "known {known} s, unknown {unknown} s");
    }

    async fn a_recovery_code_works_once_also_for_two_at_the_same_moment(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        assert_eq!(known.codes.len(), 10);
        let written = known.codes[3].to_lowercase().replace('-', " ");
        let asked = challenge(&app, &known).await;
        let opened = app.service.sign_in_totp(second(&asked, &written)).await.unwrap();
        assert_eq!(session(&app, &opened).await.method, SignInMethod::PasswordRecoveryCode);
        let asked = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &known.codes[3])).await), "WRONG_CODE");

        // Two challenges, one code.
        let (one, two) = (challenge(&app, &known).await, challenge(&app, &known).await);
        let both = futures::future::join_all([
            app.service.sign_in_totp(second(&one, &known.codes[4])),
            app.service.sign_in_totp(second(&two, &known.codes[4])),
        ])
        .await;
        assert_eq!(both.iter().filter(|answer| answer.is_ok()).count(), 1, "{both:?}");
        // One challenge, two codes: the challenge is used once too.
        let one = challenge(&app, &known).await;
        let both = futures::future::join_all([
            app.service.sign_in_totp(second(&one, &known.codes[5])),
            app.service.sign_in_totp(second(&one, &known.codes[6])),
        ])
        .await;
        assert_eq!(both.iter().filter(|answer| answer.is_ok()).count(), 1, "{both:?}");
    }

    async fn a_password_alone_is_good_for_adding_a_second_factor_and_nothing_else(app: App) {
        let f = app.fixture().await;
        let (email, opened) = invited(&app, &f.physician).await;
        let here = session(&app, &opened).await;
        assert!(!here.has_second_factor && !opened.has_second_factor && !here.is_fresh(app.now()));
        assert!(here.actor.roles.is_empty() && here.actor.teams.is_empty());
        assert!(app.service.require_step_up(&here).is_err());
        assert_eq!(problem(app.service.switch_organization(&here.actor, f.clinic).await), "FORBIDDEN");
        assert_eq!(problem(app.service.new_recovery_codes(&here.actor).await), "FORBIDDEN");
        assert_eq!(problem(app.service.inbox(&here.actor, Default::default()).await), "FORBIDDEN");
        // Somebody else with the same password alone, before the person has added anything.
        let SignInStep::Enrol(thief) = app.service.sign_in(typed(&email, PASSWORD)).await.unwrap() else { panic!() };
        let thiefs = session(&app, &thief).await.actor;
        let (_, totp) = begin_totp(&app, &opened).await;
        let wrong = app.service.confirm_totp(&here.actor, &Secret::new("000000")).await;
        assert_eq!(problem(wrong), "WRONG_CODE");
        app.service.confirm_totp(&here.actor, &Secret::new(code(&app, &totp))).await.unwrap();
        assert!(session(&app, &opened).await.has_second_factor);
        assert!(!is_good(&app, &thief).await, "sessions without the new factor end");
        assert_eq!(problem(app.service.begin_totp(&thiefs).await), "UNAUTHENTICATED");
        let added = entries(&app, "second_factor.added").await;
        assert_eq!(fact(&added[0], "kind").as_deref(), Some("TOTP"));
    }

    async fn a_new_secret_waits_half_an_hour_for_its_first_code(app: App) {
        let f = app.fixture().await;
        let (_, opened) = invited(&app, &f.physician).await;
        let (begun, totp) = begin_totp(&app, &opened).await;
        let label = "otpauth://totp/Liaison:imogen.sampleton%40clinic.example.test?secret=";
        assert!(begun.uri.starts_with(label), "{}", begun.uri);
        assert!(begun.uri.ends_with("&issuer=Liaison&algorithm=SHA1&digits=6&period=30"));
        for _ in 0..3 {
            app.advance(TimeDelta::minutes(10));
            session(&app, &opened).await;
        }
        let actor = session(&app, &opened).await.actor;
        let late = app.service.confirm_totp(&actor, &Secret::new(code(&app, &totp))).await;
        assert_eq!(problem(late), "NOT_BEGUN");
    }
}
