//! The response model (content specification 4.9): a provisional judgment at discharge, a final one at
//! the next contact. Labels with their rule, never "continue" or "stop".

use crate::{
    content::{
        infusion::InfusionSummary,
        recovery::{ProvisionalResponse, ReliefFollowUp, ResponseCategory},
    },
    decimal::Decimal,
};

/// Days from which relief counts as sustained, unless the clinic sets another number (4.9).
pub const SUSTAIN_DAYS: i32 = 7;

impl ResponseCategory {
    /// Words for people.
    pub fn label(self) -> String {
        if self == Self::ShortLivedRelief {
            "short-lived relief".to_owned()
        } else {
            self.to_string()
        }
    }
}

/// By which of the two rules a fall of pain is meaningful (4.9, Farrar 2001).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaningful {
    /// 2 points or more, and 30 % or more.
    ByBoth,
    /// 2 points or more, under 30 %.
    ByPointsOnly,
    /// 30 % or more, under 2 points.
    ByPercentOnly,
}

/// Is a fall of pain from `before` to `after` (0 to 10) meaningful? `None` also when `before` is 0.
pub fn meaningful(before: i32, after: i32) -> Option<Meaningful> {
    if before <= 0 {
        return None;
    }
    let fall = i64::from(before) - i64::from(after);
    match (fall >= 2, 100 * fall >= 30 * i64::from(before)) {
        (true, true) => Some(Meaningful::ByBoth),
        (true, false) => Some(Meaningful::ByPointsOnly),
        (false, true) => Some(Meaningful::ByPercentOnly),
        (false, false) => None,
    }
}

/// Percent by which `after` is below `before`, to 0.1, half up; `None` when `before` is 0.
pub fn fall_pct(before: Decimal, after: Decimal) -> Option<Decimal> {
    Some(before.minus(after)?.times(100.into())?.over(before)?.round(1))
}

/// The judgment at discharge, from the ratings before and at discharge and the dose given.
pub fn provisional(summary: &InfusionSummary) -> ProvisionalResponse {
    let pain = summary.pain.as_ref();
    let ratings = pain
        .and_then(|p| p.pre_nrs_now)
        .zip(pain.and_then(|p| p.discharge_nrs_now));
    let Some((pre, post)) = ratings else {
        return ProvisionalResponse {
            category: Some(ResponseCategory::NotAssessable),
            delta_points: None,
            delta_pct: None,
            substantial: Some(false),
            duration_pending: Some(false),
        };
    };
    let infusion = summary.infusion.as_ref();
    let stopped = infusion.and_then(|i| i.completed) == Some(false);
    let doses = infusion
        .and_then(|i| i.total_mg)
        .zip(infusion.and_then(|i| i.planned_total_mg));
    // Less than half the plan says nothing about the drug; an unknown dose of a stopped infusion neither.
    let too_little =
        stopped && doses.is_none_or(|(given, planned)| given.times(2.into()).is_none_or(|twice| twice < planned));
    let fall = i64::from(pre) - i64::from(post);
    let at_least = |percent: i64| pre > 0 && 100 * fall >= percent * i64::from(pre);
    let category = if pre == 0 || too_little {
        ResponseCategory::NotAssessable
    } else if meaningful(pre, post).is_some() {
        ResponseCategory::MeaningfulReduction
    } else if fall <= -2 {
        ResponseCategory::Worsened
    } else if fall >= 1 || at_least(10) {
        ResponseCategory::MinimalBenefit
    } else {
        ResponseCategory::NoMeaningfulChange
    };
    ProvisionalResponse {
        category: Some(category),
        delta_points: i32::try_from(fall).ok(),
        delta_pct: fall_pct(pre.into(), post.into()),
        substantial: Some(at_least(50)),
        duration_pending: Some(category == ResponseCategory::MeaningfulReduction),
    }
}

/// The final judgment of an infusion at the next contact. `baseline_average` is the 24 h average of
/// the consultation, frozen for the series. `None` while the follow-up does not say enough.
pub fn final_category(
    provisional: ResponseCategory,
    baseline_average: Option<i32>,
    follow_up: &ReliefFollowUp,
    sustain_days: i32,
) -> Option<ResponseCategory> {
    if provisional == ResponseCategory::NotAssessable {
        return Some(ResponseCategory::NotAssessable);
    }
    let session = provisional == ResponseCategory::MeaningfulReduction;
    let series = baseline_average
        .zip(follow_up.average_nrs_since)
        .is_some_and(|(b, now)| meaningful(b, now).is_some());
    if !session && !series {
        return Some(provisional);
    }
    let lasted = match (follow_up.relief_ongoing, follow_up.relief_days) {
        (Some(true), _) => true,
        (_, Some(days)) => days >= sustain_days,
        (_, None) => return None,
    };
    Some(if lasted {
        ResponseCategory::MeaningfulReduction
    } else {
        ResponseCategory::ShortLivedRelief
    })
}
