-- Liaison's tables. Sealed columns (named *_sealed) hold AES-256-GCM ciphertext; nothing else holds PHI.
-- Urgency: 0 routine, 1 urgent, 2 emergent. Evidence level: 0 queued to 5 acknowledged.

-- Keys -------------------------------------------------------------------------------------------------------------

-- Service-wide keys (blind index, system secrets), wrapped by a master key that is never in the database.
create table service_key (
    purpose     text not null primary key,
    wrapped     blob not null,
    master_id   text not null,
    created_at  text not null
) strict;

-- Directory --------------------------------------------------------------------------------------------------------

create table organization (
    id          blob not null primary key,
    name        text not null,
    kind        text not null,
    time_zone   text not null,
    phone       text,
    -- The clinic that keeps this partner's directory, where the partner does not keep it alone.
    managed_by  blob references organization (id),
    created_at  text not null,
    updated_at  text not null
) strict;

create table team (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    name            text not null,
    care_role       text not null,
    calendar        text not null,
    phone           text,
    active          integer not null,
    created_at      text not null,
    updated_at      text not null
) strict;
create index team_by_organization on team (organization_id, name);

create table person (
    id           blob not null primary key,
    email        text not null unique,
    display_name text not null,
    phone        text,
    time_zone    text not null,
    digest_hour  integer,
    digest_next_at text,
    disabled_at  text,
    created_at   text not null,
    updated_at   text not null
) strict;
create index person_digest on person (digest_next_at) where digest_next_at is not null;

create table membership (
    id              blob not null primary key,
    user_id         blob not null references person (id),
    organization_id blob not null references organization (id),
    roles           text not null,
    from_at         text not null,
    until_at        text,
    created_at      text not null
) strict;
create unique index membership_current on membership (user_id, organization_id) where until_at is null;
create index membership_by_organization on membership (organization_id);

create table team_member (
    team_id    blob not null references team (id),
    user_id    blob not null references person (id),
    is_lead    integer not null,
    created_at text not null,
    primary key (team_id, user_id)
) strict;
create index team_member_by_user on team_member (user_id);

create table endpoint (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    team_id         blob references team (id),
    user_id         blob references person (id),
    channel         text not null,
    address         text not null,
    secret_sealed   blob,
    status          text not null,
    disabled_reason text,
    failing_since   text,
    last_proven_at  text,
    created_at      text not null,
    updated_at      text not null
) strict;
create index endpoint_by_team on endpoint (team_id);
create index endpoint_by_user on endpoint (user_id);

create table coverage (
    id               blob not null primary key,
    organization_id  blob not null references organization (id),
    absent_user_id   blob not null references person (id),
    covering_user_id blob not null references person (id),
    from_at          text not null,
    until_at         text not null,
    cancelled_at     text,
    created_by       blob,
    created_at       text not null
) strict;
create index coverage_by_absent on coverage (absent_user_id, until_at);
create index coverage_by_covering on coverage (covering_user_id, until_at);

create table escalation_policy (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    urgency         integer not null,
    policy          text not null,
    updated_by      blob,
    updated_at      text not null,
    unique (organization_id, urgency)
) strict;

create table api_token (
    id              blob not null primary key,
    user_id         blob not null references person (id),
    organization_id blob not null references organization (id),
    name            text not null,
    secret_hash     blob not null unique,
    scopes          text not null,
    expires_at      text not null,
    revoked_at      text,
    created_at      text not null
) strict;
create index api_token_by_user on api_token (user_id);

-- Patients ---------------------------------------------------------------------------------------------------------

create table patient (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    identity_sealed blob not null,
    mrn_index       blob not null,
    demographic_index blob not null,
    created_at      text not null,
    updated_at      text not null,
    unique (organization_id, mrn_index)
) strict;
create index patient_look_alike on patient (organization_id, demographic_index);

create table patient_key (
    patient_id blob not null references patient (id),
    version    integer not null,
    wrapped    blob not null,
    master_id  text not null,
    created_at text not null,
    primary key (patient_id, version)
) strict;

