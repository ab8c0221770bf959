//! The fields of both kinds of note, described once: where a value stands in the stored JSON, what it is called, its
//! unit, its kind. The form, the reading of the form and the place of a problem all follow from these tables. Not for
//! rules: what is possible, usual or required to sign is decided by the clinical crate and told by the use cases.

mod consultation;
mod infusion;
mod shared;

use liaison_clinical::FlagCode;
use liaison_domain::NoteKind;

/// The values of a choice: the stored word and the words for people.
pub(super) type Words = fn() -> Vec<(&'static str, String)>;

/// The values of a value set of the clinical crate.
macro_rules! words {
    ($set:ident) => {
        || {
            $set::ALL
                .iter()
                .map(|value| (value.as_str(), value.to_string()))
                .collect()
        }
    };
}
use words;

fn flag_codes() -> Vec<(&'static str, String)> {
    FlagCode::ALL
        .iter()
        .map(|code| (code.as_str(), code.label().to_owned()))
        .collect()
}

/// How the entries of a list are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// One line each.
    Table,
    /// One block each.
    Cards,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    /// One line of text.
    Text,
    /// Text of several lines.
    Long,
    /// A whole number.
    Whole,
    /// An exact decimal number.
    Number,
    /// A calendar day.
    Day,
    /// A year, a year and month, or a day.
    PartialDay,
    /// A moment, written in the clinic's zone.
    Moment,
    /// Yes, no, or not asked (content specification 1.1).
    YesNo,
    /// "Asked, and there is none": ticked or not said.
    Tick,
    /// One of a value set.
    Choice(Words),
    /// Any of a value set.
    Ticks(Words),
    /// Texts, one a line.
    Lines,
    /// A record inside.
    Record(&'static [Field]),
    /// A list of records.
    Rows(&'static [Field], Layout),
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    /// Its key in the stored JSON.
    pub(super) name: &'static str,
    /// What people call it.
    pub(super) label: &'static str,
    /// What it holds.
    pub(super) kind: Kind,
    /// Its unit for people; empty where it has none.
    pub(super) unit: &'static str,
    /// What to know when filling it; empty where nothing.
    pub(super) help: &'static str,
    /// Whether every signed note has it.
    pub(super) required: bool,
    /// Whether it follows from others: shown, not typed.
    pub(super) computed: bool,
    /// Whether it is asked anew at each visit and never taken over from the last note.
    pub(super) fresh: bool,
}

const fn field(name: &'static str, label: &'static str, kind: Kind) -> Field {
    Field {
        name,
        label,
        kind,
        unit: "",
        help: "",
        required: false,
        computed: false,
        fresh: false,
    }
}

impl Field {
    const fn unit(mut self, unit: &'static str) -> Self {
        self.unit = unit;
        self
    }

    const fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }
}

/// A part of the form: some top fields of the document under one heading.
pub(super) struct Section {
    /// Its anchor.
    pub(super) key: &'static str,
    /// Its heading.
    pub(super) title: &'static str,
    /// Names of the document's fields in it.
    pub(super) names: &'static [&'static str],
}

const fn section(key: &'static str, title: &'static str, names: &'static [&'static str]) -> Section {
    Section { key, title, names }
}

/// The fields of a kind of note.
pub(super) fn document(kind: NoteKind) -> &'static [Field] {
    match kind {
        NoteKind::ConsultationNote => consultation::CONSULTATION_NOTE,
        NoteKind::InfusionSummary => infusion::INFUSION_SUMMARY,
    }
}

/// The parts of the form of a kind of note; every field of the document stands in exactly one.
pub(super) fn sections(kind: NoteKind) -> &'static [Section] {
    match kind {
        NoteKind::ConsultationNote => CONSULTATION,
        NoteKind::InfusionSummary => INFUSION,
    }
}

const CONSULTATION: &[Section] = &[
    section("visit", "Visit and referral", &["consult_date", "referral"]),
    section("cancer", "Cancer", &["cancer"]),
    section("pain", "Pain", &["pain"]),
    section("medicines", "Medicines", &["medications", "side_effects"]),
    section(
        "screening",
        "Allergies and screening",
        &["no_known_allergies", "allergies", "medical_screening"],
    ),
    section(
        "contraindications",
        "Contraindications",
        &["contraindication_review", "interaction_flags"],
    ),
    section("risk", "Performance and risk", &["performance", "risk_assessment"]),
    section("decision", "Decision", &["eligibility"]),
    section("plan", "Plan", &["plan"]),
    section("consent", "Consent", &["consent"]),
    section("expectations", "Expectations discussed", &["expectations"]),
    section(
        "recipients",
        "Questions and urgency",
        &["requests_to_recipients", "urgency", "urgent_flags"],
    ),
];

const INFUSION: &[Section] = &[
    section("infusion", "Infusion and dose", &["infusion"]),
    section("before", "Check before the start", &["pre_infusion_check"]),
    section("given", "Other medicines given", &["adjuncts"]),
    section("monitoring", "Monitoring", &["monitoring", "haemodynamics"]),
    section("pain", "Pain and dissociation", &["pain", "dissociation"]),
    section(
        "events",
        "Adverse events",
        &["no_adverse_events", "adverse_events", "interventions"],
    ),
    section("discharge", "Observation and discharge", &["post_infusion"]),
    section(
        "opioids",
        "Opioids",
        &["no_opioids", "opioids_current", "mme_per_day_current", "opioid_changes"],
    ),
    section("response", "Response", &["response"]),
    section(
        "recipients",
        "Recommendations, next date, urgency",
        &["recommendations", "next", "urgency", "urgent_flags"],
    ),
];

/// `a.b`, or `b` at the top.
pub(super) fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        name.to_owned()
    } else {
        format!("{prefix}.{name}")
    }
}

/// The field at a path; none where the tables have no such place.
pub(super) fn field_at(kind: NoteKind, path: &str) -> Option<&'static Field> {
    let mut fields = document(kind);
    let mut steps = path.split('.').peekable();
    while let Some(step) = steps.next() {
        let name = step.split_once('[').map_or(step, |(name, _)| name);
        let field = fields.iter().find(|field| field.name == name)?;
        if steps.peek().is_none() {
            return Some(field);
        }
        fields = match field.kind {
            Kind::Record(inner) | Kind::Rows(inner, _) => inner,
            _ => return None,
        };
    }
    None
}

/// A path in words, such as `Monitoring, row 4: SBP`; the path itself where the table has no such place.
pub(in crate::pages) fn words_of(kind: NoteKind, path: &str) -> String {
    let mut fields = document(kind);
    let mut words: Vec<String> = Vec::new();
    for step in path.split('.') {
        let (name, row) = step.split_once('[').unwrap_or((step, ""));
        let Some(field) = fields.iter().find(|field| field.name == name) else {
            return if words.is_empty() {
                path.to_owned()
            } else {
                words.join(": ")
            };
        };
        let row = row.trim_end_matches(']').parse::<usize>().ok();
        words.push(match row {
            Some(row) => format!("{}, row {}", field.label, row + 1),
            None => field.label.to_owned(),
        });
        fields = match field.kind {
            Kind::Record(inner) | Kind::Rows(inner, _) => inner,
            _ => &[],
        };
    }
    // A record's own heading adds little before its field.
    if words.len() > 2 {
        words.split_off(words.len() - 2).join(": ")
    } else {
        words.join(": ")
    }
}

/// The section a path stands in.
pub(super) fn section_of(kind: NoteKind, path: &str) -> Option<&'static Section> {
    let top = path.split(['.', '[']).next().unwrap_or_default();
    sections(kind).iter().find(|section| section.names.contains(&top))
}
