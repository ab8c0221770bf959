//! Answering a letter: acknowledge, decline, pass on, take on, write, keep the receipt.

use liaison_domain::{EvidenceLevel, Urgency};
use liaison_service::{
    loops::{acknowledge::Acknowledge, reply::WriteReply},
    reading::RecipientRow,
};
use liaison_testkit::{App, Fixture, both_engines};

use crate::{
    harness::{Answer, Browser},
    inbox::{NAME, acts, share_one, shared, to_team},
};

async fn row(app: &App, fixture: &Fixture, id: liaison_domain::RecipientId) -> RecipientRow {
    app.service
        .loops(&fixture.physician, &[id])
        .await
        .expect("the loop")
        .remove(&id)
        .expect("the clinic's own")
}

/// Opens a letter shared with the oncology team; the page, and its address.
async fn opened(app: &App, fixture: &Fixture) -> (Browser, String, liaison_domain::RecipientId, Answer) {
    let (_, shared) = shared(app, fixture).await;
    let id = shared.recipient_ids[0];
    let browser = Browser::signed_in(app, &fixture.oncologist).await;
    let address = format!("/inbox/{id}");
    browser.post(&format!("{address}/open"), &[]).await.is(303);
    let letter = browser.get(&address).await;
    (browser, address, id, letter)
}

