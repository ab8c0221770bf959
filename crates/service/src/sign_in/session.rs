//! Sessions: opening one when everything is proven, and from its secret to the actor of a request.

use chrono::{DateTime, Utc};
use liaison_domain::{
    Actor, OrganizationId, OrganizationKind, PurposeOfUse, Role, SessionEnd, SessionId, SignInMethod, UserId,
    people::ActorKind,
};
use liaison_store::{
    Conn, Tx,
    directory::{self as directory, PersonRow},
    sign_in::session::{self as rows, PlaceRow, SessionRow},
};

use super::{ABSOLUTE, IDLE, MAX_SESSIONS, SEEN_EVERY, STEP_UP, secret};
use crate::{Result, Service, ServiceError};

/// Whether a request keeps its session alive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Touch {
    /// A person did something.
    Activity,
    /// A page refreshes itself: an open window must not keep a session alive.
    Nothing,
}

/// A place where a person may act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The organization.
    pub organization_id: OrganizationId,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: OrganizationKind,
    /// The person's roles there.
    pub roles: Vec<Role>,
}

impl From<PlaceRow> for Place {
    fn from(row: PlaceRow) -> Self {
        Self {
            organization_id: row.organization_id,
            name: row.name,
            kind: row.kind,
            roles: row.roles.0,
        }
    }
}

/// A signed-in person, as one request sees them.
#[derive(Debug, Clone)]
pub struct SignedIn {
    /// The session.
    pub session_id: SessionId,
    /// Whom the use cases act for; its `session_id` is set. Without roles and teams until the second factor is proven.
    pub actor: Actor,
    /// The person's name.
    pub display_name: String,
    /// The address they sign in with.
    pub email: String,
    /// Their IANA time zone.
    pub time_zone: String,
    /// The organization they act for now.
    pub organization_name: String,
    /// Where they may act, the oldest place first; [`Service::switch_organization`] goes there.
    pub places: Vec<Place>,
    /// When the session ends unless it is used before.
    pub idle_until: DateTime<Utc>,
    /// When it ends however much it is used.
    pub absolute_until: DateTime<Utc>,
    /// When the person last proved who they are.
    pub authenticated_at: DateTime<Utc>,
    /// `false`: signed in with a password alone, for want of a second factor. Only the pages that add one may be shown,
    /// and the actor has no roles.
    pub has_second_factor: bool,
    /// How the session was opened.
    pub method: SignInMethod,
}

impl SignedIn {
    /// Whether the last proof of identity is new enough for what weighs most ([`STEP_UP`]).
    pub fn is_fresh(&self, now: DateTime<Utc>) -> bool {
        self.has_second_factor && now - self.authenticated_at <= STEP_UP
    }
}

/// A session to be opened, when its caller has proven the person by every factor that `method` names.
#[derive(Debug, Clone)]
pub struct OpenSession {
    /// Who.
    pub user_id: UserId,
    /// For which organization they act first; their oldest place where none is given.
    pub organization_id: Option<OrganizationId>,
    /// How they proved who they are.
    pub method: SignInMethod,
    /// The network address of the request.
    pub peer: Option<String>,
    /// The request's id.
    pub request_id: Option<String>,
    /// What the browser says it is.
    pub user_agent: Option<String>,
}

/// A session that was opened.
#[derive(Clone)]
pub struct SessionOpened {
    /// Its secret, for the cookie: base64url of 32 random bytes. Kept nowhere.
    pub secret: String,
    /// Its id.
    pub session_id: SessionId,
    /// Whose it is.
    pub user_id: UserId,
    /// When it ends however much it is used.
    pub absolute_until: DateTime<Utc>,
    /// `false`: only the pages that add a second factor may be shown.
    pub has_second_factor: bool,
}

impl std::fmt::Debug for SessionOpened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionOpened")
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

/// When a session ends without use.
fn idle_until(row: &SessionRow) -> DateTime<Utc> {
    (row.last_seen_at + IDLE).min(row.absolute_until)
}

