//! The faults, by name, and which of them strike an engine.

use std::time::Duration;

use liaison_testkit::Engine;

use super::bed::ATTEMPT;
use crate::sinks::{Certificate, SmtpFault, SmtpStage, WebhookReply};

/// What strikes the processes, the database and its disk: one at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Machine {
    Kill,
    Terminate,
    Pause,
    DoubleStart,
    NoStartTls,
    ServerCrash,
    ConnectionsCut,
    PoolExhausted,
    SlowCommits,
    Locked,
    DiskFull,
    ReadOnly,
}

impl Machine {
    /// Those of an engine, the frequent ones several times.
    pub(super) fn of(engine: Engine) -> Vec<Self> {
        let mut all = vec![
            Self::Kill,
            Self::Kill,
            Self::Kill,
            Self::Terminate,
            Self::Terminate,
            Self::Pause,
            Self::DoubleStart,
            Self::NoStartTls,
            Self::SlowCommits,
        ];
        all.extend(match engine {
            Engine::Postgres => vec![
                Self::ServerCrash,
                Self::ServerCrash,
                Self::ConnectionsCut,
                Self::ConnectionsCut,
                Self::PoolExhausted,
            ],
            Engine::Sqlite => vec![Self::Locked, Self::DiskFull, Self::DiskFull, Self::ReadOnly],
        });
        all
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Kill => "kill -9 of a process",
            Self::Terminate => "SIGTERM of a process",
            Self::Pause => "SIGSTOP for longer than a lease",
            Self::DoubleStart => "a process started twice",
            Self::NoStartTls => "STARTTLS wanted, relay without it",
            Self::ServerCrash => "PostgreSQL stopped (immediate)",
            Self::ConnectionsCut => "every connection cut",
            Self::PoolExhausted => "tables locked, pools exhausted",
            Self::SlowCommits => "slow commits",
            Self::Locked => "database is locked for 30 s",
            Self::DiskFull => "disk full",
            Self::ReadOnly => "start on a read-only disk",
        }
    }
}

/// What strikes the receivers, beside it: also one at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Peer {
    /// The next few calls of a webhook are answered so.
    Hook(&'static str, WebhookReply),
    /// A webhook refuses connections.
    HookRefuses,
    /// The endpoint of its own says that it is gone for good.
    HookGone,
    /// The webhook that is called over TLS shows another certificate for a while.
    HookCertificate(&'static str, Certificate),
    /// The next few mails fail so.
    Mail(&'static str, SmtpFault),
    /// The relay refuses connections.
    MailRefuses,
}

impl Peer {
    /// All of them.
    pub(super) fn all() -> Vec<Self> {
        let status = WebhookReply::status;
        let silent = ATTEMPT * 3;
        let hooks = [
            ("webhook: never answers", status(204).delayed(silent)),
            (
                "webhook: 200 after our time-out",
                status(200).delayed(ATTEMPT + Duration::from_millis(400)),
            ),
            ("webhook: cut after the body", WebhookReply::close()),
            ("webhook: 500", status(500)),
            ("webhook: 502 with a page", status(502).body("<h1>Bad gateway</h1>")),
            ("webhook: 503", status(503)),
            ("webhook: 408", status(408)),
            ("webhook: 429 with seconds", status(429).header("retry-after", "2")),
            (
                "webhook: 429 with a date",
                status(429).header("retry-after", "Thu, 01 Jan 2099 00:00:00 GMT"),
            ),
            (
                "webhook: 302 to 169.254.169.254",
                status(302).header("location", "http://169.254.169.254/latest/"),
            ),
            (
                "webhook: 200 with an error in the body",
                status(200).body("{\"error\":\"but fine\"}"),
            ),
            (
                "webhook: body at 1 byte a second",
                status(200).body("x").repeated(3_600, Duration::from_secs(1)),
            ),
            (
                "webhook: body of 10 GB",
                status(200).body(&"x".repeat(65_536)).repeated(160_000, Duration::ZERO),
            ),
            (
                "webhook: gzip that never ends",
                status(200)
                    .header("content-encoding", "gzip")
                    .body(&"\u{1f}".repeat(65_536))
                    .repeated(160_000, Duration::ZERO),
            ),
        ];
        let reply = |stage, text: &str| SmtpFault::Reply(stage, text.to_owned());
        let later = "451 4.3.0 try again later";
        let mails = [
            ("SMTP: 4xx at MAIL", reply(SmtpStage::Mail, later)),
            ("SMTP: 4xx at RCPT", reply(SmtpStage::Rcpt, "450 4.2.0 greylisted")),
            ("SMTP: 4xx at DATA", reply(SmtpStage::Data, later)),
            ("SMTP: 4xx after the dot", reply(SmtpStage::AfterDot, "452 4.3.1 full")),
            ("SMTP: 5xx at RCPT", reply(SmtpStage::Rcpt, "550 5.1.1 no such user")),
            (
                "SMTP: 5xx after the dot",
                reply(SmtpStage::AfterDot, "554 5.7.1 refused"),
            ),
            ("SMTP: 554 as greeting", reply(SmtpStage::Banner, "554 5.3.2 not today")),
            ("SMTP: hangs at the greeting", SmtpFault::Hang(SmtpStage::Banner)),
            ("SMTP: hangs at DATA", SmtpFault::Hang(SmtpStage::Data)),
            ("SMTP: hangs after the dot", SmtpFault::Hang(SmtpStage::AfterDot)),
            (
                "SMTP: closes in the middle of DATA",
                SmtpFault::Close(SmtpStage::MidContent),
            ),
            ("SMTP: closes after the dot", SmtpFault::Close(SmtpStage::AfterDot)),
        ];
        let hooks = hooks.into_iter().map(|(name, reply)| Self::Hook(name, reply));
        let certificates = [
            ("webhook: certificate has expired", Certificate::Expired),
            ("webhook: certificate of another host", Certificate::Elsewhere),
            ("webhook: certificate by an unknown root", Certificate::Stranger),
        ];
        let certificates = certificates.map(|(name, shown)| Self::HookCertificate(name, shown));
        let mails = mails.into_iter().map(|(name, fault)| Self::Mail(name, fault));
        hooks
            .chain(mails)
            .chain(certificates)
            .chain([Self::HookRefuses, Self::HookGone, Self::MailRefuses])
            .collect()
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Hook(name, _) | Self::HookCertificate(name, _) | Self::Mail(name, _) => name,
            Self::HookRefuses => "webhook: refuses connections",
            Self::HookGone => "webhook: 410, gone for good",
            Self::MailRefuses => "SMTP: refuses connections",
        }
    }
}
