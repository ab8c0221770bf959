//! The mail relay's settings and what makes them valid.

use std::{sync::Arc, time::Duration};

use lettre::{
    Address,
    transport::smtp::client::{Certificate, TlsParameters},
};
use liaison_service::channel::Secret;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use tokio_rustls::TlsConnector;

use crate::webhook;

/// How the connection to the relay is protected (RFC 8314 recommends [`SmtpTls::Implicit`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SmtpTls {
    /// Not at all: a relay on the same machine.
    None,
    /// `STARTTLS`, and no mail without it (RFC 3207). What comes in the clear behind the relay's go-ahead ends the
    /// session.
    #[default]
    StartTlsRequired,
    /// `STARTTLS` where it is offered; whoever sits between can take the offer away.
    StartTlsOpportunistic,
    /// TLS from the first byte, usually port 465.
    Implicit,
}

/// The mail relay. Begin with [`SmtpConfig::new`] and change what differs; [`SmtpConfig::validate`] names what is wrong.
#[derive(Debug, Clone)]
pub struct SmtpConfig {
    /// Host name or address. The relay's certificate must bear it.
    pub host: String,
    /// Port, usually 587 (`STARTTLS`) or 465 (implicit TLS).
    pub port: u16,
    /// Protection of the connection.
    pub tls: SmtpTls,
    /// User name, where the relay asks for one; together with `password` or not at all.
    pub username: Option<String>,
    /// Password.
    pub password: Option<Secret>,
    /// Sender's address, also the envelope's: bounces go there.
    pub from_address: String,
    /// Sender's name as people see it.
    pub from_name: Option<String>,
    /// Right side of every `Message-ID`: a domain of ours, so that no other sender makes the same id.
    pub message_id_domain: String,
    /// The name given in `EHLO` (RFC 5321 section 4.1.1.1).
    pub helo_name: String,
    /// Longest time to connect, TLS and greeting included.
    pub connect_timeout: Duration,
    /// Longest time for one command or for the message itself.
    pub command_timeout: Duration,
    /// Most connections at a time, 1 to 100; as many are kept open for the next mail.
    pub pool_size: usize,
    /// A root certificate to trust beside the public ones, as PEM.
    pub extra_root_pem: Option<String>,
}

/// What is wrong with the relay's settings.
#[derive(Debug, thiserror::Error)]
pub enum SmtpConfigError {
    /// No host.
    #[error("the mail relay's host \"{0}\" is not a host name or address")]
    Host(String),
    /// Port 0.
    #[error("the mail relay's port is 0; use 587 or 465")]
    Port,
    /// Only one of user name and password.
    #[error("set both the mail relay's user name and password, or neither")]
    HalfCredentials,
    /// A password that anyone on the way can read.
    #[error("a password would cross the network in the clear; use implicit TLS or required STARTTLS")]
    PasswordInTheClear,
    /// The sender's address.
    #[error("the sender's address \"{0}\" is not an e-mail address in ASCII")]
    From(String),
    /// The sender's name.
    #[error("the sender's name holds line ends or control characters; take them out")]
    FromName,
    /// A domain that is not one.
    #[error("{what} \"{given}\" is not a domain name")]
    Domain {
        /// Which setting.
        what: &'static str,
        /// What was given.
        given: String,
    },
    /// A time-out of nothing.
    #[error("the mail relay's time-outs must be longer than 0 s")]
    Timeout,
    /// Pool size out of range.
    #[error("the mail pool's size is {0}; use 1 to 100")]
    PoolSize(usize),
    /// Unreadable certificate.
    #[error("the extra root certificate for mail cannot be used; give one certificate in PEM form: {0}")]
    Certificate(String),
    /// TLS cannot be set up.
    #[error("TLS for mail cannot be set up: {0}")]
    Tls(#[source] lettre::transport::smtp::Error),
    /// TLS from the first byte cannot be set up.
    #[error("TLS for mail cannot be set up: {0}")]
    Implicit(String),
}

impl SmtpConfig {
    /// Required `STARTTLS`, no credentials, 10 s to connect, 30 s a command, 4 connections.
    pub fn new(host: &str, port: u16, from_address: &str, domain: &str) -> Self {
        Self {
            host: host.to_owned(),
            port,
            tls: SmtpTls::default(),
            username: None,
            password: None,
            from_address: from_address.to_owned(),
            from_name: None,
            message_id_domain: domain.to_owned(),
            helo_name: domain.to_owned(),
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
            pool_size: 4,
            extra_root_pem: None,
        }
    }

