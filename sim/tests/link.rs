//! The byte pipe: it must fail exactly as TCP fails, and no worse.

use std::{io, time::Duration};

use futures_util::{SinkExt, StreamExt};
use sim::{
    random::Streams,
    world::{
        executor::{self, Executor},
        link::{self, Endpoint, LinkProfile},
    },
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_tungstenite::{accept_async, client_async, tungstenite::Message};

const LATENCY: Duration = Duration::from_millis(30);

/// Runs a simulation on a thread of its own, as every simulation must.
fn simulate<T: Send + 'static, F: Future<Output = T>>(test: impl FnOnce(Executor) -> F + Send + 'static) -> T {
    #[expect(clippy::disallowed_methods, reason = "every simulation needs a fresh thread")]
    std::thread::spawn(|| executor::run(&Streams::new(1), test))
        .join()
        .expect("the simulation does not panic")
        .expect("the simulation does not deadlock")
}

#[test]
fn given_bytes_when_written_then_they_arrive_after_latency_and_sending_time() {
    let (at, bytes) = simulate(|executor| async move {
        let profile = LinkProfile { bytes_per_second: 1_000, ..LinkProfile::good(LATENCY) };
        let (mut near, mut far, _) = link::pair(&executor, profile);
        near.write_all(&[7; 100]).await.expect("the link is whole");
        let mut bytes = [0; 100];
        far.read_exact(&mut bytes).await.expect("the link is whole");
        (executor.now(), bytes)
    });
    assert_eq!((at, bytes), (LATENCY + Duration::from_millis(100), [7; 100]));
}

#[test]
fn given_a_reader_that_does_not_read_when_the_link_is_full_then_the_writer_waits() {
    let (before, after) = simulate(|executor| async move {
        let profile = LinkProfile { capacity_bytes: 10, ..LinkProfile::good(LATENCY) };
        let (mut near, mut far, _) = link::pair(&executor, profile);
        near.write_all(&[1; 10]).await.expect("ten bytes fit");
        let before = executor.now();
        let clock = executor.clone();
        executor.spawn(async move {
            clock.sleep(Duration::from_secs(5)).await;
            let mut bytes = [0; 10];
            far.read_exact(&mut bytes).await.expect("the link is whole");
            std::future::pending::<()>().await;
        });
        near.write_all(&[2]).await.expect("there is room after the read");
        (before, executor.now())
    });
    assert_eq!((before, after), (Duration::ZERO, Duration::from_secs(5)));
}

#[test]
fn given_a_close_when_it_travels_then_it_comes_after_the_data_and_stays() {
    let (data, end, again) = simulate(|executor| async move {
        let (mut near, mut far, _) = link::pair(&executor, LinkProfile::good(LATENCY));
        near.write_all(b"last words").await.expect("the link is whole");
        drop(near);
        let mut data = vec![0; 10];
        far.read_exact(&mut data).await.expect("data comes before the end");
        let mut rest = [0; 1];
        (data, far.read(&mut rest).await.ok(), far.read(&mut rest).await.ok())
    });
    assert_eq!((data.as_slice(), end, again), (&b"last words"[..], Some(0), Some(0)));
}

#[test]
fn given_a_reset_when_it_arrives_then_both_sides_see_it_and_writes_fail() {
    let errors = simulate(|executor| async move {
        let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        control.reset();
        let mut byte = [0; 1];
        let read_near = near.read(&mut byte).await.map_err(|error| error.kind());
        let read_far = far.read(&mut byte).await.map_err(|error| error.kind());
        let write = near.write(&byte).await.map_err(|error| error.kind());
        (read_near, read_far, write)
    });
    let reset = Err(io::ErrorKind::ConnectionReset);
    assert_eq!(errors, (reset, reset, reset));
}

#[test]
fn given_a_cut_after_some_bytes_when_more_are_written_then_exactly_those_arrive() {
    for cut_after in [0, 1, 5, 9] {
        let received = simulate(move |executor| async move {
            let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
            control.cut_after(cut_after);
            far.write_all(b"0123456789").await.expect("the writer learns of the cut later");
            let mut received = Vec::new();
            let error = near.read_to_end(&mut received).await.expect_err("the stream is cut, not ended");
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
            received
        });
        assert_eq!(received, b"0123456789"[..cut_after], "cut after {cut_after} bytes");
    }
}

#[test]
fn given_a_link_gone_silent_when_written_to_then_nothing_arrives_and_nobody_is_told() {
    let read = simulate(|executor| async move {
        let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        control.go_silent();
        near.write_all(b"hello").await.expect("the writer does not notice");
        let mut byte = [0; 1];
        let clock = executor.clone();
        tokio::select! {
            biased;
            read = far.read(&mut byte) => Some(read.map_err(|error| error.kind())),
            () = clock.sleep(Duration::from_secs(3_600)) => None,
        }
    });
    assert_eq!(read, None);
}

