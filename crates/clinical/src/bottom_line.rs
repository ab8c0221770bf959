//! The first screen of every message (content specification 1.6): urgency and what is asked, the
//! outcome, opioids now against the baseline, the highest adverse event, the next date, whom to
//! phone. Computed sentences: the same content always gives the same words. Nothing here advises.

use chrono::NaiveDate;
use serde::Serialize;

use crate::{
    compute::{mme, response, trend},
    content::{
        NoteContent,
        consultation::ConsultationNote,
        decision::{Eligibility, RecipientRequestStatus},
        infusion::InfusionSummary,
        recovery::{RecommendationKind, ReliefFollowUp, ResponseCategory},
        shared::{AddresseeRole, FlagSource, Urgency},
    },
    decimal::Decimal,
    text, urgency,
};

/// What the document itself does not say. Everything may be absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct BottomLineContext {
    /// MME per day at the consultation.
    pub baseline_mme: Option<Decimal>,
    /// Were opioids left uncounted in the baseline?
    pub baseline_at_least: bool,
    /// 24 h average of pain at the consultation.
    pub baseline_nrs_average: Option<i32>,
    /// Whom to phone, such as `the clinic, +1 555 0100`.
    pub phone: Option<String>,
}

impl BottomLineContext {
    /// The context which the consultation of a course gives to its infusions.
    pub fn from_consultation(note: &ConsultationNote) -> Self {
        let opioids = note
            .medications
            .as_ref()
            .map(|m| m.opioids.as_slice())
            .unwrap_or_default();
        Self {
            baseline_mme: trend::baseline_mme(note),
            baseline_at_least: mme::total(opioids).at_least,
            baseline_nrs_average: trend::baseline_average(note),
            phone: None,
        }
    }
}

/// One thing asked of a recipient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct Asked {
    /// Of whom.
    pub to_role: AddresseeRole,
    /// What, in the author's words.
    pub text: String,
    /// By when.
    pub respond_by: Option<NaiveDate>,
    /// Identifier of the request inside the document, if it has one.
    pub request_id: Option<String>,
}

/// The first screen of a message.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "graphql", derive(async_graphql::SimpleObject))]
pub struct BottomLine {
    /// How soon to act.
    pub urgency: Urgency,
    /// Reasons for the urgency, one line each.
    pub reasons: Vec<String>,
    /// What is asked, of whom.
    pub asked: Vec<Asked>,
    /// Eligible or not; or the response and its duration.
    pub outcome: String,
    /// Opioids now against the baseline, in words.
    pub opioids: Option<String>,
    /// MME per day now.
    pub mme_now: Option<Decimal>,
    /// MME per day at the baseline.
    pub mme_baseline: Option<Decimal>,
    /// Highest CTCAE grade; 0 for none; absent when the document does not say.
    pub highest_ae_grade: Option<i32>,
    /// The event of that grade, in words.
    pub highest_ae: Option<String>,
    /// The next date, in words.
    pub next: Option<String>,
    /// The next date.
    pub next_date: Option<NaiveDate>,
    /// Whom to phone.
    pub phone: Option<String>,
    /// The summary in at most three sentences.
    pub sentences: Vec<String>,
}

impl BottomLine {
    /// What is asked of a recipient in this role, including what is asked of all.
    pub fn asked_of(&self, role: AddresseeRole) -> impl Iterator<Item = &Asked> {
        self.asked
            .iter()
            .filter(move |asked| asked.to_role == role || asked.to_role == AddresseeRole::All)
    }
}

