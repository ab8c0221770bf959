//! PHI is dark outside its room: a scene with a canary in every field that may hold PHI, played through the pages and the
//! use cases with good and bad input; then everything that is written or answered anywhere else is searched.

mod pages;
mod search;

use axum::http::StatusCode;
use chrono::TimeDelta;
use liaison_clinical::NoteContent;
use liaison_domain::{CareRole, Decline, Disposition, PatientId, RecipientId};
use liaison_service::{
    audit::SignOffAuditReview,
    channel::OutboundBody,
    ledger::ExportLedger,
    link::{EnterLinkCode, SendLinkCode},
    loops::{
        NewQuestion, NewRecipient, ShareNote, Shared, VerbalCommunication,
        acknowledge::{Acknowledge, OpioidChange, QuestionAnswer},
        decline::DeclineShare,
        mis_send::CloseMisSend,
        recall::RecallShare,
        share_note::Override,
    },
    notes::{AmendNote, DraftNote, WithdrawNote},
    patients::{AddCareTeamEntry, AddRestriction, RestrictionScope},
};
use liaison_testkit::{App, Fixture, Signed, both_engines, hall, notes::journey, to_team};
use serde_json::Value;

use self::{
    pages::{Doors, bad_input},
    search::{BORN, CANARY, PHONE, dark, files, log},
};

/// A canary in every free text of a note: whatever holds a space is no code.
fn with_canaries(content: &NoteContent) -> NoteContent {
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) if text.contains(' ') => *text = format!("{text} {CANARY}"),
            Value::Array(all) => all.iter_mut().for_each(walk),
            Value::Object(fields) => fields.values_mut().for_each(walk),
            _ => {}
        }
    }
    let mut value = serde_json::to_value(content).unwrap();
    walk(&mut value);
    assert!(value.to_string().matches(CANARY).count() > 3, "{value:#}");
    serde_json::from_value(value).unwrap()
}

fn said(what: &str) -> String {
    format!("{what} {CANARY}{what} was said.")
}

async fn share(app: &App, f: &Fixture, signed: &Signed, teams: &[liaison_domain::TeamId]) -> Shared {
    let recipients: Vec<NewRecipient> = teams.iter().map(|team| to_team(*team)).collect();
    let checks = app
        .service
        .release_checks(&f.physician, signed.version_id, &recipients)
        .await
        .unwrap();
    let mut overrides: Vec<Override> = Vec::new();
    for check in checks {
        if !overrides.iter().any(|one| one.code == check.code) {
            overrides.push(Override {
                code: check.code.to_owned(),
                reason: said("override"),
            });
        }
    }
    let input = ShareNote {
        note_version_id: signed.version_id,
        recipients,
        urgency: None,
        questions: vec![NewQuestion {
            care_role: None,
            text: said("question"),
            respond_by: None,
        }],
        message: Some(said("message")),
        verbal: Some(VerbalCommunication {
            at: app.now(),
            to: format!("Dr. {CANARY}"),
            read_back: true,
            note: Some(said("verbal")),
        }),
        overrides,
        idempotency_key: Some(format!("dark-{}-{}", signed.version_id, teams.len())),
    };
    app.service.share_note(&f.physician, input).await.unwrap()
}

/// A guest enters by the newest link to a loop, and answers.
async fn guest(app: &App, recipient: RecipientId, mails: &[liaison_service::channel::Outbound]) {
    let mut found = None;
    for token in hall::tokens(mails, "l") {
        if app.service.link_target(&token).await.ok() == Some(recipient) {
            found = Some(token);
            break;
        }
    }
    let ask = SendLinkCode {
        token: found.expect("a link"),
        address: 0,
        peer: None,
        request_id: None,
    };
    app.email.take();
    let sent = app.service.send_link_code(ask).await.unwrap();
    app.work().await;
    let code = app.email.take().iter().map(hall::text).find_map(|mail| {
        let (_, rest) = mail.split_once("Your code is ")?;
        Some(rest.chars().take(6).collect::<String>())
    });
    let enter = EnterLinkCode {
        challenge: sent.challenge,
        code: code.expect("a code"),
        // Who treats is no PHI: a guest's name stands in clear as a user's does.
        name: "Dr. Synthetic Guest".to_owned(),
        profession: "nurse".to_owned(),
        work_email: Some("guest@palliative.example.test".to_owned()),
        phone: None,
        peer: None,
        request_id: None,
    };
    let opened = app.service.enter_link_code(enter).await.unwrap();
    let session = app
        .service
        .link_session(opened.secret.expose(), None, None, true)
        .await
        .unwrap();
    app.service.open_share(&session.actor, recipient).await.unwrap();
}

