//! The project's own rules, checked on its sources. Each check is a function from a file to complaints, and each is seen to
//! complain about a file that breaks it.

mod files;
mod layers;
mod lines;
mod panics;
mod project;
mod rust;
mod transactions;

/// Nothing is to complain about; what is, is printed.
fn assert_tidy(complaints: impl IntoIterator<Item = String>) {
    let complaints: Vec<String> = complaints.into_iter().collect();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}
