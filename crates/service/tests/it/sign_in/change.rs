//! Every change of how somebody signs in is told to them by mail.

use liaison_service::sign_in::{BeginPasswordReset, ChangePassword, FinishPasskey};
use liaison_testkit::both_engines;

use super::{authenticator::Authenticator, *};

const NEW: &str = "another set of four words";

/// The subjects, and that no mail holds a secret or the name of a patient's matter.
fn subjects(mails: &[(String, String)], secrets: &[&str]) -> Vec<String> {
    for (subject, text) in mails {
        for secret in secrets {
            assert!(!text.contains(secret) && !subject.contains(secret), "{subject}\n{text}");
        }
        assert!(text.contains("When: ") && text.contains("(America/Chicago)"), "{text}");
        assert!(
            text.contains("telephone an admin of Example Ketamine Infusion Clinic"),
            "{text}"
        );
    }
    mails.iter().map(|(subject, _)| subject.clone()).collect()
}

both_engines! {
    async fn every_change_is_told_to_the_person_without_secrets(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let email = known.email.clone();
        let shown = data_encoding(&known.totp);
        let mut mails = told(&app, &email).await;
        mails.sort();
        let (_, first) = &mails[0];
        let secrets = [PASSWORD, NEW, shown.as_str(), known.codes[0].as_str(), known.session.secret.as_str()];
        // What was set before the invitation's mail was taken is among them.
        assert_eq!(subjects(&mails, &secrets), ["Liaison: one-time codes were added", "Liaison: your password was set"]);
        assert!(first.contains(PEER), "{first}");

        let actor = session(&app, &known.session).await.actor;
        let wrong = ChangePassword { old: Secret::new("not the password at all"), new: Secret::new(NEW) };
        assert_eq!(problem(app.service.change_password(&actor, wrong).await), "WRONG_PASSWORD");
        assert_eq!(told(&app, &email).await, [], "nothing changed");

        let codes = app.service.new_recovery_codes(&actor).await.unwrap().codes;
        let mut key = Authenticator::new(1);
        let asked = app.service.begin_passkey(&actor).await.unwrap();
        let credential = key.create(&asked.options);
        let input = FinishPasskey { ceremony: asked.ceremony, name: "A key".to_owned(), credential };
        let added = app.service.finish_passkey(&actor, input).await.unwrap();
        app.service.remove_totp(&actor).await.unwrap();
        let (_, newer) = begin_totp(&app, &known.session).await;
        app.service.confirm_totp(&actor, &Secret::new(code(&app, &newer))).await.unwrap();
        app.service.remove_passkey(&actor, added.passkey_id).await.unwrap();
        let right = ChangePassword { old: Secret::new(PASSWORD), new: Secret::new(NEW) };
        app.service.change_password(&actor, right).await.unwrap();
        let mut mails = told(&app, &email).await;
        mails.sort();
        assert_eq!(subjects(&mails, &[PASSWORD, NEW, &codes[0], "A key"]), [
            "Liaison: a passkey was added",
            "Liaison: a passkey was removed",
            "Liaison: one-time codes were added",
            "Liaison: one-time codes were removed",
            "Liaison: your password was changed",
            "Liaison: your recovery codes were replaced",
        ]);

        app.service.begin_password_reset(BeginPasswordReset { email: email.clone(), peer: None, request_id: None }).await.unwrap();
        let link = token(&mailed_link(&app, &email).await);
        app.service.set_password_by_link(by_link(&link, PASSWORD)).await.unwrap();
        let mails = told(&app, &email).await;
        assert_eq!(subjects(&mails, &[PASSWORD, link.expose()]), ["Liaison: your password was changed"]);
        assert!(mails[0].1.contains("by the link in a message to this address"), "{}", mails[0].1);
    }

    async fn a_recovery_code_is_good_once_and_its_use_is_told(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        told(&app, &known.email).await;
        let asked = challenge(&app, &known).await;
        app.service.sign_in_totp(second(&asked, &known.codes[0])).await.unwrap();
        let mails = told(&app, &known.email).await;
        assert_eq!(subjects(&mails, &[&known.codes[0]]), ["Liaison: a recovery code was used"]);
        let asked = challenge(&app, &known).await;
        assert_eq!(problem(app.service.sign_in_totp(second(&asked, &known.codes[0])).await), "WRONG_CODE");
        assert_eq!(told(&app, &known.email).await, []);
    }

    async fn a_changed_address_is_told_at_both(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        told(&app, &known.email).await;
        let new = "imogen@clinic.example.test";
        let update = |email: &str| liaison_service::directory::UpdatePerson {
            user_id: known.user_id,
            email: email.to_owned(),
            display_name: "Dr. Imogen Sampleton".to_owned(),
            phone: None,
            time_zone: "America/Chicago".to_owned(),
            digest_hour: None,
            idempotency_key: None,
        };
        app.service.update_person(&f.admin, update(&known.email)).await.unwrap();
        app.work().await;
        assert!(app.email.take().is_empty(), "a telephone number is no way to sign in");
        app.service.update_person(&f.admin, update(new)).await.unwrap();
        app.work().await;
        let mut to: Vec<String> = app.email.take().iter().map(|mail| mail.address.clone()).collect();
        to.sort();
        let mut both = [known.email.clone(), new.to_owned()];
        both.sort();
        assert_eq!(to, both);
    }
}

/// A secret as apps show it.
fn data_encoding(secret: &[u8]) -> String {
    let bits: Vec<u8> = secret
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1))
        .collect();
    let letters = bits
        .chunks(5)
        .map(|five| five.iter().fold(0u8, |all, bit| all << 1 | bit));
    letters
        .map(|five| char::from(if five < 26 { b'A' + five } else { b'2' + five - 26 }))
        .collect()
}
