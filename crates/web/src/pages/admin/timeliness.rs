//! `/timeliness`: how soon recipients acknowledge, as bars and as a table with the same numbers.

use askama::Template;
use axum::{
    Router,
    extract::{RawQuery, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use chrono::{Days, NaiveDate, TimeDelta};
use liaison_service::{
    FieldProblem,
    audit::{ReadTimeliness, Timeliness, TimelinessReport},
};

use super::problems;
use crate::{
    Result, Web,
    form::{Fields, Problems},
    format,
    session::Signed,
    shell::{self, Shell},
};

pub(super) fn routes() -> Router<Web> {
    Router::new().route("/timeliness", get(show))
}

/// What the period is when nothing is said.
const DAYS: u64 = 90;

/// One group of recipients with its figures.
struct Group {
    name: String,
    figures: Timeliness,
    /// Of the bar, in its units (0 to [`WIDTH`]).
    in_time: Bar,
    late: Bar,
    overdue: Bar,
    never: Bar,
    waiting: Bar,
    /// Where the row stands.
    y: u32,
}

#[derive(Clone, Copy)]
struct Bar {
    x: u32,
    width: u32,
}

const WIDTH: u64 = 420;
const LEFT: u32 = 250;
const ROW: u32 = 34;

#[derive(Template)]
#[template(path = "admin/timeliness.html")]
struct TimelinessTemplate {
    shell: Shell,
    problems: Problems,
    from: String,
    until: String,
    total: Option<Group>,
    urgencies: Vec<Group>,
    organizations: Vec<Group>,
}

fn group(name: String, figures: Timeliness, row: usize) -> Group {
    let all = figures.required.max(1);
    let mut x = LEFT;
    let mut bar = |count: u64| {
        let width = u32::try_from(count * WIDTH / all).unwrap_or(0);
        let bar = Bar { x, width };
        x += width;
        bar
    };
    Group {
        in_time: bar(figures.in_time),
        late: bar(figures.acknowledged.saturating_sub(figures.in_time)),
        overdue: bar(figures.overdue),
        never: bar(figures.never),
        waiting: bar(figures.waiting),
        y: u32::try_from(row).unwrap_or(0) * ROW,
        name,
        figures,
    }
}

impl Group {
    /// The name as the plot has room for it.
    fn label(&self) -> String {
        if self.name.chars().count() > 32 {
            self.name.chars().take(31).chain(['…']).collect()
        } else {
            self.name.clone()
        }
    }

    fn late_count(&self) -> u64 {
        self.figures.acknowledged.saturating_sub(self.figures.in_time)
    }

    fn share(&self) -> String {
        match self.figures.in_time_share {
            Some(share) => format!("{:.0} %", share * 100.0),
            None => "none due".to_owned(),
        }
    }

    fn median(&self) -> String {
        minutes(self.figures.median_minutes)
    }

    fn p90(&self) -> String {
        minutes(self.figures.p90_minutes)
    }
}

fn minutes(minutes: Option<f64>) -> String {
    match minutes {
        Some(minutes) => format::duration(TimeDelta::seconds((minutes * 60.0) as i64)),
        None => "none".to_owned(),
    }
}

async fn show(State(web): State<Web>, signed: Signed, RawQuery(query): RawQuery) -> Result<Response> {
    let fields = Fields::read(query.unwrap_or_default().as_bytes());
    let today = signed.zone.today(web.service().now());
    let day = |name: &str, else_: NaiveDate| match fields.text(name) {
        "" => Ok(else_),
        text => text
            .parse::<NaiveDate>()
            .map_err(|_| FieldProblem::new(name, "UNKNOWN_VALUE", "a day, such as 2026-01-05")),
    };
    let mut wrong = Vec::new();
    let first = today.checked_sub_days(Days::new(DAYS)).unwrap_or(today);
    let from = crate::form::note(&mut wrong, day("from", first)).unwrap_or(first);
    let until = crate::form::note(&mut wrong, day("until", today)).unwrap_or(today);
    let start = signed.zone.start_of(from);
    let end = until.succ_opt().and_then(|day| signed.zone.start_of(day));
    let report = match (start, end) {
        (Some(from), Some(until)) if wrong.is_empty() => {
            match web
                .service()
                .read_timeliness(&signed.actor, ReadTimeliness { from, until })
                .await
            {
                Ok(report) => Some(report),
                Err(refused) => {
                    wrong = problems(refused)?;
                    None
                }
            }
        }
        _ => None,
    };
    let status = if wrong.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    };
    let mut template = TimelinessTemplate {
        shell: Shell::new(&web, &signed, "Timeliness").wide(),
        problems: Problems::new(wrong),
        from: from.to_string(),
        until: until.to_string(),
        total: None,
        urgencies: Vec::new(),
        organizations: Vec::new(),
    };
    if let Some(report) = report {
        fill(&mut template, report);
    }
    shell::page_with(status, &template)
}

fn fill(template: &mut TimelinessTemplate, report: TimelinessReport) {
    template.total = Some(group("All".to_owned(), report.total, 0));
    let urgencies = report.by_urgency.into_iter().enumerate();
    template.urgencies = urgencies
        .map(|(row, (of, figures))| group(crate::words::urgency(of).to_owned(), figures, row))
        .collect();
    let organizations = report.by_organization.into_iter().enumerate();
    template.organizations = organizations
        .map(|(row, (_, name, figures))| group(name, figures, row))
        .collect();
}

impl TimelinessTemplate {
    fn height(&self, groups: &[Group]) -> u32 {
        u32::try_from(groups.len()).unwrap_or(0) * ROW + 6
    }
}