/// Computes the first screen of a document.
pub fn bottom_line(content: &NoteContent, context: &BottomLineContext) -> BottomLine {
    let assessed = urgency::assess(content);
    let reasons: Vec<String> = assessed
        .flags
        .iter()
        .map(|flag| {
            // The author's words stand beside the computed ones, never in their place.
            let note = flag
                .note
                .as_ref()
                .map(|note| format!("; as written: {note}"))
                .unwrap_or_default();
            format!("{}: {}{note}", flag.code.label(), flag.detail)
        })
        .collect();
    let asked = asked(content);
    let (outcome, opioids, mme_now, mme_baseline) = match content {
        NoteContent::ConsultationNote(note) => {
            let total = note
                .medications
                .as_ref()
                .filter(|m| !m.opioids.is_empty())
                .map(|m| mme::total(&m.opioids));
            let words = total
                .as_ref()
                .map(|total| format!("{} (baseline)", total.text()))
                .or_else(|| trend::baseline_mme(note).map(|mme| format!("{} MME/day (baseline)", mme.round(1))));
            let now = trend::baseline_mme(note);
            (decision(note), words, now, now)
        }
        NoteContent::InfusionSummary(summary) => (
            outcome(summary),
            opioids_now(summary, context),
            trend::current_mme(summary),
            context.baseline_mme,
        ),
    };
    let (highest_ae_grade, highest_ae) = content.as_infusion().map_or((None, None), highest_event);
    let (next, next_date) = next(content);
    let mut line = BottomLine {
        urgency: assessed.level,
        reasons,
        asked,
        outcome,
        opioids,
        mme_now,
        mme_baseline,
        highest_ae_grade,
        highest_ae,
        next,
        next_date,
        phone: context.phone.clone(),
        sentences: Vec::new(),
    };
    line.sentences = sentences(&line, &assessed.flags);
    line
}

fn sentences(line: &BottomLine, flags: &[urgency::RaisedFlag]) -> Vec<String> {
    // A computed detail says it all; an author's words need the name of the flag.
    let labels: Vec<String> = flags
        .iter()
        .map(|flag| match flag.source {
            FlagSource::Automatic => flag.detail.clone(),
            FlagSource::Author => format!("{} ({})", flag.code.label(), flag.detail),
        })
        .collect();
    let reasons = if labels.is_empty() {
        String::new()
    } else {
        format!(": {}", labels.join("; "))
    };
    let asked = asked_words(&line.asked);
    let first = format!("{}{reasons}; {asked}.", text::capital(line.urgency.as_str()));
    let second = format!("{}.", text::capital(line.outcome.trim_end_matches('.')));
    let mut facts = Vec::new();
    facts.extend(line.opioids.as_ref().map(|opioids| format!("opioids {opioids}")));
    facts.extend(line.highest_ae.clone());
    facts.extend(line.next.clone());
    facts.extend(line.phone.as_ref().map(|phone| format!("phone {phone}")));
    let third = (!facts.is_empty()).then(|| format!("{}.", text::capital(&facts.join("; "))));
    [Some(first), Some(second), third].into_iter().flatten().collect()
}

/// `asked of the oncologist: 1 answer by 19 May 2026`.
fn asked_words(asked: &[Asked]) -> String {
    let roles: std::collections::BTreeSet<AddresseeRole> = asked.iter().map(|a| a.to_role).collect();
    if roles.is_empty() {
        return "nothing is asked".to_owned();
    }
    let each: Vec<String> = roles
        .into_iter()
        .map(|role| {
            let mine: Vec<&Asked> = asked.iter().filter(|a| a.to_role == role).collect();
            let number = text::count(i32::try_from(mine.len()).unwrap_or(i32::MAX), "request");
            let by = mine
                .iter()
                .filter_map(|a| a.respond_by)
                .min()
                .map(|day| format!(" by {}", text::date(day)))
                .unwrap_or_default();
            let whom = if role == AddresseeRole::All {
                "everyone".to_owned()
            } else {
                format!("the {role}")
            };
            format!("{number} to {whom}{by}")
        })
        .collect();
    text::list(&each)
}

