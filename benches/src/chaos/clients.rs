//! The clients: eight at once, each with notes of its own. Every accepted answer is written down; an act whose outcome is
//! not known is repeated under the same key until it is.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{task::JoinSet, time::sleep};

use super::{bed::Bed, dice::Dice, report::Report};
use crate::client::Answer;

/// How many clients there are.
const CLIENTS: usize = 8;
/// An act that is still unknown by then is given up, and counts as lost.
const PATIENCE: Duration = Duration::from_secs(180);

/// How far a loop was brought by accepted acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reached {
    Shared,
    Opened,
    Acknowledged,
}

/// How far a note's amendments are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Amended {
    /// The prepared one was signed.
    Signed,
    /// Another one was begun; it is not signed, for it changes nothing.
    BegunAgain,
}

/// What ended a loop that nobody had acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    Recalled,
    Superseded,
}

/// A loop as the client knows it.
#[derive(Debug, Clone)]
pub(super) struct Loop {
    pub(super) recipient: String,
    pub(super) team: usize,
    pub(super) reached: Reached,
    pub(super) ended: Option<Ended>,
}

/// An accepted share.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) id: String,
    pub(super) key: String,
    pub(super) note: usize,
    pub(super) version: String,
    pub(super) teams: Vec<usize>,
    pub(super) loops: Vec<Loop>,
}

/// What one client did.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) shares: Vec<Shared>,
    /// Notes and the versions that were signed by amendments.
    pub(super) amended: Vec<(usize, String)>,
    accepted: u64,
    repeated: u64,
    wrong: Vec<String>,
    lost: Vec<String>,
}

/// All clients at work.
pub(super) struct Crowd(JoinSet<Log>);

impl Crowd {
    pub(super) fn gather(bed: &Arc<Bed>, dice: &mut Dice) -> Self {
        let mut crowd = JoinSet::new();
        for number in 0..CLIENTS {
            let notes = (0..bed.world.notes.len()).filter(|note| note % CLIENTS == number);
            let person = Person {
                versions: notes
                    .map(|note| (note, bed.world.notes[note].version_id.to_string()))
                    .collect(),
                bases: bed.bases(),
                bed: bed.clone(),
                dice: dice.split(),
                number,
                acts: 0,
                amended: std::collections::HashMap::new(),
                log: Log::default(),
            };
            crowd.spawn(person.live());
        }
        Self(crowd)
    }

    /// Waits until every client has done what it had begun.
    pub(super) async fn come_home(mut self, report: &mut Report) -> Vec<Log> {
        let mut logs = Vec::new();
        while let Some(log) = self.0.join_next().await {
            match log {
                Ok(log) => {
                    report.accepted += log.accepted;
                    report.requests_repeated += log.repeated;
                    log.wrong.iter().for_each(|wrong| report.wrong(wrong.clone()));
                    log.lost.iter().for_each(|lost| report.lost(lost.clone()));
                    logs.push(log);
                }
                Err(error) => report.wrong(format!("a client broke off: {error}")),
            }
        }
        logs
    }
}

/// What is asked for, the same at every try.
enum Act {
    Share {
        version: String,
        teams: Vec<String>,
        key: String,
    },
    Open {
        team: usize,
        recipient: String,
    },
    Acknowledge {
        team: usize,
        recipient: String,
        version: String,
        key: String,
    },
    Recall {
        share: String,
        key: String,
    },
    Amend {
        note: String,
        key: String,
    },
    Sign {
        note: String,
        revision: i64,
        key: String,
    },
}

impl Act {
    fn name(&self) -> &'static str {
        match self {
            Self::Share { .. } => "a share",
            Self::Open { .. } => "an opening",
            Self::Acknowledge { .. } => "an acknowledgment",
            Self::Recall { .. } => "a recall",
            Self::Amend { .. } => "an amendment",
            Self::Sign { .. } => "a signature",
        }
    }

    async fn ask(&self, bed: &Bed, base: &str) -> Answer {
        let (client, physician) = (&bed.client, &bed.world.physician.token);
        let member = |team: usize| &bed.world.teams[team].token;
        match self {
            Self::Share { version, teams, key } => client.share(base, physician, version, teams, key).await,
            Self::Open { team, recipient } => client.open(base, member(*team), recipient).await,
            Self::Acknowledge {
                team,
                recipient,
                version,
                key,
            } => client.acknowledge(base, member(*team), recipient, version, key).await,
            Self::Recall { share, key } => client.recall(base, physician, share, key).await,
            Self::Amend { note, key } => client.amend(base, physician, note, key).await,
            Self::Sign { note, revision, key } => client.sign_amendment(base, physician, note, *revision, key).await,
        }
    }
}

