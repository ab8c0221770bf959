//! What the retention job may remove, table by table: one bounded statement each, by a moment.
//!
//! Nothing else is removed for its age: notes that were signed, shares, loops, acknowledgments, evidence and the ledger
//! have no statement here. How long each is kept is the service's to say. What belongs to a patient on whom a legal hold
//! stands is passed by, by a condition in each statement: a batch takes up to its limit of the others.

use chrono::{DateTime, Utc};
use liaison_domain::{NoteId, OrganizationId, PatientId};

use crate::{
    args,
    error::Result,
    row::row,
    sql::{Sql, sql},
    tx::Tx,
};

/// What outlives its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expired {
    /// Steps of a sign-in that ran out.
    SignInSteps,
    /// Sessions, by the end of their longest life.
    Sessions,
    /// Single-use links to an account, by their end.
    AccountLinks,
    /// Counts of failed sign-ins of network addresses and of accounts that there are not, by the last failure and the end
    /// of the wait. The counts of people stay until they sign in: a hundred failures in a row are a hundred, however slow.
    Throttles,
    /// Codes of secure links that nobody came in by, by their end.
    LinkCodes,
    /// Answers kept for idempotency keys, by when they were given.
    Answers,
    /// Notices, by when the person saw them; unseen ones stay.
    ReadNotices,
    /// What a next hop answered to tries of deliveries that are over, by the end of the try. The try itself stays.
    AttemptReplies,
    /// Amendments under way that a legal hold kept when their note was withdrawn, by the withdrawal. The note itself stays.
    KeptDrafts,
}

row! {
    /// A draft that was removed.
    pub struct RemovedDraft {
        /// The note, which was never signed.
        id: NoteId,
        /// Whose it was about.
        patient_id: PatientId,
        /// The clinic.
        organization_id: OrganizationId,
    }
}

// A condition stands within and without where somebody may change the row meanwhile: PostgreSQL looks again at the outer
// one alone after it waited for a row.
sql! {
    SIGN_IN_STEPS = "delete from sign_in_ceremony where secret_hash in (
        select secret_hash from sign_in_ceremony where expires_at < $1 limit $2)";
    SESSIONS = "delete from session where id in (select id from session where absolute_until < $1 limit $2)";
    ACCOUNT_LINKS = "delete from account_link where id in (
        select id from account_link where expires_at < $1 limit $2)";
    THROTTLES = "delete from sign_in_throttle where last_failed_at < $1
        and (blocked_until is null or blocked_until < $1) and subject in (
        select subject from sign_in_throttle where user_id is null and last_failed_at < $1
            and (blocked_until is null or blocked_until < $1) limit $2)";
    LINK_CODES = "delete from link_code where id in (
        select id from link_code where expires_at < $1
            and not exists (select 1 from guest where guest.code_id = link_code.id)
            and not exists (select 1 from recipient join legal_hold on legal_hold.patient_id = recipient.patient_id
                where recipient.id = link_code.recipient_id and legal_hold.lifted_at is null) limit $2)";
    ANSWERS = "delete from idempotency where (user_id, key) in (
        select user_id, key from idempotency where created_at < $1 limit $2)";
    READ_NOTICES = "delete from notice where id in (
        select id from notice where seen_at < $1 and not exists (select 1 from delivery
            where delivery.notice_id = notice.id and delivery.next_attempt_at is not null)
            and not exists (select 1 from legal_hold
                where legal_hold.patient_id = notice.patient_id and legal_hold.lifted_at is null)
            and not exists (select 1 from break_glass join legal_hold on legal_hold.patient_id = break_glass.patient_id
                where break_glass.id = notice.object_id and legal_hold.lifted_at is null) limit $2)";
    // A subquery for each try that is looked at, and no join: there is one way through the tries then, by their index.
    ATTEMPT_REPLIES = "update attempt set artefact = null where id in (
        select attempt.id from attempt where attempt.artefact is not null and attempt.ended_at < $1 and (
            select delivery.next_attempt_at is null
                and not exists (select 1 from recipient join legal_hold on legal_hold.patient_id = recipient.patient_id
                    where recipient.id = delivery.recipient_id and legal_hold.lifted_at is null)
                and not exists (select 1 from share join legal_hold on legal_hold.patient_id = share.patient_id
                    where share.id = delivery.share_id and legal_hold.lifted_at is null)
                and not exists (select 1 from notice join break_glass on break_glass.id = notice.object_id
                    join legal_hold on legal_hold.patient_id = break_glass.patient_id
                    where notice.id = delivery.notice_id and legal_hold.lifted_at is null)
            from delivery where delivery.id = attempt.delivery_id) limit $2)";
    KEPT_DRAFTS = "update note set draft_sealed = null where id in (
        select id from note where draft_sealed is not null and status = 'ENTERED_IN_ERROR' and updated_at < $1
            and not exists (select 1 from legal_hold
                where legal_hold.patient_id = note.patient_id and legal_hold.lifted_at is null) limit $2)";
    DRAFTS = "delete from note where version = 0 and updated_at < $1 and id in (
        select id from note where version = 0 and updated_at < $1 and not exists (select 1 from legal_hold
            where legal_hold.patient_id = note.patient_id and legal_hold.lifted_at is null) limit $2)
        returning id, patient_id, organization_id";
}

impl Expired {
    /// In the order in which the job goes through them.
    pub const ALL: [Self; 9] = [
        Self::SignInSteps,
        Self::Sessions,
        Self::AccountLinks,
        Self::Throttles,
        Self::LinkCodes,
        Self::Answers,
        Self::ReadNotices,
        Self::AttemptReplies,
        Self::KeptDrafts,
    ];

    /// The table whose rows, or fields, go.
    pub const fn table(self) -> &'static str {
        match self {
            Self::SignInSteps => "sign_in_ceremony",
            Self::Sessions => "session",
            Self::AccountLinks => "account_link",
            Self::Throttles => "sign_in_throttle",
            Self::LinkCodes => "link_code",
            Self::Answers => "idempotency",
            Self::ReadNotices => "notice",
            Self::AttemptReplies => "attempt",
            Self::KeptDrafts => "note",
        }
    }

    const fn sql(self) -> Sql {
        match self {
            Self::SignInSteps => SIGN_IN_STEPS,
            Self::Sessions => SESSIONS,
            Self::AccountLinks => ACCOUNT_LINKS,
            Self::Throttles => THROTTLES,
            Self::LinkCodes => LINK_CODES,
            Self::Answers => ANSWERS,
            Self::ReadNotices => READ_NOTICES,
            Self::AttemptReplies => ATTEMPT_REPLIES,
            Self::KeptDrafts => KEPT_DRAFTS,
        }
    }
}

/// Removes at most `limit` of what was over before a moment, nothing of a patient under a legal hold; how many. The
/// transaction stands still for holds ([`crate::legal_holds::stand_still`]).
pub async fn remove(tx: &mut Tx, what: Expired, before: DateTime<Utc>, limit: u32) -> Result<u64> {
    tx.execute(what.sql(), args![before, limit]).await
}

/// Removes at most `limit` notes that were never signed and that nobody changed since a moment, as [`remove`].
pub async fn remove_drafts(tx: &mut Tx, before: DateTime<Utc>, limit: u32) -> Result<Vec<RemovedDraft>> {
    tx.all(DRAFTS, args![before, limit]).await
}
