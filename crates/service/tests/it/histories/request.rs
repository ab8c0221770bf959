//! A request to the service: an act with its actor and its object found. The same request can be made again.

use liaison_clinical::NoteContent;
use liaison_domain::{
    Actor, BreakGlassId, BreakGlassVerdict, CallTaskId, CoverageId, Decline, EndpointId, NoteId, NoteVersionId,
    PatientId, RecipientId, RestrictionId, ShareId, UserId,
};
use liaison_service::{
    Result, Service, ServiceError,
    audit::{BeginBreakGlass, ReviewBreakGlass},
    channel::OutboundBody,
    directory::CreateCoverage,
    loops::{
        ShareNote, acknowledge::Acknowledge, call_task::CompleteCallTask, decline::DeclineShare, recall::RecallShare,
        redirect::RedirectShare, reply::WriteReply,
    },
    notes::{AmendNote, ConfirmUnusual, DraftNote, DraftSaved, SignAmendment, SignNote, UpdateDraft, WithdrawNote},
    patients::AddRestriction,
    work::repair::RetryDelivery,
};

use super::{
    act::GuestDoes,
    world::{Glass, SignedVersion, World},
};
use crate::link_support::{ask, enter, other};

/// A request.
#[derive(Clone)]
pub(super) enum Request {
    Sign {
        actor: Actor,
        patient: PatientId,
        content: Box<NoteContent>,
        key: usize,
    },
    Share(Actor, ShareNote),
    Amend {
        actor: Actor,
        note: NoteId,
        content: Box<NoteContent>,
        key: usize,
    },
    Withdraw(Actor, WithdrawNote),
    Recall(Actor, RecallShare),
    Open(Actor, RecipientId),
    /// Opens first where the last says so.
    Acknowledge(Actor, Acknowledge, bool),
    Decline(Actor, DeclineShare),
    Redirect(Actor, RedirectShare),
    AcceptRedirect(Actor, RecipientId),
    Reply(Actor, WriteReply),
    Call(Actor, CompleteCallTask),
    Assign(Actor, CallTaskId, UserId),
    Cover(Actor, CreateCoverage),
    EndCover(Actor, CoverageId),
    Restrict(Actor, AddRestriction),
    EndRestriction(Actor, RestrictionId),
    Endpoint(Actor, EndpointId, bool),
    Person(Actor, UserId, bool),
    Retry(Actor, RetryDelivery),
    Deliver {
        notices: bool,
    },
    Escalate,
    EscalateOne(RecipientId),
    DeliverShare(ShareId),
    Sequence,
    /// Follows a link's token; whether the code is entered rightly.
    GuestEnters(String, bool),
    /// With the session's secret. The answer and the redirect are as a user's.
    Guest(String, GuestDoes, Acknowledge, RedirectShare),
    RevokeLink(Actor, RecipientId),
    BreakGlass(Actor),
    Read(Actor, NoteVersionId),
    EndBreakGlass(Actor, BreakGlassId),
    ReviewBreakGlass(Actor, BreakGlassId),
}

impl Request {
    /// Whether a repeat must answer what the first answered: it carries an idempotency key. A note's requests are
    /// several, and the drafts between them are open to others.
    pub(super) fn repeats(&self) -> bool {
        use Request::*;
        matches!(
            self,
            Share(..)
                | Withdraw(..)
                | Recall(..)
                | Acknowledge(..)
                | Decline(..)
                | Redirect(..)
                | Reply(..)
                | Call(..)
                | Cover(..)
                | Restrict(..)
                | Retry(..)
        )
    }

