//! What can happen in a history, and how a seed becomes a list of it.
//!
//! An act names its actor and its object by numbers that are looked up when it happens ("the third loop there is"), so
//! that a list still makes sense after some of it was left out.

use liaison_domain::{Random, SeededRandom};

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// Somebody for whom the act is meant, where there is anybody.
    Right(u8),
    /// Anybody at all.
    Anybody(u8),
}

/// Somebody who is addressed, absent, covering or excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Team(u8),
    Person(u8),
    Organization(u8),
    Everyone,
}

/// What a channel answers next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answers {
    Refuses,
    Gone,
    Later,
    Silence,
}

/// One thing that happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    Sign {
        by: By,
        document: u8,
    },
    Share {
        by: By,
        version: u8,
        to: Vec<(Whom, bool)>,
        raised: u8,
        overrides: bool,
        asks: bool,
        verbal: bool,
    },
    Amend {
        by: By,
        note: u8,
    },
    Withdraw {
        by: By,
        note: u8,
    },
    Recall {
        by: By,
        share: u8,
    },
    Open {
        by: By,
        of: u8,
    },
    Acknowledge {
        by: By,
        of: u8,
        dispositions: u16,
        comment: bool,
        right_version: bool,
        opens_first: bool,
    },
    Decline {
        by: By,
        of: u8,
        wrong_recipient: bool,
    },
    Redirect {
        by: By,
        of: u8,
        to: Whom,
    },
    AcceptRedirect {
        by: By,
        of: u8,
    },
    Reply {
        by: By,
        of: u8,
        closes: bool,
    },
    Call {
        by: By,
        task: u8,
        read_back: bool,
        dispositions: u16,
        minutes_ago: i64,
    },
    Assign {
        by: By,
        task: u8,
        owner: u8,
    },
    Cover {
        by: By,
        absent: u8,
        covering: u8,
        hours: i64,
    },
    EndCover {
        by: By,
        which: u8,
    },
    Restrict {
        by: By,
        whom: Whom,
    },
    EndRestriction {
        by: By,
        which: u8,
    },
    Endpoint {
        by: By,
        which: u8,
        disabled: bool,
    },
    Person {
        which: u8,
        disabled: bool,
    },
    Retry {
        by: By,
        which: u8,
    },
    Answer {
        webhook: bool,
        with: Answers,
        times: u8,
    },
    Time {
        minutes: i64,
    },
    Deliver {
        process: u8,
        notices: bool,
    },
    Escalate {
        process: u8,
    },
    Sequence {
        process: u8,
    },
    Restart {
        process: u8,
    },
    Die {
        process: u8,
        notices: bool,
        sent: bool,
    },
    /// A process delivers, and the answers stay away until they arrive.
    DeliverLate {
        process: u8,
        notices: bool,
    },
    /// What stayed away comes in, however late.
    Arrive,
    /// A task about one row: its loop's steps, or its share's deliveries. Whether or not anything is due.
    Nudge {
        process: u8,
        of: u8,
        escalate: bool,
    },
    /// Somebody follows the secure link of a mail and enters the code.
    GuestEnters {
        mail: u8,
        right_code: bool,
    },
    /// A guest who came in by a link does something about their loop.
    Guest {
        guest: u8,
        does: GuestDoes,
        dispositions: u16,
    },
    /// The clinic ends a loop's link.
    RevokeLink {
        by: By,
        of: u8,
    },
    BreakGlass {
        by: By,
    },
    /// Reads a signed version.
    Read {
        by: By,
        version: u8,
    },
    EndBreakGlass {
        which: u8,
    },
    ReviewBreakGlass {
        by: By,
        which: u8,
    },
    Again,
    Together(Box<Act>, Box<Act>),
    /// The same at both processes at once: a task that was handed out twice, a request that was sent twice.
    Doubled(Box<Act>),
    /// A process dies in the middle of it, after so many statements and then so many steps.
    Crash {
        process: u8,
        statements: u8,
        polls: u8,
        act: Box<Act>,
    },
}

/// What a guest does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GuestDoes {
    Opens,
    OpensAndAcknowledges,
    Acknowledges,
    Declines,
    Redirects,
    Replies,
    Leaves,
}

impl Act {
    /// Simpler acts of which this one is made: for making a history simpler.
    pub(super) fn parts(&self) -> Vec<Self> {
        match self {
            Self::Together(one, two) => vec![(**one).clone(), (**two).clone()],
            Self::Doubled(act) | Self::Crash { act, .. } => vec![(**act).clone()],
            _ => Vec::new(),
        }
    }
}

