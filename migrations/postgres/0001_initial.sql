-- Liaison's tables. Sealed columns (named *_sealed) hold AES-256-GCM ciphertext; nothing else holds PHI.
-- Urgency: 0 routine, 1 urgent, 2 emergent. Evidence level: 0 queued to 5 acknowledged.

-- Keys -------------------------------------------------------------------------------------------------------------

-- Service-wide keys (blind index, system secrets), wrapped by a master key that is never in the database.
create table service_key (
    purpose     text not null primary key,
    wrapped     bytea not null,
    master_id   text not null,
    created_at  timestamptz not null
);

-- Directory --------------------------------------------------------------------------------------------------------

create table organization (
    id          uuid not null primary key,
    name        text not null,
    kind        text not null,
    time_zone   text not null,
    phone       text,
    -- The clinic that keeps this partner's directory, where the partner does not keep it alone.
    managed_by  uuid references organization (id),
    created_at  timestamptz not null,
    updated_at  timestamptz not null
);

create table team (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    name            text not null,
    care_role       text not null,
    calendar        text not null,
    phone           text,
    active          boolean not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null
);
create index team_by_organization on team (organization_id, name);

create table person (
    id           uuid not null primary key,
    email        text not null unique,
    display_name text not null,
    phone        text,
    time_zone    text not null,
    digest_hour  bigint,
    digest_next_at timestamptz,
    disabled_at  timestamptz,
    created_at   timestamptz not null,
    updated_at   timestamptz not null
);
create index person_digest on person (digest_next_at) where digest_next_at is not null;

create table membership (
    id              uuid not null primary key,
    user_id         uuid not null references person (id),
    organization_id uuid not null references organization (id),
    roles           text not null,
    from_at         timestamptz not null,
    until_at        timestamptz,
    created_at      timestamptz not null
);
create unique index membership_current on membership (user_id, organization_id) where until_at is null;
create index membership_by_organization on membership (organization_id);

create table team_member (
    team_id    uuid not null references team (id),
    user_id    uuid not null references person (id),
    is_lead    boolean not null,
    created_at timestamptz not null,
    primary key (team_id, user_id)
);
create index team_member_by_user on team_member (user_id);

create table endpoint (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    team_id         uuid references team (id),
    user_id         uuid references person (id),
    channel         text not null,
    address         text not null,
    secret_sealed   bytea,
    status          text not null,
    disabled_reason text,
    failing_since   timestamptz,
    last_proven_at  timestamptz,
    created_at      timestamptz not null,
    updated_at      timestamptz not null
);
create index endpoint_by_team on endpoint (team_id);
create index endpoint_by_user on endpoint (user_id);

create table coverage (
    id               uuid not null primary key,
    organization_id  uuid not null references organization (id),
    absent_user_id   uuid not null references person (id),
    covering_user_id uuid not null references person (id),
    from_at          timestamptz not null,
    until_at         timestamptz not null,
    cancelled_at     timestamptz,
    created_by       uuid,
    created_at       timestamptz not null
);
create index coverage_by_absent on coverage (absent_user_id, until_at);
create index coverage_by_covering on coverage (covering_user_id, until_at);

create table escalation_policy (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    urgency         bigint not null,
    policy          text not null,
    updated_by      uuid,
    updated_at      timestamptz not null,
    unique (organization_id, urgency)
);

create table api_token (
    id              uuid not null primary key,
    user_id         uuid not null references person (id),
    organization_id uuid not null references organization (id),
    name            text not null,
    secret_hash     bytea not null unique,
    scopes          text not null,
    expires_at      timestamptz not null,
    revoked_at      timestamptz,
    created_at      timestamptz not null
);
create index api_token_by_user on api_token (user_id);

-- Patients ---------------------------------------------------------------------------------------------------------

create table patient (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    identity_sealed bytea not null,
    mrn_index       bytea not null,
    demographic_index bytea not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    unique (organization_id, mrn_index)
);
create index patient_look_alike on patient (organization_id, demographic_index);

