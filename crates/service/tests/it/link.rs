//! Secure links: a scanner proves nothing, a code opens one loop, a guest closes it and is named.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::TimeDelta;
use liaison_domain::{Decline, Disposition, EvidenceLevel, Urgency, people::ActorKind};
use liaison_ledger::{VerifierKey, verify_receipt};
use liaison_service::{
    ServiceError,
    audit::{AuditFilter, SearchAudit},
    link::{CODE_LIFE, IDLE_LIFE},
    loops::{
        acknowledge::Acknowledge, decline::DeclineShare, recall::RecallShare, redirect::RedirectShare,
        reply::WriteReply,
    },
    reading::TimelineKind,
};
use liaison_store::{Engine, deliveries, ledger, notices};
use liaison_testkit::{App, both_engines};

use crate::{
    link_support::{ask, code, code_of, enter, guest, other, session, text, token_in, with_link},
    work_support::{entries, evidence, notices_of, person, row, sent_to, share, share_palliative, world},
};

fn reviewed(id: liaison_domain::RecipientId, version: liaison_domain::NoteVersionId) -> Acknowledge {
    Acknowledge {
        recipient_id: Some(id),
        note_version_id: Some(version),
        dispositions: vec![Disposition::ReviewedNoChange],
        ..Acknowledge::default()
    }
}

async fn all_entries(app: &App) -> usize {
    let mut conn = app.service.store().read().await.unwrap();
    ledger::search(&mut conn, &ledger::EntryFilter::default(), 5_000)
        .await
        .unwrap()
        .len()
}

