//! Subscriptions: "look again", with ids alone. What is told is decided anew at every event by who the listener is; what
//! changed is fetched by a query, which decides and records as always. Losing an event costs a refresh, never a fact.

use std::sync::Arc;

use async_graphql::{Context, Enum, ID, Result, SimpleObject, Subscription};
use futures::{Stream, stream};
use liaison_domain::access::{Action, Relation, decide};
use liaison_domain::{Actor, ShareId};
use liaison_service::ServiceError;
use liaison_service::reading::Event;
use tokio::sync::broadcast::{Receiver, error::RecvError};

use crate::fail::{OrRefuse as _, refusal};
use crate::ids::{parse, shown};
use crate::session::{Asking, asking};

/// What a listener should do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
pub(crate) enum ChangeKind {
    /// Fetch what the ids name again.
    Changed,
    /// Events were missed: fetch everything that is shown again.
    RefetchAll,
}

/// Something changed. It holds ids alone.
#[derive(SimpleObject)]
#[graphql(name = "ChangeEvent")]
pub(crate) struct Change {
    /// What to do.
    kind: ChangeKind,
    /// The share (`share_...`).
    share_id: Option<ID>,
    /// The loop (`recipient_...`).
    recipient_id: Option<ID>,
    /// The patient (`patient_...`), for the clinic.
    patient_id: Option<ID>,
}

impl Change {
    fn of(event: &Event, as_clinic: bool) -> Self {
        Self {
            kind: ChangeKind::Changed,
            share_id: event.share_id.map(shown),
            recipient_id: event.recipient_id.map(shown),
            patient_id: event.patient_id.filter(|_| as_clinic).map(shown),
        }
    }

    fn refetch_all() -> Self {
        Self {
            kind: ChangeKind::RefetchAll,
            share_id: None,
            recipient_id: None,
            patient_id: None,
        }
    }
}

/// What is listened to.
enum Watched {
    Inbox,
    Board,
    Share(ShareId),
}

/// Whether the actor follows the loops of the clinic whose event it is.
fn follows(actor: &Actor, event: &Event) -> bool {
    actor.acts_for(event.organization_id) && decide(actor, Action::FollowLoops, Relation::Own).is_ok()
}

/// Whether the actor may be told of an event, and what.
async fn told(asking: &Asking, watched: &Watched, event: &Event) -> Option<Change> {
    let actor = &asking.actor;
    match watched {
        Watched::Board => follows(actor, event).then(|| Change::of(event, true)),
        Watched::Inbox => {
            let own_notice = event.user_id.is_some() && event.user_id == actor.user_id;
            let addressed = event
                .to_organization_id
                .is_some_and(|organization| actor.acts_for(organization));
            if own_notice {
                return Some(Change::of(event, false));
            }
            let recipient = event.recipient_id.filter(|_| addressed)?;
            // Another team's loop is not told. One that was just sealed from its recipient cannot be asked for any
            // more: its reader sees it go with the next event or refresh.
            let mine = asking
                .service
                .loops(actor, &[recipient])
                .await
                .is_ok_and(|found| found.contains_key(&recipient));
            mine.then(|| Change::of(event, false))
        }
        Watched::Share(share) => {
            if event.share_id != Some(*share) {
                return None;
            }
            if follows(actor, event) {
                return Some(Change::of(event, true));
            }
            let recipient = event.recipient_id?;
            let mine = asking
                .service
                .loops(actor, &[recipient])
                .await
                .is_ok_and(|found| found.contains_key(&recipient));
            mine.then(|| Change::of(event, false))
        }
    }
}

fn changes(asking: Arc<Asking>, watched: Watched, events: Receiver<Event>) -> impl Stream<Item = Change> {
    stream::unfold((asking, watched, events), |(asking, watched, mut events)| async move {
        loop {
            let change = match events.recv().await {
                Ok(event) => told(&asking, &watched, &event).await,
                Err(RecvError::Lagged(_)) => Some(Change::refetch_all()),
                Err(RecvError::Closed) => return None,
            };
            if let Some(change) = change {
                return Some((change, (asking, watched, events)));
            }
        }
    })
}

/// Subscriptions.
#[derive(Default)]
pub struct Subscription;

/// What changed, told at once, as ids to fetch again.
#[Subscription]
impl Subscription {
    /// Something in one's inbox, or among one's notices, changed.
    async fn inbox_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Change> + use<>> {
        let asking = Arc::clone(asking(ctx)?);
        let may = [Action::ReadInbox, Action::FollowLoops];
        if may
            .iter()
            .all(|action| decide(&asking.actor, *action, Relation::Own).is_err())
        {
            return Err(refusal(ctx, &ServiceError::Forbidden));
        }
        let events = asking.service.store().events();
        Ok(changes(asking, Watched::Inbox, events))
    }

    /// Something on the clinic's board changed.
    async fn board_changed(&self, ctx: &Context<'_>) -> Result<impl Stream<Item = Change> + use<>> {
        let asking = Arc::clone(asking(ctx)?);
        if decide(&asking.actor, Action::FollowLoops, Relation::Own).is_err() {
            return Err(refusal(ctx, &ServiceError::Forbidden));
        }
        let events = asking.service.store().events();
        Ok(changes(asking, Watched::Board, events))
    }

    /// Something about one share changed: for the clinic that sent it, and for its recipients about their own loops.
    async fn share_changed(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The share (`share_...`).")] id: ID,
    ) -> Result<impl Stream<Item = Change> + use<>> {
        let asking = Arc::clone(asking(ctx)?);
        let share: ShareId = parse("id", &id).or_refuse(ctx)?;
        let events = asking.service.store().events();
        let found = asking.service.shares(&asking.actor, &[share]).await.or_refuse(ctx)?;
        if !found.contains_key(&share) {
            return Err(refusal(ctx, &ServiceError::NotFound("share")));
        }
        Ok(changes(asking, Watched::Share(share), events))
    }
}
