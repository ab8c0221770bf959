//! The daily digest: once a person and day, at their hour, and never when nothing is open.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{Actor, Duty, Urgency};
use liaison_service::{channel::OutboundBody, directory::UpdatePerson};
use liaison_testkit::{App, Fixture, Signed, both_engines, fixture::user};

use crate::work_support::*;

async fn ready(app: &App, when: &str) -> (Fixture, Signed) {
    let ready = world(app, when).await;
    app.work().await;
    app.email.take();
    ready
}

async fn wants_digest(app: &App, fixture: &Fixture, who: &Actor, zone: &str, hour: u32) {
    let mut conn = app.service.store().read().await.unwrap();
    let row = liaison_store::directory::person::find(&mut conn, user(who))
        .await
        .unwrap()
        .unwrap();
    drop(conn);
    let update = UpdatePerson {
        user_id: row.id,
        email: row.email,
        display_name: row.display_name,
        phone: row.phone,
        time_zone: zone.to_owned(),
        digest_hour: Some(hour),
        idempotency_key: None,
    };
    app.service.update_person(&fixture.system, update).await.unwrap();
}

fn digests(app: &App) -> Vec<(String, String)> {
    let found = app.email.sent().into_iter().filter_map(|mail| match mail.body {
        OutboundBody::Email(body) if body.subject.contains("Your open items") => Some((mail.address, body.text)),
        _ => None,
    });
    found.collect()
}

both_engines! {
    async fn each_side_gets_its_open_items_without_a_patient(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        for who in [&fixture.physician, &fixture.palliative, &fixture.outsider] {
            wants_digest(&app, &fixture, who, "America/Chicago", 7).await;
        }
        share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let copy = vec![team(fixture.oncology_team, Duty::Copy)];
        share(&app, &fixture, &signed, Urgency::Routine, copy).await;
        let emergent = vec![team(fixture.oncology_team, Duty::Required)];
        share(&app, &fixture, &signed, Urgency::Emergent, emergent).await;
        app.run_until("2026-06-16T12:00:00Z".parse().unwrap()).await;
        let found = digests(&app);
        let to: Vec<_> = found.iter().map(|(address, _)| address.as_str()).collect();
        assert_eq!(to.len(), 2, "{to:?}");
        insta::assert_snapshot!("digest_sender", mask(&found, "imogen"));
        insta::assert_snapshot!("digest_recipient", mask(&found, "palla"));
        assert_eq!(entries(&app, "digest.send").await, 2);
    }

    async fn one_a_day_also_after_an_outage_and_none_when_nothing_is_open(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        wants_digest(&app, &fixture, &fixture.palliative, "America/Chicago", 7).await;
        app.run_until(app.now() + TimeDelta::days(2)).await;
        assert_eq!(digests(&app).len(), 0);
        share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        app.run_until(app.now() + TimeDelta::days(3)).await;
        assert_eq!(digests(&app).len(), 3);
        app.advance(TimeDelta::days(4));
        app.work().await;
        app.work().await;
        assert_eq!(digests(&app).len(), 4, "the days that were missed are not made up for");
    }

    async fn the_hour_holds_over_a_clock_change(app: App) {
        // New York goes back from EDT to EST on 2026-11-01.
        let (fixture, signed) = ready(&app, "2026-10-30T20:00:00Z").await;
        wants_digest(&app, &fixture, &fixture.palliative, "America/New_York", 7).await;
        share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        let mut due: Vec<DateTime<Utc>> = Vec::new();
        for _ in 0..3 {
            let mut conn = app.service.store().read().await.unwrap();
            let id = user(&fixture.palliative);
            let next = liaison_store::directory::person::find(&mut conn, id).await.unwrap().unwrap().digest_next_at.unwrap();
            drop(conn);
            due.push(next);
            app.run_until(next).await;
        }
        let hours: Vec<_> = due.iter().map(|at| at.to_rfc3339()).collect();
        assert_eq!(hours, ["2026-10-31T11:00:00+00:00", "2026-11-01T12:00:00+00:00", "2026-11-02T12:00:00+00:00"]);
        assert_eq!(digests(&app).len(), 3);
    }

    async fn two_processes_at_once_send_one_digest(app: App) {
        let (fixture, signed) = ready(&app, "2026-06-15T15:00:00Z").await;
        wants_digest(&app, &fixture, &fixture.palliative, "America/Chicago", 7).await;
        share_palliative(&app, &fixture, &signed, Urgency::Routine).await;
        app.advance(TimeDelta::days(1));
        let other = app.another_process().await;
        let (one, two) = tokio::join!(app.service.digest_due(), other.digest_due());
        assert_eq!(one.unwrap().done + two.unwrap().done, 1);
        app.work().await;
        assert_eq!(digests(&app).len(), 1);
        other.store().close().await;
    }
}

/// The digest to an address, with the ids' random part hidden.
fn mask(found: &[(String, String)], address: &str) -> String {
    let (_, text) = found.iter().find(|(to, _)| to.starts_with(address)).unwrap();
    text.lines()
        .map(|line| match line.rsplit_once('_') {
            Some((kind, _)) if line.contains("https://") => format!("{kind}_ID"),
            _ => line.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("\n")
}
