//! Escalation policies: what happens when nobody answers. Pure; the policies are data that admins edit.
//!
//! Every ladder ends in a call task with a named owner, which `Policy::check` demands.

use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;

use crate::{calendar::Calendar, terms::terms};

terms! {
    /// What an escalation step does.
    StepKind {
        /// Reminds the recipient.
        Reminder = "REMINDER",
        /// Tells the next person: whoever covers, else the team's lead, else the organization's line.
        NextPerson = "NEXT_PERSON",
        /// Gives the clinic a call task with a named owner.
        CallTask = "CALL_TASK",
    }

    /// How a delay is counted.
    DelayUnit {
        /// Minutes on the clock, day and night.
        Minutes = "MINUTES",
        /// Minutes of the recipient's working time.
        WorkingMinutes = "WORKING_MINUTES",
        /// Business days, until closing time.
        BusinessDays = "BUSINESS_DAYS",
    }
}

/// A delay from the moment of sharing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// How many.
    pub amount: u32,
    /// Of what.
    pub unit: DelayUnit,
}

/// One step of a policy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, from the moment of sharing.
    pub after: Delay,
    /// What.
    pub kind: StepKind,
    /// Never later than the end of the calendar day of sharing, in the recipient's zone.
    #[serde(default)]
    pub same_day: bool,
}

/// What happens at one urgency when nobody answers.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// The time within which a recipient is asked to acknowledge.
    pub acknowledge_within: Delay,
    /// Never later than the end of the calendar day of sharing.
    #[serde(default)]
    pub acknowledge_same_day: bool,
    /// The steps, in order of their delays.
    pub steps: Vec<Step>,
}

/// What is wrong with a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct PolicyProblem {
    /// The input's path.
    pub path: String,
    /// What is wrong and what is allowed.
    pub message: String,
}

/// The most steps a policy may have.
pub const MAX_STEPS: usize = 20;

impl Policy {
    /// The defaults of `content.md` section 8.3, proposals that each recipient organization can replace.
    pub fn default_for(urgency: Urgency) -> Self {
        use DelayUnit::{BusinessDays, Minutes, WorkingMinutes};
        use StepKind::{CallTask, NextPerson, Reminder};
        let delay = |amount, unit| Delay { amount, unit };
        let step = |amount, unit, kind| Step {
            after: delay(amount, unit),
            kind,
            same_day: false,
        };
        match urgency {
            Urgency::Emergent => Self {
                acknowledge_within: delay(60, Minutes),
                acknowledge_same_day: false,
                steps: vec![
                    step(15, Minutes, Reminder),
                    step(30, Minutes, NextPerson),
                    step(60, Minutes, CallTask),
                ],
            },
            Urgency::Urgent => Self {
                acknowledge_within: delay(240, WorkingMinutes),
                acknowledge_same_day: true,
                steps: vec![
                    step(60, WorkingMinutes, Reminder),
                    step(120, WorkingMinutes, Reminder),
                    step(240, WorkingMinutes, NextPerson),
                    Step {
                        after: delay(240, WorkingMinutes),
                        kind: CallTask,
                        same_day: true,
                    },
                ],
            },
            Urgency::Routine => Self {
                acknowledge_within: delay(3, BusinessDays),
                acknowledge_same_day: false,
                steps: vec![
                    step(2, BusinessDays, Reminder),
                    step(4, BusinessDays, NextPerson),
                    step(7, BusinessDays, CallTask),
                ],
            },
        }
    }

    /// Checks a policy that came from outside; all problems at once.
    pub fn check(&self) -> Vec<PolicyProblem> {
        let mut problems = Vec::new();
        let mut problem = |path: String, message: &str| {
            problems.push(PolicyProblem {
                path,
                message: message.to_owned(),
            })
        };
        let bound = |unit| match unit {
            DelayUnit::BusinessDays => 60,
            DelayUnit::Minutes | DelayUnit::WorkingMinutes => 60 * 24 * 30,
        };
        if self.acknowledge_within.amount == 0 || self.acknowledge_within.amount > bound(self.acknowledge_within.unit) {
            problem(
                "acknowledgeWithin.amount".to_owned(),
                "1 to 43200 minutes, or 1 to 60 business days",
            );
        }
        if self.steps.is_empty() || self.steps.len() > MAX_STEPS {
            problem("steps".to_owned(), "1 to 20 steps");
        }
        for (index, step) in self.steps.iter().enumerate() {
            if step.after.amount > bound(step.after.unit) {
                problem(
                    format!("steps[{index}].after.amount"),
                    "at most 43200 minutes or 60 business days",
                );
            }
        }
        if self.steps.last().is_none_or(|last| last.kind != StepKind::CallTask) {
            problem(
                "steps".to_owned(),
                "the last step must be CALL_TASK, so that a named person is told in the end",
            );
        }
        problems
    }

    /// By when an acknowledgment is asked for.
    pub fn due(&self, urgency: Urgency, shared_at: DateTime<Utc>, calendar: &Calendar) -> DateTime<Utc> {
        bounded(
            moment(self.acknowledge_within, urgency, shared_at, calendar),
            self.acknowledge_same_day,
            shared_at,
            calendar,
        )
    }

    /// The steps with their due times, in the order in which they happen. Steps count from the moment of sharing, each
    /// for itself: a call task that may not wait past midnight comes before a reminder that waits for the morning.
    pub fn schedule(&self, urgency: Urgency, shared_at: DateTime<Utc>, calendar: &Calendar) -> Vec<ScheduledStep> {
        let mut schedule: Vec<_> = self
            .steps
            .iter()
            .map(|step| {
                let mut due = moment(step.after, urgency, shared_at, calendar);
                // Quiet hours spare the recipient's people, never the clinic's duty to call.
                if urgency != Urgency::Emergent && step.kind != StepKind::CallTask {
                    due = calendar.after_quiet_hours(due);
                }
                ScheduledStep {
                    kind: step.kind,
                    due: bounded(due, step.same_day, shared_at, calendar),
                }
            })
            .collect();
        schedule.sort_by_key(|step| step.due);
        schedule
    }
}

/// A step at its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScheduledStep {
    /// What.
    pub kind: StepKind,
    /// When.
    pub due: DateTime<Utc>,
}

fn moment(delay: Delay, urgency: Urgency, from: DateTime<Utc>, calendar: &Calendar) -> DateTime<Utc> {
    let holidays = urgency == Urgency::Routine;
    match delay.unit {
        DelayUnit::Minutes => from + chrono::TimeDelta::minutes(i64::from(delay.amount)),
        DelayUnit::WorkingMinutes => calendar.add_working_minutes(from, delay.amount, holidays),
        DelayUnit::BusinessDays => calendar.add_business_days(from, delay.amount, holidays),
    }
}

fn bounded(at: DateTime<Utc>, same_day: bool, shared_at: DateTime<Utc>, calendar: &Calendar) -> DateTime<Utc> {
    if same_day {
        at.min(calendar.end_of_day(shared_at))
    } else {
        at
    }
}

#[cfg(test)]
mod tests;