both_engines! {
    async fn acknowledged_in_one_form_and_a_second_submit_is_the_same_act(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, id, letter) = opened(&app, &fixture).await;
        let (key, version) = (letter.value("key"), letter.value("noteVersionId"));
        let form = [
            ("key", key.as_str()),
            ("noteVersionId", &version),
            ("disposition", "REVIEWED_NO_CHANGE"),
            ("answers[0].text", "No, none is planned."),
            ("answers[0].id", &letter.value("answers[0].id")),
        ];
        browser.post_bare(&format!("{address}/acknowledge"), &form).await.is(403);
        for _ in 0..2 {
            let sent = browser.post(&format!("{address}/acknowledge"), &form).await;
            sent.is(303);
            assert_eq!(sent.location(), format!("{address}?done=acknowledged"));
        }
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "acknowledgment.create").await, 1);
        assert_eq!(row(&app, &fixture, id).await.level, EvidenceLevel::Acknowledged);
        let letter = browser.get(&format!("{address}?done=acknowledged")).await;
        letter.is(200).shows("By you, ").shows("Reviewed, no change to our plan").shows("No, none is planned.");
        letter.shows("your receipt stands below").shows(&format!("{address}/receipt")).hides("Your answer").hides("Not for you?");
        browser.get("/inbox").await.hides(NAME);
        browser.get("/inbox?show=done").await.shows(NAME).shows("Acknowledged by you");
        // The receipt: in a moment, and then to keep.
        browser.get(&format!("{address}/receipt")).await.is(202).shows("is being signed");
        app.work().await;
        let receipt = browser.get(&format!("{address}/receipt")).await;
        receipt.is(200).shows("liaison-receipt@v1");
        assert!(receipt.headers["content-disposition"].to_str().unwrap().starts_with("attachment; filename=\"liaison-receipt-"));
    }

    async fn what_an_answer_lacks_is_said_at_the_field_and_what_was_typed_stays(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, id, letter) = opened(&app, &fixture).await;
        let version = letter.value("noteVersionId");
        let act = format!("{address}/acknowledge");
        let bare = browser.post(&act, &[("noteVersionId", &version)]).await;
        bare.is(422).shows("Nothing was sent yet").shows("href=\"#f-dispositions\"").shows("id=\"e-dispositions\"");
        let call = [
            ("noteVersionId", version.as_str()),
            ("disposition", "PLAN_ADJUSTED"),
            ("also", "REQUEST_CALL"),
            ("callNumber", "+1 312 555 0107"),
            ("callFrom", "2026-01-21T15:00"),
            ("callUntil", "2026-01-21T14:00"),
            ("holdUntil", "tomorrow"),
        ];
        let again = browser.post(&act, &call).await;
        again.is(422).shows("Give a date, such as 2026-01-05").shows("value=\"+1 312 555 0107\"").shows("value=\"2026-01-21T15:00\"");
        let call: Vec<_> = call.into_iter().filter(|(name, _)| *name != "holdUntil").collect();
        let again = browser.post(&act, &call).await;
        again.is(422).shows("Required with \u{201c}We changed our plan\u{201d}").shows("Must be after the beginning");
        again.shows("value=\"PLAN_ADJUSTED\" checked").hides("PLAN_ADJUSTED\u{201d}").shows("id=\"e-comment\"").shows("id=\"e-callUntil\"");
        // Two answers that exclude each other, and a number without the wish to be called.
        let both = [("noteVersionId", version.as_str()), ("disposition", "REVIEWED_NO_CHANGE"), ("also", "REQUEST_CALL")];
        browser.post(&act, &both).await.is(422).shows("excludes all others");
        let stray = [("noteVersionId", version.as_str()), ("disposition", "REVIEWED_NO_CHANGE"), ("callNumber", "+1 312 555 0107")];
        browser.post(&act, &stray).await.is(422).shows("Only with \u{201c}Please call me\u{201d}").shows("with-call used");
        browser.post(&act, &[("noteVersionId", "x"), ("disposition", "NONSENSE")]).await.is(422).shows("Choose one of these");
        assert_eq!(row(&app, &fixture, id).await.level, EvidenceLevel::Opened);
    }

    async fn combined_answers_reach_the_clinic_with_their_details(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, id, letter) = opened(&app, &fixture).await;
        let form = [
            ("noteVersionId", &*letter.value("noteVersionId")),
            ("disposition", "REQUEST_CALL"),
            ("also", "OPIOID_CHANGE_PLANNED"),
            ("also", "WILL_CONTACT_PATIENT"),
            ("callNumber", "+1 312 555 0107"),
            ("callFrom", "2026-01-21T14:00"),
            ("callUntil", "2026-01-21T15:00"),
            ("contactBy", "2026-01-22"),
            ("opioidDrug", "oxycodone extended-release"),
            ("opioidFrom", "60 mg every 12 h"),
            ("opioidTo", "40 mg every 12 h"),
            ("opioidDate", "2026-01-23"),
            ("comment", "Step down as relief holds."),
        ];
        browser.post(&format!("{address}/acknowledge"), &form).await.is(303);
        let letter = browser.get(&address).await;
        letter.shows("Please call me").shows("oxycodone extended-release from 60 mg every 12 h to 40 mg every 12 h, 23 Jan 2026");
        letter.shows("Wed 21 Jan 2026, 14:00 CST").shows("22 Jan 2026").shows("The clinic owes you an answer");
        assert!(row(&app, &fixture, id).await.reply_due);
    }

    async fn whoever_is_second_learns_it_and_keeps_what_they_wrote(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, id, letter) = opened(&app, &fixture).await;
        app.open(&fixture.second_oncologist, id).await;
        let version = row(&app, &fixture, id).await.note_version_id;
        let first = Acknowledge {
            recipient_id: Some(id),
            note_version_id: Some(version),
            dispositions: vec![liaison_domain::Disposition::ReviewedNoChange],
            ..Acknowledge::default()
        };
        app.service.acknowledge(&fixture.second_oncologist, first).await.expect("acknowledged");
        let form = [
            ("noteVersionId", &*letter.value("noteVersionId")),
            ("disposition", "PLAN_ADJUSTED"),
            ("comment", "We pause chemotherapy."),
        ];
        let late = browser.post(&format!("{address}/acknowledge"), &form).await;
        late.is(409).shows("Not sent.").shows("acknowledged before").shows("What you wrote is kept").shows("We pause chemotherapy.</textarea>");
        late.shows("By Dr. Secunda Fictiva");
    }

    async fn after_a_wrong_recipient_nothing_is_left_to_see(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, id, letter) = opened(&app, &fixture).await;
        browser.post(&format!("{address}/decline"), &[("comment", "Not ours.")]).await.is(422).shows("Not ours.</textarea>");
        let key = letter.value("key") + "d";
        let form = [("key", key.as_str()), ("reason", "WRONG_RECIPIENT"), ("comment", "Not ours.")];
        for _ in 0..2 {
            let sent = browser.post(&format!("{address}/decline"), &form).await;
            sent.is(303);
            assert_eq!(sent.location(), "/inbox?done=declined");
        }
        browser.get(&address).await.is(404).hides(NAME);
        browser.get(&format!("{address}/print")).await.is(404).hides(NAME);
        browser.get("/inbox?show=done").await.hides(NAME);
        assert!(row(&app, &fixture, id).await.sealed_from_recipient);
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "mis_send.open").await, 1);
    }

    async fn who_cannot_act_says_so_and_the_letter_says_who(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, _, _) = opened(&app, &fixture).await;
        browser.post(&format!("{address}/decline"), &[("reason", "UNABLE_TO_ACT")]).await.is(303);
        let letter = browser.get(&address).await;
        letter.is(200).shows("Declined by you").shows("cannot act on it").hides("In short").hides("Your answer");
        browser.post(&format!("{address}/decline"), &[("reason", "UNABLE_TO_ACT")]).await.is(409).shows("Not sent.");
    }

    async fn passed_on_to_a_colleague_who_takes_it_on(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, _, _) = opened(&app, &fixture).await;
        let form = browser.get(&format!("{address}/redirect")).await;
        form.is(200).shows(NAME).shows("Dr. Secunda Fictiva").shows("Unrelated oncology").hides("Dr. Oncor Fabricato</strong>").hides("Dr. Outis Nemo");
        let found = browser.post(&format!("{address}/redirect"), &[("act", "find"), ("find", "secunda"), ("reason", "Her clinic day")]).await;
        found.is(200).shows("Dr. Secunda Fictiva").hides("Unrelated oncology").shows("Her clinic day</textarea>");
        browser.post(&format!("{address}/redirect"), &[("reason", "Her day")]).await.is(422).shows("Choose to whom it goes").shows("Her day</textarea>");
        let second = format!("user:{}", fixture.second_oncologist.user_id.unwrap());
        browser.post(&format!("{address}/redirect"), &[("to", &second)]).await.is(422).shows("Reason").shows(&format!("{second}\" required checked"));
        let (key, to) = (form.value("key"), second.as_str());
        for _ in 0..2 {
            browser.post(&format!("{address}/redirect"), &[("key", &key), ("to", to), ("reason", "Her day")]).await.is(303);
        }
        browser.get(&address).await.shows("Passed on to Dr. Secunda Fictiva").shows("have not taken it on yet").hides("In short");
        let colleague = Browser::signed_in(&app, &fixture.second_oncologist).await;
        let mine = colleague.get("/inbox?show=mine").await;
        let theirs = mine.body.split("action=\"/inbox/").nth(1).unwrap().split("/open").next().unwrap();
        let theirs = format!("/inbox/{theirs}");
        let envelope = colleague.get(&theirs).await;
        envelope.shows("passed this on to you").shows("Take it on");
        envelope.hides("Her day");
        colleague.post(&format!("{theirs}/open"), &[]).await.is(303);
        colleague.get(&theirs).await.shows("Dr. Oncor Fabricato, ").shows("Her day");
        colleague.post(&format!("{theirs}/accept"), &[]).await.is(303);
        colleague.get(&theirs).await.hides("Take it on</button>");
        browser.get(&address).await.shows("They took it on").shows("your duty has ended");
        // What nobody passed on cannot be taken on.
        let patient = app.patient(&fixture, "C").await;
        let signed = app.sign(&fixture, patient, "C", 0).await;
        let other = share_one(&app, &fixture, &signed, to_team(&fixture), Urgency::Routine).await;
        // Time went on: the session ended with it.
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        browser.post(&format!("/inbox/{other}/accept"), &[]).await.is(409);
    }

    async fn the_clinic_and_the_recipient_write_to_each_other(app: App) {
        let fixture = app.fixture().await;
        let (browser, address, id, letter) = opened(&app, &fixture).await;
        browser.post(&format!("{address}/reply"), &[("body", " ")]).await.is(422).shows("id=\"e-body\"");
        let key = letter.value("key") + "r";
        for _ in 0..2 {
            let sent = browser.post(&format!("{address}/reply"), &[("key", &key), ("body", "Which scan?\n<b>Soon</b>")]).await;
            sent.is(303);
        }
        let reply = WriteReply {
            recipient_id: id,
            body: "The one of the spine.".to_owned(),
            closes_reply_due: false,
            idempotency_key: None,
        };
        app.service.reply(&fixture.physician, reply).await.expect("a reply");
        let letter = browser.get(&address).await;
        letter.shows("The clinic: Dr. Imogen Sampleton").shows("The one of the spine.").hides("<b>Soon</b>");
        assert_eq!(letter.body.matches("Which scan?").count(), 1);
        // A colleague who has not opened it reads no thread.
        let second = Browser::signed_in(&app, &fixture.second_oncologist).await;
        second.get(&address).await.hides("Which scan?").hides("Write to the clinic");
    }
}
