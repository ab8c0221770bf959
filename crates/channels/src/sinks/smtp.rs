//! A small mail server on a loopback port: it takes mail, keeps it, and fails on demand.

use std::{
    collections::VecDeque,
    io,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use tokio::{net::TcpListener, sync::watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{ReceivedMail, smtp_session};

/// A moment in the talk at which the server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpStage {
    /// The greeting on connect.
    Banner,
    /// `EHLO`.
    Ehlo,
    /// `MAIL FROM`.
    Mail,
    /// `RCPT TO`.
    Rcpt,
    /// `DATA`, before the content.
    Data,
    /// Amid the content, behind its first line.
    MidContent,
    /// After the final dot.
    AfterDot,
}

/// What goes wrong with one mail (or, at the banner and `EHLO`, with one connection).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SmtpFault {
    /// This reply instead of the good one, such as "451 4.3.0 try again". At `MidContent` it is not given.
    Reply(SmtpStage, String),
    /// No reply until the client gives up.
    Hang(SmtpStage),
    /// The connection is closed instead of a reply. After the dot, the mail is kept all the same.
    Close(SmtpStage),
}

impl SmtpFault {
    pub(super) fn stage(&self) -> SmtpStage {
        match self {
            Self::Reply(stage, _) | Self::Hang(stage) | Self::Close(stage) => *stage,
        }
    }
}

/// Settings of the mail server.
#[derive(Debug, Clone)]
pub struct SmtpSinkOptions {
    /// Most mails kept; the oldest fall out.
    pub keep: usize,
    /// Folder into which each mail is written as `<message id>.eml`.
    pub folder: Option<PathBuf>,
    /// User name and password, where `AUTH PLAIN` is to be asked for.
    pub credentials: Option<(String, String)>,
}

impl Default for SmtpSinkOptions {
    /// 1,000 mails in memory, no folder, no sign-in.
    fn default() -> Self {
        Self {
            keep: 1_000,
            folder: None,
            credentials: None,
        }
    }
}

/// The running mail server. It stops when it is dropped; [`SmtpSink::shutdown`] also waits for it.
pub struct SmtpSink {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What the server and its connections share.
pub(super) struct Shared {
    pub(super) options: SmtpSinkOptions,
    state: Mutex<State>,
    /// Mails ever received, for those who wait.
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct State {
    mails: VecDeque<ReceivedMail>,
    script: VecDeque<Option<SmtpFault>>,
    connections: usize,
}

impl SmtpSink {
    /// Listens on a free port of 127.0.0.1.
    pub async fn start(options: SmtpSinkOptions) -> io::Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), options).await
    }

    /// Listens on `address`, which should be a loopback one.
    pub async fn start_on(address: SocketAddr, options: SmtpSinkOptions) -> io::Result<Self> {
        if let Some(folder) = &options.folder {
            tokio::fs::create_dir_all(folder).await?;
        }
        let listener = TcpListener::bind(address).await?;
        let sink = Self {
            address: listener.local_addr()?,
            shared: Arc::new(Shared {
                options,
                state: Mutex::default(),
                count: watch::Sender::new(0),
            }),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (shared, stop, tasks) = (Arc::clone(&sink.shared), sink.stop.clone(), sink.tasks.clone());
        sink.tasks.spawn(async move {
            while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
                let Ok((stream, _)) = accepted else { continue };
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                tasks.spawn(async move {
                    // A client that breaks off is no matter of the server's.
                    let _ = stop.run_until_cancelled(smtp_session::serve(stream, &shared)).await;
                });
            }
        });
        Ok(sink)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Adds to the script: what happens to the next mail that is not yet scripted (`None`: it is taken).
    pub fn script(&self, faults: impl IntoIterator<Item = Option<SmtpFault>>) {
        self.shared.lock().script.extend(faults);
    }

    /// The kept mails, oldest first, repeats included.
    pub fn mails(&self) -> Vec<ReceivedMail> {
        self.shared.lock().mails.iter().cloned().collect()
    }

    /// How many different message ids the kept mails bear.
    pub fn distinct(&self) -> usize {
        let state = self.shared.lock();
        state
            .mails
            .iter()
            .map(|mail| mail.message_id.as_str())
            .collect::<std::collections::HashSet<_>>()
            .len()
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.shared.lock().connections
    }

    /// Waits until `count` mails came in, ever; whether they did within `patience`.
    pub async fn wait_for(&self, count: usize, patience: Duration) -> bool {
        let mut seen = self.shared.count.subscribe();
        tokio::time::timeout(patience, seen.wait_for(|seen| *seen >= count))
            .await
            .is_ok_and(|seen| seen.is_ok())
    }

    /// Stops listening, cuts open connections and waits for their ends.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for SmtpSink {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Counts a connection; takes the next fault if it strikes before any mail.
    pub(super) fn connected(&self) -> Option<SmtpFault> {
        let mut state = self.lock();
        state.connections += 1;
        let early = state.script.front().is_some_and(|next| {
            next.as_ref()
                .is_some_and(|fault| matches!(fault.stage(), SmtpStage::Banner | SmtpStage::Ehlo))
        });
        if early {
            state.script.pop_front().flatten()
        } else {
            None
        }
    }

    /// Takes the next mail's fault.
    pub(super) fn next_fault(&self) -> Option<SmtpFault> {
        self.lock().script.pop_front().flatten()
    }

    /// Keeps a mail and writes it down.
    pub(super) async fn keep(&self, mail: ReceivedMail) -> io::Result<()> {
        let earlier = self
            .lock()
            .mails
            .iter()
            .filter(|kept| kept.message_id == mail.message_id)
            .count();
        if let Some(folder) = &self.options.folder {
            tokio::fs::write(folder.join(file_name(&mail.message_id, earlier)), &mail.raw).await?;
        }
        {
            let mut state = self.lock();
            state.mails.push_back(mail);
            while state.mails.len() > self.options.keep {
                state.mails.pop_front();
            }
        }
        self.count.send_modify(|count| *count += 1);
        Ok(())
    }
}

/// The id with nothing that a path could be led astray by; repeats are numbered.
fn file_name(message_id: &str, earlier: usize) -> PathBuf {
    let safe: String = message_id
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "@._-".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(200)
        .collect();
    let safe = safe.trim_start_matches('.');
    let name = if safe.is_empty() { "no-message-id" } else { safe };
    let number = if earlier == 0 {
        String::new()
    } else {
        format!(".{}", earlier + 1)
    };
    Path::new(&format!("{name}{number}.eml")).to_path_buf()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_id_cannot_leave_the_folder() {
        assert_eq!(file_name("a1@example.org", 0), Path::new("a1@example.org.eml"));
        assert_eq!(file_name("a1@example.org", 1), Path::new("a1@example.org.2.eml"));
        assert_eq!(file_name("../../etc/x", 0), Path::new("_.._etc_x.eml"));
        assert_eq!(file_name("", 0), Path::new("no-message-id.eml"));
    }
}
