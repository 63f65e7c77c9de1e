//! Texts put together from parts: the library's formatting would weigh more than all that is formatted here.

/// The parts, one behind the other.
pub fn join(parts: &[&str]) -> String {
    let mut text = String::new();
    for part in parts {
        text.push_str(part);
    }
    text
}
