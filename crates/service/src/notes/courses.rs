//! Keeps the patient's courses in step with what signed consultations decide.

use liaison_clinical::NoteContent;
use liaison_domain::{Actor, CourseId, PatientId, access::Action};
use liaison_store::{
    Tx,
    notes::{self as rows, CourseRow, NewCourse, VersionRow},
};

use super::history::is_eligible;
use crate::{Result, Service};

impl Service {
    /// Begins, changes or ends the course of a consultation note whose version was just signed. A new course ends the
    /// patient's earlier ones. Whether one began.
    pub(super) async fn follow_decision(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        version: &VersionRow,
        content: &NoteContent,
    ) -> Result<bool> {
        let NoteContent::ConsultationNote(note) = content else {
            return Ok(false);
        };
        let known = rows::course_of_note(tx, version.note_id).await?;
        let planned_infusions = note.plan.as_ref().and_then(|plan| plan.initial_infusions);
        let (course, action) = match (known, is_eligible(note)) {
            (None, true) => {
                rows::end_courses(tx, version.patient_id, None, version.signed_at).await?;
                let new = NewCourse {
                    id: self.id::<CourseId>(),
                    patient_id: version.patient_id,
                    consultation_note_id: version.note_id,
                    planned_infusions,
                    started_at: version.signed_at,
                };
                rows::start_course(tx, new, self.now()).await?;
                (new.id, "course.start")
            }
            (Some(course), true) => {
                if course.ended_at.is_none() && course.planned_infusions == planned_infusions.map(i64::from) {
                    return Ok(false);
                }
                rows::change_course(tx, course.id, planned_infusions).await?;
                (course.id, "course.change")
            }
            (Some(course), false) => {
                rows::end_courses(tx, version.patient_id, Some(version.note_id), version.signed_at).await?;
                (course.id, "course.end")
            }
            (None, false) => return Ok(false),
        };
        let mut entry = self.entry(actor, action);
        entry.patient_id = Some(version.patient_id);
        entry.note_id = Some(version.note_id);
        entry.object_id = Some(course.to_string());
        tx.record(entry);
        Ok(action == "course.start")
    }

    /// A patient's courses, newest first.
    ///
    /// # Errors
    /// `NotFound` for the patient.
    pub async fn courses(&self, actor: &Actor, patient: PatientId) -> Result<Vec<CourseRow>> {
        self.own_record(actor, Action::ReadPatient, patient).await?;
        let mut conn = self.read().await?;
        Ok(rows::courses_of(&mut conn, patient).await?)
    }
}
