//! The files of the demo page and of the package.

use std::path::Path;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

/// What a page from here may do: run its own scripts and compile its own WebAssembly, and talk to its own origin.
const POLICY: &str = "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; object-src 'none'; base-uri 'none'; frame-ancestors 'self'";

/// Serves `www` at `/` and `package` at `/pkg/`, each where given.
pub fn routes(www: Option<&Path>, package: Option<&Path>) -> Router {
    let mut routes = Router::new();
    if let Some(package) = package {
        routes = routes.nest_service("/pkg", ServeDir::new(package));
    }
    if let Some(www) = www {
        routes = routes.fallback_service(ServeDir::new(www));
    }
    // Files change while somebody works on them: a browser asks each time and is answered 304.
    [(CACHE_CONTROL, "no-cache"), (CONTENT_SECURITY_POLICY, POLICY), (X_CONTENT_TYPE_OPTIONS, "nosniff")].into_iter().fold(
        routes,
        |routes, (name, value): (HeaderName, &'static str)| {
            routes.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)))
        },
    )
}
