//! The hall of doors: one of every thing that has an id, and somebody in every relation to it. Tests of access walk its
//! people past every page and every field.
//!
//! The loop that everything is about was addressed to a team that passed it on to the oncology team, which opened it and
//! let six days pass.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use liaison_domain::{
    Actor, CareRole, ChannelKind, Decline, Disposition, OrganizationId, OrganizationKind, RecipientId, Role, TeamId,
    calendar::Calendar,
};
use liaison_service::{
    audit::{AuditFilter, AuditOrder, BeginBreakGlass, SaveAuditFilter, SearchAudit},
    channel::{Outbound, OutboundBody},
    directory::{
        AddPerson, CreateCoverage, CreateEndpoint, CreateOrganization, CreateTeam, CreateToken, EndpointOwner,
        OrganizationChoice, TeamSettings,
    },
    link::{EnterLinkCode, SendLinkCode},
    loops::{NewQuestion, ShareNote, Shared, acknowledge::Acknowledge, decline::DeclineShare, redirect::RedirectShare},
    notes::DraftNote,
    patients::{AddCareTeamEntry, AddRestriction, RestrictionScope, SetLegalHold},
    reading::CallListQuery,
    work::repair::FindDeliveries,
};

use crate::{App, BASE_URL, Fixture, Signed, fixture::user, notes::journey, share_of, to_team};

/// A UUID that is nobody's.
pub const NOBODYS: &str = "0190b5a0-0000-7000-8000-000000000001";

/// Somebody, and how they stand to the hall's loop and patient.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The letter of snapshots.
    pub letter: char,
    /// The relation, in words.
    pub name: &'static str,
    /// Who acts.
    pub actor: Actor,
    /// Of the clinic whose patient it is.
    pub of_the_clinic: bool,
    /// A session that was opened while they could; their cookie's secret.
    pub session: String,
    /// An API token that reads and writes, issued while they could.
    pub token: String,
}

/// The world, its visitors and its things.
pub struct Hall {
    /// The world below.
    pub fixture: Fixture,
    /// Everybody with an account, strangers first.
    pub visitors: Vec<Visitor>,
    /// One id of each kind of thing, by a short name; tokens of links too.
    pub ids: BTreeMap<&'static str, String>,
    /// The cookie's secret of a guest's session for the loop.
    pub guest: String,
}

struct Extra<'a> {
    app: &'a App,
    system: Actor,
    clinic: OrganizationId,
}

impl Extra<'_> {
    /// An organization in the clinic's directory with one team, which has an e-mail address, and one clinician.
    async fn practice(&self, name: &str, host: &str) -> (TeamId, Actor) {
        let service = &self.app.service;
        let organization = CreateOrganization {
            name: format!("{name} (SYNTHETIC)"),
            kind: OrganizationKind::Oncology,
            time_zone: "America/Chicago".to_owned(),
            phone: Some("+1 555 010 0100".to_owned()),
            managed_by: Some(self.clinic),
            idempotency_key: None,
        };
        let organization = service
            .create_organization(&self.system, organization)
            .await
            .expect("an organization");
        let team = CreateTeam {
            organization_id: organization,
            settings: TeamSettings {
                name: format!("{name} team"),
                care_role: CareRole::Oncologist,
                calendar: Calendar::office_hours("America/Chicago".parse().expect("a zone")),
                phone: Some("+1 555 010 0110".to_owned()),
            },
            idempotency_key: None,
        };
        let team = service.create_team(&self.system, team).await.expect("a team");
        let endpoint = CreateEndpoint {
            owner: EndpointOwner::Team(team),
            channel: ChannelKind::Email,
            address: format!("team@{host}.example.test"),
            idempotency_key: None,
        };
        service
            .create_endpoint(&self.system, endpoint)
            .await
            .expect("an endpoint");
        let person = self.person(organization, &[team], host, Role::Clinician).await;
        (team, person)
    }

    async fn person(&self, organization: OrganizationId, teams: &[TeamId], name: &str, role: Role) -> Actor {
        let input = AddPerson {
            organization: OrganizationChoice::Existing(organization),
            email: format!("{name}.invented@{name}.example.test"),
            display_name: format!("{name} Invented"),
            phone: None,
            time_zone: None,
            digest_hour: None,
            roles: vec![role],
            teams: teams.to_vec(),
            idempotency_key: None,
        };
        let service = &self.app.service;
        let added = service.add_person(&self.system, input).await.expect("a person");
        service
            .acting_person(added.user_id, organization)
            .await
            .expect("the store answers")
            .expect("an actor")
    }
}

