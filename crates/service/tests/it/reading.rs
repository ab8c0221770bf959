//! One share as its clinic and as each recipient may see it; batches by ids; and what the other tests of reading share.

use liaison_domain::{Actor, Disposition, Duty, EvidenceLevel, RecipientId, ShareId};
use liaison_service::{
    ServiceError,
    loops::{
        NewQuestion, NewRecipient, ShareNote, Shared, VerbalCommunication,
        acknowledge::{Acknowledge, QuestionAnswer},
        recall::RecallShare,
        reply::WriteReply,
    },
    reading::TimelineKind,
};
use liaison_store::{ledger, recipients};
use liaison_testkit::{App, Fixture, Signed, both_engines, share_of, to_team};

pub(super) fn to_person(actor: &Actor) -> NewRecipient {
    NewRecipient {
        team_id: None,
        user_id: actor.user_id,
        organization_id: actor.organization_id,
        care_role: None,
        duty: Duty::Required,
    }
}

pub(super) async fn world(app: &App) -> (Fixture, Signed) {
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let signed = app.sign(&fixture, patient, "A", 0).await;
    (fixture, signed)
}

pub(super) async fn share(app: &App, fixture: &Fixture, input: ShareNote) -> Shared {
    app.service
        .share_note(&fixture.physician, input)
        .await
        .expect("a share")
}

/// A share to the oncology and the palliative team.
pub(super) async fn share_both(app: &App, fixture: &Fixture, signed: &Signed) -> (ShareId, RecipientId, RecipientId) {
    let recipients = vec![to_team(fixture.oncology_team), to_team(fixture.palliative_team)];
    let shared = share(app, fixture, share_of(signed.version_id, recipients)).await;
    (shared.share_id, shared.recipient_ids[0], shared.recipient_ids[1])
}

pub(super) async fn row(app: &App, id: RecipientId) -> recipients::RecipientRow {
    let mut conn = app.service.store().read().await.expect("a connection");
    recipients::find(&mut conn, id)
        .await
        .expect("the row reads")
        .expect("the loop exists")
}

/// How often a person did something, by the ledger.
pub(super) async fn entries(app: &App, actor: &Actor, action: &str) -> Vec<ledger::EntryRow> {
    let mut conn = app.service.store().read().await.expect("a connection");
    let filter = ledger::EntryFilter {
        user_id: actor.user_id,
        actions: vec![action.to_owned()],
        ..Default::default()
    };
    ledger::search(&mut conn, &filter, 100).await.expect("a search")
}

/// Opens a loop and acknowledges it.
pub(super) async fn acknowledge(app: &App, actor: &Actor, id: RecipientId, with: Disposition, comment: &str) {
    let opened = app.service.open_share(actor, id).await.expect("it opens");
    let input = Acknowledge {
        recipient_id: Some(id),
        note_version_id: Some(opened.recipient.note_version_id),
        dispositions: vec![with],
        comment: Some(comment.to_owned()),
        ..Acknowledge::default()
    };
    app.service.acknowledge(actor, input).await.expect("acknowledged");
}

pub(super) fn code<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> String {
    match result.expect_err("refused") {
        ServiceError::Invalid(problems) => {
            let all: Vec<_> = problems
                .iter()
                .map(|problem| format!("{} {}", problem.path, problem.code))
                .collect();
            all.join(", ")
        }
        other => other.code().to_owned(),
    }
}

async fn asked_share(app: &App, fixture: &Fixture, signed: &Signed) -> (ShareId, RecipientId, RecipientId) {
    let recipients = vec![to_team(fixture.oncology_team), to_team(fixture.palliative_team)];
    let question = |care_role, text: &str| NewQuestion {
        care_role,
        text: text.to_owned(),
        respond_by: None,
    };
    let input = ShareNote {
        message: Some("Please see the pressures.".to_owned()),
        verbal: Some(VerbalCommunication {
            at: app.now(),
            to: "Dr. Palla Confortini".to_owned(),
            read_back: true,
            note: None,
        }),
        questions: vec![
            question(None, "Any objection?"),
            question(
                Some(liaison_domain::CareRole::PalliativeClinician),
                "Who owns the taper?",
            ),
        ],
        ..share_of(signed.version_id, recipients)
    };
    let shared = share(app, fixture, input).await;
    (shared.share_id, shared.recipient_ids[0], shared.recipient_ids[1])
}

