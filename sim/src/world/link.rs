//! Our own byte pipe: a TCP connection as two one-way queues of segments with delivery times.
//!
//! Data, end of stream (FIN) and reset (RST) travel through the same queue, so a close never overtakes data. Writes wait
//! when the far side does not read. Legal faults: the connection breaks after any byte, is reset or closed by either
//! side at any time, or goes silent in one direction or both without telling anyone. Bytes are never changed, reordered
//! or duplicated: TCP does not do that.

use std::{
    cell::RefCell,
    collections::VecDeque,
    future::Future,
    io,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::executor::{Executor, Sleep};

/// How one direction of a link carries bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkProfile {
    /// Time from write to delivery of the first byte.
    pub latency: Duration,
    /// Rate, in bytes per second; must not be 0.
    pub bytes_per_second: u64,
    /// Bytes on the way and unread at which writes wait.
    pub capacity_bytes: usize,
    /// Most bytes that one write takes and one read gives.
    pub chunk_bytes: usize,
}

impl LinkProfile {
    /// A good connection: 100 Mbit/s with the given latency.
    pub fn good(latency: Duration) -> Self {
        Self { latency, bytes_per_second: 12_500_000, capacity_bytes: 1 << 20, chunk_bytes: 64 << 10 }
    }
}

/// Makes a connected pair of endpoints and the control that injures them. `profile` holds for both directions.
pub fn pair(executor: &Executor, profile: LinkProfile) -> (Endpoint, Endpoint, LinkControl) {
    let forward = Rc::new(RefCell::new(Direction::new(profile)));
    let backward = Rc::new(RefCell::new(Direction::new(profile)));
    let endpoint = |outgoing: &Rc<RefCell<Direction>>, incoming: &Rc<RefCell<Direction>>| Endpoint {
        executor: executor.clone(),
        outgoing: Rc::clone(outgoing),
        incoming: Rc::clone(incoming),
        sleep: None,
    };
    let near = endpoint(&forward, &backward);
    let far = endpoint(&backward, &forward);
    let control = LinkControl { executor: executor.clone(), to_far: forward, to_near: backward };
    (near, far, control)
}

struct Direction {
    profile: LinkProfile,
    segments: VecDeque<(Duration, Segment)>,
    /// Bytes written and not read.
    held_bytes: usize,
    /// When the last byte written leaves the sender.
    sent_at: Duration,
    /// Accepts bytes and delivers nothing.
    silent: bool,
    /// Bytes still delivered before the connection breaks.
    cut_after_bytes: Option<usize>,
    /// The reading endpoint is gone.
    reader_gone: bool,
    /// When the writer learns that the reading endpoint is gone: one round trip after it wrote to it.
    broken_at: Option<Duration>,
    /// A FIN or RST was written: nothing may follow.
    ended: bool,
    /// The reader was told of a reset.
    was_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

enum Segment {
    Data { bytes: Vec<u8>, read: usize },
    Fin,
    Reset,
}

impl Direction {
    fn new(profile: LinkProfile) -> Self {
        Self {
            profile,
            segments: VecDeque::new(),
            held_bytes: 0,
            sent_at: Duration::ZERO,
            silent: false,
            cut_after_bytes: None,
            reader_gone: false,
            broken_at: None,
            ended: false,
            was_reset: false,
            reader: None,
            writer: None,
        }
    }

    /// Queues a segment of `size` bytes behind everything written before.
    fn push(&mut self, now: Duration, segment: Segment, size: usize) {
        let sending = Duration::from_nanos((size as u64).saturating_mul(1_000_000_000) / self.profile.bytes_per_second);
        self.sent_at = self.sent_at.max(now) + sending;
        self.segments.push_back((self.sent_at + self.profile.latency, segment));
        wake(&mut self.reader);
    }