/// The text of a mail, or a webhook's body.
pub fn text(mail: &Outbound) -> String {
    match &mail.body {
        OutboundBody::Email(body) => format!("{}\n{}", body.subject, body.text),
        OutboundBody::Webhook(body) => body.json.clone(),
    }
}

/// The tokens of a kind of link (`l`, `welcome`, `reset`) in mails, the newest first.
pub fn tokens(mails: &[Outbound], kind: &str) -> Vec<String> {
    let mark = format!("{BASE_URL}/{kind}/");
    let after = |mail: &Outbound| {
        let text = text(mail);
        let (_, rest) = text.split_once(&mark)?;
        rest.split_whitespace().next().map(str::to_owned)
    };
    mails.iter().rev().filter_map(after).collect()
}

impl Hall {
    /// Builds it in an app that is new.
    pub async fn build(app: &App) -> Self {
        let f = app.fixture().await;
        let service = &app.service;
        let extra = Extra {
            app,
            system: f.system.clone(),
            clinic: f.clinic,
        };
        let (forwarding_team, forwarder) = extra.practice("Forwarding Practice", "forwarding").await;
        let (restricted_team, restricted) = extra.practice("Restricted Practice", "restricted").await;
        let (earlier_team, earlier) = extra.practice("Earlier Practice", "earlier").await;
        let clinician = extra.person(f.clinic, &[], "clinician", Role::Clinician).await;
        let clinic_lead = extra.person(f.clinic, &[], "lead", Role::TeamLead).await;
        let breaker = extra.person(f.clinic, &[], "breaker", Role::Admin).await;
        let gone = extra.person(f.clinic, &[], "gone", Role::Physician).await;
        let covering = extra.person(f.oncology, &[], "covering", Role::Clinician).await;
        let left = extra
            .person(f.oncology, &[f.oncology_team], "left", Role::Clinician)
            .await;
        let invited = extra.person(f.oncology, &[], "invited", Role::Clinician).await;

        // Another patient, whose infusions are held and whose note went astray.
        let other = app.patient(&f, "C").await;
        let noted = app.sign(&f, other, "C", 0).await;
        let hold = share(app, &f, &noted, f.oncology_team).await.recipient_ids[0];
        app.open(&f.oncologist, hold).await;
        let holding = Acknowledge {
            recipient_id: Some(hold),
            note_version_id: Some(noted.version_id),
            dispositions: vec![Disposition::HoldInfusions],
            comment: Some("Platelets first, in this synthetic scene.".to_owned()),
            ..Acknowledge::default()
        };
        service.acknowledge(&f.oncologist, holding).await.expect("a hold");
        let astray = share(app, &f, &noted, f.palliative_team).await.recipient_ids[0];
        app.open(&f.palliative, astray).await;
        let wrong = DeclineShare {
            recipient_id: astray,
            reason: Decline::WrongRecipient,
            comment: Some("Not known here.".to_owned()),
            idempotency_key: None,
        };
        let declined = service.decline_share(&f.palliative, wrong).await.expect("a decline");
        let legal_hold = SetLegalHold {
            patient_id: other,
            reason: "Counsel asked in this synthetic scene.".to_owned(),
            idempotency_key: None,
        };
        let legal_hold = service
            .set_legal_hold(&f.admin, legal_hold)
            .await
            .expect("a legal hold");

        let patient = app.patient(&f, "A").await;
        let mut entries = Vec::new();
        for team in [forwarding_team, restricted_team, earlier_team] {
            let entry = AddCareTeamEntry {
                patient_id: patient,
                team_id: Some(team),
                user_id: None,
                care_role: CareRole::Oncologist,
                from: None,
                until: None,
                idempotency_key: None,
            };
            let added = service
                .add_care_team_entry(&f.physician, entry)
                .await
                .expect("an entry");
            entries.push(added.entry_id);
        }
        let signed = app.sign(&f, patient, "A", 0).await;
        app.advance(TimeDelta::minutes(1));
        service
            .end_care_team_entry(&f.physician, entries[2])
            .await
            .expect("the entry ends");
        let restriction = AddRestriction {
            patient_id: patient,
            scope: RestrictionScope::Team(restricted_team),
            detail: Some("Agreed in this synthetic scene.".to_owned()),
            agreed_by: None,
            agreed_at: None,
            idempotency_key: None,
        };
        let restriction = service
            .add_restriction(&f.physician, restriction)
            .await
            .expect("a restriction");
        app.email.take();
        let shared = share(app, &f, &signed, forwarding_team).await;
        let redirect = RedirectShare {
            recipient_id: shared.recipient_ids[0],
            to_team_id: Some(f.oncology_team),
            to_user_id: None,
            to_organization_id: None,
            reason: "They treat this invented person now.".to_owned(),
            idempotency_key: None,
        };
        app.open(&forwarder, shared.recipient_ids[0]).await;
        let redirected = service.redirect_share(&forwarder, redirect).await.expect("a redirect");
        let recipient = redirected.new_recipient_id;
        app.work().await;
        let link = link_of(app, recipient).await;
        app.open(&f.oncologist, recipient).await;

        let draft = DraftNote {
            patient_id: patient,
            content: journey("A").documents[1].content.clone(),
            confirmations: Vec::new(),
            idempotency_key: None,
        };
        let draft = service.draft_note(&f.physician, draft).await.expect("a draft");
        let absence = CreateCoverage {
            absent_user_id: user(&f.second_oncologist),
            covering_user_id: user(&covering),
            from: app.now(),
            until: app.now() + TimeDelta::days(100),
            idempotency_key: None,
        };
        let coverage = service
            .create_coverage(&f.second_oncologist, absence)
            .await
            .expect("an absence");
        // Nobody answers, so the clinic has to call.
        app.run_until(app.now() + TimeDelta::days(6)).await;

        let reason = "Nobody on call answers in this synthetic scene.".to_owned();
        let begin = BeginBreakGlass {
            patient_id: patient,
            reason,
        };
        let glass = service.begin_break_glass(&breaker, begin).await.expect("broken glass");
        let filter = SaveAuditFilter {
            name: "Shares".to_owned(),
            filter: AuditFilter {
                actions: vec!["share.create".to_owned()],
                ..AuditFilter::default()
            },
            order: AuditOrder::default(),
        };
        let filter = service.save_audit_filter(&f.auditor, filter).await.expect("a filter");
        app.email.take();
        service
            .invite_person(&f.admin, user(&invited))
            .await
            .expect("an invitation");
        app.work().await;
        let welcome = tokens(&app.email.take(), "welcome").remove(0);
        let by_operator = service
            .issue_sign_in_link("leda.pretendson@cancer.example.test", TimeDelta::hours(1))
            .await
            .expect("a link");
        let by_operator = by_operator
            .url
            .expose()
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned();

        let listed = [
            ('x', "clinician of another organization", &f.outsider, false),
            ('y', "admin of another organization", &f.outside_admin, false),
            ('q', "physician of another clinic", &f.other_physician, false),
            ('a', "admin of another clinic", &f.other_admin, false),
            ('e', "team whose care-team entry ended", &earlier, false),
            ('r', "team under a restriction", &restricted, false),
            ('p', "team on the care team, not addressed", &f.palliative, false),
            ('m', "left the addressed team", &left, false),
            ('z', "left the clinic", &gone, false),
            ('d', "passed the loop on", &forwarder, false),
            ('o', "oncologist, addressed", &f.oncologist, false),
            ('l', "lead of the addressed team", &f.oncology_lead, false),
            ('v', "covers one of the addressed team", &covering, false),
            ('N', "clinician of the clinic", &clinician, true),
            ('L', "team lead of the clinic", &clinic_lead, true),
            ('U', "auditor", &f.auditor, true),
            ('A', "admin", &f.admin, true),
            ('B', "admin who broke the glass", &breaker, true),
            ('C', "coordinator", &f.coordinator, true),
            ('P', "physician", &f.physician, true),
        ];
        let mut visitors = Vec::new();
        for (letter, name, actor, of_the_clinic) in listed {
            let token = CreateToken {
                name: "hall".to_owned(),
                scopes: vec!["read".to_owned(), "write".to_owned()],
                days: 30,
                idempotency_key: None,
            };
            let token = service.create_token(actor, token).await.expect("a token");
            visitors.push(Visitor {
                letter,
                name,
                actor: actor.clone(),
                of_the_clinic,
                session: app.session(actor).await,
                token: token
                    .secret
                    .map(|secret| secret.expose().to_owned())
                    .unwrap_or_default(),
            });
        }
        service
            .remove_team_member(&f.system, f.oncology_team, user(&left))
            .await
            .expect("they leave the team");
        let places = service.memberships_of(&f.admin, &[user(&gone)]).await.expect("places");
        service
            .end_membership(&f.admin, places[0].id)
            .await
            .expect("they leave the clinic");
        for visitor in &mut visitors {
            if let Some(organization) = visitor.actor.organization_id {
                let now = service
                    .acting_person(user(&visitor.actor), organization)
                    .await
                    .expect("the store answers");
                visitor.actor = now.unwrap_or_else(|| visitor.actor.clone());
            }
        }

        // Things of lists, and the guest.
        let guest = guest(app, &link).await;
        let calls = service
            .call_list(&f.physician, CallListQuery::default())
            .await
            .expect("calls");
        let call = calls
            .entries
            .iter()
            .find(|entry| entry.task.recipient_id == recipient)
            .unwrap_or(&calls.entries[0])
            .task
            .id;
        let wanted = FindDeliveries {
            endpoint_id: Some(f.oncology_email),
            limit: 1,
            ..FindDeliveries::default()
        };
        let delivery = service.find_deliveries(&f.admin, wanted).await.expect("deliveries")[0]
            .delivery
            .id;
        let holds = service.holds(&f.physician, other).await.expect("holds");
        service.sequence().await.expect("the sequencer");
        // An act of the physician: the newest entry of all is another one on each engine, where the set clock stands.
        let search = SearchAudit {
            filter: AuditFilter {
                actions: vec!["share.create".to_owned()],
                ..AuditFilter::default()
            },
            first: Some(1),
            ..SearchAudit::default()
        };
        let entry = service.search_audit(&f.auditor, search).await.expect("entries").entries[0].id;
        let place = service
            .memberships_of(&f.admin, &[user(&f.second_oncologist)])
            .await
            .expect("places")[0]
            .id;
        let notice = service.notices(&f.physician, Some(1), None).await.expect("notices");
        let own = service.own_sessions(&f.physician).await.expect("sessions");
        let question = service
            .questions_of(&f.physician, &[shared.share_id])
            .await
            .expect("questions");
        let ids = BTreeMap::from([
            ("org", f.oncology.to_string()),
            ("team", f.oncology_team.to_string()),
            ("user", user(&f.second_oncologist).to_string()),
            ("membership", place.to_string()),
            ("endpoint", f.oncology_email.to_string()),
            ("patient", patient.to_string()),
            ("care", entries[0].to_string()),
            ("note", signed.note_id.to_string()),
            ("draft", draft.note_id.to_string()),
            ("notever", signed.version_id.to_string()),
            ("share", shared.share_id.to_string()),
            ("recipient", recipient.to_string()),
            ("question", question[&shared.share_id][0].row.id.to_string()),
            ("coverage", coverage.to_string()),
            ("restriction", restriction.restriction_id.to_string()),
            ("call", call.to_string()),
            ("delivery", delivery.to_string()),
            ("hold", holds[0].row.id.to_string()),
            ("missend", declined.mis_send_id.expect("a case").to_string()),
            ("breakglass", glass.id.to_string()),
            ("legalhold", legal_hold.legal_hold_id.to_string()),
            ("filter", filter.id.to_string()),
            ("entry", entry.to_string()),
            ("notice", notice.entries[0].0.id.to_string()),
            ("session", own[0].session_id.to_string()),
            ("link", link),
            ("welcome", welcome),
            ("sign-in", by_operator),
        ]);
        Self {
            fixture: f,
            visitors,
            ids,
            guest,
        }
    }
}

