//! The sender's board, the call list and a person's notices.

use std::collections::HashSet;

use chrono::TimeDelta;
use liaison_domain::{CallTaskStatus, Disposition, Duty, PatientId, Urgency, escalation::StepKind};
use liaison_service::{
    loops::{ShareNote, recall::RecallShare},
    reading::{BoardOnly, BoardQuery, CallListQuery},
};
use liaison_testkit::{both_engines, share_of, to_team};

use super::reading::{acknowledge, code, entries, row, share, share_both, world};

fn all() -> BoardQuery {
    BoardQuery {
        only: BoardOnly::All,
        ..BoardQuery::default()
    }
}

both_engines! {
    async fn the_most_overdue_stands_first_with_what_comes_next(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, first, _) = share_both(&app, &fixture, &signed).await;
        let urgent = ShareNote {
            urgency: Some(Urgency::Emergent),
            ..share_of(signed.version_id, vec![to_team(fixture.oncology_team)])
        };
        let emergent = share(&app, &fixture, urgent).await.recipient_ids[0];
        app.advance(TimeDelta::minutes(90));
        let board = app.service.board(&fixture.coordinator, BoardQuery::default()).await.expect("a board");
        let [line, then, ..] = &board.entries[..] else { panic!("three loops") };
        assert_eq!((line.recipient.id, board.entries.len(), board.has_more), (emergent, 3, false));
        assert!(line.is_overdue() && !then.is_overdue());
        assert_eq!(line.time_left, Some(TimeDelta::minutes(-30)));
        assert_eq!(line.next_step.map(|step| step.kind), Some(StepKind::Reminder));
        assert_eq!(line.next_step.map(|step| step.due), row(&app, emergent).await.next_step_at);
        assert_eq!(line.next_owner, fixture.physician.user_id, "an emergent share asks for a call at once");
        assert!(line.call_due_at.is_some() && then.next_owner.is_none());
        let name = &line.patient.as_ref().expect("a coordinator reads patients").reveal().name;
        assert!(name.contains("Testpatient") || !name.is_empty());
        assert!(!format!("{line:?}").contains(name.as_str()), "PHI stays dark in Debug");
        let read = entries(&app, &fixture.coordinator, "board.read").await;
        assert_eq!(read.len(), 1, "one entry for the page");

        let overdue = BoardQuery { only: BoardOnly::Overdue, ..BoardQuery::default() };
        let overdue = app.service.board(&fixture.physician, overdue).await.expect("a board");
        assert_eq!(overdue.entries.iter().map(|line| line.recipient.id).collect::<Vec<_>>(), [emergent]);
        assert!(board.entries.iter().any(|line| line.recipient.id == first));
    }

    async fn filters_narrow_and_what_the_clinic_owes_stays_open(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        acknowledge(&app, &fixture.palliative, palliative, Disposition::ConcernIdentified, "A concern.").await;
        acknowledge(&app, &fixture.oncologist, oncology, Disposition::ReviewedNoChange, "").await;
        let copy = liaison_service::loops::NewRecipient { duty: Duty::Copy, ..to_team(fixture.oncology_team) };
        let copy = share(&app, &fixture, share_of(signed.version_id, vec![copy])).await.recipient_ids[0];
        let ids = async |query: BoardQuery| -> Vec<_> {
            let board = app.service.board(&fixture.physician, query).await.expect("a board");
            board.entries.iter().map(|line| line.recipient.id).collect()
        };
        assert_eq!(ids(BoardQuery::default()).await, [palliative], "the clinic owes an answer");
        let everything = ids(all()).await;
        assert_eq!((everything.len(), everything[0]), (3, palliative));
        assert!(everything.contains(&copy));
        let to = |organization| BoardQuery { to_organization_id: Some(organization), ..all() };
        assert_eq!(ids(to(fixture.palliative_service)).await, [palliative]);
        assert_eq!(ids(to(fixture.oncology)).await.len(), 2);
        assert!(ids(to(fixture.outside)).await.is_empty());
        assert_eq!(ids(BoardQuery { mine: true, ..all() }).await.len(), 3);
        let none = app.service.board(&fixture.coordinator, BoardQuery { mine: true, ..all() }).await.expect("a board");
        assert!(none.entries.is_empty());
        assert_eq!(ids(BoardQuery { patient_id: Some(signed.patient_id), ..all() }).await.len(), 3);
        let stranger = PatientId::from_uuid(uuid::Uuid::from_u128(5));
        assert!(ids(BoardQuery { patient_id: Some(stranger), ..all() }).await.is_empty());
        let at = row(&app, copy).await.urgency;
        assert_eq!(ids(BoardQuery { urgency: Some(at), ..all() }).await.len(), 3);
        assert!(ids(BoardQuery { urgency: Some(Urgency::Emergent), ..all() }).await.is_empty());
    }

    async fn pages_join_without_gap_or_repeat_and_cost_the_same(app: App) {
        let (fixture, signed) = world(&app).await;
        let second = app.patient(&fixture, "C").await;
        let other = app.sign(&fixture, second, "C", 0).await;
        let mut shares = Vec::new();
        for number in 0..30 {
            let version = if number % 3 == 0 { &other } else { &signed };
            shares.push(share_both(&app, &fixture, version).await);
            if number % 5 == 0 {
                app.advance(TimeDelta::minutes(7));
            }
        }
        for (id, _, _) in shares.iter().take(10) {
            let recall = RecallShare { share_id: *id, reason: "A test.".to_owned(), idempotency_key: None };
            app.service.recall_share(&fixture.physician, recall).await.expect("recalled");
        }
        let page = async |first, after| {
            let query = BoardQuery { first: Some(first), after, ..all() };
            app.service.board(&fixture.physician, query).await.expect("a board")
        };
        let whole = page(100, None).await;
        assert_eq!((whole.entries.len(), whole.has_more), (60, false));
        let whole: Vec<_> = whole.entries.iter().map(|line| line.recipient.id).collect();
        let mut joined = Vec::new();
        let mut after = None;
        loop {
            let part = page(7, after.clone()).await;
            joined.extend(part.entries.iter().map(|line| line.recipient.id));
            after = part.entries.last().map(|line| line.cursor.clone());
            if !part.has_more {
                break;
            }
        }
        assert_eq!(joined, whole);
        assert_eq!(joined.iter().collect::<HashSet<_>>().len(), 60);

        let mut counts = Vec::new();
        for first in [1, 10, 60] {
            let before = app.service.store().statements();
            let board = page(first, None).await;
            assert_eq!(board.entries.len(), usize::try_from(first).expect("small"));
            counts.push(app.service.store().statements() - before);
        }
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        assert!(counts[0] <= 10, "{counts:?}");
    }

    async fn only_the_clinic_has_a_board(app: App) {
        let (fixture, signed) = world(&app).await;
        share_both(&app, &fixture, &signed).await;
        for actor in [&fixture.auditor, &fixture.oncologist, &fixture.outsider] {
            assert_eq!(code(app.service.board(actor, all()).await), "FORBIDDEN");
        }
        let other = app.service.board(&fixture.other_physician, all()).await.expect("their own board");
        assert!(other.entries.is_empty());
        // An admin follows the loops; patients are not theirs to read.
        let admin = app.service.board(&fixture.admin, all()).await.expect("a board");
        assert_eq!(admin.entries.len(), 2);
        assert!(admin.entries.iter().all(|line| line.patient.is_none()));
        let bad = BoardQuery { first: Some(101), after: Some("%".to_owned()), ..all() };
        assert_eq!(code(app.service.board(&fixture.physician, bad).await), "first OUT_OF_RANGE, after INVALID_CURSOR");
        let zero = BoardQuery { first: Some(0), ..all() };
        assert_eq!(code(app.service.board(&fixture.physician, zero).await), "first OUT_OF_RANGE");
    }

    async fn the_call_list_shows_who_owes_which_call(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        acknowledge(&app, &fixture.palliative, palliative, Disposition::RequestCall, "").await;
        acknowledge(&app, &fixture.oncologist, oncology, Disposition::ConcernIdentified, "A concern.").await;
        let open = CallListQuery { status: Some(CallTaskStatus::Open), ..CallListQuery::default() };
        let list = app.service.call_list(&fixture.coordinator, open.clone()).await.expect("a list");
        assert_eq!(list.entries.len(), 2);
        assert!(list.entries.iter().all(|call| call.patient.is_some() && call.recipient.is_some() && !call.overdue));
        assert_eq!(entries(&app, &fixture.coordinator, "call_list.read").await.len(), 1);
        let mine = app.service.call_list(&fixture.coordinator, CallListQuery { mine: true, ..open.clone() }).await;
        assert!(mine.expect("a list").entries.is_empty());
        let page = CallListQuery { first: Some(1), ..open.clone() };
        let first = app.service.call_list(&fixture.physician, page.clone()).await.expect("a list");
        assert!(first.has_more);
        let rest = CallListQuery { after: Some(first.entries[0].cursor.clone()), ..page };
        let rest = app.service.call_list(&fixture.physician, rest).await.expect("a list");
        assert_ne!(first.entries[0].task.id, rest.entries[0].task.id);
        assert!(!rest.has_more);
        app.advance(TimeDelta::days(2));
        let late = app.service.call_list(&fixture.physician, open.clone()).await.expect("a list");
        assert!(late.entries.iter().all(|call| call.overdue));
        for actor in [&fixture.admin, &fixture.oncologist, &fixture.auditor] {
            assert_eq!(code(app.service.call_list(actor, open.clone()).await), "FORBIDDEN");
        }
        let other = app.service.call_list(&fixture.other_physician, open).await.expect("their own list");
        assert!(other.entries.is_empty());
    }

    async fn notices_are_a_persons_own(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        acknowledge(&app, &fixture.palliative, palliative, Disposition::RequestCall, "").await;
        app.advance(TimeDelta::minutes(1));
        acknowledge(&app, &fixture.oncologist, oncology, Disposition::ReviewedNoChange, "").await;
        let page = app.service.notices(&fixture.physician, Some(1), None).await.expect("notices");
        assert!(page.has_more);
        let (newest, cursor) = &page.entries[0];
        assert_eq!(newest.recipient_id, Some(oncology), "the newest first");
        let next = app.service.notices(&fixture.physician, None, Some(cursor)).await.expect("notices");
        assert!(next.entries.iter().all(|(notice, _)| notice.id != newest.id));
        // Another's ids change nothing.
        assert_eq!(app.service.see_notices(&fixture.coordinator, &[newest.id]).await.expect("none"), 0);
        assert_eq!(app.service.see_notices(&fixture.physician, &[newest.id, newest.id]).await.expect("one"), 1);
        assert_eq!(app.service.see_notices(&fixture.physician, &[newest.id]).await.expect("seen before"), 0);
        let again = app.service.notices(&fixture.physician, Some(1), None).await.expect("notices");
        assert!(again.entries[0].0.seen_at.is_some());
        assert_eq!(code(app.service.see_notices(&fixture.physician, &[]).await), "noticeIds OUT_OF_RANGE");
        assert_eq!(code(app.service.notices(&fixture.physician, None, Some("nonsense")).await), "after INVALID_CURSOR");
    }
}
