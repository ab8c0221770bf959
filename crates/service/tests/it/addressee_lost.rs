//! An amendment asks everybody again whom it can still reach; who amended is told of everybody else.

#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use liaison_clinical::{NoteContent, parse_journey};
use liaison_domain::{Duty, Urgency};
use liaison_service::{
    notes::{AmendNote, SignAmendment, SignNote, UpdateDraft},
    patients::{AddRestriction, RestrictionScope},
};
use liaison_store::{notices, recipients};
use liaison_testkit::{App, Fixture, Signed, both_engines};

use crate::{
    link_support::text,
    work_support::{person, share, team, world},
};

fn corrected() -> NoteContent {
    let (_, text) = liaison_clinical::journeys()
        .find(|(_, text)| parse_journey(text).is_ok_and(|journey| journey.header.journey == "A"))
        .unwrap();
    let mut content = parse_journey(text).unwrap().documents.remove(0).content;
    if let NoteContent::ConsultationNote(note) = &mut content
        && let Some(referral) = &mut note.referral
    {
        referral.reason = Some("Left arm neuropathic pain; the first version was wrong.".to_owned());
    }
    content
}

async fn amend(app: &App, fixture: &Fixture, signed: &Signed) {
    let amend = AmendNote {
        note_id: signed.note_id,
        idempotency_key: None,
    };
    let opened = app.service.amend_note(&fixture.physician, amend).await.unwrap();
    let update = UpdateDraft {
        note_id: signed.note_id,
        expected_revision: opened.revision,
        content: corrected(),
        confirmations: Vec::new(),
        set_aside: None,
        idempotency_key: None,
    };
    let saved = app.service.update_draft(&fixture.physician, update).await.unwrap();
    let sign = SignNote {
        note_id: signed.note_id,
        expected_revision: saved.revision,
        raised_urgency: None,
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    let reason = "Wrong dose.".to_owned();
    app.service
        .sign_amendment(&fixture.physician, SignAmendment { sign, reason })
        .await
        .unwrap();
}

both_engines! {
    async fn who_amends_is_told_whom_the_corrected_version_does_not_reach(app: App) {
        let (fixture, signed) = world(&app, "2026-05-14T15:00:00Z").await;
        let left = fixture.oncologist.user_id.unwrap();
        let wanted = vec![
            person(left),
            team(fixture.oncology_team, Duty::Required),
            team(fixture.palliative_team, Duty::Required),
        ];
        let shared = share(&app, &fixture, &signed, Urgency::Routine, wanted).await;
        app.service.open_share(&fixture.oncologist, shared.recipient_ids[0]).await.unwrap();
        app.service.set_person_disabled(&fixture.system, left, true).await.unwrap();
        let restriction = AddRestriction {
            patient_id: signed.patient_id,
            scope: RestrictionScope::Team(fixture.palliative_team),
            detail: None,
            agreed_by: None,
            agreed_at: None,
            idempotency_key: None,
        };
        app.service.add_restriction(&fixture.physician, restriction).await.unwrap();
        app.work().await;
        app.email.take();
        amend(&app, &fixture, &signed).await;

        let mut conn = app.service.store().read().await.unwrap();
        let loops = recipients::of_patient(&mut conn, signed.patient_id).await.unwrap();
        let again: Vec<_> = loops.iter().filter(|row| row.share_id != shared.share_id).collect();
        assert_eq!(again.len(), 1, "one of three is asked again");
        assert_eq!(again[0].to_team_id, Some(fixture.oncology_team));
        let told = notices::list(&mut conn, fixture.physician.user_id.unwrap(), None, 50).await.unwrap();
        drop(conn);
        let mut lost: Vec<_> = told
            .iter()
            .filter(|notice| notice.kind == liaison_domain::NoticeKind::AddresseeLost)
            .map(|notice| format!("{}: {}", notice.facts.0["recipient"], notice.facts.0["reason"]))
            .collect();
        lost.sort();
        assert_eq!(lost, ["Dr. Oncor Fabricato: LEFT", "Palliative medicine: RESTRICTED"]);
        app.work().await;
        let mails: Vec<_> = app.email.take().iter().map(text).collect();
        let about = mails.iter().filter(|mail| mail.contains("A corrected version was not sent to")).count();
        assert_eq!(about, 2);
    }
}
