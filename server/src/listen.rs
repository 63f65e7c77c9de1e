//! Connections: accepted, served, and at the end let go in peace.

use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::http::Lost;

/// How long a request's head may take, and how long a connection may idle.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// How long requests in flight may take to finish when the server stops.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long a connection with no request in flight may take to send the end of its last reply.
const IDLE_FAREWELL: Duration = Duration::from_millis(200);

/// The reply was lost on purpose: the connection is closed without it.
#[derive(Debug)]
struct ReplyLost;

impl fmt::Display for ReplyLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reply was lost on purpose")
    }
}

impl std::error::Error for ReplyLost {}

/// Serves until `stop`, then finishes what is in flight.
pub async fn serve(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => drop(connections.spawn(attend(stream, router.clone(), stopped.clone()))),
                Err(error) => {
                    // Out of file descriptors, most likely: connections that end make room.
                    eprintln!("syncline-server: {error}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
    drop(listener);
    stopping.send_replace(true);
    let all = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(FAREWELL, all).await.is_err() {
        eprintln!("syncline-server: requests are still in flight after {} s; stopping without them", FAREWELL.as_secs());
    }
}

/// One connection. How it ends is its client's business: it finds out what became of its request by asking again.
async fn attend(stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    drop(stream.set_nodelay(true));
    let working = Arc::new(AtomicBool::new(false));
    let service = service_fn(|request: Request<Incoming>| {
        working.store(true, Ordering::Relaxed);
        let (router, working) = (router.clone(), working.clone());
        async move {
            let answered = answer(router, request).await;
            working.store(false, Ordering::Relaxed);
            answered
        }
    });
    let connection =
        http1::Builder::new().timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        _ = stopped.wait_for(|stopped| *stopped) => connection.as_mut().graceful_shutdown(),
    }
    if working.load(Ordering::Relaxed) {
        drop(connection.await);
    } else {
        // Browsers open connections before they need them: what never sent a whole request is not waited for.
        drop(tokio::time::timeout(IDLE_FAREWELL, connection).await);
    }
}

async fn answer(router: Router, request: Request<Incoming>) -> Result<Response<Body>, ReplyLost> {
    let response = router.oneshot(request.map(Body::new)).await.unwrap_or_else(|error: Infallible| match error {});
    if response.extensions().get::<Lost>().is_some() { Err(ReplyLost) } else { Ok(response) }
}