create table patient_key (
    patient_id uuid not null references patient (id),
    version    bigint not null,
    wrapped    bytea not null,
    master_id  text not null,
    created_at timestamptz not null,
    primary key (patient_id, version)
);

-- Keyed blind index over prefixes of the patient's name tokens.
create table patient_token (
    organization_id uuid not null,
    token           bytea not null,
    patient_id      uuid not null references patient (id),
    primary key (organization_id, token, patient_id)
);
create index patient_token_by_patient on patient_token (patient_id);

create table care_team_entry (
    id         uuid not null primary key,
    patient_id uuid not null references patient (id),
    team_id    uuid references team (id),
    user_id    uuid references person (id),
    care_role  text not null,
    from_at    timestamptz not null,
    until_at   timestamptz,
    created_by uuid,
    created_at timestamptz not null
);
create index care_team_entry_by_patient on care_team_entry (patient_id);

create table restriction (
    id              uuid not null primary key,
    patient_id      uuid not null references patient (id),
    organization_id uuid references organization (id),
    team_id         uuid references team (id),
    user_id         uuid references person (id),
    detail_sealed   bytea,
    agreed_by       uuid not null,
    agreed_at       timestamptz not null,
    ended_at        timestamptz,
    ended_by        uuid,
    created_at      timestamptz not null
);
create index restriction_by_patient on restriction (patient_id);

-- While one of a patient is not lifted, nothing that belongs to the patient is removed.
create table legal_hold (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    patient_id      uuid not null references patient (id),
    reason_sealed   bytea not null,
    set_by          uuid not null references person (id),
    set_at          timestamptz not null,
    lifted_by       uuid references person (id),
    lifted_at       timestamptz,
    lift_reason_sealed bytea,
    check ((lifted_at is null) = (lifted_by is null) and (lifted_at is null) = (lift_reason_sealed is null))
);
create index legal_hold_in_force on legal_hold (patient_id, set_at) where lifted_at is null;
create index legal_hold_by_organization on legal_hold (organization_id, set_at, id);

create table course (
    id                uuid not null primary key,
    patient_id        uuid not null references patient (id),
    consultation_note_id uuid not null,
    planned_infusions bigint,
    started_at        timestamptz not null,
    ended_at          timestamptz,
    created_at        timestamptz not null
);
create index course_by_patient on course (patient_id);

-- Notes ------------------------------------------------------------------------------------------------------------

create table note (
    id              uuid not null primary key,
    patient_id      uuid not null references patient (id),
    organization_id uuid not null references organization (id),
    kind            text not null,
    status          text not null,
    author_id       uuid not null,
    draft_sealed    bytea,
    draft_revision  bigint not null,
    draft_updated_by uuid,
    version         bigint not null,
    created_at      timestamptz not null,
    updated_at      timestamptz not null
);
create index note_by_patient on note (patient_id, created_at);
create index note_by_organization on note (organization_id, updated_at);
create index note_unsigned on note (updated_at) where version = 0;
-- Amendments under way that a legal hold kept when their note was withdrawn.
create index note_kept on note (updated_at) where draft_sealed is not null and status = 'ENTERED_IN_ERROR';

create table note_version (
    id              uuid not null primary key,
    note_id         uuid not null references note (id),
    patient_id      uuid not null,
    organization_id uuid not null,
    kind            text not null,
    version         bigint not null,
    content_sealed  bytea not null,
    content_sha256  bytea not null,
    confirmations_sealed bytea,
    urgency         bigint not null,
    change_sealed   bytea,
    document_id     text not null,
    signed_by       uuid not null,
    signed_at       timestamptz not null,
    withdrawn_at    timestamptz,
    withdrawn_by    uuid,
    withdrawn_sealed bytea,
    unique (note_id, version)
);
create index note_version_by_patient on note_version (patient_id, signed_at);
create unique index note_version_document on note_version (organization_id, document_id, version);

-- Shares and loops -------------------------------------------------------------------------------------------------

