//! The story: the journeys' documents and acknowledgments at their own times, and what the demonstration adds to them.
//! Data alone; `play` lets it happen, `check` knows how it must end.

use anyhow::{Context, bail};
use chrono::{DateTime, FixedOffset, NaiveTime, TimeDelta, TimeZone, Utc};
use liaison_clinical::{
    AddresseeRole, Journey, NoteContent, Urgency,
    journey::{JourneyAcknowledgment, JourneyDocument},
    journeys, parse_journey,
};
use liaison_domain::{CareRole, Decline, Disposition};
use liaison_service::loops::VerbalCommunication;

use super::people::{Team, Who};

/// Something that happens at a moment.
pub(crate) struct Event {
    /// When.
    pub(crate) at: DateTime<Utc>,
    /// What.
    pub(crate) act: Act,
}

/// A question to recipients.
#[derive(Clone)]
pub(crate) struct Asked {
    /// For whom; everybody where none is named.
    pub(crate) care_role: Option<CareRole>,
    /// The question.
    pub(crate) text: String,
    /// By when.
    pub(crate) respond_by: Option<DateTime<Utc>>,
}

/// What happens. Documents are called by journey and number (`A1`), loops by document and team (`A1 oncology`).
pub(crate) enum Act {
    /// The physician writes and signs a document.
    Sign {
        document: String,
        content: Box<NoteContent>,
    },
    /// The physician shares it.
    Share {
        document: String,
        /// What sets this share's loops apart where a document is shared twice.
        suffix: &'static str,
        to: Vec<Team>,
        urgency: Option<Urgency>,
        verbal: Option<VerbalCommunication>,
        questions: Vec<Asked>,
        /// Why a team that is not on the care team gets it.
        because: Option<&'static str>,
    },
    /// The physician amends a document: everybody who had it is asked again.
    Amend {
        document: &'static str,
        add: &'static str,
        reason: &'static str,
    },
    /// A recipient opens.
    Open { name: String, who: Who },
    /// A recipient acknowledges.
    Acknowledge {
        name: String,
        who: Who,
        dispositions: Vec<Disposition>,
        comment: Option<String>,
    },
    /// A recipient names a colleague, whose loop is called by their name.
    Redirect {
        name: String,
        who: Who,
        to: Who,
        reason: &'static str,
    },
    /// A recipient declines.
    Decline {
        name: String,
        who: Who,
        reason: Decline,
        comment: &'static str,
    },
    /// The physician accepts the hold that an acknowledgment asked for.
    AcceptHold { name: String },
    /// The clinic does the call that is owed, and reads back; with dispositions it acknowledges.
    Call {
        name: String,
        by: Who,
        spoken_with: Who,
        dispositions: Vec<Disposition>,
        note: &'static str,
    },
}

/// The story in order of time.
pub(crate) struct Story {
    /// The journeys, for their patients.
    pub(crate) journeys: Vec<Journey>,
    /// What happens.
    pub(crate) events: Vec<Event>,
    /// When it begins: before anything else happens.
    pub(crate) begins: DateTime<Utc>,
    /// When it ends; the clock runs on from here.
    pub(crate) ends: DateTime<Utc>,
}

impl Story {
    /// Reads the journeys and adds the rest.
    pub(crate) fn read() -> anyhow::Result<Self> {
        let mut all = Vec::new();
        let mut events = super::additions::events()?;
        for (file, text) in journeys() {
            let journey = parse_journey(text).map_err(|problems| anyhow::anyhow!("{file}: {problems:?}"))?;
            for (index, document) in journey.documents.iter().enumerate() {
                events.extend(of_document(
                    &format!("{}{}", journey.header.journey, index + 1),
                    document,
                )?);
            }
            for acknowledgment in &journey.header.acknowledgments {
                events.extend(of_acknowledgment(&journey, acknowledgment)?);
            }
            all.push(journey);
        }
        events.sort_by_key(|event| event.at);
        let (first, last) = (events.first().context("an event")?, events.last().context("an event")?);
        Ok(Self {
            begins: first.at - TimeDelta::hours(2),
            ends: last.at + TimeDelta::minutes(15),
            journeys: all,
            events,
        })
    }
}

