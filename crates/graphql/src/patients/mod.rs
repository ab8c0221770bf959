//! Patients of the clinic in the schema: who they are, who looks after them, what the clinic agreed not to share.

mod care_team;
mod legal_hold;
mod mutations;
mod restriction;

use async_graphql::{Context, Enum, ID, InputObject, Object, Result};
use chrono::{DateTime, NaiveDate, Utc};
use liaison_domain::PatientId;
use liaison_service::patients as use_cases;

pub(crate) use care_team::CareTeamMutation;
pub(crate) use legal_hold::{LegalHoldMutation, LegalHoldQuery};
pub(crate) use mutations::PatientMutation;
pub(crate) use restriction::RestrictionMutation;

use crate::directory::organization::Organization;
use crate::fail::{OrRefuse as _, present};
use crate::ids::{Ids, parse, shown};
use crate::notes::course::Course;
use crate::notes::timeline::{Timeline, Trend};
use crate::notes::{NoteConnection, list_notes};
use crate::page::{self, connection};
use crate::session::asking;
use care_team::CareTeamEntry;
use restriction::Restriction;

/// Administrative gender (FHIR R4 `administrative-gender`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::patients::AdministrativeGender")]
pub(crate) enum AdministrativeGender {
    /// Male.
    Male,
    /// Female.
    Female,
    /// Neither of these.
    Other,
    /// Not known.
    Unknown,
}

/// The number by which another organization knows a patient.
pub(crate) struct OtherMrn(use_cases::OtherMrn);

/// The number by which another organization knows a patient.
#[Object]
impl OtherMrn {
    /// The organization.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// Its number.
    async fn mrn(&self) -> &str {
        &self.0.mrn
    }
}

/// A patient, opened by a use case that recorded the reading.
pub(crate) struct Patient(pub(crate) use_cases::Patient);

connection! {
    /// A page of patients.
    PatientConnection,
    /// A patient in a page.
    PatientEdge of Patient
}

/// A patient of the clinic. Reading who it is writes a ledger entry.
#[Object]
impl Patient {
    /// Its id (`patient_...`).
    pub(crate) async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// The clinic that treats.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Organization> {
        let found = asking(ctx)?
            .load
            .load_one(self.0.organization_id)
            .await
            .or_refuse(ctx)?;
        present(ctx, found, "organization").map(Organization)
    }

    /// The clinic's medical record number.
    async fn mrn(&self) -> &str {
        &self.0.identity.reveal().mrn
    }

    /// The name.
    async fn name(&self) -> &str {
        &self.0.identity.reveal().name
    }

    /// The birth date.
    async fn birth_date(&self) -> NaiveDate {
        self.0.identity.reveal().birth_date
    }

    /// Administrative gender.
    async fn administrative_gender(&self) -> AdministrativeGender {
        self.0.identity.reveal().administrative_gender.into()
    }

    /// The recipients' own numbers for this patient.
    async fn other_mrns(&self) -> Vec<OtherMrn> {
        self.0
            .identity
            .reveal()
            .other_mrns
            .iter()
            .cloned()
            .map(OtherMrn)
            .collect()
    }

    /// Who looks after the patient at a time.
    #[graphql(complexity = "10 + 2 * child_complexity")]
    async fn care_team(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The time; now when nothing is said.")] at: Option<DateTime<Utc>>,
    ) -> Result<Vec<CareTeamEntry>> {
        let asking = asking(ctx)?;
        let at = at.unwrap_or_else(|| asking.service.now());
        let found = asking
            .service
            .care_team(&asking.actor, self.0.id, at)
            .await
            .or_refuse(ctx)?;
        Ok(found.into_iter().map(CareTeamEntry).collect())
    }

    /// What the clinic agreed with the patient not to share (45 CFR 164.522(a)), ended ones too. Writes a ledger entry.
    #[graphql(complexity = "10 + 2 * child_complexity")]
    async fn restrictions(&self, ctx: &Context<'_>) -> Result<Vec<Restriction>> {
        let asking = asking(ctx)?;
        let found = asking
            .service
            .restrictions(&asking.actor, self.0.id)
            .await
            .or_refuse(ctx)?;
        Ok(found.into_iter().map(Restriction).collect())
    }

    /// Since when a legal hold stands: nothing of the patient is removed until an admin lifts it. Null when none stands.
    #[graphql(complexity = "10")]
    async fn legal_hold_since(&self, ctx: &Context<'_>) -> Result<Option<DateTime<Utc>>> {
        let asking = asking(ctx)?;
        asking
            .service
            .legal_hold_since(&asking.actor, self.0.id)
            .await
            .or_refuse(ctx)
    }

    /// The courses of infusions, newest first.
    #[graphql(complexity = "10 + 2 * child_complexity")]
    async fn courses(&self, ctx: &Context<'_>) -> Result<Vec<Course>> {
        let asking = asking(ctx)?;
        let found = asking.service.courses(&asking.actor, self.0.id).await.or_refuse(ctx)?;
        Ok(found.into_iter().map(Course).collect())
    }

    /// The patient's notes, the newest begun first.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn notes(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<NoteConnection> {
        list_notes(ctx, Some(self.0.id), false, first, after).await
    }

    /// Signed versions and open drafts in one order of time, newest first. Writes a ledger entry.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn timeline(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<Timeline> {
        Timeline::load(ctx, self.0.id, first, after).await
    }

    /// Pain, doses, opioids and side effects over the infusions of the present course. Writes a ledger entry.
    #[graphql(complexity = "20 + 2 * child_complexity")]
    async fn trend(&self, ctx: &Context<'_>) -> Result<Trend> {
        let asking = asking(ctx)?;
        Ok(Trend(
            asking
                .service
                .patient_trend(&asking.actor, self.0.id)
                .await
                .or_refuse(ctx)?,
        ))
    }

    /// When it was registered.
    async fn created_at(&self) -> DateTime<Utc> {
        self.0.created_at
    }

    /// When its identity was last corrected.
    async fn updated_at(&self) -> DateTime<Utc> {
        self.0.updated_at
    }
}

