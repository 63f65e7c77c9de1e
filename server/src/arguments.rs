//! What the command line says.

use std::net::SocketAddr;
use std::path::PathBuf;

use crate::faults::Plan;

pub const USAGE: &str = "\
usage: syncline-server --db PATH [options]

  --db PATH              the SQLite file; created where there is none
  --listen ADDRESS:PORT  default 127.0.0.1:0, which takes any free port
  --static FOLDER        serve these files at /
  --package FOLDER       serve these files at /pkg/
  --token TOKEN          answer 401 to sync requests without `Authorization: Bearer TOKEN`
  --allow-origin ORIGIN  let pages of this origin call, or of any (*); may be repeated
  --copy-from PATH       replace the file by a copy of this older one first, as after a restore from a backup
  --keep-outcomes N      forget outcomes more than N positions back; default: never
  --request-bytes N      largest body of a request
  --entry-bytes N        largest entry
  --page-changes N       most changes in one page of a pull
  --stop-with-stdin      stop when standard input ends

for tests:
  --generation NAME      of the life that begins where a file is created or restored; default: drawn
  --keep-values          keep every committed value, in the table `committed`
  --reject-marked        refuse documents that have a member \"reject\": true
  --test-control         serve /test/counters, /test/faults, /test/committed and /test/history
  --slow-ms N            wait this long before each sync request
  --lose-replies P       commit a push, then close the connection without a reply, with this probability
  --error-rate P         answer 503 and do nothing, with this probability
  --retry-after S        send this Retry-After, in seconds, with each such 503
  --seed N               of the dice behind these probabilities; default 0
";

#[derive(Debug, PartialEq)]
pub struct Arguments {
    pub db: PathBuf,
    pub listen: SocketAddr,
    pub www: Option<PathBuf>,
    pub package: Option<PathBuf>,
    pub token: Option<String>,
    pub allow_origin: Vec<String>,
    pub copy_from: Option<PathBuf>,
    pub keep_outcomes: Option<u64>,
    pub request_bytes: Option<usize>,
    pub entry_bytes: Option<usize>,
    pub page_changes: Option<usize>,
    pub stop_with_stdin: bool,
    pub generation: Option<String>,
    pub keep_values: bool,
    pub reject_marked: bool,
    pub test_control: bool,
    pub faults: Plan,
    pub seed: u64,
}

impl Arguments {
    /// Reads them; an error is a sentence for the user.
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
        let mut db = None;
        let mut arguments = Arguments {
            db: PathBuf::new(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            www: None,
            package: None,
            token: None,
            allow_origin: Vec::new(),
            copy_from: None,
            keep_outcomes: None,
            request_bytes: None,
            entry_bytes: None,
            page_changes: None,
            stop_with_stdin: false,
            generation: None,
            keep_values: false,
            reject_marked: false,
            test_control: false,
            faults: Plan::default(),
            seed: 0,
        };
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--db" => db = Some(PathBuf::from(value()?)),
                "--listen" => arguments.listen = read(&word, &value()?)?,
                "--static" => arguments.www = Some(value()?.into()),
                "--package" => arguments.package = Some(value()?.into()),
                "--token" => arguments.token = Some(value()?),
                "--allow-origin" => arguments.allow_origin.push(value()?),
                "--copy-from" => arguments.copy_from = Some(value()?.into()),
                "--keep-outcomes" => arguments.keep_outcomes = Some(read(&word, &value()?)?),
                "--request-bytes" => arguments.request_bytes = Some(read(&word, &value()?)?),
                "--entry-bytes" => arguments.entry_bytes = Some(read(&word, &value()?)?),
                "--page-changes" => arguments.page_changes = Some(read(&word, &value()?)?),
                "--stop-with-stdin" => arguments.stop_with_stdin = true,
                "--generation" => arguments.generation = Some(name(&word, value()?)?),
                "--keep-values" => arguments.keep_values = true,
                "--reject-marked" => arguments.reject_marked = true,
                "--test-control" => arguments.test_control = true,
                "--slow-ms" => arguments.faults.slow_ms = read(&word, &value()?)?,
                "--lose-replies" => arguments.faults.lose_replies = probability(&word, &value()?)?,
                "--error-rate" => arguments.faults.error_rate = probability(&word, &value()?)?,
                "--retry-after" => arguments.faults.retry_after_s = Some(read(&word, &value()?)?),
                "--seed" => arguments.seed = read(&word, &value()?)?,
                _ => return Err(format!("unknown option {word}")),
            }
        }
        arguments.db = db.ok_or("--db is missing")?;
        Ok(arguments)
    }
}

fn read<T: std::str::FromStr>(word: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{word}: `{value}` is not what is needed there"))
}

fn name(word: &str, value: String) -> Result<String, String> {
    let fits = (1..=32).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if fits { Ok(value) } else { Err(format!("{word} has 1 to 32 letters and digits")) }
}

fn probability(word: &str, value: &str) -> Result<f64, String> {
    let chance: f64 = read(word, value)?;
    if (0.0..=1.0).contains(&chance) { Ok(chance) } else { Err(format!("{word} is between 0 and 1")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_read() {
        let arguments =
            parse("--db d.sqlite --listen 127.0.0.1:81 --lose-replies 0.5 --allow-origin http://a --allow-origin http://b").unwrap();
        assert_eq!((arguments.db, arguments.listen.port()), (PathBuf::from("d.sqlite"), 81));
        assert_eq!((arguments.faults.lose_replies, arguments.allow_origin.len()), (0.5, 2));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_a_sentence() {
        for (line, why) in [
            ("", "--db is missing"),
            ("--db", "--db needs a value"),
            ("--db d --listen here", "`here` is not"),
            ("--db d --error-rate 2", "between 0 and 1"),
            ("--db d --error-rate NaN", "between 0 and 1"),
            ("--db d --generation a.b", "letters and digits"),
            ("--db d --fast", "unknown option --fast"),
        ] {
            assert!(parse(line).unwrap_err().contains(why), "{line}");
        }
    }
}
