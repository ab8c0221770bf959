//! Loads what edges point at, by sets of ids: a page of a hundred rows with all its edges takes as many statements as a
//! page of one.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use async_graphql::dataloader::Loader;
use liaison_domain::{
    Actor, DeliveryId, EndpointId, GuestId, MembershipId, NoteId, NoteVersionId, OrganizationId, PatientId, Phi,
    RecipientId, ShareId, TeamId, UserId,
};
use liaison_service::directory::{Endpoint, Membership, Organization, Person, PolicyInForce, Team, TeamMember};
use liaison_service::link::GuestName;
use liaison_service::loops::share_note::ShareDetail;
use liaison_service::notes::{NoteRow, VersionRow};
use liaison_service::patients::Patient;
use liaison_service::reading::{
    AcknowledgmentView, AttemptRow, CallTaskRow, DeclineView, DeliveryRow, EvidenceRow, QuestionView, RecipientRow,
    ReplyView, ShareRow, StepRow,
};
use liaison_service::{Service, ServiceError};

/// Loads for one actor, by the service's batch look-ups.
pub(crate) struct Loads {
    pub(crate) service: Service,
    pub(crate) actor: Actor,
}

/// Why a load failed; shared by everything that waited for it.
pub(crate) type LoadError = Arc<ServiceError>;

/// Keys of lists: what belongs to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TeamsOf<T>(pub(crate) T);
/// The people's places in a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MembersOf<T>(pub(crate) T);
/// The endpoints of a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct EndpointsOf<T>(pub(crate) T);
/// The policies of an organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PoliciesOf(pub(crate) OrganizationId);
/// The newest version of a note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct LatestOf(pub(crate) NoteId);

/// Groups rows by the key they belong to; their order stays.
pub(crate) fn grouped<K: Eq + Hash, V>(rows: Vec<V>, key: impl Fn(&V) -> Option<K>) -> HashMap<K, Vec<V>> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for row in rows {
        if let Some(key) = key(&row) {
            groups.entry(key).or_default().push(row);
        }
    }
    groups
}

/// Declares a loader of one row for each id.
macro_rules! one {
    ($($id:ty => $value:ty, $method:ident;)*) => {$(
        impl Loader<$id> for Loads {
            type Value = $value;
            type Error = LoadError;

            async fn load(&self, keys: &[$id]) -> Result<HashMap<$id, $value>, LoadError> {
                let rows = self.service.$method(&self.actor, keys).await?;
                Ok(rows.into_iter().map(|row| (row.id, row)).collect())
            }
        }
    )*};
}

/// Declares a loader of a list for each key.
macro_rules! many {
    ($($key:ident($id:ty) => $value:ty, $method:ident, |$row:ident| $of:expr;)*) => {$(
        impl Loader<$key<$id>> for Loads {
            type Value = Vec<$value>;
            type Error = LoadError;

            async fn load(&self, keys: &[$key<$id>]) -> Result<HashMap<$key<$id>, Vec<$value>>, LoadError> {
                let ids: Vec<$id> = keys.iter().map(|key| key.0).collect();
                let rows = self.service.$method(&self.actor, &ids).await?;
                Ok(grouped(rows, |$row: &$value| ($of).map($key)))
            }
        }
    )*};
}

one! {
    OrganizationId => Organization, organizations_by_ids;
    TeamId => Team, teams_by_ids;
    UserId => Person, people_by_ids;
    MembershipId => Membership, memberships_by_ids;
    EndpointId => Endpoint, endpoints_by_ids;
}

many! {
    TeamsOf(OrganizationId) => Team, teams_of_organizations, |row| Some(row.organization_id);
    TeamsOf(UserId) => TeamMember, teams_of_people, |row| Some(row.user_id);
    MembersOf(TeamId) => TeamMember, members_of_teams, |row| Some(row.team_id);
    MembersOf(OrganizationId) => Membership, memberships_in, |row| Some(row.organization_id);
    MembersOf(UserId) => Membership, memberships_of, |row| Some(row.user_id);
    EndpointsOf(TeamId) => Endpoint, endpoints_of_teams, |row| row.team_id;
    EndpointsOf(UserId) => Endpoint, endpoints_of_people, |row| row.user_id;
}

