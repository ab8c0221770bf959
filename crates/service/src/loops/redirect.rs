//! Redirect a loop to a colleague: the colleague's loop opens with a full clock; the sender's duty ends only when the
//! colleague accepts or acknowledges.

use liaison_domain::{
    Actor, LoopEvent, NoticeKind, OrganizationId, RecipientId, ReplyId, TeamId, Urgency, UserId, access::Action,
    disposition::MAX_COMMENT,
};
use liaison_store::{
    Tx, call_tasks, deliveries,
    recipients::{self, RecipientRow},
    replies::{self, ReplyRow},
    shares,
};
use serde::{Deserialize, Serialize};

use super::{change::apply, release_check::CheckSeverity, reply::body_place, share_note::NewRecipient};
use crate::{FieldProblem, Result, Service, ServiceError, idempotency};

/// Redirect as a recipient.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RedirectShare {
    /// The loop.
    pub recipient_id: RecipientId,
    /// The colleague's team, or ...
    pub to_team_id: Option<TeamId>,
    /// ... the colleague. Exactly one of the two.
    pub to_user_id: Option<UserId>,
    /// For a colleague in several organizations: which one.
    pub to_organization_id: Option<OrganizationId>,
    /// Why: 1 to 4,000 characters, the first message of the colleague's thread. PHI.
    pub reason: String,
    /// Repeats with the same key change nothing.
    pub idempotency_key: Option<String>,
}

/// What a redirect became.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redirected {
    /// The loop that was redirected.
    pub recipient_id: RecipientId,
    /// The colleague's loop.
    pub new_recipient_id: RecipientId,
}

