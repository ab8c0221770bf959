//! One mail over one SMTP connection (RFC 5321), with what is needed to say how far it came.
//!
//! lettre's own transport hides at which command it failed. Here each step is taken by itself, because only the step
//! tells whether the mail may have arrived: before the content it cannot have, from then on nobody knows.

use std::{
    io,
    panic::AssertUnwindSafe,
    sync::Mutex,
    time::{Duration, Instant},
};

use futures::FutureExt as _;
use lettre::{
    Address,
    transport::smtp::{
        self,
        authentication::{Credentials, DEFAULT_MECHANISMS},
        client::{AsyncSmtpConnection, AsyncTokioStream, TlsParameters},
        commands::{Data, Mail, Rcpt, Rset},
        extension::ClientId,
        response::Response,
    },
};
use rustls::pki_types::ServerName;
use tokio::{
    net::TcpStream,
    sync::Semaphore,
    time::{Instant as Deadline, timeout_at},
};
use tokio_rustls::TlsConnector;

use crate::{
    artefact::causes,
    smtp_config::SmtpTls,
    smtp_stream::{ANSWER, Allowance, HANDSHAKE, Held, Secured},
};

/// How far the try had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// Waiting for a connection, connecting, greeting, TLS, sign-in: it speaks of the relay, not of this mail.
    Session,
    /// `MAIL`, `RCPT`, `DATA`: the relay speaks of this mail, and has none of its content.
    Envelope,
    /// The content is on its way, or sent and not answered.
    Content,
}

/// What went wrong.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The relay answered with a refusal.
    Reply { code: u16, text: String },
    /// The connection failed, or the relay spoke something else than SMTP.
    Broken(String),
    /// No answer in time.
    TimedOut,
}

/// What stands between a relay's address and a session that takes mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Name, connection, TLS from the first byte, greeting.
    Connect,
    /// `STARTTLS` and its certificate.
    Tls,
    /// User name and password.
    SignIn,
}

/// A try that failed, and where.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) step: Step,
    pub(crate) failure: Failure,
}

/// Idle connections older than this are not used again: relays cut them after 5 minutes (RFC 5321 section 4.5.3.2.7).
const MAX_IDLE: Duration = Duration::from_secs(60);
/// Longest farewell to a relay.
const FAREWELL: Duration = Duration::from_secs(2);

/// The relay and the connections to it that wait for the next mail.
pub(crate) struct Relay {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: SmtpTls,
    pub(crate) tls_parameters: Option<TlsParameters>,
    pub(crate) implicit: Option<(TlsConnector, ServerName<'static>)>,
    pub(crate) credentials: Option<Credentials>,
    pub(crate) hello: ClientId,
    pub(crate) connect_timeout: Duration,
    pub(crate) command_timeout: Duration,
    pub(crate) slots: Semaphore,
    pub(crate) idle: Mutex<Vec<(AsyncSmtpConnection, Instant)>>,
}

impl Relay {
    /// Sends one mail; gives the relay's last word. Ends at `deadline` at the latest.
    pub(crate) async fn send(
        &self,
        from: &Address,
        to: &Address,
        mail: &[u8],
        deadline: Deadline,
    ) -> Result<Response, Stopped> {
        let in_session = |failure| Stopped {
            step: Step::Session,
            failure,
        };
        let _slot = match timeout_at(deadline, self.slots.acquire()).await {
            Ok(Ok(slot)) => slot,
            Ok(Err(_)) => return Err(in_session(Failure::Broken("the mail channel is closed".to_owned()))),
            Err(_) => return Err(in_session(Failure::TimedOut)),
        };
        let mut connection = self.connection(deadline).await.map_err(in_session)?;
        let result = self.transact(&mut connection, from, to, mail, deadline).await;
        // After an answer, good or bad, the relay waits for the next command; 421 says that it hangs up.
        let healthy = match &result {
            Ok(_) => true,
            Err(stopped) => matches!(stopped.failure, Failure::Reply { code, .. } if code != 421),
        };
        if healthy && !connection.has_broken() {
            self.lock_idle().push((connection, Instant::now()));
        }
        result
    }

