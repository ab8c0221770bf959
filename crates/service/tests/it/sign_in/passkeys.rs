//! Passkeys, with an authenticator in software.

use chrono::TimeDelta;
use liaison_domain::{Actor, SignInMethod};
use liaison_service::sign_in::{FinishPasskey, FinishPasskeySignIn, PasskeyAdded, PasskeyFinished, Proof};
use liaison_testkit::{App, both_engines};
use serde_json::Value;

use super::{authenticator::Authenticator, *};

fn finish(ceremony: &str, credential: Value) -> FinishPasskeySignIn {
    FinishPasskeySignIn {
        ceremony: ceremony.to_owned(),
        credential,
        peer: Some(PEER.to_owned()),
        request_id: None,
        user_agent: None,
    }
}

fn named(ceremony: &str, name: &str, credential: Value) -> FinishPasskey {
    FinishPasskey {
        ceremony: ceremony.to_owned(),
        name: name.to_owned(),
        credential,
    }
}

async fn register(app: &App, actor: &Actor, with: &mut Authenticator) -> PasskeyAdded {
    let asked = app.service.begin_passkey(actor).await.unwrap();
    let answer = with.create(&asked.options);
    app.service
        .finish_passkey(actor, named(&asked.ceremony, "A key", answer))
        .await
        .unwrap()
}

async fn alone(app: &App, with: &mut Authenticator) -> Result<SessionOpened, ServiceError> {
    let asked = app.service.begin_passkey_sign_in(None, Some(PEER), None).await.unwrap();
    let answer = with.get(&asked.options);
    app.service
        .finish_passkey_sign_in(finish(&asked.ceremony, answer))
        .await
}

