//! The auditor's filter as an address carries it: ids, codes and times, never PHI. From here to the service's filter,
//! to the links that narrow or widen it, and to the words that say what is looked at.

use liaison_service::{
    FieldProblem,
    audit::{AuditColumn, AuditFilter, AuditOrder, AuditView},
};

use super::{short_id, words};
use crate::{form::Fields, format::Zone};

/// The names an address may carry, with what they mean.
const NAMES: &[(&str, &str)] = &[
    ("who", "Person"),
    ("patient", "Patient"),
    ("action", "Act"),
    ("view", "Acts"),
    ("outcome", "Outcome"),
    ("purpose", "Purpose"),
    ("from", "From"),
    ("until", "Until"),
    ("note", "Note"),
    ("share", "Share"),
    ("loop", "Recipient"),
    ("object", "Object"),
    ("request", "Request"),
    ("peer", "Address"),
    ("org", "Acting for"),
    ("role", "Role"),
    ("session", "Session"),
    ("channel", "Channel"),
    ("index", "Log index"),
];

/// A filter out of an address or a form.
#[derive(Debug, Clone, Default)]
pub(super) struct AuditQuery {
    pairs: Vec<(&'static str, String)>,
    /// In which order.
    pub(super) order: AuditOrder,
}

/// One element of a filter, as it is shown above the list.
pub(super) struct Chip {
    pub(super) name: &'static str,
    pub(super) words: String,
    /// The address without it.
    pub(super) without: String,
}

impl AuditQuery {
    pub(super) fn read(fields: &Fields) -> Self {
        let mut pairs = Vec::new();
        for (name, _) in NAMES {
            let values = fields.all(name).take(64);
            pairs.extend(values.map(|value| (*name, value.chars().take(200).collect::<String>())));
        }
        Self {
            pairs,
            order: order(fields.text("sort")),
        }
    }

    /// The address of a filter that was kept.
    pub(super) fn of(filter: &AuditFilter, order: AuditOrder, zone: Zone) -> Self {
        let time = |at: Option<chrono::DateTime<chrono::Utc>>| at.map(|at| zone.input(at));
        let mut pairs: Vec<(&'static str, String)> = [
            ("who", filter.user_id.clone()),
            ("patient", filter.patient_id.clone()),
            ("view", filter.view.map(|view| view_code(view).to_owned())),
            ("outcome", filter.outcome.clone()),
            ("purpose", filter.purpose.clone()),
            ("from", time(filter.from)),
            ("until", time(filter.until)),
            ("note", filter.note_id.clone()),
            ("share", filter.share_id.clone()),
            ("loop", filter.recipient_id.clone()),
            ("object", filter.object_id.clone()),
            ("request", filter.request_id.clone()),
            ("peer", filter.peer.clone()),
            ("org", filter.actor_organization_id.clone()),
            ("role", filter.role.clone()),
            ("session", filter.session_id.clone()),
            ("channel", filter.channel.clone()),
            ("index", filter.index.map(|index| index.to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|value| (name, value)))
        .collect();
        pairs.extend(filter.actions.iter().map(|action| ("action", action.clone())));
        Self { pairs, order }
    }

    /// The address at which this search is kept.
    pub(super) fn keep(&self) -> String {
        self.address(None).replacen("/audit", "/audit/filters", 1)
    }

    /// The value of a name; empty where it is not given.
    pub(super) fn get(&self, name: &str) -> &str {
        self.pairs
            .iter()
            .find(|(given, _)| *given == name)
            .map_or("", |(_, value)| value.as_str())
    }

    /// Whether one of the rarer elements is given: then the form shows them.
    pub(super) fn has_more(&self) -> bool {
        NAMES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| !["who", "patient", "action", "view", "outcome", "from", "until"].contains(name))
            .any(|name| !self.get(name).is_empty())
    }