create table share (
    id              uuid not null primary key,
    note_version_id uuid not null references note_version (id),
    note_id         uuid not null,
    patient_id      uuid not null,
    organization_id uuid not null,
    urgency         bigint not null,
    shared_by       uuid not null,
    shared_at       timestamptz not null,
    detail_sealed   bytea,
    verbal_made     boolean not null,
    recalled_at     timestamptz,
    recalled_by     uuid,
    recall_reason_sealed bytea,
    superseded_at   timestamptz
);
create index share_by_organization on share (organization_id, shared_at);
create index share_by_patient on share (patient_id, shared_at);
create index share_by_version on share (note_version_id);

create table share_question (
    id          uuid not null primary key,
    share_id    uuid not null references share (id),
    patient_id  uuid not null,
    position    bigint not null,
    care_role   text,
    text_sealed bytea not null,
    respond_by  timestamptz,
    status      text not null,
    answer_sealed bytea,
    answered_by uuid,
    guest_id    uuid,
    answered_recipient_id uuid,
    answered_at timestamptz,
    created_at  timestamptz not null
);
create index share_question_by_share on share_question (share_id);

create table recipient (
    id                uuid not null primary key,
    share_id          uuid not null references share (id),
    note_version_id   uuid not null,
    note_id           uuid not null,
    patient_id        uuid not null,
    organization_id   uuid not null,
    to_organization_id uuid not null references organization (id),
    to_team_id        uuid references team (id),
    to_user_id        uuid references person (id),
    care_role         text not null,
    duty              text not null,
    urgency           bigint not null,
    level             bigint not null,
    outcome           text,
    reply_due         boolean not null,
    is_open           boolean not null,
    shared_at         timestamptz not null,
    shared_by         uuid not null,
    due_at            timestamptz,
    calendar          text not null,
    policy            text not null,
    step_number       bigint not null,
    next_step_at      timestamptz,
    lease_owner       text,
    lease_until       timestamptz,
    opened_at         timestamptz,
    acknowledged_at   timestamptz,
    ended_at          timestamptz,
    redirected_to     uuid,
    redirected_from   uuid,
    redirect_accepted_at timestamptz,
    sealed_from_recipient boolean not null,
    -- Secure link: raised to revoke it; SHA-256 of the token, which stands nowhere itself.
    link_version      bigint not null,
    link_hash         bytea not null,
    revision          bigint not null,
    updated_at        timestamptz not null
);
create index recipient_by_share on recipient (share_id);
create unique index recipient_by_link on recipient (link_hash);
create index recipient_inbox_team on recipient (to_team_id, is_open, shared_at);
create index recipient_inbox_user on recipient (to_user_id, is_open, shared_at);
create index recipient_waits_team on recipient (to_team_id) where is_open
    or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED'));
create index recipient_waits_user on recipient (to_user_id) where is_open
    or (duty = 'COPY' and level < 4 and (outcome is null or outcome = 'FAILED'));
create index recipient_due on recipient (next_step_at) where next_step_at is not null;
create index recipient_board on recipient (organization_id, is_open, due_at);
create index recipient_reply_due on recipient (organization_id, reply_due);
create index recipient_by_patient on recipient (patient_id, shared_at);
create index recipient_by_sender on recipient (shared_by, is_open);
-- Timeliness is counted from this index alone.
create index recipient_by_time on recipient (organization_id, shared_at, duty, urgency, to_organization_id, is_open,
    due_at, acknowledged_at, outcome);
create index recipient_open on recipient (urgency, shared_at, due_at) where is_open;

