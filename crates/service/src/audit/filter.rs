//! The auditor's filter as it comes from outside, and what it means to the store.

use std::str::FromStr;

use chrono::{DateTime, Utc};
use liaison_domain::{ChannelKind, InvalidId, OrganizationId, PurposeOfUse, people::Role};
use liaison_store::ledger::{EntryFilter, MAX_ACTIONS};
use serde::{Deserialize, Serialize};

use crate::{FieldProblem, Result, ServiceError};

/// Acts by which a person saw content or identity of a patient.
pub const READING_ACTIONS: &[&str] = &[
    "note.read",
    "patient.read",
    "patient.search",
    "patient.trend",
    "restriction.read",
    "share.open",
];

/// A question that stands for a list of actions, or for a purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AuditView {
    /// Who saw this patient, or what this person saw: the acts of [`READING_ACTIONS`].
    #[serde(rename = "SAW")]
    Saw,
    /// What was done under broken glass: the cases' beginnings, ends and verdicts, and every reading between, by their
    /// purpose ETREAT.
    #[serde(rename = "BREAK_GLASS")]
    BreakGlass,
}

/// Which entries. Every field that is given must fit; ids are typed ids as text.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditFilter {
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// By this person.
    pub user_id: Option<String>,
    /// By people who acted for this organization.
    pub actor_organization_id: Option<String>,
    /// By people acting in this role, such as `PHYSICIAN`.
    pub role: Option<String>,
    /// About this patient.
    pub patient_id: Option<String>,
    /// About this note.
    pub note_id: Option<String>,
    /// About this share.
    pub share_id: Option<String>,
    /// About this loop.
    pub recipient_id: Option<String>,
    /// About this other object.
    pub object_id: Option<String>,
    /// About a delivery or an endpoint of this channel: `EMAIL` or `WEBHOOK`.
    pub channel: Option<String>,
    /// In this session.
    pub session_id: Option<String>,
    /// The entry with this index of the ledger alone.
    pub index: Option<u64>,
    /// One of these acts, such as `share.create`; at most 64.
    #[serde(default)]
    pub actions: Vec<String>,
    /// A question that stands for a list of actions, which are added to `actions`, or for a purpose.
    pub view: Option<AuditView>,
    /// `success`, `denied`, `refused` or `failure`.
    pub outcome: Option<String>,
    /// For this purpose of use.
    pub purpose: Option<String>,
    /// In this request.
    pub request_id: Option<String>,
    /// From this network address.
    pub peer: Option<String>,
}

struct Reader(Vec<FieldProblem>);

impl Reader {
    fn id<T: FromStr<Err = InvalidId>>(&mut self, path: &str, given: &Option<String>) -> Option<T> {
        match given.as_deref()?.parse() {
            Ok(id) => Some(id),
            Err(error) => {
                self.0.push(FieldProblem::new(path, "INVALID_ID", error.to_string()));
                None
            }
        }
    }

    /// One of a set of values.
    fn term<T: FromStr<Err: std::fmt::Display>>(&mut self, path: &str, given: &Option<String>) -> Option<T> {
        match given.as_deref()?.parse() {
            Ok(term) => Some(term),
            Err(error) => {
                self.0.push(FieldProblem::new(path, "UNKNOWN_VALUE", error.to_string()));
                None
            }
        }
    }

    /// Visible ASCII as the ledger's codes and ids are.
    fn code(&mut self, path: &str, given: &str, max: usize) -> String {
        let visible = given.bytes().all(|byte| byte.is_ascii_graphic());
        if given.is_empty() || given.len() > max || !visible {
            let message = format!("1 to {max} visible ASCII characters without spaces");
            self.0.push(FieldProblem::new(path, "OUT_OF_RANGE", message));
        }
        given.to_owned()
    }

    fn optional(&mut self, path: &str, given: &Option<String>, max: usize) -> Option<String> {
        given.as_deref().map(|text| self.code(path, text, max))
    }
}

impl AuditFilter {
    /// Checks the filter, all problems at once, and bounds it to an organization (`None`: the operator's commands).
    pub(crate) fn compile(&self, scope: Option<OrganizationId>) -> Result<EntryFilter> {
        let (filter, problems) = self.read(scope);
        if problems.is_empty() {
            Ok(filter)
        } else {
            Err(ServiceError::Invalid(problems))
        }
    }

