//! Decides what a journey file becomes, and collects everything that stands against it. Writes nothing.

use chrono::{DateTime, Utc};
use liaison_clinical::{
    AddresseeRole, Journey, Mode, NoteContent, PriorContext, SoftConfirmation, assess,
    journey::{JourneyDocument, JourneyPatient},
};
use liaison_domain::{
    Actor, CareRole, NoteId, NoteKind, NoteVersionId, OrganizationId, PatientId, Role, TeamId, UserId,
};
use liaison_store::{
    Conn,
    notes::{VersionRow, document_is_known},
    patients as rows,
};

use crate::{
    FieldProblem, Result, Service, ServiceError,
    notes::{
        content::{self},
        history::History,
        kind_of,
    },
    patients::{AdministrativeGender, Checks, PatientIdentity},
};

/// One note of the file.
pub(super) struct PlannedNote {
    pub(super) id: NoteId,
    pub(super) document_id: String,
    pub(super) kind: NoteKind,
    pub(super) author_id: UserId,
    pub(super) began_at: DateTime<Utc>,
    pub(super) versions: u32,
}

/// One signed version of the file.
pub(super) struct PlannedVersion {
    pub(super) note_id: NoteId,
    pub(super) version: u32,
    pub(super) document_id: String,
    pub(super) content: NoteContent,
    pub(super) confirmations: Vec<SoftConfirmation>,
    pub(super) signed_by: UserId,
    pub(super) signed_at: DateTime<Utc>,
}

/// Everything that the file becomes.
pub(super) struct Plan {
    pub(super) patient_id: PatientId,
    pub(super) organization_id: OrganizationId,
    pub(super) identity: PatientIdentity,
    pub(super) care_team: Vec<(TeamId, CareRole)>,
    pub(super) notes: Vec<PlannedNote>,
    pub(super) versions: Vec<PlannedVersion>,
}

impl Service {
    /// Plans a file, or tells every problem.
    pub(super) async fn plan_journey(&self, actor: &Actor, journey: Journey) -> Result<Plan> {
        let mut problems = Vec::new();
        let mut conn = self.read().await?;
        let named = rows::organization_named(&mut conn, journey.header.clinic.organization.trim()).await?;
        let organization_id = match (actor.organization_id, named) {
            (Some(own), Some(named)) if own == named => own,
            (None, Some(named)) => named,
            _ => {
                return Err(ServiceError::invalid(
                    "clinic.organization",
                    "UNKNOWN_CLINIC",
                    "the file must name the clinic that it is imported into, as the directory spells it",
                ));
            }
        };
        let identity = self
            .plan_identity(&mut conn, organization_id, &journey.header.patient, &mut problems)
            .await?;
        let care_team = plan_care_team(&mut conn, &journey, &mut problems).await?;
        let mut plan = Plan {
            patient_id: self.id(),
            organization_id,
            identity,
            care_team,
            notes: Vec::new(),
            versions: Vec::new(),
        };
        for (index, document) in journey.documents.into_iter().enumerate() {
            let at = format!("documents[{index}]");
            let found = self.plan_document(&mut conn, actor, &mut plan, document, &at).await?;
            problems.extend(found);
        }
        if problems.is_empty() {
            Ok(plan)
        } else {
            Err(ServiceError::Invalid(problems))
        }
    }