-- Keyed blind index over prefixes of the patient's name tokens.
create table patient_token (
    organization_id blob not null,
    token           blob not null,
    patient_id      blob not null references patient (id),
    primary key (organization_id, token, patient_id)
) strict;
create index patient_token_by_patient on patient_token (patient_id);

create table care_team_entry (
    id         blob not null primary key,
    patient_id blob not null references patient (id),
    team_id    blob references team (id),
    user_id    blob references person (id),
    care_role  text not null,
    from_at    text not null,
    until_at   text,
    created_by blob,
    created_at text not null
) strict;
create index care_team_entry_by_patient on care_team_entry (patient_id);

create table restriction (
    id              blob not null primary key,
    patient_id      blob not null references patient (id),
    organization_id blob references organization (id),
    team_id         blob references team (id),
    user_id         blob references person (id),
    detail_sealed   blob,
    agreed_by       blob not null,
    agreed_at       text not null,
    ended_at        text,
    ended_by        blob,
    created_at      text not null
) strict;
create index restriction_by_patient on restriction (patient_id);

-- While one of a patient is not lifted, nothing that belongs to the patient is removed.
create table legal_hold (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    patient_id      blob not null references patient (id),
    reason_sealed   blob not null,
    set_by          blob not null references person (id),
    set_at          text not null,
    lifted_by       blob references person (id),
    lifted_at       text,
    lift_reason_sealed blob,
    check ((lifted_at is null) = (lifted_by is null) and (lifted_at is null) = (lift_reason_sealed is null))
) strict;
create index legal_hold_in_force on legal_hold (patient_id, set_at) where lifted_at is null;
create index legal_hold_by_organization on legal_hold (organization_id, set_at, id);

create table course (
    id                blob not null primary key,
    patient_id        blob not null references patient (id),
    consultation_note_id blob not null,
    planned_infusions integer,
    started_at        text not null,
    ended_at          text,
    created_at        text not null
) strict;
create index course_by_patient on course (patient_id);

-- Notes ------------------------------------------------------------------------------------------------------------

create table note (
    id              blob not null primary key,
    patient_id      blob not null references patient (id),
    organization_id blob not null references organization (id),
    kind            text not null,
    status          text not null,
    author_id       blob not null,
    draft_sealed    blob,
    draft_revision  integer not null,
    draft_updated_by blob,
    version         integer not null,
    created_at      text not null,
    updated_at      text not null
) strict;
create index note_by_patient on note (patient_id, created_at);
create index note_by_organization on note (organization_id, updated_at);
create index note_unsigned on note (updated_at) where version = 0;
-- Amendments under way that a legal hold kept when their note was withdrawn.
create index note_kept on note (updated_at) where draft_sealed is not null and status = 'ENTERED_IN_ERROR';

create table note_version (
    id              blob not null primary key,
    note_id         blob not null references note (id),
    patient_id      blob not null,
    organization_id blob not null,
    kind            text not null,
    version         integer not null,
    content_sealed  blob not null,
    content_sha256  blob not null,
    confirmations_sealed blob,
    urgency         integer not null,
    change_sealed   blob,
    document_id     text not null,
    signed_by       blob not null,
    signed_at       text not null,
    withdrawn_at    text,
    withdrawn_by    blob,
    withdrawn_sealed blob,
    unique (note_id, version)
) strict;
create index note_version_by_patient on note_version (patient_id, signed_at);
create unique index note_version_document on note_version (organization_id, document_id, version);

-- Shares and loops -------------------------------------------------------------------------------------------------

create table share (
    id              blob not null primary key,
    note_version_id blob not null references note_version (id),
    note_id         blob not null,
    patient_id      blob not null,
    organization_id blob not null,
    urgency         integer not null,
    shared_by       blob not null,
    shared_at       text not null,
    detail_sealed   blob,
    verbal_made     integer not null,
    recalled_at     text,
    recalled_by     blob,
    recall_reason_sealed blob,
    superseded_at   text
) strict;
create index share_by_organization on share (organization_id, shared_at);
create index share_by_patient on share (patient_id, shared_at);
create index share_by_version on share (note_version_id);

