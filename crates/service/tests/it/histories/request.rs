//! A request to the service: an act with its actor and its object found. The same request can be made again.

use liaison_clinical::NoteContent;
use liaison_domain::{
    Actor, CallTaskId, CoverageId, EndpointId, NoteId, PatientId, RecipientId, RestrictionId, UserId,
};
use liaison_service::{
    Result, Service, ServiceError,
    directory::CreateCoverage,
    loops::{
        ShareNote, acknowledge::Acknowledge, call_task::CompleteCallTask, decline::DeclineShare, recall::RecallShare,
        redirect::RedirectShare, reply::WriteReply,
    },
    notes::{AmendNote, ConfirmUnusual, DraftNote, DraftSaved, SignAmendment, SignNote, UpdateDraft, WithdrawNote},
    patients::AddRestriction,
    work::repair::RetryDelivery,
};

use super::world::{SignedVersion, World};

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
    Sequence,
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
            Self::Sequence => "sequence",
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
            Self::Sequence => text(service.sequence().await),
        }
    }
}

/// Whether an error is something broken rather than an answer.
pub(super) fn broken(error: &ServiceError) -> bool {
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