fn asked(content: &NoteContent) -> Vec<Asked> {
    match content {
        NoteContent::ConsultationNote(note) => note
            .requests_to_recipients
            .iter()
            .filter(|request| matches!(request.status, None | Some(RecipientRequestStatus::Open)))
            .map(|request| Asked {
                to_role: request.to_role.unwrap_or(AddresseeRole::Other),
                text: request.text.clone().unwrap_or_default(),
                respond_by: request.respond_by,
                request_id: request.id.clone(),
            })
            .collect(),
        NoteContent::InfusionSummary(summary) => summary
            .recommendations
            .iter()
            .filter(|r| {
                !matches!(
                    r.kind,
                    None | Some(RecommendationKind::Information | RecommendationKind::Safety)
                )
            })
            .map(|r| Asked {
                to_role: r.to_role.unwrap_or(AddresseeRole::Other),
                text: r.text.clone().unwrap_or_default(),
                respond_by: None,
                request_id: None,
            })
            .collect(),
    }
}

fn decision(note: &ConsultationNote) -> String {
    let eligibility = note.eligibility.clone().unwrap_or_default();
    let number = i32::try_from(eligibility.conditions.len()).unwrap_or(i32::MAX);
    let words = match eligibility.decision {
        Some(Eligibility::Eligible) => "eligible for ketamine infusions".to_owned(),
        Some(Eligibility::EligibleWithConditions) => format!(
            "eligible for ketamine infusions with {}",
            text::count(number, "condition")
        ),
        Some(Eligibility::NotEligible) => return "not eligible for ketamine infusions; none is planned".to_owned(),
        Some(Eligibility::Deferred) => {
            let by = eligibility
                .decide_by
                .map(|day| format!(" until {}", text::date(day)))
                .unwrap_or_default();
            return format!("decision deferred{by}; no infusion is planned");
        }
        None => return "no decision is recorded".to_owned(),
    };
    let plan = note
        .plan
        .as_ref()
        .and_then(|plan| plan.initial_infusions.map(|n| (n, plan.spacing.clone())));
    plan.map_or(words.clone(), |(n, spacing)| {
        let spacing = spacing.map(|spacing| format!(", {spacing}")).unwrap_or_default();
        format!("{words}; {} planned{spacing}", text::count(n, "infusion"))
    })
}

fn outcome(summary: &InfusionSummary) -> String {
    let infusion = summary.infusion.clone().unwrap_or_default();
    let number = infusion
        .number
        .map(|n| format!("infusion {n}"))
        .unwrap_or_else(|| "infusion".to_owned());
    let of = infusion
        .planned_in_series
        .map(|n| format!(" of {n}"))
        .unwrap_or_default();
    let dose = infusion
        .total_mg
        .map(|mg| format!(" ({} mg)", mg.round(1)))
        .unwrap_or_default();
    let provisional = response::provisional(summary);
    let pain = summary.pain.clone().unwrap_or_default();
    let scores = pain.pre_nrs_now.zip(pain.discharge_nrs_now);
    let pain = scores
        .map(|(pre, post)| format!(", pain {pre} before and {post} of 10 at discharge{}", change(pre, post)))
        .unwrap_or_default();
    let category = provisional.category.unwrap_or(ResponseCategory::NotAssessable);
    let pending = if provisional.duration_pending == Some(true) {
        ", duration not yet known"
    } else {
        ""
    };
    let last = summary
        .response
        .as_ref()
        .and_then(|r| r.previous_infusion_final.as_ref())
        .map(relief)
        .unwrap_or_default();
    let category = category.label();
    let stopped = match (infusion.completed, infusion.stop_reason) {
        (Some(false), Some(reason)) => format!(", stopped early ({reason})"),
        (Some(false), None) => ", stopped early".to_owned(),
        _ => String::new(),
    };
    format!("{number}{of}{dose}{stopped}: {category}{pain}{pending}{last}")
}

