//! The clinic's words for what happened to a share: whole phrases that a physician reads at a glance, never our codes.

use liaison_domain::{
    CallReason, CareRole, ChannelKind, DeliveryPurpose, DeliveryState, Disposition, EvidenceLevel, NoticeKind, Outcome,
    escalation::StepKind,
};
use liaison_service::reading::RecipientRow;

pub(super) use crate::words::{note_kind as kind, urgency, urgency_class};

/// How far a copy came.
pub(super) fn level(level: EvidenceLevel) -> &'static str {
    match level {
        EvidenceLevel::Queued => "Not delivered yet",
        EvidenceLevel::Accepted => "Taken by their mail server",
        EvidenceLevel::Received => "Received by their system",
        EvidenceLevel::Placed => "In their inbox, unopened",
        EvidenceLevel::Opened => "Opened",
        EvidenceLevel::Acknowledged => "Acknowledged",
    }
}

/// An outcome beside the ladder.
pub(super) fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Failed => "Cannot be delivered",
        Outcome::Declined => "Declined",
        Outcome::Redirected => "Passed on to a colleague",
        Outcome::Recalled => "Recalled",
        Outcome::Superseded => "Replaced by a newer version",
    }
}

/// The badge's colour for a loop; the words say the same.
pub(super) fn tone(row: &RecipientRow) -> &'static str {
    match (row.outcome, row.level) {
        (Some(Outcome::Failed | Outcome::Declined), _) => "bad",
        (Some(_), _) => "",
        (None, EvidenceLevel::Acknowledged) if row.reply_due => "warn",
        (None, EvidenceLevel::Acknowledged) => "good",
        (None, EvidenceLevel::Opened) => "info",
        _ => "",
    }
}

/// The part somebody plays for the patient.
pub(super) fn care_role(role: CareRole) -> &'static str {
    match role {
        CareRole::Oncologist => "Oncology",
        CareRole::PalliativeClinician => "Palliative care",
        CareRole::PrimaryCare => "Primary care",
        CareRole::Other => "Other",
    }
}

/// What the timers do next.
pub(super) fn step(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Reminder => "They are reminded",
        StepKind::NextPerson => "Their next person is told",
        StepKind::CallTask => "We are asked to call",
    }
}

/// What a taken step did.
pub(super) fn step_taken(code: &str) -> &'static str {
    match code {
        "REMINDER" => "Reminder sent",
        "NEXT_PERSON" => "Next person told",
        _ => "Call asked of the clinic",
    }
}

/// Why a step was taken, or not; empty for the usual reason.
pub(super) fn step_cause(code: &str) -> &'static str {
    match code {
        "UNDELIVERABLE" => "early, because no channel works",
        "LATE" => "too late to be of use, left out",
        "SKIPPED_UNDELIVERABLE" => "left out, because no channel works",
        _ => "",
    }
}

/// What a disposition says.
pub(super) fn disposition(code: Disposition) -> &'static str {
    match code {
        Disposition::ReviewedNoChange => "Reviewed, no change to their plan",
        Disposition::PlanAdjusted => "They changed their plan",
        Disposition::WillContactPatient => "They will contact the patient",
        Disposition::RequestCall => "Asks for a call",
        Disposition::HoldInfusions => "Asks to hold infusions",
        Disposition::ConcernIdentified => "Concern or contraindication",
        Disposition::AnswerQuestions => "Answers to the questions",
        Disposition::OpioidChangePlanned => "Opioids change",
        Disposition::TreatmentChange => "Cancer treatment changed",
        Disposition::PatientDeceased => "The patient died",
        Disposition::HospiceEnrolled => "The patient is in hospice",
    }
}

/// Why a recipient declined.
pub(super) fn decline(code: &str) -> &'static str {
    match code {
        "WRONG_RECIPIENT" => "not their patient or the wrong person",
        _ => "cannot act",
    }
}

