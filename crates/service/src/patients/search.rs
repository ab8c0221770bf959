//! Finds patients by number or by the beginnings of their names, through blind indexes.

use liaison_domain::{
    Actor, PatientId,
    access::{Action, Relation},
};
use liaison_store::patients as rows;

use super::{Checks, Patient, checks::MAX_NAME, identity::MAX_MRN};
use crate::{Result, Service};

/// The most patients on one page.
pub(super) const MAX_PAGE: u32 = 100;

/// What to look for: a number, or a name, or neither (every patient of the clinic).
#[derive(Clone)]
pub struct SearchPatients {
    /// The whole medical record number; case, blanks and dashes do not matter.
    pub mrn: Option<String>,
    /// Beginnings (2 letters or more) of names, parted by blanks; all of them must fit. At most 4.
    pub name: Option<String>,
    /// Go on after this patient.
    pub after: Option<PatientId>,
    /// 1 to 100.
    pub limit: u32,
}

/// A page of patients, in the order of registration.
#[derive(Debug, Clone)]
pub struct PatientPage {
    /// The patients.
    pub patients: Vec<Patient>,
    /// Whether more follow the last one.
    pub has_more: bool,
}

impl Service {
    /// Finds patients of the own clinic. The ledger says that somebody searched, by what and which patients were shown,
    /// never the text.
    ///
    /// # Errors
    /// `Invalid` when both number and name are given, when the name is too short, or the limit is out of range.
    pub async fn search_patients(&self, actor: &Actor, search: SearchPatients) -> Result<PatientPage> {
        self.authorize(actor, Action::SearchPatients, Relation::Own).await?;
        let organization = self.organization(actor)?;
        let index = self.store().keyring()?.index();
        let mut checks = Checks::default();
        let mrn = search.mrn.as_deref().map(|mrn| checks.line("mrn", mrn, MAX_MRN));
        let name = search.name.as_deref().map(|name| checks.line("name", name, MAX_NAME));
        if mrn.is_some() && name.is_some() {
            checks.problem("name", "EITHER_OR", "search by number or by name, not by both");
        }
        let tokens = name.as_deref().map(|name| index.search(organization.uuid(), name));
        match &tokens {
            Some(tokens) if tokens.is_empty() && checks.is_empty() => {
                checks.problem("name", "TOO_SHORT", "at least 2 letters of a name");
            }
            Some(tokens) if tokens.len() > rows::MAX_TOKENS => {
                checks.problem(
                    "name",
                    "TOO_MANY",
                    format!("at most {} parts of a name", rows::MAX_TOKENS),
                );
            }
            _ => {}
        }
        if !(1..=MAX_PAGE).contains(&search.limit) {
            checks.problem("limit", "OUT_OF_RANGE", format!("1 to {MAX_PAGE}"));
        }
        checks.finish()?;

        // One more than asked tells whether more follow.
        let limit = search.limit + 1;
        let mut conn = self.read().await?;
        let (by, mut found) = match (mrn, tokens) {
            (Some(mrn), _) => {
                let row = rows::by_mrn(&mut conn, organization, &index.mrn(organization.uuid(), &mrn)).await?;
                (
                    "mrn",
                    row.into_iter()
                        .filter(|row| search.after.is_none_or(|after| row.id > after))
                        .collect(),
                )
            }
            (None, Some(tokens)) => (
                "name",
                rows::by_tokens(&mut conn, organization, &tokens, search.after, limit).await?,
            ),
            (None, None) => ("all", rows::all(&mut conn, organization, search.after, limit).await?),
        };
        let has_more = found.len() > search.limit as usize;
        found.truncate(search.limit as usize);
        let patients = self.open_patients(&mut conn, &found).await?;
        drop(conn);
        let mut entry = self.entry(actor, "patient.search");
        entry.detail.insert("by", by.to_owned());
        entry.detail.insert("results", patients.len().to_string());
        let mut readings = vec![entry];
        readings.extend(
            patients
                .iter()
                .map(|patient| self.reading(actor, patient.id, "search", None)),
        );
        self.record_readings(readings).await?;
        Ok(PatientPage { patients, has_more })
    }
}
