//! What is due by the clock beside deliveries: escalation steps, overdue calls, digests, daily work; and one look over
//! all of it. Claims are locks within a transaction, so that many processes do each thing once.

use chrono::{DateTime, TimeDelta, Utc};
use liaison_domain::{CallTaskId, EscalationStepId, RecipientId, TeamId, UserId, escalation::StepKind};
use uuid::Uuid;

use crate::{
    Json, args,
    call_tasks::CallTaskRow,
    conn::Conn,
    directory::{PersonRow, uuids},
    error::Result,
    recipients::RecipientRow,
    row::row,
    sql::sql,
    tx::Tx,
};

row! {
    /// An escalation step of a loop that was taken, or skipped with its cause.
    pub struct EscalationStepRow {
        /// Its id.
        id: EscalationStepId,
        /// The loop.
        recipient_id: RecipientId,
        /// Which step of the schedule, from 1.
        number: u32,
        /// What.
        kind: StepKind,
        /// When it was due.
        due_at: DateTime<Utc>,
        /// When it was taken.
        taken_at: DateTime<Utc>,
        /// Why now: `DUE`, `UNDELIVERABLE`; or why not: `LATE`, `SKIPPED_UNDELIVERABLE`.
        cause: String,
        /// Who was told by name; a team's inbox has no name.
        told: Json<Vec<UserId>>,
        /// The call that the clinic owes.
        call_task_id: Option<CallTaskId>,
    }
}

row! {
    /// How much of each kind is due; each is 0 or 1.
    pub struct DueRow {
        /// Deliveries to recipients.
        deliver: i64,
        /// Deliveries to people.
        notify: i64,
        /// Escalation steps.
        escalate: i64,
        /// Overdue calls.
        calls: i64,
        /// Digests.
        digest: i64,
        /// Ledger entries without an index.
        sequence: i64,
        /// Scheduled work that was claimed before and is due again.
        retain: i64,
        /// Scheduled work by name.
        scheduled: i64,
    }
}

sql! {
    INSERT_STEPS = "insert into escalation_step (id, recipient_id, number, kind, due_at, taken_at, cause, told,
        call_task_id) values {rows:9}";
    STEPS_OF = "select * from escalation_step where recipient_id in ({ids}) order by recipient_id, number";
    LOCK_LOOPS = "select * from recipient where id in ({ids}) order by id {for_update}";
    DUE_LOOPS = "select id as a from recipient where next_step_at <= $1 order by next_step_at, id limit $2";
    LOCK_DUE_LOOPS = "select * from recipient where next_step_at <= $1 and id in ({ids})
        order by id {for_update_skip_locked}";
    SET_TIMER = "update recipient set step_number = $2, next_step_at = $3, revision = revision + 1, updated_at = $4
        where id = $1 and revision = $5 and step_number <= $2";
    OVERDUE_CALLS = "select id as a from call_task where status = 'OPEN' and reminded_at is null and due_at <= $1
        order by due_at, id limit $2";
    LOCK_OVERDUE_CALLS = "select * from call_task where status = 'OPEN' and reminded_at is null and due_at <= $1
        and id in ({ids}) order by id {for_update_skip_locked}";
    MARK_CALLS = "update call_task set reminded_at = $1 where id in ({ids})";
    DUE_PEOPLE = "select id as a from person where digest_next_at <= $1 order by digest_next_at, id limit $2";
    LOCK_DUE_PEOPLE = "select * from person where digest_next_at <= $1 and id in ({ids})
        order by id {for_update_skip_locked}";
    SET_DIGEST = "update person set digest_next_at = $2 where id = $1";
    OPEN_OF_TEAMS = "select * from recipient where is_open = $1 and to_team_id in ({ids}) order by due_at, id";
    OPEN_OF_USERS = "select * from recipient where is_open = $1 and to_user_id in ({ids}) order by due_at, id";
    OPEN_BY_SENDERS = "select * from recipient where is_open = $1 and shared_by in ({ids}) order by due_at, id";
    OPEN_CALLS = "select * from call_task where status = 'OPEN' and owner_id in ({ids}) order by due_at, id";
    DUE = "select
        (select count(*) from (select 1 from delivery where next_attempt_at <= $1 and notice_id is null
            and (lease_until is null or lease_until < $1) limit 1) d) as deliver,
        (select count(*) from (select 1 from delivery where next_attempt_at <= $1 and notice_id is not null
            and (lease_until is null or lease_until < $1) limit 1) n) as notify,
        (select count(*) from (select 1 from recipient where next_step_at <= $1 limit 1) e) as escalate,
        (select count(*) from (select 1 from call_task where status = 'OPEN' and reminded_at is null
            and due_at <= $1 limit 1) c) as calls,
        (select count(*) from (select 1 from person where digest_next_at <= $1 limit 1) p) as digest,
        (select count(*) from (select 1 from ledger_pending limit 1) l) as sequence,
        (select count(*) from schedule where name = $2 and next_at <= $1) as retain,
        (select count(*) from schedule where name = $2) as scheduled";
    NEXT_DELIVERY = "select min(next_attempt_at) as a from delivery where next_attempt_at > $1";
    NEXT_STEP = "select min(next_step_at) as a from recipient where next_step_at > $1";
    NEXT_CALL = "select min(due_at) as a from call_task where status = 'OPEN' and reminded_at is null and due_at > $1";
    NEXT_DIGEST = "select min(digest_next_at) as a from person where digest_next_at > $1";
    LEASE_ENDS = "select min(lease_until) as a from delivery where next_attempt_at is not null and lease_until >= $1";
    TICK = "insert into schedule (name, next_at) values ($1, $2) on conflict (name) do update
        set next_at = excluded.next_at where schedule.next_at <= $3";
    AGAIN = "update schedule set next_at = $2 where name = $1";
}

