//! Endpoints for tests, served only where the command line asks for them: faults at run time, counters, kept values.

use std::sync::Arc;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

use crate::faults::{Counted, Plan};
use crate::http::Server;
use crate::tables::Kept;

/// The endpoints, for mounting under `/test`.
pub fn routes(server: Arc<Server>) -> Router {
    Router::new()
        .route("/counters", get(counters))
        .route("/faults", put(set_faults).get(faults))
        .route("/committed", get(committed))
        .route("/history", get(history))
        .with_state(server)
}

async fn counters(State(server): State<Arc<Server>>) -> Json<Counted> {
    Json(server.counters.read())
}

async fn faults(State(server): State<Arc<Server>>) -> Json<Plan> {
    Json(server.faults.plan())
}

/// From here on exactly these faults; what is not named is off.
async fn set_faults(State(server): State<Arc<Server>>, Json(plan): Json<Plan>) -> Json<Plan> {
    server.faults.set(plan);
    Json(server.faults.plan())
}

#[derive(Deserialize)]
struct Which {
    collection: String,
    key: String,
    /// Behind which position; 0 from the beginning.
    #[serde(default)]
    after: u64,
    #[serde(default = "hundred")]
    limit: usize,
}

fn hundred() -> usize {
    100
}

#[derive(Serialize)]
struct Committed {
    seq: u64,
    /// The document's text; null where it was deleted.
    value: Option<String>,
}

#[derive(Deserialize)]
struct From {
    /// Behind which row; 0 from the beginning.
    #[serde(default)]
    after: u64,
    #[serde(default = "hundred")]
    limit: usize,
}

/// All kept values, in the order in which they were committed.
async fn history(State(server): State<Arc<Server>>, Query(from): Query<From>) -> Result<Json<Vec<Kept>>, StatusCode> {
    let read = server.data.read(move |_, store| store.history(from.after, from.limit)).await;
    read.map(Json).map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
}

async fn committed(State(server): State<Arc<Server>>, Query(which): Query<Which>) -> Result<Json<Vec<Committed>>, StatusCode> {
    let read = server.data.read(move |_, store| store.committed(&which.collection, &which.key, which.after, which.limit)).await;
    let kept = read.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(kept.into_iter().map(|(seq, value)| Committed { seq, value }).collect()))
}
