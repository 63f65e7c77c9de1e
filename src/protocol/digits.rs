//! Whole numbers and hashes as text.

/// Appends a number in decimal digits.
pub fn write(mut number: u64, out: &mut String) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.push_str(std::str::from_utf8(&digits[at..]).unwrap_or_default());
}

/// A number in decimal digits.
pub fn text(number: u64) -> String {
    let mut text = String::new();
    write(number, &mut text);
    text
}

/// A signed number in decimal digits.
pub fn signed(number: i64) -> String {
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    write(number.unsigned_abs(), &mut text);
    text
}

/// Reads what [`write`] writes; `None` for anything else, and for more than 64 bits.
pub fn read(text: &str) -> Option<u64> {
    read_in(10, text)
}

/// Reads what [`signed`] writes; `None` for anything else, and for more than 64 bits.
pub fn read_signed(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(digits) => 0_i64.checked_sub_unsigned(read(digits)?),
        None => read(text)?.try_into().ok(),
    }
}

/// A hash as sixteen hexadecimal digits.
pub fn hash(hash: u64) -> String {
    let mut digits = String::with_capacity(16);
    for place in 1..=16 {
        digits.push(nibble((hash >> (64 - 4 * place)) as u8, b'a'));
    }
    digits
}

/// Reads what [`hash`] writes; `None` where there is another digit, none, or more than 64 bits.
pub fn read_hash(text: &str) -> Option<u64> {
    read_in(16, text)
}

/// The hexadecimal digit for the lower half of `byte`; `ten` is the digit for ten.
pub fn nibble(byte: u8, ten: u8) -> char {
    let half = byte & 15;
    char::from(if half < 10 { b'0' + half } else { ten + half - 10 })
}

fn read_in(base: u32, text: &str) -> Option<u64> {
    let mut number = 0_u64;
    for byte in text.bytes() {
        let digit = char::from(byte).to_digit(base)?;
        number = number.checked_mul(base.into())?.checked_add(digit.into())?;
    }
    (!text.is_empty()).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_are_written_and_read_as_the_library_does(number: u64, sign: i64, text in "-?[0-9a-fA-F]{0,20}") {
            for number in [number, 0, u64::MAX] {
                let mut digits = String::new();
                write(number, &mut digits);
                prop_assert_eq!(&digits, &number.to_string());
                prop_assert_eq!(read(&digits), Some(number));
                prop_assert_eq!(hash(number), format!("{number:016x}"));
                prop_assert_eq!(read_hash(&hash(number)), Some(number));
            }
            for number in [sign, 0, i64::MIN, i64::MAX] {
                prop_assert_eq!(signed(number), number.to_string());
                prop_assert_eq!(read_signed(&signed(number)), Some(number));
            }
            prop_assert_eq!(read(&text), text.parse().ok());
            prop_assert_eq!(read_signed(&text), text.parse().ok());
            prop_assert_eq!(read_hash(&text), u64::from_str_radix(&text, 16).ok());
        }
    }
}
