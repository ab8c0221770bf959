//! The accounting of disclosures of a patient (45 CFR 164.528): what content left the clinic, when, to whom, why.
//!
//! A disclosure is a version of a note that a person outside the clinic received; that a notice was sent is none,
//! because a notice holds no content. Disclosures for treatment need no accounting (164.528(a)(1)(i)) and are shown for
//! completeness; those of mis-send cases are reportable. Repeated openings by one person in one loop are one line with
//! the first, the last and their number (164.528(b)(3)).

use chrono::{DateTime, Months, Utc};
use liaison_domain::{
    Actor, EntryId, MisSendId, NoteKind, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, UserId,
    access::{Action, Relation},
};
use liaison_store::ledger::{self as rows, DisclosureFilter, DisclosureRow};

use super::page;
use crate::{FieldProblem, Result, Service, ServiceError};

/// How far back an accounting reaches when nothing is said: six years (164.528(a)(1)).
const YEARS: u32 = 6;

/// What to account for.
#[derive(Debug, Clone)]
pub struct ReadDisclosures {
    /// Of this patient.
    pub patient_id: PatientId,
    /// From; six years before `until` when nothing is said.
    pub from: Option<DateTime<Utc>>,
    /// Until; now when nothing is said.
    pub until: Option<DateTime<Utc>>,
    /// Only those that an accounting must list.
    pub reportable_only: bool,
    /// How many at most, 1 to 200; 50 when nothing is said.
    pub first: Option<u32>,
    /// After this cursor.
    pub after: Option<String>,
}

/// On what ground content was disclosed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DisclosureBasis {
    /// For treatment: exempt from the accounting.
    Treatment,
    /// To a wrong recipient: must be accounted for.
    MisSend,
}

impl DisclosureBasis {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Treatment => "TREATMENT",
            Self::MisSend => "MIS_SEND",
        }
    }
}

/// One disclosure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disclosure {
    /// The ledger entry of the first opening: its receipt proves the disclosure.
    pub entry_id: EntryId,
    /// When it was first made.
    pub at: DateTime<Utc>,
    /// When it was last made.
    pub last_at: DateTime<Utc>,
    /// How often.
    pub times: u64,
    /// The loop.
    pub recipient_id: RecipientId,
    /// Who received it; `None` for a person without an account.
    pub user_id: Option<UserId>,
    /// That person's name.
    pub user_name: Option<String>,
    /// The organization that received it.
    pub organization_id: OrganizationId,
    /// Its name.
    pub organization_name: String,
    /// The version.
    pub note_version_id: NoteVersionId,
    /// What kind of note.
    pub note_kind: NoteKind,
    /// Which version of it, from 1.
    pub version: u32,
    /// For which purpose of use.
    pub purpose: PurposeOfUse,
    /// On what ground.
    pub basis: DisclosureBasis,
    /// Whether an accounting must list it.
    pub reportable: bool,
    /// The mis-send case.
    pub mis_send_id: Option<MisSendId>,
    /// Where a page that ends here goes on.
    pub cursor: String,
}

/// One page, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DisclosurePage {
    /// The disclosures.
    pub disclosures: Vec<Disclosure>,
    /// Whether older ones follow.
    pub has_next: bool,
    /// The time the accounting covers.
    pub from: DateTime<Utc>,
    /// Its end.
    pub until: DateTime<Utc>,
}

impl Service {
    /// The accounting of a patient's disclosures, for admins and auditors of the patient's clinic. Recorded as
    /// `disclosures.read`.
    pub async fn read_disclosures(&self, actor: &Actor, input: ReadDisclosures) -> Result<DisclosurePage> {
        let owner = {
            let mut conn = self.read().await?;
            rows::patient_organization(&mut conn, input.patient_id).await?
        };
        let own = match self.audit_scope(actor)? {
            Some(organization) => owner == Some(organization),
            None => owner.is_some(),
        };
        let relation = if own { Relation::Own } else { Relation::None };
        match self.authorize(actor, Action::ReadAudit, relation).await {
            Ok(()) if own => {}
            Ok(()) | Err(ServiceError::NotFound(_)) => return Err(ServiceError::NotFound("patient")),
            Err(other) => return Err(other),
        }
        let mut problems = Vec::new();
        let (first, after) = page::read(input.first, input.after.as_deref(), &mut problems);
        // The entry of this very moment is in the past of no half-open interval that ends now.
        let until = input
            .until
            .unwrap_or_else(|| self.now() + chrono::TimeDelta::microseconds(1));
        let six_years = until
            .checked_sub_months(Months::new(12 * YEARS))
            .unwrap_or(DateTime::UNIX_EPOCH);
        let from = input.from.unwrap_or(six_years);
        if from >= until {
            problems.push(FieldProblem::new("until", "OUT_OF_RANGE", "must be after from"));
        }
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let filter = DisclosureFilter {
            patient_id: input.patient_id,
            from,
            until,
            reportable_only: input.reportable_only,
            after,
        };
        let mut found = {
            let mut conn = self.read().await?;
            rows::disclosures(&mut conn, &filter, first + 1).await?
        };
        let has_next = found.len() > first as usize;
        found.truncate(first as usize);

        let mut entry = self.entry(actor, "disclosures.read");
        entry.purpose = PurposeOfUse::Operations;
        entry.organization_id = owner;
        entry.patient_id = Some(input.patient_id);
        entry.detail.insert("found", found.len().to_string());
        entry
            .detail
            .insert("reportable_only", input.reportable_only.to_string());
        self.record_readings(vec![entry]).await?;
        Ok(DisclosurePage {
            disclosures: found.into_iter().map(Disclosure::from).collect(),
            has_next,
            from,
            until,
        })
    }
}

impl From<DisclosureRow> for Disclosure {
    fn from(row: DisclosureRow) -> Self {
        let basis = if row.mis_send_id.is_some() {
            DisclosureBasis::MisSend
        } else {
            DisclosureBasis::Treatment
        };
        Self {
            entry_id: row.entry_id,
            at: row.first_at,
            last_at: row.last_at,
            times: row.times.unsigned_abs(),
            recipient_id: row.recipient_id,
            user_id: row.user_id,
            user_name: row.user_name,
            organization_id: row.to_organization_id,
            organization_name: row.to_organization_name,
            note_version_id: row.note_version_id,
            note_kind: row.note_kind,
            version: row.version,
            purpose: row.purpose,
            basis,
            reportable: basis == DisclosureBasis::MisSend,
            mis_send_id: row.mis_send_id,
            cursor: page::cursor(row.first_at, row.entry_id),
        }
    }
}