    pub(super) fn read(&self, scope: Option<OrganizationId>) -> (EntryFilter, Vec<FieldProblem>) {
        let mut reader = Reader(Vec::new());
        let mut actions = Vec::new();
        for (number, action) in self.actions.iter().enumerate() {
            actions.push(reader.code(&format!("filter.actions[{number}]"), action, 64));
        }
        if let Some(AuditView::Saw) = self.view {
            actions.extend(READING_ACTIONS.iter().map(|action| (*action).to_owned()));
        }
        if actions.len() > MAX_ACTIONS {
            reader.0.push(FieldProblem::new(
                "filter.actions",
                "OUT_OF_RANGE",
                format!("at most {MAX_ACTIONS}"),
            ));
        }
        let outcome = self.outcome.clone();
        if let Some(outcome) = &outcome
            && !["success", "denied", "refused", "failure"].contains(&outcome.as_str())
        {
            let message = "one of success, denied, refused, failure";
            reader
                .0
                .push(FieldProblem::new("filter.outcome", "UNKNOWN_VALUE", message));
        }
        let purpose = reader.term::<PurposeOfUse>("filter.purpose", &self.purpose);
        let role = reader.term::<Role>("filter.role", &self.role);
        let channel = reader.term::<ChannelKind>("filter.channel", &self.channel);
        let purpose = match self.view {
            Some(AuditView::BreakGlass) => purpose.or(Some(PurposeOfUse::EmergencyTreatment)),
            _ => purpose,
        };
        if let (Some(from), Some(until)) = (self.from, self.until)
            && from >= until
        {
            reader.0.push(FieldProblem::new(
                "filter.until",
                "OUT_OF_RANGE",
                "must be after filter.from",
            ));
        }
        let filter = EntryFilter {
            organization_id: scope,
            from: self.from,
            until: self.until,
            user_id: reader.id("filter.userId", &self.user_id),
            actor_organization_id: reader.id("filter.actorOrganizationId", &self.actor_organization_id),
            role: role.map(|role| role.as_str().to_owned()),
            channel: channel.map(|channel| channel.as_str().to_owned()),
            session_id: reader.id("filter.sessionId", &self.session_id),
            index: self.index,
            patient_id: reader.id("filter.patientId", &self.patient_id),
            note_id: reader.id("filter.noteId", &self.note_id),
            share_id: reader.id("filter.shareId", &self.share_id),
            recipient_id: reader.id("filter.recipientId", &self.recipient_id),
            actions,
            outcome,
            purpose,
            request_id: reader.optional("filter.requestId", &self.request_id, 200),
            peer: reader.optional("filter.peer", &self.peer, 200),
            object_id: reader.optional("filter.objectId", &self.object_id, 200),
            after: None,
            oldest_first: false,
        };
        (filter, reader.0)
    }

    /// The names of the fields that are set, for the ledger.
    pub(super) fn fields(&self) -> String {
        let set = [
            ("from", self.from.is_some()),
            ("until", self.until.is_some()),
            ("user_id", self.user_id.is_some()),
            ("actor_organization_id", self.actor_organization_id.is_some()),
            ("role", self.role.is_some()),
            ("patient_id", self.patient_id.is_some()),
            ("note_id", self.note_id.is_some()),
            ("share_id", self.share_id.is_some()),
            ("recipient_id", self.recipient_id.is_some()),
            ("object_id", self.object_id.is_some()),
            ("channel", self.channel.is_some()),
            ("session_id", self.session_id.is_some()),
            ("index", self.index.is_some()),
            ("actions", !self.actions.is_empty()),
            ("view", self.view.is_some()),
            ("outcome", self.outcome.is_some()),
            ("purpose", self.purpose.is_some()),
            ("request_id", self.request_id.is_some()),
            ("peer", self.peer.is_some()),
        ];
        let names: Vec<&str> = set.into_iter().filter_map(|(name, set)| set.then_some(name)).collect();
        names.join(",")
    }
}