both_engines! {
    async fn the_clinic_sees_the_whole_share_and_its_reading_is_recorded(app: App) {
        let (fixture, signed) = world(&app).await;
        let (id, oncology, palliative) = asked_share(&app, &fixture, &signed).await;
        acknowledge(&app, &fixture.palliative, palliative, Disposition::ConcernIdentified, "Not with that heart.").await;
        let view = app.service.share(&fixture.physician, id).await.expect("the share");
        assert!(view.as_clinic);
        let detail = view.detail.expect("the texts");
        assert_eq!(detail.reveal().message.as_deref(), Some("Please see the pressures."));
        assert!(detail.reveal().verbal.is_some());
        assert_eq!(view.questions.len(), 2);
        let texts: Vec<_> = view.questions.iter().map(|question| question.text.as_ref().expect("a text").reveal()).collect();
        assert!(texts.iter().any(|text| *text == "Who owns the taper?"));
        assert_eq!(view.recipients.len(), 2);
        let part = |id| view.recipients.iter().find(|part| part.recipient.id == id).expect("the loop");
        let (first, second) = (part(oncology), part(palliative));
        assert_eq!(first.deliveries.len(), 2, "e-mail and webhook");
        assert!(first.next_step.is_some() && first.acknowledgment.is_none());
        let answer = second.acknowledgment.as_ref().expect("an acknowledgment");
        assert_eq!(answer.detail.as_ref().expect("a detail").reveal().comment.as_deref(), Some("Not with that heart."));
        assert_eq!(second.call_tasks.len(), 1);
        let kinds: Vec<_> = second.timeline.iter().map(|event| event.kind).collect();
        assert!(kinds.contains(&TimelineKind::Acknowledged) && kinds.contains(&TimelineKind::CallGiven), "{kinds:?}");
        assert_eq!(kinds.first(), Some(&TimelineKind::Shared));
        assert!(second.timeline.is_sorted_by_key(|event| event.at));

        let read = entries(&app, &fixture.physician, "share.read").await;
        assert_eq!(read.len(), 1);
        assert!(!format!("{view:?}", view = second.acknowledgment).contains("heart"), "PHI stays dark in Debug");
        assert!(!format!("{:?}", view.questions).contains("taper"));
    }

    async fn a_recipient_sees_their_own_part_and_nothing_of_the_other(app: App) {
        let (fixture, signed) = world(&app).await;
        let (id, oncology, palliative) = asked_share(&app, &fixture, &signed).await;
        app.service.open_share(&fixture.palliative, palliative).await.expect("it opens");
        let theirs = app.service.share(&fixture.palliative, id).await.expect("theirs");
        let question = theirs.questions.iter().find(|question| question.row.care_role.is_none()).expect("for all").row.id;
        let answer = Acknowledge {
            recipient_id: Some(palliative),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::AnswerQuestions],
            answers: vec![QuestionAnswer { question_id: question, text: "None from us.".to_owned() }],
            ..Acknowledge::default()
        };
        app.service.acknowledge(&fixture.palliative, answer).await.expect("acknowledged");

        // Before opening: no texts at all, and no entry of a reading.
        let before = app.service.share(&fixture.oncologist, id).await.expect("their part");
        assert!(!before.as_clinic && before.detail.is_none());
        assert!(before.questions.iter().all(|question| question.text.is_none()));
        assert!(entries(&app, &fixture.oncologist, "share.read").await.is_empty());

        app.service.open_share(&fixture.oncologist, oncology).await.expect("it opens");
        let view = app.service.share(&fixture.oncologist, id).await.expect("their part");
        assert_eq!(view.recipients.iter().map(|part| part.recipient.id).collect::<Vec<_>>(), [oncology]);
        let detail = view.detail.expect("the message");
        assert_eq!(detail.reveal().message.as_deref(), Some("Please see the pressures."));
        assert!(detail.reveal().verbal.is_none(), "whom the clinic telephoned is not theirs to know");
        let [shown] = &view.questions[..] else { panic!("the other question is for another role") };
        assert!(shown.answer.is_none() && shown.row.answered_by.is_none() && shown.row.answer_sealed.is_none());
        let part = &view.recipients[0];
        assert!(part.deliveries.is_empty() && part.call_tasks.is_empty() && part.steps.is_empty());
        assert!(part.evidence.iter().all(|fact| fact.artefact.is_empty()));
        assert_eq!(part.evidence.last().map(|fact| fact.level), Some(EvidenceLevel::Opened));
        assert_eq!(entries(&app, &fixture.oncologist, "share.read").await.len(), 1);

        // A colleague who did not open it does not get the message by the side door.
        let colleague = app.service.share(&fixture.second_oncologist, id).await.expect("the team's part");
        assert!(colleague.detail.is_none());
        let mine = app.service.share(&fixture.palliative, id).await.expect("their part");
        let answered = mine.questions.iter().find(|found| found.row.id == question).expect("the question");
        assert_eq!(answered.answer.as_ref().expect("their answer").reveal(), "None from us.");
    }

    async fn strangers_and_admins_learn_nothing(app: App) {
        let (fixture, signed) = world(&app).await;
        let (id, oncology, _) = asked_share(&app, &fixture, &signed).await;
        let unknown = ShareId::from_uuid(uuid::Uuid::from_u128(3));
        for actor in [&fixture.outsider, &fixture.other_physician, &fixture.other_admin] {
            assert_eq!(code(app.service.share(actor, id).await), "NOT_FOUND");
            assert_eq!(code(app.service.share(actor, unknown).await), "NOT_FOUND");
            assert_eq!(code(app.service.loop_timeline(actor, oncology).await), "NOT_FOUND");
            assert!(app.service.shares(actor, &[id]).await.expect("a batch").is_empty());
            assert!(app.service.loops(actor, &[oncology]).await.expect("a batch").is_empty());
            assert!(app.service.replies_of(actor, &[oncology]).await.expect("a batch").is_empty());
            assert!(app.service.questions_of(actor, &[id]).await.expect("a batch").is_empty());
            assert!(app.service.details_of_shares(actor, &[id]).await.expect("a batch").is_empty());
            assert!(app.service.evidence_of(actor, &[oncology]).await.expect("a batch").is_empty());
        }
        assert_eq!(code(app.service.share(&fixture.auditor, id).await), "FORBIDDEN");
        // An admin follows where it stands, without a word of what it says.
        let view = app.service.share(&fixture.admin, id).await.expect("the share");
        assert!(view.detail.is_none() && view.questions.iter().all(|question| question.text.is_none()));
        assert_eq!(view.recipients.len(), 2);
        assert!(entries(&app, &fixture.admin, "share.read").await.is_empty());
        assert!(!entries(&app, &fixture.outsider, "access.denied").await.is_empty());
    }

    async fn after_a_recall_the_texts_are_gone_for_the_recipient(app: App) {
        let (fixture, signed) = world(&app).await;
        let (id, oncology, _) = asked_share(&app, &fixture, &signed).await;
        app.service.open_share(&fixture.oncologist, oncology).await.expect("it opens");
        let write = WriteReply {
            recipient_id: oncology,
            body: "We called the patient.".to_owned(),
            closes_reply_due: false,
            idempotency_key: None,
        };
        app.service.reply(&fixture.oncologist, write).await.expect("written");
        let recall = RecallShare { share_id: id, reason: "Wrong patient.".to_owned(), idempotency_key: None };
        app.service.recall_share(&fixture.physician, recall).await.expect("recalled");
        let view = app.service.share(&fixture.oncologist, id).await.expect("that it was taken back");
        assert!(view.detail.is_none() && view.recall_reason.is_none());
        assert!(view.recipients[0].replies.iter().all(|reply| reply.body.is_none()));
        assert!(view.recipients[0].timeline.iter().any(|event| event.kind == TimelineKind::Ended));
        let own = app.service.share(&fixture.physician, id).await.expect("the share");
        assert_eq!(own.recall_reason.expect("why").reveal(), "Wrong patient.");
        let part = own.recipients.iter().find(|part| part.recipient.id == oncology).expect("the loop");
        assert_eq!(part.replies[0].body.as_ref().expect("kept").reveal(), "We called the patient.");
    }

    async fn batches_cost_the_same_for_one_and_for_many(app: App) {
        let (fixture, signed) = world(&app).await;
        let mut shares = Vec::new();
        let mut loops = Vec::new();
        for _ in 0..10 {
            let (id, oncology, palliative) = asked_share(&app, &fixture, &signed).await;
            shares.push(id);
            loops.extend([oncology, palliative]);
        }
        acknowledge(&app, &fixture.oncologist, loops[0], Disposition::PlanAdjusted, "Less steroid.").await;
        let actor = &fixture.physician;
        let mut counts = Vec::new();
        for many in [1, 10] {
            let (shares, loops) = (&shares[..many], &loops[..2 * many]);
            let before = app.service.store().statements();
            assert_eq!(app.service.shares(actor, shares).await.expect("a batch").len(), many);
            assert_eq!(app.service.recipients_of_shares(actor, shares).await.expect("a batch").len(), many);
            assert_eq!(app.service.questions_of(actor, shares).await.expect("a batch").len(), many);
            assert_eq!(app.service.details_of_shares(actor, shares).await.expect("a batch").len(), many);
            let deliveries = app.service.deliveries_of_recipients(actor, loops).await.expect("a batch");
            assert_eq!(deliveries.len(), 2 * many);
            let ids: Vec<_> = deliveries.values().flatten().map(|delivery| delivery.id).collect();
            app.service.attempts_of_deliveries(actor, &ids).await.expect("a batch");
            app.service.evidence_of(actor, loops).await.expect("a batch");
            assert_eq!(app.service.acknowledgments_of(actor, loops).await.expect("a batch").len(), 1);
            app.service.declines_of(actor, loops).await.expect("a batch");
            app.service.steps_of(actor, loops).await.expect("a batch");
            app.service.call_tasks_of(actor, loops).await.expect("a batch");
            app.service.replies_of(actor, loops).await.expect("a batch");
            counts.push(app.service.store().statements() - before);
        }
        assert_eq!(counts[0], counts[1], "{counts:?}");
        assert_eq!(row(&app, loops[1]).await.level, EvidenceLevel::Queued, "reading by the clinic proves nothing");
    }
}
