//! What the auditor's statements share: the filter over each element of an entry, the row, and the conditions.
//!
//! A filter is answered by the statement whose index fits it best, so that the cost follows the answer and not the
//! ledger's size.

use chrono::{DateTime, Utc};
use liaison_domain::{
    EntryId, NoteId, NoteVersionId, OrganizationId, PatientId, PurposeOfUse, RecipientId, SessionId, ShareId, TokenId,
    UserId, people::ActorKind,
};

use crate::{arg::Arg, args, row::row};

/// The most actions one filter may name.
pub const MAX_ACTIONS: usize = 64;

/// What to look for. Every field that is set must fit.
#[derive(Debug, Clone, Default)]
pub struct EntryFilter {
    /// Entries of this organization's records, or by its people.
    pub organization_id: Option<OrganizationId>,
    /// Not before.
    pub from: Option<DateTime<Utc>>,
    /// Before.
    pub until: Option<DateTime<Utc>>,
    /// By this person.
    pub user_id: Option<UserId>,
    /// By people of this organization.
    pub actor_organization_id: Option<OrganizationId>,
    /// By people acting in this role, by its code.
    pub role: Option<String>,
    /// About this patient.
    pub patient_id: Option<PatientId>,
    /// About this note.
    pub note_id: Option<NoteId>,
    /// About this share.
    pub share_id: Option<ShareId>,
    /// About this loop.
    pub recipient_id: Option<RecipientId>,
    /// One of these acts, such as `share.create`; none means any. At most [`MAX_ACTIONS`].
    pub actions: Vec<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// For this purpose.
    pub purpose: Option<PurposeOfUse>,
    /// In this request.
    pub request_id: Option<String>,
    /// From this network address.
    pub peer: Option<String>,
    /// In this session.
    pub session_id: Option<SessionId>,
    /// About a delivery or endpoint of this channel, by its code.
    pub channel: Option<String>,
    /// The entry with this index alone.
    pub index: Option<u64>,
    /// About this other object.
    pub object_id: Option<String>,
    /// After this entry (its time and id), in the order of the answer of [`search`](super::search).
    pub after: Option<(DateTime<Utc>, EntryId)>,
    /// The oldest first instead of the newest.
    pub oldest_first: bool,
}

row! {
    /// An entry as the audit shows it.
    pub struct EntryRow {
        /// Its id.
        id: EntryId,
        /// When it was recorded.
        recorded_at: DateTime<Utc>,
        /// What was done.
        action: String,
        /// How it ended.
        outcome: String,
        /// Person or system.
        actor_kind: ActorKind,
        /// Who.
        user_id: Option<UserId>,
        /// In which role.
        role: Option<String>,
        /// With which API token.
        token_id: Option<TokenId>,
        /// For which organization the actor acted.
        actor_organization_id: Option<OrganizationId>,
        /// In whose records it falls.
        organization_id: Option<OrganizationId>,
        /// Why.
        purpose: PurposeOfUse,
        /// The patient.
        patient_id: Option<PatientId>,
        /// The note.
        note_id: Option<NoteId>,
        /// The version.
        note_version_id: Option<NoteVersionId>,
        /// The share.
        share_id: Option<ShareId>,
        /// The loop.
        recipient_id: Option<RecipientId>,
        /// Another object.
        object_id: Option<String>,
        /// The request.
        request_id: Option<String>,
        /// From where.
        peer: Option<String>,
        /// In which session.
        session_id: Option<SessionId>,
        /// Over which channel, where it is about a delivery or an endpoint.
        channel: Option<String>,
        /// The canonical bytes.
        leaf: Vec<u8>,
        /// Its index, once sequenced.
        leaf_index: Option<i64>,
    }
}

macro_rules! columns {
    () => {
        "e.id, e.recorded_at, e.action, e.outcome, e.actor_kind, e.user_id, e.role, e.token_id,
            e.actor_organization_id, e.organization_id, e.purpose, e.patient_id, e.note_id, e.note_version_id,
            e.share_id, e.recipient_id, e.object_id, e.request_id, e.peer, e.session_id, e.channel, e.leaf,
            l.leaf_index"
    };
}

macro_rules! entry_columns {
    () => {
        concat!(
            "select ",
            $crate::ledger::filter::columns!(),
            " from ledger_entry e left join ledger_leaf l on l.entry_id = e.id where "
        )
    };
}

