//! Audit, disclosures and the ledger: for admins and auditors of their own organization, each look recorded.

use axum::http::header;
use chrono::TimeDelta;
use liaison_domain::{Actor, PatientId};
use liaison_service::audit::{AuditColumn, AuditFilter, SearchAudit};
use liaison_testkit::{App, Fixture, Scene, both_engines, fixture};

use crate::harness::Browser;

/// How many entries of an act the ledger has, seen by the clinic's auditor.
pub(crate) async fn recorded(app: &App, fixture: &Fixture, action: &str) -> u64 {
    let filter = AuditFilter {
        actions: vec![action.to_owned()],
        ..AuditFilter::default()
    };
    let search = SearchAudit {
        filter,
        counted: true,
        ..SearchAudit::default()
    };
    app.service
        .search_audit(&fixture.auditor, search)
        .await
        .unwrap()
        .count
        .unwrap()
}

async fn read_once(app: &App, fixture: &Fixture) -> PatientId {
    let patient = app.patient(fixture, "A").await;
    app.service.patient(&fixture.physician, patient).await.unwrap();
    app.advance(TimeDelta::seconds(1));
    patient
}

/// Every page of the audit, none of which others may see.
const AUDIT_PAGES: [&str; 3] = ["/audit", "/disclosures", "/ledger"];

async fn refuses(app: &App, actor: &Actor, path: &str) {
    let answer = Browser::signed_in(app, actor).await.get(path).await;
    assert!(matches!(answer.status.as_u16(), 403 | 404), "{path}: {}", answer.status);
}

