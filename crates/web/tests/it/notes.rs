//! Notes: the editor's form over real HTML, saving by button and by script, conflicts, lists, preview, signature, amendment
//! and withdrawal.

use axum::{
    body::Body,
    http::{Request, header},
};
use chrono::TimeDelta;
use liaison_clinical::{NoteContent, differences};
use liaison_domain::NoteId;
use liaison_service::notes::{DraftNote, ListNotes};
use liaison_testkit::{App, Fixture, both_engines, notes::journey};

use crate::{
    harness::{Answer, Browser, url_encode},
    inbox::acts,
};

fn unescape(text: &str) -> String {
    text.replace("&#34;", "\"")
        .replace("&#39;", "'")
        .replace("&#60;", "<")
        .replace("&#62;", ">")
        .replace("&#38;", "&")
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let start = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    let rest = &tag[start..];
    Some(unescape(&rest[..rest.find('"')?]))
}

/// What a browser would send for the note's form, without its buttons.
pub(crate) fn form_of(page: &Answer) -> Vec<(String, String)> {
    form_at(page, "<form id=\"note\"")
}

/// The same of the form that begins so.
pub(crate) fn form_at(page: &Answer, begin: &str) -> Vec<(String, String)> {
    let body = &page.body;
    let form = &body[body.find(begin).expect("the form")..];
    let form = &form[..form.find("</form>").unwrap()];
    let mut fields = Vec::new();
    let mut choice: Option<(String, String)> = None;
    for piece in form.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap();
        let tag = format!("{tag} ");
        let name = attribute(&tag, "name");
        match tag.split([' ', '/']).next().unwrap() {
            "input" => {
                let box_like = tag.contains("type=\"radio\"") || tag.contains("type=\"checkbox\"");
                if let Some(name) = name.filter(|_| !box_like || tag.contains(" checked")) {
                    fields.push((name, attribute(&tag, "value").unwrap_or_default()));
                }
            }
            "textarea" => fields.push((name.unwrap(), unescape(text))),
            "select" => choice = Some((name.unwrap(), String::new())),
            "option" if tag.contains(" selected") => {
                if let Some((_, value)) = &mut choice {
                    *value = attribute(&tag, "value").unwrap_or_default();
                }
            }
            "" if piece.starts_with("/select") => {
                fields.extend(choice.take());
            }
            _ => {}
        }
    }
    fields
}

/// Sends the form with some values set.
async fn send(browser: &Browser, path: &str, form: &[(String, String)], set: &[(&str, &str)]) -> Answer {
    let mut fields: Vec<(&str, &str)> = form
        .iter()
        .filter(|(name, _)| name != "csrf" && !set.iter().any(|(other, _)| other == name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.extend(set);
    browser.post(path, &fields).await
}

/// The same as the script sends it.
async fn send_by_script(browser: &Browser, path: &str, form: &[(String, String)], set: &[(&str, &str)]) -> Answer {
    let mut fields: Vec<(&str, &str)> = form
        .iter()
        .filter(|(name, _)| !set.iter().any(|(other, _)| other == name))
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    fields.extend(set);
    let request = Request::post(path)
        .header(header::COOKIE, &browser.cookies)
        .header("sec-fetch-site", "same-origin")
        .header("x-liaison-script", "1")
        .header("x-csrf", &browser.csrf)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(url_encode(&fields)))
        .unwrap();
    browser.raw(request).await
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.body).unwrap_or_else(|_| panic!("no JSON: {}", answer.body))
}

