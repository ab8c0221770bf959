//! The evidence ladder and the state machine of one recipient: the loop. Pure.
//!
//! Level 0 to 5 says what is proven. It only ever rises. Outcomes stand beside it. A transition that makes no sense is
//! an error with its reason; evidence that comes late is taken in, marked late, and corrects the state.

use crate::terms::{Duty, terms};

terms! {
    /// What is proven about one recipient. Monotone.
    EvidenceLevel {
        /// 0: the share committed.
        Queued = "QUEUED",
        /// 1: the next hop took it (SMTP 250).
        Accepted = "ACCEPTED",
        /// 2: their system holds it (webhook 2xx).
        Received = "RECEIVED",
        /// 3: it stands where a person can see it.
        Placed = "PLACED",
        /// 4: an identified person fetched the content. A server-side fact.
        Opened = "OPENED",
        /// 5: a named person acknowledged, with a disposition.
        Acknowledged = "ACKNOWLEDGED",
    }

    /// An outcome beside the ladder.
    Outcome {
        /// No channel reaches the recipient. Later evidence corrects it.
        Failed = "FAILED",
        /// The recipient declined (wrong recipient, unable to act).
        Declined = "DECLINED",
        /// The recipient named a colleague, whose own loop is now open.
        Redirected = "REDIRECTED",
        /// The sender took the share back, or the note was entered in error.
        Recalled = "RECALLED",
        /// A newer version took this one's place.
        Superseded = "SUPERSEDED",
    }
}

impl EvidenceLevel {
    /// The level's number, 0 to 5, as the database keeps it.
    pub fn number(self) -> i16 {
        self as i16
    }

    /// The level of a number from the database.
    pub fn from_number(number: i16) -> Option<Self> {
        usize::try_from(number)
            .ok()
            .and_then(|index| Self::ALL.get(index))
            .copied()
    }
}

/// Where one loop stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LoopState {
    /// Must the recipient acknowledge?
    pub duty: Duty,
    /// What is proven.
    pub level: EvidenceLevel,
    /// An outcome beside the ladder.
    pub outcome: Option<Outcome>,
    /// The acknowledgment asks the clinic for an answer that was not given yet.
    pub reply_due: bool,
}

/// What can happen to a loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LoopEvent {
    /// A fact below acknowledgment came in.
    Evidence(EvidenceLevel),
    /// A named person acknowledged; `needs_reply` when a disposition asks the clinic for an answer.
    Acknowledge {
        /// Does a disposition ask for the clinic's answer?
        needs_reply: bool,
    },
    /// The clinic answered.
    ClinicReplied,
    /// The recipient declined.
    Decline,
    /// The recipient named a colleague.
    Redirect,
    /// The sender took it back.
    Recall,
    /// A newer version took its place.
    Supersede,
    /// Every channel is dead.
    AllChannelsDead,
}

/// Why an event cannot happen in a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Illegal {
    /// The loop was acknowledged before.
    #[error("this was acknowledged before")]
    AlreadyAcknowledged,
    /// The content was not opened, so there is nothing that could be acknowledged.
    #[error("the note was not opened yet; open it first")]
    NotOpened,
    /// The sender took it back.
    #[error("the sender recalled this share")]
    Recalled,
    /// A newer version exists.
    #[error("a newer version replaced this one; open that one")]
    Superseded,
    /// It was declined.
    #[error("this was declined before")]
    Declined,
    /// It was passed to a colleague.
    #[error("this was redirected to a colleague before")]
    Redirected,
    /// No answer of the clinic is due.
    #[error("no reply of the clinic is due")]
    NoReplyDue,
    /// Acknowledgment is not evidence that a channel may report.
    #[error("only a named person acknowledges")]
    NotByEvidence,
}

impl LoopState {
    /// A loop at the moment its share commits.
    pub fn new(duty: Duty) -> Self {
        Self {
            duty,
            level: EvidenceLevel::Queued,
            outcome: None,
            reply_due: false,
        }
    }

