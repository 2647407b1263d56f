//! The system's allocator, which counts while it is told to. Otherwise it costs one load, so that timings are not changed.
//!
//! A bench counts if it declares a [`Counting`] as its global allocator. What other threads allocate at the same time may
//! be miscounted; everything measured here runs on one.

#![expect(unsafe_code, reason = "a global allocator cannot be written without; this one only counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicBool, AtomicI64, Ordering},
};

static COUNTS: AtomicBool = AtomicBool::new(false);
static LIVE: AtomicI64 = AtomicI64::new(0);
static PEAK: AtomicI64 = AtomicI64::new(0);

/// Becomes the allocator of a bench with `#[global_allocator]`.
pub struct Counting;

/// Counts from when it is made until it is dropped. There must not be two at a time.
pub struct Meter {
    before: i64,
}

impl Meter {
    /// Begins to count.
    pub fn start() -> Self {
        let before = LIVE.load(Ordering::Relaxed);
        PEAK.store(before, Ordering::Relaxed);
        COUNTS.store(true, Ordering::Relaxed);
        Self { before }
    }

    /// How many more bytes are in use than when it began.
    pub fn bytes(&self) -> i64 {
        LIVE.load(Ordering::Relaxed) - self.before
    }

    /// The most that [`Meter::bytes`] ever was.
    pub fn peak_bytes(&self) -> i64 {
        PEAK.load(Ordering::Relaxed) - self.before
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        COUNTS.store(false, Ordering::Relaxed);
    }
}

/// Counts what the system gave; a null pointer is that it gave nothing.
fn counted(pointer: *mut u8, bytes: i64) -> *mut u8 {
    if !pointer.is_null() {
        count(bytes);
    }
    pointer
}

/// Two steps instead of one locked instruction, which would cost as much as the allocation.
fn count(bytes: i64) {
    if COUNTS.load(Ordering::Relaxed) {
        let live = LIVE.load(Ordering::Relaxed) + bytes;
        LIVE.store(live, Ordering::Relaxed);
        if live > PEAK.load(Ordering::Relaxed) {
            PEAK.store(live, Ordering::Relaxed);
        }
    }
}

// SAFETY: every call goes unchanged to the system's allocator; counting touches only statics.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        counted(unsafe { System.alloc(layout) }, layout.size() as i64)
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        counted(unsafe { System.alloc_zeroed(layout) }, layout.size() as i64)
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-(layout.size() as i64));
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let bytes = new_size as i64 - layout.size() as i64;
        counted(unsafe { System.realloc(pointer, layout, new_size) }, bytes)
    }
}
