//! The recipient's inbox.

use chrono::TimeDelta;
use liaison_domain::{Actor, Decline, Disposition, Duty, EvidenceLevel, RecipientId, Urgency, UserId};
use liaison_service::{
    directory::CreateCoverage,
    loops::{NewRecipient, ShareNote, decline::DeclineShare, recall::RecallShare},
    reading::{InboxOnly, InboxQuery},
};
use liaison_store::recipients;
use liaison_testkit::{App, both_engines, share_of, to_team};

use super::reading::{acknowledge, code, entries, row, share, share_both, to_person, world};

fn all() -> InboxQuery {
    InboxQuery {
        only: InboxOnly::All,
        ..InboxQuery::default()
    }
}

async fn ids(app: &App, actor: &Actor, query: InboxQuery) -> Vec<RecipientId> {
    let inbox = app.service.inbox(actor, query).await.expect("an inbox");
    inbox.entries.iter().map(|line| line.recipient.id).collect()
}

async fn evidence(app: &App, id: RecipientId) -> Vec<(EvidenceLevel, String, Option<UserId>)> {
    let mut conn = app.service.store().read().await.expect("a connection");
    let rows = recipients::evidence_of(&mut conn, &[id.uuid()]).await.expect("rows");
    rows.into_iter()
        .map(|fact| (fact.level, fact.source, fact.user_id))
        .collect()
}

