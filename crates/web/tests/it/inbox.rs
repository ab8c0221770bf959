//! The inbox and the letter: what is shown before and after opening, to whom, and that every reading is in the ledger.

use liaison_domain::{Actor, RecipientId, Urgency};
use liaison_service::{
    audit::{AuditFilter, SearchAudit},
    directory::CreateCoverage,
    loops::{NewQuestion, NewRecipient, ShareNote, Shared, recall::RecallShare},
    notes::{AmendNote, SignAmendment, SignNote, WithdrawNote},
};
use liaison_testkit::{App, Fixture, Signed, both_engines, fixture::user, notes::journey};

use crate::harness::Browser;

pub(crate) const NAME: &str = "Synthia Testpatient-Rivera";

/// An infusion summary of journey A, shared with the oncology team (first) and the palliative team.
pub(crate) async fn shared(app: &App, fixture: &Fixture) -> (Signed, Shared) {
    let patient = app.patient(fixture, "A").await;
    let signed = app.sign(fixture, patient, "A", 1).await;
    let shared = app.share_with_both(fixture, &signed).await;
    (signed, shared)
}

/// How often this person did this.
pub(crate) async fn acts(app: &App, fixture: &Fixture, actor: &Actor, action: &str) -> usize {
    let input = SearchAudit {
        filter: AuditFilter {
            actions: vec![action.to_owned()],
            user_id: Some(user(actor).to_string()),
            ..AuditFilter::default()
        },
        first: Some(100),
        ..SearchAudit::default()
    };
    let page = app
        .service
        .search_audit(&fixture.system, input)
        .await
        .expect("the audit");
    page.entries.len()
}

/// Shares with one recipient and one question.
pub(crate) async fn share_one(
    app: &App,
    fixture: &Fixture,
    signed: &Signed,
    to: NewRecipient,
    urgency: Urgency,
) -> RecipientId {
    let share = ShareNote {
        note_version_id: signed.version_id,
        recipients: vec![to],
        urgency: Some(urgency),
        questions: vec![NewQuestion {
            care_role: None,
            text: "Is a scan planned?".to_owned(),
            respond_by: None,
        }],
        message: Some("Please look at the blood pressure.".to_owned()),
        verbal: None,
        overrides: Vec::new(),
        idempotency_key: None,
    };
    app.service
        .share_note(&fixture.physician, share)
        .await
        .expect("a share")
        .recipient_ids[0]
}

pub(crate) fn to_team(fixture: &Fixture) -> NewRecipient {
    liaison_testkit::to_team(fixture.oncology_team)
}

