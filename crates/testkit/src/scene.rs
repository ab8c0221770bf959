//! A day in the clinic, to look at and to try pages on: three synthetic patients with all their journeys' notes shared,
//! some answered, one question asked back, one urgent share still unopened days later.

use chrono::TimeDelta;
use liaison_domain::{Actor, Disposition, PatientId, RecipientId};
use liaison_service::{
    loops::{NewQuestion, ShareNote, Shared, acknowledge::Acknowledge},
    sign_in::{OpenSession, SignInMethod},
};

use crate::{
    App, Fixture, Signed, fixture,
    notes::{journey, overrides_for},
    share_of, to_team,
};

/// What the scene holds.
pub struct Scene {
    /// The patients of journeys A, C and D.
    pub patients: [PatientId; 3],
    /// Journey A's last share: opened by the oncologist, not acknowledged; the palliative team has not opened it.
    pub opened: Shared,
    /// Journey C's last share: nobody opened it.
    pub unopened: Shared,
    /// Journey D's share: the oncologist asks for a call.
    pub call_asked: Shared,
}

impl Fixture {
    /// Everybody with an account, by name.
    pub fn people(&self) -> [(&'static str, &Actor); 10] {
        [
            ("physician", &self.physician),
            ("coordinator", &self.coordinator),
            ("admin", &self.admin),
            ("auditor", &self.auditor),
            ("oncologist", &self.oncologist),
            ("second_oncologist", &self.second_oncologist),
            ("oncology_lead", &self.oncology_lead),
            ("palliative", &self.palliative),
            ("palliative_lead", &self.palliative_lead),
            ("other_physician", &self.other_physician),
        ]
    }
}

impl App {
    /// A session of an actor's person for the actor's organization, fully proven; answers the cookie's secret.
    pub async fn session(&self, actor: &Actor) -> String {
        let input = OpenSession {
            user_id: fixture::user(actor),
            organization_id: actor.organization_id,
            method: SignInMethod::OperatorLink,
            peer: None,
            request_id: None,
            user_agent: None,
        };
        self.service.open_session(input).await.expect("a session").secret
    }

    /// Plays the scene; the clock stands two days after its last share.
    pub async fn scene(&self, fixture: &Fixture) -> Scene {
        let mut patients = Vec::new();
        let mut last = Vec::new();
        for letter in ["A", "C", "D"] {
            let patient = self.patient(fixture, letter).await;
            patients.push(patient);
            let count = journey(letter).documents.len();
            for number in 0..count {
                let signed = self.sign(fixture, patient, letter, number).await;
                let shared = self.share_with_both(fixture, &signed).await;
                self.work().await;
                if number + 1 < count {
                    self.advance(TimeDelta::hours(2));
                    self.acknowledge_all(fixture, &shared, &signed).await;
                } else {
                    last.push((signed, shared));
                }
            }
        }
        let [(_, opened), (_, unopened), (declined, call_asked)]: [_; 3] =
            last.try_into().unwrap_or_else(|_| panic!("three journeys"));
        self.advance(TimeDelta::hours(1));
        self.open(&fixture.oncologist, opened.recipient_ids[0]).await;
        self.open(&fixture.oncologist, call_asked.recipient_ids[0]).await;
        let call = Acknowledge {
            recipient_id: Some(call_asked.recipient_ids[0]),
            note_version_id: Some(declined.version_id),
            dispositions: vec![Disposition::RequestCall],
            comment: Some("Please call me about the timing of the next scan.".to_owned()),
            call_number: Some("+1 312 555 0107".to_owned()),
            ..Acknowledge::default()
        };
        self.service
            .acknowledge(&fixture.oncologist, call)
            .await
            .expect("a request for a call");
        self.run_until(self.now() + TimeDelta::days(2)).await;
        Scene {
            patients: patients.try_into().unwrap_or_else(|_| panic!("three patients")),
            opened,
            unopened,
            call_asked,
        }
    }

    /// Shares a signed version with the oncology and the palliative team, both with a duty to acknowledge.
    pub async fn share_with_both(&self, fixture: &Fixture, signed: &Signed) -> Shared {
        let recipients = vec![to_team(fixture.oncology_team), to_team(fixture.palliative_team)];
        let overrides = overrides_for(
            &self.service,
            &fixture.physician,
            signed.version_id,
            &recipients,
            "Looked at for this synthetic scene.",
        )
        .await
        .expect("the checks");
        let share = ShareNote {
            questions: vec![NewQuestion {
                care_role: None,
                text: "Is a change of the systemic treatment planned in the next four weeks?".to_owned(),
                respond_by: None,
            }],
            overrides,
            ..share_of(signed.version_id, recipients)
        };
        self.service
            .share_note(&fixture.physician, share)
            .await
            .expect("a share")
    }

    /// Opens a share as one of its recipients.
    pub async fn open(&self, actor: &Actor, recipient: RecipientId) {
        self.service
            .open_share(actor, recipient)
            .await
            .expect("an opened share");
    }

    /// The oncologist and the palliative clinician open and acknowledge.
    pub async fn acknowledge_all(&self, fixture: &Fixture, shared: &Shared, signed: &Signed) {
        for (actor, recipient) in [&fixture.oncologist, &fixture.palliative]
            .into_iter()
            .zip(&shared.recipient_ids)
        {
            self.open(actor, *recipient).await;
            let reviewed = Acknowledge {
                recipient_id: Some(*recipient),
                note_version_id: Some(signed.version_id),
                dispositions: vec![Disposition::ReviewedNoChange],
                ..Acknowledge::default()
            };
            self.service
                .acknowledge(actor, reviewed)
                .await
                .expect("an acknowledgment");
        }
    }
}