impl Service {
    /// The person of a session's secret.
    ///
    /// Roles and teams are read anew each time, so that a change of either acts at once.
    ///
    /// # Errors
    /// `Unauthenticated` alike for an unknown, ended, idle or over-aged session, for a disabled person and for one whose
    /// place in the organization ended.
    pub async fn session(
        &self,
        secret: &str,
        peer: Option<&str>,
        request_id: Option<&str>,
        touch: Touch,
    ) -> Result<SignedIn> {
        let now = self.now();
        let hash = secret::hash(secret).ok_or(ServiceError::Unauthenticated)?;
        let mut conn = self.read().await?;
        let (row, person) = rows::by_secret(&mut conn, hash)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        // A clock that was set back does not make a session of the future good.
        let ended = row.ended_at.is_some() || idle_until(&row) <= now || row.created_at > now + SEEN_EVERY;
        if ended || person.disabled_at.is_some() {
            return Err(ServiceError::Unauthenticated);
        }
        let places = rows::places(&mut conn, row.user_id).await?;
        let here = places
            .iter()
            .find(|place| place.organization_id == row.organization_id)
            .cloned()
            .ok_or(ServiceError::Unauthenticated)?;
        let mut actor = Actor {
            kind: ActorKind::Person,
            user_id: Some(row.user_id),
            session_id: Some(row.id),
            organization_id: Some(row.organization_id),
            organization_kind: Some(here.kind),
            peer: secret::mark(peer),
            request_id: secret::mark(request_id),
            ..Actor::system()
        };
        if row.is_full {
            actor.roles = here.roles.0.clone();
            actor.teams = self.teams_in(&mut conn, row.user_id, row.organization_id).await?;
        }
        drop(conn);
        let mut seen = row.last_seen_at;
        if touch == Touch::Activity && now - row.last_seen_at >= SEEN_EVERY {
            let mut tx = self.begin().await?;
            rows::touch(&mut tx, row.id, now, now - SEEN_EVERY).await?;
            tx.commit().await?;
            seen = now;
        }
        Ok(SignedIn {
            session_id: row.id,
            actor,
            display_name: person.display_name,
            email: person.email,
            time_zone: person.time_zone,
            organization_name: here.name,
            places: places.into_iter().map(Place::from).collect(),
            idle_until: (seen + IDLE).min(row.absolute_until),
            absolute_until: row.absolute_until,
            authenticated_at: row.authenticated_at,
            has_second_factor: row.is_full,
            method: row.method,
        })
    }

    /// Opens a session for a person whom the caller has proven.
    ///
    /// # Errors
    /// `Unauthenticated` for somebody unknown, disabled, or without a place (in that organization).
    pub async fn open_session(&self, input: OpenSession) -> Result<SessionOpened> {
        let mut tx = self.begin().await?;
        let person = directory::person::lock(&mut tx, input.user_id)
            .await?
            .ok_or(ServiceError::Unauthenticated)?;
        let opened = self.put_session(&mut tx, &person, input, None).await?;
        tx.commit().await?;
        Ok(opened)
    }

    /// Opens a session in the caller's transaction, which holds the person; by which link, where it was one.
    pub(super) async fn put_session(
        &self,
        tx: &mut Tx,
        person: &PersonRow,
        input: OpenSession,
        link: Option<liaison_domain::AccountLinkId>,
    ) -> Result<SessionOpened> {
        let now = self.now();
        if person.disabled_at.is_some() {
            return Err(ServiceError::Unauthenticated);
        }
        let place = rows::places(tx, person.id)
            .await?
            .into_iter()
            .find(|place| {
                input
                    .organization_id
                    .is_none_or(|wanted| place.organization_id == wanted)
            })
            .ok_or(ServiceError::Unauthenticated)?;
        let live = rows::live_of(tx, person.id, now, now - IDLE).await?;
        for surplus in live.iter().skip(MAX_SESSIONS - 1) {
            rows::end(tx, surplus.id, now, SessionEnd::TooMany).await?;
        }
        let random = self.store().random();
        let secret = secret::fresh(&*random);
        let row = SessionRow {
            id: self.id(),
            user_id: person.id,
            organization_id: place.organization_id,
            method: input.method,
            is_full: input.method != SignInMethod::Password,
            peer: secret::mark(input.peer.as_deref()),
            user_agent: secret::agent(input.user_agent.as_deref()),
            authenticated_at: now,
            last_seen_at: now,
            absolute_until: now + ABSOLUTE,
            ended_at: None,
            end_reason: None,
            created_at: now,
        };
        let hash = secret::hash(&secret).ok_or(ServiceError::Unauthenticated)?;
        rows::insert(tx, &row, hash).await?;
        let actor = Actor {
            kind: ActorKind::Person,
            user_id: Some(person.id),
            session_id: Some(row.id),
            organization_id: Some(place.organization_id),
            organization_kind: Some(place.kind),
            roles: place.roles.0,
            request_id: secret::mark(input.request_id.as_deref()),
            peer: row.peer.clone(),
            ..Actor::system()
        };
        let mut entry = self.entry(&actor, "sign_in.succeeded");
        entry.purpose = PurposeOfUse::Operations;
        entry.object_id = Some(row.id.to_string());
        entry.detail.insert("method", row.method.to_string());
        if let Some(link) = link {
            entry.detail.insert("link_id", link.to_string());
        }
        tx.record(entry);
        Ok(SessionOpened {
            secret,
            session_id: row.id,
            user_id: person.id,
            absolute_until: row.absolute_until,
            has_second_factor: row.is_full,
        })
    }

    async fn teams_in(
        &self,
        conn: &mut Conn,
        user: UserId,
        organization: OrganizationId,
    ) -> Result<Vec<liaison_domain::TeamId>> {
        Ok(directory::team::teams_of_person_in(conn, user, organization).await?)
    }
}
