//! Sequencing, receipts, exports and the integrity check.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::collections::BTreeSet;

use chrono::TimeDelta;
use liaison_domain::{Actor, EntryId, OrganizationId, RecipientId};
use liaison_ledger::{verify_consistency, verify_export, verify_receipt};
use liaison_service::{
    Service, ServiceError,
    audit::AuditFilter,
    ledger::{ExportLedger, LedgerExport, LedgerProblem, Sequenced},
};
use liaison_store::{Engine, NewEntry, Sql, args, ledger as rows};
use liaison_testkit::{App, both_engines};

pub(crate) fn sql(text: &'static str) -> Sql {
    Sql {
        name: "test",
        sqlite: text,
        postgres: text,
    }
}

/// Runs a text past the use cases; on the ledger's tables with their triggers out of the way, as a database's owner can.
async fn tamper(app: &App, text: &'static str) {
    let store = app.service.store();
    let mut tx = store.begin().await.unwrap();
    let tables = ["ledger_entry", "ledger_leaf", "ledger_hash", "ledger_checkpoint"];
    for table in tables.iter().filter(|table| text.contains(*table)) {
        match app.database.engine {
            Engine::Sqlite => {
                for what in ["update", "delete", "replace"] {
                    let drop: &'static str = format!("drop trigger if exists {table}_no_{what}").leak();
                    tx.execute(sql(drop), args![]).await.unwrap();
                }
            }
            Engine::Postgres => {
                let disable: &'static str = format!("alter table {table} disable trigger user").leak();
                tx.execute(sql(disable), args![]).await.unwrap();
            }
        }
    }
    assert_ne!(tx.execute(sql(text), args![]).await.unwrap(), 0, "{text}");
    tx.commit().await.unwrap();
}

async fn act(service: &Service, actor: &Actor, action: &'static str) -> EntryId {
    let mut tx = service.store().begin().await.unwrap();
    let id = tx.record(NewEntry::new(service.id(), service.now(), actor, action));
    tx.commit().await.unwrap();
    id
}

async fn acts(service: &Service, count: usize) {
    let mut tx = service.store().begin().await.unwrap();
    for _ in 0..count {
        tx.record(NewEntry::new(service.id(), service.now(), &Actor::system(), "test.act"));
    }
    tx.commit().await.unwrap();
}

async fn number(app: &App, text: &'static str) -> i64 {
    let found: Option<(i64,)> = app
        .service
        .store()
        .read()
        .await
        .unwrap()
        .one(sql(text), args![])
        .await
        .unwrap();
    found.unwrap().0
}

async fn all(mut export: LedgerExport) -> String {
    let mut text = String::new();
    while let Some(piece) = export.next().await.unwrap() {
        text.push_str(&piece);
    }
    text
}

