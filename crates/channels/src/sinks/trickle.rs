//! A body that is far too slow or far too long: what a receiver in trouble, or a hostile one, answers with.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use axum::body::Bytes;
use http_body::{Body, Frame};
use tokio::time::{Sleep, sleep};

/// Gives the same piece again and again, with a pause before each.
pub(super) struct Trickle {
    piece: Bytes,
    left: u64,
    pause: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl Trickle {
    /// `times` pieces, a `pause` before each.
    pub(super) fn new(piece: Bytes, times: u64, pause: Duration) -> Self {
        Self {
            piece,
            left: times,
            pause,
            sleep: Box::pin(sleep(pause)),
        }
    }
}

impl Body for Trickle {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if !self.pause.is_zero() {
            ready!(self.sleep.as_mut().poll(cx));
            self.sleep = Box::pin(sleep(self.pause));
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}