fn of_document(name: &str, document: &JourneyDocument) -> anyhow::Result<[Event; 2]> {
    let envelope = &document.envelope;
    let mut to = Vec::new();
    for recipient in &envelope.recipients {
        to.push(match Who::of_journey(&recipient.id) {
            Some(Who::Oncologist) => Team::Oncology,
            Some(Who::PalliativeClinician) => Team::Palliative,
            _ => bail!("{name}: the story knows no recipient {}", recipient.id),
        });
    }
    let called = envelope.verbal_communication.as_ref().filter(|call| call.made);
    let verbal = called.map(|call| VerbalCommunication {
        at: call.at.with_timezone(&Utc),
        to: Who::of_journey(&call.to).map_or("a colleague", Who::name).to_owned(),
        read_back: call.read_back,
        note: call.note.clone(),
    });
    let signed_at = envelope.signed_at.with_timezone(&Utc);
    let sign = Act::Sign {
        document: name.to_owned(),
        content: Box::new(document.content.clone()),
    };
    let share = Act::Share {
        document: name.to_owned(),
        suffix: "",
        to,
        urgency: None,
        verbal,
        questions: questions(&document.content, *envelope.signed_at.offset()),
        because: None,
    };
    let soon = signed_at + TimeDelta::seconds(30);
    Ok([
        Event {
            at: signed_at,
            act: sign,
        },
        Event { at: soon, act: share },
    ])
}

/// What a consultation asks of its recipients, to be answered until 17:00 of the day that is named.
fn questions(content: &NoteContent, zone: FixedOffset) -> Vec<Asked> {
    let NoteContent::ConsultationNote(note) = content else {
        return Vec::new();
    };
    let asked = note.requests_to_recipients.iter().filter_map(|request| {
        let evening = NaiveTime::from_hms_opt(17, 0, 0)?;
        let by = request
            .respond_by
            .and_then(|day| zone.from_local_datetime(&day.and_time(evening)).single());
        Some(Asked {
            care_role: match request.to_role {
                Some(AddresseeRole::Oncologist) => Some(CareRole::Oncologist),
                Some(AddresseeRole::PalliativeClinician) => Some(CareRole::PalliativeClinician),
                Some(AddresseeRole::PrimaryCare) => Some(CareRole::PrimaryCare),
                _ => None,
            },
            text: request.text.clone()?,
            respond_by: by.map(|by| by.with_timezone(&Utc)),
        })
    });
    asked.collect()
}

fn of_acknowledgment(journey: &Journey, given: &JourneyAcknowledgment) -> anyhow::Result<[Event; 2]> {
    let known = journey
        .documents
        .iter()
        .position(|document| document.envelope.document_id == given.document_id);
    let number = known.context("an acknowledgment of a document of the journey")? + 1;
    let who = Who::of_journey(&given.recipient.id).context("a recipient whom the story knows")?;
    let team = who.teams().first().context("a recipient with a team")?;
    let name = format!("{}{number} {}", journey.header.journey, team.short());
    let dispositions = given
        .dispositions
        .iter()
        .map(|word| word.to_uppercase().parse())
        .collect::<Result<_, _>>()?;
    let acknowledge = Act::Acknowledge {
        name: name.clone(),
        who,
        dispositions,
        comment: given.comment.clone(),
    };
    Ok([
        Event {
            at: given.opened_at.with_timezone(&Utc),
            act: Act::Open { name, who },
        },
        Event {
            at: given.acknowledged_at.with_timezone(&Utc),
            act: acknowledge,
        },
    ])
}

impl std::fmt::Display for Act {
    /// What happens, without clinical content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Sign { document, .. } => write!(f, "{document} is signed"),
            Self::Share { document, to, .. } => {
                let to: Vec<_> = to.iter().map(|team| team.short()).collect();
                write!(f, "{document} is shared with {}", to.join(", "))
            }
            Self::Amend { document, .. } => write!(f, "{document} is amended"),
            Self::Open { name, who } => write!(f, "{name}: {} opens", who.name()),
            Self::Acknowledge { name, who, .. } => write!(f, "{name}: {} acknowledges", who.name()),
            Self::Redirect { name, who, to, .. } => write!(f, "{name}: {} redirects to {}", who.name(), to.name()),
            Self::Decline { name, who, reason, .. } => write!(f, "{name}: {} declines, {reason}", who.name()),
            Self::AcceptHold { name } => write!(f, "{name}: the hold is accepted"),
            Self::Call {
                name, by, spoken_with, ..
            } => write!(f, "{name}: {} calls {}", by.name(), spoken_with.name()),
        }
    }
}