both_engines! {
    async fn entries_get_contiguous_indexes_and_a_checkpoint_that_verifies(app: App) {
        let service = &app.service;
        assert_eq!(service.sequence().await.unwrap(), Sequenced { entries: 0, size: 0 });
        assert_eq!(service.latest_checkpoint().await.unwrap(), None);
        let mut size = 0;
        for batch in [1, 1, 5, 32, 17] {
            acts(service, batch).await;
            size += batch as u64;
            let done = service.sequence().await.unwrap();
            assert_eq!(done, Sequenced { entries: batch as u64, size });
        }
        assert_eq!(service.sequence().await.unwrap(), Sequenced { entries: 0, size });
        let note = service.latest_checkpoint().await.unwrap().unwrap();
        let key = liaison_ledger::VerifierKey::parse(service.ledger_key()).unwrap();
        assert_eq!(key.open(&note).unwrap().size(), size);
        assert_eq!(number(&app, "select count(*) as a from ledger_leaf").await, 56);
        assert_eq!(number(&app, "select max(leaf_index) - min(leaf_index) as a from ledger_leaf").await, 55);
        assert_eq!(number(&app, "select count(*) as a from ledger_pending").await, 0);
        let report = service.verify_ledger().await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        assert_eq!((report.entries, report.checkpoints, report.pending), (56, 5, 0));
    }

    async fn one_call_works_off_more_than_a_batch(app: App) {
        acts(&app.service, 2_150).await;
        assert_eq!(app.service.sequence().await.unwrap(), Sequenced { entries: 2_150, size: 2_150 });
        assert_eq!(number(&app, "select count(*) as a from ledger_checkpoint").await, 3);
        assert!(app.service.verify_ledger().await.unwrap().is_sound());
    }

    async fn many_writers_and_two_sequencing_processes_leave_no_gap_and_no_double(app: App) {
        let other = app.another_process().await;
        let writers = (0..20).map(|writer| {
            let service = if writer % 2 == 0 { app.service.clone() } else { other.clone() };
            tokio::spawn(async move {
                for _ in 0..5 {
                    act(&service, &Actor::system(), "test.act").await;
                    if writer % 4 == 0 {
                        service.sequence().await.unwrap();
                    }
                }
            })
        });
        let writers: Vec<_> = writers.collect();
        let sequencers = [app.service.clone(), other.clone(), app.service.clone(), other.clone()].map(|service| {
            tokio::spawn(async move {
                for _ in 0..10 {
                    service.sequence().await.unwrap();
                }
            })
        });
        for task in writers.into_iter().chain(sequencers) {
            task.await.unwrap();
        }
        let done = app.service.sequence().await.unwrap();
        assert_eq!(done.size, 100);
        let mut conn = app.service.store().read().await.unwrap();
        let leaves: Vec<(i64,)> =
            conn.all(sql("select leaf_index as a from ledger_leaf order by leaf_index"), args![]).await.unwrap();
        assert_eq!(leaves.into_iter().map(|(index,)| index).collect::<Vec<_>>(), (0..100).collect::<Vec<_>>());
        drop(conn);
        let report = other.verify_ledger().await.unwrap();
        assert!(report.is_sound(), "{:?}", report.problems);
        other.store().close().await;
    }

    async fn an_entry_is_recorded_only_with_its_act(app: App) {
        {
            let mut tx = app.service.store().begin().await.unwrap();
            tx.record(NewEntry::new(app.service.id(), app.now(), &Actor::system(), "test.act"));
        }
        assert_eq!(app.service.sequence().await.unwrap().entries, 0);
    }
}

async fn refused(app: &App, expected: &str) {
    acts(&app.service, 1).await;
    let waiting = number(app, "select count(*) as a from ledger_pending").await;
    let signed = number(app, "select count(*) as a from ledger_checkpoint").await;
    let error = app.service.sequence().await.expect_err("refused");
    assert_eq!(error.code(), "LEDGER_BROKEN");
    assert!(error.to_string().contains(expected), "{error}");
    assert!(matches!(error, ServiceError::Ledger(_)));
    assert_eq!(
        number(app, "select count(*) as a from ledger_pending").await,
        waiting,
        "nothing was written"
    );
    assert_eq!(number(app, "select count(*) as a from ledger_checkpoint").await, signed);
}

