//! The mail relay: whether it takes a session (connection, TLS, sign-in), and on request whether it takes a mail.

use std::{sync::Arc, time::Duration};

use liaison_channels::{EmailChannel, Phase, SmtpTls};
use liaison_domain::{Clock, DeliveryId, Random, SystemClock};
use liaison_service::channel::{Channel, EmailBody, Outbound, OutboundBody, SendOutcome};

use super::Findings;
use crate::{config::Config, wiring};

/// The longest wait for connection, TLS and sign-in together.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) async fn relay(config: &Config, found: &mut Findings) {
    let smtp = match config.email.smtp() {
        Ok(Some(smtp)) => smtp,
        Ok(None) => {
            return found.warn(
                "mail",
                "email.transport is \"none\": deliveries by e-mail wait",
                "set it up under [email]",
            );
        }
        Err(why) => return found.fail("mail", why, "correct [email]"),
    };
    let shown = format!("{}:{}", smtp.host, smtp.port);
    let protection = match (smtp.tls, &smtp.username) {
        (SmtpTls::None, _) => "without TLS",
        (SmtpTls::StartTlsOpportunistic, _) => "with TLS where it is offered",
        (SmtpTls::StartTlsRequired | SmtpTls::Implicit, None) => "by TLS",
        (SmtpTls::StartTlsRequired | SmtpTls::Implicit, Some(_)) => "by TLS and signs in",
    };
    let channel = match EmailChannel::new(&smtp, Arc::new(SystemClock)) {
        Ok(channel) => channel,
        Err(error) => return found.fail("mail", error.to_string(), "correct [email]"),
    };
    match channel.check(PATIENCE).await {
        Ok(()) => found.ok("mail", format!("{shown} takes a session {protection}")),
        Err(problem) => {
            let (what, advice) = match problem.phase {
                Phase::Connect => (
                    "does not take the session",
                    "check email.host, email.port and the firewall; port 465 wants email.tls = \"implicit\"",
                ),
                Phase::Tls => (
                    "does not agree on TLS",
                    "check email.tls and the relay's certificate; a root of your own goes into email.extra_root_file",
                ),
                Phase::SignIn => (
                    "refuses the sign-in",
                    "check email.username and email.password; nothing leaves by mail until then",
                ),
            };
            found.fail("mail", format!("{shown} {what}: {problem}"), advice);
        }
    }
    channel.close().await;
}

/// Sends a mail the way deliveries are sent: connection, TLS, sign-in and sender are proven by it.
pub(super) async fn send(config: &Config, address: &str, found: &mut Findings) {
    let Ok(Some(smtp)) = config.email.smtp() else {
        return found.fail("test mail", "there is no relay to send it through", "set up [email]");
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let channel = match EmailChannel::new(&smtp, clock.clone()) {
        Ok(channel) => channel,
        Err(error) => return found.fail("test mail", error.to_string(), "correct [email]"),
    };
    let random = wiring::random();
    let random: &dyn Random = &*random;
    let delivery_id: DeliveryId = random.id(clock.now());
    let text = "This is a test of Liaison's mail relay. Nothing needs to be done.".to_owned();
    let message = Outbound {
        delivery_id,
        message_id: delivery_id.to_string(),
        attempt: 1,
        address: address.to_owned(),
        secret: None,
        body: OutboundBody::Email(EmailBody {
            subject: "Liaison: a test".to_owned(),
            html: format!("<p>{text}</p>"),
            text,
            high_priority: false,
        }),
        timeout: Duration::from_secs(30),
    };
    let report = channel.send(&message).await;
    channel.close().await;
    match report.outcome {
        SendOutcome::Delivered(_) => found.ok("test mail", format!("the relay took it: {}", report.artefact)),
        SendOutcome::Unknown => found.warn(
            "test mail",
            format!("unknown whether it arrived: {}", report.artefact),
            "look into the mailbox and the relay's log",
        ),
        SendOutcome::Permanent { .. } | SendOutcome::Transient { .. } => {
            found.fail(
                "test mail",
                format!("the relay did not take it: {}", report.artefact),
                "the relay's own words say why: sender, recipient or content",
            );
        }
    }
}