/// Shares with one team that has to acknowledge, with a question.
async fn share(app: &App, fixture: &Fixture, signed: &Signed, team: TeamId) -> Shared {
    let share = ShareNote {
        questions: vec![NewQuestion {
            care_role: None,
            text: "Does this change your plan?".to_owned(),
            respond_by: None,
        }],
        ..share_of(signed.version_id, vec![to_team(team)])
    };
    app.service
        .share_note(&fixture.physician, share)
        .await
        .expect("a share")
}

/// The token of the mail that brings a loop to its team.
async fn link_of(app: &App, recipient: RecipientId) -> String {
    for token in tokens(&app.email.take(), "l") {
        if app.service.link_target(&token).await.ok() == Some(recipient) {
            return token;
        }
    }
    panic!("no mail brings a link to {recipient}");
}

/// The secret of a guest's session by a link, the code read in its mail.
async fn guest(app: &App, link: &str) -> String {
    app.email.take();
    let ask = SendLinkCode {
        token: link.to_owned(),
        address: 0,
        peer: None,
        request_id: None,
    };
    let sent = app.service.send_link_code(ask).await.expect("a code");
    app.work().await;
    let mails = app.email.take();
    let digits = mails.iter().map(text).find_map(|mail| {
        let (_, rest) = mail.split_once("Your code is ")?;
        Some(rest.chars().take(6).collect::<String>())
    });
    let enter = EnterLinkCode {
        challenge: sent.challenge,
        code: digits.expect("a mail with the code"),
        name: "Dr. Gesa Visitor".to_owned(),
        profession: "oncologist".to_owned(),
        work_email: None,
        phone: None,
        peer: None,
        request_id: None,
    };
    let opened = app.service.enter_link_code(enter).await.expect("a guest");
    opened.secret.expose().to_owned()
}
