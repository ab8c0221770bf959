//! One letter as its reader sees it: `templates/parts/reading.html` with everything it needs. Made by `desk`.

use askama::Template;

use super::answer::{AnswerForm, summary};
use crate::{
    form::{Fields, Problems},
    pages::shown::{Changes, FirstScreen, Narrative},
    plot::TrendView,
};

/// Something that must be seen before all else.
pub(crate) struct Banner {
    /// `bad`, `info` or empty.
    pub(crate) class: &'static str,
    pub(crate) text: String,
    /// Where it leads: address and words; empty for nowhere.
    pub(crate) link: (String, &'static str),
}

impl Banner {
    /// A banner that leads nowhere.
    pub(crate) fn new(class: &'static str, text: impl Into<String>) -> Self {
        Self {
            class,
            text: text.into(),
            link: (String::new(), ""),
        }
    }
}

/// The letter's note, opened.
pub(crate) struct Content {
    pub(crate) first: FirstScreen,
    pub(crate) narrative: Narrative,
    /// Who signed which version when.
    pub(crate) signed: String,
    pub(crate) sha256: String,
    /// The reason and what changed, for who had opened the version before.
    pub(crate) changed: Option<(String, Changes)>,
}

/// An answered question.
pub(crate) struct Answered {
    pub(crate) question: String,
    pub(crate) answer: String,
}

/// The acknowledgment that was given.
pub(crate) struct Given {
    /// Who and when, in words.
    pub(crate) by: String,
    pub(crate) dispositions: Vec<&'static str>,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) answers: Vec<Answered>,
    /// Whether the clinic still owes an answer.
    pub(crate) reply_due: bool,
}

/// One message of the thread.
pub(crate) struct Message {
    pub(crate) who: String,
    pub(crate) when: String,
    pub(crate) from_clinic: bool,
    pub(crate) text: String,
}

/// A form that came back: what was typed and what is wrong.
#[derive(Default)]
pub(crate) struct Again {
    pub(crate) typed: Fields,
    pub(crate) problems: Problems,
    /// Which form: `acknowledge`, `decline`, `reply`; empty for none.
    pub(crate) form: &'static str,
    /// What went wrong where no field is to blame: somebody was faster.
    pub(crate) conflict: Option<String>,
}

/// The page without its frame.
#[derive(Template)]
#[template(path = "parts/reading.html")]
pub(crate) struct Reading {
    pub(crate) csrf: String,
    /// Under which address the forms stand, such as `/inbox/recipient_…`.
    pub(crate) base: String,
    /// Makes a repeated submit one act.
    pub(crate) key: String,
    /// For paper: no forms.
    pub(crate) print: bool,
    /// Who the patient is, or what it is where that is not shown.
    pub(crate) heading: String,
    pub(crate) identity: String,
    pub(crate) urgency: (&'static str, &'static str),
    pub(crate) kind: String,
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) due: String,
    pub(crate) overdue: bool,
    pub(crate) banners: Vec<Banner>,
    /// The reader may open it and has not yet.
    pub(crate) closed: bool,
    pub(crate) content: Option<Content>,
    pub(crate) trend: Option<TrendView>,
    pub(crate) answer: Option<AnswerForm>,
    pub(crate) given: Option<Given>,
    /// The reader may say that it is not theirs.
    pub(crate) may_decline: bool,
    /// The reader may pass it on.
    pub(crate) may_redirect: bool,
    /// It was passed on to the reader, and nobody took it on yet.
    pub(crate) may_accept: bool,
    pub(crate) thread: Vec<Message>,
    pub(crate) may_reply: bool,
    /// What stands in the reply box: what was typed before, also into an answer that came too late.
    pub(crate) reply: String,
    pub(crate) again: Again,
    /// The zone of the times, for hints.
    pub(crate) zone: &'static str,
}

impl Reading {
    /// What was typed into a form that came back.
    pub(crate) fn typed(&self, form: &str, name: &str) -> &str {
        if self.again.form == form {
            self.again.typed.text(name)
        } else {
            ""
        }
    }

    /// The problems of a form that came back, for the list at its top.
    pub(crate) fn wrong(&self, form: &str) -> Vec<(String, String, String)> {
        if self.again.form == form {
            summary(&self.again.problems)
        } else {
            Vec::new()
        }
    }
}
