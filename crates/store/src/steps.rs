//! Escalation steps that were taken: what was done when nobody answered, and who was told.

use chrono::{DateTime, Utc};
use liaison_domain::{CallTaskId, EscalationStepId, RecipientId, escalation::StepKind};
use uuid::Uuid;

use crate::{
    args,
    conn::{Conn, Tx},
    error::Result,
    row::row,
    sql::sql,
};

row! {
    /// One step that was taken.
    pub struct StepRow {
        /// Its id.
        id: EscalationStepId,
        /// The loop.
        recipient_id: RecipientId,
        /// Its place in the loop's schedule; each is taken once.
        number: u32,
        /// What was done.
        kind: StepKind,
        /// When it was due.
        due_at: DateTime<Utc>,
        /// When it was taken.
        taken_at: DateTime<Utc>,
        /// Why: a code, such as `TIMER`.
        cause: String,
        /// Who was told: ids as text, without PHI.
        told: String,
        /// The call task it gave, for a call.
        call_task_id: Option<CallTaskId>,
    }
}

sql! {
    INSERT = "insert into escalation_step (id, recipient_id, number, kind, due_at, taken_at, cause, told, call_task_id)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    OF_RECIPIENTS = "select * from escalation_step where recipient_id in ({ids}) order by taken_at, number";
}

/// Adds a step; a unique violation when it was taken before.
pub async fn insert(tx: &mut Tx, row: &StepRow) -> Result<()> {
    tx.change_one(
        INSERT,
        args![
            row.id,
            row.recipient_id,
            row.number,
            row.kind,
            row.due_at,
            row.taken_at,
            row.cause.as_str(),
            row.told.as_str(),
            row.call_task_id,
        ],
    )
    .await
}

/// The steps taken in loops, in the order in which they were taken.
pub async fn of_recipients(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<StepRow>> {
    conn.all_in(OF_RECIPIENTS, args![], recipients).await
}