    async fn plan_identity(
        &self,
        conn: &mut Conn,
        organization: OrganizationId,
        patient: &JourneyPatient,
        problems: &mut Vec<FieldProblem>,
    ) -> Result<PatientIdentity> {
        let gender = patient.administrative_gender.parse();
        let given = PatientIdentity {
            mrn: patient.mrn.clone(),
            name: patient.name.clone(),
            birth_date: patient.birth_date,
            administrative_gender: gender.clone().unwrap_or(AdministrativeGender::Unknown),
            other_mrns: Vec::new(),
        };
        let mut checks = Checks::default();
        let identity = given.checked(self.now().date_naive(), &mut checks);
        gender.err().into_iter().for_each(|problem| checks.add(problem));
        let index = self.store().keyring()?.index().mrn(organization.uuid(), &identity.mrn);
        if rows::by_mrn(conn, organization, &index).await?.is_some() {
            checks.problem(
                "mrn",
                "DUPLICATE_MRN",
                "the clinic has a patient with this number already",
            );
        }
        problems.extend(checks.into_problems().into_iter().map(|problem| {
            let field = match problem.path.as_str() {
                "birthDate" => "birth_date",
                "administrativeGender" => "administrative_gender",
                other => other,
            };
            FieldProblem {
                path: format!("patient.{field}"),
                ..problem
            }
        }));
        Ok(identity)
    }

    async fn plan_document(
        &self,
        conn: &mut Conn,
        actor: &Actor,
        plan: &mut Plan,
        document: JourneyDocument,
        at: &str,
    ) -> Result<Vec<FieldProblem>> {
        let JourneyDocument { envelope, content } = document;
        let mut problems = Vec::new();
        let signed_at = envelope.signed_at.with_timezone(&Utc);
        if !matches!(envelope.status.as_str(), "final" | "amended") {
            let message = "only signed documents are imported: final or amended";
            problems.push(FieldProblem::new(format!("{at}.status"), "UNKNOWN_VALUE", message));
        }
        if !is_document_id(&envelope.document_id) {
            let message = "expected urn:uuid: and a UUID";
            problems.push(FieldProblem::new(format!("{at}.document_id"), "INVALID_ID", message));
        } else if document_is_known(conn, plan.organization_id, &envelope.document_id).await? {
            let message = "the clinic has this document already";
            problems.push(FieldProblem::new(
                format!("{at}.document_id"),
                "DUPLICATE_DOCUMENT",
                message,
            ));
        }
        // A file marks its invented people; the directory need not.
        let (name, organization) = (envelope.author.name.trim(), plan.organization_id);
        let unmarked = name.strip_suffix("(SYNTHETIC)").map_or(name, str::trim_end);
        let named = match rows::physician_named(conn, name, organization).await? {
            None if unmarked != name => rows::physician_named(conn, unmarked, organization).await?,
            found => found,
        };
        let acting = actor.user_id.filter(|_| actor.has(Role::Physician));
        let Some(signed_by) = named.or(acting) else {
            let message = "no physician of the clinic has this name; add the person, or import as a physician";
            problems.push(FieldProblem::new(
                format!("{at}.author.name"),
                "UNKNOWN_PHYSICIAN",
                message,
            ));
            return Ok(problems);
        };
        let note = match plan
            .notes
            .iter_mut()
            .position(|note| note.document_id == envelope.document_id)
        {
            Some(known) => known,
            None => {
                plan.notes.push(PlannedNote {
                    id: self.id(),
                    document_id: envelope.document_id.clone(),
                    kind: kind_of(&content),
                    author_id: signed_by,
                    began_at: signed_at,
                    versions: 0,
                });
                plan.notes.len() - 1
            }
        };
        let note = &mut plan.notes[note];
        note.versions += 1;
        if envelope.version != note.versions || kind_of(&content) != note.kind {
            let message = format!(
                "expected version {} of the same kind; versions stand in order, from 1",
                note.versions
            );
            problems.push(FieldProblem::new(format!("{at}.version"), "OUT_OF_ORDER", message));
        }
        let (note_id, version) = (note.id, note.versions);
        let prior = PriorContext {
            birth_date: Some(plan.identity.birth_date),
            signed_at: Some(envelope.signed_at),
            ..self.history_of(plan).prior(Some(note_id), &content)
        };
        let checked = content::check(&content, Mode::Sign, &prior, &[], &[], None, signed_at);
        problems.extend(checked.problems.into_iter().map(|problem| {
            let path = problem.path.strip_prefix("content").unwrap_or(&problem.path).to_owned();
            FieldProblem {
                path: format!("{at}{path}"),
                ..problem
            }
        }));
        // The file's author signed these values: that was the confirmation.
        let by = signed_by.to_string();
        let confirmations = checked
            .soft
            .iter()
            .map(|warning| warning.confirm(by.clone(), signed_at))
            .collect();
        plan.versions.push(PlannedVersion {
            note_id,
            version,
            document_id: envelope.document_id,
            content,
            confirmations,
            signed_by,
            signed_at,
        });
        Ok(problems)
    }

