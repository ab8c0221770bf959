//! The share dialog: who is proposed, what the checks ask, and that a share leaves once.

use std::collections::BTreeSet;

use liaison_service::{
    notes::{ConfirmUnusual, DraftNote, SignNote},
    patients::{AdministrativeGender, PatientIdentity, RegisterPatient},
};
use liaison_testkit::{both_engines, notes::journey};

use crate::{
    harness::{Answer, Browser},
    inbox::acts,
    notes::form_at,
};

fn between<'a>(page: &'a Answer, from: &str, until: &str) -> &'a str {
    let start = page
        .body
        .find(from)
        .unwrap_or_else(|| panic!("{from} in {}", page.body));
    let rest = &page.body[start..];
    rest[..rest.find(until).expect("its end")].trim()
}

/// The first screen of a page.
fn first_screen(page: &Answer) -> &str {
    between(page, "<section class=\"card first-screen\"", "</section>")
}

/// The narrative of a page, without what a letter says below it.
fn narrative(page: &Answer) -> &str {
    let whole = between(page, "<h2 id=\"h-note\">", "</section>");
    whole
        .split("<p class=\"quiet\">Signed by")
        .next()
        .unwrap_or_default()
        .trim()
}

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
        page.shows(&format!("value=\"add:{outside}\""));
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
        version.is(200).shows("In short").shows("SHA-256").hides("/share\"");
    }

    async fn a_preview_a_letter_and_a_print_say_the_same_byte_for_byte(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let document = journey("A").documents.remove(0);
        app.clock.set(document.envelope.signed_at.to_utc());
        let draft = DraftNote { patient_id: patient, content: document.content, confirmations: Vec::new(), idempotency_key: None };
        let saved = app.service.draft_note(&fixture.physician, draft).await.unwrap();
        let physician = Browser::signed_in(&app, &fixture.physician).await;
        let preview = physician.get(&format!("/notes/{}/preview?as=ONCOLOGIST", saved.note_id)).await;
        preview.is(200).shows("as an oncologist would read it").shows("Asked of you");
        let other = physician.get(&format!("/notes/{}/preview?as=OTHER", saved.note_id)).await;
        other.is(200).shows("as another recipient would read it");
        assert_ne!(first_screen(&other), first_screen(&preview), "each role is asked its own");
        let confirm = saved.unconfirmed.iter().map(|one| ConfirmUnusual {
            path: one.path.clone(),
            limit: one.limit.clone(),
            value: one.value,
        });
        let sign = SignNote {
            note_id: saved.note_id,
            expected_revision: saved.revision,
            raised_urgency: None,
            confirmations: confirm.collect(),
            idempotency_key: None,
        };
        let signed = app.service.sign_note(&fixture.physician, sign).await.unwrap();
        // Shared as the dialog proposes it.
        let path = format!("/versions/{}/share", signed.version_id);
        let dialog = physician.get(&path).await;
        let form = form_at(&dialog, "<form method=\"post\" action=\"/versions/");
        let mut fields: Vec<(&str, &str)> = form
            .iter()
            .filter(|(name, _)| name != "csrf")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        fields.push(("act", "send"));
        physician.post(&path, &fields).await.is(303);
        let oncologist = Browser::signed_in(&app, &fixture.oncologist).await;
        let inbox = oncologist.get("/inbox").await;
        let letter = inbox.body.split("href=\"").find_map(|rest| {
            let address = rest.split('"').next()?;
            address.starts_with("/inbox/recipient_").then(|| address.to_owned())
        });
        let letter = letter.expect("a letter in the inbox");
        oncologist.post(&format!("{letter}/open"), &[]).await.is(303);
        let read = oncologist.get(&letter).await;
        let print = oncologist.get(&format!("{letter}/print")).await;
        let version = physician.get(&format!("/versions/{}", signed.version_id)).await;
        for page in [&read, &print] {
            assert_eq!(first_screen(page), first_screen(&preview));
            assert_eq!(narrative(page), narrative(&preview));
        }
        assert_eq!(narrative(&version), narrative(&preview));
        assert!(narrative(&preview).len() > 2_000);
    }

    async fn anybody_of_a_long_directory_is_found_without_a_script(app: App) {
        let fixture = app.fixture().await;
        app.practices(&fixture, 250).await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        let path = format!("/versions/{}/share", signed.version_id);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let page = browser.get(&path).await;
        page.is(200).shows("Show the next ones").hides("Practice 240");
        let key = page.value("key");
        let added = |page: &Answer| -> String {
            let from = page.body.find("value=\"add:").expect("a match") + "value=\"add:".len();
            page.body[from..].split('"').next().unwrap().to_owned()
        };
        // Beyond the first hundred, by two words in any case; what was typed stays.
        let found = browser
            .post(&path, &[("find", "practice 240"), ("act", "find"), ("key", &key), ("message", "Kept as typed")])
            .await;
        found.is(200).shows("Practice 240").hides("Practice 241").shows("Kept as typed");
        let first = added(&found);
        let picked = browser.post(&path, &[("act", &format!("add:{first}")), ("key", &key)]).await;
        picked.is(200).shows("Practice 240");
        // Picked ones stay while another is looked for.
        let keep = [("to", first.as_str()), ("on", &first), ("find", "249"), ("act", "find"), ("key", &key)];
        let second = browser.post(&path, &keep).await;
        second.is(200).shows("Practice 249").shows("Practice 240");
        let second = added(&second);
        assert_ne!(second, first);
        let both = browser
            .post(&path, &[("to", first.as_str()), ("on", &first), ("act", &format!("add:{second}")), ("key", &key)])
            .await;
        both.shows(&format!("name=\"on\" value=\"{first}\" checked")).shows(&format!("name=\"on\" value=\"{second}\" checked"));
        // Signs of a pattern stand for themselves; too many words are said so; nobody is said so.
        browser.post(&path, &[("find", "%"), ("act", "find"), ("key", &key)]).await.is(200).shows("Nobody in the directory fits");
        browser.post(&path, &[("find", "a b c d e"), ("act", "find"), ("key", &key)]).await.is(200).shows("At most 4 words");
        // Page by page to the end: each once.
        let mut names = BTreeSet::new();
        let mut page = browser.post(&path, &[("find", "practice"), ("act", "find"), ("key", &key)]).await;
        for _ in 0..20 {
            for piece in page.body.split("value=\"add:").skip(1) {
                assert!(names.insert(piece.split('"').next().unwrap().to_owned()), "twice");
            }
            let Some(at) = page.body.find("name=\"act\" value=\"find:") else { break };
            let next = page.body[at + "name=\"act\" value=\"".len()..].split('"').next().unwrap().to_owned();
            page = browser.post(&path, &[("find", "practice"), ("act", &next), ("key", &key)]).await;
        }
        assert_eq!(names.len(), 250);

        // The care team and the restrictions of the patient: the same search, and the picked one stays.
        let circle = format!("/patients/{patient}/care-team");
        let found = browser.post(&circle, &[("find", "practice 200"), ("act", "find"), ("careRole", "PRIMARY_CARE")]).await;
        found.is(200).shows("Practice 200").shows("value=\"PRIMARY_CARE\" selected");
        let from = found.body.find("name=\"teamId\" value=\"team:").expect("a match") + "name=\"teamId\" value=\"".len();
        let team = found.body[from..].split('"').next().unwrap().to_owned();
        let again = browser.post(&circle, &[("find", "practice 201"), ("act", "find"), ("teamId", &team)]).await;
        again.is(200).shows(&format!("value=\"{team}\" checked")).shows("Practice 201");
        browser.post(&circle, &[("teamId", &team), ("careRole", "PRIMARY_CARE"), ("key", "c")]).await.is(303);
        let restrict = format!("/patients/{patient}/restrictions");
        let found = browser.post(&restrict, &[("find", "practice 199"), ("act", "find"), ("detail", "As agreed")]).await;
        found.is(200).shows("All of Practice 199").shows("As agreed");
        // A colleague elsewhere passes a letter on to any of them.
        let shared = app.share_with_both(&fixture, &signed).await;
        app.open(&fixture.oncologist, shared.recipient_ids[0]).await;
        let oncologist = Browser::signed_in(&app, &fixture.oncologist).await;
        let redirect = format!("/inbox/{}/redirect", shared.recipient_ids[0]);
        oncologist.post(&redirect, &[("find", "practice 198"), ("act", "find")]).await.is(200).shows("Practice 198");
    }

    async fn a_look_alike_is_pointed_out_before_signing_and_needs_a_reason_to_share(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let of_a = journey("A").header.patient;
        let register = |mrn: &str, name: &str| RegisterPatient {
            identity: PatientIdentity {
                mrn: mrn.to_owned(),
                name: name.to_owned(),
                birth_date: of_a.birth_date,
                administrative_gender: AdministrativeGender::Unknown,
                other_mrns: Vec::new(),
            },
            idempotency_key: None,
        };
        let note = app.sign(&fixture, patient, "A", 0).await;
        let draft = DraftNote {
            patient_id: patient,
            content: journey("A").documents.remove(1).content,
            confirmations: Vec::new(),
            idempotency_key: None,
        };
        let draft = app.service.draft_note(&fixture.physician, draft).await.unwrap();
        let sign = format!("/notes/{}/sign", draft.note_id);
        let share = format!("/versions/{}/share", note.version_id);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        for path in [&sign, &share] {
            browser.get(path).await.is(200).hides("Right patient?").hides("reason:LOOK_ALIKE");
        }
        // Of the same day and initials here; another day, other initials, or another clinic make no look-alike.
        app.service.register_patient(&fixture.physician, register("LIKE-1", "Sinthia Testpatiend-Riviera")).await.unwrap();
        app.service.register_patient(&fixture.physician, register("UNLIKE-1", "Bea Different")).await.unwrap();
        app.service.register_patient(&fixture.other_physician, register("ELSEWHERE-1", "Synthia Testpatient-Rivera")).await.unwrap();
        let before = acts(&app, &fixture, &fixture.physician, "patient.read").await;
        for path in [&sign, &share] {
            browser
                .get(path)
                .await
                .is(200)
                .shows("Right patient?")
                .shows("Sinthia Testpatiend-Riviera")
                .shows("MRN LIKE-1")
                .hides("UNLIKE-1")
                .hides("ELSEWHERE-1");
        }
        assert!(acts(&app, &fixture, &fixture.physician, "patient.read").await >= before + 4, "both are read, each time");
        // Also while nobody is ticked.
        browser.post(&share, &[("act", "check")]).await.is(200).shows("Right patient?");
        let dialog = browser.get(&share).await;
        dialog.shows("How you made sure that this is the right patient");
        let form = form_at(&dialog, "<form method=\"post\" action=\"/versions/");
        let mut fields: Vec<(&str, &str)> = form
            .iter()
            .filter(|(name, _)| name != "csrf" && name != "reason:LOOK_ALIKE")
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        fields.push(("act", "send"));
        let refused = browser.post(&share, &fields).await;
        refused.is(422).shows("same birth date and initials");
        assert_eq!(acts(&app, &fixture, &fixture.physician, "share.create").await, 0);
        fields.push(("reason:LOOK_ALIKE", "Compared MRN and address with the person."));
        browser.post(&share, &fields).await.is(303);
        assert_eq!(acts(&app, &fixture, &fixture.physician, "share.create").await, 1);
    }
}
