//! The hash of a user's scope, in the names of databases and on the wire.

use serde::{Deserialize, Serialize};
use syncline::protocol::http::scope_hash;

use crate::vectors::Vectors;

#[derive(Serialize, Deserialize)]
struct Line {
    name: String,
    scope: String,
    hash: String,
}

#[test]
fn every_scope_has_the_hash_that_its_vector_says() {
    let mut vectors = Vectors::of("scopes.json", "scopes");
    for name in ["no user", "a short one", "four bytes", "beyond ASCII", "a whole block", "of every length of rest", "several blocks"] {
        let Line { name, scope, .. } = serde_json::from_str(vectors.text(name)).expect("a vector");
        let hash = scope_hash(&scope);
        vectors.pin(&name.clone(), &Line { name, scope, hash });
    }
    vectors.close();
}
