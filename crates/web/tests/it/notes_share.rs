//! The share dialog: who is proposed, what the checks ask, and that a share leaves once.

use liaison_testkit::both_engines;

use crate::{harness::Browser, inbox::acts};

both_engines! {
    async fn the_care_team_is_proposed_and_the_note_leaves_once(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let path = format!("/versions/{}/share", signed.version_id);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let before = acts(&app, &fixture, &fixture.physician, "note.read").await;
        let page = browser.get(&path).await;
        page.is(200)
            .shows("On the care team as oncologist")
            .shows("On the care team as palliative clinician")
            .shows("must acknowledge")
            .shows("it can be raised");
        assert!(acts(&app, &fixture, &fixture.physician, "note.read").await > before);
        // The note's own question to its recipients is there to be sent.
        page.shows("questions[0].text");
        let key = page.value("key");
        let (oncology, palliative) =
            (format!("team:{}", fixture.oncology_team), format!("team:{}", fixture.palliative_team));
        let (duty_o, duty_p) = (format!("duty:{oncology}"), format!("duty:{palliative}"));
        let fields = [
            ("to", oncology.as_str()), ("on", oncology.as_str()), (duty_o.as_str(), "REQUIRED"),
            ("to", palliative.as_str()), ("on", palliative.as_str()), (duty_p.as_str(), "COPY"),
            ("urgency", "urgent"), ("key", key.as_str()), ("act", "send"),
            ("questions[0].text", "Is a scan planned?"), ("questions[0].careRole", "ONCOLOGIST"),
            ("questions[0].respondBy", "2026-02-01"), ("questions[1].text", ""), ("message", "Please look."),
        ];
        let sent = browser.post(&path, &fields).await;
        sent.is(303);
        assert!(sent.location().starts_with("/shares/") && sent.location().ends_with("?done=shared"), "{}", sent.location());
        assert_eq!(browser.post(&path, &fields).await.location(), sent.location());
        assert_eq!(acts(&app, &fixture, &fixture.physician, "share.create").await, 1);
        browser.post_bare(&path, &fields).await.is(403).shows("CROSS_SITE");
    }

    async fn outside_the_care_team_a_reason_is_asked_and_what_was_typed_stays(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let path = format!("/versions/{}/share", signed.version_id);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let page = browser.get(&path).await;
        let outside = format!("team:{}", fixture.outside_team);
        page.shows(&format!("<option value=\"{outside}\""));
        let key = page.value("key");
        let added = browser.post(&path, &[("add", &outside), ("act", "add"), ("key", &key)]).await;
        added.is(200).shows("Chosen from the directory; not on the care team").shows("reason:NOT_ON_CARE_TEAM");
        let fields = [
            ("to", outside.as_str()), ("on", outside.as_str()), ("key", key.as_str()), ("act", "send"),
            ("message", "Kept as typed"), ("urgency", "routine"),
        ];
        let refused = browser.post(&path, &fields).await;
        refused.is(422).shows("Kept as typed");
        assert_eq!(acts(&app, &fixture, &fixture.physician, "share.create").await, 0);
        let mut fields = fields.to_vec();
        fields.push(("reason:NOT_ON_CARE_TEAM", "Takes over the treatment from Monday."));
        let sent = browser.post(&path, &fields).await;
        if sent.status == 422 {
            // Nobody of that team can be reached: said in words, with what can be done.
            sent.shows("endpoint");
        } else {
            sent.is(303);
        }
        // Nobody chosen is said too.
        browser.post(&path, &[("act", "send"), ("key", "other")]).await.is(422).shows("1 to 50 recipients");
    }

    async fn only_a_physician_of_the_clinic_shares(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let path = format!("/versions/{}/share", signed.version_id);
        for actor in [&fixture.coordinator, &fixture.oncologist, &fixture.other_physician] {
            let browser = Browser::signed_in(&app, actor).await;
            let answer = browser.get(&path).await;
            assert!(answer.status == 403 || answer.status == 404, "{}", answer.status);
            answer.hides("Synthia");
            let answer = browser.post(&path, &[("act", "send")]).await;
            assert!(answer.status == 403 || answer.status == 404, "{}", answer.status);
        }
        // The reader of the version needs no right to share.
        let coordinator = Browser::signed_in(&app, &fixture.coordinator).await;
        let version = coordinator.get(&format!("/versions/{}", signed.version_id)).await;
        version.is(200).shows("Bottom line").shows("SHA-256").hides("/share\"");
    }
}
