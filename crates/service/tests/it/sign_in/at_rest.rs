//! What a copy of the database gives away: no password, secret, code or token.

use base64::{Engine, engine::general_purpose::STANDARD};
use liaison_service::sign_in::{BeginPasswordReset, OPERATOR_LINK};
use liaison_testkit::{App, both_engines};

use super::*;

/// Every text and every blob of the database.
async fn dump(app: &App) -> Vec<u8> {
    match app.database.engine {
        liaison_testkit::Engine::Sqlite => {
            let mut bytes = Vec::new();
            for name in ["liaison.sqlite", "liaison.sqlite-wal"] {
                bytes.extend(std::fs::read(app.database.folder.path().join(name)).unwrap_or_default());
            }
            bytes
        }
        liaison_testkit::Engine::Postgres => {
            // Blobs stand in it as base64, which is decoded beside it.
            let text = "select cast(schema_to_xml('public', true, false, '') as text) as a";
            let sql = liaison_store::Sql {
                name: "dump",
                sqlite: text,
                postgres: text,
            };
            let mut conn = app.service.store().read().await.unwrap();
            let row: Option<(String,)> = conn.one(sql, vec![]).await.unwrap();
            let xml = row.unwrap().0;
            let blobs = xml
                .split(['<', '>'])
                .filter_map(|text| STANDARD.decode(text.replace('\n', "")).ok());
            let blobs: Vec<u8> = blobs.flatten().collect();
            [xml.into_bytes(), blobs].concat()
        }
    }
}

fn holds(dump: &[u8], wanted: &[u8]) -> bool {
    dump.windows(wanted.len()).any(|window| window == wanted)
}

both_engines! {
    async fn no_secret_stands_anywhere_in_clear(app: App) {
        let f = app.fixture().await;
        let known = enrolled(&app, &f.physician).await;
        let opened = signed_in(&app, &known).await;
        let asked = challenge(&app, &known).await;
        let (_, pending) = begin_totp(&app, &opened).await;
        let question = app.service.begin_passkey(&session(&app, &opened).await.actor).await.unwrap();
        let typed_in_the_wrong_field = "my secret typed here";
        app.service.sign_in(typed(typed_in_the_wrong_field, "canary password 77")).await.expect_err("refused");
        let made = app.service.issue_sign_in_link(&known.email, OPERATOR_LINK).await.unwrap();
        let reset = BeginPasswordReset { email: known.email.clone(), peer: None, request_id: None };
        app.service.begin_password_reset(reset).await.unwrap();
        let mailed = mailed_link(&app, &known.email).await;
        app.service.invite_person(&f.admin, user(&f.auditor)).await.unwrap();
        app.work().await;
        app.service.sequence().await.unwrap();

        let dump = dump(&app).await;
        assert!(holds(&dump, known.email.as_bytes()), "the dump is one");
        assert!(holds(&dump, known.user_id.uuid().as_bytes()) || holds(&dump, known.user_id.uuid().to_string().as_bytes()));
        let plain = [
            PASSWORD,
            "canary password 77",
            typed_in_the_wrong_field,
            &opened.secret,
            &known.session.secret,
            &asked,
            &question.ceremony,
            token(made.url.expose()).expose(),
            token(&mailed).expose(),
        ]
        .map(|secret| secret.as_bytes().to_vec());
        let codes = known.codes.iter().flat_map(|code| [code.clone(), code.replace('-', "")]).map(String::into_bytes);
        let raw = [opened.secret.as_str(), &asked, token(&mailed).expose()]
            .map(|secret| base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(secret).unwrap());
        for secret in plain.into_iter().chain(codes).chain(raw).chain([known.totp.clone(), pending]) {
            assert!(!holds(&dump, &secret), "{}", String::from_utf8_lossy(&secret));
        }
    }
}