/// What every filter has: arguments 1 to 18, of which those the index serves are given twice.
macro_rules! rest {
    () => {
        " and e.recorded_at >= $2 and (e.user_id = $3 or $3 is null) and (e.patient_id = $4 or $4 is null)
            and (e.note_id = $5 or $5 is null) and (e.share_id = $6 or $6 is null)
            and (e.recipient_id = $7 or $7 is null) and (e.outcome = $8 or $8 is null)
            and (e.purpose = $9 or $9 is null) and (e.request_id = $10 or $10 is null)
            and (e.peer = $11 or $11 is null) and (e.object_id = $12 or $12 is null)
            and (e.action in ({ids}) or $13 = true) and (e.session_id = $14 or $14 is null)
            and (e.actor_organization_id = $15 or $15 is null) and (e.role = $16 or $16 is null)
            and (e.channel = $17 or $17 is null)
            and (e.id = (select x.entry_id from ledger_leaf x where x.leaf_index = $18) or $18 is null) "
    };
}

macro_rules! own {
    () => {
        " and (e.organization_id = $1 or e.actor_organization_id = $1 or $1 is null) "
    };
}

/// What an organization's people did elsewhere than in its own records, as the index ledger_entry_abroad says it.
macro_rules! abroad {
    () => {
        "e.actor_organization_id = $1 and e.organization_id is distinct from e.actor_organization_id"
    };
}

/// Calls a macro with what leads a statement to its index, in the order of [`Lead`]; the organization's and the whole
/// ledger's statements differ and stand where they are used.
macro_rules! for_each_lead {
    ($macro:ident) => {
        $macro! {
            Index "e.id = (select y.entry_id from ledger_leaf y where y.leaf_index = $18)";
            Request "e.request_id = $10";
            Recipient "e.recipient_id = $7";
            Share "e.share_id = $6";
            Object "e.object_id = $12";
            Note "e.note_id = $5";
            Session "e.session_id = $14";
            Patient "e.patient_id = $4";
            User "e.user_id = $3";
        }
    };
}
pub(super) use {abroad, columns, entry_columns, for_each_lead, own, rest};

/// By which index a filter is answered, the narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lead {
    Index,
    Request,
    Recipient,
    Share,
    Object,
    Note,
    Session,
    Patient,
    User,
    Organization,
    All,
}

impl EntryFilter {
    /// The index that fits best.
    pub(super) fn lead(&self) -> Lead {
        let given = [
            (self.index.is_some(), Lead::Index),
            (self.request_id.is_some(), Lead::Request),
            (self.recipient_id.is_some(), Lead::Recipient),
            (self.share_id.is_some(), Lead::Share),
            (self.object_id.is_some(), Lead::Object),
            (self.note_id.is_some(), Lead::Note),
            (self.session_id.is_some(), Lead::Session),
            (self.patient_id.is_some(), Lead::Patient),
            (self.user_id.is_some(), Lead::User),
            (self.organization_id.is_some(), Lead::Organization),
        ];
        given
            .into_iter()
            .find_map(|(given, lead)| given.then_some(lead))
            .unwrap_or(Lead::All)
    }

    pub(super) fn args(&self) -> Vec<Arg> {
        args![
            self.organization_id,
            self.from.unwrap_or(ends().0),
            self.user_id,
            self.patient_id,
            self.note_id,
            self.share_id,
            self.recipient_id,
            self.outcome.as_deref(),
            self.purpose,
            self.request_id.as_deref(),
            self.peer.as_deref(),
            self.object_id.as_deref(),
            self.actions.is_empty(),
            self.session_id,
            self.actor_organization_id,
            self.role.as_deref(),
            self.channel.as_deref(),
            self.index.map(super::signed),
        ]
    }

    /// Never empty, because a list of placeholders must not be.
    pub(super) fn actions(&self) -> Vec<&str> {
        let named: Vec<&str> = self.actions.iter().take(MAX_ACTIONS).map(String::as_str).collect();
        if named.is_empty() { vec![""] } else { named }
    }
}

/// Before every entry, and after every entry.
pub(super) fn ends() -> (DateTime<Utc>, DateTime<Utc>) {
    const YEAR_9999: i64 = 253_402_300_799;
    (
        DateTime::UNIX_EPOCH,
        DateTime::from_timestamp(YEAR_9999, 0).unwrap_or(DateTime::UNIX_EPOCH),
    )
}
