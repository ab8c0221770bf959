//! A clock that stands still, names that lead where a test wants, messages to send, and an HTTP server that says exactly what it is told.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use chrono::{DateTime, Utc};
use liaison_channels::{
    AddressPolicy, EmailChannel, Lookup, SmtpConfig, SmtpTls, WebhookChannel, WebhookConfig,
    sinks::{SmtpSink, WebhookSink, WebhookSinkOptions},
};
use liaison_domain::{DeliveryId, SetClock};
use liaison_service::channel::{EmailBody, Outbound, OutboundBody, Secret, SendOutcome, WebhookBody};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) const TRANSIENT: SendOutcome = SendOutcome::Transient { retry_after: None };
pub(crate) const PERMANENT: SendOutcome = SendOutcome::Permanent { endpoint_gone: false };
pub(crate) const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";

pub(crate) fn noon() -> DateTime<Utc> {
    "2026-03-04T12:00:00Z".parse().unwrap()
}

pub(crate) fn clock() -> Arc<SetClock> {
    Arc::new(SetClock::new(noon()))
}

fn outbound(address: String, secret: Option<Secret>, body: OutboundBody) -> Outbound {
    Outbound {
        delivery_id: DeliveryId::from_uuid("01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap()),
        message_id: "dlv_01h455vb4pex5vsknk084sn02q".to_owned(),
        attempt: 1,
        address,
        secret,
        body,
        timeout: Duration::from_secs(5),
    }
}

pub(crate) fn mail_to(address: &str) -> Outbound {
    let body = EmailBody {
        subject: "A message waits for your team".to_owned(),
        text: "A clinician at Ridge Clinic has something for you.\n\n.It waits here: https://liaison.example/r/abc\n".to_owned(),
        html: "<p>A clinician at Ridge Clinic has something for you.</p>\n<p><a href=\"https://liaison.example/r/abc\">Öffnen</a></p>\n".to_owned(),
        high_priority: false,
    };
    outbound(address.to_owned(), None, OutboundBody::Email(body))
}

pub(crate) fn hook_to(url: &str) -> Outbound {
    let body = WebhookBody {
        event_type: "share.notice".to_owned(),
        json: r#"{"type":"share.notice","timestamp":"2026-03-04T12:00:00Z","data":{"share":"share_01h455"}}"#
            .to_owned(),
    };
    outbound(url.to_owned(), Some(Secret::new(SECRET)), OutboundBody::Webhook(body))
}

pub(crate) fn relay(address: SocketAddr) -> SmtpConfig {
    SmtpConfig {
        tls: SmtpTls::None,
        from_name: Some("Liaison at Ridge Clinic".to_owned()),
        ..SmtpConfig::new("127.0.0.1", address.port(), "notices@clinic.example", "clinic.example")
    }
}

pub(crate) fn email(sink: &SmtpSink) -> EmailChannel {
    EmailChannel::new(&relay(sink.address()), clock()).unwrap()
}

pub(crate) fn local() -> WebhookConfig {
    WebhookConfig {
        addresses: AddressPolicy::loopback(),
        ..WebhookConfig::default()
    }
}

pub(crate) fn webhooks() -> WebhookChannel {
    WebhookChannel::new(&local(), clock()).unwrap()
}

pub(crate) async fn hook_sink() -> WebhookSink {
    let options = WebhookSinkOptions {
        secrets: vec![Secret::new(SECRET)],
        ..WebhookSinkOptions::new(clock())
    };
    WebhookSink::start(options).await.unwrap()
}

/// Reads one HTTP request with a `content-length`.
pub(crate) async fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    loop {
        let mut chunk = [0; 4_096];
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        request.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| {
                line.to_ascii_lowercase()
                    .strip_prefix("content-length: ")
                    .map(str::to_owned)
            });
            if read == 0 || body.len() >= length.and_then(|length| length.parse().ok()).unwrap_or(0) {
                return text;
            }
        } else if read == 0 {
            return text;
        }
    }
}

/// An HTTP server for one call: reads the request, then does with the connection what it is told.
pub(crate) async fn raw_http<F>(act: impl FnOnce(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        read_request(&mut stream).await;
        act(stream).await;
    });
    url
}

/// An HTTP server for one call that answers with exactly these bytes and closes.
pub(crate) async fn raw_answer(answer: &'static str) -> String {
    raw_http(move |mut stream| async move {
        stream.write_all(answer.as_bytes()).await.unwrap();
        // Reads to the client's end, so that no reset overtakes the answer.
        let _ = stream.shutdown().await;
        let _ = stream.read(&mut [0; 16]).await;
    })
    .await
}

/// Answers every host with these addresses, in turn.
pub(crate) struct Turning(Vec<Vec<IpAddr>>, AtomicUsize);

impl Turning {
    pub(crate) fn of(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers
            .iter()
            .map(|ips| ips.iter().map(|ip| ip.parse().unwrap()).collect())
            .collect();
        Arc::new(Self(answers, AtomicUsize::new(0)))
    }
}

#[async_trait::async_trait]
impl Lookup for Turning {
    async fn lookup(&self, _host: &str) -> io::Result<Vec<IpAddr>> {
        let turn = self.1.fetch_add(1, Ordering::SeqCst);
        Ok(self.0[turn.min(self.0.len() - 1)].clone())
    }
}
