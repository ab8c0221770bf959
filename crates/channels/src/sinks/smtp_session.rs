//! The mail server's side of one connection (RFC 5321, the commands a client of ours uses).

use std::io;

use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

use super::{ReceivedMail, SmtpFault, SmtpStage, smtp::Shared};

/// Longest line taken, in bytes; longer than any RFC 5321 allows.
const MAX_LINE: u64 = 4_096;
/// Largest mail taken, in bytes.
const MAX_MAIL: usize = 10_000_000;

struct Session<'a> {
    stream: BufReader<TcpStream>,
    shared: &'a Shared,
    fault: Option<SmtpFault>,
    signed_in: bool,
    from: Option<String>,
    to: Vec<String>,
}

/// Serves one connection to its end.
pub(super) async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    let mut session = Session {
        stream: BufReader::new(stream),
        fault: shared.connected(),
        signed_in: shared.options.credentials.is_none(),
        shared,
        from: None,
        to: Vec::new(),
    };
    session.answer(SmtpStage::Banner, "220 sink.invalid ESMTP").await?;
    loop {
        let Some(line) = session.line().await? else {
            return Ok(());
        };
        let line = String::from_utf8_lossy(&line).into_owned();
        let verb = line.split(' ').next().unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => {
                let sign_in = if session.shared.options.credentials.is_some() {
                    "250-AUTH PLAIN\r\n"
                } else {
                    ""
                };
                let reply = format!("250-sink.invalid\r\n{sign_in}250-8BITMIME\r\n250 ENHANCEDSTATUSCODES");
                session.answer(SmtpStage::Ehlo, &reply).await?;
            }
            "HELO" => {
                session.answer(SmtpStage::Ehlo, "250 sink.invalid").await?;
            }
            "AUTH" => session.sign_in(&line).await?,
            "MAIL" => session.mail(&line).await?,
            "RCPT" => session.recipient(&line).await?,
            "DATA" => session.data().await?,
            "RSET" => {
                session.forget();
                session.say("250 2.0.0 Ok").await?;
            }
            "NOOP" => session.say("250 2.0.0 Ok").await?,
            "QUIT" => {
                session.say("221 2.0.0 Bye").await?;
                return Ok(());
            }
            _ => session.say("502 5.5.2 Command not known").await?,
        }
    }
}

impl Session<'_> {
    async fn mail(&mut self, line: &str) -> io::Result<()> {
        if !self.signed_in {
            return self.say("530 5.7.0 Authentication required").await;
        }
        self.forget();
        self.fault = self.shared.next_fault();
        if self.answer(SmtpStage::Mail, "250 2.1.0 Ok").await? {
            self.from = Some(path(line));
        }
        Ok(())
    }

    async fn recipient(&mut self, line: &str) -> io::Result<()> {
        if self.from.is_none() {
            return self.say("503 5.5.1 MAIL first").await;
        }
        if self.answer(SmtpStage::Rcpt, "250 2.1.5 Ok").await? {
            self.to.push(path(line));
        }
        Ok(())
    }

    async fn data(&mut self) -> io::Result<()> {
        if self.to.is_empty() {
            return self.say("503 5.5.1 RCPT first").await;
        }
        if !self
            .answer(SmtpStage::Data, "354 End data with <CR><LF>.<CR><LF>")
            .await?
        {
            return Ok(());
        }
        let mut raw = Vec::new();
        loop {
            let Some(line) = self.line().await? else { return Ok(()) };
            if matches!(
                &self.fault,
                Some(SmtpFault::Hang(SmtpStage::MidContent) | SmtpFault::Close(SmtpStage::MidContent))
            ) {
                self.answer(SmtpStage::MidContent, "").await?;
            }
            if line == b"." {
                break;
            }
            // RFC 5321 section 4.5.2: a leading dot was doubled.
            raw.extend_from_slice(line.strip_prefix(b".").unwrap_or(&line));
            raw.extend_from_slice(b"\r\n");
            if raw.len() > MAX_MAIL {
                self.say("552 5.3.4 Message too big").await?;
                return Err(io::ErrorKind::FileTooLarge.into());
            }
        }
        // Sent by the client between the content and the final dot.
        if raw.ends_with(b"\r\n\r\n") {
            raw.truncate(raw.len() - 2);
        }
        let mail = ReceivedMail::read(self.from.take().unwrap_or_default(), std::mem::take(&mut self.to), raw);
        let reply = format!("250 2.0.0 Ok: queued as {}", queue_id(&mail.message_id));
        if !matches!(&self.fault, Some(SmtpFault::Reply(SmtpStage::AfterDot, _))) {
            self.shared.keep(mail).await?;
        }
        self.answer(SmtpStage::AfterDot, &reply).await?;
        self.forget();
        Ok(())
    }

    /// `AUTH PLAIN` with an initial response (RFC 4616).
    async fn sign_in(&mut self, line: &str) -> io::Result<()> {
        let Some((user, password)) = &self.shared.options.credentials else {
            return self.say("503 5.5.1 No sign-in here").await;
        };
        let given = line
            .strip_prefix("AUTH PLAIN ")
            .and_then(|coded| STANDARD.decode(coded).ok());
        self.signed_in = given.is_some_and(|given| given == format!("\0{user}\0{password}").into_bytes());
        let reply = if self.signed_in {
            "235 2.7.0 Welcome"
        } else {
            "535 5.7.8 Authentication credentials invalid"
        };
        self.say(reply).await
    }

    fn forget(&mut self) {
        self.from = None;
        self.to.clear();
        self.fault = None;
    }

    /// Answers, or fails as scripted for this stage; whether the good reply was given.
    async fn answer(&mut self, stage: SmtpStage, good: &str) -> io::Result<bool> {
        match self.fault.take_if(|fault| fault.stage() == stage) {
            None => self.say(good).await.map(|()| true),
            Some(SmtpFault::Reply(_, reply)) => self.say(&reply).await.map(|()| false),
            Some(SmtpFault::Close(_)) => Err(io::ErrorKind::ConnectionAborted.into()),
            Some(SmtpFault::Hang(_)) => {
                // Reads on, so that the client's end is noticed.
                let mut void = [0; 4_096];
                while self.stream.read(&mut void).await? > 0 {}
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    async fn say(&mut self, reply: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(format!("{reply}\r\n").as_bytes()).await
    }

    /// The next line without its end; `None` at the end of the stream.
    async fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        (&mut self.stream).take(MAX_LINE).read_until(b'\n', &mut line).await?;
        match line.strip_suffix(b"\r\n") {
            Some(text) => Ok(Some(text.to_vec())),
            None if line.is_empty() => Ok(None),
            // Too long, cut off, or a bare line feed: the talk cannot go on.
            None => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// The address of `MAIL FROM:<...>` or `RCPT TO:<...>`.
fn path(line: &str) -> String {
    let inner = line.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map(|(address, _)| address.to_owned()).unwrap_or_default()
}

/// A queue id as servers give one; the same for the same message id, so that a snapshot stays still.
fn queue_id(message_id: &str) -> String {
    let sum = message_id.bytes().fold(0x811c_9dc5_u32, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    format!("{sum:08X}")
}
