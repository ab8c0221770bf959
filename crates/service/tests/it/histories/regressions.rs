//! Histories that found something once, as short as they could be made, each with the seed of the world it happened in.

use super::act::{Act, By, Whom};

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

/// All of them.
pub(super) fn regressions() -> Vec<(u64, Vec<Act>)> {
    let team = [(Whom::Team(0), true)];
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
    ]
}
