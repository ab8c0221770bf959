//! Wrong-recipient cases, from the decline to their closing.

use liaison_domain::{Actor, Decline, MisSendId, RecipientId};
use liaison_service::loops::{
    decline::DeclineShare,
    mis_send::{CloseMisSend, MisSendQuery},
};
use liaison_testkit::{App, Fixture, both_engines};

use super::reading::{code, entries, share_both, world};

async fn report(app: &App, actor: &Actor, id: RecipientId) -> MisSendId {
    let wrong = DeclineShare {
        recipient_id: id,
        reason: Decline::WrongRecipient,
        comment: None,
        idempotency_key: None,
    };
    let declined = app.service.decline_share(actor, wrong).await.expect("declined");
    declined.mis_send_id.expect("a case")
}

fn close(id: MisSendId, finding: &str) -> CloseMisSend {
    CloseMisSend {
        mis_send_id: id,
        finding: finding.to_owned(),
        idempotency_key: None,
    }
}

async fn cases(app: &App, fixture: &Fixture, open: Option<bool>) -> Vec<MisSendId> {
    let query = MisSendQuery {
        open,
        ..MisSendQuery::default()
    };
    let page = app.service.mis_sends(&fixture.admin, query).await.expect("cases");
    page.entries.iter().map(|case| case.row.id).collect()
}

both_engines! {
    async fn an_admin_reviews_and_closes_each_case_once(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, palliative) = share_both(&app, &fixture, &signed).await;
        app.service.open_share(&fixture.oncologist, oncology).await.expect("it opens");
        let read = report(&app, &fixture.oncologist, oncology).await;
        app.advance(chrono::TimeDelta::minutes(1));
        let unread = report(&app, &fixture.palliative, palliative).await;
        assert_eq!(cases(&app, &fixture, Some(true)).await, [unread, read], "the newest first");
        let page = MisSendQuery { first: Some(1), ..MisSendQuery::default() };
        let first = app.service.mis_sends(&fixture.admin, page.clone()).await.expect("a page");
        assert!(first.has_more && !first.entries[0].row.content_was_opened);
        let rest = MisSendQuery { after: Some(first.entries[0].cursor.clone()), ..page };
        let rest = app.service.mis_sends(&fixture.admin, rest).await.expect("a page");
        assert!(!rest.has_more && rest.entries[0].row.content_was_opened, "a disclosure");
        assert!(entries(&app, &fixture.admin, "mis_send.read").await.is_empty(), "no finding was read yet");

        let input = CloseMisSend { idempotency_key: Some("close".to_owned()), ..close(read, "Look-alike name; shredded.") };
        let closed = app.service.close_mis_send(&fixture.admin, input.clone()).await.expect("closed");
        assert_eq!(app.service.close_mis_send(&fixture.admin, input).await.expect("the same"), closed);
        assert_eq!(code(app.service.close_mis_send(&fixture.admin, close(read, "Again.")).await), "CLOSED_BEFORE");
        assert_eq!(cases(&app, &fixture, Some(true)).await, [unread]);
        assert_eq!(cases(&app, &fixture, Some(false)).await, [read]);
        let all = app.service.mis_sends(&fixture.admin, MisSendQuery::default()).await.expect("cases");
        let case = all.entries.iter().find(|case| case.row.id == read).expect("the case");
        assert_eq!(case.finding.as_ref().expect("a finding").reveal(), "Look-alike name; shredded.");
        assert_eq!((case.row.closed_by, case.row.closed_at), (fixture.admin.user_id, Some(app.now())));
        assert!(!format!("{case:?}").contains("shredded"));
        assert_eq!(entries(&app, &fixture.admin, "mis_send.close").await.len(), 1);
        assert!(!entries(&app, &fixture.admin, "mis_send.read").await.is_empty());
    }

    async fn nobody_else_closes_and_a_finding_is_required(app: App) {
        let (fixture, signed) = world(&app).await;
        let (_, oncology, _) = share_both(&app, &fixture, &signed).await;
        let id = report(&app, &fixture.oncologist, oncology).await;
        for actor in [&fixture.physician, &fixture.coordinator, &fixture.auditor] {
            assert_eq!(code(app.service.close_mis_send(actor, close(id, "Mine.")).await), "FORBIDDEN");
            assert_eq!(code(app.service.mis_sends(actor, MisSendQuery::default()).await), "FORBIDDEN");
        }
        for actor in [&fixture.other_admin, &fixture.outside_admin, &fixture.oncologist] {
            assert_eq!(code(app.service.close_mis_send(actor, close(id, "Mine.")).await), "NOT_FOUND");
        }
        let unknown = MisSendId::from_uuid(uuid::Uuid::from_u128(8));
        assert_eq!(code(app.service.close_mis_send(&fixture.admin, close(unknown, "None.")).await), "NOT_FOUND");
        assert_eq!(code(app.service.close_mis_send(&fixture.admin, close(id, "  ")).await), "finding REQUIRED");
        let theirs = app.service.mis_sends(&fixture.other_admin, MisSendQuery::default()).await.expect("their own");
        assert!(theirs.entries.is_empty());
        assert_eq!(cases(&app, &fixture, Some(true)).await, [id]);
        let bad = MisSendQuery { first: Some(1_000), after: Some("?".to_owned()), open: None };
        assert_eq!(code(app.service.mis_sends(&fixture.admin, bad).await), "first OUT_OF_RANGE, after INVALID_CURSOR");
    }
}