/// Adds steps; a unique violation when one of the numbers was taken before.
pub async fn insert_steps(tx: &mut Tx, steps: &[EscalationStepRow]) -> Result<()> {
    let rows = steps
        .iter()
        .map(|row| {
            args![
                row.id,
                row.recipient_id,
                row.number,
                row.kind,
                row.due_at,
                row.taken_at,
                row.cause.as_str(),
                Json(&row.told.0),
                row.call_task_id,
            ]
        })
        .collect();
    tx.insert_all(INSERT_STEPS, rows).await
}

/// The steps of loops, in order.
pub async fn steps_of(conn: &mut Conn, recipients: &[Uuid]) -> Result<Vec<EscalationStepRow>> {
    conn.all_in(STEPS_OF, args![], recipients).await
}

/// Loops, locked until the transaction ends, in the order of their ids.
pub async fn lock_loops(tx: &mut Tx, ids: &[Uuid]) -> Result<Vec<RecipientRow>> {
    tx.all_in(LOCK_LOOPS, args![], ids).await
}

/// The loops whose next step is due, most overdue first.
pub async fn due_loops(conn: &mut Conn, now: DateTime<Utc>, limit: u32) -> Result<Vec<Uuid>> {
    ids(conn.all(DUE_LOOPS, args![now, limit]).await?)
}

/// Locks those of the loops whose next step is still due and that nobody else is taking.
pub async fn lock_due_loops(tx: &mut Tx, ids: &[Uuid], now: DateTime<Utc>) -> Result<Vec<RecipientRow>> {
    tx.all_in(LOCK_DUE_LOOPS, args![now], ids).await
}

/// Moves a loop's timer on. Steps only ever count up, so a clock that goes backwards repeats none.
pub async fn set_timer(tx: &mut Tx, row: &RecipientRow, now: DateTime<Utc>) -> Result<()> {
    let args = args![row.id, row.step_number, row.next_step_at, now, row.revision];
    tx.update_later(SET_TIMER, row.id.uuid(), args, Some(1)).await
}

/// The open calls whose time has come and about which nobody was told again.
pub async fn overdue_calls(conn: &mut Conn, now: DateTime<Utc>, limit: u32) -> Result<Vec<Uuid>> {
    ids(conn.all(OVERDUE_CALLS, args![now, limit]).await?)
}

