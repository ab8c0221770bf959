//! The closed loop through its use cases: share, open, acknowledge, decline, redirect, recall, amend, withdraw, call.

use liaison_domain::{
    CallReason, CallTaskStatus, Decline, Disposition, EvidenceLevel, Illegal, NoteVersionId, Outcome, RecipientId,
    Urgency,
};
use liaison_service::{
    ServiceError,
    loops::{
        NewQuestion, NewRecipient, ShareNote, Shared,
        acknowledge::{Acknowledge, QuestionAnswer},
        call_task::CompleteCallTask,
        decline::DeclineShare,
        recall::RecallShare,
        redirect::RedirectShare,
        share_note::Override,
    },
};
use liaison_store::{call_tasks, deliveries, ledger, recipients, shares};
use liaison_testkit::{App, Fixture, Signed, both_engines, share_of, to_team};

async fn world(app: &App) -> (Fixture, Signed) {
    let fixture = app.fixture().await;
    let patient = app.patient(&fixture, "A").await;
    let signed = app.sign(&fixture, patient, "A", 0).await;
    (fixture, signed)
}

async fn shared_with_both(app: &App, fixture: &Fixture, signed: &Signed) -> Shared {
    let recipients = vec![to_team(fixture.oncology_team), to_team(fixture.palliative_team)];
    app.service
        .share_note(&fixture.physician, share_of(signed.version_id, recipients))
        .await
        .expect("a share")
}

async fn row(app: &App, id: RecipientId) -> recipients::RecipientRow {
    let mut conn = app.service.store().read().await.expect("a connection");
    recipients::find(&mut conn, id)
        .await
        .expect("the row reads")
        .expect("the loop exists")
}

async fn calls(app: &App, id: RecipientId) -> Vec<call_tasks::CallTaskRow> {
    let mut conn = app.service.store().read().await.expect("a connection");
    call_tasks::of_recipients(&mut conn, &[id.uuid()])
        .await
        .expect("the rows read")
}

async fn actions(app: &App, id: RecipientId) -> Vec<String> {
    let mut conn = app.service.store().read().await.expect("a connection");
    let filter = ledger::EntryFilter {
        recipient_id: Some(id),
        ..Default::default()
    };
    let mut found: Vec<_> = ledger::search(&mut conn, &filter, 100)
        .await
        .expect("a search")
        .into_iter()
        .map(|row| row.action)
        .collect();
    found.sort();
    found
}

fn reviewed(id: RecipientId, version: NoteVersionId) -> Acknowledge {
    Acknowledge {
        recipient_id: Some(id),
        note_version_id: Some(version),
        dispositions: vec![Disposition::ReviewedNoChange],
        ..Acknowledge::default()
    }
}

fn codes(error: ServiceError) -> Vec<String> {
    match error {
        ServiceError::Invalid(problems) => problems
            .into_iter()
            .map(|problem| format!("{} {}", problem.path, problem.code))
            .collect(),
        other => vec![other.code().to_owned()],
    }
}

