//! The trend over a patient's infusions against the frozen baseline.

use liaison_clinical::{InfusionSummary, Trend, TrendInput, trend};
use liaison_domain::{Actor, NoteVersionId, PatientId, Phi, access::Action};
use liaison_store::Conn;

use crate::{Result, Service};

/// The trend of the patient's present course.
#[derive(Debug, Clone)]
pub struct PatientTrend {
    /// The patient.
    pub patient_id: PatientId,
    /// The version of the consultation that froze the baseline; without one, all infusions are shown against none.
    pub consultation_version_id: Option<NoteVersionId>,
    /// The versions of the infusion summaries, one for each row of the trend, in its order.
    pub infusion_version_ids: Vec<NoteVersionId>,
    /// The trend.
    pub trend: Phi<Trend>,
}

impl Service {
    /// The trend over the patient's signed infusion summaries since the consultation that planned the present course:
    /// the newest version of each, withdrawn ones left out. With a ledger entry.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub async fn patient_trend(&self, actor: &Actor, patient: PatientId) -> Result<PatientTrend> {
        self.own_patient(actor, Action::ReadPatient, patient).await?;
        let mut tx = self.begin().await?;
        let trend = self.trend_of(&mut tx, patient).await?;
        let mut entry = self.entry(actor, "patient.trend");
        entry.patient_id = Some(patient);
        tx.record(entry);
        tx.commit().await?;
        Ok(trend)
    }

    /// As [`Service::patient_trend`]. Decides nothing and records nothing: the caller has authorized the reader and
    /// writes the ledger entry before the answer leaves.
    pub(crate) async fn trend_of(&self, conn: &mut Conn, patient: PatientId) -> Result<PatientTrend> {
        let history = self.history(conn, patient).await?;
        // A consultation after the last infusion (a follow-up) does not hide the course before it.
        let last_day = history
            .documents()
            .filter(|(_, content)| content.as_infusion().is_some())
            .filter_map(|(_, content)| content.date())
            .max();
        let consultation = history.consultation(last_day);
        let since = consultation.and_then(|(_, note)| note.consult_date);
        let (versions, infusions): (Vec<NoteVersionId>, Vec<&InfusionSummary>) = history
            .documents()
            .filter(|(_, content)| since.is_none_or(|since| content.date().is_some_and(|date| date >= since)))
            .filter_map(|(row, content)| Some((row.id, content.as_infusion()?)))
            .unzip();
        let input = TrendInput {
            consultation: consultation.map(|(_, note)| note),
            infusions: &infusions,
            as_of: Some(self.now().date_naive()),
            ..TrendInput::default()
        };
        Ok(PatientTrend {
            patient_id: patient,
            consultation_version_id: consultation.map(|(row, _)| row.id),
            infusion_version_ids: versions,
            trend: Phi::new(trend(input)),
        })
    }
}