create table share_question (
    id          blob not null primary key,
    share_id    blob not null references share (id),
    patient_id  blob not null,
    position    integer not null,
    care_role   text,
    text_sealed blob not null,
    respond_by  text,
    status      text not null,
    answer_sealed blob,
    answered_by blob,
    guest_id    blob,
    answered_recipient_id blob,
    answered_at text,
    created_at  text not null
) strict;
create index share_question_by_share on share_question (share_id);

create table recipient (
    id                blob not null primary key,
    share_id          blob not null references share (id),
    note_version_id   blob not null,
    note_id           blob not null,
    patient_id        blob not null,
    organization_id   blob not null,
    to_organization_id blob not null references organization (id),
    to_team_id        blob references team (id),
    to_user_id        blob references person (id),
    care_role         text not null,
    duty              text not null,
    urgency           integer not null,
    level             integer not null,
    outcome           text,
    reply_due         integer not null,
    is_open           integer not null,
    shared_at         text not null,
    shared_by         blob not null,
    due_at            text,
    calendar          text not null,
    policy            text not null,
    step_number       integer not null,
    next_step_at      text,
    lease_owner       text,
    lease_until       text,
    opened_at         text,
    acknowledged_at   text,
    ended_at          text,
    redirected_to     blob,
    redirected_from   blob,
    redirect_accepted_at text,
    sealed_from_recipient integer not null,
    -- Secure link: raised to revoke it; SHA-256 of the token, which stands nowhere itself.
    link_version      integer not null,
    link_hash         blob not null,
    revision          integer not null,
    updated_at        text not null
) strict;
create index recipient_by_share on recipient (share_id);
create unique index recipient_by_link on recipient (link_hash);
create index recipient_inbox_team on recipient (to_team_id, is_open, shared_at);
create index recipient_inbox_user on recipient (to_user_id, is_open, shared_at);
create index recipient_waits_team on recipient (to_team_id) where is_open = 1
    or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED'));
create index recipient_waits_user on recipient (to_user_id) where is_open = 1
    or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED'));
create index recipient_due on recipient (next_step_at) where next_step_at is not null;
create index recipient_board on recipient (organization_id, is_open, due_at);
create index recipient_reply_due on recipient (organization_id, reply_due);
create index recipient_by_patient on recipient (patient_id, shared_at);
create index recipient_by_sender on recipient (shared_by, is_open);
-- Timeliness is counted from this index alone.
create index recipient_by_time on recipient (organization_id, shared_at, duty, urgency, to_organization_id, is_open,
    due_at, acknowledged_at, outcome);
create index recipient_open on recipient (urgency, shared_at, due_at) where is_open = 1;

create table delivery (
    id              blob not null primary key,
    recipient_id    blob references recipient (id),
    share_id        blob,
    organization_id blob not null,
    notice_id       blob,
    endpoint_id     blob references endpoint (id),
    channel         text not null,
    address         text not null,
    purpose         text not null,
    state           text not null,
    attempts        integer not null,
    next_attempt_at text,
    lease_owner     text,
    lease_until     text,
    message_id      text not null,
    payload         text not null,
    urgency         integer not null,
    dead_reason     text,
    delivered_at    text,
    created_at      text not null,
    updated_at      text not null,
    -- The request whose use case planned it, where one did; and the trace it was planned in (W3C traceparent), where
    -- traces are exported.
    request_id      text,
    trace           text
) strict;
create index delivery_by_recipient on delivery (recipient_id);
create index delivery_by_share on delivery (share_id);
create index delivery_due on delivery (urgency desc, next_attempt_at, id) where next_attempt_at is not null;
create index delivery_by_endpoint on delivery (endpoint_id) where next_attempt_at is not null;
create index delivery_held on delivery (lease_owner) where lease_until is not null;
create index delivery_tests on delivery (endpoint_id, created_at) where purpose = 'ENDPOINT_TEST';
create index delivery_dead on delivery (organization_id, state, updated_at);
create index delivery_dead_by_time on delivery (updated_at) where state = 'DEAD';