struct Person {
    bed: Arc<Bed>,
    bases: Vec<String>,
    dice: Dice,
    number: usize,
    acts: u64,
    /// The notes that this client alone shares and amends, each with its newest version.
    versions: Vec<(usize, String)>,
    /// By note of this client: which of its amendments come next.
    amended: std::collections::HashMap<usize, Amended>,
    log: Log,
}

impl Person {
    async fn live(mut self) -> Log {
        while !self.bed.is_over() {
            match self.dice.below(100) {
                0..=39 => self.share().await,
                40..=64 => self.open().await,
                65..=89 => self.acknowledge().await,
                90..=92 => self.recall().await,
                93 => self.amend().await,
                _ => self.repeat().await,
            }
            sleep(self.dice.millis(10, 70)).await;
        }
        self.log
    }

    fn key(&mut self, what: &str) -> String {
        self.acts += 1;
        format!("{what}-{}-{}", self.number, self.acts)
    }

    /// Asks until it is known what came of it: what was done, or nothing where it was refused or never known.
    async fn insist(&mut self, act: Act) -> Option<Value> {
        let what = act.name();
        let began = Instant::now();
        let mut tries = 0;
        loop {
            let base = self.bases[self.dice.below(self.bases.len())].clone();
            match act.ask(&self.bed, &base).await {
                Answer::Done(payload) => {
                    self.log.accepted += 1;
                    return Some(payload);
                }
                Answer::Refused(codes) => {
                    self.log.wrong.push(format!("{what} was refused: {codes:?}"));
                    return None;
                }
                Answer::Failed(_) | Answer::Lost(_) if began.elapsed() < PATIENCE => {
                    tries += 1;
                    self.log.repeated += 1;
                    sleep(self.dice.millis(20, 100 * tries.min(10))).await;
                }
                unknown => {
                    self.log
                        .lost
                        .push(format!("{what} was never answered in {PATIENCE:?}: {unknown:?}"));
                    return None;
                }
            }
        }
    }

    async fn share(&mut self) {
        let (note, version) = self.versions[self.dice.below(self.versions.len())].clone();
        let mut teams: Vec<usize> = (0..self.bed.world.teams.len()).collect();
        self.dice.shuffle(&mut teams);
        teams.truncate(1 + self.dice.below(2));
        let key = self.key("share");
        let ids: Vec<String> = teams
            .iter()
            .map(|&team| self.bed.world.teams[team].id.to_string())
            .collect();
        let act = Act::Share {
            version: version.clone(),
            teams: ids.clone(),
            key: key.clone(),
        };
        let done = self.insist(act).await;
        let Some(payload) = done else { return };
        let loops: Vec<Loop> = payload["share"]["recipients"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|recipient| {
                let team = recipient["toTeam"]["id"].as_str()?;
                Some(Loop {
                    recipient: recipient["id"].as_str()?.to_owned(),
                    team: *teams.iter().zip(&ids).find(|(_, id)| *id == team)?.0,
                    reached: Reached::Shared,
                    ended: None,
                })
            })
            .collect();
        if loops.len() != teams.len() {
            self.log
                .wrong
                .push(format!("a share with other loops than asked: {payload}"));
        }
        self.log.shares.push(Shared {
            id: payload["share"]["id"].as_str().unwrap_or_default().to_owned(),
            key,
            note,
            version,
            teams,
            loops,
        });
    }

    /// A live loop that was brought as far as `reached`, of the later shares with some preference.
    fn some_loop(&mut self, reached: Reached) -> Option<(usize, usize)> {
        for _ in 0..30 {
            let share = self.some_share()?;
            let loops = &self.log.shares[share].loops;
            let found = loops
                .iter()
                .position(|one| one.reached == reached && one.ended.is_none());
            if let Some(number) = found {
                return Some((share, number));
            }
        }
        None
    }