both_engines! {
    async fn canaries_stand_in_no_table_file_log_mail_task_header_title_or_refusal(app: App) {
        let log = log();
        let a = journey("A");
        app.clock.set(a.documents[1].envelope.signed_at.with_timezone(&chrono::Utc).max(app.now()));
        let f = app.fixture().await;
        let service = &app.service;
        let mut doors = Doors::open(&app);
        let physician = doors.person(&app, &f.physician).await;
        let oncologist = doors.person(&app, &f.oncologist).await;
        let palliative = doors.person(&app, &f.palliative).await;
        let admin = doors.person(&app, &f.admin).await;
        let auditor = doors.person(&app, &f.auditor).await;
        let mut mails = Vec::new();

        // Who they are.
        let identity = [
            ("name", "Zqcanarya Zqcanaryb"),
            ("mrn", "ZQCANARY-7"),
            ("birthDate", BORN),
            ("administrativeGender", "female"),
            ("key", "one"),
        ];
        let to = doors.did(&physician, "/patients/new", &identity).await;
        let id = to.split(['/', '?']).find(|part| part.starts_with("patient_")).expect("an id").to_owned();
        let patient: PatientId = id.parse().unwrap();
        for wanted in ["Zqcanarya", "ZQCANARY-7"] {
            let found = doors.post(&physician, "/patients", &[("wanted", wanted)]).await;
            assert!(found.body.contains("Zqcanaryb"), "{}", found.body);
        }
        for (team, care_role) in [
            (f.oncology_team, CareRole::Oncologist),
            (f.palliative_team, CareRole::PalliativeClinician),
        ] {
            let entry = AddCareTeamEntry {
                patient_id: patient,
                team_id: Some(team),
                user_id: None,
                care_role,
                from: None,
                until: None,
                idempotency_key: None,
            };
            service.add_care_team_entry(&f.physician, entry).await.unwrap();
        }
        let restriction = AddRestriction {
            patient_id: patient,
            scope: RestrictionScope::Team(f.outside_team),
            detail: Some(said("restriction")),
            agreed_by: None,
            agreed_at: None,
            idempotency_key: Some("restriction".to_owned()),
        };
        service.add_restriction(&f.physician, restriction).await.unwrap();

        // What was written: signed, and as drafts.
        let consultation = app.sign_content(&f, patient, with_canaries(&a.documents[0].content)).await;
        let infusion = app.sign_content(&f, patient, with_canaries(&a.documents[1].content)).await;
        let draft = DraftNote {
            patient_id: patient,
            content: with_canaries(&a.documents[2].content),
            confirmations: Vec::new(),
            idempotency_key: Some("draft".to_owned()),
        };
        let draft = service.draft_note(&f.physician, draft).await.unwrap();

        // What was asked and answered.
        let both = [f.oncology_team, f.palliative_team];
        let first = share(&app, &f, &consultation, &both).await;
        app.work().await;
        mails.extend(app.email.take());
        mails.extend(app.webhook.take());
        let [on, pal] = [first.recipient_ids[0], first.recipient_ids[1]];
        guest(&app, pal, &mails).await;
        doors.did(&oncologist, &format!("/inbox/{on}/open"), &[]).await;
        let questions = service.questions_of(&f.oncologist, &[first.share_id]).await.unwrap();
        let answer = Acknowledge {
            recipient_id: Some(on),
            note_version_id: Some(consultation.version_id),
            dispositions: vec![Disposition::RequestCall, Disposition::OpioidChangePlanned, Disposition::AnswerQuestions],
            comment: Some(said("comment")),
            call_number: Some(PHONE.to_owned()),
            opioid_change: Some(OpioidChange {
                drug: format!("{CANARY}one"),
                from: Some(said("from")),
                to: Some(said("to")),
                date: None,
            }),
            answers: vec![QuestionAnswer {
                question_id: questions[&first.share_id][0].row.id,
                text: said("answer"),
            }],
            idempotency_key: Some("answer".to_owned()),
            ..Acknowledge::default()
        };
        service.acknowledge(&f.oncologist, answer).await.unwrap();
        doors.did(&oncologist, &format!("/inbox/{on}/reply"), &[("body", &said("reply"))]).await;
        let own = [("body", said("reply-of-the-clinic"))];
        let own: Vec<(&str, &str)> = own.iter().map(|(name, value)| (*name, value.as_str())).collect();
        doors.did(&physician, &format!("/shares/{}/recipients/{on}/reply", first.share_id), &own).await;
        let to = format!("team:{}", f.palliative_team);
        doors.post(&palliative, &format!("/inbox/{pal}/redirect"), &[("to", &to), ("reason", &said("redirect"))]).await;

        let second = share(&app, &f, &infusion, &both).await;
        let [on, pal] = [second.recipient_ids[0], second.recipient_ids[1]];
        app.open(&f.oncologist, on).await;
        let hold = Acknowledge {
            recipient_id: Some(on),
            note_version_id: Some(infusion.version_id),
            dispositions: vec![Disposition::HoldInfusions],
            comment: Some(said("hold")),
            ..Acknowledge::default()
        };
        service.acknowledge(&f.oncologist, hold).await.unwrap();
        app.open(&f.palliative, pal).await;
        let wrong = DeclineShare {
            recipient_id: pal,
            reason: Decline::WrongRecipient,
            comment: Some(said("decline")),
            idempotency_key: Some("decline".to_owned()),
        };
        let declined = service.decline_share(&f.palliative, wrong).await.unwrap();
        let close = CloseMisSend {
            mis_send_id: declined.mis_send_id.unwrap(),
            finding: said("finding"),
            idempotency_key: Some("finding".to_owned()),
        };
        service.close_mis_send(&f.admin, close).await.unwrap();

        // Silence, calls, emergencies, and what is taken back.
        app.run_until(app.now() + TimeDelta::days(6)).await;
        let physician = doors.person(&app, &f.physician).await;
        let admin_again = doors.person(&app, &f.admin).await;
        let auditor_again = doors.person(&app, &f.auditor).await;
        let oncologist_again = doors.person(&app, &f.oncologist).await;
        drop((admin, auditor, oncologist));
        let calls = doors.get(&physician, "/calls").await.body;
        let call = calls.split("/calls/").skip(1).find_map(|rest| rest.split(['"', '#', '?']).next()).expect("a call");
        let call = format!("/calls/{call}");
        doors.get(&physician, &call).await;
        let at = app.now().format("%Y-%m-%dT%H:%M").to_string();
        let record = [
            ("spokenWith", said("spoken")),
            ("role", format!("{CANARY} nurse")),
            ("at", at),
            ("readBack", "no".to_owned()),
            ("note", said("call")),
        ];
        let record: Vec<(&str, &str)> = record.iter().map(|(name, value)| (*name, value.as_str())).collect();
        doors.post(&physician, &format!("{call}/complete"), &record).await;
        let reason = said("emergency");
        doors.did(&admin_again, "/break-glass", &[("patientId", &id), ("reason", &reason)]).await;
        let glass = service.active_break_glass(&f.admin).await.unwrap()[0].id;
        for path in ["/patients/", "/versions/"] {
            let of = if path == "/patients/" { id.clone() } else { consultation.version_id.to_string() };
            assert_eq!(doors.get(&admin_again, &format!("{path}{of}")).await.status, StatusCode::OK);
        }
        let verdict = [("verdict", "JUSTIFIED"), ("finding", &said("verdict"))];
        doors.did(&auditor_again, &format!("/break-glass/{glass}/review"), &verdict).await;
        let (why, freed) = (said("legal hold"), said("lifted"));
        doors.did(&admin_again, "/legal-holds", &[("patientId", &id), ("reason", &why)]).await;
        let found = doors.get(&admin_again, "/legal-holds").await.body;
        let hold = found.split("/legal-holds/legalhold_").nth(1).and_then(|rest| rest.split('/').next()).expect("a hold");
        doors.did(&admin_again, &format!("/legal-holds/legalhold_{hold}/lift"), &[("reason", &freed)]).await;
        doors.get(&auditor_again, "/legal-holds?which=all").await;
        let review = SignOffAuditReview {
            from: app.now() - TimeDelta::days(3),
            until: app.now(),
            scope: liaison_service::audit::AuditFilter::default(),
            findings: said("review"),
            idempotency_key: Some("review".to_owned()),
        };
        service.sign_off_audit_review(&f.auditor, review).await.unwrap();
        let amend = AmendNote { note_id: infusion.note_id, idempotency_key: None };
        service.amend_note(&f.physician, amend).await.unwrap();
        let third = share(&app, &f, &consultation, &[f.oncology_team]).await;
        let recall = RecallShare {
            share_id: third.share_id,
            reason: said("recall"),
            idempotency_key: Some("recall".to_owned()),
        };
        service.recall_share(&f.physician, recall).await.unwrap();
        let withdraw = WithdrawNote {
            note_id: consultation.note_id,
            reason: said("withdraw"),
            idempotency_key: Some("withdraw".to_owned()),
        };
        service.withdraw_note(&f.physician, withdraw).await.unwrap();

        // What is read of it.
        for path in [
            "/board".to_owned(),
            "/notices".to_owned(),
            "/calls".to_owned(),
            format!("/patients/{id}"),
            format!("/patients/{id}/circle"),
            format!("/patients/{id}/edit"),
            format!("/notes/{}", consultation.note_id),
            format!("/notes/{}/edit", draft.note_id),
            format!("/notes/{}/preview", draft.note_id),
            format!("/notes/{}/sign", draft.note_id),
            format!("/versions/{}", infusion.version_id),
            format!("/versions/{}/share", infusion.version_id),
            format!("/shares/{}", first.share_id),
        ] {
            let told = doors.get(&physician, &path).await;
            assert_eq!(told.status, StatusCode::OK, "{path}: {}", told.body);
        }
        for path in ["/inbox".to_owned(), format!("/inbox/{on}"), format!("/inbox/{on}/print"), format!("/inbox/{on}/receipt")] {
            doors.get(&oncologist_again, &path).await;
        }
        for path in ["/audit", "/audit/reviews", "/break-glass", "/timeliness", "/ledger", "/disclosures"] {
            doors.get(&auditor_again, path).await;
        }
        for path in ["/deliveries", "/mis-sends", "/directory", "/policies"] {
            doors.get(&admin_again, path).await;
        }
        bad_input(&mut doors, &physician, patient).await;

        // What leaves the house.
        app.run_until(app.now() + TimeDelta::days(2)).await;
        mails.extend(app.email.take());
        mails.extend(app.webhook.take());
        assert!(mails.len() > 10, "{} messages", mails.len());
        for mail in &mails {
            dark("a message's address", mail.address.as_bytes());
            dark("a message's id", mail.message_id.as_bytes());
            dark("a message", hall::text(mail).as_bytes());
            if let OutboundBody::Email(body) = &mail.body {
                dark("a mail's HTML", body.html.as_bytes());
            }
        }
        let mut export = service.export_ledger(&f.auditor, ExportLedger::default()).await.unwrap();
        dark("a checkpoint", export.checkpoint().as_bytes());
        while let Some(line) = export.next().await.unwrap() {
            dark("the export of the ledger", line.as_bytes());
        }
        let mut csv = service
            .export_csv(&f.auditor, liaison_service::audit::AuditFilter::default())
            .await
            .unwrap();
        while let Some(line) = csv.next().await.unwrap() {
            dark("the audit as a table", line.as_bytes());
        }

        // What stays.
        assert!(doors.asked > 60, "{} requests", doors.asked);
        for (table, rows) in app.database.rows().await {
            for row in rows {
                dark(&format!("the table {table}"), row.as_bytes());
            }
        }
        service.store().close().await;
        files(&app).await;
        let lines = log.lock().unwrap().clone();
        dark("the log", &lines);
        assert!(
            String::from_utf8_lossy(&lines).lines().count() > 100,
            "the log was looked at"
        );
    }
}