both_engines! {
    async fn an_empty_inbox_says_so(app: App) {
        let fixture = app.fixture().await;
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        browser.get("/inbox").await.is(200).shows("Nothing waits for you");
        browser.get("/inbox?show=covered").await.is(200).shows("whom you cover now");
        browser.get("/inbox?show=nonsense").await.is(200);
        browser.get("/inbox?after=nonsense").await.is(422);
    }

    async fn the_inbox_names_the_patient_and_what_is_asked_and_nothing_of_the_note(app: App) {
        let fixture = app.fixture().await;
        let (_, shared) = shared(&app, &fixture).await;
        let id = shared.recipient_ids[0];
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let inbox = browser.get("/inbox").await;
        inbox.is(200).shows(NAME).shows("Acknowledge and answer 1 question").shows("Not opened yet").shows("left</span>");
        inbox.shows(&format!("action=\"/inbox/{id}/open\"")).shows("Example Ketamine Infusion Clinic");
        inbox.hides("MME").hides("systemic treatment").hides(&shared.recipient_ids[1].to_string());
        assert!(!inbox.body.contains(&format!("<title>{NAME}")), "titles stay in the browser's history");
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "inbox.read").await, 1);
        inbox.shows("To my team <span class=\"badge\">1</span>").shows("To me <span class=\"badge\">0</span>");
        // Whose it is not: another organization's people, and those whose role reads no letters.
        let outsider = Browser::signed_in(&app, &fixture.outsider).await;
        outsider.get("/inbox").await.is(200).hides(NAME);
        outsider.get(&format!("/inbox/{id}")).await.is(404).hides(NAME);
        outsider.post(&format!("/inbox/{id}/open"), &[]).await.is(404).hides(NAME);
        let admin = Browser::signed_in(&app, &fixture.admin).await;
        admin.get("/inbox").await.is(403);
        admin.get(&format!("/inbox/{id}")).await.is(404).hides(NAME);
    }

    async fn a_get_never_opens_and_a_form_does(app: App) {
        let fixture = app.fixture().await;
        let (_, shared) = shared(&app, &fixture).await;
        let id = shared.recipient_ids[0];
        let address = format!("/inbox/{id}");
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        for _ in 0..2 {
            let envelope = browser.get(&address).await;
            envelope.is(200).shows(NAME).shows("Not opened by you yet").shows("by nobody yet").shows("Infusion summary");
            envelope.hides("In short").hides("MME").hides("systemic treatment").hides("Your answer");
        }
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "share.open").await, 0);
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "patient.read").await, 2);
        // Without the token nothing opens either.
        browser.post_bare(&format!("{address}/open"), &[]).await.is(403);
        let opened = browser.post(&format!("{address}/open"), &[]).await;
        opened.is(303);
        assert_eq!(opened.location(), address);
        let letter = browser.get(&address).await;
        letter.is(200).shows("In short").shows("MME/day now").shows("Your answer");
        letter.shows("Is a change of the systemic treatment planned in the next four weeks?");
        letter.shows("href=\"tel:+15550100100\"").shows("Worst adverse event").shows("<h3>Monitoring</h3>");
        letter.shows("Trend over the infusions").shows("data-key=\"1\"").shows("data-key=\"a\"");
        letter.shows("Opened</dt><dd>by you,");
        assert!(letter.body.len() < 60_000, "{} bytes", letter.body.len());
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "share.open").await, 2, "opened, and read again");
        assert_eq!(acts(&app, &fixture, &fixture.oncologist, "patient.trend").await, 1);
        // A colleague of the team opens for themself.
        let second = Browser::signed_in(&app, &fixture.second_oncologist).await;
        second.get(&address).await.is(200).hides("In short").shows("by Dr. Oncor Fabricato");
        second.get("/inbox").await.shows("Opened by Dr. Oncor Fabricato").shows(&format!("action=\"/inbox/{id}/open\""));
        browser.get("/inbox").await.shows("Opened by you").shows("not acknowledged yet");
        // On paper the same without forms.
        let print = browser.get(&format!("{address}/print")).await;
        print.is(200).shows("In short").shows("Printed").hides("Your answer").hides("/acknowledge").hides("Decline");
    }

    async fn what_another_recipient_reads_and_writes_stays_theirs(app: App) {
        let fixture = app.fixture().await;
        let (_, shared) = shared(&app, &fixture).await;
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let (mine, theirs) = (shared.recipient_ids[0], shared.recipient_ids[1]);
        browser.get(&format!("/inbox/{theirs}")).await.is(404).hides(NAME);
        for act in ["open", "acknowledge", "decline", "reply", "redirect", "accept"] {
            browser.post(&format!("/inbox/{theirs}/{act}"), &[("reason", "WRONG_RECIPIENT"), ("body", "x")]).await;
        }
        let palliative = Browser::signed_in(&app, &fixture.palliative).await;
        palliative.get(&format!("/inbox/{theirs}")).await.is(200).shows("by nobody yet").hides("Declined");
        palliative.get(&format!("/inbox/{mine}")).await.is(404);
        palliative.get("/inbox/not-an-id").await.is(404);
        palliative.get(&format!("/inbox/{mine}/receipt")).await.is(404);
    }

    async fn the_most_urgent_stands_first_and_cover_has_its_own_part(app: App) {
        let fixture = app.fixture().await;
        let patient = app.patient(&fixture, "A").await;
        let signed = app.sign(&fixture, patient, "A", 1).await;
        let routine = share_one(&app, &fixture, &signed, to_team(&fixture), Urgency::Routine).await;
        let person = NewRecipient {
            team_id: None,
            user_id: fixture.oncologist.user_id,
            organization_id: Some(fixture.oncology),
            care_role: Some(liaison_domain::CareRole::Oncologist),
            ..to_team(&fixture)
        };
        let share = ShareNote {
            note_version_id: signed.version_id,
            recipients: vec![person],
            urgency: Some(Urgency::Urgent),
            questions: Vec::new(),
            message: None,
            verbal: None,
            overrides: vec![liaison_service::loops::share_note::Override {
                code: "NOT_ON_CARE_TEAM".to_owned(),
                reason: "Covers the team today.".to_owned(),
            }],
            idempotency_key: None,
        };
        let urgent = app.service.share_note(&fixture.physician, share).await.expect("a share").recipient_ids[0];
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let inbox = browser.get("/inbox").await;
        let place = |id: RecipientId| inbox.body.find(&format!("/inbox/{id}")).expect("a line");
        assert!(place(urgent) < place(routine));
        browser.get("/inbox?show=mine").await.shows(&urgent.to_string()).hides(&routine.to_string());
        browser.get("/inbox?show=team").await.shows(&routine.to_string()).hides(&urgent.to_string());
        // The second oncologist covers the first: the personal one is theirs to see, under "I cover".
        let cover = CreateCoverage {
            absent_user_id: user(&fixture.oncologist),
            covering_user_id: user(&fixture.second_oncologist),
            from: app.now(),
            until: app.now() + chrono::TimeDelta::days(1),
            idempotency_key: None,
        };
        app.service.create_coverage(&fixture.oncologist, cover).await.expect("a coverage");
        let second = Browser::signed_in(&app, &fixture.second_oncologist).await;
        let covered = second.get("/inbox?show=covered").await;
        covered.shows(&urgent.to_string()).hides(&routine.to_string()).shows("to Dr. Oncor Fabricato");
        covered.shows("I cover <span class=\"badge\">1</span>");
    }

    async fn a_recalled_letter_says_so_and_shows_nothing(app: App) {
        let fixture = app.fixture().await;
        let (_, shared) = shared(&app, &fixture).await;
        let address = format!("/inbox/{}", shared.recipient_ids[0]);
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        browser.post(&format!("{address}/open"), &[]).await.is(303);
        let recall = RecallShare { share_id: shared.share_id, reason: "Wrong attachment.".to_owned(), idempotency_key: None };
        app.service.recall_share(&fixture.physician, recall).await.expect("recalled");
        let letter = browser.get(&address).await;
        letter.is(200).shows("The clinic took this back").shows("You had opened it").hides("In short").hides("MME");
        letter.hides("Your answer").hides("Write to the clinic").hides("Not for you?");
        browser.get("/inbox").await.hides(NAME);
        browser.get("/inbox?show=done").await.shows("Taken back by the clinic");
        // Somebody who opens a page that is out of date learns it too.
        let second = Browser::signed_in(&app, &fixture.second_oncologist).await;
        second.post(&format!("{address}/open"), &[]).await.is(303);
        second.get(&address).await.is(200).shows("took this back").hides("You had opened it").hides("In short");
    }

    async fn a_withdrawn_note_is_not_to_be_acted_on(app: App) {
        let fixture = app.fixture().await;
        let (signed, shared) = shared(&app, &fixture).await;
        let address = format!("/inbox/{}", shared.recipient_ids[0]);
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        browser.post(&format!("{address}/open"), &[]).await.is(303);
        let withdraw = WithdrawNote { note_id: signed.note_id, reason: "Another patient's values.".to_owned(), idempotency_key: None };
        app.service.withdraw_note(&fixture.physician, withdraw).await.expect("withdrawn");
        browser.get(&address).await.is(200).shows("entered in error").shows("Do not act on it").hides("In short");
    }

    async fn an_amendment_shows_who_had_read_it_what_changed(app: App) {
        let fixture = app.fixture().await;
        let (signed, shared) = shared(&app, &fixture).await;
        let old = format!("/inbox/{}", shared.recipient_ids[0]);
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        browser.post(&format!("{old}/open"), &[]).await.is(303);
        amend(&app, &fixture, &signed).await;
        // Time went on: the session ended with it.
        let browser = Browser::signed_in(&app, &fixture.oncologist).await;
        let before = browser.get(&old).await;
        before.is(200).shows("A newer version replaced this one").shows("Go to the newer version").hides("In short");
        let newer = before.body.split("<a href=\"").find_map(|part| part.strip_prefix("/inbox/")).map(|part| part.split('"').next().unwrap());
        let newer = format!("/inbox/{}", newer.unwrap());
        browser.post(&format!("{newer}/open"), &[]).await.is(303);
        let letter = browser.get(&newer).await;
        letter.is(200).shows("Infusion summary, version 2").shows("What changed since the version you had opened");
        letter.shows("The rate was mistyped.").shows("<del>").shows("<ins>").hides("interval_history");
        // Who had not read the old one reads the new one without that.
        let second = Browser::signed_in(&app, &fixture.second_oncologist).await;
        second.post(&format!("{newer}/open"), &[]).await.is(303);
        second.get(&newer).await.is(200).shows("This is a corrected version").hides("since the version you had opened");
    }
}

