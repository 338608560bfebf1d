//! Percent-encoding as signatures have it: RFC 3986, upper-case digits, everything encoded but the unreserved characters.

/// RFC 3986, section 2.3.
pub(super) fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~')
}

/// One upper-case hexadecimal digit.
pub(super) fn hex_digit(nibble: u8) -> u8 {
    if nibble < 10 {
        b'0' + nibble
    } else {
        b'A' + nibble - 10
    }
}

/// Gives the encoded `text` to `sink`, piece by piece: no second copy of what may be a plaintext is ever made.
pub(super) fn each_encoded(text: &str, mut sink: impl FnMut(&[u8])) {
    let mut rest = text.as_bytes();
    while !rest.is_empty() {
        let plain_len = rest
            .iter()
            .position(|byte| !is_unreserved(*byte))
            .unwrap_or(rest.len());
        let (plain, tail) = rest.split_at_checked(plain_len).unwrap_or((rest, &[]));
        sink(plain);
        rest = match tail {
            [] => return,
            [byte, after @ ..] => {
                sink(&[b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]);
                after
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_but_the_unreserved_is_encoded() {
        let encoded = |text: &str| {
            let mut out = Vec::new();
            each_encoded(text, |piece| out.extend_from_slice(piece));
            String::from_utf8(out).unwrap()
        };
        assert_eq!(encoded("AZaz09-_.~"), "AZaz09-_.~");
        assert_eq!(
            encoded(" +*/=&%\u{e4}\u{10348}"),
            "%20%2B%2A%2F%3D%26%25%C3%A4%F0%90%8D%88"
        );
        assert_eq!(encoded(""), "");
        assert_eq!(encoded("a b"), "a%20b");
    }
}
