//! The mail relay: whether it answers, and on request whether it takes a mail.

use std::{sync::Arc, time::Duration};

use liaison_channels::{EmailChannel, SmtpTls};
use liaison_domain::{Clock, DeliveryId, Random, SystemClock};
use liaison_service::channel::{Channel, EmailBody, Outbound, OutboundBody, SendOutcome};
use tokio::{io::AsyncReadExt, net::TcpStream, time::timeout};

use super::Findings;
use crate::{config::Config, wiring};

pub(super) async fn relay(config: &Config, found: &mut Findings) {
    let smtp = match config.email.smtp() {
        Ok(Some(smtp)) => smtp,
        Ok(None) => {
            return found.warn(
                "mail",
                "email.transport is \"none\": deliveries by e-mail wait until it is set up",
            );
        }
        Err(why) => return found.fail("mail", why),
    };
    let shown = format!("{}:{}", smtp.host, smtp.port);
    let connected = timeout(
        smtp.connect_timeout,
        TcpStream::connect((smtp.host.as_str(), smtp.port)),
    )
    .await;
    let mut stream = match connected {
        Err(_) => {
            return found.fail(
                "mail",
                format!("{shown} does not answer in time; check email.host and the firewall"),
            );
        }
        Ok(Err(error)) => return found.fail("mail", format!("{shown}: {error}; check email.host and email.port")),
        Ok(Ok(stream)) => stream,
    };
    if smtp.tls == SmtpTls::Implicit {
        return found.ok(
            "mail",
            format!("{shown} takes connections; --send-test-mail proves TLS and sign-in"),
        );
    }
    let mut greeting = [0; 512];
    match timeout(smtp.connect_timeout, stream.read(&mut greeting)).await {
        Ok(Ok(length)) if greeting[..length].starts_with(b"220") => {
            found.ok(
                "mail",
                format!("{shown} greets; --send-test-mail proves TLS and sign-in"),
            );
        }
        Ok(Ok(_)) => found.fail(
            "mail",
            format!("{shown} does not speak SMTP, or refuses us; is email.tls right?"),
        ),
        _ => found.fail(
            "mail",
            format!("{shown} does not greet; for port 465 set email.tls to \"implicit\""),
        ),
    }
}

/// Sends a mail the way deliveries are sent: connection, TLS, sign-in and sender are proven by it.
pub(super) async fn send(config: &Config, address: &str, found: &mut Findings) {
    let Ok(Some(smtp)) = config.email.smtp() else {
        return found.fail("test mail", "there is no relay to send it through: set email.transport");
    };
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let channel = match EmailChannel::new(&smtp, clock.clone()) {
        Ok(channel) => channel,
        Err(error) => return found.fail("test mail", error.to_string()),
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
        SendOutcome::Unknown => found.warn("test mail", format!("unknown whether it arrived: {}", report.artefact)),
        SendOutcome::Permanent { .. } | SendOutcome::Transient { .. } => {
            found.fail("test mail", format!("the relay did not take it: {}", report.artefact));
        }
    }
}