impl Loader<PoliciesOf> for Loads {
    type Value = Vec<PolicyInForce>;
    type Error = LoadError;

    async fn load(&self, keys: &[PoliciesOf]) -> Result<HashMap<PoliciesOf, Vec<PolicyInForce>>, LoadError> {
        let ids: Vec<OrganizationId> = keys.iter().map(|key| key.0).collect();
        let rows = self.service.policies_of(&self.actor, &ids).await?;
        Ok(grouped(rows, |row| Some(PoliciesOf(row.organization_id))))
    }
}

/// Declares a loader over a look-up that answers by a map already.
macro_rules! mapped {
    ($($id:ty => $value:ty, $method:ident;)*) => {$(
        impl Loader<$id> for Loads {
            type Value = $value;
            type Error = LoadError;

            async fn load(&self, keys: &[$id]) -> Result<HashMap<$id, $value>, LoadError> {
                Ok(self.service.$method(&self.actor, keys).await?)
            }
        }
    )*};
}

mapped! {
    PatientId => Patient, patients;
    NoteId => NoteRow, notes_by_ids;
    NoteVersionId => VersionRow, versions_by_ids;
    RecipientId => RecipientRow, loops;
    ShareId => ShareRow, shares;
    GuestId => GuestName, guests_by_ids;
}

impl Loader<LatestOf> for Loads {
    type Value = VersionRow;
    type Error = LoadError;

    async fn load(&self, keys: &[LatestOf]) -> Result<HashMap<LatestOf, VersionRow>, LoadError> {
        let ids: Vec<NoteId> = keys.iter().map(|key| key.0).collect();
        let found = self.service.latest_versions_of_notes(&self.actor, &ids).await?;
        Ok(found.into_iter().map(|(id, row)| (LatestOf(id), row)).collect())
    }
}

/// Declares a key and its loader over a look-up that answers by a map already.
macro_rules! parts {
    ($($(#[$meta:meta])* $key:ident($id:ty) => $value:ty, $method:ident;)*) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) struct $key(pub(crate) $id);

        impl Loader<$key> for Loads {
            type Value = $value;
            type Error = LoadError;

            async fn load(&self, keys: &[$key]) -> Result<HashMap<$key, $value>, LoadError> {
                let ids: Vec<$id> = keys.iter().map(|key| key.0).collect();
                let found = self.service.$method(&self.actor, &ids).await?;
                Ok(found.into_iter().map(|(id, value)| ($key(id), value)).collect())
            }
        }
    )*};
}

parts! {
    /// The loops of a share.
    RecipientsOf(ShareId) => Vec<RecipientRow>, recipients_of_shares;
    /// The questions of a share.
    QuestionsOf(ShareId) => Vec<QuestionView>, questions_of;
    /// The message of a share, and what else is sealed with it.
    DetailOf(ShareId) => Phi<ShareDetail>, details_of_shares;
    /// What is proven about a loop.
    EvidenceOf(RecipientId) => Vec<EvidenceRow>, evidence_of;
    /// What left or is to leave for a loop.
    DeliveriesOf(RecipientId) => Vec<DeliveryRow>, deliveries_of_recipients;
    /// The escalation steps taken in a loop.
    StepsOf(RecipientId) => Vec<StepRow>, steps_of;
    /// The call tasks of a loop.
    CallTasksOf(RecipientId) => Vec<CallTaskRow>, call_tasks_of;
    /// The acknowledgment of a loop.
    AcknowledgmentOf(RecipientId) => AcknowledgmentView, acknowledgments_of;
    /// The decline of a loop.
    DeclineOf(RecipientId) => DeclineView, declines_of;
    /// The thread of a loop.
    RepliesOf(RecipientId) => Vec<ReplyView>, replies_of;
    /// The tries of a delivery.
    AttemptsOf(DeliveryId) => Vec<AttemptRow>, attempts_of_deliveries;
}
