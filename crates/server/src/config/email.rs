//! `[email]`: the relay that takes our mail.

use std::{path::PathBuf, time::Duration};

use liaison_channels::{SmtpConfig, SmtpTls};
use serde::Deserialize;

use super::{Problems, Secret, secret::resolve};

/// Whether mail leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Transport {
    /// It does not: deliveries by e-mail wait and say why.
    #[default]
    None,
    /// Through a relay by SMTP.
    Smtp,
}

/// The mail relay.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Email {
    /// Whether mail leaves.
    pub(crate) transport: Transport,
    /// Host name or address of the relay.
    pub(crate) host: Option<String>,
    /// Its port.
    pub(crate) port: u16,
    tls: SmtpTls,
    username: Option<String>,
    password: Option<Secret>,
    password_file: Option<PathBuf>,
    from: Option<String>,
    from_name: Option<String>,
    message_id_domain: Option<String>,
    helo_name: Option<String>,
    connect_timeout_seconds: u64,
    command_timeout_seconds: u64,
    pool_size: usize,
    extra_root_file: Option<PathBuf>,
}

impl Default for Email {
    fn default() -> Self {
        Self {
            transport: Transport::None,
            host: None,
            port: 587,
            tls: SmtpTls::StartTlsRequired,
            username: None,
            password: None,
            password_file: None,
            from: None,
            from_name: Some("Liaison".to_owned()),
            message_id_domain: None,
            helo_name: None,
            connect_timeout_seconds: 10,
            command_timeout_seconds: 30,
            pool_size: 4,
            extra_root_file: None,
        }
    }
}

impl Email {
    pub(super) fn check(&mut self, problems: &mut Problems) {
        self.password = resolve(
            "email.password",
            self.password.as_ref(),
            self.password_file.as_deref(),
            problems,
        );
        self.password_file = None;
        problems.within("email.connect_timeout_seconds", self.connect_timeout_seconds, 1..=120);
        problems.within("email.command_timeout_seconds", self.command_timeout_seconds, 1..=600);
        match self.transport {
            Transport::None if self.host.is_some() => {
                problems.add(
                    "email.transport",
                    "is \"none\" though email.host is set; set it to \"smtp\"",
                );
            }
            Transport::None => {}
            Transport::Smtp => {
                for (key, missing) in [("email.host", self.host.is_none()), ("email.from", self.from.is_none())] {
                    if missing {
                        problems.add(key, "is required when email.transport is \"smtp\"");
                    }
                }
                match self.smtp() {
                    Err(why) => problems.add("email", why),
                    Ok(Some(smtp)) => {
                        if let Err(error) = smtp.validate() {
                            problems.add("email", error.to_string());
                        }
                    }
                    Ok(None) => {}
                }
            }
        }
    }

    /// The relay's settings; `None` where no mail leaves.
    pub(crate) fn smtp(&self) -> Result<Option<SmtpConfig>, String> {
        let (Transport::Smtp, Some(host), Some(from)) = (self.transport, &self.host, &self.from) else {
            return Ok(None);
        };
        let domain = from
            .rsplit_once('@')
            .map(|(_, domain)| domain.to_owned())
            .unwrap_or_default();
        let domain = self.message_id_domain.clone().unwrap_or(domain);
        let extra_root_pem = match &self.extra_root_file {
            Some(path) => Some(
                std::fs::read_to_string(path)
                    .map_err(|error| format!("extra_root_file {}: {error}", path.display()))?,
            ),
            None => None,
        };
        let mut smtp = SmtpConfig::new(host, self.port, from, &domain);
        smtp.tls = self.tls;
        smtp.username.clone_from(&self.username);
        smtp.password = self
            .password
            .as_ref()
            .map(|secret| liaison_service::channel::Secret::new(secret.expose()));
        smtp.from_name = self.from_name.clone().filter(|name| !name.is_empty());
        if let Some(name) = &self.helo_name {
            smtp.helo_name.clone_from(name);
        }
        smtp.connect_timeout = Duration::from_secs(self.connect_timeout_seconds);
        smtp.command_timeout = Duration::from_secs(self.command_timeout_seconds);
        smtp.pool_size = self.pool_size;
        smtp.extra_root_pem = extra_root_pem;
        Ok(Some(smtp))
    }
}
