//! The trend over a patient's infusions against the frozen baseline.

use liaison_clinical::{
    InfusionSummary, Trend, TrendInput,
    compute::{haemodynamics, mme},
    content::infusion::StopReason,
    trend,
};
use liaison_domain::{Actor, NoteId, NoteVersionId, PatientId, Phi, access::Action};
use liaison_store::Conn;

use crate::{Result, Service, audit::mark_break_glass};

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
    /// What a plot must show beside the figures, one for each row of the trend, in its order.
    pub marks: Phi<Vec<InfusionMark>>,
}

/// What a plot says of an infusion beside its figures (content specification 9.1).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InfusionMark {
    /// Whether any drug was given; `false` only where the summary says that the infusion was cancelled.
    pub given: bool,
    /// Why it ended, where it was not completed as planned.
    pub stopped: Option<StopReason>,
    /// Mean pressure before the start, mmHg.
    pub map_baseline: Option<i32>,
    /// Whether an opioid without a factor is left out, so that the sum is "at least".
    pub mme_at_least: bool,
    /// Whether the sum was computed by the CDC 2022 table; otherwise it was entered.
    pub mme_computed: bool,
    /// The CTCAE versions of the graded events, such as `5.0`: grades of different versions are not comparable.
    pub ctcae_versions: Vec<String>,
}

impl InfusionMark {
    fn of(summary: &InfusionSummary) -> Self {
        let infusion = summary.infusion.as_ref();
        let unfinished = infusion.is_some_and(|infusion| infusion.completed == Some(false));
        let nothing = infusion.is_some_and(|infusion| {
            infusion.start.is_none()
                && infusion
                    .total_mg
                    .is_none_or(|total| total == liaison_clinical::Decimal::ZERO)
        });
        let mut versions: Vec<String> = summary
            .adverse_events
            .iter()
            .filter_map(|event| event.ctcae_version.clone())
            .collect();
        versions.sort_unstable();
        versions.dedup();
        Self {
            given: !(unfinished && nothing),
            stopped: infusion
                .filter(|_| unfinished)
                .map(|infusion| infusion.stop_reason.unwrap_or(StopReason::Other)),
            map_baseline: haemodynamics::summarize(&summary.monitoring).map_baseline.or(summary
                .haemodynamics
                .as_ref()
                .and_then(|recorded| recorded.map_baseline)),
            mme_at_least: !summary.opioids_current.is_empty() && mme::total(&summary.opioids_current).at_least,
            mme_computed: !summary.opioids_current.is_empty(),
            ctcae_versions: versions,
        }
    }
}

impl Service {
    /// The trend over the patient's signed infusion summaries since the consultation that planned the present course:
    /// the newest version of each, withdrawn ones left out. With a ledger entry.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub async fn patient_trend(&self, actor: &Actor, patient: PatientId) -> Result<PatientTrend> {
        let (_, case) = self.own_record(actor, Action::ReadPatient, patient).await?;
        let mut conn = self.read().await?;
        let trend = self.trend_of(&mut conn, patient, None).await?;
        drop(conn);
        let mut entry = self.entry(actor, "patient.trend");
        entry.patient_id = Some(patient);
        mark_break_glass(&mut entry, case);
        self.record_readings(vec![entry]).await?;
        Ok(trend)
    }

    /// As [`Service::patient_trend`], with the infusions of `only` these notes where some are named. Decides nothing and
    /// records nothing: the caller has authorized the reader and writes the ledger entry before the answer leaves.
    pub(crate) async fn trend_of(
        &self,
        conn: &mut Conn,
        patient: PatientId,
        only: Option<&[NoteId]>,
    ) -> Result<PatientTrend> {
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
            .filter(|(row, _)| only.is_none_or(|only| only.contains(&row.note_id)))
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
            marks: Phi::new(infusions.iter().map(|summary| InfusionMark::of(summary)).collect()),
        })
    }
}
