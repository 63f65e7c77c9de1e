//! What browsers need: files with their types, a policy, and other origins let in or kept out.

use crate::support::{Bench, put};

#[test]
fn files_have_their_types_and_a_policy() {
    let folder = tempfile::tempdir().unwrap();
    let (www, package) = (folder.path().join("www"), folder.path().join("pkg"));
    for (path, content) in
        [("www/index.html", "<p>hi"), ("www/app.js", "1"), ("pkg/index.js", "2"), ("pkg/x_bg.wasm", "\0asm"), ("secret", "no")]
    {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
    let bench = Bench::start(&["--static", www.to_str().unwrap(), "--package", package.to_str().unwrap()]);
    for (path, kind, content) in [
        ("/", "text/html", "<p>hi"),
        ("/app.js", "text/javascript", "1"),
        ("/pkg/index.js", "text/javascript", "2"),
        ("/pkg/x_bg.wasm", "application/wasm", "\0asm"),
    ] {
        let reply = bench.send("GET", path, &[], b"");
        assert_eq!((reply.status, reply.text()), (200, content), "{path}");
        assert!(reply.header("content-type").unwrap().starts_with(kind), "{path}: {:?}", reply.header("content-type"));
        assert_eq!(reply.header("cache-control"), Some("no-cache"));
        let policy = reply.header("content-security-policy").unwrap();
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval'") && !policy.contains("unsafe-inline"), "{policy}");
    }
    for path in ["/nothing.html", "/../secret", "/%2e%2e/secret", "/pkg/../../secret", "/pkg/%2e%2e%2fsecret"] {
        assert_eq!(bench.send("GET", path, &[], b"").status, 404, "{path}");
    }
}

#[test]
fn sync_replies_are_never_stored_by_caches() {
    let bench = Bench::start(&[]);
    for path in ["/sync/ping", "/sync/pull", "/sync/nothing"] {
        assert_eq!(bench.send("GET", path, &[("syncline-scope", "u")], b"").header("cache-control"), Some("no-store"), "{path}");
    }
    assert_eq!(bench.push("c1", &put("e1", "k", "1")).header("cache-control"), Some("no-store"));
}

#[test]
fn h10_an_allowed_origin_may_call_and_read_how_long_to_wait_and_no_other() {
    let bench = Bench::start(&["--allow-origin", "http://app.example", "--token", "secret"]);
    let wanted = "content-type,authorization,idempotency-key,syncline-protocol,syncline-scope,syncline-client,syncline-session,syncline-request,syncline-since";
    let preflight = |origin: &str| {
        let asked = [("origin", origin), ("access-control-request-method", "POST"), ("access-control-request-headers", wanted)];
        bench.send("OPTIONS", "/sync/push", &asked, b"")
    };
    let allowed = preflight("http://app.example");
    assert_eq!(allowed.status, 200, "a preflight carries no token");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("http://app.example"));
    let names = allowed.header("access-control-allow-headers").unwrap();
    assert!(wanted.split(',').all(|name| names.split(',').any(|given| given.trim() == name)), "{names}");
    assert!(allowed.header("access-control-max-age").is_some());
    assert_eq!(preflight("http://evil.example").header("access-control-allow-origin"), None);
    let refused = bench.send("GET", "/sync/pull", &[("origin", "http://app.example")], b"");
    assert_eq!(
        (refused.status, refused.header("access-control-allow-origin")),
        (401, Some("http://app.example")),
        "errors are readable too"
    );
    let exposed = refused.header("access-control-expose-headers").unwrap().to_ascii_lowercase();
    assert!(exposed.contains("retry-after") && exposed.contains("date"), "{exposed}");
}

#[test]
fn without_allowed_origins_there_is_no_cors() {
    let bench = Bench::start(&[]);
    let reply = bench.send("GET", "/sync/ping", &[("origin", "http://app.example")], b"");
    assert_eq!(reply.header("access-control-allow-origin"), None);
}
