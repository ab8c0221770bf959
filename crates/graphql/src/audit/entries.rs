//! The audit search.

use async_graphql::{Context, Enum, ID, InputObject, Object, Result, SimpleObject};
use chrono::{DateTime, Utc};
use liaison_service::audit as use_cases;

use crate::directory::{organization::Organization, person::Person};
use crate::enums::{ActorKind, ChannelKind, PurposeOfUse, Role};
use crate::fail::OrRefuse as _;
use crate::ids::shown;
use crate::loops::parts::person;
use crate::page::{self, connection};
use crate::session::asking;

/// A question that stands for a list of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::audit::AuditView")]
pub(crate) enum AuditView {
    /// Who saw this patient, or what this person saw: every act by which content or identity was read.
    Saw,
    /// What was done under broken glass: its beginnings, ends, verdicts and every reading between.
    BreakGlass,
}

/// Which entries. Every element that is given must fit.
#[derive(InputObject, Default)]
pub(crate) struct AuditFilter {
    /// Not before.
    from: Option<DateTime<Utc>>,
    /// Before; after `from`.
    until: Option<DateTime<Utc>>,
    /// By this person (`user_...`).
    user_id: Option<ID>,
    /// By people who acted for this organization (`org_...`).
    actor_organization_id: Option<ID>,
    /// By people acting in this role.
    role: Option<Role>,
    /// In this session (`session_...`).
    session_id: Option<ID>,
    /// About a delivery or an endpoint of this channel.
    channel: Option<ChannelKind>,
    /// The entry with this index of the ledger alone.
    index: Option<u64>,
    /// About this patient (`patient_...`).
    patient_id: Option<ID>,
    /// About this note (`note_...`).
    note_id: Option<ID>,
    /// About this share (`share_...`).
    share_id: Option<ID>,
    /// About this loop (`recipient_...`).
    recipient_id: Option<ID>,
    /// About this other object (any typed id): at most 200 characters.
    object_id: Option<ID>,
    /// One of these acts, such as `share.create`: at most 64.
    #[graphql(default)]
    actions: Vec<String>,
    /// A question that stands for a list of actions, which are added to `actions`.
    view: Option<AuditView>,
    /// `success`, `denied`, `refused` or `failure`.
    outcome: Option<String>,
    /// For this purpose of use.
    purpose: Option<PurposeOfUse>,
    /// In this request: at most 200 characters.
    request_id: Option<String>,
    /// From this network address: at most 200 characters.
    peer: Option<String>,
}

impl From<AuditFilter> for use_cases::AuditFilter {
    fn from(filter: AuditFilter) -> Self {
        let text = |id: Option<ID>| id.map(|id| id.0);
        Self {
            from: filter.from,
            until: filter.until,
            user_id: text(filter.user_id),
            actor_organization_id: text(filter.actor_organization_id),
            role: filter
                .role
                .map(|role| liaison_domain::Role::from(role).as_str().to_owned()),
            session_id: text(filter.session_id),
            channel: filter
                .channel
                .map(|channel| liaison_domain::ChannelKind::from(channel).as_str().to_owned()),
            index: filter.index,
            patient_id: text(filter.patient_id),
            note_id: text(filter.note_id),
            share_id: text(filter.share_id),
            recipient_id: text(filter.recipient_id),
            object_id: text(filter.object_id),
            actions: filter.actions,
            view: filter.view.map(Into::into),
            outcome: filter.outcome,
            purpose: filter
                .purpose
                .map(|purpose| liaison_domain::PurposeOfUse::from(purpose).to_string()),
            request_id: filter.request_id,
            peer: filter.peer,
        }
    }
}

/// A column of the audit to sort by. Names are sorted without regard to case, ids by the time they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(remote = "liaison_service::audit::AuditColumn")]
pub(crate) enum AuditColumn {
    /// Who acted, by name.
    Person,
    /// For which organization they acted, by name.
    Organization,
    /// In which role.
    Role,
    /// What was done, by its code.
    Action,
    /// Why, by its code.
    Purpose,
    /// How it ended, by its code.
    Outcome,
    /// The patient concerned.
    Patient,
    /// What it concerns: the other object, else the loop, the share, the note.
    Object,
    /// The channel of a delivery or endpoint.
    Channel,
    /// The session.
    Session,
    /// The request.
    Request,
    /// The network address.
    Peer,
    /// The entry's index in the ledger.
    Index,
}

/// In which order entries come. Entries alike in the column stand in the order of time.
#[derive(InputObject, Default)]
pub(crate) struct AuditOrder {
    /// By this column, of at most 50,000 entries that fit; by time when nothing is said.
    by: Option<AuditColumn>,
    /// The smallest or oldest first.
    #[graphql(default)]
    ascending: bool,
}

/// A further fact of an entry; never PHI.
#[derive(SimpleObject)]
pub(crate) struct AuditDetail {
    /// Which fact, such as `urgency`.
    name: String,
    /// Its value.
    value: String,
}

pub(crate) struct AuditEntry(use_cases::AuditEntry);

