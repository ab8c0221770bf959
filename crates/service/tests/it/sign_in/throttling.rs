//! Throttling: by account and by network address, over restarts and processes.

use chrono::TimeDelta;
use liaison_service::sign_in::MAX_FAILURES;
use liaison_testkit::{App, both_engines};

use super::*;

const WRONG: &str = "five little boats adrift";

async fn wait_for(app: &App, email: &str, password: &str, peer: &str) -> Option<i64> {
    match app.service.sign_in(typed_from(email, password, peer)).await {
        Err(ServiceError::Throttled { retry_after }) => Some(i64::try_from(retry_after.as_secs()).unwrap()),
        Err(ServiceError::Unauthenticated) | Ok(_) => None,
        Err(other) => panic!("{other}"),
    }
}

async fn fail(app: &App, email: &str, times: usize) {
    for _ in 0..times {
        assert_eq!(wait_for(app, email, WRONG, PEER).await, None);
    }
}

both_engines! {
    async fn the_delay_grows_after_five_failures_and_outlives_a_restart(app: App) {
        let mut app = app;
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        for email in [known.email.as_str(), "nobody@clinic.example.test"] {
            fail(&app, email, 5).await;
            assert_eq!(wait_for(&app, email, PASSWORD, PEER).await, Some(1), "the right password waits too");
            app.advance(TimeDelta::seconds(1));
            fail(&app, email, 1).await;
            assert_eq!(wait_for(&app, email, PASSWORD, PEER).await, Some(2));
            app.advance(TimeDelta::seconds(2));
            fail(&app, email, 1).await;
        }
        app.restart().await;
        assert_eq!(wait_for(&app, "nobody@clinic.example.test", PASSWORD, PEER).await, Some(4));
        assert_eq!(wait_for(&app, &known.email, PASSWORD, PEER).await, Some(1), "three of four seconds have gone by");
        app.advance(TimeDelta::seconds(1));
        // A right password is no failure; the count is gone only when all is proven.
        let opened = signed_in(&app, &known).await;
        assert!(is_good(&app, &opened).await);
        fail(&app, &known.email, 5).await;
        assert_eq!(wait_for(&app, &known.email, PASSWORD, PEER).await, Some(1));
        let throttled = entries(&app, "sign_in.throttled").await;
        assert!((2..7).contains(&throttled.len()), "seven refusals, thinned out: {}", throttled.len());
    }

    async fn a_hundred_failures_in_a_row_are_the_end_of_a_password(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        // Counted without hashing: what the door does, a hundred times.
        for failure in 0..MAX_FAILURES {
            app.advance(TimeDelta::minutes(15));
            if failure < 3 || failure == MAX_FAILURES - 1 {
                fail(&app, &known.email, 1).await;
            } else {
                bump(&app).await;
            }
        }
        for wait in [TimeDelta::minutes(15), TimeDelta::days(30)] {
            app.advance(wait);
            app.service.retain().await.unwrap();
            assert!(wait_for(&app, &known.email, PASSWORD, PEER).await.is_some(), "waiting does not help");
        }
        let reset = liaison_service::sign_in::BeginPasswordReset {
            email: known.email.clone(),
            peer: Some("198.51.100.1".to_owned()),
            request_id: None,
        };
        app.service.begin_password_reset(reset).await.unwrap();
        let link = mailed_link(&app, &known.email).await;
        let step = app.service.set_password_by_link(by_link(&token(&link), "another set of four words")).await.unwrap();
        assert!(matches!(step, SignInStep::SecondFactor { .. }), "the reset is one factor");
        let typed = typed_from(&known.email, "another set of four words", PEER);
        assert!(app.service.sign_in(typed).await.is_ok());
    }

    async fn wrong_codes_count_like_wrong_passwords(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let asked = challenge(&app, &known).await;
        for guess in 0..5 {
            assert_eq!(problem(app.service.sign_in_totp(second(&asked, &format!("00000{guess}"))).await), "WRONG_CODE");
        }
        let right = code(&app, &known.totp);
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &right)).await), "THROTTLED");
        app.advance(TimeDelta::seconds(1));
        let right = code(&app, &known.totp);
        // The password being right in between takes nothing back.
        let again = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&again, "000009")).await), "WRONG_CODE");
        assert_eq!(problem(app.service.sign_in_totp(second(&again, &right)).await), "THROTTLED");
        app.advance(TimeDelta::seconds(2));
        assert!(app.service.sign_in_totp(second(&again, &code(&app, &known.totp))).await.is_ok());
    }

    async fn many_at_the_same_moment_do_not_slip_through(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let asked = challenge(&app, &known).await;
        let other = app.another_process().await;
        let guesses = (0..24u32).map(|guess| {
            let service = if guess % 2 == 0 { &app.service } else { &other };
            service.sign_in_totp(second(&asked, &format!("{guess:06}")))
        });
        let answers = futures::future::join_all(guesses).await;
        let looked_at = answers.into_iter().filter(|answer| matches!(answer, Err(ServiceError::Invalid(_)))).count();
        assert_eq!(looked_at, 5, "the others were throttled");
        other.store().close().await;
    }

    async fn an_address_is_slowed_down_over_all_accounts_and_forgets(app: App) {
        app.fixture().await;
        let asks = |peer: &'static str| app.service.begin_passkey_sign_in(None, Some(peer), None);
        for _ in 0..50 {
            asks("2001:db8:1:2::7").await.unwrap();
        }
        assert_eq!(problem(asks("2001:db8:1:2:ffff::8").await), "THROTTLED");
        assert_eq!(wait_for(&app, "x@clinic.example.test", WRONG, "2001:db8:1:2::9").await, Some(1));
        assert_eq!(wait_for(&app, "x@clinic.example.test", WRONG, "2001:db8:1:3::9").await, None, "another network");
        app.advance(TimeDelta::minutes(16));
        for _ in 0..5 {
            asks("2001:db8:1:2::7").await.unwrap();
        }
    }
}

/// One more failure on every count, as the door would write it.
async fn bump(app: &App) {
    let text = "update sign_in_throttle set failures = failures + 1";
    let sql = liaison_store::Sql {
        name: "bump",
        sqlite: text,
        postgres: text,
    };
    let mut tx = app.service.store().begin().await.unwrap();
    tx.execute(sql, vec![]).await.unwrap();
    tx.commit().await.unwrap();
}
