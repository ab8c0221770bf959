//! Bad input at every door of the service that reads what comes from outside: never a panic, always an answer that says
//! what is wrong, in bounded time. The corpus stands beside this file; `LIAISON_CORPUS=write` makes it anew.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::{fmt::Debug, path::PathBuf, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use liaison_domain::{
    CallTaskId, DeliveryId, EndpointId, EntryId, NoteId, NoteVersionId, OrganizationId, PatientId, RecipientId,
    ShareId, TeamId, UserId,
};
use liaison_ledger::{
    ConsistencyProof, Leaf, Receipt, TlogProof, VerifierKey, verify_consistency, verify_export, verify_receipt,
};
use liaison_service::{
    Result,
    audit::SearchAudit,
    ledger::ExportLedger,
    link::{EnterLinkCode, SendLinkCode},
    notes::ImportMode,
    reading::{BoardQuery, InboxQuery},
    sign_in::Touch,
};
use liaison_testkit::{App, Fixture, both_engines, fuzz};

use crate::{
    histories::broken,
    link_support::{code, guest, with_link},
};

fn folder(of: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/it/fuzz/corpus")
        .join(of)
}

fn corpus(of: &str) -> Vec<Vec<u8>> {
    fuzz::corpus(&folder(of))
}

/// A refusal is an answer; something broken is not.
fn answered<T>(result: Result<T>) {
    if let Err(error) = result {
        assert!(!broken(&error), "{error:?}");
    }
}

fn id<T: FromStr + ToString + PartialEq + Debug>(text: &str)
where
    T::Err: Debug,
{
    if let Ok(id) = text.parse::<T>() {
        assert_eq!(id.to_string().parse::<T>().unwrap(), id);
        assert_eq!(id.to_string(), text, "one id has one text");
    }
}

#[tokio::test]
async fn ids_are_read_or_refused() {
    fuzz::fuzz("ids", &corpus("ids"), 20_000, async |text| {
        let text = text.trim_end_matches('\n');
        id::<PatientId>(text);
        id::<NoteId>(text);
        id::<NoteVersionId>(text);
        id::<ShareId>(text);
        id::<RecipientId>(text);
        id::<OrganizationId>(text);
        id::<TeamId>(text);
        id::<UserId>(text);
        id::<EndpointId>(text);
        id::<DeliveryId>(text);
        id::<CallTaskId>(text);
        id::<EntryId>(text);
    })
    .await;
}

/// What anybody may hand to `liaison ledger verify`. What is accepted says what was signed.
#[tokio::test]
async fn proofs_are_verified_or_refused() {
    let key = String::from_utf8(std::fs::read(folder("proofs/key")).unwrap()).unwrap();
    let key = VerifierKey::parse(key.trim()).unwrap();
    let signed = String::from_utf8(std::fs::read(folder("proofs/receipt.json")).unwrap()).unwrap();
    let signed = verify_receipt(&signed, &key).unwrap();
    let note = String::from_utf8(std::fs::read(folder("proofs/checkpoint")).unwrap()).unwrap();
    let heads = [signed.checkpoint.size(), key.open(&note).unwrap().size()];
    let (mut proven, mut notes) = (0, 0);
    fuzz::fuzz("proofs", &corpus("proofs"), 2_000, async |text| {
        if let Ok(receipt) = verify_receipt(text, &key) {
            proven += 1;
            assert_eq!((receipt.index, receipt.leaf_hash), (signed.index, signed.leaf_hash));
            assert_eq!(receipt.entry, signed.entry, "a changed receipt was believed");
        }
        let _ = Receipt::parse(text).map(|receipt| receipt.verify(&key));
        let _ = TlogProof::parse(text).map(|proof| proof.verify(signed.leaf_hash, &key));
        let _ = ConsistencyProof::parse(text);
        let _ = VerifierKey::parse(text);
        let _ = Leaf::parse(text.as_bytes());
        let _ = verify_export(text.as_bytes(), &key);
        if let Ok(checkpoint) = key.open(text) {
            notes += 1;
            assert!(heads.contains(&checkpoint.size()), "a changed checkpoint was believed");
        }
        let _ = verify_consistency(text, text, text, &key);
    })
    .await;
    assert!(proven > 0 && notes > 0, "what was not changed is proven");
}