#[test]
fn given_a_peer_that_is_gone_when_written_to_then_the_end_is_read_and_writes_fail_a_round_trip_later() {
    let (read, first, second) = simulate(|executor| async move {
        let (mut near, far, _) = link::pair(&executor, LinkProfile::good(LATENCY));
        drop(far);
        let first = near.write(b"anybody?").await.map_err(|error| error.kind());
        let mut bytes = Vec::new();
        let read = near.read_to_end(&mut bytes).await.map_err(|error| error.kind());
        executor.sleep(LATENCY * 2).await;
        (read, first, near.write(b"?").await.map_err(|error| error.kind()))
    });
    assert_eq!((read, first, second), (Ok(0), Ok(8), Err(io::ErrorKind::BrokenPipe)));
}

#[test]
fn given_seven_byte_chunks_and_a_slow_line_when_websocket_runs_over_it_then_messages_arrive_whole() {
    let (echoed, took) = simulate(|executor| async move {
        let profile = LinkProfile {
            latency: LATENCY,
            bytes_per_second: 10_000,
            capacity_bytes: 64,
            read_bytes: 7,
            write_bytes: 7,
        };
        let (near, far, _) = link::pair(&executor, profile);
        executor.spawn(async move {
            let mut server = accept_async(far).await.expect("the client shakes hands");
            while let Some(Ok(message)) = server.next().await {
                if message.is_binary() && server.send(message).await.is_err() {
                    return;
                }
            }
        });
        let (mut client, _) = client_async("ws://node-0:1", near).await.expect("the server shakes hands");
        let message = Message::Binary((0..=255).cycle().take(5_000).collect::<Vec<u8>>().into());
        client.send(message.clone()).await.expect("the link is whole");
        let echoed = client.next().await.expect("an answer comes").expect("the link is whole");
        (echoed == message, executor.now())
    });
    assert!(echoed);
    assert!(took > Duration::from_secs(1), "10,000 bytes at 10 kB/s took {took:?}");
}

/// What a write gives, or `None` if it still waits after an hour.
async fn write_within_an_hour(executor: &Executor, endpoint: &mut Endpoint, bytes: &[u8]) -> Option<io::Result<()>> {
    tokio::select! {
        biased;
        written = endpoint.write_all(bytes) => Some(written),
        () = executor.sleep(Duration::from_secs(3_600)) => None,
    }
}

fn kind(result: io::Result<usize>) -> Result<usize, io::ErrorKind> {
    result.map_err(|error| error.kind())
}

#[test]
fn given_a_link_silent_in_either_direction_when_the_reader_goes_then_the_writer_is_never_told() {
    for silent_to_far in [true, false] {
        let (small, rest) = simulate(move |executor| async move {
            let profile = LinkProfile { capacity_bytes: 100, ..LinkProfile::good(LATENCY) };
            let (mut near, far, control) = link::pair(&executor, profile);
            match silent_to_far {
                true => control.go_silent_to_far(),
                false => control.go_silent_to_near(),
            }
            drop(far);
            let small = near.write_all(&[1; 60]).await.is_ok();
            executor.sleep(Duration::from_secs(60)).await;
            (small, write_within_an_hour(&executor, &mut near, &[2; 60]).await.is_none())
        });
        assert!(small && rest, "silent to far: {silent_to_far}; first write: {small}, second waits: {rest}");
    }
}