create table delivery (
    id              uuid not null primary key,
    recipient_id    uuid references recipient (id),
    share_id        uuid,
    organization_id uuid not null,
    notice_id       uuid,
    endpoint_id     uuid references endpoint (id),
    channel         text not null,
    address         text not null,
    purpose         text not null,
    state           text not null,
    attempts        bigint not null,
    next_attempt_at timestamptz,
    lease_owner     text,
    lease_until     timestamptz,
    message_id      text not null,
    payload         text not null,
    urgency         bigint not null,
    dead_reason     text,
    delivered_at    timestamptz,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    -- The request whose use case planned it, where one did; and the trace it was planned in (W3C traceparent), where
    -- traces are exported.
    request_id      text,
    trace           text
);
create index delivery_by_recipient on delivery (recipient_id);
create index delivery_by_share on delivery (share_id);
create index delivery_due on delivery (urgency desc, next_attempt_at, id) where next_attempt_at is not null;
create index delivery_by_endpoint on delivery (endpoint_id) where next_attempt_at is not null;
create index delivery_held on delivery (lease_owner) where lease_until is not null;
create index delivery_tests on delivery (endpoint_id, created_at) where purpose = 'ENDPOINT_TEST';
create index delivery_dead on delivery (organization_id, state, updated_at);
create index delivery_dead_by_time on delivery (updated_at) where state = 'DEAD';

create table attempt (
    id          uuid not null primary key,
    delivery_id uuid not null references delivery (id),
    number      bigint not null,
    started_at  timestamptz not null,
    ended_at    timestamptz,
    outcome     text not null,
    status_code bigint,
    artefact    text,
    unique (delivery_id, number)
);
-- What next hops answered, for as long as it is kept.
create index attempt_reply on attempt (ended_at) where artefact is not null;

create table evidence (
    id           uuid not null primary key,
    recipient_id uuid not null references recipient (id),
    level        bigint not null,
    occurred_at  timestamptz not null,
    recorded_at  timestamptz not null,
    late         boolean not null,
    user_id      uuid,
    guest_id     uuid,
    delivery_id  uuid,
    attempt_id   uuid,
    source       text not null,
    artefact     text not null
);
create index evidence_by_recipient on evidence (recipient_id);
create index evidence_by_time on evidence (recorded_at);

create table acknowledgment (
    id              uuid not null primary key,
    recipient_id    uuid not null unique references recipient (id),
    share_id        uuid not null,
    note_version_id uuid not null,
    patient_id      uuid not null,
    user_id         uuid,
    organization_id uuid not null,
    by_telephone    boolean not null,
    recorded_by     uuid,
    guest_id        uuid,
    call_task_id    uuid,
    dispositions    text not null,
    detail_sealed   bytea,
    acknowledged_at timestamptz not null,
    recorded_at     timestamptz not null,
    -- A person of the directory, or a guest of a secure link.
    check ((recorded_by is null) <> (guest_id is null))
);
create index acknowledgment_by_patient on acknowledgment (patient_id, acknowledged_at);

create table decline (
    recipient_id uuid not null primary key references recipient (id),
    reason       text not null,
    detail_sealed bytea,
    user_id      uuid,
    guest_id     uuid,
    declined_at  timestamptz not null
);

create table escalation_step (
    id           uuid not null primary key,
    recipient_id uuid not null references recipient (id),
    number       bigint not null,
    kind         text not null,
    due_at       timestamptz not null,
    taken_at     timestamptz not null,
    cause        text not null,
    told         text not null,
    call_task_id uuid,
    unique (recipient_id, number)
);

create table call_task (
    id              uuid not null primary key,
    recipient_id    uuid not null references recipient (id),
    share_id        uuid not null,
    patient_id      uuid not null,
    organization_id uuid not null,
    owner_id        uuid not null references person (id),
    reason          text not null,
    status          text not null,
    due_at          timestamptz not null,
    phone           text,
    detail_sealed   bytea,
    created_at      timestamptz not null,
    completed_at    timestamptz,
    completed_by    uuid,
    read_back       boolean,
    updated_at      timestamptz not null,
    -- When the owner and the clinic were told that it is overdue.
    reminded_at     timestamptz
);
create index call_task_open on call_task (organization_id, status, due_at);
create index call_task_by_recipient on call_task (recipient_id);
create index call_task_overdue on call_task (due_at) where status = 'OPEN' and reminded_at is null;
create index call_task_by_owner on call_task (owner_id, status, due_at);

