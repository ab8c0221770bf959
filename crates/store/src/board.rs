//! The sender's board: a clinic's loops, those that wait for somebody first. Two lists, each paged by keyset.

use chrono::{DateTime, Utc};
use liaison_domain::{OrganizationId, PatientId, RecipientId, Urgency, UserId};

use crate::{args, conn::Conn, error::Result, recipients::RecipientRow, sql::sql};

sql! {
    WAITING = "select * from recipient where id in (
            select id from recipient where organization_id = $1 and is_open = $2
            union all select id from recipient where organization_id = $1 and reply_due = $3)
        and (due_at < $4 or $4 is null) and (urgency = $5 or $5 is null) and (shared_by = $6 or $6 is null)
        and (to_organization_id = $7 or $7 is null)
        and (coalesce(due_at, shared_at) > $8 or (coalesce(due_at, shared_at) = $8 and id > $9) or $8 is null)
        order by coalesce(due_at, shared_at), id limit $10";
    // A patient's loops are few among the clinic's: the patient's index leads. The clinic is asked for in a way that no
    // index serves.
    WAITING_OF_PATIENT = "select * from recipient where patient_id = $11 and (organization_id = $1 or $1 is null)
        and (is_open = $2 or reply_due = $3)
        and (due_at < $4 or $4 is null) and (urgency = $5 or $5 is null) and (shared_by = $6 or $6 is null)
        and (to_organization_id = $7 or $7 is null)
        and (coalesce(due_at, shared_at) > $8 or (coalesce(due_at, shared_at) = $8 and id > $9) or $8 is null)
        order by coalesce(due_at, shared_at), id limit $10";
    DONE = "select * from recipient where organization_id = $1 and is_open = $2 and reply_due = $3
        and (urgency = $4 or $4 is null) and (shared_by = $5 or $5 is null)
        and (to_organization_id = $6 or $6 is null)
        and (shared_at < $7 or (shared_at = $7 and id < $8) or $7 is null)
        order by shared_at desc, id desc limit $9";
    DONE_OF_PATIENT = "select * from recipient where patient_id = $10 and (organization_id = $1 or $1 is null)
        and is_open = $2 and reply_due = $3
        and (urgency = $4 or $4 is null) and (shared_by = $5 or $5 is null)
        and (to_organization_id = $6 or $6 is null)
        and (shared_at < $7 or (shared_at = $7 and id < $8) or $7 is null)
        order by shared_at desc, id desc limit $9";
}

/// Which loops of a clinic are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct BoardFilter {
    /// At this urgency.
    pub urgency: Option<Urgency>,
    /// Shared by this person.
    pub shared_by: Option<UserId>,
    /// Addressed to this organization.
    pub to_organization_id: Option<OrganizationId>,
    /// About this patient.
    pub patient_id: Option<PatientId>,
}

/// Loops that wait: for an acknowledgment, or for the clinic's reply. Those longest past their due time first. With
/// `overdue_at`, only those that still lack an acknowledgment that was due before then.
pub async fn waiting(
    conn: &mut Conn,
    organization: OrganizationId,
    filter: &BoardFilter,
    overdue_at: Option<DateTime<Utc>>,
    after: Option<(DateTime<Utc>, RecipientId)>,
    limit: u32,
) -> Result<Vec<RecipientRow>> {
    let (at, id) = after.unzip();
    let mut args = args![
        organization,
        true,
        overdue_at.is_none().then_some(true),
        overdue_at,
        filter.urgency,
        filter.shared_by,
        filter.to_organization_id,
        at,
        id,
        limit,
    ];
    match filter.patient_id {
        Some(patient) => {
            args.extend(args![patient]);
            conn.all(WAITING_OF_PATIENT, args).await
        }
        None => conn.all(WAITING, args).await,
    }
}

/// Loops that wait for nobody any more, and copies; the newest share first.
pub async fn done(
    conn: &mut Conn,
    organization: OrganizationId,
    filter: &BoardFilter,
    after: Option<(DateTime<Utc>, RecipientId)>,
    limit: u32,
) -> Result<Vec<RecipientRow>> {
    let (at, id) = after.unzip();
    let mut args = args![
        organization,
        false,
        false,
        filter.urgency,
        filter.shared_by,
        filter.to_organization_id,
        at,
        id,
        limit,
    ];
    match filter.patient_id {
        Some(patient) => {
            args.extend(args![patient]);
            conn.all(DONE_OF_PATIENT, args).await
        }
        None => conn.all(DONE, args).await,
    }
}