both_engines! {
    async fn a_guest_acknowledges_and_is_named_everywhere(app: App) {
        let (fixture, signed, id, token) = with_link(&app).await;
        let notice = app.service.link_notice(&token).await.unwrap();
        assert_eq!(notice.clinic, "Example Ketamine Infusion Clinic (SYNTHETIC)");
        assert_eq!(notice.to, "Palliative medicine");
        let addresses = app.service.link_addresses(&token).await.unwrap();
        assert_eq!(addresses.iter().map(|one| one.masked.as_str()).collect::<Vec<_>>(), ["p•••@palliative.example.test"]);

        let (opened, session) = guest(&app, &token).await;
        assert_eq!((session.recipient_id, session.guest_id), (id, opened.guest_id));
        let actor = session.actor;
        assert_eq!((actor.kind, actor.user_id, actor.roles.len()), (ActorKind::Guest, None, 0));
        assert_eq!(row(&app, id).await.level, EvidenceLevel::Accepted, "a session alone opens nothing");
        let early = app.service.acknowledge(&actor, reviewed(id, signed.version_id)).await;
        assert_eq!(code_of(early), "NOT_OPENED");
        let shown = app.service.open_share(&actor, id).await.unwrap();
        assert_eq!(shown.recipient.level, EvidenceLevel::Opened);
        let view = app.service.share(&actor, shown.recipient.share_id).await.unwrap();
        assert!(!view.as_clinic && view.recipients.len() == 1 && view.recipients[0].deliveries.is_empty());

        app.service
            .reply(&actor, WriteReply {
                recipient_id: id,
                body: "Thank you, we look at it today.".to_owned(),
                closes_reply_due: false,
                idempotency_key: Some("once".to_owned()),
            })
            .await
            .unwrap();
        let mut answer = reviewed(id, signed.version_id);
        answer.idempotency_key = Some("ack".to_owned());
        let done = app.service.acknowledge(&actor, answer.clone()).await.unwrap();
        assert_eq!(app.service.acknowledge(&actor, answer).await.unwrap(), done, "a repeat answers the same");
        let closed = row(&app, id).await;
        assert!(closed.state().is_closed() && !closed.is_open);

        let facts = evidence(&app, id).await;
        let by: Vec<_> = facts.iter().filter(|fact| fact.level >= EvidenceLevel::Opened).collect();
        assert_eq!(by.len(), 2);
        assert!(by.iter().all(|fact| fact.guest_id == Some(opened.guest_id) && fact.user_id.is_none()));

        app.service.sequence().await.unwrap();
        let receipt = app.service.acknowledgment_receipt(&actor, id).await.unwrap();
        let key = VerifierKey::parse(app.service.ledger_key()).unwrap();
        let verified = verify_receipt(&receipt.json, &key).unwrap();
        let leaf = format!("{verified:?}");
        assert!(leaf.contains(&opened.guest_id.to_string()) && !leaf.contains("Gesa"), "{leaf}");

        let words = "Dr. Gesa Visitor (palliative physician), named themself; code to p•••@palliative.example.test";
        let timeline = app.service.loop_timeline(&fixture.physician, id).await.unwrap();
        let named: Vec<_> = timeline
            .iter()
            .filter_map(|event| event.guest.as_ref().map(|guest| (event.kind, guest.to_string())))
            .collect();
        let kinds = [TimelineKind::Evidence, TimelineKind::Reply, TimelineKind::Evidence, TimelineKind::Acknowledged];
        assert_eq!(named.len(), kinds.len(), "{named:?}");
        assert!(named.iter().all(|(kind, shown)| kinds.contains(kind) && shown == words), "{named:?}");
        let views = app.service.acknowledgments_of(&fixture.physician, &[id]).await.unwrap();
        let view = &views[&id];
        assert_eq!((view.row.user_id, view.row.recorded_by), (None, None));
        assert_eq!(view.guest.as_ref().unwrap().to_string(), words);
        let thread = app.service.replies_of(&fixture.physician, &[id]).await.unwrap();
        assert_eq!(thread[&id][0].guest.as_ref().unwrap().to_string(), words);
        let told = notices::list(&mut app.service.store().read().await.unwrap(), fixture.physician.user_id.unwrap(), None, 10)
            .await
            .unwrap();
        assert!(told.iter().all(|notice| notice.facts.0["by"] == words), "{told:?}");

        let input = SearchAudit {
            filter: AuditFilter { recipient_id: Some(id.to_string()), actions: vec!["acknowledgment.create".to_owned()], ..AuditFilter::default() },
            ..SearchAudit::default()
        };
        let page = app.service.search_audit(&fixture.auditor, input).await.unwrap();
        assert_eq!(page.entries.len(), 1);
        assert_eq!(page.entries[0].actor_kind, ActorKind::Guest);
        assert_eq!(page.entries[0].guest.as_ref().unwrap().to_string(), words);
    }

    async fn a_mail_scanner_that_opens_and_posts_everything_proves_nothing(app: App) {
        let (_, _, id, token) = with_link(&app).await;
        let before = all_entries(&app).await;
        for _ in 0..3 {
            app.service.link_notice(&token).await.unwrap();
            app.service.link_addresses(&token).await.unwrap();
        }
        assert_eq!(all_entries(&app).await, before, "a look writes nothing");
        // It even asks for a code, and posts forms with whatever it finds in the mail or makes up.
        let sent = app.service.send_link_code(ask(&token)).await.unwrap();
        for guess in ["", "000000", token.as_str(), "12345", "123456789"] {
            // By chance a guess is right once in a million; the seed makes these wrong.
            assert_eq!(code_of(app.service.enter_link_code(enter(&sent, guess)).await), "WRONG_CODE");
        }
        for secret in [token.as_str(), sent.challenge.as_str(), "", "x"] {
            assert_eq!(code_of(app.service.link_session(secret, None, None, true).await), "UNAUTHENTICATED");
        }
        assert!(row(&app, id).await.level < EvidenceLevel::Opened);
        assert!(row(&app, id).await.opened_at.is_none());
    }

    async fn five_wrong_codes_burn_a_code_and_another_is_needed(app: App) {
        let (_, _, id, token) = with_link(&app).await;
        let (sent, digits) = code(&app, &token).await;
        for _ in 0..5 {
            assert_eq!(code_of(app.service.enter_link_code(enter(&sent, &other(&digits))).await), "WRONG_CODE");
        }
        assert_eq!(code_of(app.service.enter_link_code(enter(&sent, &digits)).await), "WRONG_CODE", "burned");
        assert_eq!(entries(&app, "link.enter").await, 6);
        let (again, digits) = code(&app, &token).await;
        let spaced = format!("{} {}", &digits[..3], &digits[3..]);
        assert_eq!(app.service.enter_link_code(enter(&again, &spaced)).await.unwrap().recipient_id, id);
    }

    async fn a_code_expires_is_used_once_and_belongs_to_its_challenge(app: App) {
        let (fixture, signed, _, token) = with_link(&app).await;
        let (late, digits) = code(&app, &token).await;
        app.advance(CODE_LIFE);
        assert_eq!(code_of(app.service.enter_link_code(enter(&late, &digits)).await), "WRONG_CODE");

        let (sent, digits) = code(&app, &token).await;
        let missing = liaison_service::link::EnterLinkCode {
            name: " ".to_owned(),
            profession: String::new(),
            work_email: Some("nonsense".to_owned()),
            phone: Some("x".to_owned()),
            ..enter(&sent, &digits)
        };
        match app.service.enter_link_code(missing).await {
            Err(ServiceError::Invalid(problems)) => {
                let paths: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
                assert_eq!(paths, ["name", "profession", "workEmail", "phone"]);
            }
            other => panic!("{other:?}"),
        }
        app.service.enter_link_code(enter(&sent, &digits)).await.unwrap();
        assert_eq!(code_of(app.service.enter_link_code(enter(&sent, &digits)).await), "WRONG_CODE", "used");

        // Another loop's challenge does not go with this code.
        let doctor = person(fixture.oncologist.user_id.unwrap());
        let shared = share(&app, &fixture, &signed, Urgency::Routine, vec![doctor]).await;
        app.work().await;
        let second = app.email.take().iter().filter(|mail| mail.address.starts_with("oncor")).find_map(token_in).unwrap();
        let (theirs, _) = code(&app, &second).await;
        let (_, mine) = code(&app, &token).await;
        let crossed = app.service.enter_link_code(enter(&theirs, &mine)).await;
        assert_eq!(code_of(crossed), "WRONG_CODE");
        assert!(row(&app, shared.recipient_ids[0]).await.level < EvidenceLevel::Opened);
    }

    async fn two_at_once_with_one_code_are_one(app: App) {
        let (_, _, _, token) = with_link(&app).await;
        let (sent, digits) = code(&app, &token).await;
        let (one, two) = tokio::join!(
            app.service.enter_link_code(enter(&sent, &digits)),
            app.service.enter_link_code(enter(&sent, &digits)),
        );
        let mut opened = vec![one, two];
        opened.sort_by_key(|result| result.is_err());
        assert!(opened[0].is_ok());
        assert_eq!(code_of(opened.pop().unwrap()), "WRONG_CODE");
    }

    async fn codes_are_throttled_for_a_link_and_an_address(app: App) {
        let (fixture, signed, _, token) = with_link(&app).await;
        for _ in 0..5 {
            app.service.send_link_code(ask(&token)).await.unwrap();
        }
        assert_eq!(code_of(app.service.send_link_code(ask(&token)).await), "TOO_MANY_CODES");
        // Other links to the same address share its limit.
        let mut sent = 5;
        for _ in 0..3 {
            app.email.take();
            share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
            app.work().await;
            let other = app.email.take().iter().find_map(token_in).unwrap();
            for _ in 0..5 {
                match app.service.send_link_code(ask(&other)).await {
                    Ok(_) => sent += 1,
                    refused => assert_eq!(code_of(refused), "TOO_MANY_CODES"),
                }
            }
        }
        assert_eq!(sent, 15);
        app.advance(TimeDelta::minutes(61));
        app.service.send_link_code(ask(&token)).await.unwrap();
        let nowhere = liaison_service::link::SendLinkCode { address: 7, ..ask(&token) };
        assert_eq!(code_of(app.service.send_link_code(nowhere).await), "INVALID");
    }

    async fn a_link_ends_with_its_copy_and_takes_codes_and_sessions_along(app: App) {
        let (fixture, signed, id, token) = with_link(&app).await;
        let (opened, live) = guest(&app, &token).await;
        app.service.open_share(&live.actor, id).await.unwrap();
        let (sent, digits) = code(&app, &token).await;
        let share_id = row(&app, id).await.share_id;
        app.service
            .recall_share(&fixture.physician, RecallShare { share_id, reason: "the wrong patient".to_owned(), idempotency_key: None })
            .await
            .unwrap();
        assert!(matches!(app.service.link_notice(&token).await, Err(ServiceError::NotFound("link"))));
        assert!(matches!(app.service.link_addresses(&token).await, Err(ServiceError::NotFound("link"))));
        assert!(matches!(app.service.send_link_code(ask(&token)).await, Err(ServiceError::NotFound("link"))));
        assert_eq!(code_of(app.service.enter_link_code(enter(&sent, &digits)).await), "WRONG_CODE");
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED");
        // Who still holds the actor of before gets the loop's own reason, and nothing of the note.
        assert_eq!(code_of(app.service.open_share(&live.actor, id).await), "RECALLED");
        let unknown = "A".repeat(43);
        for nothing in [unknown.as_str(), "", "x", "../inbox"] {
            assert!(matches!(app.service.link_notice(nothing).await, Err(ServiceError::NotFound("link"))));
        }

        // Revoked by the clinic: the next message brings another link.
        let next = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        app.work().await;
        let first = app.email.take().iter().find_map(token_in).unwrap();
        let (opened, _) = guest(&app, &first).await;
        let (sent, digits) = code(&app, &first).await;
        assert_eq!(code_of(app.service.revoke_link(&fixture.oncologist, next).await), "NOT_FOUND");
        app.service.revoke_link(&fixture.coordinator, next).await.unwrap();
        assert!(app.service.link_notice(&first).await.is_err());
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED");
        assert_eq!(code_of(app.service.enter_link_code(enter(&sent, &digits)).await), "WRONG_CODE");
        app.email.take();
        let reminder = row(&app, next).await.next_step_at.unwrap();
        app.run_until(reminder).await;
        let second = app.email.take().iter().find_map(token_in).unwrap();
        assert_ne!(first, second);
        app.service.link_notice(&second).await.unwrap();
        // By time, but never before the loop's last step.
        let ends = liaison_service::link::expires_at(&row(&app, next).await);
        app.clock.set(ends - TimeDelta::seconds(1));
        app.service.link_notice(&second).await.unwrap();
        app.clock.set(ends);
        assert!(app.service.link_notice(&second).await.is_err());
    }

    async fn a_wrong_recipient_seals_the_copy_and_is_named(app: App) {
        let (fixture, _, id, token) = with_link(&app).await;
        let (opened, live) = guest(&app, &token).await;
        app.service.open_share(&live.actor, id).await.unwrap();
        let input = DeclineShare { recipient_id: id, reason: Decline::WrongRecipient, comment: None, idempotency_key: Some("d".to_owned()) };
        let declined = app.service.decline_share(&live.actor, input.clone()).await.unwrap();
        assert_eq!(app.service.decline_share(&live.actor, input).await.unwrap(), declined, "a repeat answers the same");
        assert!(app.service.link_notice(&token).await.is_err());
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED");
        assert_eq!(code_of(app.service.open_share(&live.actor, id).await), "NOT_FOUND");
        assert_eq!(code_of(app.service.loop_timeline(&live.actor, id).await), "NOT_FOUND");
        let timeline = app.service.loop_timeline(&fixture.physician, id).await.unwrap();
        let named = |kind| timeline.iter().any(|event| event.kind == kind && event.guest.is_some());
        assert!(named(TimelineKind::Declined) && named(TimelineKind::MisSendOpened));
        assert!(notices_of(&app, fixture.admin.user_id.unwrap()).await.contains(&"MIS_SEND".to_owned()));
    }

    async fn a_guest_reaches_one_loop_and_nothing_else(app: App) {
        let (fixture, signed, id, token) = with_link(&app).await;
        let second = share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let shared = share(&app, &fixture, &signed, Urgency::Routine, vec![person(fixture.oncologist.user_id.unwrap())]).await;
        let (_, live) = guest(&app, &token).await;
        let actor = live.actor;
        for theirs in [second, shared.recipient_ids[0]] {
            assert_eq!(code_of(app.service.open_share(&actor, theirs).await), "NOT_FOUND");
            assert_eq!(code_of(app.service.acknowledge(&actor, reviewed(theirs, signed.version_id)).await), "NOT_FOUND");
            assert_eq!(code_of(app.service.loop_timeline(&actor, theirs).await), "NOT_FOUND");
            assert_eq!(code_of(app.service.acknowledgment_receipt(&actor, theirs).await), "NOT_FOUND");
            let reply = WriteReply { recipient_id: theirs, body: "hello".to_owned(), closes_reply_due: false, idempotency_key: None };
            assert_eq!(code_of(app.service.reply(&actor, reply).await), "NOT_FOUND");
        }
        assert_eq!(app.service.loops(&actor, &[id, second, shared.recipient_ids[0]]).await.unwrap().len(), 1);
        assert_eq!(app.service.shares(&actor, &[shared.share_id]).await.unwrap().len(), 0);
        assert_eq!(code_of(app.service.share(&actor, shared.share_id).await), "NOT_FOUND");
        assert!(app.service.inbox(&actor, Default::default()).await.is_err());
        assert!(app.service.board(&actor, Default::default()).await.is_err());
        assert!(app.service.notices(&actor, None, None).await.is_err());
        assert!(app.service.search_audit(&actor, SearchAudit::default()).await.is_err());
        assert!(app.service.note_version(&actor, signed.version_id).await.is_err());
        assert!(app.service.patient(&actor, signed.patient_id).await.is_err());
        assert!(app.service.revoke_link(&actor, id).await.is_err());
        assert!(app.service.deliveries_of_recipients(&actor, &[id]).await.unwrap().is_empty());
        assert_eq!(code_of(app.service.request_account(&fixture.oncologist).await), "FORBIDDEN");
        assert!(row(&app, second).await.level < EvidenceLevel::Opened);
    }

    async fn a_code_to_a_persons_own_address_is_that_person(app: App) {
        let (fixture, signed) = world(&app, "2026-05-14T15:00:00Z").await;
        let user = fixture.oncologist.user_id.unwrap();
        let shared = share(&app, &fixture, &signed, Urgency::Routine, vec![person(user)]).await;
        let id = shared.recipient_ids[0];
        app.email.take();
        app.work().await;
        let token = app.email.take().iter().find_map(token_in).unwrap();
        let (opened, live) = guest(&app, &token).await;
        assert_eq!(live.named.user_id, Some(user));
        assert_eq!(live.actor.user_id, None, "what asks for a signed-in person stays closed");
        assert!(app.service.notices(&live.actor, None, None).await.is_err());
        app.service.open_share(&live.actor, id).await.unwrap();
        app.service.acknowledge(&live.actor, reviewed(id, signed.version_id)).await.unwrap();
        let views = app.service.acknowledgments_of(&fixture.physician, &[id]).await.unwrap();
        assert_eq!((views[&id].row.user_id, views[&id].row.recorded_by), (Some(user), Some(user)));
        assert!(views[&id].guest.is_none());
        // Somebody who left has no session any more.
        app.service.set_person_disabled(&fixture.system, user, true).await.unwrap();
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED");
    }

    async fn a_session_ends_by_idleness_by_age_and_by_leaving(app: App) {
        let (_, _, _, token) = with_link(&app).await;
        let (opened, _) = guest(&app, &token).await;
        for _ in 0..5 {
            app.advance(TimeDelta::minutes(11));
            session(&app, &opened).await.unwrap();
        }
        app.advance(TimeDelta::minutes(5));
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED", "an hour in all");
        let (opened, _) = guest(&app, &token).await;
        let secret = opened.secret.expose();
        app.advance(TimeDelta::minutes(10));
        app.service.link_session(secret, None, None, false).await.unwrap();
        app.advance(IDLE_LIFE - TimeDelta::minutes(10));
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED", "idle: a look by itself is no use of it");
        let (opened, _) = guest(&app, &token).await;
        assert!(app.service.end_link_session(opened.secret.expose(), None, None).await.unwrap());
        assert!(!app.service.end_link_session(opened.secret.expose(), None, None).await.unwrap());
        assert_eq!(code_of(session(&app, &opened).await), "UNAUTHENTICATED");
        assert_eq!(entries(&app, "link.leave").await, 1);
    }

    async fn a_guest_redirects_and_asks_for_an_account(app: App) {
        let (fixture, _, id, token) = with_link(&app).await;
        let (_, live) = guest(&app, &token).await;
        assert!(app.service.request_account(&live.actor).await.unwrap());
        assert!(!app.service.request_account(&live.actor).await.unwrap(), "once");
        // The clinic keeps this partner's directory, so its admins are told.
        let told = notices_of(&app, fixture.admin.user_id.unwrap()).await;
        assert_eq!(told, ["ACCOUNT_REQUESTED"]);
        app.work().await;
        let mail = app.email.take().iter().map(text).find(|text| text.contains("asks for an account")).unwrap();
        assert!(mail.contains("Dr. Gesa Visitor (palliative physician), named themself"), "{mail}");
        let input = RedirectShare {
            recipient_id: id,
            to_team_id: None,
            to_user_id: fixture.palliative_lead.user_id,
            to_organization_id: None,
            reason: "she looks after this patient".to_owned(),
            idempotency_key: None,
        };
        let redirected = app.service.redirect_share(&live.actor, input).await.unwrap();
        assert_eq!(redirected.recipient_id, id);
        assert!(app.service.link_notice(&token).await.is_err(), "the colleague has a link of their own");
    }

    async fn no_token_code_or_secret_stands_at_rest(app: App) {
        let (_, _, id, token) = with_link(&app).await;
        let (sent, digits) = code(&app, &token).await;
        let opened = app.service.enter_link_code(enter(&sent, &digits)).await.unwrap();
        let rows = sent_to(&app, id).await;
        assert_eq!(rows.len(), 2);
        for delivery in &rows {
            assert!(!delivery.payload.contains(&token) && !delivery.payload.contains(&digits), "{}", delivery.payload);
            assert!(!delivery.payload.contains("/l/"));
        }
        let attempts: Vec<_> = rows.iter().map(|row| row.id.uuid()).collect();
        let tried = deliveries::attempts_of(&mut app.service.store().read().await.unwrap(), &attempts).await.unwrap();
        assert!(tried.iter().all(|attempt| !format!("{attempt:?}").contains(&token)));
        if app.database.engine == Engine::Sqlite {
            app.service.store().close().await;
            let secrets = [token.as_str(), sent.challenge.as_str(), opened.secret.expose()];
            for file in std::fs::read_dir(app.database.folder.path()).unwrap() {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                for secret in secrets {
                    assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()));
                }
            }
        }
    }
}