    /// Every element, for a form's hidden fields.
    pub(super) fn pairs(&self) -> &[(&'static str, String)] {
        &self.pairs
    }

    /// The service's filter, with the problems of what could not be read.
    pub(super) fn filter(&self, zone: Zone) -> (AuditFilter, Vec<FieldProblem>) {
        let mut problems = Vec::new();
        let mut time = |name: &str| {
            let text = self.get(name);
            let read = zone
                .read(text)
                .or_else(|| text.parse().ok().and_then(|day| zone.start_of(day)));
            if !text.is_empty() && read.is_none() {
                let path = format!("filter.{name}");
                problems.push(FieldProblem::new(
                    path,
                    "UNKNOWN_VALUE",
                    "a day and a time, such as 2026-01-05 09:00",
                ));
            }
            read
        };
        let (from, until) = (time("from"), time("until"));
        let index = self.get("index");
        let number = index.parse().ok();
        if !index.is_empty() && number.is_none() {
            problems.push(FieldProblem::new(
                "filter.index",
                "UNKNOWN_VALUE",
                "a whole number from 0, such as 1204",
            ));
        }
        let some = |name: &str| Some(self.get(name).to_owned()).filter(|text| !text.is_empty());
        let filter = AuditFilter {
            from,
            until,
            user_id: some("who"),
            patient_id: some("patient"),
            note_id: some("note"),
            share_id: some("share"),
            recipient_id: some("loop"),
            object_id: some("object"),
            actions: self
                .pairs
                .iter()
                .filter(|(name, _)| *name == "action")
                .map(|(_, value)| value.clone())
                .collect(),
            view: match self.get("view") {
                "saw" => Some(AuditView::Saw),
                "break-glass" => Some(AuditView::BreakGlass),
                _ => None,
            },
            outcome: some("outcome"),
            purpose: some("purpose"),
            request_id: some("request"),
            peer: some("peer"),
            actor_organization_id: some("org"),
            role: some("role"),
            session_id: some("session"),
            channel: some("channel"),
            index: number,
        };
        (filter, problems)
    }

    /// The address of this search on another page or sorted otherwise.
    pub(super) fn address(&self, after: Option<&str>) -> String {
        self.written(self.pairs.iter().map(|(name, value)| (*name, value.as_str())), after)
    }

    /// The address of this search sorted by a column (`None`: time): the other way round where it is so sorted by now.
    pub(super) fn sorted(&self, by: Option<AuditColumn>) -> String {
        let ascending = match self.order.by == by {
            true => !self.order.ascending,
            // Names and codes from their beginning, times and numbers from the newest.
            false => by.is_some_and(|by| by != AuditColumn::Index),
        };
        Self {
            order: AuditOrder { by, ascending },
            ..self.clone()
        }
        .address(None)
    }

    /// The order as the address has it; empty where it is the usual one.
    pub(super) fn sort(&self) -> String {
        match (self.order.by, self.order.ascending) {
            (None, false) => String::new(),
            (None, true) => "oldest".to_owned(),
            (Some(by), true) => by.as_str().to_lowercase(),
            (Some(by), false) => format!("-{}", by.as_str().to_lowercase()),
        }
    }

    /// The address with an element set.
    pub(super) fn with(&self, name: &'static str, value: &str) -> String {
        let others = self.pairs.iter().filter(|(given, _)| *given != name);
        let others = others.map(|(name, value)| (*name, value.as_str()));
        self.written(others.chain([(name, value)]), None)
    }

    /// What is filtered by, with the address that widens each. `called` gives names for the ids it knows.
    pub(super) fn chips(&self, called: impl Fn(&str, &str) -> Option<String>) -> Vec<Chip> {
        let chip = |(position, (name, value)): (usize, &(&'static str, String))| {
            let others = self.pairs.iter().enumerate().filter(|(other, _)| *other != position);
            let others = others.map(|(_, (name, value))| (*name, value.as_str()));
            let words = called(name, value).unwrap_or_else(|| match *name {
                "action" => words::action(value),
                "view" if value == "break-glass" => "under broken glass".to_owned(),
                "view" => "every act of reading".to_owned(),
                "outcome" => words::outcome(value).0.to_owned(),
                "purpose" => words::purpose(value).to_owned(),
                "from" | "until" => value.replace('T', " "),
                _ => short_id(value),
            });
            Chip {
                name: NAMES
                    .iter()
                    .find(|(known, _)| known == name)
                    .map_or("", |(_, words)| words),
                words,
                without: self.written(others, None),
            }
        };
        self.pairs.iter().enumerate().map(chip).collect()
    }

    fn written<'a>(&self, pairs: impl Iterator<Item = (&'static str, &'a str)>, after: Option<&str>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        let sort = self.sort();
        if !sort.is_empty() {
            query.append_pair("sort", &sort);
        }
        if let Some(after) = after {
            query.append_pair("after", after);
        }
        let query = query.finish();
        if query.is_empty() {
            "/audit".to_owned()
        } else {
            format!("/audit?{query}")
        }
    }
}

fn view_code(view: AuditView) -> &'static str {
    match view {
        AuditView::Saw => "saw",
        AuditView::BreakGlass => "break-glass",
    }
}

/// An order out of an address; what is none is the usual one.
fn order(text: &str) -> AuditOrder {
    let (ascending, name) = match text.strip_prefix('-') {
        Some(name) => (false, name),
        None => (true, text),
    };
    let by = AuditColumn::ALL.iter().copied();
    let mut by = by.filter(|column| column.as_str().eq_ignore_ascii_case(name));
    match by.next() {
        Some(by) => AuditOrder {
            by: Some(by),
            ascending,
        },
        None => AuditOrder {
            by: None,
            ascending: text == "oldest",
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> AuditQuery {
        AuditQuery::read(&Fields::read(text.as_bytes()))
    }

    #[test]
    fn an_address_is_read_narrowed_and_widened() {
        let read =
            query("who=user_1&action=note.read&action=share.open&until=2026-01-05T09:00&sort=oldest&evil=1&from=");
        let (filter, problems) = read.filter(Zone::named("America/Chicago"));
        assert!(problems.is_empty());
        assert_eq!(filter.actions, ["note.read", "share.open"]);
        assert_eq!(
            filter.until.map(|at| at.to_rfc3339()).as_deref(),
            Some("2026-01-05T15:00:00+00:00")
        );
        assert_eq!((filter.user_id.as_deref(), filter.from), (Some("user_1"), None));
        assert!(read.order.ascending && !read.sorted(None).contains("sort"));
        let by_role = query("sort=role&view=break-glass");
        assert_eq!(
            by_role.sorted(Some(AuditColumn::Role)),
            "/audit?view=break-glass&sort=-role"
        );
        assert_eq!(
            by_role.sorted(Some(AuditColumn::Index)),
            "/audit?view=break-glass&sort=-index"
        );
        assert_eq!(
            read.with("action", "x y"),
            "/audit?who=user_1&until=2026-01-05T09%3A00&action=x+y&sort=oldest"
        );
        let chips = read.chips(|name, _| (name == "who").then(|| "Dr. A".to_owned()));
        assert_eq!(chips[0].words, "Dr. A");
        assert!(!chips[0].without.contains("who="));
        assert_eq!(chips[1].words, "Read a note");
        assert_eq!(query("").address(None), "/audit");
    }

    #[test]
    fn what_is_no_time_is_said_at_its_field() {
        let (_, problems) = query("from=yesterday").filter(Zone::named("UTC"));
        assert_eq!(problems[0].path, "filter.from");
        // A day alone is its beginning.
        let (filter, _) = query("from=2026-01-05").filter(Zone::named("UTC"));
        assert_eq!(
            filter.from.map(|at| at.to_rfc3339()).as_deref(),
            Some("2026-01-05T00:00:00+00:00")
        );
    }
}
