//! The real binary, started and stopped, and a client that speaks plain HTTP/1.1 over a socket.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use syncline::protocol::{Call, Identity, Method};

/// A folder with a database, and the server on it while it runs. Whatever happens, the server ends with this.
pub struct Bench {
    pub folder: tempfile::TempDir,
    pub running: Option<Running>,
}

pub struct Running {
    child: Child,
    pub address: SocketAddr,
    _stdout: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Bench {
    /// A server in its first life, called `g1`, with these options besides.
    pub fn start(options: &[&str]) -> Bench {
        let mut bench = Bench { folder: tempfile::tempdir().unwrap(), running: None };
        bench.restart(&[&["--generation", "g1"], options].concat());
        bench
    }

    pub fn db(&self) -> PathBuf {
        self.folder.path().join("data.sqlite")
    }

    /// Stops it if it runs, and starts it on the same file.
    pub fn restart(&mut self, options: &[&str]) {
        self.stop();
        self.running = Some(launch(&self.db(), options));
    }

    /// Stops it in peace. Its exit must be a success.
    pub fn stop(&mut self) {
        if let Some(mut running) = self.running.take() {
            terminate(&running.child);
            assert!(wait(&mut running.child, Duration::from_secs(20)).success());
        }
    }

    /// Kills it on the spot.
    pub fn kill(&mut self) {
        self.running = None;
    }

    pub fn address(&self) -> SocketAddr {
        self.running.as_ref().expect("it runs").address
    }

    pub fn pid(&self) -> u32 {
        self.running.as_ref().expect("it runs").child.id()
    }

    /// Waits for an end that somebody else asked for.
    pub fn ended(&mut self) -> ExitStatus {
        wait(&mut self.running.as_mut().expect("it ran").child, Duration::from_secs(20))
    }

    pub fn close_stdin(&mut self) {
        self.running.as_mut().expect("it runs").child.stdin = None;
    }

    pub fn call(&self, identity: &Identity, call: &Call) -> Reply {
        self.call_as(identity, call, false, &[])
    }

    /// The call as a client makes it, with more headers; `across` as from a page of another origin.
    pub fn call_as(&self, identity: &Identity, call: &Call, across: bool, more: &[(&str, &str)]) -> Reply {
        let http = call.to_http(identity, across);
        let method = match http.method {
            Method::Get => "GET",
            Method::Post => "POST",
        };
        let mut headers: Vec<(&str, &str)> = http.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.extend(more);
        self.send(method, &format!("/sync/{}", http.path), &headers, http.body.unwrap_or_default().as_bytes())
    }

    pub fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Reply {
        exchange(self.address(), method, path, headers, body).expect("the server replies")
    }

    pub fn push(&self, client: &str, entries: &str) -> Reply {
        let ids = Vec::new();
        self.call(&asker(client), &Call::Push { ids, body: format!(r#"{{"entries":[{entries}]}}"#), attempt: 0 })
    }

    pub fn pull(&self, client: &str, cursor: Option<&str>) -> Value {
        let call = Call::Pull { feed: "main".into(), cursor: cursor.map(str::to_owned), limit: 1_000, request: "r".into() };
        let reply = self.call(&asker(client), &call);
        assert_eq!(reply.status, 200, "{}", reply.text());
        reply.json()
    }

    /// The documents, by key, as the text of their values.
    pub fn documents(&self) -> Vec<(String, String)> {
        let pulled = self.pull("reader", None);
        let changes = pulled["changes"].as_array().unwrap().iter().filter(|change| change.get("value").is_some());
        changes.map(|change| (change["key"].as_str().unwrap().to_owned(), change["value"].to_string())).collect()
    }
}

pub fn asker(client: &str) -> Identity {
    Identity { scope: "u".into(), client: client.into(), session_epoch: 1 }
}

/// An entry that puts a value.
pub fn put(id: &str, key: &str, value: &str) -> String {
    let operation = format!(r#"{{"op":"put","collection":"n","key":"{key}","value":{value}}}"#);
    format!(r#"{{"id":"{id}","seen":{{"generation":"g1","seq":0}},"operations":[{operation}]}}"#)
}

/// An entry that adds one to `/n`.
pub fn grow(id: &str, key: &str) -> String {
    let operation = format!(r#"{{"op":"increment","collection":"n","key":"{key}","path":"/n","by":1}}"#);
    format!(r#"{{"id":"{id}","seen":{{"generation":"g1","seq":0}},"operations":[{operation}]}}"#)
}

fn launch(db: &Path, options: &[&str]) -> Running {
    let mut child = Command::new(env!("CARGO_BIN_EXE_syncline-server"))
        .arg("--db")
        .arg(db)
        .args(["--stop-with-stdin"])
        .args(options)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("listening http://").unwrap_or_else(|| panic!("first line: {line:?}")).parse().unwrap();
    Running { child, address, _stdout: stdout }
}

/// The output of a start that must fail: exit code and standard error.
pub fn refuses_to_start(options: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_syncline-server")).args(options).stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

pub fn terminate(child: &Child) {
    signal(child.id(), "-TERM");
}

pub fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

fn wait(child: &mut Child, most: Duration) -> ExitStatus {
    let end = Instant::now() + most;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        assert!(Instant::now() < end, "it did not end within {most:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str())
    }

    /// What became of each entry of a push, in one word each.
    pub fn outcomes(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["outcomes"].as_array().unwrap().iter().map(|outcome| outcome["outcome"].as_str().unwrap().to_owned()).collect()
    }

    pub fn error(&self) -> (u16, String) {
        (self.status, self.json()["error"]["code"].as_str().unwrap_or_default().to_owned())
    }
}

/// One request on a connection of its own. An error means that no whole reply came.
pub fn exchange(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<Reply> {
    let mut stream = connect(address)?;
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "POST" || !body.is_empty() {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(body)?;
    read_reply(stream)
}

pub fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

pub fn read_reply(stream: TcpStream) -> std::io::Result<Reply> {
    let nothing = || std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Err(nothing());
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines[0].split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(nothing)?;
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let mut body = Vec::new();
    match length {
        Some(length) => {
            body.resize(length, 0);
            reader.read_exact(&mut body)?;
        }
        None => drop(reader.read_to_end(&mut body)?),
    }
    Ok(Reply { status, headers, body })
}