#[test]
fn given_the_news_that_a_reader_is_gone_when_the_link_goes_silent_then_it_is_lost_unless_it_had_arrived() {
    for (silent_after, told) in [(LATENCY, false), (LATENCY * 2, true)] {
        let write = simulate(move |executor| async move {
            let (mut near, far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
            drop(far);
            near.write_all(b"anybody?").await.expect("nobody has answered yet");
            executor.sleep(silent_after).await;
            control.go_silent();
            executor.sleep(LATENCY * 5).await;
            kind(near.write(b"?").await)
        });
        assert_eq!(write, if told { Err(io::ErrorKind::BrokenPipe) } else { Ok(1) }, "{silent_after:?}");
    }
}

#[test]
fn given_a_reset_or_close_from_outside_when_written_to_before_it_arrives_then_the_write_succeeds_and_is_lost() {
    for is_reset in [true, false] {
        let (early, late, read) = simulate(move |executor| async move {
            let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
            match is_reset {
                true => control.reset(),
                false => control.close(),
            }
            executor.sleep(LATENCY - Duration::from_nanos(1)).await;
            let early = kind(near.write(b"hello").await);
            executor.sleep(Duration::from_nanos(1)).await;
            let mut bytes = [0; 8];
            (early, kind(near.write(b"hello").await), kind(far.read(&mut bytes).await))
        });
        let (end, failure) = match is_reset {
            true => (Err(io::ErrorKind::ConnectionReset), io::ErrorKind::ConnectionReset),
            false => (Ok(0), io::ErrorKind::BrokenPipe),
        };
        assert_eq!((early, late, read), (Ok(5), Err(failure), end));
    }
}

#[test]
fn given_a_cut_when_it_strikes_then_each_side_can_write_until_its_reset_arrives() {
    let (far_early, near_early, far_late, near_late) = simulate(|executor| async move {
        let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        control.cut_after(3);
        far.write_all(b"0123456789").await.expect("the writer learns of the cut later");
        executor.sleep(LATENCY - Duration::from_nanos(1)).await;
        let early = (kind(far.write(b"x").await), kind(near.write(b"x").await));
        executor.sleep(Duration::from_micros(1)).await;
        (early.0, early.1, kind(far.write(b"x").await), kind(near.write(b"x").await))
    });
    let reset = Err(io::ErrorKind::ConnectionReset);
    assert_eq!((far_early, near_early, far_late, near_late), (Ok(1), Ok(1), reset, reset));
}

#[test]
fn given_a_writer_that_waits_for_room_when_bad_news_arrives_then_it_waits_no_longer() {
    for is_reset in [true, false] {
        let (error, at) = simulate(move |executor| async move {
            let profile = LinkProfile { capacity_bytes: 10, ..LinkProfile::good(LATENCY) };
            let (mut near, far, control) = link::pair(&executor, profile);
            let clock = executor.clone();
            executor.spawn(async move {
                clock.sleep(Duration::from_secs(1)).await;
                match is_reset {
                    true => control.reset(),
                    false => drop(far),
                }
                std::future::pending::<()>().await;
            });
            let error = near.write_all(&[1; 20]).await.expect_err("nobody reads");
            (error.kind(), executor.now())
        });
        let (kind, after) = match is_reset {
            true => (io::ErrorKind::ConnectionReset, LATENCY),
            false => (io::ErrorKind::BrokenPipe, LATENCY * 2),
        };
        assert_eq!((error, at), (kind, Duration::from_secs(1) + after));
    }
}

#[test]
fn given_bytes_on_the_way_when_the_link_goes_silent_then_they_are_lost_and_the_writer_waits_in_the_end() {
    let (arrived, read, more) = simulate(|executor| async move {
        let profile = LinkProfile { capacity_bytes: 10, ..LinkProfile::good(LATENCY) };
        let (mut near, mut far, control) = link::pair(&executor, profile);
        near.write_all(b"abc").await.expect("there is room");
        executor.sleep(LATENCY * 2).await;
        near.write_all(b"defg").await.expect("there is room");
        control.go_silent();
        let mut bytes = [0; 8];
        let arrived = kind(far.read(&mut bytes).await);
        let read = tokio::select! {
            biased;
            read = far.read(&mut bytes) => Some(kind(read)),
            () = executor.sleep(Duration::from_secs(3_600)) => None,
        };
        // The four lost bytes take up room for ever: six more fit.
        near.write_all(&[1; 6]).await.expect("there is room");
        (arrived, read, write_within_an_hour(&executor, &mut near, &[1]).await.is_none())
    });
    assert_eq!((arrived, read, more), (Ok(3), None, true));
}

#[test]
fn given_a_reset_on_the_way_when_the_link_goes_silent_then_nobody_is_told() {
    let told = simulate(|executor| async move {
        let (mut near, _far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        control.reset();
        control.go_silent();
        executor.sleep(LATENCY * 5).await;
        let write = kind(near.write(b"x").await);
        let mut byte = [0; 1];
        tokio::select! {
            biased;
            read = near.read(&mut byte) => (write, Some(kind(read))),
            () = executor.sleep(Duration::from_secs(3_600)) => (write, None),
        }
    });
    assert_eq!(told, (Ok(1), None));
}

#[test]
fn given_a_rate_or_chunk_of_zero_when_written_then_it_counts_as_one() {
    let (at, bytes) = simulate(|executor| async move {
        let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        control.reshape(|profile| (profile.bytes_per_second, profile.read_bytes, profile.write_bytes) = (0, 0, 0));
        near.write_all(b"abc").await.expect("the link is whole");
        let mut bytes = [0; 3];
        far.read_exact(&mut bytes).await.expect("the link is whole");
        (executor.now(), bytes)
    });
    assert_eq!((at, &bytes), (LATENCY + Duration::from_secs(3), b"abc"));
}

#[test]
fn given_a_lower_latency_when_more_is_written_then_it_does_not_overtake() {
    let at = simulate(|executor| async move {
        let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        near.write_all(b"first").await.expect("the link is whole");
        control.reshape(|profile| profile.latency = Duration::ZERO);
        control.reset();
        let mut bytes = Vec::new();
        far.read_to_end(&mut bytes).await.expect_err("the stream is reset");
        assert_eq!(bytes, b"first");
        executor.now()
    });
    assert!(at > LATENCY, "the reset arrived after {at:?}");
}

#[test]
fn given_a_reshaped_link_when_restored_then_it_carries_as_at_first() {
    let took = simulate(|executor| async move {
        let (mut near, mut far, control) = link::pair(&executor, LinkProfile::good(LATENCY));
        control.reshape(|profile| {
            profile.latency = LATENCY * 9;
            (profile.bytes_per_second, profile.read_bytes, profile.write_bytes) = (1, 1, 1);
        });
        control.restore();
        near.write_all(b"abc").await.expect("the link is whole");
        let mut bytes = [0; 3];
        assert_eq!(far.read(&mut bytes).await.ok(), Some(3));
        executor.now()
    });
    assert!(took < LATENCY + Duration::from_micros(1), "{took:?}");
}