    /// What is asked.
    fn kind(&self) -> &'static str {
        match self {
            Self::Sign { .. } => "sign",
            Self::Share(..) => "share",
            Self::Amend { .. } => "amend",
            Self::Withdraw(..) => "withdraw",
            Self::Recall(..) => "recall",
            Self::Open(..) => "open",
            Self::Acknowledge(..) => "acknowledge",
            Self::Decline(..) => "decline",
            Self::Redirect(..) => "redirect",
            Self::AcceptRedirect(..) => "accept redirect",
            Self::Reply(..) => "reply",
            Self::Call(..) => "call",
            Self::Assign(..) => "assign",
            Self::Cover(..) => "cover",
            Self::EndCover(..) => "end cover",
            Self::Restrict(..) => "restrict",
            Self::EndRestriction(..) => "end restriction",
            Self::Endpoint(..) => "endpoint",
            Self::Person(..) => "person",
            Self::Retry(..) => "retry",
            Self::Deliver { .. } => "deliver",
            Self::Escalate => "escalate",
            Self::EscalateOne(..) => "escalate one",
            Self::DeliverShare(..) => "deliver share",
            Self::Sequence => "sequence",
            Self::GuestEnters(..) => "guest enters",
            Self::Guest(_, does, ..) => match does {
                GuestDoes::Opens => "guest opens",
                GuestDoes::OpensAndAcknowledges | GuestDoes::Acknowledges => "guest acknowledges",
                GuestDoes::Declines => "guest declines",
                GuestDoes::Redirects => "guest redirects",
                GuestDoes::Replies => "guest replies",
                GuestDoes::Leaves => "guest leaves",
            },
            Self::RevokeLink(..) => "revoke link",
            Self::BreakGlass(..) => "break glass",
            Self::Read(..) => "read",
            Self::EndBreakGlass(..) => "end break glass",
            Self::ReviewBreakGlass(..) => "review break glass",
        }
    }

    /// Makes the request of a process; the answer as text.
    pub(super) async fn make(&self, world: &World, process: usize) -> Result<String> {
        let made = self.ask(world, process).await;
        let code = match &made {
            Ok(_) => "done".to_owned(),
            Err(ServiceError::Invalid(problems)) => {
                format!(
                    "{} {}",
                    problems[0].path.split('[').next().unwrap_or_default(),
                    problems[0].code
                )
            }
            Err(error) => error.code().to_owned(),
        };
        *world.tally.lock().unwrap().entry((self.kind(), code)).or_default() += 1;
        made
    }

    async fn ask(&self, world: &World, process: usize) -> Result<String> {
        let service = &world.fleet.processes[process];
        match self.clone() {
            Self::Sign {
                actor,
                patient,
                content,
                key,
            } => sign(world, service, &actor, patient, *content, key).await,
            Self::Share(actor, input) => {
                let against = input.overrides.iter().any(|given| given.code == "RESTRICTED");
                let shared = service.share_note(&actor, input).await?;
                if against {
                    world.overridden.lock().unwrap().insert(shared.share_id);
                }
                Ok(format!("{shared:?}"))
            }
            Self::Amend {
                actor,
                note,
                content,
                key,
            } => amend(world, service, &actor, note, *content, key).await,
            Self::Withdraw(actor, input) => text(service.withdraw_note(&actor, input).await),
            Self::Recall(actor, input) => text(service.recall_share(&actor, input).await),
            Self::Open(actor, id) => {
                service.open_share(&actor, id).await?;
                Ok(String::new())
            }
            Self::Acknowledge(actor, input, opens_first) => {
                if let (true, Some(id)) = (opens_first, input.recipient_id)
                    && let Err(error) = service.open_share(&actor, id).await
                    && broken(&error)
                {
                    return Err(error);
                }
                text(service.acknowledge(&actor, input).await)
            }
            Self::Decline(actor, input) => text(service.decline_share(&actor, input).await),
            Self::Redirect(actor, input) => text(service.redirect_share(&actor, input).await),
            Self::AcceptRedirect(actor, id) => text(service.accept_redirect(&actor, id).await),
            Self::Reply(actor, input) => text(service.reply(&actor, input).await),
            Self::Call(actor, input) => text(service.complete_call_task(&actor, input).await),
            Self::Assign(actor, task, owner) => text(service.assign_call_task(&actor, task, owner).await),
            Self::Cover(actor, input) => text(service.create_coverage(&actor, input).await),
            Self::EndCover(actor, id) => text(service.cancel_coverage(&actor, id).await),
            Self::Restrict(actor, input) => text(service.add_restriction(&actor, input).await),
            Self::EndRestriction(actor, id) => text(service.end_restriction(&actor, id).await),
            Self::Endpoint(actor, id, disabled) => text(service.set_endpoint_disabled(&actor, id, disabled).await),
            Self::Person(actor, id, disabled) => text(service.set_person_disabled(&actor, id, disabled).await),
            Self::Retry(actor, input) => text(service.retry_delivery(&actor, input).await),
            Self::Deliver { notices } => text(service.deliver_due(notices, 200).await),
            Self::Escalate => text(service.escalate_due(200).await),
            Self::EscalateOne(id) => text(service.escalate(id).await),
            Self::DeliverShare(id) => text(service.deliver_share(id).await),
            Self::Sequence => text(service.sequence().await),
            Self::GuestEnters(token, right_code) => guest_enters(world, service, &token, right_code).await,
            Self::Guest(secret, does, answer, redirect) => guest(service, &secret, does, answer, redirect).await,
            Self::RevokeLink(actor, id) => text(service.revoke_link(&actor, id).await),
            Self::BreakGlass(actor) => {
                let input = BeginBreakGlass {
                    patient_id: world.patient,
                    reason: "They were brought in unconscious.".to_owned(),
                };
                let case = service.begin_break_glass(&actor, input).await?;
                let (id, user, until) = (case.id, case.user_id, case.expires_at);
                world.glass.lock().unwrap().insert(id, Glass { user, until });
                Ok(format!("{id}"))
            }
            Self::Read(actor, version) => {
                service.note_version(&actor, version).await?;
                let now = world.now();
                let by_role = [&world.fixture.physician, &world.fixture.coordinator];
                let by_role = by_role.iter().any(|one| one.user_id == actor.user_id);
                let open = |glass: &Glass| Some(glass.user) == actor.user_id && now < glass.until;
                let broken = world.glass.lock().unwrap().values().any(open);
                let addressed = actor.organization_id != Some(world.fixture.clinic);
                assert!(
                    by_role || broken || addressed,
                    "{actor:?} read without breaking the glass"
                );
                Ok(String::new())
            }
            Self::EndBreakGlass(actor, id) => {
                let ended = service.end_break_glass(&actor, id).await?;
                world.glass.lock().unwrap().remove(&id);
                Ok(format!("{ended}"))
            }
            Self::ReviewBreakGlass(actor, id) => {
                let input = ReviewBreakGlass {
                    break_glass_id: id,
                    verdict: BreakGlassVerdict::Justified,
                    finding: "It was needed.".to_owned(),
                };
                service.review_break_glass(&actor, input).await?;
                world.glass.lock().unwrap().remove(&id);
                Ok(String::new())
            }
        }
    }
}

