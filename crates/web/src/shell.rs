//! The frame around a page: title, navigation by role, the person's place, the session's end, messages.

use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use chrono::{DateTime, Utc};
use liaison_domain::people::Role;

use crate::{Result, Web, assets, format::Zone, session::Signed};

/// One link of the navigation.
pub(crate) struct NavItem {
    pub(crate) href: &'static str,
    pub(crate) label: &'static str,
    pub(crate) current: bool,
}

/// A place the person may act in.
pub(crate) struct PlaceItem {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) current: bool,
}

/// The person's part of the frame.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) organization: String,
    pub(crate) places: Vec<PlaceItem>,
    /// Milliseconds until the session ends for want of activity: for the warning.
    pub(crate) idle_ms: i64,
    /// Milliseconds until it ends in any case.
    pub(crate) absolute_ms: i64,
}

/// What `layout.html` needs. Every page's template has it as `shell`.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) css: &'static str,
    pub(crate) script: &'static str,
    pub(crate) icon: &'static str,
    /// One more script, such as the editor's; empty for none.
    pub(crate) extra_script: &'static str,
    pub(crate) csrf: String,
    pub(crate) nav: Vec<NavItem>,
    pub(crate) person: Option<Person>,
    /// The reader's zone, for times.
    pub(crate) zone: Zone,
    /// Now, for what is late.
    pub(crate) now: DateTime<Utc>,
    /// Whether the page refreshes itself when something changes.
    pub(crate) live: bool,
    /// What was just done, in words; see [`done`].
    pub(crate) done: Option<&'static str>,
    /// Wide pages (boards, tables) use the whole width.
    pub(crate) wide: bool,
}

impl Shell {
    /// The frame of a signed-in person's page.
    pub(crate) fn new(web: &Web, signed: &Signed, title: impl Into<String>) -> Self {
        let now = web.service().now();
        let session = &signed.session;
        let path = signed.here.split('?').next().unwrap_or("/");
        Self {
            title: title.into(),
            css: assets::path("app.css"),
            script: assets::path("app.js"),
            icon: assets::path("icon.svg"),
            extra_script: "",
            csrf: signed.csrf.clone(),
            nav: nav(signed, path),
            person: Some(Person {
                name: session.display_name.clone(),
                organization: session.organization_name.clone(),
                places: session
                    .places
                    .iter()
                    .map(|place| PlaceItem {
                        id: place.organization_id.to_string(),
                        name: place.name.clone(),
                        current: signed.actor.acts_for(place.organization_id),
                    })
                    .collect(),
                idle_ms: (session.idle_until - now).num_milliseconds().max(0),
                absolute_ms: (session.absolute_until - now).num_milliseconds().max(0),
            }),
            zone: signed.zone,
            now,
            live: false,
            done: done(&signed.here),
            wide: false,
        }
    }

    /// The frame of a page for somebody who is not signed in.
    pub(crate) fn open(web: &Web, title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            css: assets::path("app.css"),
            script: assets::path("app.js"),
            icon: assets::path("icon.svg"),
            extra_script: "",
            csrf: String::new(),
            nav: Vec::new(),
            person: None,
            zone: Zone::named("UTC"),
            now: web.service().now(),
            live: false,
            done: None,
            wide: false,
        }
    }

    /// The page refreshes its `data-live` regions when something changes.
    pub(crate) fn live(mut self) -> Self {
        self.live = true;
        self
    }

    /// The page uses the whole width.
    pub(crate) fn wide(mut self) -> Self {
        self.wide = true;
        self
    }

    /// The page loads one more script of ours.
    pub(crate) fn with_script(mut self, name: &str) -> Self {
        self.extra_script = assets::path(name);
        self
    }

    /// A moment in the reader's zone, zone named.
    pub(crate) fn time(&self, at: &DateTime<Utc>) -> String {
        self.zone.time(*at)
    }

    /// A moment in a list whose heading names the zone.
    pub(crate) fn short(&self, at: &DateTime<Utc>) -> String {
        self.zone.short(*at, self.now)
    }

    /// `2 h left` or `3 d overdue`.
    pub(crate) fn due(&self, at: &DateTime<Utc>) -> String {
        crate::format::due(*at, self.now)
    }

    /// `12 min ago`.
    pub(crate) fn ago(&self, at: &DateTime<Utc>) -> String {
        crate::format::ago(*at, self.now)
    }

    /// Whether a moment is past.
    pub(crate) fn past(&self, at: &DateTime<Utc>) -> bool {
        *at < self.now
    }
}

