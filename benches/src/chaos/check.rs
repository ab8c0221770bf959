//! Afterwards: whether everything that was accepted is there as it should be, and every message arrived.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use liaison_domain::{DeliveryId, EndpointId};
use serde_json::json;
use tokio::time::sleep;
use uuid::Uuid;

use super::{
    bed::Bed,
    clients::{Ended, Log, Loop, Reached, Shared},
    report::Report,
};
use crate::client::Answer;

/// Levels of the ladder as they stand in rows.
const ACCEPTED: i64 = 1;
const RECEIVED: i64 = 2;
const OPENED: i64 = 4;
const ACKNOWLEDGED: i64 = 5;
/// Deliveries that wait or are being sent, and entries without a place in the ledger.
const UNDER_WAY: &str = "select (select count(*) from delivery where state in ('PENDING', 'SENDING'))
    + (select count(*) from ledger_pending)";
/// How many accepted shares of each client are asked for again under their key.
const ASKED_AGAIN: usize = 250;
/// How often what was given up is sent again: a message may meet what is left of a fault.
const ROUNDS: usize = 3;

/// Waits until nothing is under way. What was given up is sent again by an admin, now that all is well.
pub(super) async fn until_quiet(bed: &Bed, limit: Duration, report: &mut Report) -> Result<()> {
    let began = Instant::now();
    for round in 0..=ROUNDS {
        loop {
            match bed.database.count(UNDER_WAY).await {
                Ok(0) => break,
                Ok(left) if began.elapsed() > limit => {
                    report.lost(format!(
                        "{left} deliveries or ledger entries still wait after {limit:?}"
                    ));
                    return Ok(());
                }
                Err(error) if began.elapsed() > limit => bail!("the database cannot be read: {error:#}"),
                _ => sleep(Duration::from_millis(200)).await,
            }
        }
        if round == ROUNDS || revive(bed, report).await? == 0 {
            return Ok(());
        }
    }
    Ok(())
}

/// Sends again what was given up; how many messages.
async fn revive(bed: &Bed, report: &mut Report) -> Result<usize> {
    const ENABLE: &str =
        "mutation($i:SetEndpointDisabledInput!){setEndpointDisabled(input:$i){problems{code message}}}";
    const RETRY: &str = "mutation($i:RetryDeliveryInput!){retryDelivery(input:$i){deliveryId problems{code message}}}";
    let base = bed.bases().remove(0);
    let token = &bed.world.admin.token;
    let disabled: Vec<(Uuid,)> = bed
        .database
        .all("select id from endpoint where status = 'DISABLED'")
        .await?;
    for (id,) in disabled {
        let input = json!({"i": {"endpointId": EndpointId::from_uuid(id).to_string(), "disabled": false}});
        if let answer @ (Answer::Refused(_) | Answer::Failed(_) | Answer::Lost(_)) =
            bed.client.ask(&base, token, ENABLE, input).await
        {
            report.wrong(format!("an endpoint cannot be used again: {answer:?}"));
        }
    }
    // Where the loop has ended, the message has no point any more.
    let dead: Vec<(Uuid,)> = bed
        .database
        .all(
            "select d.id from delivery d left join recipient r on r.id = d.recipient_id
                where d.state = 'DEAD' and (r.id is null or r.is_open)",
        )
        .await?;
    for (id,) in &dead {
        let input = json!({"i": {"deliveryId": DeliveryId::from_uuid(*id).to_string()}});
        match bed.client.ask(&base, token, RETRY, input).await {
            Answer::Done(_) => report.revived += 1,
            // A call was still answered by an old fault, and its endpoint is gone again: the next round.
            Answer::Refused(codes) if codes == ["ENDPOINT_DISABLED"] => {}
            answer => report.wrong(format!("what was given up cannot be sent again: {answer:?}")),
        }
    }
    Ok(dead.len())
}

/// Accepted shares again, under their keys: each must be the same share.
pub(super) async fn by_api(bed: &Bed, logs: &[Log], report: &mut Report) {
    let bases = bed.bases();
    for log in logs {
        let skip = log.shares.len().saturating_sub(ASKED_AGAIN);
        for (number, share) in log.shares.iter().skip(skip).enumerate() {
            let base = &bases[number % bases.len()];
            let ids: Vec<String> = share
                .teams
                .iter()
                .map(|&team| bed.world.teams[team].id.to_string())
                .collect();
            let token = &bed.world.physician.token;
            let answer = bed.client.share(base, token, &share.version, &ids, &share.key).await;
            report.requests_repeated += 1;
            if answer.done().and_then(|payload| payload["share"]["id"].as_str()) != Some(&share.id) {
                report.wrong(format!("{} made {}, and at the end {answer:?}", share.key, share.id));
            }
        }
    }
}

#[derive(Debug, sqlx::FromRow)]
struct LoopRow {
    id: Uuid,
    share_id: Uuid,
    note_version_id: Uuid,
    level: i64,
    outcome: Option<String>,
    is_open: bool,
    opened: i64,
    acknowledged: i64,
    timer: i64,
    calls: i64,
    best_notice: i64,
}