/// A seeded source of choices.
pub(super) struct Dice(SeededRandom);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(SeededRandom::new(seed))
    }

    /// A number below `end`.
    pub(super) fn below(&self, end: u64) -> u64 {
        let random: &dyn Random = &self.0;
        u64::from_le_bytes(random.bytes()) % end
    }

    fn byte(&self) -> u8 {
        self.below(256).try_into().unwrap()
    }

    fn few(&self, end: u64) -> u8 {
        self.below(end).try_into().unwrap()
    }

    fn once_in(&self, times: u64) -> bool {
        self.below(times) == 0
    }

    fn by(&self) -> By {
        if self.once_in(8) {
            By::Anybody(self.byte())
        } else {
            By::Right(self.byte())
        }
    }

    fn whom(&self) -> Whom {
        if self.below(3) < 2 {
            Whom::Team(self.few(5))
        } else {
            Whom::Person(self.few(7))
        }
    }

    fn dispositions(&self) -> u16 {
        // The first alone, one of the others, or any mixture.
        match self.below(4) {
            0 => 1,
            1 | 2 => 1 << self.below(11),
            _ => self.below(1 << 11).try_into().unwrap(),
        }
    }

    fn minutes(&self) -> i64 {
        let minutes = match self.below(12) {
            0..3 => self.below(30),
            3..6 => 30 + self.below(300),
            6..9 => 300 + self.below(1_440),
            9 | 10 => 1_440 * (1 + self.below(4)),
            _ => 1_440 * (4 + self.below(6)),
        };
        let minutes = i64::try_from(minutes).unwrap();
        // A clock that is set back a little.
        if self.once_in(10) { -(minutes % 20) } else { minutes }
    }
}

/// The acts of a seed: 30 to 80.
pub(super) fn acts(seed: u64) -> Vec<Act> {
    let dice = Dice::new(seed);
    let mut acts = vec![Act::Sign {
        by: By::Right(0),
        document: 0,
    }];
    // A note that goes to both teams, or to whoever the dice say.
    let mut first = share(&dice);
    if let Act::Share { by, to, .. } = &mut first
        && dice.below(3) < 2
    {
        *by = By::Right(0);
        *to = vec![(Whom::Team(0), true), (Whom::Team(1), !dice.once_in(4))];
    }
    acts.push(first);
    let length = 30 + dice.below(51);
    while (acts.len() as u64) < length {
        let next = act(&dice);
        // Mostly whoever came in by a link does something before their session is over.
        let came_in = matches!(next, Act::GuestEnters { right_code: true, .. }) && !dice.once_in(3);
        acts.push(next);
        if came_in {
            acts.push(guest_does(&dice, 0));
        }
    }
    acts
}

fn share(dice: &Dice) -> Act {
    let count = 1 + dice.below(3);
    let mut to: Vec<(Whom, bool)> = Vec::new();
    for _ in 0..count {
        let whom = dice.whom();
        if to.iter().all(|(other, _)| *other != whom) || dice.once_in(10) {
            to.push((whom, !dice.once_in(5)));
        }
    }
    Act::Share {
        by: dice.by(),
        version: dice.byte(),
        to,
        raised: dice.below(6).try_into().unwrap(),
        overrides: dice.below(3) < 2,
        asks: dice.once_in(4),
        verbal: dice.once_in(5),
    }
}

fn recipients_act(dice: &Dice) -> Act {
    let (by, of) = (dice.by(), dice.byte());
    match dice.below(20) {
        0..6 => Act::Open { by, of },
        6..12 => Act::Acknowledge {
            by,
            of,
            dispositions: dice.dispositions(),
            comment: dice.below(4) < 3,
            right_version: !dice.once_in(8),
            opens_first: dice.below(3) < 2,
        },
        12..14 => Act::Decline {
            by,
            of,
            wrong_recipient: dice.once_in(2),
        },
        14..17 => Act::Redirect {
            by,
            of,
            to: dice.whom(),
        },
        17 => Act::AcceptRedirect { by, of },
        _ => Act::Reply {
            by,
            of,
            closes: dice.once_in(2),
        },
    }
}

fn guests_act(dice: &Dice) -> Act {
    if dice.below(3) < 2 {
        return Act::GuestEnters {
            mail: dice.byte(),
            right_code: !dice.once_in(6),
        };
    }
    guest_does(dice, dice.byte())
}

fn guest_does(dice: &Dice, guest: u8) -> Act {
    use GuestDoes::*;
    let does = match dice.below(12) {
        0..2 => Opens,
        2..7 => OpensAndAcknowledges,
        7 => Acknowledges,
        8 => Declines,
        9 => Redirects,
        10 => Replies,
        _ => Leaves,
    };
    Act::Guest {
        guest,
        does,
        dispositions: dice.dispositions(),
    }
}