create table attempt (
    id          blob not null primary key,
    delivery_id blob not null references delivery (id),
    number      integer not null,
    started_at  text not null,
    ended_at    text,
    outcome     text not null,
    status_code integer,
    artefact    text,
    unique (delivery_id, number)
) strict;
-- What next hops answered, for as long as it is kept.
create index attempt_reply on attempt (ended_at) where artefact is not null;

create table evidence (
    id           blob not null primary key,
    recipient_id blob not null references recipient (id),
    level        integer not null,
    occurred_at  text not null,
    recorded_at  text not null,
    late         integer not null,
    user_id      blob,
    guest_id     blob,
    delivery_id  blob,
    attempt_id   blob,
    source       text not null,
    artefact     text not null
) strict;
create index evidence_by_recipient on evidence (recipient_id);
create index evidence_by_time on evidence (recorded_at);

create table acknowledgment (
    id              blob not null primary key,
    recipient_id    blob not null unique references recipient (id),
    share_id        blob not null,
    note_version_id blob not null,
    patient_id      blob not null,
    user_id         blob,
    organization_id blob not null,
    by_telephone    integer not null,
    recorded_by     blob,
    guest_id        blob,
    call_task_id    blob,
    dispositions    text not null,
    detail_sealed   blob,
    acknowledged_at text not null,
    recorded_at     text not null,
    -- A person of the directory, or a guest of a secure link.
    check ((recorded_by is null) <> (guest_id is null))
) strict;
create index acknowledgment_by_patient on acknowledgment (patient_id, acknowledged_at);

create table decline (
    recipient_id blob not null primary key references recipient (id),
    reason       text not null,
    detail_sealed blob,
    user_id      blob,
    guest_id     blob,
    declined_at  text not null
) strict;

create table escalation_step (
    id           blob not null primary key,
    recipient_id blob not null references recipient (id),
    number       integer not null,
    kind         text not null,
    due_at       text not null,
    taken_at     text not null,
    cause        text not null,
    told         text not null,
    call_task_id blob,
    unique (recipient_id, number)
) strict;

create table call_task (
    id              blob not null primary key,
    recipient_id    blob not null references recipient (id),
    share_id        blob not null,
    patient_id      blob not null,
    organization_id blob not null,
    owner_id        blob not null references person (id),
    reason          text not null,
    status          text not null,
    due_at          text not null,
    phone           text,
    detail_sealed   blob,
    created_at      text not null,
    completed_at    text,
    completed_by    blob,
    read_back       integer,
    updated_at      text not null,
    -- When the owner and the clinic were told that it is overdue.
    reminded_at     text
) strict;
create index call_task_open on call_task (organization_id, status, due_at);
create index call_task_by_recipient on call_task (recipient_id);
create index call_task_overdue on call_task (due_at) where status = 'OPEN' and reminded_at is null;
create index call_task_by_owner on call_task (owner_id, status, due_at);

create table reply (
    id           blob not null primary key,
    share_id     blob not null references share (id),
    recipient_id blob not null references recipient (id),
    patient_id   blob not null,
    author_id    blob,
    guest_id     blob,
    organization_id blob not null,
    from_clinic  integer not null,
    closes_reply_due integer not null,
    body_sealed  blob not null,
    written_at   text not null,
    check ((author_id is null) <> (guest_id is null))
) strict;
create index reply_by_recipient on reply (recipient_id, written_at);

create table mis_send (
    id           blob not null primary key,
    recipient_id blob not null unique references recipient (id),
    share_id     blob not null,
    patient_id   blob not null,
    organization_id blob not null,
    reported_by  blob,
    guest_id     blob,
    reported_at  text not null,
    content_was_opened integer not null,
    closed_at    text,
    closed_by    blob,
    finding_sealed blob
) strict;
create index mis_send_open on mis_send (organization_id, closed_at);

create table hold (
    id           blob not null primary key,
    patient_id   blob not null references patient (id),
    organization_id blob not null,
    recipient_id blob not null,
    disposition  text not null,
    until_date   text,
    detail_sealed blob,
    requested_by blob,
    guest_id     blob,
    requested_at text not null,
    accepted_by  blob,
    accepted_at  text,
    lifted_by    blob,
    lifted_at    text
) strict;
create index hold_by_patient on hold (patient_id);

