//! What the demonstration adds to the journeys, so that every way a loop can go is seen once: a late answer of a team
//! lead, calls, a redirect, a wrong recipient, an amendment, an emergency by telephone, an overdue loop, two open ones.

use chrono::{DateTime, Utc};
use liaison_clinical::Urgency;
use liaison_domain::{CareRole, Decline, Disposition};

use super::{
    people::{Team, Who},
    story::{Act, Asked, Event},
};

/// The loop that the printed `curl` line acknowledges.
pub(crate) const OPEN_LOOP: &str = "C4 again oncology";

/// The events, in the order of the story.
pub(crate) fn events() -> anyhow::Result<Vec<Event>> {
    let mut all = Additions(Vec::new());
    all.wrong_recipient()?;
    all.late_answers()?;
    all.redirect()?;
    all.amendment()?;
    all.replies_of_the_clinic()?;
    all.emergency()?;
    all.open_ends()?;
    Ok(all.0)
}

struct Additions(Vec<Event>);

impl Additions {
    fn at(&mut self, at: &str, act: Act) -> anyhow::Result<()> {
        let at = at.parse::<DateTime<Utc>>()?;
        self.0.push(Event { at, act });
        Ok(())
    }

    fn answer(&mut self, opened: &str, at: &str, name: &str, who: Who, comment: Option<&str>) -> anyhow::Result<()> {
        let dispositions = match comment {
            Some(_) => vec![Disposition::PlanAdjusted],
            None => vec![Disposition::ReviewedNoChange],
        };
        self.at(
            opened,
            Act::Open {
                name: name.to_owned(),
                who,
            },
        )?;
        let comment = comment.map(str::to_owned);
        self.at(
            at,
            Act::Acknowledge {
                name: name.to_owned(),
                who,
                dispositions,
                comment,
            },
        )
    }

    fn call(
        &mut self,
        at: &str,
        name: &str,
        by: Who,
        spoken_with: Who,
        dispositions: &[Disposition],
        note: &'static str,
    ) -> anyhow::Result<()> {
        let dispositions = dispositions.to_vec();
        self.at(
            at,
            Act::Call {
                name: name.to_owned(),
                by,
                spoken_with,
                dispositions,
                note,
            },
        )
    }

    /// A2 goes to a surgeon too, who has never seen the patient.
    fn wrong_recipient(&mut self) -> anyhow::Result<()> {
        let share = Act::Share {
            document: "A2".to_owned(),
            suffix: "",
            to: vec![Team::Surgery],
            urgency: None,
            verbal: None,
            questions: Vec::new(),
            because: Some("Pleurodesis is being considered, the patient says."),
        };
        self.at("2026-01-19T12:40:00-06:00", share)?;
        let decline = Act::Decline {
            name: "A2 surgery".to_owned(),
            who: Who::Surgeon,
            reason: Decline::WrongRecipient,
            comment: "Not a patient of ours.",
        };
        self.at("2026-01-20T08:30:00-06:00", decline)?;
        let note = "Confirmed that the copy was not read and is sealed; the care team is correct without surgery.";
        self.call(
            "2026-01-20T10:05:00-06:00",
            "A2 surgery",
            Who::Coordinator,
            Who::Surgeon,
            &[],
            note,
        )
    }

    /// A3 ends in a call task, which is done; A5 wakes the team's lead.
    fn late_answers(&mut self) -> anyhow::Result<()> {
        let note = "Summary read to Dr. Fabricato and read back. No change.";
        let reviewed = [Disposition::ReviewedNoChange];
        self.call(
            "2026-02-03T09:40:00-06:00",
            "A3 oncology",
            Who::Coordinator,
            Who::Oncologist,
            &reviewed,
            note,
        )?;
        let (opened, at) = ("2026-02-17T09:08:00-06:00", "2026-02-17T09:12:00-06:00");
        self.answer(opened, at, "A5 palliative", Who::PalliativeLead, None)
    }

