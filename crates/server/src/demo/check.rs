//! What must hold when the story was told, each with its verdict: the loops, their receipts, the ledger, and what left
//! the house.

use std::collections::{BTreeMap, HashMap};

use anyhow::Context;
use liaison_channels::sinks::{ReceivedMail, ReceivedWebhook};
use liaison_clinical::Journey;
use liaison_domain::EvidenceLevel;
use liaison_ledger::verify_receipt;
use liaison_service::Service;
use liaison_store::recipients;

use super::{people::Who, play::Loop, stage::Stage, standing, world::World};

/// One thing that was looked at.
pub(crate) struct Check {
    /// What it is.
    pub(crate) what: String,
    /// How it is.
    pub(crate) found: String,
    /// What it should be, where it is not.
    pub(crate) expected: Option<String>,
}

impl Check {
    fn new(what: impl Into<String>, found: impl Into<String>, expected: impl Into<String>) -> Self {
        let (found, expected) = (found.into(), expected.into());
        let expected = (found != expected).then_some(expected);
        Self {
            what: what.into(),
            found,
            expected,
        }
    }

    fn holds(what: &str, found: String, holds: bool) -> Self {
        Self {
            what: what.to_owned(),
            found,
            expected: (!holds).then(|| "otherwise".to_owned()),
        }
    }

    /// Whether it is as it should be.
    pub(crate) fn is_ok(&self) -> bool {
        self.expected.is_none()
    }

    /// The line that tells it.
    pub(crate) fn line(&self) -> String {
        match &self.expected {
            None => format!("ok    {:<24} {}", self.what, self.found),
            Some(expected) => format!("FAIL  {:<24} {} (expected: {expected})", self.what, self.found),
        }
    }
}

/// Looks at everything.
pub(crate) async fn all(
    stage: &Stage,
    world: &World,
    loops: &BTreeMap<String, Loop>,
    journeys: &[Journey],
) -> anyhow::Result<Vec<Check>> {
    let service = &stage.service;
    let mut checks = endings(&standing::read(service, world, loops).await?);
    checks.push(receipts(service, world, loops).await?);
    checks.push(ledger(service).await?);
    let (mails, calls) = (stage.mailbox.mails(), stage.receiver.events());
    checks.push(secrecy(journeys, &mails, &calls));
    checks.push(repeats(&calls));
    let refused = stage.receiver.refused().len();
    checks.push(Check::new(
        "webhook signatures",
        format!("{refused} refused"),
        "0 refused",
    ));
    let files = std::fs::read_dir(stage.folder.join("mail"))
        .context("the mail folder")?
        .count();
    checks.push(Check::new(
        "mail folder",
        format!("{} mails", files),
        format!("{} mails", mails.len()),
    ));
    Ok(checks)
}

fn endings(standing: &BTreeMap<String, String>) -> Vec<Check> {
    let mut checks: Vec<_> = standing::ENDING
        .iter()
        .map(|(name, expected)| {
            let found = standing.get(*name).map_or("there is no such loop", String::as_str);
            Check::new(*name, found, *expected)
        })
        .collect();
    let told = |name: &str| standing::ENDING.iter().any(|(known, _)| *known == name);
    let strangers = standing.iter().filter(|(name, _)| !told(name));
    checks.extend(strangers.map(|(name, found)| Check::new(name, found, "no such loop")));
    checks
}

/// Every acknowledgment has a receipt that proves itself by the public key alone.
async fn receipts(service: &Service, world: &World, loops: &BTreeMap<String, Loop>) -> anyhow::Result<Check> {
    let ids: Vec<_> = loops.values().map(|one| one.recipient_id.uuid()).collect();
    let rows = recipients::by_ids(&mut service.store().read().await?, &ids).await?;
    let physician = world.actor(Who::Physician)?;
    let (mut acknowledged, mut proven) = (0, 0);
    for row in rows.iter().filter(|row| row.level == EvidenceLevel::Acknowledged) {
        acknowledged += 1;
        let receipt = service.acknowledgment_receipt(physician, row.id).await?;
        let verified = verify_receipt(&receipt.json, service.signer().verifier());
        proven += usize::from(verified.is_ok());
    }
    let found = format!("{proven} of {acknowledged} acknowledgments proven by the public key");
    Ok(Check::holds("receipts", found, proven == acknowledged && proven > 0))
}

async fn ledger(service: &Service) -> anyhow::Result<Check> {
    let report = service.verify_ledger().await?;
    let found = match report.problems.first() {
        None => format!("{} entries, {} waiting, sound", report.entries, report.pending),
        Some(problem) => problem.to_string(),
    };
    Ok(Check::holds(
        "ledger",
        found,
        report.is_sound() && report.entries > 0 && report.pending == 0,
    ))
}

/// Nothing that names a patient or says something of them left by mail or webhook.
fn secrecy(journeys: &[Journey], mails: &[ReceivedMail], calls: &[ReceivedWebhook]) -> Check {
    let mut secrets = Vec::new();
    for journey in journeys {
        let patient = &journey.header.patient;
        let surname = patient.name.split_whitespace().last().unwrap_or(&patient.name);
        secrets.extend([
            patient.mrn.clone(),
            patient.name.clone(),
            surname.to_owned(),
            patient.birth_date.to_string(),
        ]);
        secrets.extend(
            journey
                .header
                .acknowledgments
                .iter()
                .filter_map(|given| given.comment.clone()),
        );
    }
    let texts = mails
        .iter()
        .flat_map(|mail| [&mail.raw, &mail.subject, &mail.text, &mail.html]);
    let texts = texts.chain(calls.iter().flat_map(|call| [&call.body, &call.path]));
    let leaks = texts
        .filter(|text| secrets.iter().any(|secret| text.contains(secret.as_str())))
        .count();
    let found = format!(
        "{leaks} of {} mails and {} webhooks name a patient",
        mails.len(),
        calls.len()
    );
    Check::holds("secrecy", found, leaks == 0 && !mails.is_empty() && !calls.is_empty())
}

/// A webhook that failed comes again with the same id and the same body until it is taken.
fn repeats(calls: &[ReceivedWebhook]) -> Check {
    let mut by_id: HashMap<&str, Vec<&ReceivedWebhook>> = HashMap::new();
    for call in calls {
        by_id.entry(&call.id).or_default().push(call);
    }
    let repeated: Vec<_> = by_id.values().filter(|tries| tries.len() > 1).collect();
    let faithful = repeated.iter().filter(|tries| {
        let same = tries.windows(2).all(|pair| pair[0].body == pair[1].body);
        same && tries.last().is_some_and(|last| last.answered == Some(204))
    });
    let (faithful, all) = (faithful.count(), repeated.len());
    let found = format!("{faithful} of {all} failed webhooks came again with the same id and body and were taken");
    Check::holds("webhook repeats", found, all > 0 && faithful == all)
}