-- Notices to people (no clinical content) --------------------------------------------------------------------------

create table notice (
    id           blob not null primary key,
    user_id      blob not null references person (id),
    organization_id blob not null,
    kind         text not null,
    urgency      integer not null,
    patient_id   blob,
    share_id     blob,
    recipient_id blob,
    object_id    blob,
    facts        text not null,
    created_at   text not null,
    seen_at      text
) strict;
create index notice_by_user on notice (user_id, created_at);
create index notice_seen on notice (seen_at) where seen_at is not null;

-- Secure links: recipients without an account ----------------------------------------------------------------------

-- One-time codes. The code is derived from the id under a service key and stands nowhere.
create table link_code (
    id             blob not null primary key,
    recipient_id   blob not null references recipient (id),
    challenge_hash blob not null unique,
    address        text not null,
    -- Whose own address it is; none for a team's.
    user_id        blob references person (id),
    link_version   integer not null,
    tries          integer not null,
    created_at     text not null,
    expires_at     text not null,
    used_at        text
) strict;
create index link_code_by_recipient on link_code (recipient_id, created_at);
create index link_code_by_address on link_code (address, created_at);

-- Who came in by a code, as they named themself, with their session.
create table guest (
    id             blob not null primary key,
    recipient_id   blob not null references recipient (id),
    code_id        blob not null unique references link_code (id),
    user_id        blob references person (id),
    name           text not null,
    profession     text not null,
    work_email     text,
    phone          text,
    -- Where the code went, masked.
    verified_by    text not null,
    link_version   integer not null,
    secret_hash    blob not null unique,
    created_at     text not null,
    idle_until     text not null,
    absolute_until text not null,
    ended_at       text,
    account_requested_at text
) strict;
create index guest_by_recipient on guest (recipient_id, created_at);

-- Emergency access and audit work ----------------------------------------------------------------------------------

create table break_glass (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    user_id         blob not null references person (id),
    patient_id      blob not null references patient (id),
    reason_sealed   blob not null,
    started_at      text not null,
    expires_at      text not null,
    ended_at        text,
    reviewed_by     blob references person (id),
    reviewed_at     text,
    verdict         text,
    finding_sealed  blob,
    -- Nobody judges their own case.
    check (reviewed_by is null or reviewed_by <> user_id)
) strict;
create index break_glass_by_user on break_glass (user_id, expires_at);
create index break_glass_to_review on break_glass (organization_id, reviewed_at, started_at);
create index break_glass_unended on break_glass (expires_at) where ended_at is null;

create table audit_review (
    id              blob not null primary key,
    organization_id blob not null references organization (id),
    signed_by       blob not null references person (id),
    from_at         text not null,
    until_at        text not null,
    scope           text not null,
    findings_sealed blob not null,
    checkpoint_size integer not null,
    signed_at       text not null
) strict;
create index audit_review_by_organization on audit_review (organization_id, signed_at);

create table saved_filter (
    id              blob not null primary key,
    user_id         blob not null references person (id),
    organization_id blob not null references organization (id),
    name            text not null,
    filter          text not null,
    created_at      text not null,
    unique (user_id, organization_id, name)
) strict;

-- Mutations by key, schedule ---------------------------------------------------------------------------------------

create table idempotency (
    user_id      blob not null,
    key          text not null,
    operation    text not null,
    request_sha256 blob not null,
    response     text not null,
    created_at   text not null,
    primary key (user_id, key)
) strict;
create index idempotency_by_time on idempotency (created_at);

create table schedule (
    name        text not null primary key,
    next_at     text not null,
    lease_owner text,
    lease_until text
) strict;

-- Sign-in ----------------------------------------------------------------------------------------------------------

-- What a person proves themself with. A password stands as an argon2id PHC string, the secret of one-time codes sealed.
create table credential (
    user_id             blob not null primary key references person (id),
    password_hash       text,
    password_changed_at text,
    totp_sealed         blob,
    totp_added_at       text,
    -- The time step (RFC 6238) of the last code that was taken: a code works once.
    totp_last_step      integer not null,
    -- A secret whose first code has not been entered yet.
    totp_pending_sealed blob,
    totp_pending_until  text,
    -- Since an admin took the second factors away: a new one is added by the mailed link and the password alone.
    factors_reset_at    text,
    updated_at          text not null
) strict;

