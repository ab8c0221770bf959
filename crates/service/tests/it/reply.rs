//! The thread of a loop.

use liaison_domain::{Actor, CallTaskStatus, Decline, DeliveryPurpose, Disposition, NoticeKind, RecipientId};
use liaison_service::loops::{decline::DeclineShare, recall::RecallShare, reply::WriteReply};
use liaison_store::{call_tasks, deliveries, replies};
use liaison_testkit::{App, both_engines};

use super::reading::{acknowledge, code, entries, row, share_both, world};

fn write(id: RecipientId, body: &str, closes_reply_due: bool) -> WriteReply {
    WriteReply {
        recipient_id: id,
        body: body.to_owned(),
        closes_reply_due,
        idempotency_key: None,
    }
}

async fn thread(app: &App, actor: &Actor, id: RecipientId) -> Vec<String> {
    let found = app.service.replies_of(actor, &[id]).await.expect("a thread");
    let texts = found.get(&id).into_iter().flatten();
    texts
        .map(|reply| {
            reply
                .body
                .as_ref()
                .map_or_else(String::new, |body| body.reveal().clone())
        })
        .collect()
}

async fn written(app: &App, id: RecipientId) -> usize {
    let mut conn = app.service.store().read().await.expect("a connection");
    replies::of_recipients(&mut conn, &[id.uuid()])
        .await
        .expect("rows")
        .len()
}

