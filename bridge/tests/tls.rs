//! Nodes behind `wss://`, with certificates of authorities that each test makes for itself.

#![expect(clippy::disallowed_methods, reason = "real sockets on the real runtime and the real clock")]

#[path = "support/server.rs"]
#[expect(dead_code, reason = "shared with the tests of connections, which use more of it")]
mod server;
mod support;

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use bridge::{Config, ConfigError, DisconnectReason, L1Bridge, L1Event, wire::Network};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use server::{Server, SocketNode};
use support::consumer::Consumer;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer},
        server::WebPkiClientVerifier,
    },
};
use tokio_tungstenite::{
    accept_hdr_async,
    tungstenite::handshake::server::{Request, Response},
};

const FINALITY: u64 = 1_000;

/// What a server shows, and what a bridge has to trust for it.
struct Credentials {
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
    root: Vec<u8>,
}

impl Credentials {
    /// A certificate for these names, issued by a private authority.
    fn issued_to(names: &[&str]) -> Self {
        Self::issued(names, |_| {})
    }

    fn issued(names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, new_key()).expect("it can be signed");
        let (mut params, key) = (params_for(names), new_key());
        change(&mut params);
        let certificate = params.signed_by(&key, &authority).expect("it can be signed");
        Self { chain: vec![certificate.der().clone()], key, root: authority.der().to_vec() }
    }

    /// A certificate that vouches for itself.
    fn self_signed(names: &[&str]) -> Self {
        let key = new_key();
        let certificate = params_for(names).self_signed(&key).expect("it can be signed");
        Self { chain: vec![certificate.der().clone()], root: certificate.der().to_vec(), key }
    }

    fn key(&self) -> PrivateKeyDer<'static> {
        self.key.serialize_der().try_into().expect("a key in PKCS 8")
    }

    fn acceptor(&self) -> TlsAcceptor {
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the provider has the usual ones")
            .with_no_client_auth()
            .with_single_cert(self.chain.clone(), self.key());
        TlsAcceptor::from(Arc::new(config.expect("the key fits")))
    }
}

fn params_for(names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    CertificateParams::new(names).expect("they are names")
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("there is randomness")
}

/// What came over the connections of a server.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: impl Into<String>) {
        self.0.lock().expect("nobody panics with the lock").push(line.into());
    }

    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("nobody panics with the lock").clone()
    }
}

/// Serves `node` behind TLS; the log has what became of each handshake.
async fn serve(node: &SocketNode, credentials: &Credentials) -> (Server, Log) {
    let (node, acceptor, log) = (node.clone(), credentials.acceptor(), Log::default());
    let written = log.clone();
    let server = Server::start(move |stream| {
        let (node, acceptor, log) = (node.clone(), acceptor.clone(), written.clone());
        async move {
            match acceptor.accept(stream).await {
                Ok(stream) => {
                    log.note("accepted");
                    node.converse(stream).await;
                }
                Err(error) => log.note(error.to_string()),
            }
        }
    })
    .await;
    (server, log)
}

/// Simnet through a node at `host` on the port of `server`, trusting `root`.
fn config(server: &Server, host: &str, root: &[u8]) -> Config {
    let url = format!("wss://{host}:{}/kaspa", server.address.port());
    let mut config = Config::new(Network::SIMNET, [url.as_str()]).expect("the address is usable");
    config.finality_depth = Some(FINALITY);
    config.shutdown_timeout = Duration::from_secs(20);
    config.trusted_certificates = vec![root.to_vec()];
    config
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(20), future).await.unwrap_or_else(|_| panic!("never {what}"))
}

/// What the first attempt to connect ends in.
async fn first_unreachable(config: Config) -> DisconnectReason {
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    match soon("an event", bridge.next()).await {
        Some(L1Event::Unreachable { reason, .. }) => reason,
        other => panic!("{other:?}"),
    }
}