both_engines! {
    async fn a_passkey_is_a_first_second_factor_and_signs_in_alone(app: App) {
        let f = app.fixture().await;
        let (email, opened) = invited(&app, &f.physician).await;
        let actor = session(&app, &opened).await.actor;
        let mut key = Authenticator::new(1);
        let added = register(&app, &actor, &mut key).await;
        assert_eq!(added.recovery_codes.as_ref().unwrap().codes.len(), 10);
        let here = session(&app, &opened).await;
        assert!(here.has_second_factor);

        let asked = app.service.begin_passkey_sign_in(None, Some(PEER), None).await.unwrap();
        let allowed = &asked.options["publicKey"]["allowCredentials"];
        assert!(allowed.as_array().is_none_or(Vec::is_empty), "the question names nobody");
        let answer = key.get(&asked.options);
        let opened = app.service.finish_passkey_sign_in(finish(&asked.ceremony, answer.clone())).await.unwrap();
        let here = session(&app, &opened).await;
        assert_eq!((here.method, here.has_second_factor), (SignInMethod::Passkey, true));
        assert_eq!(here.actor.user_id, f.physician.user_id);
        let again = app.service.finish_passkey_sign_in(finish(&asked.ceremony, answer)).await;
        assert_eq!(problem(again), "UNAUTHENTICATED", "an answer works once");

        // And after the password.
        let step = app.service.sign_in(typed(&email, PASSWORD)).await.unwrap();
        let SignInStep::SecondFactor { challenge, passkey: true, totp: false } = step else { panic!("{step:?}") };
        let asked = app.service.begin_passkey_sign_in(Some(&challenge), Some(PEER), None).await.unwrap();
        assert_eq!(asked.options["publicKey"]["allowCredentials"].as_array().unwrap().len(), 1);
        let answer = key.get(&asked.options);
        let opened = app.service.finish_passkey_sign_in(finish(&asked.ceremony, answer)).await.unwrap();
        assert_eq!(session(&app, &opened).await.method, SignInMethod::PasswordPasskey);
        let own = app.service.own_passkeys(&actor).await.unwrap();
        assert_eq!((own.len(), own[0].name.as_str(), own[0].last_used_at), (1, "A key", Some(app.now())));
        assert_eq!(problem(app.service.remove_passkey(&actor, own[0].passkey_id).await), "LAST_FACTOR");
        assert_eq!(app.service.own_passkeys(&actor).await.unwrap().len(), 1);
    }

    async fn answers_that_do_not_fit_are_refused(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let actor = session(&app, &known.session).await.actor;
        let mut key = Authenticator::new(1);
        register(&app, &actor, &mut key).await;

        key.origin = "https://liaison.example.evil.test".to_owned();
        assert_eq!(problem(alone(&app, &mut key).await), "PASSKEY_REFUSED", "a false page's");
        key.origin = "https://liaison.example".to_owned();
        key.verifies = false;
        assert_eq!(problem(alone(&app, &mut key).await), "PASSKEY_REFUSED", "without its user");
        key.verifies = true;
        assert!(alone(&app, &mut key).await.is_ok());
        key.counter = 0;
        assert_eq!(problem(alone(&app, &mut key).await), "PASSKEY_REFUSED", "a copy's counter");
        key.counter = 10;
        let mut stranger = Authenticator::new(2);
        assert_eq!(problem(alone(&app, &mut stranger).await), "PASSKEY_REFUSED", "nobody's");

        let asked = app.service.begin_passkey_sign_in(None, Some(PEER), None).await.unwrap();
        let other = app.service.begin_passkey_sign_in(None, Some(PEER), None).await.unwrap();
        let answer = key.get(&asked.options);
        let crossed = app.service.finish_passkey_sign_in(finish(&other.ceremony, answer)).await;
        assert_eq!(problem(crossed), "PASSKEY_REFUSED", "another question's");
        for bad in [Value::Null, Value::from("x"), serde_json::json!({"id": "a"}), Value::from("y".repeat(100_000))] {
            let answer = app.service.finish_passkey_sign_in(finish(&asked.ceremony, bad)).await;
            assert_eq!(problem(answer), "PASSKEY_REFUSED");
        }
        app.advance(TimeDelta::minutes(5));
        let answer = key.get(&asked.options);
        let late = app.service.finish_passkey_sign_in(finish(&asked.ceremony, answer)).await;
        assert_eq!(problem(late), "UNAUTHENTICATED");
        app.service.set_person_disabled(&f.system, known.user_id, true).await.unwrap();
        assert_eq!(problem(alone(&app, &mut key).await), "UNAUTHENTICATED", "disabled");
        assert!(entries(&app, "sign_in.failed").await.len() >= 5);
    }

    async fn a_passkey_belongs_to_one_person_and_one_session(app: App) {
        let f = app.fixture().await;
        let (one, two) = (enrolled(&app, &f.physician).await, enrolled(&app, &f.coordinator).await);
        let ones = session(&app, &one.session).await.actor;
        let twos = session(&app, &two.session).await.actor;
        let mut key = Authenticator::new(1);
        register(&app, &ones, &mut key).await;

        let asked = app.service.begin_passkey(&twos).await.unwrap();
        let answer = Authenticator::new(1).create(&asked.options);
        let taken = app.service.finish_passkey(&twos, named(&asked.ceremony, "Mine", answer)).await;
        assert_eq!(problem(taken), "PASSKEY_REFUSED");
        let asked = app.service.begin_passkey(&twos).await.unwrap();
        let answer = Authenticator::new(3).create(&asked.options);
        let stolen = app.service.finish_passkey(&ones, named(&asked.ceremony, "Mine", answer)).await;
        assert_eq!(problem(stolen), "UNAUTHENTICATED");
        let asked = app.service.begin_passkey(&ones).await.unwrap();
        assert_eq!(asked.options["publicKey"]["excludeCredentials"].as_array().unwrap().len(), 1);
        for (name, expected) in [("  ", "REQUIRED"), ("a\nb", "OUT_OF_RANGE"), (&"x".repeat(101), "OUT_OF_RANGE")] {
            let bad = app.service.finish_passkey(&ones, named(&asked.ceremony, name, Value::Null)).await;
            assert_eq!(problem(bad), expected);
        }

        let own = app.service.own_passkeys(&ones).await.unwrap();
        assert_eq!(problem(app.service.remove_passkey(&twos, own[0].passkey_id).await), "NOT_FOUND");
        // With a passkey left, the one-time codes may go, and the other way round.
        app.service.remove_totp(&ones).await.unwrap();
        assert_eq!(problem(app.service.remove_passkey(&ones, own[0].passkey_id).await), "LAST_FACTOR");
        assert_eq!(entries(&app, "second_factor.removed").await.len(), 1);
    }

    async fn a_passkey_proves_anew(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let actor = session(&app, &known.session).await.actor;
        let mut key = Authenticator::new(1);
        register(&app, &actor, &mut key).await;
        app.advance(TimeDelta::minutes(10));
        let here = session(&app, &known.session).await;
        assert_eq!(problem(app.service.require_step_up(&here)), "STEP_UP_NEEDED");
        let asked = app.service.begin_passkey_reauthentication(&here.actor).await.unwrap();
        let proof = PasskeyFinished { ceremony: asked.ceremony.clone(), credential: key.get(&asked.options) };
        let at_the_door = app.service.finish_passkey_sign_in(finish(&asked.ceremony, proof.credential.clone())).await;
        assert_eq!(problem(at_the_door), "UNAUTHENTICATED", "a question of step-up opens no session");
        app.service.reauthenticate(&here.actor, Proof::Passkey(proof.clone())).await.unwrap();
        app.service.require_step_up(&session(&app, &known.session).await).unwrap();
        assert_eq!(problem(app.service.reauthenticate(&here.actor, Proof::Passkey(proof)).await), "UNAUTHENTICATED");
    }

    async fn failures_of_the_password_do_not_shut_a_passkey_out(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let actor = session(&app, &known.session).await.actor;
        let mut key = Authenticator::new(1);
        register(&app, &actor, &mut key).await;
        for _ in 0..5 {
            app.service.sign_in(typed(&known.email, "five little boats adrift")).await.expect_err("refused");
        }
        assert_eq!(problem(app.service.sign_in(typed(&known.email, PASSWORD)).await), "THROTTLED");
        assert!(alone(&app, &mut key).await.is_ok());
        assert!(app.service.sign_in(typed(&known.email, PASSWORD)).await.is_ok(), "who proved it is forgiven");
    }
}