    fn some_share(&mut self) -> Option<usize> {
        let count = self.log.shares.len();
        let back = self.dice.below(count.min(40));
        count.checked_sub(1 + back)
    }

    async fn open(&mut self) {
        let Some((share, number)) = self.some_loop(Reached::Shared) else {
            return;
        };
        let (version, one) = (
            self.log.shares[share].version.clone(),
            &self.log.shares[share].loops[number],
        );
        let (recipient, team) = (one.recipient.clone(), one.team);
        let act = Act::Open {
            team,
            recipient: recipient.clone(),
        };
        let done = self.insist(act).await;
        let Some(payload) = done else { return };
        if payload["recipient"]["noteVersionId"].as_str() != Some(&version) {
            self.log
                .wrong
                .push(format!("{recipient} opened another version than {version}"));
        }
        self.log.shares[share].loops[number].reached = Reached::Opened;
    }

    async fn acknowledge(&mut self) {
        let Some((share, number)) = self.some_loop(Reached::Opened) else {
            return;
        };
        let (version, one) = (
            self.log.shares[share].version.clone(),
            &self.log.shares[share].loops[number],
        );
        let (recipient, team, key) = (one.recipient.clone(), one.team, self.key("acknowledge"));
        let act = Act::Acknowledge {
            team,
            recipient,
            version,
            key,
        };
        let done = self.insist(act).await;
        if done.is_some() {
            self.log.shares[share].loops[number].reached = Reached::Acknowledged;
        }
    }

    async fn recall(&mut self) {
        let Some((share, _)) = self.some_loop(Reached::Shared) else {
            return;
        };
        let (id, key) = (self.log.shares[share].id.clone(), self.key("recall"));
        let done = self.insist(Act::Recall { share: id, key }).await;
        if done.is_some() {
            end(&mut self.log.shares[share].loops, Ended::Recalled);
        }
    }

    /// Signs the amendment that was prepared, or begins another one.
    async fn amend(&mut self) {
        let place = self.dice.below(self.versions.len());
        let note = self.versions[place].0;
        let id = self.bed.world.notes[note].note_id.to_string();
        match self.amended.get(&note) {
            None => {
                let key = self.key("sign");
                let revision = self.bed.amendments[note];
                let done = self
                    .insist(Act::Sign {
                        note: id,
                        revision,
                        key,
                    })
                    .await;
                let Some(version) = done.and_then(|payload| payload["noteVersion"]["id"].as_str().map(str::to_owned))
                else {
                    return;
                };
                self.amended.insert(note, Amended::Signed);
                self.versions[place].1.clone_from(&version);
                for share in self.log.shares.iter_mut().filter(|share| share.note == note) {
                    end(&mut share.loops, Ended::Superseded);
                }
                self.log.amended.push((note, version));
            }
            Some(Amended::Signed) => {
                let key = self.key("amend");
                if self.insist(Act::Amend { note: id, key }).await.is_some() {
                    self.amended.insert(note, Amended::BegunAgain);
                }
            }
            Some(Amended::BegunAgain) => {}
        }
    }

    /// An accepted share again, under its key: the same share must come back.
    async fn repeat(&mut self) {
        let Some(share) = self.some_share() else { return };
        let Shared {
            id,
            key,
            version,
            teams,
            ..
        } = self.log.shares[share].clone();
        let ids: Vec<String> = teams
            .iter()
            .map(|&team| self.bed.world.teams[team].id.to_string())
            .collect();
        let act = Act::Share {
            version,
            teams: ids,
            key: key.clone(),
        };
        let done = self.insist(act).await;
        let Some(payload) = done else { return };
        // It changed nothing, so it is no further mutation.
        self.log.accepted -= 1;
        self.log.repeated += 1;
        if payload["share"]["id"].as_str() != Some(&id) {
            self.log.wrong.push(format!("{key} made {id}, and then {payload}"));
        }
    }
}

/// Loops that nobody had acknowledged end.
fn end(loops: &mut [Loop], how: Ended) {
    for one in loops {
        if one.reached != Reached::Acknowledged && one.ended.is_none() {
            one.ended = Some(how);
        }
    }
}
