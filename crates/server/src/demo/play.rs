//! Lets the story happen: every act through the use case that a person would use, as that person.

use std::collections::{BTreeMap, HashMap};

use anyhow::{Context, bail};
use liaison_clinical::NoteContent;
use liaison_domain::{CallTaskStatus, Duty, NoteId, NoteVersionId, QuestionStatus, RecipientId, ShareId};
use liaison_service::{
    Service,
    loops::{
        NewQuestion, NewRecipient, ShareNote,
        acknowledge::{Acknowledge, QuestionAnswer},
        call_task::CompleteCallTask,
        decline::DeclineShare,
        hold::ChangeHold,
        redirect::RedirectShare,
        share_note::Override,
    },
    notes::{AmendNote, ConfirmUnusual, DraftNote, NoteSigned, SignAmendment, SignNote, UpdateDraft},
};
use liaison_store::{call_tasks, recipients, shares};

use super::{
    people::{Team, Who},
    settle::Time,
    story::{Act, Asked, Event},
    world::World,
};

/// A loop of the story.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loop {
    /// The loop.
    pub(crate) recipient_id: RecipientId,
    /// Its share.
    pub(crate) share_id: ShareId,
    /// What was sent.
    pub(crate) version_id: NoteVersionId,
}

/// The newest version of a document of the story.
#[derive(Clone)]
struct Document {
    note_id: NoteId,
    version_id: NoteVersionId,
    content: NoteContent,
}

/// What has happened so far.
pub(crate) struct Player<'a> {
    time: &'a Time,
    world: &'a World,
    documents: HashMap<String, Document>,
    /// The loops by their names.
    pub(crate) loops: BTreeMap<String, Loop>,
}

impl<'a> Player<'a> {
    /// Nothing has happened yet.
    pub(crate) fn new(time: &'a Time, world: &'a World) -> Self {
        Self {
            time,
            world,
            documents: HashMap::new(),
            loops: BTreeMap::new(),
        }
    }