    /// Says farewell to the relay on every idle connection and refuses further mails.
    pub(crate) async fn close(&self) {
        self.slots.close();
        let idle = std::mem::take(&mut *self.lock_idle());
        for (mut connection, _) in idle {
            // A relay that does not answer is left without a farewell.
            let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        }
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<(AsyncSmtpConnection, Instant)>> {
        self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// A waiting connection that still answers, or a new one.
    async fn connection(&self, deadline: Deadline) -> Result<AsyncSmtpConnection, Failure> {
        loop {
            let waiting = self.lock_idle().pop();
            let Some((mut connection, since)) = waiting else {
                return self.connect(deadline).await.map_err(|(_, failure)| failure);
            };
            // RSET both proves that it lives and clears what a refused mail left behind.
            let limit = deadline.min(Deadline::now() + self.command_timeout.min(FAREWELL));
            if since.elapsed() < MAX_IDLE && step(limit, connection.command(Rset)).await.is_ok() {
                return Ok(connection);
            }
        }
    }

    /// Opens a session as for a mail, and says farewell.
    pub(crate) async fn check(&self, deadline: Deadline) -> Result<(), (Phase, Failure)> {
        let mut connection = self.connect(deadline).await?;
        // A relay that does not answer a farewell has taken the session all the same.
        let _ = tokio::time::timeout(FAREWELL, connection.quit()).await;
        Ok(())
    }

    async fn connect(&self, deadline: Deadline) -> Result<AsyncSmtpConnection, (Phase, Failure)> {
        let within = |phase| move |failure| (phase, failure);
        let limit = deadline.min(Deadline::now() + self.connect_timeout);
        let (stream, allowance) = match timeout_at(limit, self.reach()).await {
            Ok(Ok(reached)) => reached,
            Ok(Err(error)) => {
                return Err((
                    Phase::Connect,
                    Failure::Broken(format!("no connection: {}", causes(&error))),
                ));
            }
            Err(_) => return Err((Phase::Connect, Failure::TimedOut)),
        };
        let greeting = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
        let mut connection = step(limit, greeting).await.map_err(within(Phase::Connect))?;
        if let Some(parameters) = &self.tls_parameters {
            let wanted = match self.tls {
                SmtpTls::StartTlsRequired => true,
                SmtpTls::StartTlsOpportunistic => connection.can_starttls(),
                SmtpTls::Implicit | SmtpTls::None => false,
            };
            if wanted {
                allowance.set(HANDSHAKE);
                step(limit, connection.starttls(parameters.clone(), &self.hello))
                    .await
                    .map_err(within(Phase::Tls))?;
                allowance.set(ANSWER);
            }
        }
        if let Some(credentials) = &self.credentials {
            step(limit, connection.auth(DEFAULT_MECHANISMS, credentials))
                .await
                .map_err(within(Phase::SignIn))?;
        }
        Ok(connection)
    }

    /// A connection that reads no more than it may, with TLS where that comes first.
    async fn reach(&self) -> io::Result<(Box<dyn AsyncTokioStream>, Allowance)> {
        let (held, allowance) = Held::new(TcpStream::connect((self.host.as_str(), self.port)).await?, ANSWER);
        let Some((tls, name)) = &self.implicit else {
            return Ok((Box::new(held), allowance));
        };
        allowance.set(HANDSHAKE);
        let secured = Secured(tls.connect(name.clone(), held).await?);
        allowance.set(ANSWER);
        Ok((Box::new(secured), allowance))
    }

    async fn transact(
        &self,
        connection: &mut AsyncSmtpConnection,
        from: &Address,
        to: &Address,
        mail: &[u8],
        deadline: Deadline,
    ) -> Result<Response, Stopped> {
        let in_envelope = |failure| Stopped {
            step: Step::Envelope,
            failure,
        };
        let limit = || deadline.min(Deadline::now() + self.command_timeout);
        step(limit(), connection.command(Mail::new(Some(from.clone()), Vec::new())))
            .await
            .map_err(in_envelope)?;
        step(limit(), connection.command(Rcpt::new(to.clone(), Vec::new())))
            .await
            .map_err(in_envelope)?;
        let go_ahead = step(limit(), connection.command(Data)).await.map_err(in_envelope)?;
        if !go_ahead.has_code(354) {
            return Err(in_envelope(Failure::Broken(format!(
                "answered DATA with {}",
                words(&go_ahead)
            ))));
        }
        let in_content = |failure| Stopped {
            step: Step::Content,
            failure,
        };
        let answer = step(limit(), connection.message(mail)).await.map_err(in_content)?;
        match u16::from(answer.code()) {
            200..=299 => Ok(answer),
            _ => Err(in_content(Failure::Broken(format!(
                "answered the content with {}",
                words(&answer)
            )))),
        }
    }
}

/// Runs one step until `limit`. lettre panics over some answers (a line of an EHLO reply that is blank): that is a
/// relay that speaks something else than SMTP, and no reason for a worker to end.
async fn step<T>(limit: Deadline, future: impl Future<Output = Result<T, smtp::Error>>) -> Result<T, Failure> {
    match timeout_at(limit, AssertUnwindSafe(future).catch_unwind()).await {
        Err(_) => Err(Failure::TimedOut),
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => Err(failure(&error)),
        Ok(Err(_)) => Err(Failure::Broken("an answer that cannot be read".to_owned())),
    }
}

fn failure(error: &smtp::Error) -> Failure {
    match error.status() {
        Some(code) => Failure::Reply {
            code: code.into(),
            text: std::error::Error::source(error)
                .map(ToString::to_string)
                .unwrap_or_default(),
        },
        None => Failure::Broken(causes(error)),
    }
}

/// A reply as it came: its code and all its lines.
pub(crate) fn words(reply: &Response) -> String {
    let lines: Vec<&str> = reply.message().collect();
    format!("{} {}", reply.code(), lines.join(" "))
}