    /// The first thing that is wrong, if any.
    pub fn validate(&self) -> Result<(), SmtpConfigError> {
        if self.host.is_empty()
            || url::Host::parse(&self.host).is_err() && self.host.parse::<std::net::IpAddr>().is_err()
        {
            return Err(SmtpConfigError::Host(self.host.clone()));
        }
        if self.port == 0 {
            return Err(SmtpConfigError::Port);
        }
        if self.username.is_some() != self.password.is_some() {
            return Err(SmtpConfigError::HalfCredentials);
        }
        let protected = matches!(self.tls, SmtpTls::Implicit | SmtpTls::StartTlsRequired);
        if self.password.is_some() && !protected && !self.is_loopback() {
            return Err(SmtpConfigError::PasswordInTheClear);
        }
        if !self.from_address.is_ascii() || self.from_address.parse::<Address>().is_err() {
            return Err(SmtpConfigError::From(self.from_address.clone()));
        }
        if self
            .from_name
            .as_deref()
            .is_some_and(|name| name.chars().any(char::is_control))
        {
            return Err(SmtpConfigError::FromName);
        }
        for (what, given) in [
            ("the domain of message ids", &self.message_id_domain),
            ("the EHLO name", &self.helo_name),
        ] {
            if !is_domain(given) {
                return Err(SmtpConfigError::Domain {
                    what,
                    given: given.clone(),
                });
            }
        }
        if self.connect_timeout.is_zero() || self.command_timeout.is_zero() {
            return Err(SmtpConfigError::Timeout);
        }
        if !(1..=100).contains(&self.pool_size) {
            return Err(SmtpConfigError::PoolSize(self.pool_size));
        }
        Ok(())
    }

    /// TLS from the first byte against this host, or `None` where it does not begin so.
    pub(crate) fn implicit_tls(&self) -> Result<Option<(TlsConnector, ServerName<'static>)>, SmtpConfigError> {
        if self.tls != SmtpTls::Implicit {
            return Ok(None);
        }
        let unusable = |why: &dyn std::fmt::Display| SmtpConfigError::Implicit(why.to_string());
        let name = ServerName::try_from(self.host.clone()).map_err(|error| unusable(&error))?;
        let config = webhook::tls(self.extra_root_pem.as_deref()).map_err(|error| unusable(&error))?;
        Ok(Some((TlsConnector::from(Arc::new(config)), name)))
    }

    /// TLS by `STARTTLS` against this host, or `None` where none is wanted.
    pub(crate) fn tls_parameters(&self) -> Result<Option<TlsParameters>, SmtpConfigError> {
        let extra = match &self.extra_root_pem {
            Some(pem) => {
                // lettre takes a text without any certificate for an empty list.
                CertificateDer::from_pem_slice(pem.as_bytes())
                    .map_err(|error| SmtpConfigError::Certificate(error.to_string()))?;
                let read = Certificate::from_pem(pem.as_bytes());
                Some(read.map_err(|error| SmtpConfigError::Certificate(error.to_string()))?)
            }
            None => None,
        };
        if self.tls == SmtpTls::None {
            return Ok(None);
        }
        let mut builder = TlsParameters::builder(self.host.clone());
        if let Some(certificate) = extra {
            builder = builder.add_root_certificate(certificate);
        }
        builder.build_rustls().map(Some).map_err(SmtpConfigError::Tls)
    }

    fn is_loopback(&self) -> bool {
        self.host == "localhost" || self.host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

/// A domain of letters, digits and hyphens (RFC 1123 section 2.1), at most 253 characters.
fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        })
}
