//! Everything the database says about one patient's loops at one moment.

use liaison_domain::{OrganizationId, PatientId, RecipientId};
use liaison_store::{
    Conn, StoreError,
    acknowledgments::{self, AcknowledgmentRow, DeclineRow, HoldRow},
    break_glass::{self, BreakGlassRow},
    call_tasks::{self, CallTaskRow},
    deliveries::{self, AttemptRow, DeliveryRow},
    directory::{
        CoverageRow, EndpointRow, MembershipRow, PersonRow, coverage, endpoint::endpoints_by_ids,
        membership::enabled_memberships_in, people_by_ids,
    },
    mis_sends::{self, MisSendRow},
    patients::{RestrictionRow, restrictions_of},
    recipients::{self, EvidenceRow, RecipientRow},
    replies::{self, ReplyRow},
    schedule::{self, EscalationStepRow},
    shares::{self, ShareRow},
};
use liaison_testkit::{Fixture, fixture::user};
use uuid::Uuid;

/// Everything.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) loops: Vec<RecipientRow>,
    pub(super) evidence: Vec<EvidenceRow>,
    pub(super) acknowledgments: Vec<AcknowledgmentRow>,
    pub(super) declines: Vec<DeclineRow>,
    pub(super) steps: Vec<EscalationStepRow>,
    pub(super) tasks: Vec<CallTaskRow>,
    pub(super) shares: Vec<ShareRow>,
    pub(super) deliveries: Vec<DeliveryRow>,
    pub(super) attempts: Vec<AttemptRow>,
    pub(super) replies: Vec<ReplyRow>,
    pub(super) holds: Vec<HoldRow>,
    pub(super) mis_sends: Vec<MisSendRow>,
    pub(super) restrictions: Vec<RestrictionRow>,
    pub(super) cases: Vec<BreakGlassRow>,
    pub(super) coverages: Vec<CoverageRow>,
    pub(super) people: Vec<PersonRow>,
    pub(super) endpoints: Vec<EndpointRow>,
    /// Who of the clinic can sign in.
    pub(super) clinic: Vec<MembershipRow>,
}

impl Snapshot {
    /// Reads it.
    pub(super) async fn read(conn: &mut Conn, fixture: &Fixture, patient: PatientId) -> Result<Self, StoreError> {
        let loops = recipients::of_patient(conn, patient).await?;
        let ids: Vec<Uuid> = loops.iter().map(|row| row.id.uuid()).collect();
        let mut deliveries = Vec::new();
        for organization in organizations(fixture) {
            deliveries.extend(deliveries::list(conn, organization, None, None, 100_000).await?);
        }
        let sent: Vec<Uuid> = deliveries.iter().map(|row| row.id.uuid()).collect();
        let people: Vec<_> = everybody(fixture).iter().map(|actor| user(actor)).collect();
        let endpoints = [
            fixture.oncology_email,
            fixture.oncology_webhook,
            fixture.palliative_email,
        ];
        let mut coverages = Vec::new();
        for organization in organizations(fixture) {
            coverages.extend(coverage::list(conn, organization, chrono::DateTime::UNIX_EPOCH, 1_000).await?);
        }
        Ok(Self {
            evidence: recipients::evidence_of(conn, &ids).await?,
            acknowledgments: acknowledgments::of_patient(conn, patient).await?,
            declines: acknowledgments::declines_of(conn, &ids).await?,
            steps: schedule::steps_of(conn, &ids).await?,
            tasks: call_tasks::of_recipients(conn, &ids).await?,
            shares: shares::by_patient(conn, patient, None, 1_000).await?,
            attempts: deliveries::attempts_of(conn, &sent).await?,
            replies: replies::of_recipients(conn, &ids).await?,
            holds: acknowledgments::holds_of(conn, &[patient.uuid()]).await?,
            mis_sends: mis_sends::of_recipients(conn, &ids).await?,
            restrictions: restrictions_of(conn, &[patient]).await?,
            cases: break_glass::list(conn, fixture.clinic, None, None, 1_000).await?,
            people: people_by_ids(conn, &people).await?,
            endpoints: endpoints_by_ids(conn, &endpoints).await?,
            clinic: enabled_memberships_in(conn, fixture.clinic).await?,
            coverages,
            deliveries,
            loops,
        })
    }

    /// A loop.
    pub(super) fn find(&self, id: RecipientId) -> Option<&RecipientRow> {
        self.loops.iter().find(|row| row.id == id)
    }
}

/// Every organization of the world.
pub(super) fn organizations(fixture: &Fixture) -> [OrganizationId; 5] {
    let Fixture {
        clinic,
        oncology,
        palliative_service,
        outside,
        other_clinic,
        ..
    } = fixture;
    [*clinic, *oncology, *palliative_service, *outside, *other_clinic]
}

/// Everybody of the world.
pub(super) fn everybody(fixture: &Fixture) -> Vec<&liaison_domain::Actor> {
    let f = fixture;
    vec![
        &f.physician,
        &f.oncologist,
        &f.second_oncologist,
        &f.palliative,
        &f.oncology_lead,
        &f.palliative_lead,
        &f.coordinator,
        &f.admin,
        &f.outsider,
        &f.auditor,
        &f.outside_admin,
        &f.other_physician,
        &f.other_admin,
    ]
}
