//! What reading a frame allocates: at most four times the frame and 4 KiB, and in fact nothing.

// A global allocator cannot be written without unsafe code; this one only counts and passes on to the system's.
#![allow(unsafe_code)]

mod wire_support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use bridge::wire::{ServerFrame, WireError};
use wire_support::{captured, distinct, walk};

thread_local! {
    static ALLOCATED: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes unchanged to the system's allocator; counting touches one constant-initialised cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATED.with(|allocated| allocated.set(allocated.get() + layout.size()));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        ALLOCATED.with(|allocated| allocated.set(allocated.get() + new_size));
        unsafe { System.realloc(pointer, layout, new_size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes allocated on this thread while `work` ran.
fn allocated_by<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATED.get();
    let result = work();
    (result, ALLOCATED.get() - before)
}

#[test]
fn given_the_counting_allocator_when_a_vec_is_made_then_it_is_counted() {
    let (bytes, allocated) = allocated_by(|| vec![1_u8; 1_000]);
    assert_eq!((bytes.len(), allocated), (1_000, 1_000));
}

#[test]
fn given_every_captured_frame_when_parsed_and_walked_then_nothing_is_allocated() {
    for frame in captured() {
        let (result, allocated) = allocated_by(|| walk::frame(&frame.bytes, frame.is_from_server));
        assert!(result.is_ok());
        assert_eq!(allocated, 0, "operation {}, {} bytes", frame.operation(), frame.bytes.len());
    }
}

#[test]
fn given_a_huge_length_anywhere_in_a_frame_when_parsed_and_walked_then_the_bound_holds() {
    for frame in distinct() {
        let step = if frame.bytes.len() > 3_000 { 97 } else { 1 };
        let mut bytes = frame.bytes.clone();
        for place in (0..bytes.len() - 4).step_by(step) {
            let kept: [u8; 4] = bytes[place..place + 4].try_into().unwrap();
            for value in [u32::MAX, i32::MAX as u32, 0x00ff_ffff] {
                bytes[place..place + 4].copy_from_slice(&value.to_le_bytes());
                let (_, allocated) = allocated_by(|| walk::frame(&bytes, frame.is_from_server).is_ok());
                assert!(allocated <= 4 * bytes.len() + 4_096, "{allocated} bytes for a frame of {}", bytes.len());
            }
            bytes[place..place + 4].copy_from_slice(&kept);
        }
    }
}

#[test]
fn given_the_23_bytes_that_ask_for_a_terabyte_when_parsed_then_a_typed_error_and_no_allocation() {
    // A chain page without removed and added blocks, and with 4 billion chain blocks.
    let mut bytes = vec![1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 1, 151, 1];
    let body = [&[1, 0][..], &[0; 8], &4_u32.to_le_bytes(), &u32::MAX.to_le_bytes()].concat();
    bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(body);
    let (result, allocated) = allocated_by(|| walk::server_frame(&bytes));
    assert_eq!(
        result,
        Err(WireError::LengthBeyondEnvelope { what: "chain blocks", announced: u64::from(u32::MAX) * 4, left: 0 })
    );
    assert_eq!(allocated, 0);
    assert!(matches!(ServerFrame::parse(&bytes), Ok(ServerFrame::Reply(_))));
}