connection! {
    /// A page of ledger entries.
    AuditEntryConnection,
    /// A ledger entry in a page.
    AuditEntryEdge of AuditEntry
}

/// One act as the ledger recorded it: who did what to what, when, why, from where. It holds ids and codes, never PHI.
#[Object]
impl AuditEntry {
    /// Its id (`entry_...`).
    async fn id(&self) -> ID {
        shown(self.0.id)
    }

    /// When.
    async fn recorded_at(&self) -> DateTime<Utc> {
        self.0.recorded_at
    }

    /// What was done, such as `share.create`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// `success`, `denied`, `refused` or `failure`.
    async fn outcome(&self) -> &str {
        &self.0.outcome
    }

    /// A person, or the service itself.
    async fn actor_kind(&self) -> ActorKind {
        self.0.actor_kind.into()
    }

    /// Who.
    async fn person(&self, ctx: &Context<'_>) -> Result<Option<Person>> {
        person(ctx, self.0.user_id).await
    }

    /// In which role.
    async fn role(&self) -> Option<&str> {
        self.0.role.as_deref()
    }

    /// With which API token (`token_...`).
    async fn token_id(&self) -> Option<ID> {
        self.0.token_id.map(shown)
    }

    /// For which organization they acted.
    async fn actor_organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let Some(id) = self.0.actor_organization_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Organization))
    }

    /// In whose records it falls.
    async fn organization(&self, ctx: &Context<'_>) -> Result<Option<Organization>> {
        let Some(id) = self.0.organization_id else {
            return Ok(None);
        };
        Ok(asking(ctx)?.load.load_one(id).await.or_refuse(ctx)?.map(Organization))
    }

    /// Why.
    async fn purpose(&self) -> PurposeOfUse {
        self.0.purpose.into()
    }

    /// The patient concerned (`patient_...`).
    async fn patient_id(&self) -> Option<ID> {
        self.0.patient_id.map(shown)
    }

    /// The note concerned (`note_...`).
    async fn note_id(&self) -> Option<ID> {
        self.0.note_id.map(shown)
    }

    /// The version concerned (`notever_...`).
    async fn note_version_id(&self) -> Option<ID> {
        self.0.note_version_id.map(shown)
    }

    /// The share concerned (`share_...`).
    async fn share_id(&self) -> Option<ID> {
        self.0.share_id.map(shown)
    }

    /// The loop concerned (`recipient_...`).
    async fn recipient_id(&self) -> Option<ID> {
        self.0.recipient_id.map(shown)
    }

    /// Any other object concerned.
    async fn object_id(&self) -> Option<&str> {
        self.0.object_id.as_deref()
    }

    /// In which request.
    async fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// In which session (`session_...`).
    async fn session_id(&self) -> Option<ID> {
        self.0.session_id.map(shown)
    }

    /// Over which channel, where it is about a delivery or an endpoint.
    async fn channel(&self) -> Option<&str> {
        self.0.channel.as_deref()
    }

    /// From which network address.
    async fn peer(&self) -> Option<&str> {
        self.0.peer.as_deref()
    }

    /// Further facts, by name.
    async fn details(&self) -> Vec<AuditDetail> {
        let detail = |(name, value): (&String, &String)| AuditDetail {
            name: name.clone(),
            value: value.clone(),
        };
        self.0.detail.iter().map(detail).collect()
    }

    /// The entry's index in the ledger, from 0; null while it waits for one, usually less than a second.
    async fn index(&self) -> Option<u64> {
        self.0.index
    }
}

/// The audit search.
#[derive(Default)]
pub(crate) struct AuditQuery;

#[Object]
impl AuditQuery {
    /// Searches the ledger within one's organization. For admins and auditors. Each search is recorded.
    #[graphql(complexity = "page::cost(first, child_complexity)")]
    async fn audit_entries(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Which entries; all when nothing is said.")] filter: Option<AuditFilter>,
        #[graphql(desc = "In which order; the newest first when nothing is said.")] order_by: Option<AuditOrder>,
        #[graphql(desc = "How many: 1 to 100; 20 when nothing is said.")] first: Option<i32>,
        #[graphql(desc = "Go on after this cursor.")] after: Option<String>,
    ) -> Result<AuditEntryConnection> {
        let asking = asking(ctx)?;
        let further = after.is_some();
        let input = use_cases::SearchAudit {
            filter: filter.unwrap_or_default().into(),
            first: Some(page::first(ctx, first)?),
            after,
            order: order_by
                .map(|order| use_cases::AuditOrder {
                    by: order.by.map(Into::into),
                    ascending: order.ascending,
                })
                .unwrap_or_default(),
            ..Default::default()
        };
        let found = asking.service.search_audit(&asking.actor, input).await.or_refuse(ctx)?;
        let items = found
            .entries
            .into_iter()
            .map(|entry| (entry.cursor.clone(), AuditEntry(entry)));
        Ok(AuditEntryConnection::of(items, found.has_next, further))
    }
}