/// The change of pain in percent, and by which rule alone it counts (4.9).
fn change(pre: i32, post: i32) -> String {
    let Some(pct) = response::fall_pct(pre.into(), post.into()) else {
        return String::new();
    };
    let rule = match response::meaningful(pre, post) {
        Some(response::Meaningful::ByPointsOnly) => ", by points only",
        Some(response::Meaningful::ByPercentOnly) => ", by percent only",
        _ => "",
    };
    match pct.cmp(&Decimal::ZERO) {
        std::cmp::Ordering::Greater => format!(" (down {pct} %{rule})"),
        std::cmp::Ordering::Less => format!(" (up {} %)", pct.abs()),
        std::cmp::Ordering::Equal => " (unchanged)".to_owned(),
    }
}

fn relief(last: &ReliefFollowUp) -> String {
    let category = last
        .category
        .map(|category| format!(": {}", category.label()))
        .unwrap_or_default();
    let Some(days) = last.relief_days else {
        return format!("; the infusion before{category}");
    };
    let at_least = if last.relief_ongoing == Some(true) {
        "at least "
    } else {
        ""
    };
    format!(
        "; relief after the infusion before lasted {at_least}{}{category}",
        text::count(days, "day")
    )
}

fn opioids_now(summary: &InfusionSummary, context: &BottomLineContext) -> Option<String> {
    let now = if summary.opioids_current.is_empty() {
        format!("{} MME/day", trend::current_mme(summary)?.round(1))
    } else {
        mme::total(&summary.opioids_current).text()
    };
    Some(match context.baseline_mme {
        Some(baseline) => {
            let at_least = if context.baseline_at_least { "at least " } else { "" };
            format!("{now} now against {at_least}{} at baseline", baseline.round(1))
        }
        None => format!("{now} now"),
    })
}

fn highest_event(summary: &InfusionSummary) -> (Option<i32>, Option<String>) {
    let Some(grade) = trend::highest_grade(summary) else {
        return (None, None);
    };
    if grade == 0 {
        return (Some(0), Some("no adverse events".to_owned()));
    }
    let event = summary.adverse_events.iter().find(|event| event.grade == Some(grade));
    let term = event
        .and_then(|event| event.term.clone())
        .unwrap_or_else(|| "unnamed".to_owned());
    let version = event
        .and_then(|event| event.ctcae_version.clone())
        .map(|v| format!(", CTCAE v{v}"))
        .unwrap_or_default();
    (
        Some(grade),
        Some(format!("highest adverse event grade {grade} ({term}{version})")),
    )
}

fn next(content: &NoteContent) -> (Option<String>, Option<NaiveDate>) {
    match content {
        NoteContent::ConsultationNote(note) => {
            let decision = note
                .eligibility
                .as_ref()
                .and_then(|e| e.decide_by)
                .map(|day| (day, "decision by"));
            let answer = note
                .requests_to_recipients
                .iter()
                .filter_map(|r| r.respond_by)
                .min()
                .map(|day| (day, "first answer asked by"));
            let next = decision.or(answer);
            (
                next.map(|(day, what)| format!("{what} {}", text::date(day))),
                next.map(|(day, _)| day),
            )
        }
        NoteContent::InfusionSummary(summary) => {
            let next = summary.next.clone().unwrap_or_default();
            let mut days: Vec<(NaiveDate, &str)> = Vec::new();
            days.extend(next.infusion_date.map(|day| (day, "next infusion")));
            days.extend(next.reassessment_date.map(|day| (day, "reassessment")));
            days.sort();
            let dates = days.iter().map(|(day, what)| format!("{what} {}", text::date(*day)));
            let ended = next
                .series_ended_reason
                .map(|reason| format!("series ended: {}", reason.trim_end_matches('.')));
            let parts: Vec<String> = dates.chain(ended).collect();
            (
                (!parts.is_empty()).then(|| parts.join("; ")),
                days.first().map(|(day, _)| *day),
            )
        }
    }
}
