//! Deliver what is due: claim a few, send them with no transaction open, record each batch of answers as it comes, and
//! claim again where a place came free, until nothing is due.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use liaison_domain::{ChannelKind, DeliveryPurpose, ShareId};
use tokio::task::{Id, JoinError, JoinSet};
use tracing::Instrument as _;

use super::{
    Worked,
    claim::{Claimed, Scope},
    combine::Looker,
    ending::Ending,
    render::{self, MailSecrets},
    settle::Answer,
};
use crate::{
    Result, Service,
    channel::{Outbound, OutboundBody, SendOutcome, SendReport, WebhookBody},
    link,
    loops::message::Message,
    origin::note_outcome,
};

/// The most that is claimed in one transaction.
const AT_ONCE: usize = 32;
/// For how long one call goes on claiming. What it has claimed it still sends, so that with attempts of 15 s a call ends
/// within the 20 s that the workers give it.
const CLAIM_FOR: Duration = Duration::from_secs(2);
/// A channel keeps its own time limit; this much longer, and it is taken for stuck.
const GRACE: Duration = Duration::from_secs(1);

impl Service {
    /// Sends whatever is due for one share.
    pub async fn deliver_share(&self, share: ShareId) -> Result<Worked> {
        self.pump(Scope::Shares(vec![share]), u32::MAX).await
    }

    /// For a worker's nudge: sends whatever is due for the share, or whatever is due at all. Where this process looks for
    /// due deliveries already, that look takes this one on and nothing is left to do here: many nudges, few claims.
    /// Looks for at most two seconds and claims at most `limit` before it lets the next nudge go on.
    pub async fn deliver_nudged(&self, share: Option<ShareId>, limit: u32) -> Result<Worked> {
        match self.combine().ask(share) {
            Some(looker) => self.pump_combined(looker, limit).await,
            None => Ok(Worked::default()),
        }
    }