/// A loop with everything that leaves artefacts, as texts of the corpus.
async fn write_corpus(app: &App, fixture: &Fixture, recipient: RecipientId, token: &str) {
    let (sent, digits) = code(app, token).await;
    let write = |of: &str, name: &str, text: &str| {
        std::fs::create_dir_all(folder(of)).unwrap();
        std::fs::write(folder(of).join(name), text).unwrap();
    };
    write("links", "token", token);
    write("links", "challenge", &sent.challenge);
    write("links", "code", &digits);
    let (opened, session) = guest(app, token).await;
    write("links", "session", opened.secret.expose());
    write("links", "cookie", &app.session(&fixture.oncologist).await);
    write("links", "bearer", "lia_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG");
    app.service.open_share(&session.actor, recipient).await.unwrap();
    app.service.sequence().await.unwrap();
    let filter = SearchAudit {
        first: Some(1),
        ..SearchAudit::default()
    };
    let page = app
        .service
        .search_audit(&fixture.auditor, filter.clone())
        .await
        .unwrap();
    let cursor = &page.entries[0].cursor;
    write("cursors", "audit", cursor);
    let mut late = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    late[..8].copy_from_slice(&i64::MAX.to_be_bytes());
    write("cursors", "audit-latest", &URL_SAFE_NO_PAD.encode(late));
    write(
        "cursors",
        "board",
        r#"{"at":"2026-01-14T15:00:00Z","id":"recipient_01kk9w3080e2x9npk687x8rfsp"}"#,
    );
    write(
        "cursors",
        "pair",
        r#"["2026-01-14T15:00:00.000001Z","note_01kk9w3080e2x9npk687x8rfsp"]"#,
    );
    app.service.sequence().await.unwrap();
    let export = app
        .service
        .export_ledger(&fixture.auditor, ExportLedger::default())
        .await;
    let mut export = export.unwrap();
    let mut lines = String::new();
    while let Some(line) = export.next().await.unwrap() {
        lines.push_str(&line);
    }
    write("proofs", "export.ndjson", &lines);
    write("proofs", "checkpoint", export.checkpoint());
    let entry = page.entries[0].id;
    let receipt = app.service.entry_receipt(&fixture.auditor, entry).await.unwrap();
    write("proofs", "receipt.json", &receipt.json);
    write("proofs", "tlog-proof", &receipt.tlog_proof);
    let proof = app.service.consistency_proof(1, None).await.unwrap();
    write("proofs", "consistency.json", &proof.json);
    write("proofs", "key", app.service.ledger_key());
    write("ids", "clinic", &fixture.clinic.to_string());
    write("ids", "recipient", &recipient.to_string());
    write("ids", "team", &fixture.oncology_team.to_string());
    write("ids", "highest", "user_7zzzzzzzzzzzzzzzzzzzzzzzzz");
    write("ids", "upper", "USER_01KK9W3080E2X9NPK687X8RFSP");
}

both_engines! {
    async fn tokens_codes_and_cookies_open_nothing_when_bent(app: App) {
        let (fixture, _, recipient, token) = with_link(&app).await;
        if std::env::var_os("LIAISON_CORPUS").is_some() {
            write_corpus(&app, &fixture, recipient, &token).await;
        }
        let service = &app.service;
        fuzz::fuzz("links", &corpus("links"), 250, async |text| {
            answered(service.link_notice(text).await);
            answered(service.link_addresses(text).await);
            answered(service.link_session(text, Some(text), Some(text), true).await);
            answered(service.end_link_session(text, None, None).await);
            answered(service.session(text, Some("192.0.2.7"), None, Touch::Nothing).await);
            answered(service.authenticate_token(text, None, None).await);
            let ask = SendLinkCode { token: text.to_owned(), address: text.len(), peer: None, request_id: None };
            answered(service.send_link_code(ask).await);
            let enter = |challenge: &str, code: &str| EnterLinkCode {
                challenge: challenge.to_owned(),
                code: code.to_owned(),
                name: text.to_owned(),
                profession: text.to_owned(),
                work_email: Some(text.to_owned()),
                phone: Some(text.to_owned()),
                peer: None,
                request_id: None,
            };
            answered(service.enter_link_code(enter(text, "000000")).await);
            let mut named = enter(&"A".repeat(43), text);
            named.name = "Dr. Gesa Visitor".to_owned();
            named.profession = "physician".to_owned();
            (named.work_email, named.phone) = (None, None);
            answered(service.enter_link_code(named).await);
        })
        .await;
    }

    async fn cursors_are_followed_or_refused(app: App) {
        let (fixture, _, _, _) = with_link(&app).await;
        let service = &app.service;
        let f = &fixture;
        fuzz::fuzz("cursors", &corpus("cursors"), 300, async |text| {
            // As it is, and as what a cursor holds.
            for cursor in [text.to_owned(), URL_SAFE_NO_PAD.encode(text)] {
                let after = Some(cursor.as_str());
                answered(service.notices(&f.physician, None, after).await);
                answered(service.inbox(&f.oncologist, InboxQuery { after: Some(cursor.clone()), ..InboxQuery::default() }).await);
                answered(service.board(&f.physician, BoardQuery { after: Some(cursor.clone()), ..BoardQuery::default() }).await);
                let search = SearchAudit { after: Some(cursor.clone()), ..SearchAudit::default() };
                answered(service.search_audit(&f.auditor, search).await);
            }
        })
        .await;
    }

    async fn journey_files_are_imported_or_told_what_is_wrong(app: App) {
        let fixture = app.fixture().await;
        let journeys: Vec<Vec<u8>> = liaison_clinical::journeys().map(|(_, text)| text.as_bytes().to_vec()).collect();
        fuzz::fuzz("journeys", &journeys, 80, async |text| {
            answered(app.service.import_journey(&fixture.physician, text, ImportMode::Check).await);
        })
        .await;
    }
}
