//! What the ledger's codes mean, in words.

/// Acts by area, with their words: for the filter and for the lists. What is not here is shown by its code.
pub(super) const ACTIONS: &[(&str, &[(&str, &str)])] = &[
    (
        "Reading",
        &[
            ("note.read", "Read a note"),
            ("patient.read", "Read a patient's record"),
            ("patient.search", "Found in a patient search"),
            ("patient.trend", "Read a patient's trend"),
            ("restriction.read", "Read a restriction"),
            ("share.open", "Opened a shared note"),
            ("share.read", "Read a share's course"),
            ("inbox.read", "Read the inbox"),
            ("board.read", "Read the board"),
            ("call_list.read", "Read the call list"),
            ("hold.read", "Read a hold"),
            ("mis_send.read", "Read mis-send findings"),
            ("disclosures.read", "Read an accounting of disclosures"),
            ("audit.search", "Searched the audit"),
            ("audit.read", "Read an entry of the audit"),
            ("audit.find_patient", "Looked up a patient for the audit"),
            ("audit.export", "Exported the audit"),
            ("audit.review.read", "Read reviews of the audit"),
            ("break_glass.read", "Read emergency accesses"),
            ("legal_hold.read", "Read legal holds"),
        ],
    ),
    (
        "Refused and emergency",
        &[
            ("access.denied", "Was refused"),
            ("break_glass.started", "Opened a record in an emergency"),
            ("break_glass.ended", "Ended an emergency access"),
            ("break_glass.reviewed", "Judged an emergency access"),
        ],
    ),
    (
        "Notes and patients",
        &[
            ("note.draft", "Drafted a note"),
            ("note.update", "Changed a draft"),
            ("note.discard", "Discarded a draft"),
            ("note.expire", "Removed a draft that was never signed"),
            ("note.sign", "Signed a note"),
            ("note.amend", "Began an amendment"),
            ("note.sign_amendment", "Signed an amendment"),
            ("note.withdraw", "Withdrew a note"),
            ("note.integrity", "Checked a note's integrity"),
            ("patient.register", "Registered a patient"),
            ("patient.update", "Corrected a patient"),
            ("patient.mrn", "Changed a patient's number"),
            ("careteam.add", "Added to a care team"),
            ("careteam.end", "Ended a care team entry"),
            ("restriction.add", "Added a restriction"),
            ("restriction.end", "Ended a restriction"),
            ("course.start", "Started a course"),
            ("course.change", "Changed a course"),
            ("course.end", "Ended a course"),
            ("journey.import", "Imported a journey"),
        ],
    ),
    (
        "Shares and answers",
        &[
            ("share.create", "Shared a note"),
            ("share.recall", "Recalled a share"),
            ("recipient.create", "Addressed a recipient"),
            ("recipient.decline", "Declined"),
            ("recipient.redirect", "Redirected to a colleague"),
            ("redirect.accept", "Accepted a redirect"),
            ("recipient.recall", "Recalled a copy"),
            ("recipient.supersede", "Replaced by a new version"),
            ("recipient.unreachable", "Could not be reached"),
            ("acknowledgment.create", "Acknowledged"),
            ("question.answer", "Answered a question"),
            ("reply.create", "Wrote in a thread"),
            ("hold.request", "Asked to hold infusions"),
            ("hold.accept", "Accepted a hold"),
            ("hold.lift", "Lifted a hold"),
            ("escalation.step", "Took an escalation step"),
            ("evidence.recorded", "Recorded evidence"),
            ("call_task.create", "Created a call task"),
            ("call_task.assign", "Handed on a call task"),
            ("call_task.complete", "Recorded a call"),
            ("call_task.overdue", "A call became overdue"),
            ("mis_send.open", "Opened a mis-send case"),
            ("mis_send.close", "Closed a mis-send case"),
            ("notice.seen", "Saw a notice"),
        ],
    ),
    (
        "Sending",
        &[
            ("delivery.delivered", "Delivered"),
            ("delivery.failed", "A delivery attempt failed"),
            ("delivery.dead", "Gave up a delivery"),
            ("delivery.retry", "Retried a delivery"),
            ("endpoint.create", "Added an endpoint"),
            ("endpoint.disable", "Disabled an endpoint"),
            ("endpoint.enable", "Enabled an endpoint"),
            ("endpoint.secret.rotate", "Replaced an endpoint's secret"),
            ("endpoint.test", "Tested an endpoint"),
            ("digest.send", "Sent a digest"),
            ("link.code.send", "Sent a code for a link"),
            ("link.enter", "Came in by a secure link"),
            ("link.leave", "Left a secure link"),
            ("link.revoke", "Ended a secure link"),
        ],
    ),
    (
        "Sign-in",
        &[
            ("sign_in.succeeded", "Signed in"),
            ("sign_in.failed", "Failed to sign in"),
            ("sign_in.throttled", "Sign-in was slowed down"),
            ("session.revoked", "Ended a session"),
            ("second_factor.added", "Added a second factor"),
            ("second_factor.removed", "Removed a second factor"),
            ("second_factor.reset", "Reset the lost second factor of a person"),
            ("recovery_codes.replaced", "Replaced the recovery codes"),
            ("password.changed", "Changed a password"),
            ("person.invited", "Invited a person"),
            ("token.create", "Issued an API token"),
            ("token.revoke", "Revoked an API token"),
            ("account.request", "Asked for an account"),
        ],
    ),
    (
        "Directory and settings",
        &[
            ("organization.create", "Added an organization"),
            ("organization.update", "Changed an organization"),
            ("team.create", "Added a team"),
            ("team.update", "Changed a team"),
            ("team.member.put", "Put into a team"),
            ("team.member.remove", "Took out of a team"),
            ("person.add", "Added a person"),
            ("person.update", "Changed a person"),
            ("person.disable", "Disabled a person"),
            ("person.enable", "Enabled a person"),
            ("membership.create", "Gave a place"),
            ("membership.roles", "Changed roles"),
            ("membership.end", "Ended a place"),
            ("coverage.create", "Entered an absence"),
            ("coverage.cancel", "Took back an absence"),
            ("policy.set", "Set a policy"),
            ("policy.reset", "Reset a policy"),
            ("audit.review", "Signed off an audit review"),
            ("legal_hold.set", "Set a legal hold"),
            ("legal_hold.lift", "Lifted a legal hold"),
            ("audit.filter.save", "Kept a search of the audit"),
            ("audit.filter.delete", "Removed a kept search"),
            ("retention.remove", "Removed what had outlived its period"),
        ],
    ),
];

