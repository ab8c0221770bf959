//! What people change about their own way to sign in, and step-up.

use chrono::TimeDelta;
use liaison_service::sign_in::{ChangePassword, Proof, STEP_UP};
use liaison_testkit::both_engines;

use super::*;

const NEW: &str = "another set of four words";

fn change(old: &str, new: &str) -> ChangePassword {
    ChangePassword {
        old: Secret::new(old),
        new: Secret::new(new),
    }
}

both_engines! {
    async fn a_changed_password_ends_the_other_sessions(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let other = signed_in(&app, &known).await;
        let asked = challenge(&app, &known).await;
        let actor = session(&app, &known.session).await.actor;
        for (old, new, expected) in [
            (PASSWORD, "short", "TOO_SHORT"),
            (PASSWORD, "Password1234", "COMMON_PASSWORD"),
            ("five little boats adrift", NEW, "WRONG_PASSWORD"),
        ] {
            assert_eq!(problem(app.service.change_password(&actor, change(old, new)).await), expected);
        }
        app.service.change_password(&actor, change(PASSWORD, NEW)).await.unwrap();
        assert!(is_good(&app, &known.session).await && !is_good(&app, &other).await);
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &code(&app, &known.totp))).await), "UNAUTHENTICATED");
        assert_eq!(problem(app.service.sign_in(typed(&known.email, PASSWORD)).await), "UNAUTHENTICATED");
        assert!(app.service.sign_in(typed(&known.email, NEW)).await.is_ok());
        assert_eq!(entries(&app, "password.changed").await.len(), 2);
    }

    async fn wrong_old_passwords_count(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let actor = session(&app, &known.session).await.actor;
        for _ in 0..5 {
            let wrong = app.service.reauthenticate(&actor, Proof::Password(Secret::new("five little boats"))).await;
            assert_eq!(problem(wrong), "WRONG_PASSWORD");
        }
        let right = app.service.reauthenticate(&actor, Proof::Password(Secret::new(PASSWORD))).await;
        assert_eq!(problem(right), "THROTTLED");
        assert_eq!(problem(app.service.sign_in(typed(&known.email, PASSWORD)).await), "THROTTLED");
        assert!(is_good(&app, &known.session).await, "who is in stays in");
    }

    async fn what_weighs_most_needs_a_proof_of_the_last_five_minutes(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        app.advance(STEP_UP - TimeDelta::seconds(30));
        let here = session(&app, &known.session).await;
        app.service.require_step_up(&here).unwrap();
        app.advance(TimeDelta::seconds(1));
        let here = session(&app, &known.session).await;
        assert_eq!(problem(app.service.require_step_up(&here)), "STEP_UP_NEEDED");
        let actor = here.actor;
        assert_eq!(problem(app.service.new_recovery_codes(&actor).await), "STEP_UP_NEEDED");
        assert_eq!(problem(app.service.begin_totp(&actor).await), "STEP_UP_NEEDED");
        assert_eq!(problem(app.service.begin_passkey(&actor).await), "STEP_UP_NEEDED");
        assert_eq!(problem(app.service.remove_totp(&actor).await), "STEP_UP_NEEDED");
        app.service.reauthenticate(&actor, Proof::Password(Secret::new(PASSWORD))).await.unwrap();
        app.service.require_step_up(&session(&app, &known.session).await).unwrap();
        assert_eq!(entries(&app, "sign_in.step_up").await.len(), 1);
        assert_eq!(problem(app.service.remove_totp(&actor).await), "LAST_FACTOR");

        let codes = app.service.new_recovery_codes(&actor).await.unwrap();
        assert_eq!(format!("{codes:?}"), "RecoveryCodes(…)");
        let asked = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &known.codes[0])).await), "WRONG_CODE");
        app.service.sign_in_totp(second(&asked, &codes.codes[9])).await.unwrap();
        let own = app.service.own_factors(&actor).await.unwrap();
        assert_eq!((own.recovery_codes, own.passkeys.len(), own.passkeys_available), (9, 0, true));
        assert!(own.password_changed_at.is_some() && own.totp_added_at.is_some());
    }

    async fn a_new_secret_replaces_the_old_one_only_when_its_code_came(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let other = signed_in(&app, &known).await;
        let (_, newer) = begin_totp(&app, &known.session).await;
        let with_old = signed_in(&app, &known).await;
        let actor = session(&app, &known.session).await.actor;
        app.service.confirm_totp(&actor, &Secret::new(code(&app, &newer))).await.unwrap();
        assert!(is_good(&app, &other).await && is_good(&app, &with_old).await, "they had proven both factors");
        app.advance(TimeDelta::seconds(30));
        let asked = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &code(&app, &known.totp))).await), "WRONG_CODE");
        app.service.sign_in_totp(second(&asked, &code(&app, &newer))).await.unwrap();
    }
}