    async fn pump_combined(&self, looker: Looker, limit: u32) -> Result<Worked> {
        let began = Instant::now();
        let mut looker = Some(looker);
        let mut under_way = UnderWay::default();
        let mut worked = Worked::default();
        let mut failed = None;
        // The first look is for everything: what waits without a nudge is found on the way.
        let mut hungry = true;
        loop {
            if let Some(mine) = looker.take() {
                let ends = self.ending().has_begun();
                if began.elapsed() >= CLAIM_FOR || worked.done >= limit || failed.is_some() || ends {
                    // Another takes the look over, while the sends under way end here.
                    worked.more |= mine.stop() || hungry;
                } else {
                    let asked = mine.take();
                    let mut scopes = Vec::new();
                    if !asked.shares.is_empty() {
                        scopes.push(Scope::Shares(asked.shares.into_iter().collect()));
                    }
                    if asked.all || hungry {
                        scopes.push(Scope::Recipients);
                    }
                    for scope in scopes {
                        match self.claim(&scope, AT_ONCE).await {
                            Ok((claimed, left)) => {
                                worked.done += u32::try_from(claimed.len()).unwrap_or(u32::MAX);
                                // What had no room is looked for again when a place came free.
                                hungry = left;
                                under_way.send_all(self, claimed);
                            }
                            // What is under way must still be recorded.
                            Err(error) => failed = Some(error),
                        }
                    }
                    looker = Some(mine);
                }
            }
            if under_way.is_empty() {
                match looker.take() {
                    None => break,
                    Some(mine) if failed.is_some() => worked.more |= mine.stop(),
                    Some(mine) => looker = mine.rest(),
                }
                if looker.is_none() {
                    break;
                }
                continue;
            }
            let asked = async {
                match &looker {
                    Some(mine) => mine.asked().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                answers = under_way.next_answers(self.ending()) => {
                    worked.more |= answers.iter().any(Answer::is_due_again);
                    if let Err(error) = self.settle(answers).await {
                        failed = Some(error);
                    }
                }
                () = asked => {}
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(worked),
        }
    }

    /// Sends whatever is due, to recipients or (`notices`) to people; claims at most `limit`.
    pub async fn deliver_due(&self, notices: bool, limit: u32) -> Result<Worked> {
        let scope = if notices { Scope::People } else { Scope::Recipients };
        self.pump(scope, limit).await
    }

    async fn pump(&self, scope: Scope, limit: u32) -> Result<Worked> {
        let began = Instant::now();
        let mut under_way = UnderWay::default();
        let mut worked = Worked::default();
        let mut failed = None;
        loop {
            let left = usize::try_from(limit - worked.done).unwrap_or(usize::MAX);
            worked.more |= left == 0 || began.elapsed() >= CLAIM_FOR || self.ending().has_begun();
            if !worked.more && failed.is_none() {
                match self.claim(&scope, left.min(AT_ONCE)).await {
                    Ok((claimed, _)) => {
                        worked.done += u32::try_from(claimed.len()).unwrap_or(u32::MAX);
                        under_way.send_all(self, claimed);
                    }
                    // What is under way must still be recorded.
                    Err(error) => failed = Some(error),
                }
            }
            let answers = under_way.next_answers(self.ending()).await;
            if answers.is_empty() {
                break;
            }
            if let Err(error) = self.settle(answers).await {
                failed = Some(error);
            }
        }
        match failed {
            Some(error) => Err(error),
            None => Ok(worked),
        }
    }

    fn outbound(&self, claimed: &Claimed) -> Option<Outbound> {
        let row = &claimed.row;
        let body = match row.channel {
            ChannelKind::Email => {
                let message: Message = serde_json::from_str(&row.payload).ok()?;
                OutboundBody::Email(match message.purpose {
                    DeliveryPurpose::AccountLink => self.account_mail(&message)?,
                    DeliveryPurpose::AccountChange => crate::sign_in::change_mail(&message)?,
                    _ => render::email(&message, &self.secrets_of(claimed, &message)?),
                })
            }
            ChannelKind::Webhook => OutboundBody::Webhook(WebhookBody {
                event_type: crate::loops::message::event_type(row.purpose).to_owned(),
                // As planned, so that every try carries the same bytes.
                json: row.payload.clone(),
            }),
        };
        Some(Outbound {
            delivery_id: row.id,
            message_id: row.message_id.clone(),
            attempt: claimed.number,
            address: row.address.clone(),
            secret: claimed.secret.clone(),
            body,
            timeout: self.settings().attempt_timeout,
        })
    }
}

impl Service {
    /// What a mail carries that must not stand at rest: derived now, the same on every try. `None` where it cannot be.
    fn secrets_of(&self, claimed: &Claimed, message: &Message) -> Option<MailSecrets> {
        let code = match message.purpose {
            DeliveryPurpose::LinkCode => Some(self.link_code(link::code_of(message)?).ok()?),
            _ => None,
        };
        let link = match (claimed.link_version, claimed.row.recipient_id) {
            (Some(version), Some(recipient)) => Some(self.secure_url(recipient, version).ok()?),
            _ => None,
        };
        Some(MailSecrets { link, code })
    }
}

/// The sends under way. Dropped, they end: their attempts stay open, and another process finds them when the lease is
/// over.
#[derive(Default)]
struct UnderWay {
    tasks: JoinSet<SendReport>,
    claimed: HashMap<Id, Claimed>,
    /// Those that ended before they began.
    ended: Vec<Answer>,
}

impl UnderWay {
    fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.tasks.is_empty()
    }

    fn send_all(&mut self, service: &Service, claimed: Vec<Claimed>) {
        for one in claimed {
            match one.verdict {
                Some(_) => self.ended.push(Answer::verdict(one)),
                None => self.send(service, one),
            }
        }
    }

    fn send(&mut self, service: &Service, claimed: Claimed) {
        let report = |outcome, artefact: &str| SendReport {
            outcome,
            status: None,
            artefact: artefact.to_owned(),
        };
        let Some(outbound) = service.outbound(&claimed) else {
            let outcome = SendOutcome::Permanent { endpoint_gone: false };
            self.ended.push(Answer::of(
                claimed,
                report(outcome, "the planned message does not read"),
            ));
            return;
        };
        let Some(channel) = service.channel(claimed.row.channel).cloned() else {
            let outcome = SendOutcome::Transient { retry_after: None };
            self.ended.push(Answer::of(
                claimed,
                report(outcome, "this process has no such channel configured"),
            ));
            return;
        };
        let patience = outbound.timeout + GRACE;
        let span = service.attempt_span(&claimed.row, claimed.number);
        let send = async move {
            let report = match tokio::time::timeout(patience, channel.send(&outbound)).await {
                Ok(report) => report,
                Err(_) => report(SendOutcome::Unknown, "the channel did not answer in time"),
            };
            note_outcome(&report);
            report
        };
        let task = self.tasks.spawn(send.instrument(span));
        self.claimed.insert(task.id(), claimed);
    }

    /// The next answer and all others that came together with it; none when nothing is under way. Where this process has
    /// to end, sends without an answer are broken off.
    async fn next_answers(&mut self, ending: &Ending) -> Vec<Answer> {
        let mut answers = std::mem::take(&mut self.ended);
        if answers.is_empty() && !self.tasks.is_empty() {
            let joined = tokio::select! {
                biased;
                joined = self.tasks.join_next_with_id() => joined,
                () = ending.over() => {
                    self.tasks.abort_all();
                    self.tasks.join_next_with_id().await
                }
            };
            answers.extend(joined.and_then(|joined| self.answer(joined)));
        }
        while let Some(joined) = self.tasks.try_join_next_with_id() {
            answers.extend(self.answer(joined));
        }
        answers
    }

    fn answer(&mut self, joined: Result<(Id, SendReport), JoinError>) -> Option<Answer> {
        let (id, report) = match joined {
            Ok(ended) => ended,
            // Nobody else breaks a send off.
            Err(error) if error.is_cancelled() => return self.claimed.remove(&error.id()).map(Answer::given_back),
            // The panic's own text may hold anything.
            Err(error) => (
                error.id(),
                SendReport {
                    outcome: SendOutcome::Unknown,
                    status: None,
                    artefact: "the channel broke off".to_owned(),
                },
            ),
        };
        self.claimed.remove(&id).map(|claimed| Answer::of(claimed, report))
    }
}