impl Service {
    /// Redirects a loop.
    pub async fn redirect_share(&self, actor: &Actor, input: RedirectShare) -> Result<Redirected> {
        self.loop_as_recipient(actor, input.recipient_id, Action::Acknowledge)
            .await?;
        let mut problems = Vec::new();
        let length = input.reason.trim().chars().count();
        if length == 0 || length > MAX_COMMENT {
            problems.push(FieldProblem::new(
                "reason",
                "OUT_OF_RANGE",
                format!("1 to {MAX_COMMENT} characters"),
            ));
        }
        let key = input.idempotency_key.clone();
        let mut tx = self.begin().await?;
        if let Some(earlier) = idempotency::replay(&mut tx, actor, key.as_deref(), "redirectShare", &input).await? {
            return Ok(earlier);
        }
        let mut row = recipients::lock(&mut tx, input.recipient_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let redirected = self.write_redirect(&mut tx, actor, &mut row, &input, problems).await?;
        idempotency::keep(
            self,
            &mut tx,
            actor,
            key.as_deref(),
            "redirectShare",
            &input,
            &redirected,
        )
        .await?;
        tx.commit().await?;
        Ok(redirected)
    }

    async fn write_redirect(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        row: &mut RecipientRow,
        input: &RedirectShare,
        mut problems: Vec<FieldProblem>,
    ) -> Result<Redirected> {
        let now = self.now();
        apply(row, LoopEvent::Redirect, now)?;
        let share = shares::find(tx, row.share_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let version = shares::shareable(tx, row.note_version_id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        let wanted = NewRecipient {
            team_id: input.to_team_id,
            user_id: input.to_user_id,
            organization_id: input.to_organization_id,
            care_role: Some(row.care_role),
            duty: row.duty,
        };
        let (targets, known) = match self.resolve(tx, row.patient_id, std::slice::from_ref(&wanted)).await {
            Ok(found) => found,
            Err(ServiceError::Invalid(found)) => {
                problems.extend(found.into_iter().map(renamed));
                return Err(ServiceError::Invalid(problems));
            }
            Err(other) => return Err(other),
        };
        let others = recipients::of_shares(tx, &[row.share_id.uuid()]).await?;
        let same = |other: &RecipientRow| {
            (other.to_team_id, other.to_user_id) == (input.to_team_id, input.to_user_id) && !other.sealed_from_recipient
        };
        if others.iter().any(same) {
            problems.push(FieldProblem::new(
                "toTeamId",
                "ALREADY_RECIPIENT",
                "they have this share already",
            ));
        }
        // A colleague who is not on the care team is what redirecting is for; a restriction is not a recipient's to
        // override.
        let checks = self.check_release(tx, &version, &targets, &known).await?;
        problems.extend(
            checks
                .into_iter()
                .filter(|check| check.severity == CheckSeverity::Blocks || check.code == "RESTRICTED")
                .map(|check| FieldProblem::new("toTeamId", check.code, check.message)),
        );
        if !problems.is_empty() {
            return Err(ServiceError::Invalid(problems));
        }
        let basis = self
            .loop_basis(tx, share.organization_id, share.urgency, &targets)
            .await?;
        let created = self
            .write_loops(tx, actor, &share, (&targets, &basis), Some(row.id))
            .await?;
        let new = created.first().ok_or(ServiceError::NotFound("this"))?;
        row.redirected_to = Some(new.id);
        self.keep_reason(tx, actor, new, input.reason.trim()).await?;
        deliveries::cancel_of_recipient(tx, row.id, now).await?;
        call_tasks::cancel_waiting(tx, row.id, now).await?;
        let mut entry = self.loop_entry(actor, "recipient.redirect", row);
        entry.object_id = Some(new.id.to_string());
        entry
            .detail
            .insert("to_organization_id", new.to_organization_id.to_string());
        tx.record(entry);
        let by = self.named_by(tx, actor).await?;
        let urgency = row.urgency.max(Urgency::Urgent);
        let users = vec![row.shared_by];
        self.tell_clinic_by(tx, row, NoticeKind::Redirected, users, (urgency, true), by)
            .await?;
        self.save_loop(tx, row).await?;
        Ok(Redirected {
            recipient_id: row.id,
            new_recipient_id: new.id,
        })
    }

    /// Keeps why it was passed on as the first message of the colleague's thread, where the colleague and the clinic
    /// read it.
    async fn keep_reason(&self, tx: &mut Tx, actor: &Actor, new: &RecipientRow, reason: &str) -> Result<()> {
        let Some(author) = actor.author() else { return Ok(()) };
        let id: ReplyId = self.id();
        let key = self.store().keyring()?.patient_key(tx, new.patient_id).await?;
        let message = ReplyRow {
            id,
            share_id: new.share_id,
            recipient_id: new.id,
            patient_id: new.patient_id,
            author_id: author.user_id(),
            guest_id: author.guest_id(),
            organization_id: self.organization(actor)?,
            from_clinic: false,
            closes_reply_due: false,
            body_sealed: key.seal(body_place(id), reason.as_bytes(), &*self.store().random())?,
            written_at: self.now(),
        };
        replies::insert(tx, &message).await?;
        let mut entry = self.loop_entry(actor, "reply.create", new);
        entry.object_id = Some(id.to_string());
        entry.detail.insert("from_clinic", false.to_string());
        entry.detail.insert("closes_reply_due", false.to_string());
        tx.record(entry);
        Ok(())
    }

    /// Takes a redirected loop on without acknowledging it yet: the redirecting colleague's duty ends.
    pub async fn accept_redirect(&self, actor: &Actor, id: RecipientId) -> Result<()> {
        self.loop_as_recipient(actor, id, Action::Acknowledge).await?;
        let mut tx = self.begin().await?;
        let row = recipients::lock(&mut tx, id)
            .await?
            .ok_or(ServiceError::NotFound("this"))?;
        row.state().may_open()?;
        if row.redirected_from.is_none() {
            return Err(ServiceError::conflict(
                "NOT_REDIRECTED",
                "nobody redirected this to you",
            ));
        }
        self.accept_redirect_of(&mut tx, actor, &row).await?;
        Ok(tx.commit().await?)
    }

    /// Marks the loop that was redirected here as taken on, if there is one and it was not yet.
    pub(crate) async fn accept_redirect_of(&self, tx: &mut Tx, actor: &Actor, row: &RecipientRow) -> Result<()> {
        let Some(from) = row.redirected_from else { return Ok(()) };
        let Some(mut origin) = recipients::lock(tx, from).await? else {
            return Ok(());
        };
        if origin.redirect_accepted_at.is_some() {
            return Ok(());
        }
        origin.redirect_accepted_at = Some(self.now());
        let mut entry = self.loop_entry(actor, "redirect.accept", &origin);
        entry.object_id = Some(row.id.to_string());
        tx.record(entry);
        self.save_loop(tx, &mut origin).await
    }
}

/// The single recipient's problems under the names of this act's fields.
fn renamed(problem: FieldProblem) -> FieldProblem {
    let path = match problem.path.strip_prefix("recipients[0]") {
        Some(".teamId") | Some("") => "toTeamId".to_owned(),
        Some(".userId") => "toUserId".to_owned(),
        Some(".organizationId") => "toOrganizationId".to_owned(),
        _ => problem.path,
    };
    FieldProblem { path, ..problem }
}