both_engines! {
    async fn the_clinics_answer_closes_what_it_owed(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        acknowledge(&app, &fixture.palliative, palliative, Disposition::ConcernIdentified, "Her QTc.").await;
        assert!(row(&app, palliative).await.reply_due);
        // A word on the way is not the answer.
        let first = app.service.reply(&fixture.coordinator, write(palliative, "We look into it.", false)).await.expect("written");
        assert!(first.reply_due);
        app.advance(chrono::TimeDelta::minutes(5));
        let answer = WriteReply { idempotency_key: Some("answer".to_owned()), ..write(palliative, " ECG repeated: 440 ms. ", true) };
        let done = app.service.reply(&fixture.physician, answer.clone()).await.expect("written");
        assert!(!done.reply_due);
        assert!(row(&app, palliative).await.state().is_closed());
        assert_eq!(app.service.reply(&fixture.physician, answer).await.expect("the same"), done);
        assert_eq!(written(&app, palliative).await, 2);
        {
            let mut conn = app.service.store().read().await.expect("a connection");
            let calls = call_tasks::of_recipients(&mut conn, &[palliative.uuid()]).await.expect("rows");
            assert!(calls.iter().all(|call| call.status == CallTaskStatus::Cancelled), "nobody needs to call any more");
            let sent = deliveries::of_recipients(&mut conn, &[palliative.uuid()]).await.expect("rows");
            let replies: Vec<_> = sent.iter().filter(|sent| sent.purpose == DeliveryPurpose::Reply).collect();
            assert_eq!(replies.len(), 2, "one for each, by the team's e-mail");
            assert!(replies.iter().all(|sent| !sent.payload.contains("ECG")), "what was written stays here");
        }
        let again = app.service.reply(&fixture.physician, write(palliative, "And again.", true)).await;
        assert_eq!(code(again), "NO_REPLY_DUE");
        assert_eq!(written(&app, palliative).await, 2, "nothing half-written");
        assert_eq!(entries(&app, &fixture.physician, "reply.create").await.len(), 1);
        assert_eq!(thread(&app, &fixture.palliative, palliative).await, ["We look into it.", "ECG repeated: 440 ms."]);
        assert!(thread(&app, &fixture.oncologist, palliative).await.is_empty(), "another recipient's thread");
        assert!(!row(&app, oncology).await.reply_due);
    }

    async fn a_recipient_writes_and_the_sender_is_told(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, _) = share_both(&app, &fixture, &signed).await;
        app.service.open_share(&fixture.oncologist, oncology).await.expect("it opens");
        app.service.reply(&fixture.oncologist, write(oncology, "Which dose?", false)).await.expect("written");
        let notices = app.service.notices(&fixture.physician, None, None).await.expect("notices");
        assert_eq!(notices.entries[0].0.kind, NoticeKind::ReplyReceived);
        assert_eq!(thread(&app, &fixture.coordinator, oncology).await, ["Which dose?"]);
        assert_eq!(thread(&app, &fixture.oncologist, oncology).await, ["Which dose?"]);
        assert_eq!(entries(&app, &fixture.oncologist, "reply.create").await.len(), 1);
        assert!(row(&app, oncology).await.is_open, "a question is no acknowledgment");
        let owed = app.service.reply(&fixture.oncologist, write(oncology, "Done.", true)).await;
        assert_eq!(code(owed), "closesReplyDue CLINIC_ONLY");
    }

    async fn strangers_empty_texts_and_ended_loops_are_refused(app: App) {
        let (fixture, signed) = world(&app).await;
        let (id, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        for actor in [&fixture.outsider, &fixture.other_physician, &fixture.palliative] {
            assert_eq!(code(app.service.reply(actor, write(oncology, "Hello.", false)).await), "NOT_FOUND");
        }
        let unknown = RecipientId::from_uuid(uuid::Uuid::from_u128(4));
        assert_eq!(code(app.service.reply(&fixture.physician, write(unknown, "Hello.", false)).await), "NOT_FOUND");
        for actor in [&fixture.admin, &fixture.auditor] {
            assert_eq!(code(app.service.reply(actor, write(oncology, "Hello.", false)).await), "FORBIDDEN");
        }
        let reader = Actor { read_only: true, ..fixture.oncologist.clone() };
        assert_eq!(code(app.service.reply(&reader, write(oncology, "Hello.", false)).await), "FORBIDDEN");
        assert_eq!(code(app.service.reply(&fixture.oncologist, write(oncology, " \n ", false)).await), "body REQUIRED");
        let long = "x".repeat(20_001);
        assert_eq!(code(app.service.reply(&fixture.oncologist, write(oncology, &long, false)).await), "body TOO_LONG");
        let control = app.service.reply(&fixture.oncologist, write(oncology, "a\u{7}b", false)).await;
        assert_eq!(code(control), "body CONTROL_CHARACTER");

        let wrong = DeclineShare {
            recipient_id: palliative,
            reason: Decline::WrongRecipient,
            comment: None,
            idempotency_key: None,
        };
        app.service.decline_share(&fixture.palliative, wrong).await.expect("declined");
        assert_eq!(code(app.service.reply(&fixture.palliative, write(palliative, "Hello.", false)).await), "NOT_FOUND");
        assert_eq!(code(app.service.reply(&fixture.physician, write(palliative, "Hello.", false)).await), "DECLINED");
        let recall = RecallShare { share_id: id, reason: "A test.".to_owned(), idempotency_key: None };
        app.service.recall_share(&fixture.physician, recall).await.expect("recalled");
        assert_eq!(code(app.service.reply(&fixture.oncologist, write(oncology, "Hello.", false)).await), "RECALLED");
        assert_eq!(written(&app, oncology).await + written(&app, palliative).await, 0);
    }

    async fn two_answers_at_once_are_one(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, _, palliative) = share_both(&app, &fixture, &signed).await;
        acknowledge(&app, &fixture.palliative, palliative, Disposition::RequestCall, "").await;
        let (one, two) = tokio::join!(
            app.service.reply(&fixture.physician, write(palliative, "I called.", true)),
            app.service.reply(&fixture.coordinator, write(palliative, "I called.", true)),
        );
        let refused = [one, two].into_iter().filter_map(Result::err).map(|error| error.code()).collect::<Vec<_>>();
        assert_eq!(refused, ["NO_REPLY_DUE"]);
        assert_eq!(written(&app, palliative).await, 1);
    }
}
