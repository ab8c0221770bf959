//! Every state x every event, and the laws that hold for all of them.

use super::*;

fn states() -> Vec<LoopState> {
    let mut all = Vec::new();
    for &duty in Duty::ALL {
        for &level in EvidenceLevel::ALL {
            for outcome in std::iter::once(None).chain(Outcome::ALL.iter().copied().map(Some)) {
                for reply_due in [false, true] {
                    if reply_due && level < EvidenceLevel::Acknowledged {
                        continue;
                    }
                    all.push(LoopState {
                        duty,
                        level,
                        outcome,
                        reply_due,
                    });
                }
            }
        }
    }
    all
}

fn events() -> Vec<LoopEvent> {
    let mut all: Vec<_> = EvidenceLevel::ALL.iter().copied().map(LoopEvent::Evidence).collect();
    all.extend([
        LoopEvent::Acknowledge { needs_reply: false },
        LoopEvent::Acknowledge { needs_reply: true },
        LoopEvent::ClinicReplied,
        LoopEvent::Decline,
        LoopEvent::Redirect,
        LoopEvent::Recall,
        LoopEvent::Supersede,
        LoopEvent::AllChannelsDead,
    ]);
    all
}

#[test]
fn the_level_never_falls_and_only_acknowledge_reaches_the_top() {
    for state in states() {
        for event in events() {
            let Ok(next) = state.apply(event) else { continue };
            assert!(next.level >= state.level, "{state:?} {event:?}");
            assert_eq!(next.duty, state.duty);
            if next.level == EvidenceLevel::Acknowledged && state.level < EvidenceLevel::Acknowledged {
                assert!(matches!(event, LoopEvent::Acknowledge { .. }), "{state:?} {event:?}");
                assert_eq!(state.level, EvidenceLevel::Opened, "acknowledged what was not opened");
            }
        }
    }
}

#[test]
fn an_ended_loop_is_never_reopened() {
    for state in states() {
        for event in events() {
            let Ok(next) = state.apply(event) else { continue };
            if let Some(outcome) = state.outcome.filter(|outcome| *outcome != Outcome::Failed) {
                assert_eq!(next.outcome, Some(outcome), "{state:?} {event:?}");
                assert!(!next.is_open());
            }
        }
    }
}

#[test]
fn an_open_loop_closes_only_by_an_act_of_a_person() {
    for state in states().into_iter().filter(LoopState::is_open) {
        for event in events() {
            let Ok(next) = state.apply(event) else { continue };
            if !next.is_open() {
                assert!(
                    matches!(
                        event,
                        LoopEvent::Acknowledge { .. }
                            | LoopEvent::Decline
                            | LoopEvent::Redirect
                            | LoopEvent::Recall
                            | LoopEvent::Supersede
                    ),
                    "{state:?} {event:?}"
                );
            }
        }
    }
}

#[test]
fn the_whole_table_is_as_reviewed() {
    let mut table = String::new();
    for state in states().into_iter().filter(|state| state.duty == Duty::Required) {
        for event in events() {
            let result = match state.apply(event) {
                Ok(next) if next == state => "unchanged".to_owned(),
                Ok(next) => format!(
                    "{} {} reply_due={}",
                    next.level,
                    outcome_name(next.outcome),
                    next.reply_due
                ),
                Err(illegal) => format!("illegal: {illegal}"),
            };
            table.push_str(&format!(
                "{} {} reply_due={} | {event:?} -> {result}\n",
                state.level,
                outcome_name(state.outcome),
                state.reply_due
            ));
        }
    }
    insta::assert_snapshot!(table);
}

fn outcome_name(outcome: Option<Outcome>) -> &'static str {
    outcome.map_or("-", Outcome::as_str)
}

#[test]
fn late_arrival_corrects_a_failure() {
    let failed = LoopState::new(Duty::Required)
        .apply(LoopEvent::AllChannelsDead)
        .expect("legal");
    assert_eq!(failed.outcome, Some(Outcome::Failed));
    assert!(failed.is_open(), "a dead channel closes nothing");
    let corrected = failed
        .apply(LoopEvent::Evidence(EvidenceLevel::Received))
        .expect("legal");
    assert_eq!((corrected.outcome, corrected.level), (None, EvidenceLevel::Received));
}

#[test]
fn level_numbers_round_trip() {
    for &level in EvidenceLevel::ALL {
        assert_eq!(EvidenceLevel::from_number(level.number()), Some(level));
    }
    assert_eq!(EvidenceLevel::from_number(6), None);
    assert_eq!(EvidenceLevel::from_number(-1), None);
}