/// All the way in by a link: a code is asked for, comes by mail where the mail goes through, and is entered.
async fn guest_enters(world: &World, service: &Service, token: &str, right_code: bool) -> Result<String> {
    let sent = service.send_link_code(ask(token)).await?;
    let before = world.fleet.app.email.sent().len();
    service.deliver_due(false, 200).await?;
    service.deliver_due(true, 200).await?;
    let digits = world.fleet.app.email.sent()[before..]
        .iter()
        .rev()
        .find_map(|mail| match &mail.body {
            OutboundBody::Email(body) => {
                let (_, rest) = body.text.split_once("Your code is ")?;
                Some(rest.chars().take(6).collect::<String>())
            }
            OutboundBody::Webhook(_) => None,
        });
    let digits = digits.unwrap_or_else(|| "000000".to_owned());
    let code = if right_code { digits } else { other(&digits) };
    let opened = service.enter_link_code(enter(&sent, &code)).await?;
    let session = (opened.secret.expose().to_owned(), opened.recipient_id);
    world.guests.lock().unwrap().push(session);
    Ok(String::new())
}

async fn guest(
    service: &Service,
    secret: &str,
    does: GuestDoes,
    answer: Acknowledge,
    redirect: RedirectShare,
) -> Result<String> {
    let session = service.link_session(secret, Some("192.0.2.7"), None, true).await?;
    let (actor, recipient_id) = (session.actor, session.recipient_id);
    match does {
        GuestDoes::Opens => {
            service.open_share(&actor, recipient_id).await?;
            Ok(String::new())
        }
        GuestDoes::OpensAndAcknowledges => {
            service.open_share(&actor, recipient_id).await?;
            text(service.acknowledge(&actor, answer).await)
        }
        GuestDoes::Acknowledges => text(service.acknowledge(&actor, answer).await),
        GuestDoes::Declines => {
            let input = DeclineShare {
                recipient_id,
                reason: Decline::WrongRecipient,
                comment: None,
                idempotency_key: answer.idempotency_key,
            };
            text(service.decline_share(&actor, input).await)
        }
        GuestDoes::Redirects => text(service.redirect_share(&actor, redirect).await),
        GuestDoes::Replies => {
            let input = WriteReply {
                recipient_id,
                body: "Thank you.".to_owned(),
                closes_reply_due: false,
                idempotency_key: answer.idempotency_key,
            };
            text(service.reply(&actor, input).await)
        }
        GuestDoes::Leaves => text(service.end_link_session(secret, None, None).await),
    }
}

