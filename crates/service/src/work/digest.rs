//! The daily list of open items: one mail a person and day, at their hour in their zone, and none when nothing is open.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use liaison_domain::{Actor, NoticeKind, OrganizationId, PurposeOfUse, RecipientId, TeamId, Urgency, UserId};
use liaison_store::{
    Tx,
    call_tasks::CallTaskRow,
    directory::{PersonRow, memberships_of, organizations_by_ids, people_by_ids, teams_by_ids, teams_of_people},
    recipients::RecipientRow,
    schedule,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Worked;
use crate::{Result, Service, directory::next_digest, loops::message::Tell};

/// How many people's digests are written in one transaction.
const AT_ONCE: u32 = 25;
/// How many items a digest names; the rest is counted.
pub const MAX_ITEMS: usize = 25;

/// What an item asks of the person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum DigestKind {
    /// A call that the person owes.
    Call,
    /// Something addressed to the person or their team waits for an acknowledgment.
    Answer,
    /// Something that the person sent was not acknowledged yet.
    Sent,
}

/// One line of a digest: no patient, no content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DigestItem {
    /// What it asks.
    pub kind: DigestKind,
    /// Of which team or person.
    pub name: String,
    /// How urgent.
    pub urgency: Urgency,
    /// By when.
    pub due_at: Option<DateTime<Utc>>,
    /// The time is over.
    pub overdue: bool,
    /// The page to open.
    pub link: String,
}

impl Service {
    /// Sends the digests that are due.
    pub async fn digest_due(&self) -> Result<Worked> {
        let now = self.now();
        let ids = schedule::due_people(&mut self.read().await?, now, AT_ONCE).await?;
        if ids.is_empty() {
            return Ok(Worked::default());
        }
        let more = ids.len() >= AT_ONCE as usize;
        let mut tx = self.begin().await?;
        let people = schedule::lock_due_people(&mut tx, &ids, now).await?;
        let open = Open::load(&mut tx, &people).await?;
        for person in &people {
            if person.disabled_at.is_none() && person.digest_hour.is_some() {
                self.write_digest(&mut tx, person, &open).await?;
            }
            let next = match (person.disabled_at, person.digest_hour) {
                (None, Some(hour)) => Some(next_digest(
                    now,
                    person.time_zone.parse().unwrap_or(chrono_tz::UTC),
                    hour,
                )),
                _ => None,
            };
            schedule::set_digest(&mut tx, person.id, next).await?;
        }
        tx.commit().await?;
        Ok(Worked {
            done: u32::try_from(people.len()).unwrap_or(u32::MAX),
            more,
        })
    }

    async fn write_digest(&self, tx: &mut Tx, person: &PersonRow, open: &Open) -> Result<()> {
        let mut items = self.items(person, open);
        let Some(organization_id) = open.organization_of(person.id) else {
            return Ok(());
        };
        if items.is_empty() {
            return Ok(());
        }
        items.sort_by(|a, b| {
            (!a.overdue, a.kind, std::cmp::Reverse(a.urgency), a.due_at).cmp(&(
                !b.overdue,
                b.kind,
                std::cmp::Reverse(b.urgency),
                b.due_at,
            ))
        });
        let overdue = items.iter().filter(|item| item.overdue).count();
        let urgency = items.iter().map(|item| item.urgency).max().unwrap_or(Urgency::Routine);
        let open_items = items.len();
        items.truncate(MAX_ITEMS);
        let facts = BTreeMap::from([
            ("open".to_owned(), open_items.to_string()),
            ("overdue".to_owned(), overdue.to_string()),
            // Our own types serialize without fail.
            ("items".to_owned(), serde_json::to_string(&items).unwrap_or_default()),
        ]);
        let mut entry = self.entry(&Actor::system(), "digest.send");
        entry.organization_id = Some(organization_id);
        entry.object_id = Some(person.id.to_string());
        entry.purpose = PurposeOfUse::Operations;
        entry.detail.insert("open", open_items.to_string());
        entry.detail.insert("overdue", overdue.to_string());
        tx.record(entry);
        self.tell(
            tx,
            Tell {
                users: vec![person.id],
                organization_id,
                clinic: open.organizations.get(&organization_id).cloned().unwrap_or_default(),
                kind: NoticeKind::Digest,
                urgency,
                recipient: None,
                object_id: None,
                link: self.link(""),
                facts,
                by_mail: true,
            },
        )
        .await
    }

