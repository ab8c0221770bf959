//! E-mail over SMTP: a notice without clinical content, to an address of the directory.
//!
//! A relay's 250 proves that the next hop took the mail ([`EvidenceLevel::Accepted`]) and nothing more: neither
//! bounces nor read receipts are looked at here.

use std::sync::{Arc, Mutex};

use lettre::{
    message::Mailbox,
    transport::smtp::{authentication::Credentials, extension::ClientId},
};
use liaison_domain::{ChannelKind, Clock, EvidenceLevel};
use liaison_service::channel::{Channel, Outbound, OutboundBody, SendOutcome, SendReport};
use tokio::sync::Semaphore;

use crate::{
    SmtpConfig, SmtpConfigError,
    artefact::{deadline, log, printable, refused, report},
    mail::{Sender, compose},
    smtp_session::{Failure, Phase, Relay, Step, Stopped, words},
};

/// Why a relay opens no session for us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct RelayProblem {
    /// How far it came.
    pub phase: Phase,
    /// The relay's own words, or what broke; one printable line.
    pub why: String,
}

/// Sends mail through one relay, over a few connections that stay open.
pub struct EmailChannel {
    clock: Arc<dyn Clock>,
    sender: Sender,
    relay: Relay,
}

impl EmailChannel {
    /// Checks the settings; connects only when the first mail leaves. The clock dates the mails.
    pub fn new(config: &SmtpConfig, clock: Arc<dyn Clock>) -> Result<Self, SmtpConfigError> {
        config.validate()?;
        let from = config
            .from_address
            .parse()
            .map_err(|_| SmtpConfigError::From(config.from_address.clone()))?;
        let credentials = match (&config.username, &config.password) {
            (Some(user), Some(password)) => Some(Credentials::new(user.clone(), password.expose().to_owned())),
            _ => None,
        };
        Ok(Self {
            clock,
            sender: Sender {
                from: Mailbox::new(config.from_name.clone(), from),
                message_id_domain: config.message_id_domain.clone(),
            },
            relay: Relay {
                host: config.host.clone(),
                port: config.port,
                tls: config.tls,
                tls_parameters: config.tls_parameters()?,
                implicit: config.implicit_tls()?,
                credentials,
                hello: ClientId::Domain(config.helo_name.clone()),
                connect_timeout: config.connect_timeout,
                command_timeout: config.command_timeout,
                slots: Semaphore::new(config.pool_size),
                idle: Mutex::default(),
            },
        })
    }

    /// Connects, agrees on TLS and signs in as a mail would, and sends none.
    ///
    /// # Errors
    /// [`RelayProblem`] where one of these fails, or takes longer than `patience`.
    pub async fn check(&self, patience: std::time::Duration) -> Result<(), RelayProblem> {
        let limit = tokio::time::Instant::now() + patience;
        self.relay.check(limit).await.map_err(|(phase, failure)| RelayProblem {
            phase,
            why: match failure {
                Failure::Reply { code, text } => printable(&format!("{code} {text}")),
                Failure::Broken(why) => printable(&why),
                Failure::TimedOut => "no answer in time".to_owned(),
            },
        })
    }

    /// Closes the idle connections with a farewell and takes no further mail; waits a few seconds at most.
    pub async fn close(&self) {
        self.relay.close().await;
    }
}

#[async_trait::async_trait]
impl Channel for EmailChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Email
    }

    async fn send(&self, message: &Outbound) -> SendReport {
        let report = self.try_once(message).await;
        log(message, &report);
        report
    }
}

impl EmailChannel {
    async fn try_once(&self, message: &Outbound) -> SendReport {
        let deadline = deadline(message);
        let OutboundBody::Email(body) = &message.body else {
            return refused("this is not an e-mail; its endpoint and its body differ in kind");
        };
        let mail = match compose(&self.sender, message, body, self.clock.now()) {
            Ok(mail) => mail,
            Err(problem) => return refused(&problem.to_string()),
        };
        match self
            .relay
            .send(&self.sender.from.email, &mail.to, &mail.bytes, deadline)
            .await
        {
            Ok(reply) => report(
                SendOutcome::Delivered(EvidenceLevel::Accepted),
                Some(reply.code().into()),
                &words(&reply),
            ),
            Err(stopped) => judge(&stopped),
        }
    }
}

/// What a failure means for the delivery.
fn judge(stopped: &Stopped) -> SendReport {
    let transient = SendOutcome::Transient { retry_after: None };
    match (&stopped.failure, stopped.step) {
        // A relay that refuses the session (greeting 554, failed sign-in) says nothing about this mail: once the
        // settings are mended it passes. Mail servers bounce softly here too.
        (Failure::Reply { code, text }, Step::Session) => report(transient, Some(*code), &format!("{code} {text}")),
        (Failure::Reply { code, text }, Step::Envelope | Step::Content) => {
            let outcome = if *code >= 500 {
                SendOutcome::Permanent { endpoint_gone: false }
            } else {
                transient
            };
            report(outcome, Some(*code), &format!("{code} {text}"))
        }
        (Failure::Broken(why), Step::Content) => report(
            SendOutcome::Unknown,
            None,
            &format!("SMTP broke off after the content was begun: {why}"),
        ),
        (Failure::TimedOut, Step::Content) => report(
            SendOutcome::Unknown,
            None,
            "no answer in time after the content was begun",
        ),
        (Failure::Broken(why), Step::Session) => {
            report(transient, None, &format!("no session with the mail relay: {why}"))
        }
        (Failure::TimedOut, Step::Session) => report(transient, None, "no session with the mail relay in time"),
        (Failure::Broken(why), Step::Envelope) => {
            report(transient, None, &format!("SMTP broke off before the content: {why}"))
        }
        (Failure::TimedOut, Step::Envelope) => report(transient, None, "no answer in time before the content"),
    }
}
