//! The ledger's rows: filters answer alike whichever index they go by, and pages neither skip nor repeat.

use chrono::TimeDelta;
use liaison_domain::{
    Actor, EntryId, NoteId, OrganizationId, PatientId, RecipientId, ShareId, UserId, people::ActorKind,
};
use liaison_store::{
    NewEntry,
    ledger::{EntryFilter, export, search},
};
use liaison_testkit::{App, both_engines};
use uuid::Uuid;

const ACTIONS: [&str; 3] = ["share.create", "share.open", "acknowledgment.create"];

fn pick<T: From<Uuid>>(kind: u128, number: u128) -> T {
    T::from(Uuid::from_u128(kind << 64 | number))
}

/// 90 entries of 2 organizations, 3 patients, 2 users; several at the same instant.
async fn filled(app: &App) -> Vec<NewEntry> {
    let store = app.service.store();
    let mut entries = Vec::new();
    for n in 0..90u128 {
        let user: UserId = pick(1, n % 2);
        let actor = Actor {
            kind: ActorKind::Person,
            user_id: Some(user),
            organization_id: Some(pick::<OrganizationId>(2, n % 3 / 2)),
            ..Actor::system()
        };
        let at = app.now() + TimeDelta::seconds(i64::try_from(n / 4).unwrap());
        let mut entry = NewEntry::new(
            crate::support::id::<EntryId>(store),
            at,
            &actor,
            ACTIONS[(n % 3) as usize],
        );
        entry.organization_id = (n % 5 != 0).then(|| pick(2, n % 2));
        entry.patient_id = (n % 7 != 0).then(|| pick(3, n % 3));
        entry.note_id = (n % 4 == 0).then(|| pick(4, n % 3));
        entry.share_id = (n % 3 == 0).then(|| pick(5, n % 6));
        entry.recipient_id = (n % 3 == 0).then(|| pick(6, n % 9));
        entries.push(entry);
    }
    let mut tx = store.begin().await.unwrap();
    for entry in &entries {
        tx.record(entry.clone());
    }
    tx.commit().await.unwrap();
    entries
}

fn fits(filter: &EntryFilter, entry: &NewEntry) -> bool {
    fn one<T: PartialEq>(wanted: Option<T>, given: Option<T>) -> bool {
        wanted.is_none() || wanted == given
    }
    let organization = filter.organization_id;
    (organization.is_none() || entry.organization_id == organization || entry.actor.organization_id == organization)
        && one(filter.user_id, entry.actor.user_id)
        && one(filter.patient_id, entry.patient_id)
        && one(filter.note_id, entry.note_id)
        && one(filter.share_id, entry.share_id)
        && one(filter.recipient_id, entry.recipient_id)
        && filter.from.is_none_or(|from| entry.recorded_at >= from)
        && filter.until.is_none_or(|until| entry.recorded_at < until)
        && (filter.actions.is_empty() || filter.actions.iter().any(|action| action == entry.action))
}

fn filters(app: &App) -> Vec<EntryFilter> {
    let organization = Some(pick(2, 0));
    let base = EntryFilter {
        organization_id: organization,
        ..EntryFilter::default()
    };
    let (from, until) = (app.now() + TimeDelta::seconds(3), app.now() + TimeDelta::seconds(15));
    vec![
        EntryFilter::default(),
        base.clone(),
        EntryFilter {
            from: Some(from),
            ..base.clone()
        },
        EntryFilter {
            until: Some(until),
            ..base.clone()
        },
        EntryFilter {
            from: Some(from),
            until: Some(until),
            ..EntryFilter::default()
        },
        EntryFilter {
            patient_id: Some(pick::<PatientId>(3, 1)),
            ..base.clone()
        },
        EntryFilter {
            patient_id: Some(pick(3, 1)),
            from: Some(from),
            until: Some(until),
            ..base.clone()
        },
        EntryFilter {
            user_id: Some(pick(1, 1)),
            ..base.clone()
        },
        EntryFilter {
            user_id: Some(pick(1, 1)),
            ..EntryFilter::default()
        },
        EntryFilter {
            note_id: Some(pick::<NoteId>(4, 2)),
            ..base.clone()
        },
        EntryFilter {
            share_id: Some(pick::<ShareId>(5, 3)),
            ..base.clone()
        },
        EntryFilter {
            recipient_id: Some(pick::<RecipientId>(6, 6)),
            ..base.clone()
        },
        EntryFilter {
            actions: vec!["share.open".into()],
            ..base.clone()
        },
        EntryFilter {
            actions: vec!["share.open".into(), "share.create".into()],
            patient_id: Some(pick(3, 0)),
            ..base.clone()
        },
        EntryFilter {
            actions: vec!["nothing.like_it".into()],
            ..base.clone()
        },
        EntryFilter {
            organization_id: Some(pick(2, 9)),
            ..base
        },
    ]
}

both_engines! {
    async fn every_filter_finds_what_fits_in_pages_without_gaps(app: App) {
        let entries = filled(&app).await;
        for (number, filter) in filters(&app).into_iter().enumerate() {
            let mut expected: Vec<_> = entries.iter().filter(|entry| fits(&filter, entry)).collect();
            expected.sort_by_key(|entry| std::cmp::Reverse((entry.recorded_at, entry.id)));
            let expected: Vec<EntryId> = expected.iter().map(|entry| entry.id).collect();
            let mut found = Vec::new();
            let mut page = filter.clone();
            let mut conn = app.service.store().read().await.unwrap();
            loop {
                let rows = search(&mut conn, &page, 7).await.unwrap();
                found.extend(rows.iter().map(|row| row.id));
                let Some(last) = rows.last() else { break };
                page.after = Some((last.recorded_at, last.id));
            }
            assert_eq!(found, expected, "filter {number}: {filter:?}");
        }
    }

    async fn an_export_holds_what_the_search_finds_in_the_order_of_the_ledger(app: App) {
        let entries = filled(&app).await;
        app.service.sequence().await.unwrap();
        for filter in filters(&app) {
            let expected = entries.iter().filter(|entry| fits(&filter, entry)).count();
            let mut conn = app.service.store().read().await.unwrap();
            let mut from = 0;
            let mut found = Vec::new();
            loop {
                let rows = export(&mut conn, &filter, from, 90, 11).await.unwrap();
                let Some((last, _)) = rows.last() else { break };
                from = last + 1;
                found.extend(rows.into_iter().map(|(index, _)| index));
            }
            assert!(found.is_sorted_by(|a, b| a < b), "{found:?}");
            assert_eq!(found.len(), expected, "{filter:?}");
        }
    }

    async fn a_list_costs_one_statement(app: App) {
        filled(&app).await;
        let store = app.service.store();
        let mut conn = store.read().await.unwrap();
        let before = store.statements();
        search(&mut conn, &EntryFilter::default(), 90).await.unwrap();
        assert_eq!(store.statements() - before, 1);
        let indexes: Vec<u64> = (0..100).collect();
        let before = store.statements();
        liaison_store::ledger::hashes(&mut conn, &indexes).await.unwrap();
        assert_eq!(store.statements() - before, 1);
    }
}