    fn service(&self) -> &'a Service {
        &self.time.service
    }

    /// Lets time pass until an event, and lets it happen.
    pub(crate) async fn event(&mut self, event: Event) -> anyhow::Result<()> {
        self.time.pass(event.at).await?;
        match event.act {
            Act::Sign { document, content } => self.sign(document, *content).await,
            Act::Share {
                document,
                suffix,
                to,
                urgency,
                verbal,
                questions,
                because,
            } => {
                let recipients = to
                    .iter()
                    .map(|&team| self.recipient(team))
                    .collect::<anyhow::Result<_>>()?;
                let version_id = self.document(&document)?.version_id;
                let overrides = because.map(|reason| Override {
                    code: "NOT_ON_CARE_TEAM".to_owned(),
                    reason: reason.to_owned(),
                });
                let input = ShareNote {
                    note_version_id: version_id,
                    recipients,
                    urgency,
                    questions: questions.into_iter().map(question).collect(),
                    message: None,
                    verbal,
                    overrides: overrides.into_iter().collect(),
                    idempotency_key: None,
                };
                let shared = self
                    .service()
                    .share_note(self.world.actor(Who::Physician)?, input)
                    .await?;
                for (team, recipient_id) in to.iter().zip(shared.recipient_ids) {
                    let name = format!("{document}{suffix} {}", team.short());
                    self.loops.insert(
                        name,
                        Loop {
                            recipient_id,
                            share_id: shared.share_id,
                            version_id,
                        },
                    );
                }
                Ok(())
            }
            Act::Amend { document, add, reason } => self.amend(document, add, reason).await,
            Act::Open { name, who } => {
                let id = self.named(&name)?.recipient_id;
                self.service().open_share(self.world.actor(who)?, id).await?;
                Ok(())
            }
            Act::Acknowledge {
                name,
                who,
                dispositions,
                comment,
            } => {
                let this = self.named(&name)?;
                let input = Acknowledge {
                    recipient_id: Some(this.recipient_id),
                    note_version_id: Some(this.version_id),
                    dispositions,
                    answers: self.answers(this, comment.as_deref()).await?,
                    comment,
                    ..Acknowledge::default()
                };
                self.service().acknowledge(self.world.actor(who)?, input).await?;
                Ok(())
            }
            Act::Redirect { name, who, to, reason } => {
                let this = self.named(&name)?;
                let input = RedirectShare {
                    recipient_id: this.recipient_id,
                    to_team_id: None,
                    to_user_id: Some(self.world.user(to)?),
                    to_organization_id: None,
                    reason: reason.to_owned(),
                    idempotency_key: None,
                };
                let done = self.service().redirect_share(self.world.actor(who)?, input).await?;
                let new = Loop {
                    recipient_id: done.new_recipient_id,
                    ..this
                };
                self.loops.insert(format!("{name}, redirected"), new);
                Ok(())
            }
            Act::Decline {
                name,
                who,
                reason,
                comment,
            } => {
                let input = DeclineShare {
                    recipient_id: self.named(&name)?.recipient_id,
                    reason,
                    comment: Some(comment.to_owned()),
                    idempotency_key: None,
                };
                self.service().decline_share(self.world.actor(who)?, input).await?;
                Ok(())
            }
            Act::AcceptHold { name } => self.accept_hold(&name).await,
            Act::Call {
                name,
                by,
                spoken_with,
                dispositions,
                note,
            } => {
                let input = CompleteCallTask {
                    call_task_id: self.call_owed(&name).await?,
                    spoken_with: spoken_with.name().to_owned(),
                    spoken_with_user_id: Some(self.world.user(spoken_with)?),
                    at: self.service().now(),
                    read_back: true,
                    dispositions,
                    note: Some(note.to_owned()),
                    idempotency_key: None,
                };
                self.service().complete_call_task(self.world.actor(by)?, input).await?;
                Ok(())
            }
        }
    }

    async fn sign(&mut self, document: String, content: NoteContent) -> anyhow::Result<()> {
        let physician = self.world.actor(Who::Physician)?;
        let letter: String = document.chars().take(1).collect();
        let draft = DraftNote {
            patient_id: self.world.patient(&letter)?,
            content: content.clone(),
            confirmations: Vec::new(),
            idempotency_key: None,
        };
        let saved = self.service().draft_note(physician, draft).await?;
        let sign = self.signature(saved.note_id, saved.revision, &saved.unconfirmed);
        let signed = self.service().sign_note(physician, sign).await?;
        self.keep(document, &signed, content);
        Ok(())
    }

    fn signature(&self, note_id: NoteId, revision: i64, unusual: &[liaison_clinical::SoftWarning]) -> SignNote {
        // The physician looks at every unusual value before signing.
        let confirmations = unusual.iter().map(|warning| ConfirmUnusual {
            path: warning.path.clone(),
            limit: warning.limit.to_string(),
            value: warning.value,
        });
        SignNote {
            note_id,
            expected_revision: revision,
            raised_urgency: None,
            confirmations: confirmations.collect(),
            idempotency_key: None,
        }
    }

    fn keep(&mut self, document: String, signed: &NoteSigned, content: NoteContent) {
        let kept = Document {
            note_id: signed.note_id,
            version_id: signed.version_id,
            content,
        };
        self.documents.insert(document, kept);
    }

    /// Amends an infusion summary's first recommendation. The use case asks the recipients again by itself.
    async fn amend(&mut self, document: &str, add: &str, reason: &str) -> anyhow::Result<()> {
        let physician = self.world.actor(Who::Physician)?;
        let Document {
            note_id, mut content, ..
        } = self.document(document)?.clone();
        let opened = self
            .service()
            .amend_note(
                physician,
                AmendNote {
                    note_id,
                    idempotency_key: None,
                },
            )
            .await?;
        let NoteContent::InfusionSummary(summary) = &mut content else {
            bail!("{document} is no infusion summary")
        };
        let advice = summary
            .recommendations
            .first_mut()
            .with_context(|| format!("{document} recommends nothing"))?;
        advice.text = Some(format!("{} {add}", advice.text.as_deref().unwrap_or_default()));
        let update = UpdateDraft {
            note_id,
            expected_revision: opened.revision,
            content: content.clone(),
            confirmations: Vec::new(),
            set_aside: None,
            idempotency_key: None,
        };
        let saved = self.service().update_draft(physician, update).await?;
        let sign = self.signature(note_id, saved.revision, &saved.unconfirmed);
        let input = SignAmendment {
            sign,
            reason: reason.to_owned(),
        };
        let signed = self.service().sign_amendment(physician, input).await?;
        let mut conn = self.service().store().read().await?;
        let again = shares::by_note(&mut conn, note_id).await?;
        let again = again.iter().find(|share| share.note_version_id == signed.version_id);
        let share_id = again
            .with_context(|| format!("nobody was asked again about {document}"))?
            .id;
        for row in recipients::of_shares(&mut conn, &[share_id.uuid()]).await? {
            let team = Team::ALL
                .into_iter()
                .find(|&team| self.world.team_id(team).ok() == row.to_team_id);
            let name = format!(
                "{document} v{} {}",
                signed.version,
                team.map_or("somebody", Team::short)
            );
            self.loops.insert(
                name,
                Loop {
                    recipient_id: row.id,
                    share_id,
                    version_id: signed.version_id,
                },
            );
        }
        drop(conn);
        self.keep(document.to_owned(), &signed, content);
        Ok(())
    }

    /// The comment answers what the share asks of the recipient's role.
    async fn answers(&self, this: Loop, comment: Option<&str>) -> anyhow::Result<Vec<QuestionAnswer>> {
        let Some(text) = comment else { return Ok(Vec::new()) };
        let mut conn = self.service().store().read().await?;
        let row = recipients::find(&mut conn, this.recipient_id)
            .await?
            .context("a loop of the story")?;
        let asked = shares::questions_of(&mut conn, &[this.share_id.uuid()]).await?;
        let mine = asked.into_iter().filter(|question| {
            question.status == QuestionStatus::Open && question.care_role.is_none_or(|role| role == row.care_role)
        });
        Ok(mine
            .map(|question| QuestionAnswer {
                question_id: question.id,
                text: text.to_owned(),
            })
            .collect())
    }

    async fn accept_hold(&self, name: &str) -> anyhow::Result<()> {
        let physician = self.world.actor(Who::Physician)?;
        let letter: String = name.chars().take(1).collect();
        let id = self.named(name)?.recipient_id;
        let holds = self.service().holds(physician, self.world.patient(&letter)?).await?;
        let asked = holds.iter().find(|hold| hold.row.recipient_id == id);
        let hold_id = asked
            .with_context(|| format!("no hold was asked for by {name}"))?
            .row
            .id;
        self.service()
            .accept_hold(
                physician,
                ChangeHold {
                    hold_id,
                    idempotency_key: None,
                },
            )
            .await?;
        Ok(())
    }

    async fn call_owed(&self, name: &str) -> anyhow::Result<liaison_domain::CallTaskId> {
        let id = self.named(name)?.recipient_id;
        let mut conn = self.service().store().read().await?;
        let tasks = call_tasks::of_recipients(&mut conn, &[id.uuid()]).await?;
        let open = tasks.iter().find(|task| task.status == CallTaskStatus::Open);
        Ok(open
            .with_context(|| format!("the clinic owes no call about {name}"))?
            .id)
    }

    fn recipient(&self, team: Team) -> anyhow::Result<NewRecipient> {
        Ok(NewRecipient {
            team_id: Some(self.world.team_id(team)?),
            user_id: None,
            organization_id: None,
            care_role: None,
            duty: Duty::Required,
        })
    }

    fn document(&self, name: &str) -> anyhow::Result<&Document> {
        self.documents
            .get(name)
            .with_context(|| format!("{name} was not signed yet"))
    }

    fn named(&self, name: &str) -> anyhow::Result<Loop> {
        self.loops
            .get(name)
            .copied()
            .with_context(|| format!("there is no loop {name} yet"))
    }
}

fn question(asked: Asked) -> NewQuestion {
    NewQuestion {
        care_role: asked.care_role,
        text: asked.text,
        respond_by: asked.respond_by,
    }
}
