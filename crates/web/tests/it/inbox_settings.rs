//! Coverage and how a person is told.

use liaison_domain::Role;
use liaison_service::directory::{AddPerson, OrganizationChoice};
use liaison_testkit::both_engines;

use crate::{harness::Browser, inbox::acts};

both_engines! {
    async fn an_absence_is_entered_and_ended(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let page = browser.get("/coverage").await;
        page.is(200).shows("You have entered no absence").shows("Dr. Secunda Fictiva").hides("Dr. Palla Confortini").hides("Who is away");
        let second = fixture.second_oncologist.user_id.unwrap().to_string();
        let missing = browser.post("/coverage", &[("from", "2026-01-06T08:00"), ("until", "soon")]).await;
        missing.is(422).shows("Choose who covers").shows("Give a date and a time").shows("value=\"2026-01-06T08:00\"").shows("id=\"e-until\"");
        let turned = [("from", "2026-01-08T08:00"), ("until", "2026-01-06T08:00"), ("coveringUserId", second.as_str())];
        browser.post("/coverage", &turned).await.is(422).shows("Must be after from").shows("selected");
        let key = page.value("key");
        let form = [
            ("key", key.as_str()),
            ("from", "2026-01-05T08:00"),
            ("until", "2026-01-08T08:00"),
            ("coveringUserId", &second),
        ];
        browser.post_bare("/coverage", &form).await.is(403);
        for _ in 0..2 {
            let sent = browser.post("/coverage", &form).await;
            sent.is(303);
            assert_eq!(sent.location(), "/coverage?done=saved");
        }
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "coverage.create").await, 1);
        let page = browser.get("/coverage").await;
        page.shows("<strong>Dr. Secunda Fictiva</strong>").shows("Thu 8 Jan 2026, 08:00 CST").shows("now</span>");
        browser.post("/coverage", &form[1..]).await.is(409).shows("Not saved.").shows("overlaps");
        // The other side sees it too, cannot end it, and a third person ends nothing.
        let covering = Browser::signed_in(&app, &fixture.second_oncologist).await;
        covering.get("/coverage").await.shows("<strong>Dr. Oncor Fabricato</strong>").hides("/cancel");
        let id = page.body.split("/coverage/").nth(1).unwrap().split("/cancel").next().unwrap().to_owned();
        covering.post(&format!("/coverage/{id}/cancel"), &[]).await.is(403);
        let outsider = Browser::signed_in(&app, &fixture.outsider).await;
        outsider.post(&format!("/coverage/{id}/cancel"), &[]).await.is(404);
        browser.post(&format!("/coverage/{id}/cancel"), &[]).await.is(303);
        browser.get("/coverage").await.shows("You have entered no absence");
        // A lead may enter somebody else's.
        let lead = Browser::signed_in(&app, &fixture.oncology_lead).await;
        lead.get("/coverage").await.shows("Who is away");
        let oncologist = fixture.oncologist.user_id.unwrap().to_string();
        let mut theirs = form[1..].to_vec();
        theirs.push(("absentUserId", &oncologist));
        lead.post("/coverage", &theirs).await.is(303);
        lead.get("/coverage").await.shows("Others here").shows("covered by Dr. Secunda Fictiva");
        covering.post("/coverage", &theirs).await.is(403);
    }

    async fn anybody_of_many_can_cover_and_nobody_who_reads_no_letters(app: App) {
        let fixture = app.fixture().await;
        let add = |name: String, roles: Vec<Role>| AddPerson {
            organization: OrganizationChoice::Existing(fixture.oncology),
            email: format!("{}@cancer.example.test", name.to_lowercase().replace(' ', ".")),
            display_name: name,
            phone: None,
            time_zone: None,
            digest_hour: None,
            roles,
            teams: Vec::new(),
            idempotency_key: None,
        };
        let mut last = None;
        for number in 0..150 {
            let person = add(format!("Colleague {number:03}"), vec![Role::Clinician]);
            last = Some(app.service.add_person(&fixture.system, person).await.unwrap().user_id);
        }
        let auditor = add("Only Auditor".to_owned(), vec![Role::Auditor]);
        let auditor = app.service.add_person(&fixture.system, auditor).await.unwrap().user_id;
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let page = browser.get("/coverage").await;
        page.is(200).shows("Colleague 000").shows("Colleague 149").hides("Only Auditor");
        let absence = |covering: String| {
            [("from", "2026-01-05T08:00".to_owned()), ("until", "2026-01-08T08:00".to_owned()), ("coveringUserId", covering)]
        };
        let form = absence(auditor.to_string());
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/coverage", &fields).await.is(422).shows("do not let them read and answer letters");
        let form = absence(last.unwrap().to_string());
        let fields: Vec<(&str, &str)> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/coverage", &fields).await.is(303);
        browser.get("/coverage").await.shows("<strong>Colleague 149</strong>");
    }

    async fn people_set_their_own_telephone_zone_and_summary(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let page = browser.get("/account/notices").await;
        page.is(200).shows("oncor.fabricato@cancer.example.test").shows("value=\"America/Chicago\"").shows("value=\"+1 555 010 0120\"");
        let wrong = browser.post("/account/notices", &[("timeZone", "Mars/Olympus"), ("phone", "+1 555 010 0199"), ("digestHour", "7")]).await;
        wrong.is(422).shows("id=\"e-timeZone\"").shows("value=\"Mars/Olympus\"").shows("value=\"+1 555 010 0199\"").shows("value=\"7\" selected");
        browser.post("/account/notices", &[("timeZone", "America/Denver"), ("digestHour", "99")]).await.is(422).shows("id=\"e-digestHour\"");
        let form = [("timeZone", "America/Denver"), ("phone", "+1 555 010 0199"), ("digestHour", "7")];
        browser.post_bare("/account/notices", &form).await.is(403);
        browser.post("/account/notices", &form).await.is(303);
        browser.get("/account/notices").await.shows("value=\"7\" selected").shows("value=\"America/Denver\"");
        let me = app.service.person_by_id(&fixture.oncologist, fixture.oncologist.user_id.unwrap()).await.unwrap().unwrap();
        assert_eq!((me.digest_hour, me.time_zone.as_str()), (Some(7), "America/Denver"));
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "person.update").await, 1);
        // A page that is read later writes times in that zone.
        browser.get("/coverage").await.shows("Time in America/Denver");
    }
}