create table reply (
    id           uuid not null primary key,
    share_id     uuid not null references share (id),
    recipient_id uuid not null references recipient (id),
    patient_id   uuid not null,
    author_id    uuid,
    guest_id     uuid,
    organization_id uuid not null,
    from_clinic  boolean not null,
    closes_reply_due boolean not null,
    body_sealed  bytea not null,
    written_at   timestamptz not null,
    check ((author_id is null) <> (guest_id is null))
);
create index reply_by_recipient on reply (recipient_id, written_at);

create table mis_send (
    id           uuid not null primary key,
    recipient_id uuid not null unique references recipient (id),
    share_id     uuid not null,
    patient_id   uuid not null,
    organization_id uuid not null,
    reported_by  uuid,
    guest_id     uuid,
    reported_at  timestamptz not null,
    content_was_opened boolean not null,
    closed_at    timestamptz,
    closed_by    uuid,
    finding_sealed bytea
);
create index mis_send_open on mis_send (organization_id, closed_at);

create table hold (
    id           uuid not null primary key,
    patient_id   uuid not null references patient (id),
    organization_id uuid not null,
    recipient_id uuid not null,
    disposition  text not null,
    until_date   text,
    detail_sealed bytea,
    requested_by uuid,
    guest_id     uuid,
    requested_at timestamptz not null,
    accepted_by  uuid,
    accepted_at  timestamptz,
    lifted_by    uuid,
    lifted_at    timestamptz
);
create index hold_by_patient on hold (patient_id);

-- Notices to people (no clinical content) --------------------------------------------------------------------------

create table notice (
    id           uuid not null primary key,
    user_id      uuid not null references person (id),
    organization_id uuid not null,
    kind         text not null,
    urgency      bigint not null,
    patient_id   uuid,
    share_id     uuid,
    recipient_id uuid,
    object_id    uuid,
    facts        text not null,
    created_at   timestamptz not null,
    seen_at      timestamptz
);
create index notice_by_user on notice (user_id, created_at);
create index notice_seen on notice (seen_at) where seen_at is not null;

-- Secure links: recipients without an account ----------------------------------------------------------------------

-- One-time codes. The code is derived from the id under a service key and stands nowhere.
create table link_code (
    id             uuid not null primary key,
    recipient_id   uuid not null references recipient (id),
    challenge_hash bytea not null unique,
    address        text not null,
    -- Whose own address it is; none for a team's.
    user_id        uuid references person (id),
    link_version   bigint not null,
    tries          bigint not null,
    created_at     timestamptz not null,
    expires_at     timestamptz not null,
    used_at        timestamptz
);
create index link_code_by_recipient on link_code (recipient_id, created_at);
create index link_code_by_address on link_code (address, created_at);

-- Who came in by a code, as they named themself, with their session.
create table guest (
    id             uuid not null primary key,
    recipient_id   uuid not null references recipient (id),
    code_id        uuid not null unique references link_code (id),
    user_id        uuid references person (id),
    name           text not null,
    profession     text not null,
    work_email     text,
    phone          text,
    -- Where the code went, masked.
    verified_by    text not null,
    link_version   bigint not null,
    secret_hash    bytea not null unique,
    created_at     timestamptz not null,
    idle_until     timestamptz not null,
    absolute_until timestamptz not null,
    ended_at       timestamptz,
    account_requested_at timestamptz
);
create index guest_by_recipient on guest (recipient_id, created_at);

-- Emergency access and audit work ----------------------------------------------------------------------------------

create table break_glass (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    user_id         uuid not null references person (id),
    patient_id      uuid not null references patient (id),
    reason_sealed   bytea not null,
    started_at      timestamptz not null,
    expires_at      timestamptz not null,
    ended_at        timestamptz,
    reviewed_by     uuid references person (id),
    reviewed_at     timestamptz,
    verdict         text,
    finding_sealed  bytea,
    -- Nobody judges their own case.
    check (reviewed_by is null or reviewed_by <> user_id)
);
create index break_glass_by_user on break_glass (user_id, expires_at);
create index break_glass_to_review on break_glass (organization_id, reviewed_at, started_at);
create index break_glass_unended on break_glass (expires_at) where ended_at is null;

