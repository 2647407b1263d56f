//! Any bytes as a frame from the server, as a request, and as the payload of each kind of reply. Nothing may panic, and
//! whatever is accepted must be walkable to its end.

#![no_main]

use bridge::wire::Request;
use dagstorm_fuzz::walk;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = walk::server_frame(bytes);
    if let Ok((id, request)) = Request::parse(bytes) {
        assert_eq!(Request::parse(&request.encode(id)), Ok((id, request)));
    }
    // Id, kind, operation present, operation: then the payload begins.
    let mut frame = vec![1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
    frame.extend(bytes);
    for operation in walk::OPERATIONS {
        frame[11] = operation.code();
        let _ = walk::server_frame(&frame);
    }
});
