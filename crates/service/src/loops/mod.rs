//! The closed loop: share, open, acknowledge, decline, redirect, recall, escalate, deliver. One act is one file.

pub mod acknowledge;
pub mod call_task;
pub(crate) mod change;
pub mod decline;
pub mod hold;
pub mod message;
pub mod mis_send;
pub mod open_share;
pub mod recall;
pub mod redirect;
mod relation;
pub mod release_check;
pub mod reply;
pub mod share_note;
pub(crate) mod who;

pub use release_check::{CheckSeverity, ReleaseCheck};
pub use share_note::{NewQuestion, NewRecipient, ShareNote, Shared, VerbalCommunication};

pub(crate) use change::{Fact, apply};