    /// A6 is passed on to a colleague.
    fn redirect(&mut self) -> anyhow::Result<()> {
        self.at(
            "2026-03-10T09:14:00-05:00",
            Act::Open {
                name: "A6 oncology".to_owned(),
                who: Who::Oncologist,
            },
        )?;
        let redirect = Act::Redirect {
            name: "A6 oncology".to_owned(),
            who: Who::Oncologist,
            to: Who::SecondOncologist,
            reason: "I am away for two weeks; Dr. Fictiva sees the patient.",
        };
        self.at("2026-03-10T09:20:00-05:00", redirect)?;
        let comment = Some("Next imaging moved to 24 March.");
        let (opened, at) = ("2026-03-10T13:05:00-05:00", "2026-03-10T13:12:00-05:00");
        self.answer(opened, at, "A6 oncology, redirected", Who::SecondOncologist, comment)
    }

    /// C2 is amended after one recipient acknowledged it and the other had not opened it: both are asked again.
    fn amendment(&mut self) -> anyhow::Result<()> {
        let amend = Act::Amend {
            document: "C2",
            add: "Home blood pressure is to be taken twice daily until the next infusion.",
            reason: "The instruction on home blood pressure was missing.",
        };
        self.at("2026-04-14T10:00:00-05:00", amend)?;
        let (opened, at) = ("2026-04-14T11:30:00-05:00", "2026-04-14T11:34:00-05:00");
        self.answer(opened, at, "C2 v2 palliative", Who::PalliativeClinician, None)?;
        let (opened, at) = ("2026-04-15T16:02:00-05:00", "2026-04-15T16:05:00-05:00");
        self.answer(opened, at, "C2 v2 oncology", Who::Oncologist, None)
    }

    /// Calls that recipients asked for, and the answers to a hold and a concern.
    fn replies_of_the_clinic(&mut self) -> anyhow::Result<()> {
        let (oncologist, palliative) = (Who::Oncologist, Who::PalliativeClinician);
        let note = "Next taper step agreed for Monday.";
        self.call(
            "2026-03-09T15:30:00-05:00",
            "A6 palliative",
            Who::Physician,
            palliative,
            &[],
            note,
        )?;
        let note = "Infusions are held until the blood pressure was seen.";
        self.call(
            "2026-04-23T14:10:00-05:00",
            "C4 oncology",
            Who::Physician,
            oncologist,
            &[],
            note,
        )?;
        self.at(
            "2026-04-23T14:12:00-05:00",
            Act::AcceptHold {
                name: "C4 oncology".to_owned(),
            },
        )?;
        let note = "Psychiatry tomorrow at nine; the clinic does not infuse.";
        self.call(
            "2026-05-18T14:00:00-05:00",
            "D1 palliative",
            Who::Physician,
            palliative,
            &[],
            note,
        )
    }

    /// D1 goes to the oncologist on call as an emergency: voice first, acknowledged by telephone with read-back.
    fn emergency(&mut self) -> anyhow::Result<()> {
        let share = Act::Share {
            document: "D1".to_owned(),
            suffix: "",
            to: vec![Team::OnCall],
            urgency: Some(Urgency::Emergent),
            verbal: None,
            questions: Vec::new(),
            because: None,
        };
        self.at("2026-05-18T13:22:00-05:00", share)?;
        let note = "Told of the blood pressure and the new psychosis; read back. Brain MRI is ordered for today.";
        let dispositions = [Disposition::PlanAdjusted];
        self.call(
            "2026-05-18T13:41:00-05:00",
            "D1 on call",
            Who::Physician,
            Who::SecondOncologist,
            &dispositions,
            note,
        )
    }

    /// What is still open when the story ends.
    fn open_ends(&mut self) -> anyhow::Result<()> {
        for (at, document, team, role, text) in [
            (
                "2026-05-19T09:50:00-05:00",
                "A6",
                Team::Palliative,
                CareRole::PalliativeClinician,
                "Has the pain stayed low since the last infusion in March?",
            ),
            (
                "2026-05-19T10:00:00-05:00",
                "C4",
                Team::Oncology,
                CareRole::Oncologist,
                "Blood pressure has been normal for two weeks. Do you agree to resume at the lower dose?",
            ),
        ] {
            let question = Asked {
                care_role: Some(role),
                text: text.to_owned(),
                respond_by: None,
            };
            let share = Act::Share {
                document: document.to_owned(),
                suffix: " again",
                to: vec![team],
                urgency: None,
                verbal: None,
                questions: vec![question],
                because: None,
            };
            self.at(at, share)?;
        }
        Ok(())
    }
}