    /// What the file's documents so far say together.
    fn history_of(&self, plan: &Plan) -> History {
        let newest = plan.versions.iter().enumerate().filter(|(index, version)| {
            !plan.versions[index + 1..]
                .iter()
                .any(|later| later.note_id == version.note_id)
        });
        History::new(
            newest
                .map(|(_, version)| (self.row_of(plan, version), version.content.clone()))
                .collect(),
        )
    }

    fn row_of(&self, plan: &Plan, version: &PlannedVersion) -> VersionRow {
        VersionRow {
            id: self.id::<NoteVersionId>(),
            note_id: version.note_id,
            patient_id: plan.patient_id,
            organization_id: plan.organization_id,
            kind: kind_of(&version.content),
            version: version.version,
            content_sha256: Vec::new(),
            urgency: assess(&version.content).level,
            document_id: version.document_id.clone(),
            signed_by: version.signed_by,
            signed_at: version.signed_at,
            withdrawn_at: None,
            withdrawn_by: None,
        }
    }
}

fn is_document_id(text: &str) -> bool {
    text.strip_prefix("urn:uuid:")
        .is_some_and(|id| id.len() == 36 && id.parse::<uuid::Uuid>().is_ok())
}

fn care_role(role: AddresseeRole) -> CareRole {
    match role {
        AddresseeRole::Oncologist => CareRole::Oncologist,
        AddresseeRole::PalliativeClinician => CareRole::PalliativeClinician,
        AddresseeRole::PrimaryCare => CareRole::PrimaryCare,
        AddresseeRole::Other | AddresseeRole::All => CareRole::Other,
    }
}

/// The teams behind the recipients: of the organization that the file names, the one with the recipient's part, or the
/// only one. The same missing team is told once.
async fn plan_care_team(
    conn: &mut Conn,
    journey: &Journey,
    problems: &mut Vec<FieldProblem>,
) -> Result<Vec<(TeamId, CareRole)>> {
    let mut seen: Vec<(&str, CareRole)> = Vec::new();
    let mut teams = Vec::new();
    for (d, document) in journey.documents.iter().enumerate() {
        for (r, recipient) in document.envelope.recipients.iter().enumerate() {
            let wanted = (recipient.organization.trim(), care_role(recipient.role));
            if seen.contains(&wanted) {
                continue;
            }
            seen.push(wanted);
            let path = format!("documents[{d}].recipients[{r}].organization");
            let Some(organization) = rows::organization_named(conn, wanted.0).await? else {
                let message = "no organization has this name, or several have; correct the directory or the file";
                problems.push(FieldProblem::new(path, "UNKNOWN_ORGANIZATION", message));
                continue;
            };
            let known = rows::active_teams_of(conn, organization).await?;
            let fitting: Vec<TeamId> = known
                .iter()
                .filter(|(_, role)| *role == wanted.1)
                .map(|(id, _)| *id)
                .collect();
            let team = match (fitting.as_slice(), known.as_slice()) {
                ([only], _) | ([], [(only, _)]) => *only,
                ([], []) => {
                    let message = "this organization has no team in use; add one first";
                    problems.push(FieldProblem::new(path, "UNKNOWN_TEAM", message));
                    continue;
                }
                _ => {
                    let message = "this organization has several teams that fit; add the care team by hand";
                    problems.push(FieldProblem::new(path, "AMBIGUOUS_TEAM", message));
                    continue;
                }
            };
            if !teams.contains(&(team, wanted.1)) {
                teams.push((team, wanted.1));
            }
        }
    }
    Ok(teams)
}