/// Locks those of the calls that are still open and untold, and marks them as told.
pub async fn take_overdue_calls(tx: &mut Tx, calls: &[Uuid], now: DateTime<Utc>) -> Result<Vec<CallTaskRow>> {
    let rows: Vec<CallTaskRow> = tx.all_in(LOCK_OVERDUE_CALLS, args![now], calls).await?;
    let taken: Vec<Uuid> = rows.iter().map(|row| row.id.uuid()).collect();
    tx.execute_in(MARK_CALLS, args![now], &taken).await?;
    Ok(rows)
}

/// The people whose digest is due.
pub async fn due_people(conn: &mut Conn, now: DateTime<Utc>, limit: u32) -> Result<Vec<Uuid>> {
    ids(conn.all(DUE_PEOPLE, args![now, limit]).await?)
}

/// Locks those of the people whose digest is still due and that nobody else is taking.
pub async fn lock_due_people(tx: &mut Tx, people: &[Uuid], now: DateTime<Utc>) -> Result<Vec<PersonRow>> {
    tx.all_in(LOCK_DUE_PEOPLE, args![now], people).await
}

/// Sets when a person's next digest is due.
pub async fn set_digest(tx: &mut Tx, user: UserId, at: Option<DateTime<Utc>>) -> Result<()> {
    tx.change_one(SET_DIGEST, args![user, at]).await
}

/// The open loops addressed to teams.
pub async fn open_of_teams(conn: &mut Conn, teams: &[TeamId]) -> Result<Vec<RecipientRow>> {
    conn.all_in(OPEN_OF_TEAMS, args![true], &uuids(teams)).await
}

/// The open loops addressed to people.
pub async fn open_of_users(conn: &mut Conn, users: &[UserId]) -> Result<Vec<RecipientRow>> {
    conn.all_in(OPEN_OF_USERS, args![true], &uuids(users)).await
}

/// The open loops that people sent.
pub async fn open_by_senders(conn: &mut Conn, users: &[UserId]) -> Result<Vec<RecipientRow>> {
    conn.all_in(OPEN_BY_SENDERS, args![true], &uuids(users)).await
}

/// The open calls that people owe.
pub async fn open_calls(conn: &mut Conn, owners: &[UserId]) -> Result<Vec<CallTaskRow>> {
    conn.all_in(OPEN_CALLS, args![], &uuids(owners)).await
}

/// What is due, by one statement; `tick` names the scheduled work.
pub async fn due(conn: &mut Conn, now: DateTime<Utc>, tick: &str) -> Result<Option<DueRow>> {
    conn.one(DUE, args![now, tick]).await
}

/// When the next thing after a moment is due by any timer, or a claim that was not settled has run out.
pub async fn next_due(conn: &mut Conn, after: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
    let mut next = None;
    for sql in [NEXT_DELIVERY, NEXT_STEP, NEXT_CALL, NEXT_DIGEST] {
        let row: Option<(Option<DateTime<Utc>>,)> = conn.one(sql, args![after]).await?;
        next = next.into_iter().chain(row.and_then(|(at,)| at)).min();
    }
    let row: Option<(Option<DateTime<Utc>>,)> = conn.one(LEASE_ENDS, args![after]).await?;
    // A claim holds to the end of its last microsecond.
    let free = row.and_then(|(at,)| at).map(|at| at + TimeDelta::microseconds(1));
    Ok(next.into_iter().chain(free).min())
}

/// Claims scheduled work: whether it was due, in which case it is due again at `next`. One of many callers is told so.
pub async fn tick(tx: &mut Tx, name: &str, now: DateTime<Utc>, next: DateTime<Utc>) -> Result<bool> {
    Ok(tx.execute(TICK, args![name, next, now]).await? == 1)
}

/// Makes scheduled work due again at a moment: there was more than one round does.
pub async fn again(tx: &mut Tx, name: &str, at: DateTime<Utc>) -> Result<()> {
    tx.change_one(AGAIN, args![name, at]).await
}

fn ids(rows: Vec<(Uuid,)>) -> Result<Vec<Uuid>> {
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