create table recovery_code (
    user_id    blob not null references person (id),
    code_hash  blob not null,
    used_at    text,
    created_at text not null,
    primary key (user_id, code_hash)
) strict;

create table passkey (
    id            blob not null primary key,
    user_id       blob not null references person (id),
    credential_id blob not null unique,
    name          text not null,
    -- The public key and its counter, as JSON: nothing secret.
    credential    text not null,
    created_at    text not null,
    last_used_at  text
) strict;
create index passkey_by_user on passkey (user_id);

create table session (
    id               blob not null primary key,
    user_id          blob not null references person (id),
    organization_id  blob not null references organization (id),
    secret_hash      blob not null unique,
    method           text not null,
    -- Signed in with a password alone: good for adding a second factor and for nothing else.
    is_full          integer not null,
    peer             text,
    user_agent       text,
    authenticated_at text not null,
    last_seen_at     text not null,
    absolute_until   text not null,
    ended_at         text,
    end_reason       text,
    created_at       text not null
) strict;
create index session_by_user on session (user_id, created_at);
create index session_by_end on session (absolute_until);

-- The steps between two requests of one sign-in: a first factor that was proven, a passkey's challenge.
create table sign_in_ceremony (
    secret_hash  blob not null primary key,
    kind         text not null,
    user_id      blob references person (id),
    session_id   blob references session (id) on delete cascade,
    state_sealed blob,
    expires_at   text not null,
    created_at   text not null
) strict;
create index sign_in_ceremony_by_end on sign_in_ceremony (expires_at);

-- Single-use links: invitation, password reset, an operator's sign-in link. The token is derived from the id.
create table account_link (
    id         blob not null primary key,
    user_id    blob not null references person (id),
    purpose    text not null,
    token_hash blob not null unique,
    issued_by  blob,
    expires_at text not null,
    used_at    text,
    created_at text not null
) strict;
create index account_link_by_user on account_link (user_id);

-- Failed sign-ins in a row, by a keyed hash of the account's address or of the network address.
create table sign_in_throttle (
    subject        blob not null primary key,
    user_id        blob references person (id),
    failures       integer not null,
    last_failed_at text not null,
    blocked_until  text
) strict;

-- Ledger -----------------------------------------------------------------------------------------------------------

create table ledger_entry (
    id              blob not null primary key,
    recorded_at     text not null,
    action          text not null,
    outcome         text not null,
    actor_kind      text not null,
    user_id         blob,
    role            text,
    token_id        blob,
    actor_organization_id blob,
    organization_id blob,
    purpose         text,
    patient_id      blob,
    note_id         blob,
    note_version_id blob,
    share_id        blob,
    recipient_id    blob,
    object_id       text,
    request_id      text,
    peer            text,
    session_id      blob,
    channel         text,
    leaf            blob not null
) strict;
create index ledger_entry_by_time on ledger_entry (recorded_at, id);
create index ledger_entry_by_organization on ledger_entry (organization_id, recorded_at, id);
create index ledger_entry_by_patient on ledger_entry (patient_id, recorded_at, id) where patient_id is not null;
create index ledger_entry_by_user on ledger_entry (user_id, recorded_at, id) where user_id is not null;
-- What people did in the records of others: few entries, so that a search of an organization's own finds them at once.
create index ledger_entry_abroad on ledger_entry (actor_organization_id, recorded_at, id)
    where actor_organization_id is not null and organization_id is distinct from actor_organization_id;
create index ledger_entry_by_note on ledger_entry (note_id, recorded_at, id) where note_id is not null;
create index ledger_entry_by_share on ledger_entry (share_id, recorded_at, id) where share_id is not null;
create index ledger_entry_by_recipient on ledger_entry (recipient_id, recorded_at, id) where recipient_id is not null;
create index ledger_entry_by_object on ledger_entry (object_id, recorded_at, id) where object_id is not null;
create index ledger_entry_by_session on ledger_entry (session_id, recorded_at, id) where session_id is not null;
create index ledger_entry_by_request on ledger_entry (request_id, recorded_at, id) where request_id is not null;