/// A draft of a journey's document.
async fn draft(app: &App, fixture: &Fixture, letter: &str, number: usize) -> NoteId {
    let patient = app.patient(fixture, letter).await;
    for earlier in 0..number {
        app.sign(fixture, patient, letter, earlier).await;
    }
    let document = journey(letter).documents.remove(number);
    app.clock.set(document.envelope.signed_at.to_utc().max(app.now()));
    let input = DraftNote {
        patient_id: patient,
        content: document.content,
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    app.service
        .draft_note(&fixture.physician, input)
        .await
        .expect("a draft")
        .note_id
}

async fn content(app: &App, fixture: &Fixture, note: NoteId) -> NoteContent {
    app.service
        .draft(&fixture.physician, note)
        .await
        .expect("a draft")
        .content
        .into_revealed()
}

both_engines! {
    async fn a_note_is_begun_once_however_often_the_button_is_pressed(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let path = format!("/patients/{patient}/notes/new");
        let browser = Browser::signed_in(&app, &fixture.coordinator).await;
        let page = browser.get(&path).await;
        page.is(200).shows("Synthia Testpatient-Rivera").hides("<title>Synthia");
        let key = page.value("key");
        let fields = [("kind", "consultation"), ("from", "empty"), ("key", key.as_str())];
        let first = browser.post(&path, &fields).await;
        first.is(303);
        assert_eq!(browser.post(&path, &fields).await.location(), first.location());
        let editor = browser.get(first.location()).await;
        // Every contraindication stands there to be answered.
        editor.is(200).shows("contraindication_review[10].finding").shows("Consultation note");
        browser.get(&path).await.shows("A draft is open");
        browser.post_bare(&path, &fields).await.is(403).shows("CROSS_SITE");
    }

    async fn others_do_not_get_to_a_note(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 0).await;
        for actor in [&fixture.other_physician, &fixture.oncologist] {
            let browser = Browser::signed_in(&app, actor).await;
            for path in ["", "/edit", "/preview", "/sign"] {
                let answer = browser.get(&format!("/notes/{note}{path}")).await;
                assert!(answer.status == 404 || answer.status == 403, "{path} {}", answer.status);
                answer.hides("oxycodone").hides("Synthia");
            }
            let answer = browser.post(&format!("/notes/{note}/edit"), &[("revision", "1")]).await;
            assert!(answer.status == 404 || answer.status == 403, "{}", answer.status);
        }
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        browser.get("/notes/nonsense/edit").await.is(404);
        let before = acts(&app, &fixture, &fixture.physician, "note.read").await;
        browser.get(&format!("/notes/{note}/edit")).await.is(200).shows("oxycodone");
        assert!(acts(&app, &fixture, &fixture.physician, "note.read").await > before);
    }

    async fn the_form_of_every_kind_comes_back_as_it_was_written(app: App) {
        let fixture = app.fixture().await;
        for (letter, number) in [("A", 1), ("C", 0), ("D", 0)] {
            let note = draft(&app, &fixture, letter, number).await;
            // The journeys lie months apart: each day has its own session.
            let browser = Browser::signed_in(&app, &fixture.physician).await;
            let before = content(&app, &fixture, note).await;
            let path = format!("/notes/{note}/edit");
            let form = form_of(&browser.get(&path).await);
            assert!(form.len() > 100, "{}", form.len());
            let answer = send(&browser, &path, &form, &[("act", "save")]).await;
            answer.is(303);
            assert_eq!(answer.location(), format!("{path}?done=saved"));
            let after = content(&app, &fixture, note).await;
            // Saving may add what is computed, and changes nothing that was written.
            let changed: Vec<_> = differences(&before, &after).into_iter().filter(|one| one.before.is_some()).collect();
            assert!(changed.is_empty(), "{changed:?}");
            // The reload of the sent form is the same act.
            send(&browser, &path, &form, &[("act", "save")]).await.is(303);
            assert_eq!(app.service.note(&fixture.physician, note).await.unwrap().draft_revision, 2);
        }
    }

    async fn what_cannot_be_right_is_kept_as_typed_beside_the_rest(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 1).await;
        let path = format!("/notes/{note}/edit");
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let form = form_of(&browser.get(&path).await);
        let events = "Nausea, settled by itself";
        let set = [
            ("monitoring[3].sbp", "510"),
            ("infusion.weight_kg", "68,5x"),
            ("pre_infusion_check.interval_history", events),
            ("key", "k1"),
            ("act", "save"),
        ];
        let saved = send(&browser, &path, &form, &set).await;
        saved.is(303);
        assert_eq!(saved.location(), path);
        // The same form again is the same act.
        send(&browser, &path, &form, &set).await.is(303);
        assert_eq!(app.service.note(&fixture.physician, note).await.unwrap().draft_revision, 2);
        // A closed tab loses nothing: who comes back, also from another desk, finds every text and what is wrong with two.
        let other = Browser::signed_in(&app, &fixture.coordinator).await;
        let page = other.get(&path).await;
        page.is(200)
            .shows("Saved, but not all of it is in the note.")
            .shows("value=\"68,5x\"")
            .shows("Write a number with a point")
            .shows("value=\"510\"")
            .shows("510 is outside of what can be entered (40 to 300 mmHg)")
            .shows("aria-invalid=\"true\" aria-describedby=\"e-monitoring[3].sbp\"")
            .shows("Monitoring, row 4: SBP")
            .shows(events);
        let stored = content(&app, &fixture, note).await;
        let summary = stored.as_infusion().unwrap();
        assert_eq!(summary.monitoring[3].sbp, None);
        assert!(summary.monitoring[3].dbp.is_some());
        assert_eq!(summary.infusion.as_ref().unwrap().weight_kg, None);
        // The signature names the fields, and the preview too.
        for place in ["sign", "preview"] {
            browser
                .get(&format!("/notes/{note}/{place}"))
                .await
                .shows("#f-infusion.weight_kg")
                .shows("What was typed is kept, but is not in the note");
        }
        let sign = [("revision", "2"), ("amends", "0"), ("key", "s")];
        browser.post(&format!("/notes/{note}/sign"), &sign).await.is(422);
        assert_eq!(acts(&app, &fixture, &fixture.physician, "note.sign").await, 1);
        // Saved again as it stands, nothing moves; mended, it is a value like the others.
        let form = form_of(&page);
        send(&other, &path, &form, &[("act", "save")]).await.is(303);
        other.get(&path).await.shows("value=\"68,5x\"");
        let set = [("revision", "3"), ("monitoring[3].sbp", "142"), ("infusion.weight_kg", "68.5"), ("act", "save")];
        let saved = send(&other, &path, &form, &set).await;
        assert_eq!(saved.location(), format!("{path}?done=saved"));
        other.get(&path).await.hides("Saved, but not all");
        let draft = app.service.draft(&fixture.physician, note).await.unwrap();
        assert!(draft.set_aside.reveal().is_empty());
        assert_eq!(draft.content.reveal().as_infusion().unwrap().monitoring[3].sbp, Some(142));
    }

    async fn the_script_is_told_what_is_kept_as_typed(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 1).await;
        let path = format!("/notes/{note}/edit");
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let form = form_of(&browser.get(&path).await);
        let set = [("monitoring[3].sbp", "510"), ("infusion.weight_kg", "68,5x"), ("urgency", "")];
        let told = json(send_by_script(&browser, &path, &form, &set).await.is(200));
        assert_eq!((&told["state"], &told["revision"]), (&"saved".into(), &2.into()));
        let wrong: Vec<&str> = told["wrong"].as_array().unwrap().iter().filter_map(|one| one["path"].as_str()).collect();
        assert_eq!(wrong, ["infusion.weight_kg", "monitoring[3].sbp"]);
        assert!(told["message"].as_str().unwrap().contains("2 values kept as typed"), "{told}");
        // An order that several fields break together takes out what the rule names, and no more.
        let set = [("revision", "2"), ("monitoring[3].sbp", "60"), ("monitoring[3].dbp", "90"), ("urgency", "")];
        let told = json(send_by_script(&browser, &path, &form, &set).await.is(200));
        assert_eq!(told["wrong"].as_array().unwrap().len(), 1, "{told}");
        let draft = app.service.draft(&fixture.physician, note).await.unwrap();
        assert_eq!(draft.set_aside.reveal().len(), 1);
    }

    async fn the_script_saves_and_is_told_what_follows(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 1).await;
        let path = format!("/notes/{note}/edit");
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let form = form_of(&browser.get(&path).await);
        // A stated urgency below the flags would be refused; left empty, it is computed.
        let urgency = ("urgency", "");
        let set = [("monitoring[3].sbp", "184"), ("opioids_current[0].avg_daily_amount", "100"), urgency];
        let told = json(send_by_script(&browser, &path, &form, &set).await.is(200));
        assert_eq!((&told["state"], &told["revision"]), (&"saved".into(), &2.into()));
        let text = told["told"].to_string();
        assert!(text.contains("240 MME/day") && text.contains("Highest systolic 184 mmHg"), "{text}");
        assert!(text.contains("Blood pressure of 180/110"), "{text}");
        let unusual = told["unusual"].as_array().unwrap();
        let key = unusual
            .iter()
            .find(|one| one["path"] == "monitoring[3].sbp")
            .map(|one| one["key"].as_str().unwrap().to_owned())
            .unwrap();
        // Confirmed in place, with the next save; the page then lists it as confirmed.
        let set = [set[0], set[1], urgency, ("revision", "2"), ("confirm", key.as_str())];
        let told = json(send_by_script(&browser, &path, &form, &set).await.is(200));
        assert!(!told["unusual"].to_string().contains("monitoring[3].sbp"), "{told}");
        browser.get(&path).await.shows("Confirmed unusual values").shows("Monitoring, row 4: SBP: 184");
        // A box that was ticked for a value which changed since does not stop the save.
        let set = [("monitoring[3].sbp", "185"), set[1], urgency, ("revision", "3"), ("confirm", key.as_str())];
        let told = json(send_by_script(&browser, &path, &form, &set).await.is(200));
        assert!(told["unusual"].to_string().contains("185"), "{told}");
        // Without a session the script is told so, and no page comes.
        let nobody = Browser::open(&app);
        send_by_script(&nobody, &path, &form, &[]).await.is(401);
    }

    async fn who_comes_second_keeps_what_was_typed_and_learns_who_was_first(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 0).await;
        let path = format!("/notes/{note}/edit");
        let first = Browser::signed_in(&app, &fixture.coordinator).await;
        let second = Browser::signed_in(&app, &fixture.physician).await;
        let form = form_of(&second.get(&path).await);
        let of_first = form_of(&first.get(&path).await);
        send(&first, &path, &of_first, &[("referral.reason", "Of the first"), ("act", "save")]).await.is(303);
        let set = [("referral.reason", "Of the second"), ("act", "save")];
        let told = json(send_by_script(&second, &path, &form, &set).await.is(409));
        assert_eq!(told["state"], "overtaken");
        let name = app
            .service
            .person_by_id(&fixture.physician, liaison_testkit::fixture::user(&fixture.coordinator))
            .await
            .unwrap()
            .unwrap()
            .display_name;
        assert!(told["message"].as_str().unwrap().contains(&name), "{told}");
        let page = send(&second, &path, &form, &set).await;
        page.is(409).shows(&name).shows("Of the second").shows("Save mine in its place");
        // Their decision: with the revision that the page names now.
        let form = form_of(&page);
        send(&second, &path, &form, &[("revision", "2"), ("act", "save")]).await.is(303);
        let saved = content(&app, &fixture, note).await;
        let reason = saved.as_consultation().unwrap().referral.as_ref().unwrap().reason.as_deref();
        assert_eq!(reason, Some("Of the second"));
    }

    async fn rows_are_added_removed_and_pasted_without_a_script(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 1).await;
        let path = format!("/notes/{note}/edit");
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let form = form_of(&browser.get(&path).await);
        let rows = form.iter().filter(|(name, _)| name.starts_with("monitoring[") && name.ends_with(".hr")).count();
        let page = send(&browser, &path, &form, &[("act", "add:adverse_events")]).await;
        page.is(200).shows("name=\"adverse_events[1].term\"");
        let page = send(&browser, &path, &form, &[("act", "remove:monitoring[0]")]).await;
        page.is(200).hides(&format!("name=\"monitoring[{}].hr\"", rows - 1));
        let pasted = "time\tBP\tHR\tSpO2 (%)\tcolour\n13:00\t130/80\t72\t98\tred\n13:05\t130-80\tfast\t98\tred\n";
        let page = send(&browser, &path, &form, &[("paste:monitoring", pasted), ("act", "paste:monitoring")]).await;
        page.is(200)
            .shows("1 row added")
            .shows(&format!("name=\"monitoring[{rows}].hr\" id=\"f-monitoring[{rows}].hr\" value=\"72\""))
            .shows("Line 1: the column &#34;colour&#34; is not known")
            .shows("Line 3: the blood pressure is not written as 122/72.")
            .shows("Line 3: hr &#34;fast&#34;: Write a whole number, such as 7.");
        // Start 09:30: 13:00 is minute 210. The line that could not be read stays to be corrected.
        page.shows(&format!("name=\"monitoring[{rows}].t_min\" id=\"f-monitoring[{rows}].t_min\" value=\"210\""));
        page.shows("130-80");
        // Nothing of this was saved yet.
        assert_eq!(app.service.note(&fixture.physician, note).await.unwrap().draft_revision, 1);
    }

    async fn a_new_infusion_takes_over_what_holds_and_nothing_that_is_asked_anew(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        app.sign(&fixture, patient, "A", 0).await;
        app.sign(&fixture, patient, "A", 1).await;
        let path = format!("/patients/{patient}/notes/new");
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let begun = browser.post(&path, &[("kind", "infusion"), ("from", "last")]).await;
        begun.is(303);
        let page = browser.get(begun.location()).await;
        page.is(200).shows("oxycodone extended-release").shows("Taken over from the last infusion summary").shows("before: 1");
        assert_eq!(page.value("infusion.number"), "2");
        assert_eq!(page.value("infusion.weight_kg"), "");
        page.hides("Dizziness</");
        let listed = ListNotes { patient_id: Some(patient), drafts_only: true, after: None, limit: 10 };
        let note = app.service.list_notes(&fixture.physician, listed).await.unwrap().notes.remove(0);
        let saved = content(&app, &fixture, note.id).await;
        let summary = saved.as_infusion().unwrap();
        assert!(summary.monitoring.is_empty() && summary.post_infusion.is_none() && summary.no_adverse_events.is_none());
        assert_eq!(summary.opioids_current.len(), 2);
        assert_eq!(summary.infusion.as_ref().unwrap().date, Some(app.now().date_naive()));
    }

    async fn a_note_is_signed_once_by_a_physician_who_proves_it(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "C", 3).await;
        let path = format!("/notes/{note}/sign");
        let coordinator = Browser::signed_in(&app, &fixture.coordinator).await;
        coordinator.get(&path).await.is(200).shows("Only a physician signs").hides("Your password");
        coordinator.post(&path, &[("revision", "1"), ("amends", "0")]).await.is(403);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        browser.get(&format!("/notes/{note}/preview")).await.is(200).shows("In short").shows("204/112").hides("Your password");
        let page = browser.get(&path).await;
        page.is(200).shows("Unusual values: confirm each").shows("Raise to emergent").hides("Raise to urgent");
        let key = page.value("key");
        let base = [("revision", "1"), ("amends", "0"), ("key", key.as_str())];
        // Not confirmed: refused, and nothing is signed.
        browser.post(&path, &base).await.is(422).shows("not confirmed");
        let confirm: Vec<String> = page
            .body
            .split("name=\"confirm\" value=\"")
            .skip(1)
            .map(|rest| unescape(rest.split('"').next().unwrap()))
            .collect();
        assert!(!confirm.is_empty());
        let mut fields = base.to_vec();
        fields.extend(confirm.iter().map(|one| ("confirm", one.as_str())));
        // Five minutes later the proof is too old.
        app.advance(TimeDelta::minutes(6));
        browser.post(&path, &fields).await.is(422).shows("enter your password");
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let signed = browser.post(&path, &fields).await;
        signed.is(303);
        assert!(signed.location().starts_with("/versions/") && signed.location().ends_with("/share?done=signed"));
        assert_eq!(browser.post(&path, &fields).await.location(), signed.location());
        assert_eq!(acts(&app, &fixture, &fixture.physician, "note.sign").await, 4);
        // There is no draft any more.
        assert_eq!(browser.get(&path).await.location(), format!("/notes/{note}"));
    }

    async fn an_amendment_says_what_it_changes_and_a_withdrawal_why(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 0).await;
        app.share_with_both(&fixture, &signed).await;
        let note = format!("/notes/{}", signed.note_id);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let page = browser.get(&note).await;
        page.is(200).shows("Version 1").shows("must acknowledge").shows("On its way").hides("Withdrawn as entered");
        let opened = browser.post(&format!("{note}/amend"), &[("key", "k1")]).await;
        assert_eq!(opened.location(), format!("{note}/edit"));
        let editor = browser.get(opened.location()).await;
        editor.shows("amendment of version 1");
        let form = form_of(&editor);
        let set = [("referral.reason", "Corrected reason"), ("act", "sign")];
        let saved = send(&browser, opened.location(), &form, &set).await;
        assert_eq!(saved.location(), format!("{note}/sign"));
        let sign = browser.get(saved.location()).await;
        sign.shows("What the amendment changes").shows("Corrected reason").shows("Why the note changes");
        let revision = sign.value("revision");
        let mut fields = vec![("revision", revision.as_str()), ("amends", "1")];
        let confirm: Vec<String> = sign
            .body
            .split("name=\"confirm\" value=\"")
            .skip(1)
            .map(|rest| unescape(rest.split('"').next().unwrap()))
            .collect();
        fields.extend(confirm.iter().map(|one| ("confirm", one.as_str())));
        browser.post(&format!("{note}/sign"), &fields).await.is(422).shows("id=\"e-reason\"");
        fields.push(("reason", "The referral said something else."));
        browser.post(&format!("{note}/sign"), &fields).await.is(303);
        let page = browser.get(&note).await;
        page.shows("Version 2").shows("The referral said something else.").shows("Corrected reason").shows("Replaced by a newer version");
        // Withdrawn only with a reason.
        let withdraw = format!("{note}/withdraw");
        browser.post(&withdraw, &[("reason", " "), ("key", "w")]).await.is(422).shows("id=\"e-reason\"");
        let fields = [("reason", "Wrong patient's history."), ("key", "w2")];
        let gone = browser.post(&withdraw, &fields).await;
        gone.is(303);
        browser.get(gone.location()).await.shows("Everyone who had opened it is told").hides(">Amend<");
        browser.get(&format!("/versions/{}", signed.version_id)).await.is(200).shows("Wrong patient&#39;s history.");
    }

    async fn a_draft_is_discarded_as_it_was_seen(app: App) {
        let fixture = app.fixture().await;
        let note = draft(&app, &fixture, "A", 0).await;
        let browser = Browser::signed_in(&app, &fixture.coordinator).await;
        let path = format!("/notes/{note}/discard");
        browser.post(&path, &[("revision", "7")]).await.is(409);
        let gone = browser.post(&path, &[("revision", "1")]).await;
        gone.is(303);
        assert!(gone.location().starts_with("/patients/") && gone.location().ends_with("?done=discarded"));
        browser.get(&format!("/notes/{note}")).await.is(404);
    }
}
