//! The channel that only remembers.

use liaison_channels::sinks::CapturedChannel;
use liaison_domain::{ChannelKind, EvidenceLevel};
use liaison_service::channel::{Channel, SendOutcome};

use crate::support::{hook_to, mail_to};

#[tokio::test]
async fn it_answers_by_script_and_then_delivers() {
    let channel = CapturedChannel::new(ChannelKind::Webhook);
    channel.push_outcome(SendOutcome::Unknown);
    assert_eq!(
        channel.send(&hook_to("https://example.org/")).await.outcome,
        SendOutcome::Unknown
    );
    let second = channel.send(&hook_to("https://example.org/")).await;
    assert_eq!(second.outcome, SendOutcome::Delivered(EvidenceLevel::Received));
    assert_eq!(channel.take().len(), 2);
    assert!(channel.sent().is_empty());

    let mail = CapturedChannel::new(ChannelKind::Email);
    let report = mail.send(&mail_to("a@example.org")).await;
    assert_eq!(report.outcome, SendOutcome::Delivered(EvidenceLevel::Accepted));
    assert_eq!(mail.sent()[0].address, "a@example.org");
}