-- Entries that wait for the sequencer; the only ledger table whose rows go away.
create table ledger_pending (
    entry_id    blob not null primary key,
    recorded_at text not null
) strict;
create index ledger_pending_by_time on ledger_pending (recorded_at, entry_id);

create table ledger_leaf (
    leaf_index integer not null primary key,
    entry_id   blob not null unique
) strict;

create table ledger_hash (
    hash_index integer not null primary key,
    hash       blob not null
) strict;

create table ledger_checkpoint (
    tree_size  integer not null primary key,
    note       text not null,
    signed_at  text not null
) strict;

create table ledger_lease (
    name        text not null primary key,
    lease_owner text,
    lease_until text
) strict;
insert into ledger_lease (name) values ('sequencer');

-- History is append-only.
create trigger ledger_entry_no_update before update on ledger_entry begin
    select raise(abort, 'ledger_entry is append-only');
end;
create trigger ledger_entry_no_delete before delete on ledger_entry begin
    select raise(abort, 'ledger_entry is append-only');
end;
create trigger ledger_leaf_no_update before update on ledger_leaf begin
    select raise(abort, 'ledger_leaf is append-only');
end;
create trigger ledger_leaf_no_delete before delete on ledger_leaf begin
    select raise(abort, 'ledger_leaf is append-only');
end;
create trigger ledger_hash_no_update before update on ledger_hash begin
    select raise(abort, 'ledger_hash is append-only');
end;
create trigger ledger_hash_no_delete before delete on ledger_hash begin
    select raise(abort, 'ledger_hash is append-only');
end;
create trigger ledger_checkpoint_no_update before update on ledger_checkpoint begin
    select raise(abort, 'ledger_checkpoint is append-only');
end;
create trigger ledger_checkpoint_no_delete before delete on ledger_checkpoint begin
    select raise(abort, 'ledger_checkpoint is append-only');
end;
-- "insert or replace" would remove a row without its delete trigger.
create trigger ledger_entry_no_replace before insert on ledger_entry
when exists (select 1 from ledger_entry where id = new.id) begin
    select raise(abort, 'ledger_entry is append-only');
end;
create trigger ledger_leaf_no_replace before insert on ledger_leaf
when exists (select 1 from ledger_leaf where leaf_index = new.leaf_index or entry_id = new.entry_id) begin
    select raise(abort, 'ledger_leaf is append-only');
end;
create trigger ledger_hash_no_replace before insert on ledger_hash
when exists (select 1 from ledger_hash where hash_index = new.hash_index) begin
    select raise(abort, 'ledger_hash is append-only');
end;
create trigger ledger_checkpoint_no_replace before insert on ledger_checkpoint
when exists (select 1 from ledger_checkpoint where tree_size = new.tree_size) begin
    select raise(abort, 'ledger_checkpoint is append-only');
end;
create trigger note_version_no_replace before insert on note_version
when exists (select 1 from note_version where id = new.id or (note_id = new.note_id and version = new.version)) begin
    select raise(abort, 'note_version is append-only');
end;
create trigger note_version_no_delete before delete on note_version begin
    select raise(abort, 'note_version is append-only');
end;
-- A signed version never changes; only its withdrawal may be added.
create trigger note_version_frozen before update on note_version
when old.id is not new.id or old.note_id is not new.note_id or old.version is not new.version
    or old.content_sha256 is not new.content_sha256 or old.signed_by is not new.signed_by
    or old.signed_at is not new.signed_at or old.urgency is not new.urgency or old.document_id is not new.document_id
    or old.patient_id is not new.patient_id or old.organization_id is not new.organization_id or old.kind is not new.kind
    or old.content_sealed is not new.content_sealed or old.confirmations_sealed is not new.confirmations_sealed
    or old.change_sealed is not new.change_sealed or old.withdrawn_at is not null
begin
    select raise(abort, 'a signed version never changes');
end;