both_engines! {
    async fn the_sequencer_refuses_a_checkpoint_that_is_not_ours(app: App) {
        acts(&app.service, 3).await;
        app.service.sequence().await.unwrap();
        tamper(&app, "update ledger_checkpoint set note = replace(note, '3', '4')").await;
        refused(&app, "checkpoint of 3 entries").await;
    }

    async fn the_sequencer_refuses_a_ledger_that_shrank(app: App) {
        acts(&app.service, 3).await;
        app.service.sequence().await.unwrap();
        tamper(&app, "delete from ledger_leaf where leaf_index = 2").await;
        refused(&app, "2 entries have an index, the last checkpoint signs 3").await;
    }

    async fn the_sequencer_refuses_when_the_last_checkpoint_was_taken_away(app: App) {
        acts(&app.service, 3).await;
        app.service.sequence().await.unwrap();
        acts(&app.service, 2).await;
        app.service.sequence().await.unwrap();
        tamper(&app, "delete from ledger_checkpoint where tree_size = 5").await;
        refused(&app, "5 entries have an index, the last checkpoint signs 3").await;
        let report = app.service.verify_ledger().await.unwrap();
        assert!(report.problems.contains(&LedgerProblem::Unsigned { stored: 5, signed: 3 }), "{:?}", report.problems);
    }

    async fn the_sequencer_refuses_a_forked_tree(app: App) {
        acts(&app.service, 3).await;
        app.service.sequence().await.unwrap();
        tamper(&app, "update ledger_hash set hash = (select hash from ledger_hash where hash_index = 0)
            where hash_index = 2").await;
        refused(&app, "refused to sign").await;
    }

    async fn the_sequencer_refuses_a_waiting_entry_that_was_changed(app: App) {
        // Of the same moment, so that either may be the first by its id.
        let two = [
            act(&app.service, &Actor::system(), "test.act").await,
            act(&app.service, &Actor::system(), "test.act").await,
        ];
        tamper(&app, "update ledger_entry set leaf = (select leaf from ledger_entry order by id limit 1)").await;
        let error = app.service.sequence().await.expect_err("refused");
        assert!(two.iter().any(|one| error.to_string().contains(&one.to_string())), "{error}");
        assert_eq!(number(&app, "select count(*) as a from ledger_leaf").await, 0);
    }

    async fn the_check_finds_every_kind_of_tampering(app: App) {
        acts(&app.service, 5).await;
        app.service.sequence().await.unwrap();
        acts(&app.service, 4).await;
        app.service.sequence().await.unwrap();
        let kept = app.service.latest_checkpoint().await.unwrap().unwrap();
        assert!(app.service.verify_ledger_against(std::slice::from_ref(&kept)).await.unwrap().is_sound());

        tamper(&app, "update ledger_entry set action = 'other.act' where id =
            (select entry_id from ledger_leaf where leaf_index = 1)").await;
        let report = app.service.verify_ledger().await.unwrap();
        assert_eq!(report.problems, [LedgerProblem::Column { index: 1, column: "action" }]);

        tamper(&app, "update ledger_entry set leaf = (select leaf from ledger_entry e join ledger_leaf l
            on l.entry_id = e.id where l.leaf_index = 3) where id =
            (select entry_id from ledger_leaf where leaf_index = 2)").await;
        let report = app.service.verify_ledger().await.unwrap();
        assert!(report.problems.contains(&LedgerProblem::Column { index: 2, column: "id" }), "{:?}", report.problems);
        let roots = report.problems.iter().filter(|problem| matches!(problem, LedgerProblem::Checkpoint { .. }));
        assert_eq!(roots.count(), 2, "neither checkpoint signs this tree: {:?}", report.problems);
        let hashes = report.problems.iter().any(|problem| matches!(problem, LedgerProblem::StoredHash { .. }));
        assert!(hashes, "{:?}", report.problems);

        acts(&app.service, 1).await;
        tamper(&app, "delete from ledger_pending").await;
        let report = app.service.verify_ledger().await.unwrap();
        let lost = report.problems.iter().any(|problem| matches!(problem, LedgerProblem::Strays { count: 1, .. }));
        assert!(lost, "{:?}", report.problems);
    }

    async fn an_older_copy_of_the_database_is_noticed_by_a_checkpoint_kept_outside(app: App) {
        acts(&app.service, 3).await;
        app.service.sequence().await.unwrap();
        acts(&app.service, 4).await;
        app.service.sequence().await.unwrap();
        let kept = app.service.latest_checkpoint().await.unwrap().unwrap();
        tamper(&app, "delete from ledger_entry where id in (select entry_id from ledger_leaf where leaf_index > 2)").await;
        tamper(&app, "delete from ledger_leaf where leaf_index > 2").await;
        tamper(&app, "delete from ledger_hash where hash_index > 3").await;
        tamper(&app, "delete from ledger_checkpoint where tree_size > 3").await;
        assert!(app.service.verify_ledger().await.unwrap().is_sound(), "by itself it looks whole");
        let report = app.service.verify_ledger_against(&[kept]).await.unwrap();
        assert!(matches!(report.problems[..], [LedgerProblem::Checkpoint { size: 7, .. }]), "{:?}", report.problems);
        let report = app.service.verify_ledger_against(&["nonsense".to_owned()]).await.unwrap();
        assert!(!report.is_sound());
    }

    async fn one_checkpoint_proves_to_continue_another(app: App) {
        let service = &app.service;
        assert!(matches!(service.consistency_proof(0, None).await, Err(ServiceError::NotFound("checkpoint"))));
        acts(service, 6).await;
        service.sequence().await.unwrap();
        let old = service.latest_checkpoint().await.unwrap().unwrap();
        acts(service, 7).await;
        service.sequence().await.unwrap();
        let key = liaison_ledger::VerifierKey::parse(service.ledger_key()).unwrap();
        let answer = service.consistency_proof(6, None).await.unwrap();
        let (before, after) = verify_consistency(&old, &answer.checkpoint, &answer.json, &key).unwrap();
        assert_eq!((before.size(), after.size()), (6, 13));
        let same = service.consistency_proof(6, Some(6)).await.unwrap();
        assert_eq!(same.checkpoint, old);
        assert!(matches!(service.consistency_proof(2, Some(7)).await, Err(ServiceError::NotFound(_))));
        assert!(matches!(service.consistency_proof(14, None).await, Err(ServiceError::Invalid(_))));
    }
}

both_engines! {
    async fn an_entry_has_a_receipt_for_those_it_concerns_once_it_is_sequenced(app: App) {
        let f = app.fixture().await;
        let entry = act(&app.service, &f.physician, "note.sign").await;
        let error = app.service.entry_receipt(&f.auditor, entry).await.expect_err("it waits");
        assert_eq!(error.code(), "NOT_SEQUENCED_YET");
        app.service.sequence().await.unwrap();
        let receipt = app.service.entry_receipt(&f.auditor, entry).await.unwrap();
        let key = liaison_ledger::VerifierKey::parse(app.service.ledger_key()).unwrap();
        let proven = verify_receipt(&receipt.json, &key).unwrap();
        assert_eq!(proven.entry.id, entry.to_string());
        assert_eq!(proven.entry.action, "note.sign");
        assert_eq!(proven.index, receipt.index);
        assert!(receipt.tlog_proof.starts_with("c2sp.org/tlog-proof@v1\n"));

        // The same document on every request, however much the ledger grew.
        acts(&app.service, 9).await;
        app.service.sequence().await.unwrap();
        assert_eq!(app.service.entry_receipt(&f.admin, entry).await.unwrap(), receipt);
        assert_eq!(app.service.entry_receipt(&f.physician, entry).await.unwrap(), receipt, "who acted may have it");
        assert_eq!(app.service.entry_receipt(&Actor::system(), entry).await.unwrap(), receipt);

        let refused = app.service.entry_receipt(&f.coordinator, entry).await.expect_err("another's act");
        assert!(matches!(refused, ServiceError::Forbidden), "{refused}");
        for stranger in [&f.other_admin, &f.outside_admin, &f.oncologist] {
            let error = app.service.entry_receipt(stranger, entry).await.expect_err("not theirs");
            assert!(matches!(error, ServiceError::NotFound("entry")), "{error}");
        }
        let unknown = app.service.entry_receipt(&f.auditor, app.service.id()).await.expect_err("unknown");
        assert!(matches!(unknown, ServiceError::NotFound("entry")));
        let denied = number(&app, "select count(*) as a from ledger_entry where action = 'access.denied'").await;
        assert_eq!(denied, 4);
    }

    async fn both_sides_of_a_loop_keep_the_receipt_of_the_acknowledgment(app: App) {
        let f = app.fixture().await;
        let recipient: RecipientId = app.service.id();
        let mut entry = NewEntry::new(app.service.id(), app.now(), &f.oncologist, "acknowledgment.create");
        entry.organization_id = Some(f.clinic);
        entry.recipient_id = Some(recipient);
        let mut tx = app.service.store().begin().await.unwrap();
        let id = tx.record(entry);
        tx.commit().await.unwrap();
        app.service.sequence().await.unwrap();
        for reader in [&f.oncologist, &f.second_oncologist, &f.oncology_lead, &f.physician, &f.coordinator, &f.auditor] {
            let receipt = app.service.acknowledgment_receipt(reader, recipient).await.unwrap();
            assert_eq!(receipt.entry_id, id);
        }
        let read_only = Actor { read_only: true, ..f.oncologist.clone() };
        app.service.acknowledgment_receipt(&read_only, recipient).await.unwrap();
        for stranger in [&f.palliative, &f.outsider, &f.other_physician, &f.other_admin] {
            let error = app.service.acknowledgment_receipt(stranger, recipient).await.expect_err("not theirs");
            assert!(matches!(error, ServiceError::NotFound("acknowledgment")), "{error}");
        }
        let none = app.service.acknowledgment_receipt(&f.oncologist, app.service.id()).await.expect_err("no answer yet");
        assert!(matches!(none, ServiceError::NotFound("acknowledgment")));
    }
}

fn of(organization: OrganizationId, actor: &Actor) -> Actor {
    Actor {
        organization_id: Some(organization),
        ..actor.clone()
    }
}

both_engines! {
    async fn an_export_verifies_offline_and_is_recorded_before_anything_leaves(app: App) {
        let f = app.fixture().await;
        let none = app.service.export_ledger(&f.auditor, ExportLedger::default()).await.err().expect("no checkpoint");
        assert_eq!(none.code(), "NOT_SEQUENCED_YET");
        for n in 0..450u32 {
            let actor = if n % 3 == 0 { of(f.other_clinic, &f.other_physician) } else { f.physician.clone() };
            act(&app.service, &actor, "test.act").await;
        }
        app.service.sequence().await.unwrap();
        let key = liaison_ledger::VerifierKey::parse(app.service.ledger_key()).unwrap();

        let export = app.service.export_ledger(&f.auditor, ExportLedger::default()).await.unwrap();
        let recorded = rows::entry(&mut app.service.store().read().await.unwrap(), export.entry_id).await.unwrap();
        let recorded = recorded.expect("recorded before the first piece");
        assert_eq!((recorded.action.as_str(), recorded.user_id), ("audit.export", f.auditor.user_id));
        let text = all(export).await;
        let verified = verify_export(text.as_bytes(), &key).unwrap();
        assert!(!verified.is_complete(), "another clinic's entries are not in it");
        assert!(!text.contains(&f.other_clinic.to_string()));
        let own = text.matches(&format!("\"organization_id\":\"{}\"", f.clinic)).count();
        assert!(own >= 300, "{own}");

        let whole = all(app.service.export_ledger(&Actor::system(), ExportLedger::default()).await.unwrap()).await;
        assert!(verify_export(whole.as_bytes(), &key).unwrap().is_complete());

        let filter = AuditFilter { actions: vec!["test.act".to_owned()], ..AuditFilter::default() };
        let input = ExportLedger { filter, ..ExportLedger::default() };
        let acts = all(app.service.export_ledger(&Actor::system(), input).await.unwrap()).await;
        assert_eq!(verify_export(acts.as_bytes(), &key).unwrap().entries, 450);
        let input = ExportLedger { from_index: Some(100), until_index: Some(120), ..ExportLedger::default() };
        let some = all(app.service.export_ledger(&Actor::system(), input).await.unwrap()).await;
        let verified = verify_export(some.as_bytes(), &key).unwrap();
        assert_eq!((verified.entries, verified.range), (20, Some((100, 119))));

        let cut: String = whole.lines().take(5).map(|line| format!("{line}\n")).collect();
        assert!(verify_export(cut.as_bytes(), &key).is_err());
    }

    async fn only_admins_and_auditors_export_and_bad_filters_name_their_fields(app: App) {
        let f = app.fixture().await;
        app.service.sequence().await.unwrap();
        for actor in [&f.physician, &f.coordinator, &f.oncologist, &f.oncology_lead] {
            let error = app.service.export_ledger(actor, ExportLedger::default()).await.err().expect("refused");
            assert!(matches!(error, ServiceError::Forbidden), "{error}");
            let error = app.service.export_csv(actor, AuditFilter::default()).await.err().expect("refused");
            assert!(matches!(error, ServiceError::Forbidden), "{error}");
        }
        let filter = AuditFilter { patient_id: Some("share_x".to_owned()), ..AuditFilter::default() };
        let input = ExportLedger { filter, ..ExportLedger::default() };
        let error = app.service.export_ledger(&f.auditor, input).await.err().expect("refused");
        assert!(error.to_string().contains("filter.patientId"), "{error}");
        let exports = "select count(*) as a from ledger_entry where action = 'audit.export'";
        assert_eq!(number(&app, exports).await, 0);
    }

    async fn the_table_for_spreadsheets_holds_no_formula_from_outside(app: App) {
        let f = app.fixture().await;
        let hostile = Actor { request_id: Some("=HYPERLINK(1)".to_owned()), peer: Some("@sum".to_owned()), ..f.physician.clone() };
        act(&app.service, &hostile, "note.sign").await;
        app.service.sequence().await.unwrap();
        app.advance(TimeDelta::seconds(1));
        act(&app.service, &f.coordinator, "note.draft").await;
        act(&app.service, &f.other_physician, "note.draft").await;
        let mut export = app.service.export_csv(&f.admin, AuditFilter::default()).await.unwrap();
        let mut text = String::new();
        while let Some(piece) = export.next().await.unwrap() {
            text.push_str(&piece);
        }
        let lines: Vec<&str> = text.split("\r\n").collect();
        assert!(lines[0].starts_with("index,recorded_at,action,"));
        let columns = lines[0].split(',').count();
        let hostile = lines.iter().find(|line| line.contains("note.sign")).unwrap();
        assert!(hostile.contains(",\"'=HYPERLINK(1)\",\"'@sum\","), "{hostile}");
        assert_eq!(hostile.split(',').count(), columns);
        assert!(!text.contains(&f.other_clinic.to_string()));
        let ids: BTreeSet<&str> = lines.iter().skip(1).filter(|line| !line.is_empty()).copied().collect();
        assert_eq!(ids.len(), lines.len() - 2, "no line stands twice");
    }
}
