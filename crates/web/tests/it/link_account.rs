//! What guests of a secure link do beyond their answer: pass the message on, ask, and come to an account of their own.

use liaison_domain::{EvidenceLevel, NoteVersionId, RecipientId};
use liaison_service::patients::{AddRestriction, RestrictionScope};
use liaison_testkit::{App, Fixture, both_engines, fixture::user, share_of, to_person};
use totp_rs::{Algorithm, Builder};

use crate::{
    harness::Browser,
    link::{NAMED, code, cookie, level, link_in, shared, text},
};

/// A guest at their letter.
async fn guest(app: &App, link: &str) -> Browser {
    let mut browser = Browser::open(app);
    let digits = code(app, &mut browser, link).await;
    let fields = [("code", digits.as_str()), NAMED[0], NAMED[1]];
    let entered = browser.post_bare("/link/enter", &fields).await;
    entered.is(303);
    browser.cookies = cookie(&entered, "__Host-liaison-link");
    browser.csrf = browser.get("/link").await.value("csrf");
    browser
}

/// A share to the palliative lead in person, who has no account yet: the loop, and the link in the mail to their own
/// address.
async fn to_a_person(app: &App, f: &Fixture, version: NoteVersionId) -> (RecipientId, String) {
    app.email.take();
    let share = share_of(version, vec![to_person(user(&f.palliative_lead))]);
    let shared = app.service.share_note(&f.physician, share).await.unwrap();
    app.work().await;
    let mails = app.email.take();
    (shared.recipient_ids[0], link_in(&mails, liaison_testkit::BASE_URL))
}

/// The code that an authenticator app shows for a key in base32.
pub(crate) fn totp(app: &App, key: &str) -> String {
    let bits: Vec<u8> = key
        .bytes()
        .map(|b| if b.is_ascii_digit() { b - b'2' + 26 } else { b - b'A' })
        .flat_map(|five| (0..5).rev().map(move |at| five >> at & 1))
        .collect();
    let secret: Vec<u8> = bits
        .chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |all, bit| all << 1 | bit))
        .collect();
    let totp = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(6)
        .with_step_duration(30)
        .with_secret(<[u8; 20]>::try_from(secret).unwrap())
        .build()
        .unwrap();
    totp.generate(u64::try_from(app.now().timestamp()).unwrap()).to_string()
}

