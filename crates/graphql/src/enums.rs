//! The domain's value sets as GraphQL enums, value for value with the domain's stable names. Not for the note content's
//! own words: they come with the content's types.
//!
//! A value that the domain gains or loses stops the build here; names and order are compared by the test.

/// Declares a GraphQL enum that mirrors a value set of the domain, with conversions both ways.
macro_rules! mirrors {
    ($($(#[$meta:meta])* $name:ident = $theirs:path { $($(#[$vmeta:meta])* $variant:ident = $text:tt,)* })*) => {
        $(
            $(#[$meta])*
            #[derive(Debug, Clone, Copy, PartialEq, Eq, async_graphql::Enum)]
            pub(crate) enum $name { $($(#[$vmeta])* #[graphql(name = $text)] $variant,)* }

            impl From<$theirs> for $name {
                fn from(value: $theirs) -> Self {
                    use $theirs as Theirs;
                    match value { $(Theirs::$variant => Self::$variant,)* }
                }
            }

            impl From<$name> for $theirs {
                fn from(value: $name) -> Self {
                    use $theirs as Theirs;
                    match value { $($name::$variant => Theirs::$variant,)* }
                }
            }
        )*

        #[cfg(test)]
        #[test]
        fn every_value_set_has_the_domains_names_in_the_domains_order() {
            use async_graphql::resolver_utils::EnumType;
            $({
                use $theirs as Theirs;
                let ours: Vec<&str> = <$name as EnumType>::items().iter().map(|item| item.name).collect();
                let theirs: Vec<&str> = Theirs::ALL.iter().map(|value| value.as_str()).collect();
                assert_eq!(ours, theirs, stringify!($name));
            })*
        }
    };
}

mirrors! {
    /// Why an admin takes a person's second factors away.
    FactorResetReason = liaison_domain::FactorResetReason {
        /// The device that holds them is lost, stolen or broken.
        DeviceLost = "DEVICE_LOST",
        /// The device was replaced and what it held was not taken along.
        DeviceReplaced = "DEVICE_REPLACED",
        /// Somebody else may have them.
        Compromised = "COMPROMISED",
    }

    /// How an admin made sure that it is the person who asks.
    Recognized = liaison_domain::Recognized {
        /// They stood before the admin.
        InPerson = "IN_PERSON",
        /// The admin telephoned the number of the directory.
        Telephoned = "TELEPHONED",
        /// By video, and the admin knows them.
        ByVideo = "BY_VIDEO",
    }

    /// What an organization is to the patients of the clinic.
    OrganizationKind = liaison_domain::OrganizationKind {
        /// The infusion clinic, which writes and shares.
        Clinic = "CLINIC",
        /// An oncology practice or cancer center.
        Oncology = "ONCOLOGY",
        /// A palliative care service.
        Palliative = "PALLIATIVE",
        /// Primary care, hospice and others.
        Other = "OTHER",
    }

    /// The part a recipient plays for the patient.
    CareRole = liaison_domain::CareRole {
        /// Medical, radiation or surgical oncology.
        Oncologist = "ONCOLOGIST",
        /// Palliative medicine.
        PalliativeClinician = "PALLIATIVE_CLINICIAN",
        /// Primary care.
        PrimaryCare = "PRIMARY_CARE",
        /// Any other part.
        Other = "OTHER",
    }

    /// Whether a recipient must acknowledge or is only told.
    Duty = liaison_domain::Duty {
        /// Must acknowledge: the loop stays open until then.
        Required = "REQUIRED",
        /// Gets a copy: nothing is asked and nothing escalates.
        Copy = "COPY",
    }

    /// A way to reach somebody.
    ChannelKind = liaison_domain::ChannelKind {
        /// E-mail over SMTP (RFC 5321): a notice without clinical content.
        Email = "EMAIL",
        /// A signed HTTP call (Standard Webhooks): ids and links only.
        Webhook = "WEBHOOK",
    }

    /// Whether an endpoint is used.
    EndpointStatus = liaison_domain::EndpointStatus {
        /// In use.
        Active = "ACTIVE",
        /// Taken out of use, by an admin or after days of failure.
        Disabled = "DISABLED",
    }

    /// Consultation note or infusion summary.
    NoteKind = liaison_domain::NoteKind {
        /// LOINC 11488-4 Consult note.
        ConsultationNote = "CONSULTATION_NOTE",
        /// LOINC 28570-0 Procedure note: the infusion summary.
        InfusionSummary = "INFUSION_SUMMARY",
    }

    /// A note's status (FHIR R4 `Composition.status`).
    NoteStatus = liaison_domain::NoteStatus {
        /// Being drafted; nothing is signed yet.
        Preliminary = "PRELIMINARY",
        /// Signed once.
        Final = "FINAL",
        /// Signed again with corrections.
        Amended = "AMENDED",
        /// Withdrawn.
        EnteredInError = "ENTERED_IN_ERROR",
    }

    /// Why a message leaves.
    DeliveryPurpose = liaison_domain::DeliveryPurpose {
        /// Something waits: the first notice of a share.
        Notice = "NOTICE",
        /// It still waits.
        Reminder = "REMINDER",
        /// It waits for a colleague, and you are next.
        NextPerson = "NEXT_PERSON",
        /// A note you opened was withdrawn or replaced.
        Correction = "CORRECTION",
        /// The clinic replied.
        Reply = "REPLY",
        /// A notice to a person of the clinic or an admin.
        PersonNotice = "PERSON_NOTICE",
        /// The daily list of open items.
        Digest = "DIGEST",
        /// A one-time code for a secure link.
        LinkCode = "LINK_CODE",
        /// A single-use link to an account: an invitation or a password reset.
        AccountLink = "ACCOUNT_LINK",
        /// What changed in how a person signs in, told to that person.
        AccountChange = "ACCOUNT_CHANGE",
        /// A test of an endpoint, asked for by an admin.
        EndpointTest = "ENDPOINT_TEST",
    }

    /// Why a purpose of use allows an access (HL7 v3 PurposeOfUse).
    PurposeOfUse = liaison_domain::PurposeOfUse {
        /// Treatment.
        Treatment = "TREAT",
        /// Coordination of care.
        CoordinationOfCare = "COC",
        /// Emergency treatment.
        EmergencyTreatment = "ETREAT",
        /// Healthcare operations, such as audit and administration.
        Operations = "HOPERAT",
        /// Break the glass.
        BreakGlass = "BTG",
    }

    /// Why a call task exists.
    CallReason = liaison_domain::CallReason {
        /// Nobody acknowledged in time.
        Unacknowledged = "UNACKNOWLEDGED",
        /// No channel reaches the recipient.
        Undeliverable = "UNDELIVERABLE",
        /// Emergent (or urgent with lasting danger): voice first.
        VoiceFirst = "VOICE_FIRST",
        /// The recipient asked for a call.
        CallRequested = "CALL_REQUESTED",
        /// A decline left nobody responsible.
        Declined = "DECLINED",
        /// A concern or hold waits for the clinic's reply.
        ReplyDue = "REPLY_DUE",
    }

    /// What a notice to a person is about.
    NoticeKind = liaison_domain::NoticeKind {
        /// Somebody acknowledged.
        Acknowledged = "ACKNOWLEDGED",
        /// An acknowledgment asks the clinic for an answer: a call, a hold, a concern.
        ReplyRequested = "REPLY_REQUESTED",
        /// A recipient declined.
        Declined = "DECLINED",
        /// A recipient named a colleague.
        Redirected = "REDIRECTED",
        /// An escalation step was taken.
        Escalated = "ESCALATED",
        /// No channel reaches a recipient.
        Undeliverable = "UNDELIVERABLE",
        /// A call task has a new owner.
        CallTaskAssigned = "CALL_TASK_ASSIGNED",
        /// A wrong-recipient case was opened.
        MisSend = "MIS_SEND",
        /// An endpoint was disabled after days of failure.
        EndpointDisabled = "ENDPOINT_DISABLED",
        /// A recipient wrote in a thread.
        ReplyReceived = "REPLY_RECEIVED",
        /// Infusions are to be held.
        HoldRequested = "HOLD_REQUESTED",
        /// The daily list of open items.
        Digest = "DIGEST",
        /// Somebody broke the glass.
        BreakGlass = "BREAK_GLASS",
        /// Somebody who came in by a secure link asks for an account.
        AccountRequested = "ACCOUNT_REQUESTED",
        /// A corrected version could not be sent to everybody who had the earlier one.
        AddresseeLost = "ADDRESSEE_LOST",
    }

    /// Where a call task stands.
    CallTaskStatus = liaison_domain::CallTaskStatus {
        /// To be done.
        Open = "OPEN",
        /// Done: the conversation is recorded.
        Completed = "COMPLETED",
        /// No longer needed.
        Cancelled = "CANCELLED",
    }

    /// Where a question to the recipients stands.
    QuestionStatus = liaison_domain::QuestionStatus {
        /// No answer yet.
        Open = "OPEN",
        /// Answered.
        Answered = "ANSWERED",
        /// Withdrawn with its share.
        Withdrawn = "WITHDRAWN",
    }

    /// A role in one organization.
    Role = liaison_domain::people::Role {
        /// Authors, signs and shares notes.
        Physician = "PHYSICIAN",
        /// Drafts, follows up loops and call tasks; cannot sign.
        Coordinator = "COORDINATOR",
        /// Receives and acknowledges.
        Clinician = "CLINICIAN",
        /// Leads a team: is told when its loops are late.
        TeamLead = "TEAM_LEAD",
        /// Directory, policies, deliveries, audit metadata.
        Admin = "ADMIN",
        /// Reads the audit, and nothing else.
        Auditor = "AUDITOR",
    }

    /// How an actor came in.
    ActorKind = liaison_domain::people::ActorKind {
        /// A person, by session or API token.
        Person = "PERSON",
        /// The service itself: timers, workers.
        System = "SYSTEM",
        /// Somebody who came in by a secure link and a one-time code: bound to one loop.
        Guest = "GUEST",
    }

    /// What is proven about one recipient. Monotone.
    EvidenceLevel = liaison_domain::evidence::EvidenceLevel {
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
    Outcome = liaison_domain::evidence::Outcome {
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

    /// A disposition of an acknowledgment.
    Disposition = liaison_domain::disposition::Disposition {
        /// Reviewed, no change to our plan. Excludes all others.
        ReviewedNoChange = "REVIEWED_NO_CHANGE",
        /// We changed our plan. The comment says what.
        PlanAdjusted = "PLAN_ADJUSTED",
        /// We will contact the patient.
        WillContactPatient = "WILL_CONTACT_PATIENT",
        /// Please call me: a call task for the clinic.
        RequestCall = "REQUEST_CALL",
        /// Please hold further infusions. The comment gives the reason; the clinic must accept.
        HoldInfusions = "HOLD_INFUSIONS",
        /// Concern or contraindication identified. The clinic must reply.
        ConcernIdentified = "CONCERN_IDENTIFIED",
        /// Answers to your questions.
        AnswerQuestions = "ANSWER_QUESTIONS",
        /// We will change or have changed opioids.
        OpioidChangePlanned = "OPIOID_CHANGE_PLANNED",
        /// Cancer treatment changed (oncology only).
        TreatmentChange = "TREATMENT_CHANGE",
        /// The patient died.
        PatientDeceased = "PATIENT_DECEASED",
        /// The patient was enrolled in hospice.
        HospiceEnrolled = "HOSPICE_ENROLLED",
    }

    /// Why a recipient cannot take the note on.
    Decline = liaison_domain::disposition::Decline {
        /// Not my patient, or the wrong person: opens a mis-send case and seals the copy.
        WrongRecipient = "WRONG_RECIPIENT",
        /// Cannot act (leave, retired): escalates at once.
        UnableToAct = "UNABLE_TO_ACT",
    }

    /// Where one delivery stands.
    DeliveryState = liaison_domain::delivery::DeliveryState {
        /// Waits for its next attempt.
        Pending = "PENDING",
        /// An attempt is under way, under a lease.
        Sending = "SENDING",
        /// The other side took it.
        Delivered = "DELIVERED",
        /// Given up, with its reason.
        Dead = "DEAD",
        /// No longer wanted: the loop closed or the share was recalled.
        Cancelled = "CANCELLED",
    }

    /// What one attempt came to.
    AttemptOutcome = liaison_domain::delivery::AttemptOutcome {
        /// Under way, or cut off: a lease that ran out leaves it here until it is settled as unknown.
        Started = "STARTED",
        /// The other side took it.
        Delivered = "DELIVERED",
        /// It will never work as it stands.
        Permanent = "PERMANENT",
        /// It may work later.
        Transient = "TRANSIENT",
        /// Nobody knows whether it arrived.
        Unknown = "UNKNOWN",
    }

    /// Why a delivery was given up.
    DeadReason = liaison_domain::delivery::DeadReason {
        /// The other side refused it for good.
        Refused = "REFUSED",
        /// Every attempt of the schedule failed.
        Exhausted = "EXHAUSTED",
        /// The endpoint was disabled.
        EndpointDisabled = "ENDPOINT_DISABLED",
        /// Its attempts keep being cut off: the poison limit.
        Poison = "POISON",
    }

    /// What an escalation step does.
    StepKind = liaison_domain::escalation::StepKind {
        /// Reminds the recipient.
        Reminder = "REMINDER",
        /// Tells the next person: whoever covers, else the team's lead, else the organization's line.
        NextPerson = "NEXT_PERSON",
        /// Gives the clinic a call task with a named owner.
        CallTask = "CALL_TASK",
    }

    /// How a delay is counted.
    DelayUnit = liaison_domain::escalation::DelayUnit {
        /// Minutes on the clock, day and night.
        Minutes = "MINUTES",
        /// Minutes of the recipient's working time.
        WorkingMinutes = "WORKING_MINUTES",
        /// Business days, until closing time.
        BusinessDays = "BUSINESS_DAYS",
    }
}