/// One row of each loop, with what the invariants ask for.
const LOOPS: &str = "select r.id, r.share_id, r.note_version_id, r.level, r.outcome, r.is_open,
    cast(case when r.opened_at is null then 0 else 1 end as bigint) as opened,
    cast((select count(*) from acknowledgment a where a.recipient_id = r.id
        and a.note_version_id = r.note_version_id) as bigint) as acknowledged,
    cast(case when r.next_step_at is null then 0 else 1 end as bigint) as timer,
    cast((select count(*) from call_task c where c.recipient_id = r.id and c.status = 'OPEN') as bigint) as calls,
    cast(coalesce((select max(case when d.channel = 'WEBHOOK' then 2 else 1 end) from delivery d
        where d.recipient_id = r.id and d.purpose = 'NOTICE' and d.state = 'DELIVERED'), 0) as bigint) as best_notice
    from recipient r";

/// Every accepted mutation against its row.
pub(super) async fn by_database(bed: &Bed, logs: &[Log], report: &mut Report) -> Result<()> {
    let loops: Vec<LoopRow> = bed.database.all(LOOPS).await?;
    let shares: Vec<(Uuid, Uuid, i64)> = bed
        .database
        .all("select id, note_version_id, cast(case when recalled_at is null then 0 else 1 end as bigint) from share")
        .await?;
    let versions: HashSet<Uuid> = bed
        .database
        .all::<(Uuid,)>("select id from note_version")
        .await?
        .into_iter()
        .map(|row| row.0)
        .collect();
    let by_share: HashMap<Uuid, (Uuid, i64)> = shares.iter().map(|row| (row.0, (row.1, row.2))).collect();
    let by_loop: HashMap<Uuid, &LoopRow> = loops.iter().map(|row| (row.id, row)).collect();
    let mut known: HashSet<Uuid> = HashSet::new();
    let mut amended: HashSet<Uuid> = HashSet::new();
    for log in logs {
        for (_, version) in &log.amended {
            match uuid_of(version) {
                Some(id) if versions.contains(&id) => {
                    amended.insert(id);
                }
                _ => report.lost(format!("the signed version {version}")),
            }
        }
        for share in &log.shares {
            known.extend(uuid_of(&share.id));
            check_share(share, &by_share, &by_loop, report);
        }
    }
    // An amendment shares its version again by itself; nothing else may make a share that nobody was told of.
    for (id, version, _) in &shares {
        if !known.contains(id) && !amended.contains(version) {
            report.wrong(format!("a share that nobody was told of: {id}"));
        }
    }
    for row in &loops {
        if row.is_open && row.timer == 0 && row.calls == 0 {
            report.wrong(format!("{} is open without timer or call", row.id));
        }
        if row.level < row.best_notice.min(RECEIVED) {
            report.wrong(format!("{} has level {} and a better delivery", row.id, row.level));
        }
        if !by_share.contains_key(&row.share_id) {
            report.wrong(format!("{} belongs to no share", row.id));
        }
    }
    Ok(())
}

fn check_share(
    share: &Shared,
    shares: &HashMap<Uuid, (Uuid, i64)>,
    loops: &HashMap<Uuid, &LoopRow>,
    report: &mut Report,
) {
    let Some((version, recalled)) = uuid_of(&share.id).and_then(|id| shares.get(&id)) else {
        return report.lost(format!("the share {}", share.id));
    };
    if Some(*version) != uuid_of(&share.version) {
        report.wrong(format!("{} is of another version", share.id));
    }
    let wanted = share.loops.iter().any(|one| one.ended == Some(Ended::Recalled));
    if wanted && *recalled == 0 {
        report.lost(format!("the recall of {}", share.id));
    }
    for one in &share.loops {
        let row = uuid_of(&one.recipient).and_then(|id| loops.get(&id));
        match row {
            None => report.lost(format!("the loop {}", one.recipient)),
            Some(row) => {
                if row.note_version_id != *version {
                    report.wrong(format!("{} is of another version than its share", one.recipient));
                }
                if let Some(why) = differs(one, row) {
                    report.wrong(format!("{} ({:?}): {why}: {row:?}", one.recipient, one));
                }
            }
        }
    }
}