/// The message of a failed TLS handshake with a server that shows `credentials`, which is known as `host`.
async fn distrust(credentials: &Credentials, host: &str, root: &[u8]) -> String {
    let node = SocketNode::new();
    let (server, log) = serve(&node, credentials).await;
    let reason = first_unreachable(config(&server, host, root)).await;
    let DisconnectReason::TlsFailed { message } = reason else { panic!("{reason}") };
    // The server has seen the alert; it never had a connection over which anything could have come.
    soon("noted", async {
        while log.lines().is_empty() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(log.lines().iter().all(|line| line != "accepted"), "{:?}", log.lines());
    message
}

async fn follow(config: Config, node: &SocketNode) {
    let mut bridge = L1Bridge::start(config).expect("the configuration is usable");
    let mut consumer = Consumer::new(FINALITY);
    for _ in 0..2 {
        node.grow(150);
        let tip = node.with(|_, node| node.sink);
        while consumer.path().last() != Some(&tip) {
            let event = soon("an event", bridge.next()).await.expect("the stream goes on");
            consumer.take(&event);
            if let Some(sequence) = event.sequence() {
                bridge.ack(sequence).expect("it was delivered");
            }
        }
    }
    bridge.shutdown();
    while let Some(event) = soon("the end", bridge.next()).await {
        consumer.take(&event);
    }
    assert_eq!(node.farewells(), 1);
}

#[tokio::test]
async fn given_a_node_behind_tls_of_a_private_authority_when_followed_then_as_any_other() {
    let (node, credentials) = (SocketNode::new(), Credentials::issued_to(&["127.0.0.1"]));
    let (server, log) = serve(&node, &credentials).await;
    follow(config(&server, "127.0.0.1", &credentials.root), &node).await;
    assert_eq!(log.lines(), ["accepted"]);
}

#[tokio::test]
async fn given_a_node_with_a_certificate_of_its_own_when_that_is_trusted_then_followed() {
    let (node, credentials) = (SocketNode::new(), Credentials::self_signed(&["127.0.0.1"]));
    let (server, _) = serve(&node, &credentials).await;
    follow(config(&server, "127.0.0.1", &credentials.root), &node).await;
}

#[tokio::test]
async fn given_a_path_in_the_address_when_connected_then_the_handshake_asks_for_it() {
    let (credentials, log) = (Credentials::issued_to(&["127.0.0.1"]), Log::default());
    let (acceptor, written) = (credentials.acceptor(), log.clone());
    let server = Server::start(move |stream| {
        let (acceptor, log) = (acceptor.clone(), written.clone());
        async move {
            let Ok(stream) = acceptor.accept(stream).await else { return };
            #[expect(clippy::result_large_err, reason = "the callback's type is given")]
            let note = |request: &Request, response: Response| {
                log.note(request.uri().to_string());
                Ok(response)
            };
            let _ = accept_hdr_async(stream, note).await;
        }
    })
    .await;
    let mut config = config(&server, "127.0.0.1", &credentials.root);
    let url = format!("wss://127.0.0.1:{}/kaspa/simnet?encoding=borsh", server.address.port());
    config.nodes = vec![url.parse().expect("the address is usable")];
    first_unreachable(config).await;
    assert_eq!(log.lines(), ["/kaspa/simnet?encoding=borsh"]);
}

#[tokio::test]
async fn given_a_certificate_of_an_unknown_authority_when_called_then_tls_failed() {
    let (shown, trusted) = (Credentials::issued_to(&["127.0.0.1"]), Credentials::issued_to(&["127.0.0.1"]));
    let message = distrust(&shown, "127.0.0.1", &trusted.root).await;
    assert!(message.starts_with("invalid peer certificate: "), "{message}");
    assert!(message.contains("UnknownIssuer") || message.contains("BadSignature"), "{message}");
}

#[tokio::test]
async fn given_a_certificate_for_another_host_when_called_then_tls_failed() {
    let credentials = Credentials::issued_to(&["node.example", "127.0.0.2"]);
    let message = distrust(&credentials, "127.0.0.1", &credentials.root).await;
    assert!(message.contains("not valid for name \"127.0.0.1\""), "{message}");
}

#[tokio::test]
async fn given_a_certificate_that_is_not_valid_now_when_called_then_tls_failed() {
    let expired = Credentials::issued(&["127.0.0.1"], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(2020, 1, 1), date_time_ymd(2021, 1, 1));
    });
    let message = distrust(&expired, "127.0.0.1", &expired.root).await;
    assert!(message.contains("expired"), "{message}");
    let early = Credentials::issued(&["127.0.0.1"], |params| {
        (params.not_before, params.not_after) = (date_time_ymd(4_000, 1, 1), date_time_ymd(4_001, 1, 1));
    });
    let message = distrust(&early, "127.0.0.1", &early.root).await;
    assert!(message.contains("not valid yet"), "{message}");
}