create table audit_review (
    id              uuid not null primary key,
    organization_id uuid not null references organization (id),
    signed_by       uuid not null references person (id),
    from_at         timestamptz not null,
    until_at        timestamptz not null,
    scope           text not null,
    findings_sealed bytea not null,
    checkpoint_size bigint not null,
    signed_at       timestamptz not null
);
create index audit_review_by_organization on audit_review (organization_id, signed_at);

create table saved_filter (
    id              uuid not null primary key,
    user_id         uuid not null references person (id),
    organization_id uuid not null references organization (id),
    name            text not null,
    filter          text not null,
    created_at      timestamptz not null,
    unique (user_id, organization_id, name)
);

-- Mutations by key, schedule ---------------------------------------------------------------------------------------

create table idempotency (
    user_id      uuid not null,
    key          text not null,
    operation    text not null,
    request_sha256 bytea not null,
    response     text not null,
    created_at   timestamptz not null,
    primary key (user_id, key)
);
create index idempotency_by_time on idempotency (created_at);

create table schedule (
    name        text not null primary key,
    next_at     timestamptz not null,
    lease_owner text,
    lease_until timestamptz
);

-- Sign-in ----------------------------------------------------------------------------------------------------------

-- What a person proves themself with. A password stands as an argon2id PHC string, the secret of one-time codes sealed.
create table credential (
    user_id             uuid not null primary key references person (id),
    password_hash       text,
    password_changed_at timestamptz,
    totp_sealed         bytea,
    totp_added_at       timestamptz,
    -- The time step (RFC 6238) of the last code that was taken: a code works once.
    totp_last_step      bigint not null,
    -- A secret whose first code has not been entered yet.
    totp_pending_sealed bytea,
    totp_pending_until  timestamptz,
    -- Since an admin took the second factors away: a new one is added by the mailed link and the password alone.
    factors_reset_at    timestamptz,
    updated_at          timestamptz not null
);

create table recovery_code (
    user_id    uuid not null references person (id),
    code_hash  bytea not null,
    used_at    timestamptz,
    created_at timestamptz not null,
    primary key (user_id, code_hash)
);

create table passkey (
    id            uuid not null primary key,
    user_id       uuid not null references person (id),
    credential_id bytea not null unique,
    name          text not null,
    -- The public key and its counter, as JSON: nothing secret.
    credential    text not null,
    created_at    timestamptz not null,
    last_used_at  timestamptz
);
create index passkey_by_user on passkey (user_id);

create table session (
    id               uuid not null primary key,
    user_id          uuid not null references person (id),
    organization_id  uuid not null references organization (id),
    secret_hash      bytea not null unique,
    method           text not null,
    -- Signed in with a password alone: good for adding a second factor and for nothing else.
    is_full          boolean not null,
    peer             text,
    user_agent       text,
    authenticated_at timestamptz not null,
    last_seen_at     timestamptz not null,
    absolute_until   timestamptz not null,
    ended_at         timestamptz,
    end_reason       text,
    created_at       timestamptz not null
);
create index session_by_user on session (user_id, created_at);
create index session_by_end on session (absolute_until);

-- The steps between two requests of one sign-in: a first factor that was proven, a passkey's challenge.
create table sign_in_ceremony (
    secret_hash  bytea not null primary key,
    kind         text not null,
    user_id      uuid references person (id),
    session_id   uuid references session (id) on delete cascade,
    state_sealed bytea,
    expires_at   timestamptz not null,
    created_at   timestamptz not null
);
create index sign_in_ceremony_by_end on sign_in_ceremony (expires_at);

