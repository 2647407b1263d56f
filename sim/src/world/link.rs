//! Our own byte pipe: a TCP connection as two one-way queues of segments with delivery times.
//!
//! Data, end of stream (FIN) and reset (RST) travel through the same queue, so a close never overtakes data. Writes wait
//! when the far side does not read. Legal faults: the connection breaks after any byte, is reset or closed by either
//! side at any time, or goes silent in one direction or both without telling anyone. Bytes are never changed, reordered
//! or duplicated: TCP does not do that. Nobody learns of anything before the news can have reached him, and through a
//! silent direction no news travels at all.

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
    /// Rate, in bytes per second; 0 counts as 1.
    pub bytes_per_second: u64,
    /// Bytes on the way and unread at which writes wait.
    pub capacity_bytes: usize,
    /// Most bytes that one read gives; 0 counts as 1.
    pub read_bytes: usize,
    /// Most bytes that one write takes; 0 counts as 1.
    pub write_bytes: usize,
}

impl LinkProfile {
    /// A good connection: 100 Mbit/s with the given latency.
    pub fn good(latency: Duration) -> Self {
        let capacity_bytes = 1 << 20;
        Self {
            latency,
            bytes_per_second: 12_500_000,
            capacity_bytes,
            read_bytes: 64 << 10,
            write_bytes: capacity_bytes,
        }
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
        read_timer: None,
        write_timer: None,
    };
    let near = endpoint(&forward, &backward);
    let far = endpoint(&backward, &forward);
    let control = LinkControl { executor: executor.clone(), profile, to_far: forward, to_near: backward };
    (near, far, control)
}

struct Direction {
    profile: LinkProfile,
    segments: VecDeque<(Duration, Segment)>,
    /// Bytes written and not read. What is lost on the way is never read: the writer gets no acknowledgement.
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
    /// The writing endpoint has ended its stream.
    closed: bool,
    /// Ended from outside: what is written is lost until the writer learns of it from the other direction.
    severed: bool,
    /// The FIN or RST that the reading side gets.
    end: Option<End>,
    /// The reader was told of a reset.
    was_reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

#[derive(Clone, Copy)]
struct End {
    arrives_at: Duration,
    is_reset: bool,
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
            closed: false,
            severed: false,
            end: None,
            was_reset: false,
            reader: None,
            writer: None,
        }
    }

    /// Queues a segment of `size` bytes behind everything written before; returns when it arrives.
    fn push(&mut self, now: Duration, segment: Segment, size: usize) -> Duration {
        let nanos = (size as u64).saturating_mul(1_000_000_000) / self.profile.bytes_per_second.max(1);
        self.sent_at = self.sent_at.max(now) + Duration::from_nanos(nanos);
        // A latency that was lowered since must not let this overtake.
        let last_arrives_at = self.segments.back().map_or(Duration::ZERO, |(arrives_at, _)| *arrives_at);
        let arrives_at = last_arrives_at.max(self.sent_at + self.profile.latency);
        self.segments.push_back((arrives_at, segment));
        wake(&mut self.reader);
        arrives_at
    }

    /// Queues a FIN or RST, once; a RST may still follow a FIN.
    fn end(&mut self, now: Duration, is_reset: bool) {
        let is_news = self.end.is_none_or(|end| is_reset && !end.is_reset);
        if is_news && !self.silent {
            let segment = if is_reset { Segment::Reset } else { Segment::Fin };
            let arrives_at = self.push(now, segment, 0);
            self.end = Some(End { arrives_at, is_reset });
        }
        wake(&mut self.writer);
    }

    /// Ends the stream from outside, without the writer's knowledge.
    fn sever(&mut self, now: Duration, is_reset: bool) {
        self.severed = true;
        self.end(now, is_reset);
    }

    /// Ends the stream as its writer does.
    fn close(&mut self, now: Duration) {
        self.closed = true;
        self.end(now, false);
    }

    /// Delivers nothing from now on: what is on the way is lost. What has arrived can still be read.
    fn go_silent(&mut self, now: Duration) {
        self.silent = true;
        self.segments.retain(|(arrives_at, _)| *arrives_at <= now);
        self.end = self.end.filter(|end| end.arrives_at <= now);
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
    /// As the connection was made.
    profile: LinkProfile,
    to_far: Rc<RefCell<Direction>>,
    to_near: Rc<RefCell<Direction>>,
}

impl LinkControl {
    /// Both sides see a reset, behind the bytes already on the way.
    pub fn reset(&self) {
        let now = self.executor.now();
        self.to_far.borrow_mut().sever(now, true);
        self.to_near.borrow_mut().sever(now, true);
    }

    /// The near side (the one that connected) gets `bytes` more bytes, then both see a reset.
    pub fn cut_after(&self, bytes: usize) {
        self.to_near.borrow_mut().cut_after_bytes = Some(bytes);
    }

    /// Both sides see the end of the stream, behind the bytes already on the way.
    pub fn close(&self) {
        let now = self.executor.now();
        self.to_far.borrow_mut().sever(now, false);
        self.to_near.borrow_mut().sever(now, false);
    }

    /// The side that connected sees the end of the stream, behind the bytes already on the way. What it sends still arrives.
    pub fn close_to_near(&self) {
        self.to_near.borrow_mut().sever(self.executor.now(), false);
    }

    /// The side that was connected to sees the end of the stream, behind the bytes already on the way. What it sends still
    /// arrives.
    pub fn close_to_far(&self) {
        self.to_far.borrow_mut().sever(self.executor.now(), false);
    }

    /// Nothing is delivered any more, in either direction, and nobody is told. Bytes on the way are lost.
    pub fn go_silent(&self) {
        self.go_silent_to_far();
        self.go_silent_to_near();
    }