    fn end(&mut self, now: Duration, segment: Segment) {
        if !std::mem::replace(&mut self.ended, true) && !self.silent {
            self.push(now, segment, 0);
        }
        wake(&mut self.writer);
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Injures a connection from outside.
#[derive(Clone)]
pub struct LinkControl {
    executor: Executor,
    to_far: Rc<RefCell<Direction>>,
    to_near: Rc<RefCell<Direction>>,
}

impl LinkControl {
    /// Both sides see a reset, behind the bytes already on the way.
    pub fn reset(&self) {
        let now = self.executor.now();
        self.to_far.borrow_mut().end(now, Segment::Reset);
        self.to_near.borrow_mut().end(now, Segment::Reset);
    }

    /// The near side (the one that connected) gets `bytes` more bytes, then both see a reset.
    pub fn cut_after(&self, bytes: usize) {
        self.to_near.borrow_mut().cut_after_bytes = Some(bytes);
    }

    /// Nothing is delivered any more, in either direction, and nobody is told.
    pub fn go_silent(&self) {
        self.to_far.borrow_mut().silent = true;
        self.to_near.borrow_mut().silent = true;
    }
}

/// One end of a connection. Dropping it closes the connection as a dying process does.
pub struct Endpoint {
    executor: Executor,
    outgoing: Rc<RefCell<Direction>>,
    incoming: Rc<RefCell<Direction>>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Endpoint {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let now = self.executor.now();
            let deliver_at = {
                let mut incoming = self.incoming.borrow_mut();
                if incoming.was_reset {
                    return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
                }
                match incoming.segments.front() {
                    None => {
                        incoming.reader = Some(context.waker().clone());
                        return Poll::Pending;
                    }
                    Some((deliver_at, _)) if *deliver_at > now => *deliver_at,
                    Some(_) => return Poll::Ready(take_front(&mut incoming, buffer)),
                }
            };
            let mut sleep = Box::pin(self.executor.sleep_until(deliver_at));
            if sleep.as_mut().poll(context).is_pending() {
                self.sleep = Some(sleep);
                return Poll::Pending;
            }
        }
    }
}

/// Reads from the first segment, which is due.
fn take_front(incoming: &mut Direction, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
    let chunk_bytes = incoming.profile.chunk_bytes;
    match incoming.segments.front_mut() {
        Some((_, Segment::Data { bytes, read })) => {
            let count = (bytes.len() - *read).min(buffer.remaining()).min(chunk_bytes);
            buffer.put_slice(&bytes[*read..*read + count]);
            *read += count;
            if *read == bytes.len() {
                incoming.segments.pop_front();
            }
            incoming.held_bytes -= count;
            wake(&mut incoming.writer);
            Ok(())
        }
        Some((_, Segment::Reset)) => {
            incoming.was_reset = true;
            Err(io::ErrorKind::ConnectionReset.into())
        }
        // A FIN stays: every further read sees the end again.
        Some((_, Segment::Fin)) | None => Ok(()),
    }
}

impl AsyncWrite for Endpoint {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.executor.now();
        if self.incoming.borrow().was_reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let mut outgoing = self.outgoing.borrow_mut();
        if outgoing.ended {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if outgoing.reader_gone {
            let answer_at = now + outgoing.profile.latency * 2;
            let broken_at = *outgoing.broken_at.get_or_insert(answer_at);
            let result = if broken_at <= now { Err(io::ErrorKind::BrokenPipe.into()) } else { Ok(bytes.len()) };
            return Poll::Ready(result);
        }
        let room = outgoing.profile.capacity_bytes.saturating_sub(outgoing.held_bytes);
        if room == 0 && !bytes.is_empty() {
            outgoing.writer = Some(context.waker().clone());
            return Poll::Pending;
        }
        let count = bytes.len().min(room).min(outgoing.profile.chunk_bytes);
        outgoing.held_bytes += count;
        let cut = outgoing.cut_after_bytes.filter(|left| *left <= count);
        let delivered = cut.unwrap_or(count);
        if let Some(left) = &mut outgoing.cut_after_bytes {
            *left -= delivered;
        }
        if !outgoing.silent && delivered > 0 {
            outgoing.push(now, Segment::Data { bytes: bytes[..delivered].to_vec(), read: 0 }, delivered);
        }
        if cut.is_some() {
            outgoing.end(now, Segment::Reset);
            drop(outgoing);
            self.incoming.borrow_mut().end(now, Segment::Reset);
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.borrow_mut().end(self.executor.now(), Segment::Fin);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.outgoing.borrow_mut().end(self.executor.now(), Segment::Fin);
        let mut incoming = self.incoming.borrow_mut();
        incoming.reader_gone = true;
        wake(&mut incoming.writer);
    }
}