-- Single-use links: invitation, password reset, an operator's sign-in link. The token is derived from the id.
create table account_link (
    id         uuid not null primary key,
    user_id    uuid not null references person (id),
    purpose    text not null,
    token_hash bytea not null unique,
    issued_by  uuid,
    expires_at timestamptz not null,
    used_at    timestamptz,
    created_at timestamptz not null
);
create index account_link_by_user on account_link (user_id);

-- Failed sign-ins in a row, by a keyed hash of the account's address or of the network address.
create table sign_in_throttle (
    subject        bytea not null primary key,
    user_id        uuid references person (id),
    failures       bigint not null,
    last_failed_at timestamptz not null,
    blocked_until  timestamptz
);

-- Ledger -----------------------------------------------------------------------------------------------------------

create table ledger_entry (
    id              uuid not null primary key,
    recorded_at     timestamptz not null,
    action          text not null,
    outcome         text not null,
    actor_kind      text not null,
    user_id         uuid,
    role            text,
    token_id        uuid,
    actor_organization_id uuid,
    organization_id uuid,
    purpose         text,
    patient_id      uuid,
    note_id         uuid,
    note_version_id uuid,
    share_id        uuid,
    recipient_id    uuid,
    object_id       text,
    request_id      text,
    peer            text,
    session_id      uuid,
    channel         text,
    leaf            bytea not null
);
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
    entry_id    uuid not null primary key,
    recorded_at timestamptz not null
);
create index ledger_pending_by_time on ledger_pending (recorded_at, entry_id);

create table ledger_leaf (
    leaf_index bigint not null primary key,
    entry_id   uuid not null unique
);

create table ledger_hash (
    hash_index bigint not null primary key,
    hash       bytea not null
);

create table ledger_checkpoint (
    tree_size  bigint not null primary key,
    note       text not null,
    signed_at  timestamptz not null
);

create table ledger_lease (
    name        text not null primary key,
    lease_owner text,
    lease_until timestamptz
);
insert into ledger_lease (name) values ('sequencer');

-- History is append-only.
create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end $$;
create trigger ledger_entry_append_only before update or delete on ledger_entry for each row execute function refuse_change();
create trigger ledger_entry_no_truncate before truncate on ledger_entry for each statement execute function refuse_change();
create trigger ledger_leaf_append_only before update or delete on ledger_leaf for each row execute function refuse_change();
create trigger ledger_leaf_no_truncate before truncate on ledger_leaf for each statement execute function refuse_change();
create trigger ledger_hash_append_only before update or delete on ledger_hash for each row execute function refuse_change();
create trigger ledger_hash_no_truncate before truncate on ledger_hash for each statement execute function refuse_change();
create trigger ledger_checkpoint_append_only before update or delete on ledger_checkpoint for each row execute function refuse_change();
create trigger ledger_checkpoint_no_truncate before truncate on ledger_checkpoint for each statement execute function refuse_change();
create trigger note_version_no_delete before delete on note_version for each row execute function refuse_change();
create trigger note_version_no_truncate before truncate on note_version for each statement execute function refuse_change();
-- A signed version never changes; only its withdrawal may be added.
create function refuse_signed_change() returns trigger language plpgsql as $$
begin
    raise exception 'a signed version never changes';
end $$;
create trigger note_version_frozen before update on note_version for each row
when (old.id is distinct from new.id or old.note_id is distinct from new.note_id
    or old.version is distinct from new.version or old.content_sha256 is distinct from new.content_sha256
    or old.signed_by is distinct from new.signed_by or old.signed_at is distinct from new.signed_at
    or old.urgency is distinct from new.urgency or old.document_id is distinct from new.document_id
    or old.patient_id is distinct from new.patient_id or old.organization_id is distinct from new.organization_id
    or old.kind is distinct from new.kind or old.content_sealed is distinct from new.content_sealed
    or old.confirmations_sealed is distinct from new.confirmations_sealed
    or old.change_sealed is distinct from new.change_sealed or old.withdrawn_at is not null)
execute function refuse_signed_change();
