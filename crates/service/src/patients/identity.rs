//! Who a patient is: what is sealed, its checks and its blind indexes.

use std::str::FromStr;

use chrono::{DateTime, Days, NaiveDate, Utc};
use liaison_domain::{OrganizationId, PatientId, Phi};
use liaison_store::{
    PatientKey, Place,
    keys::BlindIndex,
    patients::{PatientIndexes, PatientRow},
};
use serde::{Deserialize, Serialize};

use super::checks::{Checks, MAX_NAME};
use crate::FieldProblem;

/// The longest medical record number, in characters.
pub(crate) const MAX_MRN: usize = 64;
/// The most numbers of other organizations that one patient may have.
const MAX_OTHER_MRNS: usize = 20;
/// Nobody is known to have lived longer, in days (about 130 years).
const OLDEST: u64 = 47_500;

/// Administrative gender, as FHIR R4 codes it (`http://hl7.org/fhir/administrative-gender`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AdministrativeGender {
    /// Male.
    Male,
    /// Female.
    Female,
    /// Neither of these.
    Other,
    /// Not known.
    Unknown,
}

impl AdministrativeGender {
    /// FHIR's code.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Male => "male",
            Self::Female => "female",
            Self::Other => "other",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for AdministrativeGender {
    type Err = FieldProblem;
    fn from_str(text: &str) -> Result<Self, FieldProblem> {
        [Self::Male, Self::Female, Self::Other, Self::Unknown]
            .into_iter()
            .find(|code| code.as_str() == text)
            .ok_or_else(|| {
                FieldProblem::new(
                    "administrativeGender",
                    "UNKNOWN_VALUE",
                    "allowed: male, female, other, unknown",
                )
            })
    }
}

/// The number by which another organization knows the patient.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OtherMrn {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its number: 1 to 64 characters.
    pub mrn: String,
}

/// Who a patient is. Sealed at rest; no `Debug`, because it is PHI.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatientIdentity {
    /// The clinic's medical record number: 1 to 64 characters, at least one letter or digit; letters' case, blanks and
    /// dashes do not tell two numbers apart.
    pub mrn: String,
    /// The name: 1 to 200 characters.
    pub name: String,
    /// The birth date.
    pub birth_date: NaiveDate,
    /// Administrative gender.
    pub administrative_gender: AdministrativeGender,
    /// The recipients' own numbers; at most 20, one for each organization.
    #[serde(default)]
    pub other_mrns: Vec<OtherMrn>,
}

/// A patient, opened for a reader whose reading is in the ledger.
#[derive(Debug, Clone)]
pub struct Patient {
    /// Its id.
    pub id: PatientId,
    /// The clinic that treats.
    pub organization_id: OrganizationId,
    /// Who it is.
    pub identity: Phi<PatientIdentity>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
    /// When it was last corrected.
    pub updated_at: DateTime<Utc>,
}

impl PatientIdentity {
    /// The identity with its texts trimmed; adds what is wrong with it. Organizations are looked up by the caller.
    pub(crate) fn checked(&self, today: NaiveDate, checks: &mut Checks) -> Self {
        let mrn = mrn(checks, "mrn", &self.mrn);
        let name = checks.line("name", &self.name, MAX_NAME);
        if !name.is_empty() && !name.chars().any(char::is_alphanumeric) {
            checks.problem("name", "NO_LETTER", "a name has letters");
        }
        let oldest = today.checked_sub_days(Days::new(OLDEST)).unwrap_or(NaiveDate::MIN);
        if self.birth_date > today || self.birth_date < oldest {
            checks.problem("birthDate", "OUT_OF_RANGE", format!("{oldest} to {today}"));
        }
        if self.other_mrns.len() > MAX_OTHER_MRNS {
            checks.problem("otherMrns", "TOO_MANY", format!("at most {MAX_OTHER_MRNS}"));
        }
        let mut other_mrns: Vec<OtherMrn> = Vec::new();
        for (index, other) in self.other_mrns.iter().take(MAX_OTHER_MRNS).enumerate() {
            let path = format!("otherMrns[{index}]");
            if other_mrns
                .iter()
                .any(|earlier| earlier.organization_id == other.organization_id)
            {
                checks.problem(
                    format!("{path}.organizationId"),
                    "DUPLICATE",
                    "one number for each organization",
                );
            }
            let number = self::mrn(checks, &format!("{path}.mrn"), &other.mrn);
            other_mrns.push(OtherMrn {
                organization_id: other.organization_id,
                mrn: number,
            });
        }
        Self {
            mrn,
            name,
            birth_date: self.birth_date,
            administrative_gender: self.administrative_gender,
            other_mrns,
        }
    }

    /// The blind indexes in a clinic.
    pub(crate) fn indexes(&self, index: &BlindIndex, organization: OrganizationId) -> PatientIndexes {
        let organization = organization.uuid();
        PatientIndexes {
            mrn: index.mrn(organization, &self.mrn),
            demographic: index.demographic(organization, &self.name, &self.birth_date.to_string()),
            name_prefixes: index.name_prefixes(organization, &self.name),
        }
    }
}

fn mrn(checks: &mut Checks, path: &str, given: &str) -> String {
    let number = checks.line(path, given, MAX_MRN);
    if !number.is_empty() && !number.chars().any(char::is_alphanumeric) {
        checks.problem(path, "NO_LETTER_OR_DIGIT", "a number has letters or digits");
    }
    number
}

/// Where an identity is sealed.
pub(crate) fn place(id: PatientId) -> Place {
    Place::new("patient", "identity_sealed", id.uuid())
}

/// Opens a row.
pub(crate) fn open(row: &PatientRow, key: &PatientKey) -> crate::Result<Patient> {
    let identity: PatientIdentity = key.open_json(place(row.id), &row.identity_sealed)?;
    Ok(Patient {
        id: row.id,
        organization_id: row.organization_id,
        identity: Phi::new(identity),
        created_at: row.created_at,
        updated_at: row.updated_at,
    })
}
