//! Histories that found something once, as short as they could be made, each with the seed of the world it happened in.

use super::act::{Act, Answers, By, GuestDoes, Whom};

fn shared(raised: u8, to: &[(Whom, bool)]) -> [Act; 2] {
    let by = By::Right(0);
    [
        Act::Sign { by, document: 0 },
        Act::Share {
            by,
            version: 1,
            to: to.to_vec(),
            raised,
            overrides: true,
            asks: false,
            verbal: false,
        },
    ]
}

fn call(read_back: bool) -> Act {
    Act::Call {
        by: By::Right(0),
        task: 0,
        read_back,
        dispositions: 0,
        minutes_ago: 1,
    }
}

fn sign(by: u8, document: u8) -> Act {
    let by = By::Right(by);
    Act::Sign { by, document }
}

fn restrict(by: u8, whom: Whom) -> Act {
    let by = By::Right(by);
    Act::Restrict { by, whom }
}

fn share(by: u8, version: u8, to: &[(Whom, bool)], raised: u8, [overrides, asks, verbal]: [bool; 3]) -> Act {
    Act::Share {
        by: By::Right(by),
        version,
        to: to.to_vec(),
        raised,
        overrides,
        asks,
        verbal,
    }
}

/// All of them.
pub(super) fn regressions() -> Vec<(u64, Vec<Act>)> {
    let team = [(Whom::Team(0), true)];
    let both = [(Whom::Team(0), true), (Whom::Team(1), true)];
    let days = |days: i64| Act::Time { minutes: days * 1_440 };
    let ladder_ends = |read_back| {
        let mut acts = shared(1, &team).to_vec();
        acts.extend([days(7), Act::Escalate { process: 0 }, call(read_back)]);
        acts
    };
    vec![
        // Seeds 9, 33 and 34: the last step's call reached nobody; the loop stayed open with no timer and no call.
        (9, ladder_ends(false)),
        // Seed 22: the call was read back but decided nothing; the same silence.
        (22, ladder_ends(true)),
        // Seed 33: shared in the evening, the call of the same day came before the reminders of Monday; it reached nobody
        // and the ladder ended without another.
        (33, {
            let mut acts = shared(1, &[(Whom::Team(0), true), (Whom::Team(1), false)]).to_vec();
            acts.extend([Act::Time { minutes: 1_019 }, Act::Escalate { process: 0 }, call(false)]);
            acts
        }),
        // Seeds 208, 513, 688 and 703: a member of the team whom the patient had excluded covered for somebody, or led
        // the team, and was told as the next person: of a redirected loop, of an amended note's, of a person's, and of
        // one that a decline brought back.
        (
            208,
            vec![
                restrict(240, Whom::Person(88)),
                sign(49, 5),
                share(243, 60, &[(Whom::Team(0), true)], 4, [false, true, false]),
                Act::Redirect {
                    by: By::Right(157),
                    of: 139,
                    to: Whom::Team(3),
                },
            ],
        ),
        (
            513,
            vec![
                sign(0, 0),
                share(0, 90, &both, 2, [false, false, true]),
                restrict(7, Whom::Person(74)),
                Act::Amend {
                    by: By::Right(89),
                    note: 123,
                },
            ],
        ),
        (
            688,
            vec![
                sign(0, 0),
                share(
                    60,
                    5,
                    &[(Whom::Person(0), true), (Whom::Person(1), true)],
                    0,
                    [true, false, false],
                ),
                restrict(66, Whom::Person(172)),
                Act::Amend {
                    by: By::Right(47),
                    note: 231,
                },
            ],
        ),
        (
            703,
            vec![
                sign(0, 0),
                share(0, 65, &both, 3, [false, false, true]),
                restrict(225, Whom::Person(214)),
                Act::Together(
                    Box::new(share(
                        45,
                        183,
                        &[(Whom::Team(3), true), (Whom::Team(0), true)],
                        1,
                        [true, false, false],
                    )),
                    Box::new(Act::Decline {
                        by: By::Right(74),
                        of: 160,
                        wrong_recipient: true,
                    }),
                ),
            ],
        ),
        // Seed 335: with a clock that was set back a little, a restriction agreed a moment ago did not hold yet, and an
        // amended note went to the excluded team.
        (
            335,
            vec![
                sign(0, 0),
                share(0, 17, &both, 4, [false, true, false]),
                restrict(171, Whom::Team(60)),
                Act::Time { minutes: -13 },
                Act::Amend {
                    by: By::Right(175),
                    note: 138,
                },
            ],
        ),
        // Seed 39: reminders that were skipped because every address was dead had no ledger entry.
        (
            39,
            vec![
                Act::Answer {
                    webhook: false,
                    with: Answers::Gone,
                    times: 2,
                },
                sign(52, 1),
                share(
                    89,
                    150,
                    &[(Whom::Team(3), true), (Whom::Person(0), true)],
                    4,
                    [false, true, true],
                ),
                Act::Deliver {
                    process: 1,
                    notices: false,
                },
            ],
        ),
        // Seeds 1306, 1312 and 1549: a try after the end of its loop's link leaves the link out.
        (
            1_312,
            vec![
                sign(0, 0),
                share(
                    0,
                    170,
                    &[(Whom::Team(0), true), (Whom::Team(1), false)],
                    2,
                    [true, false, false],
                ),
                Act::DeliverLate {
                    process: 1,
                    notices: false,
                },
                days(12),
                Act::Deliver {
                    process: 0,
                    notices: false,
                },
            ],
        ),
        // By hand: a guest answers, and after that an admin reads in an emergency.
        (
            9,
            vec![
                sign(0, 0),
                share(0, 1, &[(Whom::Team(1), true)], 3, [true, false, false]),
                Act::Deliver {
                    process: 0,
                    notices: false,
                },
                Act::GuestEnters {
                    mail: 0,
                    right_code: true,
                },
                Act::Guest {
                    guest: 0,
                    does: GuestDoes::OpensAndAcknowledges,
                    dispositions: 1,
                },
                Act::BreakGlass { by: By::Right(0) },
                Act::Read {
                    by: By::Right(0),
                    version: 1,
                },
            ],
        ),
        // A code was asked for in the moment in which the note was amended.
        (
            100_582,
            vec![
                sign(0, 0),
                share(0, 249, &both, 2, [true, false, false]),
                Act::Deliver {
                    process: 1,
                    notices: false,
                },
                Act::Acknowledge {
                    by: By::Right(0),
                    of: 62,
                    dispositions: 4,
                    comment: true,
                    right_version: false,
                    opens_first: true,
                },
                Act::Together(
                    Box::new(Act::GuestEnters {
                        mail: 9,
                        right_code: true,
                    }),
                    Box::new(Act::Amend {
                        by: By::Right(134),
                        note: 115,
                    }),
                ),
            ],
        ),
        // A delivery beside the one that waits for its answer was still at work when the world was looked at.
        (
            100_535,
            vec![
                sign(0, 0),
                share(0, 67, &both, 3, [true, false, false]),
                Act::Endpoint {
                    by: By::Right(192),
                    which: 248,
                    disabled: true,
                },
                Act::DeliverLate {
                    process: 1,
                    notices: false,
                },
            ],
        ),
        // By hand: the owner of an open call left, and nobody owned it.
        (9, {
            let mut acts = shared(1, &team).to_vec();
            acts.extend([days(7), Act::Escalate { process: 0 }]);
            acts.extend([1, 0].map(|which| Act::Person { which, disabled: true }));
            acts
        }),
    ]
}