/// The number by which another organization knows a patient.
#[derive(InputObject)]
pub(crate) struct OtherMrnInput {
    /// The organization (`org_...`).
    organization_id: ID,
    /// Its number: 1 to 64 characters.
    mrn: String,
}

/// Who a patient is.
#[derive(InputObject)]
pub(crate) struct PatientIdentityInput {
    /// The clinic's medical record number: 1 to 64 characters. Letters' case, blanks and dashes do not tell two apart.
    mrn: String,
    /// The name: 1 to 200 characters.
    name: String,
    /// The birth date.
    birth_date: NaiveDate,
    /// Administrative gender.
    administrative_gender: AdministrativeGender,
    /// The recipients' own numbers: at most 20, one for each organization.
    #[graphql(default)]
    other_mrns: Vec<OtherMrnInput>,
}

impl PatientIdentityInput {
    fn read(self, ids: &mut Ids) -> use_cases::PatientIdentity {
        let other = |(index, other): (usize, OtherMrnInput)| use_cases::OtherMrn {
            organization_id: ids.one(format!("otherMrns[{index}].organizationId"), &other.organization_id),
            mrn: other.mrn,
        };
        use_cases::PatientIdentity {
            mrn: self.mrn,
            name: self.name,
            birth_date: self.birth_date,
            administrative_gender: self.administrative_gender.into(),
            other_mrns: self.other_mrns.into_iter().enumerate().map(other).collect(),
        }
    }
}

/// What to look for: a number, or a name, or neither for every patient of the clinic.
#[derive(InputObject, Default)]
pub(crate) struct PatientSearch {
    /// The whole medical record number; case, blanks and dashes do not matter.
    mrn: Option<String>,
    /// Beginnings (2 letters or more) of names, parted by blanks; all of them must fit. At most 4.
    name: Option<String>,
}

/// The patient of an id, for those who may read it.
pub(crate) async fn by_id(ctx: &Context<'_>, id: &ID) -> Result<Patient> {
    let asking = asking(ctx)?;
    let id: PatientId = parse("id", id).or_refuse(ctx)?;
    Ok(Patient(asking.service.patient(&asking.actor, id).await.or_refuse(ctx)?))
}

/// Looking patients up.
#[derive(Default)]
pub(crate) struct PatientQuery;

#[Object]
impl PatientQuery {
    /// One patient of the own clinic. Writes a ledger entry.
    #[graphql(complexity = "5 + child_complexity")]
    async fn patient(&self, ctx: &Context<'_>, #[graphql(desc = "Its id (`patient_...`).")] id: ID) -> Result<Patient> {
        by_id(ctx, &id).await
    }

    /// Finds patients of the own clinic, in the order of registration. Writes a ledger entry for the search, without
    /// its text, and for each patient shown.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn patients(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "What to look for; every patient when nothing is said.")] search: Option<PatientSearch>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<PatientConnection> {
        const LIST: &str = "patients";
        let asking = asking(ctx)?;
        let search = search.unwrap_or_default();
        let input = use_cases::SearchPatients {
            mrn: search.mrn,
            name: search.name,
            after: page::after(ctx, LIST, after.as_deref())?,
            limit: page::first(ctx, first)?,
        };
        let found = asking
            .service
            .search_patients(&asking.actor, input)
            .await
            .or_refuse(ctx)?;
        let items = found
            .patients
            .into_iter()
            .map(|patient| (page::cursor(LIST, &patient.id), Patient(patient)));
        Ok(PatientConnection::of(items, found.has_more, after.is_some()))
    }
}