/// What is not as the client's log and the receivers say.
fn differs(one: &Loop, row: &LoopRow) -> Option<&'static str> {
    let level = match one.reached {
        Reached::Acknowledged => row.level == ACKNOWLEDGED && row.acknowledged == 1 && !row.is_open,
        Reached::Opened => row.level == OPENED && row.opened == 1 && row.acknowledged == 0,
        Reached::Shared => row.level < OPENED && row.opened == 0 && row.level >= row.best_notice.min(ACCEPTED),
    };
    if !level {
        return Some("another level");
    }
    let outcome = row.outcome.as_deref();
    let as_it_ended = match (one.reached, one.ended) {
        // What was acknowledged stays so; that it was taken back or replaced is told beside it.
        (Reached::Acknowledged, _) => matches!(outcome, None | Some("RECALLED" | "SUPERSEDED")),
        (_, Some(Ended::Recalled)) => outcome == Some("RECALLED") && !row.is_open,
        (_, Some(Ended::Superseded)) => outcome == Some("SUPERSEDED") && !row.is_open,
        (_, None) => row.is_open && matches!(outcome, None | Some("FAILED")),
    };
    (!as_it_ended).then_some("another end")
}

#[derive(Debug, sqlx::FromRow)]
struct DeliveryRow {
    id: Uuid,
    channel: String,
    state: String,
    message_id: String,
    payload: String,
    /// Nobody waits for it any more.
    ended: i64,
}

/// What one id arrived with.
#[derive(Default)]
struct Arrived {
    times: u64,
    contents: BTreeSet<String>,
    /// Answered well at least once.
    taken: bool,
}

/// Every message against what the receivers took.
pub(super) async fn by_receivers(bed: &Bed, report: &mut Report) -> Result<()> {
    let deliveries: Vec<DeliveryRow> = bed
        .database
        .all(
            "select d.id, d.channel, d.state, d.message_id, d.payload,
                cast(case when r.id is not null and not r.is_open then 1 else 0 end as bigint) as ended
                from delivery d left join recipient r on r.id = d.recipient_id",
        )
        .await?;
    let arrived = arrived(bed, report).await;
    let known: HashSet<&str> = deliveries.iter().map(|row| row.message_id.as_str()).collect();
    if known.len() != deliveries.len() {
        report.wrong("two deliveries bear one message id".to_owned());
    }
    for (id, came) in &arrived {
        report.messages += 1;
        report.messages_repeated += came.times - 1;
        if !known.contains(id.as_str()) {
            report.wrong(format!("{id} arrived and is no delivery"));
        }
        if came.contents.len() > 1 {
            report.wrong(format!(
                "{id} arrived with {} contents: {:?}",
                came.contents.len(),
                difference(&came.contents)
            ));
        }
    }
    for row in &deliveries {
        let came = arrived.get(&row.message_id);
        match (row.state.as_str(), came) {
            ("DELIVERED", Some(came)) if came.taken => {
                if row.channel == "WEBHOOK" && !came.contents.contains(&row.payload) {
                    report.wrong(format!("{} arrived with another body", row.id));
                }
            }
            ("DELIVERED", _) => report.lost(format!(
                "{} ({}) is called delivered and never was",
                row.id, row.channel
            )),
            ("CANCELLED", _) => {}
            ("DEAD", _) if row.ended == 1 => {}
            (state, _) => report.lost(format!("{} ({}) never arrived: {state}", row.id, row.channel)),
        }
    }
    Ok(())
}

async fn arrived(bed: &Bed, report: &mut Report) -> HashMap<String, Arrived> {
    let mut arrived: HashMap<String, Arrived> = HashMap::new();
    for hook in bed.hooks.iter().flatten() {
        let hook = hook.lock().await;
        for refused in hook.refused() {
            report.wrong(format!("a webhook that does not verify: {refused}"));
        }
        for event in hook.events() {
            let came = arrived.entry(event.id).or_default();
            came.times += 1;
            came.contents.insert(event.body);
            came.taken |= event.answered.is_some_and(|status| (200..300).contains(&status));
        }
    }
    for mail in bed.post.lock().await.mails() {
        let id = mail.message_id.split('@').next().unwrap_or_default().to_owned();
        let came = arrived.entry(id).or_default();
        came.times += 1;
        came.taken = true;
        came.contents
            .insert(format!("{}\n{}\n{}\n{}", mail.to, mail.subject, mail.text, mail.html));
    }
    arrived
}

/// The first line in which two contents differ.
fn difference(contents: &BTreeSet<String>) -> Option<(&str, &str)> {
    let mut two = contents.iter();
    let (one, other) = (two.next()?, two.next()?);
    one.lines().zip(other.lines()).find(|(one, other)| one != other)
}

/// The whole ledger, by the binary's own check.
pub(super) async fn ledger(bed: &Bed, report: &mut Report) {
    if let Err(error) = bed.deployment.run(&["ledger", "verify", "--database"]).await {
        report.wrong(format!("the ledger does not verify: {error:#}"));
    }
}

/// The UUID of a typed id, whatever its type.
fn uuid_of(id: &str) -> Option<Uuid> {
    use liaison_domain::{NoteVersionId, RecipientId, ShareId};
    let share = id.parse::<ShareId>().map(|id| id.uuid()).ok();
    let recipient = || id.parse::<RecipientId>().map(|id| id.uuid()).ok();
    let version = || id.parse::<NoteVersionId>().map(|id| id.uuid()).ok();
    share.or_else(recipient).or_else(version)
}