/// By which way a message goes.
pub(super) fn channel(channel: ChannelKind) -> &'static str {
    match channel {
        ChannelKind::Email => "e-mail",
        ChannelKind::Webhook => "their system",
    }
}

/// What a message is for.
pub(super) fn purpose(purpose: DeliveryPurpose) -> &'static str {
    match purpose {
        DeliveryPurpose::Notice => "First message",
        DeliveryPurpose::Reminder => "Reminder",
        DeliveryPurpose::NextPerson => "Message to the next person",
        DeliveryPurpose::Correction => "Correction",
        DeliveryPurpose::Reply => "Reply",
        DeliveryPurpose::PersonNotice => "Notice to a person",
        DeliveryPurpose::Digest => "Digest",
        DeliveryPurpose::LinkCode => "Code",
        DeliveryPurpose::AccountLink => "Link to an account",
        DeliveryPurpose::AccountChange => "Change of how somebody signs in",
        DeliveryPurpose::EndpointTest => "Test",
    }
}

/// Where a message stands.
pub(super) fn delivery_state(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "waits for its next try",
        DeliveryState::Sending => "is being sent",
        DeliveryState::Delivered => "taken by the other side",
        DeliveryState::Dead => "given up",
        DeliveryState::Cancelled => "no longer needed",
    }
}

/// What one try came to.
pub(super) fn attempt(code: &str) -> &'static str {
    match code {
        "STARTED" => "under way",
        "DELIVERED" => "taken",
        "PERMANENT" => "refused for good",
        "TRANSIENT" => "failed, will be tried again",
        _ => "unknown whether it arrived",
    }
}

/// Why a message was given up.
pub(super) fn dead(code: &str) -> &'static str {
    match code {
        "REFUSED" => "the other side refused it for good",
        "EXHAUSTED" => "every try failed",
        "ENDPOINT_DISABLED" => "the address was switched off",
        _ => "its tries kept being cut off",
    }
}

/// Where a fact comes from.
pub(super) fn source(code: &str) -> &'static str {
    match code {
        "smtp" => "their mail server's answer",
        "webhook" => "their system's answer",
        "inbox" => "placed in their inbox here",
        "open" => "the content was fetched after sign-in",
        "link" => "the content was fetched by the secure link with its code",
        "call" => "told by telephone and read back",
        "acknowledge" | "acknowledgment" => "their own acknowledgment",
        _ => "recorded by the server",
    }
}

/// Why a call is owed.
pub(super) fn call_reason(reason: CallReason) -> &'static str {
    match reason {
        CallReason::Unacknowledged => "Nobody acknowledged in time",
        CallReason::Undeliverable => "No channel reaches them",
        CallReason::VoiceFirst => "Urgent: tell them by telephone",
        CallReason::CallRequested => "They asked for a call",
        CallReason::Declined => "They declined: find the right person",
        CallReason::ReplyDue => "They wait for our answer",
    }
}

/// What a notice says.
pub(super) fn notice(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::Acknowledged => "Acknowledged",
        NoticeKind::ReplyRequested => "A recipient asks for an answer",
        NoticeKind::Declined => "A recipient declined",
        NoticeKind::Redirected => "A share was passed on to a colleague",
        NoticeKind::Escalated => "Nobody acknowledged in time",
        NoticeKind::Undeliverable => "A share cannot be delivered",
        NoticeKind::CallTaskAssigned => "A call was given to you",
        NoticeKind::MisSend => "A share reached the wrong person",
        NoticeKind::EndpointDisabled => "An address was switched off",
        NoticeKind::ReplyReceived => "A reply arrived",
        NoticeKind::HoldRequested => "Infusions are to be held",
        NoticeKind::Digest => "Your digest",
        NoticeKind::BreakGlass => "A note was read by break-glass",
        NoticeKind::AccountRequested => "Somebody asks for an account",
        NoticeKind::AddresseeLost => "An addressee left the directory",
    }
}
