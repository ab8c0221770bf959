//! Writes a planned journey in one transaction.

use liaison_domain::{Actor, CareTeamEntryId, NoteStatus};
use liaison_store::{
    notes::{self as note_rows, NewNote},
    patients::{self as rows, NewCareTeamEntry},
};

use super::plan::Plan;
use crate::{
    Result, Service, ServiceError,
    notes::{
        content::Change,
        freeze::{Freeze, hex},
    },
    patients::{identity_place, patient_event},
};

/// The reason of an amendment that came by a file, which gives none.
const IMPORTED: &str = "Imported as a later version of the document.";

impl Service {
    /// Writes everything or nothing; how many courses began.
    pub(super) async fn apply_journey(&self, actor: &Actor, plan: &Plan) -> Result<usize> {
        let (now, random) = (self.now(), self.store().random());
        let (patient, organization) = (plan.patient_id, plan.organization_id);
        let keyring = self.store().keyring()?;
        let indexes = plan.identity.indexes(keyring.index(), organization);
        let mut tx = self.begin().await?;
        rows::insert(&mut tx, patient, organization, &indexes, now)
            .await
            .map_err(duplicate)?;
        let key = keyring.create_patient_key(&mut tx, patient, now).await?;
        let sealed = key.seal_json(identity_place(patient), &plan.identity, &*random)?;
        rows::seal_identity(&mut tx, patient, sealed).await?;
        let about = |action| {
            let mut entry = self.entry(actor, action);
            entry.organization_id = Some(organization);
            entry.patient_id = Some(patient);
            entry.detail.insert("by", "import".to_owned());
            entry
        };
        tx.record(about("patient.register"));
        // The care team held when the first document was signed, not only from the import on.
        let from_at = plan
            .versions
            .iter()
            .map(|version| version.signed_at)
            .min()
            .unwrap_or(now)
            .min(now);
        for &(team, care_role) in &plan.care_team {
            let id = self.id::<CareTeamEntryId>();
            let new = NewCareTeamEntry {
                id,
                patient_id: patient,
                team_id: Some(team),
                user_id: None,
                care_role,
                from_at,
                until_at: None,
                created_by: actor.user_id,
            };
            rows::add_care_team_entry(&mut tx, &new, now).await?;
            let mut entry = about("careteam.add");
            entry.object_id = Some(id.to_string());
            entry.detail.insert("who", team.to_string());
            tx.record(entry);
        }
        for note in &plan.notes {
            let status = if note.versions > 1 {
                NoteStatus::Amended
            } else {
                NoteStatus::Final
            };
            let new = NewNote {
                id: note.id,
                patient_id: patient,
                organization_id: organization,
                kind: note.kind,
                status,
                author_id: note.author_id,
                draft_sealed: None,
                version: note.versions,
                at: note.began_at,
            };
            note_rows::insert(&mut tx, new).await?;
        }
        let mut courses = 0;
        for (index, version) in plan.versions.iter().enumerate() {
            let before = plan.versions[..index]
                .iter()
                .rev()
                .find(|earlier| earlier.note_id == version.note_id);
            let change = before.map(|before| Change {
                reason: IMPORTED.to_owned(),
                fields: liaison_clinical::differences(&before.content, &version.content)
                    .into_iter()
                    .map(Into::into)
                    .collect(),
            });
            let freeze = Freeze {
                note_id: version.note_id,
                patient_id: patient,
                organization_id: organization,
                version: version.version,
                document_id: version.document_id.clone(),
                content: &version.content,
                confirmations: &version.confirmations,
                change: change.as_ref(),
                signed_by: version.signed_by,
                signed_at: version.signed_at,
            };
            let row = self.freeze(&mut tx, &key, freeze).await?;
            let mut entry = about("note.sign");
            entry.note_id = Some(row.note_id);
            entry.note_version_id = Some(row.id);
            entry.detail.insert("version", row.version.to_string());
            entry.detail.insert("sha256", hex(&row.content_sha256));
            entry.detail.insert("urgency", row.urgency.to_string());
            entry.detail.insert("signed_by", row.signed_by.to_string());
            tx.record(entry);
            courses += usize::from(self.follow_decision(&mut tx, actor, &row, &version.content).await?);
        }
        let mut entry = about("journey.import");
        entry.detail.insert("notes", plan.notes.len().to_string());
        entry.detail.insert("versions", plan.versions.len().to_string());
        tx.record(entry);
        tx.announce(patient_event(organization, patient));
        tx.commit().await?;
        Ok(courses)
    }
}

/// Another process took the number between plan and writing.
fn duplicate(error: liaison_store::StoreError) -> ServiceError {
    if error.is_unique_violation() {
        ServiceError::invalid(
            "patient.mrn",
            "DUPLICATE_MRN",
            "the clinic has a patient with this number already",
        )
    } else {
        error.into()
    }
}