    /// Nothing is delivered any more to the side that was connected to. Bytes on the way are lost.
    pub fn go_silent_to_far(&self) {
        self.silence(&self.to_far, &self.to_near);
    }

    /// Nothing is delivered any more to the side that connected. Bytes on the way are lost.
    pub fn go_silent_to_near(&self) {
        self.silence(&self.to_near, &self.to_far);
    }

    fn silence(&self, direction: &RefCell<Direction>, opposite: &RefCell<Direction>) {
        let now = self.executor.now();
        direction.borrow_mut().go_silent(now);
        // The news that a reader is gone travels against its bytes.
        let mut opposite = opposite.borrow_mut();
        opposite.broken_at = opposite.broken_at.filter(|broken_at| *broken_at <= now);
    }

    /// Changes how both directions carry what is written from now on.
    pub fn reshape(&self, change: impl Fn(&mut LinkProfile)) {
        change(&mut self.to_far.borrow_mut().profile);
        change(&mut self.to_near.borrow_mut().profile);
    }

    /// Changes how the direction to the far side carries what is written from now on.
    pub fn reshape_to_far(&self, change: impl FnOnce(&mut LinkProfile)) {
        change(&mut self.to_far.borrow_mut().profile);
    }

    /// Takes back every [`reshape`](Self::reshape).
    pub fn restore(&self) {
        self.reshape(|profile| *profile = self.profile);
    }
}

/// One end of a connection. Dropping it closes the connection as a dying process does.
pub struct Endpoint {
    executor: Executor,
    outgoing: Rc<RefCell<Direction>>,
    incoming: Rc<RefCell<Direction>>,
    read_timer: Option<Pin<Box<Sleep>>>,
    write_timer: Option<Pin<Box<Sleep>>>,
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
                self.read_timer = Some(sleep);
                return Poll::Pending;
            }
        }
    }
}

/// Reads from the first segment, which is due.
fn take_front(incoming: &mut Direction, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
    let read_bytes = incoming.profile.read_bytes.max(1);
    match incoming.segments.front_mut() {
        Some((_, Segment::Data { bytes, read })) => {
            let count = (bytes.len() - *read).min(buffer.remaining()).min(read_bytes);
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
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let now = self.executor.now();
        let news = self.next_news(now);
        if let Some((arrives_at, kind)) = news
            && arrives_at <= now
        {
            return Poll::Ready(Err(kind.into()));
        }
        if !bytes.is_empty() && self.outgoing.borrow().room() == 0 {
            self.outgoing.borrow_mut().writer = Some(context.waker().clone());
            // Bad news ends the wait for room.
            if let Some((arrives_at, _)) = news {
                let mut timer = Box::pin(self.executor.sleep_until(arrives_at));
                // Later than now, hence pending.
                let _ = timer.as_mut().poll(context);
                self.write_timer = Some(timer);
            }
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.write(now, bytes)))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.outgoing.borrow_mut().close(self.executor.now());
        Poll::Ready(Ok(()))
    }
}

impl Endpoint {
    /// When this side learns that it can write no more, and what it is told; `None` while nothing is on its way to it.
    fn next_news(&self, now: Duration) -> Option<(Duration, io::ErrorKind)> {
        let (incoming, mut outgoing) = (self.incoming.borrow(), self.outgoing.borrow_mut());
        // Writing into a whole line whose reader is gone is answered with a RST.
        if outgoing.reader_gone && !outgoing.is_lossy() && !incoming.silent && outgoing.broken_at.is_none() {
            outgoing.broken_at = Some(now + outgoing.profile.latency * 2);
        }
        let closed = outgoing.closed.then_some((Duration::ZERO, io::ErrorKind::BrokenPipe));
        let reset = incoming.end.filter(|end| end.is_reset).map(|end| (end.arrives_at, io::ErrorKind::ConnectionReset));
        // The end of what the other side sends says nothing about what it reads, unless both were ended together.
        let severed = incoming.end.filter(|_| outgoing.severed).map(|end| (end.arrives_at, io::ErrorKind::BrokenPipe));
        let gone = outgoing.broken_at.map(|broken_at| (broken_at, io::ErrorKind::BrokenPipe));
        // The first of those at the same time.
        [reset, closed, severed, gone].into_iter().flatten().min_by_key(|(arrives_at, _)| *arrives_at)
    }

    /// Takes as many of the bytes as there is room for.
    fn write(&mut self, now: Duration, bytes: &[u8]) -> usize {
        let mut outgoing = self.outgoing.borrow_mut();
        let count = bytes.len().min(outgoing.room()).min(outgoing.profile.write_bytes.max(1));
        outgoing.held_bytes += count;
        if outgoing.is_lossy() || outgoing.reader_gone {
            return count;
        }
        let cut = outgoing.cut_after_bytes.filter(|left| *left <= count);
        let delivered = cut.unwrap_or(count);
        if let Some(left) = &mut outgoing.cut_after_bytes {
            *left -= delivered;
        }
        if let Some(delivered @ [_, ..]) = bytes.get(..delivered) {
            outgoing.push(now, Segment::Data { bytes: delivered.to_vec(), read: 0 }, delivered.len());
        }
        if cut.is_some() {
            outgoing.sever(now, true);
            self.incoming.borrow_mut().sever(now, true);
        }
        count
    }
}

impl Direction {
    /// Bytes that the writer may still write.
    fn room(&self) -> usize {
        self.profile.capacity_bytes.saturating_sub(self.held_bytes)
    }

    /// What is written does not reach the other side.
    fn is_lossy(&self) -> bool {
        self.silent || self.severed
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.outgoing.borrow_mut().close(self.executor.now());
        let mut incoming = self.incoming.borrow_mut();
        incoming.reader_gone = true;
        wake(&mut incoming.writer);
    }
}