both_engines! {
    async fn listing_places_a_loop_once_and_names_the_patient(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        let inbox = app.service.inbox(&fixture.oncologist, InboxQuery::default()).await.expect("an inbox");
        let [line] = &inbox.entries[..] else { panic!("one loop, not the palliative team's") };
        assert_eq!((line.recipient.id, line.recipient.level), (oncology, EvidenceLevel::Placed));
        assert!(line.time_left.is_some_and(|left| left > TimeDelta::zero()));
        let name = &line.patient.as_ref().expect("a recipient reads the name").reveal().name;
        assert!(!format!("{line:?}").contains(name.as_str()));
        assert_eq!(entries(&app, &fixture.oncologist, "inbox.read").await.len(), 1);
        let expected = (EvidenceLevel::Placed, "inbox".to_owned(), fixture.oncologist.user_id);
        assert_eq!(evidence(&app, oncology).await, [expected]);
        assert_eq!(row(&app, palliative).await.level, EvidenceLevel::Queued);

        // Looking again, by a colleague with a read-only token, adds nothing.
        let reader = Actor { read_only: true, ..fixture.second_oncologist.clone() };
        assert_eq!(ids(&app, &reader, InboxQuery::default()).await, [oncology]);
        assert_eq!(evidence(&app, oncology).await.len(), 1);
        // A read-only look can be the first: that they were shown it is a fact.
        let reader = Actor { read_only: true, ..fixture.palliative.clone() };
        assert_eq!(ids(&app, &reader, InboxQuery::default()).await, [palliative]);
        assert_eq!(row(&app, palliative).await.level, EvidenceLevel::Placed);
        assert!(row(&app, palliative).await.is_open, "placed is not acknowledged");
    }

    async fn the_most_urgent_first_and_the_closed_apart(app: App) {
        let (fixture, signed) = world(&app).await;
        let to = |urgency, recipient: NewRecipient| ShareNote {
            urgency: Some(urgency),
            ..share_of(signed.version_id, vec![recipient])
        };
        let oncology = || to_team(fixture.oncology_team);
        let routine = share(&app, &fixture, to(Urgency::Routine, oncology())).await.recipient_ids[0];
        app.advance(TimeDelta::minutes(1));
        let urgent = share(&app, &fixture, to(Urgency::Urgent, oncology())).await.recipient_ids[0];
        let emergent = share(&app, &fixture, to(Urgency::Emergent, to_person(&fixture.oncologist))).await.recipient_ids[0];
        let copy = NewRecipient { duty: Duty::Copy, ..oncology() };
        let copy = share(&app, &fixture, to(Urgency::Routine, copy)).await.recipient_ids[0];
        let waiting = ids(&app, &fixture.oncologist, InboxQuery::default()).await;
        assert_eq!(waiting[..2], [emergent, urgent]);
        assert!(waiting.contains(&copy) && waiting.contains(&routine), "a copy waits until somebody looked");
        // A direct loop is its person's alone.
        assert!(!ids(&app, &fixture.second_oncologist, all()).await.contains(&emergent));

        app.service.open_share(&fixture.oncologist, copy).await.expect("it opens");
        acknowledge(&app, &fixture.oncologist, urgent, Disposition::ReviewedNoChange, "").await;
        assert_eq!(ids(&app, &fixture.oncologist, InboxQuery::default()).await, [emergent, routine]);
        let closed = InboxQuery { only: InboxOnly::Closed, ..InboxQuery::default() };
        let closed = ids(&app, &fixture.oncologist, closed).await;
        assert_eq!(closed.len(), 2);
        assert!(closed.contains(&copy) && closed.contains(&urgent));
        let only = InboxQuery { urgency: Some(Urgency::Urgent), ..all() };
        assert_eq!(ids(&app, &fixture.oncologist, only).await, [urgent]);

        let mut joined = Vec::new();
        let mut after = None;
        loop {
            let query = InboxQuery { first: Some(1), after: after.clone(), ..all() };
            let page = app.service.inbox(&fixture.oncologist, query).await.expect("a page");
            joined.extend(page.entries.iter().map(|line| line.recipient.id));
            after = page.entries.last().map(|line| line.cursor.clone());
            if !page.has_more {
                break;
            }
        }
        assert_eq!(joined, ids(&app, &fixture.oncologist, all()).await);
        assert_eq!(joined.len(), 4);
    }

    async fn who_covers_sees_what_the_absent_would(app: App) {
        let (fixture, signed) = world(&app).await;
        let share_to = share_of(signed.version_id, vec![to_person(&fixture.oncologist)]);
        let direct = share(&app, &fixture, share_to).await.recipient_ids[0];
        assert!(ids(&app, &fixture.second_oncologist, all()).await.is_empty());
        let away = CreateCoverage {
            absent_user_id: fixture.oncologist.user_id.expect("a person"),
            covering_user_id: fixture.second_oncologist.user_id.expect("a person"),
            from: app.now(),
            until: app.now() + TimeDelta::days(2),
            idempotency_key: None,
        };
        app.service.create_coverage(&fixture.oncologist, away).await.expect("a cover");
        assert_eq!(ids(&app, &fixture.second_oncologist, all()).await, [direct]);
        let chained = CreateCoverage {
            absent_user_id: fixture.second_oncologist.user_id.expect("a person"),
            covering_user_id: fixture.oncology_lead.user_id.expect("a person"),
            from: app.now(),
            until: app.now() + TimeDelta::days(1),
            idempotency_key: None,
        };
        app.service.create_coverage(&fixture.second_oncologist, chained).await.expect("a cover");
        assert_eq!(ids(&app, &fixture.oncology_lead, all()).await, [direct], "a cover who is away is covered in turn");
        // What a list shows can be opened, and what it does not show cannot.
        app.service.open_share(&fixture.oncology_lead, direct).await.expect("it opens");
        assert!(ids(&app, &fixture.second_oncologist, all()).await.is_empty());
        assert_eq!(code(app.service.open_share(&fixture.second_oncologist, direct).await), "NOT_FOUND");
        app.advance(TimeDelta::days(3));
        assert!(ids(&app, &fixture.oncology_lead, all()).await.is_empty(), "the cover is over");
        assert_eq!(ids(&app, &fixture.oncologist, all()).await, [direct]);
    }

    async fn what_was_sealed_or_taken_back_is_not_shown(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, _) = share_both(&app, &fixture, &signed).await;
        let decline = DeclineShare {
            recipient_id: oncology,
            reason: Decline::WrongRecipient,
            comment: None,
            idempotency_key: None,
        };
        app.service.decline_share(&fixture.oncologist, decline).await.expect("declined");
        assert!(ids(&app, &fixture.oncologist, all()).await.is_empty(), "a wrong recipient sees it no more");
        let (id, second, _) = share_both(&app, &fixture, &signed).await;
        let recall = RecallShare { share_id: id, reason: "A test.".to_owned(), idempotency_key: None };
        app.service.recall_share(&fixture.physician, recall).await.expect("recalled");
        let inbox = app.service.inbox(&fixture.oncologist, all()).await.expect("an inbox");
        let [line] = &inbox.entries[..] else { panic!("one loop") };
        assert_eq!(line.recipient.id, second);
        assert!(line.patient.is_none(), "taken back before anybody opened it");
        assert_eq!(row(&app, second).await.level, EvidenceLevel::Queued, "nothing was placed");
    }

    async fn an_inbox_costs_the_same_for_one_and_for_many(app: App) {
        let (fixture, signed) = world(&app).await;
        for _ in 0..30 {
            share_both(&app, &fixture, &signed).await;
        }
        let page = async |first| {
            let query = InboxQuery { first: Some(first), ..all() };
            app.service.inbox(&fixture.oncologist, query).await.expect("an inbox").entries.len()
        };
        assert_eq!(page(100).await, 30, "the first look places them");
        let mut counts = Vec::new();
        for first in [1, 10, 30] {
            let before = app.service.store().statements();
            assert_eq!(page(first).await, usize::try_from(first).expect("small"));
            counts.push(app.service.store().statements() - before);
        }
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    }

    async fn wrong_roles_and_bad_pages_are_refused(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, _) = share_both(&app, &fixture, &signed).await;
        for actor in [&fixture.auditor, &fixture.admin, &fixture.outside_admin, &fixture.coordinator] {
            assert_eq!(code(app.service.inbox(actor, all()).await), "FORBIDDEN");
        }
        assert!(ids(&app, &fixture.outsider, all()).await.is_empty());
        assert!(ids(&app, &fixture.physician, all()).await.is_empty(), "the sender is not addressed");
        let bad = InboxQuery { first: Some(0), after: Some("e30".to_owned()), ..all() };
        assert_eq!(code(app.service.inbox(&fixture.oncologist, bad).await), "first OUT_OF_RANGE, after INVALID_CURSOR");
        assert_eq!(row(&app, oncology).await.level, EvidenceLevel::Queued, "a refused look places nothing");
    }
}