/// Where the navigation leads, for whom: the first one a person has is their home.
const NAV: [(&str, &str, &[Role], Where); 12] = {
    use Role::{Admin, Auditor, Clinician, Coordinator, Physician, TeamLead};
    [
        (
            "/board",
            "Board",
            &[Physician, Coordinator, TeamLead, Admin],
            Where::Clinic,
        ),
        ("/patients", "Patients", &[Physician, Coordinator], Where::Clinic),
        ("/calls", "Calls", &[Physician, Coordinator], Where::Clinic),
        ("/inbox", "Inbox", &[Clinician, TeamLead, Physician], Where::Anywhere),
        (
            "/notices",
            "Notices",
            &[Physician, Coordinator, Clinician, TeamLead, Admin, Auditor],
            Where::Anywhere,
        ),
        (
            "/coverage",
            "Coverage",
            &[Physician, Coordinator, Clinician, TeamLead, Admin],
            Where::Anywhere,
        ),
        ("/deliveries", "Deliveries", &[Admin], Where::Anywhere),
        ("/mis-sends", "Mis-sends", &[Admin], Where::Clinic),
        (
            "/directory",
            "Directory",
            &[Physician, Coordinator, Clinician, TeamLead, Admin, Auditor],
            Where::Anywhere,
        ),
        ("/policies", "Policies", &[Admin], Where::Anywhere),
        ("/audit", "Audit", &[Admin, Auditor], Where::Anywhere),
        ("/timeliness", "Timeliness", &[Admin, Auditor], Where::Anywhere),
    ]
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    Clinic,
    Anywhere,
}

fn reachable(signed: &Signed) -> impl Iterator<Item = (&'static str, &'static str)> + '_ {
    NAV.iter()
        .filter(|(_, _, roles, place)| signed.has_any(roles) && (*place == Where::Anywhere || signed.actor.is_clinic()))
        .map(|(href, label, _, _)| (*href, *label))
}

fn nav(signed: &Signed, path: &str) -> Vec<NavItem> {
    reachable(signed)
        .map(|(href, label)| NavItem {
            href,
            label,
            current: path == href || path.strip_prefix(href).is_some_and(|rest| rest.starts_with('/')),
        })
        .collect()
}

/// Where a person's day begins.
pub(crate) fn home(signed: &Signed) -> &'static str {
    // An auditor's directory is no home.
    let admin_only = !signed.has_any(&[Role::Physician, Role::Coordinator, Role::Clinician, Role::TeamLead]);
    if admin_only && signed.has_any(&[Role::Auditor]) {
        return "/audit";
    }
    reachable(signed).next().map_or("/account", |(href, _)| href)
}

/// What `?done=` says on the page after a form: fixed words, so that an address cannot put words into our mouth.
fn done(here: &str) -> Option<&'static str> {
    let query = here.split_once('?')?.1;
    let code = url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "done")
        .map(|(_, value)| value.into_owned())?;
    DONE.iter().find(|(name, _)| *name == code).map(|(_, words)| *words)
}

const DONE: &[(&str, &str)] = &[
    ("saved", "Saved."),
    ("added", "Added."),
    ("ended", "Ended."),
    ("removed", "Removed."),
    (
        "signed",
        "Signed. The note is frozen in this version; share it so that the care team learns of it.",
    ),
    ("shared", "Shared. You see below how far it came for each recipient."),
    (
        "acknowledged",
        "Acknowledged. The clinic is told, and your receipt stands below.",
    ),
    (
        "declined",
        "The clinic is told and will route the note to the right person.",
    ),
    (
        "redirected",
        "Passed on. Your duty ends when the other side accepts or acknowledges.",
    ),
    ("accepted", "Accepted."),
    ("replied", "Your reply was sent."),
    (
        "recalled",
        "Recalled. Nobody can open it any more; those who had opened it are told.",
    ),
    (
        "withdrawn",
        "Withdrawn as entered in error. Everyone who had opened it is told.",
    ),
    ("discarded", "The draft was discarded."),
    ("called", "The call is recorded."),
    ("assigned", "Handed over."),
    ("lifted", "The hold is lifted."),
    (
        "held",
        "The hold is set. From now on nothing of this patient is removed.",
    ),
    ("freed", "The hold is lifted. No other stands on this patient."),
    (
        "still-held",
        "The hold is lifted. Another one still stands on this patient, and nothing of theirs is removed.",
    ),
    ("retried", "It is tried again now."),
    ("queued", "A test message is on its way; the result appears here."),
    ("closed", "Closed."),
    ("reviewed", "The review is signed off."),
    ("revoked", "Ended."),
    ("sent", "Sent."),
    ("invited", "Invited by e-mail."),
    (
        "factors",
        "The factors are removed and every session of theirs ended. The link to set up anew is on its way to them.",
    ),
    ("password", "Your password is changed. Your other sessions have ended."),
    ("switched", "You now act for this organization."),
    ("discontinued", "Ended."),
];

/// A rendered page.
pub(crate) fn page(template: &impl Template) -> Result<Response> {
    Ok(Html(template.render()?).into_response())
}

/// The same with another status, such as 422 for a form that comes back with its problems.
pub(crate) fn page_with(status: axum::http::StatusCode, template: &impl Template) -> Result<Response> {
    Ok((status, Html(template.render()?)).into_response())
}

/// Leads on after a form: 303, so that a reload does not send it again.
pub(crate) fn go(path: &str) -> Result<Response> {
    Ok(axum::response::Redirect::to(path).into_response())
}