    /// Whether somebody must still acknowledge: the escalation runs.
    pub fn is_open(&self) -> bool {
        self.duty.is_required()
            && self.level < EvidenceLevel::Acknowledged
            && matches!(self.outcome, None | Some(Outcome::Failed))
    }

    /// Whether everything about the loop is done, the clinic's reply included.
    pub fn is_closed(&self) -> bool {
        self.level == EvidenceLevel::Acknowledged && !self.reply_due
            || matches!(
                self.outcome,
                Some(Outcome::Declined | Outcome::Redirected | Outcome::Recalled | Outcome::Superseded)
            )
    }

    /// Whether the recipient may fetch the content now.
    pub fn may_open(&self) -> Result<(), Illegal> {
        match self.outcome {
            None | Some(Outcome::Failed) => Ok(()),
            Some(Outcome::Declined) => Err(Illegal::Declined),
            Some(Outcome::Redirected) => Err(Illegal::Redirected),
            Some(Outcome::Recalled) => Err(Illegal::Recalled),
            Some(Outcome::Superseded) => Err(Illegal::Superseded),
        }
    }

    /// The state after an event, or why the event cannot happen.
    pub fn apply(self, event: LoopEvent) -> Result<Self, Illegal> {
        match event {
            LoopEvent::Evidence(EvidenceLevel::Acknowledged) => Err(Illegal::NotByEvidence),
            LoopEvent::Evidence(level) => Ok(self.with_evidence(level)),
            LoopEvent::Acknowledge { needs_reply } => {
                self.may_open()?;
                match self.level {
                    EvidenceLevel::Acknowledged => Err(Illegal::AlreadyAcknowledged),
                    EvidenceLevel::Opened => Ok(Self {
                        level: EvidenceLevel::Acknowledged,
                        outcome: None,
                        reply_due: needs_reply,
                        ..self
                    }),
                    _ => Err(Illegal::NotOpened),
                }
            }
            LoopEvent::ClinicReplied if self.reply_due => Ok(Self {
                reply_due: false,
                ..self
            }),
            LoopEvent::ClinicReplied => Err(Illegal::NoReplyDue),
            LoopEvent::Decline => self.leave(Outcome::Declined),
            LoopEvent::Redirect => self.leave(Outcome::Redirected),
            // An acknowledged version can still be taken back or replaced: the acknowledgment stays on record.
            LoopEvent::Recall => self.end(Outcome::Recalled),
            LoopEvent::Supersede => self.end(Outcome::Superseded),
            LoopEvent::AllChannelsDead => Ok(match (self.outcome, self.level) {
                // A person was there already: a dead channel changes nothing.
                (None, level) if level < EvidenceLevel::Opened => Self {
                    outcome: Some(Outcome::Failed),
                    ..self
                },
                _ => self,
            }),
        }
    }

    fn with_evidence(self, level: EvidenceLevel) -> Self {
        // Evidence of arrival corrects an earlier failure; it never reopens what somebody ended.
        let outcome = match self.outcome {
            Some(Outcome::Failed) if level > EvidenceLevel::Queued => None,
            other => other,
        };
        Self {
            level: self.level.max(level),
            outcome,
            ..self
        }
    }

    fn leave(self, outcome: Outcome) -> Result<Self, Illegal> {
        self.may_open()?;
        if self.level == EvidenceLevel::Acknowledged {
            return Err(Illegal::AlreadyAcknowledged);
        }
        Ok(Self {
            outcome: Some(outcome),
            ..self
        })
    }

    fn end(self, outcome: Outcome) -> Result<Self, Illegal> {
        match self.outcome {
            Some(Outcome::Recalled) => Err(Illegal::Recalled),
            Some(Outcome::Superseded) => Err(Illegal::Superseded),
            // A decline or redirect stays what it was: that person holds no copy that could be taken back.
            Some(Outcome::Declined) => Err(Illegal::Declined),
            Some(Outcome::Redirected) => Err(Illegal::Redirected),
            None | Some(Outcome::Failed) => Ok(Self {
                outcome: Some(outcome),
                reply_due: false,
                ..self
            }),
        }
    }
}

#[cfg(test)]
mod tests;