/// An act in words.
pub(super) fn action(code: &str) -> String {
    ACTIONS
        .iter()
        .flat_map(|(_, actions)| actions.iter())
        .find(|(known, _)| *known == code)
        .map_or_else(|| code.to_owned(), |(_, words)| (*words).to_owned())
}

/// An outcome in words, with the badge it wears.
pub(super) fn outcome(code: &str) -> (&'static str, &'static str) {
    match code {
        "success" => ("done", "good"),
        "denied" => ("denied", "bad"),
        "refused" => ("refused", "warn"),
        "failure" => ("failed", "bad"),
        _ => ("other", ""),
    }
}

/// Purposes of use (HL7 v3 PurposeOfUse) in words.
pub(super) const PURPOSES: &[(&str, &str)] = &[
    ("TREAT", "Treatment"),
    ("COC", "Coordination of care"),
    ("ETREAT", "Emergency treatment"),
    ("HOPERAT", "Operations"),
    ("BTG", "Break the glass"),
];

/// A purpose of use in words.
pub(super) fn purpose(code: &str) -> &str {
    PURPOSES
        .iter()
        .find(|(known, _)| *known == code)
        .map_or(code, |(_, words)| words)
}

/// A role in words.
pub(super) fn role(role: liaison_domain::Role) -> &'static str {
    use liaison_domain::Role::{Admin, Auditor, Clinician, Coordinator, Physician, TeamLead};
    match role {
        Physician => "Physician",
        Coordinator => "Coordinator",
        Clinician => "Clinician",
        TeamLead => "Team lead",
        Admin => "Admin",
        Auditor => "Auditor",
    }
}

/// What a role may do, for the form that gives it.
pub(super) fn role_hint(role: liaison_domain::Role) -> &'static str {
    use liaison_domain::Role::{Admin, Auditor, Clinician, Coordinator, Physician, TeamLead};
    match role {
        Physician => "writes, signs and shares notes",
        Coordinator => "drafts, follows up, records calls; cannot sign",
        Clinician => "receives and acknowledges",
        TeamLead => "is told when the team's notes wait too long",
        Admin => "directory, policies, deliveries, audit; no clinical content",
        Auditor => "reads the audit and nothing else",
    }
}

/// A kind of organization in words.
pub(super) fn kind(kind: liaison_domain::OrganizationKind) -> &'static str {
    use liaison_domain::OrganizationKind::{Clinic, Oncology, Other, Palliative};
    match kind {
        Clinic => "Infusion clinic",
        Oncology => "Oncology",
        Palliative => "Palliative care",
        Other => "Other",
    }
}

/// A team's part in words.
pub(super) fn care_role(role: liaison_domain::CareRole) -> &'static str {
    use liaison_domain::CareRole::{Oncologist, Other, PalliativeClinician, PrimaryCare};
    match role {
        Oncologist => "Oncology",
        PalliativeClinician => "Palliative medicine",
        PrimaryCare => "Primary care",
        Other => "Other",
    }
}

/// A channel in words.
pub(super) fn channel(channel: liaison_domain::ChannelKind) -> &'static str {
    use liaison_domain::ChannelKind::{Email, Webhook};
    match channel {
        Email => "E-mail",
        Webhook => "Webhook",
    }
}

/// Why a second factor is taken away, in words.
pub(super) fn factor_reset_reason(reason: liaison_domain::FactorResetReason) -> &'static str {
    use liaison_domain::FactorResetReason::{Compromised, DeviceLost, DeviceReplaced};
    match reason {
        DeviceLost => "The device is lost, stolen or broken",
        DeviceReplaced => "They have a new device and did not take it along",
        Compromised => "Somebody else may have it",
    }
}

/// How an admin recognized a person, in words.
pub(super) fn recognized(how: liaison_domain::Recognized) -> &'static str {
    use liaison_domain::Recognized::{ByVideo, InPerson, Telephoned};
    match how {
        InPerson => "They stand before me",
        Telephoned => "I called them back at the number in the directory",
        ByVideo => "By video, and I know them",
    }
}