/// Signs an amended version of the summary.
async fn amend(app: &App, fixture: &Fixture, signed: &Signed) {
    let service = &app.service;
    let amend = AmendNote {
        note_id: signed.note_id,
        idempotency_key: None,
    };
    let opened = service.amend_note(&fixture.physician, amend).await.expect("a draft");
    let mut content = journey("A").documents[1].content.clone();
    if let liaison_clinical::NoteContent::InfusionSummary(summary) = &mut content {
        let check = summary.pre_infusion_check.get_or_insert_default();
        check.interval_history = Some("New pain in the left arm.".to_owned());
    }
    let update = liaison_service::notes::UpdateDraft {
        note_id: signed.note_id,
        expected_revision: opened.revision,
        content,
        confirmations: Vec::new(),
        set_aside: None,
        idempotency_key: None,
    };
    let saved = service.update_draft(&fixture.physician, update).await.expect("saved");
    app.advance(chrono::TimeDelta::hours(1));
    let sign = SignNote {
        note_id: signed.note_id,
        expected_revision: saved.revision,
        raised_urgency: None,
        confirmations: Vec::new(),
        idempotency_key: None,
    };
    let reason = "The rate was mistyped.".to_owned();
    service
        .sign_amendment(&fixture.physician, SignAmendment { sign, reason })
        .await
        .expect("signed");
}
