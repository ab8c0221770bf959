//! Rows of courses: the series of infusions that a consultation planned.

use chrono::{DateTime, Utc};
use liaison_domain::{CourseId, NoteId, PatientId};

use crate::{args, conn::Conn, error::Result, row::row, sql::sql, tx::Tx};

row! {
    /// A series of infusions.
    pub struct CourseRow {
        /// Its id.
        id: CourseId,
        /// The patient.
        patient_id: PatientId,
        /// The consultation note that planned it.
        consultation_note_id: NoteId,
        /// How many infusions were planned.
        planned_infusions: Option<i64>,
        /// When the consultation was signed.
        started_at: DateTime<Utc>,
        /// When it ended: another course began, or the consultation no longer stands.
        ended_at: Option<DateTime<Utc>>,
    }
}

/// A course that begins.
#[derive(Debug, Clone, Copy)]
pub struct NewCourse {
    /// Its id.
    pub id: CourseId,
    /// The patient.
    pub patient_id: PatientId,
    /// The consultation note that planned it.
    pub consultation_note_id: NoteId,
    /// How many infusions are planned.
    pub planned_infusions: Option<i32>,
    /// When the consultation was signed.
    pub started_at: DateTime<Utc>,
}

sql! {
    START = "insert into course (id, patient_id, consultation_note_id, planned_infusions, started_at, created_at)
        values ($1, $2, $3, $4, $5, $6)";
    CHANGE = "update course set planned_infusions = $2, ended_at = null where id = $1";
    END_OF_PATIENT = "update course set ended_at = $2
        where patient_id = $1 and ended_at is null and (consultation_note_id = $3 or $3 is null)";
    OF_NOTE = "select id, patient_id, consultation_note_id, planned_infusions, started_at, ended_at from course
        where consultation_note_id = $1 order by started_at desc, id desc limit 1";
    OF_PATIENT = "select id, patient_id, consultation_note_id, planned_infusions, started_at, ended_at from course
        where patient_id = $1 order by started_at desc, id desc limit 100";
}

/// Begins a course.
pub async fn start_course(tx: &mut Tx, new: NewCourse, now: DateTime<Utc>) -> Result<()> {
    let row = args![
        new.id,
        new.patient_id,
        new.consultation_note_id,
        new.planned_infusions,
        new.started_at,
        now
    ];
    tx.change_one(START, row).await
}

/// Changes what a course plans, and opens it again where it had ended.
pub async fn change_course(tx: &mut Tx, id: CourseId, planned_infusions: Option<i32>) -> Result<()> {
    tx.change_one(CHANGE, args![id, planned_infusions]).await
}

/// Ends the open courses of a patient: all, or the one of a consultation note. How many ended.
pub async fn end_courses(tx: &mut Tx, patient: PatientId, note: Option<NoteId>, at: DateTime<Utc>) -> Result<u64> {
    tx.execute(END_OF_PATIENT, args![patient, at, note]).await
}

/// The course that a consultation note began.
pub async fn course_of_note(conn: &mut Conn, note: NoteId) -> Result<Option<CourseRow>> {
    conn.one(OF_NOTE, args![note]).await
}

/// A patient's courses, newest first; at most 100.
pub async fn courses_of(conn: &mut Conn, patient: PatientId) -> Result<Vec<CourseRow>> {
    conn.all(OF_PATIENT, args![patient]).await
}
