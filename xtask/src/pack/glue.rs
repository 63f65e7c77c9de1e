//! How texts cross between module and page: wasm-bindgen's way is slow where they are long, into the module, and where they are
//! short, out of it. Whatever does not fit exactly is a failure.

use super::names::replaced_once;
use crate::failure::Done;

/// Into the module each unit goes by itself as long as all are ASCII...
const BY_UNITS: &str = "    for (; offset < len; offset++) {";
/// ...and here only the first ones do: what is longer, the encoder takes in one go.
const FIRST_UNITS: &str = "    for (; offset < len && offset < 1024; offset++) {";

/// What is left by then needs three bytes a unit at most...
const LEFT: &str = "    if (offset !== len) {
        if (offset !== 0) {
            arg = arg.slice(offset);
        }
";
/// ...but mostly one, and for those there is room.
const LEFT_BEHIND: &str = "    let left = '';
    if (offset !== len) {
        const { read, written } = cachedTextEncoder.encodeInto(arg.slice(offset), mem.subarray(ptr + offset, ptr + len));
        left = arg = arg.slice(offset + read);
        offset += written;
    }
    if (left !== '') {
";

/// Out of it the decoder makes every text...
const DECODED: &str = "    return cachedTextDecoder.decode(bytes);
";
/// ...but calling it costs more than a short one.
const SHORT: &str = "    if (bytes.length < 64 && bytes.every((byte) => byte < 128)) return String.fromCharCode.apply(null, bytes);
    return cachedTextDecoder.decode(bytes);
";

/// The glue, with texts crossing quicker.
pub fn quickened(glue: &str) -> Done<String> {
    let glue = replaced_once(glue, BY_UNITS, FIRST_UNITS)?;
    let glue = replaced_once(&glue, LEFT, LEFT_BEHIND)?;
    replaced_once(&glue, DECODED, SHORT)
}
