//! Reading loops: the sender's board, the recipient's inbox, one share with everything that happened, work lists, and
//! batches for callers that follow edges.
//!
//! Whoever reads is either of the clinic that sent a loop, or one of its recipient's people; nobody sees another
//! recipient's part. A reading that opens PHI is in the ledger before it leaves.

pub mod board;
pub mod call_list;
pub mod inbox;
pub mod letter;
pub mod loaders;
pub mod notices;
pub(crate) mod page;
mod parts;
mod reach;
pub mod share;
pub mod timeline;

pub use board::{Board, BoardEntry, BoardOnly, BoardQuery};
pub use call_list::{CallList, CallListEntry, CallListQuery};
pub use inbox::{Inbox, InboxCounts, InboxEntry, InboxOnly, InboxPart, InboxQuery};
pub use letter::Letter;
pub use loaders::{AcknowledgmentView, DeclineView, QuestionView, ReplyView};
pub use notices::NoticePage;
pub use page::MAX_PAGE;
pub use share::{CallView, DeliveryView, RecipientView, ShareView};
pub use timeline::{TimelineEvent, TimelineKind};

// What the views are made of, for crates that may not name the store.
pub use liaison_store::{
    Event,
    acknowledgments::{AcknowledgmentRow, DeclineRow, HoldRow},
    call_tasks::CallTaskRow,
    deliveries::{AttemptRow, DeliveryRow},
    mis_sends::MisSendRow,
    notices::NoticeRow,
    recipients::{EvidenceRow, RecipientRow},
    replies::ReplyRow,
    schedule::EscalationStepRow as StepRow,
    shares::{QuestionRow, ShareRow},
};

pub(crate) use page::{Position, cut, decode, encode, size};