both_engines! {
    async fn a_guest_passes_the_message_on_by_the_rules_of_everybody(app: App) {
        let (f, id, link) = shared(&app).await;
        let lead = user(&f.palliative_lead);
        let browser = guest(&app, &link).await;
        browser.get("/link").await.is(200).shows("Pass on to a colleague or team").shows("/link/redirect");
        let page = browser.get("/link/redirect").await;
        page.is(200).shows(&format!("user:{lead}")).hides(&format!("team:{}", f.palliative_team)).hides("@palliative.example.test");
        let key = page.value("key");
        let found = browser.post("/link/redirect", &[("find", "nobody of this name"), ("act", "find")]).await;
        found.is(200).shows("Nobody in the directory is called so");

        // A restriction holds, nobody is chosen, no reason is given: nothing is passed on, what was typed stays.
        let patient = app.service.loops(&f.physician, &[id]).await.unwrap()[&id].patient_id;
        let restriction = AddRestriction {
            patient_id: patient,
            scope: RestrictionScope::Team(f.outside_team),
            detail: None,
            agreed_by: None,
            agreed_at: None,
            idempotency_key: None,
        };
        app.service.add_restriction(&f.physician, restriction).await.unwrap();
        let to = format!("team:{}", f.outside_team);
        let fields = [("to", to.as_str()), ("reason", "They look after her now."), ("key", "a")];
        browser.post("/link/redirect", &fields).await.is(422).shows("They look after her now.").shows("Nothing was passed on yet");
        browser.post("/link/redirect", &[("reason", "Her ward."), ("key", "b")]).await.is(422).shows("Nothing was passed on yet").shows("Her ward.");
        browser.post_bare("/link/redirect", &fields).await.is(403);
        let to = format!("user:{lead}");
        browser.post("/link/redirect", &[("to", to.as_str()), ("reason", " "), ("key", "c")]).await.is(422);
        assert!(level(&app, &f, id).await < EvidenceLevel::Acknowledged);

        app.email.take();
        let fields = [("to", to.as_str()), ("reason", "She looks after her."), ("key", key.as_str())];
        browser.post("/link/redirect", &fields).await.is(200).shows("Passed on").shows("Your duty ends when they");
        browser.get("/link").await.is(401);
        browser.get(&link).await.is(404);
        let row = &app.service.loops(&f.physician, &[id]).await.unwrap()[&id];
        let theirs = row.redirected_to.unwrap();
        assert_eq!(app.service.loops(&f.physician, &[theirs]).await.unwrap()[&theirs].to_user_id, Some(lead));
        // The colleague has a link of their own, at their own address; the clinic is told by whom.
        app.work().await;
        let mails = app.email.take();
        let email = "lenia.mockman@palliative.example.test";
        assert!(mails.iter().any(|mail| mail.address == email && text(mail).contains("/l/")), "{:?}",
            mails.iter().map(|mail| &mail.address).collect::<Vec<_>>());
        assert!(mails.iter().map(text).any(|mail| mail.contains("Dr. Gesa Visitor (palliative physician), named themself")));
    }

    async fn a_guest_asks_the_clinic_from_their_page(app: App) {
        let (f, id, link) = shared(&app).await;
        let browser = guest(&app, &link).await;
        let key = browser.get("/link").await.value("key");
        browser.post("/link/reply", &[("body", " "), ("key", key.as_str())]).await.is(422).shows("id=\"e-body\"");
        let fields = [("body", "Which dose comes next?"), ("key", key.as_str())];
        browser.post("/link/reply", &fields).await.is(303);
        browser.post("/link/reply", &fields).await.is(303);
        let page = browser.get("/link").await;
        assert_eq!(page.body.matches("Which dose comes next?").count(), 1);
        let clinic = Browser::signed_in(&app, &f.physician).await;
        let share = app.service.loops(&f.physician, &[id]).await.unwrap()[&id].share_id;
        clinic.get(&format!("/shares/{share}")).await.is(200)
            .shows("Which dose comes next?").shows("Dr. Gesa Visitor (by the secure link)");
        app.work().await;
        assert!(app.email.take().iter().all(|mail| !text(mail).contains("Which dose")));
    }

    async fn from_the_link_to_an_account_and_its_inbox(app: App) {
        let f = app.fixture().await;
        let patient = app.patient(&f, "A").await;
        let first = app.sign(&f, patient, "A", 0).await;
        let (id, link) = to_a_person(&app, &f, first.version_id).await;
        let browser = guest(&app, &link).await;
        let letter = browser.get("/link").await;
        let fields = [
            ("disposition", "REVIEWED_NO_CHANGE"),
            ("noteVersionId", &letter.value("noteVersionId")),
            ("key", "once"),
        ];
        browser.post("/link/acknowledge", &fields).await.is(303);
        assert_eq!(level(&app, &f, id).await, EvidenceLevel::Acknowledged);
        browser.get("/link").await.shows("Ask for an account");
        app.email.take();
        browser.post("/link/account", &[]).await.is(200).shows("Your admins are told");

        // The admins are told, find the person, and invite: the mail goes to the directory's own address.
        app.work().await;
        let person = format!("/directory/people/{}", user(&f.palliative_lead));
        let asked = app.email.take().iter().map(text).find(|mail| mail.contains("asks for an account")).unwrap();
        assert!(asked.contains(&person), "{asked}");
        let admin = Browser::signed_in(&app, &f.admin).await;
        admin.get("/notices").await.is(200).shows("Somebody asks for an account");
        admin.get(&person).await.is(200).shows("Invite by e-mail");
        admin.post(&format!("{person}/invite"), &[]).await.is(303);
        app.work().await;
        let mails = app.email.take();
        let mark = format!("{}/welcome/", liaison_testkit::BASE_URL);
        let mail = mails.iter().find(|mail| text(mail).contains(&mark)).unwrap();
        assert_eq!(mail.address, "lenia.mockman@palliative.example.test");
        let text = text(mail);
        let (_, token) = text.split_once(&mark).unwrap();
        let welcome = format!("/welcome/{}", token.split_whitespace().next().unwrap());

        // The account is made in the same browser that came by the link.
        let mut own = Browser::open(&app);
        let password = "four little boats adrift";
        let set = own.post_bare(&welcome, &[("password", password), ("again", password)]).await;
        assert_eq!(set.is(303).location(), "/account/second-factor");
        own.cookies = cookie(&set, "__Host-liaison=");
        own.csrf = own.get("/account/second-factor").await.value("csrf");
        let page = own.post("/account/totp", &[]).await;
        let (_, key) = page.is(200).body.split_once("Key: <code>").unwrap();
        let key = key.split('<').next().unwrap().to_owned();
        let digits = totp(&app, &key);
        own.post("/account/totp/confirm", &[("code", &digits)]).await.is(200).shows("Recovery codes");

        // The next notice opens the inbox, without a code; what came before stands there too.
        let second = app.sign(&f, patient, "A", 1).await;
        let (next, link) = to_a_person(&app, &f, second.version_id).await;
        // Hours went by, so they sign in: from the link, and on to the letter.
        let next_page = format!("{link}/inbox");
        own.get(&link).await.is(200).shows(&format!("/sign-in?next={next_page}"));
        let fields = [("email", mail.address.as_str()), ("password", password), ("next", next_page.as_str())];
        let asked = own.post_bare("/sign-in", &fields).await;
        own.cookies = cookie(asked.is(200), "__Host-liaison-challenge");
        let digits = totp(&app, &key);
        let entered = own.post_bare("/sign-in/second-factor", &[("code", digits.as_str()), ("next", next_page.as_str())]).await;
        assert_eq!(entered.is(303).location(), next_page);
        own.cookies = cookie(&entered, "__Host-liaison=");
        own.csrf = own.get("/account").await.value("csrf");
        own.get(&link).await.is(200).shows("Open it in your inbox").hides("Send me the code");
        let to = own.get(&next_page).await;
        assert_eq!(to.is(303).location(), format!("/inbox/{next}"));
        own.get(&format!("/inbox/{next}")).await.is(200).shows("Not opened by you yet");
        own.post(&format!("/inbox/{next}/open"), &[]).await.is(303);
        assert_eq!(level(&app, &f, next).await, EvidenceLevel::Opened);
        own.get(&format!("/inbox/{id}")).await.is(200).shows("Acknowledged");
    }
}
