//! TLS between the byte stream and the WebSocket, for nodes whose address begins with `wss://`.
//!
//! The server's certificate is always verified, against the public authorities of `webpki-roots` and those that the
//! configuration adds, and so is its host name. What a [`Transport`](super::Transport) yields is only ever spoken to in
//! plain text for a `ws://` address.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        self, ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, ServerName},
    },
};

use crate::{
    config::{ConfigError, NodeUrl},
    error::DisconnectReason,
};

/// Whether a certificate can be issued to this host, which is what `wss://` needs to verify it.
pub(crate) fn is_verifiable_host(host: &str) -> bool {
    ServerName::try_from(host).is_ok()
}

/// The public authorities and these certificates.
///
/// # Errors
/// [`ConfigError::BadCertificate`] with the first of `additional` that is not one.
pub(crate) fn trusted_roots(additional: &[Vec<u8>]) -> Result<RootCertStore, ConfigError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for (position, certificate) in additional.iter().enumerate() {
        let added = roots.add(CertificateDer::from_slice(certificate));
        added.map_err(|error| ConfigError::BadCertificate { position, message: error.to_string() })?;
    }
    Ok(roots)
}

/// Opens TLS sessions.
#[derive(Clone)]
pub(super) struct Tls {
    connector: TlsConnector,
}

impl Tls {
    /// # Errors
    /// Those of [`trusted_roots`].
    pub(super) fn new(additional_roots: &[Vec<u8>]) -> Result<Self, ConfigError> {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("the ring provider has cipher suites for TLS 1.2 and 1.3")
            .with_root_certificates(trusted_roots(additional_roots)?)
            .with_no_client_auth();
        Ok(Self { connector: TlsConnector::from(Arc::new(config)) })
    }

    /// Shakes hands and verifies that the other side is `node`.
    pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
        node: &NodeUrl,
    ) -> Result<ByteStream<S>, DisconnectReason> {
        let failed = |message: String| DisconnectReason::TlsFailed { message };
        let name = ServerName::try_from(node.host().to_owned()).map_err(|error| failed(error.to_string()))?;
        let stream = self.connector.connect(name, stream).await.map_err(|error| failed(error.to_string()))?;
        Ok(ByteStream::Tls(Box::new(stream)))
    }
}

/// The failure of TLS that this error carries, if it is one: an alert of the other side may come after the handshake.
pub(super) fn failure(error: &io::Error) -> Option<DisconnectReason> {
    let error = error.get_ref()?.downcast_ref::<rustls::Error>()?;
    Some(DisconnectReason::TlsFailed { message: error.to_string() })
}

/// What the WebSocket runs over.
pub(super) enum ByteStream<S> {
    /// `ws://`
    Plain(S),
    /// `wss://`
    Tls(Box<TlsStream<S>>),
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ByteStream<S> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ByteStream<S> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
