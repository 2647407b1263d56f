//! The system's allocator, which books every block to the part of the program that asked for it.
//!
//! The component that was entered last pays for what is allocated, and the block remembers it: whoever frees or resizes the
//! block, the same component's account changes. Each thread has accounts of its own, so that tests that run side by side do
//! not disturb each other; a test must do on one thread what it measures.
//!
//! Invariant: before each block stands a word with the number of its component, below it only padding up to the alignment.

#![expect(unsafe_code, reason = "a global allocator cannot be written without; this one only counts and passes on")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    array,
    cell::Cell,
    ptr,
};

/// Who pays for a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The test itself, and everything that is in no component.
    Test,
    /// The simulated L1, what its nodes answer included.
    Sim,
    /// The follower, and the events that it tells until they are stored.
    Bridge,
    /// The state machine, with the database's cache.
    State,
    /// The file of the database.
    Disk,
}

impl Component {
    /// All, by number.
    pub const ALL: [Self; COMPONENTS] = [Self::Test, Self::Sim, Self::Bridge, Self::State, Self::Disk];
}

/// How many there are.
pub const COMPONENTS: usize = 5;

/// Bytes of the word before each block.
const WORD: usize = size_of::<usize>();

/// Becomes the allocator of a test with `#[global_allocator]`.
pub struct Booking;

/// The accounts of one thread, in bytes.
struct Books {
    entered: Cell<usize>,
    live: [Cell<i64>; COMPONENTS],
    peak: [Cell<i64>; COMPONENTS],
}

thread_local! {
    // Neither allocates nor has anything to drop, so that the allocator can use it at any time.
    static BOOKS: Books = const {
        Books { entered: Cell::new(0), live: [const { Cell::new(0) }; COMPONENTS], peak: [const { Cell::new(0) }; COMPONENTS] }
    };
}

/// Does `work` at the expense of a component.
pub fn within<T>(component: Component, work: impl FnOnce() -> T) -> T {
    let _guard = Entered { before: BOOKS.with(|books| books.entered.replace(component as usize)) };
    work()
}

/// What is booked to each component on this thread, by number: bytes that were asked for and not given back.
pub fn live_bytes() -> [i64; COMPONENTS] {
    BOOKS.with(|books| array::from_fn(|component| books.live[component].get()))
}

/// The most that was booked to each component since the last call.
pub fn take_peak_bytes() -> [i64; COMPONENTS] {
    BOOKS.with(|books| array::from_fn(|component| books.peak[component].replace(books.live[component].get())))
}

/// Goes back to the component before, also in a panic.
struct Entered {
    before: usize,
}

impl Drop for Entered {
    fn drop(&mut self) {
        BOOKS.with(|books| books.entered.set(self.before));
    }
}

fn entered() -> usize {
    BOOKS.try_with(|books| books.entered.get()).unwrap_or(0)
}

fn book(component: usize, bytes: i64) {
    // Of a thread that ends nobody asks any more.
    let _ = BOOKS.try_with(|books| {
        let Some((live, peak)) = books.live.get(component).zip(books.peak.get(component)) else { return };
        live.set(live.get() + bytes);
        peak.set(peak.get().max(live.get()));
    });
}

/// The layout of a block with the word before it, and where in it the block begins; `None` if it is too large.
fn with_word(size: usize, align: usize) -> Option<(Layout, usize)> {
    let align = align.max(WORD);
    // A multiple of both: alignments are powers of two.
    let layout = Layout::from_size_align(size.checked_add(align)?, align).ok()?;
    Some((layout, align))
}

// SAFETY: every block lies, as aligned as was asked, inside one of the system's allocator that is larger by `offset`, and
// `with_word` gives for the same layout the same place again. The word is below the block and inside the larger one.
unsafe impl GlobalAlloc for Booking {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let Some((whole, offset)) = with_word(layout.size(), layout.align()) else { return ptr::null_mut() };
        let start = unsafe { System.alloc(whole) };
        if start.is_null() {
            return start;
        }
        let component = entered();
        book(component, layout.size() as i64);
        unsafe {
            let block = start.add(offset);
            block.sub(WORD).cast::<usize>().write(component);
            block
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let Some((whole, offset)) = with_word(layout.size(), layout.align()) else { return };
        unsafe {
            book(block.sub(WORD).cast::<usize>().read(), -(layout.size() as i64));
            System.dealloc(block.sub(offset), whole);
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        let Some((whole, offset)) = with_word(layout.size(), layout.align()) else { return ptr::null_mut() };
        let Some((new_whole, _)) = with_word(new_size, layout.align()) else { return ptr::null_mut() };
        unsafe {
            let component = block.sub(WORD).cast::<usize>().read();
            let start = System.realloc(block.sub(offset), whole, new_whole.size());
            if start.is_null() {
                return start;
            }
            // The word moved with the bytes.
            book(component, new_size as i64 - layout.size() as i64);
            start.add(offset)
        }
    }
}