both_engines! {
    async fn share_open_acknowledge_closes_the_loop(app: App) {
        let (fixture, signed) = world(&app).await;
        let shared = shared_with_both(&app, &fixture, &signed).await;
        let [oncology, palliative] = shared.recipient_ids[..] else { panic!("two loops") };
        let before = row(&app, oncology).await;
        assert_eq!((before.level, before.is_open, before.urgency), (EvidenceLevel::Queued, true, Urgency::Routine));
        assert!(before.due_at.is_some() && before.next_step_at.is_some());

        // Not opened yet: nothing can be acknowledged.
        let early = app.service.acknowledge(&fixture.oncologist, reviewed(oncology, signed.version_id)).await;
        assert!(matches!(early, Err(ServiceError::Illegal(Illegal::NotOpened))), "{early:?}");

        let opened = app.service.open_share(&fixture.oncologist, oncology).await.expect("it opens");
        assert_eq!(opened.recipient.level, EvidenceLevel::Opened);
        // A colleague of the team who did not open it cannot acknowledge what they did not read.
        let other = app.service.acknowledge(&fixture.second_oncologist, reviewed(oncology, signed.version_id)).await;
        assert!(matches!(other, Err(ServiceError::Illegal(Illegal::NotOpened))), "{other:?}");

        let done = app.service.acknowledge(&fixture.oncologist, reviewed(oncology, signed.version_id)).await.expect("closed");
        assert!(!done.reply_due);
        let after = row(&app, oncology).await;
        assert_eq!((after.level, after.is_open, after.next_step_at), (EvidenceLevel::Acknowledged, false, None));
        assert!(after.state().is_closed());
        // The other recipient's loop is untouched.
        assert!(row(&app, palliative).await.is_open);

        let again = app.service.acknowledge(&fixture.oncologist, reviewed(oncology, signed.version_id)).await;
        assert!(matches!(again, Err(ServiceError::Illegal(Illegal::AlreadyAcknowledged))), "{again:?}");
        assert_eq!(
            actions(&app, oncology).await,
            ["acknowledgment.create", "evidence.recorded", "evidence.recorded", "recipient.create", "share.open"]
        );
    }

    async fn the_same_key_answers_the_same_and_another_request_is_refused(app: App) {
        let (fixture, signed) = world(&app).await;
        let mut input = share_of(signed.version_id, vec![to_team(fixture.oncology_team)]);
        input.idempotency_key = Some("share-1".to_owned());
        let first = app.service.share_note(&fixture.physician, input.clone()).await.expect("a share");
        let again = app.service.share_note(&fixture.physician, input.clone()).await.expect("the same answer");
        assert_eq!(first, again);
        input.message = Some("another".to_owned());
        let reused = app.service.share_note(&fixture.physician, input).await;
        assert!(matches!(reused, Err(ServiceError::IdempotencyKeyReused)), "{reused:?}");

        let id = first.recipient_ids[0];
        app.service.open_share(&fixture.oncologist, id).await.expect("it opens");
        let mut answer = reviewed(id, signed.version_id);
        answer.idempotency_key = Some("ack-1".to_owned());
        let one = app.service.acknowledge(&fixture.oncologist, answer.clone()).await.expect("closed");
        let two = app.service.acknowledge(&fixture.oncologist, answer).await.expect("the same answer");
        assert_eq!(one, two);
    }

    async fn bad_input_names_every_field_and_writes_nothing(app: App) {
        let (fixture, signed) = world(&app).await;
        let mut input = share_of(
            signed.version_id,
            vec![
                NewRecipient { user_id: fixture.oncologist.user_id, ..to_team(fixture.oncology_team) },
                to_team(liaison_domain::TeamId::from_uuid(uuid::Uuid::from_u128(7))),
            ],
        );
        input.questions = vec![NewQuestion { care_role: None, text: " ".to_owned(), respond_by: None }];
        let error = app.service.share_note(&fixture.physician, input).await.expect_err("refused");
        assert_eq!(codes(error), ["questions[0].text OUT_OF_RANGE", "recipients[0] ONE_OF", "recipients[1].teamId UNKNOWN_ID"]);

        let lower = ShareNote {
            urgency: Some(Urgency::Routine),
            ..share_of(signed.version_id, vec![])
        };
        let error = app.service.share_note(&fixture.physician, lower).await.expect_err("refused");
        assert_eq!(codes(error), ["recipients OUT_OF_RANGE"]);

        // A team without endpoints, off the care team.
        let nowhere = share_of(signed.version_id, vec![to_team(fixture.outside_team)]);
        let error = app.service.share_note(&fixture.physician, nowhere).await.expect_err("refused");
        assert_eq!(codes(error), ["recipients[0] NOT_ON_CARE_TEAM", "recipients[0] NO_ENDPOINT"]);

        let mut conn = app.service.store().read().await.expect("a connection");
        assert!(shares::by_note(&mut conn, signed.note_id).await.expect("rows").is_empty());
    }

    async fn only_a_physician_shares_and_only_the_recipient_opens(app: App) {
        let (fixture, signed) = world(&app).await;
        let input = share_of(signed.version_id, vec![to_team(fixture.oncology_team)]);
        for actor in [&fixture.coordinator, &fixture.admin, &fixture.auditor, &fixture.oncologist] {
            let error = app.service.share_note(actor, input.clone()).await.expect_err("refused");
            assert_eq!(codes(error), ["FORBIDDEN"]);
        }
        let error = app.service.share_note(&fixture.other_physician, input.clone()).await.expect_err("refused");
        assert_eq!(codes(error), ["NOT_FOUND"]);

        let id = app.service.share_note(&fixture.physician, input).await.expect("a share").recipient_ids[0];
        for actor in [&fixture.palliative, &fixture.outsider, &fixture.other_physician, &fixture.physician, &fixture.admin] {
            let error = app.service.open_share(actor, id).await.expect_err("refused");
            assert_eq!(codes(error), ["NOT_FOUND"]);
        }
        let unknown = RecipientId::from_uuid(uuid::Uuid::from_u128(9));
        let error = app.service.open_share(&fixture.outsider, unknown).await.expect_err("refused");
        assert_eq!(codes(error), ["NOT_FOUND"]);
        assert_eq!(row(&app, id).await.level, EvidenceLevel::Queued);
    }

    async fn a_concern_keeps_the_clinic_in_debt_until_it_called(app: App) {
        let (fixture, signed) = world(&app).await;
        let mut input = share_of(signed.version_id, vec![to_team(fixture.palliative_team)]);
        input.questions = vec![NewQuestion { care_role: None, text: "Who owns the taper?".to_owned(), respond_by: None }];
        let shared = app.service.share_note(&fixture.physician, input).await.expect("a share");
        let id = shared.recipient_ids[0];
        app.service.open_share(&fixture.palliative, id).await.expect("it opens");
        let question = {
            let mut conn = app.service.store().read().await.expect("a connection");
            shares::questions_of(&mut conn, &[shared.share_id.uuid()]).await.expect("rows").remove(0).id
        };
        let mut answer = reviewed(id, signed.version_id);
        answer.dispositions = vec![Disposition::HoldInfusions, Disposition::AnswerQuestions];
        let error = app.service.acknowledge(&fixture.palliative, answer.clone()).await.expect_err("refused");
        assert_eq!(codes(error), ["comment INVALID", "answers INVALID"]);

        answer.comment = Some("Blood pressure first.".to_owned());
        answer.answers = vec![QuestionAnswer { question_id: question, text: "We do.".to_owned() }];
        let done = app.service.acknowledge(&fixture.palliative, answer).await.expect("acknowledged");
        assert!(done.reply_due);
        let state = row(&app, id).await;
        assert!(!state.is_open && !state.state().is_closed(), "acknowledged, but the clinic owes an answer");
        let tasks = calls(&app, id).await;
        assert_eq!((tasks.len(), tasks[0].reason, tasks[0].status), (1, CallReason::ReplyDue, CallTaskStatus::Open));
        assert_eq!(Some(tasks[0].owner_id), fixture.physician.user_id);
        {
            let mut conn = app.service.store().read().await.expect("a connection");
            let holds = liaison_store::acknowledgments::holds_of(&mut conn, &[signed.patient_id.uuid()]).await.expect("rows");
            assert_eq!(holds.len(), 1);
        }

        let call = CompleteCallTask {
            call_task_id: tasks[0].id,
            spoken_with: "Dr. Palla Confortini (SYNTHETIC)".to_owned(),
            spoken_with_user_id: fixture.palliative.user_id,
            at: app.now(),
            read_back: true,
            dispositions: Vec::new(),
            note: None,
            idempotency_key: None,
        };
        let error = app.service.complete_call_task(&fixture.palliative, call.clone()).await.expect_err("refused");
        assert_eq!(codes(error), ["NOT_FOUND"]);
        app.service.complete_call_task(&fixture.coordinator, call.clone()).await.expect("recorded");
        assert!(row(&app, id).await.state().is_closed());
        let error = app.service.complete_call_task(&fixture.coordinator, call).await.expect_err("refused");
        assert_eq!(codes(error), ["NOT_OPEN"]);
    }

    async fn a_call_with_read_back_acknowledges_by_telephone(app: App) {
        let (fixture, signed) = world(&app).await;
        let mut input = share_of(signed.version_id, vec![to_team(fixture.oncology_team)]);
        input.urgency = Some(Urgency::Emergent);
        let id = app.service.share_note(&fixture.physician, input).await.expect("a share").recipient_ids[0];
        let tasks = calls(&app, id).await;
        assert_eq!((tasks.len(), tasks[0].reason), (1, CallReason::VoiceFirst), "emergent: voice first");
        let mut call = CompleteCallTask {
            call_task_id: tasks[0].id,
            spoken_with: "Dr. Oncor Fabricato (SYNTHETIC)".to_owned(),
            spoken_with_user_id: None,
            at: app.now(),
            read_back: false,
            dispositions: vec![Disposition::ReviewedNoChange],
            note: None,
            idempotency_key: None,
        };
        let error = app.service.complete_call_task(&fixture.physician, call.clone()).await.expect_err("refused");
        assert_eq!(codes(error), ["readBack REQUIRED"]);
        call.read_back = true;
        let done = app.service.complete_call_task(&fixture.physician, call).await.expect("recorded");
        assert!(done.acknowledged.is_some());
        let after = row(&app, id).await;
        assert_eq!((after.level, after.is_open), (EvidenceLevel::Acknowledged, false));
    }

    async fn a_wrong_recipient_loses_the_copy_and_the_clinic_must_act(app: App) {
        let (fixture, signed) = world(&app).await;
        let shared = shared_with_both(&app, &fixture, &signed).await;
        let id = shared.recipient_ids[0];
        app.service.open_share(&fixture.oncologist, id).await.expect("it opens");
        let input = DeclineShare {
            recipient_id: id,
            reason: Decline::WrongRecipient,
            comment: Some("Not mine.".to_owned()),
            idempotency_key: Some("decline-1".to_owned()),
        };
        let declined = app.service.decline_share(&fixture.oncologist, input.clone()).await.expect("declined");
        assert!(declined.mis_send_id.is_some());
        let again = app.service.decline_share(&fixture.oncologist, input).await.expect("the same answer");
        assert_eq!(declined, again);
        let error = app.service.open_share(&fixture.oncologist, id).await.expect_err("sealed");
        assert_eq!(codes(error), ["NOT_FOUND"]);
        let after = row(&app, id).await;
        assert_eq!((after.outcome, after.is_open), (Some(Outcome::Declined), false));
        let tasks = calls(&app, id).await;
        assert_eq!((tasks.len(), tasks[0].reason), (1, CallReason::Declined));
        assert!(row(&app, shared.recipient_ids[1]).await.is_open, "one recipient's decline never colours another's");
    }

    async fn a_redirect_opens_the_colleagues_loop_with_a_full_clock(app: App) {
        let (fixture, signed) = world(&app).await;
        let id = shared_with_both(&app, &fixture, &signed).await.recipient_ids[0];
        app.advance(chrono::TimeDelta::hours(5));
        let mut input = RedirectShare {
            recipient_id: id,
            to_team_id: Some(fixture.palliative_team),
            to_user_id: None,
            to_organization_id: None,
            reason: "They follow this patient.".to_owned(),
            idempotency_key: None,
        };
        let error = app.service.redirect_share(&fixture.oncologist, input.clone()).await.expect_err("refused");
        assert_eq!(codes(error), ["toTeamId ALREADY_RECIPIENT"]);
        input.to_team_id = None;
        input.to_user_id = fixture.second_oncologist.user_id;
        let redirected = app.service.redirect_share(&fixture.oncologist, input).await.expect("redirected");
        let (from, to) = (row(&app, id).await, row(&app, redirected.new_recipient_id).await);
        assert_eq!((from.outcome, from.is_open, from.redirected_to), (Some(Outcome::Redirected), false, Some(to.id)));
        assert_eq!((to.shared_at, to.is_open, to.redirected_from), (app.now(), true, Some(from.id)));
        assert!(from.redirect_accepted_at.is_none());
        app.service.open_share(&fixture.second_oncologist, to.id).await.expect("it opens");
        app.service.acknowledge(&fixture.second_oncologist, reviewed(to.id, signed.version_id)).await.expect("closed");
        assert!(row(&app, id).await.redirect_accepted_at.is_some(), "the redirecting colleague's duty ends");
    }

    async fn a_recalled_share_cannot_be_opened_or_acknowledged(app: App) {
        let (fixture, signed) = world(&app).await;
        let shared = shared_with_both(&app, &fixture, &signed).await;
        let [opened, unopened] = shared.recipient_ids[..] else { panic!("two loops") };
        app.service.open_share(&fixture.oncologist, opened).await.expect("it opens");
        let input = RecallShare { share_id: shared.share_id, reason: "Wrong attachment.".to_owned(), idempotency_key: None };
        let recalled = app.service.recall_share(&fixture.physician, input.clone()).await.expect("recalled");
        assert_eq!((recalled.unopened, recalled.told), (1, 1));
        let error = app.service.open_share(&fixture.palliative, unopened).await.expect_err("refused");
        assert_eq!(codes(error), ["RECALLED"]);
        let error = app.service.acknowledge(&fixture.oncologist, reviewed(opened, signed.version_id)).await.expect_err("refused");
        assert_eq!(codes(error), ["RECALLED"]);
        let error = app.service.recall_share(&fixture.physician, input).await.expect_err("refused");
        assert_eq!(codes(error), ["RECALLED"]);
        let mut conn = app.service.store().read().await.expect("a connection");
        let left = deliveries::of_recipients(&mut conn, &[unopened.uuid()]).await.expect("rows");
        assert!(left.iter().all(|delivery| delivery.state == liaison_domain::DeliveryState::Cancelled), "nothing leaves after a recall");
    }

    async fn a_restriction_holds_unless_an_emergency_overrides_it(app: App) {
        use liaison_service::patients::{AddRestriction, RestrictionScope};
        let (fixture, signed) = world(&app).await;
        let restriction = AddRestriction {
            patient_id: signed.patient_id,
            scope: RestrictionScope::Team(fixture.oncology_team),
            detail: Some("The patient asked for it.".to_owned()),
            agreed_by: None,
            agreed_at: None,
            idempotency_key: None,
        };
        app.service.add_restriction(&fixture.physician, restriction).await.expect("a restriction");
        let mut input = share_of(signed.version_id, vec![to_team(fixture.oncology_team)]);
        let error = app.service.share_note(&fixture.physician, input.clone()).await.expect_err("refused");
        assert_eq!(codes(error), ["recipients[0] RESTRICTED"]);
        input.overrides = vec![Override { code: "RESTRICTED".to_owned(), reason: "Cord compression.".to_owned() }];
        app.service.share_note(&fixture.physician, input).await.expect("an emergency");
    }

    async fn a_restriction_on_one_person_holds_within_the_team(app: App) {
        use liaison_service::patients::{AddRestriction, RestrictionScope};
        let (fixture, signed) = world(&app).await;
        let restriction = AddRestriction {
            patient_id: signed.patient_id,
            scope: RestrictionScope::User(fixture.second_oncologist.user_id.expect("a person")),
            detail: None,
            agreed_by: None,
            agreed_at: None,
            idempotency_key: None,
        };
        app.service.add_restriction(&fixture.physician, restriction).await.expect("a restriction");
        let id = shared_with_both(&app, &fixture, &signed).await.recipient_ids[0];
        let error = app.service.open_share(&fixture.second_oncologist, id).await.expect_err("refused");
        assert_eq!(codes(error), ["NOT_FOUND"]);
        let query = || liaison_service::reading::InboxQuery { first: Some(10), ..Default::default() };
        let theirs = app.service.inbox(&fixture.second_oncologist, query()).await.expect("an inbox");
        assert!(theirs.entries.is_empty(), "not even that there is something");
        let others = app.service.inbox(&fixture.oncologist, query()).await.expect("an inbox");
        assert_eq!(others.entries.len(), 1);
        app.service.open_share(&fixture.oncologist, id).await.expect("the others read it");
    }

    async fn the_calls_of_somebody_who_is_disabled_get_a_new_owner(app: App) {
        let (fixture, signed) = world(&app).await;
        let mut input = share_of(signed.version_id, vec![to_team(fixture.oncology_team)]);
        input.urgency = Some(Urgency::Emergent);
        let id = app.service.share_note(&fixture.physician, input).await.expect("a share").recipient_ids[0];
        let task = calls(&app, id).await.remove(0);
        let coordinator = fixture.coordinator.user_id.expect("a person");
        app.service.assign_call_task(&fixture.physician, task.id, coordinator).await.expect("assigned");
        app.service.set_person_disabled(&fixture.admin, coordinator, true).await.expect("disabled");
        assert_eq!(Some(calls(&app, id).await[0].owner_id), fixture.physician.user_id, "never a call without an owner who can call");
    }
}