#[tokio::test]
async fn given_a_server_without_tls_when_called_with_wss_then_tls_failed_and_it_got_nothing_but_a_hello() {
    let credentials = Credentials::issued_to(&["127.0.0.1"]);
    for answer in [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"", b"SSH-2.0-OpenSSH_9.6\r\n"] {
        let log = Log::default();
        let written = log.clone();
        let server = Server::start(move |mut stream: TcpStream| {
            let log = written.clone();
            async move {
                let mut bytes = vec![0; 65_536];
                let mut count = stream.read(&mut bytes).await.expect("a first record");
                let _ = stream.write_all(answer).await;
                let _ = stream.shutdown().await;
                while let Ok(more @ 1..) = stream.read(&mut bytes[count..]).await {
                    count += more;
                }
                log.note(String::from_utf8_lossy(&bytes[..count]));
            }
        })
        .await;
        let mut config = config(&server, "127.0.0.1", &credentials.root);
        config.backoff_min = config.backoff_max;
        let reason = first_unreachable(config).await;
        assert!(matches!(reason, DisconnectReason::TlsFailed { .. }), "{reason:?}");
        assert!(reason.to_string().starts_with("TLS failed: "), "{reason}");
        soon("noted", async {
            while log.lines().is_empty() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        let seen = &log.lines()[0];
        // A handshake record, and neither path nor method of a WebSocket request.
        assert!(seen.starts_with('\u{16}') && !seen.contains("/kaspa") && !seen.contains("GET"), "{seen:?}");
    }
}

#[tokio::test]
async fn given_a_server_that_never_answers_the_tls_handshake_when_called_then_connect_timeout() {
    let server = Server::start(|stream| async move {
        let _stream = stream;
        std::future::pending().await
    })
    .await;
    let mut config = config(&server, "127.0.0.1", &Credentials::issued_to(&["127.0.0.1"]).root);
    config.connect_timeout = Duration::from_millis(60);
    assert_eq!(first_unreachable(config).await.to_string(), "no connection within 60ms");
}

#[tokio::test]
async fn given_a_server_that_asks_for_a_certificate_of_ours_when_called_then_tls_failed_after_the_handshake() {
    let credentials = Credentials::issued_to(&["127.0.0.1"]);
    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(credentials.root.clone().into()).expect("it is a certificate");
    let provider = Arc::new(ring::default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider)).build();
    let server_config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has the usual ones")
        .with_client_cert_verifier(verifier.expect("there is an authority"))
        .with_single_cert(credentials.chain.clone(), credentials.key())
        .expect("the key fits");
    let acceptor = TlsAcceptor::from(Arc::new(server_config));
    let server = Server::start(move |stream| {
        let acceptor = acceptor.clone();
        async move {
            // Kept open, so that the alert is not lost in a reset.
            let _refused = acceptor.accept(stream).into_fallible().await;
            std::future::pending().await
        }
    })
    .await;
    let reason = first_unreachable(config(&server, "127.0.0.1", &credentials.root)).await;
    assert_eq!(reason.to_string(), "TLS failed: received fatal alert: CertificateRequired");
}

#[test]
fn given_bytes_that_are_no_certificate_when_trusted_then_a_sentence_tells_which() {
    let mut config = Config::new(Network::MAINNET, ["wss://node.example"]).expect("the address is usable");
    let credentials = Credentials::self_signed(&["node.example"]);
    let pem = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n";
    config.trusted_certificates = vec![credentials.root, pem.as_bytes().to_vec()];
    let checked = L1Bridge::check(&config).expect_err("PEM is not DER");
    let error = L1Bridge::start(config.clone()).expect_err("PEM is not DER");
    assert_eq!(checked, error);
    config.trusted_certificates.truncate(1);
    L1Bridge::check(&config).expect("without it the settings are good");
    assert!(matches!(error, ConfigError::BadCertificate { position: 1, .. }), "{error:?}");
    assert!(error.to_string().starts_with("trusted certificate number 1 is not a DER certificate: "), "{error}");
}