fn emergencys_act(dice: &Dice) -> Act {
    let (by, which) = (dice.by(), dice.byte());
    match dice.below(8) {
        0..2 => Act::BreakGlass { by },
        2..6 => Act::Read { by, version: which },
        6 => Act::EndBreakGlass { which },
        _ => Act::ReviewBreakGlass { by, which },
    }
}

fn clinics_act(dice: &Dice) -> Act {
    let by = dice.by();
    match dice.below(20) {
        0..5 => share(dice),
        5 => Act::Amend { by, note: dice.byte() },
        6 if dice.once_in(4) => Act::Withdraw { by, note: dice.byte() },
        7 if dice.once_in(2) => Act::Recall { by, share: dice.byte() },
        6..14 => Act::Call {
            by,
            task: dice.byte(),
            read_back: dice.once_in(2),
            dispositions: if dice.once_in(2) { dice.dispositions() } else { 0 },
            minutes_ago: i64::try_from(dice.below(30)).unwrap() - 1,
        },
        14 => Act::Assign {
            by,
            task: dice.byte(),
            owner: dice.byte(),
        },
        15..18 => Act::Reply {
            by,
            of: dice.byte(),
            closes: dice.below(3) < 2,
        },
        _ => Act::Sign {
            by,
            document: dice.below(6).try_into().unwrap(),
        },
    }
}

fn directorys_act(dice: &Dice) -> Act {
    let (by, which) = (dice.by(), dice.byte());
    let absence = || Act::Cover {
        by,
        absent: which,
        covering: dice.byte(),
        hours: i64::try_from(dice.below(200)).unwrap() - 4,
    };
    match dice.below(16) {
        0..4 => absence(),
        4 => Act::EndCover { by, which },
        5..7 => {
            let whom = match dice.below(12) {
                0 => Whom::Organization(which),
                1 => Whom::Everyone,
                2..4 => Whom::Team(which),
                _ => Whom::Person(which),
            };
            Act::Restrict { by, whom }
        }
        7 | 8 => Act::EndRestriction { by, which },
        9..12 => Act::Endpoint {
            by,
            which,
            disabled: !dice.once_in(3),
        },
        12 | 13 => Act::Person {
            which,
            disabled: dice.once_in(2),
        },
        _ => Act::Retry { by, which },
    }
}

fn workers_act(dice: &Dice) -> Act {
    let process = dice.below(2).try_into().unwrap();
    match dice.below(24) {
        20 | 21 => Act::DeliverLate {
            process,
            notices: dice.once_in(4),
        },
        22 => Act::Arrive,
        23 => Act::Nudge {
            process,
            of: dice.byte(),
            escalate: dice.once_in(2),
        },
        0..8 => Act::Deliver {
            process,
            notices: dice.once_in(4),
        },
        8..14 => Act::Escalate { process },
        14 => Act::Sequence { process },
        15 => Act::Restart { process },
        16..18 => Act::Die {
            process,
            notices: dice.once_in(4),
            sent: dice.once_in(2),
        },
        _ => {
            let with = [Answers::Refuses, Answers::Gone, Answers::Later, Answers::Silence];
            Act::Answer {
                webhook: dice.once_in(2),
                with: with[usize::try_from(dice.below(4)).unwrap()],
                times: 1 + u8::try_from(dice.below(4)).unwrap(),
            }
        }
    }
}

fn single(dice: &Dice) -> Act {
    match dice.below(24) {
        20..23 => guests_act(dice),
        23 if dice.once_in(2) => emergencys_act(dice),
        23 => Act::RevokeLink {
            by: dice.by(),
            of: dice.byte(),
        },
        0..6 => recipients_act(dice),
        6..10 => clinics_act(dice),
        10 | 11 => directorys_act(dice),
        12..17 => workers_act(dice),
        _ => Act::Time {
            minutes: dice.minutes(),
        },
    }
}

fn act(dice: &Dice) -> Act {
    match dice.below(20) {
        0 => Act::Again,
        1 => Act::Together(Box::new(beside(dice)), Box::new(beside(dice))),
        2 if dice.once_in(2) => Act::Doubled(Box::new(beside(dice))),
        2 | 3 => Act::Crash {
            process: dice.few(2),
            // Few acts begin more than sixty; most begin about twenty.
            statements: if dice.once_in(3) { dice.few(60) } else { dice.few(24) },
            polls: dice.few(4),
            act: Box::new(beside(dice)),
        },
        _ => single(dice),
    }
}

/// An act that can happen beside another: a process that dies takes the other's down with it, so it is not one.
fn beside(dice: &Dice) -> Act {
    loop {
        let act = single(dice);
        if !matches!(
            act,
            Act::Restart { .. }
                | Act::Die { .. }
                | Act::Time { .. }
                | Act::Answer { .. }
                | Act::DeliverLate { .. }
                | Act::Arrive
        ) {
            return act;
        }
    }
}
