//! Reviews that are signed off, and filters that are kept.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::TimeDelta;
use liaison_domain::Actor;
use liaison_service::{
    ServiceError,
    audit::{AuditColumn, AuditFilter, AuditOrder, SaveAuditFilter, SignOffAuditReview},
};
use liaison_testkit::{App, Engine, both_engines};

use crate::{link_support::code_of, work_support::entries};

fn review(app: &App) -> SignOffAuditReview {
    SignOffAuditReview {
        from: app.now() - TimeDelta::days(30),
        until: app.now(),
        scope: AuditFilter {
            outcome: Some("denied".to_owned()),
            ..AuditFilter::default()
        },
        findings: "Nothing unusual but canary-in-the-findings.".to_owned(),
        idempotency_key: Some("review-1".to_owned()),
    }
}

fn filter(name: &str) -> SaveAuditFilter {
    SaveAuditFilter {
        name: name.to_owned(),
        filter: AuditFilter {
            actions: vec!["share.create".to_owned()],
            ..AuditFilter::default()
        },
        order: AuditOrder {
            by: Some(AuditColumn::Person),
            ascending: true,
        },
    }
}

fn paths(error: ServiceError) -> Vec<String> {
    match error {
        ServiceError::Invalid(problems) => problems.into_iter().map(|problem| problem.path).collect(),
        other => vec![other.code().to_owned()],
    }
}

both_engines! {
    async fn a_review_is_signed_off_with_the_checkpoint_it_examined(app: App) {
        let fixture = app.fixture().await;
        app.work().await;
        let signed = app.service.sign_off_audit_review(&fixture.auditor, review(&app)).await.unwrap();
        assert!(signed.checkpoint_size > 0);
        let again = app.service.sign_off_audit_review(&fixture.auditor, review(&app)).await.unwrap();
        assert_eq!(again, signed, "a repeat answers the same");
        assert_eq!(entries(&app, "audit.review").await, 1);
        let page = app.service.audit_reviews(&fixture.admin, None, None).await.unwrap();
        assert_eq!((page.entries.len(), page.has_more), (1, false));
        let kept = &page.entries[0];
        assert_eq!(kept.findings.reveal(), "Nothing unusual but canary-in-the-findings.");
        assert_eq!(kept.signed_by, fixture.auditor.user_id.unwrap());
        assert_eq!((kept.scope.outcome.as_deref(), kept.scope.until), (Some("denied"), Some(kept.until)));
        assert_eq!(kept.checkpoint_size, signed.checkpoint_size);
        assert_eq!(entries(&app, "audit.review.read").await, 1);
        assert!(app.service.audit_reviews(&fixture.other_admin, None, None).await.unwrap().entries.is_empty());
        assert_eq!(code_of(app.service.sign_off_audit_review(&fixture.physician, review(&app)).await), "FORBIDDEN");
        let reader = Actor { read_only: true, ..fixture.auditor.clone() };
        assert_eq!(code_of(app.service.sign_off_audit_review(&reader, review(&app)).await), "FORBIDDEN");
        app.service.audit_reviews(&reader, None, None).await.unwrap();

        let bad = SignOffAuditReview {
            from: app.now(),
            until: app.now() + TimeDelta::days(1),
            scope: AuditFilter { user_id: Some("nobody".to_owned()), ..AuditFilter::default() },
            findings: " ".to_owned(),
            idempotency_key: None,
        };
        let problems = paths(app.service.sign_off_audit_review(&fixture.auditor, bad).await.expect_err("refused"));
        assert_eq!(problems, ["findings", "until", "scope.userId"]);
        if app.database.engine == Engine::Sqlite {
            app.service.store().close().await;
            for file in std::fs::read_dir(app.database.folder.path()).unwrap() {
                let text = String::from_utf8_lossy(&std::fs::read(file.unwrap().path()).unwrap()).into_owned();
                assert!(!text.contains("canary-in-the-findings"));
            }
        }
    }

    async fn reviews_are_paged(app: App) {
        let fixture = app.fixture().await;
        for _ in 0..3 {
            app.advance(TimeDelta::minutes(1));
            let input = SignOffAuditReview { idempotency_key: None, ..review(&app) };
            app.service.sign_off_audit_review(&fixture.auditor, input).await.unwrap();
        }
        let first = app.service.audit_reviews(&fixture.auditor, Some(2), None).await.unwrap();
        assert_eq!((first.entries.len(), first.has_more), (2, true));
        let after = first.entries[1].cursor.as_str();
        let second = app.service.audit_reviews(&fixture.auditor, Some(2), Some(after)).await.unwrap();
        assert_eq!((second.entries.len(), second.has_more), (1, false));
        assert_eq!(code_of(app.service.audit_reviews(&fixture.auditor, Some(0), Some("?")).await), "INVALID");
    }

    async fn filters_are_kept_by_name_and_are_their_owners(app: App) {
        let fixture = app.fixture().await;
        let kept = app.service.save_audit_filter(&fixture.auditor, filter("shares")).await.unwrap();
        let taken = app.service.save_audit_filter(&fixture.auditor, filter(" shares ")).await.expect_err("taken");
        assert_eq!(paths(taken), ["name"]);
        app.service.save_audit_filter(&fixture.admin, filter("shares")).await.unwrap();
        assert_eq!(app.service.saved_audit_filters(&fixture.auditor).await.unwrap(), vec![kept.clone()]);
        let mut bad = filter("");
        bad.filter.purpose = Some("FUN".to_owned());
        let problems = paths(app.service.save_audit_filter(&fixture.auditor, bad).await.expect_err("refused"));
        assert_eq!(problems, ["name", "filter.purpose"]);
        assert_eq!(code_of(app.service.save_audit_filter(&fixture.physician, filter("x")).await), "FORBIDDEN");
        assert_eq!(code_of(app.service.delete_audit_filter(&fixture.admin, kept.id).await), "NOT_FOUND");
        app.service.delete_audit_filter(&fixture.auditor, kept.id).await.unwrap();
        assert!(app.service.saved_audit_filters(&fixture.auditor).await.unwrap().is_empty());
        assert_eq!((entries(&app, "audit.filter.save").await, entries(&app, "audit.filter.delete").await), (2, 1));
    }
}
