//! The one table: what each HTTP status, and each way of having no answer, means (H15).

use super::error::{Code, Fault};

/// What an answer about a whole request means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// The body says it.
    Body,
    /// Not now; whether it was done is not known, and sending it again is safe.
    Retry,
    /// A token is missing or no longer good.
    Auth,
    /// Too large as one request; halves may pass.
    TooLarge,
    /// Nothing was done, because it does not say what it was made on, or that is no longer there.
    Precondition,
    /// Refused; alone, an entry would be refused for good.
    Refused,
    /// It means nothing here; whether it was done is not known.
    Unknown,
}

/// One row: statuses from the first to the second, both included, their class, and the reason in words.
pub type Row = (u16, u16, Class, &'static str);

/// The table. A status in no row is `Unknown`, and is tried again like `Retry`.
pub const TABLE: [Row; 20] = [
    (200, 200, Class::Body, "the body says what became of each entry"),
    (400, 400, Class::Refused, "the server cannot read it"),
    (401, 401, Class::Auth, "a token is missing or no longer good"),
    (402, 402, Class::Refused, "refused"),
    (403, 403, Class::Refused, "not allowed"),
    (404, 404, Class::Refused, "there is no such place"),
    (405, 406, Class::Refused, "refused"),
    (407, 407, Class::Unknown, "a proxy wants something"),
    (408, 408, Class::Retry, "the server gave up waiting"),
    (409, 409, Class::Body, "the body says why: another session holds this client, or which entries conflict"),
    (410, 410, Class::Refused, "there is no such place any more"),
    (411, 411, Class::Refused, "refused"),
    (412, 412, Class::Precondition, "what it was made on is no longer there"),
    (413, 413, Class::TooLarge, "too large"),
    (414, 417, Class::Refused, "refused"),
    (422, 422, Class::Refused, "the server understands it and refuses"),
    (425, 425, Class::Retry, "too early"),
    (428, 428, Class::Precondition, "it must say what it was made on"),
    (429, 429, Class::Retry, "too many requests"),
    (500, 599, Class::Retry, "the server failed"),
];

/// What `status` means.
pub fn classify(status: u16) -> Class {
    row(status).2
}

/// Whether such an answer says that nothing was carried out, though it may be later.
pub fn is_undone(status: u16) -> bool {
    matches!(status, 425 | 429)
}

/// What the app is told of an answer with this status.
pub fn refusal(status: u16) -> Fault {
    Fault::of_status(Code::Http, row(status).3, status)
}

fn row(status: u16) -> Row {
    for row in TABLE {
        if row.0 <= status && status <= row.1 {
            return row;
        }
    }
    (0, 0, Class::Unknown, "the answer's status means nothing here")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h15_every_status_has_a_class() {
        let of = |class| (100..=599).filter(|status| classify(*status) == class).collect::<Vec<u16>>();
        assert_eq!(of(Class::Body), [200, 409]);
        assert_eq!(of(Class::Auth), [401]);
        assert_eq!(of(Class::TooLarge), [413]);
        assert_eq!(of(Class::Precondition), [412, 428]);
        assert_eq!(of(Class::Refused), [400, 402, 403, 404, 405, 406, 410, 411, 414, 415, 416, 417, 422]);
        assert_eq!(of(Class::Retry), [vec![408, 425, 429], (500..=599).collect()].concat());
        assert!((100..200).chain(201..400).all(|status| classify(status) == Class::Unknown));
    }

    #[test]
    fn rows_are_in_order_and_do_not_overlap() {
        assert!(TABLE.windows(2).all(|rows| rows[0].1 < rows[1].0));
        assert!(TABLE.iter().all(|(first, last, ..)| first <= last));
    }
}