    fn items(&self, person: &PersonRow, open: &Open) -> Vec<DigestItem> {
        let now = self.now();
        let mut seen = HashSet::new();
        let mut items = Vec::new();
        let late = |due: Option<DateTime<Utc>>| due.is_some_and(|due| due <= now);
        for call in open.calls.iter().filter(|call| call.owner_id == person.id) {
            items.push(DigestItem {
                kind: DigestKind::Call,
                name: open.call_names.get(&call.recipient_id).cloned().unwrap_or_default(),
                urgency: open
                    .call_urgencies
                    .get(&call.recipient_id)
                    .copied()
                    .unwrap_or(Urgency::Routine),
                due_at: Some(call.due_at),
                overdue: late(Some(call.due_at)),
                link: self.link(&format!("calls/{}", call.id)),
            });
        }
        for row in &open.loops {
            let places = open.places.get(&person.id);
            let at_home = places.is_some_and(|places| places.contains(&row.to_organization_id));
            let addressed = row.to_user_id == Some(person.id)
                || row
                    .to_team_id
                    .is_some_and(|team| open.teams_of.get(&person.id).is_some_and(|teams| teams.contains(&team)));
            let sent = row.shared_by == person.id && places.is_some_and(|places| places.contains(&row.organization_id));
            let kind = match (addressed && at_home && !row.sealed_from_recipient, sent) {
                (true, _) => DigestKind::Answer,
                (false, true) => DigestKind::Sent,
                (false, false) => continue,
            };
            if !seen.insert((row.id, kind as u8)) {
                continue;
            }
            items.push(DigestItem {
                kind,
                name: open.name_of(row),
                urgency: row.urgency,
                due_at: row.due_at,
                overdue: late(row.due_at),
                link: match kind {
                    DigestKind::Sent => self.link(&format!("shares/{}", row.share_id)),
                    DigestKind::Answer | DigestKind::Call => self.loop_link(row.id),
                },
            });
        }
        items
    }
}

/// What is open for a set of people, read by a constant number of statements.
struct Open {
    loops: Vec<RecipientRow>,
    calls: Vec<CallTaskRow>,
    call_names: HashMap<RecipientId, String>,
    call_urgencies: HashMap<RecipientId, Urgency>,
    teams_of: HashMap<UserId, Vec<TeamId>>,
    places: HashMap<UserId, Vec<OrganizationId>>,
    organizations: HashMap<OrganizationId, String>,
    teams: HashMap<TeamId, String>,
    people: HashMap<UserId, String>,
}

impl Open {
    async fn load(tx: &mut Tx, of: &[PersonRow]) -> Result<Self> {
        let users: Vec<UserId> = of.iter().map(|person| person.id).collect();
        let mut teams_of: HashMap<UserId, Vec<TeamId>> = HashMap::new();
        for member in teams_of_people(tx, &users).await? {
            teams_of.entry(member.user_id).or_default().push(member.team_id);
        }
        let mut places: HashMap<UserId, Vec<OrganizationId>> = HashMap::new();
        for member in memberships_of(tx, &users).await? {
            places.entry(member.user_id).or_default().push(member.organization_id);
        }
        let teams: Vec<TeamId> = teams_of.values().flatten().copied().collect();
        let mut loops = schedule::open_of_teams(tx, &teams).await?;
        loops.extend(schedule::open_of_users(tx, &users).await?);
        loops.extend(schedule::open_by_senders(tx, &users).await?);
        let calls = schedule::open_calls(tx, &users).await?;
        let call_loops: Vec<Uuid> = calls.iter().map(|call| call.recipient_id.uuid()).collect();
        let call_rows = liaison_store::recipients::by_ids(tx, &call_loops).await?;

        let both = || loops.iter().chain(&call_rows);
        let team_ids: Vec<TeamId> = both().filter_map(|row| row.to_team_id).collect();
        let user_ids: Vec<UserId> = both().filter_map(|row| row.to_user_id).collect();
        let organization_ids: Vec<OrganizationId> = places.values().flatten().copied().collect();
        let mut open = Self {
            teams: teams_by_ids(tx, &team_ids)
                .await?
                .into_iter()
                .map(|row| (row.id, row.name))
                .collect(),
            people: people_by_ids(tx, &user_ids)
                .await?
                .into_iter()
                .map(|row| (row.id, row.display_name))
                .collect(),
            organizations: organizations_by_ids(tx, &organization_ids)
                .await?
                .into_iter()
                .map(|row| (row.id, row.name))
                .collect(),
            loops,
            calls,
            call_names: HashMap::new(),
            call_urgencies: call_rows.iter().map(|row| (row.id, row.urgency)).collect(),
            teams_of,
            places,
        };
        open.call_names = call_rows.iter().map(|row| (row.id, open.name_of(row))).collect();
        Ok(open)
    }

    fn name_of(&self, row: &RecipientRow) -> String {
        let team = row.to_team_id.and_then(|team| self.teams.get(&team));
        let person = row.to_user_id.and_then(|user| self.people.get(&user));
        team.or(person).cloned().unwrap_or_default()
    }

    /// For which organization a person gets the digest: where they have been longest.
    fn organization_of(&self, user: UserId) -> Option<OrganizationId> {
        self.places.get(&user).and_then(|places| places.first()).copied()
    }
}