both_engines! {
    async fn the_audit_is_for_admins_and_auditors(app: App) {
        let f = app.fixture().await;
        for path in AUDIT_PAGES {
            Browser::signed_in(&app, &f.auditor).await.get(path).await.is(200);
            Browser::signed_in(&app, &f.admin).await.get(path).await.is(200);
            for stranger in [&f.physician, &f.coordinator, &f.oncologist] {
                refuses(&app, stranger, path).await;
            }
        }
        // An auditor repairs nothing and sets nothing.
        for path in ["/deliveries", "/mis-sends"] {
            refuses(&app, &f.auditor, path).await;
            Browser::signed_in(&app, &f.admin).await.get(path).await.is(200);
        }
    }

    async fn a_search_filters_pages_and_sorts_and_is_itself_recorded(app: App) {
        let f = app.fixture().await;
        let patient = read_once(&app, &f).await;
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let before = recorded(&app, &f, "audit.search").await;
        let all = browser.get("/audit").await;
        all.is(200).shows("Read a patient&#39;s record").shows("Dr. Imogen Sampleton").shows("Added a person");
        assert!(recorded(&app, &f, "audit.search").await > before);
        // Combined: by whom, on whom, what.
        let who = fixture::user(&f.physician);
        let narrow = browser.get(&format!("/audit?who={who}&patient={patient}&action=patient.read")).await;
        narrow.is(200).shows("1 entry fits.").shows("Person: Dr. Imogen Sampleton").shows("Act: Read a patient&#39;s record");
        narrow.hides("<td data-label=\"What\"><span><a href=\"/audit?who=x");
        let none = browser.get("/audit?action=share.recall").await;
        none.is(200).shows("Nothing fits.").shows("No entry fits.");
        // The oldest first begins with what came first.
        let oldest = browser.get("/audit?sort=oldest&action=organization.create").await;
        oldest.is(200).shows("aria-sort=\"ascending\"");
        for column in AuditColumn::ALL {
            for back in ["", "-"] {
                let order = format!("{back}{}", column.as_str().to_lowercase());
                let page = browser.get(&format!("/audit?sort={order}&action=organization.create")).await;
                page.is(200).shows(&format!("<option value=\"{order}\" selected>"));
            }
        }
        for _ in 0..41 {
            app.service.patient(&f.physician, patient).await.unwrap();
        }
        let page = browser.get("/audit").await;
        let next = page.body.split("href=\"").find(|link| link.contains("after=")).unwrap();
        let next = next.split('"').next().unwrap().replace("&#38;", "&");
        browser.get(&next).await.is(200).shows("Back to the first page");
    }

    async fn what_cannot_be_read_is_said_at_its_field_and_kept(app: App) {
        let f = app.fixture().await;
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let answer = browser.get("/audit?patient=nobody&peer=192.0.2.7&from=soon").await;
        answer.is(422).shows("value=\"nobody\"").shows("value=\"192.0.2.7\"").shows("e-filter.from").shows("aria-invalid");
        browser.get("/audit?patient=nobody").await.is(422).shows("id=\"e-filter.patientId\"");
        browser.get("/audit?patient=%3Cscript%3E").await.is(422).hides("<script>");
        browser.get("/audit?after=nonsense").await.is(422);
    }

    async fn who_saw_a_patient_and_what_a_person_saw_count_the_denied(app: App) {
        let f = app.fixture().await;
        let patient = read_once(&app, &f).await;
        let _ = app.service.patient(&f.other_physician, patient).await;
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let page = browser.get(&format!("/audit/patients/{patient}")).await;
        page.is(200).shows("Who saw this patient").shows("Dr. Imogen Sampleton");
        let who = fixture::user(&f.physician);
        let page = browser.get(&format!("/audit/people/{who}")).await;
        page.is(200).shows("What this person saw").shows(&format!("/audit/patients/{patient}"));
        // Somebody who tried what their role does not allow.
        let _ = app.service.search_audit(&f.coordinator, SearchAudit::default()).await;
        let tried = browser.get(&format!("/audit/people/{}", fixture::user(&f.coordinator))).await;
        tried.is(200).shows("denied").shows("the role does not allow it");
        // Another clinic's auditor sees nothing of it.
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.get(&format!("/audit/patients/{patient}")).await.hides("Imogen");
        browser.get("/audit/patients/x").await.is(404);
        refuses(&app, &f.physician, &format!("/audit/patients/{patient}")).await;
    }

    async fn a_patient_is_found_by_number_without_the_number_in_an_address(app: App) {
        let f = app.fixture().await;
        let patient = read_once(&app, &f).await;
        let found = app.service.patient(&f.physician, patient).await.unwrap();
        let mrn = found.identity.reveal().mrn.clone();
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let answer = browser.post("/audit/find-patient", &[("mrn", &mrn)]).await;
        answer.is(303);
        assert_eq!(answer.location(), format!("/audit/patients/{patient}"));
        browser.post("/audit/find-patient", &[("mrn", "nobody's")]).await.is(422).shows("No patient of your organization");
        browser.post("/audit/find-patient", &[("mrn", "")]).await.is(422);
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.post("/audit/find-patient", &[("mrn", &mrn)]).await.is(422);
        browser.post_bare("/audit/find-patient", &[("mrn", &mrn)]).await.is(403);
        assert_eq!(recorded(&app, &f, "audit.find_patient").await, 2);
    }

    async fn an_entry_shows_its_index_and_gives_its_receipt(app: App) {
        let f = app.fixture().await;
        read_once(&app, &f).await;
        let filter = AuditFilter { actions: vec!["patient.read".to_owned()], ..AuditFilter::default() };
        let search = SearchAudit { filter, ..SearchAudit::default() };
        let entry = app.service.search_audit(&f.auditor, search).await.unwrap().entries[0].id;
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let path = format!("/audit/entries/{entry}");
        browser.get(&path).await.is(200).shows("signs this entry within moments");
        browser.get(&format!("{path}/receipt")).await.is(409);
        app.service.sequence().await.unwrap();
        browser.get(&path).await.is(200).shows("Entry No. ").shows("proven by the signed checkpoint");
        let receipt = browser.get(&format!("{path}/receipt")).await;
        receipt.is(200).shows("liaison-receipt@v1");
        assert!(receipt.headers[header::CONTENT_DISPOSITION].to_str().unwrap().starts_with("attachment; filename=\"liaison-receipt-"));
        browser.get(&format!("{path}/proof")).await.is(200).shows("c2sp.org/tlog-proof@v1");
        let other = Browser::signed_in(&app, &f.other_admin).await;
        for path in [path.clone(), format!("{path}/receipt"), format!("{path}/proof")] {
            other.get(&path).await.is(404);
        }
        refuses(&app, &f.coordinator, &path).await;
    }

    async fn exports_stream_what_was_found_and_are_recorded(app: App) {
        let f = app.fixture().await;
        read_once(&app, &f).await;
        app.service.sequence().await.unwrap();
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let csv = browser.post("/audit/export", &[("format", "csv"), ("action", "patient.read")]).await;
        csv.is(200);
        assert_eq!(csv.body.lines().count(), 2, "{}", csv.body);
        let ndjson = browser.post("/audit/export", &[("format", "ndjson"), ("action", "patient.read")]).await;
        ndjson.is(200).shows("liaison-export@v1").shows("\"type\":\"checkpoint\"");
        let bundle = browser.post("/audit/export", &[("format", "bundle"), ("action", "patient.read")]).await;
        bundle.is(200).shows("README.txt").shows("log.vkey").shows("checkpoint.txt").shows("liaison-export@v1");
        bundle.shows(".tlog-proof").shows(app.service.ledger_key());
        assert_eq!(recorded(&app, &f, "audit.export").await, 3);
        browser.post_bare("/audit/export", &[("format", "csv")]).await.is(403);
        browser.post("/audit/export", &[("format", "pdf")]).await.is(404);
        browser.post("/audit/export", &[("format", "csv"), ("patient", "x")]).await.is(422);
        let physician = Browser::signed_in(&app, &f.physician).await;
        physician.post("/audit/export", &[("format", "csv")]).await.is(403);
    }

    async fn an_accounting_names_who_received_what_and_what_is_exempt(app: App) {
        let f = app.fixture().await;
        let Scene { patients: [patient, ..], .. } = app.scene(&f).await;
        let browser = Browser::signed_in(&app, &f.auditor).await;
        browser.get("/disclosures").await.is(200).shows("Enter a patient");
        let reportable = browser.get(&format!("/disclosures?patient={patient}")).await;
        reportable.is(200).shows("Nothing that must be accounted for");
        let all = browser.get(&format!("/disclosures?patient={patient}&all=1")).await;
        all.is(200).shows("Dr. Oncor Fabricato").shows("Placeholder Cancer Center").shows("Exempt").shows("164.528(a)(1)(i)");
        let csv = browser.post("/disclosures/export", &[("patient", &patient.to_string()), ("all", "1")]).await;
        csv.is(200).shows("first_disclosed,").shows("exempt: for treatment").shows("Dr. Oncor Fabricato");
        assert!(recorded(&app, &f, "disclosures.read").await >= 3);
        browser.get("/disclosures?patient=x").await.is(422);
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.get(&format!("/disclosures?patient={patient}&all=1")).await.is(422).hides("Oncor");
        let stranger = Browser::signed_in(&app, &f.physician).await;
        stranger.get(&format!("/disclosures?patient={patient}")).await.is(403).hides("Oncor");
    }

    async fn the_ledger_proves_that_it_only_grew(app: App) {
        let f = app.fixture().await;
        app.service.sequence().await.unwrap();
        let kept = app.service.latest_checkpoint().await.unwrap().unwrap();
        read_once(&app, &f).await;
        app.service.sequence().await.unwrap();
        let browser = Browser::signed_in(&app, &f.auditor).await;
        browser.get("/ledger").await.is(200).shows(app.service.ledger_key()).shows("liaison ledger verify");
        browser.get("/ledger/key").await.is(200).shows(app.service.ledger_key());
        browser.get("/ledger/checkpoint").await.is(200);
        // As a browser sends a text area: with CR LF, and the last line break gone.
        let pasted = kept.trim_end().replace('\n', "\r\n");
        let proven = browser.post("/ledger/consistency", &[("old", &pasted)]).await;
        proven.is(200).shows("<strong>Yes.</strong>").shows("liaison-consistency@v1");
        browser.post("/ledger/consistency", &[("old", &pasted), ("download", "1")]).await.is(200).shows("liaison-consistency@v1");
        let forged = kept.replacen(kept.lines().nth(1).unwrap(), "1", 1);
        browser.post("/ledger/consistency", &[("old", &forged)]).await.is(422).shows("not a checkpoint of this ledger");
        browser.post("/ledger/consistency", &[("old", "what?")]).await.is(422).shows("what?");
        browser.post("/ledger/consistency", &[("old", "a\n999999\nb\n")]).await.is(422).shows("more than the ledger has now");
    }

    async fn emergency_access_needs_a_reason_runs_out_and_is_judged_by_another(app: App) {
        let f = app.fixture().await;
        let patient = read_once(&app, &f).await.to_string();
        let admin = Browser::signed_in(&app, &f.admin).await;
        admin.get("/break-glass").await.is(200).shows("Open a record in an emergency");
        let short = [("patientId", patient.as_str()), ("reason", "now")];
        admin.post("/break-glass", &short).await.is(422).shows("e-reason").shows(&patient);
        admin.post("/break-glass", &[("patientId", "x"), ("reason", "Nobody can be reached.")]).await.is(422).shows("Nobody can be reached.");
        let form = [("patientId", patient.as_str()), ("reason", "Nobody who may read it can be reached.")];
        admin.post_bare("/break-glass", &form).await.is(403);
        admin.post("/break-glass", &form).await.is(303);
        let page = admin.get("/break-glass").await;
        page.is(200).shows("1 h left").shows("Somebody else must judge").shows("Nobody who may read it can be reached.");
        let id = page.body.split("action=\"/break-glass/").nth(1).unwrap().split('/').next().unwrap();
        let auditor = Browser::signed_in(&app, &f.auditor).await;
        auditor.get("/break-glass").await.is(200).shows("To be judged").hides("Open a record in an emergency");
        auditor.post("/break-glass", &form).await.is(403);
        admin.post(&format!("/break-glass/{id}/review"), &[("verdict", "JUSTIFIED"), ("finding", "Mine.")]).await.is(422);
        admin.post(&format!("/break-glass/{id}/end"), &[]).await.is(303);
        let verdict = [("verdict", "NOT_JUSTIFIED"), ("finding", "The physician was on call.")];
        auditor.post(&format!("/break-glass/{id}/review"), &verdict).await.is(303);
        auditor.get("/break-glass?which=all").await.shows("Not justified").shows("The physician was on call.");
        refuses(&app, &f.oncologist, "/break-glass").await;
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.get("/break-glass?which=all").await.is(200).hides("on call");
        // A proof of identity that is older than five minutes is asked for again, and what was typed stays.
        app.advance(TimeDelta::minutes(6));
        admin.get("/break-glass").await.is(200).shows("Your password");
        admin.post("/break-glass", &form).await.is(422).shows("can be reached.").shows("id=\"e-password\"").shows("/sign-in/again");
    }

    async fn an_admin_holds_a_patients_records_and_lifts_the_hold(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let id = patient.to_string();
        let mrn = app.service.patient(&f.physician, patient).await.unwrap().identity.reveal().mrn.clone();
        let (admin, auditor) = (Browser::signed_in(&app, &f.admin).await, Browser::signed_in(&app, &f.auditor).await);
        admin.get("/legal-holds").await.is(200).shows("No hold is in force").shows("Set the hold");
        admin.get("/audit").await.shows("href=\"/legal-holds\"");
        // By the number, which stands in no address, to the patient; who it is, is not said.
        admin.post("/legal-holds/find", &[("mrn", "none-such")]).await.is(422).shows("e-mrn");
        admin.post("/legal-holds/find", &[("mrn", "")]).await.is(422).shows("e-mrn");
        let found = admin.post("/legal-holds/find", &[("mrn", &mrn)]).await;
        assert_eq!(found.is(303).location(), format!("/legal-holds?patient={id}"));
        let page = admin.get(&format!("/legal-holds?patient={id}")).await;
        page.is(200).shows(&format!("value=\"{id}\"")).shows("There was never a hold").hides(&mrn);
        let key = page.value("key");
        let reason = "Case 26-117, counsel asked.";
        let form = [("patientId", id.as_str()), ("patient", id.as_str()), ("reason", reason), ("key", key.as_str())];
        admin.post("/legal-holds", &[("patientId", "x"), ("reason", reason)]).await.is(422).shows("e-patientId").shows(reason);
        admin.post("/legal-holds", &form[..2]).await.is(422).shows("e-reason").shows(&id);
        admin.post_bare("/legal-holds", &form).await.is(403);
        admin.post("/legal-holds", &form).await.is(303);
        admin.post("/legal-holds", &form).await.is(303);
        assert_eq!(recorded(&app, &f, "legal_hold.set").await, 1);
        let page = admin.get("/legal-holds").await;
        page.is(200).shows("In force").shows(reason).shows("Adma Nistrata").shows("Lift this hold");
        let hold = page.body.split("action=\"/legal-holds/legalhold").nth(1).unwrap().split('/').next().unwrap();
        let door = format!("/legal-holds/legalhold{hold}/lift");

        auditor.get("/legal-holds").await.is(200).shows(reason).hides("Lift this hold").hides("Set the hold");
        auditor.post("/legal-holds", &form).await.is(403);
        auditor.post(&door, &[("reason", "No.")]).await.is(403);
        refuses(&app, &f.physician, "/legal-holds").await;
        refuses(&app, &f.oncologist, "/legal-holds").await;
        let other = Browser::signed_in(&app, &f.other_admin).await;
        other.get("/legal-holds?which=all").await.is(200).hides("counsel");
        other.get(&format!("/legal-holds?patient={id}")).await.is(200).hides("counsel");
        other.post("/legal-holds", &form).await.is(422).shows("no patient of your organization");
        other.post("/legal-holds/find", &[("mrn", &mrn)]).await.is(422);
        other.post(&door, &[("reason", "No.")]).await.is(404);

        // Staff see that a hold stands, not why; a draft is not discarded.
        let physician = Browser::signed_in(&app, &f.physician).await;
        physician.get(&format!("/patients/{id}")).await.is(200).shows("A legal hold stands").hides("26-117");
        let draft = liaison_service::notes::DraftNote {
            patient_id: patient,
            content: liaison_testkit::notes::journey("A").documents[0].content.clone(),
            confirmations: Vec::new(),
            idempotency_key: None,
        };
        let draft = app.service.draft_note(&f.physician, draft).await.unwrap();
        let discard = physician.post(&format!("/notes/{}/discard", draft.note_id), &[("revision", "1")]).await;
        discard.is(409).shows("legal hold");

        admin.post(&door, &[("reason", " ")]).await.is(422).shows("e-reason").shows("id=\"f-reason-set\"");
        // A proof of identity that is older than five minutes is asked for again, and what was typed stays.
        app.advance(TimeDelta::minutes(6));
        let why = [("reason", "The case is closed.")];
        admin.post(&door, &why).await.is(422).shows("id=\"e-password\"").shows("The case is closed.");
        admin.post("/legal-holds", &form).await.is(422).shows("id=\"e-password\"").shows(reason);
        let again = Browser::signed_in(&app, &f.admin).await;
        let lifted = again.post(&door, &why).await;
        assert_eq!(lifted.is(303).location(), "/legal-holds?which=lifted&done=freed");
        again.get("/legal-holds?which=lifted").await.is(200).shows("The case is closed.").shows("Lifted by");
        again.post(&door, &why).await.is(422).shows("lifted before");
        assert_eq!(recorded(&app, &f, "legal_hold.lift").await, 1);
        let physician = Browser::signed_in(&app, &f.physician).await;
        physician.get(&format!("/patients/{id}")).await.is(200).hides("A legal hold stands");
    }

    async fn a_review_is_signed_off_and_a_search_is_kept(app: App) {
        let f = app.fixture().await;
        let auditor = Browser::signed_in(&app, &f.auditor).await;
        auditor.get("/audit/reviews").await.is(200).shows("Nobody has signed off");
        let key = auditor.get("/audit/reviews").await.value("key");
        let form = [("from", "2025-01-01T00:00"), ("until", "2025-02-01T00:00"), ("findings", "Nothing unusual."), ("key", key.as_str())];
        auditor.post("/audit/reviews", &form[..2]).await.is(422).shows("2025-01-01T00:00").shows("e-findings");
        auditor.post("/audit/reviews", &form[2..]).await.is(422).shows("Nothing unusual.").shows("e-from");
        auditor.post("/audit/reviews", &form).await.is(303);
        auditor.post("/audit/reviews", &form).await.is(303);
        auditor.get("/audit/reviews").await.shows("Audra Revisor").shows("Nothing unusual.").shows("entries signed");
        assert_eq!(recorded(&app, &f, "audit.review").await, 1);
        refuses(&app, &f.physician, "/audit/reviews").await;

        let searched = auditor.get("/audit?outcome=denied").await;
        searched.shows("/audit/filters?outcome=denied");
        auditor.post("/audit/filters", &[("outcome", "denied"), ("name", "")]).await.is(422).shows("e-name");
        auditor.post("/audit/filters", &[("outcome", "denied"), ("name", "What was denied")]).await.is(303);
        let kept = auditor.get("/audit/filters").await;
        kept.is(200).shows("What was denied").shows("href=\"/audit?outcome=denied\"");
        let id = kept.body.split("action=\"/audit/filters/").nth(1).unwrap().split('/').next().unwrap();
        let admin = Browser::signed_in(&app, &f.admin).await;
        admin.get("/audit/filters").await.is(200).hides("What was denied");
        auditor.post(&format!("/audit/filters/{id}/delete"), &[]).await.is(303);
        auditor.get("/audit/filters").await.shows("You keep no search");
    }

    async fn timeliness_is_a_plot_and_a_table(app: App) {
        let f = app.fixture().await;
        app.scene(&f).await;
        let browser = Browser::signed_in(&app, &f.auditor).await;
        let page = browser.get("/timeliness").await;
        page.is(200).shows("role=\"img\"").shows("Placeholder Cancer Center").shows("<caption>Acknowledgments by urgency</caption>");
        browser.get("/timeliness?from=2020-01-01&until=2020-02-01").await.is(200).shows("Nothing was shared");
        browser.get("/timeliness?from=then").await.is(422);
        browser.get("/timeliness?from=2026-02-01&until=2020-02-01").await.is(422).shows("must be after from");
        refuses(&app, &f.oncologist, "/timeliness").await;
    }
}
