//! The e-mail channel of a server without a mail relay: every delivery waits, and its record says why.

use liaison_domain::ChannelKind;
use liaison_service::channel::{Channel, Outbound, SendOutcome, SendReport};

/// Takes no mail.
pub(crate) struct NoMail;

#[async_trait::async_trait]
impl Channel for NoMail {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Email
    }

    async fn send(&self, _: &Outbound) -> SendReport {
        SendReport {
            // An operator can still set a relay up, and then the mail leaves.
            outcome: SendOutcome::Transient { retry_after: None },
            status: None,
            artefact: "this server has no mail relay: set email.transport to \"smtp\" and the keys beside it"
                .to_owned(),
        }
    }
}
