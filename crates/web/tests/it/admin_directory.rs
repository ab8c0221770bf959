//! Directory, endpoints, policies, deliveries and mis-send cases: changed by those who keep them, forms that keep what
//! was typed, one act for a form sent twice.

use liaison_domain::{Actor, Decline, RecipientId};
use liaison_service::{
    channel::{SendOutcome, SendReport},
    loops::decline::DeclineShare,
};
use liaison_testkit::{App, both_engines};

use crate::{admin::recorded, harness::Browser};

both_engines! {
    async fn everybody_reads_the_directory_and_its_keepers_change_it(app: App) {
        let f = app.fixture().await;
        for actor in [&f.physician, &f.oncologist, &f.auditor, &f.outsider] {
            let browser = Browser::signed_in(&app, actor).await;
            browser.get("/directory").await.is(200).shows("Placeholder Cancer Center").hides("Add a partner");
            let page = browser.get(&format!("/directory/organizations/{}", f.oncology)).await;
            page.is(200).shows("Dr. Oncor Fabricato").hides("Add a team");
            browser.get(&format!("/directory/teams/{}", f.oncology_team)).await.is(200).hides("Make lead");
        }
        // Addresses of people are for their own organization and for clinics.
        let outsider = Browser::signed_in(&app, &f.outsider).await;
        outsider.get(&format!("/directory/organizations/{}", f.oncology)).await.hides("oncor.fabricato@");
        outsider.get(&format!("/directory/endpoints/{}", f.oncology_webhook)).await.is(404);
        let admin = Browser::signed_in(&app, &f.admin).await;
        let page = admin.get(&format!("/directory/organizations/{}", f.oncology)).await;
        page.is(200).shows("Add a team").shows("oncor.fabricato@");
        // Another clinic's admin does not keep it.
        let other = Browser::signed_in(&app, &f.other_admin).await;
        let path = format!("/directory/organizations/{}/teams", f.oncology);
        other.get(&format!("/directory/organizations/{}", f.oncology)).await.is(200).hides("Add a team");
        other.post(&path, &[("name", "Ours"), ("careRole", "OTHER")]).await.is(404);
        admin.post_bare(&path, &[("name", "Ours"), ("careRole", "OTHER")]).await.is(403);
    }

    async fn a_partner_with_team_person_and_endpoint_is_entered_by_forms(app: App) {
        let f = app.fixture().await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        let key = admin.get("/directory").await.value("key");
        let form = [("name", "Invented Hospice"), ("kind", "OTHER"), ("timeZone", "America/Denver"), ("key", key.as_str())];
        let wrong = [("name", "Invented Hospice"), ("kind", "OTHER"), ("timeZone", "Denver"), ("key", key.as_str())];
        admin.post("/directory", &wrong).await.is(422).shows("value=\"Invented Hospice\"").shows("id=\"e-timeZone\"");
        let added = admin.post("/directory", &form).await;
        added.is(303);
        // Sent twice: one act.
        assert_eq!(admin.post("/directory", &form).await.location(), added.location());
        let organization = added.location().split('?').next().unwrap().to_owned();
        admin.get(&organization).await.is(200).shows("Invented Hospice").shows("Directory kept by");

        admin.post(&format!("{organization}/teams"), &[("name", ""), ("careRole", "OTHER")]).await.is(422).shows("e-team-name");
        let team = admin.post(&format!("{organization}/teams"), &[("name", "Night team"), ("careRole", "OTHER")]).await;
        let team = team.is(303).location().split('?').next().unwrap().to_owned();
        admin.get(&team).await.is(200).shows("Night team").shows("No lead").shows("No endpoint");

        let person = [("displayName", "Nora Inventa"), ("email", "nora@hospice.example.test"), ("roles", "CLINICIAN")];
        let without = [("displayName", "Nora Inventa"), ("email", "nora"), ("phone", "x")];
        admin.post(&format!("{organization}/people"), &without).await.is(422)
            .shows("value=\"Nora Inventa\"").shows("e-person-email").shows("e-person-phone").shows("e-person-roles");
        let person = admin.post(&format!("{organization}/people"), &person).await;
        let person = person.is(303).location().split('?').next().unwrap().to_owned();
        admin.get(&person).await.is(200).shows("Nora Inventa").shows("Clinician").shows("Invite by e-mail");
        let id = person.rsplit('/').next().unwrap();

        admin.post(&format!("{team}/members"), &[("userId", id), ("lead", "1")]).await.is(303);
        admin.get(&team).await.shows("Nora Inventa").hides("No lead:");
        admin.post(&format!("{team}/members"), &[("userId", id), ("act", "member")]).await.is(303);
        admin.get(&team).await.shows("No lead:");
        admin.post(&format!("{team}/members"), &[("userId", id), ("act", "remove")]).await.is(303);
        admin.post(&format!("{team}/members"), &[("userId", "nobody")]).await.is(422);

        admin.post(&format!("{team}/endpoints"), &[("channel", "EMAIL"), ("address", "nowhere")]).await.is(422).shows("value=\"nowhere\"");
        let webhook = [("channel", "WEBHOOK"), ("address", "https://hooks.example.test/in")];
        let made = admin.post(&format!("{team}/endpoints"), &webhook).await;
        made.is(200).shows("whsec_").shows("shown this one time");
        admin.post(&format!("{team}/endpoints"), &webhook).await.is(422).shows("there already");

        // Changed, disabled and ended.
        let change = [("displayName", "Nora Inventa-Nova"), ("email", "nora@hospice.example.test"), ("timeZone", "America/Denver")];
        admin.post(&person, &change).await.is(303);
        admin.get(&person).await.shows("Nora Inventa-Nova");
        admin.post(&person, &[("displayName", ""), ("email", "nora@hospice.example.test"), ("timeZone", "Mars")]).await.is(422).shows("value=\"Mars\"");
        admin.post(&format!("{person}/switch"), &[("to", "off")]).await.is(303);
        admin.get(&person).await.shows("disabled").shows("Let them sign in again");
        admin.post(&format!("{person}/switch"), &[("to", "on")]).await.is(303);
        assert_eq!(recorded(&app, &f, "person.disable").await, 1);
    }

    async fn a_team_keeps_its_working_time_as_it_was_typed(app: App) {
        let f = app.fixture().await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        let team = format!("/directory/teams/{}", f.oncology_team);
        let form = |opens: &'static str, days: &'static str| {
            [("name", "Oncology"), ("careRole", "ONCOLOGIST"), ("timeZone", "America/New_York"), ("opens", opens),
             ("closes", "18:30"), ("days", days), ("holidays", "2026-12-25\r\n2026-07-03"), ("active", "1")]
        };
        admin.post(&team, &form("late", "Mon")).await.is(422).shows("value=\"late\"").shows("value=\"18:30\"").shows("e-calendar.opens");
        admin.post(&team, &form("07:30", "")).await.is(422).shows("at least one day");
        admin.post(&team, &form("07:30", "Sat")).await.is(303);
        admin.get(&team).await.shows("Works Sat, 07:30 to 18:30, America/New_York").shows("2026-12-25");
    }

    async fn an_endpoint_is_switched_and_its_secret_replaced(app: App) {
        let f = app.fixture().await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        let path = format!("/directory/endpoints/{}", f.oncology_webhook);
        admin.get(&format!("/endpoints/{}", f.oncology_webhook)).await.is(303);
        admin.get(&path).await.is(200).shows("Last proven working").shows("Never").hides("whsec_");
        admin.post(&format!("{path}/switch"), &[("to", "off")]).await.is(303);
        admin.get(&path).await.shows("Out of use").shows("An admin took it out of use.");
        admin.post(&format!("{path}/switch"), &[("to", "on")]).await.is(303);
        admin.post(&format!("{path}/secret"), &[]).await.is(200).shows("whsec_");
        admin.get(&path).await.hides("whsec_");
        let mail = format!("/directory/endpoints/{}", f.oncology_email);
        admin.post(&format!("{mail}/secret"), &[]).await.is(409).shows("Only webhooks have a secret");
        for stranger in [&f.physician, &f.auditor, &f.oncologist] {
            let browser = Browser::signed_in(&app, stranger).await;
            browser.get(&path).await.is(200).hides("Replace the secret");
            browser.post(&format!("{path}/secret"), &[]).await.hides("whsec_");
            assert_ne!(browser.post(&format!("{path}/switch"), &[("to", "off")]).await.status.as_u16(), 303);
        }
        assert_eq!(recorded(&app, &f, "endpoint.secret.rotate").await, 1);
    }

    async fn a_policy_is_changed_with_its_preview_and_goes_back(app: App) {
        let f = app.fixture().await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        admin.get("/policies").await.is(200).shows("Placeholder Cancer Center").shows("Default");
        let path = format!("/policies/{}/URGENT", f.oncology);
        admin.get(&path).await.is(200).shows("Breast and thoracic oncology").shows("must telephone").shows("Lead: Leda Pretendson");
        // At a fixed moment: Friday afternoon in Chicago.
        let friday = admin.get(&format!("{path}?shared=2026-01-09T16:30")).await;
        friday.is(200).shows("Fri 9 Jan 2026, 16:30 CST: shared");
        let reminder_only = [("amount", "30"), ("unit", "MINUTES"), ("amount0", "20"), ("unit0", "MINUTES"), ("kind0", "REMINDER")];
        admin.post(&path, &reminder_only).await.is(422).shows("the last step must be CALL_TASK").shows("value=\"20\"");
        admin.post(&path, &[("amount", "x"), ("unit", "MINUTES")]).await.is(422).shows("value=\"x\"");
        let good = [("amount", "30"), ("unit", "MINUTES"), ("amount0", "20"), ("unit0", "MINUTES"), ("kind0", "REMINDER"),
                    ("amount1", "45"), ("unit1", "MINUTES"), ("kind1", "CALL_TASK"), ("amount2", ""), ("unit2", "MINUTES"), ("kind2", "REMINDER")];
        admin.post(&path, &good).await.is(303);
        let set = admin.get(&format!("{path}?shared=2026-01-09T16:00")).await;
        set.shows("Set by Adma Nistrata").shows("16:45 CST: A named person at the clinic must telephone");
        admin.post(&path, &[("reset", "1")]).await.is(303);
        admin.get(&path).await.shows("The default holds.");
        let auditor = Browser::signed_in(&app, &f.auditor).await;
        auditor.get(&path).await.is(200).hides("Change it");
        auditor.post(&path, &good).await.is(403);
        admin.get(&format!("/policies/{}/SOON", f.oncology)).await.is(404);
    }

    async fn deliveries_are_listed_and_only_dead_ones_are_retried(app: App) {
        let f = app.fixture().await;
        let scene = app.scene(&f).await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        admin.get("/deliveries").await.is(200).shows("Nothing was given up.");
        let page = admin.get("/deliveries?state=ALL&channel=WEBHOOK").await;
        page.is(200).shows("Breast and thoracic oncology").shows("Delivered").hides("palliative-team@");
        page.shows(&format!("/shares/{}", scene.opened.share_id));
        admin.get("/deliveries?state=LOST").await.is(404);
        // A delivery that was not given up is not retried.
        let one = app.service.deliveries(&f.admin, None, None, 1).await.unwrap().remove(0).delivery.id;
        admin.post(&format!("/deliveries/{one}/retry"), &[]).await.is(409);
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.get("/deliveries?state=ALL").await.is(200).hides("Breast and thoracic");
        other.post(&format!("/deliveries/{one}/retry"), &[]).await.is(404);
    }

    async fn a_dead_delivery_says_why_and_its_button_sends_it_once(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let signed = app.sign(&f, patient, "A", 0).await;
        app.email.push(SendReport {
            outcome: SendOutcome::Permanent { endpoint_gone: false },
            status: Some(550),
            artefact: "550 5.1.1 no such mailbox".to_owned(),
        });
        app.share_with_both(&f, &signed).await;
        app.work().await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        let page = admin.get("/deliveries").await;
        page.is(200).shows("Retry now").hides("Nothing was given up.");
        let (_, rest) = page.body.split_once("action=\"/deliveries/").expect("a form");
        let dead = rest.split('/').next().expect("an id").to_owned();
        let sent = app.email.sent().len();
        let path = format!("/deliveries/{dead}/retry");
        for _ in 0..2 {
            admin.post(&path, &[("key", "a-button-pressed-twice")]).await.is(303);
        }
        app.work().await;
        assert_eq!(app.email.sent().len(), sent + 1, "one try more");
        admin.get("/deliveries").await.is(200).shows("Nothing was given up.");
        assert_eq!(recorded(&app, &f, "delivery.retry").await, 1);
    }

    async fn a_test_of_an_endpoint_is_queued_for_its_keepers(app: App) {
        let f = app.fixture().await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        let path = format!("/directory/endpoints/{}", f.oncology_webhook);
        admin.post(&format!("{path}/test"), &[]).await.is(303);
        admin.get(&path).await.shows("Test <span");
        // At most one a minute.
        admin.post(&format!("{path}/test"), &[]).await.is(409);
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.post(&format!("{path}/test"), &[]).await.is(404);
    }

    async fn a_mis_send_case_is_closed_with_what_was_found(app: App) {
        let f = app.fixture().await;
        let scene = app.scene(&f).await;
        wrong_recipient(&app, &f.oncologist, scene.unopened.recipient_ids[0]).await;
        let admin = Browser::signed_in(&app, &f.admin).await;
        let page = admin.get("/mis-sends").await;
        page.is(200).shows("Dr. Oncor Fabricato").shows("Was not opened").shows("Close the case");
        let action = page.body.split("action=\"/mis-sends/").nth(1).unwrap().split('"').next().unwrap();
        let path = format!("/mis-sends/{action}");
        admin.post(&path, &[("finding", " ")]).await.is(422).shows("id=\"e-finding\"");
        let key = page.value("key");
        let form = [("finding", "The team of another site was chosen."), ("key", key.as_str())];
        admin.post(&path, &form).await.is(303);
        admin.post(&path, &form).await.is(303);
        admin.post(&path, &[("finding", "Again.")]).await.is(422).shows("closed before");
        admin.get("/mis-sends").await.shows("No open case.");
        admin.get("/mis-sends?which=closed").await.shows("The team of another site was chosen.").shows("Adma Nistrata");
        assert_eq!(recorded(&app, &f, "mis_send.close").await, 1);
        assert!(recorded(&app, &f, "mis_send.read").await >= 1);
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.get("/mis-sends?which=all").await.is(200).hides("another site");
        other.post(&path, &form).await.is(404);
    }
}

async fn wrong_recipient(app: &App, actor: &Actor, recipient_id: RecipientId) {
    let decline = DeclineShare {
        recipient_id,
        reason: Decline::WrongRecipient,
        comment: None,
        idempotency_key: None,
    };
    app.service.decline_share(actor, decline).await.unwrap();
}
