//! The closed loop: share, open, acknowledge, decline, redirect, recall, escalate, deliver. One act is one file.

mod change;
pub mod message;
mod relation;
pub mod share_note;
mod who;

pub use share_note::{NewQuestion, NewRecipient, ReleaseCheck, ShareNote, Shared, VerbalCommunication};
