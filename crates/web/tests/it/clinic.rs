//! The clinic's pages: the board, patients, the tracker of a share, calls and notices; for whom, and that every reading
//! is in the ledger.

use liaison_domain::{CallTaskStatus, Disposition};
use liaison_service::{
    loops::acknowledge::Acknowledge,
    patients::SearchPatients,
    reading::{BoardOnly, BoardQuery, CallListQuery},
};
use liaison_testkit::{App, Fixture, both_engines, fixture::user, notes::journey};

use crate::{
    harness::Browser,
    inbox::{NAME, acts, shared},
};

async fn patients(app: &App, fixture: &Fixture) -> usize {
    let all = SearchPatients {
        mrn: None,
        name: None,
        after: None,
        limit: 100,
    };
    let page = app.service.search_patients(&fixture.physician, all).await.unwrap();
    page.patients.len()
}

both_engines! {
    async fn the_board_says_who_has_what_and_what_is_next(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        browser.get("/board").await.is(200).shows("Nothing waits.");
        let (_, share) = shared(&app, &fixture).await;
        app.work().await;
        app.open(&fixture.oncologist, share.recipient_ids[0]).await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let before = acts(&app, &fixture, &fixture.physician, "board.read").await;
        let page = browser.get("/board").await;
        page.is(200).shows(NAME).shows("Opened by").shows(&format!("/shares/{}", share.share_id));
        page.shows(" left").shows("They are reminded").hides("SHARE_NOTE");
        assert!(!page.body.split("</title>").next().unwrap().contains(NAME), "no name in the title");
        assert_eq!(acts(&app, &fixture, &fixture.physician, "board.read").await, before + 1);
        // Filters: nothing is overdue yet; the physician shared it, the coordinator did not.
        browser.get("/board?only=overdue").await.shows("Nothing fits these filters.");
        browser.get("/board?by=me").await.shows(NAME);
        let coordinator = Browser::signed_in(&app, &fixture.coordinator).await;
        coordinator.get("/board?by=me").await.shows("Nothing fits these filters.").hides(NAME);
        coordinator.get(&format!("/board?by={}", user(&fixture.physician))).await.shows(NAME);
        browser.get("/board?after=nonsense").await.is(422);
        // Late: the words say it.
        app.run_until(app.now() + chrono::TimeDelta::days(10)).await;
        let late = Browser::signed_in(&app, &fixture.physician).await;
        late.get("/board?only=overdue").await.shows(NAME).shows("overdue").shows("Call them");
    }

    async fn other_roles_and_organizations_see_nothing_of_a_patient(app: App) {
        let fixture = app.fixture().await;
        let (signed, share) = shared(&app, &fixture).await;
        let paths = [
            format!("/patients/{}", signed.patient_id),
            format!("/patients/{}/edit", signed.patient_id),
            format!("/patients/{}/circle", signed.patient_id),
            format!("/shares/{}", share.share_id),
        ];
        for actor in [&fixture.other_physician, &fixture.oncologist, &fixture.auditor] {
            let browser = Browser::signed_in(&app, actor).await;
            for path in &paths {
                let answer = browser.get(path).await;
                assert!([403, 404].contains(&answer.status.as_u16()), "{path} {}", answer.status);
                answer.hides(NAME);
            }
        }
        // An admin follows the loops without the names.
        let admin = Browser::signed_in(&app, &fixture.admin).await;
        admin.get("/board").await.is(200).hides(NAME).shows("names are for physicians");
        admin.get(&format!("/shares/{}", share.share_id)).await.is(200).hides(NAME);
        admin.get(&paths[0]).await.is(403);
        for path in ["/patients/none", "/shares/none", "/calls/none"] {
            admin.get(path).await.is(404);
        }
    }

    async fn a_patient_is_found_by_name_or_number_in_a_form(app: App) {
        let fixture = app.fixture().await;
        app.patient(&fixture, "A").await;
        let mrn = journey("A").header.patient.mrn;
        let browser = Browser::signed_in(&app, &fixture.coordinator).await;
        browser.get("/patients").await.is(200).hides(NAME);
        for wanted in ["syn", "test syn", mrn.as_str()] {
            browser.post("/patients", &[("wanted", wanted)]).await.is(200).shows(NAME);
        }
        browser.post("/patients", &[("wanted", "zzz")]).await.is(200).shows("No patient of this clinic fits");
        let short = browser.post("/patients", &[("wanted", "s")]).await;
        short.is(422).shows("value=\"s\"").shows("aria-invalid");
        browser.post_bare("/patients", &[("wanted", "syn")]).await.is(403);
        assert!(acts(&app, &fixture, &fixture.coordinator, "patient.search").await >= 4);
    }

    async fn registering_keeps_what_was_typed_and_happens_once(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.coordinator).await;
        let form = browser.get("/patients/new").await;
        let key = form.value("key");
        let bad = browser
            .post("/patients/new", &[("key", &key), ("name", "Ann Placeholder"), ("mrn", ""), ("birthDate", "soon")])
            .await;
        bad.is(422).shows("value=\"Ann Placeholder\"").shows("value=\"soon\"").shows("f-mrn").shows("f-birthDate");
        assert_eq!(patients(&app, &fixture).await, 0);
        let key = bad.value("key");
        let fields = [
            ("key", key.as_str()),
            ("name", "Ann Placeholder"),
            ("mrn", "X-1"),
            ("birthDate", "1960-02-03"),
            ("administrativeGender", "female"),
        ];
        let first = browser.post("/patients/new", &fields).await;
        first.is(303);
        let again = browser.post("/patients/new", &fields).await;
        assert_eq!(first.location(), again.location());
        assert_eq!(patients(&app, &fixture).await, 1);
        browser.get(first.location()).await.is(200).shows("Ann Placeholder").shows("Added.");
        // The number is taken: said at the field, and what was typed stays.
        let mut other = fields;
        other[0].1 = "another-key";
        other[1].1 = "Bea Placeholder";
        let taken = browser.post("/patients/new", &other).await;
        taken.is(409).shows("Bea Placeholder").shows("e-mrn");
        // Somebody with the same birth date and initials is warned of on the page.
        other[0].1 = "third-key";
        other[1].1 = "Amy Parker";
        other[2].1 = "X-2";
        let alike = browser.post("/patients/new", &other).await;
        browser.get(alike.location()).await.shows("Another patient looks alike").shows("Ann Placeholder");
        let edit = alike.location().replace("?done=added", "/edit");
        let page = browser.get(&edit).await;
        page.is(200).shows("value=\"Amy Parker\"");
        let key = page.value("key");
        other[0].1 = &key;
        other[1].1 = "Zoe Parker";
        browser.post(&edit, &other).await.is(303);
        browser.get(alike.location()).await.shows("Zoe Parker").hides("looks alike");
    }

    async fn the_patients_page_says_what_each_team_knows_with_trend_and_timeline(app: App) {
        let fixture = app.fixture().await;
        let (signed, share) = shared(&app, &fixture).await;
        app.work().await;
        app.open(&fixture.oncologist, share.recipient_ids[0]).await;
        let browser = Browser::signed_in(&app, &fixture.coordinator).await;
        let page = browser.get(&format!("/patients/{}", signed.patient_id)).await;
        page.is(200).shows(NAME).shows("What the others know").shows("Infusion summary v1").shows("not opened");
        page.shows("role=\"img\"").shows("The same numbers").shows(&format!("/versions/{}", signed.version_id));
        page.shows(&format!("/shares/{}", share.share_id)).hides(" style=").hides("\u{b5}");
        assert!(page.body.len() < 60_000, "{}", page.body.len());
        for action in ["patient.read", "patient.trend"] {
            assert_eq!(acts(&app, &fixture, &fixture.coordinator, action).await, 1, "{action}");
        }
        browser.get(&format!("/patients/{}?before=x", signed.patient_id)).await.is(404);
    }

    async fn care_team_and_restrictions_are_added_and_ended(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let at = format!("/patients/{patient}/circle");
        browser.get(&at).await.is(200).shows(NAME).shows("None agreed.");
        let team = format!("team:{}", fixture.outside_team);
        let path = format!("/patients/{patient}/care-team");
        browser.post(&path, &[("key", "t"), ("careRole", "OTHER")]).await.is(422).shows("f-teamId");
        let fields = [("key", "t"), ("teamId", team.as_str()), ("careRole", "PRIMARY_CARE")];
        browser.post(&path, &fields).await.is(303);
        browser.post(&path, &fields).await.is(303);
        let now = app.service.care_team(&fixture.physician, patient, app.now()).await.unwrap();
        assert_eq!(now.len(), 3);
        let added = now.iter().find(|row| row.team_id == Some(fixture.outside_team)).unwrap();
        browser.post(&format!("{path}/{}/end", added.id), &[]).await.is(303);
        let now = app.service.care_team(&fixture.physician, patient, app.now()).await.unwrap();
        assert_eq!(now.len(), 2);

        let path = format!("/patients/{patient}/restrictions");
        browser.post(&path, &[("key", "r"), ("detail", "As she asked")]).await.is(422).shows("As she asked").shows("f-scope");
        let organization = format!("organization:{}", fixture.outside);
        let by = user(&fixture.physician).to_string();
        let fields = [("key", "r"), ("scope", organization.as_str()), ("detail", "As she asked"), ("agreedBy", &by)];
        browser.post(&path, &fields).await.is(303);
        browser.get(&at).await.shows("Do not share with").shows("As she asked");
        let kept = app.service.restrictions(&fixture.physician, patient).await.unwrap();
        assert_eq!(kept.len(), 1);
        browser.post(&format!("{path}/{}/end", kept[0].row.id), &[]).await.is(303);
        browser.get(&at).await.shows("None agreed.");
        // Another clinic changes nothing.
        let other = Browser::signed_in(&app, &fixture.other_physician).await;
        other.post(&format!("{path}/{}/end", kept[0].row.id), &[]).await.is(404);
        other.post(&path, &fields).await.is(404);
    }

    async fn a_hold_is_accepted_by_the_clinic_and_lifted_by_a_physician(app: App) {
        let fixture = app.fixture().await;
        let (signed, share) = shared(&app, &fixture).await;
        app.open(&fixture.oncologist, share.recipient_ids[0]).await;
        let hold = Acknowledge {
            recipient_id: Some(share.recipient_ids[0]),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::HoldInfusions],
            comment: Some("Platelets fall.".to_owned()),
            ..Acknowledge::default()
        };
        app.service.acknowledge(&fixture.oncologist, hold).await.unwrap();
        let at = format!("/patients/{}", signed.patient_id);
        let coordinator = Browser::signed_in(&app, &fixture.coordinator).await;
        coordinator.get("/board").await.shows("Hold asked for, not accepted").shows("Waits for our answer");
        coordinator.get(&at).await.shows("Infusions are on hold.").shows("Platelets fall.").shows("Accept the hold").hides("Lift the hold");
        let id = app.service.holds(&fixture.physician, signed.patient_id).await.unwrap()[0].row.id;
        coordinator.post_bare(&format!("/holds/{id}/accept"), &[]).await.is(403);
        coordinator.post(&format!("/holds/{id}/lift"), &[("key", "l")]).await.is(403);
        coordinator.post(&format!("/holds/{id}/accept"), &[("key", "a")]).await.is(303);
        coordinator.get("/board").await.shows("Infusions on hold");
        let physician = Browser::signed_in(&app, &fixture.physician).await;
        physician.post(&format!("/holds/{id}/lift"), &[("key", "l")]).await.is(303);
        physician.post(&format!("/holds/{id}/lift"), &[("key", "l")]).await.is(303);
        physician.post(&format!("/holds/{id}/lift"), &[("key", "m")]).await.is(409);
        physician.get(&at).await.hides("Infusions are on hold.");
    }

    async fn a_share_is_followed_answered_and_recalled(app: App) {
        let fixture = app.fixture().await;
        let (signed, share) = shared(&app, &fixture).await;
        app.work().await;
        app.open(&fixture.oncologist, share.recipient_ids[0]).await;
        let asks = Acknowledge {
            recipient_id: Some(share.recipient_ids[0]),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::RequestCall],
            comment: Some("About the next scan.".to_owned()),
            call_number: Some("+1 312 555 0107".to_owned()),
            ..Acknowledge::default()
        };
        app.service.acknowledge(&fixture.oncologist, asks).await.unwrap();
        let at = format!("/shares/{}", share.share_id);
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let page = browser.get(&at).await;
        page.is(200).shows(NAME).shows("Asks for a call").shows("About the next scan.").shows("Call +1 312 555 0107");
        page.shows("Messages and tries").shows("Evidence").shows("/receipt").shows("Waits for our answer");
        assert!(acts(&app, &fixture, &fixture.physician, "share.read").await >= 1);
        let reply = format!("{at}/recipients/{}/reply", share.recipient_ids[0]);
        browser.post(&reply, &[("key", "k"), ("body", "")]).await.is(422).shows("f-body-");
        let fields = [("key", "k"), ("body", "We call you at noon."), ("answers", "yes")];
        browser.post(&reply, &fields).await.is(303);
        browser.post(&reply, &fields).await.is(303);
        let page = browser.get(&at).await;
        page.shows("We call you at noon.").hides("Waits for our answer");
        assert_eq!(page.body.matches("<p class=\"text\">We call you at noon.</p>").count(), 1);
        // An answer that nobody waits for any more: said, and what was typed stays.
        let second = browser.post(&reply, &[("key", "n"), ("body", "Once more."), ("answers", "yes")]).await;
        second.is(409).shows("Once more.");
        let recall = format!("{at}/recall");
        let coordinator = Browser::signed_in(&app, &fixture.coordinator).await;
        coordinator.get(&at).await.hides("/recall");
        coordinator.post(&recall, &[("reason", "x")]).await.is(403);
        browser.post(&recall, &[("key", "c"), ("reason", "")]).await.is(422).shows("f-reason");
        browser.post(&recall, &[("key", "c"), ("reason", "Wrong patient named.")]).await.is(303);
        browser.get(&at).await.shows("Recalled by").shows("Wrong patient named.");
        browser.post(&recall, &[("key", "d"), ("reason", "Again.")]).await.is(409).shows("recalled");
    }

    async fn a_call_is_recorded_with_read_back_and_handed_over(app: App) {
        let fixture = app.fixture().await;
        let (_, share) = shared(&app, &fixture).await;
        app.run_until(app.now() + chrono::TimeDelta::days(12)).await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        browser.get("/calls").await.is(200).shows(NAME).shows("Nobody acknowledged in time");
        let list = CallListQuery {
            status: Some(CallTaskStatus::Open),
            ..CallListQuery::default()
        };
        let found = app.service.call_list(&fixture.physician, list).await.unwrap();
        let task = &found.entries[0].task;
        let at = format!("/calls/{}", task.id);
        let page = browser.get(&at).await;
        page.is(200).shows(NAME).shows("What to say").shows("Did they read it back?");
        assert_eq!(acts(&app, &fixture, &fixture.physician, "call.read").await, 1);
        Browser::signed_in(&app, &fixture.other_physician).await.get(&at).await.is(404).hides(NAME);
        Browser::signed_in(&app, &fixture.admin).await.get(&at).await.is(403).hides(NAME);
        // To a colleague and back.
        let coordinator = user(&fixture.coordinator).to_string();
        browser.post(&format!("{at}/assign"), &[("ownerId", "nobody")]).await.is(422);
        browser.post(&format!("{at}/assign"), &[("ownerId", &coordinator)]).await.is(303);
        let theirs = Browser::signed_in(&app, &fixture.coordinator).await;
        theirs.get("/calls?show=mine").await.shows(NAME);
        theirs.get("/notices").await.shows("A call was given to you");
        // A disposition without read-back does not count.
        let done = format!("{at}/complete");
        let when = page.value("at");
        let bad = [
            ("key", "k"),
            ("spokenWith", "Nurse Placeholder"),
            ("at", when.as_str()),
            ("readBack", "no"),
            ("dispositions", "REVIEWED_NO_CHANGE"),
        ];
        theirs.post(&done, &bad).await.is(422).shows("Nurse Placeholder").shows("only when it was read back");
        let mut good = bad;
        good[3].1 = "yes";
        theirs.post(&done, &good).await.is(303);
        theirs.post(&done, &good).await.is(303);
        theirs.get(&at).await.shows("Spoken with Nurse Placeholder").hides("Record the call");
        let all = BoardQuery {
            only: BoardOnly::All,
            ..BoardQuery::default()
        };
        let board = app.service.board(&fixture.physician, all).await.unwrap();
        let row = board.entries.iter().find(|entry| entry.recipient.id == task.recipient_id).unwrap();
        assert!(row.recipient.acknowledged_at.is_some());
        theirs.get(&format!("/shares/{}", share.share_id)).await.shows("By telephone");
    }

    async fn notices_are_marked_as_seen_by_their_own_person(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        browser.get("/notices").await.is(200).shows("No notices.");
        let (signed, share) = shared(&app, &fixture).await;
        app.open(&fixture.oncologist, share.recipient_ids[0]).await;
        let concern = Acknowledge {
            recipient_id: Some(share.recipient_ids[0]),
            note_version_id: Some(signed.version_id),
            dispositions: vec![Disposition::ConcernIdentified],
            comment: Some("A new QT finding.".to_owned()),
            ..Acknowledge::default()
        };
        app.service.acknowledge(&fixture.oncologist, concern).await.unwrap();
        let browser = Browser::signed_in(&app, &fixture.physician).await;
        let page = browser.get("/notices").await;
        page.shows("A recipient asks for an answer").shows("New").hides("QT");
        page.shows(&format!("/shares/{}", share.share_id));
        let id = page.value("notice");
        // Another person's mark changes nothing.
        let other = Browser::signed_in(&app, &fixture.coordinator).await;
        other.post("/notices/seen", &[("notice", &id)]).await.is(303);
        browser.get("/notices").await.shows(&id);
        browser.post("/notices/seen", &[("notice", &id)]).await.is(303);
        browser.get("/notices").await.hides(&id);
        browser.post("/notices/seen", &[]).await.is(422);
    }
}
