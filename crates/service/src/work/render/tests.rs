use std::collections::BTreeMap;

use chrono::{DateTime, Utc};

use super::*;

fn at() -> DateTime<Utc> {
    "2026-05-14T22:00:00Z".parse().expect("a time")
}

fn message(purpose: DeliveryPurpose, urgency: Urgency) -> Message {
    Message {
        purpose,
        clinic: "Example Ketamine Infusion Clinic".to_owned(),
        to: "Breast & thoracic oncology".to_owned(),
        urgency,
        due_at: None,
        time_zone: "America/Chicago".to_owned(),
        link: "https://liaison.example/inbox/recipient_01".to_owned(),
        notice: None,
        facts: BTreeMap::new(),
        at: at(),
    }
}

fn facts(of: &[(&str, &str)]) -> BTreeMap<String, String> {
    of.iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn shown(message: &Message) -> String {
    let none = MailSecrets::default();
    let body = email(message, &none);
    assert_eq!(
        body.html,
        email(message, &none).html,
        "the same message gives the same bytes"
    );
    format!(
        "Subject: {}\nHigh priority: {}\n\n{}",
        body.subject, body.high_priority, body.text
    )
}

#[test]
fn mails_about_a_loop() {
    let with = |purpose, urgency, due: bool, of: &[(&str, &str)]| {
        shown(&Message {
            due_at: due.then(at),
            facts: facts(of),
            ..message(purpose, urgency)
        })
    };
    let next = [("recipient", "Dr. Oncor Fabricato")];
    insta::assert_snapshot!("notice", with(DeliveryPurpose::Notice, Urgency::Urgent, true, &[]));
    insta::assert_snapshot!("copy", with(DeliveryPurpose::Notice, Urgency::Routine, false, &[]));
    insta::assert_snapshot!("reminder", with(DeliveryPurpose::Reminder, Urgency::Routine, true, &[]));
    insta::assert_snapshot!(
        "next_person",
        with(DeliveryPurpose::NextPerson, Urgency::Emergent, true, &next)
    );
    insta::assert_snapshot!(
        "correction_amended",
        with(
            DeliveryPurpose::Correction,
            Urgency::Urgent,
            false,
            &[("what", "amended")]
        )
    );
    insta::assert_snapshot!(
        "correction_withdrawn",
        with(
            DeliveryPurpose::Correction,
            Urgency::Urgent,
            false,
            &[("what", "withdrawn")]
        )
    );
    insta::assert_snapshot!("reply", with(DeliveryPurpose::Reply, Urgency::Routine, false, &[]));
}

#[test]
fn mails_to_people() {
    let mut all = String::new();
    for &kind in NoticeKind::ALL {
        let detail: &[(&str, &str)] = match kind {
            NoticeKind::Escalated => &[("recipient", "Palliative medicine"), ("step", "NEXT_PERSON")],
            NoticeKind::CallTaskAssigned => &[
                ("recipient", "Palliative medicine"),
                ("reason", "UNACKNOWLEDGED"),
                ("due_at", "2026-05-14T22:00:00+00:00"),
            ],
            NoticeKind::EndpointDisabled => &[
                ("recipient", "Palliative medicine"),
                ("channel", "EMAIL"),
                ("reason", "FAILING"),
            ],
            NoticeKind::Digest => continue,
            _ => &[("recipient", "Palliative medicine")],
        };
        let notice = Message {
            notice: Some(kind),
            facts: facts(detail),
            ..message(DeliveryPurpose::PersonNotice, Urgency::Urgent)
        };
        all.push_str(&format!("===== {kind}\n{}", shown(&notice)));
    }
    insta::assert_snapshot!("person_notices", all);
}

#[test]
fn a_digest_lists_what_is_open_and_counts_the_rest() {
    let item = |kind, name: &str, overdue| DigestItem {
        kind,
        name: name.to_owned(),
        urgency: Urgency::Urgent,
        due_at: Some(at()),
        overdue,
        link: "https://liaison.example/x".to_owned(),
    };
    let items = [
        item(DigestKind::Call, "Palliative medicine", true),
        item(DigestKind::Answer, "Breast & thoracic oncology", false),
        item(DigestKind::Sent, "Dr. Oncor Fabricato", false),
    ];
    let items = serde_json::to_string(&items).expect("items");
    let digest = Message {
        facts: facts(&[("open", "30"), ("overdue", "1"), ("items", &items)]),
        ..message(DeliveryPurpose::Digest, Urgency::Urgent)
    };
    insta::assert_snapshot!("digest", shown(&digest));
}

#[test]
fn html_is_escaped_and_header_lines_cannot_be_smuggled_in() {
    let hostile = Message {
        clinic: "<script>\"Clinic\" & 'Co'\r\nBcc: all@example.test".to_owned(),
        link: "https://liaison.example/?a=\"><b>".to_owned(),
        ..message(DeliveryPurpose::Notice, Urgency::Routine)
    };
    let body = email(&hostile, &MailSecrets::default());
    assert!(!body.subject.chars().any(char::is_control), "{:?}", body.subject);
    insta::assert_snapshot!("hostile_html", body.html);
}

#[test]
fn times_name_their_zone_on_both_sides_of_a_clock_change() {
    let shown = |at: &str, zone| local_time(at.parse().expect("a time"), zone);
    assert_eq!(
        shown("2026-05-14T22:00:00Z", "America/Chicago"),
        "Thu 14 May 2026, 17:00 CDT (America/Chicago)"
    );
    assert_eq!(
        shown("2026-11-01T06:59:00Z", "America/Chicago"),
        "Sun 1 Nov 2026, 01:59 CDT (America/Chicago)"
    );
    assert_eq!(
        shown("2026-11-01T07:00:00Z", "America/Chicago"),
        "Sun 1 Nov 2026, 01:00 CST (America/Chicago)"
    );
    assert_eq!(
        shown("2026-05-14T22:00:00Z", "nowhere"),
        "Thu 14 May 2026, 22:00 UTC (UTC)"
    );
}