/// Whether an error is something broken rather than an answer.
pub(crate) fn broken(error: &ServiceError) -> bool {
    matches!(
        error,
        ServiceError::Internal(_) | ServiceError::Unavailable | ServiceError::Ledger(_)
    )
}

fn text<T: std::fmt::Debug>(result: Result<T>) -> Result<String> {
    result.map(|answer| format!("{answer:?}"))
}

fn confirmed(saved: &DraftSaved) -> Vec<ConfirmUnusual> {
    saved
        .unconfirmed
        .iter()
        .map(|warning| ConfirmUnusual {
            path: warning.path.clone(),
            limit: warning.limit.to_string(),
            value: warning.value,
        })
        .collect()
}

fn signature(saved: &DraftSaved, key: usize) -> SignNote {
    SignNote {
        note_id: saved.note_id,
        expected_revision: saved.revision,
        raised_urgency: None,
        confirmations: confirmed(saved),
        idempotency_key: Some(format!("sign-{key}")),
    }
}

async fn sign(
    world: &World,
    service: &Service,
    actor: &Actor,
    patient_id: PatientId,
    content: NoteContent,
    key: usize,
) -> Result<String> {
    let draft = DraftNote {
        patient_id,
        content: content.clone(),
        confirmations: Vec::new(),
        idempotency_key: Some(format!("draft-{key}")),
    };
    let saved = service.draft_note(actor, draft).await?;
    let signed = service.sign_note(actor, signature(&saved, key)).await?;
    let version = SignedVersion {
        note: signed.note_id,
        version: signed.version_id,
        content,
    };
    world.signed.lock().unwrap().push(version);
    Ok(format!("{signed:?}"))
}

async fn amend(
    world: &World,
    service: &Service,
    actor: &Actor,
    note_id: NoteId,
    content: NoteContent,
    key: usize,
) -> Result<String> {
    let opened = service
        .amend_note(
            actor,
            AmendNote {
                note_id,
                idempotency_key: Some(format!("amend-{key}")),
            },
        )
        .await?;
    let update = UpdateDraft {
        note_id,
        expected_revision: opened.revision,
        content: content.clone(),
        confirmations: Vec::new(),
        set_aside: None,
        idempotency_key: Some(format!("update-{key}")),
    };
    let saved = service.update_draft(actor, update).await?;
    let input = SignAmendment {
        sign: signature(&saved, key),
        reason: "A mistake was found.".to_owned(),
    };
    let signed = service.sign_amendment(actor, input).await?;
    let version = SignedVersion {
        note: note_id,
        version: signed.version_id,
        content,
    };
    world.signed.lock().unwrap().push(version);
    Ok(format!("{signed:?}"))
}
